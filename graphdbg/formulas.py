"""A node as mathematics: `Formula`, and the functions that make one.

Every formula carries a stamp: it was evaluated at random points against the graph's own number
and, where it is a derivative, against differences, before anybody saw it.

Forms: *chain* (by name: ∂f/∂q · ∂q/∂x), *locals* (the locals put in: z · 1), *matrix* (in the named
nodes), *closed* (in the inputs alone), *entries* (an explicit SymPy matrix).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import lazy, matrices, ops, sizes, typeset
from .display import Display, leaves_in, proved_row_sums
from .errors import DifferentiationError, GraphError
from .evaluator import bind
from .gradients import grad, output_id
from .graph import NONE, Builder, Contribution, Graph, Pass
from .jacobians import hessian_graph, jacobian_graph
from .leaves import Names
from .lowering import axes
from .rebuild import rebuild
from .sizes import Shape, to_text
from .sampling import sample
from .stamps import POINTS, SEED, Derivative, Stamp, stamp
from .terms import Poly, TooLarge
from .trees import Tree

if TYPE_CHECKING:
    import sympy

FORMS = ("chain", "locals", "matrix", "closed", "entries")
MAX_ENTRIES = 400  # of an explicit matrix: more no longer fit any page


@dataclass(frozen=True, slots=True)
class Link:
    """One contribution to a gradient: upstream of the consumer times its local derivative.

    `chain` is by name, `locals` with the derivatives put in, `closed` the product's own formula;
    `contribution` is the id of the node that holds it.
    """

    consumer: str
    operand: str
    upstream: str
    local: str
    chain: str
    locals: str
    closed: str
    contribution: int


@dataclass(frozen=True, eq=False)
class Formula:
    """A node's formula, checked.

    `title` names it (`∂L/∂W1`), `assumptions` are the sentences it rests on, `stamp` says against
    what it was checked, `definitions` lists the parts that were too long to write in place.
    `poly` is its index notation over `free` indices of sizes `shape`; the first `rows` indices are
    the dimensions of the output.
    """

    graph: Graph
    node: int
    title: str
    poly: Poly
    shape: Shape
    rows: int
    names: Names
    stamp: Stamp
    assumptions: tuple[str, ...] = ()
    parts: Mapping[int, Poly] = field(default_factory=dict)
    blocks: tuple[tuple[Formula, ...], ...] = ()
    book: Formulary | None = None
    wrt: int | None = None

    @property
    def free(self) -> tuple[str, ...]:
        """The free indices of `poly`, one for each dimension of `shape`."""
        return axes(len(self.shape))

    @cached_property
    def tree(self) -> Tree:
        """The formula in matrix notation, or in index notation where there is none."""
        rows = self.rows if len(self.shape) > 2 else None
        return matrices.from_poly(self.poly, self.free, self.shape, self.names, rows=rows)

    @cached_property
    def links(self) -> tuple[Link, ...]:
        """The contributions that were added up for a gradient; none for anything else."""
        if self.book is None or self.wrt is None:
            return ()
        return self.book.links_to(self.title, self.wrt)

    @property
    def notation(self) -> str:
        """`matrix` or `index`."""
        return matrices.notation_of(self.tree)

    @cached_property
    def definitions(self) -> dict[str, str]:
        """The parts that the formula refers to by name, as text, in tape order."""
        found = {}
        for at in sorted(self.parts):
            shape = self.graph.shapes[at]
            tree = matrices.from_poly(self.parts[at], axes(len(shape)), shape, self.names)
            found[self.names.name_of(at)] = typeset.text(tree)
        return found

    @property
    def expr(self) -> sympy.Basic:
        """The SymPy expression: plain for a scalar, a matrix expression for an array."""
        if self.blocks:
            grid = [[block.expr for block in row] for row in self.blocks]
            scalars = all(not block.shape for row in self.blocks for block in row)
            return lazy.sympy().Matrix(grid) if scalars else lazy.sympy().BlockMatrix(grid)
        symbols = lazy.module("symbols")
        closed = self._closed_poly if not self.shape else None
        poly = self.poly if closed is None else closed
        return symbols.expression(poly, self.free, self.shape, self.names)

    def entries(self) -> sympy.Matrix:
        """The explicit `sympy.Matrix` of the entries (an Array for more than two axes).

        Raises DifferentiationError when a dimension is a name, or there are over 400 entries.
        """
        count = sizes.product(self.shape)
        if not isinstance(count, int) or count > MAX_ENTRIES:
            raise DifferentiationError(
                f"{self.title} has shape {to_text(self.shape)}, {count} entries: entries are "
                f"written out for sizes that are numbers, up to {MAX_ENTRIES}; take the matrix form"
            )
        if self.blocks:
            matrix = lazy.sympy().Matrix
            grid = [[block.square() for block in row] for row in self.blocks]
            return matrix.vstack(*(matrix.hstack(*row) for row in grid))
        symbols = lazy.module("symbols")
        return symbols.entries(self.poly, self.free, self.shape, self.names)

    def square(self) -> sympy.Matrix:
        """The entries as a matrix: the output's entries are the rows, the input's the columns."""
        rows = sizes.product(self.shape[: self.rows])
        columns = sizes.product(self.shape[self.rows :])
        found = self.entries()
        flat = list(found) if self.shape else [found]
        return lazy.sympy().Matrix(rows, columns, flat)

    def text(self, form: str = "matrix") -> str:
        """The formula in Unicode, in one of `FORMS`."""
        return str(self.form(form))

    def form(self, form: str) -> str:
        """The text of one form; GraphError for a form that does not exist."""
        if form in ("matrix", "closed") and self.blocks:
            rows = (", ".join(block.form(form) for block in row) for row in self.blocks)
            return "[" + ", ".join(f"[{row}]" for row in rows) + "]"
        if form == "matrix":
            return typeset.text(self.tree)
        if form == "closed":
            return typeset.text(self._closed_tree)
        if form == "entries":
            return str(self.entries())
        if form in ("chain", "locals"):
            found = " + ".join(getattr(link, form) for link in self.links)
            return found or self.form("matrix")
        raise GraphError(f"no form '{form}': the forms are {', '.join(FORMS)}")

    def latex(self) -> str:
        """The formula in LaTeX, without delimiters."""
        if self.blocks:
            rows = (" & ".join(block.latex() for block in row) for row in self.blocks)
            return "\\begin{bmatrix} " + " \\\\ ".join(rows) + " \\end{bmatrix}"
        return typeset.latex(self.tree)

    def python(self) -> str:
        """The formula as NumPy code over the graph's names."""
        if self.blocks:
            rows = (", ".join(block.python() for block in row) for row in self.blocks)
            return "np.block([" + ", ".join(f"[{row}]" for row in rows) + "])"
        return typeset.python(self.tree)

    @cached_property
    def _closed_poly(self) -> Poly | None:
        """The formula over the inputs alone, or None where it would be too long."""
        display = Display(self.graph, self.graph.input_ids)
        try:
            poly = display.show(self.node)
        except TooLarge:
            return None
        return None if display.definitions else poly

    @property
    def _closed_tree(self) -> Tree:
        if self._closed_poly is None:
            return self.tree
        rows = self.rows if len(self.shape) > 2 else None
        return matrices.from_poly(self._closed_poly, self.free, self.shape, self.names, rows=rows)

    def evaluate(self, point: Mapping[str, ArrayLike]) -> NDArray[np.float64]:
        """The value at a point, an array of shape `shape`: output dimensions, then input ones."""
        return np.asarray(self._compiled(**{name: point[name] for name in self._inputs(point)})[0])

    def _inputs(self, point: Mapping[str, ArrayLike]) -> tuple[str, ...]:
        bind(self.graph, point)
        return self.graph.inputs

    @cached_property
    def _compiled(self) -> Any:
        """The rebuilt formula as a compiled function of the inputs."""
        b = Builder.of(self.graph)
        node = rebuild(b, self.poly, self.free, self.shape)
        graph = b.build([*self.graph.output_ids, node])
        return lazy.module("compiler").compile(graph, outputs=[graph.names[node]])

    @property
    def note(self) -> str:
        """A sentence that says that the formula is a program of named parts, or nothing."""
        if not self.parts:
            return ""
        return f"written with {len(self.parts)} named parts, as it would be too long in one piece"

    def __str__(self) -> str:
        lines = [f"{self.title} = {self.text()}"]
        lines += [f"  {self.note}"] if self.note else []
        lines += [f"  where {name} = {text}" for name, text in self.definitions.items()]
        lines += [f"  because {reason}" for reason in self.assumptions]
        return "\n".join([*lines, f"  [{self.stamp}]"])

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex()}$"


