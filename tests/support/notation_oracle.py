"""Independent oracles for matrix notation: index notation by einsum, trees by 2-D arithmetic.

Neither shares code with the conversion: what is printed must equal what the `Poly` says.
"""

from __future__ import annotations

import itertools
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np

from graphdbg.symbolic import terms
from graphdbg.symbolic.terms import Algebra, Poly
from graphdbg.tape import ops
from graphdbg.tape.scalars import TABLE
from graphdbg.tape.sizes import Dim, evaluate, named
from graphdbg.typesetting import trees as t
from graphdbg.typesetting.leaves import Names

SIZES = {"n": 2, "d": 3}
N, D = named("n"), named("d")


class World:
    """Nodes with names, shapes and values, and polynomials over them."""

    def __init__(self, seed: int = 0) -> None:
        self.algebra = Algebra()
        self.names: list[str] = []
        self.shapes: list[tuple[Dim, ...]] = []
        self.ops: list[ops.Op] = []
        self.args: list[tuple[int, ...]] = []
        self.values: list[np.ndarray] = []
        self.random = np.random.default_rng(seed)

    def new(
        self,
        name: str,
        *shape: Dim,
        value: Any = None,
        op: ops.Op | None = None,
        args: tuple[int, ...] = (),
    ) -> int:
        """The id of a new node, of random values around 1 unless a value is given."""
        if value is None:
            value = self.random.uniform(0.5, 1.5, [evaluate(dim, SIZES) for dim in shape])
        self.names.append(name)
        self.shapes.append(shape)
        self.ops.append(op or ops.Input(name, shape))
        self.args.append(args)
        self.values.append(np.asarray(value))
        return len(self.names) - 1

    def __call__(self, name: str, *indices: str | int) -> Poly:
        """An entry of the node called `name`."""
        return self.algebra.leaf(self.names.index(name), indices)

    @property
    def lookup(self) -> Names:
        """What the conversion may know."""
        return Names(
            self.names.__getitem__,
            self.shapes.__getitem__,
            self.ops.__getitem__,
            self.args.__getitem__,
        )

    def environment(self) -> dict[str, Any]:
        """The values by name, with the named dimensions as numbers."""
        return {**dict(zip(self.names, self.values)), **SIZES}


def standard_world(seed: int = 0) -> World:
    """Scalars, vectors and matrices over two dimensions, square ones among them."""
    world = World(seed)
    for name in ("s", "c1"):
        world.new(name)
    for name, dim in (("u", N), ("v1", N), ("x", D), ("y1", D)):
        world.new(name, dim)
    for name, shape in (
        ("A", (D, D)), ("B1", (D, D)), ("M", (N, D)), ("X", (N, D)), ("W1", (D, N)), ("Q", (N, N)),
    ):  # fmt: skip
        world.new(name, *shape)
    return world


def deep_world(seed: int = 0) -> World:
    """The standard world with arrays of three axes, as batches have them."""
    world = standard_world(seed)
    for name, shape in (("T", (N, D, D)), ("G1", (N, D, D)), ("Y", (N, D, N)), ("H", (N, N, D))):
        world.new(name, *shape)
    return world


# ------------------------------------------------------------------ what a Poly says


def elementwise(function: str, value: Any) -> Any:
    """The number of an elementwise function, indicators included."""
    if function in ("positive", "zero"):
        return np.where(value > 0 if function == "positive" else value == 0, 1.0, 0.0)
    return TABLE[function].numeric(value)


def poly_value(poly: Poly, free: tuple[str, ...], dims: dict[Any, Dim], world: World) -> Any:
    """The array with axes `free`, term by term with einsum."""
    shape = [evaluate(dims[index], SIZES) for index in free]
    total = np.zeros(shape)
    for (factors, bound), value in poly.terms.items():
        sized = {**dims, **dict(bound)}
        labels = {index: at for at, index in enumerate(sized)}
        operands: list[Any] = []
        for base, indices, exponent in factors:
            operands += _factor(base, indices, exponent, sized, world, labels)
        for index in free:
            operands += [np.ones(evaluate(dims[index], SIZES)), [labels[index]]]
        operands += [np.asarray(float(value)), []]
        total = total + np.einsum(*operands, [labels[index] for index in free])
    return total


