"""The app in a browser: an aiohttp server of our own, with the scripts and fonts of textual-serve.

The secret is a part of the path, `/SECRET/`, and every address in the page is relative, so that a
proxy may put anything before it: the page's files are `static/NAME` below it, its socket is `ws`.
Each socket is a session, with a process of its own (`Child`) that ends with it.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import secrets
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from html import escape
from pathlib import Path
from urllib.parse import SplitResult

import textual_serve
from aiohttp import WSMsgType, web
from aiohttp.http import HttpProcessingError

from graphdbg import GraphError

from . import messages
from .child import Child
from .door import HEADERS, Door, proxied, with_port, written

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
OURS, SHIPPED = Path(__file__).parent, Path(textual_serve.__file__).parent / "static"
# The page's files by name: no name of a request is ever looked up in a folder
FILES = {
    "page.js": (OURS / "page.js", "text/javascript"),
    "page.css": (OURS / "page.css", "text/css"),
    "textual.js": (SHIPPED / "js" / "textual.js", "text/javascript"),
    "xterm.css": (SHIPPED / "css" / "xterm.css", "text/css"),
    "mono.ttf": (SHIPPED / "fonts" / "RobotoMono-VariableFont_wght.ttf", "font/ttf"),
}
LARGEST = 256 * 1024  # bytes of a message: a long paste
HEARTBEAT, GOODBYE = 15.0, 2.0  # seconds without an answer until a page counts as gone
FORBIDDEN, FULL = 403, 503
LAST_PORT = 65_535


class Server:
    """Serves `graphdbg step WORDS` to what `door` lets in, at most `most` sessions at a time."""

    def __init__(self, words: Sequence[str], door: Door, most: int) -> None:
        self.words, self.door, self.most = words, door, most
        self.live: set[Child] = set()

    def app(self) -> web.Application:
        """The application, for aiohttp to run."""
        made = web.Application(middlewares=[self.guard])
        made.add_routes([
            web.get("/{secret}", self.redirect),
            web.get("/{secret}/", self.page),
            web.get("/{secret}/static/{name}", self.file),
            web.get("/{secret}/ws", self.socket, allow_head=False),
        ])  # fmt: skip
        made.on_response_prepare.append(with_headers)
        made.on_startup.append(heed_hang_up)
        made.on_shutdown.append(self.end)
        return made

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Look at each request before anything else does."""
        refusal = self.door.refusal(request)
        return said(FORBIDDEN, refusal) if refusal else await handler(request)

    async def redirect(self, request: web.Request) -> web.StreamResponse:
        """To the page, where the last slash was forgotten; relative, as everything is."""
        raise web.HTTPFound(f"{self.door.secret}/")

    async def page(self, request: web.Request) -> web.StreamResponse:
        """The page, or why there is none."""
        return self.full() or web.FileResponse(OURS / "page.html")

    async def file(self, request: web.Request) -> web.StreamResponse:
        """One of the page's files."""
        if (name := request.match_info["name"]) not in FILES:
            raise web.HTTPNotFound
        path, kind = FILES[name]
        return web.FileResponse(path, headers={"Content-Type": f"{kind}; charset=utf-8"})

    def full(self) -> web.Response | None:
        """What is said when no more sessions are to be had."""
        if len(self.live) < self.most:
            return None
        return said(
            FULL,
            f"All sessions that this server gives are in use: {self.most}. Close one of its pages "
            "and load this one again, or start it with more (graphdbg serve --sessions N).",
        )

    async def socket(self, request: web.Request) -> web.StreamResponse:
        """A session, from the page's handshake to its end."""
        opened = web.WebSocketResponse(heartbeat=HEARTBEAT, timeout=GOODBYE, max_msg_size=LARGEST)
        if not opened.can_prepare(request).ok:
            raise web.HTTPBadRequest
        if refusal := self.full():
            return refusal
        child = Child(self.words)
        self.live.add(child)  # with nothing awaited since the count, so that no two take one place
        try:
            await opened.prepare(request)
            asked = (request.query.get("width"), request.query.get("height"))
            await child.begin(*messages.size(*asked))
            await converse(opened, child)
        except OSError as error:  # the page has gone already, or no process can be started
            print(f"a session did not start: {error}", file=sys.stderr)
            await opened.close(code=1011)
        finally:
            try:
                await child.end()
            finally:
                self.live.discard(child)
        return opened

    async def end(self, app: web.Application) -> None:
        """End all sessions, when the server is told to end."""
        await asyncio.gather(*(child.end() for child in self.live))


