"""Jacobians with matrices on either side, as matrices between row-major vecs.

A term that falls apart into a part for the first axes and one for the second axes of output and
input is a Kronecker product: A[i,k] B[j,l] is `A ⊗ B`. An elementwise function's is `diag(vec(M))`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product as combinations

from ..symbolic.terms import Poly
from ..tape.sizes import Dim, product
from .contraction import Network, NoMatrix
from .products import number, scale
from .sums import spread, sum_of
from .trees import Diag, Extent, Identity, Kron, Tree, Vec

Slots = tuple[str | None, str | None]
MakeNetwork = Callable[..., Network]


def jacobian(
    poly: Poly,
    out: tuple[str, ...],
    into: tuple[str, ...],
    dims: Mapping[str, Dim],
    make: MakeNetwork,
) -> Tree:
    """The matrix between the vecs of output and input, one of which is a matrix.

    `make` turns a term into a network whose bound indices are summed away. NoMatrix where a term
    does not fall apart.
    """
    if max(len(out), len(into)) > 2 or not out or not into:
        raise NoMatrix
    for up, across in combinations(_slots(out), _slots(into)):
        try:
            return _kronecker(poly, up, across, dims, make)
        except NoMatrix:
            continue
    raise NoMatrix


def _kronecker(
    poly: Poly, out: Slots, into: Slots, dims: Mapping[str, Dim], make: MakeNetwork
) -> Tree:
    shape = product(dims[i] for i in out if i), product(dims[i] for i in into if i)
    free = [index for side in (out, into) for index in side if index]
    terms = []
    for (factors, bound), value in poly.terms.items():
        network = make(value, factors, bound, free, dims)
        body = _kron_term(network, out, into, shape)
        terms.append(scale(network.value, *network.scalars, body))
    return sum_of(terms, shape)


def _slots(indices: tuple[str, ...]) -> list[tuple[str | None, str | None]]:
    if len(indices) == 2:
        return [(indices[0], indices[1])]
    return [(indices[0], None), (None, indices[0])]


def _kron_term(
    network: Network,
    out: tuple[str | None, str | None],
    into: tuple[str | None, str | None],
    shape: Extent,
) -> Tree | None:
    pairs = [(min(a, b), max(a, b)) for a, b in zip(out, into) if a is not None and b is not None]
    across = [edge for edge in network.edges if edge not in pairs]
    if across:
        return _diagonal_of_vec(network, pairs, across, shape)
    parts = [network.assemble(a, b) for a, b in zip(out, into)]
    if all(part is None for part in parts):
        return None
    left, right = (_filled(part, network, *ab) for part, *ab in zip(parts, out, into))
    if left is None or right is None:
        return left if right is None else right
    if type(left) is Identity and type(right) is Identity:
        return Identity(shape)
    return Kron(shape, left, right)


def _filled(
    part: Tree | None, network: Network, row: str | None, column: str | None
) -> Tree | None:
    if part is not None or (row is None and column is None):
        return part
    size = network.dims
    rows, columns = (None if index is None else size[index] for index in (row, column))
    return spread(number(1), (rows, columns))


def _diagonal_of_vec(
    network: Network, pairs: list[tuple[str, str]], across: list[tuple[str, str]], shape: Extent
) -> Tree:
    """`diag(vec(M))`: an elementwise function of a matrix, differentiated."""
    ties = [network.edges.get(pair) for pair in pairs]
    if len(pairs) < 2 or len(across) > 1 or any(
        tie is None or tie[1] or any(type(each) is not Identity for each in tie[0]) for tie in ties
    ):  # fmt: skip
        raise NoMatrix
    first, second = (min(pair) for pair in pairs)
    wanted = {min(first, second), max(first, second)}
    if set(across[0]) != wanted:
        raise NoMatrix
    matrix = network.assemble(first, second)
    assert matrix is not None
    size = shape[0]
    return Diag(shape, Vec((size, None), matrix))
