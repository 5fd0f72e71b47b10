"""Index notation to matrix notation: a `terms.Poly` as a tree of products, Hadamards, transposes.

Each term is a network (see `contraction`); what is left on the free indices when the bound ones
are summed away is put together as an outer product, a Hadamard product or `diag(u) M diag(v)`.
A term that does not fall apart like this, and any array of rank above 2, sends the whole polynomial
to index notation, so that nothing is ever half right.

Conventions: vectors are columns; `sum(x)` is the sum of all elements, row sums are `X1`, column
sums `Xᵀ1`; a row vector added to each row of a matrix is `1bᵀ`; a Jacobian between matrices is a
matrix between their row-major vecs, so that A[i,k] B[j,l] is `A ⊗ B`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ..symbolic.terms import Base, Bound, Factor, Poly, TooLarge, collect, reindex, rename
from ..tape.sizes import Dim
from .contraction import Network, NoMatrix
from .indexed import Letters, index_notation, names_used
from .kronecker import jacobian
from .leaves import Names, extent, leaf_tree
from .products import number, scale, split, turned
from .sums import spread, sum_of
from .trees import (
    SCALAR,
    Apply,
    Axis,
    Constant,
    Diagonal,
    Entries,
    Entry,
    Grid,
    Identity,
    IndexSum,
    OneHot,
    Power,
    Size,
    Slices,
    Symbol,
    Transpose,
    Tree,
    Unit,
    is_scalar,
)

WIDEST = 4  # rows and columns of an array that is written out entry by entry
DEEPEST = 40  # functions within functions: past this nobody reads the formula


def from_poly(
    poly: Poly,
    free: Sequence[str],
    dims: Sequence[Dim] | Mapping[str, Dim],
    names: Names,
    *,
    rows: int | None = None,
) -> Tree:
    """The tree whose entry at the `free` indices is the polynomial.

    The first `rows` indices belong to the rows (default: one, if there are any): a vector with
    `rows=0` is a row, three or four indices with `rows=1` or 2 are a Jacobian. Index notation (an
    `Entries` tree) where matrix notation has no way to say it; TooLarge where functions are
    nested deeper than `DEEPEST`, KeyError where an index is neither free nor bound.

    >>> from ..symbolic.terms import Algebra, multiply, sum_over
    >>> a = Algebra()
    >>> from ..tape.ops import Input
    >>> shapes = [(2, 3), (3,)]
    >>> names = Names("Wx".__getitem__, shapes.__getitem__, lambda at: Input("_"), lambda at: ())
    >>> poly = sum_over(multiply(a.leaf(0, ("i", "k")), a.leaf(1, ("k",))), [("k", 3)])
    >>> [factor.name for factor in from_poly(poly, ("i",), (2,), names).factors]
    ['W', 'x']
    """
    sized = dict(dims) if isinstance(dims, Mapping) else dict(zip(free, dims))
    if rows is None:
        rows = min(1, len(free))
    check_depth(poly, DEEPEST)
    writer = Writer(names)
    try:
        if len(free) > 2:
            out, into = tuple(free[:rows]), tuple(free[rows:])
            return jacobian(poly, out, into, sized, writer.network)
        if len(free) == 1 and rows == 0:
            return writer.oriented(poly, None, free[0], sized)
        padded: tuple[str | None, ...] = (*free, None, None)
        if free and _is_written_out(poly, [sized[index] for index in free]):
            return writer.grid(poly, padded[0], padded[1], sized)
        return writer.oriented(poly, padded[0], padded[1], sized)
    except NoMatrix:
        entries = index_notation(poly, tuple(free), sized, names)
        try:
            return _slices(poly, tuple(free), sized, names, entries)
        except NoMatrix:
            return entries


def indices_of(tree: Tree) -> tuple[str, ...]:
    """The indices that the text of a tree leaves open: it stands for the entry (or slice) there."""
    return tuple(name for name, _ in tree.free) if isinstance(tree, Entries | Slices) else ()


def _slices(
    poly: Poly, free: tuple[str, ...], dims: Mapping[str, Dim], names: Names, entries: Entries
) -> Tree:
    """Matrix notation slice by slice: the leading axes of arrays with more than two are fixed."""
    writer = Writer(names, Letters({*names_used(poly, names), *free}))
    fixed = {index: writer.fix() for index in free[:-2]}
    sized = {fixed.get(index, index): dim for index, dim in dims.items()}
    padded: tuple[str | None, ...] = (*free[-2:], None, None)
    body = writer.oriented(reindex(poly, fixed), padded[0], padded[1], sized)
    if not writer.sliced.issuperset(fixed.values()):
        raise NoMatrix  # rows of matrices: entries say more
    return Slices(body.shape, tuple((new, sized[new]) for new in fixed.values()), body, entries)


def notation_of(tree: Tree) -> str:
    """Which notation a tree is in: `matrix` or `index`."""
    return "index" if isinstance(tree, Entries) else "matrix"


def _is_written_out(poly: Poly, shape: list[Dim]) -> bool:
    """Whether single entries are picked out of a small array, as in a gradient by x[0] and x[1]."""
    return all(isinstance(dim, int) and dim <= WIDEST for dim in shape) and any(
        base.kind == "delta" and any(isinstance(index, int) for index in indices)
        for factors, _ in poly.terms
        for base, indices, _ in factors
    )


def check_depth(poly: Poly, most: int) -> None:
    """Nothing; TooLarge where functions and brackets are nested more than `most` deep."""
    depths: dict[int, int] = {}
    level, bases = 0, list(_inner_bases(poly))
    while bases:
        level += 1
        if level > most:
            raise TooLarge(
                f"functions are nested more than {most} deep, which no formula is written for: "
                "name the parts of the program that you want to see"
            )
        fresh = {base.id: base for base in bases if depths.get(base.id, 0) < level}
        depths.update(dict.fromkeys(fresh, level))
        bases = [inner for base in fresh.values() for inner in _inner_bases(base.inner)]


def _inner_bases(poly: Poly) -> list[Base]:
    return [
        base
        for factors, _ in poly.terms
        for base, _, _ in factors
        if base.kind in ("apply", "bracket")
    ]


class Writer:
    """Turns polynomials over one graph's nodes into trees; inner ones are kept for reuse."""

    def __init__(self, names: Names, letters: Letters | None = None) -> None:
        self.names = names
        self.letters = letters
        self.fixed: set[str] = set()
        self.sliced: set[str] = set()  # those that turned an array of more axes into a matrix
        self._inner: dict[tuple[Base, tuple[Dim, ...]], Tree] = {}
        self._leaves: dict[int, Tree] = {}

    def oriented(
        self, poly: Poly, row: str | None, column: str | None, dims: Mapping[str, Dim]
    ) -> Tree:
        """The polynomial with one index along the rows and one along the columns."""
        shape = _axis(row, dims), _axis(column, dims)
        free = [index for index in (row, column) if index is not None]
        terms = []
        for (factors, bound), value in poly.terms.items():
            try:
                network = self.network(value, factors, bound, free, dims)
            except NoMatrix:
                terms.append(self._sum_of_slices(value, factors, bound, row, column, dims))
                continue
            body = network.assemble(row, column)
            above, below = network.scalars
            terms.append(scale(network.value, _alphabetical(above), below, body))
        tree = sum_of(terms, shape)
        if shape != SCALAR and is_scalar(tree):
            return spread(tree, shape)
        return turned(tree)

    def fix(self) -> str:
        """A fresh letter for an index that is fixed: arrays have slices there."""
        assert self.letters is not None
        letter = self.letters.fresh()
        self.fixed.add(letter)
        return letter

    def variables(self, indices: tuple[str | int, ...]) -> tuple[str, ...]:
        """The indices that vary, in order."""
        return tuple(i for i in indices if isinstance(i, str) and i not in self.fixed)

    def _sum_of_slices(
        self,
        value: Fraction,
        factors: tuple[Factor, ...],
        bound: Bound,
        row: str | None,
        column: str | None,
        dims: Mapping[str, Dim],
    ) -> Tree:
        """`Σᵢ X[i]ᵀ G[i]`: a bound index of an array with more than two axes, fixed."""
        crowded = [(base, self.variables(indices)) for base, indices, _ in factors]
        wide = [(base.kind, found) for base, found in crowded if len(set(found)) > 2]
        leading = [found[0] for kind, found in wide if kind == "leaf"]
        candidates = dict.fromkeys([*leading, *(i for _, found in wide for i in found)])
        sizes = dict(bound)
        for index in candidates if self.letters is not None else ():
            if index not in sizes:
                continue
            letter = self.fix()
            rest = tuple(pair for pair in bound if pair[0] != index)
            poly = collect([(value, rename(factors, {index: letter}), rest)])
            sized = {**dims, letter: sizes[index]}
            try:
                number, above, below, body = split(self.oriented(poly, row, column, sized))
            except NoMatrix:
                continue
            inside = scale(Fraction(1), above, below, body)
            total = IndexSum(inside.shape, ((letter, sizes[index]),), inside)
            return scale(number, (total,)) if body is None else scale(number, (), (), total)
        raise NoMatrix

    def grid(
        self, poly: Poly, row: str | None, column: str | None, dims: Mapping[str, Dim]
    ) -> Tree:
        """The polynomial entry by entry."""
        down, across = (range(int(str(dims[i]))) if i else range(1) for i in (row, column))
        rows = tuple(
            tuple(
                self.oriented(reindex(poly, {row: i, column: j}), None, None, dims)
                for j in across
            )
            for i in down
        )  # fmt: skip
        return Grid((_axis(row, dims), _axis(column, dims)), rows)

    def network(
        self,
        value: Fraction,
        factors: tuple[Factor, ...],
        bound: Bound,
        free: list[str],
        dims: Mapping[str, Dim],
    ) -> Network:
        """One term with its bound indices summed away."""
        sized = {**dims, **dict(bound)}
        network = Network(value, sized, [name for name, _ in bound])
        tied = {
            right: left
            for base, (left, right), _ in (f for f in factors if f[0].kind == "delta")
            if left in free and right in free
        }
        for base, indices, exponent in factors:
            if tied and base.kind != "delta":
                indices = tuple(tied.get(i, i) for i in indices)  # type: ignore[arg-type]
            tree, variables = self.factor(base, indices, sized)
            if any(name not in sized for name in variables):
                raise KeyError(f"an index of {indices} is neither free nor summed over")
            network.place(tree, variables, exponent)
        network.eliminate()
        return network

    def factor(
        self, base: Base, indices: tuple[str | int, ...], dims: Mapping[str, Dim]
    ) -> tuple[Tree, tuple[str, ...]]:
        """A factor as a tree, and the variables its axes stand for."""
        match base.kind:
            case "leaf":
                return self._entry(self._leaf(base.data), indices)
            case "delta":
                return self._delta(indices, dims)
            case "select":
                return self._select(base.data, indices, dims)
            case "number":
                if base.data in ("pi", "e"):
                    return Constant(SCALAR, base.data), ()
                return number(int(base.data)), ()
            case "dim":
                return Size(SCALAR, base.data), ()
        return self._nested(base, indices, dims)

    def _leaf(self, node: int) -> Tree:
        found = self._leaves.get(node)
        if found is None:
            found = self._leaves[node] = leaf_tree(node, self.names)
        return found

    def _entry(self, tree: Tree, indices: tuple[str | int, ...]) -> tuple[Tree, tuple[str, ...]]:
        variables = self.variables(indices)
        if len(variables) > 2 or len(set(variables)) < len(variables) != len(indices):
            raise NoMatrix
        if len(variables) < len(indices):
            kept = tuple(None if i in variables else i for i in indices)
            leading = sum(i in self.fixed for i in indices)
            if len(indices) > 2 and not self.fixed.issuperset(indices[:leading]):
                raise NoMatrix  # T[:,:,i]: nobody reads that as a matrix
            if len(indices) > 2:
                self.sliced |= self.fixed.intersection(indices)
            axes = getattr(tree, "axes", ()) or tree.shape
            shape = extent(tuple(d for d, i in zip(axes, kept) if i is None))
            return Entry(shape, tree, kept), variables
        if len(variables) == 2 and variables[0] == variables[1]:
            return Diagonal((tree.shape[0], None), tree), variables[:1]
        return tree, variables

    def _delta(
        self, indices: tuple[str | int, ...], dims: Mapping[str, Dim]
    ) -> tuple[Tree, tuple[str, ...]]:
        if self.fixed & set(indices):
            raise NoMatrix
        variables = self.variables(indices)
        size = dims[variables[0]]
        if len(variables) == 1:
            position = next(i for i in indices if isinstance(i, int))
            return Unit((size, None), position), variables
        return Identity((size, size)), variables

    def _select(
        self, node: int, indices: tuple[str | int, ...], dims: Mapping[str, Dim]
    ) -> tuple[Tree, tuple[str, ...]]:
        labels, (*_, label) = self._leaf(node), indices
        if len(indices) > 2 or self.fixed & set(indices):
            raise NoMatrix
        if isinstance(label, int):
            tree, variables = self._entry(labels, indices[:-1])
            difference = sum_of([tree, number(-label)], tree.shape)
            return Apply(tree.shape, "zero", difference), variables
        rows = labels.shape[0]
        shape = (dims[label], None) if rows is None else (rows, dims[label])
        return self._entry(OneHot(shape, labels), indices)

    def _nested(
        self, base: Base, indices: tuple[str | int, ...], dims: Mapping[str, Dim]
    ) -> tuple[Tree, tuple[str, ...]]:
        """A function or a bracket: the tree of what is inside, by itself."""
        variables = tuple(dict.fromkeys(self.variables(indices)))
        if len(variables) > 2:
            raise NoMatrix
        local = {f"@{at}": dims[index] for at, index in enumerate(variables)}
        if len(variables) < len(indices):  # renamed to @s, which no bound index is called
            safe: dict[str | int, str] = {n: f"@{at}" for at, n in enumerate(variables)}
            places = {f"@{at}": safe.get(index, index) for at, index in enumerate(indices)}
            inner = reindex(base.inner, places)
            return self._applied(base, inner, tuple(local), local), variables
        key = base, tuple(local.values())
        found = self._inner.get(key)
        if found is None:
            found = self._inner[key] = self._applied(base, base.inner, tuple(local), local)
        return found, variables

    def _applied(
        self, base: Base, inner: Poly, free: tuple[str, ...], dims: Mapping[str, Dim]
    ) -> Tree:
        padded: tuple[str | None, ...] = (*free, None, None)
        tree = self.oriented(inner, padded[0], padded[1], dims)
        if base.kind == "bracket":
            return tree
        applied = Apply(tree.shape, base.data[0], tree)
        if type(tree) is Transpose:
            flipped = Apply(tree.body.shape, base.data[0], tree.body)
            return Transpose(tree.shape, flipped)
        return applied


def _alphabetical(factors: list[Tree]) -> list[Tree]:
    """Plain names and their powers in the order of the alphabet; with others, as they came."""
    bases = [factor.base if isinstance(factor, Power) else factor for factor in factors]
    names = [base.name for base in bases if isinstance(base, Symbol)]
    if len(names) < len(factors) or not all(name.isidentifier() for name in names):
        return factors
    return [factor for _, factor in sorted(zip(names, factors), key=lambda pair: pair[0])]


def _axis(index: str | None, dims: Mapping[str, Dim]) -> Axis:
    return None if index is None else dims[index]
