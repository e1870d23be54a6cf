"""Patches that let OpenRLHF 0.11 and vLLM's CPU build run together on a machine without a GPU.

Each is applied when the module it answers is imported, and only where torch sees no GPU. The symbols are listed
in train.cpu.SYMBOLS, which is checked before a run starts. Imported by train/cpu/site/sitecustomize.py alone.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import os
import shlex
import sys
import types
from collections.abc import Callable
from typing import Any

from lim.utils.errors import collect_rarely


class _CpuDevice(str):
    """What `torch.cuda.current_device()` answers: the device "cpu" for `.to()`, index 0 in f"cuda:{…}"."""

    def __new__(cls) -> _CpuDevice:
        return super().__new__(cls, "cpu")

    def __format__(self, _spec: str) -> str:
        return "0"


def _patch_torch(torch: Any) -> None:
    # OpenRLHF moves every batch to torch.cuda.current_device() and waits for the device after each phase.
    torch.cuda.current_device = _CpuDevice
    torch.cuda.set_device = lambda _device: None
    torch.cuda.synchronize = lambda _device=None: None
    torch.cuda.current_stream = lambda _device=None: None


def _without_flash_attn(module: Any) -> None:
    # openrlhf.models.ring_attn_utils imports flash_attn at its top, though only packed samples use it. Its import
    # statements alone are answered here: transformers would take a stand-in in sys.modules for the real one.
    def unavailable(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("packed samples need flash-attn, which needs a GPU; remove --ds.packing_samples")

    def import_(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        if level == 0 and name.split(".")[0] == "flash_attn":
            return types.SimpleNamespace(**dict.fromkeys(fromlist or (), unavailable))
        return builtins.__import__(name, globals, locals, fromlist, level)

    module.__builtins__ = {**vars(builtins), "__import__": import_}


class _GlooSync:
    """The weight-sync group with PyNcclCommunicator's `broadcast`, over gloo."""

    def __init__(self, group: Any) -> None:
        self.group = group

    def broadcast(self, tensor: Any, src: int, stream: Any = None) -> None:
        import torch

        options = torch.distributed.BroadcastOptions()
        options.rootRank, options.rootTensor = src, 0
        self.group.broadcast([tensor], options).wait()


def _patch_sync_group(module: Any) -> None:
    # The trainer and vLLM's workers meet in an NCCL group of their own; without a GPU it is a gloo group.
    def stateless_init_process_group(
        master_address: str, master_port: int, rank: int, world_size: int, device: Any
    ) -> _GlooSync:
        from vllm.distributed.utils import stateless_init_torch_distributed_process_group

        return _GlooSync(
            stateless_init_torch_distributed_process_group(master_address, master_port, rank, world_size, "gloo")
        )

    module.stateless_init_process_group = stateless_init_process_group


def _patch_update_weight(module: Any) -> None:
    # It receives each weight into a CUDA tensor, on a CUDA stream.
    def update_weight(self: Any, name: str, dtype: Any, shape: Any, empty_cache: bool = False) -> None:
        import torch

        if dtype != self.model_config.dtype:
            raise RuntimeError(f"weight {name}: trainer sends {dtype}, vLLM holds {self.model_config.dtype}")
        weight = torch.empty(shape, dtype=dtype)
        self._model_update_group.broadcast(weight, src=0)
        self.model_runner.model.load_weights(weights=[(name, weight)])

    module.WorkerWrap.update_weight = update_weight


def _patch_gemm(module: Any) -> None:
    # vLLM packs a linear layer's weight for its CPU kernels and drops the original: new weights could not be loaded.
    def dispatch_cpu_unquantized_gemm(layer: Any, remove_weight: bool) -> None:
        import torch

        layer.cpu_linear = torch.nn.functional.linear

    module.dispatch_cpu_unquantized_gemm = dispatch_cpu_unquantized_gemm


def _hide_sklearn(module: Any) -> None:
    # transformers imports scikit-learn for assisted decoding only: a second in each of the run's seven processes.
    module.is_sklearn_available = lambda: False


def _quote_library_path(module: Any) -> None:
    # The linker's -L has torch's folder as it is: with a space in it, DeepSpeed's optimiser would not link.
    module.TORCH_LIB_PATH = shlex.quote(module.TORCH_LIB_PATH)


def _small_cache(module: Any) -> None:
    # vLLM's CPU build counts its key-value cache in whole GiB, and clears it as it starts: seconds, for a tiny model.
    class AsyncEngineArgs(module.AsyncEngineArgs):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            from eval.engine.engine import EngineOptions, cpu_cache_bytes

            model, length = options.get("model"), options.get("max_model_len")
            if model and length and "kv_cache_memory_bytes" not in options:
                sequences, trust = options.get("max_num_seqs"), options.get("trust_remote_code")
                room = EngineOptions(max_num_seqs=sequences or MOST_SEQUENCES, trust_remote_code=bool(trust))
                options["kv_cache_memory_bytes"] = cpu_cache_bytes(model, length, room)
            super().__init__(*arguments, **options)

    module.AsyncEngineArgs = AsyncEngineArgs


def _finish_gathers(module: Any) -> None:
    # Loading under ZeRO-3 gathers a layer's weights side by side and waits for the last alone. NCCL has then done all
    # of them; gloo may still be writing the first over what was loaded (a weight that comes with a bias).
    gather = module.TorchBackend.all_gather_into_tensor

    def all_gather_into_tensor(self: Any, *arguments: Any, **options: Any) -> Any:
        work = gather(self, *arguments, **options)
        if work is not None:
            work.wait()
        return work

    module.TorchBackend.all_gather_into_tensor = all_gather_into_tensor


MOST_SEQUENCES = 256  # that vLLM generates at once where it is not told
BEFORE: dict[str, Callable[[Any], None]] = {"openrlhf.models.ring_attn_utils": _without_flash_attn}
AFTER: dict[str, Callable[[Any], None]] = {
    "torch": _patch_torch,
    "openrlhf.utils.distributed_util": _patch_sync_group,
    "openrlhf.trainer.ray.vllm_worker_wrap": _patch_update_weight,
    "vllm.model_executor.layers.utils": _patch_gemm,
    "vllm.engine.arg_utils": _small_cache,
    "transformers.utils.import_utils": _hide_sklearn,
    "torch.utils.cpp_extension": _quote_library_path,
    "deepspeed.comm.torch": _finish_gathers,
}


def _sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


class _PatchOnImport:
    """A finder that wraps the loader of the modules above, so that each is patched right after it has run."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name not in BEFORE and name not in AFTER:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or spec.loader is None:
            return spec
        run = spec.loader.exec_module

        def exec_module(module: Any) -> None:
            if name != "torch" and _sees_gpu():
                return run(module)
            if name in BEFORE:
                BEFORE[name](module)
            run(module)
            if name in AFTER and (name != "torch" or not module.cuda.is_available()):
                AFTER[name](module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def import_early() -> None:
    """Import what a Ray worker of a run needs as it starts, while the run's driver does the same on another core.

    Ray starts some workers before they are asked for; they would wait for their work and then import.
    """
    collect_rarely()
    # Another's Ray may not wait as long as the imports take on busy cores.
    patient = "RAY_worker_register_timeout_seconds" in os.environ
    if patient and any(word.endswith("default_worker.py") for word in sys.orig_argv):
        for name in ("ppo_actor", "ppo_critic"):
            importlib.import_module(f"openrlhf.trainer.ray.{name}")


def install() -> None:
    """Patch the modules above as they are imported."""
    if not any(isinstance(finder, _PatchOnImport) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PatchOnImport())
