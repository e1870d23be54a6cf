"""Training end to end on the CPU: real Ray, OpenRLHF, vLLM and DeepSpeed on a model of 0.1M parameters.

Each run takes most of a minute to start, so each is asked several things.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = Path(__file__).with_name("trainer_probe.py")
PROMPTS, VALIDATION, SAMPLES, EPOCHS = 60, 8, 4, 2
STEPS = 6  # three an epoch: 24 + 24 + 12 prompts, the last with 48 samples for train batches of 32
REWARD = '''
"""A reward that can be learned in a few steps: a 7 among the first four symbols."""
import threading

LIMIT = {limit}
calls, lock = [0], threading.Lock()


def reward_func(queries, prompts, labels):
    with lock:
        calls[0] += 1
        if calls[0] > LIMIT:
            raise ValueError("broken on purpose")
    good = "7" in queries[0][len(prompts[0]) :][:4]
    return {{"rewards": 1.0 if good else -0.5, "scores": float(good), "extra_logs": {{"verdict": 0 if good else 1}}}}
'''


@pytest.fixture(scope="module")
def inputs(tmp_path_factory) -> Path:
    """Folder with a model that answers random digits, prompts, validation prompts and two reward functions."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from train.pretrain.tokenizer import build

    folder = tmp_path_factory.mktemp("inputs")
    tokenizer = build()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=128,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        tie_word_embeddings=False,
    )
    draw = random.Random(0)
    model = LlamaForCausalLM(config)
    answer_random_digits(model, tokenizer, draw)
    model.to(torch.bfloat16).save_pretrained(folder / "model")
    tokenizer.save_pretrained(folder / "model")
    pairs = draw.sample([(a, b) for a in range(10, 60) for b in range(10, 60)], PROMPTS + VALIDATION)
    rows = [{"id": f"p{a}-{b}", "prompt": f"What is ${a} + {b}$?", "answer": str(a + b)} for a, b in pairs]
    (folder / "prompts.json").write_text(json.dumps(rows[:PROMPTS]))
    (folder / "validation.json").write_text(json.dumps(rows[PROMPTS:]))
    (folder / "reward.py").write_text(REWARD.format(limit=10**9))
    # Each of two engines has half of the first step's 24 prompts.
    (folder / "failing.py").write_text(REWARD.format(limit=12 * SAMPLES))
    return folder


def answer_random_digits(model, tokenizer, draw: random.Random) -> None:
    """Train the model to write 6 to 18 digits and end.

    vLLM never ends a response at its first token: where the model would, the two differ, and vllm_kl tells of it.
    """
    import torch

    torch.set_num_threads(1)  # two that share a busy core wait for each other
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        texts = []
        for _ in range(32):
            digits = "".join(draw.choices("0123456789", k=draw.randint(6, 18)))
            question = f"What is ${draw.randint(10, 59)} + {draw.randint(10, 59)}$?"
            chat = [{"role": "user", "content": question}, {"role": "assistant", "content": digits}]
            texts.append(tokenizer.apply_chat_template(chat, tokenize=False))
        batch = tokenizer(texts, return_tensors="pt", padding=True, padding_side="right")
        labels = batch["input_ids"].masked_fill(batch["attention_mask"] == 0, -100)
        model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()


STARTED: list[subprocess.Popen[str]] = []


def start(inputs: Path, output: Path, *changes: str, reward: str = "reward.py", **env: str) -> subprocess.Popen[str]:
    """Launch a run; its terminal output goes to <output>/terminal.txt."""
    output.mkdir(exist_ok=True)
    command = [
        *(sys.executable, str(PROBE), "launch", "arithmetic-cpu"),
        *("run.name=run", f"run.output_dir={output}", f"run.epochs={EPOCHS}", "run.epoch_prompts=null"),
        *(f"run.prompt_file={inputs / 'prompts.json'}", f"run.val_file={inputs / 'validation.json'}"),
        *(f"{role}.model_name_or_path={inputs / 'model'}" for role in ("actor", "critic")),
        *(f"{role}.adam.lr=1e-3" for role in ("actor", "critic")),
        *(f"reward.remote_url={inputs / reward}", "run.keep_checkpoints=2", "run.warmup_steps=0"),
        *("rollout.batch_size=24", f"rollout.n_samples_per_prompt={SAMPLES}", "rollout.micro_batch_size=16"),
        *("train.batch_size=32", "train.micro_batch_size=16", "rollout.max_new_tokens=24", "data.max_len=48"),
        *("ckpt.save_steps=2", "eval.steps=2", "algo.advantage.is_correction_level=token"),
        *changes,
    ]
    with open(output / "terminal.txt", "a") as terminal:
        run = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **env}, stdout=terminal, stderr=terminal)
    STARTED.append(run)
    return run


