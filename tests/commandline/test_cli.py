"""The command line as a person meets it: what it prints, its exit codes, and no traceback ever."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdbg import lazy
from graphdbg.commandline import cli

ROOT = Path(__file__).parents[2]
LECTURE = ["f=(x+y)z", "x=-2", "y=5", "z=-4"]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Exit code, standard output and standard error of a command line."""
    monkeypatch.setenv("COLUMNS", "100")

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        found = capsys.readouterr()
        return code, found.out, found.err

    return call


def rows(text: str) -> list[list[str]]:
    """The cells of a printed table, split where two blanks are."""
    lines = (line.split("  ") for line in text.split("\n"))
    return [[cell.strip() for cell in line if cell.strip()] for line in lines]


def test_the_lecture_example(run: Run) -> None:
    code, out, err = run(*LECTURE)
    assert (code, err) == (0, "")
    cells = rows(out)
    for row in (["x", "input", "-2"], ["q", "x + y", "3"], ["f", "q·z", "-12"]):
        assert row in cells
    for row in (
        ["→ x", "∂q/∂x = 1", "∂f/∂q · ∂q/∂x", "z · 1", "z", "-4"],
        ["→ y", "∂q/∂y = 1", "∂f/∂q · ∂q/∂y", "z · 1", "z", "-4"],
        ["→ q", "∂f/∂q = z", "∂f/∂f · ∂f/∂q", "1 · z", "z", "-4"],
        ["→ z", "∂f/∂z = q", "∂f/∂f · ∂f/∂z", "1 · q", "x + y", "3"],
        ["q = x + y", "∂f/∂q", "z", "-4"],
    ):
        assert row in cells
    assert "✓" in out


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_output_fits_the_width(run: Run, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    for words in (LECTURE, [str(ROOT / "examples/classifier.gd"), "n=3", "d=2", "h=4", "k=2"]):
        code, out, _ = run(*words)
        assert code == 0
        assert max(map(len, out.splitlines())) <= width


def test_random_values_are_announced_and_seeded(run: Run) -> None:
    _, first, _ = run("f=x*y", "x=2")
    _, same, _ = run("f=x*y", "x=2", "--seed", "0")
    _, other, _ = run("f=x*y", "x=2", "--seed", "1")
    assert "random values (--seed 0) for y" in first
    assert first == same != other


def test_options_may_stand_between_values(run: Run) -> None:
    code, out, _ = run("f=x*y", "x=2", "--seed", "1", "y=3")
    assert code == 0
    assert "random" not in out


def test_values_of_every_kind(run: Run, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([[1.0, 2], [3, 4]]))
    np.savez(tmp_path / "b.npz", b=np.array([5.0, 6]))
    (tmp_path / "c.csv").write_text("left, right\n1, 2\n3, 4\n")
    source = "f = sum(A @ b + C @ d) * s"
    words = [f"A=@{tmp_path}/a.npy", f"b=@{tmp_path}/b.npz", f"C=@{tmp_path}/c.csv"]
    code, out, err = run(source, *words, "d=[1, -1]", "s=1e-1", "--json")
    assert (code, err) == (0, "")
    values = {node["name"]: node["value"] for node in json.loads(out)["nodes"]}
    assert values["C"] == [[1, 2], [3, 4]]
    assert values["f"] == pytest.approx((17 + 39 - 1 - 1) / 10)


def test_a_file_and_standard_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, out, _ = run(str(ROOT / "examples/lecture.gd"), "x=-2", "y=5", "z=-4")
    assert code == 0
    assert "-12" in out
    monkeypatch.setattr("sys.stdin", io.StringIO("f = x^2"))
    code, out, _ = run("-", "x=3")
    assert code == 0
    assert "9" in out


def test_named_dimensions_are_given_like_values(run: Run) -> None:
    code, out, _ = run("x: Real[n]; f = sum(x^2)", "n=6", "--json")
    assert code == 0
    assert json.loads(out)["dims"] == {"n": 6}
    assert json.loads(out)["inputs"][0]["shape"] == ["n"]


def test_shapes_can_be_given(run: Run) -> None:
    code, out, _ = run("f = sum(X @ w)", "--shape", "X=2,d", "--shape", "w=d", "--json")
    assert code == 0
    assert [each["shape"] for each in json.loads(out)["inputs"]] == [[2, "d"], ["d"]]


def test_a_program_without_a_scalar_shows_its_values(run: Run) -> None:
    code, out, _ = run("p = softmax(o)", "o=[1,2,3]")
    assert code == 0
    assert "a gradient needs a scalar" in out
    assert "--of p --wrt o" in out


BAD = (
    ([], ""),
    (["f=(x+y)z", "x=1", "q=2"], "'q', which is not an input"),
    (["f=x", "x=nan"], "the value of 'x' is not finite: x = nan"),
    (["f=sum(x)", "x=[1, 2, Infinity]"], r"not finite: x[2] = inf"),
    (["f=sum(x)", "x=[[1,2],[3]]"], "the value of 'x' is ragged"),
    (["f=x", "x=abc"], "cannot read the value of 'x', found 'abc'"),
    (["f=x", "x=__import__('os')"], "cannot read the value of 'x'"),
    (["f=x", "x="], "the value of 'x' is empty"),
    (["f=x", "x=1", "x=2"], "'x' was given twice"),
    (["f=x", "x"], "found 'x' where a value was expected"),
    (["f=x", "x=@nowhere.npy"], "cannot read 'nowhere.npy' for 'x': No such file"),
    (["x: Real[n]; f=sum(x)", "n=2.5"], "'n' is a dimension: give it a whole number"),
    (["x: Real[3]; f=sum(x)", "x=[1,2]"], "'x' is declared with shape (3,), but the shape given"),
    (["f=sum(x)", "--shape", "y=3"], "a shape was given for 'y', which is not an input"),
    (["f=x", "--shape", "x=?"], "found --shape 'x=?'"),
    (["nowhere.gd"], "cannot read 'nowhere.gd': No such file"),
    ([str(ROOT)], "Is a directory"),
    (["a = x^2; b = 2x"], "say which one with --of"),
    (["p = softmax(o)", "o=[1,2]", "--of", "p"], "a gradient needs a scalar"),
    (["p = softmax(o)"], "inputs without a shape are scalars: declare them (x: Real[4])"),
    (["f=x*y", "--of", "g"], "no node named 'g'"),
    (["f=x*y", "--wrt", "xx"], "no node named 'xx'"),
    (["f=x*y", "--sede", "1"], "unrecognized arguments: --sede"),
    (["f=x*y", "--seed", "one"], "found 'one', expected a whole number from 0"),
    (["f=x*y", "--seed", "-1"], "found '-1', expected a whole number from 0"),
    (["grad"], "the following arguments are required: SOURCE"),
    (["f = q(x"], ""),
    ([""], "the source is empty"),
    (["import os"], ""),
    (["().__class__"], ""),
)  # fmt: skip


@pytest.mark.parametrize(("words", "message"), BAD)
def test_bad_input_is_two_and_says_why(run: Run, words: list[str], message: str) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert "Traceback" not in err
    if words:
        assert err.startswith("error: ")
        assert message in err
        assert out == ""
    else:
        assert "usage" in out


def test_an_error_shows_the_place(run: Run) -> None:
    _, _, err = run("f = x + sinn(y)")
    assert "f = x + sinn(y)" in err
    assert "^^^^" in err
    assert "did you mean 'sin'" in err


def test_a_file_of_another_kind_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "pickle.npy").write_bytes(b"\x80\x04K\x01.")
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "text.csv").write_text("a,b\n1,x\n")
    (tmp_path / "ragged.csv").write_text("1,2\n3\n")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "broken.npz").write_bytes(b"PK")
    (tmp_path / "program.gd").write_bytes(b"f = \xff")
    for name, message in (
        ("pickle.npy", "cannot read"),
        ("objects.npy", "cannot read"),
        ("text.csv", "row 1 holds 'x', which is not a number"),
        ("ragged.csv", "row 2 has 1 entries, row 1 has 2"),
        ("empty.csv", "it holds no numbers"),
        ("broken.npz", "cannot read"),
    ):
        code, _, err = run("f=sum(x)", f"x=@{tmp_path / name}")
        assert code == 2
        assert message in err
    code, _, err = run(str(tmp_path / "program.gd"))
    assert code == 2
    assert "it is not text in UTF-8 (byte 4)" in err


