"""The functions of the language: those built in, here, and those of the library, by name."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from . import library, ops
from .errors import SourceError
from .scalars import TABLE
from .sizes import to_text
from .syntax import definition
from .tape import Tape, elementwise
from .values import Function, Native, Ref, Scope


@lru_cache(maxsize=None)
def find_function(name: str) -> Native | Function | None:
    """The function called `name`, built in or from the library; None when there is none."""
    native = NATIVES.get(name)
    if native is not None:
        return native
    if name in library.names():
        chunk, tree = definition(library.definition(name))
        return Function(tree, chunk, Scope(from_library=True), True)
    return None


def is_function(name: str) -> bool:
    """Whether there is a function called `name`."""
    return name in NATIVES or name in library.names()


@lru_cache(maxsize=1)
def function_names() -> tuple[str, ...]:
    """The names of all functions."""
    return (*NATIVES, *sorted(library.names()))


def _sum(tape: Tape, x: Any, axis: Any = None, keepdims: bool = False) -> Ref:
    ref = tape.ref(x)
    shape = tape.shape(ref)
    axes = tape.axes(axis, len(shape))
    result = Ref(tape.builder.sum(ref, axes))
    if keepdims:
        return tape.reshape(result, tuple(1 if at in axes else d for at, d in enumerate(shape)))
    return result


def _reduction(kind: str) -> Any:
    def apply(tape: Tape, *values: Any, axis: Any = None, keepdims: bool = False) -> Ref:
        ref = tape.ref(values[0])
        shape = tape.shape(ref)
        axes = tape.axes(axis, len(shape))
        result = tape.emit(ops.Reduce(kind, axes), ref) if axes else ref
        if keepdims:
            return tape.reshape(result, tuple(1 if at in axes else d for at, d in enumerate(shape)))
        return result

    return apply


NATIVES: dict[str, Native] = {
    **{name: Native(name, elementwise(name)) for name in TABLE},
    "sum": Native("sum", _sum),
    "max": Native("max", _reduction("max"), along_axis=True),
    "min": Native("min", _reduction("min"), along_axis=True),
    "stop_gradient": Native("stop_gradient", lambda tape, x: tape.emit(ops.StopGradient(), tape.ref(x))),
}
METHODS: dict[str, Native] = {}
