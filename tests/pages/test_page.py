"""The page that steps: what it holds, and in a real browser what it shows at every position."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium, requests
from colours import contrast

import graphdbg as gd
from graphdbg.checking.checker import check
from graphdbg.drawing.circuits import Choice
from graphdbg.drawing.engines import engine
from graphdbg.drawing.pictures import Options
from graphdbg.errors import DrawingError
from graphdbg.pages import contents, page
from graphdbg.pages.contents import ON_PAGE
from graphdbg.rendering import numbers
from graphdbg.rendering.numbers import brief
from graphdbg.stepping.commands import COMMANDS
from graphdbg.stepping.session import Session
from graphdbg.stepping.walk import Kind
from graphdbg.tape.builder import Builder
from graphdbg.training.steps import Group, training_step

try:
    engine()
except DrawingError:
    pytest.skip("no Graphviz on this machine", allow_module_level=True)

ROOT = Path(__file__).parents[2]
POINT = {"x": -2.0, "y": 5.0, "z": -4.0}
ROOM = 18
EVIL = "</script><script>window.pwned=1</script>"
UNKNOWN = "—"
FIVE = range(5)
UP, RIGHT, DOWN, LEFT, HOME, ENTER = "\ue013", "\ue014", "\ue015", "\ue012", "\ue011", "\ue007"


def lecture() -> Session:
    return Session(gd.parse("f=(x+y)z"), POINT)


def softmax() -> Session:
    text = "o: Real[3]; y: OneHot[3]\np = softmax(o)\nL = -sum(y*log(p))"
    return Session(gd.parse(text), {"o": [1.0, 2.0, 4.0], "y": [0.0, 1.0, 0.0]})


def fan() -> Session:
    return Session(gd.parse("a = x*y; f = a*a + x"), {"x": 3.0, "y": 2.0})


def chain(count: int = 1_000) -> Session:
    return Session(gd.parse("\n".join(f"x{at + 1} = sin(x{at})" for at in range(count))), {"x0": 1})


def difference() -> Session:
    return Session(gd.parse("d = x - y; f = 3 d"), {"x": 3.0, "y": 2.0})


def training() -> Session:
    """A training step: its update is a third pass, with a call in it."""
    made = training_step(gd.parse("E = (w*x - t0)^2 / 2"), ["w"], groups=[Group(rate=0.5)])
    return Session(made.graph, {"w": 1.0, "x": 2.0, "t0": 1.0})


def unruly() -> Session:
    """Names that are too long for anything, and those that are markup elsewhere."""
    b = Builder()
    x, y = b.input("long" * 2_500), b.input("back\\N\\slash %s {} </style>")
    return Session(b.build({"f": b.map("mul", x, y)}), {b.names[x]: 2.0, b.names[y]: 3.0})


def evil() -> Session:
    b = Builder()
    x = b.input(EVIL)
    y = b.input("'\"&<b>\\N${title}")
    return Session(b.build({"f": b.map("mul", b.map("exp", x), y)}), {EVIL: 0.5, b.names[y]: 2.0})


def data_of(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


# ------------------------------------------------------------------ without a browser


class Balanced(HTMLParser):
    """Collects elements that are closed in the wrong order."""

    VOID = frozenset("meta input br path ellipse circle polygon".split())

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID and (not self.open or self.open.pop() != tag):
            self.wrong.append(tag)


@pytest.mark.parametrize("make", [lecture, softmax, evil, unruly, training])
def test_the_page_is_well_formed_and_fetches_nothing(make: Any) -> None:
    text = page.html(make())
    found = Balanced()
    found.feed(text)
    assert not found.wrong and not found.open
    assert len(found.ids) == len(set(found.ids))
    addresses = set(re.findall(r"https?://[^\"'\s<\\]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"\b(?:src|href)=", text) and "@import" not in text
    assert set(re.findall(r"url\([^)]*\)", text)) == {
        "url(#back)"
    }  # an arrowhead of the page itself


def test_the_page_is_the_same_every_time() -> None:
    code = (
        "import graphdbg as gd; from graphdbg.pages import page; "
        "g = gd.parse(open('examples/classifier.gd').read()); print(page.html(gd.Session(g, {})))"
    )
    found = {
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, check=True,
                       capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_only_the_page_s_own_script_may_run() -> None:
    text = page.html(lecture())
    policy = html.unescape(re.findall(r'Security-Policy" content="([^"]*)"', text)[0])
    assert "default-src 'none'" in policy and "unsafe" not in policy
    script = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)[0]
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)[0]
    for part in (script, style):
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


def test_no_label_is_markup() -> None:
    text = page.html(evil())
    assert text.count("<script") == 2 and EVIL not in text
    data = data_of(text)
    assert {EVIL, "'\"&<b>\\N${title}"} <= {node["name"] for node in data["nodes"].values()}


def test_a_page_of_a_thousand_nodes_is_small_and_checked() -> None:
    text = page.html(chain())
    assert len(text.encode("utf-8")) < 3_000_000
    data = data_of(text)
    assert data["check"].startswith("✓ 1 gradient checked")
    assert data["notes"] == ["large: local derivatives are its only formulas"]


def test_no_number_is_told_before_it_is_known() -> None:
    """Graphviz writes the last value of each wire as its title, which a pointer would show."""
    picture = re.findall(r"<svg xmlns.*?</svg>", page.html(lecture()), re.DOTALL)[0]
    titles = re.findall(r"<title>(.*?)</title>", picture)
    assert titles[1:] == ["x = input", "y = input", "q = x + y", "z = input", "f = q·z"]


@pytest.mark.parametrize(
    ("text", "name", "heading"),
    [
        ("f=(x+y)z", "<text>", "f=(x+y)z"),
        ("f=x\n\n", "<text>", "f=x"),
        ("a=x\nf=a", "<text>", "a program"),
        ("f=x", "/home/someone/<b>.gd", "&lt;b&gt;.gd"),
        ("f=x", r"C:\nets\net.gd", "net.gd"),
    ],
)
def test_the_heading_is_the_program_or_its_file(text: str, name: str, heading: str) -> None:
    graph = gd.parse(text, name=name)
    found = page.html(Session(graph, dict.fromkeys(graph.inputs, 1.0)))
    assert f"<title>{heading}: graphdbg</title>" in found and f">{heading}</h1>" in found


def test_heat_is_left_to_pictures() -> None:
    """It would tell the size of every gradient at every moment."""
    session = lecture()
    assert page.html(session, Options(heat=True)) == page.html(session)


def test_a_dark_page_is_dark_from_the_start() -> None:
    session = lecture()
    assert '<html lang="en" data-theme="dark">' in page.html(session, Options(theme="dark"))
    assert '<html lang="en">' in page.html(session)


def test_breakpoints_of_the_session_are_the_page_s() -> None:
    session = lecture()
    session.break_at("q")
    session.break_at("f", "f > 0")  # a page cannot judge conditions
    assert data_of(page.html(session))["stops"] == [session.graph.id("q")]


def test_each_gradient_has_its_check() -> None:
    session = softmax()
    seen = set[str]()
    for node in data_of(page.html(session))["nodes"].values():
        if "gradient" in node:
            (verdict,) = {row.verdict for row in session.check(node["name"]).rows}
            seen.add(verdict)
            told = ", error " if verdict == "good" else f": {verdict}"
            assert node["gradient"]["stamp"].startswith(f"✓ checked against differences{told}")
    assert "good" in seen


def test_a_factor_says_whether_it_needs_brackets() -> None:
    loose = {text: contents._factor(text).get("loose", False) for text in (
        "a + b", "-a", "a - b", r"\frac{a + b}{2}", r"\left(a + b\right) c", r"\cos{x}", "2 x",
    )}  # fmt: skip
    assert [text for text, needs in loose.items() if needs] == ["a + b", "-a", "a - b"]


@pytest.mark.parametrize("make", [lecture, softmax, fan, difference, training])
def test_the_data_are_what_evaluate_finds(make: Any) -> None:
    session = make()
    data = data_of(page.html(session))
    trace = gd.evaluate(session.graph, session.point)
    upstream = session.backward.upstream
    for key, node in data["nodes"].items():
        value = trace.arrays[int(key)]
        assert node["wire"] == brief(np.asarray(value), ROOM)
        if not np.shape(value):
            assert float(node["exact"]) == float(value)
        if int(key) in upstream:
            gradient = trace.arrays[upstream[int(key)]]
            assert node["gradient"]["wire"] == brief(np.asarray(gradient), ROOM)
        for operand in node.get("operands", ()):
            if data["nodes"][str(operand["node"])]["gradient"]["awaited"] == 1:
                whole = trace.arrays[upstream[operand["node"]]]
                assert operand["value"] == numbers.array(np.asarray(whole), contents.CARD)
    assert data["check"].startswith("✓ ")


def test_a_page_without_a_scalar_steps_forward() -> None:
    session = Session(gd.parse("p = softmax(o)", shapes={"o": (3,)}), {"o": [1.0, 2.0, 3.0]})
    data = data_of(page.html(session))
    assert data["turn"] > data["end"] and data["of"] == ""


def test_a_wrong_gradient_is_said_to_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(graph: gd.Graph, point: Any) -> Any:
        report = check(graph, point)
        return replace(report, rows=tuple(replace(row, verdict="wrong") for row in report.rows))

    monkeypatch.setattr(contents, "check", failing)
    data = data_of(page.html(lecture()))
    assert data["check"] == "✗ 3 of 3 gradients failed the check against differences: wrong"


@pytest.mark.parametrize(
    ("text", "point", "whole", "stamp"),
    [
        ("f = log(x) * y", {"x": 0.0, "y": 0.0},
         "✗ 2 of 2 gradients failed the check against differences: not finite",
         "✗ the check failed: not finite"),
        ("f = relu(x) + y", {"x": 0.0, "y": 1.0},
         "✓ 2 gradients checked against differences: kink, worst relative error 0",
         "✓ checked against differences: kink"),
    ],
)  # fmt: skip
def test_a_stamp_says_what_the_check_found(
    text: str, point: dict[str, float], whole: str, stamp: str
) -> None:
    """Where a number is not finite nothing was compared, and a kink is a convention."""
    session = Session(gd.parse(text), point)
    data = data_of(page.html(session))
    assert data["check"] == whole
    assert data["nodes"][str(session.graph.id("x"))]["gradient"]["stamp"] == stamp


def test_the_keys_are_the_app_s() -> None:
    names = {each.name for each in COMMANDS}
    assert set(ON_PAGE) <= names
    script = page._script()
    for name in ON_PAGE:
        assert f'"{name}"' in script or f"{name}:" in script, name


def test_the_frame_of_a_notebook_holds_the_page() -> None:
    session = lecture()
    shown = session._repr_mimebundle_()["text/html"]
    inside = html.unescape(re.findall(r'srcdoc="([^"]*)"', shown)[0])
    assert inside == page.html(session) and 'sandbox="allow-scripts"' in shown


def test_colours_can_be_read() -> None:
    """WCAG 2, for each theme: text on what it stands on."""
    style = page._style()
    for block in re.findall(r"color-scheme: (?:light )?dark;(.*?)\}", style, re.DOTALL):
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for ground in ("paper", "ground"):
            for name in ("ink", "quiet", "value", "gradient", "chosen", "now-edge", "stop"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for ground in ("op", "call", "now", "row"):
            assert contrast(colours["ink"], colours[ground]) >= 4.5, ground
        for name in ("quiet", "gradient", "stop"):  # numbers of steps and lines, on the current one
            assert contrast(colours[name], colours["row"]) >= 4.5, name
        assert contrast(colours["pending"], colours["paper"]) >= 4.5
        assert contrast(colours["now-edge"], colours["row"]) >= 3.0  # the arrow: not a text


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node.js on this machine")
def test_the_scripts_are_javascript(tmp_path: Path) -> None:
    path = tmp_path / "page.js"
    path.write_text(page._script(), "utf-8")
    subprocess.run(["node", "--check", str(path)], check=True)


# ------------------------------------------------------------------ in a browser


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Any:
    """Opens a session's page; at the end nothing may have been fetched or complained about."""

    def load(session: Session, options: Options | None = None) -> Any:
        path = tmp_path / "page.html"
        path.write_text(page.html(session, options), "utf-8")
        requests(browser)
        browser.get(path.as_uri())
        return browser

    yield load
    assert set(requests(browser)) == {(tmp_path / "page.html").as_uri()}
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.get_log("browser") == []


