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


# ------------------------------------------------------------------ what rounding hides

REGIONS = [
    ("f = where(x > 10, x^2, 7*x)", "df/dx = 7"),
    ("f = x^2/2", "df/dx = abs(x)"),
    ("f = floor(x)", "f = 0"),
    ("f = relu(x)", "f = x"),
    ("f = 2*x + relu(x - 5000)", "f = 2*x"),
    ("f = exp(x) + 0*y", "f = where(abs(x*y - 3) < 1e-6, 0, exp(x))"),
    ("f = x*y", "f = where(sin(x) + y > 40, 0, x*y)"),
    ("p: Probability; f = p^2", "f = p"),
    ("m: Bool[4]; f = sum(m)", "f = min(sum(m), 3)"),
    ("x: Real[n]; f = sum(x)", "f = mean(x)*2"),
    ("x: Real[n]; f = max(x)", "f = x[0]"),
]
HIDDEN = [
    ("x: Real[3]; L = sum(x^2) + 1e13", "dL/dx = 3*x"),
    ("f = 1e20*y + x", "df/dx = 2"),
    ("f = log(1e18 + x)", "df/dx = 7"),
    ("f = (x - 3e9)^2", "df/dx = 2 x - 6e9 + 3"),
    ("f = 1e8 + x", "df/dx = 1.0000001"),
    ("T: Positive; f = 1.38e-23 * 6.02e23 * T", "df/dT = 2 * 1.38e-23 * 6.02e23"),
    ("m: Bool[4]; x: Real[4]; L = logsumexp(where(m, x, -1e30))", "dL/dx = m"),
    ("f = (1e20 + x) - 1e20", "f = x + 7"),
    ("f = x", "f = x*(1 + 1e-13)"),
    ("f = softplus(x - 300)", "df/dx = (1 - sigmoid(300 - x))*1.01"),
    ("f = pi*x", "f = 3.14159265358979*x"),
]


@pytest.mark.parametrize(("program", "claim"), REGIONS + HIDDEN)
def test_what_is_wrong_in_a_region_or_below_large_numbers_is_refuted(program, claim):
    verdict = gd.prove(program, claim)
    assert verdict.verdict == "refuted", str(verdict)
    assert verdict.off > 0 or np.isnan(verdict.left - verdict.right)


@pytest.mark.parametrize(
    ("program", "claim"),
    [
        ("f = (1e20 + x) - 1e20", "f = x"),
        ("f = 0.1*x + 0.2*x", "f = 0.3*x"),
        ("f = sqrt(2)*x", "f = 1.4142135623730951*x"),
        ("f = x/3", "f = 0.3333333333333333*x"),
        ("x: Real[n]; f = sum(x - mean(x))", "f = 0"),
        ("p: Probability[k]; f = sum(p)", "f = 1"),
        ("f = 1 - sigmoid(x)", "f = sigmoid(-x)"),
        ("f = max(x, y)", "f = (x + y + abs(x - y))/2"),
        ("x: Real[4]; f = max(tanh(x))", "df/dx = (x == max(x))*(1 - tanh(x)^2)"),
        ("f = floor(x + 1)", "f = floor(x) + 1"),
    ],
)
def test_rounding_refutes_nothing(program, claim):
    verdict = gd.prove(program, claim)
    assert verdict and verdict.verdict in ("proved", "agrees"), str(verdict)
    assert verdict.digits >= 9


def test_digits_are_those_that_were_compared():
    """A product of large numbers that cancel leaves few digits in double precision."""
    verdict = gd.prove("f = (1e6 + x)^2 - 1e12", "f = 2e6*x + x*x")
    assert 9 <= verdict.digits < 16 and verdict.precise[0] > 40
    assert f"equal to {int(verdict.digits)} digits at {verdict.points} points" in str(verdict)


def test_a_tiny_difference_is_told_by_its_digit():
    text = str(gd.prove("f = pi*x", "f = 3.14159265358979*x"))
    assert "they differ by" in text and "in digit 16" in text and "ratio" not in text


def test_what_the_digits_of_a_constant_leave_open_is_undecided():
    verdict = gd.prove("f = 0.3333333333333333*3*x - x", "f = 0")
    assert (verdict.verdict, bool(verdict)) == ("undecided", False)
    assert "the digits of 0.3333333333333333" in verdict.reason and "undecided" in str(verdict)


def test_what_no_number_of_digits_tells_is_undecided_and_names_the_node():
    verdict = gd.prove("f = where(x*(1/3) >= x/3, 1, 0)", "f = 1")
    assert verdict.verdict in ("proved", "undecided")
    verdict = gd.prove("f = sin(1e99 + x)", "f = sin(1e99 + x + 0.5)")
    assert verdict.verdict == "undecided" and "cannot be computed" in verdict.reason


# ------------------------------------------------------------------ kinks, domains, own points


