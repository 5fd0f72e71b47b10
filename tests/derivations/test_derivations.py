"""Derivations: what a lecturer would hand out, in every format, for every graph, and checked."""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt  # which rich brings along
from random_graphs import random_graph
from random_programs import program

import graphdbg as gd
from graphdbg.calculus.jacobians import excerpt
from graphdbg.commandline import cli, deriving
from graphdbg.derivations import author, breaking, document, evidence, rules, steps
from graphdbg.derivations.expressions import Expression, number, of_space, of_value
from graphdbg.derivations.plan import plan_of
from graphdbg.derivations.units import units_of
from graphdbg.errors import (
    DifferentiationError,
    GraphError,
    UnknownNameError,
    ValueGivenError,
)
from graphdbg.formulas.formulary import Formulary
from graphdbg.numbers.sampling import sample
from graphdbg.source import on_one_line
from graphdbg.tape import ops
from graphdbg.tape.builder import Builder
from graphdbg.tape.scalars import TABLE
from graphdbg.tape.sizes import named
from graphdbg.typesetting.mathml import convert

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.gd"))
LECTURE = """\
Derivation of ∂f/∂x and ∂f/∂z
=============================


Problem
-------
Given x ∈ ℝ, y ∈ ℝ and z ∈ ℝ, and f as defined in (2), find ∂f/∂x and ∂f/∂z.
Numbers are those at the point
- x = −2
- y = 5
- z = −4

Forward pass
------------
(1) q = x + y = 3
(2) f = q z = −12

Backward pass
-------------
Every gradient has the shape of what it is taken by. A product such as
∂L/∂Z · ∂Z/∂X names what Z sends back to X by the chain rule; the line below
says what that is.

(3) ∂f/∂f
The backward pass begins with the gradient of f by itself.
    ∂f/∂f = 1

(4) ∂f/∂q
From f in (2). Rule: product.
    ∂f/∂q = z    by the rule
          = −4   at the point
    checked at 3 random points: N digits, N against differences

(5) ∂f/∂x
From q in (1). Rule: sum. Local derivative: ∂q/∂x = 1.
    ∂f/∂x = ∂f/∂q · ∂q/∂x   chain rule
          = z · 1           put in
          = z               with (4)
          = (−4) · 1        in numbers
          = −4              at the point
    checked at 3 random points: N digits, N against differences

(6) ∂f/∂z
From f in (2). Rule: product.
    ∂f/∂z = q       by the rule
          = x + y
          = 3       at the point
    checked at 3 random points: N digits, N against differences

Results
-------
    ∂f/∂x = z
          = −4   at the point
    checked at 3 random points: N digits, N against differences
    ∂f/∂z = x + y
          = 3       at the point
    checked at 3 random points: N digits, N against differences

Rules
-----
- product: entry by entry; Y = A ⊙ B gives ∂L/∂A = (∂L/∂Y) ⊙ B and
  ∂L/∂B = (∂L/∂Y) ⊙ A.
- sum: each term receives the gradient unchanged; Y = A + B gives ∂L/∂A = ∂L/∂Y
  and ∂L/∂B = ∂L/∂Y.
"""


def loosened(text: str) -> str:
    """Without the digits of stamps, which rounding may change."""
    return re.sub(r"\d+ digits, \d+ against", "N digits, N against", text)


def example(name: str) -> gd.Graph:
    return gd.parse((ROOT / "examples" / f"{name}.gd").read_text("utf-8"))


def scalar(graph: gd.Graph) -> str | None:
    """What there is a derivation of: the last scalar result; one example has none."""
    return next((name for name in reversed(graph.outputs) if graph[name].shape == ()), None)


DERIVED = [path.stem for path in EXAMPLES if scalar(example(path.stem))]


def equations(step: Any) -> list[str]:
    """The lines of a step, `left = right`."""
    rows = [row for part in step.contributions for row in part.lines] + list(step.total)
    return [f"{row.left or ''} = {row.right}".strip() for row in rows]


def step_of(found: Any, gradient: str) -> Any:
    return next(step for step in found.steps if str(step.gradient) == gradient)


# ------------------------------------------------------------------ golden texts


def test_the_lecture_s_circuit_reads_as_promised() -> None:
    point = {"x": -2, "y": 5, "z": -4}
    found = gd.derive(gd.parse("f=(x+y)z"), wrt=["x", "z"], point=point)
    assert loosened(found.text()) == LECTURE
    assert str(found) == repr(found) == found.text()


