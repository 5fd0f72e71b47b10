"""Two nodes compared at a point: they differ, they are the same to so many digits, or neither.

In double precision first, with the running error bound of `numbers.rounding`: a difference beyond
the bound is one, and a bound below `AGREE` of the values says that they are the same. What it
leaves open is computed at 50 digits, and at more until the bound is small: there numbers count as
they are written, and one side that is finite where the other is not differs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ValueGivenError
from ..numbers.measuring import Measured, Outline, measure, measure_exactly
from ..numbers.places import Place
from ..numbers.precision import OutOfReach, digits_of
from ..numbers.rounding import is_rounded
from ..tape import ops
from ..tape.graph import Graph

Array = NDArray[Any]

AGREE = 1e-9  # of the larger side: a bound below it says that both sides are the same
SLACK = 1 + 1e-6  # the bounds are themselves computed with rounding
DIGITS = (50, 100, 200, 400)
MOST = 16.0  # digits of a double
LARGEST = 100_000  # scalar operations of one evaluation at many digits: some tenths of a second
VANISHING = 1e-100  # the bound at 400 digits over that at 200 of what is 0 to all digits

DIFFERS, SAME, NOTHING, UNDECIDED = "differs", "same", "nothing", "undecided"


@dataclass(frozen=True)
class Judged:
    """What a point says about two nodes.

    `outcome` is DIFFERS (at `entry`, with the values `left` and `right`, off by `off`), SAME (to
    `digits`), NOTHING (both are not defined there) or UNDECIDED, with a `reason`.
    """

    outcome: str
    digits: float = 0.0
    entry: tuple[int, ...] = ()
    left: float = 0.0
    right: float = 0.0
    off: float = 0.0
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """The nodes `left` and `right` of a graph, which are compared at one point after another.

    Where a node of `defined` is NaN nothing is claimed: a derivative is where the function is.
    """

    graph: Graph
    left: int
    right: int
    defined: tuple[int, ...] = ()
    outline: Outline = field(init=False)

    def __post_init__(self) -> None:
        outline = Outline(self.graph, (self.left, self.right, *self.defined))
        object.__setattr__(self, "outline", outline)

    def fits(self, place: Place) -> bool:
        """Whether the place is small enough to be computed at many digits."""
        return self.outline.cost(place.dims) <= LARGEST

    def measured(self, place: Place) -> Measured | None:
        """The values at a place in double precision; None where an index is outside its axis."""
        try:
            return measure(self.outline, place.point, place.dims)
        except ValueGivenError:
            return None

    def quickly(self, found: Measured | None) -> Judged:
        """What double precision says; UNDECIDED is a question for `precisely`."""
        if found is None:
            return Judged(NOTHING)
        if any(np.any(np.isnan(found.values[at])) for at in self.defined):
            return Judged(UNDECIDED)
        sides = Sides.of(found, self.left, self.right, np.isfinite)
        if np.any(sides.differ):
            return sides.difference(sides.differ)
        return Judged(SAME, sides.digits(MOST)) if np.all(sides.same) else Judged(UNDECIDED)

    def precisely(self, place: Place) -> Judged:
        """What 50 digits say, or 100, 200, 400."""
        before, sides = None, None
        for count in DIGITS:
            many = digits_of(count, trusting=count == DIGITS[-1])
            try:
                found = measure_exactly(self.outline, place.point, place.dims, many)
            except (OutOfReach, ValueGivenError) as error:
                return Judged(UNDECIDED, reason=f"a value cannot be computed: {error}")
            if any(np.any(found.values[at] != found.values[at]) for at in self.defined):
                return Judged(NOTHING)
            before, sides = sides, Sides.of(found, self.left, self.right, many.arithmetic.finite)
            judged = sides.judged(float(count), before if many.trusting else None)
            if judged is not None:
                return judged
        return Judged(UNDECIDED, reason=self._reason(found, sides, before))

    # ---------------------------------------------------------------- why nothing can be said

    def _reason(self, found: Measured, sides: Sides | None, before: Sides | None) -> str:
        """The constants whose own digits do not reach, or the node that loses the most."""
        rounded = [
            repr(op.value)
            for at in self.outline.order
            if type(op := self.graph.ops[at]) is ops.Const and is_rounded(op.value)
        ]
        stuck = sides and before and bool(np.all(sides.bound[~sides.same] < 1))
        if rounded and stuck:
            return f"the sides differ by no more than the digits of {rounded[0]} leave open"
        return self._loudest(found)

    def _loudest(self, found: Measured) -> str:
        """The node whose own rounding is largest where 400 digits do not suffice."""

        def own(at: int) -> Any:
            inherited = max((_largest(found.errors[arg]) for arg in self.graph.args[at]), default=0)
            return _largest(found.errors[at]) - inherited

        computed = [at for at in self.outline.order if self.graph.args[at]]
        at = max(computed, key=own, default=self.left)
        return f"{DIGITS[-1]} digits do not suffice at node '{self.graph.names[at]}'"


@dataclass(frozen=True)
class Sides:
    """The values of both sides, the bound of their difference's error, and what follows.

    `one_sided` are entries that are certainly finite on one side only, `unknown` those that are
    on neither.
    """

    left: Array
    right: Array
    bound: Array
    size: Array
    off: Array
    differ: Array
    same: Array
    one_sided: Array
    unknown: Array

    @staticmethod
    def of(found: Measured, left: int, right: int, finite: Any) -> Sides:
        """The sides as measured; `finite` tells which numbers of an array are finite."""
        a, b = np.asarray(found.values[left]), np.asarray(found.values[right])
        with np.errstate(all="ignore"):
            bound = np.asarray((found.errors[left] + found.errors[right]) * SLACK)
            ends = finite(a), finite(b)
            known = ends[0] & ends[1] & finite(bound)
            off = np.asarray(np.where(known, np.abs(a - b), 0))
            size = np.asarray(np.where(known, np.maximum(np.abs(a), np.abs(b)), 0))
            one_sided = (ends[0] != ends[1]) & finite(bound)
            differ = known & np.asarray(off > bound, bool)
            same = known & ~differ & np.asarray(bound <= AGREE * size, bool)
        return Sides(a, b, bound, size, off, differ, same, one_sided, ~ends[0] & ~ends[1])

    def judged(self, digits: float, before: Sides | None) -> Judged | None:
        """What is certain at so many digits, None where more are needed.

        With the sides at fewer digits as `before`, what is 0 on both sides to all digits is equal.
        """
        if np.any(self.differ | self.one_sided):
            return self.difference(self.differ | self.one_sided)
        decided = self.same | self.unknown
        if before is not None:
            vanishing = np.asarray(self.bound <= VANISHING * before.bound, bool)
            decided = decided | (vanishing & np.asarray(self.size <= self.bound, bool))
        if not np.all(decided):
            return None
        return Judged(NOTHING) if np.all(self.unknown) else Judged(SAME, self.digits(digits))

    def difference(self, where: Array) -> Judged:
        """DIFFERS, at the entry of those in `where` at which both are furthest apart."""
        off = np.where(self.one_sided, math.inf, self.off).astype(float)
        worst = np.unravel_index(int(np.argmax(np.where(where, off, -1.0))), off.shape)
        entry = tuple(int(each) for each in worst)
        left, right = float(self.left[worst]), float(self.right[worst])
        return Judged(DIFFERS, entry=entry, left=left, right=right, off=float(off[worst]))

    def digits(self, most: float) -> float:
        """The decimal digits that are the same for certain, at the worst entry."""
        worst = most
        pairs = zip(self.bound[self.same].flat, self.off[self.same].flat,
                    self.size[self.same].flat, strict=True)  # fmt: skip
        for bound, off, size in pairs:
            if size > 0 and max(bound, off) > 0:
                share = max(bound, off) / size
                worst = min(worst, -_log10(share))
        return worst


def _log10(number: Any) -> float:
    """The logarithm of a double or an mpmath number, which may be below 1e-308."""
    if not isinstance(number, float):
        return float(digits_of(DIGITS[0]).context.log10(number))
    return math.log10(number) if number else -math.inf


def _largest(errors: Array) -> Any:
    return np.max(errors, initial=0)
