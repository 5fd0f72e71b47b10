"""Text that is not trusted never reaches a terminal raw: how it is shown, and by which outlets."""

from __future__ import annotations

import ast
import json
import sys
from pathlib import Path

import pytest
from hostile import HOSTILE, raw_in

import graphdbg as gd
from graphdbg.commandline import consoles
from graphdbg.source import Source, Span, escaped_in_json, on_one_line, shown


@pytest.mark.parametrize("kind", HOSTILE)
def test_every_kind_is_shown_once_and_only_once(kind: str) -> None:
    text = f"a {HOSTILE[kind]} b"
    once = shown(text)
    assert raw_in(once) == []
    assert once.isprintable() and once != text
    assert shown(once) == once
    assert shown(text, lines=True) == once


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("f = (x + y)*z", "∂L/∂W₁ = Xᵀ(p − ŷ) ⊙ 1[z₁ > 0]", "Größe, наука, 數學, अनुच्छेद"):
        assert shown(text) == text


def test_line_ends_and_tabs() -> None:
    assert shown("a\r\nb\tc\n", lines=True) == "a\nb\tc\n"
    assert shown("a\r\nb\tc") == "a␍␊b␉c"
    assert on_one_line("a\r\n\tb\x1b") == "a   b␛"


def test_an_excerpt_shows_its_line_and_points_at_the_place() -> None:
    text = "a\x1b\u202e + b\u202ec + d"
    line, carets = Span(Source(text), 6, 9).excerpt().split("\n")
    assert raw_in(line) == []
    assert line[carets.index("^") : carets.rindex("^") + 1] == "b⟨U+202E⟩c"


def test_an_error_shows_what_it_quotes() -> None:
    error = gd.GraphError("no node named 'a\x1b[31m\u202e'")
    assert str(error) == "no node named 'a␛[31m⟨U+202E⟩'"
    assert error.message.endswith("\u202e'")


def test_json_keeps_the_data_and_shows_nothing_raw() -> None:
    data = [*HOSTILE.values(), "∂L/∂W₁"]
    text = escaped_in_json(json.dumps(data, ensure_ascii=False, indent=1))
    assert raw_in(text) == [] and "∂L/∂W₁" in text
    assert json.loads(text) == data


def test_a_console_shows_what_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    for kind, text in HOSTILE.items():
        consoles.console(width=80).print(f"{kind} [b]{text}[/]")
    out = capsys.readouterr().out
    assert raw_in(out) == [] and "[b]⟨U+202E⟩[/]" in out


def test_the_command_line_writes_through_its_outlets_only() -> None:
    """A command that printed by itself would show its texts raw."""
    folder = Path(sys.modules["graphdbg.commandline"].__file__ or "").parent
    for path in sorted(folder.glob("*.py")):
        if path.stem in ("outlets", "consoles"):
            continue
        for tree in ast.walk(ast.parse(path.read_text("utf-8"))):
            called = ast.unparse(tree.func) if isinstance(tree, ast.Call) else ""
            text = called in ("print", "Console", "sys.stdout.write", "sys.stderr.write")
            assert not text or _is_static(tree), f"{path.name}:{getattr(tree, 'lineno', 0)}"


def _is_static(call: ast.AST) -> bool:
    """Whether a call writes nothing but the program's own words and whole numbers."""
    assert isinstance(call, ast.Call)
    names = {each.id for each in ast.walk(call.args[0]) if isinstance(each, ast.Name)}
    return names <= {"done", "count"}


@pytest.mark.parametrize("name", ["x\u3164", "x\uffa0", "\u115f", "x\u034f", "x" + "\u0301" * 6])
def test_names_that_nobody_can_tell_apart_are_refused(name: str) -> None:
    for text in (f"f = {name} + 1", f"{name}: Real[3]\nf = sum({name})", f"x: Real[{name}]"):
        with pytest.raises(gd.GraphError, match=r"cannot read the character U\+[0-9A-F]{4} in a"):
            gd.parse(text)
    with pytest.raises(gd.GraphError, match="expected a whole number or the name of a dimension"):
        gd.parse("f = sum(x)", shapes={"x": (name,)})


def test_a_lone_surrogate_is_no_name() -> None:
    with pytest.raises(gd.GraphError, match=r"cannot read the character \(U\+D800\)"):
        gd.parse("f = x\ud800")
