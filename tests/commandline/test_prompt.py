"""`graphdbg debug` as a person meets it: transcripts, scripts, pipes, and a real terminal.

A transcript in `transcripts` beside this begins with the command line; what stands after `(gd) ` is
typed, and the whole output must equal the file. To write what the program prints now into all of
them (and read the difference before committing it):

    python tests/commandline/test_prompt.py
"""

from __future__ import annotations

import io
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

import pytest
from terminal import Terminal

from graphdbg.commandline import cli, painting, prompt

ROOT = Path(__file__).parents[2]
TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
LECTURE = ["f=(x+y)z", "x=-2", "y=5", "z=-4"]
Run = Callable[..., tuple[int, str, str]]


def played(words: list[str], commands: str, folder: str | Path) -> tuple[int, str, str]:
    """Exit code, output and errors of a command line whose standard input is a pipe."""
    out, err = io.StringIO(), io.StringIO()
    with chdir(folder), redirect_stdout(out), redirect_stderr(err):
        with patch.object(sys, "stdin", io.StringIO(commands)):
            code = cli.main(words)
    return code, out.getvalue(), err.getvalue()


def replayed(text: str) -> str:
    """A transcript as the program prints it now, in a folder with the examples."""
    first, _, rest = text.partition("\n")
    typed = [line[5:] for line in f"{rest}\n".splitlines() if line.startswith("(gd)")]
    words = shlex.split(first.removeprefix("$ graphdbg "))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("examples", "tests/commandline/transcripts"):
            (Path(folder) / Path(name).name).symlink_to(ROOT / name)
        _, out, err = played(words, "".join(f"{each}\n" for each in typed), folder)
    return f"{first}\n{out}{err}"


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """A command line with commands in a pipe."""

    def call(*words: str, typed: str = "") -> tuple[int, str, str]:
        return played(["debug", *words], typed, tmp_path)

    return call


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    text = path.read_text("utf-8")
    assert replayed(text) == text, "python tests/commandline/test_prompt.py writes it anew"


def test_there_are_transcripts_of_every_kind() -> None:
    assert {path.stem for path in TRANSCRIPTS} >= set(
        "lecture fanout calls tuple breakpoints watch catch nan whatif paths saved errors "
        "forward looking".split()
    )


# ------------------------------------------------------------------ scripts, pipes, exit codes


def test_a_pipe_reads_as_a_transcript(run: Run) -> None:
    code, out, err = run(*LECTURE, typed="step\n\nprint q\n")
    assert (code, err) == (0, "")
    assert "(gd) step\n<formula>:1  forward, 1 of 12: value\n" in out
    assert "(gd)\n<formula>:1  forward, 2 of 12: value\n" in out  # an empty line repeats
    assert out.endswith("(gd) print q\nq = 3\n")


def test_a_failed_command_ends_nothing_and_is_told_by_the_exit_code(run: Run) -> None:
    code, out, err = run(*LECTURE, typed="stepp\nprint 2 + 3\nquit\n")
    assert (code, err) == (2, "")
    assert "error: no command 'stepp'; did you mean 'step'? (help lists them)\n" in out
    assert "(gd) print 2 + 3\n2 + 3 = 5\n(gd) quit\n" in out


def test_scripts_run_one_after_the_other_then_the_pipe(run: Run, tmp_path: Path) -> None:
    (tmp_path / "one.gdb").write_text("# to the sum\n\nstep\n")
    (tmp_path / "two.gdb").write_text("print q\n")
    code, out, _ = run(*LECTURE, "-x", "one.gdb", "-x", "two.gdb", typed="print q + 1\n")
    assert code == 0
    assert re.findall(r"^\(gd\).*", out, re.MULTILINE) == [
        "(gd) # to the sum", "(gd) step", "(gd) print q", "(gd) print q + 1",
    ]  # fmt: skip


def test_quit_in_a_script_ends_the_session(run: Run, tmp_path: Path) -> None:
    (tmp_path / "one.gdb").write_text("quit\nstep\n")
    code, out, _ = run(*LECTURE, "-x", "one.gdb", typed="step\n")
    assert (code, out.count("(gd)")) == (0, 1)


def test_a_script_that_is_not_there_opens_nothing(run: Run) -> None:
    code, out, err = run(*LECTURE, "-x", "none.gdb")
    assert (code, out) == (2, "")
    assert "error: cannot read the script 'none.gdb': No such file or directory" in err


def test_a_program_with_an_error_opens_nothing(run: Run) -> None:
    code, out, err = run("f=(x+y", typed="step\n")
    assert (code, out) == (2, "")
    assert "error: <formula>:1:3: " in err
    assert err.endswith("  1 | f=(x+y\n    |   ^\n")


def test_what_is_drawn_at_random_is_said(run: Run) -> None:
    _, out, _ = run("f=x*y", "x=2", "--seed", "7")
    assert "random values (--seed 7) for y\n" in out
    _, out, _ = run("f=x*y", "x=2", "y=3")
    assert "random" not in out


