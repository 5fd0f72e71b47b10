"""Files are looked at before they are read, and read up to a bound: no device, no endless pipe.

A folder, a device, a socket, and a pipe that nobody has opened for writing are refused in one
line, without waiting. A pipe that has a writer (`<(command)` of a shell, /dev/fd/N) and standard
input are read once, to their end. Bounds count the bytes that come, never what the system says of
a file's size: those of /proc have size 0, a pipe has none, and a log may grow meanwhile.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import FileError, GraphError

OPEN = os.O_RDONLY
for _flag in ("O_NONBLOCK", "O_CLOEXEC", "O_NOCTTY", "O_BINARY"):  # those that the system has
    OPEN |= getattr(os, _flag, 0)
CHUNK = 1 << 20  # bytes that are asked for at a time
STANDARD = "-"  # the word that stands for standard input on a command line
KINDS = (
    (stat.S_ISDIR, "Is a directory"),
    (stat.S_ISCHR, "it is a device"),
    (stat.S_ISBLK, "it is a device"),
    (stat.S_ISSOCK, "it is a socket"),
)


@dataclass(frozen=True, slots=True)
class Bound:
    """How many bytes of a kind of file are read, and why not more, as an error says it."""

    most: int
    why: str

    def exceeded(self) -> FileError:
        """The error of a file that has more."""
        count = self.most
        shown = f"{count / 10**9:g} GB" if count >= 10**9 else f"{count / 10**6:g} MB"
        return FileError(f"it is larger than {shown}, {self.why}")


PROGRAM = Bound(10**7, "and no text of that size is a program: 400,000 nodes take less")
SCRIPT = Bound(10**7, "and no text of that size is a list of commands")
SAVED = Bound(5 * 10**8, "more than a saved graph of 400,000 nodes takes with its values")
TABLE = Bound(5 * 10**8, "and a table of text takes ten times that in memory: save it as .npy")
ARRAYS = Bound(2 * 10**9, "more than is worked on at a time: take a part of it")
BoundOf = Bound | Callable[[bytes], Bound]  # given the first bytes


def read(path: str | Path, bound: BoundOf) -> bytes:
    """The bytes of a file, or of a pipe to its end; FileError where it is none or has too many.

    The error says what is wrong and names no file: who asked knows what the file was for.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "f.gd"
    >>> file.write_bytes(b"f = x*y")
    7
    >>> read(file, PROGRAM)
    b'f = x*y'
    """
    with _told():
        _refuse(os.stat(path))  # before it is opened: opening some devices does something
        descriptor = os.open(path, OPEN)
        try:
            found = os.fstat(descriptor)
            _refuse(found)
            chunks = _piped(descriptor) if stat.S_ISFIFO(found.st_mode) else _chunks(descriptor)
            return _gathered(chunks, bound)
        finally:
            os.close(descriptor)


def read_word(word: str, bound: BoundOf) -> bytes:
    """What a word of the command line names: a file, or standard input for `-`; see `read`."""
    return read_standard(bound) if word == STANDARD else read(word, bound)


def read_standard(bound: BoundOf) -> bytes:
    """The bytes of standard input to its end; FileError where it is closed or has too many."""
    if sys.stdin is None:
        raise FileError("it is closed")
    with _told():
        return _gathered(_standard(), bound)


def text(raw: bytes) -> str:
    """The text in UTF-8, without its mark of byte order; FileError where it is none.

    >>> text("∂".encode())
    '∂'
    """
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileError(f"it is not text in UTF-8 (byte {error.start})") from error


def text_of(path: str | Path, bound: Bound, what: str = "") -> str:
    """The text of a file; FileError, which names it, where it cannot be had.

    `what` says in the error what is read: `"the script "`.
    """
    with told_of(f"{what}'{path}'"):
        return text(read(path, bound))


@contextmanager
def told_of(what: str, kind: type[GraphError] = FileError) -> Iterator[None]:
    """Errors of what is read inside say what it was, and are of a kind: `cannot read WHAT: ...`."""
    try:
        yield
    except FileError as error:
        raise kind(f"cannot read {what}: {error.message}") from error


def is_pipe(path: str | Path) -> bool:
    """Whether a name leads to a pipe, which can be read once only."""
    try:
        return stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


# ------------------------------------------------------------------ how


def _refuse(found: os.stat_result) -> None:
    for kind, said in KINDS:
        if kind(found.st_mode):
            raise FileError(f"{said}, expected a file")
    if stat.S_ISFIFO(found.st_mode) and any(os.path.samestat(found, own) for own in _outputs()):
        raise FileError("it is what this program writes to, expected a file")


def _outputs() -> Iterator[os.stat_result]:
    """Standard output and error: a pipe of ours that is read would be waited for without end."""
    for descriptor in (1, 2):
        with suppress(OSError):
            yield os.fstat(descriptor)


def _gathered(chunks: Iterator[bytes], bound: BoundOf) -> bytes:
    parts, size = [], 0
    for part in chunks:
        if callable(bound):
            bound = bound(part)
        size += len(part)
        if size > bound.most:
            raise bound.exceeded()
        parts.append(part)
    return b"".join(parts)


def _chunks(descriptor: int) -> Iterator[bytes]:
    while part := os.read(descriptor, CHUNK):
        yield part


def _piped(descriptor: int) -> Iterator[bytes]:
    """What comes through a pipe; FileError where nobody has opened it for writing.

    At the end of a pipe `read` gives nothing at once. The system tells apart whether its writers
    have gone (it hangs up) or there never was one since we opened it (it does not).
    """
    waiting = select.poll()
    waiting.register(descriptor, select.POLLIN)
    some = False
    while True:
        try:
            part = os.read(descriptor, CHUNK)
        except BlockingIOError:  # there is a writer, who has not written yet
            waiting.poll()
            continue
        if not part:
            break
        some = True
        yield part
    if not some and not any(event & select.POLLHUP for _, event in waiting.poll(0)):
        raise FileError("it is a pipe that nobody has opened for writing: start its writer first")


def _standard() -> Iterator[bytes]:
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None:  # a stream of text that a test or a notebook has put there
        yield sys.stdin.read().encode("utf-8")
        return
    while part := stream.read1(CHUNK):
        yield part


@contextmanager
def _told() -> Iterator[None]:
    """What the system refuses, as a FileError."""
    try:
        yield
    except ValueError as error:
        raise FileError("no file can have such a name") from error
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise FileError("it is a socket, expected a file") from error
        raise FileError(error.strerror or str(error)) from error
