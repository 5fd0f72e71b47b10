"""Places in a text: `Source`, `Span`, and the caret excerpt that errors and the stepper show."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field

_LINE_BREAK = re.compile("\n")
MAX_EXCERPT_WIDTH = 100  # a longer line is cut around the caret, so that one line fits a terminal


@dataclass(frozen=True, slots=True)
class Source:
    """A named program text.

    >>> Source("a = 1\\nb = 2", "demo").position(6)
    (2, 1)
    """

    text: str
    name: str = "<text>"
    line_starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        starts = [0]
        starts.extend(match.end() for match in _LINE_BREAK.finditer(self.text))
        object.__setattr__(self, "line_starts", tuple(starts))

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column (both from 1) of a character offset."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of line `number` (from 1), without its line break."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)]


@dataclass(frozen=True, slots=True)
class Span:
    """The characters `start` to `end` (exclusive) of a source.

    >>> print(Span(Source("f = x + y"), 4, 9).excerpt())
      1 | f = x + y
        |     ^^^^^
    """

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """The line (from 1) the span begins on."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """The column (from 1) the span begins at."""
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        """The characters the span covers."""
        return self.source.text[self.start : self.end]

    def where(self) -> str:
        """`name:line:column`, as compilers write it."""
        return f"{self.source.name}:{self.line}:{self.column}"

    def excerpt(self) -> str:
        """The line with carets under the span; a long line is cut around it."""
        number, column = self.source.position(self.start)
        text = self.source.line(number).replace("\t", " ")
        length = max(1, min(self.end - self.start, len(text) - column + 1))
        cut = max(0, column - 1 - MAX_EXCERPT_WIDTH // 2) if len(text) > MAX_EXCERPT_WIDTH else 0
        shown = text[cut : cut + MAX_EXCERPT_WIDTH]
        length = min(length, MAX_EXCERPT_WIDTH - (column - 1 - cut))
        margin = f"{number:>3} | "
        carets = " " * (column - 1 - cut) + "^" * max(1, length)
        return f"{margin}{shown}\n{' ' * (len(margin) - 2)}| {carets}"
