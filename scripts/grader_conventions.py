"""Twenty conventions of answers, and what this grader and the ones that people compare with make of them.

    python scripts/grader_conventions.py ENVIRONMENTS [--markdown FILE]

ENVIRONMENTS is a folder for one virtual environment per package; a missing one is made with pip. Each package judges
its own environment, through the function that its documentation names for competition answers: the gold is in dollar
signs, the answer in a box in dollar signs. Prints a table: yes, no, or none where a package does not give a verdict.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import logging
import subprocess
import sys
import types
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

CONVENTIONS = [
    ("a rounded answer to an exact gold", r"\frac{1}{3}", "0.333"),
    ("a rounded gold, the exact answer", "3.14", r"\pi"),
    ("square brackets for a point", "(1,2)", "[1,2]"),
    ("a set for a point", "(1,2)", r"\{1,2\}"),
    ("a point in another order", "(1,2)", "(2,1)"),
    ("a list in another order", "1,2", "2,1"),
    ("a letter with its text", "C", r"\textbf{(C)}\ 12"),
    ("a small letter for a choice", "C", "c"),
    ("two choices for one", "B", "(B) or (C)"),
    ("a percentage as a fraction", r"50\%", "0.5"),
    ("a percentage without its sign", r"50\%", "50"),
    ("degrees as radians", r"60^\circ", r"\frac{\pi}{3}"),
    ("a unit on one side", "12", r"12\text{ cm}"),
    ("two units", r"12\text{ cm}", r"12\text{ m}"),
    ("a name on one side", "5", "x = 5"),
    ("two names", "x = 5", "y = 5"),
    ("an inequality as an interval", r"[5,\infty)", r"x \ge 5"),
    ("a fraction that is not reduced", r"\frac12", r"\frac{2}{4}"),
    ("a factored polynomial", "x^2-5x+6", "(x-2)(x-3)"),
    ("digits without their base", "2516_8", "2516"),
]


# --- each of these runs in its package's environment
def load(name: str, path: str) -> Any:
    """A module by its file, without the package around it, which imports much more."""
    folder = Path(importlib.util.find_spec(name).origin).parent if name else Path()  # type: ignore[union-attr]
    spec = importlib.util.spec_from_file_location(path.replace("/", "_"), folder / f"{path}.py")
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


def bare_packages(*names: str) -> None:
    """Packages whose modules can be imported without what their `__init__` imports."""
    for name in names:
        package = types.ModuleType(name)
        top = importlib.util.find_spec(name.partition(".")[0]) if "." not in name else None
        root = Path(top.origin).parent if top else Path(sys.modules[name.partition(".")[0]].__path__[0])  # type: ignore
        package.__path__ = [str(root.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = package


def math_verify() -> Callable[[str, str], Any]:
    from math_verify import parse, verify

    return lambda gold, response: verify(parse(f"${gold}$"), parse(response))


def trl() -> Callable[[str, str], Any]:
    bare_packages("trl", "trl.rewards")
    reward = importlib.import_module("trl.rewards.accuracy_rewards").accuracy_reward
    return lambda gold, response: reward([[{"content": response}]], [f"${gold}$"])[0]


def verl() -> Callable[[str, str], Any]:
    score = load("verl", "utils/reward_score/math_reward").compute_score
    return lambda gold, response: score(response, gold)


def lighteval() -> Callable[[str, str], Any]:
    bare_packages("lighteval", "lighteval.tasks", "lighteval.tasks.templates", "lighteval.metrics")
    match = importlib.import_module("lighteval.metrics.utils.extractive_match_utils")
    compare = importlib.import_module("lighteval.metrics.utils.math_comparison").compare_gold_target
    language = importlib.import_module("lighteval.utils.language").Language.ENGLISH
    targets = (match.ExprExtractionConfig(), match.LatexExtractionConfig())  # those of its metric pass_at_k_math

    def judge(gold: str, response: str) -> Any:
        patterns = match.get_extraction_regexes(None, targets, language)
        sides = [match.extract_target_from_pred(text, patterns) for text in (f"${gold}$", response)]
        return compare(*sides, 6) if sides[0] else None

    return judge


def lm_eval() -> Callable[[str, str], Any]:
    task = load("lm_eval", "tasks/minerva_math/utils")

    def judge(gold: str, response: str) -> Any:
        inner = response.removeprefix(r"$\boxed{").removesuffix("}$")
        text = f"Final Answer: The final answer is ${inner}$. I hope it is correct."
        answer = task.normalize_final_answer(task.get_unnormalized_answer(text))
        return task.is_equiv(answer, task.normalize_final_answer(gold))

    return judge


# A name with its version, what installs its dependencies, what is installed without its own.
VERIFY = ["math-verify==0.9.0", "antlr4-python3-runtime==4.13.2"]
JUDGES = {
    "Math-Verify 0.9.0": (math_verify, VERIFY, []),
    "TRL 1.16.0": (trl, [*VERIFY, "packaging"], ["trl==1.16.0"]),
    "verl 0.9.1": (verl, [], ["verl==0.9.1"]),
    "lighteval 0.13.0": (
        lighteval, ["latex2sympy2_extended==1.0.6", VERIFY[1], "packaging", "numpy", "pydantic", "pytablewriter"],
        ["lighteval==0.13.0"],
    ),
    "lm-eval 0.4.13": (lm_eval, [VERIFY[0], "antlr4-python3-runtime==4.11.0"], ["lm-eval==0.4.13"]),
}  # fmt: skip


def judge_all(name: str) -> None:
    """Read pairs from stdin; write the verdicts, null where there is none."""
    logging.disable(logging.CRITICAL)
    judge = JUDGES[name][0]()
    verdicts = []
    for gold, answer in json.load(sys.stdin):
        try:
            verdict = judge(gold, rf"$\boxed{{{answer}}}$")
        except Exception:
            verdict = None
        verdicts.append(None if verdict is None else bool(verdict))
    print("\n" + json.dumps(verdicts))


# --- this runs where this project is installed
def environment(folder: Path, name: str) -> Path:
    """The Python of a package's environment, which is made where it is missing."""
    home = folder / name.split()[0].lower()
    python = home / "bin" / "python"
    _, wanted, alone = JUDGES[name]
    if not python.exists():
        print(f"making {home}", file=sys.stderr)
        venv.create(home, with_pip=True)
        for options in ([], ["--no-deps"]):
            packages = alone if options else wanted
            if packages:
                subprocess.run([python, "-m", "pip", "install", "-q", *options, *packages], check=True)
    return python


