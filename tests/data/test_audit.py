"""data.audit and data.overlap on cases by hand, and on the release's own files."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from data import audit as module
from data.audit import audit, clean
from data.overlap import compare, differences, marks, ngrams, skeleton
from lim.prompts import read_prompts
from lim.utils.errors import run_cli

LONG_TEXT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"  # 3 13-grams


def row(key: str, prompt: str, answer: str = "1", **more: str) -> dict:
    return {"id": key, "prompt": prompt, "answer": answer, **more}


def found(rows: list[dict], *questions: str, **options) -> module.Audit:
    return audit(rows, {"test": list(questions)}, workers=1, **options)


# --- rows by themselves -----------------------------------------------------------------------------------------


def test_clean_rows_have_no_findings():
    rows = [row("a", "What is 1+1?", "2", level="3"), row("b", "What is 2+2?", "4")]
    result = found(rows, "What is 3+3?")
    assert not result.found() and clean(rows, result) == rows


def test_duplicates_keep_the_first_row():
    rows = [row("a", "Add 1 and 1."), row("b", "x"), row("c", "Add 1 and 1."), row("d", "Add  1\nand 1.", " 1 ")]
    result = found([*rows, row("e", "add 1 and 1.")])
    assert [(group.kind, group.rows, group.other_answer) for group in result.duplicates] == [
        ("whitespace", [0, 2, 3], False)
    ]
    assert result.bad() == {2, 3}
    assert [(group.kind, group.rows) for group in found(rows[:3]).duplicates] == [("exact", [0, 2])]


@pytest.mark.parametrize("other, differs", [("2", True), ("0.5", False), ("\\frac{1}{2}", False), ("", True)])
def test_same_question_with_another_answer_leaves_neither(other, differs):
    rows = [row("a", "x", "\\frac12"), row("b", "y"), row("c", "x", other)]
    result = found(rows)
    assert result.duplicates[0].other_answer is differs
    kept = [kept["id"] for kept in clean(rows, result)]
    assert kept == (["b"] if differs else ["a", "b"])


@pytest.mark.parametrize("answer", ["", "  ", "\n"])
def test_empty_answer(answer):
    result = found([row("a", "x", answer), row("b", "y")])
    assert result.empty_answers == [0] and result.ungradable == [] and result.bad() == {0}


@pytest.mark.parametrize(
    "answer, gradable",
    [
        ("\\frac{1}{2", False),
        ("\\left\\{1, 2", True),
        ("\\sqrt{2}", True),
        ("(5,7)", True),
        ("\\dfrac{11}{16}", True),
        ("odd", True),
    ],
)
def test_ungradable_answer(answer, gradable):
    result = found([row("a", "x", answer)])
    assert result.ungradable == ([] if gradable else [0])
    assert result.found() is not gradable


def test_answers_that_no_parser_of_this_project_reads_are_shown_and_kept():
    answers = [r"a \oplus b", r"\text{October 30}", r"4210_5", r"\frac{1}{2}", r"\text{(B) } 7"]
    result = found([row(str(index), f"question {index}", answer) for index, answer in enumerate(answers)])
    assert result.unread == [0]
    assert not result.found()


def test_outer_whitespace_is_fixed_and_long_prompts_removed():
    rows = [row("a", " x\n"), row("b", "y" * 11), row("c", "z" * 10)]
    result = found(rows, longest=10)
    assert result.outer_whitespace == [0] and result.long_prompts == [1]
    assert clean(rows, result) == [row("a", "x"), rows[2]]


def test_a_prompt_without_text_is_no_prompt(tmp_path, capsys):
    rows = [{"id": str(i), "prompt": prompt, "answer": "1"} for i, prompt in enumerate(("", "q", " \n"))]
    result = found(rows)
    assert result.empty_prompts == [0, 2] and result.bad() == {0, 2}
    path, out = tmp_path / "prompts.json", tmp_path / "clean.json"
    path.write_text(json.dumps([rows[0]]))
    assert run_cli(lambda: module.main([str(path), "--write_clean", str(out)])) == 2
    assert "no row would be left; nothing is written" in capsys.readouterr().err and not out.exists()


def test_repeated_ids():
    rows = [row("a", "x"), row("b", "y"), row("a", "z")]
    result = found(rows)
    assert result.repeated_ids == [2] and clean(rows, result) == rows[:2]


# --- against a benchmark ----------------------------------------------------------------------------------------


def test_leak_is_the_same_but_for_whitespace():
    result = found([row("a", "What is\n 1+1?"), row("b", "x")], "Who?", " What is 1+1? ")
    assert result.against["test"].same == [(1, [0])]
    assert result.leaked() == {0} and result.found()


ROOTS = (
    "What is the smallest positive integer $n$ such that all the roots of $z^4 {} z^2 + 1 = 0$ are roots of unity?"
)
INTERVAL = "Find all the values of $x$ for which the point lies in the interval {} of the real line."


@pytest.mark.parametrize(
    "prompt, question, near",
    [
        (ROOTS.format("-"), ROOTS.format("+"), ["+ → -"]),
        (ROOTS.format("−"), ROOTS.format("-"), [""]),  # another minus sign only
        (ROOTS.format("+").replace("z^4", "z^{4}"), ROOTS.format("+"), [""]),
        (ROOTS.format("+").replace("z^4", "z^6").replace("1 =", "3 ="), ROOTS.format("+"), ["4 → 6, 1 → 3"]),
        (INTERVAL.format("$(3,4)$"), INTERVAL.format("$(3,4]$"), ["] → )"]),
        (INTERVAL.format("$(3,4)$"), INTERVAL.format("$(5,6]$"), []),  # three marks
        (ROOTS.format("-"), ROOTS.format("+").replace("positive", "negative"), []),  # another word
        ("What is 12 + 34?", "What is 12 + 35?", []),  # too short: the numbers are the question
    ],
)
def test_near_pairs_are_shown_and_not_counted_as_the_same(prompt, question, near):
    result = found([row("a", prompt)], question)
    overlap = result.against["test"]
    assert overlap.same == [] and [pair.difference for pair in overlap.near] == near
    assert result.found() is (near == [""])  # mere punctuation is the same question


def test_share_of_13_grams():
    prompts = ["nothing", LONG_TEXT.replace("one ", "zero "), LONG_TEXT.replace("fifteen", "16").upper()]
    assert len(ngrams(LONG_TEXT)) == 3
    (share,) = compare(prompts, ["short question", LONG_TEXT]).shares
    # zero two … fifteen holds the last two 13-grams, ONE … fourteen 16 the first two.
    assert (share.question, share.share, share.prompt, share.share_of_prompt) == (1, 1.0, 1, 2 / 3)
    (share,) = compare(prompts[:2], [LONG_TEXT]).shares
    assert share.share == 2 / 3
    assert compare([" ".join(LONG_TEXT.split()[:12])], [LONG_TEXT]).shares == []


def test_tokens_of_13_grams_are_blind_to_punctuation_and_apart_at_numbers():
    text = "a " * 11
    assert ngrams(text + "2x") == ngrams(text + "2 x") == ngrams(text + "$2\\,x$")
    assert ngrams(text + "b 2.5") != ngrams(text + "b 2") and ngrams(text + "a_3") == set()


def test_skeleton_and_marks_part_a_text():
    assert skeleton("Is $x_1 = 2.5$ (or -3)?") == ("is", "x_1", "#", "or", "#")
    assert marks("Is $x_1 = 2.5$ (or −3)?") == ["=", "2.5", "(", "-", "3", ")"]
    assert differences(["1", "+", "2"], ["1", "2", "3"]) == ["+ → nothing", "nothing → 3"]


# --- the command ------------------------------------------------------------------------------------------------


def write(path: Path, rows: list[dict]) -> str:
    text = json.dumps(rows) if path.suffix == ".json" else "\n".join(map(json.dumps, rows))
    path.write_text(text)
    return str(path)


def run(*argv: object) -> int:
    return run_cli(lambda: module.main([str(arg) for arg in argv]))


def test_strict_clean_and_json(tmp_path, capsys):
    rows = [row("a", "x"), row("b", "x", "2"), row("c", " kept ", "3", level="5"), row("d", "leaked")]
    prompts = write(tmp_path / "p.json", rows)
    test = write(tmp_path / "t.jsonl", [{"id": "t-1", "question": "leaked", "answer": "1"}])
    assert run(prompts, "--against", test) == 0
    assert (
        run(
            prompts,
            "--against",
            test,
            "--strict",
            "--json",
            tmp_path / "a.json",
            "--write_clean",
            tmp_path / "c.json",
        )
        == 1
    )
    assert read_prompts(tmp_path / "c.json") == [row("c", "kept", "3", level="5")]
    report = json.loads((tmp_path / "a.json").read_text())
    assert [bad["id"] for bad in report["bad"]] == ["a", "b", "d"] and report["leaked"] == [3]
    assert report["against"][test]["same"] == [[0, [3]]]
    capsys.readouterr()
    assert run(tmp_path / "c.json", "--against", test, "--strict") == 0
    assert "1 rows" in capsys.readouterr().out


def test_a_trainers_own_file_is_audited_and_written_back_as_it_was(tmp_path, capsys):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def verl(at: int, question: str, truth: str) -> dict:
        turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": question}]
        return {"prompt": turns, "reward_model": {"ground_truth": truth}, "extra_info": {"index": at}}

    rows = [verl(0, "What is 1 + 1?", "2"), verl(1, "leaked", "1"), verl(2, " Name it.", "\\beta")]
    table = pa.Table.from_pylist(rows).replace_schema_metadata({"made": "by hand"})
    pq.write_table(table, tmp_path / "train.parquet")
    test = write(tmp_path / "t.jsonl", [{"question": "leaked", "answer": "1"}])
    clean = tmp_path / "clean.parquet"
    assert run(tmp_path / "train.parquet", "--against", test, "--write_clean", clean) == 0
    assert "2 of 3 rows, as they are" in capsys.readouterr().out
    assert pq.read_table(clean).equals(pq.read_table(tmp_path / "train.parquet").take([0, 2]), check_metadata=True)


@pytest.mark.parametrize(
    "prompts, against, says",
    [
        ([{"id": "a", "prompt": "x"}], [], "has no answers; name the column by --answer_key (id, prompt)"),
        ([row("a", "x"), {"id": "b", "prompt": "y"}], [], "row 2 has no 'answer' (its keys: id, prompt)"),
        ([{"id": "a", "prompt": "x", "answer": 5}], [], "row 1: 'answer' is a number, not text"),
        ([row("a", "x")], [{"text": "x"}], "row 1 has no 'question' (its keys: text)"),
        ([row("a", "x")], "nosuchset", "nosuchset: neither a file nor a prepared benchmark\n"),
        ([row("a", "x")], "math50", "math50: neither a file nor a prepared benchmark; did you mean math500?\n"),
        ([row("a", "x")], "none/aime24.jsonl", "no such file; make it with: python -m data.prepare aime24"),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, prompts, against, says):
    test = against if isinstance(against, str) else write(tmp_path / "t.jsonl", against)
    assert run(write(tmp_path / "p.json", prompts), "--against", test) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--json", "{folder}/p.json"], "would replace the prompt file that is checked"),
        (["--write_clean", "{folder}/./p.json"], "would replace the prompt file that is checked"),
        (["--json", "{folder}"], "is a folder; name a file"),
        (["--write_clean", "{folder}/clean.txt"], "its suffix names no format"),
        (["--write_clean", "/proc/x.json"], "--write_clean /proc/x.json: cannot be written"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_the_audit(tmp_path, capsys, monkeypatch, flags, says):
    prompts = write(tmp_path / "p.json", [row("a", "x")])
    before = Path(prompts).read_bytes()
    monkeypatch.setattr(module, "audit", lambda *_: pytest.fail("the audit began"))
    assert run(prompts, *(flag.format(folder=tmp_path) for flag in flags)) == 2
    error = capsys.readouterr().err
    assert says in error and error.count("\n") == 1
    assert Path(prompts).read_bytes() == before


def test_a_prompt_file_can_be_the_benchmark(tmp_path):
    prompts = write(tmp_path / "p.json", [row("a", "x")])
    assert run(prompts, "--against", prompts, "--strict") == 1


# --- the release's files ----------------------------------------------------------------------------------------


def questions(folder: Path) -> dict[str, list[str]]:
    return {name: module.read_questions(str(folder / f"{name}.jsonl")) for name in ("aime24", "amc23", "math500")}


@pytest.mark.data
def test_released_math8k(shared_data):
    rows = module.read_rows(shared_data / "limr/math.8k.json")[0]
    result = audit(rows, questions(shared_data / "limr"), workers=1)
    assert result.rows == 8523
    assert Counter(group.kind for group in result.duplicates) == {"exact": 1, "whitespace": 1}
    assert [len(group.rows) for group in result.duplicates] == [2, 2]
    assert not any(group.other_answer for group in result.duplicates)
    assert result.empty_answers == [5054, 5158] and result.ungradable == []
    assert result.outer_whitespace == [] and result.repeated_ids == [] and len(result.long_prompts) == 2
    assert result.leaked() == set()
    assert [len(overlap.shares) for overlap in result.against.values()] == [9, 11, 67]
    assert [sum(s.share >= 0.8 for s in overlap.shares) for overlap in result.against.values()] == [0, 0, 3]
    near = result.against["math500"].near
    assert len(near) == 10
    signs = [(pair.question, rows[pair.prompt]["id"]) for pair in near if pair.difference == "+ → -"]
    assert len(signs) == 1 and "z^4 - z^2" in rows[near[[p.difference for p in near].index("+ → -")].prompt]["prompt"]
    assert len(clean(rows, result)) == 8523 - 6


@pytest.mark.data
def test_release_validates_on_the_test_sets(shared_data):
    rows = module.read_rows(shared_data / "limr/validation_of_the_release.json")[0]
    result = audit(rows, questions(shared_data / "limr"), workers=1)
    assert len(rows) == 256
    assert {name: len(overlap.same) for name, overlap in result.against.items()} == {
        "aime24": 30,
        "amc23": 0,
        "math500": 134,
    }
    assert {len(rows) for _, rows in result.against["aime24"].same} == {4}  # each of AIME24 four times


# --- verifiers --------------------------------------------------------------------------------------------------


def test_each_row_is_judged_by_its_verifier(tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "def share(response, answer, metadata):\n    return float(metadata.get('word', answer) in response)\n"
    )
    rows = [
        row("a", "one", "B", verifier="choice"),
        row("b", "two", "maybe", verifier="choice"),
        row("c", "three", "1e3", verifier="numeric"),
        row("d", "four", "twelve", verifier="own"),
        row("e", "five", "", verifier="own", metadata={"word": "red"}),  # needs no answer
        row("f", "six", "", verifier="exact"),
        row("g", "seven", "red", verifier="own", metadata={"word": "r"}),  # takes anything with an r
    ]
    result = found(rows, own={"own": f"{own}:share"})
    assert (result.ungradable, result.empty_answers, result.unread) == ([1], [5], [])
    assert result.altered == {3: "twelve twelve", 6: "ree"} or set(result.altered) == {3, 6}
    assert result.bad() == {1, 3, 5, 6}


def test_duplicates_of_another_verifier_have_another_answer():
    rows = [row("a", "x", "1", verifier="exact"), row("b", "x", "1"), row("c", "y", "1/2", verifier="numeric")]
    result = found([*rows, row("d", "y", "0.5", verifier="numeric")])
    assert [group.other_answer for group in result.duplicates] == [True, False]


def test_the_command_takes_a_verifier(tmp_path, capsys):
    rows = [row("a", "Which?", "A"), row("b", "What?", "none of these")]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert module.main([str(tmp_path / "rows.json"), "--verifier", "choice", "--strict"]) == 1
    capsys.readouterr()
    rows[1] |= {"answer": "B", "verifier": "own.py:share"}
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    assert run_cli(lambda: module.main([str(tmp_path / "rows.json")])) == 2
    assert "row 2: verifier 'own.py:share' is a path" in capsys.readouterr().err


def test_a_table_keeps_its_verifiers(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = {"question": ["x", "y"], "answer": ["A", "10"], "verifier": ["choice", "numeric"]}
    pq.write_table(pa.table(table | {"metadata": [None, '{"tolerance": 1}']}), tmp_path / "rows.parquet")
    rows, source = module.read_rows(tmp_path / "rows.parquet")
    assert source is not None and rows[1]["metadata"] == '{"tolerance": 1}'
    assert not found(rows).found()
