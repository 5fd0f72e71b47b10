"""The table of elementwise functions: derivatives are proved, numbers compared at 50 digits.

Every row is held against three independent things: SymPy's own derivative of the row's expression
(a symbolic proof, no numbers), mpmath at 50 digits (ordinary points and +-1000), and the `python`
form that compiled scalar graphs use.
"""

from __future__ import annotations

import math
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy

from graphdbg.tape import scalars
from graphdbg.tape.scalars import TABLE, Scalar, derivative, evaluate_template, template

DIGITS = 50
CASES = [(name, slot) for name, row in TABLE.items() for slot in range(row.arity)]
EXTREME = (-1000.0, -745.0, -40.0, -1.0, 0.0, 1.0, 40.0, 709.0, 1000.0)
OPERANDS = "abc"


def symbols_of(row: Scalar) -> list[sympy.Symbol]:
    """One symbol per operand, with the assumptions of the row's domain."""
    kinds = {
        "real": {"real": True},
        "positive": {"positive": True},
        "nonzero": {"real": True, "nonzero": True},
        "unit": {"real": True},
    }
    return [sympy.Symbol(name, **kinds[kind]) for name, kind in zip(OPERANDS, row.domain)]


def symbolic(tree: scalars.Template, operands: dict[str, sympy.Expr]) -> sympy.Expr:
    """A derivative template as a SymPy expression, numbers exact."""
    head, *rest = tree
    if head == "operand":
        return operands[rest[0]]
    if head == "const":
        return _exact(rest[0])
    return TABLE[head].symbolic(sympy, *(symbolic(part, operands) for part in rest))


def _exact(value: float) -> sympy.Expr:
    if value == math.pi:  # the one irrational constant of the table, in erf'
        return sympy.pi
    return sympy.nsimplify(value, rational=True)


def pieces(row: Scalar, args: list[sympy.Symbol]) -> list[tuple[sympy.Expr, dict[Any, Any]]]:
    """The row's expression with each comparison of its operands decided, side by side."""
    a = args[0]
    if row.kink == "a":
        sides = [{a: sympy.Symbol("a", **{sign: True})} for sign in ("positive", "negative")]
    elif row.kink == "a - b":
        gap = sympy.Symbol("gap", positive=True)
        sides = [{a: args[1] + gap}, {a: args[1] - gap}]
    elif row.name == "where":
        sides = [{a: sympy.Symbol("a", positive=True)}, {a: sympy.Integer(0)}]
    else:
        sides = [{}]
    return [(row.symbolic(sympy, *args), side) for side in sides]


@pytest.mark.parametrize(("name", "slot"), [case for case in CASES if case[0] != "floor"])
def test_declared_derivative_is_proved(name: str, slot: int) -> None:
    """declared - derived simplifies to 0: for kinked rows on either side of the kink.

    Of floor SymPy leaves the derivative unevaluated: it is held against mpmath only, below.
    """
    row = TABLE[name]
    args = symbols_of(row)
    declared = _declared(row, args, slot)
    for expression, side in pieces(row, args):
        derived = _differentiate(row, expression, args, slot, side)
        difference = (declared.subs(side) - derived).doit()
        assert sympy.simplify(sympy.piecewise_fold(difference)) == 0, (declared, derived, side)


def _declared(row: Scalar, args: list[sympy.Symbol], slot: int) -> sympy.Expr:
    operands: dict[str, Any] = dict(zip(OPERANDS, args))
    operands["y"] = row.symbolic(sympy, *args)
    return sympy.sympify(symbolic(derivative(row.name, slot), operands))


def _differentiate(
    row: Scalar, expression: sympy.Expr, args: list[sympy.Symbol], slot: int, side: dict[Any, Any]
) -> sympy.Expr:
    """The derivative on one side of the kink: substituted first, so that no branch is left.

    Where the substitution replaces the very operand (a = b + gap), the chain rule through `gap`
    keeps b fixed; where it replaces the other one, b is a variable of both.
    """
    if row.kink == "a - b":
        smooth = sympy.sympify(expression.subs(side)).doit()
        smooth = sympy.simplify(sympy.piecewise_fold(smooth))
        gap = next(iter(next(iter(side.values())).free_symbols - set(args)))
        sign = sympy.diff(next(iter(side.values())), gap)
        by_a = sympy.diff(smooth, gap) / sign
        return by_a if slot == 0 else sympy.diff(smooth, args[1]) - by_a
    if side and row.name == "where":
        smooth = sympy.sympify(expression.subs(side)).doit()
        return sympy.Integer(0) if slot == 0 else sympy.diff(smooth, args[slot])
    smooth = sympy.sympify(expression.subs(side)).doit()
    return sympy.diff(smooth, side.get(args[slot], args[slot]))


