"""A run folder: parameters, history, settings, and what is needed to go on from there.

    parameters.npz   what was learned, by name
    history.csv      one row an epoch: losses, rate, gradient norms, update ratios
    losses.csv       one row a step
    settings.json    program, data file with its hash, options, versions
    checkpoint.npz   the state before the next step, and the first one
    plots/           losses, gradient norms, update ratios, rate, where matplotlib is installed

Files are written beside their place and moved there, so that none is ever half written.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from .. import lazy
from ..errors import GraphError
from . import plots
from .runs import Epoch, Progress, Run, State

Array = NDArray[Any]
FORMAT = "graphdbg run"
START, NOW = "start/", "now/"  # prefixes of states in a checkpoint


def save(run: Run, folder: Path, settings: Mapping[str, Any]) -> None:
    """Write a run; GraphError where a file cannot be written, a full disk included."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / "parameters.npz", _packed(run.parameters))
        _write(folder / "history.csv", _history(run).encode("utf-8"))
        _write(folder / "losses.csv", _losses(run).encode("utf-8"))
        _write(folder / "checkpoint.npz", _packed(_checkpoint(run)))
        text = json.dumps({"format": FORMAT, "graphdbg": lazy.version(), "numpy": np.__version__,
                           "stopped": run.stopped, "best": run.best, "classes": list(run.classes),
                           **settings}, indent=2, ensure_ascii=False)  # fmt: skip
        _write(folder / "settings.json", (text + "\n").encode("utf-8"))
        if plots.available():
            (folder / "plots").mkdir(exist_ok=True)
            for name, data in plots.files(run).items():
                _write(folder / "plots" / name, data)
    except OSError as error:
        raise GraphError(
            f"cannot write the run to '{folder}': {error.strerror or error}; nothing that was "
            "written before is lost"
        ) from error


def _write(path: Path, data: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def _packed(arrays: Mapping[str, Array]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]
    return out.getvalue()


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


def _losses(run: Run) -> str:
    rows = (f"{at},{loss!r}" for at, loss in enumerate(run.losses))
    return "\n".join(["iteration,loss", *rows]) + "\n"


def _checkpoint(run: Run) -> dict[str, Array]:
    first, now = run.state(0), run.state(run.iterations)
    return {
        **{START + name: each for name, each in first.items()},
        **{NOW + name: each for name, each in now.items()},
    }


# ------------------------------------------------------------------ going on


def load(folder: Path) -> tuple[dict[str, Any], Progress]:
    """The settings of a run folder, and what the run goes on from.

    Raises GraphError where it is no run folder, or a file of it is damaged.
    """
    try:
        settings = json.loads((folder / "settings.json").read_text("utf-8"))
        with np.load(folder / "checkpoint.npz", allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        lines = (folder / "losses.csv").read_text("utf-8").splitlines()[1:]
        losses = [float(line.split(",")[1]) for line in lines]
        text = (folder / "history.csv").read_text("utf-8")
        epochs = [_epoch(row) for row in csv.DictReader(text.splitlines())]
    except (OSError, ValueError, KeyError, IndexError, BadZipFile) as error:
        raise GraphError(
            f"'{folder}' is no run that can be gone on with ({error}): leave --resume out to start "
            "one there"
        ) from error
    if not isinstance(settings, dict) or settings.get("format") != FORMAT:
        raise GraphError(f"'{folder}/settings.json' was not written by graphdbg train")
    return settings, Progress(_part(arrays, START), _part(arrays, NOW), losses, epochs)


def _part(arrays: Mapping[str, Array], prefix: str) -> State:
    return {name.removeprefix(prefix): each for name, each in arrays.items()
            if name.startswith(prefix)}  # fmt: skip


def _epoch(row: Mapping[str, str]) -> Epoch:
    def of(kind: str) -> dict[str, Any]:
        start = f"{kind} "
        return {name.removeprefix(start): float(each) if each else None
                for name, each in row.items() if name.startswith(start)}  # fmt: skip

    held = float(row["validation"]) if row["validation"] else None
    return Epoch(int(row["epoch"]), int(row["iteration"]), float(row["loss"]), held,
                 float(row["rate"]), of("norm"), of("ratio"))  # fmt: skip
