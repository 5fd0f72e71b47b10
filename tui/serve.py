"""The same app in a browser, through textual-serve: each visitor has a session of their own.

textual-serve's page asks a font server for a stylesheet; the copy of its template that is made here
does without, so that nothing leaves the machine.
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from pathlib import Path

import textual_serve
from textual_serve.server import Server

FOREIGN = re.compile(r"<link[^>]*https?://[^>]*>")  # what a page would load from elsewhere
FONT = """<style>@font-face { font-family: "Roboto Mono";
src: url("{{ config.static.url }}fonts/RobotoMono-VariableFont_wght.ttf"); }</style>"""


def run(words: list[str], host: str, port: int) -> int:
    """Serve `graphdbg step WORDS` until interrupted; 0."""
    # `exec`: so that the app's parent is this server and no shell, and it ends when the server does
    command = "exec " + shlex.join([sys.executable, "-m", "graphdbg", "step", *words])
    with tempfile.TemporaryDirectory() as folder:
        copy_templates(Path(folder))
        Server(command, host=host, port=port, title="graphdbg", templates_path=folder).serve()
    return 0


def copy_templates(folder: Path) -> None:
    """Write textual-serve's pages into a folder, with the font that it ships for a foreign one."""
    shipped = Path(textual_serve.__file__).parent / "templates"
    for page in shipped.glob("*.html"):
        text = FOREIGN.sub(lambda match: FONT, page.read_text("utf-8"))
        (folder / page.name).write_text(text, "utf-8")
