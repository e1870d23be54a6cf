r"""The rule-based reward of the paper (section 3.1), as OpenRLHF's `--reward.remote_url train/reward.py`.

     1    the answer in the last \boxed{} is the gold one
    -0.5  it is not, or could not be graded in time
    -1    the response is cut off, has no answer, has five boxes or more, is garbled or repeats itself
          (with `run.format_rules=lenient`: only the first two)

OpenRLHF 0.11.2 calls `reward_func` for one sample at a time, from several threads of several processes. A query is
the decoded prompt and response with special tokens kept; a label is JSON `{"id", "answer"}`. OpenRLHF logs an
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
from collections.abc import Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

# OpenRLHF loads this file by its path, perhaps in a process that does not have the repository on its path.
if (root := str(Path(__file__).resolve().parents[1])) not in sys.path:
    sys.path.insert(0, root)

from eval.engine import ends
from eval.grader import Graded, Grader
from eval.grader.verdict import Verdict, training_rule
from lim.utils.errors import InputError
from train.run import environment

REWARDS = {Verdict.CORRECT: 1.0, Verdict.INCORRECT: -0.5, Verdict.TIMEOUT: -0.5}
BAD_FORMAT = -1.0
NO_REASON = -1.0  # its code
NO_END = -1.0  # the code of a response without end token
LEAST_OVERLAP = 16  # characters of a prompt, cut on the left, by which it is known again in its query


def reward_of(response: str, gold: str, finished: bool, *, format_rules: str = "release") -> tuple[float, Graded]:
    """Reward and verdict of a response without its prompt and end token; `finished`: it reached its end token."""
    rule = partial(training_rule, finished=finished, lenient=format_rules == "lenient")
    graded = grader().grade([(gold, response)], rule=rule)[0]
    return REWARDS.get(graded.verdict, BAD_FORMAT), graded


@cache
def _grader(process: int) -> Grader:
    grader = Grader(environment.read().grader_workers, environment.read().grader_deadline)
    atexit.register(grader.close)
    return grader


_starting = threading.Lock()


def grader() -> Grader:
    """This process's grader; its workers start when an answer first needs one."""
    with _starting:
        return _grader(os.getpid())


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


def gold_of(label: str) -> str:
    """The gold answer of a label; InputError where it is no JSON object with an answer."""
    try:
        gold = json.loads(label)["answer"]
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f'reward: label {label!r} is not JSON {{"id", "answer"}} ({error})') from error
    if not isinstance(gold, str) or not gold.strip():
        raise InputError(f"reward: label {label!r} has no answer to grade against")
    return gold


def reward_func(queries: Sequence[str], prompts: Sequence[str], labels: Sequence[str]) -> dict[str, Any]:
    """OpenRLHF's contract: tensors of rewards and scores (1 for correct), and codes of verdict, reason and end."""
    import torch

    try:
        scored, ended = [], []
        for query, prompt, label in zip(queries, prompts, labels, strict=True):
            response, end = response_of(query, prompt)
            ended.append(NO_END if end is None else float(end_tokens().index(end)))
            rules = environment.read().format_rules
            scored.append(reward_of(response, gold_of(label), end is not None, format_rules=rules))
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
        },
    }


def _report(text: str) -> None:
    """Keep the first error of the run where LIM_REWARD_ERROR_FILE says."""
    if path := environment.read().reward_error_file:
        with contextlib.suppress(FileExistsError), open(path, "x", encoding="utf-8") as file:
            file.write(text)
