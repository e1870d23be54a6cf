#!/usr/bin/env bash
# ms-swift's cosine reward for length turns back beyond its maximum: a right response of twice the maximal length gets
# as much as an empty one, and a wrong one as little.
#
# Expected: the schedule ends at cosine_max_len: what is longer gets the value for the longest, as in TRL's
#     get_cosine_scaled_reward, or less.
# Instead: the cosine goes on. With cosine_max_len below max_completion_length, as for a budget that is to be learnt,
#     the longest right responses are rewarded above those that just miss it. In a run of several turns the default is
#     enough: cosine_max_len is then max_completion_length, which limits a turn, while the length is the sum of turns.
# Seen in: ms-swift 4.6.0, swift.rewards.orm, CosineReward (reward function "cosine").
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
# Without its dependencies (torch): the class needs the standard library only.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps ms-swift==4.6.0
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
import ast
from importlib.metadata import version
from pathlib import Path
from sysconfig import get_path
from types import SimpleNamespace
from typing import List, Optional, Union

print("ms-swift", version("ms-swift"))
# The module imports the inference engine; its classes ORM and CosineReward are run from its own text.
package = Path(get_path("purelib"), "swift")
classes = [
    node
    for node in ast.parse((package / "rewards/orm.py").read_text()).body
    if isinstance(node, ast.ClassDef) and node.name in ("ORM", "CosineReward")
]
space = {"List": List, "Optional": Optional, "Union": Union}
exec(compile(ast.Module(classes, []), "orm.py", "exec"), space)

# Its default values, read from its own arguments; the maximum is given.
arguments = ast.parse((package / "rlhf_trainers/args_mixin.py").read_text())
defaults = {
    node.target.id: ast.literal_eval(node.value)
    for node in ast.walk(arguments)
    if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "").startswith("cosine_")
}
args = SimpleNamespace(**defaults | {"cosine_max_len": 1000})
cosine = space["CosineReward"](args, accuracy_orm=lambda completions, solution, **_: solution)


def reward(right, *turns):
    tokens = [[0] * turn for turn in turns] if len(turns) > 1 else [0] * turns[0]
    return round(cosine([""], [float(right)], response_token_ids=[tokens])[0], 4)


print("cosine_max_len 1000   right  wrong")
CASES = [(0, 1.0, -0.5), (500, 0.75, -0.25), (1000, 0.5, 0.0), (1500, 0.75, -0.25), (2000, 1.0, -0.5)]
for tokens, right, wrong in CASES:
    got = reward(True, tokens), reward(False, tokens)
    print(f"{tokens:5} tokens          {got[0]:5}  {got[1]:5}")
    assert got == (right, wrong), (tokens, got)
turns = reward(True, 900, 800), reward(True, 500, 400)
print(f"right in two turns: 900 + 800 tokens {turns[0]}, 500 + 400 tokens {turns[1]}")
assert turns[0] > 0.85 and turns[1] < 0.55, turns
PY
