"""Local rules: each contribution of a backward pass against differences of the one node it crosses.

For node y = op(x0, x1, ...) with upstream gradient u, the contribution to x_slot must be
u dy/dx_slot. It is tested twice, with the u that the tape holds and with a random one (the nodes
between the upstream and the contribution are then evaluated again), so that a wrong rule is found
even where u happens to hide it. Elementwise nodes of one function are tested all at once, entry by
entry; other nodes along a random direction, and the worst entry is looked for when that fails.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..calculus.gradients import active_nodes
from ..tape import ops, scalars
from ..tape.graph import Graph, Pass
from .differences import EPS
from .node_slopes import RTOL, Line, Slope
from .runner import Dims, Step, Values, step_of

Array = NDArray[np.float64]

REPLAYED = 3000  # contributions at most that are also tested with a random upstream gradient
MISSING = -1


class Use(NamedTuple):
    """Operand `slot` of node `y`, with the ids of y's upstream gradient and of the contribution."""

    y: int
    slot: int
    upstream: int
    contribution: int  # or MISSING


@dataclass(frozen=True, slots=True)
class Fault:
    """A contribution that is not what differences say.

    `kind` is `local rule`, `missing contribution`, `sum of contributions` or `seed`.
    """

    kind: str
    y: int
    slot: int
    node: int
    entry: tuple[int, ...]
    analytic: float
    numeric: float

    @property
    def order(self) -> tuple[int, int]:
        """Earlier in the backward pass is smaller; a sum comes before what is computed from it."""
        return (-self.y, 1 if self.kind in ("local rule", "missing contribution") else 0)


def uses_of(graph: Graph, backward: Pass) -> list[Use]:
    """Every operand through which a gradient should flow in this pass, in backward order."""
    active = active_nodes(graph.args, backward.of, backward.wrt)
    made = {
        (part.consumer, part.slot): part.node
        for parts in backward.contributions.values()
        for part in parts
    }
    return [
        Use(y, slot, backward.upstream[y], made.get((y, slot), MISSING))
        for y in range(backward.of, -1, -1)
        if y in backward.upstream and active[y]
        for slot, arg in enumerate(graph.args[y])
        if active[arg] and _flows(graph.ops[y], slot)
    ]


def _flows(op: Any, slot: int) -> bool:
    """False where nothing is meant to flow: indices, conditions, stopped gradients."""
    kind = type(op)
    if kind in (ops.Gather, ops.Scatter):
        return slot == 0
    if kind is ops.Adjugate:
        return slot > 0  # what it takes A itself for is where there is no inverse
    if kind is ops.Map:
        return not (op.function == "where" and slot == 0)
    return kind is not ops.StopGradient and not (kind is ops.Reduce and op.kind.startswith("arg"))


