"""Where vLLM's files go, without vLLM."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CODE = """
import os, tempfile
from eval.engine.engine import left_behind, nothing_left_behind

with nothing_left_behind(cpu={cpu}):
    handle, path = tempfile.mkstemp()
print(path)
print(os.environ["VLLM_RPC_BASE_PATH"])
print(os.listdir(left_behind()), tempfile.gettempdir())
"""


@pytest.mark.parametrize("cpu", [True, False])
@pytest.mark.parametrize("long", [False, True])
def test_what_vllm_leaves_behind_goes_with_the_process(tmp_path: Path, cpu: bool, long: bool) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short:
        folder = Path(short) / ("long" * 30 if long else "")
        folder.mkdir(exist_ok=True)
        environment = {**os.environ, "TMPDIR": str(folder), "PYTHONPATH": str(ROOT)}
        environment.pop("VLLM_RPC_BASE_PATH", None)
        code = CODE.format(cpu=cpu)
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        path, sockets, rest = done.stdout.splitlines()
        assert len(sockets) < 80  # a socket's name and path have 107 characters at most
        assert not Path(sockets).exists()
        assert Path(path).exists() is not cpu  # on GPUs it is compiled code
        assert rest.endswith(str(folder))
        assert os.listdir(folder) == ([] if cpu else [Path(path).name])
