"""Einsums in a program: sums, views, elementwise products and products of two matrices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from .programs import Ints, Program


def contract(
    p: Program, operands: Sequence[tuple[int, str]], output: str, size: Mapping[str, int]
) -> int:
    """An einsum over instructions in their small shapes, its result in small shape too."""
    factors: list[int] = []
    parts: list[tuple[int, str]] = []
    for at, letters in operands:
        at, letters = _squeeze(p, *_diagonal(p, at, letters, size), size)
        if letters:
            parts.append((at, letters))
        else:
            factors.append(at)
    present = {letter for _, letters in parts for letter in letters}
    every = {letter for _, letters in operands for letter in letters}
    times = math.prod(size[letter] for letter in every - present - set(output))
    if times != 1:
        factors.append(p.number(times))
    result, letters = _product(p, parts, output, size) if parts else (p.number(1.0), "")
    rank = len(letters)
    for factor in factors:
        result = p.map("mul", result, p.reshape(factor, (1,) * rank))
    return align(p, result, letters, output)


def align(p: Program, at: int, letters: str, output: str) -> int:
    """The axes named `letters` in the order of `output`, size 1 where it has others."""
    order = tuple(letters.index(letter) for letter in output if letter in letters)
    at = p.transpose(at, order)
    shape = iter(p.shapes[at])
    return p.reshape(at, tuple(next(shape) if c in letters else 1 for c in output))


def _diagonal(p: Program, at: int, letters: str, size: Mapping[str, int]) -> tuple[int, str]:
    """Repeated letters of one operand taken as its diagonal."""
    if len(set(letters)) == len(letters):
        return at, letters
    distinct = "".join(dict.fromkeys(letters))
    if p.kinds[at] == "number":
        return p.reshape(at, (1,) * len(distinct)), distinct
    at = p.full(at, tuple(size[letter] for letter in letters))
    shape = tuple(size[letter] for letter in distinct)
    return p.emit("einsum", f"{letters}->{distinct}", (at,), shape), distinct


def _squeeze(p: Program, at: int, letters: str, size: Mapping[str, int]) -> tuple[int, str]:
    """An operand without the axes along which it is only repeated."""
    shape = p.shapes[at]
    kept = [axis for axis, length in enumerate(shape) if length != 1]
    at = p.reshape(at, tuple(shape[axis] for axis in kept))
    return at, "".join(letters[axis] for axis in kept)


def _product(
    p: Program, parts: list[tuple[int, str]], output: str, size: Mapping[str, int]
) -> tuple[int, str]:
    """The einsum of operands, two at a time in an order that NumPy's path search chose."""
    parts = [_presum(p, parts, slot, output) for slot in range(len(parts))]
    if len(parts) == 1:
        return parts[0]
    for pair in _path(parts, output, size):
        first, second = (parts[slot] for slot in pair)
        parts = [part for slot, part in enumerate(parts) if slot not in pair]
        needed = set(output).union(*(letters for _, letters in parts))
        parts.append(_pair(p, first, second, needed, output, size))
    return parts[0]


def _presum(p: Program, parts: list[tuple[int, str]], slot: int, output: str) -> tuple[int, str]:
    """An operand with the axes summed that nobody else has."""
    at, letters = parts[slot]
    rest = parts[:slot] + parts[slot + 1 :]
    others = set(output).union(*(each for _, each in rest))
    gone = tuple(axis for axis, letter in enumerate(letters) if letter not in others)
    return p.sum(at, gone), "".join(letter for letter in letters if letter in others)


def _pair(
    p: Program, a: tuple[int, str], b: tuple[int, str], needed: set[str], output: str,
    size: Mapping[str, int],
) -> tuple[int, str]:  # fmt: skip
    """The product of two operands, summed over the letters that nobody needs any more."""
    in_order = sorted(set(a[1]) | set(b[1]), key=lambda c: (output.find(c) % 99, c))
    both = [c for c in in_order if c in a[1] and c in b[1]]
    summed = [c for c in both if c not in needed]
    result = "".join(c for c in in_order if c not in summed)
    if not summed:
        left, right = (align(p, *part, result) for part in (a, b))
        return p.map("mul", left, right), result
    batch = "".join(c for c in both if c in needed)
    rows, columns = ("".join(c for c in result if c in p[1] and c not in batch) for p in (a, b))
    if not rows and not columns and batch:
        shape = tuple(size[c] for c in result)
        return p.emit("einsum", f"{a[1]},{b[1]}->{result}", (a[0], b[0]), shape), result
    if result.startswith(batch + columns) and columns and rows:
        a, b, rows, columns = b, a, columns, rows
    inner = "".join(c for c in a[1] if c in summed)
    left = _matrix(p, a, (batch, rows, inner), size)
    right = _matrix(p, b, (batch, inner, columns), size)
    return _multiply(p, left, right, (batch, rows, columns), size)


def _matrix(
    p: Program, part: tuple[int, str], groups: tuple[str, ...], size: Mapping[str, int]
) -> int:
    """An operand as a vector, matrix or stack of matrices: one axis per group of letters."""
    letters = "".join(groups)
    at = p.transpose(part[0], tuple(part[1].index(c) for c in letters))
    if groups[0]:  # a stack needs all three axes
        return p.reshape(at, tuple(_length(group, size) for group in groups))
    return p.reshape(at, tuple(_length(group, size) for group in groups if group))


def _multiply(
    p: Program, left: int, right: int, groups: tuple[str, str, str], size: Mapping[str, int]
) -> tuple[int, str]:
    letters = "".join(groups)
    if groups[0]:
        shape = tuple(_length(group, size) for group in groups)
        at = p.emit("matmul", None, (left, right), shape)
    else:
        shape = tuple(_length(group, size) for group in groups[1:] if group)
        at = p.emit("dot", None, (left, right), shape)
    return p.reshape(at, tuple(size[c] for c in letters)), letters


def _length(group: str, size: Mapping[str, int]) -> int:
    return math.prod(size[letter] for letter in group)


def _path(
    parts: list[tuple[int, str]], output: str, size: Mapping[str, int]
) -> list[tuple[int, ...]]:
    """Pairs of operands in the order to multiply them."""
    if len(parts) == 2:
        return [(0, 1)]
    spec = ",".join(letters for _, letters in parts) + "->"
    spec += "".join(c for c in output if any(c in letters for _, letters in parts))
    shapes = (tuple(size[letter] for letter in letters) for _, letters in parts)
    arrays = [np.broadcast_to(np.float32(0), shape) for shape in shapes]
    chosen = np.einsum_path(spec, *arrays, optimize=("greedy", 2**40))[0][1:]
    pairs: list[Ints] = []
    for step in chosen:
        pairs += _pairs(step, len(parts) - len(pairs))
    return pairs


def _pairs(step: Ints, count: int) -> list[Ints]:
    """A step over some operands as pairs; each product goes to the end of the list."""
    pairs: list[Ints] = []
    left = sorted(step)
    while len(left) > 1:
        first, second, *rest = left
        pairs.append((first, second))
        count -= 1
        left = [slot - (slot > first) - (slot > second) for slot in rest] + [count - 1]
    return pairs
