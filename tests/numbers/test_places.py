"""Points that look everywhere: what they reach, and what an input's domain forbids."""

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.numbers.measuring import values_of
from graphdbg.numbers.places import Kink, Places, kinks


def places_of(text, **shapes):
    graph = gd.parse(text, shapes=shapes)
    return Places(graph, graph.output_ids)


def values(places, name, stage="everywhere"):
    return [np.asarray(place.point[name]) for place in getattr(places, stage)()]


def test_all_magnitudes_and_signs_zeros_ones_and_whole_numbers():
    found = np.array([float(x) for x in values(places_of("f = x^2"), "x")])
    sizes = np.abs(found[found != 0])
    assert sizes.min() < 1e-2 and sizes.max() > 300
    assert {0.0, 1.0, -1.0} <= set(found) and np.sum(found == np.round(found)) >= 7
    assert 15 < np.sum(found < 0) < 35


def test_named_sizes_are_small_and_mixed():
    places = places_of("f = sum(x)", x=("n", "k"))
    shapes = {x.shape for x in values(places, "x")}
    assert {(1, 1), (2, 2), (3, 3)} <= shapes and any(n != k for n, k in shapes)
    for n, k in shapes - {(5, 3)}:
        assert {n, k} <= {1, 2, 3, 5}


def test_sizes_keep_every_shape_positive():
    places = places_of("f = sum(x[2:])", x=("n",))
    assert all(x.size > 2 for x in values(places, "x"))


@pytest.mark.parametrize(
    ("declared", "holds"),
    [
        ("Positive[3]", lambda x: np.all(x > 0)),
        ("Probability", lambda x: 0 < x < 1),
        ("Probability[3]", lambda x: np.all(x > 0) and abs(np.sum(x) - 1) < 1e-12),
        ("OneHot[2, 3]", lambda x: np.array_equal(np.sort(x, axis=-1), [[0, 0, 1]] * 2)),
        ("Bool[3]", lambda x: set(x.flat) <= {0.0, 1.0}),
    ],
)
def test_a_domain_is_kept_at_every_point(declared, holds):
    places = places_of(f"x: {declared}; f = sum(x * 10) - 3 > 4")
    found = [x for stage in ("everywhere", "around_constants", "at_kinks")
             for x in values(places, "x", stage)]  # fmt: skip
    assert found and all(holds(x) for x in found)
    assert len({x.tobytes() for x in found}) > 2


def test_labels_index_what_there_is():
    places = places_of("y: Label[4]; x: Real[3]; f = sum(x[y])")
    assert {float(label) for y in values(places, "y") for label in y} == {0.0, 1.0, 2.0}


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("f = where(x > 10, x^2, 7*x)", lambda x: 10 < x < 11.5),
        ("f = where(x < -12345, 1, 0)", lambda x: x < -12345),
        ("f = where(x^2 > 5000, 1, 0)", lambda x: x**2 > 5000),
        ("f = where(exp(x) > 1e5, 1, 0)", lambda x: np.log(1e5) < x < 13),
    ],
)
def test_constants_lead_to_the_regions_that_they_cut_off(text, inside):
    assert any(inside(float(x)) for x in values(places_of(text), "x", "around_constants"))


@pytest.mark.parametrize(
    ("text", "distance"),
    [
        ("f = relu(x^3 - 2*y + 700)", lambda x, y: x**3 - 2 * y + 700),
        ("f = max(sin(x), y)", lambda x, y: np.sin(x) - y),
        ("f = where(exp(x) > y^2 + 3, 1, 0)", lambda x, y: np.exp(x) - y**2 - 3),
        ("f = floor(x*y)", lambda x, y: x * y - np.round(x * y)),
    ],
)
def test_both_sides_of_a_kink_are_reached_near_and_far(text, distance):
    places = places_of(text)
    found = np.array([distance(float(p.point["x"]), float(p.point["y"]))
                      for p in places.at_kinks()])  # fmt: skip
    assert found.size >= 13
    for size in (1e-9, 1e-4, 0.01):
        for sign in (1, -1):
            assert np.any(np.abs(found - sign * size) < 0.2 * size), (size, sign, found)


def test_each_kink_is_found_once():
    graph = gd.grad(gd.parse("f = relu(x)*2 + where(x > y, x, y) + floor(3*x)"))
    order = Places(graph, graph.output_ids).outline.order
    found = kinks(graph, order)
    x, y = graph.id("x"), graph.id("y")
    assert Kink(x, y) in found and Kink(y, x) not in found
    assert sum(kink.steps for kink in found) == 1 and len(found) == len(set(found))


def test_what_depends_on_no_real_input_is_no_kink():
    graph = gd.parse("m: Bool[3]; f = sum(where(m > 0.5, 1, 0)) + 0*x")
    assert kinks(graph, Places(graph, graph.output_ids).outline.order) == []


def test_nudged_points_are_close_and_move_every_real_entry():
    places = places_of("x: Real[3]; m: Bool[3]; f = sum(x*m)")
    place = places.draw(places.real(1.0, 0))
    for near in places.nudged(place):
        moved = np.abs(near.point["x"] - place.point["x"])
        assert np.all(moved > 0) and np.all(moved < 1e-5)
        assert np.array_equal(near.point["m"], place.point["m"])


def test_the_same_seed_gives_the_same_points():
    for stage in ("everywhere", "around_constants", "at_kinks"):
        one, other = (values(places_of("f = max(x, 3*y)"), "x", stage) for _ in range(2))
        assert np.array_equal(one, other) and len(one) > 10


def test_every_point_can_be_evaluated():
    places = places_of("y: Label[4]; f = sum(softmax(X)[y, 0]) + relu(t)", X=("n", "k"), t=())
    for place in [*places.everywhere(), *places.at_kinks()]:
        found = values_of(places.graph, places.outline.order, place.point, place.dims)
        assert found[places.graph.output_ids[0]].shape == ()