def test_of_and_wrt_choose_the_backward_pass(run: Run) -> None:
    _, out, _ = run("u = x*y; v = x+y", "x=2", "y=3", "--of", "v", "--wrt", "y")
    assert "backward from v" in out
    code, _, err = run("u = x*y; v = x+y", "x=2", "y=3")
    assert code == 2
    assert "say which one with --of, such as --of v" in err


def test_a_saved_session_is_opened(run: Run) -> None:
    run(*LECTURE, typed="break q\nnext 2\nsave walk.json\n")
    code, out, _ = run("--load", "walk.json", typed="info breakpoints\n")
    assert code == 0
    assert "<formula>:1  forward, 1 of 12: value" in out
    assert "breakpoint 1: node q; hit once so far" in out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ([], "expected SOURCE"),
        (["f=x", "--load", "w.json"], "--load brings its own program"),
        (["--load", "w.json"], "cannot read 'w.json'"),
        (["f=x", "-x"], "expected one argument"),
        (["f=x", "--of", "g"], "no node named 'g'"),
    ],
)
def test_bad_command_lines(run: Run, words: list[str], text: str) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert text in err


@pytest.mark.parametrize("command", ["step", "serve", "debug"])
def test_help_of_the_session_commands(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "--help"]) == 0
    assert f"graphdbg {command}" in capsys.readouterr().out


def test_step_needs_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["step", "f=x"]) == 2
    found = capsys.readouterr().err
    assert "step draws on a terminal, but standard output is none: use graphdbg debug" in found


def test_a_formula_may_still_be_called_like_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["step=(x+1)^2", "x=2"]) == 0
    assert "step" in capsys.readouterr().out


def test_serve_passes_the_session_on() -> None:
    from graphdbg.commandline import opening

    args = cli.parser_for("serve").parse_intermixed_args(
        ["f=x*w", "x=-2", "--seed", "3", "--shape", "w=", "--port", "9"]
    )
    again = cli.parser_for("step").parse_intermixed_args(opening.words(args))
    assert (again.source, again.values, again.seed, again.shape) == ("f=x*w", ["x=-2"], 3, ["w="])


def test_serve_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("graphdbg.lazy.is_installed", lambda name: False)
    assert cli.main(["serve", "f=x"]) == 2
    assert "serve needs textual-serve: pip install 'graphdbg[serve]'" in capsys.readouterr().err


# ------------------------------------------------------------------ colour, history, a terminal


def test_colour_repeats_what_the_text_says() -> None:
    for path in TRANSCRIPTS:
        text = path.read_text("utf-8")
        assert re.sub(r"\x1b\[[\d;]*m", "", painting.painted(text)) == text
    assert painting.painted("error: no") == "\x1b[1;31merror:\x1b[0m no"
    assert painting.RED in painting.painted("     ∂f/∂q = z = -4")


def test_history_stands_where_the_platform_keeps_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert prompt.history_file() == Path("/state/graphdbg/history")
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.delenv("LOCALAPPDATA", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    assert prompt.history_file() == Path("/home/somebody/.local/state/graphdbg/history")


def test_a_walk_in_a_terminal(tmp_path: Path) -> None:
    with Terminal("debug", *LECTURE, NO_COLOR="", XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait("(gd) ")
        terminal.send("sear\tq\r")  # Tab completes
        assert "q = x + y" in terminal.wait("q = x + y")
        terminal.wait("(gd) ")
        terminal.send("step\r")
        assert f"{painting.GREEN}3{painting.RESET}" in terminal.wait("(gd) ")
        terminal.send("half a line")
        terminal.wait("half a line")  # readline waits: before, a signal may come to nothing
        time.sleep(0.2)
        terminal.send("\x03")  # Ctrl-C drops it
        terminal.wait("interrupted")
        terminal.wait("(gd) ")
        terminal.send("bogus\r")
        terminal.wait("no command 'bogus'")
        terminal.wait("(gd) ")
        terminal.send("\x04")  # Ctrl-D leaves
        assert terminal.code() == 0
        assert "step" in (tmp_path / "graphdbg" / "history").read_text().split("\n")


def test_ctrl_c_ends_a_long_command_and_not_the_session(tmp_path: Path) -> None:
    with Terminal("debug", *LECTURE, NO_COLOR="1", XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait("(gd) ")
        terminal.send("print sum([sin(i*x) for i in range(1000000)])\r")
        terminal.wait("\n")
        time.sleep(1)
        terminal.send("\x03")
        terminal.wait("interrupted")
        terminal.wait("(gd) ")
        terminal.send("print x\r")
        assert "\x1b[3" not in terminal.wait("x = -2")
        terminal.wait("(gd) ")
        terminal.send("q\r")
        assert terminal.code() == 0


def test_a_history_nobody_may_write_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "graphdbg").write_text("a file where the folder should be")
    with Terminal("debug", *LECTURE, XDG_STATE_HOME=str(tmp_path)) as terminal:
        terminal.wait("(gd) ")
        terminal.send("q\r")
        assert terminal.code() == 0


if __name__ == "__main__":
    for each in TRANSCRIPTS:
        each.write_text(replayed(each.read_text("utf-8")), "utf-8")
