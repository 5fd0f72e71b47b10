"""`diverged`: why a loss is no number any more, down to the batch, the sample and the node.

The step is run again with every number kept. The node where the first such number arose is found as
`check` finds it; which sample it belongs to is read off its shape, whose samples' dimension has a
name; its way is the nodes that it spoils one after the other, up to the loss or to the update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..checking.findings import nonfinite_nodes
from ..checking.verdicts import NonFinite
from ..errors import GraphError
from ..numbers.evaluator import Trace, evaluate
from ..tape.graph import Graph
from ..tape.sizes import Dim, names_in
from .runs import Run, State

MOST_SAMPLES = 3  # that are named
MOST_TRIED = 64  # samples that are exchanged, one by one, where the shape names the wrong ones
MOST_NODES = 6  # of a way; of a longer one the middle is left out


class DivergedError(GraphError):
    """A loss that is no number any more: which step, which sample, and at which node it began.

    `iteration` is the step whose numbers are not finite, `node` where they arise (None where the
    tape itself has none), `samples` the rows of the data they belong to, `way` the nodes from there
    to the loss or to the update.
    """

    def __init__(self, message: str, iteration: int, blame: Blame | None) -> None:
        super().__init__(message)
        self.iteration = iteration
        self.blamed = None if blame is None else blame.node
        self.samples = () if blame is None else blame.samples
        self.way = () if blame is None else blame.way


@dataclass(frozen=True, slots=True)
class Blame:
    """Where the first number that is not finite arose, in which samples, and what it spoiled.

    `samples` are the first of `count` rows of the data: those in which it arose, or where it is one
    for all samples, such as a sum, the one with the largest operand (`is_largest`).
    """

    node: str
    finding: NonFinite
    samples: tuple[int, ...]
    is_largest: bool
    count: int
    way: tuple[str, ...]


def diverged(run: Run, state: State, iteration: int, loss: float) -> DivergedError:
    """The error of a run whose loss at `state`, before the step of this number, is not finite."""
    wanted, at, of = [run.step.of], iteration, state
    if iteration and not all(np.isfinite(each).all() for each in state.values()):
        at, of = iteration - 1, run.state(iteration - 1)  # the update before made it
        wanted = list(run.step.updates.values())
    stepper, graph = run.history.stepper, run.step.graph
    with np.errstate(all="ignore"):
        trace = evaluate(graph, stepper.point(of, at))
        blame = _blame(run, trace, at, [graph.id(name) for name in wanted])
    if blame is None:
        large = max(run.step.parameters, key=lambda x: float(np.max(np.abs(state[x]), initial=0)))
        where = f"in the compiled step alone; the largest parameter is '{large}'"
    else:
        step = "" if at == iteration else f"in the update of iteration {at}, "
        where = f"{step}at '{blame.node}' ({blame.finding.value}: {blame.finding.explanation})"
    message = (
        f"the loss is {loss} at iteration {iteration} ({_batch(run, iteration)}): the first number "
        f"that is not finite arose {where}. Try a smaller rate than {run.step.groups[0].rate:g}, "
        "smaller initial values, or inputs scaled to mean 0 and variance 1"
    )
    return DivergedError(message if blame is None else f"{message}. {_came(run, blame)}", at, blame)


def held_out(run: Run, graph: Graph, point: State, loss: float) -> DivergedError:
    """The error of a run whose loss on the held-out samples is no number after an epoch."""
    with np.errstate(all="ignore"):
        trace = evaluate(graph, point)
    found = nonfinite_nodes(graph, trace.arrays, [graph.id(run.step.of)])
    named = [(at, bad) for at, bad in found.items() if not bad.harmless]
    where = "in the compiled loss alone"
    if named:
        at, bad = named[0]
        line = f" (line {bad.line})" if bad.line else ""
        where = f"at '{graph.names[at]}'{line}, {bad.value}: {bad.explanation}"
    return DivergedError(
        f"the loss on the held-out samples is {loss} after epoch {len(run.epochs)}: the first "
        f"number that is not finite arose {where}. No epoch can be called the best by it: mend "
        "those samples, or hold none out",
        run.iterations,
        None,
    )


def _batch(run: Run, iteration: int) -> str:
    """`epoch 3`, and which of its batches, where it has several."""
    epoch, place = divmod(iteration, run.history.stepper.per_epoch)
    count = run.history.stepper.per_epoch
    return f"epoch {epoch}" if count == 1 else f"epoch {epoch}, batch {place} of 0 to {count - 1}"


def _came(run: Run, blame: Blame) -> str:
    """`It came from row 17 of 'd.csv', by q1 (line 3) → q2 → E`."""
    line = f" (line {blame.finding.line})" if blame.finding.line else ""
    first, *rest = _shortened(blame.way)
    way = " → ".join([first + line, *rest])
    if not blame.samples:
        return f"It came by {way}, of no sample alone"
    data = run.history.stepper.data
    more = blame.count - len(blame.samples)
    rows = ", ".join(map(str, blame.samples)) + (f" and {more} more" if more else "")
    unit = ("row" if data.first else "sample") + "s" * (blame.count > 1)
    source = f"'{data.source}'" if data.source else "the data"
    what = "a sum whose largest part is that of " if blame.is_largest else ""
    return f"It came from {what}{unit} {rows} of {source}, by {way}"


def _shortened(way: Sequence[str]) -> list[str]:
    if len(way) <= MOST_NODES:
        return list(way)
    half = MOST_NODES // 2
    return [*way[:half], "…", *way[-half:]]


# ------------------------------------------------------------------ node, samples, way


def _blame(run: Run, trace: Trace, iteration: int, wanted: Sequence[int]) -> Blame | None:
    """What is to blame in a step; None where the tape's own numbers are all finite."""
    graph = trace.graph
    found = nonfinite_nodes(graph, trace.arrays, wanted)
    node, finding = next(((at, bad) for at, bad in found.items() if not bad.harmless), (-1, None))
    if finding is None:
        return None
    dims = _samples(run)
    value = np.asarray(trace.arrays[node])
    places = _places(graph.shapes[node], ~np.isfinite(value), dims)
    is_largest = not len(places)
    if is_largest:
        places = _largest(trace, node, dims)
    elif not _is_from(run, trace, node, places):
        tried = (np.array([each]) for each in range(MOST_TRIED))
        places = next((each for each in tried if _is_from(run, trace, node, each)), places[:0])
    data, plan = run.history.stepper.data, run.plan
    rows = tuple(data.sample(plan.batch, plan.seed, iteration, int(each))
                 for each in places[:MOST_SAMPLES])  # fmt: skip
    way = tuple(graph.names[at] for at in _way(graph, trace, node, set(wanted)))
    return Blame(graph.names[node], finding, rows, is_largest, len(places), way)


