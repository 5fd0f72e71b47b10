"""`console`: standard output as Rich sees it, with every character of a text shown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ..source import shown


class Outlet(Console):
    """A console that shows each character of what it prints (Rich itself strips five of them).

    Texts and cells are made visible before they are measured, all else when it is printed.
    """

    def on_broken_pipe(self) -> None:
        """Leave it to the command line, where Rich would end the program with code 1."""
        raise  # the BrokenPipeError that is being handled

    def render_str(self, text: str, **options: Any) -> Text:
        """A text as Rich's own, its characters visible."""
        return super().render_str(shown(text, lines=True), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """What a renderable becomes; Rich's own control segments stay as they are."""
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else shown(text, lines=True), style, control)


def console(stderr: bool = False, width: int | None = None) -> Outlet:
    """A stream as Rich sees it: its width, colours unless NO_COLOR or a pipe; no markup."""
    return Outlet(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)
