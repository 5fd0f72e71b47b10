"""Foreign text on the app's screen: each of its characters is shown, in every pane."""

from __future__ import annotations

from typing import Any

import pytest
from app_driver import drive, press, screen_text, settled, type_in
from graphdbg_tui.app import Debugger
from graphdbg_tui.pieces import Shown
from graphdbg_tui.widgets.command import CommandLine
from rich.segment import Segment
from textual.color import Color

import graphdbg as gd
from graphdbg.source import shown

# What a program's text may hold and still be read: a comment has all of it.
FOUL = ("\x1b[31m", "\x1b]0;t\x07", "\x9b31m", "\x9d0;t", "\x7f", "\x85", "\u202e", "\u2066",
        "\u200b", "\u3164", "\ufe0f", "\U000e0041", "\x00", "\ud800", "e" + "\u0301" * 8)


def session() -> gd.Session:
    text = "".join(f"# {each}.\n" for each in FOUL) + f"f = x*y # {''.join(FOUL[:6])}"
    return gd.Session(gd.parse(text, name=f"a{FOUL[0]}{FOUL[6]}.gd"), {"x": 2.0, "y": 3.0})


@pytest.mark.parametrize("line", ["log f {0} {{f}}", "print {0}", "break {0}", "nonsense{0}"])
def test_nothing_raw_is_on_the_screen(line: str) -> None:
    screens: list[str] = []

    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "s")
        await settled(app, pilot)
        screens.append(screen_text(app))
        app._type(line.format("".join(FOUL)))  # as a terminal pastes it
        await pilot.pause()
        screens.append(screen_text(app))
        await pilot.press("enter")
        await pilot.pause()
        await type_in(pilot, "continue")
        screens.append(screen_text(app))
        app.notify("".join(FOUL), title="".join(FOUL))
        await pilot.pause()
        screens.append(screen_text(app))

    drive(session, script, size=(120, 60))
    assert "␛[31m" in screens[0] and "⟨U+202E⟩" in screens[0]
    for screen in screens:
        assert [char for char in screen if shown(char, lines=True) != char] == []


def test_a_line_keeps_its_width_and_its_style() -> None:
    line = [Segment("a\x1b"), Segment("\u3164\u202e"), Segment("plain")]
    made = Shown().apply(line, Color(0, 0, 0))
    assert Segment.get_line_length(made) == Segment.get_line_length(line)
    assert shown("".join(each.text for each in made)) == "".join(each.text for each in made)
    plain = [Segment("∂f/∂x"), Segment("= 3")]
    assert Shown().apply(plain, Color(0, 0, 0)) is plain


def test_what_is_typed_stays_what_it_is() -> None:
    """The line on the screen shows a character; the command that is run has it."""
    found: list[str] = []

    async def script(app: Debugger, pilot: Any) -> None:
        app._type("log f a\u200db")
        await pilot.pause()
        found.append(app.query_one("#command", CommandLine).value)
        found.append(screen_text(app))

    drive(session, script)
    assert found[0] == "log f a\u200db" and "\u200d" not in found[1]
