"""Who is let in to the app in a browser, what every answer says, and how the server starts."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator

import pytest

from graphdbg import GraphError
from graphdbg.commandline import cli

pytest.importorskip("textual_serve")
aiohttp = pytest.importorskip("aiohttp")

from graphdbg_tui.serving import door, messages, server  # noqa: E402
from served import Served, page_of, serving, status  # noqa: E402


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving("--public=https://Notebooks.example.org/proxy/8000/") as found:
        yield found


async def answer(address: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as client:
        call = client.request(method, address, headers=headers, allow_redirects=False)
        async with call as found:
            for name, word in door.HEADERS.items():
                assert found.headers[name] == word
            return found.status, await found.text()


async def raw(served: Served, request: bytes) -> bytes:
    """The answer to bytes that no client library would send."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(request)
    async with asyncio.timeout(20):
        found = await reader.read(4096)
    writer.close()
    return found


# ------------------------------------------------------------------ handshakes


def test_own_pages_open_the_socket(served: Served) -> None:
    async def tried() -> list[int]:
        own = f"http://localhost:{served.port}"
        by_name = served.socket.replace("127.0.0.1", "localhost")
        public = {"Origin": "https://notebooks.example.org", "Host": "notebooks.example.org"}
        return [
            await status(served.socket, Origin=served.origin),
            await status(by_name, Origin=own),
            await status(served.socket, **public),
            await status(served.socket),  # no browser: it knows the secret
        ]

    assert asyncio.run(tried()) == [101] * 4


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "", "http://127.0.0.1:1", "https://127.0.0.1:{port}",
     "http://127.0.0.1.evil.example:{port}", "http://evil.example:{port}", "file://",
     "http://notebooks.example.org", "https://notebooks.example.org:8443", "{origin}/",
     "{origin}, http://evil.example", "http://127.0.0.1"],
)  # fmt: skip
def test_a_foreign_page_does_not(served: Served, origin: str) -> None:
    given = origin.format(port=served.port, origin=served.origin)
    assert asyncio.run(status(served.socket, Origin=given)) == 403
    assert asyncio.run(answer(served.page, Origin=given))[0] == 403


@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.:{port}",
     "127.0.0.1:{port}.evil.example", "evil@127.0.0.1:{port}", "0x7f.1:{port}", "0.0.0.0:{port}"],
)  # fmt: skip
def test_a_foreign_name_for_this_machine_does_not(served: Served, host: str) -> None:
    """As after DNS rebinding: the page's own name then leads here, and its Origin fits its Host."""
    given = host.format(port=served.port)
    assert asyncio.run(status(served.socket, Host=given, Origin=f"http://{given}")) == 403
    assert asyncio.run(answer(served.page, Host=given))[0] == 403


def test_nor_does_who_knows_no_secret(served: Served) -> None:
    base, secret = f"{served.origin}/", served.page.split("/")[3]
    assert len(secret) >= 32
    wrong = ("", "ws", "x/ws", f"{secret[:-1]}/ws", f"{secret}x/", f"{secret.swapcase()}/",
             "static/", "static/textual.js", "%00/", "é/", f"x/../{secret}x/", f"//{secret}/",
             "download/x", f"?{secret}", "favicon.ico")  # fmt: skip
    for path in wrong:
        assert asyncio.run(answer(base + path))[0] == 403, path
    assert asyncio.run(status(f"ws://127.0.0.1:{served.port}/ws", Origin=served.origin)) == 403


def test_hosts_that_are_doubled_or_missing_are_refused(served: Served) -> None:
    path = served.page.removeprefix(served.origin).encode()
    own = f"Host: 127.0.0.1:{served.port}\r\n".encode()
    for request in (
        b"GET %s HTTP/1.1\r\n%sHost: evil.example\r\n\r\n" % (path, own),
        b"GET %s HTTP/1.0\r\n\r\n" % path,
        b"GET %s HTTP/1.1\r\nHost:\r\n\r\n" % path,
        b"GET %s HTTP/1.1\r\n%sOrigin: %s\r\nOrigin: http://evil.example\r\n\r\n"
        % (path, own, served.origin.encode()),
        b"GET http://evil.example%s HTTP/1.1\r\nHost: evil.example\r\n\r\n" % path,
    ):
        assert asyncio.run(raw(served, request)).split()[1] in (b"400", b"403"), request


