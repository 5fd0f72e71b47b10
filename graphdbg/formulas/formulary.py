"""Making formulas: the `Formulary` of a graph, and the functions of the public interface.

Every formula carries a stamp: it was evaluated at random points against the graph's own number
and, where it is a derivative, against differences, before anybody saw it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import product

from numpy.typing import ArrayLike

from ..calculus.gradients import grad, names_of, output_id
from ..calculus.jacobians import excerpt, hessian_graph, is_literal, jacobian_graph
from ..checking.differences import require_witness
from ..errors import DifferentiationError
from ..numbers.sampling import sample, sizes_for
from ..symbolic.display import Display, leaves_in
from ..symbolic.facts import proved_row_sums, with_softmaxes
from ..symbolic.lowering import axes
from ..symbolic.rebuild import rebuild
from ..symbolic.terms import Poly, TooLarge
from ..tape import ops
from ..tape.builder import Builder
from ..tape.graph import NONE, Contribution, Graph, Pass
from ..tape.operations import write
from ..tape.programs import Program, graph_of
from ..typesetting import matrices, typeset
from ..typesetting.latex_notation import latex_name, typed
from ..typesetting.leaves import Names
from ..typesetting.trees import Tree
from .formula import FORMS, Formula, Link
from .stamps import POINTS, SEED, Derivative, Stamp, stamp, stamp_blocks

__all__ = [
    "FORMS", "Formula", "Formulary", "Link", "formula", "hessian", "jacobian", "local", "upstream",
]  # fmt: skip


class Formulary:
    """The formulas of one graph; what they share (names, random points, facts) is made once.

    `points` are random points of the inputs; by default they are drawn, and ValueGivenError says
    where none was found.

    >>> import graphdbg as gd
    >>> book = Formulary(gd.grad(gd.parse("f=(x+y)z")))
    >>> print(book.formula("f.d_x").form("chain"))
    ∂f/∂q · ∂q/∂x
    """

    def __init__(
        self, graph: Graph, points: Sequence[Mapping[str, ArrayLike]] | None = None
    ) -> None:
        self.graph = graph = with_softmaxes(graph)
        if points is None:
            require_witness(graph, sizes_for(graph, seed=0), POINTS)
        self.points = points or [sample(graph, SEED + at) for at in range(POINTS)]
        self.display = Display(graph, row_sums=proved_row_sums(graph, self.points[0]))
        display, names = self.display, graph.names
        self.names = Names(
            lambda at: display.words.get(at, names[at]),
            lambda at: graph.shapes[at],
            lambda at: graph.ops[at],
            lambda at: graph.args[at],
            self._tree,
        )

    def formula(self, name: str) -> Formula:
        """The checked `Formula` of a node: a gradient's derivative, or a forward closed form."""
        graph, node = self.graph, self.graph.id(name)
        for backward in graph.passes:
            for y, gradient in backward.upstream.items():
                if gradient == node and name in graph.gradient_names(backward.of, y):
                    of, wrt = graph.names[backward.of], graph.names[y]
                    derivative = Derivative(name, of, wrt)
                    return self.make(node, f"∂{of}/∂{wrt}", derivative, y)
        return self.make(node, graph.names[node], None)

    def second(self, of: str, name: str, node: int) -> Formula:
        """The checked second derivative by one name: d of `of.d_name` / d name."""
        derivative = Derivative(self.graph.names[node], f"{of}.d_{name}", name)
        return self.make(node, _second(of, name, name), derivative)

    def make(
        self, node: int, title: str, derivative: Derivative | None, wrt: int | None = None
    ) -> Formula:
        """The checked formula of a node; UncheckedFormulaError where the numbers contradict it."""
        graph = self.graph
        poly = self._shown(node)
        shape = graph.shapes[node]
        rows = len(graph.shapes[graph.id(derivative.of)]) if derivative else 0
        b = Builder.of(graph)
        rebuilt = rebuild(b, poly, axes(len(shape)), shape)
        stamped = b.build([*graph.output_ids, rebuilt])
        found = stamp(stamped, node, rebuilt, derivative, self.points)
        return self._formula(node, title, poly, rows, found, wrt)

    def hessian_blocks(self, of: str, names: Sequence[str]) -> tuple[tuple[Formula, ...], ...]:
        """The checked second derivatives of `of` by all pairs of names, under one stamp."""
        graph, b = self.graph, Builder.of(self.graph)
        polys: dict[tuple[str, str], Poly] = {}
        blocks: dict[tuple[str, str], tuple[int, int]] = {}
        for row, column in product(names, names):
            node = graph.id(f"{of}.d_{row}.J_{column}")
            shape = graph.shapes[node]
            mirrored = polys.get((column, row)) if not shape else None  # the same by Schwarz
            poly = polys[row, column] = mirrored or self._shown(node)
            blocks[f"{of}.d_{row}", column] = node, rebuild(b, poly, axes(len(shape)), shape)
        stamped = b.build([*graph.output_ids, *(rebuilt for _, rebuilt in blocks.values())])
        found = stamp_blocks(stamped, blocks, self.points)

        def block(row: str, column: str) -> Formula:
            first = f"{of}.d_{row}"
            node, rows = blocks[first, column][0], len(graph.shapes[graph.id(first)])
            return self._formula(node, _second(of, row, column), polys[row, column], rows, found)

        return tuple(tuple(block(row, column) for column in names) for row in names)

    def _formula(
        self, node: int, title: str, poly: Poly, rows: int, found: Stamp, wrt: int | None = None
    ) -> Formula:
        graph, display = self.graph, self.display
        is_itself = poly.key() == display.leaf(node).key() and bool(graph.args[node])
        return Formula(
            graph, node, title, poly, graph.shapes[node], rows, self.names, found,
            tuple(sorted(display.reasons.get(node, ()))), self._definitions(poly, node),
            self.operation(node) if is_itself else "", book=self, wrt=wrt,
        )  # fmt: skip

    def _shown(self, node: int) -> Poly:
        """What is shown for a node: the node itself where it cannot be written out, as x^y."""
        try:
            return self.display.show(node)
        except TooLarge:
            return self.display.leaf(node)

    def _tree(self, at: int) -> Tree | None:
        """The formula of an unnamed node of at most two axes; None for a word."""
        shape = self.graph.shapes[at]
        if at in self.display.words or len(shape) > 2:
            return None
        poly = self.display.lower(at)
        if poly.key() == self.display.leaf(at).key():
            return None
        return matrices.from_poly(poly, axes(len(shape)), shape, self.names)

    def text(self, at: int) -> str:
        """The formula of a node as text, unstamped: a part of a formula that is stamped whole."""
        poly = self._shown(at)
        if poly.key() == self.display.leaf(at).key() and self.graph.args[at]:
            return self.operation(at)
        return self._written(at, poly)

    def _written(self, at: int, poly: Poly) -> str:
        return typeset.text(self._as_tree(at, poly))

    def _as_tree(self, at: int, poly: Poly) -> Tree:
        shape = self.graph.shapes[at]
        return matrices.from_poly(poly, axes(len(shape)), shape, self.names)

    def operation(self, at: int) -> str:
        """A node that has no notation, as its operation on its operands' formulas."""
        graph = self.graph
        args = graph.args[at]
        texts = [_grouped(self._written(arg, self.display.lower(arg))) for arg in args]
        return write(graph.ops[at], texts, [graph.shapes[arg] for arg in args])

    def _definitions(self, poly: Poly, node: int) -> dict[str, str]:
        """What a formula's unfamiliar names stand for, and theirs in turn, in tape order."""
        return {
            self.names.name_of(at): self.operation(at) if part is None else self._written(at, part)
            for at, part in self._parts(poly, node).items()
        }

    def definitions_in_latex(self, found: Formula) -> list[tuple[str, str]]:
        """The definitions of the formula that was made last, names and formulas in LaTeX."""
        return [
            (
                latex_name(self.names.name_of(at)),
                typed(self.operation(at))
                if part is None
                else typeset.latex(self._as_tree(at, part)),
            )
            for at, part in self._parts(found.poly, found.node).items()
        ]

    def words_of(self, found: Formula) -> list[str]:
        """The names that the formula that was made last uses, its definitions' included."""
        seen: set[int] = set()
        stack = [found.poly]
        while stack:
            for at in leaves_in(stack.pop()) - seen:
                seen.add(at)
                if at in self.display.definitions:
                    stack.append(self.display.definitions[at])
                elif at not in self.display.words:
                    stack.extend(self.display.lower(arg) for arg in self.graph.args[at])
        return [self.display.words[at] for at in sorted(seen) if at in self.display.words]

    def _parts(self, poly: Poly, node: int) -> dict[int, Poly | None]:
        """The parts of a formula that are no words; None for one that is an operation."""
        found: dict[int, Poly | None] = {}
        stack = [poly]
        if node in leaves_in(poly):
            stack.extend(self.display.lower(arg) for arg in self.graph.args[node])
        while stack:
            for at in leaves_in(stack.pop()) - found.keys() - {node}:
                if at in self.display.definitions:
                    found[at] = self.display.definitions[at]
                    stack.append(self.display.definitions[at])
                elif at not in self.display.words:
                    stack.extend(self.display.lower(arg) for arg in self.graph.args[at])
                    if not self._is_notation(at):
                        found[at] = None
        return {at: found[at] for at in sorted(found)}

    def _is_notation(self, at: int) -> bool:
        """Whether the typesetter writes the node as its operation: X^-1, det X, max(x)."""
        op = self.graph.ops[at]
        operand = self.graph.args[at][:1]
        flat = all(len(self.graph.shapes[arg]) <= 2 for arg in operand)
        return flat and isinstance(op, ops.Inverse | ops.Det | ops.LogDet | ops.Reduce)

    def links(self, backward: Pass, y: int) -> tuple[Link, ...]:
        """The contributions to the gradient by forward node `y`, in the order they were added."""
        return tuple(self._link(backward, part, y) for part in backward.contributions.get(y, ()))

    def links_to(self, title: str, y: int) -> tuple[Link, ...]:
        """The contributions to the gradient of this title by forward node `y`."""
        for backward in self.graph.passes:
            if title == f"∂{self.graph.names[backward.of]}/∂{self.graph.names[y]}":
                return self.links(backward, y)
        return ()

    def _link(self, backward: Pass, part: Contribution, y: int) -> Link:
        names, of = self.graph.names, self.graph.names[backward.of]
        consumer, operand = names[part.consumer], names[y]
        up = self.text(backward.upstream[part.consumer])
        here = self.text(part.local) if part.local != NONE else f"∂{consumer}/∂{operand}"
        return Link(
            consumer, operand, up, here,
            f"∂{of}/∂{consumer} · ∂{consumer}/∂{operand}",
            f"{_grouped(up)} · {_grouped(here)}", self.text(part.node), part.node,
        )  # fmt: skip


