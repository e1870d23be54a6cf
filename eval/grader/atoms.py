"""The parts of the answer parser that read one value: numbers, brackets, functions, names, matrices."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from .tokens import FUNCTIONS, INVERSE, NAMES, RELATIONS, ParseError, Token

Node = tuple[Any, ...]
DEEPEST = 40
PERIODIC = re.compile(r"\.(?:\d{0,40}?(\d{1,6}?)\1{2,40}|(\d{2,6}?)\2)$")  # 0.333\dots, 0.1212\dots
EVENT = frozenset(("<text>", "|", "\\mid", "\\cap", "\\cup", *RELATIONS))


def that(found: list[Node], joint: str) -> Node | None:
    """{x : x > 2} or {x in R : x > 2}, whose colon was read as a ratio's; None where there is no colon."""
    sides = found[0][1] if found and found[0][0] == "rel" else found[:1]
    place = next((i for i, side in enumerate(sides) if side[0] == "ratio" and len(side[1]) == 2), None)
    if place is None or (found[0][0] != "rel" and len(found) == 1):
        return None
    left, right = sides[place][1]
    operators = found[0][2] if found[0][0] == "rel" else []
    name: Node = left if place == 0 else ("rel", [*sides[:place], left], operators[:place])
    rest: Node = right if place == len(sides) - 1 else ("rel", [right, *sides[place + 1 :]], operators[place:])
    return ("that", name, rest if len(found) == 1 else ("list", [rest, *found[1:]], joint or "and"))


