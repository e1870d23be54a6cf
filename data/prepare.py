"""Write the paper's data sets, and any other, as prompt files and benchmarks.

    python -m data.prepare math8k limr aime24 amc23 math500       the paper's sets
    python -m data.prepare aime25 minerva olympiadbench gsm8k     further benchmarks
    python -m data.prepare arithmetic                             the embedded set: no download
    python -m data.prepare math8k --levels                        with MATH's level and subject where the texts match
    python -m data.prepare math8k_rebuilt                         MATH levels 3-5 without MATH500
    python -m data.prepare math8k limr --from DIR                 from files you already have
    python -m data.prepare --dataset org/name --prompt_key problem --answer_key answer

Prompts go to data/prompts/<name>.json ({id, prompt, answer, …}), benchmarks to data/benchmarks/<name>.jsonl
({id, question, answer, …}). Next to each is <file>.source.json: its origin, revision and checksums.
data/README.md describes the sets.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from data.sets import hub, sources
from data.sets.columns import Rows, pick
from data.sets.fetch import fetch
from data.sets.sources import SETS, HubSet, ReleaseFile, Source
from lim.prompts import read_prompts
from lim.utils.cli import Parser, did_you_mean
from lim.utils.errors import InputError, run_cli
from lim.utils.files import check_output, sha256_of, write_json
from lim.utils.rows import read_jsonl, write_jsonl
from lim.utils.text import squash

console = Console(soft_wrap=True, highlight=False)


def release_file(file: ReleaseFile, args: argparse.Namespace) -> Path:
    """The release's file, from `--from` or fetched to the cache; its sha256 is checked either way."""
    if args.folder is None:
        return fetch(f"{args.release_url.rstrip('/')}/{file.path}", args.data_dir / "cache" / file.name, file.sha256)
    places = [args.folder / file.name, args.folder / file.path]
    path = next((place for place in places if place.is_file()), None)
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
    """(rows with our keys, origin) of a hub set, from `--from` or the hub. The number of rows is checked."""
    if args.folder is None:
        rows, origin = hub.from_hub(wanted.repo, wanted.config, wanted.split, wanted.revision)
    else:
        local = hub.from_folder(args.folder, wanted.repo, wanted.config, wanted.split, wanted.revision)
        if local is None:
            raise InputError(
                f"{args.folder}: holds no {wanted.repo} (looked for the folders {wanted.repo} and "
                f"{wanted.repo.split('/')[-1]}, and the hub's cache layout); put its files there"
            )
        rows, origin = local
    if wanted.rows is not None and len(rows) != wanted.rows:
        raise InputError(
            f"{wanted.repo}: split '{wanted.split}' has {len(rows)} rows, expected {wanted.rows}: another version"
        )
    return pick(rows, wanted.columns, wanted.repo, wanted.clean_answer), origin


def with_levels(rows: Rows, key: str, args: argparse.Namespace, reference: HubSet, notes: list[str]) -> Rows:
    """Rows with MATH's level and subject where the text (whitespace aside) is in MATH."""
    known = {squash(row["prompt"]): row for row in hub_rows(reference, args)[0]}
    found = [known.get(squash(row[key])) for row in rows]
    notes.append(f"level and subject attached to {sum(map(bool, found)):,} of {len(rows):,}, by text")
    return [
        row | {"level": match["level"], "subject": match["subject"]} if match else row
        for row, match in zip(rows, found, strict=True)
    ]


