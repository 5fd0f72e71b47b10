"""graphdbg in a real terminal: a process in a pseudo-terminal, keys sent, text waited for.

The process is not forked from this one, whose threads (JAX has some) a fork would hang: a small
program of Python's takes the terminal as its own and becomes graphdbg. Ctrl-C reaches it as in a
shell, also where the tests themselves were started with that signal ignored (`nohup pytest &`).
"""

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

ESCAPES = re.compile(r"\x1b(\[[0-9;?<>=]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>])")
PATIENCE = 20  # seconds until something that has to appear counts as missing
SIZES = ("COLUMNS", "LINES")  # would go before the terminal's size; readline sets them unseen
TAKE = (
    "import fcntl, os, signal, sys, termios; signal.signal(signal.SIGINT, signal.SIG_DFL); "
    "fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    "os.execve(sys.executable, [sys.executable, '-m', 'graphdbg', *sys.argv[1:]], "
    "{key: word for key, word in os.environ.items() if key not in ('COLUMNS', 'LINES')})"
)


class Terminal:
    """`graphdbg WORDS` in a pseudo-terminal; `environment` is added, an empty word removes."""

    def __init__(self, *words: str, rows: int = 30, columns: int = 100, **environment: str) -> None:
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        env = {**os.environ, "TERM": "xterm-256color", **environment}
        env = {key: word for key, word in env.items() if word and key not in SIZES}
        self.process = subprocess.Popen(
            [sys.executable, "-c", TAKE, *words], stdin=slave, stdout=slave, stderr=slave, env=env,
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)
        self.seen = ""

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def read(self, seconds: float) -> None:
        """Take what is there within some seconds."""
        if select.select([self.master], [], [], seconds)[0]:
            try:
                self.seen += os.read(self.master, 65536).decode("utf-8", "replace")
            except OSError:  # the process has closed its side
                time.sleep(seconds)

    def wait(self, text: str, plain: bool = False) -> str:
        """What came up to and with `text`; it fails where that does not come.

        With `plain`, escape sequences are left out before anything is compared.
        """
        end = time.monotonic() + PATIENCE
        while True:
            shown = ESCAPES.sub("", self.seen) if plain else self.seen
            if text in shown:
                before, found, rest = shown.partition(text)
                self.seen = "" if plain else rest
                return before + found
            assert time.monotonic() < end, f"waited for {text!r}, found {shown[-2000:]!r}"
            self.read(0.1)

    def code(self) -> int:
        """The exit code; what the process still writes is read, so that it can end."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            assert time.monotonic() < end, "the process does not end"
            self.read(0.05)
        return self.process.wait()

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait(timeout=PATIENCE)
        os.close(self.master)
