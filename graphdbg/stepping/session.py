"""`Session`: a cursor over both passes of a graph, with breakpoints, watches and undo.

The session is headless: prompt, terminal app and tests are faces of it and hold no state of the
debugger. What is known follows from the position alone (see `stepping.walk`), so going back in
time is exact, and `set` keeps the position while every number is computed anew.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Any

from numpy.typing import ArrayLike, NDArray

from .. import lazy
from ..calculus.gradients import differentiated
from ..checking.verdicts import Report
from ..errors import GraphError
from ..formulas.formulary import Formula, local
from ..numbers.evaluator import Trace, as_array
from ..numbers.sampling import sample
from ..tape.graph import Pass
from ..tape.programs import Program, graph_of
from . import saving
from .breakpoints import WATCH, Breakpoint, resolve
from .commands import COMMANDS
from .expressions import gradient_of
from .frames import Frame
from .history import History, Past
from .iterations import Condition, Iterations, Run
from .marks import Marks, Meeting, Watch, made_for
from .moves import Nudge, entry_of, nudged, with_entry
from .paths import Ledger
from .scope import Scope
from .stops import Stop
from .walk import Walk

__all__ = ["COMMANDS", "Breakpoint", "Frame", "Session", "Stop", "Watch"]

Array = NDArray[Any]


class Session:
    """A debugging session: `program` at `point`, stepped forwards and backwards.

    `program` is a graph that `grad` made, or a forward graph (or its text or file), whose only
    scalar output (or `of`) is then differentiated; without one the walk is the forward pass alone.
    Inputs without a value get seeded random ones, listed in `drawn`. With a training `run` (and its
    step's graph) the session goes over its iterations as well. Raises what `grad` and `evaluate`
    raise.

    >>> import graphdbg as gd
    >>> s = Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4})
    >>> stop = s.step()
    >>> s.frame.node, float(s.frame.value)
    ('q', 3.0)
    >>> stop = s.break_at("q", when="upstream < 0") and s.run()
    >>> stop.reason, s.frame.direction, float(s.frame.upstream)
    ('breakpoint', 'backward', -4.0)
    """

    def __init__(
        self,
        program: Program,
        point: Mapping[str, ArrayLike] | None = None,
        *,
        of: str | None = None,
        seed: int = 0,
        run: Run | None = None,
    ) -> None:
        self.graph = differentiated(graph_of(program, point), of)
        self.iterations = Iterations(run) if run is not None else None
        given = dict(point or {})
        drawn = tuple(name for name in self.graph.inputs if name not in given)
        given = {**sample(self.graph, seed, given=given), **given} if drawn else given
        self.seed = seed
        self.walk = Walk(self.graph, self.backward)
        self.scope = Scope(self.walk, given)
        self.drawn = drawn
        self.read_from: tuple[str, ...] = ()  # the files that it was made from, for `save` to spare
        self.marks = Marks()
        self.position = 0
        self.history = History()
        self._jacobians: dict[str, dict[str, Formula]] = {}

    # ---------------------------------------------------------------- where it stands

    @property
    def backward(self) -> Pass | None:
        """The backward pass that is walked: the tape's last one."""
        return self.graph.passes[-1] if self.graph.passes else None

    @property
    def frame(self) -> Frame:
        """The state at the present position."""
        return self.scope.frame(self.position)

    @property
    def end(self) -> int:
        """The last position."""
        return self.walk.end

    @property
    def trace(self) -> Trace:
        """Every number of both passes at this point."""
        return self.scope.trace

    @property
    def point(self) -> dict[str, Array]:
        """The value of each input."""
        return self.scope.point

    @property
    def drawn(self) -> tuple[str, ...]:
        """The inputs whose values were drawn at random, and were not set since."""
        return tuple(name for name, value in self._drawn.items() if self.point[name] is value)

    @drawn.setter
    def drawn(self, names: tuple[str, ...]) -> None:
        """Say which of the present values were drawn at random."""
        self._drawn = {name: self.point[name] for name in names}

    def value(self, name: str) -> Array | None:
        """A node's value as known now, None where it has not been computed yet."""
        wrt = gradient_of(self.graph, name)
        need = ("value", self.graph.id(name), -1) if wrt is None else ("grad", wrt, -1)
        return self.scope.lookup(self.position)(need)

    def gradient(self, name: str) -> Array | None:
        """A node's gradient as known now, None before its last contribution has arrived."""
        return self.scope.lookup(self.position)(("grad", self.graph.id(name), -1))

    @property
    def state(self) -> tuple[Any, ...]:
        """All that commands can change, as plain data: equal states look the same."""
        marks = self.marks
        return (
            self.position,
            self.iteration,
            tuple((name, array.tobytes()) for name, array in self.point.items()),
            tuple((str(each), self.hits(each)) for each in marks.breakpoints.values()),
            tuple(marks.watches.values()),
            tuple(sorted(marks.filters)),
        )

    # ---------------------------------------------------------------- motion

    def step(self, times: int = 1) -> Stop:
        """One event on: into calls, and through the three sub-steps of a backward visit."""
        return self._go(lambda at: min(at + 1, self.end), times)

    def back(self, times: int = 1) -> Stop:
        """One event back in time (`reverse-step`)."""
        return self._go(lambda at: max(at - 1, 0), times)

    def next(self, times: int = 1) -> Stop:
        """One node on, calls taken whole; it stops early at a breakpoint inside."""
        return self._go(self.walk.after, times)

    def reverse_next(self, times: int = 1) -> Stop:
        """One node back in time, calls taken whole."""
        return self._go(self.walk.before, times)

    def finish(self) -> Stop:
        """On until the call returns; outside of calls, to the end of the pass."""
        return self._go(self.walk.out)

    def reverse_finish(self) -> Stop:
        """Back to before the call; outside of calls, to the start of the pass."""
        return self._go(self.walk.out_backwards)

    def run(self) -> Stop:
        """On to the next breakpoint, or to the end (`continue`)."""
        return self._go(lambda _: self.end)

    def reverse_run(self) -> Stop:
        """Back to the breakpoint before, or to the start (`reverse-continue`)."""
        return self._go(lambda _: 0)

    def until(self, target: str) -> Stop:
        """On to where a node, line, call or operation is reached next."""
        places = resolve(self.walk, target)[2]
        at = bisect_right(places, self.position)
        if at == len(places):
            raise GraphError(
                f"'{target}' is not reached any more from here (position {self.position} of "
                f"{self.end}): go back with reverse-until, or restart"
            )
        return self._go(lambda _: places[at])

    def reverse_until(self, target: str) -> Stop:
        """Back to where a node, line, call or operation was reached last."""
        places = resolve(self.walk, target)[2]
        at = bisect_left(places, self.position)
        if at == 0:
            raise GraphError(f"'{target}' was not reached before position {self.position}")
        return self._go(lambda _: places[at - 1])

    def goto(self, position: int) -> Stop:
        """Jump to a position, past every breakpoint."""
        if not 0 <= position <= self.end:
            raise GraphError(f"found position {position}, expected one from 0 to {self.end}")
        if position != self.position:
            self._remember()
        self.position = position
        return Stop(position, self._edge())

    def restart(self) -> Stop:
        """Jump to the start."""
        return self.goto(0)

    def undo(self) -> bool:
        """Take the last motion, `set` or `nudge` back; False where there is none.

        A temporary breakpoint that the motion met is there again.
        """
        past = self.history.back()
        if past is None:
            return False
        self.position, self.scope = past.position, past.scope
        if self.iterations is not None:
            self.iterations.now = past.iteration
        for each in past.deleted:
            self.marks.breakpoints[each.number] = each
        return True

    def _remember(self, deleted: tuple[Breakpoint, ...] = ()) -> None:
        self.history.keep(Past(self.position, self.scope, self.iteration, deleted))

    def _edge(self) -> str:
        return {0: "start", self.end: "end"}.get(self.position, "step")

    def _go(self, move: Callable[[int], int], times: int = 1) -> Stop:
        """Move, as often as said, but stop at the first breakpoint on the way."""
        at, messages = self.position, list[str]()
        for _ in range(times):
            target = move(at)
            if target == at:
                break
            meeting = self._met(at, target, messages)
            at = meeting.place if meeting else target
            if meeting:
                return self._arrive(at, meeting.reasons[0], meeting.stops, messages)
        return self._arrive(at, "", [], messages)

    def _met(self, origin: int, target: int, messages: list[str]) -> Meeting | None:
        """What stops a motion; messages on the way are collected."""
        for meeting in self.marks.met(self.scope, origin, target):
            messages += meeting.messages
            if meeting.reasons:
                return meeting
        return None

    def _arrive(
        self, position: int, reason: str, stops: list[Breakpoint], messages: list[str]
    ) -> Stop:
        met = tuple(each for each in stops if each.temporary)
        if position != self.position:
            self._remember(met)
        self.position = position
        for each in met:
            self.marks.delete(each.number)
        return Stop(position, reason or self._edge(), tuple(stops), tuple(messages))

    # ---------------------------------------------------------------- iterations of a run

    @property
    def iteration(self) -> int:
        """The iteration whose numbers are shown; 0 without a run."""
        return self.iterations.now if self.iterations is not None else 0

    @property
    def epoch(self) -> int:
        """The epoch of that iteration, from 0."""
        return self.iterations.run.epoch(self.iteration) if self.iterations is not None else 0

    @property
    def conditions(self) -> dict[int, Condition]:
        """Breakpoints on iterations, by their numbers."""
        return {} if self.iterations is None else self.iterations.conditions

    def iterate(self, times: int = 1) -> int:
        """The iteration reached: `times` on (or back), or where a condition stops it."""
        return self.goto_iteration(self._over().target(times))

    def goto_iteration(self, number: int) -> int:
        """The iteration of this number, at the same position; GraphError where there is none."""
        over = self._over()
        if over.checked(number) != over.now:
            self._enter(Scope(self.walk, over.run.point(number)))
            over.now = number
        return number

    def _over(self) -> Iterations:
        if self.iterations is None:
            raise GraphError("this session is of one step: graphdbg train ... --prompt has a run")
        return self.iterations

    # ---------------------------------------------------------------- breakpoints and watches

    def break_at(
        self,
        target: str,
        when: str = "",
        *,
        hits: str | int = "",
        log: str = "",
        temporary: bool = False,
    ) -> Breakpoint:
        """A new breakpoint on a node, `line 12` (or `12`), `op relu` or `call softmax`.

        It stops where `when` holds there, on the hits that `hits` counts (`3`, `== 2`, `% 5`);
        with `log` it prints that text, `{expressions}` filled in, and does not stop. Raises
        UnknownNameError for a target there is none of, GraphError for a condition that is none.
        """
        made = made_for(
            self.scope, target, condition=when, hit_condition=str(hits), log_message=log,
            temporary=temporary,
        )  # fmt: skip
        return self.marks.add(self.scope, made)

    def change(self, number: int, **fields: Any) -> Breakpoint:
        """A breakpoint with other fields: condition, hit_condition, log_message, enabled."""
        return self.marks.change(self.scope, number, **fields)

    def ignore(self, number: int, times: int) -> Breakpoint:
        """Let a breakpoint pass the next `times` hits from here."""
        hits = self.hits(self.marks.get(number)) + times
        return self.change(number, hit_condition=f"> {hits}" if times > 0 else "")

    def delete(self, number: int) -> None:
        """Remove a breakpoint, on iterations too, or a watch."""
        if self.iterations is None or self.iterations.conditions.pop(number, None) is None:
            self.marks.delete(number)

    def toggle(self, target: str) -> Breakpoint | None:
        """A new breakpoint, or None where the one that was there is removed."""
        kind, name, _ = resolve(self.walk, target)
        found = self.marks.at(kind, name)
        if found is None:
            return self.break_at(target)
        self.delete(found.number)
        return None

    def hits(self, mark: Breakpoint) -> int:
        """How often a breakpoint's condition held up to the present position."""
        return self.marks.hits(self.scope, mark, self.position)

    def catch(self, name: str, on: bool = True) -> int:
        """Stop where nan, inf, kink or check-failed arises; how many such places there are."""
        return self.marks.catch(self.scope, name, on)

    def watch(self, text: str, when: str = "") -> Breakpoint:
        """Stop when the value of an expression changes (from not computed to a number, too)."""
        return self.marks.add(self.scope, Breakpoint(0, WATCH, text.strip(), (), when))

    def display(self, text: str) -> Watch:
        """Show an expression at each stop; GraphError where it is none."""
        return self.marks.show(self.scope, text)

    def evaluate(self, text: str) -> Array | None:
        """The value of an expression now, None where it reads what is not computed yet."""
        return self.scope.evaluate(text, self.position)

    def show(self, text: str) -> str:
        """The value of an expression now as short text, `—` where it is not computed yet."""
        return self.scope.show(text, self.position)

    # ---------------------------------------------------------------- what if

    def set(self, name: str, value: ArrayLike) -> None:
        """Give an input (or an entry, `W[0, 1]`) another value; the position stays.

        Raises ValueGivenError where it is no input or the shape differs; nothing changes then.
        """
        name, entry = entry_of(self.graph, name)
        new = with_entry(name, self.point[name], entry, as_array(name, value))
        self._enter(Scope(self.walk, {**self.point, name: new}))

    def _enter(self, scope: Scope) -> None:
        """Other numbers at the same position; those of a few points before are kept."""
        self._remember()
        self.history.leave(self.scope)
        self.scope = scope

    def nudge(self, name: str, by: float) -> Nudge:
        """Move an input (or an entry of it) by a little: predicted and actual Δf; it stays moved.

        Predicted is the sum of gradient · Δ, actual f(x + Δ) − f(x). Raises GraphError where there
        is no gradient to predict by; nothing changes then.
        """
        before = self.scope
        name, entry = entry_of(self.graph, name)
        before.gradient_of(self.graph.id(name))
        self.set(name, nudged(before.point[name], entry, by))
        return Nudge.between(before, self.scope, name, entry, by)

    # ---------------------------------------------------------------- explanations and checks

    def jacobians(self, name: str) -> dict[str, Formula]:
        """The local derivatives of a node (a whole call's) as checked formulas, by operand."""
        if name not in self._jacobians:
            self._jacobians[name] = local(self.graph, name)
        return self._jacobians[name]

    def paths(self, name: str, most: int = 8) -> Ledger:
        """∂f/∂x as a sum over paths: how many there are, and the largest `most`.

        Raises GraphError where no gradient of the node is on the tape.
        """
        return self.scope.paths(self.graph.id(name), most)

    def check(self, name: str | None = None) -> Report:
        """The numeric check of a node's gradient at this point; of the node at hand by default."""
        return self.scope.check(self.graph.id(name) if name else self.frame.id)

    # ---------------------------------------------------------------- files

    def to_json(self) -> str:
        """Program, point, breakpoints, watches and position as JSON text."""
        return saving.to_json(self.scope, self.marks, self.position, self.seed, self.drawn)

    @classmethod
    def from_json(cls, text: str) -> Session:
        """The session that `to_json` wrote; nothing is executed. GraphError where it is none."""
        found = saving.read(text)
        session = cls(found.graph, found.point, seed=found.seed)
        session.drawn = found.drawn
        session.marks = saving.marks_of(found, session.scope)
        session.goto(found.position)
        session.history = History()  # it begins here: nothing before can be undone
        return session

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return dict(lazy.module("publishing.notebooks").session(self))

    def __repr__(self) -> str:
        frame = self.frame
        return f"Session(position {self.position} of {self.end}: {frame.title} {frame.node})"
