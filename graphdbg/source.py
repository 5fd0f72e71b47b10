"""A program's text: places in it, the excerpt that errors show, and how any foreign text is shown.

A text that comes from outside (a program, a file's name, a cell, a word of the command line) may
hold characters that a terminal obeys, that turn a line around or that nobody sees. It stays as it
is, as data; whatever is about to show it on a terminal, a page or in a document applies `shown`.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_LINE_BREAK = re.compile("\n")
MAX_EXCERPT_WIDTH = 100  # a longer line is cut around the caret, so that one line fits a terminal
MOST_MARKS = 4  # on one letter: no language writes more, and a heap of them covers other lines
# What Python calls printable although it draws nothing: fillers, joiners, selectors of variants, a
# blank of Braille, a note without a head (Default_Ignorable_Code_Point of Unicode, and two more).
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U0001d159\U000e0100-\U000e01ef]"
)
_BLANK = "\u00a0"  # a space that ends no line: it is seen
_BREAKS = re.compile(r"[\t\n\v\f\r]")


def shown(text: str, lines: bool = False) -> str:
    """The text with every character visible: what controls, turns or hides is named instead.

    Control characters become their pictures (`␛`), others their number (`⟨U+202E⟩`); marks
    beyond four on one letter are `⟨…⟩`. With `lines` line ends and tabs stay. What was shown once
    is shown again as it is.

    >>> print(shown("a \\x1b[31m \\u202e b"), shown("∂f/∂x₁ = ŷᵀ"))
    a ␛[31m ⟨U+202E⟩ b ∂f/∂x₁ = ŷᵀ
    """
    if _is_visible(text):
        return text
    if lines:
        parts = text.replace("\r\n", "\n").split("\n")
        return "\n".join("\t".join(map(shown, part.split("\t"))) for part in parts)
    return "".join(_visible(text, _sign))


def on_one_line(text: str) -> str:
    """The text as `shown` has it, with a blank for each line end and tab.

    >>> on_one_line("a\\n\\tb")
    'a  b'
    """
    return shown(_BREAKS.sub(" ", text))


def hidden_in(text: str) -> int | None:
    """The place of the first character that `shown` would replace, None where it replaces none.

    >>> hidden_in("x\\u3164"), hidden_in("x₁")
    (1, None)
    """
    if _is_visible(text):
        return None
    pieces = zip(_visible(text, _sign), text, strict=True)
    return next((at for at, (piece, char) in enumerate(pieces) if piece != char), None)


def escaped_in_json(text: str) -> str:
    r"""A JSON text that says the same, its invisible characters as escapes.

    >>> escaped_in_json('["a\u202eb"]')
    '["a\\u202eb"]'
    """
    if _is_visible(text):
        return text
    return "\n".join("".join(_visible(line, _code)) for line in text.split("\n"))


def _is_visible(text: str) -> bool:
    """Whether a text surely has nothing to replace; a quick look, for most texts are so."""
    if not text.isprintable() or text.isascii():
        return text.isprintable()
    return not (_INVISIBLE.search(text) or any(map(unicodedata.combining, text)))


def _visible(text: str, instead: Callable[[str, bool], str]) -> Iterator[str]:
    """Each character of a text, or what stands for it."""
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        seen = char == _BLANK or (char.isprintable() and not _INVISIBLE.match(char))
        if seen and marks <= MOST_MARKS:
            yield char
        else:
            yield instead(char, seen and marks > MOST_MARKS + 1)


def _sign(char: str, heaped: bool) -> str:
    """The picture of a control character (a block of Unicode has them), else the number.

    A heap of marks has one sign for all of them: the others are `heaped`.
    """
    if char < " ":
        return chr(0x2400 + ord(char))
    if unicodedata.category(char) in ("Mn", "Me") and not _INVISIBLE.match(char):
        return "" if heaped else "⟨…⟩"
    return "␡" if char == "\x7f" else f"⟨U+{ord(char):04X}⟩"


def _code(char: str, _: bool) -> str:
    r"""The escape of JSON: `\u202e`, of two halves beyond U+FFFF."""
    data = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{data[at : at + 2].hex()}" for at in range(0, len(data), 2))


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
        """The line with carets under the span, each character visible; a long line is cut."""
        number, column = self.source.position(self.start)
        line = self.source.line(number).replace("\t", " ")
        length = max(1, min(self.end - self.start, len(line) - column + 1))
        before, text = shown(line[: column - 1]), shown(line)
        length = max(1, len(shown(line[: column - 1 + length])) - len(before))
        column = len(before) + 1
        cut = max(0, column - 1 - MAX_EXCERPT_WIDTH // 2) if len(text) > MAX_EXCERPT_WIDTH else 0
        length = min(length, MAX_EXCERPT_WIDTH - (column - 1 - cut))
        margin = f"{number:>3} | "
        carets = " " * (column - 1 - cut) + "^" * max(1, length)
        part = text[cut : cut + MAX_EXCERPT_WIDTH]
        return f"{margin}{part}\n{' ' * (len(margin) - 2)}| {carets}"
