"""`graphdbg serve` in tests: a server on its own port, its address, sockets and processes."""

from __future__ import annotations

import asyncio
import os
import re
import resource
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

PATIENCE = 60.0  # seconds until something that has to come counts as missing
ESCAPES = re.compile(rb"\x1b(\[[0-9;?<>=$]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])")
PROGRAM = ("f=(x+y)z", "x=1", "y=2", "z=3")


class Served:
    """A running server: where its page is, and which processes its sessions are."""

    def __init__(self, process: subprocess.Popen[str], lines: list[str]) -> None:
        self.process, self.printed = process, lines
        links = [line for line in lines if line.startswith("http")]
        self.page = links[-1]  # of the server itself; ends in the secret and a slash
        self.port = urlsplit(self.page).port
        self.origin = f"http://127.0.0.1:{self.port}"
        self.socket = f"ws{self.page.removeprefix('http')}ws"

    def children(self) -> set[int]:
        """The processes of its sessions."""
        return {int(each) for each in _children_of(self.process.pid)}


def _children_of(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []


def alive(pids: set[int]) -> set[int]:
    """Those of some processes that are there, and are no remains."""
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if state not in "ZX":
            found.add(pid)
    return found


def wait_for(holds: Any, what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, f"waited for {what}"
        time.sleep(0.05)


@contextmanager
def serving(
    *words: str, cwd: Path | None = None, memory: int | None = None
) -> Iterator[Served]:
    """`graphdbg serve WORDS`, by default of a formula, on a free port; ended after it.

    `cwd` is the folder it stands in, `memory` the bytes of addresses that it may have.
    """
    given = words if any(not each.startswith("--") for each in words) else (*PROGRAM, *words)
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "graphdbg", "serve", "--port=0", *given],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=cwd,
        env={key: word for key, word in os.environ.items() if key != "TEXTUAL_DRIVER"},
    )  # fmt: skip
    assert process.stdout is not None
    if memory is not None:
        resource.prlimit(process.pid, resource.RLIMIT_AS, (memory, memory))
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.strip())
            if "Ctrl-C" in line:
                break
        assert lines[0].startswith("http"), lines
        yield Served(process, lines)
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE)
        process.stdout.close()


class Page:
    """What the page's script is to the server: a socket that sends keys and reads the screen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen = b""

    async def send(self, *message: Any) -> None:
        await self.socket.send_json(message)

    async def type(self, keys: str) -> None:
        await self.send("stdin", keys)

    async def command(self, line: str, told: str) -> str:
        """Enter a command line, and wait until a text is drawn; what was drawn since then."""
        await self.begin_command()
        await self.type(f"{line}\r")
        self.seen = b""
        return await self.read(told)

    async def begin_command(self) -> None:
        """Open the command line; keys that come before it has opened would be commands."""
        await self.read("\x00", 0.2)
        self.seen = b""
        await self.type(":")
        await self.read("a command, such as")

    async def read(self, text: str, seconds: float = PATIENCE) -> str:
        """What is drawn, up to where a text stands in it, or all that comes within the seconds."""
        end = asyncio.get_running_loop().time() + seconds
        while text not in self.text:
            left = end - asyncio.get_running_loop().time()
            if left <= 0:
                assert seconds < PATIENCE, f"waited for {text!r}, found {self.text[-2000:]!r}"
                break
            try:
                message = await self.socket.receive(timeout=min(left, 0.2))
            except TimeoutError:
                continue
            if message.type is aiohttp.WSMsgType.BINARY:
                self.seen += message.data
            elif message.type is not aiohttp.WSMsgType.TEXT:
                raise AssertionError(f"the socket was closed: {message!r}, {self.text[-500:]!r}")
        return self.text

    @property
    def text(self) -> str:
        return ESCAPES.sub(b"", self.seen).decode("utf-8", "replace")

    async def closed(self) -> int | None:
        """The code with which the server closes the socket."""
        async with asyncio.timeout(PATIENCE):
            async for _ in self.socket:
                continue
        return self.socket.close_code


@asynccontextmanager
async def page_of(served: Served, size: str = "width=100&height=30") -> AsyncIterator[Page]:
    """A page whose app has drawn its first screen."""
    async with aiohttp.ClientSession() as client:
        headers = {"Origin": served.origin}
        async with client.ws_connect(f"{served.socket}?{size}", headers=headers) as socket:
            page = Page(socket)
            await page.read("start:")  # in the status line: the session is open
            yield page


async def status(address: str, **headers: str) -> int:
    """How a handshake is answered: 101, or the status that refuses it."""
    async with aiohttp.ClientSession() as client:
        try:
            async with client.ws_connect(address, headers=headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status
