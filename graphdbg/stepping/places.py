"""Where a session stands: the place in the text, the lines around it, the calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..errors import GraphError
from ..source import Source
from .frames import Frame
from .walk import Kind

if TYPE_CHECKING:
    from .scope import Scope
    from .session import Session

AROUND = 5  # lines of the program before and after the current one


def location(frame: Frame) -> str:
    """`lecture.gd:6  forward, 1 of 12: value`."""
    span = frame.span
    place = f"{span.source.name}:{span.line}" if span else "start"
    inside = f"  in {' > '.join(frame.stack)}" if frame.stack else ""
    if frame.kind == Kind.START:
        return f"start, 0 of {frame.walk.end}: the inputs are known, nothing is computed"
    count = f"{frame.position} of {frame.walk.end}"
    return f"{place}  {frame.direction}, {count}: {frame.title}{inside}"


def source_line(frame: Frame) -> str:
    """The line of text that the node stands on, with its arrow; empty where there is none."""
    span = frame.span
    return f"-> {span.source.line(span.line).strip()}" if span else ""


def stack_lines(scope: Scope, frame: Frame) -> Iterator[str]:
    """Where the cursor is: the calls around it, inmost first, each with its place."""
    yield location(frame)
    for at in reversed(scope.walk.stack(frame.position)):
        call = scope.graph.calls[at]
        names = ", ".join(scope.graph.names[each] for each in call.inputs)
        place = f"{call.span.source.name}:{call.span.line}" if call.span else ""
        label = f"{call.label} = " if call.label != call.function else ""
        yield f"  in {label}{call.function}({names})   {place}".rstrip()


def program(session: Session, middle: int | None = None) -> Iterator[str]:
    """The program around a line (the current one by default), with breakpoints and the arrow."""
    source, here = session.graph.source, own_line(session.frame)
    if source is None:
        raise GraphError("this graph has no program text")
    count, middle = len(source.line_starts), (here or 1) if middle is None else middle
    if not 1 <= middle <= count:
        raise GraphError(f"found line {middle}, expected one from 1 to {count}")
    return _around(source, middle, here, session.marks.lines(session.walk))


def own_line(frame: Frame) -> int | None:
    """The line of the program at hand: in a function of the program its own, else that of the call.

    None at the start.
    """
    span = frame.span
    return span.line if span is not None and span.source == frame.graph.source else frame.line


def surroundings(session: Session) -> Iterator[str]:
    """The text around the cursor: inside of a call that of its function, then where it was called.

    A function of the library has a file of its own.
    """
    frame, own = session.frame, session.graph.source
    span = frame.span
    if span is None or span.source == own:
        yield from program(session)
    else:
        yield f"{span.source.name}:"
        yield from _around(span.source, span.line, span.line, set())
    if own is not None and frame.line and (span is None or span.source != own):
        yield f"called from {own.name}:{frame.line}: {own.line(frame.line).strip()}"


def _around(source: Source, middle: int, here: int | None, marked: set[int]) -> Iterator[str]:
    last = min(len(source.line_starts), middle + AROUND)
    while last > middle and not source.line(last).strip():
        last -= 1
    for at in range(max(1, middle - AROUND), last + 1):
        arrow = "->" if at == here else "  "
        yield f"{at:4}{'●' if at in marked else ' '}{arrow} {source.line(at)}".rstrip()
