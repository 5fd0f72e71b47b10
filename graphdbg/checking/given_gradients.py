"""A user's own gradients beside ours and the differences: a verdict on each, and how it departs.

A given gradient is right where it is ours to a relative 1e-6 (1e-4 in single precision), or apart
from it by no more than rounding can make: twice the running error bound of our own gradient
(`numbers.rounding`), which decides where the exact gradient is 0. A bound of a long computation
says too much, so at most a small part of what was added up on the way counts as rounding.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ValueGivenError
from ..numbers.evaluator import Trace, as_array
from ..numbers.measuring import Outline, measure
from ..tape import ops
from ..tape.graph import Graph, Pass, cone, suggestion
from .differences import LEVELS, RATIO, Probe, moved, ridders
from .verdicts import Given

Array = NDArray[Any]
Gradients = Mapping[str, ArrayLike | Callable[..., ArrayLike]] | Callable[..., Any]

RTOL = 1e-6  # of the largest entry: written by hand, with another order of rounding
SINGLE = 1e-4  # the same in single precision
BOUNDS = 2  # a running error bound for their gradient and one for ours
ROUNDED = 1e-9  # of the largest value on the way: what rounding may hide at most
ROUNDED_SINGLE = 1e-5
WIDER = 2.0**29  # a rounding error of single precision in units of one of double precision


@dataclass(frozen=True, slots=True)
class Own:
    """A gradient that the user gave: the name it was given by, its node, the array."""

    word: str
    node: int
    backward: Pass
    array: Array


def own_gradients(
    graph: Graph,
    passes: Sequence[Pass],
    gradients: Gradients,
    point: Mapping[str, Any],
    drawn: Sequence[str] = (),
) -> list[Own]:
    """The user's gradients by node, in the order of the backward pass; functions are called.

    The gradient of W is called W, d_W, dW, dL_dW, dL/dW, or what the graph calls it (L.d_W); a
    node of exactly that name comes first. A function gets those inputs by name that it takes.

    Raises ValueGivenError for a name whose gradient the graph does not have or that is given
    twice, for numbers at a point of which inputs were `drawn`, and for what is no array.
    """
    found = _called(gradients, point) if callable(gradients) else gradients
    if not isinstance(found, Mapping):
        raise ValueGivenError(
            f"gradients must be given by name, as in {{'x': array}}, found {type(found).__name__}"
        )
    nodes: dict[int, tuple[str, Pass]] = {}
    for word in found:
        at, backward = _node_of(graph, passes, word)
        if at in nodes:
            raise ValueGivenError(
                f"'{nodes[at][0]}' and '{word}' are both the gradient of '{graph.names[at]}': "
                "give one of them"
            )
        nodes[at] = word, backward
    if not callable(gradients) and not all(callable(each) for each in found.values()):
        require_values(drawn)
    made = []
    for at, (word, backward) in nodes.items():
        value: Any = found[word]
        if callable(value):
            value = _called(value, point)
        made.append(Own(word, at, backward, as_array(f"gradient {word}", value)))
    return sorted(made, key=lambda own: _reached(own.backward, own.node))


def require_values(drawn: Sequence[str]) -> None:
    """Raise ValueGivenError where inputs have no value: gradients in numbers hold at one point."""
    if drawn:
        names = ", ".join(f"'{name}'" for name in drawn)
        raise ValueGivenError(
            f"gradients were given as numbers, which hold at one point, but {names} "
            f"{'has' if len(drawn) == 1 else 'have'} no value: give every input the value at which "
            "they were computed, or give a function, which is called with random values"
        )


def _called(function: Callable[..., Any], point: Mapping[str, Any]) -> Any:
    """What a user's function makes of the inputs that it takes, by name."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # built in, with no signature to read: it takes all or none
        return function(**point)
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        return function(**point)
    for each in parameters:
        required = each.default is each.empty and each.kind is not each.VAR_POSITIONAL
        if required and (each.name not in point or each.kind is each.POSITIONAL_ONLY):
            raise ValueGivenError(
                f"the function of gradients takes '{each.name}', which is not an input of the "
                f"graph{suggestion(each.name, point)} (its inputs: {', '.join(point) or 'none'}); "
                "inputs are given by name"
            )
    taken = {each.name for each in parameters if each.kind is not each.POSITIONAL_ONLY}
    return function(**{name: value for name, value in point.items() if name in taken})


def as_indices(graph: Graph, point: Mapping[str, Any]) -> dict[str, Any]:
    """A point for a user's function: labels as integers, so that they can be indices."""
    labels = {graph.names[at] for at in graph.input_ids if _domain(graph, at) == "Label"}
    return {
        name: np.asarray(value).astype(np.int64) if name in labels else value
        for name, value in point.items()
    }


def _domain(graph: Graph, at: int) -> str:
    op: Any = graph.ops[at]
    return str(op.domain) if type(op) is ops.Input else ""


