"""What a command line is about: the graph of its source, and the point from its values.

A source is a formula, a file, or standard input. Shapes nobody declared follow from the values;
inputs nobody gave a value are drawn at random, and the caller is told which.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import GraphError, ShapeError, SourceError, ValueGivenError
from ..language.parser import parse
from ..numbers.assignments import Array, read_assignments
from ..numbers.evaluator import bind
from ..numbers.sampling import sample
from ..tape.graph import Graph, suggestion

FILE_NAME = re.compile(r"[^\s=+*@()\[\]]+\.(gd|py|txt)")
DECLARATION = re.compile(r"\w\s*:\s*[A-Z]\w*\s*\[")
UNSHAPED = (
    "; inputs without a shape are scalars: declare them (x: Real[4]), "
    "give --shape x=4, or give values (x='[1, 2, 3, 4]')"
)
FREE = ("Real", "Positive")  # domains of inputs that are differentiated by, unless others are named
MOST_NAMES = 8  # that an error lists
LARGEST_SOURCE = 100_000_000  # bytes; no program anybody wrote, and the memory is spared


@dataclass(frozen=True, slots=True)
class Loaded:
    """A graph and a point: each input's value. `drawn` are the inputs nobody gave a value."""

    graph: Graph
    point: dict[str, Array]
    drawn: tuple[str, ...]
    seed: int


def load(source: str, values: Sequence[str], shapes: Sequence[str], seed: int) -> Loaded:
    """The graph and the point of a command line; GraphError where a part cannot be read."""
    graph, arrays, dims = read_graph(source, values, shapes)
    drawn = tuple(name for name in graph.inputs if name not in arrays)
    if drawn or dims:
        point = sample(graph, seed=seed, dims=dims, given=arrays)
    else:
        point, _ = bind(graph, arrays)
    return Loaded(graph, point, drawn, seed)


def listed(words: str | None) -> list[str] | None:
    """The names in a list with commas, None where there is none."""
    return [word.strip() for word in words.split(",") if word.strip()] if words else None


def chosen(graph: Graph, words: str | None) -> list[str] | None:
    """The names to differentiate by: those given, or the inputs that are not labels."""
    free = [name for name in graph.inputs if graph[name].op.domain in FREE]  # type: ignore[attr-defined]
    return listed(words) or free or None


def target(graph: Graph, of: str | None) -> str | None:
    """The node to differentiate: `of`, or the only scalar output; None where there is none."""
    if of is not None:
        return graph[of].name
    scalars = [name for name in graph.outputs if graph[name].shape == ()]
    if len(scalars) > 1:
        raise GraphError(
            f"the program has several scalar results, {shortened(scalars)}: "
            f"say which one with --of, such as --of {scalars[-1]}"
        )
    return scalars[0] if scalars else None


def shortened(names: Sequence[str]) -> str:
    """Names with commas, the middle of a long list left out."""
    if len(names) > MOST_NAMES:
        names = [*names[: MOST_NAMES - 1], "...", names[-1]]
    return ", ".join(names)


def read_graph(
    source: str, values: Sequence[str], shapes: Sequence[str]
) -> tuple[Graph, dict[str, Array], dict[str, int]]:
    """The graph of a command line, the values given, and the sizes given to named dimensions."""
    given = read_assignments(values)
    text, name = read_source(source)
    given_shapes = read_shapes(shapes)
    try:
        graph = parse(text, shapes=given_shapes, values=given, name=name)
    except ShapeError as error:
        if given or given_shapes or DECLARATION.search(text):
            raise
        raise ShapeError(f"{error.message}{UNSHAPED}", span=error.span) from error
    for unused in given_shapes.keys() - set(graph.inputs):
        raise ValueGivenError(
            f"a shape was given for '{unused}', which is not an input of the graph"
            f"{suggestion(unused, graph.inputs)} (its inputs: {', '.join(graph.inputs) or 'none'})"
        )
    return (graph, *_sort(graph, given))


def read_source(word: str) -> tuple[str, str]:
    """The text of a source and what to call it in messages."""
    if word == "-":
        return sys.stdin.read(), "<stdin>"
    if _is_file(word) or FILE_NAME.fullmatch(word):
        return _read_file(word), word
    return word, "<formula>"


def _is_file(word: str) -> bool:
    try:
        return Path(word).exists() and bool(word.strip())
    except (OSError, ValueError):  # too long for a file name, or a character none may have
        return False


def _read_file(path: str) -> str:
    try:
        if Path(path).stat().st_size > LARGEST_SOURCE:
            raise SourceError(f"'{path}' is larger than {LARGEST_SOURCE // 1_000_000} MB")
        return Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise SourceError(
            f"cannot read '{path}': {error.strerror}; give a formula or the file of a program"
        ) from error
    except UnicodeDecodeError as error:
        raise SourceError(
            f"cannot read '{path}': it is not text in UTF-8 (byte {error.start})"
        ) from error


def read_shapes(words: Sequence[str]) -> dict[str, tuple[int | str, ...]]:
    """The shapes of `x=4,n` words; GraphError for one that is none.

    >>> read_shapes(["x=4,n", "s="])
    {'x': (4, 'n'), 's': ()}
    """
    found: dict[str, tuple[int | str, ...]] = {}
    for word in words:
        name, equals, dims = word.partition("=")
        parts = [part.strip(" ()[]") for part in dims.split(",")]
        sizes = [part for part in parts if part]
        if not equals or not all(part.isdecimal() or part.isidentifier() for part in sizes):
            raise GraphError(
                f"found --shape {word!r:.60}: expected a name and its dimensions, "
                "numbers or names, such as --shape x=4,n"
            )
        found[name.strip()] = tuple(int(part) if part.isdecimal() else part for part in sizes)
    return found


def _sort(graph: Graph, given: Mapping[str, Array]) -> tuple[dict[str, Array], dict[str, int]]:
    """The given values of inputs, and the given sizes of named dimensions."""
    arrays, dims = {}, {}
    known = (*graph.inputs, *graph.dims)
    for name, array in given.items():
        if name in graph.inputs:
            arrays[name] = array
        elif name in graph.dims:
            dims[name] = _size(name, array)
        else:
            raise ValueGivenError(
                f"a value was given for '{name}', which is not an input of the graph"
                f"{suggestion(name, known)} (its inputs: {', '.join(graph.inputs) or 'none'})"
            )
    return arrays, dims


def _size(name: str, array: Array) -> int:
    if array.ndim or array < 1 or array != np.floor(array):
        raise ValueGivenError(
            f"'{name}' is a dimension: give it a whole number from 1, not {array.tolist()}"
        )
    return int(array)
