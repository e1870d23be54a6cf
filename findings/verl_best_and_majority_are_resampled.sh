#!/usr/bin/env bash
# verl's validation metrics best@8 and maj@8 of eight responses are not "one of the eight is right" and "the most
# frequent answer is right": both are means over resamples of the eight, with replacement.
#
# Expected: with one right response of eight best@8 is 1; with three equal right ones and five different wrong ones
#     the vote is won 3 to 1, so maj@8 is 1.
# Instead: 0.65 and 0.62. A resample of eight leaves out a given response in a third of the draws. val-core shows
#     these two beside mean@8, so its best@N is not pass@N and falls short of it most where few responses are right.
# Seen in: verl 0.9.1, verl.trainer.ppo.metric_utils, process_validation_metrics and bootstrap_metric; numpy 2.4.6.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps verl==0.9.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
from collections import Counter, defaultdict
from functools import partial
from importlib.metadata import version
from math import comb
from pathlib import Path
from sysconfig import get_path
from typing import Any, Callable

import numpy as np

print("verl", version("verl"), "numpy", np.__version__)
# The module imports torch and Ray, these three functions of it need numpy alone: they are run from its own text.
source = Path(get_path("purelib"), "verl/trainer/ppo/metric_utils.py").read_text()
names = {"bootstrap_metric", "calc_maj_val", "process_validation_metrics"}
functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef) and node.name in names]
space = {"np": np, "defaultdict": defaultdict, "partial": partial, "Any": Any, "Callable": Callable}
exec(compile(ast.Module(functions, []), "metric_utils.py", "exec"), space)


def verl(right, preds):
    n = len(right)
    return space["process_validation_metrics"](["aime"] * n, ["q"] * n, {"acc": right, "pred": preds})["aime"]["acc"]


one, three = [1] + [0] * 7, [1] * 3 + [0] * 5
got = verl(one, list("51234678"))
pass_4 = 1 - comb(7, 4) / comb(8, 4)
print(f"one right of eight:   best@8 {got['best@8/mean']:.3f}, pass@8 is {max(one)}")
print(f"                      best@4 {got['best@4/mean']:.3f}, pass@4 is {pass_4}")
assert 0.62 < got["best@8/mean"] < 0.69  # 1 - (7/8)^8 = 0.656
assert 0.36 < got["best@4/mean"] < 0.46  # 1 - (7/8)^4 = 0.414

preds = list("55512346")
got = verl(three, preds)
print(f"three right of eight: maj@8 {got['maj@8/mean']:.3f}, the vote: {Counter(preds).most_common(2)}")
assert 0.55 < got["maj@8/mean"] < 0.70
assert got["mean@8"] == 3 / 8
PY
