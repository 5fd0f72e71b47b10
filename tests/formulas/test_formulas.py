"""Formulas: the texts that are promised, their LaTeX, NumPy and SymPy forms, and the stamp that
withholds a wrong one."""

import numpy as np
import pytest
import sympy

import graphdbg as gd
from graphdbg.calculus import gradients
from graphdbg.errors import DifferentiationError, GraphError, UncheckedFormulaError
from graphdbg.numbers.sampling import sample
from graphdbg.symbolic import terms
from graphdbg.symbolic.display import Display
from graphdbg.tape import ops

EXAMPLE = """
x: Real[d]
y: OneHot[k]
z1 = W1 @ x + b1
h = relu(z1)
o = W2 @ h + b2
p = softmax(o)
L = -sum(y*log(p))
"""
EXAMPLE_SHAPES = {"W1": ("h", "d"), "b1": ("h",), "W2": ("k", "h"), "b2": ("k",)}
BATCH = """
Y: OneHot[n, k]
Z1 = X @ W1 + b1
H = relu(Z1)
O = H @ W2 + b2
P = softmax(O)
L = -sum(Y*log(P))/n
"""
BATCH_SHAPES = {
    "X": ("n", "d"), "W1": ("d", "h"), "b1": ("h",), "W2": ("h", "k"), "b2": ("k",),
}  # fmt: skip
ATTENTION = "S = Q @ K.T/sqrt(d); P = softmax(S); O = P @ V; f = sum(G*O)"
ATTENTION_SHAPES = {"Q": ("n", "d"), "K": ("m", "d"), "V": ("m", "e"), "G": ("n", "e")}
NORM = "y = layer_norm(x); f = sum(g*y)"
SQUARE = {"x": ("n",), "A": ("n", "n")}
INVERSE = {"a": ("n",), "X": ("n", "n"), "b": ("n",)}
LOGISTIC = "p = sigmoid(X @ w); L = -sum(y*log(p) + (1 - y)*log(1 - p))"
LOGISTIC_SHAPES = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}

