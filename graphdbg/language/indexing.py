"""`x[...]`: integers, slices, None, `...`, and integer arrays, by NumPy's rules."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Any

from ..errors import ShapeError, UnsupportedError
from ..tape import ops, shapes
from ..tape.sizes import Dim, Shape, Size, to_text
from .reading import Reader
from .tape import Tape
from .values import Function, Native, Ref, is_number


@dataclass(frozen=True, slots=True)
class Part:
    """`start:stop:step` of an index, None where left out."""

    start: Any
    stop: Any
    step: Any


def subscript(r: Reader, tree: ast.Subscript) -> Any:
    """The value of `x[index]`: of a list, an element; of `1[x > 0]`, the mask."""
    value = r.value(tree.value)
    if isinstance(value, (Native, Function)):
        value = r.ref(value, tree.value)
    parts = _index(r, tree.slice)
    r.point(tree)
    if isinstance(value, (list, tuple, range, str)) and all(_is_plain(part) for part in parts):
        return _element(r.tape, value, parts)
    if is_number(value) and value == 1 and len(parts) == 1 and type(parts[0]) is Ref:
        return parts[0]  # the indicator of paper, 1[x > 0]
    return index(r.tape, r.tape.ref(value), parts)


def _index(r: Reader, tree: ast.expr) -> list[Any]:
    trees = tree.elts if isinstance(tree, ast.Tuple) else [tree]
    parts: list[Any] = []
    for each in trees:
        if isinstance(each, ast.Slice):
            bounds = (each.lower, each.upper, each.step)
            parts.append(Part(*(None if bound is None else r.value(bound) for bound in bounds)))
        elif isinstance(each, ast.Starred):
            r.fail(
                "starred indices are not in the language: write them out", each, UnsupportedError
            )
        else:
            value = r.value(each)
            if isinstance(value, (Native, Function)):
                value = r.ref(value, each)
            parts.extend(value if isinstance(value, tuple) and len(trees) == 1 else [value])
    return parts


def _is_plain(part: Any) -> bool:
    if isinstance(part, Part):
        return all(_is_plain(bound) for bound in (part.start, part.stop, part.step))
    return part is None or isinstance(part, int) and type(part) is not Ref


def _element(tape: Tape, value: Any, parts: list[Any]) -> Any:
    """An element of a list or tuple, or a piece of it."""
    for part in parts:
        if not isinstance(value, (list, tuple, range, str)) or part is None:
            tape.fail(f"cannot index {tape.name_of(value)}", ShapeError)
        if isinstance(part, Part):
            value = value[slice(part.start, part.stop, part.step)]
        elif -len(value) <= part < len(value):
            value = value[part]
        else:
            tape.fail(f"index {part} is out of range: there are {len(value)} values", ShapeError)
    return value


def index(tape: Tape, ref: Ref, parts: list[Any]) -> Ref:
    """`x[parts]`, whose parts are integers, sizes, `Part`s, None, Ellipsis and index arrays."""
    parts = [_as_index(tape, part) for part in parts]
    parts = _without_dots(tape, parts, tape.shape(ref))
    if any(type(part) is Ref for part in parts):
        return _gather(tape, ref, parts)
    return _cut(tape, ref, parts)


def _as_index(tape: Tape, part: Any) -> Any:
    if isinstance(part, bool):
        tape.fail("True and False cannot be indices", UnsupportedError)
    if isinstance(part, (list, tuple, range)):
        part = tape.array(list(part))
    if type(part) is Ref:
        if tape.is_mask(part):
            tape.fail(
                "a mask cannot be an index, since the number of entries it selects is not known: "
                "multiply by the mask, as in sum(x*(x > 0)), or use where(mask, x, 0)",
                UnsupportedError,
            )
        return part
    if part is None or part is Ellipsis or isinstance(part, (int, Size, Part)):
        return part
    tape.fail(
        f"an index is a whole number, a slice, None, ... or an array, found {tape.name_of(part)}"
    )


def _without_dots(tape: Tape, parts: list[Any], shape: Shape) -> list[Any]:
    """The index with full slices for `...` and for the axes that were not mentioned."""
    used = sum(part is not None and part is not Ellipsis for part in parts)
    dots = sum(part is Ellipsis for part in parts)
    if dots > 1:
        tape.fail("an index has at most one '...'")
    if used > len(shape):
        tape.fail(f"{used} indices for an array of shape {to_text(shape)}", ShapeError)
    at = next((at for at, part in enumerate(parts) if part is Ellipsis), len(parts))
    rest = [Part(None, None, None)] * (len(shape) - used)
    return [*parts[:at], *rest, *parts[at + 1 :]]


def _cut(tape: Tape, ref: Ref, parts: list[Any]) -> Ref:
    """Integers, slices and new axes only: one `Slice`, then one `Reshape`."""
    shape = tape.shape(ref)
    ranges: list[ops.Range] = []
    result: list[Dim] = []
    axis = 0
    for part in parts:
        if part is None:
            result.append(1)
            continue
        if isinstance(part, Part):
            ranges.append(_range(tape, part, shape[axis]))
            result.append(ranges[-1][1])
        else:
            ranges.append((_position(tape, part, shape[axis], axis), 1, 1))
        axis += 1
    if any(each != (0, dim, 1) for each, dim in zip(ranges, shape, strict=True)):
        ref = tape.emit(ops.Slice(tuple(ranges)), ref)
    return tape.reshape(ref, tuple(result))


def _position(tape: Tape, part: Any, dim: Dim, axis: int) -> Dim:
    """An integer index, counted from 0."""
    if isinstance(part, Size) or isinstance(dim, Size):
        beyond = part - dim if isinstance(part, Size) else -1  # a number where both grow alike
        if isinstance(beyond, int) and beyond >= 0:
            tape.fail(f"index {part} is out of range for axis {axis} of size {dim}", ShapeError)
        return part if isinstance(part, Size) or part >= 0 else dim + part
    if not -dim <= part < dim:
        tape.fail(f"index {part} is out of range for axis {axis} of size {dim}", ShapeError)
    return part % dim


def _range(tape: Tape, part: Part, dim: Dim) -> ops.Range:
    """The start, length and step of a slice of an axis of size `dim`."""
    step = 1 if part.step is None else part.step
    for bound in (part.start, part.stop, step):
        if bound is not None and (type(bound) is Ref or not isinstance(bound, (int, Size))):
            tape.fail(
                "the bounds of a slice are whole numbers known while reading, "
                f"found {tape.name_of(bound)}",
                UnsupportedError,
            )
    if not isinstance(step, int) or step == 0:
        tape.fail("the step of a slice is a whole number, not 0", ShapeError)
    if (
        isinstance(dim, int)
        and not isinstance(part.start, Size)
        and not isinstance(part.stop, Size)
    ):
        chosen = range(*slice(part.start, part.stop, step).indices(dim))
        return (chosen.start if len(chosen) else 0, len(chosen), step)
    return _named_range(tape, part, dim, step)


def _named_range(tape: Tape, part: Part, dim: Dim, step: int) -> ops.Range:
    """A slice whose bounds involve named dimensions, taken to lie within the axis."""
    if abs(step) != 1:
        tape.fail(
            f"a slice of an axis of size {dim} goes in steps of 1 or -1, found {step}: "
            "the number of entries is not known",
            UnsupportedError,
        )
    start, stop = (
        None if bound is None else bound + dim if isinstance(bound, int) and bound < 0 else bound
        for bound in (part.start, part.stop)
    )
    if step == 1:
        first = 0 if start is None else start
        return first, (dim if stop is None else stop) - first, 1
    first = dim - 1 if start is None else start
    return first, first + 1 if stop is None else first - stop, -1


# ------------------------------------------------------------------------------- index arrays


def _gather(tape: Tape, ref: Ref, parts: list[Any]) -> Ref:
    """Index arrays: slices first, then the indexed axes in front, `Gather`, and back."""
    advanced = [at for at, part in enumerate(parts) if type(part) is Ref or _is_integer(part)]
    together = advanced == list(range(advanced[0], advanced[0] + len(advanced)))
    basic = [Part(None, None, None) if at in advanced else part for at, part in enumerate(parts)]
    ref = _cut(tape, ref, basic)
    arrays = _common(tape, [_index_array(tape, parts[at], tape.shape(ref)[at]) for at in advanced])
    rank = len(tape.shape(ref))
    rest = [at for at in range(rank) if at not in advanced]
    if advanced != list(range(len(advanced))):
        ref = tape.transpose(ref, [*advanced, *rest])
    result = tape.emit(ops.Gather(len(advanced)), ref, *arrays)
    first = advanced[0]
    if not together or first == 0:
        return result
    count = len(tape.shape(arrays[0]))
    order = [*range(count, count + first), *range(count), *range(count + first, count + len(rest))]
    return tape.transpose(result, order)


def _is_integer(part: Any) -> bool:
    return isinstance(part, (int, Size)) and type(part) is not Ref


def _index_array(tape: Tape, part: Any, dim: Dim) -> Ref:
    if type(part) is Ref:
        return part
    return tape.ref(_position(tape, part, dim, 0))


def _common(tape: Tape, arrays: list[Ref]) -> list[Ref]:
    """The index arrays in their common shape."""
    found = [tape.shape(each) for each in arrays]
    try:
        target = shapes.broadcast(found)
    except ShapeError as error:
        tape.fail(f"the index arrays do not fit together: {error.message}", ShapeError)
    return [tape.broadcast_to(each, target) for each in arrays]
