"""The entries of the command palette: Textual's own, and every command that has a key."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from textual.app import SystemCommand

from graphdbg.stepping.commands import COMMANDS
from graphdbg.stepping.reach import Reach, anywhere

SCREENSHOT = "Screenshot"  # what Textual calls its entry


def entries(
    own: Iterable[SystemCommand], reach: Reach, act: Callable[[str, str], None]
) -> Iterator[SystemCommand]:
    """The entries, of which `act` does those of commands, by name and key.

    Textual writes its screenshot where it likes: that is left out where files are confined.
    """
    yield from (each for each in own if reach is anywhere or each.title != SCREENSHOT)
    for each in COMMANDS:
        if each.keys and each.method:
            yield SystemCommand(each.name, each.help, lambda at=each: act(at.name, at.keys[0]))
