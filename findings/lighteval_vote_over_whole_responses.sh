#!/usr/bin/env bash
# lighteval's maj@4 on MATH votes over whole responses and compares the winner with the whole reference solution: four
# right responses get 0. Its metrics take any parameter and ignore those they have not.
#
# Expected: math:algebra and the other six MATH tasks give maj_at_n a math_normalizer for prediction and gold, which
#     takes what is in the last box; a parameter that a metric does not have is an error.
# Instead: the parameters are set as attributes, whatever their names. maj_at_n reads normalize, the tasks set
#     normalize_pred and normalize_gold (exact_match's names), so nothing is extracted; the metric's name in the
#     results shows them all the same. avg_at_n ignores strip_strings, its own setting, and normalize: with a gold
#     " 7" it refuses "7", which pass_at_k and maj_at_n take, though for one response the three are one number.
# Seen in: lighteval 0.13.0, lighteval.tasks.tasks.math, lighteval.metrics.metrics_sample (SamplingMetric) and
#     lighteval.metrics.utils.metric_utils (Metric.__call__).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check lighteval==0.13.0 transformers==5.15.0 datasets==5.2.0
cd "$dir"
export HF_HOME="$dir/hf"
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

from lighteval.metrics.metrics import Metrics
from lighteval.metrics.normalizations import math_normalizer
from lighteval.models.model_output import ModelResponse
from lighteval.tasks.requests import Doc
from lighteval.tasks.tasks.math import math_algebra, math_prompt

print("lighteval", version("lighteval"))


def value(metric, doc, *responses):
    (got,) = metric.compute_sample(doc=doc, model_response=ModelResponse(text=list(responses))).values()
    return got


doc = math_prompt({"problem": "What is $3+4$?", "solution": r"We add: $3+4=\boxed{7}$."})
right = [r"3 + 4 is 7, so $\boxed{7}$.", r"It is $\boxed{7}$.", r"$\boxed{7}$", r"Seven: $\boxed{7}$"]
(of_task,) = math_algebra.metrics
both = {"normalize_pred": math_normalizer, "normalize_gold": math_normalizer}
mended = Metrics.maj_at_n(sample_params={"n": 4, "strip_strings": True, "normalize": math_normalizer})
results = {
    "math:algebra's maj@4, four right responses": value(of_task, doc, *right),
    "the same, the solution itself twice": value(of_task, doc, right[0], right[1], *[doc.choices[0]] * 2),
    "maj_at_n with normalize": value(mended, doc, *right),
    "exact_match with the task's normalisers": value(Metrics.exact_match(sample_params=both), doc, right[0]),
}
for what, got in results.items():
    print(f"{what:44} {got}")
assert list(results.values()) == [0, 1, 1, 1], results
print("its name in the results:", of_task.metric_name.split(" at ")[0] + "…")
assert "normalize_pred" in of_task.metric_name and "normalize_gold" in of_task.metric_name

doc = Doc(query="What is 3+4?", choices=[" 7"], gold_index=0)
metrics = {
    "pass_at_k": Metrics.pass_at_k(sample_params={"k": 1, "n": 1}),
    "maj_at_n": Metrics.maj_at_n(sample_params={"n": 1, "strip_strings": True}),
    "avg_at_n": Metrics.avg_at_n(sample_params={"n": 1, "strip_strings": True}),
}
one = {name: float(value(metric, doc, "7")) for name, metric in metrics.items()}
print("gold ' 7', one response '7':", one)
assert one == {"pass_at_k": 1.0, "maj_at_n": 1.0, "avg_at_n": 0.0}, one

ignored = Metrics.pass_at_k(sample_params={"k": 1, "n": 1, "strip_string": False})  # no such parameter
assert value(ignored, doc, "7") == 1
PY
