"""`Plan`: which equations a derivation has, in which order, and which nodes they tell of."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..calculus.gradients import BACKWARD, active_nodes
from ..formulas.formulary import backward_of
from ..tape import algebra, ops
from ..tape.builder import Builder
from ..tape.graph import Contribution, Graph, Pass
from ..tape.scalars import TABLE
from .units import Unit, units_of


@dataclass(frozen=True)
class Plan:
    """The units of a forward pass, and the nodes whose gradients are derived: `steps`.

    Those of units come first, the last unit's before all, then those of inputs as they were asked
    for: so each step needs only earlier ones. `graph` is the `tape` with the nodes of `sums`.

    `active` are the forward nodes that carry a gradient of this derivation, `moving` those that
    carry one to any real input: what is one step does not change with the question. `sums` are
    nodes of `graph` that hold what one unit contributes to a node in several parts.
    """

    tape: Graph
    graph: Graph
    backward: Pass
    of: int
    wrt: tuple[int, ...]
    units: tuple[Unit, ...]
    steps: tuple[int, ...]
    active: frozenset[int]
    moving: frozenset[int]
    sums: dict[tuple[int, int], int]

    @cached_property
    def definition_of(self) -> dict[int, int]:
        """The number of each unit's definition, by its output."""
        return {unit.output: at for at, unit in enumerate(self.units, 1)}

    @cached_property
    def step_of(self) -> dict[int, int]:
        """The number of the step that derives the gradient by a node."""
        return {node: at for at, node in enumerate(self.steps, len(self.units) + 1)}

    @cached_property
    def unit_of(self) -> dict[int, Unit]:
        """The unit that each node belongs to."""
        return {member: unit for unit in self.units for member in unit.members}

    def name(self, node: int) -> str:
        """A node's name."""
        return self.graph.names[node]

    def contributions(self, node: int) -> list[tuple[Unit, int]]:
        """The units that contribute to the gradient by a node, and the node that holds how much."""
        groups = _by_unit(self.backward.contributions.get(node, ()), self.unit_of)
        if len(groups) == 1:
            return [(next(iter(groups.values()))[0], self.backward.upstream[node])]
        found = []
        for output, (unit, parts) in sorted(groups.items(), reverse=True):
            held = parts[0].node if len(parts) == 1 else self.sums[node, output]
            found.append((unit, held))
        return found


def plan_of(graph: Graph, of: str, wrt: Sequence[str], depth: int) -> Plan:
    """The plan of the derivation of d of / d each of `wrt`; `depth` calls are open."""
    tape = backward_of(graph, of, wrt)
    backward = next(p for p in reversed(tape.passes) if p.of == tape.id(of))
    target, sources = tape.id(of), tuple(tape.id(name) for name in wrt)
    reached = active_nodes(tape.args, target, sources)
    active = {
        at for at in range(target + 1)
        if reached[at] and (at == target or backward.contributions.get(at))
    }  # fmt: skip
    moving = active | _moving(tape, target)
    units = tuple(units_of(tape, target, sources, moving, depth))
    computed = {target, *(unit.output for unit in units if unit.output in active)}
    steps = [*sorted(computed, reverse=True), *(at for at in sources if at not in computed)]
    extended, sums = _with_sums(tape, backward, units, steps)
    return Plan(
        tape, extended, backward, target, sources, units, tuple(steps), frozenset(active),
        frozenset(moving), sums,
    )  # fmt: skip


def _moving(tape: Graph, target: int) -> set[int]:
    """The nodes between the inputs that are free to change, as labels are not, and `target`.

    By way of operations that have a derivative: a comparison does not move.
    """
    needed = {target}
    for at in range(target, -1, -1):
        if at in needed and not _is_flat(tape.ops[at]):
            needed.update(tape.args[at])
    found: set[int] = set()
    for at in range(target + 1):
        op = tape.ops[at]
        if isinstance(op, ops.Input):
            if op.kind in ops.FREE:
                found.add(at)
        elif not found.isdisjoint(tape.args[at]) and not _is_flat(op):
            found.add(at)
    return found & needed


def _is_flat(op: ops.Op) -> bool:
    """Whether an operation has the derivative 0 everywhere."""
    if isinstance(op, ops.Map):
        return all(each == "0" for each in TABLE[op.function].derivatives)
    return isinstance(op, ops.StopGradient) or (
        isinstance(op, ops.Reduce) and op.kind.startswith("arg")
    )


def _by_unit(
    parts: Collection[Contribution], unit_of: dict[int, Unit]
) -> dict[int, tuple[Unit, list[Contribution]]]:
    found: dict[int, tuple[Unit, list[Contribution]]] = {}
    for part in parts:
        unit = unit_of[part.consumer]
        found.setdefault(unit.output, (unit, []))[1].append(part)
    return found


def _with_sums(
    tape: Graph, backward: Pass, units: Sequence[Unit], steps: Sequence[int]
) -> tuple[Graph, dict[tuple[int, int], int]]:
    """The tape with what a unit contributes in several parts added up, where others contribute too.

    One formula is made of each sum: so they are nodes.
    """
    unit_of = {member: unit for unit in units for member in unit.members}
    b, sums = Builder.of(tape), dict[tuple[int, int], int]()
    b.phase = BACKWARD
    for node in steps:
        groups = _by_unit(backward.contributions.get(node, ()), unit_of)
        for output, (_, parts) in groups.items() if len(groups) > 1 else ():
            total = parts[0].node
            for part in parts[1:]:
                total = algebra.apply(b, "add", total, part.node)
            sums[node, output] = total
    added = sorted({at for at in sums.values() if at >= len(tape)})
    return (b.build([*tape.output_ids, *added]) if added else tape), sums
