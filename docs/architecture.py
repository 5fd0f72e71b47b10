"""Draws the rooms of the house, docs/architecture.svg, from the imports of the source.

    python docs/architecture.py

An arrow points from a room to one that it imports. Arrows that follow from others are left out: if
`training` imports `stepping` and `stepping` imports `tape`, none is drawn from `training` to
`tape`. Imports for type checkers count; late ones (graphdbg/lazy.py) do not. What a room is for is
the sentence of the layering test, tests/house/test_layering.py.
"""

from __future__ import annotations

import ast
import html
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import networkx as nx

from graphdbg.drawing.engines import engine

ROOT = Path(__file__).parent.parent
CORE, APP = ROOT / "graphdbg", ROOT / "tui"
PLAN = ROOT / "tests" / "house" / "test_layering.py"
PICTURE = ROOT / "docs" / "architecture.svg"
TUI = "tui"
WIDTH = 28  # characters of a line in a box
HEAD = """digraph rooms {
rankdir=BT nodesep=0.2 ranksep=0.4
node [shape=box style="rounded,filled" fillcolor="#f6f8fa" color="#8c959f" fontname="Helvetica"
      fontsize=11 margin="0.12,0.07"]
edge [color="#57606a" arrowsize=0.7]
"""


@cache
def rooms() -> dict[str, str]:
    """What each room is for, in the order of the layering test; the terminal app comes last."""
    for tree in ast.parse(PLAN.read_text("utf-8")).body:
        if isinstance(tree, ast.Assign) and ast.unparse(tree.targets[0]) == "ORDER":
            found = {**ast.literal_eval(tree.value), TUI: "the terminal app, a face of the session"}
            return {name: each for name, each in found.items() if not name.startswith("__")}
    raise LookupError(f"no table ORDER in {PLAN}")


def imports() -> nx.DiGraph:
    """The rooms, and an edge from each to those it imports."""
    found = nx.DiGraph()
    found.add_nodes_from(rooms())
    for path in sorted([*CORE.rglob("*.py"), *APP.rglob("*.py")]):
        room = room_of(path)
        found.add_edges_from((room, other) for other in _imported(path) if other != room and room)
    return found


def room_of(path: Path) -> str:
    """The room that a file belongs to, empty for the public face of the package."""
    if path.is_relative_to(APP):
        return TUI
    first = path.relative_to(CORE).parts[0].removesuffix(".py")
    return first if first in rooms() else ""


def _imported(path: Path) -> Iterator[str]:
    """The rooms that a file imports something from."""
    known = rooms()
    base = CORE.parent if path.is_relative_to(CORE) else APP.parent
    package = path.relative_to(base).parts[:-1]
    for tree in ast.walk(ast.parse(path.read_text("utf-8"))):
        for name in _names(tree, package):
            parts = name.split(".")
            if parts[0] == CORE.name and len(parts) > 1 and parts[1] in known:
                yield parts[1]


def _names(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """The whole names that an import statement asks for."""
    if isinstance(tree, ast.Import):
        yield from (alias.name for alias in tree.names)
    elif isinstance(tree, ast.ImportFrom):
        base = package[: len(package) - tree.level + 1] if tree.level else ()
        prefix = ".".join([*base, *([tree.module] if tree.module else [])])
        yield from (f"{prefix}.{alias.name}" for alias in tree.names)


def drawn() -> nx.DiGraph:
    """The arrows of the picture: imports that do not follow from others."""
    found: nx.DiGraph = nx.transitive_reduction(imports())
    return found


def dot() -> str:
    """The picture as DOT."""
    parts = [HEAD]
    for name, purpose in rooms().items():
        lines = "<BR/>".join(map(html.escape, textwrap.wrap(purpose, WIDTH)))
        parts.append(f'"{name}" [label=<<B>{name}</B><BR/>{lines}>]\n')
    parts += [f'"{room}" -> "{other}"\n' for room, other in sorted(drawn().edges)]
    return "".join([*parts, "}\n"])


def shown(svg: str) -> tuple[set[str], set[tuple[Any, ...]]]:
    """The rooms and the arrows that a drawn picture has."""
    titles = [html.unescape(each) for each in re.findall(r"<title>(.*?)</title>", svg)]
    arrows = {tuple(each.split("->")) for each in titles if "->" in each}
    return {each for each in titles if "->" not in each} - {"rooms"}, arrows


def main() -> None:
    """Write the picture."""
    PICTURE.write_bytes(engine().run(dot(), "dot", "svg"))


if __name__ == "__main__":
    main()
