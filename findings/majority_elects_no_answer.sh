#!/usr/bin/env bash
# In the majority votes of lm-eval (GSM8K with self-consistency) and verl (maj@N) responses without an answer vote as
# well, all for the same one: three that were cut off outvote two right ones, and the question counts as failed.
#
# Expected: a response that says nothing has no vote; of 42, 42, 40, 41 and 43 the vote elects 42.
# Instead: lm-eval's filter gives "[invalid]" for what its pattern does not find, verl's math_dapo "[INVALID]", and
#     both count it like an answer. Wrong answers differ from one another and these do not, so a model that is cut off
#     or leaves the format three times of eight loses votes that it wins by its answers. lm-eval's task also stops a
#     response at its first empty line. Nothing is logged of what the votes were for.
# Seen in: lm-eval 0.4.13, lm_eval.filters.selection and .extraction, tasks gsm8k_cot_self_consistency and
#     gsm8k_platinum_cot_self_consistency; verl 0.9.1, verl.trainer.ppo.metric_utils and
#     verl.utils.reward_score.math_dapo (data sources math, math_dapo, aime*); numpy 2.4.6.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6 datasets==5.2.0 pyyaml==6.0.4
# Without their dependencies (torch, Ray, metrics of other tasks): what runs here needs the three above.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps lm-eval==0.4.13 verl==0.9.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
import importlib.util
from collections import Counter, defaultdict
from functools import partial
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from typing import Any, Callable

import numpy as np
import yaml
from lm_eval.api.instance import Instance
from lm_eval.filters import build_filter_ensemble

print(*(f"{name} {version(name)}" for name in ("lm-eval", "verl", "numpy")))
packages = Path(get_path("purelib"))
ANSWERS = ["42", None, "41", None, "42", "40", None, "43"]
counts = Counter(answer for answer in ANSWERS if answer)
print(f"eight responses, the gold answer is 42: {ANSWERS}; votes for answers: {counts.most_common()}")

# lm-eval, with the filters of its task as the task's file names them.
task = yaml.safe_load((packages / "lm_eval/tasks/gsm8k/gsm8k-cot-self-consistency.yaml").read_text())
steps = next(entry["filter"] for entry in task["filter_list"] if entry["name"] == "maj@8")
steps = [(step["function"], {key: value for key, value in step.items() if key != "function"}) for step in steps]


def elected(answers):
    """What the task's maj@8 compares with the gold answer."""
    given = (f"So it is. The answer is {answer}." if answer else "Let us count the eggs" for answer in answers)
    question = Instance("generate_until", {"question": "How many?"}, ("How many?", {}), 0)
    question.resps = list(given)
    build_filter_ensemble("maj@8", steps).apply([question])
    return question.filtered_resps["maj@8"]


# verl: its modules import torch and Ray, these functions of them need numpy alone.
spec = importlib.util.spec_from_file_location("math_dapo", packages / "verl/utils/reward_score/math_dapo.py")
math_dapo = importlib.util.module_from_spec(spec)
spec.loader.exec_module(math_dapo)
names = {"bootstrap_metric", "calc_maj_val", "process_validation_metrics"}
source = (packages / "verl/trainer/ppo/metric_utils.py").read_text()
found = [node for node in ast.parse(source).body if getattr(node, "name", "") in names]
space = {"np": np, "defaultdict": defaultdict, "partial": partial, "Any": Any, "Callable": Callable}
exec(compile(ast.Module(found, []), "metric_utils.py", "exec"), space)


def verl(answers):
    """The value that the vote elects, and maj@8 as it is logged (a mean over resamples of the eight)."""
    given = (f"So it is.\nAnswer: {answer}" if answer else "Let us count the eggs of each day" for answer in answers)
    scores = [math_dapo.compute_score(text, "42") for text in given]
    columns = {key: [score[key] for score in scores] for key in ("acc", "pred")}
    vote = space["calc_maj_val"](scores, vote_key="pred", val_key="acc")
    n = len(scores)
    metrics = space["process_validation_metrics"](["aime"] * n, ["q"] * n, columns)["aime"]["acc"]
    return vote, columns["pred"], metrics[f"maj@{n}/mean"], metrics[f"mean@{n}"]


print(f"lm-eval: the vote elects {elected(ANSWERS)!r}")
vote, preds, majority, mean = verl(ANSWERS)
print(f"verl: preds {preds}; the vote's acc is {vote}, maj@8 {majority:.3f}, mean@8 {mean}")
assert elected(ANSWERS) == "[invalid]" and vote is False and preds.count("[INVALID]") == 3
different = ["42", "1", "41", "2", "42", "40", "3", "43"]
vote, preds, by_answers, mean = verl(different)
print(f"with three different wrong answers in their place: lm-eval elects {elected(different)!r}")
print(f"    verl: the vote's acc is {vote}, maj@8 {by_answers:.3f}, mean@8 {mean}")
assert elected(different) == "42" and vote is True and by_answers > majority + 0.08
PY
