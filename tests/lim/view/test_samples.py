"""The samples behind a trajectory, read from the files of three trainers, are those that were written."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import viewed
from runs import Run, Sample, by_step, chat, write_jsonl, write_trl

import lim.view.index as index_module
from eval.verifiers import Verifiers
from eval.verifiers.grading import grading
from lim.logs.find import find_log
from lim.logs.formats import ReadOptions
from lim.recorders.verl import pack
from lim.reward_log import write_run, write_step
from lim.strategies import Settings
from lim.utils.errors import InputError
from lim.view.index import cache_folder, cache_path, open_index
from lim.view.readers import completion_text
from lim.view.run import RunView
from lim.view.sources import RunSource

WRITERS = {"lim": viewed.write_own, "verl": viewed.write_verl, "trl": viewed.write_trl}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "cache"))


def opened(tmp_path: Path, format: str) -> RunView:
    log = WRITERS[format](tmp_path)
    return RunView(str(log), prompts_path=str(tmp_path / "prompts.json"))


@pytest.mark.parametrize("format", WRITERS)
def test_each_prompt_has_its_samples_by_epoch(tmp_path, format):
    view = opened(tmp_path, format)
    written = viewed.rows()
    for prompt in range(viewed.PROMPTS):
        expected = [row for row in written if row.prompt == prompt]
        found = view.samples(prompt)
        assert [one.sample.response for one in found] == [row.response for row in expected]
        assert [(one.epoch, one.step) for one in found] == [(row.epoch, row.step) for row in expected]
        assert [one.sample.reward for one in found] == [float(row.right) for row in expected]
        if format == "lim":
            assert [one.sample.answer for one in found] == [str(row.answer) for row in expected]
            assert [one.sample.verdict == "correct" for one in found] == [row.right for row in expected]


@pytest.mark.parametrize(
    ("column", "make"),
    [
        ("score", lambda r: {"score": str(r)}),
        ("score.0", lambda r: {"score": [r, 7]}),
        ("extra.acc", lambda r: {"extra": {"acc": r == 1.0}}),
    ],
)
def test_rewards_are_those_of_the_selection_however_they_are_written(tmp_path, column, make):
    run = Run()
    write_jsonl(tmp_path / "log", by_step(run.samples, lambda s: run.verl(s, **make(s.reward))))
    settings = Settings(reward_column=column)
    view = RunView(str(tmp_path / "log"), prompts_path=str(run.write_prompts(tmp_path / "p.json")), settings=settings)
    written = [s.reward for s in run.samples if s.prompt == 3]
    assert [one.sample.reward for one in view.samples(3)] == written


def test_decimals_are_shown_as_rewards(tmp_path):
    run = Run()

    def row(s: Sample) -> dict[str, Any]:
        text = run.questions[s.prompt]
        return {"step": s.step, "prompt": text, "completion": str(s), "reward": Decimal(int(s.reward))}

    write_trl(tmp_path / "log", by_step(run.samples, row))
    view = RunView(str(tmp_path / "log"), prompts_path=str(run.write_prompts(tmp_path / "p.json")))
    assert [one.sample.reward for one in view.samples(3)] == [s.reward for s in run.samples if s.prompt == 3]


def test_a_log_without_verdicts_is_graded_on_request(tmp_path):
    log = viewed.write_verl(tmp_path)
    with Verifiers(workers=1) as verifiers:
        view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"), grading=grading(verifiers))
        graded = view.graded(5)
    expected = [row for row in viewed.rows() if row.prompt == 5]
    assert [one.verdict == "correct" for one in graded if one] == [row.right for row in expected]
    assert [one.answer for one in graded if one] == [str(row.answer) for row in expected]


def test_a_log_of_texts_needs_no_prompt_file(tmp_path):
    view = RunView(str(viewed.write_verl(tmp_path)))
    assert len(view.prompts.ids) == viewed.PROMPTS
    assert len(view.samples(0)) == viewed.EPOCHS * viewed.SAMPLES


def test_a_log_of_ids_asks_for_its_prompt_file(tmp_path):
    log = viewed.write_own(tmp_path)
    (log / "run.json").unlink()
    with pytest.raises(InputError, match="--original_prompts_path"):
        RunView(str(log))


def test_a_prompt_file_that_is_gone_is_named(tmp_path):
    log = viewed.write_own(tmp_path)
    (tmp_path / "prompts.json").unlink()
    with pytest.raises(InputError, match=r"run\.json names the prompt file .*prompts\.json, which is not there"):
        RunView(str(log))


def test_a_log_without_responses_shows_the_rest(tmp_path):
    prompts = viewed.write_prompts(tmp_path / "prompts.json")
    write_run(tmp_path / "run", {"recipe": "test", "prompt_file": str(prompts)})
    written = viewed.rows()
    for step in range(1, 13):
        columns = viewed.columns_of([row for row in written if row.step == step])
        write_step(tmp_path / "run", step, {name: columns[name] for name in columns if name != "response"})
    with Verifiers(workers=1) as verifiers:
        view = RunView(str(tmp_path / "run"), grading=grading(verifiers))
        assert sorted(row.prompt for row in view.suspects()) == sorted(viewed.WRONG)
    listed = RunSource(view, "run").answer("samples", {"prompt": "2"})["samples"]
    assert {(row["preview"], row["characters"]) for row in listed} == {(None, None)}
    assert [row["answer"] for row in listed] == [str(row.answer) for row in written if row.prompt == 2]
    assert RunSource(view, "run").answer("response", {"prompt": "2", "sample": "0"})["parts"] == []


@pytest.mark.parametrize("kind", ["gz", "mark", "nan", "blank lines", "crlf"])
def test_lines_as_trainers_leave_them(tmp_path, kind):
    log = viewed.write_verl(tmp_path)
    for path in list(log.iterdir()):
        data = path.read_bytes()
        if kind == "gz":
            path.unlink()
            (log / f"{path.name}.gz").write_bytes(gzip.compress(data))
        elif kind == "mark":
            path.write_bytes(b"\xef\xbb\xbf" + data)
        elif kind == "nan":
            path.write_bytes(data.replace(b'"step"', b'"latency": NaN, "step"'))
        elif kind == "crlf":
            path.write_bytes(data.replace(b"\n", b"\r\n"))
        else:
            path.write_bytes(data.replace(b"}\n", b"}\n\n \n"))
    view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"))
    for prompt in (0, 13):
        expected = [row.response for row in viewed.rows() if row.prompt == prompt]
        assert [one.sample.response for one in view.samples(prompt)] == expected


def test_the_index_is_kept_outside_of_the_log_and_not_built_twice(tmp_path, monkeypatch):
    log = find_log(viewed.write_own(tmp_path))
    before = sorted(path.name for path in Path(log.root).iterdir())
    first = open_index(log, ReadOptions())
    assert sorted(path.name for path in Path(log.root).iterdir()) == before
    assert [path.parent for path in cache_folder().iterdir()] == [tmp_path / "cache"]
    assert first.samples == len(viewed.rows())

    monkeypatch.setattr(index_module, "locate", lambda *_: pytest.fail("looked into a file again"))
    second = open_index(log, ReadOptions())
    for key in first.keys:
        assert second.of([key]) == first.of([key])


@pytest.mark.parametrize("format", ["lim", "verl"])
def test_a_file_that_changed_and_one_that_is_new_are_looked_into_again(tmp_path, monkeypatch, format):
    log = WRITERS[format](tmp_path)
    suffix = "parquet" if format == "lim" else "jsonl"
    stem = "step_" if format == "lim" else ""
    new = log / f"{stem}12.{suffix}"
    kept = new.read_bytes()
    new.unlink()
    open_index(find_log(log), ReadOptions())
    new.write_bytes(kept)
    changed = log / f"{stem}2.{suffix}"
    changed.write_bytes((log / f"{stem}3.{suffix}").read_bytes())
    looked: list[int] = []
    locate = index_module.locate
    monkeypatch.setattr(index_module, "locate", lambda file, *rest: looked.append(file.step) or locate(file, *rest))
    index = open_index(find_log(log), ReadOptions())
    assert sorted(looked) == [2, 12]
    fresh = open_index(replace(find_log(log), root=str(log) + "/"), ReadOptions())
    assert {key: index.of([key]) for key in index.keys} == {key: fresh.of([key]) for key in index.keys}


@pytest.mark.parametrize("damage", [b"", b"not parquet", None])
def test_a_damaged_cache_is_made_again(tmp_path, damage):
    log = find_log(viewed.write_own(tmp_path))
    whole = open_index(log, ReadOptions())
    path = cache_path(log, ReadOptions())
    path.write_bytes(path.read_bytes()[:200] if damage is None else damage)
    assert open_index(log, ReadOptions()).samples == whole.samples


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "file"))
    assert open_index(find_log(viewed.write_own(tmp_path)), ReadOptions()).samples == len(viewed.rows())


def test_a_log_deleted_under_the_viewer_is_one_line(tmp_path):
    view = opened(tmp_path, "lim")
    view.samples(0)
    for path in Path(view.path).iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"step_\d+\.parquet: cannot be read: No such file"):
        view.samples(1)
    assert len(view.samples(0)) == viewed.EPOCHS * viewed.SAMPLES  # kept


def test_a_format_without_single_samples_says_so(tmp_path):
    viewed.write_prompts(tmp_path / "prompts.json")
    log = tmp_path / "release"
    log.mkdir()
    for step in (1, 2):
        rows = [{"prompt": viewed.text(n), "reward": float(n % 2)} for n in range(viewed.PROMPTS)]
        (log / f"step_{step}.json").write_text(json.dumps(rows))
    view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"))
    with pytest.raises(InputError, match="responses are shown of this project's, verl's and TRL's logs"):
        view.samples(0)


def test_a_growing_log_is_followed(tmp_path, monkeypatch):
    monkeypatch.setattr("lim.view.run.LOOK_EVERY", 0)
    monkeypatch.setattr("lim.view.run.BUSY", 0)
    log = viewed.write_own(tmp_path, steps=2)
    view = RunView(str(log))
    assert view.state.selection.settings.strategy == "difficulty"  # one epoch: LIM cannot compare yet
    assert any("one epoch" in note for note in view.state.selection.notes)
    viewed.add_steps(log, range(3, 9))
    state = view.refresh()
    assert (state.version, state.places.steps[-1].step, state.selection.settings.strategy) == (2, 8, "lim")
    assert view.refresh().version == 2  # nothing new
    assert len(view.samples(0)) == sum(row.prompt == 0 and row.step <= 8 for row in viewed.rows())
    (log / "step_9.parquet").write_bytes(b"half of a file")
    assert view.refresh().version == 2
    assert view.problem is not None and "step_9.parquet" in view.problem
    viewed.add_steps(log, range(9, 13))
    assert (view.refresh().places.steps[-1].step, view.problem) == (12, None)
    verdicts = view.state.places.steps[0].verdicts
    assert sum(verdicts.values()) == viewed.BATCH * viewed.SAMPLES


def agrees(view: RunView) -> None:
    """Each cell of the matrix is the mean of the samples that are shown for it."""
    matrix = view.state.selection.matrix
    assert matrix is not None
    for prompt in range(len(view.prompts.ids)):
        by_epoch: dict[int, list[float]] = {}
        for one in view.samples(prompt):
            by_epoch.setdefault(one.epoch or 0, []).append(one.sample.reward or 0.0)
        for k in range(matrix.epochs):
            rewards = by_epoch.get(k + 1, [])
            assert len(rewards) == matrix.counts_P_K[prompt, k]
            assert not rewards or sum(rewards) / len(rewards) == pytest.approx(matrix.rewards_P_K[prompt, k])


def write_lines(folder: Path, run: Run) -> RunView:
    """A run as verl logs it, and a view of it."""
    log = folder / "rollouts"
    log.mkdir()
    for sample in run.samples:
        with open(log / f"{sample.step}.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(run.verl(sample)) + "\n")
    return RunView(str(log), prompts_path=str(run.write_prompts(folder / "prompts.json")))


def test_rows_that_fill_up_a_batch_are_not_shown(tmp_path):
    run = Run(prompts=12, epochs=3, batch=4)
    steps = by_step(
        run.samples, lambda s: run.verl(s, gts=pack(run.ids[s.prompt], "1"), uid=f"{s.prompt}_{s.number}_0")
    )
    for step, rows in steps.items():
        uid = f"pad{step:032x}_0_0"
        rows.insert(
            step % 3, {"input": "", "output": "", "gts": rows[0]["gts"], "score": 0.0, "step": step, "uid": uid}
        )
    write_jsonl(tmp_path / "log", steps)
    view = RunView(str(tmp_path / "log"), prompts_path=str(run.write_prompts(tmp_path / "prompts.json")))
    agrees(view)
    expected = [[sample.reward for sample in run.samples if sample.prompt == prompt] for prompt in range(12)]
    assert [[one.sample.reward for one in view.samples(prompt)] for prompt in range(12)] == expected


def test_epochs_that_end_within_a_step(tmp_path):
    agrees(write_lines(tmp_path, Run(prompts=22, epochs=4, batch=8)))


def test_a_prompt_that_two_epochs_have_in_one_step(tmp_path):
    run = Run(prompts=12, epochs=3, batch=8)
    # Steps of 8: the second holds the last four prompts of epoch 1 and the first four of epoch 2. Prompt 0 is both.
    orders = [[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0], [0, 1, 2, 3, 5, 6, 4, 8, 9, 10, 11, 7], list(range(12))]
    samples = []
    for at, (epoch, prompt) in enumerate((k + 1, prompt) for k, order in enumerate(orders) for prompt in order):
        samples += [Sample(at // 8 + 1, epoch, prompt, n, float((prompt + epoch + n) % 3 == 0)) for n in range(4)]
    run.samples = samples
    view = write_lines(tmp_path, run)
    agrees(view)
    found = view.samples(0)
    assert [(one.epoch, one.step) for one in found[:8]] == [(1, 2)] * 4 + [(2, 2)] * 4
    expected = [sample.reward for sample in samples if sample.prompt == 0]
    assert [one.sample.reward for one in found] == expected


def test_samples_that_a_resumed_run_made_again_are_not_shown(tmp_path):
    """One file: the run was killed in step 6, and went back to its checkpoint after step 4."""
    log = viewed.write_verl(tmp_path)
    lines = {step: (log / f"{step}.jsonl").read_text().splitlines(True) for step in range(1, 13)}
    for step in lines:
        (log / f"{step}.jsonl").unlink()
    lost = [line.replace('"output": "', '"output": "lost ') for line in [*lines[5], *lines[6][:-7]]]
    order = [*(line for step in range(1, 5) for line in lines[step]), *lost]
    order += [line for step in range(5, 13) for line in lines[step]]
    (log / "rollouts.jsonl").write_text("".join(order))
    view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"))
    for prompt in range(viewed.PROMPTS):
        written = [row.response for row in viewed.rows() if row.prompt == prompt]
        assert [one.sample.response for one in view.samples(prompt)] == written


def unscored(sample: Sample) -> bool:
    return (sample.prompt * 5 + sample.number + sample.epoch) % 6 == 0


@pytest.mark.parametrize("format", ["verl", "trl", "lim"])
@pytest.mark.parametrize("missing", [None, float("nan")])
def test_samples_without_a_reward_are_not_shown(tmp_path, format, missing):
    run = Run(prompts=12, epochs=3, batch=4)
    prompts = run.write_prompts(tmp_path / "prompts.json")
    log = tmp_path / "log"
    if format == "verl":
        write_jsonl(log, by_step(run.samples, lambda s: run.verl(s, **({"score": missing} if unscored(s) else {}))))
    elif format == "trl":
        write_trl(log, by_step(run.samples, lambda s: trl_row(run, s, missing if unscored(s) else s.reward)))
    else:
        log.mkdir()
        for step, rows in by_step(
            run.samples, lambda s: own_row(run, s, missing if unscored(s) else s.reward)
        ).items():
            pq.write_table(pa.Table.from_pylist(rows), log / f"step_{step}.parquet")
    view = RunView(str(log), prompts_path=str(prompts))
    agrees(view)
    expected = [s.reward for s in run.samples if s.prompt == 0 and not unscored(s)]
    assert [one.sample.reward for one in view.samples(0)] == expected
    json.dumps(RunSource(view, "run").answer("samples", {"prompt": "0"}), allow_nan=False)


def trl_row(run: Run, sample: Sample, reward: float | None) -> dict[str, Any]:
    return {"step": sample.step, "prompt": run.questions[sample.prompt], "completion": "…", "right": reward}


def own_row(run: Run, sample: Sample, reward: float | None) -> dict[str, Any]:
    place = {"prompt_id": run.ids[sample.prompt], "epoch": sample.epoch, "step": sample.step, "sample": sample.number}
    return {**place, "reward": reward}


@pytest.mark.parametrize("order", ["by sample", "later epoch first", "uneven"])
def test_a_log_that_knows_epochs_is_shown_by_them(tmp_path, order):
    """Step 1 has a prompt's samples of both epochs, in an order of its own, or more of one than of the other."""
    run = Run(prompts=2, epochs=2, batch=2)
    samples = run.samples if order != "uneven" else [s for s in run.samples if s.epoch == 2 or s.number < 3]
    key = {"by sample": lambda s: s.number, "later epoch first": lambda s: -s.epoch}.get(order, lambda s: 0)
    rows = [own_row(run, sample, sample.reward) for sample in sorted(samples, key=key)]
    (tmp_path / "log").mkdir()
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log" / "step_1.parquet")
    view = RunView(str(tmp_path / "log"), prompts_path=str(run.write_prompts(tmp_path / "prompts.json")))
    agrees(view)
    for prompt in range(2):
        expected = sorted((s.epoch, s.number) for s in samples if s.prompt == prompt)
        assert [(one.epoch, one.sample.number) for one in view.samples(prompt)] == expected


