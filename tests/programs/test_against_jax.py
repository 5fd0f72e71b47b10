"""Random programs against an independent autodiff: JAX reads the same text, as Python with
`jax.numpy` for `np`, and differentiates it.

A failure shows its program and point's number; it is not shrunk, which would take minutes.
Values and all first-order gradients of every program, Hessian-vector products of one in four,
Jacobians of one in four. The generated texts are evaluated by Python: they are the test's own.
"""

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, seed, settings
from hypothesis import strategies as st
from random_programs import program

import graphdbg as gd
from graphdbg.calculus.jacobians import hessian_graph, jacobian_graph
from graphdbg.errors import ValueGivenError
from graphdbg.numbers.sampling import sample

jax_oracle = pytest.importorskip("jax_oracle")  # skipped where JAX is not installed
pytestmark = pytest.mark.oracle

SHARDS = 8  # so that several workers can share them; each has its own seed
PROGRAMS = 256  # of one shard: 2,048 in all
RELATIVE = 1e-9
LARGEST = 1e6  # on the tape: the sine of 1e15 has no digits left to compare
FLOOR = 1e-12  # times the largest value on the tape: what rounding may leave of an exact zero


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_programs(shard):
    @seed(shard)
    @settings(
        max_examples=PROGRAMS, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.randoms(use_true_random=False), st.integers(0, 2**32 - 1))
    def check(rnd, number):
        compare(*program(rnd), number)

    check()


def compare(text, shapes, number):
    """One program: the first order, and by `number` the second order or a Jacobian."""
    note(text)
    graph = gd.parse(text, shapes=shapes)
    backward = gd.grad(graph, "f", list(shapes))
    try:
        point = sample(backward, seed=number)
    except ValueGivenError:
        assume(False)  # a singular matrix, the length of a zero vector: no derivative anywhere
    trace = gd.evaluate(backward, point)
    largest = max(np.max(np.abs(array), initial=1) for array in map(np.asarray, trace.arrays))
    assume(largest < LARGEST)
    floor = FLOOR * largest
    oracle = jax_oracle.Program(text, point)
    value, gradients = oracle.gradients()
    assert_same(trace["f"], value, floor, "f")
    for name in shapes:
        assert_same(trace[f"f.d_{name}"], gradients[name], floor, f"df/d{name}")
    name = list(shapes)[number % len(shapes)]
    if number % 4 == 0:
        direction = np.random.default_rng(number).normal(size=shapes[name])
        matrix = gd.evaluate(hessian_graph(graph, "f", [name]), point)[f"f.H_{name}"]
        product = np.tensordot(matrix, direction, axes=direction.ndim)
        assert_same(product, oracle.hessian_product(name, direction), floor, f"Hessian by {name}")
    if number % 4 == 1:
        matrix = gd.evaluate(jacobian_graph(graph, "v", name), point)[f"v.J_{name}"]
        assert_same(matrix, oracle.jacobian(name), floor, f"dv/d{name}")


def assert_same(found, known, floor, what):
    """Equal to 1e-9 of the largest entry."""
    found, known = np.asarray(found), np.asarray(known)
    size = np.max(np.abs(known), initial=0)
    np.testing.assert_allclose(found, known, rtol=0, atol=RELATIVE * size + floor, err_msg=what)
