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
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import chromium

import graphdbg as gd
from graphdbg.builder import Builder
from graphdbg.drawing.engines import engine
from graphdbg.errors import DrawingError
from graphdbg.pages import page
from graphdbg.pages.contents import ON_PAGE
from graphdbg.session import Session
from graphdbg.stepping.commands import COMMANDS
from graphdbg.stepping.show import brief
from graphdbg.stepping.walk import Kind

try:
    engine()
except DrawingError:
    pytest.skip("no Graphviz on this machine", allow_module_level=True)

ROOT = Path(__file__).parent.parent
POINT = {"x": -2.0, "y": 5.0, "z": -4.0}
ROOM = 18
EVIL = "</script><script>window.pwned=1</script>"
UNKNOWN = "—"


def lecture() -> Session:
    return Session(gd.parse("f=(x+y)z"), POINT)


def softmax() -> Session:
    text = "o: Real[3]; y: OneHot[3]\np = softmax(o)\nL = -sum(y*log(p))"
    return Session(gd.parse(text), {"o": [1.0, 2.0, 4.0], "y": [0.0, 1.0, 0.0]})


def fan() -> Session:
    return Session(gd.parse("a = x*y; f = a*a + x"), {"x": 3.0, "y": 2.0})


def chain() -> Session:
    return Session(gd.parse("\n".join(f"x{at + 1} = sin(x{at})" for at in range(1_000))), {"x0": 1})


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

    VOID = frozenset("meta input br path ellipse polygon".split())

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


@pytest.mark.parametrize("make", [lecture, softmax, evil])
def test_the_page_is_well_formed_and_fetches_nothing(make: Any) -> None:
    text = page.html(make())
    found = Balanced()
    found.feed(text)
    assert not found.wrong and not found.open
    assert len(found.ids) == len(set(found.ids))
    addresses = set(re.findall(r"https?://[^\"'\s<\\]+", text))
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"\b(?:src|href)=", text) and "@import" not in text and "url(" not in text


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


@pytest.mark.parametrize("make", [lecture, softmax, fan])
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
    assert data["check"].startswith("✓ ")


def test_a_page_without_a_scalar_steps_forward() -> None:
    session = Session(gd.parse("p = softmax(o)", shapes={"o": (3,)}), {"o": [1.0, 2.0, 3.0]})
    data = data_of(page.html(session))
    assert data["turn"] > data["end"] and data["of"] == ""


def test_a_wrong_gradient_is_said_to_be_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    from dataclasses import replace

    from graphdbg.checker import check
    from graphdbg.pages import contents

    def failing(graph: gd.Graph, point: Any) -> Any:
        report = check(graph, point)
        return replace(report, rows=tuple(replace(row, verdict="wrong") for row in report.rows))

    monkeypatch.setattr(contents, "check", failing)
    assert data_of(page.html(lecture()))["check"].startswith("✗ 3 gradients")


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
    from test_drawing import contrast

    style = page._style()
    for block in re.findall(r"color-scheme: (?:light )?dark;(.*?)\}", style, re.DOTALL):
        colours = dict(re.findall(r"--([\w-]+): (#\w{6})", block))
        for ground in ("paper", "ground"):
            for name in ("ink", "quiet", "value", "gradient", "chosen", "now-edge", "stop"):
                assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for ground in ("op", "call", "now", "row"):
            assert contrast(colours["ink"], colours[ground]) >= 4.5, ground
        assert contrast(colours["pending"], colours["paper"]) >= 4.0


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

    def load(session: Session) -> Any:
        path = tmp_path / "page.html"
        path.write_text(page.html(session), "utf-8")
        browser.get(path.as_uri())
        return browser

    yield load
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0
    assert browser.get_log("browser") == []


def press(browser: Any, keys: str) -> None:
    for key in keys:
        event = "new KeyboardEvent('keydown', {key: arguments[0], bubbles: true})"
        browser.execute_script(f"document.dispatchEvent({event})", key)


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


@pytest.mark.parametrize("make", [lecture, softmax, fan])
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


@pytest.mark.parametrize("make", [lecture, softmax, fan])
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
    chain = card.find_elements("css selector", ".chain math")
    assert len(chain) == 2 and chain[0].text.replace("\n", "").endswith("1=−4")
    assert card.find_element("css selector", ".value").get_attribute("data-exact") == "3.0"


def test_buttons_slider_and_list_move(opened: Any) -> None:
    browser = opened(lecture())
    browser.find_element("css selector", '[data-do="step"]').click()
    assert position(browser) == 1
    browser.find_element("css selector", '[data-do="last"]').click()
    assert position(browser) == 12
    slider = browser.find_element("id", "slider")
    slider.send_keys("\ue012")  # arrow left, on the slider itself
    assert position(browser) == 11
    browser.find_element("css selector", "#step-9").click()
    assert position(browser) == 9
    browser.find_element("id", "play").click()
    assert browser.find_element("id", "play").get_attribute("aria-label") == "pause (space)"
    browser.find_element("id", "play").click()


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


def test_arrows_and_links_select(opened: Any) -> None:
    session = lecture()
    browser = opened(session)
    press(browser, "s")  # q
    browser.find_element("tag name", "body").send_keys("\ue014")  # right
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


@pytest.mark.parametrize("size", [(390, 844), (1024, 700), (1440, 900)])
def test_nothing_hangs_out_of_the_window(opened: Any, size: tuple[int, int]) -> None:
    browser = opened(softmax())
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
