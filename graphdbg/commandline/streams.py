"""The three standard streams where something is wrong with them: closed, full, nobody reads.

A stream that was closed before we began is opened on nothing, so that no file takes its number.
One that fails later is turned to nothing: Python writes what is left in it once more at exit, and
would end with a code of its own.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

from .outlets import complain

# What the system says of a stream that takes no more; other faults of files are told where they
# arise, with the file's name.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)


def prepare() -> None:
    """None; afterwards all three streams are there, and a narrow one shows ? for what it lacks."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def is_full(error: OSError) -> bool:
    """Whether an error is that of a stream that takes no more, not that of a file."""
    return error.filename is None and error.errno in FULL


def finish(code: int, full: int, broken: int) -> int:
    """The exit code, once all has been written: `code`, or what a stream says that takes no more.

    `broken` where nobody reads standard output any more, which is said to nobody; `full` where it
    fails otherwise, which is one line on the error stream.
    """
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = broken
    except OSError as error:
        code = full
        tell(error)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _turn_to_nothing(stream)
    return code


def tell(error: OSError) -> None:
    """Say on the error stream, where that takes anything, that standard output does not."""
    with suppress(OSError):
        complain("error", f"cannot write to standard output: {error.strerror}")


def _turn_to_nothing(stream: object) -> None:
    with suppress(OSError, ValueError):  # a stream of a test has no number
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())  # type: ignore[attr-defined]
        os.close(nothing)
