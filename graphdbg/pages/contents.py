"""What a page knows of a session, as plain data: the walk, the nodes, the texts around them.

The cursor of a walk is one number and all that is known follows from it, so the data say from which
position on each text holds, and the page's script shows what holds.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..checker import check
from ..drawing.circuits import Circuit
from ..drawing.scenes import ROOM
from ..errors import GraphError
from ..graph import NONE
from ..operations import operation
from ..ops import LEAVES
from ..rendering import numbers
from ..session import Session
from ..sizes import to_text
from ..source import Source, Span
from ..stepping import narration
from ..stepping.commands import COMMANDS
from ..stepping.frames import Operand, accumulated_at
from ..stepping.show import brief
from ..stepping.walk import WORDS, Kind
from ..typesetting.latex_notation import latex_name
from ..typesetting.mathml import XMLNS, convert

Array = NDArray[Any]
Json = Any
CARD = 44  # columns of a number in the card
MOST_SENTENCES = 2_000  # steps that each get a sentence of their own
MOST_JACOBIANS = 300  # nodes of a tape whose linear operations get their Jacobian as a formula
MOST_FORMULAS = 600  # nodes of a tape whose values and gradients get formulas; they take long
MOST_CHECKED = 3_000  # nodes of a tape that is checked as a whole
LONGEST = 400  # characters of LaTeX: longer formulas do not fit the card
# The keys of the terminal app that the page has, by the names of their commands.
ON_PAGE = (
    "step", "next", "finish", "continue", "until", "last", "reverse-step", "reverse-next",
    "reverse-finish", "reverse-continue", "reverse-until", "restart", "undo", "break", "left",
    "down", "up", "right", "consumer", "producer", "current", "help",
)  # fmt: skip


class Contents:
    """The data of a page on `session`, whose picture shows `circuit`.

    >>> import graphdbg as gd
    >>> from graphdbg.drawing.circuits import circuit
    >>> s = gd.Session(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4})
    >>> found = Contents(s, circuit(s.graph)).data()
    >>> found["end"], found["nodes"]["2"]["wire"], found["nodes"]["2"]["from"]
    (12, '3', 1)
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
                {"name": each.name, "keys": each.keys, "help": each.help, "group": each.group}
                for each in COMMANDS
                if each.name in ON_PAGE
            ],
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
            "shape": to_text(value.shape) if value.shape else "",
            "from": walk.value_at.get(at, 0),
            "wire": brief(value, ROOM),
            "value": numbers.array(value, CARD),
            "math": self._formula(at),
            "is": self.circuit.place(at),
        }
        if isinstance(graph.ops[at], LEAVES[1:]):
            found["literal"] = True
        if not value.shape:
            found["exact"] = repr(float(value))
        place = self._place(graph.spans[at], graph.place(at))
        if place:
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

    def _closed(self, node: int) -> str | None:
        return self.scope.texts.closed_latex(node) if self._has_formulas else None

    def _gradient(self, at: int, node: int) -> dict[str, Json]:
        walk = self.walk
        parts = walk.parts_at.get(at, ())
        complete = parts[-1] if parts else walk.visit_at.get(at, walk.end)
        value = np.asarray(self.session.trace.arrays[node])
        steps = list(dict.fromkeys(parts))[:-1]
        return {
            "from": walk.turn if at == walk.backward.of else complete,  # type: ignore[union-attr]
            "wire": brief(value, ROOM),
            "value": numbers.array(value, CARD),
            "exact": repr(float(value)) if not value.shape else "",
            "math": _math(_equation(self._partial(at), self._closed(node))),
            "awaited": walk.awaited(at),
            "parts": [self._partly(at, place) for place in steps],
        }

    def _partly(self, at: int, place: int) -> dict[str, Json]:
        total = accumulated_at(self.walk, self.session.trace, at, place)
        arrived, awaited = self.walk.arrived(at, place), self.walk.awaited(at)
        return {
            "from": place, "wire": f"{brief(total, ROOM)} ({arrived} of {awaited})",
            "value": "" if total is None else numbers.array(total, CARD), "arrived": arrived,
        }  # fmt: skip

    def _partial(self, at: int) -> str:
        return _fraction(self.of, self.graph.names[at])

    def _operands(self, at: int) -> tuple[Operand, ...]:
        """What the node hands to each operand, as it is known after its visit."""
        place = self.walk.visit_at.get(at)
        if place is None or self.walk.kinds[place] != Kind.LOCAL:
            return ()
        return self.scope.frame(place + Kind.ACCUMULATE - Kind.LOCAL).operands

    def _operand(self, at: int, operand: Operand) -> dict[str, Json]:
        local = _fraction(self.graph.names[at], operand.name)
        formula = self._local(at, operand)
        number = _number(operand.local) if operand.local is not None else None
        contribution = operand.contribution
        value = np.asarray(self.session.trace.arrays[self.walk.backward.upstream[at]])  # type: ignore[union-attr]
        chain = rf"{self._partial(at)} \cdot {local}"
        closed = self._closed(self.walk.backward.upstream[at])  # type: ignore[union-attr]
        put_in = rf"{_grouped(closed)} \cdot {_grouped(formula)}" if closed and formula else None
        if value.shape and put_in:
            put_in = (
                put_in.replace(r" \cdot ", r" \odot ", 1) if operand.local is not None else None
            )
        up = _number(value)
        product = rf"{_grouped(up)} \cdot {_grouped(number)}" if up and number else None
        return {
            "node": operand.node,
            "local": _math(_equation(local, formula, number)),
            "chain": _math(_equation(chain, put_in, product, _number(contribution))),
            "value": "" if contribution is None else numbers.array(contribution, CARD),
        }

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
        call, names = self.graph.calls[at], self.graph.names
        inputs = ", ".join(names[each] for each in call.inputs)
        return {
            "text": f"{call.function}({inputs})",
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

    def _check(self) -> str:
        """What a check of every gradient found, in a sentence."""
        if self.walk.backward is None:
            return "no scalar result, so there are no gradients"
        if len(self.graph) > MOST_CHECKED:
            return "too large to be checked here: graphdbg check does it"
        try:
            report = check(self.graph, self.session.point)
        except GraphError as error:
            return f"not checked: {error.message}"
        worst = max((row.error for row in report.rows), default=0.0)
        size = f"{worst:.0e}" if worst else "0"
        count = f"{len(report.rows)} gradient{'s' * (len(report.rows) != 1)}"
        if not report.ok:
            return f"✗ {count} checked against differences: FAILED"
        return f"✓ {count} checked against differences, worst relative error {size}"


def _fraction(of: str, by: str) -> str:
    return rf"\frac{{\partial {latex_name(of)}}}{{\partial {latex_name(by)}}}"


def _equation(*parts: str | None) -> str:
    """`a = b = c`; what is missing or repeats its neighbour is left out."""
    kept: list[str] = []
    for part in parts:
        if part and len(part) <= LONGEST and (not kept or kept[-1] != part):
            kept.append(part)
    return " = ".join(kept)


def _number(value: Array | None) -> str | None:
    """A scalar as LaTeX, None for an array."""
    if value is None or np.shape(value):
        return None
    text = numbers.number(value)
    mantissa, _, exponent = text.partition("e")
    if not np.isfinite(value):
        return rf"\text{{{text}}}"
    return rf"{mantissa} \cdot 10^{{{int(exponent)}}}" if exponent else text


def _grouped(latex: str) -> str:
    """A factor of a product: a sum or a negative number gets brackets."""
    depth, loose = 0, latex.startswith("-")
    for token in re.findall(r"\\left|\\right|[{}+]| - |\\frac", latex):
        depth += (token in (r"\left", "{")) - (token in (r"\right", "}"))
        loose = loose or (depth == 0 and token in ("+", " - "))
    return rf"\left({latex}\right)" if loose else latex


def _math(latex: str | None) -> str:
    """A formula as MathML, without the namespace that a page does not need."""
    if not latex or len(latex) > 3 * LONGEST:
        return ""
    return convert(latex).replace(f' xmlns="{XMLNS}"', "", 1)
