"""The functions written in graphdbg's own language, held against formulas written in NumPy here.

Values are compared directly, gradients with fourth-order central differences of the NumPy formula
(which knows nothing of graphdbg), second derivatives with differences of the gradient that was just
found right. The same cases run with named dimensions, and, where JAX is installed, against JAX
differentiating the formula. What happens at +-1000 is in `test_library_extremes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy
import pytest
import scipy.special

import graphdbg as gd
from graphdbg import library
from graphdbg.errors import GraphError, ShapeError, SourceError
from graphdbg.graph import Builder

Array = numpy.ndarray
Kinds = Mapping[str, tuple[Any, ...]]  # name -> (kind, *shape)
DOMAINS = {"real": "Real", "positive": "Positive", "simplex": "Probability", "unit": "Real",
           "onehot": "OneHot", "label": "Label", "sign": "Label", "mask": "Bool"}  # fmt: skip
SMOOTH = ("real", "positive", "simplex", "unit")
NAMES = {2: "a", 3: "n", 4: "d", 5: "k", 6: "m"}


class Case(NamedTuple):
    """`text` in the language and `oracle(np, ...)`, the same in NumPy, of the inputs in order.

    `sizes` says that the program counts with the sizes as numbers, so that names cannot stand in.
    """

    name: str
    text: str
    inputs: Kinds
    oracle: Callable[..., Any]
    sizes: bool = False


def erf(np: Any, x: Any) -> Any:
    return scipy.special.erf(x) if np is numpy else _jax().scipy.special.erf(x)


def _jax() -> Any:
    return pytest.importorskip("jax")


def softplus(np: Any, x: Any) -> Any:
    return np.log1p(np.exp(x))


def softmax(np: Any, x: Any, axis: int = -1) -> Any:
    e = np.exp(x)
    return e / e.sum(axis=axis, keepdims=True)


def rows(np: Any, x: Any, y: Any) -> Any:
    """x[i, y_i] for each example i."""
    return x[np.arange(len(y)), y.astype(int)]


def normal(np: Any, x: Any, axis: Any = -1, eps: float = 1e-5) -> Any:
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred**2).mean(axis=axis, keepdims=True) + eps)


def bce(np: Any, p: Any, y: Any) -> Any:
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def huber(np: Any, p: Any, y: Any, delta: float = 1.0) -> Any:
    d = np.abs(p - y)
    return np.mean(np.where(d <= delta, d**2 / 2, delta * (d - delta / 2)))


def multiclass_hinge(np: Any, s: Any, y: Any) -> Any:
    total = 0.0
    for i in range(s.shape[0]):
        for j in range(s.shape[1]):
            if j != int(y[i]):
                total = total + np.maximum(0, s[i, j] - s[i, int(y[i])] + 1)
    return total / s.shape[0]


def attention(np: Any, Q: Any, K: Any, V: Any, mask: Any = None) -> Any:
    scores = Q @ np.swapaxes(K, -1, -2) / math.sqrt(Q.shape[-1])
    if mask is not None:
        scores = np.where(mask != 0, scores, -1e30)
    return softmax(np, scores) @ V


def conv1d(np: Any, x: Any, w: Any, stride: int = 1) -> Any:
    """(batch, in, length), (out, in, width) -> (batch, out, length): four loops, nothing clever."""
    count = (x.shape[2] - w.shape[2]) // stride + 1
    columns = [
        sum(
            x[:, c, None, stride * i + j] * w[None, :, c, j]
            for c in range(x.shape[1])
            for j in range(w.shape[2])
        )
        for i in range(count)
    ]
    return np.stack(columns, axis=-1)


X34 = {"x": ("real", 3, 4)}
X4 = {"x": ("real", 4)}
PAIR = {"p": ("real", 3, 4), "y": ("real", 3, 4)}
QKV = {"Q": ("real", 3, 4), "K": ("real", 5, 4), "V": ("real", 5, 2)}
BATCHED = {"Q": ("real", 2, 3, 4), "K": ("real", 2, 5, 4), "V": ("real", 2, 5, 3)}
CONV = {"x": ("real", 2, 3, 6), "w": ("real", 4, 3, 2)}
NORM = {"x": ("real", 3, 4), "gamma": ("real", 4), "beta": ("real", 4)}

CASES = (
    # reductions
    Case("mean", "mean(x)", X34, lambda np, x: np.mean(x)),
    Case("mean of rows", "mean(x, axis=1)", X34, lambda np, x: x.mean(axis=1)),
    Case("mean kept", "mean(x, axis=0, keepdims=True)", X34,
         lambda np, x: x.mean(0, keepdims=True)),
    Case("mean method", "x.mean(-1)", X34, lambda np, x: x.mean(-1)),
    Case("mean of two axes", "mean(x, axis=(0, 2))", {"x": ("real", 2, 3, 4)},
         lambda np, x: x.mean((0, 2))),
    Case("var", "var(x)", X34, lambda np, x: np.var(x)),
    Case("var of columns", "np.var(x, axis=0, ddof=1)", X34, lambda np, x: x.var(0, ddof=1)),
    Case("var method", "x.var(axis=1, keepdims=True)", X34, lambda np, x: x.var(1, keepdims=True)),
    Case("std", "std(x)", X34, lambda np, x: np.std(x)),
    Case("std of rows", "x.std(axis=1, ddof=1)", X34, lambda np, x: x.std(1, ddof=1)),
    Case("norm", "norm(x)", X4, lambda np, x: np.linalg.norm(x)),
    Case("norm of a matrix", "np.linalg.norm(x)", X34, lambda np, x: np.sqrt((x**2).sum())),
    Case("norm of rows", "norm(x, axis=1)", X34, lambda np, x: np.sqrt((x**2).sum(1))),
    Case("norm 1", "norm(x, 1)", X4, lambda np, x: np.abs(x).sum()),
    Case("norm 2 kept", "norm(x, ord=2, axis=0, keepdims=True)", X34,
         lambda np, x: np.sqrt((x**2).sum(0, keepdims=True))),
    Case("cumsum", "cumsum(x)", X4, lambda np, x: np.cumsum(x)),
    # softmax
    Case("softmax", "softmax(x)", X4, softmax),
    Case("softmax of rows", "softmax(x)", X34, softmax),
    Case("softmax of columns", "softmax(x, axis=0)", X34, lambda np, x: softmax(np, x, 0)),
    Case("log_softmax", "log_softmax(x)", X34, lambda np, x: np.log(softmax(np, x))),
    Case("logsumexp", "logsumexp(x)", X4, lambda np, x: np.log(np.exp(x).sum())),
    Case("logsumexp of columns", "logsumexp(x, axis=0, keepdims=True)", X34,
         lambda np, x: np.log(np.exp(x).sum(0, keepdims=True))),
    Case("logaddexp", "logaddexp(x, y)", {"x": ("real", 4), "y": ("real", 4)},
         lambda np, x, y: np.log(np.exp(x) + np.exp(y))),
    # activations
    Case("leaky_relu", "leaky_relu(x)", X34, lambda np, x: np.where(x > 0, x, 0.01 * x)),
    Case("leaky_relu slope", "leaky_relu(x, 0.2)", X34, lambda np, x: np.where(x > 0, x, 0.2 * x)),
    Case("elu", "elu(x)", X34, lambda np, x: np.where(x > 0, x, np.exp(x) - 1)),
    Case("elu alpha", "elu(x, alpha=0.5)", X34,
         lambda np, x: np.where(x > 0, x, (np.exp(x) - 1) / 2)),
    Case("selu", "selu(x)", X34, lambda np, x: 1.0507009873554804934193349852946
         * np.where(x > 0, x, 1.6732632423543772848170429916717 * (np.exp(x) - 1))),
    Case("gelu", "gelu(x)", X34, lambda np, x: x * (1 + erf(np, x / math.sqrt(2))) / 2),
    Case("gelu_tanh", "gelu_tanh(x)", X34, lambda np, x: x / 2
         * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))),
    Case("silu", "silu(x)", X34, lambda np, x: x / (1 + np.exp(-x))),
    Case("swish", "swish(x, beta=1.5)", X34, lambda np, x: x / (1 + np.exp(-1.5 * x))),
    Case("mish", "mish(x)", X34, lambda np, x: x * np.tanh(softplus(np, x))),
    Case("relu6", "relu6(4*x)", X34, lambda np, x: np.minimum(np.maximum(4 * x, 0), 6)),
    Case("softsign", "softsign(x)", X34, lambda np, x: x / (1 + np.abs(x))),
    # elementwise
    Case("clip", "clip(x, -0.5, 0.5)", X34, lambda np, x: np.clip(x, -0.5, 0.5)),
    Case("clip one side", "np.clip(x, None, 0.3)", X34, lambda np, x: np.minimum(x, 0.3)),
    Case("clamp", "torch.clamp(x, min=0.1)", X34, lambda np, x: np.maximum(x, 0.1)),
    Case("square", "np.square(x)", X34, lambda np, x: x**2),
    Case("reciprocal", "reciprocal(x)", {"x": ("positive", 4)}, lambda np, x: 1 / x),
    Case("log2", "np.log2(x)", {"x": ("positive", 4)}, lambda np, x: np.log2(x)),
    Case("log10", "np.log10(x)", {"x": ("positive", 4)}, lambda np, x: np.log10(x)),
    # linear algebra
    Case("solve", "solve(A + 3*eye(3), b)", {"A": ("real", 3, 3), "b": ("real", 3)},
         lambda np, A, b: np.linalg.solve(A + 3 * np.eye(3), b), True),
    Case("solve for columns", "np.linalg.solve(A + 3*eye(3), B)",
         {"A": ("real", 3, 3), "B": ("real", 3, 2)},
         lambda np, A, B: np.linalg.solve(A + 3 * np.eye(3), B), True),
    Case("logdet", "logdet(A + 4*eye(3))", {"A": ("real", 3, 3)},
         lambda np, A: np.log(np.linalg.det(A + 4 * np.eye(3))), True),
    Case("slogdet", "sign_, r = np.linalg.slogdet(A - 4*eye(3))", {"A": ("real", 3, 3)},
         lambda np, A: np.log(-np.linalg.det(A - 4 * np.eye(3))), True),
    Case("kron", "kron(A, B)", {"A": ("real", 2, 3), "B": ("real", 3, 2)},
         lambda np, A, B: np.kron(A, B)),
    Case("tril", "tril(A)", {"A": ("real", 3, 4)}, lambda np, A: np.tril(A)),
    Case("triu", "np.triu(A)", {"A": ("real", 3, 4)}, lambda np, A: np.triu(A)),
    Case("cosine_similarity", "cosine_similarity(x, y)", {"x": ("real", 4), "y": ("real", 4)},
         lambda np, x, y: x @ y / np.sqrt((x @ x) * (y @ y))),
    # losses
    Case("cross_entropy one-hot", "cross_entropy(p, y)",
         {"p": ("simplex", 4), "y": ("simplex", 4)}, lambda np, p, y: -(y * np.log(p)).sum()),
    Case("cross_entropy label", "cross_entropy(p, y)", {"p": ("simplex", 4), "y": ("label",)},
         lambda np, p, y: -np.log(p[int(y)])),
    Case("cross_entropy batch", "cross_entropy(p, y)",
         {"p": ("simplex", 3, 4), "y": ("onehot", 3, 4)},
         lambda np, p, y: -(y * np.log(p)).sum() / len(p)),
    Case("cross_entropy batch of labels", "cross_entropy(p, y)",
         {"p": ("simplex", 3, 4), "y": ("label", 3)},
         lambda np, p, y: -np.log(rows(np, p, y)).mean()),
    Case("cross_entropy of softmax", "cross_entropy(softmax(x), y)",
         {"x": ("real", 3, 4), "y": ("onehot", 3, 4)},
         lambda np, x, y: -(y * np.log(softmax(np, x))).sum() / len(x)),
    Case("cross_entropy of softmax, labels", "cross_entropy(softmax(x), y)",
         {"x": ("real", 3, 4), "y": ("label", 3)},
         lambda np, x, y: -np.log(rows(np, softmax(np, x), y)).mean()),
    Case("cross_entropy of softmax, a sequence of labels", "cross_entropy(softmax(x), y)",
         {"x": ("real", 2, 3, 4), "y": ("label", 2, 3)},
         lambda np, x, y: -np.log(rows(np, softmax(np, x).reshape(6, 4), y.reshape(6))).mean()),
    Case("cross_entropy of four axes", "cross_entropy(softmax(x), y)",
         {"x": ("real", 2, 3, 2, 4), "y": ("label", 2, 3, 2)},
         lambda np, x, y: -np.log(rows(np, softmax(np, x).reshape(12, 4), y.reshape(12))).mean()),
    Case("softmax_cross_entropy", "softmax_cross_entropy(x, y)",
         {"x": ("real", 4), "y": ("simplex", 4)},
         lambda np, x, y: -(y * np.log(softmax(np, x))).sum()),
    Case("softmax_cross_entropy of labels", "softmax_cross_entropy(x, y)",
         {"x": ("real", 3, 4), "y": ("label", 3)},
         lambda np, x, y: -np.log(rows(np, softmax(np, x), y)).mean()),
    Case("nll_loss", "nll_loss(log_softmax(x), y)", {"x": ("real", 3, 4), "y": ("label", 3)},
         lambda np, x, y: -np.log(rows(np, softmax(np, x), y)).mean()),
    Case("one_hot", "one_hot(y, 4) * x", {"x": ("real", 3, 4), "y": ("label", 3)},
         lambda np, x, y: np.eye(4)[y.astype(int)] * x, True),
    Case("binary_cross_entropy", "binary_cross_entropy(p, y)",
         {"p": ("unit", 3, 4), "y": ("unit", 3, 4)}, bce),
    Case("binary_cross_entropy of sigmoid", "binary_cross_entropy(sigmoid(x), y)",
         {"x": ("real", 3, 4), "y": ("unit", 3, 4)},
         lambda np, x, y: bce(np, 1 / (1 + np.exp(-x)), y)),
    Case("binary_cross_entropy_with_logits", "binary_cross_entropy_with_logits(x, y)",
         {"x": ("real", 3, 4), "y": ("unit", 3, 4)},
         lambda np, x, y: bce(np, 1 / (1 + np.exp(-x)), y)),
    Case("mse", "mse(p, y)", PAIR, lambda np, p, y: ((p - y) ** 2).mean()),
    Case("mse_loss", "F.mse_loss(p, y)", PAIR, lambda np, p, y: ((p - y) ** 2).mean()),
    Case("l1_loss", "l1_loss(p, y)", PAIR, lambda np, p, y: np.abs(p - y).mean()),
    Case("huber", "huber(p, y)", PAIR, huber),
    Case("huber delta", "huber(p, y, delta=0.3)", PAIR, lambda np, p, y: huber(np, p, y, 0.3)),
    Case("hinge", "hinge(s, y)", {"s": ("real", 4), "y": ("sign", 4)},
         lambda np, s, y: np.maximum(0, 1 - y * s).mean()),
    Case("multiclass_hinge", "multiclass_hinge(s, y)", {"s": ("real", 3, 4), "y": ("label", 3)},
         multiclass_hinge),
    Case("kl_div", "kl_div(p, q)", {"p": ("simplex", 3, 4), "q": ("simplex", 3, 4)},
         lambda np, p, q: (p * np.log(p / q)).sum(-1).mean()),
    Case("kl_div to softmax", "kl_div(p, softmax(x))", {"p": ("simplex", 4), "x": ("real", 4)},
         lambda np, p, x: (p * np.log(p / softmax(np, x))).sum()),
    Case("l1_penalty", "l1_penalty(w)", {"w": ("real", 4)}, lambda np, w: np.abs(w).sum()),
    Case("l2_penalty", "l2_penalty(w)", {"w": ("real", 4)}, lambda np, w: (w**2).sum()),
    Case("elastic_net", "elastic_net(w, 0.3, 0.7)", {"w": ("real", 3, 4)},
         lambda np, w: 0.3 * (0.7 * np.abs(w).sum() + 0.15 * (w**2).sum())),
    # layers
    Case("linear", "linear(x, W, b)",
         {"x": ("real", 3, 4), "W": ("real", 2, 4), "b": ("real", 2)},
         lambda np, x, W, b: x @ W.T + b),
    Case("dense", "dense(x, W, b)", {"x": ("real", 4), "W": ("real", 4, 2), "b": ("real", 2)},
         lambda np, x, W, b: x @ W + b),
    Case("dense without bias", "dense(x, W)", {"x": ("real", 3, 4), "W": ("real", 4, 2)},
         lambda np, x, W: x @ W),
    Case("layer_norm", "layer_norm(x, gamma, beta)", NORM,
         lambda np, x, gamma, beta: gamma * normal(np, x) + beta),
    Case("layer_norm alone", "layer_norm(x, eps=0.1)", X4,
         lambda np, x: normal(np, x, eps=0.1)),
    Case("batch_norm", "batch_norm(x, gamma, beta)", NORM,
         lambda np, x, gamma, beta: gamma * normal(np, x, 0) + beta),
    Case("rms_norm", "rms_norm(x, gamma)", {"x": ("real", 3, 4), "gamma": ("real", 4)},
         lambda np, x, gamma: gamma * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)),
    Case("dropout", "dropout(x, mask, 0.25)", {"x": ("real", 3, 4), "mask": ("mask", 3, 4)},
         lambda np, x, mask: mask * x / 0.75),
    # attention
    Case("attention", "attention(Q, K, V)", QKV, attention),
    Case("attention, masked", "attention(Q, K, V, mask)", {**QKV, "mask": ("mask", 3, 5)},
         attention),
    Case("attention in batches", "attention(Q, K, V)", BATCHED, attention),
    Case("causal attention", "attention(Q, K, V, causal_mask(5))", {**QKV, "Q": ("real", 5, 4)},
         lambda np, Q, K, V: attention(np, Q, K, V, np.tril(np.ones((5, 5)))), True),
    # convolution
    Case("convolve", "convolve(x, w)", {"x": ("real", 6), "w": ("real", 3)},
         lambda np, x, w: np.convolve(x, w)),
    Case("convolve valid", "np.convolve(x, w, mode='valid')", {"x": ("real", 6), "w": ("real", 3)},
         lambda np, x, w: np.convolve(x, w, mode="valid")),
    Case("convolve same, odd", "np.convolve(x, w, 'same')", {"x": ("real", 6), "w": ("real", 3)},
         lambda np, x, w: np.convolve(x, w, mode="same"), True),
    Case("convolve same, even", "convolve(x, w, mode='same')", {"x": ("real", 6), "w": ("real", 4)},
         lambda np, x, w: np.convolve(x, w, mode="same"), True),
    Case("conv1d of vectors", "conv1d(x, w)", {"x": ("real", 6), "w": ("real", 3)},
         lambda np, x, w: np.correlate(x, w, mode="valid")),
    Case("conv1d of a batch", "conv1d(x, w)", CONV,
         conv1d),
    Case("conv1d with bias", "conv1d(x, w, b)",
         {**CONV, "b": ("real", 4)},
         lambda np, x, w, b: conv1d(np, x, w) + b[:, None]),
    Case("conv1d of one example", "conv1d(x, w)", {"x": ("real", 3, 6), "w": ("real", 4, 3, 2)},
         lambda np, x, w: conv1d(np, x[None], w)[0]),
    Case("conv1d stride", "conv1d(x, w, stride=2)", CONV,
         lambda np, x, w: conv1d(np, x, w, 2), True),
    Case("conv1d padding", "conv1d(x, w, padding=1)", CONV,
         lambda np, x, w: conv1d(np, np.pad(x, ((0, 0), (0, 0), (1, 1))), w)),
)  # fmt: skip
IDS = [case.name for case in CASES]
HELPERS = {
    "pick",
    "windows",
    "pad_ends",
    "log_probability",
    "guarded_log",
    "mlp",
}  # tested through their callers


def test_every_function_has_a_case() -> None:
    texts = " ".join(case.text for case in CASES)
    missing = {name for name in library.names() if f"{name}(" not in texts}
    assert {name for name in missing if not name.startswith(("torch_", "jax_"))} == HELPERS


def point_of(case: Case, seed: int = 0) -> dict[str, Array]:
    """Seeded values of the case's inputs."""
    rng = numpy.random.default_rng([seed, *case.name.encode()])
    return {name: _draw(rng, *kind) for name, kind in case.inputs.items()}


