"""Expressions of a debugging session: watches, conditions, `print`, `set x = ...`.

An expression is the language of programs over the values of the graph's nodes, with the functions
`grad(x)` and `upstream(x)` (the gradient of x), `accumulated(x)` (what has arrived of it so far),
`local(q, x)` (the derivative of q by its operand x) and `value(h)`, and the names `value`,
`upstream` and `position` of the node at hand. A program's own name goes first. It is parsed into a
small graph of its own and evaluated by NumPy: text from a user is never Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError, ShapeError, SourceError, UnknownNameError, ValueGivenError
from ..language.parser import expression
from ..numbers.evaluator import RULES
from ..numbers.work import require_room_for
from ..source import Source, Span
from ..tape.builder import Builder
from ..tape.graph import NONE, Graph, suggestion

Array = NDArray[Any]
WORD = re.compile(r"[^\W\d]\w*(?:\.\w+)*(?:@\d+)?[′']*")  # h, L.d_x, and h@1, h as it was
HERE = ("value", "upstream", "position")  # of the node at hand
RENAMED = "_here"  # a bare `value` beside value(h)
FUNCTIONS = ("value", "grad", "upstream", "accumulated", "local")
LIMIT = 200 * 10**6  # bytes that an expression may take; its products are a fraction of a second
Need = tuple[str, int, int]  # what is read: one of FUNCTIONS or HERE, node, operand
NO_PROGRAM = re.compile(r"^not a program: (.*?)(?:; expected assignments.*)?$", re.DOTALL)
TOKEN = re.compile(r"[=<>!]=|[^ \t]")
STATEMENTS = {
    "=": "'=' assigns; compare with ==, or give an input another value with: set x = 3",
    ";": "it is one expression, without ';'",
    ":": "found ':'; it is one expression, such as grad(x) > 0",
}
Lookup = Callable[[Need], "Array | None"]


class Expression:
    """A parsed expression; GraphError where the text is none over the graph's names.

    `lookup` gives the numbers it reads as they are at the end of the walk, from which shapes are
    known. `here` is the shape of the node at hand, where that is known: what reads `value` is
    parsed anew for each shape it meets.
    """

    def __init__(
        self, graph: Graph, text: str, lookup: Lookup, here: tuple[int, ...] | None = None
    ) -> None:
        self.graph, self.text, self._whole = graph, text.strip(), lookup
        self._parsed: dict[tuple[int, ...], _Parsed] = {}
        try:
            self.needs = tuple(self._for(here or ()).needs)
        except ShapeError:
            if here is not None or not reads_here(self.text, graph):
                raise
            self.needs = ((HERE[0], NONE, NONE),)  # it fits other shapes: told when one is met

    @property
    def reads_here(self) -> bool:
        """Whether it depends on where the cursor stands."""
        return any(kind in HERE and node == NONE for kind, node, _ in self.needs)

    def evaluate(self, lookup: Lookup) -> Array | None:
        """The value now; None where something it reads has not been computed yet."""
        shape: tuple[int, ...] = ()
        if self.reads_here:
            found = [lookup((kind, NONE, NONE)) for kind in HERE[:2]]
            shape = next((each.shape for each in found if each is not None), ())
        return self._for(shape).evaluate(lookup)

    def _for(self, here: tuple[int, ...]) -> _Parsed:
        if here not in self._parsed:
            self._parsed[here] = _Parsed(self.graph, self.text, self._whole, here)
        return self._parsed[here]


class _Parsed:
    """An expression as a small graph, for one shape of the node at hand."""

    def __init__(self, graph: Graph, text: str, lookup: Lookup, here: tuple[int, ...]) -> None:
        one_expression(text)
        self.graph, self.lookup, self.here = graph, lookup, here
        self.needs: dict[Need, int] = {}
        self._b = Builder()
        self._values: dict[int, int] = {}  # nodes of the small graph: values of the large one
        read = _without_clashes(text, graph)
        try:
            self._out = expression(self._b, read, self._names(read), self._functions(read))
        except UnknownNameError as error:
            raise UnknownNameError(_hint(error.message, graph), span=error.span) from error
        except SourceError as error:
            told = NO_PROGRAM.sub(r"not an expression: \1", error.message)
            raise type(error)(told, span=error.span) from error
        except RecursionError as error:
            raise SourceError("the expression is nested too deeply") from error
        require_room_for(self._b, range(len(self._b.ops)), {}, LIMIT, "the expression")

    def evaluate(self, lookup: Lookup) -> Array | None:
        """The value now, or None; see `Expression.evaluate`."""
        values: dict[int, Any] = {}
        for need, at in self.needs.items():
            found = lookup(need)
            if found is None:
                return None
            values[at] = found
        with np.errstate(all="ignore"):
            for at, op in enumerate(self._b.ops):
                if at not in values:
                    args = [values[arg] for arg in self._b.args[at]]
                    values[at] = RULES[type(op)](op, args, {})
        return np.asarray(values[self._out])

    def _read(self, need: Need, shape: tuple[int, ...]) -> int:
        if need not in self.needs:
            name = " ".join(map(str, need))  # no program can use it: it has blanks
            self.needs[need] = self._b.input(name, shape)
        return self.needs[need]

    def _names(self, text: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for word in dict.fromkeys(WORD.findall(text)):
            for name in (word, word.partition("@")[0], word.split(".")[0]):
                if name in found or (name in FUNCTIONS and _is_called(name, text)):
                    continue
                at = self.graph.find(name)
                if at is not None:
                    wrt = gradient_of(self.graph, name)
                    need: Need = ("value", at, NONE) if wrt is None else ("grad", wrt, NONE)
                    found[name] = self._read(need, self._shape(need))
                    self._values[found[name]] = at
                elif (kind := name.removesuffix(RENAMED)) in HERE:
                    shape = () if kind == "position" else self.here
                    found[name] = self._read((kind, NONE, NONE), shape)
        return found

    def _shape(self, need: Need) -> tuple[int, ...]:
        found = self.lookup(need)
        return () if found is None else found.shape

    def _functions(self, text: str) -> dict[str, Callable[..., int]]:
        called = {name: self._apply(name) for name in FUNCTIONS if _is_called(name, text)}
        return {name: apply for name, apply in called.items() if self.graph.find(name) is None}

    def _apply(self, kind: str) -> Callable[..., int]:
        def read(*args: int) -> int:
            wanted = 2 if kind == "local" else 1
            nodes = [self._values.get(arg, NONE) for arg in args]
            if len(args) != wanted or NONE in nodes:
                what = "a node and one of its operands" if kind == "local" else "the name of a node"
                raise SourceError(f"{kind}() takes {what}, such as {_example(kind)}")
            need = (kind, nodes[0], nodes[1] if wanted == 2 else NONE)
            if self.lookup(need) is None:
                raise ValueGivenError(_missing(self.graph, need))
            return self._read(need, self._shape(need))

        return read


def one_expression(text: str) -> None:
    """Raise SourceError where a text is a statement or several: they would be read as a program.

    >>> one_expression("max(x, axis=0) == y")
    """
    depth = 0
    for match in TOKEN.finditer(text):
        token = match[0]
        depth += (token in "([{") - (token in ")]}")
        if token == "=" and depth > 0:
            continue  # a keyword argument
        if token.isspace():
            raise SourceError("an expression is one line")
        if token in STATEMENTS and not (token == ":" and depth > 0):
            span = Span(Source(text, "<expression>"), *match.span())
            raise SourceError(f"not an expression: {STATEMENTS[token]}", span=span)


def condition(expression: Expression, lookup: Lookup) -> bool | None:
    """Whether a condition holds now; None where it cannot be told yet.

    Raises GraphError where the expression is not one number.
    """
    found = expression.evaluate(lookup)
    if found is None:
        return None
    if found.size != 1:
        raise GraphError(
            f"the condition '{expression.text}' has {found.size} entries, expected one number: "
            "take any(...), all(...), max(...) or norm(...)"
        )
    number = float(found.reshape(()))
    return bool(number) and not np.isnan(number)


def gradient_of(graph: Graph, name: str) -> int | None:
    """The node whose gradient is called `f.d_x` on the tape: x, else None."""
    for each in reversed(graph.passes):
        prefix = f"{graph.names[each.of]}.d_"
        wrt = graph.find(name.removeprefix(prefix)) if name.startswith(prefix) else None
        if wrt in each.upstream:
            return wrt
    return None


def _is_called(name: str, text: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\s*\(", text) is not None


def reads_here(text: str, graph: Graph) -> bool:
    """Whether a text may read `value`, `upstream` or `position` of the node at hand."""
    words = {re.split("[.@]", word)[0] for word in WORD.findall(text)}
    return any(name in words and graph.find(name) is None for name in HERE)


def _without_clashes(text: str, graph: Graph) -> str:
    """`value(h) > value` with its bare name renamed: a name is either a function or a number."""
    for name in set(HERE) & set(FUNCTIONS):
        if _is_called(name, text) and graph.find(name) is None:
            text = re.sub(rf"(?<![\w.]){name}\b(?!\s*\()", name + RENAMED, text)
    return text


def _hint(message: str, graph: Graph) -> str:
    """An unknown name's message, which knows the names of the graph rather than those read."""
    name = re.search(r"'([^']+)'", message)
    told = message.split("; known are ")[0]
    if name is None or "did you mean" in told:
        return told
    if name[1] in FUNCTIONS:
        return f"'{name[1]}' is a function, such as {_example(name[1])}"
    return told + suggestion(name[1], [*graph.ids, *FUNCTIONS, *HERE])


def _example(kind: str) -> str:
    return "local(q, x)" if kind == "local" else f"{kind}(x)"


def _missing(graph: Graph, need: Need) -> str:
    kind, node, operand = need
    name = graph.names[node]
    if kind == "local":
        return (
            f"'{graph.names[operand]}' is no operand of '{name}' that a gradient flows to "
            f"(its operands: {', '.join(graph.names[arg] for arg in graph.args[node]) or 'none'})"
        )
    return f"no gradient of '{name}' is on the tape: it is not on the way to what is differentiated"
