"""The app in a real browser: drawn under the page's policy, nothing asked of another host."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser import chromium, requests

pytest.importorskip("textual_serve")
served = pytest.importorskip("served")  # needs aiohttp
PATIENCE = 60.0
DRAWN = 50  # colours, with the shades at the edges of letters; an empty page has a few


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as found:
        yield found


def open_page(browser: Any, address: str) -> None:
    """Go to the page under the name that resolves in tests, with an empty log."""
    browser.get_log("browser")
    requests(browser)
    browser.get(address.replace("127.0.0.1", "localhost"))


def wait_for_class(browser: Any, name: str) -> None:
    end = time.monotonic() + PATIENCE
    while name not in browser.execute_script("return document.body.className"):
        assert time.monotonic() < end, f"waited for {name}: {browser.get_log('browser')}"
        time.sleep(0.1)


def wait_until_drawn(browser: Any) -> None:
    """The terminal is a canvas: what is drawn can be seen, and not read."""
    end = time.monotonic() + PATIENCE
    while len(colours(browser)) < DRAWN:
        assert time.monotonic() < end, "nothing is drawn"
        time.sleep(0.5)


def colours(browser: Any) -> list[Any]:
    pillow = pytest.importorskip("PIL.Image")
    seen = pillow.open(io.BytesIO(browser.get_screenshot_as_png())).convert("RGB")
    return list(seen.getcolors(maxcolors=seen.width * seen.height))


def shown(browser: Any) -> str:
    """The text that a person can read around the terminal."""
    return str(browser.execute_script("return document.body.innerText"))


def complaints(browser: Any) -> list[str]:
    return [each["message"] for each in browser.get_log("browser") if each["level"] == "SEVERE"]


def keep(browser: Any, name: str, folder: Path) -> None:
    browser.save_screenshot(str(folder / f"{name}.png"))


def test_the_app_runs_and_ends_in_a_browser(browser: Any, tmp_path: Path) -> None:
    with served.serving("--sessions=1") as found:
        open_page(browser, found.page)
        wait_for_class(browser, "-first-byte")
        assert browser.title == "graphdbg"
        fonts = "return document.fonts.check('16px \"Roboto Mono\"') && document.fonts.size"
        assert browser.execute_script(fonts) == 1
        assert len(found.children()) == 1
        wait_until_drawn(browser)
        keep(browser, "open", tmp_path)

        browser.switch_to.new_window("tab")
        browser.get(found.page.replace("127.0.0.1", "localhost"))
        assert "All sessions that this server gives are in use: 1." in shown(browser)
        keep(browser, "full", tmp_path)
        browser.close()
        browser.switch_to.window(browser.window_handles[0])

        browser.execute_script("document.querySelector('textarea').focus()")
        browser.switch_to.active_element.send_keys("q")
        wait_for_class(browser, "-closed")
        assert "This session has ended. Open another" in shown(browser)
        keep(browser, "ended", tmp_path)
        assert not [each for each in complaints(browser) if "503" not in each]
        asked = {urlsplit(each).netloc for each in requests(browser)} - {""}  # data: has no host
        assert asked == {f"localhost:{found.port}"}

        browser.find_element("link text", "Open another").click()
        wait_for_class(browser, "-first-byte")


def test_what_is_seen_without_the_secret(browser: Any, tmp_path: Path) -> None:
    with served.serving() as found:
        open_page(browser, f"{found.origin}/{'x' * 32}/")
        assert "Open the address that graphdbg serve has printed" in shown(browser)
        keep(browser, "wrong", tmp_path)


def test_what_is_seen_when_no_session_opens(browser: Any, tmp_path: Path) -> None:
    """The program is gone since the server started."""
    program = tmp_path / "program.gd"
    program.write_text("f = x*y\n")
    with served.serving(str(program)) as found:
        program.write_text("f = (x +\n")
        open_page(browser, found.page)
        wait_for_class(browser, "-closed")
        assert "No session was opened" in shown(browser)
        keep(browser, "refused", tmp_path)


def test_another_site_cannot_open_the_socket(browser: Any) -> None:
    """Not even with the secret, which it cannot know."""
    script = """
        const told = arguments[0], done = arguments[1];
        const socket = new WebSocket(told);
        socket.onopen = () => done("open"); socket.onerror = () => done("refused");
    """
    with served.serving() as found:
        address = found.socket.replace("127.0.0.1", "localhost")
        browser.get("about:blank")  # its Origin is null
        assert browser.execute_async_script(script, address) == "refused"
