"""Tables for a terminal: pure functions from the rows of `report` to Rich renderables.

Values of the forward pass are green and gradients red, as on the circuit diagrams of CS231n.
Every table fits the width it is given: columns of formulas are set side by side where there is
room, and below each other where there is not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from ..sizes import Shape, to_text
from ..verdicts import CONVENTION, Row
from . import numbers, report
from .report import Array, GradientRow, NodeRow, OperandRow, StepRow

VALUE, GRADIENT, NAME, DIM = "green", "red", "bold", "dim"
FORMULA_WIDTH = 26  # columns a formula may take before it wraps, even where it is narrow
NARROWEST_VALUE = 24  # the room a value has at least
LONGEST_FORMULA = 240  # characters of a formula in a table; the formula commands print all of it


def title(text: str, note: str = "") -> Text:
    """A section's heading."""
    return Text.assemble(("\n" + text, "bold"), ("   " + note if note else "", DIM))


def forward_table(rows: Sequence[NodeRow], width: int) -> Table:
    """The forward pass: name, formula, value, and the shape where there is one."""
    table = _table()
    shaped = any(row.shape for row in rows)
    names = max((cell_len(row.name) + 2 * row.depth for row in rows), default=4)
    shapes = max((cell_len(_shape(row.shape)) + 3 for row in rows), default=0)
    formula = min(max((cell_len(row.operation) for row in rows), default=0), FORMULA_WIDTH)
    room = max(NARROWEST_VALUE, width - names - shapes - max(formula, 7) - 6)
    _formula_columns(table, ["node", "formula"], [row.operation for row in rows])
    if shaped:
        table.add_column("shape", style=DIM, no_wrap=True)
    table.add_column("value", style=VALUE, justify="left" if shaped else "right", no_wrap=True)
    call: str | None = None
    for row in rows:
        if row.call != call and row.call is not None:
            table.add_row("", Text("  " * (row.depth - 1) + row.call, style="italic cyan"))
        call = row.call
        cells = ["  " * row.depth + row.name, _clip(row.operation)]
        shape = [_shape(row.shape)] if shaped else []
        table.add_row(*cells, *shape, numbers.array(row.value, room))
    return table


def _formula_columns(table: Table, headings: Sequence[str], formulas: Iterable[str]) -> None:
    """A column of names that never wraps, and one of formulas that wraps late."""
    longest = max((cell_len(each) for each in formulas), default=0)
    table.add_column(headings[0], style=NAME, no_wrap=True)
    table.add_column(headings[1], min_width=min(longest, FORMULA_WIDTH), overflow="fold")


def backward_table(steps: Sequence[StepRow], width: int) -> Table:
    """The backward pass: per step the upstream gradient, per operand local and contribution."""
    formulas = any(_has_formula(step) for step in steps)
    layouts = [_wide, _stacked] if formulas else [_stacked]
    for layout in layouts:
        table = layout(steps, width)
        if _natural_width(table) <= width:
            return table
    return table


def _has_formula(step: StepRow) -> bool:
    return step.closed is not None or any(row.local is not None for row in step.operands)


