"""The Tinker cookbook's folders: what is read, what is refused, and what SkyRL's hold."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runs import Run, Sample, scores

from lim.pipeline import select
from lim.selection import Selection
from lim.strategies import Settings
from lim.utils.errors import InputError

WRITTEN = Path(__file__).parent / "written"
MADE = json.loads((WRITTEN / "run.json").read_text())
RUN = Run(prompts=8, epochs=3, batch=4)
RUN.questions = MADE["questions"]
SAMPLES = [Sample(**sample) for sample in MADE["samples"]]
REPORT, SUMMARIES = "train_logtree.json", "train_rollout_summaries.jsonl"
Tree = dict[str, Any]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The run's folder as it was written, unpacked."""
    for path in (WRITTEN / "tinker").glob("*/*.gz"):
        target = tmp_path / "log" / path.parent.name / path.name.removesuffix(".gz")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.decompress(path.read_bytes()))
    return tmp_path / "log"


def chosen(log: Path, **settings: Any) -> Selection:
    prompts = RUN.write_prompts(log.parent / "prompts.json")
    return select(prompts, log_path=log, settings=Settings(**({"similarity_threshold": -99.0} | settings)))


def edit(log: Path, change: Callable[[Tree], None], name: str = "iteration_000001") -> None:
    path = log / name / REPORT
    tree = json.loads(path.read_text())
    change(tree["root"])
    path.write_text(json.dumps(tree))


def edit_rows(log: Path, change: Callable[[list[Tree]], list[Tree]], name: str = "iteration_000001") -> None:
    path = log / name / SUMMARIES
    rows = change([json.loads(line) for line in path.read_text().splitlines()])
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def groups(root: Tree) -> list[Tree]:
    return [node for node in root["children"] if node["tag"] == "section"]


def nodes(tree: Any) -> Iterator[Tree]:
    if isinstance(tree, dict):
        yield tree
        for child in tree["children"]:
            yield from nodes(child)


def without(root: Tree, titles: tuple[str, ...], number: int = 0) -> None:
    """Remove a group's sections of these titles."""
    body = groups(root)[number]["children"][1]
    body["children"] = [part for part in body["children"] if part["children"][0]["children"][0] not in titles]


def prompt_of(root: Tree, number: int = 0) -> int:
    said = next(node["data"] for node in nodes(groups(root)[number]) if node.get("data"))["messages"][-1]["content"]
    return next(at for at, question in enumerate(RUN.questions) if said.startswith(question))


def test_streamed_groups_are_in_another_order_and_those_of_equal_rewards_missing(log: Path) -> None:
    for folder in log.iterdir():
        if (folder / REPORT).exists():

            def streamed(rows: list[Tree]) -> list[Tree]:
                groups: dict[int, list[Tree]] = {}
                for row in rows:
                    groups.setdefault(row["group_idx"], []).append(row)
                kept = [rows for rows in groups.values() if len({row["total_reward"] for row in rows}) > 1][::-1]
                return [{**row, "group_idx": at} for at, rows in enumerate(kept) for row in rows]

            edit_rows(log, streamed, folder.name)
    assert scores(chosen(log)) == pytest.approx(RUN.truth(SAMPLES))


def test_rewards_have_all_decimals(log: Path) -> None:
    third = 1 / 3
    for folder in log.iterdir():
        if (folder / REPORT).exists():
            edit_rows(log, lambda rows: [{**r, "total_reward": r["total_reward"] * third} for r in rows], folder.name)

            def shown(root: Tree) -> None:
                for node in nodes(root):
                    node["children"] = ["0.333" if text == "1.000" else text for text in node["children"]]

            edit(log, shown, folder.name)
    samples = [replace(sample, reward=sample.reward * third) for sample in SAMPLES]
    found = chosen(log, max_reward=third)
    assert scores(found) == pytest.approx(RUN.truth(samples, perfect=third), abs=1e-12)  # pyright: ignore


def test_a_group_that_failed_has_no_rewards_and_is_counted(log: Path) -> None:
    lost: list[int] = []

    def fail(root: Tree) -> None:
        without(root, ("Trajectory Details",))
        lost.append(prompt_of(root))

    edit(log, fail)
    edit_rows(log, lambda rows: [{**r, "group_idx": r["group_idx"] - 1} for r in rows if r["group_idx"]])
    left = [sample for sample in SAMPLES if (sample.step, sample.prompt) != (2, lost[0])]
    found = chosen(log)
    assert scores(found) == pytest.approx(RUN.truth(left))
    assert found.log is not None and (found.log.samples, found.log.skipped_rows) == (92, 1)


def test_half_of_a_surrogate_pair_in_a_response_does_not_matter(log: Path) -> None:
    path = log / "iteration_000001" / REPORT
    path.write_text(path.read_text().replace("<think>", "\\ud83d", 1))
    assert scores(chosen(log)) == pytest.approx(RUN.truth(SAMPLES))


def cut(log: Path) -> None:
    path = log / "iteration_000001" / REPORT
    path.write_text(path.read_text()[:9000])


def fewer(log: Path) -> None:
    for folder in log.iterdir():
        if (folder / REPORT).exists():
            edit(log, lambda root: root["children"].remove(groups(root)[-1]), folder.name)


def two_prompts(root: Tree) -> None:
    next(node["data"] for node in nodes(root) if node.get("data"))["messages"][-1]["content"] = "What is 2 + 2?"


def interrupted(root: Tree) -> None:
    details = {"tag": "details", "attrs": {"class": "lt-exc", "open": "open"}, "children": []}
    root["children"] = [*root["children"][:-1], details]


