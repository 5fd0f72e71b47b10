r"""Trees in LaTeX, without dollar signs: `W_{2}^{\top} \left(p - y\right)`."""

from __future__ import annotations

import re
from fractions import Fraction

from ..source import on_one_line
from . import trees as t
from .spacing import GREEK
from .trees import SCALAR, Tree
from .unicode_notation import (
    ATOM,
    ELEMENTWISE,
    GLYPHS,
    MARKED,
    PRODUCT,
    SUBSCRIPTS,
    SUM,
    Piece,
    TextWriter,
)

_WORD_LAST = re.compile(r"\\mathit\{(?:[^{}\\]|\\.)*\}(?:[_^]\{[^{}]*\})*$")
_TO_LATEX = {letter: "\\" + name.rstrip("_") for name, letter in GREEK.items()}


class LatexWriter(TextWriter):
    """The same in LaTeX; fractions have a bar, elementwise quotients are `\\oslash`."""

    minus, times, kron, dot = "-", r" \odot ", r" \otimes ", r"\cdot"

    def group(self, inside: str) -> str:
        """Brackets around a text."""
        return rf"\left({inside}\right)"

    def ones(self, tree: t.Ones) -> str:
        """The column of ones."""
        return r"\mathbf{1}"

    def name(self, name: str) -> str:
        """A name."""
        if called := re.fullmatch(r"norm\((\w+)\)", name):
            return self.norm(self.name(called[1]))
        return latex_name(name)

    def transposed(self, body: str) -> str:
        """The mark of a transpose."""
        return _superscript(body, r"\top")

    def inverted(self, body: str, flipped: bool) -> str:
        """The mark of an inverse, `flipped` of its transpose."""
        return _superscript(body, r"-\top" if flipped else "-1")

    def raised(self, base: str, exponent: Fraction) -> str:
        """A scalar's power."""
        return _superscript(base, str(exponent))

    def raised_elementwise(self, base: str, exponent: Fraction) -> str:
        """An array's elementwise power."""
        return _superscript(base, rf"\odot {exponent}")

    def root(self, tree: Tree) -> Piece:
        """A square root."""
        return rf"\sqrt{{{self.write(tree)[0]}}}", ATOM

    def glyph(self, value: Fraction) -> str | None:
        """A number that has a sign of its own, else None."""
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}" if value in GLYPHS else None

    def call(self, function: str, inside: str) -> str:
        """A function of a text."""
        known = {"det": r"\det", "max": r"\max", "min": r"\min", "tr": r"\operatorname{tr}"}
        return known.get(function, rf"\operatorname{{{function}}}") + rf"\left({inside}\right)"

    def apply(self, function: str, argument: Tree) -> Piece:
        """An elementwise function."""
        inside = self.write(argument)[0]
        if function == "abs":
            return rf"\left|{inside}\right|", ATOM
        if function == "sqrt":
            return rf"\sqrt{{{inside}}}", ATOM
        if function == "exp" and argument.shape == SCALAR:
            return f"e^{{{inside}}}", MARKED
        known = {"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos",
                 "arctan"}  # fmt: skip
        head = "\\" + function if function in known else rf"\operatorname{{{function}}}"
        head = r"\sigma" if function == "sigmoid" else head
        return rf"{head}\left({inside}\right)", ATOM

    def norm(self, inside: str) -> str:
        """A norm."""
        return rf"\left\lVert {inside} \right\rVert"

    def determinant(self, inside: str, log: bool) -> str:
        """A determinant, or the log of its absolute value."""
        if log:
            return rf"\log\left|\det\left({inside}\right)\right|"
        return rf"\det\left({inside}\right)"

    def indicator(self, inside: str) -> str:
        """1 where a condition holds, else 0."""
        return rf"\mathbf{{1}}\left[{inside}\right]"

    def entry(self, body: str, indices: list[str]) -> str:
        """A body with indices."""
        return rf"{body}\left[{', '.join(indices)}\right]"

    def sigma(self, names: list[str], body: str) -> str:
        """A sum over indices."""
        return rf"\sum_{{{', '.join(names)}}} {body}"

    def juxtapose(self, factors: list[tuple[str, Tree]]) -> str:
        """A chain of products."""
        return _beside([written for written, _ in factors])

    def _side_by_side(self, pieces: list[Piece]) -> str:
        return _beside([each if level > PRODUCT else self.group(each) for each, level in pieces])

    def coefficient(self, number: str, rest: str) -> str:
        """A number before what it multiplies."""
        if rest[0].isdigit() or rest.startswith((r"\mathbf{1}", r"\frac")):
            return rf"{number} \cdot {rest}"
        return _beside([number, rest])

    def before(self, scalars: str, body: str) -> str:
        """Scalars before the array that they multiply."""
        return _beside([scalars, body])

    def grid(self, tree: t.Grid) -> Piece:
        """An array written out."""
        rows = (" & ".join(self.write(each)[0] for each in row) for row in tree.rows)
        return r"\begin{bmatrix} " + r" \\ ".join(rows) + r" \end{bmatrix}", ATOM

    def fraction(self, top: Piece, bottom: list[Piece]) -> Piece:
        """Scalars below a fraction bar."""
        return rf"\frac{{{_ungrouped(top[0])}}}{{{self.scalars(bottom)}}}", PRODUCT

    def number(self, value: Fraction) -> Piece:
        """A number, with its sign."""
        if value.denominator == 1 or self.decimal(abs(value)):
            return super().number(value)
        sign = "-" if value < 0 else ""
        size = abs(value)
        written = rf"\frac{{{size.numerator}}}{{{size.denominator}}}"
        return sign + written, SUM if sign else PRODUCT

    def quotient(self, tree: t.Quotient) -> Piece:
        """An elementwise quotient."""
        top, level = self.write(tree.top)
        if level < ELEMENTWISE or type(tree.top) is t.Quotient:
            top = self.group(top)
        return rf"{top} \oslash {self.at(tree.bottom, PRODUCT)}", ELEMENTWISE


