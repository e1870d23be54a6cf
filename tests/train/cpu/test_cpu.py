"""The CPU layer: its environment, its patches, and what it says when a patched symbol is gone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lim.utils.errors import InputError
from train import cpu

ROOT = Path(__file__).resolve().parents[3]
VARIABLES = cpu.environment(gpus=3)


def python(code: str, **changes: str) -> str:
    """Output of a Python process of a CPU run."""
    env = {**os.environ, **VARIABLES, **changes}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd="/", env=env, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1]


def test_environment_carries_the_layer_to_every_process():
    first, second = VARIABLES["PYTHONPATH"].split(os.pathsep)[:2]
    assert (Path(first) / "sitecustomize.py").is_file()
    assert Path(second) == ROOT
    assert json.loads(VARIABLES["RAY_OVERRIDE_RESOURCES"]) == {"CPU": 5, "GPU": 3}
    assert Path(VARIABLES["PATH"].split(os.pathsep)[0], "python").exists()
    assert all(isinstance(value, str) for value in VARIABLES.values())


@pytest.mark.parametrize("hidden", ["", "0", None])
@pytest.mark.parametrize("gpus", [1, 4])
def test_ray_hands_out_logical_gpus_where_real_ones_are_hidden(monkeypatch, hidden, gpus):
    """CUDA_VISIBLE_DEVICES= is the way to a CPU run on a machine with a GPU, and demo.sh's where the GPU will not do.

    Ray counts the names in it; it refuses the logical GPUs beyond them.
    """
    from ray._private.resource_and_label_spec import ResourceAndLabelSpec

    from train import gpu

    def resolved() -> float | None:
        spec = ResourceAndLabelSpec(memory=10**9, object_store_memory=10**8, resources={}, labels={})
        return spec.resolve(is_head=True, node_ip_address="127.0.0.1").num_gpus

    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if hidden is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    variables = cpu.environment(gpus)
    monkeypatch.setenv("RAY_OVERRIDE_RESOURCES", variables["RAY_OVERRIDE_RESOURCES"])
    if hidden is not None and gpus > len(hidden):
        with pytest.raises(ValueError, match="CUDA_VISIBLE_DEVICES contains"):
            resolved()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert resolved() == gpus
    assert ("CUDA_VISIBLE_DEVICES" in variables) is (hidden is not None)
    named = [gpu.Gpu(name, "580", f"GPU-{name}") for name in "ab"]
    assert hidden is None or gpu.visible(named, variables["CUDA_VISIBLE_DEVICES"]) == []


def test_helper_loads_no_torch():
    code = "import sys; from train import cpu; cpu.environment(); print('torch' in sys.modules)"
    assert python(code, LIM_CPU="0") == "False"


def test_torch_answers_for_a_device():
    code = (
        "import torch; here = torch.cuda.current_device(); torch.cuda.synchronize(); torch.cuda.set_device(0); "
        "torch.cuda.current_stream(); print(torch.ones(2).to(here).device, torch.device(f'cuda:{here}'))"
    )
    assert python(code) == "cpu cuda:0"


def test_setup_compiled_what_a_run_loads():
    for name in cpu.OPERATIONS:
        assert (Path(VARIABLES["TORCH_EXTENSIONS_DIR"]) / name / f"{name}.so").is_file(), (
            "run: bash scripts/setup.sh dev"
        )


def test_optimiser_links_in_a_folder_with_a_space_in_its_name():
    code = (
        "import shlex; from train.cpu import patches; from torch.utils import cpp_extension as extension; "
        "extension.TORCH_LIB_PATH = '/a b/lib'; patches.AFTER['torch.utils.cpp_extension'](extension); "
        "flags = extension._prepare_ldflags([], False, False, verbose=False, is_standalone=False); "
        "print(shlex.split(' '.join(flags))[0])"
    )
    assert python(code) == "-L/a b/lib"


def test_locks_of_ended_compilers_are_removed(tmp_path):
    """torch would wait for them without end, and a training would never start."""
    first, second = (tmp_path / name / "lock" for name in cpu.OPERATIONS)
    for lock in (first, second):
        lock.parent.mkdir()
        lock.touch()
    assert cpu.release_locks(tmp_path) == []  # someone may be about to load it
    for lock in (first, second):
        os.utime(lock, (0, 0))
    compiler = subprocess.Popen(["sleep", "60"], cwd=second.parent)
    try:
        assert cpu.release_locks(tmp_path) == [first]
        assert second.exists() and not first.exists()
    finally:
        compiler.kill()
        compiler.wait()
    assert cpu.release_locks(tmp_path) == [second]


def test_a_gather_is_done_when_it_returns():
    code = """
from types import SimpleNamespace
from train.cpu import patches
said = []
work = SimpleNamespace(wait=lambda: said.append("waited"))
class TorchBackend:
    def all_gather_into_tensor(self, output, input, group=None, async_op=False):
        return work if async_op else None
patches.AFTER["deepspeed.comm.torch"](SimpleNamespace(TorchBackend=TorchBackend))
backend = TorchBackend()
print(backend.all_gather_into_tensor(1, 2, async_op=True) is work, backend.all_gather_into_tensor(1, 2), said)
"""
    assert python(code) == "True None ['waited']"


def test_patches_reach_openrlhf_and_vllm_and_leave_no_flash_attn():
    code = """
import sys
from openrlhf.trainer.ray.vllm_worker_wrap import WorkerWrap
from openrlhf.models import ring_attn_utils
from openrlhf.utils import distributed_util
import vllm.model_executor.layers.utils as layers
import torch
layer = torch.nn.Linear(3, 2)
layers.dispatch_cpu_unquantized_gemm(layer, remove_weight=True)
group = distributed_util.stateless_init_process_group
patched = [WorkerWrap.update_weight, group, layers.dispatch_cpu_unquantized_gemm]
try:
    ring_attn_utils.unpad_input(None, None)