# program, shapes, output, input: text, LaTeX, NumPy code
GRADIENTS = {
    "one hidden layer, W1": (
        EXAMPLE, EXAMPLE_SHAPES, "L", "W1",
        "(W2ᵀ(p − y) ⊙ 1[z1 > 0]) xᵀ",
        r"\left(W_{2}^{\top} \left(p - y\right) \odot \mathbf{1}\left[z_{1} > 0\right]\right)"
        r" x^{\top}",
        "np.outer((W2.T @ (p - y)) * (z1 > 0), x)",
    ),
    "one hidden layer, W2": (
        EXAMPLE, EXAMPLE_SHAPES, "L", "W2",
        "(p − y) hᵀ", r"\left(p - y\right) h^{\top}", "np.outer(p - y, h)",
    ),
    "one hidden layer, o": (EXAMPLE, EXAMPLE_SHAPES, "L", "o", "p − y", "p - y", "p - y"),
    "the same without the declaration": (
        EXAMPLE.replace("OneHot", "Real"), EXAMPLE_SHAPES, "L", "o",
        "sum(y) p − y", r"\operatorname{sum}\left(y\right) p - y", "np.sum(y) * p - y",
    ),
    "a batch, W1": (
        BATCH, BATCH_SHAPES, "L", "W1",
        "Xᵀ((P − Y) W2ᵀ ⊙ 1[Z1 > 0]) / n",
        r"\frac{X^{\top} \left(\left(P - Y\right) W_{2}^{\top} \odot"
        r" \mathbf{1}\left[Z_{1} > 0\right]\right)}{n}",
        "X.T @ (((P - Y) @ W2.T) * (Z1 > 0)) / n",
    ),
    "a batch, b1": (
        BATCH, BATCH_SHAPES, "L", "b1",
        "((P − Y) W2ᵀ ⊙ 1[Z1 > 0])ᵀ1 / n",
        r"\frac{\left(\left(P - Y\right) W_{2}^{\top} \odot"
        r" \mathbf{1}\left[Z_{1} > 0\right]\right)^{\top} \mathbf{1}}{n}",
        "np.sum(((P - Y) @ W2.T) * (Z1 > 0), axis=0) / n",
    ),
    "attention, Q": (
        ATTENTION, ATTENTION_SHAPES, "f", "Q",
        "(P ⊙ (GVᵀ − (GVᵀ ⊙ P)1 1ᵀ))K / √d",
        r"\frac{\left(P \odot \left(G V^{\top} - \left(G V^{\top} \odot P\right)"
        r" \mathbf{1} \mathbf{1}^{\top}\right)\right) K}{\sqrt{d}}",
        "(P * (G @ V.T - np.sum((G @ V.T) * P, axis=1)[:, None])) @ K / np.sqrt(d)",
    ),
    "attention, V": (
        ATTENTION, ATTENTION_SHAPES, "f", "V", "PᵀG", r"P^{\top} G", "P.T @ G",
    ),
    "layer norm": (
        NORM, {"x": ("d",), "g": ("d",)}, "f", "x",
        "(g − (yᵀg) y / d − sum(g)/d)/y.spread[0]",
        r"\frac{g - \frac{\left(y^{\top} g\right) y}{d} -"
        r" \frac{\operatorname{sum}\left(g\right)}{d}}{\mathit{y.spread}\left[0\right]}",
        "(g - (y @ g) * y / d - np.sum(g) / d) / y_spread[0]",
    ),
    "a quadratic form": (
        "f = x @ A @ x", SQUARE, "f", "x",
        "(A + Aᵀ)x", r"\left(A + A^{\top}\right) x", "(A + A.T) @ x",
    ),
    "through an inverse": (
        "f = a @ inv(X) @ b", INVERSE, "f", "X",
        "−X⁻ᵀ a bᵀ X⁻ᵀ", r"-X^{-\top} a b^{\top} X^{-\top}",
        "-np.outer(np.linalg.inv(X).T @ a, b @ np.linalg.inv(X).T)",
    ),
}  # fmt: skip
JACOBIANS = {
    "softmax": (
        "p = softmax(o)", {"o": ("n",)}, "p", "o",
        "diag(p) − p pᵀ", r"\operatorname{diag}\left(p\right) - p p^{\top}",
        "np.diag(p) - np.outer(p, p)",
    ),
    "relu": (
        "h = relu(z)", {"z": ("n",)}, "h", "z",
        "diag(1[z > 0])", r"\operatorname{diag}\left(\mathbf{1}\left[z > 0\right]\right)",
        "np.diag(np.where(z > 0, 1.0, 0.0))",
    ),
    "a linear layer": (
        "y = W @ x + b", {"W": ("h", "d"), "x": ("d",), "b": ("h",)}, "y", "x", "W", "W", "W",
    ),
    "a product from both sides": (
        "Y = A @ X @ B", {"A": ("a", "b"), "X": ("b", "c"), "B": ("c", "d")}, "Y", "X",
        "A ⊗ Bᵀ", r"A \otimes B^{\top}", "np.kron(A, B.T)",
    ),
}  # fmt: skip


def gradient(text, wrt, of="f", **shapes):
    """The formula of a gradient."""
    return gd.upstream(gd.parse(text, shapes=shapes), wrt, of=of)


