"""Which line a failed run ends with."""

from __future__ import annotations

import pytest

from lim.utils.errors import InputError
from train.run import errors, progress

WORKER = "\x1b[36m(RolloutRayActor pid=14238)\x1b[0m "


class RayTaskError(Exception):
    def __init__(self, cause):
        super().__init__(f"ray::fit()\n  File 'x.py', line 1\n{type(cause).__name__}: {cause}")
        self.cause = cause


class ActorDiedError(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (InputError("prompts.json: row 3 has no 'id'"), "prompts.json: row 3 has no 'id'"),
        (ValueError("seven"), "ValueError: seven"),
        (RayTaskError(ValueError("seven")), "ValueError: seven"),
        (RayTaskError(RayTaskError(InputError("row 3"))), "row 3"),
        (KeyError("episode"), "KeyError: 'episode'"),
        (AssertionError(), "AssertionError"),
        (RuntimeError("first line\nsecond line"), "RuntimeError: first line"),
        (
            ActorDiedError("The actor died.\n\tclass_name: PolicyModelActor\n\tactor_id: 1\n\tpid: 2\n"),
            "ActorDiedError: PolicyModelActor exited without a message; it was probably killed because memory "
            "ran out",
        ),
        (
            RayTaskError(
                ActorDiedError(
                    "The actor died unexpectedly before finishing this task.\n\tclass_name: PolicyModelActor\n"
                    "\tactor_id: 1\n\tpid: 2\n\tnamespace: n\n\tip: 10.0.0.3\nThe actor died because its node has "
                    "died. Node Id: 4\n\tthe actor's node was terminated unexpectedly: health check failed"
                )
            ),
            "the machine 10.0.0.3 left the Ray cluster: it was switched off, its job or scripts/ray_cluster.sh "
            "ended, or the network failed; have it join again and resume with run.resume=true",
        ),
    ],
)
def test_describe(error, line):
    assert errors.describe(error) == line


UNAVAILABLE = type("ActorUnavailableError", (Exception,), {})("The actor 91 is unavailable: Socket closed")


@pytest.mark.parametrize(
    ("error", "looks", "line"),
    [
        (
            UNAVAILABLE,
            [{"a": "10.0.0.2"}, {"a": "10.0.0.2", "b": "10.0.0.3"}],
            "the machine 10.0.0.3 left the Ray cluster",
        ),
        (UNAVAILABLE, [{"a": "10.0.0.2"}], "ActorUnavailableError: The actor 91 is unavailable"),
        # Other errors are what a lost machine causes elsewhere, or nothing of the kind: one look, no wait.
        (RuntimeError("Connection closed by peer"), [{"b": "10.0.0.3"}], "the machine 10.0.0.3 left"),
        (RuntimeError("Connection closed by peer"), [{}, {"b": "10.0.0.3"}], "RuntimeError: Connection closed"),
    ],
)
def test_a_machine_that_was_lost_is_named(monkeypatch, error, looks, line):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setattr(errors, "dead_nodes", lambda: looks.pop(0) if len(looks) > 1 else looks[0])
    monkeypatch.setattr(errors.time, "sleep", lambda _: None)
    assert errors.describe_in_cluster(error, {"a"}, seconds=0.2).startswith(line)


def test_a_ray_of_the_runs_own_is_not_asked(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert errors.dead_nodes() == {}
    assert errors.describe_in_cluster(ValueError("seven"), set()) == "ValueError: seven"


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["INFO all is well", "Error rate: 0.3"], None),
        (["Traceback (most recent call last):", "ValueError: seven", "KeyError: 1"], "ValueError: seven"),
        ([WORKER + "ValueError: seven"], "ValueError: seven"),
        (
            [WORKER + "(EngineCore pid=7) ERROR 11-23 06:27:04 [core.py:368] torch.cuda.OutOfMemoryError: full"],
            "torch.cuda.OutOfMemoryError: full",
        ),
        (
            ["ray.exceptions.ActorDiedError: The actor died unexpectedly", WORKER + "OSError: disk full"],
            "OSError: disk full",
        ),
        (
            [
                "ValueError: a later symptom",
                WORKER + "INFO 11-23 [SingleTurnExecutor] Failed to fetch reward from remote RM: bad label",
            ],
            "the reward function failed: bad label",
        ),
    ],
)
def test_first_in(lines, found):
    assert errors.first_in(lines) == found


@pytest.mark.parametrize(
    ("told", "log", "shown"),
    [
        ("KeyError: 'x'", "OSError: other\n", "KeyError: 'x'"),
        ("ActorDiedError: The actor died", "OSError: disk full\n", "OSError: disk full"),
        ("ActorDiedError: The actor died", "", "ActorDiedError: The actor died"),
        (None, "OSError: disk full\n", "OSError: disk full"),
        (None, "", "the run was killed by signal 9 and said no reason"),
    ],
)
def test_first_real(tmp_path, told, log, shown):
    path = tmp_path / "train.log"
    path.write_text("ValueError: of an earlier try\n" + log)
    assert errors.first_real(told, path, len("ValueError: of an earlier try\n"), -9) == shown


def test_step_line():
    event = {
        "event": "step",
        "epoch": 1,
        "epochs": 2,
        "step": 3,
        "steps": 12,
        "reward": -0.25,
        "response_tokens": 31.4,
        "verdict/correct": 0.125,
        "verdict/no_answer": 0.5,
        "verdict/malformed": 0.375,
        "verdict/timeout": 0.0,
        "reason/no_box": 0.5,
        "reason/many_boxes": 0.125,
        "reason/garbled": 0.25,
        "seconds": 3.96,
        "seconds_left": 3671.0,
    }
    assert progress.line_of(event) == (
        "epoch 1/2  step  3/12  reward -0.250  correct 12%  no answer 50%  malformed 38%  "
        "(many boxes 12%, garbled 25%)  31 tokens  4.0 s  1 h 01 min left"
    )
    counted = progress.line_of({**event, "epochs": None, "optimizer_step": 30, "optimizer_steps": 128})
    assert counted and counted.startswith("epoch 1  step 3  optimiser step 30/128  reward -0.250")
    one = progress.line_of({**event, "end/im_end": 0.9, "end/none": 0.1})
    assert one == progress.line_of(event)
    two = progress.line_of({**event, "end/endoftext": 0.25, "end/im_end": 0.5, "end/none": 0.25})
    assert two and "garbled 25%)  ends: endoftext 25%, im_end 50%  31 tokens" in two
