r"""Pairs judged one by one before the grader was asked, of the kinds on which it was wrong."""

from __future__ import annotations

COLUMN = r"\begin{pmatrix} \frac{2}{3} \\ 5 \end{pmatrix}"
SAME = {
    "labelled values": [
        (r"\angle P = 40^\circ, \angle Q = 75^\circ", r"40^\circ, 75^\circ"), ("PQ = 8, QR = 5", "8, 5"),
        (r"\alpha = 2, \beta = 7", r"(2, 7)"), ("x_1 = 6, x_2 = 1", "1, 6"), ("g(1) = 8, g(2) = 3", "8, 3"),
        (r"\angle B = 50^\circ", r"B = 50^\circ"), (r"\angle A = 20^\circ, \angle B = 70^\circ",
        r"A = 20^\circ, B = 70^\circ"),
    ],
    "rounded halves": [("2.35", "2.345"), ("-7.25", "-7.245"), ("0.625", "0.6254")],
    "numbers in words": [
        (r"35\%", "thirty-five percent"), ("7^{th}", "7"), (r"\sqrt{7}", "the square root of 7"),
        (r"\sqrt{11}", r"\text{square root of } 11"), (r"\frac{20}{3}", r"\text{twenty thirds}"),
    ],
    "quantities of two units": [
        (r"48^\circ 15'", "48 degrees 15 minutes"), (r"48.25^\circ", r"48\text{ degrees }15\text{ minutes}"),
        (r"2\text{ hours }45\text{ minutes}", "2 h 45 min"), (r"165\text{ minutes}", "2h45m"),
        (r"250\text{ mL}", r"250\text{ cm}^3"), (r"2\text{ m}^3", r"2000\text{ L}"),
    ],
    "what a sentence says": [
        ("(2,-7)", "The vertex is (2,-7)"), ("[0,4)", r"\text{The domain is } [0,4)"), ("27", "ANSWER: 27"),
        (r"x \neq 0", "all nonzero reals"), ("scalene", r"\text{a scalene triangle}"),
        (r"\text{acute isosceles}", r"\text{isosceles acute triangle}"),
    ],
    "sets and angles": [
        ("[0, 2\\pi]", r"[0^\circ, 360^\circ]"), (r"0 < \theta < \frac{\pi}{2}", r"0^\circ < \theta < 90^\circ"),
        (r"(-\infty,-4] \cup [1,\infty)", "{x|x≤-4或x≥1}"), ("(2,6)", "{x | 2 < x < 6}"),
        (r"\frac23", r".\overline{6}"), ("ACE_{16}", "ACE"), ("DAD_{16}", r"DAD_{16}"),
    ],
    "lists with dots": [
        (r"2,4,\ldots,20", r"2,4,6,\ldots,20"), (r"\{3,4,\ldots,8\}", "3,4,5,6,7,8"),
        (r"\{1,2,\ldots,m\}", r"\{1,2,3,\ldots,m\}"), (r"10, 9, \ldots, 1", r"10, 9, 8, \ldots, 1"),
        (r"1, 2, \ldots, 500", r"1, 2, 3, \ldots, 500"),
    ],
    "functions": [
        (r"\cos\left(2x - \frac{\pi}{2}\right)", r"\cos 2\left(x - \frac{\pi}{4}\right)"),
        (r"(\ln 3)(x+2)", r"\ln 3 (x+2)"), (r"y = C_1 e^{2x} + C_2 e^{-x}", r"A e^{2x} + B e^{-x}"),
        (r"g(x) = kx \text{ for any constant } k", "g(x) = kx for all real x, where k is a constant"),
    ],
    "steps and corners of several letters": [
        (r"\frac{|a|}{\sqrt{bc}}", r"\frac{|a|\sqrt{bc}}{|bc|}"),
        (r"\max(p,q)", r"\frac{p+q+|p-q|}{2}"),
        (r"\lfloor b \rfloor + \lceil a \rceil", r"\lceil a \rceil + \lfloor b \rfloor"), ("|z|=5", "5"),
        ("7", "|z|=7"),
    ],
    "logic": [(r"r \land s", r"s \wedge r"), (r"x = 4 \vee x = 6", r"x = 4 \text{ or } x = 6")],
    "amounts of money": [("45", r"\$45 \text{ per hour}"), (r"\$45", r"\$45 \text{ dollars}")],
    "extreme values in Chinese": [
        ("最大值为6", "最大值是6"), ("最大值为6", "最大值=6"), ("-1", "最小值=-1"),
        ("6", "最小值为6"), ("最小值为-2", "-2"), ("2:5", "2比5"),
    ],
    "counted things": [
        (r"8\text{ men}, 9\text{ women}", "8, 9"), (r"8\text{ men}, 9\text{ women}", "9 women and 8 men"),
    ],
    "a value and its percentage": [(r"\frac{2}{5}", r"\frac{2}{5}\ (40\%)"), ("0.65", "0.65 (65%)")],
    "halves": [
        ("50", "half a hundred"), (r"\frac12", "half of the balls"), ("right triangle", "right-angled triangle"),
    ],
    "vectors": [
        (COLUMN, r"\frac23\mathbf{i} + 5\mathbf{j}"),
        (r"\begin{pmatrix} 4 \\ 3 \end{pmatrix}", r"4\mathbf{i} + 3\mathbf{j}"),
    ],
    "approximations": [
        (r"3\pi", r"3\pi \approx 9.42"), (r"3\pi", r"A = 3\pi \approx 9"),
        (r"\sqrt{3}", r"x = \sqrt{3} \approx 1.73"),
        (r"\arctan 3", r"\theta = \arctan 3 \approx 71.6^\circ"), (r"\frac{2}{3}", r"p = \frac23 \approx 66.7\%"),
    ],
}  # fmt: skip
DIFFERENT = {
    "labelled values": [
        (r"\angle P = 40^\circ, \angle Q = 75^\circ", r"75^\circ, 40^\circ"), ("PQ = 8, QR = 5", "5, 8"),
        (r"\alpha = 2, \beta = 7", "7, 2"), ("S_1 = 6, S_2 = 1", "1, 6"), ("g(1) = 8, g(2) = 3", "3, 8"),
        (r"\sin A = \frac{5}{13}, \cos A = \frac{12}{13}", r"\frac{12}{13}, \frac{5}{13}"),
        ("x_1 = 6, y_1 = 1", "1, 6"),
        (r"\angle B = 50^\circ", r"C = 50^\circ"), (r"\angle ABC = 50^\circ", r"A = 50^\circ"),
    ],
    "rounded halves": [("2.34", "2.345"), ("-7.24", "-7.245"), ("0.625", "0.6255")],
    "numbers in words": [
        ("30", "thirty-first"), (r"\frac{40}{3}", "forty-third"), ("50", "fifty second"), ("4", "4th root"),
        ("4", r"4\text{th power}"), ("0.5", "half of k"), ("9", "nine of n"), ("9", "9 of x"),
    ],
    "values that are taken back": [
        ("9", "9 doubled"), ("9", "9 halved"), ("9", r"9 \text{ (wrong)}"), ("9", r"9 \text{ (extraneous)}"),
        ("9", "9 rejected"), ("9", "9 onwards"), ("9", r"\text{cannot be } 9"), ("9", r"\text{wrong: } 9"),
        ("9", r"\text{Incorrect: } 9"), ("9", "9 among others"), ("9", r"\text{Upper bound} = 9"),
        ("9", r"\text{upper bound: } 9"),
    ],
    "families with half of their members": [
        (r"\frac{\pi}{3} + n\pi", r"\frac{\pi}{3} + n\pi, n > 0"), (r"2k\pi", r"2k\pi, k \in \mathbb{N}"),
        (r"x = k\pi, k \ge 0", r"x = k\pi"),
    ],
    "lists with dots": [
        (r"2,4,\ldots,20", r"2,3,\ldots,20"), (r"\{3,4,\ldots,8\}", "3,4,5,6,7"),
        (r"1,2,\ldots,9", r"1,2,3,\ldots,10"),
        (r"1,2,\ldots,m", r"1,2,\ldots,m-1"), (r"1,2,4,\ldots,32", r"1,2,3,\ldots,32"),
        (r"1,2,\ldots,9", r"1,2,\ldots"), (r"1, 2, \ldots, 500", r"2, 3, \ldots, 500"),
    ],
    "functions": [
        (r"\cos\left(2x - \frac{\pi}{2}\right)", r"\cos 2\left(x - \frac{\pi}{2}\right)"),
        (r"y = C_1 e^{2x} + C_2 e^{-x}", r"y = C_1 e^{2x} + C_1 e^{-x}"),
        (r"y = C_1 e^{2x} + C_2 e^{-x}", r"A e^{2x} + B e^{x}"),
    ],
    "steps and corners of several letters": [
        (r"\frac{a}{b}", r"\left|\frac{a}{b}\right|"), ("pqr", "|pqr|"), (r"|p+q|", "|p|+|q|"), ("7", "|y|=7"),
        (r"\lfloor p+q \rfloor", r"\lfloor p \rfloor + \lfloor q \rfloor"),
        (r"\lceil xy \rceil", r"\lceil x \rceil \lceil y \rceil"),
    ],
    "extreme values in Chinese": [("最大值为6", "最小值为6"), ("最大值为6", "最小值=6"), ("2:5", "5比2")],
    "counted things": [
        (r"8\text{ men}, 9\text{ women}", "9, 8"), (r"8\text{ men}, 9\text{ women}", "9 men and 8 women"),
    ],
    "a value and its percentage": [(r"\frac{2}{5}", r"\frac{2}{5}\ (60\%)"), (r"20\%", r"80\%\ (20\%)")],
    "halves": [(r"\frac12", "half of one fifth"), (r"\frac12", "half past six"), ("7", "seven of ten")],
    "vectors": [(COLUMN, r"5\mathbf{i} + \frac23\mathbf{j}"), (COLUMN, r"\frac23\mathbf{i} - 5\mathbf{j}")],
    "approximations": [
        (r"\frac{2}{3}", r"\frac23 \approx 0.8"), (r"30\%", r"30\% \approx 40"),
        (r"15\text{ ways}", r"15\text{ ways} \approx 20"),
        (r"(1,2)", r"(1,2) \approx 3"), ("4", r"x = 4 \approx 5"), (r"\sqrt{36}", r"\sqrt{36} \approx 7"),
    ],
    "amounts of money and choices with words after them": [
        (r"\$45", r"\$45 \text{ or more}"), (r"\$2,500", r"\$2,500 \text{ is odd}"), ("45", "$45 less than before"),
        (r"\text{(D)}", r"\text{(D)} + 2"), ("(B)", r"(B) \text{ unless } n = 2"), ("(B)", r"(B) \cup (C)"),
    ],
    "logic": [(r"r \land s", r"r \lor s"), (r"x = 4 \vee x = 6", r"x = 4 \wedge x = 6")],
    "digits with points": [("3, 5, 7, 9", "3.5.7.9"), ("1, 2, 3", "1.2.3")],
    "sets and angles": [("[0, 2\\pi]", r"[0^\circ, 180^\circ]"), ("[0, 2\\pi]", r"[0, 360]"), ("ACE_{16}", "ACD")],
    "quantities of two units": [(r"250\text{ mL}", r"250\text{ cm}^2"), (r"48^\circ 15'", "48 degrees 51 minutes")],
    "what a sentence says": [("scalene", r"\text{a scalene trapezoid}")],
}  # fmt: skip
