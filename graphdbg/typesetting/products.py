"""Products of trees, kept tidy: scalars in front, chains flat, transposes pushed inwards.

A transpose is pushed inwards through a product always, else where fewer are written then.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from .trees import (
    SCALAR,
    Apply,
    Constant,
    Diag,
    Extent,
    Hadamard,
    Identity,
    IndexSum,
    Kron,
    Norm,
    Number,
    Ones,
    Power,
    Product,
    Quotient,
    Scale,
    Sum,
    Symbol,
    Transpose,
    Tree,
    is_scalar,
    weight,
)


def number(value: Fraction | int) -> Number:
    """A rational number."""
    return Number(SCALAR, Fraction(value))


Split = tuple[Fraction, tuple[Tree, ...], tuple[Tree, ...], Tree | None]


def split(tree: Tree) -> Split:
    """The tree as a number, scalars above and below the bar, and an array (None: no array)."""
    if type(tree) is Scale:
        return tree.number, tree.above, tree.below, tree.body
    if type(tree) is Number and tree.shape == SCALAR:
        return tree.value, (), (), None
    if tree.shape == SCALAR:
        return Fraction(1), (tree,), (), None
    return Fraction(1), (), (), tree


def scale(
    value: Fraction,
    above: Iterable[Tree] = (),
    below: Iterable[Tree] = (),
    body: Tree | None = None,
) -> Tree:
    """The scaled array or the product of scalars, nested ones spliced in."""
    tops: list[Tree] = []
    bottoms: list[Tree] = []
    for side, same, other in ((above, tops, bottoms), (below, bottoms, tops)):
        for each in side:
            inner, up, down, rest = split(each)
            if side is above:
                value *= inner
            else:
                value /= inner
            same += up
            other += down
            assert rest is None
    if body is not None:
        inner, up, down, body = split(body)
        value, tops, bottoms = value * inner, [*tops, *up], [*bottoms, *down]
    if not value:
        return Number(SCALAR if body is None else body.shape, Fraction(0))
    tops, bottoms = _cancel(tops, bottoms)
    value, tops, bottoms = _lowered(value, tops, bottoms)
    tops, bottoms = _joined_roots(tops), _joined_roots(bottoms)
    return _scaled(value, tops, bottoms, body)


def _cancel(tops: list[Tree], bottoms: list[Tree]) -> tuple[list[Tree], list[Tree]]:
    """The scalars, each occurring once: powers of one base joined."""
    if len(tops) + len(bottoms) < 2:
        return tops, bottoms
    powers: dict[Tree, Fraction] = {}
    for side, sign in ((tops, 1), (bottoms, -1)):
        for each in side:
            base, exponent = (each.base, each.exponent) if type(each) is Power else (each, 1)
            powers[base] = powers.get(base, Fraction(0)) + sign * exponent
    if len(powers) == len(tops) + len(bottoms):
        return tops, bottoms
    above = [power(base, exponent) for base, exponent in powers.items() if exponent > 0]
    return above, [power(base, -exponent) for base, exponent in powers.items() if exponent < 0]


def _lowered(
    value: Fraction, tops: list[Tree], bottoms: list[Tree]
) -> tuple[Fraction, list[Tree], list[Tree]]:
    """`x/√2` rather than `½√2 x`: roots of numbers below the bar where the number is there too."""
    for at, each in enumerate(tops):
        if not (type(each) is Power and type(each.base) is Number):
            continue
        base = each.base.value
        if base > 1 and each.exponent < 1 and value.denominator % base == 0:
            below = power(each.base, 1 - each.exponent)
            return value * base, tops[:at] + tops[at + 1 :], [*bottoms, below]
    return value, tops, bottoms


def _joined_roots(trees: list[Tree]) -> list[Tree]:
    """`√(2π)` rather than `√2 √π`."""
    roots: dict[Fraction, list[Tree]] = {}
    for each in trees:
        if type(each) is Power and type(each.base) in (Number, Constant):
            roots.setdefault(each.exponent, []).append(each)
    for exponent, found in roots.items():
        if len(found) > 1:
            base = scale(Fraction(1), [each.base for each in found if isinstance(each, Power)])
            trees = [each for each in trees if each not in found]
            trees.append(Power(SCALAR, base, exponent))
    return trees


def _flipped(tree: Tree) -> Tree | None:
    """A difference the other way round; None for what is not a difference."""
    if not isinstance(tree, Sum) or len({split(each)[0] > 0 for each in tree.terms}) == 1:
        return None
    return Sum(tree.shape, tuple(sorted(map(negate, tree.terms), key=lambda e: split(e)[0] < 0)))


def _scaled(value: Fraction, tops: list[Tree], bottoms: list[Tree], body: Tree | None) -> Tree:
    if value < 0:  # x (1 - p) rather than -x (p - 1)
        for at, each in enumerate([*tops, body] if body is not None else tops):
            if (flipped := _flipped(each)) is not None:
                value = -value
                if at < len(tops):
                    tops = [*tops[:at], flipped, *tops[at + 1 :]]
                else:
                    body = flipped
                break
    if value == 1 and not bottoms:
        if not tops and body is not None:
            return body
        if len(tops) == 1 and body is None:
            return tops[0]
    if not tops and not bottoms and body is None:
        return number(value)
    shape = SCALAR if body is None else body.shape
    return Scale(shape, value, tuple(tops), tuple(bottoms), body)


def negate(tree: Tree) -> Tree:
    """Minus the tree."""
    if is_scalar(tree):
        return scale(Fraction(-1), (tree,))
    return scale(Fraction(-1), (), (), tree)


def product(*factors: Tree) -> Tree:
    """The matrix product of factors whose axes fit, with scalars in front."""
    value = Fraction(1)
    above: list[Tree] = []
    below: list[Tree] = []
    chain: list[Tree] = []
    for factor in factors:
        inner, up, down, body = split(factor)
        value *= inner
        above += up
        below += down
        if body is not None:
            chain += body.factors if type(body) is Product else (body,)
    kept = [each for each in chain if type(each) is not Identity]
    if not kept and chain:
        kept = chain[:1]
    if not kept:
        return scale(value, above, below)
    kept, scalars = _without_scalars(_join_diagonals(kept))
    if not kept:
        return scale(value, (*above, *scalars), below)
    shape = kept[0].shape[0], kept[-1].shape[1]
    body = kept[0] if len(kept) == 1 else Product(shape, tuple(kept))
    return scale(value, (*above, *scalars), below, body)


def _without_scalars(chain: list[Tree]) -> tuple[list[Tree], list[Tree]]:
    """`u yᵀx vᵀ` is `u vᵀ` and the scalar `yᵀx`: a chain falls apart at outer products."""
    if chain[0].shape[0] is not None and all(each.shape[1] is not None for each in chain[:-1]):
        return chain, []
    parts: list[list[Tree]] = [[]]
    for each in chain:
        if parts[-1] and parts[-1][-1].shape[1] is None and each.shape[0] is None:
            parts.append([])
        parts[-1].append(each)
    kept: list[Tree] = []
    scalars: list[Tree] = []
    for part in parts:
        if part[0].shape[0] is None and part[-1].shape[1] is None:
            scalars.append(part[0] if len(part) == 1 else Product(SCALAR, tuple(part)))
        else:
            kept += part
    return kept, scalars


def _join_diagonals(chain: list[Tree]) -> list[Tree]:
    joined: list[Tree] = []
    for each in chain:
        if joined and type(each) is Diag and type(joined[-1]) is Diag:
            joined[-1] = diag(hadamard([joined[-1].vector, each.vector]))
        else:
            joined.append(each)
    return joined


def transpose(tree: Tree) -> Tree:
    """The transpose, pushed inwards where fewer are written then."""
    if tree.shape == SCALAR:
        return tree
    flipped = tree.shape[1], tree.shape[0]
    match tree:
        case Transpose(body=body):
            return body
        case Identity() | Diag():
            return tree
        case Product(factors=factors):
            return product(*map(transpose, reversed(factors)))
        case Kron(left=left, right=right):
            return Kron(flipped, transpose(left), transpose(right))
        case Scale(body=Tree() as body):
            return Scale(flipped, tree.number, tree.above, tree.below, transpose(body))
        case IndexSum(bound=bound, body=body):
            return IndexSum(flipped, bound, transpose(body))
        case Number():
            return Number(flipped, tree.value)
        case Sum(terms=terms):
            pushed: Tree = Sum(flipped, tuple(map(transpose, terms)))
        case Hadamard(factors=factors):
            pushed = Hadamard(flipped, tuple(map(transpose, factors)))
        case Quotient(top=top, bottom=bottom):
            pushed = Quotient(flipped, transpose(top), transpose(bottom))
        case Power(base=base):
            pushed = Power(flipped, transpose(base), tree.exponent)
        case Apply(argument=argument):
            pushed = Apply(flipped, tree.function, transpose(argument))
        case _:
            return Transpose(flipped, tree)
    whole = Transpose(flipped, tree)
    if type(tree) in (Power, Apply):  # `exp(z)ᵀ` rather than `exp(zᵀ)`
        return pushed if weight(pushed) < weight(tree) else whole
    return pushed if weight(pushed) < weight(whole) else whole


def turned(tree: Tree) -> Tree:
    """The tree, as the transpose of its transpose where that is lighter: `(A x - b)ᵀ`."""
    if tree.shape == SCALAR or weight(tree) < 4:
        return tree
    flipped = transpose(tree)
    if type(flipped) in (Transpose, Product, Scale) or weight(flipped) + 3 >= weight(tree):
        return tree
    return Transpose(tree.shape, flipped)


_RANK = {Product: 0, Symbol: 1, Transpose: 1, Power: 2, Apply: 3, Sum: 4}


def _elementwise_order(tree: Tree) -> int:
    if type(tree) is Apply and tree.function in ("positive", "zero"):
        return 5
    return _RANK.get(type(tree), 2)


def hadamard(tops: Sequence[Tree], bottoms: Sequence[Tree] = ()) -> Tree:
    """The elementwise product of arrays of one shape, divided by others, scalars in front.

    `Xᵀ(..) ⊙ p ⊙ f(z) ⊙ (1 - p) ⊙ 1[z > 0]`: products, names, functions, sums, indicators.
    """
    value = Fraction(1)
    above: list[Tree] = []
    below: list[Tree] = []
    sides: list[list[Tree]] = [[], []]
    for side, trees in enumerate((tops, bottoms)):
        for each in trees:
            inner, up, down, body = split(each)
            assert body is not None
            value = value / inner if side else value * inner
            above += down if side else up
            below += up if side else down
            _flatten_into(sides, side, body)
    shape = (sides[0] or sides[1])[0].shape
    top, bottom = (_hadamard(sorted(side, key=_elementwise_order), shape) for side in sides)
    body = top if bottom is None else Quotient(shape, top or number(1), bottom)
    assert body is not None
    return scale(value, above, below, body)


def _flatten_into(sides: list[list[Tree]], side: int, body: Tree) -> None:
    if type(body) is Hadamard:
        sides[side] += body.factors
    elif type(body) is Quotient:
        if body.top.shape != SCALAR:
            _flatten_into(sides, side, body.top)
        _flatten_into(sides, 1 - side, body.bottom)
    else:
        sides[side].append(body)


def _hadamard(factors: list[Tree], shape: Extent) -> Tree | None:
    if len(factors) < 2:
        return factors[0] if factors else None
    return Hadamard(shape, tuple(factors))


def diag(vector: Tree) -> Tree:
    """The diagonal matrix of a column; scalars stay outside."""
    value, above, below, body = split(vector)
    assert body is not None
    size = body.shape[0]
    square: Tree = Identity((size, size)) if type(body) is Ones else Diag((size, size), body)
    return scale(value, above, below, square)


def power(base: Tree, exponent: Fraction) -> Tree:
    """The base to a positive power; a norm is never negative, so that powers of it multiply."""
    if type(base) is Power and type(base.base) is Norm:
        return power(base.base, base.exponent * exponent)
    return base if exponent == 1 else Power(base.shape, base, exponent)
