"""Text to graph: a walk over a whitelist of Python's syntax trees. Nothing is ever executed.

`parse` reads a whole program, `extend` and `expression` read text against the names of a graph
that exists already. The text is made Python by `notation` and `syntax`; `reading` walks its
statements and expressions, each by its rule in `grammar`; functions are in `functions` and in the
library.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ..errors import GraphError, SourceError, ValueGivenError
from ..source import Source, Span, hidden_in
from ..tape import sizes
from ..tape.builder import Builder, without_collection
from ..tape.graph import Graph
from ..tape.limits import NODES, read_size
from ..tape.ops import Const
from ..tape.sizes import Dim, Shape
from .grammar import GRAMMAR
from .reading import Reader
from .syntax import LARGE
from .tape import Tape
from .values import Native, Ref


def parse(
    text: str,
    shapes: Mapping[str, tuple[int | str, ...]] | None = None,
    values: Mapping[str, ArrayLike] | None = None,
    name: str = "<text>",
    *,
    nodes: int = NODES,
    limit: int | str | None = None,
) -> Graph:
    """The graph of a program or formula.

    `shapes` gives the shapes of undeclared inputs (ints, or names of dimensions); those not given
    are taken from `values`, else they are scalars. `name` is shown in errors. `nodes` is how many
    the text may make, `limit` how many bytes the values of one evaluation may take ("2GB"; by
    default half of the memory and at most 4 GB). Raises SourceError for a text that is no program,
    LimitError for one that makes more nodes, or more than 20,000 calls of written functions,
    UnknownNameError for an unknown function, UnsupportedError for Python that the language does not
    have, ShapeError where operands do not fit together.

    >>> parse("f=(x+y)z").inputs
    ('x', 'y', 'z')
    >>> print(parse("P = softmax(X @ W)", shapes={"X": (4, 3), "W": (3, "k")})["P"].shape)
    (4, k)
    """
    source = Source(text, name)
    if not text.strip():
        raise SourceError(
            "the source is empty: write a formula such as f = (x + y)*z", span=Span(source, 0, 0)
        )
    builder = Builder(source=source, limit=read_size(limit), most=nodes)
    reader = Reader(builder, GRAMMAR, given_shapes(shapes or {}, values or {}))
    with without_collection(len(text) > LARGE):
        reader.program(source)
        return reader.graph()


def expression(
    builder: Builder,
    text: str,
    names: Mapping[str, int] | None = None,
    functions: Mapping[str, Callable[..., int]] | None = None,
) -> int:
    """The node of an expression over existing nodes, which is added to the builder's tape.

    `names` maps names to nodes; by default all names the builder gave. `functions` are further
    ones, from node ids to a node id. Assignments may stand before the expression:
    `s = sigmoid(x); s*(1 - s)`. Raises UnknownNameError for other names.

    >>> b = Builder()
    >>> x = b.input("x")
    >>> b.ops[expression(b, "x^2")].function
    'pow'
    """
    reader = _continued(builder, text, names, functions)
    if reader.results:
        return int(reader.tape.ref(reader.results[-1]))
    assigned = reader.assigned()
    if assigned:
        return list(assigned.values())[-1]
    span = Span(Source(text, "<expression>"), 0, len(text))
    raise SourceError("expected an expression, found none", span=span)


def extend(
    builder: Builder,
    text: str,
    names: Mapping[str, int] | None = None,
    functions: Mapping[str, Callable[..., int]] | None = None,
) -> dict[str, int]:
    """The nodes assigned by a program that is read against existing nodes, by name.

    The value of an expression statement is called `f`, or `out` where that is taken. Arguments and
    errors are those of `expression`.

    >>> b = Builder()
    >>> x = b.input("x")
    >>> sorted(extend(b, "s = sigmoid(x); d = s*(1 - s)"))
    ['d', 's']
    """
    return _continued(builder, text, names, functions).assigned()


def _continued(
    builder: Builder,
    text: str,
    names: Mapping[str, int] | None,
    functions: Mapping[str, Callable[..., int]] | None,
) -> Reader:
    source = Source(text, "<expression>")
    if not text.strip():
        raise SourceError("the expression is empty", span=Span(source, 0, 0))
    before = (builder.span, builder.frame, builder.most)
    if names is None:
        names = {name: at for at, name in builder.names.items()} | builder.aliases
    known: dict[str, Any] = {name: _static(builder, at) for name, at in names.items()}
    known.update((name, _native(name, apply)) for name, apply in (functions or {}).items())
    reader = Reader(builder, GRAMMAR, {}, known)
    builder.most = len(builder.ops) + NODES
    try:
        reader.program(source)
    finally:
        builder.span, builder.frame, builder.most = before
    return reader


def _static(builder: Builder, at: int) -> Any:
    """A node; one that is a whole number or a dimension as that number, the n of `zeros(n)`."""
    op = builder.ops[at]
    if type(op) is Const and op.shape == () and isinstance(op.value, (int, sizes.Size)):
        return op.value
    return Ref(at)


def _native(name: str, apply: Callable[..., int]) -> Native:
    def on_tape(tape: Tape, *values: Any) -> Ref:
        return Ref(apply(*(int(tape.ref(value)) for value in values)))

    return Native(name, on_tape)


def given_shapes(
    shapes: Mapping[str, tuple[int | str, ...]], values: Mapping[str, Any]
) -> dict[str, Shape]:
    """The shapes given for inputs, by `shapes` or else by the values bound to them."""
    found: dict[str, Shape] = {}
    for name, value in values.items():
        try:
            found[name] = np.shape(value)
        except ValueError as error:
            raise ValueGivenError(
                f"the value of '{name}' is ragged: its rows differ in length"
            ) from error
    for name, shape in shapes.items():
        whole = shape if isinstance(shape, (tuple, list)) else (shape,)
        found[name] = tuple(_dimension(name, dim) for dim in whole)
    return found


def _dimension(name: str, dim: Any) -> Dim:
    if isinstance(dim, str) and dim.isidentifier() and hidden_in(dim) is None:
        return sizes.named(dim)
    if isinstance(dim, sizes.Size):
        return dim
    if isinstance(dim, bool) or not hasattr(dim, "__index__") or dim.__index__() < 0:
        raise GraphError(
            f"the shape given for '{name}' has the dimension {dim!r}: "
            "expected a whole number or the name of a dimension"
        )
    return int(dim)
