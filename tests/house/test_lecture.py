"""The lecture's own formulas and numbers, row by row, on the programs in examples/."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.stepping.session import Session
from graphdbg.stepping.walk import Kind
from graphdbg.training.loop import train

EXAMPLES = Path(__file__).parents[2] / "examples"


def program(name: str, **shapes: Any) -> gd.Graph:
    return gd.parse((EXAMPLES / f"{name}.gd").read_text("utf-8"), name=f"{name}.gd")


def value(graph: gd.Graph, name: str, **point: Any) -> np.ndarray:
    return gd.evaluate(graph, point)[name]


PROVED = [
    ("regression", "dE/dw = (y - t) x"),
    ("regression", "dE/dy = y - t"),
    ("linear_regression", "dE/dw = 2 X.T @ (X @ w - y) / n"),
    ("logistic_regression", "dL/dw = X.T @ (p - t)"),
    ("softmax_cross_entropy", "dL/do = p - y"),
    ("one_vs_all", "dL/dW = X.T @ (P - Y) / n"),
    ("composition", "de/dw1 = -2 (y - h2) w2 x"),
    ("composition", "de/dw2 = -2 (y - h2) h1"),
    ("relu_layer", "dL/dz = c * (z > 0)"),
    ("regularization", "dL/dw = 2 X.T @ (X @ w - y)/n + 2 l2 w + l1 sign(w)"),
    ("dropout", "dL/dw = 2 (X * M).T @ (o - y) / n"),
    ("update", "dL/dW = dW"),
    ("update", "dL/db = db"),
]


@pytest.mark.parametrize(("name", "claim"), PROVED, ids=[f"{a}: {b}" for a, b in PROVED])
def test_closed_forms(name: str, claim: str) -> None:
    assert gd.prove(program(name), claim).verdict == "proved"


def test_one_step_by_hand() -> None:
    """w <- w - alpha dE/dw at w = 2, x = 3, b = -1, t = 4: y = 5, dE/dw = 1 * 3."""
    graph = gd.grad(program("regression"))
    trace = gd.evaluate(graph, {"w": 2, "x": 3, "b": -1, "t": 4})
    assert (trace["y"], trace["E"], trace["E.d_w"], trace["E.d_b"]) == (5, 0.5, 3, 1)
    text = "x: Real[n]\nt: Real[n]\nw: Real\nb: Real\nE = sum((w*x + b - t)^2) / (2*n)"
    run = train(text, {"x": [3.0], "t": [4.0]}, lr=0.1, epochs=1, start={"w": 2.0, "b": -1.0})
    assert run.parameters["w"] == pytest.approx(2 - 0.1 * 3)
    assert run.parameters["b"] == pytest.approx(-1 - 0.1 * 1)


def test_the_gradient_of_the_average_is_the_average_of_the_gradients() -> None:
    graph = gd.grad(program("linear_regression"), "E", "w")
    rng = np.random.default_rng(0)
    X, y, w = rng.normal(size=(5, 3)), rng.normal(size=5), rng.normal(size=3)
    whole = value(graph, "E.d_w", X=X, y=y, w=w)
    each = [value(graph, "E.d_w", X=X[at : at + 1], y=y[at : at + 1], w=w) for at in range(5)]
    np.testing.assert_allclose(whole, np.mean(each, axis=0), rtol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_minibatches_are_right_on_average_and_less_noisy_when_larger(size: int) -> None:
    """All batches of a size: their mean is the gradient, their spread sigma^2/m (N - m)/(N - 1)."""
    graph = gd.grad(program("minibatch"), "J", "w")
    rng = np.random.default_rng(1)
    X, y, w = rng.normal(size=(6, 2)), rng.normal(size=6), rng.normal(size=2)
    batches = list(itertools.combinations(range(6), size))
    found = np.array([value(graph, "J.d_w", X=X, y=y, w=w, batch=list(b)) for b in batches])
    single = (X @ w - y)[:, None] * X
    np.testing.assert_allclose(found.mean(axis=0), single.mean(axis=0), rtol=1e-12)
    expected = single.var(axis=0) / size * (6 - size) / 5
    np.testing.assert_allclose(found.var(axis=0), expected, rtol=1e-10)


@pytest.mark.parametrize("h", [0.01, 0.5, 0.99])
@pytest.mark.parametrize("y", [0.0, 1.0])
def test_both_forms_of_the_cost_are_one(h: float, y: float) -> None:
    graph = gd.grad(program("cost"), "gap", "h")
    trace = gd.evaluate(graph, {"h": h, "y": y})
    assert trace["gap"] == 0 and trace["gap.d_h"] == pytest.approx(0, abs=1e-12)
    assert trace["cases"] == pytest.approx(-np.log(h if y else 1 - h))


def test_the_cost_has_no_bound() -> None:
    graph = program("cost")
    assert value(graph, "cases", h=1.0, y=1.0) == 0 and value(graph, "cases", h=0.0, y=0.0) == 0
    assert value(graph, "cases", h=1.0, y=0.0) == np.inf == value(graph, "cases", h=0.0, y=1.0)


def test_the_softmax_s_derivative() -> None:
    """p_i (1 - p_j) on the diagonal, -p_j p_i beside it; diag(p) - p p' for every size."""
    stable = gd.parse("p = softmax(a)", shapes={"a": ("k",)})
    assert gd.prove(stable, "dp/da = diag(p) - outer(p, p)").verdict in ("proved", "agrees")
    assert gd.jacobian(stable, of="p", wrt="a").text() == "diag(p) − p pᵀ"
    a = np.array([0.2, -1.0, 0.7])
    for graph in (stable, program("naive_softmax")):
        point = {"a": a, "c": [1.0, 0.0, 0.0]}
        given = {name: point[name] for name in graph.inputs}
        found = gd.jacobian(graph, of="p", wrt="a").evaluate(given)
        p = np.exp(a) / np.exp(a).sum()
        for i, j in itertools.product(range(3), repeat=2):
            expected = p[i] * (1 - p[j]) if i == j else -p[j] * p[i]
            assert found[i, j] == pytest.approx(expected, rel=1e-12)


