"""Rollouts that verl writes, with the ids that lim.recorders.verl adds: read by lim and compared with the samples.

    bash scripts/verify_recorders.sh verl         (makes the environment; this file runs in it)

A training file with ids is read by verl's data set class; its rows, with made-up responses, are scored by verl's
reward managers through `custom_reward_function`, and written by the dump functions of both trainers. Two questions
have one text, which only ids tell apart. `--keep FOLDER` keeps the files.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from verify_trl import lim_scores  # noqa: E402

from lim.pipeline import select  # noqa: E402
from lim.recorders.verl import add_ids  # noqa: E402
from lim.strategies import Settings  # noqa: E402
from lim.utils.cli import Parser  # noqa: E402

EPOCHS, BATCH, SAMPLES = 3, 4, 4
TEXTS = ["What is in the picture?"] * 2 + [f"What is {number} + {number + 1}?" for number in range(6)]
GOLDS = [str(number + 3) for number in range(8)]
INDEX = [10, 3, 7, 21, 5, 40, 11, 2]  # extra_info.index
OWN = """
from lim.recorders.verl import with_ids

{kind} score(data_source, solution_str, ground_truth, extra_info):
    right = float(solution_str == f"#### {{ground_truth}}")
    return {{"score": right, "acc": right, "pred": solution_str}}

compute_score = with_ids(score)
"""
# Trainer, reward manager, and the reward function: verl's own, or one of a file, a function or a coroutine.
CASES = [("v0", "naive", ""), ("v1", "naive", ""), ("v0", "dapo", "async def"), ("v1", "dapo", "def")]


def training_file(path: Path) -> None:
    rows = [
        {
            "data_source": "openai/gsm8k",
            "prompt": [{"role": "user", "content": text}],
            "ability": "math",
            "reward_model": {"ground_truth": gold, "style": "rule"},
            "extra_info": {"index": index, "split": "train"},
        }
        for text, gold, index in zip(TEXTS, GOLDS, INDEX, strict=True)
    ]
    pq.write_table(pa.Table.from_pylist(rows), path)


def tokenizer() -> Any:
    """A token per character."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = ["<pad>", *sorted(set("".join(TEXTS)) | set("#0123456789 userasistnt\n"))]
    tokens = Tokenizer(models.WordLevel({token: at for at, token in enumerate(letters)}, unk_token="?"))
    tokens.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), "isolated")
    tokens.decoder = decoders.Fuse()
    made = PreTrainedTokenizerFast(tokenizer_object=tokens, pad_token="<pad>", eos_token="<pad>")
    made.chat_template = (
        "{% for turn in messages %}{{ turn.role + '\n' + turn.content + '\n' }}{% endfor %}assistant\n"
    )
    return made


def samples() -> list[tuple[int, int, int, float]]:
    """(step, epoch, prompt, reward)."""
    draw, found = random.Random(3), []
    for epoch in range(EPOCHS):
        for place, prompt in enumerate(draw.sample(range(8), 8)):
            step = epoch * 8 // BATCH + place // BATCH + 1
            chance = 0.1 + 0.1 * prompt * (epoch + 1) / EPOCHS
            found += [(step, epoch + 1, prompt, float(draw.random() < chance)) for _ in range(SAMPLES)]
    return found


