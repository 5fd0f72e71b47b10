"""Values as people write them on a command line: `x=-2`, `W='[[1,2],[3,4]]'`, `X=@data.csv`.

A value is a number, a list in JSON or Python notation, or `@FILE` with a NumPy or CSV file. Text is
read as data, never evaluated.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import FileError, ValueGivenError
from ..files import reading
from ..files.arrays import arrays, bound_of, is_numpy
from .evaluator import as_array

Array = NDArray[Any]
ASSIGNMENT = re.compile(r"\s*([^\W\d][\w.′']*)\s*=(?!=)\s*(.*)", re.DOTALL)
ENDINGS = (".npy", ".npz")
LONGEST_TEXT = 10_000_000  # characters; a longer list belongs into a file, reading it takes minutes


def read_assignments(words: Iterable[str]) -> dict[str, Array]:
    """The arrays of `name=value` words; ValueGivenError for one that cannot be read.

    >>> read_assignments(["x=-2", "W=[[1, 2], [3, 4]]"])["W"].shape
    (2, 2)
    """
    found: dict[str, Array] = {}
    for word in words:
        match = ASSIGNMENT.fullmatch(word)
        if match is None:
            raise ValueGivenError(
                f"found '{word:.60}' where a value was expected: write name=value, "
                "such as x=-2, W='[[1,2],[3,4]]' or X=@data.npy"
            )
        name, text = match.groups()
        if name in found:
            raise ValueGivenError(f"'{name}' was given twice: give each input one value")
        found[name] = read_value(name, text)
    return found


def read_value(name: str, text: str) -> Array:
    """The array that `text` says; ValueGivenError where it is not finite numbers in one shape.

    >>> read_value("x", "1e-3")
    array(0.001)
    """
    text = text.strip()
    array = _read_named(name, text[1:]) if text.startswith("@") else _read_text(name, text)
    bad = ~np.isfinite(array)
    if bad.any():
        at = np.argwhere(bad)[0]
        place = f"[{', '.join(map(str, at))}]" if array.ndim else ""
        raise ValueGivenError(
            f"the value of '{name}' is not finite: {name}{place} = {array[tuple(at)]}; "
            "give finite numbers"
        )
    return array


def _read_text(name: str, text: str) -> Array:
    try:
        return np.asarray(float(text))
    except ValueError:
        return as_array(name, _literal(name, text))


def _literal(name: str, text: str) -> Any:
    if not text:
        raise ValueGivenError(f"the value of '{name}' is empty: write {name}=NUMBER")
    if len(text) > LONGEST_TEXT:
        raise ValueGivenError(
            f"the value of '{name}' has {len(text)} characters: "
            f"put it into a file, {name}=@FILE.npy"
        )
    try:
        return _to_literal(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise ValueGivenError(
            f"cannot read the value of '{name}', found '{text:.60}': expected a number, a list "
            f"such as [[1, 2], [3, 4]], or @FILE with a .npy, .npz or .csv file"
        ) from error


def _to_literal(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return ast.literal_eval(text)


def read_file(name: str, path: str) -> Array:
    """The array in a .npy, .npz (with one array) or text file of numbers; else ValueGivenError."""
    with reading.told_of(f"'{path}' for '{name}'", ValueGivenError):
        return as_array(name, _numbers(reading.read(path, bound_of), Path(path).suffix.lower()))


def _read_named(name: str, word: str) -> Array:
    """What a word of the command line names: a file, or standard input for `-`."""
    if word != reading.STANDARD:
        return read_file(name, word)
    with reading.told_of(f"standard input for '{name}'", ValueGivenError):
        return as_array(name, _numbers(reading.read_standard(bound_of), ""))


def _numbers(raw: bytes, ending: str) -> Any:
    """Numbers in a file's bytes, which say by themselves what they are: a pipe has no ending."""
    if not (is_numpy(raw) or ending in ENDINGS):
        return _table(reading.text(raw))
    found = arrays(raw)
    if len(found) != 1:
        raise FileError(f"it holds {len(found)} arrays, expected one")
    return next(iter(found.values()))


def _table(text: str) -> Any:
    """Numbers by rows, separated by commas, semicolons or blanks; one line of titles is skipped."""
    lines = [line.strip() for line in text.splitlines()]
    rows = [re.split(r"[,;]\s*|\s+", line) for line in lines if line and not line.startswith("#")]
    if rows and not any(map(_is_number, rows[0])):
        rows = rows[1:]
    if not rows:
        raise FileError("it holds no numbers")
    for at, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise FileError(f"row {at + 1} has {len(row)} entries, row 1 has {len(rows[0])}")
        for cell in row:
            if not _is_number(cell):
                raise FileError(f"row {at + 1} holds '{cell:.30}', which is not a number")
    array = np.array(rows, dtype=np.float64)
    return array[:, 0] if array.shape[1] == 1 else array


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
