"""The documents' examples work: each command runs, in a copy of the project with small made-up data.

A command either runs as it stands, runs with a change that `CHANGED` names, or is in `NOT_RUN` with the reason: a new
command in a document runs by itself, and fails here where it does not work.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from doc_commands import Command, commands, python_blocks

ROOT = Path(__file__).resolve().parents[2]
# LOG.md is a diary: its commands are those of the commits it names.
DOCUMENTS = [ROOT / "README.md", ROOT / "data" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCUMENTS.remove(ROOT / "docs" / "LOG.md")
EXAMPLES = list({found.text: found for path in DOCUMENTS for found in commands(path)}.values())

# Pattern of whole commands → why they do not run here.
NOT_RUN = {
    r"(VENV=\S+ )?bash scripts/(setup|test)\.sh.*|bash \.ci/run|\S*pip install .*": "installs packages",
    r"bash scripts/verify_recorders\.sh": "installs TRL and verl; docs/LOG.md has what came of it",
    r"(UPDATE_GOLDEN=1 )?\S*(python -m )?pytest.*": "is the tests themselves",
    r"\S*python -m data\.prepare --reasoning_gym .*": "takes an optional extra; see tests/data/test_gym.py",
    r"\S*python -m data\.prepare (?!arithmetic).*": "downloads; tests/data/test_prepare.py has a local server",
    r"\S*python -m train\.pretrain .*": "takes minutes; tests/train/pretrain makes small ones",
    r"\S*python -m train\.pass_rates .*": "generates with a model; tests/train/test_pass_rates.py does",
    r"(\w+=\S+ )*bash scripts/ray_cluster\.sh .*": "takes nodes; tests/train/test_launch_cluster.py starts two",
    r"(RAY_ADDRESS=\S+ )?bash scripts/doctor\.sh \S+.*": "wants GPUs; tests/train/doctor has made-up ones",
    r"bash scripts/resolve_gpu\.sh": "asks PyPI",
    r"python scripts/mutate_golds\.py .*": "grades 18,000 answers; tests/scripts/test_mutate_golds.py 2,000",
    r"python scripts/grader_conventions\.py .*": "takes an environment per package",
    r"export HF_\w+=.*|\S*hf download .*|\S*hf auth login": "asks the hub",
    r"python scripts/lim_against_band\.py .*": "takes logs of runs; tests/scripts/test_lim_against_band.py",
    r"python scripts/contrast\.py .*": "takes kept figures of many runs; tests/scripts/test_contrast.py",
    r"python scripts/mixed_domains\.py .*": "takes logs of runs; tests/scripts/test_mixed_domains.py",
    r"python scripts/simulate_repeat\.py .*": "takes logs of runs; tests/scripts/test_simulate_repeat.py",
    r"python scripts/label_suspects\.py .*": "takes trained runs; tests/scripts/test_label_suspects.py",
    r"sbatch .*": "takes Slurm; tests/train/test_launch_cluster.py has stand-ins",
    r"export RAY_ADDRESS=\S+|kill %1 %2": "belongs to the cluster's commands around it",
}
# Pattern → replacement: what takes a GPU, minutes, or a reader's own path is planned, or gets the path of the copy.
CHANGED = {
    # One viewer is started, and ended as by Ctrl-C; it would serve on.
    r"lim view data/output/math\.8k": r"timeout -s INT 20 \g<0> || true",
    r"lim view .+|python -m lim\.view": "lim view --help",
    r"bash scripts/demo\.sh.*": r"PYTHON=.venv/bin/python \g<0> --plan",
    r"bash scripts/compare\.sh.*": r"\g<0> --plan",
    r"\+colocated-8gpu .*": r"bash scripts/train_math.8k.sh \g<0> --dry_run",
    r"((\w+=\S+ )*bash scripts/train\S*\.sh(?:(?! --dry_run).)*)": r"\1 --dry_run",
    r"(.*) /path/to/(\S+.*)": r"\1 \2",
    # The copy's math8k.json has fewer prompts, and the run that was evaluated on all of them has another name.
    r"(.*--num_prompts) 1389( .*)": r"\1 5\2",
    r"(.*) math\.8k limr rand(.*)": r"\1 full limr rand\2",
    r"(.*)OUTPUTS\.json … --against CHECKOUT --repeat \d+(.*)": r"\1OUTPUTS.json --against . --repeat 1\2",
    # Names of commands; what follows them is elsewhere.
    r"python -m (lim\.stability|eval\.(grader|compare)|data\.audit)|lim [a-z-]+": r"\g<0> --help",
    r"\S*python (lim_selection\.py|-m lim)": r"\g<0> --help",
}
# Pattern → files that must be there afterwards, beside those that flags name, and text to be seen.
EXPECTED = {
    r"bash scripts/lim\.sh": ["data/prompts/limr.json", "data/prompts/limr.scores.json"],
    r"timeout .* lim view .*": ["http://127.0.0.1:", "closed"],
    r"bash eval/eval\.sh --run_path .*": ["already generated", "aime24", "math500", "amc23", "average"],
    r"bash eval/eval\.sh --model .*": ["already generated", "greedy", "full:final", "rand:final"],
    r"\S*python -m data\.letters": ["data/prompts/letters_val.json", "wrote"],
    r"python -m data\.arithmetic .*": ["data30/prompts/arithmetic.json", "wrote"],
    r"\S*python -m data\.(prepare )?arithmetic": ["data/prompts/arithmetic_val.json", "wrote"],
    r"\S*python -m data\.audit words\.json .*": ["altered answers taken as right"],
    r"\S*python -m data\.audit (?!--log).*": ["aime24", "math500"],
    r"python -m data\.audit --log data.*": ["suspected wrong labels", "suspect-ids.json"],
    r"python -m data\.audit --log their.*": ["responses are not right"],
    r".*--score_only data.*": ["aime24", "amc23"],
    r".*--score_only their.*": ["outputs.json"],
    r".*--score_only choices.*": ["choices.jsonl"],
    r".*--group_by task .*": ["chosen.json"],
    r".*eval\.grader '.*": ["correct"],
    r".*eval\.grader (?!--help)(--file )?\S+.*": ["made up"],
    r".*bench_grader.*": ["items/s"],
    r"bash scripts/doctor\.sh": ["Python", "compiler"],
    r".*scripts/compare\.sh configs/compare/inside\.yaml keep=\S+ --plan": [
        "LIM inside, after 2 (seed 1): train",
        "Evaluate LIM inside, after 2 (seed 1)",
    ],
    r".*scripts/compare\.sh configs/compare/filter\S*\.yaml 'seeds=.* --only base_band.*": [
        "random, base model's pass rate 0.1-0.9 (seed 18): train",
    ],
    r".*scripts/compare\.sh configs/compare/filter\S*\.yaml 'seeds=.* nearest base_band.*": [
        "nearest mean pass rate (seed 18): train",
        "random, base model's pass rate 0.1-0.9 (seed 18): train",
    ],
    r".*scripts/compare\.sh configs/compare/filter\S*\.yaml 'seeds=.*": [
        "LIMR (seed 18): train",
        "random, pass rate 0.1-0.9 (seed 18): train",
    ],
    r".*scripts/compare\.sh configs/compare/filter\.yaml .* --only base_band.*": [
        "random, base model's pass rate 0.1-0.9 (seed 16): train",
    ],
    r".*scripts/compare\.sh configs/compare/filter\S*\.yaml .*": [
        "LIMR (seed 11): train",
        "random, pass rate 0.1-0.9 (seed 11): train",
    ],
    r"python scripts/power\.py .*": ["within ± 2 at 0", "96%"],
    r".*scripts/demo\.sh.*|.*scripts/compare\.sh.*": ["LIMR (seed 1): train", "one after the other"],
    r".*scripts/train.*--dry_run": ["-m train.ppo", "--actor.model_name_or_path"],
}
WRITES = ("--output_path", "--report", "--markdown", "--json", "--curves", "--write_ids")


def rule(table: dict[str, object], text: str) -> str | None:
    """The pattern of a table that a whole command matches."""
    return next((pattern for pattern in table if re.fullmatch(pattern, text)), None)


def as_run(text: str) -> str:
    """A command with the changes it needs to run here."""
    pattern = rule(CHANGED, text)
    return re.sub(pattern, CHANGED[pattern], text, count=1) if pattern else text


RUN = [example for example in EXAMPLES if rule(NOT_RUN, example.text) is None]


def name(example: Command) -> str:
    return f"{example.document}:{example.line}"


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A copy of the project in a folder with a space in its name, filled by doc_project.py; tests copy it again."""
    folder = tmp_path_factory.mktemp("docs") / "a project"
    for part in ("configs", "eval", "lim", "scripts", "train"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "data", folder / "data", ignore=lambda at, found: without_data(Path(at), found))
    shutil.copy(ROOT / "lim_selection.py", folder)
    binaries = folder / ".venv" / "bin"
    binaries.mkdir(parents=True)
    (binaries / "python").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n')
    (binaries / "lim").write_text('#!/bin/sh\nexec python -m lim "$@"\n')
    for name in ("python", "lim"):
        (binaries / name).chmod(0o755)
    (folder / "verifiers").mkdir()
    (folder / "verifiers" / "words.py").write_text(python_blocks(ROOT / "docs" / "verifiers.md")[0])
    made = ROOT / "tests" / "helpers" / "doc_project.py"
    done = run(f"PYTHONPATH=. python {shlex.quote(str(made))}", folder)
    assert done.returncode == 0, done.stdout
    return folder


