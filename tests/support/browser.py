"""A headless Chromium for the tests of pages; they are skipped where there is none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage",
)  # fmt: skip
# Keeps every request that leaves the machine from doing so, and the list of them empty if all is
# well: no name but the local one resolves.
OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost"


@contextmanager
def chromium(profile: Path) -> Iterator[Any]:
    """A browser, quit at the end; `profile` is an empty folder for its files."""
    webdriver = pytest.importorskip("selenium.webdriver")
    service = pytest.importorskip("selenium.webdriver.chrome.service")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with its driver on this machine")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in (*FLAGS, OFFLINE, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(options=options, service=service.Service(driver))
    try:
        browser.set_window_size(1400, 900)
        yield browser
    finally:
        browser.quit()


def requests(browser: Any) -> list[str]:
    """The addresses asked for since the last call, by the browser's own log.

    What a page's policy refused is logged as asked for and blocked, and is left out, as are the
    browser's own pages.
    """
    messages = [json.loads(each["message"])["message"] for each in browser.get_log("performance")]
    refused = {
        message["params"]["requestId"]
        for message in messages
        if message["method"] == "Network.loadingFailed"
        and message["params"].get("blockedReason") == "csp"
    }
    return [
        str(message["params"]["request"]["url"])
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
        and message["params"]["requestId"] not in refused
        and not message["params"]["request"]["url"].startswith("chrome:")
    ]
