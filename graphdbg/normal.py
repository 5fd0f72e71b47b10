"""Arithmetic on `terms.Poly`: powers, elementwise functions, and reduction to a normal form.

Two styles. *Deep* (for proofs): everything is multiplied out, exp of a sum is a product, sigmoid,
tanh and relu are written through exp and indicators, so that equal functions meet in one form.
*Shallow* (for display): functions and sums stay as they were written.

Rules hold wherever both sides are defined; what more is needed (rows of a probability sum to 1)
is recorded in `assumptions`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from . import terms
from .terms import ZERO, Algebra, Base, Bound, Factor, Index, Key, Poly, TooLarge, constant

HALF = Fraction(1, 2)
STEPS = 4000  # rewrites of one polynomial; a rule set that needs more is not worth its proof
CLEARINGS = 6  # denominators multiplied away in one test for zero
EXPAND_POWER = 6  # (a + b)**6 is multiplied out, higher powers stay together


class RowSum(NamedTuple):
    """What the entries along a leaf's last axis add up to, and the sentence that says why."""

    value: int
    reason: str


class Arithmetic:
    """Poly arithmetic in one style, over one `Algebra`.

    `row_sums` maps leaf nodes to what their entries sum to along the last axis, and why.
    """

    def __init__(self, algebra: Algebra, *, deep: bool, row_sums: Mapping[int, RowSum]) -> None:
        self.algebra = algebra
        self.deep = deep
        self.row_sums = row_sums
        self.assumptions: dict[str, None] = {}

    # ---------------------------------------------------------------- powers

    def power(self, poly: Poly, q: Fraction) -> Poly:
        """The polynomial to a rational power."""
        if q in (0, 1):
            return poly if q else constant(1)
        number = poly.number
        if number is not None:
            return self._number_power(number, q)
        if len(poly) == 1:
            (((factors, bound), coefficient),) = poly.terms.items()
            if not bound:
                return self._monomial_power(factors, coefficient, q)
        if self.deep and q.denominator == 1 and 0 < q <= EXPAND_POWER:
            result = poly
            for _ in range(int(q) - 1):
                result = terms.multiply(result, poly)
            return self.reduce(result)
        return self._sum_power(poly, q)

    def _number_power(self, number: Fraction, q: Fraction) -> Poly:
        if q.denominator == 1:
            if number == 0 or abs(q) > 64:
                raise TooLarge
            return constant(number ** int(q))
        if number <= 0:
            raise TooLarge
        result = constant(1)
        for prime, times in _factorise(number).items():
            exponent = times * q
            whole = math.floor(exponent)
            result = terms.scale(result, Fraction(prime) ** whole)
            if exponent != whole:
                base = self.algebra.base("number", prime, 0, positive=True)
                result = terms.multiply(result, self.algebra.power_of(base, (), exponent - whole))
        return result

    def _monomial_power(self, factors: tuple[Factor, ...], c: Fraction, q: Fraction) -> Poly:
        if q.denominator == 1:
            return terms.scale(
                terms.monomial(*((base, indices, p * q) for base, indices, p in factors)),
                c ** int(q),
            )
        safe = [f for f in factors if f[0].positive]
        rest = terms.monomial(*(f for f in factors if not f[0].positive),
                              coefficient=1 if c > 0 else -1)  # fmt: skip
        result = terms.multiply(
            terms.monomial(*((base, indices, p * q) for base, indices, p in safe)),
            self._number_power(abs(c), q),
        )
        if rest.number == 1:
            return result
        return terms.multiply(result, self.algebra.bracket(rest, q))

    def _sum_power(self, poly: Poly, q: Fraction) -> Poly:
        """The common factors to the power, and the rest in a bracket with leading coefficient 1."""
        common = self.content(poly, any_sign=q.denominator == 1)
        rest = self.reduce(self.over(poly, common))
        lead = rest.terms[_lead(rest)]
        if q.denominator != 1:
            lead = abs(lead)
        rest = terms.scale(rest, 1 / lead)
        outside = terms.monomial(*((base, indices, p * q) for base, indices, p in common))
        number = self._number_power(lead, q)
        positive = all(v > 0 and _positive(key) for key, v in rest.terms.items())
        if rest.number is not None or (len(rest) == 1 and not next(iter(rest.terms))[1]):
            inside = self.power(rest, q)
        else:
            inside = self.algebra.bracket(rest, q, positive=positive)
        return self.reduce(terms.multiply(terms.multiply(outside, number), inside))

    def content(self, poly: Poly, *, any_sign: bool) -> list[Factor]:
        """Factors over free indices that every term has, each with its lowest power."""
        shared: dict[tuple[Base, tuple[Index, ...]], Fraction] | None = None
        for factors, bound in poly.terms:
            inside = {name for name, _ in bound}
            here = {
                (base, indices): p
                for base, indices, p in factors
                if inside.isdisjoint(indices) and (base.positive or any_sign)
            }
            if shared is None:
                shared = here
            else:
                shared = {
                    at: min(p, here.get(at, Fraction(0)))
                    for at, p in (shared | {a: Fraction(0) for a in here if a not in shared}).items()
                }
        # a factor that some term lacks counts as power 0 there: only negative powers come out
        found = shared or {}
        return [(base, indices, p) for (base, indices), p in found.items()
                if p and base.kind != "delta" and not base.idempotent]  # fmt: skip

    @staticmethod
    def over(poly: Poly, common: list[Factor]) -> Poly:
        """The polynomial divided by factors."""
        if not common:
            return poly
        inverse = [(base, indices, -p) for base, indices, p in common]
        return terms.collect(
            (value, (*factors, *inverse), bound) for (factors, bound), value in poly.terms.items()
        )

    def group(self, poly: Poly) -> Poly:
        """A factor of a product: in shallow style a sum stays together in a bracket."""
        if self.deep or len(poly) < 2:
            return poly
        return self.algebra.bracket(poly)

    def product(self, left: Poly, right: Poly) -> Poly:
        """The product, in the style."""
        for one, other in ((left, right), (right, left)):
            if one.number in (1, -1):
                return terms.scale(other, one.number or 0)
        return self.reduce(terms.multiply(self.group(left), self.group(right)))

    # ---------------------------------------------------------------- elementwise functions

    def function(self, name: str, args: list[Poly]) -> Poly:
        """An elementwise function of the table, on polynomials."""
        rule = _RULES.get(name)
        if rule is not None:
            return rule(self, *args)
        if self.deep and name in _DEEP:
            return _DEEP[name](self, *args)
        (arg,) = args
        return self.algebra.apply(name, arg, positive=name in _POSITIVE)

    def exp(self, poly: Poly) -> Poly:
        """e to a sum: the product of e to each term, when deep."""
        if poly.number == 0:
            return constant(1)
        if not self.deep:
            return self.algebra.apply("exp", poly, positive=True)
        result = constant(1)
        for key, value in poly.terms.items():
            result = terms.multiply(result, self._exp_term(key, value))
        return result

    def _exp_term(self, key: Key, value: Fraction) -> Poly:
        factors, bound = key
        if not factors:
            base = self.algebra.base("number", "e", 0, positive=True)
            return self.algebra.power_of(base, (), value)
        if len(factors) == 1 and not bound:
            base, indices, p = factors[0]
            if base.kind == "apply" and base.data[0] == "log" and p == 1:
                return self.power(_inside(base, indices), value)
        atom = self.algebra.apply("exp", Poly({key: Fraction(1)}), positive=True)
        ((base, indices, _),) = next(iter(atom.terms))[0]
        return self.algebra.power_of(base, indices, value)

    def log(self, poly: Poly) -> Poly:
        """The logarithm: of a product of positive factors the sum of theirs, when deep."""
        if poly.number == 1:
            return ZERO
        if not self.deep:
            return self.algebra.apply("log", poly)
        common = self.content(poly, any_sign=False)
        rest = self.reduce(self.over(poly, common))
        result = ZERO
        for factor in common:
            result = terms.add(result, self._log_factor(factor))
        if rest.number is not None and rest.number > 0:
            for prime, times in _factorise(rest.number).items():
                result = terms.add(
                    result, terms.scale(self.algebra.apply("log", constant(prime)), times)
                )
            return result
        return terms.add(result, self.algebra.apply("log", rest))

    def _log_factor(self, factor: Factor) -> Poly:
        base, indices, p = factor
        if base.kind == "apply" and base.data[0] == "exp":
            return terms.scale(_inside(base, indices), p)
        if base.kind == "number" and base.data == "e":
            return constant(p)
        if base.kind == "bracket":
            return terms.scale(self.algebra.apply("log", _inside(base, indices)), p)
        return terms.scale(self.algebra.apply("log", self.algebra.power_of(base, indices)), p)

    def positive(self, poly: Poly) -> Poly:
        """The indicator 1[poly > 0], its argument scaled to leading coefficient 1."""
        number = poly.number
        if number is not None:
            return constant(1 if number > 0 else 0)
        lead = poly.terms[_lead(poly)]
        scaled = terms.scale(poly, 1 / abs(lead))
        if lead > 0 or not self.deep:
            return self.algebra.apply("positive", scaled, idempotent=True)
        flipped = terms.scale(scaled, -1)
        return terms.add(
            constant(1),
            terms.scale(self.algebra.apply("positive", flipped, idempotent=True), -1),
            terms.scale(self.zero(flipped), -1),
        )

    def zero(self, poly: Poly) -> Poly:
        """The indicator 1[poly = 0]."""
        number = poly.number
        if number is not None:
            return constant(1 if number == 0 else 0)
        if _is_mask(poly):
            return _not(poly)
        lead = poly.terms[_lead(poly)]
        return self.algebra.apply("zero", terms.scale(poly, 1 / lead), idempotent=True)

    # ---------------------------------------------------------------- reduction

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
        """Whether the polynomial reduces to 0, denominators over free indices cleared if need be."""
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
        last = indices[-1] if indices else None
        if p != 1 or last not in dict(bound) or any(last in f[1] for f in rest):
            return None
        if indices.count(last) > 1:
            return None
        total = RowSum(1, "labels are valid") if base.kind == "select" else self.row_sums.get(base.data)
        if total is None:
            return None
        if base.kind == "leaf":
            self.assumptions[total.reason] = None
        return terms.collect([(Fraction(total.value), rest, tuple(b for b in bound if b[0] != last))])

    def _apply_rule(
        self, base: Base, indices: tuple[Index, ...], p: Fraction,
        rest: tuple[Factor, ...], bound: Bound,
    ) -> Poly | None:  # fmt: skip
        """sin² = 1 - cos²; nothing is both positive and zero."""
        if base.data[0] == "sin" and p >= 2 and self.deep:
            cos = self.algebra.apply("cos", _inside(base, indices))
            cos2 = terms.multiply(cos, cos)
            left = Poly({terms.canonical([*rest, (base, indices, p - 2)] if p > 2 else [*rest], bound):
                         Fraction(1)}) if not bound else None  # fmt: skip
            if left is not None:
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
        lead = _lead(inner)
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
        if p > 0 or c is None or len(inner) != 2 or lead[1]:
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


