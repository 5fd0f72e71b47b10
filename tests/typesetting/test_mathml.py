"""MathML: every LaTeX that the writers emit becomes well-formed MathML; texts stay texts."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from answers import graph_of, load, target
from hypothesis import example, given, settings
from hypothesis import strategies as st
from library_cases import CASES as LIBRARY
from library_cases import Case, points_of_program, smooth
from notation_oracle import World, standard_world
from random_graphs import random_graph
from test_matrices import question
from test_typeset import CASES as TYPESET
from test_typeset import w

import graphdbg as gd
from graphdbg.errors import UncheckedFormulaError
from graphdbg.formulas.explanations import Explanations
from graphdbg.numbers.sampling import sample
from graphdbg.source import on_one_line
from graphdbg.tape.builder import Builder
from graphdbg.typesetting import matrices, typeset
from graphdbg.typesetting.latex_notation import in_text, latex_name, plain, typed
from graphdbg.typesetting.mathml import XMLNS, convert

ANSWERS = load("known_answers.json") | load("more_answers.json")
CORE = {
    "math", "mi", "mn", "mo", "mtext", "mspace", "mrow", "mfrac", "msqrt", "msub", "msup",
    "msubsup", "munder", "mover", "munderover", "mtable", "mtr", "mtd",
}  # fmt: skip
CHILDREN = {"mfrac": 2, "msub": 2, "msup": 2, "munder": 2, "mover": 2, "msubsup": 3,
            "munderover": 3}  # fmt: skip


def read(latex: str, display: bool = False) -> ElementTree.Element:
    """The element, after a look at each part: known to MathML Core, with the children it needs."""
    root = ElementTree.fromstring(convert(latex, display))
    for each in root.iter():
        name = each.tag.removeprefix(f"{{{XMLNS}}}")
        assert name in CORE, name
        assert len(each) == CHILDREN.get(name, len(each)), (name, latex)
        if name in ("mi", "mn", "mo", "mtext"):
            assert len(each) == 0 and each.text, (name, latex)
            assert name == "mtext" or "\\" not in each.text or "backslash" in latex, latex
    return root


def shown(latex: str) -> str:
    """The element's text, without invisible signs."""
    return "".join(read(latex).itertext()).replace("\u2061", "").replace("\u00a0", " ")


def mathml(latex: str) -> str:
    return convert(latex).removeprefix(f'<math xmlns="{XMLNS}">').removesuffix("</math>")


SPACED = 'lspace="0.2222em" rspace="0.2222em"'
KNOWN = [
    ("x", "<mi>x</mi>"),
    (r"\mathit{loss}", "<mi>loss</mi>"),
    ("12", "<mn>12</mn>"),
    ("0.5 x", "<mn>0.5</mn><mi>x</mi>"),
    (r"W_{2}^{\top} p", "<msubsup><mi>W</mi><mn>2</mn><mi>⊤</mi></msubsup><mi>p</mi>"),
    ("x^2", "<msup><mi>x</mi><mn>2</mn></msup>"),
    ("p - y", f"<mi>p</mi><mo {SPACED}>−</mo><mi>y</mi>"),
    (r"\frac{1}{2}", "<mfrac><mn>1</mn><mn>2</mn></mfrac>"),
    (r"\sqrt{d}", "<msqrt><mi>d</mi></msqrt>"),
    (r"\alpha \odot \beta", f"<mi>α</mi><mo {SPACED}>⊙</mo><mi>β</mi>"),
    (r"\operatorname{g}", '<mi mathvariant="normal">g</mi>'),
    (r"\left(x\right)", '<mrow><mo form="prefix" fence="true" stretchy="false" lspace="0em" '
     'rspace="0em">(</mo><mi>x</mi><mo form="postfix" fence="true" stretchy="false" lspace="0em" '
     'rspace="0em">)</mo></mrow>'),
    (r"\mathbf{1}", "<mn>𝟏</mn>"),
    (r"x \quad y", "<mi>x</mi><mspace width=\"1em\"/><mi>y</mi>"),
    (r"\text{ if }", "<mtext>\u00a0if\u00a0</mtext>"),
    (r"\sum_{k} x", '<munder><mo movablelimits="true">∑</mo><mi>k</mi></munder><mi>x</mi>'),
    (r"x \in \mathbb{R}", '<mi>x</mi><mo lspace="0.2778em" rspace="0.2778em">∈</mo><mi>ℝ</mi>'),
    ("", ""),
]  # fmt: skip


