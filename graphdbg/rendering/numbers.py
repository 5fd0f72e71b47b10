"""Numbers and arrays as text: short, aligned, small arrays in full and large ones summarised."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape.sizes import to_text

Array = NDArray[Any]
DIGITS = 5  # significant digits: enough to see, few enough for a column
MOST_ROWS, MOST_COLUMNS = 5, 6  # of an array that is written out
UNKNOWN = "—"  # never 0: what has not been computed is not 0
ROOM = 60  # columns of a number in a sentence
NOISE = 1e-13  # of the largest entry: what rounding leaves in a sum of some hundred numbers


def number(value: Any, digits: int = DIGITS) -> str:
    """A number in few digits, whole numbers without a point.

    >>> number(-4.0), number(1 / 3), number(1e-9), number(-0.0)
    ('-4', '0.33333', '1e-09', '0')
    """
    text = f"{float(value):.{digits}g}"
    return "0" if text == "-0" else text


def array(value: Array, room: int = 80) -> str:
    """An array in a few lines of at most `room` columns, or its summary where it is larger.

    >>> print(array(np.array([[1.0, 20.0], [-3.0, 4.5]])))
    ⎡  1   20 ⎤
    ⎣ -3  4.5 ⎦
    >>> array(np.array([1.0, 2.5]))
    '[1, 2.5]'
    """
    value = np.asarray(value)
    if value.ndim == 0:
        return number(value)
    if value.size == 0 or value.ndim > 2 or value.shape[-1] > MOST_COLUMNS:
        return summary(value, room)
    if value.ndim == 2 and len(value) > MOST_ROWS:
        return summary(value, room)
    for digits in (4, 3, 2):
        text = _row(value, digits) if value.ndim == 1 else _brackets(value, min(digits, 3))
        if len(text.split("\n")[0]) <= room:
            return text
    return summary(value, room)


def brief(value: Array | None, room: int = ROOM) -> str:
    """A number, a short vector or the range of an array in one line; `—` for None.

    >>> brief(None)
    '—'
    """
    if value is None:
        return UNKNOWN
    text = array(value, room)
    return summary(value, room) if "\n" in text else text


def summary(value: Array, room: int = 80) -> str:
    """What stands for a large array: its range, its mean, and how much of it is not finite.

    A single number stands for itself.
    Digits and the mean are left out where there is no room for them.

    >>> summary(np.arange(100.0)), summary(np.arange(100.0), room=8)
    ('0 … 99, mean 49.5', '0 … 99')
    """
    value = np.asarray(value)
    if value.ndim == 0:
        return number(value)
    if value.size == 0:
        return f"no elements, shape {to_text(value.shape)}"
    finite = value[np.isfinite(value)]
    rest = [
        f"{count} {name}"
        for name, count in (("nan", np.isnan(value).sum()), ("inf", np.isinf(value).sum()))
        if count
    ]
    if not finite.size:
        return ", ".join(rest)
    texts = [", ".join([*each, *rest]) for each in _ranges(finite)]
    return next((text for text in texts if len(text) <= room), texts[-1])


def _ranges(finite: Array) -> Iterator[list[str]]:
    """The range and the mean of numbers, ever shorter."""
    low, high, mean = finite.min(), finite.max(), finite.mean()
    if low == high:
        yield [f"all {number(low)}"]
        return
    if abs(mean) < NOISE * max(abs(low), abs(high)):
        mean = 0.0  # what rounding leaves of a sum that is zero
    for digits, with_mean in ((4, True), (3, True), (3, False), (2, False)):
        ends = f"{number(low, digits)} … {number(high, digits)}"
        yield [ends, f"mean {number(mean, digits)}"] if with_mean else [ends]


def _row(value: Array, digits: int) -> str:
    return f"[{', '.join(number(each, digits) for each in value)}]"


def _brackets(value: Array, digits: int) -> str:
    rows = [[number(each, digits) for each in row] for row in value]
    widths = [max(map(len, column)) for column in zip(*rows)]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
    if len(lines) == 1:
        return f"[ {lines[0]} ]"
    left = ["⎡", *"⎢" * (len(lines) - 2), "⎣"]
    right = ["⎤", *"⎥" * (len(lines) - 2), "⎦"]
    return "\n".join(f"{a} {line} {b}" for a, line, b in zip(left, lines, right))
