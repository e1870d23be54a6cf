"""Write the paper's data sets, and any other, as prompt files and benchmarks.

    python -m data.prepare math8k limr aime24 amc23 math500       the paper's sets
    python -m data.prepare aime25 minerva olympiadbench gsm8k     further benchmarks
    python -m data.prepare arithmetic letters                     the embedded sets: no download
    python -m data.prepare math8k --levels                        with MATH's level and subject where the texts match
    python -m data.prepare math8k_rebuilt                         MATH levels 3-5 without MATH500
    python -m data.prepare math8k limr --from DIR                 from files you already have
    python -m data.prepare --dataset org/name --prompt_key problem --answer_key answer
    python -m data.prepare --reasoning_gym spell_backward,letter_counting --size 500 --seed 1

Prompts go to data/prompts/<name>.json ({id, prompt, answer, …}), benchmarks to data/benchmarks/<name>.jsonl
({id, question, answer, …}). Next to each is <file>.source.json: its origin, revision and checksums.
data/README.md describes the sets.
"""

from __future__ import annotations

import argparse
import importlib
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console

from data.sets import gym, hub, sources
from data.sets.columns import Rows, dig, pick
from data.sets.fetch import fetch
from data.sets.sources import SETS, HubSet, ReleaseFile, Source
from lim.logs.messages import messages_of
from lim.prompts import Reading, read_prompts
from lim.prompts.find import find, fingerprint
from lim.prompts.rows import SUFFIXES
from lim.utils.cli import Parser, did_you_mean, whole
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output, sha256_of, write_json
from lim.utils.rows import read_jsonl, write_jsonl
from lim.utils.text import squash

LEVELLED = ("math8k", "limr", "math500")  # sets to which --levels adds
NAMED = 3  # tasks that a file is named after; of more, it is called reasoning_gym


def release_file(file: ReleaseFile, args: argparse.Namespace) -> Path:
    """The release's file, from `--from` or fetched to the cache; its sha256 is checked either way."""
    if args.folder is None:
        return fetch(f"{args.release_url.rstrip('/')}/{file.path}", args.data_dir / "cache" / file.name, file.sha256)
    path = next(filter(Path.is_file, (args.folder / file.name, args.folder / file.path)), None)
    if path is None:
        raise InputError(f"{args.folder}: has neither {file.name} nor {file.path}; put the release's file there")
    found = sha256_of(path)
    if found != file.sha256:
        raise InputError(
            f"{path}: sha256 is {found}, expected {file.sha256}: not the release's file at commit "
            f"{sources.RELEASE_COMMIT[:7]}; fetch it again, or prepare it as your own with --dataset {path}"
        )
    return path


def hub_rows(wanted: HubSet, args: argparse.Namespace) -> tuple[Rows, dict[str, Any]]:
    """(rows with the project's keys, origin) of a hub set, from `--from` or the hub, of the expected number."""
    rows, origin = hub.read(args.folder, wanted.repo, wanted.config, wanted.split, wanted.revision)
    if wanted.rows is not None and len(rows) != wanted.rows:
        raise InputError(
            f"{wanted.repo}: split '{wanted.split}' has {len(rows)} rows, expected {wanted.rows}: another version"
        )
    return pick(rows, wanted.columns, wanted.repo, wanted.clean_answer), origin


def with_levels(rows: Rows, key: str, reference: HubSet, args: argparse.Namespace) -> tuple[Rows, str]:
    """(rows with MATH's level and subject where the text, whitespace aside, is in MATH; note)."""
    known = {squash(row["prompt"]): row for row in hub_rows(reference, args)[0]}
    found = [known.get(squash(row[key])) for row in rows]
    rows = [
        row | {"level": match["level"], "subject": match["subject"]} if match else row
        for row, match in zip(rows, found, strict=True)
    ]
    return rows, f"level and subject attached to {sum(map(bool, found)):,} of {len(rows):,}, by text"


