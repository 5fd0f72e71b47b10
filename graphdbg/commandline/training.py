"""`graphdbg train`: learn a program's parameters from a file, watched, and write a run folder."""

from __future__ import annotations

import os
import signal
from argparse import Namespace
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rich.table import Table

from .. import lazy
from ..errors import GraphError
from ..rendering.numbers import number
from ..tape.graph import Graph
from ..training import plots
from ..training.data import Data, data_for
from ..training.folders import Folder, Pace
from ..training.loop import train as learn
from ..training.runs import Epoch, Progress, Run
from ..training.signals import HANGUP, SIGNALLED
from ..training.watching import Watcher
from . import opening
from .consoles import console
from .loading import Bounds, read_from, read_graph, target
from .outlets import aside, say
from .progress import bar

OK = 0
MOST_FINDINGS = 12  # that are printed; the folder's settings have all of them


def train(args: Namespace) -> int:
    """Train, say what was found, write the folder; then step through the run where asked to."""
    graph, _, _ = read_graph(args.source, (), args.shape, Bounds.of(args))
    if args.data is None:
        raise GraphError("expected --data FILE: rows to learn from, as csv, npy or npz")
    data = data_for(graph, args.data, args.target)
    watcher = Watcher(args.profile)
    with _folder(args, graph, data, watcher) as folder:
        run = _learned(args, graph, data, watcher, folder)
    if run.signal == HANGUP:
        return SIGNALLED + run.signal  # nobody reads what would be said
    _say(run, watcher)
    if args.output is not None:
        written(args.output)
    if (args.debug_run or args.step_run) and run.signal in (0, signal.SIGINT):
        return _open(args, run)
    return SIGNALLED + run.signal if run.signal else OK


def _folder(
    args: Namespace, graph: Graph, data: Data, watcher: Watcher
) -> AbstractContextManager[Folder | None]:
    """The run folder of -o, where it is given."""
    if args.output is not None:
        pace = Pace() if args.checkpoint is None else Pace.of(args.checkpoint)
        settings = _settings(args, graph, data)
        return Folder(args.output, settings, watcher, pace, read_from(args))
    if args.resume:
        raise GraphError("--resume goes on with the run in -o FOLDER: say which")
    if args.checkpoint is not None:
        raise GraphError("--checkpoint says how often the run is saved in -o FOLDER: say which")
    return nullcontext()


def _learned(
    args: Namespace, graph: Graph, data: Data, watcher: Watcher, folder: Folder | None
) -> Run:
    before = _before(folder) if args.resume and folder is not None else None
    run: Run | None = None
    try:
        with bar("epoch", args.epochs, len(before.epochs) if before else 0) as move:

            def each(run: Run) -> None:
                watcher(run)
                move(len(run.epochs), _losses(run.epochs[-1]))

            run = learn(
                graph, data, of=target(graph, args.of), optimizer=args.optimizer, lr=args.lr,
                schedule=args.schedule, settings=numbers_of(args.set), pace=numbers_of(args.pace),
                epochs=args.epochs, batch=args.batch, validation=args.validation,
                early_stopping=args.early_stopping, masks=numbers_of(args.mask), seed=args.seed,
                told=each, resume=before, keeper=folder,
            )  # fmt: skip
    except OSError:  # the terminal of the bar went away, after the run was saved
        if run is None or run.signal != HANGUP:
            raise
    return run


def _before(folder: Folder) -> Progress:
    """What the run goes on from, the same in all that it follows from."""
    record = folder.load()
    _same_run(record.settings, folder.settings)
    if folder.difference:
        aside(f"note: the run began elsewhere ({folder.difference}): the last bits of its numbers "
              "may differ from here on")  # fmt: skip
    return record.progress


def _settings(args: Namespace, graph: Graph, data: Data) -> dict[str, Any]:
    """What a run follows from, as plain data."""
    source = graph.source
    words = ("optimizer", "lr", "schedule", "set", "pace", "mask", "batch", "validation",
             "early_stopping", "seed", "epochs", "of", "target", "profile", "shape")  # fmt: skip
    return {
        "program": source.text if source else "", "name": source.name if source else "",
        "data": data.source, "sha256": data.digest, "samples": data.count,
        "options": {word: getattr(args, word) for word in words},
    }  # fmt: skip


def _same_run(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse to go on with other data, another program or other options but for the epochs."""
    free = ("epochs", "profile")
    for what in ("program", "sha256"):
        if before.get(what) != now[what]:
            word = "program" if what == "program" else "data file"
            raise GraphError(f"the {word} has changed since the run began: leave --resume out")
    old = before.get("options", {})
    for word, value in now["options"].items():
        if word not in free and old.get(word) != value:
            raise GraphError(
                f"the run began with --{word.replace('_', '-')} {old.get(word)}, now it is "
                f"{value}: give the same, or leave --resume out"
            )


def numbers_of(words: list[str]) -> dict[str, float]:
    """The settings of `rho=0.9` words; GraphError for one that is none."""
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            found[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals or not name.strip():
            raise GraphError(f"found '{word:.40}', expected a name and a number such as rho=0.9")
    return found


# ------------------------------------------------------------------ what is shown


def written(folder: str | Path) -> None:
    """Say where a run or a sweep is, and what its folder lacks."""
    say(f"written to {folder}")
    if not plots.available():
        say(f"no plots were drawn: {plots.MISSING}")


def _losses(epoch: Epoch) -> str:
    held = "" if epoch.validation is None else f"  validation {epoch.validation:.5g}"
    return f"loss {epoch.loss:.5g}{held}"


def _say(run: Run, watcher: Watcher) -> None:
    output = console(width=int(os.environ.get("COLUMNS", "0")) or None)
    output.print(_table(run))
    output.print(str(run), style="bold")
    found = [*watcher.found.values()]
    for iteration, finding in found[:MOST_FINDINGS]:
        output.print(f"! iteration {iteration}: {finding}", style="yellow")
    if len(found) > MOST_FINDINGS:
        output.print(f"... {len(found) - MOST_FINDINGS} more findings")


def _table(run: Run) -> Table:
    """Some epochs, evenly spread: losses, rate, the largest gradient norm."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("epoch", "loss", "validation", "rate", "largest gradient norm"):
        table.add_column(name, justify="right")
    count = len(run.epochs)
    rows = sorted({round(at * (count - 1) / 7) for at in range(8)}) if count else []
    for each in (run.epochs[at] for at in rows):
        held = "" if each.validation is None else number(each.validation)
        largest = max(each.norms, key=lambda name: each.norms[name])
        norm = f"{number(each.norms[largest], 3)} ({largest})"
        table.add_row(str(each.number), number(each.loss), held, number(each.rate, 3), norm)
    return table


def _open(args: Namespace, run: Run) -> int:
    """The prompt or the app on the run."""
    session = lazy.module("stepping.session").Session(
        run.step.graph, run.point(0), of=run.step.of, seed=args.seed, run=run
    )
    session.read_from = read_from(args)
    if args.step_run:
        return int(lazy.app("app").run(lambda: session, None, opening.reach(None)))
    return int(lazy.module("commandline.prompt").talk(session))
