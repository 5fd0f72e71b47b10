"""Arrays in NumPy's files, .npy and .npz: what one says of its size is compared with what it has.

So a file of a hundred bytes that claims a terabyte is refused before an array is made, and so is an
archive that unpacks to more than its bound. A pickle inside would be code: it is refused.
"""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ..errors import FileError
from .reading import ARRAYS, TABLE, Bound

Array = NDArray[Any]
SINGLE, ARCHIVE = b"\x93NUMPY", b"PK"  # what the two kinds of file begin with
# What NumPy and zipfile raise for damaged bytes; each was seen in tests with mutated files.
DAMAGE = (ValueError, EOFError, OSError, KeyError, TypeError, NotImplementedError, RuntimeError,
          SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error, MemoryError,
          IndexError, OverflowError, RecursionError)  # fmt: skip


def is_numpy(raw: bytes) -> bool:
    """Whether bytes begin as a file of NumPy does."""
    return raw.startswith((SINGLE, ARCHIVE))


def bound_of(start: bytes) -> Bound:
    """How much of a file of numbers is read, by its first bytes: text takes more memory."""
    return ARRAYS if is_numpy(start) else TABLE


def arrays(raw: bytes, most: int = ARRAYS.most) -> dict[str, Array]:
    """The arrays of a .npz by name, or that of a .npy by the name of nothing, `""`.

    FileError where the bytes are neither, are damaged, hold Python objects, or would unpack to
    more than `most` bytes.

    >>> out = io.BytesIO()
    >>> np.save(out, np.eye(2))
    >>> arrays(out.getvalue())[""].shape
    (2, 2)
    """
    try:
        return {"": _single(raw)} if raw.startswith(SINGLE) else _archive(raw, most)
    except FileError:
        raise
    except DAMAGE as error:
        first = (str(error).splitlines() or [""])[0]
        raise FileError(f"it is damaged or no file of NumPy's ({first:.100})") from error


def _archive(raw: bytes, most: int) -> dict[str, Array]:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        members = archive.infolist()
        size = sum(each.file_size for each in members)
        if size > most:
            raise FileError(f"it would unpack to {size:,} bytes, of at most {most:,}")
        other = next((each.filename for each in members if not each.filename.endswith(".npy")), "")
        if other:
            raise FileError(f"it holds '{other:.60}', expected arrays (.npy) alone")
        return {each.filename.removesuffix(".npy"): _single(archive.read(each))
                for each in members}  # fmt: skip


def _single(raw: bytes) -> Array:
    file = io.BytesIO(raw)
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise FileError(f"it is of NumPy's format {version[0]}.{version[1]}, expected 1.0 or 2.0")
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, kind = header(file)
    if kind.hasobject:
        raise FileError("it holds Python objects, which may be code: save an array of numbers")
    size, there = math.prod(shape) * kind.itemsize, len(raw) - file.tell()
    if min(shape, default=0) < 0 or size > there:
        raise FileError(f"it says that it holds {size:,} bytes of numbers, and holds {there:,}")
    return np.asarray(npy.read_array(io.BytesIO(raw), allow_pickle=False))