def _inside(base: Base, indices: tuple[Index, ...]) -> Poly:
    """The Poly inside an atom, over the indices of the factor."""
    return terms.reindex(base.inner, {f"@{at}": index for at, index in enumerate(indices)})


def _fresh_names(more: Bound, bound: Bound) -> dict[str, Index]:
    return {name: f"~{len(bound) + at}'" for at, (name, _) in enumerate(more)}


def _positive(key: Key) -> bool:
    return all(base.positive or p % 2 == 0 for base, _, p in key[0])


def _lead(poly: Poly) -> Key:
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


def _factorise(number: Fraction) -> dict[int, int]:
    """The prime factors of a positive rational, with their exponents."""
    result: dict[int, int] = {}
    for whole, sign in ((number.numerator, 1), (number.denominator, -1)):
        if whole > 10**12:
            raise TooLarge  # trial division would take too long
        divisor = 2
        while divisor * divisor <= whole:
            while whole % divisor == 0:
                result[divisor] = result.get(divisor, 0) + sign
                whole //= divisor
            divisor += 1
        if whole > 1:
            result[whole] = result.get(whole, 0) + sign
    return {prime: times for prime, times in result.items() if times}


# ------------------------------------------------------------------ the table's functions


def _pow(a: Arithmetic, base: Poly, exponent: Poly) -> Poly:
    number = exponent.number
    if number is not None:
        return a.power(base, number)
    if a.deep:
        return a.exp(terms.multiply(exponent, a.log(base)))
    raise TooLarge  # shallow: the node stays a leaf