def make(name: str, args: argparse.Namespace) -> tuple[Rows, dict[str, Any], list[str]]:
    """(rows, origin, notes) of a known set."""
    source, notes = SETS[name], list[str]()
    if name == "math8k_rebuilt":
        rows, origin = rebuild(args, notes)
    elif isinstance(source.origin, HubSet):
        rows, origin = hub_rows(source.origin, args)
    else:
        path = release_file(source.origin, args)
        origin = {"repository": sources.RELEASE, "commit": sources.RELEASE_COMMIT}
        origin |= {"path": source.origin.path, "sha256": source.origin.sha256}
        if name == "limr":
            rows = choose(release_file(sources.MATH8K, args), path, notes)
        elif source.kind == "prompts":
            rows = read_prompts(path)
        else:
            rows = pick(read_jsonl(path), {"question": "question", "answer": "answer"}, str(path))
    if args.levels and name in ("math8k", "limr"):
        rows = with_levels(rows, "prompt", args, sources.MATH_TRAIN, notes)
    elif args.levels and name == "math500":
        rows = with_levels(rows, "question", args, sources.MATH_TEST, notes)
    if source.kind == "benchmark":
        rows = [{"id": f"{name}-{number}", **row} for number, row in enumerate(rows, 1)]
    return rows, origin, notes


def choose(prompts_path: Path, scores_path: Path, notes: list[str]) -> Rows:
    """The prompts whose published score is at or above the threshold, in file order (the published LIMR set)."""
    from lim.pipeline import Settings, select

    settings = Settings(strategy="lim", similarity_threshold=sources.LIMR_THRESHOLD)
    selection = select(prompts_path, scores_path=scores_path, settings=settings)
    unscored = sum(map(bool, selection.reasons))
    notes.append(f"published score ≥ {sources.LIMR_THRESHOLD}; {unscored} of {len(selection.ids):,} have no score")
    return [row for row, chosen in zip(selection.records, selection.chosen_P, strict=True) if chosen]


def rebuild(args: argparse.Namespace, notes: list[str]) -> tuple[Rows, dict[str, Any]]:
    """MATH levels 3-5 without MATH500, in MATH's order; a row whose text is in the released file keeps that id."""
    rows, origin = hub_rows(sources.MATH_TRAIN, args)
    test = {squash(row["question"]) for row in read_jsonl(release_file(sources.MATH500, args))}
    released = {squash(row["prompt"]): row["id"] for row in read_prompts(release_file(sources.MATH8K, args))}
    total, kept = len(released), []
    for row in rows:
        text = squash(row["prompt"])
        if (row["level"] or 0) >= 3 and text not in test:
            kept.append({**row, "id": released.pop(text, row["id"]), "source": "math"})
    notes.append(f"{total - len(released):,} of the release's {total:,} distinct questions are among them")
    return kept, origin


def make_own(args: argparse.Namespace) -> tuple[Rows, dict[str, Any]]:
    """(rows, origin) of `--dataset`: a local file or folder, or a set of the hub."""
    path = Path(args.dataset)
    if path.exists():
        rows, origin = hub.read_local(path, args.config, args.split)
    elif args.folder is not None:
        local = hub.from_folder(args.folder, args.dataset, args.config, args.split, args.revision)
        if local is None:
            raise InputError(f"{args.folder}: holds no {args.dataset}; put its files there")
        rows, origin = local
    elif path.suffix in hub.SUFFIXES or args.dataset.startswith((".", "/", "~")) or args.dataset.count("/") > 1:
        raise InputError(f"{args.dataset}: no such file or folder; a set of the Hugging Face hub is named org/name")
    else:
        rows, origin = hub.from_hub(args.dataset, args.config, args.split, args.revision)
    if not rows:
        raise InputError(f"{args.dataset}: the split '{args.split}' has no rows; name another with --split")
    if not (args.prompt_key and args.answer_key):
        raise InputError(
            f"{args.dataset}: name its columns with --prompt_key and --answer_key (its columns: {', '.join(rows[0])})"
        )
    columns = {"question" if args.benchmark else "prompt": args.prompt_key, "answer": args.answer_key}
    if args.id_key:
        columns = {"id": args.id_key, **columns}
    rows = pick(rows, columns, args.dataset)
    return [{"id": f"{args.name}-{number}", **row} for number, row in enumerate(rows, 1)], origin


