"""The formula that is shown for a node: index notation in named nodes, short and factored.

The named nodes of the program are the words; unnamed ones are written out. A gradient keeps the
factored shape that the chain rule gave it, and a bracket is multiplied out only where that makes
the formula shorter: so `p - y` appears where the backward pass has `-y/p` times softmax' Jacobian,
and `W2ᵀ(p - y)` stays in one piece. Cost is counted before anything is built: a part that grows too
long stays a name, and its definition is listed beside the formula (a straight-line program).
"""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from . import ops, terms
from .graph import NONE, Graph
from .lowering import Lowering
from .normal import Arithmetic
from .proofs import simplex
from .terms import Algebra, Base, Factor, Poly, Raw, TooLarge

MAX_COST = 60  # factors in one formula; what is longer no longer fits a line or an eye
MAX_TERMS = 24  # terms that multiplying out a bracket may give
Relations = dict[int, tuple[int, int, tuple[int, ...]]]


class Display(Lowering):
    """Index notation for people: `show(node)` is the formula, `definitions` what it refers to."""

    def __init__(self, graph: Graph, leaves: Collection[int] | None = None) -> None:
        arithmetic = Arithmetic(Algebra(), deep=False, simplex=simplex(graph))
        self.words = named_nodes(graph)
        self.relations = softmax_relations(graph) if leaves is None else {}
        chosen = {*self.words, *self.relations} if leaves is None else set(leaves)
        for p, total, _ in self.relations.values():
            chosen |= {p, total}
        super().__init__(graph, arithmetic, chosen)
        self.definitions: dict[int, Poly] = {}

    def show(self, node: int) -> Poly:
        """The formula of a node over `#0`, `#1`, ..., the node itself never being a word."""
        self.polys.pop(node, None)
        args = self.graph.args[node]
        if not args:
            return self.leaf(node) if type(self.graph.ops[node]) is ops.Input else self._one(node)
        for arg in args:
            self.lower(arg)
        inside = self.leaves
        self.leaves = inside - {node}
        try:
            return self._improved(super()._one(node))
        finally:
            self.leaves = inside

    def _one(self, at: int) -> Poly:
        poly = super()._one(at)
        if at in self.leaves:
            return poly
        try:
            poly = self._improved(poly)
        except TooLarge:
            return self.leaf(at)
        if poly.cost() > MAX_COST and len(self.graph.args[at]) > 0:
            self.definitions[at] = poly
            return self.leaf(at)
        return poly

    def _improved(self, poly: Poly) -> Poly:
        """The polynomial with brackets multiplied out where that makes it shorter, then factored."""
        poly = self.arithmetic.reduce(self._related(poly))
        tried: set[tuple[Base, int]] = set()
        while True:
            bracket = next((b for b in _brackets(poly) if (b, poly.cost()) not in tried), None)
            if bracket is None:
                return self._factored(poly)
            tried.add((bracket, poly.cost()))
            if len(poly) * len(bracket.inner) > MAX_TERMS:
                continue
            candidate = self.arithmetic.reduce(self._related(expand(poly, bracket)))
            if candidate.cost() < poly.cost() or _is_alone(poly, bracket):
                poly = candidate

    def _factored(self, poly: Poly) -> Poly:
        """Factors that every term has, in front of a bracket with the rest."""
        if len(poly) < 2:
            return poly
        common = common_factors(poly)
        if not common:
            return poly
        rest = self.arithmetic.algebra.bracket(self.arithmetic.over(poly, common))
        return terms.multiply(terms.monomial(*common), rest)

    def _related(self, poly: Poly) -> Poly:
        """e written as p * sum(e), for the exponentials of a softmax p."""
        if not self.relations:
            return poly
        result: list[Raw] = []
        for (factors, bound), value in poly.terms.items():
            changed: list[Factor] = []
            for base, indices, power in factors:
                relation = self.relations.get(base.data) if base.kind == "leaf" else None
                if relation is None or power <= 0:
                    changed.append((base, indices, power))
                    continue
                p, total, kept = relation
                changed.append((self._atom(p), indices, power))
                changed.append((self._atom(total), tuple(indices[axis] for axis in kept), power))
            result.append((value, changed, bound))
        return terms.collect(result)

    def _atom(self, node: int) -> Base:
        ((base, _, _),) = next(iter(self.leaf(node).terms))[0]
        return base


