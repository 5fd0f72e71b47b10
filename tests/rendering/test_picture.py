"""Pictures are read back: every line leads, glyph by glyph, from an operand to its consumer."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

import graphdbg as gd
from graphdbg.rendering.canvas import CROSSES, JOINT, LINES, STYLES, cells, clip
from graphdbg.rendering.cards import Look, fit
from graphdbg.rendering.picture import Box, Picture, rows, text
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph

EXAMPLES = Path(__file__).parents[2] / "examples"
UP, DOWN, LEFT, RIGHT = (0, -1), (0, 1), (-1, 0), (1, 0)
Cell = tuple[int, int]


def arms(glyph: str) -> set[Cell]:
    """The sides on which a glyph is open."""
    if glyph == JOINT:
        return {UP, DOWN, LEFT, RIGHT}
    if glyph in "▼▲":
        return {UP, DOWN}
    place = LINES.find(glyph)
    if place <= 0:
        return set()
    digits = (place // 27, place // 9 % 3, place // 3 % 3, place % 3)
    return {way for way, digit in zip((UP, DOWN, LEFT, RIGHT), digits) if digit}


def grid(shown: Sequence[str]) -> dict[Cell, str]:
    return {(x, y): cell for y, row in enumerate(shown) for x, cell in enumerate(cells(row))}


def owners(picture: Picture) -> dict[Cell, tuple[str, int]]:
    """What has which cell: a vertex or a stub."""
    found: dict[Cell, tuple[str, int]] = {}
    boxes = [("vertex", at, picture.box(at)) for at in picture.vertices]
    boxes += [("stub", at, box) for at, (box, _) in enumerate(picture.stubs().items())]
    for kind, at, box in boxes:
        for x in range(box.x, box.x + box.width):
            for y in range(box.y, box.y + box.height):
                assert (x, y) not in found
                found[x, y] = kind, at
    return found


def check_connected(drawn: dict[Cell, str], boxes: dict[Cell, tuple[str, int]]) -> None:
    """Each open side of a glyph meets one that is open towards it, or a box above or below."""
    for (x, y), glyph in drawn.items():
        if (x, y) in boxes:
            continue
        assert glyph == " " or arms(glyph), f"{glyph!r} lies outside of the boxes"
        for dx, dy in arms(glyph):
            beside = x + dx, y + dy
            if beside in boxes:
                assert dx == 0, f"{glyph} at {x}, {y} touches the side of a box"
            else:
                leads = (-dx, -dy) in arms(drawn.get(beside, " "))
                assert leads, f"{glyph} at {x}, {y} leads nowhere"


def followed(drawn: dict[Cell, str], boxes: dict[Cell, tuple[str, int]], box: Box) -> set[int]:
    """The vertices that lines from a box lead to; straight on at crossings, never upwards."""
    ends: set[int] = set()
    waiting = [((x, box.y + box.height), DOWN) for x in range(box.x, box.x + box.width)]
    waiting = [each for each in waiting if UP in arms(drawn.get(each[0], " "))]
    seen = set(waiting)
    while waiting:
        (x, y), way = waiting.pop()
        if (x, y) in boxes:
            kind, at = boxes[x, y]
            if kind == "vertex":
                assert way == DOWN and drawn[x, y - 1] == "▼"
                ends.add(at)
            continue
        glyph = drawn[x, y]
        onward = {way} if glyph in CROSSES else arms(glyph) - {(-way[0], -way[1]), UP}
        for dx, dy in onward:
            after = (x + dx, y + dy), (dx, dy)
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return ends


@st.composite
def programs(draw: st.DrawFn) -> Graph:
    """A random graph of sums, products and functions, on inputs with long and short names."""
    b = Builder()
    nodes = [b.input(draw(st.sampled_from("abcd")) * draw(st.integers(1, 20)) + str(at))
             for at in range(draw(st.integers(1, 4)))]  # fmt: skip
    for _ in range(draw(st.integers(1, 25))):
        pick = st.sampled_from(nodes[-draw(st.integers(1, 30)) :])
        if draw(st.booleans()):
            nodes.append(b.map(draw(st.sampled_from(["add", "mul"])), draw(pick), draw(pick)))
        else:
            nodes.append(b.map(draw(st.sampled_from(["tanh", "exp", "neg"])), draw(pick)))
    return b.build({"f": nodes[-1]})


@given(programs(), st.sampled_from(["card", "line", "dot"]))
@settings(deadline=None, max_examples=150)
def test_every_line_can_be_followed(graph: Graph, zoom: str) -> None:
    picture = Picture(graph, (), zoom)
    drawn, boxes = grid(text(picture).split("\n")), owners(picture)
    check_connected(drawn, boxes)
    short = set(picture.edges) - stubbed(picture)
    for source in picture.vertices:
        expected = {end for start, end in short if start == source}
        found = followed(drawn, boxes, picture.box(source))
        assert found == expected if zoom == "card" else found >= expected


def stubbed(picture: Picture) -> set[tuple[int, int]]:
    ends = {(own, other) for own, _, others in picture.stubs().values() for other in others}
    return {edge for edge in picture.edges if edge in ends and edge[::-1] in ends}


@given(programs(), st.integers(-20, 30), st.integers(-10, 30))
@settings(deadline=None, max_examples=80)
def test_a_window_is_a_part_of_the_picture(graph: Graph, left: int, top: int) -> None:
    picture = Picture(graph)
    whole = grid(text(picture, look).split("\n"))
    shown = rows(picture, (left, top, 31, 9), look)
    assert [cell_len("".join(run for run, _ in row)) for row in shown] == [31] * 9
    for (x, y), cell in grid(["".join(run for run, _ in row) for row in shown]).items():
        assert cell == whole.get((x + left, y + top), " ")
    assert {style for row in shown for _, style in row} <= set(STYLES)


def look(at: int) -> Look:
    states = ("known", "pending", "current")
    return Look(str(at), f"-{at}.5", states[at % 3], at % 2 == 0, at % 5 == 0)


@given(programs())
@settings(deadline=None, max_examples=30)
def test_a_step_moves_nothing(graph: Graph) -> None:
    """Whatever the looks say, the lines stay where they are, and the boxes keep their width."""
    first, second = Picture(graph), Picture(graph)
    assert text(first, look) == text(second, look)
    boxes, looked_at = owners(first), grid(text(first, look).split("\n"))
    for cell, glyph in grid(text(first).split("\n")).items():
        if cell not in boxes and glyph != " ":
            assert looked_at[cell] == glyph


@given(programs(), st.sampled_from(["left", "right", "up", "down"]))
@settings(deadline=None, max_examples=60)
def test_moving_always_progresses(graph: Graph, direction: str) -> None:
    picture = Picture(graph)
    for at in picture.vertices:
        to = picture.neighbour(at, direction)
        box = picture.box(at)
        if to is not None:
            other = picture.box(to)
            moved = other.x - box.x if direction in ("left", "right") else other.y - box.y
            assert moved < 0 if direction in ("left", "up") else moved > 0
        assert picture.at(box.x + box.width - 1, box.y) == at


@given(programs())
@settings(deadline=None, max_examples=40)
def test_every_vertex_can_be_reached(graph: Graph) -> None:
    picture = Picture(graph)
    seen, waiting = {picture.vertices[0]}, [picture.vertices[0]]
    while waiting:
        at = waiting.pop()
        for direction in ("left", "right", "up", "down"):
            to = picture.neighbour(at, direction)
            if to is not None and to not in seen:
                seen.add(to)
                waiting.append(to)
    assert seen == set(picture.vertices)


def test_between_boxes_is_nothing() -> None:
    picture = Picture(gd.parse("f=(x+y)z"))
    box = picture.box(0)
    assert picture.at(box.x + box.width, box.y) is None
    assert picture.at(box.x, picture.height + 5) is None
    assert picture.at(-1, -1) is None


def test_unknown_words_are_named() -> None:
    with pytest.raises(ValueError, match="zoom 'huge' is none of card, line, dot"):
        Picture(gd.parse("f=x*x"), (), "huge")
    with pytest.raises(ValueError, match="direction 'away' is none of left, right, up, down"):
        Picture(gd.parse("f=x*x")).neighbour(0, "away")


ROAD = [f"a{at + 1} = tanh(a{at})" for at in range(13)]
LONG = "\n".join(["a0 = tanh(x)", *ROAD, "f = a13 x"])


def test_stubs_name_their_other_end() -> None:
    graph = gd.parse(LONG)
    picture = Picture(graph)
    assert stubbed(picture) == {(graph.id("x"), graph.id("f"))}
    found = {graph.names[own]: label for own, label, _ in picture.stubs().values()}
    assert found == {"x": "⋯ f", "f": "⋯ x"}
    assert "⋯ x" in text(picture) and "⋯ f" in text(picture)


# ---------------------------------------------------------------- state


def styled(picture: Picture, style: str, **given: object) -> str:
    window = (0, 0, picture.width, picture.height)
    shown = rows(picture, window, given.get("look", look), given.get("current"),  # type: ignore[arg-type]
                 str(given.get("direction", "forward")))  # fmt: skip
    return "".join(run for row in shown for run, kind in row if kind == style)


def test_only_visible_vertices_are_looked_at() -> None:
    picture = Picture(gd.parse(LONG))
    asked: list[int] = []

    def watched(at: int) -> Look:
        asked.append(at)
        return Look()

    rows(picture, (0, 0, 60, 5), watched)
    assert 0 < len(asked) <= 3


def test_what_is_not_computed_is_a_dash() -> None:
    picture = Picture(gd.parse("f=x*x"))
    shown = text(picture, lambda at: Look(state="pending"))
    assert "0" not in shown
    assert shown.count("—") == 4
    assert "╌" in shown and "╎" in shown


def test_lines_into_the_current_node_are_heavy() -> None:
    graph = gd.parse("f=(x+y)z")
    picture = Picture(graph)
    assert "▼▼" in styled(picture, "edge-current", current=graph.id("q"))
    assert "▲" not in styled(picture, "edge-current", current=graph.id("q"))
    assert styled(picture, "edge-current") == ""


def test_backward_arrows_point_at_the_operands() -> None:
    graph = gd.parse("f=(x+y)z")
    picture = Picture(graph)
    shown = styled(picture, "edge-current", current=graph.id("q"), direction="backward")
    assert shown.count("▲") == 2 and "▼" not in shown


@pytest.mark.parametrize("zoom", ["card", "line", "dot"])
def test_every_state_shows_without_colour(zoom: str) -> None:
    picture = Picture(gd.parse("f=x*x"), (), zoom)
    looks = [Look("1", "2", state, selected, stop)
             for state in ("pending", "known", "current")
             for selected in (False, True) for stop in (False, True)]  # fmt: skip
    texts = {text(picture, lambda at, each=each: each) for each in looks}  # type: ignore[misc]
    states = 12 if zoom != "line" else 8  # a line says pending by its dash alone
    assert len(texts) == states


def test_a_gradient_node_is_found_at_its_forward_node() -> None:
    graph = gd.grad(gd.parse("f = tanh(x y)"))
    picture = Picture(graph)
    assert [graph.names[at] for at in picture.vertices] == ["x", "y", "q", "f"]
    assert picture.vertex_of(graph.id("f.d_q")) == graph.id("q")
    assert picture.vertex_of(graph.id("y")) == graph.id("y")


def test_nodes_of_a_folded_call_are_found_at_its_output() -> None:
    graph = gd.parse((EXAMPLES / "softmax_cross_entropy.gd").read_text("utf-8"))
    picture = Picture(graph, (0,))
    assert picture.vertex_of(graph.id("p.e")) == graph.id("p")
    assert Picture(graph).vertex_of(graph.id("p.e")) == graph.id("p.e")


# ---------------------------------------------------------------- strange names


def named(name: str) -> Graph:
    b = Builder()
    x = b.input(name)
    return b.build({"f": b.map("mul", x, x)})


@given(st.text(min_size=1, max_size=12), st.sampled_from(["card", "line"]))
@example("語" * 40, "card")
@example("e\u0301\n\x1b[31m", "line")
@example("👩\u200d🔬\ufe0f", "card")
@settings(deadline=None)
def test_no_name_breaks_the_drawing(name: str, zoom: str) -> None:
    picture = Picture(named(name), (), zoom)
    for window in ((0, 0, picture.width, picture.height), (5, 0, 9, 4)):
        for row in rows(picture, window, look):
            line = "".join(run for run, _ in row)
            assert cell_len(line) == window[2]
            assert not any(unicodedata.category(char) in ("Cc", "Cf") for char in line)


@given(st.text(max_size=12), st.integers(0, 14))
def test_clipped_text_fits(given: str, room: int) -> None:
    assert cell_len(clip(given, room)) <= room


@pytest.mark.parametrize(
    "given, room, expected",
    [
        ("3", 8, "3"),
        ("0.33333", 7, "0.33333"),
        ("-0.33333", 7, "-0.3333"),
        ("-1.2346e-105", 8, "-1e-105"),
        ("0 … 99, mean 49.5", 10, "0 … 99, m…"),
    ],
)
def test_numbers_lose_digits_and_not_their_exponent(given: str, room: int, expected: str) -> None:
    assert fit(given, room) == expected


# ---------------------------------------------------------------- the look itself

LECTURE = """
╭─ x ────────────╮  ╭─ y ────────────╮
│ -2        ∂ -4 │  │ 5         ∂ -4 │
╰─────────┰──────╯  ╰───┰────────────╯
          ▼             ▼
        ┏▸ q = x + y ━━━━┓  ╭─ z ────────────╮
        ┃ 3         ∂ -4 ┃  │ -4         ∂ — │
        ┗━━━━━━━┯━━━━━━━━┛  ╰─┬──────────────╯
                ▼             ▼
              ╭─ f = q·z ──────╮
              ● -12        ∂ 1 │
              ╰────────────────╯