def no_total(root: Tree) -> None:
    for node in nodes(root):
        node["children"] = ["total" if text == "total_return" else text for text in node["children"]]


def old(rows: list[Tree]) -> list[Tree]:
    return [{**row, "total_reward": 1 - row["total_reward"] / 2} for row in rows]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (cut, "iteration_000001/train_logtree.json: not complete JSON"),
        (
            fewer,
            "1 of the 4 groups that train_rollout_summaries.jsonl beside it has are not in it.*num_groups_to_log",
        ),
        (lambda log: edit(log, interrupted), "its iteration was interrupted, so rollouts are missing"),
        (lambda log: edit(log, two_prompts), "the rollouts of group 1 logged 2 prompts; let the environment return"),
        (
            lambda log: edit(log, lambda root: without(root, ("Prompt",), 2)),
            "the rollouts of group 3 logged no prompt .*--id_column steps.0.logs.prompt_id",
        ),
        (lambda log: edit(log, no_total), "group 1: an episode has no 'total_return'"),
        (lambda log: edit(log, lambda root: root.update(tag=3)), "not a report of the Tinker cookbook"),
        (lambda log: edit_rows(log, old), "its rewards are not those of .* as if two attempts of a run had written"),
        (lambda log: (log / "iteration_000001" / SUMMARIES).unlink(), r"is told by .*\(rollout_json_export\)"),
        (
            lambda log: edit_rows(log, lambda rows: [{**rows[0], "total_reward": None}]),
            "train_rollout_summaries.jsonl: row 1: 'total_reward' is None, not a number",
        ),
    ],
)
def test_what_a_report_lacks_is_said(log: Path, change: Callable[[Path], Any], says: str) -> None:
    change(log)
    with pytest.raises(InputError, match=says) as caught:
        chosen(log)
    assert "\n" not in str(caught.value)


def test_a_bad_report_can_be_skipped(log: Path) -> None:
    edit(log, interrupted)
    left = [sample for sample in SAMPLES if sample.step != 2]
    found = chosen(log, skip_bad_files=True)
    assert {id: score for id, score in scores(found).items() if score is not None} == pytest.approx(
        {id: score for id, score in RUN.truth(left).items() if score is not None}
    )


def summaries_alone(log: Path, ids: bool = False) -> None:
    for folder in log.iterdir():
        tree = json.loads((folder / REPORT).read_text()) if (folder / REPORT).exists() else None
        if tree is not None and ids:
            logs = [{"prompt_id": f"q{prompt_of(tree['root'], at)}"} for at in range(4)]

            def named(rows: list[Tree], logs: list[Tree] = logs) -> list[Tree]:
                rows = copy.deepcopy(rows)
                for row in rows:
                    row["steps"][0]["logs"] = logs[row["group_idx"]]
                return rows

            edit_rows(log, named, folder.name)
        (folder / REPORT).unlink(missing_ok=True)


def test_summaries_without_reports_name_what_to_log(log: Path) -> None:
    summaries_alone(log)
    for path in (log, log / "iteration_000001", log / "iteration_000001" / SUMMARIES):
        with pytest.raises(
            InputError, match=r"summaries, which do not say their prompts.*num_groups_to_log.*prompt_id"
        ):
            chosen(path)


def test_ids_that_the_environment_logs_are_read_by_the_columns(log: Path) -> None:
    summaries_alone(log, ids=True)
    columns = {"id_column": "steps.0.logs.prompt_id", "reward_column": "total_reward", "step_column": "iteration"}
    found = chosen(log, **columns)
    assert scores(found) == pytest.approx(RUN.truth(SAMPLES))
    assert found.log is not None and found.log.samples == 96  # the evaluation is not among them


@pytest.mark.parametrize("below", ["", "dumped_data", "dumped_data/global_step_1_training_input.pkl"])
def test_skyrl_s_pickles_are_never_opened(tmp_path: Path, below: str) -> None:
    data = tmp_path / "log" / "dumped_data"
    data.mkdir(parents=True)
    for step in (1, 2):
        (data / f"global_step_{step}_training_input.pkl").write_bytes(b"cos\nsystem\n(S'exit 1'\ntR.")
    evaluation = tmp_path / "log" / "dumped_evals" / "global_step_2_evals"
    evaluation.mkdir(parents=True)
    (evaluation / "gsm8k.jsonl").write_text('{"input_prompt": "q", "output_response": "a", "score": 1.0}\n')
    RUN.write_prompts(tmp_path / "prompts.json")
    with pytest.raises(
        InputError, match=r"SkyRL's training batches, .* removed the rewards \(\d × .*write a row for"
    ):
        select(tmp_path / "prompts.json", log_path=tmp_path / "log" / below)
    if not below:
        for path in (evaluation.parent, evaluation, evaluation / "gsm8k.jsonl"):
            with pytest.raises(InputError, match="SkyRL's evaluation, which is no training"):
                select(tmp_path / "prompts.json", log_path=path)


def test_of_many_columns_the_first_are_named(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    row = {"step": 1} | {f"time/part_{at}": 0.5 for at in range(60)}
    (tmp_path / "log" / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    RUN.write_prompts(tmp_path / "prompts.json")
    with pytest.raises(InputError, match=r"columns step, time/part_0, .*, … \(41 more\), which") as caught:
        select(tmp_path / "prompts.json", log_path=tmp_path / "log")
    assert len(str(caught.value)) < 800
