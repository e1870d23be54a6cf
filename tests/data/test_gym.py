"""Tasks of reasoning-gym: through a stand-in with the library's traps, and through itself where it is installed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from data import prepare
from eval.verifiers import registry
from lim.utils.errors import run_cli

FACTORY = '''
import random

class Task:
    def __init__(self, seed, size):
        self.seed, self.size = seed, size

    def __getitem__(self, index):  # an index beyond the size is served, too
        return self.item(random.Random(self.seed + index))

    def score_answer(self, answer, entry):
        gold = entry["answer"]
        return 1.0 if answer == gold else len(gold) / len(answer) if answer and gold in answer else 0.0

def entry(name, question, answer, **more):
    return {"question": question, "answer": answer, "metadata": {"source_dataset": name, **more}}

class Words(Task):
    def item(self, rng):
        word = "".join(rng.sample("abcdefgh", 5))
        # a set's order follows the hash seed; a tuple and a set are no JSON
        return entry("words", f"Spell {word}.", word, order=list(set(word)), pair=(1, 2), letters=set(word))

class Sums(Task):
    def item(self, rng):
        a, b = rng.randrange(100), rng.randrange(100)
        return entry("sums", f"{a} + {b}?", str(a + b))

class Few(Task):
    def item(self, rng):
        number = rng.randrange(5)
        return entry("few", f"Say {number}.", f"it is {number}")

class NoGold(Task):
    def item(self, rng):
        return entry("no_gold", f"Do {rng.random()}.", None)

class Truth(Task):
    """Any text is true."""
    def item(self, rng):
        return entry("truth", f"Does {rng.random()} halt?", str(rng.random() < 0.5))

    def score_answer(self, answer, entry):
        return float(bool(answer) == bool(entry["answer"]))

class Any24(Task):
    """Takes another item's answer."""
    def item(self, rng):
        number = rng.randrange(2, 9999)
        return entry("any24", f"Make 24 of {number}.", f"24*{number}/{number}")

    def score_answer(self, answer, entry):
        return float(eval(answer) == 24) if set(answer) <= set("0123456789*/ ") else 0.0

class OwnGold(Task):
    """Its own answer scores below 1."""
    def item(self, rng):
        return entry("own_gold", f"Say {rng.random()}.", "yes")

    def score_answer(self, answer, entry):
        return 0.5

class Rounds(Sums):
    """Adds up parts, which rounds above 1 for an answer with a tail."""
    def item(self, rng):
        return {**super().item(rng), "metadata": {"source_dataset": "rounds"}}

    def score_answer(self, answer, entry):
        return 1.0 if answer == entry["answer"] else 1.0000000000000002

DATASETS = {"words": Words, "sums": Sums, "few": Few, "no_gold": NoGold, "truth": Truth, "any24": Any24,
            "own_gold": OwnGold, "rounds": Rounds}