"""

SQUARE = """
╭─ x ────────────╮
│ —          ∂ — │
╰───────┬────────╯
     ╭──┴────╮
     ▼       ▼
╭─ m = x·x ──────╮
│ —          ∂ — │
╰────────────────╯
"""

RESIDUAL = """
  ╭─ x (4,) ─────────────╮
  │ —                ∂ — │
  ╰───────────┬──────────╯
              ▼
╭─ h = tanh(x) ────────╮  ╭─ W (4, 4) ───────────╮
│ —                ∂ — │  │ —                ∂ — │
╰─────────┬────────────╯  ╰───────┬──────────────╯
          ├───────╮               │
          │       ▼               ▼
          │ ╭─ q = W @ h ──────────╮
          │ │ —                ∂ — │
          │ ╰───────────┬──────────╯
          │             ▼
          │ ╭─ q1 = relu(q) ───────╮
          │ │ —                ∂ — │
          │ ╰───────────┬──────────╯
          ▼             ▼
    ╭─ y = h + q1 ─────────╮  ╭─ t (4,) ─────────────╮
    │ —                ∂ — │  │ —                ∂ — │
    ╰───────────┬──────────╯  ╰─┬────────────────────╯
                ▼               ▼
          ╭─ q2 = y - t ─────────╮
          │ —                ∂ — │
          ╰───────────┬──────────╯
                      ▼
          ╭─ q3 = q2² ───────────╮
          │ —                ∂ — │
          ╰───────────┬──────────╯
                      ▼
              ╭─ q4 = sum(q3) ─╮
              │ —          ∂ — │
              ╰───────┬────────╯
                      ▼
              ╭─ E = q4 / 2 ───╮
              │ —          ∂ — │
              ╰────────────────╯
