"""A prompt file other than the one that a log's run trained on: the log knows prompts by id alone."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import write_log

from lim.pipeline import select
from lim.prompts import Reading, load
from lim.prompts.find import fingerprint
from lim.reward_log import write_run
from lim.strategies import Settings
from lim.utils.errors import InputError

IDS = [str(at) for at in range(40)]
# The first five follow the average, whatever the order of the file.
HIGH, LOW = [[1, 1], [1, 1], [1, 0]], [[0, 0], [0, 0], [0, 1]]
REWARDS = {id: [[0, 1], [0, 1], [0, 1]] if int(id) < 5 else HIGH if int(id) % 2 else LOW for id in IDS}


def rows_of(text: str = "What is {} + 1?", ids: list[str] = IDS) -> list[dict[str, Any]]:
    return [{"id": id, "prompt": text.format(id), "answer": "1"} for id in ids]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        path.write_text(json.dumps(rows))
    return path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run's log and, beside it, the file that it trained on."""
    trained = write(tmp_path / "trained.json", rows_of())
    write_log(tmp_path / "run", REWARDS)
    digest = hashlib.sha256(trained.read_bytes()).hexdigest()
    write_run(tmp_path / "run", {"recipe": {"run": {}}, "prompt_file": str(trained), "prompt_sha256": digest})
    return tmp_path / "run"


def choose(run: Path, prompts: Path, *allow: str) -> tuple[list[str], list[str]]:
    """(ids of the chosen, what was let pass)."""
    found = select(prompts, log_path=run, settings=Settings(top_k=5, allow=allow))
    return sorted(itertools.compress(found.prompts.ids, found.chosen_P)), found.allowed


def test_the_run_s_own_file_and_what_is_made_from_it(run: Path) -> None:
    folder, expected = run.parent, choose(run, run.parent / "trained.json")
    assert len(expected[0]) == 5 and not expected[1]
    wrapped = rows_of("Solve:\nWhat   is {} + 1?\nThink first.")
    for name, rows in {
        "again.json": rows_of(),
        "table.parquet": rows_of(),
        "wrapped.json": wrapped,
        "shuffled.json": rows_of()[::-1],
        "corrected.json": rows_of("Which is {}?", IDS[:1]) + rows_of(ids=IDS[1:]),
    }.items():
        assert choose(run, write(folder / name, rows)) == expected, name


def test_the_same_ids_with_other_prompts_are_refused(run: Path) -> None:
    others = write(run.parent / "others.json", rows_of("Find the area of square {}."))
    with pytest.raises(InputError, match=r"others\.json: is not .*trained.*40 of 40 ids mean another") as caught:
        choose(run, others)
    assert "'0' is 'Find the area of square 0.', there 'What is 0 + 1?'" in str(caught.value)
    assert choose(run, others, "other_file")[1][0].startswith("--allow other_file")


def test_rows_numbered_anew_are_refused(run: Path) -> None:
    """A shuffled data set whose ids are row numbers: every id is there, and means another prompt."""
    rows = [{**row, "id": str(at)} for at, row in enumerate(rows_of()[::-1])]
    with pytest.raises(InputError, match="ids mean another prompt there"):
        choose(run, write(run.parent / "anew.json", rows))


@pytest.mark.parametrize("gone", [True, False])
def test_where_the_run_s_file_is_gone_or_changed_nothing_can_be_compared(run: Path, gone: bool) -> None:
    other = write(run.parent / "table.parquet", rows_of())
    trained = run.parent / "trained.json"
    if gone:
        trained.unlink()
    else:
        write(trained, rows_of("Anew: {}"))
    with pytest.raises(InputError, match=r"which is not here to compare.*--allow other_file"):
        choose(run, other)
    if not gone:
        with pytest.raises(InputError, match="which is not here to compare"):
            choose(run, trained)
    assert choose(run, other, "other_file")[0]


def test_the_columns_that_the_run_named_are_read(run: Path) -> None:
    trained = write(run.parent / "own.json", [{"n": row["id"], "text": row["prompt"]} for row in rows_of()])
    recipe = {"run": {"id_key": "n", "prompt_key": "text", "name": "own"}}
    digest = hashlib.sha256(trained.read_bytes()).hexdigest()
    write_run(run, {"recipe": recipe, "prompt_file": str(trained), "prompt_sha256": digest})
    assert choose(run, write(run.parent / "again.json", rows_of()))[0]
    with pytest.raises(InputError, match="ids mean another prompt"):
        choose(run, write(run.parent / "others.json", rows_of("Find {}.")))


