"""`sweep`: the same training with other settings, many times at once, over any executor.

Each slot runs one trial at a time. In the default, a slot is a process of its own, so that a worker
that is killed loses its own trial and no other; the trial is run again in a new process.
"""

from __future__ import annotations

import csv
import io
import itertools
import math
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .. import lazy
from ..errors import GraphError
from .data import Data
from .executors import OnDask, OwnProcess, OwnThread
from .loop import INTERRUPTED, train
from .signals import CTRL_C, Asked

ATTEMPTS = 3  # runs of a trial whose worker is killed, before it is given up
MOST_TRIALS = 10_000
LOOK = 0.1  # seconds between two looks at whether somebody asks for the end
POINTS = 7  # of a span that does not say how many
Options = Mapping[str, Any]
Make = Callable[[], Executor]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a trial came to: its options, losses, time in seconds, and why it failed if it did.

    `validation` is None without held-out samples, `loss` nan for a trial that failed; `attempts`
    counts how often its worker had to begin.
    """

    number: int
    options: Options
    loss: float = math.nan
    validation: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    error: str = ""
    attempts: int = 1

    @property
    def score(self) -> float:
        """What trials are compared by: the held-out loss where there is one; inf for a failure."""
        value = self.loss if self.validation is None else self.validation
        return value if math.isfinite(value) else math.inf


def trials(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """Every combination of the values; GraphError for none, or too many.

    >>> trials({"lr": [0.1, 1.0], "optimizer": ["sgd"]})
    [{'lr': 0.1, 'optimizer': 'sgd'}, {'lr': 1.0, 'optimizer': 'sgd'}]
    """
    found = [dict(zip(axes, values)) for values in itertools.product(*axes.values())]
    if not 0 < len(found) <= MOST_TRIALS:
        raise GraphError(f"the sweep has {len(found):,} trials, expected 1 to {MOST_TRIALS:,}")
    return found


def values(text: str, kind: type) -> list[Any]:
    """The values of `1e-4:1:log`, `0:1:lin:5` or `0.1,0.2`; GraphError for a text that is none.

    >>> values("1e-2:1:log:3", float), values("16,32", int)
    ([0.01, 0.1, 1.0], [16, 32])
    """
    try:
        if ":" in text and kind is float:
            return _span(*text.split(":"))
        return [kind(word.strip()) for word in text.split(",")]
    except (TypeError, ValueError) as error:
        what = {float: "numbers such as 0.1,0.2 or a span such as 1e-4:1:log",
                int: "whole numbers such as 16,32"}.get(kind, "names with commas")  # fmt: skip
        raise GraphError(f"found '{text:.60}', expected {what}") from error


def _span(first: str, last: str, kind: str = "log", count: str = str(POINTS)) -> list[float]:
    low, high, points = float(first), float(last), int(count)
    if points < 1 or kind not in ("log", "lin") or (kind == "log" and min(low, high) <= 0):
        raise ValueError(kind)
    make = np.geomspace if kind == "log" else np.linspace
    return [float(f"{each:.12g}") for each in make(low, high, points)]


def attempt(
    program: str, data: Data, options: Options, number: int, stop: Callable[[], bool] | None = None
) -> Outcome:
    """One trial, in whatever process it is called; one that fails or is made to `stop` says so."""
    begin = time.perf_counter()
    made = Outcome(number, options)
    try:
        run = train(program, data, stop=stop, **options)
    except GraphError as error:
        return replace(made, error=error.message, seconds=time.perf_counter() - begin)
    if run.stopped == INTERRUPTED:
        return replace(made, error=INTERRUPTED)
    last = run.epochs[-1] if run.best is None else run.epochs[run.best]
    return replace(made, loss=last.loss, validation=last.validation, epochs=len(run.epochs),
                   seconds=time.perf_counter() - begin)  # fmt: skip


def sweep(
    program: str,
    data: Data,
    tried: Sequence[Options],
    *,
    slots: Sequence[Make] | None = None,
    told: Callable[[Outcome], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> list[Outcome]:
    """The outcomes of all trials, in their order; `told` hears of each as it ends.

    `slots` make the executors, each of which has one trial at a time: processes by default, as
    many as the machine has cores. Where Ctrl-C or `stop` asks for the end, those that have ended
    are returned, and the others are ended.
    """
    work = _Work(program, data, list(slots or processes()), told or (lambda outcome: None))
    return work.run(tried, stop)


def processes(count: int | None = None) -> list[Make]:
    """Slots that are processes of their own, which end with this one."""
    return [OwnProcess] * (count or os.cpu_count() or 1)


def threads(count: int = 1) -> list[Make]:
    """Slots that are threads of this process."""
    return [OwnThread] * count


def dask(address: str) -> list[Make]:
    """Slots on a Dask cluster, as many as it has threads; GraphError where it cannot be reached."""
    if not lazy.is_installed("distributed"):
        raise GraphError("a Dask cluster needs dask: pip install 'graphdbg[dask]'")
    try:
        client = lazy.distributed().Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError) as error:
        raise GraphError(f"no Dask scheduler answers at {address}: {error}") from error
    count = sum(client.nthreads().values()) or 1
    return [lambda: OnDask(client.get_executor())] * count


class _Work:
    """The trials that wait, the slots that run one each."""

    def __init__(
        self, program: str, data: Data, makers: list[Make], told: Callable[[Outcome], None]
    ) -> None:
        self.program, self.data, self.makers, self.told = program, data, makers, told
        self.executors = [make() for make in makers]
        self.free = list(range(len(makers)))
        self.running: dict[Future[Outcome], tuple[int, int]] = {}
        self.attempts: dict[int, int] = {}
        self.done: dict[int, Outcome] = {}

    def run(self, tried: Sequence[Options], stop: Callable[[], bool] | None) -> list[Outcome]:
        """All trials; those that have ended where somebody asks for the end."""
        self.waiting = list(range(len(tried)))[::-1]
        with Asked(CTRL_C, stop) as asked:
            try:
                while self.waiting or self.running:
                    asked.look()
                    self._fill(tried)
                    ended, _ = wait(self.running, LOOK, return_when=FIRST_COMPLETED)
                    for future in ended:
                        self._end(future, tried)
            except KeyboardInterrupt:
                pass  # what has ended is returned
            finally:
                for executor in self.executors:
                    _shut(executor)
        return [self.done[number] for number in sorted(self.done)]

    def _fill(self, tried: Sequence[Options]) -> None:
        while self.free and self.waiting:
            slot, number = self.free.pop(), self.waiting.pop()
            self.attempts[number] = self.attempts.get(number, 0) + 1
            future = self.executors[slot].submit(
                attempt, self.program, self.data, tried[number], number
            )
            self.running[future] = (slot, number)

    def _end(self, future: Future[Outcome], tried: Sequence[Options]) -> None:
        slot, number = self.running.pop(future)
        error = future.exception()
        if error is None:
            outcome = replace(future.result(), attempts=self.attempts[number])
            if outcome.error == INTERRUPTED:
                return  # a worker was asked for the end, as we were
        elif isinstance(error, BrokenExecutor) and self.attempts[number] < ATTEMPTS:
            self.executors[slot] = self.makers[slot]()  # the worker was killed: a new one
            self.waiting.append(number)
            self.free.append(slot)
            return
        else:
            if isinstance(error, BrokenExecutor):
                self.executors[slot] = self.makers[slot]()
            said = f"{type(error).__name__}: {error}"
            outcome = Outcome(number, tried[number], error=said, attempts=self.attempts[number])
        self.free.append(slot)
        self.done[number] = outcome
        self.told(outcome)


def _shut(executor: Executor) -> None:
    """End an executor, and what it runs where it can."""
    try:
        executor.shutdown(wait=False, cancel_futures=True)
    except TypeError:  # that of Dask takes no such word, and cancels anyway
        executor.shutdown(wait=False)


def table(outcomes: Iterable[Outcome]) -> str:
    """The outcomes as CSV, the best first."""
    rows = sorted(outcomes, key=lambda each: (each.score, each.number))
    names = list(rows[0].options) if rows else []
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([*names, "loss", "validation", "epochs", "seconds", "attempts", "error"])
    for each in rows:
        held = "" if each.validation is None else repr(each.validation)
        given = [each.options[name] for name in names]
        row = [repr(each.loss), held, each.epochs, f"{each.seconds:.3f}", each.attempts, each.error]
        writer.writerow([*given, *row])
    return out.getvalue()
