"""Sums of trees: like factors collected (`A x + Aᵀ x` is `(A + Aᵀ)x`), signs and numbers in front.

Scalar sums are left as they come but for a common number and a common denominator: ordinary
algebra is the business of the normal form, not of notation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .products import Split, hadamard, product, scale, split, transpose, turned
from .trees import (
    SCALAR,
    Apply,
    Diag,
    Extent,
    Hadamard,
    Identity,
    Kron,
    Number,
    Ones,
    Power,
    Product,
    Quotient,
    Size,
    Sum,
    Symbol,
    Transpose,
    Tree,
)

MOST = 40  # terms: the search for common factors is quadratic, and longer sums are not read anyway


def sum_of(terms: Sequence[Tree], shape: Extent) -> Tree:
    """The sum as a tree of `shape`; scalars among arrays are added to each element.

    >>> A, x = Symbol((3, 3), "A"), Symbol((3, None), "x")
    >>> sum_of([product(A, x), product(transpose(A), x)], (3, None)).factors[1] == x
    True
    """
    flat = [each for term in terms for each in _flatten(term)]
    flat = _join_like([each for each in flat if type(each) is not Number or each.value])
    if not flat:
        return Number(shape, Fraction(0))
    if shape != SCALAR:
        if all(each.shape == SCALAR for each in flat):
            return spread(sum_of(flat, SCALAR), shape)
        if None not in shape and any(type(split(each)[3]) in _MATRICES for each in flat):
            flat = _explicit(flat, shape)
        if 1 < len(flat) <= MOST:
            flat = _collect(flat, shape)
    return _with_content([split(each) for each in flat], shape)


def spread(scalar: Tree, shape: Extent) -> Tree:
    """A scalar as an array of equal elements: `c 1`, `c 1 1ᵀ`."""
    rows, columns = shape
    parts: list[Tree] = [] if rows is None else [Ones((rows, None))]
    if columns is not None:
        parts.append(transpose(Ones((columns, None))))
    return scale(Fraction(1), (scalar,), (), product(*parts))


# `I − 1/n` would be read as a multiple of I; beside elementwise arrays, `1 − H ⊙ H` is clear.
_MATRICES = (Identity, Diag, Product, Kron)


def _explicit(terms: list[Tree], shape: Extent) -> list[Tree]:
    """The terms with scalars, joined in one, times `1 1ᵀ`."""
    arrays = [each for each in terms if each.shape != SCALAR]
    scalars = [each for each in terms if each.shape == SCALAR]
    return [*arrays, spread(sum_of(scalars, SCALAR), shape)] if scalars else terms


def _flatten(tree: Tree) -> tuple[Tree, ...]:
    value, above, below, body = split(tree)
    if type(body) is Sum and not above and not below:
        return tuple(_times(value, term) for term in body.terms)
    if body is None and len(above) == 1 and type(above[0]) is Sum and not below:
        return tuple(_times(value, term) for term in above[0].terms)
    return (tree,)


def _times(value: Fraction, tree: Tree) -> Tree:
    inner, above, below, body = split(tree)
    return scale(value * inner, above, below, body)


def _join_like(terms: list[Tree]) -> list[Tree]:
    total: dict[tuple[tuple[Tree, ...], tuple[Tree, ...], Tree | None], Fraction] = {}
    for term in terms:
        value, above, below, body = split(term)
        total[above, below, body] = total.get((above, below, body), Fraction(0)) + value
    if len(total) == len(terms):
        return terms
    return [scale(value, *rest) for rest, value in total.items() if value]


# ------------------------------------------------------------------ common factors of arrays


@dataclass(frozen=True, slots=True)
class _Group:
    """Terms with a common factor: `saved` symbols less to write when it is taken out."""

    saved: int
    members: tuple[int, ...]
    build: Callable[[], Tree]


def _collect(terms: list[Tree], shape: Extent) -> list[Tree]:
    while len(terms) > 1:
        parts = [split(term) for term in terms]
        groups = [*_chains(parts, shape, 0), *_chains(parts, shape, -1), *_elements(parts, shape)]
        if not groups:
            return terms
        best = max(groups, key=lambda group: group.saved)
        rest = [term for at, term in enumerate(terms) if at not in best.members]
        joined = best.build()
        if type(joined) is Sum:  # it fell apart again: as good as it was
            return terms
        terms = [joined, *rest]
    return terms


def _chain(part: Split) -> tuple[Tree, ...]:
    return part[3].factors if type(part[3]) is Product else ()


def _chains(parts: list[Split], shape: Extent, end: int) -> list[_Group]:
    """Groups of matrix products that begin (end 0) or end (end -1) alike."""
    by_factor: dict[Tree, list[int]] = {}
    for at, part in enumerate(parts):
        if chain := _chain(part):
            by_factor.setdefault(chain[end], []).append(at)
    return [
        _chain_group(parts, members, shape, end)
        for members in by_factor.values()
        if len(members) > 1
    ]


def _chain_group(parts: list[Split], members: list[int], shape: Extent, end: int) -> _Group:
    chains = [_chain(parts[at]) for at in members]
    length = 1
    while length + 1 < min(map(len, chains)) and _alike(chains, length, end):
        length += 1
    rests = [chain[length:] if end == 0 else chain[:-length] for chain in chains]
    common = chains[0][:length] if end == 0 else chains[0][-length:]

    def build() -> Tree:
        inner = common[-1].shape[1] if end == 0 else common[0].shape[0]
        extent = (inner, shape[1]) if end == 0 else (shape[0], inner)
        terms = [_with_body(parts[at], product(*rest)) for at, rest in zip(members, rests)]
        total = sum_of(terms, extent)
        return product(*common, total) if end == 0 else product(total, *common)

    return _Group(length * (len(members) - 1), tuple(members), build)


def _alike(chains: list[tuple[Tree, ...]], length: int, end: int) -> bool:
    at = length if end == 0 else -1 - length
    return all(chain[at] == chains[0][at] for chain in chains)


def _with_body(part: Split, body: Tree) -> Tree:
    return scale(part[0], part[1], part[2], body)


def _elements(parts: list[Split], shape: Extent) -> list[_Group]:
    """Groups of elementwise products with a common factor, or with a common denominator."""
    by_factor: dict[tuple[Tree, bool], list[int]] = {}
    factors = [_elementwise(part[3]) for part in parts]
    for at, inside in enumerate(factors):
        for each in dict.fromkeys(inside):
            by_factor.setdefault(each, []).append(at)
    return [
        _element_group(parts, factors, members, common, shape)
        for common, members in by_factor.items()
        if len(members) > 1 and any(len(factors[at]) > 1 for at in members)
    ]


def _elementwise(body: Tree | None) -> list[tuple[Tree, bool]]:
    match body:
        case Quotient(top=top, bottom=bottom):
            tops = [] if top.shape == SCALAR else _elementwise(top)
            return [*tops, *((each, True) for each, _ in _elementwise(bottom))]
        case Hadamard(factors=factors):
            return [(each, False) for each in factors]
    return [] if body is None else [(body, False)]


def _element_group(
    parts: list[Split],
    factors: list[list[tuple[Tree, bool]]],
    members: list[int],
    common: tuple[Tree, bool],
    shape: Extent,
) -> _Group:
    def build() -> Tree:
        terms = []
        for at in members:
            rest = list(factors[at])
            rest.remove(common)
            tops = [each for each, below in rest if not below]
            bottoms = [each for each, below in rest if below]
            body = hadamard(tops, bottoms) if rest else None
            terms.append(scale(*parts[at][:3], body))
        total = sum_of(terms, SCALAR if all(t.shape == SCALAR for t in terms) else shape)
        if total.shape == SCALAR:
            bare = hadamard(*(([], [common[0]]) if common[1] else ([common[0]], [])))
            return scale(Fraction(1), (total,), (), bare)
        return hadamard([total], [common[0]]) if common[1] else hadamard([common[0], total])

    return _Group(len(members) - 1, tuple(members), build)


# ------------------------------------------------------------------ what all terms share


def _with_content(parts: list[Split], shape: Extent) -> Tree:
    if len(parts) == 1:
        return scale(*parts[0])
    sizes = {abs(part[0]) for part in parts}
    value = sizes.pop() if len(sizes) == 1 else Fraction(1)
    if all(part[0] < 0 for part in parts):
        value = -value
    above = _shared([part[1] for part in parts], everything=shape != SCALAR)
    below = _shared([part[2] for part in parts], everything=True)
    rest = [
        scale(part[0] / value, _without(part[1], above), _without(part[2], below), part[3])
        for part in parts
    ]
    total = turned(Sum(shape, tuple(_ordered(rest))))
    if shape == SCALAR:
        return scale(value, (*above, total), below)
    return scale(value, above, below, total)


def _shared(lists: list[tuple[Tree, ...]], everything: bool) -> list[Tree]:
    shared: list[Tree] = []
    for each in lists[0]:
        wanted = shared.count(each) + 1
        if (everything or type(each) is Size) and all(own.count(each) >= wanted for own in lists):
            shared.append(each)
    return shared


def _without(trees: tuple[Tree, ...], gone: list[Tree]) -> list[Tree]:
    rest = list(trees)
    for each in gone:
        rest.remove(each)
    return rest


def _ordered(terms: list[Tree]) -> list[Tree]:
    """Positive terms first; a bare number last among polynomials, first before functions.

    Polynomials of scalars keep their order, but for a positive term in front where there is one.
    """
    plain = any(_is_plain(term) for term in terms)
    if plain and all(term.shape == SCALAR for term in terms):
        numbers = [term for term in terms if type(term) is Number]
        rest = [term for term in terms if type(term) is not Number]
        first = next((at for at, term in enumerate(rest) if split(term)[0] > 0), 0)
        return [rest[first], *rest[:first], *rest[first + 1 :], *numbers]
    return sorted(terms, key=lambda term: _term_rank(term, plain))


def _is_plain(term: Tree) -> bool:
    value, above, _, body = split(term)
    if value < 0 or not (above or body):
        return False
    return not any(isinstance(each, Apply | Hadamard | Quotient)
                   for each in ((body,) if body is not None else above))  # fmt: skip


_RANKS = {Identity: 0, Diag: 1, Product: 2, Hadamard: 2, Symbol: 3, Power: 3, Transpose: 4}


def _term_rank(term: Tree, plain: bool) -> tuple[bool, int]:
    value, above, _, body = split(term)
    if body is None and not above:
        return value < 0, 9 if plain else -1
    if body is None:
        return value < 0, 3
    if type(body) is Product and any(_is_ones(each) for each in body.factors):
        return value < 0, 5
    return value < 0, _RANKS.get(type(body), 3)


def _is_ones(tree: Tree) -> bool:
    return type(tree) is Ones or (type(tree) is Transpose and type(tree.body) is Ones)
