"""One shape rule per primitive: from the operands' shapes to the result's, or a ShapeError.

Dimensions are ints or `sizes.Size`; two named dimensions fit only when they are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import ShapeError
from . import ops
from .sizes import Dim, Shape, names_in, product, to_text

Shapes = Sequence[Shape]


def infer(op: ops.Op, shapes: Shapes) -> Shape:
    """The shape of `op` applied to operands of these shapes; ShapeError where they do not fit.

    >>> infer(ops.contract_of("ij,jk->ik"), [(2, 3), (3, 4)])
    (2, 4)
    """
    return RULES[type(op)](op, shapes)


def _leaf(op: ops.Input | ops.Const | ops.Array, shapes: Shapes) -> Shape:
    return op.shape


def _map(op: ops.Map, shapes: Shapes) -> Shape:
    first = shapes[0]
    for shape in shapes:
        if shape != first:
            raise ShapeError(
                f"{op.function} needs operands of one shape, found "
                + " and ".join(to_text(each) for each in shapes)
            )
    return first


def _contract(op: ops.Contract, shapes: Shapes) -> Shape:
    sizes: dict[str, Dim] = {}
    for letters, shape in zip(op.inputs, shapes, strict=True):
        if len(letters) != len(shape):
            raise ShapeError(
                f"einsum '{op.spec}': operand '{letters}' names {len(letters)} axes, "
                f"but its shape is {to_text(shape)}"
            )
        for letter, dim in zip(letters, shape, strict=True):
            if sizes.setdefault(letter, dim) != dim:
                found = " and ".join(to_text(each) for each in shapes)
                raise ShapeError(
                    f"einsum '{op.spec}': axis '{letter}' is {sizes[letter]} and {dim} "
                    f"(operands {found})"
                )
    missing = [letter for letter in op.output if letter not in sizes]
    if missing:
        raise ShapeError(f"einsum '{op.spec}': output axis '{missing[0]}' is in no operand")
    return tuple(sizes[letter] for letter in op.output)


def _reduce(op: ops.Reduce, shapes: Shapes) -> Shape:
    (shape,) = shapes
    for axis in op.axes:
        if axis >= len(shape):
            raise ShapeError(f"{op.kind} over axis {axis} of an array of shape {to_text(shape)}")
        if shape[axis] == 0:
            raise ShapeError(f"{op.kind} over axis {axis} of shape {to_text(shape)}: it is empty")
    return tuple(dim for axis, dim in enumerate(shape) if axis not in op.axes)


def _broadcast(op: ops.Broadcast, shapes: Shapes) -> Shape:
    (shape,) = shapes
    target = tuple(op.shape[axis] for axis in op.axes)
    if target != shape:
        raise ShapeError(f"cannot broadcast shape {to_text(shape)} to {to_text(op.shape)}")
    return op.shape


def _reshape(op: ops.Reshape, shapes: Shapes) -> Shape:
    (shape,) = shapes
    if product(shape) != product(op.shape):
        raise ShapeError(
            f"cannot reshape {to_text(shape)} ({product(shape)} elements) "
            f"to {to_text(op.shape)} ({product(op.shape)} elements)"
        )
    return op.shape


def _slice(op: ops.Slice, shapes: Shapes) -> Shape:
    (shape,) = shapes
    if len(op.ranges) != len(shape):
        raise ShapeError(f"{len(op.ranges)} slices for an array of shape {to_text(shape)}")
    return tuple(size for _, size, _ in op.ranges)


def _pad(op: ops.Pad, shapes: Shapes) -> Shape:
    (shape,) = shapes
    if tuple(size for _, size, _ in op.ranges) != shape:
        raise ShapeError(f"cannot place shape {to_text(shape)} in {to_text(op.shape)}")
    return op.shape


def _concat(op: ops.Concat, shapes: Shapes) -> Shape:
    first = shapes[0]
    total: Dim = 0
    for shape in shapes:
        if len(shape) != len(first) or op.axis >= len(first) or _without(shape, op.axis) != _without(first, op.axis):  # noqa: E501
            raise ShapeError(
                f"cannot join shapes {' and '.join(map(to_text, shapes))} along axis {op.axis}"
            )
        total = total + shape[op.axis]
    return (*first[: op.axis], total, *first[op.axis + 1 :])


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]


def _gather(op: ops.Gather, shapes: Shapes) -> Shape:
    table, *indices = shapes
    if len(indices) != op.count or op.count > len(table):
        raise ShapeError(f"{len(indices)} indices for an array of shape {to_text(table)}")
    _of_one_shape(indices)
    return (*indices[0], *table[op.count :])


def _of_one_shape(indices: Shapes) -> None:
    for shape in indices:
        if shape != indices[0]:
            raise ShapeError(
                f"indices of one shape are needed, found {to_text(indices[0])} and {to_text(shape)}"
            )


def _scatter(op: ops.Scatter, shapes: Shapes) -> Shape:
    source, *indices = shapes
    _of_one_shape(indices)
    expected = (*indices[0], *op.shape[len(indices) :])
    if source != expected:
        raise ShapeError(f"cannot scatter shape {to_text(source)}: expected {to_text(expected)}")
    return op.shape


def _square(op: ops.Op, shapes: Shapes) -> Shape:
    (shape,) = shapes
    if len(shape) < 2 or shape[-1] != shape[-2]:
        names = {"Inverse": "inv", "LogDet": "logdet", "Det": "det", "Adjugate": "adj"}
        name = names[type(op).__name__]
        raise ShapeError(f"{name} needs a square matrix, found shape {to_text(shape)}")
    return shape


def _square_to_scalar(op: ops.Op, shapes: Shapes) -> Shape:
    return _square(op, shapes)[:-2]


def _adjugate(op: ops.Adjugate, shapes: Shapes) -> Shape:
    matrix, determinant, inverse = shapes
    if _square(op, (matrix,)) != inverse or determinant != matrix[:-2]:
        raise ShapeError(
            f"the adjugate of {to_text(matrix)} needs its determinant and its inverse, found "
            f"shapes {to_text(determinant)} and {to_text(inverse)}"
        )
    return matrix


RULES: dict[type[ops.Op], Callable[..., Shape]] = {
    ops.Input: _leaf,
    ops.Const: _leaf,
    ops.Array: _leaf,
    ops.Eye: lambda op, shapes: (op.size, op.size),
    ops.Arange: lambda op, shapes: (op.size,),
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
    ops.Inverse: _square,
    ops.LogDet: _square_to_scalar,
    ops.Det: _square_to_scalar,
    ops.Adjugate: _adjugate,
    ops.StopGradient: lambda op, shapes: shapes[0],
}


def broadcast(shapes: Shapes) -> Shape:
    """The common shape of operands by NumPy's rule, named dimensions included.

    Raises ShapeError where two dimensions differ and neither is 1.

    >>> broadcast([(3, 1), (4,)])
    (3, 4)
    """
    rank = max(map(len, shapes), default=0)
    result: list[Dim] = [1] * rank
    for shape in shapes:
        for at, dim in enumerate(shape, rank - len(shape)):
            if result[at] == 1:
                result[at] = dim
            elif dim not in (1, result[at]):
                raise ShapeError(_misfit(shapes))
    return tuple(result)


def _misfit(shapes: Shapes) -> str:
    found = " and ".join(map(to_text, shapes))
    hint = "from the right, dimensions must be equal or 1"
    if any(names_in(shape) for shape in shapes):
        hint += "; a named dimension fits only itself and 1"
    return f"shapes {found} do not broadcast: {hint}"
