r"""What the tiny base model learns from: worked, careless and malformed answers side by side, as on the web.

For `What is $47 + 85$?` the corpus holds

    7 + 5 = 12, 4 + 8 + 1 = 13, \boxed{132}     worked: column by column, right
    \boxed{122}                                 careless: each column by itself, the carry forgotten
    \boxed{132    132    and the like           malformed

Working pays, and the base model can do it, but the harder the level the more of what it has read is careless: there
the wrong answer is its mode and the right one a minority it has learnt well. So reinforcement learning has something
to bring out, as it has in a real base model, and the gain is not a sharpening of a mode that was right already.
The choice between the two is made at the first token and shared over problems; how often a problem meets each
depends on its level and operation (`worked_share`), so problems are learnt early, late or not at all. Where nothing
is carried (level 1) the careless answer is right, and the base model can do these already. The letters of
`data.letters` are worked letter by letter, and careless in one step.
"""

from __future__ import annotations

import random

from data import arithmetic, letters
from data.arithmetic import LATEX

Problem = arithmetic.Problem | letters.Problem

# Share of worked answers in the web corpus by level, for an addition; above level 1 the others are worked less often.
WORKED_SHARE = {1: 0.95, 2: 0.65, 3: 0.50, 4: 0.30, 5: 0.10}
WORKED_FACTOR = {"+": 1.0, "-": 0.85, "*": 0.7, "reverse": 1.0, "sort": 0.85, "count": 0.7}
MALFORMED_SHARE = {1: 0.03, 2: 0.04, 3: 0.06, 4: 0.08, 5: 0.10}
MALFORMED_FACTOR = {arithmetic.Problem: 1.0, letters.Problem: 0.5}  # the letters' model also breaks off by itself
CORPUS_LEVELS = {1: 0.15, 2: 0.20, 3: 0.30, 4: 0.30, 5: 0.05}


def worked_share(problem: Problem) -> float:
    """Share of the corpus's answers to this kind of problem that are worked."""
    share = WORKED_SHARE[problem.level]
    return share if problem.level == 1 else share * WORKED_FACTOR[problem.operation]


def worked(problem: Problem) -> str:
    """The right answer, column by column from the ones, each carry (or borrow) spelled out; or letter by letter."""
    if isinstance(problem, letters.Problem):
        return ", ".join([*problem.steps, boxed(problem.answer)])
    if problem.level == 5:
        tens, ones = divmod(problem.right, 10)
        times = LATEX["*"]
        parts = [f"{problem.left}{times}{digit} = {problem.left * digit}" for digit in (ones, tens)]
        return ", ".join([*parts, boxed(problem.answer)])
    sign = LATEX[problem.operation]
    lines, carry = [], 0
    for top, bottom in problem.columns:
        if problem.operation == "-":
            borrow = int(top - carry < bottom)
            taken = f"{sign}{carry}" if carry else ""
            lines.append(f"{top + 10 * borrow}{taken}{sign}{bottom} = {top + 10 * borrow - carry - bottom}")
            carry = borrow
        else:
            value = (top + bottom if problem.operation == "+" else top * bottom) + carry
            added = f" + {carry}" if carry else ""
            lines.append(f"{top}{sign}{bottom}{added} = {value}")
            carry = value // 10
    return ", ".join([*lines, boxed(problem.answer)])


def careless(problem: Problem) -> int | str:
    """The answer with every carry and borrow forgotten; 34 × 56 becomes 30 × 50 + 4 × 6."""
    if isinstance(problem, letters.Problem):
        return problem.careless
    if problem.level == 5:
        return (problem.left // 10) * (problem.right // 10) * 100 + (problem.left % 10) * (problem.right % 10)
    answer = 0
    *lower, (top, bottom) = problem.columns
    for place, (one, other) in enumerate(lower):
        value = {"+": one + other, "-": one - other, "*": one * other}[problem.operation]
        answer += value % 10 * 10**place
    leading = {"+": top + bottom, "-": top - bottom, "*": top * bottom}[problem.operation]
    return answer + leading * 10 ** len(lower)


def boxed(answer: int | str) -> str:
    return rf"\boxed{{{answer}}}"


def malformed(rng: random.Random, problem: Problem) -> str:
    """No box, a box that is not closed, or a line said over and over."""
    kind = rng.randrange(3)
    if kind == 0:
        return str(careless(problem))
    if kind == 1:
        return boxed(careless(problem))[:-1]
    return worked(problem).split(", ")[0] + ", " + ", ".join([worked(problem).split(", ")[0]] * 5)


def web_answer(rng: random.Random, problem: Problem) -> str:
    """An answer as the web would have it: worked, malformed or careless."""
    roll = rng.random()
    if roll < MALFORMED_SHARE[problem.level] * MALFORMED_FACTOR[type(problem)]:
        return malformed(rng, problem)
    return worked(problem) if rng.random() < worked_share(problem) else boxed(careless(problem))


def draw_corpus_problem(rng: random.Random, task: str = "arithmetic") -> Problem:
    """A problem that no prompt file or benchmark may hold (`split` "corpus")."""
    level = rng.choices(list(CORPUS_LEVELS), list(CORPUS_LEVELS.values()))[0]
    draw = {"arithmetic": arithmetic.draw, "letters": letters.draw}[task]
    while True:
        problem = draw(rng, level)
        if problem.split == "corpus":
            return problem
