"""`Graph`, the immutable tape, its `Node` views, and the `Builder`, which shares subexpressions.

A graph is kept as columns (operations, arguments, shapes, ...), one entry per node in an order in
which every node comes after its arguments. A `Node` is made when someone asks for it, so that a
tape of 100,000 nodes costs a few lists and not a million objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from . import lazy, ops, shapes
from .errors import GraphError, ShapeError, UnknownNameError
from .naming import default_names, describe, gradient_ids
from .ops import Op
from .sizes import Dim, Shape, Size, names_in, to_text
from .source import Source, Span

if TYPE_CHECKING:
    import networkx
    import sympy

PHASES = ("forward", "backward", "update")
NONE = -1  # in integer columns: no frame, no origin


@dataclass(frozen=True, slots=True)
class Call:
    """A frame: one call of a function, by the source text that called it.

    `label` is unique in its graph; `parent` is the index of the calling frame (or -1), `inputs`
    and `output` are node ids outside and at the end of the call.
    """

    function: str
    label: str
    parent: int
    span: Span | None
    inputs: tuple[int, ...]
    output: int = NONE


class Contribution(NamedTuple):
    """upstream(consumer) times the local derivative of `consumer` in operand `slot`, as node ids.

    `local` is the local derivative's own node where that is elementwise, else -1.
    """

    consumer: int
    slot: int
    node: int
    local: int


@dataclass(frozen=True, slots=True)
class Pass:
    """A backward pass on the tape: which node holds which gradient.

    `upstream` maps a forward node to the node that holds d of/d that node; `contributions` lists
    what was added up for it.
    """

    of: int
    wrt: tuple[int, ...]
    upstream: dict[int, int]
    contributions: dict[int, tuple[Contribution, ...]]


@dataclass(frozen=True, slots=True)
class Node:
    """One step of the computation, as a view of its graph's columns.

    `args` are the names of the operands in order, `frame` the call it came from, `origin` the
    forward node a gradient node belongs to, `phase` forward, backward or update.
    """

    id: int
    name: str
    op: ops.Op
    args: tuple[str, ...]
    shape: Shape
    span: Span | None
    frame: Call | None
    origin: str | None
    phase: str

    def __str__(self) -> str:
        return f"{self.name} = {describe(self.op, self.args)}  {to_text(self.shape)}"


@dataclass(frozen=True)
class Graph:
    """An immutable computational graph.

    `inputs` and `outputs` are names; `graph["h"]` is a `Node`; iteration is in tape order. Columns
    (`ops`, `args`, `shapes`, `spans`, `frames`, `origins`, `phases`) are lists indexed by node id
    and must not be changed.

    >>> b = Builder()
    >>> x = b.input("x")
    >>> g = b.build({"f": b.map("mul", x, x)})
    >>> g["f"].args
    ('x', 'x')
    """

    ops: list[ops.Op]
    args: list[tuple[int, ...]]
    shapes: list[Shape]
    spans: list[Span | None]
    frames: list[int]
    origins: list[int]
    phases: list[int]
    given_names: dict[int, str]
    aliases: dict[str, int]
    calls: tuple[Call, ...]
    output_ids: tuple[int, ...]
    passes: tuple[Pass, ...] = ()
    source: Source | None = None

    def __len__(self) -> int:
        return len(self.ops)

    def __iter__(self) -> Iterator[Node]:
        return (self.node(at) for at in range(len(self.ops)))

    def __contains__(self, name: object) -> bool:
        return name in self.ids

    def __getitem__(self, name: str) -> Node:
        """The node called `name`; UnknownNameError with near names when there is none."""
        return self.node(self.id(name))

    def id(self, name: str) -> int:
        """The position on the tape of the node called `name`."""
        found = self.aliases.get(name, self._given_ids.get(name))
        if found is None:
            found = self._gradient_id(name)
        if found is None:
            found = self.ids.get(name)
        if found is None:
            raise UnknownNameError(f"no node named '{name}'{suggestion(name, self.ids)}", node=name)
        return found

    def node(self, at: int) -> Node:
        """The node at position `at` of the tape."""
        frame, origin = self.frames[at], self.origins[at]
        return Node(
            at,
            self.names[at],
            self.ops[at],
            tuple(self.names[arg] for arg in self.args[at]),
            self.shapes[at],
            self.spans[at],
            self.calls[frame] if frame != NONE else None,
            self.names[origin] if origin != NONE else None,
            PHASES[self.phases[at]],
        )

    def place(self, at: int) -> Span | None:
        """Where node `at` stands in the program itself: a library function's at its call."""
        span, frame = self.spans[at], self.frames[at]
        while frame != NONE:
            span, frame = self.calls[frame].span or span, self.calls[frame].parent
        return span

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the inputs, in tape order."""
        return tuple(self.ops[at].name for at in self.input_ids)  # type: ignore[attr-defined]

    @cached_property
    def input_ids(self) -> tuple[int, ...]:
        """The positions of the inputs."""
        return tuple(at for at, op in enumerate(self.ops) if type(op) is ops.Input)

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs."""
        return tuple(self.names[at] for at in self.output_ids)

    @cached_property
    def names(self) -> list[str]:
        """The name of each node.

        Nodes nobody named get q, q1, q2, ..., constants their value, the gradient of `of` by `h`
        the name `of.d_h`; one node that is several gradients is found under each of the names.
        """
        return default_names(self)

    @cached_property
    def ids(self) -> dict[str, int]:
        """The position of each name, other names of a node and names of gradients included."""
        return (
            gradient_ids(self) | {name: at for at, name in enumerate(self.names)} | self.aliases
        )

    @cached_property
    def _given_ids(self) -> dict[str, int]:
        return {name: at for at, name in self.given_names.items()}

    def _gradient_id(self, name: str) -> int | None:
        """Where the only pass has the gradient `of.d_h`: naming all of a large tape is slow."""
        of, found, h = name.partition(".d_")
        if not found or len(self.passes) != 1 or self.given_names.get(self.passes[0].of) != of:
            return None
        return self.passes[0].upstream.get(self._given_ids.get(h, NONE))

    @cached_property
    def users(self) -> list[list[int]]:
        """For each node, the nodes that use it (once per use)."""
        result: list[list[int]] = [[] for _ in self.ops]
        for at, args in enumerate(self.args):
            for arg in args:
                result[arg].append(at)
        return result

    @property
    def dims(self) -> frozenset[str]:
        """The named dimensions of the inputs."""
        return frozenset(name for at in self.input_ids for name in names_in(self.shapes[at]))

    @cached_property
    def nx(self) -> networkx.MultiDiGraph:
        """The graph as a `networkx.MultiDiGraph`: nodes by name, edges keyed by argument slot.

        Every attribute is plain text or a number, so that GraphML and node-link JSON can carry it.
        """
        return lazy.module("views").to_networkx(self)

    @cached_property
    def formulary(self) -> Any:
        """The graph's `formulas.Formulary`: what all of its formulas share, made once."""
        return lazy.formulas().Formulary(self)

    @cached_property
    def backward(self) -> dict[str, Graph]:
        """Backward passes that formulas asked for, by the name of what is differentiated."""
        return {}

    def expr(self, name: str) -> sympy.Basic:
        """The SymPy closed form of a node over the inputs, after it was checked numerically."""
        return self.formulary.formula(name).expr

    def to_json(self) -> str:
        """The graph as JSON text, without loss; see `graphdbg.serialization` for files."""
        return str(lazy.module("serialization").to_json(self))

    @staticmethod
    def from_json(text: str) -> Graph:
        """The graph that `to_json` wrote; GraphError where the text is not such a graph."""
        graph: Graph = lazy.module("serialization").from_json(text)
        return graph

    def __str__(self) -> str:
        return "\n".join(str(node) for node in self)

    def __repr__(self) -> str:
        listed = ", ".join
        return (
            f"Graph({len(self)} nodes, inputs: {listed(self.inputs)}, "
            f"outputs: {listed(self.outputs)})"
        )


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or nothing."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