class Formulary:
    """The formulas of one graph; what they share (names, random points, facts) is made once.

    >>> import graphdbg as gd
    >>> book = Formulary(gd.grad(gd.parse("f=(x+y)z")))
    >>> print(book.formula("f.d_x").form("chain"))
    ∂f/∂q · ∂q/∂x
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.points = [sample(graph, SEED + at) for at in range(POINTS)]
        self.display = Display(graph, row_sums=proved_row_sums(graph, self.points[0]))
        display, names = self.display, graph.names
        self.names = Names(
            lambda at: display.words.get(at, names[at]),
            lambda at: graph.shapes[at],
            lambda at: graph.ops[at],
            lambda at: graph.args[at],
        )

    def formula(self, name: str) -> Formula:
        """The checked `Formula` of a node: a gradient's derivative, or a forward closed form."""
        graph, node = self.graph, self.graph.id(name)
        for backward in graph.passes:
            of = graph.names[backward.of]
            for y in backward.upstream:
                if name == f"{of}.d_{graph.names[y]}":
                    wrt = graph.names[y]
                    derivative = Derivative(name, of, wrt)
                    return self.make(node, f"∂{of}/∂{wrt}", derivative, y)
        return self.make(node, graph.names[node], None)

    def second(self, of: str, row: str, column: str, node: int | None = None) -> Formula:
        """The checked second derivative: d of `of.d_row` / d column."""
        first = f"{of}.d_{row}"
        if node is None:
            node = self.graph.id(f"{first}.J_{column}")
        below = f"∂{row}²" if row == column else f"∂{row}∂{column}"
        derivative = Derivative(self.graph.names[node], first, column)
        return self.make(node, f"∂²{of}/{below}", derivative)

    def make(
        self, node: int, title: str, derivative: Derivative | None, wrt: int | None = None
    ) -> Formula:
        """The checked formula of a node; UncheckedFormulaError where the numbers contradict it."""
        graph, display = self.graph, self.display
        poly = display.show(node)
        shape = graph.shapes[node]
        rows = len(graph.shapes[graph.id(derivative.of)]) if derivative else 1
        b = Builder.of(graph)
        rebuilt = rebuild(b, poly, axes(len(shape)), shape)
        stamped = b.build([*graph.output_ids, rebuilt])
        return Formula(
            graph, node, title, poly, shape, rows, self.names,
            stamp(stamped, node, rebuilt, derivative, self.points),
            tuple(sorted(display.reasons.get(node, ()))), self._parts(poly), book=self, wrt=wrt,
        )  # fmt: skip

    def _parts(self, poly: Poly) -> dict[int, Poly]:
        """The definitions that the formula refers to, and those that they refer to."""
        found: dict[int, Poly] = {}
        stack = [poly]
        while stack:
            for node in leaves_in(stack.pop()):
                if node in self.display.definitions and node not in found:
                    found[node] = self.display.definitions[node]
                    stack.append(found[node])
        return found

    def text(self, at: int) -> str:
        """The formula of a node as text, unstamped: a part of a formula that is stamped whole."""
        shape = self.graph.shapes[at]
        poly = self.display.show(at)
        return typeset.text(matrices.from_poly(poly, axes(len(shape)), shape, self.names))

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
    return Formulary(graph).formula(name)