@pytest.mark.parametrize("system", [lambda s: f"Today is day {s.step // 3}.", lambda s: f"Effort {s.number % 2}."])
@pytest.mark.parametrize("special", [False, True])
def test_texts_that_are_one_prompt_are_one_without_a_prompt_file(tmp_path, system, special):
    run = Run(prompts=12, epochs=3, batch=4)

    def row(sample: Sample) -> dict[str, Any]:
        text = chat(run.questions[sample.prompt], system(sample))
        if special:
            text = f"<|im_start|>system\n{system(sample)}<|im_end|>\n<|im_start|>user\n{run.questions[sample.prompt]}"
            text += "<|im_end|>\n<|im_start|>assistant\n"
        return run.verl(sample, input=text)

    log = write_jsonl(tmp_path / "log", by_step(run.samples, row))
    view = RunView(str(log))
    assert sorted(view.prompts.texts) == sorted(run.questions)
    agrees(view)
    for at, text in enumerate(view.prompts.texts):
        expected = [s.reward for s in run.samples if s.prompt == run.questions.index(text)]
        assert [one.sample.reward for one in view.samples(at)] == expected


def test_halves_of_surrogate_pairs_in_a_prompt(tmp_path):
    run = Run(prompts=6, epochs=2, batch=3)
    log = write_jsonl(
        tmp_path / "log",
        by_step(run.samples, lambda s: run.verl(s, input=chat(run.questions[s.prompt], "\ud83d"), output="\ud83d!")),
    )
    view = RunView(str(log), prompts_path=str(run.write_prompts(tmp_path / "prompts.json")))
    agrees(view)
    assert {one.sample.response for one in view.samples(0)} == {"?!"}


