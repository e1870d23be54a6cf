"""Recipes: merging, what is refused and how, and every committed file against OpenRLHF's own parser."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from lim.utils.errors import InputError
from train import cpu
from train.recipe import files, flags, recipe

RECIPES = sorted(path.stem for path in files.CONFIGS.glob("*.yaml"))
MODELS = sorted(path.stem for path in (files.CONFIGS / "model").glob("*.yaml"))
PLACEMENTS = sorted(path.stem for path in (files.CONFIGS / "placement").glob("*.yaml"))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_parses_with_openrlhf(name):
    loaded = recipe.load(name)
    assert loaded.flags_checked
    parsed = vars(recipe.check_flags(recipe.openrlhf_parser(), loaded.flags))
    assert parsed["algo.advantage.estimator"] == "gae"
    assert parsed["train.colocate_all"] is False


@pytest.mark.parametrize("name", [*MODELS, *PLACEMENTS])
def test_every_overlay_parses_with_openrlhf(name):
    assert recipe.load("math.8k", [name]).flags_checked


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("below", ["math.8k", "arithmetic-cpu"])
def test_a_model_overlay_leaves_no_other_model_to_the_critic(below, name):
    loaded = recipe.load(below, [name])
    assert (loaded.get("critic.model_name_or_path") or loaded.get("actor.model_name_or_path")).startswith("Qwen/")


def test_another_actor_alone_is_the_critics_model_too():
    loaded = recipe.load("math.8k", overrides=["actor.model_name_or_path=some/model"])
    assert not any("Qwen" in word for word in recipe.to_arguments(loaded.flags))


def test_the_parser_is_openrlhfs():
    parser = recipe.openrlhf_parser()
    parsed = vars(parser.parse_args(["--actor.adam.lr", "1e-6", "--train.colocate_all"]))
    assert parsed["actor.adam.lr"] == 1e-6
    assert parsed["train.colocate_all"] is True
    assert parsed["critic.adam.lr"] == 9e-6
    assert parsed["vllm.sync_backend"] == "nccl"


def test_a_flag_that_would_spoil_the_critic_is_refused():
    with pytest.raises(InputError, match=r"reward\.normalize_enable: does nothing for a rule-based reward"):
        recipe.load("math.8k", overrides=["reward.normalize_enable=true"])


@pytest.mark.parametrize(
    ("override", "why"),
    [("train.agent_func_path=agent.py", "rewards are not those of"), ("train.async_enable=true", "has no epochs")],
)
def test_what_would_replace_the_reward_or_the_epochs_is_refused_before_the_start(override: str, why: str) -> None:
    with pytest.raises(InputError, match=rf"^{re.escape(override.split('=')[0])}: .*{why}.*remove it"):
        recipe.load("math.8k", overrides=[override])


@pytest.mark.parametrize("override", ["ds.param_dtype=fp16", "ds.load_in_4bit=true", "ds.lora.rank=16"])
def test_weights_that_vllm_would_not_take_after_the_first_step_are_refused(override):
    with pytest.raises(InputError, match=f"^{re.escape(override.split('=')[0])}[=:].*(type; |names, by which)"):
        recipe.load("math.8k", overrides=[override])
    for fine in ("ds.param_dtype=bf16", "ds.param_dtype=null", "ds.load_in_4bit=false", "ds.lora.rank=0"):
        recipe.load("math.8k", overrides=[fine])


def test_openrlhfs_engines_are_of_bf16_and_take_weights_by_the_models_names():
    spec = importlib.util.find_spec("openrlhf")
    folder = Path(spec.submodule_search_locations[0]) / "trainer" / "ray"
    assert '"dtype": "bfloat16"' in (folder / "vllm_engine.py").read_text()
    wrap = (folder / "vllm_worker_wrap.py").read_text()
    assert wrap.count("assert dtype == self.model_config.dtype") == wrap.count(
        "load_weights(weights=[(name, weight)])"
    )
    assert "model.named_parameters()" in (folder / "ppo_actor.py").read_text()


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("rollout.batch_size=0", "rollout.batch_size=0: needs at least 1"),
        ("rollout.n_samples_per_prompt=-3", "needs at least 1"),
        ("train.micro_batch_size=0", "needs at least 1"),
        ("rollout.temperature=-1", "rollout.temperature=-1: needs to be above 0"),
        ("rollout.temperature=.nan", "needs to be above 0"),
        ("run.parameters=.nan", "run.parameters=nan: expected a number above 0.0"),
        ("run.rewards={correkt: 1}", "run.rewards.correkt: unknown key; did you mean correct?"),
        ("run.rewards=1", "run.rewards=1: expected keys and values, not a whole number"),
    ],
)
def test_a_number_that_no_run_can_have_is_refused(override, says):
    with pytest.raises(InputError, match=re.escape(says)):
        recipe.load("arithmetic-cpu", overrides=[override])


@pytest.mark.parametrize(
    ("override", "says"),
    [
        # The first step would end with a division by zero, after all models were loaded and 8,192 samples made.
        ("ckpt.save_steps=0", "ckpt.save_steps=0: needs at least 1; -1: never"),
        ("eval.steps=-2", "eval.steps=-2: needs at least 1; -1: never"),
        ("logger.logging_steps=0", "logger.logging_steps=0: needs at least 1"),
        # vLLM refuses these with the first request, those of a validation hours later.
        ("rollout.temperature=2.5", "rollout.temperature=2.5: needs to be above 0 and at most 2"),
        ("eval.temperature=-0.1", "eval.temperature=-0.1: needs to be from 0 to 2"),
        ("eval.n_samples_per_prompt=0", "eval.n_samples_per_prompt=0: needs at least 1"),
        ("rollout.top_p=0", "rollout.top_p=0: needs to be above 0 and at most 1"),
        ("vllm.gpu_memory_utilization=90", "vllm.gpu_memory_utilization=90: needs to be above 0 and at most 1"),
        ("ds.zero_stage=4", "ds.zero_stage=4: needs to be 0, 1, 2 or 3"),
        ("ds.zero_stage=2.5", "ds.zero_stage=2.5: needs to be 0, 1, 2 or 3"),
        ("algo.kl.init_coef=-0.01", "algo.kl.init_coef=-0.01: needs at least 0"),
        # transformers refuses these once the model is loaded.
        ("actor.lr_scheduler=cosine_warmup", "actor.lr_scheduler=cosine_warmup: use constant, "),
        ("critic.lr_scheduler=reduce_lr_on_plateau", "critic.lr_scheduler=reduce_lr_on_plateau: use constant, "),
        # The run would go another way than asked, and a resumed one another still.
        ("rollout.vllm_generate_batch_size=256", "so few prompts, and rollout.batch_size is 1024; remove it"),
        ("rollout.vllm_generate_batch_size=2048", "asynchronous trainer takes more, and rollout.batch_size is 1024"),
        ("train.enable_ema=true", "train.enable_ema: the averaged weights, which it saves as the model, are in no"),
        ("ds.use_universal_ckpt=true", "ds.use_universal_ckpt: a resumed run would not find its checkpoint"),
        ("ckpt.max_mem=500", "ckpt.max_mem: it deletes checkpoints by their size"),
        ("train.colocate_critic_reward=true", "train.colocate_critic_reward: there is no reward model"),
        ("ds.attn_implementation=sdpa", "attn_implementation=sdpa: ds.packing_samples packs samples, for which"),
        ("vllm.sync_backend=gloo", "vllm.sync_backend=gloo: on GPUs the weights reach vLLM by nccl"),
    ],
)
def test_what_would_end_a_run_late_or_change_it_is_refused_before_it_starts(override, says):
    with pytest.raises(InputError, match=re.escape(says)):
        recipe.load("math.8k", overrides=[override])


@pytest.mark.parametrize(
    "change",
    ["rollout.vllm_generate_batch_size=half", "rollout.batch_size=1k", "ds.ring_attn_size=two"]
    + [
        "ds.packing_samples=maybe",
        "train.dynamic_batch_enable=maybe",
        "ds.zero_stage=three",
        "rollout.temperature=hot",
    ],
)
def test_a_value_of_another_type_is_left_to_the_parser(change):
    with pytest.raises(InputError, match=rf"{change.partition('=')[0]}\b.*{change.partition('=')[2]}"):
        recipe.load("math.8k", overrides=[change])


@pytest.mark.parametrize(
    "changes",
    [
        ["ckpt.save_steps=-1", "eval.steps=3", "eval.temperature=0", "rollout.temperature=2", "rollout.top_p=1"],
        ["ckpt.max_num=1", "train.enable_ema=false", "rollout.vllm_generate_batch_size=1024"],
        ["ds.packing_samples=false", "ds.attn_implementation=eager", "algo.kl.init_coef=0"],
        ["ds.attn_implementation=flash_attention_3", "vllm.sync_backend=null", "actor.lr_scheduler=linear"],
    ],
)
def test_what_a_run_can_have_is_taken(changes):
    recipe.load("math.8k", overrides=changes)


@pytest.mark.parametrize("packs", ["train.dynamic_batch_enable=true", "ds.ring_attn_size=4"])
def test_what_packs_samples_needs_flash_attention(packs):
    """OpenRLHF packs for these, too, whatever ds.packing_samples says."""
    changes = ["ds.packing_samples=false", "ds.attn_implementation=eager", packs]
    with pytest.raises(InputError, match=rf"eager: {re.escape(packs.split('=')[0])} packs samples"):
        recipe.load("math.8k", overrides=changes)


def test_schedules_are_those_that_transformers_makes_of_what_openrlhf_gives_it():
    """As openrlhf/utils/deepspeed/deepspeed.py calls it; those that are left out fail there or at the first step."""
    torch = pytest.importorskip("torch")
    from transformers.optimization import get_scheduler
    from transformers.trainer_utils import SchedulerType

    def works(name: str) -> bool:
        optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(1))], lr=1e-3)
        extra = {"min_lr_rate": 0.1} if name in ("cosine_with_min_lr", "cosine_warmup_with_min_lr") else {}
        try:
            schedule = get_scheduler(name, optimizer, 2, 8, scheduler_specific_kwargs=extra)
            optimizer.step()
            schedule.step()
        except TypeError:
            return False
        return True

    assert {kind.value for kind in SchedulerType if works(kind.value)} == set(flags.SCHEDULERS)


def test_the_papers_values():
    values = recipe.load("math.8k")
    expected = {
        "rollout.batch_size": 1024,
        "rollout.n_samples_per_prompt": 8,
        "rollout.temperature": 1.2,
        "train.batch_size": 256,
        "actor.adam.lr": 5e-7,
        "critic.adam.lr": 9e-6,
        "algo.kl.init_coef": 0.01,
        "actor.eps_clip": 0.2,
        "critic.value_clip": 0.2,
        "algo.advantage.lambd": 0.95,
        "algo.advantage.estimator": "gae",
        "data.max_len": 1024 + 3072,
        "rollout.max_new_tokens": 3072,
        "ds.zero_stage": 3,
        "ds.param_dtype": "bf16",
        "ds.packing_samples": True,
        "actor.gradient_checkpointing_enable": True,
        "ds.adam_offload": False,
        "actor.model_name_or_path": "Qwen/Qwen2.5-Math-7B",
    }
    assert {name: values.flags[name] for name in expected} == expected
    assert (values.run.epochs, values.run.warmup_steps) == (21, 10)


@pytest.mark.parametrize(
    ("full", "others"),
    [
        ("math.8k", ["limr", "rand", "linear"]),
        ("arithmetic-cpu", ["arithmetic-cpu.limr", "arithmetic-cpu.rand", "arithmetic-cpu.linear"]),
    ],
)
def test_recipes_of_one_experiment_differ_only_in_their_prompts(full, others):
    base = dict(recipe.flatten(recipe.load(full).merged))
    for name in others:
        other = dict(recipe.flatten(recipe.load(name).merged))
        differing = {key for key in {*base, *other} if base.get(key) != other.get(key)}
        assert differing == {"run.name", "run.prompt_file", "run.expect_prompts"}


@pytest.mark.parametrize(("full", "inside"), [("math.8k", "lim"), ("arithmetic-cpu", "arithmetic-cpu.lim")])
def test_lim_in_one_run_is_full_but_for_its_choice(full, inside):
    base, other = (dict(recipe.flatten(recipe.load(name).merged)) for name in (full, inside))
    differing = {key for key in {*base, *other} if base.get(key) != other.get(key)}
    choice = {"run.select.after_epoch", "run.select.top_k"}  # lim is the default
    assert differing == {"run.name", *choice}


def test_placements_set_the_same_keys():
    keys = {
        name: set(dict(recipe.flatten(OmegaConf.to_container(OmegaConf.load(files.find(name))))))
        for name in PLACEMENTS
    }
    for name in PLACEMENTS:
        assert keys[name] == keys["paper-16gpu"], f"{name} leaves settings of another placement in force"


def test_cpu_placement_holds_what_the_cpu_layer_needs():
    flags = recipe.load("arithmetic-cpu").flags
    assert {name: flags[name] for name in cpu.flags()} == cpu.flags()


def test_later_overlays_and_overrides_win():
    loaded = recipe.load("math.8k", ["qwen2.5-14b", "colocated-1gpu"], ["actor.adam.lr=1e-6", "run.seed=7"])
    assert loaded.flags["actor.model_name_or_path"] == "Qwen/Qwen2.5-14B"
    assert loaded.flags["actor.num_gpus_per_node"] == 1
    assert loaded.flags["actor.adam.lr"] == 1e-6
    assert recipe.load("math.8k", [], ["run.val-size=7"]).run.val_size == 7
    assert loaded.run.seed == 7


def test_an_unknown_key_is_said_with_the_file_it_stands_in(tmp_path):
    recipe_file, overlay = tmp_path / "own.yaml", tmp_path / "over.yaml"
    recipe_file.write_text("extends: math.8k.yaml\nrun: {epohcs: 3}\n")
    overlay.write_text("run: {seeed: 3}\n")
    for given, begins in (
        ((str(recipe_file),), f"{recipe_file}: run.epohcs: unknown key"),
        (("math.8k", [str(overlay)]), f"{overlay}: run.seeed: unknown key"),
        (("math.8k", [], ["run.nmae=x"]), "run.nmae: unknown key"),
        (("math.8k", [], ["run.val-sized=7"]), "run.val_sized: unknown key"),
        ((str(recipe_file), [], ["run.seed=2"]), f"{recipe_file}: run.epohcs: unknown key"),
    ):
        with pytest.raises(InputError) as error:
            recipe.load(*given)
        assert str(error.value).startswith(begins)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("actor.adan.lr=1e-6", "actor.adan.lr: unknown key, not a flag of OpenRLHF; did you mean actor.adam.lr?"),
        ("lr_warmup_steps=10", "lr_warmup_steps: unknown key, not a flag of OpenRLHF"),
        ("run.epoch=3", "run.epoch: unknown key; did you mean run.epochs?"),
        ("lr=1e-6", "unknown key, not a flag of OpenRLHF; did you mean actor.adam.lr or critic.adam.lr?"),
        ("prompts=my.json", "did you mean run.system_prompt, run.prompt_key or run.prompt_file?"),
        ("prompt-file=my.json", "prompt_file: unknown key, not a flag of OpenRLHF; did you mean run.prompt_file?"),
        ("batch_size=64", "did you mean train.batch_size, rollout.batch_size or train.micro_batch_size?"),
        ("seed=2", "did you mean run.seed?"),
        ("zzz=1", "zzz: unknown key, not a flag of OpenRLHF; --dry_run lists those in use"),
        ("actor.adam.lr=nan", "actor.adam.lr=nan: is not a finite number"),
        ("actor.adam.lr=1e999", "actor.adam.lr=inf: is not a finite number"),
        ("run.seed=4294967296", "run.seed=4294967296: expected a whole number of at most 4294967295"),
        ("run.epochs=99999999999999999999", "run.epochs=99999999999999999999: expected a whole number of at most"),
        ("run.seed=-1", "run.seed=-1: expected a whole number of at least 0"),
        ("run.epochs=many", "run.epochs=many: expected a whole number, not text"),
        ("run.epochs=0", "run.epochs=0: expected a whole number of at least 1"),
        ("run.val_file=null", "run.val_size=329: run.val_file says which file"),
        ("run.device=tpu", "run.device=tpu: use gpu or cpu"),
        ("run.name=a/b", "run.name=a/b: use letters, digits and . _ + - only"),
        ("run.name=../b", "run.name=../b: use letters"),
        ("run=3", "run is not a block of keys and values"),
        ("actor.adam.lr=fast", "argument --actor.adam.lr: invalid float value: 'fast'"),
        ("actor.adam.lr=true", "actor.adam.lr=true: takes a value, not true or false"),
        ("train.colocate_all=8", "train.colocate_all=8: is true or false"),
        ("actor.muon.nesterov=false", "actor.muon.nesterov=false: OpenRLHF has it on"),
        ("algo.kl.estimator=k4", "argument --algo.kl.estimator: invalid choice: 'k4'"),
        ("train.num_episodes=3", "train.num_episodes: is set by the launcher; use run.epochs"),
        ("train.seed=3", "train.seed: is set by the launcher; use run.seed"),
        ("actor.lr_warmup_ratio=0.1", "actor.lr_warmup_ratio: is set by the launcher; use run.warmup_steps"),
        ("logger.wandb.key=abc", "use the environment variable WANDB_API_KEY"),
        ("seven", "seven: not key=value (as in actor.adam.lr=1e-6), nor +overlay"),
        ("colocated-8gpu", "nor +overlay; did you mean +colocated-8gpu?"),
        ("run.name=[", "while parsing"),
        ("run.name=${run.nam}", "run.nam"),
    ],
)
def test_bad_overrides_are_refused_by_name(override, message):
    with pytest.raises(InputError) as caught:
        recipe.load("math.8k", [], [override])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_owned_flags_are_openrlhfs():
    known = recipe.openrlhf_parser()._option_string_actions
    of_ours = {*flags.OWNED, *flags.REFUSED, *flags.NUMBERS, *flags.WORDS}
    assert [name for name in of_ours if f"--{name}" not in known] == []


def test_defaults_are_openrlhfs():
    parser = recipe.openrlhf_parser()
    assert {name: parser.get_default(name) for name in flags.DEFAULTS} == flags.DEFAULTS


def test_bad_files_are_refused(tmp_path: Path):
    bad = tmp_path / "bad.yaml"
    cases = {
        "a: [1": "not YAML",
        "- 1": "holds no keys and values",
        "extends: none.yaml": "extends none.yaml",
        "extends: bad.yaml": "extends itself",
        "run: {name: x, prompt_file: y}": "run.epochs is not set",
    }
    for text, message in cases.items():
        bad.write_text(text)
        with pytest.raises(InputError, match=r"bad\.yaml") as caught:
            recipe.load(str(bad))
        assert message in str(caught.value)
        assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match=r"overlay; did you mean colocated-1gpu or colocated-8gpu\? \(known: "):
        recipe.load("math.8k", ["colocated-9gpu"])
    with pytest.raises(InputError, match=r"an empty name \(a \+ alone\?\): no recipe or overlay \(known: "):
        recipe.load("math.8k", recipe.split(["+"])[0])
    for name in ("qwen2.5-14b", str(files.CONFIGS / "placement" / "cpu.yaml")):
        with pytest.raises(InputError, match=r"is an overlay, not a recipe; give it after one, as in math\.8k \+"):
            recipe.load(name)


def test_arguments():
    flags = {"a": True, "b.c": False, "d": None, "e": [0.1, 2], "f": -1, "g": 5e-7, "h": "x y"}
    assert recipe.to_arguments(flags) == ["--a", "--e", "0.1", "2", "--f", "-1", "--g", "5e-07", "--h", "x y"]


def test_without_openrlhf_flags_are_not_checked(monkeypatch):
    monkeypatch.setattr(recipe.importlib.util, "find_spec", lambda name: None)
    loaded = recipe.load("math.8k", [], ["actor.adan.lr=1"])
    assert not loaded.flags_checked
    assert loaded.flags["actor.adan.lr"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "run.rewards.correct=-1",
            "run.rewards: correct -1, incorrect -0.5, malformed -1: needs correct above incorrect",
        ),
        ("run.rewards.malformed=0", "and malformed not above incorrect"),
        ("run.rewards.correct=.inf", "run.rewards: correct inf"),
        ("run.rewards.corect=1", "run.rewards.corect: unknown key; did you mean correct?; there are correct"),
        ("run.verifier=chioce", "run.verifier: no verifier 'chioce'; did you mean choice"),
        ("run.verifier=own.py:score", "run.verifier: verifier 'own.py:score' is a path"),
        ("run.verifiers.words=own.py", "run.verifiers: words: 'own.py' is not path/to/file.py:function"),
        ("run.verifiers.words=nowhere/own.py:score", "nowhere/own.py: no such file"),
        ("run.verifiers.math=own.py:score", "math is a verifier of the project"),
    ],
)
def test_what_a_recipe_may_not_say_of_verifiers(change, said):
    with pytest.raises(InputError) as caught:
        recipe.load("math.8k", overrides=[change])
    assert said in str(caught.value)


def test_a_recipe_elsewhere_extends_those_of_the_project_by_name(tmp_path: Path):
    (tmp_path / "own.yaml").write_text("extends: [arithmetic-cpu.yaml, beside.yaml]\nrun: {name: own}\n")
    (tmp_path / "beside.yaml").write_text("run: {epochs: 3}\n")
    loaded = recipe.load(str(tmp_path / "own.yaml")).run
    assert (loaded.name, loaded.epochs, loaded.prompt_file) == ("own", 3, "data/prompts/arithmetic.json")
    (tmp_path / "arithmetic-cpu.yaml").write_text("run: {epochs: 1, prompt_file: mine.json}\n")
    assert recipe.load(str(tmp_path / "own.yaml")).run.prompt_file == "mine.json"  # one beside it comes first