def without_data(at: Path, found: list[str]) -> list[str]:
    """Of data/ the code alone is copied."""
    return [
        item
        for item in found
        if at == ROOT / "data" and not (item in ("sets", "arithmetic", "letters") or item.endswith((".py", ".md")))
    ]


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command line in a folder, offline, with the interpreter of these tests as `python`."""
    env = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "PYTHON", "POOL", "RECIPE")}
    env |= {"PATH": f"{folder}/.venv/bin:{env['PATH']}", "HF_HUB_OFFLINE": "1", "COLUMNS": "200"}
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
    )


@pytest.mark.parametrize("example", RUN, ids=name)
def test_example_works(example: Command, project: Path, tmp_path: Path):
    command = as_run(example.text)
    folder = tmp_path / "a project"
    planned = command.endswith(("--dry_run", "--plan"))
    shutil.copytree(project, folder)
    for part in ("output", "prompts") if planned else ():
        shutil.rmtree(folder / "data" / part)
    before = files(folder)
    done = run(command, folder)
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    assert "Traceback" not in done.stdout
    if planned:
        assert files(folder) == before, "a plan leaves nothing behind"
    words = shlex.split(command)
    expected = [words[words.index(flag) + 1] for flag in WRITES if flag in words]
    expected += EXPECTED.get(rule(EXPECTED, command) or "", [])
    assert expected or "--help" in command, f"{command}: what comes of it is not in EXPECTED"
    for item in expected:
        if "/" in item or item.endswith((".json", ".md", ".png")):
            assert (folder / item).exists() or item in done.stdout, f"{item} is not there:\n{done.stdout}"
        else:
            assert item in done.stdout, f"{item} is not said:\n{done.stdout}"
    if command.endswith("chosen.parquet --report report/"):
        given, found = (pq.read_table(folder / name) for name in ("train.parquet", "chosen.parquet"))
        assert found.schema.equals(given.schema, check_metadata=True) and 0 < len(found) < len(given)
        assert set(map(str, found.to_pylist())) <= set(map(str, given.to_pylist()))


def files(folder: Path) -> set[str]:
    """Files below a folder but for Python's caches."""
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    return {path for path in found if "__pycache__" not in path}