async def converse(page: web.WebSocketResponse, child: Child) -> None:
    """Hand on what the page sends and what the app draws, until one of them leaves."""
    drawing = asyncio.create_task(draw(child, page))
    try:
        async for message in page:
            if message.type is not WSMsgType.TEXT:
                raise ValueError("a message that is no text")
            packet, answer = messages.read(message.data)
            if packet:
                await child.tell(packet)
            if answer:
                await page.send_str(answer)
    except ValueError as error:
        await page.close(code=1008, message=str(error).encode()[:100])
    except (TimeoutError, OSError):
        await page.close()  # the app does not listen any more, or the page is gone
    finally:
        drawing.cancel()


async def draw(child: Child, page: web.WebSocketResponse) -> None:
    """Hand on what the app draws; when it leaves, so does the page."""
    with suppress(OSError):  # the page is gone
        async for piece in child.screen():
            await page.send_bytes(piece)
    await page.close()


async def with_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Every answer says what a browser may do with it."""
    response.headers.update(HEADERS)


async def heed_hang_up(app: web.Application) -> None:
    """End in order when the terminal goes away, as on Ctrl-C; not under nohup."""

    def leave() -> None:
        raise web.GracefulExit

    hang_up = getattr(signal, "SIGHUP", None)  # Windows has none
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        asyncio.get_running_loop().add_signal_handler(hang_up, leave)


def is_a_fault(record: logging.LogRecord) -> bool:
    """Whether aiohttp logs a fault of the server, and not bytes that are no request."""
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


def said(status: int, sentence: str) -> web.Response:
    """A page that is one sentence."""
    text = (OURS / "sentence.html").read_text("utf-8").replace("SENTENCE", escape(sentence))
    return web.Response(status=status, text=text, content_type="text/html")


# ------------------------------------------------------------------ starting


def bound(host: str, port: int) -> socket.socket:
    """A listening socket; GraphError where the port is taken or the host is not ours."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(place[:2], family=family)
    except (socket.gaierror, UnicodeError) as error:
        raise GraphError(f"cannot serve on --host '{host}': no such address") from error
    except OSError as error:
        why, other = os.strerror(error.errno or 0), port + 1 if port < LAST_PORT else 8000
        raise GraphError(
            f"cannot serve on --host {host} --port {port}: {why}; another port is --port {other}, "
            "and --port 0 takes a free one"
        ) from error


def run(
    listening: socket.socket,
    words: Sequence[str],
    host: str,
    public: Sequence[str] = (),
    sessions: int = 8,
) -> int:
    """Serve `graphdbg step WORDS` until a signal comes; 0.

    `public` are addresses at which proxies show the server. GraphError for one that is none.
    """
    door = door_of(listening, host, proxied(public))
    announce(listening, host, door)
    logging.getLogger("aiohttp.server").addFilter(is_a_fault)
    app = Server(words, door, sessions).app()
    web.run_app(app, sock=listening, print=None, access_log=None, shutdown_timeout=GOODBYE)
    return 0


def door_of(listening: socket.socket, host: str, public: tuple[SplitResult, ...]) -> Door:
    """A door with a new secret, for what listens there."""
    names = {"localhost", "127.0.0.1", "::1", host}
    if not is_alone(listening):
        names.add(socket.gethostname())
    known = frozenset(map(written, names))
    return Door(secrets.token_urlsafe(24), known, listening.getsockname()[1], public)


def is_alone(listening: socket.socket) -> bool:
    """Whether only this machine reaches it."""
    return ipaddress.ip_address(listening.getsockname()[0]).is_loopback


def announce(listening: socket.socket, host: str, door: Door) -> None:
    """Print the addresses that open the app, and what follows from giving them away."""
    if ipaddress.ip_address(listening.getsockname()[0]).is_unspecified:
        host = socket.gethostname()
    ours = f"http://{with_port(written(host), door.port, 'http')}"
    for link in (*(each.geturl().rstrip("/") for each in door.public), ours):
        print(f"{link}/{door.secret}/")
    print("Whoever has the whole address can use the app: keep it to yourself. Ctrl-C ends it.")
    if not is_alone(listening):
        print(
            f"--host {host}: every machine that reaches this one can knock, and what is sent is "
            "not encrypted: whoever listens on the way reads the address and the screen. Use a "
            "network that you trust, or leave --host out and let ssh -L or a proxy (--public) "
            "bring it here."
        )
    sys.stdout.flush()