GOLDEN = {
    "softmax_cross_entropy": (
        "L", ["o"], "∂L/∂o",
        ["∂L/∂o = ∂L/∂p · ∂p/∂o", "= p ⊙ ((∂L/∂p) − pᵀ(∂L/∂p))", "= p − y"],
    ),
    "residual": (
        "E", ["x"], "∂E/∂h",
        ["∂E/∂y · ∂y/∂h = ∂E/∂y", "= y − t",
         "∂E/∂q · ∂q/∂h = Wᵀ(∂E/∂q)", "= Wᵀ((y − t) ⊙ 1[Wh > 0])",
         "∂E/∂h = (10a) + (10b)", "= Wᵀ((y − t) ⊙ 1[Wh > 0]) + y − t"],
    ),
    "classifier": (
        "L", ["W1"], "∂L/∂W1",
        ["∂L/∂W1 = ∂L/∂Z1 · ∂Z1/∂W1", "= Xᵀ(∂L/∂Z1)", "= Xᵀ((P − Y) W2ᵀ ⊙ 1[Z1 > 0]) / n"],
    ),
    "linear_regression": (
        "E", ["w"], "∂E/∂w",
        ["∂E/∂w = ∂E/∂r · ∂r/∂w", "= Xᵀ(∂E/∂r)", "= 2Xᵀr/n"],
    ),
    "neuron": (
        "s", ["w0"], "∂s/∂z",
        ["∂s/∂z = ∂s/∂q4 · ∂q4/∂z", "= (−s²) · (−q4)", "= s (1 − s)"],
    ),
    "attention": (
        "L", ["Q"], "∂L/∂S",
        ["∂L/∂S = ∂L/∂A · ∂A/∂S", "= A ⊙ ((∂L/∂A) − (A ⊙ (∂L/∂A))1 1ᵀ)",
         "= A ⊙ ((O − T)Vᵀ − (AV ⊙ (O − T))1 1ᵀ)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name, case", GOLDEN.items(), ids=GOLDEN)
def test_the_steps_of_the_examples_read_as_promised(name: str, case: tuple[Any, ...]) -> None:
    of, wrt, gradient, expected = case
    assert equations(step_of(gd.derive(example(name), of, wrt), gradient)) == expected


def test_a_simplification_gives_its_reason_where_it_is_made_and_only_there() -> None:
    found = gd.derive(example("classifier"), wrt=["W1"])
    made = {str(step.gradient): step.because for step in found.steps if step.because}
    assert made == {"∂L/∂q4": ("Σ Y = 1 (Y: OneHot)",)}
    assert found.results[0].because == ("Σ Y = 1 (Y: OneHot)",)
    assert re.search(r"= \(P − Y\)/n +with \(7\), because Σ Y = 1 \(Y: OneHot\)", found.text())


def test_the_jacobian_of_a_whole_call_is_told() -> None:
    step = step_of(gd.derive(example("softmax_cross_entropy"), "L", ["o"]), "∂L/∂o")
    (part,) = step.contributions
    assert f"{part.local.left} = {part.local.right}" == "∂p/∂o = diag(p) − p pᵀ"
    assert [rule.name for rule in part.rules] == ["softmax, taken whole"]


def test_depth_opens_calls() -> None:
    graph = example("softmax_cross_entropy")
    names = {depth: [str(d.equation.left) for d in gd.derive(graph, "L", "o", depth=depth)
                     .definitions] for depth in (0, 1)}  # fmt: skip
    assert names == {0: ["p", "L"], 1: ["p.shifted", "p.e", "p.total", "p", "L"]}
    opened = gd.derive(graph, "L", "o", depth=1)
    assert "held fixed (stop_gradient)" in opened.text()
    assert str(opened.results[0].formula) == "p − y"


def test_conventions_at_kinks_are_told_once() -> None:
    graph = gd.parse("h = relu(x); k = relu(h - 1); L = sum(k)", shapes={"x": (3,)})
    text = gd.derive(graph, wrt="x").text()
    assert text.count("Convention: relu'(0) = 0, between 0 (from below) and 1 (from above).") == 1


def test_the_inside_of_a_call_that_formulas_name_is_explained() -> None:
    graph = gd.parse("y = layer_norm(x); f = sum(g*y)", shapes={"x": ("d",), "g": ("d",)})
    found = gd.derive(graph, wrt="x")
    assert "y.spread" in str(found.results[0].formula)
    parts = {str(each.left): str(each.right) for each in found.definitions[0].parts}
    assert parts["y.spread"] == "√(y.mean + 10⁻⁵)"
    order = list(parts)
    assert order.index("y.mean") < order.index("y.spread")


def test_a_call_that_has_no_name_is_called_by_its_text() -> None:
    found = gd.derive(gd.parse("L = -log(softmax(z)[0])", shapes={"z": (3,)}))
    first = found.definitions[0]
    assert str(first.equation.right) == "softmax(z)"
    assert "softmax(z)" in str(found.results[0].formula)


@pytest.mark.parametrize(
    "text, shapes, wrt, result",
    [
        ("L = log(det(A))", {"A": ("n", "n")}, "A", "A⁻ᵀ"),
        ("L = x.T @ inv(A) @ x", {"A": ("n", "n"), "x": ("n",)}, "A", "−A⁻ᵀ x xᵀ A⁻ᵀ"),
        ("L = x.T @ inv(A) @ x", {"A": ("n", "n"), "x": ("n",)}, "x", "(A⁻¹ + A⁻ᵀ)x"),
        ("f = x*x", {}, "x", "2x"),
        ("f = z x^y", {}, "z", "x^y"),
    ],
)
def test_results(text: str, shapes: Any, wrt: str, result: str) -> None:
    found = gd.derive(gd.parse(text, shapes=shapes), wrt=wrt)
    assert str(found.results[0].formula) == result
    assert found.results[0].stamp is not None


def test_definitions_use_the_signs_of_mathematics() -> None:
    text = gd.derive(
        gd.parse("m = max(a, b); d = det(inv(A)); L = m d", shapes={"A": (2, 2)})
    ).text()
    assert "m = max(a, b)" in text
    assert re.search(r"q = A⁻¹", text)
    assert re.search(r"d = det\(q\)", text)


def test_a_gradient_that_does_not_flow_is_0() -> None:
    graph = gd.parse("f = x^2 + 0*stop_gradient(y)")
    found = gd.derive(graph, wrt=["x", "y"])
    assert [str(result.formula) for result in found.results] == ["2x", "0"]
    assert "No gradient flows to y." in found.text()


def test_what_is_differentiated_by_itself_is_1() -> None:
    graph = gd.parse("f = 2x")
    found = gd.derive(graph, wrt=["f", "x"])
    assert [str(result.formula) for result in found.results] == ["1", "2"]
    assert "begins with the gradient of f by itself" in found.text()


def test_a_node_inside_a_call_can_be_asked_for() -> None:
    graph = example("softmax_cross_entropy")
    found = gd.derive(graph, "L", "p.shifted")
    assert "p.shifted" in [str(each.equation.left) for each in found.definitions]
    assert str(found.results[0].formula) == "p − y"


# ------------------------------------------------------------------ steps in order, all checked


def well_founded(found: Any, every: bool = True) -> None:
    """Each step rests on what was numbered before, and is stamped."""
    known = {each.number for each in found.definitions}
    numbers = [step.number for step in found.steps]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert {each.number for each in found.definitions} < {*range(1, numbers[0])} | {0} or known
    for step in found.steps:
        for part in step.contributions:
            assert part.upstream in known or part.upstream < step.number
            assert part.definition in known
            assert part.lines or part.withheld
        known.add(step.number)
        assert step.stamp is not None or step.withheld or not step.contributions
        for reference in re.findall(r"with \((\d+)\)", " ".join(
            row.why for part in step.contributions for row in part.lines
        )):  # fmt: skip
            assert int(reference) in known and int(reference) < step.number


def same_result(graph: gd.Graph, found: Any, of: str, wrt: list[str]) -> None:
    """The results are the formulas of a graph that nobody asked for a formula before."""
    for name, result in zip(wrt, found.results):
        plan = plan_of(graph, of, wrt, 0)
        if result.formula is not None and not result.formula.typed:
            formula = Formulary(plan.tape).formula(f"{of}.d_{name}")
            assert result.formula.text.replace("(∂", "∂") in formula.text().replace("(∂", "∂")
            assert result.formula.latex == formula.latex()


def written(found: Any) -> None:
    """Every format can be written, twice the same, and is well formed."""
    assert found.text() == found.text()
    page = found.html()
    assert page == found.html()
    ElementTree.fromstring(page.removeprefix("<!doctype html>\n").replace("&nbsp;", " ")
                           .replace('<meta charset="utf-8">', "")
                           .replace('<meta name="viewport" content="width=device-width, '
                                    'initial-scale=1">', ""))  # fmt: skip
    latex = found.latex()
    assert latex.count(r"\left") == latex.count(r"\right")
    assert latex.count(r"\bigl") == latex.count(r"\bigr")
    assert latex.count("\\begin{") == latex.count("\\end{")
    assert "$$\n" in found.markdown()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 30))
