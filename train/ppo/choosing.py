"""A choice of prompts inside a run (`run.select`): made from the log so far, kept in the checkpoints.

    <run>/chosen/after_step_<n>.json           the chosen prompts, as lim_selection.py writes them; beside it
    <run>/chosen/after_step_<n>.scores.json    every prompt's score, .summary.json, and figures and report.html in
    <run>/chosen/after_step_<n>/               run.json lists the choices; rows of the log say which they are from

A choice is made as an epoch begins and depends on the log alone. A checkpoint holds the choices before it, so that a
resumed run continues with the same prompts; a choice after it is made again, from the steps that are made again.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Any

from lim.logs import reward_log
from lim.output import output_paths, write_selection
from lim.pipeline import select
from lim.prompts import PromptSet
from lim.prompts import load as load_prompts
from lim.prompts.find import fingerprint
from lim.prompts.write import check_rows
from lim.selection import Selection
from lim.utils.errors import InputError, one_line
from lim.utils.paths import shown
from train.ppo import samples
from train.recipe import dataset
from train.recipe.choice import ChoiceConfig, Chosen, epochs_of, in_recipe_words, spans, steps_of_epoch
from train.recipe.recipe import RunConfig, run_config
from train.run import progress

FOLDER = "chosen"
AGAIN = "nothing is lost: change run.select and resume with run.resume=true"
OF_STEP = re.compile(r"after_step_(\d+)(\..+)?")


class RunEnds(Exception):
    """Raised as an epoch would begin that the run does not have."""


class ChoosingOrder(samples.EpochOrder):
    """The prompts of each epoch, of all prompts first and then of the chosen ones.

    `folder` is where the recipe's paths start, `args` are OpenRLHF's; `wait` returns when every step is on disk. The
    trainer keeps `step`, the last step made.
    """

    def __init__(self, data: Any, seed: int, run_dir: Path, folder: str, args: Any, wait: Callable[[], None]) -> None:
        super().__init__(data, seed)
        self.run_dir, self.wait, self.step = run_dir, wait, 0
        record = reward_log.read_run(run_dir)
        run = run_config(record["recipe"]["run"], str(run_dir / "run.json"))
        assert run.select is not None
        self.config: ChoiceConfig = run.select
        self.settings = run.select.settings(run.seed)
        self.scheduler_steps: int = record["optimizer_steps"]  # as planned: it may not depend on the choice
        self.epochs_without: int = record["epochs_without_choice"]
        self.batch = args.rollout.batch_size
        sizes = (self.batch, args.rollout.n_samples_per_prompt, args.train.batch_size, args.train.max_epochs)
        self.steps_of = lambda prompts: steps_of_epoch(prompts, *sizes)
        self.row_of = {json.loads(data[row][2])["id"]: row for row in range(len(data))}
        self.prompts = self.read_prompts(run, folder, record["prompt_sha256"])
        self.choices: list[dict[str, Any]] = []  # step, epoch (the last before it), file, ids

    def read_prompts(self, run: RunConfig, folder: str, version: str | None) -> PromptSet:
        """The prompt file's rows that are trained on, read before the first step: a mistake shows at once."""
        name = next((str(path) for path in [Path(folder, run.prompt_file)] if path.exists()), run.prompt_file)
        prompts = load_prompts(name, dataset.reading_of(run))
        if version not in (fingerprint(name), prompts.origin.get("revision")):
            raise InputError(f"{run.prompt_file}: has changed since the run was started from it; restore it")
        place = {id: row for row, id in enumerate(prompts.ids)}
        prompts = prompts.take(sorted(place[id] for id in self.row_of))
        rows = prompts.rows
        self.suffix = ".parquet" if rows.table is not None else ".jsonl" if rows.lines else ".json"
        check_rows(rows, self.file_of(0))
        if self.settings.ids_path is not None:
            self.settings = replace(self.settings, ids_path=str(Path(folder, self.settings.ids_path)))
        return prompts

    def file_of(self, step: int) -> Path:
        """Where the choice after a step is written."""
        return self.run_dir / FOLDER / f"after_step_{step}{self.suffix}"

    def known(self) -> list[Chosen]:
        """The choices made, or the first one where its size is known before."""
        made = [Chosen(choice["epoch"], len(choice["ids"])) for choice in self.choices]
        count = self.config.count()
        return made or ([] if count is None else [Chosen(self.config.after_epoch, count)])

    @property
    def epochs(self) -> int:
        """Epochs of the run, as far as is known."""
        return epochs_of(self.config, len(self.dataset), self.epochs_without, self.known(), self.steps_of)

    def spans(self) -> list[tuple[int, int]]:
        """(prompts, epochs over them) of the run, as far as is known."""
        return spans(len(self.dataset), self.epochs, self.known())

    @property
    def steps(self) -> int:
        """Trainer steps of the run, as far as is known."""
        return sum(ceil(prompts / self.batch) * epochs for prompts, epochs in self.spans())

    @property
    def chosen_at(self) -> int | None:
        """The step of the choice in force, if any."""
        return self.choices[-1]["step"] if self.choices else None

    def __iter__(self) -> Iterator[Any]:
        if self.position == 0:
            if self.epoch >= self.epochs:
                raise RunEnds
            if self.config.due(self.epoch) and not any(choice["epoch"] == self.epoch for choice in self.choices):
                self.choose()
        return super().__iter__()

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "choices": self.choices}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.choices = list(state.get("choices", []))
        self.take(self.choices[-1]["ids"] if self.choices else list(self.row_of))

    def restore(self, step: int, state: dict[str, Any]) -> None:
        """Start from a checkpoint's state after `step`; what was chosen later is removed, as its steps are."""
        self.step = step
        if state:
            self.load_state_dict(state)
        folder = self.run_dir / FOLDER
        for path in list(folder.iterdir()) if folder.is_dir() else []:
            match = OF_STEP.fullmatch(path.name)
            if (match and int(match[1]) > step) or path.suffix == ".partial":  # what a kill cut off
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        self.record()

    def take(self, ids: Sequence[str]) -> None:
        """Go over these prompts from now on, in the data set's order before each epoch's shuffle."""
        self.rows = sorted(self.row_of[id] for id in ids)

    def choose(self) -> None:
        """Choose from the log so far, write the choice, and continue with it. InputError where it is too small."""
        self.wait()
        for later, path in reward_log.step_files(self.run_dir):
            if later > self.step:  # of an earlier try, after the checkpoint that was resumed from
                path.unlink()
        number = len(self.choices)
        settings = replace(self.settings, seed=self.settings.seed + number)
        if number:
            settings = replace(settings, allow=(*settings.allow, "chosen"))
        try:
            selection = select(self.prompts, log_path=self.run_dir, settings=settings)
        except InputError as error:
            raise InputError(f"{in_recipe_words(error)}; {AGAIN}") from None
        file = self.file_of(self.step)
        file.parent.mkdir(exist_ok=True)
        write_selection(selection, file)
        self.report(selection, file)
        ids = [id for id, chosen in zip(selection.ids, selection.chosen_P.tolist(), strict=True) if chosen]
        if not self.steps_of(len(ids)):
            scores = output_paths(file)["scores"]
            raise InputError(
                f"run.select chose {len(ids)} of {len(selection.ids):,} prompts ({settings.rule()}), too few for one "
                f"optimiser step; {shown(scores)} has their scores; {AGAIN}"
            )
        self.choices.append({"step": self.step, "epoch": self.epoch, "file": file.name, "ids": ids})
        self.take(ids)
        self.record()
        facts = {"prompts": len(ids), "of": len(self.dataset), "rule": settings.in_words()}
        where = {"step": self.step, "epoch": self.epoch, "epochs": self.epochs, "file": shown(file)}
        progress.emit(self.run_dir, "choice", **where, **facts)

    def report(self, selection: Selection, file: Path) -> None:
        """Figures and page of a choice. The run continues where they cannot be made, and says so."""
        folder = file.with_suffix("")
        try:
            from lim.report.figures import write_report
            from lim.report.page import write_page

            write_report(selection, folder)
            write_page(selection, folder / "report.html")
        except Exception as error:
            progress.emit(self.run_dir, "stage", text=f"{shown(folder)}: no report ({one_line(error)})")

    def record(self) -> None:
        """Write to run.json what was chosen, and what that makes of the run's steps."""
        run = reward_log.read_run(self.run_dir)
        run["choices"] = [
            {
                "step": choice["step"],
                "epoch": choice["epoch"],
                "prompts": len(choice["ids"]),
                "file": f"{FOLDER}/{choice['file']}",
            }
            for choice in self.choices
        ]
        run |= {"epochs": self.epochs, "steps": self.steps}
        run["optimizer_steps"] = sum(self.steps_of(prompts) * epochs for prompts, epochs in self.spans())
        reward_log.write_run(self.run_dir, run)
