#!/usr/bin/env bash
# verl and tinker-cookbook grade a program right that prints -100001 where -100000 is asked for, and a function right
# that returns the first element of the list; right programs with a global variable, sys.stdin.buffer or exit() fail.
#
# Expected: integers are compared exactly, real numbers within a tolerance; a program is run as it stands.
# Instead: an output line is an integer where str.isdigit() says so, and that is false of "-5". Where any line of the
#     output is no such integer, all lines are compared as floats within a relative 1e-5: one -1 among them is enough
#     for 123456790 to pass as 123456789. A function's result may equal the expected list or its first element, and
#     its floats must be equal to the last bit. The program becomes the body of a function: its variables are local,
#     and a function inside with "global" does not find them. Its stdin has no buffer, and exit is None.
# Seen in: verl 0.9.1, verl.utils.reward_score.prime_code (the reward of codecontests, apps, codeforces and taco where
#     no sandbox is set), and tinker-cookbook 0.6.1, tinker_cookbook.recipes.code_rl.lcb_utils (run in its sandbox).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
# Without their dependencies (torch): the graders need numpy only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    verl==0.9.1 tinker_cookbook==0.6.1 numpy==2.4.6
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
import json
import subprocess
import sys
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from sysconfig import get_path

print(*(f"{name} {version(name)}" for name in ("verl", "tinker_cookbook")))
packages = Path(get_path("purelib"))
folder = packages / "verl/utils/reward_score/prime_code"  # as a package of its own: verl itself imports torch
spec = spec_from_file_location("prime_code", folder / "__init__.py", submodule_search_locations=[str(folder)])
prime_code = sys.modules["prime_code"] = module_from_spec(spec)
spec.loader.exec_module(prime_code)
tinker = {}  # the two texts that tinker-cookbook sends to its sandbox
for node in ast.parse((packages / "tinker_cookbook/recipes/code_rl/lcb_utils.py").read_text()).body:
    if isinstance(node, ast.Assign) and node.targets[0].id.startswith("TEST_"):
        tinker[node.targets[0].id] = ast.literal_eval(node.value)


def rewards(program, tests):
    """What verl and tinker-cookbook give for the program."""
    response = f"```python\n{program}\n```"
    of_verl, _ = prime_code.compute_score(response, json.loads(json.dumps(tests)), continuous=True)
    box = Path("sandbox")
    box.mkdir(exist_ok=True)
    files = {
        "test_cases.txt": json.dumps({"input_output": json.dumps(tests)}),
        "code.py": program,
        "testing_util.py": tinker["TEST_UTIL"],
        "run.py": tinker["TEST_CODE"] % {"timeout": 6},
    }
    for name, text in files.items():
        (box / name).write_text(text)
    passed = subprocess.run([sys.executable, "run.py"], cwd=box, stdout=subprocess.DEVNULL).returncode == 0
    return float(of_verl), float(passed)


def printed(expected):
    return {"inputs": ["1"], "outputs": [expected]}


total = {"inputs": ["3\n10 20 30"], "outputs": ["60"]}
pair = {"fn_name": "pair", "inputs": ["[2, 7, 9]\n11"], "outputs": ["[0, 2]"]}
third = {"fn_name": "third", "inputs": ["0.3"], "outputs": ["0.1"]}
plain = "n = int(input())\nprint(sum(map(int, input().split())))"
buffer = "import sys\nnumbers = sys.stdin.buffer.read().split()\nprint(sum(map(int, numbers[1:])))"
count = """
calls = 0


def down(n):
    global calls
    calls += 1
    if n:
        down(n - 1)


down(int(input()))
print(calls)
"""
leave = "n = int(input())\nprint(n + 1)\nexit()"
CASES = [  # what is asked of the program, the program, its tests, the reward
    ("print 100000: prints 100001", "print(100001)", printed("100000"), 0),
    ("print -100000: prints -100001", "print(-100001)", printed("-100000"), 1),
    ("print 123456789: prints 123456790", "print(123456790)", printed("123456789"), 0),
    ("print 123456789, -1: prints 123456790, -1", "print(123456790)\nprint(-1)", printed("123456789\n-1"), 1),
    ("return [0, 2]: returns [0, 2]", "def pair(xs, total):\n    return [0, 2]", pair, 1),
    ("return [0, 2]: returns [0, 1]", "def pair(xs, total):\n    return [0, 1]", pair, 0),
    ("return [0, 2]: returns 0", "def pair(xs, total):\n    return 0", pair, 1),
    ("return a third of 0.3: x / 3", "def third(x):\n    return x / 3", third, 0),
    ("sum: input()", plain, total, 1),
    ("sum: sys.stdin.buffer", buffer, total, 0),
    ("number of calls: a global counter", count, {"inputs": ["3"], "outputs": ["4"]}, 0),
    ("add 1: exit() at the end", leave, {"inputs": ["3"], "outputs": ["4"]}, 0),
]
print(f"{'':44} verl  tinker-cookbook")
for asked, program, tests, expected in CASES:
    got = rewards(program, tests)
    print(f"{asked:44} {got[0]:4}  {got[1]}")
    assert got == (expected, expected), (asked, got)
PY
