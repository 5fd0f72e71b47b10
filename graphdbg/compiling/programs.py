"""A program for the compiler: instructions in order, of the size of one NumPy call each.

An instruction is (kind, detail, args) with a shape and a dtype:

    input   name        a value from outside
    number  float       one number, of any rank
    array   ndarray     a constant array
    map     function    a row of `scalars.TABLE`, operands broadcast by NumPy's rule
    view    (method, parameter)   transpose, reshape, slice or broadcast of an array
    sum     axes        over these axes, which disappear
    reduce  (kind, axes)
    dot     None        product of a matrix and a matrix or vector, or of two vectors
    matmul  None        a stack of matrix products
    einsum  spec        what remains, two operands at most
    rule    op          any other primitive, done by the evaluator's rule
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..tape.scalars import TABLE

Ints = tuple[int, ...]
MASKS = frozenset(("gt", "ge", "lt", "le", "eq", "ne", "guard"))  # whose values are 0 and 1
COMMUTATIVE = frozenset(("add", "mul", "eq", "ne", "maximum", "minimum"))


@dataclass
class Program:
    """Instructions in order, as columns; the same instruction on the same operands is one."""

    kinds: list[str] = field(default_factory=list)
    details: list[Any] = field(default_factory=list)
    args: list[Ints] = field(default_factory=list)
    shapes: list[Ints] = field(default_factory=list)
    dtypes: list[np.dtype[Any]] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    float_type: np.dtype[Any] = field(default_factory=lambda: np.dtype(np.float64))
    known: dict[Any, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.kinds)

    def emit(
        self, kind: str, detail: Any, args: Ints, shape: Ints, dtype: np.dtype[Any] | None = None
    ) -> int:
        """The id of an instruction; `dtype` defaults to what the operands give."""
        key = (kind, id(detail) if kind == "array" else detail, args, shape)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = len(self.kinds)
            self.kinds.append(kind)
            self.details.append(detail)
            self.args.append(args)
            self.shapes.append(shape)
            self.dtypes.append(self._dtype(args) if dtype is None else dtype)
        return found

    def _dtype(self, args: Ints) -> np.dtype[Any]:
        """Numbers take the type of the arrays they meet, as Python's own do."""
        found = {self.dtypes[arg] for arg in args if self.kinds[arg] != "number"}
        return np.result_type(*found) if found else self.float_type

    def number(self, value: float, rank: int = 0) -> int:
        """The id of a number."""
        value = float(value)
        detail = (value, math.copysign(1.0, value)) if value == 0 else value  # -0.0 == 0.0
        key = ("number", detail, rank)
        found = self.known.get(key)
        if found is None:
            found = self.known[key] = len(self.kinds)
            self.kinds.append("number")
            self.details.append(value)
            self.args.append(())
            self.shapes.append((1,) * rank)
            self.dtypes.append(self.float_type)
        return found

    def live(self) -> list[int]:
        """The instructions that the outputs depend on, in order."""
        live = bytearray(len(self))
        for at in self.outputs:
            live[at] = 1
        for at in range(len(self) - 1, -1, -1):
            if live[at]:
                for arg in self.args[at]:
                    live[arg] = 1
        return [at for at, used in enumerate(live) if used]

    def value(self, at: int) -> float | None:
        """The number that an instruction is, or None."""
        return self.details[at] if self.kinds[at] == "number" else None

    def is_map(self, at: int, function: str) -> bool:
        """Whether an instruction is this elementwise function."""
        return self.kinds[at] == "map" and self.details[at] == function

    def is_mask(self, at: int) -> bool:
        """Whether an instruction's values are 0 and 1 by its kind."""
        return self.kinds[at] == "map" and self.details[at] in MASKS

    # -------------------------------------------------------------- elementwise

    def map(self, function: str, *args: int) -> int:
        """The id of an elementwise function of operands of one rank, arithmetic simplified."""
        numbers = [self.value(arg) for arg in args]
        if None not in numbers:
            with np.errstate(all="ignore"):
                result = float(TABLE[function].numeric(*map(np.float64, numbers)))
            return self.number(result, len(self.shapes[args[0]]))
        rule = _SIMPLER.get(function)
        found = rule(self, args, numbers) if rule else None
        if found is not None:
            return found
        if function in COMMUTATIVE and args[0] > args[1]:
            args = (args[1], args[0])
        if len(args) == 1:
            return self.emit("map", function, args, self.shapes[args[0]])
        shape = np.broadcast_shapes(*(self.shapes[arg] for arg in args))
        return self.emit("map", function, args, shape)

    # -------------------------------------------------------------- views

    def transpose(self, at: int, order: Ints) -> int:
        """The axes in another order."""
        if order == tuple(range(len(order))):
            return at
        if self.kinds[at] == "number":
            return at
        shape = tuple(self.shapes[at][axis] for axis in order)
        if self.kinds[at] == "view" and self.details[at][0] == "transpose":
            inner = self.details[at][1]
            return self.transpose(self.args[at][0], tuple(inner[axis] for axis in order))
        if max(shape) == math.prod(shape):  # at most one axis is longer than 1: no move at all
            return self.reshape(at, shape)
        return self.emit("view", ("transpose", order), (at,), shape)

    def reshape(self, at: int, shape: Ints) -> int:
        """The same elements in another shape."""
        if self.shapes[at] == shape:
            return at
        if self.kinds[at] == "number":
            return self.number(self.details[at], len(shape))
        if self.kinds[at] == "view" and self.details[at][0] == "reshape":
            return self.reshape(self.args[at][0], shape)
        return self.emit("view", ("reshape", shape), (at,), shape)

    def slice(self, at: int, ranges: tuple[slice, ...], shape: Ints) -> int:
        """A part of each axis."""
        whole = tuple(slice(0, size, 1) for size in self.shapes[at])
        if self.kinds[at] == "number" or (ranges == whole and shape == self.shapes[at]):
            return at
        detail = tuple((part.start, part.stop, part.step) for part in ranges)
        return self.emit("view", ("slice", detail), (at,), shape)

    def full(self, at: int, shape: Ints) -> int:
        """An instruction whose array really has `shape`: repeated axes are repeated."""
        if self.shapes[at] == shape:
            return at
        if self.kinds[at] == "number":
            return self.array(np.full(shape, self.details[at], self.float_type))
        return self.emit("view", ("broadcast", shape), (at,), shape)

    def array(self, array: Any) -> int:
        """The id of a constant array; one that holds one number everywhere is a number."""
        if array.size == 1:
            return self.number(float(array.reshape(())), array.ndim)
        array.flags.writeable = False
        return self.emit("array", array, (), array.shape, array.dtype)

    def sum(self, at: int, axes: Ints) -> int:
        """The sum over axes, which disappear."""
        if not axes:
            return at
        shape = tuple(size for axis, size in enumerate(self.shapes[at]) if axis not in axes)
        return self.emit("sum", axes, (at,), shape)


