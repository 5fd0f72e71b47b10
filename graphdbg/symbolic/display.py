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

from ..tape import ops
from ..tape.graph import Graph
from . import terms
from .facts import MAX_NODES, declared_row_sums, named_nodes, softmax_parts
from .lowering import Lowering
from .normal import Arithmetic
from .reduction import RowSums
from .terms import Algebra, Base, Factor, Poly, Raw, TooLarge

MAX_COST = 60  # factors in one formula; what is longer no longer fits a line or an eye
SHARED_SUM = 6  # cost of a gradient with sums in it (matrix products) that is used twice
SHARED_COST = 24  # of one without: elementwise factors may still cancel where they meet
MAX_DEPTH = 40  # brackets multiplied out one inside the other
MAX_TERMS = 24  # terms that multiplying out a bracket may give
MAX_EXPANDED = 60  # terms that multiplying out everything may give, before it is judged


class Display(Lowering):
    """Index notation for people: `show(node)` is the formula, `definitions` what it refers to."""

    def __init__(
        self,
        graph: Graph,
        leaves: Collection[int] | None = None,
        row_sums: RowSums | None = None,
    ) -> None:
        sums = declared_row_sums(graph) if row_sums is None else row_sums
        arithmetic = Arithmetic(Algebra(), deep=False, row_sums=sums)
        self.words = named_nodes(graph)
        softmaxes = softmax_parts(graph)
        chosen = {*self.words, *softmaxes} if leaves is None else set(leaves)
        super().__init__(graph, arithmetic, chosen)
        self.definitions: dict[int, Poly] = {}
        self.reasons: dict[int, frozenset[str]] = {}
        self.nameable = self.words.keys() - softmaxes
        self.shared: frozenset[int] = frozenset()
        self.relations: dict[Base, Poly] = {}
        for p in sorted(self.leaves if leaves is None else ()):
            self._relate(p)

    def _relate(self, p: int) -> None:
        """For a named quotient p = a / b: a is p b, which lets b cancel from a gradient."""
        op = self.graph.ops[p]
        if not (isinstance(op, ops.Map) and op.function == "div"):
            return
        a, b = (self.lower(arg) for arg in self.graph.args[p])
        if len(self.graph.ops) > MAX_NODES or a.cost() > MAX_COST or b.cost() > MAX_COST:
            return
        top, bottom = self.arithmetic.group(a), self.arithmetic.group(b)
        if top.number is not None:
            inverse = self.arithmetic.power(self.leaf(p), Fraction(-1))
            self._relate_base(bottom, terms.scale(inverse, top.number), p)
            c = b.terms.get(((), ()))
            if c is not None and len(b) == 2:  # p = a / (c + e): e is a/p - c
                e = terms.add(b, terms.constant(-c))
                whole = terms.add(terms.scale(inverse, top.number), terms.constant(-c))
                self._relate_base(e, whole, p)
        else:
            self._relate_base(top, terms.multiply(self.leaf(p), bottom), p)

    def _relate_base(self, old: Poly, new: Poly, p: int) -> None:
        """Write the atom `old`, where it occurs in a gradient, as `new`."""
        if len(old) != 1:
            return
        (((factors, bound), value),) = old.terms.items()
        if bound or value != 1 or len(factors) != 1 or factors[0][0].kind == "number":
            return
        base, indices, power = factors[0]
        if power != 1 or len(set(indices)) != len(self.graph.shapes[p]):
            return
        names = {index: f"@{at}" for at, index in enumerate(indices)}
        self.relations[base] = terms.reindex(new, names)

    def show(self, node: int) -> Poly:
        """The formula of a node over `#0`, `#1`, ..., the node itself never being a word.

        `reasons[node]` then holds the assumptions that it rests on.
        """
        args = self.graph.args[node]
        if not args:
            return self.leaf(node) if type(self.graph.ops[node]) is ops.Input else self._one(node)
        self._share(node)
        for arg in args:
            self.lower(arg)
        self.polys.pop(node, None)
        inside = self.leaves
        self.leaves = inside - {node}
        try:
            poly = self._written(node)
            return self._with_sigmoids(poly) if self.graph.phases[node] else poly
        finally:
            self.leaves = inside

    def _share(self, node: int) -> None:
        """Decide which gradients get a name here; what was written otherwise is undone."""
        shared = shared_gradients(self.graph, node, self.nameable)
        if not shared <= self.shared or any(at in self.definitions for at in self.shared - shared):
            phases = self.graph.phases
            self.polys = {at: poly for at, poly in self.polys.items() if phases[at] == 0}
            self.definitions.clear()
        self.shared = shared

    def _one(self, at: int) -> Poly:
        if at in self.leaves:
            self.reasons[at] = frozenset()
            return self.leaf(at)
        try:
            poly = self._written(at)
        except TooLarge:
            return self.leaf(at)
        if self.graph.args[at] and poly.cost() > self._allowed(at, poly):
            self.definitions[at] = poly
            return self.leaf(at)
        return poly

    def _allowed(self, at: int, poly: Poly) -> int:
        """The cost up to which a node is written in place; less where it is needed twice."""
        if at not in self.shared:
            return MAX_COST
        return SHARED_SUM if any(bound for _, bound in poly.terms) else SHARED_COST

    def _written(self, at: int) -> Poly:
        """The node over its operands' formulas, improved; its reasons are theirs and its own."""
        assumptions = self.arithmetic.assumptions
        assumptions.clear()
        poly = self._improved(super()._one(at), at)
        self.reasons[at] = frozenset(assumptions).union(
            *(self.reasons.get(arg, frozenset()) for arg in self.graph.args[at])
        )
        return poly

    def _improved(self, poly: Poly, at: int) -> Poly:
        """The shortest of: as it is, brackets multiplied out, numerators written as quotients."""
        poly = self._expanded(self.arithmetic.reduce(poly))
        if self.graph.phases[at] == 0:
            return poly  # the program's own nodes are shown as they were written
        related = self._related(poly)
        if related is not None and related.cost() <= poly.cost():
            poly = related
        if any(self._may_cancel(poly, bracket) for bracket in _brackets(poly)):
            flat = self._flat(poly)
            if flat is not None and flat.cost() < poly.cost():
                poly = flat
        return self._factored(poly)

    def _expanded(self, poly: Poly) -> Poly:
        """Brackets multiplied out where that is shorter, common factors kept in front."""
        common = common_factors(poly) if len(poly) > 1 and not _has_delta(poly) else []
        if common:
            rest = self._multiplied_out(self.arithmetic.over(poly, common))
            poly = terms.multiply(terms.monomial(*common), self.arithmetic.group(rest))
        return self._multiplied_out(poly)

    def _may_cancel(self, poly: Poly, bracket: Base) -> bool:
        """Whether multiplying the bracket out could make anything shorter: a cheap first look."""
        if len(poly) > 1:
            return True
        ((factors, bound),) = poly.terms
        outer = {base: power > 0 for base, _, power in factors if base is not bracket}
        if any(base.kind == "bracket" and not up for base, up in outer.items()):
            return True
        inner = [f for factors, _ in bracket.inner.terms for f in factors]
        summed = {node for node, _ in self.arithmetic.reducer.row_sums}
        if bound and any(base.kind == "leaf" and base.data in summed for base, _, _ in inner):
            return True
        return any(outer.get(base, power > 0) != (power > 0) for base, _, power in inner)

    def _multiplied_out(self, poly: Poly) -> Poly:
        tried: set[tuple[Base, int]] = set()
        while True:
            bracket = next((b for b in _brackets(poly) if (b, poly.cost()) not in tried), None)
            if bracket is None:
                return poly
            if not self._may_cancel(poly, bracket) and not _is_alone(poly, bracket):
                tried.add((bracket, poly.cost()))
                continue
            tried.add((bracket, poly.cost()))
            if len(poly) * len(bracket.inner) > MAX_TERMS:
                continue
            candidate = self.arithmetic.reduce(expand(poly, bracket))
            if candidate.cost() < poly.cost() or _is_alone(poly, bracket):
                poly = candidate

    def _flat(self, poly: Poly) -> Poly | None:
        """The polynomial with everything multiplied out, quotients' numerators included."""
        for _ in range(MAX_DEPTH):
            bracket = next(iter(_brackets(poly)), None)
            if bracket is None:
                break
            if len(poly) * len(bracket.inner) > MAX_EXPANDED:
                return None
            poly = self.arithmetic.reduce(expand(poly, bracket))
        related = self._related(poly)
        return related if related is not None and related.cost() < poly.cost() else poly

    def _related(self, poly: Poly) -> Poly | None:
        """The polynomial with a written as p b, for the named quotients p = a / b."""
        if not self.relations:
            return None
        result = poly
        for base, whole in self.relations.items():
            if any(f[0] is base for key in result.terms for f in key[0]):
                result = self.arithmetic.reduce(substitute(result, base, whole))
        return None if result is poly else self._expanded(result)

    def _with_sigmoids(self, poly: Poly, depth: int = 3) -> Poly:
        """The polynomial with sigmoids for 1/(1 + e^u), inside its brackets too."""
        for bracket in _brackets(poly) if depth else ():
            inner = self._with_sigmoids(bracket.inner, depth - 1)
            if inner is not bracket.inner:
                whole = self.arithmetic.group(inner)
                poly = self.arithmetic.reduce(replace_power(poly, bracket, Fraction(1), whole))
        for base in {b for factors, _ in poly.terms for b, _, p in factors if p == -1}:
            u = softplus_argument(base)
            if u is not None:
                poly = min((self._with_sigmoid(poly, base, u, sign) for sign in (1, -1)),
                           key=Poly.cost)  # fmt: skip
        return poly

    def _with_sigmoid(self, poly: Poly, base: Base, u: Poly, sign: int) -> Poly:
        """1/(1 + e^u) written as 1 - sigmoid(u), or with sign -1 as sigmoid(-u)."""
        sigmoid = self.arithmetic.algebra.apply("sigmoid", terms.scale(u, sign), positive=True)
        whole = terms.add(terms.constant(1), terms.scale(sigmoid, -1)) if sign > 0 else sigmoid
        return self.arithmetic.reduce(replace_power(poly, base, Fraction(-1), whole))

    def _factored(self, poly: Poly) -> Poly:
        """Factors that every term has, in front of a bracket with the rest."""
        if len(poly) < 2 or _has_delta(poly):
            return poly  # diag(p) - p pᵀ is what people know, not (I - p 1ᵀ) diag(p)
        common = common_factors(poly)
        if not common:
            return poly
        rest = self.arithmetic.algebra.bracket(self.arithmetic.over(poly, common))
        return terms.multiply(terms.monomial(*common), rest)


