"""README's and docs/recorders.md's lines, typed: those of the recorders, and the selection from what they wrote."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from doc_commands import commands
from runs import Run, by_step, write_jsonl
from stand_in_trl import Data, StandIn

import lim_selection

ROOT = Path(__file__).resolve().parents[3]
RECORDERS = ROOT / "docs" / "recorders.md"
RUN = Run()


def lines_about(document: Path, module: str) -> str:
    """The indented block of a document that imports a module."""
    blocks = re.findall(r"(?:^    .*\n|^\n(?=    ))+", document.read_text(encoding="utf-8"), re.M)
    (found,) = [block for block in blocks if f"from {module} import" in block]
    return "".join(line.removeprefix("    ") for line in found.splitlines(keepends=True))


def selection(document: Path, log: str) -> list[str]:
    """The arguments of the document's `lim select` on a log."""
    (found,) = [
        one.text for one in commands(document) if one.text.startswith("lim select") and f" {log} " in one.text
    ]
    return shlex.split(found.replace("/path/to/", ""))[2:]


@pytest.mark.parametrize("document", [ROOT / "README.md", RECORDERS], ids=lambda path: path.name)
def test_a_training_by_trl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, document: Path) -> None:
    monkeypatch.chdir(tmp_path)
    rewards = {(s.prompt, s.epoch): [] for s in RUN.samples}
    for sample in RUN.samples:
        rewards[sample.prompt, sample.epoch].append(sample.reward)

    def reward(id: list[str], **given: Any) -> list[float]:
        return [rewards[int(one[1:]), trained.current].pop() for one in id]

    class Trained(StandIn):
        current = 0

        def event(self, name: str) -> None:
            self.current += name == "on_epoch_begin"
            super().event(name)

    data = Data(id=RUN.ids, prompt=RUN.questions)
    trained = Trained([reward], data, per_batch=10, num_generations=4, passes=4)
    text = lines_about(document, "lim.recorders.trl")
    names = {"GRPOTrainer": lambda *_, **__: trained, "trainer": trained, "dataset": data}
    exec(text, names | dict.fromkeys(("model", "reward_funcs", "args")))
    RUN.write_prompts(tmp_path / "rows.json")
    rows = json.loads((tmp_path / "rows.json").read_text())
    (tmp_path / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    arguments = selection(document, "data/output/my-run")
    lim_selection.main([*arguments, "--similarity_threshold", "0.6"])
    chosen = [json.loads(line)["id"] for line in (tmp_path / "chosen.jsonl").read_text().splitlines()]
    truth = RUN.truth()
    assert chosen == [id for id in RUN.ids if truth[id] >= 0.6] and len(chosen) not in (0, len(RUN.ids))


def test_a_training_by_verl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [
        {
            "data_source": "d",
            "prompt": [{"role": "user", "content": "One text."}],
            "reward_model": {"ground_truth": id, "style": "rule"},
            "extra_info": {"index": at},
        }
        for at, id in enumerate(RUN.ids)
    ]
    pq.write_table(pa.Table.from_pylist(rows), "train.parquet")
    exec(lines_about(RECORDERS, "lim.recorders.verl"), {})
    settings = dict(re.findall(r"^    ([\w.]+)=(?:/path/to/)?(\S+)$", RECORDERS.read_text(encoding="utf-8"), re.M))
    train = pq.read_table(settings["data.train_files"])["reward_model"].to_pylist()
    package, _, module = settings["reward.custom_reward_function.path"].partition("://")
    assert package == "pkg"
    scoring = SimpleNamespace(default_compute_score=lambda ground_truth, **given: float(ground_truth == "q3"))
    for name in ("verl", "verl.utils", "verl.utils.reward_score"):
        monkeypatch.setitem(sys.modules, name, scoring)
    score = __import__(module, fromlist=["_"]).compute_score
    assert [score(ground_truth=one["ground_truth"]) for one in train[2:5]] == [0, 1, 0]
    steps = by_step(
        RUN.samples, lambda s: RUN.verl(s, gts=train[s.prompt]["ground_truth"], input="user\nOne text.\n")
    )
    write_jsonl(tmp_path / settings["trainer.rollout_data_dir"], steps)
    lim_selection.main([*selection(RECORDERS, "/path/to/verl/rollouts"), "--similarity_threshold", "0.6"])
    chosen = [row["reward_model"]["ground_truth"] for row in pq.read_table("chosen.parquet").to_pylist()]
    truth = RUN.truth()
    assert chosen == [id for id in RUN.ids if truth[id] >= 0.6]
