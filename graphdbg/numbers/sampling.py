"""Random points: for each input a value of its declared domain, where the graph is tame.

A point is good when every node is finite and none sits at a kink, a tie, a pole or a matrix that
is nearly singular, so that the graph can be differenced there. Points are drawn until one is good;
what went wrong at a node decides how the inputs it depends on are drawn next. The same seed gives
the same point.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice, permutations
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import ValueGivenError
from ..tape import ops, scalars, sizes
from ..tape.graph import Graph, cone, suggestion
from ..tape.naming import describe
from ..tape.sizes import Dim, Size, to_text
from .draws import DOMINANT, WAYS, Array, Rng, ways
from .evaluator import RULES, as_array, bind_dims
from .work import require_room

LARGEST = 2**48  # entries of an array: no machine addresses as many
TRIES = 120  # draws before giving up; what half of the draws meet fails so once in 1e36 times
DRAWN = 2  # draws that are usual, by which the work is counted before the first
PATIENCE = 3  # draws of one kind before another kind is tried
MARGIN = 1e-2  # of the distance to a kink, so that a difference step of 1e-3 does not cross it
CROWD = 0.02  # the share of draws lost to kinks when there are many: the margin shrinks to keep it
CONDITION = 1e6  # of a matrix to invert: half of the digits are left
SIZES = (5, 3, 4, 7, 2, 6, 8, 9, 11, 10, 13, 12)  # distinct, so that a transposition error shows
MAX_ASSIGNMENTS = 20_000  # of sizes to named dimensions that are looked at
DEFAULT_LABELS = 3  # for a label that indexes no axis of the graph

FINE, NEAR, HIDDEN, BAD = range(4)  # good; near a kink; not finite inside only; not finite


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong with a point: how bad, at which node, in words."""

    severity: int
    node: int = -1
    what: str = ""


def sample(
    graph: Graph,
    seed: int = 0,
    dims: Mapping[str, int] | None = None,
    given: Mapping[str, ArrayLike] | None = None,
    count: int | None = None,
) -> dict[str, Array]:
    """A random point: name to array, in the declared domain, away from kinks, poles and ties.

    `dims` fixes sizes of named dimensions, `given` values of inputs. With `count`, every array has
    an extra leading axis of that many points. Raises ValueGivenError where no point was found; it
    names the node that could not be satisfied. LimitError where the graph's numbers would be too
    many: nothing is drawn then.

    >>> from graphdbg.tape.builder import Builder
    >>> b = Builder()
    >>> g = b.build({"f": b.map("log", b.input("x", (3,)))})
    >>> bool((sample(g)["x"] > 0).all())
    True
    """
    sampler = Sampler(graph, np.random.default_rng(seed), dict(dims or {}), dict(given or {}))
    if count is None:
        return sampler.point()
    points = [sampler.point() for _ in range(count)]
    return {name: np.stack([point[name] for point in points]) for name in graph.inputs}


def sizes_for(graph: Graph, dims: Mapping[str, int] | None = None, seed: int = 0) -> dict[str, int]:
    """Sizes for the named dimensions: all different, and with them every shape is positive.

    Raises ValueGivenError where there are none.

    >>> from graphdbg.tape.builder import Builder
    >>> b = Builder()
    >>> sizes_for(b.build([b.input("x", (sizes.named("n"), sizes.named("k")))]))
    {'n': 5, 'k': 3}
    """
    free = sorted(graph.dims - set(dims or {}), key=_first_use(graph))
    if not free:
        return dict(dims or {})
    rng = np.random.default_rng(seed)
    pool = [size for size in SIZES if size not in (dims or {}).values()]
    pool += range(max(SIZES) + 1, max(SIZES) + 1 + max(0, len(free) - len(pool)))
    conditions = _positive(graph)
    for chosen in _assignments(pool, len(free), rng, shuffled=seed > 0):
        found = {**(dims or {}), **dict(zip(free, chosen, strict=True))}
        if all(dim.evaluate(found) > 0 for dim in conditions):
            return found
    raise ValueGivenError(
        f"no sizes for the dimensions {', '.join(free)} keep every shape of the graph positive: "
        "give the sizes"
    )


def fits(graph: Graph, dims: Mapping[str, int]) -> bool:
    """Whether with these sizes every shape is positive, and every slice within its axis."""
    return all(dim.evaluate(dims) > 0 for dim in _positive(graph))


