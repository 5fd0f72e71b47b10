"""`Reader`: the statements of a program, one after another, onto the tape.

Loops are unrolled, functions inlined, conditions decided while reading. Names assigned at the top
are the nodes' names: the latest holder of a name keeps it, earlier ones become `h@1`, `h@2`; an
input keeps its name for good, what is assigned to it later is `x@1`, `x@2`. Names assigned inside a
call are `label.name`. Names that nobody assigned are inputs.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from ..errors import GraphError, SourceError, UnknownNameError
from ..source import Source, Span
from ..tape import ops, sizes
from ..tape.builder import Builder
from ..tape.graph import NONE, Graph, suggestion
from ..tape.naming import is_derivative
from ..tape.sizes import Shape, Size
from .functions import find_function, is_function
from .refusals import unsupported
from .syntax import Chunk, statements
from .tape import Tape
from .values import MISSING, Function, Native, Ref, Scope, Signal

CONSTANTS = {"pi": math.pi, "π": math.pi, "inf": math.inf}


@dataclass(frozen=True)
class Grammar:
    """The rule that reads each kind of syntax tree: a function of the reader and the tree."""

    expressions: Mapping[type[ast.expr], Callable[[Reader, Any], Any]]
    statements: Mapping[type[ast.stmt], Callable[[Reader, Any], Signal | None]]


class Reader:
    """Reads programs onto a builder's tape; `names` given, free names are errors, not inputs.

    It walks and keeps the names; how a kind of statement or expression is read, `grammar` says.
    The rules call back: `value` for an expression inside theirs, `run` for a block.
    """

    def __init__(
        self,
        builder: Builder,
        grammar: Grammar,
        given: Mapping[str, Shape],
        names: Mapping[str, Any] | None = None,
    ) -> None:
        self.builder = builder
        self.grammar = grammar
        self.tape: Tape = Tape(builder)
        self.given = given
        self.existing = names
        self.root = self.scope = Scope(names=dict(names or {}))
        self.chunk: Chunk | None = None
        self.statement = 0
        self.rounds = 0
        self.calls = 0
        self.least: dict[Function, int] = {}
        self.free: dict[
            str, int
        ] = {}  # undeclared inputs, each with the statement that first used it
        self.versions: dict[tuple[str, str], list[Any]] = {}
        self.results: list[Any] = []
        self.result_trees: list[ast.expr] = []
        self.active: list[Function] = []
        self.labels: set[str] = {call.label for call in builder.calls}
        for shape in {*given.values(), *(builder.shapes if names is not None else ())}:
            for dim in sizes.names_in(shape):
                self.root.names.setdefault(dim, sizes.named(dim))

    # ------------------------------------------------------------------------ programs

    def program(self, source: Source) -> None:
        """Read a whole program."""
        names = {**self.given, **self.root.names}
        bound = {name for name, value in names.items() if not isinstance(value, Native)}
        try:
            for chunk, tree in statements(source, self._is_function, bound):
                self.chunk = chunk
                self.execute(tree)
        except RecursionError as error:
            span = self.builder.span or Span(source, 0, 1)
            raise SourceError(
                "this is nested too deeply: name its parts on lines of their own", span=span
            ) from error

    def _is_function(self, name: str) -> bool:
        return is_function(name) or isinstance(self.root.names.get(name), Native)

    def graph(self) -> Graph:
        """The graph of what was read."""
        assigned = self._name_nodes()
        if self.builder.span is None and self.builder.source is not None:
            self.builder.span = Span(self.builder.source, 0, 0)
        if self.results:
            outputs = self._result_ids()
        else:
            outputs = self._unused(assigned)
        if not outputs:
            raise SourceError(
                "the program computes nothing: write a formula such as f = (x + y)*z",
                span=Span(self.builder.source, 0, 0) if self.builder.source else None,
            )
        self._find_labels()
        return self.builder.build(outputs)

    def _find_labels(self) -> None:
        """Undeclared inputs that are used as indices hold whole numbers: they are labels."""
        b = self.builder
        for at, op in enumerate(b.ops):
            if type(op) is ops.Gather:
                for index in b.args[at][1:]:
                    found = b.ops[index]
                    if isinstance(found, ops.Input) and found.name in self.free:
                        b.ops[index] = ops.Input(found.name, found.shape, "Label")

    def assigned(self) -> dict[str, int]:
        """The nodes by the names the program gave them; statement expressions are `f` or `out`."""
        found = {
            name: int(self.tape.ref(versions[-1]))
            for (label, name), versions in self.versions.items()
            if not label and _is_value(versions[-1])
        }
        for value in self.results:
            found[_free_name("f", found) if "f" not in found else _free_name("out", found)] = int(
                self.tape.ref(value)
            )
        return found

    def _name_nodes(self) -> list[tuple[str, Any]]:
        """Give the nodes their names; the names assigned at the top with their latest values.

        What a call was handed in, and a number, keeps its own name and is found by this one too.
        """
        top = [item for item in self.versions.items() if not item[0][0]]
        inner = [item for item in self.versions.items() if item[0][0]]
        b = self.builder
        for (label, variable), versions in (*top, *inner):
            full = f"{label}.{variable}" if label else variable
            for name, node in self._versions(full, versions):
                own = self._is_made_in(node, label) if label else type(node) is Ref
                b.name(node, name) if own else b.alias(node, name)
        return [(name, versions[-1]) for (_, name), versions in top]

    def _versions(self, name: str, values: Sequence[Any]) -> Iterator[tuple[str, int]]:
        """The nodes that a name was assigned one after another, each by the name it gets.

        The latest has the bare name, unless that is an input's or reads as a derivative's.
        """
        b = self.builder
        holder = b.named(name)
        nodes = [
            (node, value is values[-1])
            for value in values
            if (node := self._known_node(value)) is not None and node != holder
        ]
        is_taken = holder is not None or is_derivative(name)
        for count, (node, is_latest) in enumerate(nodes, 1):
            yield name if is_latest and not is_taken else f"{name}@{count}", node

    def _known_node(self, value: Any) -> int | None:
        """The node of a value, of a number only where the tape has it."""
        if type(value) is not Ref and isinstance(value, (int, float)):
            return self.builder.find(ops.Const(value))
        return value if type(value) is Ref else None

    def _is_made_in(self, node: int, label: str) -> bool:
        frame = self.builder.frames[node]
        return frame != NONE and self.builder.calls[frame].label == label

    def _result_ids(self) -> list[int]:
        taken = {name for label, name in self.versions if not label}
        taken.update(op.name for op in self.builder.ops if isinstance(op, ops.Input))
        outputs = []
        for value in self.results:
            for part in value if isinstance(value, (tuple, list)) else (value,):
                at = self.tape.ref(part)
                if at not in self.builder.names:
                    name = "f" if "f" not in taken else _free_name("out", taken)
                    taken.add(name)
                    self.builder.name(at, name)
                outputs.append(int(at))
        return list(dict.fromkeys(outputs))

    def _unused(self, assigned: Sequence[tuple[str, Any]]) -> list[int]:
        """The assigned nodes that nothing uses, else the last assigned value."""
        used = bytearray(len(self.builder.ops))
        for args in self.builder.args:
            for arg in args:
                used[arg] = 1
        nodes = [value for _, value in assigned if type(value) is Ref]
        outputs = [
            int(at) for at in nodes if not used[at] and type(self.builder.ops[at]) is not ops.Input
        ]
        if outputs:
            return list(dict.fromkeys(outputs))
        values = [(name, value) for name, value in assigned if _is_value(value)]
        if not values:
            return []
        name, value = values[-1]
        at = self.tape.ref(value)
        count = 0
        while self.builder.named(called := f"{name}@{count}" if count else name) not in (None, at):
            count += 1  # the bare name is an input's
        self.builder.name(at, called)
        return [int(at)]

    # ---------------------------------------------------------------------- statements

    def run(self, body: Sequence[ast.stmt]) -> Signal | None:
        """Execute a block; the signal it ended with."""
        for tree in body:
            signal = self.execute(tree)
            if signal is not None:
                return signal
        return None

    def execute(self, tree: ast.stmt) -> Signal | None:
        """Execute one statement."""
        if self.scope is self.root:
            self.statement += 1
        rule = self.grammar.statements.get(type(tree))
        if rule is None:
            unsupported(tree, self.chunk.span(tree))  # type: ignore[union-attr]
        return rule(self, tree)

    def value(self, tree: ast.expr) -> Any:
        """The value of an expression: a `Ref` or something static."""
        rule = self.grammar.expressions.get(type(tree))
        if rule is None:
            unsupported(tree, self.chunk.span(tree))  # type: ignore[union-attr]
        return rule(self, tree)

    def node(self, tree: ast.expr) -> Ref:
        """The value of an expression as a node."""
        value = self.value(tree)
        return value if type(value) is Ref else self.ref(value, tree)

    def ref(self, value: Any, tree: ast.expr) -> Ref:
        """A value as a node; the name of a function used as a number is an input of that name."""
        if type(value) is Ref:
            return value
        if isinstance(value, (Native, Function)) and type(tree) is ast.Name:
            if self.scope.find(tree.id) is MISSING and not self.scope.from_library:
                return self.free_name(tree.id, tree)
        self.point(tree)
        return self.tape.ref(value)

    def point(self, tree: Any) -> None:
        """What is built, or fails, next belongs to this piece of the text."""
        self.builder.span = self.chunk.span(tree)  # type: ignore[union-attr]

    def fail(self, message: str, tree: Any, kind: type[GraphError] = SourceError) -> NoReturn:
        """Raise an error that points at `tree`."""
        raise kind(message, span=self.chunk.span(tree))  # type: ignore[union-attr]

    # --------------------------------------------------------------------------- names

    def lookup(self, name: str, tree: ast.expr) -> Any:
        """The value of a name: assigned, given, a constant, a function, else a new input."""
        found = self.scope.find(name)
        if found is not MISSING:
            return found
        if name not in self.given:
            if name in CONSTANTS:
                return CONSTANTS[name]
            function = find_function(name, self.scope.from_library)
            if function is not None:
                return function
        return self.free_name(name, tree)

    def free_name(self, name: str, tree: ast.expr) -> Ref:
        """A new input for a name that nobody assigned; UnknownNameError where none may be made."""
        if self.scope.from_library or self.existing is not None:
            known = self.root.names
            self.fail(
                f"no name '{name}'{suggestion(name, known)}; known are "
                f"{', '.join(list(known)[:12])}{', ...' if len(known) > 12 else ''}",
                tree,
                UnknownNameError,
            )
        self.point(tree)
        self.free[name] = self.statement
        return self.declare(name, self.given.get(name, ()), "Real")

    def declare(self, name: str, shape: Shape, domain: str) -> Ref:
        """A new input, outside of all calls."""
        frame, self.builder.frame = self.builder.frame, NONE
        at = Ref(self.builder.input(name, shape, domain))
        self.builder.frame = frame
        self.root.names[name] = at
        return at

    def bind(self, name: str, value: Any, tree: Any) -> None:
        """Assign a name."""
        scope = self.scope
        if scope is self.root and name in self.free and (("", name) not in self.versions):
            self._check_order(name, value, tree)
        if type(value) is not Ref:
            self.point(tree)
        if type(value) is Ref or scope is self.root:
            key = (scope.label, name)
            if key in self.versions:
                self.versions[key].append(value)
            else:
                self.versions[key] = [value]
        scope.names[name] = value

    def _check_order(self, name: str, value: Any, tree: Any) -> None:
        """`x = x + 1` makes an input x; a name used before and then defined anew is a mistake."""
        if name in self.given or self.free[name] == self.statement:
            return
        if any(isinstance(part, ast.Name) and part.id == name for part in ast.walk(tree.value)):
            return
        use = self.builder.find(ops.Input(name, self.given.get(name, ())))
        assert use is not None
        line = self.chunk.span(tree).line  # type: ignore[union-attr]
        cyclic = type(value) is Ref and self._depends(value, use)
        what = (
            "is defined by itself (a cyclic definition)"
            if cyclic
            else "is used before it is assigned"
        )
        raise SourceError(
            f"'{name}' {what}: it is used here but assigned only on line {line}; "
            "assign it first, or give the input another name",
            span=self.builder.spans[use],
        )

    def _depends(self, at: int, on: int) -> bool:
        seen, queue = {at}, [at]
        while queue:
            fresh = [arg for arg in self.builder.args[queue.pop()] if arg not in seen]
            seen.update(fresh)
            queue.extend(fresh)
        return on in seen


def _is_value(value: Any) -> bool:
    return isinstance(value, (int, float, Size, list, tuple))


def _free_name(name: str, taken: Any) -> str:
    count, candidate = 1, name
    while candidate in taken:
        count += 1
        candidate = f"{name}_{count}"
    return candidate
