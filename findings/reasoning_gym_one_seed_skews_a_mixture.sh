#!/usr/bin/env bash
# reasoning-gym's composite data set, with its own seed given to the tasks too, chooses a task's questions by their
# difficulty: of two tasks chain_sum never has its longest sums, and letter_counting has twice as many long texts.
#
# Expected: which task comes at an index has nothing to do with what is asked there: of each task the mixture holds a
#     fair sample, as the task alone gives it. One seed for everything makes a run reproducible, no more.
# Instead: the composite draws the task at index i from Random(seed + i), and a task draws its question at index i
#     from Random(its seed + i). With equal seeds the question's first random number is the one that chose the task.
#     Many tasks draw their size first: the first task of the list gets the lower part of its range and the last one
#     more of the upper part; with four tasks the first has sums of two and three terms where it should have two to
#     six. Number and order of the tasks, and their weights, so change every task's difficulty. The numbers of
#     questions are right, the seeds that the composite gives by itself (seed + 1, + 2, ...) are too. And a curriculum
#     experiment seeds the choice of the tasks only: it passes seed=None on to them, and they draw seeds of their own,
#     so two experiments with one seed ask different questions.
# Seen in: reasoning-gym 0.1.25, CompositeDataset.__getitem__ (reasoning_gym.composite), __getitem__ of the tasks;
#     CurriculumExperiment (reasoning_gym.coaching.experiment).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check reasoning-gym==0.1.25 sympy==1.14.0 pyyaml==6.0.4 \
    numpy==2.4.6 zss==1.2.0 pytz==2026.6
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
from collections import Counter
from importlib.metadata import version

import reasoning_gym
from reasoning_gym.coaching.curriculum_config import CurriculumAttributeConfig, CurriculumExperimentConfig
from reasoning_gym.coaching.experiment import CurriculumExperiment
from reasoning_gym.composite import DatasetSpec

print("reasoning-gym", version("reasoning-gym"))
SIZES = {"chain_sum": "num_terms", "letter_counting": "span_length", "spell_backward": "word_len"}


def sizes(items, task):
    """Shares, in per cent, of the sizes of a task's questions."""
    found = Counter(item["metadata"][SIZES[task]] for item in items if item["metadata"]["source_dataset"] == task)
    return {size: round(100 * found[size] / found.total()) for size in sorted(found)}


def mixture(seeds, *tasks):
    specs = [DatasetSpec(name=task, weight=1, config=dict(seeds)) for task in tasks]
    return list(reasoning_gym.create_dataset("composite", size=4000, seed=42, datasets=specs))


ONE, OWN = {"seed": 42}, {}
alone = {task: sizes(reasoning_gym.create_dataset(task, size=4000, seed=42), task) for task in SIZES}
two = ["chain_sum", "letter_counting"]
others = ["leg_counting", "products", "gcd"]
results = {
    "alone, seed 42": alone["chain_sum"],
    "mixture of 2, seeds its own": sizes(mixture(OWN, *two), "chain_sum"),
    "mixture of 2, all seeds 42": sizes(mixture(ONE, *two), "chain_sum"),
    "the same, listed last": sizes(mixture(ONE, *two[::-1]), "chain_sum"),
    "first of 4, all seeds 42": sizes(mixture(ONE, "chain_sum", *others), "chain_sum"),
}
print("chain_sum, per cent of the questions by number of terms")
for name, shares in results.items():
    print(f"    {name:28} {shares}")
everything = [2, 3, 4, 5, 6]
fair, own, first, last, quarter = results.values()
for shares in fair, own:
    assert list(shares) == everything and max(shares.values()) < 24, shares
assert list(first) == [2, 3, 4, 5] and list(quarter) == [2, 3] and last[6] > 35, results

mixed = sizes(mixture(ONE, *two), "letter_counting")
letters = {"alone": alone["letter_counting"], "mixture of 2, all seeds 42": mixed}
print("letter_counting, per cent by number of words")
for name, shares in letters.items():
    print(f"    {name:28} {shares}")
long = [sum(share for size, share in shares.items() if size > 12) for shares in letters.values()]
print("    13 words and more:", *long)
assert long[0] < 32 and long[1] > 1.8 * long[0], long

share = Counter(item["metadata"]["source_dataset"] for item in mixture(ONE, *two))
print("the tasks' numbers of questions:", dict(share))
assert abs(share["chain_sum"] - 2000) < 100

config = CurriculumExperimentConfig(curricula={"chain_sum": CurriculumAttributeConfig(attribute_levels={"*": 0})})
runs = [CurriculumExperiment("run", config, size=100, seed=42) for _ in range(2)]
same = sum(runs[0].get_dataset_entry(i)["question"] == runs[1].get_dataset_entry(i)["question"] for i in range(100))
seeds = [run.composite.datasets["chain_sum"].seed for run in runs]
print("curriculum experiments with seed=42, twice: seeds of the task", *seeds)
print("    equal questions of 100:", same)
assert same < 20
PY
