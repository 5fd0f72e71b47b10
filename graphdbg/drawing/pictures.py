"""`Studio`, which draws a graph or a session as svg, png, pdf or DOT, at one moment or at many.

It lays the circuit out once; each moment is drawn at the same places.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..errors import DrawingError, GraphError, SlowDrawingError
from ..numbers.evaluator import Trace
from ..rendering.folding import View
from ..stepping.session import Session
from ..tape.graph import Graph, suggestion
from . import layouts, scenes, svg
from .circuits import MOST_SHOWN, Choice, Circuit, circuit, shown_in
from .dot import Drawing
from .engines import LIMIT, Engine, engine
from .labels import plain
from .layouts import Layout
from .scenes import ONLY, Moments, Scene
from .themes import THEMES, Theme

PATIENCE = 12.0  # seconds for `dot`, which may take minutes; then `sfdp` draws what is left of them
DENSITY = 144  # pixels an inch of a png: sharp on a slide
HUGE = 3_000  # nodes beyond which a png would be larger than what Graphviz can paint


@dataclass(frozen=True, slots=True)
class Options:
    """How a picture is to look.

    `choice` is what to draw, `only` both, forward or backward, `theme` light, dark or print;
    `heat` colours wires by the size of their gradient, `locals` writes local derivatives on edges,
    and `down` lets the picture run from top to bottom.
    """

    choice: Choice = field(default_factory=Choice)
    only: str = "both"
    theme: str = "light"
    heat: bool = False
    locals: bool = False
    down: bool = False

    def __post_init__(self) -> None:
        _one_of("theme", self.theme, tuple(THEMES))
        _one_of("only", self.only, ONLY)


class Studio:
    """Draws `session`, or a graph by itself: with `trace` its numbers, else its structure.

    Raises what `circuit` raises; GraphError where heat or locals are asked for without numbers.

    >>> import graphdbg as gd
    >>> studio = Studio(gd.Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4}))
    >>> "digraph circuit" in studio.dot(), studio.count
    (True, '5 nodes')
    """

    def __init__(
        self,
        subject: Session | Graph,
        trace: Trace | None = None,
        options: Options | None = None,
        prefix: str = "",
    ) -> None:
        self.session = subject if isinstance(subject, Session) else None
        self.graph = subject.graph if isinstance(subject, Session) else subject
        self.trace = self.session.trace if self.session else trace
        self.options = options or Options()
        self.prefix = prefix
        if (self.options.heat or self.options.locals) and self.trace is None:
            raise GraphError("heat and local derivatives are numbers: give the inputs values")
        backward = scenes.last_pass(self.graph)
        near = backward.of if backward else None
        self.circuit: Circuit = circuit(self.graph, self.options.choice, near)

    @property
    def theme(self) -> Theme:
        """The colours."""
        return THEMES[self.options.theme]

    @property
    def count(self) -> str:
        """How much of the graph is drawn, `5 nodes` or `12 of 40 nodes`."""
        shown, every = len(self.circuit.nodes), len(shown_in(View(self.graph, None)))
        s = "s" * (every != 1)
        return f"{shown:,} of {every:,} node{s}" if shown < every else f"{shown:,} node{s}"

    @cached_property
    def engine(self) -> Engine:
        """The Graphviz that draws; DrawingError where there is none."""
        return engine()

    @cached_property
    def moments(self) -> Moments:
        """The scenes of the session's walk."""
        if self.session is None:
            raise GraphError("a graph without values has no steps: give the inputs values")
        return Moments(self.circuit, self.session, self.options.only)

    def scene(self, position: int | None = None) -> Scene:
        """What the picture shows at a position of the walk; without one, everything."""
        if position is not None:
            made = self.moments.at(self._checked(position))
        else:
            made = scenes.still(self.circuit, self.trace, self.options.only)
            if self.session is not None:  # the same room as at every moment
                made = replace(made, longest=self.moments.longest)
        if self.options.heat and self.trace is not None:
            made = scenes.with_heat(made, self.circuit, self.trace)
        if self.options.locals and self.session is not None:
            made = scenes.with_locals(made, self.circuit, self.session)
        return made

    def _checked(self, position: int) -> int:
        end = self.moments.session.end
        if not 0 <= position <= end:
            raise GraphError(f"found step {position}, expected one from 0 to {end}")
        return position

    # ---------------------------------------------------------------- drawing

    def dot(self, position: int | None = None) -> str:
        """DOT text, for Graphviz to lay out."""
        return self._drawing(self.scene(position)).source()

    def picture(self, form: str, position: int | None = None) -> bytes:
        """The picture in a format, as bytes; svg is UTF-8.

        Raises DrawingError where there is no Graphviz, or it fails.
        """
        return self._paint(self._placed(self.scene(position)), form)

    def frames(self, form: str) -> Iterator[bytes]:
        """The picture at every position of the walk, one after the other, all of one size."""
        end = self.moments.session.end
        lines = max(self._placed(self.scene(at)).lines(self.layout) for at in range(end + 1))
        for at in range(end + 1):
            yield self._paint(self._placed(self.scene(at)), form, lines)

    def _paint(self, drawing: Drawing, form: str, lines: int | None = None) -> bytes:
        if form == "png" and len(self.circuit.nodes) > HUGE:
            raise DrawingError(
                f"{self.count} are too many for a png: take svg or pdf, or draw less with --depth, "
                "--fold or --neighbourhood"
            )
        lines = drawing.lines(self.layout) if lines is None else lines
        text = drawing.placed(self.layout, lines, DENSITY if form == "png" else None)
        data = self.engine.run(text, "nop2", form)
        return svg.polished(data, self._title).encode("utf-8") if form == "svg" else data

    def _drawing(self, scene: Scene) -> Drawing:
        return Drawing(self.circuit, scene, self.theme, self.prefix, down=self.options.down)

    def _placed(self, scene: Scene) -> Drawing:
        """The drawing, with a word on its layout where that needs one."""
        return replace(self._drawing(scene), notes=self._laid_out[1])

    @property
    def _title(self) -> str:
        name = self.graph.source.name if self.graph.source else "a graph"
        backward = scenes.last_pass(self.graph)
        what = self.graph.names[backward.of] if backward else ", ".join(self.graph.outputs[:4])
        return f"Computational graph of {plain(what)} in {plain(name)}, {self.count}"

    # ---------------------------------------------------------------- where things are

    @property
    def layout(self) -> Layout:
        """Where everything is, found once."""
        return self._laid_out[0]

    @cached_property
    def _laid_out(self) -> tuple[Layout, tuple[str, ...]]:
        """The layout, and a note where it is not `dot`'s."""
        scene = self.moments.at(0) if self.session else self.scene()
        if self.options.locals:
            scene = self.scene(0 if self.session else None)
        text = self._drawing(scene).source(caption=False)
        if len(self.circuit.nodes) <= MOST_SHOWN:
            with contextlib.suppress(SlowDrawingError):
                return layouts.read(self._json(text, "dot", PATIENCE)), ()
        note = "laid out by sfdp: too large or too dense for dot"
        return layouts.read(self._json(text, "sfdp", LIMIT)), (note,)

    def _json(self, text: str, program: str, limit: float) -> str:
        return self.engine.run(text, program, "json0", limit=limit).decode("utf-8")


def _one_of(what: str, given: str, known: tuple[str, ...]) -> None:
    if given not in known:
        raise GraphError(
            f"found {what} '{given}'{suggestion(given, known)}, expected one of {', '.join(known)}"
        )