def test_prove(run: Run) -> None:
    program = str(ROOT / "examples/softmax_cross_entropy.gd")
    code, out, _ = run("prove", program, "dL/do = p - y")
    assert code == 0
    assert out.startswith("proved: dL/do = p - y")
    code, out, _ = run("prove", program, "dL/do = y - p")
    assert code == 1
    assert out.startswith("refuted: dL/do = y - p")
    assert "ratio -1" in out
    code, _, err = run("prove", program, "dL/do")
    assert code == 2
    assert err.startswith("error: ")


@pytest.mark.parametrize(
    ("words", "code", "verdict"),
    [
        (["f = x^2", "df/dx = 2x"], 0, "proved"),
        (["f = x^2", "df/dx = 2x", "--strict"], 0, "proved"),
        (["f = max(x**2 + 1, 0)", "f = max(1 + x*x, -1)"], 0, "agrees"),
        (["f = max(x**2 + 1, 0)", "f = max(1 + x*x, -1)", "--strict"], 3, "agrees"),
        (["f = 0.3333333333333333*3*x - x", "f = 0"], 3, "undecided"),
        (["f = where(x > 10, x^2, 7*x)", "df/dx = 7", "x=11"], 1, "refuted"),
    ],
)
def test_the_verdict_of_a_claim_is_in_the_exit_code(
    run: Run, words: list[str], code: int, verdict: str
) -> None:
    found, out, _ = run("prove", *words)
    assert (found, out.split(":")[0]) == (code, verdict)
    found, out, _ = run("prove", *words, "--json")
    assert (found, json.loads(out)["verdict"]) == (code, verdict)


