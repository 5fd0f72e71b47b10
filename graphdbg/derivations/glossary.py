"""The forward pass as numbered definitions, and what the formulas call the inside of a call."""

from __future__ import annotations

from collections.abc import Mapping

from ..calculus.jacobians import excerpt
from ..tape import ops
from ..tape.graph import Call
from ..tape.operations import operation
from ..typesetting.latex_notation import typed
from . import expressions
from .evidence import Evidence
from .expressions import Expression
from .steps import Definition, Equation
from .units import Unit

LONGEST_CALL = 30  # characters of what a call computes: mean(x) = sum(x)/n says more than its name


def definitions(evidence: Evidence, first: int) -> tuple[Definition, ...]:
    """The definitions of the units from node `first` on.

    Everything else must have been asked of `evidence` before: a definition explains those names of
    its inside that the formulas use.
    """
    plan = evidence.plan
    units = [unit for unit in plan.units if unit.output >= first]
    made = {unit.output: _defined(evidence, unit) for unit in units}
    parts: dict[int, list[tuple[int, Equation]]] = {unit.output: [] for unit in units}
    told: set[str] = set()
    while pending := [name for name in evidence.used if name not in told]:
        for name in pending:
            told.add(name)
            _explain(evidence, name, made, parts)
    return tuple(
        Definition(
            plan.definition_of[unit.output],
            Equation(expressions.of_name(plan.name(unit.output)), made[unit.output]),
            evidence.space(unit.output),
            tuple(equation for _, equation in sorted(parts[unit.output], key=lambda part: part[0])),
            unit.call is None
            and any(type(plan.graph.ops[at]) is ops.StopGradient for at in unit.members),
            evidence.value(unit.output),
        )
        for unit in units
    )  # fmt: skip


def _explain(
    evidence: Evidence,
    name: str,
    made: Mapping[int, Expression],
    parts: dict[int, list[tuple[int, Equation]]],
) -> None:
    """Say what a name stands for that is no unit's own: inside a call, another name, a side result.

    A side result is a value of the program that the derivation has no use for, as p = sigmoid(a)
    beside a loss of a; it is told with the definition that comes before it.
    """
    plan = evidence.plan
    node = plan.graph.find(name)
    if node is None:
        node = next((at for at, word in evidence.book.display.words.items() if word == name), None)
    if node is None or node >= len(plan.tape) or not plan.graph.args[node]:
        return
    unit = plan.unit_of.get(node)
    place = unit.output if unit else max((at for at in parts if at < node), default=min(parts))
    if place not in parts:
        return
    own, also = expressions.of_name(name), expressions.of_name(plan.name(place))
    if node != place:
        found = evidence.checked(lambda: evidence.book.make(node, name, None))
        if found.shown is not None and found.shown.text != own.text:
            told = [*found.where, Equation(own, found.shown)]
            parts[place] += [(node, equation) for equation in told]
    elif own.text not in (also.text, made[node].text):
        parts[place].append((node, Equation(own, also)))


def _defined(evidence: Evidence, unit: Unit) -> Expression:
    """A unit's output over its operands."""
    name = evidence.plan.name(unit.output)
    if unit.call is not None:
        return _called(evidence, unit, unit.call)
    pullback = evidence.pullback(unit)
    alone = pullback.alone
    notation = expressions.of_operation(alone, alone.id(name), pullback.names)
    if notation is not None:
        return notation
    found = evidence.checked(pullback.output)
    if found.shown is not None:
        return found.shown
    text = operation(evidence.graph, unit.output)
    return Expression(text, typed(text), typed=True)


def _called(evidence: Evidence, unit: Unit, call: Call) -> Expression:
    """A call as it was written, and what it computes where that is short: `mean(x) = sum(x)/n`."""
    written = expressions.of_call(evidence.graph, call)
    alone = excerpt(evidence.graph, unit.members, unit.output, named=False)
    book = evidence.pullback(unit).book_of
    found = evidence.checked(lambda: book(alone).formula(evidence.plan.name(unit.output)))
    if found.shown is None or found.shown.typed or len(found.shown.text) > LONGEST_CALL:
        return written
    if written.typed or (found.formula is not None and found.formula.definitions):
        return written
    return expressions.joined("=", [written, found.shown])
