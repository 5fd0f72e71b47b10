"""A derivation as plain text in Unicode, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ..source import on_one_line
from .document import Block, Display, Heading, Items, Paragraph, Pieces, blocks
from .steps import Derivation

WIDTH = 80  # columns of prose; equations are never broken
FIXED = "\u00a0"  # a blank at which no line ends
GAP = 3  # blanks between an equation and its reason
WIDEST = 60  # columns of an equation whose reason still stands in line with the others


def write(found: Derivation) -> str:
    """The derivation as text.

    >>> import graphdbg as gd
    >>> print(write(gd.derive(gd.parse("f = x^2"))).split("Backward pass")[0])
    Derivation of ∂f/∂x
    ===================
    <BLANKLINE>
    Problem
    -------
    Given x ∈ ℝ, and f as defined in (1), find ∂f/∂x.
    <BLANKLINE>
    Forward pass
    ------------
    (1) f = x²
    <BLANKLINE>
    <BLANKLINE>
    """
    lines: list[str] = []
    for block in blocks(found):
        if isinstance(block, Heading) and lines:
            lines.append("")
        lines += _block(block)
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Heading):
        yield from _heading(block)
    elif isinstance(block, Paragraph):
        indent = "    " if block.small or block.remark else ""
        yield from _wrapped(_plain(block.pieces, FIXED), indent, indent)
    elif isinstance(block, Items):
        yield from _items(block)
    else:
        yield from _display(block)


def _heading(block: Heading) -> Iterator[str]:
    text = _plain(block.pieces)
    yield text
    if block.level < 3:
        yield ("=" if block.level == 1 else "-") * len(text)
    if block.level == 1:
        yield ""


def _items(block: Items) -> Iterator[str]:
    wide = max(len(entry.label) for entry in block.entries)
    body = [_plain(entry.pieces) for entry in block.entries]
    column = max((len(text) for text in body if len(text) <= WIDEST), default=0)
    for entry, text in zip(block.entries, body):
        label = f"{entry.label:<{wide}} " if wide else "- "
        note = _plain(entry.note)
        if note or wide:
            yield label + (f"{text:<{column}}{' ' * GAP}{note}" if note else text)
        else:
            yield from _wrapped(_plain(entry.pieces, FIXED), label, "  ")


def _display(block: Display) -> Iterator[str]:
    lefts = [on_one_line(row.left.text) if row.left else "" for row in block.rows]
    wide = max(map(len, lefts))
    rights = [on_one_line(row.right.text) for row in block.rows]
    lines = [f"    {left:<{wide}} = {right}" for left, right in zip(lefts, rights)]
    column = max((len(line) for line in lines if len(line) <= WIDEST), default=0)
    for line, row in zip(lines, block.rows):
        yield f"{line:<{column}}{' ' * GAP}{row.why}" if row.why else line


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    """Prose in lines; formulas, whose blanks are `FIXED`, are not broken."""
    lines = textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return [line.replace(FIXED, " ") for line in lines]


def _plain(pieces: Pieces, blank: str = " ") -> str:
    """The text; the blanks of formulas may be others than those of prose."""
    texts = (
        piece if isinstance(piece, str) else piece.text.replace(" ", blank) for piece in pieces
    )
    return on_one_line("".join(texts))
