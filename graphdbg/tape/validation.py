"""`validate`: whether a graph that comes from a file fits together, every column with the others.

A file is data that anybody may have written. What the rest of the program takes for granted is
looked at here, once: operands stand before their node, calls form a tree, names are one node's and
can be seen, shapes and passes fit, sizes are bounded. Each refusal names the place in the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

from ..errors import GraphError, ShapeError
from ..source import hidden_in
from . import ops, shapes
from .builder import LETTERS
from .graph import NONE, PHASES, Contribution, Graph, Pass
from .records import once, pick, refuse
from .scalars import TABLE
from .sizes import Dim, Shape, names_in, product, to_text

LARGEST_SIZE = 2**53  # of a dimension: beyond, floats do not count, and no array is as large
MOST_AXES = 32  # of an array: NumPy's own limit in its oldest version
LONGEST_NAME = 10_000  # characters


def validate(graph: Graph) -> None:
    """Raise GraphError where a part of a graph from a file does not fit the rest."""
    _references(graph)
    _names(graph)
    _calls(graph)
    for at in range(len(graph)):
        _node(graph, at)
        _operation(graph, at)
    for number, backward in enumerate(graph.passes):
        _pass(graph, backward, f"passes[{number}]")


# ------------------------------------------------------------------ positions and names


def _references(graph: Graph) -> None:
    """Every position of a node, and of a call, is one that there is."""
    calls = len(graph.calls)
    for frame in (*graph.frames, *(call.parent for call in graph.calls)):
        if not NONE <= frame < calls:
            refuse("a frame", f"-1 or a call below {calls}", frame)
    optional = [*graph.origins, *(call.output for call in graph.calls)]
    certain = [*graph.given_names, *graph.aliases.values(), *graph.output_ids]
    for call in graph.calls:
        certain += call.inputs
    for backward in graph.passes:
        certain += [backward.of, *backward.wrt, *backward.upstream, *backward.upstream.values()]
        certain += backward.contributions
        for part in _parts(backward):
            certain += [part.consumer, part.node]
            optional.append(part.local)
    for at in certain:
        pick(graph.ops, at, "a node's position")
    for at in optional:
        pick(graph.ops, at, "a node's position", optional=True)
    if not graph.output_ids:
        raise GraphError("not a saved graph: it has no output")


def _parts(backward: Pass) -> Iterator[Contribution]:
    return (part for parts in backward.contributions.values() for part in parts)


def _names(graph: Graph) -> None:
    """A name is one node's, and is to be seen; an input's is the one that values are given by."""
    named = [(name, at) for at, name in graph.given_names.items()]
    once([*named, *graph.aliases.items()], "nodes by name")
    once([(call.label, at) for at, call in enumerate(graph.calls)], "calls by label")
    visible([*graph.given_names.values(), *graph.aliases], "a name")
    visible([text for call in graph.calls for text in (call.function, call.label)], "a call's name")
    dimensions = {name for at in range(len(graph)) for name in _dimensions(graph, at)}
    visible(dimensions, "a dimension's name")
    if unknown := sorted(dimensions - graph.dims):
        refuse("a dimension", "one of an input's", unknown[0])
    for at in graph.input_ids:
        name = graph.ops[at].name  # type: ignore[attr-defined]
        if graph.given_names.get(at) != name:
            refuse("names", f"the input's own at node {at}, '{name}'", graph.given_names.get(at))
        if 0 in graph.shapes[at]:
            refuse(f"nodes.shape[{at}]", "an input's, with entries", to_text(graph.shapes[at]))
        if ops.single_shares(graph.ops[at]):
            refuse(f"nodes.shape[{at}]", "rows of several probabilities", to_text(graph.shapes[at]))
        if graph.frames[at] != NONE:
            refuse(f"nodes.frame[{at}]", "-1, for inputs stand outside of calls", graph.frames[at])


def _dimensions(graph: Graph, at: int) -> Iterator[str]:
    """The names of dimensions in a node's shape and in what its operation reads or is."""
    op, found = graph.ops[at], [*graph.shapes[at]]
    if isinstance(op, ops.Slice | ops.Pad):
        found += [dim for start, size, _ in op.ranges for dim in (start, size)]
    elif isinstance(op, ops.Const) and not isinstance(op.value, float):
        found.append(op.value)
    return iter(names_in(found))


def visible(names: Iterable[str], what: str) -> None:
    """Raise GraphError for a name that is empty, overlong, or has a character nobody sees."""
    for name in names:
        if not name or len(name) > LONGEST_NAME or hidden_in(name) is not None:
            refuse(what, "a text whose every character is to be seen", name)


def _calls(graph: Graph) -> None:
    """Calls form a tree, each after the one it stands in, and give what they have got."""
    for number, call in enumerate(graph.calls):
        where = f"calls[{number}]"
        if call.parent >= number:
            refuse(f"{where}.parent", "-1 or a call before it", call.parent)
        if call.output != NONE and any(at > call.output for at in call.inputs):
            refuse(f"{where}.inputs", "nodes before its output", list(call.inputs))


# ------------------------------------------------------------------ nodes


def _node(graph: Graph, at: int) -> None:
    """What a node's columns say of each other."""
    args, phase, origin = graph.args[at], graph.phases[at], graph.origins[at]
    if any(not 0 <= arg < at for arg in args):
        refuse(f"nodes.args[{at}]", "nodes before it", list(args))
    if at and phase < graph.phases[at - 1]:
        refuse(f"nodes.phase[{at}]", f"{PHASES[graph.phases[at - 1]]} or later", PHASES[phase])
    if origin != NONE and (origin >= at or not phase):
        refuse(f"nodes.origin[{at}]", "-1, or for a gradient a node before it", origin)
    if graph.frames[at] != NONE and any(i >= at for i in graph.calls[graph.frames[at]].inputs):
        refuse(f"nodes.frame[{at}]", "a call whose operands stand before it", graph.frames[at])