def test_the_run_s_own_file_with_ids_of_another_column_is_refused(run: Path) -> None:
    rows = [{**row, "n": IDS[-1 - at]} for at, row in enumerate(rows_of())]
    trained = write(run.parent / "trained.json", rows)
    digest = hashlib.sha256(trained.read_bytes()).hexdigest()
    about = {"prompt_file": str(trained), "prompt_sha256": digest}
    write_run(run, {"recipe": {"run": {"id_key": "n"}}, **about})
    assert select(load(trained, Reading(id_key="n")), log_path=run, settings=Settings(top_k=5)).chosen_P.any()
    with pytest.raises(
        InputError, match=r"ids are of another column .* 40 of 40 ids .*; give --id_key n, as its run"
    ):
        choose(run, trained)
    write_run(run, {"recipe": {"run": {}}, **about})
    assert choose(run, trained)[0]
    with pytest.raises(InputError, match=r"ids are of another column .*; leave --id_key, --split and --config out"):
        select(load(trained, Reading(id_key="n")), log_path=run, settings=Settings(top_k=5))


@pytest.mark.parametrize("other", [Reading(split="test"), Reading(config="two")])
def test_another_part_of_the_run_s_own_folder_is_refused(run: Path, other: Reading) -> None:
    """Its sha256 is that of the folder, whatever part of it is read."""
    folder = run.parent / "set"
    for part in ("train.json", "test.json", "two/train.json"):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        write(folder / part, [{"prompt": f"Of {part}: {at}"} for at in IDS])  # without ids
    about = {"prompt_file": str(folder), "prompt_sha256": fingerprint(folder)}
    for given, known in ((Reading(), {}), (Reading(split="test"), {"split": "test"})):
        write_run(run, {"recipe": {"run": known}, **about})
        assert select(load(folder, given), log_path=run, settings=Settings(top_k=5)).chosen_P.any()
    write_run(run, {"recipe": {"run": {}}, **about})
    with pytest.raises(InputError, match="are of another column or part than those that the run trained on"):
        select(load(folder, other), log_path=run, settings=Settings(top_k=5))


def test_ids_that_are_the_same_number_are_compared_too(run: Path) -> None:
    others = write(run.parent / "others.json", rows_of("Find {}.", [f"0{id}" for id in IDS]))
    with pytest.raises(InputError, match="40 of 40 ids mean another prompt"):
        choose(run, others)


@pytest.mark.parametrize("text", ["What is {}0 + 1?", "What is {} + 1", "What is {} + 1.5?", ""])
def test_a_text_that_is_in_another_s_by_a_number_s_digits_is_another(run: Path, text: str) -> None:
    """All of the run's texts end with a number, and each is found in the other's letters."""
    trained = write(run.parent / "trained.json", rows_of("is {} + 1"))
    digest = hashlib.sha256(trained.read_bytes()).hexdigest()
    write_run(run, {"recipe": {}, "prompt_file": str(trained), "prompt_sha256": digest})
    others = write(run.parent / "others.json", rows_of(text))
    if text == "What is {} + 1":
        assert choose(run, others)[0]
        assert choose(run, write(run.parent / "others.json", rows_of("Question 7\nis {} + 1\n8 points")))[0]
        return
    with pytest.raises(InputError, match="ids mean another prompt"):
        choose(run, others)


def test_a_few_texts_that_differ_are_said(run: Path) -> None:
    rows = rows_of("Which is {}?", IDS[:1]) + rows_of(ids=IDS[1:])
    found = select(write(run.parent / "corrected.json", rows), log_path=run, settings=Settings(top_k=5))
    assert any("1 of 40 ids mean another prompt there ('0' is 'Which is 0?'" in note for note in found.notes)


@pytest.mark.parametrize("content", ["", "[]", '{"prompt_file": "x"}', '{"prompt_file": 1, "prompt_sha256": "a"}'])
def test_a_log_that_names_no_file_is_matched_by_id(run: Path, content: str) -> None:
    (run / "run.json").write_text(content)
    assert choose(run, write(run.parent / "others.json", rows_of("Find {}.")))[0]


def test_a_log_in_an_object_store_says_its_file_too(run: Path) -> None:
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    for file in run.iterdir():
        memory.pipe_file(f"/other_file/{file.name}", file.read_bytes())
    others = write(run.parent / "others.json", rows_of("Find {}."))
    with pytest.raises(InputError, match="ids mean another prompt"):
        select(others, log_path="memory://other_file", settings=Settings(top_k=5))
