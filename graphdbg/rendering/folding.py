"""`View`, which nodes a reader sees: which calls are closed, what stands for their insides."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..tape import ops
from ..tape.graph import NONE, Call, Graph
from ..tape.operations import operation

LITERALS = (ops.Const, ops.Array, ops.Eye, ops.Arange)  # shown where they are used, not as rows


class View:
    """Which nodes a reader sees: `depth` calls inside each other are open, deeper ones closed.

    A closed call is one step: its output node stands for every node inside (`representative`).

    >>> import graphdbg as gd
    >>> graph = gd.parse("o: Real[3]; p = softmax(o)")
    >>> view = View(graph, 0)
    >>> [graph.names[at] for at in range(len(graph)) if view.is_shown(at)]
    ['o', 'p']
    """

    def __init__(self, graph: Graph, depth: int | None) -> None:
        self.graph = graph
        deep = () if depth is None else _deeper(graph, depth)
        self._closed = _outermost(graph, deep)

    @classmethod
    def folded(cls, graph: Graph, frames: Collection[int]) -> View:
        """The view in which exactly these calls (indices into `graph.calls`) are closed."""
        view = cls(graph, None)
        view._closed = _outermost(graph, frames)
        return view

    def closed_call(self, at: int) -> Call | None:
        """The outermost closed call around a node, None where the node itself is seen."""
        frame = self.closed_frame(at)
        return None if frame == NONE else self.graph.calls[frame]

    def closed_frame(self, at: int) -> int:
        """The index of the outermost closed call around a node, or -1."""
        return self._closed[self.graph.frames[at]]

    def representative(self, at: int) -> int:
        """The node that stands for `at`: itself, or the output of the closed call around it."""
        call = self.closed_call(at)
        return at if call is None else call.output

    def is_shown(self, at: int) -> bool:
        """Whether a node of the forward pass has a row of its own."""
        hidden = isinstance(self.graph.ops[at], LITERALS) or self.graph.phases[at] > 0
        return not hidden and self.representative(at) == at

    def edges(self) -> Iterator[tuple[int, int, int]]:
        """Operand, consumer and slot between shown nodes; into a closed call once per origin.

        In the order of the tape; literals are no operands here, and a closed call's slot is 0.
        """
        graph, seen = self.graph, set[tuple[int, int]]()
        for at, args in enumerate(graph.args):
            target = self.representative(at)
            if graph.phases[at] or not self.is_shown(target):
                continue
            is_call = self.closed_frame(target) != NONE
            for slot, arg in enumerate(args):
                source = self.representative(arg)
                if isinstance(graph.ops[arg], LITERALS) or source >= target:
                    continue  # a literal, or inside the same closed call
                if not is_call:
                    yield source, target, slot
                elif (source, target) not in seen:
                    seen.add((source, target))
                    yield source, target, 0

    def operation(self, at: int) -> str:
        """The node's operation, or the closed call that it stands for."""
        call = self.closed_call(at)
        if call is None or call.output != at:
            return operation(self.graph, at)
        return call_text(self.graph, call)


def _outermost(graph: Graph, frames: Collection[int]) -> dict[int, int]:
    """For each frame the outermost of `frames` around it; one without an output stays open."""
    found = {NONE: NONE}
    for frame, call in enumerate(graph.calls):  # a call stands after the one that made it
        outer = found[call.parent]
        closes = outer == NONE and frame in frames and call.output != NONE
        found[frame] = frame if closes else outer
    return found


def _deeper(graph: Graph, depth: int) -> set[int]:
    levels = {NONE: 0}
    for frame, call in enumerate(graph.calls):
        levels[frame] = levels[call.parent] + 1
    return {frame for frame, level in levels.items() if level > depth}


def call_text(graph: Graph, call: Call) -> str:
    """A call on the names of its operands: `softmax(z)`."""
    names = (graph.names[at] for at in call.inputs)
    return f"{call.function}({', '.join(names)})"


def around(graph: Graph, frame: int) -> list[int]:
    """The calls from the outermost to `frame`."""
    found = []
    while frame != NONE:
        found.append(frame)
        frame = graph.calls[frame].parent
    return found[::-1]
