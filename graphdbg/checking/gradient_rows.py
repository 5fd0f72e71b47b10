"""The gradients of a backward pass against differences of its target: all entries of small inputs,
random directions and random entries of large ones.

First every move (one entry, or a direction) is differenced with five points in one stack. Those
that disagree are differenced again with many steps, which separates a wrong gradient from a step
that was too long, too short, or that crossed a kink; at a kink the one-sided differences decide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .differences import LEVELS, RATIO, SIGNS, TINY, aitken, ridders, slopes
from .moves import BUDGET, ROUNDING, Directions, Entries, Group, Indices, Moves
from .runner import Dims, Values
from .verdicts import CONVENTION, GOOD, JUMP, NOISY, NOT_FINITE, WRONG, Row

Array = NDArray[np.float64]

DIRECTIONS = 6  # through an input too large for all of its entries
SINGLE = 12  # random entries of such an input
REFINED = 64  # moves that are differenced again at once
ROUNDS = 40  # of them; by then a wrong gradient has long been found
RESOLVED = 1e-2  # differences must tell a gradient to at least this part of it
ZERO = 1e-9  # of what was added up: a gradient below it is a zero with rounding errors
FIRST = 2.0**-3  # of the many steps; the last is 2^-18 of it
SHORT = 2.0**-19  # the same where a kink may be that near: the last step is 2^-37
WILD = 1e3  # rounding errors over the shortest step: no difference that settles is off by more
ROUGH = 1e4  # rounding errors over the first step: differences that scatter more do not settle
SIDE_LEVELS = 16  # steps to one side, each a quarter of the one before: 2^-3 to 2^-33
ENDS = 4  # of them, the shortest, must have no value on the other side
ONE_SIDED = 2.0**-20  # the step of one-sided differences


@dataclass
class Outcome:
    """What was found for each move; `error` over `slack` says how bad."""

    analytic: Array
    numeric: Array
    slack: Array  # what differences cannot tell
    verdict: NDArray[np.int8]  # places in BADNESS
    crossed: NDArray[np.bool_]  # where the usual step crosses a kink and shorter ones do not
    ended: NDArray[np.bool_]  # where the domain ends, and the slope is that of one side
    steepest: Array  # the target's change over a long step, divided by it; inf if not known
    largest: Any  # the size of a gradient that differences must be able to tell from 0

    def errors(self, rtol: float) -> Array:
        """|analytic - numeric| over the larger of them, or over what differences can tell."""
        size = np.maximum(np.abs(self.analytic), np.abs(self.numeric))
        with np.errstate(all="ignore"):
            error = np.abs(self.analytic - self.numeric) / np.maximum(
                size, self.slack / rtol + TINY
            )
        return np.where(np.isfinite(error), error, np.inf)


class Examination:
    """One group at one point: its flat vector, its gradient, and what was found about its moves."""

    def __init__(
        self,
        group: Group,
        values: Values,
        dims: Dims,
        measure: Callable[[], float],
        rtol: float,
        seed: int,
    ) -> None:
        self.group, self.values, self.dims = group, values, dims
        self.measure, self.rtol = measure, rtol
        self.noise = ROUNDING * abs(float(values[group.backward.of]))
        self.flat = group.flat(values, group.sources)
        held = [group.backward.upstream[at] for at in group.sources]
        self.gradient = group.flat(values, held)
        self.scale = group.scale(values)
        self.largest = self._largest()
        self.seed = seed

    def rows(self) -> list[Row]:
        """A row per source: the worst of what was compared."""
        count = len(self.flat)
        everything = Entries(np.arange(count), self.scale)
        if self.group.cost <= BUDGET:
            return self._rows(everything, self.examine(everything), None)
        rng = np.random.default_rng([self.seed, count])
        along = rng.choice((-1.0, 1.0), (self._directions(), count))
        directions = Directions(along * rng.uniform(0.5, 1.5, along.shape) * self.scale)
        chosen = rng.choice(count, min(SINGLE, count), replace=False)
        largest = np.argsort(np.abs(self.gradient))[-4:]
        some = Entries(np.unique([*chosen, *largest]), self.scale)
        some.scale = self.scale[some.at]
        outcome = self.examine(directions)
        if (outcome.verdict == BAD).any():
            some.at = np.append(some.at, self._locate(directions, outcome))
            some.scale = self.scale[some.at]
        return self._rows(some, self.examine(some), (directions, outcome))

    def _directions(self) -> int:
        fitting = BUDGET // (len(SIGNS) * (self.group.width + len(self.flat)))
        return max(1, min(DIRECTIONS, fitting))

    # -------------------------------------------------------------- differencing

    def examine(self, moves: Moves) -> Outcome:
        """Analytic and numeric slopes along every move, and a verdict on each."""
        steps = self.group.step * moves.scale
        with np.errstate(all="ignore"):
            if isinstance(moves, Entries) and self.group.rows and len(moves.at) == len(self.flat):
                values = self.group.every_entry(self.values, self.dims, steps)
            else:
                values = self._values(moves, np.arange(len(steps)), np.outer(SIGNS, steps))
            numeric = slopes(values, steps)[0]
            made, size = moves.project(self.gradient), moves.size(self.gradient)
            slack = 4 * self.noise / steps
            none = np.zeros(len(made), np.int8)
            largest = self.largest[moves.at] if isinstance(moves, Entries) else self.largest.max()
            no, also_no = none.astype(bool), none.astype(bool)
            steepest = np.full(len(made), np.inf)
            outcome = Outcome(made, numeric, slack, none, no, also_no, steepest, largest)
            self._settle(moves, outcome, size)
        return outcome

    def _values(self, moves: Moves, which: Indices, factors: Array) -> Array:
        """The target for factors[q, k] along move which[k], in stacks within the budget."""
        most = max(1, BUDGET // (len(factors) * (self.group.width + len(self.flat))))
        parts = []
        for low in range(0, len(which), most):
            part = slice(low, low + most)
            stack = moves.stack(self.flat, which[part], factors[:, part])
            values = self.group.run(self.values, self.dims, stack)
            parts.append(values.reshape(len(factors), -1))
        return np.concatenate(parts, axis=1)

    def _settle(self, moves: Moves, outcome: Outcome, size: Array) -> None:
        """Difference again what disagrees or is lost in noise, worst first; set the verdicts."""
        outcome.verdict[~np.isfinite(outcome.analytic)] = BADNESS.index(NOT_FINITE)
        doubtful = self._doubtful(outcome, size)
        if doubtful.any() and (noise := self.measure()) > self.noise:
            outcome.slack += 4 * (noise - self.noise) / (self.group.step * moves.scale)
            self.noise = noise
            doubtful = self._doubtful(outcome, size)
        settled = np.zeros(len(size), bool)
        for _ in range(ROUNDS):
            left = np.flatnonzero(doubtful & ~settled)
            if not len(left):
                return
            worst = left[np.argsort(-outcome.errors(self.rtol)[left], kind="stable")][:REFINED]
            self._refine(moves, worst, outcome, FIRST)
            if self.group.probe.kinked:
                apart = worst[~self._close(outcome, size)[worst]]
                self._refine(moves, apart, outcome, SHORT)
                outcome.crossed[worst] = self._close(outcome, size)[worst]
            self._look_nearer(moves, worst, outcome, size)
            settled[worst] = True
            self._judge(moves, worst, outcome, size)
            if (outcome.verdict[worst] == BAD).any():
                break
        outcome.verdict[doubtful & ~settled] = BAD

    def _doubtful(self, outcome: Outcome, size: Array) -> NDArray[np.bool_]:
        known = np.isfinite(outcome.analytic)
        return known & (~self._close(outcome, size) | ~self._resolved(outcome, size))

    def _close(self, outcome: Outcome, size: Array) -> NDArray[np.bool_]:
        bound = self.rtol * np.maximum(size, np.abs(outcome.numeric)) + outcome.slack + TINY
        near = np.abs(outcome.analytic - outcome.numeric) <= bound  # nan is never close
        return near & np.isfinite(bound)  # nor is anything to differences that do not settle

    def _resolved(self, outcome: Outcome, size: Array) -> NDArray[np.bool_]:
        """Whether differences can tell the gradients of the whole input from noise."""
        return np.asarray(outcome.slack <= RESOLVED * np.maximum(size, outcome.largest))

    def _largest(self) -> Array:
        """For each entry, the largest entry of its input's gradient; inf where that is a zero.

        A zero is below rounding of what was added up before contributions cancelled.
        """
        backward, parts = self.group.backward, []
        for source in self.group.sources:
            held = np.abs(self.values[backward.upstream[source]])
            used = [
                np.max(np.abs(self.values[backward.upstream[part.consumer]]), initial=0)
                for part in backward.contributions.get(source, ())
            ]
            largest = float(np.max(held, initial=0))
            zero = largest <= ZERO * float(max(used, default=0.0))
            parts.append(np.full(held.size, np.inf if zero else largest))
        return np.concatenate(parts)

    def _refine(self, moves: Moves, which: Indices, outcome: Outcome, start: float | Array) -> None:
        """Many steps, each a quarter of the one before, extrapolated."""
        if not len(which):
            return
        first = moves.scale[which] * start
        levels = RATIO ** -np.arange(LEVELS)[:, None, None] * first
        factors = levels * np.array([1.0, -1.0])[:, None]
        values = self._values(moves, which, factors.reshape(2 * LEVELS, -1))
        rises = np.abs(values[:2] - self.values[self.group.backward.of]) / first
        rise = np.max(np.where(np.isfinite(rises), rises, 0), axis=0)
        known = np.where(np.isfinite(rises).any(axis=0), rise, np.inf)
        outcome.steepest[which] = np.minimum(outcome.steepest[which], known)
        best, error = ridders(values.reshape(LEVELS, 2, -1), first, self.noise)
        outcome.numeric[which], outcome.slack[which] = best, 10 * error

    def _look_nearer(self, moves: Moves, which: Indices, outcome: Outcome, size: Array) -> None:
        """Shorter steps where the usual ones overflow, then one side only where a domain ends."""
        lost = which[~(self._close(outcome, size) & self._resolved(outcome, size))[which]]
        if not self.group.probe.kinked:
            self._retry(moves, lost, outcome, SHORT)
        if isinstance(moves, Entries):
            own = np.abs(self.flat[moves.at]) / moves.scale
            near = lost[(own[lost] > 0) & (own[lost] < SHORT)]
            self._retry(moves, near, outcome, FIRST * own[near])
        lost = lost[~np.isfinite(outcome.numeric + outcome.slack)[lost]]
        if len(lost):
            numeric, slack = self._one_sided(moves, lost)
            found = np.isfinite(numeric + slack)
            outcome.numeric[lost[found]], outcome.slack[lost[found]] = numeric[found], slack[found]
            outcome.ended[lost[found]] = True

    def _retry(self, moves: Moves, which: Indices, outcome: Outcome, start: float | Array) -> None:
        """Differences with other steps, kept where they can tell more."""
        numeric, slack = outcome.numeric[which], outcome.slack[which]
        self._refine(moves, which, outcome, start)
        worse = ~(outcome.slack[which] < slack)
        outcome.numeric[which] = np.where(worse, numeric, outcome.numeric[which])
        outcome.slack[which] = np.where(worse, slack, outcome.slack[which])

    def _one_sided(self, moves: Moves, which: Indices) -> tuple[Array, Array]:
        """Slopes and their errors from the one side on which the target is finite, nan elsewhere.

        Where the other side has no values, the domain ends here. The slopes of steps that shrink
        by 4 approach the limit geometrically, as sqrt(h) does, which Aitken's rule extrapolates.
        """
        steps = FIRST * RATIO ** -np.arange(SIDE_LEVELS)[:, None] * moves.scale[which]
        here = float(self.values[self.group.backward.of])
        sides = [self._values(moves, which, sign * steps) for sign in (1.0, -1.0)]
        good = [np.isfinite(side).all(axis=0) for side in sides]
        ended = [~np.isfinite(side[-ENDS:]).any(axis=0) for side in sides]
        rises = [(side - here) / (sign * steps) for side, sign in zip(sides, (1.0, -1.0))]
        left = np.where(good[1] & ended[0], rises[1], np.nan)
        chosen = np.where(good[0] & ended[1], rises[0], left)
        return aitken(chosen, 4 * self.noise / steps)

    def _judge(self, moves: Moves, which: Indices, outcome: Outcome, size: Array) -> None:
        close = self._close(outcome, size)
        shortest = moves.scale * SHORT / RATIO ** (LEVELS - 1)
        usual = WILD * self.noise / shortest + RESOLVED * outcome.steepest
        wild = outcome.slack > usual  # at a jump, that of a floor
        resolved = self._resolved(outcome, size) & ~wild
        apart = [at for at in which if not (close[at] and resolved[at])]
        bracketed = self._bracketed(moves, np.array(apart, np.intp), outcome) if apart else []
        for at in which:
            settled = outcome.slack[at] <= ROUGH * self.noise / (moves.scale[at] * FIRST)
            lost = not resolved[at] or not np.isfinite(outcome.numeric[at])
            found = NOISY if close[at] and settled else JUMP if lost or close[at] else WRONG
            if close[at] and resolved[at]:
                found = GOOD
            elif at in bracketed:
                found = CONVENTION
            outcome.verdict[at] = BADNESS.index(found)

    def _bracketed(self, moves: Moves, which: Indices, outcome: Outcome) -> list[int]:
        """The moves whose analytic slope is a convention at a kink or a jump.

        It lies between the slopes just above and just below, which leave out the point itself: at a
        jump the value there belongs to one side, or to none.
        """
        if not self.group.probe.kinked:
            return []
        steps = ONE_SIDED * moves.scale[which]
        values = self._values(moves, which, np.outer(SIGNS, steps))
        here = float(self.values[self.group.backward.of])
        right, left = (values[2] - values[0]) / steps, (values[1] - values[3]) / steps
        leap = np.maximum(np.abs(values[0] - here), np.abs(here - values[1])) / steps
        largest = np.maximum(np.abs(left), np.abs(right))
        slack = 4 * self.noise / steps + 1e-5 * largest
        made = outcome.analytic[which]
        apart = (np.abs(right - left) > slack) | (leap > 2 * (largest + slack))
        inside = (made >= np.minimum(left, right) - slack) & (
            made <= np.maximum(left, right) + slack
        )
        found = apart & inside
        outcome.numeric[which[found]] = (left + right)[found] / 2
        return [int(at) for at in which[found]]

    def _locate(self, moves: Directions, outcome: Outcome) -> int:
        """An entry that is wrong: a wrong direction divided into eight parts, again and again."""
        wrong = int(np.argmax(outcome.verdict == BAD))
        along, entries = moves.along[wrong], np.arange(len(self.flat))
        while len(entries) > 1:
            parts = np.array_split(entries, min(8, len(entries)))
            pieces = np.zeros((len(parts), len(along)))
            for piece, part in zip(pieces, parts, strict=True):
                piece[part] = along[part]
            some = Directions(pieces)
            steps = np.full(len(parts), self.group.step)
            values = self._values(some, np.arange(len(parts)), np.outer(SIGNS, steps))
            gaps = np.abs(slopes(values, steps)[0] - some.project(self.gradient))
            entries = parts[int(np.argmax(gaps))]
        return int(entries[0])

    # -------------------------------------------------------------- rows

    def _rows(
        self, moves: Entries, outcome: Outcome, along: tuple[Directions, Outcome] | None
    ) -> list[Row]:
        rows, low = [], 0
        for source in self.group.sources:
            shape = np.shape(self.values[source])
            high = low + int(np.prod(shape))
            mine = np.flatnonzero((moves.at >= low) & (moves.at < high))
            if along is None:
                checked = f"all {high - low} entries" if shape else "its one entry"
            else:
                checked = f"{len(along[1].verdict)} directions, {len(mine)} of {high - low} entries"
            row = self._row(source, checked, outcome, mine, moves.at[mine] - low, shape)
            if along is not None and row.ok:
                worst = self._row(source, checked, along[1], np.arange(len(along[1].verdict)))
                row = row if worst.ok else worst
            rows.append(row)
            low = high
        return rows

    def _row(
        self,
        source: int,
        checked: str,
        outcome: Outcome,
        mine: Indices,
        places: Indices | None = None,
        shape: tuple[int, ...] = (),
    ) -> Row:
        names, of = self.group.graph.names, self.group.backward.of
        if not len(mine):
            return Row(names[source], names[of], checked, None, 0.0, 0.0, 0.0, self.rtol, GOOD)
        note = ENDED if outcome.ended[mine].any() else ""
        note = CROSSED if outcome.crossed[mine].any() else note
        errors = outcome.errors(self.rtol)[mine]
        worst = int(np.lexsort((errors, outcome.verdict[mine]))[-1])
        at = int(mine[worst])
        verdict = BADNESS[outcome.verdict[at]]
        entry = None
        if places is not None:
            entry = tuple(int(each) for each in np.unravel_index(int(places[worst]), shape))
        return Row(
            names[source], names[of], checked, entry, float(outcome.analytic[at]),
            float(outcome.numeric[at]), float(errors[worst]), self.rtol, verdict,
            NOTES.get(verdict, note),
        )  # fmt: skip


BADNESS = (GOOD, CONVENTION, NOISY, JUMP, WRONG, NOT_FINITE)
BAD = BADNESS.index(WRONG)
CROSSED = "a kink lies within the usual difference step, which was made shorter"
ENDED = "the domain ends here: the slope is that from the side on which the target has values"
NOTES = {
    CONVENTION: "the point is on a kink: the gradient lies between the one-sided differences",
    NOISY: "rounding errors of the target hide it from differences; its local rules speak for it",
    JUMP: "the target jumps here: differences do not settle",
}