except RuntimeError as error:
    message = str(error)
print(
    [function.__module__ for function in patched] == ["train.cpu.patches"] * 3,
    "flash_attn" in sys.modules,
    "packed samples need flash-attn" in message,
    layer.weight.shape == (2, 3) and layer.cpu_linear(torch.ones(3), layer.weight, layer.bias).shape == (2,),
)
"""
    assert python(code) == "True False True True"


WORKER = """
import gc, sys
early = "openrlhf.trainer.ray.ppo_actor" in sys.modules
from vllm.engine.arg_utils import AsyncEngineArgs
sizes = [AsyncEngineArgs(model=sys.argv[1], max_model_len=length).kv_cache_memory_bytes for length in (100, 300)]
own = AsyncEngineArgs(model=sys.argv[1], max_model_len=32, kv_cache_memory_bytes=7).kv_cache_memory_bytes
print(early, gc.get_threshold()[0], *sizes, own)
"""


@pytest.mark.parametrize(("patient", "early"), [(True, "True"), (False, "False")])
def test_a_worker_of_ones_own_ray_imports_at_once_and_an_engine_has_a_small_cache(tmp_path, patient, early):
    shape = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "hidden_size": 64}
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 24, **shape}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "default_worker.py").write_text(WORKER)  # Ray's name for what its workers run
    env = {**os.environ, **VARIABLES}
    if not patient:
        del env["RAY_worker_register_timeout_seconds"]
    command = [sys.executable, str(tmp_path / "default_worker.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=200, check=True)
    # 258 sequences of whole blocks of 128 tokens, two tensors per layer, 64 numbers of at most 4 bytes per token.
    small, large = (258 * tokens * 2 * 2 * 64 * 4 for tokens in (128, 384))
    assert done.stdout.split()[-5:] == [early, "100000", str(small), str(large), "7"]


RACE = """
import importlib.util, sys, threading, types

class Name(str):  # whoever walks sys.modules and looks at a name has it grow under them
    def split(self, *arguments):
        sys.modules.setdefault("one_more", types.ModuleType("one_more"))
        return super().split(*arguments)
    startswith = partition = split

gate = types.ModuleType("gate")
gate.reached, gate.go = threading.Event(), threading.Event()
sys.modules["gate"] = gate
sys.modules[Name("a_name")] = types.ModuleType("a_name")
loaded = []
importing = threading.Thread(target=lambda: loaded.append(importlib.import_module("openrlhf.models.ring_attn_utils")))
importing.start()
assert gate.reached.wait(60)
try:
    import flash_attn
    found = True
except ModuleNotFoundError:
    found = "flash_attn" in sys.modules or importlib.util.find_spec("flash_attn") is not None
import this_one_comes_meanwhile
gate.go.set()
importing.join()
module, = loaded
try:
    module.later()
    later = True
except ModuleNotFoundError:
    later = False
print(found, "flash_attn" in sys.modules, "one_more" in sys.modules, callable(module.pad_input), later)
"""


def test_another_thread_may_import_while_flash_attn_is_answered(tmp_path):
    models = tmp_path / "openrlhf" / "models"
    models.mkdir(parents=True)
    for folder in (models.parent, models):
        (folder / "__init__.py").write_text("")
    (tmp_path / "this_one_comes_meanwhile.py").write_text("")
    (models / "ring_attn_utils.py").write_text(
        "from flash_attn.bert_padding import index_first_axis, pad_input\n"
        "import gate\ngate.reached.set()\ngate.go.wait(60)\n"
        "from flash_attn.utils.distributed import all_gather\n"
        "def later():\n    import not_installed_anywhere\n"
    )
    path = os.pathsep.join([VARIABLES["PYTHONPATH"].split(os.pathsep)[0], str(tmp_path), str(ROOT)])
    assert python(RACE, PYTHONPATH=path) == "False False False True False"


def test_patches_stay_out_where_torch_sees_a_gpu():
    code = (
        "import sys, types, train.cpu.patches as patches; torch = types.ModuleType('torch'); "
        "torch.cuda = types.SimpleNamespace(is_available=lambda: True, current_device='real'); "
        "sys.modules['torch'] = torch; "
        "import openrlhf.utils.distributed_util as module; "
        "print(module.stateless_init_process_group.__module__)"
    )
    # Only the package's own file is loaded: openrlhf/utils/__init__.py needs the real torch.
    stub = "import sys, types, openrlhf; p = types.ModuleType('openrlhf.utils'); "
    stub += "p.__path__ = [openrlhf.__path__[0] + '/utils']; sys.modules['openrlhf.utils'] = p; "
    assert python(stub + code) == "openrlhf.utils.distributed_util"


def test_a_run_on_gpus_loads_no_patch():
    code = (
        "import sys, importlib.machinery; import train.ppo.trainer, train.run.supervise; "
        "print([name for name in sys.modules if name.startswith('train.cpu')])"
    )
    assert python(code, LIM_CPU="0") == "[]"


def test_installed_packages_have_every_symbol():
    cpu.check_symbols()


def test_a_missing_symbol_is_named(monkeypatch):
    monkeypatch.setitem(cpu.SYMBOLS, "openrlhf", {"utils/distributed_util.py": ("renamed_in_the_next_version",)})
    with pytest.raises(InputError, match=r"distributed_util.py: openrlhf \d+\.\d+\.\d+ has no 'renamed_in_the"):
        cpu.environment()