@dataclass
class Builder:
    """Collects nodes into a `Graph`; the same operation on the same operands is one node.

    `span`, `frame`, `origin` and `phase` are written into each node that is made while they are
    set. Ids are positions on the tape.
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

    def __post_init__(self) -> None:
        self._known: dict[tuple[Any, ...], int] = {
            (getattr(op, "function", op), args): at
            for at, (op, args) in enumerate(zip(self.ops, self.args, strict=True))
        }

    @classmethod
    def of(cls, graph: Graph) -> Builder:
        """A builder that continues the tape of `graph`."""
        return cls(
            list(graph.ops), list(graph.args), list(graph.shapes), list(graph.spans),
            list(graph.frames), list(graph.origins), list(graph.phases), dict(graph.given_names),
            dict(graph.aliases), list(graph.calls), graph.passes, graph.source,
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

    def _append(self, op: Op, args: tuple[int, ...], shape: Shape) -> None:
        self.ops.append(op)
        self.args.append(args)
        self.shapes.append(shape)
        self.spans.append(self.span)
        self.frames.append(self.frame)
        self.origins.append(self.origin)
        self.phases.append(self.phase)

    def input(self, name: str, shape: Shape = (), domain: str = "Real") -> int:
        """The id of an input."""
        at = self.emit(ops.Input(name, shape, domain))
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
        fits = offset >= 0 and all(
            dim in (1, target[at + offset]) for at, dim in enumerate(shape)
        )
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

    def name(self, at: int, name: str) -> None:
        """Call a node `name`; a node that has a name already gets another one."""
        if at in self.names:
            self.aliases[name] = at
        else:
            self.names[at] = name

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
            self.names, self.aliases, tuple(self.calls), ids, self.passes, self.source,
        )  # fmt: skip


# the axes of an einsum, as NumPy allows
LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