def _draw(rng: numpy.random.Generator, kind: str, *shape: int) -> Array:
    if kind == "onehot":
        return numpy.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]
    draws: dict[str, Callable[[], Any]] = {
        "real": lambda: rng.normal(size=shape),
        "positive": lambda: rng.uniform(0.3, 2, size=shape),
        "simplex": lambda: rng.dirichlet([2] * shape[-1], size=shape[:-1]),
        "unit": lambda: rng.uniform(0.1, 0.9, size=shape),
        "label": lambda: rng.integers(4, size=shape).astype(float),
        "sign": lambda: rng.choice([-1.0, 1.0], size=shape),
        "mask": lambda: (rng.uniform(size=shape) < 0.7).astype(float),
    }
    return numpy.asarray(draws[kind]())


def program(case: Case, result: tuple[int, ...], names: Mapping[int, str] | None = None) -> str:
    """The case as a program whose output f = sum(c * r) is a scalar."""
    dims = names or {}
    lines = [_declare(name, kind, dims) for name, kind in case.inputs.items()]
    lines.append(case.text if "r =" in case.text else f"r = {case.text}")
    if not result:
        return "\n".join([*lines, "c: Label", "f = c*r"])
    if names:
        return "\n".join([*lines, "f = sum(r**2)"])
    return "\n".join([*lines, f"c: Label[{', '.join(map(str, result))}]", "f = sum(c*r)"])


