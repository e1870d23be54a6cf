"""Pass rates before training: the recipe's rollouts, scored as in training, as a log of one epoch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from eval.engine.engine import Finished
from eval.engine.generate import Engines
from lim.logs.reward_log import read_run, write_step
from lim.pipeline import Settings, select
from lim.utils.errors import InputError
from train import pass_rates

ROOT = Path(__file__).resolve().parents[2]
# id → what the model answers, sample by sample; the right answer is 7.
ANSWERS = {
    "never": [r"\boxed{1}", r"\boxed{2}", "no box", r"\boxed{3}"],
    "half": [r"\boxed{7}", r"\boxed{1}", r"\boxed{7}", r"\boxed{1}"],
    "always": [r"\boxed{7}"] * 4,
}


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A prompt file and a model folder (for the tests that do not generate: its configuration alone)."""
    rows = [{"id": id, "prompt": f"{id}?", "answer": "7", "level": 1 + (id == "half")} for id in ANSWERS]
    (tmp_path / "prompts.json").write_text(json.dumps(rows))
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    return tmp_path


def arguments(world: Path, *more: str) -> list[str]:
    changes = [f"actor.model_name_or_path={world / 'model'}", f"run.prompt_file={world / 'prompts.json'}"]
    return ["arithmetic-cpu", *changes, "run.val_file=null", "--output_path", str(world / "rates"), *more]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Answers from `ANSWERS` in place of an engine's; the list holds what was asked for."""
    asked: list[tuple[str, int]] = []

    def generate(self, target, benchmarks, questions, wanted):
        assert benchmarks["samples"].temperature == 1.0 and benchmarks["samples"].max_new_tokens == 40
        asked.extend(wanted["samples"])
        for id, sample in wanted["samples"]:
            length = "length" if (id, sample) == ("always", 3) else "stop"
            yield [Finished(("samples", id, sample), ANSWERS[id][sample], length, 5)]

    monkeypatch.setattr(Engines, "generate", generate)
    return asked


def test_a_log_to_choose_from(world, engine, capsys):
    pass_rates.main(arguments(world, "--n_samples", "4"))
    assert "prompts by pass rate" in capsys.readouterr().out
    chosen = select(
        world / "prompts.json", log_path=world / "rates", settings=Settings(strategy="uncertainty", top_k=1)
    )
    assert chosen.scores_P.tolist() == [0.0, 0.25, 0.1875]  # the last of `always` was cut off: 3/4
    assert [row["id"] for row, kept in zip(chosen.records, chosen.chosen_P, strict=True) if kept] == ["half"]
    assert chosen.matrix is not None
    assert chosen.matrix.rewards_P_K[:, 0].tolist() == [(-0.5 * 3 - 1) / 4, 0.25, (3 - 1) / 4]
    assert read_run(world / "rates")["trained"] is False


def test_it_goes_on_with_further_samples_only(world, engine):
    pass_rates.main(arguments(world, "--n_samples", "2"))
    assert len(engine) == 6
    pass_rates.main(arguments(world, "--n_samples", "4"))
    assert sorted(engine[6:]) == sorted((id, sample) for id in ANSWERS for sample in (2, 3))


def test_a_training_runs_log_is_not_written_over(world, engine):
    columns = {"prompt_id": ["half"], "epoch": [1], "step": [1], "sample": [0], "reward": [1.0]}
    write_step(world / "rates", 1, columns)
    with pytest.raises(InputError, match="holds another log"):
        pass_rates.main(arguments(world))
    assert not engine


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_with_a_real_engine(tmp_path):
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from data import arithmetic
    from train.pretrain.tokenizer import build

    tokenizer = build()
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=128, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "prompts.json").write_text(json.dumps(arithmetic.make()["pool"][:20]))
    command = [sys.executable, "-m", "train.pass_rates", *arguments(tmp_path, "--n_samples", "3")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr
    chosen = select(tmp_path / "prompts.json", log_path=tmp_path / "rates", settings=Settings("difficulty"))
    assert chosen.log is not None and chosen.log.samples == 60
