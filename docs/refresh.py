"""Writes what the commands in the documentation print anew; `gallery.py` makes the pictures.

    python docs/refresh.py

The tests compare the pages with the program (tests/house/test_docs.py), so that neither goes stale.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from graphdbg.commandline import cli
from graphdbg.stepping.commands import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
TABLE = re.compile(r"(<!-- the table of commands -->\n).*?(<!-- end -->)", re.DOTALL)
BLOCK = re.compile(r"```console\n(.*?)```", re.DOTALL)
WIDTH = 80
KEYS = {  # Textual's names of keys, as they are printed on them
    "plus": "+", "minus": "-", "slash": "/", "question_mark": "?", "colon": ":", "comma": ",",
    "full_stop": ".",
}  # fmt: skip


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


def main() -> None:
    """Refresh the pages in place."""
    os.chdir(ROOT)
    for path in PAGES:
        path.write_text(rewritten(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
