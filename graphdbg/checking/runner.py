"""Running what was added to a tape: prepared steps over the values that the tape has already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numbers.evaluator import RULES
from ..tape import ops
from ..tape.builder import Builder
from ..tape.graph import Graph
from ..tape.scalars import TABLE

Array = NDArray[np.float64]
Values = list[Any]  # the arrays of a tape, by node id
Dims = Mapping[str, int]

Step = Callable[[Values, Dims], Any]


class Runner:
    """Evaluates what a builder added to a tape, given the values of the tape before it.

    Arrays are dropped after their last use; constants are kept while the sizes stay the same.
    """

    def __init__(self, b: Builder | Graph, start: int, wanted: Sequence[int]) -> None:
        self.start, self.wanted, self.length = start, list(wanted), len(b.ops)
        kept = set(wanted)
        needed = {at for at in wanted if at >= start}
        for at in range(len(b.ops) - 1, start - 1, -1):
            if at in needed:
                needed.update(arg for arg in b.args[at] if arg >= start)
        self.order = sorted(needed)
        kinds = {at: type(b.ops[at]) for at in self.order}
        self.inputs = [(at, b.ops[at].name) for at in self.order if kinds[at] is ops.Input]  # type: ignore[attr-defined]
        small = _small(b, self.order, kept)
        dead = _last_uses(b, self.order, kept)
        steps = [(at, step_of(b, at, at in small), dead.get(at, ())) for at in self.order]
        self.steps = [step for step in steps if kinds[step[0]] not in ops.LEAVES]
        self.leaves = [
            (at, step)
            for at, step, _ in steps
            if kinds[at] in ops.LEAVES and kinds[at] is not ops.Input
        ]
        self.constants: tuple[dict[str, int], list[tuple[int, Any]]] | None = None

    def __call__(self, base: Values, dims: Dims, given: Mapping[str, Array]) -> Values:
        values = base[: self.start]
        values.extend([None] * (self.length - self.start))
        for at, name in self.inputs:
            values[at] = given[name]
        if self.constants is None or self.constants[0] != dims:
            self.constants = dict(dims), [(at, step(values, dims)) for at, step in self.leaves]
        for at, constant in self.constants[1]:
            values[at] = constant
        with np.errstate(all="ignore"):
            for at, step, dead in self.steps:
                values[at] = step(values, dims)
                for gone in dead:
                    values[gone] = None
        return [values[at] for at in self.wanted]


def _last_uses(b: Builder | Graph, order: Sequence[int], wanted: set[int]) -> dict[int, list[int]]:
    """After which node which arrays are used no more."""
    new = set(order)
    last = {arg: at for at in order for arg in b.args[at] if arg in new}
    dead: dict[int, list[int]] = {}
    for arg, at in last.items():
        if arg not in wanted and type(b.ops[arg]) not in ops.LEAVES:
            dead.setdefault(at, []).append(arg)
    return dead


def _small(b: Builder | Graph, order: Sequence[int], wanted: set[int]) -> set[int]:
    """Repeated arrays that only meet whole ones in elementwise functions: NumPy repeats them."""
    found = {
        at for at in order if type(b.ops[at]) in (ops.Broadcast, ops.Const) and at not in wanted
    }
    for at in order:
        args = b.args[at]
        if type(b.ops[at]) is not ops.Map or all(arg in found for arg in args):
            found.difference_update(args)
    return found


def step_of(b: Builder | Graph, at: int, small: bool = False) -> Step:
    """One operation as a function of the tape's values; the common ones without detours.

    A `small` one leaves repeating its array to NumPy.
    """
    op: Any = b.ops[at]
    args = b.args[at]
    rule = RULES[type(op)]
    if type(op) is ops.Map:
        return _map_step(TABLE[op.function].numeric, args)
    if type(op) is ops.Contract and len(args) == 2:
        plan = product_plan(op.inputs[0], op.inputs[1], op.output)
        left, right = args
        if plan is not None:
            return lambda values, dims: plan(values[left], values[right])
    if type(op) is ops.Const and small:
        one = ops.Const(op.value, (1,) * len(op.shape))
        return lambda values, dims: rule(one, [], dims)
    if type(op) is ops.Broadcast and small:
        order = np.argsort(op.axes)
        index = tuple(slice(None) if axis in op.axes else None for axis in range(len(op.shape)))
        (only,) = args
        if list(order) == sorted(order):
            return lambda values, dims: values[only][index]
        return lambda values, dims: values[only].transpose(order)[index]
    return lambda values, dims: rule(op, [np.asarray(values[arg]) for arg in args], dims)


def _map_step(function: Callable[..., Any], args: tuple[int, ...]) -> Step:
    if len(args) == 1:
        (only,) = args
        return lambda values, dims: function(values[only])
    if len(args) == 2:
        left, right = args
        return lambda values, dims: function(values[left], values[right])
    return lambda values, dims: function(*[values[arg] for arg in args])


def product_plan(left: str, right: str, output: str) -> Callable[[Array, Array], Array] | None:
    """A two-operand einsum as a stack of matrix products, or None where it is none.

    Letters are stacked (in both and the output), summed (in both) or free (in one).

    >>> product_plan("ij", "kj", "ki")(np.eye(2), np.array([[1.0, 2.0]]))
    array([[1., 2.]])
    """
    if any(len(set(part)) < len(part) for part in (left, right, output)):
        return None
    both = [letter for letter in left if letter in right]
    stacked = [letter for letter in output if letter in both]
    summed = [letter for letter in both if letter not in output]
    rows = [letter for letter in output if letter in left and letter not in both]
    columns = [letter for letter in output if letter in right and letter not in both]
    if set(left) | set(right) != {*stacked, *summed, *rows, *columns} or not summed:
        return None
    first = [left.index(letter) for letter in (*stacked, *rows, *summed)]
    second = [right.index(letter) for letter in (*stacked, *summed, *columns)]
    have = [*stacked, *rows, *columns]
    order = [have.index(letter) for letter in output]
    s, r, m = len(stacked), len(rows), len(summed)

    def product(x: Array, y: Array) -> Array:
        a, b = x.transpose(first), y.transpose(second)
        lead, middle, tail = a.shape[:s], a.shape[s : s + r], b.shape[s + m :]
        depth = prod(a.shape[s + r :])
        result = a.reshape(*lead, prod(middle), depth) @ b.reshape(*lead, depth, prod(tail))
        return result.reshape((*lead, *middle, *tail)).transpose(order)

    return product
