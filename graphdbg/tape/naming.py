"""What to call a node: the names of those that nobody named, an operation in one line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from . import ops
from .sizes import Shape, to_text


def default_names(
    operations: Sequence[ops.Op],
    shapes: Sequence[Shape],
    given: Mapping[int, str],
    aliases: Iterable[str],
    gradients: Mapping[int, tuple[int, int]],
) -> list[str]:
    """A name for each node: the given one, that of its gradient, its number, or q, q1, q2, ...

    `gradients` tells of a node that is a gradient the two earlier nodes it is of and by.
    """
    taken = {*aliases, *given.values()}
    names: list[str] = []
    count = 0
    for at, op in enumerate(operations):
        name = given.get(at, "")
        if not name and at in gradients:
            of, y = gradients[at]
            name = _fresh(f"{names[of]}.d_{names[y]}", taken, ())
        elif not name and type(op) is ops.Const:
            name = _fresh(str(op.value), taken, shapes[at])
        elif not name:
            while (name := f"q{count}" if count else "q") in taken:
                count += 1
            count += 1
        taken.add(name)
        names.append(name)
    return names


def is_derivative(name: str) -> bool:
    """Whether a name is written as that of a derivative is: `L.d_x`, `p.J_o`, `f.H_w`.

    >>> is_derivative("L.d_x"), is_derivative("d_x"), is_derivative("L.x")
    (True, False, False)
    """
    return any(mark in name for mark in (".d_", ".J_", ".H_"))


def other_names(names: Sequence[str], aliases: Mapping[str, int]) -> dict[int, list[str]]:
    """The further names of each node that has some."""
    found: dict[int, list[str]] = {}
    for name, at in aliases.items():
        if name != names[at]:
            found.setdefault(at, []).append(name)
    return found


def _fresh(name: str, taken: set[str], shape: Shape) -> str:
    if name in taken and shape:
        name = f"{name}{to_text(shape)}"
    candidate, count = name, 1
    while candidate in taken:
        count += 1
        candidate = f"{name}@{count}"
    return candidate


def describe(op: ops.Op, args: Sequence[str]) -> str:
    """An operation on named operands as one line of plain text."""
    detail = _detail(op)
    return f"{detail}({', '.join(args)})" if args else detail


def _detail(op: ops.Op) -> str:
    match op:
        case ops.Map(function=function):
            return function
        case ops.Contract():
            return f"einsum[{op.spec}]"
        case ops.Reduce(kind=kind, axes=axes):
            return f"{kind}[axis={_axes(axes)}]"
        case ops.Const(value=value):
            return f"const[{value}]"
    return type(op).__name__.lower()


def _axes(axes: tuple[int, ...]) -> str:
    return str(axes[0]) if len(axes) == 1 else str(axes)
