"""Bad input to the parser: each has its own error, its text, and a caret at the right place."""

# ruff: noqa: E501 - one case is one line

from __future__ import annotations

import re

import pytest

import graphdbg as gd
from graphdbg.errors import ShapeError, SourceError, UnknownNameError, UnsupportedError
from graphdbg.language.parser import parse

SHAPES = {
    "A": (3, 4),
    "B": (4, 5),
    "M": (3, 3),
    "x": (4,),
    "v": (3,),
    "T3": (2, 3, 4),
    "N": ("n", 2),
}

SYNTAX = [
    ("", "the source is empty: write a formula such as f = (x + y)*z", ""),
    ("  \n ", "the source is empty", ""),
    ("# nothing\n", "the program computes nothing", ""),
    ("x: Real[4]", "the program computes nothing", ""),
    ("f = (x + y", "not a program: '(' was never closed", "("),
    ("f = x + y)", "not a program: unmatched ')'", ")"),
    ("f = x +", "not a program: invalid syntax", "+"),
    ("f = = x", "not a program: invalid syntax at '='", "="),
    ("f = x\n  g = y", "not a program: unexpected indent", " "),
    ("2 = x", "not a program: cannot assign to literal here", "2"),
    ("return x", "'return' outside of a function", "return x"),
    ("f = " + "(" * 10_000 + "x" + ")" * 10_000, "brackets are nested more than 100 deep", "("),
    ("f = " + "-" * 10_000 + "x", "this is nested too deeply", "f"),
    ("f = x" + ".T" * 10_000, "this is nested too deeply", "f"),
    ("f = 9**9**9**9", "9**387420489 is too large a number", "9**9**9"),
    ("f = 10**400", "10**400 is too large a number", "10**400"),
    ("n = 7\nfor i in range(99):\n    n = n*n\nf = n*x", "bits is too large", "n*n"),
    ("f = " + "9" * 400, "this number is too large", "9" * 400),
    ("f = 1 % 0", "division of 1 by zero", "1 % 0"),
    ("a = b\nb = a", "'b' is defined by itself (a cyclic definition): it is used here but assigned only on line 2", "b"),
    ("a = b + 1\nc = a*2\nb = c", "'b' is defined by itself (a cyclic definition)", "b"),
    ("a = b + 1\nb = 2", "'b' is used before it is assigned", "b"),
    ("f = x + 'text'", "expected a number or an array, found str 'text'", "'text'"),
    ("f = None + x", "expected a number or an array, found None", "None"),
    ("f = sin x", "'sin' is a function: write sin(...), with brackets", "sin"),
    ("f = sin()", "sin takes 1 operand, found 0", "sin()"),
    ("f = sin(x, x)", "sin takes 1 operand, found 2", "sin(x, x)"),
    ("f = softmax()", "softmax() needs the argument 'x'", "softmax()"),
    ("f = softmax(x, 0, 1)", "softmax() takes 2 arguments (x, axis), found 3", "softmax(x, 0, 1)"),
    ("f = softmax(x, x=2)", "softmax() got the argument 'x' twice", "softmax(x, x=2)"),
    ("f = sum(x, axes=0)", "sum() has no argument 'axes'; did you mean 'axis'?; it takes x, axis, keepdims", "0"),
    ("def g(p):\n    return p\nf = g(x, q=1)", "g() has no argument 'q'", "1"),
    ("def g(p):\n    return g(p)\nf = g(x)", "'g' calls itself: recursion is not in the language", "g(p)"),
    ("def g(p):\n    p\nf = g(x) + 1", "expected a number or an array, found None", "g(x)"),
    ("def g(p):\n    assert p.ndim == 2, 'p is a matrix'\n    return p\nf = g(x)", "p is a matrix", "assert p.ndim == 2, 'p is a matrix'"),
    ("for i in 5:\n    f = x", "cannot loop over int 5: write range(...) or a list", "5"),
    ("for i in range(10**9):\n    f = x", "loops of more than 1000000 rounds are not unrolled", "range(10**9)"),
    ("f = [1, 2] * 10**9", "a list of 2000000000 values is too long", "[1, 2] * 10**9"),
    ("x: Real[4]\nx: Real[4]\nf = x", "'x' has a value already: declare it once", "x: Real[4]"),
    ("f = x\nx: Real[4]", "'x' is used before it is declared", "x: Real[4]"),
    ("f = e1 + arange(x)", "arange() takes numbers known while reading, found the array 'x'", "arange(x)"),
    ("f = zeros(2.5)", "the sizes of a shape must be whole numbers or named dimensions, found float 2.5", "zeros(2.5)"),
    ("f = eye(2, 3)", "only square identity matrices", "eye(2, 3)"),
    ("f = einsum(x, x)", "the first argument of einsum() must be a text in quotes", "einsum(x, x)"),
    ("f = x.sum", "'sum' is a method: write .sum(...)", "x.sum"),
    ("f = (x)(1, 2)", "'x' is not a function but the array 'x'", "x"),
    ("f = x.sum()()", "'x.sum()' is not a function but an array of shape ()", "x.sum()"),
]  # fmt: skip

