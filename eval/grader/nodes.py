"""Small questions about trees, and trees made of trees, for the parser."""

from __future__ import annotations

from . import numerals
from .atoms import Node
from .units import is_unit

DETERMINERS = frozenset(("all", "any", "every", "some", "each", "a", "the"))
_KIND = (
    "all any every some each a an the real positive negative nonnegative natural whole number integer constant value "
)
KIND = frozenset((_KIND + "arbitrary complex rational numbers integers reals constants values x y n").split())


def is_kind(text: str) -> bool:
    """Whether words name only a kind numbers: "all positive integers"."""
    return set(text.casefold().replace(",", " ").split()) <= KIND


TURNED = tuple(("var", name) for name in ("T", "t", "\\top", "\\intercal", "\\mathsfT"))


def transposed(node: Node) -> Node | None:
    """The transpose of a matrix or of a row numbers; None where it is neither."""
    if node[0] == "matrix" and len({len(row) for row in node[1]}) == 1:
        return ("matrix", [list(column) for column in zip(*node[1], strict=True)])
    items = node[3] if node[0] == "seq" else node[1] if node[0] == "list" else []
    return ("matrix", [[item] for item in items]) if items else None


def without_sign(node: Node) -> Node:
    """The last factor of a product, else the tree itself."""
    return node[1][-1] if node[0] == "*" else node


def is_set(node: Node) -> bool:
    return node[0] in ("set", "op", "that") or (node[0] == "var" and node[1].startswith("\\mathbb"))


def joint_of(joints: set[str]) -> str:
    """ "or" or "and" where a list was written with one of them throughout."""
    return "or" if joints == {"\\or"} else "and" if joints == {"\\and"} else ""


def listed(found: list[Node], joints: set[str]) -> Node:
    """One item, or the list of several, with the word that joins them."""
    joint = joint_of(joints)
    if len(found) == 2 and joint != "or" and found[0][0] == "rel" and not {"=", "!="} & set(found[0][2]):
        relation, last = found
        if last[0] == "said" and last[1][0] == "var" and last[1] in relation[1]:
            return ("said", relation, last[2])  # n > 1 and n is odd
    return found[0] if len(found) == 1 else ("list", found, joint) if joint else ("list", found)


def given(found: list[Node], joints: set[str], conditions: list[tuple[Node, bool | str]]) -> Node:
    """Items with their conditions, among which another value of the first one's name is an item:
    "f(x) = 0 for all x, or f(x) = x for all x"."""
    head = found[0][1][0] if found[0][0] == "rel" and found[0][2] == ["="] else None
    more = [c for c, restricts in conditions if not restricts and c[0] == "rel" and c[2] == ["="] and c[1][0] == head]
    rest = [pair for pair in conditions if pair[0] not in more]
    return ("given", listed([*found, *more], joints), rest)


def named(node: object) -> bool:
    """Whether a tree holds a variable."""
    if isinstance(node, list):
        return any(map(named, node))
    return isinstance(node, tuple) and (node[0] == "var" or any(map(named, node[1:])))


def numeral(text: str) -> Node | None:
    """A text that is a number in words, with its unit: "five hundred dollars"."""
    found = numerals.leading(text)
    if found is None:
        return None
    value, rest = found
    if not rest:
        return ("num", value)
    if rest in numerals.POWERS:
        return ("num", value ** numerals.POWERS[rest])
    return ("unit", ("num", value), rest) if is_unit(rest) else None
