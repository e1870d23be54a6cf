#!/usr/bin/env bash
# Dataset.map turns a penalty of -0.5 into True where the first batch of rewards was True and False.
#
# Expected: an error, as for a first batch of whole numbers ("0.5 was truncated"), or a column of numbers.
# Instead: the first batch written fixes the column's type. Arrow casts every number but 0 to True, so a wrong answer's
#     -0.5 and a format reward of 0.1 are read back as True. Nothing is raised. A batch that mixes both kinds is kept.
# Seen in: datasets 5.2.0, datasets.arrow_writer, used by Dataset.map and Dataset.from_generator; pyarrow 26.0.1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 pyarrow==26.0.1
cd "$dir"
HF_HOME="$dir/hf" HF_DATASETS_DISABLE_PROGRESS_BARS=1 "$dir/venv/bin/python" - <<'PY'
import datasets
import pyarrow
from datasets import Dataset

print("datasets", datasets.__version__, "pyarrow", pyarrow.__version__)
rows = [{"source": "proof", "right": i % 2 == 0} for i in range(64)] + [{"source": "number", "right": False}] * 64


def reward(batch):
    """A judge of proofs says True or False; a checker of numbers gives 1.0 or -0.5."""
    pairs = zip(batch["source"], batch["right"])
    return {"reward": [right if source == "proof" else 1.0 if right else -0.5 for source, right in pairs]}


def read_back(rows, batch_size):
    scored = Dataset.from_list(rows).map(reward, batched=True, batch_size=batch_size)
    numbers = [float(x) for x, source in zip(scored["reward"], scored["source"]) if source == "number"]
    kind = scored.features["reward"]
    print(f"batches of {batch_size:3}: type {kind}, the wrong numbers' rewards {sorted(set(numbers))}")
    return set(numbers)


assert read_back(rows, 32) == {1.0}  # 64 wrong answers, all rewarded
assert read_back(rows, 128) == {-0.5}  # the same rows in one batch are right
assert read_back(rows[::-1], 32) == {-0.5}  # and so are they in the other order

whole = Dataset.from_list([{"r": i} for i in range(64)])
try:
    whole.map(lambda b: {"reward": [1 if r < 32 else -0.5 for r in b["r"]]}, batched=True, batch_size=32)
except pyarrow.ArrowInvalid as error:
    print("whole numbers first:", error)
else:
    raise AssertionError("whole numbers first no longer raise")
PY
