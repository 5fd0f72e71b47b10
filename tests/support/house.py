"""The source of the house, read: its modules by their dotted names, and who imports whom."""

from __future__ import annotations

import ast
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import NamedTuple

import networkx as nx

import graphdbg

CORE, APP = "graphdbg", "graphdbg_tui"
FOLDERS = {CORE: Path(graphdbg.__file__).parent, APP: Path(graphdbg.__file__).parents[1] / "tui"}
FILES = {
    ".".join((package, *path.relative_to(folder).with_suffix("").parts)): path
    for package, folder in FOLDERS.items()
    for path in sorted(folder.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text("utf-8")) for name, path in FILES.items()}
INIT = ".__init__"
ROOMS = [name.removesuffix(INIT) for name in FILES if name.endswith(INIT) and name != CORE + INIT]
LATE = {"module": CORE, "app": APP}  # the functions of `lazy` that take the name of a module


class Import(NamedTuple):
    """`name` from `module`; a whole module has no name."""

    module: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.name} from {self.module}" if self.name else self.module


def room(module: str) -> str:
    """The package that a module lies in, which is also that of its `__init__`."""
    return module.rpartition(".")[0]


def imports(module: str, trees: Mapping[str, ast.Module] = TREES) -> set[Import]:
    """What a module imports, for type checkers or not, whole modules of ours as such."""
    found: set[Import] = set()
    for each in ast.walk(trees[module]):
        if isinstance(each, ast.Import):
            found |= {_resolved(Import(alias.name), trees) for alias in each.names}
        elif isinstance(each, ast.ImportFrom):
            above = module.split(".")[: -each.level] if each.level else []
            origin = ".".join([*above, *([each.module] if each.module else [])])
            found |= {_resolved(Import(origin, alias.name), trees) for alias in each.names}
    return found


def _resolved(found: Import, known: Collection[str]) -> Import:
    whole = f"{found.module}.{found.name}"
    if found.name and (whole in known or whole + INIT in known):
        found = Import(whole)
    return Import(found.module + INIT, found.name) if found.module + INIT in known else found


def loaded_late(module: str) -> set[Import]:
    """The modules of ours that a module loads by name: `lazy.module("tape.views")`."""
    return {
        _resolved(Import(f"{LATE[called]}.{each.args[0].value}"), TREES)
        for each in ast.walk(TREES[module])
        if isinstance(each, ast.Call) and each.args and isinstance(each.args[0], ast.Constant)
        if (called := getattr(each.func, "attr", getattr(each.func, "id", ""))) in LATE
    }


def circles(trees: Mapping[str, ast.Module] = TREES) -> list[list[str]]:
    """The modules that import each other, directly or around."""
    arrows = nx.DiGraph()
    arrows.add_nodes_from(trees)
    for module in trees:
        targets = {each.module for each in imports(module, trees)}
        arrows.add_edges_from((module, target) for target in targets & trees.keys())
    parts = nx.strongly_connected_components(arrows)
    return sorted(sorted(part) for part in parts if len(part) > 1)
