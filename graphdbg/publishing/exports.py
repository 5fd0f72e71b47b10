"""What people take away: `render` to a file, `to_dot`, `to_html` and `to_text` as text.

The format follows from the file's name: svg, png, pdf, dot, gif (the walk, animated), html (a page
that steps), txt.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..drawing import films
from ..drawing.circuits import Choice
from ..drawing.pictures import Options, Studio
from ..errors import GraphError
from ..files import writing
from ..numbers.evaluator import Trace
from ..pages.page import page
from ..rendering.cards import Look
from ..rendering.picture import Picture, text
from ..stepping.breakpoints import resolve
from ..stepping.session import Session
from ..tape.graph import NONE, Graph
from ..tape.programs import Program, graph_of

Words = Any  # the arguments of `options`
DOT, TEXT, GIF, PAGE = ("dot", "gv"), ("txt",), ("gif",), ("html", "htm")
PICTURES = ("svg", "png", "pdf")
FORMATS = (*PICTURES, "dot", "gif", "html", "txt")
MOST_HOPS = 1_000  # of a neighbourhood: more than any graph that is drawn is deep


@dataclass(frozen=True, slots=True)
class Rendered:
    """What was written: the file, how much of the graph it shows, and what drew it."""

    path: Path
    count: str
    engine: str
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        by = f", drawn by {self.engine}" if self.engine else ""
        notes = "".join(f"\n  {note}" for note in self.notes)
        return f"{self.path}: {self.count}{by}{notes}"


def render(
    subject: Program | Session,
    file: str | Path,
    *,
    trace: Trace | None = None,
    at: str | None = None,
    step: int | None = None,
    format: str | None = None,
    told: films.Told = films.silent,
    **look: Words,
) -> Rendered:
    """What was written to `file`: the circuit of a graph or session, in the format of its name.

    With a `trace` (or a session) wires carry values and gradients. `step` shows position N of the
    walk and `at` the moment a node (or `line 3`, `call softmax`) is reached; without them all is
    known. Further arguments: `fold` (calls by name), `depth` (calls left open), `neighbourhood`
    ("h:2", a node and a number of steps), `only` ("forward", "backward"), `theme` ("light",
    "dark", "print"), `heat`, `locals`, `everything`, `down` (from top to bottom).

    Raises DrawingError where Graphviz is missing, FileError before anything is drawn for a file
    that cannot be written or is the graph's own program, GraphError for a format or name that
    cannot be.

    >>> import graphdbg as gd, tempfile, pathlib
    >>> b = gd.grad(gd.parse("f=(x+y)z"))
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "f.dot"
    >>> gd.render(b, file, trace=gd.evaluate(b, {"x": -2, "y": 5, "z": -4})).count
    '5 nodes'
    """
    path = Path(file)
    form = _format(path, format)
    writing.ready(file, _read_from(subject))
    data, studio = drawn(subject, form, trace, at, step, told, look)
    writing.write(file, data)
    return Rendered(path, studio.count, drawn_by(studio, form), studio.circuit.notes)


def _read_from(subject: Program | Session) -> list[str]:
    """The files that a program or a session was made from, as far as it knows."""
    if isinstance(subject, str | os.PathLike):
        return [os.fspath(subject)]
    source = (subject if isinstance(subject, Graph) else subject.graph).source
    known = () if isinstance(subject, Graph) else subject.read_from
    return [*known, source.name if source else ""]


def to_dot(
    subject: Program | Session,
    *,
    trace: Trace | None = None,
    at: str | None = None,
    step: int | None = None,
    **look: Words,
) -> str:
    """The circuit as DOT text; arguments as for `render`. Needs no Graphviz.

    >>> import graphdbg as gd
    >>> print(gd.to_dot(gd.parse("f = x^2")).split("{")[0])
    digraph circuit
    """  # noqa: W291
    return drawn(subject, "dot", trace, at, step, films.silent, look)[0].decode("utf-8")


def to_html(subject: Program | Session, *, trace: Trace | None = None, **look: Words) -> str:
    """The page that steps through both passes: one HTML text that needs nothing else.

    A graph needs a `trace`; the page opens at a session's position. Further arguments as for
    `render`. Raises DrawingError where Graphviz is missing.

    >>> import graphdbg as gd
    >>> gd.to_html(gd.Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4}))[:15]
    '<!doctype html>'
    """
    return drawn(subject, "html", trace, None, None, films.silent, look)[0].decode("utf-8")


def to_text(
    subject: Program | Session, *, trace: Trace | None = None, zoom: str = "card", **look: Words
) -> str:
    """The circuit drawn with box characters; `zoom` is card, line or dot, the rest as `render`.

    >>> import graphdbg as gd
    >>> print(gd.to_text(gd.parse("f = exp(x)"), zoom="line"))
      x = —
      ▼
      f = —
    """
    return _text(studio(subject, trace, **look), None, zoom)


def _text(made: Studio, position: int | None, zoom: str = "card") -> str:
    folded = {made.circuit.view.closed_frame(at) for at in made.circuit.nodes}
    scene = made.scene(position)
    return text(
        Picture(made.graph, folded - {NONE}, zoom),
        lambda node: scene.looks.get(node, Look()),
        scene.current,
        scene.direction,
    )


def studio(
    subject: Program | Session, trace: Trace | None = None, prefix: str = "", **look: Words
) -> Studio:
    """The `Studio` of a graph or session, with the arguments of `render` on how it looks."""
    return Studio(_subject(subject), trace, options(**look), prefix)


def _subject(subject: Program | Session) -> Graph | Session:
    return subject if isinstance(subject, Session) else graph_of(subject)


def options(
    *,
    fold: Iterable[str] | str = (),
    depth: int | None = None,
    neighbourhood: str | None = None,
    only: str = "both",
    theme: str = "light",
    heat: bool = False,
    locals: bool = False,
    everything: bool = False,
    down: bool = False,
) -> Options:
    """`Options` from the arguments of `render`; GraphError for one that is none."""
    names = (fold,) if isinstance(fold, str) else tuple(fold)
    if depth is not None and depth < 0:
        raise GraphError(f"found depth {depth}, expected 0 (all calls folded) or more")
    around = None if neighbourhood is None else _around(neighbourhood)
    return Options(Choice(names, depth, around, everything), only, theme, heat, locals, down)


def _around(text: str) -> tuple[str, int]:
    name, colon, hops = text.rpartition(":")
    if not colon:
        return text, 1
    if not hops.isdecimal() or not name or int(hops) > MOST_HOPS:
        raise GraphError(
            f"found neighbourhood '{text:.60}', expected a node and a number of steps, such as h:2"
        )
    return name, int(hops)


def drawn(
    subject: Program | Session,
    form: str,
    trace: Trace | None,
    at: str | None,
    step: int | None,
    told: films.Told,
    look: dict[str, Words],
) -> tuple[bytes, Studio]:
    """The picture in a format as bytes, and the studio that drew it; arguments as for `render`."""
    subject = _subject(subject)
    _known(form, f"format '{form}'")
    walks = at is not None or step is not None or form in (*GIF, *PAGE)
    if isinstance(subject, Graph) and trace is not None and (walks or look.get("locals")):
        subject = Session(trace.graph, {name: trace[name] for name in trace.graph.inputs})
    made = studio(subject, trace, **look)
    position = _position(made, at, step)
    return _WRITERS[form](made, form, position, told), made


def _page(made: Studio, position: int | None) -> str:
    return page(made, made.moments.session, position)


Writer = Callable[[Studio, str, int | None, films.Told], bytes]
_WRITERS: dict[str, Writer] = {
    **{form: lambda made, form, position, told: made.picture(form, position) for form in PICTURES},
    **{form: lambda made, form, position, told: made.dot(position).encode() for form in DOT},
    **{form: lambda made, form, position, told: films.gif(made, told) for form in GIF},
    **{form: lambda made, form, position, told: _page(made, position).encode() for form in PAGE},
    **{form: lambda made, form, position, told: (_text(made, position) + "\n").encode()
       for form in TEXT},
}  # fmt: skip


def _position(made: Studio, at: str | None, step: int | None) -> int | None:
    """The position that is to be shown; None for what is known at the end."""
    if at is None:
        return step
    if step is not None:
        raise GraphError("give either a step or a node to stand at, not both")
    session = made.moments.session
    _, _, places = resolve(session.walk, at)
    backward = made.options.only == "backward"
    wanted = [place for place in places if (place >= session.walk.turn) == backward] or places
    return wanted[0] if wanted else 0  # an input is known from the start


def _format(path: Path, given: str | None) -> str:
    form = given or path.suffix.lower().removeprefix(".")
    return _known(form, f"format '{form}'" if form else f"a file without an ending, '{path}'")


def _known(form: str, found: str) -> str:
    if form not in _WRITERS:
        raise GraphError(f"found {found}, expected one of {', '.join(FORMATS)}")
    return form


def drawn_by(made: Studio, form: str) -> str:
    """What drew a picture of this format; nothing for text."""
    return "" if form in (*DOT, *TEXT) else made.engine.title
