"""Batched evaluation against the loop it replaces."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_graphs import random_graph

from graphdbg.calculus import batching
from graphdbg.calculus.batching import batch
from graphdbg.calculus.gradients import grad
from graphdbg.errors import ValueGivenError
from graphdbg.numbers.evaluator import evaluate
from graphdbg.tape import ops, scalars
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph
from graphdbg.tape.sizes import named

SIZE = 3


def point_of(graph: Graph, seed: int, stacked: set[str]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    point = {}
    for at in graph.input_ids:
        op = graph.ops[at]
        shape = ((SIZE,) if op.name in stacked else ()) + op.shape
        label = op.domain == "Label"
        point[op.name] = rng.integers(0, 2, shape) * 1.0 if label else rng.normal(size=shape)
    return point


def assert_like_a_loop(graph: Graph, stacked: set[str], seed: int = 0) -> None:
    point = point_of(graph, seed, stacked)
    got = evaluate(batch(graph, sorted(stacked), SIZE), point)
    depends = dependents(graph, stacked)
    for row in range(SIZE):
        single = {n: v[row] if n in stacked else v for n, v in point.items()}
        trace = evaluate(graph, single)
        for at, name in enumerate(graph.names):
            value = got[name][row] if depends[at] else got[name]
            np.testing.assert_allclose(value, trace[name], rtol=1e-9, atol=1e-12, err_msg=name)


def dependents(graph: Graph, stacked: set[str]) -> list[bool]:
    depends: list[bool] = []
    for op, args in zip(graph.ops, graph.args):
        here = type(op) is ops.Input and op.name in stacked
        depends.append(here or any(depends[arg] for arg in args))
    return depends


def test_every_primitive_has_a_rule() -> None:
    assert set(batching.RULES) == set(ops.PRIMITIVES)


@settings(deadline=None)
@given(
    seed=st.integers(0, 10**6),
    length=st.integers(1, 25),
    stacked=st.sets(st.sampled_from(["x0", "x1", "x2", "x3", "x4", "x5", "labels"]), min_size=1),
)
def test_random_graphs_equal_a_loop(seed: int, length: int, stacked: set[str]) -> None:
    assert_like_a_loop(random_graph(seed, length, scalar=False), stacked, seed)


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), length=st.integers(1, 12))
def test_gradients_equal_a_loop(seed: int, length: int) -> None:
    assert_like_a_loop(grad(random_graph(seed, length)), {"x1", "x3", "x5"}, seed)


def case(op: ops.Op, *shapes: tuple[int, ...], labels: int = 0) -> Graph:
    b = Builder()
    args = [b.input(f"x{at}", shape) for at, shape in enumerate(shapes)]
    args += [b.input(f"i{at}", (4,), "Label") for at in range(labels)]
    return b.build({"y": b.emit(op, *args)})


CASES = {
    "map": case(ops.map_of("mul"), (2, 3), (2, 3)),
    "contract": case(ops.contract_of("ij,jk,k->i"), (2, 3), (3, 2), (2,)),
    "trace": case(ops.contract_of("ii->"), (3, 3)),
    "max": case(ops.Reduce("max", (1,)), (2, 3)),
    "prod": case(ops.Reduce("prod", (0, 1)), (2, 3)),
    "argmax": case(ops.Reduce("argmax", (0,)), (2, 3)),
    "broadcast": case(ops.Broadcast((2, 4, 3), (2, 0)), (3, 2)),
    "reshape": case(ops.Reshape((3, 2)), (6,)),
    "slice": case(ops.Slice(((4, 3, -2), (1, 1, 1))), (5, 3)),
    "pad": case(ops.Pad(((4, 3, -2),), (5,)), (3,)),
    "concat": case(ops.Concat(1), (2, 3), (2, 1)),
    "gather": case(ops.Gather(1), (3, 2), labels=1),
    "gather two": case(ops.Gather(2), (3, 2, 2), labels=2),
    "scatter": case(ops.Scatter((3, 2)), (4, 2), labels=1),
    "scatter two": case(ops.Scatter((3, 2)), (4,), labels=2),
    "inverse": case(ops.Inverse(), (3, 3)),
    "logdet": case(ops.LogDet(), (3, 3)),
    "det": case(ops.Det(), (2, 3, 3)),
    "adjugate": case(ops.Adjugate(), (2, 3, 3), (2,), (2, 3, 3)),
    "stop": case(ops.StopGradient(), (3,)),
}


@pytest.mark.parametrize("name", CASES)
def test_each_operand_alone_and_all_together(name: str) -> None:
    graph = CASES[name]
    for stacked in [{each} for each in graph.inputs] + [set(graph.inputs)]:
        assert_like_a_loop(graph, stacked)


@pytest.mark.parametrize("function", scalars.TABLE)
def test_elementwise_functions(function: str) -> None:
    arity = scalars.TABLE[function].arity
    graph = case(ops.map_of(function), *[(2,)] * arity)
    point = {name: np.array([[0.3, 0.4]] * SIZE) for name in graph.inputs}
    got = evaluate(batch(graph, graph.inputs, SIZE), point)["y"]
    assert got.shape == (SIZE, 2)
    np.testing.assert_array_equal(got[0], evaluate(graph, {n: v[0] for n, v in point.items()})["y"])


def test_a_named_size_and_names_stay() -> None:
    b = Builder()
    x = b.input("x", (named("n"),))
    w = b.input("w", (named("n"),))
    g = b.build({"f": b.contract("i,i->", x, w)})
    stacked = batch(grad(g), "x", named("k"))
    trace = evaluate(stacked, {"x": np.arange(6.0).reshape(3, 2), "w": [1.0, 2.0]})
    np.testing.assert_array_equal(trace["f"], [2.0, 8.0, 14.0])
    np.testing.assert_array_equal(trace["f.d_w"], np.arange(6.0).reshape(3, 2))
    np.testing.assert_array_equal(trace["f.d_x"], [1.0, 2.0])
    assert stacked.outputs == ("f", "f.d_x", "f.d_w")


def test_only_inputs_can_be_stacked() -> None:
    b = Builder()
    g = b.build({"f": b.map("exp", b.input("x"))})
    with pytest.raises(ValueGivenError, match=r"'f' is not an input of the graph.*inputs: x"):
        batch(g, "f", 2)


def test_one_singular_matrix_of_a_stack() -> None:
    graph = CASES["inverse"]
    point = {"x0": np.stack([np.eye(3), np.ones((3, 3)), 2 * np.eye(3)])}
    got = evaluate(batch(graph, "x0", 3), point)["y"]
    np.testing.assert_array_equal(got[0], np.eye(3))
    assert np.isnan(got[1]).all()
    np.testing.assert_array_equal(got[2], np.eye(3) / 2)
