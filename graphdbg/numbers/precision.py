"""Values of nodes at any number of digits, with mpmath, and how far each may be from the exact one.

Numbers are read as they are written: 0.1 is a tenth, math.pi is pi; inputs are the doubles they
are. Arrays hold mpmath numbers as objects, so that NumPy moves, adds and contracts them; what is
complex or undefined is NaN. Each evaluation has a context of its own.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import lazy
from ..tape import ops, sizes
from ..tape.graph import Graph
from ..tape.sizes import Size
from .arithmetic import Arithmetic
from .evaluator import RULES, Dims, slices

Array = NDArray[Any]

LARGEST_EXPONENT = 200  # bits of an argument of exp, sin, ...: beyond, memory is at stake


class OutOfReach(ArithmeticError):
    """A value that is finite but too large to be computed: e^(10^100)."""


class Digits:
    """Evaluation at a number of decimal digits; `arithmetic` is what error bounds need of it.

    `trusting` arithmetic takes what is equal to all digits for equal.

    >>> from graphdbg.tape.builder import Builder
    >>> b = Builder()
    >>> g = b.build({"f": b.map("mul", b.const(0.1), b.input("x"))})
    >>> found = Digits(30).evaluate(g, [0, 1, 2], {"x": np.array(3.0)}, {})
    >>> print(found[2])
    0.3
    """

    def __init__(self, digits: int, trusting: bool = False) -> None:
        self.digits = digits
        self.trusting = trusting
        self.context: Any = lazy.mpmath().MPContext()
        self.context.dps = digits + 5  # the last five are for what functions round inside
        self.functions = {
            name: np.frompyfunc(_careful(self.context, function), arity, 1)
            for name, (arity, function) in functions_of(self.context).items()
        }
        unit = np.full((), self.context.mpf(10) ** -digits, object)  # NumPy multiplies, not mpmath
        self.arithmetic = Arithmetic(
            unit, self.apply, self._finite, self.inverse, trusting=trusting
        )

    def apply(self, name: str, *args: Any) -> Array:
        """An elementwise function of the table, of arrays of numbers."""
        with np.errstate(all="ignore"):
            return np.asarray(self.functions[name](*args), object)

    def exactly(self, array: Any) -> Array:
        """An array of doubles as numbers of this precision, unchanged."""
        with np.errstate(all="ignore"):  # a NaN is a value here
            return np.asarray(np.frompyfunc(self._number, 1, 1)(np.asarray(array, object)), object)

    def evaluate(
        self, graph: Graph, order: Sequence[int], point: Mapping[str, Any], dims: Dims
    ) -> dict[int, Array]:
        """The values of the nodes in `order`, which holds what they are computed from.

        Raises OutOfReach where a number is too large to be had.
        """
        values: dict[int, Array] = {}
        for at in order:
            op, args = graph.ops[at], [values[arg] for arg in graph.args[at]]
            rule = getattr(self, f"_{type(op).__name__.lower()}", None)
            if rule is not None:
                values[at] = rule(op, args, dims, point)
            else:
                values[at] = np.asarray(RULES[type(op)](op, args, dims), object)
        return values

    # one rule per primitive that makes numbers; moves and sums are NumPy's own

    def _input(self, op: ops.Input, args: Any, dims: Dims, point: Mapping[str, Any]) -> Array:
        """The input; probabilities are made to sum to 1 at this precision."""
        value = self.exactly(point[op.name])
        if op.domain != "Probability" or not value.ndim:
            return value
        return np.asarray(value / np.sum(value, axis=-1, keepdims=True), object)

    def _const(self, op: ops.Const, args: Any, dims: Dims, point: Any) -> Array:
        value = op.value.evaluate(dims) if isinstance(op.value, Size) else op.value
        shape = tuple(sizes.evaluate(dim, dims) for dim in op.shape)
        return self._filled(shape, self._written(value))

    def _array(self, op: ops.Array, args: Any, dims: Dims, point: Any) -> Array:
        values = np.empty(len(op.values), object)
        values[:] = [self._written(value) for value in op.values]
        return values.reshape(tuple(sizes.evaluate(dim, dims) for dim in op.shape))

    def _eye(self, op: ops.Eye, args: Any, dims: Dims, point: Any) -> Array:
        return self.exactly(RULES[ops.Eye](op, args, dims))

    def _arange(self, op: ops.Arange, args: Any, dims: Dims, point: Any) -> Array:
        return self.exactly(RULES[ops.Arange](op, args, dims))

    def _map(self, op: ops.Map, args: Any, dims: Dims, point: Any) -> Array:
        return self.apply(op.function, *args)

    def _reduce(self, op: ops.Reduce, args: Any, dims: Dims, point: Any) -> Array:
        """NaN where an entry is NaN: comparisons of NaN are silently false."""
        value = RULES[ops.Reduce](op, args, dims)
        if op.kind in ("argmax", "argmin"):
            return self.exactly(value)
        unknown = np.any(args[0] != args[0], axis=op.axes)
        return np.asarray(np.where(unknown, self.context.nan, value), object)

    def _pad(self, op: ops.Pad, args: Any, dims: Dims, point: Any) -> Array:
        result = self._filled(tuple(sizes.evaluate(d, dims) for d in op.shape), self.context.zero)
        result[slices(op.ranges, dims)] = args[0]
        return result

    def _scatter(self, op: ops.Scatter, args: Any, dims: Dims, point: Any) -> Array:
        return np.asarray(RULES[ops.Scatter](op, args, dims) + self.context.zero, object)

    def _inverse(self, op: ops.Inverse, args: Any, dims: Dims, point: Any) -> Array:
        return self.inverse(args[0])

    def _det(self, op: ops.Det, args: Any, dims: Dims, point: Any) -> Array:
        return self._each_matrix(args[0], self.context.det, ())

    def _adjugate(self, op: ops.Adjugate, args: Any, dims: Dims, point: Any) -> Array:
        """det(A) A⁻¹, NaN where there is no inverse."""
        return np.asarray(np.asarray(args[1], object)[..., None, None] * args[2], object)

    def _logdet(self, op: ops.LogDet, args: Any, dims: Dims, point: Any) -> Array:
        return self.apply("log", np.abs(self._each_matrix(args[0], self.context.det, ())))

    def inverse(self, matrices: Array) -> Array:
        """The inverses of matrices over the last two axes, NaN where there is none."""
        return self._each_matrix(matrices, lambda matrix: matrix**-1, matrices.shape[-2:])

    def _each_matrix(self, a: Array, function: Callable[[Any], Any], shape: Any) -> Array:
        result = np.empty((*a.shape[:-2], *shape), object)
        for index in np.ndindex(*a.shape[:-2]):
            try:
                found = function(self.context.matrix(a[index].tolist()))
                made = np.array(found.tolist(), object) if shape else found
            except (ZeroDivisionError, TypeError, ValueError):  # singular, or with inf or NaN
                made = self._filled(shape, self.context.nan)
            result[index] = made
        return result

    def _filled(self, shape: Any, number: Any) -> Array:
        result = np.empty(shape, object)
        result.fill(number)
        return result

    def _number(self, value: Any) -> Any:
        return self.context.mpf(float(value))

    def _written(self, value: Any) -> Any:
        """The number that a constant of the tape stands for."""
        for double, exact in ((math.pi, self.context.pi), (math.e, self.context.e)):
            if abs(value) == double:
                return +exact if value > 0 else -exact
        return self.context.mpf(repr(value))

    def _finite(self, array: Array) -> Array:
        found = np.frompyfunc(self.context.isfinite, 1, 1)(array)
        return np.asarray(found, bool)


@lru_cache(maxsize=8)
def digits_of(digits: int, trusting: bool = False) -> Digits:
    """The `Digits` of a number of digits, made once."""
    return Digits(digits, trusting)


def _careful(context: Any, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with NaN for a complex or undefined result."""

    def careful(*args: Any) -> Any:
        try:
            result = function(*args)
        except (ZeroDivisionError, ValueError):
            return context.nan
        return context.nan if isinstance(result, context.mpc) else result

    return careful


