"""Names that torch and JAX use otherwise than NumPy mean here what they mean there.

Pasted code must not change its meaning in silence: `torch.var` divides by count - 1,
`F.cross_entropy` takes scores, `jax.nn.gelu` is the approximation by tanh. Each spelling is held
against a formula written here, and against the library itself where it is installed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.special

import graphdbg as gd
from graphdbg import library
from graphdbg.errors import GraphError

Array = np.ndarray
RNG = np.random.default_rng(7)
POINT: dict[str, Array] = {
    "x": RNG.normal(size=(3, 4)),
    "t": RNG.normal(size=(3, 4)),
    "p": RNG.dirichlet([2] * 4, size=3),
    "y": np.array([1, 0, 3]),
    "w": RNG.normal(size=4),
    "b": RNG.normal(size=4),
    "Q": RNG.normal(size=(2, 3, 4)),
    "K": RNG.normal(size=(2, 5, 4)),
    "V": RNG.normal(size=(2, 5, 2)),
}
DECLARED = """x: Real[3, 4]
t: Real[3, 4]
p: Probability[3, 4]
y: Label[3]
w: Real[4]
b: Real[4]
Q: Real[2, 3, 4]
K: Real[2, 5, 4]
V: Real[2, 5, 2]
"""


def _huber(d: Array, delta: float) -> Array:
    a = np.abs(d)
    return np.where(a <= delta, d**2 / 2, delta * (a - delta / 2))


def _tanh_gelu(x: Array) -> Array:
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def _normal(x: Array) -> Array:
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)


class Spelling(NamedTuple):
    """A text as people paste it, which is also Python for the library; `oracle` in NumPy."""

    text: str
    oracle: Callable[..., Any]


TORCH = (
    Spelling("torch.var(x)", lambda x, **_: x.var(ddof=1)),
    Spelling("torch.var(x, dim=1, unbiased=False)", lambda x, **_: x.var(1)),
    Spelling("torch.var(x, dim=0, correction=0)", lambda x, **_: x.var(0)),
    Spelling("torch.std(x, dim=1, keepdim=True)", lambda x, **_: x.std(1, ddof=1, keepdims=True)),
    Spelling("torch.norm(x)", lambda x, **_: np.sqrt((x**2).sum())),
    Spelling("torch.norm(x, p=1)", lambda x, **_: np.abs(x).sum()),
    Spelling("torch.norm(x, dim=1)", lambda x, **_: np.sqrt((x**2).sum(1))),
    Spelling("F.cross_entropy(x, y)",
             lambda x, y, **_: -scipy.special.log_softmax(x, -1)[range(3), y].mean()),
    Spelling("torch.nn.functional.cross_entropy(x, p)",
             lambda x, p, **_: -(p * scipy.special.log_softmax(x, -1)).sum(-1).mean()),
    Spelling("F.nll_loss(F.log_softmax(x, dim=-1), y)",
             lambda x, y, **_: -scipy.special.log_softmax(x, -1)[range(3), y].mean()),
    Spelling("F.kl_div(x, p)", lambda x, p, **_: (p * (np.log(p) - x)).mean()),
    Spelling("F.huber_loss(x, t, delta=0.5)", lambda x, t, **_: _huber(x - t, 0.5).mean()),
    Spelling("F.smooth_l1_loss(x, t, beta=0.5)",
             lambda x, t, **_: _huber(x - t, 0.5).mean() / 0.5),
    Spelling("F.mse_loss(x, t)", lambda x, t, **_: ((x - t) ** 2).mean()),
    Spelling("F.l1_loss(x, t)", lambda x, t, **_: np.abs(x - t).mean()),
    Spelling("F.binary_cross_entropy_with_logits(x, p)",
             lambda x, p, **_: (np.log1p(np.exp(x)) - p * x).mean()),
    Spelling("F.gelu(x)", lambda x, **_: x * scipy.special.ndtr(x)),
    Spelling("F.gelu(x, approximate='tanh')", lambda x, **_: _tanh_gelu(x)),
    Spelling("F.layer_norm(x, (4,), w, b)", lambda x, w, b, **_: w * _normal(x) + b),
    Spelling("F.linear(x, t, b[:3])", lambda x, t, b, **_: x @ t.T + b[:3]),
    Spelling("F.elu(x, alpha=0.5)", lambda x, **_: np.where(x > 0, x, np.expm1(x) / 2)),
    Spelling("F.leaky_relu(x, negative_slope=0.2)", lambda x, **_: np.where(x > 0, x, 0.2 * x)),
    Spelling("F.scaled_dot_product_attention(Q, K, V)",
             lambda Q, K, V, **_: scipy.special.softmax(Q @ K.swapaxes(1, 2) / 2, -1) @ V),
)  # fmt: skip
JAX = (
    Spelling("jax.nn.gelu(x)", lambda x, **_: _tanh_gelu(x)),
    Spelling("jax.nn.gelu(x, approximate=False)", lambda x, **_: x * scipy.special.ndtr(x)),
    Spelling("jax.nn.silu(x)", lambda x, **_: x * scipy.special.expit(x)),
    Spelling("jax.nn.log_sigmoid(x)", lambda x, **_: scipy.special.log_expit(x)),
    Spelling("jnp.var(x, axis=1)", lambda x, **_: x.var(1)),
    Spelling("jax.nn.logsumexp(x, axis=-1)", lambda x, **_: scipy.special.logsumexp(x, -1)),
    Spelling("jax.nn.one_hot(y, 4)", lambda y, **_: np.eye(4)[y]),
    Spelling("jnp.convolve(w, b, mode='same')", lambda w, b, **_: np.convolve(w, b, mode="same")),
)
REFUSED = {"torch_dropout", "torch_batch_norm"}


def test_every_dialect_is_spelled() -> None:
    texts = " ".join(spelling.text for spelling in (*TORCH, *JAX))
    names = {name for name in library.names() if name.startswith(("torch_", "jax_"))}
    assert {name for name in names if f".{name.split('_', 1)[1]}(" not in texts} == REFUSED


@pytest.mark.parametrize("spelling", [*TORCH, *JAX], ids=lambda each: each.text)
def test_spelling_has_its_library_s_meaning(spelling: Spelling) -> None:
    found = evaluated(spelling.text)["r"]
    expected = spelling.oracle(**POINT)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


def evaluated(text: str) -> Any:
    graph = gd.parse(f"{DECLARED}r = {text}\nf = sum(r*r)")
    used = {name: value for name, value in POINT.items() if name in graph.inputs}
    return gd.evaluate(gd.grad(graph, of="f"), used)


@pytest.mark.oracle
@pytest.mark.filterwarnings("ignore:reduction")  # torch on its own kl_div's default
@pytest.mark.parametrize("spelling", TORCH, ids=lambda each: each.text)
def test_torch_says_the_same(spelling: Spelling) -> None:
    """The very text, run by torch: value and gradients."""
    torch = pytest.importorskip("torch")
    names = {"torch": torch, "F": torch.nn.functional}
    for name, value in POINT.items():
        names[name] = torch.tensor(value)
        if name != "y":
            names[name].requires_grad_()
    r = eval(spelling.text, names)  # noqa: S307 (a text of this file)
    trace = evaluated(spelling.text)
    np.testing.assert_allclose(trace["r"], r.detach().numpy(), rtol=1e-12, atol=1e-14)
    (r * r).sum().backward()
    for name in POINT:
        if f"f.d_{name}" in trace.graph and names[name].grad is not None:
            expected = names[name].grad.numpy()
            np.testing.assert_allclose(trace[f"f.d_{name}"], expected, rtol=1e-9, atol=1e-12)


@pytest.mark.oracle
@pytest.mark.parametrize("spelling", JAX, ids=lambda each: each.text)
def test_jax_says_the_same(spelling: Spelling) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    names = {"jax": jax, "jnp": jax.numpy, **POINT}
    found = eval(spelling.text, names)  # noqa: S307 (a text of this file)
    np.testing.assert_allclose(evaluated(spelling.text)["r"], found, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("F.dropout(x, 0.5)", r"a random mask is no function of x: write dropout\(x, mask, p\)"),
        ("F.batch_norm(x, w, b)", r"write batch_norm\(x, gamma, beta\)"),
        ("F.layer_norm(x, (3, 4))", r"normalized_shape is \(its size,\)"),
        ("F.cross_entropy(Q, y)", "for .classes. or .batch, classes. only"),
        ("torch.norm(x, p=3)", "p is 1 or 2"),
        ("F.gelu(x, approximate='erf')", "approximate is 'none' or 'tanh'"),
    ],
)
def test_what_would_mean_something_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        gd.parse(f"{DECLARED}r = {text}")