UNKNOWN = [
    ("f = sofmax(x)", "no function named 'sofmax'; did you mean 'softmax'?", "sofmax"),
    ("f = foo(x)", "no function named 'foo'; did you mean 'floor'? (for a product write foo*(...))", "foo"),
    ("f = foo(x, x)", "no function named 'foo'", "foo"),
    ("f = np.foo(x)", "no function named 'foo'", "np.foo"),
    ("f = np.linalg.invv(M)", "no function named 'invv'; did you mean 'inv'?", "np.linalg.invv"),
    ("p: real[4]\nf = p", "unknown kind of value 'real'; did you mean 'Real'?; declare x: Real[4]", "real"),
    ("p: int\nf = p", "unknown kind of value 'int'", "int"),
    ("def layer(z):\n    return z\nf = laier(x)", "no function named 'laier'; did you mean 'layer'?", "laier"),
]  # fmt: skip

UNSUPPORTED = [
    ("import numpy as np\nf = x", "import: not in the language; leave it out: np., torch.", "import numpy as np"),
    ("from numpy import sin\nf = x", "import: not in the language", "from numpy import sin"),
    ("while x > 0:\n    x = x - 1", "while loops: not in the language; write a for loop", "while x > 0:\n    x = x - 1"),
    ("g = lambda p: p\nf = x", "lambda expressions: not in the language; write def", "lambda p: p"),
    ("f = ().__class__", "'__class__' is not in the language: no tricks with attributes", "().__class__"),
    ("f = x.__class__.__bases__", "no tricks with attributes", "x.__class__.__bases__"),
    ("f = x._private(2)", "no tricks with attributes", "x._private"),
    ("f = x.real", "no attribute 'real' on the array 'x'; did you mean", "x.real"),
    ("f = np.random.randn(3)", "random numbers are not in the language", "np.random.randn"),
    ("print(x)", "print is not in the language: every node is shown", "print"),
    ("f = x.summ()", "no method 'summ'; did you mean 'sum'?", "x.summ"),
    ("class A:\n    pass", "classes: not in the language; write functions", "class A:\n    pass"),
    ("try:\n    f = x\nexcept E:\n    pass", "try: not in the language", "try:\n    f = x\nexcept E:\n    pass"),
    ("with x:\n    f = x", "with: not in the language", "with x:\n    f = x"),
    ('f = f"{x}"', "f-strings: not in the language", 'f"{x}"'),
    ("f = (y := x)", "':=': not in the language; assign on a line of its own", "y := x"),
    ("f = {1: x}", "dictionaries: not in the language", "{1: x}"),
    ("f = {x}", "sets: not in the language", "{x}"),
    ("def g(*args):\n    return 1\nf = x", "*args and **kwargs are not in the language", "args"),
    ("f = softmax(**x)", "**arguments are not in the language", "x"),
    ("f = sum(*x)", "only lists and tuples can be starred, found the array 'x'", "*x"),
    ("a, *b = 1, 2\nf = x", "only names can be assigned", "*b"),
    ("del x\nf = x", "del: not in the language", "del x"),
    ("global x\nf = x", "global: not in the language", "global x"),
    ("raise x", "raise: not in the language; write assert", "raise x"),
    ("@g\ndef f(x):\n    return x", "decorators are not in the language", "g"),
    ("x[0] = 1", "entries cannot be assigned: values are immutable", "x[0]"),
    ("x[0] += 1", "entries cannot be assigned", "x[0]"),
    ("x.T = 1", "only names can be assigned", "x.T"),
    ("f = x[x > 0]", "a mask cannot be an index, since the number of entries it selects is not known: multiply by the mask", "x[x > 0]"),
    ("if sum(x) > 0:\n    f = x", "this condition depends on a value that is not known while reading: use where", "sum(x) > 0"),
    ("f = x << 2", "the operator << is not in the language", "x << 2"),
    ("f = x[::2, None, N[::2]]", "a slice of an axis of size n goes in steps of 1 or -1, found 2", "N[::2]"),
    ("for row in N:\n    f = row", "cannot loop over n rows", "N"),
]  # fmt: skip

