import io
import itertools
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from rich.console import Console

from eval import settings
from eval.results.graded import question_means
from eval.results.statistics import blocks, over_runs
from lim.logs.reward_log import write_run, write_step
from lim.utils.errors import InputError
from train.compare import check, figures, plan, runs, spec
from train.compare.__main__ import main
from train.compare.costs import curve, until
from train.compare.results import collect
from train.compare.tables import markdown, percent, spread_in_words, terminal_table
from train.recipe import recipe

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS = "model.safetensors"
FILES = sorted((ROOT / "configs" / "compare").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_committed_comparison_loads_and_finds_its_inputs_made(path):
    chosen = spec.load(str(path))
    made = {ROOT / "configs", *(ROOT / "data" / name for name in ("arithmetic", "letters", "sets")), ROOT / "train"}
    for stage in plan.stages(chosen):
        for item in stage.inputs:
            inside = any(item == one or one in item.parents or item in one.parents for one in made)
            assert inside, f"{stage.name} needs {item}, which no stage before it makes"
        made |= {*stage.outputs, *stage.clears}


def test_the_embedded_set_is_evaluated_as_it_is_trained():
    recipe = yaml.safe_load((ROOT / "configs" / "train" / "arithmetic-cpu.yaml").read_text())["rollout"]
    known = settings.load()
    for name in known.choose(["arithmetic"]):
        assert known.benchmark(name).max_new_tokens == recipe["max_new_tokens"]
    assert known.benchmark("arithmetic-t1").temperature == recipe["temperature"]


def write(folder: Path, **changes) -> str:
    values = {
        "name": "tiny", "pool": "arithmetic-cpu", "prompts": "prompts.json", "base_model": "data/models/tiny-base",
        "benchmarks": ["arithmetic-t1"], "headline": "arithmetic-t1", "seeds": [1, 2], "baseline": "rand",
        "selections": {"limr": {"strategy": "lim"}, "rand": {"strategy": "random", "size": "limr"}}, **changes,
    }  # fmt: skip
    path = folder / "compare.yaml"
    path.write_text(yaml.safe_dump({key: value for key, value in values.items() if value is not None}))
    return str(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sedes": [1]}, "sedes: unknown key; did you mean seeds"),
        ({"seeds": [1, 1]}, "each once"),
        ({"name": None}, "name is not set"),
        ({"selections": {"limr": {"similarity_threshold": 0.6}}}, r"selections\.limr has no 'strategy'"),
        ({"selections": {"rand": {"strategy": "random", "size": "limr"}}}, "no selection before it"),
        (
            {"selections": {"x": {"strategy": ["lim"]}}},
            "strategy is .*, not one of lim, linear",
        ),
        ({"selections": {"x": {"strategy": "difficulty", "size": "x"}}}, "takes --pass_rates, not a number"),
        ({"selections": {"full": {"strategy": "lim"}}}, "cannot be called 'full'"),
        (
            {"selections": {"limr": {"strategy": "lim", "seeds": [3]}}},
            r"selections\.limr\.seeds has 3, with which 'full' is not run",
        ),
        *(
            (
                {"selections": {"limr": {"strategy": "lim", "seeds": wrong}}},
                r"selections\.limr\.seeds=.*: expected a list",
            )
            for wrong in (1, "1", [], ["one"], [True])
        ),
        (
            {"selections": {"x": {"settings": ["run.epochs=2"], "seeds": 2}}},
            r"selections\.x\.seeds=2: expected a list",
        ),
        (
            {"selections": {"limr": {"strategy": "lim", "treshold": 0.5}}},
            r"selections\.limr\.treshold: unknown key; did you mean similarity_threshold\?",
        ),
        ({"epochs": 3}, r"epochs: unknown key; settings of the trainings are given as overrides=\[key=value\]"),
        ({"baseline": "best"}, "baseline is 'best'"),
        ({"seeds": 2}, r"expected a list \(seeds=\[…\]"),
        ({"benchmarks": "arithmetic-t1"}, "benchmarks=arithmetic-t1: expected a list"),
        ({"base_model": True}, "base_model=True: expected text, not true or false"),
        ({"selections": ["limr"]}, r"expected keys and values, not a list"),
    ],
)
def test_a_wrong_file_is_refused_by_key(tmp_path, changes, message):
    with pytest.raises(InputError, match=message):
        spec.load(write(tmp_path, **changes))


