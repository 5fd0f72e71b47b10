"""The app in a real terminal (a pty): start, a full walk, resize, quit; and what never opens."""

from __future__ import annotations

import re
import subprocess
import sys

from terminal import Terminal


def test_a_full_walk_resize_and_quit() -> None:
    with Terminal("step", "f=(x+y)z", "x=-2", "y=5", "z=-4") as terminal:
        terminal.wait("0 of 12", plain=True)
        for position in range(1, 13):
            terminal.send("s")
            terminal.wait(str(position), plain=True)  # only what changes is painted: the number
        terminal.resize(45, 150)
        terminal.wait("calls", plain=True)
        terminal.send("q")
        assert terminal.code() == 0
        assert "Traceback" not in terminal.seen


def test_a_source_with_an_error_opens_nothing() -> None:
    with Terminal("step", "f = (x +") as terminal:
        terminal.wait("^")
        assert terminal.code() == 2


def test_an_unknown_name_opens_nothing() -> None:
    with Terminal("step", "f = x*y", "--wrt=q") as terminal:
        terminal.wait("no node named 'q'")
        assert terminal.code() == 2


def test_an_unknown_theme_opens_nothing() -> None:
    with Terminal("step", "f = x*y", "--theme=drak") as terminal:
        terminal.wait("no theme 'drak'; did you mean 'dark'?")
        assert terminal.code() == 2


def test_colours_can_be_left_out() -> None:
    """With NO_COLOR Textual shows shades of grey: no channel of a colour differs from another."""
    with Terminal("step", "f=(x+y)z", "x=1", NO_COLOR="1", COLORTERM="truecolor") as terminal:
        shown = terminal.wait("not checked yet")
        colours = re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", shown)
        assert colours
        assert all(red == green == blue for red, green, blue in colours)
        terminal.send("q")
        assert terminal.code() == 0


def test_without_a_terminal_it_says_so() -> None:
    command = [sys.executable, "-m", "graphdbg", "step", "f = x"]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 2
    assert "use graphdbg debug in a pipe" in done.stderr
