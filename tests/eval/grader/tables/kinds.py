r"""Kinds of answers on which verifiers are reported to go wrong; cases of this project's own, by kind."""

from __future__ import annotations

SAME = {
    "a sign before a letter": [
        ("-i", r"\frac{1}{i}"), ("-a-b", "-(a+b)"), ("-x", "(-1)x"), ("21", "twenty-one"),
    ],
    "two bounds on a whole number": [
        (r"n \ge 1, n \le 7", r"1 \le n \le 7"), (r"t \ge 2 \text{ or } t \le -2", r"|t| \ge 2"),
        (r"n^2 - n, n \ge 2", "n(n-1)"),
    ],
    "a function and an operator": [
        (r"\frac{\ln 5}{2}", r"\ln 5 \div 2"), (r"\cos 2x", r"\cos x \cdot \cos x - \sin x \cdot \sin x"),
        (r"\log_3 5 \times \log_5 9", "2"), (r"\frac{\sin 2x}{2 \cos x}", r"\sin x"),
    ],
    "binomials and factorials of letters": [
        (r"\binom{n}{3}", r"\frac{n!}{6(n-3)!}"), (r"n \cdot n!", "(n+1)! - n!"), ("C_n^2", r"\frac{n(n-1)}{2}"),
        ("C_{10}^3", "120"), ("A_5^2", "20"), ("120", "^{10}C_3"), ("120", "{}_{10}C_{3}"), ("15", "5!!"),
        (r"\binom{n}{k}", r"\binom{n}{n-k}"), (r"\frac{(n+2)!}{n!}", "(n+1)(n+2)"),
    ],
    "conditions that one side leaves out": [
        ("n(n-1)", r"n^2-n \quad (n \geq 2)"), ("2^n", r"2^n \text{ for every positive integer } n"),
        (r"a_n=2n-1 (n\in\mathbb{N}^*)", "2n-1"), ("f(x) = x", r"f(x) = x \text{ for all } x"),
        ("y = Ce^{x}", r"y = Ce^x, \text{ where } C \text{ is an arbitrary constant}"),
        (r"\frac{x+1}{x-1}, x \neq 1", r"\frac{x+1}{x-1} \text{ where } x \ne 1"), ("n-2", "n - 2, n > 1"),
    ],
    "letters called otherwise": [
        ("P(x) = x^2 + 1", "P(t) = t^2+1"), ("f(x,y) = x+2y", "f(a,b) = a + 2b"),
        (r"\frac{\pi}{4}+k\pi, k\in\mathbb{Z}", r"\frac{5\pi}{4}+n\pi, n \in \mathbb{Z}"),
        (r"4k+1 \text{ for some integer } k", r"4m + 1 \text{ for some integer } m"),
        (r"\{2k : k \in \mathbb{Z}\}", r"\{2n : n \in \mathbb{Z}\}"), (r"\sum_{k=1}^{n} a_k", r"\sum_{i=1}^{n} a_i"),
        (r"x = 2k\pi \pm \frac{\pi}{3}, k \in Z", r"x = 2n\pi \pm \frac{\pi}{3}, n \in \mathbb{Z}"),
        ("y = Ce^{x}", r"y = Ae^x, \text{ where } A \text{ is an arbitrary constant}"),
    ],
    "number words": [
        ("12", "a dozen"), (r"\frac23", "two thirds"), ("105", "one hundred and five"), ("-5", "negative five"),
        ("2500", r"2.5 \text{ thousand}"), ("25000000", r"25 \text{ million}"), ("49", r"7 \text{ squared}"),
        ("300", "three hundred apples"),
    ],
    "systems": [
        ("(3,-1)", r"x = 3 \\ y = -1"), ("x=3, y=-1", "y = -1, x = 3"), ("(3,-1)", r"x = 3 \quad y = -1"),
        ("(3, -1)", r"\begin{cases} y = -1 \\ x = 3 \end{cases}"), ("7",
        r"\begin{aligned} x &= 3+4 \\ &= 7 \end{aligned}"),
        ("(2,3,4)", "x = 2, y = 3, z = 4"), ("a = 1, b = 2", "a = 1 b = 2"),
    ],
    "Unicode": [
        (r"\{1,2,3\}", "｛1，2，3｝"), (r"\frac{3}{8}", "⅜"), ("x_1", "x₁"),
        ("x^{12}", "x¹²"), (r"\sqrt[3]{7}", "∛7"),
        (r"\phi", "φ"), ("x > 3", "x＞3"), ("3-2i", "3 − 2i"), (r"\frac92", "4½"),
        ("x + 1", "𝑥 + 𝟏"),
        (r"x \in \mathbb{Q}", "x ∈ ℚ"),
    ],
    "sums, products, integrals": [
        (r"\sum_{k=1}^{n} k^2", r"\frac{n(n+1)(2n+1)}{6}"), (r"\sum_{i=0}^{n} \binom{n}{i}", "2^n"),
        (r"\sum_{k=1}^{n} \frac{1}{k(k+1)}", r"\frac{n}{n+1}"), (r"\prod_{k=1}^{n} k", "n!"),
        (r"\prod_{k=2}^{n} \left(1 - \frac{1}{k}\right)", r"\frac1n"), (r"\sum_{k=0}^{\infty} \frac{1}{2^k}", "2"),
        (r"\int_0^1 \frac{dx}{1+x^2}", r"\frac{\pi}{4}"), (r"\int_{0}^{\infty} e^{-x} dx", "1"),
        (r"\int_1^e \frac{1}{x}\,dx", "1"), (r"\sum_{n=1}^{\infty} \frac{1}{n^2}", r"\frac{\pi^2}{6}"),
    ],
    "Chinese": [
        ("(0,1)\\cup(2,\\infty)", "0<a<1或a>2"), (r"36\pi\text{ cm}^3", "36π立方厘米"),
        ("30", "约30米"), ("50", "共50人"),
        (r"\frac12", "二分之一"), (r"20\%", "百分之二十"), ("600000", "60万"), ("120", "一百二十个"),
        (r"\text{no solution}", "无解"), ("C", "故选C"), (r"a>1 \text{ and } a \ne 2", "a>1且a≠2"), ("1, 3", "①③"),
        ("ABD", "A, B, D"),
    ],
    "rounded percents": [(r"28.57\%", r"\frac27"), (r"12.35\%", "0.12345")],
    "fonts": [(r"\frac12", r"\sfrac{1}{2}"), ("7", r"\huge 7"), ("7", r"\colorbox{yellow}{7}"), ("x", r"{\bf x}")],
    "other writings": [
        (r"\frac12", r"{1 \over 2}"), ("12345", r"\num{12345}"), (r"90^\circ", r"\ang{90}"), ("1234.56", "1.234,56"),
        (r"5\text{ m}", r"\SI{5}{\meter}"), (r"\sqrt{2}", r"2^\frac12"), ("|x|/2", r"\frac{|x|}{2}"),
        (r"\frac{|a|}{|b|}", "|a|/|b|"), ("15552", "2^6 3^5"), ("13000", r"13 \, 000"), ("9000000",
        r"9{\,}000{\,}000"),
    ],
    "set differences": [
        (r"\mathbb{R} - \{1, 2\}", r"x \ne 1, 2"), (r"\mathbb{R} \setminus \{-1, 1\}", r"x \neq \pm 1"),
        (r"\{x \in \mathbb{R} : x \ne 3\}", r"(-\infty, 3) \cup (3, \infty)"), (r"(1,+\infty)", "{x|x>1}"),
        (r"[-1, 2) \cup (2, \infty)", r"\{x \mid x \ge -1, x \ne 2\}"), ("A \\cup B", "B \\cup A"),
    ],
    "piecewise functions": [
        (r"\begin{cases} x+1 & x > 0 \\ 0 & x = 0 \end{cases}",
         r"f(x) = \begin{cases} 0, & \text{if } x=0 \\ 1+x, & \text{if } x>0 \end{cases}"),
        (r"\begin{cases} 2 & x > 0 \\ 0 & \text{otherwise} \end{cases}",
         r"\begin{cases} 2, & x>0, \\ 0, & \text{else.} \end{cases}"),
    ],
    "determinants and transposes": [
        ("-2", r"\det\begin{pmatrix}1&2\\3&4\end{pmatrix}"), (r"\begin{vmatrix} a & b \\ c & d \end{vmatrix}",
        "ad - bc"),
        (r"\begin{pmatrix}7\\4\end{pmatrix}", r"[7,4]^\top"), (r"\begin{pmatrix}7\\4\end{pmatrix}",
        r"(7,4)^{\mathsf T}"),
        (r"\begin{pmatrix} 1 & 3 \\ 2 & 4 \end{pmatrix}", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}^T"),
        (r"\begin{pmatrix}2&0&1\\1&1&1\end{pmatrix}", "[[2, 0, 1], [1, 1, 1]]"),
    ],
    "units": [
        ("45", r"45 \frac{\text{m}}{\text{s}}"), (r"15\text{ km/h}", r"15 \frac{\text{km}}{\text{h}}"), ("12",
        "12 (apples)"),
        (r"3\text{ hours } 20\text{ minutes}", "3 hours 20 min"), (r"25 \text{ mph}", r"25 \text{ miles per hour}"),
        ("500", "₹500"), (r"40\ \Omega", r"40 \text{ ohms}"), ("15", "approximately 15"),
        (r"100\text{ cm}^2", r"100 \text{ square centimeters}"), (r"14 \text{ right triangles}",
        r"14\text{ triangles}"),
        ("n + 2", r"n+2 \text{ lines}"),
    ],
    "choices": [
        ("B", "Option B"), ("B", "The correct answer is B"), ("D", "(d)"), ("B", "B - it is larger"),
        ("C", r"\text{Choice C: the mean}"), (r"\text{(D)}\ 15", "15"),
    ],
    "congruences": [
        (r"7 \pmod{12}", r"19 \pmod {12}"), (r"x \equiv 7 \pmod{12}", r"x \equiv -5 (\bmod 12)"),
        (r"x \equiv 1 \mod 3", r"x \equiv 10 (mod 3)"),
    ],
    "chains and approximations": [
        ("0.75", r"\frac{3}{4} = 0.75"), (r"\tan A = \frac{3}{4}", r"\frac34"), ("4", r"4 \text{ or } 4.0"),
        (r"e^{-1000}", r"\frac{1}{e^{1000}}"), (r"\lceil \frac{n}{2} \rceil", r"\lfloor \frac{n+1}{2} \rfloor"),
    ],
}  # fmt: skip

