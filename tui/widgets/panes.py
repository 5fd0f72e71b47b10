"""Panes of text rows: the node, watches, breakpoints, calls, output; and the status line."""

from __future__ import annotations

from collections.abc import Iterable

from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Resize
from textual.widgets import Static

from ..pieces import STYLES, Row, content


class Rows(VerticalScroll, can_focus=True):
    """A titled pane that shows rows of styled text and scrolls."""

    DEFAULT_CLASSES = "pane"

    def __init__(self, title: str, id: str) -> None:
        super().__init__(Static(markup=False), id=id)
        self.border_title = title
        self.rows: list[Row] = []

    def show(self, rows: Iterable[Row]) -> None:
        """Show other rows; the layout is made anew only where their number changes."""
        rows = list(rows)
        if rows != self.rows:
            self.rows = rows
            self._draw()

    def _draw(self) -> None:
        room = self.scrollable_content_region.width or self.app.size.width
        self.query_one(Static).update(content(self.rows, room))

    def on_resize(self, event: Resize) -> None:
        """Another width: the rows are wrapped anew."""
        self._draw()


class Status(Static):
    """The line at the top."""

    def __init__(self, id: str) -> None:
        super().__init__(markup=False, id=id)

    def show(self, row: Row) -> None:
        """Show another line."""
        shown = Content.assemble(*((text, STYLES.get(style, "")) for text, style in row))
        self.update(shown, layout=False)
