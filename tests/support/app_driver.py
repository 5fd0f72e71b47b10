"""Drives the terminal app in tests: opens a program, presses keys, reads the screen as text."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from graphdbg_tui.app import Debugger
from rich.console import Console

import graphdbg as gd
from graphdbg.commandline.loading import load

ROOT = Path(__file__).parents[2]
NAMES = {" ": "space", "(": "left_parenthesis", ")": "right_parenthesis", "=": "equals_sign",
         ">": "greater_than_sign", "*": "asterisk", "[": "left_square_bracket",
         "]": "right_square_bracket", ":": "colon", "/": "slash", ".": "full_stop",
         ",": "comma", "+": "plus", "-": "minus", "?": "question_mark"}  # fmt: skip


def opened(source: str, *values: str, shapes: Sequence[str] = ()) -> Callable[[], gd.Session]:
    """What opens the session of a program as the command line would."""
    found = load(source, values, shapes, seed=0)

    def session() -> gd.Session:
        made = gd.Session(found.graph, found.point)
        made.drawn = found.drawn
        return made

    return session


def drive(
    open_session: Callable[[], gd.Session],
    script: Callable[[Debugger, Any], Awaitable[None]],
    size: tuple[int, int] = (100, 30),
    theme: str | None = None,
) -> None:
    """Run the app without a terminal, and a script of key presses on it."""

    async def run() -> None:
        app = Debugger(open_session, theme)
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: app.controller is not None)
            await pilot.pause()
            await script(app, pilot)

    asyncio.run(run())


async def until(pilot: Any, holds: Callable[[], bool]) -> None:
    """Wait until something holds; it has to within ten seconds."""
    for _ in range(500):
        if holds():
            return
        await pilot.pause(0.02)
    raise AssertionError("it does not come to hold")


async def press(pilot: Any, *words: str) -> None:
    """Press keys; `s*3` is a key three times."""
    for word in words:
        key, star, count = word.rpartition("*")
        for _ in range(int(count) if star and key else 1):
            await pilot.press(key if star and key else word)


async def type_in(pilot: Any, text: str) -> None:
    """Type a text and Enter."""
    await pilot.press(*(NAMES.get(char, char) for char in text), "enter")


async def settled(app: Debugger, pilot: Any) -> None:
    """Wait until nothing more is being found out about the node at hand."""
    await until(pilot, lambda: app.controller is not None and app.controller.wanted() is None)
    await pilot.pause()
    await pilot.pause()


def screen_text(app: Debugger) -> str:
    """What stands on the screen, without colours, blanks at line ends cut."""
    width, height = app.size
    console = Console(width=width, height=height, file=io.StringIO(), record=True,
                      force_terminal=True, legacy_windows=False)  # fmt: skip
    console.print(app.screen._compositor.render_update(full=True))
    lines = console.export_text().split("\n")[:height]
    return "\n".join(line.rstrip() for line in lines) + "\n"