# ------------------------------------------------------------------ numbers at 50 digits

MP: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": mpmath.power,
    "exp": mpmath.exp,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "erf": mpmath.erf,
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "softplus": lambda a: mpmath.log1p(mpmath.exp(a)),
    "logsigmoid": lambda a: -mpmath.log1p(mpmath.exp(-a)),
    "relu": lambda a: max(a, mpmath.mpf(0)),
    "abs": abs,
    "sign": mpmath.sign,
    "floor": mpmath.floor,
    "maximum": max,
    "minimum": min,
    "where": lambda a, b, c: b if a != 0 else c,
    "gt": lambda a, b: mpmath.mpf(a > b),
    "ge": lambda a, b: mpmath.mpf(a >= b),
    "lt": lambda a, b: mpmath.mpf(a < b),
    "le": lambda a, b: mpmath.mpf(a <= b),
    "eq": lambda a, b: mpmath.mpf(a == b),
    "ne": lambda a, b: mpmath.mpf(a != b),
    "guard": lambda a, b: mpmath.mpf(a > b),
}
DERIVATIVES: dict[str, tuple[Any, ...]] = {  # where mpmath.diff itself cannot go: at +-1000
    "sigmoid": (lambda a: mpmath.exp(-abs(a)) / (1 + mpmath.exp(-abs(a))) ** 2,),
    "softplus": (lambda a: 1 / (1 + mpmath.exp(-a)),),
    "logsigmoid": (lambda a: 1 / (1 + mpmath.exp(a)),),
    "tanh": (lambda a: 1 / mpmath.cosh(a) ** 2,),
    "erf": (lambda a: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-a * a),),
    "arctan": (lambda a: 1 / (1 + a * a),),
    "relu": (lambda a: mpmath.mpf(a > 0),),
    "abs": (mpmath.sign,),
    "sign": (lambda a: mpmath.mpf(0),),
    "sin": (mpmath.cos,),
    "cos": (lambda a: -mpmath.sin(a),),
    "neg": (lambda a: mpmath.mpf(-1),),
}
SMOOTH_EVERYWHERE = sorted(DERIVATIVES)


def test_oracle_covers_the_table() -> None:
    assert set(MP) == set(TABLE)


def points(row: Scalar, seed: int = 0, count: int = 20) -> list[tuple[float, ...]]:
    """Seeded random points of the row's domain."""
    rng = np.random.default_rng([seed, *row.name.encode()])
    draw = {
        "real": lambda: rng.normal() * 3,
        "positive": lambda: float(np.exp(rng.normal())),
        "unit": lambda: rng.uniform(-0.95, 0.95),
        "nonzero": lambda: rng.choice([-1, 1]) * rng.uniform(0.1, 4),
    }
    return [tuple(float(draw[kind]()) for kind in row.domain) for _ in range(count)]


def exactly(name: str, *point: float) -> float:
    """The function at 50 digits, rounded once."""
    with mpmath.workdps(DIGITS):
        return float(MP[name](*map(mpmath.mpf, point)))


@pytest.mark.parametrize("name", TABLE)
def test_numeric_form_agrees_with_50_digits(name: str) -> None:
    for point in points(TABLE[name]):
        found = float(TABLE[name].numeric(*point))
        assert found == pytest.approx(exactly(name, *point), rel=1e-14, abs=1e-300), point


@pytest.mark.parametrize(("name", "slot"), CASES)
def test_declared_derivative_agrees_with_50_digits(name: str, slot: int) -> None:
    for point in points(TABLE[name], seed=1):
        with mpmath.workdps(DIGITS):
            order = tuple(int(at == slot) for at in range(TABLE[name].arity))
            exact = float(mpmath.diff(MP[name], tuple(map(mpmath.mpf, point)), order))
        assert declared_at(name, slot, point) == pytest.approx(exact, rel=1e-12, abs=1e-14), point


def declared_at(name: str, slot: int, point: tuple[float, ...]) -> float:
    """The declared derivative as a graph would compute it in float64."""
    operands = dict(zip(OPERANDS, point)) | {"y": TABLE[name].numeric(*point)}
    with np.errstate(over="ignore", invalid="ignore"):
        return float(evaluate_template(derivative(name, slot), operands))


