"""Where engines run: this machine, or a Ray cluster, here a stand-in (a real one is in test_generate_vllm.py)."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from eval.engine import fleet
from eval.engine.engine import EngineOptions
from eval.engine.fleet import Fleet, Place, layout
from eval.engine.prompts import Prompt
from lim.utils import ray as lim_ray
from lim.utils.errors import InputError
from lim.utils.signals import Terminated, noted

HERE = Place("this machine", [(fleet.NO_LIMIT, 0)])
FOUR = Place("this machine", [(fleet.NO_LIMIT, 4)])
CLUSTER = Place("the Ray cluster at h:1", [(8, 0), (32, 8), (32, 3)])  # a head without GPUs
NARROW = Place("the Ray cluster at h:1", [(2, 8)])
PLAIN = Place("the Ray cluster at h:1", [(4, 0), (2, 0)])


@pytest.mark.parametrize(
    ("place", "options", "expected"),
    [
        (HERE, {}, (0, 1)),
        (HERE, {"engines": 3}, (0, 3)),
        (FOUR, {}, (1, 4)),
        (FOUR, {"tensor_parallel_size": 2}, (2, 2)),
        (FOUR, {"engines": 1}, (1, 1)),
        (CLUSTER, {}, (1, 11)),
        (CLUSTER, {"engines": 8}, (1, 8)),
        # No engine is spread over machines: the third has three GPUs, of which one stays idle.
        (CLUSTER, {"tensor_parallel_size": 2}, (2, 5)),
        (NARROW, {}, (1, 2)),
        (PLAIN, {}, (0, 1)),
        (PLAIN, {"engines": 6}, (0, 6)),
    ],
)
def test_gpus_and_engines(place: Place, options: dict[str, Any], expected: tuple[int, int]) -> None:
    assert layout(EngineOptions(**options), place) == expected


@pytest.mark.parametrize(
    ("place", "options", "message"),
    [
        (HERE, {"tensor_parallel_size": 2}, "--tensor_parallel_size 2: .* this machine has 0$"),
        (CLUSTER, {"tensor_parallel_size": 9}, "one machine, and the Ray cluster at h:1 has 8 on its largest$"),
        (FOUR, {"engines": 5}, "--engines 5: this machine has room for 4, each needs 1 GPU of one .*RAY_ADDRESS"),
        (CLUSTER, {"engines": 6, "tensor_parallel_size": 2}, "cluster at h:1 has room for 5, each needs 2 GPUs of"),
        (PLAIN, {"engines": 7}, "has room for 6, each needs a CPU"),
    ],
)
def test_more_gpus_than_the_place_has(place: Place, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        layout(EngineOptions(**options), place)


knock = fleet.knock


class FakeRay(SimpleNamespace):
    """Ray of a head without GPUs and a machine with two; `calls` says what was asked of it."""

    def __init__(self, free: float = 2.0) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.free = free

    def init(self, **settings: Any) -> None:
        self.calls.append(("init", settings | {"cwd": os.getcwd()}))

    def nodes(self) -> list[dict[str, Any]]:
        head = {"Alive": True, "Resources": {"CPU": 4.0}}
        gone = {"Alive": False, "Resources": {}}
        return [head, gone, {"Alive": True, "Resources": {"CPU": 16.0, "GPU": 2.0}}]

    def available_resources(self) -> dict[str, float]:
        return {"GPU": self.free} if self.free else {}

    def shutdown(self) -> None:
        self.calls.append(("shutdown", {}))

    def remote(self, **settings: Any) -> Callable[[type], Any]:
        self.calls.append(("remote", settings))
        return lambda _: SimpleNamespace(remote=lambda options: options)


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    found = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", found)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it would fail
    monkeypatch.setattr(fleet, "knock", lambda *_: None)
    monkeypatch.setenv("RAY_ADDRESS", "h:1")
    monkeypatch.setenv("VLLM_SOME_KNOB", "7")
    monkeypatch.setenv("VLLM_HOST_IP", "10.0.0.7")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    return found


def test_a_cluster_counts_and_not_the_machine_of_the_command(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("VLLM_ENABLE_V1_MULTIPROCESSING", raising=False)
    with Fleet(EngineOptions()) as found:
        assert (found.gpus, found.size, found.remote) == (1, 2, True)
        found.start()
        assert len(found.actors) == 2
    assert [name for name, _ in ray.calls] == ["init", "remote", "shutdown"]
    settings, actor = ray.calls[0][1], ray.calls[1][1]
    assert settings["address"] == "h:1"
    assert settings["cwd"] == str(lim_ray.ROOT)
    carried = settings["runtime_env"]["env_vars"]
    assert carried["VLLM_SOME_KNOB"] == "7"
    assert carried["TRANSFORMERS_OFFLINE"] == "1"
    assert not carried.keys() & {"OMP_NUM_THREADS", "VLLM_HOST_IP"}
    assert actor == {"num_cpus": 1, "num_gpus": 1}
    # What vLLM's CPU build needs is of no use to engines with GPUs.
    assert "VLLM_ENABLE_V1_MULTIPROCESSING" not in os.environ
    assert capsys.readouterr().err == ""


def test_a_single_engine_is_on_the_cluster_too(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[Prompt]] = []

    def run(self: Fleet, model: str, max_model_len: int, parts: list[list[Prompt]]):
        asked.extend(parts)
        yield []

    monkeypatch.setattr(Fleet, "run", run)
    monkeypatch.setattr(fleet, "Engine", None)
    options = EngineOptions(tensor_parallel_size=2)
    prompts = [Prompt(("b", f"q{i}", 0), [1, 2], 0.0, 1.0, 4, i, ()) for i in range(3)]
    with Fleet(options) as found:
        assert (found.gpus, found.size) == (2, 1)
        assert list(found.generate("m", prompts)) == [[]]
    assert asked == [prompts]


def test_busy_gpus_are_reported(ray: FakeRay, capsys: pytest.CaptureFixture[str]) -> None:
    ray.free = 0.0
    with Fleet(EngineOptions()):
        pass
    said = capsys.readouterr().err
    assert said.startswith("the Ray cluster at h:1: 0 GPUs are free; waiting for 2")
    assert said.count("\n") == 1


def test_a_cluster_that_is_too_small_is_disconnected(ray: FakeRay) -> None:
    with pytest.raises(InputError, match="the Ray cluster at h:1 has room for 2"):
        Fleet(EngineOptions(engines=3))
    assert [name for name, _ in ray.calls] == ["init", "shutdown"]


def test_no_cluster_at_the_address(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    def init(**_: Any) -> None:
        raise ConnectionError("nothing\nthere")

    monkeypatch.setattr(ray, "init", init)
    with pytest.raises(InputError, match=r"RAY_ADDRESS=h:1: the Ray cluster cannot be joined \(nothing there\)"):
        Fleet(EngineOptions())
    assert ray.calls == []


def test_nothing_listens_at_the_address(ray: FakeRay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray would try for minutes, and write lines of its own."""
    monkeypatch.setattr(fleet, "knock", knock)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(InputError, match=f"RAY_ADDRESS={address}: .* cannot be joined .*Connection refused"):
            Fleet(EngineOptions())
        assert ray.calls == []
        closed.listen()
        Fleet(EngineOptions()).close()
    assert [name for name, _ in ray.calls] == ["init", "shutdown"]


