"""What is known of a graph's nodes before formulas are written: names, sums of rows, softmaxes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..numbers.evaluator import evaluate
from ..tape import ops
from ..tape.builder import Builder
from ..tape.graph import NONE, Call, Graph
from . import terms
from .lowering import Lowering
from .normal import Arithmetic
from .reduction import RowSum
from .terms import Algebra, TooLarge

MAX_NODES = 5000  # of a graph whose nodes are looked at: past it, formulas stay as they fall
LONGEST_CALL = 24  # characters of a call that is shown as it was written
ROUNDING = 1e-12  # relative: what float64 may leave of a sum that is exact


def named_nodes(graph: Graph) -> dict[int, str]:
    """The words of a formula, with their names: inputs, named nodes, results of calls.

    A view (an axis of size 1 added or dropped, values repeated) of a word is no other word; of a
    nameless node it keeps its name to itself, as `b[0]` of `b = squeeze(...)` is another entry.
    """
    outputs = {call.output: call for call in graph.calls if call.output != NONE}
    found: dict[int, str] = {}
    for at in range(len(graph)):
        if graph.phases[at] == 0 and (at in graph.given_names or at in outputs):
            seen = viewed(graph, at)
            if type(graph.ops[seen]) in (ops.Const, ops.Eye):
                continue
            if graph.shapes[seen] != graph.shapes[at]:
                if seen in found:
                    continue
                seen = at
            written = at in graph.given_names
            found.setdefault(seen, graph.names[at] if written else _call(graph, outputs[at]))
    return found


def _call(graph: Graph, call: Call) -> str:
    """A call whose result has no name of its own, as it was written: `softmax(X @ W)`.

    With its operands' names where that says all; else its label, for `mean(x)` would be another
    thing than `mean(x, axis=1)`.
    """
    written = call.span.text if call.span else ""
    if call.parent == NONE and 0 < len(written) <= LONGEST_CALL and "\n" not in written:
        return written
    if "=" in written or _arguments(written) != len(call.inputs):
        return call.label
    return f"{call.function}({', '.join(graph.names[at] for at in call.inputs)})"


def _arguments(written: str) -> int:
    """How many arguments a call has as it was written."""
    depth, commas = 0, 0
    for char in written[written.find("(") + 1 : -1]:
        depth += (char in "([{") - (char in ")]}")
        commas += char == "," and depth == 0
    return commas + 1


def viewed(graph: Graph, at: int) -> int:
    """The node that a chain of broadcasts and of axes of size 1 shows."""
    while True:
        op = graph.ops[at]
        shape = graph.shapes[graph.args[at][0]] if graph.args[at] else ()
        if isinstance(op, ops.Reshape):
            if [d for d in shape if d != 1] != [d for d in op.shape if d != 1]:
                return at
        elif not isinstance(op, (ops.Broadcast, ops.StopGradient)):
            return at
        at = graph.args[at][0]


def declared_row_sums(graph: Graph) -> dict[tuple[int, int], RowSum]:
    """The inputs whose rows sum to 1 by declaration, with the sentence that says so."""
    found = {}
    for at in graph.input_ids:
        op = graph.ops[at]
        if isinstance(op, ops.Input) and op.shape and op.domain in ("OneHot", "Probability"):
            found[at, len(op.shape) - 1] = RowSum(1, f"Σ {op.name} = 1 ({op.name}: {op.domain})")
    return found


def proved_row_sums(graph: Graph, point: Mapping[str, Any]) -> dict[tuple[int, int], RowSum]:
    """Named nodes whose sums along an axis are 0 or 1, as softmax' and centred values'; all proved.

    The numbers at one point choose the candidates, the normal form decides.
    """
    found = declared_row_sums(graph)
    if len(graph) > MAX_NODES:
        return found
    arrays = evaluate(graph, point).arrays
    for at, name in named_nodes(graph).items():
        array = np.asarray(arrays[at])
        if not np.all(np.isfinite(array)):
            continue
        for axis in range(array.ndim):
            value = _row_sum(array, axis)
            if (at, axis) not in found and value is not None and _sums_to(graph, at, axis, value):
                where = "" if axis == array.ndim - 1 else f" over axis {axis}"
                found[at, axis] = RowSum(value, f"Σ {name} = {value}{where} (by its definition)")
    return found


def _row_sum(array: Any, axis: int) -> int | None:
    """0 or 1 where all sums along an axis of at least two entries are that, else None."""
    if array.shape[axis] < 2:
        return None
    totals, scale = array.sum(axis=axis), np.abs(array).sum(axis=axis)
    values = (value for value in (0, 1) if np.all(np.abs(totals - value) <= ROUNDING * scale))
    return next(values, None)


def _sums_to(graph: Graph, at: int, axis: int, value: int) -> bool:
    """Whether a node's sum along an axis is proved to be `value`, for every size."""
    arithmetic = Arithmetic(Algebra(), deep=True, row_sums=declared_row_sums(graph))
    try:
        poly = Lowering(graph, arithmetic).lower(at)
        total = terms.sum_over(poly, [(f"#{axis}", graph.shapes[at][axis])])
        return arithmetic.is_zero(terms.add(total, terms.constant(-value)))
    except TooLarge:
        return False


def softmax_parts(graph: Graph) -> set[int]:
    """The exponentials, sums and results of p = e / total, e = exp(...), total = sum(e)."""
    found: set[int] = set()
    for p, op in enumerate(graph.ops):
        if not (isinstance(op, ops.Map) and op.function == "div"):
            continue
        e, total = graph.args[p][0], viewed(graph, graph.args[p][1])
        above = graph.ops[e]
        if isinstance(above, ops.Map) and above.function == "exp":
            if isinstance(graph.ops[total], ops.Contract) and graph.args[total] == (e,):
                found |= {p, e, total}
    return found


def with_softmaxes(graph: Graph) -> Graph:
    """The graph in which every sum of exponentials over the last axis has its softmax, as a word.

    The gradient of log-sum-exp is a softmax that the program never wrote.
    """
    b = Builder.of(graph)
    known = softmax_parts(graph)
    for total, op in enumerate(graph.ops):
        if not isinstance(op, ops.Contract) or len(op.inputs) != 1 or total in known:
            continue
        e = graph.args[total][0]
        above = graph.ops[e]
        if not (isinstance(above, ops.Map) and above.function == "exp"):
            continue
        if op.inputs[0][:-1] == op.output:
            spread = b.spread(total, graph.shapes[e], tuple(range(len(op.output))))
            name = f"softmax({graph.names[_unshifted(graph, graph.args[e][0])]})"
            if name not in graph.ids:
                b.name(b.map("div", e, spread), name)
    return b.build(graph.output_ids) if len(b.ops) > len(graph) else graph


def _unshifted(graph: Graph, at: int) -> int:
    """The scores behind `scores - stop_gradient(...)`."""
    op = graph.ops[at]
    if isinstance(op, ops.Map) and op.function == "sub":
        left, right = graph.args[at]
        if isinstance(graph.ops[_behind_views(graph, right)], ops.StopGradient):
            return left
    return at


def _behind_views(graph: Graph, at: int) -> int:
    while isinstance(graph.ops[at], (ops.Broadcast, ops.Reshape)):
        at = graph.args[at][0]
    return at
