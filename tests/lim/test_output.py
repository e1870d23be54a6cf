"""Scores files and lists of ids that were made before, of the same prompt file or of another."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from runs import Run, by_step, write_jsonl

from lim.output import SCORES_FORMATS, write_selection
from lim.pipeline import select
from lim.selection import Selection
from lim.strategies import Settings
from lim.utils.errors import InputError

RUN = Run()


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def without_ids(path: Path, prompts: list[int]) -> Path:
    return write(path, [{"prompt": RUN.questions[number]} for number in prompts])


def texts(selection: Selection) -> set[str]:
    return {text for text, taken in zip(selection.prompts.texts, selection.chosen_P, strict=True) if taken}


def best(of: set[str], count: int) -> set[str]:
    truth = {question: score or 0 for question, score in zip(RUN.questions, RUN.truth().values(), strict=True)}
    return set(sorted(of, key=lambda text: -truth[text])[:count])


@pytest.mark.parametrize("format", SCORES_FORMATS)
@pytest.mark.parametrize("taken", ["chosen", "five of the end"])
def test_scores_of_the_file_that_prompts_without_ids_were_taken_from(tmp_path: Path, format: Any, taken: str) -> None:
    log = write_jsonl(tmp_path / "log", by_step(RUN.samples, RUN.verl))
    prompts = without_ids(tmp_path / "prompts.jsonl", list(range(40)))
    first = select(prompts, log_path=log, settings=Settings(similarity_threshold=0.3))
    assert not first.chosen_P[:10].all()  # so that row numbers differ
    second = tmp_path / "chosen.jsonl"
    paths = write_selection(first, second, format)
    kept = texts(first)
    if taken != "chosen":
        kept = set(RUN.questions[35:])
        without_ids(second, list(range(35, 40)))
    again = select(second, scores_path=paths["scores"], settings=Settings(top_k=3))
    assert texts(again) == best(kept, 3)


def test_scores_of_a_file_without_ids_whose_texts_repeat_are_refused(tmp_path: Path) -> None:
    rows = [{"id": str(at), "prompt": "abcabc"[at], "score": at / 10} for at in range(6)]
    prompts = write(tmp_path / "p.jsonl", [{"prompt": text} for text in "cba"])
    path = write(tmp_path / "s.jsonl", rows)
    with pytest.raises(InputError, match=r"row numbers of another prompt file, and its texts do not tell .* apart"):
        select(prompts, scores_path=path, settings=Settings(top_k=1))
    write(path, [{**row, "score": 0.5} for row in rows])
    assert select(prompts, scores_path=path, settings=Settings(top_k=1)).scores_P.tolist() == [0.5] * 3


@pytest.mark.parametrize("kind", ["scores", "ids"])
def test_ids_of_other_prompts_are_refused(tmp_path: Path, kind: str) -> None:
    rows = [{"id": f"q{at}", "prompt": RUN.questions[at], "score": at / 40} for at in range(40)]
    path = write(tmp_path / "before.jsonl", rows)
    prompts = write(tmp_path / "p.jsonl", [{"id": f"q{at}", "prompt": RUN.questions[-1 - at]} for at in range(40)])
    given = {"scores_path": path} if kind == "scores" else {}
    settings = Settings(top_k=5) if kind == "scores" else Settings(ids_path=str(path))
    with pytest.raises(InputError, match=r"is of another prompt file: 40 of its ids are of other prompts there"):
        select(prompts, settings=settings, **given)
    # Prompts that were edited are the same by their ids.
    write(prompts, [{"id": f"q{at}", "prompt": f"{RUN.questions[at]} Box it."} for at in range(40)])
    assert select(prompts, settings=settings, **given).chosen_P.sum() == (5 if kind == "scores" else 40)


def test_ids_of_a_list_without_texts_are_taken_as_they_are(tmp_path: Path) -> None:
    prompts = without_ids(tmp_path / "p.jsonl", list(range(5)))
    (tmp_path / "ids.json").write_text('["3", 1]')
    pq.write_table(pa.table({"id": [3.0, 1.0]}), tmp_path / "ids.parquet")
    for name in ("ids.json", "ids.parquet"):
        found = select(prompts, settings=Settings(ids_path=str(tmp_path / name)))
        assert found.chosen_P.tolist() == [False, True, False, True, False]


@pytest.mark.parametrize("name", ["s.csv", "s.tsv", "s.csv.gz", "s.parquet", "s.jsonl"])
def test_scores_however_tables_write_them(tmp_path: Path, name: str) -> None:
    prompts = without_ids(tmp_path / "p.jsonl", list(range(4)))
    scores, path = [0.1, None, 0.3, 0.2], tmp_path / name
    if name == "s.parquet":
        pq.write_table(pa.table({"id": [0.0, 1.0, 2.0, 3.0], "score": scores}), path)
    elif name == "s.jsonl":
        names: list[dict[str, Any]] = [{"id": None, "prompt": RUN.questions[0]}, {"id": 1}, {"id": 2.0}, {"id": "3"}]
        write(path, [row | {"score": score} for row, score in zip(names, scores, strict=True)])
    else:
        text = "id,score\n" + "".join(f"{at}.0,{'NA' if s is None else s}\n" for at, s in enumerate(scores))
        data = text.replace(",", "\t" if name == "s.tsv" else ",").encode()
        path.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    found = select(prompts, scores_path=path, settings=Settings(top_k=2))
    assert found.chosen_P.tolist() == [False, False, True, True]
    assert found.reasons[1] == "no score in the scores file"


def test_ids_of_scores_may_have_spaces_zeros_and_capitals(tmp_path: Path) -> None:
    rows = [{"id": id, "prompt": str(at)} for at, id in enumerate(("7", "12", "q-a", "Q-B"))]
    (tmp_path / "s.csv").write_text("score,id\n0.2, 7 \n0.9,012\n0.8,Q-A\n0.1,Q-B\n")
    found = select(write(tmp_path / "p.jsonl", rows), scores_path=tmp_path / "s.csv", settings=Settings(top_k=2))
    assert found.scores_P.tolist() == [0.2, 0.9, 0.8, 0.1]
    (tmp_path / "s.csv").write_text("Score,ID\n0.2,7\n")
    with pytest.raises(InputError, match=r"row 1 is not \{id or prompt, score\} \(its columns: Score, ID\)"):
        select(tmp_path / "p.jsonl", scores_path=tmp_path / "s.csv")


def test_an_infinite_score_is_refused(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_text("id,score\n0,inf\n")
    with pytest.raises(InputError, match="row 1: score is inf, not a number or null"):
        select(without_ids(tmp_path / "p.jsonl", [0]), scores_path=tmp_path / "s.csv")


@pytest.mark.parametrize(
    "more",
    [{"metric": "accuracy"}, {"max_epochs": 2}, {"missing": "observed"}, {"max_reward": 2.0}, {"min_epochs": 1}],
)
def test_settings_of_a_log_beside_a_scores_file_are_refused(tmp_path: Path, more: dict[str, Any]) -> None:
    prompts = without_ids(tmp_path / "p.jsonl", [0, 1])
    path = write(tmp_path / "s.jsonl", [{"id": "0", "score": 1}, {"id": "1", "score": 0}])
    with pytest.raises(InputError, match=f"--{next(iter(more))} says how a log is scored, and --scores_path holds"):
        select(prompts, scores_path=path, settings=Settings(**more))
    assert select(prompts, scores_path=path, settings=Settings("random", num_prompts=1, **more)).chosen_P.sum() == 1
