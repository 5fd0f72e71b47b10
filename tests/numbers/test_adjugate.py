"""The adjugate: against SymPy's exact one, at regular, nearly singular and singular matrices."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import graphdbg as gd


def exact(matrix: np.ndarray) -> np.ndarray:
    """The gradient of the determinant, from rational numbers."""
    rational = [[sympy.Rational(float(entry)) for entry in row] for row in matrix]
    return np.array(sympy.Matrix(rational).adjugate().T.tolist(), float)


def of_rank(size: int, rank: int, seed: int, off: float = 0.0) -> np.ndarray:
    """A matrix of whole numbers and of a rank, times 0.1 where `off` is not 0, and off by it."""
    rng = np.random.default_rng([size, rank, seed])
    found = rng.integers(-3, 4, (size, rank)) @ rng.integers(-3, 4, (rank, size))
    return found * 1.0 if not off else found * 0.1 + off * rng.normal(size=(size, size))


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("missing", [0, 1, 2, 3])
@pytest.mark.parametrize("off", [0.0, 1e-17, 1e-12, 1e-6])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_a_determinant(size: int, missing: int, off: float, seed: int) -> None:
    a = of_rank(size, max(size - missing, 0), seed, off)
    graph = gd.grad(gd.parse("f = det(A)", shapes={"A": (size, size)}))
    found = gd.evaluate(graph, {"A": a})["f.d_A"]
    size_of = max(np.linalg.norm(a, 2), 1e-300) ** (size - 1) if size > 1 else 1.0
    assert np.max(np.abs(found - exact(a))) <= 1e-13 * size_of


@pytest.mark.parametrize("missing", [0, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_check_accuses_no_right_gradient(missing: int, seed: int) -> None:
    for size in (2, 3):
        a = of_rank(size, size - missing, seed)
        report = gd.check("A: Real[n,n]; f = det(A)", {"A": a}, of="f")
        assert report.ok, report
        wrong = exact(a) + 1e-3
        assert not gd.check("A: Real[n,n]; f = det(A)", {"A": a}, gradients={"A": wrong}).ok


def test_a_batch_of_which_one_is_singular() -> None:
    a = np.array([[[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]], [[0.0, 0.0], [0.0, 0.0]]])
    graph = gd.grad(gd.parse("f = sum(w*det(A))", shapes={"A": (3, 2, 2), "w": (3,)}), "f", ["A"])
    found = gd.evaluate(graph, {"A": a, "w": np.array([2.0, 3.0, 5.0])})["f.d_A"]
    right = [weight * exact(matrix) for weight, matrix in zip((2, 3, 5), a, strict=True)]
    assert np.allclose(found, right, rtol=1e-14, atol=1e-14)


def test_compiled_it_is_the_same() -> None:
    graph = gd.grad(gd.parse("f = det(A)", shapes={"A": (2, 2)}))
    for a in ([[1.0, 2.0], [2.0, 4.0]], [[1.0, 2.0], [3.0, 4.0]]):
        found = gd.compile(graph, outputs=["f.d_A"])(A=np.array(a))
        assert np.allclose(np.asarray(found).reshape(2, 2), exact(np.array(a)))


def test_second_derivatives_where_it_is_regular() -> None:
    a = np.array([[1.0, 2.0, 0.5], [3.0, 4.0, -1.0], [0.2, 0.1, 2.0]])
    graph = gd.grad(gd.parse("f = det(A)", shapes={"A": (3, 3)}))
    twice = gd.grad(
        gd.parse("f = det(A)^2 + sum(inv(A))", shapes={"A": (3, 3)}), "f", ["A"]
    )
    assert gd.check(graph, {"A": a}).ok
    assert gd.check(twice, {"A": a}).ok
    hessian = gd.hessian(gd.parse("f = det(A)", shapes={"A": (3, 3)}), of="f", wrt="A")
    found = hessian.evaluate({"A": a})
    step = 1e-5
    for row in range(3):
        for column in range(3):
            moved = np.zeros((3, 3))
            moved[row, column] = step
            numeric = (exact(a + moved) - exact(a - moved)) / (2 * step)
            assert np.allclose(found[row, column], numeric, atol=1e-8)


def test_its_formula_is_the_known_one() -> None:
    found = gd.upstream(gd.parse("f = det(A)", shapes={"A": ("n", "n")}), "A", of="f")
    assert found.text() == "det(A) A⁻ᵀ"
