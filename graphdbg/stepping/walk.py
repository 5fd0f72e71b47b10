"""The passes of a graph as a line of events, which a cursor can follow in either direction.

Position 0 is the start, where only the inputs are known; at position p the events 1 to p have
happened. So a cursor is one number, everything that is known follows from it, and going back in
time is subtraction.

Forward, each computed node is one event (VISIT). Backward, a node whose upstream gradient is
complete is visited in three: LOCAL (the derivatives of the node by its operands), MULTIPLY
(upstream × local, one contribution per operand) and ACCUMULATE (each contribution is added to its
operand's gradient). SEED begins the pass with d of / d of = 1; GRADIENT ends it at each input.
A training step has a third pass, the update: there each computed node is one event again.
A call is a pair of events around those inside, CALL and RETURN, in every pass.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property

from ..formulas.explanations import random_traces
from ..numbers.evaluator import Trace
from ..tape.graph import NONE, PHASES, Graph, Pass, cone
from ..tape.ops import LEAVES, Input

FORWARD, BACKWARD, UPDATE = PHASES


class Kind(IntEnum):
    """What an event is."""

    START = 0
    VISIT = 1
    CALL = 2
    RETURN = 3
    SEED = 4
    LOCAL = 5
    MULTIPLY = 6
    ACCUMULATE = 7
    GRADIENT = 8


# What a step is called: the words of the prompt, the status line and the docs.
WORDS = {
    Kind.START: "start",
    Kind.VISIT: "value",
    Kind.CALL: "call",
    Kind.RETURN: "return",
    Kind.SEED: "seed",
    Kind.LOCAL: "local derivative",
    Kind.MULTIPLY: "× upstream",
    Kind.ACCUMULATE: "accumulate",
    Kind.GRADIENT: "gradient",
}
SUBSTEPS = (Kind.LOCAL, Kind.MULTIPLY, Kind.ACCUMULATE)


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its position, kind, node, the frame (call) it happens in, and the pass.

    For CALL and RETURN `frame` is the call itself and `node` its output.
    """

    position: int
    kind: Kind
    node: int
    frame: int
    direction: str