def test_random_graphs(seed: int, length: int) -> None:
    graph = random_graph(seed, length)
    wrt = [name for name in graph.inputs if name != "labels"]
    found = gd.derive(graph, "f", wrt, steps=None)
    well_founded(found)
    same_result(graph, found, "f", wrt)
    written(found)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 2))
def test_random_programs(seed: int, depth: int) -> None:
    text, shapes = program(Random(seed))
    graph = gd.parse(text, shapes=shapes)
    try:
        found = gd.derive(graph, "f", list(graph.inputs), depth=depth, steps=None)
    except ValueGivenError:
        assume(False)  # the length of a zero vector, the spread of one number: no derivative at all
    well_founded(found)
    same_result(graph, found, "f", list(graph.inputs))
    written(found)


def test_an_example_without_a_scalar_says_what_to_do() -> None:
    assert {path.stem for path in EXAMPLES} - set(DERIVED) == {"optimizers"}
    with pytest.raises(GraphError, match="a gradient needs a scalar, but 'w_adamw' has shape"):
        gd.derive(example("optimizers"), "w_adamw")


@pytest.mark.parametrize("name", DERIVED)
@pytest.mark.parametrize("depth", [0, 1, 9])
def test_examples(name: str, depth: int) -> None:
    graph = example(name)
    of = scalar(graph)
    found = gd.derive(graph, of, depth=depth, steps=None)
    assert not found.refused
    well_founded(found)
    written(found)
    again = gd.derive(example(name), of, depth=depth, steps=None)
    assert (found.html(), found.latex()) == (again.html(), again.latex())