def formula(graph: Graph, name: str) -> Formula:
    """The checked `Formula` of a node: a gradient's derivative, or a forward node's closed form.

    >>> import graphdbg as gd
    >>> print(formula(gd.grad(gd.parse("f=(x+y)z")), "f.d_x").text())
    z
    """
    return graph.formulary.formula(name)


def local(program: Program, name: str) -> dict[str, Formula]:
    """The local derivatives of a node: a `Formula` for each operand, by the operand's name.

    Rows are the node's dimensions, columns the operand's. The result of a call is taken whole:
    its operands are the call's arguments.

    >>> import graphdbg as gd
    >>> {name: f.text() for name, f in local(gd.parse("q = x*y"), "q").items()}
    {'x': 'y', 'y': 'x'}
    """
    graph = graph_of(program)
    node = graph.id(name)
    call = next((c for c in reversed(graph.calls) if c.output == node), None)
    operands = call.inputs if call else graph.args[node]
    whole = graph if call else excerpt(graph, [node], node)
    result = {}
    for at in dict.fromkeys(operands):
        if not is_literal(graph, at):
            result[graph.names[at]] = jacobian(whole, of=name, wrt=graph.names[at])
    return result


def upstream(program: Program, name: str, of: str | None = None) -> Formula:
    """The upstream gradient of a node: d of / d node, of the node's shape.

    Raises DifferentiationError where `of` is not a scalar.
    """
    graph = graph_of(program)
    target = graph.names[output_id(graph, of)]
    key = f"{target}.d_{name}"
    if key in graph.ids:
        return formula(graph, key)
    return formula(backward_of(graph, target, [name]), key)


