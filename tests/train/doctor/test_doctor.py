"""The doctor as it is called: table, JSON, exit code, every node of a cluster; and before a GPU run."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import subprocess
import sys
from dataclasses import replace
from types import SimpleNamespace

import machines
import nvidia_smi
import pytest
from rich.console import Console

from lim.utils.errors import InputError
from lim.utils.paths import ROOT
from train import gpu
from train.doctor import __main__ as doctor
from train.doctor import examine, machine
from train.doctor.checks import Line
from train.recipe import recipe
from train.recipe.resolve import resolve

GOOD = replace(machines.GOOD, name="here", python="3.11.9", driver_cuda=None, operations={}, models={})


@pytest.fixture
def here(tmp_path, monkeypatch):
    """This machine is GOOD, or what it is changed to; what was asked of it is kept."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    state = SimpleNamespace(machine=GOOD, asked=[])

    def collect(question):
        state.asked.append(question)
        built = {"operations": dict.fromkeys(question.operations, "built")}
        return replace(state.machine, models=dict.fromkeys(question.models, "here"), **built)

    monkeypatch.setattr(examine, "collect", collect)
    monkeypatch.setattr(examine.gpu, "available_gpus", lambda: len(state.machine.gpus))
    return state


def table(capsys, *arguments: str) -> tuple[int, str]:
    code = doctor.main(list(arguments))
    return code, capsys.readouterr().out


def test_a_machine_without_a_recipe(here, capsys):
    code, text = table(capsys)
    assert code == 0
    assert text.splitlines()[1] == "ok       GPUs                8 × NVIDIA H100 80GB HBM3 (80 GiB)"
    assert text.endswith("nothing is missing\n")
    assert [question.operations for question in here.asked] == [("fused_adam", "cpu_adam")]


def test_what_is_wrong_comes_with_what_to_do(here, capsys):
    here.machine = replace(GOOD, gpus=gpu.read(nvidia_smi.answer(driver_version="570.86.15")), open_files=1024)
    code, text = table(capsys)
    assert code == 2
    lines = text.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("error"))
    assert lines[at].split() == ["error", "driver", "570.86.15"]
    assert lines[at + 1].strip() == "→ torch 2.13.0 is built for CUDA 13: install NVIDIA's driver 580 or newer"
    assert lines[-1] == "1 error, 1 warning"


def test_prompts_may_be_a_set_of_the_hub(here, capsys):
    _, text = table(capsys, "arithmetic-cpu", "run.prompt_file=someone/sums", "run.val_file=null")
    assert [line for line in text.splitlines() if " data " in line] == [
        "ok       data                someone/sums, a set of the hub"
    ]


def test_a_recipe(here, capsys):
    code, text = table(capsys, "math.8k", "+colocated-8gpu")
    assert code == 2
    errors = [line for line in text.splitlines() if line.startswith("error")]
    assert errors == ["error    data                data/prompts/math8k.json: no such file"]
    assert "→ make it with: python -m data.prepare math8k" in text
    assert "8 on 1 machine, 8 needed" in text
    assert "ok       head counts         28 attention, 4 key-value, 1 GPU per engine" in text
    [question] = here.asked
    assert question.models == ("Qwen/Qwen2.5-Math-7B",)
    assert question.operations == ("fused_adam",)
    assert question.folder.endswith("data/output/math.8k")
    (code, _), (_, adam) = (
        table(capsys, "math.8k", "--without", "data"),
        table(capsys, "math.8k", "ds.adam_offload=true"),
    )
    assert code == 2  # 16 GPUs
    assert "cpu_adam" in adam and "fused_adam" not in adam


def test_json(here, capsys):
    code, text = table(capsys, "math.8k", "--json")
    found = json.loads(text)
    assert (code, found["ok"]) == (2, False)
    assert {tuple(check) for check in found["checks"]} == {("check", "state", "found", "fix", "node")}
    by_name = {check["check"]: check for check in found["checks"]}
    assert by_name["placement"]["state"] == "error"
    assert by_name["placement"]["found"] == "8 on 1 machine, 16 needed"
    assert by_name["driver"] == {"check": "driver", "state": "ok", "found": "580.105.08", "fix": "", "node": ""}
    code, text = table(capsys, "math.8k", "+colocated-8gpu", "--without", "data", "--json")
    assert (code, json.loads(text)["ok"]) == (0, True)


