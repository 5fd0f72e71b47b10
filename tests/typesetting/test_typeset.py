"""What a careful mathematician would write: the notation of known formulas, letter by letter."""

from __future__ import annotations

import re
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from notation_oracle import World, standard_world
from test_matrices import question

from graphdbg.symbolic.terms import (
    Poly,
    TooLarge,
    add,
    constant,
    dim_base,
    multiply,
    scale,
    sum_over,
)
from graphdbg.tape import ops
from graphdbg.tape.sizes import Dim, named
from graphdbg.typesetting import matrices, products, trees, typeset
from graphdbg.typesetting.latex_notation import latex_name

n, d, h, k = map(named, "ndhk")


def network_world() -> World:
    """The arrays of the examples; no values."""
    world = World()
    shapes: dict[str, tuple[Dim, ...]] = {
        "s": (), "t": (), "x0": (), "alpha": (), "p": (k,), "y": (k,), "g": (k,), "x": (d,),
        "b": (d,), "u": (d,), "q": (n,), "z1": (h,), "c": (h,), "W2": (k, h), "W": (d, h),
        "T": (n, d, h),
        "A": (d, d), "M": (d, d), "P": (n, k), "Y": (n, k), "X": (n, d), "Z1": (n, h),
    }  # fmt: skip
    for name, shape in shapes.items():
        world.new(name, *shape, value=0.0)
    inverse = world.new("A_inv", d, d, value=0.0, op=ops.Inverse(), args=(world.names.index("A"),))
    world.new("det_A", value=0.0, op=ops.Det(), args=(world.names.index("A"),))
    world.new("logdet", value=0.0, op=ops.LogDet(), args=(world.names.index("A"),))
    world.new("m", n, value=0.0, op=ops.Reduce("max", (1,)), args=(world.names.index("X"),))
    world.new("top", value=0.0, op=ops.Reduce("max", (0, 1)), args=(world.names.index("X"),))
    world.new("labels", n, value=0)
    world.new("label", value=0)
    assert world.names[inverse] == "A_inv"
    return world


w = network_world()
D1 = [("k", d)]


def times(*polys: Poly) -> Poly:
    result = constant(1)
    for poly in polys:
        result = multiply(result, poly)
    return result


def minus(left: Poly, right: Poly) -> Poly:
    return add(left, scale(right, -1))


def bracket(poly: Poly, power: Any = 1) -> Poly:
    return w.algebra.bracket(poly, Fraction(power))


def applied(function: str, poly: Poly) -> Poly:
    return w.algebra.apply(function, poly)


def reciprocal(dim: str) -> Poly:
    return w.algebra.power_of(dim_base(dim), (), -1)


def residual() -> Poly:
    return minus(sum_over(times(w("A", "k", "j"), w("x", "j")), [("j", d)]), w("b", "k"))


square = sum_over(times(w("x", "a"), w("x", "a")), [("a", d)])
pg = sum_over(times(w("p", "a"), w("g", "a")), [("a", k)])
backward = bracket(minus(w("p", "a"), w("y", "a")))
batch = bracket(minus(w("P", "m", "a"), w("Y", "m", "a")))
delta = w.algebra.delta