OWN = {"base_model": "data/models/arithmetic-base"}  # what the recipes of arithmetic-cpu start from


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"headline": "arithmetic-t2"}, r"headline is 'arithmetic-t2', none of its benchmarks \(arithmetic-t1\)"),
        ({"pool": "arithmetik"}, "FULL: arithmetik: no such recipe"),
        ({"name": "a/b"}, "the name 'a/b': use letters"),
        ({"selections": {"my arm": {"strategy": "lim"}}, "baseline": None}, "the name 'my arm': use letters"),
        ({"overlays": ["colocated-9gpu"]}, "FULL: colocated-9gpu: no such recipe or overlay"),
        ({"overrides": ["run.epoch=6"]}, r"run\.epoch: unknown key; did you mean run\.epochs\?"),
        ({"overrides": ["actor.adam.lr=fast"]}, "FULL: argument --actor.adam.lr: invalid float value"),
        (
            {"base_model": "data/models/other"},
            "base_model is data/models/other, and the trainings start from",
        ),
        ({"selections": {"x": {"strategy": "lim", "top_k": "many"}}}, r"selections\.x: top_k=many: expected a whole"),
        ({"selections": {"x": {"strategy": "lim", "pass_rates": [0, 1]}}}, r"selections\.x: --pass_rates is for"),
        ({"selections": {"x": {"strategy": "random"}}}, r"selections\.x: --strategy random needs"),
        ({"selections": {"x": {"settings": ["run.epohs=2"]}}}, r"selections\.x: .*run\.epohs: unknown key"),
        ({"selections": {"x": {"after_epoch": 0, "strategy": "lim", "top_k": 9}}}, r"selections\.x: run\.select"),
    ],
)
def test_what_would_end_a_stage_hours_later_is_refused_before_the_first(tmp_path, changes, message):
    baseline = {} if "selections" not in changes else {"baseline": None}
    with pytest.raises(InputError, match=message):
        main([write(tmp_path, **{**OWN, **baseline, **changes}), "--dry_run"])


@pytest.mark.parametrize(
    ("overlay", "address", "jobs", "refused"),
    [
        ("colocated-1gpu", None, "2", True),
        ("colocated-1gpu", None, "1", False),
        ("colocated-1gpu", "10.0.0.1:6379", "2", False),  # that Ray knows which GPUs are free
        ("cpu", None, "2", False),
    ],
)
def test_trainings_side_by_side_do_not_take_the_same_gpus(
    tmp_path, monkeypatch, capsys, overlay, address, jobs, refused
):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    if address:
        monkeypatch.setenv("RAY_ADDRESS", address)
    command = [write(tmp_path, **OWN, overlays=[overlay]), "--jobs", jobs, "--dry_run"]
    if refused:
        with pytest.raises(InputError, match=r"^--jobs 2: .* take the same GPUs; start one Ray"):
            main(command)
    else:
        main(command)
        assert f"+{overlay}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("item", "message"),
    [
        ({"name": "a", "title": "A", "command": "python", "outputs": []}, r"expected a list .*prepare\[0\]\.command"),
        ({"name": "a", "title": "A", "command": ["python"]}, "missing required field outputs"),
    ],
)
def test_a_preparation_that_lacks_something_is_refused(tmp_path, item, message):
    with pytest.raises(InputError, match=message):
        spec.load(write(tmp_path, prepare=[item]))


def test_a_comparison_is_known_by_its_name():
    assert spec.load("demo-quick") == spec.load(str(spec.ROOT / "configs/compare/demo-quick.yaml"))
    with pytest.raises(
        InputError, match=r"demo_quik: no such comparison; did you mean demo-quick\? \(files: configs/"
    ):
        spec.load("demo_quik")


@pytest.mark.parametrize("text", [b"\xff\xfe", b"- a\n", b"5\n"])
def test_a_file_of_something_else_is_one_line(tmp_path, text):
    path = tmp_path / "compare.yaml"
    path.write_bytes(text)
    for read in (spec.load, recipe.load):
        with pytest.raises(InputError, match=r"compare\.yaml: (not YAML: .*|holds no keys and values)"):
            read(str(path))


def test_a_file_that_is_not_yaml_is_one_line(tmp_path):
    path = tmp_path / "compare.yaml"
    path.write_text("name: [")
    with pytest.raises(InputError, match=r"compare\.yaml: .*expected") as error:
        spec.load(str(path))
    assert "\n" not in str(error.value)


