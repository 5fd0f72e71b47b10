"""`check`: is this gradient right, and if not, which step of the backward pass is wrong?

Two independent tests. Each gradient that was asked for is compared with differences of the target
(`gradient_rows`), and each contribution of the backward pass with differences of the one node it
crosses (`local_rules`): the first says whether, the second says where.

Tolerance: a relative error of 1e-7 in double precision ("good" in the CS231n notes), plus what
rounding leaves of the differences, which is measured and not assumed. An entry that is not finite
never counts as right; one that rounding hides is called `unresolved` and rests on the local rules.
What a `StopGradient` holds back stays fixed in the differences, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..calculus.gradients import DIFFERENTIABLE, grad, names_of
from ..errors import ValueGivenError
from ..numbers.evaluator import Trace, as_array, bind, evaluate
from ..numbers.sampling import sample
from ..numbers.work import bounded, require_room
from ..tape.graph import Graph, Pass
from ..tape.naming import describe
from ..tape.programs import Program, graph_of
from .differences import TINY
from .findings import kinks_at, nonfinite_at
from .given_gradients import Gradients, Own, as_indices, compare_given, own_gradients
from .gradient_rows import Examination
from .local_rules import Fault, LocalRules
from .moves import Group, groups_of, noise_at
from .runner import Runner, Values
from .verdicts import GOOD, NOT_FINITE, WRONG, Blame, Given, Report, Row

Array = NDArray[Any]

RTOL = 1e-7  # double precision, smooth functions: CS231n notes on gradient checks
SINGLE_RTOL = 1e-4  # single precision: 1,000 rounding errors of 6e-8
STACKS = 24  # arrays beside the trace: eight moved values of each node on the way, three in hand
ROUNDS = 8  # evaluations that a check takes: moves by the last bit, and in a few directions
TANGLED = (
    "every local rule is right; at this point the conventions of several kinks do not fit together"
)
SINGLE_FLOOR = 1e-5  # of the largest entry: single precision cannot tell less in a sum


def check(
    program: Program,
    point: Mapping[str, ArrayLike] | None = None,
    *,
    of: str | None = None,
    wrt: Iterable[str] | str | None = None,
    seed: int = 0,
    rtol: float | None = None,
    gradients: Gradients | None = None,
    limit: int | str | None = None,
) -> Report:
    """The `Report` on every gradient at a point: compared with differences, each rule by itself.

    `program` is a graph that `grad` made, or a forward graph (or its text or file), whose gradient
    of `of` with respect to `wrt` is then taken. Inputs without a value get seeded random ones.
    `gradients` are the user's own: arrays or functions of the inputs (`f(x=..., W=...)`) by the
    name of an input or an inner node (W, or dW, d_W), or one function that returns all of them; the
    report has a verdict on each (`given`).

    Raises DifferentiationError where the target is not a scalar; ValueGivenError where gradients
    are given as numbers and an input has no value; LimitError, before anything is computed, where
    the check would take more than `limit` bytes ("2GB"; by default as in `evaluate`).

    >>> import graphdbg as gd
    >>> report = check(gd.parse("f=(x+y)z"), {"x": -2, "y": 5, "z": -4})
    >>> report.ok, report.rows[0].wrt, report.rows[0].analytic
    (True, 'x', -4.0)
    """
    chosen = [wrt] if isinstance(wrt, str) else list(wrt) if wrt is not None else None
    found = checker_of(bounded(graph_of(program, point), limit), of, chosen)
    return found.check(point, seed=seed, rtol=rtol, gradients=gradients)


def checker_of(graph: Graph, of: str | None = None, wrt: list[str] | None = None) -> Checker:
    """The `Checker` of a graph, which the graph keeps, so that a second check is fast."""
    kept: dict[Any, Checker] = vars(graph).setdefault("_checkers", Kept())
    key = (of, tuple(wrt) if wrt is not None else None)
    if key not in kept:
        kept[key] = Checker(graph, of, wrt)
    return kept[key]


def require_check(graph: Graph, dims: Mapping[str, int]) -> None:
    """Raise LimitError where checking a graph that `grad` made would take more than its limit."""
    require_room(graph, dims, stacks=STACKS, rounds=ROUNDS)


class Kept(dict[Any, Any]):
    """What a graph keeps for speed: it is left behind when the graph is copied or pickled."""

    def __reduce__(self) -> tuple[type[Kept], tuple[()]]:
        return Kept, ()


def _require_entries(arrays: Mapping[str, Any]) -> None:
    """Raise ValueGivenError for an array without entries: it has no slopes to compare."""
    for name, array in arrays.items():
        if array.size == 0:
            raise ValueGivenError(
                f"the value of '{name}' has shape {array.shape} and so no entry: there is nothing "
                "to check; give each axis a size of 1 or more"
            )


class Checker:
    """Checks one graph at any number of points; what only depends on the graph is prepared once.

    >>> import graphdbg as gd
    >>> checker = Checker(gd.parse("f = x*y"))
    >>> [checker.check(seed=seed).ok for seed in range(3)]
    [True, True, True]
    """

    def __init__(
        self, graph: Graph, of: str | None = None, wrt: Iterable[str] | None = None
    ) -> None:
        self.graph, self.passes = _with_passes(graph, of, list(wrt) if wrt is not None else None)
        self.rules = [LocalRules(self.graph, backward) for backward in self.passes]
        self.tape = Runner(self.graph, 0, range(len(self.graph)))
        self.groups: list[list[Group]] = []
        self.shaken: list[Group] = []
        self.sizes: dict[str, int] | None = None

    def check(
        self,
        point: Mapping[str, ArrayLike] | None = None,
        *,
        seed: int = 0,
        rtol: float | None = None,
        gradients: Gradients | None = None,
    ) -> Report:
        """The report at a point; see `check`."""
        found, sampled = self._point(point, seed)
        own = self._own(gradients, found, sampled)
        arrays = {name: as_array(name, value) for name, value in found.items()}
        _require_entries(arrays)
        single = any(array.dtype == np.float32 for array in arrays.values())
        trace = self._trace({name: array.astype(np.float64) for name, array in arrays.items()})
        lower = evaluate(self.graph, arrays) if single else None
        self._prepare(trace.dims)
        tolerance = RTOL if rtol is None else rtol
        rows: list[Row] = []
        for backward, groups, shaken in zip(self.passes, self.groups, self.shaken, strict=True):
            rows += self._rows(backward, groups, shaken, trace, tolerance, seed)
        if lower is not None:
            loose = SINGLE_RTOL if rtol is None else rtol
            rows = [_single(row, self._upstream(row), trace, lower, loose) for row in rows]
        given = compare_given(self.graph, own, trace, rtol) if own else []
        return self._report(rows, trace, lower or trace, given, tolerance, sampled, seed)

    def _point(
        self, point: Mapping[str, ArrayLike] | None, seed: int
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """A value for every input, and the names of those that were drawn."""
        given = dict(point or {})
        missing = tuple(name for name in self.graph.inputs if name not in given)
        if not missing:
            return given, ()
        drawn = sample(self.graph, seed, given=given)
        return {**drawn, **given}, missing

    def _own(
        self, gradients: Gradients | None, point: Mapping[str, Any], drawn: Sequence[str]
    ) -> list[Own]:
        """The user's own gradients; none where none were given."""
        if gradients is None:
            return []
        return own_gradients(
            self.graph, self.passes, gradients, as_indices(self.graph, point), drawn
        )

    def _trace(self, point: Mapping[str, Array]) -> Trace:
        """What `evaluate` gives, by steps that were prepared."""
        bound, dims = bind(self.graph, point)
        require_check(self.graph, dims)
        values = self.tape([], dims, bound)
        return Trace(self.graph, [np.asarray(value) for value in values], dims)

    def _prepare(self, dims: dict[str, int]) -> None:
        if self.sizes != dims:
            self.groups = [groups_of(self.graph, backward, dims) for backward in self.passes]
            moving = _continuous(self.graph)
            self.shaken = [Group(self.graph, each, moving, dims) for each in self.passes]
            self.sizes = dict(dims)

    def _rows(
        self,
        backward: Pass,
        groups: list[Group],
        shaken: Group,
        trace: Trace,
        rtol: float,
        seed: int,
    ) -> list[Row]:
        values = trace.arrays
        if not np.isfinite(values[backward.of]).all():
            return [self._lost(backward, source, values) for source in backward.wrt]
        found: dict[str, Row] = {}
        with np.errstate(all="ignore"):
            measured: list[float] = []

            def measure() -> float:
                if not measured:
                    rng = np.random.default_rng(seed)
                    measured.append(noise_at(shaken, values, trace.dims, rng))
                return measured[0]

            for group in groups:
                look = Examination(group, values, trace.dims, measure, rtol, seed)
                found.update((row.wrt, row) for row in look.rows())
        return [found[self.graph.names[source]] for source in dict.fromkeys(backward.wrt)]

    def _lost(self, backward: Pass, source: int, values: Values) -> Row:
        """The row of a gradient whose target has no finite value."""
        names = self.graph.names
        gradient = float(np.ravel(values[backward.upstream[source]])[0])
        return Row(
            names[source], names[backward.of], "the target is not finite", None, gradient,
            float("nan"), float("inf"), RTOL, NOT_FINITE,
        )  # fmt: skip

    def _upstream(self, row: Row) -> int:
        return next(
            backward.upstream[self.graph.id(row.wrt)]
            for backward in self.passes
            if self.graph.names[backward.of] == row.of
        )

    def _report(
        self,
        rows: list[Row],
        trace: Trace,
        shown: Trace,
        given: Sequence[Given],
        rtol: float,
        sampled: tuple[str, ...],
        seed: int,
    ) -> Report:
        graph, values, dims = self.graph, trace.arrays, trace.dims
        results = [backward.of for backward in self.passes]
        results += [backward.upstream[at] for backward in self.passes for at in backward.wrt]
        faults = [
            (fault, backward)
            for rules, backward in zip(self.rules, self.passes, strict=True)
            for fault in rules.faults(values, dims, seed)
        ]
        kinks = {
            kink.node: kink
            for backward in self.passes
            for kink in kinks_at(graph, backward, values)
        }
        if kinks and not faults:
            rows = [replace(row, note=TANGLED) if row.verdict == WRONG else row for row in rows]
        return Report(
            tuple(graph.names[backward.of] for backward in self.passes),
            tuple(rows),
            tuple(_blame(graph, fault) for fault, _ in faults),
            tuple(kinks.values()),
            tuple(nonfinite_at(graph, shown.arrays, results)),
            tuple(given),
            rtol,
            sampled,
        )