def _declare(name: str, kind: tuple[Any, ...], dims: Mapping[int, str]) -> str:
    shape = ", ".join(str(dims.get(size, size)) for size in kind[1:])
    return f"{name}: {DOMAINS[kind[0]]}" + (f"[{shape}]" if shape else "")


WEIGHTS = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}  # central differences of fourth order


def differences(
    function: Callable[[Mapping[str, Array]], float], at: Mapping[str, Array], wrt: str
) -> Array:
    """Central differences of a scalar function by every entry of `wrt`; the error is O(1e-12)."""
    step = 1e-3
    result = numpy.zeros(at[wrt].shape)
    for index in numpy.ndindex(*result.shape):
        for steps, weight in WEIGHTS.items():
            moved = at[wrt].copy()
            moved[index] += steps * step
            result[index] += weight / step * function({**at, wrt: moved})
    return result


def smooth(case: Case) -> list[str]:
    return [name for name, kind in case.inputs.items() if kind[0] in SMOOTH]


def weights(shape: tuple[int, ...]) -> Array:
    return numpy.random.default_rng(len(shape)).normal(size=shape)


def points_of_program(case: Case) -> tuple[gd.Graph, dict[str, Array], Array]:
    """The graph, a point and what NumPy says."""
    at = point_of(case)
    expected = numpy.asarray(case.oracle(numpy, *at.values()))
    graph = gd.parse(program(case, expected.shape))
    return graph, at | {"c": weights(expected.shape)}, expected


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_value(case: Case) -> None:
    graph, at, expected = points_of_program(case)
    found = gd.evaluate(graph, at)["r"]
    assert found.shape == expected.shape
    numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient(case: Case) -> None:
    graph, at, _ = points_of_program(case)
    trace = gd.evaluate(gd.grad(graph, of="f", wrt=smooth(case)), at)

    def f(moved: Mapping[str, Array]) -> float:
        return float(
            numpy.sum(at["c"] * case.oracle(numpy, *(moved[name] for name in case.inputs)))
        )

    for name in smooth(case):
        expected = differences(f, at, name)
        numpy.testing.assert_allclose(trace[f"f.d_{name}"], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_second_order(case: Case) -> None:
    """d/dx of h = sum(v * df/dx), against differences of df/dx."""
    graph, at, _ = points_of_program(case)
    name = smooth(case)[0]
    first = gd.grad(graph, of="f", wrt=smooth(case))
    v = weights(at[name].shape)

    def h(moved: Mapping[str, Array]) -> float:
        return float(numpy.sum(v * gd.evaluate(first, moved)[f"f.d_{name}"]))

    b = Builder.of(first)
    product = b.map("mul", b.input("v", at[name].shape, "Label"), first.id(f"f.d_{name}"))
    twice = gd.grad(b.build({"h": b.sum(product, range(at[name].ndim))}), of="h", wrt=name)
    found = gd.evaluate(twice, at | {"v": v})[f"h.d_{name}"]
    numpy.testing.assert_allclose(found, differences(h, at, name), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", [case for case in CASES if not case.sizes], ids=lambda c: c.name)
def test_named_dimensions(case: Case) -> None:
    """The same program with every dimension a name gives the same value and gradient."""
    at = point_of(case)
    expected = numpy.asarray(case.oracle(numpy, *at.values()))
    graph = gd.parse(program(case, expected.shape, NAMES))
    if not expected.shape:
        at["c"] = weights(())
    trace = gd.evaluate(gd.grad(graph, of="f", wrt=smooth(case)), at)
    numpy.testing.assert_allclose(trace["r"], expected, rtol=1e-12, atol=1e-14)

    def f(moved: Mapping[str, Array]) -> float:
        r = numpy.asarray(case.oracle(numpy, *(moved[name] for name in case.inputs)))
        return float(numpy.sum(r**2)) if r.shape else float(at["c"] * r)

    for name in smooth(case):
        numpy.testing.assert_allclose(
            trace[f"f.d_{name}"], differences(f, at, name), rtol=1e-6, atol=1e-8
        )


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient_agrees_with_jax(case: Case) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    graph, at, _ = points_of_program(case)
    trace = gd.evaluate(gd.grad(graph, of="f", wrt=smooth(case)), at)
    names = smooth(case)

    def f(*values: Any) -> Any:
        moved = {**at, **dict(zip(names, values))}
        return (at["c"] * case.oracle(jax.numpy, *(moved[name] for name in case.inputs))).sum()

    found = jax.grad(f, tuple(range(len(names))))(*(at[name] for name in names))
    for name, expected in zip(names, found):
        numpy.testing.assert_allclose(trace[f"f.d_{name}"], expected, rtol=1e-9, atol=1e-11)


# ------------------------------------------------------------------ frames, parameters, errors


def test_every_definition_has_a_docstring_and_short_lines() -> None:
    for name, source in library.index().items():
        lines = source.text.splitlines()
        assert all(len(line) <= 100 for line in lines), name
        body = [line.strip() for line in lines if line.strip()]
        assert body[1].startswith('"""'), name
        assert len(body) <= 25, f"{name}: {len(body)} lines are more than a screen for a student"


def test_each_definition_stands_where_its_source_says() -> None:
    for name, source in library.index().items():
        text = (library.FOLDER / source.name.removeprefix("library/")).read_text("utf-8")
        line = len(source.text) - len(source.text.lstrip("\n"))
        assert text.splitlines()[line].startswith(f"def {name}("), name


def test_calls_are_frames_that_name_the_source_line() -> None:
    graph = gd.parse("o: Real[3]\np = softmax(o)")
    (call,) = graph.calls
    assert call.function == "softmax"
    inside = [node for node in graph if node.frame is not None]
    assert {node.span.source.name for node in inside if node.span} == {"library/softmax.gd"}
    texts = [node.span.text for node in inside if node.span]
    assert any("exp(shifted)" in text for text in texts)


def test_mlp_declares_its_parameters() -> None:
    graph = gd.parse("x: Real[n, 3]\no = mlp(x, [4, 2], activation=relu)")
    shapes = {name: graph[name].shape for name in graph.inputs if name != "x"}
    assert shapes == {"o.W1": (3, 4), "o.b1": (4,), "o.W2": (4, 2), "o.b2": (2,)}
    rng = numpy.random.default_rng(0)
    at = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    x = rng.normal(size=(5, 3))
    hidden = numpy.maximum(x @ at["o.W1"] + at["o.b1"], 0)
    found = gd.evaluate(graph, at | {"x": x})["o"]
    numpy.testing.assert_allclose(found, hidden @ at["o.W2"] + at["o.b2"], rtol=1e-13)


def test_mlp_takes_a_single_vector() -> None:
    graph = gd.parse("x: Real[3]\no = mlp(x, [4, 1])")
    assert graph["o"].shape == (1,)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("x: Real[2, 2]\nf = norm(x, 1)", GraphError, "a matrix has the Frobenius norm only"),
        ("x: Real[2]\nf = norm(x, 3)", GraphError, "ord is 1 or 2"),
        ("x: Real[2, 2]\nf = convolve(x, x)", GraphError, "convolve takes two vectors"),
        ("x: Real[4]\nf = convolve(x, x, 'half')", GraphError, "mode is 'full', 'valid' or 'same'"),
        ("p: Real[2, 3, 4]\ny: Label[2]\nf = cross_entropy(p, y)", GraphError,
         "y holds a class number per example, or a one-hot row"),
        ("x: Real[3]\nf = kron(x, x)", GraphError, "kron takes two matrices"),
        ("x: Real[3]\ny: Real[4]\nf = mse(x, y)", ShapeError,
         r"shapes \(3,\) and \(4,\) do not broadcast"),
        ("x: Real[3]\nf = softmax(x, 0, 1)", SourceError, "softmax"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told(text: str, error: type[GraphError], message: str) -> None:
    with pytest.raises(error, match=message):
        gd.parse(text)
