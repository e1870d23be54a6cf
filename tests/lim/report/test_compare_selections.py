"""Two selections side by side: overlap and moved prompts as a loop would count them, and a page that runs nothing."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from logs import write_prompts

from lim.report.__main__ import main
from lim.utils.errors import InputError

IDS = [f"p{n:02d}" for n in range(30)]


def write_scores(path, scores, threshold=0.5, ids=IDS, text="<b>x</b> & {id}"):
    rows = [
        {"id": id, "prompt": text.format(id=id), "score": score, "chosen": score is not None and score >= threshold}
        for id, score in zip(ids, scores, strict=True)
    ]
    path.write_text(json.dumps(rows))
    return str(path)


@pytest.fixture
def pair(tmp_path):
    rng = np.random.default_rng(1)
    first = rng.random(30).round(3).tolist()
    second = np.clip(np.array(first) + rng.normal(0, 0.3, 30), 0, 1).round(3).tolist()
    second[4] = None
    return (
        first,
        second,
        write_scores(tmp_path / "a.scores.json", first),
        write_scores(tmp_path / "b.scores.json", second),
    )


def test_counts_are_those_of_a_loop(pair, tmp_path, capsys):
    first, second, one, two = pair
    main([one, two, "--report", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out/selections.json").read_text())
    a = {id for id, score in zip(IDS, first, strict=True) if score >= 0.5}
    b = {id for id, score in zip(IDS, second, strict=True) if score is not None and score >= 0.5}
    assert found["chosen"] == [len(a), len(b)] and found["chosen_by_both"] == len(a & b)
    assert found["jaccard"] == pytest.approx(len(a & b) / len(a | b))
    assert {row["key"] for row in found["moved"]} == a ^ b
    changes = [abs(row["scores"][1] - row["scores"][0]) for row in found["moved"] if None not in row["scores"]]
    assert changes == sorted(changes, reverse=True)
    assert 0 < found["spearman"] < 1
    assert "chosen by both" in capsys.readouterr().out


def test_the_page_is_complete_escapes_and_runs_nothing(pair, tmp_path):
    _, _, one, two = pair
    texts = [f"<b>x</b> & {id}" for id in IDS]
    prompts = write_prompts(tmp_path / "prompts.json", IDS, prompt=texts, level=[f"Level {n % 3}" for n in range(30)])
    main(
        [one, two, "--report", str(tmp_path / "out"), "--original_prompts_path", str(prompts), "--figures", "svg,png"]
    )
    page = (tmp_path / "out/selections.html").read_text("utf-8")
    assert "<script" not in page and "&lt;b&gt;x&lt;/b&gt; &amp; p" in page and "<b>x</b>" not in page
    assert "default-src 'none'" in page and not re.search(r"(?:src|href)=\"(?!data:)", page)
    made = json.loads((tmp_path / "out/selections.json").read_text())["make_up"]
    assert [row["value"] for row in made] == ["Level 0", "Level 1", "Level 2"]
    assert sum(row["prompts"] for row in made) == 30
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".html", ".json", ".png", ".svg"}


def test_the_same_file_twice_agrees_wholly(pair, tmp_path):
    _, _, one, _ = pair
    main([one, one, "--report", str(tmp_path / "out")])
    found = json.loads((tmp_path / "out/selections.json").read_text())
    assert found["jaccard"] == 1 and found["moved"] == [] and found["spearman"] == pytest.approx(1)
    page = (tmp_path / "out/selections.html").read_text("utf-8")
    assert "None: both choices are the same." in page and "0 of 0" not in page


def test_bad_input_is_one_line(pair, tmp_path):
    _, _, one, _ = pair
    other = write_scores(tmp_path / "other.json", [0.5] * 3, ids=["x", "y", "z"])
    with pytest.raises(InputError, match="share no prompt"):
        main([one, other, "--report", str(tmp_path / "out")])
    published = tmp_path / "published.json"
    published.write_text(json.dumps([{"prompt": "p", "score": 0.3}]))
    with pytest.raises(InputError, match=r"row 1: 'chosen' is None, not true or false"):
        main([str(published), one, "--report", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_files_of_other_prompts_under_the_same_ids_are_refused(tmp_path):
    scores = [0.1, 0.9] * 15
    numbers = [str(n) for n in range(30)]  # row numbers are the ids of any file without ids
    one = write_scores(tmp_path / "a.scores.json", scores, ids=numbers)
    two = write_scores(tmp_path / "b.scores.json", scores, ids=numbers, text="another {id}")
    spaced = write_scores(tmp_path / "c.scores.json", scores, ids=numbers, text=" <b>x</b>  & {id}\n")
    with pytest.raises(InputError, match=r"30 of 30 with the same id have another text, such as '0'"):
        main([one, two, "--report", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
    assert main([one, spaced, "--report", str(tmp_path / "out")]) is None


def test_a_prompt_file_of_other_prompts_is_refused(pair, tmp_path):
    _, _, one, two = pair
    for ids, line in (
        (IDS, "of different prompts: 30 of 30"),
        ([f"q{n}" for n in range(30)], "has none of the prompts"),
    ):
        prompts = write_prompts(tmp_path / "prompts.json", ids, level=["1"] * 30)
        with pytest.raises(InputError, match=line):
            main([one, two, "--report", str(tmp_path / "out"), "--original_prompts_path", str(prompts)])


def test_help_names_the_command_as_it_is_started(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    assert capsys.readouterr().out.startswith("usage: python -m lim.report ")
