"""Numbers: one NumPy rule per primitive, and `evaluate`, which records every node's value.

A rule takes the operation, the operands' arrays and the sizes of the named dimensions.
`compile` (in `compiler`) makes a plain function for repeated use from the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lazy
from ..errors import ValueGivenError
from ..tape import ops, sizes
from ..tape.graph import Graph, suggestion
from ..tape.programs import Program, graph_of
from ..tape.scalars import TABLE
from ..tape.sizes import Dim, Shape, Size, to_text
from .work import require_room

Array = NDArray[Any]
Dims = Mapping[str, int]

LONG = 100_000  # products of an einsum: from here on NumPy's plan costs less than it saves


@dataclass(frozen=True)
class Trace(Mapping[str, Array]):
    """Every node's value: `trace["h"]` is an array of the node's shape.

    `dims` holds the sizes of the named dimensions; `arrays` is indexed by node id.
    """

    graph: Graph
    arrays: list[Array]
    dims: dict[str, int]

    def __getitem__(self, name: str) -> Array:
        return np.asarray(self.arrays[self.graph.id(name)])

    def __contains__(self, name: object) -> bool:
        return name in self.graph

    def get(self, name: str, default: Any = None) -> Any:
        """The value of the node called `name`, `default` where there is none."""
        return self[name] if name in self else default

    def __iter__(self) -> Iterator[str]:
        return iter(self.graph.names)

    def __len__(self) -> int:
        return len(self.arrays)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found: dict[str, str] = lazy.module("publishing.notebooks").trace(self)
        return found

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={np.array2string(self[name], precision=6, threshold=8)}"
                          for name in self.graph.outputs)  # fmt: skip
        return f"Trace({len(self)} values; {shown})"


def evaluate(
    program: Program, point: Mapping[str, ArrayLike], *, limit: int | str | None = None
) -> Trace:
    """The `Trace` of the graph at `point`, which gives each input a number or an array.

    Integers become float64; float32 stays float32. Raises ValueGivenError for an input that is
    missing, unknown, ragged or of a wrong shape; LimitError, before anything is computed, where all
    values together take more than `limit` bytes (a number, or a text such as "2GB"; by default the
    graph's own limit, else half of the memory and at most 4 GB). Overflow and invalid operations
    give inf and nan, as in IEEE arithmetic: they are there to be found.

    >>> import graphdbg as gd
    >>> gd.evaluate(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4})["f"]
    array(-12.)
    """
    graph = graph_of(program, point)
    bound, dims = bind(graph, point)
    require_room(graph, dims, limit=limit)
    precision = np.result_type(*bound.values()) if bound else np.dtype(float)
    values: list[Any] = []
    with np.errstate(all="ignore"):
        for op, args in zip(graph.ops, graph.args, strict=True):
            if type(op) is ops.Input:
                values.append(bound[op.name])
                continue
            value = RULES[type(op)](op, [values[arg] for arg in args], dims)
            if not args and value.dtype != precision:
                value = value.astype(precision)  # a literal never widens the inputs' precision
            values.append(value)
    return Trace(graph, values, dims)


def bind(graph: Graph, point: Mapping[str, ArrayLike]) -> tuple[dict[str, Array], dict[str, int]]:
    """The inputs as arrays, and the sizes of the named dimensions that follow from them."""
    inputs = {graph.ops[at].name: graph.shapes[at] for at in graph.input_ids}  # type: ignore[attr-defined]
    for name in point:
        if name not in inputs:
            raise ValueGivenError(
                f"a value was given for '{name}', which is not an input of the graph"
                f"{suggestion(name, inputs)} (its inputs: {', '.join(inputs)})"
            )
    missing = [name for name in inputs if name not in point]
    if missing:
        raise ValueGivenError(
            f"no value for input '{missing[0]}'"
            + (f" (nor for {', '.join(missing[1:])})" if missing[1:] else "")
            + f": give one of shape {to_text(inputs[missing[0]])}"
        )
    arrays = {name: as_array(name, point[name]) for name in inputs}
    dims = bind_dims(inputs, {name: array.shape for name, array in arrays.items()})
    if dims:
        _check_room(graph, dims)
    return arrays, dims


def _check_room(graph: Graph, dims: Mapping[str, int]) -> None:
    """ValueGivenError where a slice reads beyond an axis that turned out too short.

    NumPy would return fewer entries than the shapes of the graph say.
    """
    for at, op in enumerate(graph.ops):
        if type(op) is not ops.Slice:
            continue
        whole = graph.shapes[graph.args[at][0]]
        for axis, (found, dim) in enumerate(zip(op.ranges, whole, strict=True)):
            start, count, step = (sizes.evaluate(each, dims) for each in found)
            room, last = sizes.evaluate(dim, dims), start + (count - 1) * step
            if count < 0 or (count and not (0 <= start < room and 0 <= last < room)):
                raise ValueGivenError(
                    f"axis {axis} of '{graph.names[graph.args[at][0]]}' has {dim} = {room} "
                    f"entries, but entry {max(start, last)} is read: give longer arrays",
                    span=graph.spans[at],
                    node=graph.names[at],
                )


def as_array(name: str, value: ArrayLike) -> Array:
    """A user's value as a floating array; ValueGivenError where it is no array of numbers."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueGivenError(
            f"the value of '{name}' is ragged: its rows differ in length"
        ) from error
    if array.dtype.kind in "biu":
        return array.astype(np.float64)
    if array.dtype.kind == "c":
        raise ValueGivenError(
            f"the value of '{name}' is complex: graphdbg computes with real numbers only; give its "
            "real and imaginary part as two inputs"
        )
    if array.dtype.kind != "f":
        raise ValueGivenError(f"the value of '{name}' is not made of numbers: {value!r:.60}")
    return array