@pytest.mark.parametrize("at", EXTREME)
@pytest.mark.parametrize("name", SMOOTH_EVERYWHERE)
def test_values_and_derivatives_at_the_extremes(name: str, at: float) -> None:
    """Finite and right at +-1000, without an overflow on the way."""
    if at == 0 and name in ("abs", "sign", "relu"):
        assert declared_at(name, 0, (at,)) == 0.0  # the convention at the kink
        return
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        value = float(TABLE[name].numeric(at))
    assert value == pytest.approx(exactly(name, at), rel=1e-13, abs=1e-300)
    with mpmath.workdps(DIGITS):
        exact = float(DERIVATIVES[name][0](mpmath.mpf(at)))
    found = declared_at(name, 0, (at,))
    assert math.isfinite(found)
    assert found == pytest.approx(exact, rel=1e-12, abs=1e-16)


# ------------------------------------------------------------------ conventions, ties, forms


@pytest.mark.parametrize(
    ("name", "slot", "point", "expected"),
    [
        ("relu", 0, (0.0,), 0.0),
        ("abs", 0, (0.0,), 0.0),
        ("sign", 0, (0.0,), 0.0),
        ("maximum", 0, (2.0, 2.0), 0.5),
        ("maximum", 1, (2.0, 2.0), 0.5),
        ("minimum", 0, (2.0, 2.0), 0.5),
        ("minimum", 1, (2.0, 2.0), 0.5),
        ("where", 1, (0.0, 3.0, 4.0), 0.0),
        ("where", 2, (0.0, 3.0, 4.0), 1.0),
        ("pow", 0, (0.0, 2.0), 0.0),
        ("pow", 0, (0.0, 1.0), 1.0),
        ("pow", 1, (0.0, 2.0), 0.0),
        ("pow", 0, (-3.0, 2.0), -6.0),
    ],
)
def test_conventions_at_kinks(
    name: str, slot: int, point: tuple[float, ...], expected: float
) -> None:
    with np.errstate(divide="ignore", invalid="ignore"):
        assert declared_at(name, slot, point) == expected


PYTHON_NAMES = {
    **{name: getattr(math, name) for name in (
        "exp", "expm1", "log", "log1p", "sqrt", "sin", "cos", "tan", "asin", "acos", "atan",
        "sinh", "cosh", "tanh", "erf", "floor",
    )},
    "abs": abs, "maximum": max, "minimum": min,
    "sigmoid": lambda a: float(scalars.sigmoid(a)),
    "softplus": lambda a: float(scalars.softplus(a)),
    "sign": lambda a: (a > 0) - (a < 0),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_python_form_agrees_with_numeric_form(name: str) -> None:
    """The text that compiled scalar graphs are made of is built from the table, so it may run."""
    row = TABLE[name]
    if not row.python:
        pytest.skip(f"{name} declares no Python form")
    text = row.python.format(a="a", b="b", c="c")
    for point in [*points(row, seed=2), *_ties(row)]:
        names = dict(zip(OPERANDS, point))
        found = eval(text, {"__builtins__": {}, **PYTHON_NAMES}, names)  # noqa: S307
        assert found == pytest.approx(float(row.numeric(*point)), rel=1e-14, abs=1e-300), point


def _ties(row: Scalar) -> list[tuple[float, ...]]:
    if row.arity == 1:
        return [(1.0,), (0.0,)] if "real" in row.domain or row.kink else []
    return [(2.0,) * row.arity, (0.0, 1.0, 2.0)[: row.arity]]


@pytest.mark.parametrize("name", ["sigmoid", "softplus", "logsigmoid", "relu", "tanh", "erf"])
def test_float32_stays_float32(name: str) -> None:
    x = np.array([-1000, -1, 0, 1, 1000], dtype=np.float32)
    assert TABLE[name].numeric(x).dtype == np.float32


@pytest.mark.parametrize("name", ["gt", "ge", "lt", "le", "eq", "ne"])
def test_comparisons_are_numbers_of_the_operands_type(name: str) -> None:
    x = np.array([0, 1, 2], dtype=np.float32)
    found = TABLE[name].numeric(x, np.float32(1))
    assert found.dtype == np.float32
    assert set(found.tolist()) <= {0.0, 1.0}


def test_template_reads_only_what_the_table_uses() -> None:
    assert template("1 - y*y") == (
        "sub", ("const", 1), ("mul", ("operand", "y"), ("operand", "y")),
    )  # fmt: skip
    with pytest.raises(AssertionError, match=r"a row of the table uses .*Attribute"):
        template("a.b")


def test_rows_are_complete() -> None:
    for name, row in TABLE.items():
        assert row.name == name
        assert len(row.domain) == len(row.derivatives) == row.arity