def test_a_comparison_of_large_models_takes_its_base_from_the_hub(tmp_path):
    path = write(tmp_path, pool="math.8k", base_model="Qwen/Qwen2.5-Math-7B")
    chosen = spec.load(path)
    assert chosen.base_results == spec.ROOT / "data/output/Qwen--Qwen2.5-Math-7B/eval/model"
    stages = {stage.name: stage for stage in plan.stages(chosen)}
    for name in ("train-full-s1", "train-limr-s1"):
        assert stages[name].command[:2] == ["bash", "scripts/train_math.8k.sh"]
        assert stages[name].env == {"POOL": "math.8k"}
    assert "Qwen/Qwen2.5-Math-7B" in stages["eval-s1"].command
    assert not any("Qwen" in str(path) for stage in stages.values() for path in stage.inputs)


@pytest.mark.parametrize("arguments", [[], ["--plan"], ["--jobs", "2"]])
def test_without_a_file_the_files_are_listed_and_nothing_runs(arguments, monkeypatch):
    monkeypatch.setattr(plan, "stages", None)
    with pytest.raises(InputError) as error:
        main(arguments)
    for path in FILES:
        first = path.read_text(encoding="utf-8").split("\n")[0].removeprefix("# ")
        assert re.search(rf"^  {path.relative_to(ROOT)} +{re.escape(first)}$", str(error.value), re.M)


def test_a_pool_that_no_stage_makes_is_refused_before_the_first_stage(tmp_path, monkeypatch):
    monkeypatch.setattr("train.compare.pipeline.Pipeline.run", lambda *_: pytest.fail("a stage was started"))
    with pytest.raises(InputError, match=r"^prompts=none/math8k\.json: no such file; make it with: python -m data"):
        main([write(tmp_path, prompts="none/math8k.json", **OWN)])
    check.need_prompts(spec.load("configs/compare/demo-quick.yaml"))


def test_the_plan_lists_stages_without_running_any(capsys):
    assert main(["configs/compare/demo.yaml", "name=never-run", "--dry_run"]) is None
    shown = capsys.readouterr().out
    assert "run.name=never-run-limr-s1" in shown and "<as in data/prompts/never-run-limr-s1.json>" in shown


CORRECT = {  # two questions, two samples each, by seed: how many of a question's samples are right
    "base": [(0, 0)],
    "full": [(2, 2), (2, 1)],  # 1.00, 0.75
    "limr": [(2, 1), (1, 1)],  # 0.75, 0.50
    "rand": [(0, 1), (0, 1)],  # 0.25, 0.25
}