SHAPED = [
    ("a, b = x[:3]\nf = a", "3 values for 2 names", "a, b"),
    ("f = x + v", "shapes (4,) and (3,) do not broadcast: from the right, dimensions must be equal or 1", "x + v"),
    ("f = x*v", "shapes (4,) and (3,) do not broadcast", "x*v"),
    ("f = where(x > 0, v, 1)", "do not broadcast", "where(x > 0, v, 1)"),
    ("f = N + ones((3, 2))", "a named dimension fits only itself and 1", "N + ones((3, 2))"),
    ("f = A @ A", "cannot multiply (3, 4) @ (3, 4): the inner dimensions 4 and 3 differ; did you mean the transpose", "A @ A"),
    ("f = A @ v", "cannot multiply (3, 4) @ (3,): the inner dimensions 4 and 3 differ; did you mean the transpose, .T, of the left", "A @ v"),
    ("f = A @ 2", "@ multiplies vectors and matrices, but the right operand is a scalar", "A @ 2"),
    ("f = T3 @ ones((3, 4, 5))", "the leading axes of @ do not fit", "T3 @ ones((3, 4, 5))"),
    ("f = sum(A, axis=2)", "axis 2 does not exist: the operand is an array of 2 axes", "sum(A, axis=2)"),
    ("f = A.max(axis=(0, 0))", "name one axis twice", "A.max(axis=(0, 0))"),
    ("f = A.reshape(5, 2)", "cannot reshape (3, 4) (12 elements) to (5, 2) (10 elements)", "A.reshape(5, 2)"),
    ("f = A.reshape(5, -1)", "cannot reshape (3, 4) (12 elements) to (5, -1): size 12 does not divide by 5", "A.reshape(5, -1)"),
    ("f = A.reshape(-1, -1)", "only one size of a shape can be -1", "A.reshape(-1, -1)"),
    ("f = concatenate([x, A])", "cannot join shapes (4,) and (3, 4) along axis 0", "concatenate([x, A])"),
    ("f = stack([x, v])", "cannot stack shapes (4,) and (3,): all need the same shape", "stack([x, v])"),
    ("f = array([[1, 2], [3]])", "the rows of an array differ: (2,) and (1,)", "array([[1, 2], [3]])"),
    ("f = squeeze(x, 0)", "cannot squeeze axis 0 of shape (4,): its size is not 1", "squeeze(x, 0)"),
    ("f = inv(A)", "inv needs a square matrix, found shape (3, 4)", "inv(A)"),
    ("f = det(x)", "det needs a square matrix, found shape (4,)", "det(x)"),
    ("f = trace(A)", "trace needs a square matrix, found shape (3, 4)", "trace(A)"),
    ("f = diag(A)", "diag needs a square matrix, found shape (3, 4)", "diag(A)"),
    ("f = x[4]", "index 4 is out of range for axis 0 of size 4", "x[4]"),
    ("f = A[0, 0, 0]", "3 indices for an array of shape (3, 4)", "A[0, 0, 0]"),
    ("f = A[[0, 1], [0, 1, 2]]", "the index arrays do not fit together", "A[[0, 1], [0, 1, 2]]"),
    ("f = einsum('ij,jk->ik', A, A)", "axis 'j' is 4 and 3", "einsum('ij,jk->ik', A, A)"),
    ("f = einsum('ij->iz', A)", "output axis 'z' is in no operand", "einsum('ij->iz', A)"),
    ("f = einsum('ijk->i', A)", "operand 'ijk' names 3 axes", "einsum('ijk->i', A)"),
    ("f = A.transpose(0, 0)", "the axes (0, 0) are no order of the 2 axes", "A.transpose(0, 0)"),
    ("f = split(v, 2)", "cannot split axis 0 of shape (3,) into 2 equal parts", "split(v, 2)"),
    ("f = broadcast_to(x, (3,))", "cannot broadcast shape (4,) to (3,)", "broadcast_to(x, (3,))"),
    ("f = len(pi*q)", "len() of a scalar", "len(pi*q)"),
    ("f = layer_norm(x, v)", "layer_norm: shapes (3,) and (4,) do not broadcast", "layer_norm(x, v)"),
    ("f = mse(x, v)", "mse: shapes (4,) and (3,) do not broadcast", "mse(x, v)"),
    ("f = x y", "cannot multiply", None),
    ("x: Real[4]\nf = x + ones(3)", "do not broadcast", "x + ones(3)"),
]  # fmt: skip