# name, polynomial, free indices and sizes, Unicode, NumPy
CASES: list[tuple[str, Poly, dict[str, Dim], str, str]] = [
    ("two-layer vector",
     sum_over(times(w("W2", "a", "i"), backward, applied("positive", w("z1", "i")), w("x", "j")),
              [("a", k)]), {"i": h, "j": d},
     "(W2ᵀ(p − y) ⊙ 1[z1 > 0]) xᵀ", "np.outer((W2.T @ (p - y)) * (z1 > 0), x)"),
    ("two-layer batch",
     sum_over(times(w("X", "m", "i"), batch, w("W2", "a", "j"),
                    applied("positive", w("Z1", "m", "j")), reciprocal("n")),
              [("m", n), ("a", k)]), {"i": d, "j": h},
     "Xᵀ((P − Y) W2 ⊙ 1[Z1 > 0]) / n", "X.T @ (((P - Y) @ W2) * (Z1 > 0)) / n"),
    ("collected", add(sum_over(times(w("A", "i", "k"), w("x", "k")), D1),
                      sum_over(times(w("A", "k", "i"), w("x", "k")), D1)), {"i": d},
     "(A + Aᵀ)x", "(A + A.T) @ x"),
    ("inverse", scale(sum_over(times(w("A_inv", "a", "i"), w("b", "a"), w("x", "c"),
                                     w("A_inv", "j", "c")), [("a", d), ("c", d)]), -1),
     {"i": d, "j": d}, "−A⁻ᵀ b xᵀ A⁻ᵀ",
     "-np.outer(np.linalg.inv(A).T @ b, x @ np.linalg.inv(A).T)"),
    ("determinants", add(w("det_A"), w("logdet")), {}, "det(A) + log|det(A)|",
     "np.linalg.det(A) + np.linalg.slogdet(A)[1]"),
    ("maxima", add(w("m", "i"), w("top")), {"i": n}, "max(X, 1) + max(X)",
     "np.max(X, axis=1) + np.max(X)"),
    ("softmax Jacobian", minus(times(delta("i", "j"), w("p", "i")),
                               times(w("p", "i"), w("p", "j"))),
     {"i": k, "j": k}, "diag(p) − p pᵀ", "np.diag(p) - np.outer(p, p)"),
    ("logistic Hessian", sum_over(times(w("X", "m", "i"), w("X", "m", "j"), w("q", "m"),
                                        bracket(minus(constant(1), w("q", "m")))), [("m", n)]),
     {"i": d, "j": d}, "Xᵀ diag(q ⊙ (1 − q)) X", "(X.T * (q * (1 - q))) @ X"),
    ("least squares", scale(sum_over(times(w("A", "k", "i"), residual()), D1), 2), {"i": d},
     "2Aᵀ(Ax − b)", "2 * (A.T @ (A @ x - b))"),
    ("trace", sum_over(times(w("A", "a", "k"), w("M", "k", "a")), [("a", d), ("k", d)]), {},
     "tr(AM)", "np.trace(A @ M)"),
    ("trace of three", sum_over(times(w("A", "a", "e"), w("M", "f", "a"), w("A", "f", "e")),
                                [("a", d), ("e", d), ("f", d)]), {},
     "tr(AᵀMA)", "np.trace(A.T @ M @ A)"),
    ("norm", bracket(square, Fraction(1, 2)), {}, "‖x‖", "np.linalg.norm(x)"),
    ("norm below", bracket(square, Fraction(-1, 2)), {}, "1/‖x‖", "1 / np.linalg.norm(x)"),
    ("squared norm", square, {}, "‖x‖²", "np.linalg.norm(x)**2"),
    ("quadratic form", sum_over(times(w("x", "a"), w("A", "a", "k"), w("x", "k")),
                                [("a", d), ("k", d)]), {}, "xᵀAx", "x @ A @ x"),
    ("sum", sum_over(w("x", "k"), D1), {}, "sum(x)", "np.sum(x)"),
    ("row sums", sum_over(w("X", "i", "k"), D1), {"i": n}, "X 1", "np.sum(X, axis=1)"),
    ("bias gradient", sum_over(batch, [("m", n)]), {"a": k}, "(P − Y)ᵀ1", "np.sum(P - Y, axis=0)"),
    ("softmax product", minus(times(w("p", "i"), w("g", "i")), times(w("p", "i"), pg)), {"i": k},
     "p ⊙ (g − pᵀg)", "p * (g - p @ g)"),
    ("unit vector", times(minus(delta("i", "j"), times(w("u", "i"), w("u", "j"))),
                          bracket(square, Fraction(-1, 2))), {"i": d, "j": d},
     "(I − u uᵀ)/‖x‖", "(np.eye(d) - np.outer(u, u)) / np.linalg.norm(x)"),
    ("affine", add(sum_over(times(w("X", "i", "k"), w("W", "k", "j")), D1), w("c", "j")),
     {"i": n, "j": h}, "XW + 1cᵀ", "X @ W + c"),
    ("centring", minus(delta("i", "j"), reciprocal("n")), {"i": n, "j": n}, "I − 1 1ᵀ / n",
     "np.eye(n) - 1 / n"),
    ("elementwise sum", minus(constant(1), times(w("P", "i", "j"), w("P", "i", "j"))),
     {"i": n, "j": k}, "1 − P ⊙ P", "1 - P**2"),
    ("function of a matrix",
     applied("tanh", sum_over(times(w("X", "i", "k"), w("W", "k", "j")), D1)), {"i": n, "j": h},
     "tanh(XW)", "np.tanh(X @ W)"),
    ("elementwise quotient", times(w("y", "i"), w.algebra.power_of(
        w.algebra.base("leaf", w.names.index("p"), 1), ("i",), -1)), {"i": k}, "y / p", "y / p"),
    ("element", times(w("x", 0), w("A", "i", 1)), {"i": d}, "x[0] A[:,1]", "x[0] * A[:, 1]"),
    ("one-hot labels", w.algebra.power_of(
        w.algebra.base("select", w.names.index("labels"), 2), ("i", "j")), {"i": n, "j": k},
     "onehot(labels)", "np.eye(k)[labels]"),
    ("one label", w.algebra.power_of(
        w.algebra.base("select", w.names.index("label"), 1), (2,)), {}, "1[label = 2]",
     "np.where(label - 2 == 0, 1.0, 0.0)"),
    ("written out", add(times(delta("i", 0), w("x", 1)), times(delta("i", 1), w("x", 0))), {"i": 2},
     "[x[1], x[0]]", "np.array([x[1], x[0]])"),
    ("scalars", add(times(w("s"), w("t")), scale(times(w("s"), w("s")), Fraction(1, 2))), {},
     "s t + s²/2", "s * t + 0.5 * s**2"),
    ("sigmoid gate", times(w("x0"), applied("sigmoid", w("s")),
                           bracket(minus(constant(1), applied("sigmoid", w("s"))))), {},
     "x0 σ(s) (1 − σ(s))",
     "x0 * (1 / (1 + np.exp(-s))) * (1 - 1 / (1 + np.exp(-s)))"),
    ("logistic", bracket(add(constant(1), applied("exp", scale(w("s"), -1))), -1), {},
     "1/(1 + exp(−s))", "1 / (1 + np.exp(-s))"),
    ("greek", times(w("alpha"), w("s")), {}, "α s", "alpha * s"),
    ("decimals", scale(w("s"), Fraction("0.044715")), {}, "0.044715s", "0.044715 * s"),
    ("small decimals", add(w("s"), constant(Fraction("2.5e-7"))), {}, "s + 2.5·10⁻⁷",
     "s + 2.5e-07"),
    ("powers of ten", add(w("s"), constant(Fraction("1e-5"))), {}, "s + 10⁻⁵", "s + 1e-05"),
    ("no matrix notation", sum_over(times(w("T", "i", "j", "a"), w("c", "a")), [("a", h)]),
     {"i": n, "j": d}, "Σₖ c[k] T[i,j,k]", "np.einsum('k,ijk->ij', c, T)"),
    ("a sum over slices", scale(sum_over(times(w("T", "a", "i", "f"), w("T", "a", "j", "f")),
                                         [("a", n), ("f", h)]), 2), {"i": d, "j": d},
     "2Σₖ T[k] T[k]ᵀ", "2 * sum(T[k] @ T[k].T for k in range(n))"),
    ("slices", sum_over(times(w("T", "m", "a", "j"), w("A", "a", "i")), [("a", d)]),
     {"m": n, "i": d, "j": h}, "Aᵀ T[k]", "np.stack([A.T @ T[k] for k in range(n)])"),
]  # fmt: skip