"""

FOLDED = """
                        ╭─ o (3,) ─────────────╮
                        │ —                ∂ — │
                        ╰───────────┬──────────╯
                                    ▼
                        ╭─ ⊞ p = softmax(o) ───╮
                        │ —                ∂ — │
                        ╰───────────┬──────────╯
                                    ▼
╭─ y (3,) ─────────────╮  ╭─ q8 = log(p) ────────╮
│ —                ∂ — │  │ —                ∂ — │
╰─────────────────────┬╯  ╰───────────┬──────────╯
                      ▼               ▼
                    ╭─ q9 = y·q8 ──────────╮
                    │ —                ∂ — │
                    ╰───────────┬──────────╯
                                ▼
                      ╭─ q10 = sum(q9) ──╮
                      │ —            ∂ — │
                      ╰─────────┬────────╯
                                ▼
                        ╭─ L = -q10 ─────╮
                        │ —          ∂ — │
                        ╰────────────────╯
"""

UNFOLDED = """
                o = —
              ╭─┴─╮
              │   ▼
              │   q = —
              │   ▼
              │   q1 = —
              │   ▼
              │   q2 = —
              │   ▼
              │   q3 = —
              │   ▼
              │   q4 = —
              ▼   ▼
            p.shifted = —
                ▼
                p.e = —
              ╭─┴──╮
              │    ▼
              │   q5 = —
              │   ▼
              │   p.total = —
              │     ▼
              │     q6 = —
              │     ▼
              │     q7 = —
              ╰──╮ ╭╯
                 ▼ ▼
                  p = —
                  ╰────╮
                       ▼
  y = —               q8 = —
  ╰───────────────╮ ╭─╯
                  ▼ ▼
                  q9 = —
                  ▼
                  q10 = —
                  ▼
                  L = —