def make(name: str, args: argparse.Namespace) -> tuple[Rows, dict[str, Any], list[str]]:
    """(rows, origin, notes) of a known set."""
    source, notes = SETS[name], []
    if name == "math8k_rebuilt":
        rows, origin, *notes = rebuild(args)
    elif isinstance(source.origin, HubSet):
        rows, origin = hub_rows(source.origin, args)
    else:
        path = release_file(source.origin, args)
        origin = {"repository": sources.RELEASE, "commit": sources.RELEASE_COMMIT}
        origin |= {"path": source.origin.path, "sha256": source.origin.sha256}
        if name == "limr":
            rows, *notes = choose(release_file(sources.MATH8K, args), path)
        elif source.kind == "prompts":
            rows = read_prompts(path)
        else:
            rows = pick(read_jsonl(path), {"question": "question", "answer": "answer"}, str(path))
    if args.levels and name in LEVELLED:
        test = name == "math500"
        reference = sources.MATH_TEST if test else sources.MATH_TRAIN
        rows, note = with_levels(rows, "question" if test else "prompt", reference, args)
        notes.append(note)
    if source.kind == "benchmark":
        rows = [{"id": f"{name}-{number}", **row} for number, row in enumerate(rows, 1)]
    return rows, origin, notes


def choose(prompts_path: Path, scores_path: Path) -> tuple[Rows, str]:
    """(prompts whose published score is at least the threshold, in file order: the published LIMR set; note)."""
    from lim.pipeline import select
    from lim.strategies import Settings

    settings = Settings(strategy="lim", similarity_threshold=sources.LIMR_THRESHOLD)
    selection = select(prompts_path, scores_path=scores_path, settings=settings)
    unscored = sum(map(bool, selection.reasons))
    rows = [row for row, chosen in zip(selection.records, selection.chosen_P, strict=True) if chosen]
    return rows, f"published score ≥ {sources.LIMR_THRESHOLD}; {unscored} of {len(selection.ids):,} have no score"


def rebuild(args: argparse.Namespace) -> tuple[Rows, dict[str, Any], str]:
    """(MATH levels 3-5 without MATH500, in MATH's order; origin; note). Texts of the released file keep its ids."""
    rows, origin = hub_rows(sources.MATH_TRAIN, args)
    test = {squash(row["question"]) for row in read_jsonl(release_file(sources.MATH500, args))}
    released = {squash(row["prompt"]): row["id"] for row in read_prompts(release_file(sources.MATH8K, args))}
    total, kept = len(released), []
    for row in rows:
        text = squash(row["prompt"])
        if (row["level"] or 0) >= 3 and text not in test:
            kept.append({**row, "id": released.pop(text, row["id"]), "source": "math"})
    return kept, origin, f"{total - len(released):,} of the release's {total:,} distinct questions are among them"


def make_own(args: argparse.Namespace) -> tuple[Rows, dict[str, Any], list[str]]:
    """(rows, origin, notes) of `--dataset`: a local file or folder, or a set of the hub."""
    path = Path(args.dataset)
    if path.exists():
        found, origin = find(path, Reading(config=args.config, split=args.split, revision=args.revision))
        rows, origin = found.records, {"path": str(path), "sha256": fingerprint(path), **origin}
    elif args.folder is None and (path.suffix in SUFFIXES or not re.fullmatch(r"\w[^/]*(/[^/]+)?", args.dataset)):
        raise InputError(f"{args.dataset}: no such file or folder; a set of the Hugging Face hub is named org/name")
    else:
        rows, origin = hub.read(args.folder, args.dataset, args.config, args.split, args.revision)
    if not rows:
        raise InputError(f"{args.dataset}: holds no rows")
    if not (args.prompt_key and args.answer_key):
        raise InputError(
            f"{args.dataset}: name its columns with --prompt_key and --answer_key (its columns: {', '.join(rows[0])})"
        )
    columns = {"question" if args.benchmark else "prompt": args.prompt_key, "answer": args.answer_key}
    if args.id_key:
        columns = {"id": args.id_key, **columns}
    picked = pick(rows, columns, args.dataset)
    asked = [messages_of(dig(row, args.prompt_key, args.dataset)) for row in rows]
    omitted = sum(len(turns) > 1 for turns in asked if turns)
    notes = [f"the system message of {omitted:,} omitted"] * (omitted > 0)
    return [{"id": f"{args.name}-{number}", **row} for number, row in enumerate(picked, 1)], origin, notes


