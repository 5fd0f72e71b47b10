"""The path ledger: a gradient as the sum over all paths of the products of local derivatives.

∂f/∂x = Σ over paths from x to f of Π ∂consumer/∂operand along the path. Paths are counted by
dynamic programming, never listed: there are exponentially many. The largest ones are found by
keeping, at each node, the best partial products from f on: exact where every factor is a number,
since what follows multiplies all of them alike; by size at each node where factors are matrices.
Source of the path sum: Bauer, Computational graphs and rounding error, SIAM J. Numer. Anal. (1974).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..calculus.gradients import active_nodes
from ..errors import GraphError
from ..numbers.evaluator import Trace
from ..tape.graph import NONE, Pass
from .pulling import Pulling

Array = NDArray[Any]
Step = tuple[int, int]  # consumer, slot
Link = tuple[int, int, Any] | None  # the last step and the link before it: paths share their heads
Partial = tuple[float, Array, Link]  # size of the product, the product, the way to it
CANCELS = 32.0  # sum of sizes over size of the sum: Herbie's "maybe"; one digit and a half are lost


@dataclass(frozen=True, eq=False)
class Path:
    """One path: its steps from f down, the product along it, its share of the whole gradient."""

    steps: tuple[Step, ...]
    product: Array
    share: float


@dataclass(frozen=True, eq=False)
class Ledger:
    """∂f/∂x as a sum over paths: `count` in all, the largest `paths` first.

    `exact` tells whether the listed ones are surely the largest. `cancellation` is the sum of the
    paths' sizes over the size of their sum (1: none), None where paths were left out of it.
    """

    of: str
    wrt: str
    gradient: Array
    count: int
    paths: tuple[Path, ...]
    exact: bool
    cancellation: float | None
    names: list[str]
    args: list[tuple[int, ...]]

    @property
    def cancels(self) -> bool:
        """Whether the paths nearly cancel each other."""
        return self.cancellation is not None and not self.cancellation < CANCELS

    def chain(self, path: Path) -> str:
        """A path as a product by name: ∂f/∂q · ∂q/∂x."""
        return " · ".join(self.factors(path)) or f"∂{self.of}/∂{self.of}"

    def factors(self, path: Path) -> Iterator[str]:
        """The names of a path's factors."""
        for consumer, slot in path.steps:
            yield f"∂{self.names[consumer]}/∂{self.names[self.args[consumer][slot]]}"


def ledger(trace: Trace, backward: Pass, pulling: Pulling, node: int, most: int) -> Ledger:
    """The ledger of d of / d node at the trace's point; GraphError where it has no gradient."""
    graph = trace.graph
    if node not in backward.upstream:
        raise GraphError(
            f"no gradient of '{graph.names[node]}' is on the tape: it is not on the way from "
            f"'{graph.names[backward.of]}' to an input that is differentiated by"
        )
    uses = _uses(trace, backward, node)
    counts, sizes, exact = _counts(trace, backward.of, uses)
    best = _best(trace, backward, pulling, uses, most)
    gradient = np.asarray(trace.arrays[backward.upstream[node]])
    found = best.get(node, [])
    whole = float(np.sum(gradient * gradient))
    paths = tuple(
        Path(_steps(way), product, float(np.sum(product * gradient)) / whole if whole else np.nan)
        for _, product, way in found
    )
    count = counts.get(node, 0)
    return Ledger(
        graph.names[backward.of], graph.names[node], gradient, count, paths,
        exact or count <= most, _cancellation(gradient, paths, count, sizes.get(node)),
        graph.names, graph.args,
    )  # fmt: skip


Uses = dict[int, list[tuple[int, int, int]]]  # consumer: operand, slot, local derivative's node


def _uses(trace: Trace, backward: Pass, node: int) -> Uses:
    """The steps that lie on a path from `node` to what is differentiated, consumers descending."""
    graph = trace.graph
    active = active_nodes(graph.args, backward.of, [node])
    found: Uses = {}
    for operand, parts in backward.contributions.items():
        if active[operand]:
            for part in parts:
                found.setdefault(part.consumer, []).append((operand, part.slot, part.local))
    return dict(sorted(found.items(), reverse=True))


def _counts(
    trace: Trace, of: int, uses: Uses
) -> tuple[dict[int, int], dict[int, float | None], bool]:
    """The number of paths to each node, the sum of their sizes, and whether all are numbers."""
    counts: dict[int, int] = {of: 1}
    sizes: dict[int, float | None] = {of: 1.0}
    scalar = True
    for consumer, steps in uses.items():
        for operand, _, local in steps:
            counts[operand] = counts.get(operand, 0) + counts.get(consumer, 0)
            numeric = local != NONE and not np.shape(trace.arrays[local])
            scalar = scalar and numeric
            above, before = sizes.get(consumer), sizes.get(operand, 0.0)
            known = numeric and above is not None and before is not None
            factor = abs(float(np.asarray(trace.arrays[local]))) if numeric else 0.0
            sizes[operand] = before + above * factor if known else None  # type: ignore[operator]
    return counts, sizes, scalar


def _best(
    trace: Trace, backward: Pass, pulling: Pulling, uses: Uses, most: int
) -> dict[int, list[Partial]]:
    """The largest products from f to each node, with the way to each."""
    seed = np.asarray(trace.arrays[backward.upstream[backward.of]])
    found: dict[int, list[Partial]] = {backward.of: [(_size(seed), seed, None)]}
    for consumer, steps in uses.items():
        kept = _largest(found.pop(consumer, []), most)  # what is passed by is not needed again
        for operand, slot, local in steps:
            factor = np.asarray(trace.arrays[local]) if local != NONE else None
            for _, product, way in kept:
                if factor is not None:
                    moved = product * factor
                else:
                    moved = pulling.pull(consumer, slot, product)
                partial = (_size(moved), moved, (consumer, slot, way))
                found.setdefault(operand, []).append(partial)
    return {node: _largest(each, most) for node, each in found.items()}


def _largest(found: list[Partial], most: int) -> list[Partial]:
    return sorted(found, key=lambda each: -each[0])[:most]


def _steps(way: Link) -> tuple[Step, ...]:
    """The steps of a way, from f down."""
    steps = []
    while way is not None:
        consumer, slot, way = way
        steps.append((consumer, slot))
    return tuple(reversed(steps))


def _size(product: Array) -> float:
    size = float(np.linalg.norm(product)) if product.ndim else abs(float(product))
    return np.inf if np.isnan(size) else size


def _cancellation(
    gradient: Array, paths: tuple[Path, ...], count: int, size: float | None
) -> float | None:
    if size is None:
        if len(paths) < count:
            return None
        size = sum(_size(path.product) for path in paths)
    whole = _size(gradient)
    return size / whole if whole else (np.inf if size else 1.0)
