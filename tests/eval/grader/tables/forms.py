r"""Forms of answers: numbered parts, converted units, ellipses, inequalities in words; judged by hand."""

from __future__ import annotations

RISING = r"1\cdot3\cdot5\cdots(2n-1)"
SAME = {
    "groups of digits in brackets": [
        ("(0,180)", r"0<x<180"), ("[1,234]", r"1 \le x \le 234"),
        ("0.125", "0,125"), ("[0,100]", "[0, 100]"),
    ],
    "numbered parts": [
        (r"\text{(i) } 3, \text{ (ii) } 4", "(i) 3, (ii) 4"), ("(1) 3, (2) 4", "(i) 3; (ii) 4"),
        ("(a) 5 (b) 7", "5, 7"),
        (r"(1) $\frac{1}{2}$ (2) $\sqrt{3}$", r"(1) 0.5; (2) \sqrt3"), ("(a) 5 (b) 7", "a) 5, b) 7"),
        ("(a) 2, (b) 5", "Part (a): 2, Part (b): 5"), (r"(i) \frac12; (ii) (2,3)", r"(a) \frac{1}{2} (b) (2,3)"),
        ("(1)(3)", "(1)(3)"), ("(a+b)(c+d)", "ac+ad+bc+bd"), ("(1) x^2 (2) [1,2]", r"(1) x^2; (2) 1 \le x \le 2"),
    ],
    "one quantity in different units": [
        (r"2\text{ m}", r"200\text{ cm}"), (r"1.5\text{ km}", r"1500\text{ m}"),
        (r"72\text{ km/h}", r"20\text{ m/s}"),
        (r"90\text{ minutes}", r"1\text{ hour }30\text{ minutes}"), (r"90\text{ minutes}", r"1.5\text{ hours}"),
        (r"1\text{ m}^2", r"10000\text{ cm}^2"), (r"14\text{ cents}", r"\$0.14"),
        (r"7\text{ days}", r"1\text{ week}"),
        ("5 feet 6 inches", "66 inches"), (r"2\text{ pounds}", r"32\text{ ounces}"), ("3.6 kg", r"3600\text{ g}"),
        (r"12\text{ months}", r"1\text{ year}"), (r"2\text{ liters}", r"2000\text{ mL}"), ("0 m", "0 cm"),
        ("x = 12 cm", "120 mm"), (r"12\text{ cm}", r"AB = 12\text{ cm}"),
    ],
    "units and money as written": [
        ("5.75", r"5 \text{ dollars and } 75 \text{ cents}"), (r"\$2.50", r"2\text{ dollars }50\text{ cents}"),
        ("18", r"\$18/\text{day}"), ("2400", "2,400 kg"),
        (r"24\text{ cm}^2", r"24\text{ centimeters squared}"), (r"2.4\times10^3\text{ kg}", "2,400 kg"),
        ("45", "45 sec."), (r"45\text{ seconds}", "45 sec."), (r"14\text{ cents}", r"14\cent"),
        ("60", r"60/\text{min}"),
        (r"12\text{ square meters}", "12 m²"), (r"40\%", r"\text{a }40\%\text{ increase}"),
    ],
    "sums and products with an ellipsis": [
        (r"\frac{n(n+1)}{2}", r"1+2+\cdots+n"), (r"1+2+3+\cdots+n", r"1+2+\dots+(n-1)+n"),
        (r"2^n-1", r"1+2+\cdots+2^{n-1}"),
        (r"n!", r"n(n-1)(n-2)\cdots 2\cdot 1"), ("n!", r"1\cdot2\cdot3\cdots n"), (RISING, "(2n-1)!!"),
        (rf"2^n \cdot {RISING}", r"\frac{(2n)!}{n!}"), (r"2\cdot4\cdot6\cdots2n", "2^n n!"),
        (r"\frac{n!}{(n-k)!}", r"n(n-1)\cdots(n-k+1)"), (r"\frac{x^{n+1}-1}{x-1}", r"1+x+x^2+\cdots+x^n"),
        (r"\frac{2 \cdot 4 \cdots 2n}{1 \cdot 3 \cdots (2n-1)}", r"\frac{4^n (n!)^2}{(2n)!}"),
        (r"\frac{1}{1\cdot2}+\frac{1}{2\cdot3}+\cdots+\frac{1}{n(n+1)}", r"\frac{n}{n+1}"),
    ],
    "signs that alternate": [
        ("(-1)^n", r"\cos n\pi"), ("(-1)^n", "(-1)^{-n}"), (r"\frac{1+(-1)^n}{2}", r"\frac{1+\cos n\pi}{2}"),
        ("(-1)^{n+1}", r"-\cos(\pi n)"), ("(-2)^n", "(-1)^n 2^n"),
    ],
    "conjugates": [(r"\overline{3+4i}", "3-4i"), ("2+i", r"\bar{2-i}"), (r"\overline{z}+1", r"1+\bar z")],
    "angles": [
        (r"\angle ABC = 70^\circ", r"\angle CBA=70^\circ"), (r"m\angle A=50^\circ", r"\angle A=50^\circ"),
        ("[0°,90°)", r"[0, \frac{\pi}{2})"), (r"\frac{\pi}{6}", r"30\text{ degrees}"), ("45", "45^∘"), ("45", "45^o"),
    ],
    "the two sides of a relation": [
        ("ab=cd", "cd=ab"), (r"l \perp m", r"m \perp l"), (r"AB\parallel CD", "AB // CD"), ("a_n=2n+1", "a_k=2k+1"),
        ("f(x)=g(x)", "g(x)=f(x)"), ("f(x)=1", "f(t)=1"),
    ],
    "names": [
        (r"f'(x)=3x^2", r"f^{\prime}(x)=3x^2"), (r"P(X \ge 2)=\frac{5}{16}", r"P(X\geq 2)=0.3125"),
        ("P(A)=0.3", r"\Pr(A)=0.3"),
        (r"E(X)=3", r"\mathbb{E}[X]=3"), (r"\triangle ABC", r"\text{triangle } ABC"),
        ("x=3", r"\text{the line } x=3"),
        (r"-\cos x + C", r"-\cos x + \text{const}"), (r"\lceil n/3 \rceil", r"\text{ceil}(n/3)"),
        (r"\frac{n!}{k!(n-k)!}", "C(n,k)"), (r"\frac{n!}{(n-k)!}", "{}_nP_k"),
        (r"\sqrt{3}:1", r"\sqrt{3} \text{ to } 1"),
    ],
    "inequalities and sets in words": [
        ("x>3", r"\text{all real numbers greater than 3}"), (r"x\ge2", r"x \text{ is at least } 2"),
        ("x<-2", r"\text{all real } x \text{ less than } -2"), (r"x \ne 2", r"x\not=2"),
        (r"x \ne 2", r"\text{All real numbers } x \text{ such that } x \ne 2"),
        (r"\mathbb{R}", r"\text{the set of all real numbers}"), (r"\mathbb{R}", r"\Bbb{R}"),
        (r"\text{all multiples of }3", "3k"), (r"n \equiv 0 \pmod 3", r"\text{n is divisible by 3}"),
        (r"\text{nonnegative integers}", r"\mathbb{Z}_{\geq 0}"), ("[1,2)\\cup(2,3]", r"[1,3]-\{2\}"),
        (r"\{\{1\},\{2\}\}", r"\{1\},\{2\}"),
    ],
    "times and dates": [
        (r"2:30 \text{ p.m.}", "14:30"), ("15:00", "3 PM"), ("January 1, 2025", "1 Jan 2025"),
        ("May 3", "the 3rd of May"),
        ("2025年1月1日", "January 1, 2025"), ("1996", r"\text{the year }1996"),
    ],
    "words": [
        (r"\text{right isosceles triangle}", r"\text{an isosceles right triangle}"),
        ("odd", r"\text{an odd function}"),
        ("neither", r"\text{neither even nor odd}"), ("True", "The statement is true"),
        ("parallel", "The lines are parallel"),
        ("converges", "The series converges"), ("undefined", "The limit does not exist"), ("121", "eleven squared"),
        (r"\frac{1}{17}", r"\text{1 out of 17}"), (r"\infty", r"\text{Infinity}"),
    ],
    "Chinese": [
        ("8折", r"80\%"), ("0.85", "八五折"), ("-3", "负3"), ("A", "A选项"),
        ("3小时20分", r"3\text{ h }20\text{ min}"),
        (r"50\text{ km/h}", "50千米/时"),
    ],
    "brackets for the floor, a letter for a function": [
        (r"\lfloor n/2 \rfloor", r"\left[\frac n2\right]"),
        (r"\left[\frac{n}{2}\right]+1", r"\lfloor n/2 \rfloor + 1"),
        ("f(x)=0, f(x)=x", r"f \equiv 0 \text{ or } f(x)=x"), (r"\frac{n(n-1)}{2}", "C(n,2)"),
        (r"\$12\text{ per hour}", r"\$12\text{ an hour}"),
    ],
    "commands that change nothing": [
        (r"\sqrt{13}", r"\sqrt{\mathstrut 13}"),
        (r"\begin{pmatrix}1&-2\\0&3\end{pmatrix}", r"\begin{pmatrix}1&-2\cr0&3\end{pmatrix}"),
    ],
}  # fmt: skip
DIFFERENT = {
    "groups of digits in brackets": [
        ("(0,180)", "[0,180]"), (r"(0,180^\circ)", r"[0,180^\circ]"), ("180", "(0,180)"), ("(1,234)", "[1,234]"),
        ("1234", "[1,234]"), (r"x\in(100,200)", "100200"), (r"\{1,125\}", r"\{1125\}"), ("(-1,500)", "-1500"),
        (r"(100,200)\cup(300,400)", r"[100,200]\cup[300,400]"), ("(5,125)", r"\{5,125\}"),
        ("125", "0,125"), ("125", r"0{,}125"), ("(100,200]", "[100,200]"),
    ],
    "numbered parts": [
        ("(a) 5 (b) 7", "(a) 7 (b) 5"), ("(a) 5 (b) 7", "7, 5"), ("(1) 3, (2) 4", "3, 8"), ("(1) 3, (2) 4", "12"),
        ("(1) 3, (2) 4", "(1) 3"), ("(1) 3, (2) 4", "(1) 3, (2) 4, (3) 5"),
        ("(i) 2, (ii) (2,3)", "(i) 2, (ii) (3,2)"),
        ("(a)(b)", "(a)(c)"),
    ],
    "one quantity in different units": [
        (r"2\text{ m}", r"20\text{ cm}"), (r"2\text{ m}", "200"), (r"90\text{ minutes}", r"1.3\text{ hours}"),
        (r"78\sqrt{73}\text{ m}", r"78\sqrt{73}\text{ degrees}"), (r"78\sqrt{73}\text{ m}", r"78\sqrt{73}^\circ"),
        (r"2\sqrt{3}\text{ kg}", r"2\sqrt{3}\%"), (r"2+\sqrt{3}\text{ cm}", r"2+\sqrt{3}\text{ degrees}"),
        (r"1\text{ m}^2", r"100\text{ cm}^2"), (r"14\text{ cents}", r"\$14"), (r"2\text{ kg}", r"2000\text{ mL}"),
        (r"1\text{ hour }20\text{ minutes}", r"120\text{ minutes}"), ("5 feet 6 inches", "56 inches"),
        (r"5\text{ m per student}", r"500\text{ cm per teacher}"), (r"7\text{ days}", r"7\text{ weeks}"),
    ],
    "a unit beside a name": [
        (r"x=12\text{ cm}", r"12\text{ m}"), (r"12\text{ cm}", r"AB=12\text{ km}"),
        (r"S=36\pi\text{ cm}^2", r"36\pi\text{ cm}"),
        (r"\angle ABC = 70^\circ", r"70\text{ rad}"), (r"v = 20\text{ m/s}", r"20\text{ km/h}"),
    ],
    "units and money as written": [
        ("5.75", r"5 \text{ dollars and } 57 \text{ cents}"), ("5.75", r"5 \text{ dollars and } 7 \text{ cents}"),
        (r"24\text{ cm}^2", r"24\text{ units}"), (r"5\text{ ms}", r"5\text{ m}"),
        (r"12\text{ units}", r"12\text{ hours}"), ("2400", "24,00 kg"),
        (r"\$5\text{ per hour}", r"\$5/\text{day}"), (r"12\text{ m}^2", r"12\text{ meters cubed}"),
        ("2.4", "2,400 kg"),
        ("1996", r"1996\text{ BC}"),
    ],
    "sums and products with an ellipsis": [
        (r"\frac{n(n+1)}{2}", r"1+2+\cdots+(n-1)"), (r"1+2+\cdots+n", r"3+\cdots+n"),
        ("n!", r"1\times3\times\cdots\times n"),
        (r"n(n-1)\cdots(n-k+1)", r"n(n-1)\cdots(n-k)"), (RISING, "(2n)!!"),
        (r"1+x+x^2+\cdots+x^n", r"\frac{x^n-1}{x-1}"),
        (r"a_1+a_2+\cdots+a_n", r"a_1a_2\cdots a_n"), (r"2\cdot4\cdots2n", r"2n!"),
    ],
    "signs that alternate": [
        ("(-1)^n", r"\sin n\pi"), ("(-1)^n", "(-1)^{n+1}"), ("(-1)^n n", r"n\cos 2n\pi"), ("(-2)^n", "-2^n"),
        ("(-1)^n", "1"), (r"\sin\frac{n\pi}{2}", "(-1)^n"),
        ("(-1)^n x", "(-1)^n|x|"), (r"(-1)^n n", r"|n|\cos n\pi"), (r"(-1)^n|x|", "(-1)^n x"),
    ],
    "conjugates": [(r"\overline{3+4i}", "3+4i"), (r"\overline{z}", "z"), (r"\overline{z}", r"\bar w")],
    "angles": [(r"\angle BAC", r"\angle ABC"), ("[0°,90°)", r"[0, \frac{\pi}{2}]"), ("[0°,90°)", r"[0, \pi)")],
    "the two sides of a relation": [
        ("ab=1", "ac=1"), ("ab=cd", "ac=bd"), ("a_n=2n+1", "b_n=2n+1"), ("a_n=2n+1", "a_k=2n+1"),
        ("f(x)=1", "g(x)=1"),
        ("AB=CD", "AC=BD"),
        (r"A \subset B", r"B \subset A"), (r"A \in B", r"B \in A"), ("v_x=3", "v_y=3"), ("S_n=5", "S_k=5"),
    ],
    "names": [
        ("f'(x)=3x^2", r"f^{\prime\prime}(x)=3x^2"), (r"P(X \ge 2)=\frac{5}{16}", r"P(X\leq 2)=\frac5{16}"),
        ("P(A)=0.3", r"\Pr(B)=0.3"), (r"\lceil n/3 \rceil", r"\text{floor}(n/3)"), (r"\frac{n!}{k!(n-k)!}", "P(n,k)"),
        ("x=3", r"\text{the line } y=3"),
    ],
    "inequalities and sets in words": [
        ("x>3", r"\text{all real numbers less than 3}"), ("x>3", r"\text{all integers greater than 3}"),
        ("x>3", r"\text{all real numbers greater than or equal to 3}"), ("3", r"\text{at least }3"),
        ("7", r"2\text{ more than }5"), (r"\text{all multiples of }3", r"\text{odd multiples of }3"),
        ("3", r"\text{multiples of }3"), ("0", r"\text{multiples of }3"), (r"\{1\},\{2\}", r"\{1,2\}"),
        (r"\{1\},\{2\}", "1,2"),
        (r"\text{all positive integers}", r"\text{nonnegative integers}"), ("[1,3]-\\{2\\}", "[1,3]"),
    ],
    "times and dates": [
        ("2:30 PM", "15:30"), (r"2:30 \text{ a.m.}", "14:30"), ("14:30", "2:30"), ("January 5", "Jun 5"),
        ("May 3", "May 13"),
        ("2025年1月3日", "March 1, 2025"),
        ("Mary has 3 and John has 5", "John has 3 and Mary has 5"), ("March 3, May 5", "March 5, May 3"),
    ],
    "words": [
        (r"\text{isosceles right triangle}", r"\text{right or isosceles triangle}"),
        ("odd", r"\text{not an odd function}"),
        ("neither", r"\text{neither Bob nor Ann}"), ("True", "The statement is not true"),
        ("parallel", "The planes are not parallel"),
        ("converges", "The series diverges"), (r"\frac{1}{17}", r"\text{16 out of 17}"), ("5", r"5\approx6"),
    ],
    "brackets for the floor, a letter for a function": [
        (r"\lfloor n/2 \rfloor", r"\frac n2"), (r"\lfloor n/2 \rfloor", r"\left[\frac{n+1}{2}\right]"),
        ("f(x)=0, f(x)=x", r"f \equiv 1 \text{ or } f(x)=x"), (r"\frac{n(n-1)}{2}", "C(n,3)"),
    ],
    "Chinese": [
        ("8折", "8"), ("5", "5折"), ("0.85", "8折"), ("3", "负3"), ("A", "B选项"), ("3小时20分", "20小时3分"),
    ],
}  # fmt: skip
