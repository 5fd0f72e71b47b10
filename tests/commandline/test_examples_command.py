"""The examples that come along: written into a folder, and found by their names."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from graphdbg.commandline import examples
from graphdbg.commandline.cli import main

ROOT = Path(__file__).parents[2]


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(words)
    found = capsys.readouterr()
    return code, found.out, found.err


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_they_are_written(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, complaint = run(capsys, "examples")
    assert (code, complaint) == (0, "")
    written = {path.relative_to(elsewhere).as_posix() for path in elsewhere.rglob("*.*")}
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "examples").rglob("*.*")}
    assert written == ours >= {"examples/classifier.gd", "examples/data/iris.csv"}
    assert said.endswith(f"{len(written)} files written to examples\n")
    assert "examples/lecture.gd  The lecture's first circuit: f(x, y, z) = (x + y)z at" in said
    assert run(capsys, "examples")[0] == 0  # the same once more
    assert run(capsys, "check", "examples/lecture.gd", "x=1", "y=2", "z=3")[2] == ""


def test_nothing_of_the_user_s_is_written_over(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = elsewhere / "mine" / "svm.gd"
    mine.parent.mkdir()
    mine.write_text("f = x")
    code, _, complaint = run(capsys, "examples", "mine")
    assert code == 2
    assert complaint.startswith("error: 'mine/svm.gd' is there already and differs")
    assert [each.name for each in mine.parent.iterdir()] == ["svm.gd"]
    assert mine.read_text() == "f = x"
    code, _, complaint = run(capsys, "examples", "mine/svm.gd")
    assert code == 2
    assert complaint.startswith("error: ") and "mine/svm.gd" in complaint


@pytest.mark.parametrize("word", ["classifier", "classifier.gd", "examples/classifier.gd"])
def test_a_name_is_found_and_that_is_said(
    word: str, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, printed, said = run(capsys, "grad", word, "--wrt", "b2", "--json")
    assert code == 0
    assert json.loads(printed)["formulas"][0]["text"] == "(P − Y)ᵀ1 / n"
    assert said == (
        f"'{word}' is no file here: read from graphdbg's own examples, "
        f"{ROOT / 'examples' / 'classifier.gd'}\n"
    )


def test_data_and_scripts_are_found(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = "examples/data/iris.csv"
    code, _, said = run(capsys, "train", "iris", "--data", data, "--epochs", "1")
    assert code == 0
    assert "'iris' is no file here" in said and f"'{data}' is no file here" in said
    code, printed, said = run(
        capsys, "debug", "examples/lecture.gd", "-x", "examples/lecture.gdb", "x=-2", "y=5", "z=-4"
    )
    assert code == 0 and "the inputs are known" in printed
    assert "'examples/lecture.gdb' is no file here" in said


def test_a_file_at_hand_goes_first(elsewhere: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere / "svm.gd").write_text("f = 3*x")
    code, printed, said = run(capsys, "grad", "svm.gd")
    assert (code, said) == (0, "")
    assert printed.startswith("∂f/∂x = 3")


@pytest.mark.parametrize(
    "word",
    ["x", "f = x*classifier", "examples", "../examples/svm.gd", "examples/../svm.gd", "/svm.gd",
     "examples/examples/svm.gd", "", "-", "a" * 9999, "examples/nope.gd", "data/iris.csv\0"],
)  # fmt: skip
def test_other_words_are_no_examples(word: str) -> None:
    assert examples.find(word) is None


README_COMMANDS = [
    line.removeprefix("    ").partition("  #")[0].strip()
    for line in (ROOT / "README.md").read_text("utf-8").splitlines()
    if line.startswith("    graphdbg ")
]


def test_the_commands_of_the_readme_name_examples_that_come_along() -> None:
    words = {word for line in README_COMMANDS for word in shlex.split(line)}
    named = {word for word in words if word.startswith("examples/")}
    assert len(named) >= 4
    assert all(examples.find(word) for word in named)
