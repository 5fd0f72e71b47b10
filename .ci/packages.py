"""Checks a wheel and a source distribution: what they hold, and that the README's commands run.

    python .ci/packages.py FOLDER GRAPHDBG

FOLDER has the two files, GRAPHDBG is the program that the wheel installed. The commands run in an
empty folder, so that no file of the checkout is at hand; those that open the app, a server or a
prompt end at once, since nobody types.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMAND = re.compile(r"^(?:\$ |    )graphdbg (.*?)(?:  +#.*)?$", re.MULTILINE)
REFUTED = '"ds/dx = s (1 + s)"'  # the README's one wrong claim
WITHOUT_A_TERMINAL = {"step": 2, "serve": None}  # None: goes on until it is stopped


def under(folder: str) -> set[str]:
    """The files of a folder of the checkout, by their place in it."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {each.relative_to(ROOT).as_posix() for each in found if "__pycache__" not in each.parts}


def held(folder: Path) -> None:
    """Compare what the two files hold with the checkout."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    inside = set(zipfile.ZipFile(wheel).namelist())
    wanted = {f"graphdbg/{name}" for name in under("examples")} | under("graphdbg")
    wanted |= {name.replace("tui/", "graphdbg_tui/", 1) for name in under("tui")}
    _require(wanted - inside, wheel)
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {"README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
    for each in ("graphdbg", "tui", "examples", "docs", "tests"):
        wanted |= under(each)
    _require(wanted - names, sdist)


def _require(missing: set[str], path: Path) -> None:
    if missing:
        sys.exit(f"{path.name} lacks {', '.join(sorted(missing)[:10])}")


def run(program: str) -> None:
    """Run the README's commands in an empty folder; exit where a code is not the expected one."""
    commands = COMMAND.findall((ROOT / "README.md").read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        for command in ["examples", *commands]:
            first = command.split()[0]
            expected = WITHOUT_A_TERMINAL.get(first, 1 if REFUTED in command else 0)
            words = [program, *shlex.split(command)]
            if "--app" in words:
                words.remove("--app")
            try:
                done = subprocess.run(words, cwd=folder, capture_output=True, text=True, input="",
                                      timeout=300 if expected is not None else 20,
                                      check=False)  # fmt: skip
            except subprocess.TimeoutExpired:
                if expected is not None:
                    sys.exit(f"graphdbg {command}: no end after 300 s")
                continue
            if expected is None or done.returncode != expected:
                sys.exit(f"graphdbg {command}: exit code {done.returncode}\n{done.stderr}")
            print(f"{done.returncode}  graphdbg {command}")


if __name__ == "__main__":
    held(Path(sys.argv[1]))
    run(sys.argv[2])
