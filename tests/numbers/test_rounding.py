"""The running error bound: no value is further from the exact one than its bound says.

Held against mpmath: each elementwise function over all magnitudes, with operands that are exact
and operands that are off; and random graphs over all primitives.
"""

import math

import numpy as np
import pytest
from random_graphs import random_graph

import graphdbg as gd
from graphdbg.numbers.arithmetic import DOUBLE
from graphdbg.numbers.evaluator import RULES, evaluate
from graphdbg.numbers.measuring import Outline, measure, measure_exactly
from graphdbg.numbers.precision import Digits, OutOfReach, digits_of, functions_of
from graphdbg.numbers.rounding import BOUNDS, bound, is_rounded
from graphdbg.numbers.sampling import sample
from graphdbg.tape import ops
from graphdbg.tape.scalars import TABLE

MANY = digits_of(60)
MAGNITUDES = (1e-300, 1e-30, 1e-8, 1e-3, 0.1, 1.0, 3.0, 30.0, 700.0, 1e5, 1e12, 1e30, 1e300)
RADII = (0.0, 1e-16, 1e-12, 1e-6, 1e-2, 0.6, 3.0)  # relative errors of the operands
SUMS = ("add", "sub")  # 1e300 + 1e-300 has 600 digits


def test_each_primitive_and_each_function_has_its_rule():
    assert set(BOUNDS) == set(ops.PRIMITIVES)
    table = functions_of(MANY.context)
    assert {name: arity for name, (arity, _) in table.items()} == {
        name: row.arity for name, row in TABLE.items()
    }


def operands_of(name, rng):
    """Computed operands, the bounds of their errors, and exact operands within them."""
    arity = TABLE[name].arity
    scales = np.array(list(np.ndindex(*[len(MAGNITUDES)] * min(arity, 2))))
    scales = np.concatenate([scales, scales[:, :1]], axis=1)[:, :arity]
    x = np.array(MAGNITUDES)[scales.T] * rng.uniform(0.5, 2, scales.T.shape)
    x = np.concatenate([x, np.round(x), np.minimum(x, 0.999)], axis=1)
    x *= rng.choice([-1, 1, 1], x.shape)
    if arity == 2:  # ties, and what is near one
        x[1] = np.where(rng.random(x.shape[1]) < 0.2, x[0] * (1 + 1e-14), x[1])
    if name == "where":
        x[0] = rng.integers(0, 2, x.shape[1])
    return x


def exact_values(many, name, operands):
    """The function of each column of operands, NaN where it is too large to be had."""
    for column in operands.T:
        try:
            yield many.apply(name, *column)[()]
        except OutOfReach:
            yield many.context.nan


@pytest.mark.parametrize("name", TABLE)
def test_the_bound_of_a_function_holds_at_every_magnitude(name):
    rng = np.random.default_rng(7)
    many = digits_of(700) if name in SUMS else MANY
    checked = 0
    for radius in RADII:
        x = operands_of(name, rng)
        e = radius * np.abs(x) * rng.choice([0.3, 1], x.shape)
        with np.errstate(all="ignore"):
            y = np.asarray(TABLE[name].numeric(*x))
            found = bound(ops.Map(name), list(x), list(e), y, {})
        off = [-1, 1, 0, 0.5] if radius else [0]
        for share in off:
            exact = exact_values(many, name, many.exactly(x) + share * many.exactly(e))
            for at, (got, true, most) in enumerate(zip(y, exact, found, strict=True)):
                if math.isfinite(got) and math.isfinite(most) and many.context.isfinite(true):
                    off_by = abs(many.context.mpf(float(got)) - true)
                    where = (x[:, at], e[:, at], share, got, true, most)
                    assert off_by <= float(most) * (1 + 1e-9), where
                    checked += 1
    assert checked > 100


@pytest.mark.parametrize("name", TABLE)
def test_exact_operands_of_ordinary_size_give_a_small_bound(name):
    """A few units in the last place: a bound that is large says nothing."""
    x = np.random.default_rng(1).uniform(0.1, 0.9, (TABLE[name].arity, 50))
    y = np.asarray(TABLE[name].numeric(*x))
    found = bound(ops.Map(name), list(x), [np.zeros(50)] * len(x), y, {})
    assert np.all(found <= 20 * 2.0**-53 * np.abs(y))


