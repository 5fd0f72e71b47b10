"""`Picture`, a computational graph drawn with box characters; `rows`, what a window shows of it.

A picture is laid out once for a graph, its folded calls and a zoom. What a step changes comes as a
`Look` per vertex, which only restyles: a step never moves anything.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from ..tape import ops
from ..tape.graph import NONE, Graph
from ..tape.sizes import to_text
from .canvas import HEAVY, Canvas, Run, clip, width
from .cards import ZOOMS, Label, Look, draw, head, size
from .channels import STRAIGHT, Entry, Net
from .folding import View
from .layering import BEND, BOX
from .layout import Band, Layout, layout

GAPS = {"card": 2, "line": 2, "dot": 0}
STUB_ROOM = {"card": 24, "line": 20, "dot": 6}  # cells that a stub takes at most
NAMED = 3  # boxes that a stub names before it counts the others
FORWARD, BACKWARD = "forward", "backward"

Looks = Callable[[int], Look]


class Box(NamedTuple):
    """The cells of a vertex."""

    x: int
    y: int
    width: int
    height: int


class Picture:
    """A graph laid out in character cells; vertices are node ids.

    Drawn are the nodes of the forward pass but literals; a call whose index is in `folded` is one
    vertex, its output. `zoom` is card, line or dot.

    >>> import graphdbg as gd
    >>> graph = gd.parse("f=(x+y)z")
    >>> picture = Picture(graph, (), "card")
    >>> [graph.names[at] for at in picture.vertices], picture.width, picture.height
    (['x', 'y', 'q', 'z', 'f'], 46, 11)
    """

    def __init__(self, graph: Graph, folded: Collection[int] = (), zoom: str = "card") -> None:
        if zoom not in ZOOMS:
            raise ValueError(f"zoom '{zoom}' is none of {', '.join(ZOOMS)}")
        self.graph, self.zoom = graph, zoom
        self.view = View.folded(graph, folded)
        self.vertices = [at for at in range(len(graph)) if self.view.is_shown(at)]
        self._index = {at: index for index, at in enumerate(self.vertices)}
        self.labels = [self._label(at) for at in self.vertices]
        self._gradient_of = {g: y for each in graph.passes for y, g in each.upstream.items()}
        self.edges = [(source, target) for source, target, _ in self.view.edges()]
        index = self._index
        self.layout: Layout = layout(
            [size(label, zoom) for label in self.labels],
            [(index[source], index[target]) for source, target in self.edges],
            lambda others: width(self._stub_text(others)),
            GAPS[zoom],
            [head(label, zoom) for label in self.labels],
        )
        self.width, self.height = self.layout.width, self.layout.height
        self._ranks = [
            [cell for cell in band.cells if cell < len(self.vertices)] for band in self.layout.bands
        ]

    def _label(self, at: int) -> Label:
        graph = self.graph
        shape = graph.shapes[at]
        is_input = isinstance(graph.ops[at], ops.Input)
        if is_input:
            text = to_text(shape) if shape else ""
        else:
            text = self.view.operation(at)
        is_call = self.view.closed_call(at) is not None
        return Label(graph.names[at], text, bool(shape), is_call, is_input)

    def vertex_of(self, node: int) -> int | None:
        """The vertex that stands for a node; for a gradient that of its forward node."""
        if self.graph.phases[node] > 0:
            node = self._gradient_of.get(node, self.graph.origins[node])
        if node == NONE:
            return None
        node = self.view.representative(node)
        return node if node in self._index else None

    def box(self, node: int) -> Box:
        """Where a vertex is."""
        cell, made = self._index[node], self.layout.made
        return Box(self.layout.x[cell], self.layout.y[cell], made.widths[cell], made.heights[cell])

    def at(self, x: int, y: int) -> int | None:
        """The vertex whose box has the cell in column `x` of row `y`."""
        for band in self.layout.bands_between(y, y + 1):
            for cell in self.layout.cells_between(band, x, x + 1):
                top = self.layout.y[cell]
                if cell < len(self.vertices) and top <= y < top + self.layout.made.heights[cell]:
                    return self.vertices[cell]
        return None

    def neighbour(self, node: int, direction: str) -> int | None:
        """The next vertex to the left or right in the rank, or the nearest in the rank up or down.

        Of those up and down, one that is connected comes first.
        """
        cell = self._index[node]
        level = self.layout.made.rank[cell]
        if direction in ("left", "right"):
            rank = self._ranks[level]
            place = rank.index(cell) + (1 if direction == "right" else -1)
            return self.vertices[rank[place]] if 0 <= place < len(rank) else None
        if direction not in ("up", "down"):
            raise ValueError(f"direction '{direction}' is none of left, right, up, down")
        step = -1 if direction == "up" else 1
        made = self.layout.made
        near = set(made.parents[cell] if step < 0 else made.children[cell])
        level += step
        while 0 <= level < len(self._ranks) and not self._ranks[level]:
            level += step
        if not 0 <= level < len(self._ranks):
            return None
        rank = self._ranks[level]
        linked = [other for other in near if other < len(self.vertices)]
        middle = self._middle(cell)
        if not linked:  # the two beside the middle are enough
            place = bisect_left(rank, middle, key=self._middle)
            linked = rank[max(place - 1, 0) : place + 1]
        best = min(linked, key=lambda other: (abs(self._middle(other) - middle), other))
        return self.vertices[best]

    def _middle(self, cell: int) -> float:
        return self.layout.x[cell] + self.layout.made.widths[cell] / 2

    def stubs(self) -> dict[Box, tuple[int, str, tuple[int, ...]]]:
        """The cells of each stub, with the vertex it belongs to, its text, and whom it names."""
        found = {}
        for cell, (owner, others) in self.layout.stubs().items():
            box = Box(self.layout.x[cell], self.layout.y[cell], self.layout.made.widths[cell], 1)
            named = tuple(self.vertices[other] for other in others)
            found[box] = self.vertices[owner], self._stub_text(others), named
        return found

    def _stub_text(self, others: Sequence[int]) -> str:
        """`⋯ x, w`: the names at the other end, and how many more."""
        names = [self.labels[other].name for other in others[:NAMED]]
        rest = f" +{len(others) - len(names)}" if len(others) > len(names) else ""
        room = STUB_ROOM[self.zoom]
        if self.zoom == "dot":
            return clip(f"⋯{names[0]}", room)
        return "⋯ " + clip(", ".join(names), room - 2 - len(rest)) + rest

    # ------------------------------------------------------------------ drawing

    def draw(self, canvas: Canvas, look: Looks, current: int | None, direction: str) -> None:
        """Puts what the canvas covers on it; the lines into `current` are heavy."""
        heavy = self._lines_into(None if current is None else self.vertex_of(current))
        back = direction == BACKWARD
        left, right = canvas.x, canvas.x + canvas.width
        top = canvas.y - 1  # a line from above the window may end in its first row
        bands = self.layout.bands_between(top, canvas.y + canvas.height)
        exits: dict[int, list[tuple[int, str]]] = {}
        for band in bands:
            for net in band.nets_between(left, right):
                start = bisect_left(net.entries, left - 1, key=_column)
                seen = net.entries[start : bisect_right(net.entries, right, key=_column)]
                self._draw_net(canvas, band, net, seen, _track(net, net.entries), 1)
                chosen: list[Entry] = []
                if net.cell in heavy:
                    chosen = [entry for entry in net.entries if entry.child in heavy[net.cell]]
                    self._draw_net(canvas, band, net, chosen, _track(net, chosen), HEAVY)
                kind = ("arrow" if back else "heavy") if chosen else "light"
                exits[net.cell] = [(net.exit - self.layout.x[net.cell], kind)]
                self._draw_arrows(canvas, band, net, seen, chosen, back)
        for band in bands:
            for cell in self.layout.cells_between(band, left, right):
                self._draw_cell(canvas, cell, look, exits.get(cell, []), back)

    def _lines_into(self, vertex: int | None) -> dict[int, set[int]]:
        """The pieces of the lines into a vertex: for cells above, the cells in the rank below."""
        made = self.layout.made
        found: dict[int, set[int]] = {}
        waiting = [] if vertex is None else [self._index[vertex]]
        while waiting:
            below = waiting.pop()
            for above in set(made.parents[below]):
                found.setdefault(above, set()).add(below)
                if made.kinds[above] == BEND:
                    waiting.append(above)
        return found

    def _draw_net(
        self,
        canvas: Canvas,
        band: Band,
        net: Net,
        entries: Sequence[Entry],
        span: tuple[int, int],
        weight: int,
    ) -> None:
        start, y = self._foot(net.cell), self.layout.y
        if net.track == STRAIGHT:
            canvas.vertical(net.exit, start, y[net.entries[0].child], weight)
            return
        track = band.bottom + net.track
        jog = band.bottom + (band.channel.tracks if band.channel else 0)
        canvas.vertical(net.exit, start, track, weight)
        canvas.horizontal(track, *span, weight)
        canvas.joints(track, [net.exit, *(entry.via for entry in entries)])
        for _, column, via in entries:
            canvas.vertical(via, track, jog if via != column else band.end, weight)
            if via != column:
                canvas.horizontal(jog, column, via, weight)
                canvas.vertical(column, jog, band.end, weight)

    def _foot(self, cell: int) -> int:
        """The row where the line below a cell begins: in its border, or where a bend comes in."""
        made = self.layout.made
        return self.layout.y[cell] + max(made.heights[cell] - 1, 0)

    def _draw_arrows(
        self,
        canvas: Canvas,
        band: Band,
        net: Net,
        entries: Sequence[Entry],
        chosen: Sequence[Entry],
        back: bool,
    ) -> None:
        made = self.layout.made
        bordered = self.zoom == "card" and made.kinds[net.cell] in (BOX, BEND)
        for entry in entries:
            if made.kinds[entry.child] == BEND:
                continue
            glyph, style = "▼", "edge"
            if entry in chosen:
                glyph, style = ("┃" if bordered else "▲") if back else "▼", "edge-current"
            canvas.text(entry.column, band.end - 1, [(glyph, style)])

    def _draw_cell(
        self, canvas: Canvas, cell: int, look: Looks, exits: list[tuple[int, str]], back: bool
    ) -> None:
        x, y, made = self.layout.x[cell], self.layout.y[cell], self.layout.made
        if cell >= len(self.vertices):
            canvas.text(x, y, [(self._stub_text(made.others[cell]), "stub")])
            return
        rows = draw(
            self.labels[cell], look(self.vertices[cell]), self.zoom, made.widths[cell], exits, back
        )
        for offset, runs in enumerate(rows):
            canvas.text(x, y + offset, runs)


def _column(entry: Entry) -> int:
    return entry.column


def _track(net: Net, entries: Sequence[Entry]) -> tuple[int, int]:
    """From where to where a net runs along its track to reach some entries, in their order."""
    return min(net.exit, entries[0].via), max(net.exit, entries[-1].via)


def rows(
    picture: Picture,
    window: tuple[int, int, int, int],
    look: Looks,
    current: int | None = None,
    direction: str = FORWARD,
) -> list[list[Run]]:
    """What a window (x, y, width, height) shows: rows of (text, style), each of that width.

    `look` is asked for visible vertices only. The operand lines of the node `current` are heavy;
    in the direction "backward" their arrows point at the operands. `canvas` lists the styles.
    """
    canvas = Canvas(*window)
    picture.draw(canvas, look, current, direction)
    return canvas.rows()


def text(
    picture: Picture,
    look: Looks = lambda node: Look(),
    current: int | None = None,
    direction: str = FORWARD,
) -> str:
    """The whole picture as plain text."""
    window = (0, 0, picture.width, picture.height)
    shown = rows(picture, window, look, current, direction)
    return "\n".join("".join(run for run, _ in row).rstrip() for row in shown)