@pytest.fixture
def finished(tmp_path, monkeypatch):
    """A comparison whose runs and evaluations are there, with accuracies that are known."""
    monkeypatch.setattr(spec, "ROOT", tmp_path)
    chosen = spec.load(write(tmp_path))
    rows = [
        {"id": f"p{i}", "prompt": f"{i}?", "answer": "1", "level": 1 + i % 2, "source": "right" if i else "wrong"}
        for i in range(4)
    ]
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    (tmp_path / "data" / "prompts").mkdir(parents=True)
    for arm in chosen.arms:
        for at, seed in enumerate(chosen.seeds):
            if arm != spec.FULL:
                kept = rows[:2] if seed == 1 or arm == "rand" else rows[1:3]
                chosen.prompt_file(arm, seed).write_text(json.dumps(kept))
            run = chosen.run_dir(arm, seed)
            for step in (1, 2):
                columns = {"prompt_id": ["p0", "p1"], "epoch": [1, 1], "step": [step, step]}
                write_step(run, step, {**columns, "sample": [0, 0], "reward": [-0.5, float(step - 1)]})
            write_run(run, {"steps": 2, "recipe": {"train": {"batch_size": 1, "max_epochs": 2}}})
            events = [{"event": "validation", "step": 2, "accuracy": 0.5}, {"event": "stage", "text": "x"}]
            (run / "progress.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
            graded(run / "eval" / "final", CORRECT[arm][at])
    graded(chosen.base_results, CORRECT["base"][0])
    return chosen


def graded(folder: Path, right: tuple[int, int]) -> None:
    folder.mkdir(parents=True)
    (folder / "results.json").write_text(json.dumps({"benchmarks": {"arithmetic-t1": {}}}))
    rows = [
        {"id": f"q{q}", "sample": s, "verdict": "correct" if s < right[q] else "incorrect", "answer": "1"}
        for q in (0, 1)
        for s in (0, 1)
    ]
    (folder / "arithmetic-t1.graded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_results_by_hand(finished):
    results = collect(finished)
    found = results["benchmarks"]["arithmetic-t1"]
    assert found["n_questions"] == 2
    full = found["accuracy"]["full"]
    assert full["by_seed"] == [1.0, 0.75] and full["mean"] == 0.875
    assert full["stderr_seeds"] == pytest.approx(0.125)  # sd 0.1768 / √2
    assert full["stderr_questions"] == pytest.approx(0.125)  # questions 1.0 and 0.75
    assert found["accuracy"]["base"]["stderr_seeds"] is None
    limr = found["differences"]["rand"]["limr"]
    assert limr["by_seed"] == [0.5, 0.25] and limr["mean"] == 0.375
    assert limr["stderr_seeds"] == pytest.approx(0.125)
    assert found["differences"]["base"]["full"]["mean"] == 0.875
    assert found["differences"]["base"]["full"]["stderr_pooled"] is None  # the base model is one, and has no seed
    assert "rand" not in found["differences"]["rand"]


def test_the_scatter_is_pooled_over_arms_with_seeds_as_blocks(finished):
    # Arms 0.875, 0.625, 0.25; seeds +1/12 and -1/12: residuals ±1/24, ±1/24, ±1/12 with (3 - 1)(2 - 1) degrees.
    found = collect(finished)["benchmarks"]["arithmetic-t1"]
    sd = ((4 / 24**2 + 2 / 12**2) / 2) ** 0.5
    assert found["residual_sd"] == pytest.approx(sd) and found["residual_dof"] == 2
    limr = found["differences"]["rand"]["limr"]
    assert limr["stderr_pooled"] == pytest.approx(sd)  # √(2 / 2 seeds)
    assert limr["detectable"] == pytest.approx((4.3027 + 1.0607) * sd, rel=1e-4)  # t_0.975 and t_0.8


def test_blocks_of_unequal_size():
    # A third seed of one arm alone says nothing about the others' scatter or difference.
    runs = {"a": {1: 0.5, 2: 0.75}, "b": {1: 0.25, 2: 0.25}}
    two = blocks(runs)
    three = blocks({**runs, "a": {**runs["a"], 3: 0.9}})
    assert three.dof == two.dof == 1 and three.sd == pytest.approx(two.sd)
    assert three.difference("a", "b")["stderr_pooled"] == pytest.approx(two.difference("a", "b")["stderr_pooled"])


def names(stages):
    return [stage.name for stage in stages]


def test_a_run_whose_figures_are_kept_is_not_made_again(finished, tmp_path):
    before = collect(finished)
    chosen = replace(finished, keep="kept")
    evaluations = [stage for stage in plan.stages(chosen) if stage.name.startswith("eval-")]
    assert names(evaluations)[:3] == ["eval-base", "eval-full-s1", "eval-limr-s1"] and len(evaluations) == 7
    for stage in evaluations:
        runs.after(chosen, stage)
    assert sorted(path.name for path in (tmp_path / "kept").iterdir())[:2] == ["base.json", "full-s1.json"]
    shutil.rmtree(tmp_path / "data")
    assert collect(chosen) == before
    assert plan.stages(chosen, runs.kept(chosen)) == []
    # Without RAND's: its size is LIMR's, whose choice needs FULL's log. LIMR is not trained again.
    (tmp_path / "kept" / "rand-s2.json").unlink()
    made = ["train-full-s2", "eval-full-s2", "select-limr-s2", "select-rand-s2", "train-rand-s2", "eval-rand-s2"]
    assert names(plan.stages(chosen, runs.kept(chosen))) == made
    # A choice from a log of its own needs no FULL run.
    choice = {"strategy": "random", "num_prompts": 2, "pass_rates": [0.1, 0.9], "log": "rates"}
    own = {**chosen.selections, "own": choice}
    kept = [(arm, seed) for arm in (spec.BASE, *chosen.arms) for seed in (None, *chosen.seeds)]
    made = [f"{stage}-own-s{seed}" for seed in chosen.seeds for stage in ("select", "train", "eval")]
    assert names(plan.stages(replace(chosen, selections=own), kept)) == made


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda root: (root / "data/models/tiny-base/model.safetensors").write_text("2"),
            "tiny-base/model.safetensors",
        ),
        (lambda root: (root / "prompts.json").write_text("[]"), r"prompts\.json sha256"),
        (lambda root: None, r"actor\.adam\.lr 0\.00005, this comparison has 0\.25"),
    ],
)
def test_kept_figures_of_other_inputs_are_refused(finished, tmp_path, spoil, message):
    base = tmp_path / "data" / "models" / "tiny-base"
    base.mkdir(parents=True)
    (base / WEIGHTS).write_text("1")
    chosen = replace(finished, keep="kept", prepare=[spec.Prepare("base", "", ["true"], [])])
    for stage in plan.stages(chosen)[1:]:
        runs.after(chosen, stage)
    runs.check(replace(chosen, seeds=[2]))
    spoil(tmp_path)
    if message.startswith("actor"):
        chosen = replace(chosen, overrides=["actor.adam.lr=0.25"])
    with pytest.raises(InputError, match=message) as error:
        runs.after(chosen, plan.stages(chosen)[0])  # the base model is made: the first moment at which it is known
    assert re.match(r"\S*kept/\S+\.json: its run had ", str(error.value))


