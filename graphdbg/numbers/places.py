"""Points that look everywhere: where two formulas that are not equal would differ.

After ordinary random points: all magnitudes and signs, zeros, ones, whole numbers and small sizes;
around the constants of a graph; and on both sides of each kink, which Newton's method finds. What
an input's domain forbids is never drawn. The same seed gives the same points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calculus.gradients import grad
from ..tape import ops, sizes
from ..tape.builder import LETTERS, Builder
from ..tape.graph import Graph, cone
from ..tape.scalars import TABLE
from .measuring import Outline, values_of
from .sampling import carriers, fits, label_limits, sizes_for

Array = NDArray[np.float64]
Rng = np.random.Generator
Ends = tuple[float, float]
Real = Callable[[tuple[int, ...]], Array]  # draws the real numbers of an array

MAGNITUDES = (1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0, 1e3)
SMALL_SIZES = (1, 2, 3, 5)
SHARES = (0.5, 0.01, 0.99, 0.3, 1e-6)  # of the way from one end of an interval to the other
CONSTANTS = 24  # of a graph that points are laid around
LAID = 80  # numbers around them
KINKS = 12
NEWTON = 16  # steps; from 0 to a root near 10 of a cubic it takes 11
CLOSE = 1e-15  # relative: nearer to a kink there is no double
ASIDE = (0.0, *(sign * d for d in (1e-9, 1e-6, 1e-4, 0.01, 0.1, 1.0) for sign in (1, -1)))
NUDGES = (1e-6, 1e-6, 1e-6, 1e-6, 1e-10, 1e-10)  # relative
NUDGED_FROM = 1e-3  # smaller values are nudged as this one
ENTRY = "entry of a kink"  # an input's name; no program can use it: it has blanks
DISTANCE = "distance to a kink"


@dataclass(frozen=True)
class Place:
    """A point: each input's value, and the sizes of the named dimensions there."""

    point: Mapping[str, Array]
    dims: Mapping[str, int]