def test_the_naive_softmax_overflows_where_the_stable_one_does_not() -> None:
    graph = gd.grad(program("naive_softmax"))
    point = {"a": [1000.0, 0.0, -1000.0], "c": [0.0, 1.0, 0.0]}
    report = gd.check(graph, point)
    assert "e" in {each.node for each in report.nonfinite}
    assert np.isnan(value(graph, "p", **point)[0])
    stable = gd.parse("p = softmax(a)", shapes={"a": (3,)})
    assert value(stable, "p", a=point["a"]).tolist() == [1.0, 0.0, 0.0]


def test_softmax_and_cross_entropy_rest_on_a_sum_of_one() -> None:
    found = gd.upstream(program("softmax_cross_entropy"), "o", of="L")
    assert found.text() == "p − y" and found.assumptions == ("Σ y = 1 (y: OneHot)",)


def test_one_against_all_and_softmax_on_one_data_set() -> None:
    rng = np.random.default_rng(3)
    centres = np.array([[2.0, 0.0], [-1.0, 2.0], [-1.0, -2.0]])
    labels = np.repeat(np.arange(3), 20)
    X = centres[labels] + 0.4 * rng.normal(size=(60, 2))
    softmax = ("X: Real[n, 2]\ny: Label[n]\nW: Real[2, 3]\n"
               "L = mean(softmax_cross_entropy(X @ W, y))")  # fmt: skip
    both = [train(softmax, (X, labels), lr=0.5, epochs=200),
            train((EXAMPLES / "one_vs_all.gd").read_text("utf-8"),
                  {"X": X, "Y": np.eye(3)[labels]}, lr=0.5, epochs=200)]  # fmt: skip
    for run in both:
        assert np.mean(np.argmax(X @ run.parameters["W"], axis=1) == labels) == 1.0


