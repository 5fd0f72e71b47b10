"""Batching: the graph that does for a whole stack of inputs what a graph does for one.

One rule per primitive. In each rule the result y of an operation becomes a stack of results, along
a new axis 0 of `size`, because at least one operand is such a stack. Nodes that depend on no
stacked input stay as they are. The result is an ordinary graph: it is evaluated, compiled and
differentiated like any other. The idea is that of jax.vmap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ValueGivenError
from ..tape import ops
from ..tape.builder import LETTERS, Builder
from ..tape.graph import NONE, Call, Graph
from ..tape.sizes import Dim, Shape


@dataclass(frozen=True, slots=True)
class Stack:
    """Where a rule is applied: `op` on `args`; those marked in `stacked` have an extra axis 0."""

    b: Builder
    op: Any
    args: tuple[int, ...]
    stacked: tuple[bool, ...]
    size: Dim

    def lifted(self, slot: int) -> int:
        """Operand `slot` with the extra axis, repeated along it where it is not a stack itself."""
        return self.args[slot] if self.stacked[slot] else repeat(self.b, self.args[slot], self.size)

    def all_lifted(self) -> tuple[int, ...]:
        """Every operand with the extra axis."""
        return tuple(self.lifted(slot) for slot in range(len(self.args)))

    def grown(self, shape: Shape) -> Shape:
        """A shape with the extra axis in front."""
        return (self.size, *shape)


def batch(graph: Graph, names: Iterable[str] | str, size: Dim) -> Graph:
    """The graph in which the inputs `names` have an extra leading axis of `size`.

    Every node that depends on one of them has that axis in front too, outputs included; names
    stay. Raises ValueGivenError where a name is not an input.

    >>> import graphdbg as gd
    >>> g = batch(gd.parse("f=(x+y)z"), "x", 3)
    >>> gd.evaluate(g, {"x": [1, 2, 3], "y": 5, "z": -4})["f"]
    array([-24., -28., -32.])
    """
    chosen = _input_ids(graph, [names] if isinstance(names, str) else list(names))
    b = Builder(source=graph.source, limit=graph.limit)
    place: list[int] = []
    stacked: list[bool] = []
    for at, (op, args) in enumerate(zip(graph.ops, graph.args, strict=True)):
        origin = graph.origins[at]
        b.span, b.frame, b.phase = graph.spans[at], graph.frames[at], graph.phases[at]
        b.origin = place[origin] if origin != NONE else NONE
        flags = tuple(stacked[arg] for arg in args)
        stacked.append(at in chosen or any(flags))
        mapped = tuple(place[arg] for arg in args)
        place.append(lift(b, op, mapped, flags, size) if stacked[at] else b.emit(op, *mapped))
    for name, at in [*zip(graph.names, range(len(graph)), strict=True), *graph.ids.items()]:
        if b.names.get(place[at]) != name:
            b.name(place[at], name)
    b.calls = [_moved(call, place) for call in graph.calls]
    return b.build([place[at] for at in graph.output_ids])


def lift(
    b: Builder, op: ops.Op, args: tuple[int, ...], stacked: tuple[bool, ...], size: Dim
) -> int:
    """The id of the stack of results of `op`, of whose operands those marked are stacks.

    >>> b = Builder()
    >>> xs = b.input("x", (7, 3))
    >>> b.shapes[lift(b, ops.contract_of("i->"), (xs,), (True,), 7)]
    (7,)
    """
    return RULES[type(op)](Stack(b, op, args, stacked, size))


def repeat(b: Builder, arg: int, size: Dim) -> int:
    """The id of node `arg` repeated along a new axis 0 of `size`."""
    shape = b.shapes[arg]
    return b.spread(arg, (size, *shape), tuple(range(1, len(shape) + 1)))


def _input_ids(graph: Graph, names: list[str]) -> set[int]:
    found = set()
    for name in names:
        at = graph.id(name)
        if type(graph.ops[at]) is not ops.Input:
            raise ValueGivenError(
                f"'{name}' is not an input of the graph, so it cannot be given in a batch "
                f"(its inputs: {', '.join(graph.inputs)})",
                node=name,
            )
        found.add(at)
    return found


def _moved(call: Call, place: list[int]) -> Call:
    output = place[call.output] if call.output != NONE else NONE
    return replace(call, inputs=tuple(place[at] for at in call.inputs), output=output)


# ------------------------------------------------------------------ one rule per primitive


def _same(s: Stack) -> int:
    """Works on every leading axis as it is, or has no operand."""
    return s.b.emit(s.op, *s.args)


def _input(s: Stack) -> int:
    """A stack of values."""
    return s.b.emit(replace(s.op, shape=s.grown(s.op.shape)))


def _map(s: Stack) -> int:
    """Elementwise: operands of one shape."""
    return s.b.emit(s.op, *s.all_lifted())


def _contract(s: Stack) -> int:
    """A new letter for the stack, in the stacked operands and in the result."""
    new = next(letter for letter in LETTERS if letter not in s.op.spec)
    marked = zip(s.op.inputs, s.stacked, strict=True)
    inputs = ",".join(new + letters if flag else letters for letters, flag in marked)
    return s.b.emit(ops.contract_of(f"{inputs}->{new}{s.op.output}"), *s.args)


def _reduce(s: Stack) -> int:
    """The same axes, one further back."""
    return s.b.emit(ops.Reduce(s.op.kind, tuple(axis + 1 for axis in s.op.axes)), *s.args)


def _broadcast(s: Stack) -> int:
    """The new axes come after the stack's."""
    axes = (0, *(axis + 1 for axis in s.op.axes))
    return s.b.emit(ops.Broadcast(s.grown(s.op.shape), axes), *s.args)


