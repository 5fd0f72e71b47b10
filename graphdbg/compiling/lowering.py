"""Lowering for the compiler: a graph at known sizes as a `Program` of NumPy-sized instructions.

A node of a graph says what is meant, an instruction what is done. What is lowered away:

- broadcasting. An array repeated along an axis is kept with size 1 there (its *small* shape) as
  long as possible: NumPy repeats it for free, and work on it is done once and not once per copy;
- `Contract`. It becomes sums, views, elementwise products and two-operand matrix products;
- constants, computed once; dead code; repeated work; arithmetic that changes nothing (`a + -b`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..numbers import evaluator
from ..tape import ops, sizes
from ..tape.builder import LETTERS
from ..tape.graph import Graph
from .products import align, contract
from .programs import Ints, Program


@dataclass
class Lowering:
    """A graph on its way into a `Program`: `at[node]` is the node's instruction."""

    graph: Graph
    dims: Mapping[str, int]
    program: Program
    at: dict[int, int] = field(default_factory=dict)

    def shape(self, node: int) -> Ints:
        """The node's shape in numbers."""
        return tuple(sizes.evaluate(dim, self.dims) for dim in self.graph.shapes[node])

    def whole(self, node: int) -> int:
        """The node's instruction at its full shape."""
        return self.program.full(self.at[node], self.shape(node))


def lower(
    graph: Graph,
    outputs: Sequence[int],
    dims: Mapping[str, int],
    dtypes: Mapping[str, np.dtype[Any]],
) -> Program:
    """The instructions for `outputs` of a graph, sizes and input types given."""
    program = Program(float_type=common_type(graph, dtypes))
    state = Lowering(graph, dims, program)
    for node in live_nodes(graph, outputs):
        op = graph.ops[node]
        if isinstance(op, ops.Input):
            state.at[node] = program.emit(
                "input", op.name, (), state.shape(node), dtypes[op.name]
            )  # fmt: skip
        else:
            state.at[node] = RULES[type(op)](state, node, op, graph.args[node])
    program.outputs = [state.whole(node) for node in outputs]
    return program


def common_type(graph: Graph, dtypes: Mapping[str, np.dtype[Any]]) -> np.dtype[Any]:
    """The floating type of constants: that of the real-valued inputs together."""
    inputs = [op for op in map(graph.ops.__getitem__, graph.input_ids) if isinstance(op, ops.Input)]
    real = [dtypes[op.name] for op in inputs if op.domain not in ("Label", "Bool")]
    return np.result_type(*real) if real else np.dtype(np.float64)


def live_nodes(graph: Graph, outputs: Sequence[int]) -> list[int]:
    """The nodes that `outputs` depend on, in tape order."""
    live = bytearray(len(graph))
    for node in outputs:
        live[node] = 1
    args = graph.args
    for node in range(max(outputs, default=-1), -1, -1):
        if live[node]:
            for arg in args[node]:
                live[arg] = 1
    return [node for node, used in enumerate(live) if used]


def _const(s: Lowering, node: int, op: Any, args: Ints) -> int:
    value = op.value.evaluate(s.dims) if isinstance(op.value, sizes.Size) else op.value
    return s.program.number(value, len(op.shape))


def _leaf(s: Lowering, node: int, op: Any, args: Ints) -> int:
    array = evaluator.RULES[type(op)](op, [], s.dims)
    return s.program.array(array.astype(s.program.float_type))


def _map(s: Lowering, node: int, op: ops.Map, args: Ints) -> int:
    return s.program.map(op.function, *(s.at[arg] for arg in args))


def _contract(s: Lowering, node: int, op: ops.Contract, args: Ints) -> int:
    size = {
        letter: length
        for letters, arg in zip(op.inputs, args, strict=True)
        for letter, length in zip(letters, s.shape(arg), strict=True)
    }
    operands = [(s.at[arg], letters) for arg, letters in zip(args, op.inputs, strict=True)]
    return contract(s.program, operands, op.output, size)


def _reduce(s: Lowering, node: int, op: ops.Reduce, args: Ints) -> int:
    """A max or min over repeated copies is that of one of them."""
    p, at = s.program, s.at[args[0]]
    if op.kind not in ("max", "min"):
        at = s.whole(args[0])
        if op.kind != "prod":
            return p.emit("rule", op, (at,), s.shape(node))
    shape = p.shapes[at]
    axes = tuple(axis for axis in op.axes if shape[axis] != 1)
    kept = tuple(size for axis, size in enumerate(shape) if axis not in axes)
    if axes:
        at = p.emit("reduce", (op.kind, axes), (at,), kept)
    return p.reshape(at, tuple(n for axis, n in enumerate(shape) if axis not in op.axes))


def _broadcast(s: Lowering, node: int, op: ops.Broadcast, args: Ints) -> int:
    letters = "".join(LETTERS[axis] for axis in op.axes)
    return align(s.program, s.at[args[0]], letters, LETTERS[: len(op.shape)])


def _reshape(s: Lowering, node: int, op: ops.Reshape, args: Ints) -> int:
    """Repeated axes stay repeated where the reshape only adds or removes axes of size 1."""
    p, old, new = s.program, s.shape(args[0]), s.shape(node)
    if [n for n in old if n != 1] != [n for n in new if n != 1]:
        return p.reshape(s.whole(args[0]), new)
    small = iter([n for n, size in zip(p.shapes[s.at[args[0]]], old, strict=True) if size != 1])
    return p.reshape(s.at[args[0]], tuple(1 if n == 1 else next(small) for n in new))


def _slice(s: Lowering, node: int, op: ops.Slice, args: Ints) -> int:
    at = s.at[args[0]]
    parts = zip(evaluator.slices(op.ranges, s.dims), s.program.shapes[at], s.shape(args[0]),
                s.shape(node), strict=True)  # fmt: skip
    ranges, shape = [], []
    for part, small, size, wanted in parts:
        repeated = small == 1 and size != 1 and wanted > 0
        ranges.append(slice(0, 1, 1) if repeated else part)
        shape.append(1 if repeated else wanted)
    return s.program.slice(at, tuple(ranges), tuple(shape))


def _stop(s: Lowering, node: int, op: ops.StopGradient, args: Ints) -> int:
    return s.at[args[0]]


def _rule(s: Lowering, node: int, op: ops.Op, args: Ints) -> int:
    """The evaluator's own rule on whole arrays; indices do not decide the result's type."""
    whole = tuple(s.whole(arg) for arg in args)
    dtype = s.program.dtypes[whole[0]]
    if type(op) is ops.Concat:
        dtype = np.result_type(*(s.program.dtypes[arg] for arg in whole))
    return s.program.emit("rule", op, whole, s.shape(node), dtype)


RULES: dict[type[ops.Op], Callable[[Lowering, int, Any, Ints], int]] = {
    ops.Const: _const,
    ops.Array: _leaf,
    ops.Eye: _leaf,
    ops.Arange: _leaf,
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Reduce: _reduce,
    ops.Broadcast: _broadcast,
    ops.Reshape: _reshape,
    ops.Slice: _slice,
    ops.Pad: _rule,
    ops.Concat: _rule,
    ops.Gather: _rule,
    ops.Scatter: _rule,
    ops.Inverse: _rule,
    ops.LogDet: _rule,
    ops.Det: _rule,
    ops.Adjugate: _rule,
    ops.StopGradient: _stop,
}
