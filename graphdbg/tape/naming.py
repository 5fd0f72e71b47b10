"""What to call a node: the names of those that nobody named, an operation in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import ops
from .sizes import Shape, to_text

if TYPE_CHECKING:
    from .graph import Graph


def default_names(graph: Graph) -> list[str]:
    """A name for each node: the given one, that of its gradient, its number, or q, q1, q2, ..."""
    taken = set(graph.aliases) | set(graph.given_names.values())
    given = graph.given_names
    names: list[str] = []
    count = 0
    gradients = {  # a later pass may find its gradient among nodes before the one it starts from
        g: (p.of, y)
        for p in reversed(graph.passes)
        for y, g in reversed(p.upstream.items())
        if p.of < g
    }
    for at, op in enumerate(graph.ops):
        name = given.get(at, "")
        if not name and at in gradients and graph.phases[at]:
            of, y = gradients[at]
            name = _fresh(f"{names[of]}.d_{names[y]}", taken, ())
        elif not name and type(op) is ops.Const:
            name = _fresh(str(op.value), taken, graph.shapes[at])
        elif not name:
            while (name := f"q{count}" if count else "q") in taken:
                count += 1
            count += 1
        taken.add(name)
        names.append(name)
    return names


def gradient_ids(graph: Graph) -> dict[str, int]:
    """Where the gradients are, by each of their names."""
    others = _other_names(graph)
    return {
        name: g
        for backward in graph.passes
        for y, g in backward.upstream.items()
        for name in _gradient_names(graph, others, backward.of, y)
    }


def gradient_names(graph: Graph, of: int, y: int) -> list[str]:
    """What the gradient of node `of` by node `y` is called: `L.d_h`, by any names of the two."""
    return _gradient_names(graph, _other_names(graph), of, y)


def _gradient_names(graph: Graph, others: dict[int, list[str]], of: int, y: int) -> list[str]:
    outputs = [graph.names[of], *others.get(of, ())]
    operands = [graph.names[y], *others.get(y, ())]
    return [f"{a}.d_{h}" for a in outputs for h in operands]


def _other_names(graph: Graph) -> dict[int, list[str]]:
    found: dict[int, list[str]] = {}
    for name, at in graph.aliases.items():
        if name != graph.names[at]:
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
