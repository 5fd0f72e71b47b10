"""Trees in Unicode, on one line: `(W2ᵀ(p − y) ⊙ 1[z1 > 0]) xᵀ`.

Precedence, loosest first: sums; `⊙`, `/`, `⊗`; products by juxtaposition; marks (ᵀ, ⁻¹, powers);
everything that is closed in itself. Elementwise squares are `x ⊙ x`, other elementwise powers
`x^⊙3`; `1` without a bracket next to an array is the column of ones, `1[z > 0]` an indicator;
`diag` of a vector is a matrix, of a matrix its diagonal.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from . import products
from . import trees as t
from .spacing import GREEK, is_block, is_letter, is_outer, is_tight
from .trees import SCALAR, Tree

SUM, ELEMENTWISE, PRODUCT, MARKED, ATOM = range(5)
Piece = tuple[str, int]  # text and level

_SUPER = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
SUBSCRIPTS = dict(zip("aehijklmnoprstuvx0123456789", "ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ₀₁₂₃₄₅₆₇₈₉"))
GLYPHS = {
    Fraction(1, 2): "½", Fraction(1, 3): "⅓", Fraction(2, 3): "⅔", Fraction(1, 4): "¼",
    Fraction(3, 4): "¾",
}  # fmt: skip
_CALL = re.compile(r"(σ|[a-zA-Z]{2,})\(")
_LARGEST = 12  # denominators up to this are written as fractions, larger ones as decimals if finite


def decimal(value: Fraction) -> str | None:
    """A positive number as decimals where that is exact and not longer than 12 digits."""
    if value.denominator <= _LARGEST:
        return None
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    short = repr(float(value))
    exact = Fraction(short) == value if rest == 1 else False
    if exact and len(short) <= 14:
        return short
    return short if Fraction(float(value)) == value else None


class TextWriter:
    """Writes trees in Unicode; the tokens are methods, so that LaTeX overrides only those."""

    def write(self, tree: Tree) -> Piece:
        """The text and its level."""
        return WRITERS[type(tree)](self, tree)

    def at(self, tree: Tree, level: int) -> str:
        """The text, in brackets if it binds less tightly than `level`."""
        written, own = self.write(tree)
        return written if own >= level else self.group(written)

    # tokens ----------------------------------------------------------------

    minus, times, kron, dot = "−", " ⊙ ", " ⊗ ", "·"

    def group(self, inside: str) -> str:
        """Brackets around a text."""
        return f"({inside})"

    def ones(self, tree: t.Ones) -> str:
        """The column of ones."""
        return "1"

    def identity(self, tree: t.Identity) -> str:
        """The identity matrix."""
        return "I"

    def name(self, name: str) -> str:
        """A name."""
        if called := re.fullmatch(r"norm\((\w+)\)", name):
            return self.norm(self.name(called[1]))
        stem = name.rstrip("0123456789")
        return GREEK[stem] + name[len(stem) :] if stem in GREEK else name

    def transposed(self, body: str) -> str:
        """The mark of a transpose."""
        return body + "ᵀ"

    def inverted(self, body: str, flipped: bool) -> str:
        """The mark of an inverse, `flipped` of its transpose."""
        return body + ("⁻ᵀ" if flipped else "⁻¹")

    def raised(self, base: str, exponent: Fraction) -> str:
        """A scalar's power."""
        if exponent.denominator == 1:
            return base + str(exponent).translate(_SUPER)
        return f"{base}^({exponent})"

    def raised_elementwise(self, base: str, exponent: Fraction) -> str:
        """An array's elementwise power."""
        written = str(exponent) if exponent.denominator == 1 else f"({exponent})"
        return f"{base}^⊙{written}"

    def root(self, tree: Tree) -> Piece:
        """A square root."""
        return "√" + self.at(tree, ATOM), MARKED

    def decimal(self, value: Fraction) -> str | None:
        """A number as decimals, `2.5·10⁻⁷` when it is small; None where that is not exact."""
        mantissa, _, exponent = (decimal(value) or "").partition("e")
        if not exponent:
            return mantissa or None
        small = self.raised("10", Fraction(int(exponent)))
        return small if mantissa == "1" else f"{mantissa}{self.dot}{small}"

    def glyph(self, value: Fraction) -> str | None:
        """A number that has a sign of its own, else None."""
        return GLYPHS.get(value)

    def call(self, function: str, inside: str) -> str:
        """A function of a text."""
        return f"{function}({inside})"

    def apply(self, function: str, argument: Tree) -> Piece:
        """An elementwise function."""
        if function == "abs":
            inside = self.write(argument)[0]
            return (f"abs({inside})" if "|" in inside else f"|{inside}|"), ATOM
        name = {"sigmoid": "σ"}.get(function, function)
        return f"{name}({self.write(argument)[0]})", ATOM

    def norm(self, inside: str) -> str:
        """A norm."""
        return f"norm({inside})" if "‖" in inside else f"‖{inside}‖"

    def determinant(self, inside: str, log: bool) -> str:
        """A determinant, or the log of its absolute value."""
        return f"log|det({inside})|" if log else f"det({inside})"

    def indicator(self, inside: str) -> str:
        """1 where a condition holds, else 0."""
        return f"1[{inside}]"

    def entry(self, body: str, indices: list[str]) -> str:
        """A body with indices."""
        return f"{body}[{','.join(indices)}]"

    def sigma(self, names: list[str], body: str) -> str:
        """A sum over indices."""
        if all(each in SUBSCRIPTS for name in names for each in name):
            return "Σ" + "".join(SUBSCRIPTS[each] for name in names for each in name) + " " + body
        return f"Σ_{{{','.join(names)}}} {body}"

    def juxtapose(self, factors: list[tuple[str, Tree]]) -> str:
        """A chain of products; spaces only where letters would run together."""
        compact = all(
            is_letter(tree) or written[0] == "(" for written, tree in factors
        ) and not any(is_outer(a, b) for (_, a), (_, b) in zip(factors, factors[1:]))
        out = factors[0][0]
        for (left, a), (right, b) in zip(factors, factors[1:]):
            out += ("" if is_tight(left, a, right, b, compact) else " ") + right
        return out

    def coefficient(self, number: str, rest: str) -> str:
        """A number before what it multiplies."""
        if rest[0].isdigit() or rest[0] == "½":
            return f"{number}·{rest}"
        return f"{number} {rest}" if _CALL.match(rest) else number + rest

    def before(self, scalars: str, body: str) -> str:
        """Scalars before the array that they multiply."""
        return scalars + ("" if body[0] == "(" and scalars[-1] == ")" else " ") + body

    def fraction(self, top: Piece, bottom: list[Piece]) -> Piece:
        """Scalars below a fraction bar."""
        high = top[0] if top[1] >= ELEMENTWISE else self.group(top[0])
        low, level = bottom[0] if len(bottom) == 1 else (self.scalars(bottom), SUM)
        low = low if level >= MARKED else self.group(low)
        tight = is_block(high) and is_block(low)
        return high + ("/" if tight else " / ") + low, ELEMENTWISE

    def scalars(self, pieces: list[Piece]) -> str:
        """Scalar factors side by side."""
        if len(pieces) == 1:
            return pieces[0][0]
        return " ".join(each if level > PRODUCT else self.group(each) for each, level in pieces)

    def quotient(self, tree: t.Quotient) -> Piece:
        """An elementwise quotient."""
        top, level = self.write(tree.top)
        if level < ELEMENTWISE or type(tree.top) is t.Quotient:
            top = self.group(top)
        return f"{top} / {self.at(tree.bottom, PRODUCT)}", ELEMENTWISE

    # nodes -----------------------------------------------------------------

    def number(self, value: Fraction) -> Piece:
        """A number, with its sign."""
        size = abs(value)
        sign = self.minus if value < 0 else ""
        written = self.decimal(size) or self.glyph(size)
        if written is None:
            written = str(size)
        level = ATOM if not sign and "/" not in written else SUM if sign else ELEMENTWISE
        return sign + written, level

    def scale(self, tree: t.Scale) -> Piece:
        """`2 x (Ax − b) / n`."""
        size = abs(tree.number)
        written, low = self._coefficient(size, tree)
        factors = self._factors(tree)
        if factors and written == "1":
            top = factors
        elif factors:
            top = self.coefficient(written, factors[0]), min(PRODUCT, factors[1])
        else:
            top = written, ATOM
        bottom = [(str(low), ATOM)] if low != 1 else []
        bottom += [self.write(each) for each in tree.below]
        if bottom:
            top = self.fraction(top, bottom)
        return (self.minus + top[0], SUM) if tree.number < 0 else top

    def _coefficient(self, size: Fraction, tree: t.Scale) -> tuple[str, int]:
        short = self.decimal(size)
        if short:
            return short, 1
        simple = tree.body is None and all(type(each) in _LETTERS for each in tree.above)
        if not tree.below and not simple and (glyph := self.glyph(size)):
            return glyph, 1
        return str(size.numerator), size.denominator

    def _factors(self, tree: t.Scale) -> Piece | None:
        alone = len(tree.above) == 1 and tree.body is None
        above = sorted(tree.above, key=_scalar_order)
        pieces = [self.write(each) for each in above]
        if alone:
            return pieces[0] if pieces[0][1] else (self.group(pieces[0][0]), ATOM)
        if tree.body is None:
            if above and type(above[-1]) is t.IndexSum:
                return f"{self._side_by_side(pieces[:-1])} {pieces[-1][0]}", PRODUCT
            return (self._side_by_side(pieces), PRODUCT) if pieces else None
        if type(tree.body) is t.Quotient and type(tree.body.top) is t.Number and pieces:
            bottom = self.at(tree.body.bottom, PRODUCT)
            return f"{self._side_by_side(pieces)} / {bottom}", ELEMENTWISE
        body, level = self.write(tree.body)
        if type(tree.body) is t.Ones or (
            type(tree.body) is t.Product and type(tree.body.factors[0]) is t.Ones and pieces
        ):
            head = self._side_by_side(pieces)
            return (f"{head} {self.dot} {body}" if pieces else body), PRODUCT
        if level < ELEMENTWISE or (tree.below and type(tree.body) is t.Quotient):
            body, level = self.group(body), ATOM
        if not pieces:
            return body, level
        return self.before(self._side_by_side(pieces), body), min(level, PRODUCT)

    def _side_by_side(self, pieces: list[Piece]) -> str:
        return " ".join(each if level > PRODUCT else self.group(each) for each, level in pieces)

    def sum(self, tree: t.Sum) -> Piece:
        """Terms with their signs."""
        out = ""
        for term in tree.terms:
            written, level = self.write(term)
            negative = written.startswith(self.minus)
            if level == SUM and not negative:
                written = self.group(written)
            if not out:
                out = written
            elif negative:
                out += f" {self.minus} {written[len(self.minus) :].lstrip()}"
            else:
                out += f" + {written}"
        return out, SUM

    def product(self, tree: t.Product) -> Piece:
        """A chain of matrix products."""
        return self.juxtapose([(self.at(each, MARKED), each) for each in tree.factors]), PRODUCT

    def hadamard(self, tree: t.Hadamard) -> Piece:
        """An elementwise product."""
        parts = []
        for each in tree.factors:
            written, level = self.write(each)
            square = type(each) is t.Power and level == ELEMENTWISE
            parts.append(written if level >= PRODUCT or square else self.group(written))
        return self.times.join(parts), ELEMENTWISE

    def power(self, tree: t.Power) -> Piece:
        """A power."""
        if tree.exponent == Fraction(1, 2):
            return self.root(tree.base)
        base = self.at(tree.base, ATOM)
        if tree.shape == SCALAR:
            return self.raised(base, tree.exponent), MARKED
        if tree.exponent == 2 and type(tree.base) is t.Symbol:
            return base + self.times + base, ELEMENTWISE
        return self.raised_elementwise(base, tree.exponent), MARKED

    def indicator_of(self, tree: t.Apply) -> Piece:
        """`1[a > b]` for the indicator of a - b > 0."""
        left, right = _sides(tree.argument)
        if tree.function == "zero" and left is not None and left.shape != tree.argument.shape:
            left, right = right, left
        relation = " > " if tree.function == "positive" else " = "
        if relation == " = " and left is None:
            left, right = right, left
        flipped = left is None and right is not None
        if flipped:
            left, right, relation = right, None, " < "
        one, other = (self.write(s)[0] if s is not None else "0" for s in (left, right))
        return self.indicator(one + relation + other), ATOM

    def transpose(self, tree: t.Transpose) -> Piece:
        """A transpose."""
        if type(tree.body) is t.Inverse:
            return self.inverted(self.at(tree.body.body, ATOM), True), MARKED
        return self.transposed(self.at(tree.body, ATOM)), MARKED

    def reduction(self, tree: t.Reduction) -> Piece:
        """A determinant, a maximum and the like."""
        inside = self.write(tree.argument)[0]
        if tree.function in ("det", "logdet"):
            return self.determinant(inside, tree.function == "logdet"), ATOM
        axes = "".join(f", {axis}" for axis in tree.axes)
        return self.call(tree.function, inside + axes), ATOM

    def delta(self, tree: t.Delta) -> Piece:
        """Kronecker's delta, or the indicator of a label."""
        if isinstance(tree.left, Tree):
            return self.indicator(f"{self.write(tree.left)[0]} = {tree.right}"), ATOM
        return self.entry(self.name("delta"), [str(tree.left), str(tree.right)]), ATOM

    def entry_of(self, tree: t.Entry) -> Piece:
        """An array with some axes fixed."""
        indices = [":" if each is None else str(each) for each in tree.indices]
        while indices[-1] == ":":
            indices.pop()
        return self.entry(self.at(tree.body, MARKED), indices), ATOM

    def grid(self, tree: t.Grid) -> Piece:
        """An array written out."""
        rows = [", ".join(self.write(each)[0] for each in row) for row in tree.rows]
        if None in tree.shape:
            return f"[{', '.join(rows)}]", ATOM
        return f"[{', '.join(f'[{row}]' for row in rows)}]", ATOM

    def index_sum(self, tree: t.IndexSum) -> Piece:
        """A sum over indices."""
        body = self.at(tree.body, ELEMENTWISE)
        return self.sigma([name for name, _ in tree.bound], body), PRODUCT


