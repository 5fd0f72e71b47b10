"""Values with the bounds of their errors: of the nodes that a claim rests on, at one point.

`measure` works in double precision, `measure_exactly` at a number of digits; both keep to the
nodes of an `Outline`, which is made once for many points.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..tape import ops, sizes
from ..tape.graph import Graph, cone
from .arithmetic import DOUBLE, Arithmetic
from .evaluator import RULES, Dims
from .precision import Digits
from .rounding import bound

Array = NDArray[Any]


@dataclass(frozen=True)
class Measured:
    """Values and bounds of their errors, by the nodes' places on the tape."""

    values: Mapping[int, Array]
    errors: Mapping[int, Array]


@dataclass(frozen=True)
class Outline:
    """The nodes of a graph that some `targets` are computed from, arguments first."""

    graph: Graph
    targets: tuple[int, ...]

    @cached_property
    def order(self) -> list[int]:
        """The nodes, arguments first."""
        return cone(self.graph, self.targets)

    @cached_property
    def selections(self) -> dict[int, tuple[int, ...]]:
        """The comparisons of an array with its own largest (smallest) entries: node to axes.

        An entry is exactly as large as itself, however far its computed value is off.
        """
        found = {}
        for at in self.order:
            op, args = self.graph.ops[at], self.graph.args[at]
            if type(op) is ops.Map and op.function in ("eq", "ne"):
                for one, other in (args, args[::-1]):
                    axes = self._extreme_of(other, one)
                    if axes is not None:
                        found[at] = axes
        return found

    def _extreme_of(self, at: int, array: int) -> tuple[int, ...] | None:
        """The axes over which `at` is the max or min of `array`, spread out again; else None."""
        spread: Any = self.graph.ops[at]
        if type(spread) is not ops.Broadcast:
            return None
        inner = self.graph.args[at][0]
        op: Any = self.graph.ops[inner]
        if type(op) is not ops.Reduce or op.kind not in ("max", "min"):
            return None
        rank = len(self.graph.shapes[array])
        kept = tuple(axis for axis in range(rank) if axis not in op.axes)
        fits = self.graph.args[inner] == (array,) and spread.axes == kept
        return op.axes if fits and spread.shape == self.graph.shapes[array] else None

    def cost(self, dims: Dims) -> int:
        """How many scalar operations one evaluation takes, roughly."""
        return sum(self._operations(at, dims) for at in self.order)

    def _operations(self, at: int, dims: Dims) -> int:
        op: Any = self.graph.ops[at]
        shapes = [self.graph.shapes[arg] for arg in self.graph.args[at]]
        size = math.prod(sizes.evaluate(dim, dims) for dim in self.graph.shapes[at])
        if type(op) is ops.Contract:
            letters = {letter: dim for term, shape in zip(op.inputs, shapes, strict=True)
                       for letter, dim in zip(term, shape, strict=True)}  # fmt: skip
            return math.prod(sizes.evaluate(dim, dims) for dim in letters.values())
        if type(op) in (ops.Inverse, ops.Det, ops.LogDet):
            entries = math.prod(sizes.evaluate(dim, dims) for dim in shapes[0])
            return entries * sizes.evaluate(shapes[0][-1], dims)
        if type(op) is ops.Reduce:
            return math.prod(sizes.evaluate(dim, dims) for dim in shapes[0])
        return size


def values_of(
    graph: Graph, order: Sequence[int], point: Mapping[str, Any], dims: Dims
) -> dict[int, Array]:
    """The values in double precision of the nodes in `order`, arguments first."""
    values: dict[int, Array] = {}
    with np.errstate(all="ignore"):
        for at in order:
            op = graph.ops[at]
            if type(op) is ops.Input:
                values[at] = point[op.name]
            else:
                args = [values[arg] for arg in graph.args[at]]
                values[at] = np.asarray(RULES[type(op)](op, args, dims))
    return values


def measure(outline: Outline, point: Mapping[str, Any], dims: Dims) -> Measured:
    """Values and their error bounds in double precision.

    Raises ValueGivenError for an index outside its axis.

    >>> from graphdbg.tape.builder import Builder
    >>> b = Builder()
    >>> g = b.build({"f": b.map("mul", b.const(0.1), b.input("x"))})
    >>> found = measure(Outline(g, (2,)), {"x": np.array(3.0)}, {})
    >>> float(found.values[2]), bool(0 < found.errors[2] < 1e-16)
    (0.30000000000000004, True)
    """
    values = values_of(outline.graph, outline.order, point, dims)
    return Measured(values, _errors(outline, values, dims, DOUBLE))


def measure_exactly(
    outline: Outline, point: Mapping[str, Any], dims: Dims, digits: Digits
) -> Measured:
    """Values and their error bounds at a number of digits, as arrays of mpmath numbers.

    Raises OutOfReach where a value is too large to be computed.
    """
    values = digits.evaluate(outline.graph, outline.order, point, dims)
    return Measured(values, _errors(outline, values, dims, digits.arithmetic))


def _errors(
    outline: Outline, values: Mapping[int, Array], dims: Dims, kind: Arithmetic
) -> dict[int, Array]:
    errors: dict[int, Array] = {}
    with np.errstate(all="ignore"):  # a bound that is not finite says so by itself
        for at in outline.order:
            args = outline.graph.args[at]
            x, e = [values[arg] for arg in args], [errors[arg] for arg in args]
            if at in outline.selections:
                errors[at] = _selected(outline.selections[at], x, e)
            else:
                errors[at] = bound(outline.graph.ops[at], x, e, values[at], dims, kind)
    return errors


def _selected(axes: tuple[int, ...], x: Sequence[Array], e: Sequence[Array]) -> Array:
    """1 for the entries that may be the extreme one, where several may; else 0."""
    near = np.logical_not(np.abs(x[0] - x[1]) > e[0] + e[1])
    several = np.sum(near, axis=axes, keepdims=True) > 1
    off = np.any(near & ((e[0] > 0) | (e[1] > 0)), axis=axes, keepdims=True)
    return np.where(near & several & off, 1.0, 0.0)
