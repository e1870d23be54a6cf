"""The second embedded set: answers recomputed from the texts, disjoint sets, what the base model learns from."""

from __future__ import annotations

import random
import re
from collections import Counter

import pytest

from data import letters
from data.letters import Problem
from data.letters.__main__ import main
from eval.verifiers import Item, Verifiers
from lim.prompts import read_prompts
from train.pretrain import corpus
from train.pretrain.tokenizer import build

QUESTION = re.compile(r"(?:How many \$(\w)\$ in|(Reverse|Sort)) \$(\w+)\$[.?]")


@pytest.fixture(scope="module")
def rows() -> dict[str, list[dict]]:
    return letters.make(0)


def recomputed(text: str) -> str:
    """The answer from the question's text alone."""
    match = QUESTION.fullmatch(text)
    assert match, text
    letter, operation, word = match.groups()
    if letter:
        return str(sum(one == letter for one in word))
    return "".join(reversed(word)) if operation == "Reverse" else "".join(sorted(word))


@pytest.mark.parametrize(
    ("problem", "answer", "careless", "level"),
    [
        (Problem("reverse", "abc"), "cba", "cba", 1),
        (Problem("reverse", "abcd"), "dcba", "dbca", 2),
        (Problem("reverse", "abcdefg"), "gfedcba", "gbcdefa", 5),
        (Problem("reverse", "abba"), "abba", "abba", 1),
        (Problem("sort", "bac"), "abc", "abc", 1),
        (Problem("sort", "cba"), "abc", "bac", 2),
        (Problem("sort", "hacia"), "aachi", "achai", 3),
        (Problem("count", "abca", "b"), "1", "1", 1),
        (Problem("count", "aab", "c"), "0", "0", 1),
        (Problem("count", "aabcab", "a"), "3", "1", 4),
    ],
)
def test_answers_and_levels(problem, answer, careless, level):
    assert (problem.answer, problem.careless, problem.level) == (answer, careless, level)


def test_every_answer_is_right_but_for_the_marked_ones(rows):
    for row in [*rows["pool"], *rows["val"], *rows["test"]]:
        right = recomputed(row.get("prompt") or row["question"]) == row["answer"]
        assert right == (row.get("source") != "letters-wrong-label"), row
    assert sum(row["source"] == "letters-wrong-label" for row in rows["pool"]) == 26
    assert {row["verifier"] for split in rows.values() for row in split} == {"exact"}


def test_the_sets_share_no_text_with_each_other_or_the_corpus(rows):
    texts = [row.get("prompt") or row["question"] for split in rows.values() for row in split]
    assert len(set(texts)) == len(texts) == 512 + 128 + 500
    rng = random.Random(0)
    learnt = {corpus.draw_corpus_problem(rng, "letters").text for _ in range(5000)}
    assert not learnt & set(texts)
    assert letters.make(1)["test"] != rows["test"] and letters.make(0) == rows


def test_what_the_corpus_says(rows):
    problem = Problem("sort", "cba")
    assert corpus.worked(problem) == r"a, b, c, \boxed{abc}"
    assert corpus.worked(Problem("count", "aba", "a")) == r"1, 1, 2, \boxed{2}"
    rng = random.Random(0)
    with Verifiers() as verifiers:
        kinds = Counter()
        for _ in range(2000):
            drawn = corpus.draw_corpus_problem(rng, "letters")
            answer = corpus.web_answer(rng, drawn)
            kinds[drawn.level, verifiers.grade([Item(answer, drawn.answer, "exact")])[0].verdict] += 1
            assert verifiers.grade([Item(corpus.worked(drawn), drawn.answer, "exact")])[0].score == 1
    shares = {
        level: kinds[level, "correct"] / sum(n for (at, _), n in kinds.items() if at == level)
        for level in range(1, 6)
    }
    assert shares[1] > 0.9 > shares[2] > shares[3] > shares[4] > shares[5]


def test_the_tokenizer_knows_every_text(rows):
    tokenizer = build("letters")
    rng = random.Random(1)
    drawn = [corpus.draw_corpus_problem(rng, "letters") for _ in range(300)]
    texts = [row.get("prompt") or row["question"] for split in rows.values() for row in split]
    for text in [*texts, *(corpus.web_answer(rng, problem) for problem in drawn)]:
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids) == text and tokenizer.unk_token_id not in ids
    assert max(len(tokenizer(corpus.worked(p), add_special_tokens=False).input_ids) for p in drawn) < 40


def test_the_command_writes_the_three_files(tmp_path, capsys):
    main(["--seed", "0", "--data_dir", str(tmp_path)])
    assert len(read_prompts(tmp_path / "prompts" / "letters.json")) == 512
    assert len((tmp_path / "benchmarks" / "letters.jsonl").read_text().splitlines()) == 500
