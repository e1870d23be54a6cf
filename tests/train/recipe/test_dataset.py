"""Prompt files: labels checked, validation held out, rows as OpenRLHF reads them."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import pytest

from lim.utils.errors import InputError
from lim.utils.makers import MAKERS
from train.recipe import dataset, files, recipe
from train.recipe.recipe import RunConfig


def prompts(count: int, **changes) -> list[dict]:
    rows = [{"id": str(i), "prompt": f"What is {i} + 1?", "answer": str(i + 1), "level": 1} for i in range(count)]
    for i, answer in changes.get("answers", {}).items():
        rows[i]["answer"] = answer
    return rows


def config(tmp_path: Path, rows: list[dict], **settings) -> RunConfig:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(rows))
    return RunConfig(name="x", prompt_file=str(path), epochs=1, **settings)


def same(gold: str, answer: str) -> bool:
    return gold == answer and gold != "ungradable"


def test_all_rows_without_validation(tmp_path):
    data = dataset.load(config(tmp_path, prompts(5)), same)
    assert [row["id"] for row in data.train] == ["0", "1", "2", "3", "4"]
    assert (data.validation, data.dropped, data.held_out, data.rows) == ([], [], [], 5)


@pytest.mark.parametrize(
    ("answer", "what"), [("", "is empty"), ("  ", "is empty"), ("ungradable", "cannot be graded")]
)
def test_bad_labels(tmp_path, answer, what):
    rows = prompts(5, answers={2: answer})
    with pytest.raises(InputError, match=f"row 3 \\(id 2\\): answer .* {what}") as caught:
        dataset.load(config(tmp_path, rows), same)
    assert "run.bad_labels=drop" in str(caught.value)
    data = dataset.load(config(tmp_path, rows, bad_labels="drop"), same)
    assert [row["id"] for row in data.train] == ["0", "1", "3", "4"]
    assert data.dropped == ["2"]


def test_held_out_of_the_same_file(tmp_path):
    rows = prompts(50)
    first = dataset.load(config(tmp_path, rows, val_file=str(tmp_path / "prompts.json"), val_size=10), same)
    assert len(first.validation) == len(first.held_out) == 10
    assert len(first.train) == 40
    ids = {row["id"] for row in first.validation}
    assert ids == set(first.held_out)
    assert not ids & {row["id"] for row in first.train}
    # A smaller file, another order, another seed: what is held out stays held out.
    smaller = tmp_path / "smaller.json"
    smaller.write_text(json.dumps(rows[:30][::-1]))
    run = config(tmp_path, rows, val_file=str(tmp_path / "prompts.json"), val_size=10, seed=9)
    second = dataset.load(replace(run, prompt_file=str(smaller)), same)
    assert {row["id"] for row in second.validation} == ids
    assert set(second.held_out) == ids & {str(i) for i in range(30)}


def test_the_same_question_under_another_id_is_held_out_too(tmp_path):
    val = tmp_path / "val.json"
    val.write_text(json.dumps([{"id": "v", "prompt": " What is  3 + 1?\n", "answer": "4"}]))
    data = dataset.load(config(tmp_path, prompts(5), val_file=str(val)), same)
    assert data.held_out == ["3"]
    assert [row["id"] for row in data.validation] == ["v"]


def test_refused(tmp_path):
    rows = prompts(5)
    path = str(tmp_path / "prompts.json")
    with pytest.raises(InputError, match="no prompt is left to train on"):
        dataset.load(config(tmp_path, rows, val_file=path), same)
    with pytest.raises(InputError, match="val_size=6: the validation file has 5"):
        dataset.load(config(tmp_path, rows, val_file=path, val_size=6), same)
    with pytest.raises(InputError, match=r"make it with: python -m data\.prepare math8k"):
        dataset.need(str(tmp_path / "math8k.json"))
    with pytest.raises(InputError, match=r"other\.json: no such file; run.prompt_file=FILE takes Parquet, JSON"):
        dataset.need(str(tmp_path / "other.json"))


def test_a_prompt_with_a_mark_of_a_picture_is_refused(tmp_path):
    rows = prompts(5)
    rows[3]["prompt"] = "Read <image> and add 1."
    with pytest.raises(
        InputError, match=rf"id {rows[3]['id']}: its prompt has <image>, which OpenRLHF reads as a pict"
    ):
        dataset.load(config(tmp_path, rows), same)
    (tmp_path / "bad.json").write_text(json.dumps([rows[3]["id"]]))
    assert len(dataset.load(config(tmp_path, rows, drop_ids=str(tmp_path / "bad.json")), same).train) == 4
    with pytest.raises(InputError, match=r"^run\.system_prompt: has <image>"):
        dataset.load(config(tmp_path, prompts(5), system_prompt="See <image>."), same)


def test_openrlhf_reads_the_mark_so():
    spec = importlib.util.find_spec("openrlhf")
    assert spec is not None and spec.origin is not None
    source = (Path(spec.origin).parent / "datasets" / "prompts_dataset.py").read_text(encoding="utf-8")
    scope: dict = {}
    start = source.index("def _str_to_content_list")
    exec(source[start : source.index("def preprocess_data")], scope)
    assert scope["_str_to_content_list"](f"{dataset.IMAGE}x") == [{"type": "image"}, {"type": "text", "text": "x"}]


def test_every_recipes_files_have_a_maker():
    for path in files.CONFIGS.glob("*.yaml"):
        run = recipe.load(str(path)).run
        for file in filter(None, (run.prompt_file, run.val_file)):
            assert Path(file).name in MAKERS


def test_rows_as_openrlhf_reads_them(tmp_path):
    """Through `datasets` and OpenRLHF's own function, with a chat template that shows each message."""
    import ast
    import importlib.util

    from datasets import load_dataset

    path = tmp_path / "p.jsonl"
    rows = [
        {"id": "a", "prompt": "Was ist 1 + 1?\n²", "answer": "\\frac{1}{2}"},
        {"id": "b", "prompt": "q", "answer": "2"},
    ]
    dataset.write(path, rows, "Be brief.")
    loaded = load_dataset("json", data_files=str(path), cache_dir=str(tmp_path / "cache"))["train"]

    # The module imports torch; its two functions do not need it.
    folder = Path(importlib.util.find_spec("openrlhf").submodule_search_locations[0])
    tree = ast.parse((folder / "datasets" / "prompts_dataset.py").read_text())
    tree.body = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    import copy

    scope = {"copy": copy}
    exec(compile(tree, "prompts_dataset.py", "exec"), scope)

    def template(chat, tokenize, add_generation_prompt):
        assert (tokenize, add_generation_prompt) == (False, True)
        return "".join(f"<{message['role']}>{message['content']}" for message in chat)

    prompt, label = scope["preprocess_data"](loaded[0], None, "messages", "label", template)
    assert prompt == "<system>Be brief.<user>Was ist 1 + 1?\n²"
    assert json.loads(label) == {"id": "a", "answer": "\\frac{1}{2}"}
    assert dataset.to_row(rows[1], None)["messages"] == [{"role": "user", "content": "q"}]