def test_an_arm_with_fewer_seeds_is_compared_on_those(tmp_path, finished):
    selections = {"limr": {"strategy": "lim"}, "rand": {"strategy": "random", "size": "limr", "seeds": [2]}}
    fewer = spec.load(write(tmp_path, selections=selections))
    assert fewer.arms_of(1) == ["full", "limr"] and fewer.arms_of(2) == ["full", "limr", "rand"]
    assert "train-rand-s1" not in {stage.name for stage in plan.stages(fewer)}
    results = collect(fewer)
    found = results["benchmarks"]["arithmetic-t1"]
    assert found["differences"]["rand"]["limr"]["seeds"] == [2]
    assert found["differences"]["rand"]["limr"]["by_seed"] == [0.25]  # 0.50 - 0.25, of seed 2
    assert found["accuracy"]["limr"]["by_seed"] == [0.75, 0.5]
    assert "| RAND | 2 | 1 | 25.0" in markdown(results)


def test_only_takes_what_sizes_need(tmp_path):
    chosen = spec.load(write(tmp_path))
    assert list(spec.only(chosen, ["rand"]).selections) == ["limr", "rand"]
    assert spec.only(chosen, ["limr"]).baseline is None
    with pytest.raises(InputError, match="--only best: no such selection with these seeds; there are limr, rand"):
        spec.only(chosen, ["best"])


def test_seeds_of_the_command_line_narrow_those_of_selections(tmp_path):
    selections = {
        "limr": {"strategy": "lim", "top_k": 5},
        "near": {"strategy": "nearest", "top_k": 5, "seeds": [1, 2]},
        "once": {"strategy": "variance", "top_k": 5, "seeds": [1]},
    }
    path = write(tmp_path, selections=selections, seeds=[1, 2, 3], baseline="once")
    assert list(spec.load(path, ["name=other"]).selections) == ["limr", "near", "once"]
    two = spec.load(path, ["seeds=[2, 3]"])
    assert (list(two.selections), two.baseline) == (["limr", "near"], None)
    assert (two.seeds_of("limr"), two.seeds_of("near")) == ([2, 3], [2])
    assert [two.arms_of(seed) for seed in two.seeds] == [["full", "limr", "near"], ["full", "limr"]]
    assert list(spec.load(path, ["seeds=[3]"]).selections) == ["limr"]
    with pytest.raises(InputError, match="--only near: no such selection with these seeds; there are limr"):
        spec.only(spec.load(path, ["seeds=[3]"]), ["near"])
    with pytest.raises(InputError, match=r"selections\.near\.seeds has 1, with which 'full' is not run"):
        spec.load(path, ["seeds=[3]", "selections.near.seeds=[1]"])
    with pytest.raises(InputError, match="baseline is 'best', which is no selection"):
        spec.load(path, ["seeds=[3]", "baseline=best"])


def test_one_seed_of_the_planned_comparison_can_be_run():
    one = spec.load("filter", ["seeds=[12]"])
    assert one.seeds_of("nearest") == [12] and "nearest" not in spec.load("filter", ["seeds=[20]"]).selections


def test_the_baseline_may_have_its_old_name(tmp_path):
    path = write(tmp_path, baseline=None, reference="rand")
    assert spec.load(path).baseline == "rand"
    assert spec.load(path, ["reference=limr"]).baseline == spec.load(path, ["baseline=limr"]).baseline == "limr"


def test_a_selection_can_read_another_log(tmp_path):
    rates = {"strategy": "uncertainty", "log": "logs/base", "size": "limr"}
    selections = {"limr": {"strategy": "lim"}, "rates": rates}
    chosen = spec.load(write(tmp_path, selections=selections, baseline=None))
    stage = {one.name: one for one in plan.stages(chosen)}
    command = stage["select-rates-s1"].command
    assert command[command.index("--train_samples_path") + 1] == "logs/base"
    assert "--log" not in command and "--size" not in command