def _beside(factors: list[str]) -> str:
    r"""Factors in a row; a name of several letters stands apart from its neighbours by `\,`.

    LaTeX sets no blanks between names: `lam w` would be one name.
    """
    out = factors[0] if factors else ""
    for left, right in zip(factors, factors[1:]):
        apart = right.startswith(r"\mathit{") or _WORD_LAST.search(left)
        out += (r" \, " if apart else " ") + right
    return out


def _ungrouped(written: str) -> str:
    """Without the brackets around all of it, which a fraction's bar makes needless."""
    if not (written.startswith(r"\left(") and written.endswith(r"\right)")):
        return written
    depth = 0
    for found in re.finditer(r"\\(left|right)(?![a-z])", written):
        depth += 1 if found[1] == "left" else -1
        if depth == 0:
            return written[6:-7] if found.end() == len(written) - 1 else written
    return written


def _superscript(body: str, mark: str) -> str:
    if body.startswith(r"\frac"):  # the name of a gradient
        body = rf"\left({body}\right)"
    return f"{body}^{{{mark}}}"


def latex_name(name: str) -> str:
    r"""A name in LaTeX: `W_{2}`, `\alpha`, `\mathit{loss}`, with special characters escaped.

    A gradient that is called `(∂L/∂W)` becomes a fraction.

    >>> latex_name("W_out2"), latex_name("beta1"), latex_name("loss.d_W")
    ('W_{\\mathit{out2}}', '\\beta_{1}', '\\mathit{loss.d\\_W}')
    """
    stem = name.rstrip("0123456789")
    if name in GREEK:
        return _stem(name)
    if gradient := re.fullmatch(r"\(∂(.+)/∂(.+)\)", name):
        above, below = (rf"\partial {latex_name(each)}" for each in gradient.groups())
        return rf"\frac{{{above}}}{{{below}}}"
    if called := re.fullmatch(r"([^\W\d]\w*)\((\w+(?:, \w+)*)\)", name):
        function = called[1].replace("_", r"\_")
        inside = ", ".join(map(latex_name, called[2].split(", ")))
        return rf"\operatorname{{{function}}}\left({inside}\right)"
    if stem and stem.isidentifier() and "_" not in stem:
        digits = name[len(stem) :]
        return _stem(stem) + (f"_{{{digits}}}" if digits else "")
    head, _, tail = name.partition("_")
    if len(GREEK.get(head, head)) == 1 and tail and name.isidentifier():
        return f"{_stem(head)}_{{{_word(tail)}}}"
    return _word(name)


