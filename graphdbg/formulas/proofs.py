"""Whether two formulas are equal: *proved*, *refuted*, *agrees* at points, or *undecided*.

Roads to a proof, cheap first:

1. the same node: both sides became one node of the tape;
2. the normal form in index notation (`lowering`, `normal`): holds for every size;
3. the normal form of every entry at fixed sizes (`entrywise`), where each distinct transcendental
   subexpression is a generator: holds for these sizes.

The numbers are always asked first (`searching`): no claim is proved that a point contradicts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from numpy.typing import ArrayLike

from ..calculus.gradients import grad
from ..calculus.jacobians import hessian_graph, jacobian_graph
from ..errors import ShapeError, SourceError
from ..language.parser import expression
from ..numbers.sampling import sizes_for
from ..source import Source, Span
from ..symbolic import terms
from ..symbolic.entrywise import Entrywise
from ..symbolic.facts import declared_row_sums
from ..symbolic.lowering import Lowering
from ..symbolic.normal import Arithmetic
from ..symbolic.terms import Algebra, Poly, TooLarge
from ..tape import sizes
from ..tape.builder import Builder
from ..tape.graph import NONE, Graph, cone
from ..tape.programs import Program, graph_of
from ..tape.sizes import to_text
from .comparing import Comparison
from .searching import Search
from .ties import all_thin
from .verdicts import PROVED, REFUTED, Verdict

POINTS = 3  # ordinary random points that come first
CALLED = {  # the two sides, by which of them is a derivative
    (True, False): ("our convention gives", "the claim"),
    (False, True): ("the claim gives", "our convention"),
    (True, True): ("the left side is", "the right"),
    (False, False): ("the left side is", "the right"),
}
CONE = 2000  # nodes: a larger derivation is compared by numbers only
LAYERS = 4  # of words that are opened one after another, before all are at once
ENTRIES = 64  # entries of the two sides that are written out at fixed sizes
ANY_SIZES = "any sizes"
ANY_SIZES_AS_WRITTEN = "any sizes, its numbers kept as written"  # n = 12 may stand there as 12
_NAME = r"([^\W\d][\w.@]*)"
_GRADIENT = re.compile(rf"^[d∂]{_NAME}\s*/\s*[d∂]{_NAME}$")
_HESSIAN = re.compile(rf"^[d∂](?:2|²|\^2){_NAME}\s*/\s*[d∂]{_NAME}(?:²|\^2|\*\*2)$")


def prove(
    program: Program, claim: str, *, seed: int = 0, points: int = POINTS,
    point: Mapping[str, ArrayLike] | None = None, dims: Mapping[str, int] | None = None,
) -> Verdict:  # fmt: skip
    """The `Verdict` on a claim `left = right` about the graph.

    `point` gives values of inputs at which the claim has to hold too, `dims` sizes of named
    dimensions there; the others are drawn.
    `points` ordinary points are compared before the search for a counterexample begins.

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
    claimed = sides(graph_of(program), claim)
    comparison = Comparison(claimed.graph, claimed.left, claimed.right, claimed.defined)
    search = Search(comparison, claim.strip(), seed, claimed.called)
    verdict = search.run(points, point or {}, dims or {})
    if verdict.verdict == REFUTED:
        return verdict
    proof = find_proof(claimed.graph, claimed.left, claimed.right, seed)
    exceptions: tuple[str, ...] = ()
    if proof is None and all_thin(claimed.graph, [claimed.left, claimed.right], search.ordinary):
        proof = find_proof(claimed.graph, claimed.left, claimed.right, seed, ties=False)
        exceptions = search.thin_ties()
    if proof is None:
        return verdict
    return replace(
        verdict, verdict=PROVED, road=proof.road, holds=proof.holds, untaken=(),
        assumptions=proof.assumptions, exceptions=verdict.exceptions or exceptions,
    )  # fmt: skip


@dataclass(frozen=True)
class Claimed:
    """A graph with both sides of a claim on its tape, as nodes.

    `defined` are the nodes that are differentiated: where one is NaN, nothing is claimed of its
    derivative. `called` is how the two sides are spoken of.
    """

    graph: Graph
    left: int
    right: int
    defined: tuple[int, ...]
    called: tuple[str, str]


