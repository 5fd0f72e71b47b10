"""`gd.mlp`: the program it writes, the network that program is, and what it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

import graphdbg as gd
from graphdbg.errors import GraphError, UnknownNameError
from graphdbg.language import networks

LOSS: dict[str, Callable[..., Any]] = {
    "mse": lambda o, y: ((o - y) ** 2).mean(),
    "l1_loss": lambda o, y: np.abs(o - y).mean(),
    "huber": lambda o, y: scipy.special.huber(1, o - y).mean(),
    "hinge": lambda o, y: np.maximum(0, 1 - y * o).mean(),
    "cross_entropy": lambda o, y: -scipy.special.log_softmax(o, -1)[range(len(o)), y].mean(),
    "softmax_cross_entropy": lambda o, y: (
        -scipy.special.log_softmax(o, -1)[range(len(o)), y].mean()
    ),
    "multiclass_hinge": lambda o, y: np.mean(
        [sum(max(0, s[j] - s[k] + 1) for j in range(len(s)) if j != k) for s, k in zip(o, y)]
    ),
    "binary_cross_entropy": lambda o, y: (np.log1p(np.exp(o)) - y * o).mean(),
    "binary_cross_entropy_with_logits": lambda o, y: (np.log1p(np.exp(o)) - y * o).mean(),
}


def test_oracles_cover_the_losses() -> None:
    assert set(LOSS) == set(networks.LOSSES)


@pytest.mark.parametrize("loss", networks.LOSSES)
def test_network_is_the_formula(loss: str) -> None:
    """o and L of a 3-4-2 network against NumPy, and dL/dW1 in one random direction."""
    graph = gd.mlp([3, 4, 2], activation="tanh", loss=loss)
    rng = np.random.default_rng(0)
    at = {name: rng.normal(size=_shape(graph, name, n=5)) for name in graph.inputs}
    if networks.LABELS.get(loss) == "Label":
        at["y"] = rng.integers(2, size=5)
    elif networks.LABELS.get(loss) == "Bool":
        at["y"] = rng.integers(2, size=(5, 2)).astype(float)
    trace = gd.evaluate(gd.grad(graph, of="L", wrt="W1"), at)
    np.testing.assert_allclose(trace["o"], _scores(at, at["W1"]), rtol=1e-13)
    assert trace["L"] == pytest.approx(LOSS[loss](_scores(at, at["W1"]), at["y"]), rel=1e-12)
    direction = rng.normal(size=(3, 4))
    up, down = (
        LOSS[loss](_scores(at, at["W1"] + step * direction), at["y"]) for step in (1e-6, -1e-6)
    )
    assert np.sum(trace["L.d_W1"] * direction) == pytest.approx((up - down) / 2e-6, rel=1e-6)


def _scores(at: dict[str, Any], W1: Any) -> Any:
    return np.tanh(at["x"] @ W1 + at["b1"]) @ at["W2"] + at["b2"]


def _shape(graph: gd.Graph, name: str, n: int) -> tuple[int, ...]:
    return tuple(n if str(dim) == "n" else int(str(dim)) for dim in graph[name].shape)


def test_one_example_and_a_fixed_batch() -> None:
    single = gd.mlp([2, 16, 16, 1], batch=None)
    assert single["x"].shape == (2,) and single["o"].shape == (1,)
    assert gd.mlp([2, 3], batch=8)["x"].shape == (8, 2)
    assert gd.mlp([2, 3], loss="cross_entropy", batch=None)["y"].shape == ()


def test_without_a_loss_the_scores_are_the_output() -> None:
    assert gd.mlp([2, 3], loss=None).outputs == ("o",)


def test_a_library_function_can_be_the_activation() -> None:
    graph = gd.mlp([2, 3, 1], activation="gelu")
    assert "gelu" in {call.function for call in graph.calls}


def test_each_line_of_the_program_is_a_node_to_step_to() -> None:
    text = networks.program([2, 3, 1])
    graph = gd.mlp([2, 3, 1])
    lines = {node.span.line for node in graph if node.span and node.frame is None}
    lines |= {call.span.line for call in graph.calls if call.span and call.parent < 0}
    assert lines == set(range(1, len(text.splitlines()) + 1))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sizes": [3]}, GraphError, r"at least 2 sizes, input and output; found \[3\]"),
        ({"sizes": [3, 0]}, GraphError, "a size is a whole number of 1 or more; found 0"),
        ({"sizes": [3, 2.5]}, GraphError, "a size is a whole number of 1 or more; found 2.5"),
        ({"sizes": [3, 1], "activation": "tanhh"}, UnknownNameError,
         "no activation function named 'tanhh'; did you mean 'tanh'"),
        ({"sizes": [3, 1], "loss": "mes"}, UnknownNameError,
         "no loss named 'mes'; did you mean 'mse'"),
        ({"sizes": [3, 1], "batch": "n; q"}, GraphError, "batch is a whole number"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told(
    arguments: dict[str, Any], error: type[GraphError], message: str
) -> None:
    with pytest.raises(error, match=message):
        gd.mlp(**arguments)
