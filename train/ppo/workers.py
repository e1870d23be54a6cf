"""The workers of a run that hold a model: OpenRLHF's own, with three faults of the libraries below kept out.

- Adam's moments stay on the GPU after a resume, where DeepSpeed's sleep mode has saved copies of them.
- ZeRO-3 loads a model within DeepSpeed's `zero.Init`, which makes every new tensor bf16: the frequencies of rotary
  positions, too, which vLLM and a run without ZeRO-3 have in float32. With heads of 128 and a base of 10,000 the
  angle of position 4,000 is then off by up to 4.9 radians (findings/transformers_zero3_rounds_rotary.sh).
- OpenRLHF asks the kernel for a free port as an actor starts, and listens on it when its model's turn to load has
  come: the critic's after the actor's, minutes later for a large one. Until then the kernel may give it to any
  connection, of which Ray and NCCL open many.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
from pathlib import Path
from typing import Any

from lim.utils.errors import InputError

WORKERS = {"PolicyModelActor", "CriticModelActor", "ReferenceModelActor"}  # OpenRLHF's actors that hold a model
PORTS = Path("/proc/sys/net/ipv4/ip_local_port_range")
OFFLOAD_BUFFER = "_offload_buffer"  # the end of DeepSpeed's names for them, in deepspeed.runtime.zero.offload_states


def swap_workers(*modules: Any) -> None:
    """Have the actors of OpenRLHF's modules that hold a model load it as `CleanLoading` does."""
    import ray

    for module in modules:
        for name in WORKERS & vars(module).keys():
            try:
                base = getattr(module, name).__ray_metadata__.modified_class
                base.init_model_from_pretrained  # noqa: B018
            except AttributeError as error:
                raise InputError(
                    f"{module.__file__}: not the OpenRLHF that train/ppo/workers.py extends ({error})"
                ) from None
            setattr(module, name, ray.remote(num_gpus=1)(type(name, (CleanLoading, base), {})))


def free_port() -> int:
    """A free port below those that the kernel gives to connections; one of its own where it gives out all."""
    try:
        lowest = int(PORTS.read_text().split()[0])
    except (OSError, ValueError):
        lowest = 32768
    below = range(max(1024, lowest - 12_000), max(1024, lowest))
    for port in [*random.SystemRandom().sample(below, min(100, len(below))), 0]:
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("", port))
            return sock.getsockname()[1]
    raise OSError(errno.EADDRINUSE, f"no free port below {lowest}, and none above")


class CleanLoading:
    """Loads a model with exact rotary frequencies, and the optimiser's states without DeepSpeed's copies of them.

    Its port is one that stays free until then.

    DeepSpeed offloads Adam's moments to buffers beside them in the optimiser's state, saves those with it, and on
    loading torch puts all of it on the GPU. Its next offload finds buffers, on the GPU, and frees nothing from then
    on: 8 bytes per parameter and model.
    """

    @staticmethod
    def _get_free_port() -> int:
        return free_port()

    def init_model_from_pretrained(self, strategy: Any, *arguments: Any, **options: Any) -> Any:
        load, prepare = strategy.load_ckpt, strategy.prepare

        def load_without_buffers(model: Any, *rest: Any, **more: Any) -> Any:
            model.optimizer.optimizer.register_load_state_dict_pre_hook(without_buffers)
            return load(model, *rest, **more)

        def prepare_exact(*models: Any, **more: Any) -> Any:
            for given in models:
                exact_rotary(given[0] if isinstance(given, tuple) else given)
            return prepare(*models, **more)

        strategy.load_ckpt, strategy.prepare = load_without_buffers, prepare_exact
        return super().init_model_from_pretrained(strategy, *arguments, **options)  # type: ignore[misc]


def exact_rotary(model: Any) -> int:
    """Compute a model's rotary frequencies anew in float32 where they are in another type; returns how many were."""
    import torch

    fixed = 0
    for module in model.modules():
        frequencies = [buffer for name, buffer in module.named_buffers(recurse=False) if name.endswith("inv_freq")]
        if all(one.dtype == torch.float32 for one in frequencies) or not hasattr(module, "config"):
            continue
        exact = type(module)(module.config)
        for name, buffer in exact.named_buffers(recurse=False):
            setattr(module, name, buffer.to(getattr(module, name).device))
        fixed += 1
    return fixed


def without_buffers(_: Any, saved: dict[str, Any]) -> dict[str, Any]:
    """A saved state of an optimiser without DeepSpeed's buffers; `saved` itself stays as it is."""
    state = {
        index: {key: value for key, value in kept.items() if not str(key).endswith(OFFLOAD_BUFFER)}
        for index, kept in saved["state"].items()
    }
    return {**saved, "state": state}
