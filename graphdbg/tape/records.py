"""Operations and dimensions as JSON records, and `Reader`, which asks a record's entries by type.

What an operation's field is called says what it holds, so one table of fields (`FIELDS`) writes
and reads every primitive. Whatever does not fit is refused with its place in the file.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, NoReturn

from ..errors import GraphError
from ..source import escaped_in_json
from . import ops
from .graph import NONE
from .scalars import TABLE
from .sizes import Dim, Shape, Size, named, product

Json = Any
MOST_TERMS = 64  # of a size: more than any program of ours adds up
LARGEST = 2**63  # of a whole number: a position, a size, a factor


def refuse(where: str, expected: str, found: Json) -> NoReturn:
    """Raise GraphError: what stands at `where` in the file, and what was expected there."""
    raise GraphError(f"not a saved graph: {where} must be {expected}, found {_short(found)}")


def _short(found: Json) -> str:
    try:
        text = json.dumps(found, ensure_ascii=False, default=repr)
    except (RecursionError, ValueError):  # nested too deeply, or a number of very many digits
        return f"a {type(found).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def data_of(text: str, what: str) -> Json:
    """The data of a JSON text; GraphError, saying `what` it is not, where it is none.

    A key that an object has twice, of which one would be lost, is none; nor is a number that is
    none, or one of more digits than anybody wrote.
    """
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError as error:
        raise GraphError(f"{what} is JSON, but this text is nested too deeply") from error
    except ValueError as error:
        raise GraphError(f"{what} is JSON, but this text is not: {error}") from error


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"an object has {next(k for k in keys if keys.count(k) > 1)!r:.60} twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def once(pairs: Iterable[tuple[Any, Any]], where: str) -> dict[Any, Any]:
    """Pairs as a dict; GraphError where one key has two values, of which one would be lost."""
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if found.setdefault(key, value) != value:
            raise GraphError(
                f"not a saved graph: {where}: expected one for {key!r:.60}, "
                f"found {found[key]!r:.60} and {value!r:.60}"
            )
    return found


class Reader:
    """A dict from a file, whose entries are asked for by type; GraphError names the place."""

    def __init__(self, data: Json, where: str = "") -> None:
        if not isinstance(data, dict):
            refuse(where or "the whole", "an object", data)
        self.data, self.where = data, where

    def require(self, name: str, version: int) -> None:
        """Raise GraphError unless the file says that it is of this format and version."""
        if self.text("format") != name:
            refuse("format", f"'{name}'", self.data["format"])
        if self.integer("version") != version:
            refuse("version", f"{version}, the version this program knows", self.data["version"])

    def get(self, key: str, kind: type, expected: str) -> Any:
        """The entry `key`, which must be of `kind`."""
        where = f"{self.where}.{key}" if self.where else key
        if key not in self.data:
            raise GraphError(f"not a saved graph: {where} is missing")
        value = self.data[key]
        if not isinstance(value, kind) or isinstance(value, bool):
            refuse(where, expected, value)
        return value

    def text(self, key: str) -> str:
        """The text at `key`."""
        return str(self.get(key, str, "a text"))

    def integer(self, key: str) -> int:
        """The whole number at `key`."""
        return integer_in(self.get(key, int, "a whole number"), f"{self.where}.{key}".lstrip("."))

    def items(self, key: str) -> list[Json]:
        """The list at `key`."""
        return list(self.get(key, list, "a list"))

    def integers(self, key: str) -> list[int]:
        """The list of whole numbers at `key`."""
        return integers(self.items(key), key)

    def object(self, key: str) -> Reader:
        """The object at `key`."""
        return Reader(self.get(key, dict, "an object"), key)

    def objects(self, key: str) -> list[Reader]:
        """The list of objects at `key`."""
        return [Reader(each, f"{key}[{at}]") for at, each in enumerate(self.items(key))]

    def rows(self, key: str) -> list[tuple[str, Json]]:
        """The list at `key`, each entry with its place."""
        return [(f"{key}[{at}]", row) for at, row in enumerate(self.items(key))]

    def pairs(self, key: str) -> list[tuple[int, str]]:
        """The list at `key` of pairs of a position and a name."""
        for where, row in self.rows(key):
            if not (isinstance(row, list) and len(row) == 2 and isinstance(row[1], str)):
                refuse(where, "a node's position and a name", row)
            integers(row[:1], where)
        return [(at, name) for at, name in self.data[key]]


def integers(found: Json, where: str) -> list[int]:
    """The value at `where`, a list of whole numbers."""
    if not isinstance(found, list):
        refuse(where, "a list of whole numbers", found)
    for each in found:
        if not isinstance(each, int) or isinstance(each, bool):
            refuse(where, "whole numbers", each)
        if abs(each) > LARGEST:
            refuse(where, "whole numbers up to 2^63", each)
    return found


def pick(table: Sequence[Any], at: int, where: str, optional: bool = False) -> Any:
    """The entry `at` of a table; with `optional`, None for -1."""
    if optional and at == NONE:
        return None
    if not 0 <= at < len(table):
        refuse(where, f"a position below {len(table)}", at)
    return table[at]


# ------------------------------------------------------------------ writing


def written(data: Json, indent: int | None = None) -> str:
    """Plain data as JSON text in which every character is visible; a NaN is a ValueError."""
    return escaped_in_json(json.dumps(data, ensure_ascii=False, allow_nan=False, indent=indent))


def op_to_dict(op: ops.Op) -> Json:
    """An operation by its class and its fields."""
    written = {each.name: FIELDS[each.name][0](getattr(op, each.name)) for each in _fields(op)}
    return {"op": type(op).__name__, **written}


def _fields(op: Any) -> Sequence[Any]:
    return fields(op) if is_dataclass(op) else ()


def _number_out(value: Any) -> Json:
    if isinstance(value, Size):
        return _dim_out(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def _dim_out(dim: Dim) -> Json:
    return dim if isinstance(dim, int) else [[list(names), factor] for names, factor in dim.terms]


def shape_out(shape: Shape) -> Json:
    """A shape as a list of dimensions: a whole number, or [names, factor] of a sum of products."""
    return [_dim_out(dim) for dim in shape]


def _ranges_out(ranges: Iterable[ops.Range]) -> Json:
    return [[_dim_out(start), _dim_out(size), step] for start, size, step in ranges]


# ------------------------------------------------------------------ reading


def op_from_dict(reader: Reader) -> ops.Op:
    """The primitive operation of a record."""
    kinds = {kind.__name__: kind for kind in ops.PRIMITIVES}
    name = reader.text("op")
    if name not in kinds:
        refuse(f"{reader.where}.op", "a primitive operation", name)
    given = {}
    for each in _fields(kinds[name]):
        where = f"{reader.where}.{each.name}"
        if each.name not in reader.data:
            raise GraphError(f"not a saved graph: {where} is missing")
        given[each.name] = FIELDS[each.name][1](reader.data[each.name], where)
    return kinds[name](**given)


def _text_in(found: Json, where: str) -> str:
    if not isinstance(found, str):
        refuse(where, "a text", found)
    return found


def _texts_in(found: Json, where: str) -> tuple[str, ...]:
    if not isinstance(found, list):
        refuse(where, "a list of texts", found)
    return tuple(_text_in(each, where) for each in found)


def _choice(allowed: Iterable[str], expected: str) -> Callable[[Json, str], str]:
    def read(found: Json, where: str) -> str:
        if not isinstance(found, str) or found not in allowed:
            refuse(where, expected, found)
        return found

    return read


def _domain_in(found: Json, where: str) -> str:
    if isinstance(found, str) and (
        (found in ops.DOMAINS and found != "Interval") or ops.interval(found)
    ):
        return found
    refuse(where, "a domain", found)


def integer_in(found: Json, where: str) -> int:
    """The whole number at `where`."""
    return integers([found], where)[0]


def _integers_in(found: Json, where: str) -> tuple[int, ...]:
    return tuple(integers(found, where))


def _number_in(found: Json, where: str) -> Any:
    if isinstance(found, list):
        return _dim_in(found, where)
    if found in ("inf", "-inf", "nan"):
        return float(found)
    if not is_number(found):
        refuse(where, "a number", found)
    return found


def is_number(found: Json) -> bool:
    """Whether a number of JSON is one of those that a float holds."""
    return type(found) in (int, float) and abs(found) <= sys.float_info.max


def _numbers_in(found: Json, where: str) -> tuple[Any, ...]:
    if not isinstance(found, list):
        refuse(where, "a list of numbers", found)
    return tuple(_number_in(each, where) for each in found)


def _dim_in(found: Json, where: str) -> Dim:
    if not isinstance(found, list):
        return integer_in(found, where)
    total: Dim = 0
    for row in found:
        if not (isinstance(row, list) and len(row) == 2 and len(found) <= MOST_TERMS):
            refuse(where, "a size: names and a factor", row)
        names = map(named, _texts_in(row[0], where))
        total = total + product([integer_in(row[1], where), *names])
    return total


def shape_in(found: Json, where: str) -> Shape:
    """The shape at `where`."""
    if not isinstance(found, list):
        refuse(where, "a list of dimensions", found)
    return tuple(_dim_in(each, where) for each in found)


def _ranges_in(found: Json, where: str) -> tuple[ops.Range, ...]:
    if not isinstance(found, list) or any(not isinstance(row, list) for row in found):
        refuse(where, "a list of ranges", found)
    for row in found:
        if len(row) != 3:
            refuse(where, "ranges of a start, a size and a step", row)
    return tuple(
        (_dim_in(start, where), _dim_in(size, where), integer_in(step, where))
        for start, size, step in found
    )


# What each field of an operation is called says what it holds: how it is written, how it is read.
FIELDS: dict[str, tuple[Callable[[Any], Json], Callable[[Json, str], Any]]] = {
    "name": (str, _text_in),
    "shape": (shape_out, shape_in),
    "domain": (str, _domain_in),
    "value": (_number_out, _number_in),
    "values": (lambda values: [_number_out(each) for each in values], _numbers_in),
    "size": (_dim_out, _dim_in),
    "function": (str, _choice(TABLE, "an elementwise function")),
    "inputs": (list, _texts_in),
    "output": (str, _text_in),
    "kind": (str, _choice(ops.REDUCTIONS, "a reduction")),
    "axes": (list, _integers_in),
    "axis": (int, integer_in),
    "ranges": (_ranges_out, _ranges_in),
    "count": (int, integer_in),
}
