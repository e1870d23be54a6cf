#!/usr/bin/env bash
# inspect-ai's match() and exact() give full marks to -5 for 5 and to 5 for -5.
#
# Expected: match(location="exact") compares texts and exact() compares normalised texts, so a sign counts. exact()
#     even reads numbers: 1,000 is 1000 and 5.0 is 5.
# Instead: both strip punctuation first, and the minus is punctuation, as are < and >: x < 1 is x > 1. In exact() an
#     inner slash goes too, so 1/2 is 12, while a decimal point stays: 1.5 is not 15. f1() gives the same pairs 1.0.
#     Only match(numeric=True) keeps the sign.
# Seen in: inspect-ai 0.3.285, inspect_ai.scorer, modules _match, _common and _classification.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check inspect-ai==0.3.285
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import asyncio
from importlib.metadata import version

from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Target, exact, f1, match
from inspect_ai.solver import TaskState

print("inspect-ai", version("inspect-ai"))
SCORERS = {
    "match()": match(),
    "match(exact)": match(location="exact"),
    "exact()": exact(),
    "f1()": f1(),
    "match(numeric)": match(numeric=True),
}
CASES = [  # gold, answer, whether each scorer takes it as right
    ("5", "-5", [True, True, True, True, False]),
    ("-5", "5", [True, True, True, True, False]),
    ("34", "so x = -34", [True, False, False, False, False]),
    ("1/2", "12", [False, False, True, True, False]),
    ("15", "1.5", [False, False, False, False, False]),
    ("1000", "1,000", [False, False, True, True, True]),
    ("5", "5.0", [False, False, True, True, True]),
    ("x<1", "x>1", [False, False, True, True, False]),
    ("5", "6", [False, False, False, False, False]),
]


async def score(scorer, gold, answer):
    output = ModelOutput.from_content("m", answer)
    state = TaskState(model="m", sample_id=1, epoch=1, input="q", messages=[], output=output)
    return (await scorer(state, Target(gold))).value in ("C", 1.0)


async def main():
    print(f"{'gold':6} {'answer':12}", *SCORERS, sep="  ")
    for gold, answer, expected in CASES:
        got = [await score(scorer, gold, answer) for scorer in SCORERS.values()]
        verdicts = (f"{'right' if right else '-':{len(name)}}" for name, right in zip(SCORERS, got))
        print(f"{gold:6} {answer:12}", *verdicts, sep="  ")
        assert got == expected, (gold, answer, got)


asyncio.run(main())
PY
