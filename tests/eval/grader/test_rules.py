r"""What is one answer and what is not: a table by rule, each pair judged by hand as a competition answer."""

from __future__ import annotations

import pytest
from pairs import cases

from eval.grader import equal
from eval.grader.compare import decide

SAME = {
    "as models write": [
        (r"\text{two lines}", r"\text{Two lines}"), (r"(-\infty,-8)\cup (8,\infty)", "|x|>8"),
        ("[-1, 1]", r"|x| \le 1"),
        (r"5\frac{1}{2}\%", r"5.5\%"), (r"22\frac{1}{2}^\circ", "22.5"), (r"f^{-1}(x)=x-1", "x-1"),
        ("2,4,6", "[2,4,6]"),
        (r"1, 2, \ldots, 10", r"1,2,\dots,10"), ("C", r"\text{Choice C}"), ("(1,5)", r"|x-3|<2"), ("3>|x|", "-3<x<3"),
        ("10^10", "10000000000"), ("1.2 x 10^5", "120000"), ("0.1666...", r"\frac16"), ("(1,2)", "P(1,2)"),
        ("50", "50°C"),
        (r"\dfrac{3}{4}\text{ cup}", "0.75"), (r"2\text{ m}", r"2\text{ meters}"), (r"\max\{2,3\}", r"\max(3,2)"),
        ("(-1,0) U (1,2)", r"(-1,0)\cup(1,2)"), (r"(0,1)\cup(1,\infty)", r"x>0, x\ne 1"), ("7", "B) 7"), ("6", "six"),
        (r"3\mathbf{i}-2\mathbf{j}", "3i-2j"), (r"\frac{7}{2}", r"3\tfrac12"), (r"5\sqrt{2}\text{ m}", r"5\sqrt2"),
    ],
    "as written": [
        ("42", "42"), ("042", "42"), ("-7", "-7"), ("−7", "-7"), ("+5", "5"), ("27", "27.0"), ("0.5", ".5"),
        ("5.", "5"), ("$42$", "42"), (r"\(42\)", "42"), (r"\[42\]", "42"), ("42.", "42"), (r"\boxed{42}", "42"),
        ("{42}", "42"), (r"\left(1,2\right)", "(1,2)"), (r"\bigl(1,2\bigr)", "(1, 2)"),
        (r"\displaystyle\frac12", r"\tfrac{1}{2}"), (r"\mathbf{2340}", "2340"), ("**12**", "12"),
        ("x^{10}", "x^{10} "), ("= 5", "5"), ("5\\\\", "5"),
    ],
    "grouped digits": [
        ("1,000,000", "1000000"), ("1{,}000", "1000"), (r"10,\!080", "10080"), (r"10\,080", "10080"),
        ("58,500", "58500"), ("12 345 678", "12345678"), ("1,234.5", "1234.5"), ("1000.99", "1000,99"),
        ("1,22", "1.22"), ("2.3", "2,3"),
        (r"\$32,\!348", "32,348"), ("-1,000", "-1000"), (r"5\text{ }", "5"),
    ],
    "fractions and decimals": [
        (r"\frac{1}{2}", "1/2"), (r"\frac12", "0.5"), (r"\frac{6}{3}", "2"), (r"-\frac{1}{2}", r"\frac{-1}{2}"),
        (r"-\frac{1}{2}", r"\frac{1}{-2}"), (r"\frac{448}{15625}", "0.028672"), ("2/(-3)", "-2/3"),
        (r"\frac 59", r"\frac{5}{9}"), (r"\frac{3}{4}", r"\dfrac{6}{8}"), ("0.25", "1/4"),
        (r"\frac{1}{3}", r"0.\overline{3}"), (r"\frac{1}{3}", r"0.\bar{3}"), (r"\frac{7}{12}", r"0.58\overline{3}"),
        (r"\frac{1}{3}", r"0.333\ldots"), (r"\frac1{72}", "1/72"), ("1e3", "1000"), (r"1.5 \times 10^{3}", "1500"),
        (r"3 \cdot 10^{-2}", "0.03"), (r"6.02\times 10^{23}", r"60.2 \times 10^{22}"),
        (r"\frac{\frac{1}{2}}{3}", "1/6"), ("{1}/{2}", "0.5"),
    ],
    "mixed numbers": [
        (r"1\frac{4}{5}", r"\frac{9}{5}"), (r"137 \frac{1}{2}", "137.5"), ("2 1/3", "7/3"),
        (r"-15\frac{3}{5}", "-15.6"), (r"3\frac18", "25/8"),
    ],
    "percent": [
        (r"10\%", "10"), ("28%", "28 percent"), (r"18\%", r"18 \%"), (r"7.2\%", r"7.2\text{ percent}"),
        ("50%", "0.5"), (r"0.56 = 56\%", "56"), (r"50\%", r"\frac{1}{2}"),
    ],
    "degrees": [
        (r"90^\circ", "90"), (r"90^{\circ}", r"90\text{ degrees}"), ("72 degrees", "72"), ("45°", "45"),
        (r"\frac{990}{7}^\circ", r"\frac{990}{7}"), (r"120^\circ", r"120^{\circ}"), (r"60^\circ", r"\frac{\pi}{3}"),
        (r"2\cos 15^{\circ}", r"\frac{\sqrt6+\sqrt2}{2}"), (r"(6,235^\circ)", "(6, 235)"),
        (r"74^\circ", r"\angle APC = 74^\circ"),
    ],
    "currency": [
        (r"\$5", "5"), ("$5", "5"), (r"\$1.50", "1.5"), (r"-\$0.50", "-0.5"), (r"\$ 1.06", "1.06"),
        ("5 dollars", r"\$5"), (r"1.85\ \text{USD}", r"\$1.85"), (r"\$\dfrac23 \approx \$0.67", r"\frac{2}{3}"),
        (r"80\text{ cents}", "80"),
    ],
    "units": [
        (r"15\mbox{ cm}^2", "15"), ("10", r"10\text{ units}"), (r"12\text{ cm}", "12 cm"), (r"5\,\text{m/s}", "5"),
        (r"864 \mbox{ inches}^2", r"864\text{ square inches}"), (r"480 + 480\sqrt{3}\text{ feet}", r"480(1+\sqrt3)"),
        (r"\frac{3}{4}\pi\text{ inches}", r"\frac{3\pi}{4}"), ("12", r"12^{\mathrm{th}} \text{ grade}"),
        ("5", "5 apples"), (r"9\text{ a.m.}", r"9 \text{ AM}"), (r"40\text{ min}", "40 minutes"),
        (r"9.8\ \mathrm{m/s^2}", "9.8"), (r"19 \text{ and }43", "19, 43"), (r"1920\text{ ways.}", "1920"),
        (r"5\text{ km}", r"5\,\text{kilometers}"), (r"\text{13}", "13"), (r"100\pi", r"100\pi \, cm^2"),
        (r"12\sqrt{13}\text{ feet}", r"12\sqrt{13} ft"), (r"\approx 8.24 \text{ mph}", "8.24"), ("3rd", "3"),
        ("the 5th", "5th"),
    ],
    "roots and powers": [
        (r"\sqrt{50}", r"5\sqrt{2}"), (r"\frac{1}{\sqrt{2}}", r"\frac{\sqrt{2}}{2}"), (r"\sqrt3", r"\sqrt{3}"),
        ("sqrt(3)", r"\sqrt{3}"), (r"\sqrt[3]{16}", r"2\sqrt[3]{2}"), ("2^{1/2}", r"\sqrt 2"),
        ("12^{1/7}", r"\sqrt[7]{12}"), (r"\sqrt{\sqrt{2}}", "2**(1/4)"), (r"\frac{3\sqrt{5}}{7}", "(3*sqrt(5))/7"),
        (r"-1 + \sqrt{3}", r"\sqrt{3} - 1"), ("2^{27} - 2^{11}", "134215680"),
        (r"\frac{\sqrt{3}}{4\sqrt{2}-3}", r"\frac{4\sqrt6+3\sqrt3}{23}"), (r"\sqrt[3]{-8}", "-2"),
        ("(-8)^{1/3}", "-2"), (r"\frac{5\sqrt{42}}{27}", r"\frac{10\sqrt{10.5}}{27}"),
        (r"\sqrt{5+2\sqrt{6}}", r"\sqrt2+\sqrt3"), (r"\tfrac{1}{2} + \frac1{72}", r"\\dfrac{1}{2} + \frac{1}{72}"),
        ("4^{1011}", "2^{2022}"), ("2024^{4046}", "2024^{4046}"),
        ("√2", r"\sqrt{2}"), ("x²", "x^2"),
    ],
    "constants and functions": [
        (r"12\pi", r"12 \pi"), ("4π", r"4\pi"), (r"\frac94\pi", r"\frac{9\pi}{4}"), (r"\ln 8", r"3\ln 2"),
        (r"\log_2 8", "3"), (r"\log_{10} 1000", "3"), ("e^{2}", "e^2"), (r"1 - \frac{1}{\mathrm{e}}", "1-e^{-1}"),
        (r"\sin 30^\circ", r"\frac12"), (r"\cos\frac{\pi}{6}", r"\frac{\sqrt3}{2}"), (r"\tan 15^\circ", r"2-\sqrt3"),
        (r"\arctan 1", r"\frac{\pi}{4}"), ("5!", "120"), (r"\binom{5}{2}", "10"), (r"{5 \choose 2}", "10"),
        (r"\binom{2026}{1013}", r"\binom{2026}{1013}"), (r"\frac{10!}{3!7!}", "120"), ("|-3|", "3"),
        (r"\lfloor 3.7 \rfloor", "3"), (r"\left|-\frac12\right|", "0.5"),
        (r"\cos(6^\circ)\sin(12^\circ)\csc(18^\circ)", r"\frac{\cos 6^\circ \sin 12^\circ}{\sin 18^\circ}"),
        (r"\log_{2}(3)", r"\frac{\ln 3}{\ln 2}"), (r"\exp(1)", "e"), (r"\sin^{-1}(1)", r"\frac{\pi}{2}"),
        (r"\text{lcm}(4,6)", "12"), (r"\gcd(12, 18)", "6"), (r"\max(3,7)", "7"),
    ],
    "complex numbers": [
        ("6 - 5i", "6-5i"), (r"\frac{3}{4}i", r"\frac34i"),
        (r"\frac{1}{2}+\frac{\sqrt{3}}{2}i", r"\frac{1+i\sqrt3}{2}"), ("(1+i)^2", "2i"), (r"e^{i\pi}", "-1"),
        (r"-32 + 32i \sqrt{3}", r"32(-1+\sqrt{3}i)"), ("1+274i", "274i+1"),
    ],
    "algebra": [
        ("2x+3", "3+2x"), ("x^2+2x+1", "(x+1)^2"), ("(x+2)(x+1)", "x^2+3x+2"),
        (r"\frac{x+2}{7}", r"\frac{x}{7}+\frac{2}{7}"), ("(a+b)(a+c)", "a^2+ab+ac+bc"),
        (r"\frac{1}{(a-b)b}", r"\frac{1}{ab-b^2}"), (r"\frac13x", r"\frac{x}{3}"), ("2xy", "2yx"),
        (r"2 \sin b \cos a", r"\sin(a+b)-\sin(a-b)"), (r"\sin^2 t", r"1-\cos^2 t"),
        (r"\sin 3x", r"3\sin x-4\sin^3 x"), ("f(4-x)", "f(-x+4)"), ("2^{n-1}", r"\frac{2^n}{2}"),
        ("n(n+1)/2", r"\frac{n^2+n}{2}"), (r"\frac{\pi r}{h+r}", r"\frac{r\pi}{r+h}"), ("x_1+x_2", "x_2+x_1"),
        (r"\sqrt{a^2+b^2}", r"\sqrt{b^2+a^2}"), (r"42x\sqrt{5x}", r"42\sqrt{5x^3}"),
        (r"\alpha+\beta", r"\beta+\alpha"), ("p - q", "-(q-p)"),
        (r"\frac{2x-7}{(x+1)(x-2)}", r"\frac{3}{x+1}-\frac{1}{x-2}"), ("4^x", "2^{2x}"),
        (r"\tan x", r"\frac{\sin x}{\cos x}"), ("F_nF_m", "F_mF_n"), ("n!(n+1)", "(n+1)!"),
        (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"), (r"R^2\cdot 3", "3R^2"), ("x_{10}", "x_{10}"),
        ("ab^{-1}", r"\frac{a}{b}"),
    ],
    "a name and its value": [
        ("5", "x = 5"), ("x=5", "5"), ("x = 11", "x = 5+5+1 = 7 =11"), ("k=6", "k = 6"), ("y = x^2+1", "x^2+1"),
        ("f(x) = 2x", "2x"), ("|AB|=1", "1"), ("A:B=1", "1"),
        (r"\frac{NO}{BO}=\frac{1}{\sqrt{6}}", r"\frac{\sqrt6}{6}"), ("(p,q)=(3,2)", "(3,2)"), ("W(n)=1", "W(x)=1"),
        (r"x\approx 11", "11"), ("1/3", r"x = 1/3 \approx 0.33"), ("P(2) = 7", "7"), (r"\text{Area} = 6", "6"),
        ("AB = 12", "12"), (r"m\angle A = 30^\circ", "30"), ("a_{10} = 19", "19"), ("y = 2x", "f(x) = 2x"),
        ("S_n = n^2", "n^2"), ("5 = x", "5"), (r"(x,y) \in \{(1,2)\}", "(1,2)"),
        (r"\sqrt{12} = 2\sqrt{3}", r"2\sqrt{3}"), (r"2\sqrt3", r"2\sqrt{3} \approx 3.46"),
        (r"x = \frac{\pi}{2} + k\pi, k \in \mathbb{Z}", r"\frac{\pi}{2} + \pi k"),
        (r"\frac12", r"\frac{1}{2} \text{ or } 0.5"), (r"\theta = \frac{\pi}{4}", r"\frac{\pi}{4}"),
        (r"x \in \{1,2\}", r"\{1, 2\}"), ("f'(x) = 2x", "2x"),
    ],
    "equations": [
        ("2x+4y-3=0", r"y=-\frac{1}{2}x+\frac{3}{4}"), ("x+y=1", "1=x+y"),
        ("34x+45y-20z+100=0", "-34x-45y+20z-100=0"), ("y = 2x + 1", "2x - y + 1 = 0"),
        ("x^2+y^2=13", "y^2 + x^2 - 13 = 0"), (r"\frac{x^2}{16} - \frac{y^2}{9} = 1", "9x^2-16y^2=144"),
        ("a^2+b=0", "b+a^2=0"), (r"\tan \theta = 2\theta", r"2\theta=\tan\theta"),
    ],
    "inequalities and intervals": [
        ("x >= 5", r"x \geq 5"), (r"x \le 5", r"5 \geq x"), ("x < 1", "-x > -1"), ("2>x", "x<2"),
        ("(3,4]", r"3 < \lambda \le 4"), (r"[5,\infty)", r"x \ge 5"), (r"x \in [-2,7]", "[-2, 7]"),
        (r"-2 \le x \le 7", r"x \in [-2,7]"), ("-793 < a < 10", "(-793, 10)"), (r"(-\infty,2)", "x<2"),
        (r"x<-2 \text{ or } x>5", r"(-\infty,-2)\cup(5,\infty)"), (r"x>2 \text{ and } x<5", "(2,5)"),
        (r"(2,12) \cup (12,102)", r"(12, 102) \cup (2,12)"), (r"(-\infty,3)\cup(3,\infty)", r"x \neq 3"),
        (r"(1,+\infty)", r"(1,\infty)"), (r"\mathbb{R}", r"(-\infty,\infty)"), ("all real numbers", r"\mathbb{R}"),
        (r"(-\infty,3)\cup(3,\infty)", r"\mathbb{R}\setminus\{3\}"), (r"\{-1\} \cup [0,7)", r"[0,7) \cup \{-1\}"),
        (r"\left[ \frac{1}{2}, \frac{4}{3} \right]", "[0.5, 4/3]"), (r"[1,2]\cup[2,3]", "[1,3]"),
        (r"s^2 \le 8r^2", r"8r^2 \ge s^2"), ("f(2) < f(1) < f(4)", "f(4) > f(1) > f(2)"), ("]1,2[", "(1,2)"),
        (r"\{x : x > 2\}", r"(2,\infty)"), (r"\{x \mid 1 < x < 2\}", "1<x<2"), ("[a+b, b]", "[b+a,b]"),
        ("2x > 6", "x>3"), (r"0 < x < \infty", r"(0,\infty)"),
        (r"\left(\frac{3}{5},\frac{8}{3}\right]", r"\left( \frac{3}{5}, \frac{8}{3} \right]"),
        (r"x \in (-\infty, 2] \cup [3, \infty)", r"x \le 2 \text{ or } x \ge 3"),
    ],
    "tuples, lists and sets": [
        ("(1,2)", "(1, 2)"), ("(0.5, 3)", r"\left(\frac{1}{2}, 3\right)"), ("-2,1", "1, -2"),
        ("2, 3, 5", r"\{5,3,2\}"), (r"\{1,2,2\}", r"\{1,2\}"), ("(1,3)", "1,3"), ("3, 5, and 7", "3,5,7"),
        ("6 and 8", "6, 8"), (r"6, 8\text{, and }10", "6,8,10"), ("1; 2; 3", "1,2,3"),
        ("(0;0;0),(4;-2;6)", "(4,-2,6),(0,0,0)"), (r"(11,7)\text{ or }(7,11)", "(7,11), (11,7)"),
        ("n=1,2,3", "1, 2, 3"), ("a=4, -8", "-8, 4"), ("x=1, y=2", "(1,2)"),
        ("a_3 = 2, a_{37} = 19", r"a_{37} = 19, \quad a_3 = 2"), ("x=2 or x=3", "2, 3"), (r"\{5\}", "5"),
        ("x_1 = 3, x_2 = 4", "3, 4"), (r"2+2i,\,-2-2i", "-2-2i, 2+2i"), ("(1,2,3)", r"\langle 1,2,3\rangle"),
        ("(-4, 27);(2, 15)", "(2,15), (-4,27)"), (r"\left(-\frac{1}{2}, 3\right)", "(-1/2, 3)"),
        ("(1,234)", "(1, 234)"), ("AB=9, CD=4", "CD = 4, AB = 9"), (r"\text{A,C,F}", "A, C, F"),
        (r"\text{A, B}", "B, A"), (r"\emptyset", r"\varnothing"), ("no solution", r"\emptyset"),
        (r"\{(1,2),(3,4)\}", "(1,2), (3,4)"), (r"4^\circ, 20^\circ", "4, 20"),
        (r"x = 1 \text{ and } y = 2", "(1, 2)"), ("{1,2}", "1,2"),
    ],
    "plus or minus": [
        (r"1 \pm \sqrt{19}", r"1+\sqrt{19}, 1-\sqrt{19}"), (r"\pm 2021", r"\{-2021, 2021\}"), (r"x = \pm 2", "2, -2"),
        (r"\pm\sqrt{2}", r"\sqrt2,-\sqrt2"), (r"\{1\pm\sqrt{5},-2\}", r"-2, 1+\sqrt5, 1-\sqrt5"), ("±3", r"\pm 3"),
        (r"\frac{-1\pm\sqrt{5}}{2}", r"\frac{-1-\sqrt5}{2},\frac{-1+\sqrt5}{2}"),
        (r"3 \pm 2 \sqrt{2}", r"3 \mp 2\sqrt2"),
    ],
    "matrices and vectors": [
        (r"\begin{pmatrix} 1/5 \\ -18/5 \end{pmatrix}", r"\begin{pmatrix} 0.2 \\ -3.6 \end{pmatrix}"),
        (r"\begin{bmatrix}1 & 2\\3 & 4\end{bmatrix}", r"\begin{pmatrix}1&2\\3&4\\\end{pmatrix}"),
        (r"\begin{pmatrix}6 & 8 \\ 10 & 12\end{pmatrix}",
        r"\begin{pmatrix}1&2\\3&4\end{pmatrix} + \begin{pmatrix}5&6\\7&8\end{pmatrix}"),
        (r"\begin{pmatrix} -7 \\ 16 \\ 5 \end{pmatrix}", "(-7, 16, 5)"),
        (r"\begin{pmatrix}1/2\\1\end{pmatrix}", r"\frac12\begin{pmatrix}1\\2\end{pmatrix}"),
        (r"\left[\begin{array}{cc}1 & 0\\0 & 1\end{array}\right]", r"\begin{pmatrix}1&0\\0&1\end{pmatrix}"),
        (r"\begin{pmatrix} 1 & -1 \\ 1 & \phantom -1 \end{pmatrix}",
        r"\begin{pmatrix} 1 & -1 \\ 1 & 1 \end{pmatrix}"),
    ],
    "ratios and times": [
        ("11:21", "V_{1}:V_{2}=11:21"), ("1 : 2", "1:2"), ("1:2", r"\frac{1}{2}"), ("2:4:6", "1:2:3"),
        (r"4\!:\!51\!:\!06 \text{ p.m.}", "4:51:06 pm"), (r"05\!:\!00", "5:00"), (r"\text{4:30 p.m.}", "4:30 PM"),
    ],
    "number bases": [
        ("4210_{5}", "4210_5"), ("152A_{11}", "152A_{11}"), ("2516_8", "2516"), (r"\text{A5}_{11}", "A5_{11}"),
        ("-221_3", "-221_{3}"), ("0.0011_2", "0.0011_{2}"), (r"1011_{\text{two}}", "1011_2"), ("43_5.", "43_{5}"),
        ("(1011)_2", "1011_2"),
    ],
    "choices and words": [
        (r"\text{(C)}", "C"), (r"\textbf{(A)}", "A"), ("(E)", r"\text{E}"), (r"\text{(B)}", r"\mathrm{B}"),
        ("C", "(C) 12"), ("12", "(C) 12"), (r"\text{(E)},", "E"), ("C", r"\textbf{(C)}\ 12"), ("D", "D."),
        ("Tuesday", r"\text{Tuesday}"), (r"\text{even}", "even"), ("Even", "even"),
        (r"\text{two lines}", "two lines"), (r"\text{October 30}", "October 30"), ("odd", r"\text{ odd}"),
        (r"\text{MAKE}", "MAKE"), ("two", "2"), (r"\text{No}", "no"), ("f'", "f'"),
        (r"\text{Softball, Kickball, Picnic}", "Softball, Kickball, Picnic"),
        (r"\frac{1}{7}\triangle ABC", r"\frac17\triangle ABC"),
    ],
    "values by letter": [
        ("a=3,b=4", "3,4"), ("b=4,a=3", "3,4"), ("b=4,a=3", "4,3"), ("m=2,n=3", "(2,3)"), ("x_1=3,x_2=4", "4,3"),
        (r"x=3 \text{ or } x=4", "4,3"), ("3,4", "a=4,b=3"), (r"a=\frac12,b=-1", "0.5,-1"),
    ],
    "arbitrary constants": [
        (r"\frac{1}{2}x^2+C", r"\frac{x^2}{2}+c"), ("y=Ce^{2x}", "y=ke^{2x}"), ("f(x)=cx", "f(x)=kx"),
        (r"\ln|x|+C", r"\ln|x|+K"), (r"\frac{a}{2}x^2+bx+c", r"\frac{ax^2}{2}+bx+C"),
        (r"\text{I and II only}", r"\text{I and II}"),
    ],
    "rounded gold": [
        ("3.14", "3.14159"), ("3.14", r"\pi"), ("306,956.63", "306956.6314"), ("8.25", r"\sqrt{68}\,"),
    ],
}  # fmt: skip

DIFFERENT = {
    "values by letter": [
        ("a=3,b=4", "4,3"), (r"a=3 \text{ and } b=4", "4,3"), ("x=1,y=2,z=3", "3,2,1"), ("p=3,q=5", r"\{3,5\}"),
    ],
    "arbitrary constants": [
        ("x^2+C", "x^2+a"), ("x^2+C", "x^2"), ("y=Ce^{2x}", "y=ke^{3x}"), ("f(x)=cx", "f(x)=2x"), ("c", "k"),
        ("a+b+c", "a+b+k"), (r"C=2\pi r", r"k=2\pi r"), ("f(x)=2x", "f(x)=cx"), ("a^2+c^2", "a^2+k^2"),
    ],
    "a list is no decimal": [("2,3", "2.3"), ("1,5", "1.5"), ("0,5", "0.5")],
    "arithmetic that breaks off": [
        ("12", "12 +"), ("12", "1 2"), ("12", r"12 \times"), ("12", "12 = ="), ("12", "(12"),
        ("12", "12 12"), ("12", "= + 12 -"),
    ],
    "numbers": [
        ("13535", "13534"), ("5", "500"), ("5", "5.001"), ("10", "100"), ("5", "-5"), ("1/3", "0.333"),
        ("1/3", "1/2"), ("32349", "32, 349"), (r"\frac{1}{3}", "0.3333"), (r"\sqrt2", "1.414"), (r"\pi", "3.14"),
        ("0.5", "0.49"), ("13.5", "13.46"), ("1000", "1,00"), ("2.0", "20"), ("210", "2^{10}"),
        ("143", r"\frac{14}{3}"), ("72", r"\frac{7}{2}"), ("5", r"\sqrt{5}"), ("4", r"4\sqrt{2}"),
        ("-3", r"-\sqrt{3}"), ("3.14", "3.1"), (r"11\sqrt2", r"\frac{11}{2}"), ("3^{2025}", "2^{2025}"),
        (r"10\sqrt{6}", "10"), ("80", ""), ("", ""), ("", "5"), ("1e3", "100"), ("3.14", "3.15"),
        (r"1\frac{4}{5}", r"\frac{4}{5}"),
        (r"\frac12", "12"), ("5!", "5"), (r"0.\overline{3}", "0.3"), ("25", "2,5"), ("10^{-3}", "10^3"),
        ("2024!", "2025!"), ("16.67", "16.6"),
    ],
    "expressions": [
        ("x+2", "x+1"), (r"\frac13x", r"\frac{1}{3x}"), ("2x", "x^2"), ("x", "y"), ("|x|", "x"),
        (r"\sin x", r"\cos x"), ("x+2n+1", "x+1"), ("a", "A"), ("f(4-x)", "f(4+x)"), ("3-2f(x)", "3-2x"),
        ("14", "2u - 14"), (r"\ln 2", r"\log_{10} 2"), ("1+2i", "1 - 2i"), ("n!", "n"), ("x_1", "x_2"),
        (r"\frac{\pi r}{h+r}", r"\frac{\pi r}{h-r}"), ("8n^2+4n+1", "8n+4"), ("2^{n}", "n^2"), ("E", r"\mathrm{E}*2"),
        (r"\sqrt{x^2+1}", "x+1"),
    ],
    "equations and names": [
        ("7 = 11a+c", "11a+c"), ("a+3z=0", "0"), ("2x+z=1", "1"), ("a^2+b=0", "0"), ("x = 5", "x = 6"),
        ("x=5", "y=5"), ("y=2x", "y=3x"), ("x^2=4", "4"), ("x=1, y=2", "x=2, y=1"), ("(p,q)=(3,2)", "(2,3)"),
        ("2x+4y=3", "2x+4y=4"), ("x+y=1", "x-y=1"), (r"x = 1/3 \approx 0.33", "3"),
    ],
    "intervals and inequalities": [
        ("(3,4]", "(3,4)"), ("(3,4]", "[3,4]"), (r"x \geq 5", r"x \leq 5"), (r"x \ge 5", "x > 5"),
        ("(-oo,4]", "x < 4"), ("[0,9)", "[0,1)"), ("1", "-[0,1)"), (r"(2,\infty)", r"[3, \infty)"),
        (r"(-\infty,2)\cup(3,\infty)", r"(-\infty,2)"), ("[1,2]", "(1,2)"), ("x<2", "2"), ("[0,1)", "(0,1)"),
        (r"x \ne 3", "3"), ("f(2) < f(1) < f(4)", "f(1) < f(2) < f(4)"), (r"x<2 \text{ or } x>5", "(2,5)"),
        (r"s^2 \le 8r^2", r"s^2 \ge 8r^2"), ("|x|<3", "x<3"), ("[1,3]", "[1,2)"),
    ],
    "tuples, lists and sets": [
        ("(1, 2)", "(7, 2)"), ("(2,1)", "(1,2)"), ("(1,2)", r"\{1,2\}"), ("(3,1)", "{1,3}"), ("1,2", "1,2,3"),
        ("1,2,3", "1,2"), (r"\{1,2\}", r"\{1,3\}"), ("1", "1, 2"), ("5, 6", "5"),
        ("(37,3,3),(17,3,3,7)", "(37,3,3,13),(17,3,3,7)"), ("(1,2,3)", "(1,2)"), ("1,-2", "2, -1"),
        (r"\emptyset", "0"), ("A, B", "A"), ("19, 46, and 82", "21, 36, and 82"), ("(1,2),(3,4)", "(1,4),(3,2)"),
        ("(a,b)", "(b,a)"),
    ],
    "plus or minus": [
        (r"\pm 2021", "2021"), (r"1+\sqrt{19}", r"1 \pm \sqrt{19}"), (r"1 \pm \sqrt{19}", r"-5, -\frac{1}{3}, 2, 7"),
        (r"\pm 3", r"\pm 4"), ("2", r"x = \pm 2"),
    ],
    "matrices, ratios, bases": [
        (r"\begin{pmatrix}1 & 2 \\ 3 & 4\end{pmatrix}", r"\begin{pmatrix}1 & 2 \\ 3 & 5\end{pmatrix}"),
        ("1:2", "2:1"), ("1:2:3", "1:2"), ("4210_{5}", "7"),
        (r"\begin{pmatrix}1 & 2\end{pmatrix}", r"\begin{pmatrix}1 \\ 2\end{pmatrix}"), ("2516_8", "1247_8"),
        ("1011_2", "1011_3"), ("1010_2", "10"), ("8:34", "8:35"), (r"\begin{pmatrix}1\\2\end{pmatrix}", "(2,1)"),
    ],
    "units": [
        (r"36^\circ", r"\$36"), (r"65\%", r"\$65"), (r"25 \text{ ft}", r"25^\circ"), ("40", "40_9"),
        (r"12\text{ cm}", r"12\text{ m}"), (r"5.4\text{ cents}", r"5.4\text{ dollars}"),
        (r"9\text{ a.m.}", r"9 \text{ p.m.}"), (r"\$5", "5 cents"), (r"90^\circ", r"90\pi"),
    ],
    "words": [
        ("points", "ways"), ("odd", "even"), ("odd", r"\text{oddd}"), (r"\text{Evelyn}", r"\text{Carla}"),
        (r"\text{(B)}", "C"), ("12", r"11th \text{ grade}"), ("A", "B"), (r"\text{ellipse}", r"\text{circle}"),
        ("C", "(D) 12"), ("yes", "no"), (r"\text{CBAD}", "ABCD"), ("5", "five hundred"), ("Tuesday", "3"),
        ("(C) 12", "(D) 12"), (r"\text{(B)}", r"3(1 + \frac{1}{r})^x = 7"), ("none", "1"),
        (r"\text{Monday}", r"\text{Tuesday}"),
    ],
}  # fmt: skip


@pytest.mark.parametrize(("gold", "prediction"), cases(SAME))
def test_same(gold, prediction):
    assert equal(gold, prediction)


@pytest.mark.parametrize(("gold", "prediction"), cases(DIFFERENT))
def test_different(gold, prediction):
    assert not equal(gold, prediction)


def test_the_table_is_decided_without_math_verify():
    undecided = [
        pair for table in (SAME, DIFFERENT) for pairs in table.values() for pair in pairs if decide(*pair) is None
    ]
    assert undecided == []
