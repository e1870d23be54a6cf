#!/usr/bin/env bash
# Data-Juicer's near-duplicate filter takes all questions of fewer than five words for copies of each other: it keeps
# the first one of them.
#
# Expected: what is too short for a shingle has nothing in common with anything, or is compared as a whole.
# Instead: a text with fewer words than window_size (5 by default) has no shingle, and all such texts get the same
#     signature, the largest hash. They match at any jaccard_threshold, and the first one is kept. A formula without
#     spaces is one word: of LIMR's 8,523 problems 188 have fewer than five words,
#     and one of the 188 is left. The log has the number of clusters and of rows that are kept, no more.
# Seen in: py-data-juicer 1.6.1, data_juicer.ops.deduplicator.document_minhash_deduplicator. Right: look at questions
#     of fewer than window_size words on their own, or compare characters.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
# Without the rest of its dependencies: this filter needs neither torch nor a web page.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps py-data-juicer==1.6.1
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 2>/dev/null \
    ray==2.60.0 datasets==5.2.0 pyarrow==26.0.1 numpy==2.4.6 scipy==1.17.1 pandas==3.1.1 pydantic==2.14.4 \
    regex==2026.11.19 dill==0.3.8 multiprocess==0.70.16 psutil==7.2.2 tomli==2.5.0 zstandard==0.25.0 wget==3.2 \
    emoji==2.2.0 requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5 jsonargparse==4.53.0 beautifulsoup4==4.15.0 \
    tabulate==0.10.0 pillow==13.0.0 loguru==0.7.3 tqdm==4.70.1
cd "$dir"
export HF_HOME="$dir/hf" PIP_NO_INDEX=1 # it would install what it misses
"$dir/venv/bin/python" - 2>warnings <<'PY' || { cat warnings; exit 1; }
from importlib.metadata import version

import datasets
from data_juicer.ops.deduplicator.document_minhash_deduplicator import DocumentMinhashDeduplicator
from loguru import logger

logger.remove()
datasets.disable_progress_bars()
print("py-data-juicer", version("py-data-juicer"))


def kept(texts, **settings):
    step = DocumentMinhashDeduplicator(**settings)
    table = datasets.Dataset.from_list([{"text": text} for text in texts]).map(step.compute_hash)
    return list(step.process(table)[0]["text"])


short = [r"Factor $x^2-9$.", r"Compute $\tan 45^\circ$.", "Which prime follows 89?", r"Simplify $\sqrt{72}$."]
herd = "A farmer has 12 cows and 15 sheep and sells half of the cows before winter comes. How many animals"
pair = [f"{herd} remain?", f"{herd} stay?"]
longer = [f"Give a proof. {text}" for text in short]
CASES = [  # questions, settings, what is kept
    (short, {}, short[:1]),
    (short, {"jaccard_threshold": 0.99}, short[:1]),
    (short, {"window_size": 1}, short),
    (short, {"tokenization": "character"}, short),
    (longer, {}, longer),
    (pair, {}, pair[:1]),
    (short + pair, {}, short[:1] + pair[:1]),
]
for texts, settings, expected in CASES:
    got = kept(texts, **settings)
    print(f"{len(got)} of {len(texts)} kept, {settings or 'default'}:", *(f"    {text}" for text in got), sep="\n")
    assert got == expected, (settings, got)
PY
