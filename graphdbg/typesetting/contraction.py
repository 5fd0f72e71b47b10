"""One term of index notation as a network whose bound indices are summed away one by one.

A factor with two indices is an edge, a factor with one index sits on that index. Every step is a
matrix product, an inner product, a trace or a sum; `NoMatrix` is raised where none applies.
"""

from __future__ import annotations

from fractions import Fraction

from ..tape.sizes import Dim
from .products import diag, hadamard, power, product, scale, split, transpose, turned
from .trees import (
    SCALAR,
    Diagonal,
    Norm,
    Ones,
    Power,
    Product,
    Symbol,
    Total,
    Trace,
    Transpose,
    Tree,
    marks,
)

Sides = tuple[list[Tree], list[Tree]]  # factors above and below the bar
Pair = tuple[str, str]


class NoMatrix(Exception):
    """Matrix notation has no way to write this."""


class Network:
    """The factors of one term: scalars, columns on indices, matrices between two indices."""

    def __init__(self, value: Fraction, dims: dict[str, Dim], bound: list[str]) -> None:
        self.value = value
        self.dims = dims
        self.bound = bound
        self.scalars: Sides = ([], [])
        self.columns: dict[str, Sides] = {}
        self.edges: dict[Pair, Sides] = {}

    def place(self, tree: Tree, indices: tuple[str, ...], exponent: Fraction) -> None:
        """Put a factor where its indices say; negative powers go below the bar."""
        side = exponent < 0
        if abs(exponent) != 1:
            tree = power(tree, abs(exponent))
        elif indices:
            value, above, below, body = split(tree)
            assert body is not None
            tree = body
            self._scale(1 / value, below, above) if side else self._scale(value, above, below)
        if not indices:
            self.scalars[side].append(tree)
        elif len(indices) == 1:
            self.columns.setdefault(indices[0], ([], []))[side].append(tree)
        else:
            first, second = indices
            if first > second:
                first, second, tree = second, first, transpose(tree)
            self.edges.setdefault((first, second), ([], []))[side].append(tree)

    def matrix(self, row: str, column: str) -> Tree:
        """The Hadamard product of everything between two indices."""
        sides = self.edges[min(row, column), max(row, column)]
        tree = turned(hadamard(*sides))
        return tree if row < column else transpose(tree)

    def column(self, index: str) -> Tree | None:
        """The Hadamard product of everything on an index, None where there is nothing."""
        sides = self.columns.get(index)
        return hadamard(*sides) if sides else None

    # -------------------------------------------------------------- summing

    def eliminate(self) -> None:
        """Sum over every bound index; NoMatrix when no step is possible."""
        while self.bound:
            rank, index = min((self._rank(index), at) for at, index in enumerate(self.bound))
            if rank == _STUCK:
                raise NoMatrix
            _STEPS[rank](self, self.bound[index])

    def _rank(self, index: str) -> int:
        near = self._neighbours(index)
        if not near:
            return 0
        if len(near) == 1:
            if index in self.columns:
                return 1
            return 2 if self._is_pair(index, near[0]) else 4
        return 3 if len(near) == 2 else _STUCK

    def _neighbours(self, index: str) -> list[str]:
        return [b if a == index else a for a, b in self.edges if index in (a, b)]

    def _is_pair(self, index: str, other: str) -> bool:
        return (
            other in self.bound and other not in self.columns and self._neighbours(other) == [index]
        )

    def _take_edge(self, row: str, column: str) -> Tree:
        tree = self.matrix(row, column)
        del self.edges[min(row, column), max(row, column)]
        return tree

    def _add_scalar(self, tree: Tree) -> None:
        value, above, below, _ = split(tree)
        self.value *= value
        self.scalars[0].extend(above)
        self.scalars[1].extend(below)

    def _sum_columns(self, index: str) -> None:
        """Nothing but columns on the index: an inner product or a sum."""
        self.bound.remove(index)
        self._add_scalar(inner_product(*self.columns.pop(index)))

    def _times_column(self, index: str) -> None:
        """`A v`: the index at the end of one edge, with columns on it."""
        (other,) = self._neighbours(index)
        vector = self.column(index)
        assert vector is not None
        self.bound.remove(index)
        del self.columns[index]
        self._move(product(self._take_edge(other, index), vector), other)

    def _close(self, index: str) -> None:
        """Two bound indices with nothing else: a trace, a squared norm or a sum."""
        (other,) = self._neighbours(index)
        self.bound = [each for each in self.bound if each not in (index, other)]
        self._add_scalar(total(*self.edges.pop((min(index, other), max(index, other)))))

    def _chain(self, index: str) -> None:
        """`A B` or `A diag(v) B`: the index between two edges."""
        left, right = self._neighbours(index)
        self.bound.remove(index)
        vector = self.column(index)
        self.columns.pop(index, None)
        middle = [] if vector is None else [diag(vector)]
        chain = product(self._take_edge(left, index), *middle, self._take_edge(index, right))
        value, above, below, body = split(chain)
        self._scale(value, above, below)
        assert body is not None
        self.place(body, (left, right), Fraction(1))

    def _sum_rows(self, index: str) -> None:
        """`A 1`, or `diag(A B)` where that has fewer transposes: an edge with a bare end."""
        (other,) = self._neighbours(index)
        self.bound.remove(index)
        tops, bottoms = self.edges[min(index, other), max(index, other)]
        rows = product(self.matrix(other, index), Ones((self.dims[index], None)))
        if len(tops) > 1 and not bottoms:
            first, rest = _oriented(tops, other < index)
            square = product(first, transpose(rest))
            alternative = Diagonal((self.dims[other], None), square)
            if marks(alternative) < marks(rows):
                rows = alternative
        del self.edges[min(index, other), max(index, other)]
        self._move(rows, other)

    def _move(self, tree: Tree, index: str) -> None:
        value, above, below, body = split(tree)
        self._scale(value, above, below)
        assert body is not None
        self.place(body, (index,), Fraction(1))

    def _scale(self, value: Fraction, above: tuple[Tree, ...], below: tuple[Tree, ...]) -> None:
        self.value *= value
        self.scalars[0].extend(above)
        self.scalars[1].extend(below)

    # -------------------------------------------------------------- what is left

    def assemble(self, row: str | None, column: str | None) -> Tree | None:
        """The array on two free indices (None: no axis there); None where nothing depends on them.

        A free index that nothing depends on gives ones: a column added to each column is `a1ᵀ`.
        """
        key = (min(row, column), max(row, column)) if row and column else None
        sides = [None if index is None else self.column(index) for index in (row, column)]
        if key is None or key not in self.edges:
            return self._outer(row, column, *sides)
        assert row is not None and column is not None
        matrix = self.matrix(row, column)
        left, right = (None if side is None else diag(side) for side in sides)
        return product(*(each for each in (left, matrix, right) if each is not None))

    def _outer(
        self, row: str | None, column: str | None, left: Tree | None, right: Tree | None
    ) -> Tree | None:
        if left is None and right is None:
            return None
        if left is None and row is not None:
            left = Ones((self.dims[row], None))
        if right is None and column is not None:
            right = Ones((self.dims[column], None))
        right = None if right is None else transpose(right)
        return product(*(each for each in (left, right) if each is not None))


