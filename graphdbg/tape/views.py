"""The graph as a `networkx.MultiDiGraph`, made in bulk when someone asks for it.

Edges are keyed by argument slot: a DiGraph would silently merge the two edges of `x*x`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import lazy
from .graph import NONE, PHASES, Graph
from .naming import describe
from .sizes import to_text

if TYPE_CHECKING:
    import networkx


def to_networkx(graph: Graph) -> networkx.MultiDiGraph:
    """Nodes by name in tape order, every attribute plain text or a number."""
    view = lazy.networkx().MultiDiGraph()
    names, users = graph.names, graph.args
    view.add_nodes_from((names[at], _attributes(graph, at)) for at in range(len(graph)))
    view.add_edges_from(
        (names[arg], names[at], slot, {"slot": slot})
        for at, args in enumerate(users)
        for slot, arg in enumerate(args)
    )
    return view


def _attributes(graph: Graph, at: int) -> dict[str, str | int]:
    op, span = graph.ops[at], graph.spans[at]
    frame, origin = graph.frames[at], graph.origins[at]
    return {
        "position": at,
        "op": type(op).__name__,
        "function": describe(op, ()),
        "shape": to_text(graph.shapes[at]),
        "phase": PHASES[graph.phases[at]],
        "line": span.line if span else 0,
        "column": span.column if span else 0,
        "text": span.text if span else "",
        "frame": graph.calls[frame].label if frame != NONE else "",
        "origin": graph.names[origin] if origin != NONE else "",
    }
