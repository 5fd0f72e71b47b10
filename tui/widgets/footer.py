"""The footer: the keys that are live, as many as fit, to press or to click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.strip import Strip
from textual.widget import Widget

Key = tuple[str, str, str]  # as it is printed, what it does, the action


class Keys(Widget):
    """One row of keys; Textual's own footer keeps every key it ever showed, and clips the last."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"keys--key", "keys--label"}

    def __init__(self, id: str) -> None:
        super().__init__(id=id)
        self._keys: Sequence[Key] = ()

    def show(self, keys: Sequence[Key]) -> None:
        """Show other keys."""
        if keys != self._keys:
            self._keys = keys
            self.refresh()

    def _fitting(self) -> list[tuple[int, Key]]:
        """The keys that fit into the row, each with the cell it begins at."""
        found, at = [], 1
        for key in self._keys:
            size = cell_len(key[0]) + cell_len(key[1]) + 1
            if at + size > self.size.width:
                break
            found.append((at, key))
            at += size + 2
        return found

    def render_line(self, y: int) -> Strip:
        """The row."""
        base = self.rich_style
        key_style = self.get_component_rich_style("keys--key")
        label_style = self.get_component_rich_style("keys--label")
        segments, used = [], 0
        for at, (key, label, _) in self._fitting():
            segments += [Segment(" " * (at - used), base), Segment(key, key_style)]
            segments.append(Segment(f" {label}", label_style))
            used = at + cell_len(key) + cell_len(label) + 1
        return Strip(segments).adjust_cell_length(self.size.width, base)

    async def on_click(self, event: events.Click) -> None:
        """Do what the key under the mouse does."""
        before = [key for at, key in self._fitting() if at <= event.x]
        if before and before[-1][2]:
            await self.app.run_action(before[-1][2])