@pytest.mark.parametrize("name, poly, dims, unicode, code", CASES, ids=[case[0] for case in CASES])
def test_a_known_formula(
    name: str, poly: Poly, dims: dict[str, Dim], unicode: str, code: str
) -> None:
    tree = matrices.from_poly(poly, tuple(dims), dims, w.lookup)
    assert typeset.text(tree) == unicode
    assert typeset.python(tree) == code


def test_rows_of_a_matrix_are_no_slices() -> None:
    poly = times(w("A", "j", "k"), w("A", "l", "i"))
    tree = matrices.from_poly(poly, "ijkl", (d, d, d, d), w.lookup, rows=2)
    assert typeset.text(tree) == "A[j,k] A[l,i]"
    assert matrices.notation_of(tree) == "index"


def test_the_gradient_of_a_scalar_can_be_a_row() -> None:
    poly = scale(sum_over(times(w("A", "k", "i"), residual()), D1), 2)
    tree = matrices.from_poly(poly, ("i",), (d,), w.lookup, rows=0)
    assert typeset.text(tree) == "2(Ax − b)ᵀA"
    assert tree.shape == (None, d)


JACOBIANS = [
    (times(w("A", "i", "k"), w("W", "j", "l")), (d, d, d, h), 2, "A ⊗ W", "np.kron(A, W)"),
    (times(delta("i", "j"), w("x", "k")), (h, h, d), 1, "I ⊗ xᵀ", "np.kron(np.eye(h), x[None, :])"),
    (times(delta("i", "k"), delta("j", "l"), applied("positive", w("Z1", "i", "j"))),
     (n, h, n, h), 2, "diag(vec(1[Z1 > 0]))",
     "np.diag(np.ravel(np.where(Z1 > 0, 1.0, 0.0)))"),
]  # fmt: skip


