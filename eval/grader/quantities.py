"""The parts of the answer parser that read a quantity: a value with its unit, a number in words, a time of day."""

from __future__ import annotations

from fractions import Fraction

from . import numerals
from .atoms import Node
from .environments import Environments
from .nodes import named, numeral
from .tokens import CURRENCIES, ParseError
from .units import is_unit, parts

MODULO = ("\\pmod", "\\bmod", "\\mod")
TIMES = ("\\cdot", "*")
SIGNS = ("<text>", "\\$", "€", "£", "¢", "₹", "¥", "%", "\\deg")


class Quantities(Environments):
    """Values with the words and signs about them."""

    def clock(self, start: int) -> str:
        """A time of day whose minutes show it: the 10:05 of tokens from here; "" for other ratios."""
        digits = [value for _, value, _ in self.stream[start : self.at] if value.isdigit()]
        shown = (start == 0 or self.stream[start - 1][1] != "-") and any(
            len(minutes) == 2 and minutes[0] == "0" for minutes in digits[1:]
        )
        return ":".join([digits[0].lstrip("0") or "0", *digits[1:]]) if shown else ""

    def quantity(self) -> Node:
        if self.peek() == "<text>":
            start = self.at
            while self.peek() in ("<text>", ".", "'", "-", "!", "?") or self.label_ahead():
                self.take()
            text = " ".join(value for _, value, _ in self.stream[start : self.at])
            return numeral(text) or ("text", text)
        sign, leading = 1, ""
        if self.peek() == "-" and self.peek(1) in CURRENCIES:
            self.take()
            sign = -1
        if self.peek() in CURRENCIES:
            leading = self.take()
        node = self.with_unit(self.sum(), leading)
        if node[0] == "unit" and self.peek() == "<num>" and self.known(node[2]):
            found = [node]
            while self.peek() == "<num>":  # 5 ft 6 in
                found.append(self.with_unit(self.power(), ""))
                if found[-1][0] != "unit":
                    raise ParseError("a number without its unit")
            return (
                ("compound", found) if sign == 1 else ("compound", [("*", [("num", Fraction(-1)), node]), *found[1:]])
            )
        return node if sign == 1 else ("unit", ("*", [("num", Fraction(-1)), node[1]]), node[2])

    def label_ahead(self) -> bool:
        """Whether the name of a figure stands between words and "=": Area of triangle ABC = 12."""
        ahead = 0
        while (
            (symbol := self.peek(ahead)) == "<text>"
            or symbol.isalpha()
            or symbol in ("\\triangle", "\\angle", "(", ")")
        ):
            ahead += 1
        return ahead > 0 and symbol == "="

    @staticmethod
    def known(unit: str) -> bool:
        measures, others = parts(unit)
        return bool(measures) and not others

    def with_unit(self, node: Node, leading: str) -> Node:
        """A value with the words and signs after it."""
        if self.peek() in MODULO or (self.peek() == "(" and self.peek(1) in MODULO):
            bracket = self.take() == "(" and self.take() != ""
            modulus = self.braced() if self.peek() == "{" else self.product()
            if bracket:
                self.expect(")")
            return ("mod", node, modulus)
        unit = self.unit()
        if not leading and not unit:
            return node
        factor, power, rest = numerals.multiple(unit)
        if power > 1:
            node = ("^", node, ("num", Fraction(power)))
        if factor != 1:
            node = ("*", [node, ("num", factor)])
        rest = "" if leading and rest and parts(rest) == parts(leading) else rest  # $45 dollars
        text = f"{leading} {rest}".strip()
        if not text or numeral(rest) == node:  # 4 (four)
            return node
        if (leading and not rest) or (is_unit(text, variable=named(node)) and not numeral(rest)):
            return ("unit", node, text)
        return ("said", node, text)

    def unit_ahead(self) -> bool:
        """Whether a unit stands here: a text, a fraction of texts, or a text in brackets."""
        if self.peek() == "\\frac":
            return self.peek(1) == "{" and self.peek(2) == "<text>" and self.peek(3) in ("}", "^", "<text>", *TIMES)
        if self.peek() != "(":
            return False
        return self.peek(1) in MODULO or (self.peek(1) == "<text>" and self.peek(2) in (")", "<text>"))

    def unit(self) -> str:
        """Words, signs and powers after a quantity, such as `\text{ cm}^2`; "" where there are none."""
        start = self.at
        if self.unit_ahead():
            if self.take() == "\\frac":
                return f"{self.braced_text()} / {self.braced_text()}".replace("\\cdot", " ")
            while self.peek() == "<text>":
                self.take()
            self.expect(")")
            return " ".join(value for _, value, _ in self.stream[start + 1 : self.at - 1])
        self.measures()
        return " ".join(value for _, value, _ in self.stream[start : self.at]).replace("^ { -", "^ -")

    def measures(self) -> None:
        """Take words and signs with their powers, and what multiplies and divides them: J/(kg·K), m^2/s, /day."""
        if self.peek() == "/" and self.peek(1) == "<text>":
            self.take()
        while self.peek() in SIGNS:
            self.take()
            if self.peek() == "^" and self.peek(1) in ("<num>", "<text>", "{"):
                self.take()
                if self.peek() == "<num>":
                    self.take()
                else:
                    self.braced()
            if self.peek() == "/" and self.peek(1) == "(" and self.peek(2) == "<text>":
                self.at += 2
                self.measures()
                self.expect(")")
            elif self.peek() == "/" and self.peek(1) in ("<num>", "{"):
                self.at += 2
            elif (self.peek() in ("/", ".") and self.peek(1) == "") or (
                self.peek() in ("/", "-", *TIMES) and self.peek(1) == "<text>"
            ):
                self.take()

    def conjugate(self) -> Node | None:
        """The conjugate of the number under a bar, 3 + 4i; None, and nothing is taken, where it is no such."""
        start, ahead = self.at, 0
        while self.peek(ahead) not in ("}", ""):
            ahead += 1
        symbols = {value for _, value, _ in self.stream[start : start + ahead]}
        if "i" not in symbols or not symbols & {"+", "-"}:
            return None
        number = self.braced()
        if named(number):
            self.at = start
            return None
        return ("fn", "conj", [number])