def _reshape(s: Stack) -> int:
    """Row-major order: each element of the stack is reshaped by itself."""
    return s.b.emit(ops.Reshape(s.grown(s.op.shape)), *s.args)


def _slice(s: Stack) -> int:
    """All of the stack, the same ranges of the rest."""
    return s.b.emit(ops.Slice(((0, s.size, 1), *s.op.ranges)), *s.args)


def _pad(s: Stack) -> int:
    """All of the stack, the same ranges of the rest."""
    ranges = ((0, s.size, 1), *s.op.ranges)
    return s.b.emit(ops.Pad(ranges, s.grown(s.op.shape)), *s.args)


def _concat(s: Stack) -> int:
    """Along the same axis, one further back."""
    return s.b.emit(ops.Concat(s.op.axis + 1), *s.all_lifted())


def _gather(s: Stack) -> int:
    """Stacked indices read one table; a stacked table is read at (place in the stack, index)."""
    indices = tuple(s.lifted(slot) for slot in range(1, len(s.args)))
    if not s.stacked[0]:
        return s.b.emit(s.op, s.args[0], *indices)
    return s.b.emit(ops.Gather(s.op.count + 1), s.args[0], _places(s, indices), *indices)


def _scatter(s: Stack) -> int:
    """Written at (the place in the stack, index)."""
    indices = tuple(s.lifted(slot) for slot in range(1, len(s.args)))
    places = _places(s, indices)
    return s.b.emit(ops.Scatter(s.grown(s.op.shape)), s.lifted(0), places, *indices)


def _places(s: Stack, indices: tuple[int, ...]) -> int:
    """0, 1, 2, ... along axis 0, in the shape of the indices."""
    return s.b.spread(s.b.emit(ops.Arange(s.size)), s.b.shapes[indices[0]], (0,))


RULES: dict[type[ops.Op], Callable[[Stack], int]] = {
    ops.Input: _input,
    ops.Const: _same,
    ops.Array: _same,
    ops.Eye: _same,
    ops.Arange: _same,
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Reduce: _reduce,
    ops.Broadcast: _broadcast,
    ops.Reshape: _reshape,
    ops.Slice: _slice,
    ops.Pad: _pad,
    ops.Concat: _concat,
    ops.Gather: _gather,
    ops.Scatter: _scatter,
    ops.Inverse: _same,
    ops.LogDet: _same,
    ops.Det: _same,
    ops.Adjugate: _map,
    ops.StopGradient: _same,
}
