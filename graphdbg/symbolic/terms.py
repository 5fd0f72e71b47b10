"""Index notation: a tensor's entry as a sum of products, `2 sum_k W[i,k] (p[k] - y[k])`, exactly.

An `Algebra` makes and interns the atoms (`Base`); a `Poly` is a sum of terms; a term is a rational
coefficient, factors `base[indices]**power`, and bound indices it is summed over. Two terms that
differ only in the names of bound indices are the same term (canonical renaming), so equal
polynomials in the atoms compare equal, whatever the sizes of the axes.

Words: an *index* is a variable (`str`) or a position (`int`). Free indices of a `Poly` are whatever
variables occur unbound. Inside the atoms `apply` and `bracket`, free indices are `@0`, `@1`, ...
and the factor's `indices` say what they stand for. Canonical bound indices are `~0`, `~1`, ...

Nothing here knows of NumPy or SymPy; coefficients are `Fraction`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from itertools import permutations, product
from typing import Any

from ..errors import GraphError
from ..tape.sizes import Dim, Size

Index = str | int
Bound = tuple[tuple[str, Dim], ...]
LIMIT = 400  # terms: past this a normal form is no longer worth having, and `TooLarge` is raised
TIES = 24  # orders of interchangeable bound indices tried, 4!; more only costs a missed proof


class TooLarge(GraphError):
    """A formula would be too long or too deep; it is not built."""

    def __init__(self, message: str = "a formula would be too long to be written out") -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True, eq=False)
class Base:
    """An atom; interned by its `Algebra`, so equality is identity.

    kind        data                      indices
    leaf        node id                   the node's axes
    delta       None                      two: 1 where they are equal
    select      node id of the labels     the labels' axes, then k: 1 where the label is k
    number      "pi", "e" or a prime      none (irrational powers of numbers live here)
    dim         a dimension's name        none
    apply       (function, Poly)          the free indices @0, @1, ... of the inner Poly
    bracket     Poly                      the same; a sum that is kept together or has a power
    """

    kind: str
    data: Any
    rank: int
    id: int
    positive: bool = False
    idempotent: bool = False
    cost: int = 1

    @property
    def inner(self) -> Poly:
        """The Poly inside an `apply` or a `bracket`."""
        return self.data[1] if self.kind == "apply" else self.data

    def __repr__(self) -> str:
        label = self.data[0] if self.kind == "apply" else self.data
        return f"{self.kind}#{self.id}:{label}"


Factor = tuple[Base, tuple[Index, ...], Fraction]
Key = tuple[tuple[Factor, ...], Bound]


@dataclass(frozen=True, slots=True)
class Poly:
    """A sum of terms: (factors, bound indices) to coefficient, in canonical form."""

    terms: Mapping[Key, Fraction] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __len__(self) -> int:
        return len(self.terms)

    @property
    def number(self) -> Fraction | None:
        """The value of a polynomial without factors, else None."""
        if not self.terms:
            return Fraction(0)
        if len(self.terms) == 1 and ((), ()) in self.terms:
            return self.terms[(), ()]
        return None

    def free(self) -> tuple[str, ...]:
        """The free index variables, in order of appearance."""
        seen: dict[str, None] = {}
        for factors, bound in self.terms:
            inside = {name for name, _ in bound}
            for _, indices, _ in factors:
                seen.update((i, None) for i in indices if isinstance(i, str) and i not in inside)
        return tuple(seen)

    def key(self) -> frozenset[tuple[Key, Fraction]]:
        """A hashable value that is equal exactly for equal polynomials."""
        return frozenset(self.terms.items())

    def cost(self) -> int:
        """How long the polynomial would be when written: factors counted, brackets in full."""
        return sum(1 + sum(_cost(base, p) for base, _, p in key[0]) for key in self.terms)


def _cost(base: Base, power: Fraction) -> int:
    return base.cost + (power < 0 and base.kind != "dim")


ZERO = Poly()


def constant(value: Fraction | int) -> Poly:
    """The polynomial that is one number."""
    return Poly({((), ()): Fraction(value)}) if value else ZERO


def monomial(*factors: Factor, coefficient: Fraction | int = 1, bound: Bound = ()) -> Poly:
    """The polynomial of one term."""
    return collect([(Fraction(coefficient), factors, bound)])


Raw = tuple[Fraction, Iterable[Factor], Bound]


def collect(raw: Iterable[Raw]) -> Poly:
    """The sum of terms in canonical form: like terms joined, zeros dropped."""
    total: dict[Key, Fraction] = {}
    for coefficient, factors, bound in raw:
        scaled = _tidy(factors, bound)
        if scaled is None or not coefficient:
            continue
        scale, key = scaled
        total[key] = total.get(key, Fraction(0)) + coefficient * scale
        if len(total) > LIMIT:
            raise TooLarge
    return Poly({key: value for key, value in total.items() if value})


def add(*polys: Poly) -> Poly:
    """The sum."""
    total: dict[Key, Fraction] = {}
    for poly in polys:
        for key, value in poly.terms.items():
            total[key] = total.get(key, Fraction(0)) + value
    if len(total) > LIMIT:
        raise TooLarge
    return Poly({key: value for key, value in total.items() if value})


def scale(poly: Poly, by: Fraction | int) -> Poly:
    """The polynomial times a number."""
    return Poly({key: value * by for key, value in poly.terms.items()}) if by else ZERO


def multiply(left: Poly, right: Poly) -> Poly:
    """The product, multiplied out; the number of terms is counted before it is built."""
    if len(left) * len(right) > 4 * LIMIT:
        raise TooLarge
    return collect(
        (a * b, (*f, *rename(g, shift)), (*bound, *((shift[n], d) for n, d in more)))
        for (f, bound), a in left.terms.items()
        for (g, more), b in right.terms.items()
        for shift in [{name: f"~{at + len(bound)}" for at, (name, _) in enumerate(more)}]
    )


def rename(factors: Iterable[Factor], names: Mapping[Any, Index]) -> list[Factor]:
    """The factors with indices replaced."""
    return [(base, tuple(names.get(i, i) for i in indices), power)
            for base, indices, power in factors]  # fmt: skip


def reindex(poly: Poly, names: Mapping[Any, Index]) -> Poly:
    """The polynomial with free indices replaced; bound ones are out of reach."""
    return collect((value, rename(factors, names), bound)
                   for (factors, bound), value in poly.terms.items())  # fmt: skip


def sum_over(poly: Poly, indices: Iterable[tuple[str, Dim]]) -> Poly:
    """The polynomial summed over free indices."""
    more = tuple(indices)
    return collect((value, factors, (*bound, *more))
                   for (factors, bound), value in poly.terms.items())  # fmt: skip


# ------------------------------------------------------------------ canonical terms


def _tidy(factors: Iterable[Factor], bound: Bound) -> tuple[Fraction, Key] | None:
    """A term in canonical form, with the number split off; None when it is zero."""
    merged = _merge(factors)
    merged, bound = _contract_deltas(merged, bound)
    used = {i for _, indices, _ in merged for i in indices}
    scale = Fraction(1)
    for number, sized in (_dim_factors(dim) for name, dim in bound if name not in used):
        scale *= number
        merged = _merge([*merged, *sized])
    bound = tuple(pair for pair in bound if pair[0] in used)
    for base, indices, _ in merged:
        if base.kind == "delta" and all(isinstance(i, int) for i in indices):
            if indices[0] != indices[1]:
                return None
    kept = [f for f in merged if not (f[0].kind == "delta" and len(set(f[1])) == 1)]
    return scale, canonical(kept, bound)


@lru_cache(maxsize=None)
def dim_base(name: str) -> Base:
    """The atom of a named dimension: one object everywhere, ordered before all interned atoms."""
    return Base("dim", name, 0, -1 - int.from_bytes(name.encode(), "big"), positive=True)


def _dim_factors(dim: Dim) -> tuple[int, list[Factor]]:
    """A sum over an axis that nothing depends on: the axis' size as a factor."""
    if not isinstance(dim, Size):
        return dim, []
    if len(dim.terms) > 1:
        raise TooLarge  # a sum of sizes such as n + 1 would make two terms of one
    names, number = dim.terms[0]
    return number, [(dim_base(name), (), Fraction(1)) for name in names]


