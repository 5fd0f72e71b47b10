"""Breakpoints: on a node, an operation kind, a source line or a call; filters for what goes wrong.

A breakpoint is a set of positions of the walk at which it may stop, found once, and a condition on
the numbers there. How often it was hit is a function of the position as well (the places up to it
where the condition holds), so that it comes out the same however the cursor got there.

`condition`, `hit_condition` and `log_message` are those of the Debug Adapter Protocol.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..checking.findings import kinks_at
from ..checking.local_rules import LocalRules
from ..errors import GraphError, UnknownNameError
from ..numbers.evaluator import Trace
from ..tape.graph import NONE, Graph, suggestion
from ..tape.ops import Map, Reduce
from .walk import Kind, Walk

NODE, OPERATION, LINE, CALL, WATCH = "node", "operation", "line", "call", "watch"
FILTERS = {
    "nan": "stops where NaN arises from numbers",
    "inf": "stops where infinity arises from finite numbers",
    "kink": "stops at a node that sits on a kink or a tie",
    "check-failed": "stops where a local derivative disagrees with differences",
}
ARRIVALS = (Kind.VISIT, Kind.CALL, Kind.LOCAL, Kind.GRADIENT)  # where a line may be reached
HIT_CONDITION = re.compile(r"\s*(>=|<=|==|>|<|=|%)?\s*(\d+)\s*")
FIELD = re.compile(r"\{([^{}]+)\}")


@dataclass
class Breakpoint:
    """A place to stop: `kind` and `target` say where, `places` are its positions on the walk.

    `hit_condition` is a count such as `3`, `>= 2` or `% 5`; with `log_message` it prints the text,
    its `{expressions}` filled in, and does not stop.
    """

    number: int
    kind: str
    target: str
    places: Sequence[int] = field(repr=False, compare=False)
    condition: str = ""
    hit_condition: str = ""
    log_message: str = ""
    temporary: bool = False
    enabled: bool = True

    def __str__(self) -> str:
        parts = [f"{self.number}: {self.where}"]
        parts += [f"if {self.condition}"] if self.condition else []
        parts += [f"hits {self.hit_condition}"] if self.hit_condition else []
        parts += [f'log "{self.log_message}"'] if self.log_message else []
        parts += ["temporary"] if self.temporary else []
        parts += [] if self.enabled else ["disabled"]
        return ", ".join(parts)

    @property
    def where(self) -> str:
        """Where it stops, in words: `node h`, `line 12`, `every relu`."""
        words = {OPERATION: f"every {self.target}", CALL: f"call of {self.target}"}
        return words.get(self.kind, f"{self.kind} {self.target}")


def counts(hit_condition: str, hits: int) -> bool:
    """Whether the hit of this number stops; a bare number means that hit and all after it.

    >>> [counts("% 2", hits) for hits in (1, 2, 3, 4)]
    [False, True, False, True]
    """
    if not hit_condition:
        return True
    match = HIT_CONDITION.fullmatch(hit_condition)
    if match is None or (match[1] == "%" and int(match[2]) == 0):
        raise GraphError(
            f"found the hit count '{hit_condition}': expected a number such as 3, or a comparison "
            "such as == 3, > 2 or % 5 (every fifth)"
        )
    sign, number = match[1] or ">=", int(match[2])
    answers = {
        ">=": hits >= number, "<=": hits <= number, "==": hits == number, "=": hits == number,
        ">": hits > number, "<": hits < number,
    }  # fmt: skip
    return hits % number == 0 if sign == "%" else answers[sign]


def fields_of(message: str) -> list[str]:
    """The expressions in the braces of a log message."""
    return FIELD.findall(message)


def fill(message: str, show: Callable[[str], str]) -> str:
    """A log message with its `{expressions}` shown."""
    return FIELD.sub(lambda match: show(match[1]), message)


# ------------------------------------------------------------------ where a target stops


def resolve(walk: Walk, target: str) -> tuple[str, str, list[int]]:
    """The kind, the name and the positions of a target; UnknownNameError where there is none.

    `12` or `line 12` is a source line, `op relu` an operation kind, `call softmax` a call; a bare
    word is a node, else a call, else an operation kind.
    """
    kind, _, rest = target.strip().partition(" ")
    finders = {"line": _line, "op": _operation, "call": _call, "node": _node}
    if rest.strip() and kind in finders:
        return finders[kind](walk, rest.strip())
    word = target.strip()
    if word.isdecimal():
        return _line(walk, word)
    if walk.graph.find(word) is not None:
        return _node(walk, word)
    for finder in (_call, _operation):
        try:
            return finder(walk, word)
        except UnknownNameError:
            continue
    known = [*walk.graph.ids, *_functions(walk.graph), *_operations(walk)]
    raise UnknownNameError(
        f"found '{word}', expected a node, a line number, a call or an operation"
        f"{suggestion(word, known)}"
    )


def _node(walk: Walk, word: str) -> tuple[str, str, list[int]]:
    node = walk.graph.id(word)
    places = walk.places.get(node, [])
    if not places:
        owner = walk.graph.origins[node] if walk.graph.phases[node] else NONE
        if owner != NONE:
            return _node(walk, walk.graph.names[owner])
        raise GraphError(
            f"'{word}' is never visited: it is a given value that no gradient flows to; "
            "break at a node that is computed from it"
        )
    return NODE, walk.graph.names[node], places


def _line(walk: Walk, word: str) -> tuple[str, str, list[int]]:
    if not word.isdecimal():
        raise GraphError(f"found line '{word}', expected its number")
    lines = _lines(walk)
    found = lines.get(int(word))
    if found is None:
        raise GraphError(
            f"nothing is computed on line {word}; lines with nodes: {_ranges(sorted(lines))}"
        )
    return LINE, word, found


def _lines(walk: Walk) -> dict[int, list[int]]:
    """For each line of the program, where the cursor arrives on it, a function's lines included."""
    found: dict[int, list[int]] = {}
    last = 0
    for position in range(1, walk.end + 1):
        kind = walk.kinds[position]
        if kind in ARRIVALS:
            line = line_at(walk, position)
            if line and line != last:
                found.setdefault(line, []).append(position)
            last = line
        elif kind == Kind.SEED:
            last = 0
    return found


