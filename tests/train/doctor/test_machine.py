"""What the doctor finds on a machine; files, variables and the hub are made up here."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

import psutil
import pytest

from train.doctor import machine
from train.doctor.machine import Question, collect


def test_this_machine(tmp_path):
    before = dict(os.environ)
    variables = {"TORCH_EXTENSIONS_DIR": str(tmp_path), "SEEN": "here"}
    found = collect(Question(variables, str(tmp_path / "run" / "not" / "there"), operations=("fused_adam",)))
    assert found.python.startswith("3.")
    assert found.memory <= psutil.virtual_memory().total
    assert found.disk > 0
    assert found.operations == {"fused_adam": "missing"}
    assert found.packages["openrlhf"] == "0.11.2"
    assert dict(os.environ) == before  # what the run will have in its environment is not left in this one


def nvcc(folder: Path, said: str, *, headers: bool) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "nvcc").write_text(f"#!/bin/sh\nprintf '{said}'\n")
    (folder / "bin" / "nvcc").chmod(0o755)
    if headers:
        (folder / "include").mkdir()
        (folder / "include" / "cuda_runtime.h").touch()
    return folder


# What nvcc 13.0 ends `nvcc --version` with.
SAID = "Built on Wed_Aug_20_01:58:59_PM_PDT_2025\\nCuda compilation tools, release 13.0, V13.0.88\\n"


def test_the_toolkit_is_the_one_that_torch_takes(tmp_path, monkeypatch):
    named = nvcc(tmp_path / "named", SAID, headers=True)
    other = nvcc(tmp_path / "other", SAID.replace("13.0", "12.8"), headers=False)
    monkeypatch.setenv("PATH", f"{other / 'bin'}:/usr/bin:/bin")
    monkeypatch.delenv("CUDA_PATH", raising=False)
    monkeypatch.setenv("CUDA_HOME", str(named))
    assert machine.toolkit() == machine.Toolkit("13.0", str(named), headers=True)
    monkeypatch.delenv("CUDA_HOME")
    assert machine.toolkit() == machine.Toolkit("12.8", str(other), headers=False)
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "nowhere"))
    assert machine.toolkit() is None
    monkeypatch.setenv("CUDA_HOME", str(nvcc(tmp_path / "broken", "no release", headers=True)))
    assert machine.toolkit() is None


def test_the_cuda_of_the_driver(monkeypatch):
    def library(code: int):
        def version(pointer) -> int:
            pointer._obj.value = 13000
            return code

        return lambda name: type("Library", (), {"cuDriverGetVersion": staticmethod(version)})

    monkeypatch.setattr(machine.ctypes, "CDLL", library(0))
    assert machine.driver_cuda() == 13000
    monkeypatch.setattr(machine.ctypes, "CDLL", library(999))
    assert machine.driver_cuda() is None
    monkeypatch.undo()
    assert machine.driver_cuda() is None or machine.driver_cuda() > 9000


def test_the_compilers(tmp_path, monkeypatch):
    for name in ("gcc", "clang", "mine"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert machine.compiler("CC", "gcc", "clang") == str(tmp_path / "gcc")
    assert machine.compiler("CC", "icc", "clang") == str(tmp_path / "clang")
    assert machine.compiler("CC", "icc") is None
    monkeypatch.setenv("CC", "mine -m64")
    assert machine.compiler("CC", "gcc") == str(tmp_path / "mine")
    monkeypatch.setenv("CC", "nothing")
    assert machine.compiler("CC", "gcc") is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", "13.0"),
        ("__version__ = '2.13.0'\ncuda = '12.8'\n", "12.8"),
        ("__version__ = '2.13.0+cpu'\ncuda: Optional[str] = None\n", None),
    ],
)
def test_the_cuda_of_torch(tmp_path, monkeypatch, text, found):
    (tmp_path / "version.py").write_text(text)
    spec = type("Spec", (), {"origin": str(tmp_path / "__init__.py")})
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: spec)
    assert machine.torch_cuda() == found
    monkeypatch.setattr(machine.importlib.util, "find_spec", lambda name: None)
    assert machine.torch_cuda() is None


def test_the_checkpoints_of_a_resumed_run_are_no_further_ones(tmp_path, monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: type("Usage", (), {"free": 100}))
    assert machine.free_disk(str(tmp_path / "new" / "run")) == 100
    (tmp_path / "ckpt" / "global_step8_hf").mkdir(parents=True)
    (tmp_path / "ckpt" / "global_step8_hf" / "model.safetensors").write_bytes(b"1234567")
    (tmp_path / "step_1.parquet").write_bytes(b"log")
    assert machine.free_disk(str(tmp_path)) == 107


@pytest.mark.parametrize(
    ("own", "files", "limit"),
    [
        ("0::/\n", {}, None),
        ("0::/\n", {"memory.max": "max\n"}, None),
        ("0::/\n", {"memory.max": "1000000\n"}, 1000000),
        ("0::/system.slice/job_7/step_0\n", {"system.slice/job_7/memory.max": "2000000"}, 2000000),
        ("0::/a/b\n", {"a/memory.max": "3000000", "a/b/memory.max": "max"}, 3000000),
        ("5:cpu:/x\n4:memory:/slurm/job_7\n", {"memory/slurm/job_7/memory.limit_in_bytes": "4000000"}, 4000000),
        ("4:memory:/\n", {"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
    ],
)
def test_the_memory_that_a_job_is_allowed(tmp_path, own, files, limit):
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    found = machine.host_memory(tmp_path / "groups", tmp_path / "own")
    assert found == (limit or psutil.virtual_memory().total)
    assert machine.host_memory(tmp_path / "groups", tmp_path / "nothing") == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("own", "files", "found"),
    [
        ("0::/\n", {"pids.max": "max\n"}, None),
        ("0::/pod/run\n", {"pod/pids.max": "1024\n", "pod/run/pids.max": "4096\n"}, 1024),
        ("7:pids:/docker/x\n6:memory:/y\n", {"pids/docker/x/pids.max": "2048\n", "memory/y/pids.max": "1"}, 2048),
    ],
)
def test_the_processes_that_a_container_is_allowed(tmp_path, own, files, found):
    (tmp_path / "own").write_text(own)
    for name, text in files.items():
        (tmp_path / "groups" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "groups" / name).write_text(text)
    assert machine.container_limit("pids", tmp_path / "groups", tmp_path / "own") == found


def test_limits_are_those_of_a_process_that_a_run_starts():
    """In a shell of its own, which lowers them; a user's processes are the soft limit's, for root there is none."""
    code = (
        "import resource; from train.doctor.machine import Question, collect; "
        "found = collect(Question({}, '.')); "
        "print(found.address_space, found.locked_memory, machine.limit(resource.RLIMIT_NPROC, soft=True))"
    ).replace("import resource;", "import resource; from train.doctor import machine;")
    script = f"ulimit -v 20000000; ulimit -l 64; ulimit -Su 3000; exec '{sys.executable}' -c \"{code}\""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, cwd=machine.ROOT, timeout=60)
    processes = "None" if os.geteuid() == 0 else "3000"
    assert done.stdout.split() == [str(20000000 * 1024), str(64 * 1024), processes], done.stderr


def test_the_lock_of_a_compiler_that_was_ended(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    folder = tmp_path / "fused_adam"
    folder.mkdir()
    (folder / "lock").touch()
    assert machine.operation("fused_adam") == "missing"  # being compiled
    os.utime(folder / "lock", (time.time() - 300,) * 2)
    assert machine.operation("fused_adam") == "missing"
    os.utime(folder / "lock", (time.time() - 3600,) * 2)
    assert machine.operation("fused_adam") == f"locked by {folder / 'lock'}"


def test_the_lock_of_a_run_that_was_ended_as_it_loaded_what_is_compiled(tmp_path, monkeypatch):
    """It would be waited for without end: a run that is started again at once waits until it is known whose it is."""
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    folder = tmp_path / "fused_adam"
    folder.mkdir()
    (folder / "fused_adam.so").touch()
    (folder / "lock").touch()
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        os.utime(folder / "lock", (time.time() - 10 * len(slept),) * 2)  # it grows old

    monkeypatch.setattr(machine.time, "sleep", sleep)
    assert machine.operation("fused_adam") == f"locked by {folder / 'lock'}" and len(slept) > 1
    (folder / "lock").touch()
    monkeypatch.setattr(machine.time, "sleep", lambda _: (folder / "lock").unlink())  # loaded
    assert machine.operation("fused_adam") == "built"
    (folder / "lock").touch()
    clock = iter(range(0, 1000, 45))
    monkeypatch.setattr(machine.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(machine.time, "sleep", lambda _: (folder / "lock").touch())  # another's, and another's
    assert machine.operation("fused_adam") == "built"


def test_an_environment_that_another_user_owns(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "torch_extensions"))
    monkeypatch.setattr(machine.os, "access", lambda path, mode: path != tmp_path)
    assert machine.operation("fused_adam") == f"{tmp_path} cannot be written to"


def test_flash_attn_is_loaded_to_see_whether_it_loads(tmp_path, monkeypatch):
    assert machine.flash_attn_fault() == "not installed" or machine.flash_attn_fault() is None
    package = tmp_path / "flash_attn"
    (package / "utils").mkdir(parents=True)
    for name in ("__init__", "bert_padding", "utils/__init__", "utils/distributed"):
        (package / f"{name}.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert machine.flash_attn_fault() is None
    (package / "bert_padding.py").write_text("raise ImportError('libcudart.so.13: undefined symbol: _ZN3c10')")
    assert machine.flash_attn_fault() == "ImportError: libcudart.so.13: undefined symbol: _ZN3c10"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A cache of the hub, and a hub that answers a code or not at all."""
    for name in (
        *("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_ENDPOINT"),
        *("HF_TOKEN", "HF_TOKEN_PATH", "HUGGING_FACE_HUB_TOKEN"),
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    asked = []

    def answers(code: int | None):
        def urlopen(request, timeout):
            asked.append(request)
            if code is None:
                raise urllib.error.URLError("no route to host")
            if code >= 400:
                raise urllib.error.HTTPError(request.full_url, code, "", None, None)  # type: ignore[arg-type]
            return io.BytesIO()

        monkeypatch.setattr(machine.urllib.request, "urlopen", urlopen)
        return asked

    return answers


@pytest.mark.parametrize(
    ("code", "state"),
    [
        (200, "on the hub"),
        (401, "the hub asks for a login (HF_TOKEN, or .venv/bin/hf auth login), or has no such model"),
        (403, "the hub does not let you have it; ask for access on the model's page"),
        (404, "the hub has no such model"),
        (503, "the hub answers 503"),
        (None, "not in the cache, and the hub cannot be reached (<urlopen error no route to host>)"),
    ],
)
def test_a_model_of_the_hub(hub, code, state):
    asked = hub(code)
    assert machine.model("Qwen/Qwen2.5-Math-7B") == state
    assert asked[0].full_url == "https://huggingface.co/Qwen/Qwen2.5-Math-7B/resolve/main/config.json"


def test_a_mirror_and_a_token(hub, monkeypatch):
    asked = hub(200)
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror")
    monkeypatch.setenv("HF_TOKEN", "t0ken")
    assert machine.model("a/b") == "on the hub"
    assert (asked[0].full_url, asked[0].headers) == (
        "https://mirror/a/b/resolve/main/config.json",
        {"Authorization": "Bearer t0ken"},
    )


def test_the_token_is_the_one_that_the_hubs_library_takes(hub, tmp_path, monkeypatch):
    """A model behind a login is there for one who has logged in: the run may start."""
    from huggingface_hub import constants, get_token

    asked = hub(200)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))  # as from HF_HOME when it is loaded
    assert machine.hub_token() == "" and get_token() is None
    (tmp_path / "token").write_text("of-the-login\n")
    assert machine.hub_token() == get_token() == "of-the-login"
    assert machine.model("a/b") == "on the hub" and asked[-1].headers == {"Authorization": "Bearer of-the-login"}
    for name, value in (("HUGGING_FACE_HUB_TOKEN", "former"), ("HF_TOKEN", " own ")):
        monkeypatch.setenv(name, value)
        assert machine.hub_token() == get_token() == value.strip()
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "elsewhere"))
    assert machine.hub_token() == ""