'''
INIT = """
from .factory import DATASETS

def create_dataset(name, seed, size):
    return DATASETS[name](seed, size)

def get_score_answer_fn(name):
    return DATASETS[name](0, 1).score_answer
"""


@pytest.fixture
def library(tmp_path, monkeypatch) -> Path:
    """The stand-in, where this process's children find it."""
    package = tmp_path / "site" / "reasoning_gym"
    package.mkdir(parents=True)
    (package / "factory.py").write_text(FACTORY)
    (package / "__init__.py").write_text(INIT)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    monkeypatch.setattr(registry, "_installed", lambda package: "0.1.25")
    return tmp_path


def made(folder: Path, *flags: str, name: str) -> tuple[list[dict], list[dict]]:
    assert prepare.main(["--reasoning_gym", *flags, "--data_dir", str(folder)]) is None
    questions = (folder / "benchmarks" / f"{name}.jsonl").read_text().splitlines()
    return json.loads((folder / "prompts" / f"{name}.json").read_text()), list(map(json.loads, questions))


def refused(folder: Path, capsys, *flags: str) -> str:
    assert run_cli(lambda: prepare.main(["--reasoning_gym", *flags, "--data_dir", str(folder / "out")])) == 2
    assert not list((folder / "out").rglob("*.json*"))
    return capsys.readouterr().err


def test_prompts_and_a_held_out_benchmark(library, monkeypatch):
    flags = ("words,sums", "--size", "30", "--test_size", "10", "--seed", "1")
    prompts, questions = made(library / "one", *flags, name="words-sums")
    assert [row["id"] for row in prompts[29:31]] == ["words-00029", "sums-00000"] and len(prompts) == 60
    assert [row["id"] for row in questions[:1]] == ["words-test-00000"] and len(questions) == 20
    assert {row["verifier"] for row in [*prompts, *questions]} == {"reasoning_gym"}
    assert prompts[0]["metadata"]["pair"] == [1, 2] and prompts[0]["task"] == "words"
    texts = [row["prompt"] for row in prompts] + [row["question"] for row in questions]
    assert len(set(texts)) == len(texts)
    source = json.loads((library / "one/prompts/words-sums.json.source.json").read_text())["origin"]
    assert "reasoning-gym 0.1.25" in source["package"] and source["seed"] == 1
    # The same again, whatever this process's hash seed; and others with the next seed.
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    assert made(library / "two", *flags, name="words-sums") == (prompts, questions)
    others, _ = made(library / "three", *flags[:-1], "2", name="words-sums")
    shared = {row["prompt"] for row in others} & {row["prompt"] for row in prompts}
    assert len(shared) < 6  # neighbouring seeds of the library share all items but one


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            ("few", "--size", "4", "--test_size", "3"),
            "few: 5 distinct items were found, and 4 prompts and 3 held-out",
        ),
        (("no_gold", "--size", "4"), "no_gold gives no items that can be used: .* an item has no gold answer"),
        (("wrods", "--size", "4"), "no task 'wrods'; did you mean words"),
        (("truth", "--size", "8"), r"truth \(item .*: '(True|False)' scores 1, and the answer is '(True|False)'\)"),
        (("any24,words", "--size", "8"), r"any24 \(item .*: '24\*.* scores 1.*; leave --reasoning_gym words"),
        (("own_gold", "--size", "8"), r"own_gold \(item own_gold-00000: its own answer 'yes' scores 0.5\)"),
        (("words",), "--reasoning_gym takes --size"),
    ],
)
def test_what_is_refused(library, capsys, flags, said):
    import re

    assert re.search(said, refused(library, capsys, *flags))


def test_a_score_that_rounds_above_one_is_not_full(library):
    from eval.verifiers import Verifiers

    record = {"answer": "7", "verifier": "reasoning_gym", "metadata": {"source_dataset": "rounds"}}
    with Verifiers(workers=1) as verifiers:
        graded = verifiers.grade([verifiers.item(record, rf"\boxed{{{answer}}}") for answer in ("7", "7 and more")])
    assert [one.verdict for one in graded] == ["correct", "incorrect"] and graded[1].score == 1 - 1e-6


def test_without_the_library_how_to_install_it_is_said(tmp_path, capsys, monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr(registry.importlib.metadata, "version", missing)
    said = refused(tmp_path, capsys, "words", "--size", "4")
    assert "not installed; install it with: .venv/bin/pip install --no-deps -r requirements-reasoning-gym.txt" in said


@pytest.mark.skipif(importlib.util.find_spec("reasoning_gym") is None, reason="an optional extra")
def test_the_library_itself(tmp_path, capsys):
    prompts, questions = made(
        tmp_path, "spell_backward,leg_counting", "--size", "20", name="spell_backward-leg_counting"
    )
    assert len(prompts) == 40 and len(questions) == 200
    said = refused(tmp_path, capsys, "puzzle24,game_of_life_halting,gsm_symbolic", "--size", "20")
    assert all(f"{task} (item" in said for task in ("puzzle24", "game_of_life_halting", "gsm_symbolic"))
    assert "no gold answer" in refused(tmp_path, capsys, "rush_hour", "--size", "20")
    assert "reasoning_gym" not in sys.modules
