"""Circuits: which nodes, what stands on their wires, where they stand; texts that break nothing.

The DOT texts in tests/drawing/drawings are written anew with GRAPHDBG_REFRESH=1.
"""

from __future__ import annotations

import io
import itertools
import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from colours import contrast
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

import graphdbg as gd
from graphdbg import lazy
from graphdbg.commandline.cli import main
from graphdbg.drawing import circuits, engines
from graphdbg.drawing.circuits import MOST_SHOWN, Choice, circuit
from graphdbg.drawing.engines import Engine, engine
from graphdbg.drawing.labels import plain, width, wrapped
from graphdbg.drawing.pictures import Options, Studio
from graphdbg.drawing.scenes import Moments
from graphdbg.drawing.signs import sign
from graphdbg.drawing.themes import THEMES
from graphdbg.errors import DrawingError, GraphError, SlowDrawingError
from graphdbg.publishing import exports
from graphdbg.rendering.folding import LITERALS, View
from graphdbg.rendering.numbers import brief
from graphdbg.stepping.session import Session
from graphdbg.tape.builder import Builder

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "drawings"
POINT = {"x": -2.0, "y": 5.0, "z": -4.0}
SVG = "{http://www.w3.org/2000/svg}"
SHAPES = (f"{SVG}polygon", f"{SVG}path", f"{SVG}ellipse")
WEIRD = (
    "<script>alert(1)</script>", "\"q\" & 'r'", r"\N \G \l \E", "x" * 10_000, "a\nb\x00\x07",
    "</TD></TABLE>>", "日本語", "a|b{c}", "%s", "&amp;", "]]>", "-->",
)  # fmt: skip


def has_graphviz() -> bool:
    try:
        return bool(engine().title)
    except DrawingError:
        return False


drawn = pytest.mark.skipif(not has_graphviz(), reason="no Graphviz on this machine")


def lecture() -> Session:
    return Session(gd.parse("f=(x+y)z"), POINT)


def example(name: str) -> Session:
    graph = gd.parse((ROOT / "examples" / f"{name}.gd").read_text("utf-8"), name=f"{name}.gd")
    return Session(graph, {})


def chain(length: int) -> gd.Graph:
    return gd.parse("\n".join(f"x{at + 1} = sin(x{at})" for at in range(length)))


# ------------------------------------------------------------------ DOT


GOLDENS = {
    "lecture": lambda: exports.to_dot(lecture()),
    "lecture-step-8": lambda: exports.to_dot(lecture(), step=8),
    "lecture-structure": lambda: exports.to_dot(gd.parse("f=(x+y)z")),
    "lecture-forward": lambda: exports.to_dot(lecture(), only="forward", theme="print"),
    "lecture-backward": lambda: exports.to_dot(lecture(), only="backward", theme="dark"),
    "lecture-heat": lambda: exports.to_dot(lecture(), heat=True, locals=True),
    "lecture-down": lambda: exports.to_dot(lecture(), down=True),
    "softmax-open": lambda: exports.to_dot(Session(
        gd.parse("p = softmax(o); L = -log(p[0])", shapes={"o": (3,)}), {"o": [1.0, 2.0, 4.0]})),
    "softmax-folded": lambda: exports.to_dot(Session(
        gd.parse("p = softmax(o); L = -log(p[0])", shapes={"o": (3,)}), {"o": [1.0, 2.0, 4.0]}),
        fold="softmax"),
    "cut": lambda: exports.to_dot(lecture(), neighbourhood="q:1"),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDENS)
def test_dot_is_what_it_was(name: str) -> None:
    found, path = GOLDENS[name](), GOLDEN / f"{name}.dot"
    if os.environ.get("GRAPHDBG_REFRESH"):
        path.write_text(found, "utf-8")
    assert found == path.read_text("utf-8")


def test_dot_is_the_same_in_every_process() -> None:
    code = (
        "import graphdbg as gd; g = gd.parse(open('examples/attention.gd').read()); "
        "print(gd.to_dot(gd.Session(g, {}), step=30, heat=True, locals=True))"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, check=True,
                       capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1 and "digraph circuit" in found.pop()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 30))
def test_a_circuit_has_each_node_and_each_use_once(seed: int, length: int) -> None:
    graph = random_graph(seed, length)
    made = circuit(graph)
    forward = [at for at in range(len(graph)) if not graph.phases[at]]
    literal = {at for at in forward if isinstance(graph.ops[at], LITERALS)}
    assert list(made.nodes) == [at for at in forward if at not in literal]
    uses = [
        (arg, at, slot)
        for at in forward
        for slot, arg in enumerate(graph.args[at])
        if arg not in literal
    ]
    assert sorted(made.edges) == sorted(uses)
    assert not any(made.hidden_in.values()) and not any(made.hidden_out.values())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 30), st.integers(0, 3))