def _is_from(run: Run, trace: Trace, node: int, places: NDArray[np.intp]) -> bool:
    """Whether the node has fewer numbers that are not finite with other samples at these places.

    An axis may have the samples' length and another order: `X[::-1]`. True where it cannot be
    tried, since every sample is at such a place.
    """
    names = [name for name in run.history.stepper.data.arrays if name in trace.graph.inputs]
    count = len(trace[names[0]]) if names else 0
    others = np.setdiff1d(np.arange(count), places)
    if places[-1] >= count:
        return False
    if not len(others):
        return True
    point = {name: trace[name] for name in trace.graph.inputs}
    for name in names:
        point[name] = np.array(point[name])
        point[name][places] = point[name][others[0]]
    again = evaluate(trace.graph, point).arrays[node]
    lost = [np.count_nonzero(~np.isfinite(each)) for each in (again, trace.arrays[node])]
    return bool(lost[0] < lost[1])


def _samples(run: Run) -> set[Dim]:
    """The dimensions that count samples: the first one of the data, where it has a name."""
    graph, arrays = run.step.graph, run.history.stepper.data.arrays
    return {graph[name].shape[0] for name in arrays if names_in(graph[name].shape[:1])}


def _places(shape: Sequence[Dim], mask: NDArray[np.bool_], dims: set[Dim]) -> NDArray[np.intp]:
    """The samples for which a mask is true somewhere; none where the shape counts no samples."""
    axes = [axis for axis, size in enumerate(shape) if size in dims]
    if not axes:
        return np.zeros(0, np.intp)
    rest = tuple(axis for axis in range(mask.ndim) if axis != axes[0])
    return np.flatnonzero(mask.any(axis=rest))


def _largest(trace: Trace, node: int, dims: set[Dim]) -> NDArray[np.intp]:
    """The sample of the largest entry among the operands, for a sum or a product over samples."""
    graph = trace.graph
    best, found = -1.0, np.zeros(0, np.intp)
    for arg in graph.args[node]:
        sizes = np.abs(np.asarray(trace.arrays[arg]))
        largest = float(np.max(sizes, initial=-1.0))
        places = _places(graph.shapes[arg], sizes == largest, dims)
        if len(places) and largest > best:
            best, found = largest, places[:1]
    return found


def _way(graph: Graph, trace: Trace, node: int, wanted: set[int]) -> list[int]:
    """The shortest way from a node to one that was wanted, over nodes that are not finite."""
    before: dict[int, int] = {node: node}
    todo = [node]
    for at in todo:
        if at in wanted:
            return _back(before, at)
        for user in graph.users[at]:
            if user not in before and not np.isfinite(trace.arrays[user]).all():
                before[user] = at
                todo.append(user)
    return [node]


def _back(before: Mapping[int, int], at: int) -> list[int]:
    way = [at]
    while before[at] != at:
        at = before[at]
        way.append(at)
    return way[::-1]
