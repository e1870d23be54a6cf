#!/usr/bin/env bash
# OpenCompass's GSM8K reads an answer of 1,080 as 80, and its postprocessors for MATH read 3.75 as 3 where there is no
# box: right answers get 0, wrong ones full marks.
#
# Expected: "The answer is 1,080" is 1080; the reference solutions have their commas removed for that very comparison.
# Instead: of a response the last digits without a comma are taken: 080, which is right where 80 is. For MATH it is
#     split at full stops, decimal points included, and the first piece with "final answer" (v2: or "answer is") is
#     the answer; v2 looks for \boxed before that. 177 of the 8,523 answers of LIMR's problems have a decimal point.
# Seen in: opencompass 0.5.4, opencompass.datasets.gsm8k, gsm8k_postprocess and Gsm8kEvaluator (gsm8k_gen, the default
#     configuration, and most others), and opencompass.datasets.math, math_postprocess and math_postprocess_v2.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
# Without its dependencies (torch): these functions need the standard library only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps opencompass==0.5.4
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
import re
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path

print("opencompass", version("opencompass"))
package = Path(get_path("purelib"), "opencompass")


class BaseEvaluator:
    def __init__(self, pred_postprocessor=None):
        pass


space = {"re": re, "BaseEvaluator": BaseEvaluator}


def run(file, *names):
    """Run the named definitions from the module's own text, without the decorators that register them."""
    found = [node for node in ast.parse((package / file).read_text()).body if getattr(node, "name", "") in names]
    for node in found:
        node.decorator_list = []
    exec(compile(ast.Module(found, []), file, "exec"), space)
    return [space[name] for name in names]


configurations = package / "configs/datasets/gsm8k"
assert "gsm8k_gen_1d7fe4 import" in (configurations / "gsm8k_gen.py").read_text()
default = (configurations / "gsm8k_gen_1d7fe4.py").read_text()
for used in ("evaluator=dict(type=Gsm8kEvaluator)", "type=gsm8k_postprocess)", "type=gsm8k_dataset_postprocess)"):
    assert used in default, used
response_to, reference_to, Evaluator = run(
    "datasets/gsm8k.py", "gsm8k_postprocess", "gsm8k_dataset_postprocess", "Gsm8kEvaluator"
)
print("GSM8K:")
CASES = [  # reference solution, response, whether it counts
    ("12 x 90 = 1080\n#### 1,080", "So it is 12 x 90 = 1080.\nThe answer is 1080", True),
    ("12 x 90 = 1080\n#### 1,080", "So it is 12 x 90 = 1080.\nThe answer is 1,080", False),
    ("12 x 90 = 1080\n#### 1,080", "So it is 12 x 90 = 1080.\nThe answer is $1,080.00", False),
    ("8 x 10 = 80\n#### 80", "So it is 12 x 90 = 1080.\nThe answer is 1,080", True),
    ("4 - 4 = 0\n#### 0", "So it is 4000.\nThe answer is 4,000", True),
]
for solution, response, expected in CASES:
    answer, gold = response_to(response), reference_to(solution)
    counts = Evaluator().score([answer], [gold])["accuracy"] == 100
    print(f"    gold {gold:5} response {response.splitlines()[-1]:24} read as {answer:6} {counts}")
    assert counts is expected, (solution, response)

v1, v2, _, _, _, MathEvaluator = run(
    "datasets/math.py",
    "math_postprocess",
    "math_postprocess_v2",
    "normalize_final_answer",
    "extract_boxed_answer",
    "last_boxed_only_string",
    "MATHEvaluator",
)
print("MATH:")
for number, read in ((r"\frac{15}{4}", r"\frac{15}{4}"), ("3.75", "3")):
    response = f"Final Answer: The final answer is ${number}$. I hope it is correct."
    answers = v1(response), v2(response)
    is_right = {gold: MathEvaluator(version="v2").is_equiv(answers[1], gold) for gold in (number, "3")}
    print(f"    {response:72} read as {answers[0]:12} right for the gold {is_right}")
    assert answers == (read, read), (response, answers)
    assert list(is_right.values()) == [read == number, read == "3"], is_right
PY
