"""Opens the session of a command line, and hands it to the terminal app or the browser.

The app is a package of its own, `graphdbg_tui`; it is loaded here and nowhere else in the core.
"""

from __future__ import annotations

import sys
from argparse import Namespace

from .. import lazy
from ..errors import GraphError
from ..gradients import grad
from ..interpreter import load
from ..session import Session
from . import loading


def session(args: Namespace) -> Session:
    """The session of a program and values, or of a saved file (`--load`).

    Raises GraphError where neither or both are given, and what loading them raises.
    """
    if args.load:
        if args.source or args.wrt or args.of:
            raise GraphError("--load brings its own program: leave SOURCE, --of and --wrt out")
        return load(args.load)
    if not args.source:
        raise GraphError("expected SOURCE, a formula or the file of a program, or --load FILE")
    loaded = loading.load(args.source, args.values, args.shape, args.seed)
    graph, of = loaded.graph, loading.target(loaded.graph, args.of)
    if of is not None:
        graph = grad(graph, of=of, wrt=loading.chosen(graph, args.wrt))
    made = Session(graph, loaded.point, seed=args.seed)
    made.drawn = loaded.drawn
    return made


def step(args: Namespace) -> int:
    """The terminal app, on a session."""
    for stream, name in ((sys.stdout, "output"), (sys.stdin, "input")):
        if not stream.isatty():
            raise GraphError(
                f"step draws on a terminal, but standard {name} is none: "
                "use graphdbg debug in a pipe"
            )
    return int(lazy.app("app").run(session(args), args.theme))


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
