"""`Controller`: the only owner of the session, and of what is selected, folded and zoomed.

It turns a session into plain rows of text with style names; widgets draw those and know nothing
of graphs. Nothing here imports Textual's widgets, so that it is tested without an app.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from graphdbg import Formula, GraphError, Session
from graphdbg.checking.verdicts import Report
from graphdbg.rendering import numbers
from graphdbg.rendering.cards import ARRAY_ROOM, SCALAR_ROOM, ZOOMS, Look
from graphdbg.rendering.picture import Picture, rows
from graphdbg.stepping import narration
from graphdbg.stepping.commands import find
from graphdbg.stepping.frames import accumulated_at
from graphdbg.stepping.interpreter import Interpreter
from graphdbg.stepping.reach import Reach, anywhere
from graphdbg.stepping.replies import Reply
from graphdbg.stepping.scope import Scope
from graphdbg.stepping.walk import BACKWARD, Kind
from graphdbg.tape.graph import NONE

from .card import Card, Findings
from .pieces import Row

Array = NDArray[Any]
Found = tuple[Report, dict[str, Formula]]
OPEN_NODES = 16  # nodes of a program; with more of them, calls are drawn folded at first
CHECKED_NODES = 3_000  # of a tape whose gradients are checked without being asked
MANY_NODES = 2_000  # drawn as lines and not as cards at first
STEP = 0.01  # of a nudge, relative to values above 1


@dataclass(frozen=True, slots=True)
class SourceView:
    """The text to show, its name, the current line, and the lines with breakpoints."""

    name: str
    text: str
    line: int
    marked: frozenset[int]


@dataclass(frozen=True, slots=True)
class TimelineView:
    """Position, end, where the backward pass begins, and where breakpoints may stop."""

    position: int
    end: int
    turn: int
    marks: tuple[int, ...]


class Controller:
    """A session as the app needs it; `open_session` makes the session (and may take a while).

    `reach` is of the files that its commands may touch.
    """

    def __init__(
        self,
        open_session: Callable[[], Session],
        tell: Callable[[str], None] = lambda text: None,
        reach: Reach = anywhere,
    ) -> None:
        tell("differentiating and evaluating")
        self.interpreter = Interpreter(open_session(), reach)
        self.zoom = ""
        self.folded: frozenset[int] = frozenset()
        self.selected = NONE
        self.found: list[int] = []
        self.findings = Findings()
        tell("drawing")
        self._pictures: dict[tuple[frozenset[int], str], Picture] = {}
        self._reset()

    rows = staticmethod(rows)  # draws a window of the picture

    @property
    def session(self) -> Session:
        """The session."""
        return self.interpreter.session

    def _reset(self) -> None:
        """Fold, zoom and select as fits the program of a new session."""
        graph = self.session.graph
        nodes = len(self.session.walk.value_at)
        fold = OPEN_NODES < nodes <= MANY_NODES  # in a large one no step may need a new drawing
        self.folded = frozenset(range(len(graph.calls))) if fold else frozenset()
        self.zoom = ZOOMS[1] if nodes > MANY_NODES else ZOOMS[0]
        self._pictures.clear()
        self.findings = Findings()
        self.selected = self.picture.vertices[0] if self.picture.vertices else NONE

    # ---------------------------------------------------------------- commands

    def run(self, line: str) -> Reply:
        """Run a command line; the selection follows the cursor. Raises what the session raises."""
        before = self.session
        position, scope = before.position, before.scope
        reply = self.interpreter.execute(line)
        if self.session is not before:
            self._reset()
        if self.session.scope is not scope:
            self.findings.checks.clear()
            self.findings.refused.clear()
        if self.session.position != position or self.session.scope is not scope:
            self.follow()
        return reply

    def told(self, line: str, reply: Reply) -> str:
        """What of a reply the panes do not show: of a motion only why it stopped."""
        command = find(line.split()[0]) if line.split() else None
        if command is None or command.group not in ("On", "Back in time"):
            return reply.text
        kept = reply.text.split("\n")
        place = narration.location(self.session.frame)
        return "\n".join(kept[: kept.index(place)] if place in kept else kept)

    def toggle(self, target: str) -> str:
        """Set or remove a breakpoint; what was done, in words."""
        made = self.session.toggle(target)
        return f"breakpoint {made}" if made is not None else f"no breakpoint on {target} any more"

    def follow(self) -> None:
        """Open the calls around the cursor in the picture, and select the node at hand."""
        around = self.session.walk.stack(self.session.position)
        self.folded -= frozenset(around)
        if self.current != NONE:
            self.selected = self.current

    def goto(self, position: int) -> None:
        """Jump to a position of the walk."""
        self.session.goto(max(0, min(position, self.session.end)))
        self.follow()

    @property
    def current(self) -> int:
        """The vertex of the node at hand, -1 at the start."""
        node = self.session.frame.id
        found = self.picture.vertex_of(node) if node != NONE else None
        return NONE if found is None else found

    @property
    def selected_name(self) -> str:
        """The name of the selected node, empty where there is none."""
        return self.session.graph.names[self.selected] if self.selected != NONE else ""

    def nudge_line(self, sign: int) -> str:
        """The command that moves the selected input a little up or down."""
        value = self.session.point.get(self.selected_name)
        size = float(np.max(np.abs(value), initial=0)) if value is not None else 1.0
        by = sign * STEP * (size if size > 1 else 1.0)
        return f"nudge {self.selected_name} {by:.3g}"

    # ---------------------------------------------------------------- behind the paint

    def wanted(self) -> int | None:
        """The node at hand if its check or Jacobians are still to be found, else None."""
        session, frame = self.session, self.session.frame
        if session.backward is None or frame.direction != BACKWARD or frame.id == NONE:
            return None
        if frame.id not in session.backward.upstream or len(session.graph) > CHECKED_NODES:
            return None
        findings = self.findings
        known = frame.node in findings.jacobians and frame.id in findings.checks
        return None if known or frame.id in findings.refused else frame.id

    def find_out(self, node: int) -> Found:
        """The check and the local Jacobians of a node: for a thread, it changes nothing."""
        session = self.session
        try:
            jacobians = session.jacobians(session.graph.names[node])
        except GraphError:  # too large, or withheld since it disagreed: then none is shown
            jacobians = {}
        return session.scope.check(node), jacobians

    def keep(self, node: int, scope: Scope, found: Found | str) -> None:
        """Take what `find_out` found, or why it did not, unless the numbers have changed since."""
        if isinstance(found, str):
            self.findings.refused[node] = found
            return
        report, jacobians = found
        self.findings.jacobians[self.session.graph.names[node]] = jacobians
        if scope is self.session.scope:
            self.findings.checks[node] = report

    # ---------------------------------------------------------------- picture

    @property
    def is_drawn(self) -> bool:
        """Whether the picture for what is folded and zoomed now is there, or made in no time."""
        return (self.folded, self.zoom) in self._pictures or (
            len(self.session.walk.value_at) <= MANY_NODES
        )

    def draw(self) -> Picture:
        """Make the picture: for a thread, where it takes long."""
        return self.picture

    @property
    def picture(self) -> Picture:
        """The drawing for what is folded and zoomed now; kept, so that going back is free."""
        key = (self.folded, self.zoom)
        if key not in self._pictures:
            while len(self._pictures) > 8:  # of drawings kept; a large one takes megabytes
                self._pictures.pop(next(iter(self._pictures)))
            self._pictures[key] = Picture(self.session.graph, self.folded, self.zoom)
        return self._pictures[key]

    def move(self, direction: str) -> None:
        """Select the node in a direction of the picture."""
        self._select(self.picture.neighbour(self.selected, direction))

    def along(self, forward: bool) -> None:
        """Select the first consumer (or operand) of the selected node that is drawn."""
        graph, view = self.session.graph, self.picture
        near = graph.users[self.selected] if forward else graph.args[self.selected]
        drawn = [view.vertex_of(at) for at in near if graph.phases[at] == 0]
        self._select(next((at for at in drawn if at not in (None, self.selected)), None))

    def _select(self, node: int | None) -> None:
        if node is not None:
            self.selected = node

    def select(self, node: int) -> None:
        """Select a node of the picture."""
        self._select(self.picture.vertex_of(node))

    def fold(self) -> str:
        """Fold or unfold the call at the selected node; what was done, in words."""
        graph = self.session.graph
        frame = self.picture.view.closed_frame(self.selected)
        if frame != NONE:
            self.folded -= {frame}
            return f"unfolded {graph.calls[frame].label}"
        frame = graph.frames[self.selected]
        if frame == NONE:
            return f"'{self.selected_name}' is in no call: nothing to fold"
        self.folded |= {frame}
        self.select(graph.calls[frame].output)
        return f"folded {graph.calls[frame].label}"

    def next_zoom(self) -> str:
        """Change to the next zoom; its name."""
        self.zoom = ZOOMS[(ZOOMS.index(self.zoom) + 1) % len(ZOOMS)]
        return self.zoom

    def search(self, text: str) -> str:
        """Select the first node whose name or operation has `text`; how many there are."""
        self.found = self.interpreter.found(text)
        if not self.found:
            return f"no node has '{text}' in its name or operation"
        self._reveal(self.found[0])
        return f"{len(self.found)} found; . and , go through them"

    def search_on(self, by: int) -> None:
        """Select the next or previous node that the search found."""
        if self.found:
            self.found = self.found[by:] + self.found[:by]
            self._reveal(self.found[0])

    def _reveal(self, node: int) -> None:
        graph = self.session.graph
        frame = graph.frames[node]
        while frame != NONE:
            self.folded -= {frame}
            frame = graph.calls[frame].parent
        self.select(node)

    def look(self, node: int) -> Look:
        """What a vertex shows now."""
        session, walk = self.session, self.session.walk
        position = session.position
        value = walk.has_value(node, position)
        state = "current" if node == self.current else "known" if value else "pending"
        return Look(
            short(np.asarray(session.trace.arrays[node])) if value else "",
            self._gradient(node),
            state,
            node == self.selected,
            session.graph.names[node] in session.marks.nodes(),
        )

    def _gradient(self, node: int) -> str:
        session, walk = self.session, self.session.walk
        total = accumulated_at(walk, session.trace, node, session.position)
        if total is None:
            return ""
        arrived, awaited = walk.arrived(node, session.position), walk.awaited(node)
        if arrived == awaited:
            return short(total)
        whole = f"{short(total)} {arrived}/{awaited}"
        room = ARRAY_ROOM if total.ndim else SCALAR_ROOM
        return whole if len(whole) <= room else f"{arrived}/{awaited} in"

    # ---------------------------------------------------------------- panes

    @property
    def direction(self) -> str:
        """The pass at hand."""
        return self.session.frame.direction

    def status(self) -> Row:
        """The line at the top: where the cursor is."""
        frame = self.session.frame
        source = self.session.graph.source
        name = source.name if source else "graph"
        arrow = "◀" if frame.direction == BACKWARD else "▶"
        told = [(f" {name} ", "title"), (f" {arrow} {frame.direction} ", "current")]
        told.append((f"{frame.position} of {self.session.end}  ", "dim"))
        if self.session.iterations is not None:
            told.append((f"iteration {self.session.iteration} ", "warning"))
        if frame.kind == Kind.START:
            return [*told, ("start: press s to step, ? for help", "")]
        what = f"{frame.node} = {frame.operation}" if frame.node else frame.operation
        return [*told, (f"{frame.title}: ", ""), (what, "name")]

    def card(self, width: int) -> list[Row]:
        """The node pane, `width` cells wide: the selected node as far as it is known now."""
        return list(Card(self.session, self.selected, self.findings, width).rows())

    def source(self) -> SourceView:
        """The source pane: the program, or the library where the cursor is inside of a call."""
        session, span = self.session, self.session.frame.span
        program = session.graph.source
        shown = span.source if span else program
        if shown is None:
            return SourceView("", "this graph has no program text", 0, frozenset())
        mine = shown == program
        marked = session.marks.lines(session.walk) if mine else set()
        return SourceView(shown.name, shown.text, span.line if span else 0, frozenset(marked))

    def stack(self) -> list[Row]:
        """The call stack, inmost first."""
        session = self.session
        rows: list[Row] = []
        for at in reversed(session.walk.stack(session.position)):
            call = session.graph.calls[at]
            names = ", ".join(session.graph.names[each] for each in call.inputs)
            rows.append([(f"{call.label} = ", "name"), (f"{call.function}({names})", "")])
        return [*rows, [("program", "dim")]]

    def watches(self) -> list[Row]:
        """The watched expressions with their values."""
        session = self.session
        rows: list[Row] = [
            [(f"{each.number} ", "dim"), (f"{each.text} ", "name"), (told, "value")]
            for each in session.marks.watches.values()
            for told in [session.show(each.text)]
        ]
        return rows or [[("w adds one, such as grad(x)", "dim")]]

    def breakpoints(self) -> list[Row]:
        """The breakpoints and filters, with their hits."""
        session = self.session
        rows: list[Row] = []
        for each in session.marks.breakpoints.values():
            dot = "●" if each.enabled else "○"
            hits = f"  {session.hits(each)}×"
            rows.append([(f"{dot} ", "bad"), (str(each), ""), (hits, "dim")])
        rows += [[("● ", "bad"), (f"catch {name}", "")] for name in sorted(session.marks.filters)]
        return rows or [[("b sets one at the selected node", "dim")]]

    def timeline(self) -> TimelineView:
        """The timeline."""
        session = self.session
        marks = {
            place
            for each in session.marks.breakpoints.values()
            if each.enabled
            for place in list(each.places)[:1_000]  # more do not fit any line
        }
        return TimelineView(session.position, session.end, session.walk.turn, tuple(sorted(marks)))

    def explain(self) -> str:
        """What the last step did and why."""
        return narration.explain(self.session.scope, self.session.frame)


def short(value: Array) -> str:
    """A value as it fits into a card: a number, a tiny vector, or a range."""
    if value.ndim == 0:
        text = numbers.number(value)
        return text if len(text) <= SCALAR_ROOM else numbers.number(value, 3)
    if value.ndim == 1 and 0 < value.size <= 4:
        text = "[" + " ".join(numbers.number(each, 2) for each in value) + "]"
        if len(text) <= ARRAY_ROOM:
            return text
    finite = value[np.isfinite(value)]
    if finite.size < value.size or not value.size:
        return "nan" if np.isnan(value).any() else "inf" if value.size else "[]"
    low, high = finite.min(), finite.max()
    return next(ranges(low, high))


def ranges(low: float, high: float) -> Iterator[str]:
    """The range of an array, in as many digits as fit a card."""
    if low == high:
        yield f"all {numbers.number(low, 3)}"
    for digits in (3, 2, 1):
        text = f"{numbers.number(low, digits)}…{numbers.number(high, digits)}"
        if len(text) <= ARRAY_ROOM or digits == 1:
            yield text
