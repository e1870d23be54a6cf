"""The committed settings, and what a mistaken file says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from eval import settings
from eval.questions import read_questions
from eval.settings import SETTINGS, load
from lim.utils.errors import InputError


def test_the_papers_settings() -> None:
    chosen = load()
    assert chosen.choose(chosen.default) == ["aime24", "math500", "amc23"]
    for name, n, temperature in (("aime24", 4, 0.4), ("amc23", 4, 0.4), ("math500", 1, 0.0)):
        benchmark = chosen.benchmark(name)
        assert (benchmark.n_samples, benchmark.temperature) == (n, temperature)
        assert (benchmark.top_p, benchmark.max_new_tokens) == (0.95, 3072)
        assert benchmark.system_prompt == r"Please reason step by step, and put your final answer within \boxed{}."
        assert (benchmark.template.name, benchmark.template.text) == ("chat", None)


def test_every_benchmark_of_the_file_can_be_used() -> None:
    chosen = load()
    for name in chosen.benchmarks:
        for template in chosen.templates:
            chosen.benchmark(name, {"template": template})


def test_the_papers_averages_are_its_own_figures() -> None:
    for row in load().published:
        if "average" in row:
            mean = (row["aime24"] + row["math500"] + row["amc23"]) / 3
            assert row["average"] == pytest.approx(mean, abs=0.051)


def test_groups_and_patterns() -> None:
    chosen = load()
    arithmetic = ["arithmetic-t1", "arithmetic-t0.4", "arithmetic-greedy"]
    assert chosen.choose(["arithmetic"]) == arithmetic
    assert chosen.choose(["arithmetic-*", "math500", "math500"]) == [*arithmetic, "math500"]
    assert {chosen.benchmark(name).file for name in arithmetic} == {"arithmetic"}
    with pytest.raises(InputError, match="no benchmark or group 'aime'; there are aime24"):
        chosen.choose(["aime"])


def test_overrides() -> None:
    chosen = load()
    assert chosen.benchmark("aime24", {"n_samples": 16, "seed": None}).n_samples == 16
    greedy = chosen.benchmark("aime24", {"temperature": 0.0})
    assert (greedy.temperature, greedy.n_samples) == (0.0, 1)
    for change, message in (
        ({"n_samples": 4, "temperature": 0.0}, "4 samples at temperature 0 would all be the same"),
        ({"n_samples": 0}, "n_samples=0: expected a whole number of at least 1"),
        ({"top_p": 1.5}, "top_p=1.5: expected a number of at most 1"),
        ({"temperature": -1.0}, "temperature=-1.0: expected a number of at least 0"),
        ({"max_new_tokens": 0}, "max_new_tokens=0: expected"),
        ({"template": "none"}, "no template 'none'; there are chat, plain, bare"),
    ):
        with pytest.raises(InputError, match=message):
            chosen.benchmark("aime24", change)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("typo",), 1, "typo: unknown key"),
        (
            ("benchmarks", "aime24", "temprature"),
            0.4,
            "benchmarks.aime24.temprature: unknown key; did you mean",
        ),
        (
            ("benchmarks", "aime24", "n_samples"),
            "4",
            "aime24.n_samples=4: expected a whole number, not text",
        ),
        (("benchmarks", "aime24", "n_samples"), True, "n_samples=True: expected a whole number, not true or false"),
        (("defaults", "seed"), None, "defaults.seed=None: expected a whole number, not null"),
        (("groups", "paper"), ["aime42"], "groups.paper names 'aime42'"),
        (("default",), ["everything"], "default names 'everything'"),
        (("average",), ["paper"], "average names 'paper'"),
        (("templates", "plain", "text"), "no question here", "has no {question} to fill in"),
        (
            ("templates", "plain", "stops"),
            ["x"],
            "templates.plain.stops: unknown key; did you mean",
        ),
        (("templates", "plain", "stop"), "x", "templates.plain.stop=x: expected a list"),
        (("templates",), [], "templates=[]: expected keys and values, not a list"),
        (("benchmarks", "aime24"), {"n_samples": 2}, "2 samples at temperature 0 would all be the same"),
        (("benchmarks", "aime24"), None, "benchmarks={"),
    ],
)
def test_mistakes_in_a_settings_file(tmp_path: Path, path: tuple[str, ...], value: Any, message: str) -> None:
    raw = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))
    inner = raw
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(InputError) as error:
        load(file)
    assert message in str(error.value)
    assert str(file) in str(error.value)


def test_missing_files_say_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such settings file"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(InputError, match=r"python -m data\.prepare aime24"):
        read_questions("aime24", tmp_path)
    with pytest.raises(InputError, match=r"python -m data\.arithmetic"):
        read_questions("arithmetic", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"id": "1", "question": "q", "answer": "a"}\nnot json\n', "line 2: not JSON"),
        ('{"id": "1", "question": "q"}\n', "row 1: no text under 'answer'"),
        ('{"id": 1, "question": "q", "answer": "a"}\n', "row 1: no text under 'id'"),
        ('{"id": "1", "question": "q", "answer": "a"}\n' * 2, "row 2: the id '1' is duplicated"),
        ("", "holds no question"),
    ],
)
def test_bad_benchmark_files_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "b.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_questions("b", tmp_path)


def test_questions_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"id": "1", "question": "q", "answer": "a", "level": 3}\n', encoding="utf-8")
    found = read_questions("b", tmp_path)
    assert found.rows["1"]["level"] == 3
    assert len(found.sha256) == 64
    assert settings.DATA.name == "benchmarks"
