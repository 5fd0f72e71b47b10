"""The page for those who carry on: its picture is what the imports are, its files exist."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from graphdbg.tape.scalars import TABLE

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/architecture.md").read_text("utf-8")
FILE = re.compile(r"`((?:graphdbg|tui|tests|docs|examples|benchmarks)/[\w./]*)`")
LINK = re.compile(r"\]\((?!https?:)([^)#]+)[)#]")


def load_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("architecture", ROOT / "docs/architecture.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["architecture"] = module
    spec.loader.exec_module(module)
    return module


script = load_script()


def test_the_picture_shows_the_rooms_and_their_imports() -> None:
    rooms, arrows = script.shown(script.PICTURE.read_text("utf-8"))
    assert rooms == set(script.rooms()), "run docs/architecture.py"
    assert arrows == set(script.drawn().edges), "run docs/architecture.py"


def test_arrows_that_are_left_out_follow_from_others() -> None:
    whole, drawn = script.imports(), script.drawn()
    reachable = {(a, b) for a in drawn for b in script.nx.descendants(drawn, a)}
    assert set(whole.edges) <= reachable
    assert set(drawn.edges) <= set(whole.edges)
    assert {"tape", "numbers", "checking"} <= set(whole.successors("formulas"))


def test_no_words_of_the_picture_are_lost() -> None:
    """Each box has its room's sentence whole: none is clipped or left out."""
    svg = script.PICTURE.read_text("utf-8")
    words = " ".join(script.html.unescape(each) for each in re.findall(r">([^<>]+)</text>", svg))
    for name, purpose in script.rooms().items():
        assert f"{name} {purpose}" in words, "run docs/architecture.py"


@pytest.mark.parametrize("name", sorted({*FILE.findall(PAGE)}))
def test_the_files_it_names_exist(name: str) -> None:
    assert (ROOT / name).exists(), f"docs/architecture.md names {name}"


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/architecture.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    for link in LINK.findall((ROOT / page).read_text("utf-8")):
        assert ((ROOT / page).parent / link).exists(), f"{page} links to {link}"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(LINK.findall((ROOT / "README.md").read_text("utf-8")))
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


def test_what_it_says_lives_somewhere_lives_there() -> None:
    """The four answers that a newcomer looks for first."""

    def text(name: str) -> str:
        assert f"`{name}`" in PAGE
        return (ROOT / name).read_text("utf-8")

    assert 'Scalar("sigmoid"' in text("graphdbg/tape/scalars.py")
    assert TABLE["sigmoid"].derivatives[0] in text("graphdbg/tape/scalars.py")
    assert re.search(r"def _reduce.*\n +\"\"\"max, min:", text("graphdbg/calculus/gradients.py"))
    assert "class GraphError" in text("graphdbg/errors.py")
    assert '("next", "n", "n ' in text("graphdbg/stepping/commands.py")