def write(
    name: str, kind: str, rows: Rows, origin: dict[str, Any], licence: str, notes: list[str], data_dir: Path
) -> None:
    """Write a set and its `.source.json`, and say so. Raises InputError where ids repeat."""
    seen: set[str] = set()
    for row in rows:
        if row["id"] in seen:
            raise InputError(f"{name}: the id {row['id']!r} is duplicated; omit --id_key to number the rows")
        seen.add(row["id"])
    if kind == "prompts":
        path = data_dir / "prompts" / f"{name}.json"
        write_json(path, rows)
    else:
        path = data_dir / "benchmarks" / f"{name}.jsonl"
        write_jsonl(path, rows)
    facts = {"name": name, "rows": len(rows), "sha256": sha256_of(path), "licence": licence, "origin": origin}
    write_json(path.with_name(path.name + ".source.json"), facts | {"notes": notes})
    empty = sum(not row["answer"].strip() for row in rows)
    remarks = [*notes, *([f"{empty} with an empty answer"] if empty else [])]
    console.print(f"{os.path.relpath(path)}: {len(rows):,} rows" + "".join(f"; {remark}" for remark in remarks))


def check_names(names: Iterable[str]) -> None:
    """Raise InputError for a name that is not known, with those it may be meant for."""
    for name in names:
        if name not in sources.NAMES:
            raise InputError(
                f"{name}: no such data set{did_you_mean(name, sources.NAMES)} (known: {', '.join(sources.NAMES)}; "
                "others with --dataset org/name)"
            )


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    parser = Parser(
        prog="python -m data.prepare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(sources.NAMES))
    parser.add_argument("--from", dest="folder", type=Path, metavar="DIR", help="read files that are already in DIR")
    parser.add_argument(
        "--levels", action="store_true", help="attach MATH's level and subject (math8k, limr, math500)"
    )
    parser.add_argument(
        "--data_dir",
        type=Path,
        default=Path(__file__).parent,
        help="default: the project's data/",
    )
    parser.add_argument(
        "--release_url",
        default=os.environ.get("LIMR_RELEASE_URL", sources.RELEASE_URL),
        help="a mirror of the release's files (default: LIMR_RELEASE_URL, else GitHub)",
    )
    own = parser.add_argument_group("any other data set")
    own.add_argument("--dataset", metavar="ORG/NAME", help="a set of the Hugging Face hub, or a local file or folder")
    own.add_argument("--prompt_key", help="its column with the question; dots go into nested values")
    own.add_argument("--answer_key", help="its column with the answer")
    own.add_argument("--id_key", help="its column with a unique id (default: <name>-<row>)")
    own.add_argument("--config", help="its configuration")
    own.add_argument("--split", default="train", help="its split (default: train)")
    own.add_argument("--revision", help="its revision (default: the newest; the one used is recorded)")
    own.add_argument("--name", help="what to call it here (default: the last part of its name)")
    own.add_argument("--benchmark", action="store_true", help="write a benchmark instead of a prompt file")
    args = parser.parse_args(argv)
    if not args.names and not args.dataset:
        raise InputError(f"name a data set: {', '.join(sources.NAMES)}; or another with --dataset org/name")
    if args.folder is not None and not args.folder.is_dir():
        raise InputError(f"--from {args.folder}: no such folder")
    check_output("--data_dir", args.data_dir, folder=True)
    check_names(args.names)
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
    return args


def main(argv: list[str] | None = None) -> int | None:
    args = parse_args(argv)
    for name in dict.fromkeys(args.names):
        if name == sources.EMBEDDED:
            from data import arithmetic

            arithmetic.produce(0, args.data_dir, Console())
            continue
        source: Source = SETS[name]
        rows, origin, notes = make(name, args)
        write(name, source.kind, rows, origin, source.licence, notes, args.data_dir)
    if args.dataset:
        rows, origin = make_own(args)
        kind = "benchmark" if args.benchmark else "prompts"
        write(args.name, kind, rows, origin, "see the data set's own page", [], args.data_dir)
    return None


if __name__ == "__main__":
    raise SystemExit(run_cli(main))
