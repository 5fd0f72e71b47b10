"""How one node is drawn, at three sizes: as a card, as a line, as a dot.

A card keeps room for a value and a gradient before there are any, so that nothing moves when they
come. Colour is never the only sign: borders say the state (dashed: not computed yet, heavy:
computed now), `▸` the selection, `●` in the left border a breakpoint, `⊞` a call that is folded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .canvas import Run, clip, padded, width
from .numbers import DIGITS, UNKNOWN, number

ZOOMS = ("card", "line", "dot")
SCALAR_ROOM, ARRAY_ROOM = 7, 10  # cells: four digits with sign and point; a range of two numbers
WIDEST_CARD = 30
WIDEST_NAME = 14  # of a line
BORDERS = {  # top left, top, top right, sides, bottom left, bottom, bottom right
    "pending": tuple("╭╌╮╎╰╌╯"), "known": tuple("╭─╮│╰─╯"), "current": tuple("┏━┓┃┗━┛"),
}  # fmt: skip
EXITS = {  # in the bottom border: for a light line, for a heavy one
    "pending": ("┬", "┰"), "known": ("┬", "┰"), "current": ("┯", "┳"),
}  # fmt: skip
STYLES = {"pending": "pending", "known": "border", "current": "current"}
DOTS = {"pending": "○", "known": "●", "current": "◉"}
STOPS = {"pending": "◇", "known": "◆", "current": "◈"}  # dots with a breakpoint
CALLS = {"pending": "□", "known": "■", "current": "▣"}  # dots of folded calls


@dataclass(frozen=True, slots=True)
class Look:
    """What a vertex shows at the moment; `state` is pending, known or current.

    An empty value or gradient is one that is not known. Texts that are too long are cut, numbers
    rounded.
    """

    value: str = ""
    gradient: str = ""
    state: str = "known"
    selected: bool = False
    breakpoint: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """What a vertex always shows: its name, its operation, whether it is an array, a folded call.

    The operation of an input is empty, or its shape.
    """

    name: str
    operation: str
    is_array: bool
    is_call: bool
    is_input: bool

    @property
    def room(self) -> int:
        """The cells kept for the value, and as many for the gradient."""
        return ARRAY_ROOM if self.is_array else SCALAR_ROOM

    def title(self) -> list[Run]:
        """Name and operation, as in `q = x + y`."""
        sign = [("⊞ ", "name")] if self.is_call else []
        if not self.operation:
            return [*sign, (self.name, "name")]
        joint = " " if self.is_input else " = "
        return [*sign, (self.name, "name"), (joint + self.operation, "operation")]


def size(label: Label, zoom: str) -> tuple[int, int]:
    """Width and height of a vertex; widths are even, so that cards line up."""
    if zoom == "dot":
        return 2, 1
    if zoom == "line":
        wide = _line_name(label) + label.room + 6
        return wide + wide % 2, 1
    title = sum(width(text) for text, _ in label.title()) + 6
    wide = min(max(2 * label.room + 4, title), WIDEST_CARD)
    return wide + wide % 2, 3


def head(label: Label, zoom: str) -> int:
    """How much of a vertex lines are tied to, from the left: of a line only the name."""
    return _line_name(label) + 4 if zoom == "line" else size(label, zoom)[0]


def _line_name(label: Label) -> int:
    return 2 * label.is_call + min(width(label.name), WIDEST_NAME)


def draw(
    label: Label, look: Look, zoom: str, wide: int, exits: Sequence[tuple[int, str]], back: bool
) -> list[list[Run]]:
    """The rows of a vertex of this width; `back` where gradients are what is computed.

    `exits` are the columns in which lines leave it, each with "light", "heavy" or "arrow".
    """
    if zoom == "dot":
        return [_dot(label, look)]
    if zoom == "line":
        return [_line(label, look, wide, back)]
    border = STYLES[look.state]
    side = (BORDERS[look.state][3], border)
    stop = ("●", "breakpoint") if look.breakpoint else side
    inside = _numbers(look, wide - 2)
    return [_top(label, look, wide), [stop, *inside, side], _bottom(look, wide, exits)]


def _top(label: Label, look: Look, wide: int) -> list[Run]:
    border = STYLES[look.state]
    first, line, last = BORDERS[look.state][:3]
    sign = ("▸", "selected") if look.selected else (line, border)
    title = fitted(label.title(), wide - 6)
    rest = wide - 5 - sum(width(text) for text, _ in title)
    return [(first, border), sign, (" ", "blank"), *title, (" ", "blank"),
            (line * rest + last, border)]  # fmt: skip


def _bottom(look: Look, wide: int, exits: Sequence[tuple[int, str]]) -> list[Run]:
    border = STYLES[look.state]
    first, line, last = BORDERS[look.state][4:]
    light, heavy = EXITS[look.state]
    row = [(each, border) for each in first + line * (wide - 2) + last]
    for column, kind in exits:
        glyph = {"light": light, "heavy": heavy, "arrow": "▲"}[kind]
        row[column] = (glyph, border if kind == "light" else "edge-current")
    return row


def _numbers(look: Look, room: int) -> list[Run]:
    """The value on the left, the gradient on the right, blanks around where there is room."""
    each = room // 2 - 1
    value, gradient = (fit(text or UNKNOWN, each) for text in (look.value, look.gradient))
    used = width(value) + width(gradient) + 2  # the sign, and one blank before it
    blanks = min(room - used, 3)
    before, sign, after = blanks > 1, "∂ " if blanks > 0 else "∂", blanks > 2
    right = sign + gradient + " " * after
    left = padded(" " * before + value, room - width(right))
    return [
        (left, "value" if look.value else "pending"),
        (right, "gradient" if look.gradient else "pending"),
    ]


def _line(label: Label, look: Look, wide: int, back: bool) -> list[Run]:
    current = look.state == "current"
    edge = "┃" if current else " "
    border = "current" if current else "blank"
    sign = ("▸", "selected") if look.selected else (" ", "blank")
    name = clip(label.name, WIDEST_NAME)
    if label.is_call:
        name = f"⊞ {name}"
    text, style = (look.gradient, "gradient") if back else (look.value, "value")
    room = wide - width(name) - 4
    shown = fit(text or UNKNOWN, label.room)
    return [
        ("●", "breakpoint") if look.breakpoint else (edge, border),
        sign,
        (name, "name"),
        (padded(f" {'∂' if back else '='} {shown}", room + 1), style if text else "pending"),
        (edge, border),
    ]


def _dot(label: Label, look: Look) -> list[Run]:
    signs = STOPS if look.breakpoint else CALLS if label.is_call else DOTS
    style = "breakpoint" if look.breakpoint else {"known": "value"}.get(look.state, look.state)
    sign = ("◂", "selected") if look.selected else (" ", "blank")
    return [(signs[look.state], style), sign]


def fitted(runs: Sequence[Run], room: int) -> list[Run]:
    """Runs cut to `room` cells in all.

    >>> fitted([("q", "name"), (" = x + y", "operation")], 7)
    [('q', 'name'), (' = x …', 'operation')]
    """
    found: list[Run] = []
    total = sum(width(text) for text, _ in runs)
    for text, style in runs:
        total -= width(text)
        if width(text) > room or (total and width(text) >= room):
            return [*found, (clip(text + "…" * (width(text) <= room), room), style)]
        found.append((clip(text, room), style))
        room -= width(text)
    return found


def fit(text: str, room: int) -> str:
    """A number in as many digits as there is room for; any other text is cut.

    >>> fit("-1.2346e-05", 8), fit("1, 2, 3, 4", 8)
    ('-1.2e-05', '1, 2, 3…')
    """
    if width(text) <= room:
        return text
    try:
        value = float(text)
    except ValueError:
        return clip(text, room)
    shorter = (number(value, digits) for digits in range(DIGITS - 1, 0, -1))
    return next((each for each in shorter if len(each) <= room), clip(text, room))
