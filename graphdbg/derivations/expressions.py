"""`Expression`: a piece of mathematics as text and as LaTeX, made once from one formula."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..formulas.formulary import Formula
from ..rendering import numbers
from ..rendering.numbers import MOST_COLUMNS
from ..tape import ops
from ..tape.graph import Call, Graph
from ..tape.sizes import Dim, Shape, Size
from ..typesetting import typeset
from ..typesetting.latex_notation import LatexWriter, in_text, latex_name, typed
from ..typesetting.leaves import Names, leaf_tree
from ..typesetting.trees import SCALAR, Symbol
from ..typesetting.unicode_notation import PRODUCT, TextWriter

LONGEST_LOCAL = 60  # characters of a Jacobian or a definition that explains something
_LONE = re.compile(r"^\((∂[^()]*/∂[^()]*)\)$")
_DOUBLE = re.compile(r"\((\(∂[^()]*/∂[^()]*\))\)")


@dataclass(frozen=True, slots=True)
class Expression:
    """Mathematics as Unicode `text` and as `latex` without delimiters.

    `typed` says that there is no notation for it: it is the text of an operation, as it is typed.
    """

    text: str
    latex: str
    typed: bool = False

    def __str__(self) -> str:
        return self.text


def of_formula(found: Formula) -> Expression:
    """A checked formula; the gradient of a unit's output alone stands without brackets."""
    if found.opened:
        return Expression(found.opened, typed(found.opened), typed=True)
    text = _DOUBLE.sub(r"\1", _LONE.sub(r"\1", found.text()))
    return Expression(text, found.latex())


def of_name(name: str) -> Expression:
    """A name, Greek letters as such."""
    return Expression(typeset.text(Symbol(SCALAR, name)), latex_name(name))


def derivative(of: str, wrt: str) -> Expression:
    """`∂L/∂W`, by names.

    >>> derivative("L", "W1").latex
    '\\\\frac{\\\\partial L}{\\\\partial W_{1}}'
    """
    above, below = of_name(of), of_name(wrt)
    latex = rf"\frac{{\partial {above.latex}}}{{\partial {below.latex}}}"
    return Expression(f"∂{above.text}/∂{below.text}", latex)


def located(name: str, shape: Shape, domain: str = "Real") -> Expression:
    """A name and where it lives: `W ∈ ℝ^(n×d)`."""
    return joined("∈", [of_name(name), of_space(shape, domain)])


def chain(of: str, through: str, wrt: str) -> Expression:
    """`∂L/∂Z · ∂Z/∂W`, by names."""
    left, right = derivative(of, through), derivative(through, wrt)
    return Expression(f"{left.text} · {right.text}", rf"{left.latex} \cdot {right.latex}")


def product(upstream: Formula, local: Formula) -> Expression:
    """Two scalar formulas as the factors of a product: `z · 1`."""
    if upstream.opened or local.opened:
        left, right = of_formula(upstream), of_formula(local)
        return Expression(f"({left.text}) · ({right.text})", rf"{left.latex} \cdot {right.latex}")
    text, latex = (
        sign.join(writer.at(each.tree, PRODUCT) for each in (upstream, local))
        for writer, sign in ((TextWriter(), " · "), (LatexWriter(), r" \cdot "))
    )
    return Expression(_LONE.sub(r"\1", text), latex)


def of_value(value: NDArray[Any]) -> Expression:
    """A number or a small array as a matrix; the range of a large one.

    >>> of_value(np.array([1.0, -0.5])).latex
    '\\\\begin{bmatrix} 1 \\\\\\\\ -0.5 \\\\end{bmatrix}'
    """
    value = np.asarray(value)
    if value.ndim == 0:
        return number(numbers.number(value))
    rows, columns = value.shape if value.ndim == 2 else (len(value), 1)
    if value.ndim > 2 or not 0 < rows <= numbers.MOST_ROWS or not 0 < columns <= MOST_COLUMNS:
        told = numbers.summary(value)
        return Expression(told, rf"\text{{{in_text(told)}}}")
    cells = [[number(numbers.number(each, 4)) for each in np.atleast_1d(row)] for row in value]
    text = [", ".join(each.text for each in row) for row in cells]
    body = r" \\ ".join(" & ".join(each.latex for each in row) for row in cells)
    inside = ", ".join(text if value.ndim == 1 else [f"[{row}]" for row in text])
    return Expression(f"[{inside}]", rf"\begin{{bmatrix}} {body} \end{{bmatrix}}")


