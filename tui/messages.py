"""What widgets tell the app, as Textual messages; none of them carries debugger state."""

from __future__ import annotations

from textual.message import Message


class NodeSelected(Message):
    """A node was picked in the picture with the mouse."""

    def __init__(self, node: int) -> None:
        self.node = node
        super().__init__()


class Scrubbed(Message):
    """The timeline was clicked or dragged to a position."""

    def __init__(self, position: int) -> None:
        self.position = position
        super().__init__()

    def can_replace(self, message: Message) -> bool:
        """While dragging only the newest place counts."""
        return isinstance(message, Scrubbed)


class Submitted(Message):
    """A command line was entered."""

    def __init__(self, line: str) -> None:
        self.line = line
        super().__init__()


class LinePicked(Message):
    """A line of the program was clicked: a breakpoint there is wanted or unwanted."""

    def __init__(self, line: int) -> None:
        self.line = line
        super().__init__()
