"""`Asked`: whether somebody has asked work to end, by Ctrl-C, SIGTERM, SIGHUP or a function.

A signal that arrives is only noted; the work looks between two of its steps, so that nothing is
cut in two. The second Ctrl-C does not wait for the end of a step.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

CTRL_C = ("SIGINT",)
ALL = ("SIGINT", "SIGTERM", "SIGHUP")  # the last one is unknown to Windows
# Those of which somebody waits for the process to leave, who may not wait for long:
HURRIED = tuple(int(getattr(signal, name)) for name in ALL[1:] if name in dir(signal))
HANGUP = int(getattr(signal, "SIGHUP", -1))
SIGNALLED = 128  # and the number of the signal: the exit code of what a signal has ended
DEFAULTS = (signal.SIG_DFL, signal.default_int_handler)


class Asked:
    """What work looks at between its steps; a context manager that listens while it is entered.

    `signal` is the number of the first signal that came, 0 before. Only where a signal has its
    default meaning is it listened to: what was ignored at the start stays ignored (nohup), and a
    handler of somebody else's stays theirs. `stop` is asked as well, where it is given.
    """

    def __init__(self, names: tuple[str, ...] = CTRL_C, stop: Callable[[], bool] | None = None):
        self.signal = 0
        self.stop = stop
        self.breaks = False  # whether the second Ctrl-C ends at once what is going on
        self._names = names
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Asked:
        if threading.current_thread() is threading.main_thread():
            for name in self._names:
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) in DEFAULTS:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        again, self.signal = self.signal == signal.SIGINT == number, self.signal or number
        if again and self.breaks:
            self.breaks = False  # a third one must not cut what follows
            raise KeyboardInterrupt

    def look(self) -> None:
        """Raise KeyboardInterrupt where somebody has asked for the end."""
        if self.signal or (self.stop is not None and self.stop()):
            raise KeyboardInterrupt

    @contextmanager
    def breaking(self, may: bool = True) -> Iterator[None]:
        """While it is entered, the second Ctrl-C ends at once what is going on, or does not."""
        before, self.breaks = self.breaks, may
        try:
            yield
        finally:
            self.breaks = before