"""

DOTS = """
● ● ● ● ● ●
│ │╭┴─┤ │ │
│ ││ ╭┼─┴─┤
│ ╰┼─┤│   │
╰──┤ ││   │
  ╭╯╭╯│   │
  ▼ ▼ ▼   ▼
  ● ● ●   ●
  ├─╯ ╰─╮ │
  │     ├─╯
  ▼     ▼
  ● ●   ● ●
  ├─╯   ├─╯
  ▼     ▼
  ●     ●
  ▼     ▼
● ●   ● ●
╰─┤   ╰─┤
  ▼     ▼
  ●     ●
  ╰─╮   │
    ├───╯
    ▼
    ● ●
    ├─╯
    ▼
    ●
    ▼
    ○
"""


def example_graph(name: str) -> Graph:
    return gd.parse((EXAMPLES / f"{name}.gd").read_text("utf-8"))


def test_the_lecture_as_it_is_stepped() -> None:
    graph = gd.parse("f=(x+y)z")
    looks = {
        "x": Look("-2", "-4"),
        "y": Look("5", "-4"),
        "z": Look("-4", ""),
        "q": Look("3", "-4", "current", selected=True),
        "f": Look("-12", "1", breakpoint=True),
    }
    shown = text(Picture(graph), lambda at: looks[graph.names[at]], graph.id("q"))
    assert shown == LECTURE.strip("\n")


def test_a_square_has_two_lines() -> None:
    assert text(Picture(gd.parse("m = x*x"))) == SQUARE.strip("\n")


def test_a_residual_branch() -> None:
    assert text(Picture(example_graph("residual"))) == RESIDUAL.strip("\n")


def test_softmax_folded_and_unfolded() -> None:
    graph = example_graph("softmax_cross_entropy")
    every = range(len(graph.calls))
    assert text(Picture(graph, every)) == FOLDED.strip("\n")
    assert text(Picture(graph, (), "line")) == UNFOLDED.strip("\n")


def test_a_neuron_in_dots() -> None:
    program = """
        h0 = tanh(w1_0_0*x0 + w1_0_1*x1 + b1_0)
        h1 = tanh(w1_1_0*x0 + w1_1_1*x1 + b1_1)
        o = tanh(w2_0_0*h0 + w2_0_1*h1 + b2_0)
    """
    graph = gd.parse(program)
    pending = Look(state="pending")
    shown = text(Picture(graph, (), "dot"), lambda at: pending if at == graph.id("o") else Look())
    assert shown == DOTS.strip("\n")


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.gd")), ids=lambda path: path.stem)
@pytest.mark.parametrize("zoom", ["card", "line", "dot"])
def test_examples_can_be_followed(path: Path, zoom: str) -> None:
    graph = gd.parse(path.read_text("utf-8"))
    for folded in ((), range(len(graph.calls))):
        picture = Picture(graph, folded, zoom)
        drawn, boxes = grid(text(picture).split("\n")), owners(picture)
        check_connected(drawn, boxes)
        short = set(picture.edges) - stubbed(picture)
        for source in picture.vertices:
            expected = {end for start, end in short if start == source}
            assert followed(drawn, boxes, picture.box(source)) >= expected
