r"""Answers beside their near misses, by kind: what a mathematician takes for the gold answer, and what not."""

from __future__ import annotations

LINE = r"\begin{pmatrix} 1 \\ 2 \end{pmatrix} + t\begin{pmatrix} 3 \\ 4 \end{pmatrix}"
SYMMETRIC = r"\frac{x-1}{2}=\frac{y}{3}=\frac{z+1}{4}"
SAME = {
    "decimal commas": [
        ("1.5", "1,5"), ("2.3", "2,3"), ("3.14", "3,14"), ("3,14", "3.14"), ("-0.5", "-0,5"),
        (r"12,5\text{ cm}", "12.5"), (r"12.5\text{ cm}", r"12,5\text{ cm}"), ("1{,}25", r"\frac{5}{4}"),
        ("2{,}3", "2.3"), ("1{,}250", "1250"), (r"\{1{,}2{,}3\}", r"\{1,2,3\}"), ("2,3", "3, 2"),
        ("123.456.789", "123456789"), ("17,44", "44, 17"),
    ],
    "pairs and alternatives": [
        ("(2,5)", r"x=2 \text{ and } y=5"), ("(2,5)", "a=2, b=5"), ("(2,5)", "2, 5"), ("2, 5", "x = 2, x = 5"),
        ("1,2", r"x \equiv 1 \pmod 3, x \equiv 2 \pmod 3"), ("(1)(3)", "①③"), ("(-3,3)", "x \\in ]-3, 3["),
    ],
    "equations with a denominator": [
        ("xy=1", r"y=\frac{1}{x}"), (r"y=\frac{2}{x-1}", "y(x-1)=2"), (r"x=\frac{4}{y}", "xy=4"),
        (r"y=\frac{x+1}{x-2}", "(x-2)y=x+1"), (r"y^2=\frac{1}{x}", "xy^2=1"), ("xy=6", "yx=6"), ("6", "xy=6"),
    ],
    "lines": [
        (SYMMETRIC, r"\frac{1-x}{2}=\frac{-y}{3}=\frac{-z-1}{4}"),
        (SYMMETRIC, r"\frac{x-1}{4}=\frac{y}{6}=\frac{z+1}{8}"), (LINE, LINE.replace("+ t", "+ s")),
        (LINE, r"\mathbf{r} = " + LINE), (LINE, LINE.replace("+ t", r"+ \lambda")), (LINE, LINE.replace("+", "-")),
        (LINE, r"\begin{pmatrix} 4 \\ 6 \end{pmatrix} + s\begin{pmatrix} -6 \\ -8 \end{pmatrix}"),
        ("(1,2)+t(3,4)", "(4,6)+s(3,4)"), ("(1,2,3)+t(1,0,-1)", "(1+t,2,3-t)"),
    ],
    "units": [
        ("10", "10 m/s^2"), ("10", r"10 \frac{m}{s}"), (r"10\text{ m/s}^2", "10 m/s^2"),
        (r"10\frac{m}{s}", r"10\text{ m/s}"),
        ("10", r"10\,\mathrm{m\,s^{-2}}"), ("10", r"10\,\mathrm{m\cdot s^{-2}}"), ("1.6e-19", r"1.6e-19\text{ C}"),
        ("2.5", r"\frac{5}{2}\,\mathrm{kg\,m\,s^{-2}}"), (r"5\text{ A}", "5"), ("6e13", r"6 \times 10^{13} Hz"),
        ("12.5", "12.5 per cent"), (r"3\mathrm{C}_5^2", "30"), (r"36^\circ 30'", r"36.5^\circ"),
        (r"35^\circ 20'", r"35^{\circ}20^{\prime}"), (r"\frac{m}{s}", r"\frac{2m}{2s}"),
    ],
    "words around a value": [
        ("5", r"5 \text{ more}"), ("5", "5 fewer apples"), ("5", "There are 5 ways"), ("5", "the area is 5"),
        ("5", "There are exactly 5 such integers"), ("5", r"\text{The answer is 5}"), ("5", "x is 5"),
        (r"\frac12", r"The probability is $\frac{1}{2}$."), ("-12", "negative 12"), ("-12", r"\text{minus } 12"),
        (r"\frac57", r"5 \text{ out of } 7"), ("Tuesday", "It will be Tuesday."), ("2.5", "two and a half"),
        (r"\frac73", "two and one-third"), ("2", r"2\text{ only}"), (r"\text{I and III only}", r"\text{I and III}"),
    ],
    "sentences": [
        (r"\text{no solution}", "There is no solution"), (r"\text{no solution}", "there are no real solutions"),
        (r"\text{no solution}", "no such number exists"), ("Yes", "Yes, it is possible."),
        ("No", r"\text{No, there does not exist such a set}"), (r"\text{Yes, it is possible}", "yes"),
        ("(0,\\infty)", r"\text{all positive real numbers}"), (r"\mathbb{N}", "all positive integers"),
        (r"\lambda > 0", r"\lambda \in \mathbb{R}^+"),
    ],
    "writing": [
        (r"\frac34", "frac{3}{4}"), (r"\frac34", "\x0crac{3}{4}"), (r"\sqrt[3]{2}", r"\root 3 \of 2"),
        (r"\pm 2", "x = +/- 2"), ("120", "10C3"), ("720", "{}_{10}P_3"), ("12\\pi", r"\text{$12\pi$ cm}"),
        (r"\text{all $n \ge 3$}", r"n \ge 3"), (r"\frac12", r"\mathrm{\frac{1}{2}}"), (r"\frac12", "*1/2*"),
        (r"\frac12", r"\frac{1}{2} \text{.}"), ("2A_{16}", "2a_{16}"), (r"f(x) \equiv 0", "f(x) = 0"),
        (r"f(x)=2x", r"f(x) = 2x \quad \forall x \in \mathbb{R}"),
    ],
    "letters": [
        ("x^2+C", "x^2+c"), (r"\frac{GMm}{r^2}", r"\frac{G M m}{r^2}"), ("nRT", "n R T"), ("GM", r"G \cdot M"),
        (r"\frac{3}{2}kT", r"\frac{3kT}{2}"), (r"e^{hc/(\lambda k T)}", r"e^{\frac{hc}{\lambda kT}}"),
        (r"\log_{10} 5", r"\log 5"), (r"\log 5", r"\lg 5"), (r"\log 5", r"\ln 5"),
    ],
    "percentages": [("0.5", r"0.5\%"), (r"\frac{1}{200}", r"0.5\%"), (r"\frac{3}{2}", r"1.5\%")],
}  # fmt: skip
DIFFERENT = {
    "decimal commas": [
        ("2,3", "2.3"), ("1,5", "1.5"), ("0,1", "0.1"), ("-2,1", "-2.1"), ("2, 3", "2.3"), ("2.5", "2, 5"),
        ("3.14", "3,15"), (r"12,5\text{ cm}", r"12.5\text{ m}"), ("12.345", "12,345"), ("1.234", "1234"),
    ],
    "pairs and alternatives": [
        ("(2,5)", "2 or 5"), ("(2,5)", "x = 2, x = 5"), (r"2 \text{ or } 5", "(2,5)"), ("2,5", r"x \in (2,5)"),
        ("1,2", r"p=2 \text{ or } p \equiv 1 \pmod 4"), ("(1)(3)", "3"), ("[-3,3]", "x \\in ]-3, 3["),
    ],
    "equations with a denominator": [
        ("xy=1", "1"), ("y=x", "xy=x^2"), (r"\frac1x+\frac1y=1", "x+y=xy"), (r"y=\frac{6}{x}", "xy=-6"),
        (r"y=\frac{x-2}{x-2}", "(x-2)y=x-2"), (r"y=\frac{2}{x-1}", "y(x-1)=3"), (r"y=\frac{1}{x}", "x^2y=x"),
        (r"y=\frac{x-y}{x}", "xy=x-y"),
    ],
    "lines": [
        (SYMMETRIC, SYMMETRIC.replace("z+1", "z-1")), (LINE, LINE.replace("3", "4", 1)), ("(1,2)+t(3,4)", "(1,2)"),
        (LINE, LINE.replace("t\\begin", "t^2\\begin")), ("(1,2)+t(3,4)", "(4,7)+t(3,4)"),
        ("(1,2)+k(3,4)", "(1,2)+k(6,8)"),
    ],
    "units": [
        (r"10\text{ m/s}", "10 m/s^2"), ("10", r"10\frac{s}{m}"), (r"\frac{3m}{s}", r"\frac{m}{3s}"), ("5", "10 m/s"),
        (r"\frac{3m}{s}", "3"),
        (r"5\text{ A}", r"5\text{ V}"), (r"36^\circ 30'", r"36.3^\circ"), (r"36^\circ 30'", r"36^\circ 31'"),
        (r"12\text{ A}", r"12\text{ C}"), ("6e13", "6 kT"),
    ],
    "words around a value": [
        ("5", "5 more than x"), ("5", "5 more or less"), (r"5 \text{ more}", r"5 \text{ fewer}"),
        ("5", r"\text{The answer is not 5}"), ("5", "the answer is 5 or 6"), ("5", "x is 5 more than y"),
        ("5", "There are at least 5 ways"), ("5", "There are 2 answers: 3 and 5"), ("5", r"5 \text{ out of } 7"),
        (r"\frac57", "5 out of 8"), ("Tuesday", "It is not Tuesday"), ("12", "negative 12"),
        ("2.5", "two and a third"), (r"\text{I only}", r"\text{II only}"),
    ],
    "sentences": [
        (r"\text{no solution}", "no positive solutions"), ("Yes", "Yes, but only for n=2"), ("No", "Yes, it is."),
        ("Yes", "Yes, if n is even"), (r"\text{Yes, it is possible}", "No"), ("0", "no such number exists"),
        (r"\mathbb{Z}", "all positive integers"), (r"\lambda > 0", r"\lambda \in \mathbb{R}"),
        ("[0,\\infty)", r"\text{all positive real numbers}"),
    ],
    "writing": [("2a_{16}", "2A_{15}"), (r"\pm 2", "+/- 3"), ("120", "10C4"), (r"\text{all $n \ge 3$}", "n > 3")],
    "letters": [
        ("cx^2+C", "cx^2+c"), ("x^2+C", "x^2-c"), ("AB", "BA"), (r"\frac{GMm}{r^2}", r"\frac{G M}{r^2}"),
        (r"\log_{10} 5", r"\ln 5"), (r"\log_2 5", r"\log 5"), ("x+C", "x"),
    ],
    "times": [("4:05 p.m.", "-4:05 p.m."), ("4:05", "-4:05")],
    "percentages": [(r"\frac12", r"0.5\%"), (r"\frac12", "50")],
}  # fmt: skip
