"""`Iterations`: where a session stands in a training run, and what it stops at on the way.

Each step of a run is the same graph at another point, so going to another iteration keeps the walk
and the position and changes the numbers alone; going back is as exact as going on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError
from ..language.parser import expression
from ..numbers.evaluator import evaluate
from ..tape.builder import Builder
from ..tape.graph import Graph
from ..tape.sizes import named

Array = NDArray[Any]
NAMES = ("loss", "previous", "best", "epoch", "iteration")  # what a condition may read
PHRASES = {  # what people say, as conditions
    "loss increases": "loss > previous",
    "loss decreases": "loss < previous",
    "loss is best": "loss < best",
    "epoch begins": "epoch > epoch_before",
}
_WORDS = re.compile(r"\s+")


class Run(Protocol):
    """A training run, as a session goes over it."""

    losses: Sequence[float]

    @property
    def iterations(self) -> int:
        """How many steps were taken."""

    def point(self, iteration: int) -> Mapping[str, Array]:
        """Every input of the step of this number, from 0."""

    def epoch(self, iteration: int) -> int:
        """The epoch of a step, from 0."""


@dataclass(frozen=True, eq=False)
class Condition:
    """A breakpoint on iterations: it stops where its text holds.

    >>> Condition("loss increases").matches([1.0, 0.5, 0.7, 0.6], lambda at: 0)
    [2]
    """

    text: str

    def matches(self, losses: Sequence[float], epoch: Any) -> list[int]:
        """The iterations at which it holds, in order; GraphError for a text that is no condition.

        It may read loss, previous (the loss one step before), best (the least before), epoch and
        iteration.
        """
        words = _WORDS.sub(" ", self.text.strip())
        graph = self._graph(PHRASES.get(words, words))
        if not losses:
            return []
        loss = np.asarray(losses, float)
        epochs = np.array([epoch(at) for at in range(len(loss))], float)
        before = np.concatenate([[np.nan], loss[:-1]])
        columns = {
            "loss": loss, "previous": before, "epoch": epochs,
            "best": np.concatenate([[np.nan], np.fmin.accumulate(loss)[:-1]]),
            "epoch_before": np.concatenate([[np.nan], epochs[:-1]]),
            "iteration": np.arange(len(loss), dtype=float),
        }  # fmt: skip
        point = {name: columns[name] for name in graph.inputs}
        found = np.broadcast_to(evaluate(graph, point)[graph.outputs[0]], loss.shape)
        return [int(at) for at in np.flatnonzero((found != 0) & np.isfinite(found))]

    def _graph(self, text: str) -> Graph:
        """The condition over the columns, all of one named length."""
        b = Builder()
        names = {name: b.input(name, (named("iterations"),)) for name in (*NAMES, "epoch_before")}
        made = expression(b, text, names)
        return b.build({"condition": made})


class Iterations:
    """A run, the present iteration, and the conditions that stop a session on its way over it."""

    def __init__(self, run: Run) -> None:
        if not run.iterations:
            raise GraphError("the run has no iterations to go over")
        self.run = run
        self.now = 0
        self.conditions: dict[int, Condition] = {}

    @property
    def last(self) -> int:
        """The number of the last iteration."""
        return self.run.iterations - 1

    def checked(self, iteration: int) -> int:
        """An iteration; GraphError for one that the run does not have."""
        if not 0 <= iteration <= self.last:
            raise GraphError(f"found iteration {iteration}, expected one from 0 to {self.last}")
        return iteration

    def target(self, times: int) -> int:
        """The iteration `times` on (or back), or the first before it where a condition holds."""
        wanted = min(max(self.now + times, 0), self.last)
        between = [at for at in self.stops() if self.now < at <= wanted or wanted <= at < self.now]
        if not between:
            return wanted
        return min(between) if times > 0 else max(between)

    def stops(self) -> set[int]:
        """The iterations at which a condition holds."""
        return {at for each in self.conditions.values()
                for at in each.matches(self.run.losses, self.run.epoch)}  # fmt: skip

    def told(self) -> Iterator[str]:
        """Where the session stands: iteration, epoch, loss."""
        yield (
            f"iteration {self.now} of {self.last}, epoch {self.run.epoch(self.now)}, "
            f"loss {self.run.losses[self.now]:.6g}"
        )
