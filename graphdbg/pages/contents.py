"""What a page knows of a session, as plain data: the walk, the nodes, the texts around them.

The cursor of a walk is one number and all that is known follows from it, so the data say from which
position on each text holds, and the page's script shows what holds. Each symbol, formula and number
is there once; the script puts them together to equations (formulas.js).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checking.checker import check
from ..checking.verdicts import Report, Row
from ..drawing.circuits import Circuit
from ..drawing.scenes import ROOM
from ..errors import GraphError
from ..rendering import numbers
from ..rendering.folding import call_text
from ..source import Source, Span
from ..stepping import narration
from ..stepping.commands import COMMANDS
from ..stepping.frames import Operand, accumulated_at
from ..stepping.session import Session
from ..stepping.walk import WORDS, Kind
from ..tape.graph import NONE
from ..tape.operations import operation
from ..tape.ops import LEAVES
from ..tape.sizes import to_text
from ..typesetting.latex_notation import latex_name
from ..typesetting.mathml import XMLNS, convert

Array = NDArray[Any]
Json = Any
CARD = 44  # columns of a number in the card
MOST_SENTENCES = 2_000  # steps that each get a sentence of their own
MOST_JACOBIANS = 300  # nodes of a tape whose linear operations get their Jacobian as a formula
MOST_FORMULAS = 600  # nodes of a tape whose values and gradients get formulas; they take long
MOST_CHECKED = 12_000  # nodes of a tape that is checked as a whole; 3,000 take 0.2 s
MOST_STAMPS = 100  # gradients that are each checked by itself; 30 take 0.2 s
LONGEST = 400  # characters of LaTeX: longer formulas do not fit the card
# The keys of the terminal app that the page has, by the names of their commands; a text says what
# a command does here where it does less than in the app.
ON_PAGE = {
    "step": "", "next": "", "finish": "", "continue": "",
    "until": "on to where the selected node is reached", "last": "",
    "reverse-step": "", "reverse-next": "", "reverse-finish": "", "reverse-continue": "",
    "reverse-until": "back to where the selected node was reached", "restart": "",
    "undo": "take back the last motion",
    "break": "stop at the selected node; a click on a line's number stops there",
    "explain": "read again what this step did", "help": "this list",
    "left": "", "down": "", "up": "", "right": "", "consumer": "", "producer": "", "current": "",
}  # fmt: skip
# Attributes that MathML gives these operators by itself.
_DEFAULTS = re.compile(
    r'(?<=<mo) form="(?:pre|post)fix" fence="true"(?= stretchy)|(?<=stretchy="false") lspace="0em" '
    r'rspace="0em"|(?<=<mo) lspace="0.2222em" rspace="0.2222em"(?=>[+−])'
)


class Contents:
    """The data of a page on `session`, whose picture shows `circuit`.

    >>> import graphdbg as gd
    >>> from graphdbg.drawing.circuits import circuit
    >>> s = gd.Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4})
    >>> found = Contents(s, circuit(s.graph)).data()
    >>> found["end"], found["nodes"]["2"]["wire"], found["nodes"]["2"]["from"]
    (12, '3', 1)
    >>> found["nodes"]["2"]["symbol"], found["nodes"]["2"]["gradient"]["math"]
    ('<mi>q</mi>', '<mi>z</mi>')
    """

    def __init__(self, session: Session, circuit: Circuit) -> None:
        self.session, self.circuit = session, circuit
        self.graph, self.walk, self.scope = session.graph, session.walk, session.scope
        self.of = self.graph.names[self.walk.backward.of] if self.walk.backward else ""
        self.sources: dict[Source, int] = {}

    def data(self) -> dict[str, Json]:
        """Everything, ready for JSON."""
        walk = self.walk
        nodes = {str(at): self._node(at) for at in self._nodes()}
        return {
            "of": self.of,
            "target": self.walk.backward.of if self.walk.backward else NONE,
            "end": walk.end,
            "turn": walk.turn,
            "update": walk.update,
            "kinds": list(walk.kinds),
            "at": walk.nodes,
            "frames": walk.frames,
            "words": [WORDS[kind] for kind in Kind],
            "partner": {str(a): b for a, b in walk.partner.items()},
            "intervals": walk.intervals,
            "parents": walk.parents,
            "places": {str(at): places for at, places in walk.places.items() if at != NONE},
            "nodes": nodes,
            "calls": [self._call(at) for at in range(len(self.graph.calls))],
            "edges": self.circuit.edges,
            "said": self._said(),
            "keys": [
                {
                    "name": each.name,
                    "keys": each.keys,
                    "group": each.group,
                    "help": ON_PAGE[each.name] or each.help,
                }
                for each in COMMANDS
                if each.name in ON_PAGE
            ],
            "stops": self._stops(),
            "check": self._check(),
            "drawn": list(self.session.drawn),
            "notes": [*self.circuit.notes, *self._left_out()],
            "sources": [self._source(each) for each in self.sources],
        }

    def _nodes(self) -> list[int]:
        """The nodes that the walk or the picture shows."""
        named = {*self.walk.nodes, *self.circuit.nodes, *self.graph.input_ids} - {NONE}
        operands = {arg for at in named for arg in self.graph.args[at]}
        return sorted(named | {arg for arg in operands if not self.graph.phases[arg]})

    # ---------------------------------------------------------------- nodes

    def _node(self, at: int) -> dict[str, Json]:
        graph, walk = self.graph, self.walk
        value = np.asarray(self.session.trace.arrays[at])
        found: dict[str, Json] = {
            "name": graph.names[at],
            "op": operation(graph, at),
            "symbol": _math(latex_name(graph.names[at])),
            "from": walk.value_at.get(at, 0),
            **_texts(value),
        }
        if value.shape:
            found["shape"] = to_text(value.shape)
        if math := self._formula(at):
            found["math"] = math
        if (shown := self.circuit.place(at)) != at:
            found["is"] = shown
        if isinstance(graph.ops[at], LEAVES[1:]):
            found["literal"] = True
        if place := self._place(graph.spans[at], graph.place(at)):
            found["place"] = place
        backward = walk.backward
        if backward is not None and at in backward.upstream:
            found["gradient"] = self._gradient(at, backward.upstream[at])
            found["operands"] = [self._operand(at, each) for each in self._operands(at)]
        return found

    def _formula(self, at: int) -> str:
        """A node's closed form as MathML, empty where its operation says as much."""
        if not self.graph.args[at] or not self._has_formulas:
            return ""
        text = self.scope.texts.closed(at)
        if text is None or text in (self.graph.names[at], operation(self.graph, at)):
            return ""
        return _math(self.scope.texts.closed_latex(at))

    @property
    def _has_formulas(self) -> bool:
        return len(self.graph) <= MOST_FORMULAS

    def _gradient(self, at: int, node: int) -> dict[str, Json]:
        walk = self.walk
        parts = walk.parts_at.get(at, ())
        complete = parts[-1] if parts else walk.visit_at.get(at, walk.end)
        is_seed = walk.backward is not None and at == walk.backward.of
        found: dict[str, Json] = {
            "from": walk.turn if is_seed else complete,
            "awaited": walk.awaited(at),
            "parts": [self._partly(at, place) for place in list(dict.fromkeys(parts))[:-1]],
            **_texts(np.asarray(self.session.trace.arrays[node])),
        }
        if self._has_formulas:
            found |= _factor(self.scope.texts.closed_latex(node))
        if stamp := self._stamp(at):
            found["stamp"] = stamp
        return found

    def _partly(self, at: int, place: int) -> dict[str, Json]:
        total = accumulated_at(self.walk, self.session.trace, at, place)
        arrived, awaited = self.walk.arrived(at, place), self.walk.awaited(at)
        return {
            "from": place, "wire": f"{numbers.brief(total, ROOM)} ({arrived} of {awaited})",
            "value": "" if total is None else numbers.array(total, CARD), "arrived": arrived,
        }  # fmt: skip

    def _operands(self, at: int) -> tuple[Operand, ...]:
        """What the node hands to each operand, as it is known after its visit."""
        place = self.walk.visit_at.get(at)
        if place is None or self.walk.kinds[place] != Kind.LOCAL:
            return ()
        return self.scope.frame(place + Kind.ACCUMULATE - Kind.LOCAL).operands

    def _operand(self, at: int, operand: Operand) -> dict[str, Json]:
        """The factors of a contribution: local derivative, its number where that is one, product.

        `wise` says that upstream and local are multiplied entry by entry.
        """
        found: dict[str, Json] = {"node": operand.node, **_factor(self._local(at, operand))}
        if operand.local is not None:
            found["wise"] = True
            if not operand.local.shape:
                found["number"] = numbers.number(operand.local)
        if operand.contribution is not None:
            found["value"] = numbers.array(operand.contribution, CARD)
        return found

    def _local(self, at: int, operand: Operand) -> str | None:
        """The local derivative as LaTeX: elementwise, or the Jacobian of a linear operation."""
        if len(operand.parts) == 1 and operand.parts[0].local != NONE:
            part = operand.parts[0]
            return self.scope.texts.local_latex(part.consumer, part.slot)
        if len(self.graph) > MOST_JACOBIANS:
            return None
        found = self.scope.jacobians(at).get(operand.name)
        return found.latex() if found is not None else None

    # ---------------------------------------------------------------- calls and texts

    def _call(self, at: int) -> dict[str, Json]:
        call = self.graph.calls[at]
        return {
            "text": call_text(self.graph, call),
            "label": call.label,
            "parent": call.parent,
            "place": self._place(call.span, self.graph.place_of_call(at)),
        }

    def _place(self, span: Span | None, own: Span | None) -> list[int] | None:
        """Where something stands: source and line, and below a call the program's own line."""
        if span is None:
            return None
        number = self.sources.setdefault(span.source, len(self.sources))
        found = [number, span.line]
        if own is not None and own.source != span.source:
            found += [self.sources.setdefault(own.source, len(self.sources)), own.line]
        return found

    def _source(self, source: Source) -> dict[str, Json]:
        """A text by its lines; blank lines before its first are left out and counted."""
        lines = source.text.split("\n")
        first = next((at for at, line in enumerate(lines) if line.strip()), 0)
        while len(lines) > first + 1 and not lines[-1].strip():
            lines.pop()
        return {"name": source.name, "first": first + 1, "lines": lines[first:]}

    def _said(self) -> list[str]:
        """A sentence for each step; none in a walk of very many."""
        if self.walk.end > MOST_SENTENCES:
            return []
        frames = (self.scope.frame(at) for at in range(self.walk.end + 1))
        return [narration.explain(self.scope, frame) for frame in frames]

    def _left_out(self) -> list[str]:
        """What a large page does without."""
        return [] if self._has_formulas else ["large: local derivatives are its only formulas"]

    def _stops(self) -> list[int]:
        """The nodes at which the session stops without a condition."""
        walk, stops = self.walk, set[int]()
        for each in self.session.marks.breakpoints.values():
            if each.enabled and not (each.condition or each.hit_condition or each.log_message):
                stops |= {
                    node for node in map(walk.nodes.__getitem__, each.places) if node in walk.places
                }
        return sorted(stops)

    # ---------------------------------------------------------------- checks

    def _check(self) -> str:
        """What a check of every gradient found, in a sentence."""
        if self.walk.backward is None:
            return "no scalar result, so there are no gradients"
        if isinstance(self._report, str):
            return self._report
        rows = self._report.rows
        count = f"{len(rows)} gradient{'s' * (len(rows) != 1)}"
        failed = [each for each in rows if not each.ok]
        if failed or not self._report.ok:
            told = _verdicts(failed) or ": a rule is wrong"
            return f"✗ {len(failed)} of {count} failed the check against differences{told}"
        told = _verdicts(rows) + _error(rows, "worst relative ")
        return f"✓ {count} checked against differences{told}"

    @cached_property
    def _report(self) -> Report | str:
        """The check of the gradients by the inputs, or why there is none."""
        if len(self.graph) > MOST_CHECKED:
            return "too large to be checked here: graphdbg check does it"
        try:
            return check(self.graph, self.session.point)
        except GraphError as error:
            return f"not checked: {error.message}"

    def _stamp(self, at: int) -> str:
        """What the check of one gradient found; empty where it was not checked by itself."""
        rows: Sequence[Row]
        backward = self.walk.backward
        if isinstance(self._report, str) or backward is None:
            return ""
        if len(backward.upstream) <= MOST_STAMPS:
            try:
                rows = self.scope.check(at).rows
            except GraphError as error:
                return f"not checked: {error.message}"
        else:
            rows = [each for each in self._report.rows if each.wrt == self.graph.names[at]]
        if not rows:
            return ""
        if all(each.ok for each in rows):
            return f"✓ checked against differences{_verdicts(rows)}{_error(rows)}"
        return f"✗ the check failed{_verdicts([each for each in rows if not each.ok])}"