def test_each_factor_of_the_product_stands_at_its_node() -> None:
    graph = program("composition")
    session = Session(graph, {"x": 2.0, "w1": 0.5, "w2": -1.0, "y": 1.0})
    assert gd.upstream(graph, "w1", of="e").form("chain") == "∂e/∂h1 · ∂h1/∂w1"
    factors = {}
    for position in range(session.walk.turn, session.end + 1):
        frame = session.scope.frame(position)
        if frame.kind == Kind.MULTIPLY:
            for operand in frame.operands:
                factors[operand.local_name] = (float(frame.upstream), float(operand.local))
    assert factors["∂h1/∂w1"] == (4.0, 2.0)  # de/dh1 = -2 (1 + 1) (-1), dh1/dw1 = x
    assert factors["∂h2/∂h1"] == (-4.0, -1.0) and factors["∂h2/∂w2"] == (-4.0, 1.0)
    session.goto(session.end)
    assert session.gradient("w1") == 4.0 * 2.0 and session.gradient("w2") == -4.0


def test_branches_add_up_path_by_path() -> None:
    session = Session(gd.parse("h = tanh(x)\ny = h + relu(w h)\nE = (y - t)^2/2"),
                      {"x": 0.5, "w": 2.0, "t": 0.0})  # fmt: skip
    ledger = session.paths("h")
    total = sum(float(path.product) for path in ledger.paths)
    assert ledger.count == 2 and total == pytest.approx(float(ledger.gradient))
    h = np.tanh(0.5)
    assert total == pytest.approx(3 * h * (1 + 2))


def test_rows_are_outputs_and_columns_inputs() -> None:
    graph = gd.parse("x: Real[2]\nf = [x[0]*x[1], x[0] + x[1], x[1]**2]")
    found = gd.jacobian(graph, of="f", wrt="x").evaluate({"x": [3.0, 5.0]})
    assert found.tolist() == [[5.0, 3.0], [1.0, 1.0], [0.0, 10.0]]
    layer = gd.jacobian(program("relu_layer"), of="a", wrt="z")
    assert layer.text() == "diag(1[z > 0])"
    point = {"z": [-1.0, 2.0, 3.0], "c": [1.0, 1.0, 1.0]}
    assert layer.evaluate(point).tolist() == np.diag([0.0, 1.0, 1.0]).tolist()
    scalar = gd.parse("x: Real[3]\ny = sum(x**2)")
    assert gd.upstream(scalar, "x").shape == (3,)


def test_the_lecture_s_walk() -> None:
    """f = (x + y) z at -2, 5, -4: q = 3, f = -12; then 1, z = -4, q = 3, and -4 for x and y."""
    session = Session(program("lecture"), {"x": -2.0, "y": 5.0, "z": -4.0})
    session.goto(session.end)
    found = {name: (float(session.value(name)), float(session.gradient(name))) for name in "xyzqf"}
    assert found == {"x": (-2, -4), "y": (5, -4), "z": (-4, 3), "q": (3, -4), "f": (-12, 1)}


def test_the_surface_has_two_minima_and_a_saddle() -> None:
    graph = program("surface")
    hessian = gd.hessian(graph, wrt=["x", "y"])
    first = gd.grad(graph)
    kinds = {}
    for root in np.roots([4, 0, -4, 0.3]):
        x = float(root.real)
        trace = gd.evaluate(first, {"x": x, "y": 0.0})
        assert trace["f.d_x"] == pytest.approx(0, abs=1e-9) and trace["f.d_y"] == 0
        values = np.linalg.eigvalsh(np.array(hessian.entries().subs({"x": x, "y": 0}), float))
        kinds[round(x)] = "minimum" if (values > 0).all() else "saddle"
    assert kinds == {-1: "minimum", 0: "saddle", 1: "minimum"}
    assert value(graph, "f", x=-1.0, y=0.0) < value(graph, "f", x=1.0, y=0.0)


@pytest.mark.parametrize("rule", ["sgd", "momentum", "nesterov", "rmsprop", "adam", "adagrad"])
def test_optimizers_roll_into_a_valley(rule: str) -> None:
    text = "one: Real[n]\nx: Real\ny: Real\nf = mean(one) * ((x^2 - 1)^2 + 0.3 x + y^2)"
    run = train(text, {"one": [1.0]}, optimizer=rule, lr=0.05 if rule != "adagrad" else 0.5,
                epochs=400, start={"x": 0.3, "y": 1.0})  # fmt: skip
    x = float(run.parameters["x"])
    assert min(abs(x - root.real) for root in np.roots([4, 0, -4, 0.3])) < 0.05
    assert abs(abs(x) - 1) < 0.1 and abs(float(run.parameters["y"])) < 0.05