def test_the_numbers_of_a_step_are_those_of_the_tape() -> None:
    graph = example("residual")
    rng = np.random.default_rng(3)
    point = {name: rng.normal(size=graph[name].shape) for name in graph.inputs}
    found = gd.derive(graph, wrt=["x"], point=point)
    trace = gd.evaluate(gd.grad(graph, wrt=["x"]), point)
    assert found.results[0].value == of_value(trace["E.d_x"])
    for step in found.steps:
        assert step.value == of_value(trace[f"E.d_{step.name.text}"])


def test_a_refused_formula_is_not_shown_and_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphdbg.formulas.stamps.SAME_DIGITS", 99.0)
    found = gd.derive(gd.parse("f = x^2 y"), wrt="x")
    assert found.refused
    assert found.results[0].formula is None and found.results[0].stamp is None
    assert found.text().count(steps.REFUSED) >= 2
    assert "2x y" not in found.text()


def test_a_long_formula_keeps_its_name_and_the_result_shows_it() -> None:
    found = gd.derive(example("svm"), "L", ["W"])
    step = found.steps[-1]
    assert step.withheld == "Written out, it has 177 characters."
    assert max(len(row.right.text) for s in found.steps for p in s.contributions
               for row in p.lines) <= evidence.LONGEST_RULE  # fmt: skip
    assert len(str(found.results[0].formula)) == 177


def test_an_operation_without_tame_points_of_its_own_is_checked_at_those_of_the_program() -> None:
    """Of 48 numbers all between 0 and 1 none are drawn for the operation alone."""
    graph = gd.parse(
        "z: Real[6, 8]\ndef g(q): return sum(log(q)*log(1 - q))\nq = sigmoid(z)\nf = g(q)^2"
    )
    call = graph.calls[0]
    inside = [at for at in range(len(graph)) if graph.frames[at] == 0]
    with pytest.raises(ValueGivenError, match="no random point found"):
        sample(excerpt(graph, inside, call.output))
    found = gd.derive(graph, "f", "q")
    (part,) = found.steps[-1].contributions
    assert part.lines[1].why == "by the rule" and not part.withheld


# ------------------------------------------------------------------ large graphs


def chain(length: int) -> gd.Graph:
    b = Builder()
    y = b.input("x")
    for at in range(length):
        y = b.map("sin" if at % 2 else "tanh", y)
    return b.build({"f": y})


def test_more_steps_than_asked_for_are_left_out_and_it_is_said() -> None:
    found = gd.derive(chain(30), steps=5)
    assert len(found.steps) == 5 and found.omitted == 26 and found.omitted_definitions == 25
    text = found.text()
    assert "26 more steps, (36) to (61), are left out: steps=None, or --steps all" in text
    assert "The first 25 definitions are left out" in text
    assert found.results[0].formula is not None
    well_founded(found)
    assert gd.derive(chain(30), steps=None).omitted == 0


def test_a_chain_deeper_than_anyone_reads_has_no_closed_form_and_says_so() -> None:
    found = gd.derive(chain(60))
    assert found.results[0].formula is None
    assert found.results[0].withheld == "There is no closed form of a readable length."
    assert equations(found.steps[1]) == ["∂f/∂q58 = cos(q58)"]


def test_a_large_graph_keeps_the_names_of_gradients() -> None:
    found = gd.derive(chain(4000))
    assert found.size > evidence.LARGEST_GRAPH
    assert f"The graph has {found.size:,} nodes: gradients keep their names" in found.text()
    assert equations(found.steps[2])[-1] == "= (∂f/∂q3998) (1 − q3998²)"
    assert found.steps[2].stamp is not None
    written(found)


def test_many_inputs_are_not_all_listed() -> None:
    b = Builder()
    total = b.input("x0")
    for at in range(1, 60):
        total = b.map("add", total, b.map("sin", b.input(f"x{at}")))
    found = gd.derive(b.build({"f": total}), point={f"x{at}": at for at in range(60)})
    text = found.text()
    assert "20 more, and f as defined" in " ".join(text.split())
    assert "- 20 more" in text
    assert found.omitted_results == 20 and "20 more gradients are left out." in text


