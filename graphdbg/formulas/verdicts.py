"""`Verdict`: the answer to a claim, and how it reads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import lazy

PROVED, REFUTED, AGREES, UNDECIDED = "proved", "refuted", "agrees", "undecided"
NEARLY = 1e-4  # a relative difference below it is told by its digit: the ratio would read 1
SIMPLE = 12  # the largest denominator of a number that is written as a fraction


@dataclass(frozen=True)
class Verdict:
    """The answer to a claim.

    `verdict` is "proved", "refuted", "agrees" or "undecided". A refutation has `point`, `entry`
    and the values `left` and `right` there, which are `off` by so much. `digits` is the number of
    decimal digits that were compared and are the same at all of `points` points; `precise` are
    (digits, points) of those that were computed with many digits. `exceptions` say where it does
    not hold although it does around there; `untaken` are nodes of which no point took one branch.
    A proof says its `road`, for which sizes it `holds`, and its `assumptions`; what is undecided
    says its `reason`.
    """

    claim: str
    verdict: str
    digits: float = 0.0
    points: int = 0
    road: str = ""
    holds: str = ""
    assumptions: tuple[str, ...] = ()
    point: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    entry: tuple[int, ...] = ()
    left: float = 0.0
    right: float = 0.0
    off: float = 0.0
    untaken: tuple[str, ...] = ()
    exceptions: tuple[str, ...] = ()
    precise: tuple[float, int] = (0.0, 0)
    reason: str = ""

    def __bool__(self) -> bool:
        return self.verdict in (PROVED, AGREES)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found: dict[str, str] = lazy.module("publishing.notebooks").text(self)
        return found

    def __str__(self) -> str:
        if self.verdict == REFUTED:
            points = [f"    {name} = {_short(value)}" for name, value in self.point.items()]
            return "\n".join([*self.lines(), "  at the point", *points])
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The answer line by line; without the point of a refutation."""
        first = f"{self.verdict}: {self.claim}"
        if self.verdict == REFUTED:
            return [first, *self._difference()]
        if self.verdict == UNDECIDED:
            return [first, f"  {self.reason}"]
        excepted = [f"  except {each}" for each in self.exceptions]
        if self.verdict == PROVED:
            because = f", because {'; '.join(self.assumptions)}" if self.assumptions else ""
            return [
                first,
                *excepted,
                f"  for {self.holds}, by {self.road}{because}; {self._equal()}",
            ]
        missed = f"; a branch of {', '.join(self.untaken)} was never taken" if self.untaken else ""
        return [first, *excepted, f"  {self._equal()}; no symbolic proof was found{missed}"]

    def _difference(self) -> list[str]:
        """Both sides of a refutation, and their ratio or the digit in which they differ."""
        where = f" at entry {self.entry}" if self.entry else ""
        size = max(abs(self.left), abs(self.right))
        near = 0 < self.off < NEARLY * size < math.inf
        digits = 17 if near else 12
        told = f"ratio {_ratio(self.left, self.right)}"
        if near:
            place = int(-math.log10(self.off / size)) + 1
            told = f"they differ by {self.off:.1g}, in digit {place}"
        return [
            f"  left  {self.left:.{digits}g}{where}", f"  right {self.right:.{digits}g}",
            f"  {told}",
        ]  # fmt: skip

    def _equal(self) -> str:
        if not self.points:
            return "no point could be compared"
        text = f"equal to {math.floor(self.digits)} digits at {counted(self.points, 'point')}"
        digits, count = self.precise
        if count and math.floor(digits) > math.floor(self.digits):
            text += f", to {math.floor(digits)} at {count} of them"
        return text


def counted(number: int, noun: str) -> str:
    """`1 point`, `2 points`."""
    return f"{number} {noun}{'s' * (number != 1)}"


def written(number: float) -> str:
    """A number as a person would write it: 1/2, 0, 2.5e-05; NaN is no number.

    >>> written(0.5), written(3.0), written(0.1234567)
    ('1/2', '3', '0.123457')
    """
    if math.isfinite(number) and number != 0:
        simple = Fraction(number).limit_denominator(SIMPLE)
        if simple and abs(float(simple) - number) <= 1e-12 * abs(number):
            return str(simple)
    return "no number" if math.isnan(number) else f"{number:.6g}" if number else "0"


def _ratio(left: float, right: float) -> str:
    return f"{left / right:.6g}" if right else "-"


def _short(value: NDArray[np.float64]) -> str:
    if np.ndim(value) == 0:
        return repr(float(value))  # all digits: a counterexample may lie close to a kink
    return np.array2string(np.asarray(value), precision=6, threshold=12).replace("\n", "")
