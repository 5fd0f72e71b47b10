r"""A derivation in Markdown, its mathematics between dollar signs for GitHub and notebooks.

GitHub reads mathematics as Markdown first, notebooks do not. So nothing is written that the two
read differently: no backslash before a sign (`\\` and `\_` would lose it; lines end in `\cr`), no
`_` that could begin emphasis, no `<`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..source import on_one_line
from ..typesetting.latex_notation import plain
from .breaking import broken
from .document import Block, Display, Heading, Items, Paragraph, Pieces, blocks
from .expressions import Expression
from .steps import Derivation, Equation

ROOM = 70  # characters of an equation
_SPECIAL = re.compile(r"([\\`*_\[\]<>#|~$&])")
_TYPED = re.compile(r"\\(?:texttt|textit|text)\{((?:[^{}\\]|\\.|\{(?:[^{}\\]|\\.)*\})*)\}")
_WIDE = {each: chr(ord(each) + 0xFEE0) for each in "#$%&*<>@[\\]^_`{|}~"}  # full-width forms
_RULE = r"\rule{.45em}{.05em}"  # an underscore: the sign itself is none in mathematics
_INSTEAD = (
    (r"\\", r"\cr "), (r"\_", _RULE), (r"\{", r"\lbrace "), (r"\}", r"\rbrace "),
    (r"\,", r"\thinspace "), (r"\#", "＃"), (r"\$", "＄"), (r"\%", "％"),
    (r"\&", "＆"), ("_{", " _{"), ("<", r"\lt "), (">", r"\gt "), ("*", r"\ast "), ("`", "｀"),
    ("](", "] ("), ("$", "＄"),
)  # fmt: skip


def write(found: Derivation) -> str:
    """The derivation in Markdown.

    >>> import graphdbg as gd
    >>> print(write(gd.derive(gd.parse("f = x^2"))).splitlines()[0])
    # Derivation of $\\frac{\\partial f}{\\partial x}$
    """
    return "\n\n".join("\n".join(_block(block)) for block in blocks(found)) + "\n"


def portable(latex: str) -> str:
    r"""A formula that reads the same to Markdown and to a reader of mathematics alone.

    >>> portable(r"\mathit{a\_b} < x_{1}")
    '\\mathit{a\\rule{.45em}{.05em}b} \\lt  x _{1}'
    """
    latex = _TYPED.sub(lambda found: _as_text(found[1]), latex)
    for sign, instead in _INSTEAD:
        latex = latex.replace(sign, instead)
    return latex


def _as_text(escaped: str) -> str:
    """A text inside of mathematics, without a character that means something there."""
    return rf"\text{{{''.join(_WIDE.get(each, each) for each in plain(escaped))}}}"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield f"{'#' * block.level} {_inline(block.pieces)}"
    elif isinstance(block, Paragraph):
        inside = _inline(block.pieces)
        yield f"<sub>{inside}</sub>" if block.small else inside
    elif isinstance(block, Items):
        for entry in block.entries:
            label = f"{_escaped(entry.label)} " if entry.label else ""
            yield f"- {label}{_inline(entry.pieces)} {_inline(entry.note)}".rstrip()
    else:
        yield from _display(block)


def _display(block: Display) -> Iterator[str]:
    """The equations; their reasons stand below, for a reader of mathematics alone has no prose."""
    rows = " \\cr ".join(_row(row) for row in block.rows)
    inside = rf"\begin{{aligned}} {rows} \end{{aligned}}"
    yield "$$"
    yield rf"\boxed{{{inside}}}" if block.boxed else inside
    yield "$$"


def _row(row: Equation) -> str:
    left = portable(row.left.latex) if row.left is not None else ""
    first, *more = broken(row.right.latex, ROOM)
    lines = [f"{left} &= {portable(first)}", *(rf"&\qquad {portable(each)}" for each in more)]
    if row.why:
        lines[-1] += rf" && \text{{{_as_text_prose(row.why)}}}"
    return r" \cr ".join(lines)


def _as_text_prose(text: str) -> str:
    return "".join(_WIDE.get(each, each) for each in on_one_line(text))


def _inline(pieces: Pieces) -> str:
    return "".join(
        _expression(piece) if isinstance(piece, Expression) else _escaped(piece) for piece in pieces
    )


def _expression(piece: Expression) -> str:
    if not piece.typed:
        return f"${portable(piece.latex)}$"
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", piece.text)), default=0))
    blank = " " if "`" in piece.text else ""
    inside = on_one_line(" ".join(piece.text.split()))
    return f"{ticks}{blank}{inside}{blank}{ticks}"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", on_one_line(text))
