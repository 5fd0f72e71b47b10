"""`Canvas`, a window of character cells on which lines meet and text is put, in rows of runs.

A run is a text with the name of its style. The names are these; what they look like is up to the
application:

| style | what |
|---|---|
| blank | nothing |
| border, name, operation | of a box |
| value, gradient | of a box, green and red in the lecture's diagrams |
| pending | the border and the dash of a box that has no value yet |
| current | the border of the box that is computed now |
| selected, breakpoint | the signs of these |
| edge, edge-current | lines; those into the current box |
| stub | the names at the other end of a line that is not drawn |
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

STYLES = (
    "blank", "border", "name", "operation", "value", "gradient", "pending", "current", "selected",
    "breakpoint", "edge", "edge-current", "stub",
)  # fmt: skip
NUMBER = {style: at for at, style in enumerate(STYLES)}
BLANK, EDGE, EDGE_CURRENT = NUMBER["blank"], NUMBER["edge"], NUMBER["edge-current"]
UP, DOWN, LEFT, RIGHT = 8, 4, 2, 1  # arms of a line in a cell
HEAVY = 16  # times an arm: a heavy one
# Every combination of no, light and heavy arms: up counts 27, down 9, left 3, right 1.
LINES = " ╶╺╴─╼╸╾━╷╭┍╮┬┮┑┭┯╻┎┏┒┰┲┓┱┳╵╰┕╯┴┶┙┵┷│├┝┤┼┾┥┽┿╽┟┢┧╁╆┪╅╈╹┖┗┚┸┺┛┹┻╿┞┡┦╀╄┩╃╇┃┠┣┨╂╊┫╉╋"
CROSSES = set("┼┽┾┿╀╁╂╃╄╅╆╇╈╉╊╋")
JOINT = "•"
UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # characters that move the cursor, or may
JOINERS = {"\ufe0e", "\ufe0f"}  # they change the width of what stands before them

Run = tuple[str, str]


def line_glyph(arms: int) -> str:
    """The character for some arms, heavy ones winning over light ones.

    >>> line_glyph(UP | RIGHT), line_glyph(UP | DOWN | RIGHT * HEAVY), line_glyph(15)
    ('╰', '┝', '┼')
    """
    index = 0
    for arm in (UP, DOWN, LEFT, RIGHT):
        index = 3 * index + (2 if arms & arm * HEAVY else 1 if arms & arm else 0)
    return LINES[index]


GLYPHS = np.array([line_glyph(arms) for arms in range(256)])


@lru_cache(maxsize=65536)
def cells(text: str) -> tuple[str, ...]:
    """Text as one entry per cell: marks with their letter, nothing in a wide one's second cell.

    >>> cells("a語\\n")
    ('a', '語', '', '·')
    """
    if text.isascii() and text.isprintable():
        return tuple(text)
    found: list[str] = []
    for char in text:
        if unicodedata.category(char) in UNSAFE:
            found.append("·")
        elif char in JOINERS:
            continue
        elif (width := cell_len(char)) == 0:
            _join(found, char)
        else:
            found += [char, ""] if width == 2 else [char]
    return tuple(found)


def _join(found: list[str], mark: str) -> None:
    """Puts a mark on the letter before it; one without a letter is left out."""
    at = len(found) - 1
    while at >= 0 and not found[at]:
        at -= 1
    if at >= 0 and cell_len(found[at] + mark) == cell_len(found[at]):
        found[at] += mark


def width(text: str) -> int:
    """How many cells a text takes when `cells` has made it safe."""
    return len(cells(text))


def clip(text: str, room: int) -> str:
    """The text, made safe, cut to `room` cells and ending in `…` where it is longer.

    >>> clip("softmax(o)", 8), clip("語語", 3)
    ('softmax…', '語…')
    """
    found = cells(text)
    if len(found) <= room:
        return "".join(found)
    kept = list(found[: max(room - 1, 0)])
    if kept and found[len(kept)] == "":
        kept.pop()  # half of a wide character
    return "".join(kept) + "…" if room else ""


def padded(text: str, room: int) -> str:
    """The text cut or filled with blanks to exactly `room` cells."""
    text = clip(text, room)
    return text + " " * (room - width(text))


class Canvas:
    """A window of `width` by `height` cells whose first cell is column `x` of row `y`.

    First lines, then `text` over them, then `rows`.
    """

    def __init__(self, x: int, y: int, width: int, height: int) -> None:
        self.x, self.y, self.width, self.height = x, y, width, height
        self._arms = np.zeros((height, width), dtype=np.uint8)
        self._joints: list[tuple[int, int]] = []
        self._texts: list[tuple[int, int, Sequence[Run]]] = []

    def horizontal(self, y: int, left: int, right: int, weight: int = 1) -> None:
        """A line in row `y` from the middle of column `left` to that of `right`."""
        y, left, right = y - self.y, left - self.x, right - self.x
        if 0 <= y < self.height and left < right:
            row = self._arms[y]
            row[max(left, 0) : max(right, 0)] |= RIGHT * weight
            row[max(left + 1, 0) : max(right + 1, 0)] |= LEFT * weight

    def vertical(self, x: int, top: int, bottom: int, weight: int = 1) -> None:
        """A line in column `x` from the middle of row `top` to that of `bottom`."""
        x, top, bottom = x - self.x, top - self.y, bottom - self.y
        if 0 <= x < self.width and top < bottom:
            column = self._arms[:, x]
            column[max(top, 0) : max(bottom, 0)] |= DOWN * weight
            column[max(top + 1, 0) : max(bottom + 1, 0)] |= UP * weight

    def joints(self, y: int, columns: Iterable[int]) -> None:
        """Lines meet in these cells of row `y`: where they come from all four sides, with a dot."""
        if 0 <= y - self.y < self.height:
            inside = (x - self.x for x in columns)
            self._joints += [(x, y - self.y) for x in inside if 0 <= x < self.width]

    def text(self, x: int, y: int, runs: Sequence[Run]) -> None:
        """Runs from column `x` of row `y` on; where they leave the window they are cut."""
        if 0 <= y - self.y < self.height:
            self._texts.append((x - self.x, y - self.y, runs))

    def rows(self) -> list[list[Run]]:
        """The window, row by row, as runs of neighbouring cells in the same style."""
        texts: list[list[str]] = GLYPHS[self._arms].tolist()
        for x, y in self._joints:
            if texts[y][x] in CROSSES:
                texts[y][x] = JOINT
        heavy, drawn = self._arms >= HEAVY, self._arms > 0
        styles = np.where(heavy, EDGE_CURRENT, np.where(drawn, EDGE, BLANK))
        for x, y, runs in self._texts:
            row, row_styles = texts[y], styles[y]
            for text, style in runs:
                found = cells(text)
                _put(row, row_styles, x, found, NUMBER[style])
                x += len(found)
        return [_runs(row, style) for row, style in zip(texts, styles)]


def _put(
    row: list[str], styles: NDArray[np.int64], x: int, found: Sequence[str], style: int
) -> None:
    first, last = max(x, 0), min(x + len(found), len(row))
    if first >= last:
        return
    part = list(found[first - x : last - x])
    if part[0] == "":
        part[0] = " "  # the second half of a wide character that begins outside
    if last - x < len(found) and found[last - x] == "":
        part[-1] = " "
    row[first:last] = part
    styles[first:last] = style


def _runs(row: list[str], styles: NDArray[np.int64]) -> list[Run]:
    if not row:
        return []
    starts = [0, *(np.flatnonzero(styles[1:] != styles[:-1]) + 1).tolist()]
    ends = [*starts[1:], len(row)]
    kinds = styles[starts].tolist()
    return [
        ("".join(row[start:end]), STYLES[kind]) for start, end, kind in zip(starts, ends, kinds)
    ]
