"""Numbers between two ends, and probabilities: declared, drawn, differentiated, saved, proved."""

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import GraphError, ShapeError, SourceError
from graphdbg.numbers.places import Places
from graphdbg.numbers.sampling import sample
from graphdbg.tape.builder import Builder

ENTROPY = "f = sum(-(p*log(p) + (1 - p)*log(1 - p)))"
DECLARED = {
    "Interval[0, 1][n]": (0, 1), "Interval[-2.5, 1e-3]": (-2.5, 1e-3),
    "Interval[-pi, π][2, n]": (-np.pi, np.pi), "Interval[3, 4][3]": (3, 4), "Probability": (0, 1),
}  # fmt: skip


@pytest.mark.parametrize("domain", DECLARED)
def test_every_point_lies_between_the_ends(domain):
    low, high = DECLARED[domain]
    graph = gd.parse(f"x: {domain}\nf = sum(where(x > 0.5, x^2, abs(x)))")
    values = [sample(graph, seed)["x"] for seed in range(20)]
    places = Places(graph, tuple(graph.output_ids))
    for stage in (places.everywhere(), places.around_constants(), places.at_kinks()):
        found = list(stage)
        values += [place.point["x"] for place in found]
        values += [near.point["x"] for place in found[:9] for near in places.nudged(place)]
    flat = np.concatenate([np.ravel(value) for value in values])
    assert np.all((low < flat) & (flat < high))
    third = (high - low) / 3
    assert np.any(flat < low + third) and np.any(flat > high - third)


def test_entries_of_an_interval_are_independent():
    graph = gd.parse("p: Interval[0, 1][n]; f = sum(p)")
    assert not np.isclose(np.sum(sample(graph)["p"]), 1)
    assert gd.prove(graph, "f = 1").verdict == "refuted"
    assert gd.prove("p: Probability[n]; f = sum(p)", "f = 1").verdict == "proved"


@pytest.mark.parametrize("domain", ["Interval[0, 1][4]", "Interval[0, 1]", "Probability"])
def test_its_gradient_is_shown_and_checked_close_to_the_ends(domain):
    graph = gd.parse(f"p: {domain}\n{ENTROPY}")
    assert gd.upstream(graph, "p").text() == "log(1 − p) − log(p)"
    for near in (1e-7, 1 - 1e-7, 0.5):
        assert gd.check(graph, {"p": np.full(graph["p"].shape, near)}).ok


@pytest.mark.parametrize(
    "claim", ["f = p", "f = 1", "df/dp = 2", "f = where(p > 0.9, p, p^2)", "f = p^2*(p < 0.99)"]
)
@pytest.mark.parametrize("domain", ["Probability", "Interval[0, 1]"])
def test_a_single_probability_is_not_always_one(domain, claim):
    assert gd.prove(f"p: {domain}; f = p^2", claim).verdict == "refuted"


def test_what_the_ends_say_is_used_and_no_more():
    assert gd.prove("x: Interval[0, 1]; f = sqrt(x^2)", "f = x").verdict == "proved"
    assert gd.prove("x: Interval[-1, 1]; f = sqrt(x^2)", "f = x").verdict == "refuted"
    assert gd.prove("x: Interval[-1, 1]; f = where(x > 1, 7, x)", "f = x").verdict != "refuted"


@pytest.mark.parametrize("shape, instead", [
    ("n, 1", r"x: Interval\[0, 1\]\[n\]"), ("n, k, 1", r"x: Interval\[0, 1\]\[n, k\]"),
    ("1", r"x: Probability\n"),
])  # fmt: skip
def test_rows_of_one_probability_are_refused(shape, instead):
    with pytest.raises(ShapeError, match=f"each row sums to 1, so of one entry.*{instead}"):
        gd.parse(f"x: Probability[{shape}]; f = sum(x)")
    with pytest.raises(ShapeError, match="each row sums to 1"):
        Builder().input("x", (3, 1), "Probability")


@pytest.mark.parametrize("domain", [
    "Interval", "Interval[n]", "Interval[1, 0]", "Interval[0, 0][3]", "Interval[0, inf]",
    "Interval[0, 1, 2]", "Interval[n, k]", "Interval[0, 1e400]", "Interval[True, 2]",
    "Interval[0:1]",
])  # fmt: skip
def test_an_interval_needs_two_ends(domain):
    with pytest.raises(SourceError, match="an interval is declared by its two ends"):
        gd.parse(f"x: {domain}\nf = sum(x)")


@pytest.mark.parametrize("domain", ["Real[2][3]", "Interval[0, 1][2][3]"])
def test_one_pair_of_brackets_holds_the_shape(domain):
    with pytest.raises(SourceError, match="a shape stands in one pair of square brackets"):
        gd.parse(f"x: {domain}\nf = sum(x)")


def test_files_keep_the_ends_and_are_read_with_care():
    graph = gd.grad(gd.parse("x: Interval[-1, 0.5][n]; f = sum(x^2)"))
    text = graph.to_json()
    assert gd.Graph.from_json(text).to_json() == text
    for wrong in ("Interval", "Interval[0.5, -1]", "Interval[0,1]", "Interval[0, 1][n]", "real"):
        with pytest.raises(GraphError, match="a domain"):
            gd.Graph.from_json(text.replace('"Interval[-1, 0.5]"', f'"{wrong}"'))
    column = gd.parse("x: Real[n, 1]; f = sum(x)").to_json()
    with pytest.raises(GraphError, match="rows of several probabilities"):
        gd.Graph.from_json(column.replace('"Real"', '"Probability"'))


def test_it_is_differentiated_by_as_real_numbers_are():
    assert gd.grad("x: Interval[0, 1]; y: Real; f = x*y").find("f.d_x") is not None
    assert "∈ [−1, 1]^3" in str(gd.derive("x: Interval[-1, 1][3]; f = sum(x^2)"))