def test_a_neighbourhood_counts_what_it_leaves_out(seed: int, length: int, hops: int) -> None:
    graph = random_graph(seed, length)
    whole = circuit(graph)
    middle = whole.nodes[seed % len(whole.nodes)]
    made = circuit(graph, Choice(around=(graph.names[middle], hops)))
    near = {middle}
    for _ in range(hops):
        near |= {b for a, b, _ in whole.edges if a in near} | {
            a for a, b, _ in whole.edges if b in near
        }
    assert set(made.nodes) == near
    out = sum(made.hidden_in.values()) + sum(made.hidden_out.values())
    assert out == sum((a in near) != (b in near) for a, b, _ in whole.edges)


# ------------------------------------------------------------------ what is shown


@pytest.mark.parametrize("name", ["classifier", "residual", "softmax_cross_entropy", "attention"])
def test_the_last_moment_shows_what_evaluate_finds(name: str) -> None:
    session = example(name)
    made = Studio(session)
    scene, backward = made.moments.at(session.end), session.backward
    trace = gd.evaluate(session.graph, session.point)
    assert backward is not None
    for at in made.circuit.nodes:
        look = scene.looks[at]
        assert look.value == brief(np.asarray(trace.arrays[at]), 18)
        known = backward.upstream.get(at)
        shown = brief(np.asarray(trace.arrays[known]), 18) if known is not None else ""
        assert look.gradient == shown


def test_a_moment_shows_nothing_early() -> None:
    session = lecture()
    moments = Moments(circuit(session.graph), session)
    for position in range(session.end + 1):
        scene = moments.at(position)
        session.goto(position)
        for at, look in scene.looks.items():
            name = session.graph.names[at]
            value, gradient = session.value(name), session.gradient(name)
            assert look.value == ("" if value is None else brief(value))
            assert (look.gradient == "") == (gradient is None)
            assert (look.state == "pending") == (value is None)
    assert moments.at(8).current == session.graph.id("q")
    assert moments.at(8).lit == {(0, 2, 0), (1, 2, 1)}


def test_a_sum_of_contributions_says_how_far_it_is() -> None:
    session = Session(gd.parse("f = x*x + x"), {"x": 3.0})
    moments = Moments(circuit(session.graph), session)
    texts = {moments.at(at).looks[0].gradient for at in range(session.end + 1)}
    assert texts == {"", "1 (1 of 3)", "7"}


@pytest.mark.parametrize("only", ["forward", "backward"])
def test_one_pass_alone(only: str) -> None:
    text = exports.to_dot(lecture(), only=only)
    values, gradients = ">-12</FONT>" in text, ">1</FONT>" in text
    assert (values, gradients) == (only == "forward", only == "backward")


def test_signs_of_operations() -> None:
    graph = gd.parse(
        "x: Real[3]; W: Real[3,3]\na = 1/(1+exp(-x)); b = a**2; c = W @ b; d = sum(c); "
        "e = max(0, d); f = 2*e - 1"
    )
    view = View(graph, None)
    found = [sign(view, at) for at in range(len(graph)) if graph.args[at] and view.is_shown(at)]
    assert [each for each in found if each != "repeat"] == [
        "−( )", "exp", "+ 1", "1/( )", "( )²", "@", "Σ", "max(0, ( ))", "× 2", "− 1",
    ]  # fmt: skip


def test_heat_is_logarithmic_and_vanishing_gradients_are_cold() -> None:
    graph = gd.grad(gd.parse("a = x * 1e-9; b = a + 1; f = b + y"))
    trace = gd.evaluate(graph, {"x": 1.0, "y": 1.0})
    scene = Studio(graph, trace, Options(heat=True)).scene()
    heat = {graph.names[at]: share for at, share in scene.heat.items()}
    assert heat["f"] == heat["y"] == 1.0 and heat["x"] == 0.0
    assert scene.heat_ends == "|gradient| from 1e-06 or less to 1"


def test_heat_tells_nothing_early() -> None:
    session = lecture()
    made = Studio(session, options=Options(heat=True))
    assert {session.graph.names[at] for at in made.scene(3).heat} == {"f"}
    assert {session.graph.names[at] for at in made.scene(8).heat} == {"f", "q", "z"}
    assert set(made.scene(12).heat) == set(made.circuit.nodes)


