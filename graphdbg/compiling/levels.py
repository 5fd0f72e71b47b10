"""Large graphs of scalars: a loop over the tape at first, level by level in NumPy from then on.

Python's own compiler takes seconds for a source of 100,000 lines, so nothing is generated here.
The first call walks the tape with one Python function per node, which needs no preparation. The
second call sorts the nodes into groups of one function and one level (the longest path from an
input), whose values stand side by side: a group is then two gathers and one NumPy call. Graphs
with few nodes per group (a chain) stay with the loop.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, count
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape import ops
from ..tape.builder import without_collection
from ..tape.graph import Graph
from ..tape.scalars import TABLE
from .scalar import OWN

Array = NDArray[Any]
Floats = tuple[float, ...]
LOOP_FROM = 24  # fewer nodes per group than this, and the loop is faster: a group costs 3 us

PLAIN: dict[str, Callable[..., float]] = {
    "add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv,
    "neg": operator.neg, "pow": math.pow, "exp": math.exp, "expm1": math.expm1, "log": math.log,
    "log1p": math.log1p, "sqrt": math.sqrt, "sin": math.sin, "cos": math.cos, "tan": math.tan,
    "arcsin": math.asin, "arccos": math.acos, "arctan": math.atan, "sinh": math.sinh,
    "cosh": math.cosh, "tanh": math.tanh, "erf": math.erf,
    **{name: OWN[name] for name in ("sigmoid", "softplus", "sign", "floor", "abs")},
}  # fmt: skip


@dataclass(frozen=True)
class Tape:
    """The live nodes of a scalar graph: their operations, their operands, and where they go."""

    graph: Graph
    live: list[int]
    outputs: tuple[int, ...]


Way = Callable[[Floats], Floats]  # from the inputs' values to the outputs'


Stage = tuple[int, Callable[[Tape], Way]]  # from which call on, and what prepares the way


def function(tape: Tape, stages: Sequence[Stage]) -> Callable[..., Floats]:
    """A function from the inputs' values, as floats in order, to those of the outputs.

    The first call walks the tape, which needs no preparation; each of `stages` takes over with
    the call it names, for those who call often.
    """
    due = list(stages)
    ways: list[Way] = [lambda given: walk(tape, given)]
    calls = count(1)
    lock = Lock()

    def floats(*values: float) -> Floats:
        if due:
            call = next(calls)
            with lock:
                if due and call >= due[0][0]:
                    ways.append(due.pop(0)[1](tape))
        return ways[-1](values)

    return floats


def by_levels(tape: Tape) -> Way:
    """Level by level, or the loop again where levels are narrow."""
    with without_collection():
        groups = Groups(tape)
        if len(tape.live) < LOOP_FROM * groups.count:
            return lambda given: walk(tape, given)
        levels = Levels(groups)
        levels.idle.append(levels.make())
    return levels.run


# ------------------------------------------------------------------ the loop


def walk(tape: Tape, given: Floats) -> Floats:
    """The outputs by one Python function per node, in tape order; NumPy's where `math` raises."""
    graph = tape.graph
    values: list[Any] = [None] * len(graph)
    for at, value in zip(graph.input_ids, given):
        values[at] = value
    columns, operands = graph.ops, graph.args
    for at in tape.live:
        op, args = columns[at], operands[at]
        if type(op) is ops.Map:
            try:
                if len(args) == 2:
                    a, b = args
                    values[at] = PLAIN[op.function](values[a], values[b])
                else:
                    values[at] = PLAIN[op.function](*[values[arg] for arg in args])
            except (ArithmeticError, ValueError, KeyError):
                values[at] = _by_numpy(op.function, [values[arg] for arg in args])
        elif type(op) is ops.Const:
            values[at] = float(op.value)  # type: ignore[arg-type]
        elif type(op) is ops.StopGradient:
            values[at] = values[args[0]]
    return tuple([values[at] for at in tape.outputs])


def _by_numpy(name: str, operands: list[float]) -> float:
    with np.errstate(all="ignore"):
        return float(TABLE[name].numeric(*map(np.float64, operands)))


# ------------------------------------------------------------------ by levels


class Groups:
    """The nodes in groups of one level and one function, groups in order of levels.

    `place[at]` is where the value of node `at` stands: inputs and constants first, then one group
    after another, so that each group writes one stretch.
    """

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        graph, live = tape.graph, np.array(tape.live, np.int64)
        self.names, codes = _codes(graph, tape.live)
        levels = _levels(graph, tape.live)
        keys = levels * (len(self.names) + 1) + codes
        order = np.argsort(keys, kind="stable")
        self.nodes, keys = live[order], keys[order]
        self.place = np.zeros(len(graph), np.int64)
        self.place[self.nodes] = np.arange(len(live))
        self.codes = codes[order]
        starts = np.flatnonzero(np.r_[True, keys[1:] != keys[:-1]])
        self.starts = [int(at) for at in starts] + [len(live)]
        self.count = len(starts)


