"""Where a Ray cluster is: HOST:PORT, and whether anything answers there."""

from __future__ import annotations

import socket


def host_and_port(address: str) -> tuple[str, int] | None:
    """The parts of HOST:PORT; None for any other address (auto, ray://…)."""
    host, _, port = address.rpartition(":")
    return (host.strip("[]"), int(port)) if host and "/" not in host and port.isdigit() else None


def knock(address: str, seconds: float) -> None:
    """Raise OSError where nothing listens at HOST:PORT: Ray itself tries for minutes. Other addresses pass."""
    place = host_and_port(address)
    if place:
        socket.create_connection(place, timeout=seconds).close()
