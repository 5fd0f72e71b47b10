"""Edges of domains, kinks and jumps: no right rule is accused, and no wrong one is called right.

The derivatives come from mpmath, to one side where the other has no values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mpmath
import numpy as np
import pytest

import graphdbg as gd
from graphdbg.checking.differences import aitken
from graphdbg.tape import algebra
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph

Real = Callable[[Any], Any]

POWERS = (1, 1.25, 1.5, 2, 2.5, 3, 4.5)
SMOOTH: list[tuple[str, float, Real]] = [
    *((f"f = x**{n}", 0.0, lambda x, n=n: x**n) for n in POWERS),
    *((f"f = 3*x**{n} + 2", 0.0, lambda x, n=n: 3 * x**n + 2) for n in POWERS),
    ("f = x**0", 0.0, lambda x: mpmath.mpf(1)),
    ("f = (1 - x)**1.5", 1.0, lambda x: (1 - x) ** 1.5),
    ("f = 5 - (2 - x)**2.5 + x", 2.0, lambda x: 5 - (2 - x) ** 2.5 + x),
    ("f = x**3", -2.0, lambda x: x**3),
    ("f = x**(10**9)", 1.0, lambda x: x ** (10**9)),
    ("f = x**(10**6)", 1.000001, lambda x: x ** (10**6)),
    ("f = exp(700*x)", 1.0, lambda x: mpmath.exp(700 * x)),
    ("f = sqrt(x)", 1e-12, mpmath.sqrt),
    ("f = log(x)", 1e-9, mpmath.log),
    ("f = x*abs(x)", 0.0, lambda x: x * abs(x)),
]
IDS = [f"{text} at {at:g}" for text, at, _ in SMOOTH]


def slope(function: Real, at: float) -> float:
    """The derivative at a point, from the side on which there are real values."""
    with mpmath.workdps(300):
        x, h = mpmath.mpf(at), mpmath.mpf(10) ** -250
        sides = []
        for sign in (1, -1):
            rise = (function(x + sign * h) - function(x)) / (sign * h)
            if not isinstance(rise, mpmath.mpc):
                sides.append(float(rise))
        assert max(sides) - min(sides) <= 1e-9 * max(1, *map(abs, sides))
        return sides[0] if abs(sides[0]) > 1e-40 else 0.0


@pytest.mark.parametrize(("text", "at", "function"), SMOOTH, ids=IDS)
def test_a_right_rule_is_not_accused(text: str, at: float, function: Real) -> None:
    report = gd.check(text, {"x": at})
    assert report.ok, report
    (row,) = report.rows
    want = slope(function, at)
    assert row.analytic == pytest.approx(want, rel=1e-9, abs=1e-12)
    assert row.numeric == pytest.approx(want, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("text", "at", "function"), SMOOTH, ids=IDS)
@pytest.mark.parametrize("share", [-0.5, 1e-3, 1.0])
def test_a_wrong_gradient_is_not_called_right(
    text: str, at: float, function: Real, share: float
) -> None:
    """It is off by a share of the slope, or by that share where the slope is 0."""
    right = slope(function, at)
    off = share * (right if right else 1.0)
    assert not gd.check(text, {"x": at}, gradients={"x": right + off}).given[0].ok
    rows = gd.check(spoiled(gd.grad(gd.parse(text), "f", ["x"]), off), {"x": at}).rows
    assert not rows[0].ok, rows


def spoiled(graph: Graph, off: float) -> Graph:
    """The graph with a number added to the gradient by its input."""
    b, backward = Builder.of(graph), graph.passes[-1]
    source = backward.wrt[0]
    moved = algebra.apply(b, "add", backward.upstream[source], b.const(off))
    upstream = {**backward.upstream, source: moved}
    b.passes = (replace(backward, upstream=upstream),)
    return b.build({"f": backward.of, "moved": moved})


# ------------------------------------------------------------------ jumps and kinks


JUMPS = ("f = floor(x)", "f = 3*floor(x) + 1", "f = sign(x - 1) + 2", "f = (x > 1)*3 + 2*x")


@pytest.mark.parametrize("text", JUMPS)
@pytest.mark.parametrize("off", [0.0, 1e-3, 5.0, -5.0])
def test_at_a_jump_the_slopes_beside_it_decide(text: str, off: float) -> None:
    graph = spoiled(gd.grad(gd.parse(text), "f", ["x"]), off) if off else gd.parse(text)
    report = gd.check(graph, {"x": 1.0})
    assert report.ok is (not off), report
    assert report.rows[0].verdict == ("jump" if off else "kink")
    assert off or report.rows[0].numeric == (2.0 if "2*x" in text else 0.0)
    assert report.kinks


KINKED = {
    "f = abs(x)": (0, 1), "f = relu(x)": (0, 1), "f = max([x, 0])": (0, 1),
    "f = norm([x, 0*y + 3])": (0, 0), "f = prod([x, x + y, 0])": (0, 0),
    "f = where(x > 0, 2*x, x)": (1, 2), "f = min([x, 2*x])": (1, 2),
}  # fmt: skip


@pytest.mark.parametrize("text", KINKED)
def test_at_a_kink_the_gradient_lies_between_the_slopes(text: str) -> None:
    low, high = KINKED[text]
    low = -1 if "abs" in text else low
    at = {"x": 0.0, "y": 2.0} if "y" in text else {"x": 0.0}
    report = gd.check(text, at, wrt=["x"])
    assert report.ok, report
    assert low <= report.rows[0].analytic <= high
    graph = spoiled(gd.grad(gd.parse(text), "f", ["x"]), 3.5)
    assert not gd.check(graph, at).rows[0].ok


def test_what_has_no_slope_is_not_called_right() -> None:
    for text in ("f = 0**x", "f = 3*0**x"):
        report = gd.check(text, {"x": 0.0})
        assert report.rows[0].verdict == "jump"
        assert not report.ok


def test_aitken_refuses_what_does_not_settle() -> None:
    steps = 0.25 ** np.arange(12.0)[:, None]
    limit, error = aitken(np.log(steps), 1e-16 / steps)
    assert not error[0] < 1e-3 or np.isnan(limit[0])
