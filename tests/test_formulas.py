"""Formulas: the texts that are promised, their LaTeX, NumPy and SymPy forms, and the stamp that
withholds a wrong one."""

import pytest

import graphdbg as gd


def gradient(text, wrt, of="f", **shapes):
    """The formula of a gradient."""
    graph = gd.parse(text, shapes=shapes)
    return gd.upstream(graph, wrt, of=of)


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
