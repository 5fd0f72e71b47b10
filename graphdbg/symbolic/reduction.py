"""Rewriting of `terms.Poly` to a normal form: brackets that cancel, sums that are known.

Rules hold wherever both sides are defined; what more is needed (rows of a probability sum to 1)
is recorded in `assumptions`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from . import terms
from .terms import ZERO, Algebra, Base, Bound, Factor, Index, Key, Poly, TooLarge

STEPS = 4000  # rewrites of one polynomial; a rule set that needs more is not worth its proof
# Partial fractions over a smaller c are right but useless: 1/(a(a + c)) = (1/a - 1/(a + c))/c loses
# the digits of 1/c, all of them for the 1e-10 that keeps an optimizer from dividing by 0.
LEAST = Fraction(1, 1000)
CLEARINGS = 6  # denominators multiplied away in one test for zero


class RowSum(NamedTuple):
    """What the entries along one axis of a leaf add up to, and the sentence that says why."""

    value: int
    reason: str


RowSums = Mapping[tuple[int, int], RowSum]  # by leaf node and axis


class Reducer:
    """The rewriting rules over one `Algebra`.

    In the deep style whole positive powers of brackets are multiplied out. `row_sums` maps leaf
    nodes and axes to what the entries sum to along it, and why.
    """

    def __init__(self, algebra: Algebra, *, deep: bool, row_sums: RowSums) -> None:
        self.algebra = algebra
        self.deep = deep
        self.row_sums = row_sums
        self.assumptions: dict[str, None] = {}


    def reduce(self, poly: Poly) -> Poly:
        """The polynomial after all rules: sums that a bracket names, powers that cancel."""
        done: list[terms.Raw] = []
        todo = list(poly.terms.items())
        steps = 0
        changed = False
        while todo:
            key, value = todo.pop()
            found = self._rewrite(key)
            if found is None:
                done.append((value, *key))
                continue
            changed = True
            steps += 1
            if steps > STEPS or len(todo) > terms.LIMIT:
                raise TooLarge
            todo.extend((k, v * value) for k, v in found.terms.items())
        return terms.collect(done) if changed else poly

    def is_zero(self, poly: Poly) -> bool:
        """Whether the polynomial reduces to 0, denominators cleared if need be."""
        poly = self.reduce(poly)
        for _ in range(CLEARINGS):
            denominator = next(_denominators(poly), None) if poly else None
            if denominator is None:
                break
            poly = self.reduce(terms.multiply(poly, terms.monomial(denominator)))
        return not poly

    def _rewrite(self, key: Key) -> Poly | None:
        factors, bound = key
        for at, (base, indices, p) in enumerate(factors):
            rest = factors[:at] + factors[at + 1 :]
            if base.kind == "bracket":
                found = self._bracket_rule(base, indices, p, rest, bound)
            elif base.kind in ("leaf", "select"):
                found = self._row_sum_rule(base, indices, p, rest, bound)
            elif base.kind == "apply":
                found = self._apply_rule(base, indices, p, rest, bound)
            elif base.kind == "number":
                found = self._number_rule(base, p, rest, bound)
            else:
                found = None
            if found is not None:
                return found
        return None

    def _number_rule(
        self, base: Base, p: Fraction, rest: tuple[Factor, ...], bound: Bound
    ) -> Poly | None:
        """A prime to a power outside 0..1 gives its whole part to the coefficient."""
        whole = math.floor(p)
        if base.data in ("pi", "e") or whole == 0:
            return None
        return terms.collect(
            [(Fraction(base.data) ** whole, (*rest, (base, (), p - whole)), bound)]
        )

    def _row_sum_rule(
        self, base: Base, indices: tuple[Index, ...], p: Fraction,
        rest: tuple[Factor, ...], bound: Bound,
    ) -> Poly | None:  # fmt: skip
        """A sum over the classes of a probability or a one-hot label is 1; see `row_sums`."""
        for axis, index in enumerate(indices):
            known = self._known_sum(base, axis)
            alone = indices.count(index) == 1 and not any(index in f[1] for f in rest)
            if known is None or p != 1 or not alone or index not in dict(bound):
                continue
            if known.reason:
                self.assumptions[known.reason] = None
            left = tuple(pair for pair in bound if pair[0] != index)
            return terms.collect([(Fraction(known.value), rest, left)])
        return None

    def _known_sum(self, base: Base, axis: int) -> RowSum | None:
        if base.kind == "select":
            return RowSum(1, "") if axis == base.rank - 1 else None
        return self.row_sums.get((base.data, axis))

    def _apply_rule(
        self, base: Base, indices: tuple[Index, ...], p: Fraction,
        rest: tuple[Factor, ...], bound: Bound,
    ) -> Poly | None:  # fmt: skip
        """sin² = 1 - cos²; nothing is both positive and zero."""
        if base.data[0] == "sin" and p >= 2 and self.deep and not bound:
            left = terms.monomial(*rest, *([(base, indices, p - 2)] if p > 2 else []))
            cos = self.algebra.apply("cos", inside(base, indices))
            cos2 = terms.multiply(cos, cos)
            return terms.add(left, terms.scale(terms.multiply(left, cos2), -1))
        if base.data[0] == "positive" and p > 0:
            for other, where, q in rest:
                if other.kind == "apply" and other.data[0] == "zero" and q > 0:
                    if where == indices and other.inner.key() == base.inner.key():
                        return ZERO
        return None

    def _bracket_rule(
        self, base: Base, indices: tuple[Index, ...], p: Fraction,
        rest: tuple[Factor, ...], bound: Bound,
    ) -> Poly | None:  # fmt: skip
        """Next to a power of S = lead + others, lead is written as S - others."""
        inner = base.inner
        names = {f"@{at}": index for at, index in enumerate(indices)}
        if p.denominator == 1 and p > 0:
            if not self.deep:
                return None
            return self._expand(inner, names, p, base, indices, rest, bound)
        lead = lead_of(inner)
        matched = match(lead, names, rest, bound)
        if matched is None:
            return self._partial_fractions(base, indices, p, rest, bound, lead)
        left, left_bound = matched
        shrunk = ((base, indices, p + 1), *left) if p != -1 else left
        result = [(1 / inner.terms[lead], shrunk, left_bound)]
        keep = ((base, indices, p), *left)
        for (factors, more), value in inner.terms.items():
            if (factors, more) == lead:
                continue
            fresh = _fresh_names(more, left_bound)
            renamed = terms.rename(factors, {**names, **fresh})
            wider = (*left_bound, *((str(fresh[n]), d) for n, d in more))
            result.append((-value / inner.terms[lead], (*keep, *renamed), wider))
        return terms.collect(result)

    def _partial_fractions(
        self, base: Base, indices: tuple[Index, ...], p: Fraction,
        rest: tuple[Factor, ...], bound: Bound, lead: Key,
    ) -> Poly | None:  # fmt: skip
        """Next to S = c + lead and a negative power of lead, 1 is (S - lead)/c."""
        inner = base.inner
        c = inner.terms.get(((), ()))
        if p > 0 or c is None or abs(c) < LEAST or len(inner) != 2 or lead[1]:
            return None
        names = {f"@{at}": index for at, index in enumerate(indices)}
        wanted = terms.rename(lead[0], names)
        powers = {(other, where): q for other, where, q in rest}
        if any(powers.get((other, where), Fraction(0)) * q >= 0 for other, where, q in wanted):
            return None
        keep = (base, indices, p)
        return terms.collect([
            (1 / c, ((base, indices, p + 1), *rest), bound),
            (-inner.terms[lead] / c, (keep, *wanted, *rest), bound),
        ])  # fmt: skip

    def _expand(
        self, inner: Poly, names: Mapping[str, Index], p: Fraction, base: Base,
        indices: tuple[Index, ...], rest: tuple[Factor, ...], bound: Bound,
    ) -> Poly:  # fmt: skip
        """A whole positive power of a bracket, one factor multiplied out."""
        left = ((base, indices, p - 1), *rest) if p > 1 else rest
        result = []
        for (factors, more), value in inner.terms.items():
            fresh = _fresh_names(more, bound)
            renamed = terms.rename(factors, {**names, **fresh})
            wider = (*bound, *((str(fresh[n]), d) for n, d in more))
            result.append((value, (*left, *renamed), wider))
        return terms.collect(result)


def _denominators(poly: Poly) -> Iterator[Factor]:
    """Brackets to whole negative powers over free indices, with the power that clears them."""
    for factors, bound in poly.terms:
        inside = {name for name, _ in bound}
        for base, indices, p in factors:
            if base.kind == "bracket" and p < 0 and p.denominator == 1:
                if inside.isdisjoint(indices):
                    yield base, indices, -p


def inside(base: Base, indices: tuple[Index, ...]) -> Poly:
    """The Poly inside an atom, over the indices of the factor."""
    return terms.reindex(base.inner, {f"@{at}": index for at, index in enumerate(indices)})


def _fresh_names(more: Bound, bound: Bound) -> dict[str, Index]:
    return {name: f"~{len(bound) + at}'" for at, (name, _) in enumerate(more)}


def is_positive(key: Key) -> bool:
    """Whether a term without its coefficient is never negative."""
    return all(base.positive or p % 2 == 0 for base, _, p in key[0])


def lead_of(poly: Poly) -> Key:
    """The term that a bracket's definition is solved for: the one with most sums and factors."""
    return max(
        poly.terms,
        key=lambda key: (len(key[1]), len(key[0]), [terms._factor_order(f) for f in key[0]]),
    )


