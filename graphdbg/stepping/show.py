"""Numbers as the debugger shows them: short, and `—` for what has not been computed yet."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..rendering import numbers

UNKNOWN = "—"  # never 0: a gradient that has not been computed is not a gradient of 0
ROOM = 60  # columns of a number in a sentence


def brief(value: NDArray[Any] | None, room: int = ROOM) -> str:
    """A number, a short vector or the range of an array in one line; `—` for None.

    >>> brief(None)
    '—'
    """
    if value is None:
        return UNKNOWN
    text = numbers.array(value, room)
    return numbers.summary(value, room) if "\n" in text else text
