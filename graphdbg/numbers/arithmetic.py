"""What error bounds need of a kind of numbers: doubles here, more digits in `precision`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape import ops
from ..tape.scalars import TABLE
from .evaluator import RULES

Array = NDArray[Any]

UNIT = 2.0**-53  # the largest relative error of one rounded operation in double precision
SMALLEST = 5e-324
LOST = 1e-290  # below it a result may have lost digits to underflow


@dataclass(frozen=True)
class Arithmetic:
    """What the rules need of a kind of numbers.

    `unit` is the largest relative error of one operation, `apply(name, ...)` an elementwise
    function of the table, `finite` tells where an array is finite, `inverse` inverts matrices
    (NaN where there is none); numbers below `lost` may have lost digits. A `trusting` arithmetic
    has so many digits that computed numbers which come out equal are taken for equal.
    """

    unit: Any
    apply: Callable[..., Array]
    finite: Callable[[Array], Array]
    inverse: Callable[[Array], Array]
    infinity: Any = math.inf
    lost: float = 0.0
    trusting: bool = False


def _apply(name: str, *args: Array) -> Array:
    return np.asarray(TABLE[name].numeric(*args))


DOUBLE = Arithmetic(
    UNIT,
    _apply,
    np.isfinite,
    lambda matrix: RULES[ops.Inverse](ops.Inverse(), [matrix], {}),
    lost=LOST,
)
