"""The check passes what is right and names what is wrong; every fault here is put in by hand."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

import graphdbg as gd
from graphdbg.calculus import gradients
from graphdbg.checking.checker import Checker, check
from graphdbg.errors import DifferentiationError, ValueGivenError
from graphdbg.numbers.sampling import sample
from graphdbg.tape import algebra, ops
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph

NETWORK = """
x: Real[4]
y: OneHot[3]
W1: Real[5, 4]
b1: Real[5]
W2: Real[3, 5]
b2: Real[3]
h = tanh(W1 @ x + b1)
o = W2 @ h + b2
L = cross_entropy(softmax(o), y)
"""


def one(op: ops.Op, *shapes: tuple[int, ...], labels: int = 0) -> Graph:
    """A graph whose output is a smooth function of all entries of one operation's result."""
    b = Builder()
    args = [b.input(f"x{at}", shape) for at, shape in enumerate(shapes)]
    args += [b.input(f"i{at}", (4,), "Label") for at in range(labels)]
    y = b.emit(op, *args)
    b.name(y, "y")
    total = b.sum(b.map("sin", y), range(len(b.shapes[y])))
    return b.build({"f": b.map("exp", b.map("mul", total, b.const(0.3)))})


PRIMITIVES = {
    "map": one(ops.map_of("mul"), (2, 3), (2, 3)),
    "contract": one(ops.contract_of("ij,jk->ik"), (2, 3), (3, 2)),
    "trace": one(ops.contract_of("ii->"), (3, 3)),
    "max": one(ops.Reduce("max", (1,)), (2, 3)),
    "prod": one(ops.Reduce("prod", (0, 1)), (2, 3)),
    "broadcast": one(ops.Broadcast((2, 4, 3), (2, 0)), (3, 2)),
    "reshape": one(ops.Reshape((3, 2)), (6,)),
    "slice": one(ops.Slice(((4, 3, -2), (1, 1, 1))), (5, 3)),
    "pad": one(ops.Pad(((4, 3, -2),), (5,)), (3,)),
    "concat": one(ops.Concat(1), (2, 3), (2, 1)),
    "gather": one(ops.Gather(1), (3, 2), labels=1),
    "scatter": one(ops.Scatter((3, 2)), (4, 2), labels=1),
    "inverse": one(ops.Inverse(), (3, 3)),
    "logdet": one(ops.LogDet(), (3, 3)),
    "det": one(ops.Det(), (3, 3)),
}


# ------------------------------------------------------------------ what is right passes


def test_the_lectures_example() -> None:
    report = check(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4})
    assert report.ok
    assert [(row.wrt, row.analytic) for row in report.rows] == [
        ("x", -4.0),
        ("y", -4.0),
        ("z", 3.0),
    ]
    assert all(row.error < 1e-9 for row in report.rows)
    assert report.blame is None


def test_a_network() -> None:
    report = check(gd.parse(NETWORK))
    assert report.ok
    assert report.sampled == ("x", "y", "W1", "b1", "W2", "b2")
    assert "all 20 entries" in {row.wrt: row.checked for row in report.rows}["W1"]
    assert "check of L: passed" in str(report)


@pytest.mark.parametrize("name", PRIMITIVES)
def test_primitives_pass(name: str) -> None:
    for seed in range(3):
        report = check(PRIMITIVES[name], seed=seed)
        assert report.ok, report


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 20))
def test_smooth_random_graphs_pass(seed: int, length: int) -> None:
    report = check(random_graph(seed, length, kinks=False), seed=seed)
    assert report.ok, report


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 20))
def test_random_graphs_pass_unless_they_sit_on_a_kink(seed: int, length: int) -> None:
    report = check(random_graph(seed, length), seed=seed)
    assert report.ok or report.kinks, report
    assert report.blame is None, report


def test_second_order() -> None:
    g = gd.parse("f = exp(x*y) + sin(x)*y")
    first = gd.grad(g, of="f", wrt=["x"])
    second = gd.grad(first, of="f.d_x", wrt=["x", "y"])
    report = check(second, {"x": 0.7, "y": -0.4})
    assert report.ok
    assert report.of == ("f", "f.d_x")
    by_name = {(row.of, row.wrt): row.analytic for row in report.rows}
    x, y = 0.7, -0.4
    assert by_name["f.d_x", "x"] == pytest.approx(y * y * math.exp(x * y) - math.sin(x) * y)


