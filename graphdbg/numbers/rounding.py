"""How far each value may be from the exact one: a running error bound, one rule per primitive.

Beside the values x of a node's operands stand bounds e of their absolute errors; a rule gives the
bound of the result y: what the operands' errors become, and the rounding of the operation itself
(Wilkinson 1963, Higham, Accuracy and Stability of Numerical Algorithms, chapters 3 and 14). What
is exact keeps the bound 0, so that a comparison of whole numbers is no tie. An infinite bound says
that nothing is known. The rules hold in double precision and, with another `Arithmetic`, at any
number of digits.

Inputs are what they are. Constants are what is written: 0.1 stands for a tenth and math.pi for pi,
so that their values in double precision have an error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape import ops
from ..tape.sizes import Size
from .arithmetic import DOUBLE, SMALLEST, UNIT, Arithmetic
from .evaluator import RULES, Dims
from .function_errors import of_function

Array = NDArray[Any]
Errors = Sequence[Array]

NEARLY_SINGULAR = 0.1  # of the norm of (error of A) A⁻¹: beyond, the first order says nothing
ROUNDED_DIGITS = 16  # a constant with so many digits is a rounded number, not one that was written
WHOLE = 2.0**53  # below it sums of whole numbers are exact
WRITTEN = {math.pi, math.e}  # constants that stand for an exact number, whatever their digits


def bound(
    op: ops.Op, x: Sequence[Array], e: Errors, y: Array, dims: Dims, kind: Arithmetic = DOUBLE
) -> Array:
    """The bound of the absolute error of each entry of y = op(x), of y's shape.

    `x` are the computed operands and `e` the bounds of their errors; `dims` are the sizes of named
    dimensions.

    A NaN has the bound 0 where it is certain, and else an infinite one.

    >>> x, one = np.float64(1e8), np.float64(1.0)
    >>> y = x + one
    >>> float(bound(ops.Map("add"), [x, one], [np.float64(0), np.float64(0)], y, {}))
    0.0
    """
    with np.errstate(all="ignore"):
        return _bound(op, x, e, y, dims, kind)


def _bound(
    op: ops.Op, x: Sequence[Array], e: Errors, y: Array, dims: Dims, kind: Arithmetic
) -> Array:
    found = np.asarray(BOUNDS[type(op)](op, x, e, y, dims, kind))
    known = kind.finite(found)
    if not np.all(known):
        found = np.where(known, found, kind.infinity)
    infinite = np.asarray(np.abs(y) == kind.infinity)
    if kind.lost and type(op) is ops.Map and np.any(infinite):  # it may be an overflow
        finite = np.logical_and.reduce([np.isfinite(each) for each in x])
        found = np.where(infinite & finite, kind.infinity, found)
    undefined = np.asarray(y != y)
    if np.any(undefined):
        certain = _undefined(op, x, e, undefined, kind)
        found = np.where(undefined, np.where(certain, 0, kind.infinity), found)
    return np.asarray(found)


def _undefined(
    op: ops.Op, x: Sequence[Array], e: Errors, undefined: Array, kind: Arithmetic
) -> Array:
    """Where a NaN is certain: undefined for all operands within their errors, or inherited."""
    inherited = [np.asarray(each != each) for each in x]
    if type(op) is not ops.Map:
        doubtful = any(np.any(nan & (off != 0)) for nan, off in zip(inherited, e, strict=True))
        certain = any(np.any(nan) for nan in inherited) and not doubtful
        return np.full(undefined.shape, certain)
    found = np.logical_or.reduce([nan & (off == 0) for nan, off in zip(inherited, e, strict=True)])
    known = np.logical_and.reduce([kind.finite(np.asarray(off)) for off in e])
    throughout = undefined & known
    for signs in product((-1, 1), repeat=len(x)):
        ends = [a + sign * off for a, off, sign in zip(x, e, signs, strict=True)]
        value = kind.apply(op.function, *ends)
        throughout = throughout & np.asarray(value != value)
    return np.asarray(found | throughout)


def is_rounded(value: Any) -> bool:
    """Whether a constant is known to `ROUNDED_DIGITS` only: it was folded, or cut off when typed.

    >>> is_rounded(0.1), is_rounded(0.3333333333333333), is_rounded(math.pi)
    (False, True, False)
    """
    if not isinstance(value, float) or abs(value) in WRITTEN or not math.isfinite(value):
        return False
    digits = repr(value).split("e")[0].replace(".", "").strip("-0")
    return len(digits) >= ROUNDED_DIGITS


# ------------------------------------------------------------------ leaves and moves


def _none(op: Any, x: Any, e: Any, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    return np.zeros(np.shape(y), np.asarray(y).dtype)


def _input(op: ops.Input, x: Any, e: Any, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    """Probabilities sum to 1, which floating point numbers do up to rounding only."""
    if op.domain != "Probability" or not np.shape(y):
        return _none(op, x, e, y, dims, kind)
    return np.asarray(y.shape[-1] * kind.unit * np.abs(y))


def _const(op: ops.Const, x: Any, e: Any, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    share = 0 if isinstance(op.value, Size) else _share(op.value, kind)
    return np.asarray(share * np.abs(y)) if share else _none(op, x, e, y, dims, kind)


def _array(op: ops.Array, x: Any, e: Any, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    shares = np.array([_share(value, kind) for value in op.values], np.asarray(y).dtype)
    shares = shares.reshape(np.shape(y))
    return np.where(shares == 0, 0, shares * np.abs(y))


def _share(value: Any, kind: Arithmetic) -> Any:
    """The relative error of a constant: none, its rounding, or that of a rounded number."""
    if is_rounded(value):
        return 2 * UNIT
    return 0 if _is_exact(value) else kind.unit


@lru_cache(maxsize=4096)
def _is_exact(value: Any) -> bool:
    return not math.isfinite(value) or Fraction(repr(value)) == Fraction(float(value))


def _moved(op: Any, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    """Entries that change their place only."""
    return RULES[type(op)](op, list(e), dims)


def _gather(op: ops.Gather, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    if any(np.any(each > 0) for each in e[1:]):
        return np.full(np.shape(y), kind.infinity)
    return RULES[ops.Gather](op, [e[0], *x[1:]], dims)


def _scatter(op: ops.Scatter, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    if any(np.any(each > 0) for each in e[1:]):
        return np.full(np.shape(y), kind.infinity)

    def scattered(values: Array) -> Array:
        return RULES[ops.Scatter](op, [np.asarray(values), *x[1:]], dims)

    added = np.maximum(scattered(np.ones(np.shape(x[0]))) - 1, 0)
    return scattered(e[0]) + added * kind.unit * scattered(np.abs(x[0]))


# ------------------------------------------------------------------ sums of products, reductions


def _contract(op: ops.Contract, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    """(n - 1 + operands - 1) units of Σ|x0||x1|..., n summed entries; and each |x| times e."""
    sizes = {
        letter: size
        for letters, each in zip(op.inputs, x, strict=True)
        for letter, size in zip(letters, np.shape(each), strict=True)
    }
    summed = math.prod(size for letter, size in sizes.items() if letter not in op.output)

    def total(arrays: Sequence[Array]) -> Array:
        return np.asarray(np.einsum(op.spec, *arrays, optimize=len(arrays) > 2))

    magnitudes = [np.abs(each) for each in x]
    found = np.zeros(np.shape(y), np.asarray(y).dtype)
    operations = summed - 1 + len(x) - 1
    if operations and not _sums_exactly(x, magnitudes, total, kind):
        whole = total(magnitudes)
        found = found + operations * kind.unit * whole + _underflow(x, whole, total, kind)
    wide = [size + each for size, each in zip(magnitudes, e, strict=True)]
    for at, each in enumerate(e):
        if np.any(each > 0):
            found = found + total([*wide[:at], each, *wide[at + 1 :]])
    return found


def _sums_exactly(
    x: Any, magnitudes: list[Array], total: Callable[[Any], Array], kind: Arithmetic
) -> bool:
    """Whether the operands are whole numbers whose sums stay small: masks, counts."""
    if len(x) > 2 or not all(np.all(each == kind.apply("floor", each)) for each in x):
        return False
    return bool(np.all(total(magnitudes) < WHOLE))


def _underflow(x: Any, whole: Array, total: Callable[[Any], Array], kind: Arithmetic) -> Any:
    """What products that are not zero may have lost where they came out tiny."""
    if len(x) == 1 or not np.any(whole < kind.lost):
        return 0.0
    return np.where(whole < kind.lost, SMALLEST * total([(each != 0) * 1.0 for each in x]), 0.0)


def _reduce(op: ops.Reduce, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    if op.kind in ("max", "min"):
        return np.asarray(np.max(e[0], axis=op.axes))
    a = np.abs(x[0])
    count = math.prod(np.shape(a)[axis] for axis in op.axes)
    if op.kind == "prod":
        wide = np.prod(a + e[0], axis=op.axes)
        units = 2 * count * kind.unit if count > 1 else 0
        lost = np.where((np.abs(y) < kind.lost) & np.all(a != 0, axis=op.axes), SMALLEST, 0.0)
        return np.asarray(wide - np.prod(a, axis=op.axes) + units * wide + lost * count)
    return _place_of_extreme(op, x[0], e[0], y, kind)


def _place_of_extreme(op: ops.Reduce, x: Array, e: Array, y: Array, kind: Arithmetic) -> Array:
    """argmax, argmin: any place where a second entry comes within the errors."""
    axis = op.axes[0]
    order = np.sort(x if op.kind == "argmax" else -x, axis=axis)
    worst = np.max(e, axis=axis)
    if np.shape(x)[axis] == 1:
        return np.zeros(np.shape(y))
    gap = np.take(order, -1, axis) - np.take(order, -2, axis)
    return np.where((worst > 0) & (gap <= 2 * worst), float(np.shape(x)[axis]), 0.0)


# ------------------------------------------------------------------ matrices


def _inverse(op: Any, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    """|X| D |X| with D the error of A and of the elimination."""
    return _perturbed(x[0], e[0], y, kind)[0]


def _determinant(op: Any, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    """Σ(|X|ᵀ D) of log|det|, and |det| times that of det itself."""
    size = np.shape(x[0])[-1]
    relative = _perturbed(x[0], e[0], kind.inverse(x[0]), kind)[1]
    if type(op) is ops.LogDet:
        return np.asarray(relative + 2 * size * kind.unit * np.abs(y))
    return np.asarray(np.abs(y) * (relative + 2 * size * kind.unit))


def _adjugate(op: Any, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    """That of the product; unknown, so infinite, where there is no inverse."""
    d, z = np.asarray(x[1])[..., None, None], x[2]
    off = np.asarray(e[1])[..., None, None]
    known = kind.finite(np.asarray(z)) & kind.finite(np.asarray(e[2]))
    found = np.abs(d) * e[2] + off * (np.abs(z) + e[2]) + kind.unit * np.abs(y)
    return np.where(known, found, kind.infinity)


def _perturbed(a: Array, e: Array, x: Array, kind: Arithmetic) -> tuple[Array, Array]:
    """Bounds of the inverse x of a, and of log|det a|; infinite where a is nearly singular."""
    x = np.abs(x)
    largest = np.max(np.abs(a), axis=(-2, -1), keepdims=True)
    moved = e + 8 * np.shape(a)[-1] * kind.unit * largest
    spread = x @ moved
    norm = np.max(np.sum(spread, axis=-1), axis=-1)
    known = np.asarray(norm <= NEARLY_SINGULAR)
    inverse = np.where(known[..., None, None], 2 * (spread @ x), kind.infinity)
    trace = np.sum(np.swapaxes(x, -1, -2) * moved, axis=(-2, -1))
    return inverse, np.where(known, 2 * trace, kind.infinity)


# ------------------------------------------------------------------ elementwise functions


def _map(op: ops.Map, x: Any, e: Errors, y: Array, dims: Dims, kind: Arithmetic) -> Array:
    return of_function(op.function, x, e, y, kind)


BOUNDS: Mapping[type[ops.Op], Callable[[Any, Any, Errors, Array, Dims, Arithmetic], Array]] = {
    ops.Input: _input,
    ops.Const: _const,
    ops.Array: _array,
    ops.Eye: _none,
    ops.Arange: _none,
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Reduce: _reduce,
    ops.Broadcast: _moved,
    ops.Reshape: _moved,
    ops.Slice: _moved,
    ops.Pad: _moved,
    ops.Concat: _moved,
    ops.Gather: _gather,
    ops.Scatter: _scatter,
    ops.Inverse: _inverse,
    ops.LogDet: _determinant,
    ops.Det: _determinant,
    ops.Adjugate: _adjugate,
    ops.StopGradient: _moved,
}
