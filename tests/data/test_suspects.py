"""`python -m data.audit --log`: a table, a file, and a list that a training takes; single responses for reading."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import viewed

from data.audit import main
from lim.output import read_ids
from lim.utils.errors import InputError

WRONG = [f"p{n:02d}" for n in viewed.WRONG]


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LIM_CACHE", str(tmp_path / "cache"))


def test_the_suspects_of_a_run(tmp_path, capsys):
    log = viewed.write_own(tmp_path)
    paths = {kind: tmp_path / f"{kind}.json" for kind in ("found", "ids")}
    before = sorted(log.iterdir())
    flags = ["--json", str(paths["found"]), "--write_ids", str(paths["ids"])]
    assert main(["--log", str(log), *flags, "--strict"]) == 1
    out = capsys.readouterr().out
    assert "2 suspected wrong labels" in out and f"{WRONG[0]}: Never right in 16 samples" in out
    rows = json.loads(paths["found"].read_text())
    assert sorted(row["id"] for row in rows) == WRONG
    assert {row["answer"] for row in rows} == {str(viewed.truth(n)) for n in viewed.WRONG}
    assert sorted(read_ids(paths["ids"])) == WRONG
    assert sorted(log.iterdir()) == before


def test_a_prompt_file_replaces_that_of_the_run(tmp_path, capsys):
    log = viewed.write_verl(tmp_path)
    assert main([str(tmp_path / "prompts.json"), "--log", str(log)]) is None
    assert f"say {viewed.truth(viewed.WRONG[1])}" in capsys.readouterr().out


def test_single_responses_are_for_reading(tmp_path, capsys):
    path = tmp_path / "outputs.json"
    rows = [{"response": f"\\boxed{{{n}}}", "gold": "0"} for n in range(3)] + [{"response": "none", "gold": "1"}]
    path.write_text(json.dumps(rows))
    flags = ["--log", str(path), "--response_key", "response", "--gold_key", "gold"]
    assert main([*flags, "--json", str(tmp_path / "wrong.json")]) is None
    out = capsys.readouterr().out
    assert "3 of 4 responses are not right" in out and "says nothing about the label" in out
    found = [(row["row"], row["verdict"]) for row in json.loads((tmp_path / "wrong.json").read_text())]
    assert found == [(2, "incorrect"), (3, "incorrect"), (4, "no_answer")]
    assert f"wrote {tmp_path / 'wrong.json'}\n" in out


def test_a_log_of_other_prompts_is_refused_unless_allowed(tmp_path, capsys):
    log = viewed.write_verl(tmp_path)
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps(json.loads(path.read_text())[:6]))
    with pytest.raises(InputError, match="--allow unmatched goes ahead"):
        main([str(path), "--log", str(log)])
    assert main([str(path), "--log", str(log), "--allow", "unmatched"]) is None
    assert "1 suspected wrong label" in capsys.readouterr().out


def test_single_responses_are_graded_by_the_verifier_named(tmp_path, capsys):
    path = tmp_path / "outputs.jsonl"
    path.write_text(
        "".join(json.dumps({"r": f"<answer>{said}</answer>", "g": "stop"}) + "\n" for said in ("stop", "pots"))
    )
    assert main(["--log", str(path), "--response_key", "r", "--gold_key", "g", "--verifier", "exact"]) is None
    assert "1 of 2 responses are not right" in capsys.readouterr().out
    path.write_text(json.dumps({"r": "\\boxed{1}", "g": ["1"]}) + "\n")
    with pytest.raises(InputError, match="row 1: 'g' is a list, neither text nor a number"):
        main(["--log", str(path), "--response_key", "r", "--gold_key", "g"])


@pytest.mark.data
def test_real_single_responses(shared_data: Path, capsys):
    path = shared_data / "outputs" / "dsr_correctness_step85_AIME2024.json"
    main(["--log", str(path), "--response_key", "response", "--gold_key", "ground_truth"])
    assert "of 30 responses are not right" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ([], "name a prompt file to check, or a run by --log"),
        (["--log", "nosuch"], "nosuch: no such file or folder"),
        (["--log", "x", "--against", "aime24"], "in a call of their own"),
        (["--log", "x", "--gold_key", "y"], "needs both --response_key and --gold_key"),
        (
            ["--log", "nosuch", "--response_key", "r", "--gold_key", "g", "--write_ids", "ids.json"],
            "there is no list",
        ),
    ],
)
def test_a_mistake_is_one_line(flags, line):
    with pytest.raises(InputError, match=line):
        main(flags)