def test_what_was_trained_on(finished):
    found = collect(finished)["selections"]
    assert found["full"]["prompts"] == [4, 4] and found["full"]["jaccard_over_seeds"] is None
    assert found["full"]["by_source"] == {"right": 0.75, "wrong": 0.25}
    assert found["limr"]["jaccard_over_seeds"] == pytest.approx(1 / 3)  # {p0, p1} and {p1, p2}
    assert found["limr"]["by_source"] == {"right": 0.75, "wrong": 0.25}
    assert found["rand"]["jaccard_over_seeds"] == 1.0
    assert found["rand"]["jaccard_with"] == {"limr": pytest.approx(2 / 3)}  # equal with seed 1, 1/3 with seed 2


def test_curves_hold_rewards_and_validation(finished):
    curves = collect(finished)["curves"]["limr"]
    assert curves[0] == {
        "steps": [4, 8], "reward": [-0.25, 0.25], "samples": [2, 4],
        "validation_steps": [8], "validation_samples": [4], "validation": [0.5],
    }  # fmt: skip


def test_tables_and_figures(finished, tmp_path):
    results = collect(finished)
    text = markdown(results)
    assert "| LIMR − RAND | +37.5 | 10.2 | 12.5 | 37.5 | 54.7 | +50.0 +25.0 |" in text
    assert "| FULL | 4 | 2 | 87.5 ± 12.5 |" in text
    results["labels"] = results["labels"] | {"limr": "LIM, first 3 epochs"}
    for width in (80, 90, 120):
        console = Console(width=width, file=io.StringIO())
        console.print(terminal_table(results, width))
        shown = console.file.getvalue()
        for arm, figure in results["benchmarks"][results["headline"]]["accuracy"].items():
            assert all(word in shown for word in results["labels"][arm].split()), width
            assert percent(figure) in shown
        against_full = results["benchmarks"][results["headline"]]["differences"]["full"]
        assert all(percent(one, "+") in shown for one in against_full.values())
    assert "a true difference of 54.7 points would be detected" in spread_in_words(results)
    for path in figures.write(results, tmp_path / "figures"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_a_wide_comparison_is_not_cut_off():
    results = json.loads((spec.ROOT / "docs/results/arithmetic.json").read_text("utf-8"))
    for width in (80, 120):
        console = Console(width=width, file=io.StringIO())
        console.print(terminal_table(results, width))
        shown = console.file.getvalue()
        assert all(text in shown for text in ("temperature 1 ", "temperature 0.4 ", "− FULL", "− RAND", "+2.1 ± 1.4"))
        assert "…" not in shown and max(map(len, shown.splitlines())) <= width


def test_other_evaluations_of_the_base_model_are_left_alone(finished):
    path = finished.base_results / "results.json"
    path.write_text(json.dumps({"benchmarks": {"arithmetic-t1": {}, "arithmetic-greedy": {}}}))
    assert list(collect(finished)["benchmarks"]) == ["arithmetic-t1"]


def test_an_evaluation_that_was_never_made_is_not_to_be_scored_again(tmp_path):
    with pytest.raises(InputError, match=r"eval: no evaluation there; make it first .*without --report_only"):
        question_means(tmp_path / "eval" / "b.graded.jsonl")


def test_a_missing_evaluation_is_named(finished):
    (finished.run_dir("limr", 2) / "eval" / "final" / "arithmetic-t1.graded.jsonl").unlink()
    with pytest.raises(InputError, match=r"tiny-limr-s2/eval/final/arithmetic-t1\.graded\.jsonl: missing"):
        collect(finished)


def test_one_seed_has_no_error_over_seeds():
    one = over_runs(np.array([[1.0, 0.0, 1.0]]) - np.array([[0.0, 0.0, 1.0]]))
    assert one["stderr_seeds"] is None
    assert one["stderr_questions"] == pytest.approx(1 / 3)
    single = blocks({"a": {1: 0.5}, "b": {1: 0.25}})
    assert single.sd is None and single.difference("a", "b") == {"stderr_pooled": None, "detectable": None}


def test_curves_count_the_optimiser_steps_that_each_step_made(tmp_path):
    # 192 prompts in steps of 128 and 64, train batches of 32: four optimiser steps, then two.
    for step, count in ((1, 128), (2, 64), (3, 128)):
        columns = {"prompt_id": [f"p{i}" for i in range(count)], "epoch": [1] * count, "step": [step] * count}
        write_step(tmp_path, step, {**columns, "sample": [0] * count, "reward": [1.0] * count})
    write_run(tmp_path, {"recipe": {"train": {"batch_size": 32}}})
    (tmp_path / "progress.jsonl").write_text('{"event": "validation", "step": 3, "accuracy": 0.5}\n')
    found = curve(tmp_path)
    assert (found["steps"], found["validation_steps"]) == ([4, 6, 10], [10])


def test_panels_with_nothing_to_show_are_left_out_and_names_are_words(finished):
    results = collect(finished)
    assert results["labels"]["limr"] == "LIMR" and results["titles"] == {"arithmetic-t1": "arithmetic-t1"}
    drawn = figures.curves_figure(results)
    assert [axis.get_title() for axis in drawn.axes] == ["mean training reward, own prompts"]  # one validation
    for of_arm in results["curves"].values():
        for run in of_arm:
            run["validation_steps"], run["validation"] = [4, 8], [0.25, 0.5]
    assert len(figures.curves_figure(results).axes) == 2
    for found in results["selections"].values():
        found["by_source"] = {"one": 1.0}
    assert all("source" not in axis.get_title() for axis in figures.selections_figure(results).axes)


@pytest.mark.parametrize("label", ["LIMR", "random, pass rate 0.1-0.9"])
def test_names_below_bars_do_not_overlap(finished, label):
    results = collect(finished)
    results["labels"] = dict.fromkeys(results["labels"], label)
    drawn = figures.selections_figure(results)
    drawn.draw_without_rendering()
    names = [text for text in drawn.axes[0].get_xticklabels() if text.get_text()]
    assert any(label in text.get_text() for text in names)
    if names[0].get_rotation() == 0:
        boxes = [text.get_window_extent() for text in names]
        assert all(one.x1 < other.x0 for one, other in itertools.pairwise(boxes))
    else:
        assert len(label) > 4


def test_a_selection_is_named_by_its_label():
    comparison = spec.load("configs/compare/arithmetic.yaml")
    assert comparison.label("lim_3_epochs") == "LIM, first 3 epochs"
    titles = {stage.title for stage in plan.stages(comparison)}
    assert "LIM, first 3 epochs (seed 1): train" in titles
    assert not any("--label" in stage.arguments() for stage in plan.stages(comparison))


# Choices inside runs, and what arms cost.

INSIDE = {
    "limr": {"strategy": "lim", "top_k": 3},
    "sooner": {"label": "early", "after_epoch": 2, "strategy": "random", "size": "limr", "pass_rates": [0.1, 0.9]},
    "thin": {"label": "filtered", "settings": ["run.optimizer_steps=9", "algo.dynamic_filtering_enable=true"]},
}


def test_a_choice_inside_a_run_is_a_training_with_settings(tmp_path, monkeypatch):
    monkeypatch.setattr(spec, "ROOT", tmp_path)
    chosen = spec.load(write(tmp_path, selections=INSIDE, baseline="limr", seeds=[4]))
    names = [stage.name for stage in plan.stages(chosen)]
    assert names == [
        "train-full-s4",
        "select-limr-s4",
        "train-limr-s4",
        "train-sooner-s4",
        "train-thin-s4",
        "eval-s4",
    ]
    stages = {stage.name: stage for stage in plan.stages(chosen)}
    path = chosen.prompt_file("limr", 4)
    assert path in stages["train-sooner-s4"].inputs
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps([{"id": "a"}, {"id": "b"}]))
    early = stages["train-sooner-s4"].arguments()
    assert (
        early[1] == "scripts/train_math.8k.sh" and f"run.prompt_file={spec.shown(tmp_path / 'prompts.json')}" in early
    )
    assert early[-4:] == [
        *("run.select.after_epoch=2", "run.select.pass_rates=[0.1,0.9]", "run.select.strategy=random"),
        "run.select.num_prompts=2",
    ]
    assert stages["train-thin-s4"].arguments()[-2:] == INSIDE["thin"]["settings"]