def test_head_counts(here, capsys):
    split = ["math.8k", "+colocated-8gpu", "vllm.num_engines=1", "vllm.tensor_parallel_size=8", "--without", "data"]
    code, text = table(capsys, *split)
    assert code == 2 and "→ vllm.tensor_parallel_size=8: Qwen/Qwen2.5-Math-7B has 28 attention heads" in text
    code, text = table(capsys, *split, "actor.model_name_or_path=of/another")
    assert code == 0 and "warning  head counts" in text and "run.shape" in text


def test_a_recipe_that_cannot_be_read_is_a_line_and_the_machine_is_looked_at(here, capsys):
    code, text = table(capsys, "math.8j")
    assert code == 2
    assert "→ math.8j: no such recipe or overlay; did you mean math.8k" in text
    assert "compute capability" in text


def test_before_an_installation_only_the_machine_is_looked_at(here, capsys):
    here.machine = replace(GOOD, packages={}, ninja=None, torch_cuda=None, flash_attn="not installed", gpus=[])
    code, text = table(capsys, "--gpu", "--without", "packages", "--without", "data")
    assert code == 0
    assert "warning  GPUs" in text
    assert "packages" not in text and "flash-attn" not in text
    assert not here.asked[0].flash_attn and here.asked[0].operations == ()
    assert (
        table(capsys, "arithmetic-cpu", "+colocated-1gpu", "--without", "packages", "--without", "data")[0] == 2
    )  # no GPU


# A cluster.


class FakeRay:
    """Ray with nodes whose answers are given: a Machine or an exception."""

    def __init__(self, nodes: dict[str, machine.Machine | Exception], **resources: dict[str, float]) -> None:
        """`resources` of a node, where they are not 96 CPUs and the GPUs that it has."""
        self.answers, self.ended, self.where, self.resources = nodes, False, [], resources

    def nodes(self):
        dead = {"Alive": False, "NodeID": "0" * 56, "NodeManagerAddress": "gone", "Resources": {}}
        return [dead, *({"Alive": True, "NodeID": name * 56, **self.node(name)} for name in self.answers)]

    def node(self, name):
        gpus = len(getattr(self.answers[name], "gpus", []))
        found = {"CPU": 96.0} | ({"GPU": float(gpus)} if gpus else {})  # Ray leaves out what there is none of
        return {"NodeManagerAddress": name, "Resources": self.resources.get(name, found)}

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: "b" * 56)

    def remote(self, **options):
        assert options["num_cpus"] == 0
        self.variables = options["runtime_env"]["env_vars"]
        return lambda function: SimpleNamespace(options=self.on_node)

    def on_node(self, scheduling_strategy):
        assert not scheduling_strategy.soft
        return SimpleNamespace(remote=lambda question: self.asked(scheduling_strategy.node_id[0], question))

    def asked(self, node, question):
        self.where.append((node, question))
        return node

    def wait(self, answers, num_returns, timeout):
        assert num_returns == len(answers)

    def get(self, node, timeout):
        answer = self.answers[node]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def shutdown(self):
        self.ended = True


def test_every_node_is_asked(here, capsys, monkeypatch):
    ray = FakeRay(
        {
            "a": GOOD,
            "b": GOOD,
            "c": replace(GOOD, ninja=None, commit="ffffffffffff"),
            "d": RuntimeError("No module named 'train'"),
        }
    )
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    for name in ("HF_HOME", "TRANSFORMERS_OFFLINE", "PYTORCH_CUDA_ALLOC_CONF", "VLLM_HOST_IP"):
        monkeypatch.setenv(name, "/shared")
    monkeypatch.setattr(examine, "connect", lambda *_: ray)
    code, text = table(capsys, "math.8k", "--without", "data")
    assert code == 2 and ray.ended
    assert [node for node, _ in ray.where] == ["b", "a", "c", "d"]  # this machine's first
    # Each node's own PATH decides whether ninja is there; the rest is what a run would carry.
    assert ray.variables.keys() >= {"TORCH_EXTENSIONS_DIR", "PYTHONPATH", "HF_HOME", "TRANSFORMERS_OFFLINE"}
    assert "PYTORCH_CUDA_ALLOC_CONF" in ray.variables
    assert not ray.variables.keys() & {"PATH", "VLLM_HOST_IP"}
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert "error node d: gave no answer (No module named 'train')" in lines
    assert "ok driver 580.105.08" in lines  # once, for all
    assert "ok ninja b, a: /p/.venv/bin/ninja" in lines
    assert "error ninja c: not on PATH" in lines
    assert "error one commit c: ffffffffffff (unlike b)" in lines
    assert "ok placement 24 on 3 machines, 16 needed" in lines
    assert lines[-1] == "3 errors"