def agrees(formula, graph, seed=3):
    """Whether the formula's NumPy code, evaluated by Python, equals the formula's own value."""
    point = sample(graph, seed=seed)
    trace = gd.evaluate(graph, point)
    sizes = {
        dim: size
        for name in graph.inputs
        for dim, size in zip(map(str, graph[name].shape), np.shape(point[name]))
    }
    names = {node.name.replace(".", "_"): trace[node.name] for node in graph}
    found = eval(formula.python(), {"np": np, **sizes, **names})  # noqa: S307 - our own text
    known = formula.evaluate(point)
    return np.allclose(np.reshape(found, known.shape), known, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", GRADIENTS.values(), ids=GRADIENTS)
def test_gradients_read_as_promised(case):
    text, shapes, of, wrt, written, latex, python = case
    graph = gd.parse(text, shapes=shapes)
    formula = gd.upstream(graph, wrt, of=of)
    assert (formula.text(), formula.notation) == (written, "matrix")
    assert formula.latex() == latex
    assert formula.python() == python
    assert agrees(formula, graph)


@pytest.mark.parametrize("case", JACOBIANS.values(), ids=JACOBIANS)
def test_jacobians_keep_their_structure(case):
    text, shapes, of, wrt, written, latex, python = case
    graph = gd.parse(text, shapes=shapes)
    formula = gd.jacobian(graph, of=of, wrt=wrt)
    assert (formula.text(), formula.latex(), formula.python()) == (written, latex, python)
    if formula.notation == "matrix" and len(formula.shape) == 2:
        assert agrees(formula, graph)


def test_the_hessian_of_logistic_regression():
    graph = gd.parse(LOGISTIC, shapes=LOGISTIC_SHAPES)
    formula = gd.hessian(graph, of="L", wrt="w")
    assert formula.text() == "Xᵀ diag(p ⊙ (1 − p)) X"
    diagonal = r"\operatorname{diag}\left(p \odot \left(1 - p\right)\right)"
    assert formula.latex() == rf"X^{{\top}} {diagonal} X"
    assert formula.python() == "(X.T * (p * (1 - p))) @ X"
    assert formula.title == "∂²L/∂w²"
    assert agrees(formula, graph)


# ------------------------------------------------------------------ forms


@pytest.mark.parametrize(
    ("wrt", "chain", "put_in", "closed"),
    [
        ("x", "∂f/∂q · ∂q/∂x", "z · 1", "z"),
        ("y", "∂f/∂q · ∂q/∂y", "z · 1", "z"),
        ("z", "∂f/∂f · ∂f/∂z", "1 · (x + y)", "x + y"),
        ("q", "∂f/∂f · ∂f/∂q", "1 · z", "z"),
    ],
)
def test_the_lecture_s_circuit_in_every_form(wrt, chain, put_in, closed):
    formula = gradient("f=(x+y)z", wrt)
    assert [formula.form(each) for each in ("chain", "locals", "matrix", "closed", "entries")] == [
        chain, put_in, closed, closed, f"Matrix([[{closed}]])",
    ]  # fmt: skip
    assert (formula.title, formula.assumptions) == (f"∂f/∂{wrt}", ())


def test_contributions_of_a_value_that_is_used_twice_are_added():
    formula = gradient("q = x*y\nf = q + x", "x")
    assert formula.form("chain") == "∂f/∂f · ∂f/∂x + ∂f/∂q · ∂q/∂x"
    assert formula.form("locals") == "1 · 1 + 1 · y"
    assert formula.text() == "y + 1"


def test_locals_of_a_product_and_of_a_call():
    assert {n: f.text() for n, f in gd.local(gd.parse("q = x*y"), "q").items()} == {
        "x": "y", "y": "x",
    }  # fmt: skip
    graph = gd.parse("p = softmax(o)", shapes={"o": ("n",)})
    assert {n: f.text() for n, f in gd.local(graph, "p").items()} == {"o": "diag(p) − p pᵀ"}


def test_an_unknown_form_names_those_that_there_are():
    text = "no form 'tensor': the forms are chain, locals, matrix, closed, entries"
    with pytest.raises(GraphError, match=text):
        gradient("f = x*y", "x").form("tensor")


# ------------------------------------------------------------------ assumptions and stamps


def test_an_assumption_is_stated_where_it_was_used_and_only_there():
    declared = gradient(EXAMPLE, "o", of="L", **EXAMPLE_SHAPES)
    assert declared.assumptions == ("Σ y = 1 (y: OneHot)",)
    assert str(declared).splitlines()[1] == "  because Σ y = 1 (y: OneHot)"
    undeclared = gradient(EXAMPLE.replace("OneHot", "Real"), "o", of="L", **EXAMPLE_SHAPES)
    assert undeclared.assumptions == ()
    assert gradient("y: OneHot[3]\nf = y @ x", "x", x=(3,)).assumptions == ()


def test_a_fact_that_a_definition_gives_is_stated_as_such():
    formula = gradient(NORM, "x", x=("d",), g=("d",))
    assert formula.assumptions == ("Σ y = 0 (by its definition)",)


@pytest.mark.parametrize("case", [*GRADIENTS.values()], ids=GRADIENTS)
def test_every_formula_carries_its_stamp(case):
    text, shapes, of, wrt, *_ = case
    formula = gd.upstream(gd.parse(text, shapes=shapes), wrt, of=of)
    stamp = formula.stamp
    assert (stamp.points, stamp.digits >= 8, stamp.difference_digits >= 4) == (3, True, True)
    last = f"  [checked at 3 random points: {stamp.digits:.0f} digits, "
    last += f"{stamp.difference_digits:.0f} against differences]"
    assert str(formula).splitlines()[-1] == last


@pytest.mark.parametrize("text", ["f = sin(1000000x)", "f = sin(3^(x^2 + 8))"])
def test_a_function_that_oscillates_fast_is_differenced_with_short_steps(text):
    assert gradient(text, "x").stamp.difference_digits >= 4


def test_a_wrong_rule_withholds_the_formula(monkeypatch):
    right = gradients.RULES[ops.Contract]

    def wrong(site, slot):
        node, local = right(site, slot)
        return site.b.map("mul", node, site.b.const(2, site.b.shapes[node])), local

    monkeypatch.setitem(gradients.RULES, ops.Contract, wrong)
    text = (
        r"the formula for df/dx was withheld: at random points it agrees with the graph to 16.0 "
        r"digits, 8 are needed, and with differences to 0\.\d, 4 are needed; please report"
    )
    with pytest.raises(UncheckedFormulaError, match=text):
        gradient("f = x @ y", "x", x=("n",), y=("n",))
    with pytest.raises(UncheckedFormulaError, match=r"the formula for dy/dx was withheld"):
        gd.jacobian(gd.parse("y = A @ x", shapes={"A": ("m", "n"), "x": ("n",)}), "y", "x")


@pytest.fixture
def wrong_display(monkeypatch):
    """Every formula is shown with one factor too many."""
    right = Display.show
    twice = lambda self, node: terms.scale(right(self, node), 2)  # noqa: E731
    monkeypatch.setattr(Display, "show", twice)


def test_a_wrong_simplification_withholds_the_formula(wrong_display):
    text = (
        r"the formula for df/dx was withheld: at random points it agrees with the graph to 0\.\d "
        r"digits, 8 are needed, and with differences to 0\.\d, 4 are needed"
    )
    with pytest.raises(UncheckedFormulaError, match=text):
        gradient("f = sum(exp(x*x))", "x", x=("n",))


def test_a_wrong_closed_form_of_a_forward_node_is_withheld(wrong_display):
    text = r"the formula for f was withheld: at random points it agrees with the graph to 0\.\d"
    with pytest.raises(UncheckedFormulaError, match=text):
        gd.parse("f = exp(x)").expr("f")


# ------------------------------------------------------------------ SymPy


def numbers(expression, point):
    """A SymPy expression's value: entries such as `x[0]` are put in one by one."""
    base = sympy.Array(expression) if isinstance(expression, sympy.MatrixBase) else expression
    values = {}
    for symbol in expression.free_symbols:
        if isinstance(symbol, sympy.Indexed):
            values[symbol] = float(point[symbol.base.name][tuple(map(int, symbol.indices))])
        elif symbol.name in point and np.ndim(point[symbol.name]) == 0:
            values[symbol] = float(point[symbol.name])
    return np.array(base.subs(values).tolist() if hasattr(base, "tolist") else base.subs(values),
                    dtype=float)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "wrt"),
    [
        ("f = x^2 y + sin(x y)", "x"),
        ("f = (x + y)z", "z"),
        ("f = exp(-x*y)/(1 + z^2)", "z"),
        ("f = log(1 + x^2)*tanh(y)", "x"),
    ],
)
def test_a_scalar_s_closed_form_is_a_sympy_expression(text, wrt):
    graph = gd.grad(gd.parse(text))
    expression = graph.expr(f"f.d_{wrt}")
    names = sorted(symbol.name for symbol in expression.free_symbols)
    assert isinstance(expression, sympy.Expr) and set(names) <= {"x", "y", "z"}
    point = sample(graph, seed=5)
    same = {symbol: sympy.Symbol(symbol.name) for symbol in expression.free_symbols}
    function = sympy.lambdify([*same.values()], expression.subs(same), "numpy")
    found = function(*(float(point[symbol.name]) for symbol in same))
    np.testing.assert_allclose(found, gd.evaluate(graph, point)[f"f.d_{wrt}"], rtol=1e-12)


