"""What the commands found, as the JSON that `--json` prints (schema: docs/json-schema.md).

Numbers are numbers; nan and infinities, which JSON does not have, are the texts "nan", "inf" and
"-inf". Arrays are nested lists; one of more than `LARGEST` elements is given by its range instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from ..formulas.formulary import Formula
from ..numbers.evaluator import Trace
from ..tape.sizes import Shape
from .report import GradientRow, NodeRow, OperandRow, StepRow

SCHEMA = "graphdbg/1"
LARGEST = 10_000  # elements of an array that is written out
Json = Any


def document(command: str, version: str, **parts: Json) -> dict[str, Json]:
    """The document every command prints: which schema, which command, then its parts."""
    return {"schema": SCHEMA, "graphdbg": version, "command": command, **parts}


def value(array: Any) -> Json:
    """A number, nested lists of numbers, or the range of a large array.

    >>> value(np.array([1.0, np.nan]))
    [1.0, 'nan']
    """
    array = np.asarray(array)
    if array.size > LARGEST:
        finite = array[np.isfinite(array)]
        ends = (finite.min(), finite.max(), finite.mean()) if finite.size else (math.nan,) * 3
        names = ("min", "max", "mean")
        omitted = int(array.size - finite.size)
        return dict(zip(names, map(_number, ends))) | {"omitted": True, "not_finite": omitted}
    if np.isfinite(array).all():
        return array.tolist()
    return _nested(array.tolist())


def _nested(found: Any) -> Json:
    return [_nested(each) for each in found] if isinstance(found, list) else _number(found)


def _number(found: Any) -> Json:
    number = float(found)
    return number if math.isfinite(number) else str(number)


def shape(found: Shape) -> Json:
    """A shape: whole numbers, and texts for named dimensions."""
    return [dim if isinstance(dim, int) else str(dim) for dim in found]


def inputs(trace: Trace, drawn: Iterable[str]) -> Json:
    """The inputs with their values; `given` is false where the value was drawn at random."""
    graph, random = trace.graph, set(drawn)
    return [
        {
            "name": name,
            "shape": shape(graph[name].shape),
            "given": name not in random,
            "value": value(trace[name]),
        }
        for name in graph.inputs
    ]


def node(row: NodeRow) -> Json:
    """A node of the forward pass."""
    return {
        "name": row.name,
        "operation": row.operation,
        "shape": shape(row.shape),
        "call": row.call,
        "line": row.line,
        "value": value(row.value),
    }


def step(row: StepRow) -> Json:
    """A step of the backward pass."""
    return {
        "node": row.node,
        "operation": row.operation,
        "upstream": {"name": row.name, "closed": row.closed, "value": value(row.value)},
        "sum_of": list(row.terms),
        "operands": [operand(each) for each in row.operands],
    }


def operand(row: OperandRow) -> Json:
    """What a step hands to one operand."""
    local = None if row.local_value is None else value(row.local_value)
    return {
        "operand": row.operand,
        "slot": row.slot,
        "local": {"name": row.local_name, "closed": row.local, "value": local},
        "contribution": {
            "chain": row.chain,
            "locals": row.put_in,
            "closed": row.closed,
            "value": value(row.value),
        },
    }


def gradient(row: GradientRow) -> Json:
    """A gradient that was asked for."""
    return {
        "of": row.of,
        "wrt": row.wrt,
        "name": row.name,
        "closed": row.closed,
        "shape": shape(row.shape),
        "value": value(row.value),
    }


def dims(found: Mapping[str, int]) -> Json:
    """The sizes of the named dimensions."""
    return {name: int(size) for name, size in sorted(found.items())}


def verdict(found: Any) -> dict[str, Json]:
    """The answer to a claim."""
    refuted = found.verdict == "refuted"
    return {
        "claim": found.claim,
        "verdict": found.verdict,
        "digits": _number(found.digits),
        "points": found.points,
        "road": found.road or None,
        "holds": found.holds or None,
        "assumptions": list(found.assumptions),
        "exceptions": list(found.exceptions),
        "untaken": list(found.untaken),
        "reason": found.reason or None,
        "point": {name: value(each) for name, each in found.point.items()} if refuted else None,
        "entry": list(found.entry) if refuted else None,
        "left": _number(found.left) if refuted else None,
        "right": _number(found.right) if refuted else None,
    }


def formula(found: Formula, form: str | None, at: Any = None) -> dict[str, Json]:
    """A formula in one form, in LaTeX and NumPy code; its value where values were given."""
    chosen = form or "matrix"
    return {
        "title": found.title,
        "form": chosen,
        "text": found.text(chosen),
        "notation": found.notation,
        "latex": found.latex(),
        "python": found.python(),
        "shape": shape(found.shape),
        "definitions": dict(found.definitions),
        "assumptions": list(found.assumptions),
        "value": None if at is None else value(at),
        "stamp": {
            "points": found.stamp.points,
            "digits": _number(found.stamp.digits),
            "difference_digits": _optional(found.stamp.difference_digits),
        },
    }


def _optional(found: float | None) -> Json:
    return None if found is None else _number(found)
