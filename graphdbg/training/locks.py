"""`locked`: a folder for one process alone, by a lock that ends with its process.

The system frees it whatever the process dies of. The file of the lock holds the number of its
process, for whoever is refused, and is removed by the holder; one that a killed process left
behind locks nothing. Where the system has no such locks (Windows), nothing is locked.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import GraphError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LOCK = ".lock"
OPEN = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
LONGEST = 32  # bytes of a number that are read


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder, which exists; GraphError where another process does, OSError as it comes."""
    if fcntl is None:
        yield
        return
    path = folder / LOCK
    descriptor = _acquired(path)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        with suppress(OSError):
            os.unlink(path)  # before it is free: who has opened it by then looks again
        os.close(descriptor)


def _acquired(path: Path) -> int:
    """The descriptor of the locked file that has this name now."""
    while True:
        descriptor = os.open(path, OPEN, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return descriptor
        except BlockingIOError as error:
            holder = os.read(descriptor, LONGEST).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise GraphError(
                f"'{path.parent}' is in use by another process ({holder or 'just begun'}): wait "
                "for its end, or give another -o FOLDER"
            ) from error
        except OSError:  # a file system without locks
            return descriptor
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    """Whether the name leads to the opened file: the holder before may have removed it."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False
