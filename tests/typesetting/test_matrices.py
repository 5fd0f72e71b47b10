"""Matrix notation says what index notation says: random networks against einsum, by numbers."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, event, given, settings
from hypothesis import strategies as st
from notation_oracle import (
    D,
    N,
    deep_world,
    poly_value,
    random_factor,
    random_poly,
    random_term,
    standard_world,
    tree_value,
)
from unicode_reader import same_shape, text_value

from graphdbg.symbolic.terms import ZERO, Poly, add, constant, multiply
from graphdbg.tape.sizes import Dim
from graphdbg.typesetting import matrices, typeset
from graphdbg.typesetting.indexed import index_notation
from graphdbg.typesetting.trees import Entries, Slices, Tree

WORLD = standard_world()
FREES = (
    (), (("i", N),), (("i", D),), (("i", N), ("j", D)), (("i", D), ("j", N)), (("i", D), ("j", D)),
)  # fmt: skip
MANY = settings(max_examples=150, deadline=None, derandomize=True, phases=[Phase.generate])
SEEDS = st.integers(0, 2**32)


def question(seed: int, frees: Any = FREES) -> tuple[Poly, tuple[str, ...], dict[str, Dim]]:
    """A random polynomial, its free indices and their sizes."""
    random = Random(seed)
    free = random.choice(frees)
    poly = random_poly(random, WORLD, free)
    return poly, tuple(name for name, _ in free), dict(free)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Random functions of functions overflow now and then; such points are passed over."""
    with np.errstate(all="ignore"):
        yield


def compare(found: Any, expected: Any, text: str) -> None:
    assume(np.all(np.abs(expected) < 1e12))
    assert np.shape(found) == np.shape(expected), text
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8, err_msg=text)


@MANY
@given(SEEDS)
def test_a_tree_has_the_value_of_its_polynomial(seed: int) -> None:
    poly, free, dims = question(seed)
    tree = matrices.from_poly(poly, free, dims, WORLD.lookup)
    event(matrices.notation_of(tree))
    expected = poly_value(poly, free, dims, WORLD)
    compare(tree_value(tree, WORLD.environment()), expected, typeset.text(tree))


@MANY
@given(SEEDS)
def test_the_numpy_code_has_the_value_of_the_polynomial(seed: int) -> None:
    poly, free, dims = question(seed)
    code = typeset.python(matrices.from_poly(poly, free, dims, WORLD.lookup))
    namespace = {"np": np, **WORLD.environment()}
    found = eval(code, namespace)  # noqa: S307
    compare(found, poly_value(poly, free, dims, WORLD), code)


@MANY
@given(SEEDS)
def test_the_unicode_text_reads_as_the_polynomial(seed: int) -> None:
    poly, free, dims = question(seed)
    tree = matrices.from_poly(poly, free, dims, WORLD.lookup)
    assume(matrices.notation_of(tree) == "matrix")
    reading(tree, poly_value(poly, free, dims, WORLD))


def reading(tree: Tree, expected: Any) -> None:
    value, text = text_value(tree, WORLD)
    compare(same_shape(value, tree), expected, text)


@MANY
@given(SEEDS)
def test_index_notation_has_the_value_of_its_polynomial(seed: int) -> None:
    poly, free, dims = question(seed, (*FREES, (("i", N), ("j", D), ("k", N))))
    tree = index_notation(poly, free, dims, WORLD.lookup)
    expected = poly_value(poly, free, dims, WORLD)
    code = typeset.python(tree)
    compare(eval(code, {"np": np, **WORLD.environment()}), expected, code)  # noqa: S307
    if poly.cost() < 12:  # the loops over all entries are slow
        compare(tree_value(tree, WORLD.environment()), expected, typeset.text(tree))


DEEP = deep_world()
DEEP_FREES = (
    (), (("i", N),), (("i", N), ("j", D)), (("i", D), ("j", D)),
    (("i", N), ("j", D), ("k", D)), (("i", N), ("j", D), ("k", N)),
)  # fmt: skip


@MANY
@given(SEEDS)
def test_slices_have_the_value_of_the_polynomial(seed: int) -> None:
    random = Random(seed)
    free = random.choice(DEEP_FREES)
    poly, dims = random_poly(random, DEEP, free, 1), dict(free)
    tree = matrices.from_poly(poly, tuple(dims), dims, DEEP.lookup, rows=min(1, len(free) % 3))
    event(type(tree).__name__ if isinstance(tree, Entries | Slices) else "matrix")
    expected = poly_value(poly, tuple(dims), dims, DEEP)
    code = typeset.python(tree)
    compare(eval(code, {"np": np, **DEEP.environment()}), expected, code)  # noqa: S307
    if not isinstance(tree, Entries):  # the loops over all entries are slow, and tested above
        compare(tree_value(tree, DEEP.environment()), expected, typeset.text(tree))


JACOBIANS = (
    ((("i", N), ("j", D), ("k", D)), 1), ((("i", N), ("j", D), ("k", D)), 2),
    ((("i", N), ("j", D), ("k", N), ("l", D)), 2), ((("i", D), ("j", D), ("k", D), ("l", D)), 2),
)  # fmt: skip


@MANY
@given(SEEDS)
def test_a_jacobian_acts_on_row_major_vecs(seed: int) -> None:
    random = Random(seed)
    given_free, rows = random.choice(JACOBIANS)
    dims = dict(given_free)
    free = tuple(dims)
    poly = jacobian_poly(random, given_free, rows)
    tree = matrices.from_poly(poly, free, dims, WORLD.lookup, rows=rows)
    event(matrices.notation_of(tree))
    expected = poly_value(poly, free, dims, WORLD)
    if not isinstance(tree, Entries | Slices):
        height = int(np.prod(expected.shape[:rows]))
        expected = expected.reshape(height, -1)
    compare(tree_value(tree, WORLD.environment()), expected, typeset.text(tree))
    code = typeset.python(tree)
    compare(eval(code, {"np": np, **WORLD.environment()}), expected, code)  # noqa: S307


def jacobian_poly(random: Random, free: Any, rows: int) -> Poly:
    """Mostly terms that fall apart into a part for each pair of an output and an input axis."""
    poly = ZERO
    for _ in range(random.choice((1, 1, 2))):
        term = constant(random.choice((1, -1, 2)))
        for out, into in zip(free[:rows], free[rows:]):
            if out[1] == into[1] and random.random() < 0.4:
                term = multiply(term, WORLD.algebra.delta(out[0], into[0]))
            else:
                term = multiply(term, random_term(random, WORLD, (out, into), 0))
        if random.random() < 0.4:
            term = multiply(term, random_factor(random, WORLD, free, 1))
        poly = add(poly, term)
    return poly
