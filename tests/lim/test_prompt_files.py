"""Selection with prompt files as trainers have them, and what it writes back."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logs import write_log, write_prompts

import lim_selection
from lim.output import companion
from lim.utils.errors import InputError

# Average curve (0.25, 0.5): LIM 0.923, 0.385, 0.615, as in test_select_cli.
REWARDS = {"0": [[0, 0], [0, 1]], "1": [[1, 0.5], [0, 0]], "2": [[0, 0], [1, 1]]}
QUESTIONS = ["What is 1 + 1?", "What is 5 + 7?", "Find the root of 2x = 6."]


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    """One line is one line."""
    monkeypatch.setenv("COLUMNS", "1000")


def verl_rows(system: bool = True) -> list[dict]:
    turns = [{"role": "system", "content": "Box it."}] if system else []
    return [
        {
            "data_source": "own",
            "prompt": [*turns, {"role": "user", "content": question}],
            "reward_model": {"style": "rule", "ground_truth": "2"},
            "extra_info": {"index": at},
        }
        for at, question in enumerate(QUESTIONS)
    ]


def verl_log(folder: Path, texts: list[str], rewards=REWARDS) -> Path:
    """verl's rollouts of two steps, one an epoch; texts by prompt."""
    folder.mkdir()
    for epoch in (0, 1):
        rows = [
            {"input": text, "output": "…", "score": reward, "step": epoch + 1}
            for text, by_epoch in zip(texts, rewards.values(), strict=True)
            for reward in by_epoch[epoch]
        ]
        (folder / f"{epoch + 1}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def decoded(question: str, system: str = "Box it.") -> str:
    return f"system\n{system}\nuser\n{question}\nassistant\n"


def select(tmp_path: Path, prompts: Path | str, *more: object, output: str = "chosen.parquet") -> Path:
    arguments = ["--original_prompts_path", prompts, "--output_path", tmp_path / output, *more]
    lim_selection.main([*map(str, arguments)])
    return tmp_path / output


def test_train_parquet_in_and_chosen_parquet_out(tmp_path, capsys):
    table = pa.Table.from_pylist(verl_rows()).replace_schema_metadata({"huggingface": "{}"})
    pq.write_table(table, tmp_path / "train.parquet")
    log = verl_log(tmp_path / "rollouts", [*map(decoded, QUESTIONS)])
    output = select(tmp_path, tmp_path / "train.parquet", "--train_samples_path", log)
    found = pq.read_table(output)
    assert found.schema.metadata == {b"huggingface": b"{}"}
    assert found.schema.equals(table.schema)
    assert found.equals(table.take([0, 2]))
    rows = json.loads(companion(output, "scores").read_text())
    assert [(row["id"], row["prompt"]) for row in rows] == [*zip("012", QUESTIONS, strict=True)]
    assert rows[0]["score"] == pytest.approx(1 - 0.0625 / 0.8125)
    assert json.loads((tmp_path / "chosen.summary.json").read_text())["chosen"] == 2
    assert "3 (ids: extra_info.index)" in capsys.readouterr().out


def test_a_saved_data_set_of_messages_with_trl_completions(tmp_path):
    """TRL logs messages; two prompts differ in their system message only, and are told apart by it."""
    systems = ["Be brief.", "Be long.", "Be brief."]
    turns = [
        [{"role": "system", "content": system}, {"role": "user", "content": question}]
        for system, question in zip(systems, [QUESTIONS[0], QUESTIONS[0], QUESTIONS[2]], strict=True)
    ]
    table = pa.table({"prompt": turns, "solution": ["2", "2", "3"]})
    folder = tmp_path / "set"
    folder.mkdir()
    with pa.OSFile(str(folder / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    (folder / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}], "_split": null}')
    (tmp_path / "log").mkdir()
    for epoch in (0, 1):
        rows = [
            {"step": epoch + 1, "prompt": prompt, "completion": f"try {epoch}", "accuracy": float(reward)}
            for prompt, by_epoch in zip(turns, REWARDS.values(), strict=True)
            for reward in by_epoch[epoch]
        ]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / "log" / f"completions_{epoch + 1:05}.parquet")
    output = select(tmp_path, folder, "--train_samples_path", tmp_path / "log", output="chosen.jsonl")
    assert [json.loads(line) for line in output.read_text().splitlines()] == table.take([0, 2]).to_pylist()