@pytest.mark.data
def test_the_released_set_makes_eight_whole_steps(shared_data):
    from eval.grader import equal

    released = str(shared_data / "limr" / "math.8k.json")
    run = recipe.load("math.8k", [], [f"run.prompt_file={released}", f"run.val_file={released}"]).run
    data = dataset.load(run, equal)
    assert (data.rows, len(data.dropped), len(data.held_out), len(data.validation)) == (8523, 2, 329, 329)
    assert len(data.train) == 8192 == run.expect_prompts


def verl_rows(count: int, system: str | None = None) -> list[dict]:
    turns = [{"role": "system", "content": system}] if system else []
    return [
        {
            "prompt": [*turns, {"role": "user", "content": f"What is {n} + 1?"}],
            "reward_model": {"ground_truth": str(n + 1)},
            "extra_info": {"index": n},
        }
        for n in range(count)
    ]


def parquet_config(tmp_path: Path, rows: list[dict], name: str = "train.parquet", **settings) -> RunConfig:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.Table.from_pylist(rows), tmp_path / name)
    return RunConfig(name="x", prompt_file=str(tmp_path / name), epochs=1, **settings)


def test_a_recipe_trains_on_verls_parquet(tmp_path):
    run = parquet_config(tmp_path, verl_rows(3), system_prompt="Be brief.")
    data = dataset.load(run, same)
    assert data.train[1] == {"id": "1", "prompt": "What is 1 + 1?", "answer": "2"}
    assert dataset.to_row(data.train[1], run.system_prompt) == {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is 1 + 1?"}],
        "label": '{"id": "1", "answer": "2"}',
    }
    assert data.version is not None and len(data.version) == 64


def test_system_messages_of_the_file_are_kept_and_not_doubled(tmp_path):
    run = parquet_config(tmp_path, verl_rows(3, "Box it."))
    (row, *_) = dataset.load(run, same).train
    assert [turn["content"] for turn in dataset.to_row(row, None)["messages"]] == ["Box it.", "What is 0 + 1?"]
    with pytest.raises(InputError, match=r"row 1 \(id 0\): has a system message beside run\.system_prompt"):
        dataset.load(replace(run, system_prompt="Be brief."), same)


def test_row_numbers_and_indices_of_two_files_say_nothing_of_each_other(tmp_path):
    parquet_config(tmp_path, verl_rows(9)[5:6], "val.parquet")
    run = parquet_config(tmp_path, verl_rows(5), val_file=str(tmp_path / "val.parquet"))
    val = tmp_path / "val.jsonl"
    val.write_text('{"question": "What is 7 + 7?", "answer": "14"}\n')
    numbered = tmp_path / "train.jsonl"
    numbered.write_text("".join(json.dumps({"question": f"{n}?", "answer": "1"}) + "\n" for n in range(3)))
    for one in (run, RunConfig(name="x", prompt_file=str(numbered), epochs=1, val_file=str(val))):
        data = dataset.load(one, same)
        assert (data.held_out, len(data.validation), len(data.train)) == ([], 1, data.rows)
    both = replace(run, val_file=run.prompt_file, val_size=2)
    assert len(dataset.load(both, same).held_out) == 2


