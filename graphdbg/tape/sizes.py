"""Dimensions: an int, or a `Size`, a polynomial in names such as `n`, `n*d` or `n - k + 1`.

A shape is a tuple of such dimensions. Sizes are kept as integer polynomials, so that two ways of
writing one dimension compare equal; a `Size` without names collapses to an int.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Union

from ..errors import LimitError, ShapeError

MOST_TERMS = 2_000  # of a product of dimensions, before like ones are joined
MOST_FACTORS = 200
Monomial = tuple[str, ...]  # the sorted names of a product, with repetition; () is the constant


@dataclass(frozen=True, slots=True)
class Size:
    """A dimension known by name: a sorted tuple of (names of the product, coefficient).

    >>> n, k = named("n"), named("k")
    >>> print(n - k + 1, n * 2, n - n)
    n - k + 1 2*n 0
    """

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Dim) -> Dim:
        total = dict(self.terms)
        for names, factor in _terms(other):
            total[names] = total.get(names, 0) + factor
        return _size(total)

    __radd__ = __add__

    def __neg__(self) -> Dim:
        return _size({names: -factor for names, factor in self.terms})

    def __sub__(self, other: Dim) -> Dim:
        return self + (-other)

    def __rsub__(self, other: Dim) -> Dim:
        return (-self) + other

    def __mul__(self, other: Dim) -> Dim:
        count, degree = len(self.terms), self._degree()
        if isinstance(other, Size):
            count, degree = count * len(other.terms), degree + other._degree()
        if count > MOST_TERMS or degree > MOST_FACTORS:
            raise LimitError(
                f"a dimension of {count} terms with up to {degree} factors is too long: the limit "
                f"is {MOST_TERMS} terms of {MOST_FACTORS} factors"
            )
        total: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                names = tuple(sorted(left + right))
                total[names] = total.get(names, 0) + a * b
        return _size(total)

    __rmul__ = __mul__

    def _degree(self) -> int:
        return max(len(names) for names, _ in self.terms)

    def names(self) -> frozenset[str]:
        """The dimension names that occur."""
        return frozenset(name for names, _ in self.terms for name in names)

    def evaluate(self, dims: Mapping[str, int]) -> int:
        """The size with every name replaced by its number in `dims`."""
        total = 0
        for names, factor in self.terms:
            for name in names:
                factor *= dims[name]
            total += factor
        return total

    def __str__(self) -> str:
        text = ""
        for names, factor in sorted(self.terms, key=lambda term: (-len(term[0]), term[1] < 0)):
            number = () if abs(factor) == 1 and names else (str(abs(factor)),)
            body = "*".join((*number, *names))
            sign = "-" if factor < 0 else "+"
            text += f" {sign} {body}" if text else ("-" if factor < 0 else "") + body
        return text

    __repr__ = __str__


Dim = Union[int, Size]
Shape = tuple[Dim, ...]


def named(name: str) -> Size:
    """The dimension called `name`."""
    return Size((((name,), 1),))


def _terms(dim: Dim) -> Iterable[tuple[Monomial, int]]:
    return dim.terms if isinstance(dim, Size) else (((), dim),)


def _size(terms: Mapping[Monomial, int]) -> Dim:
    kept = {names: factor for names, factor in terms.items() if factor}
    if not kept:
        return 0
    if set(kept) == {()}:
        return kept[()]
    return Size(tuple(sorted(kept.items())))


def product(dims: Iterable[Dim]) -> Dim:
    """The product of dimensions, 1 for none: the number of elements of a shape."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def evaluate(dim: Dim, dims: Mapping[str, int]) -> int:
    """A dimension as an int, names looked up in `dims`."""
    return dim if isinstance(dim, int) else dim.evaluate(dims)


def names_in(shape: Iterable[Dim]) -> frozenset[str]:
    """The dimension names that occur in a shape."""
    return frozenset(name for dim in shape if isinstance(dim, Size) for name in dim.names())


def to_text(shape: Shape) -> str:
    """A shape as Python writes it, named dimensions bare: `(n, 3)`, `(4,)`, `()`."""
    inner = ", ".join(str(dim) for dim in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def divide(total: Dim, by: Dim) -> Dim:
    """The exact quotient of two dimensions; ShapeError when it does not divide.

    >>> divide(named("n") * 6, 2)
    3*n
    """
    if isinstance(total, int) and isinstance(by, int) and by and total % by == 0:
        return total // by
    divisor = tuple(_terms(by))
    if len(divisor) == 1:
        quotient = [_divide_term(term, divisor[0]) for term in _terms(total)]
        if all(term is not None for term in quotient):
            return _size(dict(term for term in quotient if term is not None))
    raise ShapeError(f"size {total} does not divide by {by}")


def _divide_term(
    term: tuple[Monomial, int], by: tuple[Monomial, int]
) -> tuple[Monomial, int] | None:
    left, factor = list(term[0]), term[1]
    for name in by[0]:
        if name not in left:
            return None
        left.remove(name)
    return (tuple(left), factor // by[1]) if by[1] and factor % by[1] == 0 else None