def write(
    name: str, kind: str, rows: Rows, origin: dict[str, Any], licence: str, notes: list[str], data_dir: Path
) -> str:
    """Write a set and its `.source.json`; returns a line about it. Raises InputError where ids repeat."""
    for id, count in Counter(row["id"] for row in rows).most_common(1):
        if count > 1:
            raise InputError(f"{name}: the id {id!r} is duplicated; omit --id_key to number the rows")
    if kind == "prompts":
        path = data_dir / "prompts" / f"{name}.json"
        write_json(path, rows)
    else:
        path = data_dir / "benchmarks" / f"{name}.jsonl"
        write_jsonl(path, rows)
    facts = {"name": name, "rows": len(rows), "sha256": sha256_of(path), "licence": licence, "origin": origin}
    write_json(path.with_name(path.name + ".source.json"), facts | {"notes": notes})
    keys = ("answer", "prompt" if kind == "prompts" else "question")
    empty = {key: sum(not row[key].strip() for row in rows) for key in keys}
    size = f"{len(rows):,} row{'s' * (len(rows) != 1)}"
    remarks = [size, *notes, *(f"{n} with an empty {key}" for key, n in empty.items() if n)]
    return f"{os.path.relpath(path)}: {'; '.join(remarks)}"


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m data.prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, url = parser.add_argument, os.environ.get("LIMR_RELEASE_URL", sources.RELEASE_URL)
    add("names", nargs="*", metavar="NAME", help=", ".join(sources.NAMES))
    add("--from", dest="folder", type=Path, metavar="DIR", help="read files that are already in DIR")
    add("--levels", action="store_true", help="attach MATH's level and subject (math8k, limr, math500)")
    add("--data_dir", type=Path, default=Path(__file__).parent, help="default: the project's data/")
    add("--release_url", default=url, help="mirror of the release's files (default: LIMR_RELEASE_URL, else GitHub)")
    add = parser.add_argument_group("any other data set").add_argument
    add("--dataset", metavar="ORG/NAME", help="a set of the Hugging Face hub, or a local file or folder")
    add("--prompt_key", help="its column with the question; dots go into nested values")
    add("--answer_key", help="its column with the answer")
    add("--id_key", help="its column with a unique id (default: <name>-<row>)")
    add("--config", help="its configuration")
    add("--split", help="its split, where it has several (default: train)")
    add("--revision", help="its revision (default: the newest; the one used is recorded)")
    add("--name", help="what to call it here (default: the last part of its name)")
    add("--benchmark", action="store_true", help="write a benchmark instead of a prompt file")
    add = parser.add_argument_group("tasks of reasoning-gym (docs/verifiers.md)").add_argument
    add("--reasoning_gym", metavar="TASK[,TASK…]", help="write prompts and a held-out benchmark of these tasks")
    add("--size", type=whole(1, 1_000_000), help="prompts per task")
    add("--test_size", type=whole(1, 1_000_000), default=100, help="held-out questions per task (default: 100)")
    add("--seed", type=whole(0), default=0, help="of the items (default: 0)")
    args = parser.parse_args(argv)
    refuse_unused(parser, args)
    if not args.names and not args.dataset and not args.reasoning_gym:
        raise InputError(f"name a data set: {', '.join(sources.NAMES)}; or another with --dataset org/name")
    if args.reasoning_gym and args.dataset:
        raise InputError("--dataset and --reasoning_gym: give one of the two")
    if bool(args.reasoning_gym) != bool(args.size):
        raise InputError("--reasoning_gym takes --size, the number of prompts per task, and --size needs it")
    if args.folder is not None and not args.folder.is_dir():
        raise InputError(f"--from {args.folder}: no such folder")
    check_output("--data_dir", args.data_dir, folder=True)
    for name in args.names:
        if name not in sources.NAMES:
            raise InputError(
                f"{name}: no such data set{did_you_mean(name, sources.NAMES)} (known: {', '.join(sources.NAMES)}; "
                "others with --dataset org/name)"
            )
    if args.dataset:
        args.dataset = re.sub("^(hf://|https://huggingface.co/)datasets/", "", args.dataset).rstrip("/")
    if args.dataset and "://" in args.dataset:
        raise InputError(
            f"--dataset {args.dataset}: takes a set of the Hugging Face hub (org/name), or a local file or folder; "
            "download it first"
        )
    if args.dataset and args.name is None:
        path = Path(args.dataset)  # a set of the hub may have a dot in its name that is no suffix
        args.name = (path.stem if path.is_file() else path.name).lower()
    if args.reasoning_gym:
        args.tasks = [*dict.fromkeys(filter(None, (task.strip() for task in args.reasoning_gym.split(","))))]
        args.name = args.name or ("-".join(args.tasks) if len(args.tasks) <= NAMED else gym.NAME)
    check_name(args)
    return args