def test_a_head_without_gpus_is_as_good_as_any(here, capsys, monkeypatch):
    ray = FakeRay({"b": replace(GOOD, gpus=[], toolkit=None, flash_attn="not installed"), "a": GOOD, "c": GOOD})
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setattr(examine, "connect", lambda *_: ray)
    code, text = table(capsys, "math.8k", "--without", "data")
    assert code == 0
    assert "b: none, so no model is placed there" in text and "16 on 3 machines, 16 needed" in text


def errors_of(capsys, *changes: str) -> tuple[int, list[str]]:
    code, text = table(capsys, *changes, "--without", "data")
    return code, [" ".join(line.split()) for line in text.splitlines() if line.startswith("error")]


def test_rays_books_are_compared_with_what_is_there(here, capsys, monkeypatch):
    """A head without GPUs that hands out logical ones would get models, and the trainer waits for a CPU for ever."""
    nodes = {"b": replace(GOOD, gpus=[]), "a": GOOD, "c": GOOD}
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    ray = FakeRay(nodes, b={"CPU": 96.0, "GPU": 4.0})
    monkeypatch.setattr(examine, "connect", lambda *_: ray)
    assert errors_of(capsys, "math.8k") == (2, ["error Ray's GPUs b: Ray hands out 4, and 0 are there"])
    ray.resources = {"a": {"CPU": 7.0, "GPU": 8.0}, "c": {"CPU": 8.0, "GPU": 8.0}}
    assert errors_of(capsys, "math.8k") == (2, ["error CPUs a: 7, 8 needed"])
    ray.resources = {"a": {"CPU": 9.0, "GPU": 2.0}}  # started with GPUS=2
    assert errors_of(capsys, "math.8k") == (2, ["error placement 10 on 3 machines, 16 needed"])


def test_one_machine_needs_a_cpu_for_the_trainer(here, capsys):
    here.machine = replace(GOOD, cpus=8)
    assert errors_of(capsys, "math.8k", "+colocated-8gpu") == (2, ["error CPUs 8, 9 needed"])
    here.machine = replace(GOOD, cpus=9)
    assert errors_of(capsys, "math.8k", "+colocated-8gpu") == (0, [])
    here.machine = replace(GOOD, cpus=2)
    assert errors_of(capsys, "math.8k", "+qwen2.5-math-1.5b") == (0, [])


def test_the_folder_of_a_run_is_seen_by_all_that_write_to_it(here, capsys, monkeypatch, tmp_path):
    """A machine whose disk is its own would keep its part of each checkpoint, and no other would find it."""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    ray = FakeRay({"b": GOOD, "a": replace(GOOD, sees_folder=False)})
    monkeypatch.setattr(examine, "connect", lambda *_: ray)
    made = []
    asked = ray.asked

    def look(node, question):
        made.append(os.path.dirname(question.token) == str(tmp_path) and machine.sees(question.token))
        return asked(node, question)

    monkeypatch.setattr(ray, "asked", look)
    said = "error run folder a: a file made there is not seen on this machine"
    assert errors_of(capsys, "math.8k") == (2, [said])
    assert made == [True, True]
    assert list(tmp_path.iterdir()) == []  # nor is it left


@pytest.mark.parametrize(("overlay", "compiles"), [("paper-16gpu", True), ("colocated-8gpu", False), ("cpu", False)])
def test_where_vllm_compiles_the_model_it_needs_its_cache(here, overlay, compiles):
    resolved = examine.resolve(examine.recipe.load("math.8k", [overlay]))
    assert examine.ask(resolved, examine.needs_of(resolved, installed=True)).compiles is compiles
    assert not examine.ask(None, examine.needs_of(None, installed=True)).compiles


def test_a_cache_that_is_another_users(here, capsys):
    """A shared HF_HOME may be read only: models load from it, but the trainer could not read the prompts."""
    here.machine = replace(GOOD, caches={"HF_DATASETS_CACHE": "/shared/huggingface"})
    said = "error cache /shared/huggingface cannot be written to"
    assert errors_of(capsys, "math.8k", "+colocated-8gpu") == (2, [said])
    code, text = table(capsys)
    assert code == 0 and "→ a run writes there; set HF_DATASETS_CACHE to a folder" in text  # a warning without a run