def press(browser: Any, keys: str) -> None:
    for key in keys:
        event = "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true})"
        browser.execute_script(f"document.dispatchEvent({event})", key)


def eventually(browser: Any, holds: Any) -> None:
    """What a browser does by itself comes about in some seconds."""
    support = pytest.importorskip("selenium.webdriver.support.ui")
    support.WebDriverWait(browser, 20, 0.05).until(lambda _: holds())


def formulas(browser: Any, kind: str) -> list[str]:
    """The equations of the card of a kind, fractions without their line."""
    script = (
        "return [...document.querySelectorAll('#card ' + arguments[0])].map(e => e.textContent)"
    )
    return [str(each) for each in browser.execute_script(script, kind)]


def type_keys(browser: Any, keys: str) -> None:
    """Real key presses, through the browser."""
    browser.find_element("tag name", "body").send_keys(keys)


SHOWN = """
return Object.fromEntries([...document.querySelectorAll('g.wire')].map((wire) => [
  wire.id.split('-').pop(),
  [wire.querySelector('.value')?.textContent, wire.querySelector('.gradient')?.textContent,
   ['known', 'pending', 'current'].find((state) => wire.classList.contains(state))]]));
"""


def position(browser: Any) -> int:
    return int(browser.execute_script("return document.body.dataset.position"))


