#!/usr/bin/env bash
# distilabel's MathShepherdCompleter with structured output calls every step of a right solution wrong but the last,
# and FormatPRM cuts the steps' last characters off.
#
# Expected: a step is right where a completion from it reaches the gold answer. The class's own examples advise
#     use_default_structured_output.
# Instead: the number of characters of the model's JSON is compared with N, the number of completions asked for. They
#     differ, so all completions are taken for empty, and a step with an empty completion gets no label at all. For
#     FormatPRM the last character of a step is its label: TRL's format drops it and says False for what is not "+",
#     so "3 * 4 = 12" becomes "3 * 4 = 1", wrong; Math-Shepherd's puts the step token in its place. As text it works
#     with N right completions; one fewer, and the missing one takes away the label that the others earned. A call
#     that failed makes the step wrong.
# Seen in: distilabel 1.5.3, distilabel.steps.tasks.math_shepherd.completer (_format_structured_output, _auto_label)
#     and .utils (FormatPRM).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    distilabel==1.5.3 datasets==5.2.0 pyarrow==26.0.1 numpy==2.4.6 pydantic==2.14.4 requests==2.34.2
cd "$dir"
export HF_HOME="$dir/hf" XDG_CACHE_HOME="$dir/cache"
"$dir/venv/bin/python" -W ignore - <<'PY'
import json
import logging
from importlib.metadata import version

from distilabel.models.llms.base import LLM
from distilabel.steps import ExpandColumns
from distilabel.steps.tasks import FormatPRM, MathShepherdCompleter

logging.disable(logging.WARNING)
print("distilabel", version("distilabel"))
RIGHT = "Step 2: 12 * 5 = 60 jars.\nThe answer is: 60"
WRONG = "Step 2: 12 + 5 = 17 jars.\nThe answer is: 17"


class Canned(LLM):
    """A model that answers each call with the same text."""

    answer: str | None
    structured_output: dict = {"format": "json"}  # set by hand, as the task allows

    @property
    def model_name(self):
        return "canned"

    def generate(self, inputs, num_generations=1):
        statistics = {"input_tokens": [0], "output_tokens": [0]}
        return [{"generations": [self.answer], "statistics": statistics} for _ in inputs]


def label(answer, n, structured, form="trl"):
    """The training rows of one right solution whose steps are completed with the answer."""
    task = MathShepherdCompleter(llm=Canned(answer=answer), N=n, use_default_structured_output=structured)
    task.load()
    steps = ["Step 1: A crate has 3 * 4 = 12", "Step 2: Five have 12 * 5 = 60", "Step 3: Done.", "The answer is: 60"]
    row = {"instruction": "Crates of 3 rows of 4 jars: how many jars are in 5?", "solutions": [steps]}
    rows = next(task.process([{**row, "golden_solution": RIGHT.split("\n")}]))
    expand, formatter = ExpandColumns(columns=["solutions"]), FormatPRM(format=form)
    expand.load()
    formatter.load()
    (row,) = next(formatter.process(next(expand.process(rows))))
    return row


def as_json(*completions):
    return json.dumps({"solutions": [{"solution": completion} for completion in completions]})


def as_text(*completions):
    return "\n---\n".join(completions)


CASES = [  # what the model returns, its text, N, structured, the labels
    ("text, 2 of 2 right", as_text(RIGHT, RIGHT), 2, False, [True, True, True]),
    ("text, 1 of 2 right", as_text(WRONG, RIGHT), 2, False, [True, True, True]),
    ("text, none of 2 right", as_text(WRONG, WRONG), 2, False, [False, False, True]),
    ("text, 2 right where 3 were asked for", as_text(RIGHT, RIGHT), 3, False, [False, False, True]),
    ("text, the call failed", None, 2, False, [False, False, True]),
    ("JSON, 1 of 1 right", as_json(RIGHT), 1, True, [False, False, True]),
    ("JSON, 2 of 2 right", as_json(RIGHT, RIGHT), 2, True, [False, False, True]),
    ("JSON, 8 of 8 right", as_json(*[RIGHT] * 8), 8, True, [False, False, True]),
]
for what, answer, n, structured, expected in CASES:
    row = label(answer, n, structured)
    print(f"{what:36} {row['labels']}  first step: {row['completions'][0]}")
    assert row["labels"] == expected, (what, row["labels"])
    whole = structured is False and what != "text, 2 right where 3 were asked for"
    assert row["completions"][0] == "Step 1: A crate has 3 * 4 = 1" + "2" * whole, row["completions"]

shepherd = label(as_json(RIGHT, RIGHT), 2, True, "math-shepherd")["input"]
print("Math-Shepherd's format, JSON:", shepherd.split("\n")[0])
assert "3 * 4 = 1ки\n" in shepherd, shepherd
PY
