"""The stamp on a formula: it was evaluated at random points and agreed, or it is not shown.

A formula is rebuilt as nodes of the graph and compared there with the derivative's own node (digits
of agreement) and, in a random direction, with differences of the thing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike

from ..checking.differences import Witness
from ..errors import UncheckedFormulaError
from ..numbers.evaluator import Trace, bind_dims
from ..tape.builder import LETTERS, Builder
from ..tape.graph import Graph
from ..tape.sizes import evaluate

POINTS = 3
SEED = 20_241  # any number: the same formula is stamped at the same points every time
SAME_DIGITS = 8.0  # of the formula against the node: two ways to compute one number in float64
DIFFERENCE_DIGITS = 4.0  # against differences, which lose half of the digits at a rough point
ROUNDING = 1e-13  # relative: a few hundred float64 roundings
DIRECTION = "direction of the stamp"  # how an input's name begins; no program's has blanks


@dataclass(frozen=True, slots=True)
class Stamp:
    """What a formula was checked against: points, and decimal digits that agreed at the worst one.

    `digits` against the node on the tape, `difference_digits` against differences (None for a
    formula that is not a derivative).
    """

    points: int
    digits: float
    difference_digits: float | None

    def __str__(self) -> str:
        against = f"checked at {self.points} random points: {self.digits:.0f} digits"
        if self.difference_digits is None:
            return against
        return f"{against}, {self.difference_digits:.0f} against differences"


@dataclass(frozen=True, slots=True)
class Derivative:
    """That `node` is d of / d wrt, as names; shapes: that of `of`, then that of `wrt`."""

    node: str
    of: str
    wrt: str


def stamp(
    graph: Graph, node: int, rebuilt: int, derivative: Derivative | None,
    points: Sequence[Mapping[str, ArrayLike]],
) -> Stamp:  # fmt: skip
    """The stamp of a formula, rebuilt as a node of `graph`, that stands for another node there.

    `points` are random points of the graph's inputs. Raises UncheckedFormulaError where it
    disagrees with that node or with differences.
    """
    if derivative is None:
        witness = Witness(graph, graph.names[node], points)
        digits = _same(witness, node, rebuilt)
        if digits < SAME_DIGITS:
            raise UncheckedFormulaError(_withheld(graph.names[node], digits, None))
        return Stamp(len(points), digits, None)
    graph, scalar, projected = _projected(graph, derivative, rebuilt)
    witness = Witness(graph, scalar, _with_directions(graph, points))
    digits = _same(witness, node, rebuilt)
    differences = witness.digits(derivative.wrt, projected)
    title = f"d{derivative.of}/d{derivative.wrt}"
    _require(title, digits, differences, derivative.node)
    return Stamp(len(points), digits, differences)


def stamp_blocks(
    graph: Graph, blocks: Mapping[tuple[str, str], tuple[int, int]],
    points: Sequence[Mapping[str, ArrayLike]],
) -> Stamp:  # fmt: skip
    """The stamp of the blocks of one matrix of derivatives, all rebuilt as nodes of `graph`.

    `blocks` gives for (of, wrt), as names, the node of d of / d wrt and its formula's. Each formula
    is compared with its own node; differences are taken once a column: of the sum of all rows,
    each in a random direction. Raises UncheckedFormulaError as `stamp` does.
    """
    rows, columns = ([*dict.fromkeys(pair[at] for pair in blocks)] for at in (0, 1))
    b = Builder.of(graph)
    shapes = {row: graph.shapes[graph.id(row)] for row in rows}
    inputs = {row: b.input(f"{DIRECTION} {at}", shapes[row]) for at, row in enumerate(rows)}
    parts = [_along(b, inputs[row], graph.id(row)) for row in rows]
    projected = {
        column: _total(b, [_along(b, inputs[row], blocks[row, column][1]) for row in rows])
        for column in columns
    }
    scalar = _total(b, parts)
    built = b.build([*graph.output_ids, scalar, *projected.values()])
    witness = Witness(built, built.names[scalar], _with_directions(built, points))
    title = f"the derivatives of {', '.join(rows[:3])}{', ...' * (len(rows) > 3)}"
    digits = min(_same(witness, node, rebuilt) for node, rebuilt in blocks.values())
    differences = min(
        witness.digits(column, built.names[node]) for column, node in projected.items()
    )
    _require(title, digits, differences)
    return Stamp(len(points), digits, differences)


def _total(b: Builder, parts: Sequence[int]) -> int:
    return reduce(lambda sum_, part: b.map("add", sum_, part), parts)


def _along(b: Builder, direction: int, node: int) -> int:
    """<direction, node> over the axes of the direction, which are the node's first."""
    rows = LETTERS[: len(b.shapes[direction])]
    columns = LETTERS[len(rows) : len(b.shapes[node])]
    return b.contract(f"{rows},{rows}{columns}->{columns}", direction, node)


