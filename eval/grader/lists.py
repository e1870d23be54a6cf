"""Lists of equations and congruences: systems, solutions by number, one modulus for several residues."""

from __future__ import annotations

import re

from . import units
from .parse import Node
from .points import has, variables
from .trees import is_name

ROOTS = frozenset("xyztkmnrpq")  # letters of unknowns that are numbered as roots are; a_1 and S_1 have a place


def by_letter(items: list[Node]) -> list[Node] | None:
    """The items of a system by name, where each is named by one letter: "y = 2, x = 1" is (1, 2); as they are, where
    each is named in words. None elsewhere."""
    if named_apart(items) and all(item[1][0][0] == "text" for item in items):
        return items
    names = [
        item[1][0][1] if item[0] == "rel" and item[2] == ["="] and item[1][0][0] == "var" else "" for item in items
    ]
    small, large = (set(names) <= set(letters) for letters in ("abcdmnpqrstuvwxyz", "ABCDMNPQRSTUVWXYZ"))
    if not (small or large) or len(set(names)) < len(items):
        return None
    return [item for _, item in sorted(zip(names, items, strict=True), key=lambda pair: pair[0])]


def orders(items: list[Node], other: Node) -> list[list[Node]]:
    """The orders in which labelled items may be listed: as written and by letter. None for other items; x_1 = 1,
    x_2 = 3 are roots, which have no order."""
    counted = [str(sorted(units.parts(item[2])[1])) if item[0] == "unit" else "[]" for item in items]
    if not has(other, "unit") and "[]" not in counted and len(set(counted)) == len(items) > 1:
        return [items]  # 12 men, 15 women
    stems = {
        match[1] if item[1][0][0] == "var" and (match := re.fullmatch(r"(\w+)_\d", item[1][0][1])) else ""
        for item in items
        if item[0] == "rel"
    }
    if not named_apart(items) or (len(stems) == 1 and stems <= ROOTS):
        return []
    return [items, by_letter(items) or items]


def named_apart(items: list[Node]) -> bool:
    """Whether all items are equations, for different names."""
    heads = [str(item[1][0]) for item in items if item[0] == "rel" and item[2] == ["="]]
    return len(heads) == len(items) == len(set(heads))


def joined_otherwise(gold: Node, prediction: Node) -> bool:
    """Whether "and", or a comma between values of different letters, stands for "or", or the reverse."""
    if gold[2:] == prediction[2:] or not prediction[2:] or not named_apart(gold[1]):
        return False
    return bool(gold[2:]) or (
        prediction[2:] == ("or",) and bool(by_letter(gold[1])) and not variables([item[1][1:] for item in gold[1]])
    )


def one_name(items: list[Node]) -> bool:
    """Whether all items, several, are equations for one name: x = 1, x = 2."""
    heads = [str(item[1][0]) for item in items if item[0] == "rel" and item[2] == ["="]]
    return len(heads) == len(items) > len(set(heads)) == 1


def residues_among(items: list[Node]) -> bool:
    """Whether some items are congruences, and some are equations."""
    kinds = [item[2] for item in items if item[0] == "rel"]
    return ["mod"] in kinds and ["="] in kinds


def systems(node: Node) -> Node:
    """ "x = 1, y = 2, x = 3, y = 4" as a list of two systems; any other list as it is."""
    items = node[1]
    heads = [str(item[1][0]) for item in items if item[0] == "rel" and item[2] == ["="] and is_name(item[1][0])]
    size = heads.index(heads[0], 1) if heads[:1] and heads[0] in heads[1:] else 0
    if node[0] != "list" or size < 2 or len(heads) != len(items) or len(items) % size:
        return node
    starts = range(0, len(items), size)
    names = {frozenset(heads[start : start + size]) for start in starts}
    alike = len(names) == 1 and len(next(iter(names))) == size
    return ("list", [("list", items[start : start + size]) for start in starts]) if alike else node


def unindexed(node: Node, other: Node) -> Node:
    """ "x_1 = 1, x_2 = 3" as "x = 1, x = 3" where the other side is of x, and "x_1 = 1, y_1 = 2, x_2 = 3, y_2 = 4"
    as two systems of x and y; any other list as it is."""
    items = node[1]
    names = [
        re.fullmatch(r"([A-Za-z])_([1-9])", item[1][0][1])
        if item[0] == "rel" and item[2] == ["="] and item[1][0][0] == "var"
        else None
        for item in items
    ]
    groups: dict[str, list[Node]] = {}
    for name, item in zip(names, items, strict=True):
        if not name or item[1][0][1] in variables(other):
            return node
        groups.setdefault(name[2], []).append(("rel", [("var", name[1]), *item[1][1:]], ["="]))
    systems = [sorted(group, key=lambda item: item[1][0][1]) for group in groups.values()]
    stems = {"".join(item[1][0][1] for item in system) for system in systems}
    if len(stems) != 1 or len(systems) < 2:
        return node
    if len(systems[0]) > 1:
        return ("list", [("list", system) for system in systems])
    return ("list", [system[0] for system in systems]) if stems <= variables(other) else node


def common_modulus(node: Node) -> Node:
    """ "n \\equiv 0, 1 \\pmod 4" with the modulus at each residue; any other list as it is."""
    first, last = node[1][0], node[1][-1]
    rest = last[1][1] if last[0] == "rel" and last[2] == ["mod"] else last
    if first[0] != "rel" or first[2] != ["mod"] or rest[0] != "mod":
        return node
    residues = [item[1][1] if item[0] == "rel" and item[2] == ["mod"] else item for item in node[1]]
    if any(residue[0] not in ("num", "*", "pm") for residue in residues[:-1]):
        return node
    moduli: list[Node] = [("mod", residue, rest[2]) for residue in residues[:-1]]
    return ("list", [("rel", [first[1][0], residue], ["mod"]) for residue in (*moduli, rest)], *node[2:])


def spread(node: Node, other: Node) -> Node:
    """ "x = y = 8" as the system x = 8, y = 8 where the other side is of several values, "(y, x) = (1, 2)" as
    (2, 1), and as a system beside one; else as it is."""
    if node[0] != "rel" or (other[1][0] if other[0] == "rel" else other)[0] not in ("seq", "list"):
        return node
    *names, value = node[1]
    if len(names) == 1 and names[0][0] == value[0] == "seq" and len(names[0][3]) == len(value[3]):
        items: list[Node] = [("rel", list(pair), ["="]) for pair in zip(names[0][3], value[3], strict=True)]
        if other[0] == "list" and all(item[0] == "rel" for item in other[1]):
            return ("list", items, "and") if by_letter(items) else node
        if other[0] == "seq" and {str(name[1]) for name in names[0][3]} <= set("xyz"):
            return (*value[:3], [item[1][1] for item in by_letter(items) or items])
        return node
    distinct = len(names) > 1 and all(name[0] == "var" for name in names) and len({*map(str, names)}) == len(names)
    if set(node[2]) != {"="} or not distinct or variables(value):
        return node
    return ("list", [("rel", [name, value], ["="]) for name in names], "and")


def united(node: Node) -> Node:
    """A union of sets that are written out as one set."""
    if node[:2] != ("op", "cup"):
        return node
    parts = [united(part) for part in node[2:]]
    return ("set", [*parts[0][1], *parts[1][1]]) if {part[0] for part in parts} == {"set"} else node