def backward_of(graph: Graph, of: str, wrt: Sequence[str]) -> Graph:
    """The graph with a backward pass that has the gradients of `of` by all of `wrt`.

    One pass by every input with real values is made once and serves them all; names that it does
    not have get a pass of their own.
    """
    shared = graph.backward.get(of)
    if shared is None and all(name in graph.inputs for name in wrt):
        every = dict.fromkeys([*names_of(graph, None), *wrt])
        shared = graph.backward[of] = grad(graph, of, list(every))
    if shared is None or any(f"{of}.d_{name}" not in shared.ids for name in wrt):
        shared = grad(graph, of, wrt)
    return shared


def jacobian(program: Program, of: str | None = None, wrt: str | None = None) -> Formula:
    """The Jacobian of a node: rows are outputs, columns are inputs.

    Its shape is that of `of`, then that of `wrt`.

    >>> import graphdbg as gd
    >>> g = gd.parse("p = softmax(o)", shapes={"o": ("n",)})
    >>> print(jacobian(g, of="p", wrt="o").text())
    diag(p) − p pᵀ
    """
    graph = graph_of(program)
    target = graph.names[output_id(graph, of)]
    source = _only(graph, wrt)
    built = jacobian_graph(graph, target, source)
    node = built.output_ids[-1]
    derivative = Derivative(built.names[node], target, source)
    return Formulary(built).make(node, f"∂{target}/∂{source}", derivative)


