"""Building with the identities of arithmetic: x + 0, 1 * x, -(-x), numbers computed at once.

The gradient rules and the simplifier build through here; the parser does not, so that the forward
graph shows every step as it was written.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from . import ops, scalars
from .builder import Builder
from .scalars import TABLE, Template

Number = int | float


def apply(b: Builder, function: str, *args: int) -> int:
    """The id of an elementwise function after the identities; operands have one shape already."""
    for arg in args:
        if type(b.ops[arg]) is ops.Const:
            break
    else:
        if function not in _OF_ANY:
            return b.map(function, *args)
        found = _OF_ANY[function](b, args, _UNKNOWN)
        return b.map(function, *args) if found is None else found
    values = [b.constant(arg) for arg in args]
    if all(isinstance(value, (int, float)) for value in values):
        folded = _fold(function, values)
        if folded is not None:
            return b.const(folded, b.shapes[args[0]])
    rule = _IDENTITIES.get(function)
    found = rule(b, args, values) if rule is not None else None
    return b.map(function, *args) if found is None else found


Recipe = Callable[[Builder, tuple[int, ...], int], int]  # from operands and result to a node


@lru_cache(maxsize=None)
def derivative(function: str, slot: int) -> Recipe:
    """What builds the declared derivative of a function, given the ids of its operands and result.

    A closure per part of the template: a tape asks for it once per node.
    """
    return _recipe(scalars.derivative(function, slot))


def _recipe(tree: Template) -> Recipe:
    head, *rest = tree
    if head == "operand" and rest[0] == "y":
        return lambda b, args, y: y
    if head == "operand":
        slot = "abc".index(rest[0])
        return lambda b, args, y: args[slot]
    if head == "const":
        return lambda b, args, y: b.const(rest[0], b.shapes[y])
    parts = [_recipe(part) for part in rest]
    if len(parts) == 1:
        (inner,) = parts
        return lambda b, args, y: apply(b, head, inner(b, args, y))
    if len(parts) == 2:
        left, right = parts
        return lambda b, args, y: apply(b, head, left(b, args, y), right(b, args, y))
    return lambda b, args, y: apply(b, head, *[part(b, args, y) for part in parts])


_EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "neg": lambda a: -a,
}


def _fold(function: str, values: list[Any]) -> Number | None:
    """The number itself; whole numbers stay whole, so that formulas stay exact."""
    if function in _EXACT:
        return _EXACT[function](*values)
    if function in ("div", "pow") or TABLE[function].arity != 2:
        return None
    return int(TABLE[function].numeric(*values)) if function in _COMPARISONS else None


_COMPARISONS = ("gt", "ge", "lt", "le", "eq", "ne")


def _add(b: Builder, args: tuple[int, ...], values: list[Any]) -> int | None:
    if values[0] == 0:
        return args[1]
    return args[0] if values[1] == 0 else None


def _sub(b: Builder, args: tuple[int, ...], values: list[Any]) -> int | None:
    if values[1] == 0:
        return args[0]
    if args[0] == args[1]:
        return b.const(0, b.shapes[args[0]])
    return apply(b, "neg", args[1]) if values[0] == 0 else None


def _mul(b: Builder, args: tuple[int, ...], values: list[Any]) -> int | None:
    for at, value in enumerate(values):
        other = args[1 - at]
        if value is not None and value == 0:
            return b.const(0, b.shapes[other])
        if value is not None and value == 1:
            return other
        if value is not None and value == -1:
            return apply(b, "neg", other)
    return None


def _div(b: Builder, args: tuple[int, ...], values: list[Any]) -> int | None:
    if values[1] is not None and values[1] == 1:
        return args[0]
    return None


def _neg(b: Builder, args: tuple[int, ...], values: list[Any]) -> int | None:
    op = b.ops[args[0]]
    return b.args[args[0]][0] if getattr(op, "function", None) == "neg" else None


def _pow(b: Builder, args: tuple[int, ...], values: list[Any]) -> int | None:
    if values[1] is not None and values[1] == 1:
        return args[0]
    if values[1] is not None and values[1] == 0:
        return b.const(1, b.shapes[args[0]])
    return None


def _where(b: Builder, args: tuple[int, ...], values: list[Any]) -> int | None:
    return args[1] if args[1] == args[2] else None


_UNKNOWN: list[Any] = [None, None, None]
# Those that need no number: asked for each node of a tape, so the others are left out.
_OF_ANY = {"sub": _sub, "neg": _neg, "where": _where}
_IDENTITIES = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "pow": _pow, "where": _where,
}  # fmt: skip
