"""The node pane as rows: value, gradient, chain rule, Jacobian, check, as far as they are known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdbg import Formula, Session
from graphdbg.checking.verdicts import Report
from graphdbg.rendering import numbers
from graphdbg.stepping import narration
from graphdbg.stepping.frames import Operand, accumulated_at
from graphdbg.stepping.walk import BACKWARD, SUBSTEPS, Kind
from graphdbg.tape.graph import NONE
from graphdbg.tape.operations import operation
from graphdbg.tape.sizes import to_text

from .pieces import Row

Array = NDArray[Any]
SHADES = " ░▒▓█"  # of a heat map, from the smallest size to the largest
MAP_ROWS = 8
STAGES = ("local ", "× upstream ", "Σ add")  # of a visit in the backward pass
MOST_ENTRIES = 36  # of a Jacobian that is written out


@dataclass
class Findings:
    """What was found behind the first paint: Jacobians by node name, checks by node."""

    jacobians: dict[str, dict[str, Formula]] = field(default_factory=dict)
    checks: dict[int, Report] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)


class Card:
    """The card of a node at the session's position, for a pane of `width` cells."""

    def __init__(self, session: Session, node: int, findings: Findings, width: int) -> None:
        self.session, self.node, self.findings = session, node, findings
        self.frame = session.frame
        self.room = max(20, width - 2)  # beside the indentation

    def rows(self) -> Iterator[Row]:
        """What is known of the node, from top to bottom."""
        if self.node == NONE:
            yield [("no node is selected", "dim")]
            return
        session, frame = self.session, self.frame
        graph, here = session.graph, frame.id == self.node
        name = graph.names[self.node]
        what = frame.operation if here else operation(graph, self.node)
        yield [(name, "title"), (f" = {what}", "")]
        if not here:
            yield [("selected; H goes to the node at hand", "dim")]
        value = session.value(name)
        yield from self._value("value", value, "value")
        closed = session.scope.texts.closed(self.node) if value is not None else None
        if closed and closed not in (name, what):
            yield [("  = ", "dim"), (closed, "formula")]
        yield from self._gradient()
        yield from self._verdict()
        if here:
            yield from self._peculiar()
        if here and frame.direction == BACKWARD:
            yield from self._step()

    def _value(self, label: str, value: Array | None, style: str) -> Iterator[Row]:
        if value is None or value.ndim == 0:
            yield [(f"{label} ", "dim"), (numbers.brief(value), style)]
            return
        yield [(f"{label} ", "dim"), (f"{to_text(value.shape)} {value.dtype}", "")]
        table = numbers.array(value, self.room)
        if table == numbers.summary(value, self.room):
            table = "\n".join([*statistics(value), *heat_map(value, self.room)])
        for line in table.split("\n"):
            yield [("  " + line, style)]

    def _gradient(self) -> Iterator[Row]:
        session, node = self.session, self.node
        backward, walk, at = session.backward, session.walk, session.position
        if backward is None:
            return
        if node not in backward.upstream:
            yield [("no gradient flows here", "dim")]
            return
        complete = walk.has_gradient(node, at)
        yield [(f"∂{session.graph.names[backward.of]}/∂{session.graph.names[node]}", "name")]
        formula = session.scope.texts.closed(backward.upstream[node]) if complete else None
        if formula:
            yield [("  = ", "dim"), (formula, "formula")]
        yield from self._value("  =", accumulated_at(walk, session.trace, node, at), "gradient")
        arrived, awaited = walk.arrived(node, at), walk.awaited(node)
        if awaited > 1:
            style = "" if complete else "warning"
            yield [(f"  {arrived} of {awaited} contributions", style)]

    # ---------------------------------------------------------------- the chain rule

    def _step(self) -> Iterator[Row]:
        """The chain rule for this step: with names, then formulas, then numbers."""
        kind = self.frame.kind
        if kind not in (*SUBSTEPS, Kind.CALL, Kind.RETURN):
            return
        yield [("", "")]
        if kind in SUBSTEPS:
            stage = SUBSTEPS.index(kind)
            yield [
                (f"{'▸' if at == stage else ' '}{word}", "current" if at == stage else "dim")
                for at, word in enumerate(STAGES)
            ]
        for operand in self.frame.operands:
            yield [("→ ", "dim"), (operand.name, "name")]
            yield from self._local(operand)
            if kind not in (Kind.LOCAL, Kind.CALL):
                yield from self._product(operand)

    def _product(self, operand: Operand) -> Iterator[Row]:
        parts = narration.chain_parts(self.session.scope, self.frame, operand)
        first, *rest = dict.fromkeys(parts)
        yield [(f"  {first}", "")]
        for text in rest:
            yield [("   = ", "dim"), (text, "gradient" if text == rest[-1] else "formula")]
        if self.frame.kind in (Kind.ACCUMULATE, Kind.RETURN):
            yield [(f"  {narration.received(self.frame, operand)}", "warning")]

    def _local(self, operand: Operand) -> Iterator[Row]:
        """∂q/∂x = formula = number; for a whole matrix its structured form, small ones in full."""
        formula = narration.local_text(self.session.scope, operand) or self._structured(operand)
        row: list[tuple[str, str]] = [(f"  {operand.local_name}", "")]
        if formula:
            row += [(" = ", "dim"), (formula, "formula")]
        number = numbers.brief(operand.local, self.room) if operand.local is not None else ""
        if number and (formula or "").replace("−", "-") != number:
            row += [(" = ", "dim"), (number, "")]
        yield row
        if operand.local is None and len(operand.parts) == 1 and self.frame.kind == Kind.LOCAL:
            whole = self.session.scope.local_value(self.frame.id, operand.parts[0].slot)
            if whole is not None and whole.ndim == 2 and whole.size <= MOST_ENTRIES:
                for line in numbers.array(whole, self.room - 2).split("\n"):
                    yield [("    " + line, "dim")]

    def _structured(self, operand: Operand) -> str | None:
        """The Jacobian in its structured form, checked, where it was found already."""
        formula = self.findings.jacobians.get(self.frame.node, {}).get(operand.name)
        return narration.clipped(formula.text()) if formula is not None else None

    # ---------------------------------------------------------------- the verdict

    def _verdict(self) -> Iterator[Row]:
        """Whether differences confirm the gradient: one line where they do."""
        session, report = self.session, self.findings.checks.get(self.node)
        if session.backward is None or self.node not in session.backward.upstream:
            return
        if report is None:
            refused = self.findings.refused.get(self.node)
            told = f"not checked: {refused}" if refused else "not checked yet (v checks it)"
            yield [(f"{numbers.UNKNOWN} {told}", "dim")]
            return
        worst = max((row.error for row in report.rows), default=0.0)
        error = f"{worst:.0e}" if worst else "0"
        if report.ok:
            verdict = ", ".join(dict.fromkeys(row.verdict for row in report.rows))
            yield [("✓ ", "good"), (f"checked: {verdict}, error {error}", "")]
            return
        yield [("✗ ", "bad"), (f"the check failed, error {error}", "bad")]
        for row in report.rows:
            yield [("  analytic ", "dim"), (numbers.number(row.analytic, 9), "")]
            yield [("  numeric  ", "dim"), (numbers.number(row.numeric, 9), "")]
        if report.blame is not None:
            yield [("  ", ""), (str(report.blame), "warning")]

    def _peculiar(self) -> Iterator[Row]:
        """Kinks, and numbers that are not finite, where the node has them."""
        for told in narration.peculiar(self.session.scope, self.frame):
            yield [("! ", "bad"), (told, "warning")]


