"""Trees of matrix notation as text: Unicode for a terminal, LaTeX, MathML, NumPy code."""

from __future__ import annotations

from . import mathml as core
from .latex_notation import LatexWriter
from .numpy_notation import python
from .trees import Tree
from .unicode_notation import TextWriter

__all__ = ["latex", "mathml", "python", "text"]


def text(tree: Tree) -> str:
    """The tree in Unicode, on one line.

    >>> from .products import product, transpose
    >>> from .trees import Symbol
    >>> text(product(transpose(Symbol((2, 3), "W2")), Symbol((2, None), "p")))
    'W2ᵀ p'
    """
    return TextWriter().write(tree)[0]


def latex(tree: Tree) -> str:
    r"""The tree in LaTeX, without dollar signs.

    >>> from .products import product, transpose
    >>> from .trees import Symbol
    >>> latex(product(transpose(Symbol((2, 3), "W2")), Symbol((2, None), "p")))
    'W_{2}^{\\top} p'
    """
    return LatexWriter().write(tree)[0]


def mathml(tree: Tree, display: bool = False) -> str:
    """The tree as a `<math>` element of MathML Core, `display` as a block of its own.

    >>> from .trees import SCALAR, Symbol
    >>> mathml(Symbol(SCALAR, "x"))[49:]
    '<mi>x</mi></math>'
    """
    return core.convert(latex(tree), display)
