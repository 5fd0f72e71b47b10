"""From a graph to index notation: each node's entry as a `terms.Poly` in the entries of leaves.

A node of rank r is written over the free indices `#0` ... `#r-1`. Nodes in `leaves`, and nodes
that index notation has no words for (a maximum, an inverse, a general slice), are leaves: their
entries are atoms. The walk is a loop over the tape, never a recursion.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from fractions import Fraction
from typing import Any

from ..tape import ops
from ..tape.graph import Graph
from ..tape.sizes import Dim
from . import terms
from .elementwise import function
from .normal import Arithmetic
from .terms import Index, Poly, TooLarge, constant


class Opaque(Exception):
    """The node has no index notation: it stays a leaf."""


def axes(rank: int) -> tuple[str, ...]:
    """The free indices of a node of this rank."""
    return tuple(f"#{at}" for at in range(rank))


class Lowering:
    """Index notation of a graph's nodes; `polys[node]` is filled as far as it was asked for."""

    def __init__(self, graph: Graph, arithmetic: Arithmetic, leaves: Collection[int] = ()) -> None:
        self.graph = graph
        self.arithmetic = arithmetic
        self.leaves = frozenset(leaves)
        self.polys: dict[int, Poly] = {}

    def lower(self, node: int) -> Poly:
        """The node's entry at `#0`, `#1`, ...; raises TooLarge rather than swell."""
        for at in self._needed(node):
            self.polys[at] = self._one(at)
        return self.polys[node]

    def leaf(self, node: int) -> Poly:
        """The entry of a node as an atom."""
        graph = self.graph
        op = graph.ops[node]
        positive = (isinstance(op, ops.Input) and op.positive) or (
            type(op) is ops.Map and op.function in ("exp", "sigmoid", "softplus", "cosh")
        )
        return self.arithmetic.algebra.leaf(node, axes(len(graph.shapes[node])), positive=positive)

    def _needed(self, node: int) -> list[int]:
        """The nodes to lower for `node`, arguments first."""
        found: set[int] = set()
        stack = [node]
        while stack:
            at = stack.pop()
            if at in found or at in self.polys:
                continue
            found.add(at)
            if at not in self.leaves or at == node:
                stack.extend(self.graph.args[at])
        return sorted(found)

    def _one(self, at: int) -> Poly:
        op = self.graph.ops[at]
        rule = RULES.get(type(op))
        if at in self.leaves or rule is None:
            return self.leaf(at)
        try:
            return rule(self, at, op, [self.polys[arg] for arg in self.graph.args[at]])
        except Opaque:
            return self.leaf(at)


def at_axes(poly: Poly, indices: Iterable[Index]) -> Poly:
    """A node's polynomial read at other indices than `#0`, `#1`, ..."""
    return terms.reindex(poly, {f"#{at}": index for at, index in enumerate(indices)})


def number(value: Any, arithmetic: Arithmetic) -> Poly:
    """A literal as an exact number: decimals as written, pi as itself."""
    if isinstance(value, (int, Fraction)):
        return constant(value)
    if isinstance(value, float):
        if abs(value) == math.pi:
            base = arithmetic.algebra.base("number", "pi", 0, positive=True)
            return terms.scale(arithmetic.algebra.power_of(base, ()), 1 if value > 0 else -1)
        if not math.isfinite(value):
            raise Opaque
        return constant(Fraction(repr(value)))
    return arithmetic.algebra.dim(value)


def _const(low: Lowering, at: int, op: ops.Const, args: list[Poly]) -> Poly:
    return number(op.value, low.arithmetic)


def _eye(low: Lowering, at: int, op: ops.Eye, args: list[Poly]) -> Poly:
    return low.arithmetic.algebra.delta("#0", "#1")


def _map(low: Lowering, at: int, op: ops.Map, args: list[Poly]) -> Poly:
    found = _one_hot(low, at) if op.function == "eq" else None
    return function(low.arithmetic, op.function, args) if found is None else found