def test_bytes_that_are_no_request_print_nothing() -> None:
    """Not even where they follow a handshake: aiohttp logs a traceback of those."""
    with serving() as found:
        path = found.page.removeprefix(found.origin)
        head = f"GET {path}ws HTTP/1.1\r\nHost: 127.0.0.1:{found.port}\r\n"
        upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        for request in (head, head + upgrade, head + upgrade + key, ""):
            asyncio.run(raw(found, f"{request}\r\n".encode() + b"\x81\x05\x1b[31m"))
        found.process.terminate()
        assert found.process.stdout is not None
        assert found.process.stdout.read() == ""


# ------------------------------------------------------------------ what there is to be had


def test_the_page_and_its_files(served: Served) -> None:
    code, text = asyncio.run(answer(served.page))
    assert code == 200
    assert "http://127" not in text and served.page.split("/")[3] not in text  # all is relative
    for name in server.FILES:
        assert asyncio.run(status_of(f"{served.page}static/{name}")) == 200


async def status_of(address: str) -> int:
    async with aiohttp.ClientSession() as client, client.get(address) as found:
        return int(found.status)


def test_nothing_else(served: Served) -> None:
    page = served.page.encode().removeprefix(served.origin.encode())
    host = f"Host: 127.0.0.1:{served.port}".encode()
    for path in (
        b"static/", b"static", b"static/..", b"static/../server.py", b"static/..%2fserver.py",
        b"static/%2e%2e/server.py", b"static//etc/passwd", b"static/..\\server.py", b"server.py",
        b"static/....//....//etc/passwd", b"static/page.js%00.css", b"static/page.js/",
        b"download/x", b"static/%252e%252e%252fserver.py", b"page.html", b"ws/",
        b"static/sentence.html",
    ):  # fmt: skip
        found = asyncio.run(raw(served, b"GET %s%s HTTP/1.1\r\n%s\r\n\r\n" % (page, path, host)))
        assert found.split()[1] in (b"400", b"403", b"404"), path
        assert b"root:" not in found and b"import" not in found
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert asyncio.run(answer(served.page, method))[0] == 405


def test_the_last_slash_may_be_forgotten(served: Served) -> None:
    async def led() -> tuple[int, str]:
        async with aiohttp.ClientSession() as client:
            call = client.get(served.page.rstrip("/"), allow_redirects=False)
            async with call as found:
                return found.status, found.headers["Location"]

    assert asyncio.run(led()) == (302, f"{served.page.split('/')[3]}/")


def test_the_app_is_driven_through_the_socket(served: Served) -> None:
    async def stepped() -> None:
        async with page_of(served) as page:
            await page.send("ping", "17")
            assert "x + y = 3" in await page.command("print x + y", "x + y = 3")

    asyncio.run(stepped())


# ------------------------------------------------------------------ starting


def test_an_error_in_the_program_serves_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["serve", "f = (x +", "--port=0"]) == 2
    assert "^" in capsys.readouterr().err


