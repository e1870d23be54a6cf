#!/usr/bin/env bash
# reasoning-gym's curriculum: the first "increment" of a task's difficulty changes nothing at all in a third of the
# tasks, and "increment" and then "decrement" leaves a task easier than it was at the beginning.
#
# Expected: update_difficulty(task, "increment") raises the task to the next level, with the ranges that a new
#     experiment has that is created at that level with the same context; "decrement" takes it back.
# Instead: where a range is to be an interval of two values (ensure_interval) an experiment is created with the upper
#     end one level above, and any range has the lower end that the context says. An update writes the upper ends
#     only, each as the value of the level itself, and asks no context. So the first increment writes what is there
#     already, a second one brings what the first should have, and a decrement to the first level leaves one value of
#     the range. The curriculum's levels, by which further updates go, rise all the same. And with the contexts
#     "upper_bound" and "last_k" the lower end stays where it was: the easy questions that they are to leave out come
#     for ever.
# Seen in: reasoning-gym 0.1.25, reasoning_gym.coaching: CurriculumExperiment.update_difficulty (experiment),
#     BaseCurriculum.get_global_level and DefaultCurriculumContext (base_curriculum).
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check reasoning-gym==0.1.25 sympy==1.14.0 pyyaml==6.0.4 \
    numpy==2.4.6 zss==1.2.0 pytz==2026.6
cd "$dir"
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

from reasoning_gym.coaching.base_curriculum import DefaultCurriculumContext, RangeAttributeMode
from reasoning_gym.coaching.curriculum_config import CurriculumAttributeConfig, CurriculumExperimentConfig
from reasoning_gym.coaching.experiment import CurriculumExperiment
from reasoning_gym.factory import CURRICULA

print("reasoning-gym", version("reasoning-gym"))


def experiment(task, level, mode=RangeAttributeMode.INCLUSIVE):
    config = CurriculumExperimentConfig(curricula={task: CurriculumAttributeConfig(attribute_levels={"*": level})})
    return CurriculumExperiment("run", config, size=200, context=DefaultCurriculumContext(mode=mode), seed=1)


def settings(run, task):
    config = vars(run.composite.datasets[task].config)
    return {key: value for key, value in config.items() if key not in ("seed", "size")}


# One task: sudoku, whose difficulty is the number of empty cells.
task = "sudoku"
run = experiment(task, 0)
before = settings(run, task)
trace = {"created": (0, before)}
for method in ("increment", "decrement"):
    run.update_difficulty(task, method)
    trace[method] = (run.curricula[task].get_attr_level("empty"), settings(run, task))
for name, (level, config) in trace.items():
    print(f"sudoku, {name:9}: level {level}, empty cells {config['min_empty']} to {config['max_empty']}")
meant = settings(experiment(task, 1), task)
print(f"sudoku created at level 1:   empty cells {meant['min_empty']} to {meant['max_empty']}")
assert [level for level, _ in trace.values()] == [0, 1, 0]
assert trace["increment"][1] == before != meant
assert trace["decrement"][1]["max_empty"] < before["max_empty"]

# All tasks: the first increment, and one back. Some curricula refuse an update: those errors are seen, not counted.
REFUSALS = AssertionError, AttributeError, ValueError
tasks, without, shrunk, refused, frozen = 0, [], [], [], []
for task in sorted(CURRICULA):
    try:
        run, upper = experiment(task, 0), experiment(task, 0, RangeAttributeMode.UPPER_BOUND)
        before = settings(run, task)
        run.update_difficulty(task, "increment")
        upper.update_difficulty(task, "increment")
        meant = settings(experiment(task, 1, RangeAttributeMode.UPPER_BOUND), task)
    except REFUSALS:
        continue
    tasks += 1
    now = settings(upper, task)
    frozen += [task] * any(key.startswith("min_") and now[key] < meant[key] for key in now)
    if settings(run, task) == before:
        without.append(task)
        try:
            run.update_difficulty(task, "decrement")
        except REFUSALS:
            refused.append(task)
            continue
        now = settings(run, task)
        shrunk += [task] * any(key.startswith("max_") and now[key] < before[key] for key in now)
print(f"tasks whose curriculum takes an increment: {tasks}")
print(f"    unchanged by the first one: {len(without)} ({', '.join(without[:8])} ...)")
print(f"    of these, upper ends below the first ones after a decrement: {len(shrunk)}; refused: {len(refused)}")
print(f"    with upper_bound, lower ends below those of level 1: {len(frozen)} ({', '.join(frozen[:8])} ...)")
assert len(without) > tasks / 3 and len(shrunk) + len(refused) == len(without), (tasks, without, shrunk, refused)
assert len(shrunk) > len(refused) and len(frozen) > tasks / 2, (shrunk, refused, frozen)

# What context="upper_bound" is for: only the hardest level's questions.
task = "chain_sum"
run = experiment(task, 0, RangeAttributeMode.UPPER_BOUND)
for _ in range(4):
    run.update_difficulty(task, "increment")
level = run.curricula[task].get_attr_level("num_terms")


def terms(run):
    found = [run.get_dataset_entry(index)["metadata"]["num_terms"] for index in range(200)]
    return {number: found.count(number) for number in sorted(set(found))}


got, meant = terms(run), terms(experiment(task, level, RangeAttributeMode.UPPER_BOUND))
print(f"chain_sum, upper_bound, level {level} by four increments: questions by number of terms {got}")
print(f"chain_sum, upper_bound, created at level {level}:          questions by number of terms {meant}")
assert min(got) == 2 < min(meant) and level == 4, (got, meant)
PY
