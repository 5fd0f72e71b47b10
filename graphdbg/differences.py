"""Differences: what a scalar node does when other nodes move, many moves evaluated as one stack.

A `Probe` lifts the part of a tape between some nodes and the target (and nothing else) over a stack
of moved values. Where a node goes into one matrix product only, moving one of its entries moves the
product by one row: a *structured* probe starts from those rows and never makes the stack of
moved matrices. `slopes` turns the target's values into derivatives with an error estimate.

Five-point central differences: Abramowitz and Stegun, 25.3.6; the extrapolation in `ridders`:
Ridders, Advances in Engineering Software 4 (1982).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import ops, sizes
from .batching import lift, repeat
from .evaluator import RULES, evaluate
from .graph import Builder, Graph
from .sampling import sample
from .scalars import TABLE

Array = NDArray[np.float64]
Values = list[Any]  # the arrays of a tape, by node id
Dims = Mapping[str, int]

EPS = float(np.finfo(np.float64).eps)
SIGNS = np.array([1.0, -1.0, 2.0, -2.0])  # the five points of the difference, without the middle
ROWS = "rows@"  # the named dimension of a probe's stack
SMOOTH_STEP = 2.0**-10  # near eps^(1/5) = 7e-4, the best step of the five-point difference
KINKED_STEP = 2.0**-16  # near eps^(1/3) = 6e-6: short, so that it rarely crosses a kink
KINKS = ("floor", "where")  # elementwise functions that jump and declare no kink
TINY = 1e-300


def is_kinked(op: ops.Op) -> bool:
    """Whether an operation has kinks or jumps."""
    if type(op) is ops.Map:
        return op.function in KINKS or TABLE[op.function].kink is not None
    return type(op) is ops.Reduce and op.kind != "prod"


class Probe:
    """The values of `target` for a stack of moved values of `sources`, other nodes as they are.

    A structured probe has one source and takes one step per entry; see `structured_source`.
    """

    def __init__(
        self, graph: Graph, target: int, sources: Sequence[int], structured: bool = False
    ) -> None:
        b = Builder.of(graph)
        path = paths(graph, sources, target)
        rows = sizes.named(ROWS)
        stacks = {at: b.input(f"{at}@stack", (rows, *graph.shapes[at])) for at in sources}
        if structured:
            (source,) = sources
            steps = b.input(f"{source}@steps", graph.shapes[source])
            rows = sizes.product(graph.shapes[source]) * len(SIGNS)  # type: ignore[assignment]
            stacks = {at: _rows(b, at, source, steps, rows) for at in _users(graph, source, path)}
        for at in path:
            args = graph.args[at]
            flags = tuple(arg in stacks for arg in args)
            if at not in stacks and any(flags):
                mapped = tuple(stacks.get(arg, arg) for arg in args)
                stacks[at] = lift(b, graph.ops[at], mapped, flags, rows)
        self.target, self.sources, self.rows = target, tuple(sources), rows
        self.depends = target in stacks
        self.kinked = any(is_kinked(graph.ops[at]) for at in path)
        self.cost = sum(1 for _ in path)
        self._run = Runner(b, len(graph), [stacks[target]]) if self.depends else None
        self._shapes = [graph.shapes[at] for at in path]

    def values(self, base: Values, dims: Dims, stacks: Sequence[Array]) -> Array:
        """The target, a vector with one entry per row of `stacks` (one stack per source)."""
        count = len(stacks[0])
        if self._run is None:
            return np.full(count, float(base[self.target]))
        names = [f"{at}@stack" for at in self.sources]
        given = dict(zip(names, stacks, strict=True))
        return np.asarray(self._run(base, {**dims, ROWS: count}, given)[0])

    def entries(self, base: Values, dims: Dims, steps: Array) -> Array:
        """The target with each entry of the source moved by `SIGNS` times its step: (4, n)."""
        if self._run is None:
            return np.full((len(SIGNS), steps.size), float(base[self.target]))
        given = {f"{self.sources[0]}@steps": steps}
        return np.asarray(self._run(base, dims, given)[0]).reshape(len(SIGNS), -1)

    def width(self, dims: Dims) -> int:
        """The number of elements that one row of the stack costs."""
        size = sum(sizes.evaluate(sizes.product(shape), dims) for shape in self._shapes)
        return int(size) + 1


def paths(graph: Graph, sources: Sequence[int], target: int) -> list[int]:
    """The nodes that depend on a source and lead to the target, in tape order; no sources.

    What a `StopGradient` holds back stays as it is: derivatives are taken with it fixed.
    """
    wanted = bytearray(target + 1)
    wanted[target] = 1
    first = min(sources, default=target)
    for at in range(target, first, -1):
        if wanted[at]:
            for arg in graph.args[at]:
                wanted[arg] = 1
    depends = bytearray(target + 1)
    for source in sources:
        if source <= target:
            depends[source] = 1
    path = []
    for at in range(first + 1, target + 1):
        if not wanted[at] or depends[at] or type(graph.ops[at]) is ops.StopGradient:
            continue
        if any(depends[arg] for arg in graph.args[at]):
            depends[at] = 1
            path.append(at)
    return path


def _users(graph: Graph, source: int, path: Sequence[int]) -> list[int]:
    return [at for at in path if source in graph.args[at]]


def structured_source(graph: Graph, source: int, target: int) -> bool:
    """Whether each use of a node is one operand of an einsum, without a repeated letter.

    An einsum is linear in each operand: moving x by h e_k moves it by h einsum(e_k), exactly.
    """
    path = set(paths(graph, [source], target))
    for at in _users(graph, source, sorted(path)):
        op, args = graph.ops[at], graph.args[at]
        if type(op) is not ops.Contract or args.count(source) > 1:
            return False
        letters = op.inputs[args.index(source)]
        if len(set(letters)) < len(letters) or any(arg in path for arg in args):
            return False
    return True


def _rows(b: Builder, at: int, source: int, steps: int, rows: Any) -> int:
    """The stack of an einsum's results for each sign and each entry of `source` moved by its step.

    With W moved at (p, q) by h, W_ij x_j moves by h_pq delta_ip x_q.
    """
    op: Any = b.ops[at]
    slot = b.args[at].index(source)
    letters, output = op.inputs[slot], op.output
    fresh = iter(each for each in FRESH if each not in op.spec)
    moved = {letter: next(fresh) for letter in letters}
    table = str.maketrans(moved)
    inputs = [part.translate(table) for part in op.inputs]
    place = "".join(moved.values())
    kept = [letter for letter in output if letter not in letters]
    result = b.contract(f"{','.join(inputs)}->{place}{''.join(kept)}", *_with(b, at, slot, steps))
    have = place + "".join(kept)
    for letter in output:
        if letter in letters:
            axis = b.shapes[source][letters.index(letter)]
            delta = b.emit(ops.Eye(axis))
            result = b.contract(f"{have},{moved[letter]}{letter}->{have}{letter}", result, delta)
            have += letter
    sign = next(fresh)
    signs = b.emit(ops.Array(tuple(SIGNS), (len(SIGNS),)))
    result = b.contract(f"{have},{sign}->{sign}{place}{output}", result, signs)
    result = b.emit(ops.Reshape((rows, *b.shapes[at])), result)
    return b.map("add", repeat(b, at, rows), result)


FRESH = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _with(b: Builder, at: int, slot: int, steps: int) -> list[int]:
    args = [*b.args[at]]
    args[slot] = steps
    return args


# ------------------------------------------------------------------ running the new part of a tape

Step = Callable[[Values, Dims], Any]


class Runner:
    """Evaluates what a builder added to a tape, given the values of the tape before it.

    Arrays are dropped after their last use.
    """

    def __init__(self, b: Builder, start: int, wanted: Sequence[int]) -> None:
        self.start, self.wanted = start, list(wanted)
        needed = {at for at in wanted if at >= start}
        for at in range(len(b.ops) - 1, start - 1, -1):
            if at in needed:
                needed.update(arg for arg in b.args[at] if arg >= start)
        order = sorted(needed)
        self.length = len(b.ops)
        last: dict[int, int] = {}
        for at in order:
            last.update(dict.fromkeys((arg for arg in b.args[at] if arg >= start), at))
        dead: dict[int, list[int]] = {}
        for arg, at in last.items():
            if arg not in self.wanted:
                dead.setdefault(at, []).append(arg)
        self.inputs = [(at, b.ops[at].name) for at in order if type(b.ops[at]) is ops.Input]  # type: ignore[attr-defined]
        self.steps = [
            (at, _step(b.ops[at], b.args[at]), tuple(dead.get(at, ())))
            for at in order
            if type(b.ops[at]) is not ops.Input
        ]

    def __call__(self, base: Values, dims: Dims, given: Mapping[str, Array]) -> Values:
        values = [*base[: self.start], *[None] * (self.length - self.start)]
        for at, name in self.inputs:
            values[at] = given[name]
        with np.errstate(all="ignore"):
            for at, step, dead in self.steps:
                values[at] = step(values, dims)
                for gone in dead:
                    values[gone] = None
        return [values[at] for at in self.wanted]


def _step(op: Any, args: tuple[int, ...]) -> Step:
    """One operation as a function of the tape's values; the common ones without detours."""
    if type(op) is ops.Map:
        function = TABLE[op.function].numeric
        if len(args) == 1:
            (only,) = args
            return lambda values, dims: function(values[only])
        return lambda values, dims: function(*[values[arg] for arg in args])
    if type(op) is ops.Contract and len(args) == 2:
        plan = product_plan(op.inputs[0], op.inputs[1], op.output)
        left, right = args
        if plan is not None:
            return lambda values, dims: plan(values[left], values[right])
    if type(op) is ops.Broadcast and op.axes == tuple(sorted(op.axes)):
        index = tuple(slice(None) if axis in op.axes else None for axis in range(len(op.shape)))
        (only,) = args
        return lambda values, dims: np.broadcast_to(
            np.asarray(values[only])[index], [sizes.evaluate(dim, dims) for dim in op.shape]
        )
    rule = RULES[type(op)]
    return lambda values, dims: rule(op, [np.asarray(values[arg]) for arg in args], dims)


