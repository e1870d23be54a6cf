r"""What an answer says of its letters: domains (`k \in \mathbb{Z}`, "n is a positive integer") and other conditions.

A domain, or a condition after "for all" or "where", may be missing on one side. Conditions that both sides give must
agree; a letter that a condition names may be another letter on the other side, if it is replaced everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import permutations
from typing import Any, NamedTuple

from .parse import Node, is_kind
from .points import has, variables
from .trees import with_sign
from .value import Evaluator, Fuel, Undecided, Undefined, number, same

ANY, WHOLE, NATURAL, FROM_0, FROM_1 = "any", "whole", "natural", "from 0", "from 1"
SETS = {
    "Z": WHOLE, "N": NATURAL, "R": ANY, "C": "complex", "Q": "rational", "Z^*": "not 0", "R^+": "positive",
    "R_+": "positive",
    **dict.fromkeys(("N_0", "Z_0", "Z_\\ge0", "Z_>=0", "Z_\\geq0"), FROM_0),
    **dict.fromkeys(("N^+", "N_+", "N^*", "N_*", "Z^+", "Z_+", "Z_>0", "N_1"), FROM_1),
}  # fmt: skip
KINDS = {
    "integer": WHOLE, "negative integer": "below 0",
    **dict.fromkeys(("whole number", "natural number", "natural"), NATURAL),
    **dict.fromkeys(("nonnegative integer", "non negative integer"), FROM_0), "positive integer": FROM_1,
    **dict.fromkeys(("real", "real number", "constant", "arbitrary constant", "real constant", "arbitrary"), ANY),
    **dict.fromkeys(("positive real", "positive real number"), "positive"), "complex number": "complex",
    **dict.fromkeys(("rational", "rational number"), "rational"),
}  # fmt: skip
PARAMETERS = frozenset("kmnlj")  # letters for any whole number where nothing else is said


FAMILIES = frozenset("knm")
CONSTANTS = frozenset("CcKkA")
UNKNOWNS = frozenset((*"xyztuns", "\\theta"))  # what an answer with an arbitrary constant is a function of


def one_set(a: str, b: str) -> bool:
    """Whether two names are one set of numbers: R in the blackboard's letters and in bold ones, N and Z^+."""
    a, b = a.removeprefix("\\mathbb"), b.removeprefix("\\mathbb")
    kinds = {SETS.get(a), SETS.get(b)}
    return a == b in ("N", "Z", "Q", "R", "C") or (
        None not in kinds and (kinds <= {NATURAL, FROM_1} or kinds == {FROM_0})
    )


class Given(NamedTuple):
    """An answer without its conditions."""

    core: Node
    domains: dict[str, str]  # of letters
    others: list[tuple[Node, bool]]  # (condition, whether the other side may lack it)


def said(text: str) -> str:
    """Words on a value for comparing: lower case, singular, without articles and "is"."""
    found = re.findall(r"[^\W_]+", re.sub(r"\\[A-Za-z]+", " ", text).casefold())
    kept = [w for w in found if w not in ("the", "a", "an", "is", "are", "be", "any", "all", "every", "some", "each")]
    return " ".join(w[:-1] if w.endswith("s") and len(w) > 4 else w for w in kept)


