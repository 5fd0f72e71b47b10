"""Jacobians and Hessians as graphs: the backward pass of a whole stack of seeds, one per output.

Layout: the dimensions of the output first, then those of the input (rows are outputs, columns are
inputs); a Hessian has the dimensions of `wrt` twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..errors import DifferentiationError
from ..tape import algebra, ops, sizes
from ..tape.builder import LETTERS, Builder
from ..tape.graph import Graph, cone
from ..tape.sizes import Dim, names_in, product, to_text
from .batching import batch
from .gradients import BACKWARD, accumulate, grad

MAX_ENTRIES = 4_000_000  # 32 MB in float64
SEED = "seed of the Jacobian"  # no program can have an input of this name: it has blanks


def jacobian_graph(graph: Graph, of: str, wrt: str) -> Graph:
    """The graph with the Jacobian of node `of` by node `wrt` on its tape, called `of.J_wrt`.

    Its shape is that of `of`, then that of `wrt`. Every column is one seed of the backward pass;
    the seeds are a stack (`batching`), so the tape does not grow with the number of outputs.
    Raises DifferentiationError where it would have more than `MAX_ENTRIES` entries.
    """
    b = Builder.of(graph)
    b.phase = BACKWARD
    node = _jacobian(b, graph, of, wrt)
    return finish(b, graph, node, f"{of}.J_{wrt}")


def _jacobian(b: Builder, graph: Graph, of: str, wrt: str) -> int:
    """The id in `b`, which continues the tape of `graph`, of the Jacobian of a node."""
    target, source = graph.id(of), graph.id(wrt)
    _require_size(graph, of, wrt)
    pulled = _pulled_back(graph, target, source)
    for dim in reversed(graph.shapes[target]):
        pulled = batch(pulled, [SEED], dim)
    given = {
        at: graph.id(name)
        for at, name in zip(pulled.input_ids, pulled.inputs, strict=True)
        if name != SEED
    }
    given[pulled.id(SEED)] = _identity(b, graph.shapes[target])
    return replay(b, pulled, given, pulled.output_ids[0])


def _require_size(graph: Graph, of: str, wrt: str) -> None:
    """Raise DifferentiationError for a Jacobian that could not be held, let alone written out."""
    rows, columns = graph.shapes[graph.id(of)], graph.shapes[graph.id(wrt)]
    count = product((*rows, *columns))
    if isinstance(count, int) and count > MAX_ENTRIES:
        raise DifferentiationError(
            f"the Jacobian of '{of}' {to_text(rows)} by '{wrt}' {to_text(columns)} has {count:,} "
            f"entries, more than {MAX_ENTRIES:,}: take the gradient of a scalar such as "
            f"sum({of}), smaller sizes, or named dimensions, which are checked at small sizes",
            span=graph.place(graph.id(of)),
            node=of,
        )


def finish(b: Builder, graph: Graph, node: int, name: str) -> Graph:
    """The graph built with one more output called `name`."""
    if node < len(graph):
        b.alias(node, name)
    else:
        b.name(node, name)
    return b.build([*graph.output_ids, node])


def _pulled_back(graph: Graph, target: int, source: int) -> Graph:
    """The backward pass of `target` for a seed that is an input; its output is d/d source."""
    b = Builder.of(graph)
    b.phase = BACKWARD
    shape = graph.shapes[target]
    seed = b.input(SEED, shape)
    backward = accumulate(b, target, [source], seed)
    node = backward.upstream.get(source)
    if node is None:  # nothing depends on the source: zero, but still one per seed
        zeros = b.map("mul", seed, b.const(0, shape))
        total = b.sum(zeros, range(len(shape)))
        node = b.spread(total, graph.shapes[source], ())
    return b.build([node])


def _identity(b: Builder, shape: tuple[Dim, ...]) -> int:
    """The seeds of all outputs at once: a Kronecker delta for each axis."""
    if not shape:
        return b.const(1, ())
    rank = len(shape)
    rows, columns = LETTERS[:rank], LETTERS[rank : 2 * rank]
    spec = ",".join(a + c for a, c in zip(rows, columns, strict=True)) + f"->{rows}{columns}"
    return b.contract(spec, *(b.emit(ops.Eye(dim)) for dim in shape))


def replay(b: Builder, graph: Graph, given: Mapping[int, int], node: int) -> int:
    """The id in `b` of `node` of `graph`, computed again with some nodes given."""
    place = dict(given)
    for at in cone(graph, [node], place):
        op, args = graph.ops[at], [place[arg] for arg in graph.args[at]]
        if type(op) is ops.Map:
            place[at] = algebra.apply(b, op.function, *args)
        else:
            place[at] = b.emit(op, *args)
    return place[node]


def excerpt(graph: Graph, members: Sequence[int], output: int, named: bool = True) -> Graph:
    """The graph of some nodes alone: what they use from outside is its inputs, by the same names.

    `members` are node ids, `output` is one of them. Members keep their names if `named`. Numbers
    and other literals are carried along; so is what an index is computed from, for a random number
    is none.

    >>> from graphdbg.language.parser import parse
    >>> graph = parse("h = tanh(x); y = h z")
    >>> excerpt(graph, [graph.id("y")], graph.id("y")).inputs
    ('h', 'z')
    """
    b, inside = Builder(limit=graph.limit), frozenset(members)
    needed = dict.fromkeys(a for at in sorted(inside) for a in graph.args[at] if a not in inside)
    indices = _index_operands(graph, inside)
    place: dict[int, int] = {}
    for arg in needed:
        op = graph.ops[arg]
        if is_literal(graph, arg) or (arg in indices and type(op) is not ops.Input):
            place[arg] = _carried(b, graph, arg)
        else:
            domain = op.domain if isinstance(op, ops.Input) else "Real"
            place[arg] = b.input(graph.names[arg], graph.shapes[arg], domain)
    known = [names_in(shape) for op, shape in zip(b.ops, b.shapes) if type(op) is ops.Input]
    for dim in sorted(graph.dims.difference(*known)):
        b.input(f"{dim} entries", (sizes.named(dim),))  # the n of L = q/n has a size as well
    for at in sorted(inside):
        place[at] = b.emit(graph.ops[at], *(place[arg] for arg in graph.args[at]))
        if named and at in graph.given_names and at != output:
            b.name(place[at], graph.given_names[at])
    return b.build({graph.names[output]: place[output]})


def is_literal(graph: Graph, at: int) -> bool:
    """Whether a node is a number or an array that the program spells out."""
    return type(graph.ops[at]) in (ops.Const, ops.Eye, ops.Array, ops.Arange)


def _index_operands(graph: Graph, inside: frozenset[int]) -> set[int]:
    """The operands that say which entries are read or written."""
    reads = (at for at in inside if type(graph.ops[at]) in (ops.Gather, ops.Scatter))
    return {arg for at in reads for arg in graph.args[at][1:]}


def _carried(b: Builder, graph: Graph, node: int) -> int:
    """A node with all that it is computed from."""
    place: dict[int, int] = {}
    for at in cone(graph, [node]):
        place[at] = b.emit(graph.ops[at], *(place[arg] for arg in graph.args[at]))
        if isinstance(op := graph.ops[at], ops.Input):
            b.name(place[at], op.name)
    return place[node]


def hessian_graph(graph: Graph, of: str, wrt: Sequence[str]) -> Graph:
    """The graph with the Hessian of the scalar `of` on its tape, called `of.H_x` or `of.H_x,y`.

    For one name the shape is that of `wrt` twice. For several, all entries of all names in order
    are the rows and the columns of one matrix.
    """
    backward = grad(graph, of, list(wrt))
    label = graph.names[graph.id(of)]
    if len(wrt) == 1:
        found = jacobian_graph(backward, f"{label}.d_{wrt[0]}", wrt[0])
        return finish(Builder.of(found), found, found.output_ids[-1], f"{label}.H_{wrt[0]}")
    for name in wrt:
        if not isinstance(product(graph.shapes[graph.id(name)]), int):
            raise DifferentiationError(
                f"a Hessian by several names needs sizes that are numbers, "
                f"but '{name}' has a named dimension: ask for one name at a time"
            )
    b = Builder.of(backward)
    b.phase = BACKWARD
    rows = [_row(b, backward, f"{label}.d_{row}", wrt) for row in wrt]
    for row, blocks in zip(wrt, rows, strict=True):
        for column, block in zip(wrt, blocks, strict=True):
            b.name(block, f"{label}.d_{row}.J_{column}")
    node = _join(b, rows, [product(graph.shapes[graph.id(name)]) for name in wrt])
    return finish(b, backward, node, f"{label}.H_{','.join(wrt)}")


def _row(b: Builder, graph: Graph, of: str, wrt: Sequence[str]) -> list[int]:
    """The ids in `b`, which continues the tape of `graph`, of the Jacobians of one node.

    Of a scalar they are one backward pass for all names.
    """
    target = graph.id(of)
    if graph.shapes[target]:
        return [_jacobian(b, graph, of, name) for name in wrt]
    sources = [graph.id(name) for name in wrt]
    found = accumulate(b, target, sources, b.const(1, ())).upstream
    return [found.get(at, b.const(0, graph.shapes[at])) for at in sources]


def _join(b: Builder, rows: list[list[int]], dims: list[Dim]) -> int:
    lines = []
    for blocks, height in zip(rows, dims, strict=True):
        flat = [b.emit(ops.Reshape((height, width)), block)
                for block, width in zip(blocks, dims, strict=True)]  # fmt: skip
        lines.append(b.emit(ops.Concat(1), *flat))
    return b.emit(ops.Concat(0), *lines)
