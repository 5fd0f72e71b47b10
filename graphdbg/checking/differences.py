"""Differences: what a scalar node does when other nodes move, many moves evaluated as one stack.

A `Probe` lifts the part of a tape between some nodes and the target (and nothing else) over a stack
of moved values; for all entries of one node it keeps only what moves (`cones`). `slopes` turns the
target's values into derivatives with an error estimate.

Five-point central differences: Abramowitz and Stegun, 25.3.6; the extrapolation in `ridders`:
Ridders, Advances in Engineering Software 4 (1982).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..calculus.batching import lift, repeat
from ..numbers.evaluator import bind, evaluate
from ..numbers.sampling import sample
from ..numbers.work import require_room
from ..tape import ops, sizes
from ..tape.builder import Builder
from ..tape.graph import Graph
from ..tape.scalars import TABLE
from .cones import Cone
from .runner import Dims, Runner, Values

Array = NDArray[np.float64]

EPS = float(np.finfo(np.float64).eps)
SIGNS = np.array([1.0, -1.0, 2.0, -2.0])  # the five points of the difference, without the middle
ROWS = "rows@"  # the named dimension of a probe's stack
SMOOTH_STEP = 2.0**-10  # near eps^(1/5) = 7e-4, the best step of the five-point difference
KINKED_STEP = 2.0**-16  # near eps^(1/3) = 6e-6: short, so that it rarely crosses a kink
KINKS = ("floor", "where")  # elementwise functions that jump and declare no kink
TINY = 1e-300
STACKS = 24  # arrays beside the traces of a witness: twenty steps of each node on the way at most
ROUNDS = 15  # evaluations that a witness takes: three points, four moves of each


def is_kinked(op: ops.Op) -> bool:
    """Whether an operation has kinks or jumps."""
    if type(op) is ops.Map:
        return op.function in KINKS or TABLE[op.function].kink is not None
    return type(op) is ops.Reduce and op.kind != "prod"


class Probe:
    """The values of `target` for a stack of moved values of `sources`, other nodes as they are.

    With `entries`, the stack is that of every entry of every source, each moved by its own step
    while all others stay.
    """

    def __init__(
        self, graph: Graph, target: int, sources: Sequence[int], entries: bool = False
    ) -> None:
        b = Builder.of(graph)
        path = paths(graph, sources, target)
        self.target, self.sources = target, tuple(sources)
        self.kinked = any(is_kinked(graph.ops[at]) for at in path)
        self._run: Runner | None = None
        self.shapes: list[sizes.Shape] = []
        if target not in sources and (not path or path[-1] != target):
            return  # nothing leads there, or only through what is held fixed
        if entries and len(sources) == 1:
            result = _cone(b, graph, sources[0], target)
        elif entries:
            cut = bottleneck(graph, sources, path) if path else target
            parts = [_cone(b, graph, source, cut) for source in sources]
            joined = b.emit(ops.Concat(0), *parts)
            result = _lifted(b, graph, {cut: joined}, paths(graph, [cut], target), target)
        else:
            rows = sizes.named(ROWS)
            stacks = {at: b.input(f"{at}@stack", (rows, *graph.shapes[at])) for at in sources}
            result = _lifted(b, graph, stacks, path, target)
        self._run = Runner(b, len(graph), [result])
        self.shapes = [b.shapes[at] for at in self._run.order]

    def values(self, base: Values, dims: Dims, stacks: Sequence[Array]) -> Array:
        """The target, a vector with one entry per row of `stacks` (one stack per source)."""
        count = len(stacks[0])
        if self._run is None:
            return np.full(count, float(base[self.target]))
        names = [f"{at}@stack" for at in self.sources]
        given = dict(zip(names, stacks, strict=True))
        return np.asarray(self._run(base, {**dims, ROWS: count}, given)[0])

    def entries(self, base: Values, dims: Dims, steps: Sequence[Array]) -> Array:
        """The target with each entry moved by `SIGNS` times its step: (4, all entries)."""
        counts = [step.size for step in steps]
        if self._run is None:
            return np.full((len(SIGNS), sum(counts)), float(base[self.target]))
        names = [f"{at}@steps" for at in self.sources]
        found = np.asarray(self._run(base, dims, dict(zip(names, steps, strict=True)))[0])
        ends = np.cumsum(counts) * len(SIGNS)
        parts = [each.reshape(len(SIGNS), -1) for each in np.split(found, ends[:-1])]
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def cost(self, dims: Dims, rows: int = 1) -> int:
        """The number of elements of all stacks, of `rows` rows where those are asked for."""
        known = {**dims, ROWS: rows}
        return 1 + sum(sizes.evaluate(sizes.product(shape), known) for shape in self.shapes)


def _lifted(
    b: Builder, graph: Graph, stacks: dict[int, int], path: Sequence[int], target: int
) -> int:
    """The stack of the target, given the stacks of the nodes that `path` begins with."""
    rows = b.shapes[next(iter(stacks.values()))][0]
    for at in path:
        args = graph.args[at]
        flags = tuple(arg in stacks for arg in args)
        mapped = tuple(stacks.get(arg, arg) for arg in args)
        stacks[at] = lift(b, graph.ops[at], mapped, flags, rows)
    return stacks[target]


def _cone(b: Builder, graph: Graph, source: int, target: int) -> int:
    """The full stack of the target for every entry of the source."""
    signs = b.emit(ops.Array(tuple(SIGNS), (len(SIGNS),)))
    cone = Cone(b, source, signs, b.input(f"{source}@steps", graph.shapes[source]))
    for at in paths(graph, [source], target):
        cone.step(at)
    return cone.stack(target) if target in cone else repeat(b, target, cone.rows)


def bottleneck(graph: Graph, sources: Sequence[int], path: Sequence[int]) -> int:
    """The first node of a path through which everything that comes from the sources goes."""
    new = {*sources, *path}
    last = {arg: at for at in path for arg in graph.args[at] if arg in new}
    reach = max((last.get(source, -1) for source in sources), default=-1)
    for at in path:
        if reach <= at:
            return at
        reach = max(reach, last.get(at, at))
    return path[-1]


def paths(graph: Graph, sources: Sequence[int], target: int) -> list[int]:
    """The nodes that depend on a source and lead to the target, in tape order; no sources.

    What a `StopGradient` holds back stays as it is: derivatives are taken with it fixed.

    >>> b = Builder()
    >>> x, y = b.input("x"), b.input("y")
    >>> f = b.map("mul", b.map("exp", x), b.map("exp", y))
    >>> paths(b.build([f]), [x], f)
    [2, 4]
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