_STUCK = 5
_STEPS = (
    Network._sum_columns, Network._times_column, Network._close, Network._chain,
    Network._sum_rows,
)  # fmt: skip


def _oriented(tops: list[Tree], straight: bool) -> tuple[Tree, Tree]:
    trees = tops if straight else [transpose(each) for each in tops]
    return trees[0], hadamard(trees[1:])


def inner_product(tops: list[Tree], bottoms: list[Tree]) -> Tree:
    """The sum over one index of a product of columns: `uᵀv`, `‖u‖²`, `tr A`, `sum(u)`."""
    if bottoms and len(tops) < 2:
        return _total_of(hadamard(tops, bottoms))
    if len(tops) == 1:
        return _column_sum(tops[0])
    if len(tops) == 2 and tops[0] == tops[1] and not bottoms:
        return power(Norm(SCALAR, tops[0]), Fraction(2))
    at = next((at for at, each in enumerate(tops) if type(each) is Symbol), 0)
    left, right = tops[at], hadamard(tops[:at] + tops[at + 1 :], bottoms)
    one, other = product(transpose(left), right), product(transpose(right), left)
    return one if marks(one) <= marks(other) else other


def _column_sum(column: Tree) -> Tree:
    match column:
        case Power(base=base, exponent=Fraction(numerator=2, denominator=1)):
            return power(Norm(SCALAR, base), Fraction(2))
        case Diagonal(matrix=matrix):
            return Trace(SCALAR, matrix)
        case Product(factors=(*rest, Ones())):
            return _total_of(product(*rest))
    return _total_of(column)


def _total_of(tree: Tree) -> Tree:
    """`sum(X)`, scalars in front; whether X is transposed makes no difference."""
    value, above, below, body = split(tree)
    assert body is not None
    flipped = transpose(body)
    if marks(flipped) < marks(body):
        body = flipped
    return scale(value, (*above, Total(SCALAR, body)), below)


def total(tops: list[Tree], bottoms: list[Tree]) -> Tree:
    """The sum over both indices of a Hadamard product: `tr(A B)`, `‖A‖²`, `sum(A ⊙ B)`."""
    if bottoms or len(tops) == 1:
        if len(tops) == 1 and not bottoms and type(tops[0]) is Power and tops[0].exponent == 2:
            return power(Norm(SCALAR, tops[0].base), Fraction(2))
        return _total_of(hadamard(tops, bottoms))
    first, rest = _oriented(tops, True)
    if first == rest:
        return power(Norm(SCALAR, first), Fraction(2))
    plain = _total_of(hadamard(tops))
    trace = _trace(product(first, transpose(rest)))
    is_chain = any(type(each) is Product for each in tops)
    return trace if is_chain or marks(trace) < marks(plain) else plain


def _trace(matrix: Tree) -> Tree:
    """`tr(XᵀB X)` rather than `tr(B X Xᵀ)`: cyclic and transposed forms say the same."""
    value, above, below, body = split(matrix)
    assert body is not None
    if type(body) is Product:
        factors = body.factors
        turns = [factors[at:] + factors[:at] for at in range(len(factors))]
        turns += [tuple(map(transpose, reversed(turn))) for turn in turns]
        factors = min(turns, key=_trace_order)
        body = product(*factors)
    return scale(value, (*above, Trace(SCALAR, body)), below)


def _trace_order(factors: tuple[Tree, ...]) -> tuple[int, bool, bool]:
    first, last = factors[0], factors[-1]
    sandwich = type(first) is Transpose and first.body == last
    return sum(map(marks, factors)), not sandwich, type(first) is Transpose