def assert_shows(browser: Any, session: Session) -> None:
    """Every wire shows what the session knows at its position."""
    assert position(browser) == session.position
    names, trace, walk = session.graph.names, session.trace, session.walk
    for key, (value, gradient, state) in browser.execute_script(SHOWN).items():
        node = int(key)
        known = session.value(names[node])
        assert value == (UNKNOWN if known is None else brief(known, ROOM))
        current = node == session.frame.id
        assert state == ("current" if current else "pending" if known is None else "known")
        if session.backward is None or node not in session.backward.upstream:
            assert gradient in (UNKNOWN, None)
            continue
        found = session.gradient(names[node])
        arrived, awaited = walk.arrived(node, session.position), walk.awaited(node)
        if found is not None:
            assert gradient == brief(found, ROOM)
            assert trace[f"{session.frame.of}.d_{names[node]}"] is not None
        elif arrived:
            assert gradient.endswith(f"({arrived} of {awaited})")
        else:
            assert gradient == UNKNOWN


@pytest.mark.parametrize("make", [lecture, softmax, fan, training])
def test_every_position_shows_what_the_session_knows(opened: Any, make: Any) -> None:
    session = make()
    browser = opened(session)
    assert_shows(browser, session)
    for _ in range(session.end):
        press(browser, "s")
        session.step()
        assert_shows(browser, session)
    for _ in range(session.end):
        press(browser, "S")
        session.back()
    assert_shows(browser, session)


