"""Boxes never overlap, lines never run through them, and each line can be followed."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphdbg.rendering.channels import STRAIGHT, ports, surplus
from graphdbg.rendering.layering import BEND, BOX, SPAN, crossings, rank_boxes
from graphdbg.rendering.layout import Layout, layout
from graphdbg.rendering.placing import isotonic

Graph = tuple[list[tuple[int, int]], list[tuple[int, int]]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Sizes of boxes and edges from earlier to later ones, the same edge twice at times."""
    count = draw(st.integers(1, 24))
    sizes = draw(st.lists(st.tuples(st.integers(1, 30), st.integers(1, 4)),
                          min_size=count, max_size=count))  # fmt: skip
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    found = draw(st.lists(pairs, max_size=50))
    return sizes, [(min(pair), max(pair)) for pair in found if pair[0] != pair[1]]


def made_of(graph: Graph, most: int = 24) -> Layout:
    sizes, edges = graph
    return layout(sizes, edges, lambda others: 4, most=most)


def box_cells(made: Layout) -> dict[tuple[int, int], int]:
    """Which box or stub has which cell; AssertionError where two have the same."""
    cells: dict[tuple[int, int], int] = {}
    skeleton = made.made
    for at, kind in enumerate(skeleton.kinds):
        if kind != BEND:
            for x in range(made.x[at], made.x[at] + skeleton.widths[at]):
                for y in range(made.y[at], made.y[at] + skeleton.heights[at]):
                    assert (x, y) not in cells, f"boxes {cells[x, y]} and {at} overlap"
                    assert 0 <= x < made.width and 0 <= y < made.height
                    cells[x, y] = at
    return cells


def line_cells(made: Layout) -> dict[tuple[int, int], list[tuple[int, str]]]:
    """The cells that vertical and horizontal pieces of nets cover, with net and direction."""
    cells: dict[tuple[int, int], list[tuple[int, str]]] = {}
    skeleton = made.made
    for band in made.bands:
        for net in band.nets:
            foot = made.y[net.cell] + skeleton.heights[net.cell]
            track = band.bottom + net.track
            jog = band.bottom + (band.channel.tracks if band.channel else 0)
            downs: set[tuple[int, int]] = set()
            for entry in net.entries:
                end = made.y[entry.child]
                if net.track == STRAIGHT:
                    downs |= {(net.exit, y) for y in range(foot, end)}
                    continue
                downs |= {(net.exit, y) for y in range(foot, track + 1)}
                middle = end if entry.via == entry.column else jog + 1
                downs |= {(entry.via, y) for y in range(track, middle)}
                downs |= {(entry.column, y) for y in range(middle - 1, end)}
            for x, y in downs:
                cells.setdefault((x, y), []).append((net.cell, "down"))
            first, last = net.span
            if net.track != STRAIGHT:
                for x in range(first, last + 1):
                    cells.setdefault((x, track), []).append((net.cell, "across"))
    return cells


@given(graphs(), st.sampled_from([1, 2, 24]))
@settings(deadline=None, max_examples=200)
def test_boxes_and_lines_keep_apart(graph: Graph, most: int) -> None:
    made = made_of(graph, most)
    boxes, lines = box_cells(made), line_cells(made)
    assert not boxes.keys() & lines.keys()
    for (x, y), pieces in lines.items():
        assert 0 <= x < made.width and 0 <= y < made.height
        assert len({net for net, way in pieces if way == "across"}) <= 1
    for band in made.bands:
        for net in band.nets:
            first, last = ports(made.made, made.x, net.cell)
            assert first <= net.exit <= last
            for entry in net.entries:
                first, last = ports(made.made, made.x, entry.child)
                assert first <= entry.column <= last


@given(graphs())
@example(([(1, 1)] * 4, [(0, 2), (0, 3), (1, 2), (1, 3)]))
@settings(deadline=None, max_examples=200)
def test_lines_that_share_a_column_enter_the_same_box(graph: Graph) -> None:
    made = made_of(graph)
    targets: dict[tuple[int, int], set[int]] = {}
    for band in made.bands:
        for net in band.nets:
            for entry in net.entries:
                for column in (entry.via, entry.column):  # the jog, and below it the entry itself
                    targets.setdefault((net.cell, column), set()).add(entry.child)
    for (x, _), pieces in line_cells(made).items():
        downs = [net for net, way in pieces if way == "down"]
        if len(downs) > 1:
            assert set.intersection(*(targets.get((net, x), set()) for net in downs))


