"""Moves: the ways to move the inputs of a pass, alone or together, seen as one flat vector."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..tape import ops, sizes
from ..tape.graph import Graph, Pass
from .differences import EPS, KINKED_STEP, SIGNS, SMOOTH_STEP, Probe
from .runner import Dims, Values

Array = NDArray[np.float64]
Indices = NDArray[np.intp]

TOGETHER = 8  # inputs at most whose entries are all moved in one stack
SMALL = 16  # entries: inputs of at most so many are moved in one stack together
BUDGET = 6_000_000  # elements of one stack and of what it makes: 50 MB, some milliseconds
ROUNDING = 2 * EPS  # of the target's value: the least rounding error it has
JITTERS = 8  # moves by the last bit
LEAP = 1e6  # rounding errors: more is a jump


class Moves(Protocol):
    """Ways to move a flat vector, each with its own scale."""

    scale: Array

    def stack(self, flat: Array, which: Indices, factors: Array) -> Array:
        """Rows of `flat` moved: row (q, k) by factors[q, k] along move which[k]."""

    def project(self, gradient: Array) -> Array:
        """The slope along each move that a gradient predicts."""

    def size(self, gradient: Array) -> Array:
        """The size of the terms of `project`, before they cancel."""


class Entries:
    """Each move changes one entry."""

    def __init__(self, at: Indices, scale: Array) -> None:
        self.at, self.scale = at, scale

    def stack(self, flat: Array, which: Indices, factors: Array) -> Array:
        """See `Moves`."""
        rows = factors.size
        stack = np.empty((rows, len(flat)))
        stack[...] = flat
        stack[np.arange(rows), np.tile(self.at[which], len(factors))] += factors.ravel()
        return stack

    def project(self, gradient: Array) -> Array:
        """See `Moves`."""
        return gradient[self.at]

    def size(self, gradient: Array) -> Array:
        """See `Moves`."""
        return np.abs(gradient[self.at])


class Directions:
    """Each move changes every entry, by its scale times a random number."""

    def __init__(self, along: Array) -> None:
        self.along, self.scale = along, np.ones(len(along))

    def stack(self, flat: Array, which: Indices, factors: Array) -> Array:
        """See `Moves`."""
        moved = factors[:, :, None] * self.along[which]
        return moved.reshape(-1, len(flat)) + flat

    def project(self, gradient: Array) -> Array:
        """See `Moves`."""
        return np.asarray(self.along @ gradient)

    def size(self, gradient: Array) -> Array:
        """See `Moves`."""
        return np.asarray(np.sqrt((self.along * self.along) @ (gradient * gradient)))


class Group:
    """Inputs (or inner nodes) that are moved in one stack, seen as one flat vector."""

    def __init__(
        self,
        graph: Graph,
        backward: Pass,
        sources: Sequence[int],
        dims: Dims,
        entries: bool = False,
    ) -> None:
        self.graph, self.backward, self.sources = graph, backward, list(sources)
        self.probe = Probe(graph, backward.of, sources)
        self.width = self.probe.cost(dims)
        self.rows = Probe(graph, backward.of, sources, entries=True) if entries else None
        self.count = sum(_count(graph, at, dims) for at in sources)
        whole = len(SIGNS) * self.count * (self.width + self.count)
        self.cost = self.rows.cost(dims) if self.rows else whole
        self.step = KINKED_STEP if self.probe.kinked else SMOOTH_STEP

    def flat(self, values: Values, nodes: Sequence[int]) -> Array:
        """The arrays of some nodes, one after another."""
        parts = [np.ravel(values[at]) for at in nodes]
        return np.concatenate(parts).astype(float, copy=False) if parts else np.zeros(0)

    def scale(self, values: Values) -> Array:
        """How far each entry can be moved: by its size where it is positive, else by 1 at least,
        and no further than to the next end of its interval."""
        parts = []
        for at in self.sources:
            op, size = self.graph.ops[at], np.abs(np.ravel(values[at]))
            if isinstance(op, ops.Input) and op.positive:
                size = np.where(size > 0, size, 1)
            else:
                size = np.maximum(size, 1)
            parts.append(np.minimum(size, _room(op, np.ravel(values[at]))))
        return np.exp2(np.round(np.log2(np.concatenate(parts))))  # h and x ± h without rounding

    def run(self, values: Values, dims: Dims, stack: Array) -> Array:
        """The target for each row of moved flat vectors."""
        return self.probe.values(values, dims, self._split(values, stack))

    def every_entry(self, values: Values, dims: Dims, steps: Array) -> Array:
        """The target with every entry moved by `SIGNS` times its step: (4, entries)."""
        assert self.rows is not None
        return self.rows.entries(values, dims, self._split(values, steps))

    def _split(self, values: Values, flat: Array) -> list[Array]:
        """The last axis of flat vectors as the sources' arrays."""
        parts, low = [], 0
        for at in self.sources:
            shape = np.shape(values[at])
            high = low + prod(shape)
            parts.append(flat[..., low:high].reshape((*flat.shape[:-1], *shape)))
            low = high
        return parts


def groups_of(graph: Graph, backward: Pass, dims: Dims) -> list[Group]:
    """The sources of a pass in groups: all together where few are enough, large ones alone."""
    sources = list(dict.fromkeys(backward.wrt))
    inputs = all(type(graph.ops[at]) is ops.Input for at in sources)
    if inputs and 1 < len(sources) <= TOGETHER:
        group = Group(graph, backward, sources, dims, entries=True)
        if group.cost <= BUDGET // 4:
            return [group]
    count = {at: _count(graph, at, dims) for at in sources}
    small = [at for at in sources if count[at] <= SMALL]
    alone = [at for at in sources if count[at] > SMALL or not inputs]
    groups = [Group(graph, backward, [at], dims, entries=True) for at in alone]
    return [*groups, Group(graph, backward, small, dims)] if small and inputs else groups


def _count(graph: Graph, at: int, dims: Dims) -> int:
    """The number of entries of a node."""
    return sizes.evaluate(sizes.product(graph.shapes[at]), dims)


def noise_at(group: Group, values: Values, dims: Dims, rng: Any) -> float:
    """The rounding error of the target: its jitter when the inputs move by their last bit."""
    here = float(values[group.backward.of])
    floor = ROUNDING * abs(here)
    flat = group.flat(values, group.sources)
    shaken = flat * (1 + 2 * EPS * rng.choice((-1.0, 0.0, 1.0), (JITTERS, len(flat))))
    found = group.run(values, dims, shaken)
    jitter = np.abs(found - here)
    if group.probe.kinked:
        jitter = jitter[jitter < LEAP * floor]  # at equal operands a comparison jumps: no rounding
    return float(np.max(jitter[np.isfinite(jitter)], initial=floor))


def _room(op: ops.Op, x: Array) -> Array:
    """How far it is from each entry to the nearer end of its interval; inf where it has none."""
    low, high = (op.ends if isinstance(op, ops.Input) else None) or (-np.inf, np.inf)
    if not np.isfinite(high):  # what is positive moves by its own size
        return np.full(x.shape, np.inf)
    room = np.minimum(x - low, high - x)
    return np.where(room > 0, room, np.inf)
