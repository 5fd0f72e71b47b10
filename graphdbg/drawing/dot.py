"""Circuits as DOT: operations, the wires between them (see `wires`), calls, what is said below.

The wire is a node (`shape=plain`) between the operation that computes it and those that use it, so
that a value that fans out is written once. Written twice from the same parts: with the calls as
clusters, for `dot` to lay out; and at given positions, where `nop2` draws another moment.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import graphviz

from ..rendering.cards import Look
from ..rendering.folding import around, call_text
from ..tape import ops
from ..tape.graph import NONE
from ..tape.sizes import to_text
from .circuits import Circuit, Edge
from .labels import LONGEST_TIP, escaped, plain, width, wrapped
from .layouts import Box, Layout, turned
from .scenes import Scene
from .signs import sign
from .themes import LIGHT, Theme
from .wires import NUMBER, SMALL, TABLE, Wire

FONT = "Helvetica,Arial,sans-serif"
ROUND, TALL = 0.42, 0.38  # inches: an operation's circle; the height of its box
CLEARANCE = 7  # points between an edge and its label
LINE = 13  # points: a line of the caption
MARGIN = 8.0  # around everything
NARROWEST_CAPTION = 340.0  # points: also below a small picture there is room for a sentence
THINNEST, THICKEST = 1.0, 5.0  # points of a wire's line by heat
MOST_LINES = 6  # of a caption


@dataclass(frozen=True, eq=False)
class Drawing:
    """A circuit to be written: `scene` at one moment, in a theme; ids begin with `prefix`.

    `notes` are sentences below the picture, on top of the scene's caption. It runs from left to
    right, or `down`.
    """

    circuit: Circuit
    scene: Scene = field(default_factory=Scene)
    theme: Theme = LIGHT
    prefix: str = ""
    notes: tuple[str, ...] = ()
    down: bool = False

    # ---------------------------------------------------------------- two ways to write it

    def source(self, caption: bool = True) -> str:
        """DOT for Graphviz to lay out: calls are clusters, what is said stands below."""
        made = graphviz.Digraph("circuit", graph_attr=self._graph(), node_attr=self._font())
        made.attr("edge", **self._edge_font())
        if caption and self._said():
            lines = self._lines(NARROWEST_CAPTION)
            made.attr(label=self._caption(lines, NARROWEST_CAPTION), labelloc="b", labeljust="l")
        self._clusters(made)
        for name, attributes in self._stubs():
            made.node(name, **attributes)
        for tail, head, attributes in self._edges():
            made.edge(tail, head, **attributes)
        return str(made.source)

    def placed(self, layout: Layout, lines: int = 0, density: int | None = None) -> str:
        """DOT with everything where `layout` has it; room for `lines` lines of caption.

        `density` is in pixels an inch, for formats that have pixels.
        """
        left, bottom, right, top = layout.box
        right = max(right, left + NARROWEST_CAPTION) if lines else right
        band = lines * LINE + MARGIN * (lines > 0)
        made = graphviz.Digraph(
            "circuit",
            graph_attr={**self._graph(), "outputorder": "edgesfirst", "notranslate": "true"},
            node_attr=self._font(),
        )
        if density is not None:
            made.attr(dpi=str(density))
        made.attr("edge", **self._edge_font())
        self._corners(made, (left, bottom - band, right, top))
        for frame, box in sorted(layout.calls.items()):
            self._call_box(made, frame, box)
        for name, attributes in [*self._nodes(), *self._stubs()]:
            if name in layout.nodes:
                made.node(name, **attributes, pos=layout.nodes[name])
        for tail, head, attributes in self._edges():
            if attributes["id"] in layout.edges:
                pos = layout.edges[attributes["id"]]
                where = {"pos": turned(pos) if "arrowtail" in attributes else pos}
                if attributes["id"] in layout.edge_labels:
                    where["lp"] = layout.edge_labels[attributes["id"]]
                made.edge(tail, head, **attributes, **where)
        if lines and self._said():
            self._place_caption(made, left, bottom - MARGIN, right - left)
        return str(made.source)

    def _graph(self) -> dict[str, str]:
        return {
            "rankdir": "TB" if self.down else "LR", "nodesep": "0.16", "ranksep": "0.22",
            "bgcolor": self.theme.paper,
            "fontname": FONT, "fontsize": f"{SMALL:g}", "fontcolor": self.theme.muted,
            "pad": "0.12", "charset": "utf-8", "id": f"{self.prefix}circuit",
        }  # fmt: skip

    @property
    def _ports(self) -> str:
        """The sides on which a wire begins and ends."""
        return "ns" if self.down else "we"

    def _font(self) -> dict[str, str]:
        return {"fontname": FONT, "fontsize": f"{NUMBER:g}", "fontcolor": self.theme.ink}

    def _edge_font(self) -> dict[str, str]:
        return {
            "fontname": FONT, "fontsize": f"{SMALL:g}", "fontcolor": self.theme.muted,
            "color": self.theme.wire, "arrowsize": "0.5",
        }  # fmt: skip

    # ---------------------------------------------------------------- nodes

    def _nodes(self) -> Iterator[tuple[str, dict[str, str]]]:
        for at in self.circuit.nodes:
            yield f"op{at}", self._operation(at)
            yield f"wire{at}", self._wire(at)

    def _operation(self, at: int) -> dict[str, str]:
        graph, look = self.circuit.graph, self._look(at)
        tip = f"{graph.names[at]} = {self.circuit.view.operation(at)}"
        common = {"id": f"{self.prefix}op-{at}", "tooltip": _quoted(tip)}
        if isinstance(graph.ops[at], ops.Input):
            return {**common, "shape": "plain", "label": self._input(at),
                    "class": f"op input {look.state}"}  # fmt: skip
        text = sign(self.circuit.view, at)
        is_call = self.circuit.view.closed_frame(at) != NONE
        return {
            **common, **self._shape(text, is_call), **self._paint(look, is_call),
            "class": f"op {'folded ' * is_call}{look.state}", "label": f"<{escaped(text)}>",
        }  # fmt: skip

    def _shape(self, text: str, is_call: bool) -> dict[str, str]:
        """A circle for a sign, a rounded box for a word, a box with two borders for a call."""
        if len(text) <= 2 and not is_call:
            size = "15" if len(text) == 1 else "12"
            return {"shape": "circle", "width": f"{ROUND}", "fixedsize": "true", "fontsize": size}
        wide = max(ROUND, width(plain(text), NUMBER) / 72 + 0.2)
        return {"shape": "box", "width": f"{wide:.2f}", "height": f"{TALL}", "fixedsize": "true",
                "peripheries": "2" if is_call else "1"}  # fmt: skip

    def _paint(self, look: Look, is_call: bool) -> dict[str, str]:
        theme = self.theme
        style = "filled" if is_call else "filled,rounded"
        if look.state == "current":
            return {"style": style, "fillcolor": theme.current, "color": theme.current_edge,
                    "penwidth": "2.5"}  # fmt: skip
        fill = theme.call if is_call else theme.operation
        if look.state == "pending":
            return {"style": f"{style},dashed", "fillcolor": theme.paper,
                    "color": theme.pending, "fontcolor": theme.pending}  # fmt: skip
        return {"style": style, "fillcolor": fill, "color": theme.edge}

    def _input(self, at: int) -> str:
        graph = self.circuit.graph
        name = f'<B><FONT COLOR="{self._ink(at)}">{escaped(graph.names[at])}</FONT></B>'
        shape = to_text(graph.shapes[at]) if graph.shapes[at] else ""
        below = f'<BR/><FONT POINT-SIZE="{SMALL:g}" COLOR="{self.theme.muted}">' \
                f"{escaped(shape)}</FONT>"  # fmt: skip
        return f"<{name}{below if shape else ''}>"

    def _ink(self, at: int) -> str:
        current = at == self.scene.current
        return self.theme.current_edge if current else self.theme.ink

    def _look(self, at: int) -> Look:
        return self.scene.looks.get(at, Look())

    # ---------------------------------------------------------------- wires

    def _wire(self, at: int) -> dict[str, str]:
        graph, look, only = self.circuit.graph, self._look(at), self.scene.only
        named = not isinstance(graph.ops[at], ops.Input)  # an input's name is its operation
        numbers = bool(self.scene.looks)
        wire = Wire(
            graph.names[at] if named else "",
            to_text(graph.shapes[at]) if named and graph.shapes[at] else "",
            look.value if numbers and only != "backward" else None,
            look.gradient if numbers and only != "forward" and graph.passes else None,
            self.scene.longest.get(at, ()),
            look.state == "pending",
            self.theme,
            self._heat(at) if at in self.scene.heat else None,
        )
        tip = f"{graph.names[at]} = {look.value}" if look.value else graph.names[at]
        return {
            "id": f"{self.prefix}wire-{at}", "class": f"wire {look.state}", "shape": "plain",
            "label": wire.label(self.down), "tooltip": _quoted(tip),
        }  # fmt: skip

    def _heat(self, at: int) -> tuple[float, str]:
        """Thickness in points and colour of a wire."""
        if at not in self.scene.heat:
            return THINNEST, self.theme.wire
        share, colours = self.scene.heat[at], self.theme.heat
        step = min(int(share * len(colours)), len(colours) - 1)
        return round(THINNEST + share * (THICKEST - THINNEST)), colours[step]

    # ---------------------------------------------------------------- edges

    def _edges(self) -> Iterator[tuple[str, str, dict[str, str]]]:
        for at in self.circuit.nodes:
            name = {"id": f"{self.prefix}out-{at}", "class": "edge out", "arrowhead": "none"}
            yield f"op{at}", f"wire{at}:{self._ports[0]}", {**name, **self._line_style(at, None)}
        for edge in self.circuit.edges:
            source, target, slot = edge
            found = {"id": f"{self.prefix}edge-{source}-{target}-{slot}", "class": "edge"}
            if edge in self.scene.locals:
                found["label"] = self._above_edge(self.scene.locals[edge])
            yield (
                f"wire{source}:{self._ports[1]}",
                f"op{target}",
                {**found, **self._line_style(source, edge)},
            )
        for at, count in self.circuit.hidden_in.items():
            if count:
                yield f"before{at}", f"op{at}", self._stub_edge(f"before-{at}")
        for at, count in self.circuit.hidden_out.items():
            if count:
                yield f"wire{at}:{self._ports[1]}", f"after{at}", self._stub_edge(f"after-{at}")

    def _above_edge(self, text: str) -> str:
        """A label with a blank row below it, since Graphviz lets the edge touch it there."""
        rows = f'<TR><TD>{escaped(text)}</TD></TR><TR><TD HEIGHT="{CLEARANCE}"></TD></TR>'
        return f"<{TABLE.format(self.theme.wire, rows)}>"

    def _line_style(self, at: int, edge: Edge | None) -> dict[str, str]:
        """How an edge is drawn: heavy where the step works, in its heat, pale where it waits."""
        scene, theme = self.scene, self.theme
        back = scene.direction == "backward" or scene.only == "backward"
        arrow = {"dir": "back", "arrowtail": "normal"} if back and edge else {}
        if edge in scene.lit:
            return {**arrow, "color": theme.current_edge, "penwidth": "2.5"}
        if at in scene.heat:
            thick, colour = self._heat(at)
            return {**arrow, "color": colour, "penwidth": f"{thick:g}"}
        return {**arrow, "color": theme.pending} if self._look(at).state == "pending" else arrow

    def _stubs(self) -> Iterator[tuple[str, dict[str, str]]]:
        """Where the circuit goes on outside of the picture."""
        for side, counts in (("before", self.circuit.hidden_in),
                             ("after", self.circuit.hidden_out)):  # fmt: skip
            for at, count in counts.items():
                if count:
                    text = f"⋯ {count:,}" if count > 1 else "⋯"
                    yield f"{side}{at}", {
                        "id": f"{self.prefix}{side}-node-{at}", "class": "stub", "shape": "plain",
                        "fontcolor": self.theme.muted, "label": f"<{text}>",
                        "tooltip": f"{count:,} more, not shown",
                    }  # fmt: skip

    def _stub_edge(self, name: str) -> dict[str, str]:
        return {"id": f"{self.prefix}{name}", "class": "edge stub", "style": "dashed",
                "color": self.theme.muted, "arrowhead": "none"}  # fmt: skip

    # ---------------------------------------------------------------- calls

    def _clusters(self, made: graphviz.Digraph) -> None:
        """The nodes, those of an open call inside its cluster."""
        graph = self.circuit.graph
        inside: dict[int, list[tuple[str, dict[str, str]]]] = {}
        parts = list(self._nodes())
        for at, pair in zip(self.circuit.nodes, zip(parts[::2], parts[1::2])):
            frame = graph.frames[at] if self.circuit.view.closed_frame(at) == NONE else \
                graph.calls[self.circuit.view.closed_frame(at)].parent  # fmt: skip
            inside.setdefault(frame, []).extend(pair)
        for name, attributes in inside.pop(NONE, []):
            made.node(name, **attributes)
        bodies = {frame: self._cluster(frame, found) for frame, found in inside.items()}
        used = {outer for frame in inside for outer in around(graph, frame)}
        for frame in sorted(used, reverse=True):  # the inmost first
            body = bodies.setdefault(frame, self._cluster(frame, []))
            parent = graph.calls[frame].parent
            if parent == NONE:
                made.subgraph(body)
            else:
                bodies.setdefault(parent, self._cluster(parent, [])).subgraph(body)

    def _cluster(self, frame: int, parts: list[tuple[str, dict[str, str]]]) -> graphviz.Digraph:
        body = graphviz.Digraph(f"cluster_{frame}")
        body.attr(label=f"<{escaped(self._call_text(frame))}>", labeljust="l", style="rounded",
                  color=self.theme.muted, id=f"{self.prefix}call-{frame}", margin="10")  # fmt: skip
        body.attr(**{"class": "call"})
        for name, attributes in parts:
            body.node(name, **attributes)
        return body

    def _call_text(self, frame: int) -> str:
        return call_text(self.circuit.graph, self.circuit.graph.calls[frame])

    def _call_box(self, made: graphviz.Digraph, frame: int, box: Box) -> None:
        """A call as a node, since `nop2` has no clusters: its border and its name."""
        left, bottom, right, top = box
        wide = right - left - 2 * MARGIN
        cell = f'<TD ALIGN="LEFT" WIDTH="{wide:.0f}">{escaped(self._call_text(frame))}</TD>'
        made.node(
            f"call{frame}", id=f"{self.prefix}call-{frame}", shape="box", style="rounded",
            pos=f"{(left + right) / 2:g},{(bottom + top) / 2:g}", fixedsize="true",
            width=f"{(right - left) / 72:.4f}", height=f"{(top - bottom) / 72:.4f}",
            label=f"<{TABLE.format(self.theme.muted, f'<TR>{cell}</TR>')}>", labelloc="t",
            margin="0,0.05", fontsize=f"{SMALL:g}", fontcolor=self.theme.muted,
            color=self.theme.muted, **{"class": "call"},
        )  # fmt: skip

    # ---------------------------------------------------------------- what is said

    def _said(self) -> list[str]:
        heat = [f"heat: {self.scene.heat_ends}"] if self.scene.heat else []
        return [*self.scene.caption, *heat, *self.circuit.notes, *self.notes]

    def lines(self, layout: Layout) -> int:
        """How many lines the caption takes below this layout."""
        left, _, right, _ = layout.box
        return len(self._lines(max(right - left, NARROWEST_CAPTION)))

    def _lines(self, room: float) -> list[str]:
        found = [line for text in self._said() for line in wrapped(plain(text, LONGEST_TIP), SMALL,
                                                                   room)]  # fmt: skip
        return found[:MOST_LINES]

    def _caption(self, lines: list[str], wide: float) -> str:
        """A table as wide as the picture, so that its lines begin at the left."""
        font = f'<FONT POINT-SIZE="{SMALL:g}" COLOR="{self.theme.muted}">'
        texts = [escaped(line, LONGEST_TIP) for line in lines]
        if self.scene.caption:
            texts[0] = f"<B>{texts[0]}</B>"
        rows = "".join(
            f'<TR><TD ALIGN="LEFT" WIDTH="{wide:.0f}" HEIGHT="{LINE}">{font}{text}</FONT></TD></TR>'
            for text in texts
        )
        return f"<{TABLE.format(self.theme.wire, rows)}>"

    def _place_caption(self, made: graphviz.Digraph, left: float, top: float, wide: float) -> None:
        lines = self._lines(wide)
        made.node(
            "caption", id=f"{self.prefix}caption", shape="plain", label=self._caption(lines, wide),
            pos=f"{left + wide / 2:g},{top - len(lines) * LINE / 2:g}", **{"class": "caption"},
        )  # fmt: skip

    def _corners(self, made: graphviz.Digraph, box: Box) -> None:
        """Two points that hold the size of the picture, whatever is drawn in it."""
        left, bottom, right, top = box
        for name, x, y in (("corner0", left, bottom), ("corner1", right, top)):
            made.node(name, shape="point", style="invis", width="0", height="0",
                      pos=f"{x:g},{y:g}")  # fmt: skip


def _quoted(text: str) -> str:
    """A tooltip, in which a backslash is a backslash."""
    return graphviz.escape(plain(text, LONGEST_TIP))
