"""The app in a real terminal (a pty): start, a full walk, resize, quit; and what never opens."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time

ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])")
SIZES = ("COLUMNS", "LINES")
PATIENCE = 20  # seconds until something that has to appear counts as missing


class Terminal:
    """A process in a pseudo-terminal; `text` is all it has written, without escape sequences."""

    def __init__(self, *words: str, rows: int = 30, columns: int = 100) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            # COLUMNS and LINES would go before the terminal's size; readline sets them behind
            # Python's back, so the environment is passed on whole
            kept = {key: word for key, word in os.environ.items() if key not in SIZES}
            words = (sys.executable, "-m", "graphdbg", *words)
            os.execve(sys.executable, words, {**kept, "TERM": "xterm-256color"})
        self.resize(rows, columns)
        self.raw = b""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    def read(self, seconds: float) -> bool:
        """Read what is there within some seconds; whether there was something."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            found = os.read(self.fd, 65536)
        except OSError:  # the process has closed its side
            return False
        self.raw += found
        return bool(found)

    def wait_for(self, text: str) -> None:
        """Read until a text has been written since the last call."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = ESCAPES.sub(b"", self.raw).decode("utf-8", "ignore")
            if text in shown:
                self.raw = b""
                return
            self.read(0.1)
        raise AssertionError(f"{text!r} does not appear: {shown[-2000:]!r}")

    def exit_code(self) -> int:
        """The exit code, once the process has ended."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                os.close(self.fd)
                return os.waitstatus_to_exitcode(status)
            self.read(0.1)
        os.kill(self.pid, 9)
        raise AssertionError("the process does not end")


def test_a_full_walk_resize_and_quit() -> None:
    terminal = Terminal("step", "f=(x+y)z", "x=-2", "y=5", "z=-4")
    terminal.wait_for("0 of 12")
    for position in range(1, 13):
        terminal.send("s")
        terminal.wait_for(str(position))  # only what changes is painted: the number
    terminal.resize(45, 150)
    terminal.wait_for("calls")
    terminal.send("q")
    assert terminal.exit_code() == 0
    assert b"Traceback" not in terminal.raw


def test_a_source_with_an_error_opens_nothing() -> None:
    terminal = Terminal("step", "f = (x +")
    terminal.wait_for("^")
    assert terminal.exit_code() == 2


def test_an_unknown_name_opens_nothing() -> None:
    terminal = Terminal("step", "f = x*y", "--wrt=q")
    terminal.wait_for("no node named 'q'")
    assert terminal.exit_code() == 2


def test_without_a_terminal_it_says_so() -> None:
    command = [sys.executable, "-m", "graphdbg", "step", "f = x"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "use graphdbg debug in a pipe" in done.stderr
