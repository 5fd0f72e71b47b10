"""What is peculiar at a point: nodes on a kink or a tie, and where NaN and infinity arise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calculus.gradients import active_nodes
from ..tape import ops, scalars
from ..tape.graph import NONE, PHASES, Graph, Pass
from .differences import KINKS, is_kinked
from .runner import Values
from .verdicts import Kink, NonFinite

CONVENTIONS = {
    "relu": "relu'(0) = 0, between 0 (from below) and 1 (from above)",
    "abs": "abs'(0) = 0, between -1 (from below) and 1 (from above)",
    "sign": "sign jumps at 0; sign'(0) = 0",
    "maximum": "equal operands of maximum share the gradient equally",
    "minimum": "equal operands of minimum share the gradient equally",
    "max": "equal largest entries share the gradient equally",
    "min": "equal smallest entries share the gradient equally",
    "floor": "floor jumps at whole numbers; floor' = 0",
}
JUMP = "a comparison of equal values: its mask jumps there, and no gradient flows through it"


def kinks_at(graph: Graph, backward: Pass, values: Values) -> list[Kink]:
    """The nodes of the differentiated part that sit exactly on a kink, a tie or a jump.

    A node whose upstream gradient is 0 there is left out: the kink changes nothing.
    """
    active = active_nodes(graph.args, backward.of, backward.wrt)
    found = []
    for at in range(backward.of + 1):
        if active[at] and is_kinked(graph.ops[at]):
            on = _on_kink(graph.ops[at], [np.asarray(values[arg]) for arg in graph.args[at]])
            if on.any() and (entries := _felt(graph, backward, values, at, on)).any():
                found.append(_kink(graph, at, entries))
    return found


def _on_kink(op: Any, operands: list[NDArray[Any]]) -> NDArray[np.bool_]:
    """Where an operation is on a kink: entries of its result."""
    if type(op) is ops.Reduce:
        array = operands[0]
        best = np.max if op.kind in ("max", "argmax") else np.min
        ties = array == best(array, axis=op.axes, keepdims=True)
        return np.asarray(np.sum(ties, axis=op.axes) > 1)
    if op.function == "floor":
        return np.asarray(operands[0] == np.floor(operands[0]))
    if op.function in KINKS:
        return np.zeros((), bool)
    text = scalars.TABLE[op.function].kink
    named = dict(zip("abc", operands, strict=False))
    return np.asarray(scalars.evaluate_template(scalars.template(text), named) == 0)


def _felt(
    graph: Graph, backward: Pass, values: Values, at: int, on: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    upstream = backward.upstream.get(at)
    if upstream is None:
        op: Any = graph.ops[at]
        compares = type(op) is ops.Map and op.function not in ("relu", "abs")
        return on if compares and graph.phases[at] == 0 else np.zeros((), bool)
    return on & (np.asarray(values[upstream]) != 0)


def _kink(graph: Graph, at: int, entries: NDArray[np.bool_]) -> Kink:
    op: Any = graph.ops[at]
    function = op.function if type(op) is ops.Map else op.kind
    span = graph.place(at)
    return Kink(
        graph.names[at],
        function,
        first(entries),
        int(entries.sum()),
        CONVENTIONS.get(function, JUMP),
        span.line if span else 0,
    )


def first(mask: NDArray[Any]) -> tuple[int, ...]:
    """The first place where a mask is true."""
    return tuple(int(each) for each in np.unravel_index(int(np.argmax(mask)), np.shape(mask)))


# ------------------------------------------------------------------ NaN and infinity


def nonfinite_at(graph: Graph, values: Values, results: Sequence[int]) -> list[NonFinite]:
    """The first node of each phase where NaN or infinity arises from finite operands.

    `results` are the nodes that must be finite: where they are, what happens inside is harmless.
    """
    if np.isfinite(np.concatenate([value.ravel() for value in values])).all():
        return []
    found: dict[int, NonFinite] = {}
    for at, finding in _arising(graph, values, results):
        found.setdefault(graph.phases[at], finding)
    return list(found.values())


def nonfinite_nodes(graph: Graph, values: Values, results: Sequence[int]) -> dict[int, NonFinite]:
    """Every node at which NaN or an infinity arises, not only the first of each pass."""
    if np.isfinite(np.concatenate([value.ravel() for value in values])).all():
        return {}
    return dict(_arising(graph, values, results))


def _arising(
    graph: Graph, values: Values, results: Sequence[int]
) -> Iterator[tuple[int, NonFinite]]:
    spoiled = [not np.isfinite(value).all() for value in values]
    harmful = _spoilers(graph, spoiled, results)
    for at, bad in enumerate(spoiled):
        if bad and _arises(graph, values, at):
            yield at, _explain(graph, values, at, at not in harmful)


def _spoilers(graph: Graph, spoiled: list[bool], results: Sequence[int]) -> set[int]:
    """The nodes that are not finite and lead to a result that is not finite, and those results."""
    todo = [at for at in results if spoiled[at]]
    found = set(todo)
    while todo:
        for arg in graph.args[todo.pop()]:
            if spoiled[arg] and arg not in found:
                found.add(arg)
                todo.append(arg)
    return found


def _arises(graph: Graph, values: Values, at: int) -> bool:
    """Whether the node makes a NaN out of numbers, or an infinity out of finite ones."""
    value = np.asarray(values[at])
    operands = [np.asarray(values[arg]) for arg in graph.args[at]]
    if all(np.isfinite(operand).all() for operand in operands):
        return True
    return bool(np.isnan(value).any()) and not any(np.isnan(each).any() for each in operands)


def _explain(graph: Graph, values: Values, at: int, harmless: bool) -> NonFinite:
    value = np.asarray(values[at])
    mask = np.isnan(value) if np.isnan(value).any() else np.isinf(value)
    entry = first(mask)
    op: Any = graph.ops[at]
    operands = [np.asarray(values[arg]) for arg in graph.args[at]]
    picked = [float(each[entry]) if each.shape == value.shape else None for each in operands]
    sentence = _cause(op, operands, picked)
    if graph.phases[at]:
        sentence += _backward_reason(graph, values, at, entry)
    if harmless:
        sentence += "; what was asked for is finite all the same"
    span = graph.place(at)
    return NonFinite(
        graph.names[at],
        PHASES[graph.phases[at]],
        entry,
        float(value[entry]),
        harmless,
        sentence,
        span.line if span else 0,
    )


def _cause(op: Any, operands: list[NDArray[Any]], picked: list[float | None]) -> str:
    """One clause: which numbers gave it."""
    if type(op) is ops.Input:
        return "the value that was given is not finite"
    if type(op) is not ops.Map or None in picked:
        return _structural_cause(op, operands)
    a, *rest = [float(each) for each in picked if each is not None]
    b = rest[0] if rest else 0.0
    name = op.function
    if name == "mul" and {a == 0, b == 0} == {True, False}:
        return f"{a:g} · {b:g} is 0 · ∞, which is no number"
    if name in ("add", "sub") and np.isinf(a) and np.isinf(b):
        return "∞ - ∞, which is no number"
    if name == "div":
        return f"division {a:g} / {b:g}" + (": by zero" if b == 0 else "")
    if name in ("log", "log1p") and a <= 0:
        inside = a if name == "log" else a + 1
        return f"{name}({a:g}): the logarithm of {'0' if inside == 0 else 'a negative number'}"
    shown = ", ".join(f"{each:.6g}" for each in (a, *rest))
    is_outside = name in ("sqrt", "arcsin", "arccos")
    if name == "pow":
        is_outside = a == 0 or (a < 0 and b != np.floor(b))
    if is_outside:
        return f"{name}({shown}) is outside the domain or without a bound"
    return f"{name}({shown}) overflows"


def _structural_cause(op: Any, operands: list[NDArray[Any]]) -> str:
    if type(op) is ops.Inverse:
        return "the matrix is singular"
    if type(op) is ops.LogDet:
        return "the determinant is 0"
    zero = any((each == 0).any() for each in operands)
    if zero and any(np.isinf(each).any() for each in operands):
        return "a product 0 · ∞, which is no number"
    if any(np.isinf(each).any() for each in operands):
        return "a sum ∞ - ∞, which is no number"
    return "a value overflows"


def _backward_reason(graph: Graph, values: Values, at: int, entry: tuple[int, ...]) -> str:
    """Where in the forward pass it comes from, and whether a `where` did not take that branch."""
    origin = graph.origins[at]
    if origin == NONE:
        return ""
    names = graph.names
    text = f"; it belongs to the derivative of '{names[origin]}'"
    branch = _untaken(graph, values, origin, entry)
    if branch is not None:
        text += (
            f", which is in the untaken branch of the where in '{names[branch]}': the branch is "
            "computed all the same, and 0 times its infinite derivative is NaN; make its operand "
            "safe inside that branch too"
        )
    return text


def _untaken(graph: Graph, values: Values, origin: int, entry: tuple[int, ...]) -> int | None:
    """A `where` downstream of a node (through elementwise nodes) that masks it at an entry."""
    todo, seen = [origin], {origin}
    while todo:
        at = todo.pop()
        for user in graph.users[at]:
            op: Any = graph.ops[user]
            if user in seen or graph.phases[user] or type(op) is not ops.Map:
                continue
            seen.add(user)
            todo.append(user)
            if op.function == "where" and at in graph.args[user][1:]:
                mask = np.asarray(values[graph.args[user][0]])
                taken = bool(mask[entry] != 0) if mask.ndim == len(entry) else True
                if at != graph.args[user][1 if taken else 2]:
                    return user
    return None
