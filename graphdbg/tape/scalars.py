"""The table of elementwise functions: one row each, with symbols, numbers and derivatives.

Operands are called a, b, c and the result y. A row declares its derivatives as text in the
functions of this very table, in the form that is numerically stable: SymPy's own derivative of a
sigmoid is NaN at -1000, `y*(1 - y)` is not. The tests have SymPy prove declared = derived.

Conventions at kinks: relu'(0) = 0, abs'(0) = 0, sign' = 0, ties of maximum and minimum share the
gradient equally.

`guard(a, b)` is a > b as a number but 1 as a symbol: it steers `where` around rounding, between two
forms that are equal in exact arithmetic, so that formulas are those of the natural form.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

Template = tuple[Any, ...]  # ("operand", "a") | ("const", 2) | (function, template, ...)


@dataclass(frozen=True, slots=True)
class Scalar:
    """One elementwise function.

    `symbolic(sympy, a, ...)` is its SymPy expression, `numeric(a, ...)` its stable NumPy form,
    `python` its form in plain Python floats, `derivatives` one text per operand; `domain` tells
    per operand where it is defined and smooth (for tests and random points), `kink` the distance
    to the place where it is not.
    """

    name: str
    symbolic: Callable[..., Any]
    numeric: Callable[..., Any]
    python: str
    derivatives: tuple[str, ...]
    domain: tuple[str, ...]
    kink: str | None = None

    @property
    def arity(self) -> int:
        """The number of operands."""
        return len(self.derivatives)


def sigmoid(a: Any) -> Any:
    """1/(1 + e^-a), where the exponential only ever sees numbers below 0."""
    e = np.exp(-np.abs(a))
    return np.where(a >= 0, 1.0, e) / (1 + e)


def softplus(a: Any) -> Any:
    """log(1 + e^a) without overflow."""
    return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))


def power(a: Any, b: Any) -> Any:
    """a**b in floating point: NumPy refuses negative powers of integers.

    (-inf)**0.5 is NaN, the square root, whatever the shapes: NumPy takes the root where it sees
    that all exponents are one number, and is inf where it does not.
    """
    base = np.asarray(a) * 1.0
    result = np.power(base, b)
    lost = base == -np.inf
    if np.any(lost):
        return np.where(lost & np.equal(b, 0.5), np.asarray(np.nan, result.dtype), result)
    return result


def _erf(a: Any) -> Any:
    return np.asarray(_ERF(a), dtype=np.result_type(np.asarray(a).dtype, np.float32))


def _mask(test: Callable[..., Any]) -> Callable[..., Any]:
    """A comparison whose result is 0 or 1 in the operands' own floating type."""
    return lambda a, b: test(a, b) * np.ones((), dtype=np.result_type(a, b, np.float32))


def _choice(sympy: Any, condition: Any, yes: Any, no: Any) -> Any:
    return sympy.Piecewise((yes, condition), (no, True))


def _compare(relation: str) -> Callable[..., Any]:
    return lambda s, a, b: _choice(s, getattr(s, relation)(a, b), 1, 0)


_ERF = np.frompyfunc(math.erf, 1, 1)  # NumPy has no erf; the C library's, element by element
_R, _P, _U, _N = "real", "positive", "unit", "nonzero"