@pytest.fixture(autouse=True)
def nothing_is_left_running():
    """A failing test's run ends with it."""
    yield
    for run in STARTED:
        if run.poll() is None:
            run.terminate()
            run.wait(60)
    STARTED.clear()


def terminal(output: Path) -> str:
    return (output / "terminal.txt").read_text()


def wait(done, run: subprocess.Popen[str], output: Path, seconds: float = 420.0) -> None:
    """Return when `done()`; fail when the run ends before or the time is up."""
    end = time.monotonic() + seconds
    while not done():
        assert run.poll() is None and time.monotonic() < end, terminal(output)[-3000:]
        time.sleep(0.05)


def family(run: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(run.pid).children(recursive=True)


def all_gone(processes: list[psutil.Process]) -> bool:
    return not [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def logged(folder: Path, step: int) -> bool:
    return (folder / f"step_{step}.parquet").exists()


def kill(run: subprocess.Popen[str], output: Path, which: str) -> None:
    """kill -9 the run's process whose command line holds `which`; the rest must end within 20 s."""
    before = family(run)
    victim = next(process for process in before if which in " ".join(process.cmdline()))
    started = time.monotonic()
    victim.kill()
    assert run.wait(timeout=60) == 1, terminal(output)[-3000:]
    # The driver learns of a worker's death when it next waits for it.
    assert time.monotonic() - started < 30
    assert all_gone(before)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_two_epochs_over_two_kills(inputs, tmp_path):
    """Two vLLM engines; a Ray worker and then the driver are killed; the third try finishes the run."""
    folder, began = tmp_path / "run", time.time()
    run = start(inputs, tmp_path, "vllm.num_engines=2")
    wait(lambda: logged(folder, 3), run, tmp_path)
    kill(run, tmp_path, "ray::PolicyModelActor")
    run = start(inputs, tmp_path, "vllm.num_engines=2", "run.resume=true")
    wait(lambda: logged(folder, 5), run, tmp_path)
    kill(run, tmp_path, "trainer_probe.py train")
    run = start(inputs, tmp_path, "vllm.num_engines=2", "run.resume=true")
    wait(lambda: logged(folder, 6), run, tmp_path)
    everything = family(run)
    assert run.wait(timeout=420) == 0, terminal(tmp_path)[-3000:]
    assert all_gone(everything)
    assert "resuming after step 2" in terminal(tmp_path) and "resuming after step 4" in terminal(tmp_path)

    every_sample_is_logged_once(folder, {row["id"] for row in json.loads((inputs / "prompts.json").read_text())})
    vllm_follows_the_trainer(folder)
    checkpoints_load(folder, inputs)
    the_model_learned(folder)
    compiled = [path for path in Path(sys.prefix, "torch_extensions").glob("*/*.so") if path.stat().st_mtime > began]
    assert not compiled, "the set-up compiles what a run loads (train.cpu.OPERATIONS)"


def every_sample_is_logged_once(folder: Path, ids: set[str]) -> None:
    table = pq.read_table(sorted(folder.glob("step_*.parquet")))
    rows = table.to_pylist()
    seen = Counter((row["epoch"], row["prompt_id"], row["sample"]) for row in rows)
    assert len(seen) == EPOCHS * PROMPTS * SAMPLES and set(seen.values()) == {1}
    assert {row["prompt_id"] for row in rows} == ids
    steps = Counter((row["epoch"], row["step"]) for row in rows)
    full, rest = 24 * SAMPLES, 12 * SAMPLES
    assert steps == {(1, 1): full, (1, 2): full, (1, 3): rest, (2, 4): full, (2, 5): full, (2, 6): rest}
    assert {row["verdict"] for row in rows} == {"correct", "incorrect"}
    assert all((row["reward"] == 1.0) == (row["verdict"] == "correct") for row in rows)
    assert all(1 <= row["response_tokens"] <= 24 for row in rows)
    orders = [[row["prompt_id"] for row in rows if row["epoch"] == epoch] for epoch in (1, 2)]
    assert orders[0] != orders[1]


@pytest.mark.slow
@pytest.mark.timeout(800)
def test_a_choice_inside_a_run_over_a_kill_after_it(inputs, tmp_path):
    """Two epochs over 60 prompts, then 16 of them; the driver is killed before a checkpoint has the choice."""
    folder, select = tmp_path / "run", "run.select={after_epoch: 2, top_k: 16}"
    changes = ("vllm.num_engines=2", "run.epochs=3", select, "actor.lr_scheduler=cosine_with_min_lr")
    run = start(inputs, tmp_path, *changes)
    wait(lambda: logged(folder, 7), run, tmp_path)
    kill(run, tmp_path, "trainer_probe.py train")
    run = start(inputs, tmp_path, *changes, "run.resume=true")
    wait(lambda: logged(folder, 9), run, tmp_path)
    everything = family(run)
    assert run.wait(timeout=420) == 0, terminal(tmp_path)[-3000:]
    assert all_gone(everything)
    assert "resuming after step 6" in terminal(tmp_path)
    assert terminal(tmp_path).count("chosen after epoch 2 (step 6): 16 of 60 prompts by lim, top 16") == 2

    # 3 x 7 optimiser steps without the choice; 16 prompts make 2 an epoch: 4 epochs for the 7 that are left.
    rows = pq.read_table(sorted(folder.glob("step_*.parquet"))).to_pylist()
    assert set(Counter((row["epoch"], row["prompt_id"], row["sample"]) for row in rows).values()) == {1}
    steps = Counter((row["epoch"], row["step"]) for row in rows)
    assert {at: count for at, count in steps.items() if at[1] > 6} == {(s - 4, s): 64 for s in (7, 8, 9, 10)}
    ids = {row["id"] for row in json.loads((folder / "chosen" / "after_step_6.json").read_text())}
    assert all((row["prompt_id"] in ids and row["chosen_at"] == 6) for row in rows if row["step"] > 6)
    record = json.loads((folder / "run.json").read_text())
    assert (record["epochs"], record["steps"], record["optimizer_steps"]) == (6, 10, 22)
    # The learning rate falls from the first to the last of these 22 optimiser steps, to a tenth.
    rates = [float(rate) for rate in re.findall(r"'actor_lr': ([-+.e\d]+)", (folder / "train.log").read_text())]
    assert max(rates) > 9e-4 and rates[-1] == pytest.approx(1e-4, rel=1e-3), rates
    probes = [json.loads(line) for line in (folder / "probe.jsonl").read_text().splitlines()]
    assert all(probe["vllm_kl"] < 5e-3 and len(set(probe["engine_sums"])) == 1 for probe in probes)
    assert {path.name for path in (folder / "ckpt").glob("global_step10_hf")} and (folder / "best.json").exists()
    again = [sys.executable, "lim_selection.py", "--train_samples_path", str(folder), "--original_prompts_path"]
    again += [str(inputs / "prompts.json"), "--output_path", str(tmp_path / "lim.json"), "--top_k", "16"]
    done = subprocess.run(again, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "give --max_epochs 2" in done.stderr
    subprocess.run([*again, "--max_epochs", "2"], cwd=ROOT, check=True, capture_output=True)
    assert {row["id"] for row in json.loads((tmp_path / "lim.json").read_text())} == ids


def vllm_follows_the_trainer(folder: Path) -> None:
    from safetensors.torch import load_file

    probes = [json.loads(line) for line in (folder / "probe.jsonl").read_text().splitlines()]
    assert {probe["step"] for probe in probes} == set(range(1, STEPS + 1))
    for probe in probes:
        # Rounding to bf16 gave 1.5e-4 to 1.1e-3; weights that are not synchronised give 0.3 after 12 steps.
        assert probe["vllm_kl"] < 5e-3, probe
        assert len(probe["engine_sums"]) == 2
        assert len(set(probe["engine_sums"])) == 1, probe
    last = {probe["step"]: probe["engine_sums"][0] for probe in probes}
    assert len(set(last.values())) == STEPS  # every step changed the weights
    for step in (4, 6):
        weights = load_file(folder / "ckpt" / f"global_step{step}_hf" / "model.safetensors")
        total = sum(weight.double().abs().sum().item() for weight in weights.values())
        assert total == pytest.approx(last[step], rel=1e-9)


def checkpoints_load(folder: Path, inputs: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    best = json.loads((folder / "best.json").read_text())
    kept = {path.name for path in (folder / "ckpt").glob("*_hf")}
    assert kept == {f"global_step{step}_hf" for step in {4, 6, best["step"]}}
    assert 0 <= best["accuracy"] <= 1
    assert list((folder / "tensorboard").rglob("events.out.tfevents.*"))
    final = AutoModelForCausalLM.from_pretrained(folder / "final")
    last = AutoModelForCausalLM.from_pretrained(folder / "ckpt" / "global_step6_hf")
    base = AutoModelForCausalLM.from_pretrained(inputs / "model")
    assert all(torch.equal(a, b) for a, b in zip(final.parameters(), last.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(final.parameters(), base.parameters(), strict=True))
    tokenizer = AutoTokenizer.from_pretrained(folder / "final")
    assert tokenizer.decode(tokenizer("What is $12 + 7$?")["input_ids"]) == "What is $12 + 7$?"
    from train import cpu

    code = (
        "import sys, vllm; engine = vllm.LLM(sys.argv[1], enforce_eager=True, max_model_len=48, "
        "gpu_memory_utilization=0.3); "
        "print('tokens', len(engine.generate(['What is $12 + 7$?'])[0].outputs[0].token_ids))"
    )
    env = {**os.environ, **cpu.environment(), "LIM_CPU": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "final")], env=env, capture_output=True, text=True, timeout=200
    )
    assert "tokens " in done.stdout, done.stderr[-2000:]


def the_model_learned(folder: Path) -> None:
    """Mean reward (from -0.5 to 1) of the last two steps is above that of the first three by 0.1 or more.

    Without learning the difference is 0 with a standard error of 0.07. Seen in three runs: 0.18, 0.39 and 0.41.
    """
    rewards = [pq.read_table(folder / f"step_{step}.parquet")["reward"].to_pylist() for step in range(1, STEPS + 1)]
    first, last = rewards[0] + rewards[1] + rewards[2], rewards[4] + rewards[5]
    assert sum(last) / len(last) > sum(first) / len(first) + 0.1


@pytest.mark.slow
@pytest.mark.timeout(800)
def test_two_nodes_and_a_reward_function_that_fails(inputs, tmp_path):
    """Head and worker on this machine; the first step runs over both, the second ends with the reward's message."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    script = ["bash", "scripts/ray_cluster.sh"]
    env = {**os.environ, "NODE_IP": "127.0.0.1", "PORT": str(port), "PYTHON": sys.executable}
    env["RAY_OVERRIDE_RESOURCES"] = '{"CPU": 6}'  # each role takes a logical one
    quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    nodes = [
        subprocess.Popen([*script, "head"], env={**env, "GPUS": "2"}, **quiet),
        subprocess.Popen([*script, "worker", address], env={**env, "GPUS": "3"}, **quiet),
    ]
    try:
        cluster = {**env, "RAY_ADDRESS": address}
        subprocess.run([*script, "wait", "2"], env=cluster, cwd=ROOT, check=True, timeout=120)
        # The two engines fill a node by more than half, and the actor, which comes next, goes to the other.
        run = start(inputs, tmp_path, "vllm.num_engines=2", reward="failing.py", RAY_ADDRESS=address)
        assert run.wait(timeout=420) == 1, terminal(tmp_path)[-3000:]
        folder = tmp_path / "run"
        assert terminal(tmp_path).splitlines()[-2] == "error: the reward function failed: broken on purpose"
        assert len(list(folder.glob("step_*.parquet"))) == 1
        probe = json.loads((folder / "probe.jsonl").read_text())
        assert set(probe["engine_nodes"]).isdisjoint(probe["actor_nodes"])
        assert probe["vllm_kl"] < 5e-3
    finally:
        everything = [process for node in nodes for process in psutil.Process(node.pid).children(recursive=True)]
        for node in nodes:
            node.send_signal(signal.SIGTERM)
        for node in nodes:
            node.wait(timeout=30)
        for process in everything:
            if process.is_running():
                process.kill()