def test_ids_that_repeat_are_row_numbers_unless_the_log_knows_ids(tmp_path):
    rows = verl_rows()
    rows[2]["extra_info"] = {"index": 0}
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    log = verl_log(tmp_path / "rollouts", [*map(decoded, QUESTIONS)])
    assert len(pq.read_table(select(tmp_path, tmp_path / "train.parquet", "--train_samples_path", log))) == 2
    own = write_log(tmp_path / "run", REWARDS)
    with pytest.raises(InputError, match=r"ids repeat \(extra_info\.index: rows 1 and 3 .* by --id_key"):
        select(tmp_path, tmp_path / "train.parquet", "--train_samples_path", own)


def test_copies_under_other_indices_may_share_a_text(tmp_path):
    rows = verl_rows()
    rows.append(rows[0] | {"extra_info": {"index": 3}})
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    log = verl_log(tmp_path / "rollouts", [*map(decoded, QUESTIONS)])
    assert len(pq.read_table(select(tmp_path, tmp_path / "train.parquet", "--train_samples_path", log))) == 3


@pytest.mark.parametrize("name", ["chosen.csv", "chosen", "chosen.parquet.gz"])
def test_an_output_of_another_suffix_is_refused_before_the_log_is_looked_for(tmp_path, name):
    prompts = write_prompts(tmp_path / "p.json", ["a"])
    with pytest.raises(InputError, match=rf"--output_path .*{name}: .*\.json, \.jsonl, \.parquet"):
        select(tmp_path, prompts, "--train_samples_path", tmp_path / "nowhere", output=name)
    assert [path.name for path in tmp_path.iterdir()] == ["p.json"]


def test_rows_that_the_output_cannot_hold_are_refused_before_the_log_is_looked_for(tmp_path):
    (tmp_path / "p.json").write_text('[{"prompt": "q", "answer": 1}, {"prompt": "r", "answer": "1.50"}]')
    with pytest.raises(InputError, match="'answer' cannot be a column of"):
        select(tmp_path, tmp_path / "p.json", "--train_samples_path", tmp_path / "nowhere")


@pytest.mark.parametrize("format", ["json", "csv", "parquet"])
def test_scores_as_a_table_and_back(tmp_path, format):
    prompts = write_prompts(tmp_path / "p.json", ["0", "1", "2", "new"])
    log = write_log(tmp_path / "run", REWARDS)
    output = select(tmp_path, prompts, "--train_samples_path", log, "--scores_format", format, output="c.json")
    path = companion(output, "scores", format)
    if format == "parquet":
        rows = pq.read_table(path).to_pylist()
        assert rows[0]["score"] == pytest.approx(1 - 0.0625 / 0.8125) and rows[3]["score"] is None
        assert (rows[0]["chosen"], rows[3]["reason"]) == (True, "not in the log")
    if format == "csv":
        rows = list(csv.DictReader(path.open()))
        assert (rows[1]["id"], rows[1]["prompt"], rows[1]["chosen"]) == ("1", "question 1", "False")
        assert (rows[3]["score"], rows[3]["reason"]) == ("", "not in the log")
    again = select(tmp_path, prompts, "--scores_path", path, output="again.json")
    assert again.read_bytes() == output.read_bytes()
    found, before = (json.loads(companion(p, "summary").read_text())["unscored"] for p in (again, output))
    assert found == before == {"not in the log": 1}


def test_scores_that_are_no_numbers(tmp_path):
    prompts = write_prompts(tmp_path / "p.json", ["0"])
    for name, text in (("s.csv", "id,score\n0,high\n"), ("s.json", '[{"id": "0", "score": true}]')):
        (tmp_path / name).write_text(text)
        with pytest.raises(InputError, match=f"{name}: row 1: score is .*, not a number or null"):
            select(tmp_path, prompts, "--scores_path", tmp_path / name, output="o.json")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("chosen-ids.json", '{"strategy": "lim", "count": 2, "ids": ["2", "0"]}'),
        ("ids.json", '["0", 2]'),
        ("rows.json", '[{"id": "2", "prompt": "…"}, {"id": "0"}]'),
        ("ids.jsonl", '{"id": "2"}\n{"id": "0"}\n'),
        ("ids.csv", "id,score\n2,0.5\n0,\n"),
        ("ids.txt", "\ufeff2 \r\n\r\n0"),
    ],
)
def test_ids_choose_by_themselves(tmp_path, capsys, name, text):
    pq.write_table(table := pa.Table.from_pylist(verl_rows()), tmp_path / "train.parquet")
    (tmp_path / name).write_text(text)
    output = select(tmp_path, tmp_path / "train.parquet", "--ids_path", tmp_path / name)
    assert pq.read_table(output).equals(table.take([0, 2]))
    assert f"2 (listed in {tmp_path / name})" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "more", "says"),
    [
        ('["0", "9"]', [], "1 of its 2 ids are not in the prompt file: '9'"),
        ('{"chosen": 1}', [], "holds no list of ids"),
        ('[{"name": "0"}]', [], r"row 1 has no id \(its columns: name\)"),
        ('[{"id": "0", "chosen": true}, {"id": "1", "chosen": false}]', [], "holds chosen prompts and others"),
        ("[]", [], "nothing chosen"),
        ('["0"]', ["--top_k", "1"], "--top_k is for --strategy .*; ids takes --ids_path"),
        ('["0"]', ["--strategy", "linear"], "--ids_path is for --strategy ids; linear takes"),
    ],
)
def test_ids_that_cannot_be(tmp_path, text, more, says):
    prompts = write_prompts(tmp_path / "p.json", ["0", "1"])
    (tmp_path / "ids.json").write_text(text)
    with pytest.raises(InputError, match=says):
        select(tmp_path, prompts, "--ids_path", tmp_path / "ids.json", *more, output="o.json")
    assert not (tmp_path / "o.json").exists()