def _first_use(graph: Graph) -> Callable[[str], int]:
    order: dict[str, int] = {}
    for at in graph.input_ids:
        for dim in graph.shapes[at]:
            for name in sorted(sizes.names_in((dim,))):
                order.setdefault(name, len(order))
    return lambda name: order.get(name, len(order))


def _assignments(
    pool: list[int], length: int, rng: Rng, shuffled: bool
) -> Iterator[tuple[int, ...]]:
    if not shuffled:
        yield from islice(permutations(pool, length), MAX_ASSIGNMENTS)
    for _ in range(MAX_ASSIGNMENTS):
        yield tuple(int(each) for each in rng.permutation(pool)[:length])


def _positive(graph: Graph) -> set[Size]:
    """Dimensions that must be positive: those of shapes, and the room before and after slices."""
    found: set[Dim] = {dim for shape in graph.shapes for dim in shape}
    for at, op in enumerate(graph.ops):
        if type(op) in (ops.Slice, ops.Pad):
            whole = graph.shapes[graph.args[at][0]] if type(op) is ops.Slice else graph.shapes[at]
            for (start, size, step), dim in zip(op.ranges, whole, strict=True):  # type: ignore[attr-defined]
                last = start + (size - 1) * step
                found |= {start + 1, last + 1, dim - start, dim - last}
    return {dim for dim in found if isinstance(dim, Size)}


