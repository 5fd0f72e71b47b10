"""`train`: the compiled step over and over, with what people watch while it runs.

Nothing is parsed, differentiated or looked up by name between two steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from signal import SIGINT
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lazy
from ..errors import GraphError
from ..tape.graph import Graph, suggestion
from ..tape.ops import Input
from ..tape.programs import Program, graph_of
from ..tape.sizes import Size
from .data import Data, data_for
from .divergence import DivergedError, diverged, held_out
from .rules import optimizer as rule_of
from .runs import Best, Epoch, History, Keeper, Plan, Progress, Run, State, Stepper
from .signals import ALL, CTRL_C, Asked
from .steps import Group, TrainingStep, learned, training_step

Array = NDArray[Any]
Told = Callable[[Run], object]
INTERRUPTED, DIVERGED = "interrupted", "diverged"  # why a run ended, beside those of its own


def train(
    program: Program,
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
    keeper: Keeper | None = None,
    stop: Callable[[], bool] | None = None,
) -> Run:
    """The `Run` that minimises the program's only scalar result, or `of`, on the data.

    `data` are arrays by input name, (X, y), a `Data`, or a csv, npy or npz file; every other real
    input is learned. `lr` defaults to the rule's own; `settings` are the rule's (rho, beta1, ...),
    `pace` those of the schedule; `groups` give parameters rules of their own. `batch` of None is
    all samples at once. `early_stopping` epochs without a better validation loss end the run, and
    the best parameters are kept. `masks` are inputs drawn anew at each step (dropout), by the
    probability to keep. `start` gives initial values; others are drawn by the seed, weights with
    variance 1/fan-in, vectors and numbers as 0. `resume` goes on from a run, wherever it was
    interrupted, to the bit. `told` hears of the run after each epoch, `keeper` saves it while it
    goes on (`folders.Folder`), and it ends between two steps where `stop` says so, or Ctrl-C.

    Raises DivergedError where the loss stops being a number, naming step, sample and node;
    GraphError for arguments that cannot be, ValueGivenError for data that do not fit.

    >>> import graphdbg as gd
    >>> run = gd.train("X: Real[n,1]; y: Real[n]; w: Real[1]; E = sum((X@w - y)^2)/n",
    ...                ([[1], [2], [3]], [2, 4, 6]), lr=0.1, epochs=50)
    >>> run.parameters["w"].round(6), run.stopped
    (array([2.]), '50 epochs')
    """
    graph = graph_of(program)
    found = data if isinstance(data, Data) else data_for(graph, data, target)
    parameters = learned(graph, {*found.arrays, *_masked(graph, masks or {})})
    _check(graph, found, parameters, epochs, batch, early_stopping, validation, seed)
    rate = rule_of(optimizer).settings["lr"] if lr is None else lr
    default = Group((), optimizer, rate, schedule, settings or {}, pace or {})
    step = training_step(graph, parameters, of, _complete(groups, default, parameters))
    learning, held = found.split(validation, seed)
    plan = Plan(batch, seed, masks or {})
    before = resume.progress if isinstance(resume, Run) else resume
    loop = Training(graph, step, learning, held, plan, early_stopping)
    return loop.run(epochs, start or {}, told, before, found.classes, keeper=keeper, stop=stop)


def _masked(graph: Graph, masks: Mapping[str, float]) -> Iterable[str]:
    """The names of the masks; GraphError for one that is no input."""
    for name in masks:
        if name not in graph.inputs:
            raise GraphError(
                f"no input '{name}' for a mask{suggestion(name, graph.inputs)} "
                f"(the program's inputs: {', '.join(graph.inputs)})"
            )
    return masks


def _complete(groups: Iterable[Group], rest: Group, parameters: Sequence[str]) -> list[Group]:
    """The groups, with one for what they leave, where none of them takes it."""
    named = list(groups)
    left = set(parameters) - {name for each in named for name in each.parameters}
    return [*named, rest] if left and all(each.parameters for each in named) else named


class Training:
    """A run in the making: what is made once, so that an epoch is nothing but steps."""

    def __init__(
        self, graph: Graph, step: TrainingStep, data: Data, held: Data, plan: Plan,
        patience: int | None,
    ) -> None:  # fmt: skip
        self.graph, self.step, self.held, self.patience = graph, step, held, patience
        self.stepper = Stepper(step, data, plan)
        compile_ = lazy.module("compiling.compiler").compile
        self.loss = compile_(graph, outputs=[step.of]).run
        wanted = [f"{step.of}.d_{name}" for name in step.parameters]
        self.probe = compile_(step.graph, outputs=[*step.rates, *wanted]).run

    def run(
        self, epochs: int, start: Mapping[str, ArrayLike], told: Told | None,
        before: Progress | None, classes: Sequence[str] = (), *, keeper: Keeper | None = None,
        stop: Callable[[], bool] | None = None,
    ) -> Run:  # fmt: skip
        """All epochs, or fewer; Ctrl-C ends the run and loses nothing."""
        run = self._begun(epochs, start, before, classes)
        with Asked(CTRL_C if keeper is None else ALL, stop) as asked:
            if keeper is not None:
                keeper.begin(run)
            try:
                with asked.breaking(), np.errstate(all="ignore"):  # a NaN is told with its node
                    self._epochs(run, epochs, told, asked, keeper)
            except KeyboardInterrupt:
                run.signal = asked.signal or SIGINT
                run.stopped = INTERRUPTED
            except DivergedError:
                run.stopped = DIVERGED
                self._end(run, keeper)
                raise
            self._end(run, keeper)
            run.signal = run.signal or asked.signal
        return run

    def _begun(
        self, epochs: int, start: Mapping[str, ArrayLike], before: Progress | None,
        classes: Sequence[str],
    ) -> Run:  # fmt: skip
        """The run before the next step it takes."""
        if before is None:
            state = self._begin(start)
            before = Progress(state, state, (), ())
        taken, wanted = len(before.losses), epochs * self.stepper.per_epoch
        if taken > wanted:
            raise GraphError(
                f"the run has taken {taken:,} steps, and {epochs} epochs are {wanted:,}: give more "
                "epochs to go on"
            )
        history = History(self.stepper, list({0: before.first, taken: before.now}.items()))
        run = Run(self.step, self.stepper.plan, history, list(before.losses), list(before.epochs),
                  {}, f"{epochs} epochs", classes=classes)  # fmt: skip
        run.leader = before.best or self._leader_of(run)
        return run

    def _leader_of(self, run: Run) -> Best | None:
        """The best epoch of a run that is now to stop early; None where nothing was held out."""
        held = [(each.validation, each) for each in run.epochs if each.validation is not None]
        if self.patience is None or not held:
            return None
        value, best = min(held, key=lambda each: (each[0], each[1].number))
        return Best(value, best.number, run.state(best.iteration))

    def _begin(self, start: Mapping[str, ArrayLike]) -> State:
        drawn = initial(self.step, self.stepper.data, self.stepper.plan.seed)
        for name, value in start.items():
            if name not in drawn:
                raise GraphError(f"'{name}' has a start value, but is not learned: {list(drawn)}")
            drawn[name] = np.array(value, float)
        return self.step.start(drawn)

    def _epochs(
        self, run: Run, epochs: int, told: Told | None, asked: Asked, keeper: Keeper | None
    ) -> None:
        """The epochs that are left, the first of them perhaps begun."""
        if self._is_enough(run):
            return
        for number in range(len(run.epochs), epochs):
            before, after = self._steps(run, number, asked, keeper)
            with asked.breaking(may=keeper is None):  # what is saved is never an epoch half told
                self._measure(run, number, before, after)
                if told is not None:
                    told(run)
            if self._is_enough(run):
                return

    def _steps(
        self, run: Run, number: int, asked: Asked, keeper: Keeper | None
    ) -> tuple[State, State]:
        """What is left of an epoch: the states before its last step and after it."""
        history, losses, end = run.history, run.losses, (number + 1) * self.stepper.per_epoch
        state = history.state(run.iterations)
        before = state if run.iterations < end else history.state(end - 1)
        for iteration in range(run.iterations, end):
            history.keep(iteration, state)
            asked.look()
            if keeper is not None and keeper.is_due(run):
                with asked.breaking(may=False):
                    keeper.save(run)
            loss, after = self.stepper.advance(state, iteration)
            if not np.isfinite(loss):
                raise diverged(run, state, iteration, loss)
            losses.append(loss)
            before, state = state, after
        history.keep(end, state)
        return before, state

    def _measure(self, run: Run, number: int, before: State, after: State) -> None:
        """Add an epoch, all of whose steps were taken."""
        last = run.iterations - 1
        rate, norms = self._probed(before, last)
        loss = float(np.mean(run.losses[number * self.stepper.per_epoch :]))
        held = self._validation(after)
        if held is not None and not np.isfinite(held):
            raise held_out(run, self.graph, self._held_point(after), held)
        ratios = {name: _ratio(before[name], after[name]) for name in self.step.parameters}
        if held is not None and self.patience is not None:
            if run.leader is None or held < run.leader.value:
                run.leader = Best(held, number, after)
        run.latest = (before, after)
        run.epochs.append(Epoch(number, run.iterations, loss, held, rate, norms, ratios))

    def _probed(self, state: State, iteration: int) -> tuple[float, dict[str, float]]:
        """The first rate at a step, and the norms of its gradients."""
        found = self.probe(self.stepper.point(state, iteration))
        count = len(self.step.rates)
        norms = {name: float(np.linalg.norm(each))
                 for name, each in zip(self.step.parameters, found[count:])}  # fmt: skip
        return float(found[0]), norms

    def _validation(self, state: State) -> float | None:
        """The loss on the held-out samples, nothing dropped; None where there are none."""
        return float(self.loss(self._held_point(state))[0]) if self.held.count else None

    def _held_point(self, state: State) -> State:
        point = {name: state[name] for name in self.step.parameters} | dict(self.held.arrays)
        for name in self.stepper.plan.masks:
            point[name] = np.ones(self.stepper.mask_shape(name, self.held.count))
        return point

    def _is_enough(self, run: Run) -> bool:
        """Whether the validation loss has not become better for as long as patience lasts."""
        if self.patience is None or run.leader is None:
            return False
        if len(run.epochs) - 1 - run.leader.number < self.patience:
            return False
        run.stopped = f"early stopping: no better for {self.patience} epochs"
        return True

    def _end(self, run: Run, keeper: Keeper | None) -> None:
        """Give the run its parameters, the last or the best ones, and have it saved."""
        state = run.state(run.iterations)
        if run.leader is not None and run.stopped.startswith("early"):
            run.best, state = run.leader.number, run.leader.state
        run.parameters = {name: state[name] for name in self.step.parameters}
        if keeper is not None:
            keeper.finish(run)


def _ratio(before: Array, after: Array) -> float | None:
    """The size of an update beside that of the weight; None where that is 0."""
    size = float(np.linalg.norm(before))
    return float(np.linalg.norm(after - before)) / size if size else None


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
