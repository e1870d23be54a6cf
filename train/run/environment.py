"""The environment of a run: the LIM_* variables that its processes read, declared, written and read here.

train.launch and train.run.supervise write it; the driver, Ray's workers, vLLM's processes and the reward read it.
What other programs read is set in `shared`, in train.cpu (a run without GPUs) and in train.gpu.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from lim.utils.errors import InputError
from lim.utils.paths import ROOT, search_path
from lim.utils.ray import HUB

# Variables that Ray's workers on another node need of a run's environment, by the beginnings of their names.
CARRIED = (
    "LIM_",
    "PYTHONPATH",
    "DS_",
    "VLLM_",
    "OMP_",
    "TORCH_",
    "PYTORCH_",
    "TOKENIZERS_",
    "NCCL_",
    "GLOO_",
    "TRITON_",
    "FLASHINFER_",
    *HUB,
)
CARRIED += ("RAY_ENABLE_ZERO_COPY_TORCH_TENSORS", "WANDB_MODE")
REWARDS = {"correct": 1.0, "incorrect": -0.5, "malformed": -1.0}  # the paper's; `run.rewards` replaces some


class Environment(NamedTuple):
    """Field `name` is the variable LIM_NAME; one that is not set has the default."""

    run_dir: str = ""
    seed: int = 1  # of the order of prompts
    log_responses: bool = True
    keep_checkpoints: int = 3
    resume: bool = False
    select_from: str = ""  # of a run that chooses on its way: the folder that its recipe's paths are from
    optimizer_steps: int = 0  # after which the run ends, in however many epochs; 0: after its epochs
    gpus: int = 0  # of a run on GPUs, that Ray must have free; 0: not asked
    cpu: bool = False  # the patches of train/cpu apply
    ray_tmp: str = ""  # a short folder for a Ray of the run's own
    node_gpus: int = 0  # that this machine's Ray hands out; for scripts/ray_cluster.sh
    reward_error_file: str = ""  # takes the first error of the reward, from whichever process
    end_tokens: str = ""  # JSON list: what ends a response of this model (eval/engine/ends.py); none: common ones
    format_rules: str = "release"  # of the reward; lenient drops those on how a response looks
    verifiers: str = ""  # JSON object: a person's verifiers, name → path/to/file.py:function
    rewards: str = ""  # JSON object: the rewards of correct, incorrect and malformed; none: the paper's
    part_credit: bool = False  # a score between 0 and 1 counts for the reward
    grader_workers: int = 2  # per process of the reward; they start when an answer needs one
    grader_deadline: float = 5.0  # seconds per answer


def write(**values: Any) -> dict[str, str]:
    """The variables for some of the fields."""
    unknown = values.keys() - Environment._field_defaults.keys()
    assert not unknown, unknown
    return {f"LIM_{name.upper()}": str(int(v) if isinstance(v, bool) else v) for name, v in values.items()}


def of_run(run: Any) -> dict[str, str]:
    """The variables for what a recipe's `run:` block says of verifiers and rewards, where that is not the paper's."""
    own = {name: str(Path(spec).absolute()) for name, spec in run.verifiers.items()}
    return write(
        **({"verifiers": json.dumps(own)} if own else {}),
        **({"rewards": json.dumps(run.rewards)} if run.rewards else {}),
        **({"part_credit": True} if run.part_credit else {}),
    )


@cache
def _kinds() -> dict[str, Any]:
    # The reward reads the environment for every sample: resolving the types each time took 0.1 ms.
    kinds = get_type_hints(Environment)
    return kinds | {name: int for name, kind in kinds.items() if kind is bool}


def read(variables: Mapping[str, str] = os.environ) -> Environment:
    """The environment of this process. InputError names a variable whose value is of another type."""
    found: dict[str, Any] = {}
    for name, kind in _kinds().items():
        text = variables.get(f"LIM_{name.upper()}")
        if not text:
            continue
        try:
            found[name] = kind(text)
        except ValueError:
            raise InputError(f"LIM_{name.upper()}={text}: not a number; set it right, or unset it") from None
    return Environment(**found)


def logs_to_wandb() -> bool:
    """Whether a run started here logs to W&B: its key is set, and the library is there."""
    return bool(os.environ.get("WANDB_API_KEY")) and importlib.util.find_spec("wandb") is not None


def shared(*first: Path) -> dict[str, str]:
    """What every process of a run needs, on whichever device; `first` are folders to import from before others."""
    paths = [*map(str, first), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        # Ray's workers import the reward and the trainer from the repository.
        "PYTHONPATH": os.pathsep.join(path for path in paths if path),
        # DeepSpeed looks for ninja on PATH before it loads an operation, compiled or not.
        "PATH": search_path(),
        "TORCH_EXTENSIONS_DIR": str(Path(sys.prefix) / "torch_extensions"),
    }
