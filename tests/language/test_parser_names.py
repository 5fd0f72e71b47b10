"""Names, outputs, declarations, frames, and reading against the names of an existing graph."""

from __future__ import annotations

import numpy as np
import pytest

from graphdbg.errors import (
    GraphError,
    ShapeError,
    SourceError,
    UnknownNameError,
    ValueGivenError,
)
from graphdbg.language.parser import expression, extend, parse
from graphdbg.numbers.evaluator import evaluate
from graphdbg.tape import ops
from graphdbg.tape.builder import Builder
from graphdbg.tape.sizes import to_text

NETWORK = """
X: Real[n, 4]
Y: OneHot[n, 3]
W1: Real[4, 5]
b1: Real[5]
W2: Real[5, 3]
b2: Real[3]
Z1 = X @ W1 + b1
H = relu(Z1)
P = softmax(H @ W2 + b2)
L = -sum(Y*log(P))/n
"""


def names(graph):
    return {node.name for node in graph}


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        ("f=(x+y)z", ("x", "y", "z"), ("f",)),
        ("(x+y)z", ("x", "y", "z"), ("f",)),
        ("f = 2; f*x", ("x",), ("out",)),
        ("x", ("x",), ("x",)),
        ("f(z, x, y) = (x+y)z", ("z", "x", "y"), ("f",)),
        ("q = x + y\nf = q*z", ("x", "y", "z"), ("f",)),
        ("a = x + 1\nb = x + 2", ("x",), ("a", "b")),
        ("a = x + 1\nb = a + 2\na*b", ("x",), ("f",)),
        ("a = x + 1\nb = a + 2\na, b", ("x",), ("a", "b")),
        ("a = x + 1\nunused = 3", ("x",), ("a",)),
        ("f = 3", (), ("f",)),
        ("y = x", ("x",), ("x",)),
        ("I + E*S*N*Q + beta*gamma*zeta + lambda",
         ("I", "E", "S", "N", "Q", "beta", "gamma", "zeta", "lambda"), ("f",)),
        ("z = (x - mean)/std", ("x", "mean", "std"), ("z",)),
        ("e**x", ("e", "x"), ("f",)),
        ("σ(x)", ("x",), ("f",)),
        ("(x - μ)²/(2σ²)", ("x", "μ", "σ"), ("f",)),
        ("pi: Real\nf = pi*2", ("pi",), ("f",)),
        ("'a comment'\nf = x + 1", ("x",), ("f",)),
    ],
)  # fmt: skip
def test_inputs_and_outputs(text, inputs, outputs):
    graph = parse(text)
    assert graph.inputs == inputs
    assert graph.outputs == outputs


def test_a_name_assigned_again_keeps_its_latest_value():
    graph = parse("h = x\nh = tanh(h)\nh = 2h\nf = h + 1")
    assert str(graph["h"]).startswith("h = mul")
    assert str(graph["h@2"]).startswith("h@2 = tanh")
    assert graph["h@1"].name == "x"


def test_an_input_assigned_again_keeps_its_name():
    graph = parse("x = x + 1\nx = 3x\nf = x - 2")
    assert isinstance(graph["x"].op, ops.Input)
    assert graph["x@1"].op == ops.map_of("add")
    assert graph["x@2"].op == ops.map_of("mul")
    assert graph.inputs == ("x",)


def test_loops_leave_versions():
    graph = parse("h = x\nfor i in range(3):\n    h = tanh(h)\nh")
    assert graph.outputs == ("h",)
    assert {"h", "h@2", "h@3"} <= names(graph)


def test_two_names_of_one_node():
    graph = parse("a = x + y\nb = a\nc = y*b\nf = c")
    assert graph.id("a") == graph.id("b")
    assert graph.outputs == ("c",)
    assert graph.id("f") == graph.id("c")


def test_a_static_number_is_found_by_its_name():
    graph = parse("rate = 0.1\nw2 = w - rate*g")
    assert graph["rate"].op == ops.Const(0.1)


