"""What depends on the number of a named size is not decided while reading, as if it were known."""

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import SourceError

PROGRAM = "X: Real[n, d]; w: Real[d]; L = sum(X @ w)"
UNKNOWN = (
    "n != 1", "1 != n", "n == 1", "n == d", "n != d", "n is 1", "n is not d", "n == 2.0",
    "n*d != 6", "n == n*d", "2 < 3 != n", "n == n == 1", "n in (1, 2)", "n not in [d]",
    "n in range(3)", "X.shape == (d, n)", "X.shape != (1, d)", "(n, (1, d)) == (n, (1, n))",
    "X.shape[0] != 1", "n > 1", "1 < n < 3", "not n", "n and 1", "0 or n", "len(X) == 5",
)  # fmt: skip
KNOWN = {
    "n == n": 1, "n != n": 0, "n == n + 1": 0, "n*d == d*n": 1, "X.shape == (n, d)": 1,
    "X.shape != (n,)": 1, "n is None": 0, "n == 'n'": 0, "n in (d, n)": 1, "(1, n) == (2, n)": 0,
    "(n, 1) == (d, 2)": 0, "2 < 1 < n": 0, "n - n == 0": 1, "X.T.shape == (d, n)": 1,
}  # fmt: skip


@pytest.mark.parametrize("condition", UNKNOWN)
@pytest.mark.parametrize("place", ["L*({})", "where({}, L, 2)", "L if {} else 2"])
def test_it_is_refused_in_programs_and_claims(condition, place):
    text = place.format(condition)
    with pytest.raises(SourceError, match="has no number yet|is not known while reading"):
        gd.parse(f"{PROGRAM}\nf = {text}")
    with pytest.raises(SourceError, match="has no number yet|is not known while reading"):
        gd.prove(PROGRAM, f"L = {text}")


@pytest.mark.parametrize("condition", [*UNKNOWN, "n - 1"])
def test_it_is_refused_in_statements(condition):
    with pytest.raises(SourceError, match="has no number yet|is not known while reading"):
        gd.parse(f"{PROGRAM}\nif {condition}:\n    f = L\nelse:\n    f = 2*L")


@pytest.mark.parametrize("condition", KNOWN)
def test_what_holds_for_every_number_is_decided(condition):
    graph = gd.parse(f"{PROGRAM}\nf = L if {condition} else 2*L")
    at = {"X": np.ones((3, 2)), "w": np.ones(2)}
    assert float(gd.evaluate(graph, at)["f"]) == (6 if KNOWN[condition] else 12)


def test_whole_numbers_are_compared_as_ever():
    assert float(gd.evaluate(gd.parse("x: Real[3]; f = 2*x[0] if x.size != 1 else x[0]"),
                             {"x": np.ones(3)})["f"]) == 2  # fmt: skip
