"""What an evaluation costs, known from shapes alone before any of it is begun: bytes and products.

`require_room` is the guard: everything that computes the numbers of a graph asks it first. What was
counted is kept with the graph, by the sizes of its named dimensions, so that asking again costs a
look into a dictionary.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import prod
from typing import Any, NoReturn, Protocol

import numpy as np

from ..errors import LimitError
from ..tape import ops, sizes
from ..tape.graph import Graph
from ..tape.limits import PRODUCTS_PER_BYTE, default_limit, number_text, read_size, size_text
from ..tape.ops import Op
from ..tape.scalars import TABLE
from ..tape.sizes import Shape, to_text

NUMBER = 8  # bytes of a float64
VIEWS = (ops.Broadcast, ops.Slice, ops.StopGradient)  # which share their operand's memory
MATRIX = (ops.Inverse, ops.LogDet, ops.Det, ops.Adjugate)
DECOMPOSED = 10  # products for each of a matrix product's: an inverse, and how singular it is
BOXED = 5  # arrays of erf, which goes over Python's own numbers
COMPOSED = 2  # arrays that a function made of several of NumPy's has in hand at most
MOST_AXES = 64 if np.__version__ >= "2" else 32
LONGEST_AXIS = 2**62  # entries of an array that NumPy can address, views included


class Tape(Protocol):
    """A graph, or a builder on the way to one."""

    @property
    def ops(self) -> list[Op]:
        """The operations, by node id."""

    @property
    def args(self) -> list[tuple[int, ...]]:
        """The operands' ids."""

    @property
    def shapes(self) -> list[Shape]:
        """The shapes."""


@dataclass(frozen=True, slots=True)
class Work:
    """Bytes of all values, the most that one node takes, and products; -1 for no node.

    `temporary` is what a single node needs beside its result.
    """

    kept: int = 0
    largest: int = 0
    at: int = -1
    temporary: int = 0
    products: int = 0
    most: int = 0
    busiest: int = -1


def bounded(graph: Graph, limit: int | str | None) -> Graph:
    """The graph with a limit of its own, for what is derived from it; itself for None."""
    return graph if limit is None else replace(graph, limit=read_size(limit))


def work_of(graph: Graph, dims: Mapping[str, int]) -> Work:
    """The work of all nodes of a graph, kept with it.

    >>> import graphdbg as gd
    >>> work = work_of(gd.parse("A: Real[30, 20]; f = sum(A @ A.T)"), {})
    >>> work.kept, work.products
    (12008, 19500)
    """
    known: dict[Any, Work] = vars(graph).setdefault("_work", {})
    key = tuple(dims.items())
    found = known.get(key)
    if found is None:
        found = known[key] = measure(graph, range(len(graph)), dims)
    return found


def require_room(
    graph: Graph,
    dims: Mapping[str, int],
    *,
    limit: int | str | None = None,
    copies: int = 1,
    stacks: int = 0,
    rounds: int = 1,
) -> None:
    """Raise LimitError where the numbers of a graph take more than a limit; nothing is computed.

    `limit` is in bytes, by default that of the graph. `copies` is how many traces are held at a
    time, `stacks` how many arrays as large as the largest beside them, `rounds` how often the graph
    is computed. The error names the node that takes most.
    """
    allowed = read_size(limit) or graph.limit or default_limit()
    found = work_of(graph, dims)
    needed = copies * found.kept + found.temporary + stacks * found.largest
    if needed > allowed or rounds * found.products > PRODUCTS_PER_BYTE * allowed:
        _refuse(graph, found, allowed, needed, max(copies, rounds))


def require_peak(
    graph: Graph, dims: Mapping[str, int], live: Sequence[int], outputs: Sequence[int]
) -> None:
    """Raise LimitError where some nodes take more than a limit at any one time.

    Arrays go with their last use, and what is only repeated takes nothing: so a compiled function
    works.
    """
    allowed = graph.limit or default_limit()
    found = measure(graph, live, dims, _dying(graph, live, outputs))
    if found.kept + found.temporary > allowed or found.products > PRODUCTS_PER_BYTE * allowed:
        _refuse(graph, found, allowed, found.kept + found.temporary, 1)