# ------------------------------------------------------------------ arithmetic that costs nothing

Numbers = list[float | None]


def _add(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """a + -b = a - b."""
    for at, other in (args, args[::-1]):
        if p.is_map(other, "neg"):
            return p.map("sub", at, p.args[other][0])
    return None


def _sub(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """a - -b = a + b, 0 - b = -b, a - 0 = a."""
    if p.is_map(args[1], "neg"):
        return p.map("add", args[0], p.args[args[1]][0])
    if numbers[0] == 0:
        return p.map("neg", args[1])
    return args[0] if numbers[1] == 0 else None


def _mul(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """1 a = a, -1 a = -a, c -a = -c a, -a b = -(a b) where that negates no more numbers."""
    for slot, value in enumerate(numbers):
        other = args[1 - slot]
        if value == 1:
            return other
        if value == -1:
            return p.map("neg", other)
        if value is not None and p.is_map(other, "neg"):
            return p.map("mul", p.number(-value, len(p.shapes[other])), p.args[other][0])
    for at, other in (args, args[::-1]):
        if p.is_map(at, "neg") and _reaches(p.shapes[at], p.shapes[other]):
            return p.map("neg", p.map("mul", p.args[at][0], other))
    return None


def _div(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """a / 1 = a, a / 2^k = 2^-k a, -a / b = -(a / b)."""
    value = numbers[1]
    if value == 1:
        return args[0]
    if value and abs(math.frexp(value)[0]) == 0.5 and 2.0**-60 < abs(value) < 2.0**60:
        return p.map("mul", args[0], p.number(1 / value, len(p.shapes[args[1]])))
    if p.is_map(args[0], "neg") and _reaches(p.shapes[args[0]], p.shapes[args[1]]):
        return p.map("neg", p.map("div", p.args[args[0]][0], args[1]))
    return None


def _reaches(shape: Ints, other: Ints) -> bool:
    """Whether the broadcast of both shapes is the first."""
    return all(a == b or b == 1 for a, b in zip(shape, other, strict=True))


def _neg(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """--a = a, -(a - b) = b - a."""
    if p.is_map(args[0], "neg"):
        return p.args[args[0]][0]
    if p.is_map(args[0], "sub"):
        return p.map("sub", *p.args[args[0]][::-1])
    return None


def _ne(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """mask != 0 is the mask."""
    return args[0] if numbers[1] == 0 and p.is_mask(args[0]) else None


def _eq(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """mask == 0 is 1 - mask."""
    if numbers[1] != 0 or not p.is_mask(args[0]):
        return None
    return p.map("sub", p.number(1.0, len(p.shapes[args[0]])), args[0])


def _pow(p: Program, args: Ints, numbers: Numbers) -> int | None:
    """Small whole powers as products: a power is as slow as ten of them.

    The power 1/2 is a square root, as NumPy's own loop has it: at -inf that is NaN, not inf.
    """
    a, exponent = args[0], numbers[1]
    if exponent == 0.5:
        return p.map("sqrt", a)
    one = p.number(1.0, len(p.shapes[a]))
    if exponent in (0, 1):
        return a if exponent else None
    if exponent in (-1, -2):
        return p.map("div", one, p.map("pow", a, p.number(-exponent, len(p.shapes[a]))))
    if exponent == 2:
        return p.map("mul", a, a)
    return p.map("mul", p.map("mul", a, a), a) if exponent == 3 else None


_SIMPLER: dict[str, Callable[[Program, Ints, Numbers], int | None]] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "pow": _pow, "ne": _ne,
    "eq": _eq,
}  # fmt: skip