def product_plan(left: str, right: str, output: str) -> Callable[[Array, Array], Array] | None:
    """A two-operand einsum as a stack of matrix products, or None where it is none.

    Letters are stacked (in both and the output), summed (in both) or free (in one).
    """
    if any(len(set(part)) < len(part) for part in (left, right, output)):
        return None
    both = [letter for letter in left if letter in right]
    stacked = [letter for letter in output if letter in both]
    summed = [letter for letter in both if letter not in output]
    rows = [letter for letter in output if letter in left and letter not in both]
    columns = [letter for letter in output if letter in right and letter not in both]
    if set(left) | set(right) != {*stacked, *summed, *rows, *columns} or not summed:
        return None
    first = [left.index(letter) for letter in (*stacked, *rows, *summed)]
    second = [right.index(letter) for letter in (*stacked, *summed, *columns)]
    have = [*stacked, *rows, *columns]
    order = [have.index(letter) for letter in output]
    s, r, m = len(stacked), len(rows), len(summed)

    def product(x: Array, y: Array) -> Array:
        a, b = x.transpose(first), y.transpose(second)
        lead, middle, tail = a.shape[:s], a.shape[s : s + r], b.shape[s + m :]
        depth = prod(a.shape[s + r :])
        result = a.reshape(*lead, prod(middle), depth) @ b.reshape(*lead, depth, prod(tail))
        return result.reshape(*lead, *middle, *tail).transpose(order)

    return product


