#!/usr/bin/env bash
# Of two near-duplicate questions distilabel's EmbeddingDedup keeps neither; with FaissNearestNeighbour as it comes it
# keeps both, and drops a question for being unlike another; DeitaFiltering chooses neither of two.
#
# Expected: deduplication keeps one of each group; DEITA chooses by score and skips what is near to something chosen.
# Instead: EmbeddingDedup marks every row that is a close neighbour of any row: of two copies each is the other's. Its
#     score must be a similarity, but the step that makes the scores has squared distances as its default: there the
#     copies' 0.002 stays below the threshold of 0.9, and a row goes that lies 0.9 or more from one which has none
#     nearer. DeitaFiltering takes the distance to the nearest row of all, not of those chosen, so both copies are
#     too near. To it a score of 0 is a missing one: of 0 and 6 the product is 6, above 1 * 5. The best questions of a
#     set are the ones that have copies.
# Seen in: distilabel 1.5.3, distilabel.steps.filtering.embedding, distilabel.steps.deita and
#     distilabel.steps.embeddings.nearest_neighbour; faiss-cpu 1.15.1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check distilabel==1.5.3 datasets==5.2.0 pyarrow==26.0.1 \
    numpy==2.4.6 pydantic==2.14.4 requests==2.34.2 faiss-cpu==1.15.1
cd "$dir"
export HF_HOME="$dir/hf" XDG_CACHE_HOME="$dir/cache"
"$dir/venv/bin/python" -W ignore - <<'PY'
import contextlib
import io
import logging
from importlib.metadata import version

import faiss
import numpy as np
from distilabel.steps import DeitaFiltering, EmbeddingDedup, FaissNearestNeighbour

logging.disable(logging.WARNING)
print(*(f"{name} {version(name)}" for name in ("distilabel", "faiss-cpu")))
# a and A ask the same, b and B too, c is unlike all others and least unlike a
DIRECTIONS = {"a": [1, 0, 0.1], "A": [1, 0.04, 0.08], "b": [0, 1, 0], "B": [0, 1, -0.04], "c": [0, 0, 1]}


def rows(**columns):
    unit = {name: (np.array(to) / np.linalg.norm(to)).tolist() for name, to in DIRECTIONS.items()}
    values = zip(*columns.values(), strict=True) if columns else [()] * len(unit)
    return [
        {"text": name, "embedding": to, **dict(zip(columns, row, strict=True))}
        for (name, to), row in zip(unit.items(), values, strict=True)
    ]


def run(step, table):
    step.load()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):  # progress bars
        return next(step.process(table))


def kept(**settings):
    table = run(EmbeddingDedup(), run(FaissNearestNeighbour(**settings), rows()))
    for row in table:
        near = table[row["nn_indices"][0]]["text"]
        keep = row["keep_row_after_embedding_filtering"]
        print(f"    {row['text']}: nearest {near}, score {row['nn_scores'][0]:.3f}, kept {keep}")
    return "".join(row["text"] for row in table if row["keep_row_after_embedding_filtering"])


print("EmbeddingDedup over inner products:")
products = kept(metric_type=faiss.METRIC_INNER_PRODUCT)
assert products == "c", products
print("EmbeddingDedup over FaissNearestNeighbour's default:")
distances = kept()
assert distances == "AbBc", distances

scores = {"evol_instruction_score": [6, 6, 5, 5, 2], "evol_response_score": [6, 6, 5, 5, 2]}
chosen = run(DeitaFiltering(data_budget=3), rows(**scores))
print("DeitaFiltering, the best 3:", [(row["text"], row["deita_score"]) for row in chosen])
assert [row["text"] for row in chosen] == ["c"], chosen

DIRECTIONS = {"a": [1, 0, 0], "b": [0, 1, 0], "c": [0, 0, 1]}
scores = {"evol_instruction_score": [0, 1, 1], "evol_response_score": [6, 5, 4]}
chosen = run(DeitaFiltering(data_budget=1), rows(**scores))
print("DeitaFiltering, the best of 0 * 6, 1 * 5 and 1 * 4:", chosen[0]["text"], chosen[0]["deita_score"])
assert (chosen[0]["text"], chosen[0]["deita_score"]) == ("a", 6), chosen
PY
