"""Ray: where a cluster is, connecting to it, and what its workers need of this process's environment."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
from typing import Any

from lim.utils.paths import ROOT
from lim.utils.signals import Terminated, noted

# Where the hub's models lie and whether to ask the hub, as huggingface_hub and transformers read it.
HUB = ("HF_", "HUGGINGFACE_HUB_", "HUGGING_FACE_HUB_", "TRANSFORMERS_OFFLINE")
OWN = ("VLLM_HOST_IP",)  # each machine's own: another's address is wrong there


def host_and_port(address: str) -> tuple[str, int] | None:
    """The parts of HOST:PORT; None for any other address (auto, ray://…)."""
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if host and "/" not in host and port.isdigit() else None


def knock(address: str, seconds: float) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself tries for minutes. Other addresses pass."""
    if host := host_and_port(address):
        socket.create_connection(host, timeout=seconds).close()


def carried(*prefixes: str) -> dict[str, Any]:
    """A runtime environment with the variables of this process's environment whose names begin so, but for `OWN`."""
    found = {name: value for name, value in os.environ.items() if name.startswith(prefixes) and name not in OWN}
    return {"env_vars": found}


def init(address: str, **settings: Any) -> None:
    """`ray.init` without its messages. SIGTERM raises `Terminated` meanwhile, and afterwards does what it did before.

    Ray sets a handler of its own, which ends the process without a word.
    """
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # else Ray warns of its own future default
    # Where a Ray of one's own keeps sockets and logs. By itself it takes TMPDIR, which a batch system may make too
    # long for a socket (107 bytes), or /tmp/ray, which may be another user's.
    os.environ.setdefault("RAY_TMPDIR", f"/tmp/ray-{os.getuid()}")
    import ray

    # Ray puts the current folder first on its workers' paths: from within eval/, they would import eval.py.
    with contextlib.chdir(ROOT), noted(signal.SIGTERM) as received:
        try:
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **settings)
        except SystemExit as error:
            raise Terminated from error
    if received:
        raise Terminated