def shared_gradients(graph: Graph, node: int, words: Collection[int]) -> frozenset[int]:
    """Upstream gradients of named nodes that the formula of `node` uses more than once."""
    found: set[int] = {node}
    uses: dict[int, int] = {}
    stack = [node]
    while stack:
        for arg in set(graph.args[stack.pop()]):
            uses[arg] = uses.get(arg, 0) + 1
            if arg not in found:
                found.add(arg)
                stack.append(arg)
    return frozenset(
        g
        for backward in graph.passes
        for y, g in backward.upstream.items()
        if g in found and y in words and graph.phases[g] > 0 and uses.get(g, 0) > 1
    )


def _brackets(poly: Poly) -> list[Base]:
    """The sums that are factors of a term."""
    found: dict[Base, None] = {}
    for factors, _ in poly.terms:
        found.update((base, None) for base, _, p in factors if base.kind == "bracket" and p == 1)
    return list(found)


def _has_delta(poly: Poly) -> bool:
    return any(base.kind == "delta" for factors, _ in poly.terms for base, _, _ in factors)


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
    return substitute(poly, bracket, bracket.inner)


def softplus_argument(base: Base) -> Poly | None:
    """The u of a bracket 1 + e^u, over the bracket's own indices, else None."""
    if base.kind != "bracket" or len(base.inner) != 2 or base.inner.terms.get(((), ())) != 1:
        return None
    ((factors, bound), value) = next(each for each in base.inner.terms.items() if each[0][0])
    if bound or value != 1 or len(factors) != 1:
        return None
    e, indices, power = factors[0]
    if e.kind != "apply" or e.data[0] != "exp" or power != 1:
        return None
    return terms.reindex(e.inner, {f"@{at}": index for at, index in enumerate(indices)})


