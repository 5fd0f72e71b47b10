"""`graphdbg render`: a picture of the circuit, a file for each step, or the walk as a gif."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

from ..drawing import films
from ..errors import GraphError
from ..files import writing
from ..publishing import exports
from ..stepping.session import Session
from . import loading, opening
from .outlets import hand_over, say

OK = 0
FRAMES = ("svg", "png", "pdf")


def render(args: Namespace) -> int:
    """Draw what the command line asks for; say what was drawn, and by which Graphviz."""
    if (args.output is None) == (args.frames is None):
        raise GraphError(
            f"expected either -o FILE ({', '.join(exports.FORMATS)}) or --frames DIR"
        )
    _ready(args)
    session = opening.session(args)
    look = looks(args)
    if args.frames is not None:
        return _frames(args, session, look)
    if args.output == "-":
        if args.format is None:
            raise GraphError("-o - writes to standard output: say which --format")
        data, _ = exports.drawn(session, args.format, None, args.at, args.step, told, look)
        hand_over(data)
        return OK
    done = exports.render(
        session, args.output, at=args.at, step=args.step, format=args.format, told=told, **look
    )
    _say(str(done), session)
    return OK


def _ready(args: Namespace) -> None:
    """FileError, before any work, where what will be drawn cannot be written."""
    read = loading.read_from(args)
    if args.frames is not None:
        writing.ready_folder(args.frames, read)
    elif args.output != "-":
        writing.ready(args.output, read)


def looks(args: Namespace) -> dict[str, Any]:
    """The arguments of `gd.render` on how the picture looks."""
    names = [name for words in args.fold for name in words.split(",") if name]
    return {
        "fold": names, "depth": args.depth, "neighbourhood": args.neighbourhood,
        "only": args.only, "theme": args.theme, "heat": args.heat, "locals": args.locals,
        "everything": args.all, "down": args.down,
    }  # fmt: skip


def _frames(args: Namespace, session: Session, look: dict[str, Any]) -> int:
    form = args.format or "svg"
    if form not in FRAMES:
        raise GraphError(f"found --format {form} for --frames, expected one of {', '.join(FRAMES)}")
    if args.at is not None or args.step is not None:
        raise GraphError("--frames draws every step: leave --at and --step out")
    folder = Path(args.frames)
    made = exports.studio(session, **look)
    paths = films.write_frames(made, folder, form, told, loading.read_from(args))
    first, last = paths[0].name, paths[-1].name
    drawn = exports.Rendered(folder, f"{first} to {last}, {made.count}",
                             exports.drawn_by(made, form), made.circuit.notes)  # fmt: skip
    _say(str(drawn), session)
    return OK


def _say(text: str, session: Session) -> None:
    say(text)
    if session.drawn:
        say(f"  random values (--seed {session.seed}) for {', '.join(session.drawn)}")


def told(done: int, count: int) -> None:
    """Say on a terminal how many frames are drawn."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{done} of {count} frames" + "\n" * (done == count))
        sys.stderr.flush()
