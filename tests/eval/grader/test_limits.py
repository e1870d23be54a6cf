"""The limits on work: each is lowered until something small is beyond it. No text here is much for other software."""

from __future__ import annotations

import sys
import time

import pytest

from eval.grader import Grader, compare, extract, value
from eval.grader.compare import decide


@pytest.fixture
def lower(monkeypatch):
    """Set a limit, in every module that has it, and forget what was worked out before."""

    def set_to(name: str, limit: int) -> None:
        for module in modules:
            if hasattr(module, name):
                monkeypatch.setattr(module, name, limit)
        forget()

    def forget() -> None:
        for module in modules:
            for thing in vars(module).values():
                if hasattr(thing, "cache_clear"):
                    thing.cache_clear()

    modules = [module for name, module in sys.modules.items() if name.startswith("eval.grader.")]
    forget()
    yield set_to
    monkeypatch.undo()
    forget()


@pytest.mark.parametrize(
    ("name", "limit", "gold", "answer"),
    [
        ("LONGEST", 18, "x + 2y + 3z + 4w", "4w + 3z + 2y + x + 0"),
        ("DEEPEST", 4, "x+1", "((((((1+x))))))"),
        ("DEEPEST", 4, r"x^{\frac{1}{4}}", r"\sqrt{\sqrt{(((x)))}}"),
        ("HUGE", 20, r"\sin(2^{30})", r"\sin(4^{15})"),
    ],
)
def test_what_is_beyond_a_limit_is_another_answer(lower, name, limit, gold, answer):
    assert decide(gold, answer) is True
    lower(name, limit)
    assert decide(gold, answer) is not True
    assert decide(gold, gold) is True


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("x + 2y + 3z + 4w", "4w + 3z + 2y + x"),
        (r"\{1, 2, 3, 4, 5, 6\}", r"\{6, 5, 4, 3, 2, 1\}"),
        (r"(1,2) \cup (2,3) \cup [2,2]", "(1,3)"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix} 2/2 & 2 \\ 3 & 4 \end{pmatrix}"),
        (r"1 \pm \sqrt{8}", r"1 + 2\sqrt{2}, 1 - 2\sqrt{2}"),
    ],
)
def test_a_comparison_ends_when_its_work_is_spent(monkeypatch, gold, answer):
    assert decide(gold, answer) is True
    burn = value.Fuel.burn
    monkeypatch.setattr(value.Fuel, "burn", lambda fuel, amount=1: burn(fuel, 10_000 * amount))
    assert decide(gold, answer) is not True


@pytest.mark.parametrize(
    ("text", "same", "other"),
    [
        ("3^{100}", "9^{50}", "3^{101}"),
        ("2^{5^{3}}", "2^{125}", "2^{5^{3}+1}"),
        ("40!", r"40 \cdot 39!", "41!"),
        (r"\binom{90}{40}", r"\binom{90}{50}", r"\binom{90}{41}"),
        (r"3^{60} \cdot 5^{60}", "15^{60}", "15^{61}"),
        (r"\frac{5^{40}}{7^{20}}", r"(\frac{25}{7})^{20}", r"\frac{5^{41}}{7^{20}}"),
    ],
)
def test_numbers_of_more_bits_than_allowed_are_not_kept_exactly(lower, text, same, other):
    def evaluated() -> object:
        return value.Evaluator(value.Fuel()).value(compare.readings(text)[0])

    exact = evaluated()
    assert isinstance(exact, int | value.Fraction)
    lower("BITS", 64)
    rounded = evaluated()
    assert not isinstance(rounded, int | value.Fraction)
    assert value.same(exact, rounded)
    assert decide(text, same) is True and decide(text, other) is False


ODD = {
    "null byte": "5\x00",
    "lone surrogate": "5\ud800",
    "many divisions": "1" + "/x" * 20,
    "many signs": "-" * 30 + "5",
    "many plus minus": r"\pm".join("1" * 12),
    "unbalanced": "(" * 15,
    "tangent at a pole": r"\tan(90^\circ)",
    "zero to zero": "0^0",
    "division by zero": r"\frac{1}{0}",
    "infinities": r"\infty-\infty",
    "many primes": "f" + "'" * 30,
    "boxes in boxes": r"\boxed{" * 10 + "1" + "}" * 10,
    "a row of a matrix": r"\begin{pmatrix}" + "1&" * 30 + r"\end{pmatrix}",
    "an inequality of powers": "x^{x^{x}} < 3",
    "code": "__import__('os').getcwd()",
}


@pytest.mark.parametrize("name", ODD)
def test_odd_input_gets_a_verdict_in_process(name):
    text = ODD[name]
    start = time.thread_time()
    for gold, prediction in (
        (text, text + " + 1"),
        ("5", text),
        (text, "5"),
        ("x+1", text),
        ("(1,2)", text),
        ("x<5", text),
    ):
        assert decide(gold, prediction) in (True, False, None)
    if name != "many signs":
        assert decide("5", text + " + 1 ") is not True
    assert time.thread_time() - start < 6


def test_odd_responses_get_a_verdict_from_the_grader():
    items = [("5", rf"\boxed{{{text}}}") for text in ODD.values()] + [(text, r"\boxed{5}") for text in ODD.values()]
    items += [("5", text) for text in ODD.values()]
    with Grader(workers=2, deadline=5.0) as grader:
        verdicts = {graded.verdict for graded in grader.grade(items) + grader.grade(items, fallbacks=True)}
    assert verdicts <= {"correct", "incorrect", "no_answer", "malformed"}


LONG = {
    "open boxes": lambda n: r"\boxed{" * (n // 40) + "x" * n,
    "boxes": lambda n: r"\boxed{5}" * (n // 9),
    "braces": lambda n: ("{" * 10 + "}" * 10) * (n // 20),
    "dollars": lambda n: "$" * n,
    "formulas": lambda n: r"\(" * (n // 4),
    "phrases": lambda n: "answer is " * (n // 10),
    "spaces": lambda n: " " * n,
    "numbers": lambda n: "1 " * (n // 2),
}


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_is_read_in_linear_time(lower, name):
    lower("TAIL", 250)  # of a text, that the fallbacks look at

    def seconds(length: int) -> float:
        text, times = LONG[name](length), []
        for _ in range(20):
            start = time.thread_time()  # of this thread alone, whatever else the machine does
            extract(text)
            extract(text, fallbacks=True)
            times.append(time.thread_time() - start)
        return min(times)

    assert seconds(2_000) < 25 * seconds(250)  # quadratic would be 64 times
