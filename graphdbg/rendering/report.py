"""What a run found, as plain data: the rows of both passes, from which text and JSON are made.

Names are written as in the lecture: `∂f/∂q` is the upstream gradient at q, `∂q/∂x` the local one,
`∂f/∂q · ∂q/∂x` the contribution to x.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .. import ops
from ..evaluator import Trace
from ..graph import NONE, Contribution, Graph, Pass
from .operations import operation

Array = NDArray[Any]
LITERALS = (ops.Const, ops.Array, ops.Eye, ops.Arange)  # shown where they are used, not as rows


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


def partial(of: str, by: str) -> str:
    """`∂f/∂x`.

    >>> partial("f", "x")
    '∂f/∂x'
    """
    return f"∂{of}/∂{by}"


def forward_rows(trace: Trace, depth: int | None = None) -> list[NodeRow]:
    """The forward pass in tape order; with `depth`, calls nested deeper stay closed."""
    graph = trace.graph
    rows = []
    for at, op in enumerate(graph.ops):
        if graph.phases[at] or isinstance(op, LITERALS):
            continue
        frames = _frames(graph, at)
        if depth is not None and len(frames) > depth:
            continue
        call = graph.calls[frames[-1]].label if frames else None
        span = graph.spans[at]
        line = span.line if span else None
        value = np.asarray(trace.arrays[at])
        rows.append(
            NodeRow(graph.names[at], operation(graph, at), value, len(frames), call, line)
        )
    return rows


def _frames(graph: Graph, at: int) -> list[int]:
    """The calls around a node, outermost first."""
    found = []
    frame = graph.frames[at]
    while frame != NONE:
        found.append(frame)
        frame = graph.calls[frame].parent
    return found[::-1]


def step_rows(trace: Trace, backward: Pass, texts: Texts) -> list[StepRow]:
    """The backward pass from the output to the inputs, one step per node that hands something on.

    An input is a step only where it is used more than once, so that the sum is seen.
    """
    given: dict[int, list[tuple[int, Contribution]]] = {}
    for operand, parts in backward.contributions.items():
        for part in parts:
            given.setdefault(part.consumer, []).append((operand, part))
    steps = []
    for y in sorted(backward.upstream, reverse=True):
        if y in given or len(backward.contributions.get(y, ())) > 1:
            steps.append(_step(trace, backward, y, given.get(y, []), texts))
    return steps


def _step(
    trace: Trace,
    backward: Pass,
    y: int,
    given: Iterable[tuple[int, Contribution]],
    texts: Texts,
) -> StepRow:
    graph, names = trace.graph, trace.graph.names
    of, upstream = names[backward.of], backward.upstream[y]
    parts = backward.contributions.get(y, ())
    terms = tuple(_chain(of, names, part, y) for part in parts) if len(parts) > 1 else ()
    closed = texts.closed(upstream)
    rows = []
    for operand, part in sorted(given, key=lambda pair: pair[1].slot):
        local = texts.local(y, part.slot)
        rows.append(
            OperandRow(
                names[operand],
                part.slot,
                partial(names[y], names[operand]),
                local,
                None if part.local == NONE else np.asarray(trace.arrays[part.local]),
                _chain(of, names, part, operand),
                None if local is None or closed is None else f"{_factor(closed)} · {_factor(local)}",
                texts.closed(part.node),
                np.asarray(trace.arrays[part.node]),
            )
        )
    value = np.asarray(trace.arrays[upstream])
    return StepRow(
        names[y], operation(graph, y), partial(of, names[y]), terms, closed, value, tuple(rows)
    )


def _chain(of: str, names: list[str], part: Contribution, operand: int) -> str:
    consumer = names[part.consumer]
    return f"{partial(of, consumer)} · {partial(consumer, names[operand])}"


def _factor(text: str) -> str:
    """A factor of a product: a sum gets brackets."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if depth == 0 and at and text[at - 1 : at + 2] in (" + ", " - ", " − "):
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
        rows.append(GradientRow(of, names[x], partial(of, names[x]), texts.closed(g), value))
    return rows