@given(graphs(), st.sampled_from([1, 24]))
@settings(deadline=None, max_examples=200)
def test_each_edge_is_a_line_or_a_stub(graph: Graph, most: int) -> None:
    sizes, edges = graph
    made = made_of(graph, most)
    skeleton = made.made
    drawn = []
    for target in range(len(sizes)):
        for parent in skeleton.parents[target]:
            if skeleton.kinds[parent] in (BOX, BEND):
                drawn.append((skeleton.owner[parent], target))
    stubs = made.stubs()
    ends = {(owner, other) for owner, others in stubs.values() for other in others}
    for edge in set(edges):
        assert drawn.count(edge) in (0, edges.count(edge))
        is_stub = edge in ends and edge[::-1] in ends
        assert (edge in drawn) != is_stub, f"{edge} is drawn {drawn.count(edge)} times"
    assert len(drawn) <= len(edges)
    assert {tuple(sorted(each)) for each in ends} <= set(edges)


@given(graphs())
@settings(deadline=None, max_examples=50)
def test_the_same_graph_gives_the_same_drawing(graph: Graph) -> None:
    first, second = made_of(graph), made_of(graph)
    assert (first.x, first.y, first.bands) == (second.x, second.y, second.bands)


@given(graphs())
@settings(deadline=None, max_examples=100)
def test_edges_point_down(graph: Graph) -> None:
    made = made_of(graph)
    for source, target in graph[1]:
        assert made.y[source] + graph[0][source][1] <= made.y[target]


def test_inputs_stand_next_to_their_first_use() -> None:
    chain = [(0, 1), (1, 2), (2, 3), (4, 3), (5, 1), (5, 3)]
    assert rank_boxes(6, chain) == [0, 1, 2, 3, 2, 0]


def test_a_side_road_is_pulled_down_as_a_whole() -> None:
    """0 → 1 → ... → 5, and 6 → 7 → 5: both of the side road stand just above 5."""
    edges = [(at, at + 1) for at in range(5)] + [(6, 7), (7, 5)]
    assert rank_boxes(8, edges)[6:] == [3, 4]


def test_a_cycle_is_named() -> None:
    with pytest.raises(ValueError, match="2 of 3 boxes lie on a cycle"):
        layout([(4, 1)] * 3, [(0, 1), (1, 2), (2, 1)])


def test_a_long_edge_is_two_stubs() -> None:
    length = SPAN + 2
    made = layout([(6, 1)] * (length + 1), [(at, at + 1) for at in range(length)] + [(0, length)])
    assert sorted(made.stubs().values()) == [(0, (length,)), (length, (0,))]


def test_a_chain_is_one_straight_line() -> None:
    made = layout([(10, 3)] * 50, [(at, at + 1) for at in range(49)])
    assert (made.width, made.height) == (10, 50 * 3 + 49)


def test_a_deep_chain_needs_no_recursion() -> None:
    made = layout([(10, 1)] * 5000, [(at, at + 1) for at in range(4999)])
    assert set(made.x) == {0}


def test_dense_layers_stay_bounded() -> None:
    """Every one of 40 on every one of 40: the channel has some rows, the rest is stubs."""
    edges = [(a, 40 + b) for b in range(40) for a in range(40)]
    made = layout([(6, 1)] * 80, edges, lambda others: 6)
    box_cells(made)
    assert made.height < 60
    assert made.stubs()


def test_a_tree_is_drawn_without_crossings() -> None:
    edges = [(at, (at - 1) // 2) for at in range(1, 31)]
    order = list(range(31))
    random.Random(1).shuffle(order)
    made = layout([(6, 1)] * 31, [(order[a], order[b]) for a, b in edges])
    assert crossings(made.made) == 0


def test_nothing_gives_an_empty_drawing() -> None:
    made = layout([], [])
    assert (made.width, made.height) == (0, 0)


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 5)), min_size=1, max_size=12))
def test_isotonic_regression_is_a_projection(given: Sequence[tuple[int, int]]) -> None:
    """Non-decreasing, and no small move of a block of equal values makes it better."""
    wishes, weights = [pair[0] for pair in given], [pair[1] for pair in given]
    found = isotonic(wishes, weights)
    assert all(a <= b + 1e-9 for a, b in zip(found, found[1:]))
    for level in set(found):
        block = [at for at, value in enumerate(found) if value == level]
        mean = sum(wishes[at] * weights[at] for at in block) / sum(weights[at] for at in block)
        assert level == pytest.approx(mean)


def test_the_longest_nets_are_given_up() -> None:
    assert surplus({1: (0, 9), 2: (1, 3), 3: (2, 4), 4: (5, 8)}, most=2) == [1]
    assert surplus({1: (0, 9), 2: (0, 0)}, most=1) == []


def test_a_long_chain_does_not_drift() -> None:
    """An input at every step, and shared ones whose far uses are stubs: the chain stays upright."""
    steps = 200
    own = [edge for at in range(steps) for edge in ((at, at + 1), (steps + 1 + at, at + 1))]
    shared = [edge for at in range(steps) for edge in ((at, at + 1), (steps + 1 + at % 3, at + 1))]
    for edges in (own, shared):
        count = max(max(edge) for edge in edges) + 1
        made = layout([(16, 3)] * count, edges)
        assert made.width < 16 * 8