def rollouts(folder: Path, trainer: str, manager_name: str, own: str, run: list[tuple[int, int, int, float]]) -> None:
    """Score the run's samples and dump them, by verl's code."""
    import torch
    import verl
    from omegaconf import OmegaConf, open_dict
    from verl import DataProto
    from verl.trainer.ppo.ray_trainer import RayPPOTrainer
    from verl.trainer.ppo.reward import load_reward_manager
    from verl.trainer.ppo.v1 import trainer_base
    from verl.utils.dataset.rl_dataset import RLHFDataset, collate_fn

    tokens = tokenizer()
    config = OmegaConf.load(Path(verl.__file__).parent / "trainer" / "config" / "_generated_ppo_trainer.yaml")
    with open_dict(config):
        config.data.filter_overlong_prompts_workers = None
        config.reward.reward_manager.name = manager_name
        config.reward.custom_reward_function.path = "pkg://lim.recorders.verl"
        if own:
            (folder / "my_score.py").write_text(OWN.format(kind=own))
            config.reward.custom_reward_function.path = str(folder / "my_score.py")
    data = RLHFDataset(str(folder / "train_ids.parquet"), tokens, config.data)
    assert len(data) == len(TEXTS)
    manager = load_reward_manager(config, tokens)

    def padded(rows: list[list[int]], *, left: bool = False) -> Any:
        size = max(map(len, rows))
        return torch.tensor([[0] * (size - len(r)) * left + r + [0] * (size - len(r)) * (not left) for r in rows])

    for step in sorted({step for step, *_ in run}):
        part = [(prompt, reward) for at, _, prompt, reward in run if at == step]
        batch = collate_fn([data[prompt] for prompt, _ in part])
        chats = [tokens.apply_chat_template(chat, tokenize=False) for chat in batch["raw_prompt"]]
        prompts = [tokens.encode(text) for text in chats]
        answers = [tokens.encode(f"#### {int(GOLDS[prompt]) + (not reward)}") for prompt, reward in part]
        results = []
        for row, answer in enumerate(answers):
            response = torch.tensor([answer])
            tensors = {"responses": response, "attention_mask": torch.ones_like(response)}
            fields = {name: batch[name][row : row + 1] for name in ("data_source", "reward_model", "extra_info")}
            proto = DataProto.from_dict(tensors, non_tensors=fields)
            results.append(manager.loop.run_until_complete(manager.run_single(proto)))
        scores = [result["reward_score"] for result in results]
        assert scores == [reward for _, reward in part], "a reward function did not get the plain ground truth"
        kind = trainer_base.PPOTrainer if trainer == "v1" else RayPPOTrainer
        stand_in: Any = SimpleNamespace(global_steps=step, tokenizer=tokens, _dump_futures=[])
        stand_in._write_generations = kind._write_generations
        stand_in._dump_generations = lambda stand_in=stand_in, kind=kind, **given: kind._dump_generations(
            stand_in, **given
        )
        out = str(folder / "rollouts")
        with ThreadPoolExecutor(1) as stand_in._dump_executor:
            if trainer == "v0":
                keys = results[0]["reward_extra_info"]
                extras = {key: np.array([one["reward_extra_info"][key] for one in results]) for key in keys}
                levels = torch.zeros(len(part), 1)
                levels[:, 0] = torch.tensor(scores)
                tensors = {"prompts": padded(prompts, left=True), "responses": padded(answers)}
                proto = DataProto.from_dict(
                    tensors | {"token_level_scores": levels}, non_tensors={"reward_model": batch["reward_model"]}
                )
                kind._log_rollout_data(stand_in, proto, extras, {}, out)
            else:
                keys = [
                    f"{step:08x}-0000-4000-8000-{row // SAMPLES:012x}_{row % SAMPLES}_0" for row in range(len(part))
                ]
                dumped = {
                    "uid": np.array(keys),
                    "prompts": torch.nested.nested_tensor([torch.tensor(one) for one in prompts]),
                    "responses": torch.nested.nested_tensor([torch.tensor(one) for one in answers]),
                    "rm_scores": torch.tensor([[score] for score in scores]),
                    "reward_model": batch["reward_model"],
                }
                trainer_base.tq = SimpleNamespace(kv_batch_get=lambda dumped=dumped, **given: dumped)
                kind._log_rollout_data(stand_in, SimpleNamespace(keys=keys, partition_id="train"), {}, out)
            for future in stand_in._dump_futures:
                future.result()


def check(folder: Path, trainer: str, manager: str, own: str) -> list[str]:
    run = samples()
    training_file(folder / "train.parquet")
    add_ids(folder / "train.parquet", folder / "train_ids.parquet")
    with contextlib.redirect_stdout(io.StringIO()) as said:
        try:
            rollouts(folder, trainer, manager, own, run)
        except BaseException:
            print(said.getvalue(), file=sys.stderr)
            raise
    selection = select(
        folder / "train.parquet", log_path=folder / "rollouts", settings=Settings(similarity_threshold=-99.0)
    )
    truth = lim_scores([(epoch, str(INDEX[prompt]), reward) for _, epoch, prompt, reward in run], EPOCHS, perfect=1)
    faults = []
    if selection.log is None or (selection.log.samples, selection.unmatched) != (len(run), []):
        faults.append("not all rows were read as prompts of the file")
    if not np.allclose(selection.scores_P, [truth[id] for id in selection.ids], atol=1e-9):
        faults.append("LIM differs")
    if abs(truth["10"] - truth["3"]) < 0.01:
        faults.append("the two questions of one text have one score: the case shows nothing")
    print(f"{trainer:8}{manager:8}{own or 'verl’s own':12}{len(run):5}  {'; '.join(faults) or 'as the samples were'}")
    return faults


def main() -> int:
    parser = Parser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="keep the rollouts there")
    keep = parser.parse_args().keep
    print("trainer manager scoring      rows  the log")
    faults = []
    for trainer, manager, own in CASES:
        with tempfile.TemporaryDirectory() as folder:
            faults += check(Path(folder), trainer, manager, own)
            if keep and not own:
                keep.mkdir(parents=True, exist_ok=True)
                shutil.copytree(Path(folder) / "rollouts", keep / trainer, dirs_exist_ok=True)
    if keep:
        run = {"ids": list(map(str, INDEX)), "questions": TEXTS, "samples": samples()}
        (keep / "run.json").write_text(json.dumps(run) + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