def named_nodes(graph: Graph) -> dict[int, str]:
    """The words of a formula, with their names: inputs, named nodes, results of calls.

    A name given to a mere view (an axis of size 1 added, values repeated) is the viewed node's.
    """
    outputs = {call.output for call in graph.calls if call.output != NONE}
    found: dict[int, str] = {}
    for at in range(len(graph)):
        if graph.phases[at] == 0 and (at in graph.given_names or at in outputs):
            seen = viewed(graph, at)
            if type(graph.ops[seen]) not in (ops.Const, ops.Eye):
                found.setdefault(seen, graph.names[at])
    return found


def viewed(graph: Graph, at: int) -> int:
    """The node that a chain of broadcasts and of axes of size 1 shows."""
    while True:
        op = graph.ops[at]
        shape = graph.shapes[graph.args[at][0]] if graph.args[at] else ()
        if isinstance(op, ops.Reshape):
            if [d for d in shape if d != 1] != [d for d in op.shape if d != 1]:
                return at
        elif not isinstance(op, (ops.Broadcast, ops.StopGradient)):
            return at
        at = graph.args[at][0]


def softmax_relations(graph: Graph) -> Relations:
    """For p = e / total with e = exp(...) and total = sum(e): e to (p, total, total's axes)."""
    found: Relations = {}
    for p, op in enumerate(graph.ops):
        if not (isinstance(op, ops.Map) and op.function == "div"):
            continue
        e, total = graph.args[p][0], viewed(graph, graph.args[p][1])
        over, above = graph.ops[total], graph.ops[e]
        if not (isinstance(above, ops.Map) and above.function == "exp"):
            continue
        if isinstance(over, ops.Contract) and graph.args[total] == (e,):
            found[e] = (p, total, tuple(over.inputs[0].index(letter) for letter in over.output))
    return found


def _brackets(poly: Poly) -> list[Base]:
    """The sums that are factors of a term."""
    found: dict[Base, None] = {}
    for factors, _ in poly.terms:
        found.update((base, None) for base, _, p in factors if base.kind == "bracket" and p == 1)
    return list(found)


def _is_alone(poly: Poly, bracket: Base) -> bool:
    """Whether a term is nothing but the bracket, with a sign."""
    return any(
        len(factors) == 1 and factors[0][0] is bracket and not bound and abs(value) == 1
        for (factors, bound), value in poly.terms.items()
    )


def common_factors(poly: Poly) -> list[Factor]:
    """The factors over free indices that all terms share, with their lowest power."""
    shared: dict[tuple[Base, tuple[terms.Index, ...]], Fraction] | None = None
    for factors, bound in poly.terms:
        inside = {name for name, _ in bound}
        here = {(base, at): p for base, at, p in factors if inside.isdisjoint(at)}
        if shared is None:
            shared = here
            continue
        shared = {
            key: min(p, here[key], key=abs)
            for key, p in shared.items()
            if key in here and p * here[key] > 0
        }
    return [(base, at, p) for (base, at), p in (shared or {}).items()]


def expand(poly: Poly, bracket: Base) -> Poly:
    """The polynomial with one bracket multiplied out wherever it is a factor."""
    result: list[Raw] = []
    for (factors, bound), value in poly.terms.items():
        at = next((i for i, f in enumerate(factors) if f[0] is bracket and f[2] == 1), None)
        if at is None:
            result.append((value, factors, bound))
            continue
        rest = factors[:at] + factors[at + 1 :]
        names = {f"@{i}": index for i, index in enumerate(factors[at][1])}
        for (inner, more), c in bracket.inner.terms.items():
            fresh = {name: f"~{len(bound) + i}'" for i, (name, _) in enumerate(more)}
            renamed = terms.rename(inner, {**names, **fresh})
            wider = (*bound, *((fresh[name], dim) for name, dim in more))
            result.append((value * c, (*rest, *renamed), wider))
    return terms.collect(result)


