"""Which files the app in a browser reaches: none, or those below `--files`; and its palette."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from app_driver import drive, opened, press, screen_text
from graphdbg_tui.app import Debugger

import graphdbg as gd
from graphdbg import GraphError
from graphdbg.commandline import cli
from graphdbg.commandline.opening import reach
from graphdbg.stepping.commands import COMMANDS
from graphdbg.stepping.interpreter import Interpreter
from graphdbg.stepping.reach import below, nowhere

NAMING = {"save": "save {}", "load": "load {}", "set": "set x = @{}"}  # commands that name a file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder beside files that are none of its, with links to them."""
    made = tmp_path / "open"
    (made / "inner").mkdir(parents=True)
    (tmp_path / "open-too").mkdir()
    for place in (tmp_path / "secret.csv", tmp_path / "open-too" / "secret.csv", made / "x.csv"):
        place.write_text("7\n")
    np.save(made / "x.npy", 7.0)
    (tmp_path / "walk.json").write_text(session().to_json())
    (made / "walk.json").write_text(session().to_json())
    (made / "link.csv").symlink_to(tmp_path / "secret.csv")
    (made / "link.json").symlink_to(tmp_path / "walk.json")
    (made / "up").symlink_to(tmp_path)
    (made / "loop").symlink_to(made / "loop")
    (made / "inside.npy").symlink_to(made / "x.npy")
    return made


def session() -> gd.Session:
    return gd.Session(gd.parse("f=(x+y)z"), {"x": 1, "y": 2, "z": 3})


def everything(folder: Path) -> dict[str, bytes]:
    """What the files around a folder hold."""
    found = sorted(folder.rglob("*"))
    return {str(path): path.read_bytes() for path in found if path.is_file()}


def test_no_other_command_names_a_file() -> None:
    """A new one has to be looked at: does it go through `reach`?"""
    named = {each.name for each in COMMANDS if "FILE" in each.usage or "file" in each.help}
    assert named == {"save", "load"}


@pytest.mark.parametrize("line", NAMING.values())
@pytest.mark.parametrize("name", ["walk.json", "/etc/passwd", "../x", "", "x.csv", "/dev/stdin"])
def test_nothing_is_reached_from_a_browser(
    line: str, name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    before = everything(folder.parent)
    talk = Interpreter(session(), nowhere)
    with pytest.raises(GraphError, match="reads and writes no files|expected the name of a file"):
        talk.execute(line.format(name))
    assert everything(folder.parent) == before


@pytest.mark.parametrize("line", NAMING.values())
@pytest.mark.parametrize(
    "name",
    ["../secret.csv", "../walk.json", "../new", "link.csv", "link.json", "up/secret.csv", "up/new",
     "inner/../../new", "inner/../up/secret.csv", "../open-too/secret.csv", "..", "/etc/passwd",
     "~/../../etc/passwd/../../../../etc/passwd", "/dev/zero", "/dev/stdout", "/proc/self/environ",
     "a\x00b", "loop/../../secret.csv", "../" * 40 + "etc/passwd"],
)  # fmt: skip
def test_nothing_outside_the_folder_is_reached(
    line: str, name: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = everything(tmp_path)
    talk = Interpreter(session(), below("open"))
    with pytest.raises(GraphError, match="outside the folder that --files names|no file can be"):
        talk.execute(line.format(name))
    assert everything(tmp_path) == before
    assert float(talk.session.point["x"]) == 1


def test_what_lies_in_the_folder_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names count from the folder, wherever the process stands, and later changes of place too."""
    talk = Interpreter(session(), below(str(folder)))
    monkeypatch.chdir(tmp_path)
    for name in ("x.npy", "inside.npy", "./inner/../x.npy", str(folder / "x.npy"), "up/open/x.npy"):
        talk.execute("set x = 1")
        talk.execute(f"set x = @{name}")
        assert float(talk.session.point["x"]) == 7
    talk.execute("save inner/new.json")
    assert (folder / "inner" / "new.json").is_file()
    talk.execute("set x = 5")
    talk.execute("load inner/new.json")
    assert float(talk.session.point["x"]) == 7
    for name in ("loop", "no/such/folder/x", "inner", "x" * 300):
        with pytest.raises(GraphError, match="cannot (write|read)"):
            talk.execute(f"save {name}")


def test_a_folder_that_is_a_link_is_followed_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "named").symlink_to(folder)
    talk = Interpreter(session(), below(str(tmp_path / "named")))
    talk.execute("save new.json")
    assert (folder / "new.json").is_file()


def test_a_folder_that_is_none_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    for name in ("file", "none", ""):
        assert cli.main(["serve", "f=x", "--port=0", f"--files={tmp_path / name}/x"]) == 2
        assert "--files expects a folder" in capsys.readouterr().err


def palette_of(files: Any) -> str:
    """The palette after a search for its screenshot, in an app that reaches some files."""
    seen: list[str] = []

    async def script(app: Debugger, pilot: Any) -> None:
        app.reach = files or app.reach
        await press(pilot, "ctrl+p")
        await pilot.press(*"screenshot")
        await pilot.pause(0.5)
        seen.append(screen_text(app))

    drive(opened("f=(x+y)z", "x=1"), script)
    return seen[0]


def test_the_palette_has_no_screenshot_where_files_are_confined(folder: Path) -> None:
    assert "Save an SVG" in palette_of(None)
    assert "Save an SVG" not in palette_of(nowhere)
    assert "Save an SVG" not in palette_of(below(str(folder)))


def test_the_served_app_refuses_and_confines(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("textual_serve")
    pytest.importorskip("aiohttp")
    served = pytest.importorskip("served")
    target = tmp_path / "evil.json"

    async def refused(found: Any) -> None:
        async with served.page_of(found) as page:
            for line in NAMING.values():
                await page.command(line.format(target), "reads and writes no files")

    async def confined(found: Any) -> None:
        async with served.page_of(found) as page:
            await page.command(f"save {target}", "is outside")
            await page.command("save ../evil.json", "is outside")
            await page.command("save kept.json", "saved to kept.json")
            await page.command("set x = @x.npy", "x = 7")

    with served.serving() as found:
        asyncio.run(refused(found))
    with served.serving(f"--files={folder}") as found:
        asyncio.run(confined(found))
    assert not target.exists() and (folder / "kept.json").is_file()


def test_step_takes_the_folder_too(folder: Path) -> None:
    assert reach(str(folder))("x.csv") == str(folder / "x.csv")
