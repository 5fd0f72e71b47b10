"""Graphs, traces and reports as HTML, for the notebook: plain tables, every label escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from ..evaluator import Array, Trace
from ..graph import Graph
from ..operations import operation
from ..sizes import to_text
from .numbers import array, number

MOST_ROWS = 60  # of a table: about two screens of a notebook
CELL = 'style="text-align:left;font-family:monospace;white-space:pre"'


def graph(found: Graph) -> str:
    """The nodes in tape order: name, operation, shape, pass.

    >>> import graphdbg as gd
    >>> "x + y" in graph(gd.parse("f=(x+y)z"))
    True
    """
    rows = (
        (node.name, operation(found, node.id), to_text(node.shape), node.phase)
        for node in (found.node(at) for at in range(min(len(found), MOST_ROWS)))
    )
    return table(("node", "operation", "shape", "pass"), rows, len(found))


def trace(found: Trace) -> str:
    """The nodes in tape order: name, operation, value; small arrays in full."""
    graph = found.graph
    rows = (
        (graph.names[at], operation(graph, at), _value(found.arrays[at]))
        for at in range(min(len(graph), MOST_ROWS))
    )
    return table(("node", "operation", "value"), rows, len(graph))


def _value(value: Array) -> str:
    return array(value) if np.ndim(value) else number(value)


def text(found: object) -> str:
    """What the object prints, as it stands in a terminal."""
    return f"<pre>{escape(str(found))}</pre>"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], count: int) -> str:
    """An HTML table; a last line says how many of `count` rows were left out."""
    body = "".join(_row("td", row) for row in rows)
    left = f"<p>{count - MOST_ROWS:,} more nodes</p>" if count > MOST_ROWS else ""
    return f"<table><thead>{_row('th', head)}</thead><tbody>{body}</tbody></table>{left}"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag} {CELL}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
