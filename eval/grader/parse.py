r"""A parser of competition answers: LaTeX or plain writing to a tree of tuples. It evaluates nothing.

("num", Fraction)  ("var", name)  ("const", "pi" | "e" | "i" | "inf")  ("text", words)  ("based", digits, base)
("+", [terms])  ("*", [factors])  ("/", a, b)  ("^", a, b)  ("pm", left or None, right, 1 or -1)
("fn", name, [arguments])  ("call", name, [arguments])          call: f(x) as written, perhaps a product
("list", [items])  ("seq", "(" or "[", ")" or "]", [items])  ("set", [items])  ("matrix", [rows])
("rel", [sides], [operators])  ("op", "cup" | "cap" | "setminus", a, b)  ("ratio", [parts])
("unit", node, text)  ("compound", [units])  ("said", node, words)   a quantity with its unit; 5 ft 6 in; n is even
("given", node, [(condition, restricts)])  ("mod", residue, modulus)  ("that", name, condition)     {x | x > 2}
("big", "sum" | "prod" | "int", name, low, high, body)  ("cases", [(value, condition or None)])
A list that was written with "or" or "and" has that word as its third part.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from .atoms import DEEPEST, Node
from .nodes import DETERMINERS, TURNED, given, is_kind, is_set, joint_of, listed, numeral, transposed, without_sign
from .quantities import Quantities
from .tokens import (
    CLOSERS,
    IF,
    NO_FACTOR,
    RELATIONS,
    SEPARATORS,
    SET_OPERATORS,
    WHERE,
    ParseError,
    tokens,
)

__all__ = ["Node", "ParseError", "is_kind", "parse"]
LONGEST = 4_000
DENIED = re.compile(r"\b(?:not|never|wrong|incorrect|false|guess|bound|except|excluding|estimate)\b", re.IGNORECASE)
BEFORE_NUMBER = ("!", ")", "]", "}", "\\dots")


class _Parser(Quantities):
    """Lists, clauses, sums, products and powers over the atoms."""

    # --- lists and clauses
    def items(self, *closers: str) -> list[Node]:
        """Clauses separated by commas, semicolons or words, up to a closer (not taken) or the end."""
        found: list[Node] = []
        joints: set[str] = set()
        while self.peek() in SEPARATORS:
            self.take()
        while self.peek() and (self.peek() not in closers or self.bar_opens(found)):
            if self.peek() in (WHERE, IF) and found:
                return [given(found, joints, self.conditions(*closers))]
            found.append(self.clause())
            if self.condition_ahead():
                self.take()
                pairs = [
                    (condition, "unless it says of what kind a letter is") for condition, _ in self.conditions(")")
                ]
                self.expect(")")
                return [("given", listed(found, joints), pairs)]
            if self.peek() not in (*SEPARATORS, *closers, WHERE, IF) and self.peek():
                raise ParseError(f"unexpected {self.peek()}")
            while self.peek() in SEPARATORS:
                joints.add(self.take())
        self.joint = joint_of(joints)
        return found

    def bar_opens(self, found: list[Node]) -> bool:
        """Whether a bar here begins an absolute value: it is the first sign of an item."""
        return self.peek() == "|" and (not found or self.stream[self.at - 1][1] in SEPARATORS)

    def condition_ahead(self) -> bool:
        """Whether a relation in brackets ends the list here: n^2 (n >= 1)."""
        if self.peek() != "(":
            return False
        depth, ahead, relation = 1, 1, False
        while depth and (symbol := self.peek(ahead)):
            depth += (symbol in ("(", "{", "[")) - (symbol in (")", "}", "]"))
            relation = relation or (depth == 1 and symbol in RELATIONS)
            ahead += 1
        return relation and not depth and self.peek(ahead) in ("", *CLOSERS, *SEPARATORS)

    def conditions(self, *closers: str) -> list[tuple[Node, bool | str]]:
        """What stands after "where", "for all", "if": pairs of a condition and whether it restricts the value."""
        found: list[tuple[Node, bool | str]] = []
        restricts, said = False, ""
        while self.peek() and self.peek() not in closers:
            if self.peek() in (WHERE, IF):
                restricts, said = self.take() == IF, ""
            elif self.peek() in SEPARATORS:
                self.take()
            elif self.peek() == "<text>" and self.peek(1) not in ("", *closers, *SEPARATORS, WHERE, IF):
                said = f"{said} {self.take()}"  # the kind of what is named next: "integers a, b"
            else:
                node = self.clause()
                said = said.strip()
                if node[0] == "text":
                    node = ("text", f"{said} {node[1]}".strip())
                elif said and (node[0] == "var" or not is_kind(said)) and said not in DETERMINERS:
                    node = ("said", node, said)
                found.append((node, restricts))
        return found

    def clause(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ParseError("nested too deeply")
        if self.peek() == "<text>" and self.stream[self.at][1].rstrip().endswith(":") and self.peek(1):
            label = self.take().strip(" :")  # Domain: [0, 1]
            if DENIED.search(label):
                raise ParseError("a label that takes its value back")
            node = self.clause()
            self.depth -= 1
            return ("rel", [("text", label), node], ["="])
        sides, operators = [self.side()], []
        while self.peek() in RELATIONS:
            operators.append(RELATIONS[self.take()])
            sides.append(self.side())
        self.depth -= 1
        if not operators:
            return sides[0]
        last = sides[-1]
        if last[0] == "said":  # n >= 3 odd
            return ("said", ("rel", [*sides[:-1], last[1]], operators), last[2])
        return ("rel", sides, operators)

    def side(self) -> Node:
        node = self.ratio()
        while self.peek() in SET_OPERATORS:
            node = ("op", SET_OPERATORS[self.take()], node, self.ratio())
        return node

    def ratio(self) -> Node:
        parts, start = [self.quantity()], self.at - 1
        while self.peek() in (":", "\\colon"):
            self.take()
            parts.append(self.quantity())
        if len(parts) > 1 and (clock := self.clock(start)):
            return ("unit", ("text", clock), parts[-1][2]) if parts[-1][0] == "unit" else ("text", clock)
        if len(parts) > 1 and parts[-1][0] == "unit":
            return ("unit", ("ratio", [*parts[:-1], parts[-1][1]]), parts[-1][2])
        return ("ratio", parts) if len(parts) > 1 else parts[0]

    def braced(self) -> Node:
        """An argument: `{…}` or a single token, a number's first digit (`\\frac12` is a half)."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ParseError("nested too deeply")
        if self.peek() == "{":
            node = self.group(self.take())
        elif self.peek() == "<num>":
            _, value, _ = self.stream[self.at]
            if len(value) > 1 and value.isdigit():
                self.stream[self.at] = ("num", value[1:], False)
                value = value[0]
            else:
                self.at += 1
            node = ("num", Fraction(value))
        elif self.peek() == "-":
            self.take()
            node = ("*", [("num", Fraction(-1)), self.braced()])
        else:
            node = self.atom()
        self.depth -= 1
        return node

    # --- arithmetic
    def sum(self) -> Node:
        terms: list[Node] = []
        sign = 1
        while True:
            while self.peek() in ("+", "-"):
                sign = -sign if self.take() == "-" else sign
            if self.peek() in ("\\pm", "\\mp"):
                direction = (1 if self.take() == "\\pm" else -1) * sign
                left = None if not terms else ("+", terms)
                terms, sign = [("pm", left, self.product(), direction)], 1
            else:
                term = self.product()
                terms.append(term if sign == 1 else ("*", [("num", Fraction(-1)), term]))
                sign = 1
            if len(terms) > 1 and is_set(without_sign(terms[-1])) and (is_set(terms[-2]) or terms[-2][0] == "seq"):
                last = terms.pop()  # R - {2}
                terms[-1] = ("op", "setminus" if last[0] == "*" else "cup", terms[-1], without_sign(last))
            if self.peek() not in ("+", "-", "\\pm", "\\mp"):
                return terms[0] if len(terms) == 1 else ("+", terms)

    def product(self) -> Node:
        factors: list[Node] = [self.power()]
        while True:
            symbol = self.peek()
            if symbol in ("*", "\\cdot", "\\times", "\\ast"):
                self.take()
                factors.append(self.signed())
            elif symbol in ("/", "\\div") and self.peek(1) != "<text>":
                self.take()
                top: Node = factors[0] if len(factors) == 1 else ("*", factors)
                factors = [("/", top, self.signed())]
            elif self.starts_factor():
                if symbol == "<num>" and self.mixed(factors):
                    whole, _, below = self.take(), self.take(), self.take()
                    factors[-1] = ("+", [factors[-1], ("num", Fraction(int(whole), int(below)))])
                    continue
                powers = self.peek(1) == "^" and (  # n2^{n-1}, 2^6 3^5
                    factors[-1][0] == "var" or (factors[-1][0] == "^" and self.stream[self.at][2])
                )
                if symbol == "<num>" and not powers and self.stream[self.at - 1][1] not in BEFORE_NUMBER:
                    raise ParseError("two numbers side by side")
                mixed = (
                    symbol == "\\frac" and factors[-1][0] == "num" and getattr(factors[-1][1], "denominator", 0) == 1
                )
                factor = self.power()
                marked = factor[0] == "fn" and factor[1] in ("deg", "percent")
                part: Node = factor[2][0] if marked else factor
                if mixed and part[0] == "/" and part[1][0] == part[2][0] == "num":
                    whole_part: Node = ("+", [factors[-1], part])
                    factors[-1] = ("fn", factor[1], [whole_part]) if marked else whole_part
                else:
                    factors.append(factor)
            else:
                return factors[0] if len(factors) == 1 else ("*", factors)

    def mixed(self, factors: list[Node]) -> bool:
        """Whether "2 1/3" stands here: a whole number, a space, a fraction in digits."""
        _, value, space = self.stream[self.at]
        return (
            space and len(factors) == 1 and factors[0][0] == "num" and factors[0][1].denominator == 1
            and self.peek(1) == "/" and self.peek(2) == "<num>" and value.isdigit()
            and self.stream[self.at + 2][1].isdigit() and 0 < int(value[:9]) < int(self.stream[self.at + 2][1][:9])
        )  # fmt: skip

    def signed(self) -> Node:
        sign = 1
        while self.peek() in ("+", "-"):
            sign = -sign if self.take() == "-" else sign
        node = self.power()
        return node if sign == 1 else ("*", [("num", Fraction(-1)), node])

    def starts_factor(self) -> bool:
        symbol = self.peek()
        if symbol in ("|", "||", "\\|"):
            return self.bars == 0
        return symbol not in NO_FACTOR and not (
            symbol in ("(", "\\frac") and (self.unit_ahead() or self.condition_ahead())
        )

    def power(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ParseError("nested too deeply")
        node = self.atom()
        while self.peek() in ("^", "!", "\\deg", "%", "'"):
            symbol = self.take()
            if symbol == "^":
                exponent = self.exponent()
                turned = transposed(node) if exponent in TURNED else None
                node = turned or ("^", node, exponent)
            elif symbol == "!":
                twice = self.peek() == "!" and self.take()
                node = ("fn", "factorial2" if twice else "factorial", [node])
            elif symbol == "\\deg":
                node = ("fn", "deg", [node])
            elif symbol == "%":
                node = ("fn", "percent", [node])
            else:
                node = ("call", "'", [node])
        self.depth -= 1
        return node

    def exponent(self) -> Node:
        if self.peek() in ("-", "+"):
            return self.signed()
        if self.peek() in ("'", "\\prime"):
            self.take()
            return ("var", "'")
        base = self.number() if self.peek() == "<num>" else self.braced()
        return ("^", base, self.exponent()) if self.peek() == "^" and self.take() else base


@lru_cache(maxsize=4096)
def parse(text: str, thousands: bool = True) -> Node:
    """The tree of a cleaned answer. Raises ParseError; `thousands`: whether "1,234" is one number."""
    if len(text) > LONGEST:
        raise ParseError("too long")
    if text.isascii() and text.replace(" ", "").replace("-", "").isalpha() and (value := numeral(text)):
        return value
    parser = _Parser(tokens(text, thousands))
    try:
        found = parser.items()
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise ParseError(str(error)) from error
    if not found or parser.peek():
        raise ParseError("does not read to its end")
    joint = {"\\" + parser.joint} if parser.joint and len(found) > 1 else set()
    return listed(found, joint)