class LocalRules:
    """The contributions of one backward pass, ready to be tested at any point."""

    def __init__(self, graph: Graph, backward: Pass) -> None:
        self.graph, self.backward = graph, backward
        self.uses = uses_of(graph, backward)
        self.elementwise: dict[tuple[str, int], list[Use]] = {}
        self.others: list[Use] = []
        for use in self.uses:
            op: Any = graph.ops[use.y]
            if type(op) is ops.Map:
                self.elementwise.setdefault((op.function, use.slot), []).append(use)
            else:
                self.others.append(use)
        few = len(self.uses) <= REPLAYED
        self.paths = {use: path for use in self.uses if few and (path := self._path(use))}
        self.random: dict[Any, tuple[Any, Array]] = {}

    def faults(self, values: Values, dims: Dims, seed: int = 0) -> list[Fault]:
        """Every contribution that is wrong at these values, in the order of the backward pass."""
        values = [*values]  # nodes are replaced for a moment
        with np.errstate(all="ignore"):
            found = self._seed_and_sums(values)
            for (function, slot), uses in self.elementwise.items():
                found += self._elementwise(function, slot, uses, values, dims, seed)
            for use in self.others:
                found += self._other(use, values, dims, seed)
        first: dict[tuple[str, int, int], Fault] = {}
        for fault in sorted(found, key=lambda fault: fault.order):
            first.setdefault((fault.kind, fault.y, fault.slot), fault)
        return list(first.values())

    # -------------------------------------------------------------- seed and sums

    def _seed_and_sums(self, values: Values) -> list[Fault]:
        """The pass starts with 1, and each upstream gradient is the sum of its contributions."""
        found = []
        of = self.backward.of
        if self.graph.shapes[of] == ():
            seed = np.asarray(values[self.backward.upstream[of]], float)
            found += self._compare("seed", of, self.backward.upstream[of], seed, np.ones(()), 0.0)
        for x, parts in self.backward.contributions.items():
            total = self.backward.upstream.get(x)
            if total is None or not parts or (len(parts) == 1 and parts[0].node == total):
                continue
            terms = [np.asarray(values[part.node], float) for part in parts]
            size = sum((np.abs(term) for term in terms), start=np.zeros(()))
            have = np.asarray(values[total], float)
            added = sum(terms, start=np.zeros(()))
            found += self._compare("sum of contributions", x, total, have, added, 64 * EPS * size)
        return found

    def _compare(
        self, kind: str, y: int, node: int, have: Array, want: Array, slack: Any
    ) -> list[Fault]:
        wrong = np.abs(have - want) > RTOL * np.maximum(np.abs(have), np.abs(want)) + slack
        if not np.any(wrong):
            return []
        have, want, wrong = np.broadcast_arrays(have, want, wrong)
        entry = np.unravel_index(int(np.argmax(wrong)), wrong.shape)
        place = tuple(int(each) for each in entry)
        return [Fault(kind, y, 0, node, place, float(have[entry]), float(want[entry]))]

    # -------------------------------------------------------------- elementwise

    def _elementwise(
        self, function: str, slot: int, uses: list[Use], values: Values, dims: Dims, seed: int
    ) -> list[Fault]:
        args = self.graph.args
        arity = scalars.TABLE[function].arity
        operands = [_flat([values[args[use.y][k]] for use in uses]) for k in range(arity)]
        slope = Slope(function, slot, operands)
        pairs = [self._pairs(use, values, dims, seed) for use in uses]
        upstream, made = (
            _flat([pair[k][side] for k in (0, -1) for pair in pairs]).reshape(2, -1)
            for side in (0, 1)
        )
        wrong = slope.wrong(upstream, made)
        if not wrong.any():
            return []
        numeric = upstream * slope.best
        bounds = np.cumsum([0, *(np.size(values[use.y]) for use in uses)])
        found = []
        for use, low, high in zip(uses, bounds, bounds[1:], strict=False):
            for k in (0, 1):
                mine = wrong[k, low:high]
                if mine.any() and not (k and self._is_blurred(use, values, dims)):
                    at = int(np.argmax(np.where(mine, np.abs(made - numeric)[k, low:high], -1)))
                    entry = np.unravel_index(at, np.shape(values[use.y]))
                    found.append(self._fault(use, entry, made[k, low + at], numeric[k, low + at]))
                    break
        return found

    def _pairs(self, use: Use, values: Values, dims: Dims, seed: int) -> list[tuple[Any, Any]]:
        """Upstream gradients and the contributions made of them: the tape's, and a random one's."""
        pairs = [(values[use.upstream], self._made(use, values))]
        if use in self.paths:
            pairs.append(self._replayed(use, values, dims, seed))
        return pairs

    def _made(self, use: Use, values: Values) -> Any:
        if use.contribution == MISSING:
            return np.zeros(np.shape(values[self.graph.args[use.y][use.slot]]))
        return values[use.contribution]

    def _fault(self, use: Use, entry: Any, analytic: float, numeric: float) -> Fault:
        kind = "missing contribution" if use.contribution == MISSING else "local rule"
        place = tuple(int(each) for each in entry)
        return Fault(
            kind, use.y, use.slot, use.contribution, place, float(analytic), float(numeric)
        )

    # -------------------------------------------------------------- a random upstream gradient

    def _path(self, use: Use) -> list[tuple[int, Step]]:
        """The backward nodes from the upstream gradient to the contribution; [] where none."""
        g, c = use.upstream, use.contribution
        if c <= g or not self.graph.phases[g] or g <= use.y:
            return []
        found, todo = {c}, [c]
        while todo:
            for arg in self.graph.args[todo.pop()]:
                if arg > g and arg not in found:
                    found.add(arg)
                    todo.append(arg)
        depends = {g}
        path = []
        for at in sorted(found):
            if any(arg in depends for arg in self.graph.args[at]):
                depends.add(at)
                path.append(at)
        return [(at, step_of(self.graph, at)) for at in path] if c in depends else []

    def _replayed(self, use: Use, values: Values, dims: Dims, seed: int) -> tuple[Any, Any]:
        """A random upstream gradient and the contribution made of it."""
        u = self._draw(("u", use.upstream), np.shape(values[use.upstream]), seed)
        return u, self._run(use, u, values, dims)

    def _is_blurred(self, use: Use, values: Values, dims: Dims) -> bool:
        """Whether the contribution is not linear in the upstream gradient.

        So it is where one node is both the upstream and a part of the local derivative (the 1 that
        a pass begins with is also that of b - 1); then another upstream proves nothing, and what
        the tape holds counts.
        """
        if use not in self.paths:
            return False
        if not _is_linear(self.graph, use.upstream, [at for at, _ in self.paths[use]]):
            return True
        u = np.asarray(values[use.upstream], float) + 1
        once, twice = (self._run(use, k * u, values, dims) for k in (1, 2))
        return not np.allclose(twice, 2 * once, rtol=1e-9, atol=0, equal_nan=True)

    def _run(self, use: Use, u: Array, values: Values, dims: Dims) -> Any:
        """The contribution that the tape makes of another upstream gradient."""
        path = self.paths[use]
        kept = [(at, values[at]) for at in (use.upstream, *(at for at, _ in path))]
        values[use.upstream] = u
        for at, step in path:
            values[at] = step(values, dims)
        found = values[use.contribution]
        for at, value in kept:
            values[at] = value
        return found

    def _draw(self, key: Any, shape: tuple[int, ...], seed: int) -> Array:
        """Random numbers away from 0, the same each time they are asked for."""
        kept = self.random.get(key)
        if kept is None or kept[0] != (seed, shape):
            rng = np.random.default_rng([seed, len(self.random)])
            drawn = rng.choice((-1.0, 1.0), shape) * rng.uniform(0.5, 1.5, shape)
            kept = self.random[key] = ((seed, shape), drawn)
        return kept[1]

    # -------------------------------------------------------------- all other operations

    def _other(self, use: Use, values: Values, dims: Dims, seed: int) -> list[Fault]:
        x = np.asarray(values[self.graph.args[use.y][use.slot]], float)
        direction = self._draw((use.y, use.slot), x.shape, seed)
        operands = [np.asarray(values[arg]) for arg in self.graph.args[use.y]]
        line = Line(self.graph.ops[use.y], use.slot, operands, dims, values[use.y])
        rise = line.rise(direction)
        for replayed, pair in enumerate(self._pairs(use, values, dims, seed)):
            u, made = (np.asarray(each, float) for each in pair)
            if line.fits(u, made, direction, rise):
                continue
            if replayed and self._is_blurred(use, values, dims):
                continue
            at, analytic, numeric = line.worst(u, made, direction)
            return [self._fault(use, np.unravel_index(at, x.shape), analytic, numeric)]
        return []


