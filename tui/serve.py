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


def run(words: list[str], host: str, port: int) -> int:
    """Serve `graphdbg step WORDS` until interrupted; 0."""
    command = shlex.join([sys.executable, "-m", "graphdbg", "step", *words])
    with tempfile.TemporaryDirectory() as folder:
        templates = Path(folder)
        shipped = Path(textual_serve.__file__).parent / "templates"
        for page in shipped.glob("*.html"):
            text = FOREIGN.sub("", page.read_text("utf-8"))
            (templates / page.name).write_text(text, "utf-8")
        Server(
            command, host=host, port=port, title="graphdbg", templates_path=str(templates)
        ).serve()
    return 0