def test_gradients_of_inner_nodes_and_named_dimensions() -> None:
    b = Builder()
    n = gd.parse("x: Real[n, 3]\nw: Real[3]\nh = x @ w\nf = sum(tanh(h)) / n")
    report = check(n, of="f", wrt=["h", "w"])
    assert report.ok
    assert [row.wrt for row in report.rows] == ["h", "w"]
    assert b is not None


SCALARS = {
    "exp(sin(x)*2) / (1 + x**2)": lambda x: mpmath.exp(mpmath.sin(x) * 2) / (1 + x**2),
    "log(1 + exp(x)) * tanh(x)": lambda x: mpmath.log(1 + mpmath.exp(x)) * mpmath.tanh(x),
    "sqrt(x**2 + 3) - arctan(x)": lambda x: mpmath.sqrt(x**2 + 3) - mpmath.atan(x),
    "erf(x) * cosh(x)": lambda x: mpmath.erf(x) * mpmath.cosh(x),
}


@pytest.mark.parametrize("text", SCALARS)
@pytest.mark.parametrize("x", [0.3, -1.7, 2.5])
def test_numeric_values_against_fifty_digits(text: str, x: float) -> None:
    with mpmath.workdps(50):
        exact = float(mpmath.diff(SCALARS[text], mpmath.mpf(x)))
    row = check(gd.parse(f"f = {text}"), {"x": x}).rows[0]
    assert row.numeric == pytest.approx(exact, rel=1e-9)
    assert row.analytic == pytest.approx(exact, rel=1e-12)


# ------------------------------------------------------------------ what is wrong is named


def faulty(change: Callable[[Builder, int], int | None], y: int) -> Any:
    """The rule of node y, changed for that node."""

    def changed(site: Any, slot: int) -> Any:
        found = RULES[type(site.op)](site, slot)
        if found is None or site.y != y:
            return found
        node = change(site.b, found[0])
        return None if node is None else (node, -1)

    return changed


RULES = dict(gradients.RULES)


def doubled(b: Builder, node: int) -> int:
    return algebra.apply(b, "mul", node, b.const(2, b.shapes[node]))


def negated(b: Builder, node: int) -> int:
    return algebra.apply(b, "neg", node)


def slightly_off(b: Builder, node: int) -> int:
    return algebra.apply(b, "mul", node, b.const(1.0001, b.shapes[node]))


def dropped(b: Builder, node: int) -> None:
    return None


def one_entry_off(b: Builder, node: int) -> int:
    """0.01 more in the last entry."""
    shape = b.shapes[node]
    size = math.prod(shape)
    bump = b.emit(ops.Array((*[0.0] * (size - 1), 0.01), shape))
    return b.map("add", node, bump)


