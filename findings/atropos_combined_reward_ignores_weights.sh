#!/usr/bin/env bash
# Atropos's CombinedReward gives every reward function the same weight, whatever the weights in its configuration;
# with normalization "sum" a larger weight for any of them makes all rewards smaller.
#
# Expected: a reward function's weight is its importance in a combination, as its documentation says: accuracy with
#     1.0 and format with 0.1 give 1.0, 1.1 and 0.1. "sum" divides the weighted sum by the sum of the weights.
# Instead: the weight is applied in a reward function's __call__, and the combination calls compute(), which knows
#     none. So a wrong answer in the right format gets what a right one without the format gets. "sum" divides that
#     unweighted sum by the weights' sum, with "minmax" they are nowhere at all. A weight of 0 does not turn a
#     function off, and a penalty that a negative weight is to make is a bonus. Each alone, outside a combination, has
#     its weight.
# Seen in: atroposlib 0.4.0, CombinedReward.compute of atroposlib.envs.reward_fns.combined_reward.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
# Without its dependencies (servers, engines, transformers): these reward functions need none.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps atroposlib==0.4.0
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

from atroposlib.envs.reward_fns import CombinedReward, RewardFunction, registry

print("atroposlib", version("atroposlib"))


@registry.register(name="answer")
class Answer(RewardFunction):
    def compute(self, completions, solution=None, **kwargs):
        return [float(self.get_content(completion).endswith(f"{solution}</answer>")) for completion in completions]


RESPONSES = {
    "right, right format": "<think>6 * 7</think><answer>42</answer>",
    "right, no tags": "It is 42</answer>",
    "wrong, right format": "<think>6 + 7</think><answer>13</answer>",
    "wrong, no tags": "It is 13",
}


def functions(answer, style):
    """Configurations as in an environment's YAML."""
    return [
        {"type": "answer", "weight": answer},
        {"type": "format", "weight": style, "params": {"require_all_tags": True}},
    ]


def combined(answer, style, **options):
    reward = CombinedReward(functions(answer, style), **options)
    assert [function.weight for function in reward.reward_functions] == [answer, style]
    return [round(value, 3) for value in reward(list(RESPONSES.values()), solution=42)]


def weighted(answer, style):
    """The sum of what the same functions give when they are called on their own."""
    parts = [registry.create(config)(list(RESPONSES.values()), solution=42) for config in functions(answer, style)]
    return [round(sum(values), 3) for values in zip(*parts, strict=True)]


print(*RESPONSES, sep="; ")
plain = combined(1.0, 1.0)
for weights in (1.0, 1.0), (1.0, 0.1), (1.0, 0.0), (1.0, -0.5):
    meant, got = weighted(*weights), combined(*weights)
    print(f"weights {weights}: called one by one {meant}, combined {got}")
    assert got == plain == [2.0, 1.0, 1.0, 0.0] and (meant == got) == (weights == (1.0, 1.0))
for weights in (1.0, 1.0), (3.0, 1.0), (1.0, 3.0):
    meant = [round(value / sum(weights), 3) for value in weighted(*weights)]
    got = combined(*weights, normalization="sum")
    print(f"weights {weights}, normalization sum: called one by one {meant}, combined {got}")
    assert got == [round(value / sum(weights), 3) for value in plain]
assert combined(3.0, 1.0, normalization="sum") == combined(1.0, 3.0, normalization="sum") == [0.5, 0.25, 0.25, 0.0]
extremes = {weights: combined(*weights, normalization="minmax") for weights in ((1.0, 1.0), (9.0, 1.0))}
print("normalization minmax:", extremes)
assert set(map(tuple, extremes.values())) == {(1.0, 0.5, 0.5, 0.0)}
PY