def bind_dims(inputs: Mapping[str, Shape], given: Mapping[str, tuple[int, ...]]) -> dict[str, int]:
    """The size of each named dimension, from the shapes given; ValueGivenError where they clash."""
    dims: dict[str, int] = {}
    origin: dict[str, str] = {}
    for name, shape in inputs.items():
        found = given[name]
        if len(shape) != len(found):
            raise ValueGivenError(_wrong_shape(name, shape, found))
        for dim, number in zip(shape, found, strict=True):
            if isinstance(dim, Size) and len(dim.names()) == 1 and dim == sizes.named(str(dim)):
                key = str(dim)
                if dims.setdefault(key, number) != number:
                    raise ValueGivenError(
                        f"dimension {key} is {dims[key]} in '{origin[key]}' "
                        f"but {number} in '{name}' of shape {to_text(found)}"
                    )
                origin.setdefault(key, name)
    for name, shape in inputs.items():
        if tuple(sizes.evaluate(dim, dims) for dim in shape) != tuple(given[name]):
            raise ValueGivenError(_wrong_shape(name, shape, given[name]))
    return dims


def _wrong_shape(name: str, expected: Shape, found: tuple[int, ...]) -> str:
    return f"input '{name}' needs shape {to_text(expected)}, found {to_text(found)}"


# ------------------------------------------------------------------ one rule per primitive


def _size(dim: Dim, dims: Dims) -> int:
    return dim if isinstance(dim, int) else dim.evaluate(dims)


def _shape(shape: Shape, dims: Dims) -> tuple[int, ...]:
    return tuple(_size(dim, dims) for dim in shape)


def _const(op: ops.Const, args: list[Array], dims: Dims) -> Array:
    value = op.value.evaluate(dims) if isinstance(op.value, Size) else op.value
    return np.full(_shape(op.shape, dims), float(value))


def _map(op: ops.Map, args: list[Array], dims: Dims) -> Array:
    return np.asarray(TABLE[op.function].numeric(*args))


def _contract(op: ops.Contract, args: list[Array], dims: Dims) -> Array:
    if len(args) == 1:
        return np.asarray(np.einsum(op.spec, *args))
    parts = op.inputs
    long = _is_long(parts, op.output, tuple(np.shape(arg) for arg in args))
    if long:
        parts, args = _without_free_axes(parts, op.output, args)
    spec = ",".join(parts) + "->" + op.output
    return np.asarray(np.einsum(spec, *args, optimize=long or len(args) > 2))


@lru_cache(maxsize=4096)
def _is_long(inputs: tuple[str, ...], output: str, shapes: tuple[tuple[int, ...], ...]) -> bool:
    """Whether an einsum has far more products than operands and result have entries.

    Short ones are faster without NumPy's plan, and so are those of two operands entry by entry.
    """
    size = {c: n for part, shape in zip(inputs, shapes) for c, n in zip(part, shape)}
    entries = sum(map(prod, shapes)) + prod(size[c] for c in output)
    return prod(size.values()) > max(LONG, 4 * entries)


def _without_free_axes(
    inputs: tuple[str, ...], output: str, args: list[Array]
) -> tuple[tuple[str, ...], list[Array]]:
    """The operands summed over what is in one of them alone: `abc,def->` is two sums, a product."""
    parts, arrays = [], []
    for at, (part, array) in enumerate(zip(inputs, args, strict=True)):
        others = "".join((output, *inputs[:at], *inputs[at + 1 :]))
        kept = "".join(dict.fromkeys(c for c in part if c in others))
        parts.append(kept)
        arrays.append(array if kept == part else np.einsum(f"{part}->{kept}", array))
    return tuple(parts), arrays


_REDUCTIONS: dict[str, Callable[..., Any]] = {
    "max": np.max, "min": np.min, "prod": np.prod, "argmax": np.argmax, "argmin": np.argmin,
}  # fmt: skip


def _reduce(op: ops.Reduce, args: list[Array], dims: Dims) -> Array:
    axis: Any = op.axes[0] if len(op.axes) == 1 else op.axes
    result = _REDUCTIONS[op.kind](args[0], axis=axis)
    return np.asarray(result, dtype=args[0].dtype)


def _broadcast(op: ops.Broadcast, args: list[Array], dims: Dims) -> Array:
    shape = _shape(op.shape, dims)
    index = tuple(slice(None) if axis in op.axes else None for axis in range(len(shape)))
    order = np.argsort(op.axes)
    return np.broadcast_to(np.transpose(args[0], order)[index], shape)