@pytest.mark.parametrize("make", [lecture, softmax, fan, training])
def test_the_motions_are_the_session_s(opened: Any, make: Any) -> None:
    session = make()
    browser = opened(session)
    moves = {"n": session.next, "N": session.reverse_next, "f": session.finish, "s": session.step,
             "F": session.reverse_finish, "S": session.back, "c": session.run,
             "C": session.reverse_run}  # fmt: skip
    for key in "nnssfnNsSssFFnnnsfffnNNNSFCcnNSs" * 2:
        press(browser, key)
        moves[key]()
        assert position(browser) == session.position, key


def test_real_keys_step_both_ways(opened: Any) -> None:
    browser = opened(lecture())
    type_keys(browser, "sss")
    assert position(browser) == 3
    type_keys(browser, "SN")
    assert position(browser) == 1
    type_keys(browser, "Gg")
    assert position(browser) == 0


def test_at_the_end_the_numbers_are_evaluate_s(opened: Any) -> None:
    session = softmax()
    browser = opened(session)
    press(browser, "G")
    trace = gd.evaluate(session.graph, session.point)
    shown = browser.execute_script(SHOWN)
    names = session.graph.names
    assert {names[int(key)]: value for key, (value, _, _) in shown.items()} == {
        names[int(key)]: brief(trace[names[int(key)]], ROOM) for key in shown
    }
    gradient = shown[str(session.graph.id("o"))][1]
    assert gradient == brief(trace["L.d_o"], ROOM)


