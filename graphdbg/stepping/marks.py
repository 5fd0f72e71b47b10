"""`Marks`: the breakpoints, watches and filters of a session, and what stops a motion."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError
from ..tape.graph import NONE
from .breakpoints import (
    CALL,
    LINE,
    NODE,
    WATCH,
    Breakpoint,
    counts,
    fields_of,
    fill,
    line_at,
    resolve,
)
from .expressions import Expression, condition
from .scope import Scope
from .walk import Walk

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Watch:
    """An expression that is shown at each stop."""

    number: int
    text: str


@dataclass
class Meeting:
    """What a motion met at one place: the breakpoints that stop it, and messages that do not."""

    place: int
    reasons: list[str] = field(default_factory=list)
    stops: list[Breakpoint] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)


@dataclass
class Marks:
    """What was set to stop or to show; it stays while the point changes."""

    breakpoints: dict[int, Breakpoint] = field(default_factory=dict)
    watches: dict[int, Watch] = field(default_factory=dict)
    filters: set[str] = field(default_factory=set)
    count: int = 0  # of numbers given, over breakpoints and watches alike as in gdb

    # ---------------------------------------------------------------- setting

    def add(self, scope: Scope, made: Breakpoint, number: int | None = None) -> Breakpoint:
        """Take a breakpoint in, by default with the next number.

        Raises GraphError where it makes no sense, or the number is taken.
        """
        _examine(scope, made)
        made.number = self._number(number)
        self.breakpoints[made.number] = made
        return made

    def show(self, scope: Scope, text: str, number: int | None = None) -> Watch:
        """Take an expression in that is shown at each stop; numbers as in `add`."""
        scope.expression(text)
        made = Watch(self._number(number), text.strip())
        self.watches[made.number] = made
        return made

    def catch(self, scope: Scope, name: str, on: bool = True) -> int:
        """Switch an exception filter on or off; how many places it stops at in all."""
        places = scope.filter_places(name)
        (self.filters.add if on else self.filters.discard)(name)
        return len(places)

    def next_number(self) -> int:
        """A number that nothing has yet, taken from now on."""
        return self._number(None)

    def _number(self, wanted: int | None) -> int:
        number = self.count + 1 if wanted is None else wanted
        if number < 1 or number in self.breakpoints or number in self.watches:
            raise GraphError(f"found {number} as the number of a breakpoint or watch twice")
        self.count = max(self.count, number)
        return number

    def change(self, scope: Scope, number: int, **fields: Any) -> Breakpoint:
        """A breakpoint with other fields; as it was, where they make no sense."""
        found = self.get(number)
        _examine(scope, replace(found, **fields))
        vars(found).update(fields)
        scope.forget(number)
        return found

    def get(self, number: int) -> Breakpoint:
        """The breakpoint of a number; GraphError where there is none."""
        found = self.breakpoints.get(number)
        if found is None:
            known = ", ".join(map(str, self.breakpoints)) or "none"
            raise GraphError(f"no breakpoint {number}; there are: {known}")
        return found

    def delete(self, number: int) -> None:
        """Remove a breakpoint or a watch; GraphError where there is neither."""
        if self.watches.pop(number, None) is None:
            if number not in self.breakpoints:
                known = ", ".join(map(str, sorted({*self.breakpoints, *self.watches}))) or "none"
                raise GraphError(f"no breakpoint or watch {number}; there are: {known}")
            del self.breakpoints[number]

    def at(self, kind: str, target: str) -> Breakpoint | None:
        """The breakpoint on a target, None where there is none."""
        for each in self.breakpoints.values():
            if (each.kind, each.target) == (kind, target):
                return each
        return None

    def lines(self, walk: Walk) -> set[int]:
        """The lines of the program on which a breakpoint stands."""
        found = set()
        for each in self.breakpoints.values():
            if each.kind == LINE:
                found.add(int(each.target))
            elif each.kind in (NODE, CALL):
                found |= {line_at(walk, place) for place in each.places} - {0}
        return found

    def nodes(self) -> set[str]:
        """The names of the nodes on which a breakpoint stands."""
        return {each.target for each in self.breakpoints.values() if each.kind == NODE}

    # ---------------------------------------------------------------- counting

    def places(self, scope: Scope, mark: Breakpoint) -> list[int]:
        """The positions at which a breakpoint may stop."""
        return _places(scope, mark)

    def hits(self, scope: Scope, mark: Breakpoint, position: int) -> int:
        """How often a breakpoint's condition held up to a position."""
        places = _places(scope, mark)
        upto = bisect_right(places, position)
        if not mark.condition:
            return upto
        held: list[int] = scope.once(("mark", mark.number, "held"), lambda: [0])
        for place in places[len(held) - 1 : upto]:  # each place is looked at once
            held.append(held[-1] + _holds(scope, mark, place))
        return held[upto]

    # ---------------------------------------------------------------- stopping

    def met(self, scope: Scope, origin: int, target: int) -> Iterator[Meeting]:
        """What a motion from `origin` to `target` (included) meets, place by place."""
        found: dict[int, list[Breakpoint | str]] = {}
        for mark, places in self._marked(scope):
            if target > origin:
                ahead = places[bisect_right(places, origin) : bisect_right(places, target)]
            else:
                ahead = places[bisect_left(places, target) : bisect_left(places, origin)]
            for place in ahead:
                found.setdefault(place, []).append(mark)
        for place in sorted(found, reverse=target < origin):
            yield self._meeting(scope, place, found[place])

    def _marked(self, scope: Scope) -> Iterator[tuple[Breakpoint | str, list[int]]]:
        for each in self.breakpoints.values():
            if each.enabled:
                yield each, _places(scope, each)
        for name in sorted(self.filters):
            yield name, scope.filter_places(name)

    def _meeting(self, scope: Scope, place: int, marks: Iterable[Breakpoint | str]) -> Meeting:
        meeting = Meeting(place)
        for mark in marks:
            if isinstance(mark, str):
                meeting.reasons.append(mark)
            elif _holds(scope, mark, place) and counts(
                mark.hit_condition, self.hits(scope, mark, place)
            ):
                _meet(scope, mark, meeting)
        return meeting


