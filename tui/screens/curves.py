"""The curves of a training run: losses, gradient norms, update ratios, and where the session is."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static
from textual_plotext import PlotextPlot

from ..widgets.panes import Rows

if TYPE_CHECKING:
    from graphdbg import Session

MOST_POINTS = 600  # of a curve: a terminal has no more columns of dots
MOST_PARAMETERS = 5  # whose curves are told apart
Curve = tuple[str, Sequence[tuple[float, float]]]
SMALLEST = 1e-300  # what a logarithm shows of 0
MOST_TICKS = 6  # of an axis of iterations, beside that of 0
# Of the curves, readable on dark and on light; their names stand above the plot, over no curve.
COLOURS = ((74, 137, 243), (224, 123, 57), (63, 166, 106), (168, 111, 216), (212, 90, 106))


class Curves(ModalScreen[None]):
    """Three plots over the iterations; i and I go on and back, and the mark moves with them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,m,enter", "close", "close"),
        Binding("i", "go('iterate')", "on"),
        Binding("I", "go('reverse-iterate')", "back"),
    ]

    def __init__(self, session: Session, command: Callable[[str], None]) -> None:
        super().__init__()
        self.session, self.command = session, command

    def compose(self) -> ComposeResult:
        """Where the session is, then the plots."""
        with Vertical(id="curves"):
            yield Rows("", "curves-now")
            for name in ("loss", "norms", "ratios"):
                yield Static(id=f"names-{name}", classes="names")
                yield PlotextPlot(id=f"plot-{name}")

    def on_mount(self) -> None:
        """Draw, and again where the theme changes."""
        box = self.query_one("#curves", Vertical)
        box.border_title = "training"
        box.border_subtitle = "i on, I back, Esc closes"
        self.draw()

    def draw(self) -> None:
        """All three plots, with the present iteration."""
        over = self.session.iterations
        assert over is not None
        self.query_one("#curves-now", Rows).show([[(" " + next(over.told()), "title")]])
        run: Any = over.run
        losses = thinned(list(enumerate(run.losses)))
        held = [(each.iteration - 1, each.validation) for each in run.epochs
                if each.validation is not None]  # fmt: skip
        self._plot("loss", "loss", [("training", losses), ("held out", held)])
        self._plot("norms", "norm of the gradient, log10", _by_parameter(run, "norms"))
        self._plot("ratios", "size of update / size of weight, log10", _by_parameter(run, "ratios"))

    def _plot(self, name: str, title: str, curves: Sequence[Curve]) -> None:
        widget = self.query_one(f"#plot-{name}", PlotextPlot)
        plot = widget.plt
        plot.clear_figure()
        told = Text(title)
        for (label, points), colour in zip(curves, COLOURS, strict=False):
            if points:
                xs, ys = [x for x, _ in points], [y for _, y in points]
                plot.plot(xs, ys, color=colour, marker="braille")
                told.append(f"   ⠒⠒ {label}", f"rgb{colour}".replace(" ", ""))
        self.query_one(f"#names-{name}", Static).update(told)
        over = self.session.iterations
        assert over is not None
        ticks = whole_ticks(over.last)
        plot.xticks([float(at) for at in ticks], [f"{at:,}" for at in ticks])
        plot.vline(self.session.iteration, "orange")
        widget.refresh()

    def action_go(self, command: str) -> None:
        """Go to another iteration."""
        self.command(command)
        self.draw()

    def action_close(self) -> None:
        """Close."""
        self.dismiss()


def _by_parameter(run: Any, what: str) -> list[Curve]:
    """A measurement of each parameter by iteration, on a logarithmic scale, where there is one."""
    names = list(run.epochs[0].norms)[:MOST_PARAMETERS] if run.epochs else []
    found = {name: [(each.iteration - 1, getattr(each, what)[name]) for each in run.epochs]
             for name in names}  # fmt: skip
    return [
        (name, [(at, _log(value)) for at, value in points if value is not None])
        for name, points in found.items()
    ]


def whole_ticks(last: int) -> list[int]:
    """Iterations from 0 to the last one for ticks: 1, 2 or 5 times a power of ten apart.

    >>> whole_ticks(3), whole_ticks(39), whole_ticks(50_000)
    ([0, 1, 2, 3], [0, 10, 20, 30], [0, 10000, 20000, 30000, 40000, 50000])
    """
    sizes = (factor * 10**power for power in itertools.count() for factor in (1, 2, 5))
    step = next(size for size in sizes if last // size <= MOST_TICKS)
    return list(range(0, last + 1, step))


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """At most `MOST_POINTS` of a curve, evenly spread, the last one among them."""
    step = max(1, math.ceil(len(points) / MOST_POINTS))
    return [*points[::step], *points[-1:]]


def _log(value: float) -> float:
    return math.log10(max(value, SMALLEST))
