"""The search for a point at which two nodes differ: everywhere, and with known rounding.

First a few ordinary points, so that what is plainly wrong is refuted at once; then, in turn, all
magnitudes and signs, the surroundings of the constants, and both sides of the kinks. Some points
are computed with many digits: ordinary ones, and those that rounding leaves open. A difference
that vanishes when the point is moved a little is an exception, not a refutation: a kink, where a
convention decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..numbers.evaluator import bind, bind_dims
from ..numbers.measuring import Measured
from ..numbers.places import Place, Places
from ..numbers.sampling import sample
from ..tape import ops
from ..tape.graph import Graph
from ..tape.operations import operand
from ..tape.scalars import TABLE, evaluate_template, template
from .comparing import DIFFERS, MOST, SAME, UNDECIDED, Comparison, Judged
from .verdicts import AGREES, REFUTED, Verdict, written
from .verdicts import UNDECIDED as OPEN

PRECISE = 2  # ordinary points that are always computed with many digits
NOISY = 6  # points that rounding leaves open, computed with many digits
WORK = 5e5  # microseconds, by the figures below: half a second on one core
NODE, OPERATION = 50.0, 0.02  # microseconds of a node, and of a scalar operation
MANY = 6_000  # scalar operations of noisy points with many digits; each takes some 30 microseconds
FEWEST = 24  # points of the search, however large the graph
EXCEPTIONS = 3  # that are told


@dataclass
class Search:
    """One search: what it found so far."""

    comparison: Comparison
    claim: str
    seed: int = 0
    called: tuple[str, str] = ("the left side is", "the right")
    digits: float = MOST
    count: int = 0
    precise: list[float] = field(default_factory=list)
    exceptions: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    refuted: tuple[Judged, Place, int] | None = None

    def __post_init__(self) -> None:
        c = self.comparison
        self.places = Places(c.graph, c.outline.targets, self.seed)
        self.branches = Branches(c.graph, c.outline.order, c.outline.selections)
        self.seen = 0
        self.ordinary: list[Place] = []

    def run(self, plain: int, given: Mapping[str, ArrayLike], dims: Mapping[str, int]) -> Verdict:
        """The verdict by numbers: refuted, agrees or undecided."""
        judged = []
        for place in self._points(plain, given, dims):
            self.ordinary.append(place)
            judged.append(self._visit(place))
            if self.refuted is not None:
                return self._refutation()
        judged = self._with_digits(self.ordinary, judged)
        if self.refuted is None:
            self._look_everywhere()
        if self.refuted is not None:
            return self._refutation()
        undecided = not any(each.outcome == SAME for each in judged) and any(
            each.outcome == UNDECIDED for each in judged
        )
        if undecided or not self.count:
            reason = self.reason or "both sides are undefined at every point that was tried"
            return Verdict(self.claim, OPEN, reason=reason, untaken=self.branches.untaken())
        return Verdict(
            self.claim, AGREES, self.digits, self.count, untaken=self.branches.untaken(),
            exceptions=self._told(),
            precise=(min(self.precise, default=0.0), len(self.precise)),
        )  # fmt: skip

    # ---------------------------------------------------------------- points

    def _points(
        self, count: int, given: Mapping[str, ArrayLike], sizes: Mapping[str, int]
    ) -> Iterator[Place]:
        """The user's own point, where there is one, and random points of the usual size."""
        graph = self.comparison.graph
        shapes = {name: graph.shapes[graph.id(name)] for name in graph.inputs}
        for at in range(-1 if given or sizes else 0, count):
            own = (dict(sizes), dict(given)) if at < 0 else (None, None)
            if at < 0 and len(given) == len(graph.inputs):  # as it is, tame or not
                yield Place(*bind(graph, given))
                continue
            point = sample(graph, self.seed + max(at, 0), *own)
            dims = bind_dims(shapes, {name: np.shape(value) for name, value in point.items()})
            yield Place(point, dims)

    def _with_digits(self, ordinary: Sequence[Place], judged: Sequence[Judged]) -> list[Judged]:
        """The judgements on ordinary points, the first and the open ones with many digits."""
        found = list(judged)
        for at, place in enumerate(ordinary):
            if at >= PRECISE and found[at].outcome != UNDECIDED:
                continue
            if self.comparison.fits(place):
                better = self._judge_precisely(place)
                found[at] = found[at] if better.outcome == UNDECIDED and at < PRECISE and (
                    found[at].outcome == SAME) else better  # fmt: skip
            elif found[at].outcome == UNDECIDED:
                found[at] = self._smaller(place)
            if self.refuted is not None:
                break
        return found

    def _smaller(self, place: Place) -> Judged:
        """An ordinary point at the smallest sizes instead, for many digits."""
        for dims in self.places.small_dims():
            small = self.places.draw(self.places.real(1.0, 0), dims)
            if min(dims.values(), default=1) > 1 and self.comparison.fits(small):
                return self._judge_precisely(small)
        self.reason = self.reason or (
            "rounding leaves it open, and the program is too large to be computed with more digits"
        )
        return Judged(UNDECIDED)

    def _look_everywhere(self) -> None:
        """The stages in turn, within the budget; then the open points with many digits."""
        noisy: list[Place] = []
        places = self.places
        stages = [places.everywhere(), places.around_constants(), places.at_kinks()]
        for place in islice(_in_turn(stages), self._budget()):
            if self._visit(place).outcome == UNDECIDED and self.comparison.fits(place):
                noisy.append(place)
            if self.refuted is not None:
                return
        step, left = max(1, len(noisy) // NOISY), MANY
        for place in noisy[::step][:NOISY]:
            self._judge_precisely(place)
            left -= self.comparison.outline.cost(place.dims)
            if self.refuted is not None or left < 0:
                return

    def _budget(self) -> int:
        outline = self.comparison.outline
        each = NODE * len(outline.order) + OPERATION * outline.cost(self.places.dims)
        return max(FEWEST, int(WORK / each))

    # ---------------------------------------------------------------- judgements

    def _visit(self, place: Place) -> Judged:
        """The place judged in double precision, and what follows noted."""
        found = self.comparison.measured(place)
        judged = self.comparison.quickly(found)
        self._note(judged, place, found, precise=False)
        return judged

    def _judge_precisely(self, place: Place) -> Judged:
        judged = self.comparison.precisely(place)
        self._note(judged, place, None, precise=True)
        return judged

    def _note(self, judged: Judged, place: Place, found: Measured | None, precise: bool) -> None:
        self.seen += not precise
        if judged.outcome == UNDECIDED:
            self.reason = self.reason or judged.reason
        elif judged.outcome == DIFFERS:
            if self._vanishes(place, precise):
                where, values = self._exception(judged, place)
                self.exceptions.setdefault(where, values)
            else:
                self.refuted = judged, place, self.seen
        elif judged.outcome == SAME:
            self._count(judged, place, found, precise)

    def _count(self, judged: Judged, place: Place, found: Measured | None, precise: bool) -> None:
        """A point at which both sides are the same; one that was counted is not counted twice."""
        if precise:
            self.precise.append(judged.digits)
        measured = found or self.comparison.measured(place)
        if not precise or self.comparison.quickly(measured).outcome != SAME:
            self.count += 1
            self.digits = min(self.digits, judged.digits)
        if measured is not None:
            self.branches.visit(measured)

    def _vanishes(self, place: Place, precise: bool) -> bool:
        """Whether the difference is gone at every point close by."""
        for near in self.places.nudged(place):
            judged = self.comparison.quickly(self.comparison.measured(near))
            if judged.outcome == UNDECIDED or (precise and judged.outcome == SAME):
                judged = self.comparison.precisely(near) if self.comparison.fits(near) else judged
            if judged.outcome == DIFFERS:
                return False
        return True

    # ---------------------------------------------------------------- words

    def _refutation(self) -> Verdict:
        assert self.refuted is not None
        judged, place, points = self.refuted
        return Verdict(
            self.claim, REFUTED, 0.0, points, point=place.point, entry=judged.entry,
            left=judged.left, right=judged.right, off=judged.off,
        )  # fmt: skip

    def _told(self) -> tuple[str, ...]:
        """The first exceptions: `at x = 0, where our convention gives 1/2 and the claim 0`."""
        told = (f"at {where}, where {values}" for where, values in self.exceptions.items())
        return tuple(islice(told, EXCEPTIONS))

    def _exception(self, judged: Judged, place: Place) -> tuple[str, str]:
        """Where a point lies, and the values of both sides there."""
        found = self.comparison.measured(place)
        ties = self.branches.ties(found) if found is not None else ()
        if ties:
            where = " and ".join(ties[:2])
        else:
            alike = {name: np.ravel(x)[0] for name, x in place.point.items() if _is_alike(x)}
            shown = [f"{name} = {written(float(x))}" for name, x in alike.items()]
            where = ", ".join(shown[:3]) or "single points"
        left, right = self.called
        return where, f"{left} {written(judged.left)} and {right} {written(judged.right)}"

    def thin_ties(self) -> tuple[str, ...]:
        """Every tie behind the claim, for a proof that leaves them out."""
        ties = dict.fromkeys(self.branches.tie(at) for at in self.branches.taken)
        return tuple(f"at {tie}, which the proof leaves out" for tie in islice(ties, EXCEPTIONS))


class Branches:
    """Which branches of the nodes behind a claim were taken: above and below each kink.

    `selections` compare an array with its own largest entries along axes: they have one branch.
    """

    def __init__(
        self, graph: Graph, order: Iterable[int], selections: Mapping[int, tuple[int, ...]]
    ) -> None:
        self.graph = graph
        self.selections = selections
        moving: set[int] = set()
        self.taken: dict[int, set[bool]] = {}
        for at in order:
            op: Any = graph.ops[at]
            if type(op) is ops.Input or any(arg in moving for arg in graph.args[at]):
                moving.add(at)
                if type(op) is ops.Map and TABLE[op.function].kink and at not in selections:
                    self.taken[at] = set()

    def visit(self, found: Measured) -> None:
        """Note the sides of each kink on which the point's entries lie."""
        for at, sides_taken in self.taken.items():
            if len(sides_taken) < 2:
                above = self._distance(at, found) > 0
                sides_taken.update(bool(side) for side in np.unique(above))

    def _distance(self, at: int, found: Measured) -> Any:
        op: Any = self.graph.ops[at]
        distance = template(TABLE[op.function].kink or "a")
        operands = dict(zip("abc", (found.values[arg] for arg in self.graph.args[at])))
        with np.errstate(all="ignore"):
            return np.asarray(evaluate_template(distance, operands))

    def ties(self, found: Measured) -> tuple[str, ...]:
        """The kinks on which the point lies, such as `x = 0`."""
        names: dict[str, None] = {}
        for at in self.taken:
            if np.any(self._distance(at, found) == 0):
                names[self.tie(at)] = None
        for at, axes in self.selections.items():
            if np.any(np.sum(self._distance(at, found) == 0, axis=axes) > 1):
                names[f"equal entries of {operand(self.graph, self.graph.args[at][0])}"] = None
        return tuple(names)

    def tie(self, at: int) -> str:
        """Where a node has its kink: `x = 0`, `a = b`."""
        inner = [self._unspread(arg) for arg in self.graph.args[at]]
        shown = [operand(self.graph, arg) for arg in inner]
        if len(shown) == 1:
            return f"{shown[0]} = 0"
        constant = isinstance(self.graph.ops[inner[0]], ops.Const)
        return " = ".join(shown[::-1] if constant else shown)

    def _unspread(self, at: int) -> int:
        while type(self.graph.ops[at]) is ops.Broadcast:
            at = self.graph.args[at][0]
        return at

    def untaken(self) -> tuple[str, ...]:
        """The nodes of which a branch was never taken."""
        return tuple(self.graph.names[at] for at, found in self.taken.items() if len(found) < 2)


def _is_alike(x: Any) -> bool:
    """Whether all entries are one number."""
    return bool(np.size(x)) and bool(np.ptp(x) == 0)


def _in_turn(stages: Sequence[Iterator[Place]]) -> Iterator[Place]:
    """The first of each stage, the second of each, and so on."""
    waiting = list(stages)
    while waiting:
        for stage in list(waiting):
            place = next(stage, None)
            if place is None:
                waiting.remove(stage)
            else:
                yield place
