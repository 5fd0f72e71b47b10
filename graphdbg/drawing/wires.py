"""A wire as an HTML-like label of Graphviz: a line with the value on one side, the gradient on the
other; above and below it where the picture runs across, left and right where it runs down.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..rendering.numbers import UNKNOWN
from .labels import escaped, plain, width
from .themes import Theme

NUMBER, SMALL = 12.0, 9.0  # points: numbers; names and shapes
ROW, SMALL_ROW = 16, 12  # heights of the rows
SHORTEST = 34.0  # points: four digits with sign and point
CLEAR = 6.0  # points between a text and the end of its line, or the line beside it
TABLE = '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0" COLOR="{}">{}</TABLE>'


@dataclass(frozen=True, slots=True)
class Wire:
    """What stands on a wire. A value or gradient that is None has no place on it, an empty one is
    not known yet; `longest` are the longest texts of both that it will have to hold.

    `heat` is the line's thickness in points and its colour, None for a plain line.
    """

    name: str
    shape: str
    value: str | None
    gradient: str | None
    longest: tuple[str, ...]
    pending: bool
    theme: Theme
    heat: tuple[float, str] | None = None

    def label(self, down: bool) -> str:
        """The label, between its angle brackets."""
        rows = self._down() if down else self._across()
        return f"<{TABLE.format(self.theme.wire, ''.join(rows))}>"

    # ---------------------------------------------------------------- across

    def _across(self) -> Iterator[str]:
        """Name and value, the line, gradient and shape; as high above the line as below it."""
        wide = self._widest(SHORTEST) + CLEAR
        above = [(SMALL_ROW, self._name())] * bool(self.name)
        above += [(ROW, self._value())] * (self.value is not None)
        above = above or [(SMALL_ROW, "")]  # a line alone is no table
        below = [(ROW, self._gradient())] * (self.gradient is not None)
        below += [(SMALL_ROW, self._small(self.shape))] * bool(self.shape)
        more = sum(high for high, _ in above) - sum(high for high, _ in below)
        above[:0] = [(-more, "")] * (more < 0)
        below += [(more, "")] * (more > 0)
        yield from (_row(high, wide, text) for high, text in above)
        yield self._line(wide)
        yield from (_row(high, wide, text) for high, text in below)

    def _line(self, wide: float) -> str:
        if self.heat is None:
            return "<HR/>"
        thick, colour = self.heat
        size = f'HEIGHT="{thick:g}" WIDTH="{wide:.0f}" FIXEDSIZE="TRUE"'
        return f'<TR><TD {size} BGCOLOR="{colour}"></TD></TR>'

    # ---------------------------------------------------------------- down

    def _down(self) -> Iterator[str]:
        """Name and value left of the line, shape and gradient right of it, both as wide."""
        wide = self._widest(SHORTEST / 2)
        left, right = list[tuple[int, str]](), list[tuple[int, str]]()
        if self.name or self.shape:
            left.append((SMALL_ROW, self._name()))
            right.append((SMALL_ROW, self._small(self.shape)))
        if self.value is not None or self.gradient is not None:
            left.append((ROW, "" if self.value is None else self._value()))
            right.append((ROW, "" if self.gradient is None else self._gradient()))
        high = max(SMALL_ROW, sum(each for each, _ in left))
        gap = f'<TD WIDTH="{CLEAR:g}"></TD>'
        yield f"<TR>{_side(left, 'RIGHT', wide, high)}{gap}{self._bar(high)}"
        yield f"{gap}{_side(right, 'LEFT', wide, high)}</TR>"

    def _widest(self, least: float) -> float:
        """The room of the longest text, in points."""
        numbers = (width(plain(text), NUMBER) for text in self.longest)
        small = (width(plain(text), SMALL) for text in (self.name, self.shape))
        return max([least, *numbers, *small])

    def _bar(self, high: float) -> str:
        if self.heat is None:
            return "<VR/>"
        thick, colour = self.heat
        return f'<TD WIDTH="{thick:g}" HEIGHT="{high:g}" FIXEDSIZE="TRUE" BGCOLOR="{colour}"></TD>'

    # ---------------------------------------------------------------- texts

    def _name(self) -> str:
        ink = self.theme.pending if self.pending else self.theme.muted
        return self._small(self.name, ink, italic=True)

    def _small(self, text: str, ink: str = "", italic: bool = False) -> str:
        if not text:
            return ""
        shown = f"<I>{escaped(text)}</I>" if italic else escaped(text)
        return f'<FONT POINT-SIZE="{SMALL:g}" COLOR="{ink or self.theme.muted}">{shown}</FONT>'

    def _value(self) -> str:
        return self._number(self.value or "", self.theme.value, False)

    def _gradient(self) -> str:
        return self._number(self.gradient or "", self.theme.gradient, self.theme.italic_gradient)

    def _number(self, text: str, colour: str, italic: bool) -> str:
        shown = escaped(text or UNKNOWN)
        shown = f"<I>{shown}</I>" if italic else shown
        return f'<FONT COLOR="{colour if text else self.theme.pending}">{shown}</FONT>'


def _row(high: float, wide: float, text: str) -> str:
    return f'<TR><TD HEIGHT="{high:g}" WIDTH="{wide:.0f}">{text}</TD></TR>'


def _side(rows: list[tuple[int, str]], align: str, wide: float, high: float) -> str:
    """The texts of one side, one below the other, ending at the line."""
    cells = "".join(
        f'<TR><TD ALIGN="{align}" HEIGHT="{tall:g}" WIDTH="{wide:.0f}">{text}</TD></TR>'
        for tall, text in rows
    )
    inside = TABLE.format("#000000", cells) if cells else ""
    return f'<TD WIDTH="{wide:.0f}" HEIGHT="{high:g}">{inside}</TD>'
