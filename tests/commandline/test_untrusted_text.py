"""Every route that foreign text can take through the command line: nothing raw comes out anywhere.

The commands, their options and the prompt's commands are taken from the program's own tables, so a
new one is tried as well, or fails for want of an example here.
"""

from __future__ import annotations

import argparse
import io
import json
import re
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE, raw_in

import graphdbg as gd
from graphdbg import lazy
from graphdbg.commandline import cli, painting
from graphdbg.source import shown
from graphdbg.stepping.commands import COMMANDS
from graphdbg.stepping.interpreter import Interpreter
from graphdbg.tape.builder import Builder

NAMED = ("ESC", "title", "CSI", "OSC", "DEL", "NEL", "RLO", "isolate", "zero width", "filler",
         "tag", "heap")  # fmt: skip
MOST = "a" + "".join(HOSTILE[kind] for kind in NAMED) + "b"  # what the name of a file may hold
WORST = "a\x00\ud800\x07\u2028\x08\ufe0fb"  # what none may
ALL = [*cli.COMMANDS, *cli.SESSIONS, *cli.FILES]
FORMULA = ["f = x*y + x", "x=2", "y=3"]
SAMPLES = "a,b,t\n" + "\n".join(f"{i % 7},{i % 5},{i % 2}" for i in range(20)) + "\n"
LEARNER = "X: Real[n, 2]\nt: Real[n]\nw: Real[2]\nL = sum((X @ w - t)^2)/n\n"

