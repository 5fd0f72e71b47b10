"""`Interpreter`: a line of text as a command on a session, and the answer as text.

The prompt and the terminal app's command line are both this; the commands are those of `COMMANDS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError, UnknownNameError, ValueGivenError
from ..files import reading, writing
from ..numbers.assignments import read_file
from ..rendering.numbers import brief
from ..tape.operations import operation
from ..tape.sizes import to_text
from . import listings, narration
from .arguments import amount, clauses, need, one_word, split, target_and_text, unquoted, whole
from .breakpoints import FILTERS, Breakpoint
from .commands import COMMANDS, EXPRESSIONS, described, find, overview, unknown
from .reach import Reach, anywhere
from .replies import OverIterations, Reply
from .session import Session, Stop

NAME = re.compile(r"[\w.@]*$")
LISTS = {"catch": tuple(FILTERS), "info": ("breakpoints", "watches", "inputs", "node")}
MOST_STEPS = 1_000_000  # of `step N`
REASONS = {
    "start": "at the start",
}


class Interpreter(OverIterations):
    """Runs command lines on a session; GraphError where a command cannot be understood.

    `reach` says where the files lie that commands name, and refuses those they may not touch.

    >>> import graphdbg as gd
    >>> talk = Interpreter(Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4}))
    >>> print(talk.execute("print x + y").text)
    x + y = 3
    """

    def __init__(self, session: Session, reach: Reach = anywhere) -> None:
        self.session = session
        self.reach = reach
        self.last = ""  # what an empty line repeats

    def execute(self, line: str) -> Reply:
        """The reply to one command line; an empty line repeats the last motion."""
        text = line.strip()
        if text.startswith("#"):
            return Reply()
        text = text or self.last
        word, _, rest = split(text)
        if not word:
            return Reply()
        command = find(word)
        if command is None:
            raise UnknownNameError(unknown(word))
        self.last = text if command.group in ("On", "Back in time") else ""
        made: Reply = getattr(self, command.method)(rest.strip())
        return made

    def completions(self, line: str) -> list[str]:
        """What the last word of a line may go on to: commands, then names of nodes.

        In `print grad(h` the word is `grad(h`, and what comes back begins with `grad(`.
        """
        head, _, word = line.rpartition(" ")
        command = find(head.split()[0]) if head.strip() else None
        if not head.strip() or (command is not None and command.name == "help"):
            known: Iterable[str] = [each.name for each in COMMANDS if each.method]
            return [each for each in known if each.startswith(word)]
        if command is not None and command.name in LISTS:
            return [each for each in LISTS[command.name] if each.startswith(word)]
        before = word[: len(word) - len(NAME.search(word)[0])]  # type: ignore[index]
        graph, begun = self.session.graph, word[len(before) :]
        made = (graph.names[at] for at in self.session.walk.value_at) if begun else ()
        known = dict.fromkeys([*graph.given_names.values(), *graph.aliases, *made])
        return [before + each for each in known if each.startswith(begun)]

    # ---------------------------------------------------------------- motion

    def step(self, rest: str) -> Reply:
        """One event on, or several."""
        return self._repeat(rest, self.session.step)

    def next(self, rest: str) -> Reply:
        """One node on, or several."""
        return self._repeat(rest, self.session.next)

    def back(self, rest: str) -> Reply:
        """One event back in time, or several."""
        return self._repeat(rest, self.session.back)

    def reverse_next(self, rest: str) -> Reply:
        """One node back in time, or several."""
        return self._repeat(rest, self.session.reverse_next)

    def finish(self, rest: str) -> Reply:
        """Out of the call."""
        return self._stopped(self.session.finish())

    def reverse_finish(self, rest: str) -> Reply:
        """Back to before the call."""
        return self._stopped(self.session.reverse_finish())

    def run(self, rest: str) -> Reply:
        """On to the next breakpoint."""
        return self._stopped(self.session.run())

    def reverse_run(self, rest: str) -> Reply:
        """Back to the breakpoint before."""
        return self._stopped(self.session.reverse_run())

    def until(self, rest: str) -> Reply:
        """On to a target; without one, as `next`."""
        return self._stopped(self.session.until(rest) if rest else self.session.next())

    def reverse_until(self, rest: str) -> Reply:
        """Back to a target; without one, as `reverse-next`."""
        session = self.session
        return self._stopped(session.reverse_until(rest) if rest else session.reverse_next())

    def goto(self, rest: str) -> Reply:
        """Jump to a position."""
        need(rest, "a position", "goto 12")
        return self._stopped(self.session.goto(whole(rest, "goto 12")))

    def restart(self, rest: str) -> Reply:
        """Jump to the start."""
        return self._stopped(self.session.restart())

    def last_event(self, rest: str) -> Reply:
        """Jump to the end."""
        return self._stopped(self.session.goto(self.session.end))

    def undo(self, rest: str) -> Reply:
        """Take the last motion, set or nudge back."""
        before = self.session.point
        if not self.session.undo():
            raise GraphError("there is nothing to take back")
        changed = [name for name, value in self.session.point.items() if value is not before[name]]
        told = [f"{name} = {brief(self.session.point[name])}" for name in changed]
        return self.at_hand(told, moved=True)

    def _repeat(self, rest: str, move: Callable[[int], Stop]) -> Reply:
        times = whole(rest, "step 3") if rest else 1
        if not 0 < times <= MOST_STEPS:
            raise GraphError(f"found {times} steps, expected 1 to {MOST_STEPS}")
        return self._stopped(move(times))

    def _stopped(self, stop: Stop) -> Reply:
        """Where a motion ended, why, and what is known there."""
        told = list(stop.messages)
        told += [f"breakpoint {each}" for each in stop.breakpoints]
        if stop.reason == "end":
            told.append(narration.ending(self.session.walk))
        elif stop.reason in REASONS:
            told.append(REASONS[stop.reason])
        elif stop.reason in FILTERS:
            told.append(f"caught {stop.reason}")
        return self.at_hand(told, moved=True)

    def at_hand(self, before: Iterable[str] = (), moved: bool = False) -> Reply:
        """Some lines, then where the session stands and what is known there."""
        return Reply("\n".join([*before, *self.here()]), moved=moved)

    def here(self) -> Iterator[str]:
        """The lines that describe the present position."""
        frame, scope = self.session.frame, self.session.scope
        yield narration.location(frame)
        if line := narration.source_line(frame):
            yield line
        yield from (f"   {each}" for each in narration.lines(scope, frame))
        yield from (f"   {each}" for each in narration.peculiar(scope, frame))
        yield from (f"   {each}" for each in listings.watches(self.session))

    # ---------------------------------------------------------------- stopping

    def break_(self, rest: str) -> Reply:
        """A breakpoint; `when` is one on iterations; without a target, the list of them."""
        if not rest:
            return self.info("breakpoints")
        word, _, condition = split(rest)
        if word == "when":
            return Reply(self.stop_when(condition), moved=True)
        return self._made(self._set(rest))

    def tbreak(self, rest: str) -> Reply:
        """A breakpoint that stops once."""
        need(rest, "a node, a line, a call or an operation", "tbreak h")
        return self._made(self._set(rest, temporary=True))

    def _made(self, mark: Breakpoint) -> Reply:
        """What a breakpoint is, and how many steps it may stop at."""
        count = len(self.session.marks.places(self.session.scope, mark))
        where = "1 place" if count == 1 else f"{count} places"
        return Reply(f"breakpoint {mark}   ({where})", moved=True)

    def _set(self, rest: str, temporary: bool = False) -> Breakpoint:
        target, when, hits, log = clauses(rest)
        return self.session.break_at(target, when, hits=hits, log=log, temporary=temporary)

    def condition(self, rest: str) -> Reply:
        """Another condition for a breakpoint, or none."""
        number, _, text = rest.partition(" ")
        found = self.session.change(whole(number, "condition 1 h > 0"), condition=text.strip())
        return Reply(f"breakpoint {found}", moved=True)

    def hits(self, rest: str) -> Reply:
        """Which hits of a breakpoint stop."""
        number, _, text = rest.partition(" ")
        found = self.session.change(whole(number, "hits 1 % 5"), hit_condition=text.strip())
        return Reply(f"breakpoint {found}", moved=True)

    def ignore(self, rest: str) -> Reply:
        """Pass the next hits of a breakpoint."""
        number, _, times = rest.partition(" ")
        found = self.session.ignore(whole(number, "ignore 1 3"), whole(times, "ignore 1 3"))
        return Reply(f"breakpoint {found}", moved=True)

    def log(self, rest: str) -> Reply:
        """A breakpoint that prints and does not stop."""
        target, text = target_and_text(rest)
        need(text, "a target and a text", "log h h is {h}, its gradient {grad(h)}")
        return self._made(self.session.break_at(target, log=unquoted(text.strip())))

    def watch(self, rest: str) -> Reply:
        """Stop when an expression changes."""
        need(rest, "an expression", "watch grad(x)")
        text, when, hits, log = clauses(rest)
        if hits or log:
            raise GraphError("watch takes an expression and a condition: watch grad(x) if x > 0")
        return self._made(self.session.watch(text, when))

    def catch(self, rest: str) -> Reply:
        """Stop where something goes wrong."""
        need(rest, f"one of {', '.join(FILTERS)}", "catch nan")
        name, _, word = rest.partition(" ")
        if word.strip() not in ("", "on", "off"):
            raise GraphError(f"found '{word.strip()}', expected on or off")
        count = self.session.catch(name, on=word.strip() != "off")
        if word.strip() == "off":
            return Reply(f"catch {name} is off", moved=True)
        where = "no place" if not count else "1 place" if count == 1 else f"{count} places"
        return Reply(f"catch {name}: {FILTERS[name]}   ({where} at this point)", moved=True)

    def enable(self, rest: str) -> Reply:
        """Let a breakpoint stop again."""
        found = self.session.change(whole(rest, "enable 1"), enabled=True)
        return Reply(f"breakpoint {found}", moved=True)

    def disable(self, rest: str) -> Reply:
        """Let a breakpoint rest."""
        found = self.session.change(whole(rest, "disable 1"), enabled=False)
        return Reply(f"breakpoint {found}", moved=True)

    def delete(self, rest: str) -> Reply:
        """Remove a breakpoint or watch, or all breakpoints."""
        marks = self.session.marks
        every = [*marks.breakpoints, *self.session.conditions]
        numbers = [whole(rest, "delete 1")] if rest else every
        for each in numbers:
            self.session.delete(each)
        return Reply(f"deleted {', '.join(map(str, numbers)) or 'nothing'}", moved=True)

    # ---------------------------------------------------------------- looking

    def print_(self, rest: str) -> Reply:
        """The value of an expression."""
        need(rest, "an expression", "print grad(x)")
        value = self.session.evaluate(rest)
        if value is None:
            return Reply(f"{rest} = — (not computed yet at this position)")
        text = listings.exact(value)
        shape = f"shape {to_text(value.shape)}" if value.shape else ""
        if text.startswith("\n"):
            return Reply(f"{rest} = {shape}{text}")
        return Reply(f"{rest} = {text}   {shape}".rstrip())

    def display(self, rest: str) -> Reply:
        """Show an expression at each stop; without one, show those there are."""
        if rest:
            made = self.session.display(rest)
            return Reply(f"{made.number}: {made.text} = {self.session.show(made.text)}", moved=True)
        return Reply("\n".join(listings.watches(self.session)) or "nothing is displayed")

    def undisplay(self, rest: str) -> Reply:
        """Stop showing an expression, or all of them."""
        marks = self.session.marks
        numbers = [whole(rest, "undisplay 1")] if rest else [*marks.watches]
        for each in numbers:
            if each not in marks.watches:
                raise GraphError(f"no watch {each}; there are: {listings.numbers(marks.watches)}")
            self.session.delete(each)
        return Reply(f"deleted {', '.join(map(str, numbers)) or 'nothing'}", moved=True)

    def explain(self, rest: str) -> Reply:
        """What this step did and why."""
        return Reply(narration.explain(self.session.scope, self.session.frame))

    def path(self, rest: str) -> Reply:
        """A gradient as a sum over paths."""
        name, _, count = rest.partition(" ")
        most = whole(count, "path x 5") if count.strip() else 8
        name = name or self._hand()
        found = self.session.paths(name, max(1, most))
        return Reply("\n".join(narration.ledger_lines(self.session.scope, found)))

    def check(self, rest: str) -> Reply:
        """The numeric check of a node's gradient."""
        return Reply(str(self.session.check(one_word(rest, "check W1") or None)))

    def where(self, rest: str) -> Reply:
        """The calls around the position."""
        return Reply("\n".join(narration.stack_lines(self.session.scope, self.session.frame)))

    def list_(self, rest: str) -> Reply:
        """The program around a line."""
        if rest:
            return Reply("\n".join(narration.program(self.session, whole(rest, "list 10"))))
        return Reply("\n".join(narration.surroundings(self.session)))

    def search(self, rest: str) -> Reply:
        """The nodes whose name or operation has a text in it."""
        need(rest, "a part of a name or an operation", "search relu")
        found = self.found(rest)
        rows = listings.nodes(self.session, found)
        return Reply("\n".join(rows) or f"no node has '{rest}' in its name or operation")

    def found(self, text: str) -> list[int]:
        """The nodes of the forward pass that a search finds, exact names first."""
        graph, wanted = self.session.graph, text.strip().lower()
        shown = (*graph.input_ids, *self.session.walk.value_at)
        calls: dict[int, str] = {}
        for call in graph.calls:
            calls[call.output] = f"{calls.get(call.output, '')} {call.function.lower()}"
        hits = [
            at
            for at in shown
            if wanted in f"{graph.names[at]} = {operation(graph, at)}".lower()
            or wanted in calls.get(at, "")
        ]
        return sorted(hits, key=lambda at: (graph.names[at].lower() != wanted, at))

    def info(self, rest: str) -> Reply:
        """What is set, what is known."""
        word, _, name = rest.partition(" ")
        if word == "node":
            return Reply("\n".join(listings.node(self.session, name.strip() or self._hand())))
        kinds: dict[str, Callable[[Session], Iterator[str]]] = {
            "breakpoints": listings.breakpoints, "watches": listings.watches,
            "display": listings.watches, "inputs": listings.inputs,
        }  # fmt: skip
        begun = [kind for kind in kinds if kind.startswith(word)]
        if not begun or name:
            raise GraphError(
                f"found info {rest}, expected breakpoints, watches, inputs, or node NAME"
            )
        wanted = begun[:1] if word else ["breakpoints", "watches"]
        rows = [row for kind in wanted for row in kinds[kind](self.session)]
        return Reply("\n".join(rows) or "nothing is set")

    def _hand(self) -> str:
        """The name of the node at hand; GraphError at the start, where there is none."""
        if not self.session.frame.node:
            raise GraphError("no node is at hand here: expected the name of one, such as h")
        return self.session.frame.node

    # ---------------------------------------------------------------- what if, files, help

    def set_(self, rest: str) -> Reply:
        """Another value for an input."""
        name, equals, text = rest.partition("=")
        if not equals or not name.strip() or not text.strip():
            raise GraphError("set takes a name and a value, such as set x = 3")
        name, text = name.strip(), text.strip()
        if text.startswith("@"):
            value = read_file(name, self.reach(text[1:].strip()))
        else:
            value = self._given(text)
        self.session.set(name, value)
        return self.at_hand([f"{name} = {brief(np.asarray(value))}"], moved=True)

    def _given(self, text: str) -> NDArray[Any]:
        found = self.session.evaluate(text)
        if found is None:
            raise ValueGivenError(f"'{text}' is not computed yet at this position")
        return found

    def nudge(self, rest: str) -> Reply:
        """Move an input a little."""
        name, by = amount(rest, narration.DELTA)
        need(name, "an input, and by how much", "nudge x 0.01")
        return Reply(str(self.session.nudge(name, by)), moved=True)

    def save(self, rest: str) -> Reply:
        """Write the session to a file."""
        need(rest, "the name of a file", "save walk.json")
        place, source = self.reach(rest), self.session.graph.source
        writing.ready(place, [*self.session.read_from, source.name if source else ""])
        writing.write(place, self.session.to_json().encode("utf-8"), lasting=True)
        return Reply(f"saved to {rest}")

    def load(self, rest: str) -> Reply:
        """Go on from a saved session."""
        need(rest, "the name of a file", "load walk.json")
        self.session = load(self.reach(rest))
        return self.at_hand(moved=True)

    def help_(self, rest: str) -> Reply:
        """The commands, or one of them."""
        if not rest:
            return Reply("\n".join(overview()))
        if "expressions".startswith(rest.lower()) and len(rest) > 3:
            return Reply(EXPRESSIONS)
        command = find(rest)
        if command is None:
            raise UnknownNameError(unknown(rest))
        return Reply(described(command))

    def quit(self, rest: str) -> Reply:
        """Leave."""
        return Reply(leaves=True)


def load(path: str) -> Session:
    """The session in a file that `save` wrote; GraphError where there is none."""
    return Session.from_json(reading.text_of(path, reading.SAVED))