def _where(a: Arithmetic, condition: Poly, yes: Poly, no: Poly) -> Poly:
    mask = condition if _is_mask(condition) else terms.add(constant(1), terms.scale(a.zero(condition), -1))  # noqa: E501
    other = terms.add(constant(1), terms.scale(mask, -1))
    return a.reduce(terms.add(terms.multiply(mask, yes), terms.multiply(other, no)))


def _is_mask(poly: Poly) -> bool:
    """Whether the polynomial is one 0/1 indicator, or 1 minus one."""
    rest = terms.add(poly, constant(-1)) if ((), ()) in poly.terms else poly
    if poly.number in (0, 1):
        return True
    if len(rest) != 1:
        return False
    (((factors, bound), value),) = rest.terms.items()
    return not bound and all(f[0].idempotent for f in factors) and value == (1 if rest is poly else -1)


def _not(poly: Poly) -> Poly:
    return terms.add(constant(1), terms.scale(poly, -1))


def _minus(left: Poly, right: Poly) -> Poly:
    return terms.add(left, terms.scale(right, -1))


def _maximum(a: Arithmetic, left: Poly, right: Poly) -> Poly:
    return terms.add(right, a.function("relu", [_minus(left, right)]))


def _minimum(a: Arithmetic, left: Poly, right: Poly) -> Poly:
    return terms.add(left, terms.scale(a.function("relu", [_minus(left, right)]), -1))


