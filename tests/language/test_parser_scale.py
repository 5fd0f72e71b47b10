"""Long programs and long formulas: no recursion, no quadratic time."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdbg.errors import SourceError
from graphdbg.language import chains
from graphdbg.language.parser import parse
from graphdbg.language.syntax import LARGE, is_plain
from graphdbg.numbers.evaluator import evaluate


def test_a_sum_of_10_000_terms():
    text = "f = " + " + ".join(f"x{at}" for at in range(10_000))
    graph = parse(text)
    assert len(graph) == 19_999
    point = {name: float(at) for at, name in enumerate(graph.inputs)}
    assert evaluate(graph, point)["f"] == 9_999 * 10_000 / 2
    assert graph["f"].span.text == text[4:]
    assert graph["q"].span.text == "x0 + x1"


def test_a_long_chain_keeps_the_order_of_python():
    numbers = np.random.default_rng(3).normal(size=4_000)
    text = " - ".join(f"(x*{number!r})" for number in numbers.tolist())
    wanted = 1.5 * numbers[0]
    for number in numbers[1:]:
        wanted = wanted - 1.5 * number
    assert evaluate(parse("f = " + text), {"x": 1.5})["f"] == wanted


def test_long_chains_in_brackets_with_signs_and_powers():
    inner = "*".join(f"(1 + -x**2/{at + 2} - {at}/10000)" for at in range(4_000))
    graph = parse(f"f = tanh({inner}) + 1")
    x = 0.01
    wanted = np.prod([1 - x**2 / (at + 2) - at / 10000 for at in range(4_000)])
    assert evaluate(graph, {"x": x})["f"] == pytest.approx(np.tanh(wanted) + 1, rel=1e-12)


def test_long_chains_of_paper_products():
    graph = parse("f = " + "".join(f"(x + {at % 2})" for at in range(5_000)))
    assert evaluate(graph, {"x": 0.5})["f"] == pytest.approx(0.75**2_500)
    graph = parse("f = " + " + ".join(f"{at}θ" for at in range(5_000)))
    assert evaluate(graph, {"θ": 2.0})["f"] == 4_999 * 5_000


def test_a_long_list():
    graph = parse("f = sum(array([" + ", ".join(["0.5"] * 50_000) + "]))")
    assert evaluate(graph, {})["f"] == 25_000


def test_a_program_of_20_000_lines():
    lines = ["t0 = x + y", *(f"t{at} = sin(t{at - 1}) * t{at // 2}" for at in range(1, 20_000))]
    graph = parse("\n".join(lines))
    assert graph.outputs[-1] == "t19999"
    assert graph["t19999"].span.line == 20_000
    assert graph["t19999"].span.text == "sin(t19998) * t9999"


def test_notation_late_in_a_long_program():
    lines = [f"t{at} = x + {at}" for at in range(2_000)]
    graph = parse("\n".join([*lines, "f = 2t3 t4"]))
    assert evaluate(graph, {"x": 1.0})["f"] == 2 * 4 * 5
    assert graph["f"].span.text == "2t3 t4"


def test_statements_over_many_lines_in_a_long_program():
    block = (
        "def g{0}(x):\n    y = (x +\n        {0})\n    if y.ndim == 0:\n        return y\n"
        "    else:\n        return sum(y)\n"
    )
    calls = "".join(f"t{at} = g{at}(x)\n\n# comment ((\n" for at in range(300))
    text = "".join(block.format(at) for at in range(300)) + calls + "f = t7*t9\n"
    assert evaluate(parse(text), {"x": 1.0})["f"] == 80


def test_large_texts_with_notation_are_not_plain():
    plain = "\n".join(f"t{at} = sin(x) + {at}" for at in range(500))
    assert len(plain) > LARGE

    def known(name):
        return name == "sin"

    assert is_plain(plain, known)
    for odd in (
        "f = x^2",
        "f = x'",
        "f = x(y)",
        "f = (x)(y)",
        "f = 2(x)",
        "f = θ",
        "sin = 2",
        "f = x.T(y)",
    ):
        assert not is_plain(f"{plain}\n{odd}", known), odd


def test_large_and_small_texts_are_read_alike():
    formula = "f = (x + y)*z - sin(x)**2/3"
    large = "\n" * LARGE + formula
    small, padded = parse(formula), parse(large)
    assert small.ops == padded.ops
    assert [span.text for span in small.spans] == [span.text for span in padded.spans]


def test_an_error_late_in_a_long_program_is_on_its_line():
    lines = [f"t{at} = x + {at}" for at in range(3_000)]
    lines[2_500] = "t2500 = (x +"
    with pytest.raises(SourceError, match="was never closed") as caught:
        parse("\n".join(lines))
    assert caught.value.span.line == 2_501


operators = st.sampled_from(["+", "-", "*", "/", "//", "%", "@", "**", "|", "&"])
atoms = st.sampled_from(["x", "y[1]", "2", "0.5e-3", "sin(x + y)", "(a - b)", "x.T", "-x", "+-2"])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(atoms, operators), min_size=1, max_size=12), atoms)
def test_chains_are_put_together_as_python_does(parts, last):
    text = "f = " + "".join(f"{atom} {sign} " for atom, sign in parts) + last
    original = ast.dump(ast.parse(text))
    assert ast.dump(chains.parse(text, 0)) == original