def settle(node: Node) -> Given:
    """Separate what an answer is from what it says of its letters."""
    pairs: list[tuple[Node, bool]] = []
    core = node
    if node[0] == "given":
        core = node[1]
        pairs = [
            (c, not restricts or (restricts is not True and bool(_domain(c))) or _nowhere(_value(core), c))
            for c, restricts in node[2]
        ]
        node = core
    if node[0] == "that" and node[1][0] == "var" and node[2][0] == "list":  # {x : x = 2k, k in Z}
        named = [c for c in node[2][1] if c[0] == "rel" and c[2] == ["="] and c[1][0] == node[1] and len(c[1]) == 2]
        rest = [c for c in node[2][1] if c not in named]
        if len(named) == len(rest) == 1 and _domain(rest[0]):
            node = ("that", named[0][1][1], rest[0])
    if node[0] == "that" and node[1][0] not in ("var", "rel"):  # {2k : k in Z}
        core, pairs = node[1], [(node[2], False)] if not _domain(node[2]) else [(node[2], True)]
    if core[0] == "list":
        items = _shared(core[1])
        rest = [item for item in items if not _domain(item)]
        names = variables(rest)
        bounded = {  # letters whose least value is a part of the answer: n >= 3, n <= 7
            letter
            for item in rest
            if item[0] == "rel" and item[2] != ["="]
            for letter in (side[1] for side in item[1] if side[0] == "var")
        }
        taken = [
            item
            for item in items
            if (found := _domain(item))
            and found[0] in names
            and not (_is_bound(item) and (core[2:] == ("or",) or found[0] in bounded))
        ]
        others = [item for item in items if _restricts(item, [x for x in items if x is not item])]
        if len(others) < len(items) and others:
            value = _value(rest[0])
            pairs += [(item, _nowhere(value, item)) for item in others if item not in taken]
        else:
            others = []
        if rest and (taken or others):
            pairs += [(item, True) for item in taken]
            items = [item for item in items if item not in taken and item not in others]
            core = items[0] if len(items) == 1 else ("list", items, *core[2:])
    domains: dict[str, str] = {}
    others = []
    for condition, droppable in pairs:
        for one in condition[1] if condition[0] == "list" else [condition]:
            if droppable and (found := _domain(one)):
                name, kind = found
                both = {kind, domains.get(name, kind)}
                domains[name] = FROM_1 if FROM_1 in both else FROM_0 if FROM_0 in both else kind
            elif droppable and (
                (one[0] == "var" and one[1] in variables(core)) or (one[0] == "text" and is_kind(one[1]))
            ):
                continue  # "for all x", "for all reals": nothing that the other side could lack
            else:
                others.append((one, droppable and one[0] == "rel" and "=" not in one[2]))
    return Given(core, domains, others)


def _shared(items: list[Node]) -> list[Node]:
    r"""Items in which a set is said of each letter before it: ax + b, a, b \in R."""
    out, of_all = [], None
    for item in reversed(items):
        member = item[0] == "rel" and item[2] == ["in"] and item[1][0][0] == "var" and _domain(item)
        if member or item[0] != "var":
            of_all = item[1][1] if member else None
        out.append(("rel", [item, of_all], ["in"]) if of_all and item[0] == "var" else item)
    return out[::-1] if any(item[0] != "var" for item in items[:-1]) else items


def _restricts(node: Node, others: list[Node]) -> bool:
    """Whether a relation limits a letter of the other items, none of which is an inequality: 2x + 1, x > 0."""
    if (
        node[0] != "rel"
        or len(node[2]) != 1
        or node[1][0][0] != "var"
        or node[2][0] not in ("!=", "<", ">", "<=", ">=")
    ):
        return False
    values = [item for item in others if not (item[0] == "rel" and item[2] != ["="])]
    return any(
        node[1][0][1] in variables(item)
        and item != node[1][0]
        and not (item[0] == "rel" and item[1][0] == node[1][0])
        for item in values
    ) and variables(node[1][1]) <= variables(values)


def _nowhere(value: Node, condition: Node) -> bool:
    """Whether a condition takes away only a point where the value is not defined: (x + 1)/(x - 2), x != 2."""
    if condition[0] != "rel" or condition[2] != ["!="] or condition[1][0][0] != "var":
        return False
    name, point = condition[1]
    if point[0] not in ("num", "*", "/") or variables(point):
        return False
    try:
        Evaluator(Fuel()).value(value)
        bound = {name[1]: Evaluator(Fuel()).value(point)}
    except (Undefined, Undecided):
        return False
    try:
        Evaluator(Fuel(), bound=bound).value(value)
    except Undefined:
        return True
    except Undecided:
        pass
    return False


def _is_bound(node: Node) -> bool:
    """Whether a relation is n >= 3 or n > 3."""
    return node[0] == "rel" and node[2][0] in (">", ">=")


