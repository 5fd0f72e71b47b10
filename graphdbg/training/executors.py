"""Executors for trials, which end what they run when they are shut down, or when we are killed.

Each has one trial at a time. `shutdown(cancel_futures=True)` ends the one that runs as well: a
thread and a task of Dask look between their steps, a process ends at once.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.connection import Connection
from typing import Any

from .. import lazy

CANCELLED = "cancelled"  # what a worker of Dask calls a task that nobody waits for any more


class OwnThread(ThreadPoolExecutor):
    """A thread of this process; what runs in it is given `stop`, to look at between its steps."""

    def __init__(self) -> None:
        super().__init__(1, thread_name_prefix="OwnThread")
        self._ended = threading.Event()

    def submit(self, function: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        """The future of a call, which gets `stop` besides."""
        return super().submit(function, *args, stop=self._ended.is_set, **more)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `cancel_futures`, have the running one end."""
        if cancel_futures:
            self._ended.set()
        super().shutdown(wait, cancel_futures=cancel_futures)


class OwnProcess(ProcessPoolExecutor):
    """A process that lives no longer than we do.

    It reads from a pipe to which nobody writes: when its other end is closed, by us or because we
    were killed, the process ends at once. Ctrl-C on the terminal, which reaches it too, is ours.
    """

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        reader, self._writer = context.Pipe(duplex=False)
        super().__init__(1, mp_context=context, initializer=_follow, initargs=(reader,))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with `cancel_futures`, end the running one."""
        if cancel_futures:
            self._writer.close()
        super().shutdown(wait, cancel_futures=cancel_futures)


def _follow(reader: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_at_the_end_of, args=(reader,), daemon=True).start()


def _leave_at_the_end_of(reader: Connection) -> None:
    reader.poll(None)
    os._exit(1)


class OnDask(Executor):
    """A slot of a Dask cluster; what runs there ends when it is cancelled, or its client gone."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def submit(self, function: Callable[..., Any], /, *args: Any, **more: Any) -> Future[Any]:
        """The future of a call, which gets `stop` besides."""
        found: Future[Any] = self._inner.submit(function, *args, stop=is_unwanted, **more)
        return found

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; without `wait`, have those that run end."""
        self._inner.shutdown(wait=wait and not cancel_futures)


def is_unwanted() -> bool:
    """Whether the task of Dask that calls this is one that nobody waits for any more."""
    worker = lazy.distributed().get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    return task is None or task.state == CANCELLED
