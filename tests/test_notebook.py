"""What objects show in a notebook: tables and text, every label escaped."""

import numpy as np

import graphdbg as gd
from graphdbg.builder import Builder


def test_a_graph_and_its_trace_are_tables():
    graph = gd.parse("f=(x+y)z")
    html = graph._repr_html_()
    assert html.count("<tr>") == 1 + len(graph) and ">x + y<" in html
    shown = gd.evaluate(graph, {"x": -2, "y": 5, "z": -4})._repr_html_()
    assert ">-12<" in shown and ">q·z<" in shown


def test_names_are_escaped():
    b = Builder()
    graph = b.build({"f": b.map("exp", b.input("<script>alert(1)</script>"))})
    html = graph._repr_html_()
    assert "<script>" not in html and "&lt;script&gt;" in html


def test_a_large_graph_says_what_was_left_out():
    program = "\n".join(f"x{at + 1} = sin(x{at})" for at in range(1500))
    html = gd.parse(program)._repr_html_()
    assert html.count("<tr>") == 61 and "1,441 more nodes" in html


def test_formulas_reports_and_verdicts():
    graph = gd.parse("x: Real[3]; f = sum(x**2)")
    formula = gd.upstream(graph, "x")
    assert formula._repr_latex_() == "$\\displaystyle 2 x$"
    report = gd.check(graph, {"x": np.ones(3)})
    assert str(report).splitlines()[0][:10] in report._repr_html_()
    assert "refuted" in gd.prove(graph, "df/dx = x")._repr_html_()
