"""The whole answer to a command, as Rich renderables from top to bottom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from rich.console import RenderableType
from rich.text import Text

from ..checking.verdicts import GOOD, Report
from ..formulas.verdicts import Verdict
from ..numbers.evaluator import Trace
from . import report, text
from .report import Texts

OPEN_ROWS = 16  # of a table with open calls; beyond, calls are closed: about a screen
MOST_ROWS = 60  # of a table; beyond, the middle is left out


class Given(Protocol):
    """Where the values came from."""

    @property
    def drawn(self) -> tuple[str, ...]:
        """The inputs whose values were drawn at random."""

    @property
    def seed(self) -> int:
        """The seed they were drawn with."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the main job found."""

    given: Given
    trace: Trace
    texts: Texts
    verdict: Report
    everything: bool = False


def run(found: Run, width: int) -> list[RenderableType]:
    """Forward pass, backward pass, gradients, verdict."""
    trace = found.trace
    backward = trace.graph.passes[-1]
    of = trace.graph.names[backward.of]
    depth = _depth(trace, found.everything)
    most = None if found.everything else MOST_ROWS
    steps, count = report.step_rows(trace, backward, found.texts, depth, most)
    note = _left_out(len(steps), count, "steps")
    gradients = report.gradient_rows(trace, backward, found.texts)
    return [
        *forward(found.given, trace, found.everything, width),
        text.title("Backward pass", _join(f"∂{of}/∂…, from {of} to the inputs", note)),
        text.backward_table(steps, width),
        text.title("Gradients"),
        text.gradients_table(gradients, {row.wrt: row for row in found.verdict.rows}, width),
        verdict(found.verdict),
    ]


def forward(given: Given, trace: Trace, everything: bool, width: int) -> list[RenderableType]:
    """The forward pass, and which inputs were drawn at random."""
    depth = _depth(trace, everything)
    every = report.forward_rows(trace, depth)
    rows = report.without_middle(every, None if everything else MOST_ROWS)
    note = _left_out(len(rows), len(every), "nodes")
    dims = ", ".join(f"{name} = {size}" for name, size in sorted(trace.dims.items()))
    folded = "calls are closed, --all opens them" if depth is not None else ""
    parts: list[RenderableType] = [
        text.title("Forward pass", _join(dims, folded, note)),
        text.forward_table(rows, width),
    ]
    if given.drawn:
        names = ", ".join(given.drawn)
        parts.append(Text(f"\nrandom values (--seed {given.seed}) for {names}", style="yellow"))
    return parts


def verdict(found: Report) -> Text:
    """One line on the check, and what is wrong or peculiar below it."""
    style = "bold green" if found.ok else "bold red"
    count = len(found.rows)
    worst = max((row.error for row in found.rows if row.verdict == GOOD), default=0.0)
    gradients = f"{count} gradient{'s' * (count != 1)}"
    said = f"{gradients} checked against differences"
    if not found.fails:
        said += ": equal, worst relative error " + (f"{worst:.0e}" if worst else "0")
    else:
        wrong = sum(not row.ok for row in found.rows)
        said += f": {wrong} of them FAILED" if wrong else ": FAILED"
    if found.given:
        off = sum(not each.ok for each in found.given)
        said += f"; of {len(found.given)} given, {f'{off} WRONG' if off else 'all are right'}"
    lines = ["\n" + line for line in details(found)]
    return Text.assemble("\n", ("✓ " if found.ok else "✗ ", style), said, *lines)


def details(found: Report) -> list[str]:
    """The lines of a report below its table: blame, kinks, what is not finite."""
    table = len(found.rows) + 1 if found.rows else 0
    return str(found).split("\n")[1 + table :]


def check(found: Report, drawn: Sequence[str], seed: int) -> list[RenderableType]:
    """A check by itself: its table, then the verdict."""
    parts: list[RenderableType] = [text.check_table(found.rows)]
    if drawn:
        parts.append(Text(f"\nrandom values (--seed {seed}) for {', '.join(drawn)}", "yellow"))
    return [*parts, verdict(found)]


def claim(found: Verdict, width: int) -> list[RenderableType]:
    """The answer to a claim: its first word coloured, a counterexample as a table."""
    word, _, rest = "\n".join(found.lines()).partition(":")
    style = {"proved": "bold green", "refuted": "bold red"}.get(word, "bold yellow")
    parts: list[RenderableType] = [Text.assemble((word, style), ":" + rest)]
    if found.point and word == "refuted":
        parts += [Text("  at the point", style="dim"), text.point_table(found.point, width)]
    return parts


def _join(*notes: str) -> str:
    return "; ".join(note for note in notes if note)


def _depth(trace: Trace, everything: bool) -> int | None:
    """0 where the calls have to be closed to keep the table short, else None."""
    if everything or not trace.graph.calls:
        return None
    return 0 if len(report.forward_rows(trace)) > OPEN_ROWS else None


def _left_out(shown: int, count: int, what: str) -> str:
    if shown == count:
        return ""
    return f"the first and last {shown // 2} of {count} {what}, --all shows every one"
