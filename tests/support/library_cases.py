"""One row per use of a library function: a program, its inputs, and the same in NumPy.

The oracles take the array module first (`numpy`, or `jax.numpy`), so that JAX can differentiate
them; they know nothing of graphdbg.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy
import pytest
import scipy.special

import graphdbg as gd

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


def rmsprop(np: Any, w: Any, g: Any, s: Any) -> Any:
    s = 0.99 * s + 0.01 * g**2
    return w - 0.5 * g / (np.sqrt(s) + 1e-8) + 2 * s


def adam(np: Any, w: Any, g: Any, m: Any, s: Any, t: Any) -> Any:
    """Kingma and Ba, algorithm 1, in the order of its lines."""
    m = 0.9 * m + (1 - 0.9) * g
    s = 0.999 * s + (1 - 0.999) * g**2
    step = 0.5 * (m / (1 - 0.9**t)) / (np.sqrt(s / (1 - 0.999**t)) + 1e-8)
    return w - step + 2 * m + 3 * s


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
RATE = {"t": ("positive",), "lr": ("positive",)}
STEP = {"w": ("real", 3), "g": ("real", 3)}
ADAM = {**STEP, "m": ("real", 3), "s": ("positive", 3), "t": ("positive",)}
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
    Case("sgd", "sgd(w, g, lr=0.5)", STEP, lambda np, w, g: w - 0.5 * g),
    Case("momentum", "a, b = momentum(w, g, v, lr=0.5); r = a + 2*b", {**STEP, "v": ("real", 3)},
         lambda np, w, g, v: w + 1.5 * (0.9 * v + g)),
    Case("nesterov", "a, b = nesterov(w, g, v, lr=0.5); r = a + 2*b", {**STEP, "v": ("real", 3)},
         lambda np, w, g, v: w - 0.5 * (g + 0.9 * (0.9 * v + g)) + 2 * (0.9 * v + g)),
    Case("adagrad", "a, b = adagrad(w, g, s, lr=0.5); r = a + 2*b", {**STEP, "s": ("positive", 3)},
         lambda np, w, g, s: w - 0.5 * g / (np.sqrt(s + g**2) + 1e-10) + 2 * (s + g**2)),
    Case("rmsprop", "a, b = rmsprop(w, g, s, lr=0.5); r = a + 2*b", {**STEP, "s": ("positive", 3)},
         lambda np, w, g, s: rmsprop(np, w, g, s)),
    Case("adam", "a, b, e = adam(w, g, m, s, t, lr=0.5); r = a + 2*b + 3*e", ADAM, adam),
    Case("adamw", "a, b, e = adamw(w, g, m, s, t, lr=0.5); r = a + 2*b + 3*e", ADAM,
         lambda np, w, g, m, s, t: adam(np, w * (1 - 0.5 * 0.01), g, m, s, t)),
    Case("constant", "constant(t, lr)", RATE, lambda np, t, lr: lr + 0 * t),
    Case("step_decay", "step_decay(10*t, lr, every=3)", RATE,
         lambda np, t, lr: lr * 0.5 ** np.floor((10 * t - 1) / 3)),
    Case("exponential_decay", "exponential_decay(t, lr, rate=0.5)", RATE,
         lambda np, t, lr: lr * np.exp(-0.5 * (t - 1))),
    Case("inverse_decay", "inverse_decay(t, lr, rate=0.5)", RATE,
         lambda np, t, lr: lr / (1 + 0.5 * (t - 1))),
    Case("cosine_decay", "cosine_decay(t, lr, total=4, least=0.1)", RATE,
         lambda np, t, lr: 0.1 + (lr - 0.1) * (1 + np.cos(np.pi * np.minimum((t - 1) / 4, 1))) / 2),
    Case("warm_up", "warm_up(t, lr, steps=4)", RATE,
         lambda np, t, lr: lr * np.minimum(t / 4, 1)),
)  # fmt: skip


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


def smooth(case: Case) -> list[str]:
    """The inputs that a case may be differentiated by."""
    return [name for name, kind in case.inputs.items() if kind[0] in SMOOTH]


def weights(shape: tuple[int, ...]) -> Array:
    """The c of `f = sum(c*r)`."""
    return numpy.random.default_rng(len(shape)).normal(size=shape)


def points_of_program(case: Case) -> tuple[gd.Graph, dict[str, Array], Array]:
    """The graph, a point and what NumPy says."""
    at = point_of(case)
    expected = numpy.asarray(case.oracle(numpy, *at.values()))
    graph = gd.parse(program(case, expected.shape))
    return graph, at | {"c": weights(expected.shape)}, expected