def refuse_unused(parser: Parser, args: argparse.Namespace) -> None:
    """Raise InputError for a flag that nothing asked for uses."""
    own = ("prompt_key", "answer_key", "id_key", "config", "split", "revision", "benchmark")
    uses: dict[str, tuple[str, bool]] = dict.fromkeys(own, ("--dataset", bool(args.dataset)))
    uses["name"] = "--dataset", bool(args.dataset or args.reasoning_gym)
    uses |= dict.fromkeys(("test_size", "seed"), ("--reasoning_gym", bool(args.reasoning_gym)))
    uses["levels"] = ", ".join(LEVELLED), not {*LEVELLED}.isdisjoint(args.names)
    for key, (what, used) in uses.items():
        if not used and getattr(args, key) != parser.get_default(key):
            raise InputError(f"--{key}: is for {what}, which is not asked for; remove it")


def check_name(args: argparse.Namespace) -> None:
    """Raise InputError where a set of one's own would be written elsewhere, or in the place of a known set."""
    if args.name is None:
        return
    if args.name in ("", ".", "..") or Path(args.name).name != args.name:
        raise InputError(f"--name {args.name!r}: names the file that is written, so it has no '/' and is not empty")
    if args.name.removesuffix("_val") in sources.NAMES:  # the embedded sets have a file of validation prompts, too
        raise InputError(f"{args.name}: is a set of this project (data/README.md); call yours otherwise with --name")


def main(argv: list[str] | None = None) -> int | None:
    args = parse_args(argv)
    console = Console(soft_wrap=True, highlight=False)
    for name in dict.fromkeys(args.names):
        if name in sources.EMBEDDED:
            importlib.import_module(f"data.{name}").produce(0, args.data_dir, Console())
            continue
        source: Source = SETS[name]
        rows, origin, notes = make(name, args)
        console.print(write(name, source.kind, rows, origin, source.licence, notes, args.data_dir))
    if args.dataset:
        rows, origin, notes = make_own(args)
        kind = "benchmark" if args.benchmark else "prompts"
        console.print(write(args.name, kind, rows, origin, "see the data set's own page", notes, args.data_dir))
    if args.reasoning_gym:
        prompts, questions, origin = gym.make(args.tasks, args.size, args.test_size, args.seed)
        for kind, rows in (("prompts", prompts), ("benchmark", questions)):
            console.print(write(args.name, kind, rows, origin, "Apache-2.0 (reasoning-gym)", [], args.data_dir))
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