def _one_hot(low: Lowering, at: int) -> Poly | None:
    """1 where a label, looked up in 0 ... n - 1, equals k: `arange(n)[y] == arange(n)`."""
    graph = low.graph
    left, right = (_behind(graph, arg) for arg in graph.args[at])
    for (label, places), (counting, axis) in ((left, right), (right, left)):
        if type(graph.ops[counting]) is not ops.Arange or graph.args[label][:1] != (counting,):
            continue
        op = graph.ops[label]
        if isinstance(op, ops.Gather):
            chosen = _choice(low, graph.args[label][1], "$")
            return terms.reindex(at_axes(chosen, places), {"$": axis[0]})
        if isinstance(op, ops.Slice) and op.ranges[0][1] == 1 and isinstance(op.ranges[0][0], int):
            return low.arithmetic.algebra.delta(axis[0], op.ranges[0][0])
    return None


def _behind(graph: Graph, at: int) -> tuple[int, list[Index]]:
    """The node whose entries a node repeats, and the index that each of its axes is read at."""
    places: list[Index] = list(axes(len(graph.shapes[at])))
    while isinstance(op := graph.ops[at], (ops.Broadcast, ops.Reshape)):
        (arg,) = graph.args[at]
        before = graph.shapes[arg]
        if isinstance(op, ops.Broadcast):
            places = [places[axis] for axis in op.axes]
        else:
            kept = [place for place, dim in zip(places, op.shape, strict=True) if dim != 1]
            if [dim for dim in before if dim != 1] != [dim for dim in op.shape if dim != 1]:
                break
            rest = iter(kept)
            places = [0 if dim == 1 else next(rest) for dim in before]
        at = arg
    return at, places


def _contract(low: Lowering, at: int, op: ops.Contract, args: list[Poly]) -> Poly:
    names: dict[str, str] = {letter: f"#{axis}" for axis, letter in enumerate(op.output)}
    dims: dict[str, Dim] = {}
    for letters, arg in zip(op.inputs, low.graph.args[at], strict=True):
        dims.update(zip(letters, low.graph.shapes[arg], strict=True))
    inner = [letter for letter in dims if letter not in names]
    for count, letter in enumerate(inner):
        names[letter] = f"%{count}"
    result = constant(1)
    if inner or len(args) > 1:
        args = [low.arithmetic.group(poly) for poly in args]
    for letters, poly in zip(op.inputs, args, strict=True):
        result = terms.multiply(result, at_axes(poly, (names[letter] for letter in letters)))
    summed = terms.sum_over(result, [(names[letter], dims[letter]) for letter in inner])
    return low.arithmetic.reduce(summed)


def _adjugate(low: Lowering, at: int, op: ops.Adjugate, args: list[Poly]) -> Poly:
    """det(A) A⁻¹, which it is for almost all A."""
    determinant, inverse = (low.arithmetic.group(poly) for poly in args[1:])
    return low.arithmetic.reduce(terms.multiply(determinant, inverse))


def _broadcast(low: Lowering, at: int, op: ops.Broadcast, args: list[Poly]) -> Poly:
    return at_axes(args[0], (f"#{axis}" for axis in op.axes))


def _reshape(low: Lowering, at: int, op: ops.Reshape, args: list[Poly]) -> Poly:
    """Only axes of size 1 may come and go; anything else has no index notation here."""
    before = low.graph.shapes[low.graph.args[at][0]]
    kept = [axis for axis, dim in enumerate(op.shape) if dim != 1]
    if [dim for dim in before if dim != 1] != [op.shape[axis] for axis in kept]:
        raise Opaque
    targets = iter(kept)
    return at_axes(args[0], [0 if dim == 1 else f"#{next(targets)}" for dim in before])


