#!/usr/bin/env bash
# verl's math_dapo scorer (data sources math, math_dapo, aime*) gives 1.0 to wrong answers: its cleaning deletes
# mathematics from both sides before they are compared as strings.
#
# Expected: a comparison of strings errs on the strict side: it refuses right answers written in another way.
# Instead: a variable a before a space is deleted as the English article, commas between digits as thousands separators
#     (so the list 1, 2 is 12), and all before the last equals sign as a name (so of several values only one counts).
#     At the same time it is strict: 1/2 is not \frac{1}{2}.
# Seen in: verl 0.9.1, verl.utils.reward_score.math_dapo, normalize_final_answer. The a and all before the equals sign
#     also go in lm-eval 0.4.13's function of that name (minerva_math, leaderboard, putnam_axiom).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
# Without its dependencies (torch, Ray): the module itself needs the standard library only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps verl==0.9.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from sysconfig import get_path

print("verl", version("verl"))
spec = spec_from_file_location("math_dapo", get_path("purelib") + "/verl/utils/reward_score/math_dapo.py")
math_dapo = module_from_spec(spec)
spec.loader.exec_module(math_dapo)

CASES = [  # gold, answer, the score it gets
    ("2a + b", "2 + b", 1.0),
    ("3a - 1", "3 - 1", 1.0),
    ("2a+b", "2a + b", -1.0),  # and the right one is refused: only one side has the space
    ("1, 2", "12", 1.0),
    ("-1, 10, 11", "-1, 1011", -1.0),  # a sign keeps the commas
    ("10, 11", "1011", 1.0),
    ("x = 1, y = 3", "x = 7, y = 3", 1.0),
    ("x = 1, y = 3", "3", 1.0),
    (r"\frac{1}{2}", "1/2", -1.0),
    ("34", "34", 1.0),
    ("34", "43", -1.0),
]
for gold, answer, expected in CASES:
    result = math_dapo.compute_score(f"So we are done.\nAnswer: {answer}", gold)
    print(f"gold {gold:14} answer {answer:14} score {result['score']:4}  compared as {result['pred']!r}")
    assert result["score"] == expected, (gold, answer, result)
PY