def typed(text: str) -> str:
    r"""A text that is no notation, as it is typed, with special characters escaped.

    >>> typed("reshape(x_1, (2,))")
    '\\texttt{reshape(x\\_1, (2,))}'
    """
    return rf"\texttt{{{in_text(text)}}}"


def in_text(text: str) -> str:
    r"""A text for the inside of `\text` and its kin, where LaTeX is not in mathematics.

    >>> in_text("Σ Y = 1 & more")
    '\\ensuremath{\\Sigma} Y = 1 \\& more'
    """
    return "".join(_IN_TEXT.get(each, each) for each in on_one_line(text))


def plain(escaped: str) -> str:
    r"""The text that was escaped for `\mathit` or `\text`; ValueError for another command.

    >>> plain(r"loss.d\_W"), plain(r"\ensuremath{\Sigma} Y")
    ('loss.d_W', 'Σ Y')
    """

    def character(found: re.Match[str]) -> str:
        if found[0] not in _PLAIN:
            raise ValueError(f"{found[0]} is not in the LaTeX that becomes MathML, in a text")
        return _PLAIN[found[0]]

    return _ESCAPED.sub(character, escaped)


def _stem(stem: str) -> str:
    letter = GREEK.get(stem, stem)
    if letter in _TO_LATEX:
        return _TO_LATEX[letter]
    return letter if len(letter) == 1 else _word(letter)


def _word(name: str) -> str:
    if any(each > "\x7f" and each not in _TO_LATEX for each in name):
        return rf"\textit{{{in_text(name)}}}"  # no letter of LaTeX's mathematics
    escaped = "".join(_ESCAPES.get(each, each) for each in on_one_line(name))
    return escaped if len(name) == 1 or name.isdigit() else rf"\mathit{{{escaped}}}"


_SPECIAL = {each: "\\" + each for each in "#$%&_{}"}
_ESCAPES = {
    **_SPECIAL, "~": r"\sim{}", "^": r"\wedge{}", "\\": r"\backslash{}",
    **{letter: command + "{}" for letter, command in _TO_LATEX.items()},
}  # fmt: skip
_SIGNS = {
    "−": "-", "⊙": r"\odot", "⊗": r"\otimes", "·": r"\cdot", "√": r"\surd", "‖": r"\Vert",
    "∂": r"\partial", "≥": r"\ge", "≤": r"\le", "≠": r"\ne", "…": r"\dots", "ᵀ": r"^{\top}",
    "∞": r"\infty", "′": r"'", "×": r"\times", "→": r"\to", "⇒": r"\Rightarrow", "∈": r"\in",
    **{glyph: rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
       for value, glyph in GLYPHS.items()},
    **{each: f"^{{{plain}}}" for each, plain in zip("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")},
    **{each: f"_{{{plain}}}" for plain, each in SUBSCRIPTS.items()},
}  # fmt: skip
_IN_TEXT = {
    **_SPECIAL,
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    **{each: rf"\ensuremath{{{command}}}" for each, command in (_TO_LATEX | _SIGNS).items()},
}  # fmt: skip
_PLAIN = {escaped: each for table in (_ESCAPES, _IN_TEXT) for each, escaped in table.items()}
_ESCAPED = re.compile(
    "|".join(re.escape(each) for each in sorted(_PLAIN, key=len, reverse=True))
    + r"|\\(?:[a-zA-Z]+|.)"
)