def _merge(factors: Iterable[Factor]) -> list[Factor]:
    powers: dict[tuple[Base, tuple[Index, ...]], Fraction] = {}
    for base, indices, power in factors:
        if base.kind == "delta":
            indices = tuple(sorted(indices, key=_index_order))
        powers[base, indices] = powers.get((base, indices), Fraction(0)) + power
    return [
        (base, indices, Fraction(1) if base.idempotent and power > 0 else power)
        for (base, indices), power in powers.items()
        if power
    ]


def _index_order(index: Index) -> tuple[bool, str]:
    return isinstance(index, int), str(index)


def _contract_deltas(factors: list[Factor], bound: Bound) -> tuple[list[Factor], Bound]:
    """Sums over an index that a delta ties to another one, carried out."""
    names = {name for name, _ in bound}
    while True:
        found = next(
            (
                (at, gone, f[1][1 - f[1].index(gone)])
                for at, f in enumerate(factors)
                if f[0].kind == "delta" and f[1][0] != f[1][1]
                for gone in f[1]
                if gone in names
            ),
            None,
        )
        if found is None:
            return _spread_deltas(factors), tuple(pair for pair in bound if pair[0] in names)
        at, gone, kept = found
        factors = _merge(rename(factors[:at] + factors[at + 1 :], {gone: kept}))
        names.discard(str(gone))