# The words after each command that make it work.
WORKING = {
    "run": FORMULA, "grad": FORMULA[:1], "jacobian": [*FORMULA[:1], "--of", "f", "--wrt", "x"],
    "hessian": FORMULA[:1], "check": FORMULA, "debug": FORMULA,
    "examples": ["a folder"],
    "prove": ["f = x*y", "df/dx = y"],
    "step": FORMULA, "serve": [*FORMULA, "--port", "0"], "derive": FORMULA,
    "render": [*FORMULA, "-o", "-"],
    "train": ["learner.gd", "--data", "samples.csv", "--epochs", "2"],
    "sweep": ["learner.gd", "--data", "samples.csv", "--epochs", "2", "--lr", "0.01",
              "--executor", "threads"],
}  # fmt: skip


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with data to work in; no browser and no terminal are opened."""
    monkeypatch.chdir(tmp_path)
    Path("samples.csv").write_text(SAMPLES, "utf-8")
    Path("learner.gd").write_text(LEARNER, "utf-8")
    bound = lazy.app("serving.server").bound if lazy.is_installed("textual_serve") else None
    app = argparse.Namespace(run=lambda *_, **__: 0, bound=bound)
    monkeypatch.setattr(lazy, "app", lambda name: app)


def told(words: list[str], stdin: str = "") -> str:
    """What a command line writes to both streams; its exit code is one of an answer or an error."""
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(out):
        patch.setattr("sys.stdin", io.StringIO(stdin))
        code = cli.main(words)
    assert code in (0, 1, 2), f"{words!r}: {out.getvalue()[-300:]!r}"
    return out.getvalue()


def nothing_raw(words: list[str], stdin: str = "") -> None:
    """Run a command line; nothing raw is on its streams, or in a text it has written."""
    text = told(words, stdin)
    assert raw_in(text) == [], f"{words!r}: {text[-300:]!r}"
    for path in Path().rglob("*"):
        if path.suffix in (".json", ".csv", ".md", ".html", ".svg", ".dot", ".tex"):
            if path.name not in GIVEN and path.is_file():
                text = path.read_bytes().decode("utf-8", "surrogatepass")
                assert raw_in(text) == [], f"{words!r} wrote {path.name!r}"


GIVEN = ("samples.csv", "foul.csv", "foul.json")  # what the tests themselves have written


def test_every_command_has_an_example_that_works() -> None:
    assert set(WORKING) == set(ALL)


def options(command: str) -> Iterator[str]:
    """The options of a command that take a word."""
    for action in cli.parser_for(command)._actions:
        if action.option_strings and action.nargs != 0:
            yield action.option_strings[-1]


@pytest.mark.parametrize("foul", [MOST, WORST], ids=["most", "worst"])
@pytest.mark.parametrize("command", ALL)
def test_words_of_the_command_line(command: str, foul: str) -> None:
    working = WORKING[command]
    for option in options(command):
        nothing_raw([command, *working, option, foul])
        nothing_raw([command, *working, f"{option}={foul}"])
    for at in range(len(working)):
        nothing_raw([command, *working[:at], foul, *working[at + 1 :]])
    for more in (foul, f"--{foul}", f"x={foul}", f"{foul}=1", f"x=@{foul}"):
        nothing_raw([command, *working, more])


@pytest.mark.parametrize("foul", [MOST, WORST], ids=["most", "worst"])
def test_unknown_commands_and_sources(foul: str) -> None:
    for words in ([foul], [foul, "x=1"], [f"--{foul}"], [f"{foul}.gd"], [f"f = x # {foul}", "x=1"]):
        nothing_raw(words)
    nothing_raw(["-"], stdin=f"f = x + {foul}")


@pytest.mark.parametrize("foul", [MOST, WORST], ids=["most", "worst"])
@pytest.mark.parametrize("command", ALL)
def test_the_text_of_a_program(command: str, foul: str) -> None:
    """In a comment, in a text, in a line with an error, in the name of its file."""
    rest = WORKING[command][1:]
    begun = LEARNER if command in ("train", "sweep") else "f = x*y + x\n"
    if command == "prove":
        begun = "f = x*y\n"
    for text in (f"# {foul}\n{begun}", f'"""{foul}"""\n{begun}', f"{begun}# {foul}",
                 f"{begun}{foul}", f"{begun}z = unknown(x) # {foul}"):  # fmt: skip
        nothing_raw([command, text, *rest])
        if foul == MOST:
            path = Path(f"{MOST}.gd")
            path.write_bytes(text.encode("utf-8", "surrogatepass"))
            nothing_raw([command, str(path), *rest])


def test_files_that_are_written() -> None:
    """Documents, pictures and pages of a program with a foul comment, name and call."""
    text = f"# {MOST}\ndef g(a):\n    return a*a # {MOST}\nf = g(x) + x*y # {MOST}\n"
    for form in ("text", "markdown", "latex", "html"):
        nothing_raw(["derive", text, "x=2", "y=3", "--format", form])
    for name in ("f.svg", "f.dot", "f.html", "f.txt"):
        nothing_raw(["render", text, "x=2", "y=3", "-o", name])
    for command in ("run", "grad", "check"):
        nothing_raw([command, text, "x=2", "y=3", "--json"])


def test_no_link_leads_to_a_script() -> None:
    """A program's words are no links, in Markdown and in HTML."""
    for foul in ("[x](javascript:alert(1))", "<javascript:alert(1)>", "![x](data:text/html,1)",
                 '<a href="javascript:alert(1)">x</a>', "[x]: javascript:alert(1)"):  # fmt: skip
        for text in (f"f = x*y # {foul}", f'"""{foul}"""\nf = x*y'):
            for form in ("markdown", "html"):
                assert "javascript:" not in told(["derive", text, "--format", form])
        session = gd.Session(gd.parse(f"f = x*y # {foul}", name=f"{foul}.gd"))
        page = gd.to_html(session)
        assert links(page) == []
    named = Builder()
    x = named.input("[x](javascript:alert(1))", ())
    y = named.map("mul", x, named.input("<javascript:alert(2)>", ()))
    found = gd.derive(named.build({"[y]: javascript:alert(3)": y}))
    assert links(found.html()) == [each for each in links(found.html()) if each[0] == "#"]
    assert not re.search(r"(?m)(?<!\\)\]\(|^ *\[.*\]:|(?<!\\)<\w+:", found.markdown())


def links(page: str) -> list[str]:
    """What the links, pictures and scripts of a page lead to."""
    found: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value or "" for name, value in attrs if name.endswith(("href", "src")))

    Reader().feed(page)
    return found