# ------------------------------------------------------------------ stacks of moved values


def moved(base: Array, entries: Array, steps: Array) -> Array:
    """A stack of `base`, in row k of which the entry `entries[k]` (counted flat) has moved."""
    stack = np.empty((len(entries), *np.shape(base)))
    stack[...] = base
    stack.reshape(len(entries), -1)[np.arange(len(entries)), entries] += steps
    return stack


def slopes(values: Array, steps: Array | float) -> tuple[Array, Array]:
    """Derivatives from values at +h, -h, +2h, -2h, and how far those of h and 2h are apart.

    >>> x, h = 1.0, 2.0**-10
    >>> derivative, apart = slopes(np.exp(x + SIGNS * h)[:, None], h)
    >>> bool(abs(derivative[0] - np.e) < 1e-11 < apart[0] < 1e-5)
    True
    """
    near = (values[0] - values[1]) / (2 * steps)
    far = (values[2] - values[3]) / (4 * steps)
    return (4 * near - far) / 3, np.abs(near - far)


LEVELS = 10  # of steps, each a quarter of the one before: from 2^-3 down to 2^-21 of the scale
RATIO = 4.0


def ridders(values: Array, steps: Array, noise: float) -> tuple[Array, Array]:
    """Derivatives from values of shape (LEVELS, 2, n), the best extrapolations, and their errors.

    `steps` are the first steps (n,); `noise` is the rounding error of one value.
    """
    level = RATIO ** -np.arange(LEVELS)[:, None] * steps
    column = (values[:, 0] - values[:, 1]) / (2 * level)
    best, error = column[0], np.full(len(steps), np.inf)
    for order in range(1, LEVELS):
        power = RATIO ** (2 * order)
        better = (power * column[1:] - column[:-1]) / (power - 1)
        gap = np.maximum(np.abs(better - column[1:]), np.abs(better - column[:-1]))
        gap = gap + noise / level[order:]
        gap[~np.isfinite(gap)] = np.inf
        at = np.argmin(gap, axis=0)
        found = np.take_along_axis(gap, at[None], 0)[0]
        value = np.take_along_axis(better, at[None], 0)[0]
        best, error = np.where(found < error, value, best), np.minimum(found, error)
        column = better
    return best, error