_ROWS = (
    # name, SymPy, NumPy, Python, derivatives, domain, kink
    Scalar("add", lambda s, a, b: a + b, np.add, "({a} + {b})", ("1", "1"), (_R, _R)),
    Scalar("sub", lambda s, a, b: a - b, np.subtract, "({a} - {b})", ("1", "-1"), (_R, _R)),
    Scalar("mul", lambda s, a, b: a * b, np.multiply, "({a} * {b})", ("b", "a"), (_R, _R)),
    Scalar("div", lambda s, a, b: a / b, np.true_divide, "({a} / {b})", ("1/b", "-y/b"), (_R, _N)),
    Scalar("neg", lambda s, a: -a, np.negative, "(-{a})", ("-1",), (_R,)),
    Scalar("pow", lambda s, a, b: a**b, power, "{a} ** {b}",
           ("b*a**(b - 1)", "where(a == 0, 0, y*log(a))"), (_P, _R)),
    Scalar("exp", lambda s, a: s.exp(a), np.exp, "exp({a})", ("y",), (_R,)),
    Scalar("expm1", lambda s, a: s.exp(a) - 1, np.expm1, "expm1({a})", ("exp(a)",), (_R,)),
    Scalar("log", lambda s, a: s.log(a), np.log, "log({a})", ("1/a",), (_P,)),
    Scalar("log1p", lambda s, a: s.log(1 + a), np.log1p, "log1p({a})", ("1/(1 + a)",), (_P,)),
    Scalar("sqrt", lambda s, a: s.sqrt(a), np.sqrt, "sqrt({a})", ("0.5/y",), (_P,)),
    Scalar("sin", lambda s, a: s.sin(a), np.sin, "sin({a})", ("cos(a)",), (_R,)),
    Scalar("cos", lambda s, a: s.cos(a), np.cos, "cos({a})", ("-sin(a)",), (_R,)),
    Scalar("tan", lambda s, a: s.tan(a), np.tan, "tan({a})", ("1 + y*y",), (_U,)),
    Scalar("arcsin", lambda s, a: s.asin(a), np.arcsin, "asin({a})", ("1/sqrt(1 - a*a)",), (_U,)),
    Scalar("arccos", lambda s, a: s.acos(a), np.arccos, "acos({a})", ("-1/sqrt(1 - a*a)",), (_U,)),
    Scalar("arctan", lambda s, a: s.atan(a), np.arctan, "atan({a})", ("1/(1 + a*a)",), (_R,)),
    Scalar("sinh", lambda s, a: s.sinh(a), np.sinh, "sinh({a})", ("cosh(a)",), (_R,)),
    Scalar("cosh", lambda s, a: s.cosh(a), np.cosh, "cosh({a})", ("sinh(a)",), (_R,)),
    Scalar("tanh", lambda s, a: s.tanh(a), np.tanh, "tanh({a})", ("1 - y*y",), (_R,)),
    Scalar("erf", lambda s, a: s.erf(a), _erf, "erf({a})",
           ("2*exp(-a*a)/sqrt(3.141592653589793)",), (_R,)),
    Scalar("sigmoid", lambda s, a: 1 / (1 + s.exp(-a)), sigmoid, "sigmoid({a})",
           ("y*(1 - y)",), (_R,)),
    Scalar("softplus", lambda s, a: s.log(1 + s.exp(a)), softplus, "softplus({a})",
           ("sigmoid(a)",), (_R,)),
    Scalar("logsigmoid", lambda s, a: -s.log(1 + s.exp(-a)), lambda a: -softplus(-a),
           "(-softplus(-{a}))", ("sigmoid(-a)",), (_R,)),
    Scalar("relu", lambda s, a: _choice(s, a > 0, a, 0), lambda a: np.maximum(a, 0),
           "({a} if {a} > 0 else 0.0 if {a} <= 0 else {a})", ("a > 0",), (_N,), "a"),
    Scalar("abs", lambda s, a: s.Abs(a), np.abs, "abs({a})", ("sign(a)",), (_N,), "a"),
    Scalar("sign", lambda s, a: s.sign(a), np.sign, "sign({a})", ("0",), (_N,), "a"),
    Scalar("floor", lambda s, a: s.floor(a), np.floor, "floor({a})", ("0",), (_U,)),
    Scalar("maximum", lambda s, a, b: s.Max(a, b), np.maximum, "maximum({a}, {b})",
           ("(a > b) + 0.5*(a == b)", "(b > a) + 0.5*(a == b)"), (_R, _R), "a - b"),
    Scalar("minimum", lambda s, a, b: s.Min(a, b), np.minimum, "minimum({a}, {b})",
           ("(a < b) + 0.5*(a == b)", "(b < a) + 0.5*(a == b)"), (_R, _R), "a - b"),
    Scalar("where", lambda s, a, b, c: _choice(s, s.Ne(a, 0), b, c),
           lambda a, b, c: np.where(np.not_equal(a, 0), b, c), "({b} if {a} != 0 else {c})",
           ("0", "a != 0", "a == 0"), (_R, _R, _R)),
    Scalar("gt", _compare("Gt"), _mask(np.greater), "(1.0 if {a} > {b} else 0.0)",
           ("0", "0"), (_R, _R), "a - b"),
    Scalar("ge", _compare("Ge"), _mask(np.greater_equal), "(1.0 if {a} >= {b} else 0.0)",
           ("0", "0"), (_R, _R), "a - b"),
    Scalar("lt", _compare("Lt"), _mask(np.less), "(1.0 if {a} < {b} else 0.0)",
           ("0", "0"), (_R, _R), "a - b"),
    Scalar("le", _compare("Le"), _mask(np.less_equal), "(1.0 if {a} <= {b} else 0.0)",
           ("0", "0"), (_R, _R), "a - b"),
    Scalar("eq", _compare("Eq"), _mask(np.equal), "(1.0 if {a} == {b} else 0.0)",
           ("0", "0"), (_R, _R), "a - b"),
    Scalar("ne", _compare("Ne"), _mask(np.not_equal), "(1.0 if {a} != {b} else 0.0)",
           ("0", "0"), (_R, _R), "a - b"),
    Scalar("guard", lambda s, a, b: s.Integer(1), _mask(np.greater),
           "(1.0 if {a} > {b} else 0.0)", ("0", "0"), (_R, _R)),
)  # fmt: skip