def _factor(base, indices, exponent, dims, world, labels):  # type: ignore[no-untyped-def]
    variables = [i for i in indices if isinstance(i, str)]
    if base.kind == "leaf":
        array = world.values[base.data]
    elif base.kind == "delta":
        array = np.eye(evaluate(dims[variables[0]], SIZES))
    elif base.kind == "select":
        classes = 20 if isinstance(indices[-1], int) else evaluate(dims[indices[-1]], SIZES)
        array = np.eye(classes)[world.values[base.data]]
    elif base.kind == "number":
        array = {"pi": np.pi, "e": np.e}.get(base.data) or float(base.data)
    elif base.kind == "dim":
        array = float(SIZES[base.data])
    else:
        variables = list(dict.fromkeys(variables))
        safe = {name: f"@{at}" for at, name in enumerate(variables)}  # a bound index keeps its name
        local = {f"@{at}": safe.get(index, index) for at, index in enumerate(indices)}
        inner = terms.reindex(base.inner, local)
        sized = {safe[name]: dims[name] for name in variables}
        array = poly_value(inner, tuple(sized), sized, world)
        if base.kind == "apply":
            array = elementwise(base.data[0], array)
        return [np.asarray(array) ** float(exponent), [labels[i] for i in variables]]
    array = np.asarray(array)[tuple(i if isinstance(i, int) else slice(None) for i in indices)]
    return [np.asarray(array) ** float(exponent), [labels[i] for i in variables]]


# ------------------------------------------------------------------ what a tree says


def tree_value(tree: t.Tree, values: dict[str, Any], at: dict[str, int] | None = None) -> Any:
    """The array a tree stands for: its axes are those of `shape` that are there."""
    if isinstance(tree, t.Entries):
        sizes = [evaluate(dim, SIZES) for _, dim in tree.free]
        letters = [name for name, _ in tree.free]
        out = np.zeros(sizes)
        for place in itertools.product(*map(range, sizes)):
            out[place] = _two(tree.body, values, dict(zip(letters, place)))[0, 0]
        return out
    if isinstance(tree, t.Slices):
        letters = [name for name, _ in tree.free]
        places = itertools.product(*(range(evaluate(dim, SIZES)) for _, dim in tree.free))
        parts = [tree_value(tree.body, values, dict(zip(letters, place))) for place in places]
        sizes = [evaluate(dim, SIZES) for _, dim in tree.free]
        return np.reshape(parts, (*sizes, *np.shape(parts[0])))
    shape = [evaluate(dim, SIZES) for dim in tree.shape if dim is not None]
    value = _two(tree, values, at or {})
    assert value.shape == _extent(tree), tree
    return value.reshape(shape)


def _extent(tree: t.Tree) -> tuple[int, ...]:
    return tuple(1 if dim is None else evaluate(dim, SIZES) for dim in tree.shape)


def _two(tree: t.Tree, values: dict[str, Any], at: dict[str, int]) -> Any:
    """The value as an array of two axes."""

    def of(each: t.Tree) -> Any:
        value = _two(each, values, at)
        assert value.shape == _extent(each), each
        return value

    def same(each: t.Tree) -> Any:
        assert each.shape == tree.shape, (each, tree)
        return of(each)

    scalar = lambda value: np.reshape(np.asarray(value, dtype=float), (1, 1))  # noqa: E731
    match tree:
        case t.Slices():
            raise AssertionError("slices are not inside of anything")
        case t.Symbol(name=name):
            return np.asarray(values[name], dtype=float).reshape(_extent(tree))
        case t.Size(name=name):
            return scalar(values[name])
        case t.Number(value=value):
            assert tree.shape == t.SCALAR or not value
            return np.full(_extent(tree), float(value))
        case t.Constant(name=name):
            return scalar(getattr(np, name))
        case t.Ones():
            return np.ones(_extent(tree))
        case t.Identity():
            assert tree.shape[0] == tree.shape[1]
            return np.eye(_extent(tree)[0])
        case t.Unit(position=position):
            return np.eye(_extent(tree)[0])[:, position : position + 1]
        case t.OneHot(labels=labels):
            assert isinstance(labels, t.Symbol)
            classes = _extent(tree)[0 if tree.shape[1] is None else 1]
            return np.eye(classes)[values[labels.name]].reshape(_extent(tree))
        case t.Sum(terms=parts):
            assert all(each.shape in (tree.shape, t.SCALAR) for each in parts)
            return sum(of(each) for each in parts) + np.zeros(_extent(tree))
        case t.Scale(number=number, above=above, below=below, body=body):
            assert all(each.shape == t.SCALAR for each in (*above, *below))
            value = np.full((1, 1), float(number)) if body is None else float(number) * same(body)
            for each in above:
                value = value * of(each)
            for each in below:
                value = value / of(each)
            return value
        case t.Product(factors=factors):
            value = of(factors[0])
            for left, right in itertools.pairwise(factors):
                assert left.shape[1] == right.shape[0], tree
                value = value @ of(right)
            return value
        case t.Hadamard(factors=factors):
            return np.prod([same(each) for each in factors], axis=0)
        case t.Quotient(top=top, bottom=bottom):
            return (of(top) if top.shape == t.SCALAR else same(top)) / same(bottom)
        case t.Power(base=base, exponent=exponent):
            return same(base) ** float(exponent)
        case t.Apply(function=function, argument=argument):
            return elementwise(function, same(argument))
        case t.Transpose(body=body):
            return of(body).T
        case t.Inverse(body=body):
            return np.linalg.inv(of(body))
        case t.Diag(vector=vector):
            assert vector.shape[1] is None
            return np.diag(of(vector)[:, 0])
        case t.Diagonal(matrix=matrix):
            return np.diag(of(matrix))[:, None]
        case t.Trace(matrix=matrix):
            return scalar(np.trace(of(matrix)))
        case t.Total(body=body):
            return scalar(np.sum(of(body)))
        case t.Norm(body=body):
            return scalar(np.sqrt(np.sum(of(body) ** 2)))
        case t.Vec(matrix=matrix):
            return of(matrix).reshape(-1, 1)
        case t.Kron(left=left, right=right):
            return np.kron(of(left), of(right))
    return _indexed(tree, values, at)


