#!/usr/bin/env bash
# Math-Verify takes a number for right in any base, to any modulus, with any unit and with any word after it.
#
# Expected: what it cannot compare it refuses: a base or a modulus that differs makes another number or class.
# Instead: the subscript that names a base is dropped (so is the difference to the same digits in base ten); of a
#     congruence one number is left: the residue where the modulus has braces, the modulus where it has none; words
#     behind a variable are dropped as a unit, "is even" and "is odd" included.
#     51 of the 8,523 answers of LIMR's problems (MATH, levels 3 to 5) are digits with a base.
# Seen in: math-verify 0.9.0 with latex2sympy2_extended 1.11.0, math_verify.parser and math_verify.grader.
#     inspect-ai 0.3.285's scorer math() reads with the same parser and agrees on bases, units and words.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    "math-verify[antlr4_13_2]==0.9.0" latex2sympy2_extended==1.11.0 sympy==1.14.0 inspect-ai==0.3.285
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import asyncio
from importlib.metadata import version

from inspect_ai.model import ModelOutput
from inspect_ai.scorer import Target, math
from inspect_ai.solver import TaskState
from math_verify import parse, verify

for package in ("math-verify", "latex2sympy2_extended", "sympy", "inspect-ai"):
    print(package, version(package))

CASES = [  # gold, answer, Math-Verify's verdict, inspect-ai's
    ("1234_{5}", "1234_{6}", True, True),
    ("1011_{2}", "1011", True, True),
    ("1011_{2}", "11", False, False),  # its value is refused
    (r"n \equiv 1 \pmod{4}", r"n \equiv 1 \pmod{3}", True, False),
    (r"n \equiv 1 \pmod 4", r"n \equiv 3 \pmod 4", True, False),
    (r"n \equiv 1 \pmod{4}", r"n \equiv 3 \pmod{4}", False, False),
    (r"n\text{ is even}", r"n\text{ is odd}", True, True),
    (r"n \ge 3\text{ odd}", r"n \ge 3", True, True),
    (r"12\text{ cm}", r"12\text{ m}", True, True),
    ("1234_{5}", "1235_{5}", False, False),
]


async def inspect(gold, answer):
    output = ModelOutput.from_content("m", rf"so \boxed{{{answer}}}")
    state = TaskState(model="m", sample_id=1, epoch=1, input="q", messages=[], output=output)
    return (await math()(state, Target(f"${gold}$"))).value == "C"


async def main():
    for gold, answer, *expected in CASES:
        parsed = parse(f"${gold}$"), parse(rf"\boxed{{{answer}}}")
        got = [verify(*parsed), await inspect(gold, answer)]
        print(f"{gold:22} {answer:22} {got!s:14} read as {parsed[0][0]}, {parsed[1][0]}")
        assert got == expected, (gold, answer, got)


asyncio.run(main())
PY
