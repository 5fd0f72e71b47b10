"""The node pane as rows: value, gradient, chain rule, Jacobian, check, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdbg import Formula, Session
from graphdbg.checking.verdicts import Report
from graphdbg.graph import NONE
from graphdbg.operations import operation
from graphdbg.rendering import numbers
from graphdbg.sizes import to_text
from graphdbg.stepping import narration
from graphdbg.stepping.frames import Frame, Operand, accumulated_at
from graphdbg.stepping.show import UNKNOWN, brief
from graphdbg.stepping.walk import BACKWARD, SUBSTEPS, Kind

from .pieces import Row

Array = NDArray[Any]
SHADES = " ░▒▓█"  # of a heat map, from the smallest size to the largest
MAP_ROWS, MAP_COLUMNS = 8, 24
STAGES = ("local ", "× upstream ", "Σ add")  # of a visit in the backward pass
MOST_ENTRIES = 36  # of a Jacobian that is written out


@dataclass
class Findings:
    """What was found behind the first paint: Jacobians by node name, checks by node."""

    jacobians: dict[str, dict[str, Formula]] = field(default_factory=dict)
    checks: dict[int, Report] = field(default_factory=dict)


def card_rows(session: Session, node: int, findings: Findings) -> Iterator[Row]:
    """The card of a node: what is known of it at the session's position."""
    if node == NONE:
        yield [("no node is selected", "dim")]
        return
    frame = session.frame
    graph, here = session.graph, frame.id == node
    name = graph.names[node]
    what = frame.operation if here else operation(graph, node)
    yield [(name, "title"), (f" = {what}", "")]
    if not here:
        yield [("selected; H goes to the node at hand", "dim")]
    yield from _value_rows("value", session.value(name), "value")
    closed = session.scope.texts.closed(node) if session.value(name) is not None else None
    if closed and closed not in (name, what):
        yield [("  = ", "dim"), (closed, "formula")]
    yield from _gradient_rows(session, node)
    if here and frame.direction == BACKWARD:
        yield from _step_rows(session, frame, findings)
    yield from _peculiar_rows(session, node, findings)


def _value_rows(label: str, value: Array | None, style: str) -> Iterator[Row]:
    if value is None or value.ndim == 0:
        yield [(f"{label:<9}", "dim"), (brief(value), style)]
        return
    yield [(f"{label:<9}", "dim"), (f"{to_text(value.shape)} {value.dtype}", "")]
    table = numbers.array(value, 30)
    if "…" not in table and "mean" not in table:
        for line in table.split("\n"):
            yield [("  " + line, style)]
        return
    for line in _statistics(value):
        yield [("  " + line, style)]
    for line in heat_map(value):
        yield [("  " + line, style)]


def _statistics(value: Array) -> Iterator[str]:
    finite = value[np.isfinite(value)]
    if finite.size:
        low, high = (numbers.number(each, 4) for each in (finite.min(), finite.max()))
        mean, norm = (numbers.number(each, 4) for each in (finite.mean(), np.linalg.norm(finite)))
        yield f"min {low}  max {high}"
        yield f"mean {mean}  norm {norm}"
    if finite.size < value.size:
        yield f"{np.isnan(value).sum()} nan, {np.isinf(value).sum()} inf of {value.size}"


def heat_map(value: Array) -> list[str]:
    """An array as blocks, darker where the size is larger; larger ones as means of their parts.

    >>> heat_map(np.array([[0.0, 1.0], [2.0, 4.0]]))
    ['  ░░', '▒▒██']
    """
    grid = np.abs(np.atleast_2d(value.reshape(value.shape[0], -1) if value.ndim > 2 else value))
    grid = np.where(np.isfinite(grid), grid, 0.0)
    rows = np.array_split(np.arange(grid.shape[0]), min(MAP_ROWS, grid.shape[0]))
    columns = np.array_split(np.arange(grid.shape[1]), min(MAP_COLUMNS, grid.shape[1]))
    cells = np.array([[grid[np.ix_(r, c)].mean() for c in columns] for r in rows])
    top = cells.max() if cells.size else 0.0
    level = np.ceil(cells / top * (len(SHADES) - 1)).astype(int) if top else cells.astype(int)
    wide = 2 if cells.shape[1] * 2 <= MAP_COLUMNS else 1
    return ["".join(SHADES[each] * wide for each in row) for row in level]