# ------------------------------------------------------------------ units and rules


@pytest.mark.parametrize(
    "text, shapes, expected",
    [
        ("Z = X @ W + b; L = sum(Z)", {"X": (3, 2), "W": (2, 4), "b": (4,)}, ["Z", "L"]),
        ("f = (x + y) z", {}, ["q", "f"]),
        ("f = 1/(1 + exp(-z))", {}, ["q1", "f"]),
        ("f = x + sin(x)", {}, ["q", "f"]),
        ("f = x*x", {}, ["f"]),
        ("f = sin(2x + 1)", {}, ["f"]),
        ("f = (x + 1)(x + 1)", {}, ["q", "f"]),
    ],
)
def test_what_is_taken_as_one_step(text: str, shapes: Any, expected: list[str]) -> None:
    graph = gd.parse(text, shapes=shapes)
    of = graph.output_ids[-1]
    plan = plan_of(graph, graph.names[of], list(graph.inputs), 0)
    assert [plan.name(unit.output) for unit in plan.units] == expected


def test_a_call_whose_inside_is_used_elsewhere_is_open() -> None:
    """What a node outside of the call reads is no result of it: the call cannot be taken whole."""
    graph = gd.parse("p = softmax(o); q = exp(o - stop_gradient(max(o))); L = sum(p*q)",
                     shapes={"o": (3,)})  # fmt: skip
    found = gd.derive(graph, "L", "o")
    well_founded(found)
    assert "p.e" in [str(each.equation.left) for each in found.definitions] or all(
        unit.call is None or unit.output == graph.id("p")
        for unit in units_of(graph, graph.id("L"), [graph.id("o")], range(len(graph)))
    )


def test_every_primitive_and_every_function_has_a_rule() -> None:
    samples = {
        ops.Input: ops.Input("x"), ops.Const: ops.Const(1), ops.Array: ops.Array((1,), (1,)),
        ops.Eye: ops.Eye(2), ops.Arange: ops.Arange(2), ops.Map: ops.Map("add"),
        ops.Contract: ops.Contract(("ij", "jk"), "ik"), ops.Reduce: ops.Reduce("max", (0,)),
        ops.Broadcast: ops.Broadcast((2,), ()), ops.Reshape: ops.Reshape((2,)),
        ops.Slice: ops.Slice(((0, 1, 1),)), ops.Pad: ops.Pad(((0, 1, 1),), (2,)),
        ops.Concat: ops.Concat(0), ops.Gather: ops.Gather(1), ops.Scatter: ops.Scatter((2,)),
        ops.Inverse: ops.Inverse(), ops.LogDet: ops.LogDet(), ops.Det: ops.Det(),
        ops.Adjugate: ops.Adjugate(), ops.StopGradient: ops.StopGradient(),
    }  # fmt: skip
    assert set(samples) == set(ops.PRIMITIVES)
    found = [rules.rule_of(op) for op in samples.values()]
    found += [rules.rule_of(ops.Map(name), (True,) * row.arity) for name, row in TABLE.items()]
    found += [rules.rule_of(ops.Reduce(kind, (0,))) for kind in ops.REDUCTIONS]
    for rule in [*found, *rules.RULES.values()]:
        assert rule.name and (rule.said or rules.shown(rule)), rule


@pytest.mark.parametrize("name", sorted(rules.RULES))
def test_a_rule_is_shown_with_its_derivatives(name: str) -> None:
    rule = rules.RULES[name]
    if rule.program:
        operands = gd.parse(rule.program).inputs
        lefts = [left.text for left, _ in rules.shown(rule)[1:]]
        assert lefts == [f"∂L/∂{operand}" for operand in operands]


@pytest.mark.parametrize("exponent", [2, 3, -1, 0.5])
def test_the_rule_of_a_power_is_true(exponent: float) -> None:
    local = gd.local(gd.parse(f"y = x^({exponent})"), "y")["x"]
    value = local.evaluate({"x": 1.7})
    assert np.isclose(float(value), exponent * 1.7 ** (exponent - 1))
    stated = [f"{left} = {right}" for left, right in rules.shown(rules.rule_of(ops.Map("pow")))]
    assert stated == ["y = a^p", "∂y/∂a = p a^(p − 1)"]


def test_the_rule_of_a_power_with_a_variable_exponent_is_true() -> None:
    rule = rules.rule_of(ops.Map("pow"), (True, True))
    assert rule.name == "power with a variable exponent"
    assert [str(right) for _, right in rules.shown(rule)] == ["a^b", "b a^(b − 1)", "y log(a)"]
    local = gd.local(gd.parse("y = a^b"), "y")
    point = {"a": 1.7, "b": 2.3}
    assert np.isclose(float(local["a"].evaluate(point)), 2.3 * 1.7**1.3)
    assert np.isclose(float(local["b"].evaluate(point)), 1.7**2.3 * np.log(1.7))


