"""Memory of compiled functions: work arrays that are handed on, outputs that are recycled."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .programs import Ints

Array = NDArray[Any]
ALIGNMENT = 64  # bytes: a cache line and the widest vector register


def aligned(size: int) -> Array:
    """Memory of `size` bytes that begins at a cache line."""
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


@dataclass
class Memory:
    """Work arrays: raw memory that is handed on when the value in it is dead."""

    free: list[Array] = field(default_factory=list)
    until: dict[int, int] = field(default_factory=dict)  # id of the memory: its value's last use
    blocks: dict[int, Array] = field(default_factory=dict)

    def take(self, shape: Ints, dtype: np.dtype[Any], last: int) -> tuple[Array, int]:
        """An array of its own until instruction `last`, and the id of its memory."""
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        fitting = [block for block in self.free if size <= block.size <= 4 * size + 1024]
        if fitting:
            block = min(reversed(fitting), key=lambda each: each.size)
            self.free = [each for each in self.free if each is not block]
        else:
            block = aligned(size)
        self.blocks[id(block)] = block
        self.until[id(block)] = last
        return block[:size].view(dtype).reshape(shape), id(block)

    def release(self, now: int) -> None:
        """Free the memory whose values were used for the last time."""
        for key in [key for key, last in self.until.items() if last <= now]:
            del self.until[key]
            self.free.append(self.blocks[key])


class Outputs:
    """New arrays for one output: one that was handed out before and nobody holds any more, if any.

    A large new array costs a page fault per 4 KB, which is a tenth of a training step.
    """

    def __init__(self, shape: Ints, dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype
        self.kept: list[Array] = [np.empty(0), np.empty(0)]
        self.alone = sys.getrefcount(self.kept[0])  # the count of one that only `kept` holds
        self.kept = []

    def take(self) -> Array:
        """An array that nobody else holds; views of an array hold it too."""
        kept = self.kept
        for at in range(len(kept)):
            if sys.getrefcount(kept[at]) == self.alone:
                if self._is_as_made(kept[at]):
                    return kept[at]
                del kept[at]
                break
        made = np.empty(self.shape, self.dtype)
        kept.append(made)
        if len(kept) > 2:  # a loop holds one call's results while the next one runs
            del kept[0]
        return made

    def _is_as_made(self, array: Array) -> bool:
        """Whether its last holder left shape, type and flags alone."""
        fresh = array.flags.c_contiguous and array.flags.writeable
        return fresh and array.shape == self.shape and array.dtype == self.dtype
