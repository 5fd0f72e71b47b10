"""Numbers and arrays as text: short, aligned, small arrays in full and large ones summarised."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..sizes import to_text

Array = NDArray[Any]
DIGITS = 5  # significant digits: enough to see, few enough for a column
LARGEST_INLINE = 6  # rows or columns of an array that is written out


def number(value: Any, digits: int = DIGITS) -> str:
    """A number in few digits, whole numbers without a point.

    >>> number(-4.0), number(1 / 3), number(1e-9), number(-0.0)
    ('-4', '0.33333', '1e-09', '0')
    """
    text = f"{float(value):.{digits}g}"
    return "0" if text == "-0" else text


def array(value: Array) -> str:
    """An array in at most a few lines: brackets over rows, or a summary where it is large.

    >>> print(array(np.array([[1.0, 20.0], [-3.0, 4.5]])))
    ⎡  1   20 ⎤
    ⎣ -3  4.5 ⎦
    >>> array(np.array([1.0, 2.5]))
    '[1, 2.5]'
    """
    value = np.asarray(value)
    if value.ndim == 0:
        return number(value)
    if value.size == 0 or value.ndim > 2 or max(value.shape) > LARGEST_INLINE:
        return summary(value)
    if value.ndim == 1:
        return f"[{', '.join(map(number, value))}]"
    return _brackets([[number(each, digits=4) for each in row] for row in value])


def summary(value: Array) -> str:
    """What stands for a large array: its range, its mean, and how much of it is not finite."""
    value = np.asarray(value)
    if value.size == 0:
        return f"no elements, shape {to_text(value.shape)}"
    finite = value[np.isfinite(value)]
    parts = []
    if finite.size:
        low, high, mean = finite.min(), finite.max(), finite.mean()
        parts = [f"{number(low, 4)} … {number(high, 4)}", f"mean {number(mean, 4)}"]
    for name, count in (("nan", np.isnan(value).sum()), ("inf", np.isinf(value).sum())):
        if count:
            parts.append(f"{count} {name}")
    return ", ".join(parts)


def _brackets(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths)) for row in rows]
    if len(lines) == 1:
        return f"[ {lines[0]} ]"
    left = ["⎡", *"⎢" * (len(lines) - 2), "⎣"]
    right = ["⎤", *"⎥" * (len(lines) - 2), "⎦"]
    return "\n".join(f"{a} {line} {b}" for a, line, b in zip(left, lines, right))