@pytest.mark.parametrize("poly, dims, rows, unicode, code", JACOBIANS)
def test_a_jacobian_between_matrices(
    poly: Poly, dims: Any, rows: int, unicode: str, code: str
) -> None:
    tree = matrices.from_poly(poly, "ijkl"[: len(dims)], dims, w.lookup, rows=rows)
    assert typeset.text(tree) == unicode
    assert typeset.python(tree) == code


LATEX = [
    ("two-layer vector", r"\left(W_{2}^{\top} \left(p - y\right) \odot "
     r"\mathbf{1}\left[z_{1} > 0\right]\right) x^{\top}"),
    ("unit vector", r"\frac{I - u u^{\top}}{\left\lVert x \right\rVert}"),
    ("scalars", r"s t + \frac{s^{2}}{2}"),
    ("logistic", r"\frac{1}{1 + e^{-s}}"),
    ("powers of ten", r"s + 10^{-5}"),
    ("inverse", r"-A^{-\top} b x^{\top} A^{-\top}"),
    ("written out", r"\begin{bmatrix} x\left[1\right] \\ x\left[0\right] \end{bmatrix}"),
    ("no matrix notation", r"\sum_{k} c\left[k\right] T\left[i, j, k\right]"),
]  # fmt: skip


@pytest.mark.parametrize("name, expected", LATEX)
def test_a_known_formula_in_latex(name: str, expected: str) -> None:
    poly, dims = next((case[1], case[2]) for case in CASES if case[0] == name)
    tree = matrices.from_poly(poly, tuple(dims), dims, w.lookup)
    assert typeset.latex(tree) == expected


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.integers(0, 2**32))
def test_latex_is_well_formed(seed: int) -> None:
    poly, free, dims = question(seed)
    latex = typeset.latex(matrices.from_poly(poly, free, dims, standard_world().lookup))
    assert latex.count(r"\left") - latex.count(r"\leftarrow") == latex.count(r"\right"), latex
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if brace == "{" else -1
        assert depth >= 0, latex
    assert depth == 0, latex
    assert not re.search(r"\^\{[^{}]*\}\^", latex), f"double superscript in {latex}"


NAMES = [
    ("x", "x"), ("W2", "W_{2}"), ("alpha", r"\alpha"), ("beta1", r"\beta_{1}"),
    ("W_out", r"W_{\mathit{out}}"), ("loss", r"\mathit{loss}"), ("α", r"\alpha"),
    ("loss.d_W", r"\mathit{loss.d\_W}"), ("h@2", r"\mathit{h@2}"), ("a%b", r"\mathit{a\%b}"),
    ("softmax(z1)", r"\operatorname{softmax}\left(z_{1}\right)"),
    ("a_b_c", r"a_{\mathit{b\_c}}"), ("lambda_", r"\lambda"),
]  # fmt: skip


