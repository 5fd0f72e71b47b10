"""The terminal app: keys are pressed, then the session is read, or the screen."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from app_driver import drive, opened, press, screen_text, settled, type_in, until
from graphdbg_tui.app import Debugger
from graphdbg_tui.screens.help import Help
from graphdbg_tui.widgets.graph import GraphPane
from graphdbg_tui.widgets.panes import Rows

import graphdbg as gd
from graphdbg.stepping.commands import COMMANDS

LECTURE = ("f=(x+y)z", "x=-2", "y=5", "z=-4")
SOFTMAX = ("examples/softmax_cross_entropy.gd", "o=[2,1,-1]", "y=[0,1,0]")


def found(app: Debugger) -> gd.Session:
    assert app.controller is not None
    return app.controller.session


def after(*keys: str, program: tuple[str, ...] = LECTURE) -> gd.Session:
    """The session after keys were pressed."""
    kept: list[gd.Session] = []

    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, *keys)
        kept.append(found(app))

    drive(opened(*program), script)
    return kept[0]


@pytest.mark.parametrize(
    ("keys", "position"),
    [
        (["s"], 1),
        (["s*5", "S*2"], 3),
        (["n*4"], 6),
        (["n*4", "N"], 3),
        (["c"], 12),
        (["c", "C"], 0),
        (["G"], 12),
        (["G", "g"], 0),
        (["f"], 2),
        (["f", "f"], 12),
        (["G", "F"], 2),
        (["s*3", "z"], 2),
        (["f10", "f11", "f5"], 12),
    ],
)
def test_motion(keys: list[str], position: int) -> None:
    assert after(*keys).position == position


def test_walking_to_the_end_gives_the_gradients() -> None:
    session = after("s*12")
    assert {name: float(session.gradient(name)) for name in "xyz"} == {"x": -4, "y": -4, "z": 3}


def test_a_breakpoint_at_the_selected_node_stops() -> None:
    session = after("j", "j", "b", "g", "c")
    (mark,) = session.marks.breakpoints.values()
    assert session.frame.node == mark.target
    assert after("j", "b", "b").marks.breakpoints == {}


def test_until_the_selected_node() -> None:
    session = after("j", "j", "t")
    assert session.position > 0


def test_a_call_is_taken_whole_or_entered() -> None:
    assert after("n", program=SOFTMAX).frame.node == "p"
    inside = after("s*3", program=SOFTMAX)
    assert inside.frame.stack == ("p",)
    assert after("s*3", "f", program=SOFTMAX).frame.stack == ()


def test_folding_changes_the_picture_and_not_the_session() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        controller = app.controller
        assert controller is not None
        before = len(controller.picture.vertices)
        controller.select(controller.session.graph.id("p.e"))
        await press(pilot, "x")
        assert len(controller.picture.vertices) < before
        assert controller.session.position == 0
        assert controller.selected_name == "p"
        await press(pilot, "x")
        assert len(controller.picture.vertices) == before

    drive(opened(*SOFTMAX), script)


def test_a_folded_call_opens_when_the_cursor_steps_in() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        controller = app.controller
        assert controller is not None
        call = controller.session.graph.id("P")
        controller.session.goto(controller.session.walk.places[call][0])
        await press(pilot, "g", "n*6")
        assert controller.folded
        await press(pilot, "s*2")
        while not controller.session.frame.stack:
            await press(pilot, "s")
        assert not controller.folded

    drive(opened("examples/classifier.gd", "n=4", "d=3", "h=5", "k=3"), script)


def test_selecting_with_keys_and_mouse() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        controller = app.controller
        assert controller is not None
        names = []
        for key in ("u", "u", "d", "h", "k", "right", "down"):
            await press(pilot, key)
            names.append(controller.selected_name)
        assert names[:2] == ["q", "f"]
        assert set(names) <= {"x", "y", "z", "q", "f"}
        pane = app.query_one("#graph", GraphPane)
        box = pane.region_of(controller.session.graph.id("y"))
        await pilot.click("#graph", offset=(box.x + 3, box.y + 2))
        assert controller.selected_name == "y"

    drive(opened(*LECTURE), script)


def test_the_timeline_scrubs() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await pilot.click("#timeline", offset=(app.size.width - 2, 0))
        assert found(app).position == 12
        await pilot.click("#timeline", offset=(1, 0))
        assert found(app).position == 0

    drive(opened(*LECTURE), script)


def test_the_command_line() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "colon")
        await type_in(pilot, "break q if upstream > 0")
        await press(pilot, "c")
        assert found(app).position == 12
        await press(pilot, "w")
        await type_in(pilot, "grad(x)")
        assert "grad(x) -4" in screen_text(app)
        await press(pilot, "colon")
        await type_in(pilot, "set x = 1")
        assert float(found(app).point["x"]) == 1
        await press(pilot, "colon")
        await type_in(pilot, "brake q")
        await pilot.pause()
        assert "no command 'brake'" in screen_text(app)

    drive(opened(*LECTURE), script, size=(140, 40))


def test_the_footer_shows_whole_keys_that_can_be_clicked() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        last = screen_text(app).split("\n")[app.size.height - 1]
        assert last.startswith(" s step  n next  c continue  N back")
        assert last.rstrip().split()[-1] in {each.label for each in COMMANDS}
        await pilot.click("#keys", offset=(last.index("n next"), 0))
        assert found(app).position == 1
        await press(pilot, "colon")
        assert "Enter run" in screen_text(app)
        await press(pilot, "escape")
        assert "s step" in screen_text(app)

    drive(opened(*LECTURE), script, size=(80, 24))


def test_a_long_command_can_be_left() -> None:
    """Esc drops what a check will bring; the session goes on."""

    async def script(app: Debugger, pilot: Any) -> None:
        heard: list[str] = []

        def slow() -> str:
            time.sleep(0.8)
            return "late"

        app.work.long("checking", slow, heard.append)
        await pilot.pause(0.5)
        assert "checking … (Esc leaves it)" in screen_text(app)
        await press(pilot, "s", "escape")
        assert found(app).position == 1
        await pilot.pause(0.6)
        assert heard == []

    drive(opened(*LECTURE), script)


def test_search() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "slash")
        await type_in(pilot, "log")
        assert app.controller is not None
        assert app.controller.selected_name == "q8"

    drive(opened(*SOFTMAX), script)


def test_nudging_the_selected_input() -> None:
    session = after("plus")
    assert float(session.point["x"]) == pytest.approx(-1.98)
    assert float(after("plus", "minus").point["x"]) == pytest.approx(-2, abs=1e-3)


def test_help_lists_every_command() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "question_mark")
        assert isinstance(app.screen, Help)
        shown = "".join(text for row in app.screen.query_one("#help", Rows).rows for text, _ in row)
        assert all(each.name in shown and each.help in shown for each in COMMANDS)
        await press(pilot, "escape")
        assert not isinstance(app.screen, Help)

    drive(opened(*LECTURE), script)


@pytest.mark.parametrize("program", [LECTURE, SOFTMAX, ("p = softmax(o)", "o=[1,2,3]")])
def test_every_key_does_something_that_is_no_error(program: tuple[str, ...]) -> None:
    """Each key of the table, one after the other."""

    async def script(app: Debugger, pilot: Any) -> None:
        for key in [key for each in COMMANDS for key in each.keys if each.name != "quit"]:
            await press(pilot, key)
            assert app.is_running
            if isinstance(app.screen, Help):
                app.pop_screen()
            app.action_close()

    drive(opened(*program), script)


def test_every_key_is_bound_once() -> None:
    keys = [key for each in COMMANDS for key in each.keys]
    assert len(keys) == len(set(keys))


def test_the_check_comes_by_itself() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "n*4")
        await settled(app, pilot)
        assert "✓ checked: good" in screen_text(app)

    drive(opened(*LECTURE), script)


def test_a_wrong_gradient_is_shown_as_wrong() -> None:
    """A backward pass with a fault in it: the pane shows a cross and blames the step."""

    def faulty() -> gd.Session:
        graph = gd.grad(gd.parse("q = x*y; f = sin(q)*z"))
        wrong = graph.passes[-1].upstream[graph.id("x")]
        graph.args[wrong] = (graph.args[wrong][0], graph.id("x"))  # times x instead of times y
        return gd.Session(graph, {"x": 0.5, "y": 2.0, "z": 3.0})

    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "G")
        await settled(app, pilot)
        assert "✗ the check failed" in screen_text(app)
        assert "node 'q'" in screen_text(app)

    drive(faulty, script, size=(160, 50))


def test_leaving_while_it_opens() -> None:
    """A session that takes long to open can be left at once."""

    def slow() -> gd.Session:
        time.sleep(1.5)
        return opened(*LECTURE)()

    async def run() -> float:
        app = Debugger(slow)
        begin = time.perf_counter()
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause(0.1)
            assert "opening" in screen_text(app) or "evaluating" in screen_text(app)
            await pilot.press("q")
            await until(pilot, lambda: not app.is_running or app._exit)
        return time.perf_counter() - begin

    assert asyncio.run(run()) < 10


def test_a_terminal_that_is_too_small_says_so() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        assert "the terminal is 50×12: make it 60×16 or larger" in screen_text(app)

    drive(opened(*LECTURE), script, size=(50, 12))


def test_resizing_shows_more_panes() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        assert "breakpoints" not in screen_text(app)
        await pilot.resize_terminal(140, 45)
        await pilot.pause()
        assert "breakpoints" in screen_text(app)
        assert "calls" in screen_text(app)

    drive(opened(*LECTURE), script, size=(80, 24))


def test_markup_in_names_and_values_is_text() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "n*8", "e", "p")
        await press(pilot, "colon")
        await type_in(pilot, "display x[0]")
        assert "x[0] 1" in screen_text(app)

    drive(opened("# [bold red]title[/]\nf = sum(x[0:2]*x[1:3])", "x=[1,2,3]"), script)


def test_nan_in_the_middle_is_stepped_through_and_explained() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "colon")
        await type_in(pilot, "catch nan")
        await press(pilot, "c")
        assert found(app).frame.node == "z"
        assert "∞" in screen_text(app)
        await press(pilot, "s*20")
        assert found(app).position == found(app).end

    drive(opened("y = log(x)\nz = y * 0\nL = z + x", "x=0"), script, size=(140, 40))


def test_a_program_without_a_scalar_is_walked_forwards() -> None:
    session = after("c", program=("p = softmax(o)", "o=[1,2,3]"))
    assert session.frame.direction == "forward"
    assert session.position == session.end


@pytest.mark.parametrize("theme", ["light", "dark", "textual-light", "nord"])
def test_themes(theme: str) -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "n*5")
        assert theme in app.theme

    drive(opened(*LECTURE), script, theme=theme)


def test_an_error_while_opening_is_raised_when_the_app_has_ended() -> None:
    def broken() -> gd.Session:
        raise gd.GraphError("no such session")

    async def run() -> Debugger:
        app = Debugger(broken)
        async with app.run_test(size=(80, 24)) as pilot:
            await until(pilot, lambda: app.failure is not None)
        return app

    assert "no such session" in str(asyncio.run(run()).failure)


