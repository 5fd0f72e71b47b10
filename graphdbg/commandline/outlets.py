"""Where the command line writes: every text that a person reads goes through one of these outlets.

A text may quote what was typed or read from a file; the outlets show each of its characters (see
`source.shown`), and only then add colours of their own. Nothing here loads a package.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable

from ..source import shown

Paint = Callable[[str], str]


def say(text: str = "", end: str = "\n", paint: Paint = str) -> None:
    """Write a text to standard output; `paint` adds colours to what is shown."""
    sys.stdout.write(paint(shown(text, lines=True)) + end)


def aside(text: str) -> None:
    """Write a line to standard error, beside what standard output carries."""
    sys.stderr.write(shown(text, lines=True) + "\n")


def hand_over(data: bytes) -> None:
    """Write a picture or a document to standard output; it has shown its texts itself."""
    sys.stdout.flush()
    stream = getattr(sys.stdout, "buffer", None)
    if stream is None:
        sys.stdout.write(data.decode("utf-8"))
    else:
        stream.write(data)
        stream.flush()


def complain(kind: str, message: str) -> None:
    """Write `error: message` to standard error, its first word red on a terminal."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    mark = f"\x1b[1;31m{kind}:\x1b[0m" if color else f"{kind}:"
    sys.stderr.write(f"{mark} {shown(message, lines=True)}\n")


def show_traceback(error: Exception) -> None:
    """Write the traceback of a bug to standard error."""
    aside("".join(traceback.format_exception(error)).rstrip("\n"))
