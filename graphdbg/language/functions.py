"""The functions of the language by name: those built in, and those of the library.

Built in is only what cannot be written in the language itself; everything else is a text in
`library/`, read when it is first called.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .. import library
from ..tape import ops
from ..tape.graph import NONE
from ..tape.scalars import TABLE
from ..tape.sizes import Size, to_text
from . import arrays, linear, reductions
from .syntax import definition
from .tape import Tape, elementwise
from .values import Function, Native, Ref, Scope, count_of, is_number

# Called in the library's own texts alone. A proof takes `guard` for 1, because there both branches
# that it chooses between are the same function: a promise that nobody else can be held to.
INTERNAL = frozenset(("guard", "guarded_log", "scores_behind", "parameter"))


@lru_cache(maxsize=None)
def find_function(name: str, from_library: bool = False) -> Native | Function | None:
    """The function called `name`, built in or from the library; None when there is none.

    `from_library` says that a text of the library asks, which knows the internal ones too.

    >>> find_function("softmax").name
    'softmax'
    >>> find_function("guard") is None
    True
    """
    if name in INTERNAL and not from_library:
        return None
    native = NATIVES.get(name)
    if native is not None:
        return native
    if name in library.names():
        chunk, tree = definition(library.definition(name))
        return Function(tree, chunk, Scope(from_library=True), True)
    return None


def is_function(name: str) -> bool:
    """Whether there is a function called `name`, outside of the library's own texts."""
    return name not in INTERNAL and (name in NATIVES or name in library.names())


@lru_cache(maxsize=1)
def function_names() -> tuple[str, ...]:
    """The names of all functions, but for the library's own."""
    return tuple(name for name in (*NATIVES, *sorted(library.names())) if name not in INTERNAL)


# ---------------------------------------------------------------------------------- small ones


def _log(tape: Tape, x: Any, base: Any = None) -> Ref:
    return (
        tape.map("log", x)
        if base is None
        else tape.map("div", tape.map("log", x), tape.map("log", base))
    )


def _where(tape: Tape, condition: Any, x: Any, y: Any) -> Ref:
    return tape.map("where", condition, x, y)


def _absolute(tape: Tape, x: Any) -> Any:
    return abs(x) if isinstance(x, int) and type(x) is not Ref else tape.map("abs", x)


def _not(tape: Tape, x: Any) -> Ref:
    return tape.map("eq", x, 0)


def _is_nan(tape: Tape, x: Any) -> Ref:
    return tape.map("ne", x, x)


def _is_infinite(tape: Tape, x: Any) -> Ref:
    return tape.map("eq", tape.map("abs", x), math.inf)


def _is_finite(tape: Tape, x: Any) -> Ref:
    return tape.map("lt", tape.map("abs", x), math.inf)


def _same(tape: Tape, x: Any, kind: Any = None) -> Ref:
    return tape.ref(x)


def _stop_gradient(tape: Tape, x: Any) -> Ref:
    return tape.emit(ops.StopGradient(), tape.ref(x))


def _number(tape: Tape, x: Any) -> Any:
    if isinstance(x, bool) or is_number(x):
        return x
    ref = tape.ref(x)
    if tape.shape(ref):
        tape.fail(f"expected one number, found an array of shape {to_text(tape.shape(ref))}")
    return ref


def _whole(tape: Tape, x: Any) -> Any:
    if isinstance(x, (int, Size)) and type(x) is not Ref:
        return x
    if isinstance(x, float) and x.is_integer():
        return int(x)
    tape.fail(f"int() takes a whole number known while reading, found {tape.name_of(x)}")


def _enumerate(tape: Tape, values: Any, start: Any = 0) -> list[tuple[int, Any]]:
    return list(enumerate(_list(tape, values), start))


def _zip(tape: Tape, *lists: Any) -> list[tuple[Any, ...]]:
    return list(zip(*(_list(tape, each) for each in lists), strict=False))


def _reversed(tape: Tape, values: Any) -> list[Any]:
    return _list(tape, values)[::-1]


def _tuple(tape: Tape, values: Any) -> tuple[Any, ...]:
    return tuple(_list(tape, values))


def _list(tape: Tape, values: Any) -> list[Any]:
    if type(values) is Ref:
        shape = tape.shape(values)
        if not shape or not isinstance(shape[0], int):
            tape.fail(f"cannot go through an array of shape {to_text(shape)} one by one")
        return arrays.rows(tape, values)
    if not isinstance(values, (list, tuple, range)):
        tape.fail(f"expected a list, found {tape.name_of(values)}")
    tape.list_out(count_of(values))
    return list(values)


def _shape(tape: Tape, x: Any) -> Any:
    return tape.shape(x)


def _rank(tape: Tape, x: Any) -> int:
    return len(tape.shape(x))


def _parameter(tape: Tape, name: Any, shape: Any = ()) -> Ref:
    """An input that a function declares for itself: `W1` of the call `o` is `o.W1`."""
    b = tape.builder
    label = b.calls[b.frame].label if b.frame != NONE else ""
    full = f"{label}.{tape.string(name, 'the name of a parameter')}".removeprefix(".")
    frame, b.frame = b.frame, NONE
    ref = Ref(b.input(full, tape.dims((shape,))))
    b.frame = frame
    tape.parameters[full] = ref
    return ref


