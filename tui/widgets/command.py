"""The command line with completion and history, and the pane of its answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.suggester import Suggester
from textual.widgets import Input

from ..messages import Submitted

Complete = Callable[[str], list[str]]


class Completions(Suggester):
    """Suggests what the last word of a command may go on to."""

    def __init__(self, complete: Complete) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._complete = complete

    async def get_suggestion(self, value: str) -> str | None:
        """The line with its last word completed, None where nothing fits."""
        found = self._complete(value)
        head, blank, _ = value.rpartition(" ")
        return f"{head}{blank}{found[0]}" if found and value.strip() else None


class CommandLine(Input):
    """A line of text; Tab completes, up and down go through what was typed before."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "complete", "complete", show=False),
        Binding("up", "older", "older", show=False),
        Binding("down", "newer", "newer", show=False),
    ]

    def __init__(self, complete: Complete, id: str) -> None:
        super().__init__(
            placeholder="a command, such as: break h if max(abs(value)) > 0.99",
            suggester=Completions(complete),
            select_on_focus=False,
            id=id,
        )
        self._complete = complete
        self._history: list[str] = []
        self._at = 0

    def action_complete(self) -> None:
        """Complete the last word as far as it is clear."""
        found = self._complete(self.value)
        head, blank, word = self.value.rpartition(" ")
        common = _common(found) or word
        self.value = f"{head}{blank}{common}" + (" " if len(found) == 1 else "")
        self.cursor_position = len(self.value)

    def action_older(self) -> None:
        """The line that was typed before."""
        self._recall(self._at - 1)

    def action_newer(self) -> None:
        """The line that was typed after."""
        self._recall(self._at + 1)

    def _recall(self, at: int) -> None:
        self._at = max(0, min(at, len(self._history)))
        self.value = self._history[self._at] if self._at < len(self._history) else ""
        self.cursor_position = len(self.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Hand the line on."""
        event.stop()
        if self.value.strip():
            self._history.append(self.value)
        self._at = len(self._history)
        line, self.value = self.value, ""
        self.post_message(Submitted(line))

    def on_blur(self, event: events.Blur) -> None:
        """Hide when something else is in focus."""
        self.display = False


def _common(words: list[str]) -> str:
    """The longest beginning that all words share."""
    if not words:
        return ""
    low, high = min(words), max(words)
    same = 0
    while same < min(len(low), len(high)) and low[same] == high[same]:
        same += 1
    return low[:same]
