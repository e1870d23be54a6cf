"""Scoring saved generations, ours and others': figures by hand, no model, no torch."""

from __future__ import annotations

import csv
import gzip
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from eval import compare
from eval import eval as command
from eval.engine.samples import Sample, Store
from eval.grader import Grader
from eval.questions import read_questions
from eval.results import saved as saved_files
from eval.results import tables
from eval.results.score import grade_samples, summarise
from eval.settings import load
from eval.verifiers import Verifiers
from lim.utils.cli import Parser
from lim.utils.errors import InputError
from lim.utils.files import read_json, write_json

QUESTIONS = [
    {"id": "q1", "question": "1+1", "answer": "2", "level": 1, "subject": "sum"},
    {"id": "q2", "question": "1/2", "answer": r"\frac{1}{2}", "level": 2, "subject": "quotient"},
    {"id": "q3", "question": "2*3", "answer": "6", "level": 2, "subject": "product"},
]
# Four samples a question: correct 3, 2, 0 of 4.
RESPONSES = {
    "q1": [r"\boxed{2}", r"so \boxed{2.0}", r"\boxed{3}", r"\boxed{2}"],
    "q2": [r"\boxed{0.5}", r"\boxed{\frac{2}{4}}", r"\boxed{2}", r"\boxed{\frac{4}{2}}"],
    "q3": [r"\boxed{5}", "I do not know", r"\boxed{5.0}", r"\boxed{"],
}


@pytest.fixture
def grader():
    with Grader(workers=1) as found:
        yield found


def samples() -> list[Sample]:
    return [
        Sample(id, number, text, "length" if text == r"\boxed{" else "stop", 10 + number)
        for id, texts in RESPONSES.items()
        for number, text in enumerate(texts)
    ]


