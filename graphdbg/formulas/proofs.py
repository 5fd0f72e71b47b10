"""Whether two formulas are equal: *proved*, *refuted* with a point, or *agrees* at random points.

Roads to a proof, cheap first:

1. the same node: both sides became one node of the tape;
2. the normal form in index notation (`lowering`, `normal`): holds for every size;
3. the normal form of every entry at fixed sizes (`entrywise`), where each distinct transcendental
   subexpression is a generator: holds for these sizes.

The numbers are always asked first: no claim is proved that random points contradict.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import lazy
from ..calculus.gradients import grad
from ..calculus.jacobians import hessian_graph, jacobian_graph
from ..errors import ShapeError, SourceError
from ..language.parser import expression
from ..numbers.evaluator import Trace, evaluate
from ..numbers.sampling import sample, sizes_for
from ..source import Source, Span
from ..symbolic import terms
from ..symbolic.entrywise import Entrywise
from ..symbolic.facts import declared_row_sums
from ..symbolic.lowering import Lowering
from ..symbolic.normal import Arithmetic
from ..symbolic.terms import Algebra, Poly, TooLarge
from ..tape import ops, sizes
from ..tape.builder import Builder
from ..tape.graph import Graph, cone
from ..tape.programs import Program, graph_of
from ..tape.scalars import TABLE, evaluate_template, template
from ..tape.sizes import to_text

POINTS = 3  # random points that must agree before a proof is tried
AGREE = 1e-9  # relative difference that counts as equal in float64, after the rounding noise
NOISE = 1e3  # times eps times the largest intermediate value: what rounding may leave of a zero
EXPLORED = 60  # more points where there are branches to be taken
CONE = 2000  # nodes: a larger derivation is compared by numbers only
ENTRIES = 64  # entries of the two sides that are written out at fixed sizes
ANY_SIZES = "any sizes"
ANY_SIZES_AS_WRITTEN = "any sizes, its numbers kept as written"  # n = 12 may stand there as 12
_NAME = r"([^\W\d][\w.@]*)"
_GRADIENT = re.compile(rf"^[d∂]{_NAME}\s*/\s*[d∂]{_NAME}$")
_HESSIAN = re.compile(rf"^[d∂](?:2|²|\^2){_NAME}\s*/\s*[d∂]{_NAME}(?:²|\^2|\*\*2)$")


@dataclass(frozen=True)
class Verdict:
    """The answer to a claim.

    `verdict` is "proved", "refuted" or "agrees". A refutation has `point`, `entry` and the values
    `left` and `right` there. `digits` is the number of decimal digits that agree at `points`
    random points; `untaken` are nodes of which no point took one branch. A proof says its `road`,
    for which sizes it `holds`, and its `assumptions`.
    """

    claim: str
    verdict: str
    digits: float = 0.0
    points: int = POINTS
    road: str = ""
    holds: str = ""
    assumptions: tuple[str, ...] = ()
    point: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    entry: tuple[int, ...] = ()
    left: float = 0.0
    right: float = 0.0
    untaken: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self.verdict != "refuted"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found: dict[str, str] = lazy.module("publishing.notebooks").text(self)
        return found

    def __str__(self) -> str:
        if self.verdict == "refuted":
            where = f" at entry {self.entry}" if self.entry else ""
            return (
                f"refuted: {self.claim}\n"
                f"  left  {self.left:.12g}{where}\n  right {self.right:.12g}\n"
                f"  ratio {_ratio(self.left, self.right)}\n  at the point\n"
                + "\n".join(f"    {name} = {_short(value)}" for name, value in self.point.items())
            )
        numbers = f"equal to {self.digits:.0f} digits at {self.points} random points"
        if self.verdict == "agrees":
            missed = f"; a branch of {', '.join(self.untaken)} was never taken"
            return (
                f"agrees: {self.claim}\n  {numbers}; no symbolic proof was found"
                f"{missed if self.untaken else ''}"
            )
        because = f", because {'; '.join(self.assumptions)}" if self.assumptions else ""
        return f"proved: {self.claim}\n  for {self.holds}, by {self.road}{because}; {numbers}"


def prove(program: Program, claim: str, *, seed: int = 0, points: int = POINTS) -> Verdict:
    """The `Verdict` on a claim `left = right` about the graph.

    A side is an expression over the graph's names, or a derivative: `dL/dW` (a gradient when L is
    a scalar, else a Jacobian), `d2L/dw^2` (a Hessian), `L.d_W`. Definitions may stand before the
    claim, separated by `;`. Raises SourceError for a claim that cannot be read, ShapeError where
    the sides have different shapes.

    >>> import graphdbg as gd
    >>> print(prove(gd.parse("f = x^2 + y"), "df/dx = 2x").verdict)
    proved
    >>> prove(gd.parse("f = x^2 + y"), "df/dx = x").verdict
    'refuted'
    """
    graph = graph_of(program)
    both, left, right = sides(graph, claim)
    verdict = compare(both, left, right, claim.strip(), seed=seed, points=points)
    if verdict.verdict == "refuted":
        return verdict
    road = find_proof(both, left, right, seed=seed)
    if road is None:
        return verdict
    how, holds, assumptions = road
    return replace(
        verdict, verdict="proved", road=how, holds=holds, assumptions=assumptions, untaken=()
    )


def sides(graph: Graph, claim: str) -> tuple[Graph, int, int]:
    """The graph with both sides of the claim on its tape, and their nodes."""
    definitions, left_text, right_text = split_claim(claim)
    graph, left_text = _with_derivative(graph, left_text)
    graph, right_text = _with_derivative(graph, right_text)
    b = Builder.of(graph)
    names = dict(graph.ids)
    left = graph.ids.get(left_text)
    if left is None:
        left = expression(b, definitions + left_text, names)
    right = graph.ids.get(right_text)
    if right is None:
        right = expression(b, definitions + right_text, names)
    if b.shapes[right] == () and b.shapes[left] != ():
        right = b.broadcast_to(right, b.shapes[left])
    if b.shapes[left] != b.shapes[right]:
        raise ShapeError(
            f"the left side has shape {to_text(b.shapes[left])}, "
            f"the right side {to_text(b.shapes[right])}: they cannot be equal"
        )
    return b.build([*graph.output_ids, left, right]), left, right


def split_claim(claim: str) -> tuple[str, str, str]:
    """Definitions, left and right side of `a = ...; left = right`."""
    depth, cut = 0, 0
    equals: list[int] = []
    for at, char in enumerate(claim):
        if char in "([{":
            depth += 1
        elif char in ")]}":
            depth -= 1
        elif char in ";\n" and depth == 0 and claim[at + 1 :].strip(" ;\n"):
            cut, equals = at + 1, []
        elif char == "=" and depth == 0 and _is_single(claim, at):
            equals.append(at)
    if len(equals) != 1:
        raise SourceError(
            f"a claim is 'left = right', found {len(equals)} '=' signs: "
            "write for example dL/dW = X.T @ (P - Y)",
            span=Span(Source(claim, "<claim>"), cut, len(claim)),
        )
    at = equals[0]
    definitions = claim[:cut].rstrip(" ;\n")
    prefix = definitions + "\n" if definitions else ""
    return prefix, claim[cut:at].strip(), claim[at + 1 :].strip(" ;\n")


def _is_single(claim: str, at: int) -> bool:
    return claim[at - 1 : at] not in ("=", "<", ">", "!") and claim[at + 1 : at + 2] != "="


def _with_derivative(graph: Graph, text: str) -> tuple[Graph, str]:
    """The graph with the derivative that the text names, and the node's name; else as it is."""
    found = _HESSIAN.match(text)
    if found:
        graph = hessian_graph(graph, found[1], [found[2]])
        return graph, graph.names[graph.output_ids[-1]]
    found = _GRADIENT.match(text)
    if not found or text in graph.ids:
        return graph, text
    of, wrt = found[1], found[2]
    if graph.shapes[graph.id(of)] == ():
        if f"{of}.d_{wrt}" not in graph.ids:
            graph = grad(graph, of, [wrt])
        return graph, f"{of}.d_{wrt}"
    graph = jacobian_graph(graph, of, wrt)
    return graph, graph.names[graph.output_ids[-1]]