def _domain(node: Node) -> tuple[str, str] | None:
    """(letter, kind) of a condition that says of what kind a letter is."""
    if node[0] == "said" and node[1][0] == "var" and (kind := KINDS.get(said(node[2]))):
        return node[1][1], kind
    if node[0] != "rel" or len(node[2]) != 1 or node[1][0][0] != "var":
        return None
    (left, right), (operator,) = node[1], node[2]
    if (
        operator == "in"
        and right[0] == "var"
        and (right[1].startswith("\\mathbb") or right[1] in ("Z", "N", "R", "Q"))
    ):
        name = right[1].removeprefix("\\mathbb").replace("{", "").replace("}", "")
        kind = SETS.get(name) or SETS.get(name[:1] + "^" + name[2:])
        return (left[1], kind or name) if name else None
    whole = right[0] == "num" and left[1] in COUNTERS and right[1].denominator == 1
    if operator in (">=", ">") and whole and 0 <= (least := int(right[1]) + (operator == ">")) <= 2:
        return left[1], {0: FROM_0, 1: FROM_1}.get(least, "from 2")
    return None


COUNTERS = frozenset("nkmijlprst")


def agree(first: Given, second: Given, same: Callable[[Node, Node], bool]) -> bool:
    """Whether two answers with conditions, at least one of them, are the same."""
    if any(half_family(one, other) for one, other in ((first, second), (second, first))):
        return False
    for renamed in renamings(first, second):
        if (
            domains_agree(first, renamed)
            and _others(first.others, renamed.others, same)
            and (same(first.core, renamed.core) or _shifted(first, renamed, same))
        ):
            return True
    return False


def half_family(one: Given, other: Given) -> bool:
    """Whether the letter of a family is said to be no negative number, and the other side says nothing of it."""
    letter = family(one.core)
    return (
        one.domains.get(letter) in (NATURAL, FROM_0, FROM_1, "from 2")
        and not other.domains
        and family(other.core) != ""
    )


def _value(core: Node) -> Node:
    """What stands after a name and "=", else the answer itself."""
    return core[1][1] if core[0] == "rel" and core[2] == ["="] and len(core[1]) == 2 else core


def domains_agree(first: Given, second: Given) -> bool:
    """Whether both sides say the same of their letters, or only one says anything."""
    if not (first.domains or first.others) or not (second.domains or second.others):
        return True
    one, other = (  # "for all real x" may be missing
        {name: kind for name, kind in mine.items() if kind != ANY or name in its}
        for mine, its in ((first.domains, second.domains), (second.domains, first.domains))
    )
    return one.keys() == other.keys() and all(
        kind == other[name] or {kind, other[name]} in ({NATURAL, FROM_0}, {NATURAL, FROM_1})
        for name, kind in one.items()
    )