@drawn
@pytest.mark.parametrize("down", [False, True])
def test_the_name_of_an_input_ends_where_its_wire_begins(down: bool) -> None:
    picture = Studio(lecture(), options=Options(down=down)).picture("svg")
    groups = {group.get("id"): group for group in ElementTree.fromstring(picture).iter(f"{SVG}g")}
    name, path = groups["op-0"].find(f"{SVG}text"), groups["out-0"].find(f"{SVG}path")
    assert name is not None and path is not None and name.text == "x"
    begin = float(path.get("d", "")[1:].split(",")[0])
    assert name.get("text-anchor") == ("middle" if down else "end")
    assert float(name.get("x", "0")) == pytest.approx(begin if down else begin - 3, abs=0.02)


@drawn
def test_texts_beside_a_wire_that_runs_down_end_at_it() -> None:
    picture = Studio(lecture(), options=Options(down=True)).picture("svg")
    wire = next(group for group in ElementTree.fromstring(picture).iter(f"{SVG}g")
                if group.get("id") == "wire-2")  # fmt: skip
    line = wire.find(f"{SVG}polygon")
    assert line is not None
    x = float(line.get("points", "").split(",")[0])
    texts = {text.get("class"): text for text in wire.iter(f"{SVG}text")}
    assert texts["value"].text == "3" and texts["gradient"].text == "-4"
    assert texts["value"].get("text-anchor") == "end"
    assert float(texts["value"].get("x", "0")) < x < float(texts["gradient"].get("x", "0"))


def test_themes_can_be_read() -> None:
    """WCAG 2: 4.5 to 1 for text, 3 to 1 for what is not computed yet."""
    for theme in THEMES.values():
        for colour in (theme.ink, theme.muted, theme.value, theme.gradient, theme.current_edge):
            assert contrast(colour, theme.paper) >= 4.5, (theme, colour)
        assert contrast(theme.pending, theme.paper) >= 3.0
        for ground in (theme.operation, theme.call, theme.current):
            assert contrast(theme.ink, ground) >= 4.5


# ------------------------------------------------------------------ large graphs


def test_calls_fold_by_themselves_and_the_picture_says_so() -> None:
    text = "def g(x):\n    return sin(x)*cos(x)\ndef h(x):\n    return g(g(x)) + x\n"
    text += "\n".join(f"x{at + 1} = h(x{at})" for at in range(300))
    made = circuit(gd.parse(text))
    assert len(made.nodes) == 901 and made.notes == ("calls are folded: g (600)",)
    everything = circuit(gd.parse(text), Choice(everything=True))
    assert len(everything.nodes) == 1 + 300 * 7 and not everything.notes


def test_what_cannot_fold_is_cut_to_what_is_near() -> None:
    made = circuit(chain(5_000))
    assert len(made.nodes) == MOST_SHOWN
    assert made.graph.names[made.nodes[-1]] == "x5000"
    assert made.notes == ("the 1,100 of 5,001 nodes that are nearest to x5000",)
    assert made.hidden_in[made.nodes[0]] == 1


@drawn
def test_a_large_picture_is_laid_out_by_another_program() -> None:
    made = Studio(chain(1_500), options=Options(Choice(everything=True)))
    picture = made.picture("svg").decode()
    assert picture.count('class="node wire') == 1_501
    assert "laid out by sfdp" in picture
    with pytest.raises(DrawingError, match="too many for a png"):
        Studio(chain(3_100), options=Options(Choice(everything=True))).picture("png")


# ------------------------------------------------------------------ Graphviz


@drawn
def test_the_layout_does_not_move_between_steps() -> None:
    session = example("softmax_cross_entropy")
    studio = Studio(session)
    frames = [places(data) for data in itertools.islice(studio.frames("svg"), 0, None, 7)]
    assert len(frames) > 6
    assert all(each == frames[0] for each in frames)


def places(data: bytes) -> dict[str, object]:
    """The size of a picture, and where each wire and operation is."""
    root = ElementTree.fromstring(data)
    found: dict[str, object] = {"size": root.get("viewBox")}
    for group in root.iter(f"{SVG}g"):
        name = group.get("id", "")
        if name.startswith(("wire-", "op-", "call-")):
            shape = next((each for each in group if each.tag in SHAPES), None)
            if shape is not None:
                found[name] = shape.get("points") or shape.get("d") or shape.get("cx")
    return found