ENTRIES = {
    "a quadratic form": ("f = x @ A @ x", {"x": (3,), "A": (3, 3)}, "x"),
    "a hidden layer": (
        "h = relu(W @ x); f = sum(g*h)", {"W": (2, 3), "x": (3,), "g": (2,)}, "W",
    ),
    "mean squared error": ("f = mean((A @ x - y)^2)", {"A": (4, 2), "x": (2,), "y": (4,)}, "x"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENTRIES.values(), ids=ENTRIES)
def test_entries_are_an_explicit_matrix_with_the_formula_s_numbers(case):
    text, shapes, wrt = case
    formula = gradient(text, wrt, **shapes)
    point = sample(gd.parse(text, shapes=shapes), seed=2)
    entries = formula.entries()
    assert isinstance(entries, sympy.MatrixBase)
    known = formula.evaluate(point)
    found = numbers(entries, point).reshape(known.shape)
    np.testing.assert_allclose(found, known, rtol=1e-12, atol=1e-12)


def test_matrix_expressions_keep_their_named_dimensions():
    expression = gradient("f = x @ A @ x", "x", **SQUARE).expr
    n = next(symbol for symbol in expression.shape[0].free_symbols)
    a, x = sympy.MatrixSymbol("A", n, n), sympy.MatrixSymbol("x", n, 1)
    assert (str(n), expression.shape) == ("n", (n, 1))
    assert expression == (a + a.T) * x


def test_entries_of_named_sizes_cannot_be_written_out():
    text = r"∂f/∂x has shape \(n,\), n entries: entries are written out for sizes that are numbers"
    with pytest.raises(DifferentiationError, match=text):
        gradient("f = x @ A @ x", "x", **SQUARE).entries()


def test_entries_of_a_large_matrix_are_not_written_out():
    text = r"∂y/∂x has shape \(30, 20\), 600 entries: .* up to 400; take the matrix form"
    with pytest.raises(DifferentiationError, match=text):
        gd.jacobian(gd.parse("y = A @ x", shapes={"A": (30, 20), "x": (20,)}), "y", "x").entries()


# ------------------------------------------------------------------ no swell


def logistic_map(depth):
    """x_(i+1) = r x_i (1 - x_i), the example on which closed forms grow exponentially."""
    lines = [f"x{i + 1} = r*x{i}*(1 - x{i})" for i in range(depth)]
    return "\n".join([*lines, f"f = 1*x{depth}"])


def test_a_deep_composition_comes_back_as_named_parts():
    formula = gradient(logistic_map(200), "x0", of="f")
    assert 0 < len(formula.definitions) < 400
    assert max(map(len, [formula.text(), *formula.definitions.values()])) < 1000
    assert formula.form("closed") == formula.text()  # written out it would have 2^200 terms


def test_the_gradient_of_a_composition_is_as_long_as_the_program():
    graph = gd.grad(gd.parse(logistic_map(1000)), "f", ["x0", "r"])
    point = {"x0": 0.3, "r": 3.2}
    x, slope = 0.3, 1.0
    for _ in range(1000):
        x, slope = 3.2 * x * (1 - x), slope * 3.2 * (1 - 2 * x)
    trace = gd.evaluate(graph, point)
    np.testing.assert_allclose(trace["f"], x, rtol=1e-9)
    np.testing.assert_allclose(trace["f.d_x0"], slope, rtol=1e-6)
    assert len(graph) < 12_000


def test_a_deep_residual_network_has_formulas():
    blocks = 30
    lines = ["h = X", *(f"h = h + relu(h @ A{i}) @ B{i}" for i in range(blocks)), "f = sum(G*h)"]
    shapes = {"X": ("n", "d"), "G": ("n", "d")}
    shapes |= {f"A{i}": ("d", "k") for i in range(blocks)}
    shapes |= {f"B{i}": ("k", "d") for i in range(blocks)}
    formula = gradient("\n".join(lines), "A0", **shapes)
    assert formula.text().endswith("B0ᵀ ⊙ 1[X A0 > 0])") and len(formula.text()) < 200
    assert formula.stamp.digits > 10
    assert max(map(len, formula.definitions.values())) < 200


def test_a_second_name_of_a_node_names_its_gradients_too():
    graph = gd.parse("h = x^2\nL = h\ny = x")
    backward = gd.grad(graph, "L", ["y"])
    assert gd.evaluate(backward, {"x": 3.0})["L.d_y"] == 6.0
    assert backward["L.d_x"] == backward["h.d_x"] == backward["h.d_y"]
    assert backward.formulary.formula("L.d_y").text() == "2x"
    assert gd.hessian(graph, of="L", wrt="y").text() == "2"
    assert gd.prove(graph, "dL/dy = 2y").verdict == "proved"


# ------------------------------------------------------------------ found by random programs


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("t = stack([x, x], axis=0); f = sum(sin(t))", {"x": (3,)}),
        ("t = stack([x, y], axis=1); f = mean(t*t)", {"x": (3,), "y": (3,)}),
        ("t = concatenate([x, y], axis=0); f = sum(exp(t))", {"x": (1, 3), "y": (1, 3)}),
        ("t = x[array([0, 1, 1])]; f = t[0]**2 + sum(t)", {"x": (3,)}),
        ("t = x[:, array([0, 2])]; f = sin(t[1, 0])", {"x": (2, 3)}),
    ],
)
def test_positions_inside_functions_are_read_off_each_operand(text, shapes):
    assert gradient(text, "x", **shapes).stamp.digits > 12


