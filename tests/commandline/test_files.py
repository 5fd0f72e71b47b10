"""Files and pipes on the command line: read once, never written over, found out before the work."""

from __future__ import annotations

import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.commandline import cli

FIT = "X: Real[n, 2]\ny: Real[n]\nw: Real[2]\nE = mean((X@w - y)^2)\n"
ROWS = "a,b,y\n1,2,3\n2,1,4\n3,5,6\n"

Run = Callable[..., tuple[int, str, str]]
GRAPHDBG = f"{sys.executable} -m graphdbg"


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], folder: Path) -> Run:
    """Exit code, standard output and standard error of a command line, in the folder."""

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        found = capsys.readouterr()
        assert "Traceback" not in found.err and "bug:" not in found.err, found.err
        return code, found.out, found.err

    return call


@pytest.fixture
def refused(run: Run) -> Callable[..., str]:
    """The one line of the error of a command line."""

    def call(*words: str) -> str:
        code, out, err = run(*words)
        assert (code, out) == (2, ""), (code, out, err)
        assert err.startswith("error: ") and err.count("\n") == 1, err
        return err

    return call


@pytest.fixture
def piped() -> Iterator[Callable[[str | bytes], str]]:
    """Gives a text's name as a shell gives that of `<(command)`: the end of a pipe, /dev/fd/N."""
    made: list[int] = []

    def name(content: str | bytes) -> str:
        reader, writer = os.pipe()
        made.append(reader)
        os.write(writer, content.encode() if isinstance(content, str) else content)
        os.close(writer)
        return f"/dev/fd/{reader}"

    yield name
    for each in made:
        os.close(each)


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """A script of the shell, where $G is graphdbg."""
    done = subprocess.run(["bash", "-c", script], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "G": GRAPHDBG}, stdin=subprocess.DEVNULL,
                          timeout=60)  # fmt: skip
    assert "Traceback" not in done.stderr and "bug:" not in done.stderr, done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program, values, samples, and things that are no files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    (tmp_path / "p.gd").write_text("f = sum(x*y)\n")
    (tmp_path / "fit.gd").write_text(FIT)
    (tmp_path / "d.csv").write_text(ROWS)
    np.save(tmp_path / "x.npy", np.arange(3.0))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    return tmp_path


@pytest.mark.parametrize(("name", "said"), [
    ("pipe", "it is a pipe that nobody has opened for writing"),
    ("zero", "it is a device"),
    ("/dev/zero", "it is a device"),
    (".", "Is a directory"),
    ("socket", "it is a socket"),
])  # fmt: skip
@pytest.mark.parametrize("words", [
    ["grad", "NAME"],
    ["grad", "f = sum(x)", "x=@NAME"],
    ["train", "fit.gd", "--data", "NAME"],
    ["debug", "--load", "NAME"],
    ["debug", "f = x", "-x", "NAME"],
])  # fmt: skip
def test_what_is_no_file_is_refused_at_every_place(
    refused: Callable[..., str], words: list[str], name: str, said: str
) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket")
        error = refused(*(word.replace("NAME", name) for word in words))
    assert f"'{name}'" in error and said in error


@pytest.mark.parametrize("hurt", ["checkpoint.npz", "losses.csv"])
def test_a_run_folder_is_not_waited_for(run: Run, folder: Path, hurt: str) -> None:
    line = "train fit.gd --data d.csv --epochs 2 -o run".split()
    assert run(*line)[0] == 0
    (folder / "run" / hurt).unlink()
    os.mkfifo(folder / "run" / hurt)
    code, _, err = run(*line, "--resume")
    assert code == 2 and hurt in err and "nobody has opened for writing" in err


@pytest.mark.parametrize("words", [["-"], ["pipe"], ["f=x", "x=@-"], ["f=x", "x=@pipe"]])
def test_what_is_read_once_is_not_served(refused: Callable[..., str], words: list[str]) -> None:
    pytest.importorskip("textual_serve")
    assert "a pipe can be read once: give a formula" in refused("serve", *words)


TEXTS = {"PROGRAM": "f = x*y\n", "VECTOR": "3\n4\n", "SCRIPT": "step\nquit\n", "FIT": FIT,
         "ROWS": ROWS}  # fmt: skip