def test_half_of_a_surrogate_pair_in_a_prompt(tmp_path):
    (tmp_path / "p.json").write_text('[{"id": "0", "prompt": "q \\ud83d"}, {"id": "1", "prompt": "r"}]')
    log = write_log(tmp_path / "run", {id: REWARDS[id] for id in "01"})
    for format in ("json", "csv", "parquet"):
        flags = ["--train_samples_path", log, "--similarity_threshold", "-9", "--scores_format", format]
        output = select(tmp_path, tmp_path / "p.json", *flags, output="o.json")
        assert json.loads(output.read_text())[0]["prompt"] == "q \ud83d"


# Texts that trainers changed.


def long_questions(count: int) -> list[str]:
    return [
        f"Story {n}. " + f"There are {n} boxes of {n + 3} pears. " * (4 + n) + f"How many, less {n}?"
        for n in range(count)
    ]


def test_prompts_cut_at_their_start_are_matched_by_their_end(tmp_path, capsys):
    questions = long_questions(3)
    (tmp_path / "p.json").write_text(json.dumps([{"id": str(n), "prompt": text} for n, text in enumerate(questions)]))
    whole = [decoded(question) for question in questions]
    texts = [whole[0], whole[1], whole[2][-len(whole[1]) + 20 :]]
    assert questions[2] not in texts[2]
    log = verl_log(tmp_path / "rollouts", texts)
    output = select(tmp_path, tmp_path / "p.json", "--train_samples_path", log, output="o.json")
    assert [row["id"] for row in json.loads(output.read_text())] == ["0", "2"]
    assert "the end of a text that was cut at its start: 1" in " ".join(capsys.readouterr().out.split())


def test_all_prompts_cut_at_their_start(tmp_path):
    questions = long_questions(3)
    (tmp_path / "p.json").write_text(json.dumps([{"id": str(n), "prompt": text} for n, text in enumerate(questions)]))
    for name, texts in (
        ("decoded", [decoded(question)[-90:] for question in questions]),
        ("tokens", [f"{question[-80:]}<|im_end|>\n<|im_start|>assistant\n<think>\n" for question in questions]),
        ("plain", [question[-80:] for question in questions]),
    ):
        log = verl_log(tmp_path / name, texts)
        output = select(tmp_path, tmp_path / "p.json", "--train_samples_path", log, output="o.json")
        assert [row["id"] for row in json.loads(output.read_text())] == ["0", "2"], name


def test_an_end_that_several_prompts_have_is_refused(tmp_path):
    tail = "There are twelve boxes of apples in each of the forty rooms. How many apples are there?"
    questions = [*long_questions(1), *(f"In the year {year} the house was built. {tail}" for year in (1900, 1950))]
    (tmp_path / "p.json").write_text(json.dumps([{"id": str(n), "prompt": text} for n, text in enumerate(questions)]))
    log = verl_log(tmp_path / "rollouts", [decoded(questions[0]), *[f"{tail}\nassistant\n"] * 2])
    with pytest.raises(InputError, match="1 texts of the log are cut at their start, and are the end of several"):
        select(tmp_path, tmp_path / "p.json", "--train_samples_path", log, output="o.json")


def test_prompts_that_hold_their_chat_template(tmp_path):
    wrap = "<|im_start|>system\nBox it.<|im_end|>\n<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    rows = [{"id": str(n), "prompt": wrap.format(question)} for n, question in enumerate(QUESTIONS)]
    (tmp_path / "p.json").write_text(json.dumps(rows))
    log = verl_log(tmp_path / "rollouts", [*map(decoded, QUESTIONS)])
    output = select(tmp_path, tmp_path / "p.json", "--train_samples_path", log, output="o.json")
    assert json.loads(output.read_text()) == [rows[0], rows[2]]