def benchmark_file(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "aime24.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS), encoding="utf-8")
    return path


def saved(root: Path, n_samples: int = 4, left_out: int = 0) -> Path:
    """A folder of generations for `benchmark_file`, as an evaluation leaves it."""
    questions = read_questions("aime24", benchmark_file(root / "data").parent)
    meta: dict[str, Any] = {
        "benchmark": "aime24", "label": "m", "model": "m", "step": 3, "run": None, "weights": None, "dtype": "auto",
        "template": {"name": "chat", "text": None, "stop": []}, "system_prompt": None, "n_samples": n_samples,
        "temperature": 0.4, "top_p": 0.95, "max_new_tokens": 32, "seed": 0, "fallbacks": False, "file": "aime24",
        "data_sha256": questions.sha256, "versions": {}, "commit": "abc",
    }  # fmt: skip
    with Store(root / "out", meta) as store:
        store.append(reversed(samples()[left_out:]))
    return root / "out"


def test_figures_by_hand(grader: Grader) -> None:
    facts = summarise(grade_samples({row["id"]: row for row in QUESTIONS}, samples(), Verifiers(grader=grader)))
    assert (facts["n_questions"], facts["n_samples"], facts["samples_a_question"]) == (3, 12, 4)
    assert facts["accuracy"]["value"] == pytest.approx((0.75 + 0.5 + 0) / 3)
    # Deviations from 5/12: 4/12, 1/12, -5/12; their squares sum to 42/144, over 2 and 3.
    assert facts["accuracy"]["stderr"] == pytest.approx((42 / 144 / 2 / 3) ** 0.5)
    assert facts["pass_at_k"]["1"]["value"] == pytest.approx(facts["accuracy"]["value"])
    assert facts["pass_at_k"]["2"]["value"] == pytest.approx((1 + 5 / 6 + 0) / 3)
    assert facts["pass_at_k"]["4"]["value"] == pytest.approx(2 / 3)
    # Votes: q1 3 for 2 → 1; q2 a tie of ½ with 2 (2 and 4/2 are one answer) → ½; q3 5 and 5.0 → 0.
    assert facts["maj_at_n"]["value"] == pytest.approx((1 + 0.5 + 0) / 3)
    shares = {"correct": 5, "incorrect": 5, "no_answer": 1, "malformed": 1, "timeout": 0, "truncated": 1}
    assert facts["shares"] == {name: pytest.approx(count / 12) for name, count in shares.items()}
    assert facts["reasons"] == {name: pytest.approx(1 / 12) for name in ("no_box", "unclosed_box")}
    assert facts["response_tokens"]["value"] == pytest.approx(11.5)
    # Of q2, in the tie, and q3.
    both = {"pass_at_n": {"value": 0.5, "stderr": 0.5, "n": 2}, "maj_at_n": {"value": 0.25, "stderr": 0.25, "n": 2}}
    assert facts["by_level"]["2"] == {"value": 0.25, "stderr": pytest.approx(0.25), "n": 2, **both}
    assert facts["by_subject"]["sum"]["value"] == 0.75 and facts["by_subject"]["sum"]["stderr"] is None


def test_equal_answers_share_their_vote_through_the_grader(grader: Grader) -> None:
    scored = grade_samples({row["id"]: row for row in QUESTIONS}, samples(), Verifiers(grader=grader))
    assert scored.classes == [0, 0, 1, 0, 0, 0, 1, 1, 1, None, 1, None]


def test_score_only_writes_the_results_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = saved(tmp_path)
    arguments = ["--score_only", str(folder), "--data_dir", str(tmp_path / "data")]
    assert not command.main(arguments)
    results = read_json(folder / "results.json")
    assert results["benchmarks"]["aime24"]["accuracy"]["value"] == pytest.approx(5 / 12)
    assert results["step"] == 3
    assert results["average"] is None
    assert results["benchmarks"]["aime24"]["generated_with"]["temperature"] == 0.4
    assert results["scored_with"]["versions"]["math-verify"]
    shown = capsys.readouterr().out
    assert "41.7 ± 22.0" in shown
    assert "paper: LIMR (1,389)" in shown
    assert "│m aime24    │      8.3│      8.3│    8.3│      0.0│    12│" in shown
    text = (folder / "results.md").read_text(encoding="utf-8")
    assert "| aime24 | 3 × 4 | 41.7 ± 22.0 | 66.7 ± 33.3 (k=4) | 50.0 ± 28.9 | 8.3 / 8.3 / 8.3 / 0.0 | 12 |" in text
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert not command.main(arguments)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_step_of_a_run_is_scored_in_order(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    folder.rename(tmp_path / "eval")
    (tmp_path / "run").mkdir()
    (tmp_path / "eval").rename(tmp_path / "run" / "3")
    shutil.copytree(tmp_path / "run" / "3", tmp_path / "run" / "20")
    shutil.copytree(tmp_path / "run" / "3", tmp_path / "run" / "final")
    (tmp_path / "output" / "r").mkdir(parents=True)
    (tmp_path / "run").rename(tmp_path / "output" / "r" / "eval")
    with Grader(workers=1) as grader:
        found = saved_files.score_all(tmp_path / "output" / "r", load(), tmp_path / "data", grader, Console())
    assert len(found) == 3
    assert (tmp_path / "output" / "r" / "eval" / "3" / "results.json").is_file()
    names = [path.name for path in sorted((tmp_path / "output" / "r" / "eval").iterdir(), key=saved_files.step_order)]
    assert names == ["3", "20", "final"]


def test_benchmarks_of_different_weights_are_not_put_together(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    for suffix in (".jsonl", ".meta.json"):
        shutil.copy(folder / f"aime24{suffix}", folder / f"other{suffix}")
    meta = read_json(folder / "other.meta.json")
    write_json(folder / "other.meta.json", {**meta, "weights": "trained again"})
    with pytest.raises(InputError, match="aime24 and other were generated with different weights"):
        command.main(["--score_only", str(folder), "--data_dir", str(tmp_path / "data")])


def test_fewer_samples_than_were_saved(tmp_path: Path) -> None:
    folder = saved(tmp_path, n_samples=2)
    command.main(["--score_only", str(folder), "--data_dir", str(tmp_path / "data")])
    assert read_json(folder / "results.json")["benchmarks"]["aime24"]["accuracy"]["value"] == pytest.approx(2 / 3)


def another(folder: Path, name: str, weights: str | None = None) -> None:
    """A second benchmark in a folder of generations, of the same samples."""
    shutil.copy(folder / "aime24.jsonl", folder / f"{name}.jsonl")
    meta = read_json(folder / "aime24.meta.json")
    write_json(folder / f"{name}.meta.json", {**meta, "benchmark": name, "weights": weights})


def test_fallbacks_are_used_on_request_and_recorded(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    another(folder, "amc23")
    path = folder / "aime24.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("I do not know", "The answer is 6."), encoding="utf-8")
    command.main(["--score_only", str(folder), "--data_dir", str(tmp_path / "data")])
    before = read_json(folder / "results.json")["benchmarks"]
    arguments = ["--score_only", str(folder), "--data_dir", str(tmp_path / "data"), "--benchmarks", "aime24"]
    command.main([*arguments, "--fallbacks"])
    after = read_json(folder / "results.json")["benchmarks"]
    assert before["aime24"]["accuracy"]["value"] == pytest.approx(5 / 12)
    assert after["aime24"]["accuracy"]["value"] == pytest.approx(6 / 12)
    assert (before["aime24"]["generated_with"]["fallbacks"], after["aime24"]["generated_with"]["fallbacks"]) == (
        False,
        True,
    )
    assert after["amc23"] == before["amc23"]
    command.main(arguments)  # without, it is graded as the evaluation was asked to
    assert read_json(folder / "results.json")["benchmarks"] == before


def test_only_the_benchmarks_that_are_named_must_be_complete(tmp_path: Path) -> None:
    folder = saved(tmp_path, left_out=2)
    shutil.copytree(folder, tmp_path / "whole" / "root" / "20")
    whole = saved(tmp_path / "whole")
    another(whole, "amc23")
    for suffix in (".jsonl", ".meta.json"):
        shutil.copy(whole / f"amc23{suffix}", folder)
    arguments = ["--data_dir", str(tmp_path / "data"), "--score_only"]
    with pytest.raises(InputError, match="2 samples are not generated yet"):
        command.main([*arguments, str(folder)])
    command.main([*arguments, str(folder), "--benchmarks", "amc23"])
    assert list(read_json(folder / "results.json")["benchmarks"]) == ["amc23"]
    with pytest.raises(InputError, match="no saved generations of math500; there are aime24, amc23"):
        command.main([*arguments, str(folder), "--benchmarks", "amc23", "math500"])
    # Of several folders, those without the benchmark are left as they are.
    root = tmp_path / "whole" / "root"
    shutil.copytree(folder, root / "30")
    (root / "30" / "results.json").unlink()
    command.main([*arguments, str(root), "--benchmarks", "amc23"])
    assert (root / "30" / "results.json").is_file()
    assert not (root / "20" / "results.json").exists()


def test_incomplete_generations_are_not_scored(tmp_path: Path) -> None:
    folder = saved(tmp_path, left_out=2)
    with pytest.raises(InputError, match="2 samples are not generated yet"):
        command.main(["--score_only", str(folder), "--data_dir", str(tmp_path / "data")])


def test_questions_that_changed_are_refused(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    path = tmp_path / "data" / "aime24.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"2"', '"3"'), encoding="utf-8")
    with pytest.raises(InputError, match="has changed since"):
        command.main(["--score_only", str(folder), "--data_dir", str(tmp_path / "data")])


def test_scoring_loads_no_torch_and_no_vllm(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    code = (
        "import sys; from eval import eval, compare; from eval.results import curves\n"
        f"assert not eval.main(['--score_only', {str(folder)!r}, '--data_dir', {str(tmp_path / 'data')!r}])\n"
        "heavy = {'torch', 'vllm', 'ray', 'transformers', 'openrlhf', 'train'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=command.SETTINGS.parents[2]
    )
    assert done.returncode == 0, done.stderr


def test_average_needs_all_its_benchmarks() -> None:
    facts = {"accuracy": {"value": 0.5, "stderr": 0.1, "n": 10}}
    assert tables.average({"a": facts}, ["a", "b"]) is None
    found = tables.average({"a": facts, "b": facts, "c": facts}, ["a", "b"])
    assert found is not None
    assert found["accuracy"] == {"value": 0.5, "stderr": pytest.approx(0.02**0.5 / 2), "n": 20}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give --run_path RUN, --model MODEL or --score_only DIR"),
        (["--score_only", "x", "--model", "y"], "remove --run_path and --model"),
        (["--model", "a", "b", "--output_path", "x"], "--output_path is one folder"),
        (["--model", "a", "--output_path", __file__], "is not a folder; name another place"),
        (["--score_only", "x", "--response_key", "r"], "need both --response_key and --gold_key"),
        (["--score_only", "x", "--verdict_key", "r"], "need both --response_key and --gold_key"),
        (["--model", "gpt2", "--response_key", "r", "--gold_key", "g"], "name them with --score_only"),
        (["--score_only", "x", "--output_path", "y"], "writes results next to them; remove --output_path"),
        (["--score_only", "x", "--seed", "0", "--engines", "2"], "remove --seed, --engines"),
        (["--score_only", "x", "--temperature", "0", "--fallbacks"], "remove --temperature"),
        (["--score_only", "x", "--overwrite"], "remove --overwrite"),
        (
            ["--score_only", "x", "--response_key", "r", "--gold_key", "g", "--benchmarks", "b", "--output", "y"],
            "--score_only grades saved generations; remove --benchmarks",
        ),
        (["--score_only", "x", "--benchmarks", "nothing"], "no benchmark or group 'nothing'"),
        (["--score_only", "/nowhere"], "no such folder"),
        (["--score_only", "/nowhere", "--response_key", "r", "--gold_key", "g"], "no such file or folder"),
        (["--model", "gpt2", "gpt2"], "two models would write to"),
        (["--model", "gpt2", "--benchmarks", "nothing"], "no benchmark or group 'nothing'"),
        (["--model", "gpt2", "--data_dir", "/nowhere"], "python -m data.prepare aime24"),
    ],
)
def test_mistakes_on_the_command_line(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        command.main(arguments)
    assert message in str(error.value)


RANGES = {
    "--n_samples": "0 -1 1.5 nan inf x 100001",
    "--temperature": "-0.1 nan inf -inf x 101",
    "--top_p": "0 -0.5 nan inf x 1.1",
    "--max_new_tokens": "0 -1 1.5 nan x",
    "--seed": "1.5 nan inf x",
    "--engines": "0 -1 1.5 nan x",
    "--tensor_parallel_size": "0 -1 1.5 nan x",
    "--max_num_seqs": "0 -1 1.5 nan x",
    "--gpu_memory_utilization": "0 -0.5 nan inf x 1.1",
}


@pytest.mark.parametrize(("flag", "value"), [(flag, v) for flag, values in RANGES.items() for v in values.split()])
def test_a_number_out_of_range_is_a_line_that_names_the_flag(
    flag: str, value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        command.main(["--model", "gpt2", flag, value])
    assert re.fullmatch(rf"error: {flag}: '?{re.escape(value)}'? is (not|too|out of) .*\n", capsys.readouterr().err)


def test_every_number_of_the_command_line_has_a_range(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Parser] = []
    monkeypatch.setattr(Parser, "parse_args", lambda self, _: made.append(self))
    with pytest.raises(AttributeError):  # of arguments that are None
        command.parse_args([])
    types = {action.option_strings[0]: action.type for action in made[0]._actions}
    assert {flag for flag, kind in types.items() if kind not in (None, Path)} == set(RANGES)
    assert not {int, float} & set(types.values())


def foreign_file(folder: Path, rows: list[dict[str, Any]], name: str = "theirs.json") -> Path:
    folder.mkdir(exist_ok=True)
    write_json(folder / name, rows)
    return folder


KEYS = ["--response_key", "output", "--gold_key", "meta.gold"]


def test_third_party_files_are_graded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    rows = [
        {"output": r"\boxed{2}", "meta": {"gold": 2}, "ok": 1.0, "q": "a"},
        {"output": r"\boxed{3}", "meta": {"gold": 2}, "ok": 1.0, "q": "a"},
        {"output": r"\boxed{0.5}", "meta": {"gold": r"\frac12"}, "ok": 0.0, "q": "b"},
    ]
    folder = foreign_file(tmp_path / "in", rows)
    out = tmp_path / "out"
    keys = [*KEYS, "--question_key", "q", "--verdict_key", "ok"]
    assert not command.main(["--score_only", str(folder), *keys, "--output_path", str(out)])
    facts = read_json(out / "results.json")["theirs.json"]
    assert facts["accuracy"] == {"value": 0.75, "stderr": pytest.approx(0.25), "n": 2}
    differ = [
        json.loads(line) for line in (out / "theirs.differences.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert [(row["id"], row["sample"], row["verdict"], row["reported"]) for row in differ] == [
        ("a", 1, "incorrect", "correct"),
        ("b", 0, "correct", "incorrect"),
    ]
    assert "75.0 ± 25.0" in capsys.readouterr().out


def test_others_files_with_lists_of_responses(tmp_path: Path) -> None:
    folder = foreign_file(tmp_path / "in", [{"output": [r"\boxed{2}", r"\boxed{3}"], "meta": {"gold": "2"}}])
    command.main(["--score_only", str(folder / "theirs.json"), *KEYS, "--output_path", str(tmp_path / "out")])
    facts = read_json(tmp_path / "out" / "results.json")["theirs.json"]
    assert (facts["samples_a_question"], facts["accuracy"]["value"]) == (2, 0.5)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"out": "x", "meta": {"gold": "2"}}, "row 1 has no 'output' (its keys: out, meta)"),
        ({"output": "x", "meta": {}}, "row 1 has no 'meta.gold'"),
        (
            {"output": None, "meta": {"gold": "2"}},
            "row 1: 'output' is null, no text; a sample without a response",
        ),
        (
            {"output": {"text": "x"}, "meta": {"gold": "2"}},
            "row 1: 'output' is an object, no text; dots name what is in it (its keys: text)",
        ),
        (
            {"output": "x", "meta": {"golds": "2"}},
            "has no 'meta.gold' in 'meta', which is an object (its keys: golds)",
        ),
        ({"output": "x", "meta": [{"golds": 2}]}, "in 'meta', which is a list (its keys: 0, golds)"),
        ({"output": [], "meta": {"gold": "2"}}, "row 1: 'output' is an empty list"),
        ({"output": ["x", 3], "meta": {"gold": "2"}}, "row 1: 'output' is a number, no text"),
        ({"output": "x", "meta": {"gold": " "}}, "theirs.json: row 1: its gold answer is empty"),
        ("text", "row 1 is text, not an object"),
    ],
)
def test_others_files_that_do_not_fit_are_named(tmp_path: Path, row: Any, message: str) -> None:
    folder = foreign_file(tmp_path / "in", [row])
    with pytest.raises(InputError) as error:
        command.main(["--score_only", str(folder), *KEYS])
    assert message in str(error.value)


LM_EVAL = {"doc_id": 3, "doc": {"problem": "1+1?"}, "target": "2", "resps": [[r"\boxed{2}", r"\boxed{3}"]]}
OPENAI = {"custom_id": "q", "answer": 2, "response": {"body": {"choices": [{"message": {"content": r"\boxed{2}"}}]}}}


@pytest.mark.parametrize(
    ("row", "response", "gold", "right"),
    [
        (LM_EVAL, "resps", "target", [True, False]),
        (LM_EVAL, "resps.0.1", "target", [False]),
        (LM_EVAL, "resps.-1.0", "target", [True]),
        (OPENAI, "response.body.choices.message.content", "answer", [True]),
        (OPENAI, "response.body.choices.0.message.content", "answer", [True]),
        ({"a.b": r"\boxed{2}", "a": {"b": "other"}, "g": ["1", "2"]}, "a.b", "g.1", [True]),
    ],
)
def test_keys_reach_into_the_files_of_other_programs(tmp_path: Path, row, response, gold, right) -> None:
    path = foreign_file(tmp_path / "in", [row])
    keys = ["--response_key", response, "--gold_key", gold]
    assert not command.main(["--score_only", str(path), *keys, "--output_path", str(tmp_path / "out")])
    graded = [json.loads(line) for line in (tmp_path / "out" / "theirs.graded.jsonl").read_text().splitlines()]
    assert [one["verdict"] == "correct" for one in graded] == right


@pytest.mark.parametrize(
    "name", ["theirs.csv", "theirs.tsv", "theirs.jsonl.gz", "theirs.ndjson", "lines.json", "one.arrow"]
)
def test_third_party_files_of_any_form_are_read(tmp_path: Path, name: str) -> None:
    rows = [{"output": rf"\boxed{{{at % 2}}}", "gold": "1", "ok": str(bool(at % 2))} for at in range(4)]
    (tmp_path / "in").mkdir()
    path = tmp_path / "in" / name
    if path.suffix in (".csv", ".tsv"):
        with open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="," if path.suffix == ".csv" else "\t")
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".arrow":
        table = pa.Table.from_pylist(rows)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
            writer.write_table(table)
    else:
        lines = "".join(json.dumps({**row, "other": float("nan")}) + "\n" for row in rows).encode()
        path.write_bytes(gzip.compress(lines) if path.suffix == ".gz" else lines)
    flags = ["--response_key", "output", "--gold_key", "gold", "--verdict_key", "ok"]
    assert not command.main(["--score_only", str(path.parent), *flags, "--output_path", str(tmp_path / "out")])
    facts = read_json(tmp_path / "out" / "results.json")[name]
    assert (facts["accuracy"]["value"], facts["reported"]) == (0.5, 0.5)
    assert (tmp_path / "out" / f"{name.split('.')[0]}.differences.jsonl").read_text() == ""


@pytest.mark.parametrize("key", ["prompt", "problem", "doc_id"])
def test_several_rows_per_question_are_not_taken_for_questions(tmp_path: Path, key: str) -> None:
    rows = [
        {key: at // 2 if key == "doc_id" else f"q{at // 2}", "out": r"\boxed{1}", "gold": str(at // 2)}
        for at in range(6)
    ]
    folder = foreign_file(tmp_path / "in", rows)
    flags = ["--score_only", str(folder), "--response_key", "out", "--gold_key", "gold"]
    with pytest.raises(
        InputError, match=rf"6 rows have 3 different '{key}': .*--question_key {key}; .*--question_key row"
    ):
        command.main(flags)
    for given, questions in ((key, 3), ("row", 6)):
        out = tmp_path / given
        command.main([*flags, "--question_key", given, "--output_path", str(out)])
        assert read_json(out / "results.json")["theirs.json"]["n_questions"] == questions


@pytest.mark.parametrize(
    "rows",
    [
        [{"prompt": "q", "gold": str(at)} for at in range(4)],  # one instruction for all: no name of a question
        [{"prompt": f"q{at}", "gold": "1"} for at in range(4)],
        [{"prompt": f"q{max(at, 1)}", "gold": "1"} for at in range(4)],  # a benchmark with a duplicate
    ],
)
def test_rows_that_are_questions_are_graded_without_more(tmp_path: Path, rows: list[dict[str, str]]) -> None:
    folder = foreign_file(tmp_path / "in", [{**row, "out": r"\boxed{1}"} for row in rows])
    flags = ["--response_key", "out", "--gold_key", "gold", "--output_path", str(tmp_path / "out")]
    assert not command.main(["--score_only", str(folder), *flags])
    assert read_json(tmp_path / "out" / "results.json")["theirs.json"]["n_questions"] == 4


def test_a_file_without_names_of_its_keys_is_told_them(tmp_path: Path) -> None:
    path = foreign_file(tmp_path / "in", [{"answer": "2", "text": "x"}]) / "theirs.json"
    with pytest.raises(InputError, match=r"need --response_key and --gold_key \(its keys: answer, text\)"):
        command.main(["--score_only", str(path)])


@pytest.mark.parametrize("verdict", ["yes", float("nan"), None])
def test_a_verdict_that_is_none_is_refused_or_skipped(tmp_path: Path, verdict: Any) -> None:
    rows = [{"output": "x", "meta": {"gold": "2"}, "ok": verdict}]
    (tmp_path / "theirs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    flags = ["--score_only", str(tmp_path / "theirs.jsonl"), *KEYS, "--verdict_key", "ok"]
    if verdict is None:
        assert not command.main(flags)
    else:
        with pytest.raises(InputError, match=r"row 1: its verdict .* is no number"):
            command.main(flags)


def test_results_are_not_written_among_the_files_that_are_graded(tmp_path: Path) -> None:
    folder = foreign_file(tmp_path / "in", [{"output": "x", "meta": {"gold": "2"}}])
    with pytest.raises(InputError, match="is the folder that is graded"):
        command.main(["--score_only", str(folder), *KEYS, "--output_path", f"{folder}/../in"])
    assert [path.name for path in folder.iterdir()] == ["theirs.json"]


def test_files_of_one_stem_keep_their_results_apart(tmp_path: Path) -> None:
    row = {"output": r"\boxed{2}", "meta": {"gold": "2"}}
    folder = foreign_file(tmp_path / "in", [row])
    (folder / "theirs.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row) + "\n")
    command.main(["--score_only", str(folder), *KEYS, "--output_path", str(tmp_path / "out")])
    lines = {p.name: len(p.read_text().splitlines()) for p in (tmp_path / "out").glob("*.graded.jsonl")}
    assert lines == {"theirs.json.graded.jsonl": 1, "theirs.jsonl.graded.jsonl": 2}


def test_different_numbers_of_samples_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"output": [r"\boxed{2}"] * count, "meta": {"gold": "2"}} for count in (1, 3, 2)]
    command.main(["--score_only", str(foreign_file(tmp_path / "in", rows)), *KEYS])
    assert "3 × 1-3" in capsys.readouterr().out


def graded(folder: Path, rights: dict[str, list[bool]], golds: str = "2") -> str:
    """Third-party rows, a row per sample, graded into `<folder>-graded`."""
    rows = [
        {"output": rf"\boxed{{{golds if right else 'x'}}}", "meta": {"gold": golds}, "q": q}
        for q, values in rights.items()
        for right in values
    ]
    foreign_file(folder, rows, "bench.json")
    out = f"{folder}-graded"
    command.main(["--score_only", str(folder), *KEYS, "--question_key", "q", "--output_path", out])
    return out


def test_third_party_results_are_compared_by_question(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = graded(tmp_path / "a", {"p": [False, False], "q": [True, False]})
    b = graded(tmp_path / "b", {"q": [True, True], "p": [True, False, False, True]})
    fewer = graded(tmp_path / "fewer", {"q": [True, True]})
    other = graded(tmp_path / "other", {"p": [True], "q": [True]}, golds="3")
    out = tmp_path / "table.json"
    assert not compare.main([a, b, "--json", str(out)])
    (_, row) = read_json(out)["rows"]
    # Differences by question: 0.5 and 0.5.
    assert (row["label"], row["benchmark"]) == ("b-graded", "bench")
    assert row["difference"]["value"] == pytest.approx(0.5) and row["difference"]["better"] == 2
    assert "(2 questions × 2 or 2-4)" in capsys.readouterr().out
    with pytest.raises(
        InputError, match=r"different questions or gold answers; .*fewer-graded lacks 1 of them \(p\)"
    ):
        compare.main([a, fewer])
    with pytest.raises(InputError, match="different questions or gold answers"):
        compare.main([a, other])


# Where the file's own verdict on MATH500 is wrong: gold and answer are the same, worked out by hand.
SAME_ANSWERS = {
    r"\frac{448}{15625}": "0.028672",  # 448 / 15625 = 0.028672
    "4210_{5}": "4210_5",
    r"\frac{1997}{2}": "998.5",
    r"\dfrac{33}{100}": "0.33",
    r"\frac{11+9a}{20}": r"\frac{9a + 11}{20}",
    r"\frac{9}{100}": "0.09",
    r"\begin{pmatrix} 1/5 \\ -18/5 \end{pmatrix}": r"\begin{pmatrix} \frac{1}{5} \\ -\frac{18}{5} \end{pmatrix}",
    r"\begin{pmatrix} 16/49 \\ 48/49 \\ 24/49 \end{pmatrix}": (
        r"\begin{pmatrix} \frac{16}{49} \\ \frac{48}{49} \\ \frac{24}{49} \end{pmatrix}"
    ),
}


@pytest.mark.data
def test_real_generations(shared_data: Path, tmp_path: Path) -> None:
    """Qwen2.5-Math-7B's responses: AIME24 and AMC23 as reported; MATH500 apart from what it misjudged."""
    keys = ["--response_key", "response", "--gold_key", "ground_truth", "--verdict_key", "score"]
    assert not command.main(["--score_only", str(shared_data / "outputs"), *keys, "--output_path", str(tmp_path)])
    results = read_json(tmp_path / "results.json")
    correct = {name: round(f["accuracy"]["value"] * f["n_questions"]) for name, f in results.items()}
    stems = {name.split("_")[-1].removesuffix(".json"): name for name in results}
    assert correct[stems["AIME2024"]] == 8  # reported 26.7 %
    assert correct[stems["AMC2023"]] == 48  # reported 57.8 %
    assert correct[stems["MATH500"]] == 373 + len(SAME_ANSWERS)  # reported 74.6 %
    path = tmp_path / f"{stems['MATH500'].removesuffix('.json')}.differences.jsonl"
    differ = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert {row["gold"]: row["answer"] for row in differ} == SAME_ANSWERS
    assert {row["reported"] for row in differ} == {"incorrect"}