def test_help_and_version(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == 0
    for command in cli.COMMANDS:
        assert command == "run" or f"graphdbg {command} " in out
    code, out, _ = run("--version")
    assert (code, out) == (0, "graphdbg 0.1.0\n")
    code, out, _ = run("grad", "--help")
    assert code == 0
    assert "--form" in out


def fails(error: BaseException) -> Any:
    def fail(name: str) -> Any:
        raise error

    return fail


def test_a_bug_is_reported_without_a_traceback(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "module", fails(ZeroDivisionError("inside")))
    code, _, err = run("f=x")
    assert code == 70
    assert err.startswith("bug: ZeroDivisionError: inside\n")
    assert "report it" in err
    assert "Traceback" not in err
    code, _, err = run("f=x", "--debug")
    assert code == 70
    assert "Traceback" in err


def test_too_little_memory_is_bad_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "module", fails(MemoryError("Unable to allocate 74.5 GiB")))
    code, _, err = run("jacobian", "y = sin(x)", "--shape", "x=100000")
    assert code == 2
    assert err.startswith("error: not enough memory: Unable to allocate 74.5 GiB\n")
    assert "--shape x=n" in err


def test_interruption(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lazy, "module", fails(KeyboardInterrupt()))
    assert run("f=x") == (130, "", "")


def shell(*words: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "graphdbg", *words]
    clean = {name: value for name, value in os.environ.items() if name != "FORCE_COLOR"}
    return subprocess.run(command, capture_output=True, cwd=ROOT, env={**clean, **environment})


def test_help_loads_no_package() -> None:
    code = (
        "import sys, graphdbg.commandline.cli as c; c.main(['--help']); "
        "heavy = {'numpy', 'sympy', 'networkx', 'rich', 'textual'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr


def test_a_pipe_gets_plain_text() -> None:
    done = shell(*LECTURE)
    assert done.returncode == 0, done.stderr
    assert b"\x1b" not in done.stdout
    assert "∂f/∂q · ∂q/∂x" in done.stdout.decode()


def test_a_terminal_without_unicode() -> None:
    done = shell(*LECTURE, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert done.returncode == 0, done.stderr
    assert b"-12" in done.stdout


def test_no_color_is_respected() -> None:
    colored = shell(*LECTURE, FORCE_COLOR="1")
    plain = shell(*LECTURE, FORCE_COLOR="1", NO_COLOR="1")
    assert b"\x1b[31m" in colored.stdout
    assert b"\x1b[31m" not in plain.stdout


@pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise on Windows")
def test_a_reader_that_leaves_is_no_error() -> None:
    command = f'"{sys.executable}" -m graphdbg "f=(x+y)z" x=1 y=2 z=3 --json | true'
    done = subprocess.run(["bash", "-c", command], capture_output=True, cwd=ROOT)
    assert done.stderr == b""


@pytest.mark.parametrize("command", [[], ["check"], ["grad"], ["jacobian"], ["hessian"]])
@pytest.mark.parametrize(
    "words",
    [["f = sum(x)", "--shape", "x=0"], ["f = sum(x)", "x=[]"], ["x: Real[2, 0]; f = sum(x)"]],
)
def test_an_empty_array_is_said(
    command: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main([*command, *words]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "and so no entry" in said and "give each axis a size of 1 or more" in said


def test_a_named_axis_without_entries_is_not_checked(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "x: Real[n]; f = sum(x)", "x=[]"]) == 2
    assert "nothing to check" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("text", ["w = [2,-3,-3]", "f = eye(3)"])
def test_a_program_without_inputs_is_said(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([text]) == 0
    assert "The program has no input" in capsys.readouterr().out
    assert cli.main(["jacobian", text]) == 2
    assert "no input to differentiate by" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["grad", "jacobian", "hessian"])
def test_functions_nested_too_deep_are_an_error(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = "f = " + "sin(" * 90 + "x" + ")" * 90
    assert cli.main([command, text]) == 2
    assert "nested more than 40 deep" in " ".join(capsys.readouterr().err.split())


def test_a_seed_of_any_length_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["f=x", "--seed", "9" * 5000]) == 2
    said = capsys.readouterr().err
    assert "at most 30 digits" in " ".join(said.split()) and len(said) < 500
