"""The embedded data set: right answers, disjoint sets, the same bytes from a seed, wrong labels marked."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from pathlib import Path

import pytest

from data import arithmetic
from data.arithmetic import Problem
from data.arithmetic.__main__ import main
from lim.prompts import read_prompts
from lim.utils.errors import InputError
from train.pretrain import corpus
from train.pretrain.tokenizer import build

QUESTION = re.compile(r"What is \$(\d+) (\+|-|\\times) (\d+)\$\?")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    return arithmetic.make(0)


def text_of(row: dict) -> str:
    return row.get("prompt") or row["question"]


def recomputed(text: str) -> int:
    """The answer from the question's text alone."""
    match = QUESTION.fullmatch(text)
    assert match, text
    left, right = int(match[1]), int(match[3])
    return {"+": left + right, "-": left - right, r"\times": left * right}[match[2]]


@pytest.mark.parametrize(
    ("problem", "level"),
    [
        (Problem(42, "+", 25), 1),
        (Problem(95, "+", 14), 1),  # the leading column alone overflows: nothing is carried into another
        (Problem(93, "-", 70), 1),
        (Problem(13, "*", 3), 1),
        (Problem(47, "+", 85), 2),
        (Problem(52, "-", 38), 2),
        (Problem(47, "*", 8), 3),
        (Problem(312, "+", 459), 3),
        (Problem(412, "-", 298), 4),
        (Problem(395, "+", 105), 4),  # the second carry comes of the first
        (Problem(294, "*", 6), 4),
        (Problem(47, "*", 85), 5),
    ],
)
def test_level(problem: Problem, level: int) -> None:
    assert problem.level == level


def test_answers_are_right_and_wrong_labels_are_wrong(rows: dict[str, list[dict]]) -> None:
    for split, part in rows.items():
        for row in part:
            right = str(recomputed(text_of(row)))
            if row.get("source") == "arithmetic-wrong-label":
                assert split == "pool"
                assert row["answer"] != right
                assert len(row["answer"]) == len(right)
            else:
                assert row["answer"] == right
    wrong = sum(row["source"] == "arithmetic-wrong-label" for row in rows["pool"])
    assert wrong == round(0.05 * len(rows["pool"]))


def test_sets_are_disjoint_for_any_pair_of_seeds(rows: dict[str, list[dict]]) -> None:
    def keys(part: list[dict]) -> set[tuple]:
        found = set()
        for row in part:
            left, sign, right = QUESTION.fullmatch(text_of(row)).groups()
            operands = (int(left), int(right))
            found.add((sign, *(operands if sign == "-" else sorted(operands))))
        assert len(found) == len(part), "a problem is there twice"
        return found

    other = arithmetic.make(1)
    for one in rows:
        for two in rows:
            if one != two:
                assert not keys(rows[one]) & keys(other[two])
    rng = random.Random(0)
    learnt = {corpus.draw_corpus_problem(rng).key for _ in range(5000)}
    given = {Problem(*parse(text_of(row))).key for part in rows.values() for row in part}
    assert not learnt & given


def parse(text: str) -> tuple[int, str, int]:
    left, sign, right = QUESTION.fullmatch(text).groups()
    return int(left), {r"\times": "*"}.get(sign, sign), int(right)


def test_swapped_operands_are_one_problem() -> None:
    assert Problem(12, "+", 34).split == Problem(34, "+", 12).split
    assert Problem(12, "+", 34).key == Problem(34, "+", 12).key


def test_levels_are_spread_and_told_truly(rows: dict[str, list[dict]]) -> None:
    for part in rows.values():
        counts = Counter(row["level"] for row in part)
        for level, share in arithmetic.LEVEL_SHARES.items():
            assert counts[level] == pytest.approx(share * len(part), abs=2)
        for row in part:
            problem = Problem(*parse(text_of(row)))
            assert (row["level"], row["subject"]) == (problem.level, problem.subject)


def test_same_seed_same_bytes_other_seed_other_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", "0"), ("b", "0"), ("c", "1")):
        main(["--seed", seed, "--data_dir", str(tmp_path / name)])
    for file in ("prompts/arithmetic.json", "prompts/arithmetic_val.json", "benchmarks/arithmetic.jsonl"):
        a, b, c = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert a == b != c
    assert len(read_prompts(tmp_path / "a" / "prompts" / "arithmetic.json")) == 512
    lines = (tmp_path / "a" / "benchmarks" / "arithmetic.jsonl").read_text().splitlines()
    assert set(json.loads(lines[0])) == {"id", "question", "answer", "level", "subject"}


def test_a_set_larger_than_its_level_is_refused() -> None:
    with pytest.raises(InputError, match="level 1 has too few problems"):
        arithmetic.draw_set(random.Random(0), "val", 20_000)


def test_tokenizer_keeps_every_problem_and_answer(rows: dict[str, list[dict]]) -> None:
    tokenizer = build()
    for part in rows.values():
        for row in part:
            problem = Problem(*parse(text_of(row)))
            for text in (text_of(row), corpus.worked(problem), corpus.boxed(corpus.careless(problem))):
                ids = tokenizer(text, add_special_tokens=False).input_ids
                assert tokenizer.unk_token_id not in ids
                assert tokenizer.decode(ids) == text


@pytest.mark.parametrize(
    ("problem", "worked", "careless"),
    [
        (Problem(47, "+", 85), r"7 + 5 = 12, 4 + 8 + 1 = 13, \boxed{132}", 122),
        (Problem(412, "-", 298), r"12 - 8 = 4, 11 - 1 - 9 = 1, 4 - 1 - 2 = 1, \boxed{114}", 224),
        (Problem(47, "*", 8), r"7 \times 8 = 56, 4 \times 8 + 5 = 37, \boxed{376}", 326),
        (Problem(34, "*", 56), r"34 \times 6 = 204, 34 \times 5 = 170, \boxed{1904}", 1524),
        (Problem(42, "+", 25), r"2 + 5 = 7, 4 + 2 = 6, \boxed{67}", 67),
    ],
)
def test_worked_and_careless_answers(problem: Problem, worked: str, careless: int) -> None:
    assert corpus.worked(problem) == worked
    assert corpus.careless(problem) == careless


def test_careless_is_right_at_level_1_and_wrong_above() -> None:
    rng = random.Random(0)
    for level in arithmetic.KINDS:
        for _ in range(300):
            problem = arithmetic.draw(rng, level)
            assert corpus.worked(problem).endswith(rf"\boxed{{{problem.answer}}}")
            if level < 5:
                assert (corpus.careless(problem) == problem.answer) == (level == 1)