class Walk:
    """The events of a graph's forward pass and of one backward pass (None: forward only).

    >>> import graphdbg as gd
    >>> b = gd.grad(gd.parse("f=(x+y)z"))
    >>> walk = Walk(b, b.passes[-1])
    >>> [(walk.event(p).kind.name, b.names[walk.event(p).node]) for p in range(1, 6)]
    [('VISIT', 'q'), ('VISIT', 'f'), ('SEED', 'f'), ('LOCAL', 'f'), ('MULTIPLY', 'f')]
    """

    def __init__(self, graph: Graph, backward: Pass | None) -> None:
        self.graph, self.backward = graph, backward
        self.kinds = bytearray([Kind.START])
        self.nodes = [NONE]
        self.frames = [NONE]
        self.partner: dict[int, int] = {}  # CALL to its RETURN and back
        self.intervals: list[tuple[int, int]] = []  # of calls, by their beginning
        self.value_at: dict[int, int] = {}  # where a computed node's value becomes known
        self.visit_at: dict[int, int] = {}  # the LOCAL event of a node, or its GRADIENT event
        self.parts_at: dict[int, list[int]] = {}  # where the contributions to a gradient arrive
        self._visit(primal_nodes(self.graph, self.backward))
        self.turn = len(self.nodes)  # the first position of the backward pass
        if backward is not None:
            self._backward(backward)
        self.update = len(self.nodes)  # the first position of the update
        self._visit(at for at, phase in enumerate(graph.phases) if PHASES[phase] == UPDATE)
        self.intervals.sort()
        self.parents = _parents(self.intervals)
        self.call_results = {call.output for call in graph.calls if call.output != NONE}
        self.places = self._places()

    @cached_property
    def witnesses(self) -> list[Trace]:
        """Traces at random points, which formulas are compared at: the same for every scope."""
        return random_traces(self.graph)

    @property
    def end(self) -> int:
        """The last position."""
        return len(self.nodes) - 1

    def event(self, position: int) -> Event:
        """The event that happened last at a position; at 0 the start."""
        kind = Kind(self.kinds[position])
        return Event(
            position, kind, self.nodes[position], self.frames[position], self.direction(position)
        )

    def direction(self, position: int) -> str:
        """The pass at a position."""
        if position >= self.update:
            return UPDATE
        return BACKWARD if position >= self.turn else FORWARD

    # ---------------------------------------------------------------- making

    def _visit(self, nodes: Iterable[int]) -> None:
        """An event for each computed node, calls around those that are made in one."""
        calls = _Calls(self)
        for at in nodes:
            if not isinstance(self.graph.ops[at], LEAVES):
                calls.enter(self.graph.frames[at])
                self.value_at[at] = self._add(Kind.VISIT, at)
        calls.enter(NONE)

    def _backward(self, backward: Pass) -> None:
        given: dict[int, list[int]] = {}
        for operand, parts in backward.contributions.items():
            for part in parts:
                given.setdefault(part.consumer, []).append(operand)
        calls = _Calls(self)
        self._add(Kind.SEED, backward.of)
        for y in sorted({*given, *backward.wrt}, reverse=True):
            if y in given:
                calls.enter(self.graph.frames[y])
                self.visit_at[y] = self._add(Kind.LOCAL, y)
                self._add(Kind.MULTIPLY, y)
                arrives = self._add(Kind.ACCUMULATE, y)
                for operand in given[y]:
                    self.parts_at.setdefault(operand, []).append(arrives)
            else:
                calls.enter(NONE)
                self.visit_at[y] = self._add(Kind.GRADIENT, y)
        calls.enter(NONE)

    def _add(self, kind: Kind, node: int, frame: int | None = None) -> int:
        self.kinds.append(kind)
        self.nodes.append(node)
        self.frames.append(self.graph.frames[node] if frame is None else frame)
        return len(self.nodes) - 1

    def _places(self) -> dict[int, list[int]]:
        """The positions at which a cursor that looks for a node stops, in order."""
        found: dict[int, list[int]] = {}
        for where in (self.value_at, self.visit_at):
            for node, position in where.items():
                found.setdefault(node, []).append(position)
        return found

    def results(self, frame: int) -> tuple[int, ...]:
        """The nodes computed in a call that others outside of it use, or that are results."""
        graph = self.graph
        begin, finish = next(each for each in self.intervals if self.frames[each[0]] == frame)
        inside = {self.nodes[at] for at in range(begin, finish) if self.kinds[at] == Kind.VISIT}
        outside = self.value_at.keys() - inside
        wanted = {*graph.output_ids, *(arg for at in outside for arg in graph.args[at])}
        return tuple(sorted(inside & wanted))

    # ---------------------------------------------------------------- what is known when

    def has_value(self, node: int, position: int) -> bool:
        """Whether a node's value has been computed; inputs and literals always are."""
        at = self.value_at.get(node)
        if at is None:
            made = self.graph.phases[node] and not isinstance(self.graph.ops[node], Input)
            at = self._known_at.get(node, self.update - 1) if made else 0
        return at <= position

    @cached_property
    def _known_at(self) -> dict[int, int]:
        """Where the nodes of the backward pass itself are known: gradients, and what leads to them.

        A node that is the gradient of several others is known with the first of them.
        """
        found: dict[int, int] = {}
        if self.backward is not None:
            for y, g in self.backward.upstream.items():
                parts = self.parts_at.get(y)
                at = self.turn if y == self.backward.of else self.visit_at.get(y, self.update - 1)
                at = parts[-1] if parts and y != self.backward.of else at
                found[g] = min(at, found.get(g, at))
        for node, origin in enumerate(self.graph.origins):
            if self.graph.phases[node] and node not in found and origin in self.visit_at:
                found[node] = min(self.visit_at[origin] + 1, self.update - 1)
        return found

    def arrived(self, node: int, position: int) -> int:
        """How many of the contributions to a node's gradient have been added up."""
        return bisect_right(self.parts_at.get(node, ()), position)

    def awaited(self, node: int) -> int:
        """How many contributions there are to a node's gradient in all."""
        return len(self.parts_at.get(node, ()))

    def has_gradient(self, node: int, position: int) -> bool:
        """Whether a node's gradient is complete; an input without any has it at its event."""
        if self.backward is None or node not in self.backward.upstream or position < self.turn:
            return False
        if node == self.backward.of:
            return True
        parts = self.parts_at.get(node)
        return position >= (parts[-1] if parts else self.visit_at.get(node, self.update - 1))

    # ---------------------------------------------------------------- where the cursor goes

    def after(self, position: int) -> int:
        """One node on, a call or a visit of the backward pass taken whole."""
        if position >= self.end:
            return self.end
        ahead = position + 1
        kind = self.kinds[ahead]
        if kind == Kind.CALL:
            return self.partner[ahead]
        return ahead + (Kind.ACCUMULATE - kind) if kind in SUBSTEPS else ahead

    def before(self, position: int) -> int:
        """One node back, a call or a visit of the backward pass taken whole."""
        if position <= 0:
            return 0
        kind = self.kinds[position]
        if kind == Kind.RETURN:
            return self.partner[position] - 1
        return position - 1 - (kind - Kind.LOCAL if kind in SUBSTEPS else 0)

    def around(self, position: int) -> tuple[int, int] | None:
        """The CALL and RETURN of the inmost call that the cursor is in, None outside of all."""
        at = bisect_right(self.intervals, (position, self.end + 1)) - 1
        while at >= 0:
            begin, finish = self.intervals[at]
            if begin <= position < finish:
                return begin, finish
            at = self.parents[at]
        return None

    def out(self, position: int) -> int:
        """Where the call around the cursor has returned; outside of calls, the end of the pass."""
        around = self.around(position)
        if around is not None:
            return around[1]
        ends = (self.turn - 1, self.update - 1, self.end)
        return next((end for end in ends if position < end), self.end)

    def out_backwards(self, position: int) -> int:
        """Just before the call around the cursor; outside of calls, the start of the pass."""
        around = self.around(position)
        if around is not None:
            return around[0] - 1
        begins = (self.update, self.turn)
        return next((begin - 1 for begin in begins if position >= begin), 0)

    def stack(self, position: int) -> list[int]:
        """The calls the cursor is in, outermost first."""
        around = self.around(position)
        found = []
        frame = NONE if around is None else self.frames[around[0]]
        while frame != NONE:
            found.append(frame)
            frame = self.graph.calls[frame].parent
        return found[::-1]