def _quotient_of_exp(a: Arithmetic, poly: Poly) -> Poly:
    """e^z / (1 + e^z)."""
    e = a.exp(poly)
    return terms.multiply(e, a.power(terms.add(constant(1), e), Fraction(-1)))


def _tanh(a: Arithmetic, poly: Poly) -> Poly:
    """(e^2z - 1)/(e^2z + 1) = 2 sigmoid(2z) - 1."""
    twice = _sigmoid(a, terms.scale(poly, 2))
    return terms.add(terms.scale(twice, 2), constant(-1))


def _sigmoid(a: Arithmetic, poly: Poly) -> Poly:
    return a.reduce(_quotient_of_exp(a, poly))


def _hyperbolic(sign: int) -> Callable[[Arithmetic, Poly], Poly]:
    return lambda a, poly: terms.scale(
        terms.add(a.exp(poly), terms.scale(a.exp(terms.scale(poly, -1)), sign)), HALF
    )


_RULES: dict[str, Callable[..., Poly]] = {
    "add": lambda a, x, y: terms.add(x, y),
    "sub": lambda a, x, y: _minus(x, y),
    "neg": lambda a, x: terms.scale(x, -1),
    "mul": lambda a, x, y: a.product(x, y),
    "div": lambda a, x, y: a.product(x, a.power(y, Fraction(-1))),
    "pow": _pow,
    "sqrt": lambda a, x: a.power(x, HALF),
    "exp": lambda a, x: a.exp(x),
    "expm1": lambda a, x: terms.add(a.exp(x), constant(-1)),
    "log": lambda a, x: a.log(x),
    "log1p": lambda a, x: a.log(terms.add(constant(1), x)),
    "gt": lambda a, x, y: a.positive(_minus(x, y)),
    "lt": lambda a, x, y: a.positive(_minus(y, x)),
    "ge": lambda a, x, y: _not(a.positive(_minus(y, x))),
    "le": lambda a, x, y: _not(a.positive(_minus(x, y))),
    "eq": lambda a, x, y: a.zero(_minus(x, y)),
    "ne": lambda a, x, y: _not(a.zero(_minus(x, y))),
    "where": _where,
    "guard": lambda a, x, y: constant(1),  # either branch is equal in exact arithmetic
    "maximum": _maximum,
    "minimum": _minimum,
}

_DEEP: dict[str, Callable[..., Poly]] = {
    "sigmoid": _sigmoid,
    "tanh": _tanh,
    "softplus": lambda a, x: a.log(terms.add(constant(1), a.exp(x))),
    "logsigmoid": lambda a, x: terms.scale(
        a.log(terms.add(constant(1), a.exp(terms.scale(x, -1)))), -1
    ),
    "sinh": _hyperbolic(-1),
    "cosh": _hyperbolic(1),
    "tan": lambda a, x: terms.multiply(
        a.algebra.apply("sin", x), a.power(a.algebra.apply("cos", x), Fraction(-1))
    ),
    "relu": lambda a, x: a.reduce(terms.multiply(x, a.positive(x))),
    "abs": lambda a, x: terms.multiply(x, a.algebra.apply("sign", x)),
}

_POSITIVE = ("sigmoid", "softplus", "cosh", "exp")
