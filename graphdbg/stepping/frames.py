"""`Frame`: what a person sees at one position of the walk, as numbers; nothing in it is computed
before it is asked for, and nothing is known before the walk has come to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..numbers.evaluator import Trace
from ..source import Span
from ..tape.graph import NONE, Call, Contribution, Graph, Pass
from ..tape.operations import operation
from .walk import BACKWARD, WORDS, Event, Kind, Walk

Array = NDArray[Any]


class Texts(Protocol):
    """Where formulas come from; None where there is none that is short and was checked."""

    def closed(self, node: int) -> str | None:
        """The node over the inputs."""

    def local(self, consumer: int, slot: int) -> str | None:
        """The derivative of an elementwise node by one operand."""


@dataclass(frozen=True, eq=False)
class Operand:
    """What one operand of the node at hand receives: upstream · local, once that is known.

    `local` is the local derivative where that is elementwise; `contribution` is None before it was
    multiplied, `so_far` before anything has arrived. `arrived` of `awaited` contributions are in.
    """

    name: str
    node: int
    value: Array | None
    local_name: str
    local: Array | None
    contribution: Array | None
    so_far: Array | None
    arrived: int
    awaited: int
    parts: tuple[Contribution, ...]

    @property
    def gradient(self) -> Array | None:
        """The gradient of the operand, None until the last contribution has arrived."""
        return self.so_far if self.arrived == self.awaited else None


@dataclass(frozen=True, eq=False)
class Frame:
    """The state at one position: the event that happened last, its node, what is known of it.

    `value` and `upstream` are None where they have not been computed yet.
    """

    event: Event
    walk: Walk
    trace: Trace

    @property
    def graph(self) -> Graph:
        """The tape."""
        return self.trace.graph

    @property
    def position(self) -> int:
        """How many events have happened."""
        return self.event.position

    @property
    def kind(self) -> Kind:
        """What happened last."""
        return self.event.kind

    @property
    def direction(self) -> str:
        """The pass: forward or backward."""
        return self.event.direction

    @property
    def title(self) -> str:
        """What happened last, in a word or two."""
        return WORDS[self.kind]

    @property
    def id(self) -> int:
        """The node at hand as its place on the tape, -1 where there is none."""
        return self.event.node

    @property
    def node(self) -> str:
        """The name of the node at hand, empty at the start."""
        return self.graph.names[self.id] if self.id != NONE else ""

    @property
    def call(self) -> Call | None:
        """The call that is entered or left here."""
        if self.kind in (Kind.CALL, Kind.RETURN):
            return self.graph.calls[self.event.frame]
        return None

    @cached_property
    def results(self) -> tuple[int, ...]:
        """The nodes whose values leave the call that is entered or left here; () without one.

        A call has several where its function returns a tuple; it has no single output then.
        """
        call = self.call
        if call is None:
            return ()
        return (call.output,) if call.output != NONE else self.walk.results(self.event.frame)

    @property
    def operation(self) -> str:
        """The node's operation over its operands' names, or the call."""
        if self.call is not None:
            names = ", ".join(self.graph.names[at] for at in self.call.inputs)
            return f"{self.call.function}({names})"
        return operation(self.graph, self.id) if self.id != NONE else ""

    @property
    def span(self) -> Span | None:
        """Where the node stands: in the library where the cursor is inside of a call."""
        if self.call is not None:
            return self.call.span
        return self.graph.spans[self.id] if self.id != NONE else None

    @property
    def line(self) -> int | None:
        """The line of the program itself, that of the outermost call where there is one."""
        if self.id != NONE:
            place = self.graph.place(self.id)
        else:
            place = self.graph.place_of_call(self.event.frame) if self.call else None
        return place.line if place and place.source == self.graph.source else None

    @property
    def stack(self) -> tuple[str, ...]:
        """The labels of the calls the cursor is in, outermost first."""
        return tuple(self.graph.calls[at].label for at in self.walk.stack(self.position))

    @property
    def of(self) -> str:
        """What is differentiated; empty without a backward pass."""
        backward = self.walk.backward
        return self.graph.names[backward.of] if backward else ""

    @property
    def value(self) -> Array | None:
        """The value of the node at hand, None where it has not been computed yet."""
        return value_at(self.walk, self.trace, self.id, self.position)

    @property
    def upstream(self) -> Array | None:
        """The gradient of what is differentiated by the node at hand, None before it is known."""
        return gradient_at(self.walk, self.trace, self.id, self.position)

    @cached_property
    def operands(self) -> tuple[Operand, ...]:
        """What each operand receives in this step of the backward pass; () in the forward one."""
        backward = self.walk.backward
        if backward is None or self.direction != BACKWARD:
            return ()
        if self.call is not None:
            found = _through_call(self.graph, backward, self.event.frame)
            done = self.kind == Kind.RETURN
        else:
            found = _out_of(self.graph, backward, self.id)
            done = self.kind >= Kind.MULTIPLY
        return tuple(self._operand(node, parts, done) for node, parts in found)

    def _operand(self, node: int, parts: tuple[Contribution, ...], multiplied: bool) -> Operand:
        arrays, names = self.trace.arrays, self.graph.names
        single = parts[0] if len(parts) == 1 else None
        direct = single is not None and single.consumer == self.id and single.local != NONE
        received = sum(np.asarray(arrays[part.node]) for part in parts)
        return Operand(
            names[node],
            node,
            value_at(self.walk, self.trace, node, self.position),
            f"∂{self.node}/∂{names[node]}",
            np.asarray(arrays[parts[0].local]) if direct else None,
            np.asarray(received) if multiplied else None,
            accumulated_at(self.walk, self.trace, node, self.position),
            self.walk.arrived(node, self.position),
            self.walk.awaited(node),
            parts,
        )


def value_at(walk: Walk, trace: Trace, node: int, position: int) -> Array | None:
    """A node's value as known at a position, else None."""
    if node == NONE or not walk.has_value(node, position):
        return None
    return np.asarray(trace.arrays[node])


