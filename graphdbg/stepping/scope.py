"""`Scope`: all numbers of a walk at one point, and what is found from them, kept while it lasts.

Another point (`set`, `nudge`) is another scope, so nothing that is kept can be stale.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..checking.checker import check
from ..checking.verdicts import Report
from ..errors import GraphError
from ..formulas.explanations import LARGEST_GRAPH, Explanations
from ..formulas.formulary import Formula, local
from ..numbers.evaluator import Trace, as_array, evaluate
from ..rendering.numbers import brief
from ..tape.graph import NONE, Pass
from .breakpoints import filter_places
from .expressions import Expression, Need, reads_here
from .frames import Frame, accumulated_at, gradient_at, value_at
from .paths import Ledger, ledger
from .pulling import Pulling
from .walk import Walk

Array = NDArray[Any]
T = TypeVar("T")


class Scope:
    """The numbers of `walk` at `point`; raises what `evaluate` raises."""

    def __init__(self, walk: Walk, point: Mapping[str, ArrayLike]) -> None:
        self.walk, self.graph, self.backward = walk, walk.graph, walk.backward
        self.point: dict[str, Array] = {name: as_array(name, each) for name, each in point.items()}
        self._kept: dict[Any, Any] = {}
        self.trace  # noqa: B018  a point that cannot be evaluated is refused at once

    @cached_property
    def trace(self) -> Trace:
        """Every number of both passes."""
        return evaluate(self.graph, self.point)

    def rest(self) -> None:
        """Let go of everything but the point; it is found anew where it is needed again."""
        self._kept.clear()
        for name in ("trace", "texts", "pulling", "_locals"):
            self.__dict__.pop(name, None)

    def once(self, key: Any, make: Callable[[], T]) -> T:
        """What `make` gives, found once at this point."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]

    def forget(self, number: int) -> None:
        """Drop what was found for a breakpoint, whose condition has changed."""
        for key in [key for key in self._kept if key[:2] == ("mark", number)]:
            del self._kept[key]

    def frame(self, position: int) -> Frame:
        """The state at a position."""
        return Frame(self.walk.event(position), self.walk, self.trace)

    # ---------------------------------------------------------------- expressions

    def expression(self, text: str, node: int = NONE) -> Expression:
        """A parsed expression; `node` is the node at hand, which tells the shape of `value`."""
        here = node != NONE and reads_here(text, self.graph)
        shape = np.shape(self.trace.arrays[node]) if here else None
        look = self.lookup(self.walk.end)
        return self.once(
            ("expression", text, shape), lambda: Expression(self.graph, text, look, shape)
        )

    def evaluate(self, text: str, position: int) -> Array | None:
        """The value of an expression at a position, None where it reads what is not known yet."""
        return self.expression(text, self.walk.nodes[position]).evaluate(self.lookup(position))

    def show(self, text: str, position: int) -> str:
        """The value of an expression as short text, `—` where it is not known yet."""
        return brief(self.evaluate(text, position))

    def lookup(self, position: int) -> Callable[[Need], Array | None]:
        """What expressions read at a position."""

        def find(need: Need) -> Array | None:
            kind, node, operand = need
            if kind == "position":
                return np.asarray(float(position))
            at = self.walk.nodes[position] if node == NONE else node
            if kind == "value":
                return value_at(self.walk, self.trace, at, position)
            if kind == "accumulated":
                return accumulated_at(self.walk, self.trace, at, position)
            if kind == "local":
                return self._local(at, operand, position)
            return gradient_at(self.walk, self.trace, at, position)

        return find

    def _local(self, node: int, operand: int, position: int) -> Array | None:
        if operand not in self.graph.args[node] or not self.walk.has_value(node, position):
            return None
        return self.local_value(node, self.graph.args[node].index(operand))

    # ---------------------------------------------------------------- explanations

    @cached_property
    def texts(self) -> Explanations:
        """Short formulas of nodes, each compared with the numbers here and at random points."""
        backward = self.backward or Pass(0, (), {}, {})
        return Explanations(self.trace, backward, lambda: self.walk.witnesses)

    @cached_property
    def pulling(self) -> Pulling:
        """Vector-Jacobian products of single nodes."""
        return Pulling(self.trace)

    def local_value(self, node: int, slot: int) -> Array | None:
        """The local derivative: elementwise where it is, else the Jacobian; None if too large."""
        part = self._locals.get((node, slot), NONE)
        if part != NONE:
            return np.asarray(self.trace.arrays[part])
        return self.pulling.jacobian(node, slot)

    @cached_property
    def _locals(self) -> dict[tuple[int, int], int]:
        parts = self.backward.contributions.values() if self.backward else ()
        return {(part.consumer, part.slot): part.local for found in parts for part in found}

    def local_text(self, consumer: int, slot: int) -> str | None:
        """The local derivative of an elementwise node as a short checked formula, else None.

        In a graph too large for explanations it is found for a number from its operation alone.
        """
        found = self.texts.local(consumer, slot)
        if found is not None or len(self.graph) <= LARGEST_GRAPH or self.graph.shapes[consumer]:
            return found
        if consumer in self.walk.call_results:
            return None
        texts = self.once(("local texts", consumer), lambda: self._local_texts(consumer))
        return texts.get(self.graph.args[consumer][slot])

    def _local_texts(self, node: int) -> dict[int, str]:
        found = self._jacobians(node)
        return {self.graph.id(name): made.text() for name, made in found.items()}

    def jacobians(self, node: int) -> dict[str, Formula]:
        """The local derivatives of a node (a whole call's) by operand, {} where there are none."""
        return self.once(("jacobians", node), lambda: self._jacobians(node))

    def _jacobians(self, node: int) -> dict[str, Formula]:
        try:
            return local(self.graph, self.graph.names[node])
        except GraphError:
            return {}  # nothing flows, or it is too large to be written down: numbers remain

    def paths(self, node: int, most: int) -> Ledger:
        """The gradient of a node as a sum over paths; GraphError where it has none."""
        with np.errstate(all="ignore"):  # an infinite product is shown as such
            return ledger(self.trace, self._required(), self.pulling, node, most)

    def gradient_of(self, node: int) -> Array:
        """A node's gradient at the end of the pass; GraphError where none is on the tape."""
        upstream = self._required().upstream
        if node not in upstream:
            raise GraphError(
                f"no gradient of '{self.graph.names[node]}' is on the tape: "
                f"'{self.graph.names[self._required().of]}' was not differentiated by it"
            )
        return np.asarray(self.trace.arrays[upstream[node]])

    def check(self, node: int) -> Report:
        """The numeric check of a node's gradient; GraphError where no gradient flows to it."""
        backward, names = self._required(), self.graph.names
        of = names[backward.of]
        if node not in backward.upstream:
            what = f"'{names[node]}'" if node != NONE else "the start"
            raise GraphError(f"no gradient flows to {what}: check a node that '{of}' depends on")
        return self.once(
            ("check", node), lambda: check(self.graph, self.point, of=of, wrt=names[node])
        )

    def filter_places(self, name: str) -> list[int]:
        """The positions at which an exception filter stops."""
        return self.once(("filter", name), lambda: filter_places(self.walk, self.trace, name))

    def _required(self) -> Pass:
        if self.backward is None:
            raise GraphError("there is no backward pass: the program has no scalar result")
        return self.backward