def match(
    lead: Key, names: Mapping[str, Index], factors: tuple[Factor, ...], bound: Bound
) -> tuple[tuple[Factor, ...], Bound] | None:
    """`factors` without an occurrence of the term `lead`, or None where it does not occur.

    Bound indices of `lead` must meet bound indices that occur nowhere else.
    """
    wanted, inside = lead
    if not wanted:
        return None
    dims, lead_dims = dict(bound), dict(inside)
    stack: list[tuple[int, tuple[Factor, ...], dict[str, Index]]] = [(0, factors, dict(names))]
    while stack:
        at, left, seen = stack.pop()
        if at == len(wanted):
            used = [seen[name] for name in lead_dims]
            remaining = {i for f in left for i in f[1]}
            if len(set(used)) == len(used) and remaining.isdisjoint(used):
                return left, tuple(pair for pair in bound if pair[0] not in used)
            continue
        base, pattern, p = wanted[at]
        for where, (other, indices, q) in enumerate(left):
            if other is not base or q * p <= 0 or abs(q) < abs(p):
                continue
            found = _unify(pattern, indices, seen, lead_dims, dims)
            if found is not None:
                rest = left[:where] + left[where + 1 :]
                if q != p:
                    rest = (*rest, (base, indices, q - p))
                stack.append((at + 1, rest, found))
    return None


def _unify(
    pattern: tuple[Index, ...], indices: tuple[Index, ...], seen: dict[str, Index],
    lead_dims: Mapping[str, object], dims: Mapping[str, object],
) -> dict[str, Index] | None:  # fmt: skip
    result = dict(seen)
    for wanted, index in zip(pattern, indices, strict=True):
        if isinstance(wanted, int):
            if wanted != index:
                return None
        elif wanted in result:
            if result[wanted] != index:
                return None
        elif not isinstance(index, str) or dims.get(index) != lead_dims.get(wanted):
            return None
        else:
            result[wanted] = index
    return result