def test_the_rate_starts_large_and_decays() -> None:
    graph = program("schedule")
    rates = [float(value(graph, "lr", t=t, lr0=0.1)) for t in range(1, 102)]
    assert rates[0] == 0.1 and rates[-1] == pytest.approx(0, abs=1e-12)
    assert rates == sorted(rates, reverse=True)


def test_an_l1_penalty_ends_at_zero_and_an_l2_penalty_does_not() -> None:
    rng = np.random.default_rng(4)
    X = rng.normal(size=(50, 4))
    y = X @ [2.0, 0.0, 0.0, -1.0]
    text = (EXAMPLES / "regularization.gd").read_text("utf-8")
    text = text.replace("l1: Positive\nl2: Positive\n", "")
    sizes = {}
    for name, l1, l2 in (("l1", 0.4, 0.0), ("l2", 0.0, 0.4)):
        made = text.replace("l1 *", f"{l1} *").replace("l2 *", f"{l2} *")
        run = train(made, (X, y), lr=0.05, schedule="inverse_decay", pace={"rate": 0.01},
                    epochs=4000)  # fmt: skip
        sizes[name] = np.abs(run.parameters["w"])
    assert (sizes["l1"][1:3] < 1e-3).all() and (sizes["l2"][1:3] > 3e-3).any()


def test_dropout_is_right_on_average() -> None:
    """Over all masks of a row, with their probabilities, the output is that without a mask."""
    graph = gd.grad(program("dropout"), "L", "w")
    rng = np.random.default_rng(5)
    X, w, keep = rng.normal(size=(1, 3)), rng.normal(size=3), 0.8
    mean = 0.0
    for kept in itertools.product([0, 1], repeat=3):
        chance = np.prod([keep if each else 1 - keep for each in kept])
        mask = np.array([kept], float) / keep
        trace = gd.evaluate(graph, {"X": X, "M": mask, "w": w, "y": [0.3]})
        mean += chance * float(trace["o"][0])
        assert ((trace["L.d_w"] == 0) | (np.array(kept) == 1)).all()
    assert mean == pytest.approx(float((X @ w)[0]))


def test_the_update_is_part_of_the_graph() -> None:
    graph = program("update")
    rng = np.random.default_rng(6)
    X, W, b = rng.normal(size=(4, 3)), rng.normal(size=(3, 2)), rng.normal(size=2)
    point = {"X": X, "Y": np.eye(2)[[0, 1, 1, 0]], "W": W, "b": b, "alpha": 0.1}
    trace = gd.evaluate(gd.grad(graph, "L", ["W", "b"]), point)
    for name in ("W", "b"):
        expected = point[name] - 0.1 * trace[f"L.d_{name}"]
        np.testing.assert_allclose(trace[f"{name}_next"], expected, rtol=1e-12)


def test_the_rules_are_those_of_their_papers() -> None:
    w, g, v, s, t = (np.array([1.0, -2.0]), np.array([0.5, 0.1]), np.array([0.2, 0.0]),
                     np.array([0.1, 0.3]), 3.0)  # fmt: skip
    trace = gd.evaluate(program("optimizers"), {"w": w, "g": g, "v": v, "s": s, "t": t})
    m, u = 0.9 * v + 0.1 * g, 0.999 * s + 0.001 * g**2
    adam = 0.001 * m / (1 - 0.9**t) / (np.sqrt(u / (1 - 0.999**t)) + 1e-8)
    expected = {
        "w_sgd": w - 0.01 * g,
        "w_momentum": w - 0.01 * (0.9 * v + g),
        "w_nesterov": w - 0.01 * (g + 0.9 * (0.9 * v + g)),
        "w_adagrad": w - 0.01 * g / (np.sqrt(s + g**2) + 1e-10),
        "w_rmsprop": w - 0.01 * g / (np.sqrt(0.99 * s + 0.01 * g**2) + 1e-8),
        "w_adam": w - adam,
        "w_adamw": w * (1 - 0.001 * 0.01) - adam,
    }
    for name, rule in expected.items():
        np.testing.assert_allclose(trace[name], rule, rtol=1e-12, err_msg=name)