def _verdicts(rows: Sequence[Row]) -> str:
    """The verdicts of a check that are not plainly good, such as `: kink, unresolved`."""
    told = ", ".join(dict.fromkeys(each.verdict for each in rows if each.verdict != "good"))
    return f": {told}" if told else ""


def _error(rows: Sequence[Row], which: str = "") -> str:
    """The worst error of the gradients that are plainly good; at a kink there is none to tell."""
    good = [each.error for each in rows if each.verdict == "good"]
    if not good:
        return ""
    return f", {which}error {f'{max(good):.0e}' if max(good) else '0'}"


def _texts(value: Array) -> dict[str, str]:
    """A value on a wire and in the card, where that is another text; of a scalar all its digits."""
    wire, card = numbers.brief(value, ROOM), numbers.array(value, CARD)
    found = {"wire": wire}
    if card != wire:
        found["value"] = card
    if not value.shape:
        found["exact"] = repr(float(value))
    return found


def _factor(latex: str | None) -> dict[str, Json]:
    """A formula as MathML; `loose` says that it needs brackets as a factor."""
    if not latex or len(latex) > LONGEST:
        return {}
    depth, loose = 0, latex.startswith("-")
    for token in re.findall(r"\\left|\\right|[{}+]| - |\\frac", latex):
        depth += (token in (r"\left", "{")) - (token in (r"\right", "}"))
        loose = loose or (depth == 0 and token in ("+", " - "))
    return {"math": _math(latex), "loose": True} if loose else {"math": _math(latex)}


def _math(latex: str | None) -> str:
    """The inside of a formula's MathML, without what a page does not need."""
    if not latex or len(latex) > 3 * LONGEST:
        return ""
    whole = convert(latex).removeprefix(f'<math xmlns="{XMLNS}">').removesuffix("</math>")
    return _DEFAULTS.sub("", whole)
