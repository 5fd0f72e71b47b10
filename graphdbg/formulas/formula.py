"""`Formula`: a node as mathematics, in several forms, with the stamp of its check.

Forms: *chain* (by name: ∂f/∂q · ∂q/∂x), *locals* (the locals put in: z · 1), *matrix* (in the named
nodes), *closed* (in the inputs alone), *entries* (an explicit SymPy matrix). Formulas are made in
`formulary`, which stamps them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .. import lazy
from ..errors import DifferentiationError, GraphError
from ..symbolic.display import Display
from ..symbolic.lowering import axes
from ..symbolic.rebuild import rebuild
from ..symbolic.terms import Poly, TooLarge
from ..tape import sizes
from ..tape.builder import Builder
from ..tape.graph import Graph
from ..tape.sizes import Shape, to_text
from ..typesetting import mathml, matrices, typeset
from ..typesetting.latex_notation import typed
from ..typesetting.leaves import Names
from ..typesetting.trees import Tree
from .stamps import Stamp

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


class Book(Protocol):
    """What a formula asks of the `formulary.Formulary` that made it."""

    def links_to(self, title: str, y: int) -> tuple[Link, ...]:
        """The contributions to the gradient of this title by forward node `y`."""

    def words_of(self, found: Formula) -> list[str]:
        """The names that the formula made last uses, its definitions' included."""

    def definitions_in_latex(self, found: Formula) -> list[tuple[str, str]]:
        """The definitions of the formula made last, names and formulas in LaTeX."""


@dataclass(frozen=True, eq=False)
class Formula:
    """A node's formula, checked.

    `title` names it (`∂L/∂W1`), `assumptions` are the sentences it rests on, `stamp` says against
    what it was checked, `definitions` lists, by name, the parts that could not be written in place.
    `opened` is the text of a node that neither notation has words for: its operation.
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
    definitions: Mapping[str, str] = field(default_factory=dict)
    opened: str = ""
    blocks: tuple[tuple[Formula, ...], ...] = ()
    book: Book | None = None
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

    @property
    def expr(self) -> sympy.Basic:
        """The SymPy expression: plain for a scalar, a matrix expression for an array."""
        if self.blocks:
            sympy = lazy.sympy()
            if all(not block.shape for row in self.blocks for block in row):
                return sympy.Matrix([[block.expr for block in row] for row in self.blocks])
            return sympy.BlockMatrix([[block._block_expr() for block in r] for r in self.blocks])
        symbols = lazy.module("typesetting.symbols")
        if self.shape or self._closed_poly is None:
            return symbols.expression(self.tree)
        return symbols.expression(self._closed_poly, self.names)

    def entries(self) -> sympy.Matrix:
        """The explicit `sympy.Matrix` of the entries; output entries are rows for over two axes.

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
            grid = [[block._block() for block in row] for row in self.blocks]
            return matrix.vstack(*(matrix.hstack(*row) for row in grid))
        return self._entries(self.rows if len(self.shape) > 2 else None)

    def _block_expr(self) -> sympy.Basic:
        """The expression as a block: a scalar is 1 by 1, a scalar's gradient a row."""
        if not self.shape:
            return lazy.sympy().Matrix([[self.expr]])
        return self.expr.T if len(self.shape) == 1 and self.rows == 0 else self.expr

    def _block(self) -> sympy.Matrix:
        """The entries as a block: one row per entry of the output, one column per entry of wrt."""
        if len(self.shape) == 1 and self.rows == 0:
            return self._entries(None).T
        found = self._entries(self.rows if len(self.shape) > 2 else None)
        return found if self.shape else lazy.sympy().Matrix([[found]])

    def _entries(self, rows: int | None) -> sympy.Matrix:
        symbols = lazy.module("typesetting.symbols")
        try:
            return symbols.entries(self.poly, self.free, self.shape, self.names, rows=rows)
        except TooLarge as error:
            raise DifferentiationError(
                f"the entries of {self.title} are too long to write out: take the matrix form"
            ) from error

    def text(self, form: str = "matrix") -> str:
        """The formula in Unicode, in one of `FORMS`."""
        return str(self.form(form))

    def form(self, form: str) -> str:
        """The text of one form; GraphError for a form that does not exist."""
        if form in ("matrix", "closed") and self.blocks:
            rows = (", ".join(block.form(form) for block in row) for row in self.blocks)
            return "[" + ", ".join(f"[{row}]" for row in rows) + "]"
        if self.opened and form in ("matrix", "closed"):
            return self.opened
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
        """The formula in LaTeX, without delimiters; what has no notation as it is typed."""
        if self.opened:
            return typed(self.opened)
        if self.blocks:
            rows = (" & ".join(block.latex() for block in row) for row in self.blocks)
            return "\\begin{bmatrix} " + " \\\\ ".join(rows) + " \\end{bmatrix}"
        return typeset.latex(self.tree)

    def mathml(self, display: bool = False) -> str:
        """The formula as a `<math>` element of MathML Core, `display` as a block of its own."""
        return mathml.convert(self.latex(), display)

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
        return np.asarray(self._compiled.run(point)[0])

    @cached_property
    def _compiled(self) -> Any:
        """The rebuilt formula as a compiled function of the inputs."""
        b = Builder.of(self.graph)
        node = rebuild(b, self.poly, self.free, self.shape)
        graph = b.build([*self.graph.output_ids, node])
        return lazy.module("compiling.compiler").compile(graph, outputs=[graph.names[node]])

    @property
    def note(self) -> str:
        """A sentence that says that the formula is a program of named parts, or nothing."""
        count = len(self.definitions)
        if not count:
            return ""
        return f"written with {count} named part{'s' * (count > 1)}"

    def __str__(self) -> str:
        entry = () if self.blocks else matrices.indices_of(self.tree)
        left = f"{self.title}[{','.join(entry)}]" if entry else self.title
        lines = [f"{left} = {self.text()}"]
        lines += [f"  {self.note}"] if self.note else []
        lines += [f"  where {name} = {text}" for name, text in self.definitions.items()]
        lines += [f"  because {reason}" for reason in self.assumptions]
        return "\n".join([*lines, f"  [{self.stamp}]"])

    __repr__ = __str__

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found: dict[str, str] = lazy.module("publishing.notebooks").formula(self)
        return found
