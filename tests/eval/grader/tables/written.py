r"""Answers as models and data sets write them, by kind, each kind with its near misses; judged by hand."""

from __future__ import annotations

SAME = {
    "squares and extremes that a task asks for": [
        ("7", "AB^2 = 7"), ("7", "PA^2 + PB^2 = 7"), ("7", r"|z|^2 = 7"), ("7", r"\tan^2 A = 7"),
        ("7", r"f(x)_{\max} = 7"),
        ("7", r"(a+b)_{min} = 7"), ("7", r"\operatorname{Var}(X) = 7"),
    ],
    "money and measures": [
        ("10", r"\text{USD }10"), ("£10", r"\pounds 10"), (r"10\text{ cm}^2", "10 cm2"),
        (r"10\text{ ft}^2", "10 sq. ft."),
        (r"10\text{ km/h}", r"10\ \text{km}\,\text{h}^{-1}"),
    ],
    "± within a set": [(r"\mathbb{R}\setminus\{2,-2\}", r"\mathbb{R}\setminus\{\pm2\}")],
    "words after a number": [
        (r"20\%", r"20\% \text{ increase}"), ("12", "12 years old"), ("21", "21^{st}"), ("4", "4 (four)"),
        ("2, 3", r"2\text{ cats and }3\text{ dogs}"),
        (r"1\text{ h }20\text{ min}", r"1\text{ hour and }20\text{ minutes}"),
        (r"1\text{ h }20\text{ min}", r"1\text{ hour, }20\text{ minutes}"),
        ("5 feet 6 inches", "5 feet and 6 inches"),
        (r"2\text{ hours and }3\text{ hours}", "2, 3"),
    ],
    "sets by a condition": [
        ("1, -2", r"\{x\mid x=1 \text{ or } x=-2\}"),
        (r"\{x \mid x = 2k\pi, k \in \mathbb{Z}\}", r"2k\pi, k\in\mathbb{Z}"),
        (r"\{x \mid x = 2k+1, k \in \mathbb{Z}\}", r"\{2m+1 : m \in \mathbb{Z}\}"),
    ],
    "± before a point": [("(1,2),(-1,-2)", r"\pm(1,2)")],
    "functions and letters by other names": [
        (r"\tan 15^\circ", r"\operatorname{tg} 15^\circ"), (r"\operatorname{arctg} 2", r"\arctan 2"),
        (r"\phi(n)", r"\varphi(n)"),
        (r"\frac{(2n)!}{2^nn!}", "(2n-1)!!"),
    ],
    "names in words": [
        ("12", r"\text{Area of triangle } ABC = 12"), ("12", r"\text{Perimeter of } \triangle ABC = 12"),
        ("3", r"\lim_{n\to\infty} a_n = 3"),
    ],
    "dates": [(r"\text{12 June}", r"\text{June 12}"), ("May 5, 2012", "5 May 2012")],
    "signs by other names": [
        ("2, 3", r"x = 2 \lor x = 3"), ("(2,3)", r"x=2 \land y=3"), ("2, 3", r"2\ \&\ 3"), (r"x \ge 2", r"x \geqq 2"),
        (r"(-\infty,1)\cup(3,\infty)", r"x<1 \vee x>3"), (r"(0,1)\cup(3,4)", r"(0,1) \bigcup (3,4)"),
        (r"\frac{9}{16}", r"^9/_{16}"), ("-4", r"\text{negative } 4"), (r"\frac12", r"\frac{1}{2} \text{ (or 0.5)}"),
    ],
    "brackets turned outward": [
        (r"x \ge 2", r"[2, \infty["), (r"(1,2]", "]1,2]"), (r"(-\infty,0) \cup (1,2)", r"]-\infty,0[ \cup ]1,2["),
    ],
    "lines by name": [(r"l: 3x+4y=5", "3x+4y=5"), ("y=2x", "AB: y = 2x"), ("a:b=3:4", "3:4")],
    "equations below each other": [("2, 3", r"\begin{array}{l} x = 2 \\ x = 3 \end{array}")],
    "intervals joined by and": [(r"(-\infty,1)\cup(3,\infty)", r"(-\infty,1) \text{ and } (3,\infty)")],
    "times of day": [("10:05", "10:05 a.m."), ("5:00", "05:00"), ("4:51:06", "4:51:06 pm")],
    "a point taken away": [(r"x \ne 0", r"\mathbb{R} \setminus 0")],
    "choices": [
        ("B", r"\mathbf{(B)\ } 5"), ("5", r"\mathbf{(B)\ } 5"), ("(C)", "C)"), ("(A)(B)(D)", "A, B, D"),
        ("ABD", "(A)(B)(D)"), ("B", r"\text{The correct answer is } B"),
    ],
    "what stands around an answer": [
        ("12", r"\text{The answer is } 12"), ("5", r"\text{The minimum value is } 5"), ("5", "Answer: 5"),
        ("12", r"12 \checkmark"), ("12", r"12\ \blacksquare"), ("12", "12 ✓"), ("12", r"\framebox{12}"),
        ("5", r"\begin{array}{c}5\end{array}"), ("3", r"\equiv 3 \pmod 7"), ("18", r"\text{\$18}"),
        ("18.5", r"\text{\$}18.50"),
    ],
    "bases in words": [
        ("1101_2", r"1101\text{ (base 2)}"), ("1101_2", "1101 base two"), ("1101_2", r"1101_{\text{base }2}"),
    ],
    "periods": [
        (r"\frac{4}{33}", "0.1212..."), (r"\frac13", "0.(3)"), (r"\frac16", "0.1(6)"),
        (r"\frac{41}{333}", r"0.\dot{1}2\dot{3}"),
    ],
    "units": [
        ("24", r"24 \text{ integers}"), ("30^\\circ", r"\dfrac{\pi}{6}\text{ radians}"),
        ("80", "80 kilometers per hour"),
        ("80 km/h", "80 kilometers per hour"), (r"2 \text{ hours}", "2h"), (r"7:00\text{ PM}", "7 PM"),
        (r"7\text{ p.m.}", "7:00 PM"),
    ],
    "residues": [
        ("3", r"x \equiv 3 \pmod{7}"), (r"x \equiv 3 \pmod 7", r"3 \pmod 7"), (r"n \equiv 1 \pmod 4", "n = 4k+1"),
        (r"n \equiv 1 \pmod 4", r"n = 4k - 3, k \in \mathbb{Z}"),
    ],
    "vectors by their directions": [
        (r"\begin{pmatrix}3\\-2\end{pmatrix}", r"3\mathbf{i}-2\mathbf{j}"),
        ("(3,-2)", r"3\hat{\imath}-2\hat{\jmath}"),
        ("(3,0,-2)", r"3\vec{i} - 2\vec{k}"),
        (r"\begin{pmatrix}x\\y\end{pmatrix}=\begin{pmatrix}1\\2\end{pmatrix}", "(1,2)"),
    ],
    "several systems": [
        ("(1,2), (3,4)", r"x=1,y=2 \text{ or } x=3,y=4"), ("x=1,y=2; x=3,y=4", "x=3,y=4; x=1,y=2"),
        ("1,2,3", "x=1, x=2, x=3"), ("(8,8,8)", "x=y=z=8"), ("(m,n)=(1,1)", "m=n=1"), ("8", "x=y=z=8"),
    ],
    "choices counted": [("120", "C(10,3)"), ("P(5,2)", "20"), ("(5,2)", "P(5,2)")],
    "turned numbers": [(r"e^{i\pi/3}", r"\operatorname{cis}\frac{\pi}{3}"), (r"1+i\sqrt3", r"2\text{cis }60^\circ")],
    "ratios": [("3:4", r"3 \text{ to } 4"), (r"\frac34", "3 to 4")],
    "what a task asks for": [
        ("100", "m+n=100"), ("100", "m+n = 37+63 = 100"), ("27", "10a + b = 27"), ("3", "f(0)+f(1)=3"),
        (r"\frac14", r"P(X=2)=\frac14"), (r"\frac14", r"P(A|B)=\frac{1}{4}"), (r"\frac14", r"P(A \cap B)=0.25"),
        ("5", r"\text{max} = 5"),
    ],
    "sets of numbers": [
        (r"x\ne0", r"\text{all real numbers except } 0"),
        (r"x \ne \frac12", r"\text{all reals } x \text{ except } x=\frac{1}{2}"),
        (r"x \ne 1, 2", r"\text{all real numbers except } 1 \text{ and } 2"), (r"\mathbb{Z}", r"\text{all integers}"),
        (r"\mathbb R", r"\mathbf{R}"), (r"(0,\infty)", r"\mathbb{R}^+"), (r"[0,\infty)", r"\mathbb{R}_{\ge 0}"),
        (r"n\ge 3", r"\text{all integers } n \geq 3"), ("infinite", r"\text{Infinitely many solutions.}"),
    ],
    "words": [
        (r"\text{the second player}", "second player"), (r"\text{square}", "a square"),
        ("ellipse", r"\text{An ellipse}"),
        (r"\text{Bob}", r"\text{Bob has a winning strategy}"), ("Alice wins", r"\text{Alice}"),
        (r"\text{all odd } n", r"n \text{ is odd}"), ("all even positive integers", "all positive even integers"),
    ],
}  # fmt: skip