@pytest.mark.parametrize(
    ("arm", "message"),
    [
        ({"after_epoch": 2, "strategy": "lim", "log": "x"}, "log: unknown key of a choice inside the run"),
        (
            {"after_epoch": 2, "strategy": "lim", "max_epochs": 2},
            "max_epochs: unknown key of a choice inside the run",
        ),
        ({"settings": ["a=1"], "top_k": 3}, "top_k: a run on all prompts takes 'settings', 'label' and 'seeds'"),
        ({"settings": "a=1"}, "settings: not a list of key=value"),
        ({"strategy": "lim", "size": "sooner"}, "size is 'sooner', which is no selection before it"),
    ],
)
def test_an_arm_that_cannot_be_is_refused(tmp_path, arm, message):
    with pytest.raises(InputError, match=message):
        spec.load(write(tmp_path, selections=INSIDE | {"with": arm}, baseline="limr"))


def test_an_inside_arms_prompts_are_those_its_run_chose(tmp_path, monkeypatch):
    monkeypatch.setattr(spec, "ROOT", tmp_path)
    chosen = spec.load(write(tmp_path, selections=INSIDE, baseline="limr"))
    run = chosen.run_dir("sooner", 1)
    write_run(run, {"choices": []})
    with pytest.raises(InputError, match=r"tiny-sooner-s1: chose nothing, and selections\.sooner says that it does"):
        chosen.chosen_file("sooner", 1)
    write_run(run, {"choices": [{"file": "chosen/after_step_4.json"}, {"file": "chosen/after_step_8.json"}]})
    assert chosen.chosen_file("sooner", 1) == run / "chosen" / "after_step_8.json"
    assert chosen.chosen_file("thin", 1) == tmp_path / "prompts.json"


