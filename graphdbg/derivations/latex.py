r"""A derivation as a LaTeX document that needs only amsmath and amssymb.

It compiles with pdflatex and with xelatex; long formulas are broken before their signs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..typesetting.latex_notation import in_text
from .breaking import broken, width
from .document import Block, Display, Heading, Items, Paragraph, Pieces, blocks
from .expressions import Expression
from .steps import Derivation, Equation

WIDEST = 66  # characters of an equation that fit the line of 16 cm, fractions and brackets included
NARROW = 44  # characters of an equation beside which a reason fits
_CHARACTER = r"(?:\\.|[^{}\\\n])"
_LONG = re.compile(  # a name that no line holds
    rf"(\\(?:mathit|textit|texttt)\{{{_CHARACTER}{{80}}){_CHARACTER}{{80,}}\}}"
)
PREAMBLE = r"""\documentclass[11pt,a4paper,fleqn]{article}
\usepackage{amsmath}
\usepackage{amssymb}
\setlength{\textwidth}{16cm}
\setlength{\oddsidemargin}{0cm}
\setlength{\evensidemargin}{0cm}
\setlength{\topmargin}{-1cm}
\setlength{\textheight}{24cm}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\setlength{\emergencystretch}{4em}
"""


def write(found: Derivation) -> str:
    """The derivation as a LaTeX document.

    >>> import graphdbg as gd
    >>> text = write(gd.derive(gd.parse("f = x^2")))
    >>> text.splitlines()[0], text.count("usepackage")
    ('\\\\documentclass[11pt,a4paper,fleqn]{article}', 2)
    """
    body = ""
    for block in blocks(found):  # a blank line before an equation would set it apart
        body += ("\n" if isinstance(block, Display) else "\n\n") + "\n".join(_block(block))
    body = body.strip()
    body = _LONG.sub(r"\1\\dots}", body)
    return f"{PREAMBLE}{_characters(body)}\\begin{{document}}\n{body}\n\\end{{document}}\n"


def _characters(body: str) -> str:
    """What pdflatex is told of characters that it does not know: it shows their number."""
    unknown = sorted({each for each in body if each > "\x7f"})
    if not unknown:
        return ""
    lines = (
        rf"  \DeclareUnicodeCharacter{{{ord(each):04X}}}{{\textsf{{[U+{ord(each):04X}]}}}}"
        for each in unknown
    )
    return "\\ifdefined\\DeclareUnicodeCharacter\n" + "\n".join(lines) + "\n\\fi\n"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield from _heading(block)
    elif isinstance(block, Paragraph):
        inside = _inline(block.pieces)
        yield rf"\nopagebreak{{\small {inside}\par}}" if block.small else inside
    elif isinstance(block, Items):
        yield from _items(block)
    else:
        yield from _display(block)


def _heading(block: Heading) -> Iterator[str]:
    inside = _inline(block.pieces)
    if block.level == 1:
        yield rf"\begin{{center}}\Large\bfseries {inside}\end{{center}}"
    elif block.level == 2:
        yield rf"\section*{{{inside}}}"
    else:
        yield rf"\subsection*{{{inside}}}"


def _items(block: Items) -> Iterator[str]:
    yield r"\begin{itemize}"
    for entry in block.entries:
        label = entry.label or (r"\relax" if any(e.label for e in block.entries) else "")
        mark = f"[{label}]" if label else ""
        note = rf" \hfill {_inline(entry.note)}" if entry.note else ""
        yield rf"\item{mark} {_inline(entry.pieces, bool(entry.label))}{note}"
    yield r"\end{itemize}"


def _display(block: Display) -> Iterator[str]:
    wide = max(width(row.left.latex) if row.left else 0 for row in block.rows)
    widest = max(width(row.right.latex) for row in block.rows)
    beside = wide + widest <= NARROW
    lines = [line for row in block.rows for line in _row(row, WIDEST - wide, beside)]
    inside = " \\\\\n".join(lines)
    if block.boxed:
        yield rf"\[ \boxed{{\begin{{aligned}}{inside}\end{{aligned}}}} \]"
    else:
        yield f"\\begin{{align*}}\n{inside}\n\\end{{align*}}"


def _row(row: Equation, room: int, beside: bool) -> Iterator[str]:
    """An equation, on several lines where it is long; its reason beside it, behind or below."""
    left = row.left.latex if row.left is not None else ""
    first, *more = broken(row.right.latex, room)
    lines = [f"{left} &= {first}", *(rf"&\qquad {each}" for each in more)]
    why = in_text(row.why)
    if row.why and beside:
        lines[-1] += rf" && \text{{{why}}}"
    elif row.why and width((more or [first])[-1]) + len(row.why) < room:
        lines[-1] += rf" \quad \text{{({why})}}"
    elif row.why:
        lines.append(rf"&\qquad \text{{({why})}}")
    yield from lines


def _inline(pieces: Pieces, large: bool = False) -> str:
    style = r"\displaystyle " if large else ""
    return "".join(
        f"${style}{piece.latex}$" if isinstance(piece, Expression) else in_text(piece)
        for piece in pieces
    )
