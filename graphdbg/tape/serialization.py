"""Graphs as JSON, without loss: every column, span, call, pass, size and alias comes back equal.

The file is data and is treated as such: loading looks operations up in the closed set of
primitives, infers every shape again and compares it with the one that was saved, and executes
nothing. Repeated operations, shapes and spans are written once and referred to by position.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import GraphError
from ..files import reading, writing
from ..source import Source, Span
from . import ops
from .graph import NONE, PHASES, Call, Contribution, Graph, Pass
from .records import (
    Json,
    Reader,
    data_of,
    integer_in,
    integers,
    once,
    op_from_dict,
    op_to_dict,
    pick,
    refuse,
    shape_in,
    shape_out,
    written,
)
from .sizes import Shape
from .validation import validate

FORMAT, VERSION = "graphdbg graph", 1


def save(graph: Graph, path: str | Path) -> None:
    """Write the graph to a JSON file; FileError where the file cannot be written."""
    writing.write(path, to_json(graph).encode("utf-8"))


def load(path: str | Path) -> Graph:
    """The graph in a file made by `save`; GraphError where it cannot be read or is not one."""
    return from_json(reading.text_of(path, reading.SAVED))


def to_json(graph: Graph) -> str:
    """The graph as JSON text; `from_json` gives an equal graph back.

    >>> import graphdbg as gd
    >>> g = gd.grad(gd.parse("f=(x+y)z"))
    >>> from_json(to_json(g)) == g
    True
    """
    return written(graph_to_dict(graph))


def from_json(text: str) -> Graph:
    """The graph that `to_json` wrote; GraphError where the text is not such a graph."""
    return graph_from_dict(data_of(text, "a saved graph"))


def graph_to_dict(graph: Graph) -> dict[str, Json]:
    """The graph as plain dicts, lists, texts and numbers."""
    sources: _Table = _Table(lambda source: {"name": source.name, "text": source.text})
    spans: _Table = _Table(lambda span: [sources.add(span.source), span.start, span.end])
    operations: _Table = _Table(op_to_dict)
    shape_table: _Table = _Table(shape_out)

    def optional_span(span: Span | None) -> int:
        return NONE if span is None else spans.add(span)

    data = {
        "format": FORMAT,
        "version": VERSION,
        "nodes": {
            "op": [operations.add(op) for op in graph.ops],
            "args": [list(args) for args in graph.args],
            "shape": [shape_table.add(shape) for shape in graph.shapes],
            "span": [optional_span(span) for span in graph.spans],
            "frame": list(graph.frames),
            "origin": list(graph.origins),
            "phase": [PHASES[phase] for phase in graph.phases],
        },
        "names": [[at, name] for at, name in graph.given_names.items()],
        "aliases": [[at, name] for name, at in graph.aliases.items()],
        "calls": [_call_to_dict(call, optional_span) for call in graph.calls],
        "passes": [_pass_to_dict(backward) for backward in graph.passes],
        "outputs": list(graph.output_ids),
        "source": NONE if graph.source is None else sources.add(graph.source),
    }
    tables = {"operations": operations, "shapes": shape_table, "spans": spans, "sources": sources}
    return data | {name: table.written for name, table in tables.items()}


def graph_from_dict(data: Json) -> Graph:
    """The graph of `graph_to_dict`; GraphError, naming the place, where the data is not one."""
    reader = Reader(data)
    reader.require(FORMAT, VERSION)
    sources = [Source(each.text("text"), each.text("name")) for each in reader.objects("sources")]
    spans = [_span_in(row, sources, where) for where, row in reader.rows("spans")]
    operations = [op_from_dict(each) for each in reader.objects("operations")]
    graph = Graph(
        **_columns(reader.object("nodes"), operations, _shape_table(reader), spans),
        given_names=once(reader.pairs("names"), "names"),
        aliases=once([(name, at) for at, name in reader.pairs("aliases")], "aliases"),
        calls=tuple(_call_from_dict(each, spans) for each in reader.objects("calls")),
        output_ids=tuple(reader.integers("outputs")),
        passes=tuple(_pass_from_dict(each) for each in reader.objects("passes")),
        source=pick(sources, reader.integer("source"), "source", optional=True),
    )
    validate(graph)
    return graph


# ------------------------------------------------------------------ writing


class _Table:
    """Distinct values, each written once; `add` gives the position."""

    def __init__(self, write: Callable[[Any], Json]) -> None:
        self.write = write
        self.written: list[Json] = []
        self.positions: dict[Any, int] = {}

    def add(self, value: Any) -> int:
        """The position of `value`; 1 and 1.0, though equal, are two values."""
        key = (value, repr(value)) if isinstance(value, (ops.Const, ops.Array)) else value
        at = self.positions.get(key)
        if at is None:
            at = self.positions[key] = len(self.written)
            self.written.append(self.write(value))
        return at


def _call_to_dict(call: Call, span: Callable[[Span | None], int]) -> Json:
    return {
        "function": call.function,
        "label": call.label,
        "parent": call.parent,
        "span": span(call.span),
        "inputs": list(call.inputs),
        "output": call.output,
    }


def _pass_to_dict(backward: Pass) -> Json:
    parts = backward.contributions.items()
    return {
        "of": backward.of,
        "wrt": list(backward.wrt),
        "upstream": [[y, g] for y, g in backward.upstream.items()],
        "contributions": [[y, [list(part) for part in found]] for y, found in parts],
    }


# ------------------------------------------------------------------ reading


def _columns(
    nodes: Reader, operations: list[ops.Op], table: list[Shape], spans: list[Span]
) -> dict[str, Any]:
    phases = nodes.items("phase")
    for phase in phases:
        if phase not in PHASES:
            refuse("nodes.phase", " or ".join(PHASES), phase)
    args = [tuple(integers(row, f"nodes.args[{at}]")) for at, row in enumerate(nodes.items("args"))]
    columns = {
        "ops": [pick(operations, at, "nodes.op") for at in nodes.integers("op")],
        "args": args,
        "shapes": [pick(table, at, "nodes.shape") for at in nodes.integers("shape")],
        "spans": [pick(spans, at, "nodes.span", True) for at in nodes.integers("span")],
        "frames": nodes.integers("frame"),
        "origins": nodes.integers("origin"),
        "phases": [PHASES.index(phase) for phase in phases],
    }
    for name, column in columns.items():
        if len(column) != len(args):
            raise GraphError(
                f"not a saved graph: column {name} has {len(column)} entries, args {len(args)}"
            )
    return columns


def _shape_table(reader: Reader) -> list[Shape]:
    return [shape_in(row, where) for where, row in reader.rows("shapes")]


def _span_in(row: Json, sources: list[Source], where: str) -> Span:
    values = integers(row, where)
    if len(values) != 3:
        refuse(where, "a source, a start and an end", row)
    source: Source = pick(sources, values[0], where)
    if not 0 <= values[1] <= values[2] <= len(source.text):
        refuse(where, f"within a text of {len(source.text)} characters", row)
    return Span(source, values[1], values[2])


def _call_from_dict(reader: Reader, spans: list[Span]) -> Call:
    return Call(
        reader.text("function"),
        reader.text("label"),
        reader.integer("parent"),
        pick(spans, reader.integer("span"), f"{reader.where}.span", optional=True),
        tuple(reader.integers("inputs")),
        reader.integer("output"),
    )


def _pass_from_dict(reader: Reader) -> Pass:
    upstream = []
    for where, row in reader.rows("upstream"):
        if len(integers(row, where)) != 2:
            refuse(where, "a node and its gradient's node", row)
        upstream.append((row[0], row[1]))
    contributions = []
    for where, row in reader.rows("contributions"):
        if not (isinstance(row, list) and len(row) == 2 and isinstance(row[1], list)):
            refuse(where, "a node and its contributions", row)
        for part in row[1]:
            if len(integers(part, where)) != 4:
                refuse(where, "contributions of four numbers", part)
        at = integer_in(row[0], where)
        contributions.append((at, tuple(Contribution(*part) for part in row[1])))
    return Pass(
        reader.integer("of"), tuple(reader.integers("wrt")),
        once(upstream, "upstream"), once(contributions, "contributions"),
    )  # fmt: skip