def _dying(graph: Graph, live: Sequence[int], outputs: Sequence[int]) -> dict[int, list[int]]:
    """Which nodes are used for the last time by which node; outputs never are."""
    last = {arg: at for at in live for arg in graph.args[at]}
    kept, found = set(outputs), dict[int, list[int]]()
    for arg, at in last.items():
        if arg not in kept:
            found.setdefault(at, []).append(arg)
    return found


def _refuse(graph: Graph, found: Work, allowed: int, needed: int, rounds: int) -> NoReturn:
    """Raise the LimitError that names the node which takes most."""
    bytes_are_it = needed > allowed
    at = found.at if bytes_are_it else found.busiest
    name, shape = graph.names[at], to_text(graph.shapes[at])
    if bytes_are_it:
        took = f"{size_text(needed)} of memory"
        part, bound = size_text(found.largest), size_text(allowed)
    else:
        took = f"{number_text(rounds * found.products)} products"
        part = number_text(found.most)
        bound = (f"{number_text(PRODUCTS_PER_BYTE * allowed)}, {PRODUCTS_PER_BYTE} for each byte "
                 f"of {size_text(allowed)}")  # fmt: skip
    times = f" in {rounds} evaluations" if rounds > 1 else ""
    raise LimitError(
        f"this would take {took}{times}, the most for '{name}' of shape {shape}: {part}; the limit "
        f"is {bound}: take smaller sizes, or raise it with --limit SIZE (limit= in Python)",
        span=graph.place(at),
        node=name,
    )


def require_room_for(
    tape: Tape, nodes: Iterable[int], dims: Mapping[str, int], limit: int, what: str
) -> None:
    """Raise LimitError where some nodes of a tape take more than `limit` bytes; `what` is said."""
    found = measure(tape, nodes, dims)
    needed = found.kept + found.temporary
    if needed > limit:
        raise LimitError(
            f"{what} would take {size_text(needed)}, the most for an array of shape "
            f"{to_text(tape.shapes[found.at])}; the limit is {size_text(limit)}"
        )
    if found.products > PRODUCTS_PER_BYTE * limit:
        raise LimitError(
            f"{what} would take {number_text(found.products)} products, the most for an array of "
            f"shape {to_text(tape.shapes[found.busiest])}; the limit is "
            f"{number_text(PRODUCTS_PER_BYTE * limit)}"
        )


def measure(
    tape: Tape,
    nodes: Iterable[int],
    dims: Mapping[str, int],
    dead: Mapping[int, Sequence[int]] | None = None,
) -> Work:
    """The work of some nodes of a tape, whose operands may be any.

    With `dead`, the nodes whose arrays go after each node, `kept` is the most held at a time.
    """
    counts: dict[Shape, int] = {(): 1}
    held: dict[int, int] = {}
    now = 0
    kept = largest = temporary = products = most = 0
    at = busiest = -1
    for node in nodes:
        op, shape = tape.ops[node], tape.shapes[node]
        if not shape and type(op) is ops.Map:
            kept += NUMBER
            continue
        for each in (shape, *(tape.shapes[arg] for arg in tape.args[node])):
            if each not in counts:
                counts[each] = _count(each, dims)
        size = counts[shape]
        inner = [counts[tape.shapes[arg]] for arg in tape.args[node]]
        own = 0 if _is_view(tape, node) and size < LONGEST_AXIS else NUMBER * size
        beside, work = _effort(op, tape, node, size, inner, dims)
        if not own and dead is None:
            beside = NUMBER * size  # who looks at a view, for what is not finite, copies it
        products, temporary = products + work, max(temporary, beside)
        if dead is None:
            kept += own
        elif type(op) not in (ops.Const, ops.Broadcast):
            held[node] = own
            now += own
            kept = max(kept, now)
            now -= sum(held.pop(gone, 0) for gone in dead.get(node, ()))
        if own + beside > largest or at < 0:
            largest, at = own + beside, node
        if work > most or busiest < 0:
            most, busiest = work, node
    return Work(kept, largest, at, temporary, products, most, busiest)


def _count(shape: Shape, dims: Mapping[str, int]) -> int:
    if len(shape) > MOST_AXES:
        raise LimitError(f"an array of {len(shape)} axes: NumPy's limit is {MOST_AXES}")
    return prod(max(0, sizes.evaluate(dim, dims)) for dim in shape)


