"""Numbers: what a point may be, what is refused, precision, and IEEE arithmetic that is kept."""

import re

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import GraphError, ValueGivenError


def test_the_lecture_example():
    trace = gd.evaluate(gd.grad(gd.parse("f=(x+y)z")), {"x": -2, "y": 5, "z": -4})
    values = {name: float(trace[name]) for name in ("q", "f", "f.d_x", "f.d_y", "f.d_z", "f.d_q")}
    assert values == {"q": 3, "f": -12, "f.d_x": -4, "f.d_y": -4, "f.d_z": 3, "f.d_q": -4}


def test_a_trace_answers_whether_it_has_a_name():
    trace = gd.evaluate(gd.grad(gd.parse("f=(x+y)z")), {"x": -2, "y": 5, "z": -4})
    assert "q" in trace and "f.d_x" in trace
    assert "nope" not in trace and 3 not in trace
    assert trace.get("q") == 3 and trace.get("nope") is None and trace.get("nope", 0.5) == 0.5
    with pytest.raises(GraphError, match="no node named 'nope'"):
        trace["nope"]


def test_float32_stays_float32():
    graph = gd.grad(gd.parse("x: Real[3]; f = sum(2 * softmax(x) ** 2)"))
    trace = gd.evaluate(graph, {"x": np.array([1, 2, 3], np.float32)})
    assert {trace[name].dtype for name in trace} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ({"x": 1}, "no value for input 'y': give one of shape ()"),
        ({"x": 1, "y": 2, "yy": 3}, "'yy', which is not an input of the graph; did you mean 'y'?"),
        ({"x": [1, 2], "y": 2}, "input 'x' needs shape (), found (2,)"),
        ({"x": [[1], [2, 3]], "y": 2}, "the value of 'x' is ragged: its rows differ in length"),
        ({"x": "one", "y": 2}, "the value of 'x' is not made of numbers"),
    ],
)
def test_a_bad_point_is_refused(point, message):
    with pytest.raises(ValueGivenError, match=re.escape(message)):
        gd.evaluate(gd.parse("f = x*y"), point)


def test_a_named_dimension_has_one_size():
    graph = gd.parse("X: Real[n, d]; w: Real[d]; f = sum(X @ w)")
    with pytest.raises(ValueGivenError, match="dimension d is 3 in 'X' but 4 in 'w'"):
        gd.evaluate(graph, {"X": np.ones((2, 3)), "w": np.ones(4)})
    assert gd.evaluate(graph, {"X": np.ones((2, 3)), "w": np.ones(3)})["f"] == 6


def test_infinity_and_nan_are_values_to_be_found():
    trace = gd.evaluate(gd.grad(gd.parse("f = x / y")), {"x": 1, "y": 0})
    assert np.isposinf(trace["f"]) and np.isneginf(trace["f.d_y"])


def test_an_index_out_of_range_is_told():
    graph = gd.parse("E: Real[3, 2]; i: Label[2]; f = sum(E[i])")
    with pytest.raises(ValueGivenError, match="index 3 is out of range for an axis of size 3"):
        gd.evaluate(graph, {"E": np.ones((3, 2)), "i": [0, 3]})


@pytest.mark.parametrize(
    ("text", "length", "message"),
    [
        ("y = x[:4]", 3, "axis 0 of 'x' has n = 3 entries, but entry 3 is read"),
        ("y = x[2:]", 1, "axis 0 of 'x' has n = 1 entries, but entry 2 is read"),
        ("y = x[-3]", 2, "axis 0 of 'x' has n = 2 entries, but entry -1 is read"),
    ],
)
def test_a_slice_of_a_named_axis_that_turned_out_too_short(text, length, message):
    graph = gd.grad(gd.parse(f"{text}\nf = sum(y*y)", shapes={"x": ("n",)}), "f")
    point = {"x": np.arange(1.0, length + 1)}
    with pytest.raises(ValueGivenError, match=re.escape(message)):
        gd.evaluate(graph, point)
    with pytest.raises(ValueGivenError, match=re.escape(message)):
        gd.compile(graph)(**point)


def test_an_empty_slice_of_a_named_axis_is_empty():
    graph = gd.parse("y = x[2:]\nf = sum(y*y)", shapes={"x": ("n",)})
    assert gd.evaluate(graph, {"x": [1.0, 2.0]})["y"].shape == (0,)