@drawn
def test_each_wire_names_its_texts() -> None:
    session = lecture()
    root = ElementTree.fromstring(Studio(session).picture("svg"))
    wires = {
        group.get("id"): {text.get("class"): text.text for text in group.iter(f"{SVG}text")}
        for group in root.iter(f"{SVG}g")
        if "wire" in group.get("class", "").split()
    }
    assert wires["wire-2"] == {"name": "q", "value": "3", "gradient": "-4"}
    assert wires["wire-0"] == {"value": "-2", "gradient": "-4"}
    titles = [title.text for title in root.iter(f"{SVG}title")]
    assert titles[0] == "Computational graph of f in <text>, 5 nodes"
    assert {"q = x + y", "q = 3", "f = q·z", "f = -12"} <= set(titles)


@drawn
@pytest.mark.parametrize("name", WEIRD, ids=lambda name: repr(name[:12]))
def test_no_name_breaks_a_picture(name: str) -> None:
    b = Builder()
    x = b.input(name)
    graph = gd.grad(b.build({name + "f": b.map("sin", b.map("exp", x))}))
    session = Session(graph, {name: 1.0})
    for form in ("svg", "png", "pdf"):
        assert Studio(session).picture(form, 1)
    root = ElementTree.fromstring(Studio(session).picture("svg", 1))
    assert not list(root.iter(f"{SVG}script")) and not list(root.iter(f"{SVG}a"))
    shown = {text.text for text in root.iter(f"{SVG}text")}
    assert plain(name) in shown or name.isspace()


@drawn
def test_every_format_and_theme(tmp_path: Path) -> None:
    magic = {"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "gif": b"GIF8",
             "txt": "╭".encode()}  # fmt: skip
    for form, theme in zip(magic, itertools.cycle(THEMES)):
        if form == "gif" and not lazy.is_installed("PIL"):
            continue
        done = gd.render(lecture(), tmp_path / f"f.{form}", theme=theme)
        assert done.path.read_bytes().startswith(magic[form]), form
        assert str(done).startswith(f"{tmp_path}/f.{form}: 5 nodes")


@drawn
def test_a_gif_has_a_frame_a_step() -> None:
    image = pytest.importorskip("PIL.Image")
    data, _ = exports.drawn(lecture(), "gif", None, None, None, lambda done, count: None, {})
    with image.open(io.BytesIO(data)) as found:
        assert found.n_frames == 13


def fake(folder: Path, script: str) -> Path:
    path = folder / "dot"
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)
    return path


def test_without_graphviz_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(lazy, "is_installed", lambda name: False)
    engines._engine.cache_clear()
    with pytest.raises(DrawingError, match=r"no Graphviz found.*pip install 'graphdbg\[pictures\]"):
        engine()
    engines._engine.cache_clear()


def test_an_old_pygraphviz_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(lazy, "is_installed", lambda name: True)
    monkeypatch.setattr(engines.metadata, "version", lambda name: "1.14")
    engines._engine.cache_clear()
    with pytest.raises(DrawingError, match="pygraphviz 1.14 has no Graphviz inside, 2.0 has"):
        engine()
    engines._engine.cache_clear()


def test_the_graphviz_inside_pygraphviz_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygraphviz", minversion="2")
    monkeypatch.setenv("PATH", "/nonexistent")
    engines._engine.cache_clear()
    session = lecture()
    studio = Studio(session)
    assert studio.engine.title.startswith("the Graphviz inside pygraphviz 2")
    frames = [places(data) for data in studio.frames("svg")]
    assert all(each == frames[0] for each in frames) and {"op-2", "wire-4"} <= frames[0].keys()
    assert studio.picture("png").startswith(b"\x89PNG")
    engines._engine.cache_clear()


@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for dot")
def test_a_graphviz_that_hangs_is_stopped(tmp_path: Path) -> None:
    slow = Engine("slow", (str(fake(tmp_path, "exec sleep 60")),))
    with pytest.raises(SlowDrawingError, match=r"Graphviz \(dot\) did not finish within 0.2 s"):
        slow.run("digraph {}", "dot", "svg", limit=0.2)
    broken = Engine("broken", (str(fake(tmp_path, "echo syntax error >&2; exit 1")),))
    with pytest.raises(DrawingError, match="could not make svg: syntax error"):
        broken.run("digraph {}", "dot", "svg")


@drawn
@pytest.mark.skipif(os.name != "posix", reason="a shell script stands in for dot")
def test_a_layout_that_hangs_is_left_to_sfdp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = engine()
    if len(found.words) != 1:
        pytest.skip("no dot on the PATH")
    fake(tmp_path, f'[ "$1" = -Kdot ] && exec sleep 60\nexec {found.words[0]} "$@"')
    monkeypatch.setattr("graphdbg.drawing.pictures.PATIENCE", 0.3)
    monkeypatch.setattr("graphdbg.drawing.pictures.engine",
                        lambda: Engine("half", (str(tmp_path / "dot"),)))  # fmt: skip
    assert "laid out by sfdp" in Studio(lecture()).picture("svg").decode()