def functions_of(m: Any) -> dict[str, tuple[int, Callable[..., Any]]]:
    """Each row of the table as (number of operands, function of numbers of the context m).

    They follow the table's stable forms: with few digits 1/(1 + e^-a) is no softplus' derivative.
    """
    return {**_arithmetic(m), **_transcendental(m), **_choices(m)}


def _arithmetic(m: Any) -> dict[str, tuple[int, Callable[..., Any]]]:
    return {
        "add": (2, lambda a, b: a + b),
        "sub": (2, lambda a, b: a - b),
        "mul": (2, lambda a, b: a * b),
        "div": (2, lambda a, b: a / b),
        "neg": (1, lambda a: -a),
        "pow": (2, lambda a, b: _power(m, a, b)),
        "sqrt": (1, m.sqrt),
        "abs": (1, abs),
    }


def _transcendental(m: Any) -> dict[str, tuple[int, Callable[..., Any]]]:
    def tame(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda a: _within_reach(m, a) and function(a)

    def sigmoid(a: Any) -> Any:
        e = m.exp(-abs(a))
        return (m.one if a >= 0 else e) / (1 + e)

    def softplus(a: Any) -> Any:
        return max(a, m.zero) + m.log1p(m.exp(-abs(a)))

    plain = {"log": m.log, "log1p": m.log1p, "arcsin": m.asin, "arccos": m.acos, "arctan": m.atan}
    steep = {
        "exp": m.exp, "expm1": m.expm1, "sin": m.sin, "cos": m.cos, "tan": m.tan,
        "sinh": m.sinh, "cosh": m.cosh, "tanh": m.tanh, "erf": m.erf, "sigmoid": sigmoid,
        "softplus": softplus, "logsigmoid": lambda a: -softplus(-a),
    }  # fmt: skip
    tamed = {name: tame(function) for name, function in steep.items()}
    return {name: (1, function) for name, function in (plain | tamed).items()}


def _choices(m: Any) -> dict[str, tuple[int, Callable[..., Any]]]:
    """Functions that compare; a comparison with NaN is false, which must not choose a number."""

    def known(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args: m.nan if any(a != a for a in args) else function(*args)

    def mask(test: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
        return lambda a, b: m.one if test(a, b) else m.zero

    tests = {
        "gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le,
        "eq": operator.eq, "ne": operator.ne, "guard": operator.gt,
    }  # fmt: skip
    return {
        "relu": (1, known(lambda a: max(a, m.zero))),
        "sign": (1, known(m.sign)),
        "floor": (1, lambda a: m.floor(a) if m.isfinite(a) else a),
        "maximum": (2, known(max)),
        "minimum": (2, known(min)),
        "where": (3, lambda a, b, c: b if a != 0 else c),
        **{name: (2, mask(test)) for name, test in tests.items()},
    }


def _within_reach(m: Any, a: Any) -> bool:
    """True; OutOfReach where e^a, or the digits of sin a, would fill the memory."""
    if m.isfinite(a) and a != 0 and m.mag(a) > LARGEST_EXPONENT:
        raise OutOfReach(f"an argument of 2^{m.mag(a)}")
    return True


def _power(m: Any, a: Any, b: Any) -> Any:
    """a^b as NumPy has it: 1 for b = 0, 0 to a positive power is 0."""
    if a == 0 and b > 0:
        return m.zero
    if m.isfinite(a) and m.isfinite(b) and a != 0:
        _within_reach(m, b * m.log(abs(a)))
    return a**b
