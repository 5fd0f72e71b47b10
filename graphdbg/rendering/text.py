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

from ..checking.verdicts import CONVENTION, Row
from ..tape.sizes import Shape, to_text
from . import numbers, report
from .report import Array, GradientRow, NodeRow, OperandRow, StepRow

VALUE, GRADIENT, NAME, DIM = "green", "red", "bold", "dim"
FORMULA_WIDTH = 26  # columns a formula may take before it wraps, where there is room
NARROWEST_FORMULA = 12
LONGEST_NAME = 20  # of a column of names; longer ones end in an ellipsis
GAP = 3  # between two columns
NARROWEST_VALUE = 18  # the room a value has at least
ERROR_WIDTH = 7  # of ✓ 1e-10
LONGEST_FORMULA = 240  # characters of a formula in a table; the formula commands print all of it


def title(text: str, note: str = "") -> Text:
    """A section's heading."""
    return Text.assemble(("\n" + text, "bold"), ("   " + note if note else "", DIM))


def forward_table(rows: Sequence[NodeRow], width: int) -> Table:
    """The forward pass: name, formula, value, and the shape where there is one."""
    table = _table()
    shaped = any(row.shape for row in rows)
    names = ["  " * row.depth + row.name for row in rows]
    fixed = [min(_longest(["node", *names]), LONGEST_NAME)]
    fixed += [_longest(["shape", *(_shape(row.shape) for row in rows)])] if shaped else []
    least, room = _split(width, fixed, ["formula", *(row.operation for row in rows)])
    table.add_column("node", style=NAME, no_wrap=True, max_width=LONGEST_NAME)
    table.add_column("formula", min_width=least, overflow="fold")
    if shaped:
        table.add_column("shape", style=DIM, no_wrap=True)
    table.add_column("value", style=VALUE, justify="left" if shaped else "right", no_wrap=True)
    call: str | None = None
    for row in rows:
        if row.call != call and row.call is not None:
            table.add_row("", Text("  " * (row.depth - 1) + row.call, style="italic cyan"))
        call = row.call
        cells: list[RenderableType] = ["  " * row.depth + row.name, _clip(row.operation)]
        shape = [_shape(row.shape)] if shaped else []
        table.add_row(*cells, *shape, numbers.array(row.value, room))
    return table


def _split(width: int, fixed: Sequence[int], formulas: Iterable[str]) -> tuple[int, int]:
    """The least width of the column of formulas, and the room for values beside it.

    `fixed` are the widths of the other columns; formulas give way before values do.
    """
    rest = width - sum(fixed) - GAP * (len(fixed) + 1)
    least = min(_longest(formulas), FORMULA_WIDTH, max(NARROWEST_FORMULA, rest - NARROWEST_VALUE))
    return least, max(NARROWEST_VALUE, rest - least)


def _longest(texts: Iterable[str]) -> int:
    return max((cell_len(line) for text in texts for line in text.split("\n")), default=0)


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
        name = Text(f"{step.node} = {step.operation}", style=NAME)
        sum_of = step.name if step.terms else ""
        table.add_row(
            _clipped(name),
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
    gradients = [each or "" for step in steps for row in step.operands
                 for each in (row.chain, row.put_in, row.closed)]  # fmt: skip
    step_width = min(_longest(["step", *headings]), FORMULA_WIDTH - 4)
    wider = FORMULA_WIDTH + max(0, (width - 60) // 4)
    least = min(_longest(["gradient", *gradients]), wider, width - step_width - 2 * GAP - 20)
    room = max(NARROWEST_VALUE, width - step_width - least - 2 * GAP)
    table.add_column("step", width=step_width, overflow="fold")
    table.add_column("gradient", width=max(8, least), overflow="fold")
    table.add_column("value", style=GRADIENT, no_wrap=True)
    for at, step in enumerate(steps):
        name = Text(f"{step.node} = {step.operation}", style=NAME)
        upstream = _equations([step.name, " + ".join(step.terms), step.closed])
        table.add_row(_clipped(name), upstream, _upstream(step, room))
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
    """The gradients that were asked for: closed form, value, and the error that the check found."""
    table = _table()
    formulas = any(row.closed is not None for row in rows)
    shaped = any(row.shape for row in rows)
    fixed = [min(_longest(["gradient", *(row.name for row in rows)]), LONGEST_NAME), ERROR_WIDTH]
    fixed += [_longest(["shape", *(_shape(row.shape) for row in rows)])] if shaped else []
    least, room = _split(width, fixed, [f"= {row.closed}" for row in rows if row.closed])
    table.add_column("gradient", style=NAME, no_wrap=True, max_width=LONGEST_NAME)
    if formulas:
        table.add_column("closed", min_width=least, overflow="fold")
    if shaped:
        table.add_column("shape", style=DIM, no_wrap=True)
    justify: JustifyMethod = "left" if shaped else "right"
    table.add_column("value", style=GRADIENT, no_wrap=True, justify=justify)
    table.add_column("error", no_wrap=True, min_width=ERROR_WIDTH)
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
    return sum(widths) + GAP * (len(widths) - 1)


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
    return _value(step.value, room) if step.terms else numbers.summary(step.value, room)


def _value(value: Array, room: int) -> str:
    return numbers.array(value, room)