def gradient_at(walk: Walk, trace: Trace, node: int, position: int) -> Array | None:
    """A node's complete gradient as known at a position, else None."""
    if walk.backward is None or node == NONE or not walk.has_gradient(node, position):
        return None
    return np.asarray(trace.arrays[walk.backward.upstream[node]])


def accumulated_at(walk: Walk, trace: Trace, node: int, position: int) -> Array | None:
    """The sum of the contributions to a node's gradient that have arrived, None before the first.

    Added up in the order of the tape, so that the last sum is the tape's own gradient to the bit.
    """
    done = gradient_at(walk, trace, node, position)
    if done is not None or walk.backward is None:
        return done
    parts = walk.backward.contributions.get(node, ())[: walk.arrived(node, position)]
    total: Any = None
    with np.errstate(all="ignore"):  # an infinite sum is shown as such
        for part in parts:
            found = np.asarray(trace.arrays[part.node])
            total = found if total is None else total + found
    return total


Received = list[tuple[int, tuple[Contribution, ...]]]


def _out_of(graph: Graph, backward: Pass, node: int) -> Received:
    """What a node hands to each operand, one row per use."""
    found = []
    for operand in dict.fromkeys(graph.args[node]) if node != NONE else ():
        for part in backward.contributions.get(operand, ()):
            if part.consumer == node:
                found.append((part.slot, operand, part))
    return [(operand, (part,)) for _, operand, part in sorted(found)]


def _through_call(graph: Graph, backward: Pass, frame: int) -> Received:
    """What a call as a whole hands to each of its arguments: all that comes from inside it."""
    inside = is_inside(graph, frame)
    found = []
    for operand in dict.fromkeys(graph.calls[frame].inputs):
        parts = backward.contributions.get(operand, ())
        mine = tuple(part for part in parts if inside(graph.frames[part.consumer]))
        if mine:
            found.append((operand, mine))
    return found


def is_inside(graph: Graph, frame: int) -> Callable[[int], bool]:
    """Tells whether a frame is a call's own or one below it."""

    def inside(other: int) -> bool:
        while other != NONE and other != frame:
            other = graph.calls[other].parent
        return other == frame

    return inside
