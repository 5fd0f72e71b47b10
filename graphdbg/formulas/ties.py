"""Ties that are thin: where a comparison's sides are equal at single points only, not on a region.

Off such ties 1[a = b] is 0, so a claim that is proved with that holds everywhere else. A tie is
thin where a - b is real-analytic in the real inputs on all of their space and not identically 0:
the zeros of such a function have no inner point (Krantz and Parks, A Primer of Real Analytic
Functions, section 4.1). That it is not 0 is seen at points, beyond its rounding.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..numbers.measuring import Outline, measure
from ..numbers.places import Place
from ..tape import ops
from ..tape.graph import Graph, cone
from ..tape.scalars import TABLE

# functions that are real-analytic for all real numbers
ANALYTIC = {
    "add", "sub", "mul", "neg", "exp", "expm1", "sin", "cos", "sinh", "cosh", "tanh", "erf",
    "sigmoid", "softplus", "logsigmoid", "arctan",
}  # fmt: skip
NOT_ANALYTIC = (ops.Reduce, ops.Inverse, ops.LogDet, ops.Adjugate)
DISCRETE = ("Bool", "OneHot")  # of their values some make a difference 0 throughout


def all_thin(graph: Graph, nodes: Iterable[int], places: Iterable[Place]) -> bool:
    """Whether every comparison behind the nodes ties at single points only, or is none of reals.

    `places` are ordinary points at which the differences have to be seen.
    """
    order = cone(graph, nodes)
    ties = [at for at in order if _compares(graph.ops[at]) and not _of_mask(graph, at)]
    operands = sorted({arg for at in ties for arg in graph.args[at]})
    if not all(_is_analytic(graph, at) for at in cone(graph, operands)):
        return False
    outline = Outline(graph, tuple(operands))
    for place in places:
        found = measure(outline, place.point, place.dims)
        for at in ties:
            x = [found.values[arg] for arg in graph.args[at]]
            e = [found.errors[arg] for arg in graph.args[at]]
            gap = np.abs(x[0] - x[1]) if len(x) == 2 else np.abs(x[0])
            if not np.all(gap > np.sum(e, axis=0)):
                return False
    return bool(ties)


def _compares(op: Any) -> bool:
    return type(op) is ops.Map and (TABLE[op.function].kink is not None or op.function == "floor")


def _of_mask(graph: Graph, at: int) -> bool:
    """Whether a node compares a 0/1 mask with a constant, which normal forms decide exactly."""
    args = graph.args[at]
    ends = [graph.ops[arg] for arg in args]
    masks = [TABLE[op.function].kink == "a - b" for op in ends if type(op) is ops.Map]
    return any(masks) and all(type(op) in (ops.Map, ops.Const) for op in ends)


def _is_analytic(graph: Graph, at: int) -> bool:
    op: Any = graph.ops[at]
    if type(op) is ops.Input:
        return op.domain not in DISCRETE
    if type(op) is not ops.Map:
        return type(op) not in NOT_ANALYTIC
    if op.function in ANALYTIC:
        return True
    second = graph.ops[graph.args[at][-1]]
    number = second.value if type(second) is ops.Const else None
    if not isinstance(number, (int, float)):
        return False
    whole = op.function == "pow" and number >= 0 and float(number).is_integer()
    return whole or (op.function == "div" and number != 0)
