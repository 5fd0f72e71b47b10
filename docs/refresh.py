"""Writes what the commands in the documentation print, and the picture of the README, anew.

    python docs/refresh.py

The tests compare the pages with the program (tests/test_docs.py), so that neither goes stale.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from graphdbg_tui.app import Debugger
from rich.console import Console
from rich.terminal_theme import TerminalTheme

from graphdbg import Session, cli
from graphdbg.commandline import commands
from graphdbg.commandline.loading import load
from graphdbg.rendering import page
from graphdbg.stepping.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TABLE = re.compile(r"(<!-- the table of commands -->\n).*?(<!-- end -->)", re.DOTALL)
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
PICTURE = ["f=(x+y)z", "x=-2", "y=5", "z=-4"]
WIDTH = 80
KEYS = {  # Textual's names of keys, as they are printed on them
    "plus": "+", "minus": "-", "slash": "/", "question_mark": "?", "colon": ":", "comma": ",",
    "full_stop": ".",
}  # fmt: skip
APP = ["examples/residual.gd"]
APP_SIZE = (110, 34)
APP_KEYS = ["n"] * 15 + ["s"] * 2
PAPER = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [(36, 41, 47), (190, 30, 45), (17, 120, 60), (150, 100, 0), (9, 80, 170), (130, 60, 160),
     (20, 120, 130), (110, 119, 129)],
)  # fmt: skip


def output_of(command: str) -> str:
    """What a command of the documentation prints, errors included."""
    words = shlex.split(command)
    assert words[0] == "graphdbg", command
    printed = io.StringIO()
    os.environ["COLUMNS"] = str(WIDTH)
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        cli.main(words[1:])
    return "\n".join(line.rstrip() for line in printed.getvalue().strip("\n").split("\n"))


def commands_in(block: str) -> list[str]:
    """The commands of a console block."""
    return [line[2:] for line in block.split("\n") if line.startswith("$ ")]


def filled(block: str) -> str:
    """A console block with the output of its commands."""
    parts = [f"$ {command}\n{output_of(command)}" for command in commands_in(block)]
    return "\n\n".join(parts) + "\n"


def table() -> str:
    """The table of commands and keys: the prompt's, then the terminal app's own."""
    rows = ["| command | also | key in the app | what it does |", "|---|---|---|---|"]
    for each in COMMANDS:
        name = f"`{each.name} {each.usage}`".replace("|", "\\|").replace(" `", "`")
        keys = " ".join(f"`{KEYS.get(key, key)}`" for key in each.keys)
        name = name if each.method else f"({each.name})"
        also = " ".join(f"`{word}`" for word in each.aliases)
        rows.append(f"| {name} | {also} | {keys} | {each.help} |")
    return "\n".join(rows) + "\n"


def rewritten(text: str, fill: Callable[[str], str] = filled) -> str:
    """A page with every console block and the table of commands filled."""
    text = TABLE.sub(lambda match: f"{match[1]}{table()}{match[2]}", text)
    return BLOCK.sub(lambda match: f"```console\n{fill(match[1])}```", text)


def picture() -> str:
    """The main job as SVG, coloured as in a terminal."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False,
        markup=False,
    )  # fmt: skip
    loaded = load(PICTURE[0], PICTURE[1:], shapes=[], seed=0)
    found = commands.find(loaded, loaded.graph.outputs[0], None)
    for part in page.run(found, WIDTH):
        console.print(part)
    title = "graphdbg " + " ".join([f'"{PICTURE[0]}"', *PICTURE[1:]])
    return console.export_svg(title=title, theme=PAPER, unique_id="graphdbg")


def app_picture() -> str:
    """The terminal app as SVG, in the middle of the backward pass of the classifier."""
    shown: list[str] = []

    async def walk() -> None:
        loaded = load(APP[0], APP[1:], shapes=[], seed=0)
        app = Debugger(lambda: Session(loaded.graph, loaded.point), "light")
        async with app.run_test(size=APP_SIZE) as pilot:
            while app.controller is None:
                await pilot.pause(0.05)
            await pilot.press(*APP_KEYS)
            while app.controller.wanted() is not None:
                await pilot.pause(0.05)
            await pilot.pause()
            shown.append(app.export_screenshot(title="graphdbg step " + " ".join(APP)))

    asyncio.run(walk())
    return shown[0]


def main() -> None:
    """Refresh the pages and the pictures in place."""
    os.chdir(ROOT)
    for path in PAGES:
        path.write_text(rewritten(path.read_text("utf-8")), "utf-8")
    (ROOT / "docs" / "run.svg").write_text(picture(), "utf-8")
    (ROOT / "docs" / "app.svg").write_text(app_picture(), "utf-8")


if __name__ == "__main__":
    main()
