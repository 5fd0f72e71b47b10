"""Built-in functions that make arrays, and that change the shape of arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..errors import ShapeError
from ..tape import ops, sizes
from ..tape.sizes import Dim, Shape, Size, product, to_text
from .tape import Tape
from .values import MISSING, Ref, describe, is_number

# ------------------------------------------------------------------------------------ making


def array(tape: Tape, x: Any) -> Ref:
    """Numbers, nested lists of numbers, or lists of arrays as one array."""
    return tape.ref(x)


def zeros(tape: Tape, *sizes: Any, shape: Any = None) -> Ref:
    """An array of zeros."""
    return Ref(tape.builder.const(0, tape.dims(sizes if shape is None else (shape,))))


def ones(tape: Tape, *sizes: Any, shape: Any = None) -> Ref:
    """An array of ones."""
    return Ref(tape.builder.const(1, tape.dims(sizes if shape is None else (shape,))))


def full(tape: Tape, shape: Any, fill_value: Any) -> Ref:
    """An array filled with one value."""
    return tape.broadcast_to(tape.ref(fill_value), tape.dims((shape,)))


def zeros_like(tape: Tape, x: Any) -> Ref:
    """Zeros of the shape of x."""
    return Ref(tape.builder.const(0, tape.shape(x)))


def ones_like(tape: Tape, x: Any) -> Ref:
    """Ones of the shape of x."""
    return Ref(tape.builder.const(1, tape.shape(x)))


def full_like(tape: Tape, x: Any, fill_value: Any) -> Ref:
    """One value in the shape of x."""
    return tape.broadcast_to(tape.ref(fill_value), tape.shape(x))


def eye(tape: Tape, n: Any, m: Any = None) -> Ref:
    """The identity matrix."""
    if m is not None and m != n:
        tape.fail(f"eye({n}, {m}): only square identity matrices are in the language")
    return tape.emit(ops.Eye(tape.size(n, "the size of eye")))


def arange(tape: Tape, start: Any, stop: Any = MISSING, step: Any = 1) -> Ref:
    """The numbers from start to stop (without it) in steps."""
    if stop is MISSING:
        start, stop = 0, start
    for value in (start, stop, step):
        if not is_number(value):
            tape.fail(f"arange() takes numbers known while reading, found {tape.name_of(value)}")
    if step == 0:
        tape.fail("arange() cannot go in steps of 0")
    if step == 1 and isinstance(start, (int, Size)) and isinstance(stop, (int, Size)):
        count = tape.size(_span(stop, start), "the length of arange")
        numbers = tape.emit(ops.Arange(count))
        return numbers if start == 0 else tape.map("add", numbers, start)
    if any(isinstance(value, Size) for value in (start, stop, step)):
        tape.fail("arange() over a named dimension goes in steps of 1")
    try:
        count = max(0, math.ceil((stop - start) / step))
    except (OverflowError, ValueError):  # inf or nan
        tape.fail(f"arange({start}, {stop}, {step}) has no end")
    tape.list_out(count)
    return tape.array([start + at * step for at in range(count)])


def _span(stop: Dim, start: Dim) -> Dim:
    length = stop - start
    return length if isinstance(length, Size) else max(0, length)


def linspace(tape: Tape, start: Any, stop: Any, num: Any = 50) -> Ref:
    """`num` numbers at equal distances from start to stop."""
    count = tape.size(num, "the number of points of linspace")
    if not isinstance(count, int) or not all(isinstance(v, (int, float)) for v in (start, stop)):
        tape.fail("linspace() takes numbers known while reading")
    tape.list_out(count)
    step = (stop - start) / max(1, count - 1)
    return tape.array([start + at * step for at in range(count)])


# --------------------------------------------------------------------------------- shapes


def reshape(tape: Tape, x: Any, *dims: Any, shape: Any = None) -> Ref:
    """The same entries in another shape; one size may be -1, which is computed."""
    ref = tape.ref(x)
    shape = dims if shape is None else (shape,)
    given = (
        list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else list(shape)
    )
    if not given and not shape:
        tape.fail("reshape() needs a shape")
    unknown = [at for at, dim in enumerate(given) if type(dim) is int and dim == -1]
    if len(unknown) > 1:
        tape.fail("only one size of a shape can be -1", ShapeError)
    if unknown:
        given[unknown[0]] = _missing_size(tape, tape.shape(ref), given)
    return tape.reshape(ref, tape.dims((given,)))


def _missing_size(tape: Tape, shape: Shape, given: list[Any]) -> Dim:
    known = [
        tape.size(dim, "the sizes of a shape") for dim in given if dim != -1 or type(dim) is Ref
    ]
    try:
        return sizes.divide(product(shape), product(known))
    except ShapeError as error:
        tape.fail(
            f"cannot reshape {to_text(shape)} ({product(shape)} elements) to "
            f"({', '.join(map(str, given))}): {error.message}",
            ShapeError,
        )


def flatten(tape: Tape, x: Any, start: Any = 0) -> Ref:
    """All entries in a row; the axes before `start` stay."""
    ref = tape.ref(x)
    shape = tape.shape(ref)
    first = tape.axis(start, max(1, len(shape)))
    return tape.reshape(ref, (*shape[:first], product(shape[first:])))


def transpose(tape: Tape, x: Any, *order: Any, axes: Any = ()) -> Ref:
    """The axes in reverse or given order; two axes of more are exchanged, as in torch."""
    ref = tape.ref(x)
    rank = len(tape.shape(ref))
    axes = order or (axes,)
    if len(axes) == 1 and (axes[0] is None or isinstance(axes[0], (list, tuple))):
        axes = tuple(axes[0] or ())
    if axes == ():
        return tape.transpose(ref, range(rank)[::-1])
    order = tuple(tape.axis(each, rank) for each in axes)
    if len(order) == 2 and rank > 2:
        swapped = list(range(rank))
        swapped[order[0]], swapped[order[1]] = order[1], order[0]
        order = tuple(swapped)
    return _permuted(tape, ref, list(order))


def permute(tape: Tape, x: Any, *axes: Any) -> Ref:
    """The axes in the given order."""
    ref = tape.ref(x)
    given = axes[0] if len(axes) == 1 and isinstance(axes[0], (list, tuple)) else axes
    return _permuted(tape, ref, [tape.axis(each, len(tape.shape(ref))) for each in given])


def _permuted(tape: Tape, ref: Ref, order: list[int]) -> Ref:
    rank = len(tape.shape(ref))
    if sorted(order) != list(range(rank)):
        tape.fail(
            f"the axes {tuple(order)} are no order of the {rank} axes of the operand", ShapeError
        )
    return tape.transpose(ref, order)


def swapaxes(tape: Tape, x: Any, axis1: Any, axis2: Any) -> Ref:
    """Two axes exchanged."""
    ref = tape.ref(x)
    rank = len(tape.shape(ref))
    one, other = tape.axis(axis1, rank), tape.axis(axis2, rank)
    order = list(range(rank))
    order[one], order[other] = other, one
    return tape.transpose(ref, order)


def moveaxis(tape: Tape, x: Any, source: Any, destination: Any) -> Ref:
    """One axis moved to another place."""
    ref = tape.ref(x)
    rank = len(tape.shape(ref))
    order = list(range(rank))
    order.remove(tape.axis(source, rank))
    order.insert(tape.axis(destination, rank), tape.axis(source, rank))
    return tape.transpose(ref, order)


def squeeze(tape: Tape, x: Any, axis: Any = None) -> Ref:
    """Without the axes of size 1."""
    ref = tape.ref(x)
    shape = tape.shape(ref)
    if axis is None:
        return tape.reshape(ref, tuple(dim for dim in shape if dim != 1))
    axes = tape.axes(axis, len(shape))
    for at in axes:
        if shape[at] != 1:
            tape.fail(
                f"cannot squeeze axis {at} of shape {to_text(shape)}: its size is not 1", ShapeError
            )
    return tape.reshape(ref, tuple(dim for at, dim in enumerate(shape) if at not in axes))


def expand_dims(tape: Tape, x: Any, axis: Any) -> Ref:
    """With new axes of size 1."""
    ref = tape.ref(x)
    shape = list(tape.shape(ref))
    given = list(axis) if isinstance(axis, (list, tuple)) else [axis]
    for at in tape.axes(given, len(shape) + len(given)):
        shape.insert(at, 1)
    return tape.reshape(ref, tuple(shape))


def broadcast_to(tape: Tape, x: Any, *shape: Any) -> Ref:
    """Repeated to a shape."""
    return tape.broadcast_to(tape.ref(x), tape.dims(shape))


def expand(tape: Tape, x: Any, *shape: Any) -> Ref:
    """Repeated to a shape, -1 for sizes that stay, as in torch."""
    ref = tape.ref(x)
    given = (
        list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (list, tuple)) else list(shape)
    )
    own = tape.shape(ref)
    offset = len(given) - len(own)
    kept = [own[at - offset] if dim == -1 and at >= offset else dim for at, dim in enumerate(given)]
    return tape.broadcast_to(ref, tape.dims((kept,)))


# --------------------------------------------------------------------------------- joining


def _parts(tape: Tape, values: Any, what: str) -> list[Ref]:
    if type(values) is Ref:
        shape = tape.shape(values)
        if not shape or not isinstance(shape[0], int):
            tape.fail(f"{what} takes a list of arrays, found {tape.name_of(values)}")
        return rows(tape, values)
    if not isinstance(values, (list, tuple)) or not values:
        tape.fail(f"{what} takes a list of arrays, found {describe(values)}")
    return [tape.ref(value) for value in values]


def rows(tape: Tape, ref: Ref) -> list[Ref]:
    """The parts of an array along its first axis, whose size must be a number."""
    shape = tape.shape(ref)
    count = shape[0]
    assert isinstance(count, int)
    tape.builder.reserve(count)
    rest = tuple((0, dim, 1) for dim in shape[1:])
    return [
        tape.reshape(tape.emit(ops.Slice(((at, 1, 1), *rest)), ref), shape[1:])
        for at in range(count)
    ]


def concatenate(tape: Tape, arrays: Any, axis: Any = 0) -> Ref:
    """Arrays one after another along an axis."""
    parts = _parts(tape, arrays, "concatenate()")
    rank = len(tape.shape(parts[0]))
    if rank == 0:
        tape.fail("scalars cannot be concatenated: use array([...]) or stack([...])", ShapeError)
    at = tape.axis(axis, rank)
    return parts[0] if len(parts) == 1 else tape.emit(ops.Concat(at), *parts)


def stack(tape: Tape, arrays: Any, axis: Any = 0) -> Ref:
    """Arrays of one shape along a new axis."""
    parts = _parts(tape, arrays, "stack()")
    return tape.stack(parts, tape.axis(axis, len(tape.shape(parts[0])) + 1))


def hstack(tape: Tape, arrays: Any) -> Ref:
    """Arrays side by side."""
    parts = _parts(tape, arrays, "hstack()")
    parts = [part if tape.shape(part) else tape.reshape(part, (1,)) for part in parts]
    return concatenate(tape, parts, 0 if len(tape.shape(parts[0])) == 1 else 1)


def vstack(tape: Tape, arrays: Any) -> Ref:
    """Arrays on top of each other; vectors are rows."""
    parts = [_as_row(tape, part) for part in _parts(tape, arrays, "vstack()")]
    return concatenate(tape, parts, 0)


def _as_row(tape: Tape, part: Ref) -> Ref:
    shape = tape.shape(part)
    return part if len(shape) > 1 else tape.reshape(part, (1, *(shape or (1,))))


def split(tape: Tape, x: Any, sections: Any, axis: Any = 0) -> list[Ref]:
    """`sections` parts of equal size along an axis."""
    ref = tape.ref(x)
    shape = tape.shape(ref)
    at = tape.axis(axis, len(shape))
    if type(sections) is not int or sections < 1:
        tape.fail(f"split() takes a number of equal parts, found {tape.name_of(sections)}")
    try:
        part = sizes.divide(shape[at], sections)
    except ShapeError:
        tape.fail(
            f"cannot split axis {at} of shape {to_text(shape)} into {sections} equal parts",
            ShapeError,
        )
    tape.builder.reserve(sections)
    return [part_of(tape, ref, at, part * piece, part) for piece in range(sections)]


def part_of(tape: Tape, ref: Ref, axis: int, start: Dim, size: Dim) -> Ref:
    """`size` entries of one axis from `start` on."""
    ranges: list[ops.Range] = [(0, dim, 1) for dim in tape.shape(ref)]
    ranges[axis] = (start, size, 1)
    return tape.emit(ops.Slice(tuple(ranges)), ref)


def flip(tape: Tape, x: Any, axis: Any = None) -> Ref:
    """The entries in reverse order along axes."""
    ref = tape.ref(x)
    shape = tape.shape(ref)
    axes = tape.axes(axis, len(shape))
    ranges: Sequence[ops.Range] = [
        (dim - 1, dim, -1) if at in axes else (0, dim, 1) for at, dim in enumerate(shape)
    ]
    return tape.emit(ops.Slice(tuple(ranges)), ref)
