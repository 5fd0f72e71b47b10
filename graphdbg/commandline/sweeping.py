"""`graphdbg sweep`: the same training with other rates, rules and batches, side by side."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from ..errors import GraphError
from ..files import writing
from ..rendering.numbers import number
from ..training import plots, sweeps
from ..training.data import Data, data_for
from ..training.locks import locked
from ..training.rules import optimizer, schedule
from ..training.signals import ALL, HANGUP, SIGNALLED, Asked
from ..training.sweeps import Make, Options, Outcome
from .consoles import console
from .loading import Bounds, read_from, read_graph, target
from .progress import bar
from .training import numbers_of, written

OK, FAILED = 0, 1
TABLE, PLOTS = "trials.csv", tuple(f"sweep.{form}" for form in plots.FORMS)
OFTEN = 1.0  # seconds between two writes of the table, while trials end
Save = Callable[[Sequence[Outcome], bool], None]  # what there is, and whether it is all
MOST_ROWS = 20  # of the table that is printed; the folder has all of them


def sweep(args: Namespace) -> int:
    """Run all trials, print the best, write the folder."""
    if args.output is not None:
        writing.ready_folder(args.output, read_from(args), [TABLE, *PLOTS])
    graph, _, _ = read_graph(args.source, (), args.shape, Bounds.of(args))
    if args.data is None:
        raise GraphError("expected --data FILE: rows to learn from, as csv, npy or npz")
    data = data_for(graph, args.data, args.target)
    fixed = {
        "of": target(graph, args.of), "validation": args.validation, "epochs": args.epochs,
        "early_stopping": args.early_stopping, "masks": numbers_of(args.mask), "seed": args.seed,
    }  # fmt: skip
    axes = _axes(args)
    tried = [{**axis, **fixed} for axis in sweeps.trials(axes)]
    text = graph.source.text if graph.source else ""
    with _saving(args, axes) as save, Asked(ALL) as asked:
        found = _found(text, data, tried, _slots(args), asked, save)
        save(found, True)
    code = SIGNALLED + asked.signal
    if asked.signal == HANGUP:
        return code  # nobody reads what would be said
    _say(_varied(found, axes), len(tried))
    if args.output is not None:
        written(args.output)
    if asked.signal:
        return code
    return OK if any(not each.error for each in found) else FAILED


def _found(
    text: str, data: Data, tried: Sequence[Options], slots: list[Make], asked: Asked, save: Save
) -> list[Outcome]:
    """The outcomes; each is shown on the bar, and saved with those before it."""
    done: list[Outcome] = []
    with bar("trial", len(tried)) as move:

        def told(outcome: Outcome) -> None:
            done.append(outcome)
            move(len(done), f"best {min(each.score for each in done):.5g}")
            save(done, False)

        return sweeps.sweep(text, data, tried, slots=slots, told=told,
                            stop=lambda: bool(asked.signal))  # fmt: skip


def _varied(found: Iterable[Outcome], axes: Iterable[str]) -> list[Outcome]:
    """Outcomes with those options alone that vary."""
    return [replace(each, options={name: each.options[name] for name in axes}) for each in found]


def _axes(args: Namespace) -> dict[str, list[Any]]:
    """What varies; names are looked up before anything runs."""
    kinds = {"lr": float, "optimizer": str, "batch": int, "schedule": str}
    axes = {name: sweeps.values(getattr(args, name), kind) for name, kind in kinds.items()
            if getattr(args, name) is not None}  # fmt: skip
    for name in axes.get("optimizer", ()):
        optimizer(name)
    for name in axes.get("schedule", ()):
        schedule(name)
    return axes


def _slots(args: Namespace) -> list[Make]:
    kind: str = args.executor
    if kind.startswith("dask://"):
        return sweeps.dask(f"tcp://{kind.removeprefix('dask://')}")
    if kind == "threads":
        return sweeps.threads(args.jobs or 1)
    if kind != "processes":
        raise GraphError(
            f"found --executor {kind}, expected processes, threads or dask://HOST:PORT"
        )
    return sweeps.processes(args.jobs)


def _say(found: list[Outcome], count: int) -> None:
    output = console()
    if not found:
        output.print("no trial has ended")
        return
    rows = sorted(found, key=lambda each: (each.score, each.number))
    table = Table(box=None, pad_edge=False, header_style="dim")
    names = list(rows[0].options)
    for name in (*names, "loss", "held out", "epochs", "seconds", ""):
        table.add_column(name, justify="right" if name else "left")
    for each in rows[:MOST_ROWS]:
        held = "" if each.validation is None else number(each.validation)
        again = f"begun {each.attempts} times" if each.attempts > 1 else ""
        said = each.error.split(":")[0][:40] or again
        given = [number(x, 4) if isinstance(x, float) else str(x) for x in each.options.values()]
        loss = "" if each.error else number(each.loss)
        table.add_row(*given, loss, held, str(each.epochs), f"{each.seconds:.1f}", said)
    output.print(table)
    best = rows[0]
    words = ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                      for name, value in best.options.items())  # fmt: skip
    failed = sum(bool(each.error) for each in found)
    left = f", {count - len(found)} not run" if count > len(found) else ""
    told = f"none has a result: {best.error}" if best.error else f"best: {words}"
    output.print(f"{len(found)} trials, {failed} failed{left}; {told}", style="bold")


@contextmanager
def _saving(args: Namespace, axes: Iterable[str]) -> Iterator[Save]:
    """What writes outcomes to -o FOLDER, which is ours alone meanwhile; nothing without it."""
    if args.output is None:
        yield lambda found, ended: None
        return
    folder, names = Path(args.output), [*axes]
    at = [0.0]  # when it was written the last time

    def save(found: Sequence[Outcome], ended: bool) -> None:
        if ended or time.monotonic() - at[0] >= OFTEN:
            _write(folder, _varied(found, names), ended)
            at[0] = time.monotonic()

    try:
        writing.make_folder(folder)
        with locked(folder):
            yield save
    except OSError as error:
        raise GraphError(f"cannot write to '{folder}': {error.strerror or error}") from error


def _write(folder: Path, found: list[Outcome], ended: bool) -> None:
    writing.write(folder / TABLE, sweeps.table(found).encode("utf-8"), lasting=True)
    if ended and plots.available() and found and "lr" in found[0].options:
        made = plots.drawings(lambda axes: plots.sweep(axes, found), plots.FORMS)
        for form, data in made.items():
            writing.write(folder / f"sweep.{form}", data, lasting=True)
