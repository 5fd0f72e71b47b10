"""The numeric derivatives of one node: entry by entry where it is elementwise, else along a line.

`Slope` does many elementwise nodes of one function at once; `Line` does one node of any kind.
Linear operations take long steps, since differences of them are exact; kinked ones take short steps
that stay on one side; all others take five points, and many more where those disagree.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numbers.evaluator import RULES
from ..tape import ops, scalars
from .differences import (
    EPS,
    KINKED_STEP,
    LEVELS,
    RATIO,
    SIGNS,
    SMOOTH_STEP,
    TINY,
    ridders,
    slopes,
)
from .runner import Dims

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

RTOL = 1e-7  # relative error of a good gradient in double precision (CS231n notes)
NOISE = 32  # rounding errors in one value of an operation, in units of eps times the value

LINEAR = {
    ("add", 0), ("add", 1), ("sub", 0), ("sub", 1), ("neg", 0), ("mul", 0), ("mul", 1),
    ("div", 0), ("where", 1), ("where", 2),
}  # fmt: skip
LINEAR_OPS = (
    ops.Contract, ops.Broadcast, ops.Reshape, ops.Slice, ops.Pad, ops.Concat, ops.Gather,
    ops.Scatter,
)  # fmt: skip


class Slope:
    """The numeric derivative of an elementwise function in one operand, at many places.

    `derivative` is two-sided; where an entry sits on a kink, `low` and `high` are the one-sided
    ones, between which a convention must lie; elsewhere they are equal to it.
    """

    def __init__(self, function: str, slot: int, operands: list[Array]) -> None:
        self.function = scalars.TABLE[function].numeric
        self.slot, self.operands = slot, operands
        a, kink = operands[slot], scalars.TABLE[function].kink
        self.scale = _scale(scalars.TABLE[function].domain[slot], a)
        self.linear = (function, slot) in LINEAR
        self.distance: Array | None = None
        if self.linear:
            size = np.max([np.abs(each) for each in operands], axis=0)  # 1e20 + x: a step of 1e20
            steps = 0.5 * np.maximum(size if function in ("add", "sub") else np.abs(a), 1)
            self.derivative = (self._at(a + steps) - self._at(a - steps)) / (2 * steps)
        elif kink is not None:
            named = dict(zip("abc", operands, strict=False))
            gap = np.abs(scalars.evaluate_template(scalars.template(kink), named))
            self.distance = np.broadcast_to(gap, a.shape)
            steps = np.minimum(KINKED_STEP * np.maximum(self.scale, np.abs(a)), gap / 4)
            steps = np.where(gap > 0, steps, KINKED_STEP)
            self.derivative = (self._at(a + steps) - self._at(a - steps)) / (2 * steps)
        else:
            steps = SMOOTH_STEP * self.scale
            moved = a + np.multiply.outer(SIGNS, steps)
            self.derivative = slopes(self._at(moved), steps)[0]
        self.steps = steps
        self.low, self.high, self.best = self.derivative, self.derivative, self.derivative
        if self.distance is not None and not self.distance.all():
            self._one_sided(steps)

    def _at(self, moved: Array) -> Array:
        operands = [*self.operands]
        operands[self.slot] = moved
        return np.asarray(self.function(*operands), float)

    def _one_sided(self, steps: Array) -> None:
        """The slopes just below and above; the point itself is left out, where a sign jumps."""
        a = self.operands[self.slot]
        near, far = ([self._at(a + k * sign * steps) for sign in (-1, 1)] for k in (1, 2))
        below, above = (near[0] - far[0]) / steps, (far[1] - near[1]) / steps
        on = self.distance == 0
        self.low = np.where(on, np.minimum(below, above), self.derivative)
        self.high = np.where(on, np.maximum(below, above), self.derivative)

    def wrong(self, upstream: Array, made: Array) -> Mask:
        """Where `made` is not `upstream` times the derivative; what is not finite is not judged.

        Both have the shape (tests, entries).
        """
        ends = upstream * self.best
        if (np.abs(made - ends) <= RTOL * np.abs(made)).all():
            return np.zeros(made.shape, bool)
        self.noise = NOISE * EPS * np.abs(self._at(self.operands[self.slot])) / self.steps
        wrong = self._outside(upstream, made)
        if wrong.any() and not self.linear and self.distance is None:
            self._refine(np.flatnonzero(wrong.any(axis=0)))
            wrong = self._outside(upstream, made)
        return wrong

    def _outside(self, upstream: Array, made: Array) -> Mask:
        low, high = upstream * self.low, upstream * self.high
        if self.low is not self.high:
            low, high = np.minimum(low, high), np.maximum(low, high)
        slack = RTOL * np.maximum(np.abs(made), np.maximum(np.abs(low), np.abs(high)))
        slack = slack + np.abs(upstream) * self.noise + TINY
        return np.isfinite(made) & np.isfinite(low) & ((made < low - slack) | (made > high + slack))

    def _refine(self, at: NDArray[np.intp]) -> None:
        """Entries that disagree are differenced again with many steps, and extrapolated."""
        kept = self.operands
        self.operands = [operand[at] for operand in kept]
        a, steps = self.operands[self.slot], self.scale[at] / 8
        levels = RATIO ** -np.arange(LEVELS)[:, None, None] * steps
        values = self._at(a + levels * np.array([1.0, -1.0])[:, None])
        best, error = ridders(values, steps, NOISE * EPS)
        self.operands = kept
        for column, new in ((self.derivative, best), (self.noise, 10 * error)):
            column[at] = new
        self.low = self.high = self.best = self.derivative


def _scale(domain: str, a: Array) -> Array:
    """How far an operand can move before its function changes much."""
    size = np.abs(a)
    if domain in ("positive", "nonzero"):
        return np.where(size > 0, size, 0.1)
    if domain == "unit":
        return np.where(size < 1, 1 - size, 0.1)
    return np.ones_like(size)


class Line:
    """The slopes of one operation's results along directions of one operand; y is its value."""

    def __init__(self, op: Any, slot: int, operands: Sequence[Array], dims: Dims, y: Any) -> None:
        self.rule: Callable[..., Any] = RULES[type(op)]
        self.op, self.slot, self.dims, self.y = op, slot, dims, np.asarray(y, float)
        self.operands = [*operands]
        self.x = np.asarray(operands[slot], float)
        self.linear = type(op) in LINEAR_OPS
        self.kinked = type(op) is ops.Reduce and op.kind != "prod"
        self.scale = max(float(np.abs(self.x).max(initial=0)), 0.1)
        self.step = self.scale * (
            1.0 if self.linear else KINKED_STEP if self.kinked else SMOOTH_STEP
        )

    def at(self, moved: Array) -> Array:
        """The results with the operand moved."""
        operands = [*self.operands]
        operands[self.slot] = moved
        return np.asarray(self.rule(self.op, operands, self.dims), float)

    def rise(self, direction: Array) -> Array:
        """The slope of each result along a direction."""
        x, step = self.x, self.step
        if self.linear:  # exact for a step of any length
            return (self.at(x + step * direction) - self.y) / step
        if self.kinked:
            return (self.at(x + step * direction) - self.at(x - step * direction)) / (2 * step)
        return slopes(np.stack([self.at(x + sign * step * direction) for sign in SIGNS]), step)[0]

    def noise(self, u: Array) -> float:
        """The rounding error of sum(u * y)."""
        return NOISE * EPS * float(np.abs(u * self.y).sum())

    def refined(self, u: Array, direction: Array) -> tuple[float, float]:
        """The derivative of sum(u * y) by many steps, extrapolated, and its error."""
        first = self.scale / 8
        steps = [sign * first * RATIO**-level for level in range(LEVELS) for sign in (1, -1)]
        values = np.array([np.vdot(u, self.at(self.x + step * direction)) for step in steps])
        noise = max(self.noise(u), NOISE * EPS * float(np.max(np.abs(values))))
        best, error = ridders(values.reshape(LEVELS, 2, 1), np.array([first]), noise)
        return float(best[0]), 10 * float(error[0])

    def bracketed(self, u: Array, made: Array, direction: Array) -> bool:
        """Whether each result of a reduction gets a slope between its one-sided differences."""
        if not self.kinked:
            return False
        step = self.step / 64
        above, below = (self.at(self.x + sign * step * direction) for sign in (1.0, -1.0))
        ends = u * (above - self.y) / step, u * (self.y - below) / step
        slack = RTOL * np.maximum(np.abs(ends[0]), np.abs(ends[1])) + self.noise(u) / step
        mine = np.sum(made * direction, axis=self.op.axes)
        low, high = np.minimum(*ends) - slack, np.maximum(*ends) + slack
        return bool(np.all((mine >= low) & (mine <= high)))

    def fits(self, u: Array, made: Array, direction: Array, rise: Array) -> bool:
        """Whether a contribution has the slope along the direction; True if it is not finite."""
        analytic = float(np.vdot(made, direction))
        if not isfinite(analytic):
            return True
        numeric = float(np.vdot(u, rise))
        if abs(analytic - numeric) <= RTOL * abs(numeric):
            return True
        parts = made * direction
        size = float(np.sqrt(np.vdot(parts, parts)))
        if self.close(analytic, numeric, size, self.noise(u) / self.step):
            return True
        numeric, error = self.refined(u, direction)
        if self.close(analytic, numeric, size, error) or not isfinite(numeric):
            return True
        return self.bracketed(u, made, direction)

    def close(self, analytic: float, numeric: float, size: float, error: float) -> bool:
        """Within the tolerance, relative to the size of the terms, or the error of differences."""
        return abs(analytic - numeric) <= RTOL * max(size, abs(numeric)) + error + TINY

    def worst(self, u: Array, made: Array, direction: Array) -> tuple[int, float, float]:
        """The entry that departs most: its flat index, analytic and numeric values.

        The entries are divided into eight parts, of which the worst is divided again.
        """
        entries = np.arange(self.x.size)
        while len(entries) > 1:
            parts = np.array_split(entries, min(8, len(entries)))
            gaps = []
            for part in parts:
                some = np.where(np.isin(np.arange(self.x.size), part), direction.ravel(), 0)
                some = some.reshape(self.x.shape)
                gaps.append(abs(float(np.vdot(made, some) - np.vdot(u, self.rise(some)))))
            entries = parts[int(np.argmax(gaps))]
        at = int(entries[0])
        unit = np.zeros(self.x.size)
        unit[at] = 1
        numeric = np.vdot(u, self.rise(unit.reshape(self.x.shape)))
        return at, float(made.ravel()[at]), float(numeric)
