"""What notation needs to know of a graph's nodes; a node as a tree: its name, `X⁻¹`, `det X`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..tape import ops
from ..tape.graph import Graph
from ..tape.sizes import Dim, Shape
from .trees import SCALAR, Extent, Inverse, Reduction, Symbol, Tree


@dataclass(frozen=True, slots=True)
class Names:
    """Look-ups by node id: what to call a node, its shape, operation and operands.

    `tree_of` is the formula of a node that has no name of its own, or None where it is a word.
    """

    name_of: Callable[[int], str]
    shape_of: Callable[[int], Shape]
    op_of: Callable[[int], ops.Op]
    args_of: Callable[[int], tuple[int, ...]]
    tree_of: Callable[[int], Tree | None] = lambda at: None

    @staticmethod
    def of(graph: Graph) -> Names:
        """The look-ups of a graph."""
        return Names(
            lambda at: graph.names[at],
            lambda at: graph.shapes[at],
            lambda at: graph.ops[at],
            lambda at: graph.args[at],
        )


def extent(axes: Shape) -> Extent:
    """The rows and columns of an array of up to two axes; scalar for more, which have no extent."""
    padded: tuple[Dim | None, ...] = (*axes, None, None)
    return (padded[0], padded[1]) if len(axes) <= 2 else SCALAR


def leaf_tree(node: int, names: Names) -> Tree:
    """A node as a tree: an inverse, determinant or reduction of its operand, or just its name."""
    shape, op = names.shape_of(node), names.op_of(node)
    own = extent(shape)
    if isinstance(op, ops.Inverse | ops.Det | ops.LogDet | ops.Reduce):
        operand = names.args_of(node)[0]
        axes = names.shape_of(operand)
        if len(axes) <= 2:
            argument = names.tree_of(operand) or leaf_tree(operand, names)
            match op:
                case ops.Inverse():
                    return Inverse(own, argument)
                case ops.Reduce(kind=kind, axes=over):
                    return Reduction(own, kind, argument, () if len(over) == len(axes) else over)
            return Reduction(own, type(op).__name__.lower(), argument)
    return Symbol(own, names.name_of(node), shape)