def test_the_card_shows_the_chain_rule(opened: Any) -> None:
    session = lecture()
    browser = opened(session)
    press(browser, "s" * 9)
    card = browser.find_element("id", "card")
    assert card.find_element("tag name", "h2").text == "q = x + y"
    now = card.find_element("css selector", ".stages .now").text
    assert now == "× upstream" and session.walk.kinds[9] == Kind.MULTIPLY
    assert formulas(browser, ".chain") == [
        "∂f∂q⋅∂q∂x =z⋅1 =(−4)⋅1 = -4",
        "∂f∂q⋅∂q∂y =z⋅1 =(−4)⋅1 = -4",
    ]
    assert card.find_element("css selector", ".value").get_attribute("data-exact") == "3.0"


def test_a_local_derivative_that_is_its_number_stands_once(opened: Any) -> None:
    browser = opened(difference())
    press(browser, "n" * 4)
    press(browser, "s")
    assert formulas(browser, ".local") == ["∂d∂x =1", "∂d∂y =−1"]


def test_the_elementwise_product_stands_between_its_factors(opened: Any) -> None:
    """A dot inside of a factor stays what it is."""
    session = Session(
        gd.parse("f = sum((x*x + t)*s)", shapes={"x": (2,), "t": (2,), "s": (2,)}),
        {"x": [1.0, 2.0], "t": [1.0, 3.0], "s": [0.5, -1.0]},
    )
    browser = opened(session)
    node = next(at for at in session.graph.input_ids if session.graph.names[at] == "x")
    consumer = session.walk.visit_at[node] - 2
    session.goto(consumer)
    press(browser, "s" * consumer)
    upstream = session.scope.texts.closed(session.backward.upstream[session.frame.id])
    chains = formulas(browser, ".chain")
    assert upstream == "s" and chains[0].endswith("=s⊙x") and len(chains) == 2


def test_the_card_shows_whom_a_gradient_came_from(opened: Any) -> None:
    session = fan()  # a = x y, f = a a + x
    browser = opened(session)
    press(browser, "G")
    browser.find_element("id", f"op-{session.graph.id('x')}").click()
    received = browser.find_element("css selector", "#card .received").text.split()
    shares = {"a": float(session.trace["f.d_a"]) * 2.0, "f": 1.0}
    assert " ".join(received) == f"2 of 2 contributions from f 1 from a {shares['a']:g}"
    assert float(session.trace["f.d_x"]) == sum(shares.values())
    press(browser, "G")
    browser.find_element("id", f"op-{session.graph.id('a')}").click()
    assert not browser.find_elements("css selector", "#card .stages .now")
    assert len(browser.find_elements("css selector", "#card .stages .done")) == 3


def test_local_derivatives_on_edges_come_when_they_are_known(opened: Any) -> None:
    session = lecture()
    browser = opened(session, Options(locals=True))
    shown = """return [...document.querySelectorAll('.edge text')].filter((each) =>
      getComputedStyle(each).visibility === 'visible').map((each) => each.textContent).sort()"""
    press(browser, "nnn")
    assert browser.execute_script(shown) == []
    press(browser, "s")  # the local derivatives of f
    assert browser.execute_script(shown) == ["q = 3", "z = -4"]
    press(browser, "G")
    assert browser.execute_script(shown) == ["1", "1", "q = 3", "z = -4"]
    press(browser, "g")
    assert browser.execute_script(shown) == []