def test_a_model_in_the_cache(hub, tmp_path, monkeypatch):
    asked = hub(200)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert machine.model("a/b") == "not in the cache, and HF_HUB_OFFLINE is set"
    folder = tmp_path / "hub" / "models--a--b"
    (folder / "snapshots" / "123").mkdir(parents=True)
    (folder / "blobs").mkdir()
    (folder / "snapshots" / "123" / "config.json").touch()
    assert "not in the cache" in machine.model("a/b")  # its tokenizer alone, say
    snapshot = folder / "snapshots" / "123"
    (snapshot / "model-00001-of-00002.safetensors").touch()
    names = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (snapshot / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    assert "not in the cache" in machine.model("a/b")  # a download that was ended between two files
    (snapshot / "model-00002-of-00002.safetensors").touch()
    assert machine.model("a/b") == "here"
    monkeypatch.setenv("HUGGINGFACE_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "elsewhere"))
    assert machine.model("a/b") == "here"
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "1")
    assert machine.model("c/d") == "not in the cache, and TRANSFORMERS_OFFLINE is set"
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")  # comes first
    assert machine.model("c/d") == "on the hub"
    asked.clear()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (folder / "blobs" / "77.incomplete").touch()
    assert "not in the cache" in machine.model("a/b")
    assert asked == []


def test_a_model_folder(tmp_path):
    assert machine.model(str(tmp_path)) == "not here (no config.json)"
    (tmp_path / "config.json").touch()
    assert machine.model(str(tmp_path)) == "not complete (weights are missing)"
    (tmp_path / "model.safetensors").touch()
    assert machine.model(str(tmp_path)) == "here"
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "model-1.safetensors"}}))
    assert machine.model(str(tmp_path)) == "not complete (weights are missing)"


