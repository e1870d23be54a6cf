"""Is one arm of a comparison better than another, worse, no better, or undecided?

    python scripts/contrast.py docs/results/filter --primary limr:band --arms full limr band rand \
        [--also limr:rand band:rand] [--margin 2] [--benchmark arithmetic-t1] [--output_path FOLDER] [--runs]

The first argument is the folder of figures that a comparison keeps (`keep=`), a file per run. The model is
accuracy = arm + seed + scatter, by least squares over `--arms`, which must have the same seeds; the scatter is pooled
over them. The primary contrast gets a 90 % interval and a verdict: within ± the margin "no better and no worse" (with
0 in it; else too small to matter), otherwise "better" above 0, "worse" below, or "undecided". The others (`--also`)
get a 95 % interval over the seeds that both arms have, by the same scatter, and no verdict. `--runs` only says which
runs are there, for an experiment whose accuracies are not to be looked at before its end. With `--output_path`,
contrast.json and contrast.png are written there.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

from eval.results.statistics import Blocks, blocks, t_quantile  # noqa: E402
from lim.report.style import BLUE, GREY, new_figure, save_figure  # noqa: E402
from lim.utils.cli import Parser, between  # noqa: E402
from lim.utils.errors import InputError, run_cli  # noqa: E402
from lim.utils.files import check_output, read_json, write_json  # noqa: E402


@dataclass(frozen=True)
class Contrast:
    """The difference of two arms, in points of accuracy."""

    arm: str
    other: str
    confidence: float
    by_seed: dict[int, float]
    difference: float
    stderr: float
    interval: tuple[float, float]
    verdict: str | None = None  # of the primary contrast


def read_runs(folder: Path) -> dict[str, dict[int, dict[str, Any]]]:
    """Arm → seed → what was kept of its run. InputError for a folder without runs, or a file that is none."""
    if not folder.is_dir():
        raise InputError(f"{folder}: is not there; name the folder that a comparison was given as keep=")
    found: dict[str, dict[int, dict[str, Any]]] = {}
    for path in sorted(folder.glob("*.json")):
        run = read_json(path)
        if not isinstance(run, dict) or not {"arm", "seed", "inputs", "correct", "questions"} <= set(run):
            raise InputError(f"{path}: is not what a comparison keeps of a run; move it elsewhere")
        if run["seed"] is not None:  # else the base model
            found.setdefault(run["arm"], {})[run["seed"]] = run
    if not found:
        raise InputError(f"{folder}: holds no runs; name the folder that a comparison was given as keep=")
    return {arm: dict(sorted(runs.items())) for arm, runs in found.items()}


def accuracies(runs: Mapping[str, Mapping[int, Mapping[str, Any]]], benchmark: str) -> dict[str, dict[int, float]]:
    """Arm → seed → accuracy in points.

    InputError where a run had other files (prompts, base model, test) or questions than the first one, or other
    settings than its arm's first.
    """
    first: tuple[str, Mapping[str, Any]] | None = None
    for arm, by_seed in runs.items():
        of_arm: tuple[str, Mapping[str, Any]] | None = None
        for seed, run in by_seed.items():
            this = (f"{arm}, seed {seed}", run)
            first, of_arm = first or this, of_arm or this
            if benchmark not in run["correct"]:
                raise InputError(f"{this[0]}: has no {benchmark} (its benchmarks: {', '.join(run['correct'])})")
            if run["questions"][benchmark] != first[1]["questions"][benchmark]:
                raise InputError(f"{this[0]}: was evaluated on other questions of {benchmark} than {first[0]}")
            _need_same(this, first, files=True)
            _need_same(this, of_arm, files=False)
    return {
        arm: {seed: 100 * float(np.mean(run["correct"][benchmark])) for seed, run in by_seed.items()}
        for arm, by_seed in runs.items()
    }


def _need_same(this: tuple[str, Mapping[str, Any]], other: tuple[str, Mapping[str, Any]], *, files: bool) -> None:
    (name, run), (before, reference) = this, other
    for key in sorted({*run["inputs"], *reference["inputs"]}):
        here, there = (str(one["inputs"].get(key, "nothing")) for one in (run, reference))
        if here != there and files == ("sha256" in (here[:6], there[:6])):
            raise InputError(f"{name}: had {key} {here:.60}, {before} {there:.60}; they cannot be compared")


def contrast(
    found: Mapping[str, Mapping[int, float]], pooled: Blocks, pair: tuple[str, str], confidence: float
) -> Contrast:
    """The difference over the seeds that both arms have; its error is of the pooled scatter."""
    arm, other = pair
    seeds = [seed for seed in found[arm] if seed in found[other]]
    if not seeds:
        raise InputError(f"{arm} and {other}: have no seed in common")
    assert pooled.sd is not None
    by_seed = {seed: found[arm][seed] - found[other][seed] for seed in seeds}
    difference, stderr = float(np.mean(list(by_seed.values()))), pooled.sd * (2 / len(seeds)) ** 0.5
    half = t_quantile((1 + confidence) / 2, pooled.dof) * stderr
    return Contrast(arm, other, confidence, by_seed, difference, stderr, (difference - half, difference + half))


def verdict(interval: tuple[float, float], margin: float) -> str:
    """What an interval says, in words."""
    low, high = interval
    if -margin < low and high < margin:
        same = low <= 0 <= high
        return "no better and no worse" if same else "a difference too small to matter"
    return "better" if low > 0 else "worse" if high < 0 else "undecided"


def need_seeds(found: Mapping[str, Mapping[int, Any]], arms: Sequence[str]) -> list[int]:
    """The seeds of the pooled arms. InputError where one lacks a seed that another has, and for a single seed."""
    every = sorted({seed for arm in arms for seed in found[arm]})
    missing = [f"{arm} {seed}" for arm in arms for seed in every if seed not in found[arm]]
    if missing:
        raise InputError(f"runs are missing: {', '.join(missing)}; train them, or give --seeds that all arms have")
    if len(every) < 2:
        raise InputError(f"one seed ({every[0]}) says nothing about the scatter of runs; two are needed")
    return every


def show(contrasts: Sequence[Contrast], pooled: Blocks, seeds: Sequence[int], margin: float) -> None:
    console = Console(highlight=False)
    table = Table(title=f"points of accuracy, scatter {pooled.sd:.2f} with {pooled.dof} degrees of freedom")
    table.add_column("contrast")
    for name in ("difference", "standard error", "interval", "seeds"):
        table.add_column(name, justify="right")
    for one in contrasts:
        low, high = one.interval
        table.add_row(
            f"{one.arm} − {one.other}",
            f"{one.difference:+.2f}",
            f"{one.stderr:.2f}",
            f"{low:+.2f} to {high:+.2f} ({one.confidence:.0%})",
            str(len(one.by_seed)),
        )
    console.print(table)
    first = contrasts[0]
    by_seed = ", ".join(f"{value:+.1f}" for value in first.by_seed.values())
    console.print(f"{first.arm} − {first.other} by seed ({seeds[0]} to {seeds[-1]}): {by_seed}", soft_wrap=True)
    console.print(f"{first.arm} against {first.other}, margin {margin:g}: {first.verdict}", soft_wrap=True)


def draw(contrasts: Sequence[Contrast], margin: float, path: Path) -> Path:
    """Each contrast's interval, its seeds as dots, the margin shaded."""
    figure, axis = new_figure(6.4, 1.1 + 0.45 * len(contrasts))
    axis.axvspan(-margin, margin, color=GREY, alpha=0.3, lw=0)
    axis.axvline(0, color="0.3", lw=0.8)
    for place, one in enumerate(contrasts):
        low, high = one.interval
        axis.plot([low, high], [place, place], color=BLUE, lw=2)
        axis.plot(one.difference, place, "o", color=BLUE)
        axis.plot(list(one.by_seed.values()), [place + 0.25] * len(one.by_seed), ".", color=BLUE, ms=4)
    names = [f"{one.arm.upper()} − {one.other.upper()} ({one.confidence:.0%})" for one in contrasts]
    axis.set_yticks(range(len(contrasts)), names)
    axis.set_ylim(len(contrasts) - 0.5, -0.5)
    axis.set_xlabel(f"difference in accuracy (points); dots: seeds; shaded: ± {margin:g}")
    return save_figure(figure, path)


