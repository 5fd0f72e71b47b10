"""What-if moves of an input: which entry is meant, and what a nudge predicted and did."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ValueGivenError
from ..rendering.numbers import brief
from ..tape.graph import Graph, suggestion

if TYPE_CHECKING:
    from .scope import Scope

Array = NDArray[Any]
SAME = 1e-9  # relative difference that is rounding, and not worth a word
Entry = tuple[int, ...] | None
ENTRY = re.compile(r"\s*([^\[\]]+?)\s*\[\s*(-?\d+(?:\s*,\s*-?\d+)*)\s*\]\s*")


@dataclass(frozen=True, slots=True)
class Nudge:
    """What a small move of an input did to f: `predicted` by its gradient, and `actual`."""

    of: str
    what: str
    by: float
    predicted: float
    actual: float

    @classmethod
    def between(cls, before: Scope, after: Scope, name: str, entry: Entry, by: float) -> Nudge:
        """The nudge that led from one scope to the other; GraphError without a gradient."""
        gradient = before.gradient_of(before.graph.id(name))
        backward, names = before.graph.passes[-1], before.graph.names
        slope = float(np.sum(gradient) if entry is None else gradient[entry])
        f = [float(np.asarray(scope.trace.arrays[backward.of])) for scope in (before, after)]
        what = name if entry is None else f"{name}[{', '.join(map(str, entry))}]"
        return cls(names[backward.of], what, by, slope * by, f[1] - f[0])

    def __str__(self) -> str:
        error = abs(self.actual - self.predicted)
        size = max(abs(self.actual), abs(self.predicted))
        off = (
            f", off by {100 * error / size:.2g} %" if size and SAME < error / size < np.inf else ""
        )
        return (
            f"{self.what} moved by {self.by:g}: predicted Δ{self.of} = ∂{self.of}/∂{self.what} · Δ "
            f"= {brief(np.asarray(self.predicted))}, actual Δ{self.of} = "
            f"{brief(np.asarray(self.actual))}{off}"
        )


def entry_of(graph: Graph, text: str) -> tuple[str, Entry]:
    """The input and the entry that `x` or `W[0, 1]` mean; ValueGivenError where there is none."""
    match = ENTRY.fullmatch(text)
    name = match[1] if match else text.strip()
    if name not in graph.inputs:
        what = "is computed" if name in graph else "is not in the program"
        raise ValueGivenError(
            f"'{name}' {what}: only inputs can be set{suggestion(name, graph.inputs)} "
            f"(the inputs: {', '.join(graph.inputs)})"
        )
    return name, tuple(int(part) for part in match[2].split(",")) if match else None


def with_entry(name: str, value: Array, entry: Entry, new: Array) -> Array:
    """A value with another number in one entry, or without one the new value of its shape.

    Raises ValueGivenError where there is no such entry, or the shapes differ.
    """
    if entry is None:
        if new.shape != value.shape:
            raise ValueGivenError(
                f"'{name}' has shape {value.shape}, found {new.shape}: the sizes of a session are "
                "fixed"
            )
        return new
    if new.size != 1:
        raise ValueGivenError(f"an entry of '{name}' is one number, found {new.size}")
    changed = np.array(value)
    if len(entry) != changed.ndim:
        raise _no_entry(entry, changed)
    try:
        changed[entry] = new.reshape(())
    except IndexError as error:
        raise _no_entry(entry, changed) from error
    return changed


def _no_entry(entry: Entry, value: Array) -> ValueGivenError:
    if not value.ndim:
        return ValueGivenError("it is a number and has no entries: leave the brackets out")
    return ValueGivenError(f"no entry {list(entry or ())} in shape {value.shape}")


def nudged(value: Array, entry: Entry, by: float) -> Array:
    """A value moved by a number, in one entry or in all."""
    moved = np.array(value)
    if entry is None:
        return moved + by
    if len(entry) != moved.ndim:
        raise _no_entry(entry, moved)
    try:
        moved[entry] += by
    except IndexError as error:
        raise _no_entry(entry, moved) from error
    return moved