def local(graph: Graph, name: str) -> dict[str, Formula]:
    """The local derivatives of a node: a `Formula` for each operand, by the operand's name.

    Rows are the node's dimensions, columns the operand's. The result of a call is taken whole:
    its operands are the call's arguments.

    >>> import graphdbg as gd
    >>> {name: f.text() for name, f in local(gd.parse("q = x*y"), "q").items()}
    {'x': 'y', 'y': 'x'}
    """
    node = graph.id(name)
    call = next((c for c in reversed(graph.calls) if c.output == node), None)
    operands = call.inputs if call else graph.args[node]
    whole = graph if call else _alone(graph, node)
    result = {}
    for at in dict.fromkeys(operands):
        if type(graph.ops[at]) not in (ops.Const, ops.Eye, ops.Array, ops.Arange):
            result[graph.names[at]] = jacobian(whole, of=name, wrt=graph.names[at])
    return result


def _alone(graph: Graph, node: int) -> Graph:
    """The graph of one operation: its operands are inputs."""
    b = Builder()
    place = {}
    for arg in dict.fromkeys(graph.args[node]):
        op = graph.ops[arg]
        if type(op) in (ops.Const, ops.Eye, ops.Array, ops.Arange):
            place[arg] = b.emit(op)
        else:
            place[arg] = b.input(graph.names[arg], graph.shapes[arg])
    made = b.emit(graph.ops[node], *(place[arg] for arg in graph.args[node]))
    return b.build({graph.names[node]: made})


