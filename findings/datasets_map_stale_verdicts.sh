#!/usr/bin/env bash
# Dataset.map serves old verdicts after the grader was changed, and how the grader was imported decides it.
#
# Expected: the cache's key covers the code that map runs, so a changed grader grades again; or else an imported one
#     never does.
# Instead: a function imported by name ("from grader import equal") enters the key as its name alone: the old verdicts
#     come back, no grading is done. The module itself ("import grader") enters with its contents, and a change of it
#     is seen. An installed package is a name in both forms: after an upgrade of a verifier its old verdicts stay.
# Seen in: datasets 5.2.0, datasets.fingerprint and datasets.utils._dill; dill 0.4.1.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0 dill==0.4.1 pyarrow==26.0.1
cd "$dir"
export HF_HOME="$dir/hf" HF_DATASETS_DISABLE_PROGRESS_BARS=1 PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$dir"

printf '%s\n' '{"gold": "0.5", "answer": "1/2"}' '{"gold": "3", "answer": "3"}' >answers.jsonl
old_rules='def equal(gold, answer):
    return gold == answer'
new_rules='from fractions import Fraction


def equal(gold, answer):
    return Fraction(gold) == Fraction(answer)'
installed=$("$dir/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/verifier.py
printf '%s\n' "$old_rules" | tee grader.py >"$installed"
cat >label.py <<'PY'
import grader
import verifier
from datasets import load_dataset
from grader import equal

answers = load_dataset("json", data_files="answers.jsonl", split="train")
print("name     ", answers.map(lambda r: {"reward": float(equal(r["gold"], r["answer"]))})["reward"][:])
print("module   ", answers.map(lambda r: {"reward": float(grader.equal(r["gold"], r["answer"]))})["reward"][:])
print("installed", answers.map(lambda r: {"reward": float(verifier.equal(r["gold"], r["answer"]))})["reward"][:])
PY

"$dir/venv/bin/pip" list --disable-pip-version-check 2>/dev/null | grep -E '^(datasets|dill) '
echo "graders that compare strings:"
"$dir/venv/bin/python" label.py | tee before
printf '%s\n' "$new_rules" | tee grader.py >"$installed"
echo "graders that compare fractions (1/2 is 0.5, so all are right):"
"$dir/venv/bin/python" label.py | tee after

old='[0.0, 1.0]' new='[1.0, 1.0]'
diff before - <<<"name      $old
module    $old
installed $old"
diff after - <<<"name      $old
module    $new
installed $old"
