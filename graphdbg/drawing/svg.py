"""What Graphviz writes as SVG, made fit for a page: texts centred, parts named, nothing to click.

Graphviz starts each text of a table where its own font would have it begin; a browser has another
font, so the texts of a wire are centred on it here. Each text of a wire gets a class (name, value,
gradient, shape), each part the title that a pointer shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

SVG, LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"
SMALL = 9.0  # points: names and shapes are no larger, numbers are
PREFIX = f"{{{SVG}}}"
Element = ElementTree.Element


def polished(text: bytes, title: str) -> str:
    """The picture as one `<svg>` element; `title` is its text for those who cannot see it.

    >>> polished(b'<svg xmlns="http://www.w3.org/2000/svg"><g/></svg>', "f = x")
    '<svg xmlns="http://www.w3.org/2000/svg" role="img"><title>f = x</title><g /></svg>'
    """
    ElementTree.register_namespace("", SVG)
    root = ElementTree.fromstring(text)
    for group in root.iter(f"{PREFIX}g"):
        kind = group.get("class", "").split()
        if "node" in kind or "edge" in kind:
            _unwrap(group)
        if "wire" in kind:
            _centre_wire(group)
        elif "op" in kind and "input" not in kind:
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
    line = group.find(f"{PREFIX}polygon")
    if line is None:
        return
    points = list(_points(line))
    middle = sum({x for x, _ in points}) / len({x for x, _ in points})
    height = max(y for _, y in points)
    for text in group.iter(f"{PREFIX}text"):
        above = float(text.get("y", "0")) <= height
        small = float(text.get("font-size", "0")) <= SMALL
        kind = ("name" if small else "value") if above else ("shape" if small else "gradient")
        text.set("class", kind)
        _anchor(text, middle)


def _centre(group: Element) -> None:
    """The text of an operation in the middle of its shape."""
    shape = next((each for each in group if each.tag != f"{PREFIX}title"), None)
    if shape is None:
        return
    xs = [x for x, _ in _points(shape)]
    middle = float(shape.get("cx", "0")) if not xs else (min(xs) + max(xs)) / 2
    for text in group.iter(f"{PREFIX}text"):
        _anchor(text, middle)


def _anchor(text: Element, middle: float) -> None:
    text.set("text-anchor", "middle")
    text.set("x", f"{middle:.2f}".rstrip("0").rstrip("."))


def _points(shape: Element) -> Iterator[tuple[float, float]]:
    """The points of a polygon or a path."""
    found = shape.get("points") or shape.get("d") or ""
    for x, y in re.findall(r"(-?[\d.]+),(-?[\d.]+)", found):
        yield float(x), float(y)
