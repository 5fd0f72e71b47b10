"""Jacobians and Hessians: their layout, several names at once, and what is refused."""

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import DifferentiationError


def test_rows_are_outputs_and_columns_are_inputs():
    graph = gd.parse("A: Real[2, 3]; x: Real[3]; y = A @ x")
    point = {"A": np.arange(6.0).reshape(2, 3), "x": np.ones(3)}
    assert np.array_equal(gd.jacobian(graph, of="y", wrt="x").evaluate(point), point["A"])
    by_matrix = gd.jacobian(graph, of="y", wrt="A").evaluate(point)
    assert by_matrix.shape == (2, 2, 3)
    assert np.array_equal(by_matrix, np.einsum("ij,k->ijk", np.eye(2), point["x"]))


def test_the_relu_layer_of_the_lecture_has_a_diagonal_jacobian():
    formula = gd.jacobian(gd.parse("z: Real[3]; h = relu(z)"), of="h", wrt="z")
    assert formula.text() == "diag(1[z > 0])"
    assert np.array_equal(formula.evaluate({"z": [1.0, -2.0, 3.0]}), np.diag([1.0, 0, 1]))


def test_a_hessian_by_several_names_is_one_matrix_of_blocks():
    graph = gd.parse("w: Real[2]; b: Real; f = (w @ w + b)**2")
    formula = gd.hessian(graph, wrt=["w", "b"])
    w, b = np.array([1.0, 2.0]), 3.0
    corner = 8 * np.outer(w, w) + 4 * (w @ w + b) * np.eye(2)
    expected = np.block([[corner, 4 * w[:, None]], [4 * w[None, :], np.array([[2.0]])]])
    assert np.allclose(formula.evaluate({"w": w, "b": b}), expected, rtol=1e-12)
    assert formula.entries().shape == (3, 3) and formula.entries()[2, 2] == 2


def test_what_depends_on_nothing_has_a_zero_jacobian():
    graph = gd.parse("x: Real[3]; y: Real[2]; p = 2*x; q = sum(y)")
    found = gd.jacobian(graph, of="p", wrt="y").evaluate({"x": np.ones(3), "y": np.ones(2)})
    assert np.array_equal(found, np.zeros((3, 2)))


def test_a_jacobian_too_large_to_hold_is_refused():
    graph = gd.parse("X: Real[100, 100]; Y = X @ X")
    message = r"the Jacobian of 'Y' \(100, 100\) by 'X' \(100, 100\) has 100,000,000 entries"
    with pytest.raises(DifferentiationError, match=message):
        gd.jacobian(graph, of="Y", wrt="X")


def test_entries_too_many_to_write_out_are_refused():
    formula = gd.jacobian(gd.parse("X: Real[6, 6]; Y = X @ X"), of="Y", wrt="X")
    assert formula.text() == "I ⊗ Xᵀ + X ⊗ I"
    with pytest.raises(DifferentiationError, match="1296 entries: entries are written out"):
        formula.entries()


def test_a_gradient_of_an_array_names_the_alternatives():
    graph = gd.parse("x: Real[3]; y = 2*x")
    message = r"'y' has shape \(3,\): take sum\(y\) or mean\(y\), one entry such as y\[0\], or ask"
    with pytest.raises(DifferentiationError, match=message):
        gd.grad(graph)