def test_samples_that_dynamic_filtering_discarded_count(tmp_path):
    for step in (1, 2):
        columns = {
            "prompt_id": ["a", "b"],
            "epoch": [1, 1],
            "step": [step] * 2,
            "sample": [0, 0],
            "reward": [1.0, 0.0],
        }
        write_step(tmp_path, step, columns)
    write_run(tmp_path, {"recipe": {"train": {"batch_size": 2}, "algo": {"dynamic_filtering_enable": True}}})
    events = [{"event": "step", "step": step, "generated": 5 * step} for step in (1, 2)]
    events += [{"event": "validation", "step": 2, "accuracy": accuracy} for accuracy in (0.3, 0.4)]  # made again
    (tmp_path / "progress.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    found = curve(tmp_path)
    assert found["samples"] == [5, 10] and found["validation_samples"] == [10] and found["validation"] == [0.4]


def line(*accuracies: float, step: int = 100) -> dict[str, list[float]]:
    return {"validation": list(accuracies), "validation_samples": [step * (at + 1) for at in range(len(accuracies))]}


def test_samples_until_fulls_final_accuracy_less_a_point():
    full = [line(0.2, 0.4, 0.61)]
    # 0.60 lies halfway between the second and the third validation.
    assert until([line(0.3, 0.5, 0.7)], full) == {
        "samples": 250.0, "low": None, "high": None, "intervals": False, "target": pytest.approx(0.6)
    }  # fmt: skip
    assert until([line(0.7, 0.5)], full)["samples"] == 100
    assert until([line(0.3, 0.5, 0.59)], full)["samples"] is None
    assert until([line()], full) is None
    # Over seeds: the mean of the first reaches it at 250; draws of the second seed alone never do.
    both = until([line(0.3, 0.6, 0.8), line(0.3, 0.4, 0.5)], [full[0], full[0]])
    assert both["samples"] == pytest.approx(266.67, abs=0.01)
    assert (both["low"], both["high"]) == (pytest.approx(200), None)


def test_the_table_of_samples(finished, tmp_path):
    results = collect(finished)
    assert results["costs"]["limr"] == {
        "samples": [4, 4], "first_run": [4, 4],
        "until": {"samples": 4.0, "low": 4.0, "high": 4.0, "intervals": True, "target": pytest.approx(0.49)},
    }  # fmt: skip
    text = markdown(results)
    assert "| LIMR | 4 | 8 | 4 (4 to 4) |" in text and "| RAND | 4 |  | 4 (4 to 4) |" in text
    assert "FULL's final validation accuracy less one point is 49.0 %." in text
    assert "samples" not in {path.stem for path in figures.write(results, tmp_path)}, "one validation is no curve"
    for of_arm in results["curves"].values():
        for run in of_arm:
            run |= {"validation_samples": [2, 4], "validation": [0.25, 0.5]}
    drawn = figures.samples_figure(results)
    names = [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]
    assert names == ["FULL", "LIMR", "LIMR, with the run it selects from", "RAND"]


@pytest.mark.parametrize(
    ("options", "from_full"),
    [
        ({"strategy": "lim"}, True),
        ({"strategy": "random", "num_prompts": 2}, False),
        ({"strategy": "random", "num_prompts": 2, "pass_rates": [0.1, 0.9]}, True),  # the band is of FULL's log
        ({"strategy": "lim", "log": "elsewhere"}, False),
        ({"strategy": "lim", "after_epoch": 2}, False),
        ({"settings": ["run.epochs=2"]}, False),
    ],
)
def test_which_arms_need_fulls_run_first(tmp_path, options, from_full):
    comparison = replace(spec.load(write(tmp_path)), selections={"arm": options})
    assert comparison.selects_from_full("arm") == from_full
