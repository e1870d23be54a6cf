"""The engines of an evaluation: one in this process, or one per GPU (or group of GPUs) in Ray actors.

Without RAY_ADDRESS they are this machine's: a single engine runs in this process, several under a small Ray of their
own. With RAY_ADDRESS every engine, a single one too, is an actor on that cluster, and the cluster's GPUs count, not
this machine's: a head without GPUs is as good as any. Nothing heavy is imported before a model is needed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from lim.utils.errors import InputError, one_line
from lim.utils.ray import HUB, carried, init, knock
from lim.utils.signals import Terminated, noted

from .engine import Engine, EngineOptions, Finished, cpu_environment, explain, quiet
from .prompts import Prompt

NO_LIMIT = sys.maxsize
KNOCK = 10.0  # seconds for a cluster's head to answer at all
GLANCE = 1.0  # seconds between looks at whether SIGTERM came


@dataclass(frozen=True)
class Place:
    """Where engines may run: (CPUs, GPUs) of each machine."""

    name: str
    machines: Sequence[tuple[float, float]]

    def fitting(self, gpus: int) -> int:
        """How many engines fit, each using `gpus` GPUs of one machine and a CPU."""
        return sum(int(min(have, there // gpus) if gpus else have) for have, there in self.machines)


def layout(options: EngineOptions, place: Place) -> tuple[int, int]:
    """(GPUs per engine, engines): as requested, else as many as fit; one without GPUs.

    Raises InputError where the place has too few.
    """
    wanted = options.tensor_parallel_size
    largest = max((gpus for _, gpus in place.machines), default=0)
    if wanted > max(1, largest):
        raise InputError(
            f"--tensor_parallel_size {wanted}: an engine uses the GPUs of one machine, and {place.name} has "
            f"{largest:g}{' on its largest' if len(place.machines) > 1 else ''}"
        )
    gpus = wanted if largest else 0
    fitting = place.fitting(gpus)
    size = options.engines or (max(1, fitting) if gpus else 1)
    if size > fitting:
        needs = f"{gpus} GPU{'s' * (gpus > 1)} of one machine and a CPU" if gpus else "a CPU"
        raise InputError(
            f"--engines {size}: {place.name} has room for {fitting}, each needs {needs}; "
            "use fewer, or set RAY_ADDRESS to a larger Ray cluster"
        )
    return gpus, size


def cluster_address() -> str | None:
    """The cluster that RAY_ADDRESS names; `local` is Ray's word for one's own."""
    address = os.environ.get("RAY_ADDRESS")
    return address if address and address != "local" else None


def this_machine() -> Place:
    import torch

    return Place("this machine", [(NO_LIMIT, torch.cuda.device_count())])


def join(address: str) -> Place:
    """Join the Ray cluster at `address` and count its machines. Raises InputError where it cannot be joined."""
    try:
        knock(address, KNOCK)
        init(address, runtime_env=carried("VLLM_", *HUB))
        import ray

        found = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    except Exception as error:
        line = one_line(error)
        raise InputError(
            f"RAY_ADDRESS={address}: the Ray cluster cannot be joined ({line}); unset it to use this machine"
        ) from error
    machines = [(resources.get("CPU", 0), resources.get("GPU", 0)) for resources in found]
    return Place(f"the Ray cluster at {address}", machines)


class Fleet:
    """The engines, kept over the models. `remote`: whether they are Ray actors; `size`: how many."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options
        self.actors: list[Any] = []
        self.connected = False
        address = cluster_address()
        try:
            if address:
                quiet()
                place = join(address)
                self.connected = True
            else:
                place = this_machine()
            self.gpus, self.size = layout(options, place)
            self.remote = bool(address) or self.size > 1
            if address:
                warn_of_busy_gpus(place, self.gpus * self.size)
        except BaseException:
            self.close()
            raise

    def start(self) -> None:
        """Start the actors, once, and where no cluster was joined a Ray for them."""
        if self.actors:
            return
        import ray

        if not self.connected:
            quiet()
            if not self.gpus:
                cpu_environment()
            init("local", num_cpus=max(self.size, os.cpu_count() or 1), include_dashboard=False)
            self.connected = True
        actor = ray.remote(num_cpus=1, num_gpus=self.gpus)(Remote)
        self.actors = [actor.remote(self.options) for _ in range(self.size)]

    def generate(self, model: str, prompts: Sequence[Prompt]) -> Iterator[list[Finished]]:
        """Generate `prompts` with `model`; samples come in the order in which they finish."""
        if not prompts:
            return
        max_model_len = max(len(prompt.token_ids) + prompt.max_tokens for prompt in prompts)
        # Dealt out in turn, so that no engine gets all samples of one benchmark.
        parts = [part for i in range(self.size) if (part := list(prompts[i :: self.size]))]
        if self.remote:
            yield from self.run(model, max_model_len, parts)
            return
        engine = Engine(model, max_model_len, self.options)
        try:
            yield from engine.run(parts[0])
        finally:
            engine.close()

    def run(self, model: str, max_model_len: int, parts: Sequence[list[Prompt]]) -> Iterator[list[Finished]]:
        """Run each part on its actor. Raises what an actor raised."""
        import ray
        from ray.exceptions import RayActorError, RayTaskError

        with noted(signal.SIGTERM) as received:  # what a handler raises while Ray waits, Ray prints and drops
            self.start()
            streams: list[Any] = [
                actor.run.options(num_returns="streaming").remote(model, max_model_len, part)
                for actor, part in zip(self.actors, parts, strict=False)
            ]
            try:
                while streams:
                    ready: Any = ray.wait(streams, num_returns=1, timeout=GLANCE, fetch_local=False)[0]
                    if received:
                        raise Terminated
                    for stream in ready:
                        try:
                            yield ray.get(next(stream))
                        except StopIteration:
                            streams.remove(stream)
            except RayTaskError as error:
                raise explain(error.cause if isinstance(error.cause, Exception) else error, model) from error
            except RayActorError as error:
                raise InputError(
                    f"{model}: an engine's process died ({one_line(error)}); if memory ran out, "
                    "lower --engines or --max_num_seqs. What was generated is kept: run the same command again"
                ) from error

    def close(self) -> None:
        if self.connected:
            import ray

            ray.shutdown()
            self.actors, self.connected = [], False

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def warn_of_busy_gpus(place: Place, needed: int) -> None:
    """Say in one line that the engines will wait for GPUs that other jobs use."""
    import ray

    free = ray.available_resources().get("GPU", 0)
    if free < needed:
        sys.stderr.write(f"{place.name}: {free:g} GPUs are free; waiting for {needed}. Use --engines to take fewer\n")


class Remote:
    """An engine in a Ray actor. Samples are handed over about twice a second."""

    def __init__(self, options: EngineOptions) -> None:
        self.options = options

    def run(self, model: str, max_model_len: int, prompts: list[Prompt]) -> Iterator[list[Finished]]:
        engine = Engine(model, max_model_len, self.options)
        try:
            yield []
            waiting: list[Finished] = []
            handed = time.monotonic()
            for finished in engine.run(prompts):
                waiting += finished
                if time.monotonic() - handed > 0.5:
                    yield waiting
                    waiting, handed = [], time.monotonic()
            yield waiting
        finally:
            engine.close()