def pair(text: str) -> tuple[str, str]:
    arm, _, other = text.partition(":")
    if not arm or not other or arm == other:
        raise InputError(f"{text}: a contrast is two arms, as in limr:band")
    return arm, other


def main(argv: list[str] | None = None) -> None:
    parser = Parser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("folder", type=Path, help="what a comparison keeps")
    parser.add_argument("--primary", required=True, metavar="ARM:OTHER", help="the contrast that decides")
    parser.add_argument("--arms", nargs="+", required=True, help="arms whose scatter is pooled")
    parser.add_argument("--also", nargs="+", default=[], metavar="ARM:OTHER", help="other contrasts")
    parser.add_argument("--seeds", type=int, nargs="+", help="only these (default: all)")
    parser.add_argument("--margin", type=between(0, float("inf"), above=True), default=2.0, help="points (default 2)")
    parser.add_argument("--benchmark", default="arithmetic-t1", help="default: arithmetic-t1")
    parser.add_argument("--output_path", type=Path, help="folder for contrast.json and contrast.png")
    parser.add_argument("--runs", action="store_true", help="only say which runs are there")
    args = parser.parse_args(argv)
    if args.output_path:
        check_output("--output_path", args.output_path, folder=True)
    runs = read_runs(args.folder)
    if args.seeds:
        runs = {arm: {seed: run for seed, run in found.items() if seed in args.seeds} for arm, found in runs.items()}
    runs = {arm: found for arm, found in runs.items() if found}
    if args.runs:
        for arm, found in runs.items():
            print(f"{arm}: {', '.join(map(str, found))}")
        return
    primary, *others = pairs = [pair(text) for text in (args.primary, *args.also)]
    arms = list(dict.fromkeys([*args.arms, *primary]))
    if absent := [arm for arm in (*arms, *(arm for names in pairs for arm in names)) if arm not in runs]:
        raise InputError(f"{absent[0]}: has no run here (there are {', '.join(runs)})")
    seeds = need_seeds(runs, arms)
    found = accuracies(runs, args.benchmark)
    pooled = blocks({arm: found[arm] for arm in arms})
    first = contrast(found, pooled, primary, 0.9)
    contrasts = [Contrast(**{**vars(first), "verdict": verdict(first.interval, args.margin)})]
    contrasts += [contrast(found, pooled, names, 0.95) for names in others]
    show(contrasts, pooled, seeds, args.margin)
    if args.output_path:
        result = {"benchmark": args.benchmark, "arms": arms, "seeds": seeds, "margin": args.margin, "sd": pooled.sd}
        result |= {"dof": pooled.dof, "contrasts": [asdict(one) for one in contrasts]}
        write_json(args.output_path / "contrast.json", result)
        for path in (
            args.output_path / "contrast.json",
            draw(contrasts, args.margin, args.output_path / "contrast.png"),
        ):
            print(f"wrote {path}")


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