@pytest.mark.parametrize(
    ("text", "x", "written"),
    [
        ("b = x[1]; f = sum(b*b*b)", (2, 3), "[[0, 0, 0], [3b[0]², 3b[1]², 3b[2]²]]"),
        ("b = squeeze(2*x); f = sum(tanh(b))", (1, 3), "2·1(1 − tanh(b)^⊙2)ᵀ"),
    ],
)
def test_a_view_s_name_is_not_given_to_what_it_shows(text, x, written):
    formula = gradient(text, "x", x=x)
    assert formula.text() == written
    assert agrees(formula, gd.parse(text, shapes={"x": x}))


def test_a_call_is_not_written_without_the_arguments_that_make_it_what_it_is():
    text = "t = var(x, axis=-1, keepdims=True); f = sum(sin(t)) + tanh(mean(x))"
    assert "mean(x)[0]" not in gradient(text, "x", x=(4,)).text()


@pytest.mark.parametrize("name", ["one hidden layer, W1", "a batch, W1", "attention, Q"])
def test_a_formula_s_code_is_a_claim_that_is_proved(name):
    text, shapes, of, wrt, *_ = GRADIENTS[name]
    graph = gd.parse(text, shapes=shapes)
    code = gd.upstream(graph, wrt, of=of).python()
    assert gd.prove(graph, f"d{of}/d{wrt} = {code}").verdict == "proved"