def _scores_behind(tape: Tape, p: Any, function: Any) -> Ref | None:
    """The operand that `function` made p of, else None: the scores behind a softmax."""
    ref = tape.ref(p)
    op = tape.builder.ops[ref]
    if isinstance(op, ops.Map) and op.function == function:
        return Ref(tape.builder.args[ref][0])
    return tape.origins.get((function, int(ref)))


# -------------------------------------------------------------------------------------- tables

_SAME_AS = {
    "ln": "log", "power": "pow", "multiply": "mul", "subtract": "sub", "divide": "div",
    "true_divide": "div", "negative": "neg", "asin": "arcsin", "acos": "arccos", "atan": "arctan",
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq",
    "not_equal": "ne", "expit": "sigmoid", "logistic": "sigmoid", "log_sigmoid": "logsigmoid",
    "log_expit": "logsigmoid", "σ": "sigmoid",
}  # fmt: skip

_BUILT_IN: dict[str, Callable[..., Any]] = {
    "log": _log, "ln": _log, "where": _where, "abs": _absolute, "absolute": _absolute,
    "fabs": _absolute, "logical_not": _not, "isnan": _is_nan, "isinf": _is_infinite,
    "isfinite": _is_finite, "stop_gradient": _stop_gradient,
    "detach": _stop_gradient,
    "sum": reductions.total, "prod": reductions.prod, "argmax": reductions.argmax,
    "argmin": reductions.argmin, "any": reductions.anything, "all": reductions.everything,
    "amax": reductions.maximum, "amin": reductions.minimum,
    "len": reductions.length, "size": reductions.size, "shape": _shape, "ndim": _rank,
    "range": reductions.whole_numbers, "enumerate": _enumerate, "zip": _zip, "reversed": _reversed,
    "list": _list, "tuple": _tuple, "int": _whole, "float": _number,
    "matmul": linear.product, "mm": linear.product, "bmm": linear.product, "mv": linear.product,
    "dot": linear.dot, "outer": linear.outer, "inner": linear.inner, "vdot": linear.vdot,
    "einsum": linear.einsum, "trace": linear.trace, "diag": linear.diag,
    "diagonal": linear.diagonal, "inv": linear.inv, "inverse": linear.inv, "det": linear.det,
    "logdet": linear.logdet,
    "eye": arrays.eye, "identity": arrays.eye, "ones": arrays.ones, "zeros": arrays.zeros,
    "full": arrays.full, "arange": arrays.arange, "linspace": arrays.linspace,
    "array": arrays.array, "asarray": arrays.array, "tensor": arrays.array,
    "as_tensor": arrays.array, "float32": arrays.array, "float64": arrays.array,
    "zeros_like": arrays.zeros_like, "ones_like": arrays.ones_like, "full_like": arrays.full_like,
    "reshape": arrays.reshape, "flatten": arrays.flatten, "ravel": arrays.flatten,
    "transpose": arrays.transpose, "permute": arrays.permute, "swapaxes": arrays.swapaxes,
    "moveaxis": arrays.moveaxis, "squeeze": arrays.squeeze, "expand_dims": arrays.expand_dims,
    "unsqueeze": arrays.expand_dims, "broadcast_to": arrays.broadcast_to,
    "concatenate": arrays.concatenate, "concat": arrays.concatenate, "cat": arrays.concatenate,
    "stack": arrays.stack, "hstack": arrays.hstack, "vstack": arrays.vstack,
    "split": arrays.split, "flip": arrays.flip, "parameter": _parameter,
    "scores_behind": _scores_behind,
}  # fmt: skip

NATIVES: dict[str, Native] = {
    **{name: Native(name, elementwise(name), name) for name in TABLE},
    **{name: Native(name, elementwise(row), row) for name, row in _SAME_AS.items()},
    **{name: Native(name, apply) for name, apply in _BUILT_IN.items()},
    "max": Native("max", reductions.maximum, along_axis=True),
    "min": Native("min", reductions.minimum, along_axis=True),
    "amax": Native("amax", reductions.maximum, along_axis=True),
    "amin": Native("amin", reductions.minimum, along_axis=True),
}

_METHODS: dict[str, Callable[..., Any]] = {
    "view": arrays.reshape, "size": reductions.torch_size, "dim": _rank, "t": arrays.transpose,
    "item": _number, "copy": _same, "clone": _same, "contiguous": _same, "float": _same,
    "double": _same, "astype": _same, "to": _same, "numpy": _same, "type": _same,
    "expand": arrays.expand, "inverse": linear.inv, "numel": reductions.size,
    "add": elementwise("add"), "sub": elementwise("sub"), "mul": elementwise("mul"),
    "div": elementwise("div"),
}  # fmt: skip
METHODS: dict[str, Native] = {name: Native(name, apply) for name, apply in _METHODS.items()}