@pytest.mark.parametrize("foul", [MOST, WORST], ids=["most", "worst"])
def test_samples(foul: str) -> None:
    """Cells, headers and names of columns."""
    for name, text in {
        "header": SAMPLES.replace("a,", f"{foul},", 1),
        "twice": SAMPLES.replace("a,b", f"{foul},{foul}", 1),
        "cell": SAMPLES.replace("1,1", f"1,{foul}", 1),
        "label": SAMPLES.replace(",0\n", f",{foul}\n"),
        "first": foul + SAMPLES,
    }.items():
        Path("foul.csv").write_bytes(text.encode("utf-8", "surrogatepass"))
        for more in ([], ["--target", "t"], ["--target", foul], ["-o", f"run-{name}"]):
            for command in ("train", "sweep"):
                nothing_raw([*replaced(command, "foul.csv"), *more])
        nothing_raw(["run", "f = sum(x)", "x=@foul.csv"])


def replaced(command: str, data: str) -> list[str]:
    """The example of a command with other samples."""
    return [command, *(data if word == "samples.csv" else word for word in WORKING[command])]


def test_sweeps_over_foul_values() -> None:
    for option in ("--lr", "--optimizer", "--batch", "--schedule"):
        for foul in (MOST, WORST, f"0.1,{MOST}", f"sgd,{MOST}"):
            nothing_raw(["sweep", *WORKING["sweep"], option, foul])


@pytest.mark.parametrize("foul", [MOST, WORST], ids=["most", "worst"])
def test_the_prompt(foul: str) -> None:
    """Each of its commands with a foul argument, and what is logged and shown at each stop."""
    lines = [f"{each.name} {foul}" for each in COMMANDS if each.method and each.name != "quit"]
    lines += [f"log f {foul} {{f}} {foul}", f'log f "{foul}"', f"break f if x > '{foul}'", foul,
              f"set x = {foul}", f"set x = @{foul}", "restart", "continue", "info"]  # fmt: skip
    nothing_raw(["debug", f"f = x*y + x # {foul}", "x=2", "y=3"], stdin="\n".join(lines))
    Path("script").write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    nothing_raw(["debug", *FORMULA, "-x", "script"])


@pytest.mark.parametrize("foul", [MOST, WORST], ids=["most", "worst"])
def test_saved_sessions(foul: str) -> None:
    session = gd.Session(gd.parse(f"# {foul}\nf = x*y + x # {foul}", name=f"{foul}.gd"))
    session.break_at("f", log=f"{foul} {{f}}")
    session.display("x + 1")
    Path("foul.json").write_text(session.to_json(), "utf-8")
    assert raw_in(session.to_json()) == []
    stdin = "info\nlist\ncontinue\nsave again.json\n"
    nothing_raw(["debug", "--load", "foul.json"], stdin=stdin)
    nothing_raw(["render", "--load", "foul.json", "-o", "f.html"])
    for path, value in damages(json.loads(session.to_json()), foul):
        Path("foul.json").write_text(json.dumps(value), "utf-8")
        nothing_raw(["debug", "--load", "foul.json"], stdin=stdin)
        assert path


def damages(data: Any, foul: str) -> Iterator[tuple[list[Any], Any]]:
    """The data with each of its texts in turn replaced by a foul one."""
    def places(part: Any, path: list[Any]) -> Iterator[list[Any]]:
        entries = part.items() if isinstance(part, dict) else enumerate(part)
        for key, value in entries:
            if isinstance(value, str):
                yield [*path, key]
            elif isinstance(value, (dict, list)):
                yield from places(value, [*path, key])

    for path in list(places(data, [])):
        copied = part = json.loads(json.dumps(data))
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = foul
        yield path, copied


def test_notebooks_show_nothing_raw() -> None:
    graph = gd.grad(gd.parse(f"def g(a): return a*a # {MOST}\nf = g(x) # {MOST}", name=MOST))
    trace = gd.evaluate(graph, {"x": 2.0})
    for found in (graph, trace, gd.check(graph, {"x": 2.0}), gd.Session(graph, {"x": 2.0})):
        for text in found._repr_mimebundle_().values():
            assert raw_in(text.replace("\u2060", "")) == []  # the page's own script has a joiner


def test_our_own_colours_stay() -> None:
    session = gd.Session(gd.parse(f"f = x*y # {MOST}"), {"x": 2.0, "y": 3.0})
    text = painting.painted(shown(Interpreter(session).execute("step 3").text, lines=True))
    assert text.count("\x1b[") == 2 * text.count("\x1b[0m") > 0
