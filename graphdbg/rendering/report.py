"""What a run found, as plain data: the rows of both passes, from which text and JSON are made.

Names are written as in the lecture: `∂f/∂q` is the upstream gradient at q, `∂q/∂x` the local one,
`∂f/∂q · ∂q/∂x` the contribution to x.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..numbers.evaluator import Trace
from ..tape.graph import NONE, Call, Contribution, Pass
from ..tape.sizes import Shape
from .folding import View, around, call_text

Array = NDArray[Any]
T = TypeVar("T")
LOOSE = (" + ", " - ", " − ", " / ", " ⊙ ")  # what binds no tighter than a product
LONGEST_FACTOR = 24  # characters of an upstream gradient that is written into a product


class Texts(Protocol):
    """Where the formulas of a graph come from; None where there is none to show."""

    def closed(self, node: int) -> str | None:
        """The node over the inputs."""

    def local(self, consumer: int, slot: int) -> str | None:
        """The local derivative of `consumer` in operand `slot`, over the names of the operands."""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node of the forward pass; `depth` counts the calls around it, `call` names the inmost."""

    name: str
    operation: str
    value: Array
    shape: Shape
    depth: int
    call: str | None
    line: int | None


@dataclass(frozen=True, slots=True)
class OperandRow:
    """What one operand receives from one step: upstream · local."""

    operand: str
    slot: int
    local_name: str
    local: str | None
    local_value: Array | None
    chain: str
    put_in: str | None
    closed: str | None
    value: Array


@dataclass(frozen=True, slots=True)
class StepRow:
    """A node of the backward pass: its upstream gradient and what it hands to its operands.

    `terms` are the contributions that were summed for the upstream gradient, by name, where the
    value fans out; else empty.
    """

    node: str
    operation: str
    name: str
    terms: tuple[str, ...]
    closed: str | None
    value: Array
    operands: tuple[OperandRow, ...]


@dataclass(frozen=True, slots=True)
class GradientRow:
    """A gradient that was asked for."""

    of: str
    wrt: str
    name: str
    closed: str | None
    value: Array
    shape: Shape


def partial(of: str, by: str) -> str:
    """`∂f/∂x`.

    >>> partial("f", "x")
    '∂f/∂x'
    """
    return f"∂{of}/∂{by}"


def forward_rows(trace: Trace, depth: int | None = None) -> list[NodeRow]:
    """The forward pass in tape order; with `depth`, calls nested deeper stay closed."""
    graph = trace.graph
    view = View(graph, depth)
    rows = []
    for at in range(len(graph)):
        if not view.is_shown(at):
            continue
        frames = around(graph, graph.frames[at])
        if depth is not None:
            frames = frames[:depth]
        call = call_text(graph, graph.calls[frames[-1]]) if frames else None
        span = graph.place(at)
        rows.append(
            NodeRow(
                graph.names[at],
                view.operation(at),
                np.asarray(trace.arrays[at]),
                graph.shapes[at],
                len(frames),
                call,
                span.line if span else None,
            )
        )
    return rows


def step_rows(
    trace: Trace,
    backward: Pass,
    texts: Texts,
    depth: int | None = None,
    most: int | None = None,
) -> tuple[list[StepRow], int]:
    """The backward pass from the output to the inputs, one step per node that hands something on.

    An input is a step only where it is used more than once, so that the sum is seen. With `depth`,
    a call nested deeper is one step: its vector-Jacobian product. With `most`, the middle of a
    longer list is left out. Gives the steps and how many there are in all.
    """
    view = View(trace.graph, depth)
    given: dict[int, list[tuple[int, list[Contribution]]]] = {}
    users: dict[int, list[int]] = {}
    for operand, parts in backward.contributions.items():
        for user, group in _by_user(view, operand, parts):
            given.setdefault(user, []).append((operand, group))
            users.setdefault(operand, []).append(user)
    summed = {y: found for y, found in users.items() if len(found) > 1}
    order = sorted({*given, *summed}, reverse=True)
    kept = without_middle(order, most)
    rows = [
        _step(trace, backward, y, summed.get(y, []), given.get(y, []), texts, view) for y in kept
    ]
    return rows, len(order)


