#!/usr/bin/env bash
# The grader of PRM800K, as tinker-cookbook and verl have it, reads \frac{3+\sqrt{5}}{2} as 3 + sqrt(5)/2 and
# \frac{1}{2\pi} as pi/2: a fraction's parentheses are lost before SymPy sees it.
#
# Expected: SymPy compares the two expressions, so an answer is right if it is equal, however it is written.
# Instead: LaTeX becomes plain text first, \frac{A}{B} A/B and \sqrt[3]{A} sqrt(A), and braces go. So of a sum above
#     the line only the last term is divided, a product below it multiplies, and \binom{5}{2} is 52. The usual slips
#     are then right, as the texts agree, and the true value in another order is wrong.
#     About 40 of the 8,523 answers of LIMR's problems have a sum above or below a line.
# Seen in: tinker-cookbook 0.6.1, tinker_cookbook.recipes.math_rl.math_grading, grade_answer (MathEnv's default), and
#     verl 0.9.1, verl.utils.reward_score.prime_math (data sources numina_*; what it refuses goes to a second grader);
#     pylatexenc 2.11, sympy 1.14.0.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check pylatexenc==2.11 sympy==1.14.0
# Without their dependencies (torch, Ray): the two graders need these two packages only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps tinker-cookbook==0.6.1 verl==0.9.1
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import sys
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from sysconfig import get_path
from types import ModuleType

for package in ("tinker-cookbook", "verl", "pylatexenc", "sympy"):
    print(package, version(package))


def load(name, file):
    spec = spec_from_file_location(name, Path(get_path("purelib"), file))
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


grade = load("math_grading", "tinker_cookbook/recipes/math_rl/math_grading.py").grade_answer
# verl's other modules import torch; prime_math needs their limit of time alone, here without one.
sys.modules |= {name: ModuleType(name) for name in ("verl", "verl.utils", "verl.utils.py_functional")}
sys.modules["verl.utils.py_functional"].timeout_limit = lambda seconds: lambda function: function
score = load("prime_math", "verl/utils/reward_score/prime_math/__init__.py").compute_score

WRONG = [  # gold, answer
    (r"\frac{3+\sqrt{5}}{2}", r"3+\frac{\sqrt{5}}{2}"),
    (r"\frac{x+1}{2}", r"x+\frac{1}{2}"),
    (r"\frac{1}{x+1}", r"\frac{1}{x}+1"),
    (r"\frac{1}{2\pi}", r"\frac{\pi}{2}"),
    (r"\frac{2}{3\sqrt{3}}", r"\frac{2\sqrt{3}}{3}"),
    (r"\sqrt[3]{4}", r"\sqrt{4}"),
    (r"\binom{5}{2}", "52"),
]
RIGHT = [
    (r"\frac{3+\sqrt{5}}{2}", r"\frac{\sqrt{5}+3}{2}"),
    (r"\frac{x+1}{2}", r"\frac{1+x}{2}"),
    (r"\frac{x+1}{2}", "(x+1)/2"),
    (r"1-\frac{\pi}{4}", r"\frac{4-\pi}{4}"),
    (r"\frac{1}{2\pi}", r"\frac{1}{2}\cdot\frac{1}{\pi}"),
]
CONTROL = [(r"3\sqrt{2}+1", r"1+3\sqrt{2}", True), (r"\frac{x+1}{2}", r"x+\frac{1}{3}", False)]
print("wrong answers:                                                     tinker-cookbook  verl")
for gold, answer in WRONG:
    got = grade(answer, gold), bool(score(rf"So it is $\boxed{{{answer}}}$", gold)[0])
    print(f"    gold {gold:22} answer {answer:29} {got[0]!s:16} {got[1]}")
    assert got == (True, True), (gold, answer, got)
print("right answers:")
for gold, answer in RIGHT:
    got = grade(answer, gold)
    print(f"    gold {gold:22} answer {answer:29} {got}")
    assert got is False, (gold, answer, got)
for gold, answer, expected in CONTROL:
    assert grade(answer, gold) is expected, (gold, answer)
PY
