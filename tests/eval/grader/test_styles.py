r"""The styles of answers of single data sets, by kind, each kind with its near misses; judged by hand."""

from __future__ import annotations

import pytest
from pairs import cases

from eval.grader import equal
from eval.grader.compare import decide

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
}  # fmt: skip


@pytest.mark.parametrize(("gold", "prediction"), cases(SAME))
def test_same(gold, prediction):
    assert equal(gold, prediction)


@pytest.mark.parametrize(("gold", "prediction"), cases(DIFFERENT))
def test_different(gold, prediction):
    assert not equal(gold, prediction)


def test_the_tables_are_decided_without_a_worker():
    pairs = [pair for table in (SAME, DIFFERENT) for kind in table.values() for pair in kind]
    assert [pair for pair in pairs if decide(*pair) is None] == []