def sides(graph: Graph, claim: str) -> Claimed:
    """The claim with both sides on the graph's tape."""
    definitions, left_text, right_text = split_claim(claim)
    graph, left_text = _with_derivative(graph, left_text)
    graph, right_text = _with_derivative(graph, right_text)
    differentiated = [_differentiated(graph, text) for text in (left_text, right_text)]
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
    built = b.build([*graph.output_ids, left, right])
    called = CALLED[differentiated[0] is not None, differentiated[1] is not None]
    return Claimed(built, left, right, tuple(at for at in differentiated if at is not None), called)


def _differentiated(graph: Graph, text: str) -> int | None:
    """The node whose derivative the name of a node says it is; None where it is no derivative."""
    of, found, _ = text.partition(".d")
    return graph.ids.get(of) if found and text in graph.ids else None


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


# ------------------------------------------------------------------ proofs


@dataclass(frozen=True)
class Proof:
    """How two nodes were proved equal, for which sizes, under which assumptions."""

    road: str
    holds: str
    assumptions: tuple[str, ...] = ()


def find_proof(
    graph: Graph, left: int, right: int, seed: int = 0, *, ties: bool = True
) -> Proof | None:
    """How the two nodes were proved equal; None where no road led there.

    Without `ties` they are equal but for points where the sides of a comparison are: that is a
    proof only where `ties.all_thin` says that those are no region.
    """
    holds = ANY_SIZES if _sizes_are_names(graph) else ANY_SIZES_AS_WRITTEN
    if left == right:
        return Proof("the same node after building", holds)
    if len(cone(graph, [left, right])) > CONE:
        return None
    found = _by_index_notation(graph, left, right, ties)
    if found is not None:
        return Proof("the normal form in index notation", holds, found)
    found = _by_entries(graph, left, right, seed, ties)
    if found is not None:
        return Proof("exact arithmetic on entries", "these sizes", found)
    return None


def _by_index_notation(graph: Graph, left: int, right: int, ties: bool) -> tuple[str, ...] | None:
    """The assumptions of a proof over the program's own words, or over what those are made of.

    An identity over free atoms holds whatever the atoms are, so the road down to the inputs is
    taken a layer of words at a time, and in the end at once: a claim about the last layer of a
    network has no use for the formulas of the first.
    """
    sums, (words, gradients) = declared_row_sums(graph), _words(graph)
    words, opened = words - {left, right}, set[int]()
    for layer in range(LAYERS + 1):
        leaves = words - opened if layer < LAYERS else frozenset[int]()
        if layer == 0:
            leaves |= gradients - {left, right}
        arithmetic = Arithmetic(Algebra(), deep=True, row_sums=sums, ties=ties)
        low = Lowering(graph, arithmetic, leaves)
        try:
            if _equal(arithmetic, low.lower(left), low.lower(right)):
                return tuple(arithmetic.assumptions)
        except TooLarge:
            return None  # with fewer leaves it is larger still
        closed = leaves & low.polys.keys()
        if not closed:
            return None
        if closed.isdisjoint(gradients):
            opened |= closed
    return None


def _words(graph: Graph) -> tuple[frozenset[int], frozenset[int]]:
    """The nodes that the program names at its top, and the gradients of those."""
    named = {at for at in graph.given_names if graph.phases[at] == 0 and graph.frames[at] == NONE}
    gradients = {each.upstream[at] for each in graph.passes for at in named & each.upstream.keys()}
    made = {at for at in named | gradients if graph.args[at]}  # a number is no atom, it is known
    return frozenset(named & made), frozenset((gradients - named) & made)


def _equal(arithmetic: Arithmetic, left: Poly, right: Poly) -> bool:
    """Whether left - right reduces to nothing."""
    return arithmetic.is_zero(terms.add(left, terms.scale(right, -1)))


def _by_entries(
    graph: Graph, left: int, right: int, seed: int, ties: bool
) -> tuple[str, ...] | None:
    dims = sizes_for(graph, seed=seed)
    count = sizes.evaluate(sizes.product(graph.shapes[left]), dims)
    if count > ENTRIES:
        return None
    sums = declared_row_sums(graph)
    arithmetic = Arithmetic(Algebra(), deep=True, row_sums=sums, ties=ties)
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
