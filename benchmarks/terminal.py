"""A real terminal of 160×50 for the benchmarks: starts a program in it, types, watches it paint.

There is no model of the screen. What is asked for is a text that the program writes in one piece,
in the output without its escape sequences. The terminal answers the one question that concerns
painting, whether it can show a frame at once (mode 2026), as terminals of today do.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path

COLUMNS, ROWS = 160, 50
CHUNK = 1 << 16  # bytes read at once
ESCAPES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, places, modes
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC: titles
    r"|\x1b[P_^][^\x1b]*\x1b\\"  # DCS and the like
    r"|\x1b[ -/]*[0-OQ-Z\\`-~]"  # two characters
)
FRAMES_ASKED = b"\x1b[?2026$p"
FRAMES_KNOWN = b"\x1b[?2026;2$y"


class NotShown(RuntimeError):
    """The program did not paint what was waited for."""


class Terminal:
    """A program in a terminal of its own; `began` is the clock just before its process."""

    def __init__(self, *command):
        self.began = time.perf_counter()
        self.last = self.began  # when output was read last
        self.written = ""  # since `forget`, without escape sequences
        self._rest = ""  # the beginning of an escape sequence, or of a character
        self._bytes = b""
        self._process, self._terminal = pty.fork()
        if self._process == 0:
            size = struct.pack("HHHH", ROWS, COLUMNS, 0, 0)
            fcntl.ioctl(sys.stdout.fileno(), termios.TIOCSWINSZ, size)
            environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
            os.execvpe(command[0], command, environment)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    # ---------------------------------------------------------------- reading and typing

    def read(self, seconds):
        """Take in what is written within so many seconds; False where there is nothing."""
        if not select.select([self._terminal], [], [], max(0.0, seconds))[0]:
            return False
        try:
            found = os.read(self._terminal, CHUNK)
        except OSError:  # how Linux tells that the other end is closed
            found = b""
        if not found:
            raise NotShown(f"the program has ended: {self.written[-300:].strip()!r}")
        self.last = time.perf_counter()
        if FRAMES_ASKED in found:
            os.write(self._terminal, FRAMES_KNOWN)
        self._take(found)
        return True

    def _take(self, found):
        self._bytes += found
        text = self._bytes.decode("utf-8", errors="ignore")
        whole = len(text.encode())
        self._bytes = self._bytes[whole:] if whole < len(self._bytes) else b""
        text = ESCAPES.sub("", self._rest + text)
        begun = text.rfind("\x1b")
        self._rest = text[begun:] if begun >= 0 else ""
        self.written += text[:begun] if begun >= 0 else text

    def forget(self):
        """Drop what was written so far."""
        self.written = ""

    def type(self, key):
        """Press a key; the clock just before."""
        pressed = time.perf_counter()
        os.write(self._terminal, key.encode())
        return pressed

    # ---------------------------------------------------------------- waiting

    def wait_for(self, is_shown, limit=60.0):
        """When what was written is as wanted first; NotShown after `limit` seconds."""
        until = time.perf_counter() + limit
        while not is_shown(self.written):
            left = until - time.perf_counter()
            if left <= 0 or not self.read(left):
                tail = " ".join(self.written.split())[-300:]
                raise NotShown(f"not painted within {limit:g} s; last: {tail!r}")
        return self.last

    def wait_until_quiet(self, seconds):
        """When output came last, once nothing has come for so many seconds."""
        while self.read(seconds):
            pass
        return self.last

    # ---------------------------------------------------------------- the process

    def peak(self):
        """The largest memory the program had, in bytes; 0 where the system does not say."""
        status = Path(f"/proc/{self._process}/status")
        lines = status.read_text().splitlines() if status.exists() else []
        return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)

    def waited(self):
        """The seconds for which its threads were ready but had no core; 0 where it is not told."""
        found = Path(f"/proc/{self._process}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[1]) for each in found) * 1e-9

    def close(self):
        """End the program."""
        os.kill(self._process, signal.SIGKILL)
        os.waitpid(self._process, 0)
        os.close(self._terminal)