def _slice(low: Lowering, at: int, op: ops.Slice, args: list[Poly]) -> Poly:
    before = low.graph.shapes[low.graph.args[at][0]]
    places: list[Index] = []
    for axis, ((start, size, step), dim) in enumerate(zip(op.ranges, before, strict=True)):
        if (start, size, step) == (0, dim, 1):
            places.append(f"#{axis}")
        elif size == 1 and isinstance(start, int):
            places.append(start)
        else:
            raise Opaque
    return at_axes(args[0], places)


def _pad(low: Lowering, at: int, op: ops.Pad, args: list[Poly]) -> Poly:
    algebra = low.arithmetic.algebra
    places: list[Index] = []
    mask = constant(1)
    for axis, ((start, size, step), dim) in enumerate(zip(op.ranges, op.shape, strict=True)):
        if (start, size, step) == (0, dim, 1):
            places.append(f"#{axis}")
        elif size == 1 and isinstance(start, int):
            places.append(0)
            mask = terms.multiply(mask, algebra.delta(f"#{axis}", start))
        else:
            raise Opaque
    return terms.multiply(mask, at_axes(args[0], places))


def _gather(low: Lowering, at: int, op: ops.Gather, args: list[Poly]) -> Poly:
    """x[i, ...] = sum_k 1[i = k] x[k, ...]; a counting index is simply renamed."""
    graph = low.graph
    table, *indices = graph.args[at]
    rank = len(graph.shapes[indices[0]])
    result = at_axes(args[0], [
        *(f"%{slot}" for slot in range(op.count)),
        *(f"#{axis + rank}" for axis in range(len(graph.shapes[table]) - op.count)),
    ])  # fmt: skip
    for slot, index in enumerate(indices):
        chosen = _choice(low, index, f"%{slot}")
        result = terms.multiply(result, chosen)
    bound = [(f"%{slot}", graph.shapes[table][slot]) for slot in range(op.count)]
    return low.arithmetic.reduce(terms.sum_over(result, bound))


def _scatter(low: Lowering, at: int, op: ops.Scatter, args: list[Poly]) -> Poly:
    graph = low.graph
    source, *indices = graph.args[at]
    shape = graph.shapes[indices[0]]
    inner = [f"%{axis}" for axis in range(len(shape))]
    rest = len(graph.shapes[source]) - len(shape)
    result = at_axes(args[0], [*inner, *(f"#{axis + len(indices)}" for axis in range(rest))])
    for slot, index in enumerate(indices):
        chosen = at_axes(_choice(low, index, "$"), inner)
        result = terms.multiply(result, terms.reindex(chosen, {"$": f"#{slot}"}))
    bound = list(zip(inner, shape, strict=True))
    return low.arithmetic.reduce(terms.sum_over(result, bound))


def _choice(low: Lowering, index: int, k: str) -> Poly:
    """1 where the index node's entry (over its axes `#0`, ...) equals k."""
    algebra, graph = low.arithmetic.algebra, low.graph
    at = index
    kept: list[Index] = list(axes(len(graph.shapes[index])))
    while isinstance(op := graph.ops[at], ops.Broadcast):
        kept = [kept[axis] for axis in op.axes]
        at = graph.args[at][0]
    if type(op) is ops.Arange:
        return algebra.delta(kept[0], k)
    if type(op) is ops.Const and isinstance(op.value, int) and op.value >= 0:
        return algebra.delta(k, op.value)
    base = algebra.base("select", at, len(kept) + 1, idempotent=True)
    return algebra.power_of(base, (*kept, k))


RULES: dict[type[ops.Op], Callable[[Lowering, int, Any, list[Poly]], Poly]] = {
    ops.Const: _const,
    ops.Eye: _eye,
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Adjugate: _adjugate,
    ops.Broadcast: _broadcast,
    ops.Reshape: _reshape,
    ops.Slice: _slice,
    ops.Pad: _pad,
    ops.Gather: _gather,
    ops.Scatter: _scatter,
    ops.StopGradient: lambda low, at, op, args: args[0],
}
__all__ = ["Lowering", "Opaque", "TooLarge", "at_axes", "axes", "number"]