@pytest.mark.parametrize("seed", range(60))
def test_the_bound_holds_on_random_graphs_over_all_primitives(seed):
    graph = random_graph(seed, 25)
    point = sample(graph, seed=seed)
    trace = evaluate(graph, point)
    everything = Outline(graph, tuple(range(len(graph))))
    exact = measure_exactly(everything, point, trace.dims, MANY).values
    found = measure(everything, point, trace.dims)
    fewer = measure_exactly(everything, point, trace.dims, digits_of(30))
    for at in everything.order:
        value, errors = np.asarray(found.values[at]), found.errors
        off = np.asarray(np.abs(fewer.values[at] - exact[at]), object)
        assert np.all(off <= fewer.errors[at] * 1.001), graph.names[at]
        assert errors[at].shape == value.shape == exact[at].shape
        off = np.asarray(np.abs(MANY.exactly(value) - exact[at]), object)
        known = np.isfinite(value) & np.isfinite(errors[at].astype(float))
        assert np.all(off[known] <= errors[at][known] * (1 + 1e-9)), graph.names[at]


@pytest.mark.parametrize(
    ("text", "exact"),
    [
        ("f = floor(x) + 3", True),
        ("f = (x > 1)*y", True),
        ("v: Real[5]; f = sum(v > 0)", True),
        ("f = 2*x", True),
        ("f = where(x > 1, y, 1e300)", True),
        ("f = 0.1*x", False),
        ("f = exp(-800 - 0*x)", False),
        ("v: Real[5]; f = sum(v)", False),
    ],
)
def test_what_is_exact_has_the_bound_zero(text, exact):
    graph = gd.parse(text)
    found = measure(Outline(graph, (graph.id("f"),)), sample(graph, seed=3), {})
    assert bool(np.all(found.errors[graph.id("f")] == 0)) is exact


def test_the_largest_entry_is_itself_however_far_it_is_off():
    """Else each gradient of a max over computed values would be a tie."""
    graph = gd.grad(gd.parse("x: Real[4]; f = max(tanh(x))"))
    outline = Outline(graph, (graph.id("f.d_x"),))
    found = measure(outline, {"x": np.array([0.3, 0.9, -1.0, 0.5])}, {})
    assert np.all(found.errors[graph.id("f.d_x")] < 1e-14)
    found = measure(outline, {"x": np.array([0.3, 0.9, -1.0, 0.9 + 1e-16])}, {})
    assert np.any(found.errors[graph.id("f.d_x")] > 0.01)


def test_a_mask_of_minus_infinity_is_exact():
    x, low = np.array([1.0, 2.0]), np.array([-np.inf, 3.0])
    zero = np.zeros(2)
    y = low - x
    assert np.array_equal(bound(ops.Map("sub"), [low, x], [zero, zero + 0.1], y, {}), [0, 0.1])
    found = bound(ops.Map("exp"), [y], [np.array([0, 0.1])], np.exp(y), {})
    assert found[0] == 0 and found[1] > 0


def test_nothing_is_known_near_a_singular_matrix():
    a = np.array([[1.0, 2.0], [2.0, 4.0 + 1e-14]])
    found = bound(ops.Inverse(), [a], [0 * a], np.linalg.inv(a), {}, DOUBLE)
    assert np.all(np.isinf(found))


def test_numbers_count_as_they_are_written():
    graph = gd.parse("f = 0.1*x; g = pi*x; h = 0.3333333333333333*x")
    outline = Outline(graph, tuple(graph.id(name) for name in "fgh"))
    found = measure_exactly(outline, {"x": np.array(3.0)}, {}, MANY)
    values, errors = found.values, found.errors
    shown = {name: MANY.context.nstr(values[graph.id(name)][()], 25) for name in "fgh"}
    assert shown["f"] == "0.3"
    assert shown["g"] == MANY.context.nstr(3 * MANY.context.pi, 25)
    assert errors[graph.id("f")] < 1e-59 and 1e-17 < errors[graph.id("h")] < 1e-15


@pytest.mark.parametrize("value", [0.1, 3e8, 6.02214076e23, math.pi, -math.e, 1e-300, 12, 0.5])
def test_a_constant_that_was_written_is_no_rounded_number(value):
    assert not is_rounded(value)


@pytest.mark.parametrize("value", [1 / 3, math.sqrt(2), 2 * math.pi, -0.7071067811865476])
def test_a_constant_with_all_digits_is_a_rounded_number(value):
    assert is_rounded(value)