def _spread_deltas(factors: list[Factor]) -> list[Factor]:
    """Next to a delta of two free indices, every factor is written in the first of them."""
    for base, (first, second), _ in [f for f in factors if f[0].kind == "delta"]:
        if isinstance(second, int):
            first, second = second, first
        if first != second:
            both = {first, second}
            others = [f for f in factors if f[0] is not base or set(f[1]) != both]
            factors = [*rename(others, {second: first}), (base, (first, second), Fraction(1))]
    return _merge(factors)


def canonical(factors: list[Factor], bound: Bound) -> Key:
    """The term's key: factors sorted, bound indices renamed so that their names do not matter.

    Indices are told apart by refinement (as in Weisfeiler and Leman, 1968); what stays tied is
    ordered by trying, and past `TIES` orders left as it is: then equal terms may look different,
    which can cost a proof but never make one.
    """
    if not bound:
        return tuple(sorted(factors, key=_factor_order)), ()
    groups = _refine(factors, bound)
    best: Key | None = None
    best_order: Any = None
    for order in _orders(groups):
        names = {name: f"~{at}" for at, name in enumerate(order)}
        renamed = sorted(rename(factors, names), key=_factor_order)
        sort_key = [_factor_order(factor) for factor in renamed]
        if best is None or sort_key < best_order:
            dims = dict(bound)
            best = tuple(renamed), tuple((names[name], dims[name]) for name in order)
            best_order = sort_key
    assert best is not None
    return best


def _factor_order(factor: Factor) -> tuple[Any, ...]:
    base, indices, power = factor
    return base.id, tuple(map(_index_order, indices)), power


def _refine(factors: list[Factor], bound: Bound) -> list[list[str]]:
    colour: dict[Index, int] = {}
    dims = dict(bound)
    for _ in range(len(bound) + 1):
        signature = {
            name: (
                str(dims[name]),
                sorted(
                    (base.id, str(power), at, tuple(
                        (0, colour.get(i, 0)) if i in dims else (1, _index_order(i))
                        for i in indices
                    ))
                    for base, indices, power in factors
                    for at, index in enumerate(indices)
                    if index == name
                ),
            )
            for name in dims
        }  # fmt: skip
        ranked = sorted({repr(value) for value in signature.values()})
        fresh = {name: ranked.index(repr(value)) for name, value in signature.items()}
        if len(set(fresh.values())) == len(set(colour.values())):
            break
        colour.update(fresh)
    groups: dict[int, list[str]] = {}
    for name in dims:
        groups.setdefault(colour.get(name, 0), []).append(name)
    return [groups[rank] for rank in sorted(groups)]


