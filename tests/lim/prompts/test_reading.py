"""Prompt files as trainers have them: every format, every layout, and one line for what cannot be read."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lim.prompts import Reading, load, read_prompts
from lim.prompts.rows import Rows
from lim.utils.errors import InputError

ROWS = [{"id": f"p{n}", "prompt": f"What is {n} + 1?", "answer": f"{n + 1}.50"} for n in range(3)]
ASK = "Reason step by step.\n"
VERL = [
    {
        "data_source": "own/sums",
        "prompt": [{"role": "system", "content": ASK}, {"role": "user", "content": row["prompt"]}],
        "ability": "math",
        "reward_model": {"style": "rule", "ground_truth": row["answer"]},
        "extra_info": {"index": 10 + at, "split": "train"},
    }
    for at, row in enumerate(ROWS)
]
TEXTS, ANSWERS = [row["prompt"] for row in ROWS], [row["answer"] for row in ROWS]


def write(path: Path, rows: list[dict]) -> Path:
    """Rows as the file that the name says."""
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with open(path, "w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".arrow":
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
            stream.write_table(table)
    elif path.name.endswith(("lines.json", ".jsonl", ".ndjson")):
        path.write_text("".join(json.dumps(row) + "\n\n" for row in rows))
    else:
        path.write_text(json.dumps(rows))
    return path


@pytest.mark.parametrize(
    "name", ["p.json", "p.jsonl", "p.ndjson", "lines.json", "p.csv", "p.parquet", "p.arrow", "no_suffix"]
)
def test_every_format_gives_the_same_prompts(tmp_path, name):
    path = write(tmp_path / name, ROWS)
    prompts = load(path)
    assert (prompts.ids, prompts.texts, prompts.answers) == (["p0", "p1", "p2"], TEXTS, ANSWERS)
    assert read_prompts(path) == ROWS
    assert prompts.in_words() == "3"


def test_a_parquet_file_is_known_by_what_it_holds(tmp_path):
    write(tmp_path / "p.parquet", ROWS).rename(tmp_path / "prompts.json")
    assert load(tmp_path / "prompts.json").ids == ["p0", "p1", "p2"]


@pytest.mark.parametrize(
    ("rows", "ids", "texts", "answers", "said"),
    [
        (VERL, ["10", "11", "12"], TEXTS, ANSWERS, "3 (ids: extra_info.index)"),
        (
            [{"prompt": row["prompt"][1:], "solution": answer} for row, answer in zip(VERL, ANSWERS, strict=True)],
            ["0", "1", "2"],
            TEXTS,
            ANSWERS,
            "3 (ids: row numbers from 0)",
        ),
        ([{"input": "q", "label": "1"}], ["0"], ["q"], ["1"], "1 (ids: row numbers from 0)"),
        ([{"problem": "q", "solution": "so 1", "answer": "1"}], ["0"], ["q"], ["1"], "1 (ids: row numbers from 0)"),
        ([{"messages": [{"role": "user", "content": "q"}]}], ["0"], ["q"], [None], "1 (ids: row numbers from 0)"),
        ([{"prompt": "q", "extra_info": {"index": 1}}] * 2, ["0", "1"], ["q"] * 2, [None] * 2, "2 (ids: row num"),
        ([{"id": 7, "question": "q"}], ["7"], ["q"], [None], "1"),
    ],
)
@pytest.mark.parametrize("suffix", [".parquet", ".jsonl"])
def test_layouts(tmp_path, rows, ids, texts, answers, said, suffix):
    prompts = load(write(tmp_path / f"p{suffix}", rows))
    assert (prompts.ids, prompts.texts, prompts.answers) == (ids, texts, answers)
    assert prompts.in_words().startswith(said)


def test_columns_are_given_by_keys(tmp_path):
    rows = [{"a": {"q": "text"}, "b": [{"gold": "2"}], "uid": "x"}]
    reading = Reading(prompt_key="a.q", answer_key="b.0.gold", id_key="uid")
    for suffix in (".parquet", ".json"):
        prompts = load(write(tmp_path / f"p{suffix}", rows), reading)
        assert (prompts.ids, prompts.texts, prompts.answers) == (["x"], ["text"], ["2"])


def test_messages_written_as_text_and_in_parts(tmp_path):
    turns = [{"role": "system", "content": "S"}, {"role": "user", "content": "it's [1]"}]
    parts = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what is it?"}]}]
    several = [*turns, {"role": "assistant", "content": "A"}, {"role": "user", "content": "and then?"}]
    rows = [json.dumps(turns), str(turns), json.dumps(parts), json.dumps(several), "[{1, 2}] is a text"]
    prompts = load(write(tmp_path / "p.csv", [{"prompt": row} for row in rows]))
    assert prompts.texts == [
        "it's [1]",
        "it's [1]",
        "<image>what is it?",
        "it's [1]\nand then?",
        "[{1, 2}] is a text",
    ]


def test_strings_stay_strings_among_numbers(tmp_path):
    rows = [{"prompt": "q", "answer": value} for value in ("1.50", 2, "1e3", 0.5, "[1, 2]", None)]
    found = load(write(tmp_path / "p.jsonl", rows)).answers
    assert found == ["1.50", "2", "1e3", "0.5", "[1, 2]", None]


def test_a_column_of_json_keeps_its_strings():
    """As `datasets` 5 stores a column of several types: what is JSON as it is, other text as a JSON string."""
    stored = pa.array(["1.50", "2", r'"\\frac{1}{2}"', "[1, 2]", None], pa.json_())
    rows = Rows("set", table=pa.table({"prompt": pa.array(list("abcde")), "answer": stored}))
    assert rows.column("answer") == ["1.50", "2", r"\frac{1}{2}", "[1, 2]", None]


def test_a_folder_name_with_an_equals_sign_is_no_column(tmp_path):
    (tmp_path / "split=train").mkdir()
    assert load(write(tmp_path / "split=train" / "p.parquet", ROWS)).rows.record(0) == ROWS[0]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("p.json", "[{", "p.json: line 1, column 3: not JSON"),
        ("p.json", '{"prompt": "q"}', "holds an object, not a list of rows (its keys: prompt)"),
        ("p.json", '"x"', "holds text, not a list of rows"),
        ("p.json", '[{"prompt": "q"}, 7]', "row 2 is a number, not an object"),
        ("p.jsonl", '{"prompt": "q"}\n\n{"prompt', "line 3: not JSON"),
        ("p.jsonl", '{"prompt": "q"}\n[1]\n', "line 2 is a list, not an object"),
        ("p.jsonl", '{"prompt": "q", "x": NaN}\n', "holds NaN, which is not JSON"),
        ("p.csv", "prompt,answer\nq\n", "line 2 has fewer cells than the 2 columns"),
        ("p.csv", "prompt\nq,1\n", "line 2 has more cells than the 1 columns"),
        ("p.csv", "prompt,prompt\nq,r\n", "has 2 columns 'prompt'"),
        ("p.parquet", "PAR1 no", "p.parquet: not a Parquet file"),
        ("p.arrow", "no", "p.arrow: not an Arrow file"),
        ("p.json", "[]", "holds no prompts"),
        ("p.csv", "", "holds no prompts"),
        ("p.json", '[{"text": "q"}]', "name the column by --prompt_key (its columns: text)"),
        ("p.json", '[{"prompt": "q"}, {"text": "r"}]', "row 2: 'prompt' is not there (its columns: text)"),
        ("p.json", '[{"prompt": 3}]', "row 1: 'prompt' is a number, neither text nor messages"),
        ("p.json", '[{"prompt": ["q"]}]', "row 1: 'prompt' is a list, neither text nor messages"),
        (
            "p.json",
            '[{"prompt": null, "question": "q"}]',
            "question); if another column holds the prompt, name it by --prompt_key",
        ),
        ("p.json", '[{"id": 1, "prompt": "q"}, {"id": "1", "prompt": "r"}]', "rows 1 and 2 have the same id '1'"),
        ("p.json", '[{"id": 1.5, "prompt": "q"}]', "row 1 has 1.5, neither text nor a number"),
        ("p.json", '[{"id": "a", "prompt": "q"}, {"prompt": "q"}]', "'id': row 2 has none"),
        ("none.json", None, "none.json: no such file"),
        ("s3://bucket/p.parquet", None, "no such file; only local files are read here"),
    ],
)
def test_what_cannot_be_read_is_one_line(tmp_path, monkeypatch, name, text, says):
    monkeypatch.chdir(tmp_path)
    if text is not None:
        Path(name).write_text(text)
    with pytest.raises(InputError) as caught:
        load(name)
    assert says in str(caught.value) and "\n" not in str(caught.value)


def test_keys_that_are_not_there_and_splits_of_one_file(tmp_path):
    path = write(tmp_path / "p.parquet", ROWS)
    for reading, says in (
        (Reading(prompt_key="text"), r"--prompt_key text: .* has no such column \(its columns: id, prompt, answer\)"),
        (Reading(id_key="extra.uid", flag="run."), r"run\.id_key extra\.uid: .* has no such column"),
        (Reading(split="test"), "--split: .* is one file; it has no splits"),
    ):
        with pytest.raises(InputError, match=says):
            load(path, reading)


def test_answers_are_needed_for_training_only(tmp_path):
    for rows, says in (
        ([{"prompt": "q"}], r"has no answers; name the column by --answer_key \(prompt\)"),
        (
            [{"prompt": "q", "answer": "1"}, {"prompt": "r", "answer": None}],
            "row 2: 'answer', the answer, is not there",
        ),
        ([{"prompt": "q", "answer": ["1"]}], "row 1: 'answer', the answer, is a list"),
    ):
        path = write(tmp_path / "p.json", rows)
        assert len(load(path).ids) == len(rows)
        with pytest.raises(InputError, match=says):
            read_prompts(path)


# Folders.


def saved(folder: Path, rows: list[dict], split: str | None = None, shards: int = 2) -> None:
    """A folder as `Dataset.save_to_disk` writes it."""
    folder.mkdir(parents=True)
    names = [f"data-{at:05}-of-{shards:05}.arrow" for at in range(shards)]
    for at, name in enumerate(names):
        write(folder / name, rows[at * len(rows) // shards : (at + 1) * len(rows) // shards])
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": n} for n in names], "_split": split}))
    (folder / "dataset_info.json").write_text("{}")


def test_a_saved_data_set(tmp_path):
    saved(tmp_path / "set", ROWS, "train")
    prompts = load(tmp_path / "set")
    assert prompts.ids == ["p0", "p1", "p2"] and prompts.in_words() == "3 (split train)"
    with pytest.raises(InputError, match="is the split 'train'; --split asks for 'test'"):
        load(tmp_path / "set", Reading(split="test"))


def test_a_saved_dictionary_of_splits(tmp_path):
    for split, rows in (("train", ROWS[:2]), ("test", ROWS[2:])):
        saved(tmp_path / "sets" / split, rows, split, shards=1)
    index = tmp_path / "sets" / "dataset_dict.json"
    index.write_text('{"splits": ["train", "test"]}')
    assert load(tmp_path / "sets").ids == ["p0", "p1"]
    assert load(tmp_path / "sets", Reading(split="test")).in_words() == "1 (split test)"
    with pytest.raises(InputError, match=r"has no split 'val' \(its splits: train, test\)"):
        load(tmp_path / "sets", Reading(split="val"))
    (tmp_path / "sets" / "train").rename(tmp_path / "sets" / "dev")
    index.write_text('{"splits": ["dev", "test"]}')
    with pytest.raises(InputError, match=r"has the splits dev, test; say which with --split"):
        load(tmp_path / "sets")
    index.write_text('{"splits": ["test"]}')
    assert load(tmp_path / "sets").ids == ["p2"]


def test_a_folder_as_the_hub_has_it(tmp_path):
    (tmp_path / "data").mkdir()
    for at in (0, 1):
        write(tmp_path / "data" / f"train-{at:05}-of-00002.parquet", ROWS[at : 2 * at + 1])
    write(tmp_path / "data" / "test-00000-of-00001.parquet", ROWS[:1])
    assert load(tmp_path).texts == TEXTS
    assert load(tmp_path, Reading(split="test")).texts == TEXTS[:1]
    with pytest.raises(InputError, match=r"file of the split 'dev' .*data files there: data/test-"):
        load(tmp_path, Reading(split="dev"))


@pytest.mark.parametrize("name", ["p.jsonl.gz", "p.csv.gz", "p.jsonl.zst"])
def test_packed_files_are_read(tmp_path, name):
    text = "id,prompt,answer\n1,q,a\n" if ".csv" in name else '{"id": "1", "prompt": "q", "answer": "a"}\n'
    packed = gzip.compress(text.encode()) if name.endswith("gz") else pa.compress(text.encode(), "zstd", asbytes=True)
    (tmp_path / name).write_bytes(packed)
    found = load(tmp_path / name)
    assert (found.ids, found.texts, found.answers) == (["1"], ["q"], ["a"])
