"""What a run folder holds for people and other programs, all of it made from the run.

- parameters.npz: what was learned, by name
- history.csv: one row an epoch: losses, rate, gradient norms, update ratios
- losses.csv: one row a step
- settings.json: program, data file with its hash, options, versions
- plots/: losses, gradient norms, update ratios, rate, where matplotlib is installed
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import lazy
from ..source import escaped_in_json
from . import plots
from .records import archive
from .runs import Run

Array = NDArray[Any]

FORMAT = "graphdbg run"
PLOTS = "plots/"
NAMES = ("parameters.npz", "history.csv", "losses.csv", "settings.json", *(
    f"{PLOTS}{name}" for name in plots.NAMES))  # fmt: skip


def tables(
    run: Run, parameters: Mapping[str, Array], settings: Mapping[str, Any], stopped: str
) -> dict[str, bytes]:
    """All exports but the plots, by file name."""
    text = json.dumps({"format": FORMAT, "graphdbg": lazy.version(), "numpy": np.__version__,
                       "stopped": stopped, "best": run.best, "classes": list(run.classes),
                       **settings}, indent=2, ensure_ascii=False)  # fmt: skip
    return {
        "parameters.npz": archive(parameters), "history.csv": _history(run).encode("utf-8"),
        "losses.csv": _losses(run.losses).encode("utf-8"),
        "settings.json": f"{escaped_in_json(text)}\n".encode(),
    }  # fmt: skip


def pictures(run: Run) -> dict[str, bytes]:
    """The plots by file name; none where matplotlib is missing."""
    found = plots.files(run) if plots.available() else {}
    return {f"{PLOTS}{name}": data for name, data in found.items()}


def _history(run: Run) -> str:
    names = run.step.parameters
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["epoch", "iteration", "loss", "validation", "rate",
                     *(f"norm {name}" for name in names),
                     *(f"ratio {name}" for name in names)])  # fmt: skip
    for each in run.epochs:
        writer.writerow([each.number, each.iteration, repr(each.loss), _known(each.validation),
                         repr(each.rate),
                         *(repr(each.norms[name]) for name in names),
                         *(_known(each.ratios[name]) for name in names)])  # fmt: skip
    return out.getvalue()


def _known(value: float | None) -> str:
    return "" if value is None else repr(value)


def _losses(found: Sequence[float]) -> str:
    rows = (f"{at},{loss!r}" for at, loss in enumerate(found))
    return "\n".join(["iteration,loss", *rows]) + "\n"
