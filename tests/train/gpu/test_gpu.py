"""What nvidia-smi says, and the environment of a run on GPUs. No GPU is needed: answers are published ones."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nvidia_smi
import pytest

from lim.utils.paths import ROOT
from train import gpu
from train.gpu import Gpu


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine whose nvidia-smi answers as it is told to."""
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    gpu.gpus.cache_clear()
    yield lambda *arguments, **options: nvidia_smi.stand_in(tmp_path, *arguments, **options)
    gpu.gpus.cache_clear()


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (
            nvidia_smi.TITAN_V_AND_ADA,
            [
                Gpu("NVIDIA TITAN V", "570.86.15", capability=(7, 0), index=0, mode="Default"),
                Gpu("NVIDIA RTX 5880 Ada Generation", "570.86.15", capability=(8, 9), index=1, mode="Default"),
            ],
        ),
        (
            nvidia_smi.answer(),
            [Gpu("NVIDIA H100 80GB HBM3", "580.105.08", "GPU-00d7", (9, 0), 81559 * 2**20, 2**20, 0, "Default")],
        ),
        (
            nvidia_smi.answer("NVIDIA GB10", memory_total="[N/A]", memory_used="[N/A]", compute_cap="12.1"),
            [Gpu("NVIDIA GB10", "580.105.08", "GPU-00d7", (12, 1), None, None, 0, "Default")],
        ),
        (
            nvidia_smi.answer(compute_cap="[N/A]", compute_mode="Exclusive_Process", mig="Enabled"),
            [
                Gpu(
                    *("NVIDIA H100 80GB HBM3", "580.105.08", "GPU-00d7", None, 81559 * 2**20, 2**20),
                    *(0, "Exclusive_Process", True),
                )
            ],
        ),
        (nvidia_smi.H100_MEMORY, []),  # says nothing of a driver
        (nvidia_smi.NO_DEVICES, []),
        ("", []),
    ],
)
def test_published_answers(listed, found):
    assert gpu.read(listed) == found


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        (None, "abc"),
        ("", ""),
        ("2,0", "ca"),
        (" 1 ", "b"),
        ("7", ""),
        ("0,7,1", "a"),  # CUDA stops at what is not there
        ("-1", ""),
        ("GPU-bb", "b"),
        ("GPU-nothing", ""),
        ("MIG-1234", "a"),
    ],
)
def test_cuda_visible_devices(chosen, names):
    found = [Gpu(name, "580", f"GPU-{name}{name}") for name in "abc"]
    assert "".join(item.name for item in gpu.visible(found, chosen)) == names


def test_an_old_driver_is_asked_without_the_field_that_it_does_not_know(machine):
    without = "\n".join(line.rpartition(", ")[0] for line in nvidia_smi.answer(count=2).splitlines())
    machine(without, unknown="compute_cap")
    assert [(item.driver, item.capability) for item in gpu.gpus()] == [("580.105.08", None)] * 2


@pytest.mark.parametrize(
    ("text", "code"), [(nvidia_smi.NO_DEVICES, 0), ("NVIDIA-SMI has failed because it couldn't …", 9), ("", 127)]
)
def test_no_gpu(machine, text, code):
    machine(text, code)
    assert gpu.available_gpus() == 0


@pytest.mark.parametrize(("visible", "count"), [(None, 4), ("1,3", 2), ("", 0)])
def test_available_gpus(machine, monkeypatch, visible, count):
    machine(nvidia_smi.answer(count=4))
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpu.available_gpus() == count


@pytest.mark.parametrize(
    ("capabilities", "wanted"),
    [
        ([(9, 0)], "90"),
        ([(8, 9), (8, 0), (9, 0)], "80;90"),
        ([(12, 1)], "120"),
        ([(7, 5)], "80;90;100;120"),
        ([None], "80;90;100;120"),
        ([], "80;90;100;120"),
    ],
)
def test_flash_attn_is_built_for_the_gpus_that_are_there(capabilities, wanted):
    assert gpu.architectures([Gpu("", "580", capability=item) for item in capabilities]) == wanted


# The environment of a run.


