"""The scalar functions on `terms.Poly`: one row each, and how the deep style writes them.

Functions without a row stay atoms. The deep style (for proofs) writes sigmoid, tanh, relu and
their kin through exp and indicators, so that equal functions meet in one form.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from . import terms
from .normal import Arithmetic, complement, is_mask
from .terms import Poly, TooLarge, constant

HALF = Fraction(1, 2)


def function(a: Arithmetic, name: str, args: list[Poly]) -> Poly:
    """An elementwise function of the table, on polynomials, in the style of `a`."""
    rule = RULES.get(name)
    if rule is not None:
        return rule(a, *args)
    if a.deep and name in DEEP:
        return DEEP[name](a, *args)
    (arg,) = args
    return a.algebra.apply(name, arg, positive=name in POSITIVE)



def _pow(a: Arithmetic, base: Poly, exponent: Poly) -> Poly:
    number = exponent.number
    if number is not None:
        return a.power(base, number)
    if a.deep:
        return a.exp(terms.multiply(exponent, a.log(base)))
    raise TooLarge  # shallow: the node stays a leaf


def _where(a: Arithmetic, condition: Poly, yes: Poly, no: Poly) -> Poly:
    mask = condition if is_mask(condition) else complement(a.zero(condition))
    other = terms.add(constant(1), terms.scale(mask, -1))
    return a.reduce(terms.add(terms.multiply(mask, yes), terms.multiply(other, no)))


def _minus(left: Poly, right: Poly) -> Poly:
    return terms.add(left, terms.scale(right, -1))


def _maximum(a: Arithmetic, left: Poly, right: Poly) -> Poly:
    if left.number == 0:
        left, right = right, left
    return terms.add(right, function(a, "relu", [_minus(left, right)]))


def _minimum(a: Arithmetic, left: Poly, right: Poly) -> Poly:
    return terms.add(left, terms.scale(function(a, "relu", [_minus(left, right)]), -1))


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


RULES: dict[str, Callable[..., Poly]] = {
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
    "ge": lambda a, x, y: complement(a.positive(_minus(y, x))),
    "le": lambda a, x, y: complement(a.positive(_minus(x, y))),
    "eq": lambda a, x, y: a.zero(_minus(x, y)),
    "ne": lambda a, x, y: complement(a.zero(_minus(x, y))),
    "where": _where,
    "guard": lambda a, x, y: constant(1),  # either branch is equal in exact arithmetic
    "maximum": _maximum,
    "minimum": _minimum,
}

DEEP: dict[str, Callable[..., Poly]] = {
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

POSITIVE = ("sigmoid", "softplus", "cosh", "exp")