DIFFERENT = {
    "a sign before a letter": [
        ("0", "-x"), ("0", "-i"), ("-ab", "0"), ("-n", "-m"), ("0", "-a-b"), ("x", "-x"),
    ],
    "one of two bounds": [
        (r"n \ge 1, n \le 7", r"n \le 7"), (r"k \ge 1 \text{ or } k \le -1", r"k \le -1"),
        (r"m \le 9", r"m \ge 2 \text{ and } m \le 9"), (r"n \ge 2, n \ne 5", r"n \ne 5"),
    ],
    "words on a letter": [
        (r"n \text{ is even}", r"n \text{ is odd}"), (r"n \ge 3 \text{ odd}", r"n \ge 3 \text{ even}"),
        (r"p \text{ prime}", "p"), ("p", r"p \text{ prime}"), (r"5\text{ red}", r"5\text{ blue}"),
        (r"\text{all real numbers except } 3", r"\text{all real numbers except } 4"),
    ],
    "words that change a number": [
        ("6", r"6 \text{ billion}"), ("5", r"5 \text{ or less}"), ("5", r"5 \text{ factorial}"), ("2", "2 dozen"),
        ("5", r"\text{more than } 5"), ("7", r"\text{not } 7"), ("5", r"5 \text{ squared}"), ("20", "twenty-one"),
        ("5", r"5 \text{ more than } x"), ("3", "3万"),
    ],
    "relations": [
        (r"\log_6(216)=3", r"\log_3(27)=3"), ("5", "6 = 5"), ("5", "1 = 2 = 5"), ("5", "x = 6 = 5"), ("y=2x", "z=2x"),
        ("f(x)=2x", "g(x)=2x"), ("x>3", "y>3"), (r"a = 1 \quad b = 2", "2"), ("2", r"x=1 \\ y=2"), ("2",
        "a = 1 b = 2"),
        ("P(A) = 0.25", "P(B) = 0.25"), (r"y=\pm 2x", r"b=\pm 2x"),
        ("{x|x>1}", "{x|y>1}"),
        (r"x = 1 \text{ and } y = 2", r"x = 1 \text{ or } y = 2"), (r"\angle BAC = 45^\circ",
        r"\angle ABC = 45^\circ"),
        (r"x \in [-2,7]", r"-x \in [-2,7]"), ("5 = x + 1", "5"),
    ],
    "letters": [
        ("f(n) = 4n+7", "f(m) = 4n+7"), ("f(x,y) = x-y", "f(y,x) = x - y"), (r"2k\pi, k\in\mathbb{Z}",
        r"2m\pi, k \in \mathbb{Z}"),
        (r"f(x) = x^2 + c, c \in \mathbb{R}", r"f(x) = x^2 + x, x \in \mathbb{R}"), (r"\{x\}", "x"),
        (r"\sum_{k=1}^{n} k", r"\sum_{k=1}^{n} n"),
    ],
    "conditions": [
        (r"\{x \in \mathbb{R} : x \ne 3\}", r"\{x \in \mathbb{R} : x \ne 4\}"), (r"\{x^2 : x > 2\}", r"(2, \infty)"),
        (r"2k\pi, k\in\mathbb{Z}", r"2k\pi, k \in \mathbb{N}"), (r"2k\pi, k\in\mathbb{Z}", r"4k\pi, k\in\mathbb{Z}"),
        (r"x>2 \text{ and } x<5", r"x>2 \text{ or } x<5"), ("y = 2x, x > 0", "y = 2x"),
        (r"2^n \text{ for all } n \ge 1", r"2^n \text{ for no } n \ge 1"), (r"\mathbb{R} - \{2\}",
        r"\mathbb{R} - \{3\}"),
    ],
    "choices": [
        ("B", "(B), (C)"), ("B", "B and C"), (r"\text{(A)}", r"\text{(A) or (B)}"), (r"\text{(D)}\ 15",
        r"\text{(D)}\ 16"),
        ("b", "c"), ("ABD", "A, B, C"),
    ],
    "numbers and points": [
        (r"\frac{1}{2004!}", r"\frac{1}{2005!}"), ("10^{-50}", "10^{-51}"), ("2^{100000}+1", "2^{100000}"),
        ("e^{-1000}", "e^{-1001}"), (r"\sin(10^{-30})", r"\sin(10^{-31})"), ("5!!", "(5!)!"), ("[3,2]", "[4,1]"),
        (r"\lfloor n/2 \rfloor", r"\lceil n/2 \rceil"), (r"\lfloor x \rfloor + 1", r"\lceil x \rceil"),
        ("(4,\\infty)", "(4,\\infty]"),
        (r"16.67\%", r"0.1667\%"), (r"\frac13", r"33.33\%"), ("1, 1", "1:1"),
        ("(-1)^{m-1}", "(-1)^{w-1}"), ("3:30", "1:10"),
    ],
    "units": [
        (r"12\text{ cm}^2", r"12\text{ cm}^3"), (r"100\text{ cm}^2", r"100 \text{ cm}"), (r"188\text{ units}",
        r"188\text{ hours}"),
        (r"60 \text{ km/h}", r"60 \text{ m/s}"), (r"\text{2 boys}", r"\text{2 girls}"), (r"30\text{ km}", "30米"),
        (r"6 \text{ ft } 2 \text{ in}", "6 feet 3 inches"), (r"10 \text{ AM}", r"10 \text{ PM}"),
    ],
    "sums, pieces, residues": [
        (r"\sum_{k=1}^{n} k", r"\frac{n(n-1)}{2}"), (r"\int_0^1 x dx", r"\frac13"),
        (r"\sum_{k=1}^{\infty} \frac{1}{k(k+1)}", r"\frac{1}{2}"), (r"x \equiv 2 \pmod 5", r"x \equiv 3 \pmod 5"),
        (r"\begin{cases} x & x > 0 \\ -x & x \le 0 \end{cases}",
        r"\begin{cases} x & x > 0 \\ -x & x < 0 \end{cases}"),
        (r"\begin{vmatrix}1&2\\3&4\end{vmatrix}", "2"), (r"\begin{pmatrix}1&2\end{pmatrix}", "(1,2)^T"),
        ("(1,2)", r"\begin{cases} x=2 \\ y=1\end{cases}"), (r"\binom{n}{k}", r"\binom{k}{n}"), ("C_{10}^3", "1000"),
    ],
    "what no parser reads to its end": [
        (r"3 \oplus 4", r"3 \oplus 5"), (r"A \leadsto B, 7", "7"), (r"f \circ g = 3", r"f \circ g = 4"),
    ],
}  # fmt: skip
