"""Random graphs over all primitives, for property tests: the same seed and length, the same graph.

A longer graph of one seed begins as the shorter one, so that a failing length can be shrunk.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from graphdbg.tape import ops
from graphdbg.tape.builder import Builder
from graphdbg.tape.graph import Graph
from graphdbg.tape.sizes import Shape, product

SHAPES: tuple[Shape, ...] = ((), (3,), (2,), (3, 2), (2, 3), (2, 2), (3, 3), (2, 3, 2))
SMOOTH = ("tanh", "sin", "cos", "sigmoid", "softplus", "logsigmoid", "arctan", "neg", "erf")
KINKED = ("relu", "abs")
MASKS = ("gt", "ge", "lt", "le", "eq", "ne")


class Maker:
    """Draws nodes one after another; every node's values stay within a few units of 0."""

    def __init__(self, seed: int, kinks: bool = True, batch: tuple[str, ...] = ()) -> None:
        self.random = Random(seed)
        self.b = Builder()
        self.smooth = SMOOTH + KINKED if kinks else SMOOTH
        self.steps: list[Callable[[], int | None]] = [
            self.one, self.one, self.two, self.two, self.divide, self.power, self.root,
            self.contract, self.contract, self.total, self.transpose, self.diagonal,
            self.product, self.broadcast, self.reshape, self.cut, self.reverse, self.pad,
            self.concat, self.gather, self.scatter, self.inverse, self.logdet, self.det,
            self.stop,
        ]  # fmt: skip
        if kinks:
            self.steps += [self.extreme, self.choose, self.larger]
        self.nodes = [self.b.input(f"x{at}", shape) for at, shape in enumerate(SHAPES[:6])]
        self.labels = self.b.input("labels", (4,), "Label")

    def pick(self, *ranks: int) -> int:
        """A node, of one of the ranks where ranks are given; late ones are likelier."""
        fitting = [at for at in self.nodes if not ranks or len(self.shape(at)) in ranks]
        return fitting[max(self.random.randrange(len(fitting)) for _ in range(2))]

    def shape(self, at: int) -> tuple[int, ...]:
        return self.b.shapes[at]  # type: ignore[return-value]

    def like(self, at: int) -> int:
        """Another node of the same shape."""
        return self.random.choice([n for n in self.nodes if self.shape(n) == self.shape(at)])

    def one(self) -> int:
        return self.b.map(self.random.choice(self.smooth), self.pick())

    def two(self) -> int:
        x = self.pick()
        return self.b.map(self.random.choice(("add", "sub", "mul")), x, self.like(x))

    def divide(self) -> int:
        x = self.pick()
        below = self.b.map("add", self.b.const(1), self.b.map("softplus", self.like(x)))
        return self.b.map("div", x, below)

    def power(self) -> int:
        x = self.pick()
        return self.b.map(
            "pow", self.b.map("softplus", x), self.b.const(self.random.choice((2, 0.5, -1)))
        )

    def root(self) -> int:
        name = self.random.choice(("sqrt", "log", "log1p"))
        return self.b.map(name, self.b.map("softplus", self.pick()))

    def larger(self) -> int:
        x = self.pick()
        return self.b.map(self.random.choice(("maximum", "minimum")), x, self.like(x))

    def choose(self) -> int:
        x = self.pick()
        mask = self.b.map(self.random.choice(MASKS), x, self.like(x))
        return self.b.map("where", mask, self.like(x), self.like(x))

    def contract(self) -> int | None:
        x, y = self.pick(1, 2), self.pick(1, 2)
        (*rest, n), (m, *more) = self.shape(x), self.shape(y)
        if n != m:
            return None
        left, right = "ab"[: len(rest)], "cd"[: len(more)]
        return self.b.contract(f"{left}z,z{right}->{left}{right}", x, y)

    def total(self) -> int:
        x = self.pick(1, 2, 3)
        rank = len(self.shape(x))
        axes = self.random.sample(range(rank), self.random.randint(1, rank))
        return self.b.sum(x, axes)

    def transpose(self) -> int:
        return self.b.contract("ij->ji", self.pick(2))

    def diagonal(self) -> int | None:
        x = self.square()
        return self.b.contract(self.random.choice(("ii->i", "ii->")), x)

    def product(self) -> int:
        x = self.pick(1, 2)
        axes = (0,) if self.random.random() < 0.5 else tuple(range(len(self.shape(x))))
        return self.b.emit(ops.Reduce("prod", axes), x)

    def extreme(self) -> int:
        x = self.pick(1, 2, 3)
        axes = (0,) if self.random.random() < 0.5 else tuple(range(len(self.shape(x))))
        return self.b.emit(ops.Reduce(self.random.choice(("max", "min")), axes), x)

    def broadcast(self) -> int:
        x = self.pick(0, 1)
        axis = self.random.choice((0, 1))
        target = (*self.shape(x)[:axis], 2, *self.shape(x)[axis:])
        axes = tuple(at for at in range(len(target)) if at != min(axis, len(target) - 1))
        return self.b.spread(x, target, axes)

    def reshape(self) -> int:
        x = self.pick()
        size = product(self.shape(x))
        fitting = [shape for shape in (*SHAPES, (size,)) if product(shape) == size]
        return self.b.emit(ops.Reshape(self.random.choice(fitting)), x)

    def cut(self) -> int:
        x = self.pick(1, 2)
        first, *rest = self.shape(x)
        start = self.random.randrange(first)
        ranges = ((start, first - start, 1), *((0, dim, 1) for dim in rest))
        return self.b.emit(ops.Slice(ranges), x)

    def reverse(self) -> int:
        x = self.pick(1, 2)
        first, *rest = self.shape(x)
        return self.b.emit(ops.Slice(((first - 1, first, -1), *((0, d, 1) for d in rest))), x)

    def pad(self) -> int:
        x = self.pick(1)
        (n,) = self.shape(x)
        step = self.random.choice((1, 2))
        return self.b.emit(ops.Pad(((1, n, step),), (step * n + 1,)), x)

    def concat(self) -> int:
        x = self.pick(1, 2)
        return self.b.emit(ops.Concat(self.random.randrange(len(self.shape(x)))), x, self.like(x))

    def gather(self) -> int | None:
        x = self.pick(1, 2)
        if min(self.shape(x)) < 2:
            return None  # the labels are 0 and 1
        if len(self.shape(x)) == 2 and self.random.random() < 0.3:
            return self.b.emit(ops.Gather(2), x, self.labels, self.labels)
        return self.b.emit(ops.Gather(1), x, self.labels)

    def scatter(self) -> int | None:
        fitting = [at for at in self.nodes if self.shape(at)[:1] == (4,)]
        if not fitting:
            return None
        x = self.random.choice(fitting)
        return self.b.emit(ops.Scatter((3, *self.shape(x)[1:])), x, self.labels)

    def square(self) -> int:
        """A square matrix that stays regular: a bounded one, and 3 on its diagonal."""
        fitting = [n for n in self.nodes if len(self.shape(n)) == 2 and len({*self.shape(n)}) == 1]
        x = self.b.map("tanh", self.random.choice(fitting))
        size = self.shape(x)[0]
        return self.b.map("add", x, self.b.map("mul", self.b.emit(ops.Eye(size)), self.b.const(3)))

    def inverse(self) -> int:
        return self.b.emit(ops.Inverse(), self.square())

    def logdet(self) -> int:
        return self.b.emit(ops.LogDet(), self.square())

    def det(self) -> int:
        return self.b.map("tanh", self.b.emit(ops.Det(), self.square()))

    def stop(self) -> int:
        return self.b.emit(ops.StopGradient(), self.pick())

    def step(self) -> None:
        """One more node, tamed where it could grow."""
        at = self.random.choice(self.steps)()
        if at is None or product(self.shape(at)) > 30 or len(self.shape(at)) > 3:
            return
        if type(self.b.ops[at]) in (ops.Contract, ops.Reduce) or self.random.random() < 0.2:
            at = self.b.map("tanh", at)
        self.nodes.append(at)


def random_graph(seed: int, length: int, kinks: bool = True, scalar: bool = True) -> Graph:
    """A graph of about `length` nodes; its output is a scalar, or else all of its nodes."""
    maker = Maker(seed, kinks)
    for _ in range(length):
        maker.step()
    b = maker.b
    if not scalar:
        return b.build(list(range(len(b.ops))))
    total = b.const(0)
    for at in maker.nodes[-8:]:
        weighted = b.map("sin", at) if maker.random.random() < 0.5 else at
        total = b.map("add", total, b.sum(weighted, range(len(b.shapes[at]))))
    return b.build({"f": total})
