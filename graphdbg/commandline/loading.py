"""What a command line is about: the graph of its source, and the point from its values.

A source is a formula, a file, or standard input. Shapes nobody declared follow from the values;
inputs nobody gave a value are drawn at random, and the caller is told which.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import GraphError, ShapeError, SourceError, ValueGivenError
from ..files import reading
from ..language.parser import parse
from ..numbers.assignments import Array, read_assignments
from ..numbers.evaluator import bind
from ..numbers.sampling import sample
from ..tape import ops
from ..tape.graph import Graph, suggestion
from ..tape.limits import NODES

FILE_NAME = re.compile(r"[^\s=+*@()\[\]]+\.(gd|py|txt)")
DECLARATION = re.compile(r"\w\s*:\s*[A-Z]\w*\s*\[")
UNSHAPED = (
    "; inputs without a shape are scalars: declare them (x: Real[4]), "
    "give --shape x=4, or give values (x='[1, 2, 3, 4]')"
)
MOST_NAMES = 8  # that an error lists


class Bounds(NamedTuple):
    """What a source may ask for: nodes of its text, bytes of an evaluation (see `parse`)."""

    nodes: int = NODES
    limit: int | None = None

    @classmethod
    def of(cls, args: Namespace) -> Bounds:
        """Those of a command line."""
        return cls(args.nodes or NODES, args.limit)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A graph and a point: each input's value. `drawn` are the inputs nobody gave a value."""

    graph: Graph
    point: dict[str, Array]
    drawn: tuple[str, ...]
    seed: int


def load(
    source: str,
    values: Sequence[str],
    shapes: Sequence[str],
    seed: int,
    bounds: Bounds | None = None,
) -> Loaded:
    """The graph and the point of a command line; GraphError where a part cannot be read."""
    return complete(*read_graph(source, values, shapes, bounds), seed)


def complete(
    graph: Graph, arrays: Mapping[str, Array], dims: Mapping[str, int], seed: int
) -> Loaded:
    """A graph with its point: the values given, and random ones for the other inputs."""
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
    free = [name for name in graph.inputs if graph[name].op.kind in ops.FREE]  # type: ignore[attr-defined]
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
    source: str, values: Sequence[str], shapes: Sequence[str], bounds: Bounds | None = None
) -> tuple[Graph, dict[str, Array], dict[str, int]]:
    """The graph of a command line, the values given, and the sizes given to named dimensions."""
    given = read_assignments(values)
    text, name = read_source(source)
    given_shapes = read_shapes(shapes)
    try:
        nodes, limit = bounds or Bounds()
        graph = parse(
            text, shapes=given_shapes, values=given, name=name, nodes=nodes, limit=limit
        )
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
    """The text of a source and what to call it in messages; SourceError where it cannot be read."""
    if word == reading.STANDARD:
        with reading.told_of("standard input", SourceError):
            return reading.text(reading.read_standard(reading.PROGRAM)), "<stdin>"
    if _is_file(word) or FILE_NAME.fullmatch(word):
        with reading.told_of(f"'{word}'", SourceError):
            return reading.text(reading.read(word, reading.PROGRAM)), word
    return word, "<formula>"


def read_from(args: Namespace) -> tuple[str, ...]:
    """The files that a command line names to be read; nothing is written over one of them.

    GraphError where standard input is named twice: what came from it once is gone.
    """
    given = vars(args)
    source = given.get("source") or ""
    words = [*(given.get("values") or ()), *(given.get("given") or ())]
    values = [word.partition("=")[2].strip() for word in words]
    named = [source, *(word[1:] for word in values if word.startswith("@"))]
    named += [given[key] for key in ("data", "load") if given.get(key)]
    if named.count(reading.STANDARD) > 1:
        raise GraphError("standard input is read once: give - in one place, files in the others")
    return tuple(word for word in (*named, *given.get("commands", ())) if _is_file(word))


def _is_file(word: str) -> bool:
    try:
        return Path(word).exists() and bool(word.strip())
    except (OSError, ValueError):  # too long for a file name, or a character none may have
        return False


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
