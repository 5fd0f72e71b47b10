"""`Circuit`, which part of a graph a picture shows: folded calls, a neighbourhood, what fits.

Graphviz' `dot` draws up to about 1,000 nodes in a few seconds and far more not at all, and nobody
reads them. So a larger graph folds its calls, the inmost first; what is still too large is cut to
what lies nearest to the result. The picture says what it left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..errors import GraphError, UnknownNameError
from ..rendering.folding import View
from ..tape.graph import NONE, Graph, suggestion

MOST_SHOWN = 1_100  # nodes that `dot` lays out in about 3 s, wires and operations apart
Edge = tuple[int, int, int]  # operand, consumer, slot


@dataclass(frozen=True, slots=True)
class Choice:
    """What to draw: calls to fold (by function or label), open depth, a neighbourhood, all of it.

    `around` is a node and the number of steps from it. `everything` draws whatever there is.
    """

    fold: tuple[str, ...] = ()
    depth: int | None = None
    around: tuple[str, int] | None = None
    everything: bool = False


@dataclass(frozen=True, eq=False)
class Circuit:
    """The nodes and edges of a picture, and in `notes` what it left out.

    `hidden_in` and `hidden_out` count, for a shown node, the edges to nodes that are not shown.
    """

    graph: Graph
    view: View
    nodes: tuple[int, ...]
    edges: tuple[Edge, ...]
    hidden_in: dict[int, int]
    hidden_out: dict[int, int]
    notes: tuple[str, ...] = ()

    def place(self, node: int) -> int | None:
        """The shown node that stands for a node of either pass, None where none does."""
        graph = self.graph
        if node != NONE and graph.phases[node]:
            owners = (y for each in graph.passes for y, g in each.upstream.items() if g == node)
            node = next(owners, graph.origins[node])
        if node == NONE:
            return None
        found = self.view.representative(node)
        return found if found in self._shown else None

    @property
    def _shown(self) -> Collection[int]:
        return self.hidden_in.keys()


def circuit(graph: Graph, choice: Choice | None = None, near: int | None = None) -> Circuit:
    """The circuit of a graph; where it is too large, what is nearest to `near` (the last output).

    Raises UnknownNameError for a call or node there is none of, GraphError for an empty picture.

    >>> import graphdbg as gd
    >>> graph = gd.parse("p = softmax(o)", shapes={"o": (3,)})
    >>> [graph.names[at] for at in circuit(graph, Choice(fold=("softmax",))).nodes]
    ['o', 'p']
    """
    choice = choice or Choice()
    view, notes = _view(graph, choice)
    shown = shown_in(view)
    if not shown:
        raise GraphError("the graph has no nodes to draw: a program needs an input and a result")
    edges = list(view.edges())
    kept: Collection[int] = shown
    if choice.around is not None:
        name, hops = choice.around
        kept = _within(shown, edges, [view.representative(graph.id(name))], hops)
        notes += [f"{len(kept):,} of {len(shown):,} nodes: those within {_steps(hops)} of {name}"]
    elif len(shown) > MOST_SHOWN and not choice.everything:
        middle = graph.output_ids[-1] if near is None else near
        kept = _nearest(edges, view.representative(middle), MOST_SHOWN)
        name = graph.names[middle]
        notes += [f"the {len(kept):,} of {len(shown):,} nodes that are nearest to {name}"]
    return _cut(graph, view, shown, edges, set(kept), notes)


def _cut(
    graph: Graph,
    view: View,
    shown: Sequence[int],
    edges: Iterable[Edge],
    kept: set[int],
    notes: list[str],
) -> Circuit:
    hidden_in, hidden_out = (dict.fromkeys((at for at in shown if at in kept), 0) for _ in "io")
    inner = []
    for edge in edges:
        source, target, _ = edge
        if source in kept and target in kept:
            inner.append(edge)
        elif source in kept:
            hidden_out[source] += 1
        elif target in kept:
            hidden_in[target] += 1
    nodes = tuple(hidden_in)
    return Circuit(graph, view, nodes, tuple(inner), hidden_in, hidden_out, tuple(notes))


def shown_in(view: View) -> list[int]:
    """The nodes that a view shows, in tape order."""
    return [at for at in range(len(view.graph)) if view.is_shown(at)]


def _steps(hops: int) -> str:
    return f"{hops} step{'s' * (hops != 1)}"


def _view(graph: Graph, choice: Choice) -> tuple[View, list[str]]:
    """Which calls are closed, and a note where they were closed unasked."""
    if choice.fold:
        frames = {frame for name in choice.fold for frame in _frames(graph, name)}
        if choice.depth is not None:
            frames |= {at for at, level in enumerate(levels(graph)) if level > choice.depth}
        return View.folded(graph, frames), []
    if choice.depth is not None or choice.everything or choice.around is not None:
        return View(graph, choice.depth), []
    return _that_fits(graph)


def _that_fits(graph: Graph) -> tuple[View, list[str]]:
    """The view with as many calls open as the picture has room for."""
    view = View(graph, None)
    deepest = max(levels(graph), default=0)
    depth: int | None = None
    while len(shown_in(view)) > MOST_SHOWN and depth != 0:
        depth = deepest - 1 if depth is None else depth - 1
        view = View(graph, max(depth, 0))
        if depth <= 0:
            break
    if depth is None or not graph.calls:
        return view, []
    closed = Counter(
        call.function
        for frame, call in enumerate(graph.calls)
        if view.closed_frame(call.output) == frame
    )
    names = ", ".join(f"{name} ({count})" for name, count in closed.most_common(4))
    return view, [f"calls are folded: {names}"]


def levels(graph: Graph) -> list[int]:
    """How deep each call is nested, from 1."""
    found: list[int] = []
    for call in graph.calls:
        found.append(1 if call.parent == NONE else found[call.parent] + 1)
    return found


def _frames(graph: Graph, name: str) -> list[int]:
    """The calls of a function, or the one call of this label."""
    found = [at for at, call in enumerate(graph.calls) if name in (call.function, call.label)]
    if not found:
        known = sorted({call.function for call in graph.calls})
        listed = f"its calls: {', '.join(known)}" if known else "the program calls no function"
        raise UnknownNameError(
            f"no call of '{name}' to fold{suggestion(name, known)} ({listed})", node=name
        )
    return found


def _neighbours(edges: Iterable[Edge]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for source, target, _ in edges:
        found.setdefault(source, []).append(target)
        found.setdefault(target, []).append(source)
    return found


def _within(
    shown: Sequence[int], edges: Iterable[Edge], start: Sequence[int], hops: int
) -> Collection[int]:
    """The nodes at most `hops` edges away, whatever their direction."""
    near = _neighbours(edges)
    found = dict.fromkeys(at for at in start if at in set(shown))
    border = list(found)
    for _ in range(hops):
        border = [b for a in border for b in near.get(a, ()) if b not in found]
        found.update(dict.fromkeys(border))
    return found


def _nearest(edges: Iterable[Edge], start: int, most: int) -> Collection[int]:
    """The first `most` nodes of a breadth-first walk against the edges, then in any direction."""
    above: dict[int, list[int]] = {}
    edges = list(edges)
    for source, target, _ in edges:
        above.setdefault(target, []).append(source)
    found = dict.fromkeys([start])
    for near in (above, _neighbours(edges)):
        border = list(found)
        while border and len(found) < most:
            border = list(dict.fromkeys(b for a in border for b in near.get(a, ())
                                        if b not in found))  # fmt: skip
            found.update(dict.fromkeys(border[: most - len(found)]))
    return found
