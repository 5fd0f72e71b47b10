"""`Builder` collects nodes into a `Graph`; the same operation on the same operands is one node."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..errors import GraphError, LimitError, ShapeError
from ..source import Source, Span
from . import ops, shapes
from .graph import NONE, Call, Graph, Pass
from .ops import Op
from .sizes import Dim, Shape, Size, to_text

# the axes of an einsum, as NumPy allows
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@contextmanager
def without_collection(pause: bool = True) -> Iterator[None]:
    """Python's search for cycles turned off, if `pause`: a tape that grows has none to be found.

    The search would go through its millions of objects again and again, up to half of the time.
    """
    pause = pause and gc.isenabled()
    if pause:
        gc.disable()
    try:
        yield
    finally:
        if pause:
            gc.enable()


@dataclass
class Builder:
    """Collects nodes into a `Graph`; the same operation on the same operands is one node.

    `span`, `frame`, `origin` and `phase` are written into each node that is made while they are
    set. Ids are positions on the tape. `limit` is the graph's, in bytes; `most` is how long the
    tape may become, which is set while a text is read: LimitError then.
    """

    ops: list[ops.Op] = field(default_factory=list)
    args: list[tuple[int, ...]] = field(default_factory=list)
    shapes: list[Shape] = field(default_factory=list)
    spans: list[Span | None] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    phases: list[int] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)
    aliases: dict[str, int] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    passes: tuple[Pass, ...] = ()
    source: Source | None = None
    span: Span | None = None
    frame: int = NONE
    origin: int = NONE
    phase: int = 0
    limit: int | None = None
    most: int = sys.maxsize

    def __post_init__(self) -> None:
        self._known: dict[tuple[Any, ...], int] = {
            (getattr(op, "function", op), args): at
            for at, (op, args) in enumerate(zip(self.ops, self.args, strict=True))
        }
        self._named = {name: at for at, name in self.names.items()} | self.aliases

    @classmethod
    def of(cls, graph: Graph) -> Builder:
        """A builder that continues the tape of `graph`."""
        return cls(
            list(graph.ops), list(graph.args), list(graph.shapes), list(graph.spans),
            list(graph.frames), list(graph.origins), list(graph.phases), dict(graph.given_names),
            dict(graph.aliases), list(graph.calls), graph.passes, graph.source, limit=graph.limit,
        )  # fmt: skip

    def emit(self, op: Op, *args: int) -> int:
        """The id of `op` applied to nodes; ShapeError (with the span) where shapes do not fit."""
        key = (getattr(op, "function", op), args)
        found = self._known.get(key)
        if found is not None:
            return found
        try:
            shape = shapes.RULES[type(op)](op, [self.shapes[arg] for arg in args])
        except ShapeError as error:
            raise ShapeError(error.message, span=self.span) from error
        at = self._known[key] = len(self.ops)
        self._append(op, args, shape)
        return at

    def find(self, op: Op, *args: int) -> int | None:
        """The id of `op` applied to nodes where the tape has it already, else None."""
        return self._known.get((getattr(op, "function", op), args))

    def _append(self, op: Op, args: tuple[int, ...], shape: Shape) -> None:
        if len(self.ops) >= self.most:
            raise self._too_long()
        self.ops.append(op)
        self.args.append(args)
        self.shapes.append(shape)
        self.spans.append(self.span)
        self.frames.append(self.frame)
        self.origins.append(self.origin)
        self.phases.append(self.phase)

    def reserve(self, count: int) -> None:
        """Raise LimitError where `count` more nodes are too many for the text that is read."""
        if len(self.ops) + count > self.most:
            raise self._too_long()

    def _too_long(self) -> LimitError:
        return LimitError(
            f"the program makes more than {self.most} nodes, which is the limit: loops are "
            "unrolled and functions read once for each call; take fewer rounds, or raise the limit "
            "with --nodes N (nodes= in Python)",
            span=self.span,
        )

    def input(self, name: str, shape: Shape = (), domain: str = "Real") -> int:
        """The id of an input.

        Raises ShapeError for an axis of size 0, which has nothing to look at, and for rows of one
        probability, which would all be 1.
        """
        if 0 in shape:
            raise ShapeError(_without_entries(name, shape), span=self.span)
        op = ops.Input(name, shape, domain)
        if ops.single_shares(op):
            raise ShapeError(_always_one(name, shape), span=self.span)
        at = self.emit(op)
        self.name(at, name)
        return at

    def const(self, value: int | float | Dim, shape: Shape = ()) -> int:
        """The id of an array of `shape` filled with one number."""
        found = self._known.get((value, shape))
        if found is None:
            found = self._known[value, shape] = self.emit(ops.Const(value, shape))
        return found

    def map(self, function: str, *args: int) -> int:
        """The id of an elementwise function, its operands broadcast explicitly."""
        shapes, shape = self.shapes, self.shapes[args[0]]
        for arg in args:
            if shapes[arg] is not shape and shapes[arg] != shape:
                return self.emit(ops.map_of(function), *self.broadcast(*args))
        at = len(shapes)
        found = self._known.setdefault((function, args), at)  # what a tape mostly consists of
        if found == at:
            self._append(ops.map_of(function), args, shape)
        return found

    def broadcast(self, *args: int) -> tuple[int, ...]:
        """The operands repeated to their common shape by NumPy's rule."""
        found = [self.shapes[arg] for arg in args]
        if all(shape == found[0] for shape in found):
            return args
        try:
            target = shapes.broadcast(found)
        except ShapeError as error:
            raise ShapeError(error.message, span=self.span) from error
        return tuple(self.broadcast_to(arg, target) for arg in args)

    def broadcast_to(self, arg: int, target: Shape) -> int:
        """A node repeated to `target`; a constant is simply made in that shape."""
        shape, op = self.shapes[arg], self.ops[arg]
        if shape == target:
            return arg
        if type(op) is ops.Const:
            return self.const(op.value, target)
        offset = len(target) - len(shape)
        fits = offset >= 0 and all(dim in (1, target[at + offset]) for at, dim in enumerate(shape))
        if not fits:
            raise ShapeError(
                f"cannot broadcast shape {to_text(shape)} to {to_text(target)}", span=self.span
            )
        kept = [at for at, dim in enumerate(shape) if dim == target[at + offset]]
        if len(kept) < len(shape):
            arg = self.emit(ops.Reshape(tuple(shape[at] for at in kept)), arg)
        return self.spread(arg, target, tuple(at + offset for at in kept))

    def spread(self, arg: int, target: Shape, axes: tuple[int, ...]) -> int:
        """A node repeated to `target`, its axis i at `axes[i]`; itself when nothing changes."""
        if self.shapes[arg] == target and axes == tuple(range(len(target))):
            return arg
        if type(self.ops[arg]) is ops.Const:
            return self.const(self.ops[arg].value, target)  # type: ignore[attr-defined]
        return self.emit(ops.Broadcast(target, axes), arg)

    def contract(self, spec: str, *args: int) -> int:
        """The id of an einsum; itself where the specification changes nothing (`ij->ij`)."""
        op = ops.contract_of(spec)
        if len(args) == 1 and op.inputs[0] == op.output:
            return args[0]
        return self.emit(op, *args)

    def sum(self, arg: int, axes: Iterable[int]) -> int:
        """The sum over `axes`, which disappear."""
        gone = set(axes)
        letters = LETTERS[: len(self.shapes[arg])]
        kept = "".join(letter for at, letter in enumerate(letters) if at not in gone)
        return self.contract(f"{letters}->{kept}", arg)

    def constant(self, at: int) -> int | float | Size | None:
        """The number a node is filled with when it is a constant, else None."""
        op = self.ops[at]
        return op.value if type(op) is ops.Const else None

    def named(self, name: str) -> int | None:
        """The id of the node that was given `name`, None where there is none."""
        return self._named.get(name)

    def name(self, at: int, name: str) -> None:
        """Call a node `name`; a node that has a name already gets another one.

        Raises GraphError for a name that another node has: a name is one node's for good.
        """
        if self._claim(at, name):
            if at in self.names:
                self.aliases[name] = at
            else:
                self.names[at] = name

    def alias(self, at: int, name: str) -> None:
        """Have a node found as `name` too; GraphError for a name that another node has."""
        if self._claim(at, name):
            self.aliases[name] = at

    def _claim(self, at: int, name: str) -> bool:
        """Whether `name` is new to the tape; GraphError where it is another node's."""
        holder = self._named.setdefault(name, at)
        if holder != at:
            raise GraphError(
                f"two nodes cannot both be called '{name}': node {holder}, "
                f"{type(self.ops[holder]).__name__.lower()} of shape "
                f"{to_text(self.shapes[holder])}, has that name; give node {at}, "
                f"{type(self.ops[at]).__name__.lower()} of shape {to_text(self.shapes[at])}, "
                "another one",
                span=self.spans[at],
                node=name,
            )
        return self.names.get(at) != name and name not in self.aliases

    def build(self, outputs: dict[str, int] | Iterable[int]) -> Graph:
        """The graph; `outputs` are ids, or ids by name."""
        if isinstance(outputs, dict):
            for name, at in outputs.items():
                self.name(at, name)
            outputs = outputs.values()
        ids = tuple(outputs)
        if not ids:
            raise GraphError("a graph needs an output, found none; assign the result to a name")
        return Graph(
            self.ops, self.args, self.shapes, self.spans, self.frames, self.origins, self.phases,
            self.names, self.aliases, tuple(self.calls), ids, self.passes, self.source, self.limit,
        )  # fmt: skip


def _always_one(name: str, shape: Shape) -> str:
    """Why `Probability[n, 1]` is refused, and what to write."""
    whole, lead = (", ".join(map(str, each)) for each in (shape, shape[:-1]))
    instead = f"Interval[0, 1][{lead}]" if lead else "Probability"
    return (
        f"'{name}' is Probability[{whole}]: each row sums to 1, so of one entry it is always 1; "
        f"for independent probabilities write {name}: {instead}"
    )


def _without_entries(name: str, shape: Shape) -> str:
    return (
        f"input '{name}' has shape {to_text(shape)} and so no entry: there is nothing to "
        "differentiate; give each axis a size of 1 or more"
    )
