"""The timeline: both passes as one bar, to scrub with the mouse."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from ..messages import Scrubbed

if TYPE_CHECKING:
    from ..controller import TimelineView


class Timeline(Widget):
    """One row: `━━━━╋────┊────`, heavy up to the cursor, `┊` where the backward pass begins."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "timeline--done", "timeline--ahead", "timeline--cursor", "timeline--mark",
    }  # fmt: skip

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._view: TimelineView | None = None
        self._dragging = False

    def show(self, view: TimelineView) -> None:
        """Draw another state."""
        self._view = view
        self.refresh()

    def _cell(self, position: int) -> int:
        assert self._view is not None
        return round(position * (self.size.width - 1) / max(1, self._view.end))

    def render_line(self, y: int) -> Strip:
        """The bar."""
        view, width = self._view, self.size.width
        if view is None or width < 2:
            return Strip.blank(width, self.rich_style)
        style = self.get_component_rich_style
        cursor, turn = self._cell(view.position), self._cell(view.turn)
        marks = {self._cell(place) for place in view.marks}
        segments = []
        for at in range(width):
            name = "done" if at < cursor else "ahead"
            glyph = "━" if at < cursor else "─"
            if at == turn and view.turn <= view.end:
                glyph = "┊"
            if at in marks:
                glyph, name = "●", "mark"
            if at == cursor:
                glyph, name = "◆", "cursor"
            segments.append(Segment(glyph, style(f"timeline--{name}")))
        return Strip(segments, width)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Begin to scrub."""
        self._dragging = True
        self.capture_mouse()
        self._scrub(event.x)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Scrub on."""
        if self._dragging:
            self._scrub(event.x)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """End scrubbing."""
        self._dragging = False
        self.release_mouse()

    def _scrub(self, x: int) -> None:
        if self._view is not None:
            share = min(1.0, max(0.0, x / max(1, self.size.width - 1)))
            self.post_message(Scrubbed(round(share * self._view.end)))
