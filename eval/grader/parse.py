r"""A parser of competition answers: LaTeX or plain writing to a tree of tuples. It evaluates nothing.

("num", Fraction)  ("var", name)  ("const", "pi" | "e" | "i" | "inf")  ("text", words)  ("based", digits, base)
("+", [terms])  ("*", [factors])  ("/", a, b)  ("^", a, b)  ("pm", left or None, right, 1 or -1)
("fn", name, [arguments])  ("call", name, [arguments])          call: f(x) as written, perhaps a product
("list", [items])  ("seq", "(" or "[", ")" or "]", [items])  ("set", [items])  ("matrix", [rows])
("rel", [sides], [operators])  ("op", "cup" | "cap" | "setminus", a, b)  ("ratio", [parts])
("unit", node, text)                                            a quantity with its unit
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

from .atoms import DEEPEST, Atoms, Node
from .text import NUMBERS
from .tokens import NO_FACTOR, RELATIONS, SEPARATORS, SET_OPERATORS, ParseError, tokens

__all__ = ["Node", "ParseError", "parse"]
LONGEST = 4_000


class _Parser(Atoms):
    """Lists, clauses, sums, products and powers over the atoms."""

    # --- lists and clauses
    def items(self, *closers: str) -> list[Node]:
        """Clauses separated by commas, semicolons or words, up to a closer (not taken) or the end."""
        found: list[Node] = []
        while self.peek() in SEPARATORS:
            self.take()
        while self.peek() and self.peek() not in closers:
            found.append(self.clause())
            if self.peek() not in SEPARATORS and self.peek() not in closers and self.peek():
                raise ParseError(f"unexpected {self.peek()}")
            while self.peek() in SEPARATORS:
                self.take()
        return found

    def clause(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ParseError("nested too deeply")
        sides, operators = [self.side()], []
        while self.peek() in RELATIONS:
            operators.append(RELATIONS[self.take()])
            sides.append(self.side())
        self.depth -= 1
        return ("rel", sides, operators) if operators else sides[0]

    def side(self) -> Node:
        node = self.ratio()
        while self.peek() in SET_OPERATORS:
            node = ("op", SET_OPERATORS[self.take()], node, self.ratio())
        return node

    def ratio(self) -> Node:
        parts = [self.quantity()]
        while self.peek() in (":", "\\colon"):
            self.take()
            parts.append(self.quantity())
        if len(parts) > 1 and parts[-1][0] == "unit":
            return ("unit", ("ratio", [*parts[:-1], parts[-1][1]]), parts[-1][2])
        return ("ratio", parts) if len(parts) > 1 else parts[0]

    def quantity(self) -> Node:
        if self.peek() == "<text>":
            start = self.at
            while self.peek() in ("<text>", ".", "'", "-", "!", "?"):
                self.take()
            return ("text", " ".join(value for _, value, _ in self.stream[start : self.at]))
        leading = ""
        if self.peek() in ("\\$", "€", "£", "$"):
            leading = self.take()
        elif self.peek() == "-" and self.peek(1) in ("\\$", "€", "£"):
            self.take()
            leading = self.take()
            node = self.sum()
            return ("unit", ("*", [("num", Fraction(-1)), node]), leading + self.unit())
        node = self.sum()
        unit = leading + self.unit()
        return ("unit", node, unit) if unit else node

    def unit(self) -> str:
        """Words, signs and powers after a quantity, such as `\text{ cm}^2`; "" where there are none."""
        start = self.at
        while self.peek() in ("<text>", "\\$", "€", "£", "¢", "%", "\\deg", "\\pmod", "\\bmod", "\\mod"):
            if self.take() in ("\\pmod", "\\bmod", "\\mod"):
                self.stream[self.at - 1] = ("text", "mod", True)
                self.braced() if self.peek() == "{" else self.take()
                continue
            if self.peek() in ("^", "/") and self.peek(1) in ("<num>", "<text>", "{"):
                if self.take() == "/" or self.peek() == "<num>":
                    self.take()
                else:
                    self.braced()
            elif self.peek() in ("/", ".") and self.peek(1) == "":
                self.take()
        return " ".join(value for _, value, _ in self.stream[start : self.at])

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
            if self.peek() not in ("+", "-", "\\pm", "\\mp"):
                return terms[0] if len(terms) == 1 else ("+", terms)

    def product(self) -> Node:
        factors: list[Node] = [self.power()]
        while True:
            symbol = self.peek()
            if symbol in ("*", "\\cdot", "\\times", "\\ast"):
                self.take()
                factors.append(self.signed())
            elif symbol in ("/", "\\div"):
                self.take()
                top: Node = factors[0] if len(factors) == 1 else ("*", factors)
                factors = [("/", top, self.signed())]
            elif self.starts_factor():
                if symbol == "<num>" and self.mixed(factors):
                    whole, _, below = self.take(), self.take(), self.take()
                    factors[-1] = ("+", [factors[-1], ("num", Fraction(int(whole), int(below)))])
                    continue
                if symbol == "<num>" and self.stream[self.at - 1][1] not in ("!", ")", "]", "}"):
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
        if symbol == "|":
            return self.bars == 0
        return symbol not in NO_FACTOR

    def power(self) -> Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise ParseError("nested too deeply")
        node = self.atom()
        while self.peek() in ("^", "!", "\\deg", "%", "'"):
            symbol = self.take()
            if symbol == "^":
                node = ("^", node, self.exponent())
            elif symbol == "!":
                node = ("fn", "factorial", [node])
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
    if text.casefold() in NUMBERS:
        return ("num", Fraction(NUMBERS[text.casefold()]))
    parser = _Parser(tokens(text, thousands))
    try:
        found = parser.items()
    except (IndexError, ValueError, ZeroDivisionError) as error:
        raise ParseError(str(error)) from error
    if not found or parser.peek():
        raise ParseError("does not read to its end")
    return found[0] if len(found) == 1 else ("list", found)