@dataclass
class Sampler:
    """Draws points of one graph, one after another, and learns how its inputs must be drawn."""

    graph: Graph
    rng: Rng
    dims: dict[str, int]
    given: dict[str, Any]
    way: dict[int, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.given:
            if name not in self.graph.inputs:
                raise ValueGivenError(
                    f"a value was given for '{name}', which is not an input of the graph"
                    f"{suggestion(name, self.graph.inputs)}"
                )
        self.given = {name: as_array(name, value) for name, value in self.given.items()}
        self._bind_given()
        self.carriers = carriers(self.graph)
        self.judge = Judge(self.graph)
        self.way = dict.fromkeys(self.graph.input_ids, 0)
        for at in _inverted(self.graph, self.carriers):
            self.way[at] = DOMINANT if self._domain(at) == "Real" else 0
        self._resize(0)

    def point(self) -> dict[str, Array]:
        """The next point; ValueGivenError where none was found."""
        best, trouble = None, Trouble(BAD + 1)
        for attempt in range(TRIES):
            values = {self._name(at): self._draw(at) for at in self.graph.input_ids}
            found = self.judge.judge(values, self.sizes)
            if found.severity < trouble.severity:
                best, trouble = values, found
            if found.severity == FINE:
                return values
            self._learn(attempt, found)
        if best is None or trouble.severity == BAD:
            raise self._failure(trouble)
        return best

    def _bind_given(self) -> None:
        shapes = {self._name(at): self.graph.shapes[at] for at in self.graph.input_ids}
        known = {name: shapes[name] for name in self.given}
        simple = {name: shape for name, shape in known.items() if _simple(shape)}
        found = bind_dims(simple, {name: self.given[name].shape for name in simple})
        for name, size in found.items():
            if self.dims.setdefault(name, size) != size:
                raise ValueGivenError(
                    f"dimension {name} is {self.dims[name]}, but {size} in the given values"
                )

    def _resize(self, seed: int) -> None:
        self.sizes = sizes_for(self.graph, self.dims, seed)
        require_room(self.graph, self.sizes, rounds=DRAWN)
        self.limits = label_limits(self.graph, self.carriers, self.sizes)

    def _learn(self, attempt: int, trouble: Trouble) -> None:
        """Draw otherwise what the node in trouble depends on; now and then other sizes."""
        if (attempt + 1) % (8 * PATIENCE) == 0 and self.graph.dims - set(self.dims):
            self._resize(attempt)
        if attempt % PATIENCE != PATIENCE - 1 or trouble.node < 0:
            return
        step = (attempt + 1) // PATIENCE
        for at in cone(self.graph, [trouble.node]):
            if at in self.way and self._domain(at) != "Label":
                count = len(ways(self._domain(at)))
                together = step < len(WAYS["Real"])
                self.way[at] = step % count if together else int(self.rng.integers(count))

    def _draw(self, at: int) -> Array:
        name, domain = self._name(at), self._domain(at)
        if name in self.given:
            return self.given[name]
        shape = tuple(sizes.evaluate(dim, self.sizes) for dim in self.graph.shapes[at])
        if math.prod(shape) > LARGEST:
            raise ValueGivenError(
                f"'{name}' of shape {to_text(shape)} is over the limit of an array, 2^48 entries"
            )
        if domain == "Label":
            if self.limits[at] < 1 <= math.prod(shape):
                raise ValueGivenError(f"'{name}' picks from an axis of size 0, which has no entry")
            return np.asarray(self.rng.integers(0, max(1, self.limits[at]), shape), float)
        return np.asarray(ways(domain)[self.way[at]](self.rng, shape), float)

    def _name(self, at: int) -> str:
        return self.graph.ops[at].name  # type: ignore[attr-defined]

    def _domain(self, at: int) -> str:
        return "Label" if at in self.carriers.indices else self.graph.ops[at].domain  # type: ignore[attr-defined]

    def _failure(self, trouble: Trouble) -> ValueGivenError:
        name = self.graph.names[trouble.node]
        return ValueGivenError(
            f"no random point found in {TRIES} tries: {trouble.what}; "
            "declare the domains of the inputs (Positive, Probability, ...) or give values",
            span=self.graph.place(trouble.node),
            node=name,
        )


def _simple(shape: sizes.Shape) -> bool:
    return all(isinstance(dim, int) or dim == sizes.named(str(dim)) for dim in shape)


# ------------------------------------------------------------------ where an input's values go


@dataclass(frozen=True, slots=True)
class Carriers:
    """`origin[node]` is the input whose values the node holds unchanged, moved at most.

    `indices` are the inputs that are used as labels: declared so, or read as an index.
    """

    origin: dict[int, int]
    indices: set[int]


_MOVES = (ops.Reshape, ops.Broadcast, ops.Slice, ops.StopGradient)


def carriers(graph: Graph) -> Carriers:
    """Which nodes hold an input's values unchanged, and which inputs are labels."""
    origin = {at: at for at in graph.input_ids}
    indices = {at for at in origin if graph.ops[at].domain == "Label"}  # type: ignore[attr-defined]
    for at, (op, args) in enumerate(zip(graph.ops, graph.args, strict=True)):
        kind = type(op)
        moved = kind in _MOVES or (kind is ops.Contract and _permutes(op))
        if (moved or kind is ops.Arange) and (not args or args[0] in origin):
            origin[at] = origin[args[0]] if args else at
        elif kind in (ops.Gather, ops.Scatter):
            indices |= {origin[arg] for arg in args[1:] if arg in origin}
    return Carriers(origin, {at for at in indices if type(graph.ops[at]) is ops.Input})


def _permutes(op: Any) -> bool:
    return len(op.inputs) == 1 and sorted(op.inputs[0]) == sorted(op.output)


def label_limits(graph: Graph, found: Carriers, dims: Mapping[str, int]) -> dict[int, int]:
    """For each label input, below which number it stays: the smallest axis that it indexes."""
    limits: dict[int, list[int]] = {at: [] for at in found.indices}
    for op, args in zip(graph.ops, graph.args, strict=True):
        kind = type(op)
        if kind in (ops.Gather, ops.Scatter):
            axes = graph.shapes[args[0]] if kind is ops.Gather else op.shape  # type: ignore[attr-defined]
            for arg, dim in zip(args[1:], axes, strict=False):
                if found.origin.get(arg) in limits:
                    limits[found.origin[arg]].append(sizes.evaluate(dim, dims))
        elif kind is ops.Map and op.function in ("eq", "ne"):  # type: ignore[attr-defined]
            both = [found.origin.get(arg, -1) for arg in args]
            for at, other in (both, both[::-1]):
                if at in limits and other >= 0 and type(graph.ops[other]) is ops.Arange:
                    limits[at].append(sizes.evaluate(graph.ops[other].size, dims))  # type: ignore[attr-defined]
    return {at: min(each, default=DEFAULT_LABELS) for at, each in limits.items()}


_MATRIX = (ops.Inverse, ops.LogDet, ops.Det)


def _inverted(graph: Graph, found: Carriers) -> set[int]:
    """The inputs whose values go into an inverse or a determinant unchanged."""
    uses = (args[0] for op, args in zip(graph.ops, graph.args, strict=True) if type(op) in _MATRIX)
    return {found.origin[arg] for arg in uses if arg in found.origin}


# ------------------------------------------------------------------ judging a point

POLES = {"div": "b", "log": "a", "sqrt": "a", "log1p": "1 + a", "arcsin": "1 - a*a",
         "arccos": "1 - a*a"}  # fmt: skip
CONTINUOUS = (*ops.FREE, "Probability")


class Judge:
    """Tells what is wrong with a point of a graph; what only depends on the graph is kept."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.kept = set(graph.output_ids)
        self.moving = bytearray(len(graph))  # nodes that depend on a continuous input
        self.delicate: list[int] = []  # those of them that may sit near a kink or a pole
        for at, (op, args) in enumerate(zip(graph.ops, graph.args, strict=True)):
            free = type(op) is ops.Input and op.kind in CONTINUOUS
            self.moving[at] = free or any(self.moving[arg] for arg in args)
            if self.moving[at] and graph.phases[at] == 0 and _is_delicate(op):
                self.delicate.append(at)

    def judge(self, point: Mapping[str, Array], dims: Mapping[str, int]) -> Trouble:
        """The worst trouble of the graph at `point`; the first of its kind."""
        values: list[Any] = []
        hidden = Trouble(FINE)
        with np.errstate(all="ignore"):
            for at, (op, args) in enumerate(zip(self.graph.ops, self.graph.args, strict=True)):
                if type(op) is ops.Input:
                    values.append(point[op.name])
                    continue
                try:
                    value = RULES[type(op)](op, [values[arg] for arg in args], dims)
                except ValueGivenError as error:  # an index outside its axis
                    return Trouble(BAD, at, error.message)
                values.append(value)
                if not hidden.severity and not np.isfinite(value).all():
                    hidden = Trouble(HIDDEN, at, f"{self._show(at)} is not finite")
            if hidden.severity:
                lost = not all(np.isfinite(values[at]).all() for at in self.kept)
                return Trouble(BAD if lost else HIDDEN, hidden.node, hidden.what)
            return self._near(values)

    def _near(self, values: list[Any]) -> Trouble:
        crowd = sum(np.size(values[self.graph.args[at][0]]) for at in self.delicate)
        margin = min(MARGIN, CROWD / max(crowd, 1))
        for at in self.delicate:
            operands = [values[arg] for arg in self.graph.args[at]]
            what = _closeness(self.graph.ops[at], operands, margin)
            if what:
                return Trouble(NEAR, at, f"{self._show(at)} {what}")
        return Trouble(FINE)

    def _show(self, at: int) -> str:
        names = self.graph.names
        args = [names[arg] for arg in self.graph.args[at]]
        shape = to_text(self.graph.shapes[at])
        return f"node '{names[at]}' = {describe(self.graph.ops[at], args)} {shape}"


def _is_delicate(op: Any) -> bool:
    if type(op) is ops.Map:
        return op.function in POLES or scalars.TABLE[op.function].kink is not None
    return type(op) in (ops.Reduce, *_MATRIX)


def _closeness(op: Any, operands: list[Any], margin: float) -> str:
    """What the operation is too close to, or nothing. Exact zeros are meant: they are kept."""
    if type(op) is ops.Map:
        text = POLES.get(op.function) or scalars.TABLE[op.function].kink
        gap = np.abs(scalars.evaluate_template(scalars.template(text), dict(zip("abc", operands))))
        return "is near a kink or a pole" if np.any((gap < margin) & (gap > 0)) else ""
    if type(op) is ops.Reduce:
        return "is near a tie" if op.kind != "prod" and _tied(op, operands[0], margin) else ""
    return "is nearly singular" if np.any(np.linalg.cond(operands[0]) > CONDITION) else ""


def _tied(op: ops.Reduce, array: Array, margin: float) -> bool:
    """Whether a second entry comes within the margin of the extreme one, without being equal."""
    best = np.max if op.kind in ("max", "argmax") else np.min
    gap = np.abs(array - best(array, axis=op.axes, keepdims=True))
    return bool(np.any((gap > 0) & (gap < margin)))
