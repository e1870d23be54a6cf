"""Starting a Ray of one's own, and what its workers are told."""

from __future__ import annotations

import os

import pytest

from lim.utils import ray as lim_ray


@pytest.mark.parametrize("chosen", [None, "/short"])
def test_rays_folder_is_short_and_the_users_own(monkeypatch, chosen):
    """Slurm's TMPDIR of a job may be longer than the path of a socket can be; /tmp/ray is its first user's."""
    from ray._common.utils import get_default_ray_temp_dir

    monkeypatch.setenv("TMPDIR", f"/scratch/slurm/{'job/' * 25}")
    monkeypatch.setenv("RAY_TMPDIR", chosen or "")
    if chosen is None:
        monkeypatch.delenv("RAY_TMPDIR")
    folders = []
    monkeypatch.setattr("ray.init", lambda **_: folders.append(get_default_ray_temp_dir()))
    lim_ray.init("local")
    assert folders == [f"{chosen or f'/tmp/ray-{os.getuid()}'}/ray"]


def test_what_is_carried_begins_so_and_is_no_machines_own(monkeypatch):
    for name in ("VLLM_A", "VLLM_HOST_IP", "HF_HOME", "OTHER"):
        monkeypatch.setenv(name, "x")
    found = lim_ray.carried("VLLM_", "HF_")["env_vars"]
    assert found.keys() >= {"VLLM_A", "HF_HOME"} and not found.keys() & {"VLLM_HOST_IP", "OTHER"}