def main() -> int:
    if sys.argv[1:2] == ["--judge"]:
        judge_all(sys.argv[2])
        return 0
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from eval.grader import Grader
    from lim.utils.cli import Parser

    parser = Parser(description=__doc__.split("\n")[0])
    parser.add_argument("environments", type=Path, metavar="ENVIRONMENTS", help="folder of the environments")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the table here too")
    arguments = parser.parse_args()
    pairs = [(gold, answer) for _, gold, answer in CONVENTIONS]
    with Grader(workers=1) as grader:
        columns = {"this grader": grader.equal_pairs(pairs)}
    for name in JUDGES:
        command = [environment(arguments.environments.resolve(), name), __file__, "--judge", name]
        done = subprocess.run(command, input=json.dumps(pairs), capture_output=True, text=True)
        if done.returncode:
            sys.stderr.write(f"error: {name}: {done.stderr.strip().splitlines()[-1]}\n")
            return 2
        columns[name] = json.loads(done.stdout.strip().splitlines()[-1])
    words = {True: "yes", False: "no", None: "none"}
    lines = ["| convention | gold | answer | " + " | ".join(columns) + " |", "|---" * (3 + len(columns)) + "|"]
    for index, (name, gold, answer) in enumerate(CONVENTIONS):
        cells = [words[column[index]] for column in columns.values()]
        lines.append("| " + " | ".join([name, f"`{gold}`", f"`{answer}`", *cells]) + " |")
    print("\n".join(lines))
    if arguments.markdown:
        arguments.markdown.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
