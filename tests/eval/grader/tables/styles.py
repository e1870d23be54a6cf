r"""The styles of answers of single data sets, by kind, each kind with its near misses; judged by hand."""

from __future__ import annotations

MIXED = r"6.67 \times 10^{-11}\, \text{N m}^2/\text{kg}^2"
SAME = {
    "a bar that opens": [
        (r"\frac{x}{|x|}", r"\frac{|x|}{x}"), ("(|a|+1)^2", "|a|^2+2|a|+1"), ("(|a|, |b|)", "(|a|, |b|)"),
        (r"\{x : |x|<2\}", "(-2,2)"), (r"\{|a|,|b|\}", r"\{|b|,|a|\}"), (r"\frac{1}{|x|}", "|x|^{-1}"),
    ],
    "composed units": [
        ("6.67e-11", MIXED), (r"5\text{ m}^2/\text{s}", r"5 \frac{\text{m}^2}{\text{s}}"),
        (r"5\text{ J}/(\text{kg}\cdot\text{K})", r"5\ \mathrm{J/(kg\cdot K)}"),
        (r"5\text{ J}/(\text{kg}\cdot\text{K})", r"5\text{ J kg}^{-1}\text{K}^{-1}"),
        (r"5 \frac{\text{kg}\cdot\text{m}^2}{\text{s}}", r"5\text{ kg m}^2/\text{s}"),
        (r"5\text{ W}/\text{m}^2", "5"),
    ],
    "hyperbolic functions": [
        (r"\sinh^{-1} 2", r"\ln(2+\sqrt5)"), (r"\operatorname{arcsinh} 2", r"\operatorname{arsinh}(2)"),
        (r"\tanh^{-1}\frac12", r"\frac12\ln 3"), (r"\coth x", r"\frac{1}{\tanh x}"), (r"\cosec x", r"\csc x"),
        (r"\operatorname{sen} x", r"\sin x"),
    ],
    "several functions, each for all x": [
        ("f(x)=0, f(x)=x", r"f(x)=0 \text{ for all } x, \text{ or } f(x)=x \text{ for all } x"),
        ("f(x)=0, f(x)=x", r"f(x)=x \text{ for all } x \in \mathbb{R} \text{ and } f(x)=0"),
    ],
    "solutions by number": [
        ("x_1 = 1, x_2 = 3", r"x = 3 \text{ or } x = 1"), ("x_{1} = 1, x_{2} = 3", "x = 1, 3"),
        ("x_1=1, y_1=2; x_2=3, y_2=4", "(3,4), (1,2)"), ("(1,2),(3,4)", "x_1=1, x_2=3, y_1=2, y_2=4"),
        ("x_1=1, y_1=2; x_2=3, y_2=4", r"x=1, y=2 \text{ or } x=3, y=4"), ("x_1=1, x_2=2", "(1,2)"),
    ],
    "one modulus for several residues": [
        (r"n=4k \text{ or } n=4k+1", r"n \equiv 0, 1 \pmod 4"), (r"n \equiv \pm 1 \pmod 6", r"n \equiv 1, 5 \pmod 6"),
        (r"n \equiv 0, 1 \pmod 4", r"n \equiv 1 \pmod 4 \text{ or } n \equiv 0 \pmod 4"),
    ],
    "names of sets": [
        (r"\{1,2\}", r"A \cap B = \{1,2\}"), ("(1,2)", r"(\complement_U A) \cap B = \{x \mid 1 < x < 2\}"),
        (r"\complement_U A = \{1,2\}", r"\{2,1\}"),
    ],
    "arbitrary constants": [
        ("y=c_1e^{2x}+c_2e^{-x}", "y=C_1e^{2x}+C_2e^{-x}"), ("c_1e^{2x}+c_2e^{-x}", "Be^{2x}+Ae^{-x}"),
        ("Ae^{2x}+Be^{-x}", "C_1e^{2x}+C_2e^{-x}"),
    ],
    "binomials as columns": [
        (r"2\left(\begin{array}{l}n \\ 2\end{array}\right)", "n(n-1)"),
        (r"\left(\begin{array}{c}n \\ 2\end{array}\right)", r"\binom{n}{2}"),
        (r"\left(\begin{array}{c}6 \\ 3\end{array}\right)", "20"),
        (r"\begin{pmatrix}3\\4\end{pmatrix}", r"\binom{3}{4}"),
    ],
    "words and signs about a value": [
        ("60^{o}", "60"), ("204_5", "204_{(5)}"), (r"-\infty", r"\text{negative infinity}"),
        (r"\frac16", r"1 \text{ in } 6"),
        ("1, 3", r"\text{either 1 or 3}"), ("1, 3", r"\text{both } 1 \text{ and } 3"), ("both", r"\text{Both}"),
        ("(3,4)", r"\text{the point }(3,4)"), ("(3,4)", r"\text{Point (3, 4)}"),
        ("(3,4]", r"\text{the interval } (3,4]"),
    ],
    "remainders": [
        (r"5 \text{ R } 3", "5 R3"), (r"5\text{ remainder }3", r"5\text{ R}3"),
        ("5 R 3", r"5 \text{ with a remainder of } 3"),
    ],
    "values of a function": [("[0,4]", r"0 \le f(x) \le 4"), (r"f(x) \ge 2", r"[2,\infty)")],
    "times of day": [("12:30", r"12:30 \text{ p.m.}"), ("3:14", r"\frac{3}{14}")],
    "points by name": [("(1,2)", "B(1,2)"), ("A(1,2)", "A(1,2)")],
    "sets of sets": [(r"\{\{1\},\{2\}\}", r"\{\{2\},\{1\}\}")],
    "scales and small units": [
        (r"27^\circ\text{C}", "27"), (r"27^\circ\text{C}", r"27 \text{ degrees Celsius}"),
        (r"27^\circ\text{C}", "27℃"),
        (r"27^\circ", r"27^\circ C"), ("3.0", r"3.0\,M_\odot"), (r"3.0 M_{\odot}", r"3.0\text{ M}_\odot"),
        ("2.2", r"2.2\,\mu\text{m}"), (r"2.2 \mu m", r"2.2\,\mu\text{m}"), (r"\mu m", r"m\mu"),
    ],
    "capitals": [("no", "No"), ("Yes", "YES"), ("red", "Red"), ("second player", "Second Player")],
    "words of one sense": [
        (r"\text{second quadrant}", r"\text{Quadrant II}"), ("Friday", r"\text{On Friday}"),
        ("B wins", "Player B wins"),
        (r"\text{All primes}", "all prime numbers"), (r"\text{all real } x", r"\mathbb{R}"),
        (r"\text{All positive integers } n", r"n \in \mathbb{N}"), ("rational numbers", r"\mathbb{Q}"),
        ("not possible", r"\text{impossible}"), ("cannot be determined", r"\text{It cannot be determined}"),
        ("infinitely many", r"\infty"), (r"\text{3 or }-5", "-5, 3"), (r"f: x \mapsto 2x", "f(x) = 2x"),
        (r"(1,2,3) \text{ and permutations}", r"(1,2,3) \text{ and all its permutations}"),
    ],
    "decimal commas beside a semicolon": [("(0,5; 2)", "(0.5, 2)"), ("(1; 2)", "(1, 2)")],
    "odd roots of negative sums": [
        (r"\sqrt[3]{2+\sqrt{5}}+\sqrt[3]{2-\sqrt{5}}", "1"), (r"\sqrt[3]{1-\pi}", r"-\sqrt[3]{\pi-1}"),
        (r"(2-\sqrt5)^{2/3}", r"\sqrt[3]{9-4\sqrt5}"), (r"\sqrt{2-\sqrt5}", r"i\sqrt{\sqrt5-2}"),
    ],
    "names of what a task asks for": [
        ("2", "|a-b| = 2"), ("2", r"\sqrt{a+b} = 2"), ("2", r"\frac1a+\frac1b = 2"), ("2", r"\dim V = 2"),
        ("2", r"\deg P = 2"), ("2", r"\#S = 2"), ("2", r"(f \circ g)(1) = 2"), ("2", r"\text{gcd} = 2"),
        ("2", r"\sum a_i = 2"), (r"\frac13", r"P(\text{both red}) = \frac13"), (r"\frac13", r"\Pr(A) = \frac13"),
        ("2", r"\|v\| = 2"), ("n=3", r"\text{only } n = 3"),
    ],
    "odd and even numbers": [
        (r"n > 1 \text{ odd}", r"n > 1 \text{ and } n \text{ is odd}"),
        (r"n > 1 \text{ odd}", r"n > 1, n \text{ odd}"),
        (r"\text{odd } n \ge 3", r"n \ge 3, n \text{ odd}"),
        (r"\text{all odd } n \ge 3", r"\text{all odd integers } n \ge 3"),
    ],
    "electrons": [(r"\text{[Ar]}4s^{2}3d^{10}4p^{4}", "[Ar]4s^2 3d^{10} 4p^4")],
}  # fmt: skip
DIFFERENT = {
    "a bar that opens": [
        (r"\frac{1}{|x|}", r"\frac1x"), ("(|a|, |b|)", "(|a|, b)"), (r"\{x : |x|<2\}", "[-2,2]"),
        (r"\{|x| : x>2\}", r"(2,\infty)"),
    ],
    "composed units": [
        (r"5\text{ m}^2/\text{s}", r"5\text{ m}/\text{s}"), (r"5\text{ m}^2/\text{s}", r"5\text{ m}^2\text{ s}"),
        (r"5\text{ J}/(\text{kg}\cdot\text{K})", r"5\text{ J}/(\text{kg}\cdot\text{m})"),
        (r"5\text{ W}/\text{m}^2", r"5\text{ W}/\text{m}^3"), ("6.67e-10", MIXED),
    ],
    "hyperbolic functions": [
        (r"\sinh^{-1} 2", r"\frac{1}{\sinh 2}"), (r"\operatorname{arcsinh} 2", r"\operatorname{arccosh} 2"),
        (r"\coth x", r"\tanh x"), (r"\cosec x", r"\sec x"), (r"\operatorname{sen} x", r"\cos x"),
    ],
    "several functions, each for all x": [
        ("f(x)=x", r"f(x)=0 \text{ for all } x, \text{ or } f(x)=x \text{ for all } x"),
        ("f(x)=0, f(x)=x", r"f(x)=0 \text{ for all } x, \text{ or } f(x)=-x \text{ for all } x"),
        ("x=1, x=2", r"x=1 \text{ if } a>0, \text{ or } x=2 \text{ if } a<0"),
    ],
    "solutions by number": [
        ("x_1 = 1, x_2 = 3", "x = 1, x = 2"), ("x_1 = 1, x_2 = 3", "x_1 = 3, x_2 = 1"),
        ("x_1 = 1, x_2 = 3", "x = 1, y = 3"),
        ("x_1 = 1, x_2 = 3", "x = 1"), ("x_1=1, y_1=2; x_2=3, y_2=4", "(1,4), (3,2)"), ("x_1=1, x_2=2", "(2,1)"),
    ],
    "one modulus for several residues": [
        (r"n=4k \text{ or } n=4k+1", r"n \equiv 0, 3 \pmod 4"),
        (r"n \equiv 0 \pmod 3 \text{ or } n \equiv 1 \pmod 4", r"n \equiv 0, 1 \pmod 4"),
    ],
    "names of sets": [
        (r"\{1,2\}", r"A \cap B = \{1,3\}"), (r"A \cap B = \{1,2\}", r"A \cup B = \{1,2\}"),
        ("[1,2]", r"A \cap B = (1,2)"),
    ],
    "arbitrary constants": [
        ("y=c_1e^{2x}+c_2e^{-x}", "y=Ae^{2x}+Ae^{-x}"), ("c_1e^{2x}+c_2e^{-x}", "Ae^{2x}+Be^{x}"), ("Ax+B", "Cx+D"),
        ("c_1+c_2", "C_1+C_2"), ("c_1x-c_2", "c_2x-c_1"),
    ],
    "binomials as columns": [
        (r"\left(\begin{array}{c}n \\ 2\end{array}\right)", r"\binom{n}{3}"),
        ("3", r"\begin{pmatrix}3\\1\end{pmatrix}"),
        (r"\begin{pmatrix}3\\1\end{pmatrix}", "3"), (r"\begin{pmatrix}3\\4\end{pmatrix}", "0"),
        (r"\begin{pmatrix}5\\6\end{pmatrix}", r"\binom{7}{8}"),
    ],
    "words and signs about a value": [
        ("60^{o}", "61"), ("204_5", "204_{(6)}"), (r"\infty", r"\text{negative infinity}"), ("6", r"1 \text{ in } 6"),
        ("1, 3", r"\text{either 1 or 4}"), ("(3,4)", r"\text{the point }(3,5)"),
        ("(3,4]", r"\text{the interval } [3,4]"),
    ],
    "remainders": [(r"5 \text{ R } 3", "5 R2"), (r"5 \text{ R } 3", "5"), (r"5 \text{ R } 3", "53")],
    "values of a function": [
        ("[0,4]", r"0 \le f(x) < 4"), (r"f(x) \ge 2", r"x \ge 2"), (r"f(x) \ge 2", r"g(x) \ge 2"),
    ],
    "times of day": [("12:30", "0.4"), ("12:30", "2:5"), (r"12:30 \text{ p.m.}", r"\frac25")],
    "points by name": [("A(1,2)", "B(1,2)"), ("A(1,2)", "A(2,1)")],
    "sets of sets": [(r"\{1\}", r"\{\{1\}\}"), (r"\{\{1\},\{2\}\}", r"\{1,2\}")],
    "scales and small units": [
        (r"27^\circ\text{C}", r"27^\circ\text{F}"), ("27℃", "27℉"), (r"27^\circ\text{C}", "28"),
        (r"3.0 M_{\odot}", r"3.0 R_{\odot}"), (r"2.2 \mu m", r"2.2 \text{ mm}"),
    ],
    "capitals": [("mg", "Mg"), ("AB", "ab"), ("nRT", "NRT"), ("kT", "KT")],
    "words of one sense": [
        (r"\text{second quadrant}", r"\text{Quadrant III}"), ("B wins", "Player C wins"), ("Friday", "On Monday"),
        (r"\text{All primes}", "all odd primes"), (r"\text{All positive integers } n", r"n \in \mathbb{Z}"),
        ("not possible", "possible"), ("infinitely many", r"-\infty"), (r"\infty", "no solution"),
        (r"(1,2,3) \text{ and permutations}", r"(1,2,3) \text{ and cyclic permutations}"),
        (r"(1,2,3) \text{ and permutations}", "(1,2,3)"),
    ],
    "decimal commas beside a semicolon": [("(0,5; 2)", "(0, 5, 2)"), ("(0,5; 2)", "(5, 2)")],
    "odd roots of negative sums": [(r"\sqrt[3]{2-\sqrt{5}}", r"\sqrt[3]{\sqrt5-2}"),
        (r"\sqrt{2-\sqrt5}", r"-\sqrt{\sqrt5-2}")],
    "names of what a task asks for": [
        ("2", "|a-b| = 3"), ("2", "|x-y| = 2"), ("2", r"\frac1x = 2"), ("2", r"\sqrt{x} = 2"), ("2", r"\dim V = 3"),
        ("2", r"(f \circ g)(2) = 3"), (r"\dim V = 2", r"\deg V = 2"), (r"\Pr(A) = \frac13", r"\Pr(B) = \frac13"),
        (r"\frac13", r"P(\text{both red}) = \frac23"),
    ],
    "odd and even numbers": [
        (r"n > 1 \text{ odd}", r"n > 1 \text{ and } n \text{ is even}"), (r"n > 1 \text{ odd}", "n > 1"),
        (r"n > 1 \text{ odd}", r"n > 1 \text{ or } n \text{ is odd}"), (r"\text{odd } n \ge 3", r"n \ge 3"),
        (r"\text{all odd } n \ge 3", r"\text{all odd integers } n \ge 5"),
    ],
    "electrons": [
        ("[Ar]4s^{2}3d^{10}", "[Ar]4s^{23}d^{10}"),
    ],
}  # fmt: skip