def test_evaluation_beside_training_is_not_in_the_curve_by_step(tmp_path):
    run = Run(prompts=12, epochs=3, batch=4)
    steps = by_step(run.samples, run.verl)
    for step in (3, 6):
        steps[step] += [run.verl(run.samples[0], input=chat(f"Held out {n}"), score=1.0, step=step) for n in range(8)]
    view = RunView(
        str(write_jsonl(tmp_path / "log", steps)), prompts_path=str(run.write_prompts(tmp_path / "prompts.json"))
    )
    found = RunSource(view, "run", follow=False).live()
    rewards = [[s.reward for s in run.samples if s.step == step] for step in found["steps"]]
    assert found["rewards"] == pytest.approx([sum(some) / len(some) for some in rewards], abs=1e-5)


def test_only_the_epochs_asked_for_are_shown(tmp_path):
    log = viewed.write_verl(tmp_path)
    view = RunView(str(log), prompts_path=str(tmp_path / "prompts.json"), settings=Settings(max_epochs=2))
    assert {one.epoch for one in view.samples(0)} == {1, 2}
    agrees(view)


def test_a_file_of_all_steps_says_the_step_of_each_row(tmp_path):
    run = Run(prompts=6, epochs=2, batch=3)
    prompts = run.write_prompts(tmp_path / "prompts.json")
    path = tmp_path / "rollouts.jsonl"
    rows = [run.verl(sample, step=float(sample.step)) for sample in run.samples]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    agrees(view := RunView(str(path), prompts_path=str(prompts)))
    assert [step.step for step in view.state.places.steps] == [1, 2, 3, 4]
    path.write_text("".join(json.dumps(row | {"step": None if at == 3 else 2}) + "\n" for at, row in enumerate(rows)))
    with pytest.raises(InputError, match=r"rollouts\.jsonl: row 4: 'step' is None, not the number of a step"):
        RunView(str(path), prompts_path=str(prompts))


