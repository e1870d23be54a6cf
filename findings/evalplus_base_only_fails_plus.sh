#!/usr/bin/env bash
# EvalPlus says 0.000 for HumanEval+ of right solutions if they were evaluated with base_only before, and keeps
# giving the old scores to whatever solutions are in the file.
#
# Expected: the second call runs the extra tests, which the first was told to leave out, or says that they are
#     missing; pass@1 is 1.000. New solutions under the same name are run.
# Instead: results are kept beside the samples and loaded if they are there, whatever options, solutions and tests
#     they are of: of these only the tests' hash is kept, and it is not compared. The extra tests' status is then
#     null, which counts as failed. What is printed is "Load from previous results" and a score as of any other run. A
#     training's checkpoints evaluated under one name all get the first one's scores.
# Seen in: evalplus 0.3.1, evalplus.evaluate.evaluate. Right: remove NAME_eval_results.json before each call.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"${PYTHON:-python3}" -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
    numpy==2.4.6 datasets==5.2.0 rich==15.0.0 fire==0.7.1 termcolor==3.3.0 tqdm==4.70.1 psutil==7.2.2 \
    appdirs==1.4.4 tempdir==0.7.1 wget==3.2 tree-sitter==0.26.1 tree-sitter-python==0.25.0
# Without the clients of models' servers and transformers: solutions are evaluated here, not generated.
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps evalplus==0.3.1
cd "$dir"
cat > write.py <<'PY'
import json
import sys

TASKS = {"double": "n + n", "square": "n * n", "negate": "-n", "successor": "n + 1"}
with open("tasks.jsonl", "w") as tasks, open("samples.jsonl", "w") as samples:
    for at, (name, body) in enumerate(TASKS.items()):
        prompt = f'def {name}(n):\n    """The {name} of n."""\n'
        task = {"task_id": f"HumanEval/{at}", "prompt": prompt, "entry_point": name, "contract": "", "atol": 0}
        task |= {"canonical_solution": f"    return {body}\n", "base_input": [[1], [2]], "plus_input": [[0], [-3]]}
        tasks.write(json.dumps(task) + "\n")
        given = prompt + f"    return {body if sys.argv[1] == 'right' else 'None'}\n"
        samples.write(json.dumps({"task_id": task["task_id"], "solution": given}) + "\n")
PY
export XDG_CACHE_HOME="$dir/cache" HUMANEVAL_OVERRIDE_PATH="$dir/tasks.jsonl" NO_COLOR=1

# Evaluate the solutions and check the scores: of the base tests, and with the extra ones where those were run.
evaluate() {
    local title=$1 expected=$2
    shift 2
    "$dir/venv/bin/python" -m evalplus.evaluate --dataset humaneval --samples samples.jsonl --parallel 1 "$@" \
        > out.log 2> err.log || { cat out.log err.log; exit 1; }
    echo "$title: $(grep -E '^humaneval|^pass@1|^Load from prev' out.log | tr '\t\n' '  ')"
    [ "$(grep '^pass@1' out.log | cut -f 2 | xargs)" = "$expected" ] || { echo "expected $expected"; exit 1; }
}

"$dir/venv/bin/python" -c 'from importlib.metadata import version; print("evalplus", version("evalplus"))'
"$dir/venv/bin/python" write.py right
evaluate "right solutions, base_only " "1.000" --base_only
evaluate "right solutions            " "1.000 0.000"
rm samples_eval_results.json
evaluate "right solutions, afresh    " "1.000 1.000"
"$dir/venv/bin/python" write.py wrong
evaluate "wrong solutions            " "1.000 1.000"
rm samples_eval_results.json
evaluate "wrong solutions, afresh    " "0.000 0.000"
