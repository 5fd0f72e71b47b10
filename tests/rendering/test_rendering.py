"""The rows of the tables: each operation has words, and what the steps hand on adds up."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

import graphdbg as gd
from graphdbg.formulas.explanations import Explanations
from graphdbg.numbers.evaluator import Trace
from graphdbg.numbers.sampling import sample
from graphdbg.rendering import numbers, report, schema, text
from graphdbg.tape import ops
from graphdbg.tape.operations import operation, write
from graphdbg.tape.sizes import named

PROGRAMS = {
    "fan out": "f = x*x + sin(x)*y",
    "calls": (
        "x: Real[4]\nW: Real[4, 4]\ny: OneHot[4]\n"
        "def layer(v, M):\n    return tanh(M @ v)\n"
        "h = layer(x, W)\ng = layer(h, W) + h\nL = cross_entropy(softmax(g), y) + mean(h)\n"
    ),
    "nested calls": (
        "x: Real[3]\ndef inner(a):\n    return exp(a) * a\n"
        "def outer(a):\n    return inner(a) + inner(2*a)\nf = sum(outer(x))\n"
    ),
    "attention": "Q: Real[2,3]\nK: Real[4,3]\nV: Real[4,2]\nL = sum(attention(Q, K, V)^2)\n",
}
CALLED = [name for name in PROGRAMS if "call" in name]


class Nothing:
    """No formulas."""

    def closed(self, node: int) -> str | None:
        return None

    def local(self, consumer: int, slot: int) -> str | None:
        return None


def traced(program: str, seed: int = 0) -> Trace:
    graph = gd.grad(gd.parse(program))
    return gd.evaluate(graph, sample(graph, seed=seed))


@pytest.mark.parametrize("depth", [None, 0, 1])
@pytest.mark.parametrize("name", PROGRAMS)
def test_contributions_add_up_to_the_gradients(name: str, depth: int | None) -> None:
    trace = traced(PROGRAMS[name])
    backward = trace.graph.passes[-1]
    steps, count = report.step_rows(trace, backward, Nothing(), depth)
    assert len(steps) == count
    totals: dict[str, np.ndarray] = {}
    for step in steps:
        for row in step.operands:
            totals[row.operand] = totals.get(row.operand, 0) + row.value
    shown = {row.name for row in report.forward_rows(trace, depth)}
    for node, g in backward.upstream.items():
        operand = trace.graph.names[node]
        if operand in shown and node != backward.of and backward.contributions.get(node):
            assert totals[operand] == pytest.approx(np.asarray(trace.arrays[g]), abs=1e-12)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_sum_names_all_of_its_terms(name: str) -> None:
    trace = traced(PROGRAMS[name])
    steps, _ = report.step_rows(trace, trace.graph.passes[-1], Nothing())
    uses: dict[str, int] = {}
    for step in steps:
        for row in step.operands:
            uses[row.operand] = uses.get(row.operand, 0) + 1
    for step in steps:
        assert len(step.terms) == (uses[step.node] if uses.get(step.node, 0) > 1 else 0)


@pytest.mark.parametrize("name", CALLED)
def test_closed_calls_are_one_row(name: str) -> None:
    trace = traced(PROGRAMS[name])
    rows = {row.name: row for row in report.forward_rows(trace, depth=0)}
    assert all(row.depth == 0 and row.call is None for row in rows.values())
    called = [row.operation for row in rows.values() if "(" in row.operation]
    assert any(each.startswith(("layer(", "outer(")) for each in called)
    assert len(report.forward_rows(trace)) > len(rows)


def test_open_calls_say_which_call_they_are_in() -> None:
    trace = traced(PROGRAMS["nested calls"])
    rows = report.forward_rows(trace)
    assert {row.depth for row in rows} == {0, 1, 2}
    assert {row.call for row in rows if row.depth == 1} == {"outer(x)"}


def test_lines_are_those_of_the_program() -> None:
    trace = traced("x: Real[3]\np = softmax(x)\nf = sum(log(p))")
    lines = {row.name: row.line for row in report.forward_rows(trace)}
    assert (lines["x"], lines["p"], lines["p.e"], lines["f"]) == (1, 2, 2, 3)


def test_the_middle_of_a_long_list_is_left_out() -> None:
    assert report.without_middle(list(range(10)), 4) == [0, 1, 8, 9]
    assert report.without_middle([1, 2], 4) == [1, 2]
    program = "\n".join(["x0 = sin(x)", *(f"x{i} = x{i - 1}*y" for i in range(1, 100))])
    trace = traced(program)
    steps, count = report.step_rows(trace, trace.graph.passes[-1], Nothing(), most=10)
    assert (len(steps), count) == (10, 101)


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("f = x + y", "x + y"),
        ("f = x y", "x·y"),
        ("f = x / 2", "x / 2"),
        ("f = x * -2", "x·(-2)"),
        ("f = x^2", "x²"),
        ("f = x^y", "x^y"),
        ("f = -x", "-x"),
        ("f = abs(x)", "|x|"),
        ("f = sqrt(x)", "√x"),
        ("f = x > y", "1[x > y]"),
        ("f = tanh(x)", "tanh(x)"),
        ("f = A @ B", "A @ B"),
        ("f = A @ v", "A @ v"),
        ("f = A.T", "Aᵀ"),
        ("f = trace(A)", "trace(A)"),
        ("f = outer(v, v)", "v ⊗ v"),
        ("f = sum(A)", "sum(A)"),
        ("f = sum(A, axis=1)", "sum(A, axis=1)"),
        ("f = max(A, axis=0)", "max(A, axis=0)"),
        ("f = inv(A)", "inv(A)"),
        ("f = v[1:]", "v[1:]"),
        ("f = v[::-1]", "v[2:-1:-1]"),
        ("f = A.reshape(9)", "reshape(A, (9,))"),
        ("f = concatenate([v, v])", "concatenate(v, v, axis=0)"),
    ],
)
def test_operations_are_written_as_people_do(program: str, expected: str) -> None:
    graph = gd.parse(program, shapes={"A": (3, 3), "B": (3, 3), "v": (3,)})
    assert operation(graph, graph.id("f")) == expected


def test_every_primitive_has_words() -> None:
    examples: dict[type[ops.Op], ops.Op] = {
        ops.Input: ops.Input("x"),
        ops.Const: ops.Const(2),
        ops.Array: ops.Array((1, 2), (2,)),
        ops.Eye: ops.Eye(named("n")),
        ops.Arange: ops.Arange(3),
        ops.Map: ops.map_of("add"),
        ops.Contract: ops.contract_of("aij,ajk->aik"),
        ops.Reduce: ops.Reduce("argmax", (0,)),
        ops.Broadcast: ops.Broadcast((2, 3), (1,)),
        ops.Reshape: ops.Reshape((3, 1)),
        ops.Slice: ops.Slice(((0, 2, 1),)),
        ops.Pad: ops.Pad(((1, 2, 1),), (5,)),
        ops.Concat: ops.Concat(0),
        ops.Gather: ops.Gather(1),
        ops.Scatter: ops.Scatter((4,)),
    }
    for primitive in ops.PRIMITIVES:
        op = examples.get(primitive) or primitive()
        said = write(op, ["x", "i"], [(3,), (2,)])
        assert said and "object at" not in said


@given(st.lists(st.floats(allow_nan=True), min_size=1, max_size=30), st.integers(8, 80))
@settings(max_examples=200, deadline=None)
def test_arrays_are_short(values: list[float], room: int) -> None:
    with np.errstate(all="ignore"):
        said = numbers.array(np.array(values), room)
    assert said
    assert "\n" not in said
    assert len(said) <= max(room, 50)


def test_arrays_in_words() -> None:
    assert numbers.array(np.array([[1.0, 2], [3, 4]])) == "⎡ 1  2 ⎤\n⎣ 3  4 ⎦"
    assert numbers.array(np.array([[1.0, 2]])) == "[ 1  2 ]"
    assert numbers.array(np.zeros((0, 3))) == "no elements, shape (0, 3)"
    assert numbers.array(np.full(20, 2.0)) == "all 2"
    assert numbers.array(np.array([np.nan] * 7 + [1.0, np.inf])) == "all 1, 7 nan, 1 inf"
    assert numbers.array(np.arange(24.0).reshape(2, 3, 4)) == "0 … 23, mean 11.5"


def test_large_arrays_are_summarised_in_json() -> None:
    found = schema.value(np.arange(20_000.0))
    assert found == {"min": 0.0, "max": 19999.0, "mean": 9999.5, "omitted": True, "not_finite": 0}
    assert schema.value(np.array([[np.inf, -np.inf]])) == [["inf", "-inf"]]


@pytest.mark.parametrize("width", [30, 80, 160])
@pytest.mark.parametrize("name", PROGRAMS)
def test_tables_keep_their_columns(name: str, width: int) -> None:
    trace = traced(PROGRAMS[name])
    backward = trace.graph.passes[-1]
    texts = Explanations(trace, backward)
    steps, _ = report.step_rows(trace, backward, texts, 0)
    gradients = report.gradient_rows(trace, backward, texts)
    console = Console(width=width, markup=False)
    for table in (
        text.forward_table(report.forward_rows(trace), width),
        text.backward_table(steps, width),
        text.gradients_table(gradients, {}, width),
    ):
        lines = console.render_lines(table, console.options)
        assert all(sum(segment.cell_length for segment in line) <= width for line in lines)


def test_brackets_are_no_markup() -> None:
    trace = traced("x: Real[3]\nf = sum(relu(x))")
    backward = trace.graph.passes[-1]
    steps, _ = report.step_rows(trace, backward, Explanations(trace, backward))
    console = Console(width=100, markup=False)
    with console.capture() as captured:
        console.print(text.backward_table(steps, 100))
    assert "1[x > 0]" in captured.get()
    assert isinstance(text.title("Forward pass"), Text)


def test_explanations_are_right_and_short() -> None:
    graph = gd.grad(gd.parse("f=(x+y)z"))
    trace = gd.evaluate(graph, {"x": -2, "y": 5, "z": -4})
    texts = Explanations(trace, graph.passes[-1])
    found = {name: texts.closed(graph.id(f"f.d_{name}")) for name in ("x", "y", "z", "q")}
    assert found == {"x": "z", "y": "z", "z": "x + y", "q": "z"}
    assert texts.local(graph.id("f"), 0) == "z"
    assert texts.local(graph.id("f"), 1) == "q"
    assert texts.local(graph.id("q"), 0) == "1"


def test_a_wrong_formula_is_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the display were wrong, its formula would not be shown."""
    graph = gd.grad(gd.parse("f = x^2 y"))
    trace = gd.evaluate(graph, {"x": 3.0, "y": 2.0})
    right = Explanations(trace, graph.passes[-1])
    node = graph.id("f.d_x")
    assert right.closed(node) in ("2x y", "2y x")
    wrong = Explanations(trace, graph.passes[-1])
    for display in wrong._displays.values():
        show = display.show
        monkeypatch.setattr(display, "show", lambda at, show=show: show(graph.id("x")))
    assert wrong.closed(node) is None


def test_a_short_list_of_numbers_is_written_out():
    assert write(ops.Array((1, 2.5), (2,)), [], []) == "[1, 2.5]"
    assert write(ops.Array((1, 2, 3, 4), (2, 2)), [], []) == "array of shape (2, 2)"