def test_columns_of_a_recipes_file_are_given_by_keys(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text('{"text": "q", "gold": 2, "uid": "u"}\n')
    run = RunConfig(name="x", prompt_file=str(path), epochs=1, prompt_key="text", answer_key="gold", id_key="uid")
    assert dataset.load(run, same).train == [{"id": "u", "prompt": "q", "answer": "2"}]
    with pytest.raises(InputError, match=r"name the column by run\.prompt_key"):
        dataset.load(replace(run, prompt_key=None), same)
    with pytest.raises(InputError, match=r"has no answers; name the column by run\.answer_key"):
        dataset.load(replace(run, answer_key=None), same)


# --- verifiers --------------------------------------------------------------------------------------------------

OWN = """
def score(response, answer, metadata):
    if metadata.get("broken"):
        raise KeyError("what it needs")
    return float(answer.lower() in response)
"""


def own(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "own.py").write_text(OWN)
    return {"words": f"{tmp_path}/own.py:score"}


def test_rows_carry_their_verifier_to_the_label(tmp_path):
    rows = prompts(4, answers={1: "B", 2: "1.5", 3: "red"})
    rows[0] |= {"verifier": "math", "metadata": {"of": "no use"}}
    rows[1] |= {"verifier": "choice", "metadata": {"options": 4}}
    rows[2] |= {"verifier": "numeric", "metadata": '{"tolerance": 0.1}'}
    rows[3] |= {"verifier": "words"}
    data = dataset.load(config(tmp_path, rows, verifiers=own(tmp_path)), same)
    labels = [json.loads(dataset.to_row(row, None)["label"]) for row in data.train]
    assert labels == [
        {"id": "0", "answer": "1"},
        {"id": "1", "answer": "B", "verifier": "choice", "metadata": {"options": 4}},
        {"id": "2", "answer": "1.5", "verifier": "numeric", "metadata": {"tolerance": 0.1}},
        {"id": "3", "answer": "red", "verifier": "words", "metadata": {}},
    ]
    assert set(data.verifiers) == {"math", "choice", "numeric", "words"} and data.doubtful == []


def test_the_recipes_verifier_is_that_of_rows_without_one(tmp_path):
    rows = prompts(3, answers={0: "A", 1: "B", 2: "7"})
    rows[2]["verifier"] = "math"
    data = dataset.load(config(tmp_path, rows, verifier="choice"), same)
    assert [row.get("verifier") for row in data.train] == ["choice", "choice", None]


@pytest.mark.parametrize("verifier", ["choice", "numeric"])
def test_a_gold_answer_that_its_verifier_does_not_take_is_a_bad_label(tmp_path, verifier):
    rows = prompts(3, answers={0: "1" if verifier == "numeric" else "A", 1: "maybe", 2: ""})
    for row in rows:
        row["verifier"] = verifier
    with pytest.raises(InputError, match=f"row 2 .* answer 'maybe' scores below 1 by {verifier}; .*bad_labels=drop"):
        dataset.load(config(tmp_path, rows), same)
    assert dataset.load(config(tmp_path, rows, bad_labels="drop"), same).dropped == ["1", "2"]


def test_a_persons_verifier_is_asked_before_the_run(tmp_path):
    rows = prompts(3, answers={0: "red", 1: "Blue", 2: ""})  # the second never is in a response in lower case
    for row in rows:
        row["verifier"] = "words"
    data = dataset.load(config(tmp_path, rows, verifiers=own(tmp_path)), same)
    assert [row["id"] for row in data.train] == ["0", "1", "2"] and data.doubtful == ["1"]
    rows[2]["metadata"] = {"broken": True}
    with pytest.raises(InputError, match=r"verifier words .* raised line 4: KeyError: 'what it needs'"):
        dataset.load(config(tmp_path, rows, verifiers=own(tmp_path)), same)


def test_a_record_that_holds_a_path_is_refused(tmp_path):
    rows = prompts(2)
    rows[1]["verifier"] = "own.py:score"
    with pytest.raises(InputError, match=r"row 2 \(id 1\): verifier 'own.py:score' is a path; a record only names"):
        dataset.load(config(tmp_path, rows, verifiers=own(tmp_path)), same)


def test_listed_prompts_are_not_trained_on(tmp_path):
    (tmp_path / "ids.json").write_text(json.dumps({"run": "x", "ids": ["3", "1"]}))
    data = dataset.load(config(tmp_path, prompts(5), drop_ids=str(tmp_path / "ids.json")), same)
    assert [row["id"] for row in data.train] == ["0", "2", "4"]
    assert (data.dropped, data.rows) == (["1", "3"], 5)
    (tmp_path / "ids.json").write_text(json.dumps(["3", "nosuch"]))
    with pytest.raises(InputError, match=r"ids\.json: lists 'nosuch', which is no id of the prompt file"):
        dataset.load(config(tmp_path, prompts(5), drop_ids=str(tmp_path / "ids.json")), same)
