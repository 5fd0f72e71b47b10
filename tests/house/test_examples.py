"""Every example runs, by the very commands its comment gives."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from graphdbg.commandline.cli import main

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.gd"))
COMMANDS = [
    (path.name, line.removeprefix("#   graphdbg "))
    for path in EXAMPLES
    for line in path.read_text("utf-8").splitlines()
    if line.startswith("#   graphdbg ")
]


@pytest.mark.parametrize(("name", "command"), COMMANDS)
def test_the_command_passes(
    name: str, command: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    code = main(shlex.split(command))
    found = capsys.readouterr()
    assert code == 0, found.err or found.out
    assert found.err == ""
    assert found.out.strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_what_it_shows_and_how_to_run_it(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert lines[0].endswith((".", ",", ":")) or len(lines[0]) > 60
    assert sum(line.startswith(f"#   graphdbg examples/{path.name}") for line in lines) == 1


def test_the_examples_of_the_lecture_are_here() -> None:
    names = {path.stem for path in EXAMPLES}
    wanted = "lecture neuron softmax_cross_entropy classifier residual attention"
    assert set(wanted.split()) <= names