def _is_linear(graph: Graph, upstream: int, path: Sequence[int]) -> bool:
    """Whether what a path makes of the upstream gradient is linear in it, by its operations."""
    depends = {upstream}
    for at in path:
        op: Any = graph.ops[at]
        flags = tuple(arg in depends for arg in graph.args[at])
        depends.add(at)
        if type(op) is ops.Map:
            linear = _map_is_linear(op.function, flags)
        elif type(op) in (ops.Contract, ops.Gather, ops.Scatter):
            linear = sum(flags) == 1 and (type(op) is ops.Contract or flags[0])
        else:
            linear = type(op) in MOVES
        if not linear:
            return False
    return True


def _map_is_linear(function: str, flags: tuple[bool, ...]) -> bool:
    if function in ("add", "sub", "neg"):
        return all(flags)
    if function in ("mul", "div"):
        return sum(flags) == 1 and (function == "mul" or flags[0])
    return function == "where" and not flags[0]


MOVES = (ops.Broadcast, ops.Reshape, ops.Slice, ops.Pad, ops.Concat)


def _flat(arrays: Sequence[Any]) -> Array:
    if len(arrays) == 1:
        return np.asarray(arrays[0], float).ravel()
    parts = [np.asarray(array, float).ravel() for array in arrays]
    return np.concatenate(parts)
