"""run.select in a recipe and a plan: how many epochs and steps follow a choice, and what is refused."""

from __future__ import annotations

import math

import pytest

from lim.utils.errors import InputError
from train.recipe import plan, recipe
from train.recipe.choice import ChoiceConfig, Chosen, epochs_of, spans
from train.recipe.resolve import resolve


def make(select: str, *changes: str, name: str = "arithmetic-cpu", prompts: int = 512):
    resolved = resolve(recipe.load(name, [], [f"run.select={{{select}}}", *changes]))
    planned = plan.make_plan(resolved, prompts)
    return planned, dict(plan.rows(resolved, planned, None, {}))


def test_the_optimiser_steps_of_the_run_without_a_choice():
    # 8 epochs of 16 optimiser steps; 3 are made before the choice, and 85 prompts make 340 // 128 = 2 an epoch.
    planned, rows = make("after_epoch: 3, top_k: 85")
    assert (planned.epochs, planned.steps, planned.optimizer_steps) == (3 + 40, 12 + 40, 48 + 80)
    assert planned.scheduler_steps == 128 and planned.epochs_without_choice == 8
    assert planned.samples == (3 * 512 + 40 * 85) * 4
    assert rows["epochs"] == "3 on all prompts, then 40 on 85"
    assert rows["choice"] == "after epoch 3 (step 12): lim, top 85"
    assert rows["steps"] == "4 per epoch, 12 before the choice; 1 per epoch, 40 after it; 52 in all"
    assert rows["optimiser steps"].startswith("16 per epoch, 48 before the choice; 2 per epoch, 80 after it; 128 in")
    assert rows["samples"] == "128 prompts x 4 per step, 19,744 in all"


def test_whole_epochs_come_nearest():
    # 1,389 prompts make 43 optimiser steps an epoch; (21 − 3) x 256 = 4,608 are left: 107.2 epochs.
    planned, _ = make("after_epoch: 3, top_k: 1389", name="math.8k", prompts=8192)
    assert (planned.epochs, planned.optimizer_steps) == (110, 768 + 107 * 43)
    assert planned.scheduler_steps == planned.optimizer_steps


def test_a_number_of_epochs_after_the_choice():
    planned, rows = make("after_epoch: 2, every: 2, epochs: 5, strategy: random, num_prompts: 128, seed: 7")
    assert (planned.epochs, planned.optimizer_steps) == (7, 32 + 20)
    assert rows["choice"] == "after epoch 2 (step 8): random, drawn with seed 7; anew every 2 epochs"


def test_a_threshold_leaves_open_how_many_follow():
    planned, rows = make("after_epoch: 3, similarity_threshold: 0.7")
    assert (planned.epochs, planned.optimizer_steps, planned.scheduler_steps) == (8, 128, 128)
    assert rows["epochs"] == "3 on all prompts, then as many optimiser steps on the chosen"
    assert rows["steps"] == "4 per epoch, 12 before the choice; then by how many are chosen"
    assert "about 128 in all" in rows["optimiser steps"] and "about 16,384 in all" in rows["samples"]


def test_a_smaller_prompt_file_is_repeated_first():
    # 128 prompts make the 128 optimiser steps of FULL in 32 epochs; 4 come before the choice.
    planned, _ = make("after_epoch: 4, top_k: 64", prompts=128)
    assert (planned.epochs_without_choice, planned.epochs) == (32, 4 + 112 // 2)


@pytest.mark.parametrize("warmup", [0, 1, 10, 33])
def test_warmup_is_of_the_runs_optimiser_steps(warmup):
    planned, _ = make("after_epoch: 3, top_k: 85")
    assert math.ceil(planned.scheduler_steps * plan.warmup_ratio(planned, warmup)) == warmup


@pytest.mark.parametrize(
    ("select", "changes", "message"),
    [
        ("top_k: 9", [], "run.select.after_epoch is not set"),
        ("after_epoch: 0, top_k: 85", [], "run.select.after_epoch=0: expected a whole number of at least 1"),
        ("after_epoch: 3, top: 85", [], "run.select.top: unknown key; did you mean run.select.top_k?"),
        ("after_epoch: 3, format: verl", [], "run.select.format: unknown key"),
        ("after_epoch: 1", [], "run.select.after_epoch=1: lim compares epochs and needs at least two"),
        ("after_epoch: 8", [], "run.select.after_epoch=8: the run has 8 epochs, so nothing follows it"),
        ("after_epoch: 3, top_k: 513", [], "run.select.top_k=513: there are 512 prompts to choose from"),
        ("after_epoch: 3, top_k: 31", [], "run.select: 31 prompts x 4 samples are fewer than train.batch_size=128"),
        ("after_epoch: 3, strategy: lime", [], "run.select.strategy=lime: not one of lim"),
        ("after_epoch: 3, strategy: random", [], "run.select.strategy=random needs run.select.num_prompts"),
        ("after_epoch: 3, num_prompts: 9", [], "run.select.num_prompts is for run.select.strategy=random"),
        ("after_epoch: 3, max_samples: 5", [], "run.select.max_samples=5: a prompt has 4 samples in an epoch"),
        ("after_epoch: 3, allow: [all]", [], "run.select.allow: all is not one of max_reward, "),
        ("after_epoch: 3, min_epochs: 4", [], "run.select.min_epochs=4: the choice comes after epoch 3"),
        ("after_epoch: 3, top_k: 85, every: 2, missing: backfill", [], "prompts that left have no later epochs"),
        (
            "after_epoch: 3, top_k: 85",
            ["algo.dynamic_filtering_enable=true"],
            "the log lacks the rewards of what was",
        ),
        (
            "after_epoch: 3, epochs: 4",
            ["actor.lr_scheduler=cosine_with_min_lr"],
            "actor.lr_scheduler needs it; leave it out, give run.select.top_k",
        ),
    ],
)
def test_refused(select, changes, message):
    with pytest.raises(InputError) as caught:
        make(select, *changes)
    assert message in str(caught.value) and "--" not in str(caught.value)


def test_what_needs_no_log_may_choose_after_one_epoch_and_beside_a_filter():
    make("after_epoch: 1, strategy: uncertainty, top_k: 85")
    make("after_epoch: 1, strategy: random, num_prompts: 85", "algo.dynamic_filtering_enable=true")
    with pytest.raises(InputError, match="the log lacks the rewards"):
        make(
            "after_epoch: 1, strategy: random, num_prompts: 85, pass_rates: [0.1, 0.9]",
            "algo.dynamic_filtering_enable=true",
        )


def test_every_later_choice_divides_what_is_left():
    config = ChoiceConfig(after_epoch=2, every=2)
    steps_of = {100: 10, 50: 5, 20: 2, 80: 8}.__getitem__
    assert epochs_of(config, 100, 6, [], steps_of) == 6
    assert epochs_of(config, 100, 6, [Chosen(2, 50)], steps_of) == 2 + 8
    # 60 − 2 x 10 − 2 x 5 = 30 are left: 15 epochs of 20 prompts; and of these 26 after two: 3.25 of 80.
    assert epochs_of(config, 100, 6, [Chosen(2, 50), Chosen(4, 20)], steps_of) == 4 + 15
    assert epochs_of(config, 100, 6, [Chosen(2, 50), Chosen(4, 20), Chosen(6, 80)], steps_of) == 6 + 3
    assert spans(100, 19, [Chosen(2, 50), Chosen(4, 20)]) == [(100, 2), (50, 2), (20, 15)]
    assert [epoch for epoch in range(9) if config.due(epoch)] == [2, 4, 6, 8]