def test_declared_shapes_and_domains():
    graph = parse(
        "x: Real[4]\nW: Real[n, d]\ny: OneHot[n, 2*k + 1]\np: Probability[3]\ns: Positive\n"
        "l: Label[n]\nm: Bool[3]\nf = x.sum() + W.sum() + y.sum() + p.sum() + s + l.sum() + m.sum()"
    )
    found = {name: (graph[name].op.domain, to_text(graph[name].shape)) for name in graph.inputs}
    assert found == {
        "x": ("Real", "(4,)"), "W": ("Real", "(n, d)"), "y": ("OneHot", "(n, 2*k + 1)"),
        "p": ("Probability", "(3,)"), "s": ("Positive", "()"), "l": ("Label", "(n,)"),
        "m": ("Bool", "(3,)"),
    }  # fmt: skip


def test_a_named_dimension_is_a_number():
    graph = parse("x: Real[n, d]\nm = n*d\nf = sum(x)/m + x.shape[0]*d")
    at = {"x": np.arange(6.0).reshape(2, 3)}
    assert evaluate(graph, at)["f"] == pytest.approx(15 / 6 + 6)


def test_shapes_from_outside():
    graph = parse("P = X @ W", shapes={"X": (4, 3), "W": (3, "k")})
    assert to_text(graph["P"].shape) == "(4, k)"
    graph = parse("f = k*sum(P)", shapes={"P": ("k",)})
    assert graph.inputs == ("P",)


def test_shapes_from_values():
    assert parse("p = A @ x", values={"A": [[1, 2], [3, 4]], "x": [5, 6]})["p"].shape == (2,)
    assert parse("f = det*2", values={"det": 3}).inputs == ("det",)
    assert parse("f = max(x + 1)", values={"max": 3}).inputs == ("max", "x")


def test_inputs_used_as_indices_are_labels():
    graph = parse("f = E[i]", values={"E": np.ones((3, 2)), "i": [0, 2]})
    assert graph["i"].op.domain == "Label"
    assert graph["E"].op.domain == "Real"


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ({"x": (3, "2k")}, r"the shape given for 'x' has the dimension '2k'"),
        ({"x": (3, -1)}, r"the shape given for 'x' has the dimension -1"),
        ({"x": (2.5,)}, r"the shape given for 'x' has the dimension 2\.5"),
    ],
)
def test_wrong_shapes_from_outside(shapes, message):
    with pytest.raises(GraphError, match=message):
        parse("f = x + 1", shapes=shapes)


def test_a_ragged_value():
    with pytest.raises(ValueGivenError, match="the value of 'x' is ragged"):
        parse("f = sum(x)", values={"x": [[1, 2], [3]]})


def test_given_and_declared_shapes_must_agree():
    with pytest.raises(
        ShapeError, match=r"declared with shape \(4,\), but the shape given for it is \(3,\)"
    ):
        parse("x: Real[4]\nf = sum(x)", shapes={"x": (3,)})
    assert parse("x: Real[n]\nf = sum(x)", shapes={"x": (3,)})["x"].shape != (3,)


# ------------------------------------------------------------------------------------- frames


def test_a_library_call_is_a_frame():
    graph = parse(NETWORK)
    (call,) = graph.calls
    assert (call.function, call.label, call.parent) == ("softmax", "P", -1)
    assert call.span.text == "softmax(H @ W2 + b2)"
    assert graph.names[call.output] == "P"
    assert {"P.shifted", "P.e", "P.total"} <= names(graph)
    inner = graph["P.e"]
    assert inner.frame == call
    assert inner.span.text == "exp(shifted)"
    assert inner.span.source.name.startswith("library/")
    assert graph["Z1"].frame is None


def test_frames_nest_and_labels_are_unique():
    graph = parse(
        "def half(x):\n    return x/2\ndef quarter(x):\n    h = half(x)\n    return half(h)\n"
        "a = quarter(p)\nf = quarter(a) + quarter(p + 1)"
    )
    labels = [call.label for call in graph.calls]
    assert labels == ["a", "a.h", "a.half", "quarter", "quarter.h", "quarter.half",
                      "quarter_2", "quarter_2.h", "quarter_2.half"]  # fmt: skip
    assert [call.parent for call in graph.calls[:3]] == [-1, 0, 0]
    assert graph["a.h"].frame.label == "a.h"
    assert graph["a"].frame.label == "a.half"