FAULTS = {
    "factor 2": (doubled, 2.0),
    "sign": (negated, -1.0),
    "0.01 percent": (slightly_off, 1.0001),
    "dropped": (dropped, 0.0),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", PRIMITIVES)
def test_a_faulty_rule_is_blamed(name: str, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    g = PRIMITIVES[name]
    y = g["y"]
    change, ratio = FAULTS[fault]
    with monkeypatch.context() as patch:
        patch.setitem(gradients.RULES, type(y.op), faulty(change, y.id))
        wrong = gd.grad(g)
    report = check(wrong)
    assert not report.ok
    assert any(row.verdict == "wrong" for row in report.rows)
    assert report.blame is not None
    assert report.blame.node == "y"
    assert report.blame.kind == ("missing contribution" if fault == "dropped" else "local rule")
    if fault != "dropped":
        assert report.blame.ratio == pytest.approx(ratio, rel=1e-6)
    text = str(report)
    assert "FAILED" in text and "analytic" in text and "numeric" in text


@pytest.mark.parametrize("name", PRIMITIVES)
def test_one_wrong_entry_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    g = PRIMITIVES[name]
    y = g["y"]
    with monkeypatch.context() as patch:
        rule = gradients.RULES[type(y.op)]

        def changed(site: Any, slot: int) -> Any:
            found = rule(site, slot)
            here = site.y == y.id and slot == 0 and found is not None
            return (one_entry_off(site.b, found[0]), -1) if here else found

        patch.setitem(gradients.RULES, type(y.op), changed)
        wrong = gd.grad(g)
    report = check(wrong)
    shape = g["x0"].shape
    assert not report.ok
    assert report.blame is not None and report.blame.node == "y"
    assert report.blame.entry == tuple(dim - 1 for dim in shape)
    assert report.blame.analytic - report.blame.numeric == pytest.approx(0.01, abs=1e-6)
    row = next(row for row in report.rows if row.wrt == "x0")
    assert row.verdict == "wrong" and row.entry == report.blame.entry


def test_a_transposed_factor_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    b = Builder()
    w, x = b.input("W", (3, 3)), b.input("x", (3,))
    y = b.contract("ij,j->i", w, x)
    b.name(y, "y")
    g = b.build({"f": b.sum(b.map("tanh", y), (0,))})

    def transposed(site: Any, slot: int) -> Any:
        if slot == 1 and site.op.spec == "ij,j->i":
            return site.b.contract("ij,j->i", site.args[0], site.g), -1
        return gradients._contract(site, slot)

    with monkeypatch.context() as patch:
        patch.setitem(gradients.RULES, ops.Contract, transposed)
        wrong = gd.grad(g)
    report = check(wrong)
    assert report.blame is not None
    assert (report.blame.node, report.blame.slot, report.blame.operand) == ("y", 1, "x")
    assert [row.wrt for row in report.rows if not row.ok] == ["x"]


def test_a_fault_that_the_point_hides(monkeypatch: pytest.MonkeyPatch) -> None:
    """The upstream gradient is 1 everywhere: only a random one shows the reversed contribution."""
    b = Builder()
    x = b.input("x", (4,))
    y = b.map("mul", x, b.const(3, (4,)))
    b.name(y, "y")
    z = b.map("sin", y)
    g = b.build({"f": b.sum(z, (0,))})

    def reversed_rule(site: Any, slot: int) -> Any:
        found = gradients._map(site, slot)
        if found is None or site.op.function != "mul":
            return found
        return site.b.emit(ops.Slice(((3, 4, -1),)), found[0]), -1

    with monkeypatch.context() as patch:
        patch.setitem(gradients.RULES, ops.Map, reversed_rule)
        wrong = gd.grad(g)
    report = check(wrong, {"x": [0.5, 0.5, 0.5, 0.5]})
    assert all(row.ok for row in report.rows)  # by luck: all entries are equal at this point
    assert not report.ok
    assert report.blame is not None and report.blame.node == "y"


def replaced(g: Graph, at: int, op: ops.Op, args: tuple[int, ...] | None = None) -> Graph:
    """The graph with another operation at one node, everything else as it was."""
    columns = [*g.ops], [*g.args]
    columns[0][at] = op
    if args is not None:
        columns[1][at] = args
    return Graph(
        *columns, g.shapes, g.spans, g.frames, g.origins, g.phases, g.given_names, g.aliases,
        g.calls, g.output_ids, g.passes, g.source,
    )  # fmt: skip


def test_a_wrong_backward_node_is_blamed() -> None:
    g = gd.grad(gd.parse("h = sin(x)*y\nf = h*h + x"), of="f")
    part = next(p for p in g.passes[0].contributions[g.id("h")])
    assert part.consumer < g.passes[0].of
    cosine = next(at for at, op in enumerate(g.ops) if getattr(op, "function", "") == "cos")
    wrong = replaced(g, cosine, ops.map_of("tanh"))
    report = check(wrong, {"x": 0.5, "y": 2.0})
    assert report.blame is not None
    assert report.blame.op.startswith("sin(")
    assert report.blame.analytic / report.blame.numeric == pytest.approx(
        math.tanh(0.5) / math.cos(0.5)
    )
    assert report.blame.line == 1


def test_a_sum_that_forgets_a_contribution() -> None:
    g = gd.grad(gd.parse("f = sin(x) + exp(x)"))
    backward = g.passes[0]
    x = g.id("x")
    total = backward.upstream[x]
    first = backward.contributions[x][0].node
    wrong = replaced(g, total, ops.map_of("mul"), (first, g.args[total][1]))
    report = check(wrong, {"x": 0.5})
    assert report.blame is not None
    assert (report.blame.kind, report.blame.node) == ("sum of contributions", "x")
    assert "not added up right" in str(report)


def test_a_backward_pass_that_does_not_begin_with_one() -> None:
    g = gd.grad(gd.parse("f = sin(x)*2"))
    seed = g.passes[0].upstream[g.id("f")]
    report = check(replaced(g, seed, ops.Const(3)), {"x": 0.5})
    assert report.blame is not None and report.blame.kind == "seed"
    assert report.rows[0].ratio == pytest.approx(3.0) or report.blame.analytic == 3.0


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), data=st.data())
def test_a_node_of_a_random_backward_pass_is_spoiled(seed: int, data: st.DataObject) -> None:
    """Multiply one contribution by 1.5: the step that made it is blamed, whatever it is."""
    g = random_graph(seed, 12, kinks=False)
    marks = {"left": data.draw(st.integers(0, 30)), "where": None}
    rules = dict(gradients.RULES)

    def spoil(rule: Any) -> Any:
        def changed(site: Any, slot: int) -> Any:
            found = rule(site, slot)
            if found is None:
                return None
            marks["left"] -= 1
            if marks["left"] != -1:
                return found
            marks["where"] = (site.y, slot)
            return algebra.apply(
                site.b, "mul", found[0], site.b.const(1.5, site.b.shapes[found[0]])
            ), -1

        return changed

    try:
        for kind in rules:
            gradients.RULES[kind] = spoil(rules[kind])
        wrong = gd.grad(g)
    finally:
        gradients.RULES.update(rules)
    report = check(wrong, seed=seed)
    if marks["where"] is None:
        assert report.ok
        return
    y, slot = marks["where"]
    contribution = next(
        part.node
        for parts in wrong.passes[0].contributions.values()
        for part in parts
        if (part.consumer, part.slot) == (y, slot)
    )
    point = sample(wrong, seed)
    if not np.any(gd.evaluate(wrong, point).arrays[contribution]):
        return  # 1.5 times nothing
    assert not report.ok
    assert report.blame is not None
    assert (wrong.id(report.blame.node), report.blame.slot) == (y, slot)


