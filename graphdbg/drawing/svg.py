"""What Graphviz writes as SVG, made fit for a page: texts centred, parts named, nothing to click.

Graphviz starts each text of a table where its own font would have it begin; a browser has another
font, so the texts of a wire are centred on it here. Each text of a wire gets a class (name, value,
gradient, shape), each part the title that a pointer shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from .wires import CLEAR, SMALL

SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
NEAR = 3.0  # points between the name of an input and its line
PREFIX = f"{{{SVG}}}"
Element = ElementTree.Element


def polished(text: bytes, title: str) -> str:
    """The picture as one `<svg>` element; `title` is its text for those who cannot see it.

    >>> polished(b'<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>', "f = x")
    '<svg xmlns="http://www.w3.org/2000/svg" role="img"><title>f = x</title><g /></svg>'
    """
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(text)
    starts = _starts(root)
    for group in root.iter(f"{PREFIX}g"):
        kind = group.get("class", "").split()
        if "node" in kind or "edge" in kind:
            _unwrap(group)
        if "wire" in kind:
            _centre_wire(group)
        elif "input" in kind:
            _end_at(group, starts.get(group.get("id", "").rpartition("-")[2]))
        elif "op" in kind:
            _centre(group)
    root.set("role", "img")
    for old in root.findall(f"{PREFIX}g[@class='graph']/{PREFIX}title"):
        old.text = ""
    said = ElementTree.Element(f"{PREFIX}title")
    said.text = title
    root.insert(0, said)
    return ElementTree.tostring(root, encoding="unicode")


def _unwrap(group: Element) -> None:
    """Take what stands in a link without a target out of it; its title becomes the part's own."""
    title = group.find(f"{PREFIX}title")
    for child in list(group):
        link = child.find(f"{PREFIX}a")
        if link is None:
            continue
        at = list(group).index(child)
        group.remove(child)
        for offset, inner in enumerate(list(link)):
            group.insert(at + offset, inner)
        if title is not None:
            title.text = link.get(f"{{{LINK}}}title", "")
    if title is not None and "->" in (title.text or ""):
        group.remove(title)  # Graphviz' own name of an edge tells a reader nothing


def _centre_wire(group: Element) -> None:
    """The texts of a wire: in its middle, or beside it where it runs down."""
    line = group.find(f"{PREFIX}polygon")
    if line is None:
        return
    xs, ys = (sorted(each) for each in zip(*_points(line)))
    middle, height = (xs[0] + xs[-1]) / 2, ys[-1]
    down = ys[-1] - ys[0] > xs[-1] - xs[0]
    for text in group.iter(f"{PREFIX}text"):
        x, y = (float(text.get(each, "0")) for each in "xy")
        first = x < middle if down else y <= height
        small = float(text.get("font-size", "0")) <= SMALL
        kind = ("name" if small else "value") if first else ("shape" if small else "gradient")
        text.set("class", kind)
        if not down:
            _anchor(text, middle)
        elif first:
            _anchor(text, xs[0] - CLEAR, "end")


def _starts(root: Element) -> dict[str, tuple[float, float]]:
    """Where the line out of each node begins and ends across, by the node's number."""
    found = {}
    for group in root.iter(f"{PREFIX}g"):
        name, _, node = group.get("id", "").rpartition("-")
        path = group.find(f"{PREFIX}path")
        if name.endswith("out") and path is not None:
            xs = [x for x, _ in _points(path)]
            found[node] = xs[0], xs[-1]
    return found


def _end_at(group: Element, line: tuple[float, float] | None) -> None:
    """The name of an input before its line, or in the middle above it where it runs down."""
    if line is None:
        return
    begin, end = line
    for text in group.iter(f"{PREFIX}text"):
        if end - begin > 1:
            _anchor(text, begin - NEAR, "end")
        else:
            _anchor(text, begin)


def _centre(group: Element) -> None:
    """The text of an operation in the middle of its shape."""
    shape = next((each for each in group if each.tag != f"{PREFIX}title"), None)
    if shape is None:
        return
    xs = [x for x, _ in _points(shape)]
    middle = float(shape.get("cx", "0")) if not xs else (min(xs) + max(xs)) / 2
    for text in group.iter(f"{PREFIX}text"):
        _anchor(text, middle)


def _anchor(text: Element, x: float, anchor: str = "middle") -> None:
    text.set("text-anchor", anchor)
    text.set("x", f"{x:.2f}".rstrip("0").rstrip("."))


def _points(shape: Element) -> Iterator[tuple[float, float]]:
    """The points of a polygon or a path."""
    found = shape.get("points") or shape.get("d") or ""
    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", found):
        yield float(x), float(y)