@pytest.fixture
def unset(monkeypatch):
    for name in ("PYTHONPATH", "VLLM_USE_FLASHINFER_SAMPLER", "DS_SKIP_CUDA_CHECK", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    for name in ("CUDA_DEVICE_ORDER", "RAY_worker_register_timeout_seconds"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin")


def test_the_environment_is_all_that_a_run_needs(unset):
    assert gpu.environment() == {
        "PYTHONPATH": str(ROOT),
        "PATH": f"{sys.prefix}/bin:/usr/bin",
        "TORCH_EXTENSIONS_DIR": f"{sys.prefix}/torch_extensions",
        "CUDA_DEVICE_ORDER": "PCI_BUS_ID",  # as nvidia-smi, and with it the doctor, counts
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
        "RAY_worker_register_timeout_seconds": "600",
        "DS_SKIP_CUDA_CHECK": "1",
    }
    offloaded = gpu.environment(adam_offload=True)
    assert offloaded.keys() - gpu.environment().keys() == {"OMP_NUM_THREADS"}
    assert int(offloaded["OMP_NUM_THREADS"]) > 1


def test_what_the_user_has_chosen_is_kept(unset, monkeypatch):
    monkeypatch.setenv("VLLM_USE_FLASHINFER_SAMPLER", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "32")
    found = gpu.environment(adam_offload=True)
    assert (found["VLLM_USE_FLASHINFER_SAMPLER"], found["OMP_NUM_THREADS"]) == ("1", "32")


def test_deepspeed_finds_ninja_on_that_path(unset):
    """DeepSpeed asks for ninja before it loads an operation, compiled or not; as torch asks, by its name alone."""
    code = "from torch.utils.cpp_extension import verify_ninja_availability; verify_ninja_availability()"
    bare = {"PATH": "/nonexistent", "HOME": os.environ.get("HOME", "/")}
    found = gpu.environment()
    for path, fails in ((bare["PATH"], True), (found["PATH"].replace("/usr/bin", "/nonexistent"), False)):
        done = subprocess.run(
            [sys.executable, "-c", code], env=bare | {"PATH": path}, capture_output=True, timeout=100
        )
        assert (b"Ninja is required" in done.stderr) is fails, done.stderr
    assert (Path(sys.prefix) / "bin" / "ninja").exists()


@pytest.mark.parametrize(("installed", "skip", "raises"), [
    ((13, 0), None, False), ((13, 2), None, True), ((13, 2), "1", False), ((12, 8), None, True),
])  # fmt: skip
def test_deepspeed_takes_another_minor_version_of_the_toolkit(monkeypatch, unset, installed, skip, raises):
    """DeepSpeed's own check. Another major version passes with the variable too: the doctor refuses it."""
    from deepspeed.ops.op_builder import builder

    assert gpu.environment()["DS_SKIP_CUDA_CHECK"] == "1"
    monkeypatch.setattr(builder, "installed_cuda_version", lambda name="": installed)
    monkeypatch.setattr(builder.torch, "version", SimpleNamespace(cuda="13.0"))
    if skip:
        monkeypatch.setenv("DS_SKIP_CUDA_CHECK", skip)
    if raises:
        with pytest.raises(builder.CUDAMismatchException):
            builder.assert_no_cuda_mismatch()
    else:
        assert builder.assert_no_cuda_mismatch()


@pytest.mark.slow
@pytest.mark.parametrize(("value", "said"), [("0", "False"), (None, "No module named 'flashinfer'")])
def test_vllm_does_not_ask_for_flashinfers_sampler(unset, value, said):
    """vLLM's own decision, told that there is a GPU; by itself it takes FlashInfer, which the CPU set lacks."""
    code = (
        "from types import SimpleNamespace as N\n"
        "from vllm.v1.sample.ops import topk_topp_sampler as sampler\n"
        "sampler.current_platform = N(is_cuda=lambda: True, get_device_capability=lambda: N(major=9, minor=0))\n"
        "print(sampler.flashinfer_sampler_supported())\n"
    )
    variables = os.environ | gpu.environment()
    del variables["VLLM_USE_FLASHINFER_SAMPLER"]
    variables |= {"VLLM_USE_FLASHINFER_SAMPLER": value} if value else {}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, timeout=100)
    assert said in (done.stdout + done.stderr).splitlines()[-1]


def test_deepspeed_has_the_operations(unset):
    from deepspeed.ops.op_builder import cpu_adam, fused_adam

    assert {cpu_adam.CPUAdamBuilder.__name__, fused_adam.FusedAdamBuilder.__name__} == set(gpu.OPERATIONS.values())
    assert {cpu_adam.CPUAdamBuilder.NAME, fused_adam.FusedAdamBuilder.NAME} == gpu.OPERATIONS.keys()


def test_nothing_is_compiled_where_no_gpu_is(machine):
    machine(nvidia_smi.NO_DEVICES)
    run = lambda *flags: subprocess.run(  # noqa: E731
        [sys.executable, "-m", "train.gpu", *flags], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    done = run()
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: no GPU is visible here; run this on a machine that has those of the run\n"
    assert run("fused_adm").stderr == "error: fused_adm: no such operation; known are fused_adam, cpu_adam\n"
    assert run("--visible").returncode == 1
    assert run("--architectures").stdout == "80;90;100;120\n"
    machine(nvidia_smi.answer())
    assert run("--visible").returncode == 0
    assert run("--architectures").stdout == "90\n"
