"""The verifiers: what each takes as right, a person's own in its worker, and what is refused."""

from __future__ import annotations

import os
import re
from functools import partial
from pathlib import Path

import pytest

from eval.grader.verdict import Reason, training_rule
from eval.verifiers import Item, Verifiers, answer_of, answers, check, declared, default_of, strict
from lim.utils.errors import InputError

OWN = '''
import os, time, numpy  # numpy here, not within the deadline

def share(response, answer, metadata):
    """Share of the wanted words that the response has."""
    words = metadata["words"]
    return sum(word in response for word in words) / len(words)

def odd(response, answer, metadata):
    match response.split():
        case ["sleep"]: time.sleep(60)
        case ["allocate"]: bytearray(2**40)
        case ["exit"]: raise SystemExit(3)
        case ["print"]: print("a line on stdout")
        case ["text"]: return "1"
        case ["two"]: return 2
        case ["nan"]: return float("nan")
        case ["none"]: return None
        case ["true"]: return True
        case ["numpy"]: return numpy.float32(0.5)
        case ["async"]: return later()
    return 0.25

async def later():
    return 1

number = 3
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("own") / "own.py"
    path.write_text(OWN)
    (path.parent / "broken.py").write_text("import nothing_of_this_name\n")
    return path


@pytest.fixture(scope="module")
def verifiers(file):
    names = {"words": "share", "odd": "odd", "absent": "absent", "number": "number"}
    own = {name: f"{file}:{function}" for name, function in names.items()}
    with Verifiers(own | {"broken": f"{file.parent}/broken.py:f"}, workers=1, deadline=2.0) as found:
        yield found


@pytest.mark.parametrize(
    ("response", "found", "opened"),
    [
        (r"so \boxed{B}", "B", 1),
        (r"\boxed{\text{B}}", "B", 1),
        (r"\boxed{ $12$ }", "12", 1),
        ("<answer>\n1 2\n3 4\n</answer>", "1 2\n3 4", 1),
        (r"<think>\boxed{1}</think><answer>2</answer>", "2", 2),
        (r"<answer>It is \boxed{7}.</answer>", "7", 2),
        ("<answer>1</answer> no, <answer>2</answer>", "2", 2),
        ("<answer>1</answer> <answer> </answer>", "1", 2),
        (r"<answer></answer> \boxed{5}", "5", 2),
        ("<answer>never closed", None, 1),
        ("an <answer> tag, <answer>4</answer>", "4", 2),
        ("nothing", None, 0),
    ],
)
def test_an_answer_is_in_a_box_or_a_tag(response, found, opened):
    assert answers.find(response) == (found, opened)
    assert answer_of(response, "choice") == found


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("B", "B", True), ("(b)", "B", True), ("B.", "B", True), ("B)", "(B)", True), ("C", "B", False),
        ("B or C", "B", False), ("A, B", "B", False), ("A, C", "C and A", True), ("AC", "A,C", True),
        ("A, A", "A", False), ("Bob", "B", False), ("the answer is B", "B", False), ("", "B", False),
        ("AB", "A, B, C", False), ("cab", "C, A, B", False),
    ],
)  # fmt: skip
def test_choice(answer, gold, right):
    assert strict.choice(answer, gold, {}) == right


@pytest.mark.parametrize(
    ("answer", "gold", "right"),
    [
        ("abc", "abc", True), (" abc \n", "abc", True), ("1 2  \n3 4", "1 2\n3 4", True), ("é", "é", True),
        ("Abc", "abc", False), ("a bc", "abc", False), ("abc.", "abc", False), ("1 2\n\n3 4", "1 2\n3 4", False),
    ],
)  # fmt: skip
def test_exact(answer, gold, right):
    assert strict.exact(answer, gold, {}) == right


@pytest.mark.parametrize(
    ("answer", "gold", "metadata", "right"),
    [
        ("1000", "1,000", {}, True), ("1e3", "1000", {}, True), ("0.50", "1/2", {}, True), ("−3", "-3", {}, True),
        ("+7", "7", {}, True), (".5", "0.5", {}, True), ("0.1", "0.10000000000000001", {}, False),
        ("10,00", "1000", {}, False),
        ("1000 m", "1000", {}, False), ("5.", "5", {}, False), ("nan", "nan", {}, False),
        ("inf", "inf", {}, False), ("1/0", "1/0", {}, False), ("e5", "1", {}, False), ("1e9999", "1", {}, False),
        ("9.9", "10", {"tolerance": 0.1}, True), ("9.89", "10", {"tolerance": 0.1}, False),
        ("101", "100", {"relative_tolerance": 0.01}, True), ("102", "100", {"relative_tolerance": 0.01}, False),
        ("٣", "3", {}, False), ("9" * 2000, "9" * 2000, {}, False),
    ],
)  # fmt: skip
def test_numeric(answer, gold, metadata, right):
    assert strict.numeric(answer, gold, metadata) == right


def test_a_mixed_batch_keeps_its_order(verifiers):
    graded = verifiers.grade(
        [
            Item(r"\boxed{(B)}", "B", "choice"),
            Item(r"\boxed{\frac12}", "0.5"),
            Item("red and blue", "", "words", {"words": ["red", "green"]}),
            Item("no box", "3", "numeric"),
            Item("<answer>abd</answer>", "abc", "exact"),
            Item("red green", "", "words", {"words": ["red", "green"]}),
        ]
    )
    assert [one.verdict for one in graded] == [
        "correct", "correct", "incorrect", "no_answer", "incorrect", "correct"
    ]  # fmt: skip
    assert [one.score for one in graded] == [1, 1, 0.5, None, 0, 1]
    assert [one.answer for one in graded] == ["(B)", r"\frac12", None, None, "abd", None]


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ("exit", "raised line 13: SystemExit: 3"),
        ("text", r"returned '1' \(str\), not a number from 0 to 1"),
        ("two", r"returned 2 \(int\)"),
        ("nan", r"returned nan \(float\)"),
        ("none", r"returned None \(NoneType\)"),
        ("async", r"returned <coroutine .* \(coroutine\), not a number"),
    ],
)
def test_what_a_persons_verifier_does_wrong_is_said(verifiers, file, response, said):
    with pytest.raises(InputError, match=f"verifier odd \\({re.escape(str(file))}:odd\\) {said}"):
        verifiers.grade([Item(response, "1", "odd")])


def test_an_exception_names_the_line_of_the_file(verifiers):
    with pytest.raises(InputError, match=r"words .* raised line 6: KeyError: 'words'"):
        verifiers.grade([Item("red", "", "words")])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent", "cannot be loaded: AttributeError: has no function 'absent'"),
        ("number", "cannot be loaded: AttributeError: has no function 'number'"),
        ("broken", "cannot be loaded: line 1: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
    ],
)
def test_a_file_that_cannot_be_loaded(verifiers, name, said):
    with pytest.raises(InputError, match=said):
        verifiers.grade([Item("x", "1", name)])


def test_too_long_or_too_large_is_a_timeout_and_the_next_item_is_graded(verifiers):
    items = [Item(text, "1", "odd") for text in ("sleep", "print", "allocate", "true", "numpy")]
    graded = verifiers.grade(items)
    assert [one.verdict for one in graded] == ["timeout", "incorrect", "timeout", "correct", "incorrect"]
    assert [one.score for one in graded] == [None, 0.25, None, 1.0, 0.5]
    assert graded[0].reason is Reason.OVER_LIMIT


def test_only_being_cut_off_counts_for_the_response_of_a_persons_verifier(verifiers):
    text = "x" * 40 + " я" * 40 + r"\boxed{1}" * 6  # repeats itself, garbled, six boxes
    for finished, verdict in ((True, "incorrect"), (False, "truncated")):
        rule = partial(training_rule, finished=finished)
        assert verifiers.grade([Item(text, "1", "odd")], rule=rule)[0].verdict == verdict
        assert verifiers.grade([Item(text, "1", "choice")], rule=rule)[0].verdict in ("malformed", "truncated")


def test_no_worker_outlives_its_verifiers(file):
    with Verifiers({"odd": f"{file}:odd"}, workers=2) as found:
        found.grade([Item(f"text of {n}", "1", "odd") for n in range(4)])
        pids = [worker.process.pid for worker in found.pools["odd"].workers]
    assert pids and not any(os.path.exists(f"/proc/{pid}") for pid in pids)


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({"verifier": "lib/words.py:share"}, "is a path; a record only names a verifier"),
        ({"verifier": "words.py"}, "is a path"),
        ({"verifier": r"C:\words"}, "is a path"),
        ({"verifier": "chioce"}, "no verifier 'chioce'; did you mean choice"),
        ({"verifier": 3}, "no verifier 3"),
        ({"verifier": "numeric", "metadata": {"tolerance": -1}}, "metadata.tolerance is -1"),
        ({"verifier": "numeric", "metadata": "{"}, "metadata is text that is not JSON"),
        ({"verifier": "exact", "metadata": [1]}, "metadata is a list, not an object"),
        ({"verifier": "reasoning_gym", "metadata": {}}, "metadata.source_dataset, the task's name, is not there"),
    ],
)
def test_what_a_record_may_not_say(verifiers, record, said):
    with pytest.raises(InputError, match=f"f.json: row 7: .*{said}"):
        verifiers.of(record, "f.json: row 7")


def test_a_record_without_a_name_has_the_default(verifiers):
    assert verifiers.of({"verifier": None, "metadata": {"of": "another trainer"}}, "") == ("math", {})
    with Verifiers(default="choice") as others:
        assert others.of({}, "") == ("choice", {})
        assert others.of({"verifier": "numeric", "metadata": '{"tolerance": 1}'}, "") == ("numeric", {"tolerance": 1})
        # An empty cell of CSV; a table's rows have each other's keys.
        assert others.of({"verifier": "", "metadata": ""}, "") == ("choice", {})
        assert others.of({"verifier": "numeric", "metadata": {"tolerance": None}}, "")[0] == "numeric"
    assert strict.numeric("1", "1", {"tolerance": None}) == 1


@pytest.mark.parametrize(
    ("own", "said"),
    [
        ({"math": "own.py:share"}, "math is a verifier of the project"),
        ({"my words": "own.py:share"}, "'my words' is no name"),
        ({"words": "own.py"}, "'own.py' is not path/to/file.py:function"),
        ({"words": "nowhere/own.py:share"}, "nowhere/own.py: no such file"),
    ],
)
def test_what_cannot_be_declared(own, said):
    with pytest.raises(InputError, match=f"run.verifiers: .*{said}"):
        Verifiers(own, where="run.verifiers")


def test_versions_name_the_file_by_its_content(file, tmp_path):
    copy = tmp_path / "own.py"
    copy.write_text(OWN)
    spec = f"{copy}:share"
    before = Verifiers({"words": spec}).versions(["words", "choice", "math"])
    assert list(before) == ["choice", "math", "words"] and "math-verify" in before["math"]
    copy.write_text(OWN + "\n# another\n")
    after = Verifiers({"words": spec}).versions(["words", "choice"])
    assert before["words"] != after["words"] and before["choice"] == after["choice"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ([], ({}, None)),
        (["choice"], ({}, "choice")),
        (["w=a.py:f"], ({"w": "a.py:f"}, None)),
        (["w=a.py:f", "math"], ({"w": "a.py:f"}, "math")),
        (["w=a.py:f", "v=b.py:f"], ({"w": "a.py:f", "v": "b.py:f"}, None)),
    ],
)
def test_the_flags_values(given, found):
    assert declared(given) == found
    with pytest.raises(InputError, match="name one"):
        declared([*given, "exact", "numeric"])


@pytest.mark.parametrize(
    ("own", "named", "records", "found"),
    [
        (["w"], None, [{}, {"verifier": None}], "w"),
        (["w"], None, [{}, {"verifier": "w"}], "math"),  # the others are not w's
        (["w"], None, [{}, {"verifier": "choice"}], "math"),
        (["w"], "choice", [{}], "choice"),
        (["w", "v"], None, [{}], "math"),
        ([], None, [{}], "math"),
    ],
)
def test_records_without_a_name(own, named, records, found):
    assert default_of(dict.fromkeys(own, "a.py:f"), named, records) == found


@pytest.mark.parametrize(
    ("same", "found"),
    [
        ("sorted(one) == sorted(other)", [True, False]),
        ("1", "same_answer.* returned 1 .*not true or false; of "),
        ("one[99]", "same_answer.* raised line 2: IndexError"),
        ("__import__('time').sleep(9)", [None, None]),
    ],
)
def test_a_persons_own_equality(tmp_path, same, found):
    path = tmp_path / "mine.py"
    path.write_text(
        f"def same_answer(one, other):\n    return {same}\n\ndef score(response, answer, metadata):\n    return 1\n"
    )
    pairs = [("a b", "b a"), ("a", "b")]
    with Verifiers({"mine": f"{path}:score"}, workers=1, deadline=2.0) as verifiers:
        if isinstance(found, str):
            with pytest.raises(InputError, match=found):
                verifiers.equal_pairs("mine", pairs)
        else:
            assert verifiers.equal_pairs("mine", pairs) == found
        assert verifiers.grade([Item("x", "y", "mine")])[0].score == 1


def test_gold_answers_and_altered_ones(verifiers):
    rows = [
        {"answer": "B", "verifier": "choice"},
        {"answer": "[{1}, 2}", "verifier": "exact"},  # no box can hold it
        {"answer": "10", "verifier": "numeric", "metadata": {"tolerance": 5}},
        {"answer": "anything", "verifier": "odd"},
        {"answer": "red green", "verifier": "words", "metadata": {"words": ["red"]}},
        {"answer": r"\frac{1}{2}"},
    ]
    assert check.gold_scores(verifiers, rows, "f") == [1, 1, 1, 0.25, 1, 1]
    # The share of words does not see what else the answer says.
    assert check.accepted(verifiers, rows[:5], "f").keys() == {4}


@pytest.mark.parametrize(
    ("gold", "found"),
    [
        ("True", ["False", "Truf", "Tru"]),
        ("12", ["13", "-12", "1"]),
        ("-3.5", ["-4.5", "-3.5 -3.5", "not -3.5"]),  # a tolerance may take -3.6, and -3.50 is no other number
        ("74.60°", ["75.60°", "74.60° 74.60°", "not 74.60°"]),
        ("abc", ["abd", "ab", "abc abc"]),
        ("[1, 2]", ["[1, 3]", "[2, 2]", "[1, ]"]),
        ("x", ["y", "x x", "not x"]),
        ("x**2 + C", ["x**3 + C", "x**2 + ", "x**2 + C x**2 + C"]),  # the constant's name is free
        ("3*8*3/3", ["3*8*3/4", "4*8*3/3", "3*8*3/"]),  # and so is the order of factors
        ("2.0i", ["3.0i", "2.0", "2.0i 2.0i"]),
        ("Ω", ["Ω Ω", "not Ω", "ΩΩ"]),
    ],
)
def test_altered_answers(gold, found):
    assert check.altered(gold) == found
    assert check.altered(gold, others=["of another"])[0] == "of another"


def test_reasoning_gym_that_is_not_installed_says_how_to_get_it(monkeypatch):
    from eval.verifiers import registry

    monkeypatch.setattr(registry, "PACKAGE", "no-such-package")
    row = registry.VERIFIERS["reasoning_gym"]
    monkeypatch.setitem(registry.VERIFIERS, "reasoning_gym", type(row)(row.name, package="no-such-package"))
    record = {"answer": "1", "verifier": "reasoning_gym", "metadata": {"source_dataset": "leg_counting"}}
    with Verifiers() as found, pytest.raises(InputError, match=r"not installed; .*requirements-reasoning-gym\.txt"):
        found.grade([found.item(record, r"\boxed{1}")])
