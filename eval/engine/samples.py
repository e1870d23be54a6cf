"""Saved generations: `<benchmark>.jsonl` (one line per sample, appended as it finishes) and `<benchmark>.meta.json`.

A line is `{"id", "sample", "response", "finish_reason", "tokens"}`; finish_reason is vLLM's: stop, or length where
the response was cut off. The meta file says what made them (model, template, sampling, seed, data): samples
made with other settings are never mixed in.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from lim.utils.errors import InputError
from lim.utils.files import lock, read_json, write_json

# What must be equal for samples to share a file. The number of samples may grow.
IDENTITY = (
    "benchmark", "model", "weights", "template", "system_prompt", "temperature", "top_p", "max_new_tokens", "seed",
    "data_sha256", "dtype", "stop_at",
)  # fmt: skip
# Of samples that were made before there was a choice.
FORMER = {"stop_at": "eos"}
RESUME = "make room and run the same command again: it resumes here"
MADE_BY = ("versions", "commit")
Key = tuple[str, int]


class Sample(NamedTuple):
    """One response. `tokens` counts the generated ones, the end token included; None where unknown."""

    id: str
    sample: int
    response: str
    finish_reason: str | None
    tokens: int | None

    @property
    def key(self) -> Key:
        return self.id, self.sample


def path_of(folder: Path, benchmark: str) -> Path:
    return folder / f"{benchmark}.jsonl"


def meta_path(folder: Path, benchmark: str) -> Path:
    return folder / f"{benchmark}.meta.json"


def read_meta(folder: Path, benchmark: str) -> dict[str, Any]:
    meta = read_json(meta_path(folder, benchmark))
    if not isinstance(meta, dict):
        raise InputError(f"{meta_path(folder, benchmark)}: not an object")
    return meta


def parse(path: Path, number: int, line: str) -> Sample:
    try:
        row = json.loads(line)
        return Sample(str(row["id"]), int(row["sample"]), row["response"], row["finish_reason"], row["tokens"])
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: line {number}: not a sample ({type(error).__name__}: {error}); "
            "delete the line to have it generated again"
        ) from None


def read(path: Path) -> list[Sample]:
    """The samples of a file, in its order; a last line without its newline was cut off and is skipped."""
    text = path.read_bytes()
    complete = text[: text.rfind(b"\n") + 1]
    samples: dict[Key, Sample] = {}
    for number, line in enumerate(complete.decode("utf-8", errors="strict").split("\n")[:-1], 1):
        sample = parse(path, number, line)
        if sample.key in samples:
            raise InputError(f"{path}: line {number}: sample {sample.sample} of question {sample.id!r} is duplicated")
        samples[sample.key] = sample
    return list(samples.values())


class Store:
    """The generations of one benchmark of one model, open for appending by one process at a time."""

    def __init__(self, folder: Path, meta: dict[str, Any], *, overwrite: bool = False) -> None:
        """Open or resume the generations in `folder`; `overwrite` drops those made with other settings.

        Raises InputError for other settings without `overwrite`, and where another process is writing them.
        """
        self.path = path_of(folder, meta["benchmark"])
        folder.mkdir(parents=True, exist_ok=True)
        self.file = open(self.path, "ab", buffering=0)  # noqa: SIM115
        try:
            lock(self.file, f"{self.path}: another evaluation is writing this file; wait for it, or stop it")
            if overwrite and self._made_otherwise(folder, meta):
                self.file.truncate(0)
            self.samples = self._resume(folder, meta)
        except BaseException:
            self.file.close()
            raise
        write_json(meta_path(folder, meta["benchmark"]), self.meta)

    def _made_otherwise(self, folder: Path, meta: dict[str, Any]) -> bool:
        """Whether the samples in the folder were made with other or unknown settings."""
        if not meta_path(folder, meta["benchmark"]).is_file():
            return True
        known = read_meta(folder, meta["benchmark"])
        return any({**FORMER, **known}.get(key) != {**FORMER, **meta}.get(key) for key in IDENTITY)

    def _resume(self, folder: Path, meta: dict[str, Any]) -> dict[Key, Sample]:
        self.meta, self.now = meta, {key: meta.get(key) for key in MADE_BY}
        size = self.path.stat().st_size
        if size == 0:
            return {}
        known = {**FORMER, **read_json(meta_path(folder, meta["benchmark"]))}
        # Versions of the first samples stay on record; those of a resumed run are added with its first sample.
        self.meta = {**meta, **{key: known[key] for key in (*MADE_BY, "resumed_with") if key in known}}
        for key in IDENTITY:
            if known.get(key) != {**FORMER, **meta}.get(key):
                raise InputError(
                    f"{self.path}: holds samples made with {key} {short(known.get(key))}, but this run uses "
                    f"{short(meta.get(key))}; drop them with --overwrite, or choose another folder with --output_path"
                )
        samples = read(self.path)
        self.file.truncate(self.path.read_bytes().rfind(b"\n") + 1)
        return {sample.key: sample for sample in samples}

    def missing(self, ids: Iterable[str], n_samples: int) -> list[Key]:
        """What is still to be generated, in order."""
        return [(id, sample) for id in ids for sample in range(n_samples) if (id, sample) not in self.samples]

    def append(self, samples: Iterable[Sample]) -> None:
        """Write finished samples to disk. Raises InputError where they do not fit."""
        self._note_version()
        samples = [sample for sample in samples if sample.key not in self.samples]
        text = "".join(json.dumps(sample._asdict(), ensure_ascii=False) + "\n" for sample in samples)
        data = text.encode("utf-8", errors="replace")
        try:
            written = self.file.write(data)
        except OSError as error:
            raise InputError(f"{self.path}: cannot be written ({error.strerror}); {RESUME}") from None
        if written != len(data):
            raise InputError(f"{self.path}: only {written} of {len(data)} bytes fit on the disk; {RESUME}")
        self.samples.update((sample.key, sample) for sample in samples)

    def _note_version(self) -> None:
        known = [{key: self.meta.get(key) for key in MADE_BY}, *self.meta.get("resumed_with", [])]
        if self.now not in known:
            self.meta = {**self.meta, "resumed_with": [*known[1:], self.now]}
            write_json(meta_path(self.path.parent, self.meta["benchmark"]), self.meta)

    def close(self) -> None:
        self.file.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "…"