# ------------------------------------------------------------------ large inputs


def large(rows: int = 300, columns: int = 50) -> Graph:
    b = Builder()
    w, x = b.input("W", (rows, columns)), b.input("x", (columns,))
    y = b.contract("ij,j->i", w, x)
    b.name(y, "y")
    rows = b.map("sub", w, b.spread(b.emit(ops.Reduce("max", (1,)), w), (rows, columns), (0,)))
    squares = b.sum(b.map("mul", rows, rows), (0, 1))
    return b.build({"f": b.map("add", b.sum(b.map("tanh", y), (0,)), squares)})


def test_large_inputs_are_checked_along_directions() -> None:
    report = check(large())
    assert report.ok
    checked = {row.wrt: row.checked for row in report.rows}
    assert checked["x"] == "all 50 entries"
    assert "6 directions" in checked["W"] and "of 15000 entries" in checked["W"]


def test_one_wrong_entry_of_a_large_input_is_located() -> None:
    g = gd.grad(large())
    held = g.passes[0].upstream[g.id("W")]
    b = Builder.of(g)
    values = np.zeros((300, 50))
    values[123, 45] = 1.0
    bump = b.emit(ops.Array(tuple(values.ravel()), (300, 50)))
    moved = b.map("add", held, bump)
    backward = g.passes[0]
    backward.upstream[g.id("W")] = moved
    report = check(b.build(g.output_ids))
    row = next(row for row in report.rows if row.wrt == "W")
    assert row.verdict == "wrong"
    assert row.entry == (123, 45)
    assert row.analytic - row.numeric == pytest.approx(1.0, abs=1e-6)


# ------------------------------------------------------------------ kinks


