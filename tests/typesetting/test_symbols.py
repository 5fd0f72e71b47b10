"""SymPy objects say what the polynomial says: numbers put in, entry by entry."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from notation_oracle import SIZES, D, N, World, poly_value, standard_world
from test_matrices import question

from graphdbg.symbolic.terms import TooLarge, add, constant, multiply, scale, sum_over
from graphdbg.typesetting import matrices, symbols

WORLD = standard_world()


def small_questions(count: int) -> list[Any]:
    found = []
    seed = 0
    while len(found) < count:
        seed += 1
        poly, free, dims = question(seed)
        with np.errstate(all="ignore"):
            expected = poly_value(poly, free, dims, WORLD)
        if poly.cost() <= 12 and np.all(np.abs(expected) < 1e9):
            found.append(pytest.param(poly, free, dims, expected, id=f"seed {seed}"))
    return found


QUESTIONS = small_questions(40)


def scalar_values() -> dict[Any, float]:
    values: dict[Any, float] = {}
    for name, array in zip(WORLD.names, WORLD.values):
        if array.ndim:
            indexed = sympy.IndexedBase(name)
            values |= {indexed[place]: array[place].item() for place in np.ndindex(array.shape)}
        else:
            values[sympy.Symbol(name)] = array.item()
    return values


def element(matrix: Any, row: Any, column: Any) -> float:
    """The number of an element such as A[0, 1]; vectors are columns."""
    value = WORLD.values[WORLD.names.index(matrix.name)]
    return value.reshape([*value.shape, 1][:2])[int(row), int(column)].item()


def numbers_in(expression: Any) -> Any:
    """The number of a scalar or matrix expression of SymPy."""
    expression = expression.subs(SIZES)
    if isinstance(expression, sympy.MatrixExpr):
        expression = expression.as_explicit()
    if isinstance(expression, sympy.MatrixBase):
        return np.array(expression.applyfunc(number_in).tolist(), dtype=float)
    return float(number_in(expression))


def number_in(expression: Any) -> Any:
    explicit = expression.replace(sympy.Trace, lambda inner: sympy.trace(inner.as_explicit()))
    kind = sympy.matrices.expressions.matexpr.MatrixElement
    return explicit.doit().replace(kind, element).xreplace(scalar_values()).evalf()


@pytest.mark.parametrize("poly, free, dims, expected", QUESTIONS)
def test_an_expression_has_the_value_of_its_polynomial(
    poly: Any, free: Any, dims: Any, expected: Any
) -> None:
    found = numbers_in(symbols.expression(poly, WORLD.lookup, free, dims))
    np.testing.assert_allclose(np.reshape(found, np.shape(expected)), expected, rtol=1e-8)


@pytest.mark.parametrize("poly, free, dims, expected", QUESTIONS)
def test_entries_have_the_values_of_the_polynomial(
    poly: Any, free: Any, dims: Any, expected: Any
) -> None:
    matrix = symbols.entries(poly, free, dims, WORLD.lookup, sized=SIZES)
    assert matrix.shape == (*np.shape(expected), 1, 1)[:2]
    np.testing.assert_allclose(
        np.reshape(numbers_in(matrix), np.shape(expected)), expected, rtol=1e-8
    )


def test_a_scalar_polynomial_is_a_plain_expression_whatever_its_names() -> None:
    world = World()
    for name in ("I", "E", "N", "beta"):
        world.new(name)
    poly = add(multiply(world("I"), world("E")), scale(multiply(world("N"), world("beta")), -2))
    found = symbols.expression(poly, world.lookup)
    names = sympy.symbols("I E N beta")
    assert found == names[0] * names[1] - 2 * names[2] * names[3]
    assert found.free_symbols == set(names)


def test_functions_powers_and_numbers_of_scalars() -> None:
    world = World()
    world.new("z")
    z, algebra = world("z"), world.algebra
    inner = add(constant(1), algebra.apply("exp", scale(z, -1)))
    half_pi = scale(algebra.power_of(algebra.base("number", "pi", 0), ()), Fraction(1, 2))
    poly = add(algebra.bracket(inner, -1), algebra.apply("positive", z), half_pi)
    symbol = sympy.Symbol("z")
    expected = 1 / (1 + sympy.exp(-symbol)) + sympy.Piecewise((1, symbol > 0), (0, True))
    assert symbols.expression(poly, world.lookup) == expected + sympy.pi / 2


def test_an_element_of_an_array_is_indexed() -> None:
    world = World()
    world.new("x", 2)
    poly = multiply(world("x", 0), world("x", 1))
    x = sympy.IndexedBase("x")
    assert symbols.expression(poly, world.lookup) == x[0] * x[1]


def test_a_matrix_expression_keeps_named_dimensions() -> None:
    poly = sum_over(multiply(WORLD("A", "i", "j"), WORLD("x", "j")), [("j", D)])
    d = sympy.Symbol("d")
    expected = sympy.MatrixSymbol("A", d, d) * sympy.MatrixSymbol("x", d, 1)
    assert symbols.expression(poly, WORLD.lookup, ("i",), (D,)) == expected


def test_index_notation_is_a_sum_over_indexed() -> None:
    world = World()
    world.new("T", N, D, D)
    poly = sum_over(world("T", "i", "j", "k"), [("k", D)])
    tree = matrices.from_poly(poly, ("i", "j"), (N, D), world.lookup)
    i, j, k = (sympy.Symbol(each, integer=True) for each in "ijk")
    expected = sympy.Sum(sympy.IndexedBase("T")[i, j, k], (k, 0, sympy.Symbol("d") - 1))
    assert symbols.expression(tree) == expected


def test_entries_of_a_jacobian_are_a_matrix_of_outputs_by_inputs() -> None:
    poly = multiply(WORLD.algebra.delta("i", "k"), WORLD("x", "l"))
    dims = {"i": 2, "k": 2, "l": 3}
    matrix = symbols.entries(poly, ("i", "k", "l"), dims, WORLD.lookup, rows=1)
    x = sympy.IndexedBase("x")
    assert matrix == sympy.Matrix([[x[0], x[1], x[2], 0, 0, 0], [0, 0, 0, x[0], x[1], x[2]]])


def test_expressions_that_are_too_deep_are_not_written() -> None:
    poly = WORLD("s")
    for _ in range(3000):
        poly = WORLD.algebra.apply("tanh", poly)
    with pytest.raises(TooLarge, match="nested more than 100 deep"):
        symbols.expression(poly, WORLD.lookup)


def test_entries_that_are_too_many_are_not_written() -> None:
    poly = sum_over(multiply(WORLD("A", "i", "k"), WORLD("A", "k", "j")), [("k", D)])
    with pytest.raises(TooLarge, match="more than 20000 factors"):
        symbols.entries(poly, ("i", "j"), (D, D), WORLD.lookup, sized={"d": 100})
