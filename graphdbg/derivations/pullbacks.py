"""What one unit does to a gradient: the rule of its operation, alone, as a checked formula.

The unit is cut out of the graph, its operands become inputs, and the gradient of its output becomes
one more input, called `(∂L/∂Z)`. What the rule sends to an operand is then an ordinary gradient: of
the sum of (∂L/∂Z) times Z. It is stamped like any other, at random points of its own; where there
are none that are tame, at those of the whole graph.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..calculus.gradients import BACKWARD, accumulate
from ..calculus.jacobians import excerpt, jacobian_graph
from ..errors import ValueGivenError
from ..formulas.formulary import Formula, Formulary
from ..formulas.stamps import SEED, Derivative
from ..numbers.evaluator import Array, Trace
from ..tape.builder import LETTERS, Builder
from ..tape.graph import Graph, Pass
from ..tape.sizes import evaluate
from ..typesetting.leaves import Names
from .expressions import derivative
from .units import Unit

WEIGHED = "sum of the weighted output"  # no program can have a node of this name: it has blanks


@dataclass(frozen=True)
class Pullback:
    """The rule of one unit of `graph` in some of its `operands`.

    `of` is the name of what is differentiated, `traces` are the values of the graph at random
    points.
    """

    graph: Graph
    unit: Unit
    of: str
    operands: tuple[int, ...]
    traces: Callable[[], Sequence[Trace]]

    @property
    def name(self) -> str:
        """The name of the unit's output."""
        return self.graph.names[self.unit.output]

    @cached_property
    def alone(self) -> Graph:
        """The unit as a graph of its own, its operands as inputs."""
        return excerpt(self.graph, self.unit.members, self.unit.output)

    def formula(self, operand: int) -> Formula | None:
        """What the rule sends to an operand, over the gradient of the output; None for nothing.

        For the unit that is differentiated itself, that gradient is 1. UncheckedFormulaError where
        the numbers contradict the formula, ValueGivenError where there are no good random points.
        """
        name = self.graph.names[operand]
        built, pulled, weighed = self._pulled
        node = pulled.upstream.get(built.id(name))
        if node is None:
            return None
        claim = Derivative(built.names[node], built.names[weighed], name)
        return self._book.make(node, f"∂{self.of}/∂{name}", claim)

    def local(self, operand: int) -> Formula:
        """The Jacobian of the output by an operand."""
        wrt = self.graph.names[operand]
        built = jacobian_graph(self.alone, self.name, wrt)
        node = built.output_ids[-1]
        claim = Derivative(built.names[node], self.name, wrt)
        return self.book_of(built).make(node, f"∂{self.name}/∂{wrt}", claim)

    def output(self) -> Formula:
        """The output over the operands."""
        return self._forward.formula(self.name)

    @property
    def names(self) -> Names:
        """What the notation needs to know of the unit's nodes."""
        return self._forward.names

    @cached_property
    def _forward(self) -> Formulary:
        return self.book_of(self.alone)

    def book_of(self, alone: Graph) -> Formulary:
        """The formulas of a graph whose inputs are the unit's operands."""
        try:
            return Formulary(alone)
        except ValueGivenError:
            return Formulary(alone, [self._point(alone, trace) for trace in self.traces()])

    def _point(self, alone: Graph, trace: Trace) -> dict[str, Array]:
        """The operands' values at a point of the whole graph, and random ones for the rest."""
        rng = np.random.default_rng(SEED)
        found: dict[str, Array] = {}
        for at, name in zip(alone.input_ids, alone.inputs):
            if name in self.graph.ids:
                found[name] = np.asarray(trace[name])
            else:
                shape = [evaluate(dim, trace.dims) for dim in alone.shapes[at]]
                found[name] = rng.normal(size=shape)
        return found

    @cached_property
    def _book(self) -> Formulary:
        return self.book_of(self._pulled[0])

    @cached_property
    def _pulled(self) -> tuple[Graph, Pass, int]:
        """The unit with its backward pass, that pass, and the scalar that it differentiates."""
        alone, b = self.alone, Builder.of(self.alone)
        output = alone.id(self.name)
        shape = alone.shapes[output]
        weighed, seed = output, b.const(1, shape)
        if self.name != self.of:
            letters = LETTERS[: len(shape)]
            seed = b.input(self._seed_name(), shape)
            weighed = b.contract(f"{letters},{letters}->", seed, output)
            b.name(weighed, WEIGHED)
        b.phase = BACKWARD
        sources = [alone.id(self.graph.names[at]) for at in self.operands]
        found = accumulate(b, output, sources, seed)
        return b.build([*alone.output_ids, weighed, *found.upstream.values()]), found, weighed

    def _seed_name(self) -> str:
        """What the gradient of the output is called, other than any operand."""
        name = f"({derivative(self.of, self.name).text})"
        while name in self.alone.ids:
            name += "′"
        return name
