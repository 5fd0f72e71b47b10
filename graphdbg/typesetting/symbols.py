"""Polynomials and trees as SymPy objects: expressions, matrix expressions, explicit matrices.

Every name is a plain `sympy.Symbol` (no assumptions), a `MatrixSymbol` (vectors are columns) or an
`IndexedBase`, whatever SymPy itself may mean by it: `I`, `E`, `N` are variables. Named dimensions
are symbols too. A 1 x 1 product such as xᵀy is a `Trace`, which SymPy keeps as a scalar.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import product
from typing import Any

from .. import lazy
from ..symbolic.terms import Base, Index, Poly, TooLarge
from ..tape import sizes
from ..tape.scalars import TABLE
from ..tape.sizes import Dim
from . import trees as t
from .leaves import Names, leaf_tree
from .matrices import check_depth, from_poly
from .trees import SCALAR, Tree
from .typeset import text

DEEPEST = 100  # nested functions: SymPy recurses, and nobody reads the formula
MOST = 20_000  # factors in an explicit matrix: about a second of SymPy, and pages of text


def expression(
    what: Poly | Tree,
    names: Names | None = None,
    free: Sequence[str] = (),
    dims: Sequence[Dim] | Mapping[str, Dim] = (),
) -> Any:
    """The SymPy expression of a tree, or of a polynomial over the nodes of `names`.

    A polynomial of scalars is a plain expression, one over arrays a matrix expression; what only
    index notation can say is a `Sum` over `Indexed` with the free indices as symbols. TooLarge
    where functions are nested deeper than `DEEPEST`.

    >>> from .products import product
    >>> expression(product(t.Symbol((2, 2), "I"), t.Symbol((2, None), "N")))
    I*N
    """
    if isinstance(what, Tree):
        return _Translator(lazy.sympy()).write(what)
    assert names is not None
    check_depth(what, DEEPEST)
    with suppress(_NotScalar):  # a scalar made of arrays, such as a trace, is written as a tree
        if not free:
            return _Entrywise(names, {}).poly(what, {}, bound_allowed=False)
    return expression(from_poly(what, free, dims, names))


def entries(
    poly: Poly,
    free: Sequence[str],
    dims: Sequence[Dim] | Mapping[str, Dim],
    names: Names,
    *,
    rows: int | None = None,
    sized: Mapping[str, int] | None = None,
) -> Any:
    """The explicit `sympy.Matrix`: one row per combination of the first `rows` free indices.

    By default a vector is a column and a matrix itself. `sized` gives named dimensions their
    numbers. TooLarge when more than `MOST` factors would be written; KeyError when a named
    dimension has no number.
    """
    lengths = dict(dims) if isinstance(dims, Mapping) else dict(zip(free, dims))
    numbers = {i: sizes.evaluate(lengths[i], sized or {}) for i in free}
    rows = min(1, len(free)) if rows is None else rows
    check_depth(poly, DEEPEST)
    writer = _Entrywise(names, sized or {})
    count = 1
    for each in numbers.values():
        count *= each
    if count * writer.cost(poly) > MOST:
        raise TooLarge(
            f"the entries have more than {MOST} factors: take smaller sizes, or the matrix form"
        )
    up, across = (list(product(*(range(numbers[i]) for i in side)))
                  for side in (free[:rows], free[rows:]))  # fmt: skip
    return lazy.sympy().Matrix(
        len(up),
        len(across),
        lambda i, j: writer.poly(poly, dict(zip(free, (*up[i], *across[j])))),
    )


def applied(function: str, argument: Any) -> Any:
    """An elementwise function of a SymPy scalar; `positive` and `zero` are indicators."""
    sympy = lazy.sympy()
    if function in ("positive", "zero"):
        holds = argument > 0 if function == "positive" else sympy.Eq(argument, 0)
        return sympy.Piecewise((1, holds), (0, True))
    return TABLE[function].symbolic(sympy, argument)


def size(dim: Dim | None) -> Any:
    """A dimension as a SymPy integer or symbol; an axis that is not there is 1."""
    sympy = lazy.sympy()
    if dim is None:
        return sympy.Integer(1)
    if isinstance(dim, int):
        return sympy.Integer(dim)
    return sympy.Add(*(
        sympy.Mul(number, *map(sympy.Symbol, names)) for names, number in dim.terms
    ))  # fmt: skip


# ------------------------------------------------------------------ entry by entry


class _NotScalar(Exception):
    """The polynomial sums over indices: it is not a plain scalar expression."""


class _Entrywise:
    """Writes one entry of a polynomial, indices replaced by positions."""

    def __init__(self, names: Names, sized: Mapping[str, int]) -> None:
        self.names = names
        self.sized = sized
        self.sympy = lazy.sympy()
        self._known: dict[tuple[Base, tuple[Index, ...]], Any] = {}
        self._labels: dict[int, str] = {}

    def cost(self, poly: Poly) -> int:
        """The number of factors in one entry, sums written out."""
        total = 0
        for factors, bound in poly.terms:
            times = 1
            for _, dim in bound:
                times *= sizes.evaluate(dim, self.sized)
            inner = (base.inner for base, _, _ in factors if base.kind in ("apply", "bracket"))
            total += times * (len(factors) + 1 + sum(map(self.cost, inner)))
        return total

    def poly(self, poly: Poly, at: Mapping[Index, Index], bound_allowed: bool = True) -> Any:
        """The entry at the positions `at`."""
        sympy = self.sympy
        total = []
        for (factors, bound), value in poly.terms.items():
            if bound and not bound_allowed:
                raise _NotScalar
            ranges = [range(sizes.evaluate(dim, self.sized)) for _, dim in bound]
            number = sympy.Rational(value.numerator, value.denominator)
            for where in product(*ranges):
                inner = dict(at) | {name: place for (name, _), place in zip(bound, where)}
                parts = [self.factor(base, indices, power, inner, bound_allowed)
                         for base, indices, power in factors]  # fmt: skip
                total.append(sympy.Mul(number, *parts))
        return sympy.Add(*total)

    def factor(
        self,
        base: Base,
        indices: tuple[Index, ...],
        power: Any,
        at: Mapping[Index, Index],
        bound_allowed: bool,
    ) -> Any:
        places = tuple(at.get(index, index) for index in indices)
        found = self._known.get((base, places))
        if found is None:
            if not all(isinstance(place, int) for place in places):
                raise _NotScalar
            found = self._known[base, places] = self.atom(base, places, bound_allowed)
        if power == 1:
            return found
        return found ** self.sympy.Rational(power.numerator, power.denominator)

    def atom(self, base: Base, places: tuple[Any, ...], bound_allowed: bool) -> Any:
        sympy = self.sympy
        match base.kind:
            case "leaf":
                return self.leaf(base.data, places)
            case "delta":
                return sympy.Integer(places[0] == places[1])
            case "select":
                label = self.leaf(base.data, places[:-1])
                return sympy.Piecewise((1, sympy.Eq(label, places[-1])), (0, True))
            case "number":
                named = {"pi": sympy.pi, "e": sympy.E}.get(base.data)
                return sympy.Integer(int(base.data)) if named is None else named
            case "dim":
                return sympy.Symbol(base.data)
        inner: dict[Index, Index] = {f"@{at}": place for at, place in enumerate(places)}
        value = self.poly(base.inner, inner, bound_allowed)
        return value if base.kind == "bracket" else applied(base.data[0], value)

    def leaf(self, node: int, places: tuple[Any, ...]) -> Any:
        label = self._labels.get(node)
        if label is None:
            label = self._labels[node] = _label(leaf_tree(node, self.names))
        if not places:
            if not self.names.shape_of(node):
                return self.sympy.Symbol(label)
            raise _NotScalar
        return self.sympy.IndexedBase(label)[places]


def _label(tree: Tree) -> str:
    """A name stays as it is; an inverse or a determinant of one is called by its text."""
    return tree.name if isinstance(tree, t.Symbol) else text(tree)


# ------------------------------------------------------------------ trees


class _Translator:
    """Writes trees as SymPy matrix expressions; scalars are plain expressions."""

    def __init__(self, sympy: Any) -> None:
        self.sympy = sympy

    def write(self, tree: Tree) -> Any:
        """The expression."""
        return _WRITERS[type(tree)](self, tree)

    def extent(self, tree: Tree) -> tuple[Any, Any]:
        """Rows and columns, 1 for an axis that is not there."""
        return size(tree.shape[0]), size(tree.shape[1])

    def rational(self, value: Any) -> Any:
        return self.sympy.Rational(value.numerator, value.denominator)

    def symbol(self, tree: t.Symbol) -> Any:
        if tree.shape == SCALAR:
            return self.sympy.Symbol(tree.name)
        return self.sympy.MatrixSymbol(tree.name, *self.extent(tree))

    def number(self, tree: t.Number) -> Any:
        if tree.shape == SCALAR:
            return self.rational(tree.value)
        return self.sympy.ZeroMatrix(*self.extent(tree))

    def sum(self, tree: t.Sum) -> Any:
        if tree.shape == SCALAR:
            return self.sympy.Add(*map(self.write, tree.terms))
        ones = self.sympy.OneMatrix(*self.extent(tree))
        return self.sympy.MatAdd(*(
            self.write(each) if each.shape == tree.shape else self.write(each) * ones
            for each in tree.terms
        ))  # fmt: skip

    def scale(self, tree: t.Scale) -> Any:
        value = self.sympy.Mul(
            self.rational(tree.number),
            *map(self.write, tree.above),
            *(1 / self.write(each) for each in tree.below),
        )
        return value if tree.body is None else value * self.write(tree.body)

    def product(self, tree: t.Product) -> Any:
        whole = self.sympy.MatMul(*map(self.write, tree.factors))
        return self.sympy.Trace(whole) if tree.shape == SCALAR else whole

    def hadamard(self, tree: t.Hadamard) -> Any:
        return self.sympy.HadamardProduct(*map(self.write, tree.factors))

    def quotient(self, tree: t.Quotient) -> Any:
        inverse = self.sympy.HadamardPower(self.write(tree.bottom), -1)
        if tree.top.shape == SCALAR:
            return self.write(tree.top) * inverse
        return self.sympy.HadamardProduct(self.write(tree.top), inverse)

    def power(self, tree: t.Power) -> Any:
        base, exponent = self.write(tree.base), self.rational(tree.exponent)
        return base**exponent if tree.shape == SCALAR else self.sympy.HadamardPower(base, exponent)

    def apply(self, tree: t.Apply) -> Any:
        argument = self.write(tree.argument)
        if tree.shape == SCALAR:
            return applied(tree.function, argument)
        element = self.sympy.Dummy("z")
        return argument.applyfunc(self.sympy.Lambda(element, applied(tree.function, element)))

    def total(self, tree: t.Total) -> Any:
        """A `Sum` of elements: SymPy does not evaluate products with `OneMatrix` in a trace."""
        body = self.write(tree.body)
        row, column = self.sympy.symbols("i j", cls=self.sympy.Dummy, integer=True)
        limits = [(index, 0, size(n) - 1) for index, n in zip((row, column), tree.body.shape)
                  if n is not None]  # fmt: skip
        places = [0 if n is None else index for index, n in zip((row, column), tree.body.shape)]
        return self.sympy.Sum(body[tuple(places)], *limits)

    def norm(self, tree: t.Norm) -> Any:
        body = self.write(tree.body)
        return self.sympy.sqrt(self.sympy.Trace(self.sympy.MatMul(body.T, body)))

    def reduction(self, tree: t.Reduction) -> Any:
        if tree.function in ("det", "logdet"):
            determinant = self.sympy.Determinant(self.write(tree.argument))
            return determinant if tree.function == "det" else self.sympy.log(abs(determinant))
        return self.named(tree)

    def named(self, tree: Tree) -> Any:
        """What SymPy has no notion of, as a symbol that is called by its text."""
        if tree.shape == SCALAR:
            return self.sympy.Symbol(text(tree))
        return self.sympy.MatrixSymbol(text(tree), *self.extent(tree))

    def unit(self, tree: t.Unit) -> Any:
        eye = self.sympy.Identity(size(tree.shape[0]))
        at = tree.position
        return self.sympy.MatrixSlice(eye, (0, size(tree.shape[0]), 1), (at, at + 1, 1))

    def entry(self, tree: t.Entry) -> Any:
        if None not in tree.indices:
            return self.sympy.IndexedBase(_label(tree.body))[tuple(map(self.index, tree.indices))]
        if len(tree.indices) > 2:
            return self.named(tree)
        whole = self.write(tree.body)
        ranges = [(0, n, 1) if at is None else (at, int(at) + 1, 1)
                  for at, n in zip(tree.indices, whole.shape)]  # fmt: skip
        part = self.sympy.MatrixSlice(whole, *ranges)
        return part.T if tree.indices[0] is not None else part

    def index(self, index: str | int | None) -> Any:
        return self.sympy.Symbol(index, integer=True) if isinstance(index, str) else index

    def delta(self, tree: t.Delta) -> Any:
        left = tree.left
        first = self.write(left) if isinstance(left, Tree) else self.index(left)
        return self.sympy.KroneckerDelta(first, self.index(tree.right))

    def index_sum(self, tree: t.IndexSum) -> Any:
        limits = [(self.index(name), 0, size(dim) - 1) for name, dim in tree.bound]
        return self.sympy.Sum(self.write(tree.body), *limits)


_WRITERS: dict[type, Callable[[Any, Any], Any]] = {
    t.Symbol: _Translator.symbol,
    t.Size: lambda w, n: w.sympy.Symbol(n.name),
    t.Number: _Translator.number,
    t.Constant: lambda w, n: w.sympy.pi if n.name == "pi" else w.sympy.E,
    t.Ones: lambda w, n: w.sympy.OneMatrix(*w.extent(n)),
    t.Identity: lambda w, n: w.sympy.Identity(size(n.shape[0])),
    t.Unit: _Translator.unit,
    t.OneHot: _Translator.named,
    t.Sum: _Translator.sum,
    t.Scale: _Translator.scale,
    t.Product: _Translator.product,
    t.Hadamard: _Translator.hadamard,
    t.Quotient: _Translator.quotient,
    t.Power: _Translator.power,
    t.Apply: _Translator.apply,
    t.Reduction: _Translator.reduction,
    t.Transpose: lambda w, n: w.write(n.body).T,
    t.Inverse: lambda w, n: w.sympy.Inverse(w.write(n.body)),
    t.Diag: lambda w, n: w.sympy.DiagMatrix(w.write(n.vector)),
    t.Diagonal: lambda w, n: w.sympy.DiagonalOf(w.write(n.matrix)),
    t.Trace: lambda w, n: w.sympy.Trace(w.write(n.matrix)),
    t.Total: _Translator.total,
    t.Norm: _Translator.norm,
    t.Vec: _Translator.named,
    t.Kron: lambda w, n: w.sympy.KroneckerProduct(w.write(n.left), w.write(n.right)),
    t.Grid: lambda w, n: w.sympy.ImmutableMatrix([list(map(w.write, row)) for row in n.rows]),
    t.Entry: _Translator.entry,
    t.Delta: _Translator.delta,
    t.IndexSum: _Translator.index_sum,
    t.Entries: lambda w, n: w.write(n.body),
    t.Slices: lambda w, n: w.write(n.entries.body),
}
