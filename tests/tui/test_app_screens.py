"""What stands on the screen, to the letter, in three sizes of terminal.

The expected screens are files in `screens` beside this. After a wanted change write them anew and
look at what `git diff` says:

    GRAPHDBG_REFRESH=1 pytest tests/tui/test_app_screens.py
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from app_driver import drive, opened, press, screen_text, settled
from graphdbg_tui.app import Debugger

SCREENS = Path(__file__).parent / "screens"
SIZES = ((80, 24), (120, 36), (160, 50))
LECTURE = ("examples/lecture.gd", "x=-2", "y=5", "z=-4")
CLASSIFIER = ("examples/classifier.gd", "n=4", "d=3", "h=5", "k=3")
CHAIN = "\n".join(f"h{at + 1} = tanh(h{at} + x{at % 3})" for at in range(500))
CASES: dict[str, tuple[tuple[str, ...], list[str]]] = {
    "lecture-start": (LECTURE, []),
    "lecture-forward": (LECTURE, ["s"]),
    "lecture-backward": (LECTURE, ["s*9"]),
    "lecture-end": (LECTURE, ["s*12"]),
    "classifier-folded": (CLASSIFIER, ["n*12"]),
    "classifier-unfolded": (CLASSIFIER, ["n*7", "s*4"]),
    "thousand-nodes": ((CHAIN, "h0=0.5", "x0=0.1", "x1=-0.2", "x2=0.3"), ["n*3", "G", "N*2"]),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", CASES)
def test_screen(name: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(__file__).parents[2])
    program, keys = CASES[name]
    shown: list[str] = []

    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, *keys)
        await settled(app, pilot)
        shown.append(screen_text(app))

    drive(opened(*program), script, size=size)
    path = SCREENS / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("GRAPHDBG_REFRESH"):
        path.write_text(shown[0], "utf-8")
    assert shown[0] == path.read_text("utf-8")


@pytest.mark.parametrize("path", sorted(SCREENS.glob("*.txt")), ids=lambda path: path.stem)
def test_a_screen_is_one_of_a_case(path: Path) -> None:
    name, _, size = path.stem.rpartition("-")
    assert name in CASES
    lines = path.read_text("utf-8").split("\n")
    assert size in [f"{width}x{height}" for width, height in SIZES]
    assert len(lines) - 1 == int(size.split("x")[1])