@pytest.mark.parametrize("latex, expected", KNOWN)
def test_a_known_element(latex: str, expected: str) -> None:
    assert mathml(latex) == expected


def test_a_formula_can_be_a_block_of_its_own() -> None:
    assert read("x", display=True).get("display") == "block"
    assert read("x").get("display") is None


def test_a_minus_in_front_is_a_sign_and_between_two_things_an_operator() -> None:
    for latex in ("-x", "a = -x", r"\left(-x\right)", r"A^{-\top}", r"x \quad -y", "a, -b"):
        assert '<mo form="prefix" lspace="0em" rspace="0em">−</mo>' in convert(latex), latex
    assert f"<mo {SPACED}>−</mo>" in convert(r"\left(a\right) - b")


def test_names_do_not_run_into_each_other() -> None:
    thin = '<mspace width="0.1667em"/>'
    assert convert(r"\mathit{loss} x").count(thin) == 1
    assert convert(r"2 \log\left(x\right)").count(thin) == 1
    assert convert(r"\frac{a}{b} x").count(thin) == 1
    assert thin not in convert(r"W x \left(a\right) + \mathit{loss}")


def test_a_matrix_has_its_rows_and_entries() -> None:
    root = read(r"\begin{bmatrix} a & -b \\ \frac{c}{2} & d \end{bmatrix}")
    rows = [len(row) for row in root.iter(f"{{{XMLNS}}}mtr")]
    assert rows == [2, 2]
    assert shown(r"\begin{bmatrix} a & -b \\ c & d \end{bmatrix}") == "[a−bcd]"


@pytest.mark.parametrize(
    "left, right", [("(", ")"), ("[", "]"), ("|", "|"), ("\\lVert", "\\rVert")]
)
def test_brackets_grow_with_what_is_tall_and_only_with_that(left: str, right: str) -> None:
    flat, tall = (mathml(rf"\left{left} {x} \right{right}") for x in ("x^{2}", r"\frac{x}{2}"))
    assert flat.count('stretchy="false"') == tall.count('stretchy="true"') == 2
    assert 'form="prefix"' in flat and 'form="postfix"' in flat


def test_a_function_is_applied_to_what_follows() -> None:
    assert mathml(r"\log\left(x\right)").startswith("<mi>log</mi><mo>&#x2061;</mo><mrow>")


WRONG = [
    (r"\unknown{x}", r"\\unknown is not in the LaTeX that becomes MathML"),
    (r"\mathit{\unknown}", r"\\unknown is not in the LaTeX that becomes MathML, in a text"),
    (r"\begin{cases} x \end{cases}", r"\\begin\{cases\} is not in the LaTeX"),
    (r"\begin{bmatrix} x", r"\\begin\{bmatrix\} is never closed"),
    (r"\left(x", r"expected '\\right', found 'the end'"),
    (r"\left\frac x \right)", r"'\\frac' is no bracket"),
    ("x}", "'}' has nothing that it closes"),
    ("{x", "expected '}', found 'the end'"),
    ("x^{1}^{2}", r"two scripts '\^' on one thing"),
    (r"\frac{1}", "something is missing at the end"),
    (r"\mathit{x", "a text in braces is never closed"),
    ("{" * 300 + "}" * 300, "nested more than 200 deep"),
]


@pytest.mark.parametrize("latex, message", WRONG)
def test_what_cannot_be_read_is_a_clear_error(latex: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        convert(latex)


# ------------------------------------------------------------------ texts stay texts


@settings(max_examples=300, deadline=None)
@given(st.text(min_size=1, max_size=12))
@example("<script>alert(1)</script>")
@example('a"b&c')
@example("a\\b{c}^~#$%&_")
@example("loss.d_W")
@example("αβ_γ")
@example("\x00\ud800\uffff")
@example("x" * 10_000)
@example("]]>")
def test_any_name_and_any_text_comes_out_as_it_is(name: str) -> None:
    assert shown(typed(name)) == on_one_line(name).replace("\u00a0", " ")
    assert plain(in_text(name)) == on_one_line(name)
    read(latex_name(name))


def test_a_name_that_looks_like_markup_is_a_name() -> None:
    b = Builder()
    graph = b.build({"f": b.map("mul", b.input("<script>"), b.input('a"b&c'))})
    found = gd.upstream(graph, "<script>").mathml()
    assert "".join(ElementTree.fromstring(found).itertext()) == 'a"b&c'
    assert "<script>" not in gd.upstream(graph, 'a"b&c').mathml()


# ------------------------------------------------------------------ everything the writers emit


@pytest.mark.parametrize("case", TYPESET, ids=[case[0] for case in TYPESET])
def test_the_notation_of_known_formulas(case: tuple) -> None:
    _, poly, dims, _, _ = case
    tree = matrices.from_poly(poly, tuple(dims), dims, w.lookup)
    read(typeset.latex(tree))
    assert typeset.mathml(tree, display=True) == convert(typeset.latex(tree), display=True)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_random_notation(seed: int) -> None:
    poly, free, dims = question(seed)
    read(typeset.latex(matrices.from_poly(poly, free, dims, standard_world().lookup)))


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS)
def test_the_derivatives_of_known_answers(case: dict) -> None:
    graph, of, wrt = graph_of(case), target(case), case["wrt"]
    make = {"gradient": gd.upstream, "jacobian": gd.jacobian, "hessian": gd.hessian}[case["kind"]]
    found = make(graph, wrt, of=of) if case["kind"] == "gradient" else make(graph, of, wrt)
    read(found.latex())
    assert found.mathml() == convert(found.latex())


