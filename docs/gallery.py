"""Makes the gallery, and every picture of the documentation, from the programs in examples/.

    python docs/gallery.py

Each example gets its circuit (NAME.svg), its page that steps (NAME.html) and its derivation
(NAME.md); the values are those of the first command in its comments.
"""

from __future__ import annotations

import asyncio
import io
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from graphdbg_tui.app import Debugger
from rich.console import Console
from rich.terminal_theme import TerminalTheme

import graphdbg as gd
from graphdbg import Session
from graphdbg.commandline import commands
from graphdbg.commandline.loading import Loaded, chosen, load, target
from graphdbg.drawing.circuits import Choice, circuit
from graphdbg.rendering import page

ROOT = Path(__file__).parent.parent
GALLERY = ROOT / "docs" / "gallery"
MOST_ACROSS = 14  # nodes of a picture that runs across; a longer one runs down
MOST_OPEN = 16  # nodes beyond which calls are folded
RUN = ["f=(x+y)z", "x=-2", "y=5", "z=-4"]
WIDTH = 80
APP = ["examples/residual.gd"]
APP_SIZE = (110, 34)
APP_KEYS = ["n"] * 15 + ["s"] * 2
PAPER = TerminalTheme(
    (255, 255, 255),
    (36, 41, 47),
    [(36, 41, 47), (190, 30, 45), (17, 120, 60), (150, 100, 0), (9, 80, 170), (130, 60, 160),
     (20, 120, 130), (110, 119, 129)],
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    """A program of examples/, its first words, and the values it is shown at."""

    name: str
    about: str
    values: list[str]

    @property
    def path(self) -> str:
        """The file, from the root of the project."""
        return f"examples/{self.name}.gd"

    def load(self) -> Loaded:
        """The graph and its point."""
        return load(self.path, self.values, [], 0)


def examples() -> list[Example]:
    """The programs of examples/, in the order of their names."""
    found = []
    for path in sorted((ROOT / "examples").glob("*.gd")):
        comments = [line.lstrip("# ") for line in path.read_text("utf-8").split("\n")
                    if line.startswith("#")]  # fmt: skip
        about = " ".join(comments[: comments.index("")])
        start = f"graphdbg examples/{path.name}"
        command = next(line for line in comments if line.startswith(start))
        found.append(Example(path.stem, about, shlex.split(command)[2:]))
    return found


def looks(session: Session) -> dict[str, object]:
    """How the picture of an example is drawn: short enough for a page."""
    folded = len(circuit(session.graph).nodes) > MOST_OPEN and bool(session.graph.calls)
    depth = 0 if folded else None
    shown = len(circuit(session.graph, Choice(depth=depth)).nodes)
    return {"depth": depth, "down": shown > MOST_ACROSS}


def session_of(example: Example) -> Session:
    """The session of an example, both passes."""
    loaded = example.load()
    of = target(loaded.graph, None)
    made = Session(loaded.graph, loaded.point, of=of)
    made.drawn = loaded.drawn
    return made


def derivation(example: Example) -> str:
    """The derivation of an example's gradients in Markdown, without numbers."""
    graph = example.load().graph
    return gd.derive(graph, target(graph, None), chosen(graph, None)).markdown()


def show(example: Example) -> str:
    """Writes the three files of an example; returns its part of the index."""
    session = session_of(example)
    stem = GALLERY / example.name
    gd.render(session, stem.with_suffix(".svg"), **looks(session))
    gd.render(session, stem.with_suffix(".html"))
    has_derivation = session.backward is not None
    links = [f"[page that steps]({example.name}.html)", f"[program](../../{example.path})"]
    if has_derivation:
        stem.with_suffix(".md").write_text(derivation(example), "utf-8")
        links.insert(1, f"[derivation]({example.name}.md)")
    title = example.name.replace("_", " ").capitalize()
    return (
        f"## {title}\n\n{example.about}\n\n![{title}]({example.name}.svg)\n\n{' · '.join(links)}\n"
    )


def run_picture() -> str:
    """The main job as SVG, coloured as in a terminal."""
    console = Console(
        record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False,
        markup=False,
    )  # fmt: skip
    loaded = load(RUN[0], RUN[1:], shapes=[], seed=0)
    found = commands.find(loaded, loaded.graph.outputs[0], None)
    for part in page.run(found, WIDTH):
        console.print(part)
    title = "graphdbg " + " ".join([f'"{RUN[0]}"', *RUN[1:]])
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
    """Write every picture and page anew, in place."""
    os.chdir(ROOT)
    GALLERY.mkdir(exist_ok=True)
    parts = [show(example) for example in examples()]
    head = (
        "# Gallery\n\nThe programs of [examples/](../../examples): the circuit, a page that steps\n"
        "through both passes (save it and open it in a browser), and the gradients derived.\n"
        "Made by `python docs/gallery.py`.\n"
    )
    (GALLERY / "README.md").write_text("\n".join([head, *parts]), "utf-8")
    (ROOT / "docs" / "run.svg").write_text(run_picture(), "utf-8")
    (ROOT / "docs" / "app.svg").write_text(app_picture(), "utf-8")


if __name__ == "__main__":
    main()