def line_at(walk: Walk, position: int) -> int:
    """The line of the program at a position; for what happens in the library, that of the call."""
    graph, node, frame = walk.graph, walk.nodes[position], walk.frames[position]
    calls = walk.kinds[position] in (Kind.CALL, Kind.RETURN)
    span = graph.calls[frame].span if calls else graph.spans[node]
    if span is not None and span.source != graph.source:
        span = graph.place_of_call(frame)
    return span.line if span else 0


def _ranges(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:12]))
    return shown + (", ..." if len(numbers) > 12 else "")


def _operation(walk: Walk, word: str) -> tuple[str, str, list[int]]:
    found = _operations(walk).get(word)
    if found is None:
        near = suggestion(word, _operations(walk))
        raise UnknownNameError(f"no operation '{word}' in this program{near}")
    places = sorted(place for node in found for place in walk.places.get(node, ()))
    return OPERATION, word, places


def _operations(walk: Walk) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for node in walk.value_at:
        for word in operation_words(walk.graph, node):
            found.setdefault(word, []).append(node)
    return found


def operation_words(graph: Graph, node: int) -> tuple[str, ...]:
    """What the operation of a node may be called: `exp`, `max`, or the name of its primitive."""
    op = graph.ops[node]
    kind = type(op).__name__.lower()
    if isinstance(op, Map):
        return (op.function,)
    if isinstance(op, Reduce):
        return (op.kind, kind)
    return ("matmul", kind) if kind == "contract" and len(graph.args[node]) > 1 else (kind,)


def _functions(graph: Graph) -> list[str]:
    return sorted({call.function for call in graph.calls} | {call.label for call in graph.calls})


def _call(walk: Walk, word: str) -> tuple[str, str, list[int]]:
    calls = walk.graph.calls
    places = sorted(
        begin
        for begin, _ in walk.intervals
        if word in (calls[walk.frames[begin]].function, calls[walk.frames[begin]].label)
    )
    if not places:
        near = suggestion(word, _functions(walk.graph))
        raise UnknownNameError(f"no call of '{word}' in this program{near}")
    return CALL, word, places


# ------------------------------------------------------------------ what goes wrong, and where


def filter_places(walk: Walk, trace: Trace, name: str) -> list[int]:
    """The positions at which an exception filter stops; GraphError for a filter there is none of.

    `check-failed` checks every local rule of the pass, which takes a while on a large graph.
    """
    if name not in FILTERS:
        raise GraphError(f"found the filter '{name}', expected one of {', '.join(FILTERS)}")
    if name in ("nan", "inf"):
        return _nonfinite_places(walk, trace, np.isnan if name == "nan" else np.isinf)
    if walk.backward is None:
        raise GraphError(f"the filter '{name}' needs a backward pass: give a scalar result")
    if name == "kink":
        kinks = kinks_at(walk.graph, walk.backward, trace.arrays)
        return _visits(walk, (walk.graph.id(kink.node) for kink in kinks))
    faults = LocalRules(walk.graph, walk.backward).faults(trace.arrays, trace.dims)
    return sorted({walk.visit_at[fault.y] for fault in faults if fault.y in walk.visit_at})


def _visits(walk: Walk, nodes: Iterable[int]) -> list[int]:
    return sorted({place for node in nodes for place in walk.places.get(node, ())})


def _nonfinite_places(walk: Walk, trace: Trace, bad: Callable[..., np.ndarray]) -> list[int]:
    """Where a value that is `bad` comes out of a step whose operands are not."""
    arrays = trace.arrays

    def spoiled(node: int) -> bool:
        return bool(np.any(bad(arrays[node])))

    graph = walk.graph
    found = [
        position
        for node, position in walk.value_at.items()
        if spoiled(node) and not any(spoiled(arg) for arg in graph.args[node])
    ]
    if walk.backward is not None:
        for parts in walk.backward.contributions.values():
            for part in parts:
                if spoiled(part.node) and not spoiled(walk.backward.upstream[part.consumer]):
                    found.append(walk.visit_at[part.consumer] + 1)
    return sorted(set(found))