# ------------------------------------------------------------------ the interface


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"theme": "red"}, "found theme 'red', expected one of light, dark, print"),
        ({"theme": "ligth"}, "did you mean 'light'"),
        ({"only": "up"}, "found only 'up', expected one of both, forward, backward"),
        ({"fold": "softmax"}, "no call of 'softmax' to fold"),
        ({"depth": -1}, "found depth -1, expected 0"),
        ({"neighbourhood": "q:x"}, "found neighbourhood 'q:x', expected a node and a number"),
        ({"neighbourhood": "w:2"}, "no node named 'w'"),
        ({"step": 13}, "found step 13, expected one from 0 to 12"),
        ({"step": 1, "at": "q"}, "either a step or a node"),
        ({"at": "w"}, "found 'w', expected a node"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(GraphError, match=re.escape(said)):
        exports.to_dot(lecture(), **arguments)  # type: ignore[arg-type]


def test_numbers_are_needed_where_they_are_shown() -> None:
    with pytest.raises(GraphError, match="give the inputs values"):
        exports.to_dot(gd.parse("f=(x+y)z"), step=2)
    with pytest.raises(GraphError, match="heat and local derivatives are numbers"):
        exports.to_dot(gd.parse("f=(x+y)z"), heat=True)
    graph = gd.parse("f=(x+y)z")
    with pytest.raises(GraphError, match="no backward pass"):
        exports.to_dot(graph, trace=gd.evaluate(graph, POINT), heat=True)


def test_at_stands_where_a_node_is_reached() -> None:
    assert exports.to_dot(lecture(), at="q") == exports.to_dot(lecture(), step=1)
    backward = exports.to_dot(lecture(), at="q", only="backward")
    assert backward == exports.to_dot(lecture(), step=8, only="backward")
    assert exports.to_dot(lecture(), at="x") == exports.to_dot(lecture(), step=12)


def test_text_shows_the_numbers() -> None:
    text = gd.to_text(lecture())
    assert "f = q·z" in text and "-12" in text and "∂ 1" in text


@drawn
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "f.foo"], "found format 'foo', expected one of svg, png, pdf, dot"),
        (["-o", "f"], "found a file without an ending, 'f'"),
        (["-o", "no/such/f.svg"], "cannot write 'no/such/f.svg': there is no folder"),
        ([], "expected either -o FILE"),
        (["-o", "-"], "say which --format"),
        (["--frames", "d", "--format", "dot"], "found --format dot for --frames"),
        (["--frames", "d", "--step", "1"], "--frames draws every step"),
        (["-o", "f.svg", "--step", "40"], "found step 40, expected one from 0 to 12"),
    ],
)
def test_the_command_line_refuses(
    words: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["render", "f=(x+y)z", *words]) == 2
    assert said in capsys.readouterr().err


@drawn
def test_the_command_line_draws(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["render", "f=(x+y)z", "x=-2", "y=5", "z=-4", "-o", "f.svg"]) == 0
    assert "f.svg: 5 nodes, drawn by " in capsys.readouterr().out
    assert main(["render", "f=(x+y)z", "x=-2", "--frames", "walk"]) == 0
    assert "random values (--seed 0) for y, z" in capsys.readouterr().out
    assert [each.name for each in sorted(Path("walk").iterdir())][:2] == [
        "step-00.svg",
        "step-01.svg",
    ]
    assert len(list(Path("walk").iterdir())) == 13
    assert main(["render", "f=(x+y)z", "-o", "-", "--format", "dot", "--at", "q"]) == 0
    assert capsys.readouterr().out.startswith("digraph circuit {")


# ------------------------------------------------------------------ texts


def test_texts_are_cut_and_wrapped() -> None:
    assert plain("x" * 50) == "x" * 39 + "…"
    lines = list(wrapped("a sentence of several words that is long", 9, 100))
    assert " ".join(lines) == "a sentence of several words that is long" and len(lines) > 1
    assert all(width(line, 9) <= 100 for line in lines)


def test_levels_of_calls() -> None:
    graph = gd.parse("def g(x):\n    return sin(x)\ndef h(x):\n    return g(x)\ny = h(x)")
    assert circuits.levels(graph) == [1, 2]


def test_frames_never_lie_over_the_program(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    program = tmp_path / "step-0.svg"
    program.write_text("f=x*x")
    assert main(["render", str(program), "--frames", str(tmp_path), "--format", "svg"]) == 2
    assert "which is read from" in " ".join(capsys.readouterr().err.split())
    assert program.read_text() == "f=x*x"