ONCE = [
    "grad PROGRAM", "grad PROGRAM x=2 y=3",
    "jacobian PROGRAM x=2 y=3 --wrt y", "hessian PROGRAM x=2 y=3", "check PROGRAM x=2 y=3",
    "PROGRAM x=@VECTOR y=2", "derive PROGRAM x=2 y=3",
    "debug PROGRAM x=2 y=3 -x SCRIPT", "train FIT --data ROWS --epochs 3",
    "sweep FIT --data ROWS --lr 0.1 --epochs 3 --executor threads",
    "jacobian PROGRAM x=@VECTOR y=@VECTOR --wrt x",
]  # fmt: skip


@pytest.mark.parametrize("line", ONCE)
def test_a_pipe_is_read_once_by_every_command(
    run: Run, piped: Callable[[str], str], line: str
) -> None:
    words = line.split()
    for name, content in TEXTS.items():
        words = [word.replace(name, piped(content)) if name in word else word for word in words]
    code, out, err = run(*words)
    assert (code, err) == (0, "") and out


@pytest.mark.parametrize("line", [
    "grad -", "grad - x=2 y=3", "check - x=2 y=3", "hessian - x=2 y=3", "derive - x=2 y=3",
])  # fmt: skip
def test_standard_input_is_read_once_by_every_command(
    run: Run, piped: Callable[[str], str], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    plain = run(*("f = x*y" if word == "-" else word for word in line.split()))
    with open(piped("f = x*y")) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert run(*line.split()) == plain
    assert plain[0] == 0


def test_numbers_come_through_pipes(
    run: Run, piped: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What they are, their first bytes say: a pipe has no ending."""
    plain = run("grad", "f = sum(x^2)", "--shape", "x=3", "x=[0, 1, 2]")
    raw = Path("x.npy").read_bytes()
    np.savez("x.npz", x=np.arange(3.0))
    for content in (raw, Path("x.npz").read_bytes(), b"0\n1\n2\n"):
        assert run("grad", "f = sum(x^2)", "--shape", "x=3", f"x=@{piped(content)}") == plain
    with open(piped(raw)) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        assert run("grad", "f = sum(x^2)", "--shape", "x=3", "x=@-") == plain
    with open(piped(ROWS)) as stream:
        monkeypatch.setattr("sys.stdin", stream)
        code, out, err = run("train", "fit.gd", "--data", "-", "--epochs", "3")
    assert (code, err) == (0, "") and "loss" in out


def test_pipes_of_a_shell(folder: Path) -> None:
    """Also a named pipe that a program writes to, and an endless one."""
    script = (
        "$G grad <(echo 'f = x*y') x=2 y=3; echo 'f = x*y' | $G grad /dev/stdin\n"
        "echo 'f = x*y' > pipe & $G grad pipe; yes 'f = x*y' | $G grad -"
    )
    done = shell(script, folder)
    assert done.stdout.count("∂f/∂x = y") == 3
    assert done.stderr == (
        "error: cannot read standard input: it is larger than 10 MB, and no text of that size "
        "is a program: 400,000 nodes take less\n"
    )


def test_standard_input_that_is_no_program(
    refused: Callable[..., str], piped: Callable[[Any], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "standard input is read once: give - in one place" in refused("grad", "-", "x=@-")
    assert "standard input is read once" in refused("train", "-", "--data", "-")
    for content, words, said in (
        (b"f = \xff", ["grad", "-"], "it is not text in UTF-8 (byte 4)"),
        (b"", ["grad", "f = x", "x=@-"], "it holds no numbers"),
    ):
        with open(piped(content)) as stream:
            monkeypatch.setattr("sys.stdin", stream)
            assert said in refused(*words)
    assert "it holds no numbers" in refused("grad", "f = x", f"x=@{piped('')}")


# ------------------------------------------------------------------ writing


@pytest.mark.parametrize("line", [
    "render p.gd x=1 y=2 -o p.gd --format svg",
    "render p.gd x=@x.npy y=@x.npy -o x.npy --format dot",
    "render p.gd x=1 y=2 -o ./deep/../p.gd --format dot",
    "render p.gd x=1 y=2 -o link.txt",
    "render p.gd x=1 y=2 -o hard.txt",
    "render --load w.json -o w.json --format dot",
    "derive p.gd -o p.gd --format text",
    "derive p.gd x=@x.npy y=@x.npy -o x.npy --format text",
    "sweep fit.gd --data trials.csv --lr 0.1 -o .",
])  # fmt: skip
def test_nothing_is_written_over_what_is_read(
    refused: Callable[..., str], folder: Path, line: str
) -> None:
    (folder / "deep").mkdir()
    (folder / "link.txt").symlink_to("p.gd")
    os.link("p.gd", "hard.txt")
    (folder / "trials.csv").write_text(ROWS)
    (folder / "w.json").write_text(gd.Session(gd.parse("f = x"), {"x": 1}).to_json())
    before = contents(folder)
    assert "which is read from: give another name to write to" in refused(*line.split())
    assert contents(folder) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_session_is_not_saved_over_what_it_was_made_from(run: Run, folder: Path) -> None:
    (folder / "s.gdb").write_text("save p.gd\nsave x.npy\nsave s.gdb\nsave w.json\nsave w.json\n"
                                  "quit\n")  # fmt: skip
    _, out, _ = run("debug", "p.gd", "x=@x.npy", "y=@x.npy", "-x", "s.gdb")
    assert out.count("which is read from: give another name") == 3
    assert out.count("saved to w.json") == 2
    assert (folder / "p.gd").read_text() == "f = sum(x*y)\n"


def test_the_program_of_a_graph_is_not_drawn_over(folder: Path) -> None:
    g = gd.parse("f = x", name="p.gd")
    with pytest.raises(gd.GraphError, match="'p.gd' would be written over 'p.gd'"):
        gd.render(g, "p.gd", format="dot")
    with pytest.raises(gd.GraphError, match="'p.gd' would be written over 'p.gd'"):
        gd.render("p.gd", "p.gd", format="dot")
    assert gd.render(g, "other.gd", format="dot").path == Path("other.gd")


@pytest.mark.parametrize("line", [
    "render slow.gd -o none/f.svg",
    "render slow.gd -o none/ --format svg",
    "render slow.gd --frames p.gd/frames",
    "derive slow.gd -o none/f.tex",
    "sweep slow.gd --data d.csv -o p.gd",
])  # fmt: skip
def test_what_cannot_be_written_is_said_before_the_work(
    refused: Callable[..., str], line: str
) -> None:
    """Before even the program is read, which does not exist."""
    assert "cannot write" in refused(*line.split())


@pytest.mark.parametrize("line", [
    "render p.gd x=1 y=2 -o link --format dot", "derive p.gd x=1 y=2 -o link --format text",
])  # fmt: skip
def test_what_is_written_is_whole_or_the_old(
    run: Run, refused: Callable[..., str], folder: Path, line: str
) -> None:
    """A link is followed, the mode kept; a full disk (a limit on files) keeps the old picture."""
    old = folder / "old.txt"
    old.write_text("old")
    old.chmod(0o640)
    (folder / "link").symlink_to("old.txt")
    there = sorted(os.listdir(folder))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, hard))
    try:
        error = refused(*line.split())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "cannot write 'link': File too large; what was there before is kept" in error
    assert old.read_text() == "old" and sorted(os.listdir(folder)) == there
    code, _, err = run(*line.split())
    assert (code, err) == (0, "")
    assert "x" in old.read_text() and (folder / "link").is_symlink()
    assert old.stat().st_mode & 0o777 == 0o640 and sorted(os.listdir(folder)) == there


def test_pictures_go_through_devices_and_pipes(run: Run, folder: Path) -> None:
    words = "render p.gd x=1 y=2 --format dot -o"
    plain = gd.to_dot(gd.grad(gd.parse("f = sum(x*y)")))[:20]
    code, _, err = run(*words.split(), "/dev/full")
    assert code == 2 and "cannot write '/dev/full': No space left on device" in err
    code, _, err = run(*words.split(), "pipe")
    assert code == 2 and "cannot write 'pipe': nobody reads from it" in err
    script = f"echo kept > log; $G {words} /dev/stdout >> log; cat log; $G {words} >(cat) | cat"
    done = shell(script, folder)
    assert done.stdout.startswith("kept\n" + plain) and done.stdout.count(plain) == 2
