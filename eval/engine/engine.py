"""One vLLM engine, in this process.

Samples come back as they finish. Every sample has its own seed, so that it does not matter what it was batched with.
Nothing heavy is imported before a model is needed.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lim.utils.cli import between, whole
from lim.utils.errors import InputError
from lim.utils.paths import search_path
from lim.utils.text import squash

from .prompts import Prompt

BLOCK = 128  # tokens; the CPU build's
TINY = 20 << 20  # bytes of weights
LONGEST = 50  # of the folder for temporary files: a socket's path has 107 characters at most
MEMORY = ("out of memory", "no available memory", "less than desired gpu memory", "kv cache", "cannot allocate")


def flag(default: Any, **options: Any) -> Any:
    """A field that is also a flag; `options` are those of `add_argument`."""
    return field(default=default, metadata=options)


@dataclass(frozen=True)
class EngineOptions:
    """What does not change the results, up to rounding: how many engines, how large."""

    engines: int | None = flag(None, type=whole(1), help="engines side by side (default: one per GPU or GPU group)")
    tensor_parallel_size: int = flag(1, type=whole(1), help="GPUs per engine")
    dtype: str = flag("auto", choices=("auto", "bfloat16", "float16", "float32"))
    max_num_seqs: int = flag(256, type=whole(1), help="samples generated at once")
    gpu_memory_utilization: float = flag(0.9, type=between(0, 1, above=True), help="share of a GPU's memory to use")
    enforce_eager: bool = flag(False, action="store_true", help="start sooner, generate slower (always on CPU)")
    trust_remote_code: bool = flag(False, action="store_true", help="run code that comes with the model")


class Finished(NamedTuple):
    """One finished sample."""

    tag: tuple[str, str, int]
    response: str
    finish_reason: str
    tokens: int


def quiet() -> None:
    """What every engine is started with: vLLM's own log kept to errors (VLLM_LOGGING_LEVEL=INFO brings it back), no
    nvcc needed. Before vLLM is imported.
    """
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    # As nvidia-smi counts GPUs; CUDA by itself has the fastest first. vLLM asks for it where there are several kinds.
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    # FlashInfer's sampler is compiled when vLLM starts, and never used: every sample here has a seed.
    os.environ.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
    # Where FlashInfer's attention is the first choice (compute capability 10.0), it is compiled by ninja.
    os.environ["PATH"] = search_path()


def limit_threads(models: Sequence[str], engines: int = 1) -> None:
    """Set OMP_NUM_THREADS for a machine without a GPU. Before torch is imported: it is read once.

    A tiny model gains nothing from a second thread, and where another process wants a core, two threads that wait
    for each other at every operation are ten times slower than one (docs/LOG.md). A larger one gets all cores.
    """
    if os.path.exists("/dev/nvidiactl") and os.environ.get("CUDA_VISIBLE_DEVICES") != "":
        return
    tiny = all(Path(model).is_dir() and weight_bytes(model) < TINY for model in models)
    cores = len(os.sched_getaffinity(0))
    os.environ.setdefault("OMP_NUM_THREADS", "1" if tiny else str(max(1, cores // engines)))


def weight_bytes(model: str) -> int:
    return sum(path.stat().st_size for path in Path(model).iterdir() if path.suffix in (".safetensors", ".bin"))


def cpu_environment() -> None:
    """What vLLM's CPU build needs: the engine in this process (it starts seconds sooner), no core pinned."""
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")


