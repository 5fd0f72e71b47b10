"""`Rows`: a pane of styled text: the node, watches, breakpoints, calls, answers, help."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.events import Resize
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from graphdbg.source import shown

from ..pieces import STYLES, Piece, Row, wrapped

COARSE = 6  # lines by which a pane that scrolls grows and shrinks


class Rows(ScrollView, can_focus=True):
    """A titled pane that wraps rows of styled text to its width and scrolls.

    It draws its own lines: other text is a repaint of this pane, while a `Static` of another height
    would lay out the whole screen anew, which takes longer than all of a step.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"rows--{name}" for name in STYLES}
    DEFAULT_CLASSES = "pane"

    def __init__(self, title: str, id: str) -> None:
        super().__init__(id=id)
        self.border_title = title
        self.rows: list[Row] = []
        self._lines: list[list[Piece]] = []
        self._styles: dict[str, Style] = {}

    def show(self, rows: Iterable[Row]) -> None:
        """Show other rows."""
        rows = [[(shown(text), style) for text, style in row] for row in rows]
        if rows != self.rows:
            self.rows = rows
            self._wrap()

    @property
    def room(self) -> int:
        """The cells that a line has."""
        return self.scrollable_content_region.width or self.app.size.width

    def _wrap(self) -> None:
        room = self.room
        self._lines = [line for row in self.rows for line in wrapped(row, room)]
        height, count = self.styles.height, len(self._lines)
        if height is None or not height.is_auto:
            # Another virtual size lays out the whole screen: a text that fits changes it never,
            # a longer one every few lines
            fits = count <= self.size.height
            count = self.size.height if fits else -(-count // COARSE) * COARSE
        self.virtual_size = Size(room, count)
        self.refresh()

    def on_resize(self, event: Resize) -> None:
        """Another width: the rows are wrapped anew."""
        self._wrap()

    def render_line(self, y: int) -> Strip:
        """One line."""
        at, width = y + self.scroll_offset.y, self.size.width
        if at >= len(self._lines):
            return Strip.blank(width, self._style(""))
        line = Strip([Segment(text, self._style(name)) for text, name in self._lines[at]])
        return line.adjust_cell_length(width, self._style(""))

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            known = name in STYLES
            self._styles[name] = (
                self.get_component_rich_style(f"rows--{name}") if known else self.rich_style
            )
        return self._styles[name]

    def notify_style_update(self) -> None:
        """Another theme: colours are looked up anew."""
        super().notify_style_update()
        self._styles.clear()