@pytest.mark.parametrize(
    ("text", "point", "function"),
    [
        ("f = relu(x)*3", {"x": 0.0}, "relu"),
        ("f = abs(x) + x", {"x": 0.0}, "abs"),
        ("f = maximum(x, y)**2", {"x": 1.5, "y": 1.5}, "maximum"),
        ("f = minimum(x, y)*x", {"x": 1.5, "y": 1.5}, "minimum"),
        ("x: Real[3]\nf = max(x)**2", {"x": [2.0, 1.0, 2.0]}, "max"),
    ],
)
def test_a_convention_at_a_kink_passes_and_is_told(
    text: str, point: dict[str, Any], function: str
) -> None:
    report = check(gd.parse(text), point)
    assert report.ok, report
    assert [kink.function for kink in report.kinks] == [function]
    assert report.rows[0].verdict in ("kink", "good")  # good: the mean of both sides
    assert (
        "convention" in str(report)
        or "share the gradient" in str(report)
        or "'(0) = 0" in str(report)
    )


def test_a_wrong_gradient_at_a_kink_fails() -> None:
    g = gd.grad(gd.parse("f = relu(x)*3"))
    held = g.passes[0].upstream[g.id("x")]
    b = Builder.of(g)
    g.passes[0].upstream[g.id("x")] = b.map("add", held, b.const(4))
    report = check(b.build(g.output_ids), {"x": 0.0})
    assert not report.ok
    assert report.rows[0].verdict == "wrong"


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-6, 1e-9])
def test_a_kink_close_by_does_not_disturb(distance: float) -> None:
    report = check(gd.parse("f = relu(x)*sin(x + 1)"), {"x": distance})
    assert report.ok, report
    assert not report.kinks
    assert report.rows[0].analytic == pytest.approx(math.sin(1), rel=1e-2)
    assert ("which was made shorter" in str(report)) == (distance < 1e-4)


# ------------------------------------------------------------------ NaN and infinity


def test_the_untaken_branch_of_where() -> None:
    report = check(gd.parse("f = where(x > 0, sqrt(x), 0)"), {"x": 0.0})
    assert not report.ok
    assert report.rows[0].verdict == "not finite"
    (found,) = [each for each in report.nonfinite if not each.harmless]
    assert found.phase == "backward"
    assert "untaken branch of the where in 'f'" in found.explanation


def test_the_logarithm_of_zero() -> None:
    report = check(gd.parse("y = log(x)\nf = y*2"), {"x": 0.0})
    assert not report.ok
    found = report.nonfinite[0]
    assert (found.node, found.phase, found.value, found.line) == ("y", "forward", -math.inf, 1)
    assert "log(0): the logarithm of 0" in str(found)
    assert report.rows[0].checked == "the target is not finite"


def test_zero_times_infinity() -> None:
    report = check(gd.parse("f = x*exp(y)"), {"x": 0.0, "y": 1000.0})
    assert not report.ok
    assert any("overflows" in str(each) for each in report.nonfinite)
    product = check(gd.parse("f = x*y"), {"x": 0.0, "y": math.inf})
    assert not product.ok


@pytest.mark.parametrize(
    ("x", "y", "said"),
    [(-2.0, 0.5, "outside the domain"), (0.0, -1.0, "outside the domain"),
     (-1e200, 2.0, "overflows"), (1e200, 2.0, "overflows")],
)  # fmt: skip
def test_a_power_overflows_or_has_no_value(x: float, y: float, said: str) -> None:
    found = check(gd.parse("f = x^y"), {"x": x, "y": y}).nonfinite[0]
    assert found.node == "f" and said in found.explanation


def test_a_harmless_infinity_is_told_and_passes() -> None:
    report = check(gd.parse("f = 1/(1 + exp(x)) + x"), {"x": 800.0})
    found = report.nonfinite[0]
    assert "exp(800) overflows" in found.explanation
    assert report.ok == found.harmless


def test_an_infinite_gradient_fails() -> None:
    report = check(gd.parse("f = sqrt(x)"), {"x": 0.0})
    assert not report.ok
    assert report.rows[0].verdict == "not finite"


# ------------------------------------------------------------------ tolerance