def _meet(scope: Scope, mark: Breakpoint, meeting: Meeting) -> None:
    place = meeting.place
    if mark.log_message:
        meeting.messages.append(fill(mark.log_message, lambda text: scope.show(text, place)))
        return
    meeting.stops.append(mark)
    if mark.kind == WATCH:
        before, after = (scope.show(mark.target, at) for at in (place - 1, place))
        meeting.messages.append(f"{mark.target}: {before} → {after}")
    meeting.reasons.append("watch" if mark.kind == WATCH else "breakpoint")


def _examine(scope: Scope, made: Breakpoint) -> None:
    """Raise GraphError for a condition, a count or a message that cannot be understood."""
    counts(made.hit_condition, 1)
    node = _node(scope, made)
    for text in fields_of(made.log_message):
        scope.expression(text, node)
    if made.kind == WATCH:
        scope.expression(made.target)
    if made.condition:
        found = scope.expression(made.condition, node)
        for place in made.places[:1]:
            condition(found, scope.lookup(place))


def _node(scope: Scope, mark: Breakpoint) -> int:
    """The node that `value` stands for in a breakpoint's condition, -1 where it varies."""
    return scope.graph.id(mark.target) if mark.kind == NODE else NONE


def _holds(scope: Scope, mark: Breakpoint, place: int) -> bool:
    if not mark.condition:
        return True

    def find() -> bool:
        found = scope.expression(mark.condition, _node(scope, mark))
        return bool(condition(found, scope.lookup(place)))

    return scope.once(("mark", mark.number, place), find)


def _places(scope: Scope, mark: Breakpoint) -> list[int]:
    if mark.kind != WATCH:
        return list(mark.places)
    return scope.once(("mark", mark.number), lambda: _changes(scope, mark.target))


def _changes(scope: Scope, text: str) -> list[int]:
    """The positions at which a watched expression has another value than just before."""
    expression = scope.expression(text)
    before, found = expression.evaluate(scope.lookup(0)), []
    for place in _turning_points(scope, expression):
        after = expression.evaluate(scope.lookup(place))
        if not _same(before, after):
            found.append(place)
        before = after
    return found


def _turning_points(scope: Scope, expression: Expression) -> Iterable[int]:
    """Where what an expression reads may become known."""
    walk = scope.walk
    if expression.reads_here:
        return range(1, walk.end + 1)
    found: set[int] = {walk.turn}
    for _, node, operand in expression.needs:
        found.update(walk.places.get(node, ()), walk.parts_at.get(node, ()))
        found.update(walk.places.get(operand, ()))
    return sorted(place for place in found if 0 < place <= walk.end)


def _same(before: Array | None, after: Array | None) -> bool:
    if before is None or after is None:
        return before is after
    return bool(np.array_equal(before, after, equal_nan=True))


def made_for(scope: Scope, target: str, **fields: Any) -> Breakpoint:
    """A breakpoint on a target, not numbered yet; UnknownNameError where there is no such one."""
    kind, name, places = resolve(scope.walk, target)
    return Breakpoint(0, kind, name, places, **fields)
