"""Files are written beside their place and moved there: a reader sees the old or the new, whole.

So a full disk, a fault or a kill in the middle leaves what was there before. A symbolic link is
followed, the mode of a file that is replaced is kept (its owner and group where we may), and a new
file has the mode that the umask leaves. What is no regular file (a terminal, a pipe, /dev/stdout)
has nothing to be kept and is written directly; so is a file whose folder takes no new ones.

`ready` and `ready_folder` find out before long work whether the result can be written, and refuse
one that would replace what the work was made from. Everything is done by `os` alone, in the order
open, write, fsync, close, replace, so that a test can let each of them fail.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import FileError

Name = str | Path
NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
DIRECT = os.O_WRONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
BINARY = getattr(os, "O_BINARY", 0)  # Windows alone has it: a line break stays as it is
# Why a folder takes no file beside the one that is there, or does not let it be replaced (EBUSY:
# a file mounted by itself, as containers do). The file itself may still be written.
NO_ROOM_BESIDE = (errno.EACCES, errno.EPERM, errno.EBUSY)
MOST_LINKS = 40  # that are followed, as many as Linux follows
LONGEST_PART = 180  # bytes of a name that its companion repeats: a name has at most 255


def write(path: Name, data: bytes, *, lasting: bool = False) -> None:
    """None, once `data` is what `path` holds; FileError where it cannot be, the old file kept.

    With `lasting` it has reached the disk on return, and so has its name: for what took long to
    make. Not atomic, because it cannot be: devices, pipes, and files in a folder that takes no
    others.

    >>> import pathlib, tempfile
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "f.txt"
    >>> write(file, b"x + y")
    >>> file.read_text()
    'x + y'
    """
    with _told(path):
        found = _found(path)
        inherited = _descriptor(path)
        if inherited is not None:
            _write_through(inherited, data)
        elif found is not None and not stat.S_ISREG(found.st_mode):
            _write_directly(path, data)
        else:
            _replace(os.path.realpath(path), found, data, lasting)


def ready(path: Name, sources: Iterable[Name] = ()) -> None:
    """None where `write` will do; FileError where it would not, or would replace one of `sources`.

    Nothing is changed: a file is made beside the place and removed again.
    """
    with _told(path):
        found = _found(path)
        if _descriptor(path) is not None:
            return
        _apart(path, sources)
        if found is None:
            _try_beside(os.path.realpath(path))
        else:
            _ready_to_replace(path, found)


def ready_folder(folder: Name, sources: Iterable[Name] = (), names: Iterable[str] = ()) -> None:
    """None where files can be made in `folder`, which itself may still have to be made.

    FileError where not, or where one of `names` in it is one of `sources`. Nothing is changed.
    """
    sources = [*sources]
    with _told(folder):
        if not os.fspath(folder):
            raise FileError("found an empty name where the name of a folder was expected")
        at = os.path.realpath(folder)
        while not os.path.lexists(at):
            at = os.path.dirname(at)
        if not os.path.isdir(at):
            raise NotADirectoryError(errno.ENOTDIR, f"'{at}' is there and is no folder")
        _try_beside(os.path.join(at, "file"))
    for name in names:
        place = Path(folder, name)
        _apart(place, sources)
        if os.path.lexists(place):
            ready(place)


def make_folder(folder: Name) -> None:
    """None, once `folder` is there, with those above it; FileError where it cannot be."""
    with _told(folder):
        os.makedirs(folder, exist_ok=True)


def same(one: Name, other: Name) -> bool:
    """Whether two names lead to one file: by links, by another spelling, or by hard links."""
    if os.path.realpath(one) == os.path.realpath(other):
        return True
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False  # one of them is not there


# ------------------------------------------------------------------ before the work


def _apart(path: Name, sources: Iterable[Name]) -> None:
    for source in sources:
        if os.path.isfile(source) and same(path, source):
            raise FileError(
                f"'{path}' would be written over '{source}', which is read from: "
                "give another name to write to"
            )


def _ready_to_replace(path: Name, found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    if stat.S_ISSOCK(found.st_mode):
        raise OSError(errno.ENXIO, "it is a socket")
    if not _may_write(path):
        raise PermissionError(errno.EACCES, "it is write-protected")
    if stat.S_ISREG(found.st_mode):
        try:
            _try_beside(os.path.realpath(path))
        except OSError as error:
            if error.errno not in NO_ROOM_BESIDE:
                raise


def _may_write(path: Name) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _try_beside(place: str) -> None:
    beside = _companion(place)
    os.close(os.open(beside, NEW, 0o600))
    os.unlink(beside)


# ------------------------------------------------------------------ writing


def _replace(place: str, old: os.stat_result | None, data: bytes, lasting: bool) -> None:
    if old is not None and not _may_write(place):
        raise PermissionError(errno.EACCES, "it is write-protected")
    beside = _companion(place)
    try:
        with _removed_after(beside):
            mode = 0o666 if old is None else 0o600  # until it has the old one's, nobody else's
            descriptor = os.open(beside, NEW | BINARY, mode)
            _fill(descriptor, data, old, lasting)
            os.replace(beside, place)
    except OSError as error:
        if old is None:
            raise
        if error.errno not in NO_ROOM_BESIDE:
            told = f"{error.strerror}; what was there before is kept"
            raise OSError(error.errno, told) from error
        _write_directly(place, data)
    if lasting:
        _settle(os.path.dirname(place))


@contextmanager
def _removed_after(beside: str) -> Iterator[None]:
    """Whatever happens, an interruption included, no half of a file stays behind."""
    try:
        yield
    finally:
        with suppress(OSError):
            os.unlink(beside)


def _fill(descriptor: int, data: bytes, old: os.stat_result | None, lasting: bool) -> None:
    try:
        if old is not None:
            _keep_rights(descriptor, old)
        _put(descriptor, data)
        if lasting:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _keep_rights(descriptor: int, old: os.stat_result) -> None:
    """Mode and, where we may, owner and group of the file that is to be replaced."""
    if not hasattr(os, "fchmod"):
        return  # Windows has other rights, which the folder gives
    made = os.fstat(descriptor)
    if made.st_gid != old.st_gid:
        with suppress(OSError):
            os.fchown(descriptor, -1, old.st_gid)
    if made.st_uid != old.st_uid:
        with suppress(OSError):
            os.fchown(descriptor, old.st_uid, -1)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))


def _settle(folder: str) -> None:
    """The folder's own entry reaches the disk too; where folders cannot be synced, it follows."""
    with suppress(OSError):
        descriptor = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _put(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _write_directly(path: Name, data: bytes) -> None:
    """Into what is there; a pipe that nobody reads from is refused, never waited for."""
    regular = os.path.isfile(path)
    wait = 0 if regular else getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(path, DIRECT | BINARY | wait | (os.O_TRUNC if regular else 0))
    except OSError as error:
        if error.errno == errno.ENXIO:
            raise OSError(errno.ENXIO, "nobody reads from it") from error
        raise
    try:
        if wait:
            os.set_blocking(descriptor, True)
        _put(descriptor, data)
    finally:
        os.close(descriptor)


def _write_through(descriptor: int, data: bytes) -> None:
    """Through a stream we were started with, after what is waiting to be printed there."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    _put(descriptor, data)


# ------------------------------------------------------------------ places


def _companion(place: str) -> str:
    """A name of its own beside a place, `.NAME.XXXXXXXX.new`."""
    folder, name = os.path.split(place)
    part = name
    while len(os.fsencode(part)) > LONGEST_PART:
        part = part[:-1]
    return os.path.join(folder, f".{part}.{secrets.token_hex(4)}.new")


def _descriptor(path: Name) -> int | None:
    """The descriptor that /dev/stdout, /dev/fd/N and links to them stand for; else None.

    What a shell redirected there keeps its position only when written through it.
    """
    own = ("/dev/fd", f"/proc/{os.getpid()}/fd")
    at = os.path.abspath(path)
    for _ in range(MOST_LINKS):
        folder, name = os.path.realpath(os.path.dirname(at)), os.path.basename(at)
        if name.isdecimal() and folder in own:
            return int(name)
        if not os.path.islink(at):
            break
        at = os.path.join(folder, os.readlink(at))
    return None


def _found(path: Name) -> os.stat_result | None:
    """What lies there, None for nothing; an error where no file can have that name."""
    text = os.fspath(path)
    if not text:
        raise FileError("found an empty name where the name of a file was expected")
    try:
        return os.stat(path)
    except FileNotFoundError:
        if text.endswith(("/", os.sep)):
            raise IsADirectoryError(errno.EISDIR, "that is the name of a folder") from None
        return None


@contextmanager
def _told(path: Name) -> Iterator[None]:
    """What the system refuses, as one FileError that names the place."""
    try:
        yield
    except FileError:
        raise
    except BrokenPipeError:
        raise  # the reader of a pipe went away: that ends a command, and is no fault of the place
    except (OSError, ValueError) as error:
        raise FileError(f"cannot write '{path}': {_reason(path, error)}") from error


def _reason(path: Name, error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return "no file can have such a name"
    if isinstance(error, FileNotFoundError):
        folder = os.path.dirname(path)
        if os.path.isdir(folder or "."):  # then it is a link that leads elsewhere
            folder = os.path.dirname(os.path.realpath(path))
        if os.path.isdir(folder):  # /proc, which takes no files
            return error.strerror or str(error)
        return f"there is no folder '{folder}': make it first"
    return error.strerror or str(error)
