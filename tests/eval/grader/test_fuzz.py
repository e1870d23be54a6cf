"""Properties that hold for every expression and every string."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from eval.grader import equal, extract
from eval.grader.compare import decide

numbers = st.one_of(
    st.integers(-10_000, 10_000).map(str),
    st.decimals(-1000, 1000, places=3).map(str),
    st.tuples(st.integers(-99, 99), st.integers(1, 99)).map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
    st.integers(1, 99).map(lambda n: rf"\sqrt{{{n}}}"),
    st.sampled_from([r"\pi", "e", "i", r"\infty", r"2\frac{1}{3}", r"45^\circ", r"12\%", "1,234"]),
)
atoms = st.one_of(numbers, st.sampled_from(["x", "y", "n", r"\theta", "x_1", "f(x)"]))


def compound(parts):
    two = st.tuples(parts, parts)
    return st.one_of(
        two.map(lambda p: f"{p[0]} + {p[1]}"),
        two.map(lambda p: f"({p[0]}) - ({p[1]})"),
        two.map(lambda p: rf"\left({p[0]}\right)\left({p[1]}\right)"),
        two.map(lambda p: rf"\frac{{{p[0]}}}{{{p[1]}}}"),
        st.tuples(parts, st.integers(-3, 4)).map(lambda p: f"({p[0]})^{{{p[1]}}}"),
        parts.map(lambda p: rf"\sqrt{{{p}}}"),
        parts.map(lambda p: rf"\sin({p})"),
        parts.map(lambda p: f"|{p}|"),
        parts.map(lambda p: f"{{{p}}}"),
    )


expressions = st.recursive(atoms, compound, max_leaves=8)
answers = st.one_of(
    expressions,
    st.lists(expressions, min_size=1, max_size=4).map(", ".join),
    st.lists(expressions, min_size=1, max_size=4).map(lambda items: r"\{" + ", ".join(items) + r"\}"),
    st.lists(expressions, min_size=2, max_size=3).map(lambda items: "(" + ", ".join(items) + ")"),
    st.tuples(st.sampled_from("(["), expressions, expressions, st.sampled_from(")]")).map(
        lambda p: f"{p[0]}{p[1]}, {p[2]}{p[3]}"
    ),
    st.tuples(expressions, st.sampled_from(["=", "<", r"\ge", r"\in", r"\pm"]), expressions).map(" ".join),
    st.tuples(expressions, st.sampled_from([r"\text{ cm}", r"\text{ and } 5", "^2", "!"])).map("".join),
)
MARKS = [
    "\\frac",
    "\\sqrt",
    "\\text{",
    "\\left(",
    "\\begin{pmatrix}",
    "\\end{pmatrix}",
    "\\boxed{",
    "\\\\",
    "\\pm",
    "$",
]
soup = st.lists(st.one_of(st.sampled_from([*MARKS, *"{}()[]|^_!%&,;:=<>+-*/.'0123456789xyie "]), st.text(max_size=3)))


@settings(max_examples=250, deadline=None)
@given(answers)
def test_equal_to_itself(answer):
    assert equal(answer, answer)


@settings(max_examples=200, deadline=None)
@given(answers)
def test_equal_to_itself_in_other_dress(answer):
    for dressed in (
        f"${answer}$",
        f"  {answer} ",
        rf"\boxed{{{answer}}}",
        rf"\displaystyle {answer}.",
        f"{{{answer}}}",
    ):
        assert decide(answer, dressed) is not False, dressed


@settings(max_examples=250, deadline=None)
@given(answers, answers)
def test_symmetric_and_never_raises(first, second):
    forward, backward = decide(first, second), decide(second, first)
    if "." not in first + second:  # a gold that is a rounded decimal allows more than a prediction that is one
        assert forward == backward


@settings(max_examples=200, deadline=None)
@given(soup.map("".join), st.one_of(answers, soup.map("".join)))
def test_any_string_gets_a_verdict(first, second):
    assert decide(first, second) in (True, False, None)
    for text in (first, rf"\boxed{{{first}}}"):
        assert extract(text) is None or isinstance(extract(text), str)
        assert extract(text, fallbacks=True) is None or isinstance(extract(text, fallbacks=True), str)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40), st.text(max_size=40))
def test_any_unicode_gets_a_verdict(first, second):
    assert decide(first, second) in (True, False, None)
    extract(first + r"\boxed{" + second + "}", fallbacks=True)


@settings(max_examples=200, deadline=None)
@given(st.fractions(-1000, 1000, max_denominator=500), st.fractions(-1000, 1000, max_denominator=500))
def test_fractions_are_compared_exactly(first, second):
    def written(value: Fraction) -> list[str]:
        n, d = value.numerator, value.denominator
        return [f"{n}/{d}", rf"\frac{{{n}}}{{{d}}}", rf"-\dfrac{{{-n}}}{{{d}}}", rf"\frac{{{3 * n}}}{{{3 * d}}}"]

    for one in written(first):
        for other in written(second):
            assert equal(one, other) == (first == second)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_integers_are_compared_exactly(first, second):
    for one in (str(first), f"{first:,}", f"{first}.0", f"${first}$", rf"{first}\text{{ cm}}"):
        assert equal(one, str(second)) == (first == second)
        assert equal(one, str(first))
        assert not equal(one, str(first + 1))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(-9, 9), min_size=1, max_size=5), st.lists(st.integers(-9, 9), min_size=1, max_size=5))
def test_polynomials_are_compared_by_value(first, second):
    def written(coefficients: list[int]) -> str:
        return " + ".join(f"({c})x^{{{power}}}" for power, c in enumerate(coefficients))

    def trimmed(coefficients: list[int]) -> list[int]:
        while coefficients and coefficients[-1] == 0:
            coefficients = coefficients[:-1]
        return coefficients

    assert equal(written(first), written(second)) == (trimmed(first) == trimmed(second))
    turned = " + ".join(reversed(written(first).split(" + ")))
    assert equal(written(first), turned)
