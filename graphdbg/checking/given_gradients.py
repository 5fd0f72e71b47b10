"""A user's own gradients beside ours and the differences: which of them departs first, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ValueGivenError
from ..numbers.evaluator import Trace
from ..tape.graph import Graph, Pass, suggestion
from .differences import LEVELS, RATIO, Probe, moved, ridders
from .verdicts import Given

Array = NDArray[Any]

RTOL = 1e-6  # of the largest entry: written by hand, with another order of rounding
SINGLE = 1e-4  # the same in single precision


def compare_given(
    graph: Graph, passes: Iterable[Pass], given: Mapping[str, Array], trace: Trace
) -> list[Given]:
    """Each given gradient against ours, in the order of the backward pass.

    Raises ValueGivenError for a name whose gradient the graph does not have.
    """
    found = []
    for name, array in given.items():
        backward = _pass_of(graph, passes, name)
        at = graph.id(name)
        found.append((_reached(backward, at), _compare(graph, backward, at, array, trace)))
    return [each for _, each in sorted(found, key=lambda pair: pair[0])]


def _pass_of(graph: Graph, passes: Iterable[Pass], name: str) -> Pass:
    at = graph.id(name)
    for backward in passes:
        if at in backward.upstream:
            return backward
    known = [graph.names[node] for backward in passes for node in backward.upstream]
    raise ValueGivenError(
        f"a gradient was given for '{name}', which is not on the way from "
        f"{', '.join(_names(graph, passes))}: add it to wrt{suggestion(name, known)}",
        node=name,
    )


def _names(graph: Graph, passes: Iterable[Pass]) -> list[str]:
    """The inputs that are checked, and what they are checked against."""
    made = []
    for backward in passes:
        inputs = " and ".join(graph.names[at] for at in backward.wrt)
        made.append(f"{inputs} to {graph.names[backward.of]}")
    return made


def _reached(backward: Pass, at: int) -> int:
    """When the backward pass has finished the gradient of a node; smaller is earlier."""
    return -min((part.consumer for part in backward.contributions.get(at, ())), default=at)


def _compare(graph: Graph, backward: Pass, at: int, given: Array, trace: Trace) -> Given:
    ours = np.asarray(trace.arrays[backward.upstream[at]], float)
    if given.shape != ours.shape:
        note = f"given with shape {given.shape}, expected {ours.shape}"
        if given.T.shape == ours.shape and np.allclose(given.T, ours, RTOL, 0):
            note += "; transposed it would be right"
        return _made(graph, at, None, np.nan, np.nan, np.nan, np.inf, False, note)
    rtol = SINGLE if given.dtype == np.float32 else RTOL
    largest = float(np.max(np.abs(ours), initial=0))
    with np.errstate(all="ignore"):
        gap = np.abs(given - ours)
    gap = np.where(np.isfinite(gap), gap, np.inf)
    size = np.maximum(np.maximum(np.abs(given), np.abs(ours)), 1e-6 * largest)
    with np.errstate(all="ignore"):
        error = np.where(gap > 0, gap / size, 0)
    entry = tuple(int(each) for each in np.unravel_index(int(np.argmax(error)), error.shape))
    worst = float(error[entry])
    numeric = _numeric(graph, backward, at, entry, trace)
    note = "" if worst <= rtol else _pattern(given, ours, rtol)
    have, want = float(given[entry]), float(ours[entry])
    return _made(graph, at, entry, have, want, numeric, worst, worst <= rtol, note)


def _made(graph: Graph, at: int, *rest: Any) -> Given:
    entry, given, analytic, numeric, error, ok, note = rest
    span = graph.place(at)
    line, text = (span.line, span.text) if span else (0, "")
    return Given(graph.names[at], entry, given, analytic, numeric, error, ok, line, text, note)


def _pattern(given: Array, ours: Array, rtol: float) -> str:
    """A sentence where the whole array is off in one of the usual ways."""
    if not np.isfinite(given).all():
        return f"not finite: {given[~np.isfinite(given)].flat[0]}"
    places = np.abs(ours) > 1e-6 * np.max(np.abs(ours), initial=0)
    if not given.any():
        return "given as 0 everywhere"
    if places.any():
        ratios = given[places] / ours[places]
        if np.allclose(ratios, ratios.flat[0], rtol, 0):
            return f"{ratios.flat[0]:.6g} times the right one in every entry"
    if given.ndim == 2 and given.shape[0] == given.shape[1] and np.allclose(given.T, ours, rtol, 0):
        return "transposed it would be right"
    return ""


def _numeric(graph: Graph, backward: Pass, at: int, entry: tuple[int, ...], trace: Trace) -> float:
    """The derivative of the target in one entry of a node, by many steps extrapolated."""
    base = np.asarray(trace.arrays[at], float)
    first = np.array([max(abs(float(base[entry])), 1.0) / 8])
    steps = np.array([sign * first[0] * RATIO**-j for j in range(LEVELS) for sign in (1, -1)])
    flat = int(np.ravel_multi_index(entry, base.shape)) if base.shape else 0
    stack = moved(base, np.full(len(steps), flat), steps)
    values = Probe(graph, backward.of, [at]).values(trace.arrays, trace.dims, [stack])
    with np.errstate(all="ignore"):
        return float(ridders(values.reshape(LEVELS, 2, 1), first, 1e-16)[0][0])
