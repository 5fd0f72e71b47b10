"""Matrix products in blocks of rows, where that is faster than one call on the machine at hand.

BLAS libraries have kernels for small matrices that do without rearranging ("packing") their
operands first. For a lopsided product, such as a weight's gradient `X.T @ dH` of a small batch, a
stack of small products can be a fifth faster than the one large product, or slower: it depends on
the library and the processor. So the first calls try both, and the others take the faster way. The
results of the two ways may differ in their last digit.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .memory import aligned

Array = NDArray[Any]
Way = Callable[[Array, Array, Array], Any]
SMALL = 1_000_000  # multiplications up to which OpenBLAS calls a product small
LARGE = 100_000_000  # from here on, packing costs nothing compared to the product
TRIALS = 8  # calls of each way; the fastest counts, as noise only ever adds
GAIN = 0.97  # the blocks must be this much faster to be taken
THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")
LOPSIDED = 4  # how much longer one axis must be for blocks to have a chance


class Product:
    """`product(a, b, out)` for matrices of fixed shapes, in the faster of two ways."""

    def __init__(self, blocked: Way) -> None:
        self.ways: tuple[Way, Way] = (np.matmul, blocked)
        self.times: tuple[list[float], list[float]] = ([], [])
        self.chosen: Way | None = None

    def __call__(self, a: Array, b: Array, out: Array) -> None:
        if self.chosen is not None:
            self.chosen(a, b, out)
            return
        turn = len(self.times[0]) > len(self.times[1])
        start = perf_counter()
        self.ways[turn](a, b, out)
        self.times[turn].append(perf_counter() - start)
        if len(self.times[1]) == TRIALS:
            self.chosen = self.ways[min(self.times[1]) < GAIN * min(self.times[0])]


def one_thread() -> bool:
    """Whether BLAS was told to use one thread: with more, the one large product wins by sharing."""
    told = [os.environ[name] for name in THREADS if name in os.environ]
    return "1" in told or os.cpu_count() == 1


def faster_product(rows: int, inner: int, columns: int, dtype: np.dtype[Any]) -> Way:
    """What multiplies matrices of these sizes: `matmul` itself where blocks have no chance.

    A long result is made in blocks of its rows. For a long inner axis, the transposed result is
    made in blocks of columns and copied: then both operands are read along that axis.
    """
    size = rows * inner * columns
    if not SMALL < size < LARGE or not one_thread():
        return np.matmul
    if rows >= LOPSIDED * inner:
        counts = [n for n in range(2, rows // 16) if rows % n == 0 and size // n <= SMALL]
        return Product(partial(by_blocks, counts[0])) if counts else np.matmul
    if inner >= LOPSIDED * max(rows, columns):
        counts = [n for n in range(2, rows // 4) if rows % n == 0 and size // n <= SMALL]
        scratch = aligned(size // inner * dtype.itemsize).view(dtype).reshape(columns, rows)
        return Product(partial(by_columns, counts[0], scratch)) if counts else np.matmul
    return np.matmul


def by_blocks(count: int, a: Array, b: Array, out: Array) -> None:
    """The product as a stack of products of some rows of `a` each."""
    np.matmul(a.reshape(count, -1, a.shape[1]), b, out.reshape(count, -1, b.shape[1]))


def by_columns(count: int, scratch: Array, a: Array, b: Array, out: Array) -> None:
    """The product by way of its transpose: b.T times some rows of `a`, transposed, each."""
    few = a.reshape(count, -1, a.shape[1]).transpose(0, 2, 1)
    np.matmul(b.T, few, scratch.reshape(b.shape[1], count, -1).transpose(1, 0, 2))
    np.copyto(out, scratch.T)
