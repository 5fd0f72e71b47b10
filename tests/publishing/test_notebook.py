"""What objects show in a notebook: pictures, tables, formulas; every label escaped."""

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.drawing.engines import engine
from graphdbg.errors import DrawingError
from graphdbg.tape.builder import Builder


def shown(found):
    return found._repr_mimebundle_()


def html(found):
    return shown(found)["text/html"]


@pytest.fixture
def no_graphviz(monkeypatch):
    def missing():
        raise DrawingError("none")

    monkeypatch.setattr("graphdbg.drawing.pictures.engine", missing)


def test_a_graph_and_its_trace_are_tables(no_graphviz):
    graph = gd.parse("f=(x+y)z")
    assert html(graph).count("<tr>") == 1 + len(graph) and ">x + y<" in html(graph)
    trace = gd.evaluate(graph, {"x": -2, "y": 5, "z": -4})
    assert ">-12<" in html(trace) and ">q·z<" in html(trace)
    assert shown(graph)["text/plain"] == repr(graph) and "image/svg+xml" not in shown(graph)


def test_a_graph_and_its_trace_are_pictures():
    try:
        engine()
    except DrawingError:
        pytest.skip("no Graphviz on this machine")
    graph = gd.grad(gd.parse("f=(x+y)z"))
    trace = gd.evaluate(graph, {"x": -2, "y": 5, "z": -4})
    bundle = shown(trace)
    assert bundle["image/svg+xml"].startswith("<svg") and bundle["image/svg+xml"] in html(trace)
    assert ">-12</text>" in bundle["image/svg+xml"] and ">3</text>" in bundle["image/svg+xml"]
    assert ">-12<" not in shown(graph)["image/svg+xml"]


def test_names_are_escaped():
    b = Builder()
    graph = b.build({"f": b.map("exp", b.input("<script>alert(1)</script>"))})
    assert "<script>" not in html(graph) and "&lt;script&gt;" in html(graph)


def test_a_large_graph_says_what_was_left_out():
    program = "\n".join(f"x{at + 1} = sin(x{at})" for at in range(1500))
    found = html(gd.parse(program))
    assert found.count("<tr>") == 61 and "1,441 more nodes" in found
    assert "<svg" not in found


def test_formulas_reports_and_verdicts():
    graph = gd.parse("x: Real[3]; f = sum(x**2)")
    formula = gd.upstream(graph, "x")
    assert shown(formula)["text/latex"] == "$\\displaystyle 2 x$"
    assert "<math" in html(formula) and "checked at 3 random points" in html(formula)
    report = gd.check(graph, {"x": np.ones(3)})
    assert str(report).splitlines()[0][:10] in html(report)
    assert "✓ good" in html(report) and html(report).count("<tr>") == 2
    assert "refuted" in html(gd.prove(graph, "df/dx = x"))


def test_a_formula_keeps_what_it_assumes():
    graph = gd.parse("o: Real[k]; y: OneHot[k]; L = -sum(y*log(softmax(o)))")
    assert "Σ y = 1 (y: OneHot)" in html(gd.upstream(graph, "o"))


def test_ipython_takes_the_bundle():
    formatters = pytest.importorskip("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(gd.upstream(gd.parse("f=(x+y)z"), "x"))
    assert data["text/latex"] == "$\\displaystyle z$" and "<math" in data["text/html"]
