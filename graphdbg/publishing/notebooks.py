"""What objects show in a notebook, as MIME bundles: pictures as SVG, tables as HTML, formulas.

A notebook takes the richest form that it knows: HTML with the picture inside, else the SVG alone,
else text. Without Graphviz the tables remain. Every label is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from ..checking.verdicts import Report
from ..drawing.pictures import Studio
from ..errors import DrawingError
from ..formulas.formulary import Formula
from ..numbers.evaluator import Array, Trace
from ..pages import page
from ..rendering.numbers import array, number
from ..source import shown
from ..stepping.session import Session
from ..tape.graph import Graph
from ..tape.operations import operation
from ..tape.sizes import to_text

Bundle = dict[str, str]  # the text of each MIME type
MOST_ROWS = 60  # of a table: about two screens of a notebook
MOST_DRAWN = 200  # nodes of a picture; beyond, it is wider than anybody scrolls
CELL = 'style="text-align:left;font-family:monospace;white-space:pre"'
SCROLL = 'style="overflow-x:auto;background:#fff;padding:4px;border-radius:4px"'
HEAD = ("of", "by", "worst", "analytic", "numeric", "error", "verdict")


def graph(found: Graph) -> Bundle:
    """The circuit, and its nodes in tape order: name, operation, shape, pass.

    >>> import graphdbg as gd
    >>> "x + y" in graph(gd.parse("f=(x+y)z"))["text/html"]
    True
    """
    nodes = (found.node(at) for at in range(min(len(found), MOST_ROWS)))
    rows = (
        (node.name, operation(found, node.id), to_text(node.shape), node.phase) for node in nodes
    )
    shown = table(("node", "operation", "shape", "pass"), rows, len(found))
    return _with_picture(repr(found), found, None, shown)


def trace(found: Trace) -> Bundle:
    """The circuit with its numbers, and the nodes in tape order: name, operation, value."""
    made = found.graph
    rows = (
        (made.names[at], operation(made, at), _value(found.arrays[at]))
        for at in range(min(len(made), MOST_ROWS))
    )
    shown = table(("node", "operation", "value"), rows, len(made))
    return _with_picture(repr(found), made, found, shown)


def session(found: Session) -> Bundle:
    """The page that steps through the session, in a frame; text where there is no Graphviz."""
    try:
        return {"text/plain": repr(found), "text/html": page.frame(page.html(found))}
    except DrawingError as error:
        return {"text/plain": f"{found!r}: {error.message}"}


def report(found: Report) -> Bundle:
    """The table of a check, and below it what is wrong or peculiar."""
    rows = [
        (row.of, row.wrt, str(list(row.entry)) if row.entry else "", f"{row.analytic:.9g}",
         f"{row.numeric:.9g}", f"{row.error:.0e}", f"{'✓' if row.ok else '✗'} {row.verdict}")
        for row in found.rows[:MOST_ROWS]
    ]  # fmt: skip
    lines = str(found).split("\n")
    said = [lines[0], *lines[1 + (len(found.rows) + 1 if found.rows else 0) :]]
    return {
        "text/plain": str(found),
        "text/html": table(HEAD, rows, len(found.rows)) + _pre("\n".join(said)),
    }


def formula(found: Formula) -> Bundle:
    """The formula as LaTeX and as MathML, with what it assumes and how it was checked."""
    notes = [*found.assumptions, str(found.stamp)]
    parts = [f"{name} = {text}" for name, text in found.definitions.items()]
    said = "".join(f"<div {CELL}>{_escaped(line)}</div>" for line in [*parts, *notes])
    return {
        "text/plain": str(found),
        "text/latex": f"$\\displaystyle {found.latex()}$",
        "text/html": f"<div>{_escaped(found.title)} = {found.mathml()}</div><small>{said}</small>",
    }


def text(found: object) -> Bundle:
    """What the object prints, as it stands in a terminal."""
    return {"text/plain": str(found), "text/html": _pre(str(found))}


def _with_picture(plain: str, found: Graph, values: Trace | None, shown: str) -> Bundle:
    """The bundle with the picture where there is one, and the table folded below it."""
    picture = _picture(found, values)
    if picture is None:
        return {"text/plain": plain, "text/html": shown}
    folded = f"<details><summary>{len(found):,} nodes</summary>{shown}</details>"
    return {
        "text/plain": plain,
        "image/svg+xml": picture,
        "text/html": f"<div {SCROLL}>{picture}</div>{folded}",
    }


def _picture(found: Graph, values: Trace | None) -> str | None:
    """The circuit as SVG; None for one that is large or empty, or where there is no Graphviz."""
    if not found.input_ids or len(found) > 4 * MOST_DRAWN:
        return None
    studio = Studio(found, values)
    if len(studio.circuit.nodes) > MOST_DRAWN:
        return None
    try:
        return studio.picture("svg").decode("utf-8")
    except DrawingError:
        return None


def _value(value: Array) -> str:
    return array(value) if np.ndim(value) else number(value)


def _pre(text: str) -> str:
    return f"<pre>{_escaped(text)}</pre>"


def _escaped(text: str) -> str:
    """A text for the inside of HTML, each character shown."""
    return escape(shown(text, lines=True))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], count: int) -> str:
    """An HTML table; a last line says how many of `count` rows were left out."""
    body = "".join(_row("td", row) for row in rows)
    left = f"<p>{count - MOST_ROWS:,} more nodes</p>" if count > MOST_ROWS else ""
    return f"<table><thead>{_row('th', head)}</thead><tbody>{body}</tbody></table>{left}"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag} {CELL}>{_escaped(cell)}</{tag}>" for cell in cells) + "</tr>"