def compare_given(
    graph: Graph, given: Sequence[Own], trace: Trace, rtol: float | None = None
) -> list[Given]:
    """Each given gradient against ours, to a relative `rtol` (default: `RTOL`, `SINGLE`)."""
    targets = tuple(own.backward.upstream[own.node] for own in given)
    found = measure(Outline(graph, targets), _inputs(graph, trace), trace.dims)
    return [_compare(graph, own, trace, found.errors, rtol) for own in given]


def _inputs(graph: Graph, trace: Trace) -> dict[str, Array]:
    return {graph.ops[at].name: trace.arrays[at] for at in graph.input_ids}  # type: ignore[attr-defined]


def _node_of(graph: Graph, passes: Sequence[Pass], word: str) -> tuple[int, Pass]:
    """The node whose gradient a word means, and the pass that holds it."""
    meant = [
        (graph.find(word.removeprefix(prefix)), backward)
        for spelling in ("", "d_", "d", "d{of}_d", "d{of}/d")
        for backward in passes
        if word.startswith(prefix := spelling.format(of=graph.names[backward.of]))
    ]
    for at, backward in meant:
        held = {
            gradient: node
            for node, gradient in backward.upstream.items()
            if graph.phases[gradient]  # f = h*y: the gradient by y is h, and 'h' means h
        }
        if at in backward.upstream:
            return at, backward
        if at in held:
            return held[at], backward
    node = next((at for at, _ in meant if at is not None), None)
    node = graph.id(word) if node is None else node
    known = [graph.names[each] for backward in passes for each in backward.upstream]
    raise ValueGivenError(
        f"a gradient was given for '{graph.names[node]}', which is not on the way from "
        f"{', '.join(_names(graph, passes))}: add it to wrt{suggestion(word, known)}",
        node=graph.names[node],
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


def _compare(
    graph: Graph, own: Own, trace: Trace, errors: Mapping[int, Array], tolerance: float | None
) -> Given:
    given, upstream = own.array, own.backward.upstream[own.node]
    ours = np.asarray(trace.arrays[upstream], float)
    single = given.dtype == np.float32
    rtol = tolerance or (SINGLE if single else RTOL)
    if given.shape != ours.shape:
        note = f"given with shape {given.shape}, expected {ours.shape}"
        if given.T.shape == ours.shape and np.allclose(given.T, ours, rtol, 0):
            note += "; transposed it would be right"
        return _made(graph, own, None, np.nan, np.nan, np.nan, np.inf, False, note)
    slack = _rounding(graph, upstream, trace, errors[upstream], single)
    error = _errors(given.astype(float), ours, slack, rtol)
    entry = tuple(int(each) for each in np.unravel_index(int(np.argmax(error)), error.shape))
    worst = float(error[entry])
    numeric = _numeric(graph, own.backward, own.node, entry, trace)
    right = worst <= rtol
    zero = right and bool(np.all((np.abs(given) <= slack) & (np.abs(ours) <= slack)))
    note = ZERO if zero and (given.any() or ours.any()) else ""
    if not right:
        note = _pattern(given, ours, rtol)
    have, want = float(given[entry]), float(ours[entry])
    return _made(graph, own, entry, have, want, numeric, worst, right, note)


ZERO = "0 up to rounding"


def _errors(given: Array, ours: Array, slack: Array, rtol: float) -> Array:
    """|given - ours| over the larger of them, over a part of the largest, or over rounding."""
    largest = float(np.max(np.abs(ours), initial=0))
    with np.errstate(all="ignore"):
        gap = np.abs(given - ours)
        gap = np.where(np.isfinite(gap), gap, np.inf)
        size = np.maximum(np.maximum(np.abs(given), np.abs(ours)), 1e-6 * largest)
        return np.where(gap > 0, gap / np.maximum(size, slack / rtol), 0)


def _rounding(graph: Graph, upstream: int, trace: Trace, bound: Array, single: bool) -> Array:
    """How far a right gradient may be from ours by rounding alone, for each entry."""
    behind = [at for at in cone(graph, (upstream,)) if graph.phases[at]]
    sizes = [np.max(np.abs(trace.arrays[at]), initial=0) for at in behind]
    most = (ROUNDED_SINGLE if single else ROUNDED) * float(max(sizes, default=0.0))
    if not np.isfinite(most):
        return np.zeros(np.shape(bound))
    return np.minimum(np.where(np.isnan(bound), 0, bound) * BOUNDS * (WIDER if single else 1), most)


def _made(graph: Graph, own: Own, *rest: Any) -> Given:
    entry, given, analytic, numeric, error, ok, note = rest
    span, name = graph.place(own.node), graph.names[own.node]
    line, text = (span.line, span.text) if span else (0, "")
    return Given(name, entry, given, analytic, numeric, error, ok, line, text, note)


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