def test_an_operation_without_notation_is_written_as_it_is_typed():
    graph = gd.parse("x: Real[8]; g: Real[4]; f = sum(g*mean(reshape(x, (4, 2)), axis=1))")
    found = gd.upstream(graph, "x")
    assert found.text() == "reshape(½g 1ᵀ, (8,))"
    half, transposed = r"\ensuremath{\frac{1}{2}}", r"\ensuremath{^{\top}}"
    assert found.latex() == rf"\texttt{{reshape({half}g 1{transposed}, (8,))}}"


@pytest.mark.parametrize(
    "text, written", [("f = x^y * z", "x^y"), ("f = z * x^(y + 1)", "x^(y + 1)")]
)
def test_a_power_with_a_variable_exponent_is_a_gradient_too(text, written):
    found = gradient(text, "z")
    assert found.text() == written
    assert found.latex() == rf"\texttt{{{written.replace('^', chr(92) + 'textasciicircum{}')}}}"


@pytest.mark.parametrize("eps", ["0.1", "1e-3", "1e-5", "1e-10"])
def test_a_small_constant_in_a_denominator_keeps_its_digits(eps: str) -> None:
    """Partial fractions over 1e-10 left nothing of float64, and the formula was withheld."""
    graph = gd.parse(f"w: Real\ng: Real\ns: Positive\nf = w - g/(sqrt(s + g^2) + {eps})")
    for name in ("g", "s"):
        assert (gd.upstream(graph, name).stamp.difference_digits or 0) > 8


def test_blocks_of_a_hessian_by_many_names() -> None:
    """One stamp for all; each block says what SymPy says of the whole."""
    names = [f"x{at}" for at in range(9)]
    found = gd.hessian("f = " + " * ".join(names) + " + sin(x0) x1^2", wrt=names)
    symbols = sympy.symbols(names)
    whole = sympy.prod(symbols) + sympy.sin(symbols[0]) * symbols[1] ** 2
    assert sympy.simplify(found.entries() - sympy.hessian(whole, symbols)) == sympy.zeros(9)
    assert found.stamp.digits > 12 and (found.stamp.difference_digits or 0) > 6