def substitute(poly: Poly, base: Base, inner: Poly) -> Poly:
    """The polynomial with `inner`, over @0, @1, ..., in place of an atom.

    A single term takes the place of every power, a sum that of one first power in each term.
    """
    if len(inner) == 1 and not next(iter(inner.terms))[1]:
        return terms.collect(
            _to_power(key, value, base, inner) for key, value in poly.terms.items()
        )
    return replace_power(poly, base, Fraction(1), inner)


def replace_power(poly: Poly, base: Base, unit: Fraction, inner: Poly) -> Poly:
    """The polynomial with `inner` for one `base**unit` (1 or -1) in each term that has it."""
    result: list[Raw] = []
    for (factors, bound), value in poly.terms.items():
        at = next((i for i, f in enumerate(factors) if f[0] is base and f[2] / unit >= 1), None)
        if at is None:
            result.append((value, factors, bound))
            continue
        _, indices, power = factors[at]
        left = ((base, indices, power - unit),) if power != unit else ()
        rest = factors[:at] + factors[at + 1 :] + left
        names = {f"@{i}": index for i, index in enumerate(indices)}
        for (more, within), c in inner.terms.items():
            fresh = {name: f"~{len(bound) + i}'" for i, (name, _) in enumerate(within)}
            renamed = terms.rename(more, {**names, **fresh})
            wider = (*bound, *((fresh[name], dim) for name, dim in within))
            result.append((value * c, (*rest, *renamed), wider))
    return terms.collect(result)


def _to_power(key: terms.Key, value: Fraction, base: Base, inner: Poly) -> Raw:
    """A term with the monomial `inner` in place of each power of an atom."""
    factors, bound = key
    (((more, _), c),) = inner.terms.items()
    result: list[Factor] = []
    for factor in factors:
        other, indices, power = factor
        if other is not base or (c != 1 and power.denominator != 1):
            result.append(factor)
            continue
        names = {f"@{i}": index for i, index in enumerate(indices)}
        result += [(b, where, p * power) for b, where, p in terms.rename(more, names)]
        value = value * c ** int(power) if c != 1 else value
    return value, result, bound


def leaves_in(poly: Poly) -> set[int]:
    """The nodes that occur in a polynomial, inside functions and brackets too."""
    found: set[int] = set()
    stack = [poly]
    while stack:
        for factors, _ in stack.pop().terms:
            for base, _, _ in factors:
                if base.kind == "leaf":
                    found.add(base.data)
                elif base.kind in ("apply", "bracket"):
                    stack.append(base.inner)
    return found