def _only(graph: Graph, wrt: str | None) -> str:
    if wrt is not None:
        return wrt
    if not graph.inputs:
        raise DifferentiationError("the graph has no input to differentiate by")
    if len(graph.inputs) != 1:
        raise DifferentiationError(
            f"say with `wrt` which input to differentiate by: {', '.join(graph.inputs)}"
        )
    return graph.inputs[0]


def hessian(
    program: Program, of: str | None = None, wrt: str | Iterable[str] | None = None
) -> Formula:
    """The Hessian of a scalar: for one name the dimensions of `wrt` twice; for several names, one
    matrix whose rows and columns are all their entries in order.

    >>> import graphdbg as gd
    >>> hessian(gd.parse("f = x^2 y"), wrt=["x", "y"]).entries()
    Matrix([
    [2*y, 2*x],
    [2*x,   0]])
    """
    graph = graph_of(program)
    target = graph.names[output_id(graph, of)]
    names = [_only(graph, None)] if wrt is None else [wrt] if isinstance(wrt, str) else list(wrt)
    built = hessian_graph(graph, target, names)
    book, node = Formulary(built), built.output_ids[-1]
    if len(names) == 1:
        return book.second(target, names[0], node)
    blocks = book.hessian_blocks(target, names)
    return replace(
        blocks[0][0], node=node, title=f"∂²{target}/∂({', '.join(names)})²",
        poly=book.display.leaf(node), shape=built.shapes[node], blocks=blocks,
        assumptions=tuple(dict.fromkeys(a for row in blocks for f in row for a in f.assumptions)),
        definitions={name: text for row in blocks for f in row
                     for name, text in f.definitions.items()},
    )  # fmt: skip


def _second(of: str, row: str, column: str) -> str:
    return f"∂²{of}/{f'∂{row}²' if row == column else f'∂{row}∂{column}'}"


def _grouped(text: str) -> str:
    """A factor of a product: a sum gets parentheses."""
    depth = 0
    for char in text:
        depth += (char in "([") - (char in ")]")
        if depth == 0 and char in "+−":
            return f"({text})"
    return text