def test_each_rule_is_of_some_example():
    for table in (NOT_RUN, CHANGED):
        used = {rule(table, example.text) for example in EXAMPLES}
        assert set(table) <= used, "a pattern that no document needs any more"
    used = {rule(EXPECTED, as_run(example.text)) for example in RUN}
    assert set(EXPECTED) <= used, "a pattern that no document needs any more"


def test_scripts_that_are_not_run_are_there():
    for example in EXAMPLES:
        for path in re.findall(r"(?<![\w./-])(?:scripts|tests|\.ci)/[\w./]+", example.text):
            assert (ROOT / path).is_file(), f"{name(example)}: {path}"


def test_the_page_on_python_runs_as_it_stands(project: Path, tmp_path: Path):
    folder = tmp_path / "a project"
    shutil.copytree(project, folder)
    (block,) = python_blocks(ROOT / "docs" / "python.md")
    lines = [line for line in block.splitlines() if line and "import" not in line]
    assert len(lines) <= 20
    (folder / "page.py").write_text(block, encoding="utf-8")
    done = run("PYTHONPATH=. LIM_CACHE=cache python page.py", folder)
    assert done.returncode == 0, done.stdout
    assert "chosen; average" in done.stdout and "Never right in" in done.stdout and "so \\boxed{" in done.stdout
    assert (folder / "report" / "report.html").is_file()


# Of the others, python.md runs above, and logs.md (it reads a file) in tests/lim/logs/test_wide_tables.py.
WITH_COMMENTS = [path for path in DOCUMENTS if python_blocks(path) and path.name not in ("python.md", "logs.md")]


@pytest.mark.parametrize("path", WITH_COMMENTS, ids=lambda path: path.name)
def test_python_blocks_give_what_their_comments_say(path: Path):
    compared = 0

    def same(value: object, said: str) -> None:
        nonlocal compared
        compared += 1
        assert repr(value) == said.split(";")[0].strip()

    for block in python_blocks(path):
        lines = re.sub(
            r"^(\s*)(\w.*\))\s+# (.+)$", lambda found: f"{found[1]}same({found[2]}, {found[3]!r})", block, flags=re.M
        )
        exec(lines, {"same": same})
    assert compared
