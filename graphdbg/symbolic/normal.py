"""Arithmetic on `terms.Poly`: powers, exp, log, indicators, and reduction to a normal form.

Two styles. *Deep* (for proofs): everything is multiplied out, exp of a sum is a product, sigmoid,
tanh and relu are written through exp and indicators, so that equal functions meet in one form.
*Shallow* (for display): functions and sums stay as they were written.

The rewriting rules stand in `reduction`; `elementwise` has the scalar functions, a row each,
made of what is here.
"""

from __future__ import annotations

import math
from fractions import Fraction

from . import terms
from .reduction import Reducer, RowSums, inside, is_positive, lead_of
from .terms import ZERO, Algebra, Base, Factor, Index, Key, Poly, TooLarge, constant

EXPAND_POWER = 6  # (a + b)**6 is multiplied out, higher powers stay together


class Arithmetic:
    """Poly arithmetic in one style, over one `Algebra`.

    `row_sums` maps leaf nodes and axes to what the entries sum to along it, and why. Without
    `ties` what holds there is left out: 1[poly = 0] is 0.
    """

    def __init__(
        self, algebra: Algebra, *, deep: bool, row_sums: RowSums, ties: bool = True
    ) -> None:
        self.algebra = algebra
        self.ties = ties
        self.deep = deep
        self.reducer = Reducer(algebra, deep=deep, row_sums=row_sums)
        self.reduce = self.reducer.reduce
        self.is_zero = self.reducer.is_zero

    @property
    def assumptions(self) -> dict[str, None]:
        """The sentences that reductions rested on so far."""
        return self.reducer.assumptions

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
        lead = rest.terms[lead_of(rest)]
        if q.denominator != 1:
            lead = abs(lead)
        rest = terms.scale(rest, 1 / lead)
        outside = terms.monomial(*((base, indices, p * q) for base, indices, p in common))
        number = self._number_power(lead, q)
        positive = all(v > 0 and is_positive(key) for key, v in rest.terms.items())
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
                zero = Fraction(0)  # of a factor that a term lacks: only negative powers come out
                both = shared | {at: zero for at in here if at not in shared}
                shared = {at: min(p, here.get(at, zero)) for at, p in both.items()}
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

    # ---------------------------------------------------------------- exp, log, indicators

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
                return self.power(inside(base, indices), value)
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
            return terms.scale(inside(base, indices), p)
        if base.kind == "number" and base.data == "e":
            return constant(p)
        if base.kind == "bracket":
            return terms.scale(self.algebra.apply("log", inside(base, indices)), p)
        return terms.scale(self.algebra.apply("log", self.algebra.power_of(base, indices)), p)

    def positive(self, poly: Poly) -> Poly:
        """The indicator 1[poly > 0], its argument scaled to leading coefficient 1."""
        number = poly.number
        if number is not None:
            return constant(1 if number > 0 else 0)
        lead = poly.terms[lead_of(poly)]
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
        if is_mask(poly):
            return complement(poly)
        if not self.ties:
            return constant(0)
        lead = poly.terms[lead_of(poly)]
        return self.algebra.apply("zero", terms.scale(poly, 1 / lead), idempotent=True)


def is_mask(poly: Poly) -> bool:
    """Whether the polynomial is one 0/1 indicator, or 1 minus one."""
    rest = terms.add(poly, constant(-1)) if ((), ()) in poly.terms else poly
    if poly.number in (0, 1):
        return True
    if len(rest) != 1:
        return False
    (((factors, bound), value),) = rest.terms.items()
    sign = 1 if rest is poly else -1
    return not bound and value == sign and all(f[0].idempotent for f in factors)


def complement(poly: Poly) -> Poly:
    """1 - poly: the other truth value of an indicator."""
    return terms.add(constant(1), terms.scale(poly, -1))


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
