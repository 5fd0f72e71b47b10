"""Reverse mode: one vector-Jacobian rule per primitive, and `grad`, which adds ordinary nodes.

In each rule: x_0, x_1, ... are the operands, y the result, f what is differentiated, and
g = df/dy the upstream gradient, of the shape of y. A rule returns the contribution to df/dx_slot,
of the shape of x_slot, or None where no gradient flows.

Because a gradient is a graph, it is evaluated, printed, checked, stepped and differentiated again
by the same code as any other graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ..errors import DifferentiationError, GraphError
from ..tape import algebra, ops
from ..tape.builder import LETTERS, Builder, without_collection
from ..tape.graph import NONE, PHASES, Contribution, Graph, Pass
from ..tape.programs import Program, graph_of
from ..tape.sizes import Shape, to_text

BACKWARD = PHASES.index("backward")
DIFFERENTIABLE = (*ops.FREE, "Probability", "OneHot")


class Site(NamedTuple):
    """Where a rule is applied: `op` on `args` gave `y`, whose upstream gradient is `g`."""

    b: Builder
    op: ops.Op
    args: tuple[int, ...]
    y: int
    g: int

    def shape(self, slot: int) -> Shape:
        """The shape of operand `slot`."""
        return self.b.shapes[self.args[slot]]


def grad(program: Program, of: str | None = None, wrt: Iterable[str] | str | None = None) -> Graph:
    """The graph with its backward pass on the same tape; the gradient of x is called `of.d_x`.

    `program` is a graph, the text of a program or the path of its file. `of` defaults to the only
    output, `wrt` to every input with real values. Each forward node on the way also has its
    upstream gradient, `of.d_NODE`. Raises DifferentiationError where `of`
    is not a scalar; UnknownNameError where a name is not in the graph.

    Reverse accumulation: Griewank and Walther, Evaluating Derivatives (2008), section 3.2.

    >>> import graphdbg as gd
    >>> b = gd.grad("f=(x+y)z")
    >>> gd.evaluate(b, {"x": -2.0, "y": 5.0, "z": -4.0})["f.d_x"]
    array(-4.)
    """
    graph = graph_of(program)
    target = output_id(graph, of)
    require_scalar(graph, target)
    sources = [graph.id(name) for name in names_of(graph, wrt)]
    with without_collection():
        b = Builder.of(graph)
        b.phase = BACKWARD
        backward = accumulate(b, target, sources, b.const(1, ()))
    for source in sources:
        if source not in backward.upstream:
            backward.upstream[source] = b.const(0, b.shapes[source])
    b.passes = (*b.passes, backward)
    return b.build([*graph.output_ids, *(backward.upstream[source] for source in sources)])


def differentiated(graph: Graph, of: str | None) -> Graph:
    """The graph with a backward pass of `of`, its only scalar output by default, where it can."""
    if graph.passes and (of is None or graph.passes[-1].of == graph.id(of)):
        return graph
    scalars = [name for name in graph.outputs if graph[name].shape == ()]
    if of is None and len(scalars) > 1:
        raise GraphError(
            f"the program has several scalar results, {', '.join(scalars)}: say which one with "
            f"`of`, such as {scalars[-1]}"
        )
    target = of or (scalars[0] if scalars else None)
    free = [name for name in graph.inputs if graph[name].op.kind in ops.FREE]  # type: ignore[attr-defined]
    return graph if target is None or not (free or of) else grad(graph, target, free or None)


def output_id(graph: Graph, of: str | None) -> int:
    """The node to differentiate: `of`, or the only output."""
    if of is not None:
        return graph.id(of)
    if len(graph.output_ids) > 1:
        raise DifferentiationError(
            f"the graph has the outputs {', '.join(graph.outputs)}: say which one with `of`"
        )
    return graph.output_ids[0]


def names_of(graph: Graph, wrt: Iterable[str] | str | None) -> list[str]:
    """The names to differentiate by: `wrt`, or every input with real values."""
    if wrt is None:
        found = [
            graph.names[at]
            for at in graph.input_ids
            if graph.ops[at].kind in DIFFERENTIABLE  # type: ignore[attr-defined]
        ]
        if not found:
            raise DifferentiationError("the graph has no real-valued input to differentiate by")
        return found
    return [wrt] if isinstance(wrt, str) else list(wrt)


def require_scalar(graph: Graph, target: int) -> None:
    """Raise DifferentiationError, naming the alternatives, unless node `target` is a scalar."""
    shape = graph.shapes[target]
    if shape != ():
        name = graph.names[target]
        raise DifferentiationError(
            f"a gradient needs a scalar, but '{name}' has shape {to_text(shape)}: "
            f"take sum({name}) or mean({name}), one entry such as "
            f"{name}[{', '.join('0' * len(shape))}], or ask for the Jacobian of '{name}'",
            span=graph.place(target),
            node=name,
        )


def accumulate(b: Builder, target: int, sources: Sequence[int], seed: int) -> Pass:
    """The backward pass from `target`, whose upstream gradient is `seed`, to `sources`."""
    active = active_nodes(b.args, target, sources)
    parts: dict[int, list[Contribution]] = {target: []}
    upstream: dict[int, int] = {}
    for y in range(target, -1, -1):
        found = parts.get(y)
        if found is None:
            continue
        b.origin, b.frame, b.span = y, b.frames[y], b.spans[y]
        upstream[y] = g = seed if y == target else _total(b, found)
        if type(b.ops[g]) is ops.Const and b.constant(g) == 0:
            continue
        _pull_back(b, y, g, active, parts)
    b.origin, b.frame, b.span = NONE, NONE, None
    contributions = {y: tuple(found) for y, found in parts.items()}
    return Pass(target, tuple(sources), upstream, contributions)


def active_nodes(
    args: Sequence[tuple[int, ...]], target: int, sources: Iterable[int]
) -> bytearray:
    """1 for each node up to `target` that depends on a source and so carries a gradient."""
    active = bytearray(target + 1)
    for source in sources:
        if source <= target:
            active[source] = 1
    for at in range(target + 1):
        if not active[at]:
            for arg in args[at]:
                if active[arg]:
                    active[at] = 1
                    break
    return active


def _pull_back(
    b: Builder, y: int, g: int, active: bytearray, parts: dict[int, list[Contribution]]
) -> None:
    op, args = b.ops[y], b.args[y]
    site, rule = Site(b, op, args, y, g), RULES[type(op)]
    for slot, arg in enumerate(args):
        if active[arg]:
            found = rule(site, slot)
            if found is not None:
                part = _contribution(Contribution, (y, slot, *found))
                if arg in parts:
                    parts[arg].append(part)
                else:
                    parts[arg] = [part]


_contribution = tuple.__new__  # half the time of calling a NamedTuple


def _total(b: Builder, parts: list[Contribution]) -> int:
    total = parts[0].node
    for part in parts[1:]:
        total = algebra.apply(b, "add", total, part.node)
    return total


# ------------------------------------------------------------------ one rule per primitive

Found = tuple[int, int] | None  # the contribution, and the elementwise local derivative or -1


def _none(site: Site, slot: int) -> Found:
    """y does not depend on x continuously: nothing flows."""
    return None


def _map(site: Site, slot: int) -> Found:
    """df/dx = g * dy/dx, elementwise, with the derivative that the table declares."""
    b, op, args, y, g = site
    local = algebra.derivative(op.function, slot)(b, args, y)  # type: ignore[attr-defined]
    if type(b.ops[local]) is not ops.Const and type(b.ops[g]) is not ops.Const:
        return b.map("mul", g, local), local
    return None if b.constant(local) == 0 else (algebra.apply(b, "mul", g, local), local)


def _contract(site: Site, slot: int) -> Found:
    """The derivative of an einsum in one operand: the einsum of g with the other operands.

    An axis that only this operand has was summed away: its gradient repeats along it. An axis
    that occurs twice in the operand (a trace, a diagonal) gets a Kronecker delta.
    """
    b, op = site.b, site.op
    letters, deltas = _distinct(op.inputs[slot], "".join(op.inputs) + op.output)  # type: ignore[attr-defined]
    sizes = dict(zip(letters, site.shape(slot), strict=True))
    others = [*op.inputs]  # type: ignore[attr-defined]
    others[slot] = op.output  # type: ignore[attr-defined]
    args = [*site.args]
    args[slot] = site.g
    for pair in deltas:
        others.append(pair)
        args.append(b.emit(ops.Eye(sizes[pair[1]])))
    reached = [letter for letter in letters if any(letter in each for each in others)]
    part = b.contract(f"{','.join(others)}->{''.join(reached)}", *args)
    axes = tuple(letters.index(letter) for letter in reached)
    return b.spread(part, site.shape(slot), axes), NONE


def _distinct(letters: str, taken: str) -> tuple[str, list[str]]:
    """The letters with repetitions replaced by new ones, and the pairs that must be equal."""
    fresh = iter(letter for letter in LETTERS if letter not in taken)
    result, deltas = "", []
    for letter in letters:
        if letter in result:
            new = next(fresh)
            deltas.append(letter + new)
            letter = new
        result += letter
    return result, deltas


def _reduce(site: Site, slot: int) -> Found:
    """max, min: g goes to where x equals y, shared equally by ties. prod: see `_product`."""
    b, op = site.b, site.op
    if op.kind == "prod":  # type: ignore[attr-defined]
        return _product(site)
    if op.kind in ("argmax", "argmin"):  # type: ignore[attr-defined]
        return None
    shape = site.shape(0)
    kept = tuple(axis for axis in range(len(shape)) if axis not in op.axes)  # type: ignore[attr-defined]
    mask = b.map("eq", site.args[0], b.spread(site.y, shape, kept))
    share = algebra.apply(b, "div", site.g, b.sum(mask, op.axes))  # type: ignore[attr-defined]
    return algebra.apply(b, "mul", b.spread(share, shape, kept), mask), NONE


def _product(site: Site) -> Found:
    """d(prod x)/dx_i = the product of the others = prod_j where(i == j, 1, x_j); right at zeros.

    One reduced axis at a time keeps it exact: the shape grows by that axis only.
    """
    b, shape = site.b, site.shape(0)
    axes = site.op.axes  # type: ignore[attr-defined]
    if len(axes) > 1:
        inner = b.emit(ops.Reduce("prod", axes[-1:]), site.args[0])
        outer = Site(b, ops.Reduce("prod", axes[:-1]), (inner,), site.y, site.g)
        found = _product(outer)
        assert found is not None
        first = Site(b, ops.Reduce("prod", axes[-1:]), site.args, inner, found[0])
        return _product(first)
    (axis,) = axes
    rank = len(shape)
    wide = (*shape, shape[axis])  # the last axis is the factor left out... of each product
    here = b.spread(site.args[0], wide, tuple(range(rank)))
    delta = b.spread(b.emit(ops.Eye(shape[axis])), wide, (axis, rank))
    others = b.map("where", delta, b.const(1, wide), here)
    left_out = b.emit(ops.Reduce("prod", (axis,)), others)  # axes: the kept ones, then i
    kept = [at for at in range(rank) if at != axis]
    letters = LETTERS[: rank - 1] + "z"
    order = "".join("z" if at == axis else letters[kept.index(at)] for at in range(rank))
    return b.contract(f"{LETTERS[: rank - 1]},{letters}->{order}", site.g, left_out), NONE


def _broadcast(site: Site, slot: int) -> Found:
    """What was repeated is summed: df/dx = the sum of g over the new axes."""
    op = site.op
    letters = LETTERS[: len(op.shape)]  # type: ignore[attr-defined]
    order = "".join(letters[axis] for axis in op.axes)  # type: ignore[attr-defined]
    return site.b.contract(f"{letters}->{order}", site.g), NONE


def _reshape(site: Site, slot: int) -> Found:
    """The same elements back in the shape of x."""
    return site.b.emit(ops.Reshape(site.shape(0)), site.g), NONE


def _slice(site: Site, slot: int) -> Found:
    """g where x was read, 0 elsewhere."""
    return site.b.emit(ops.Pad(site.op.ranges, site.shape(0)), site.g), NONE  # type: ignore[attr-defined]


def _pad(site: Site, slot: int) -> Found:
    """g read back from where x was written."""
    return site.b.emit(ops.Slice(site.op.ranges), site.g), NONE  # type: ignore[attr-defined]


def _concat(site: Site, slot: int) -> Found:
    """The part of g that came from x_slot."""
    b, axis = site.b, site.op.axis  # type: ignore[attr-defined]
    start = sum((site.shape(before)[axis] for before in range(slot)), start=0)
    ranges = [(0, dim, 1) for dim in site.shape(slot)]
    ranges[axis] = (start, site.shape(slot)[axis], 1)
    return b.emit(ops.Slice(tuple(ranges)), site.g), NONE


def _gather(site: Site, slot: int) -> Found:
    """g added up at the places that were read; indices carry no gradient."""
    if slot > 0:
        return None
    return site.b.emit(ops.Scatter(site.shape(0)), site.g, *site.args[1:]), NONE


def _scatter(site: Site, slot: int) -> Found:
    """g read at the places that were written; indices carry no gradient."""
    if slot > 0:
        return None
    indices = site.args[1:]
    return site.b.emit(ops.Gather(len(indices)), site.g, *indices), NONE


def _inverse(site: Site, slot: int) -> Found:
    """Y = X^-1: df/dX = -Y^T g Y^T. (Matrix Cookbook, eq. 60)"""
    b, y = site.b, site.y
    batch = LETTERS[: len(b.shapes[y]) - 2]
    spec = f"{batch}yx,{batch}yz,{batch}wz->{batch}xw"
    return algebra.apply(b, "neg", b.contract(spec, y, site.g, y)), NONE


def _logdet(site: Site, slot: int) -> Found:
    """df/dX = g X^-T. (Matrix Cookbook, eq. 57)"""
    b = site.b
    batch = LETTERS[: len(site.shape(0)) - 2]
    inverse = b.emit(ops.Inverse(), site.args[0])
    return b.contract(f"{batch},{batch}yx->{batch}xy", site.g, inverse), NONE


def _det(site: Site, slot: int) -> Found:
    """df/dX = g adj(X)^T, which is g det(X) X^-T where X is regular. (Matrix Cookbook, eq. 49)"""
    b = site.b
    batch = LETTERS[: len(site.shape(0)) - 2]
    inverse = b.emit(ops.Inverse(), site.args[0])
    adjugate = b.emit(ops.Adjugate(), site.args[0], site.y, inverse)
    return b.contract(f"{batch},{batch}yx->{batch}xy", site.g, adjugate), NONE


def _adjugate(site: Site, slot: int) -> Found:
    """Y = d Z with d = det(X) and Z = X^-1: df/dd = sum(g * Z) and df/dZ = d g."""
    b, (_, determinant, inverse) = site.b, site.args
    batch = LETTERS[: len(site.shape(0)) - 2]
    if slot == 0:
        return None
    if slot == 1:
        return b.contract(f"{batch}xy,{batch}xy->{batch}", site.g, inverse), NONE
    return b.contract(f"{batch}xy,{batch}->{batch}xy", site.g, determinant), NONE


RULES: dict[type[ops.Op], Callable[[Site, int], Found]] = {
    ops.Input: _none,
    ops.Const: _none,
    ops.Array: _none,
    ops.Eye: _none,
    ops.Arange: _none,
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Reduce: _reduce,
    ops.Broadcast: _broadcast,
    ops.Reshape: _reshape,
    ops.Slice: _slice,
    ops.Pad: _pad,
    ops.Concat: _concat,
    ops.Gather: _gather,
    ops.Scatter: _scatter,
    ops.Inverse: _inverse,
    ops.LogDet: _logdet,
    ops.Det: _det,
    ops.Adjugate: _adjugate,
    ops.StopGradient: _none,
}