def _gradient_rows(session: Session, node: int) -> Iterator[Row]:
    backward, walk, at = session.backward, session.walk, session.position
    if backward is None or node not in backward.upstream:
        if backward is not None:
            yield [("gradient ", "dim"), ("none flows here", "dim")]
        return
    name, of = session.graph.names[node], session.graph.names[backward.of]
    label = f"∂{of}/∂{name}"
    total = accumulated_at(walk, session.trace, node, at)
    arrived, awaited = walk.arrived(node, at), walk.awaited(node)
    yield [(label, "name")]
    complete = walk.has_gradient(node, at)
    formula = session.scope.texts.closed(backward.upstream[node]) if complete else None
    if formula:
        yield [("  = ", "dim"), (formula, "formula")]
    if total is None or total.ndim == 0:
        yield [("  = ", "dim"), (brief(total), "gradient")]
    else:
        yield from _value_rows("  =", total, "gradient")
    if awaited > 1:
        yield [(f"  {arrived} of {awaited} contributions", "" if complete else "warning")]


def _step_rows(session: Session, frame: Frame, findings: Findings) -> Iterator[Row]:
    """The chain rule for this step: with names, then formulas, then numbers."""
    if frame.kind not in (*SUBSTEPS, Kind.CALL, Kind.RETURN):
        return
    yield [("", "")]
    if frame.kind in SUBSTEPS:
        stage = SUBSTEPS.index(frame.kind)
        yield [
            (f"{'▸' if at == stage else ' '}{word}", "current" if at == stage else "dim")
            for at, word in enumerate(STAGES)
        ]
    for operand in frame.operands:
        yield from _operand_rows(session, frame, operand, findings)


def _operand_rows(
    session: Session, frame: Frame, operand: Operand, findings: Findings
) -> Iterator[Row]:
    yield [("→ ", "dim"), (operand.name, "name")]
    yield from _local_rows(session, frame, operand, findings)
    if frame.kind in (Kind.LOCAL, Kind.CALL):
        return
    first, *rest = dict.fromkeys(narration.chain_parts(session.scope, frame, operand))
    yield [(f"  {first}", "")]
    for text in rest:
        yield [("   = ", "dim"), (text, "gradient" if text == rest[-1] else "formula")]
    if frame.kind in (Kind.ACCUMULATE, Kind.RETURN):
        yield [(f"  {narration.received(frame, operand)}", "warning")]


def _local_rows(
    session: Session, frame: Frame, operand: Operand, findings: Findings
) -> Iterator[Row]:
    """∂q/∂x = formula = number; for a whole matrix its structured form, small ones in full."""
    local = narration.local_text(session.scope, operand)
    formula = local or structured(findings, frame, operand)
    row: list[tuple[str, str]] = [(f"  {operand.local_name}", "")]
    if formula:
        row += [(" = ", "dim"), (formula, "formula")]
    number = brief(operand.local, 30) if operand.local is not None else ""
    if number and (formula or "").replace("−", "-") != number:
        row += [(" = ", "dim"), (number, "")]
    yield row
    if operand.local is None and len(operand.parts) == 1 and frame.kind == Kind.LOCAL:
        whole = session.scope.local_value(frame.id, operand.parts[0].slot)
        if whole is not None and whole.ndim == 2 and whole.size <= MOST_ENTRIES:
            for line in numbers.array(whole, 40).split("\n"):
                yield [("    " + line, "dim")]


def structured(findings: Findings, frame: Frame, operand: Operand) -> str | None:
    """The Jacobian in its structured form, checked, where it was found already."""
    formula = findings.jacobians.get(frame.node, {}).get(operand.name)
    return narration.clipped(formula.text()) if formula is not None else None


def _peculiar_rows(session: Session, node: int, findings: Findings) -> Iterator[Row]:
    name = session.graph.names[node]
    report = findings.checks.get(node)
    yield [("", "")]
    if report is not None:
        sign, style = ("✓", "good") if report.ok else ("✗", "bad")
        worst = max((row.error for row in report.rows), default=0.0)
        verdict = ", ".join(dict.fromkeys(row.verdict for row in report.rows))
        error = f"{worst:.0e}" if worst else "0"
        yield [(f"{sign} ", style), (f"checked: {verdict}, relative error {error}", "")]
        for row in report.rows:
            yield [("  analytic ", "dim"), (numbers.number(row.analytic, 9), "")]
            yield [("  numeric  ", "dim"), (numbers.number(row.numeric, 9), "")]
    elif session.backward is not None and node in session.backward.upstream:
        yield [(f"{UNKNOWN} gradient not checked yet (v checks it)", "dim")]
    for kink in narration.kinks(session.scope):
        if kink.node == name:
            yield [("! on a kink: ", "warning"), (kink.convention, "")]
    for bad in narration.not_finite(session.scope):
        if bad.node == name:
            yield [(f"! {bad.value} arises: ", "bad"), (bad.explanation, "")]
