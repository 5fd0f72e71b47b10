"""`Run`: a training run, of which every step can be had again.

State is what changes between steps: the parameters and what the rules keep. Copies are kept at
intervals; any step's state is found from the copy before it by running the compiled step again,
so that going back over iterations is exact.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lazy
from ..errors import GraphError
from .data import Data
from .steps import TrainingStep

Array = NDArray[Any]
State = dict[str, Array]
MOST_COPIES = 64  # of the state; when they are full, every second one goes
FIRST_INTERVAL = 16  # steps between copies at first


@dataclass(frozen=True, slots=True)
class Epoch:
    """What was measured at the end of an epoch.

    `loss` is the mean over its batches, `validation` None without held-out samples. Norms are of
    the last batch's gradients, ratios of its updates to its weights: None for a weight of 0.
    """

    number: int
    iteration: int
    loss: float
    validation: float | None
    rate: float
    norms: Mapping[str, float]
    ratios: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, eq=False)
class Best:
    """The epoch with the smallest validation loss so far, and the state at its end."""

    value: float
    number: int
    state: State


@dataclass(frozen=True, slots=True)
class Plan:
    """How a run is made, all that its steps follow from beside program and data."""

    batch: int | None = None
    seed: int = 0
    masks: Mapping[str, float] = field(default_factory=dict)


class Stepper:
    """The compiled step, on data: from the state before a step to the state after it."""

    def __init__(self, step: TrainingStep, data: Data, plan: Plan) -> None:
        self.step, self.data, self.plan = step, data, plan
        self.names = list(step.updates)
        outputs = [step.of, *step.updates.values()]
        self._run = lazy.module("compiling.compiler").compile(step.graph, outputs=outputs).run
        self._shapes = _mask_shapes(step, data)

    @property
    def per_epoch(self) -> int:
        """Steps of an epoch."""
        return self.data.steps(self.plan.batch)

    def point(self, state: Mapping[str, Array], iteration: int) -> State:
        """Every input of the step of this number (from 0): state, batch, masks, count."""
        batch = self.data.batch(self.plan.batch, self.plan.seed, iteration)
        point = {**state, **batch, **self._masks(iteration, batch)}
        if self.step.count is not None:
            point[self.step.count] = np.array(float(iteration + 1))
        return point

    def advance(self, state: Mapping[str, Array], iteration: int) -> tuple[float, State]:
        """The loss at the state, and the state after the step of this number."""
        loss, *new = self._run(self.point(state, iteration))
        return float(loss), dict(zip(self.names, map(in_order, new)))

    def _masks(self, iteration: int, batch: Mapping[str, Array]) -> State:
        """Inputs that are drawn anew at each step: 1/keep with probability keep, else 0."""
        if not self.plan.masks:
            return {}
        rng = np.random.default_rng([self.plan.seed, 1_000_003, iteration])
        count = len(next(iter(batch.values())))
        found = {}
        for name, keep in self.plan.masks.items():
            found[name] = (rng.random(self.mask_shape(name, count)) < keep) / keep
        return found

    def mask_shape(self, name: str, count: int) -> list[int]:
        """The shape of an input that is drawn anew, for this many samples."""
        return [count if size is None else size for size in self._shapes[name]]


def in_order(value: ArrayLike) -> Array:
    """The array with its rows one after the other in memory, 0-dimensional ones included.

    The last bits of a product depend on that order, and a file does not keep every one.
    """
    return np.asarray(value, order="C")


def _mask_shapes(step: TrainingStep, data: Data) -> dict[str, tuple[int | None, ...]]:
    """The sizes of each input that is neither data nor state; None for that of the samples."""
    dims: dict[str, int | None] = {}
    for name, each in data.arrays.items():
        for at, (dim, size) in enumerate(zip(step.graph[name].shape, each.shape)):
            dims[str(dim)] = None if at == 0 else size
    return {
        name: tuple(dims.get(str(dim), dim if isinstance(dim, int) else 1)
                    for dim in step.graph[name].shape)
        for name in step.data if name not in data.arrays
    }  # fmt: skip


class History:
    """The states of a run: copies at intervals, the rest found by running again.

    `copies` are states with the numbers of the steps they stand before; the first is that before
    step 0.
    """

    def __init__(self, stepper: Stepper, copies: Sequence[tuple[int, State]]) -> None:
        self.stepper = stepper
        self.copies = list(copies)
        self.interval = FIRST_INTERVAL
        self._last: tuple[int, State] | None = None

    def keep(self, iteration: int, state: State) -> None:
        """Remember the state before a step; for good where its turn has come."""
        self._last = (iteration, state)
        if iteration % self.interval or iteration <= self.copies[-1][0]:
            return
        self.copies.append((iteration, state))
        if len(self.copies) > MOST_COPIES:
            self.interval *= 2
            self.copies = [each for each in self.copies if each[0] % self.interval == 0]

    def state(self, iteration: int) -> State:
        """The state before the step of this number, to the bit as it was."""
        at = bisect_right(self.copies, iteration, key=lambda each: each[0]) - 1
        begin, state = self.copies[at]
        if self._last is not None and begin <= self._last[0] <= iteration:
            begin, state = self._last
        for number in range(begin, iteration):
            _, state = self.stepper.advance(state, number)
        self._last = (iteration, state)
        return state


@dataclass(frozen=True, eq=False)
class Progress:
    """What a run needs to go on: its first state, the one before the next step, measurements.

    `best` is the best epoch so far, where training may stop early.
    """

    first: State
    now: State
    losses: Sequence[float]
    epochs: Sequence[Epoch]
    best: Best | None = None


class Keeper(Protocol):
    """What saves a run while it goes on."""

    def begin(self, run: Run) -> None:
        """The run is about to take its first step."""

    def is_due(self, run: Run) -> bool:
        """Whether it is time to save the run, which is between two steps."""

    def save(self, run: Run) -> None:
        """Save the run, which goes on."""

    def finish(self, run: Run) -> None:
        """Save the run, which has ended."""


@dataclass(eq=False)
class Run:
    """What training has found.

    `losses` are those of the steps, each before its update; `epochs` the measurements by epoch.
    `parameters` are the last ones, or those of the best epoch where training stopped early.
    `stopped` says why it ended: epochs, early stopping, interrupted; `signal` is the number of the
    signal that asked for the end, else 0. `latest` are the states before and after the last step.
    `leader` is the best epoch so far, where training may stop early.
    """

    step: TrainingStep
    plan: Plan
    history: History
    losses: list[float]
    epochs: list[Epoch]
    parameters: dict[str, Array]
    stopped: str
    best: int | None = None
    classes: Sequence[str] = ()
    latest: tuple[State, State] | None = None
    leader: Best | None = None
    signal: int = 0

    @property
    def iterations(self) -> int:
        """How many steps were taken."""
        return len(self.losses)

    def state(self, iteration: int) -> State:
        """Parameters and memory before the step of this number; GraphError for one not taken."""
        if not 0 <= iteration <= self.iterations:
            raise GraphError(
                f"found iteration {iteration}, expected one from 0 to {self.iterations}"
            )
        return self.history.state(iteration)

    def point(self, iteration: int) -> State:
        """Every input of the step of this number: its state and its batch."""
        return self.history.stepper.point(self.state(iteration), iteration)

    @property
    def progress(self) -> Progress:
        """What `train` goes on from, with `resume`."""
        first, now = self.history.copies[0][1], self.state(self.iterations)
        return Progress(first, now, tuple(self.losses), tuple(self.epochs), self.leader)

    def epoch(self, iteration: int) -> int:
        """The epoch of a step, from 0."""
        return iteration // self.history.stepper.per_epoch

    def __str__(self) -> str:
        last = self.epochs[-1] if self.epochs else None
        lines = [f"{self.iterations:,} steps in {len(self.epochs)} epochs: {self.stopped}"]
        if last is not None:
            held = "" if last.validation is None else f", validation {last.validation:.6g}"
            lines.append(f"loss {last.loss:.6g}{held}")
        if self.best is not None:
            lines.append(f"parameters of epoch {self.best}, the best on held-out samples")
        return "\n".join(lines)
