"""How much a text may ask for: calls and nodes while it is read, bytes and products of its numbers.

A short text can ask for any amount of work: functions that call each other twice, `eye(10**6)`,
`kron(kron(A, A), A)`. So sizes are known before work starts, by three guards, each in one place:
`language.counting` (calls), `Builder` (nodes), `numbers.work` (bytes and products).
"""

from __future__ import annotations

import os
import re
from decimal import Decimal
from functools import lru_cache

from ..errors import GraphError

CALLS = 20_000  # of written functions while one text is read: a second's worth
NODES = 400_000  # that one text makes; a trace and a gradient are not counted
LARGEST = 4 * 10**9  # bytes of all values, where the machine has twice as much
PRODUCTS_PER_BYTE = 10  # so 4 GB go with 4e10 products, a few seconds
UNITS = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
_SIZE = re.compile(r"(\d{1,18}(?:\.\d{1,18})?) ?([kmgt]?b?)", re.ASCII | re.IGNORECASE)


@lru_cache(maxsize=1)
def default_limit() -> int:
    """Bytes that the values of one evaluation may take: half of the memory, at most 4 GB."""
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # a system that does not tell
        return LARGEST
    return min(LARGEST, memory // 2) if memory > 0 else LARGEST


def read_size(size: int | str | None) -> int | None:
    """A number of bytes, or a text such as `2 GB`, as bytes; None for None.

    A thousand bytes are a kB. Raises GraphError for anything else, and for less than one byte.

    >>> read_size("1.5GB"), read_size("200 MB"), read_size(4096)
    (1500000000, 200000000, 4096)
    """
    if size is None:
        return None
    found = _SIZE.fullmatch(str(size).strip())
    if found is None or isinstance(size, bool):
        raise GraphError(
            f"found the limit {str(size)[:40]!r}: expected a number of bytes such as 500MB or 2GB"
        )
    unit = found[2].lower()
    bytes_ = int(float(found[1]) * UNITS[unit if unit in UNITS else unit + "b"])
    if bytes_ < 1:
        raise GraphError(f"found the limit {str(size)[:40]!r}: expected at least one byte")
    return bytes_


def size_text(count: int) -> str:
    """A number of bytes for people: `5.83 GB`.

    >>> size_text(5_832_000_000), size_text(999), size_text(8 * 10**20)
    ('5.83 GB', '999 B', '8.00e+8 TB')
    """
    for unit, factor in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{number_text(Decimal(count) / factor)} {unit}"
    return f"{count} B"


def number_text(number: int | Decimal) -> str:
    """A number of any size in three digits.

    >>> number_text(375_000_000_000), number_text(10**400)
    ('3.75e+11', '1.00e+400')
    """
    exact = Decimal(number)
    if exact < 10_000:
        return f"{float(exact):.3g}"
    return f"{exact:.2e}"
