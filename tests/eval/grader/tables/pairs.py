r"""Kinds of answers in which pairs written without sight of the grader found it wrong; judged by hand."""

from __future__ import annotations

EXTREMES = r"\text{max } 5, \text{ min } -3"
CIRCLE = r"\text{center } (1,2), \text{ radius } 3"
SAME = {
    "the greatest and the least value": [
        (r"\max f(x) = 5", r"\max f(x)=5"), (r"\max f = 5", "5"), (r"\max(3,5)", "5"),
        (r"\max\{a,b\}", r"\max\{b,a\}"),
    ],
    "values named by capitals": [
        ("A=3, B=4", "3, 4"), ("A=3, B=4", "B=4, A=3"), ("A=(1,2), B=(3,4)", "(1,2), (3,4)"), ("3, 4", "A=3, B=4"),
    ],
    "values named in words": [
        (EXTREMES, r"\text{min } -3, \text{ max } 5"), (EXTREMES, r"\text{Maximum: } 5, \text{ Minimum: } -3"),
        (EXTREMES, r"\max = 5, \min = -3"), (EXTREMES, "max = 5, min = -3"), (EXTREMES, "5, -3"),
        ("5, -3", EXTREMES),
        (EXTREMES, r"\text{The maximum is } 5, \text{ the minimum is } -3"),
        (CIRCLE, r"\text{Center: }(1,2), \text{ radius: } 3"),
        (CIRCLE, r"\text{radius } 3, \text{ center } (1,2)"),
        (r"\text{Domain: }[0,1],\text{ Range: }[2,3]", r"\text{Range: }[2,3],\text{ Domain: }[0,1]"),
        (r"\text{Tom: } 5, \text{ Ann: } 7", r"\text{Tom} = 5 \text{ and Ann} = 7"),
        ("5", r"\text{Minimum value: }5"),
        (r"2\text{ apples and }3\text{ pears}", r"3\text{ pears and }2\text{ apples}"),
    ],
    "letters that are no arbitrary constants": [
        ("mc^2", "E = m c^2"), ("x^2+C", "x^2+c"), ("f(n)=cn", "f(n)=kn"), (r"-\cos x+C", r"K-\cos x"),
    ],
    "multiples of points": [
        (r"\left(\frac12,\frac{\sqrt3}{2}\right)", r"\frac12(1,\sqrt3)"), ("(2,4)", "2(1,2)"),
        ("(1,2)", "P_1(1,2)"),
        (r"\begin{pmatrix}2\\4\end{pmatrix}", "2(1,2)"), ("k(1,2)", "(k,2k)"),
    ],
    "tuples with their names": [
        ("(3,-2)", "(y,x)=(-2,3)"), ("(3,-2)", "(m,b)=(3,-2)"), ("a=2, b=-3", "(b,a)=(-3,2)"),
        ("m=2, b=3", "(m,b)=(2,3)"), ("a=2, b=-3", r"a=2 \text{ and } b=-3"),
        ("y=2x+1, x=3", r"x=3 \text{ or } y=2x+1"),
    ],
    "Chinese words": [
        ("36", "36种不同的三角形"), ("36", "36个满足条件的数"), ("36", "36个多边形"), ("36", "36千瓦"),
        ("36", "共有36种"), (r"\frac12", r"概率为$\frac12$"), ("5", "最小值为5"), ("5", "m的值等于5"),
        ("AB=5", "AB为5"), ("x>2", "x大于2"), (r"x \ge 2", "x大于或等于2"), (r"x \ge 2", "x不小于2"),
        ("x<2", "x小于2"),
        (r"x \ne 2", "x不等于2"), ("充分不必要条件", "充分不必要"), ("(2,3)", "a的取值范围是(2,3)"),
    ],
    "parts in words": [
        ("0.05", "five hundredths"), ("0.05", r"5\text{ hundredths}"), (r"\frac{7}{12}", "seven-twelfths"),
        (r"\frac35", r"3\text{ fifths of a mile}"), ("3", r"3\text{ quarters}"), ("0.001", "one thousandth"),
    ],
    "points taken away": [
        (r"x \neq 0, \pm 1", r"\mathbb{R}\setminus\{-1,0,1\}"), (r"x\ne0,\pm2", r"x\ne 0,2,-2"),
        (r"x \neq 0, \pm 1", r"x\neq 0 \text{ and } x \ne \pm 1"),
    ],
    "where a value is not defined": [
        (r"\frac{x+1}{x-2}", r"\frac{x+1}{x-2}, x\neq 2"),
        (r"\frac{x+1}{x-2}", r"\frac{x+1}{x-2} \quad (x \ne 2)"),
    ],
    "residues": [
        (r"n\equiv1\pmod3", "3k+1"), (r"\{n : n=3k+1, k\in\mathbb{Z}\}", r"n\equiv1\pmod 3"),
        (r"x\equiv3\pmod8", r"x\equiv3\text{ modulo }8"), (r"x\equiv3\pmod8", r"x\equiv3\text{ (modulo 8)}"),
        ("100", r"100\text{ (mod }1000)"),
    ],
    "units and money": [
        (r"9.8\text{ m/s}^2", r"9.8\text{ meters per second squared}"), ("5.4", r"5.4\,\AA"), ("5.4", "5.4 Å"),
        (r"5.4\,\AA", r"5.4\text{ angstroms}"), (r"\$1,250", r"US\$1250"), (r"10{:}30\text{ a.m.}", "10:30 AM"),
    ],
    "signs": [
        (r"\frac17", r"0.\overline{142857}\ldots"), (r"p \to q", r"p\rightarrow q"),
        (r"n\in\mathbb{Z}^+", r"\mathbb{N}"),
        (r"\text{all positive integers}", r"n\in\mathbb{Z}^+"), ("f^{-1}(x)=2x", "f^{-1}(y)=2y"),
        ("f^{-1}(x)=2x", "y=2x"),
    ],
}  # fmt: skip
DIFFERENT = {
    "the greatest and the least value": [
        (r"\min f = 5", r"\max f = 5"), (r"\min (f) = 5", r"\max (f) = 5"), (r"\max f", r"\min f"),
        (r"\min S=5", "S=5"),
    ],
    "values named by capitals": [("A=3, B=4", "4, 3"), ("A=3, B=4", "(4,3)"), ("A=3, B=4", "A=4, B=3")],
    "values named in words": [
        (EXTREMES, r"\text{max } -3, \text{ min } 5"), (EXTREMES, r"\max = -3, \min = 5"), (EXTREMES, "-3, 5"),
        (EXTREMES, r"\text{max } 5, \text{ min } 3"), (EXTREMES, "5"),
        ("5, -3", r"\text{max } 5, \text{ min } 3"),
        (EXTREMES, r"\text{The maximum is } -3, \text{ the minimum is } 5"),
        (CIRCLE, r"\text{center } (2,1), \text{ radius } 3"),
        (CIRCLE, r"\text{center } (1,2), \text{ diameter } 3"),
        (r"\text{Domain: }[0,1],\text{ Range: }[2,3]", r"\text{Domain: }[2,3],\text{ Range: }[0,1]"),
        (r"\text{Tom: } 5, \text{ Ann: } 7", r"\text{Tom: } 7, \text{ Ann: } 5"),
        (r"\text{Tom: } 5, \text{ Ann: } 7", r"\text{Tom: } 5, \text{ Bob: } 7"),
        (r"2\text{ apples and }3\text{ pears}", r"3\text{ apples and }2\text{ pears}"),
        ("5", r"\text{at least } 5, \text{ at most } 7"),
    ],
    "letters that are no arbitrary constants": [
        ("mc^2", "mC^2"), ("mc^2", "mk^2"), (r"\frac{hc}{\lambda}", r"\frac{hk}{\lambda}"),
        (r"\frac{ab}{c}", r"\frac{ab}{C}"),
        ("a^2+b^2-c^2", "a^2+b^2-C^2"), (r"\sqrt{c^2-a^2}", r"\sqrt{C^2-a^2}"), ("x^2+C", "x^2+y"),
    ],
    "multiples of points": [
        ("(1,2)", "k(1,2)"), ("(1,2)", "t(1,2)"), ("(1,2)", r"\lambda(1,2)"), ("(2,4)", "2(2,1)"),
        ("(2,4)", "2(1,3)"),
        ("k(1,2)", "(1,2)"), (r"\begin{pmatrix}2\\4\end{pmatrix}", "2(2,1)"), ("(1,2)", "f(1,2)"),
    ],
    "tuples with their names": [
        ("(3,-2)", "(y,x)=(3,-2)"), ("(1,2,3)", "(z,y,x)=(1,2,3)"), ("a=2, b=-3", "(b,a)=(2,-3)"),
        ("m=2, b=3", "(m,b)=(3,2)"), ("a=2, b=-3", r"a=2 \text{ or } b=-3"),
        ("y=2x+1, x=3", r"x=3 \text{ or } y=2x"),
    ],
    "Chinese words": [
        ("36", "36以上"), ("36", "36以下"), ("36", "36的倍数"), ("36", "36的平方"), ("36", "36多"),
        ("36", "36不到"),
        ("36", "36个以上"), ("36", "36千"), ("36", "36之外"), (r"\frac12", "½以上"),
        (r"\frac12", r"概率不为$\frac12$"),
        ("5", "不等于5"), ("5", "大于5"), ("CD=5", "AB为5"), ("x>2", "x小于2"), ("x>2", "x不小于2"),
        (r"x \ge 2", "x不大于2"),
        ("x>2", "y大于2"), ("充分不必要条件", "必要不充分"), ("5", "最小值为5的函数"), ("A=B", "A是B的子集"),
        ("5", "若x为5"),
    ],
    "parts in words": [
        ("5", "five hundredths"), ("5", r"5\text{ hundredths}"), ("1", "one twelfth"), ("7", "seven twelfths"),
        ("0.05", "five tenths"), ("1", "one thirty-second"), ("3", r"3\text{ fourths}"),
        ("5", "five millionths"),
    ],
    "points taken away": [
        (r"x \neq 0, \pm 1", r"\mathbb{R}\setminus\{0,1\}"), (r"x\ne0,\pm2", r"x\ne \pm2"),
        (r"x\ne0,\pm2", r"x=0,\pm2"),
    ],
    "where a value is not defined": [
        (r"\frac{x+1}{x-2}", r"\frac{x+1}{x-2}, x\neq 3"), (r"\frac{x+1}{x-2}", r"\frac{x+1}{x-2}, x>2"),
        (r"\frac{x+1}{x-2}", r"\frac{x+1}{x-2}, y\neq 2"), ("x+3", r"x+3, x\ne2"),
    ],
    "residues": [
        (r"n\equiv1\pmod3", "3k+2"), (r"n\equiv1\pmod3", "6k+1"), (r"n\equiv1\pmod3", "3n+1"),
        (r"x\equiv3\pmod8", r"x\equiv3\text{ modulo }9"), ("100", r"101\text{ (mod }1000)"),
    ],
    "units and money": [
        (r"9.8\text{ m/s}^2", r"9.8\text{ meters per second}"), (r"5.4\,\AA", r"5.4\text{ nm}"),
        (r"\$1,250", r"US\$125"),
        (r"9.8\text{ m/s}", r"9.8\text{ meters per second squared}"), (r"10{:}30\text{ a.m.}", "10:30 PM"),
    ],
    "signs": [
        (r"\frac17", r"0.\overline{142875}\ldots"),
        (r"n\in\mathbb{Z}^+", r"\mathbb{Z}"),
        (r"\text{all positive integers}", r"n\in\mathbb{Z}_{\ge 0}"), ("f^{-1}(x)=2x", "f^{2}(x)=2x"),
        ("f^{-1}(x)=2x", "f(x)=2x"),
    ],
}  # fmt: skip
