"""Suspected wrong labels: found by hand-made answers, in runs of three formats, and what is no suspect."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import viewed

from eval.verifiers import Verifiers
from eval.verifiers.grading import grading
from lim.reward_log import write_step
from lim.strategies import Settings
from lim.view.run import RunView
from lim.view.suspects import Given, find_suspects, wilson


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "cache"))


def same(pairs):
    """Numbers of equal value."""
    return [one == two or (one.isdigit() and two.isdigit() and int(one) == int(two)) for one, two in pairs]


def given(*epochs: str, right: str = "R") -> list[Given]:
    """Epochs as answers with spaces between; "R" is right, "-" none."""
    return [
        Given(k, None if word == "-" else word, word == right)
        for k, words in enumerate(epochs, 1)
        for word in words.split()
    ]


def found(label="9", **prompts):
    samples = dict(enumerate(prompts.values()))
    names = list(prompts)
    return [names[suspect.prompt] for suspect in find_suspects(samples, dict.fromkeys(samples, label), same)]


def test_the_surest_comes_first_and_others_are_not_listed():
    names = found(
        sure=given("7 7 7 7", "7 7 7 7"),
        less=given("1 2 3 4", "7 7 7 5"),
        scattered=given("1 2 3 4", "5 6 7 8"),
        solved=given("R 7 7 7", "R R 7 7"),
        unanswered=given("- - - -", "- - - -"),
        few=given("7 7", "7"),
        once=given("7 7 7 7", "1 2 3 4"),
    )
    assert names == ["sure", "less"]


def test_spellings_of_one_answer_count_together_and_those_of_the_label_do_not():
    suspect = find_suspects({0: given("7 07 007 7", "07 007 07 1")}, {0: "9"}, same)[0]
    assert (suspect.answer, suspect.agreeing, suspect.samples) == ("07", 7, 8)
    assert suspect.shares == {1: 1.0, 2: 0.75}
    assert suspect.score == pytest.approx(wilson(3, 4)[1])
    # The label's own value, graded as wrong for how the response looks, is no other answer.
    assert find_suspects({0: given("9 09 9 09", "9 9 9 9")}, {0: "9"}, same) == []


def test_the_reason_is_in_words():
    suspect = find_suspects({0: given("7 7 7 1", "7 7 7 7", "R 7 7 7")}, {0: "9"}, same)[0]
    assert suspect.reason == (
        "Right once in 12 samples; 10 of them (83%) say 7, while the label is 9. At least half of the samples say so "
        "in 3 of 3 epochs, and 88% in the later half."
    )


def test_intervals_are_wilsons():
    assert wilson(5, 10) == pytest.approx((0.5, 0.2366, 0.7634), abs=1e-4)
    assert wilson(0, 10)[1] == 0 and wilson(10, 10)[1] == pytest.approx(0.7225, abs=1e-4)  # 1 / (1 + z²/n)
    assert all(value != value for value in wilson(0, 0))


@pytest.mark.parametrize("writer", [viewed.write_own, viewed.write_verl, viewed.write_trl])
def test_wrong_labels_of_a_run_are_found(tmp_path: Path, writer):
    log = writer(tmp_path)
    with Verifiers(workers=1) as verifiers:
        view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"), grading=grading(verifiers))
        rows = view.suspects()
    assert sorted(row.prompt for row in rows) == sorted(viewed.WRONG)
    assert {row.answer for row in rows} == {str(viewed.truth(prompt)) for prompt in viewed.WRONG}
    assert {row.label for row in rows} == {str(viewed.label(prompt)) for prompt in viewed.WRONG}
    assert all(row.right == 0 and row.samples == viewed.EPOCHS * viewed.SAMPLES for row in rows)


WORDS = ["stop", "listen", "left right", "apple", "house", "tree"]
GIVEN = {0: "pots", 1: "silent", 2: "right left"}  # in place of wrong labels: as products of letters they are equal


def write_words(folder: Path, format: str, *, named: bool = True) -> RunView:
    """Three epochs of words, of which three have a wrong label, in the file's column or in the log."""
    name = {"verifier": "exact"} if named else {}
    prompts = [{"id": str(n), "prompt": f"Word {n}?", "answer": word, **name} for n, word in enumerate(WORDS)]
    (folder / "prompts.json").write_text(json.dumps(prompts))
    rows = [(epoch, n, number) for epoch in (1, 2, 3) for n in range(len(WORDS)) for number in range(4)]
    said = {n: GIVEN.get(n, word) for n, word in enumerate(WORDS)}
    log = folder / "log"
    log.mkdir()
    for step in (1, 2, 3):
        some = [row for row in rows if row[0] == step]
        if format == "verl":
            lines = [
                {"input": f"Word {n}?", "output": f"<answer>{said[n]}</answer>", "score": float(n not in GIVEN)}
                for _, n, _ in some
            ]
            (log / f"{step}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
            continue
        columns = {
            "prompt_id": [str(n) for _, n, _ in some],
            "epoch": [step] * len(some),
            "step": [step] * len(some),
            "sample": [number for *_, number in some],
            "reward": [float(n not in GIVEN) for _, n, _ in some],
            "verdict": ["incorrect" if n in GIVEN else "correct" for _, n, _ in some],
            "response": [f"<answer>{said[n]}</answer>" for _, n, _ in some],
            "verifier": ["exact"] * len(some),
        }
        write_step(log, step, columns | ({"answer": [said[n] for _, n, _ in some]} if format == "answers" else {}))
    return RunView(str(log), prompts_path=str(folder / "prompts.json"), grading=grading(Verifiers(workers=1)))


@pytest.mark.parametrize(
    ("format", "named"), [("verl", True), ("answers", True), ("answers", False), ("responses", False)]
)
def test_answers_are_compared_as_the_prompts_verifier_does(tmp_path, format, named):
    rows = write_words(tmp_path, format, named=named).suspects()
    assert {row.prompt: row.answer for row in rows} == GIVEN
    assert all(row.samples == row.agreeing == 12 for row in rows)


def test_responses_are_graded_by_the_prompts_verifier(tmp_path):
    view = write_words(tmp_path, "verl")
    assert {str(one.verdict) for one in view.graded(0)} == {"incorrect"}
    assert {(str(one.verdict), one.answer) for one in view.graded(3)} == {("correct", "apple")}


def test_a_verifier_that_is_not_declared_gives_no_verdict(tmp_path):
    view = write_words(tmp_path, "verl")
    path = tmp_path / "prompts.json"
    path.write_text(path.read_text().replace('"exact"', '"mine"'))
    view = RunView(view.path, prompts_path=str(path), grading=view.grading)
    assert view.graded(3) == [None] * 12
    assert {row.prompt: row.answer for row in view.suspects()} == GIVEN


def test_the_label_of_the_log_is_no_other_answer(tmp_path):
    """Right answers, never rewarded for how they look: verl's rows say the label where no prompt file does."""
    log = viewed.write_verl(tmp_path)
    for path in log.iterdir():
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        prompt = viewed.text(5)
        lines = [line | {"score": 0.0} if prompt in line["input"] else line for line in lines]
        lines = [line | {"output": "\\boxed{40.0}"} if prompt in line["input"] else line for line in lines]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with Verifiers(workers=1) as verifiers:
        view = RunView(str(log), grading=grading(verifiers))
        listed = {view.prompts.texts[row.prompt]: row.label for row in view.suspects()}
    assert listed == {viewed.text(n): str(viewed.label(n)) for n in viewed.WRONG}


def test_samples_without_a_reward_and_epochs_not_asked_for_do_not_count(tmp_path):
    log = viewed.write_verl(tmp_path)
    path = log / "1.jsonl"
    path.write_text(path.read_text().replace('"score": 0.0', '"score": null', 1))
    with Verifiers(workers=1) as verifiers:
        view = RunView(
            str(log),
            prompts_path=str(tmp_path / "prompts.json"),
            grading=grading(verifiers),
            settings=Settings(max_epochs=3),
        )
        rows = view.suspects()
    assert sorted(row.prompt for row in rows) == sorted(viewed.WRONG)
    assert all(list(row.shares) == [1, 2, 3] for row in rows)
    assert sum(row.samples for row in rows) == sum(
        int(view.state.selection.matrix.counts_P_K[row.prompt].sum()) for row in rows
    )