def _codes(graph: Graph, live: Sequence[int]) -> tuple[list[str], Array]:
    """The names of the functions, and each node's: their number among them, 0 for leaves."""
    known: dict[str, int] = {}
    codes = [
        known.setdefault(op.function, len(known)) + 1 if type(op) is ops.Map else 0
        for op in map(graph.ops.__getitem__, live)
    ]
    return list(known), np.array(codes)


def _levels(graph: Graph, live: Sequence[int]) -> Array:
    """The longest path from a leaf to each node; a `StopGradient` is where its operand is + 1."""
    depth = [0] * len(graph)
    args = graph.args
    for at in live:
        found = args[at]
        if len(found) == 2:
            first, second = depth[found[0]], depth[found[1]]
            depth[at] = 1 + (first if first > second else second)
        elif found:
            depth[at] = 1 + max([depth[arg] for arg in found])
    return np.array([depth[at] for at in live])


def operand_columns(graph: Graph, nodes: Array, place: Array) -> list[Array]:
    """For each slot, where the operands of `nodes` stand (0 for a node with fewer operands)."""
    flat = np.fromiter(chain.from_iterable(graph.args), np.int64)
    counts = np.fromiter(map(len, graph.args), np.int64, len(graph))
    starts = (np.cumsum(counts) - counts)[nodes]
    counts = counts[nodes]
    columns = []
    for slot in range(int(counts.max(initial=0))):
        column = np.zeros(len(nodes), np.int64)
        column[counts > slot] = place[flat[starts[counts > slot] + slot]]
        columns.append(column)
    return columns


class Levels:
    """All values in one array; each group is a NumPy function from gathers to a stretch."""

    def __init__(self, groups: Groups) -> None:
        self.groups = groups
        self.idle: list[tuple[Array, list[Any]]] = []  # arrays nobody computes in at the moment
        self.inputs = [int(groups.place[at]) for at in groups.tape.graph.input_ids]
        self.live_inputs = set(groups.tape.live)
        self.picks = groups.place[list(groups.tape.outputs)]
        self.columns = operand_columns(groups.tape.graph, groups.nodes, groups.place)

    def run(self, given: Floats) -> Floats:
        """The outputs' values."""
        values, steps = self.idle.pop() if self.idle else self.make()
        for node, place, value in zip(self.groups.tape.graph.input_ids, self.inputs, given):
            if node in self.live_inputs:
                values[place] = value
        with np.errstate(all="ignore"):
            for compute, gathers, operands, out in steps:
                for index, buffer in gathers:
                    values.take(index, 0, buffer, "clip")
                compute(*operands, out)
        results = tuple(values[self.picks].tolist())
        self.idle.append((values, steps))
        return results

    def make(self) -> tuple[Array, list[Any]]:
        """An array for all values, and per group: its function, gathers, operands and stretch."""
        groups, graph = self.groups, self.groups.tape.graph
        values = np.zeros(len(groups.nodes))
        steps = []
        for group in range(groups.count):
            start, stop = groups.starts[group], groups.starts[group + 1]
            operands, gathers = [], []
            for slot in range(len(graph.args[groups.nodes[start]])):
                index = self.columns[slot][start:stop]
                if stop - start == 1 or (index[1:] - index[:-1] == 1).all():
                    operands.append(values[index[0] : index[0] + stop - start])
                else:
                    operands.append(np.empty(stop - start))
                    gathers.append((index, operands[-1]))
            if operands:
                steps.append((self._function(group), gathers, operands, values[start:stop]))
            else:
                self._constants(group, values)
        return values, steps

    def _constants(self, group: int, values: Array) -> None:
        groups = self.groups
        for place in range(groups.starts[group], groups.starts[group + 1]):
            op = groups.tape.graph.ops[groups.nodes[place]]
            if type(op) is ops.Const:
                values[place] = float(op.value)  # type: ignore[arg-type]

    def _function(self, group: int) -> Callable[..., Any]:
        """What writes a group's values: the ufunc itself where there is one."""
        code = self.groups.codes[self.groups.starts[group]]
        numeric = TABLE[self.groups.names[code - 1]].numeric if code else np.positive
        if isinstance(numeric, np.ufunc) and numeric not in (np.maximum, np.minimum):
            return numeric
        return lambda *operands: np.copyto(operands[-1], numeric(*operands[:-1]))