def cpu_cache_bytes(model: str, max_model_len: int, options: EngineOptions) -> int | None:
    """A key-value cache for `max_num_seqs` full sequences, 4 GiB at most; None where the user sets its size.

    vLLM's CPU build counts in whole GiB, which a tiny model does not need and which takes time to clear.
    """
    if os.environ.get("VLLM_CPU_KVCACHE_SPACE"):
        return None
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model, trust_remote_code=options.trust_remote_code).get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    a_token = 2 * config.num_hidden_layers * heads * head_dim * 4
    sequence = -(-max_model_len // BLOCK) * BLOCK * a_token
    return max(sequence * 2, min(sequence * (options.max_num_seqs + 2), 4 << 30))


@cache
def left_behind() -> str:
    """The folder for what vLLM does not remove, sockets and a file: it goes with the engine, or with the process."""
    long = len(tempfile.gettempdir()) > LONGEST
    folder = tempfile.mkdtemp(prefix="lim-vllm-", dir="/tmp" if long else None)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@contextmanager
def nothing_left_behind(*, cpu: bool) -> Iterator[None]:
    """Where vLLM starts: its sockets and, without a GPU, its temporary files lie in `left_behind`.

    On GPUs the files are compiled code, which is to outlive the process.
    """
    folder, before = left_behind(), tempfile.tempdir
    os.makedirs(folder, mode=0o700, exist_ok=True)
    os.environ.setdefault("VLLM_RPC_BASE_PATH", folder)
    try:
        tempfile.tempdir = folder if cpu else before
        yield
    finally:
        tempfile.tempdir = before


class Engine:
    """One vLLM engine for one model."""

    def __init__(self, model: str, max_model_len: int, options: EngineOptions) -> None:
        quiet()
        from vllm.platforms import current_platform

        cpu = current_platform.is_cpu()
        if cpu:
            cpu_environment()
        from vllm import LLM

        self.model = model
        try:
            with nothing_left_behind(cpu=cpu):
                self.llm: Any = LLM(
                    model=model,
                    dtype=options.dtype,  # type: ignore[arg-type]
                    max_model_len=max_model_len,
                    max_num_seqs=options.max_num_seqs,
                    tensor_parallel_size=options.tensor_parallel_size,
                    gpu_memory_utilization=options.gpu_memory_utilization,
                    enforce_eager=options.enforce_eager or cpu,
                    kv_cache_memory_bytes=cpu_cache_bytes(model, max_model_len, options) if cpu else None,
                    trust_remote_code=options.trust_remote_code,
                    distributed_executor_backend="mp" if options.tensor_parallel_size > 1 else None,
                    disable_log_stats=True,
                    use_tqdm_on_load=False,
                    seed=0,
                )
        except Exception as error:
            raise explain(error, model) from error

    def run(self, prompts: Sequence[Prompt]) -> Iterator[list[Finished]]:
        """Generate, yielding what each step of the engine finished; first an empty list, as the engine is ready."""
        yield []
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        engine = self.llm.llm_engine
        tags = {str(number): prompt.tag for number, prompt in enumerate(prompts)}
        try:
            for number, prompt in enumerate(prompts):
                parameters = SamplingParams(
                    temperature=prompt.temperature,
                    top_p=prompt.top_p,
                    max_tokens=prompt.max_tokens,
                    seed=prompt.seed if prompt.temperature > 0 else None,
                    stop=list(prompt.stop),
                    stop_token_ids=list(prompt.ends),
                    output_kind=RequestOutputKind.FINAL_ONLY,
                )
                engine.add_request(str(number), {"prompt_token_ids": prompt.token_ids}, parameters)
            while engine.has_unfinished_requests():
                finished = [
                    Finished(tags.pop(output.request_id), done.text, done.finish_reason, len(done.token_ids))
                    for output in engine.step()
                    if output.finished
                    for done in output.outputs
                ]
                if finished:
                    yield finished
        except Exception as error:
            raise explain(error, self.model) from error
        if tags:
            raise RuntimeError(f"{self.model}: the engine lost {len(tags)} samples")

    def close(self) -> None:
        """Give the memory back, so that the next model fits."""
        core = self.llm.llm_engine.engine_core
        self.llm = None
        core.shutdown()  # collects garbage itself
        shutil.rmtree(left_behind(), ignore_errors=True)


def explain(error: Exception, model: str) -> Exception:
    """An InputError in place of an exception whose cause a user can fix; else the exception itself."""
    if isinstance(error, InputError):
        return error
    line = squash(str(error))
    if any(sign in line.lower() for sign in MEMORY) or type(error).__name__ == "OutOfMemoryError":
        return InputError(
            f"{model}: not enough memory for the engine ({line[:160]}); lower --max_num_seqs or --max_new_tokens, "
            "raise --tensor_parallel_size, or free the device (--gpu_memory_utilization is the share it uses)"
        )
    if "engine core initialization failed" in line.lower() or "EngineDeadError" in type(error).__name__:
        return InputError(
            f"{model}: the engine did not start or died; its own message is above. If that is memory: lower "
            "--max_num_seqs or --gpu_memory_utilization, or raise --tensor_parallel_size"
        )
    return error
