"""Plots of a run and of a sweep, by matplotlib (`pip install 'graphdbg[plots]'`), as SVG or PNG.

Blue and orange stand for training and held-out samples; lines are named or dashed apart, so that
nothing is told by colour alone. The same run gives the same bytes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import lazy
from ..errors import GraphError
from .runs import Run
from .sweeps import Outcome

TRAIN, HELD, GREY = "#1f5fa8", "#c2570c", "#6b7280"
LINES = ("#1f5fa8", "#c2570c", "#1a7f4b", "#8a2be2", "#a1122b", "#0f766e", "#7a5c00", "#4b5563")
DASHES = ("-", "--", "-.", ":")
SIZE = (7.0, 4.2)  # inches
MOST_LINES = 8  # parameters in a plot; those with the largest values
MISSING = "plots need matplotlib: pip install 'graphdbg[plots]'"
FORMS = ("svg", "png")
NAMES = tuple(f"{name}.{form}" for name in ("loss", "gradients", "updates", "rate")
              for form in FORMS)  # fmt: skip
Draw = Callable[[Any], None]


def available() -> bool:
    """Whether plots can be drawn here; `MISSING` says what to do where they can't."""
    return lazy.is_installed("matplotlib")


def files(run: Run) -> dict[str, bytes]:
    """The plots of a run by file name: losses, gradient norms, update ratios, the rate.

    Raises GraphError where matplotlib is missing.
    """
    made = {
        "loss": lambda axes: losses(axes, run),
        "gradients": lambda axes: by_parameter(axes, run, "norms", "norm of the gradient"),
        "updates": lambda axes: by_parameter(
            axes, run, "ratios", "size of update / size of weight"
        ),
        "rate": lambda axes: rate(axes, run),
    }
    both = {what: drawings(draw, FORMS) for what, draw in made.items()}
    found = ((name, *name.split(".")) for name in NAMES)
    return {name: both[what][form] for name, what, form in found}


def drawn(draw: Draw, form: str) -> bytes:
    """What `draw` puts on axes, as SVG or PNG; GraphError where matplotlib is missing."""
    return drawings(draw, (form,))[form]


