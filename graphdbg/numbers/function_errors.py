"""How far an elementwise function's result may be off, for operands that may be off.

The derivatives of the table tell what the operands' errors become; functions with kinks, poles or
jumps, and those whose error has a closed form, have rules of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape.scalars import derivative, evaluate_template
from .arithmetic import SMALLEST, UNIT, Arithmetic

Array = NDArray[Any]
Errors = Sequence[Array]

FUNCTION = 8  # units that an elementary function may be off (the libraries stay below 4)
COMPOSED = {"sigmoid": 16, "softplus": 16, "logsigmoid": 16}  # functions made of several
FRACTIONS = 2.0**50  # below it a double has fractions


def of_function(name: str, x: Sequence[Array], e: Errors, y: Array, kind: Arithmetic) -> Array:
    """The bound of the error of y = name(x), whose operands are off by e at most.

    >>> from graphdbg.numbers.arithmetic import DOUBLE
    >>> zero, half = np.float64(0), np.float64(0.5)
    >>> float(of_function("relu", [-half], [zero + 0.1], zero, DOUBLE))
    0.0
    """
    rule = MAPS.get(name)
    return rule(x, e, y, kind) if rule is not None else _smooth(name, x, e, y, kind)


def _smooth(name: str, x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """The largest |declared derivative| on the way, times e, and the function's own rounding.

    It is looked for at both ends, in the middle and at the point nearest to 0, where the
    derivatives of the table that are bounded are largest; a jump between the ends counts too.
    """
    own = _own(name, x, y, kind)
    if not any(np.any(each > 0) for each in e):
        return own
    slopes = [np.zeros(np.shape(y)) for _ in e]
    jump = np.zeros(np.shape(y))
    for shifts in product(("below", "here", "above", "nearest"), repeat=len(e)):
        at = [_shifted(a, each, shift) for a, each, shift in zip(x, e, shifts, strict=True)]
        result = kind.apply(name, *at)
        jump = np.maximum(jump, np.abs(result - y))
        operands = dict(zip("abcy", (*at, *[None] * (3 - len(at)), result), strict=True))
        for slot in range(len(e)):
            slope = np.abs(evaluate_template(derivative(name, slot), operands, kind.apply))
            slope = np.where(kind.finite(np.asarray(slope)), slope, kind.infinity)
            slopes[slot] = np.maximum(slopes[slot], slope)
    for slope, each in zip(slopes, e, strict=True):
        own = own + np.where(each > 0, slope * each, 0)
    return np.where(kind.finite(np.asarray(jump)), np.maximum(own, jump), kind.infinity)


def _shifted(a: Array, e: Array, shift: str) -> Array:
    e = np.where(e > 0, e + 2 * UNIT * np.abs(a), e)  # so that a + e is not rounded inwards
    if shift == "nearest":
        return np.where(np.abs(a) <= e, 0 * e, np.where(a > 0, a - e, a + e))
    return a if shift == "here" else a - e if shift == "below" else a + e


def _own(name: str, x: Any, y: Array, kind: Arithmetic) -> Array:
    """What the function itself may round, of exact operands; exact infinities stay exact."""
    found = COMPOSED.get(name, FUNCTION) * kind.unit * np.abs(y)
    small = (np.abs(y) < kind.lost) & np.logical_or.reduce([_used(each, kind) for each in x])
    return np.where(_infinite(y, kind), 0, found) + np.where(small, 8 * SMALLEST, 0.0)


def _used(a: Array, kind: Arithmetic) -> Array:
    return np.asarray((a != 0) & kind.finite(np.asarray(a)))


def _infinite(y: Array, kind: Arithmetic) -> Array:
    return np.asarray(np.abs(y) == kind.infinity)


def _add(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """ea + eb and the rounding of this very sum, which is computed exactly (Knuth's TwoSum)."""
    return _sum(x[0], x[1], e, y, kind)


def _sub(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    return _sum(x[0], -x[1], e, y, kind)


def _sum(a: Array, b: Array, e: Errors, y: Array, kind: Arithmetic) -> Array:
    late = y - a
    rounding = np.abs((a - (y - late)) + (b - late))
    exact = (_infinite(a, kind) & (e[0] == 0)) | (_infinite(b, kind) & (e[1] == 0))
    return np.where(exact & _infinite(y, kind), 0, e[0] + e[1] + rounding)


def _mul(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    a, b = np.abs(x[0]), np.abs(x[1])
    exact = (_short(a) & _short(b)) | _plain(a) | _plain(b)
    small = (np.abs(y) < kind.lost) & np.logical_not(exact & (e[0] == 0) & (e[1] == 0))
    own = np.where(exact, 0, kind.unit * np.abs(y)) + np.where(small, 4 * SMALLEST, 0.0)
    return np.asarray(_times(a, e[1]) + _times(b, e[0]) + _times(e[0], e[1]) + own)


def _times(a: Array, b: Array) -> Array:
    """a b, 0 where one of them is an exact 0 and the other infinite because nothing is known."""
    return np.where(b == 0, 0, a * b)


def _short(a: Array) -> Array:
    """Numbers of 24 bits at most: products of two are exact."""
    return np.asarray(np.asarray(a, np.float32) == a)


def _plain(a: Array) -> Array:
    """Factors that round nothing."""
    return np.asarray((a == 0) | (a == 0.5) | (a == 1) | (a == 2))


def _div(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    b = np.abs(x[1])
    exact = _short(y) & _short(b) & (y * x[1] == x[0])
    small = (np.abs(y) < kind.lost) & (x[0] != 0) & kind.finite(np.asarray(b))
    own = np.where(exact, 0, kind.unit * np.abs(y)) + np.where(small, 4 * SMALLEST, 0.0)
    room = np.where(e[1] < b, b - e[1], 1)
    spread = (e[0] + _times(np.abs(y), e[1])) / room
    found = np.where(e[1] < b, spread + own, kind.infinity)
    return np.where((e[1] == 0) & (e[0] == 0), np.where(_infinite(y, kind), 0, own), found)


def _power(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """Through the relative error of a, and eb |log a|; a and b are positive there, or exact."""
    a, b, power = np.abs(x[0]), x[1], np.abs(y)
    power = power + np.where((power < kind.lost) & (a > 0), 8 * SMALLEST, 0.0)
    inside = e[0] < a
    relative = _log_error(np.where(inside, a, 1), np.where(inside, e[0], 0), kind)
    logs = np.abs(kind.apply("log", np.where(a > 0, a, 1)))
    change = np.abs(b) * relative + e[1] * (logs + relative)
    spread = _times(kind.apply("expm1", change), power)
    ends = kind.apply("pow", a + e[0], np.maximum(b, 0) + 0 * e[0]) + power
    over = np.where((e[1] == 0) & (b >= 0), np.where(b == 0, 0, ends), kind.infinity)
    squares = (b == 2) & _short(a)
    plain = (b == 0) | (b == 1) | (a == 1) | (a == 0) | squares
    own = np.where(plain & (e[1] == 0), 0, _own("pow", [a], y, kind))
    zero = (a == 0) & (e[0] == 0) & (b > e[1])
    return np.where(zero, 0, np.where(inside, spread, np.where(e[0] == 0, 0, over)) + own)


def _log_error(a: Array, e: Array, kind: Arithmetic) -> Array:
    """|log(a - e) - log a|, the larger side; of positive a > e."""
    return np.asarray(-kind.apply("log1p", -(e / a)))


def _exp(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    own = np.where(x[0] == 0, 0, _own("exp", x, y, kind))
    below = np.where((np.abs(y) < kind.lost) & (e[0] > 0), 8 * SMALLEST, 0.0)
    spread = np.where(e[0] == 0, 0, _times(np.abs(y) + below, kind.apply("expm1", e[0])))
    return np.asarray(own + spread)


def _log(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    return _logarithm("log", x, x[0], e[0], y, kind)


def _log1p(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    return _logarithm("log1p", x, 1 + x[0], e[0], y, kind)


def _logarithm(name: str, x: Any, a: Array, e: Array, y: Array, kind: Arithmetic) -> Array:
    """-log1p(-e/a), infinite where a may be 0."""
    inside = e < a
    found = _log_error(np.where(inside, a, 1), np.where(inside, e, 0), kind)
    spread = np.where(inside, found, kind.infinity)
    return np.asarray(np.where(e == 0, 0, spread) + _own(name, x, y, kind))


def _sqrt(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """e/(sqrt(a) + sqrt(a - e)), and sqrt(a + e) where a may be 0."""
    a = x[0]
    inside = (e[0] < a) | (e[0] == 0)
    low = kind.apply("sqrt", np.where(inside, a - e[0], 0))
    spread = np.where(e[0] == 0, 0, e[0] / np.where(inside & (y > 0), y + low, 1))
    over = kind.apply("sqrt", np.where(inside, 0, np.abs(a) + e[0]))
    own = np.where(_infinite(y, kind), 0, kind.unit * np.abs(y))
    return np.where(inside, spread + own, over)


def _wave(x: Any, e: Errors, y: Array, kind: Arithmetic, name: str) -> Array:
    """sin and cos: slopes up to 1, values too."""
    return np.asarray(np.minimum(e[0], 2) + _own(name, x, y, kind))


def _tan(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """As any smooth function; infinite where a pole may lie between."""
    half = x[0] / math.pi + 0.5
    width = e[0] / math.pi + 4 * UNIT * np.abs(half)
    low, high = kind.apply("floor", half - width), kind.apply("floor", half + width)
    pole = (e[0] > 0) & (low != high)
    return np.where(pole, kind.infinity, _smooth("tan", x, e, y, kind))


def _relu(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    return np.where(x[0] < -e[0], 0, e[0])


def _same(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    return e[0]


def _sign(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    near = (e[0] > 0) & (np.abs(x[0]) <= e[0])
    return np.where(near & (x[0] != 0) if kind.trusting else near, 2.0, 0.0)


def _floor(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """The steps that may lie within the error; a - e may have been rounded up to a whole number."""
    low = -kind.apply("floor", e[0] - x[0]) - 1
    steps = kind.apply("floor", x[0] + e[0]) - low
    found = np.where(np.abs(x[0]) < FRACTIONS, steps, e[0] + 1)
    whole = (x[0] == y) & kind.trusting
    return np.where((e[0] == 0) | whole, 0, found)


def _extreme(x: Any, e: Errors, y: Array, kind: Arithmetic, sign: int) -> Array:
    """The chosen operand's error, or the larger one where either may be chosen."""
    gap = (x[0] - x[1]) * sign
    chosen = np.where(gap > 0, e[0], e[1])
    return np.where(np.abs(gap) > e[0] + e[1], chosen, np.maximum(e[0], e[1]))


def _comparison(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """1 where the sides may be in the other order, or equal."""
    within = e[0] + e[1]
    near = (within > 0) & np.logical_not(np.abs(x[0] - x[1]) > within)
    return np.where(near & (x[0] != x[1]) if kind.trusting else near, 1.0, 0.0)


def _where(x: Any, e: Errors, y: Array, kind: Arithmetic) -> Array:
    """The chosen branch's error; where the condition may flip, the difference of both too."""
    condition, yes, no = x
    flips = (e[0] > 0) & (np.abs(condition) <= e[0])
    either = np.maximum(e[1], e[2]) + np.abs(yes - no)
    return np.where(flips, either, np.where(condition != 0, e[1], e[2]))


MAPS: dict[str, Callable[[Any, Errors, Array, Arithmetic], Array]] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _same, "pow": _power,
    "exp": _exp, "log": _log, "log1p": _log1p, "sqrt": _sqrt, "tan": _tan,
    "sin": lambda x, e, y, kind: _wave(x, e, y, kind, "sin"),
    "cos": lambda x, e, y, kind: _wave(x, e, y, kind, "cos"),
    "relu": _relu, "abs": _same, "sign": _sign, "floor": _floor, "where": _where,
    "maximum": lambda x, e, y, kind: _extreme(x, e, y, kind, 1),
    "minimum": lambda x, e, y, kind: _extreme(x, e, y, kind, -1),
    **dict.fromkeys(("gt", "ge", "lt", "le", "eq", "ne", "guard"), _comparison),
}  # fmt: skip
