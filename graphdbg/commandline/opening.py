"""Opens the session of a command line, and hands it to the terminal app or the browser.

The app is a package of its own, `graphdbg_tui`; it is loaded here and nowhere else in the core.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from .. import lazy
from ..calculus.gradients import grad
from ..errors import GraphError
from ..files import reading
from ..stepping.reach import Reach, anywhere, below, nowhere
from ..tape.graph import Graph
from . import loading

if TYPE_CHECKING:
    from ..stepping.session import Session


def session(args: Namespace) -> Session:
    """The session of a program and values, or of a saved file (`--load`)."""
    return opener(args)()


def opener(args: Namespace) -> Callable[[], Session]:
    """A function that makes the session; what the user typed is read now.

    So an error in it opens nothing, and the terminal app can paint before the rest, whose modules
    take as long to load as the app itself. Raises GraphError where neither a program nor a file is
    given, or both, and what loading them raises.
    """
    if args.load:
        if args.source or args.wrt or args.of:
            raise GraphError("--load brings its own program: leave SOURCE, --of and --wrt out")
        loaded_session = lazy.module("stepping.interpreter").load(args.load)
        loaded_session.read_from = tuple(args.commands if "commands" in args else ())
        return lambda: loaded_session
    if not args.source:
        raise GraphError("expected SOURCE, a formula or the file of a program, or --load FILE")
    bounds = loading.Bounds.of(args)
    loaded = loading.load(args.source, args.values, args.shape, args.seed, bounds)
    of = loading.target(loaded.graph, args.of)
    wrt = loading.chosen(loaded.graph, args.wrt)
    for name in wrt or ():
        loaded.graph.id(name)
    return partial(_made, loaded, of, wrt, loading.read_from(args))


def _made(
    loaded: loading.Loaded, of: str | None, wrt: list[str] | None, read_from: tuple[str, ...]
) -> Session:
    graph: Graph = loaded.graph
    if of is not None:
        graph = grad(graph, of=of, wrt=wrt)
    made: Session = lazy.module("stepping.session").Session(graph, loaded.point, seed=loaded.seed)
    made.drawn, made.read_from = loaded.drawn, read_from
    return made


def step(args: Namespace) -> int:
    """The terminal app, on a session."""
    streams = ((sys.stdout, "output"), (sys.stdin, "input"))
    for stream, name in () if in_browser() else streams:
        if not stream.isatty():
            raise GraphError(
                f"step draws on a terminal, but standard {name} is none: "
                "use graphdbg debug in a pipe"
            )
    files = reach(args.files)
    return int(lazy.app("app").run(opener(args), args.theme, files))


def in_browser() -> bool:
    """Whether a server stands between this process and a person, and hands both through pipes."""
    return "TEXTUAL_DRIVER" in os.environ


def reach(folder: str | None) -> Reach:
    """The files that commands reach: below `--files`; else any on a terminal, none in a browser."""
    if folder is not None:
        return below(folder)
    return nowhere if in_browser() else anywhere


def serve(args: Namespace) -> int:
    """The terminal app in a browser; each visitor steps through a session of their own."""
    if not (lazy.is_installed("textual_serve") and lazy.is_installed("aiohttp")):
        raise GraphError("serve needs textual-serve: pip install 'graphdbg[serve]'")
    named = (args.source, args.load, *(word.partition("@")[2] for word in args.values))
    if any(word and (word == reading.STANDARD or reading.is_pipe(word)) for word in named):
        raise GraphError(
            "serve reads the program for every visitor, and a pipe can be read once: give a "
            "formula or files"
        )
    reach(args.files)
    server = lazy.app("serving.server")
    with server.bound(args.host, args.port) as listening:
        session(args)  # an error is told here, not to each visitor
        return int(server.run(listening, words(args), args.host, args.public, args.sessions))


def words(args: Namespace) -> list[str]:
    """The arguments of `graphdbg step` that open the same session."""
    found = [f"--seed={args.seed}", *(f"--shape={each}" for each in args.shape)]
    for option in ("of", "wrt", "load", "theme", "files", "nodes", "limit"):
        given = getattr(args, option)
        found += [f"--{option}={given}"] if given is not None else []
    return [*found, "--", *([args.source] if args.source else []), *args.values]