def test_what_cannot_be_computed_is_nan_and_takes_no_time():
    few = Digits(20)
    for name, args in {
        "log": [-1.0], "sqrt": [-2.0], "arcsin": [2.0], "div": [1.0, 0.0], "pow": [-2.0, 0.5],
    }.items():  # fmt: skip
        assert few.context.isnan(few.apply(name, *map(few.exactly, args))[()]), name
    singular = few.exactly(np.array([[1.0, 2.0], [2.0, 4.0]]))
    assert all(few.context.isnan(each) for each in few.inverse(singular).flat)
    assert few.context.isnan(few.inverse(few.exactly(np.array([[np.inf]])))[0, 0])
    for name, args in {"exp": [1e300], "sin": [1e300], "pow": [10.0, 1e300]}.items():
        with pytest.raises(OutOfReach, match=r"an argument of 2\^99"):
            few.apply(name, *map(few.exactly, args))


def test_an_evaluation_at_many_digits_agrees_with_numpy():
    for seed in range(20):
        graph = random_graph(seed, 20)
        point = sample(graph, seed=seed)
        trace = evaluate(graph, point)
        found = MANY.evaluate(graph, range(len(graph)), point, trace.dims)
        for at in range(len(graph)):
            value = np.asarray(trace.arrays[at], float)
            if np.all(np.isfinite(value)):
                np.testing.assert_allclose(found[at].astype(float), value, rtol=1e-7, atol=1e-9)


def test_probabilities_sum_to_one_at_every_number_of_digits():
    graph = gd.parse("p: Probability[3]; f = sum(p)")
    point = {"p": np.array([0.1, 0.2, 0.7])}
    found = MANY.evaluate(graph, range(len(graph)), point, {})
    assert abs(found[graph.id("f")] - 1) < 1e-58


def test_the_rules_are_those_of_the_evaluator():
    assert set(RULES) == set(BOUNDS)


def test_an_overflow_is_no_exact_infinity():
    """Else 1/(1 + e^711) would be an exact 0."""
    x, zero = np.array([711.0, np.inf]), np.zeros(2)
    with np.errstate(over="ignore"):
        found = bound(ops.Map("exp"), [x], [zero], np.exp(x), {})
    assert np.array_equal(found, [np.inf, 0])


def test_a_nan_is_certain_only_where_nothing_near_is_defined():
    few = digits_of(20)
    x = few.exactly(np.array([-3.0, 0.0, 0.0]))
    e = few.exactly(np.array([1e-20, 1e-20, 0.0]))
    y = few.apply("div", few.exactly(np.ones(3)), x) + few.apply("sqrt", x - 1)
    root = few.apply("sqrt", x)
    found = bound(ops.Map("sqrt"), [x], [e], root, {}, few.arithmetic)
    assert found[0] == 0 and few.context.isnan(root[0])
    inverse = few.apply("div", few.exactly(np.ones(3)), x)
    exact = few.exactly(np.zeros(3))
    found = bound(ops.Map("div"), [exact + 1, x], [exact, e], inverse, {}, few.arithmetic)
    assert math.isinf(found[1]) and found[2] == 0
    assert few.context.isnan(inverse[1]) and few.context.isnan(y[0])


def test_scalars_of_many_digits_are_moved_as_arrays_are():
    """NumPy hands out a bare number for an array of no axes."""
    graph = gd.grad(gd.parse("x: Real[4]; y: Label; f = tanh(x[y])^2 + max(x[y], 0.1)"))
    outline = Outline(graph, graph.output_ids)
    point = {"x": np.array([0.1, 0.2, 0.3, 0.4]), "y": np.array(2.0)}
    found = measure_exactly(outline, point, {}, MANY)
    slope = found.values[graph.id("f.d_x")].astype(float)
    np.testing.assert_allclose(slope, evaluate(graph, point)["f.d_x"], rtol=1e-14)
    assert np.all(found.errors[graph.id("f.d_x")] < 1e-58)


def test_an_infinite_constant_is_exact():
    """Else whatever is held against it, as a largest entry is in logsumexp, may be a tie."""
    graph = gd.parse("x: Real[3]; f = logsumexp(x); g = sum(exp(where(x > 9, 1, [-inf, 0, -inf])))")
    outline = Outline(graph, (graph.id("f"), graph.id("g")))
    found = measure(outline, {"x": np.array([100.0, 0.0, 1.0])}, {})
    assert found.errors[graph.id("f")] < 1e-12 and found.errors[graph.id("g")] < 1e-14
