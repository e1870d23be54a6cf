"""From OpenRLHF's rollout samples to the reward log: which are optimised, which row each becomes, in which order.

Nothing here imports torch, Ray or OpenRLHF; a sample is any object with OpenRLHF's `Experience` fields of one sample.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from eval.grader import Reason, Verdict
from eval.verifiers import MATH, answer_of
from lim.logs import reward_log
from lim.utils.errors import InputError

CODES = ("verdict", "reason", "end", "verifier_score")  # in a sample's info; OpenRLHF's means of them say nothing


class EpochOrder:
    """The prompts, in an order drawn from (seed, epoch); each `iter` goes through one epoch.

    Stands in for OpenRLHF's dataloader, whose shuffle is unseeded, and whose state after the last batch of an epoch
    would repeat that epoch on resume.
    """

    def __init__(self, dataset: Any, seed: int) -> None:
        self.dataset = dataset
        self.seed = seed
        self.rows: Sequence[int] = range(len(dataset))  # of the dataset, that an epoch goes over
        self.epoch = 0
        self.position = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Any]:
        order = list(self.rows)
        random.Random(f"{self.seed}/{self.epoch}").shuffle(order)
        while self.position < len(order):
            index = order[self.position]
            self.position += 1
            yield self.dataset.collate_fn([self.dataset[index]])
        self.epoch += 1
        self.position = 0

    def state_dict(self) -> dict[str, Any]:
        """Where the next step starts: 0-based epoch and position; a finished epoch counts as the next one's start."""
        if self.position == len(self.rows):
            return {"epoch": self.epoch + 1, "position": 0}
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.epoch, self.position = state["epoch"], state["position"]


def complete_batches(samples: Sequence[Any], multiple: int, group: int, seed: str) -> list[Any]:
    """As many samples as make a multiple of `multiple`, in complete groups of `group` (a prompt's samples).

    A partial train batch makes no optimiser step and leaves DeepSpeed's accumulation counter out of phase. Which
    prompts are skipped is drawn from `seed`: samples come in the order they finished, so cutting the tail would
    skip the long responses.
    """
    step = math.lcm(multiple, group)
    count = len(samples) // step * step
    if count == len(samples):
        return list(samples)
    prompts = len(samples) // group
    chosen = sorted(random.Random(seed).sample(range(prompts), count // group))
    return [sample for prompt in chosen for sample in samples[prompt * group : (prompt + 1) * group]]


def check_rewards(samples: Sequence[Any]) -> None:
    """Raise InputError where the reward function gave a sample no reward (OpenRLHF swallows its exceptions)."""
    missing = [sample for sample in samples if sample.rewards is None]
    if missing:
        raise InputError(
            f"the reward function failed on {len(missing)} of {len(samples)} samples, the first of prompt "
            f"{json.loads(missing[0].labels[0])['id']}"
        )


def check_losses(status: Mapping[str, Any], step: int) -> None:
    """Raise InputError where a loss is not finite: such steps leave the weights as they were, or spoil them."""
    bad = [name for name in ("policy_loss", "critic_loss") if not math.isfinite(status.get(name, 0.0))]
    if bad:
        raise InputError(
            f"step {step}: {' and '.join(bad)} not finite, so nothing is learned: the learning rate may be too "
            "high, or a part of a model was never initialised"
        )


def verdict_of(sample: Any) -> Verdict | None:
    """The verdict that the reward function gave the sample, or None where it gives none."""
    return Verdict.decode(sample.info["verdict"][0]) if "verdict" in sample.info else None


def reason_of(sample: Any) -> Reason | None:
    """The reason that the reward function gave for it, if any."""
    code = float(sample.info["reason"][0]) if "reason" in sample.info else -1.0
    return None if code < 0 else Reason.decode(code)


def score_of(sample: Any) -> float | None:
    """The score that a verifier gave the sample, if any."""
    code = float(sample.info["verifier_score"][0]) if "verifier_score" in sample.info else -1.0
    return None if code < 0 else code


def said_of(sample: Any, ends: Sequence[str]) -> str | None:
    """The log's reason: the reward function's, or else an end token that is not eos, the first of `ends`."""
    code = int(sample.info["end"][0]) if "end" in sample.info else 0
    return reason_of(sample) or (f"ended with {ends[code]}" if code > 0 else None)


def columns(
    samples: Sequence[Any],
    *,
    epoch: int,
    step: int,
    ends: Sequence[str],
    decode: Callable[[list[list[int]]], list[str]],
    with_responses: bool,
) -> dict[str, list[Any]]:
    """Columns of the reward log for one step's samples."""
    labels = [json.loads(sample.labels[0]) for sample in samples]
    ids = [str(label["id"]) for label in labels]
    verifiers = [label.get("verifier", MATH) for label in labels]
    judged = ["verifier_score" in sample.info for sample in samples]  # not by a reward function of one's own
    seen: Counter[str] = Counter()
    numbers = []
    for name in ids:
        numbers.append(seen[name])
        seen[name] += 1
    # The action mask starts at the second token: it marks the tokens that were predicted.
    responses = decode([sample.sequences[0][1:][sample.action_mask[0].bool()].tolist() for sample in samples])
    result: dict[str, list[Any]] = {
        "prompt_id": ids,
        "epoch": [epoch] * len(ids),
        "step": [step] * len(ids),
        "sample": numbers,
        "reward": [float(sample.rewards[0]) for sample in samples],
        "verdict": [verdict_of(sample) for sample in samples],
        "reason": [said_of(sample, ends) for sample in samples],
        "answer": [*map(answer_of, responses, verifiers)],
        "response_tokens": [int(sample.response_length[0]) for sample in samples],
        "score": [score_of(sample) for sample in samples],
        "verifier": [name if own else None for name, own in zip(verifiers, judged, strict=True)],
    }
    if with_responses:
        result["response"] = responses
    return result


def end_of(sample: Any, ends: Sequence[str]) -> str | None:
    """A response's end token without its brackets, `none` where it was cut off; None where no reward said so."""
    if "end" not in sample.info:
        return None
    code = int(sample.info["end"][0])
    return "none" if code < 0 else ends[code].strip("</|>[]")


def summary(samples: Sequence[Any], ends: Sequence[str]) -> dict[str, float]:
    """What a step's progress line shows: mean reward and length, shares of the verdicts, reasons and end tokens."""
    count = len(samples)
    verdicts = Counter(verdict_of(sample) for sample in samples)
    reasons = Counter(reason_of(sample) for sample in samples)
    ended = Counter(end_of(sample, ends) for sample in samples)
    return {
        "reward": sum(float(sample.rewards[0]) for sample in samples) / count,
        "response_tokens": sum(int(sample.response_length[0]) for sample in samples) / count,
        **{f"verdict/{name}": n / count for name in Verdict if (n := verdicts[name]) or name is Verdict.CORRECT},
        **{f"reason/{name}": n / count for name in Reason if (n := reasons[name])},
        **{f"end/{name}": n / count for name, n in sorted(ended.items(), key=str) if name},
    }


class StepWriter:
    """Writes the reward log in one background thread, so that no step waits for it.

    What goes wrong there is raised by the next `submit` or `wait`.
    """

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reward-log")
        self._pending: Future[Any] | None = None

    def submit(self, step: int, make: Callable[[], dict[str, list[Any]]]) -> None:
        """Write `make()` as this step's samples."""
        self.wait()
        self._pending = self._pool.submit(lambda: reward_log.write_step(self.run_dir, step, make()))

    def wait(self) -> None:
        """Return when everything submitted is on disk."""
        pending, self._pending = self._pending, None
        if pending is not None:
            pending.result()
