"""Folders that the real `datasets` saves, and what it reads of the rows written back."""

from __future__ import annotations

import json

import pytest

import lim_selection
from lim.prompts import Reading, load

datasets = pytest.importorskip("datasets")  # not in the set that selects only

ROWS = [
    {"prompt": [{"role": "user", "content": f"What is {n} + {n}?"}], "solution": f"{2 * n}.50", "extra": {"k": n}}
    for n in range(6)
]


def test_saved_sets_in_and_a_file_that_loads_with_the_same_features_out(tmp_path):
    made = datasets.Dataset.from_list(ROWS)
    made.select([5, 3, 1]).save_to_disk(tmp_path / "chosen")
    made.save_to_disk(tmp_path / "shards", num_shards=3)
    datasets.DatasetDict({"train": made, "test": made.select([0])}).save_to_disk(tmp_path / "sets")
    assert load(tmp_path / "chosen").answers == ["10.50", "6.50", "2.50"]
    assert load(tmp_path / "shards").rows.records == ROWS
    assert load(tmp_path / "sets", Reading(split="test")).texts == ["What is 0 + 0?"]
    (tmp_path / "ids.json").write_text('["4", "1"]')
    where = ["--original_prompts_path", tmp_path / "sets", "--ids_path", tmp_path / "ids.json"]
    lim_selection.main([*map(str, where), "--output_path", str(tmp_path / "o.parquet")])
    found = datasets.load_dataset(
        "parquet", data_files=str(tmp_path / "o.parquet"), split="train", cache_dir=tmp_path
    )
    assert found.features == made.features and found.to_list() == [ROWS[1], ROWS[4]]


def test_answers_of_several_types_keep_their_text(tmp_path):
    answers = ["1.50", 2, "1e3", "\\frac12", "[1]", None]
    lines = [json.dumps({"prompt": f"q{n}", "answer": answer}) + "\n" for n, answer in enumerate(answers)]
    (tmp_path / "mixed.jsonl").write_text("".join(lines))
    made = datasets.load_dataset("json", data_files=str(tmp_path / "mixed.jsonl"), cache_dir=tmp_path)["train"]
    assert made["answer"][0] == 1.5  # what is lost there
    made.save_to_disk(tmp_path / "set")
    made.to_parquet(tmp_path / "mixed.parquet")
    for name in ("set", "mixed.parquet", "mixed.jsonl"):
        assert load(tmp_path / name).answers == ["1.50", "2", "1e3", "\\frac12", "[1]", None]