def _is_view(tape: Tape, node: int) -> bool:
    """Whether a node's array is another one's memory: a reshape only of what lies in order."""
    op = tape.ops[node]
    if type(op) is not ops.Reshape:
        return type(op) in VIEWS or _reorders(op)
    (arg,) = tape.args[node]
    while type(tape.ops[arg]) in (ops.Reshape, ops.StopGradient):
        (arg,) = tape.args[arg]
    return type(tape.ops[arg]) not in VIEWS and not _reorders(tape.ops[arg])


def _reorders(op: ops.Op) -> bool:
    """A transpose or a diagonal."""
    return type(op) is ops.Contract and len(op.inputs) == 1 and set(op.inputs[0]) == set(op.output)


def _effort(
    op: ops.Op, tape: Tape, node: int, size: int, inner: Sequence[int], dims: Mapping[str, int]
) -> tuple[int, int]:
    """Bytes beside the result, and products."""
    if isinstance(op, ops.Contract):
        shapes = [
            tuple(max(0, sizes.evaluate(dim, dims)) for dim in tape.shapes[arg])
            for arg in tape.args[node]
        ]
        between, products = contraction(op.inputs, op.output, tuple(shapes))
        return NUMBER * between, products
    if isinstance(op, ops.Map):
        return _arrays_in_hand(op.function) * NUMBER * size, 0
    if isinstance(op, MATRIX):
        side = sizes.evaluate(tape.shapes[tape.args[node][0]][-1], dims)
        return NUMBER * inner[0], DECOMPOSED * inner[0] * max(1, side)
    if isinstance(op, (ops.Gather, ops.Scatter)):
        return NUMBER * sum(inner[1:]), max(inner[1:], default=0)
    return 0, inner[0] if isinstance(op, ops.Reduce) else 0


@lru_cache(maxsize=None)
def _arrays_in_hand(function: str) -> int:
    if isinstance(TABLE[function].numeric, np.ufunc):
        return 0
    return BOXED if function == "erf" else COMPOSED


Letters = tuple[str, ...]
Numbers = tuple[tuple[int, ...], ...]


@lru_cache(maxsize=4096)
def contraction(inputs: Letters, output: str, shapes: Numbers) -> tuple[int, int]:
    """Entries of the arrays between, and products, of an einsum as the evaluator does it.

    >>> contraction(("ij", "jk"), "ik", ((2, 3), (3, 4)))
    (0, 24)
    >>> contraction(("abc", "def"), "", ((30, 30, 30), (30, 30, 30)))
    (0, 54001)
    """
    size = {c: n for part, shape in zip(inputs, shapes) for c, n in zip(part, shape)}
    parts: list[str] = []
    products = 0
    for part, others in _with_others(inputs):
        kept = "".join(dict.fromkeys(c for c in part if c in others or c in output))
        if len(inputs) == 1 or len(kept) < len(part):
            products += prod(size[c] for c in set(part))
        parts.append(kept)
    between = 0
    for left, right, rest in _steps(inputs, output, shapes, parts):
        letters = set(left) | set(right)
        products += prod(size[c] for c in letters)
        if rest:
            result = {c for c in letters if c in output or any(c in part for part in rest)}
            between = max(between, prod(size[c] for c in result))
            rest.append("".join(result))
    return between, products


def _with_others(inputs: Letters) -> Iterable[tuple[str, str]]:
    return ((part, "".join(inputs[:at] + inputs[at + 1 :])) for at, part in enumerate(inputs))


def _steps(
    inputs: Letters, output: str, shapes: Numbers, parts: list[str]
) -> Iterable[tuple[str, str, list[str]]]:
    """The pairs in the order in which NumPy contracts them, with the list of what is left then."""
    order: list[Any] = [(0, 1)] if len(parts) == 2 else []
    if len(parts) > 2:
        zeros = (np.broadcast_to(np.zeros(()), shape) for shape in shapes)
        order = np.einsum_path(f"{','.join(inputs)}->{output}", *zeros, optimize=True)[0][1:]
    left = list(parts)
    for chosen in order:
        taken = [left.pop(at) for at in sorted(chosen, reverse=True)]
        yield taken[0], "".join(taken[1:]), left