@pytest.mark.parametrize(
    ("program", "claim", "exception"),
    [
        ("f = max(0, x)", "df/dx = (x > 0)", "at x = 0, where our convention gives 1/2 and the "
         "claim 0"),
        ("f = max(0, x)", "df/dx = (x >= 0)", "at x = 0, where our convention gives 1/2 and the "
         "claim 1"),
        ("f = max(a, b)", "df/da = (a > b)", "at a = b, where our convention gives 1/2 and the "
         "claim 0"),
        ("f = max(a*b, 3)", "df/da = b*(a*b >= 3)", "at "),
    ],
)  # fmt: skip
def test_a_claim_that_differs_at_a_kink_only_is_proved_but_for_it(program, claim, exception):
    verdict = gd.prove(program, claim)
    assert verdict.verdict == "proved" and verdict.exceptions[0].startswith(exception)
    assert f"except {exception}" in str(verdict)


def test_a_tie_on_a_region_is_no_exception():
    """Where both are 0 the tie of the maxima has an inside: the claim is wrong there."""
    graph = gd.parse("f = max(relu(x), relu(y))")
    assert gd.prove(graph, "df/dx = (x > 0)*(relu(x) > relu(y))").verdict == "agrees"
    graph = gd.parse("f = max(x + relu(y), x)")
    assert gd.prove(graph, "df/dx = 0.5*(relu(y) == 0) + (y > 0)").verdict != "proved"
    assert gd.prove(graph, "df/dy = (y > 0)*0.75").verdict == "refuted"
    wrong = gd.prove("a = relu(x); b = relu(y); f = max(a, b)*1; g = (a == b)", "g = 0*x")
    assert wrong.verdict == "refuted"


def test_a_value_that_is_wrong_at_one_point_only_is_an_exception():
    verdict = gd.prove("f = where(x == 2, 7, x)", "f = x")
    assert verdict.verdict == "agrees" or verdict.verdict == "proved"
    assert "x = 2" in verdict.exceptions[0]


def test_one_side_that_is_not_defined_is_a_difference():
    assert gd.prove("f = log(t^2)", "f = 2*log(t)").verdict == "refuted"
    assert gd.prove("t: Positive; f = log(t^2)", "f = 2*log(t)").verdict == "proved"


def test_of_a_derivative_nothing_is_claimed_where_the_function_is_not_defined():
    assert gd.prove("f = log(t)", "df/dt = 1/abs(t)").verdict == "agrees"


def test_the_point_that_is_given_counts():
    """Of a band so thin, where no constant leads, only the user knows."""
    program = "f = where(abs(sin(1000*x)*y - 0.123) < 1e-4*(x > 3), 1, x)"
    x = 4.0
    y = 0.123 / np.sin(4000.0)
    verdict = gd.prove(program, "f = x", point={"x": x, "y": y})
    assert verdict.verdict == "refuted" and float(verdict.point["x"]) == x


def test_a_point_that_is_given_whole_is_taken_as_it_is():
    """Where exp overflows no random point would be drawn."""
    assert gd.prove("f = exp(x)", "df/dx = exp(x)", point={"x": 1000.0}).verdict == "proved"
    assert gd.prove("f = exp(x)", "f = exp(x) + 1", point={"x": 1000.0}).verdict == "refuted"
    assert gd.prove("f = x", "f = x", point={"x": np.nan}).verdict == "proved"


def test_sizes_that_are_given_count():
    program = "x: Real[n]; f = sum(x)*(1 + relu(n*1.0 - 30))"
    assert gd.prove(program, "f = sum(x)", dims={"n": 40}).verdict == "refuted"


def test_a_claim_about_one_layer_of_many_is_proved_over_the_programs_words():
    """The road to the inputs of five blocks of attention gives up; over words it is a line."""
    text = "X0: Real[n, d]\nT: Real[n, d]\n"
    for i in range(1, 6):
        text += "".join(f"{w}{i}: Real[d, d]\n" for w in "ABC") + f"U{i}: Real[d, d]\n"
        text += f"S{i} = X{i - 1} @ A{i} @ (X{i - 1} @ B{i}).T\nP{i} = softmax(S{i})\n"
        text += f"Y{i} = X{i - 1} + P{i} @ X{i - 1} @ C{i}\nX{i} = Y{i} + relu(Y{i} @ U{i})\n"
    graph = gd.parse(text + "L = sum((X5 - T)**2)/2")
    claims = {
        "dL/dU5 = Y5.T @ ((X5 - T) * (Y5 @ U5 > 0))": "proved",
        "dL/dU2 = Y2.T @ (L.d_X2 * (Y2 @ U2 > 0))": "proved",
        "dL/dU2 = Y2.T @ (L.d_X2 * (Y2 @ U2 > 0)) + 0.001": "refuted",
    }
    assert {claim: gd.prove(graph, claim).verdict for claim in claims} == claims
