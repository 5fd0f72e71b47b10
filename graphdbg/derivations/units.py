"""Units: what a derivation by hand takes as one step, from the operations of the tape.

A named node is a unit, and so is the result of a closed call. A nameless operation joins the only
unit that uses it where one rule of differentiation is left to think about: shifts, constant
factors, sums over axes and repetitions join anything; a sum, and an operation with a rule of its
own (a product, exp, an inverse), only what adds and passes on. So `Z1 = X @ W1 + b1` is one unit
and `f = (x + y) z` is two. Nothing joins where its operand would enter the unit twice: a value that
is used twice is to be seen as such.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field

from ..calculus.jacobians import is_literal
from ..rendering.folding import View, around
from ..tape import ops
from ..tape.graph import NONE, Call, Graph, cone

MOST_OPERANDS = 8  # of a unit that grows: a longer sum is no definition to read
LIGHT, SUM, HEAVY = range(3)  # passes on; adds several; has a rule of its own


@dataclass(frozen=True, slots=True)
class Unit:
    """`output` computed from `operands` by the nodes `members`, in tape order.

    `call` is the call that is taken whole, if the unit is one.
    """

    output: int
    members: tuple[int, ...]
    operands: tuple[int, ...]
    call: Call | None = None


def units_of(
    graph: Graph, of: int, sources: Collection[int], active: Collection[int], depth: int = 0
) -> list[Unit]:
    """The units from which node `of` is computed, in tape order.

    `sources` stay units of their own, `active` are the nodes that could carry a gradient, `depth`
    calls inside each other are open.

    >>> import graphdbg as gd
    >>> graph = gd.parse("f = (x + y) z")
    >>> [graph.names[unit.output] for unit in units_of(graph, graph.id("f"), (), range(6))]
    ['q', 'f']
    """
    return _Grouping(graph, of, sources, active, depth).units()


@dataclass
class _Grouping:
    graph: Graph
    of: int
    sources: Collection[int]
    active: Collection[int]
    depth: int
    head: dict[int, int] = field(default_factory=dict)  # the unit of each node that stands for some
    heavy: dict[int, bool] = field(default_factory=dict)  # has it, or one above it, its own rule?
    operands: dict[int, set[int]] = field(default_factory=dict)  # of each unit, by its output

    def __post_init__(self) -> None:
        self.literal = _literals(self.graph, cone(self.graph, [self.of]))
        self.nodes = [at for at in cone(self.graph, [self.of]) if at not in self.literal]
        wanted = {self.of, *self.sources}
        closed = _closed_frames(self.graph, self.nodes, self.literal, wanted, self.depth)
        self.view = View.folded(self.graph, closed)

    def units(self) -> list[Unit]:
        """The units in tape order."""
        users = self._users()
        for at in reversed(self.nodes):
            if self._stands_for(at) == at and not self._is_input(at):
                self._place(at, users.get(at, []))
        members: dict[int, list[int]] = {}
        for at in self.nodes:
            if not self._is_input(at):
                members.setdefault(self.head[self._stands_for(at)], []).append(at)
        return [self._unit(output, members[output]) for output in sorted(members)]

    def _unit(self, output: int, members: list[int]) -> Unit:
        inside = {*members, *self.literal}
        operands = dict.fromkeys(a for m in members for a in self.graph.args[m] if a not in inside)
        carried = {a for m in members for a in self._literal_cone(m)}
        call = self.view.closed_call(output)
        return Unit(output, tuple(sorted({*members, *carried})), tuple(operands), call)

    def _literal_cone(self, member: int) -> list[int]:
        """What a member computes from numbers alone, the numbers themselves left out."""
        literal = [arg for arg in self.graph.args[member] if arg in self.literal]
        found = cone(self.graph, literal)
        return [at for at in found if not is_literal(self.graph, at)]

    def _is_input(self, at: int) -> bool:
        return type(self.graph.ops[at]) is ops.Input

    def _stands_for(self, at: int) -> int:
        return at if self._is_input(at) else self.view.representative(at)

    def _users(self) -> dict[int, list[int]]:
        """For each node that stands for some: the nodes that use it from outside, once per use."""
        found: dict[int, list[int]] = {}
        for at in self.nodes:
            user = self._stands_for(at)
            for arg in self.graph.args[at]:
                if arg not in self.literal and (used := self._stands_for(arg)) != user:
                    found.setdefault(used, []).append(user)
        return found

    def _place(self, at: int, users: list[int]) -> None:
        """Decide whether a node joins the unit that uses it, or is a unit."""
        user = users[0] if len(users) == 1 else NONE
        kind = self._kind(at)
        joins = user != NONE and not self._is_fixed(at) and self._may_join(at, kind, user)
        self.head[at] = self.head[user] if joins else at
        self.heavy[at] = kind == HEAVY or (joins and self.heavy[user])
        self.operands.setdefault(self.head[at], set()).update(self._operands(at))

    def _is_fixed(self, at: int) -> bool:
        """Whether a node is a unit in any case: named, asked for, or a closed call."""
        named = at in self.graph.given_names or at == self.of or at in self.sources
        return named or self.view.closed_call(at) is not None

    def _may_join(self, at: int, kind: int, user: int) -> bool:
        unit = self.head[user]
        if self.view.closed_call(user) is not None:
            return False
        others = self.operands[unit] - {at}
        mine = self._operands(at)
        if len(others | mine) > MOST_OPERANDS:
            return False
        if at not in self.active:
            return True
        twice = any(arg in others and arg in self.active for arg in mine)
        return not twice and (kind == LIGHT or not self.heavy[user])

    def _operands(self, at: int) -> set[int]:
        return {self._stands_for(arg) for arg in self.graph.args[at] if arg not in self.literal}

    def _kind(self, at: int) -> int:
        """How much there is to think about when a node is differentiated."""
        op, args = self.graph.ops[at], self.graph.args[at]
        count = sum(arg in self.active for arg in args)
        if isinstance(op, ops.Map):
            if op.function in ("add", "sub"):
                return SUM if count > 1 else LIGHT
            linear = op.function in ("neg", "mul") or (
                op.function == "div" and args[1] not in self.active
            )
            return LIGHT if linear and count < 2 else HEAVY
        if isinstance(op, ops.Contract):
            return LIGHT if len(args) == 1 else HEAVY
        if isinstance(op, ops.Concat):
            return SUM
        return HEAVY if isinstance(op, _NOT_LINEAR) else LIGHT


_NOT_LINEAR = (ops.Reduce, ops.Inverse, ops.Det, ops.LogDet, ops.Adjugate)


def _literals(graph: Graph, nodes: Iterable[int]) -> set[int]:
    """The nodes that depend on no input: numbers, and what is computed from numbers alone."""
    found: set[int] = set()
    for at in nodes:
        args = graph.args[at]
        computed = bool(args) and at not in graph.given_names and all(arg in found for arg in args)
        if is_literal(graph, at) or computed:
            found.add(at)
    return found


def _closed_frames(
    graph: Graph, nodes: Iterable[int], literal: set[int], wanted: Collection[int], depth: int
) -> set[int]:
    """The calls that are taken whole: deep enough, and left by their results alone."""
    levels = {NONE: 0}
    for frame, call in enumerate(graph.calls):
        levels[frame] = levels[call.parent] + 1
    leaking = set(_left_elsewhere(graph, nodes, literal))
    for at in wanted:
        leaking |= {f for f in around(graph, graph.frames[at]) if graph.calls[f].output != at}
    return {f for f, level in levels.items() if level > depth and f not in leaking}


def _left_elsewhere(graph: Graph, nodes: Iterable[int], literal: set[int]) -> Iterator[int]:
    """The calls of which something else than the result is used outside, or that have none."""
    for frame, call in enumerate(graph.calls):
        inside = call.output != NONE and frame in around(graph, graph.frames[call.output])
        if not inside:
            yield frame
    for at in nodes:
        own = set(around(graph, graph.frames[at]))
        for arg in graph.args[at]:
            if type(graph.ops[arg]) is not ops.Input and arg not in literal:
                for frame in around(graph, graph.frames[arg]):
                    if frame not in own and graph.calls[frame].output != arg:
                        yield frame