def _indexed(tree: t.Tree, values: dict[str, Any], at: dict[str, int]) -> Any:
    scalar = lambda value: np.reshape(np.asarray(value, dtype=float), (1, 1))  # noqa: E731
    place = lambda i: at[i] if isinstance(i, str) else i  # noqa: E731
    match tree:
        case t.Reduction(function=function, argument=argument, axes=axes):
            array = tree_value(argument, values, at)
            if function == "det":
                return scalar(np.linalg.det(array))
            if function == "logdet":
                return scalar(np.linalg.slogdet(array)[1])
            return getattr(np, function)(array, axis=axes or None).reshape(_extent(tree))
        case t.Entry(body=t.Symbol(name=name), indices=indices):
            key = tuple(slice(None) if i is None else place(i) for i in indices)
            return np.asarray(values[name], dtype=float)[key].reshape(_extent(tree))
        case t.Entry(body=body, indices=indices):
            key = tuple(slice(None) if i is None else place(i) for i in indices)
            return tree_value(body, values, at)[key].reshape(_extent(tree))
        case t.Delta(left=t.Tree() as label, right=right):
            return scalar(_two(label, values, at)[0, 0] == place(right))
        case t.Delta(left=left, right=right):
            return scalar(place(left) == place(right))
        case t.IndexSum(bound=bound, body=body):
            ranges = [range(evaluate(dim, SIZES)) for _, dim in bound]
            names = [name for name, _ in bound]
            return sum(
                _two(body, values, {**at, **dict(zip(names, where))})
                for where in itertools.product(*ranges)
            )
    raise AssertionError(f"no value for {tree}")


# ------------------------------------------------------------------ random polynomials

Free = tuple[tuple[str, Dim], ...]
FUNCTIONS = ("tanh", "sigmoid", "positive", "exp")
POWERS = (1, 1, 1, 1, 1, 2, -1, Fraction(1, 2), 3)


def random_poly(random: Random, world: World, free: Free, depth: int = 2) -> Poly:
    """A random polynomial in the free indices, with bound ones, functions and brackets."""
    return terms.add(
        *(random_term(random, world, free, depth) for _ in range(random.choice((1, 1, 2, 3))))
    )


def random_term(random: Random, world: World, free: Free, depth: int) -> Poly:
    """A random product of one to five factors, summed over up to three bound indices."""
    bound = [(f"b{depth}{at}", random.choice((N, D))) for at in range(random.randint(0, 3))]
    known = (*free, *bound)
    value = Fraction(random.choice((1, 1, 2, -1, -1, -3)), random.choice((1, 1, 2, 3)))
    poly = terms.constant(value)
    for _ in range(random.randint(1, 5)):
        poly = terms.multiply(poly, random_factor(random, world, known, depth))
    if random.random() < 0.15:
        poly = terms.multiply(poly, world.algebra.power_of(terms.dim_base("n"), (), -1))
    return terms.sum_over(poly, bound)


def random_factor(random: Random, world: World, known: Free, depth: int) -> Poly:
    """A random leaf, delta, function or bracket on at most two of the known indices."""
    ranks = (0, 1, 1, 2, 2, 3, 3) if any(len(own) > 2 for own in world.shapes) else (0, 1, 1, 2, 2)
    chosen = [random.choice(known) for _ in range(random.choice(ranks))] if known else []
    kind = random.randint(0, 9)
    if kind == 0 and len(chosen) == 2 and chosen[0][1] == chosen[1][1]:
        return world.algebra.delta(chosen[0][0], chosen[1][0])
    if kind <= 3 and depth > 0:
        inner = random_poly(random, world, tuple(dict.fromkeys(chosen)), depth - 1)
        if not inner:
            return terms.constant(1)
        if kind <= 1:
            return world.algebra.bracket(inner, random.choice((1, 1, 2, -1)))
        return world.algebra.apply(random.choice(FUNCTIONS), inner)
    shape = tuple(dim for _, dim in chosen)
    nodes = [at for at, own in enumerate(world.shapes) if own == shape]
    if not nodes:
        return terms.constant(1)
    node = random.choice(nodes)
    base = world.algebra.base("leaf", node, len(shape))
    indices = tuple(index for index, _ in chosen)
    return world.algebra.power_of(base, indices, random.choice(POWERS))