def _operation(graph: Graph, at: int) -> None:
    """An operation takes its operands, and gives the shape that is written."""
    op, operands = graph.ops[at], [graph.shapes[arg] for arg in graph.args[at]]
    if not _fits(op, len(operands)):
        refuse(f"nodes.args[{at}]", f"the operands of {type(op).__name__}", list(graph.args[at]))
    try:
        found = shapes.infer(op, operands)
    except (ShapeError, IndexError, ValueError) as error:
        raise GraphError(f"not a saved graph: node {at} does not fit: {error}") from error
    if found != graph.shapes[at]:
        refuse(f"nodes.shape[{at}]", to_text(found), to_text(graph.shapes[at]))
    if len(found) > MOST_AXES or not all(_is_size(dim) for dim in found):
        refuse(f"nodes.shape[{at}]", f"up to {MOST_AXES} sizes from 0 to 2^53", to_text(found))
    if not _makes_sense(op, operands):
        given = " and ".join(map(to_text, operands)) or "nothing"
        raise GraphError(f"not a saved graph: node {at} does not fit: {op} of {given}")


def _is_size(dim: Dim) -> bool:
    """Whether a dimension may be one: a whole number, or a polynomial that is not out of hand."""
    if isinstance(dim, int):
        return 0 <= dim <= LARGEST_SIZE
    return all(abs(factor) <= LARGEST_SIZE and len(names) <= 8 for names, factor in dim.terms)


def _fits(op: ops.Op, count: int) -> bool:
    """Whether an operation takes `count` operands."""
    match op:
        case ops.Map(function=function):
            return count == TABLE[function].arity
        case ops.Contract(inputs=inputs):
            return count == len(inputs) > 0
        case ops.Gather(count=indices):
            return count == indices + 1 > 1
        case ops.Concat():
            return count > 0
        case ops.Adjugate():
            return count == 3
        case ops.Scatter(shape=shape):
            return 1 < count <= len(shape) + 1
    return count == (0 if isinstance(op, ops.LEAVES) else 1)


def _makes_sense(op: ops.Op, operands: list[Shape]) -> bool:
    """What the shape rule of an operation takes for granted of its fields."""
    match op:
        case ops.Contract(inputs=inputs, output=output):
            return set("".join(inputs)) <= set(LETTERS) and len(set(output)) == len(output)
        case ops.Reduce(kind=kind, axes=axes):
            return _increasing(axes) and (len(axes) == 1 or not kind.startswith("arg"))
        case ops.Broadcast(axes=axes):
            return _increasing(axes)
        case ops.Concat(axis=axis):
            return axis >= 0
        case ops.Array(values=values, shape=shape):
            return len(values) == product(shape)
        case ops.Slice(ranges=ranges):
            return _within(ranges, operands[0])
        case ops.Pad(ranges=ranges, shape=shape):
            return len(ranges) == len(shape) and _within(ranges, shape)
        case ops.Eye(size=size) | ops.Arange(size=size):
            return _is_size(size)
        case ops.Const(value=value):
            return isinstance(value, int | float) or _is_size(value)
    return True


def _increasing(axes: tuple[int, ...]) -> bool:
    return all(axis >= 0 for axis in axes) and all(a < b for a, b in pairwise(axes))


def _within(ranges: tuple[ops.Range, ...], shape: Shape) -> bool:
    """Whether what ranges read is there, as far as it is known in numbers."""
    for (start, size, step), dim in zip(ranges, shape, strict=True):
        if not step or not _is_size(size):
            return False
        if isinstance(start, int) and isinstance(size, int) and isinstance(dim, int) and size:
            if not (0 <= start < dim and 0 <= start + (size - 1) * step < dim):
                return False
    return True


# ------------------------------------------------------------------ passes


def _pass(graph: Graph, backward: Pass, where: str) -> None:
    """A backward pass is one of a scalar, and each gradient has the shape of its node."""
    of, upstream = backward.of, backward.upstream
    if graph.shapes[of] != ():
        refuse(f"{where}.of", "a scalar", graph.names[of])
    for y in (of, *backward.wrt, *backward.contributions):
        if y not in upstream or y > of:
            refuse(f"{where}.upstream", f"a gradient of node {y}", sorted(upstream)[:8])
    for y, gradient in upstream.items():
        if y > of or graph.shapes[y] != graph.shapes[gradient]:
            refuse(f"{where}.upstream", f"a gradient of the shape of node {y}", gradient)
    for y, parts in backward.contributions.items():
        for part in parts:
            if not _contributes(graph, backward, y, part):
                refuse(f"{where}.contributions", f"what a user of node {y} hands it", list(part))


def _contributes(graph: Graph, backward: Pass, y: int, part: Contribution) -> bool:
    """Whether a contribution is one of a user of `y` that has a gradient itself."""
    if part.consumer not in backward.upstream:
        return False
    args, shape = graph.args[part.consumer], graph.shapes[y]
    fits = 0 <= part.slot < len(args) and args[part.slot] == y
    local = part.local == NONE or graph.shapes[part.local] == shape
    return fits and local and graph.shapes[part.node] == shape
