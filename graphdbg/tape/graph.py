"""`Graph`, the immutable tape, and its `Node` views.

A graph is kept as columns (operations, arguments, shapes, ...), one entry per node in an order in
which every node comes after its arguments. A `Node` is made when someone asks for it, so that a
tape of 100,000 nodes costs a few lists and not a million objects.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from .. import lazy
from ..errors import UnknownNameError
from ..source import Source, Span
from . import ops
from .naming import default_names, describe, other_names
from .sizes import Shape, names_in, to_text

if TYPE_CHECKING:
    import networkx
    import sympy

PHASES = ("forward", "backward", "update")
MOST_NAMES = 20_000  # among which a near one is looked for: a tenth of a second
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
    and must not be changed. `limit` is how many bytes the values of one evaluation may take, None
    for the default (`limits.default_limit`); what is derived from a graph has its limit.

    >>> from graphdbg.tape.builder import Builder
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
    limit: int | None = None

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
        """The position on the tape of the node called `name`; UnknownNameError without one."""
        found = self.find(name)
        if found is None:
            raise UnknownNameError(f"no node named '{name}'{suggestion(name, self.ids)}", node=name)
        return found

    def find(self, name: str) -> int | None:
        """The position on the tape of the node called `name`, None where there is none."""
        found = self.aliases.get(name, self._given_ids.get(name))
        if found is None:
            found = self._gradient_id(name)
        return self.ids.get(name) if found is None else found

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
        return self.place_of_call(self.frames[at]) or self.spans[at]

    def place_of_call(self, frame: int) -> Span | None:
        """Where the outermost call around a frame, itself included, stands in the program."""
        span = None
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
        # A later pass may find its gradient among nodes before the one it starts from
        gradients = {
            g: (p.of, y)
            for p in reversed(self.passes)
            for y, g in reversed(p.upstream.items())
            if p.of < g and self.phases[g]
        }
        return default_names(self.ops, self.shapes, self.given_names, self.aliases, gradients)

    @cached_property
    def ids(self) -> dict[str, int]:
        """The position of each name, other names of a node and names of gradients included."""
        gradients = {
            name: g
            for backward in self.passes
            for y, g in backward.upstream.items()
            for name in self.gradient_names(backward.of, y)
        }
        return gradients | {name: at for at, name in enumerate(self.names)} | self.aliases

    def gradient_names(self, of: int, y: int) -> list[str]:
        """The names of the gradient of node `of` by node `y`: `L.d_h`, by any names of the two."""
        others = self._other_names
        outputs = [self.names[of], *others.get(of, ())]
        operands = [self.names[y], *others.get(y, ())]
        return [f"{a}.d_{h}" for a in outputs for h in operands]

    @cached_property
    def _other_names(self) -> dict[int, list[str]]:
        return other_names(self.names, self.aliases)

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
        return lazy.module("tape.views").to_networkx(self)

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
        """The graph as JSON text, without loss; see `graphdbg.tape.serialization` for files."""
        return str(lazy.module("tape.serialization").to_json(self))

    @staticmethod
    def from_json(text: str) -> Graph:
        """The graph that `to_json` wrote; GraphError where the text is not such a graph."""
        graph: Graph = lazy.module("tape.serialization").from_json(text)
        return graph

    def __str__(self) -> str:
        return "\n".join(str(node) for node in self)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found: dict[str, str] = lazy.module("publishing.notebooks").graph(self)
        return found

    def __repr__(self) -> str:
        listed = ", ".join
        return (
            f"Graph({len(self)} nodes, inputs: {listed(self.inputs)}, "
            f"outputs: {listed(self.outputs)})"
        )


def suggestion(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known name, or nothing."""
    near = get_close_matches(name, list(islice(known, MOST_NAMES)), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def cone(graph: Graph, nodes: Iterable[int], known: Container[int] = ()) -> list[int]:
    """The nodes that some nodes are computed from, themselves included, arguments first.

    What is `known` already, and what only it needs, is left out.
    """
    found: set[int] = set()
    stack = list(nodes)
    while stack:
        at = stack.pop()
        if at not in found and at not in known:
            found.add(at)
            stack.extend(graph.args[at])
    return sorted(found)
