#!/usr/bin/env bash
# Data-Juicer's second general_field_filter lets everything through that the first one let through: its condition is
# never looked at.
#
# Expected: of "0.2 <= pass_rate <= 0.8" and then "level == 3" what meets both is kept, in either order.
# Instead: a filter writes its result into the row's statistics under the filter's name and skips rows that have one.
#     The first filter's true is there for every row that passed it, so the second keeps them all; whichever comes
#     second is ignored. In the same way a second word_repetition_filter, with another rep_len, compares its bounds
#     with the first one's ratio, and a specified_numeric_field_filter sees the value that a field had at the first
#     such filter, not the one that a mapper has put there since.
# Seen in: py-data-juicer 1.6.1, data_juicer.ops.filter (general_field_filter, word_repetition_filter,
#     specified_numeric_field_filter). Right: one general_field_filter with "and".
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
# Without the rest of its dependencies: these filters need neither torch nor a web page.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps py-data-juicer==1.6.1
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check 2>/dev/null \
    ray==2.60.0 datasets==5.2.0 pyarrow==26.0.1 numpy==2.4.6 pandas==3.1.1 pydantic==2.14.4 regex==2026.11.19 \
    dill==0.3.8 multiprocess==0.70.16 psutil==7.2.2 tomli==2.5.0 zstandard==0.25.0 wget==3.2 emoji==2.2.0 \
    requests==2.34.2 httpx==0.28.1 aiohttp==3.14.5 jsonargparse==4.53.0 beautifulsoup4==4.15.0 tabulate==0.10.0 \
    pillow==13.0.0 loguru==0.7.3 tqdm==4.70.1
cd "$dir"
export HF_HOME="$dir/hf" PIP_NO_INDEX=1 # it would install what it misses
"$dir/venv/bin/python" - <<'PY'
from importlib.metadata import version

import datasets
from data_juicer.ops.filter.general_field_filter import GeneralFieldFilter
from data_juicer.ops.filter.specified_numeric_field_filter import SpecifiedNumericFieldFilter
from data_juicer.ops.filter.word_repetition_filter import WordRepetitionFilter
from data_juicer.utils.constant import Fields
from loguru import logger

logger.remove()
datasets.disable_progress_bars()
print("py-data-juicer", version("py-data-juicer"))


def kept(rows, *steps):
    """The rows' names after the steps: filters, in the two passes that Data-Juicer makes of each, or functions."""
    table = datasets.Dataset.from_list([{**row, Fields.stats: {}} for row in rows])
    for step in steps:
        if hasattr(step, "compute_stats"):
            table = table.map(step.compute_stats, batched=step.is_batched_op())
            table = table.filter(step.process, batched=step.is_batched_op())
        else:
            table = table.map(step)
    return " ".join(table["name"])


rows = [{"name": f"q{i}", "text": "", "pass_rate": i / 10, "level": i % 3 + 1} for i in range(11)]
middling = GeneralFieldFilter("0.2 <= pass_rate <= 0.8")
hard = GeneralFieldFilter("level == 3")
results = {
    "pass_rate": kept(rows, middling),
    "level": kept(rows, hard),
    "pass_rate, level": kept(rows, middling, hard),
    "level, pass_rate": kept(rows, hard, middling),
    "both in one": kept(rows, GeneralFieldFilter("0.2 <= pass_rate <= 0.8 and level == 3")),
}
for how, names in results.items():
    print(f"general_field_filter {how:18} {names}")
assert results["both in one"] == "q2 q5 q8", results
assert results["pass_rate, level"] == results["pass_rate"] == "q2 q3 q4 q5 q6 q7 q8", results

texts = {"none": "one two three four five six", "pairs": "so it is so it goes so it is so it ends"}
rows = [{"name": name, "text": text, "pass_rate": 0.0} for name, text in texts.items()]
long, short = WordRepetitionFilter(rep_len=6, max_ratio=0.5), WordRepetitionFilter(rep_len=2, max_ratio=0.5)
results = {"2 words": kept(rows, short), "6 words, 2 words": kept(rows, long, short)}
for how, names in results.items():
    print(f"word_repetition_filter {how:16} {names}")
assert list(results.values()) == ["none", "none pairs"], results

rows = [{"name": f"q{i}", "text": "", "rate": i / 10} for i in range(11)]
failures = kept(rows, lambda row: {"rate": 1 - row["rate"]}, SpecifiedNumericFieldFilter("rate", min_value=0.75))
filtered = kept(
    rows,
    SpecifiedNumericFieldFilter("rate", min_value=0.0),
    lambda row: {"rate": 1 - row["rate"]},
    SpecifiedNumericFieldFilter("rate", min_value=0.75),
)
print("specified_numeric_field_filter, 1 - rate at least 0.75:", failures)
print("the same after a filter on rate:                       ", filtered)
assert (failures, filtered) == ("q0 q1 q2", "q8 q9 q10"), (failures, filtered)
PY
