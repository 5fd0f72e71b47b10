"""Index notation as a tree: `Σₖ A[i,k] B[k,j]`, the fallback where matrix notation ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from itertools import chain, count

from ..symbolic.terms import Base, Factor, Index, Poly
from ..tape.sizes import Dim
from .leaves import Names, leaf_tree
from .products import number, power, scale
from .sums import sum_of
from .trees import (
    SCALAR,
    Apply,
    Constant,
    Delta,
    Entries,
    Entry,
    IndexSum,
    Size,
    Tree,
    children,
)

LETTERS = "ijklmnprstuvaehox"  # those that Unicode has as subscripts


def index_notation(
    poly: Poly, free: tuple[str, ...], dims: Mapping[str, Dim], names: Names
) -> Entries:
    """The polynomial entry by entry, with indices i, j, k, ... unless arrays are called so."""
    writer = _Indexer(names, Letters(names_used(poly, names)))
    letters = [writer.letters.fresh(i if i.isidentifier() and len(i) == 1 else None) for i in free]
    body = writer.poly(poly, dict(zip(free, letters)))
    return Entries(SCALAR, tuple((new, dims[i]) for i, new in zip(free, letters)), body)


def names_used(poly: Poly, names: Names) -> set[str]:
    """The names of arrays and dimensions in a polynomial."""
    used: set[str] = set()
    todo: list[Poly] = [poly]
    seen: set[int] = set()
    while todo:
        for factors, _ in todo.pop().terms:
            for base, _, _ in factors:
                if base.kind in ("leaf", "select"):
                    used.add(names.name_of(base.data))
                elif base.kind == "dim":
                    used.add(base.data)
                elif base.kind in ("apply", "bracket") and base.id not in seen:
                    seen.add(base.id)
                    todo.append(base.inner)
    return used


def _letters_in(tree: Tree) -> set[str]:
    found: set[str] = set()
    todo = [tree]
    while todo:
        each = todo.pop()
        todo += children(each)
        if isinstance(each, Entry):
            found.update(i for i in each.indices if isinstance(i, str))
        elif isinstance(each, Delta):
            found.update(i for i in (each.left, each.right) if isinstance(i, str))
    return found


def _dimension(dim: Dim) -> Tree:
    """A dimension as a scalar."""
    if isinstance(dim, int):
        return number(dim)
    return sum_of(
        [
            scale(Fraction(times), [Size(SCALAR, name) for name in names])
            for names, times in dim.terms
        ],
        SCALAR,
    )


class Letters:
    """Letters for indices, never one that is in use."""

    def __init__(self, used: set[str]) -> None:
        self.used = used

    def fresh(self, wanted: str | None = None) -> str:
        """A letter that is not in use, `wanted` if that is one."""
        candidates: Iterable[str] = (*((wanted,) if wanted else ()), *LETTERS)
        more = (f"i{at}" for at in count(1))
        found = next(each for each in chain(candidates, more) if each not in self.used)
        self.used.add(found)
        return found

    def release(self, letters: Iterable[str]) -> None:
        """Make letters free again."""
        self.used -= set(letters)


class _Indexer:
    """Writes polynomials entry by entry; each bound index gets a letter that is not in use."""

    def __init__(self, names: Names, letters: Letters) -> None:
        self.names = names
        self.letters = letters

    def poly(self, poly: Poly, known: Mapping[Index, Index]) -> Tree:
        terms = []
        for (factors, bound), value in poly.terms.items():
            letters = [self.letters.fresh() for _ in bound]
            inner = dict(known) | {name: new for (name, _), new in zip(bound, letters)}
            sized = [(new, dim) for new, (_, dim) in zip(letters, bound)]
            terms.append(self.term(value, factors, inner, sized))
            self.letters.release(letters)
        return sum_of(terms, SCALAR)

    def term(
        self,
        value: Fraction,
        factors: tuple[Factor, ...],
        known: Mapping[Index, Index],
        bound: list[tuple[str, Dim]],
    ) -> Tree:
        sides: tuple[list[Tree], list[Tree]] = ([], [])
        summed: tuple[list[Tree], list[Tree]] = ([], [])
        inside = {letter for letter, _ in bound}
        for base, indices, exponent in factors:
            placed = tuple(known.get(i, i) for i in indices)
            tree = power(self.factor(base, placed), abs(exponent))
            (summed if inside & set(placed) else sides)[exponent < 0].append(tree)
        if not bound:
            return scale(value, *sides)
        body = scale(Fraction(1), *summed)
        used = _letters_in(body)  # what was divided by itself is gone, the sum over it is not
        sides[0].extend(_dimension(dim) for letter, dim in bound if letter not in used)
        kept = tuple((letter, dim) for letter, dim in bound if letter in used)
        total = IndexSum(SCALAR, kept, body) if kept else body
        return scale(value, (*sides[0], total), sides[1])

    def factor(self, base: Base, indices: tuple[Index, ...]) -> Tree:
        match base.kind:
            case "leaf":
                tree = leaf_tree(base.data, self.names)
                return Entry(SCALAR, tree, indices) if indices else tree
            case "delta":
                return Delta(SCALAR, indices[0], indices[1])
            case "select":
                labels = leaf_tree(base.data, self.names)
                if len(indices) > 1:
                    labels = Entry(SCALAR, labels, indices[:-1])
                return Delta(SCALAR, labels, indices[-1])
            case "number":
                if base.data in ("pi", "e"):
                    return Constant(SCALAR, base.data)
                return number(int(base.data))
            case "dim":
                return Size(SCALAR, base.data)
        inner = self.poly(base.inner, {f"@{at}": index for at, index in enumerate(indices)})
        if base.kind == "bracket":
            return inner
        return Apply(SCALAR, base.data[0], inner)