def _with_passes(
    graph: Graph, of: str | None, wrt: list[str] | None
) -> tuple[Graph, tuple[Pass, ...]]:
    """The graph with the backward passes that are to be checked, taken now where it has none."""
    target = graph.id(of) if of is not None else None
    passes = tuple(
        each
        for each in graph.passes
        if graph.shapes[each.of] == () and (target is None or each.of == target)
    )
    if passes and wrt is None:
        return graph, passes
    if passes:
        sources = tuple(graph.id(name) for name in wrt or ())
        if all(source in each.upstream for source in sources for each in passes):
            return graph, tuple(
                Pass(each.of, sources, each.upstream, each.contributions) for each in passes
            )
    made = grad(graph, of, names_of(graph, wrt))
    return made, made.passes[-1:]


def _continuous(graph: Graph) -> list[int]:
    """The inputs that can be moved a little."""
    return [at for at in graph.input_ids if graph.ops[at].kind in DIFFERENTIABLE]  # type: ignore[attr-defined]


def _blame(graph: Graph, fault: Fault) -> Blame:
    names, span = graph.names, graph.place(fault.y)
    args = [names[arg] for arg in graph.args[fault.y]]
    operand = args[fault.slot] if args else ""
    return Blame(
        fault.kind,
        names[fault.y],
        describe(graph.ops[fault.y], args),
        fault.slot,
        operand,
        names[fault.node] if fault.node >= 0 else "",
        fault.entry,
        fault.analytic,
        fault.numeric,
        span.line if span else 0,
        span.text if span else "",
    )


def _single(row: Row, upstream: int, trace: Trace, lower: Trace, rtol: float) -> Row:
    """A row of a point in single precision: its gradient against that in double precision."""
    have = np.asarray(lower.arrays[upstream], float)
    want = np.asarray(trace.arrays[upstream], float)
    largest = float(np.max(np.abs(want), initial=0))
    size = np.maximum(np.maximum(np.abs(have), np.abs(want)), SINGLE_FLOOR / rtol * largest)
    with np.errstate(all="ignore"):
        error = np.abs(have - want) / np.maximum(size, TINY)
    error = np.where(np.isfinite(error), error, np.inf)
    at = np.unravel_index(int(np.argmax(error)), error.shape)
    worst = float(error[at])
    entry, verdict = tuple(int(each) for each in at), row.verdict
    if verdict == GOOD and not worst <= rtol:
        verdict = WRONG if np.isfinite(have).all() else NOT_FINITE
    elif row.entry is not None:
        entry = row.entry
    return Row(
        row.wrt, row.of, row.checked + ", single precision", entry, float(have[entry]),
        row.numeric if row.entry == entry else float(want[entry]), max(worst, row.error), rtol,
        verdict, row.note,
    )  # fmt: skip