# ------------------------------------------------------------------ does a node hold a gradient?


class Witness:
    """Random points of a graph at which nodes are asked whether they hold the gradient of `of`.

    What was evaluated is kept, so that the second question costs a fraction of the first.
    """

    def __init__(
        self,
        graph: Graph,
        of: str,
        points: Sequence[Mapping[str, ArrayLike]] | None = None,
        count: int = 3,
        seed: int = 0,
    ) -> None:
        self.graph, self.target = graph, graph.id(of)
        found = points or [sample(graph, seed + each) for each in range(count)]
        self.traces = [evaluate(graph, point) for point in found]
        self.rng = np.random.default_rng(seed)
        self.probes: dict[int, Probe] = {}

    def digits(self, wrt: str, gradient: str | Sequence[ArrayLike]) -> float:
        """To how many digits a node (or one array per point) is the gradient with respect to `wrt`.

        Tested in one random direction per point against a five-point difference; the worst point
        counts. 0 where anything is not finite, at most 15.
        """
        source = self.graph.id(wrt)
        if source not in self.probes:
            self.probes[source] = Probe(self.graph, self.target, [source])
        probe = self.probes[source]
        worst = 15.0
        for at, trace in enumerate(self.traces):
            held = trace[gradient] if isinstance(gradient, str) else np.asarray(gradient[at])
            worst = min(worst, self._digits(probe, trace.arrays, trace.dims, held))
        return worst

    def _digits(self, probe: Probe, base: Values, dims: Dims, gradient: Any) -> float:
        (source,) = probe.sources
        x = np.asarray(base[source], float)
        direction = self.rng.choice((-1.0, 1.0), x.shape) * self.rng.uniform(0.5, 1.5, x.shape)
        step = KINKED_STEP if probe.kinked else SMOOTH_STEP
        steps = np.multiply.outer(SIGNS * step, direction * np.minimum(np.abs(x) + 0.1, 1))
        values = probe.values(base, dims, [x + steps])
        numeric = float(slopes(values[:, None], step)[0][0])
        parts = np.broadcast_to(gradient, x.shape) * direction * np.minimum(np.abs(x) + 0.1, 1)
        scale = max(abs(numeric), float(np.sqrt(np.sum(parts * parts))))
        scale = max(scale, 1e-4 * abs(float(base[self.target])), TINY)
        error = abs(float(np.sum(parts)) - numeric) / scale
        return float(np.clip(-np.log10(max(error, 1e-15)), 0, 15)) if np.isfinite(error) else 0.0


def agrees(
    graph: Graph,
    of: str,
    wrt: str,
    gradient: str | Sequence[ArrayLike],
    points: Sequence[Mapping[str, ArrayLike]] | None = None,
    count: int = 3,
    seed: int = 0,
) -> float:
    """To how many digits a node holds the gradient of `of` with respect to `wrt`: see `Witness`.

    >>> from graphdbg.gradients import grad
    >>> b = Builder()
    >>> g = grad(b.build({"f": b.map("exp", b.input("x"))}))
    >>> agrees(g, "f", "x", "f.d_x") > 9, agrees(g, "f", "x", "x") < 1
    (True, True)
    """
    return Witness(graph, of, points, count, seed).digits(wrt, gradient)
