"""Texts with style names, as the controller hands them to widgets; shown, and wrapped."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from graphdbg.source import shown


class Shown(LineFilter):
    """The outlet of the app: whatever a widget draws, each of its characters is shown.

    Panes that fit their texts to a width show them before that; this is for all the others.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The line with its characters shown; what the terminal itself is told stays."""
        if all(control or shown(text) == text for text, _, control in segments):
            return segments
        made = [
            Segment(text if control else shown(text), style, control)
            for text, style, control in segments
        ]
        return Segment.adjust_line_length(made, Segment.get_line_length(segments))


Piece = tuple[str, str]  # a text and the name of its style
Row = Sequence[Piece]

# Names of styles; `app.tcss` says what they look like. Colour is never the only sign of anything.
STYLES = (
    "title", "name", "value", "gradient", "formula", "dim", "good", "bad", "warning", "current",
)  # fmt: skip
WORD = re.compile(r"\s+|[^\s]+")
HANGING = 2  # cells that a continued row stands further in than its beginning


def wrapped(row: Row, width: int) -> Iterator[list[Piece]]:
    """A row as lines of at most `width` cells, continued ones further in.

    >>> [line for line in wrapped([("  a = ", ""), ("b + c", "formula")], 9)]
    [[('  a = ', ''), ('b +', 'formula')], [('    ', ''), ('c', 'formula')]]
    """
    whole = "".join(text for text, _ in row)
    indent = min(len(whole) - len(whole.lstrip()) + HANGING, max(0, width - 8))
    line: list[Piece] = []
    used, room = 0, max(width, 8)
    for word, style in _words(row, room - indent):
        size = cell_len(word)
        if used + size > room:
            yield _trimmed(line)
            line, used = [(" " * indent, "")], indent
            if word.isspace():
                continue
        if line and line[-1][1] == style:
            line[-1] = (line[-1][0] + word, style)
        else:
            line.append((word, style))
        used += size
    yield line


def _words(row: Row, room: int) -> Iterator[Piece]:
    """Words and the blanks between them; a word that fits no line in parts."""
    for text, style in row:
        for word in WORD.findall(text):
            parts = chop_cells(word, room) if cell_len(word) > room else [word]
            yield from ((part, style) for part in parts)


def _trimmed(line: list[Piece]) -> list[Piece]:
    """A line without the blanks at its end."""
    while line and not line[-1][0].strip():
        line.pop()
    if line:
        line[-1] = (line[-1][0].rstrip(), line[-1][1])
    return line
