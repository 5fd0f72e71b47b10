"""Random points: in their domains, away from trouble, the same for the same seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

import graphdbg as gd
from graphdbg.calculus.gradients import grad
from graphdbg.errors import ValueGivenError
from graphdbg.numbers.evaluator import evaluate
from graphdbg.numbers.sampling import sample, sizes_for
from graphdbg.tape import ops
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph
from graphdbg.tape.sizes import named


def chain(*functions: str, shape: tuple[int, ...] = (4,), domain: str = "Real") -> Graph:
    b = Builder()
    x = b.input("x", shape, domain)
    for function in functions:
        x = b.map(function, x)
    return b.build({"y": x})


def one_input(domain: str, shape: tuple[int, ...]) -> np.ndarray:
    return sample(chain("neg", shape=shape, domain=domain))["x"]


def test_domains() -> None:
    assert (one_input("Positive", (20,)) > 0).all()
    rows = one_input("OneHot", (6, 3))
    assert set(rows.ravel()) == {0.0, 1.0}
    np.testing.assert_array_equal(rows.sum(axis=1), np.ones(6))
    simplex = one_input("Probability", (6, 3))
    assert (simplex > 0.05).all()
    np.testing.assert_allclose(simplex.sum(axis=1), np.ones(6), rtol=1e-15)
    assert set(one_input("Bool", (40,))) == {0.0, 1.0}
    assert one_input("Real", ()).shape == ()


def test_the_same_seed_is_the_same_point() -> None:
    g = random_graph(3, 12)
    first, again, other = sample(g, 5), sample(g, 5), sample(g, 6)
    for name in g.inputs:
        np.testing.assert_array_equal(first[name], again[name])
    assert not np.array_equal(first["x0"], other["x0"])


@pytest.mark.parametrize(
    "functions",
    [("log",), ("sqrt",), ("arcsin",), ("arccos",), ("neg", "log"), ("log", "log"), ("log1p",),
     ("log", "sqrt", "log"), ("neg", "sqrt", "arcsin"), ("exp", "arcsin"), ("sinh", "log", "sqrt")],
)  # fmt: skip
def test_stays_where_functions_are_defined(functions: tuple[str, ...]) -> None:
    for seed in range(5):
        g = chain(*functions)
        assert np.isfinite(evaluate(g, sample(g, seed))["y"]).all()


@pytest.mark.parametrize("seed", range(5))
def test_two_inputs_that_must_be_drawn_together(seed: int) -> None:
    b = Builder()
    x, y = b.input("x", (3,)), b.input("y", (3,))
    g = b.build({"f": b.map("sqrt", b.map("sub", x, b.map("add", y, b.const(1))))})
    assert np.isfinite(evaluate(g, sample(g, seed))["f"]).all()


@pytest.mark.parametrize("function", ["relu", "abs"])
def test_stays_away_from_kinks(function: str) -> None:
    g = chain(function, shape=(50,))
    for seed in range(20):
        assert np.abs(sample(g, seed)["x"]).min() > 1e-4


def test_stays_away_from_ties_and_poles() -> None:
    b = Builder()
    x, y = b.input("x", (8,)), b.input("y", (8,))
    largest = b.emit(ops.Reduce("max", (0,)), x)
    g = b.build({"m": largest, "q": b.map("div", x, y), "l": b.map("maximum", x, y)})
    for seed in range(20):
        point = sample(g, seed)
        top = np.sort(point["x"])
        assert top[-1] - top[-2] > 1e-4
        assert np.abs(point["y"]).min() > 1e-4
        assert np.abs(point["x"] - point["y"]).min() > 1e-4


def test_ties_that_are_meant_do_not_hinder() -> None:
    b = Builder()
    x = b.input("x", (4,))
    shifted = b.map("sub", x, b.emit(ops.Reduce("max", (0,)), x))
    g = b.build({"y": b.map("relu", b.map("relu", shifted)), "z": b.map("maximum", x, x)})
    assert sample(g)["x"].shape == (4,)


def test_an_untaken_branch_may_be_undefined() -> None:
    b = Builder()
    x = b.input("x", (6,))
    mask = b.map("gt", x, b.const(0))
    g = b.build({"y": b.map("where", mask, b.map("log", x), b.map("log", b.map("neg", x)))})
    assert np.isfinite(evaluate(g, sample(g))["y"]).all()


@pytest.mark.parametrize("op", [ops.Inverse(), ops.LogDet(), ops.Det()])
def test_matrices_are_well_conditioned(op: ops.Op) -> None:
    b = Builder()
    a = b.input("A", (6, 6))
    g = b.build({"y": b.emit(op, a)})
    for seed in range(10):
        matrix = sample(g, seed)["A"]
        assert np.linalg.cond(matrix) < 100
        assert not np.allclose(matrix, matrix.T)


def test_log_of_a_determinant_and_of_a_quadratic_form() -> None:
    b = Builder()
    a, x = b.input("A", (3, 3)), b.input("x", (3,))
    form = b.contract("i,ij,j->", x, a, x)
    g = b.build({"y": b.map("log", b.emit(ops.Det(), a)), "z": b.map("log", form)})
    for seed in range(10):
        trace = evaluate(g, sample(g, seed))
        assert np.isfinite([trace["y"], trace["z"]]).all()


def test_named_dimensions_differ_and_fit() -> None:
    n, d, k = named("n"), named("d"), named("k")
    b = Builder()
    x, w, v = b.input("X", (n, d)), b.input("w", (d, k)), b.input("v", (n - k + 1,))
    g = b.build({"y": b.contract("ij,jk->ik", x, w), "z": b.map("exp", v)})
    found = sizes_for(g)
    assert len(set(found.values())) == 3
    assert found["n"] - found["k"] + 1 > 0
    point = sample(g, dims={"d": 9})
    assert point["X"].shape == (found["n"], 9)
    assert evaluate(g, point)["y"].shape == (point["X"].shape[0], point["w"].shape[1])


def test_other_sizes_where_the_first_make_a_matrix_singular() -> None:
    d, n = named("d"), named("n")
    b = Builder()
    x = b.input("X", (d, n))
    g = b.build(
        {
            "y": b.emit(
                ops.Inverse(),
                b.contract("ki,kj->ij", b.contract("ij->ji", x), b.contract("ij->ji", x)),
            )
        }
    )  # noqa: E501
    point = sample(g)
    assert point["X"].shape[0] < point["X"].shape[1]
    assert np.isfinite(evaluate(g, point)["y"]).all()


def test_labels_stay_below_the_axis_they_index() -> None:
    n, c = named("n"), named("c")
    b = Builder()
    table, y, t = b.input("P", (n, c)), b.input("y", (n,), "Label"), b.input("t", (n,))
    rows = b.emit(ops.Arange(n))
    picked = b.emit(ops.Gather(2), table, rows, y)
    g = b.build({"y1": picked, "y2": b.emit(ops.Gather(1), table, t)})
    for seed in range(10):
        point = sample(g, seed, dims={"n": 30, "c": 3})
        assert set(point["y"]) == {0.0, 1.0, 2.0}
        assert point["t"].max() > 3  # not declared a label, but it is read as an index of n


def test_labels_of_a_one_hot_comparison() -> None:
    b = Builder()
    y = b.input("y", (50,), "Label")
    classes = b.spread(b.emit(ops.Arange(4)), (50, 4), (1,))
    g = b.build({"hot": b.map("eq", b.spread(y, (50, 4), (0,)), classes)})
    assert set(sample(g)["y"]) == {0.0, 1.0, 2.0, 3.0}


def test_given_values_stay() -> None:
    b = Builder()
    n = named("n")
    x, y = b.input("x", (n,)), b.input("y", (n,))
    g = b.build({"f": b.map("mul", x, y)})
    point = sample(g, given={"x": [1, 2]})
    np.testing.assert_array_equal(point["x"], [1.0, 2.0])
    assert point["y"].shape == (2,)
    with pytest.raises(ValueGivenError, match="dimension n is 3, but 2 in the given values"):
        sample(g, dims={"n": 3}, given={"x": [1, 2]})
    with pytest.raises(ValueGivenError, match="'z', which is not an input of the graph"):
        sample(g, given={"z": 1})


def test_many_points_at_once() -> None:
    g = chain("log", shape=(3,))
    assert sample(g, count=5)["x"].shape == (5, 3)


def test_an_impossible_node_is_named() -> None:
    b = Builder()
    x = b.input("x")
    below = b.map("neg", b.map("exp", x))
    g = b.build({"f": b.map("log", below)})
    with pytest.raises(ValueGivenError, match=r"node 'f' = log\(q1?\) \(\) is not finite"):
        sample(g)


def test_impossible_sizes_are_refused() -> None:
    n = named("n")
    b = Builder()
    x, y = b.input("x", (n,)), b.input("y", (1 - n,))
    with pytest.raises(ValueGivenError, match="no sizes for the dimensions n keep every shape"):
        sample(b.build({"f": b.map("exp", x), "g": b.map("exp", y)}))


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 20))
def test_random_graphs_have_points(seed: int, length: int) -> None:
    g = grad(random_graph(seed, length))
    trace = evaluate(g, sample(g, seed))
    assert all(np.isfinite(trace[name]).all() for name in g.outputs)


@pytest.mark.parametrize("make", [lambda: chain("exp"), lambda: random_graph(1, 20)])
def test_inputs_are_floats(make: Callable[[], Graph]) -> None:
    values = sample(make()).values()
    assert {type(value) for value in values} == {np.ndarray}
    assert {value.dtype for value in values} == {np.dtype(float)}


def test_what_no_array_can_hold_is_refused() -> None:
    with pytest.raises(gd.GraphError, match="limit"):
        sample(gd.parse("x: Real[2**70]\nf = sum(x)"))
    graph = gd.parse("x: Real[4]\ni: Label[2]\nf = sum(x[2:2][i])")
    with pytest.raises(gd.GraphError, match="'i' picks from an axis of size 0, which has no entry"):
        sample(graph)
