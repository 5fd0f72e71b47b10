"""The library at the extremes: scores of +-1000, probabilities that underflow, zeros, masks.

Oracle: mpmath at 60 digits and more, and the formulas that hold exactly (dL/do = p - y).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy
import pytest
import scipy.special

import graphdbg as gd
from graphdbg.tape.builder import Builder

EXTREME = (-1000.0, -745.0, -100.0, -30.0, -1e-9, 1e-9, 30.0, 100.0, 709.0, 1000.0)


def _phi(x: Any) -> Any:
    return mpmath.erfc(-x / mpmath.sqrt(2)) / 2


MP_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "leaky_relu": lambda x: x if x > 0 else mpmath.mpf(0.01) * x,
    "elu": lambda x: x if x > 0 else mpmath.expm1(x),
    "selu": lambda x: (
        mpmath.mpf(1.0507009873554805)
        * (x if x > 0 else mpmath.mpf(1.6732632423543772) * mpmath.expm1(x))
    ),
    "gelu": lambda x: x * _phi(x),
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "swish": lambda x: x / (1 + mpmath.exp(-x)),
    "mish": lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    "softsign": lambda x: x / (1 + abs(x)),
    "relu6": lambda x: min(max(x, mpmath.mpf(0)), mpmath.mpf(6)),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "tanh": mpmath.tanh,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "logsigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
}


@pytest.mark.parametrize("name", MP_ACTIVATIONS)
def test_activations_at_the_extremes(name: str) -> None:
    """Value, first and second derivative are finite and right from -1000 to 1000."""
    x = numpy.array(EXTREME)
    graph = gd.parse(f"x: Real[{len(x)}]\nr = {name}(x)\nf = sum(r)")
    trace = gd.evaluate(gd.grad(graph, of="f"), {"x": x})
    assert numpy.isfinite(hessian_product(graph, "f", "x", {"x": x}, numpy.ones(len(x)))).all()
    for at, point in enumerate(EXTREME):
        value, first = exactly(MP_ACTIVATIONS[name], point)
        assert trace["r"][at] == pytest.approx(value, rel=1e-13, abs=1e-15), point
        assert trace["f.d_x"][at] == pytest.approx(first, rel=1e-13, abs=1e-15), point


def hessian_product(
    graph: gd.Graph, of: str, wrt: str, at: Mapping[str, Any], v: numpy.ndarray
) -> numpy.ndarray:
    """H v, as the gradient of sum(v * d of/d wrt)."""
    first = gd.grad(graph, of=of, wrt=wrt)
    b = Builder.of(first)
    product = b.map("mul", b.input("v", v.shape, "Label"), first.id(f"{of}.d_{wrt}"))
    twice = gd.grad(b.build({"h": b.sum(product, range(v.ndim))}), of="h", wrt=wrt)
    return gd.evaluate(twice, {**at, "v": v})[f"h.d_{wrt}"]


def exactly(function: Callable[[Any], Any], point: float) -> tuple[float, float]:
    """Value and derivative at 60 digits, rounded once."""
    with mpmath.workdps(60):
        exact = mpmath.mpf(point)
        return float(function(exact)), float(mpmath.diff(function, exact, h=mpmath.mpf(10) ** -25))


SCORES = (
    (1000.0, -1000.0, 0.0),
    (-1000.0, -1000.0, -1000.0),
    (1000.0, 1000.0, -1000.0),
    (-1000.0, 300.0, -400.0),
    (0.0, -690.0, -700.0),
    (0.0, -744.0, -746.0),
    (3.0, -50.0, 2.0),
)
PROGRAMS = {
    "cross_entropy(softmax(o), y)": "L = cross_entropy(softmax(o), y)",
    "softmax named": "p = softmax(o)\nL = cross_entropy(p, y)",
    "softmax_cross_entropy": "L = softmax_cross_entropy(o, y)",
    "nll_loss": "L = nll_loss(log_softmax(o), y)",
    "logsumexp": "L = logsumexp(o) - sum(y*o)",
}


@pytest.mark.parametrize("label", [0, 1, 2])
@pytest.mark.parametrize("o", SCORES, ids=str)
@pytest.mark.parametrize("name", PROGRAMS)
def test_cross_entropy_at_the_extremes(name: str, o: tuple[float, ...], label: int) -> None:
    """L = log sum e^o - o_y and dL/do = p - y, also where p underflows."""
    graph = gd.parse(f"o: Real[3]\ny: OneHot[3]\n{PROGRAMS[name]}")
    onehot = numpy.eye(3)[label]
    trace = gd.evaluate(gd.grad(graph, of="L", wrt="o"), {"o": o, "y": onehot})
    with mpmath.workdps(60):
        total = mpmath.fsum(mpmath.exp(each) for each in o)
        loss = float(mpmath.log(total) - o[label])
        p = [float(mpmath.exp(each) / total) for each in o]
    assert trace["L"] == pytest.approx(loss, rel=1e-13, abs=1e-13)
    numpy.testing.assert_allclose(trace["L.d_o"], p - onehot, rtol=1e-13, atol=1e-15)
    exact = numpy.diag(p) - numpy.outer(p, p)
    for row, direction in zip(exact, numpy.eye(3)):
        found = hessian_product(graph, "L", "o", {"o": o, "y": onehot}, direction)
        numpy.testing.assert_allclose(found, row, atol=1e-13)


@pytest.mark.parametrize("program", PROGRAMS.values(), ids=PROGRAMS)
def test_cross_entropy_of_labels_at_the_extremes(program: str) -> None:
    if "logsumexp" in program:
        pytest.skip("written for one-hot rows")
    graph = gd.parse(f"o: Real[n, 3]\ny: Label[n]\n{program}")
    labels = numpy.arange(len(SCORES)) % 3
    o = numpy.array(SCORES)
    trace = gd.evaluate(gd.grad(graph, of="L", wrt="o"), {"o": o, "y": labels})
    expected = (scipy.special.softmax(o, axis=1) - numpy.eye(3)[labels]) / len(o)
    numpy.testing.assert_allclose(trace["L.d_o"], expected, rtol=1e-12, atol=1e-15)
    assert trace["L"] == pytest.approx(
        float(numpy.mean(scipy.special.logsumexp(o, axis=1) - o[range(len(o)), labels]))
    )


def test_upstream_of_probabilities_is_not_lost() -> None:
    """dL/dp = -y/p, although log_softmax stands by for the case of underflow."""
    graph = gd.parse("o: Real[3]\ny: OneHot[3]\np = softmax(o)\nL = cross_entropy(p, y)")
    trace = gd.evaluate(gd.grad(graph, of="L", wrt="p"), {"o": [1.0, 2.0, 3.0], "y": [0, 1, 0]})
    numpy.testing.assert_allclose(trace["L.d_p"], [0, -1 / trace["p"][1], 0], rtol=1e-14)


LOGITS = {
    "binary_cross_entropy(sigmoid(z), y)": "L = binary_cross_entropy(sigmoid(z), y)",
    "sigmoid named": "p = sigmoid(z)\nL = binary_cross_entropy(p, y)",
    "with_logits": "L = binary_cross_entropy_with_logits(z, y)",
}


@pytest.mark.parametrize("y", [0.0, 1.0, 0.3])
@pytest.mark.parametrize("name", LOGITS)
def test_binary_cross_entropy_at_the_extremes(name: str, y: float) -> None:
    """L = log(1 + e^z) - y z and dL/dz = sigmoid(z) - y."""
    graph = gd.grad(gd.parse(f"z: Real\ny: Probability\n{LOGITS[name]}"), of="L", wrt="z")
    for z in EXTREME:
        trace = gd.evaluate(graph, {"z": z, "y": y})
        with mpmath.workdps(600):
            loss = float(mpmath.log1p(mpmath.exp(z)) - mpmath.mpf(y) * z)
            gradient = float(1 / (1 + mpmath.exp(-mpmath.mpf(z))) - mpmath.mpf(y))
        assert trace["L"] == pytest.approx(loss, rel=1e-10, abs=1e-12), z
        assert trace["L.d_z"] == pytest.approx(gradient, rel=1e-10, abs=1e-14), z


@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_jacobian_at_the_extremes(axis: int) -> None:
    x = numpy.array([[1000.0, -1000.0], [999.0, 1000.0]])
    g = numpy.array([[1.0, 2.0], [-3.0, 0.5]])
    text = f"x: Real[2, 2]\ng: Label[2, 2]\np = softmax(x, axis={axis})\nf = sum(g*p)"
    trace = gd.evaluate(gd.grad(gd.parse(text), of="f"), {"x": x, "g": g})
    p = scipy.special.softmax(x, axis=axis)
    numpy.testing.assert_allclose(trace["p"], p, rtol=1e-14)
    expected = p * (g - (p * g).sum(axis=axis, keepdims=True))
    numpy.testing.assert_allclose(trace["f.d_x"], expected, rtol=1e-12, atol=1e-15)


def test_softmax_along_another_axis_is_not_taken_for_the_last() -> None:
    """cross_entropy looks for the scores of a softmax over the last axis only."""
    text = "x: Real[2, 2]\ny: OneHot[2, 2]\nL = cross_entropy(softmax(x, axis=0), y)"
    x, y = numpy.array([[1.0, 2.0], [-1.0, 0.5]]), numpy.eye(2)
    expected = -(y * numpy.log(scipy.special.softmax(x, axis=0))).sum() / 2
    found = gd.evaluate(gd.parse(text), {"x": x, "y": y})["L"]
    assert found == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("x", [[1000.0, -1000.0, 1000.0, 0.0], [3.0] * 4, [1e-9, 0.0, 0.0, 0.0]])
@pytest.mark.parametrize("name", ["layer_norm", "batch_norm", "rms_norm"])
def test_norms_at_the_extremes(name: str, x: list[float]) -> None:
    """Large, constant and nearly constant rows: eps keeps the gradient finite and right."""
    eps, shift = (1e-6, 0) if name == "rms_norm" else (1e-5, 1)
    g = numpy.array([1.0, -2.0, 0.5, 3.0])
    graph = gd.parse(f"x: Real[4]\ng: Label[4]\nr = {name}(x)\nf = sum(g*r)")
    trace = gd.evaluate(gd.grad(graph, of="f", wrt="x"), {"x": x, "g": g})
    centred = numpy.array(x) - shift * numpy.mean(x)
    spread = numpy.sqrt((centred**2).mean() + eps)
    r = centred / spread
    expected = (g - shift * g.mean() - r * (g * r).mean()) / spread
    numpy.testing.assert_allclose(trace["r"], r, rtol=1e-13, atol=1e-15)
    numpy.testing.assert_allclose(trace["f.d_x"], expected, rtol=1e-11, atol=1e-13 / spread)


@pytest.mark.parametrize(("a", "b"), [(1000.0, -1000.0), (-1000.0, 1000.0), (2.0, 2.0)])
def test_logaddexp_at_the_extremes(a: float, b: float) -> None:
    """Value, gradient and Hessian, also where both are equal: it is smooth there."""
    graph = gd.parse("a: Real\nb: Real\nf = logaddexp(a, b)")
    trace = gd.evaluate(gd.grad(graph), {"a": a, "b": b})
    assert trace["f"] == numpy.logaddexp(a, b)
    s = scipy.special.expit(a - b)
    assert (trace["f.d_a"], trace["f.d_b"]) == (pytest.approx(s), pytest.approx(1 - s))
    second = hessian_product(graph, "f", "a", {"a": a, "b": b}, numpy.array(1.0))
    assert second == pytest.approx(s * (1 - s), abs=1e-15)


def test_kl_div_takes_zeros() -> None:
    text = "p: Probability[3]\nq: Probability[3]\nL = kl_div(p, q)"
    trace = gd.evaluate(gd.grad(gd.parse(text), wrt="q"), {"p": [0, 1, 0], "q": [0.2, 0.5, 0.3]})
    assert trace["L"] == pytest.approx(math.log(2))
    numpy.testing.assert_allclose(trace["L.d_q"], [0, -2, 0], atol=1e-15)


def test_attention_ignores_masked_keys() -> None:
    """Masked keys have no weight, at scores of any size, and no gradient."""
    text = "Q: Real[1, 2]\nK: Real[3, 2]\nV: Real[3, 1]\nm: Bool[1, 3]\nr = attention(Q, K, V, m)"
    graph = gd.grad(gd.parse(text + "\nf = sum(r)"), of="f", wrt=["K", "V"])
    at = {"Q": [[30.0, 30.0]], "K": [[1.0, 1.0], [99.0, 99.0], [1.0, 1.0]],
          "V": [[1.0], [7.0], [3.0]], "m": [[1, 0, 1]]}  # fmt: skip
    trace = gd.evaluate(graph, at)
    assert trace["r"] == pytest.approx(numpy.array([[2.0]]))
    numpy.testing.assert_allclose(trace["f.d_K"][1], [0, 0], atol=0)
    numpy.testing.assert_allclose(trace["f.d_V"], [[0.5], [0], [0.5]], atol=1e-15)


# ------------------------------------------------------------------ compiled


@pytest.mark.parametrize("name", PROGRAMS)
def test_compiled_cross_entropy_at_the_extremes(name: str) -> None:
    """What is fused for speed stays as stable as the nodes one by one."""
    graph = gd.grad(gd.parse(f"o: Real[3]\ny: OneHot[3]\n{PROGRAMS[name]}"), of="L", wrt="o")
    run = gd.compile(graph, outputs=["L", "L.d_o"])
    for o in SCORES:
        for y in numpy.eye(3):
            trace = gd.evaluate(graph, {"o": o, "y": y})
            loss, gradient = run(o=numpy.array(o), y=y)
            numpy.testing.assert_allclose(loss, trace["L"], rtol=1e-13)
            numpy.testing.assert_allclose(gradient, trace["L.d_o"], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", MP_ACTIVATIONS)
def test_compiled_scalar_activations_at_the_extremes(name: str) -> None:
    graph = gd.grad(gd.parse(f"x: Real\nf = {name}(x)"), of="f", wrt="x")
    run = gd.compile(graph, outputs=["f", "f.d_x"])
    for x in EXTREME:
        trace = gd.evaluate(graph, {"x": x})
        numpy.testing.assert_allclose(run(x=x), [trace["f"], trace["f.d_x"]], rtol=1e-13)


@pytest.mark.parametrize("pair", [(0.0, -40.0), (-40.0, 0.0), (-700.0, 0.0), (1e3, -1e3)])
def test_logaddexp_keeps_the_smaller_term_whichever_it_is(pair: tuple[float, float]) -> None:
    graph = gd.parse("a: Real\nb: Real\nf = logaddexp(a, b)")
    f = float(gd.evaluate(graph, dict(zip("ab", pair)))["f"])
    assert f == pytest.approx(float(numpy.logaddexp(*pair)), rel=1e-15, abs=0)


@pytest.mark.parametrize("a", [-numpy.inf, numpy.inf, numpy.nan, 1.0])
@pytest.mark.parametrize("b", [-numpy.inf, numpy.inf, numpy.nan, 1.0])
def test_logaddexp_of_infinities_and_nan_is_numpys(a: float, b: float) -> None:
    graph = gd.parse("a: Real\nb: Real\nf = logaddexp(a, b)")
    with numpy.errstate(invalid="ignore"):
        expected = float(numpy.logaddexp(a, b))
    numpy.testing.assert_equal(float(gd.evaluate(graph, {"a": a, "b": b})["f"]), expected)


@pytest.mark.parametrize("x", [[-numpy.inf] * 2, [numpy.inf, 1.0], [numpy.nan, 1.0]])
def test_logsumexp_of_infinities_and_nan_is_numpys(x: list[float]) -> None:
    found = float(gd.evaluate("f = logsumexp(x)", {"x": numpy.array(x)})["f"])
    with numpy.errstate(invalid="ignore"):
        expected = float(numpy.logaddexp.reduce(x))
    numpy.testing.assert_equal(found, expected)


@pytest.mark.parametrize("name", ["elu", "selu", "leaky_relu", "gelu", "silu", "mish", "relu6",
                                  "softsign", "relu", "huber", "clip"])  # fmt: skip
def test_nan_goes_through(name: str) -> None:
    more = {"huber": ", 0", "clip": ", 0, 1"}.get(name, "")
    assert numpy.isnan(gd.evaluate(f"f = {name}(x{more})", {"x": numpy.nan})["f"])


@pytest.mark.parametrize("z", [40.0, 15.5, 100.0, 700.0])
def test_logits_lose_no_digits_where_they_are_right(z: float) -> None:
    graph = gd.grad("z: Real; y: Real; f = binary_cross_entropy_with_logits(z, y)", wrt="z")
    for sign, y in ((1, 1.0), (-1, 0.0)):
        found = gd.evaluate(graph, {"z": sign * z, "y": y})
        assert float(found["f"]) == pytest.approx(math.exp(-z), rel=1e-6, abs=0)
        assert float(found["f.d_z"]) == pytest.approx(-sign * math.exp(-z), rel=1e-6, abs=0)


@pytest.mark.parametrize("x", [1e-300, 1e-9, 0.5, 0.99, 1.0, 1.01, 1e5, -1e10, 1e100, -1e150])
def test_softsign_has_its_gradient_at_every_size(x: float) -> None:
    found = gd.evaluate(gd.grad("f = softsign(x)"), {"x": x})
    assert float(found["f.d_x"]) == pytest.approx((1 + abs(x)) ** -2, rel=1e-14, abs=0)
    assert float(found["f"]) == pytest.approx(x / (1 + abs(x)), rel=1e-15, abs=0)