def test_a_folder_that_another_machine_writes_to(tmp_path):
    token = tmp_path / "token"
    assert not machine.sees(str(token), 0.0)
    token.touch()
    assert machine.sees(str(token), 0.0) and machine.sees("")


def test_caches_that_cannot_be_written_to(tmp_path, monkeypatch):
    """A shared HF_HOME that is read only, a home that the machine does not have."""
    for name in ("HF_DATASETS_CACHE", "TRITON_CACHE_DIR", "TRITON_HOME", "VLLM_CACHE_ROOT", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("FLASHINFER_WORKSPACE_BASE", raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("HF_HOME", str(tmp_path / "shared"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    refused = (tmp_path, tmp_path / "home")
    monkeypatch.setattr("os.access", lambda path, _: Path(path) not in refused)  # root may write everywhere
    found = collect(Question({}, str(tmp_path))).caches
    assert found == {"HF_DATASETS_CACHE": str(tmp_path), "TRITON_CACHE_DIR": str(tmp_path / "home")}
    compiling = Question({}, str(tmp_path), compiles=True)
    of_compiling = dict.fromkeys(("VLLM_CACHE_ROOT", "FLASHINFER_WORKSPACE_BASE"), str(tmp_path / "home"))
    assert collect(compiling).caches == {**found, **of_compiling}
    for name in (*found, *of_compiling):
        monkeypatch.setenv(name, str(tmp_path / "own" / "made" / "then"))
    assert collect(compiling).caches == {}


def test_the_caches_are_those_of_the_installed_libraries(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HOME", str(tmp_path))
    code = "from datasets.config import HF_DATASETS_CACHE; from triton import knobs\n"
    code += "print(HF_DATASETS_CACHE, knobs.cache.dir)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=True)
    theirs = [Path(line) for line in done.stdout.split()]
    ours = [Path(folder).expanduser() for folder in machine.caches().values()]
    assert theirs[0] == ours[0] and ours[1] in theirs[1].parents
    spec = importlib.util.find_spec("vllm")
    assert spec is not None and spec.submodule_search_locations
    spec = importlib.util.spec_from_file_location("envs", f"{spec.submodule_search_locations[0]}/envs.py")
    assert spec is not None and spec.loader is not None
    envs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(envs)
    ours = Path(machine.caches(compiles=True)["VLLM_CACHE_ROOT"]).expanduser()
    assert str(ours) == envs.environment_variables["VLLM_CACHE_ROOT"]()


@pytest.mark.parametrize(
    ("variables", "answer", "fault"),
    [
        ({"WANDB_API_KEY": ""}, 200, "WANDB_API_KEY is set for this command, but not for this machine's Ray"),
        ({}, 200, ""),
        ({}, 404, ""),
        ({}, None, "https://api.wandb.ai cannot be reached (<urlopen error no route to host>)"),
        ({"WANDB_MODE": "offline"}, None, ""),
        ({"WANDB_BASE_URL": "https://w"}, None, "https://w cannot be reached (<urlopen error no route to host>)"),
    ],
)
def test_wandb_needs_its_key_and_an_answer(hub, monkeypatch, tmp_path, variables, answer, fault):
    for name in ("WANDB_MODE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    hub(answer)
    for name, value in {"WANDB_API_KEY": "k", **variables}.items():
        monkeypatch.setenv(name, value)
    assert collect(Question({}, str(tmp_path), wandb=True)).wandb == fault
    assert collect(Question({}, str(tmp_path))).wandb == ""


def test_cpus_are_counted_as_ray_counts_them(monkeypatch):
    monkeypatch.setattr("ray._private.utils.get_num_cpus", lambda **_: 3.0)
    assert machine.cpus() == 3
    monkeypatch.setitem(sys.modules, "ray._private.utils", None)  # not installed
    assert machine.cpus() == os.cpu_count()
