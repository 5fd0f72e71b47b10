"""A session as JSON: the program (the graph itself), point, breakpoints, watches and position.

The file is data: loading looks every part up by type and executes nothing. Breakpoints carry the
field names of the Debug Adapter Protocol.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError
from ..tape.graph import Graph
from ..tape.records import LARGEST, Json, Reader, data_of, is_number, refuse, written
from ..tape.serialization import graph_from_dict, graph_to_dict
from .breakpoints import WATCH, Breakpoint
from .marks import Marks, made_for
from .scope import Scope

FORMAT, VERSION = "graphdbg session", 1
NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


@dataclass(frozen=True, eq=False)
class Saved:
    """What a file held, before breakpoints and expressions were looked up in the program."""

    graph: Graph
    point: dict[str, NDArray[Any]]
    drawn: tuple[str, ...]
    seed: int
    position: int
    reader: Reader


def to_json(scope: Scope, marks: Marks, position: int, seed: int, drawn: Sequence[str]) -> str:
    """A session as JSON text."""
    data = {
        "format": FORMAT,
        "version": VERSION,
        "position": position,
        "seed": seed,
        "drawn": list(drawn),
        "point": [_array_out(name, array) for name, array in scope.point.items()],
        "breakpoints": [_breakpoint_out(each) for each in marks.breakpoints.values()],
        "watches": [
            {"number": each.number, "expression": each.text} for each in marks.watches.values()
        ],
        "filters": sorted(marks.filters),
        "graph": graph_to_dict(scope.graph),
    }
    return written(data)


def read(text: str) -> Saved:
    """What a file holds; GraphError, naming the place, where it is no saved session."""
    data = data_of(text, "a saved session")
    with _told_of_sessions():
        return _read(data)


@contextmanager
def _told_of_sessions() -> Iterator[None]:
    """What `records` says of saved graphs, said of saved sessions."""
    try:
        yield
    except GraphError as error:
        told = error.message.replace("not a saved graph", "not a saved session", 1)
        raise type(error)(told, span=error.span) from error


def _read(data: Json) -> Saved:
    reader = Reader(data)
    reader.require(FORMAT, VERSION)
    graph = graph_from_dict(data.get("graph"))
    arrays = [_array_in(each) for each in reader.objects("point")]
    point = dict(arrays)
    if len(point) < len(arrays):
        refuse("point", "one value for each input", [name for name, _ in arrays])
    if set(point) != set(graph.inputs):
        refuse("point", f"a value for each of the inputs {', '.join(graph.inputs)}", [*point])
    if (seed := reader.integer("seed")) < 0:
        refuse("seed", "a whole number from 0", seed)
    drawn = tuple(name for name in _texts(data, "drawn") if name in point)
    return Saved(graph, point, drawn, seed, reader.integer("position"), reader)


def marks_of(saved: Saved, scope: Scope) -> Marks:
    """The breakpoints, watches and filters that were saved, looked up in the program."""
    marks = Marks()
    with _told_of_sessions():
        for record in saved.reader.objects("breakpoints"):
            marks.add(scope, _breakpoint_in(scope, record), record.integer("number"))
        for record in saved.reader.objects("watches"):
            marks.show(scope, record.text("expression"), record.integer("number"))
        for name in _texts(saved.reader.data, "filters"):
            marks.catch(scope, name)
    return marks


def _breakpoint_out(mark: Breakpoint) -> dict[str, Json]:
    return {
        "number": mark.number,
        "kind": mark.kind,
        "target": mark.target,
        "condition": mark.condition,
        "hitCondition": mark.hit_condition,
        "logMessage": mark.log_message,
        "temporary": mark.temporary,
        "enabled": mark.enabled,
    }


def _breakpoint_in(scope: Scope, record: Reader) -> Breakpoint:
    fields = {
        "condition": record.text("condition"),
        "hit_condition": record.text("hitCondition"),
        "log_message": record.text("logMessage"),
        "temporary": _flag(record, "temporary"),
        "enabled": _flag(record, "enabled"),
    }
    kind, target = record.text("kind"), record.text("target")
    if kind == WATCH:
        return Breakpoint(0, WATCH, target, (), **fields)  # type: ignore[arg-type]
    word = {"operation": "op"}.get(kind, kind)
    return made_for(scope, f"{word} {target}", **fields)


def _flag(record: Reader, key: str) -> bool:
    found = record.data.get(key)
    if not isinstance(found, bool):
        refuse(f"breakpoints: {key}", "true or false", found)
    return bool(found)


def _texts(data: Json, key: str) -> list[str]:
    found = data.get(key)
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        refuse(key, "a list of texts", found)
    return list(found)


def _array_out(name: str, array: NDArray[Any]) -> dict[str, Json]:
    values = [each if math.isfinite(each) else str(each) for each in array.ravel().tolist()]
    kind = str(array.dtype)
    return {"name": name, "dtype": kind, "shape": list(array.shape), "values": values}


def _array_in(record: Reader) -> tuple[str, NDArray[Any]]:
    name, kind, values = record.text("name"), record.text("dtype"), record.data.get("values")
    shape = record.data.get("shape")
    if kind not in ("float64", "float32"):
        refuse(f"point: dtype of '{name}'", "float64 or float32", kind)
    whole = isinstance(shape, list) and all(type(n) is int and 0 <= n <= LARGEST for n in shape)
    if not whole or not isinstance(values, list) or math.prod(shape) != len(values):  # type: ignore[arg-type]
        refuse(f"point: '{name}'", "a shape and as many values as it has entries", shape)
    numbers = [NOT_FINITE.get(each, each) if isinstance(each, str) else each for each in values]
    for each in numbers:
        if not (is_number(each) or (isinstance(each, float) and not math.isfinite(each))):
            refuse(f"point: '{name}'", "numbers", each)
    return name, np.array(numbers, dtype=kind).reshape(shape)
