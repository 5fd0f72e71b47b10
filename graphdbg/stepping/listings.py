"""What `info`, `search` and `print` list: breakpoints, inputs, one node, numbers in full."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..rendering.numbers import brief, number
from ..tape.operations import operation
from ..tape.sizes import to_text

if TYPE_CHECKING:
    from .session import Session

MOST_FOUND = 20  # nodes that a search lists
MOST_EXACT = 60  # entries of an array that print shows one by one


def watches(session: Session) -> Iterator[str]:
    """The expressions that are shown at each stop, with their values now."""
    for each in session.marks.watches.values():
        yield f"{each.number}: {each.text} = {session.show(each.text)}"


def breakpoints(session: Session) -> Iterator[str]:
    """Breakpoints, how often each was hit up to here, and filters."""
    for each in session.marks.breakpoints.values():
        yield f"breakpoint {each}; {times(session.hits(each))} so far"
    for at, condition in session.conditions.items():
        yield f"breakpoint {at}: when {condition.text}"
    for name in sorted(session.marks.filters):
        yield f"catch {name}"


def inputs(session: Session) -> Iterator[str]:
    """The value of each input, and whether it was drawn at random."""
    for name in session.graph.inputs:
        drawn = "   (random)" if name in session.drawn else ""
        yield f"{name} = {brief(session.point[name])}{drawn}"


def node(session: Session, name: str) -> Iterator[str]:
    """What is known of one node."""
    graph, walk, at = session.graph, session.walk, session.position
    found = graph[name]
    yield f"{name} = {operation(graph, found.id)}"
    yield f"  shape    {to_text(np.shape(session.trace.arrays[found.id]))}"
    yield f"  value    {brief(session.value(name))}"
    if walk.backward is not None and found.id in walk.backward.upstream:
        awaited = walk.awaited(found.id)
        count = f"   {walk.arrived(found.id, at)} of {awaited} contribution{'s'[: awaited != 1]}"
        yield f"  gradient {brief(session.gradient(name))}{count if awaited else ''}"
    elif not graph.phases[found.id]:
        yield "  gradient none on the tape: it was not differentiated by"
    span = graph.place(found.id)
    if span is not None:
        yield f"  line     {span.line}: {span.source.line(span.line).strip()}"


def nodes(session: Session, found: list[int]) -> Iterator[str]:
    """Nodes with their operations, those that a search found."""
    graph = session.graph
    for at in found[:MOST_FOUND]:
        yield f"{graph.names[at]} = {operation(graph, at)}"
        for call in graph.calls:
            if call.output == at and call.function not in operation(graph, at):
                yield f"  in all {call.function}({', '.join(graph.names[x] for x in call.inputs)})"
    if len(found) > MOST_FOUND:
        yield f"... {len(found) - MOST_FOUND} more"


def exact(value: NDArray[Any]) -> str:
    """A value in full where it is small: print is asked for digits."""
    if not value.shape:
        return number(value, 12)
    if value.size > MOST_EXACT:
        return brief(value)
    text = np.array2string(value, precision=6)
    return f"\n{text}" if "\n" in text else text


def numbers(found: Iterable[int]) -> str:
    """The numbers of marks in a sentence."""
    return ", ".join(map(str, found)) or "none"


def times(count: int) -> str:
    """`hit once`, `hit 3 times`."""
    return "hit once" if count == 1 else f"hit {count} times" if count else "not hit"
