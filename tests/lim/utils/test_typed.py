"""Settings from YAML as typed objects: each mistake is one line that names key, value and what is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import pytest

from lim.utils.errors import InputError
from lim.utils.typed import convert


@dataclass(frozen=True)
class Block:
    name: str
    count: Annotated[int, msgspec.Meta(ge=1)]
    rate: float | None = None
    device: Literal["gpu", "cpu"] = "gpu"
    on: bool = False
    seeds: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    options: dict[str, dict[str, Any]] = field(default_factory=dict)
    marks: dict[Literal["high", "low"], float] | None = None
    steps: list[dict[Literal["high", "low"], Literal["on", "off"]]] = field(default_factory=list)
    ages: dict[int, int] = field(default_factory=dict)


def test_values_of_the_right_types():
    found = convert({"name": 2024, "count": 3, "rate": 1, "seeds": [1, 2]}, Block, "x.yaml", "run.")
    assert found == Block("2024", 3, 1.0, seeds=[1, 2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"count": 0}, "run.count=0: expected a whole number of at least 1"),
        ({"count": "many"}, "run.count=many: expected a whole number, not text"),
        ({"count": True}, "run.count=True: expected a whole number, not true or false"),
        ({"count": 1.5}, "run.count=1.5: expected a whole number, not a number"),
        ({"rate": "fast"}, "run.rate=fast: expected a number or null, not text"),
        ({"on": "yes"}, "run.on=yes: expected true or false, not text"),
        ({"name": True}, "run.name=True: expected text, not true or false"),
        ({"name": None}, "run.name=None: expected text, not null"),
        ({"device": "tpu"}, "run.device=tpu: use gpu or cpu"),
        ({"seeds": 3}, "run.seeds=3: expected a list (run.seeds=[…]), not a whole number"),
        ({"seeds": [1, "two"]}, "run.seeds=[1, 'two']: expected a whole number, not text (in seeds[1])"),
        ({"texts": [1]}, "run.texts=[1]: expected text, not a whole number (in texts[0])"),
        (
            {"options": {"a": 3}},
            "run.options={'a': 3}: expected keys and values, not a whole number (in options[...])",
        ),
        (
            {"marks": {"hgh": 1}},
            "run.marks={'hgh': 1}: 'hgh' is no key of it: use high or low; did you mean high?",
        ),
        ({"marks": {"low": "x"}}, "run.marks={'low': 'x'}: expected a number, not text (in marks[...])"),
        ({"marks": 3}, "run.marks=3: expected keys and values or null, not a whole number"),
        ({"marks": {1: 2}}, "run.marks={1: 2}: expected text, not a whole number as a key"),
        ({"steps": [{"up": "on"}]}, "run.steps=[{'up': 'on'}]: 'up' is no key of it: use high or low (in steps[0])"),
        ({"steps": [{"low": "no"}]}, "run.steps=[{'low': 'no'}]: use on or off (in steps[0][...])"),
        ({"ages": {"a": 1}}, "run.ages={'a': 1}: expected a whole number, not text as a key"),
        ({"nam": 1}, "x.yaml: run.nam: unknown key; did you mean run.name?"),
    ],
)
def test_a_mistake_is_one_line(changes, message):
    with pytest.raises(InputError) as caught:
        convert({"name": "a", "count": 1, **changes}, Block, "x.yaml", "run.")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "a"}, "x.yaml: run.count is not set"),
        ([1], "x.yaml: run is not a block of keys and values"),
        (None, "x.yaml: run is not a block of keys and values"),
    ],
)
def test_what_is_missing(values, message):
    with pytest.raises(InputError) as caught:
        convert(values, Block, "x.yaml", "run.")
    assert str(caught.value) == message