# ------------------------------------------------------------------ numbers


def compare(
    graph: Graph, left: int, right: int, claim: str, *, seed: int = 0, points: int = POINTS
) -> Verdict:
    """`agrees` with its digits, or `refuted` with the first point and entry that differ.

    Where the sides have branches, more points are tried, at other scales, until each branch of
    each node was taken or `EXPLORED` points were seen.
    """
    branches = Branches(graph, [left, right])
    digits, seen = 16.0, 0
    for at in range(points + EXPLORED):
        if at >= points and branches.all_taken():
            break
        point = sample(graph, seed=seed + at) if at < points else _scaled(graph, seed + at)
        trace = evaluate(graph, point)
        a, b = np.asarray(trace.arrays[left]), np.asarray(trace.arrays[right])
        size = max(float(np.max(np.abs(a), initial=0)), float(np.max(np.abs(b), initial=0)))
        noise = NOISE * np.finfo(float).eps * _largest(trace)
        if at >= points and not (np.isfinite(size) and noise < AGREE * size):
            continue  # a point far out may overflow: it decides nothing
        seen += 1
        branches.visit(trace)
        off = np.abs(a - b)
        worst = np.unravel_index(int(np.argmax(np.where(np.isnan(off), np.inf, off))), off.shape)
        if not off[worst] <= max(AGREE * size, noise):
            entry = tuple(int(i) for i in worst)
            return Verdict(claim, "refuted", 0.0, seen, point=point, entry=entry,
                           left=float(a[worst]), right=float(b[worst]))  # fmt: skip
        if off[worst] > noise:
            digits = min(digits, -np.log10(max(float(off[worst]) / size, 1e-16)))
    return Verdict(claim, "agrees", float(digits), seen, untaken=branches.untaken())


