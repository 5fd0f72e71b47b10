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
        return lambda: loaded_session
    if not args.source:
        raise GraphError("expected SOURCE, a formula or the file of a program, or --load FILE")
    loaded = loading.load(args.source, args.values, args.shape, args.seed)
    of = loading.target(loaded.graph, args.of)
    wrt = loading.chosen(loaded.graph, args.wrt)
    for name in wrt or ():
        loaded.graph.id(name)
    return partial(_made, loaded, of, wrt)


def _made(loaded: loading.Loaded, of: str | None, wrt: list[str] | None) -> Session:
    graph: Graph = loaded.graph
    if of is not None:
        graph = grad(graph, of=of, wrt=wrt)
    made: Session = lazy.module("stepping.session").Session(graph, loaded.point, seed=loaded.seed)
    made.drawn = loaded.drawn
    return made


def step(args: Namespace) -> int:
    """The terminal app, on a session."""
    streams = ((sys.stdout, "output"), (sys.stdin, "input"))
    in_browser = "TEXTUAL_DRIVER" in os.environ  # textual-serve stands between, through pipes
    for stream, name in () if in_browser else streams:
        if not stream.isatty():
            raise GraphError(
                f"step draws on a terminal, but standard {name} is none: "
                "use graphdbg debug in a pipe"
            )
    return int(lazy.app("app").run(opener(args), args.theme))


def serve(args: Namespace) -> int:
    """The terminal app in a browser; each visitor steps through a session of their own."""
    if not lazy.is_installed("textual_serve"):
        raise GraphError("serve needs textual-serve: pip install 'graphdbg[serve]'")
    if args.source == "-":
        raise GraphError("serve reads the program for every visitor: give a formula or a file")
    session(args)  # an error is told here, not to each visitor
    return int(lazy.app("serve").run(words(args), args.host, args.port))


def words(args: Namespace) -> list[str]:
    """The arguments of `graphdbg step` that open the same session."""
    found = [f"--seed={args.seed}", *(f"--shape={each}" for each in args.shape)]
    for option in ("of", "wrt", "load", "theme"):
        given = getattr(args, option)
        found += [f"--{option}={given}"] if given else []
    return [*found, "--", *([args.source] if args.source else []), *args.values]
