r"""What an answer is dressed in: gaps between rows, braces, fonts; and kinds on which a blind set found faults."""

from __future__ import annotations

SAME = {
    "gaps between rows": [
        (r"\begin{pmatrix} 5 \\ -7 \end{pmatrix}", r"\begin{pmatrix} 5 \\[6pt] -7 \end{pmatrix}"),
        (r"\begin{bmatrix} a & b \\ c & d \end{bmatrix}", r"\begin{bmatrix} a & b \\[0.5em] c & d \end{bmatrix}"),
        (r"x = 4, y = 9", r"\begin{cases} x = 4 \\[2mm] y = 9 \end{cases}"),
        (r"\begin{cases} n, & n > 3 \\ 2, & n \le 3 \end{cases}",
        r"\begin{cases} n, & n > 3 \\[1ex] 2, & n \le 3 \end{cases}"),
    ],
    "braces and fonts around all of it": [
        ("3021_4", "{3021_4}"), ("3021_4", r"\mathbf{3021_4}"), ("3021_4", "{3021}_{4}"), ("7B_{12}",
        r"\mathbf{7B}_{12}"),
        (r"\text{(D)}", r"{\text{(D)}}"), (r"-\frac{5}{9}", r"{-\frac{5}{9}.}"), (r"\binom{8}{3}", r"{8 \choose 3}"),
        ("5:20", r"5\text{:}20"), (r"\text{z-axis}", r"\text{the }z\text{-axis}"), (r"|m|", r"{|m|}"),
    ],
    "what stands around all of it": [
        ("19", r"\displaystyle \text{The sum is } 19"),
        ("19", r"$\text{The sum is } 19$."), (r"5\sqrt{7}", r"\,{5\sqrt{7}}\,."),
        ("4,\\!096", r"\,4,\!096\,"), ("3021_4", r"\boldsymbol{3021_4}. "),
        ("3021_4", r"\boxed{\,\text{The number is }3021_4\,}"),
        (r"\text{C, D}", r"\mathbf{\text{C, D}}."), (r"\frac{4}{7}", r"\frac{4}{7} \text{ (approximately } 0.571)"),
        (r"\frac{4}{7}", r"\frac47\ (\approx 0.571)"), (r"\frac{1}{6}", "0.1666..."),
    ],
    "numbers beside e": [("3a + 5e", "5e+3a"), ("2 + 6e", "6e + 2"), ("0.0031", "3.1e-3")],
    "arguments without braces": [
        (r"\frac{M}{g}", r"\frac Mg"), (r"\sqrt{\frac{K}{m}}", r"\sqrt{\frac Km}"), (r"\frac{Q}{C}", r"\frac QC"),
        (r"\frac{U}{R}t", r"\frac URt"), (r"\frac{dp}{dt} = F", "dp/dt = F"),
        (r"\frac{PQ}{2}", r"\frac12PQ"), ("hA", "h A"),
    ],
    "identities and angles": [
        ("a^2-b^2", "a^2-b^2 = (a-b)(a+b)"), ("4y+12", "4(y+3) = 4y + 12"), (r"\frac{\pi}{5}",
        r"\frac{\pi}{5} = 36^\circ"),
    ],
    "sums of numbers with dots": [
        (r"1+2+3+\cdots+40", "820"), ("2550", r"2+4+\dots+100"), (r"5 + 10 + 15 + \cdots + 500", "25250"),
        (r"1\cdot 2\cdot 3\cdots 12", "12!"), ("820", r"1+2+\cdots+40 = 820"), (r"6\cdot5\cdots1", "720"),
    ],
    "formulas of chemistry": [
        (r"\mathrm{Al^{3+}}", r"\mathrm{Al}^{3+}"), (r"\text{Br}^-", "Br^{-}"), (r"\mathrm{NH_3}", "NH3"),
        (r"C_6H_{12}O_6", r"\mathrm{C_6H_{12}O_6}"), (r"C_6H_{12}O_6", "C6H12O6"),
    ],
    "chains and letters": [
        ("p = q = r", "r = p = q"), ("u = v = w = 6", "w = u = v = 6"), ("u = v = w = 6", "(6, 6, 6)"),
        (r"y = kx + m, \text{ where } k, m \in \mathbb{R}", r"y = kx + m, k, m \in \mathbb{R}"), ("s(t) = 4t^2",
        "s = 4t^2"),
        (r"(-1)^k \frac{\pi}{3} + \pi k", r"(-1)^n \frac{\pi}{3} + n\pi"), (r"n \equiv 0 \pmod{9}", r"9 \mid n"),
        (r"2k\pi \pm \frac{\pi}{5}", r"2n\pi \pm \frac{\pi}{5}"),
    ],
    "sets": [
        (r"\{3, 8\} \cup \{5\}", r"\{3, 5, 8\}"), (r"\mathbb{Q}", r"\text{the set of rational numbers}"),
        (r"\text{(i) } 8 \text{ (ii) } n", "(i) 8, (ii) n"), (r"\text{(i) } 8 \text{ (ii) } n", "8, n"),
        (r"9\pi \text{ square inches}", "9π in²"), ("无解", "原方程组无解"),
    ],
}  # fmt: skip
DIFFERENT = {
    "gaps between rows": [
        (r"\begin{pmatrix} 5 \\ -7 \end{pmatrix}", r"\begin{pmatrix} 5 \\[6pt] 7 \end{pmatrix}"),
    ],
    "braces and fonts around all of it": [
        ("3021_4", "{3021_5}"), ("3021_4", r"\mathbf{3012_4}"), (r"\{2, 7\}", "{2},{8}"), ("12", "{1}2"),
    ],
    "what stands around all of it": [
        ("19", r"$\text{The sum is not } 19$."), (r"5\sqrt{7}", r"\,-{5\sqrt{7}}\,."), ("19", r"\displaystyle 19.5."),
        (r"\frac{4}{7}", r"\frac{4}{7} \text{ (approximately } 0.671)"), (r"\frac{1}{6}", "0.1666."),
    ],
    "numbers beside e": [("3a + 5e", "5e-3a"), ("0.0031", "3.1e3")],
    "arguments without braces": [(r"\frac{M}{g}", r"\frac gM"), (r"\frac{U}{R}t", r"\frac UtR")],
    "identities and angles": [
        ("a^2-b^2", "a^2-b^2 = 0"), ("a^2-b^2", "a^2-b^2 = (a-b)^2"), (r"\frac{\pi}{5}", r"\frac{\pi}{5} = 30^\circ"),
        (r"\frac{\pi}{5}", r"\frac{\pi}{5} = 36"), ("x", "x^2 = x"),
    ],
    "sums of numbers with dots": [
        (r"1+2+3+\cdots+40", "819"), (r"1+4+\cdots+64", "64"), (r"1+4+\cdots+64", "715"), (r"1+4+9+\cdots+64", "715"),
    ],
    "formulas of chemistry": [
        (r"\mathrm{Al^{3+}}", "Al^{2+}"), (r"\mathrm{Al^{3+}}", "Al^{3-}"), (r"\mathrm{NH_3}", "NH4"), (r"NO_2",
        "N2O"),
    ],
    "chains and letters": [
        ("u = v = w = 6", "u = v = 6"), ("u = v = 6", "u = 6"), ("p = q = r", "p = q"), ("y(t) = 4t^2", "s = 4t^2"),
        (r"(-1)^k \frac{\pi}{3} + \pi k", r"\frac{\pi}{3} + n\pi"), (r"2k\pi \pm \frac{\pi}{5}",
        r"n\pi \pm \frac{\pi}{5}"),
        ("ab = 3b", "a = 3b"), ("PQ = QR = RS = 9", "PQ = QR = 9"),
    ],
    "words": [(r"\text{even function}", r"\text{even number}"), (r"\text{odd integers}", r"\text{odd functions}")],
    "sets": [(r"\{3, 8\} \cup \{5\}", r"\{3, 8\}"), (r"\{3, 8\} \cap \{5\}", r"\{3, 5, 8\}")],
}  # fmt: skip
