"""Built-in functions that make less of an array: sums, products, maxima; over lists, too."""

from __future__ import annotations

import ast
from typing import Any

from ..errors import ShapeError
from ..tape import ops
from ..tape.sizes import Size, product, to_text
from .tape import Tape
from .values import MISSING, Ref, arithmetic, count_of, is_number

SEQUENCES = (list, tuple, range)


def total(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over axes; of a list, its values added one after another."""
    if isinstance(x, SEQUENCES) and axis is None and not keepdims:
        tape.list_out(count_of(x))
        if all(isinstance(value, (int, Size)) and type(value) is not Ref for value in x):
            return sum(x, 0)
        if x and not any(isinstance(value, SEQUENCES) for value in x):
            return tape.total(x)
    ref = tape.ref(x)
    axes = tape.axes(axis, len(tape.shape(ref)))
    return _kept(tape, ref, Ref(tape.builder.sum(ref, axes)), axes, keepdims)


def prod(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The product over axes; of sizes, a size."""
    if isinstance(x, SEQUENCES) and axis is None:
        tape.list_out(count_of(x))
        if all(isinstance(value, (int, Size)) and type(value) is not Ref for value in x):
            return _static_product(tape, x)
        return tape.total(x, "mul") if x else 1
    return _reduce(tape, "prod", x, axis, keepdims)


def _static_product(tape: Tape, x: Any) -> Any:
    """The product of numbers and sizes, refused as soon as it is no floating-point number."""
    result: Any = 1
    for value in x:
        result = arithmetic(ast.Mult, result, value)
    return result


def maximum(tape: Tape, *values: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`max(x, axis)`, or elementwise the largest of several."""
    return _extreme(tape, "max", values, axis, keepdims)


def minimum(tape: Tape, *values: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """`min(x, axis)`, or elementwise the smallest of several."""
    return _extreme(tape, "min", values, axis, keepdims)


def _extreme(tape: Tape, kind: str, values: tuple[Any, ...], axis: Any, keepdims: bool) -> Any:
    if not values:
        tape.fail(f"{kind}() needs an array or several values")
    single = len(values) == 1
    if single and isinstance(values[0], SEQUENCES) and axis is None:
        tape.list_out(count_of(values[0]))
        values = tuple(values[0])
        if any(isinstance(value, SEQUENCES) for value in values):
            return _reduce(tape, kind, list(values), axis, keepdims)
    elif single:
        return _reduce(tape, kind, values[0], axis, keepdims)
    elif axis is not None or keepdims:
        tape.fail(f"{kind}() of several values takes no axis")
    if not values:
        tape.fail(f"{kind}() of an empty list", ShapeError)
    if all(is_number(value) and not isinstance(value, Size) for value in values):
        return max(values) if kind == "max" else min(values)
    return tape.total(values, "maximum" if kind == "max" else "minimum")


def argmax(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Ref:
    """The place of the largest entry, along one axis or of all entries in a row."""
    return _place(tape, "argmax", x, axis, keepdims)


def argmin(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Ref:
    """The place of the smallest entry, along one axis or of all entries in a row."""
    return _place(tape, "argmin", x, axis, keepdims)


def _place(tape: Tape, kind: str, x: Any, axis: Any, keepdims: bool) -> Ref:
    ref = tape.ref(x)
    shape = tape.shape(ref)
    if not shape:
        tape.fail(f"{kind} of a scalar", ShapeError)
    if axis is None and len(shape) > 1:
        ref, axis = tape.reshape(ref, (product(shape),)), 0
    elif axis is None:
        axis = 0
    return _reduce(tape, kind, ref, axis, keepdims)


def anything(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Ref:
    """1 where some entry is not 0."""
    return _reduce(tape, "max", tape.map("ne", x, 0), axis, keepdims)


def everything(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Ref:
    """1 where no entry is 0."""
    return _reduce(tape, "min", tape.map("ne", x, 0), axis, keepdims)


def _reduce(tape: Tape, kind: str, x: Any, axis: Any, keepdims: bool) -> Ref:
    ref = tape.ref(x)
    axes = tape.axes(axis, len(tape.shape(ref)))
    if not axes:
        return ref
    return _kept(tape, ref, tape.emit(ops.Reduce(kind, axes), ref), axes, keepdims)


def _kept(tape: Tape, ref: Ref, result: Ref, axes: tuple[int, ...], keepdims: Any) -> Ref:
    if keepdims not in (True, False):
        tape.fail("keepdims is True or False")
    if not keepdims:
        return result
    shape = tape.shape(ref)
    return tape.reshape(result, tuple(1 if at in axes else dim for at, dim in enumerate(shape)))


def length(tape: Tape, x: Any) -> Any:
    """How many entries the first axis has."""
    if isinstance(x, (*SEQUENCES, str)):
        return count_of(x)
    shape = tape.shape(x)
    if not shape:
        tape.fail("len() of a scalar: it has no axis", ShapeError)
    return shape[0]


def size(tape: Tape, x: Any, axis: Any = None) -> Any:
    """The number of entries, or of one axis."""
    shape = tape.shape(x)
    return product(shape) if axis is None else shape[tape.axis(axis, len(shape))]


def torch_size(tape: Tape, x: Any, axis: Any = None) -> Any:
    """`x.size()` and `x.size(0)`, torch's names for a shape and a dimension."""
    shape = tape.shape(x)
    return shape if axis is None else shape[tape.axis(axis, len(shape))]


def whole_numbers(tape: Tape, start: Any, stop: Any = MISSING, step: Any = 1) -> Any:
    """`range`, of numbers known while reading; of a named dimension, the array 0 ... n - 1."""
    if stop is MISSING:
        start, stop = 0, start
    for value in (start, stop, step):
        if type(value) is Ref or not isinstance(value, (int, Size)):
            tape.fail(
                f"range() takes whole numbers known while reading, found {tape.name_of(value)}"
            )
    if step == 0:
        tape.fail("range() cannot go in steps of 0")
    if isinstance(stop, Size) and start == 0 and step == 1:
        return tape.emit(ops.Arange(stop))
    if isinstance(start, Size) or isinstance(stop, Size) or isinstance(step, Size):
        tape.fail(
            f"range({start}, {stop}, {step}): loops are unrolled, so the numbers must be known"
        )
    return range(start, stop, step)


def describe_shape(tape: Tape, x: Any) -> str:
    """The shape of a value, for messages."""
    return to_text(tape.shape(x))