def test_names_of_inputs_end_where_their_wires_begin(opened: Any) -> None:
    """Graphviz measures them in another font than the browser has."""
    browser = opened(unruly())
    ends = browser.execute_script("""
    return [...document.querySelectorAll('.op.input')].map((op) => {
      const path = document.getElementById(op.id.replace('op', 'out')).querySelector('path');
      const box = op.querySelector('text').getBBox();
      return [box.x + box.width, path.getPointAtLength(0).x]; })""")
    assert len(ends) == 2 and all(text < wire for text, wire in ends)


IN_SIGHT = """
const pane = document.getElementById('picture').getBoundingClientRect();
const boxes = [...document.querySelectorAll('g.op')].map((op) => op.getBoundingClientRect());
return boxes.filter((box) => box.right > pane.left && box.left < pane.right
  && box.bottom > pane.top && box.top < pane.bottom).length"""


def test_a_large_picture_begins_where_something_is(opened: Any, browser: Any) -> None:
    """The upper left corner of a dense net is empty."""
    lines = []
    for layer in (1, 2, 3):
        for to in FIVE:
            terms = [f"w{layer}_{at}_{to}*h{layer - 1}_{at}" for at in FIVE]
            lines.append(f"h{layer}_{to} = tanh({' + '.join(terms)})")
    graph = gd.parse("\n".join([*lines, f"L = {' + '.join(f'h3_{at}' for at in FIVE)}"]))
    browser.set_window_size(500, 800)
    opened(Session(graph, dict.fromkeys(graph.inputs, 0.25)))
    seen = browser.execute_script(IN_SIGHT)
    browser.set_window_size(1400, 900)
    assert seen > 0


def test_the_card_says_what_is_not_drawn(opened: Any) -> None:
    session = chain(8)
    browser = opened(session, Options(choice=Choice(around=("x8", 2))))
    press(browser, "s")
    assert "not in the picture" in browser.find_element("id", "card").text
    press(browser, "nnnnnnn")
    assert "not in the picture" not in browser.find_element("id", "card").text


def test_the_whole_picture_is_on_paper(opened: Any) -> None:
    browser = opened(chain(8))
    box = "return document.querySelector('#picture > svg').getAttribute('viewBox')"
    before = browser.execute_script(box)
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    wide = float(browser.execute_script(box).split()[2])
    assert wide > float(before.split()[2])
    browser.execute_script("dispatchEvent(new Event('afterprint'))")
    assert browser.execute_script(box) == before


def test_buttons_slider_and_list_move(opened: Any) -> None:
    browser = opened(lecture())
    browser.find_element("css selector", '[data-do="step"]').click()
    assert position(browser) == 1
    browser.find_element("css selector", '[data-do="last"]').click()
    assert position(browser) == 12
    slider = browser.find_element("id", "slider")
    slider.send_keys(LEFT)
    assert position(browser) == 11
    browser.find_element("css selector", "#step-9").click()
    assert position(browser) == 9
    browser.find_element("id", "steps").send_keys(UP, UP, DOWN)  # in the list itself
    assert position(browser) == 8
    here = browser.find_element("id", "steps").get_attribute("aria-activedescendant")
    assert here == "step-8"
    browser.find_element("id", "steps").send_keys(HOME)
    assert position(browser) == 0
    press(browser, "Sz")  # nothing happened at the start, so undo takes back the jump to it
    assert position(browser) == 8


def test_it_plays_at_several_speeds(opened: Any) -> None:
    browser = opened(lecture())
    play, speed = browser.find_element("id", "play"), browser.find_element("id", "speed")
    speed.click()
    speed.click()
    assert speed.text == "4×" and speed.get_attribute("aria-label") == "speed of playing: 4×"
    play.click()
    assert play.get_attribute("aria-label") == "pause (space)"
    eventually(browser, lambda: position(browser) == 12)
    assert play.get_attribute("aria-label") == "play (space)"