ALL = [
    *((SourceError, *case) for case in SYNTAX),
    *((UnknownNameError, *case) for case in UNKNOWN),
    *((UnsupportedError, *case) for case in UNSUPPORTED),
    *((ShapeError, *case) for case in SHAPED if case[2] is not None),
]


@pytest.mark.parametrize(
    ("kind", "text", "message", "marked"), ALL, ids=[repr(c[1])[:50] for c in ALL]
)
def test_bad_input_is_named_and_marked(kind, text, message, marked):
    declared = "x: Real[4]" in text
    shapes = {name: shape for name, shape in SHAPES.items() if not (declared and name == "x")}
    with pytest.raises(kind, match=re.escape(message)) as caught:
        parse(text, shapes=shapes if text != "f = e1 + arange(x)" else {})
    assert caught.value.span is not None
    assert caught.value.span.text == marked


def test_two_vectors_side_by_side_are_ambiguous():
    with pytest.raises(
        SourceError, match=r"can be meant in three ways: write x\*y \(elementwise\)"
    ):
        parse("f = x y", shapes={"x": (3,), "y": (3,)})


def test_an_error_shows_the_line_and_a_caret():
    with pytest.raises(UnknownNameError, match="sofmax") as caught:
        parse("z = x + 1\nf = sin(z) + sofmax(z)", name="demo.gd")
    assert str(caught.value) == (
        "demo.gd:2:14: no function named 'sofmax'; did you mean 'softmax'? "
        "(for a product write sofmax*(...))\n"
        "  2 | f = sin(z) + sofmax(z)\n"
        "    |              ^^^^^^"
    )


def test_a_caret_stands_right_after_notation():
    with pytest.raises(ShapeError, match="inner dimensions 4 and 3") as caught:
        parse("f = 2θ² x + (A @ x)", shapes={"A": (3, 4), "x": (3,)})
    assert caught.value.span.text == "A @ x"
    assert caught.value.span.column == 14


def test_an_error_in_a_library_function_is_shown_at_the_call():
    with pytest.raises(ShapeError, match="^<text>:2:5: attention: cannot multiply") as caught:
        parse("Q: Real[2, 3]\nf = attention(Q, K, V)", shapes={"K": (4, 5), "V": (4, 2)})
    assert caught.value.span.text == "attention(Q, K, V)"


def test_an_index_that_is_the_size_of_its_axis_is_refused() -> None:
    for text in ("y: Real[n]\nf = y[n]", "y: Real[n]\nf = y[n + 1]"):
        with pytest.raises(gd.GraphError, match="out of range for axis 0 of size n"):
            gd.parse(text)
    assert gd.evaluate(gd.parse("y: Real[n]\nf = y[n - 1]"), {"y": [1.0, 2.0]})["f"] == 2.0