@pytest.mark.parametrize("case", LIBRARY, ids=[case.name for case in LIBRARY])
def test_the_functions_of_the_library(case: Case) -> None:
    graph, _, _ = points_of_program(case)
    read(graph.formulary.formula("r").latex())
    for name in smooth(case):
        read(gd.upstream(graph, name, of="f").latex())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 25))
def test_random_graphs(seed: int, length: int) -> None:
    graph = random_graph(seed, length)
    for wrt in ("x0", "x3"):
        try:
            read(gd.upstream(graph, wrt).latex())
        except UncheckedFormulaError:  # x == stop_gradient(x) is a tie at every point
            continue


def test_blocks_of_a_hessian() -> None:
    found = gd.hessian(gd.parse("f = x^2 y + x/y"), wrt=["x", "y"])
    assert len(list(ElementTree.fromstring(found.mathml()).iter(f"{{{XMLNS}}}mtd"))) == 4


# ------------------------------------------------------------------ the short formulas of tables


GRADIENTS = {name: case for name, case in ANSWERS.items() if case["kind"] == "gradient"}


@pytest.mark.parametrize("case", GRADIENTS.values(), ids=GRADIENTS)
def test_explanations_say_the_same_in_every_notation(case: dict) -> None:
    graph = gd.grad(graph_of(case), target(case), [case["wrt"]])
    backward = graph.passes[-1]
    texts = Explanations(gd.evaluate(graph, sample(graph, seed=1)), backward)
    for node in {*backward.upstream.values(), *range(len(graph))}:
        text, latex = texts.closed(node), texts.closed_latex(node)
        assert (text is None) == (latex is None)
        if latex is not None:
            read(latex)
    for parts in backward.contributions.values():
        for part in parts:
            text = texts.local(part.consumer, part.slot)
            latex = texts.local_latex(part.consumer, part.slot)
            assert (text is None) == (latex is None)
            assert latex is None or read(latex) is not None


def test_explanations_in_latex_are_those_of_the_text() -> None:
    graph = gd.grad(gd.parse("q = W_out x; s = x + y; f = q^2/s"))
    texts = Explanations(gd.evaluate(graph, {"W_out": 2, "x": 3, "y": 1}), graph.passes[-1])
    f, q, s = (graph.id(name) for name in "fqs")
    assert (texts.local(q, 1), texts.local_latex(q, 1)) == ("W_out", r"W_{\mathit{out}}")
    assert (texts.local(s, 0), texts.local_latex(s, 0)) == ("1", "1")
    assert texts.closed(f) == "W_out² x² / (x + y)"
    assert texts.closed_latex(f) == r"\frac{W_{\mathit{out}}^{2} x^{2}}{x + y}"
    assert texts.local_latex(f, 5) is texts.local(f, 5) is None


def test_the_name_of_a_gradient_is_a_fraction_in_latex() -> None:
    assert latex_name("(∂L/∂W1)") == r"\frac{\partial L}{\partial W_{1}}"
    world = World()
    world.new("(∂L/∂W1)", 2, 3, value=0.0)
    tree = matrices.from_poly(world("(∂L/∂W1)", "j", "i"), ("i", "j"), (3, 2), world.lookup)
    assert typeset.text(tree) == "(∂L/∂W1)ᵀ"
    latex = r"\left(\frac{\partial L}{\partial W_{1}}\right)^{\top}"
    assert typeset.latex(tree) == latex
    read(latex)