def test_true_zeros_pass() -> None:
    """A bias on attention's keys changes nothing: its gradient is 0 up to rounding."""
    text = """
q: Real[5, 4]
k: Real[6, 4]
v: Real[6, 3]
c: Real[4]
f = sum(sin(softmax(q @ (k + c).T) @ v))
"""
    report = check(gd.parse(text))
    assert report.ok, report
    row = next(row for row in report.rows if row.wrt == "c")
    assert abs(row.analytic) < 1e-14


@pytest.mark.parametrize("text", ["f = 1e20 + sin(x)", "f = sigmoid(x + 30)"])
def test_what_noise_hides_rests_on_the_local_rules(text: str) -> None:
    report = check(gd.parse(text), {"x": 0.5})
    assert report.ok
    assert report.rows[0].verdict == "unresolved"
    assert "rounding errors of the target hide" in str(report)


def test_a_fault_beside_a_huge_number(monkeypatch: pytest.MonkeyPatch) -> None:
    g = gd.parse("f = 1e20 + sin(x)")
    sine = next(at for at, op in enumerate(g.ops) if getattr(op, "function", "") == "sin")
    with monkeypatch.context() as patch:
        patch.setitem(gradients.RULES, ops.Map, faulty(doubled, sine))
        wrong = gd.grad(g)
    report = check(wrong, {"x": 0.5})
    assert not report.ok
    assert report.blame is not None and report.blame.ratio == pytest.approx(2)


def test_a_jump_is_told() -> None:
    report = check(gd.parse("f = (x > y)*3 + x*y"), {"x": 0.5, "y": 0.5})
    assert [row.verdict for row in report.rows] == ["kink", "kink"]
    assert "its mask jumps there" in str(report)


@pytest.mark.parametrize("x", [1e-12, 1e-6, 1e6, 1e12])
def test_scales(x: float) -> None:
    assert check(gd.parse("x: Positive\nf = log(x)*3"), {"x": x}).ok
    assert check(gd.parse("f = x**2/7"), {"x": x}).ok


def test_single_precision() -> None:
    g = gd.parse(NETWORK)
    point = {n: v.astype(np.float32) for n, v in sample(g).items()}
    report = check(g, point)
    assert report.ok, report
    assert all(row.tolerance == 1e-4 for row in report.rows)
    assert "single precision" in report.rows[0].checked


def test_a_tighter_tolerance_can_be_asked_for() -> None:
    report = check(gd.parse("f = sin(x)"), {"x": 0.4}, rtol=1e-9)
    assert report.rtol == 1e-9
    assert report.ok


# ------------------------------------------------------------------ the user's own gradients


def by_hand(x: Any, y: Any, W1: Any, b1: Any, W2: Any, b2: Any) -> dict[str, np.ndarray]:
    h = np.tanh(W1 @ x + b1)
    o = W2 @ h + b2
    e = np.exp(o - o.max())
    d = e / e.sum() - y
    u = (W2.T @ d) * (1 - h * h)
    return {"o": d, "W2": np.outer(d, h), "h": W2.T @ d, "W1": np.outer(u, x), "b1": u}


def test_a_right_backward_pass_by_hand() -> None:
    report = check(gd.parse(NETWORK), gradients=by_hand)
    assert report.ok
    assert [each.name for each in report.given][0] == "o"
    assert report.departure is None


def test_the_first_line_that_departs_is_named() -> None:
    def wrong(**point: Any) -> dict[str, np.ndarray]:
        made = by_hand(**point)
        return {**made, "h": made["h"] * 2, "W1": made["W1"] * 2, "b1": made["b1"] * 2}

    report = check(gd.parse(NETWORK), gradients=wrong)
    assert not report.ok
    assert report.blame is None  # our own backward pass is right
    first = report.departure
    assert first is not None
    assert (first.name, first.line) == ("h", 8)
    assert first.ratio == pytest.approx(2)
    assert "2 times the right one in every entry" in str(first)
    assert first.numeric == pytest.approx(first.analytic, rel=1e-6)


def test_a_transposed_or_misshapen_gradient() -> None:
    g = gd.parse(NETWORK)
    point = sample(g)
    right = by_hand(**point)
    report = check(g, point, gradients={"W1": right["W1"].T})
    assert "shape (4, 5), expected (5, 4); transposed it would be right" in str(report)
    report = check(g, point, gradients={"b1": lambda **point: by_hand(**point)["b1"] * -1})
    assert report.departure is not None
    assert "-1 times the right one" in str(report)