def slices(ranges: tuple[ops.Range, ...], dims: Dims) -> tuple[slice, ...]:
    """Python slices that select the given ranges."""
    result = []
    for start_dim, size_dim, step in ranges:
        start, size = _size(start_dim, dims), _size(size_dim, dims)
        stop = start + size * step
        result.append(slice(start, stop if stop >= 0 else None, step) if size else slice(0, 0))
    return tuple(result)


def _pad(op: ops.Pad, args: list[Array], dims: Dims) -> Array:
    result = np.zeros(_shape(op.shape, dims), dtype=args[0].dtype)
    result[slices(op.ranges, dims)] = args[0]
    return result


def _indices(args: list[Array]) -> tuple[Array, ...]:
    """Index operands as integers; ValueGivenError where one is no whole number."""
    result = []
    for array in map(np.asarray, args):
        found = array.astype(np.intp)
        if (found != array).any():
            raise ValueGivenError("an index is not a whole number")
        result.append(found)
    return tuple(result)


def _outside(found: tuple[Array, ...], shape: tuple[int, ...]) -> ValueGivenError:
    """The error for the first index that NumPy, which looks at all of them, has refused."""
    for index, size in zip(found, shape, strict=False):
        bad = index[(index >= size) | (index < -size)]
        if bad.size:
            break
    return ValueGivenError(f"index {bad.flat[0]} is out of range for an axis of size {size}")


def _gather(op: ops.Gather, args: list[Array], dims: Dims) -> Array:
    found = _indices(args[1:])
    try:
        return np.asarray(args[0][found])
    except IndexError:
        raise _outside(found, args[0].shape) from None


def _scatter(op: ops.Scatter, args: list[Array], dims: Dims) -> Array:
    result = np.zeros(_shape(op.shape, dims), dtype=args[0].dtype)
    found = _indices(args[1:])
    try:
        np.add.at(result, found, args[0])
    except IndexError:
        raise _outside(found, result.shape) from None
    return result


def _inverse(op: ops.Inverse, args: list[Array], dims: Dims) -> Array:
    """NaN for a singular matrix, as 1/0 is inf: the place is then found by stepping."""
    try:
        return np.linalg.inv(args[0])
    except np.linalg.LinAlgError:
        if args[0].ndim == 2:
            return np.full(args[0].shape, np.nan)
        return np.stack([_inverse(op, [matrix], dims) for matrix in args[0]])


SINGULAR = 1e13  # the size of A times that of A⁻¹: beyond, A⁻¹ has no three digits left


def _adjugate(op: ops.Adjugate, args: list[Array], dims: Dims) -> Array:
    """det(A) A⁻¹; for A = U S V that is singular up to rounding, det(UV) Vᵀ adj(S) Uᵀ.

    adj(S) holds the products of all other singular values, so that nothing is divided by 0
    (Stewart, On the adjugate matrix, Linear Algebra and its Applications 283, 1998).
    """
    matrix, determinant, inverse = args
    product = np.asarray(determinant)[..., None, None] * inverse
    largest = [np.max(np.abs(each), axis=(-2, -1)) for each in (matrix, inverse)]
    near = ~(largest[0] * largest[1] < SINGULAR) & np.isfinite(matrix).all(axis=(-2, -1))
    if near.any():
        u, s, v = np.linalg.svd(matrix[near])
        size = s.shape[-1]
        s = np.where(s > size * np.finfo(s.dtype).eps * s[..., :1], s, 0.0)  # the rest is rounding
        others = np.where(np.eye(size, dtype=bool), 1.0, s[..., None, :])
        others = np.prod(others, axis=-1) * np.linalg.det(u @ v)[..., None]
        product = product.copy()
        product[near] = np.einsum("...ji,...j,...kj->...ik", v, others, u)
    return np.asarray(product)


RULES: dict[type[ops.Op], Callable[[Any, list[Array], Dims], Array]] = {
    ops.Input: lambda op, args, dims: args[0],
    ops.Const: _const,
    ops.Array: lambda op, args, dims: np.array(op.values, float).reshape(_shape(op.shape, dims)),
    ops.Eye: lambda op, args, dims: np.eye(_size(op.size, dims)),
    ops.Arange: lambda op, args, dims: np.arange(_size(op.size, dims), dtype=float),
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Reduce: _reduce,
    ops.Broadcast: _broadcast,
    ops.Reshape: lambda op, args, dims: args[0].reshape(_shape(op.shape, dims)),
    ops.Slice: lambda op, args, dims: args[0][slices(op.ranges, dims)],
    ops.Pad: _pad,
    ops.Concat: lambda op, args, dims: np.concatenate(args, axis=op.axis),
    ops.Gather: _gather,
    ops.Scatter: _scatter,
    ops.Inverse: _inverse,
    ops.LogDet: lambda op, args, dims: np.asarray(np.linalg.slogdet(args[0])[1]),
    ops.Det: lambda op, args, dims: np.asarray(np.linalg.det(args[0])),
    ops.Adjugate: _adjugate,
    ops.StopGradient: lambda op, args, dims: args[0],
}
