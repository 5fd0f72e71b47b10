"""Each page is a process: how many there may be, what they survive, and that they end with it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("textual_serve")
aiohttp = pytest.importorskip("aiohttp")
if sys.platform != "linux":
    pytest.skip("reads /proc", allow_module_level=True)

from served import Served, alive, page_of, serving, status, wait_for  # noqa: E402

MOST_MEMORY = 400_000  # kB of a child that shows a small program; 65,000 are usual


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving("--sessions=3") as found:
        yield found


def test_a_closed_page_takes_its_process_along(served: Served) -> None:
    async def opened() -> set[int]:
        async with page_of(served):
            return served.children()

    children = asyncio.run(opened())
    assert len(children) == 1
    wait_for(lambda: not alive(children), "the process to end")


def test_so_does_a_connection_that_breaks(served: Served) -> None:
    async def broken() -> set[int]:
        async with page_of(served) as page:
            children = served.children()
            page.socket._response.connection.transport.abort()
            return children

    children = asyncio.run(broken())
    wait_for(lambda: not alive(children), "the process to end")


def test_a_process_that_is_stopped_is_killed(served: Served) -> None:
    async def stopped() -> set[int]:
        async with page_of(served):
            children = served.children()
            for each in children:
                os.kill(each, signal.SIGSTOP)
            return children

    children = asyncio.run(stopped())
    wait_for(lambda: not alive(children), "the process to end")


def test_leaving_the_app_closes_the_page(served: Served) -> None:
    async def left() -> int | None:
        async with page_of(served) as page:
            await page.type("q")
            return await page.closed()

    assert asyncio.run(left()) == 1000
    wait_for(lambda: not served.children(), "the process to end")


def test_a_process_that_dies_closes_its_page(served: Served) -> None:
    async def died() -> int | None:
        async with page_of(served) as page:
            for each in served.children():
                os.kill(each, signal.SIGKILL)
            return await page.closed()

    assert asyncio.run(died()) == 1000


@pytest.mark.parametrize(
    ("message", "code"),
    [("[", 1008), ('["quit"]', 1008), ("[" * 9000, 1008), (b"\xff", 1008), ("x" * 300_000, 1009)],
)  # fmt: skip
def test_a_bad_message_ends_the_session(served: Served, message: str | bytes, code: int) -> None:
    async def sent() -> int | None:
        async with page_of(served) as page:
            if isinstance(message, bytes):
                await page.socket.send_bytes(message)
            else:
                await page.socket.send_str(message)
            return await page.closed()

    assert asyncio.run(sent()) == code
    wait_for(lambda: not served.children(), "the process to end")


def test_no_size_takes_more_memory(served: Served) -> None:
    async def resized() -> int:
        async with page_of(served, "width=100000000&height=1e9") as page:
            for size in ((10**8, 10**8), (10**30, -5), ("x", None), (1, 1), (0, 0), (100, 30)):
                await page.send("resize", {"width": size[0], "height": size[1]})
                await asyncio.sleep(0.2)
            await page.send("resize", {"width": 1e8, "height": float("inf")})
            await page.command("print x + y + 1", "x + y + 1 = 4")
            (child,) = served.children()
            text = Path(f"/proc/{child}/status").read_text()
            return int(text.partition("VmHWM:")[2].split()[0])

    assert asyncio.run(resized()) < MOST_MEMORY


def test_fifty_pages_at_once_are_three_sessions(served: Served) -> None:
    async def crowded() -> tuple[list[int], set[int]]:
        async with aiohttp.ClientSession() as client:

            async def one() -> int:
                try:
                    opened.append(await client.ws_connect(served.socket, origin=served.origin))
                except aiohttp.WSServerHandshakeError as error:
                    return error.status
                return 101

            opened: list[aiohttp.ClientWebSocketResponse] = []
            found = await asyncio.gather(*(one() for _ in range(50)))
            async with client.get(served.page) as page:
                assert page.status == 503
                assert "All sessions that this server gives are in use: 3." in await page.text()
            children = served.children()
            await asyncio.gather(*(each.close() for each in opened))
            return found, children

    wait_for(lambda: not served.children(), "the sessions of the test before")
    time.sleep(0.5)  # until their places are free as well, just after their processes
    found, children = asyncio.run(crowded())
    assert sorted(found) == [101] * 3 + [503] * 47
    assert len(children) == 3
    wait_for(lambda: not alive(children), "the processes to end")


def test_places_become_free_again(served: Served) -> None:
    async def visit() -> list[int]:
        found = []
        for _ in range(5):
            wait_for(lambda: not served.children(), "a place")
            found.append(await status(served.socket))
        return found

    assert asyncio.run(visit()) == [101] * 5


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"])
def test_the_server_takes_its_processes_along(name: str) -> None:
    async def ended(found: Served) -> set[int]:
        async with page_of(found), page_of(found):
            children = found.children()
            found.process.send_signal(getattr(signal, name))
            await asyncio.to_thread(found.process.wait, 60)
            return children

    with serving() as found:
        children = asyncio.run(ended(found))
        assert len(children) == 2
        wait_for(lambda: not alive(children), "the processes to end")
        assert found.process.returncode == (-9 if name == "SIGKILL" else 0)


def test_a_process_that_computes_ends_with_the_server_too() -> None:
    """The main thread is busy for minutes, so that nothing but the lifeline can end it."""
    program = "a: Real[n]\nf = sum(exp(sin(a)))\n"

    async def killed(found: Served) -> set[int]:
        async with page_of(found) as page:
            children = found.children()
            await page.begin_command()
            await page.type("print " + "+".join(["sum(exp(sin(a)))"] * 4000) + "\r")
            await asyncio.sleep(0.5)
            found.process.kill()
            return children

    with serving(program, "n=100000") as found:
        children = asyncio.run(killed(found))
        wait_for(lambda: not alive(children), "the process to end")


def test_a_file_beside_the_server_is_not_run(tmp_path: Path) -> None:
    """A folder one happens to stand in may hold a module called as one of ours."""
    (tmp_path / "textual.py").write_text("open('was-run', 'w')\nraise SystemExit(3)\n")
    (tmp_path / "graphdbg.py").write_text("open('was-run', 'w')\nraise SystemExit(3)\n")

    async def opened(found: Served) -> None:
        async with page_of(found):
            pass

    with serving(cwd=tmp_path) as found:
        asyncio.run(opened(found))
    assert not (tmp_path / "was-run").exists()


def test_a_server_with_little_memory_gives_sessions_too() -> None:
    """The bound of a session may not be raised above that of the server: it is inherited then."""

    async def opened(found: Served) -> str:
        async with page_of(found):
            (child,) = found.children()
            return Path(f"/proc/{child}/limits").read_text()

    with serving(memory=4 << 30) as found:
        assert str(4 << 30) in asyncio.run(opened(found))
    with serving() as found:
        assert str(8 << 30) in asyncio.run(opened(found))
