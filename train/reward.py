r"""The rule-based reward of the paper (section 3.1), as OpenRLHF's `--reward.remote_url train/reward.py`.

     1    the answer in the last \boxed{} is the gold one; of another verifier than `math`: its score is 1
    -0.5  it is not, or could not be graded in time
    -1    the response is cut off, has no answer, has five boxes or more, is garbled or repeats itself
          (with `run.format_rules=lenient`: only the first two)

`run.rewards` sets other numbers, and `run.part_credit` gives a score between 0 and 1 its share of the way from
-0.5 to 1 (docs/verifiers.md).

OpenRLHF 0.11.2 calls `reward_func` for one sample at a time, from several threads of several processes. A query is
the decoded prompt and response with special tokens kept; a label is JSON `{"id", "answer"}`, with the record's
`verifier` and `metadata` where it is not `math`. OpenRLHF logs an
exception raised here and continues with a reward of None, which `train/ppo/samples.py: check_rewards` turns into the
end of the run. So that the reason is not lost among the logs of another node, the first error of a run is also
written, with its traceback, to the file that LIM_REWARD_ERROR_FILE names (optional; a trainer may poll for it).

eval/grader/verdict.py decides the verdict, train/run/environment.py declares the LIM_* variables read here.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

# OpenRLHF loads this file by its path, perhaps in a process that does not have the repository on its path.
if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)

from eval.engine import ends
from eval.grader import Graded
from eval.grader.verdict import Verdict, training_rule
from eval.verifiers import MATH, VERIFIERS, Item, Verifiers
from lim.utils.errors import InputError
from train.run import environment

NO_REASON = -1.0  # its code
NO_SCORE = -1.0  # the code of a sample that was given none
NO_END = -1.0  # the code of a response without end token
LEAST_OVERLAP = 16  # characters of a prompt, cut on the left, by which it is known again in its query


def reward_of(
    response: str,
    gold: str,
    finished: bool,
    *,
    format_rules: str = "release",
    verifier: str = MATH,
    metadata: Mapping[str, Any] | None = None,
) -> tuple[float, Graded]:
    """Reward and verdict of a response without its prompt and end token; `finished`: it reached its end token."""
    rule = partial(training_rule, finished=finished, lenient=format_rules == "lenient")
    graded = verifiers().grade([Item(response, gold, verifier, metadata or {})], rule=rule)[0]
    told = environment.read()
    rewards = environment.REWARDS | json.loads(told.rewards or "{}")
    return from_score(graded, rewards, part_credit=told.part_credit), graded


def from_score(graded: Graded, rewards: Mapping[str, float], *, part_credit: bool) -> float:
    """The reward of a verdict: one of three, or with `part_credit` the score's share from incorrect to correct."""
    if graded.verdict not in (Verdict.CORRECT, Verdict.INCORRECT, Verdict.TIMEOUT):
        return rewards["malformed"]
    if graded.verdict is Verdict.CORRECT:
        return rewards["correct"]
    share = (graded.score or 0.0) if part_credit else 0.0
    return rewards["incorrect"] + share * (rewards["correct"] - rewards["incorrect"])


@cache
def _verifiers(process: int) -> Verifiers:
    told = environment.read()
    own = json.loads(told.verifiers or "{}")
    found = Verifiers(own, workers=told.grader_workers, deadline=told.grader_deadline, where="LIM_VERIFIERS")
    atexit.register(found.close)
    return found


_starting = threading.Lock()


def verifiers() -> Verifiers:
    """This process's verifiers; their workers start when an answer first needs one."""
    with _starting:
        return _verifiers(os.getpid())


def end_tokens() -> tuple[str, ...]:
    """What ends a response: the model's end tokens where the run says them, else those of many model families."""
    told = environment.read().end_tokens
    return tuple(json.loads(told)) if told else ends.COMMON


def response_of(query: str, prompt: str) -> tuple[str, str | None]:
    """(response up to its first end token, which one that is or None) of a query, the decoded prompt and response.

    The prompt stands first in the query. Where decoding changed its white space, or OpenRLHF cut a long prompt on
    the left, it is found by what is left of it. InputError where it is not found: what follows would be guesswork.
    """
    start = _end_of_prompt(query, prompt)
    if start is None:
        raise InputError(
            f"reward: the query does not start with its prompt ({prompt[-40:]!r} at the prompt's end, {query[:40]!r} "
            "at the query's start); the tokenizer must decode what it encodes"
        )
    response, end = ends.cut(query[start:], end_tokens())
    return response.strip(), end


def _end_of_prompt(query: str, prompt: str) -> int | None:
    if query.startswith(prompt):
        return len(prompt)
    places = [index for index, character in enumerate(query) if not character.isspace()]
    tight_query, tight_prompt = "".join(query.split()), "".join(prompt.split())
    if not tight_query.startswith(tight_prompt):
        # The longest end of the prompt that the query starts with.
        start = tight_prompt.find(begin := tight_query[:LEAST_OVERLAP])
        while start >= 0 and not tight_query.startswith(tight_prompt[start:]):
            start = tight_prompt.find(begin, start + 1)
        if start < 0 or len(begin) < LEAST_OVERLAP:
            return None
        tight_prompt = tight_prompt[start:]
    return places[len(tight_prompt) - 1] + 1 if tight_prompt else 0


def label_of(label: str) -> dict[str, Any]:
    """The gold answer, verifier and metadata of a label; InputError where it is no JSON object with an answer."""
    try:
        found = json.loads(label)
        gold, verifier = found["answer"], found.get("verifier", MATH)
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        raise InputError(f'reward: label {label!r:.200} is not JSON {{"id", "answer"}} ({error})') from error
    # A person's verifier may need no answer.
    if not isinstance(gold, str) or not (gold.strip() or verifier not in VERIFIERS):
        raise InputError(f"reward: label {label!r:.200} has no answer to grade against")
    return {"gold": gold, "verifier": verifier, "metadata": found.get("metadata")}


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """OpenRLHF's contract: tensors of rewards and scores (1 for correct), and codes of verdict, reason and end."""
    import torch

    try:
        scored, ended = [], []
        for query, prompt, label in zip(queries, prompts, labels, strict=True):
            response, end = response_of(query, prompt)
            ended.append(NO_END if end is None else float(end_tokens().index(end)))
            rules = environment.read().format_rules
            scored.append(reward_of(response, finished=end is not None, format_rules=rules, **label_of(label)))
    except BaseException:
        _report(traceback.format_exc())
        raise
    return {
        "rewards": torch.tensor([reward for reward, _ in scored], dtype=torch.float32),
        "scores": torch.tensor([float(g.verdict is Verdict.CORRECT) for _, g in scored], dtype=torch.float32),
        "extra_logs": {
            "verdict": torch.tensor([g.verdict.code for _, g in scored]),
            "end": torch.tensor(ended),
            "reason": torch.tensor([NO_REASON if g.reason is None else g.reason.code for _, g in scored]),
            "verifier_score": torch.tensor([NO_SCORE if g.score is None else g.score for _, g in scored]),
        },
    }


def _report(text: str) -> None:
    """Keep the first error of the run where LIM_REWARD_ERROR_FILE says."""
    if path := environment.read().reward_error_file:
        with contextlib.suppress(FileExistsError), open(path, "x", encoding="utf-8") as file:
            file.write(text)
