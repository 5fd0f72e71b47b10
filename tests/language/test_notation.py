"""Paper notation: what it is rewritten to, and that every place leads back to the original."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphdbg.errors import GraphError, SourceError, UnsupportedError
from graphdbg.language.notation import rewrite
from graphdbg.language.parser import parse
from graphdbg.source import Source

FUNCTIONS = {"sin", "cos", "exp", "softmax", "max", "sqrt", "einsum", "det", "tanh"}


def python(text: str) -> str:
    """The rewritten text, stand-ins replaced by the names they stand for."""
    result = rewrite(Source(text), FUNCTIONS.__contains__)
    plain = result.text
    for stand_in, name in result.names.items():
        plain = plain.replace(stand_in, f"<{name}>")
    return plain


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("f=(x+y)z", "f=(x+y)*z"),
        ("2x y", "2*x *y"),
        ("2(x+1)", "2*(x+1)"),
        ("x(y+1)", "x*(y+1)"),
        ("xy", "xy"),
        ("(a)(b)", "(a)*(b)"),
        ("x[0](y+1)", "x[0]*(y+1)"),
        ("2.5e3x", "2.5e3*x"),
        ("2ex", "2*ex"),
        ("x1x", "x1x"),
        ("sin(x)cos(y)", "sin(x)*cos(y)"),
        ("theta(x)", "theta*(x)"),
        ("θ(x)", "<θ>*(x)"),
        ("weight(x) + weight", "weight*(x) + weight"),
        ("weight(x)", "weight(x)"),  # nobody else knows it: a misspelt function, perhaps
        ("det = a d - b c\ndet(x+1)", "det = a *d - b *c\ndet*(x+1)"),
        ("def g(h, x): return h(x)\ng(sin, y)", "def g(h, x): return h(x)\ng(sin, y)"),
        ("act = tanh\nact(x)", "act = tanh\nact(x)"),
        ("x^2", "x**2"),
        ("x²y³", "x**2*y**3"),
        ("x⁻²", "x**-2"),
        ("x¹⁰", "x**10"),
        ("xⁿ", "x**n"),
        ("xᵀA x", "x._T*A *x"),
        ("x⊤A", "x._T*A"),
        ("x^T A", "x._T *A"),
        ("x^T + T", "x**T + T"),
        ("X⁻¹b", "X._inv*b"),
        ("X⁻ᵀ", "X._inv._T"),
        ("x' y", "x._T *y"),
        ("(x+y)'z", "(x+y)._T*z"),
        ("x''", "x._T._T"),
        ("einsum('ij,jk->ik', A, B)", "einsum('ij,jk->ik', A, B)"),
        ('einsum("ij->ji", A)', 'einsum("ij->ji", A)'),
        ("A·x × y", "A*x * y"),
        ("a ⊙ b", "a * b"),
        ("a − b", "a - b"),
        ("a ÷ b", "a / b"),
        ("a ≤ b", "a <= b"),
        ("a ≥ b ≠ c", "a >= b != c"),
        ("√x", "sqrt(x)"),
        ("2√(x+1)", "2*sqrt(x+1)"),
        ("α + β₁", "<α> + <β₁>"),
        ("µ + μ", "<μ> + <μ>"),
        ("lambda x", "<lambda> *x"),
        ("lambda = 2", "<lambda> = 2"),
        ("lambda: Real[2]", "<lambda>: Real[2]"),
        ("g = lambda x: x", "g = lambda x: x"),
        ("f(x, y)=(x+y)x", "f: _inputs(x,y)=(x+y)*x"),
        ("f(x)=2x; f(3)", "def f(x): return 2*x\nf(3)"),
        ("f()", "f()"),
        ("(x)(1, 2)", "(x)(1, 2)"),
        ("∂L/∂W1 + 1", "L.d_W1 + 1"),
        ("sin²(2x) y", "sin(2*x)**2 *y"),
        ("cos^3(x)", "cos(x)**3"),
        ("sin⁻¹(x)", "arcsin(x)"),
        ("sin²(x if y else 2if z else 3)", "sin(x if y else 2 if z else 3)**2"),
        ("x²(y)", "x**2*(y)"),
        ("exp²(sin²(x)z)", "exp(sin(x)**2*z)**2"),
        ("a ← 2x", "a = 2*x"),
        ("2if x else 3", "2 if x else 3"),
        ("x²if y else 3", "x**2 if y else 3"),
        ('"a \\alpha"', '"a \\\\alpha"'),
        ("L := 2x", "L = 2*x"),
        ("  a = 1\n  b = 2a", "a = 1\nb = 2*a"),
        ("a = 1  # a comment: x(y)' ∑\nb", "a = 1  \nb"),
        ("a = (b +\n  c)d", "a = (b +\n  c)*d"),
        ("a = 1\r\nb = 2", "a = 1\nb = 2"),
        ("if x == 1: y = 2", "if x == 1: y = 2"),
        ("[x for x in y if x]", "[x for x in y if x]"),
        ("a if b else c", "a if b else c"),
        ("x.T y", "x.T *y"),
        ("x.sum() y", "x.sum() *y"),
        ("x[1:2, ...]", "x[1:2, ...]"),
        ("x[…, 1]", "x[..., 1]"),
        ("a += 2b", "a += 2*b"),
    ],
)
def test_notation_becomes_python(text, expected):
    assert python(text) == expected


@pytest.mark.parametrize(
    ("text", "node", "written"),
    [
        ("f=(x+y)z", "f", "(x+y)z"),
        ("g = 1\nf = 2θ² + g", "f", "2θ² + g"),
        ("θ₁ = x²·3", "θ₁", "x²·3"),
        ("s = √x + x'", "s", "√x + x'"),
        ("   f = 2x", "f", "2x"),
        ("f = (x +  # with a comment\n     y)z", "f", "(x +  # with a comment\n     y)z"),
        ("x = 2\r\nf = (a + b)c", "f", "(a + b)c"),
    ],
)
def test_spans_are_of_the_original_text(text, node, written):
    assert parse(text)[node].span.text == written


@pytest.mark.parametrize(
    ("text", "message", "column"),
    [
        ("f = x ∑ y", r"cannot read the character '∑' \(U\+2211\): write sum\(\.\.\.\)", 7),
        ("f = x ? y", r"cannot read the character '\?'.*where\(c, a, b\)", 7),
        ("f = |x|", r"not a program: invalid syntax", 5),
        ("f = x\x00", r"cannot read the character \(U\+0000\)", 6),
        ("f = “x”", r"plain quotes", 5),
        ("f = \\alpha", r"LaTeX commands are not read", 5),
        ('f = "abc', r"this string is never closed", 5),
        ("f = x²ᵀ", r"cannot read the superscript '²ᵀ'", 6),
        ("f = θ(x + ", r"'\(' was never closed", 6),
        ("θ = 2\nθ = = 3", r"not a program: invalid syntax at '='", 5),
    ],
)
def test_what_cannot_be_read_is_pointed_at(text, message, column):
    with pytest.raises(SourceError, match=message) as caught:
        parse(text)
    if column is not None:
        assert caught.value.span.column == column


def test_an_f_string_is_not_a_transpose():
    with pytest.raises(UnsupportedError, match="f-strings are not in the language"):
        parse("y = f'{x}'")


pieces = st.sampled_from(
    ["x", "yy", "2", "3.5", "(", ")", "+", "·", "²", "ᵀ", "'", " ", "θ", "sin(", "^", "-", "√",
     "[0]", "=", "\n", ",", "lambda", "if", "@", '"a"', ":", ";", "#c\n"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(pieces, max_size=14).map("".join))
def test_places_lead_back_in_order_and_inside_the_text(text):
    try:
        result = rewrite(Source(text), FUNCTIONS.__contains__)
    except SourceError:
        return
    starts = [result.start(at) for at in range(len(result.text))]
    assert starts == sorted(starts)
    assert all(0 <= at <= len(text) for at in starts)
    assert all(
        result.start(at) <= result.end(at + 1) <= len(text) for at in range(len(result.text))
    )


@settings(max_examples=300, deadline=None)
@given(st.lists(pieces, max_size=12).map("".join))
def test_any_text_is_a_graph_or_an_error_with_a_place(text):
    try:
        parse(text)
    except GraphError as error:
        assert error.span is not None
        assert 0 <= error.span.start <= error.span.end <= len(text)
        assert str(error)


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.sampled_from(["x", "y1", "2", "0.5"]),
        lambda inner: st.one_of(
            st.builds("{} + {}".format, inner, inner),
            st.builds("({})*{}".format, inner, inner),
            st.builds("sin({})".format, inner),
            st.builds("{}[0]".format, st.just("x")),
            st.builds("-{}".format, inner),
        ),
        max_leaves=8,
    )
)
def test_plain_python_stays_as_it_is(text):
    assert ast.dump(ast.parse(python(text))) == ast.dump(ast.parse(text))


@pytest.mark.parametrize("text", ["xᵀ A x", "x' A x", "xᵀ A B y", "xᵀ@A x"])
def test_a_product_that_begins_with_a_row_is_an_inner_product(text: str) -> None:
    shapes = {"x": (3,), "y": (3,), "A": (3, 3), "B": (3, 3)}
    used = {name: shape for name, shape in shapes.items() if name in text}
    assert parse(f"f = {text}", shapes=used)["f"].shape == ()