def _scalar_order(tree: Tree) -> int:
    kinds = (t.IndexSum,), (t.Sum,), (t.Apply,), (t.Power,)
    return -next((at for at, kind in enumerate(kinds) if isinstance(tree, kind)), len(kinds))


def _sides(argument: Tree) -> tuple[Tree | None, Tree | None]:
    """The positive and the negative part of a difference: `a > b` for a - b > 0."""
    parts: tuple[list[Tree], list[Tree]] = ([], [])
    for term in argument.terms if type(argument) is t.Sum else (argument,):
        negative = products.split(term)[0] < 0
        parts[negative].append(products.negate(term) if negative else term)
    left, right = (_whole(part, argument.shape) for part in parts)
    return left, right


def _whole(terms: list[Tree], shape: t.Extent) -> Tree | None:
    if len(terms) < 2:
        return terms[0] if terms else None
    return t.Sum(shape, tuple(terms))


_LETTERS = (t.Symbol, t.Size, t.Constant, t.Power, t.Entry)
WRITERS: dict[type, Callable[[Any, Any], Piece]] = {
    t.Symbol: lambda w, n: (w.name(n.name), ATOM),
    t.Size: lambda w, n: (w.name(n.name), ATOM),
    t.Number: lambda w, n: w.number(n.value),
    t.Constant: lambda w, n: (w.name(n.name), ATOM),
    t.Ones: lambda w, n: (w.ones(n), ATOM),
    t.Identity: lambda w, n: (w.identity(n), ATOM),
    t.Unit: lambda w, n: (w.entry("e", [str(n.position)]), ATOM),
    t.OneHot: lambda w, n: (w.call("onehot", w.write(n.labels)[0]), ATOM),
    t.Sum: lambda w, n: w.sum(n),
    t.Scale: lambda w, n: w.scale(n),
    t.Product: lambda w, n: w.product(n),
    t.Hadamard: lambda w, n: w.hadamard(n),
    t.Quotient: lambda w, n: w.quotient(n),
    t.Power: lambda w, n: w.power(n),
    t.Apply: lambda w, n: w.indicator_of(n) if n.function in ("positive", "zero")
    else w.apply(n.function, n.argument),
    t.Reduction: lambda w, n: w.reduction(n),
    t.Transpose: lambda w, n: w.transpose(n),
    t.Inverse: lambda w, n: (w.inverted(w.at(n.body, ATOM), False), MARKED),
    t.Diag: lambda w, n: (w.call("diag", w.write(n.vector)[0]), ATOM),
    t.Diagonal: lambda w, n: (w.call("diag", w.write(n.matrix)[0]), ATOM),
    t.Trace: lambda w, n: (w.call("tr", w.write(n.matrix)[0]), ATOM),
    t.Total: lambda w, n: (w.call("sum", w.write(n.body)[0]), ATOM),
    t.Norm: lambda w, n: (w.norm(w.write(n.body)[0]), ATOM),
    t.Vec: lambda w, n: (w.call("vec", w.write(n.matrix)[0]), ATOM),
    t.Kron: lambda w, n: (w.at(n.left, PRODUCT) + w.kron + w.at(n.right, PRODUCT), ELEMENTWISE),
    t.Grid: lambda w, n: w.grid(n),
    t.Entry: lambda w, n: w.entry_of(n),
    t.Delta: lambda w, n: w.delta(n),
    t.IndexSum: lambda w, n: w.index_sum(n),
    t.Entries: lambda w, n: w.write(n.body),
    t.Slices: lambda w, n: w.write(n.body),
}  # fmt: skip