# ------------------------------------------------------------------ stacks of moved values


def moved(base: Array, entries: Array, steps: Array) -> Array:
    """A stack of `base`, in row k of which the entry `entries[k]` (counted flat) has moved.

    >>> moved(np.zeros(2), np.array([0, 1]), np.array([0.5, 0.25]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
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


def aitken(slopes: Array, noise: Array) -> tuple[Array, Array]:
    """Limits of sequences (levels, n) that approach them geometrically, and their errors.

    Of all extrapolations from three neighbours that one is taken which differs least from the one
    before; `noise` are the rounding errors of the slopes. (Aitken, Proceedings of the Royal Society
    of Edinburgh 46, 1926.) nan and inf where a sequence does not settle.

    >>> limit, error = aitken(3 + 0.5 ** np.arange(9.0)[:, None], np.full((9, 1), 1e-16))
    >>> bool(abs(limit[0] - 3) <= error[0] < 1e-14)
    True
    """
    with np.errstate(all="ignore"):
        step, before = np.diff(slopes, axis=0)[1:], np.diff(slopes, axis=0)[:-1]
        bent = step - before
        shrinks = np.abs(step) < np.abs(before)
        limit = np.where(bent == 0, slopes[2:], slopes[2:] - step * step / bent)
        grown = (step / bent) ** 2 + 1  # what the extrapolation makes of rounding errors
        off = np.abs(np.diff(limit, axis=0)) + 4 * grown[1:] * noise[3:]
    usable = (shrinks | (step == 0))[1:] & np.isfinite(off)
    off = np.where(usable, off, np.inf)
    at = np.argmin(off, axis=0)[None]
    error = np.take_along_axis(off, at, 0)[0]
    best = np.take_along_axis(limit[1:], at, 0)[0]
    return np.where(np.isfinite(error), best, np.nan), error


# ------------------------------------------------------------------ does a node hold a gradient?


def require_witness(graph: Graph, dims: Mapping[str, int], count: int) -> None:
    """Raise LimitError where a `Witness` of `count` points would take more than the limit."""
    require_room(graph, dims, copies=count, stacks=STACKS, rounds=ROUNDS)


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
        require_witness(graph, bind(graph, found[0])[1], len(found))
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
        direction *= np.minimum(np.abs(x) + 0.1, 1)
        parts = np.broadcast_to(gradient, x.shape) * direction
        here = abs(float(base[self.target]))

        def digits(numeric: float) -> float:
            scale = max(abs(numeric), float(np.sqrt(np.sum(parts * parts))), 1e-4 * here, TINY)
            error = abs(float(np.sum(parts)) - numeric) / scale
            return float(np.clip(-np.log10(max(error, 1e-15)), 0, 15)) if np.isfinite(error) else 0

        def along(steps: Array) -> Array:
            return probe.values(base, dims, [x + np.multiply.outer(steps.ravel(), direction)])

        step = KINKED_STEP if probe.kinked else SMOOTH_STEP
        found = digits(float(slopes(along(SIGNS * step)[:, None], step)[0][0]))
        if found >= ENOUGH:
            return found
        for first in map(np.atleast_1d, FIRST_STEPS):
            steps = RATIO ** -np.arange(LEVELS)[:, None] * first * np.array([1.0, -1.0])
            values = along(steps).reshape(LEVELS, 2, 1)
            with np.errstate(all="ignore"):
                found = max(found, digits(float(ridders(values, first, EPS * here)[0][0])))
            if found >= ENOUGH:
                break
        return found


ENOUGH = 8.0  # digits; with fewer, many steps are tried before a node is doubted
FIRST_STEPS = (2.0**-3, 2.0**-13, 2.0**-20)  # the last one for sin(x^9) at x = 4 and its like


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

    >>> from graphdbg.calculus.gradients import grad
    >>> b = Builder()
    >>> g = grad(b.build({"f": b.map("exp", b.input("x"))}))
    >>> agrees(g, "f", "x", "f.d_x") > 9, agrees(g, "f", "x", "x") < 1
    (True, True)
    """
    return Witness(graph, of, points, count, seed).digits(wrt, gradient)
