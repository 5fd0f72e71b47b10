"""`derive`: writes the derivation of a gradient, from formulas that the numbers confirm.

A step is the gradient by one unit's output (see `units`). Each consumer contributes: the chain rule
by name, the rule of its operation over the gradient that was derived before (see `pullbacks`), and
that gradient put in. Nothing here differentiates: the tape's backward pass is told, not made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from numpy.typing import ArrayLike

from ..calculus.gradients import names_of, output_id, require_scalar
from ..checking.findings import CONVENTIONS
from ..errors import DifferentiationError
from ..formulas.stamps import Stamp
from ..numbers.evaluator import evaluate
from ..tape import ops
from ..tape.graph import cone
from ..tape.programs import Program, graph_of
from . import expressions
from .evidence import Evidence, Found
from .expressions import LONGEST_LOCAL, Expression
from .glossary import definitions
from .plan import Plan, plan_of
from .rules import Rule, rules_between, way
from .steps import Contribution, Derivation, Equation, Given, Result, Step
from .units import Unit

MOST_STEPS = 40  # a longer derivation is read by nobody; it can be asked for
DOMAINS = {
    "OneHot": "one-hot, so it sums to 1",
    "Probability": "probabilities that sum to 1",
    "Label": "class numbers",
    "Bool": "0 or 1",
}


def derive(
    program: Program,
    of: str | None = None,
    wrt: str | Iterable[str] | None = None,
    *,
    depth: int = 0,
    steps: int | None = MOST_STEPS,
    point: Mapping[str, ArrayLike] | None = None,
) -> Derivation:
    """The derivation of the gradient of a scalar, in numbered steps, each of them checked.

    `of` defaults to the only output, `wrt` to every input with real values. `depth` calls inside
    each other are open, deeper ones are taken whole; of more than `steps` steps the last ones are
    left out (None: none). With a `point`, numbers stand beside the formulas. Raises
    DifferentiationError where `of` is not a scalar, UnknownNameError for a name that is not there.

    >>> import graphdbg as gd
    >>> found = derive(gd.parse("f = (x + y) z"), wrt="x")
    >>> [str(step.gradient) for step in found.steps]
    ['∂f/∂f', '∂f/∂q', '∂f/∂x']
    >>> str(found.results[0].formula)
    'z'
    """
    graph = graph_of(program, point)
    target = output_id(graph, of)
    require_scalar(graph, target)
    if graph.phases[target]:
        raise DifferentiationError(
            f"'{graph.names[target]}' belongs to a backward pass: derive tells how the gradient of "
            "a value of the program comes about"
        )
    names = [graph.names[graph.id(name)] for name in names_of(graph, wrt)]
    plan = plan_of(graph, graph.names[target], list(dict.fromkeys(names)), depth)
    trace = evaluate(plan.graph, point) if point is not None else None
    return _Author(plan, Evidence(plan, trace)).derivation(steps)


@dataclass
class _Author:
    """Writes the steps in order; what was said once is not said again."""

    plan: Plan
    evidence: Evidence
    rules: dict[Rule, None] = field(default_factory=dict)
    kinks: set[str] = field(default_factory=set)
    reasons: dict[int, frozenset[str]] = field(default_factory=dict)  # of each gradient, so far

    @property
    def of(self) -> str:
        return self.plan.name(self.plan.of)

    def derivation(self, limit: int | None) -> Derivation:
        """Everything, the gradients first: only then is it known which names they use."""
        plan, evidence = self.plan, self.evidence
        shown = plan.steps if limit is None else plan.steps[: max(limit, 1)]
        steps = tuple(self._step(node) for node in shown)
        answered = plan.wrt if limit is None else plan.wrt[: max(limit, 1)]
        results = tuple(self._result(node) for node in answered)
        defined = definitions(evidence, shown[-1] if len(shown) < len(plan.steps) else 0)
        return Derivation(
            of=expressions.of_name(self.of),
            wrt=tuple(expressions.of_name(plan.name(node)) for node in answered),
            given=tuple(self._given()), definitions=defined, steps=steps, results=results,
            rules=tuple(self.rules), sizes=tuple(map(expressions.of_name, sorted(plan.graph.dims))),
            omitted=len(plan.steps) - len(shown),
            omitted_definitions=len(plan.units) - len(defined),
            omitted_results=len(plan.wrt) - len(results), point=tuple(self._point()),
            size=len(plan.graph) if evidence.is_large else 0,
        )  # fmt: skip

    def _inputs(self) -> list[int]:
        needed = {*cone(self.plan.graph, [self.plan.of]), *self.plan.wrt}
        return [at for at in self.plan.graph.input_ids if at in needed]

    def _given(self) -> Iterator[Given]:
        for at in self._inputs():
            op = self.plan.graph.ops[at]
            assert isinstance(op, ops.Input)
            said = DOMAINS.get(op.domain if op.shape or op.ends is None else "", "")
            if len(op.shape) > 1 and op.domain in ("OneHot", "Probability"):
                said = f"each row {said}"
            yield Given(expressions.located(op.name, op.shape, op.domain), said)

    def _point(self) -> Iterator[Equation]:
        for at in self._inputs():
            value = self.evidence.value(at)
            if value is not None:
                yield Equation(expressions.of_name(self.plan.name(at)), value)

    # ---------------------------------------------------------------- steps

    def _step(self, node: int) -> Step:
        plan, evidence, name = self.plan, self.evidence, self.plan.name(node)
        parts = plan.contributions(node)
        found = Found() if node == plan.of and not parts else evidence.gradient(node)
        units = [unit for unit, _ in parts]
        written = tuple(
            self._contribution(node, unit, evidence.part(node, held), _label(at))
            if len(parts) > 1
            else self._contribution(node, unit, found, "")
            for at, (unit, held) in enumerate(parts)
        )
        return Step(
            plan.step_of[node], expressions.derivative(self.of, name), expressions.of_name(name),
            evidence.space(node), written, tuple(self._total(node, found, written)),
            self._because(node, found, units), found.where,
            tuple(self._conventions(node, units)), self._stamp(node, found, units),
            found.withheld or _remark(found), evidence.value(plan.backward.upstream[node]),
        )  # fmt: skip

    def _stamp(self, node: int, found: Found, units: Sequence[Unit]) -> Stamp | None:
        """The stamp of a gradient, or where that is not written out, the worst of its rules."""
        if found.formula is not None:
            return found.formula.stamp
        formulas = [self.evidence.rule(unit, node).formula for unit in units]
        stamps = [each.stamp for each in formulas if each is not None]
        complete = stamps and len(stamps) == len(units)
        return min(stamps, key=lambda each: each.digits) if complete else None

    def _total(self, node: int, found: Found, parts: Sequence[Contribution]) -> Iterator[Equation]:
        """The sum of several contributions, or what a gradient without any is."""
        left: Expression | None = expressions.derivative(self.of, self.plan.name(node))
        if node == self.plan.of and not parts:
            yield Equation(left, expressions.number("1"))
            return
        if len(parts) == 1:
            return
        if parts:
            labels = [f"({self.plan.step_of[node]}{part.label})" for part in parts]
            refs = [Expression(each, rf"\text{{{each}}}") for each in labels]
            yield Equation(left, expressions.joined("+", refs), "the sum over its uses")
            left = None
        if found.shown is not None:
            yield Equation(left, found.shown)

    def _contribution(self, node: int, unit: Unit, put: Found, label: str) -> Contribution:
        plan, evidence = self.plan, self.evidence
        rules = rules_between(plan.graph, unit, node, plan.active, plan.moving)
        self.rules.update(dict.fromkeys(rules))
        rule, local = evidence.rule(unit, node), evidence.local(unit, node)
        through = plan.name(unit.output)
        telling = local.shown is not None and len(local.shown.text) <= LONGEST_LOCAL
        return Contribution(
            label, expressions.of_name(through), plan.definition_of[unit.output],
            plan.step_of[unit.output], rules,
            Equation(expressions.derivative(through, plan.name(node)), local.shown)
            if local.shown is not None and telling
            else None,
            tuple(_distinct(self._equations(node, unit, put, label))),
            rule.withheld or (put.withheld if label else ""),
        )  # fmt: skip

    def _equations(self, node: int, unit: Unit, put: Found, label: str) -> Iterator[Equation]:
        """A contribution by name, by the rule, with what was derived before, in numbers."""
        plan, name, through = self.plan, self.plan.name(node), self.plan.name(unit.output)
        chain = expressions.chain(self.of, through, name)
        is_first = unit.output == plan.of
        left: Expression | None = chain if label else expressions.derivative(self.of, name)
        if not label and not is_first:
            yield Equation(left, chain, "chain rule")
            left = None
        for right, why in self._middle(node, unit):
            yield Equation(left, right, why)
            left = None
        if put.shown is not None:
            yield Equation(
                left, put.shown, "" if is_first else f"with ({plan.step_of[unit.output]})"
            )
            left = None
        if left is None:
            yield from self._numbers(node, unit)

    def _middle(self, node: int, unit: Unit) -> Iterator[tuple[Expression, str]]:
        """The product of two scalars with both put in, or what the rule of the operation says."""
        plan, evidence = self.plan, self.evidence
        before, local = evidence.gradient(unit.output), evidence.local(unit, node)
        scalar = not plan.graph.shapes[node] and not plan.graph.shapes[unit.output]
        if scalar and before.shown and before.formula and local.shown and local.formula:
            yield expressions.product(before.formula, local.formula), "put in"
            return
        rule = evidence.rule(unit, node).shown
        if rule is not None:
            rules = rules_between(plan.graph, unit, node, plan.active, plan.moving)
            yield rule, "by the rules" if len(rules) > 1 else "by the rule"

    def _numbers(self, node: int, unit: Unit) -> Iterator[Equation]:
        """`(−4) · 1`: the factors of a product of scalars at the point."""
        plan, evidence, trace = self.plan, self.evidence, self.evidence.trace
        local = evidence.local(unit, node).formula
        if trace is None or local is None or plan.graph.shapes[node] or local.shape:
            return
        inputs = evidence.pullback(unit).alone.inputs
        if all(name in plan.graph.ids for name in inputs):
            rate = local.evaluate({name: trace[name] for name in inputs})
            upstream = trace.arrays[plan.backward.upstream[unit.output]]
            factors = [expressions.of_value(upstream), expressions.of_value(rate)]
            yield Equation(None, expressions.times(factors), "in numbers")

    # ---------------------------------------------------------------- what a step rests on

    def _because(self, node: int, found: Found, units: Sequence[Unit]) -> tuple[str, ...]:
        """The assumptions that come in at this step; those of the gradients before are known."""
        own = found.formula.assumptions if found.formula else ()
        before = frozenset[str]().union(*(self.reasons.get(u.output, ()) for u in units))
        self.reasons[node] = before.union(own)
        return tuple(each for each in own if each not in before)

    def _conventions(self, node: int, units: Sequence[Unit]) -> Iterator[str]:
        """What holds at kinks, when it is needed first."""
        for unit in units:
            for at in way(self.plan.graph, unit, node, self.plan.active):
                op = self.plan.graph.ops[at]
                name = getattr(op, "function", getattr(op, "kind", ""))
                if name in CONVENTIONS and name not in self.kinks:
                    self.kinks.add(name)
                    yield CONVENTIONS[name]

    def _result(self, node: int) -> Result:
        plan, found = self.plan, self.evidence.result(node)
        return Result(
            plan.step_of[node], expressions.derivative(self.of, plan.name(node)), found.shown,
            self.evidence.space(node), found.formula.assumptions if found.formula else (),
            found.where, found.formula.stamp if found.formula else None,
            found.withheld or _remark(found),
            self.evidence.value(plan.backward.upstream[node]),
        )  # fmt: skip


def _remark(found: Found) -> str:
    """What stands for a formula that is too long to be shown."""
    return f"Written out, it has {found.too_long:,} characters." if found.too_long else ""


def _label(at: int) -> str:
    """a, b, ..., z, aa, ab, ..."""
    first, last = divmod(at, 26)
    return (_label(first - 1) if first else "") + "abcdefghijklmnopqrstuvwxyz"[last]


def _distinct(equations: Iterable[Equation]) -> Iterator[Equation]:
    """The equations without those that repeat what stands before them."""
    before = ""
    for each in equations:
        if each.left is not None or each.right.text != before:
            yield each
        before = each.right.text