class _Calls:
    """Keeps the CALL and RETURN events of a walk in step with the frames of its nodes."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self.open: list[tuple[int, int]] = []  # frame, position of its CALL

    def enter(self, frame: int) -> None:
        """Return from the calls that `frame` is not in, and enter those that it is in."""
        calls = self.walk.graph.calls
        wanted = []
        while frame != NONE:
            wanted.append(frame)
            frame = calls[frame].parent
        wanted.reverse()
        same = 0
        while same < min(len(wanted), len(self.open)) and self.open[same][0] == wanted[same]:
            same += 1
        while len(self.open) > same:
            inner, begin = self.open.pop()
            finish = self.walk._add(Kind.RETURN, calls[inner].output, inner)
            self.walk.partner[begin], self.walk.partner[finish] = finish, begin
            self.walk.intervals.append((begin, finish))
        for inner in wanted[same:]:
            self.open.append((inner, self.walk._add(Kind.CALL, calls[inner].output, inner)))


def primal_nodes(graph: Graph, backward: Pass | None) -> Iterable[int]:
    """The nodes that are computed before a backward pass: the forward ones, and what it needs."""
    forward = {at for at, phase in enumerate(graph.phases) if phase == 0}
    return sorted(forward.union(cone(graph, [backward.of]) if backward else ()))


def _parents(intervals: list[tuple[int, int]]) -> list[int]:
    """For each interval, in order of their beginnings, the one right around it, or -1."""
    found: list[int] = []
    stack: list[int] = []
    for at, (begin, _) in enumerate(intervals):
        while stack and intervals[stack[-1]][1] < begin:
            stack.pop()
        found.append(stack[-1] if stack else NONE)
        stack.append(at)
    return found
