"""This project's log as other programs write and read it: optional columns, reasons, logs of the first schema."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import write_prompts

from lim.output import summary
from lim.pipeline import select
from lim.report.page import page_html
from lim.reward_log import SCHEMA, SCHEMA_VERSION, read_run, write_run, write_step
from lim.strategies import Settings
from lim.utils.errors import InputError

FIRST_SCHEMA = Path(__file__).parent / "written" / "lim_1"  # by the code of commit 6a7e125
FOUR = {"prompt_id": ["a", "a", "b", "b"], "sample": [0, 1, 0, 1]}


def columns(step: int, rewards: list[float], **more: list) -> dict[str, list]:
    return {**FOUR, "epoch": [step] * 4, "step": [step] * 4, "reward": rewards, **more}


def write_log(folder: Path, *reasons: list[str | None]) -> Path:
    for step, by_row in enumerate(reasons, 1):
        write_step(folder, step, columns(step, [1.0, -1.0, -0.5, -1.0], reason=by_row))
    return folder


def test_every_optional_column(tmp_path):
    more = {
        "verdict": ["correct", "malformed", None, "incorrect"],
        "reason": [None, "garbled", "the judge did not answer", None],
        "score": [0.9, None, 0.25, 0.0],
        "verifier": ["rules", "rules", None, "judge"],
        "chosen_at": [None, None, 40, 40],
    }
    path = write_step(tmp_path, 1, columns(1, [1.0, -1.0, 0.25, 0.0], **more))
    table = pq.read_table(path)
    assert {name: table[name].to_pylist() for name in more} == more | {"score": [pytest.approx(0.9), None, 0.25, 0.0]}
    assert table.schema.field("score").type == SCHEMA.field("score").type
    assert "response" not in table.column_names


def test_a_run_killed_while_a_step_is_written_leaves_one_attempt(tmp_path, monkeypatch):
    for step in range(1, 6):
        write_step(tmp_path, step, columns(step, [1.0] * 4))
    unlink, removed = Path.unlink, []

    def unlink_once(path, **how):
        if path.name.startswith("step_"):
            if removed:
                raise KeyboardInterrupt
            removed.append(path.name)
        unlink(path, **how)

    monkeypatch.setattr(Path, "unlink", unlink_once)
    with pytest.raises(KeyboardInterrupt):
        write_step(tmp_path, 2, columns(2, [-1.0] * 4))
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"step_{step}.parquet" for step in (1, 2, 3, 4)]
    assert all(pq.read_table(path)["reward"].to_pylist() == [1.0] * 4 for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", [field.name for field in SCHEMA if field.nullable])
def test_a_column_of_nulls_is_as_good_as_none(tmp_path, name):
    write_step(tmp_path, 1, columns(1, [1.0, -1.0, -0.5, -1.0], **{name: [None] * 4}))
    assert pq.read_table(tmp_path / "step_1.parquet")[name].null_count == 4
    prompts = write_prompts(tmp_path / "prompts.json", "ab")
    chosen = select(prompts, log_path=tmp_path, settings=Settings("difficulty"))
    assert chosen.log is not None and chosen.log.reasons == {}


@pytest.mark.parametrize(
    ("name", "value"), [("reason", 1), ("score", "high"), ("chosen_at", "late"), ("verifier", ["a"]), ("why", "x")]
)
def test_what_is_not_of_the_schema_is_refused(tmp_path, name, value):
    with pytest.raises(InputError, match="step 1: "):
        write_step(tmp_path, 1, columns(1, [1.0] * 4, **{name: [value] * 4}))
    assert not list(tmp_path.iterdir())


def test_reasons_are_counted_in_the_selection_its_summary_and_the_page(tmp_path):
    first, second = [None, "garbled", None, "cut_off"], [None, "cut_off", "ended with </s>", "cut_off"]
    log = write_log(tmp_path / "log", first, second)
    chosen = select(write_prompts(tmp_path / "prompts.json", "ab"), log_path=log)
    counts = {"cut_off": 3, "ended with </s>": 1, "garbled": 1}
    assert chosen.log is not None and list(chosen.log.reasons.items()) == list(counts.items())
    assert summary(chosen)["log"]["reasons"] == counts
    line = "cut_off: 3, ended with </s>: 1, garbled: 1"
    assert dict(chosen.facts())["verdict reasons"] == line
    assert f"<dt>verdict reasons</dt><dd>{line.replace('<', '&lt;').replace('>', '&gt;')}</dd>" in page_html(chosen)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (pa.array(["cut_off", None, "garbled", "cut_off"]), {"cut_off": 2, "garbled": 1}),
        (pa.array(["cut_off", None, "garbled", "cut_off"], pa.large_string()), {"cut_off": 2, "garbled": 1}),
        (pa.array(["cut_off", None, "garbled", "cut_off"]).dictionary_encode(), {"cut_off": 2, "garbled": 1}),
        (pa.nulls(4), {}),
        (pa.array([1, 2, 3, None]), {}),
    ],
    ids=lambda value: str(getattr(value, "type", "")),
)
def test_reasons_as_other_programs_write_them(tmp_path, values, counts):
    path = write_step(tmp_path, 1, columns(1, [1.0, -1.0, -0.5, -1.0]))
    pq.write_table(pq.read_table(path).append_column("reason", values), path, row_group_size=1)
    chosen = select(
        write_prompts(tmp_path / "prompts.json", "ab"), log_path=tmp_path, settings=Settings("difficulty")
    )
    assert chosen.log is not None and chosen.log.reasons == counts


def test_the_log_of_the_first_schema_is_read(tmp_path):
    run = read_run(FIRST_SCHEMA)
    assert (run["schema_version"], run["name"]) == (1, "old")
    assert pq.read_schema(FIRST_SCHEMA / "step_1.parquet").names == [*SCHEMA.names[:9]]
    prompts = write_prompts(tmp_path / "prompts.json", "ab")
    chosen = select(prompts, log_path=FIRST_SCHEMA, settings=Settings(metric="accuracy"))
    assert chosen.matrix is not None and chosen.log is not None
    np.testing.assert_array_equal(chosen.matrix.rewards_P_K, [[0.5, 0.0], [1.0, 0.5]])
    assert (chosen.log.samples, chosen.log.judged, chosen.log.reasons) == (8, True, {})
    assert "verdict reasons" not in dict(chosen.facts())


def test_a_log_that_was_resumed_with_the_next_schema_is_one_log(tmp_path):
    for name in ("run.json", "step_1.parquet", "step_2.parquet"):
        (tmp_path / name).write_bytes((FIRST_SCHEMA / name).read_bytes())
    more = {"verdict": ["malformed"] * 4, "reason": ["repeated", "garbled", "repeated", "repeated"]}
    write_step(tmp_path, 3, columns(3, [-1.0] * 4, **more))
    write_run(tmp_path, {"name": "old"})
    assert read_run(tmp_path)["schema_version"] == SCHEMA_VERSION == 2
    prompts = write_prompts(tmp_path / "prompts.json", "ab")
    chosen = select(prompts, log_path=tmp_path, settings=Settings(metric="accuracy"))
    assert chosen.matrix is not None and chosen.log is not None
    assert chosen.matrix.pass_rates_P_K.tolist() == [[0.5, 0.0, 0.0], [1.0, 0.5, 0.0]]
    assert chosen.log.reasons == {"repeated": 3, "garbled": 1}


def test_a_newer_schema_is_refused(tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"schema_version": SCHEMA_VERSION + 1}))
    with pytest.raises(InputError, match=f"schema_version is {SCHEMA_VERSION + 1}; this version .* reads up to 2"):
        read_run(tmp_path)
