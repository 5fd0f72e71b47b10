"""Each rule table covers each primitive, and every vector-Jacobian rule meets differences.

The cases build one primitive at a time through `Builder`; the graph is differentiated by `grad`,
and twice by differentiating the gradient again. Oracle: central differences of the value, which
know nothing of the rules.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pytest

from graphdbg.calculus import gradients
from graphdbg.calculus.gradients import grad
from graphdbg.errors import ShapeError
from graphdbg.numbers import evaluator
from graphdbg.numbers.evaluator import evaluate
from graphdbg.tape import ops, shapes
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph
from graphdbg.tape.sizes import named

TABLES = {"shapes": shapes.RULES, "gradients": gradients.RULES, "evaluator": evaluator.RULES}


def test_primitives_are_the_subclasses_of_op() -> None:
    """By name: a dataclass with slots is made twice."""
    assert {op.__name__ for op in ops.PRIMITIVES} == {op.__name__ for op in ops.Op.__subclasses__()}


@pytest.mark.parametrize("table", [*TABLES, "batching"])
def test_table_covers_each_primitive(table: str) -> None:
    if table not in TABLES and importlib.util.find_spec(f"graphdbg.{table}") is None:
        pytest.skip(f"no module graphdbg.{table} yet")
    rules = TABLES.get(table) or importlib.import_module(f"graphdbg.{table}").RULES
    assert set(rules) == set(ops.PRIMITIVES)


class Case(NamedTuple):
    """`build` makes the node to differentiate from the ids of inputs x, y, ... of `shapes`."""

    name: str
    shapes: tuple[tuple[int, ...], ...]
    build: Callable[..., int]
    domain: str = "real"


def _contract(name: str, spec: str, *shapes: tuple[int, ...]) -> Case:
    return Case(name, shapes, lambda b, *args: b.contract(spec, *args))


def _emit(op: ops.Op) -> Callable[..., int]:
    return lambda b, *args: b.emit(op, *args)


def _adjugate(b: Builder, x: int) -> int:
    return b.emit(ops.Adjugate(), x, b.emit(ops.Det(), x), b.emit(ops.Inverse(), x))


def _index(b: Builder, *numbers: int, shape: tuple[int, ...] | None = None) -> int:
    return b.emit(ops.Array(numbers, shape if shape is not None else (len(numbers),)))


CASES = (
    Case("input", ((3,),), lambda b, x: x),
    Case("const", ((3,),), lambda b, x: b.map("mul", b.const(2.5, (3,)), x)),
    Case("array", ((3,),), lambda b, x: b.map("mul", b.emit(ops.Array((1, 2, 3), (3,))), x)),
    Case("eye", ((3, 3),), lambda b, x: b.map("mul", b.emit(ops.Eye(3)), x)),
    Case("arange", ((3,),), lambda b, x: b.map("mul", b.emit(ops.Arange(3)), x)),
    Case("map one operand", ((2, 3),), lambda b, x: b.map("tanh", x)),
    Case("map two operands", ((2, 3), (2, 3)), lambda b, x, y: b.map("mul", x, y)),
    Case("map three operands", ((3,), (3,)),
         lambda b, x, y: b.map("where", b.map("gt", x, b.const(0, (3,))), x, y)),
    Case("map of one operand twice", ((3,),), lambda b, x: b.map("mul", x, x)),
    Case("map to a power", ((3,), (3,)), lambda b, x, y: b.map("pow", x, y), "positive"),
    _contract("matmul", "ij,jk->ik", (2, 3), (3, 4)),
    _contract("three factors", "ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
    _contract("batched matmul", "bij,bjk->bik", (2, 2, 3), (2, 3, 2)),
    _contract("sum", "ij->", (2, 3)),
    _contract("sum of one axis", "ij->j", (2, 3)),
    _contract("transpose", "ijk->kij", (2, 3, 4)),
    _contract("trace", "ii->", (3, 3)),
    _contract("diagonal", "ii->i", (3, 3)),
    _contract("diagonal of a cube", "iii->i", (3, 3, 3)),
    _contract("trace of a product", "ij,ji->", (2, 3), (3, 2)),
    _contract("outer", "i,j->ij", (2, 3)[:1], (3,)),
    _contract("dot", "i,i->", (3,), (3,)),
    _contract("elementwise and summed", "ij,ij->i", (2, 3), (2, 3)),
    _contract("an axis summed away in one operand", "ij,k->k", (2, 3), (4,)),
    _contract("trace times a vector", "ii,j->j", (3, 3), (2,)),
    Case("contract with one operand twice", ((3, 3),), lambda b, x: b.contract("ij,jk->ik", x, x)),
    Case("max", ((2, 3),), _emit(ops.Reduce("max", (1,)))),
    Case("max of all", ((2, 3),), _emit(ops.Reduce("max", (0, 1)))),
    Case("min", ((2, 3),), _emit(ops.Reduce("min", (0,)))),
    Case("prod", ((2, 3),), _emit(ops.Reduce("prod", (1,)))),
    Case("prod of the first axis", ((3, 2),), _emit(ops.Reduce("prod", (0,)))),
    Case("prod of all", ((2, 3),), _emit(ops.Reduce("prod", (0, 1)))),
    Case("prod of outer axes", ((2, 3, 2),), _emit(ops.Reduce("prod", (0, 2)))),
    Case("broadcast scalar", ((),), _emit(ops.Broadcast((2, 3), ()))),
    Case("broadcast leading", ((3,),), _emit(ops.Broadcast((2, 3), (1,)))),
    Case("broadcast trailing", ((2,),), _emit(ops.Broadcast((2, 3), (0,)))),
    Case("broadcast with a transpose", ((2, 3),), _emit(ops.Broadcast((3, 4, 2), (2, 0)))),
    Case("reshape", ((2, 3),), _emit(ops.Reshape((3, 2)))),
    Case("slice", ((5,),), _emit(ops.Slice(((1, 2, 2),)))),
    Case("slice backwards", ((5,),), _emit(ops.Slice(((4, 5, -1),)))),
    Case("slice a matrix", ((4, 3),), _emit(ops.Slice(((0, 2, 2), (2, 1, 1))))),
    Case("pad", ((2,),), _emit(ops.Pad(((1, 2, 2),), (5,)))),
    Case("pad backwards", ((3,),), _emit(ops.Pad(((4, 3, -2),), (5,)))),
    Case("concat", ((2, 2), (2, 3)), _emit(ops.Concat(1))),
    Case("concat with itself", ((2,),), lambda b, x: b.emit(ops.Concat(0), x, x)),
    Case("gather rows", ((4, 2),), lambda b, x: b.emit(ops.Gather(1), x, _index(b, 3, 0, 3))),
    Case("gather entries", ((3, 4),),
         lambda b, x: b.emit(ops.Gather(2), x, _index(b, 0, 2, 2), _index(b, 1, 3, 3))),
    Case("gather by a matrix of indices", ((4,),),
         lambda b, x: b.emit(ops.Gather(1), x, _index(b, 0, 1, 1, 3, shape=(2, 2)))),
    Case("scatter", ((3, 2),),
         lambda b, x: b.emit(ops.Scatter((4, 2)), x, _index(b, 3, 0, 3))),
    Case("inverse", ((3, 3),), _emit(ops.Inverse()), "invertible"),
    Case("inverse of a batch", ((2, 2, 2),), _emit(ops.Inverse()), "invertible"),
    Case("logdet", ((3, 3),), _emit(ops.LogDet()), "invertible"),
    Case("logdet of a batch", ((2, 2, 2),), _emit(ops.LogDet()), "invertible"),
    Case("det", ((3, 3),), _emit(ops.Det()), "invertible"),
    Case("det of a batch", ((2, 2, 2),), _emit(ops.Det()), "invertible"),
    Case("adjugate", ((3, 3),), _adjugate, "invertible"),
    Case("adjugate of a batch", ((2, 3, 3),), _adjugate, "invertible"),
    Case("stop_gradient beside x", ((3,),),
         lambda b, x: b.map("sub", x, b.emit(ops.StopGradient(), b.const(1.0, (3,))))),
)  # fmt: skip
IDS = [case.name for case in CASES]
POINT = Mapping[str, np.ndarray]


def test_cases_cover_each_primitive() -> None:
    seen = set()
    for case in CASES:
        b, args = _inputs(case)
        case.build(b, *args)
        seen |= set(map(type, b.ops))
    assert seen == set(ops.PRIMITIVES)


def _inputs(case: Case) -> tuple[Builder, list[int]]:
    b = Builder()
    return b, [b.input("xyz"[at], shape) for at, shape in enumerate(case.shapes)]


def scalar_graph(case: Case) -> Graph:
    """f = sum(w * sin(case)): a nonlinear function around it, so that second order is not 0."""
    b, args = _inputs(case)
    node = b.map("sin", case.build(b, *args))
    weights = b.input("w", b.shapes[node], "Label")  # no real values: not differentiated by
    product = b.map("mul", weights, node)
    return b.build({"f": b.sum(product, range(len(b.shapes[product])))})


def point_of(graph: Graph, domain: str, seed: int = 0) -> dict[str, np.ndarray]:
    """Seeded values; matrices to invert are kept away from singular ones."""
    rng = np.random.default_rng([seed, len(graph)])
    point = {name: rng.normal(size=graph[name].shape) for name in graph.inputs}
    for name, value in point.items():
        if domain == "positive" and name != "w":
            point[name] = np.exp(value)
        elif domain == "invertible" and name != "w":
            point[name] = 0.5 * value + 2 * np.eye(value.shape[-1])
    return point


WEIGHTS = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}  # central differences of fourth order


def differences(graph: Graph, of: str, at: POINT, wrt: str, step: float = 1e-3) -> np.ndarray:
    """Central differences of a scalar node by every entry of an input; the error is O(step**4)."""
    result = np.zeros(at[wrt].shape)
    for index in np.ndindex(*result.shape):
        for steps, weight in WEIGHTS.items():
            moved = at[wrt].copy()
            moved[index] += steps * step
            result[index] += weight / step * float(evaluate(graph, {**at, wrt: moved})[of])
    return result


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_first_order_rule(case: Case) -> None:
    graph = scalar_graph(case)
    backward = grad(graph)
    at = point_of(graph, case.domain)
    trace = evaluate(backward, at)
    for name in "xyz"[: len(case.shapes)]:
        assert trace[f"f.d_{name}"].shape == at[name].shape
        expected = differences(graph, "f", at, name)
        np.testing.assert_allclose(trace[f"f.d_{name}"], expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_second_order_rule(case: Case) -> None:
    """h = sum(v * df/dx), differentiated again: the gradient of a graph is a graph."""
    first = grad(scalar_graph(case))
    b = Builder.of(first)
    gradient = b.map("mul", b.input("v", case.shapes[0], "Label"), first.id("f.d_x"))
    graph = b.build({"h": b.sum(gradient, range(len(case.shapes[0])))})
    names = list("xyz"[: len(case.shapes)])
    at = point_of(graph, case.domain, seed=1)
    trace = evaluate(grad(graph, of="h", wrt=names), at)
    for name in names:
        expected = differences(graph, "h", at, name)
        np.testing.assert_allclose(trace[f"h.d_{name}"], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("kind", ["argmax", "argmin"])
def test_positions_carry_no_gradient(kind: str) -> None:
    b = Builder()
    x = b.input("x", (2, 3))
    found = b.emit(ops.Reduce(kind, (1,)), x)
    backward = grad(b.build({"f": b.sum(b.map("mul", found, found), (0,))}))
    trace = evaluate(backward, {"x": [[3, 1, 2], [1, 1, 5]]})
    np.testing.assert_array_equal(trace["f.d_x"], np.zeros((2, 3)))


def test_stop_gradient_lets_nothing_through() -> None:
    b = Builder()
    x = b.input("x")
    backward = grad(b.build({"f": b.map("mul", x, b.emit(ops.StopGradient(), x))}))
    assert evaluate(backward, {"x": 3.0})["f.d_x"] == 3.0  # x stopped, not 2x


@pytest.mark.parametrize("kind", ["max", "min"])
def test_ties_share_the_gradient(kind: str) -> None:
    b = Builder()
    x = b.input("x", (4,))
    backward = grad(b.build({"f": b.emit(ops.Reduce(kind, (0,)), x)}))
    trace = evaluate(backward, {"x": [2.0, 2.0, 2.0, 2.0]})
    np.testing.assert_array_equal(trace["f.d_x"], [0.25] * 4)


@pytest.mark.parametrize("zeros", [0, 1, 2])
def test_product_is_right_at_zeros(zeros: int) -> None:
    b = Builder()
    x = b.input("x", (4,))
    backward = grad(b.build({"f": b.emit(ops.Reduce("prod", (0,)), x)}))
    at = np.array([2.0, 3.0, 5.0, 7.0])
    at[:zeros] = 0
    expected = [np.prod(np.delete(at, i)) for i in range(4)]
    np.testing.assert_allclose(evaluate(backward, {"x": at})["f.d_x"], expected, rtol=1e-15)


def test_rules_keep_named_dimensions() -> None:
    """One graph for every size: dL/dW = X.T @ (X @ W) for n = 1, 5 and 8."""
    b = Builder()
    n, d = named("n"), named("d")
    x, w = b.input("X", (n, d)), b.input("W", (d, 2))
    z = b.contract("ij,jk->ik", x, w)
    loss = b.map("mul", b.const(0.5), b.sum(b.map("mul", z, z), (0, 1)))
    backward = grad(b.build({"L": loss}), wrt="W")
    assert backward["L.d_W"].shape == (d, 2)
    rng = np.random.default_rng(0)
    for n_ in (1, 5, 8):
        X, W = rng.normal(size=(n_, 3)), rng.normal(size=(3, 2))
        found = evaluate(backward, {"X": X, "W": W})["L.d_W"]
        np.testing.assert_allclose(found, X.T @ X @ W, rtol=1e-12)


@pytest.mark.parametrize(
    ("op", "operands", "message"),
    [
        (ops.map_of("add"), [(2,), (3,)],
         r"add needs operands of one shape, found \(2,\) and \(3,\)"),
        (ops.contract_of("ij,jk->ik"), [(2, 3), (4, 5)],
         r"einsum 'ij,jk->ik': axis 'j' is 3 and 4 \(operands \(2, 3\) and \(4, 5\)\)"),
        (ops.contract_of("ij->i"), [(2,)], r"operand 'ij' names 2 axes, but its shape is \(2,\)"),
        (ops.contract_of("i->k"), [(2,)], r"einsum 'i->k': output axis 'k' is in no operand"),
        (ops.Reduce("max", (1,)), [(2,)], r"max over axis 1 of an array of shape \(2,\)"),
        (ops.Reduce("max", (0,)), [(0, 2)], r"max over axis 0 of shape \(0, 2\): it is empty"),
        (ops.Broadcast((2, 3), (0,)), [(3,)], r"cannot broadcast shape \(3,\) to \(2, 3\)"),
        (ops.Reshape((4,)), [(2, 3)],
         r"cannot reshape \(2, 3\) \(6 elements\) to \(4,\) \(4 elements\)"),
        (ops.Slice(((0, 1, 1),)), [(2, 3)], r"1 slices for an array of shape \(2, 3\)"),
        (ops.Pad(((0, 1, 1),), (4,)), [(2,)], r"cannot place shape \(2,\) in \(4,\)"),
        (ops.Concat(0), [(2, 3), (2, 4)],
         r"cannot join shapes \(2, 3\) and \(2, 4\) along axis 0"),
        (ops.Gather(2), [(3,), (2,), (2,)], r"2 indices for an array of shape \(3,\)"),
        (ops.Gather(2), [(3, 3), (2,), (4,)],
         r"indices of one shape are needed, found \(2,\) and \(4,\)"),
        (ops.Scatter((4, 2)), [(3, 5), (3,)],
         r"cannot scatter shape \(3, 5\): expected \(3, 2\)"),
        (ops.Inverse(), [(2, 3)], r"inv needs a square matrix, found shape \(2, 3\)"),
        (ops.LogDet(), [(3,)], r"logdet needs a square matrix, found shape \(3,\)"),
        (ops.Adjugate(), [(2, 3), (), (2, 3)], r"adj needs a square matrix"),
        (ops.Adjugate(), [(2, 2), (2,), (2, 2)], r"adjugate of \(2, 2\) needs its determinant"),
        (ops.Det(), [(2, 3)], r"det needs a square matrix, found shape \(2, 3\)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ops.Op) else "",
)  # fmt: skip
def test_wrong_shapes_are_named(op: ops.Op, operands: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        shapes.infer(op, operands)