@pytest.mark.parametrize("address", ["auto", "ray://head:10001"])
def test_other_addresses_are_for_ray_to_understand(
    ray: FakeRay, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setattr(fleet, "knock", knock)
    monkeypatch.setattr(socket, "create_connection", None)
    monkeypatch.setenv("RAY_ADDRESS", address)
    Fleet(EngineOptions()).close()
    assert ray.calls[0][1]["address"] == address


@pytest.mark.parametrize("address", [None, "", "local"])
def test_without_a_cluster_one_engine_runs_in_this_process(
    monkeypatch: pytest.MonkeyPatch, address: str | None
) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    monkeypatch.setattr(fleet, "this_machine", lambda: FOUR)
    monkeypatch.setitem(sys.modules, "ray", None)
    assert not Fleet(EngineOptions(engines=1)).remote
    assert Fleet(EngineOptions()).remote


@pytest.fixture
def handler():
    """A handler of SIGTERM that raises, as that of a command; what pytest has is put back."""

    def stop(number: int, _frame: object) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    yield stop
    signal.signal(signal.SIGTERM, before)


def test_the_handler_that_ray_puts_in_place_does_not_stay(
    ray: FakeRay, handler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        sys.exit(15)

    monkeypatch.setattr(ray, "init", lambda **_: signal.signal(signal.SIGTERM, silent))
    with Fleet(EngineOptions()):
        assert signal.getsignal(signal.SIGTERM) is handler
    # It came while Ray started.
    monkeypatch.setattr(ray, "init", lambda **_: silent())
    with pytest.raises(Terminated):
        Fleet(EngineOptions())
    assert signal.getsignal(signal.SIGTERM) is handler


def test_sigterm_is_raised_between_rays_calls_and_not_in_one(handler: Any) -> None:
    with noted(signal.SIGTERM) as came:
        signal.raise_signal(signal.SIGTERM)
        assert came == [signal.SIGTERM]
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)
