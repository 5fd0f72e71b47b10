"""Exact arithmetic at fixed sizes: every entry of a node as a `terms.Poly` in the inputs' entries.

Sums are written out, so slices, stacks and reshapes need no index notation; what has no polynomial
form (a maximum, an inverse) is an atom for each entry. A loop over the tape, bounded in size.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numbers import evaluator
from ..tape import ops, sizes
from ..tape.graph import Graph, cone
from . import terms
from .elementwise import function
from .lowering import Opaque, number
from .normal import Arithmetic
from .terms import ZERO, Poly, TooLarge, constant

Entries = NDArray[Any]  # of Poly
WORK = 20_000  # products of entries in one proof, about ten seconds: past it, no proof is tried


class Entrywise:
    """The entries of a graph's nodes at fixed `dims`."""

    def __init__(self, graph: Graph, arithmetic: Arithmetic, dims: Mapping[str, int]) -> None:
        self.graph = graph
        self.arithmetic = arithmetic
        self.dims = dims
        self.values: dict[int, Entries] = {}
        self.work = 0

    def lower(self, node: int) -> Entries:
        """The node's entries, an object array of Poly; TooLarge rather than swell."""
        for at in cone(self.graph, [node], self.values):
            op = self.graph.ops[at]
            args = [self.values[arg] for arg in self.graph.args[at]]
            self._spend(int(np.prod(self._shape(at))))
            try:
                self.values[at] = RULES[type(op)](self, at, op, args)
            except Opaque:
                self.values[at] = _leaf(self, at, op, args)
        return self.values[node]

    def _spend(self, work: int) -> None:
        self.work += work
        if self.work > WORK:
            raise TooLarge

    def _shape(self, at: int) -> tuple[int, ...]:
        return tuple(sizes.evaluate(dim, self.dims) for dim in self.graph.shapes[at])


def _filled(shape: tuple[int, ...], make: Callable[[tuple[int, ...]], Poly]) -> Entries:
    result = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        result[index] = make(index)
    return result


def _leaf(e: Entrywise, at: int, op: ops.Op, args: list[Entries]) -> Entries:
    positive = isinstance(op, ops.Input) and op.positive
    algebra = e.arithmetic.algebra
    return _filled(e._shape(at), lambda index: algebra.leaf(at, index, positive=positive))


def _const(e: Entrywise, at: int, op: ops.Const, args: list[Entries]) -> Entries:
    value = op.value.evaluate(e.dims) if isinstance(op.value, sizes.Size) else op.value
    poly = number(value, e.arithmetic)
    return _filled(e._shape(at), lambda index: poly)


def _array(e: Entrywise, at: int, op: ops.Array, args: list[Entries]) -> Entries:
    values = np.array(op.values, dtype=object).reshape(e._shape(at))
    return _filled(values.shape, lambda index: number(values[index], e.arithmetic))


def _eye(e: Entrywise, at: int, op: ops.Eye, args: list[Entries]) -> Entries:
    return _filled(e._shape(at), lambda index: constant(int(index[0] == index[1])))


def _map(e: Entrywise, at: int, op: ops.Map, args: list[Entries]) -> Entries:
    return _filled(
        e._shape(at),
        lambda index: function(e.arithmetic, op.function, [a[index] for a in args]),
    )


def _contract(e: Entrywise, at: int, op: ops.Contract, args: list[Entries]) -> Entries:
    extent: dict[str, int] = {}
    for letters, array in zip(op.inputs, args, strict=True):
        extent.update(zip(letters, array.shape, strict=True))
    inner = [letter for letter in extent if letter not in op.output]
    e._spend(int(np.prod(list(extent.values()))))

    def entry(index: tuple[int, ...]) -> Poly:
        place = dict(zip(op.output, index, strict=True))
        parts = []
        for values in product(*(range(extent[letter]) for letter in inner)):
            place.update(zip(inner, values, strict=True))
            part = constant(1)
            for letters, array in zip(op.inputs, args, strict=True):
                factor = array[tuple(place[letter] for letter in letters)]
                part = terms.multiply(part, factor)
                if not part:
                    break
            parts.append(part)
        return e.arithmetic.reduce(terms.add(*parts))

    return _filled(e._shape(at), entry)


def _reduce(e: Entrywise, at: int, op: ops.Reduce, args: list[Entries]) -> Entries:
    if op.kind != "prod":
        raise Opaque
    moved = np.moveaxis(args[0], op.axes, range(-len(op.axes), 0))
    flat = moved.reshape(*e._shape(at), -1)

    def entry(index: tuple[int, ...]) -> Poly:
        result = constant(1)
        for factor in flat[index]:
            result = terms.multiply(result, factor)
        return result

    return _filled(e._shape(at), entry)


def _structural(e: Entrywise, at: int, op: ops.Op, args: list[Any]) -> Entries:
    """Moves entries about: NumPy's own rule on object arrays, zeros made polynomials."""
    moved = np.asarray(evaluator.RULES[type(op)](op, args, e.dims), dtype=object)
    return _filled(moved.shape, lambda index: moved[index] or ZERO)


def _gather(e: Entrywise, at: int, op: ops.Op, args: list[Entries]) -> Entries:
    indices = [_numbers(array) for array in args[1:]]
    return _structural(e, at, op, [args[0], *indices])


def _scatter(e: Entrywise, at: int, op: ops.Scatter, args: list[Entries]) -> Entries:
    indices = [_numbers(array) for array in args[1:]]
    result = _filled(e._shape(at), lambda index: ZERO)
    source = args[0]
    for where in np.ndindex(*indices[0].shape):
        target = tuple(int(array[where]) for array in indices)
        for rest in np.ndindex(*source.shape[len(where) :]):
            place = (*target, *rest)
            result[place] = terms.add(result[place], source[(*where, *rest)])
    return result


def _numbers(array: Entries) -> NDArray[np.intp]:
    """Indices that are known numbers; labels from outside have no entrywise form."""
    values = [poly.number for poly in array.flat]
    if any(value is None for value in values):
        raise Opaque
    return np.array([int(value or 0) for value in values], dtype=np.intp).reshape(array.shape)


def _arange(e: Entrywise, at: int, op: ops.Arange, args: list[Entries]) -> Entries:
    return _filled(e._shape(at), lambda index: constant(index[0]))


def _adjugate(e: Entrywise, at: int, op: ops.Adjugate, args: list[Entries]) -> Entries:
    """det(A) A⁻¹, which it is for almost all A."""
    _, determinant, inverse = args
    return _filled(
        inverse.shape, lambda place: terms.multiply(determinant[place[:-2]], inverse[place])
    )


RULES: dict[type[ops.Op], Callable[[Entrywise, int, Any, list[Entries]], Entries]] = {
    ops.Input: _leaf,
    ops.Const: _const,
    ops.Array: _array,
    ops.Eye: _eye,
    ops.Arange: _arange,
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Reduce: _reduce,
    ops.Broadcast: _structural,
    ops.Reshape: _structural,
    ops.Slice: _structural,
    ops.Pad: _structural,
    ops.Concat: _structural,
    ops.Gather: _gather,
    ops.Scatter: _scatter,
    ops.Inverse: _leaf,
    ops.LogDet: _leaf,
    ops.Det: _leaf,
    ops.Adjugate: _adjugate,
    ops.StopGradient: lambda e, at, op, args: args[0],
}