class Atoms:
    """A stream of tokens and the readers of single values; the rest of the grammar is in `parse.py`."""

    def __init__(self, stream: list[Token]) -> None:
        self.stream, self.at, self.depth, self.bars = stream, 0, 0, 0
        self.joint = ""  # the word that joined the items of the last list
        self.letters: set[str] = set()  # "i" where it counts the terms of a sum

    # --- the stream
    def peek(self, ahead: int = 0) -> str:
        """Value of a symbol; a number's or text's kind; "" at the end."""
        if self.at + ahead >= len(self.stream):
            return ""
        kind, value, _ = self.stream[self.at + ahead]
        return value if kind == "sym" else f"<{kind}>"

    def take(self) -> str:
        if self.at >= len(self.stream):
            raise ParseError("ends too early")
        self.at += 1
        return self.stream[self.at - 1][1]

    def expect(self, *values: str) -> str:
        if self.peek() not in values:
            raise ParseError(f"expected {values[0]}")
        return self.take()

    # --- what the rest of the grammar provides
    def items(self, *closers: str) -> list[Node]:
        """Clauses up to a closer."""
        raise NotImplementedError

    def clause(self) -> Node:
        """A relation or a value."""
        raise NotImplementedError

    def sum(self) -> Node:
        """An arithmetic expression."""
        raise NotImplementedError

    def signed(self) -> Node:
        """A factor with its signs."""
        raise NotImplementedError

    def power(self) -> Node:
        """An atom with what stands after and above it."""
        raise NotImplementedError

    def exponent(self) -> Node:
        """What stands after `^`."""
        raise NotImplementedError

    def braced(self) -> Node:
        """An argument."""
        raise NotImplementedError

    def starts_factor(self) -> bool:
        """Whether the next token begins a factor."""
        raise NotImplementedError

    def matrix(self) -> Node:
        """An environment."""
        raise NotImplementedError

    def big(self, kind: str) -> Node:
        """A sum, product or integral."""
        raise NotImplementedError

    def conjugate(self) -> Node | None:
        """The conjugate of the number under a bar, if one stands here."""
        raise NotImplementedError

    # --- atoms
    def atom(self) -> Node:
        symbol = self.peek()
        if symbol == "<num>":
            return self.number()
        if symbol in ("(", "[", "{", "\\{", "\\langle", "\\lfloor", "\\lceil"):
            return self.group(self.take())
        if symbol in ("|", "||", "\\|"):
            self.take()
            self.bars += 1
            inside = self.sum()
            self.expect(symbol)
            self.bars -= 1
            return ("fn", "det" if inside[0] == "matrix" and symbol == "|" else "abs", [inside])
        if symbol[1:] in FUNCTIONS and symbol[0] == "\\":
            return self.function(self.take()[1:])
        if symbol == "\\begin":
            self.take()
            return self.matrix()
        if (len(symbol) == 1 and symbol.isalpha()) or (symbol.isupper() and symbol.isalpha()) or symbol in NAMES:
            return self.name(self.take())
        return self.command(self.take())

    def number(self) -> Node:
        digits = self.take()
        if self.peek() == "." and self.peek(1) in ("\\overline", "\\bar", "\\dot", "("):
            digits += self.take()
        if self.peek() in ("\\dots", "\\ldots") and (match := PERIODIC.search(digits)):
            self.take()
            place = 1 if match[1] else 2
            return self.periodic(digits[: match.start(place)], match[place])
        if self.peek() == "(" and "." in digits and self.peek(1) == "<num>" and self.peek(2) == ")":
            self.at += 3  # 0.1(6)
            return self.periodic(digits, self.stream[self.at - 2][1])
        if self.peek() in ("\\overline", "\\bar", "\\dot") and "." in digits:
            dot = self.take() == "\\dot"
            period = self.braced_text()
            if dot and self.peek() in ("\\dot", "<num>"):  # 0.\dot{1}2\dot{3}
                period += self.take() if self.peek() == "<num>" else ""
                self.expect("\\dot")
                period += self.braced_text()
            return self.periodic(digits, period)
        if self.peek() == "_":
            self.take()
            base = self.braced_text()
            if base.isdigit():
                return ("based", digits, base)
            raise ParseError("a number with a name below")
        mantissa, _, exponent = digits.lower().partition("e")
        value = Fraction(mantissa) * Fraction(10) ** int(exponent or 0)
        return ("num", value, digits) if "." in digits and not exponent else ("num", value)

    def periodic(self, digits: str, period: str) -> Node:
        whole, _, before = digits.partition(".")
        if not period.isdigit() or len(period) > 50 or self.peek() == "<num>":
            raise ParseError("a period is made of digits")
        value = Fraction(int(before + period) - int(before or 0), 10 ** len(before) * (10 ** len(period) - 1))
        return ("num", int(whole or 0) + value)

    def braced_text(self) -> str:
        """The raw text of an argument: of `{…}` or of one token."""
        if self.peek() != "{":
            return self.take()
        start, depth = self.at, 0
        while True:
            symbol = self.peek()
            self.take()
            depth += (symbol == "{") - (symbol == "}")
            if depth == 0:
                return "".join(value for _, value, _ in self.stream[start + 1 : self.at - 1])

    def group(self, opener: str) -> Node:
        bars, self.bars = self.bars, int(opener == "\\{")  # the bar of a set is no absolute value
        closers = {
            "\\{": ("\\}",),
            "{": ("}",),
            "\\langle": ("\\rangle", ">"),
            "\\lfloor": ("\\rfloor",),
            "\\lceil": ("\\rceil",),
        }
        ends = closers.get(opener, (")", "]"))
        found = self.items(*ends, "|", "\\mid", "\\choose")
        if self.peek() == "\\choose" and len(found) == 1:
            self.take()
            below = self.items(*ends)
            self.expect(*ends)
            self.bars = bars
            return ("fn", "binom", [found[0], below[0]])
        if opener in ("\\{", "{") and self.peek() in ("|", "\\mid") and len(found) == 1:
            self.take()
            condition = self.items(*ends)
            joint = self.joint
            self.expect(*ends)
            self.bars = bars
            return ("that", found[0], condition[0] if len(condition) == 1 else ("list", condition, joint or "and"))
        closer = self.expect(*ends)
        self.bars = bars
        if opener == "\\{":
            return that(found, self.joint) or ("set", found)
        if not found:
            raise ParseError("nothing in brackets")
        if opener in ("\\lfloor", "\\lceil"):
            return ("fn", "floor" if opener == "\\lfloor" else "ceil", found[:1])
        if opener == "{":
            return found[0] if len(found) == 1 else ("list", found)
        rows = [item[3] if item[:3] == ("seq", "[", "]") else item[1] if item[0] == "list" else [] for item in found]
        if (opener, closer) == ("[", "]") and len(rows) > 1 and rows[0] and len({len(row) for row in rows}) == 1:
            return ("matrix", rows)  # [[1,2],[3,4]]
        if opener == "\\langle":
            return ("seq", "(", ")", found)
        if len(found) == 1:
            if (opener, closer) not in (("(", ")"), ("[", "]")):
                raise ParseError("brackets of two kinds around one value")
            return found[0]
        if (opener, closer) == ("[", "]") and len(found) > 2:
            return ("list", found)
        return ("seq", opener, closer, found)

    def function(self, name: str) -> Node:
        exponent: Node | None = None
        base: Node | None = None
        if name in ("max", "min") and self.peek() == "=":
            return ("var", name)
        while self.peek() in ("^", "_"):
            if self.take() == "^":
                exponent = self.exponent()
            elif name == "log":
                base = self.braced()
            else:
                return ("var", f"\\{name}_{self.braced_text()}")
        if exponent == ("*", [("num", Fraction(-1)), ("num", Fraction(1))]) and name in INVERSE:
            name, exponent = INVERSE[name], None
        if self.peek() in ("(", "{", "[") or (self.peek() == "\\{" and name in ("max", "min", "gcd", "lcm")):
            argument = self.group(self.take())
            if argument[0] == "seq" and argument[1:3] not in (("(", ")"), ("[", "]")):
                raise ParseError("brackets of two kinds around arguments")
            arguments = argument[3] if argument[0] == "seq" else [argument]
            arguments = argument[1] if argument[0] in ("list", "set") else arguments
        else:
            factors = [self.signed()]
            while self.starts_factor() and self.peek()[1:] not in FUNCTIONS and not self.bracket_after(name, factors):
                if self.peek() == "<num>":
                    raise ParseError("two numbers side by side")
                factors.append(self.power())
            arguments = [factors[0] if len(factors) == 1 else ("*", factors)]
        node: Node = ("fn", name, [*arguments, base] if base else arguments)
        return ("^", node, exponent) if exponent else node

    def bracket_after(self, function: str, factors: list[Node]) -> bool:
        r"""Whether a bracket here ends an argument that has none: it does in \ln 2(x + 1), not in \sin 2(x + 1)."""
        angle = function in ("sin", "cos", "tan", "cot") and len(factors) == 1 and factors[0][0] == "num"
        return self.peek() == "[" or (self.peek() == "(" and not angle)

    def name(self, name: str) -> Node:
        if name in ("\\sum", "\\prod", "\\int"):
            return self.big(name[1:])
        if name in ("C", "A", "P") and self.peek() == "_" and (chosen := self.chosen(name)):
            return chosen
        if name == "\\lim":
            while self.peek() not in ("=", ""):
                name += self.take()
            if not self.peek():
                raise ParseError("limits are not evaluated")
            return ("var", name)
        return self.marked(name)

    def marked(self, name: str) -> Node:
        """A name with its indices and primes; a function where its arguments, or a number in brackets, follow."""
        while self.peek() == "_":
            name += self.take() + self.braced_text()
        while self.peek() in ("'", "\\prime"):
            self.take()
            name += "'"
        if name == "P":
            name += self.event()
        if name in ("i", "e", "\\pi") and name not in self.letters:
            return ("const", name.lstrip("\\"))
        if self.peek() == "(" and (
            name.rstrip("'") in ("f", "g", "F", "G") or (self.peek(1), self.peek(2)) == ("<num>", ")")  # x(0)
        ):
            self.take()
            arguments = self.items(")")
            self.expect(")")
            return ("call", name, arguments)
        return ("var", name)

    def event(self) -> str:
        """The event whose probability is named: the (X = 2) of P(X = 2), (A|B); "" where none stands here."""
        if self.peek() != "(":
            return ""
        depth, ahead, found = 1, 1, False
        while depth and (symbol := self.peek(ahead)):
            depth += (symbol in ("(", "{")) - (symbol in (")", "}"))
            found, ahead = found or symbol in EVENT, ahead + 1
        if depth or not found:
            return ""
        start, self.at = self.at, self.at + ahead
        return "".join(RELATIONS.get(value, value) for _, value, _ in self.stream[start : self.at])

    def chosen(self, name: str) -> Node | None:
        """C_{10}^{3}, A_5^2: of n things k, unordered or ordered; None, and nothing is taken, where it is no such."""
        start = self.at
        self.take()
        below = self.braced_text()
        above = ""
        if self.peek() == "^":
            self.take()
            above = self.braced_text()
        numbers = below.isdigit() and above.isdigit() and 1 < int(below[:6]) >= int(above[:6])
        letters = name == "C" and not below.isdigit() and re.fullmatch(r"[\w+-]+", above)
        if not (numbers or letters):
            self.at = start
            return None
        self.at = start + 1
        n = self.braced()
        self.take()
        k = self.braced()
        choices: Node = ("fn", "binom", [n, k])
        return choices if name == "C" else ("*", [choices, ("fn", "factorial", [k])])

    def command(self, symbol: str) -> Node:
        if symbol == "\\frac":
            return ("/", self.braced(), self.braced())
        if symbol in ("\\sqrt", "\\cbrt"):
            degree: Node = ("num", Fraction(2 if symbol == "\\sqrt" else 3))
            if self.peek() == "[":
                self.take()
                degree = self.sum()
                self.expect("]")
            inside = self.number() if self.peek() == "<num>" else self.braced()
            return ("fn", "root", [inside, degree])
        if symbol == "\\binom":
            return ("fn", "binom", [self.braced(), self.braced()])
        if symbol == "\\abs":
            return ("fn", "abs", [self.braced()])
        if symbol in ("\\infty", "\\infin"):
            return ("const", "inf")
        if symbol in ("\\emptyset", "\\varnothing"):
            return ("set", [])
        if symbol == "\\mathbb":
            name = "\\mathbb" + self.braced_text()
            while self.peek() in ("^", "_") and self.peek(1) in ("+", "-", "*", "{", "<num>"):
                name += self.take() + self.braced_text()
            return ("var", name)
        if symbol in ("\\top", "\\intercal"):
            return ("var", symbol)
        if symbol in ("\\overline", "\\bar", "\\dot", "\\widetilde"):
            return self.conjugate() or self.marked(symbol.replace("bar", "overline") + self.braced_text())
        if symbol in ("\\exists", "\\forall") or not symbol:
            raise ParseError("logic is not read")
        raise ParseError(f"unknown sign {symbol}")