def test_a_given_gradient_with_one_wrong_entry() -> None:
    g = gd.parse(NETWORK)
    point = sample(g)
    wrong = by_hand(**point)["W2"].copy()
    wrong[1, 2] += 0.01
    report = check(g, point, gradients={"W2": wrong})
    assert report.departure is not None
    assert report.departure.entry == (1, 2)
    assert report.departure.numeric == pytest.approx(report.departure.analytic, rel=1e-6)


def test_given_gradients_that_make_no_sense() -> None:
    g = gd.parse("f = sin(x)*y")
    with pytest.raises(ValueGivenError, match=r"gradients must be given by name.*found list"):
        check(g, gradients=lambda **point: [1.0])
    with pytest.raises(gd.GraphError, match="no node named 'z'"):
        check(g, gradients={"z": 1.0})


# ------------------------------------------------------------------ the report


def test_a_report_is_json() -> None:
    g = gd.grad(gd.parse("f = relu(x)*y"))
    for point in ({"x": 0.0, "y": 1.0}, {"x": math.inf, "y": 1.0}):
        data = json.loads(json.dumps(check(g, point).to_dict(), allow_nan=False))
        assert set(data) >= {"ok", "rows", "blame", "kinks", "nonfinite", "given", "sampled"}
        assert data["rows"][0]["wrt"] == "x"


def test_a_target_must_be_a_scalar() -> None:
    with pytest.raises(DifferentiationError, match="a gradient needs a scalar"):
        check(gd.parse("x: Real[3]\ny = sin(x)"))


def test_a_checker_is_kept_by_its_graph() -> None:
    g = gd.grad(gd.parse("f = sin(x)"))
    assert check(g).ok
    first = vars(g)["_checkers"][None, None]
    assert check(g, seed=3).ok
    assert vars(g)["_checkers"][None, None] is first
    assert isinstance(first, Checker)


def test_a_graph_is_pickled_without_its_checkers() -> None:
    g = gd.grad(gd.parse("f = sin(x)"))
    check(g)
    again = pickle.loads(pickle.dumps(g))
    assert vars(again)["_checkers"] == {}
    assert check(again).ok


def test_quality_follows_the_published_thresholds(monkeypatch: pytest.MonkeyPatch) -> None:
    g = gd.parse("f = sin(x)*3")
    sine = next(at for at, op in enumerate(g.ops) if getattr(op, "function", "") == "sin")

    def off_by(share: float) -> Callable[[Builder, int], int]:
        return lambda b, node: algebra.apply(b, "mul", node, b.const(1 + share, b.shapes[node]))

    found = []
    for share in (1e-9, 1e-5, 1e-3, 1e-1):
        with monkeypatch.context() as patch:
            patch.setitem(gradients.RULES, ops.Map, faulty(off_by(share), sine))
            report = check(gd.grad(g), {"x": 0.5})
        found.append((report.rows[0].quality, report.ok))
    assert found == [
        ("good", True),
        ("fine only with kinks", False),
        ("uncomfortable", False),
        ("probably wrong", False),
    ]


def test_an_output_that_depends_on_nothing() -> None:
    report = check(gd.parse("x: Real[3]\ny: Real\nf = y*2"), of="f", wrt=["x"])
    assert report.ok
    assert report.rows[0].analytic == 0


def test_a_given_gradient_out_of_reach() -> None:
    g = gd.parse("h = sin(x)\nf = h*y")
    with pytest.raises(ValueGivenError, match=r"'h', which is not on the way from y to f: add it"):
        check(g, wrt=["y"], gradients={"h": 1.0})


def test_an_input_that_is_the_result_is_checked_beside_others() -> None:
    graph = gd.parse("L = x*y\nz")
    assert graph.outputs == ("z",)
    report = gd.check(gd.grad(graph, wrt=["x", "y", "z"]), {"x": 1.0, "y": 2.0, "z": 3.0})
    assert report.ok
    assert [(row.wrt, row.analytic) for row in report.rows] == [("x", 0), ("y", 0), ("z", 1)]