TABLE: dict[str, Scalar] = {row.name: row for row in _ROWS}

INFIX = {
    ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.Div: "div", ast.Pow: "pow",
    ast.Gt: "gt", ast.GtE: "ge", ast.Lt: "lt", ast.LtE: "le", ast.Eq: "eq", ast.NotEq: "ne",
}  # fmt: skip


@lru_cache(maxsize=None)
def derivative(name: str, slot: int) -> Template:
    """The declared derivative of a row with respect to operand `slot`, as a nested template.

    >>> derivative("sigmoid", 0)
    ('mul', ('operand', 'y'), ('sub', ('const', 1), ('operand', 'y')))
    """
    return template(TABLE[name].derivatives[slot])


@lru_cache(maxsize=None)
def template(text: str) -> Template:
    """A text of this module's own table as nested tuples; only what the table uses is known."""
    return _template(ast.parse(text, mode="eval").body)


def _template(tree: ast.AST) -> Template:
    match tree:
        case ast.Constant(value=value):
            return ("const", value)
        case ast.Name(id=name):
            return ("operand", name)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return ("const", -value)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return ("neg", _template(operand))
        case ast.BinOp(left=left, op=op, right=right):
            return (INFIX[type(op)], _template(left), _template(right))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return (INFIX[type(op)], _template(left), _template(right))
        case ast.Call(func=ast.Name(id=name), args=args):
            return (name, *map(_template, args))
    raise AssertionError(f"a row of the table uses {ast.dump(tree)}")


def _numeric(name: str, *args: Any) -> Any:
    return TABLE[name].numeric(*args)


def evaluate_template(
    tree: Template, operands: dict[str, Any], apply: Callable[..., Any] = _numeric
) -> Any:
    """The template's number (or array) with `operands` for a, b, c and y.

    `apply(name, ...)` computes a function of the table, in NumPy where nothing else is given.
    """
    head, *rest = tree
    if head == "operand":
        return operands[rest[0]]
    if head == "const":
        return rest[0]
    return apply(head, *(evaluate_template(part, operands, apply) for part in rest))
