"""The formulas of one run's tables, each compared with the numbers before anybody sees it.

A formula is rebuilt as nodes and evaluated at the run's own point and at random ones; where it
differs from the node it describes, it is withheld. (That the nodes themselves are right is the
checker's affair: it compares them with differences.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from ..errors import LimitError, ValueGivenError
from ..numbers.evaluator import RULES, Trace, evaluate
from ..numbers.sampling import sample
from ..numbers.work import require_room_for
from ..symbolic.display import Display
from ..symbolic.facts import proved_row_sums
from ..symbolic.lowering import axes
from ..symbolic.rebuild import rebuild
from ..symbolic.terms import Poly, TooLarge
from ..tape import ops
from ..tape.builder import Builder
from ..tape.graph import NONE, Graph, Pass
from ..tape.limits import default_limit
from ..typesetting import matrices, typeset
from ..typesetting.leaves import Names, extent
from ..typesetting.trees import SCALAR, Number, Symbol, Tree

RANDOM_POINTS = 2  # besides the run's own point
SAME = 1e-8  # relative difference of two ways to compute one number in float64
LONGEST = 160  # characters; a longer formula is no explanation, `graphdbg grad` prints it
LONGEST_CLOSED = 48  # characters of a form over the inputs, beyond which named nodes are clearer
LARGEST_GRAPH = 4000  # nodes; beyond, a table explains nothing any more


class _Written(NamedTuple):
    """A formula as text, and the tree for every other notation."""

    text: str
    tree: Tree


class Explanations:
    """Formulas of nodes, by node id; None where there is none that is short and right.

    `witnesses` are the traces at random points that formulas are compared at besides the run's own;
    by default they are made where a formula is asked for.
    """

    def __init__(
        self, trace: Trace, backward: Pass, witnesses: Callable[[], Sequence[Trace]] | None = None
    ) -> None:
        self.graph: Graph = trace.graph
        self.backward = backward
        self.trace = trace
        self._witnesses = witnesses or (lambda: random_traces(self.graph))
        self._known: dict[tuple[int, str], _Written | None] = {}

    def closed(self, node: int) -> str | None:
        """A scalar graph's node over the inputs where that is short; else over the named nodes."""
        found = self._closed(node)
        return found.text if found else None

    def closed_latex(self, node: int) -> str | None:
        """The same formula in LaTeX, without delimiters."""
        found = self._closed(node)
        return typeset.latex(found.tree) if found else None

    def local(self, consumer: int, slot: int) -> str | None:
        """The derivative of an elementwise `consumer` in operand `slot`, over its operands."""
        found = self._local(consumer, slot)
        return found.text if found else None

    def local_latex(self, consumer: int, slot: int) -> str | None:
        """The same formula in LaTeX, without delimiters."""
        found = self._local(consumer, slot)
        return typeset.latex(found.tree) if found else None

    def _closed(self, node: int) -> _Written | None:
        over_inputs = self._written(node, "inputs") if self._all_scalar else None
        if over_inputs is not None and len(over_inputs.text) <= LONGEST_CLOSED:
            return over_inputs
        return self._written(node, "names") or over_inputs

    @cached_property
    def _all_scalar(self) -> bool:
        return not any(self.graph.shapes)

    def _local(self, consumer: int, slot: int) -> _Written | None:
        local = self._locals.get((consumer, slot), NONE)
        if local == NONE:
            return None
        op = self.graph.ops[local]
        if isinstance(op, ops.Const) and isinstance(op.value, int):
            number = Number(SCALAR, Fraction(op.value))  # the same in every entry
            return _Written(typeset.text(number), number)
        return self._written(local, "operands")

    @cached_property
    def _locals(self) -> dict[tuple[int, int], int]:
        parts = self.backward.contributions.values()
        return {(each.consumer, each.slot): each.local for found in parts for each in found}

    @cached_property
    def _displays(self) -> dict[str, Display]:
        graph = self.graph
        sums = proved_row_sums(graph, {name: self.trace[name] for name in graph.inputs})
        forward = [at for at in range(len(graph)) if not graph.phases[at] and graph.args[at]]
        return {
            "inputs": Display(graph, graph.input_ids),
            "names": Display(graph, row_sums=sums),
            "operands": Display(graph, [*graph.input_ids, *forward]),
        }

    def _written(self, node: int, leaves: str) -> _Written | None:
        key = (node, leaves)
        if key not in self._known:
            self._known[key] = self._make(node, leaves)
        return self._known[key]

    def _make(self, node: int, leaves: str) -> _Written | None:
        if len(self.graph) > LARGEST_GRAPH:
            return None
        shape = self.graph.shapes[node]
        if leaves == "operands" and not self.graph.phases[node]:
            name = self.graph.names[node]
            return _Written(name, Symbol(extent(shape), name, shape))
        display = self._displays[leaves]
        try:
            poly = display.show(node)
        except TooLarge:
            return None
        if not self._is_right(node, poly):
            return None
        tree = matrices.from_poly(poly, axes(len(shape)), shape, self._names(display))
        text = typeset.text(tree)
        return _Written(text, tree) if len(text) <= LONGEST else None

    @cached_property
    def _gradients(self) -> dict[int, str]:
        """What a gradient is called inside another formula: by the named node it belongs to."""
        names, of = self.graph.names, self.graph.names[self.backward.of]
        found: dict[int, str] = {}
        for y, g in sorted(self.backward.upstream.items()):
            if g not in found or y in self.graph.given_names:
                found[g] = f"(∂{of}/∂{names[y]})"
        return found

    def _names(self, display: Display) -> Names:
        graph = self.graph
        return Names(
            lambda at: display.words.get(at) or self._gradients.get(at) or graph.names[at],
            lambda at: graph.shapes[at],
            lambda at: graph.ops[at],
            lambda at: graph.args[at],
        )

    # ---------------------------------------------------------------- is it right

    @cached_property
    def _allowed(self) -> int:
        return self.graph.limit or default_limit()

    @cached_property
    def _builder(self) -> Builder:
        return Builder.of(self.graph)

    @cached_property
    def _values(self) -> list[tuple[list[Any], dict[str, int]]]:
        """The arrays of the tape at each point; they grow with the builder's tape."""
        traces = [self.trace, *self._witnesses()]
        return [(list(trace.arrays), trace.dims) for trace in traces]

    def _is_right(self, node: int, poly: Poly) -> bool:
        shape = self.graph.shapes[node]
        b, before = self._builder, len(self._builder.ops)
        rebuilt = rebuild(b, poly, axes(len(shape)), shape)
        try:
            for _, dims in self._values:
                require_room_for(b, range(before, len(b.ops)), dims, self._allowed, "a formula")
        except LimitError:
            del self._builder, self._values  # nothing is computed of it, now or later
            return False
        seen = 0
        for arrays, dims in self._values:
            with np.errstate(all="ignore"):
                for at in range(len(arrays), len(b.ops)):
                    operands = [arrays[arg] for arg in b.args[at]]
                    arrays.append(RULES[type(b.ops[at])](b.ops[at], operands, dims))
            agree = _agree(np.asarray(arrays[node]), np.asarray(arrays[rebuilt]))
            if agree is False:
                return False
            seen += agree is True
        return seen > 0


def random_traces(graph: Graph) -> list[Trace]:
    """Every number of a graph at random points; fewer where no tame points are found."""
    found = []
    for seed in range(RANDOM_POINTS):
        with suppress(ValueGivenError):  # the run's own point remains
            found.append(evaluate(graph, sample(graph, seed=seed)))
    return found


def _agree(node: Any, rebuilt: Any) -> bool | None:
    """Whether two arrays are equal up to rounding; None where the node is not finite."""
    if not np.isfinite(node).all():
        return None
    size = max(1e-3, float(np.max(np.abs(node), initial=0)))
    return bool(np.max(np.abs(node - rebuilt), initial=0) <= SAME * size)
