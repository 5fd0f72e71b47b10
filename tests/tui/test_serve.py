"""The app in a browser: the page is served on this machine, and asks for nothing elsewhere."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from graphdbg.commandline import cli

textual_serve = pytest.importorskip("textual_serve")
ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def address() -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "graphdbg", "serve", "f=(x+y)z", "x=1", f"--port={port}"]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=10)


def page_at(address: str) -> str:
    for _ in range(100):
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return str(answer.read().decode("utf-8"))
        except URLError:
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_the_page_asks_for_nothing_elsewhere(address: str) -> None:
    page = page_at(address)
    loaded = re.findall(r"(?:href|src)=\"([^\"]+)\"|url\(\"?([^)\"]+)", page)
    places = [place for pair in loaded for place in pair if place.startswith("http")]
    assert places
    assert all(place.startswith(address) for place in places)
    font = next(place for place in places if place.endswith(".ttf"))
    with urllib.request.urlopen(font, timeout=5) as answer:
        assert answer.status == 200


def test_an_error_in_the_program_serves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "f = (x +"]) == 2
    assert "^" in capsys.readouterr().err
