"""The language against NumPy: each program's value equals the same computation done by NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdbg.errors import GraphError
from graphdbg.language.parser import parse
from graphdbg.numbers.evaluator import evaluate

RNG = np.random.default_rng(7)
POINT = {
    "a": np.float64(0.7),
    "b": np.float64(-1.3),
    "x": RNG.normal(size=4),
    "y": RNG.normal(size=4),
    "v": RNG.normal(size=3),
    "A": RNG.normal(size=(3, 4)),
    "B": RNG.normal(size=(4, 5)),
    "M": RNG.normal(size=(3, 3)) + 3 * np.eye(3),
    "T3": RNG.normal(size=(2, 3, 4)),
    "U3": RNG.normal(size=(2, 4, 5)),
    "idx": np.array([2, 0, 3, 2, 1]),
    "lab": np.array([1, 3, 0]),
    "m": np.array([1.0, 0.0, 1.0, 1.0]),
}
P = type("Point", (), POINT)


def value(text: str) -> np.ndarray:
    """The value of the only output of a program at POINT."""
    graph = parse(text, values=POINT)
    assert len(graph.outputs) == 1, graph.outputs
    trace = evaluate(graph, {name: POINT[name] for name in graph.inputs})
    return trace[graph.outputs[0]]


CASES = [
    # arithmetic and elementwise functions
    ("2*a + b", lambda: 2 * P.a + P.b),
    ("a - b - 1", lambda: P.a - P.b - 1),
    ("a / b / 2", lambda: P.a / P.b / 2),
    ("-a**2", lambda: -(P.a**2)),
    ("2**-a", lambda: 2**-P.a),
    ("2**3**2 * a", lambda: 512 * P.a),
    ("x // 0.3", lambda: P.x // 0.3),
    ("x % 0.3", lambda: P.x % 0.3),
    ("np.exp(x) + numpy.sin(x) + jnp.cos(x) + torch.tanh(x) + math.sqrt(a)",
     lambda: np.exp(P.x) + np.sin(P.x) + np.cos(P.x) + np.tanh(P.x) + math.sqrt(P.a)),
    ("ln(a) + log(a, 2)", lambda: np.log(P.a) + np.log2(P.a)),
    ("np.power(a, 3) + np.multiply(a, b) + np.subtract(a, b) + np.negative(a)",
     lambda: P.a**3 + P.a * P.b + P.a - P.b - P.a),
    ("abs(x) + fabs(y) + np.absolute(x)", lambda: 2 * np.abs(P.x) + np.abs(P.y)),
    ("asin(a) + acos(a) + atan(a) + arctan(a)",
     lambda: np.arcsin(P.a) + np.arccos(P.a) + 2 * np.arctan(P.a)),
    ("max(0, x)", lambda: np.maximum(0, P.x)),
    ("min(a, b, 0)", lambda: min(P.a, P.b, 0)),
    ("max(x)", lambda: P.x.max()),
    ("max([a, b, 1])", lambda: 1.0),
    ("sum([a, b, 1])", lambda: P.a + P.b + 1),
    ("sum(x[i]*i for i in range(4))", lambda: (P.x * np.arange(4)).sum()),
    ("pi*a + π + np.pi + math.e", lambda: np.pi * P.a + 2 * np.pi + math.e),
    # masks
    ("x > 0", lambda: P.x > 0),
    ("(x > 0)*x + (x <= y)*y", lambda: (P.x > 0) * P.x + (P.x <= P.y) * P.y),
    ("-1 < x < 1", lambda: (P.x > -1) & (P.x < 1)),
    ("(x > 0) & (y > 0) | ~(x > y)", lambda: (P.x > 0) & (P.y > 0) | ~(P.x > P.y)),
    ("x > 0 and y > 0 or not x > y", lambda: (P.x > 0) & (P.y > 0) | ~(P.x > P.y)),
    ("where(x > 0, x, y)", lambda: np.where(P.x > 0, P.x, P.y)),
    ("x if x > y else y", lambda: np.maximum(P.x, P.y)),
    ("1[x > 0] y.sum()", lambda: (P.x > 0) * P.y.sum()),
    ("np.any(x > 100) + np.all(x < 100)", lambda: 1.0),
    # reductions
    ("A.sum()", lambda: P.A.sum()),
    ("A.sum(axis=0, keepdims=True)", lambda: P.A.sum(axis=0, keepdims=True)),
    ("A.sum(dim=-1, keepdim=True)", lambda: P.A.sum(-1, keepdims=True)),
    ("np.sum(T3, (0, 2))", lambda: P.T3.sum((0, 2))),
    ("np.max(A, 1)", lambda: P.A.max(1)),
    ("A.max(1)", lambda: P.A.max(1)),
    ("torch.max(x, y)", lambda: np.maximum(P.x, P.y)),
    ("A.min(axis=0)", lambda: P.A.min(0)),
    ("T3.max()", lambda: P.T3.max()),
    ("A.prod(1) + np.prod(v)", lambda: P.A.prod(1) + P.v.prod()),
    ("A.argmax(1) + argmin(A, axis=1)", lambda: P.A.argmax(1) + P.A.argmin(1)),
    ("argmax(A)", lambda: P.A.argmax()),
    ("A.mean() + A.mean(0)", lambda: P.A.mean() + P.A.mean(0)),
    ("A.var(axis=1) + A.std(axis=1)", lambda: P.A.var(1) + P.A.std(1)),
    ("norm(x) + np.linalg.norm(A)", lambda: np.linalg.norm(P.x) + np.linalg.norm(P.A)),
    # products
    ("A @ B", lambda: P.A @ P.B),
    ("x @ y", lambda: P.x @ P.y),
    ("A @ x", lambda: P.A @ P.x),
    ("v @ A", lambda: P.v @ P.A),
    ("T3 @ U3", lambda: P.T3 @ P.U3),
    ("T3 @ B", lambda: P.T3 @ P.B),
    ("A @ U3", lambda: P.A @ P.U3),
    ("T3 @ x", lambda: P.T3 @ P.x),
    ("T3[:1] @ U3", lambda: P.T3[:1] @ P.U3),
    ("dot(x, y) + A.dot(x) + np.dot(a, b)", lambda: P.x @ P.y + P.A @ P.x + P.a * P.b),
    ("np.dot(A, U3)", lambda: np.dot(P.A, P.U3)),
    ("outer(x, v)", lambda: np.outer(P.x, P.v)),
    ("inner(x, y) + vdot(A, A)", lambda: P.x @ P.y + np.vdot(P.A, P.A)),
    ("np.inner(A, A)", lambda: np.inner(P.A, P.A)),
    ("trace(M) + M.trace()", lambda: 2 * np.trace(P.M)),
    ("det(M) + logdet(M) + np.linalg.det(M)",
     lambda: 2 * np.linalg.det(P.M) + np.linalg.slogdet(P.M)[1]),
    ("inv(M) @ v + solve(M, v)", lambda: 2 * np.linalg.inv(P.M) @ P.v),
    ("diag(v) + diag(diag(M))", lambda: np.diag(P.v) + np.diag(np.diag(P.M))),
    ("einsum('ij,jk->ik', A, B)", lambda: P.A @ P.B),
    ('einsum("ij, jk", A, B)', lambda: P.A @ P.B),
    ("einsum('ii', M)", lambda: np.trace(P.M)),
    ("einsum('...ij,...jk->...ik', T3, U3)", lambda: P.T3 @ P.U3),
    ("einsum('bij->bji', T3)", lambda: P.T3.transpose(0, 2, 1)),
    # making arrays
    ("eye(3) @ v + ones(3) + zeros((3,)) + np.full((3,), a)", lambda: P.v + 1 + P.a),
    ("arange(4)*x + np.arange(1, 5) + np.arange(0, 2, 0.5)",
     lambda: np.arange(4) * P.x + np.arange(1, 5) + np.arange(0, 2, 0.5)),
    ("linspace(0, 1, 4) + x", lambda: np.linspace(0, 1, 4) + P.x),
    ("array([[1, 2], [3, 4.5]]) @ array([a, b])",
     lambda: np.array([[1, 2], [3, 4.5]]) @ np.array([P.a, P.b])),
    ("array([x, y, x*y])", lambda: np.stack([P.x, P.y, P.x * P.y])),
    ("array([[a, b], [b, a]])", lambda: np.array([[P.a, P.b], [P.b, P.a]])),
    ("x + [1, 2, 3, 4]", lambda: P.x + [1, 2, 3, 4]),
    ("ones_like(A) + zeros_like(A) + np.full_like(A, 2)", lambda: 3 * np.ones((3, 4))),
    ("array([sum(x[i:i+3]*v) for i in range(2)])",
     lambda: np.array([P.x[i : i + 3] @ P.v for i in range(2)])),
    # shapes
    ("A.T @ v", lambda: P.A.T @ P.v),
    ("T3.T", lambda: P.T3.T),
    ("A.reshape(2, 6) @ ones(6)", lambda: P.A.reshape(2, 6) @ np.ones(6)),
    ("A.reshape((4, -1))", lambda: P.A.reshape(4, -1)),
    ("np.reshape(A, (2, 6)) + A.view(2, -1)", lambda: 2 * P.A.reshape(2, 6)),
    ("T3.flatten() + T3.ravel()", lambda: 2 * P.T3.ravel()),
    ("T3.flatten(1)", lambda: P.T3.reshape(2, 12)),
    ("T3.transpose(2, 0, 1)", lambda: P.T3.transpose(2, 0, 1)),
    ("np.transpose(T3, (1, 0, 2))", lambda: P.T3.transpose(1, 0, 2)),
    ("T3.transpose(1, 2)", lambda: P.T3.swapaxes(1, 2)),
    ("T3.permute(0, 2, 1) + T3.swapaxes(-1, -2) + T3.mT", lambda: 3 * P.T3.swapaxes(1, 2)),
    ("np.moveaxis(T3, 0, -1)", lambda: np.moveaxis(P.T3, 0, -1)),
    ("expand_dims(x, 0) + x.unsqueeze(0)", lambda: 2 * P.x[None]),
    ("squeeze(x[None, :]) + x[:, None].squeeze(1)", lambda: 2 * P.x),
    ("concatenate([x, v]) ", lambda: np.concatenate([P.x, P.v])),
    ("torch.cat([A, A], dim=1)", lambda: np.concatenate([P.A, P.A], 1)),
    ("np.stack([x, y], axis=1)", lambda: np.stack([P.x, P.y], 1)),
    ("vstack([x, y]) + np.stack((x, y))", lambda: 2 * np.vstack([P.x, P.y])),
    ("hstack([x, v]) + np.concatenate((x, v), axis=0)", lambda: 2 * np.hstack([P.x, P.v])),
    ("p, q = split(x, 2)\nf = p*q", lambda: P.x[:2] * P.x[2:]),
    ("np.transpose(T3, axes=(2, 1, 0)) + zeros(shape=(4, 3, 2))", lambda: P.T3.T),
    ("np.clip(x, a_min=0, a_max=0.5) + x.clip(0, 0.5)", lambda: 2 * np.clip(P.x, 0, 0.5)),
    ("isnan(x) + isinf(x) + np.isfinite(x)", lambda: np.ones(4)),
    ("def g(p, act='tanh'):\n    return act(p)\ng(a) + g(a, 'relu')",
     lambda: np.tanh(P.a) + P.a),
    ("2if a > 0else 3", lambda: 2.0),
    ("flip(x) + x[::-1]", lambda: 2 * P.x[::-1]),
    ("broadcast_to(x, (2, 4)) + x.expand(2, -1)", lambda: 2 * np.broadcast_to(P.x, (2, 4))),
    ("x*A.shape[0] + x.size + A.ndim + len(A)", lambda: P.x * 3 + 4 + 2 + 3),
    ("x.sum() / x.size + x.size(0)", lambda: P.x.mean() + 4),
    ("A[:, None, :] + A[None]", lambda: P.A[:, None, :] + P.A[None]),
    # indexing
    ("x[0] + x[-1]", lambda: P.x[0] + P.x[-1]),
    ("A[1, 2] + A[-1][0]", lambda: P.A[1, 2] + P.A[-1, 0]),
    ("A[1]", lambda: P.A[1]),
    ("A[:, 1]", lambda: P.A[:, 1]),
    ("A[1:, ::2]", lambda: P.A[1:, ::2]),
    ("x[1:3] + x[-2:]", lambda: P.x[1:3] + P.x[-2:]),
    ("x[::-1] + x[3::-1]", lambda: 2 * P.x[::-1]),
    ("T3[..., 0] + T3[:, :, 0]", lambda: 2 * P.T3[..., 0]),
    ("T3[0, ..., None]", lambda: P.T3[0, ..., None]),
    ("x[np.newaxis] @ A.T", lambda: P.x[None] @ P.A.T),
    ("x[idx]", lambda: P.x[P.idx]),
    ("B[idx[:2]]", lambda: P.B[P.idx[:2]]),
    ("A[arange(3), lab]", lambda: P.A[np.arange(3), P.lab]),
    ("A[range(3), lab]", lambda: P.A[np.arange(3), P.lab]),
    ("A[:, idx]", lambda: P.A[:, P.idx]),
    ("T3[:, idx[:2], :]", lambda: P.T3[:, P.idx[:2], :]),
    ("T3[0, :, idx]", lambda: P.T3[0, :, P.idx]),
    ("T3[:, 1, idx]", lambda: P.T3[:, 1, P.idx]),
    ("x[[0, 2]]", lambda: P.x[[0, 2]]),
    ("A[idx[:3, None] // 2, arange(4)]", lambda: P.A[P.idx[:3, None] // 2, np.arange(4)]),
    # statements
    ("s = 0\nfor i in range(4):\n    s += x[i]*i\ns", lambda: (P.x * np.arange(4)).sum()),
    ("s = 1\nfor p, q in zip(x, y):\n    s = s*p + q\ns",
     lambda: (((P.x[0] + P.y[0]) * P.x[1] + P.y[1]) * P.x[2] + P.y[2]) * P.x[3] + P.y[3]),
    ("s = a\nfor i, w in enumerate([2, 3]):\n    if i == 1:\n        s *= w\n    else:\n"
     "        s -= w\ns", lambda: (P.a - 2) * 3),
    ("s = a\nfor i in range(10):\n    if i == 2:\n        continue\n    if i > 3:\n        break\n"
     "    s += i\ns", lambda: P.a + 0 + 1 + 3),
    ("p, q = a + b, a*b\np - q", lambda: P.a + P.b - P.a * P.b),
    ("(p, [q, r]) = (a, (b, 2))\np*q*r", lambda: 2 * P.a * P.b),
    ("p = q = a*2\np + q", lambda: 4 * P.a),
    ("def g(p, q=2, *, r=1):\n    return p*q + r\ng(a) + g(a, b) + g(q=a, p=b, r=0)",
     lambda: 2 * P.a + 1 + P.a * P.b + 1 + P.a * P.b),
    ("def g(p):\n    'doc'\n    if p.ndim == 1:\n        return sum(p)\n    return p\ng(x) + g(a)",
     lambda: P.x.sum() + P.a),
    ("def apply(f, p):\n    return f(p)\napply(tanh, x) + apply(np.exp, x)",
     lambda: np.tanh(P.x) + np.exp(P.x)),
    ("def two(p):\n    return p, 2*p\nu, w = two(a)\nu*w", lambda: 2 * P.a**2),
    ("n = len(x)\nx.sum()/n", lambda: P.x.mean()),
    ("act = tanh\nact(a)", lambda: np.tanh(P.a)),
    ("shape = x.shape + (1,)\nx.reshape(shape)", lambda: P.x[:, None]),
    ("sizes = [2, 3]\nsizes[0]*a + sizes[-1]", lambda: 2 * P.a + 3),
    ("f = a; f = f*2; f = f + 1", lambda: 2 * P.a + 1),
    ("x = x*2\nx = x + 1\nx", lambda: 2 * P.x + 1),
    # paper
    ("2a b", lambda: 2 * P.a * P.b),
    ("(a+b)a", lambda: (P.a + P.b) * P.a),
    ("a(b+1)^2", lambda: P.a * (P.b + 1) ** 2),
    ("xᵀ y", lambda: P.x @ P.y),
    ("x'y", lambda: P.x @ P.y),
    ("x·y", lambda: P.x @ P.y),
    ("x ⊙ y", lambda: P.x * P.y),
    ("x vᵀ", lambda: np.outer(P.x, P.v)),
    ("(AᵀA + B Bᵀ)x",
     lambda: (P.A.T @ P.A + P.B @ P.B.T) @ P.x),
    ("M⁻¹v + M⁻ᵀv", lambda: np.linalg.inv(P.M) @ P.v + np.linalg.inv(P.M).T @ P.v),
    ("a⁻¹ + a² − √a", lambda: 1 / P.a + P.a**2 - np.sqrt(P.a)),
    ("√(a + 2) × b ÷ 2", lambda: np.sqrt(P.a + 2) * P.b / 2),
    ("sin(a)cos(b)", lambda: np.sin(P.a) * np.cos(P.b)),
    ("f(a, b) = (a+b)a", lambda: (P.a + P.b) * P.a),
    ("g(u) = u² + a; g(2)g(b)", lambda: (4 + P.a) * (P.b**2 + P.a)),
    ("g(u, w) = u/w\ng(a, w=b)", lambda: P.a / P.b),
    ("σ(z) = 2z\nσ(a)", lambda: 2 * P.a),
    ("sin²(2a) + cos²(2a) + log₂(8) + tan⁻¹(a)", lambda: 4 + np.arctan(P.a)),
    ("σ(a)", lambda: 1 / (1 + np.exp(-P.a))),
    ("W = A; W x + W·x", lambda: 2 * P.A @ P.x),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_program_has_the_value_numpy_gives(text, expected):
    wanted = np.asarray(expected(), dtype=float)
    found = value(text)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)


names = st.sampled_from(["a", "b", "c"])
numbers = st.integers(1, 9).map(str) | st.floats(0.25, 4).map(lambda number: f"{number:.3f}")
arithmetic = st.recursive(
    names | numbers,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from("+-*"), inner),
        st.builds("{} {} {}".format, inner, st.sampled_from("+-*"), inner),
        st.builds("-{}".format, inner),
        st.builds("({})**{}".format, inner, st.integers(0, 2)),
        st.builds("({})/{}".format, inner, numbers),
        st.builds("sin({})".format, inner),
        st.builds("({} if {} < {} else {})".format, inner, inner, inner, inner),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(arithmetic)
def test_random_arithmetic_agrees_with_python(text):
    point = {"a": 0.5, "b": -1.25, "c": 2.0}
    graph = parse("f = " + text)
    found = evaluate(graph, {name: point[name] for name in graph.inputs})["f"]
    wanted = eval(text, {"sin": math.sin}, point)  # noqa: S307 - our own generated text
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)


@settings(max_examples=200, deadline=None)
@given(arithmetic)
def test_every_span_is_inside_the_text_and_reads_as_the_node(text):
    source = "f = " + text
    graph = parse(source)
    for node in graph:
        if node.span is not None:
            assert 0 <= node.span.start < node.span.end <= len(source)
            assert node.span.text.strip()


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_program_is_a_graph_or_an_error_with_a_place(data):
    text = data.draw(st.sampled_from([text for text, _ in CASES]))
    at = data.draw(st.integers(0, len(text)))
    size = data.draw(st.integers(0, 3))
    piece = data.draw(
        st.sampled_from(["", "(", ")", "[", "'", "²", ".T", ",", "=", " x", "sum(", "1"])
    )
    damaged = text[:at] + piece + text[at + size :]
    try:
        parse(damaged, values=POINT)
    except GraphError as error:
        assert error.span is not None
        assert 0 <= error.span.start <= error.span.end <= len(error.span.source.text)
        assert error.span.where() in str(error)
