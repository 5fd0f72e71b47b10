"""From index notation back to a graph: the nodes that compute a `terms.Poly`.

So a formula is evaluated, compiled and checked by the same code as the program it came from: the
stamp on a formula compares these nodes with the gradient's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import e, pi

from ..tape import algebra, ops
from ..tape.builder import LETTERS, Builder
from ..tape.sizes import Dim, named
from . import terms
from .terms import Base, Bound, Factor, Index, Poly

Dims = Mapping[str, Dim]


def rebuild(b: Builder, poly: Poly, free: Sequence[str], dims: Sequence[Dim]) -> int:
    """The node whose entries over the indices `free`, of sizes `dims`, are the polynomial."""
    sizes = dict(zip(free, dims, strict=True))
    shape = tuple(dims)
    total: int | None = None
    for (factors, bound), value in poly.terms.items():
        part = _term(b, factors, bound, value, free, sizes)
        total = part if total is None else algebra.apply(b, "add", total, part)
    return b.const(0, shape) if total is None else total


def _term(
    b: Builder, factors: Sequence[Factor], bound: Bound, value: Fraction,
    free: Sequence[str], sizes: Dims,
) -> int:  # fmt: skip
    every = {**sizes, **dict(bound)}
    letters = {name: LETTERS[at] for at, name in enumerate(every)}
    specs: list[str] = []
    nodes: list[int] = []
    for spec, node in _joined(b, [_factor(b, factor, every, letters) for factor in factors]):
        specs.append(spec)
        nodes.append(node)
    wanted = "".join(letters[name] for name in free)
    reached = "".join(letter for letter in wanted if any(letter in spec for spec in specs))
    shape = tuple(sizes[name] for name in free)
    node = b.contract(f"{','.join(specs)}->{reached}", *nodes) if nodes else b.const(1)
    node = _scaled(b, node, value)
    return b.spread(node, shape, tuple(wanted.index(letter) for letter in reached))


def _joined(b: Builder, found: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """Factors over the same axes multiplied at once: one elementwise product less to contract."""
    groups: dict[str, int] = {}
    for spec, node in found:
        groups[spec] = algebra.apply(b, "mul", groups[spec], node) if spec in groups else node
    return list(groups.items())


def _scaled(b: Builder, node: int, value: Fraction) -> int:
    shape = b.shapes[node]
    if value.denominator == 1:
        return algebra.apply(b, "mul", b.const(value.numerator, shape), node)
    if abs(value.numerator) == 1:
        found = algebra.apply(b, "div", node, b.const(value.denominator, shape))
        return algebra.apply(b, "neg", found) if value < 0 else found
    return algebra.apply(b, "mul", b.const(float(value), shape), node)


def _factor(
    b: Builder, factor: Factor, sizes: Dims, letters: Mapping[str, str]
) -> tuple[str, int]:
    """A factor as an einsum operand: its axes' letters and its node."""
    base, indices, power = factor
    if base.kind in ("apply", "bracket"):
        node, kept = _inner(b, base, indices, sizes)
    elif base.kind == "select":
        node, kept = _one_hot(b, base.data, indices, sizes)
    else:
        node, kept = _fix(b, _base(b, base, indices, sizes), indices)
    return "".join(letters[index] for index in kept), _power(b, node, power)


def _fix(b: Builder, node: int, indices: tuple[Index, ...]) -> tuple[int, list[str]]:
    """The node with positions in place of axes read off."""
    if all(isinstance(index, str) for index in indices):
        return node, [str(index) for index in indices]
    shape = b.shapes[node]
    ranges = tuple(
        (index, 1, 1) if isinstance(index, int) else (0, dim, 1)
        for index, dim in zip(indices, shape, strict=True)
    )
    kept = [(str(i), dim) for i, dim in zip(indices, shape, strict=True) if isinstance(i, str)]
    node = b.emit(ops.Slice(ranges), node)
    return b.emit(ops.Reshape(tuple(dim for _, dim in kept)), node), [name for name, _ in kept]


def _power(b: Builder, node: int, power: Fraction) -> int:
    shape = b.shapes[node]
    if power < 0:
        return algebra.apply(b, "div", b.const(1, shape), _power(b, node, -power))
    if power == Fraction(1, 2):
        return b.map("sqrt", node)
    exponent = power.numerator if power.denominator == 1 else float(power)
    return algebra.apply(b, "pow", node, b.const(exponent, shape))


def _base(b: Builder, base: Base, indices: tuple[Index, ...], sizes: Dims) -> int:
    if base.kind == "leaf":
        return int(base.data)
    if base.kind == "number":
        return b.const({"pi": pi, "e": e}.get(base.data, base.data))
    if base.kind == "dim":
        return b.const(named(base.data))
    dims = [sizes[index] if isinstance(index, str) else 1 + index for index in indices]
    return b.emit(ops.Eye(max(dims, key=_is_named)))  # a delta: one may be a position, as in [2]


def _inner(
    b: Builder, base: Base, indices: tuple[Index, ...], sizes: Dims
) -> tuple[int, list[str]]:
    """A function or bracket over the indices that are no positions; those are read off inside,
    where each operand knows its own size."""
    kept = {f"@{at}": index for at, index in enumerate(indices) if isinstance(index, str)}
    places = {f"@{at}": index for at, index in enumerate(indices) if isinstance(index, int)}
    inner = terms.reindex(base.inner, places) if places else base.inner
    node = rebuild(b, inner, list(kept), [sizes[index] for index in kept.values()])
    return (node if base.kind == "bracket" else _function(b, base.data[0], node)), [*kept.values()]


def _is_named(dim: Dim) -> tuple[bool, int]:
    return (True, 0) if not isinstance(dim, int) else (False, dim)


def _one_hot(
    b: Builder, labels: int, indices: tuple[Index, ...], sizes: Dims
) -> tuple[int, list[str]]:
    """1 where the entry of `labels` at all but the last index is the last one."""
    node, kept = _fix(b, labels, indices[:-1])
    last, rank = indices[-1], len(kept)
    if isinstance(last, int):
        return b.map("eq", node, b.const(last, b.shapes[node])), kept
    shape = (*b.shapes[node], sizes[last])
    classes = b.spread(b.emit(ops.Arange(sizes[last])), shape, (rank,))
    return b.map("eq", b.spread(node, shape, tuple(range(rank))), classes), [*kept, last]


def _function(b: Builder, name: str, arg: int) -> int:
    zero = b.const(0, b.shapes[arg])
    if name == "positive":
        return b.map("gt", arg, zero)
    if name == "zero":
        return b.map("eq", arg, zero)
    return b.map(name, arg)