def test_a_port_in_use_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert cli.main(["serve", "f = x", "x=1", f"--port={port}"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"--port {port}: Address already in use; another port is --port {port + 1}" in told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--port=65536"], "expected a number from 0 to 65535"),
        (["--port=-1"], "expected a number from 0 to 65535"),
        (["--port=http"], "expected a number from 0 to 65535"),
        (["--host=no-such-host.invalid"], "--host 'no-such-host.invalid': no such address"),
        (["--host=192.0.2.1"], "cannot serve on --host 192.0.2.1"),
        (["--host=" + "x" * 70], "no such address"),
        (["--sessions=0"], "expected a number from 1 to 1000"),
        (["--sessions=many"], "expected a number from 1 to 1000"),
        (["--public=notebooks.example.org"], "expected the address at which a proxy shows"),
        (["--public=ftp://x"], "expected the address at which a proxy shows"),
        (["--public=http://[::1"], "expected the address at which a proxy shows"),
        (["--public=http://me:word@x/"], "expected the address at which a proxy shows"),
        (["--public=http://x:99999/"], "expected the address at which a proxy shows"),
        (["--files=no/such/folder"], "--files expects a folder, found 'no/such/folder'"),
    ],
)
def test_what_cannot_be_served_is_said(
    words: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    port = [] if words[0].startswith("--port") else ["--port=0"]
    assert cli.main(["serve", "f = x", "x=1", *port, *words]) == 2
    assert told in capsys.readouterr().err


def test_the_addresses_that_are_printed() -> None:
    with serving("--public=https://notebooks.example.org/proxy/8000/") as found:
        proxied, own = found.printed[:2]
    assert proxied.startswith("https://notebooks.example.org/proxy/8000/")
    assert own.startswith("http://127.0.0.1:")
    assert proxied.split("/")[-2:] == own.split("/")[-2:]


def test_a_host_that_others_reach_is_told_what_that_means() -> None:
    with serving("--host=0.0.0.0") as found:
        assert found.page.startswith(f"http://{socket.gethostname().lower()}:")
        assert found.process.stdout is not None
        assert "not encrypted" in found.process.stdout.readline()
        port, secret = found.port, found.page.split("/")[3]
        reached = f"ws://127.0.0.1:{port}/{secret}/ws"
        assert asyncio.run(status(reached, Origin=f"http://127.0.0.1:{port}")) == 101
        assert asyncio.run(status(reached, Host=f"192.0.2.7:{port}")) == 403
        assert asyncio.run(status(reached, Host=f"evil.example:{port}")) == 403


def test_names_and_default_ports() -> None:
    shown = door.proxied(["http://[::1]:80/x", "https://A.example:8443"])
    assert [door.netloc(each) for each in shown] == ["[::1]", "a.example:8443"]
    assert [door.origin(each) for each in shown] == ["http://[::1]", "https://a.example:8443"]
    with pytest.raises(GraphError, match="found --public 'https://x/#a'"):
        door.proxied(["https://x/#a"])


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[]", "null", "17", '"stdin"', '["stdin"]', '["stdin", 1]', '["stdin", "a", "b"]',
     '["resize"]', '["resize", 1, 2]', '["resize", {"width": 1}]', '["quit"]', '["ping", 1]',
     '["ping", "%s"]' % ("x" * 65), '["deliver_chunk_request", "x"]', "[" * 100_000, "NaN",
     '["exit"]', '{"type": "quit"}', "1" * 5000],
)  # fmt: skip
def test_other_messages_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        messages.read(text)


def test_messages_of_the_page() -> None:
    assert messages.read('["stdin", "\\ud800é"]') == (b"D\0\0\0\x03?\xc3\xa9", "")
    assert messages.read('["blur"]') == (b'M\0\0\0\x10{"type": "blur"}', "")
    assert messages.read('["ping", "17"]') == (b"", '["pong", "17"]')


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ((100, 30), (100, 30)), ((1e8, 10**8), (500, 200)), ((10**30, -5), (500, 1)),
        (("x", None), (80, 24)), ((float("inf"), float("nan")), (80, 24)), ((0, 0), (1, 1)),
        (([], {}), (80, 24)), (("1" * 5000, "7"), (80, 7)),
    ],
)  # fmt: skip
def test_sizes_are_within_bounds(asked: tuple[object, object], given: tuple[int, int]) -> None:
    assert messages.size(*asked) == given


def test_sigint_ends_the_server_in_order() -> None:
    with serving() as found:
        assert asyncio.run(status_of(found.page)) == 200
        found.process.send_signal(signal.SIGINT)
        assert found.process.wait(timeout=60) == 0