def upstream(graph: Graph, name: str, of: str | None = None) -> Formula:
    """The upstream gradient of a node: d of / d node, of the node's shape.

    Raises DifferentiationError where `of` is not a scalar.
    """
    target = graph.names[output_id(graph, of)]
    key = f"{target}.d_{name}"
    if key not in graph.ids:
        graph = grad(graph, target, [name])
    return formula(graph, key)


def jacobian(graph: Graph, of: str | None = None, wrt: str | None = None) -> Formula:
    """The Jacobian of a node: rows are outputs, columns are inputs.

    Its shape is that of `of`, then that of `wrt`.

    >>> import graphdbg as gd
    >>> g = gd.parse("p = softmax(o)", shapes={"o": ("n",)})
    >>> print(jacobian(g, of="p", wrt="o").text())
    diag(p) − p pᵀ
    """
    target = graph.names[output_id(graph, of)]
    source = _only(graph, wrt)
    built = jacobian_graph(graph, target, source)
    node = built.output_ids[-1]
    derivative = Derivative(built.names[node], target, source)
    return Formulary(built).make(node, f"∂{target}/∂{source}", derivative)


def _only(graph: Graph, wrt: str | None) -> str:
    if wrt is not None:
        return wrt
    if len(graph.inputs) != 1:
        raise DifferentiationError(
            f"say with `wrt` which input to differentiate by: {', '.join(graph.inputs)}"
        )
    return graph.inputs[0]


def hessian(
    graph: Graph, of: str | None = None, wrt: str | Iterable[str] | None = None
) -> Formula:
    """The Hessian of a scalar: for one name the dimensions of `wrt` twice; for several names, one
    matrix whose rows and columns are all their entries in order.

    >>> import graphdbg as gd
    >>> hessian(gd.parse("f = x^2 y"), wrt=["x", "y"]).entries()
    Matrix([
    [2*y, 2*x],
    [2*x,   0]])
    """
    target = graph.names[output_id(graph, of)]
    names = [_only(graph, None)] if wrt is None else [wrt] if isinstance(wrt, str) else list(wrt)
    built = hessian_graph(graph, target, names)
    book, node = Formulary(built), built.output_ids[-1]
    if len(names) == 1:
        return book.second(target, names[0], names[0], node)
    blocks = tuple(
        tuple(book.second(target, row, column) for column in names) for row in names
    )
    worst = min((block.stamp for row in blocks for block in row), key=lambda found: found.digits)
    first = blocks[0][0]
    return replace(
        first, node=node, title=f"∂²{target}/∂({', '.join(names)})²", stamp=worst,
        poly=book.display.leaf(node), shape=built.shapes[node], blocks=blocks,
        assumptions=tuple(dict.fromkeys(a for row in blocks for f in row for a in f.assumptions)),
        parts={at: poly for row in blocks for f in row for at, poly in f.parts.items()},
    )  # fmt: skip


def _grouped(text: str) -> str:
    """A factor of a product: a sum gets parentheses."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char in "([") - (char in ")]")
        if depth == 0 and at > 0 and char in "+−":
            return f"({text})"
    return text


