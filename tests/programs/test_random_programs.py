"""Random programs against graphdbg itself: the compiled function equals the evaluator, the check
passes, the formula of every gradient agrees with it, its code is no false claim, and sizes may be
names."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, note, seed, settings
from hypothesis import strategies as st
from random_programs import program

import graphdbg as gd
from graphdbg.errors import ShapeError, UnknownNameError, UnsupportedError, ValueGivenError
from graphdbg.formulas.formulary import Formulary
from graphdbg.numbers.sampling import sample

SHARDS = 4  # so that several workers can share them; each has its own seed
PROGRAMS = 60  # of one shard
LARGEST = 1e6  # on the tape: the sine of 1e15 has no digits left to compare


@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("what", ["compiled", "checked", "written", "claimed", "named"])
def test_random_programs(what, shard):
    @seed(shard)
    @settings(
        max_examples=PROGRAMS, deadline=None, database=None, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.randoms(use_true_random=False), st.integers(0, 2**32 - 1))
    def test(rnd, number):
        text, shapes = program(rnd)
        note(text)
        graph = gd.grad(gd.parse(text, shapes=shapes), "f", list(shapes))
        try:
            point = sample(graph, seed=number)
        except ValueGivenError:
            assume(False)  # a singular matrix, the length of a zero vector: no derivative anywhere
        if what == "named":
            named(graph, text, shapes, point)
        else:
            CHECKS[what](graph, list(shapes), point)

    test()


def compiled(graph, names, point):
    """The compiled function returns what the evaluator does, to rounding."""
    outputs = ["f", "v", *(f"f.d_{name}" for name in names)]
    trace = gd.evaluate(graph, point)
    largest = max(np.max(np.abs(array), initial=1) for array in map(np.asarray, trace.arrays))
    assume(largest < LARGEST)
    for name, found in zip(outputs, gd.compile(graph, outputs=outputs)(**point)):
        np.testing.assert_allclose(found, trace[name], rtol=1e-10, atol=1e-13 * largest)


def checked(graph, names, point):
    """The numeric check finds nothing."""
    report = gd.check(graph, point)
    assert report.ok, str(report)


def written(graph, names, point):
    """Every gradient has a formula that passed its own check, as text and as LaTeX."""
    book = Formulary(graph)
    for name in names:
        formula = book.formula(f"f.d_{name}")
        assert formula.text() and formula.latex()


def claimed(graph, names, point):
    """A formula's NumPy code, read back as a claim about the program, is never refuted."""
    for name in names:
        code = graph.formulary.formula(f"f.d_{name}").python()
        if re.search(r"\bq\d*\b", code):
            continue  # a nameless part: its number is not the same in the claim's graph
        try:
            verdict = gd.prove(graph, f"df/d{name} = {code}")
        except (UnknownNameError, ShapeError):
            continue  # a name with dots, which NumPy code cannot say; an axis of size 1 too many
        assert verdict.verdict != "refuted", str(verdict)


def named(graph, text, shapes, point):
    """The same program with names for its sizes has the same gradients, and formulas for them."""
    names = {2: "a", 3: "b", 4: "c"}
    sizes = {x: tuple(names.get(dim, dim) for dim in shape) for x, shape in shapes.items()}
    try:
        general = gd.grad(gd.parse(text, shapes=sizes), "f", list(shapes))
        trace = gd.evaluate(general, point)
    except (ShapeError, UnsupportedError, ValueGivenError):
        assume(False)  # the program itself says a number where it would have to say a name
    known = gd.evaluate(graph, point)
    for name in shapes:
        found, right = trace[f"f.d_{name}"], known[f"f.d_{name}"]
        np.testing.assert_allclose(found, right, rtol=1e-9, atol=1e-9)
    written(general, list(shapes), point)


CHECKS = {"compiled": compiled, "checked": checked, "written": written, "claimed": claimed}