def _wide(steps: Sequence[StepRow], width: int) -> Table:
    room = max(NARROWEST_VALUE, width // 4)
    table = _table()
    for heading in ("step", "local", "upstream · local", "put in", "closed"):
        table.add_column(heading, no_wrap=True)
    table.add_column("value", justify="right", style=GRADIENT, no_wrap=True)
    for at, step in enumerate(steps):
        upstream = "\n+ ".join(step.terms) or step.name
        heading = Text(f"{step.node} = {step.operation}", style=NAME)
        sum_of = step.name if step.terms else ""
        table.add_row(
            _clipped(heading),
            sum_of,
            upstream,
            "",
            _clip(step.closed or ""),
            _value(step.value, room),
        )
        for row in step.operands:
            table.add_row(*_operand_cells(row), _value(row.value, room))
        _close(table, at, steps)
    return table


def _operand_cells(row: OperandRow) -> list[RenderableType]:
    put_in, closed = _clip(row.put_in or ""), _clip(row.closed or "")
    return [f"  → {row.operand}", _local(row), row.chain, put_in, closed]


def _stacked(steps: Sequence[StepRow], width: int) -> Table:
    table = _table()
    headings = [f"{step.node} = {step.operation}" for step in steps]
    chains = [each or "" for step in steps for row in step.operands
              for each in (row.chain, row.put_in, row.closed)]  # fmt: skip
    room = width - 6
    wider = FORMULA_WIDTH + max(0, 6 + (width - 80) // 2)
    for name, cells, most in (("step", headings, FORMULA_WIDTH), ("gradient", chains, wider)):
        least = min(max(map(cell_len, cells), default=0), most)
        table.add_column(name, min_width=least, overflow="fold")
        room -= max(least, len(name))
    room = max(NARROWEST_VALUE, room)
    table.add_column("value", style=GRADIENT, no_wrap=True)
    for at, step in enumerate(steps):
        heading = Text(f"{step.node} = {step.operation}", style=NAME)
        upstream = _equations([step.name, " + ".join(step.terms), step.closed])
        table.add_row(_clipped(heading), upstream, _upstream(step, room))
        for row in step.operands:
            gradient = _equations([row.chain, row.put_in, row.closed])
            local = Text(_local(row), style=DIM)
            table.add_row(f"  → {row.operand}", Group(local, gradient), _value(row.value, room))
        _close(table, at, steps)
    return table


def _equations(parts: Iterable[str | None]) -> Text:
    """`a = b = c`, one part per line, equal neighbours once."""
    kept: list[str] = []
    for part in parts:
        if part and (not kept or kept[-1] != part):
            kept.append(_clip(part))
    return Text("\n= ".join(kept))


def _local(row: OperandRow) -> str:
    if row.local is not None:
        return _clip(f"{row.local_name} = {row.local}")
    if row.local_value is not None and not row.local_value.shape:
        return f"{row.local_name} = {numbers.number(row.local_value)}"
    return row.local_name


def gradients_table(rows: Sequence[GradientRow], checked: Mapping[str, Row], width: int) -> Table:
    """The gradients that were asked for: closed form, value, and the verdict of the check."""
    table = _table()
    formulas = any(row.closed is not None for row in rows)
    shaped = any(row.shape for row in rows)
    table.add_column("gradient", style=NAME, no_wrap=True)
    if formulas:
        longest = max(cell_len(row.closed or "") + 2 for row in rows)
        table.add_column("closed", min_width=min(longest, FORMULA_WIDTH), overflow="fold")
    if shaped:
        table.add_column("shape", style=DIM, no_wrap=True)
    justify: JustifyMethod = "left" if shaped else "right"
    table.add_column("value", style=GRADIENT, no_wrap=True, justify=justify)
    table.add_column("error", no_wrap=True)
    room = max(NARROWEST_VALUE, width - FORMULA_WIDTH - 34)  # 34: names, shapes, checks, gaps
    for row in rows:
        cells: list[RenderableType] = [row.name]
        if formulas:
            cells.append(f"= {_clip(row.closed)}" if row.closed else "")
        if shaped:
            cells.append(_shape(row.shape))
        table.add_row(*cells, _value(row.value, room), _mark(checked.get(row.wrt)))
    return table


def _mark(row: Row | None) -> Text:
    """✓ or ✗ with the relative error against differences."""
    if row is None:
        return Text("")
    style = "green" if row.ok else "bold red"
    return Text.assemble(("✓" if row.ok else "✗", style), (f" {_error(row)}", DIM))


def _error(row: Row) -> str:
    if row.verdict == CONVENTION:
        return "kink"
    return f"{row.error:.0e}" if row.error else "0"


def check_table(rows: Sequence[Row]) -> Table:
    """What was compared: the worst entry of each gradient, analytic and numeric."""
    table = _table()
    table.add_column("gradient", style=NAME, no_wrap=True)
    table.add_column("worst", no_wrap=True)
    for heading in ("analytic", "numeric", "error"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", overflow="fold")
    for row in rows:
        entry = "direction" if row.entry is None else str(list(row.entry)) if row.entry else ""
        style = "green" if row.ok else "bold red"
        table.add_row(
            report.partial(row.of, row.wrt),
            entry,
            numbers.number(row.analytic, 6),
            numbers.number(row.numeric, 6),
            _error(row),
            Text.assemble((row.verdict, style), f", {row.checked}"),
        )
    return table


def point_table(point: Mapping[str, Array], width: int) -> Table:
    """The value of each input."""
    table = _table(heading=False)
    table.add_column("name", style=NAME, no_wrap=True)
    table.add_column("shape", style=DIM, no_wrap=True)
    table.add_column("value", style=VALUE, no_wrap=True)
    room = max(NARROWEST_VALUE, width - 24)
    for name, value in point.items():
        table.add_row(f"  {name}", _shape(value.shape), _value(value, room))
    return table


def _table(heading: bool = True) -> Table:
    return Table(
        box=box.SIMPLE_HEAD if heading else box.SIMPLE,
        show_header=heading,
        header_style=DIM,
        padding=(0, 1),
        pad_edge=False,
        show_edge=False,
    )


def _close(table: Table, at: int, steps: Sequence[StepRow]) -> None:
    if at + 1 < len(steps):
        table.add_section()


def _natural_width(table: Table) -> int:
    """The width at which no cell of the table would wrap."""
    widths = []
    for column in table.columns:
        cells = [column.header, *column.cells]
        widths.append(max((_cell_width(cell) for cell in cells), default=0))
    return sum(widths) + 3 * (len(widths) - 1)


def _cell_width(cell: RenderableType) -> int:
    if isinstance(cell, Group):
        return max(map(_cell_width, cell.renderables))
    text = cell.plain if isinstance(cell, Text) else str(cell)
    return max(map(cell_len, text.split("\n")))


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_FORMULA else text[: LONGEST_FORMULA - 2] + " …"


def _clipped(text: Text) -> Text:
    text.truncate(LONGEST_FORMULA, overflow="ellipsis")
    return text


def _shape(shape: Shape) -> str:
    return to_text(shape) if shape else ""


def _upstream(step: StepRow, room: int) -> str:
    """A gradient with several terms in full; one with one term was shown as a contribution."""
    return _value(step.value, room) if step.terms else numbers.brief(step.value)


def _value(value: Array, room: int) -> str:
    return numbers.array(value, room)