def test_a_node_is_selected_and_stopped_at(opened: Any) -> None:
    session = lecture()
    browser = opened(session)
    node = session.graph.id("q")
    browser.find_element("id", f"op-{node}").click()
    assert browser.find_element("css selector", "#card h2").text.startswith("q = ")
    press(browser, "b")
    assert "stop" in browser.find_element("id", f"op-{node}").get_attribute("class")
    session.break_at("q")
    for _ in range(3):
        press(browser, "c")
        session.run()
        assert position(browser) == session.position
    press(browser, "C")
    session.reverse_run()
    assert position(browser) == session.position
    gutter = browser.find_element("css selector", "#program .gutter")
    assert "stop" in gutter.find_element("xpath", "..").get_attribute("class")
    gutter.click()
    assert "stop" not in browser.find_element("id", f"op-{node}").get_attribute("class")


def test_keys_reach_the_picture_and_stay_in_it(opened: Any) -> None:
    """One part is in the order of Tab, from the beginning; the focus goes with the arrows."""
    session = lecture()
    browser = opened(session)
    tabbed = "return [...document.querySelectorAll('#picture svg [tabindex=\"0\"]')].map(e => e.id)"
    assert browser.execute_script(tabbed) == ["op-0"]
    browser.find_element("id", "op-0").send_keys(RIGHT)
    there = browser.execute_script("return document.activeElement.id")
    assert there == f"op-{session.graph.id('q')}" and browser.execute_script(tabbed) == [there]
    browser.find_element("id", there).send_keys(ENTER)
    assert browser.find_element("css selector", "#card h2").text == "q = x + y"
    told = browser.find_element("id", there).get_attribute("aria-label")
    assert told == "q = x + y, value not computed yet, gradient not computed yet"
    press(browser, "e")
    assert browser.execute_script("return document.activeElement.id") == "said"


def test_no_text_of_the_page_tells_what_is_not_known_yet(opened: Any) -> None:
    browser = opened(lecture())
    told = """return [document.body.innerText, ...[...document.body.querySelectorAll('*')].flatMap(
      (each) => [...each.attributes].map((one) => one.value)),
      ...[...document.querySelectorAll('svg title')].map((each) => each.textContent)]"""

    def tells() -> list[str]:
        return [text for text in browser.execute_script(told) if re.search("(?<!step)-12", text)]

    assert tells() == []
    press(browser, "G")
    assert "f = q·z, value -12, gradient 1" in tells()


def test_arrows_and_links_select(opened: Any) -> None:
    session = lecture()
    browser = opened(session)
    press(browser, "s")  # q
    browser.find_element("tag name", "body").send_keys(RIGHT)
    assert browser.find_element("css selector", "#card h2").text.startswith("f = ")
    press(browser, "d")
    assert browser.find_element("css selector", "#card h2").text.startswith("q = ")
    press(browser, "u")
    assert browser.find_element("css selector", "#card h2").text.startswith("f = ")


def test_theme_help_and_names_for_readers(opened: Any) -> None:
    browser = opened(lecture())
    before = browser.execute_script("return getComputedStyle(document.body).color")
    browser.find_element("id", "theme").click()
    assert browser.execute_script("return getComputedStyle(document.body).color") != before
    press(browser, "?")
    assert "reverse-next" in browser.find_element("id", "keys").text
    browser.find_element("css selector", "#keys button").click()
    unnamed = browser.execute_script(
        "return [...document.querySelectorAll('button, input, [role=button]')].filter((each) => "
        "!(each.getAttribute('aria-label') || each.textContent.trim())).length"
    )
    assert unnamed == 0
    assert browser.find_element("id", "sentence").get_attribute("aria-live") == "polite"


