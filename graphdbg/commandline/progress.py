"""`bar`: how far a long command has come, on a terminal; nothing where nobody watches."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from .consoles import console

Move = Callable[[int, str], None]  # to a count, with what is said of it


@contextmanager
def bar(unit: str, total: int, begun: int = 0) -> Iterator[Move]:
    """What moves a progress bar of `total` units on the terminal; elsewhere it does nothing."""
    columns = (TextColumn(unit + " {task.completed:.0f}/{task.total:.0f}"), BarColumn(),
               TextColumn("{task.fields[said]}"), TimeRemainingColumn())  # fmt: skip
    silent, output = not sys.stderr.isatty(), console(stderr=True)
    with Progress(*columns, console=output, transient=True, disable=silent) as progress:
        task = progress.add_task("", total=total, completed=begun, said="")
        yield lambda count, said: progress.update(task, completed=count, said=said)
