"""`Layout`, where Graphviz put the parts of a circuit, so that they can be drawn there again."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

ARROW = 5.0  # points: the length of an arrow of size 0.5
Box = tuple[float, float, float, float]  # left, bottom, right, top, in points


@dataclass(frozen=True, slots=True)
class Layout:
    """Positions in points as Graphviz writes them: of nodes and edges, boxes of calls, the whole.

    Nodes are known by their DOT names, edges by their ids, calls by their index.
    """

    box: Box
    nodes: dict[str, str]
    edges: dict[str, str]
    edge_labels: dict[str, str]
    calls: dict[int, Box]


def read(text: str) -> Layout:
    """The layout in what Graphviz prints as `json0`."""
    found = json.loads(text, strict=False)
    objects = found.get("objects", ())
    edges = found.get("edges", ())
    calls = {
        int(each["name"].removeprefix("cluster_")): _box(each["bb"])
        for each in objects
        if "bb" in each and each["name"].startswith("cluster_")
    }
    return Layout(
        _box(found["bb"]),
        {each["name"]: each["pos"] for each in objects if "pos" in each},
        {each["id"]: each["pos"] for each in edges if "pos" in each},
        {each["id"]: each["lp"] for each in edges if "lp" in each},
        calls,
    )


def turned(pos: str) -> str:
    """The spline of an edge with its arrow at the tail: `e,tip` becomes `s,tip`.

    >>> turned("e,30,0 10,0 15,0 20,0 25,0")
    's,10,0 15,0 15,0 20,0 30,0'
    """
    tip, *points = pos.split()
    if not tip.startswith("e,") or len(points) < 2:
        return pos
    (x, y), (to_x, to_y) = (tuple(map(float, each.split(","))) for each in points[:2])
    far = math.hypot(to_x - x, to_y - y) or 1.0
    start = f"{x + ARROW * (to_x - x) / far:g},{y + ARROW * (to_y - y) / far:g}"
    return " ".join([f"s,{points[0]}", start, *points[1:-1], tip.removeprefix("e,")])


def _box(text: Any) -> Box:
    left, bottom, right, top = (float(each) for each in text.split(","))
    return left, bottom, right, top