@pytest.mark.parametrize("name, expected", NAMES)
def test_any_name_is_set_in_latex(name: str, expected: str) -> None:
    assert latex_name(name) == expected


@pytest.mark.parametrize("name", ["I", "E", "S", "N", "Q", "beta", "gamma", "pi"])
def test_any_identifier_is_a_name(name: str) -> None:
    world = World()
    world.new(name, n, n, value=0.0)
    tree = matrices.from_poly(world(name, "j", "i"), ("i", "j"), (n, n), world.lookup)
    assert tree == products.transpose(trees.Symbol((n, n), name, (n, n)))
    assert typeset.python(tree) == f"{name}.T"


def test_a_name_that_python_does_not_take_gets_underscores() -> None:
    world = World()
    for name in ("loss.d_W", "lambda"):
        world.new(name, value=0.0)
    poly = times(world("loss.d_W"), world("lambda"))
    tree = matrices.from_poly(poly, (), (), world.lookup)
    assert typeset.python(tree) == "loss_d_W * lambda_"
    assert typeset.text(tree) == "loss.d_W λ"


def test_an_index_that_is_neither_free_nor_summed_is_refused() -> None:
    with pytest.raises(KeyError, match="neither free nor summed over"):
        matrices.from_poly(times(w("x", "i"), w("x", "j")), ("i",), (d,), w.lookup)


def test_the_result_of_a_call_is_written_as_a_call() -> None:
    world = World()
    world.new("norm(x)", value=0.0)
    world.new("softmax(z1)", n, value=0.0)
    tree = matrices.from_poly(
        times(world("norm(x)"), world("softmax(z1)", "i")), "i", (n,), world.lookup
    )
    assert typeset.text(tree) == "‖x‖ softmax(z1)"
    assert typeset.python(tree) == "np.linalg.norm(x) * softmax(z1)"


def test_index_letters_avoid_the_names_of_arrays() -> None:
    world = World()
    world.new("i", n, n, n, value=0.0)
    poly = sum_over(world("i", "a", "b", "c"), [("c", n)])
    tree = matrices.from_poly(poly, ("a", "b"), (n, n), world.lookup)
    assert typeset.text(tree) == "Σⱼ i[a,b,j]"
    assert matrices.indices_of(tree) == ("a", "b")


def test_functions_nested_deeper_than_anyone_reads_are_refused() -> None:
    poly = w("s")
    for _ in range(2000):
        poly = applied("tanh", poly)
    with pytest.raises(TooLarge, match="nested more than 40 deep"):
        matrices.from_poly(poly, (), (), w.lookup)


def test_an_array_called_sigma_does_not_look_like_the_sigmoid() -> None:
    world = World()
    world.new("sigma", n, n, value=0.0)
    for name in ("x", "y"):
        world.new(name, n, value=0.0)
    inner = world.algebra.bracket(minus(world("x", "j"), world("y", "j")))
    poly = sum_over(times(world("sigma", "i", "j"), inner), [("j", n)])
    tree = matrices.from_poly(poly, ("i",), (n,), world.lookup)
    assert typeset.text(tree) == "σ (x − y)"


def test_the_same_polynomial_gives_the_same_text() -> None:
    texts = set()
    for _ in range(3):
        poly, free, dims = question(Random(5).randrange(1000))
        texts.add(typeset.text(matrices.from_poly(poly, free, dims, standard_world().lookup)))
    assert len(texts) == 1
    assert np.all([isinstance(text, str) for text in texts])


def test_names_of_several_letters_stand_apart_in_latex() -> None:
    world = World()
    for name in ("lam", "s"):
        world.new(name, value=0.0)
    for name in ("W", "left"):
        world.new(name, n, n, value=0.0)
    scaled = scale(times(world("lam"), world("W", "i", "j")), 2)
    product = sum_over(times(world("left", "i", "k"), world("W", "k", "j")), [("k", n)])
    for poly, latex in (
        (scaled, r"2 \, \mathit{lam} \, W"),
        (product, r"\mathit{left} \, W"),
        (times(world("s"), world("W", "i", "j")), "s W"),
    ):
        tree = matrices.from_poly(poly, ("i", "j"), (n, n), world.lookup)
        assert typeset.latex(tree) == latex
