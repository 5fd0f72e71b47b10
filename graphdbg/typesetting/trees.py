"""Matrix notation as a tree: what a mathematician would write, before it is text.

A tree's `shape` is (rows, columns); `None` is an axis that is not there. A scalar is (None, None),
a vector is a column (n, None), a transposed vector a row (None, n), a matrix (n, m). So NumPy's
arrays are exactly the axes that are not None.

Conventions: `Product` is the matrix product (an outer product where the inner axis is None),
`Hadamard`, `Quotient`, `Power` and `Apply` work element by element, a scalar among the terms of a
`Sum` is added to every element, `Ones` is the column of ones, `Kron` acts on row-major vec.

Trees are built by the functions of `products` and `sums`, which keep them tidy.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from ..tape.sizes import Dim, Shape

Axis = Dim | None
Extent = tuple[Axis, Axis]
SCALAR: Extent = (None, None)


@dataclass(frozen=True, slots=True)
class Tree:
    """Any node of matrix notation."""

    shape: Extent


@dataclass(frozen=True, slots=True)
class Symbol(Tree):
    """A named array; `axes` is its full shape, which for more than two axes `shape` cannot say."""

    name: str
    axes: Shape = ()


@dataclass(frozen=True, slots=True)
class Size(Tree):
    """A named dimension as a number."""

    name: str


@dataclass(frozen=True, slots=True)
class Number(Tree):
    """A rational number; a zero may have any shape."""

    value: Fraction


@dataclass(frozen=True, slots=True)
class Constant(Tree):
    """pi or e."""

    name: str


@dataclass(frozen=True, slots=True)
class Ones(Tree):
    """The column of ones."""


@dataclass(frozen=True, slots=True)
class Identity(Tree):
    """The identity matrix."""


@dataclass(frozen=True, slots=True)
class Unit(Tree):
    """The column that is 1 at `position` and 0 elsewhere."""

    position: int


@dataclass(frozen=True, slots=True)
class OneHot(Tree):
    """Row by row a one-hot vector of the labels; of one label, a column."""

    labels: Tree


@dataclass(frozen=True, slots=True)
class Sum(Tree):
    """Terms; scalars among them are added to every element."""

    terms: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Scale(Tree):
    """`number` times the scalars `above`, divided by the scalars `below`, times `body` if any."""

    number: Fraction
    above: tuple[Tree, ...]
    below: tuple[Tree, ...]
    body: Tree | None


@dataclass(frozen=True, slots=True)
class Product(Tree):
    """A chain of matrix products."""

    factors: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Hadamard(Tree):
    """The elementwise product of factors of one shape."""

    factors: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Quotient(Tree):
    """The elementwise quotient; `top` may be the number 1."""

    top: Tree
    bottom: Tree


@dataclass(frozen=True, slots=True)
class Power(Tree):
    """The base, or each of its elements, to a positive rational power."""

    base: Tree
    exponent: Fraction


@dataclass(frozen=True, slots=True)
class Apply(Tree):
    """An elementwise function: a row of `scalars.TABLE`, or `positive`, `zero` (indicators)."""

    function: str
    argument: Tree


@dataclass(frozen=True, slots=True)
class Reduction(Tree):
    """`det` or `logdet` of a matrix, or max, min, prod of an array over `axes`."""

    function: str
    argument: Tree
    axes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Transpose(Tree):
    """The transpose."""

    body: Tree


@dataclass(frozen=True, slots=True)
class Inverse(Tree):
    """The matrix inverse."""

    body: Tree


@dataclass(frozen=True, slots=True)
class Diag(Tree):
    """The diagonal matrix of a column."""

    vector: Tree


@dataclass(frozen=True, slots=True)
class Diagonal(Tree):
    """The diagonal of a matrix, as a column."""

    matrix: Tree


@dataclass(frozen=True, slots=True)
class Trace(Tree):
    """The trace."""

    matrix: Tree


@dataclass(frozen=True, slots=True)
class Total(Tree):
    """The sum of all elements."""

    body: Tree


@dataclass(frozen=True, slots=True)
class Norm(Tree):
    """The Euclidean norm; of a matrix, Frobenius'."""

    body: Tree


@dataclass(frozen=True, slots=True)
class Vec(Tree):
    """A matrix' elements in row-major order, as a column."""

    matrix: Tree


@dataclass(frozen=True, slots=True)
class Kron(Tree):
    """The Kronecker product; a missing axis counts as 1."""

    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Grid(Tree):
    """An array written out: a row of scalars for each row, for a column one in each."""

    rows: tuple[tuple[Tree, ...], ...]


@dataclass(frozen=True, slots=True)
class Entry(Tree):
    """Some axes of an array fixed: `indices` has an index, a position, or None for an axis kept."""

    body: Tree
    indices: tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True)
class Delta(Tree):
    """1 where two indices are equal, or where a label (`left`) is the class `right`."""

    left: Tree | str | int
    right: str | int


@dataclass(frozen=True, slots=True)
class IndexSum(Tree):
    """The sum over indices, each with its size, of a scalar or of a product of slices."""

    bound: tuple[tuple[str, Dim], ...]
    body: Tree


@dataclass(frozen=True, slots=True)
class Entries(Tree):
    """Index notation: the array whose entry at the indices `free` is the scalar `body`."""

    free: tuple[tuple[str, Dim], ...]
    body: Tree


@dataclass(frozen=True, slots=True)
class Slices(Tree):
    """The array whose slice at the leading indices `free` is `body`; `entries` says the same."""

    free: tuple[tuple[str, Dim], ...]
    body: Tree
    entries: Entries


# ------------------------------------------------------------------ measures


def children(tree: Tree) -> tuple[Tree, ...]:
    """The trees directly inside."""
    match tree:
        case Sum(terms=parts) | Product(factors=parts) | Hadamard(factors=parts):
            return parts
        case Scale(above=above, below=below, body=body):
            return (*above, *below) if body is None else (*above, *below, body)
        case Quotient(top=a, bottom=b) | Kron(left=a, right=b):
            return a, b
        case Grid(rows=rows):
            return tuple(each for row in rows for each in row)
        case (
            Power(base=a) | Apply(argument=a) | Reduction(argument=a) | Transpose(body=a)
            | Inverse(body=a) | Diag(vector=a) | Diagonal(matrix=a) | Trace(matrix=a)
            | Total(body=a) | Norm(body=a) | Vec(matrix=a) | Entry(body=a) | OneHot(labels=a)
            | IndexSum(body=a) | Entries(body=a) | Slices(body=a) | Delta(left=Tree() as a)
        ):  # fmt: skip
            return (a,)
    return ()


def marks(tree: Tree) -> int:
    """The number of transposes that would be written."""
    return (type(tree) is Transpose) + sum(map(marks, children(tree)))


def weight(tree: Tree) -> int:
    """What is spent on transposes: that of a bracket or a function weighs more than of a name."""
    own = 0
    if type(tree) is Transpose:
        own = 2 if type(tree.body) in (Symbol, Inverse, Ones) else 3
    return own + sum(map(weight, children(tree)))


def is_scalar(tree: Tree) -> bool:
    """Whether the tree has no axes."""
    return tree.shape == SCALAR
