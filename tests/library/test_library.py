"""The functions written in graphdbg's own language, held against formulas written in NumPy here.

Values are compared directly, gradients with fourth-order central differences of the NumPy formula
(which knows nothing of graphdbg), second derivatives with differences of the gradient that was just
found right. The same cases run with named dimensions, and, where JAX is installed, against JAX
differentiating the formula. What happens at +-1000 is in `test_library_extremes`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy
import pytest
from library_cases import (
    CASES,
    NAMES,
    Array,
    Case,
    point_of,
    points_of_program,
    program,
    smooth,
    weights,
)

import graphdbg as gd
from graphdbg import library
from graphdbg.errors import GraphError, ShapeError, SourceError
from graphdbg.tape.builder import Builder

IDS = [case.name for case in CASES]
# Tested through their callers.
HELPERS = {"pick", "windows", "pad_ends", "log_probability", "guarded_log", "mlp"}


def test_every_function_has_a_case() -> None:
    texts = " ".join(case.text for case in CASES)
    missing = {name for name in library.names() if f"{name}(" not in texts}
    assert {name for name in missing if not name.startswith(("torch_", "jax_"))} == HELPERS


WEIGHTS = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}  # central differences of fourth order


def differences(
    function: Callable[[Mapping[str, Array]], float], at: Mapping[str, Array], wrt: str
) -> Array:
    """Central differences of a scalar function by every entry of `wrt`; the error is O(1e-12)."""
    step = 1e-3
    result = numpy.zeros(at[wrt].shape)
    for index in numpy.ndindex(*result.shape):
        for steps, weight in WEIGHTS.items():
            moved = at[wrt].copy()
            moved[index] += steps * step
            result[index] += weight / step * function({**at, wrt: moved})
    return result


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_value(case: Case) -> None:
    graph, at, expected = points_of_program(case)
    found = gd.evaluate(graph, at)["r"]
    assert found.shape == expected.shape
    numpy.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient(case: Case) -> None:
    graph, at, _ = points_of_program(case)
    trace = gd.evaluate(gd.grad(graph, of="f", wrt=smooth(case)), at)

    def f(moved: Mapping[str, Array]) -> float:
        return float(
            numpy.sum(at["c"] * case.oracle(numpy, *(moved[name] for name in case.inputs)))
        )

    for name in smooth(case):
        expected = differences(f, at, name)
        numpy.testing.assert_allclose(trace[f"f.d_{name}"], expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_second_order(case: Case) -> None:
    """d/dx of h = sum(v * df/dx), against differences of df/dx."""
    graph, at, _ = points_of_program(case)
    name = smooth(case)[0]
    first = gd.grad(graph, of="f", wrt=smooth(case))
    v = weights(at[name].shape)

    def h(moved: Mapping[str, Array]) -> float:
        return float(numpy.sum(v * gd.evaluate(first, moved)[f"f.d_{name}"]))

    b = Builder.of(first)
    product = b.map("mul", b.input("along", at[name].shape, "Label"), first.id(f"f.d_{name}"))
    twice = gd.grad(b.build({"h": b.sum(product, range(at[name].ndim))}), of="h", wrt=name)
    found = gd.evaluate(twice, at | {"along": v})[f"h.d_{name}"]
    numpy.testing.assert_allclose(found, differences(h, at, name), rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("case", [case for case in CASES if not case.sizes], ids=lambda c: c.name)
def test_named_dimensions(case: Case) -> None:
    """The same program with every dimension a name gives the same value and gradient."""
    at = point_of(case)
    expected = numpy.asarray(case.oracle(numpy, *at.values()))
    graph = gd.parse(program(case, expected.shape, NAMES))
    if not expected.shape:
        at["c"] = weights(())
    trace = gd.evaluate(gd.grad(graph, of="f", wrt=smooth(case)), at)
    numpy.testing.assert_allclose(trace["r"], expected, rtol=1e-12, atol=1e-14)

    def f(moved: Mapping[str, Array]) -> float:
        r = numpy.asarray(case.oracle(numpy, *(moved[name] for name in case.inputs)))
        return float(numpy.sum(r**2)) if r.shape else float(at["c"] * r)

    for name in smooth(case):
        numpy.testing.assert_allclose(
            trace[f"f.d_{name}"], differences(f, at, name), rtol=1e-6, atol=1e-8
        )


@pytest.mark.oracle
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_gradient_agrees_with_jax(case: Case) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    graph, at, _ = points_of_program(case)
    trace = gd.evaluate(gd.grad(graph, of="f", wrt=smooth(case)), at)
    names = smooth(case)

    def f(*values: Any) -> Any:
        moved = {**at, **dict(zip(names, values))}
        return (at["c"] * case.oracle(jax.numpy, *(moved[name] for name in case.inputs))).sum()

    found = jax.grad(f, tuple(range(len(names))))(*(at[name] for name in names))
    for name, expected in zip(names, found):
        numpy.testing.assert_allclose(trace[f"f.d_{name}"], expected, rtol=1e-9, atol=1e-11)


# ------------------------------------------------------------------ frames, parameters, errors


def test_every_definition_has_a_docstring_and_short_lines() -> None:
    for name, source in library.index().items():
        lines = source.text.splitlines()
        assert all(len(line) <= 100 for line in lines), name
        body = [line.strip() for line in lines if line.strip()]
        assert body[1].startswith('"""'), name
        assert len(body) <= 25, f"{name}: {len(body)} lines are more than a screen for a student"


