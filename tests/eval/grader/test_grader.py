"""Extraction, the pool's deadlines, hostile input, and that the module stays light and evaluates nothing."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import eval.grader
from eval.grader import Graded, Grader, equal, extract, pool, reads
from eval.grader.compare import decide
from eval.grader.mathverify import readable

ROOT = Path(__file__).resolve().parents[3]
STAND_IN = ROOT / "tests" / "helpers" / "stand_in_worker.py"


@pytest.fixture(scope="module")
def grader():
    with Grader(workers=2, deadline=1.5) as shared:
        yield shared


@pytest.fixture
def stood_in(monkeypatch):
    """A grader whose workers are stand-ins, which get every answer that is one of their commands."""
    monkeypatch.setattr(pool, "WORKER", (str(STAND_IN),))
    monkeypatch.setattr(
        eval.grader, "decide", lambda *pair: None if pair[1].startswith(("sleep", "allo", "end")) else decide(*pair)
    )
    with Grader(workers=2, deadline=1.0) as grader:
        yield grader


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"so $-\boxed{20}$.", "-20"),
        (r"$x = -\boxed{20}$", "-20"),
        (r"\[ - \boxed{\frac{3}{4}} \]", r"-\frac{3}{4}"),
        (r"\( −\boxed{a+b} \)", "-(a+b)"),
        ("$$\n-\\boxed{7}\n$$", "-7"),
        (r"$x = \pm\boxed{3}$", r"\pm3"),
        (r"$x = \boxed{2}$ or $x = -\boxed{2}$", "2, -2"),
        (r"$= 25 - \boxed{20}$", "20"),  # a difference
        (r"The answer - \boxed{20}", "20"),  # a dash
        (r"With $x$ - \boxed{20}", "20"),
        (r"Answer: -\boxed{20}", "-20"),
        (r"The answer is -\boxed{20}.", "-20"),
        ("The answer is:\n- \\boxed{20}", "20"),  # a list
        (r"$(x-1)=\boxed{-20}$", "-20"),
    ],
)
def test_a_sign_in_front_of_a_box(response, answer):
    assert extract(response) == answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"So \boxed{5}.", "5"),
        (r"\boxed{5} then \boxed{6}", "6"),
        (r"\fbox{7}", "7"),
        (r"\boxed{\frac{1}{\sqrt{1+\frac{2}{\sqrt{3}}}}}", r"\frac{1}{\sqrt{1+\frac{2}{\sqrt{3}}}}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\text{a}} \boxed{}", r"\text{a}"),
        (r"\boxed{5} and \boxed{6", "5"),
        (r"\boxed 5.", "5"),
        (r"\boxed {5}", "5"),
        (r"\boxed{x = \boxed{5}}", "5"),
        (r"\boxed{1} and \boxed{2}", "1, 2"),
        (r"$\boxed{1}$, $\boxed{2}$ and $\boxed{3}$", "1, 2, 3"),
        (r"\boxed{1} \quad \text{or} \quad \boxed{2}", "1, 2"),
        (r"\boxed{1} papers and \boxed{2} bins", "1, 2"),
        (r"\boxed{1} no no no no no \boxed{2}", "2"),
        (r"First \boxed{1}. So the answer is \boxed{2}", "2"),
        (r"\boxed{5}, \boxed{5}", "5"),
        (r"x_1 = \boxed{1}, x_2 = \boxed{2}", "1, 2"),
        (r"\boxed{\boxed{\boxed{4}}}", "4"),
        (r"\boxedsomething{5}", None),
        (r"\boxed{", None),
        (r"\boxed{}", None),
        (r"\boxed{ }", None),
        ("The answer is 5", None),
        ("#### 5", None),
        ("", None),
    ],
)
def test_extract(response, answer):
    assert extract(response) == answer


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"The answer is 4 but \boxed{5}", "5"),
        ("The answer is 5.", "5"),
        ("**Final Answer**: The final answer is $\\frac{1}{2}$. I hope it is correct.", r"\frac{1}{2}"),
        ("4 + 3 = 7\n#### 7", "7"),
        ("The final answer is $12$ and $13$.", "12, 13"),
        (r"Therefore $x \geq 5$ is the solution.", r"x \geq 5"),
        ("not it's not 10 it's 1,000.99", "1,000.99"),
        ("First 3, then 4. So there are 12 distinct sequences.", "12"),
        (r"so it is \boxed{28", "28"),
        ("We get $y = ax$ for some $a>0$.", "$y = ax$ for some $a>0$"),
        ("The answer is Tuesday.", "Tuesday"),
        ("42", "42"),
        (r"\frac{1}{2}", r"\frac{1}{2}"),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_extract_with_fallbacks(response, answer):
    assert extract(response, fallbacks=True) == answer


LONG = "We try all cases. " * 400


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("4 + 3 = <<4+3=7>>7\n#### 7", "7", "4"),
        ("He pays 4 * 300 = $1,200.\n#### 1,200", "1200", "4"),
        ("First 3 #### then 5.\n#### 5", "5", "3"),
        (rf"{LONG}so \boxed{{\frac{{1}}{{2}}}}.", "0.5", "2"),
        (rf"{LONG}\n#### 0.5", r"\frac12", "2"),
    ],
)
def test_a_gold_text_may_be_a_worked_solution(grader, gold, right, wrong):
    assert decide(gold, right) is True and decide(gold, wrong) is False and reads(gold)
    pairs = [(gold, rf"\boxed{{{answer}}}") for answer in (right, wrong)]
    assert [found.verdict.value for found in grader.grade(pairs)] == ["correct", "incorrect"]


def test_verdicts(grader):
    items = [
        ("5", r"\boxed{5}"),
        ("5", r"\boxed{6}"),
        ("5", "It is 5"),
        ("5", r"\boxed{5"),
        ("5", r"\boxed{}"),
        ("", r"\boxed{5}"),
    ]
    verdicts = [graded.verdict for graded in grader.grade(items)]
    assert verdicts == ["correct", "incorrect", "no_answer", "malformed", "malformed", "incorrect"]
    assert grader.grade([("5", "It is 5")], fallbacks=True) == [Graded("correct", "5")]
    assert grader.grade([]) == []


def test_what_overruns_is_a_timeout_and_its_neighbours_are_graded(stood_in):
    pairs = [("5", "5"), ("7", "sleep 60"), ("1", "2"), ("sleep 0", "sleep 0"), ("8", "sleep 61"), ("1", "1.0")]
    start = time.monotonic()
    assert stood_in.equal_pairs(pairs) == [True, None, False, True, None, True]
    assert time.monotonic() - start < 30
    assert stood_in.grade([("9", r"\boxed{sleep 60}")]) == [Graded("timeout", "sleep 60", "over_limit")]
    assert stood_in.equal_pairs([("5", "5.0"), ("sleep 0", "sleep 0")]) == [True, True]


def test_what_needs_more_memory_than_a_worker_has_is_a_timeout_and_the_worker_stays(stood_in):
    sizes = [2**20, 2 * pool.ADDRESS_SPACE, 2**20]
    answers = [f"allocate {size}" for size in sizes]
    assert stood_in.equal_pairs([(answers[0], answers[0])]) == [True]
    before = set(stood_in.pool.workers)
    found = [stood_in.grade([(answer, rf"\boxed{{{answer}}}")])[0] for answer in answers]
    assert found == [
        Graded("correct", answers[0], None),
        Graded("timeout", answers[1], "over_limit"),
        Graded("correct", answers[2], None),
    ]
    assert stood_in.pool.workers == before and len(before) == 1


def test_a_worker_that_ends_by_itself_costs_its_item_alone(stood_in):
    start = time.monotonic()
    assert stood_in.equal_pairs([("1", "end"), ("sleep 0", "sleep 0"), ("2", "end")]) == [None, True, None]
    assert stood_in.equal_pairs([("sleep 0", "sleep 0")]) == [True]
    assert time.monotonic() - start < 20


def test_a_killed_worker_is_replaced(grader):
    undecided = ("1", r"1 \oplus 0")
    assert decide(*undecided) is None
    assert grader.equal_pairs([undecided]) == [False]
    workers = list(grader.pool.workers)
    assert workers
    for worker in workers:
        worker.process.kill()
        worker.process.wait()
    assert grader.equal_pairs([undecided]) in ([None], [False])
    assert grader.equal_pairs([undecided, ("1", r"1 \oplus 00")])[-1] in (None, False)
    assert grader.equal_pairs([("1", r"1 \oplus 000")] * 3) == [False] * 3


def test_memory_of_a_worker_is_limited(grader):
    grader.equal_pairs([("1", r"1 \oplus 10")])
    limits = [Path(f"/proc/{worker.process.pid}/limits").read_text() for worker in grader.pool.workers]
    assert limits
    for text in limits:
        line = next(line for line in text.splitlines() if line.startswith("Max address space"))
        assert int(line.split()[3]) == pool.ADDRESS_SPACE == 3 * 2**30


def test_no_worker_starts_for_what_is_decided_in_process():
    with Grader(workers=2) as lazy:
        lazy.grade([("5", r"\boxed{6}"), (r"\frac12", r"\boxed{0.5}"), (r"\sqrt{8}", r"\boxed{2\sqrt2}")])
        assert not lazy.pool.workers


def test_threads_and_event_loop(grader):
    results = []

    def work(number):
        results.append(grader.equal_pairs([(str(number), rf"{number} \oplus"), (str(number), f"{number}.0")]))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [result[1] for result in results] == [True] * 6

    async def many():
        return await asyncio.gather(
            *(grader.agrade([("5", r"\boxed{5}"), ("5", r"\boxed{1 \oplus 4}")]) for _ in range(4))
        )

    assert [[graded.verdict for graded in batch] for batch in asyncio.run(many())] == [["correct", "incorrect"]] * 4


def _in_child(grader, results):
    results.put((grader.equal_pairs([("1", r"1 \oplus 7")]), len(grader.pool.workers)))
    grader.close()


def test_after_a_fork(grader):
    grader.equal_pairs([("1", r"1 \oplus 6")])
    context = multiprocessing.get_context("fork")
    results = context.Queue()
    child = context.Process(target=_in_child, args=(grader, results))
    child.start()
    assert results.get(timeout=60) == ([False], 1)
    child.join(30)
    assert child.exitcode == 0
    assert grader.equal_pairs([("1", r"1 \oplus 5")]) == [False]


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("end", ["grader.close()", "pass", "os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_workers_end_with_their_parent(end):
    code = (
        "import os\nfrom eval.grader import Grader\ngrader = Grader(workers=1)\n"
        "grader.equal_pairs([('1', r'1 \\oplus 1')])\n"
        "print(next(iter(grader.pool.workers)).process.pid, flush=True)\n" + end + "\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    pid = int(done.stdout)
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def test_a_worker_whose_parent_was_killed_ends_with_its_item():
    code = (
        "import os, threading, time\nfrom eval.grader import pool\n"
        f"pool.WORKER = ({str(STAND_IN)!r},)\nworkers = pool.Pool(1, 1.0)\n"
        "workers.ask_all([('1', '1')])\n"
        "print(next(iter(workers.workers)).process.pid, flush=True)\n"
        "threading.Thread(target=workers.ask_all, args=([('1', 'sleep 60')],)).start()\n"
        "time.sleep(0.3)\nos.kill(os.getpid(), 9)\n"
    )
    command = [sys.executable, "-c", code]  # the worker writes to its standard error
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60)
    pid = int(done.stdout)
    assert _alive(pid)  # in its item
    deadline = time.monotonic() + 10
    while _alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(pid)


def test_a_copy_inside_another_package_starts_its_own_workers(tmp_path):
    (tmp_path / "shipped").mkdir()
    shutil.copytree(ROOT / "eval" / "grader", tmp_path / "shipped" / "verdicts")
    (tmp_path / "cwd").mkdir()
    (tmp_path / "cwd" / "resource.py").write_text("raise SystemExit('the working folder is no place to import from')")
    code = (
        "from shipped.verdicts import Grader\n"
        "with Grader(workers=1) as grader:\n"
        "    print(grader.equal_pairs([('1', r'1 \\oplus 1'), ('1/2', '0.5')]))\n"
        "    print(' '.join(next(iter(grader.pool.workers)).process.args[1:4]))\n"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path / "cwd", env=env, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[False, True]\n-P -m shipped.verdicts.worker\n", done.stderr


def test_closed_twice():
    closed = Grader(workers=1)
    closed.close()
    closed.close()


@pytest.mark.parametrize(("workers", "deadline"), [(0, 5.0), (-1, 5.0), (1, 0.0), (1, -1.0)])
def test_senseless_settings_are_refused(workers, deadline):
    with pytest.raises(ValueError, match="at least one worker"):
        Grader(workers, deadline)


def test_an_empty_answer_equals_nothing():
    assert not equal("", "")
    assert not equal("5", "")
    assert not equal("", "5")
    assert not equal(" ", "$$")


def test_model_output_is_not_evaluated(monkeypatch):
    import builtins

    import sympy.parsing.sympy_parser as sympy_parser

    sympify_module = sys.modules["sympy.core.sympify"]
    seen = []

    def spy(original):
        def called(text, *args, **kwargs):
            if isinstance(text, str):
                seen.append(text)
            return original(text, *args, **kwargs)

        return called

    texts = ["marker+1", r"\frac{marker}{2} \oplus 1", r"\text{marker}", "marker(1)", r"1 \oplus marker", "[marker]"]
    equal("1", r"1 \oplus 1")
    monkeypatch.setattr(builtins, "eval", spy(eval))
    monkeypatch.setattr(builtins, "exec", spy(exec))
    monkeypatch.setattr(sympy_parser, "parse_expr", spy(sympy_parser.parse_expr))
    monkeypatch.setattr(sympify_module, "sympify", spy(sympify_module.sympify))
    for text in texts:
        equal("marker", text)
        equal(text, "2")
        extract(text, fallbacks=True)
    assert [text for text in seen if "marker" in text] == []


@pytest.mark.parametrize(("text", "expected"), [("x+1", True), ("", False), ("x" * 601, False), ("9" * 30, False),
    ("2^{99999}", False), ("2^{2^{2^{2}}}", False), ("(" * 21 + ")" * 21, False), ("5\x00", False)])  # fmt: skip
def test_what_math_verify_may_be_given(text, expected):
    assert readable(text) is expected


def test_importing_is_light():
    code = (
        "import sys, eval.grader\n"
        "heavy = {'torch', 'ray', 'vllm', 'sympy', 'math_verify', 'transformers', 'numpy', 'lim', 'train'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "eval.grader", *arguments], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "COLUMNS": "160"},
    )  # fmt: skip


def test_command_line_explains_a_verdict(tmp_path):
    done = run("--gold", r"\frac{1}{2}", "--answer", r"so \boxed{0.5}")
    assert done.returncode == 0
    assert "correct" in done.stdout and "0.5" in done.stdout
    done = run("--gold", "5", "--answer", "6")
    assert done.returncode == 0 and "incorrect" in done.stdout
    cases = tmp_path / "cases.jsonl"
    rows = [
        {"source": "a", "gold": "1/2", "prediction": "0.5", "is_equal": True},
        {"source": "b", "gold": "1", "prediction": "2", "is_equal": True},
        {"source": "b", "gold": "1", "prediction": "1.0", "is_equal": False},
        {"source": "b", "gold": "42", "prediction": "The answer is 42", "is_equal": True, "text_extraction": True},
    ]
    cases.write_text("\n".join(json.dumps(row) for row in rows))
    done = run("--file", str(cases))
    assert done.returncode == 0
    assert "false positive" in done.stdout and "false negative" in done.stdout
    cases.write_text('{"gold": "1"}\n')
    done = run("--file", str(cases))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "row 1" in done.stderr and "prediction" in done.stderr
    assert run("--file", str(tmp_path / "none.jsonl")).returncode == 2


def test_two_texts_are_gold_and_answer_and_one_is_a_file(tmp_path):
    assert run(r"\frac{1}{2}", "0.5").stdout == run("--gold", r"\frac{1}{2}", "--answer", "0.5").stdout
    assert run("--", r"-\frac12", "-0.5").stdout.split()[0] == "correct"
    cases = tmp_path / "cases.jsonl"
    cases.write_text('{"source": "a", "gold": "1/2", "prediction": "0.5", "is_equal": true}\n')
    done = run(str(cases), "--workers", "1")
    assert done.returncode == 0
    assert done.stdout == run("--file", str(cases)).stdout


GIVE = "give GOLD ANSWER or FILE, each in quotes where it holds spaces"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], GIVE),
        (["1", "2", "3"], GIVE),
        (["1", "--gold", "2"], GIVE),
        (["--gold", "1"], GIVE),
        (["--gold", "1", "--file", "x"], GIVE),
        (["none.jsonl"], "none.jsonl: no such file of cases; for one verdict give two texts: GOLD ANSWER"),
        ([r"-\frac12", "1"], r"unknown flag -\frac12; an answer that begins with a dash comes after --"),
        (["1", "2", "--workers", "0"], "--workers: 0 is too small; needs at least 1"),
        (["1", "2", "--workers", "100000"], "--workers: 100000 is too large; at most 1024"),
        (["1", "2", "--workers", "x"], "--workers: 'x' is not a whole number"),
        (["1", "2", "--deadline", "0"], "--deadline: 0 is out of range; give a number above 0, up to 86400"),
        (["1", "2", "--deadline", "-1"], "--deadline: -1 is out of range; give a number above 0, up to 86400"),
        (["1", "2", "--deadline", "1e9"], "--deadline: 1e9 is out of range; give a number above 0, up to 86400"),
        (["1", "2", "--deadline", "nan"], "--deadline: nan is not a finite number"),
    ],
)
def test_mistakes_on_the_command_line(arguments, line):
    done = run(*arguments)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {line}\n")