def _orders(groups: list[list[str]]) -> Iterable[tuple[str, ...]]:
    count = 1
    for group in groups:
        for size in range(2, len(group) + 1):
            count *= size
    if count > TIES:
        return [tuple(name for group in groups for name in group)]
    return (
        tuple(name for part in parts for name in part)
        for parts in product(*(permutations(group) for group in groups))
    )


# ------------------------------------------------------------------ atoms


class Algebra:
    """Makes atoms and interns them: the same atom is the same object."""

    def __init__(self) -> None:
        self._known: dict[Any, Base] = {}
        self.delta_base = self.base("delta", None, 2, idempotent=True)

    def base(self, kind: str, data: Any, rank: int, *, key: Any = None, **traits: bool) -> Base:
        """The atom of this kind and data; `key` stands for the data where that has no hash."""
        full = (kind, data if key is None else key)
        found = self._known.get(full)
        if found is None:
            inner = data[1] if kind == "apply" else data if kind == "bracket" else None
            cost = 1 if inner is None else inner.cost() - (kind == "bracket")
            found = Base(kind, data, rank, len(self._known), cost=cost, **traits)
            self._known[full] = found
        return found

    def leaf(self, node: int, indices: tuple[Index, ...], *, positive: bool = False) -> Poly:
        """An entry of a node's array."""
        return self.power_of(self.base("leaf", node, len(indices), positive=positive), indices)

    def power_of(
        self, base: Base, indices: tuple[Index, ...], power: Fraction | int = 1
    ) -> Poly:
        """One atom to a power, as a polynomial."""
        return monomial((base, indices, Fraction(power)))

    def delta(self, left: Index, right: Index) -> Poly:
        """1 where the indices are equal, else 0."""
        return monomial((self.delta_base, (left, right), Fraction(1)))

    def dim(self, dim: Dim) -> Poly:
        """A dimension as a number."""
        if not isinstance(dim, Size):
            return constant(dim)
        return collect(
            (Fraction(number), [(dim_base(name), (), Fraction(1)) for name in names], ())
            for names, number in dim.terms
        )

    def enclose(self, poly: Poly) -> tuple[Poly, tuple[Index, ...]]:
        """The polynomial with its free indices called @0, @1, ... and what they stand for.

        The order is canonical: found by refinement, as for bound indices.
        """
        free = poly.free()
        if not free:
            return poly, ()
        groups = _refine_free(poly, free)
        best: tuple[Any, Poly, tuple[Index, ...]] | None = None
        for order in _orders(groups):
            inner = reindex(poly, {name: f"@{at}" for at, name in enumerate(order)})
            rank = sorted(
                ([_factor_order(f) for f in key[0]], value) for key, value in inner.terms.items()
            )
            if best is None or rank < best[0]:
                best = rank, inner, order
        assert best is not None
        return best[1], best[2]

    def apply(self, function: str, poly: Poly, **traits: bool) -> Poly:
        """An elementwise function of a polynomial, as an atom."""
        inner, indices = self.enclose(poly)
        base = self.base("apply", (function, inner), len(indices),
                         key=(function, inner.key()), **traits)  # fmt: skip
        return self.power_of(base, indices)

    def bracket(self, poly: Poly, power: Fraction | int = 1, *, positive: bool = False) -> Poly:
        """A sum kept together, to a power, as an atom."""
        inner, indices = self.enclose(poly)
        base = self.base("bracket", inner, len(indices), key=inner.key(), positive=positive)
        return self.power_of(base, indices, power)


def _refine_free(poly: Poly, free: tuple[str, ...]) -> list[list[str]]:
    signature = {
        name: repr(sorted(
            (str(value), base.id, str(power), at, len(factors))
            for (factors, _), value in poly.terms.items()
            for base, indices, power in factors
            for at, index in enumerate(indices)
            if index == name
        ))
        for name in free
    }  # fmt: skip
    groups: dict[str, list[str]] = {}
    for name in free:
        groups.setdefault(signature[name], []).append(name)
    return [groups[key] for key in sorted(groups)]
