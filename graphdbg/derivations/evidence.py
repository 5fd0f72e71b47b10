"""`Evidence`: every formula that a derivation may show, each checked, short enough, made once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from ..errors import UncheckedFormulaError, ValueGivenError
from ..formulas.formulary import Formula, Formulary
from ..formulas.stamps import Derivative
from ..numbers.evaluator import Trace, evaluate
from ..symbolic.terms import TooLarge
from ..tape.graph import Graph
from . import expressions
from .expressions import Expression
from .plan import Plan
from .pullbacks import Pullback
from .steps import REFUSED, Equation
from .units import Unit

LONGEST = 100  # characters of a gradient inside a derivation: a line; a longer one keeps its name
LONGEST_RULE = 240  # characters of what a rule says: without it nothing is said
LARGEST_GRAPH = 3000  # nodes of a tape; beyond, each formula over all of it would take seconds
LONGEST_RESULT = 4000  # characters of a gradient that was asked for: a page


class Found(NamedTuple):
    """A formula as it is shown, and its named parts; or the sentence that says why it is not.

    One that was checked may be `too_long` to be shown: so many characters.
    """

    formula: Formula | None = None
    shown: Expression | None = None
    where: tuple[Equation, ...] = ()
    withheld: str = ""
    too_long: int = 0


@dataclass
class Evidence:
    """The formulas of a plan. `used` are the names that those which were shown make use of.

    `trace` has the numbers of a point, where there is one.
    """

    plan: Plan
    trace: Trace | None = None
    used: dict[str, None] = field(default_factory=dict)
    _gradients: dict[int, Found] = field(default_factory=dict)
    _pullbacks: dict[int, Pullback] = field(default_factory=dict)
    _rules: dict[tuple[int, int], Found] = field(default_factory=dict)
    _locals: dict[tuple[int, int], Found] = field(default_factory=dict)

    @property
    def graph(self) -> Graph:
        """The tape."""
        return self.plan.graph

    @cached_property
    def book(self) -> Formulary:
        """The tape's formulas.

        A book of its own, for how a formula is written may depend on those before it.
        """
        return Formulary(self.graph)

    def checked(self, make: Callable[[], Formula | None], longest: int = LONGEST) -> Found:
        """A formula, after it was checked and found short enough to read."""
        try:
            found = make()
            if found is None:
                return Found()
            shown = expressions.of_formula(found)
        except UncheckedFormulaError:
            return Found(withheld=REFUSED)
        except ValueGivenError:
            return Found(withheld="A formula is withheld here: no random point was tame enough.")
        except TooLarge:
            return Found(withheld="There is no closed form of a readable length.")
        if len(shown.text) > longest:
            return Found(found, too_long=len(shown.text))
        assert found.book is not None
        self.used.update(dict.fromkeys(found.book.words_of(found)))
        return Found(found, shown, _where(found))

    @cached_property
    def traces(self) -> list[Trace]:
        """The tape at the random points of its formulas."""
        return [evaluate(self.graph, point) for point in self.book.points]

    @property
    def is_large(self) -> bool:
        """Whether gradients keep their names: only rules and results are written out."""
        return len(self.graph) > LARGEST_GRAPH

    def gradient(self, node: int) -> Found:
        """The gradient by a node; nothing in a large graph."""
        if self.is_large:
            return Found()
        if node not in self._gradients:
            self._gradients[node] = self._gradient(node)
        return self._gradients[node]

    def result(self, node: int) -> Found:
        """The gradient by a node as `gd.upstream` gives it, however long it may be on a page."""
        of, name, tape = self.plan.name(self.plan.of), self.plan.name(node), self.plan.tape
        book = self.book if self.is_large else Formulary(tape)
        return self.checked(lambda: book.formula(f"{of}.d_{name}"), LONGEST_RESULT)

    def _gradient(self, node: int) -> Found:
        of, name = self.plan.name(self.plan.of), self.plan.name(node)
        total = self.plan.backward.upstream[node]
        derivative = Derivative(self.plan.name(total), of, name)
        title = f"∂{of}/∂{name}"
        return self.checked(lambda: self.book.make(total, title, derivative, node))

    def part(self, node: int, held: int) -> Found:
        """The part of the gradient by a node that another node of the tape holds."""
        if self.is_large:
            return Found()
        title = f"part of the gradient by {self.plan.name(node)}"
        return self.checked(lambda: self.book.make(held, title, None))

    def pullback(self, unit: Unit) -> Pullback:
        """The rule of a unit in the operands that carry a gradient."""
        if unit.output not in self._pullbacks:
            operands = tuple(at for at in unit.operands if at in self.plan.active)
            of = self.plan.name(self.plan.of)
            self._pullbacks[unit.output] = Pullback(
                self.graph, unit, of, operands, lambda: self.traces
            )
        return self._pullbacks[unit.output]

    def rule(self, unit: Unit, node: int) -> Found:
        """What a unit's rule sends to an operand, over the gradient of its output."""
        key = unit.output, node
        if key not in self._rules:
            self._rules[key] = self.checked(lambda: self.pullback(unit).formula(node), LONGEST_RULE)
        return self._rules[key]

    def local(self, unit: Unit, node: int) -> Found:
        """The Jacobian of a unit by an operand, where it is no more than a matrix."""
        rank = len(self.graph.shapes[unit.output]) + len(self.graph.shapes[node])
        if rank > 2 or unit.output == self.plan.of:
            return Found()
        key = unit.output, node
        if key not in self._locals:
            self._locals[key] = self.checked(lambda: self.pullback(unit).local(node))
        return self._locals[key]

    def value(self, node: int) -> Expression | None:
        """The number of a node at the point."""
        return expressions.of_value(self.trace.arrays[node]) if self.trace else None

    def space(self, node: int) -> Expression | None:
        """Where an array lives; None for a scalar."""
        shape = self.graph.shapes[node]
        return expressions.of_space(shape) if shape else None


def _where(found: Formula) -> tuple[Equation, ...]:
    """The named parts of a formula that was just made."""
    assert found.book is not None
    return tuple(
        Equation(Expression(name, latex), Expression(text, latex_text))
        for (name, text), (latex, latex_text) in zip(
            found.definitions.items(), found.book.definitions_in_latex(found), strict=True
        )
    )
