"""What `data.prepare` knows about each set: where it lies, at which revision, with which checksum and columns.

The paper's own files come from the release's repository at one commit, each with its sha256. The other
benchmarks come from the Hugging Face hub, each pinned to a revision. data/README.md lists their faults.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

RELEASE = "GAIR-NLP/LIMR"
RELEASE_COMMIT = "98ebf1bd54cc4539a9ac2332327ab0200bc2a88f"
RELEASE_URL = f"https://raw.githubusercontent.com/{RELEASE}/{RELEASE_COMMIT}"

# The published score from which a prompt is in the published LIMR set (on figures of two decimals, ≥).
LIMR_THRESHOLD = 0.6


@dataclass(frozen=True)
class ReleaseFile:
    """A file of the release's repository."""

    path: str
    sha256: str
    rows: int

    @property
    def name(self) -> str:
        return self.path.rsplit("/", 1)[-1]


@dataclass(frozen=True)
class HubSet:
    """A data set of the Hugging Face hub. `columns`: key here → column there (dots go into nested values)."""

    repo: str
    split: str
    columns: dict[str, str]
    config: str | None = None
    revision: str | None = None
    rows: int | None = None
    clean_answer: Callable[[str], str] = str.strip


@dataclass(frozen=True)
class Source:
    """What a name stands for: a prompt file or a benchmark, and where it comes from."""

    kind: Literal["prompts", "benchmark"]
    origin: ReleaseFile | HubSet
    licence: str
    extra: dict[str, Any] = field(default_factory=dict)


def after_hashes(answer: str) -> str:
    """The number after `####`, without thousands separators (GSM8K's format)."""
    return answer.rsplit("####", 1)[-1].strip().replace(",", "")


def without_dollars(answer: str) -> str:
    """The answer without one surrounding pair of `$`; `$a$, $b$` is left as it is."""
    inner = re.fullmatch(r"\s*\$([^$]*)\$\s*", answer)
    return (inner[1] if inner else answer).strip()


SCORES = ReleaseFile("data/scores.json", "423a74a3800642db02791dcff8ff88044a25ff4a27f0a2e91fc9efe883edebc5", 7935)
MATH8K = ReleaseFile(
    "data/prompts/math.8k.json", "aa3cc946c7106464a4e4c8df47633c5ca7655b57bed8b8bb026e86bc7745ec46", 8523
)
AIME24 = ReleaseFile("eval/data/aime24.jsonl", "59c4add319c7a95dee9531e61ba7f66d68ebec2e3cab54b4f6a21f0648a8c6fc", 30)
AMC23 = ReleaseFile("eval/data/amc23.jsonl", "473016f0ccf2fa9c9e3958628e6169233dfedccfec6e767d8e6fde9c75722548", 40)
MATH500 = ReleaseFile(
    "eval/data/math500.jsonl", "fba7f0faf5593e5c29028190115672e36fe4bed72f535cea8c71d393bd03ba0f", 500
)

# All of MATH, split into 12,000 and the 500 of MATH500, with level and subject.
MATH_TRAIN = HubSet(
    repo="nlile/hendrycks-MATH-benchmark",
    revision="b2d17b56c4299a255acb1d4bc14ce920eb15f4fc",
    split="train",
    columns={
        "id": "unique_id",
        "prompt": "problem",
        "answer": "answer",
        "level": "level",
        "subject": "subject",
    },
    rows=12000,
)
MATH_TEST = HubSet(
    repo="HuggingFaceH4/MATH-500",
    revision="6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
    split="test",
    columns=MATH_TRAIN.columns,
    rows=500,
)

SETS: dict[str, Source] = {
    "math8k": Source("prompts", MATH8K, "MIT (MATH); the release's repository states none"),
    "limr": Source("prompts", SCORES, "MIT (MATH); the release's repository states none"),
    "math8k_rebuilt": Source("prompts", MATH_TRAIN, "MIT (MATH)"),
    "aime24": Source("benchmark", AIME24, "questions © MAA; the release's repository states none"),
    "amc23": Source("benchmark", AMC23, "questions © MAA; the release's repository states none"),
    "math500": Source("benchmark", MATH500, "MIT (MATH)"),
    "aime25": Source(
        "benchmark",
        HubSet(
            repo="math-ai/aime25",
            revision="563bb8404243c5f09de6ec262f2db674fe5bce9b",
            split="test",
            columns={"question": "problem", "answer": "answer"},
            rows=30,
        ),
        "Apache-2.0 by its card; questions © MAA",
    ),
    "minerva": Source(
        "benchmark",
        HubSet(
            repo="math-ai/minervamath",
            revision="ee46ddc498933b1977577953250ca5c66be64f96",
            split="test",
            columns={"question": "question", "answer": "answer"},
            rows=272,
        ),
        "not stated by its card; questions from MIT OpenCourseWare",
    ),
    "olympiadbench": Source(
        "benchmark",
        HubSet(
            repo="math-ai/olympiadbench",
            revision="4faaf1e6ec17d11a4218a9bf4c049ecaf954dd84",
            split="test",
            columns={"question": "question", "answer": "final_answer", "subject": "subfield"},
            rows=674,
            clean_answer=without_dollars,
        ),
        "Apache-2.0 (OlympiadBench)",
    ),
    "gsm8k": Source(
        "benchmark",
        HubSet(
            repo="openai/gsm8k",
            config="main",
            revision="740312add88f781978c0658806c59bc2815b9866",
            split="test",
            columns={"question": "question", "answer": "answer"},
            rows=1319,
            clean_answer=after_hashes,
        ),
        "MIT",
    ),
}
EMBEDDED = ("arithmetic", "letters")  # each made by its own module, data.<name>
NAMES = (*SETS, *EMBEDDED)