def test_nothing_runs_from_a_label(opened: Any) -> None:
    browser = opened(evil())
    press(browser, "sssG")
    assert browser.execute_script("return window.pwned") is None
    assert EVIL in browser.find_element("id", "steps").text


def test_nothing_else_runs_and_nothing_is_fetched(browser: Any, tmp_path: Path) -> None:
    """What markup in a page could do if it ever came in is refused by the page's own policy."""
    path = tmp_path / "page.html"
    path.write_text(page.html(lecture()), "utf-8")
    browser.get(path.as_uri())
    requests(browser)
    browser.execute_script("""
      document.body.insertAdjacentHTML('beforeend',
        '<img src="https://example.invalid/x.png" onerror="window.pwned=1">'
        + '<style>body { color: red }</style><button id="bad" onclick="window.pwned=2">x</button>');
      const script = document.createElement('script');
      script.textContent = 'window.pwned = 3';
      document.body.append(script);
      document.getElementById('bad').click();
    """)
    fetched = browser.execute_async_script("""
      const done = arguments[0];
      fetch('https://example.invalid/').then(() => done('fetched'), () => done('refused'));
    """)
    assert fetched == "refused" and browser.execute_script("return window.pwned") is None
    colour = browser.execute_script("return getComputedStyle(document.body).color")
    assert colour != "rgb(255, 0, 0)"
    assert requests(browser) == []
    assert "Content Security Policy" in str(browser.get_log("browser"))


def test_a_page_of_a_thousand_nodes_steps(opened: Any) -> None:
    session = chain()
    browser = opened(session)
    press(browser, "nnn")
    session.next(3)
    assert position(browser) == session.position == 3
    assert len(browser.find_elements("css selector", ".step")) < 100
    press(browser, "G")
    assert position(browser) == session.end > 3_900
    assert browser.execute_script(SHOWN)["0"][1] == brief(session.trace["x1000.d_x0"], ROOM)
    session.goto(session.end)
    eventually(browser, lambda: browser.execute_script(SHOWN)["700"][1] != UNKNOWN)
    eventually(browser, lambda: not browser.find_elements("css selector", "#picture .pending"))
    assert_shows(browser, session)
    press(browser, "g")
    session.goto(0)
    eventually(browser, lambda: len(browser.find_elements("css selector", ".op.pending")) == 1_000)
    assert_shows(browser, session)


@pytest.mark.parametrize("make", [softmax, unruly])
@pytest.mark.parametrize("size", [(320, 640), (390, 844), (844, 390), (1024, 700), (1440, 900)])
def test_nothing_hangs_out_of_the_window(opened: Any, make: Any, size: tuple[int, int]) -> None:
    browser = opened(make())
    mobile = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size[0] < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", mobile)
    press(browser, "ssssssssssssssssssssssss")
    wide = browser.execute_script("return document.documentElement.scrollWidth")
    small = browser.execute_script(
        "return [...document.querySelectorAll('footer button')]"
        ".map((each) => each.getBoundingClientRect())"
        ".filter((box) => box.right > innerWidth || box.height < 40).length"
    )
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    assert wide <= size[0] and small == 0


def test_a_frame_that_is_shown_later_has_its_picture(browser: Any, tmp_path: Path) -> None:
    """Notebooks give a frame its size after it was loaded."""
    path = tmp_path / "notebook.html"
    hidden = f'<div id="cell" style="display:none">{page.frame(page.html(lecture()))}</div>'
    path.write_text(f"<!doctype html><meta charset=utf-8>{hidden}", "utf-8")
    browser.get(path.as_uri())
    browser.execute_script("document.getElementById('cell').style.display = 'block'")
    browser.switch_to.frame(browser.find_element("tag name", "iframe"))
    box = "return document.querySelector('#picture svg').getAttribute('viewBox')"
    seen = browser.execute_async_script(
        f"const done = arguments[0]; requestAnimationFrame(() => setTimeout(() => done((() => "
        f"{{ {box} }})()), 100))"
    )
    assert float(seen.split()[2]) > 100
    press(browser, "ss")
    assert position(browser) == 2
    browser.switch_to.default_content()
