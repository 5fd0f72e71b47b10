"""`prove`: how a claim is read, what a refutation shows, what a proof rests on, what it refuses."""

import re

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import ShapeError, SourceError, UnknownNameError
from graphdbg.formulas.proofs import split_claim

XYZ = gd.parse("f=(x+y)z")
NET = gd.parse(
    """
    X: Real[n, d]; Y: OneHot[n, k]; W1: Real[d, h]; W2: Real[h, k]
    Z1 = X @ W1; P = softmax(relu(Z1) @ W2); L = -sum(Y*log(P))/n
    """
)
RIGHT = "X.T @ ((P - Y) @ W2.T * (Z1 > 0)) / n"


@pytest.mark.parametrize("left", ["dL/dW1", "∂L/∂W1", "L.d_W1"])
def test_a_derivative_may_be_written_in_three_ways(left):
    graph = gd.grad(NET, wrt=["W1"])
    verdict = gd.prove(graph, f"{left} = {RIGHT}")
    assert (verdict.verdict, verdict.holds) == ("proved", "any sizes")
    assert verdict.assumptions == ("Σ Y = 1 (Y: OneHot)",)


@pytest.mark.parametrize(
    "wrong",
    [
        f"-{RIGHT}",
        f"2*{RIGHT}",
        RIGHT.replace(">", "<"),
        RIGHT.replace("/ n", ""),
        RIGHT.replace("P - Y", "P"),
    ],
)
def test_a_wrong_gradient_is_refuted_at_a_point_that_shows_it(wrong):
    verdict = gd.prove(NET, f"dL/dW1 = {wrong}")
    assert verdict.verdict == "refuted" and not verdict
    true = gd.evaluate(gd.grad(NET, wrt=["W1"]), verdict.point)["L.d_W1"][verdict.entry]
    assert true == pytest.approx(verdict.left, rel=1e-12)
    assert abs(verdict.left - verdict.right) > 1e-9 * abs(verdict.left)


def test_without_the_assumption_p_minus_y_is_refuted():
    graph = gd.parse("o: Real[4]; y: Real[4]; p = softmax(o); L = -sum(y*log(p))")
    assert gd.prove(graph, "dL/do = p - y").verdict == "refuted"
    assert gd.prove(graph, "dL/do = sum(y)*p - y").verdict == "proved"


def test_definitions_may_stand_before_the_claim():
    assert split_claim("s = sigmoid(x); t = s*s; df/dx = t") == (
        "s = sigmoid(x); t = s*s\n", "df/dx", "t",
    )  # fmt: skip
    graph = gd.parse("f = sigmoid(x)")
    assert gd.prove(graph, "s = 1/(1 + exp(-x)); df/dx = s*(1 - s)").verdict == "proved"


@pytest.mark.parametrize(
    ("program", "claim"),
    [
        ("f = tanh(x)", "df/dx = 1/cosh(x)**2"),
        ("f = sin(x)**2 + cos(x)**2", "f = 1"),
        ("f = softplus(x)", "df/dx = 1 - sigmoid(-x)"),
        ("x: Positive; y: Positive; f = log(x*y)", "f = log(x) + log(y)"),
        ("x: Real[n]; f = logsumexp(x)", "df/dx = exp(x)/sum(exp(x))"),
        ("x: Real[n]; p = softmax(x)", "dp/dx = diag(p) - outer(p, p)"),
        ("x: Real[n]; A: Real[n, n]; f = x @ A @ x", "d2f/dx^2 = A + A.T"),
        ("x: Real[n]; d = x - mean(x); s = sum(d)", "s = 0"),
    ],
)
def test_identities_that_need_more_than_arithmetic(program, claim):
    verdict = gd.prove(gd.parse(program), claim)
    assert verdict.verdict == "proved", str(verdict)


def test_each_branch_is_tried_before_two_sides_agree():
    graph = gd.parse("f = where(x > 3, x**2, x**3)")
    assert gd.prove(graph, "f = x**3").verdict == "refuted"


def test_a_branch_that_no_point_takes_is_named():
    graph = gd.parse("f = max(x**2 + 1, 0)")
    verdict = gd.prove(graph, "f = max(1 + x*x, -1)")
    assert verdict.verdict == "agrees" and verdict.untaken
    assert "was never taken" in str(verdict)


@pytest.mark.parametrize(
    ("claim", "error", "message"),
    [
        ("df/dx", SourceError, "a claim is 'left = right', found 0 '=' signs"),
        ("a = b = c", SourceError, "found 2 '=' signs"),
        ("df/dw = 1", UnknownNameError, "no node named 'w'"),
        ("df/dx = nope", UnknownNameError, "nope"),
    ],
)
def test_a_claim_that_cannot_be_read_is_refused(claim, error, message):
    with pytest.raises(error, match=re.escape(message)):
        gd.prove(XYZ, claim)


def test_sides_of_different_shapes_are_refused():
    message = r"the left side has shape \(d, h\), the right side \(h,\)"
    with pytest.raises(ShapeError, match=message):
        gd.prove(NET, "dL/dW1 = sum(W1, axis=0)")


def test_a_refutation_prints_the_point():
    text = str(gd.prove(XYZ, "df/dx = 2z"))
    assert text.startswith("refuted: df/dx = 2z") and "ratio 0.5" in text and "z = " in text


def test_second_derivative_of_a_network_by_numbers():
    graph = gd.parse("x: Real[3]; W: Real[3, 3]; f = sum(tanh(W @ x))")
    verdict = gd.prove(graph, "h = tanh(W @ x); d2f/dx^2 = W.T @ diag(-2*h*(1 - h*h)) @ W")
    assert verdict.verdict == "proved" and np.isfinite(verdict.digits)