def joined(sign: str, parts: Sequence[Expression]) -> Expression:
    """The parts with `=`, `+`, `∈` or a comma between them."""
    text, latex = {"∈": (" ∈ ", r" \in "), ",": (", ", ", ")}.get(sign, (f" {sign} ",) * 2)
    return Expression(text.join(p.text for p in parts), latex.join(p.latex for p in parts))


def times(factors: Sequence[Expression]) -> Expression:
    """Numbers as the factors of a product; negative ones in brackets."""
    text = " · ".join(f"({p.text})" if p.text[0] == "−" else p.text for p in factors)
    latex = (rf"\left({p.latex}\right)" if p.latex[0] == "-" else p.latex for p in factors)
    return Expression(text, r" \cdot ".join(latex))


def of_call(graph: Graph, call: Call) -> Expression:
    """A call on the names of its operands, or as it was written where those do not say all."""
    written = " ".join(call.span.text.split()) if call.span else ""
    if "=" in written or written.count(",") >= len(call.inputs) > 0:
        return Expression(written, typed(written), typed=True)
    names = [of_name(graph.names[at]) for at in call.inputs]
    inside = joined(",", names)
    head = rf"\operatorname{{{in_text(call.function)}}}"
    return Expression(f"{call.function}({inside.text})", rf"{head}\left({inside.latex}\right)")


def of_operation(graph: Graph, at: int, names: Names) -> Expression | None:
    """An operation that notation has a sign of its own for: A⁻¹, det(A), max(a, b); else None."""
    op, args = graph.ops[at], graph.args[at]
    if isinstance(op, ops.Inverse | ops.Det | ops.LogDet | ops.Reduce):
        if len(graph.shapes[args[0]]) <= 2:
            tree = leaf_tree(at, names)
            return Expression(typeset.text(tree), typeset.latex(tree))
    if isinstance(op, ops.Map) and op.function in ("maximum", "minimum"):
        if all(type(graph.ops[arg]) is ops.Input for arg in args):
            inside = joined(",", [of_name(graph.names[arg]) for arg in args])
            name = op.function[:3]
            return Expression(f"{name}({inside.text})", rf"\{name}\left({inside.latex}\right)")
    return None


def number(value: str) -> Expression:
    """A number that is written already: `-4`, `1.5e-09`."""
    mantissa, _, exponent = value.partition("e")
    latex = rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else mantissa
    special = {"nan": r"\text{nan}", "inf": r"\infty", "-inf": r"-\infty"}
    return Expression(value.replace("-", "−"), special.get(value, latex))


def of_space(shape: Shape, domain: str = "Real") -> Expression:
    """Where arrays of a shape live.

    >>> of_space((4, 3)).text, of_space((4,)).latex
    ('ℝ^(4×3)', '\\\\mathbb{R}^{4}')
    """
    text, latex = _SETS.get(domain) or _interval(domain)
    if not shape:
        return Expression(text, latex)
    power = "×".join(str(dim) for dim in shape)
    power = power if power.isalnum() else f"({power})"
    sizes = r" \times ".join(_size(dim) for dim in shape)
    return Expression(f"{text}^{power}", f"{latex}^{{{sizes}}}")


def _interval(domain: str) -> tuple[str, str]:
    """The ends of `Interval[-1, 1]`, as a set."""
    low, high = domain.removeprefix("Interval[").removesuffix("]").split(", ")
    ends = f"{low}, {high}".replace("-", "−")
    return f"[{ends}]", rf"\left[{low}, {high}\right]"


def _size(dim: Dim) -> str:
    if not isinstance(dim, Size):
        return str(dim)
    named = re.sub(r"[^\W\d]\w*", lambda name: latex_name(name[0]), str(dim))
    return named.replace("*", r" \cdot ")


_SETS = {
    "Real": ("ℝ", r"\mathbb{R}"),
    "Positive": ("ℝ₊", r"\mathbb{R}_{+}"),
    "Probability": ("[0, 1]", r"\left[0, 1\right]"),
    "OneHot": ("{0, 1}", r"\left\{0, 1\right\}"),
    "Bool": ("{0, 1}", r"\left\{0, 1\right\}"),
    "Label": ("ℕ", r"\mathbb{N}"),
}