def without_middle(rows: Sequence[T], most: int | None) -> list[T]:
    """The first and last rows, at most `most` in all."""
    if most is None or len(rows) <= most:
        return list(rows)
    return [*rows[: most // 2], *rows[-(most // 2) :]]


def _by_user(
    view: View, operand: int, parts: Iterable[Contribution]
) -> list[tuple[int, list[Contribution]]]:
    """What an operand receives, by step: one group per use, one per closed call."""
    groups: list[tuple[int, list[Contribution]]] = []
    calls: dict[int, list[Contribution]] = {}
    for part in parts:
        user = view.representative(part.consumer)
        if user == view.representative(operand):
            continue  # inside the same closed call
        if view.closed_call(part.consumer) is None:
            groups.append((user, [part]))
        elif user in calls:
            calls[user].append(part)
        else:
            calls[user] = [part]
            groups.append((user, calls[user]))
    return groups


def _step(
    trace: Trace,
    backward: Pass,
    y: int,
    summed: list[int],
    given: list[tuple[int, list[Contribution]]],
    texts: Texts,
    view: View,
) -> StepRow:
    names = trace.graph.names
    of, upstream = names[backward.of], backward.upstream[y]
    call = view.closed_call(y)
    rows = [
        _operand(trace, backward, y, operand, parts, texts, call)
        for operand, parts in given
        if view.representative(operand) == operand or _is_felt(trace, parts)
    ]
    rows.sort(key=lambda row: row.slot)
    return StepRow(
        names[y],
        view.operation(y),
        partial(of, names[y]),
        tuple(_chain(of, names[user], names[y]) for user in summed),
        texts.closed(upstream),
        np.asarray(trace.arrays[upstream]),
        tuple(rows),
    )


def _operand(
    trace: Trace,
    backward: Pass,
    y: int,
    operand: int,
    parts: list[Contribution],
    texts: Texts,
    call: Call | None,
) -> OperandRow:
    names = trace.graph.names
    slot = parts[0].slot if call is None else _place(call, operand)
    alone = parts[0] if len(parts) == 1 else None
    direct = alone is not None and alone.consumer == y  # else it went through a closed call
    local = texts.local(y, alone.slot) if alone and direct else None
    closed = texts.closed(backward.upstream[y])
    value = sum(np.asarray(trace.arrays[part.node]) for part in parts)
    local_value = None
    if alone and direct and alone.local != NONE:
        local_value = np.asarray(trace.arrays[alone.local])
    return OperandRow(
        names[operand],
        slot,
        partial(names[y], names[operand]),
        local,
        local_value,
        _chain(names[backward.of], names[y], names[operand]),
        _put_in(partial(names[backward.of], names[y]), closed, local, bool(trace.graph.shapes[y])),
        _closed(texts, backward, operand, parts),
        np.asarray(value),
    )


def _is_felt(trace: Trace, parts: Iterable[Contribution]) -> bool:
    """Whether anything but zeros arrives: what a call hands into another one is shown only then."""
    return any(np.any(np.asarray(trace.arrays[part.node]) != 0) for part in parts)


def _closed(texts: Texts, backward: Pass, operand: int, parts: list[Contribution]) -> str | None:
    if len(parts) == 1:
        return texts.closed(parts[0].node)
    every = backward.contributions[operand]
    return texts.closed(backward.upstream[operand]) if len(parts) == len(every) else None


def _place(call: Call, operand: int) -> int:
    return call.inputs.index(operand) if operand in call.inputs else len(call.inputs)


def _chain(of: str, consumer: str, operand: str) -> str:
    return f"{partial(of, consumer)} · {partial(consumer, operand)}"


def _put_in(name: str, upstream: str | None, local: str | None, elementwise: bool) -> str | None:
    """The product with its factors put in; an upstream gradient that is long stays a name."""
    if local is None or upstream is None:
        return None
    factor = _factor(upstream) if len(upstream) <= LONGEST_FACTOR else name
    number = local.lstrip("−").isdecimal()
    return f"{factor} {'⊙' if elementwise and not number else '·'} {_factor(local)}"


def _factor(text: str) -> str:
    """A factor of a product: a sum or a quotient gets brackets."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if depth == 0 and (char == "·" or text[at : at + 3] in LOOSE):
            return f"({text})"
    return f"({text})" if text[:1] in "-−" else text


def gradient_rows(trace: Trace, backward: Pass, texts: Texts) -> list[GradientRow]:
    """The gradients that were asked for."""
    names = trace.graph.names
    of = names[backward.of]
    rows = []
    for x in backward.wrt:
        g = backward.upstream[x]
        value = np.asarray(trace.arrays[g])
        shape = trace.graph.shapes[g]
        rows.append(GradientRow(of, names[x], partial(of, names[x]), texts.closed(g), value, shape))
    return rows
