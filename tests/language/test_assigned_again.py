"""Names that are assigned again: a name is one node's, and an input keeps its own for good."""

from __future__ import annotations

import pytest

import graphdbg as gd
from graphdbg.stepping.interpreter import Interpreter
from graphdbg.tape import ops

# Programs that assign an input again, by what they come to at x = 3 (and y = 5): f and df/dx.
REBOUND = {
    "declared": ("x: Real\nx = x*2\nf = x*x + 1", 37, 24),
    "undeclared": ("x = x*2\nf = x*x + 1", 37, 24),
    "augmented": ("x: Real\nx += 1\nx *= x\nf = x*x", 256, 256),
    "to a number": ("x: Real\nf = x*x\nx = 7\nf = f*x", 63, 42),
    "a number between": ("x: Real\nf = x*x\nx = 7\nx = f*x\nf = x + 1", 64, 42),
    "swapped": ("x: Real\ny: Real\nx, y = y, x\nf = x*x*y", 75, 25),
    "unpacked": ("x: Real\nx, h = x*2, x*3\nf = x*h", 54, 36),
    "in a loop": ("x: Real\nfor i in range(3):\n    x = 2*x\nf = x*x", 576, 384),
    "by a function": ("x: Real\ndef g(x):\n    x = 2*x\n    x = x*x\n    return x\n"
                      "x = g(x)\nf = x + 1", 37, 24),
    "an alias": ("x: Real\nh = x\nx = x*2\nh = h + x\nf = x*h", 54, 36),
    "and back": ("x: Real\nh = x\nx = x*2\nh = h*x\nx = h\nf = x*x", 324, 432),
    "to itself": ("x: Real\nx = x\nf = x*x", 9, 6),
    "with a shape": ("x: Real\nx: Real[2] = x*x\nf = sum(x)", 18, 12),
    "where an f is an input": ("f: Real\nx: Real\nx = x*x\nx*x", 81, 108),
}  # fmt: skip


@pytest.mark.parametrize(("text", "value", "slope"), REBOUND.values(), ids=REBOUND)
def test_an_input_that_is_assigned_again_is_still_itself(text, value, slope):
    graph = gd.parse(text)
    point = {"x": 3.0, "y": 5.0, "f": 0.0}
    at = {name: point[name] for name in graph.inputs}
    of = graph.outputs[-1]
    trace = gd.evaluate(gd.grad(graph, of, ["x"]), at)
    assert (trace["x"], trace[of], trace[f"{of}.d_x"]) == (3, value, slope)
    report = gd.check(graph, at, of=of, wrt=["x"])
    assert report.ok
    assert (report.rows[0].analytic, report.rows[0].numeric) == pytest.approx((slope, slope))
    assert len(set(graph.names)) == len(graph)
    assert gd.Graph.from_json(graph.to_json()) == graph


def test_a_claim_names_the_input_and_its_versions():
    graph = gd.parse("x: Real\nx = x*2\ny = x*x + 1")
    for claim in ("dy/dx = 8 x", "dy/dx = 4 x@1", "∂y/∂x@1 = 2 x@1", "x@1 = 2 x"):
        assert gd.prove(graph, claim).verdict == "proved", claim
    for claim in ("dy/dx = 2 x", "dy/dx@1 = 2 x", "y = x*x + 1"):
        assert gd.prove(graph, claim).verdict == "refuted", claim


def test_an_output_whose_name_is_an_input_s():
    assert gd.parse("x: Real\nx = 3").outputs == ("x@1",)
    assert gd.parse("x: Real\nx = x*2\nx = 3").outputs == ("x@2",)
    assert gd.parse("x: Real\nx = x*2").outputs == ("x@1",)
    assert gd.parse("f: Real\nf*2").outputs == ("out",)


def test_a_name_that_became_a_number_names_no_other_node():
    graph = gd.parse("h = tanh(x)\nh = 3\nf = h*x")
    assert graph["h"].op == ops.Const(3)
    assert graph["h@1"].op == ops.map_of("tanh")
    assert "h" not in gd.parse("h = tanh(x)\nf = h*x\nh = [1, 2]")


def test_no_variable_of_a_call_is_taken_for_a_gradient():
    graph = gd.parse("def square(x):\n    d_x = 2*x\n    return x*d_x\nL = square(x)")
    trace = gd.evaluate(gd.grad(graph), {"x": 3.0})
    assert (trace["L.d_x"], trace["L.d_x@1"]) == (12, 6)


AGAIN = "x: Real\nx = x*2\nx += 1\nh = x*x\nh = tanh(h)*x\ny = h*h"


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["break x@1"], "breakpoint 1: node x@1   (2 places)"),
        (["break x@2 if x@2 > 1", "run"], "breakpoint 1: node x@2, if x@2 > 1"),
        (["watch x@1*2", "run"], "x@1*2: — → 2"),
        (["last", "p x@2*h@1"], "x@2*h@1 = 8"),
        (["last", "p local(x@2, x@1)"], "local(x@2, x@1) = 1"),
        (["last", "p grad(x) == 2*grad(x@1)"], "grad(x) == 2*grad(x@1) = 1"),
        (["last", "p x"], "x = 0.5"),
        (["last", "p y.d_x@1 == grad(x@1)"], "y.d_x@1 == grad(x@1) = 1"),
        (["path x@2"], "∂y/∂x@2 = "),
        (["check x@1"], "check of y: passed"),
    ],
)
def test_commands_know_the_versions(lines: list[str], text: str) -> None:
    talk = Interpreter(gd.Session(gd.parse(AGAIN), {"x": 0.5}))
    replies = [talk.execute(line) for line in lines]
    assert replies[-1].text.startswith(text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("set x@1 = 3", r"'x@1' is computed: only inputs can be set \(the inputs: x\)"),
        ("break h@9", "found 'h@9', expected a node, a line number, a call or an operation"),
        ("print nope@1", "no name 'nope'"),
    ],
)
def test_commands_refuse_what_is_no_version(line: str, said: str) -> None:
    talk = Interpreter(gd.Session(gd.parse(AGAIN), {"x": 0.5}))
    with pytest.raises(gd.GraphError, match=said):
        talk.execute(line)


def test_versions_complete() -> None:
    talk = Interpreter(gd.Session(gd.parse(AGAIN), {"x": 0.5}))
    assert talk.completions("break x@") == ["x@1", "x@2"]
    assert talk.completions("print 2*h@") == ["2*h@1"]