def resumed(run: Run, folder: Path) -> Path:
    """One file: killed in step 4, and back at the checkpoint after step 2. The second time one sample of step 3 has
    no reward.
    """
    lost = [run.verl(s, score=0.0, output="lost") for s in run.samples if s.step in (3, 4)]
    rows = [run.verl(s) for s in run.samples if s.step < 3] + lost
    first = next(s for s in run.samples if s.step == 3)
    rows += [run.verl(s, **({"score": None} if s == first else {})) for s in run.samples if s.step > 2]
    return write_jsonl(folder, {0: rows}, "all.jsonl")


def test_steps_made_again_with_a_reward_missing_count_once(tmp_path):
    run = Run(prompts=12, epochs=3, batch=4)
    log = resumed(run, tmp_path / "log")
    view = RunView(str(log), prompts_path=str(run.write_prompts(tmp_path / "prompts.json")))
    agrees(view)
    first = next(s for s in run.samples if s.step == 3)
    for prompt in range(12):
        expected = [s.reward for s in run.samples if s.prompt == prompt and s != first]
        assert [one.sample.reward for one in view.samples(prompt)] == expected
        assert all(one.sample.response == "…" for one in view.samples(prompt))


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, None),
        ("text", "text"),
        ([{"role": "assistant", "content": "a"}, {"role": "tool", "content": "b"}], "a\n\nb"),
        ([{"role": "assistant", "content": [{"type": "text", "text": "parts"}]}], "parts"),
        ([{"role": "assistant", "content": None, "tool_calls": [{"name": "f"}]}], '[{"name": "f"}]'),
    ],
)
def test_a_response_is_what_was_said(tmp_path, given, shown):
    assert completion_text(given) == shown
    run = Run(prompts=6, epochs=2, batch=3)
    log = write_jsonl(tmp_path / "log", by_step(run.samples, lambda s: run.verl(s, output=given)))
    view = RunView(str(log), prompts_path=str(run.write_prompts(tmp_path / "prompts.json")))
    assert {one.sample.response for one in view.samples(0)} == {shown}
    assert RunSource(view, "run").answer("samples", {"prompt": "0"})["grade"] is False


def test_one_epoch_is_shown_whatever_is_asked_of_more(tmp_path):
    run = Run(prompts=6, epochs=1, batch=3)
    log = write_jsonl(tmp_path / "log", by_step(run.samples, run.verl))
    prompts = str(run.write_prompts(tmp_path / "prompts.json"))
    for settings in (Settings(missing="observed"), Settings(min_epochs=3)):
        agrees(RunView(str(log), prompts_path=prompts, settings=settings.resolved()))