@pytest.mark.parametrize(
    "text, told",
    [
        ("f = abs(x)", "abs'(0) = 0"),
        ("f = max(x, y)", "equal operands of maximum share the gradient equally"),
        ("v: Real[3]; f = max(v)", "equal largest entries share the gradient equally"),
        ("f = x^2", ""),
    ],
)
def test_a_kink_on_the_way_has_its_convention(text: str, told: str) -> None:
    kinks = [kink for step in gd.derive(gd.parse(text)).steps for kink in step.kinks]
    assert len(kinks) == bool(told) and all(kink.startswith(told) for kink in kinks)


# ------------------------------------------------------------------ expressions


def test_numbers_and_arrays() -> None:
    assert number("-1.5e-09") == Expression("−1.5e−09", r"-1.5 \cdot 10^{-9}")
    assert number("nan").latex == r"\text{nan}"
    assert of_value(np.array([[1.0, -2.0]])).text == "[[1, −2]]"
    assert of_value(np.arange(100.0)).text == "0 … 99, mean 49.5"
    assert of_value(np.zeros((0,))).text == "no elements, shape (0,)"
    assert of_space((named("n") * 2, 3)).latex == r"\mathbb{R}^{2 \cdot n \times 3}"


LONG = [
    r"\left(a + b\right) \odot \left(c - d\right) + e",
    r"-\frac{\left(a + b\right) \odot \left(c - d\right)}{n}",
    r"\operatorname{diag}\left(\left(a - b\right) \odot \left(c + d\right)\right) e^{-\top}",
    r"\begin{bmatrix} a + b & c \end{bmatrix} + d",
    r"a + \frac{b - c + d}{e} - f",
    "x",
]


@pytest.mark.parametrize("latex", LONG)
@pytest.mark.parametrize("room", [1, 5, 12, 80])
def test_breaking_loses_nothing_and_closes_what_it_opens(latex: str, room: int) -> None:
    lines = breaking.broken(latex, room)
    whole = " ".join(lines).replace(r"\bigl", r"\left").replace(r"\bigr", r"\right")
    letters = re.sub(r"\\(?:frac|left|right)|[^a-zA-Z]", "", latex)
    assert sorted(re.sub(r"\\(?:frac|left|right)|[^a-zA-Z]", "", whole)) == sorted(letters)
    assert whole.count(r"\left") == whole.count(r"\right")
    assert breaking.broken(latex, 80) == [latex]
    for line in lines:
        assert line.count("{") == line.count("}"), lines
        assert line.count(r"\left") == line.count(r"\right"), lines
        convert(line)


# ------------------------------------------------------------------ escaping

ODD = ["<script>alert(1)</script>", 'a"b&c', "x$y$z", "a_b#c%d", "back\\slash{", "`tick`", "[l](u)",
       "größe", "中文", "*b*_i_", "line\n\nend", "x" * 10_000]  # fmt: skip


