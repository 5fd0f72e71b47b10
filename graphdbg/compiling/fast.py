"""Large graphs of scalars by a loop that Numba compiles: the optional extra `graphdbg[fast]`.

One loop serves every graph: it reads a tape of numbers (function, operands) and is compiled once,
for all graphs and, through Numba's cache on disk, for all processes. Nothing here imports numba
before a graph is compiled with it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import lazy
from ..tape import ops
from .levels import Floats, Tape, operand_columns

Array = NDArray[Any]

# The position of a function is its number in `loop`; None is the operand itself.
CODES: tuple[str | None, ...] = (
    None, "add", "sub", "mul", "div", "neg", "pow", "exp", "expm1", "log", "log1p", "sqrt", "sin",
    "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "erf", "sigmoid",
    "softplus", "logsigmoid", "relu", "abs", "sign", "floor", "maximum", "minimum", "where", "gt",
    "ge", "lt", "le", "eq", "ne", "guard",
)  # fmt: skip
CODE = {name: number for number, name in enumerate(CODES)}


def loop(
    codes: Array, first: Array, second: Array, third: Array, values: Array, start: int
) -> None:
    """Write values[start], values[start + 1], ... each from operands that stand before it."""
    for at in range(len(codes)):
        k, a, b = codes[at], values[first[at]], values[second[at]]
        # fmt: off
        values[start + at] = (
            a + b if k == 1
            else a - b if k == 2
            else a * b if k == 3
            else a / b if k == 4
            else -a if k == 5
            else a ** b if k == 6
            else math.exp(a) if k == 7
            else math.expm1(a) if k == 8
            else math.log(a) if k == 9
            else math.log1p(a) if k == 10
            else math.sqrt(a) if k == 11
            else math.sin(a) if k == 12
            else math.cos(a) if k == 13
            else math.tan(a) if k == 14
            else math.asin(a) if k == 15
            else math.acos(a) if k == 16
            else math.atan(a) if k == 17
            else math.sinh(a) if k == 18
            else math.cosh(a) if k == 19
            else math.tanh(a) if k == 20
            else math.erf(a) if k == 21
            else ((1.0 if a >= 0 else math.exp(-abs(a))) / (1.0 + math.exp(-abs(a)))) if k == 22
            else ((a if a > 0 else 0.0) + math.log1p(math.exp(-abs(a)))) if k == 23
            else ((a if a < 0 else 0.0) - math.log1p(math.exp(-abs(a)))) if k == 24
            else (0.0 if a <= 0 else a) if k == 25
            else abs(a) if k == 26
            else (1.0 if a > 0 else -1.0 if a < 0 else a * 0.0) if k == 27
            else np.floor(a) if k == 28
            else (a if a >= b or a != a else b) if k == 29
            else (a if a <= b or a != a else b) if k == 30
            else (b if a != 0 else values[third[at]]) if k == 31
            else (1.0 if a > b else 0.0) if k == 32 or k == 38
            else (1.0 if a >= b else 0.0) if k == 33
            else (1.0 if a < b else 0.0) if k == 34
            else (1.0 if a <= b else 0.0) if k == 35
            else (1.0 if a == b else 0.0) if k == 36
            else (1.0 if a != b else 0.0) if k == 37
            else a
        )
        # fmt: on


@lru_cache(maxsize=1)
def compiled_loop() -> Callable[..., None]:
    """`loop` as machine code; divisions by 0 give inf and nan as in NumPy."""
    return lazy.numba().njit(cache=True, error_model="numpy")(loop)


class Loop:
    """The function of a tape: in one array of values first the leaves, then the others in order."""

    def __init__(self, tape: Tape) -> None:
        graph = tape.graph
        leaves = [at for at in tape.live if not graph.args[at]]
        others = [at for at in tape.live if graph.args[at]]
        place = np.zeros(len(graph), np.int32)
        place[leaves + others] = np.arange(len(tape.live), dtype=np.int32)
        columns = operand_columns(graph, np.array(others, np.int64), place)
        columns += [np.zeros(len(others), np.int32)] * (3 - len(columns))
        self.columns = [np.ascontiguousarray(column, np.int32) for column in columns]
        self.codes = np.array(
            [CODE[getattr(graph.ops[at], "function", None)] for at in others], np.uint8
        )
        self.values = np.zeros(len(tape.live))
        for at in leaves:
            op = graph.ops[at]
            if isinstance(op, ops.Const):
                self.values[place[at]] = float(op.value)  # type: ignore[arg-type]
        live = set(leaves)
        inputs = [(slot, place[at]) for slot, at in enumerate(graph.input_ids) if at in live]
        self.slots = np.array([slot for slot, _ in inputs], np.intp)
        self.inputs = np.array([at for _, at in inputs], np.intp)
        self.picks = place[list(tape.outputs)]
        self.start = len(leaves)
        self.idle = [self.values.copy()]  # arrays that no call is writing into at the moment

    def run(self, given: Floats) -> Floats:
        """The outputs' values."""
        values = self.idle.pop() if self.idle else self.values.copy()
        values[self.inputs] = np.array(given)[self.slots]
        compiled_loop()(self.codes, *self.columns, values, self.start)
        results = tuple(values[self.picks].tolist())
        self.idle.append(values)
        return results