DIFFERENT = {
    "squares and extremes that a task asks for": [
        ("7", "x^2 = 7"), ("7", "n^2 + n = 7"), ("7", "AB^2 = 8"), ("7", "2^a + b = 7"),
        ("7", r"(a+b)_{\min} = 8"),
        (r"f(x)_{\max} = 7", r"f(x)_{\min} = 7"), (r"x_{\max} = 7", r"y_{\max} = 7"),
        ("7", r"\operatorname{Var}(X) = 8"),
    ],
    "money and measures": [
        ("£10", r"\text{USD }10"), (r"10\text{ cm}^2", "10 cm3"), ("102", "10 cm2"), ("7", r"6.\overline{9}1"),
        (r"10\text{ km/h}", r"10\ \text{m}\,\text{h}^{-1}"),
    ],
    "± within a set": [(r"\mathbb{R}\setminus\{2,-2\}", r"\mathbb{R}\setminus\{\pm3\}")],
    "words after a number": [
        (r"20\%", r"20\text{ cm increase}"), ("4", "4 (five)"), ("2, 3", r"2\text{ cats and }4\text{ dogs}"),
        ("21", "21^{2}"),
        (r"1\text{ h }20\text{ min}", r"1\text{ hour and }20\text{ seconds}"),
        ("5 feet 6 inches", "5 feet and 7 inches"),
    ],
    "sets by a condition": [
        ("1, -2", r"\{x\mid x=1 \text{ or } x=2\}"),
        (r"\{x \mid x = 2k, k \in \mathbb{Z}\}", r"\{2k+1 : k \in \mathbb{Z}\}"),
        (r"\{x \mid x = k\pi, k \in \mathbb{Z}\}", r"\{x \mid x = k\pi, k \in \mathbb{N}\}"),
    ],
    "± before a point": [("(1,2),(-1,-2)", r"\pm(1,-2)"), ("(1,2)", r"\pm(1,2)")],
    "functions and letters by other names": [
        (r"\tan 15^\circ", r"\operatorname{ctg} 15^\circ"), ("(2n-1)!!", "(2n)!!"),
    ],
    "names in words": [
        ("12", r"\text{Area of triangle } ABC = 13"), ("3", r"\lim_{n\to\infty} a_n = 4"),
        (r"\lim_{n\to\infty} a_n = 3", r"\lim_{n\to\infty} b_n = 3"),
    ],
    "dates": [(r"\text{12 June}", r"\text{June 21}"), ("May 5, 2012", "5 May 2013")],
    "signs by other names": [
        ("2, 3", r"x = 2 \lor x = 4"), ("(2,3)", r"x=2 \lor y=3"), (r"x \ge 2", r"x \leqq 2"),
        (r"(0,1)\cup(3,4)", r"(0,1) \bigcap (3,4)"), (r"\frac12", r"\frac{1}{2} \text{ (or 0.6)}"),
        ("4", r"\text{minus } 4"),
    ],
    "brackets turned outward": [("[1,2]", "]1,2]"), (r"x \ge 2", r"]2, \infty[")],
    "lines by name": [("l: 3x+4y=5", "3x+4y=6"), ("a:b=3:4", "b=3:4")],
    "times of day": [("10:05", "2"), ("1:05", r"\frac15"), ("10:05 AM", "10:05 pm"), ("10:05", "10:15")],
    "a letter is no other letter": [
        ("A", r"f(x) = x \text{ for all } x \in \mathbb{R}"), ("C", r"x, x \in \mathbb{R}"),
    ],
    "several letters are no set of numbers": [
        (r"x=3 \text{ and } y=-2", r"\emptyset"), (r"\emptyset", r"a = -1 \text{ and } b=2"),
        ("(1,2)", r"x=1 \text{ or } y=2"),
    ],
    "groups of noughts": [(r"\{0,4\}", "4,000,000"), ("4, 5, 0", "4,005,000")],
    "choices": [("D", "C)"), ("(A)(B)(D)", "A, B"), ("B", r"\mathbf{(C)\ } 5"), ("6", r"\mathbf{(B)\ } 5")],
    "what stands around an answer": [
        ("12", r"\text{The answer is } 13"), ("5", r"\text{The value is not } 5"), ("18", r"\text{\$19}"),
        ("5", r"\text{The value is less than } 5"), ("5", r"\begin{array}{cc}5 & 6\end{array}"),
    ],
    "bases in words": [("1101_2", r"1101\text{ (base 3)}"), ("13", "1101 base two")],
    "periods": [
        (r"\frac{4}{33}", "0.12..."), (r"\frac16", "0.1(7)"), (r"\frac{41}{333}", r"0.\dot{1}\dot{2}"),
        ("0.6", "0.1(6)"),
    ],
    "units": [
        ("24", r"n \text{ integers}"), ("30^\\circ", r"\frac{\pi}{3}\text{ radians}"),
        ("30^\\circ", r"30 \text{ radians}"),
        ("80 km/h", "80 kilometers per minute"), (r"2 \text{ minutes}", "2h"), (r"7\text{ PM}", "7:00 a.m."),
        (r"7\text{ PM}", "7:30 p.m."),
    ],
    "residues": [
        ("3", r"x \equiv 10 \pmod{7}"), (r"n \equiv 1 \pmod 4", "n = 4k+3"), (r"n \equiv 1 \pmod 4", "n = 2k+1"),
        (r"n \equiv 1 \pmod 4", "m = 4k+1"), (r"n \equiv 1 \pmod 4", "n = 4x+1"),
    ],
    "vectors by their directions": [
        ("(3,-2)", r"3\hat{i}+2\hat{j}"), ("(3,-2)", r"-2\hat{i}+3\hat{j}"), ("(3,-2)", "3i-2"),
        ("(3,1,-2)", "3i-2k"),
        (r"\begin{pmatrix}x\\y\end{pmatrix}=\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)"),
    ],
    "several systems": [
        ("(1,2), (3,4)", r"x=1,y=4 \text{ or } x=3,y=2"), ("x=1,y=2; x=3,y=4", "x=1,y=4; x=3,y=2"),
        ("(8,8,8)", "x=y=8"), ("(8,8,8)", "x=y=z=9"),
    ],
    "choices counted": [("120", "C(10,4)"), ("10", "P(5,2)"), ("C(10,3)", "C(10,7)")],
    "turned numbers": [(r"1+i\sqrt3", r"2\text{cis }30^\circ")],
    "ratios": [("3:4", "4 to 3")],
    "what a task asks for": [
        ("100", "m+n = 37+62 = 100"), ("100", "x+y=100"), ("3", "a+b=3c"), ("3", "a-3=0"), ("a+b=3", "3"),
        ("5", "2a=5"),
        (r"\frac14", r"P(X=2)=\frac34"), (r"P(A|B)=\frac14", r"P(B|A)=\frac14"),
    ],
    "sets of numbers": [
        (r"x\ne0", r"\text{all real numbers except } 1"), (r"\mathbb R", "Z"), (r"(0,\infty)", r"\mathbb{R}_{\ge 0}"),
        (r"n\ge 3", r"\text{all integers } n > 3"), ("infinite", "no solutions"),
    ],
    "words": [
        ("second player", "first player"), (r"\text{Alice}", r"\text{Alice loses}"), ("Alice wins", "Bob wins"),
        ("all odd integers", r"n \text{ is even}"), ("all even positive integers", "all even integers"),
    ],
}  # fmt: skip
