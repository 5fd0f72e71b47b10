"""Perturbed values in one stack against one evaluation after the other; slopes; digits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

import graphdbg as gd
from graphdbg.checking.differences import (
    LEVELS,
    RATIO,
    SIGNS,
    Probe,
    Witness,
    agrees,
    bottleneck,
    moved,
    paths,
    ridders,
    slopes,
)
from graphdbg.checking.runner import Runner, product_plan
from graphdbg.numbers.evaluator import evaluate
from graphdbg.numbers.sampling import sample
from graphdbg.tape import ops
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph


def without_stops(graph: Graph) -> bool:
    """A stopped gradient is held fixed by a probe, and moved by an evaluation."""
    return all(type(op) is not ops.StopGradient for op in graph.ops)


def one_by_one(
    graph: Graph, point: dict[str, np.ndarray], name: str, steps: np.ndarray
) -> np.ndarray:
    rows = []
    for sign in SIGNS:
        for at in range(steps.size):
            array = point[name].copy()
            array.reshape(-1)[at] += sign * steps.reshape(-1)[at]
            rows.append(float(evaluate(graph, {**point, name: array})["f"]))
    return np.array(rows).reshape(len(SIGNS), -1)


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 20))
def test_probes_equal_one_evaluation_after_the_other(seed: int, length: int) -> None:
    g = random_graph(seed, length, kinks=False)
    if not without_stops(g):
        return
    point = sample(g, seed)
    trace = evaluate(g, point)
    for name in ("x0", "x3", "x5"):
        at = g.id(name)
        steps = np.full(point[name].shape, 2.0**-6)
        expected = one_by_one(g, point, name, steps)
        cone = Probe(g, g.id("f"), [at], entries=True)
        got = cone.entries(trace.arrays, trace.dims, [steps])
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-12)
        entries = np.tile(np.arange(steps.size), len(SIGNS))
        stack = moved(point[name], entries, np.outer(SIGNS, steps.ravel()).ravel())
        full = Probe(g, g.id("f"), [at]).values(trace.arrays, trace.dims, [stack])
        np.testing.assert_allclose(full, expected.ravel(), rtol=1e-10, atol=1e-12)


PRODUCTS = {
    "W @ x": ("x: Real[4]\nW: Real[3, 4]\nf = sum(tanh(W @ x)**2)", "W"),
    "x @ W": ("X: Real[5, 4]\nW: Real[4, 3]\nf = sum(tanh(X @ W)**2)", "W"),
    "two products": ("x: Real[3]\nW: Real[3, 3]\nf = sum(sin(W @ tanh(W @ x)))", "W"),
    "transposed": ("x: Real[3]\nW: Real[3, 3]\nf = sum(sin(W.T @ x) * (W @ x))", "W"),
    "a trace": ("W: Real[3, 3]\nf = sin(trace(W)) + sum(exp(W) @ W)", "W"),
    "a bias over rows": ("X: Real[5, 3]\nb: Real[3]\nf = sum(softmax(X + b)**2)", "b"),
    "named dimensions": ("X: Real[n, d]\nw: Real[d]\nf = sum(sigmoid(X @ w))/n", "w"),
    "an embedding": ("E: Real[6, 2]\ni: Label[4]\nf = sum(E[i]**3)", "E"),
    "attention": (
        "q: Real[3, 2]\nk: Real[4, 2]\nv: Real[4, 2]\nf = sum(sin(softmax(q @ k.T) @ v))", "k"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PRODUCTS)
def test_cones_of_matrices(name: str) -> None:
    text, source = PRODUCTS[name]
    g = gd.parse(text)
    point = sample(g, 1)
    trace = evaluate(g, point)
    steps = 2.0**-7 * (1 + np.arange(point[source].size).reshape(point[source].shape))
    cone = Probe(g, g.id("f"), [g.id(source)], entries=True)
    got = cone.entries(trace.arrays, trace.dims, [steps])
    np.testing.assert_allclose(got, one_by_one(g, point, source, steps), rtol=1e-11)


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 20))
def test_several_sources_in_one_stack(seed: int, length: int) -> None:
    g = random_graph(seed, length, kinks=False)
    trace = evaluate(g, sample(g, seed))
    names = ["x0", "x1", "x4", "x5"]
    sources = [g.id(name) for name in names]
    steps = [np.full(g[name].shape, 2.0**-6) for name in names]
    together = Probe(g, g.id("f"), sources, entries=True).entries(trace.arrays, {}, steps)
    each = [
        Probe(g, g.id("f"), [source], entries=True).entries(trace.arrays, {}, [step])
        for source, step in zip(sources, steps, strict=True)
    ]
    np.testing.assert_allclose(together, np.concatenate(each, axis=1), rtol=1e-10, atol=1e-12)


def test_the_bottleneck_of_a_network() -> None:
    g = gd.parse("x: Real[3]\nW: Real[2, 3]\nb: Real[2]\nz = W @ x + b\nf = sum(exp(z)*z)")
    sources = [g.id("W"), g.id("b")]
    assert bottleneck(g, sources, paths(g, sources, g.id("f"))) == g.id("z")
    loss = gd.parse("x: Real[3]\nW: Real[2, 3]\nf = sum((W @ x)**2) + sum(W*W)")
    ids = [loss.id("W")]
    assert bottleneck(loss, ids, paths(loss, ids, loss.id("f"))) == loss.id("f")


def test_a_cone_keeps_only_what_moves() -> None:
    """The 200 x 100 matrix is never stacked 80,000 times: its cone has a row per unit."""
    g = gd.parse("x: Real[100]\nW: Real[200, 100]\nf = sum(tanh(W @ x))")
    cone = Probe(g, g.id("f"), [g.id("W")], entries=True)
    assert cone.cost({}) < 20 * 4 * 200 * 100


@settings(deadline=None)
@given(st.integers(0, 3), st.data())
def test_products_equal_einsum(extra: int, data: st.DataObject) -> None:
    letters = "abcde"
    left = "".join(data.draw(st.permutations(letters))[: data.draw(st.integers(1, 4))])
    right = "".join(data.draw(st.permutations(letters))[: data.draw(st.integers(1, 4))])
    both = [letter for letter in letters if letter in left + right]
    output = "".join(data.draw(st.permutations(both))[: data.draw(st.integers(0, len(both)))])
    plan = product_plan(left, right, output)
    sizes = dict(zip(letters, (2, 3, 4, 5, 2), strict=True))
    rng = np.random.default_rng(extra)
    x, y = (rng.normal(size=[sizes[letter] for letter in part]) for part in (left, right))
    if plan is not None:
        expected = np.einsum(f"{left},{right}->{output}", x, y)
        np.testing.assert_allclose(plan(x, y), expected, rtol=1e-12, atol=1e-12)


def test_a_way_that_ends_in_a_stopped_gradient_leads_nowhere() -> None:
    graph = gd.grad(gd.parse("f = stop_gradient(tanh(2x)) + y"))
    assert agrees(graph, "f", "x", "f.d_x") == 15
    base = evaluate(graph, {"x": 1.0, "y": 2.0}).arrays
    found = Probe(graph, graph.id("f"), [graph.id("x")]).values(base, {}, [np.ones(3)])
    np.testing.assert_array_equal(found, [float(base[graph.id("f")])] * 3)


def test_stopped_gradients_are_held_fixed() -> None:
    b = Builder()
    x = b.input("x")
    f = b.map("mul", x, b.emit(ops.StopGradient(), x))
    g = b.build({"f": f})
    assert agrees(gd.grad(g), "f", "x", "f.d_x") > 9
    assert paths(g, [x], f) == [f]


def test_a_target_that_does_not_depend() -> None:
    g = gd.parse("f = sin(x)\ng = y*2")
    trace = evaluate(g, {"x": 1.0, "y": 2.0})
    probe = Probe(g, g.id("f"), [g.id("y")])
    np.testing.assert_array_equal(probe.values(trace.arrays, {}, [np.ones(3)]), np.sin([1.0] * 3))
    cone = Probe(g, g.id("f"), [g.id("y")], entries=True)
    assert cone.entries(trace.arrays, {}, [np.ones(())]).shape == (4, 1)


def test_the_source_itself_is_the_target() -> None:
    g = gd.parse("f = x*1")
    x = g.id("x")
    trace = evaluate(g, {"x": 1.0})
    probe = Probe(g, x, [x])
    np.testing.assert_array_equal(probe.values(trace.arrays, {}, [np.arange(3.0)]), [0, 1, 2])


def test_a_runner_needs_nothing_of_the_tape_twice() -> None:
    b = Builder()
    x = b.input("x")
    start = len(b.ops)
    y = b.map("add", b.map("exp", x), b.const(1))
    run = Runner(b, start, [y])
    for value in (0.0, 1.0):
        (got,) = run([np.array(value)], {}, {})
        assert got == np.exp(value) + 1


def test_slopes_and_their_error() -> None:
    x = np.linspace(0.2, 3, 7)
    steps = np.full(7, 2.0**-9)
    derivative, apart = slopes(np.log(x + np.outer(SIGNS, steps)), steps)
    np.testing.assert_allclose(derivative, 1 / x, rtol=1e-8)
    assert (apart > np.abs(derivative - 1 / x)).all()


def test_many_steps_find_the_right_one() -> None:
    first = np.array([0.5, 0.5])
    levels = RATIO ** -np.arange(LEVELS)[:, None, None] * first
    moves = levels * np.array([1.0, -1.0])[:, None]
    values = np.stack([np.sin(300 * moves[..., 0]), np.exp(1 + moves[..., 1])], axis=-1)
    best, error = ridders(values, first, 1e-16)
    assert best[0] == pytest.approx(300, rel=1e-9)
    assert best[1] == pytest.approx(np.e, rel=1e-11)
    assert (error < 1e-6).all()


# ------------------------------------------------------------------ digits of agreement


def test_digits_of_right_and_wrong_nodes() -> None:
    g = gd.grad(
        gd.parse("x: Real[4]\nW: Real[3, 4]\nh = tanh(W @ x)\nf = sum(h*h)"), "f", ["W", "h"]
    )
    witness = Witness(g, "f")
    assert witness.digits("W", "f.d_W") > 8
    assert witness.digits("h", "f.d_h") > 8
    assert witness.digits("h", "h") < 1
    exact = [2 * trace["h"] for trace in witness.traces]
    assert witness.digits("h", exact) > 8
    assert witness.digits("h", [1.001 * each for each in exact]) < 4
    assert witness.digits("h", [np.full(3, np.nan)] * 3) == 0


def test_digits_of_a_zero_gradient() -> None:
    text = "q: Real[3, 2]\nk: Real[4, 2]\nc: Real[2]\nf = sum(sin(softmax(q @ (k + c).T)))"
    g = gd.grad(gd.parse(text))
    assert agrees(g, "f", "c", "f.d_c") > 6


def test_digits_at_given_points() -> None:
    g = gd.grad(gd.parse("f = log(x)*y"))
    points = [{"x": 0.5, "y": 2.0}, {"x": 1e-3, "y": 1.0}]
    assert agrees(g, "f", "x", "f.d_x", points) > 8
    assert agrees(g, "f", "x", [4.0, 1000.0], points) > 8
    assert agrees(g, "f", "x", [4.0, 999.0], points) < 4
