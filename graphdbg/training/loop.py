"""`train`: the compiled step over and over, with what people watch while it runs.

Nothing is parsed, differentiated or looked up by name between two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lazy
from ..checking.findings import nonfinite_nodes
from ..errors import GraphError
from ..language.parser import parse
from ..numbers.evaluator import evaluate
from ..tape.graph import Graph
from ..tape.ops import Input
from ..tape.sizes import Size
from .data import Data, data_for
from .rules import optimizer as rule_of
from .runs import Epoch, History, Plan, Progress, Run, State, Stepper
from .steps import Group, TrainingStep, learned, training_step

Array = NDArray[Any]
Told = Callable[[Run], None]


class DivergedError(GraphError):
    """A loss that is no number any more: which step, and at which node it began."""


def train(
    program: Graph | str,
    data: Data | Mapping[str, ArrayLike] | tuple[ArrayLike, ArrayLike] | str | Path,
    *,
    of: str | None = None,
    optimizer: str = "sgd",
    lr: float | None = None,
    schedule: str = "constant",
    settings: Mapping[str, float] | None = None,
    pace: Mapping[str, float] | None = None,
    groups: Iterable[Group] = (),
    epochs: int = 100,
    batch: int | None = None,
    validation: float = 0.0,
    early_stopping: int | None = None,
    masks: Mapping[str, float] | None = None,
    start: Mapping[str, ArrayLike] | None = None,
    seed: int = 0,
    target: str | None = None,
    told: Told | None = None,
    resume: Run | Progress | None = None,
) -> Run:
    """The `Run` that minimises the program's only scalar result, or `of`, on the data.

    `data` are arrays by input name, (X, y), a `Data`, or a csv, npy or npz file; every other real
    input is learned. `lr` defaults to the rule's own; `settings` are the rule's (rho, beta1, ...),
    `pace` those of the schedule; `groups` give parameters rules of their own. `batch` of None is
    all samples at once. `early_stopping` epochs without a better validation loss end the run, and
    the best parameters are kept. `masks` are inputs drawn anew at each step (dropout), by the
    probability to keep. `start` gives initial values; others are drawn by the seed, weights with
    variance 1/fan-in, vectors and numbers as 0. `resume` goes on from a run.

    Raises DivergedError where the loss stops being a number, naming step and node; GraphError for
    arguments that cannot be, ValueGivenError for data that do not fit.

    >>> import graphdbg as gd
    >>> run = gd.train("X: Real[n,1]; y: Real[n]; w: Real[1]; E = sum((X@w - y)^2)/n",
    ...                ([[1], [2], [3]], [2, 4, 6]), lr=0.1, epochs=50)
    >>> run.parameters["w"].round(6), run.stopped
    (array([2.]), '50 epochs')
    """
    graph = parse(program) if isinstance(program, str) else program
    found = data if isinstance(data, Data) else data_for(graph, data, target)
    given = set(found.arrays) | set(masks or {})
    parameters = learned(graph, given)
    _check(graph, found, parameters, epochs, batch, early_stopping, validation, seed)
    rate = rule_of(optimizer).settings["lr"] if lr is None else lr
    default = Group((), optimizer, rate, schedule, settings or {}, pace or {})
    named = list(groups)
    left = set(parameters) - {name for each in named for name in each.parameters}
    if left and all(each.parameters for each in named):  # none of them takes the rest
        named.append(default)
    step = training_step(graph, parameters, of, named)
    learning, held = found.split(validation, seed)
    plan = Plan(batch, seed, masks or {})
    before = resume.progress if isinstance(resume, Run) else resume
    loop = Training(graph, step, learning, held, plan, early_stopping)
    return loop.run(epochs, start or {}, told, before, found.classes)


class Training:
    """A run in the making: what is made once, so that an epoch is nothing but steps."""

    def __init__(
        self, graph: Graph, step: TrainingStep, data: Data, held: Data, plan: Plan,
        patience: int | None,
    ) -> None:  # fmt: skip
        self.graph, self.step, self.held, self.patience = graph, step, held, patience
        self.best: tuple[float, int, State] | None = None
        self.stepper = Stepper(step, data, plan)
        compile_ = lazy.module("compiling.compiler").compile
        self.loss = compile_(graph, outputs=[step.of]).run
        wanted = [f"{step.of}.d_{name}" for name in step.parameters]
        self.probe = compile_(step.graph, outputs=[*step.rates, *wanted]).run

    def run(
        self, epochs: int, start: Mapping[str, ArrayLike], told: Told | None,
        before: Progress | None, classes: Sequence[str] = (),
    ) -> Run:  # fmt: skip
        """All epochs, or fewer; Ctrl-C ends the run and loses nothing."""
        if before is None:
            state = self._begin(start)
            before = Progress(state, state, (), ())
        copies = {0: before.first, len(before.losses): before.now}
        history, state = History(self.stepper, list(copies.items())), before.now
        run = Run(self.step, self.stepper.plan, history, list(before.losses), list(before.epochs),
                  {}, "", classes=classes)  # fmt: skip
        run.stopped = f"{epochs} epochs"
        self.best = self._best_of(run)
        try:
            for number in range(len(run.epochs), epochs):
                with np.errstate(all="ignore"):  # a loss that is no number is told with its node
                    state = self._epoch(run, number, state)
                if told is not None:
                    told(run)
                if self._is_enough(run, number, state):
                    break
        except KeyboardInterrupt:
            state = history.state(run.iterations)
            run.stopped = "interrupted"
        run.parameters = {name: state[name] for name in self.step.parameters}
        if self.best is not None and run.stopped.startswith("early"):
            _, run.best, best = self.best
            run.parameters = {name: best[name] for name in self.step.parameters}
        return run

    def _best_of(self, run: Run) -> tuple[float, int, State] | None:
        """The best epoch of a run that goes on, with its state; None where nothing was held out."""
        held = [each for each in run.epochs if each.validation is not None]
        if self.patience is None or not held:
            return None
        best = min(held, key=lambda each: (each.validation, each.number))
        return best.validation or 0.0, best.number, run.state(best.iteration)

    def _begin(self, start: Mapping[str, ArrayLike]) -> State:
        drawn = initial(self.step, self.stepper.data, self.stepper.plan.seed)
        for name, value in start.items():
            if name not in drawn:
                raise GraphError(f"'{name}' has a start value, but is not learned: {list(drawn)}")
            drawn[name] = np.array(value, float)
        return self.step.start(drawn)

    def _epoch(self, run: Run, number: int, state: State) -> State:
        """One pass over the data; the state after it."""
        first = run.iterations
        before = state
        for iteration in range(first, first + self.stepper.per_epoch):
            run.history.keep(iteration, state)
            loss, after = self.stepper.advance(state, iteration)
            if not np.isfinite(loss):
                self._explain(run, state, iteration, loss)
            run.losses.append(loss)
            before, state = state, after
        run.latest = (before, state)
        run.epochs.append(self._measured(run, number, first, before, state))
        return state

    def _measured(self, run: Run, number: int, first: int, before: State, after: State) -> Epoch:
        last = run.iterations - 1
        found = self.probe(self.stepper.point(before, last))
        count = len(self.step.rates)
        norms = {name: float(np.linalg.norm(each))
                 for name, each in zip(self.step.parameters, found[count:])}  # fmt: skip
        ratios = {}
        for name in self.step.parameters:
            size = float(np.linalg.norm(before[name]))
            ratios[name] = float(np.linalg.norm(after[name] - before[name])) / size if size else 0.0
        return Epoch(
            number, run.iterations, float(np.mean(run.losses[first:])), self._validation(after),
            float(found[0]), norms, ratios,
        )  # fmt: skip

    def _validation(self, state: State) -> float | None:
        """The loss on the held-out samples, nothing dropped; None where there are none."""
        if not self.held.count:
            return None
        point = {name: state[name] for name in self.step.parameters} | dict(self.held.arrays)
        for name in self.stepper.plan.masks:
            point[name] = np.ones(self.stepper.mask_shape(name, self.held.count))
        return float(self.loss(point)[0])

    def _is_enough(self, run: Run, number: int, state: State) -> bool:
        """Whether the validation loss has not become better for as long as patience lasts."""
        value = run.epochs[-1].validation
        if self.patience is None or value is None:
            return False
        if self.best is None or value < self.best[0]:
            self.best = (value, number, state)
        if number - self.best[1] < self.patience:
            return False
        run.stopped = f"early stopping: no better for {self.patience} epochs"
        return True

    def _explain(self, run: Run, state: State, iteration: int, loss: float) -> None:
        """Raise DivergedError with the step and the node where the first such number arose."""
        wanted, at, of = [self.step.of], iteration, state
        if iteration and not all(np.isfinite(each).all() for each in state.values()):
            at, of = iteration - 1, run.state(iteration - 1)  # the update before made it
            wanted = list(self.step.updates.values())
        graph = self.step.graph
        trace = evaluate(graph, self.stepper.point(of, at))
        with np.errstate(all="ignore"):
            found = nonfinite_nodes(graph, trace.arrays, [graph.id(name) for name in wanted])
        spoiling = [(node, bad) for node, bad in found.items() if not bad.harmless]
        if spoiling:
            node, bad = spoiling[0]
            step = "" if at == iteration else f"in the update of iteration {at}, "
            where = f"{step}at '{graph.names[node]}' ({bad.value}: {bad.explanation})"
        else:
            large = max(self.step.parameters, key=lambda x: float(np.max(np.abs(state[x]))))
            where = f"in the compiled step alone; the largest parameter is '{large}'"
        raise DivergedError(
            f"the loss is {loss} at iteration {iteration} (epoch "
            f"{iteration // self.stepper.per_epoch}): the first number that is not finite arose "
            f"{where}. Try a smaller rate than {self.step.groups[0].rate:g}, smaller initial "
            "values, or inputs scaled to mean 0 and variance 1"
        )


def initial(step: TrainingStep, data: Data, seed: int) -> dict[str, Array]:
    """Initial parameters: matrices with variance 1/fan-in, vectors and numbers as 0.

    Source: LeCun, Bottou, Orr, Müller, Efficient BackProp (1998), section 4.6.
    """
    dims = {}
    for name, each in data.arrays.items():
        dims.update({str(dim): size for dim, size in zip(step.graph[name].shape, each.shape)})
    found = {}
    for at, name in enumerate(step.parameters):
        op = step.graph[name].op
        assert isinstance(op, Input)
        shape = [_size(name, dim, dims) for dim in op.shape]
        if op.domain == "Positive":
            found[name] = np.ones(shape)
        elif len(shape) < 2:
            found[name] = np.zeros(shape)
        else:
            rng = np.random.default_rng([seed, 2, at])
            found[name] = rng.normal(size=shape) / np.sqrt(shape[-2])
    return found


def _size(name: str, dim: int | Size, dims: Mapping[str, int]) -> int:
    if isinstance(dim, int):
        return dim
    if str(dim) not in dims:
        raise GraphError(
            f"the size '{dim}' of '{name}' does not follow from the data: write a number in the "
            f"program, or give '{name}' a start value"
        )
    return dims[str(dim)]


def _check(
    graph: Graph, data: Data, parameters: list[str], epochs: int, batch: int | None,
    patience: int | None, validation: float, seed: int,
) -> None:  # fmt: skip
    if not parameters:
        raise GraphError(
            "nothing is left to learn: every real input of the program is in the data "
            f"({', '.join(data.arrays)})"
        )
    for what, value in (("epochs", epochs), ("batch", batch), ("early_stopping", patience)):
        if value is not None and value < 1:
            raise GraphError(f"found {what} {value}, expected 1 or more")
    if seed < 0:
        raise GraphError(f"found seed {seed}, expected 0 or more")
    if patience is not None and not validation:
        raise GraphError("early stopping watches the validation loss: hold samples out for it")
