"""The primitive operations, a closed set of frozen dataclasses: every program lowers to them.

The set is closed under differentiation. Shape rules stand in `shapes`, vector-Jacobian rules in
`gradients`, NumPy rules in `evaluator`, batching rules in `batching`: four tables over these rows,
and a test proves that each of them covers each primitive.

Axes are counted from 0 and never negative here; the parser resolves negative ones.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache

from .sizes import Dim, Shape

_NUMBER = r"(-?\d+(?:\.\d+)?(?:e[-+]?\d+)?)"
_INTERVAL = re.compile(rf"Interval\[{_NUMBER}, {_NUMBER}\]", re.ASCII)
Range = tuple[Dim, Dim, int]  # start, number of elements, step (never 0, may be negative)
DOMAINS = ("Real", "Positive", "OneHot", "Probability", "Interval", "Label", "Bool")
FREE = ("Real", "Positive", "Interval")  # each entry is a real number of its own


class Op:
    """A primitive operation; what distinguishes two uses of it are its fields."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Input(Op):
    """A value from outside. `domain` is one of `DOMAINS` and says which values are meant.

    An interval is written with its ends: `Interval[0, 1]`.
    """

    name: str
    shape: Shape = ()
    domain: str = "Real"

    @property
    def kind(self) -> str:
        """The domain's word, of an interval without its ends."""
        return self.domain.partition("[")[0]

    @property
    def ends(self) -> tuple[float, float] | None:
        """Between which numbers each entry may lie; None where entries depend on each other, or
        are whole.

        >>> Input("p", (), "Probability").ends, Input("x", (3,), "Interval[-1, 2.5]").ends
        ((0.0, 1.0), (-1.0, 2.5))
        """
        if self.domain == "Probability" and not self.shape:
            return (0.0, 1.0)
        return {"Real": (-math.inf, math.inf), "Positive": (0.0, math.inf)}.get(
            self.domain
        ) or interval(self.domain)

    @property
    def positive(self) -> bool:
        """Whether every entry is positive."""
        return self.domain == "Probability" or (self.ends is not None and self.ends[0] >= 0)


@lru_cache(maxsize=256)
def interval(domain: str) -> tuple[float, float] | None:
    """The ends of a domain such as `Interval[0, 1]`; None where it is no interval, or an empty one.

    >>> interval("Interval[0, 1]"), interval("Interval[1, 0]"), interval("Real")
    ((0.0, 1.0), None, None)
    """
    found = _INTERVAL.fullmatch(domain)
    low, high = map(float, found.groups()) if found else (0.0, 0.0)
    return (low, high) if -math.inf < low < high < math.inf else None


def single_shares(op: Op) -> bool:
    """Whether an input holds rows of one probability each, which would all be 1."""
    return isinstance(op, Input) and op.domain == "Probability" and op.shape[-1:] == (1,)


@dataclass(frozen=True, slots=True)
class Const(Op):
    """An array of `shape` filled with one number; a `Size` is the number of a named dimension."""

    value: int | float | Dim
    shape: Shape = ()


@dataclass(frozen=True, slots=True)
class Array(Op):
    """A written-out array: its elements in row-major order."""

    values: tuple[float | int, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Eye(Op):
    """The identity matrix of `size`: the Kronecker delta."""

    size: Dim


@dataclass(frozen=True, slots=True)
class Arange(Op):
    """The integers 0 to `size` - 1."""

    size: Dim


@dataclass(frozen=True, slots=True)
class Map(Op):
    """An elementwise function, a row of `scalars.TABLE`; all operands have one shape."""

    function: str


@dataclass(frozen=True, slots=True)
class Contract(Op):
    """An einsum: `("ij", "jk") -> "ik"`. Every letter of `output` occurs in some input.

    Covers matrix products, sums, traces, transposes, diagonals and outer products.
    """

    inputs: tuple[str, ...]
    output: str

    @property
    def spec(self) -> str:
        """The einsum specification as NumPy writes it: `ij,jk->ik`."""
        return ",".join(self.inputs) + "->" + self.output


@dataclass(frozen=True, slots=True)
class Reduce(Op):
    """The max, min or prod over `axes`, which disappear; argmax and argmin take one axis."""

    kind: str
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Broadcast(Op):
    """The operand repeated to `shape`; its axis i becomes axis `axes[i]` of the result."""

    shape: Shape
    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Reshape(Op):
    """The same elements in row-major order, in another shape."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Slice(Op):
    """Of each axis, the elements start, start + step, ...: one `Range` per axis."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Pad(Op):
    """Zeros of `shape` with the operand written where `Slice(ranges)` would read: its adjoint."""

    ranges: tuple[Range, ...]
    shape: Shape


@dataclass(frozen=True, slots=True)
class Concat(Op):
    """The operands one after another along `axis`."""

    axis: int


@dataclass(frozen=True, slots=True)
class Gather(Op):
    """`x[i0, i1, ...]`: operand 0 indexed on its leading axes by integer operands of one shape.

    The shape of the result is the indices' shape, then the axes of x that were not indexed.
    """

    count: int


@dataclass(frozen=True, slots=True)
class Scatter(Op):
    """Zeros of `shape` to which operand 0 is added at the indices: the adjoint of `Gather`."""

    shape: Shape


@dataclass(frozen=True, slots=True)
class Inverse(Op):
    """The inverse of the last two axes."""


@dataclass(frozen=True, slots=True)
class LogDet(Op):
    """log |det A| over the last two axes."""


@dataclass(frozen=True, slots=True)
class Det(Op):
    """det A over the last two axes."""


@dataclass(frozen=True, slots=True)
class Adjugate(Op):
    """The adjugate of operand 0, A: operands 1 and 2, det A times A⁻¹, where A is regular.

    Where A is singular there is no inverse, but an adjugate: the limit of that product.
    """


@dataclass(frozen=True, slots=True)
class StopGradient(Op):
    """The operand itself, through which no gradient flows."""


PRIMITIVES: tuple[type[Op], ...] = (
    Input, Const, Array, Eye, Arange, Map, Contract, Reduce, Broadcast, Reshape, Slice, Pad,
    Concat, Gather, Scatter, Inverse, LogDet, Det, Adjugate, StopGradient,
)  # fmt: skip
LEAVES = (Input, Const, Array, Eye, Arange)
REDUCTIONS = ("max", "min", "prod", "argmax", "argmin")


@lru_cache(maxsize=None)
def map_of(function: str) -> Map:
    """The one `Map` object of a function: large tapes hold millions of references to it."""
    return Map(function)


@lru_cache(maxsize=4096)
def contract_of(spec: str) -> Contract:
    """The `Contract` of an einsum specification such as `ij,jk->ik`."""
    inputs, output = spec.split("->")
    return Contract(tuple(inputs.split(",")), output)