def drawings(draw: Draw, forms: Sequence[str]) -> dict[str, bytes]:
    """What `draw` puts on axes, drawn once, by form; GraphError where matplotlib is missing."""
    if not available():
        raise GraphError(MISSING)
    matplotlib = lazy.matplotlib()
    figure_of = matplotlib.figure.Figure
    with matplotlib.rc_context({"svg.hashsalt": "graphdbg", "font.size": 10.5}):
        figure = figure_of(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(True, color="#e5e7eb", linewidth=0.8)
        draw(axes)
        return {form: _saved(figure, form) for form in forms}


def _saved(figure: Any, form: str) -> bytes:
    out = io.BytesIO()
    metadata = {"Date": None} if form == "svg" else {}
    figure.savefig(out, format=form, dpi=144, metadata=metadata)
    return out.getvalue()


def losses(axes: Any, run: Run) -> None:
    """The loss on training and held-out samples by epoch, the best epoch marked."""
    learned = [(each.number, each.loss) for each in run.epochs]
    held = [(each.number, each.validation) for each in run.epochs if each.validation is not None]
    is_above = bool(held) and held[-1][1] < learned[-1][1]
    _line(axes, learned, TRAIN, "training", is_above if held else None)
    _line(axes, held, HELD, "held out", not is_above)
    if run.best is not None:
        axes.axvline(run.best, color=GREY, linestyle=":", linewidth=1)
        axes.annotate("best", (run.best, 1), xycoords=("data", "axes fraction"), color=GREY,
                      ha="center", va="bottom", xytext=(0, 2),
                      textcoords="offset points")  # fmt: skip
    axes.set(xlabel="epoch", ylabel="loss")
    _whole(axes)
    _log_where_wide(axes, [each.loss for each in run.epochs])


def by_parameter(axes: Any, run: Run, what: str, title: str) -> None:
    """One line for each parameter on a logarithmic scale; those with the largest values."""
    if not run.epochs:
        return
    table = {name: measured(run, what, name) for name in run.step.parameters}
    sizes = {name: max((value for _, value in points), default=0.0)
             for name, points in table.items()}  # fmt: skip
    shown = sorted(table, key=lambda name: -sizes[name])[:MOST_LINES]
    for at, name in enumerate(sorted(shown, key=list(table).index)):
        axes.plot([x for x, _ in table[name]], [y for _, y in table[name]], color=LINES[at],
                  linestyle=DASHES[at % len(DASHES)], linewidth=1.6, label=name,
                  marker="o" if len(table[name]) == 1 else None)  # fmt: skip
    _legend(axes)
    if any(sizes[name] > 0 for name in shown):
        axes.set_yscale("log")
    if what == "ratios":
        axes.axhline(1e-3, color=GREY, linestyle=":", linewidth=1)
    axes.set(xlabel="epoch", ylabel=title)
    _whole(axes)


def measured(run: Run, what: str, name: str) -> list[tuple[int, float]]:
    """Epochs with a parameter's norm or ratio, those left out that have none."""
    found = ((each.number, getattr(each, what)[name]) for each in run.epochs)
    return [(at, value) for at, value in found if value is not None]


def rate(axes: Any, run: Run) -> None:
    """The learning rate by epoch."""
    _line(axes, [(each.number, each.rate) for each in run.epochs], TRAIN, "")
    axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    _whole(axes)


def sweep(axes: Any, outcomes: Sequence[Outcome]) -> None:
    """The score of each trial by its rate, one line for each combination of the other options."""
    groups: dict[str, list[tuple[float, float]]] = {}
    seen = {name: {str(each.options[name]) for each in outcomes} for name in outcomes[0].options}
    varied = [name for name, found in seen.items() if name != "lr" and len(found) > 1]
    for each in outcomes:
        name = ", ".join(str(each.options[one]) for one in varied)
        groups.setdefault(name, []).append((float(each.options["lr"]), each.score))
    for at, (name, points) in enumerate(groups.items()):
        shown = sorted(point for point in points if np.isfinite(point[1]))
        axes.plot([x for x, _ in shown], [y for _, y in shown], marker="o", markersize=4,
                  color=LINES[at % len(LINES)], linestyle=DASHES[at % len(DASHES)],
                  label=name)  # fmt: skip
    failed = sorted({float(each.options["lr"]) for each in outcomes if not np.isfinite(each.score)})
    for one in failed:
        axes.axvline(one, color="#f3d2d2", linewidth=6, zorder=0)
    rates = [float(each.options["lr"]) for each in outcomes]
    if min(rates) > 0 and max(rates) / min(rates) > 20:
        axes.set_xscale("log")
    held = any(each.validation is not None for each in outcomes)
    axes.set(xlabel="learning rate" + (" (red: diverged)" if failed else ""),
             ylabel="held-out loss" if held else "training loss")  # fmt: skip
    _log_where_wide(axes, [each.score for each in outcomes if np.isfinite(each.score)])
    if len(groups) > 1:
        _legend(axes)


def _line(
    axes: Any, points: Sequence[tuple[int, float]], colour: str, name: str,
    is_above: bool | None = None,
) -> None:  # fmt: skip
    """A line with its name at its end: above or below it, where another line may end there too."""
    if not points:
        return
    axes.plot([x for x, _ in points], [y for _, y in points], color=colour, linewidth=1.8,
              marker="o" if len(points) == 1 else None)  # fmt: skip
    place = {None: "center", True: "bottom", False: "top"}[is_above]
    axes.annotate(name, points[-1], color=colour, xytext=(6, 0), va=place,
                  textcoords="offset points", annotation_clip=False)  # fmt: skip


def _legend(axes: Any) -> None:
    """Names beside the axes, where they cover no line."""
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def _whole(axes: Any) -> None:
    """Ticks at whole epochs alone."""
    axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def _log_where_wide(axes: Any, values: Sequence[float]) -> None:
    """A logarithmic scale where the values span more than two decades."""
    found = [value for value in values if np.isfinite(value) and value > 0]
    if len(found) == len(values) and found and max(found) / min(found) > 100:
        axes.set_yscale("log")