def test_wandb_is_asked_about_where_the_trainer_will_be(here, capsys, monkeypatch):
    monkeypatch.setenv("WANDB_API_KEY", "k")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: object() if name == "wandb" else None)
    here.machine = replace(GOOD, wandb="https://api.wandb.ai cannot be reached (timed out)")
    code, errors = errors_of(capsys, "math.8k", "+colocated-8gpu")
    assert (code, errors) == (2, ["error W&B https://api.wandb.ai cannot be reached (timed out)"])
    assert here.asked[-1].wandb
    monkeypatch.delenv("WANDB_API_KEY")
    errors_of(capsys, "math.8k", "+colocated-8gpu")
    assert not here.asked[-1].wandb


def test_nodes_of_one_machine_keep_names_of_their_own(here, monkeypatch):
    ray = FakeRay({"a": GOOD, "b": GOOD})
    monkeypatch.setattr(examine, "connect", lambda *_: ray)
    nodes = ray.nodes()
    for node in nodes:
        node["NodeManagerAddress"] = "127.0.0.1"
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    machines, silent = examine.on_every_node("127.0.0.1:1", machine.Question({}, "."))
    assert [item.name for item in machines] == ["127.0.0.1 (bbbbbb)", "127.0.0.1 (aaaaaa)"]
    assert silent == []


def test_a_cluster_that_cannot_be_joined_is_a_line(here, capsys, monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")

    def connect(address, seconds):
        raise InputError(f"{address}: this machine has not joined that Ray cluster")

    monkeypatch.setattr(examine, "connect", connect)
    code, text = table(capsys)
    assert code == 2
    assert "error    cluster  10.0.0.1:6379" in text and "has not joined" in text


# Before a run.


def refuse(*changes: str) -> str:
    output = io.StringIO()
    resolved = resolve(recipe.load("math.8k", *recipe.split(changes)))
    examine.refuse(resolved, Console(file=output, highlight=False, soft_wrap=True))
    return output.getvalue()


def test_a_run_that_could_not_work_is_refused(here, tmp_path):
    (tmp_path / "data" / "prompts").mkdir(parents=True)
    (tmp_path / "data" / "prompts" / "math8k.json").touch()
    assert refuse("+colocated-8gpu") == ""
    here.machine = replace(GOOD, open_files=1024)
    assert "open files" in refuse("+colocated-8gpu")
    here.machine = replace(GOOD, toolkit=None, ninja=None)
    with pytest.raises(InputError) as refused:
        refuse("+colocated-8gpu")
    assert str(refused.value).startswith("CUDA toolkit: no nvcc; install the CUDA toolkit 13.0")
    assert str(refused.value).endswith("(all checks: bash scripts/doctor.sh)")


def test_lines_of_several_machines_are_put_together():
    lines = [
        Line("data", "ok", "p.json"),
        *(Line("driver", "ok", "580", "never shown", node) for node in "ab"),
        *(Line("memory", "ok" if node == "a" else "error", "1 GB", "more", node) for node in "ab"),
        Line("node", "error", "silent", "look", "c"),
    ]
    assert examine.together(lines, 2) == [
        Line("data", "ok", "p.json"),
        Line("driver", "ok", "580"),
        Line("memory", "ok", "1 GB", "", "a"),
        Line("memory", "error", "1 GB", "more", "b"),
        Line("node", "error", "silent", "look", "c"),
    ]


def test_the_doctor_needs_neither_torch_nor_ray_nor_openrlhf(tmp_path):
    code = (
        "import sys\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('openrlhf', 'torch', 'ray', 'vllm', 'transformers', 'deepspeed'):\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        "import importlib.util\n"
        "real = importlib.util.find_spec\n"
        "absent = ('openrlhf', 'torch', 'flash_attn')\n"
        "importlib.util.find_spec = lambda name, *rest: None if name in absent else real(name, *rest)\n"
        "from train.doctor.__main__ import main\n"
        "sys.exit(main(['math.8k', '--without', 'data', '--json']))\n"
    )
    nvidia_smi.stand_in(tmp_path, nvidia_smi.TITAN_V_AND_ADA)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("RAY_ADDRESS", "CUDA_VISIBLE_DEVICES")
    }
    environment |= {"PYTHONPATH": str(ROOT), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 2, done.stderr
    states = {check["check"]: (check["state"], check["found"]) for check in json.loads(done.stdout)["checks"]}
    assert states["driver"] == ("error", "570.86.15")
    assert states["compute capability"] == ("error", "7.0 (NVIDIA TITAN V)")
    assert states["GPUs"] == ("warning", "1 × NVIDIA RTX 5880 Ada Generation, 1 × NVIDIA TITAN V")