@dataclass
class Places:
    """The points of a graph at which `targets` are compared, stage after stage."""

    graph: Graph
    targets: tuple[int, ...]
    seed: int = 0
    rng: Rng = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng([self.seed, 0])
        self.inputs = [at for at in self.outline.order if type(self.graph.ops[at]) is ops.Input]
        self.carriers = carriers(self.graph)

    @cached_property
    def outline(self) -> Outline:
        """The nodes behind the targets."""
        return Outline(self.graph, self.targets)

    @cached_property
    def dims(self) -> dict[str, int]:
        """The usual sizes of the named dimensions, all different."""
        return sizes_for(self.graph)

    def small_dims(self) -> Iterator[dict[str, int]]:
        """Sizes of 1, 2, 3 and 5: all the same, then mixed; those that keep shapes positive."""
        names = sorted(self.graph.dims)
        mixed = [self.rng.choice(SMALL_SIZES, len(names)) for _ in range(3)]
        for each in [[size] * len(names) for size in (1, 2, 3)] + [list(row) for row in mixed]:
            dims = dict(zip(names, map(int, each), strict=True))
            if fits(self.graph, dims):
                yield dims

    def everywhere(self) -> Iterator[Place]:
        """All magnitudes and signs, zeros, ones, whole numbers, and small named sizes."""
        for size in sorted(MAGNITUDES, key=lambda size: abs(np.log10(size))):
            for sign in (1, -1, 0):
                yield self.draw(self.real(size, sign))
        for number in (0.0, 1.0, -1.0):
            yield self.draw(_filled(number))
        for _ in range(4):
            yield self.draw(lambda shape: self.rng.integers(-4, 5, shape).astype(float))
        for _ in range(12):
            yield self.draw(lambda shape: self.real(self._magnitude(()), 0)(shape))
        for _ in range(6):
            yield self.draw(lambda shape: self._magnitude(shape) * self.real(1.0, 0)(shape))
        for _ in range(2):
            yield self.draw(lambda s: self.real(1.0, 0)(s) * self.rng.integers(0, 2, s))
        if self.graph.dims:
            for dims in self.small_dims():
                yield self.draw(self.real(1.0, 0), dims)
                yield self.draw(self.real(self._magnitude(()), 0), dims)

    def around_constants(self) -> Iterator[Place]:
        """All reals at a number near a constant, and one input (or one entry) there alone."""
        free = [at for at in self.inputs if self._ends(at) is not None]
        for count, number in enumerate(self._numbers()):
            yield self.draw(_filled(number))
            alone = free[count % len(free)] if free else -1
            if len(free) > 1 or any(self.graph.shapes[at] for at in free):
                yield self._with_entry(self.draw(self.real(1.0, 0)), alone, number)

    def at_kinks(self) -> Iterator[Place]:
        """Each kink itself, and both sides of it, near and far."""
        for kink in kinks(self.graph, self.outline.order)[:KINKS]:
            yield from self._across(kink)

    def nudged(self, place: Place) -> Iterator[Place]:
        """The point with every real entry moved a little, each in a direction of its own."""
        rng = np.random.default_rng([self.seed, 1])
        for size in NUDGES:
            point = dict(place.point)
            for at in self.inputs:
                name = self._name(at)
                ends = self._ends(at)
                if ends is not None:
                    x = np.asarray(point[name], float)
                    step = size * np.maximum(np.abs(x), NUDGED_FROM) * rng.uniform(0.3, 1, x.shape)
                    point[name] = _inside(ends, x + step * rng.choice((-1, 1), x.shape), x)
            yield Place(point, place.dims)

    # ---------------------------------------------------------------- drawing

    def draw(self, real: Real, dims: Mapping[str, int] | None = None) -> Place:
        """A point whose real numbers `real` draws; the others follow their domains."""
        dims = self.dims if dims is None else dims
        limits = label_limits(self.graph, self.carriers, dims)
        point = {}
        for at in self.graph.input_ids:
            shape = tuple(sizes.evaluate(dim, dims) for dim in self.graph.shapes[at])
            point[self._name(at)] = self._value(at, shape, real, limits.get(at, 1))
        return Place(point, dims)

    def _value(self, at: int, shape: tuple[int, ...], real: Real, limit: int) -> Array:
        domain, rng = self._domain(at), self.rng
        if domain == "Label":
            return rng.integers(0, limit, shape).astype(float)
        if domain == "Bool":
            return np.asarray(rng.random(shape) < rng.choice((0.0, 0.5, 1.0)), float)
        if domain == "OneHot":
            classes = rng.integers(0, shape[-1], shape[:-1]) if shape else 0
            return np.asarray(np.eye(shape[-1])[classes] if shape else 1.0)
        ends = self._ends(at)
        if ends is None:
            weights = np.exp(3 * rng.normal(size=shape))
            return np.asarray(weights / np.sum(weights, axis=-1, keepdims=True))
        found = np.asarray(real(shape), float)
        if domain == "Positive":
            return np.where(found == 0, 1.0, np.abs(found))
        return _inside(ends, found, self._between(ends, shape)) if np.isfinite(ends[1]) else found

    def _between(self, ends: Ends, shape: tuple[int, ...]) -> Array:
        """Numbers of an interval: near its ends, in its middle, anywhere."""
        rng = self.rng
        share = rng.choice(SHARES, shape) if rng.random() < 0.7 else rng.random(shape)
        return np.asarray(ends[0] + (ends[1] - ends[0]) * share)

    def real(self, size: float, sign: int) -> Real:
        """Numbers of one magnitude: of one sign, or of both."""

        def draw(shape: tuple[int, ...]) -> Array:
            found = np.abs(self.rng.normal(size=shape)) + 0.1
            signs = self.rng.choice((-1, 1), shape) if sign == 0 else sign
            return np.asarray(size * signs * found)

        return draw

    def _magnitude(self, shape: tuple[int, ...]) -> Any:
        return 10 ** self.rng.uniform(-3, 3, shape)

    def _with_entry(self, place: Place, at: int, number: float) -> Place:
        """The place with a whole input, or one entry of it, at a number."""
        name = self._name(at)
        x = np.array(place.point[name])
        ends = self._ends(at) or (-np.inf, np.inf)
        if self._domain(at) == "Positive":
            number = abs(number) or 1.0
        elif not ends[0] < number < ends[1]:
            number = float(self._between(ends, ()))
        if x.size and self.rng.random() < 0.5:
            x.flat[self.rng.integers(x.size)] = number
        else:
            x[...] = number
        return Place({**place.point, name: x}, place.dims)

    def _name(self, at: int) -> str:
        return str(self.graph.ops[at].name)  # type: ignore[attr-defined]

    def _domain(self, at: int) -> str:
        return "Label" if at in self.carriers.indices else str(self.graph.ops[at].domain)  # type: ignore[attr-defined]

    def _ends(self, at: int) -> Ends | None:
        """Between which numbers each entry of an input may lie; None where it is not free."""
        op: Any = self.graph.ops[at]
        ends: Ends | None = op.ends
        return None if at in self.carriers.indices else ends

    # ---------------------------------------------------------------- constants

    def _numbers(self) -> list[float]:
        """Numbers just beside, one beside, and between the constants of both signs."""
        both = sorted({sign * c for c in self._constants() for sign in (1, -1)})
        beside = [c * factor for c in both for factor in (1.001, 0.999)]
        beside += [c + step for c in both for step in (1, -1)]
        between = [(low + high) / 2 for low, high in zip(both, both[1:])]
        numbers = list(dict.fromkeys(beside + between))
        self.rng.shuffle(numbers)
        return numbers[:LAID]

    def _constants(self) -> list[float]:
        written = dict.fromkeys(chain.from_iterable(map(self._written, self.outline.order)))
        plain = [abs(c) for c in written if np.isfinite(c) and c]
        roots = [c**0.5 for c in plain]
        logs = [abs(float(np.log(c))) for c in plain if c != 1]
        return list(dict.fromkeys([*plain[: CONSTANTS // 2], 0.5, 1.0, 2.0, *roots, *logs]))[
            :CONSTANTS
        ]

    def _written(self, at: int) -> tuple[float, ...]:
        op = self.graph.ops[at]
        if type(op) is ops.Const and not isinstance(op.value, sizes.Size):
            return (float(op.value),)
        return tuple(map(float, op.values[:CONSTANTS])) if type(op) is ops.Array else ()

    # ---------------------------------------------------------------- kinks

    def _across(self, kink: Kink) -> Iterator[Place]:
        """From an ordinary point to the kink, and from there along the gradient to both sides."""
        search = Newton.to(self.graph, kink, self)
        if search is None:
            return
        root, direction = search.root(self.draw(self.real(1.0, 0)))
        if direction is None:
            return
        for distance in ASIDE:
            yield search.moved(root, direction, distance)


def _inside(ends: Ends, wanted: Array, other: Array) -> Array:
    """What is wanted where it lies between the ends, else the other."""
    if ends == (-np.inf, np.inf):
        return wanted
    return np.where((ends[0] < wanted) & (wanted < ends[1]), wanted, other)


def _filled(number: float) -> Real:
    return lambda shape: np.full(shape, number)


@dataclass(frozen=True)
class Kink:
    """Where the nodes `a` and `b` are equal; `b` is None where a is 0, or whole for `steps`."""

    a: int
    b: int | None
    steps: bool = False


def kinks(graph: Graph, order: list[int]) -> list[Kink]:
    """The kinks of the nodes in `order` that depend on a real input, each once."""
    moving: set[int] = set()
    found: dict[Kink, None] = {}
    for at in order:
        op, args = graph.ops[at], graph.args[at]
        is_free = isinstance(op, ops.Input) and op.ends is not None
        if is_free or any(arg in moving for arg in args):
            moving.add(at)
        if type(op) is not ops.Map or not any(arg in moving for arg in args):
            continue
        if op.function == "floor":
            found[Kink(args[0], None, True)] = None
        elif op.function == "where" or TABLE[op.function].kink == "a":
            if args[0] in moving and not _is_mask(graph.ops[args[0]]):
                found[Kink(args[0], None)] = None
        elif TABLE[op.function].kink == "a - b" and Kink(args[1], args[0]) not in found:
            found[Kink(args[0], args[1])] = None
    return list(found)


def _is_mask(op: ops.Op) -> bool:
    return type(op) is ops.Map and TABLE[op.function].kink == "a - b"


@dataclass(frozen=True)
class Newton:
    """Newton's method on the distance to a kink, by the tape's own gradient of one entry."""

    graph: Graph
    distance: int
    gradients: dict[str, int]
    steps: bool
    places: Places

    @staticmethod
    def to(graph: Graph, kink: Kink, places: Places) -> Newton | None:
        """The search for a kink, None where its distance depends on no real input."""
        behind = cone(graph, [kink.a] if kink.b is None else [kink.a, kink.b])
        names = [
            op.name
            for at in behind
            if type(op := graph.ops[at]) is ops.Input
            and op.ends is not None
            and at not in places.carriers.indices
        ]
        if not names:
            return None
        b = Builder.of(graph)
        distance = kink.a if kink.b is None else b.map("sub", kink.a, kink.b)
        shape = b.shapes[distance]
        letters = LETTERS[: len(shape)]
        chosen = b.input(ENTRY, shape)
        scalar = b.contract(f"{letters},{letters}->", chosen, distance)
        extended = grad(b.build({DISTANCE: scalar}), DISTANCE, names)
        gradients = {name: extended.id(f"{DISTANCE}.d_{name}") for name in names}
        return Newton(extended, distance, gradients, kink.steps, places)

    def root(self, place: Place) -> tuple[Place, dict[str, Array] | None]:
        """A point at the kink, and how to move for a distance of 1; None where none was found."""
        order = cone(self.graph, [self.distance, *self.gradients.values()])
        shape = [sizes.evaluate(dim, place.dims) for dim in self.graph.shapes[self.distance]]
        chosen = np.zeros(shape)
        if not chosen.size:
            return place, None
        entry = int(self.places.rng.integers(chosen.size))
        chosen.flat[entry] = 1
        target, direction = None, None
        for _ in range(NEWTON):
            values = values_of(self.graph, order, {**place.point, ENTRY: chosen}, place.dims)
            found = float(np.asarray(values[self.distance]).flat[entry])
            if target is None:
                target = float(np.round(found)) if self.steps and np.isfinite(found) else 0.0
            slopes = {name: np.asarray(values[at]) for name, at in self.gradients.items()}
            with np.errstate(over="ignore", invalid="ignore"):
                size = sum(float(np.sum(slope * slope)) for slope in slopes.values())
            if not (np.isfinite(found) and np.isfinite(size) and size > 0):
                return place, direction
            direction = {name: slope / size for name, slope in slopes.items()}
            if abs(found - target) <= CLOSE * max(abs(target), 1e-300):
                break
            place = self.moved(place, direction, target - found)
        return place, direction

    def moved(self, place: Place, direction: Mapping[str, Array], distance: float) -> Place:
        """The place moved along a direction; what has ends stays between them."""
        point = dict(place.point)
        for name, each in direction.items():
            with np.errstate(over="ignore", invalid="ignore"):
                moved = np.asarray(point[name] + each * distance)
            op: Any = self.graph.ops[self.graph.id(name)]
            point[name] = _inside(op.ends, moved, point[name])
        return Place(point, place.dims)
