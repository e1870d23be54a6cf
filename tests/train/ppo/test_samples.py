"""Order of prompts, whole batches, rows of the log: the parts of the trainer that need no Ray."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest
import torch

from lim.utils.errors import InputError
from train.ppo import samples


class Prompts(list):
    @staticmethod
    def collate_fn(items):
        return items


def orders(seed: int, count: int, epochs: int) -> list[list[int]]:
    order = samples.EpochOrder(Prompts(range(count)), seed)
    return [[item for (item,) in order] for _ in range(epochs)]


def test_every_epoch_has_each_prompt_once_in_an_order_of_its_own():
    first, second = orders(1, 50, 2)
    assert sorted(first) == sorted(second) == list(range(50))
    assert first != second != list(range(50))


def test_order_follows_the_seed():
    assert orders(1, 50, 2) == orders(1, 50, 2)
    assert orders(1, 50, 1) != orders(2, 50, 1)


@pytest.mark.parametrize("taken", [0, 1, 7, 19, 20, 21, 27, 40])
def test_a_resumed_order_goes_on_where_it_was(taken):
    def stream(order):
        while True:
            yield from (item for (item,) in order)

    order = samples.EpochOrder(Prompts(range(20)), 3)
    whole = stream(order)
    for _ in range(taken):
        next(whole)
    again = samples.EpochOrder(Prompts(range(20)), 3)
    again.load_state_dict(json.loads(json.dumps(order.state_dict())))
    resumed = stream(again)
    assert [next(whole) for _ in range(45)] == [next(resumed) for _ in range(45)]


def test_a_finished_epoch_counts_as_the_start_of_the_next():
    order = samples.EpochOrder(Prompts(range(4)), 0)
    walk = iter(order)
    for _ in range(4):
        next(walk)
    assert order.state_dict() == {"epoch": 1, "position": 0}
    assert next(walk, None) is None
    assert order.state_dict() == {"epoch": 1, "position": 0}


@pytest.mark.parametrize(
    ("count", "multiple", "group", "kept"), [(512, 128, 4, 512), (176, 128, 4, 128), (100, 128, 4, 0), (36, 6, 4, 36)]
)
def test_complete_batches_keeps_complete_groups(count, multiple, group, kept):
    rollout = list(range(count))
    chosen = samples.complete_batches(rollout, multiple, group, "seed")
    assert len(chosen) == kept
    assert all(chosen[place] // group == chosen[place - place % group] // group for place in range(kept))
    assert chosen == sorted(set(chosen))


def test_complete_batches_does_not_favour_the_prompts_that_finish_first():
    rollouts = [samples.complete_batches(list(range(40)), 20, 4, str(seed)) for seed in range(40)]
    seen = {sample // 4 for rollout in rollouts for sample in rollout}
    assert seen == set(range(10))


def sample(
    name: str, reward: float | None, verdict: int | None, tokens: list[int], prompt_tokens: int = 2, reason: int = -1
):
    sequence = [1] * prompt_tokens + tokens
    mask = [0] * (prompt_tokens - 1) + [1] * len(tokens)
    codes = {} if verdict is None else {"verdict": verdict, "reason": reason}
    info = {name: torch.tensor([float(code)]) for name, code in codes.items()}
    return SimpleNamespace(
        labels=[json.dumps({"id": name, "answer": "7"})],
        rewards=None if reward is None else torch.tensor([reward]),
        info=info,
        sequences=torch.tensor([sequence]),
        action_mask=torch.tensor([mask]),
        response_length=torch.tensor([len(tokens)]),
    )


ROLLOUT = [
    sample("b", 1.0, 0, [7, 8]),
    sample("b", -0.5, 1, [9]),
    sample("a", -1.0, 2, [5, 6, 7], reason=1),
    sample("a", 1.0, 0, [8]),
]


def columns(**changes):
    settings = {
        "epoch": 2,
        "step": 5,
        "ends": ("<|endoftext|>", "<|im_end|>"),
        "decode": lambda rows: [rf"{row[0]} \boxed{{{row[-1]}}}" for row in rows],
        "with_responses": True,
    }
    return samples.columns(ROLLOUT, **{**settings, **changes})


def test_columns_of_the_log():
    assert columns() == {
        "prompt_id": ["b", "b", "a", "a"],
        "epoch": [2] * 4,
        "step": [5] * 4,
        "sample": [0, 1, 0, 1],
        "reward": [1.0, -0.5, -1.0, 1.0],
        "verdict": ["correct", "incorrect", "no_answer", "correct"],
        "reason": [None, None, "no_box", None],
        "answer": ["8", "9", "7", "8"],
        "response_tokens": [2, 1, 3, 1],
        "score": [None] * 4,
        "verifier": [None] * 4,
        "response": [r"7 \boxed{8}", r"9 \boxed{9}", r"5 \boxed{7}", r"8 \boxed{8}"],
    }
    assert "response" not in columns(with_responses=False)


def test_a_reward_without_verdicts_is_logged_without():
    rollout = [sample("a", 0.25, None, [5])]
    row = samples.columns(rollout, epoch=1, step=1, ends=(), decode=lambda rows: ["x"], with_responses=True)
    assert row["verdict"] == row["reason"] == [None]
    assert samples.summary(rollout, ())["verdict/correct"] == 0.0


def test_summary():
    facts = samples.summary(ROLLOUT, ())
    assert facts["reward"] == pytest.approx(0.125)
    assert facts["response_tokens"] == pytest.approx(1.75)
    assert facts["verdict/correct"] == pytest.approx(0.5)
    assert facts["verdict/incorrect"] == facts["verdict/no_answer"] == pytest.approx(0.25)
    assert {name: share for name, share in facts.items() if name.startswith("reason/")} == {"reason/no_box": 0.25}


def test_how_often_each_end_occurs():
    ended = [sample("a", 1.0, 0, [5]) for _ in range(4)]
    for row, code in zip(ended, (0, 1, 1, -1), strict=True):
        row.info["end"] = torch.tensor([float(code)])
    facts = samples.summary(ended, ("<|endoftext|>", "<|im_end|>"))
    assert {name: share for name, share in facts.items() if name.startswith("end/")} == {
        "end/endoftext": 0.25,
        "end/im_end": 0.5,
        "end/none": 0.25,
    }


def test_a_response_that_ended_elsewhere_than_at_eos_says_so_where_nothing_else_is_said():
    ends = ("</s>", "<|im_end|>", "<|eot_id|>")
    rollout = [sample("a", -0.5, verdict, [5]) for verdict in (0, 0, 1, 3, 4)]
    for row, end, reason in zip(rollout, (0, 1, 2, 1, -1), (-1, -1, -1, 4, 0), strict=True):
        row.info |= {"end": torch.tensor([float(end)]), "reason": torch.tensor([float(reason)])}
    row = samples.columns(rollout, epoch=1, step=1, ends=ends, decode=lambda rows: ["x"] * 5, with_responses=False)
    assert row["reason"] == [None, "ended with <|im_end|>", "ended with <|eot_id|>", "many_boxes", "cut_off"]
    assert row["verdict"] == ["correct", "correct", "incorrect", "malformed", "truncated"]


def test_a_sample_without_reward_is_refused_by_its_prompt():
    samples.check_rewards(ROLLOUT)
    with pytest.raises(InputError, match="failed on 1 of 5 samples, the first of prompt c"):
        samples.check_rewards([*ROLLOUT, sample("c", None, None, [1])])


def test_writer_writes_in_the_background_and_in_order(tmp_path):
    writer = samples.StepWriter(tmp_path)
    release = threading.Event()

    def slow():
        release.wait(10)
        return columns()

    writer.submit(5, slow)
    assert not list(tmp_path.glob("*.parquet"))
    release.set()
    writer.wait()
    written = pq.read_table(tmp_path / "step_5.parquet")
    assert written["reason"].to_pylist() == [None, None, "no_box", None]


def test_writer_raises_what_went_wrong_at_the_next_call(tmp_path):
    writer = samples.StepWriter(tmp_path)
    writer.submit(5, lambda: {**columns(), "verdict": ["maybe"] * 4})
    with pytest.raises(InputError, match="unknown verdicts"):
        writer.submit(6, columns)
    writer.wait()


def test_a_loss_that_is_not_finite_ends_the_run():
    samples.check_losses({"policy_loss": 0.1, "critic_loss": 2.0, "actor_lr": 0.0}, 3)
    samples.check_losses({"policy_loss": 0.1}, 3)
    with pytest.raises(InputError, match="step 4: policy_loss and critic_loss not finite"):
        samples.check_losses({"policy_loss": float("nan"), "critic_loss": float("inf")}, 4)
