"""The parts of the answer parser that read environments (matrices, systems, pieces) and sums, products, integrals."""

from __future__ import annotations

from fractions import Fraction

from .atoms import Atoms, Node
from .tokens import IF, MATRICES, RELATIONS, SEPARATORS, SYSTEMS, WHERE, ParseError

ROW_ENDS = ("\\\\", "\\end")


class Environments(Atoms):
    r"""`\begin{…}`, `\sum`, `\prod` and `\int`."""

    def conditions(self, *closers: str) -> list[tuple[Node, bool | str]]:
        """What stands after "where", "for all", "if"."""
        raise NotImplementedError

    def product(self) -> Node:
        """Factors."""
        raise NotImplementedError

    def matrix(self) -> Node:
        name = self.braced_text().rstrip("*")
        if name == "array" and self.peek() == "{":
            self.braced_text()
        if name in SYSTEMS:
            return self.system()
        if name not in MATRICES:
            raise ParseError("an environment that is no matrix")
        rows: list[list[Node]] = [[]]
        while self.peek() != "\\end":
            if self.peek() == "\\\\":
                self.take()
                rows.append([])
            elif self.peek() == "&" or self.peek() == "\\hline":
                self.take()
            else:
                rows[-1].append(self.clause())
        self.take()
        self.braced_text()
        if name == "array" and [len(row) for row in rows if row] == [1]:
            return rows[0][0]
        if all(len(row) == 1 and row[0][0] == "rel" for row in rows if row):  # equations below each other
            return ("list", [row[0] for row in rows if row])
        node: Node = ("matrix", [row for row in rows if row])
        return ("fn", "det", [node]) if name == "vmatrix" else node

    def system(self) -> Node:
        """Equations that hold together, or the pieces of a function: values with their conditions."""
        pieces: list[tuple[Node, Node | None]] = []
        while self.peek() != "\\end":
            if self.peek() in ("\\\\", "&", "\\hline", *SEPARATORS):
                self.take()
                continue
            if self.peek() in RELATIONS and pieces and pieces[-1][1] is None:  # &= the next step
                left = pieces.pop()[0]
            else:
                left = self.clause_of_row()
            sides, operators = (list(left[1]), list(left[2])) if left[0] == "rel" else ([left], [])
            while self.peek() in RELATIONS or (self.peek() == "&" and self.peek(1) in RELATIONS):
                if self.peek() == "&":
                    self.take()
                operators.append(RELATIONS[self.take()])
                if self.peek() == "&":
                    self.take()
                sides.append(self.sum())
            left = ("rel", sides, operators) if operators else left
            pieces.append((left, self.condition_of_row()))
        self.take()
        self.braced_text()
        if all(condition is None for _, condition in pieces):
            found = [value for value, _ in pieces]
            return found[0] if len(found) == 1 else ("list", found, "and")
        return ("cases", pieces)

    def clause_of_row(self) -> Node:
        node = self.clause()
        if node[0] == "said" and len(node[2].split()) and node[2].split()[0] in ("otherwise", "else"):
            raise ParseError("a piece without a separator")
        return node

    def condition_of_row(self) -> Node | None:
        """The condition of a piece, if its row continues."""
        while self.peek() in ("&", WHERE, IF, ".", *SEPARATORS):
            self.take()
        if self.peek() in ROW_ENDS or not self.peek():
            return None
        found = [node for node, _ in self.conditions(*ROW_ENDS, ".")]
        while self.peek() == ".":
            self.take()
        return found[0] if len(found) == 1 else ("list", found, "and")

    # --- sums, products, integrals
    def big(self, kind: str) -> Node:
        low: Node | None = None
        high: Node | None = None
        name = ""
        counted = {self.peek(2)} & {"i", "e"} if self.peek() == "_" and self.peek(3) in RELATIONS else set()
        self.letters |= counted
        while self.peek() in ("_", "^"):
            if self.take() == "^":
                high = self.braced()
            else:
                low = self.braced()
        if kind == "int":
            return self.integral(low, high)
        if low is not None and low[0] == "rel" and low[1][0][0] == "var" and low[2] == ["="]:
            name, low = low[1][0][1], low[1][1]
        elif low is not None and low[0] == "rel" and len(low[1]) == 3 and low[1][1][0] == "var" and high is None:
            if low[2] != ["<=", "<="]:
                raise ParseError("a sum with open limits")
            low, (_, name), high = low[1]  # 1 <= k <= n
        elif low is not None and low[0] == "rel" and low[2] == [">="] and high is None:
            name, low, high = low[1][0][1], low[1][1], ("const", "inf")
        else:
            raise ParseError("a sum over something else")
        if high is None:
            raise ParseError("a sum without its end")
        body = self.product()
        self.letters -= counted
        return ("big", kind, name, low, high, body)

    def integral(self, low: Node | None, high: Node | None) -> Node:
        r"""`\int_a^b f dx`; the differential may stand in a numerator."""
        depth = 0
        for place in range(self.at, len(self.stream) - 1):
            value, after = self.stream[place][1], self.stream[place + 1]
            depth += (value in ("{", "(", "\\{")) - (value in ("}", ")", "\\}"))
            if value == "d" and after[0] == "sym" and (after[1].isalpha() or after[1][:1] == "\\"):
                break
        else:
            raise ParseError("an integral without a differential")
        name = self.stream[place + 1][1]
        if depth:  # \frac{dx}{x}
            self.stream[place : place + 2] = [("num", "1", False)]
        else:
            self.stream[place] = ("sym", "\\d", False)
        body = ("num", Fraction(1)) if self.peek() == "\\d" else self.sum() if not depth else self.product()
        if not depth:
            self.expect("\\d")
            self.take()
        return ("big", "int", name, low, high, body)