def _scaled(graph: Graph, seed: int) -> dict[str, NDArray[np.float64]]:
    """A random point whose real inputs are each ten times smaller to ten times larger."""
    rng = np.random.default_rng(seed)
    point = sample(graph, seed=seed)
    for at in graph.input_ids:
        op = graph.ops[at]
        if isinstance(op, ops.Input) and op.domain in ("Real", "Positive"):
            point[op.name] = point[op.name] * 10 ** rng.uniform(-1, 1)
    return point


class Branches:
    """Which branches of the nodes behind a claim were taken: above and below each kink."""

    def __init__(self, graph: Graph, nodes: list[int]) -> None:
        self.graph = graph
        self.taken: dict[int, set[bool]] = {
            at: set()
            for at in cone(graph, nodes)
            if isinstance(op := graph.ops[at], ops.Map) and TABLE[op.function].kink
        }

    def visit(self, trace: Trace) -> None:
        """Note the sides of each kink on which the point's entries lie."""
        for at, sides_taken in self.taken.items():
            op = self.graph.ops[at]
            assert isinstance(op, ops.Map)
            distance = template(TABLE[op.function].kink or "a")
            operands = dict(zip("abc", (trace.arrays[arg] for arg in self.graph.args[at])))
            found = np.asarray(evaluate_template(distance, operands))
            sides_taken.update(bool(side) for side in np.unique(found > 0))

    def all_taken(self) -> bool:
        """Whether no branch is left."""
        return all(len(sides_taken) == 2 for sides_taken in self.taken.values())

    def untaken(self) -> tuple[str, ...]:
        """The nodes of which a branch was never taken."""
        return tuple(self.graph.names[at] for at, found in self.taken.items() if len(found) < 2)


def _largest(trace: Trace) -> float:
    """The largest finite value on the tape: rounding errors are proportional to it."""
    largest = 0.0
    for array in trace.arrays:
        finite = np.abs(np.asarray(array, dtype=float))
        finite = finite[np.isfinite(finite)]
        largest = max(largest, float(np.max(finite, initial=0)))
    return largest


def _ratio(left: float, right: float) -> str:
    return f"{left / right:.6g}" if right else "-"


def _short(value: NDArray[np.float64]) -> str:
    return np.array2string(np.asarray(value), precision=6, threshold=12).replace("\n", "")


# ------------------------------------------------------------------ proofs


def find_proof(
    graph: Graph, left: int, right: int, seed: int = 0
) -> tuple[str, str, tuple[str, ...]] | None:
    """How the two nodes were proved equal, for which sizes, under which assumptions; or None."""
    holds = ANY_SIZES if _sizes_are_names(graph) else ANY_SIZES_AS_WRITTEN
    if left == right:
        return "the same node after building", holds, ()
    if len(cone(graph, [left, right])) > CONE:
        return None
    found = _by_index_notation(graph, left, right)
    if found is not None:
        return "the normal form in index notation", holds, found
    found = _by_entries(graph, left, right, seed)
    if found is not None:
        return "exact arithmetic on entries", "these sizes", found
    return None


def _by_index_notation(graph: Graph, left: int, right: int) -> tuple[str, ...] | None:
    arithmetic = Arithmetic(Algebra(), deep=True, row_sums=declared_row_sums(graph))
    try:
        low = Lowering(graph, arithmetic)
        equal = _equal(arithmetic, low.lower(left), low.lower(right))
    except TooLarge:
        return None
    return tuple(arithmetic.assumptions) if equal else None


def _equal(arithmetic: Arithmetic, left: Poly, right: Poly) -> bool:
    """Whether left - right reduces to nothing."""
    return arithmetic.is_zero(terms.add(left, terms.scale(right, -1)))


def _by_entries(graph: Graph, left: int, right: int, seed: int) -> tuple[str, ...] | None:
    dims = sizes_for(graph, seed=seed)
    count = sizes.evaluate(sizes.product(graph.shapes[left]), dims)
    if count > ENTRIES:
        return None
    arithmetic = Arithmetic(Algebra(), deep=True, row_sums=declared_row_sums(graph))
    try:
        low = Entrywise(graph, arithmetic, dims)
        pairs = zip(low.lower(left).flat, low.lower(right).flat, strict=True)
        if not all(_equal(arithmetic, a, b) for a, b in pairs):
            return None
    except TooLarge:
        return None
    return tuple(arithmetic.assumptions)


def _sizes_are_names(graph: Graph) -> bool:
    return all(
        not isinstance(dim, int) or dim == 1 for at in graph.input_ids for dim in graph.shapes[at]
    )
