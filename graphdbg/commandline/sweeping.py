"""`graphdbg sweep`: the same training with other rates, rules and batches, side by side."""

from __future__ import annotations

from argparse import Namespace
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from ..errors import GraphError
from ..files import writing
from ..rendering.numbers import number
from ..training import plots, sweeps
from ..training.data import data_for
from ..training.rules import optimizer, schedule
from ..training.sweeps import Make, Outcome
from .consoles import console
from .loading import Bounds, read_from, read_graph, target
from .progress import bar
from .training import numbers_of, written

OK, FAILED = 0, 1
TABLE, PLOTS = "trials.csv", ("sweep.svg", "sweep.png")  # what the folder holds
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
    best = [float("inf")]  # after each trial that has ended
    with bar("trial", len(tried)) as move:

        def told(outcome: Outcome) -> None:
            best.append(min(best[-1], outcome.score))
            move(len(best) - 1, f"best {best[-1]:.5g}")

        found = sweeps.sweep(text, data, tried, slots=_slots(args), told=told)
    varied = [{name: each.options[name] for name in axes} for each in found]
    shown = [replace(each, options=options) for each, options in zip(found, varied)]
    _say(shown, len(tried))
    if args.output is not None:
        _write(Path(args.output), shown)
    return OK if any(not each.error for each in found) else FAILED


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
        return [lambda: ThreadPoolExecutor(1)] * (args.jobs or 1)
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


def _write(folder: Path, found: list[Outcome]) -> None:
    writing.make_folder(folder)
    writing.write(folder / TABLE, sweeps.table(found).encode("utf-8"), lasting=True)
    if plots.available() and found and "lr" in found[0].options:
        for name in PLOTS:
            data = plots.drawn(lambda axes: plots.sweep(axes, found), name.rpartition(".")[2])
            writing.write(folder / name, data)
    written(folder)