class Reader(HTMLParser):
    """The tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def odd(name: str) -> gd.Graph:
    b = Builder()
    x = b.input(name, (2,))
    h = b.map("tanh", x)
    b.name(h, f"h {name}")
    return b.build({f"L {name}": b.sum(b.map("mul", h, b.input("w", (2,))), (0,))})


@pytest.mark.parametrize(
    "name", ODD, ids=lambda name: name[:12].encode("ascii", "replace").decode()
)
def test_any_name_comes_out_as_a_name(name: str) -> None:
    graph = odd(name)
    found = gd.derive(graph, wrt=[name])
    written(found)
    page = Reader(found.html())
    assert "script" not in page.tags and on_one_line(name) in page.text
    assert on_one_line(name) in found.text()
    assert len(found.text().splitlines()) < 70
    markdown = found.markdown()
    assert "<script" not in markdown
    outside = re.sub(r"\$\$\n.*?\n\$\$|(?<![\\$])\$[^$\n]+\$", "", markdown, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)\$", outside), outside[:300]
    for inside in re.findall(r"\$\$\n(.*?)\n\$\$", markdown, re.DOTALL):
        assert "\n" not in inside
        assert not re.search(r"\\[^a-zA-Z ]", inside), inside[:300]  # Markdown would eat it
        assert not re.search(r"[^ ]_", inside), inside[:300]  # it could begin emphasis
        assert not set("<>*`") & set(inside), inside[:300]


def test_markdown_reads_the_same_to_every_reader() -> None:
    text = gd.derive(example("svm"), "L", ["W"]).markdown()
    for inside in re.findall(r"\$\$\n(.*?)\n\$\$|\$([^$\n]+)\$", text):
        assert not re.search(r"\\[^a-zA-Z ]", "".join(inside))
    assert text.startswith("# Derivation of $\\frac{\\partial L}{\\partial W}$\n")
    assert r"\begin{aligned} \frac{\partial L}{\partial S}" in text


@pytest.mark.parametrize(
    "graph",
    [*map(example, DERIVED), *map(odd, ODD)],
    ids=[*DERIVED, *(f"odd {at}" for at in range(len(ODD)))],
)
def test_a_reader_of_markdown_leaves_mathematics_as_it_is(graph: gd.Graph) -> None:
    """No emphasis, link or escape is seen in it, as GitHub would before MathJax sees it."""
    text = gd.derive(graph, scalar(graph)).markdown()
    for token in MarkdownIt().parse(text):
        for child in token.children or ():
            assert child.type in ("text", "softbreak", "code_inline", "html_inline", "text_special")
            if child.type == "html_inline":
                assert child.content in ("<sub>", "</sub>")
        if token.type == "inline" and token.content.startswith("$$"):
            kept = ("\n" if c.type == "softbreak" else c.content for c in token.children or ())
            assert "".join(kept) == token.content


def test_what_has_no_notation_is_code_in_markdown_and_html() -> None:
    graph = gd.parse("x: Real[6]; y = reshape(x, (2, 3)); L = sum(y[0]**2)")
    found = gd.derive(graph, wrt="x")
    assert "`reshape(x, (2, 3))`" in found.markdown()
    assert "<code>reshape(x, (2, 3))</code>" in found.html()
    assert r"\texttt{reshape(x, (2, 3))}" in found.latex()


def test_a_page_is_one_file_with_headings_in_order() -> None:
    page = gd.derive(example("residual"), wrt="x").html()
    assert not re.search(r"(src|href)=\"(?!#)", page)
    assert "http" not in page.replace("http://www.w3.org/1998/Math/MathML", "")
    assert "prefers-color-scheme: dark" in page and "@media print" in page
    levels = [int(each) for each in re.findall(r"<h(\d)", page)]
    assert levels[0] == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:]))
    anchors = set(re.findall(r'id="(e\d+)"', page))
    assert set(re.findall(r'href="#(e\d+)"', page)) <= anchors
    assert '<html lang="en">' in page


def test_a_notebook_shows_the_derivation() -> None:
    found = gd.derive(gd.parse("f = x^2"))
    assert found._repr_markdown_() == found.markdown()
    inside = found._repr_html_()
    assert inside.startswith("<style>") and "<html" not in inside
    assert '<div class="derivation">' in inside


def test_a_derivation_cannot_be_changed() -> None:
    found = gd.derive(gd.parse("f = x^2"))
    with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign"):
        found.omitted = 3  # type: ignore[misc]


def test_words_are_listed_with_commas_and_an_and() -> None:
    found = gd.derive(gd.parse("f = x y z"))
    assert "".join(map(str, document.title(found))) == "∂f/∂x, ∂f/∂y and ∂f/∂z"


# ------------------------------------------------------------------ LaTeX

LATEX = [name for name in ("pdflatex", "xelatex") if shutil.which(name)]


@pytest.mark.parametrize("engine", LATEX or [pytest.param("", marks=pytest.mark.skip("no LaTeX"))])
@pytest.mark.parametrize("case", [*DERIVED, *(f"odd {at}" for at in range(len(ODD)))])
def test_latex_compiles(engine: str, case: str, tmp_path: Path) -> None:
    graph = odd(ODD[int(case[4:])]) if case.startswith("odd") else example(case)
    wrt = [graph.inputs[0]]
    source = gd.derive(graph, scalar(graph), wrt, depth=1).latex()
    assert set(re.findall(r"\\usepackage\{(\w+)\}", source)) == {"amsmath", "amssymb"}
    (tmp_path / "a.tex").write_text(source, "utf-8")
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "a.tex"],
        cwd=tmp_path, capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    log = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, log[-1500:]


# ------------------------------------------------------------------ the command line

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Exit code, standard output and standard error of a command line."""
    monkeypatch.chdir(ROOT)

    def call(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        found = capsys.readouterr()
        return code, found.out, found.err

    return call


def test_the_command_prints_the_derivation(run: Run) -> None:
    code, out, err = run("derive", "f=(x+y)z", "x=-2", "y=5", "z=-4", "--wrt", "x,z")
    assert (code, err) == (0, "")
    assert loosened(out) == LECTURE


@pytest.mark.parametrize(
    "form, start",
    [("markdown", "# Derivation of $"), ("latex", "\\documentclass"), ("html", "<!doctype html>"),
     ("text", "Derivation of ∂L/∂W1")],
)  # fmt: skip
def test_formats(run: Run, form: str, start: str) -> None:
    code, out, _ = run("derive", "examples/classifier.gd", "--wrt", "W1", "--format", form)
    assert code == 0 and out.startswith(start)
    assert run("derive", "examples/classifier.gd", "--wrt", "W1", "--format", form)[1] == out


@pytest.mark.parametrize("ending, form", deriving.ENDINGS.items())
def test_the_ending_of_a_file_says_the_format(
    run: Run, tmp_path: Path, ending: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deriving, "pdf", lambda source: b"%PDF " + source[:14].encode())
    path = tmp_path / f"homework{ending.upper()}"
    code, out, err = run("derive", "f = x^2", "-o", str(path))
    assert (code, out, err) == (0, f"wrote {path}\n", "")
    starts = {
        "text": "Derivation",
        "markdown": "#",
        "latex": "\\doc",
        "html": "<!",
        "pdf": "%PDF \\",
    }
    assert path.read_text("utf-8").startswith(starts[form])


def test_values_that_were_drawn_are_named_beside_the_derivation(run: Run, tmp_path: Path) -> None:
    code, out, err = run("derive", "f = x y", "x=2")
    assert code == 0 and err == "random values (--seed 0) for y\n"
    assert "random" not in out.replace("random points", "")
    assert "random values (--seed 0) for y" in run(
        "derive", "f = x y", "x=2", "-o", str(tmp_path / "a.md")
    )[1]  # fmt: skip


@pytest.mark.parametrize(
    "words, message",
    [
        (["f = x^2", "--format", "docx"], "found --format docx, expected one of text, markdown"),
        (["f = x^2", "-o", "a.docx"], "the ending of 'a.docx' says no format: end it in .txt"),
        (["f = x^2", "-o", "/nowhere/a.md"], "cannot write '/nowhere/a.md': there is no folder"),
        (["f = x^2", "--format", "pdf"], "a pdf is written to a file: say which with -o FILE"),
        (["f = x^2", "--steps", "none"], "found --steps none, expected a number from 1, or all"),
        (["f = x^2", "--steps", "0"], "found --steps 0, expected a number"),
        (["f = x^2", "--wrt", "y"], "no node named 'y'"),
        (["p = softmax(o)", "--shape", "o=3"], "a gradient needs a scalar, but 'p' has shape (3,)"),
    ],
)
def test_bad_input_is_explained(run: Run, words: list[str], message: str) -> None:
    code, out, err = run("derive", *words)
    assert (code, out) == (2, "") and message in err


def test_a_pdf_without_latex_says_what_to_do(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    code, _, err = run("derive", "f = x^2", "-o", "a.pdf")
    assert code == 2
    assert "none of pdflatex, xelatex and lualatex is installed: install TeX Live or MiKTeX" in err
    assert "--format latex" in err


@pytest.mark.skipif(not LATEX, reason="no LaTeX")
def test_a_pdf_is_written_the_same_twice(run: Run, tmp_path: Path) -> None:
    paths = [tmp_path / "a.pdf", tmp_path / "b.pdf"]
    for path in paths:
        assert run("derive", "examples/neuron.gd", "--wrt", "w0", "-o", str(path))[0] == 0
    first, second = (path.read_bytes() for path in paths)
    assert first.startswith(b"%PDF") and first == second


@pytest.mark.skipif(not LATEX, reason="no LaTeX")
def test_a_document_that_latex_refuses_is_told() -> None:
    with pytest.raises(GraphError, match="could not set the derivation: Undefined control seq"):
        deriving.pdf("\\documentclass{article}\\begin{document}\\nonsense\\end{document}")


def test_a_refused_formula_is_a_failed_check(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphdbg.formulas.stamps.SAME_DIGITS", 99.0)
    code, out, _ = run("derive", "f = x^2")
    assert code == 1 and steps.REFUSED in out


def test_steps_and_depth(run: Run) -> None:
    out = run("derive", "examples/neuron.gd", "--steps", "2")[1]
    assert "(6) to (11), are left out" in out.replace("\n", " ")
    assert "left out" not in run("derive", "examples/neuron.gd", "--steps", "all")[1]
    out = run("derive", "examples/classifier.gd", "--wrt", "W1", "--depth", "1")[1]
    assert "P.shifted" in out


def test_the_help_tells_of_derive(run: Run) -> None:
    assert "graphdbg derive SOURCE" in run("--help")[1]
    assert "--depth" in run("derive", "--help")[1]


# ------------------------------------------------------------------ errors of the function


def test_derive_needs_a_scalar_of_the_program() -> None:
    graph = gd.grad(gd.parse("f = x^2 y"))
    with pytest.raises(DifferentiationError, match="belongs to a backward pass"):
        gd.derive(graph, "f.d_x", "y")
    with pytest.raises(DifferentiationError, match="a gradient needs a scalar"):
        gd.derive(gd.parse("y = 2*x", shapes={"x": (3,)}))
    with pytest.raises(UnknownNameError, match="no node named 'q9'"):
        gd.derive(gd.parse("f = x^2"), wrt="q9")
    assert author.MOST_STEPS == 40