def _others(first: list[tuple[Node, bool]], second: list[tuple[Node, bool]], same: Callable) -> bool:
    if not first or not second:
        return all(droppable for _, droppable in first + second)
    left = [condition for condition, _ in second]
    for condition, _ in first:
        found = next((other for other in left if same(condition, other)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def renamings(first: Given, second: Given) -> Iterator[Given]:
    """The second answer with its letters, as they are and as the first one calls them."""
    yield second
    if "var" in (_value(first.core)[0], _value(second.core)[0]):
        return  # a letter alone is an answer: another one is another answer
    names = variables(first.core), variables(second.core)
    theirs = [name for name in second.domains if name in names[1]]
    ours = [name for name in first.domains if name in names[0]]
    # Where only one side says what its letter is, a letter that is used for whole numbers stands for it.
    if ours and not second.domains:
        theirs = sorted((names[1] - names[0]) & (CONSTANTS if ANY in first.domains.values() else PARAMETERS))
    elif theirs and not first.domains:
        ours = sorted((names[0] - names[1]) & (CONSTANTS if ANY in second.domains.values() else PARAMETERS))
    if not ours or len(ours) != len(theirs) or len(ours) > 3 or set(ours) == set(theirs):
        return
    for order in permutations(ours):
        change = dict(zip(theirs, order, strict=True))
        if set(order) & (names[1] - set(theirs)):
            continue  # the name is taken
        yield Given(
            substitute(second.core, change),
            {change.get(name, name): kind for name, kind in second.domains.items()},
            [(substitute(condition, change), droppable) for condition, droppable in second.others],
        )


def substitute(node: Any, change: dict[str, str]) -> Any:
    """A tree with variables called otherwise."""
    if isinstance(node, list):
        return [substitute(part, change) for part in node]
    if not isinstance(node, tuple):
        return node
    if node[0] == "var":
        return ("var", change.get(node[1], node[1]))
    if node[0] == "big":
        return ("big", node[1], change.get(node[2], node[2]), *(substitute(part, change) for part in node[3:]))
    return tuple(substitute(part, change) if isinstance(part, tuple | list) else part for part in node)


def constants(gold: Node, prediction: Node) -> Iterator[dict[str, str]]:
    """The prediction's letters of arbitrary constants → the gold's: C or c, and c_1, c_2 by their numbers or as A and
    B. None where they differ in other letters, have no letter in common, or it is what an equation is for. Beside a
    or b, c is no k.
    """
    if (gold[0] == "rel") != (prediction[0] == "rel"):
        gold, prediction = _value(gold), _value(prediction)
    names = variables(gold), variables(prediction)
    ours, theirs, others = names[0] - names[1], names[1] - names[0], names[0] & names[1]
    if (
        not others & UNKNOWNS
        or len(ours) != len(theirs)
        or (gold[0] == "rel" and gold[1][0][1:2] in [(name,) for name in ours])
    ):
        return
    if len(ours) == 1:
        if ours <= set("Cc") and (theirs <= set("Cc") or (theirs <= set("Kk") and not others & {"a", "b"})):
            yield dict(zip(theirs, ours, strict=True))
        return
    numbers = [{name[2:]: name for name in side if re.fullmatch(r"[cCkK]_[1-4]", name)} for side in (ours, theirs)]
    lettered = [side <= set("ABCD") for side in (ours, theirs)]
    if len(numbers[0]) == len(numbers[1]) == len(ours) and numbers[0].keys() == numbers[1].keys():
        yield {numbers[1][number]: name for number, name in numbers[0].items()}
    elif len(ours) <= 3 and any(lettered[side] and len(numbers[1 - side]) == len(ours) for side in (0, 1)):
        for order in permutations(sorted(ours)):
            yield dict(zip(sorted(theirs), order, strict=True))


def family(core: Node) -> str:
    """The letter of an answer that is linear in even and odd k, n or m, and holds pi and no other letter: "k pi";
    else ""."""
    value = with_sign(_value(core), 1)
    names = variables(value)
    if len(names) != 1 or not names <= FAMILIES or value[0] not in ("*", "+", "/") or not has(value, "pi"):
        return ""
    (name,) = names
    try:
        at = [number(Evaluator(Fuel(), bound={name: k}).value(value)) for k in (0, 2, 10, 1, 3, 11)]
    except (Undefined, Undecided, TypeError):
        return ""
    return name if all(same(z - x, 5 * (y - x)) for x, y, z in (at[:3], at[3:])) else ""


def _shifted(first: Given, second: Given, same: Callable[[Node, Node], bool]) -> bool:
    r"""Whether two families over all whole k are one: π/4 + kπ and 5π/4 - kπ."""
    names = [name for name, kind in {**second.domains, **first.domains}.items() if kind == WHOLE]
    if len(names) != 1 or first.core[0] in ("list", "set") or second.core[0] in ("list", "set"):
        return False
    (name,) = names
    cores = [_value(core) for core in (first.core, second.core)]
    heads = {str(core[1][0]) for core in (first.core, second.core) if core[0] == "rel"}
    if len(heads) > 1 or any(core[0] in ("rel", "seq", "given", "text") for core in cores):
        return False
    for sign in (1, -1):
        for step in range(-3, 4):
            moved: Node = ("+", [("*", [("num", Fraction(sign)), ("var", name)]), ("num", Fraction(step))])
            if (sign, step) != (1, 0) and same(cores[0], replace(cores[1], name, moved)):
                return True
    return False


def replace(node: Any, name: str, new: Node) -> Any:
    """A tree with another tree in place of a variable."""
    if isinstance(node, list):
        return [replace(part, name, new) for part in node]
    if not isinstance(node, tuple):
        return node
    if node == ("var", name):
        return new
    return tuple(replace(part, name, new) if isinstance(part, tuple | list) else part for part in node)
