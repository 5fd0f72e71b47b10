"""The source pane: the program with line numbers, the current line, breakpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from graphdbg.source import shown

from ..messages import LinePicked

if TYPE_CHECKING:
    from ..controller import SourceView

GUTTER = 7  # cells of line number, breakpoint, arrow


class SourcePane(ScrollView, can_focus=True):
    """Draws the visible lines of a text of any length; a click on one asks for a breakpoint."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "source--number", "source--current", "source--breakpoint", "source--text",
        "source--comment",
    }  # fmt: skip
    DEFAULT_CLASSES = "pane"

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "source"
        self._view: SourceView | None = None
        self._lines: list[str] = []
        self._text = ""
        self._styles: dict[str, Style] = {}

    def show(self, view: SourceView, inside: str) -> None:
        """Show a text with its current line in view; `inside` names the calls around."""
        if view.text is not self._text or self._view is None or view.name != self._view.name:
            self._text = view.text
            self._lines = shown(view.text, lines=True).replace("\t", "    ").split("\n")
            width = max(map(len, self._lines), default=0) + GUTTER
            self.virtual_size = Size(width, len(self._lines))
        self._view = view
        self.border_title = shown(f"source  {view.name}")
        self.border_subtitle = shown(inside)
        if view.line:
            self._bring(view.line - 1)
        self.refresh()

    def _bring(self, line: int) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if not top <= line < top + height:
            self.scroll_to(0, line - height // 2, animate=False, immediate=True)

    def render_line(self, y: int) -> Strip:
        """One line with its gutter."""
        left, top = self.scroll_offset
        at = y + top
        style = self._style
        base = style("")
        if self._view is None or at >= len(self._lines):
            return Strip.blank(self.size.width, base)
        current, marked = at + 1 == self._view.line, at + 1 in self._view.marked
        text = self._lines[at]
        kind = "comment" if text.lstrip().startswith("#") else "text"
        number = Segment(f"{at + 1:4}", style("number"))
        dot = Segment("●" if marked else " ", style("breakpoint"))
        arrow = Segment("▸ " if current else "  ", style("current"))
        body = Segment(text[left:], style("current" if current else kind))
        strip = Strip([number, dot, arrow, body])
        return strip.adjust_cell_length(self.size.width, base)

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            found = self.get_component_rich_style(f"source--{name}") if name else self.rich_style
            self._styles[name] = found
        return self._styles[name]

    def notify_style_update(self) -> None:
        """Another theme: colours are looked up anew."""
        super().notify_style_update()
        self._styles.clear()

    def on_click(self, event: events.Click) -> None:
        """Ask for a breakpoint on the line under the mouse."""
        where = event.get_content_offset(self)
        if where is not None and self._view is not None:
            line = where.y + self.scroll_offset.y + 1
            if line <= len(self._lines):
                self.post_message(LinePicked(line))
