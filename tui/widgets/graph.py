"""The graph pane: a window onto the picture, which is laid out once and only restyled by a step."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ..messages import NodeSelected

if TYPE_CHECKING:
    from graphdbg.rendering.cards import Look
    from graphdbg.rendering.picture import Picture

PARTS = ("border", "name", "operation", "value", "gradient", "pending", "current", "selected",
         "breakpoint", "edge", "edge-current", "stub")  # fmt: skip
MARGIN = 2  # cells around the node that is brought into view


class GraphPane(ScrollView, can_focus=True, inherit_bindings=False):
    """Draws the picture's visible rows; a click tells which node it hit."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"graph--{part}" for part in PARTS}
    DEFAULT_CLASSES = "pane"

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self.border_title = "graph"
        self._picture: Picture | None = None
        self._rows: Callable[..., list[list[tuple[str, str]]]] | None = None
        self._look: Callable[[int], Look] | None = None
        self._current = -1
        self._direction = "forward"
        self._drawn: dict[int, Strip] = {}
        self._window: tuple[int, int, int, int] | None = None
        self._styles: dict[str, Style] = {}

    def show(
        self,
        picture: Picture,
        rows: Callable[..., list[list[tuple[str, str]]]],
        look: Callable[[int], Look],
        current: int,
        direction: str,
        into_view: int,
    ) -> None:
        """Draw another state, with the node `into_view` inside of the window."""
        changed = picture is not self._picture
        self._picture, self._rows, self._look = picture, rows, look
        self._current, self._direction = current, direction
        if changed:
            self.virtual_size = Size(picture.width, picture.height)
        self._window = None
        if into_view >= 0:
            self.bring(into_view, centre=changed)
        self._hint()
        self.refresh()

    def _hint(self) -> None:
        """Say in the border where the picture goes on."""
        assert self._picture is not None
        x, y = self.scroll_offset
        width, height = self.size
        beyond = ((x > 0, "◂"), (y > 0, "▴"), (y + height < self._picture.height, "▾"),
                  (x + width < self._picture.width, "▸"))  # fmt: skip
        self.border_subtitle = " ".join(sign for is_more, sign in beyond if is_more)

    def watch_scroll_x(self, old: float, new: float) -> None:
        """The window has moved."""
        super().watch_scroll_x(old, new)
        if self._picture is not None:
            self._hint()

    def watch_scroll_y(self, old: float, new: float) -> None:
        """The window has moved."""
        super().watch_scroll_y(old, new)
        if self._picture is not None:
            self._hint()

    def bring(self, node: int, centre: bool = False) -> None:
        """Scroll as little as needed to show a node, or centre it."""
        assert self._picture is not None
        box = self._picture.box(node)
        width, height = self.size.width, self.size.height
        x, y = self.scroll_offset
        inside = (
            x + MARGIN <= box.x
            and box.x + box.width <= x + width - MARGIN
            and y <= box.y
            and box.y + box.height <= y + height
        )
        if not inside or centre:
            self.scroll_to(
                box.x + box.width // 2 - width // 2,
                box.y + box.height // 2 - height // 2,
                animate=False,
                immediate=True,
                force=True,  # the scroll bars that would allow it are only there after a layout
            )

    def pan(self, dx: int, dy: int) -> None:
        """Move the window."""
        self.scroll_relative(dx, dy, animate=False, immediate=True, force=True)

    def _origin(self) -> tuple[int, int]:
        """Where the window begins on the picture; a small picture is centred."""
        assert self._picture is not None
        x, y = self.scroll_offset
        slack = (self.size.width - self._picture.width, self.size.height - self._picture.height)
        return x - max(0, slack[0] // 2), y - max(0, slack[1] // 2)

    def render_line(self, y: int) -> Strip:
        """One row of the window; all of it is drawn when the first of its rows is asked for."""
        if self._picture is None or self._rows is None:
            return Strip.blank(self.size.width, self._style(""))
        window = (*self._origin(), self.size.width, self.size.height)
        if window != self._window:
            self._window = window
            drawn = self._rows(
                self._picture, window, self._look, self._shown(), self._direction
            )
            self._drawn = {at: self._strip(row) for at, row in enumerate(drawn)}
        return self._drawn.get(y) or Strip.blank(self.size.width, self._style(""))

    def _shown(self) -> int | None:
        return self._current if self._current >= 0 else None

    def _strip(self, row: list[tuple[str, str]]) -> Strip:
        return Strip([Segment(text, self._style(name)) for text, name in row], self.size.width)

    def _style(self, name: str) -> Style:
        if name not in self._styles:
            part = f"graph--{name}"
            known = part in self.COMPONENT_CLASSES
            self._styles[name] = self.get_component_rich_style(part) if known else self.rich_style
        return self._styles[name]

    def notify_style_update(self) -> None:
        """Another theme: colours are looked up anew."""
        super().notify_style_update()
        self._styles.clear()
        self._window = None

    def on_resize(self, event: events.Resize) -> None:
        """Another size: the window is drawn anew."""
        self._window = None

    def on_click(self, event: events.Click) -> None:
        """Select the node under the mouse."""
        where: Offset | None = event.get_content_offset(self)
        if where is None or self._picture is None:
            return
        x, y = self._origin()
        node = self._picture.at(where.x + x, where.y + y)
        if node is not None:
            self.post_message(NodeSelected(node))

    def region_of(self, node: int) -> Region:
        """Where a node is drawn, in the window's cells."""
        assert self._picture is not None
        x, y = self._origin()
        box = self._picture.box(node)
        return Region(box.x - x, box.y - y, box.width, box.height)