def test_each_definition_stands_where_its_source_says() -> None:
    for name, source in library.index().items():
        text = (library.FOLDER / source.name.removeprefix("library/")).read_text("utf-8")
        line = len(source.text) - len(source.text.lstrip("\n"))
        assert text.splitlines()[line].startswith(f"def {name}("), name


def test_calls_are_frames_that_name_the_source_line() -> None:
    graph = gd.parse("o: Real[3]\np = softmax(o)")
    (call,) = graph.calls
    assert call.function == "softmax"
    inside = [node for node in graph if node.frame is not None]
    assert {node.span.source.name for node in inside if node.span} == {"library/softmax.gd"}
    texts = [node.span.text for node in inside if node.span]
    assert any("exp(shifted)" in text for text in texts)


def test_mlp_declares_its_parameters() -> None:
    graph = gd.parse("x: Real[n, 3]\no = mlp(x, [4, 2], activation=relu)")
    shapes = {name: graph[name].shape for name in graph.inputs if name != "x"}
    assert shapes == {"o.W1": (3, 4), "o.b1": (4,), "o.W2": (4, 2), "o.b2": (2,)}
    rng = numpy.random.default_rng(0)
    at = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    x = rng.normal(size=(5, 3))
    hidden = numpy.maximum(x @ at["o.W1"] + at["o.b1"], 0)
    found = gd.evaluate(graph, at | {"x": x})["o"]
    numpy.testing.assert_allclose(found, hidden @ at["o.W2"] + at["o.b2"], rtol=1e-13)


def test_mlp_takes_a_single_vector() -> None:
    graph = gd.parse("x: Real[3]\no = mlp(x, [4, 1])")
    assert graph["o"].shape == (1,)


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("x: Real[2, 2]\nf = norm(x, 1)", GraphError, "a matrix has the Frobenius norm only"),
        ("x: Real[2]\nf = norm(x, 3)", GraphError, "ord is 1 or 2"),
        ("x: Real[2, 2]\nf = convolve(x, x)", GraphError, "convolve takes two vectors"),
        ("x: Real[4]\nf = convolve(x, x, 'half')", GraphError, "mode is 'full', 'valid' or 'same'"),
        ("p: Real[2, 3, 4]\ny: Label[2]\nf = cross_entropy(p, y)", GraphError,
         "y holds a class number per example, or a one-hot row"),
        ("x: Real[3]\nf = kron(x, x)", GraphError, "kron takes two matrices"),
        ("x: Real[3]\ny: Real[4]\nf = mse(x, y)", ShapeError,
         r"shapes \(3,\) and \(4,\) do not broadcast"),
        ("x: Real[3]\nf = softmax(x, 0, 1)", SourceError, "softmax"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_told(text: str, error: type[GraphError], message: str) -> None:
    with pytest.raises(error, match=message):
        gd.parse(text)