def _require(title: str, digits: float, differences: float, node: str = "") -> None:
    if digits < SAME_DIGITS or differences < DIFFERENCE_DIGITS:
        raise UncheckedFormulaError(_withheld(title, digits, differences), node=node)


def _withheld(title: str, digits: float, differences: float | None) -> str:
    text = f"the formula for {title} was withheld: at random points it agrees with the graph to "
    text += f"{digits:.1f} digits, {SAME_DIGITS:.0f} are needed"
    if differences is not None:
        text += f", and with differences to {differences:.1f}, {DIFFERENCE_DIGITS:.0f} are needed"
    return text + "; please report the program"


def _with_directions(
    graph: Graph, points: Sequence[Mapping[str, ArrayLike]]
) -> Sequence[Mapping[str, ArrayLike]]:
    """The points, with a random direction for each that the graph asks for."""
    asked = [name for name in graph.inputs if name.startswith(DIRECTION)]
    if not asked:
        return points
    inputs = {name: graph.shapes[graph.id(name)] for name in points[0]}
    rng = np.random.default_rng(SEED)
    found = []
    for point in points:
        dims = bind_dims(inputs, {name: np.shape(value) for name, value in point.items()})
        drawn = {
            name: rng.normal(size=[evaluate(dim, dims) for dim in graph.shapes[graph.id(name)]])
            for name in asked
        }
        found.append({**point, **drawn})
    return found


def _projected(graph: Graph, derivative: Derivative, rebuilt: int) -> tuple[Graph, str, str]:
    """The graph with a scalar <u, of> for a random u, and <u, formula>, which is its gradient."""
    target = graph.id(derivative.of)
    shape = graph.shapes[target]
    b = Builder.of(graph)
    if not shape:
        names = b.build([*graph.output_ids]).names
        return b.build([*graph.output_ids, rebuilt]), names[target], names[rebuilt]
    rows = LETTERS[: len(shape)]
    columns = LETTERS[len(shape) : len(graph.shapes[rebuilt])]
    direction = b.input(DIRECTION, shape)
    scalar = b.contract(f"{rows},{rows}->", direction, target)
    projected = b.contract(f"{rows},{rows}{columns}->{columns}", direction, rebuilt)
    built = b.build([*graph.output_ids, scalar, projected])
    return built, built.names[scalar], built.names[projected]


def _same(witness: Witness, node: int, rebuilt: int) -> float:
    """Decimal digits to which two nodes agree, at the worst point and entry."""
    worst = 16.0
    for trace in witness.traces:
        a, b = np.asarray(trace.arrays[node]), np.asarray(trace.arrays[rebuilt])
        size = max(float(np.max(np.abs(a), initial=0)), float(np.max(np.abs(b), initial=0)))
        off = float(np.max(np.abs(a - b), initial=0))
        if not np.isfinite(off):
            return 0.0
        if off > ROUNDING * size and off > ROUNDING * (largest := _largest(trace)):
            worst = min(worst, -np.log10(off / max(size, ROUNDING * largest)))
    return max(worst, 0.0)


def _largest(trace: Trace) -> float:
    """The largest value on the tape: what rounding leaves of an exact zero is in proportion."""
    arrays = (np.asarray(array) for array in trace.arrays)
    return max(float(np.max(np.abs(a), initial=0)) for a in arrays if np.all(np.isfinite(a)))