def test_assigned_calls_are_labelled_by_their_target():
    graph = parse("h = softmax(x)\nh = softmax(h)\nf = sum(h)", shapes={"x": (3,)})
    assert [call.label for call in graph.calls] == ["h", "h_2"]


def test_a_network_in_one_line_declares_its_parameters():
    graph = parse(
        "o = mlp(x, [16, 1], activation=tanh)\nL = sum(o.W1**2) + sum(o)", shapes={"x": (5, 2)}
    )
    assert graph.inputs == ("x", "o.W1", "o.b1", "o.W2", "o.b2")
    assert graph["o.W1"].shape == (2, 16)
    assert graph["o.W1"].frame is None
    assert graph.outputs == ("L",)


def test_functions_see_the_names_around_them():
    graph = parse("w = 2x\ndef g(y):\n    return w*y + k\nf = g(x)")
    assert graph.inputs == ("x", "k")


def test_a_local_name_does_not_leak():
    graph = parse("def g(y):\n    t = y*2\n    return t + 1\nf = g(x) + t")
    assert graph.inputs == ("x", "t")


# ----------------------------------------------------------- reading against an existing graph


def test_an_expression_over_a_graph():
    graph = parse(NETWORK)
    b = Builder.of(graph)
    at = expression(b, "X.T @ ((P - Y) @ W2.T * (Z1 > 0)) / n", graph.ids)
    assert to_text(b.shapes[at]) == "(4, 5)"
    assert b.ops[: len(graph)] == graph.ops


def test_an_expression_shares_the_nodes_that_exist():
    graph = parse("f=(x+y)z")
    b = Builder.of(graph)
    assert expression(b, "(x + y)*z") == graph.id("f")
    assert expression(b, "q", graph.ids) == graph.id("q")


def test_dotted_names_and_versions():
    b = Builder()
    x = b.input("x")
    found = {"L.d_W1": b.map("sin", x), "o.W1": b.map("cos", x), "h@1": b.map("exp", x), "x": x}
    assert expression(b, "L.d_W1", found) == found["L.d_W1"]
    assert expression(b, "∂L/∂W1", found) == found["L.d_W1"]
    assert expression(b, "o.W1.T", found) == found["o.W1"]
    assert expression(b, "h@1", found) == found["h@1"]
    assert b.args[expression(b, "x*h@1", found)] == (x, found["h@1"])
    assert b.args[expression(b, "o.W1*x", found)] == (found["o.W1"], x)


def test_an_expression_after_assignments():
    b = Builder()
    b.input("x")
    at = expression(b, "s = sigmoid(x); s*(1 - s)")
    assert b.ops[at] == ops.map_of("mul")
    assert "s" not in b.names.values()


def test_extend_gives_the_assigned_nodes():
    b = Builder()
    x = b.input("x")
    found = extend(b, "s = sigmoid(x)\nn = 3\ns*n")
    assert list(found) == ["s", "n", "f"]
    assert b.args[found["s"]] == (x,)


def test_an_expression_has_no_free_names():
    b = Builder()
    b.input("weight")
    with pytest.raises(UnknownNameError, match="no name 'wieght'; did you mean 'weight'") as caught:
        expression(b, "2*wieght")
    assert caught.value.span.text == "wieght"
    with pytest.raises(SourceError, match="the expression is empty"):
        expression(b, "  ")


def test_reading_leaves_the_builder_as_it_was():
    b = Builder()
    b.input("x")
    b.frame, span = 7, b.span
    expression(b, "softmax([x, 1])")
    assert (b.frame, b.span) == (7, span)


def test_functions_from_outside():
    b = Builder()
    x = b.input("x")
    at = expression(b, "grad(x)^2 + 1", functions={"grad": lambda node: b.map("cos", node)})
    assert b.args[b.args[at][0]][0] == b.map("cos", x)


def test_the_numbers_of_a_graph_are_numbers_in_expressions():
    graph = parse("X: Real[n, d]\nk = 2\nf = sum(X)/n + k")
    b = Builder.of(graph)
    found = expression(b, "X[:n - 1, :k] @ ones(k) + zeros(n - 1) + arange(n)[1:]", graph.ids)
    assert to_text(b.shapes[found]) == "(n - 1,)"
    assert expression(b, "n", graph.ids) == graph.id("n")