def statistics(value: Array) -> Iterator[str]:
    """Smallest, largest, mean and norm of an array, and how much of it is not finite."""
    finite = value[np.isfinite(value)]
    if finite.size:
        low, high = (numbers.number(each, 4) for each in (finite.min(), finite.max()))
        mean, norm = (numbers.number(each, 4) for each in (finite.mean(), np.linalg.norm(finite)))
        yield f"min {low}  max {high}"
        yield f"mean {mean}  norm {norm}"
    if finite.size < value.size:
        yield f"{np.isnan(value).sum()} nan, {np.isinf(value).sum()} inf of {value.size}"


def heat_map(value: Array, room: int) -> list[str]:
    """An array as blocks, darker where the size is larger; larger ones as means of their parts.

    >>> heat_map(np.array([[0.0, 1.0], [2.0, 4.0]]), 20)
    ['  ░░', '▒▒██']
    """
    grid = np.abs(np.atleast_2d(value.reshape(value.shape[0], -1) if value.ndim > 2 else value))
    grid = np.where(np.isfinite(grid), grid, 0.0)
    rows = np.array_split(np.arange(grid.shape[0]), min(MAP_ROWS, grid.shape[0]))
    columns = np.array_split(np.arange(grid.shape[1]), min(room, grid.shape[1]))
    cells = np.array([[grid[np.ix_(r, c)].mean() for c in columns] for r in rows])
    top = cells.max() if cells.size else 0.0
    level = np.ceil(cells / top * (len(SHADES) - 1)).astype(int) if top else cells.astype(int)
    wide = 2 if cells.shape[-1] * 2 <= room else 1
    return ["".join(SHADES[each] * wide for each in row) for row in level]
