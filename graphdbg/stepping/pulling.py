"""Numbers of one step of the backward pass for any upstream gradient: u · ∂y/∂x, and ∂y/∂x itself.

The tape holds the contributions for the one upstream gradient that the pass found. A path ledger
needs others, and a Jacobian is what comes out for unit vectors; both apply the rule of `gradients`
once to symbolic operands and then run the few nodes it made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calculus.gradients import RULES as PULLS
from ..calculus.gradients import Site
from ..numbers.evaluator import RULES, Trace
from ..tape.builder import Builder
from ..tape.ops import LEAVES

Array = NDArray[Any]
MOST_ENTRIES = 4_096  # of a Jacobian that is computed by unit vectors: about 64 by 64


class Pulling:
    """Vector-Jacobian products of single nodes at the values of a trace.

    >>> import graphdbg as gd
    >>> g = gd.parse("f = x*y")
    >>> pulling = Pulling(gd.evaluate(g, {"x": 3.0, "y": 5.0}))
    >>> float(pulling.pull(g.id("f"), 0, np.array(2.0)))
    10.0
    """

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._rules: dict[tuple[int, int], _Rule | None] = {}

    def pull(self, node: int, slot: int, upstream: Array) -> Array:
        """upstream · ∂node/∂operand, of the operand's shape; zeros where nothing flows."""
        key = (node, slot)
        if key not in self._rules:
            self._rules[key] = _rule(self.trace, node, slot)
        rule = self._rules[key]
        operand = np.asarray(self.trace.arrays[self.trace.graph.args[node][slot]])
        return np.zeros(operand.shape) if rule is None else rule(self.trace, upstream)

    def jacobian(self, node: int, slot: int) -> Array | None:
        """∂node/∂operand, node's dimensions first; None where it would be too large to look at."""
        trace = self.trace
        value = np.asarray(trace.arrays[node])
        operand = np.asarray(trace.arrays[trace.graph.args[node][slot]])
        if value.size * operand.size > MOST_ENTRIES:
            return None
        units = np.eye(value.size).reshape(value.size, *value.shape)
        rows = [self.pull(node, slot, unit) for unit in units]
        return np.reshape(rows, value.shape + operand.shape)


class _Rule:
    """One node's vector-Jacobian product as a short tape over its operands and the upstream."""

    def __init__(self, b: Builder, operands: Sequence[tuple[int, int]], g: int, out: int) -> None:
        self.b, self.operands, self.g, self.out = b, operands, g, out

    def __call__(self, trace: Trace, upstream: Array) -> Array:
        values: dict[int, Any] = {at: trace.arrays[arg] for at, arg in self.operands}
        values[self.g] = upstream
        with np.errstate(all="ignore"):
            for at in range(self.out + 1):
                if at not in values:
                    op, args = self.b.ops[at], self.b.args[at]
                    values[at] = RULES[type(op)](op, [values[arg] for arg in args], trace.dims)
        return np.asarray(values[self.out])


def _rule(trace: Trace, node: int, slot: int) -> _Rule | None:
    graph, b = trace.graph, Builder()
    args, operands = [], []
    for place, arg in enumerate(graph.args[node]):
        op = graph.ops[arg]
        if isinstance(op, LEAVES[1:]):  # literals keep their rules' shortcuts
            args.append(b.emit(op))
        else:
            args.append(b.input(f"operand {place}", graph.shapes[arg]))
            operands.append((args[-1], arg))
    y = b.emit(graph.ops[node], *args)
    g = b.input("upstream", graph.shapes[node])
    found = PULLS[type(graph.ops[node])](Site(b, graph.ops[node], tuple(args), y, g), slot)
    return None if found is None else _Rule(b, operands, g, found[0])
