"""`Door`: which requests are let in, and what every answer says to the browser.

A page of another site can send requests to this machine, but cannot know the secret in the path;
it cannot choose the `Origin` that its browser tells, nor the `Host`, which betrays a foreign name
that was made to point here (DNS rebinding). All three are looked at, each by itself sufficient
against such a page.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from graphdbg import GraphError

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; font-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",  # the address is the secret
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Server": "graphdbg",
}
PORTS = {"http": 80, "https": 443}  # which browsers leave out


@dataclass(frozen=True)
class Door:
    """Lets in what knows the secret and comes from one of our own pages.

    `names` are the hosts of this machine that people may write, `public` the addresses at which a
    proxy shows the server (`proxied`).
    """

    secret: str
    names: frozenset[str]
    port: int
    public: tuple[SplitResult, ...] = ()

    def refusal(self, request: web.Request) -> str:
        """Why a request is not let in, a sentence; empty where it is."""
        hosts = self._hosts(request)
        origins = {f"http://{each}" for each in hosts} | {origin(each) for each in self.public}
        given = [each.lower() for each in request.headers.getall("Host", [])]
        if len(given) != 1 or given[0] not in hosts | {netloc(each) for each in self.public}:
            return (
                "This server is asked for under a name that it does not have. "
                "Behind a proxy, start it with --public and the proxy's address."
            )
        if not {each.lower() for each in request.headers.getall("Origin", [])} <= origins:
            return "This request comes from a page of another site."
        first = request.path.partition("/")[2].partition("/")[0]
        if not hmac.compare_digest(first.encode("utf-8", "replace"), self.secret.encode()):
            return "Open the address that graphdbg serve has printed, with all that stands in it."
        return ""

    def _hosts(self, request: web.Request) -> set[str]:
        """The `Host` of our own pages; one of them is the very address that was connected to."""
        reached = request.transport.get_extra_info("sockname") if request.transport else None
        hosts = {*self.names, *([written(reached[0])] if reached else [])}
        return {with_port(each, self.port, "http") for each in hosts}


def proxied(addresses: Iterable[str]) -> tuple[SplitResult, ...]:
    """The parts of `--public` addresses; GraphError for one that no browser could be sent to.

    >>> [netloc(each) for each in proxied(["https://Example.org:443/proxy/8000"])]
    ['example.org']
    """
    return tuple(map(_proxied, addresses))


def _proxied(address: str) -> SplitResult:
    try:
        found = urlsplit(address)
        known = found.scheme in PORTS and found.hostname and found.port != 0
    except ValueError:
        known = False
    if not known or found.username or found.query or found.fragment:
        raise GraphError(
            f"found --public '{address}', expected the address at which a proxy shows this "
            "server, such as https://notebooks.example.org/proxy/8000"
        )
    return found


def netloc(address: SplitResult) -> str:
    """The `Host` that a browser sends to an address."""
    host = written(address.hostname or "")
    return with_port(host, address.port or PORTS[address.scheme], address.scheme)


def origin(address: SplitResult) -> str:
    """The `Origin` that a browser sends from a page at an address."""
    return f"{address.scheme}://{netloc(address)}"


def with_port(host: str, port: int, scheme: str) -> str:
    """A host and its port, without a port where it is the scheme's own."""
    return host.lower() if port == PORTS[scheme] else f"{host.lower()}:{port}"


def written(host: str) -> str:
    """A host as it stands in addresses: IPv6 in brackets.

    >>> written("::1")
    '[::1]'
    """
    return f"[{host}]" if ":" in host else host
