"""Derivatives by JAX, run by NumPy: JAX traces and differentiates, this module evaluates the jaxpr.

JAX compiles each new operation and shape for some 20 ms, which is a second per random program;
its traces cost a few. The rows of `RULES` are those of its primitives that are common, as NumPy;
the others are given back to JAX.
"""

import math
import os

import numpy as np
import pytest

# Before JAX is imported: what is left to its compiler is not worth optimising.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
jax = pytest.importorskip("jax")
jnp = jax.numpy

jax.config.update("jax_enable_x64", True)


class Program:
    """The derivatives of a program's `f` and `v` at a point."""

    def __init__(self, text, point):
        self.code = compile(text, "<program>", "exec")
        self.point = {name: np.asarray(value) for name, value in point.items()}

    def outputs(self, point):
        """`f` and `v`, as JAX values."""
        names = {"np": jnp, **point}
        exec(self.code, names)  # noqa: S102 - a text that the test generated
        return names["f"], names["v"]

    def of(self, output, name):
        """An output as a function of one input."""
        others = {each: jnp.asarray(value) for each, value in self.point.items()}
        return lambda x: self.outputs({**others, name: x})[output]

    def gradients(self):
        """The value of `f`, and its gradient by each input."""
        value, *found = run(jax.value_and_grad(lambda point: self.outputs(point)[0]), self.point)
        return value, dict(zip(sorted(self.point), found))

    def hessian_product(self, name, direction):
        """The Hessian of `f` by one input, times a direction: forward over reverse."""
        slope = jax.grad(self.of(0, name))
        (found,) = run(lambda x, d: jax.jvp(slope, (x,), (d,))[1], self.point[name], direction)
        return found

    def jacobian(self, name):
        """The Jacobian of `v` by one input."""
        (found,) = run(jax.jacrev(self.of(1, name)), self.point[name])
        return found


CALLS = {"jit": "jaxpr", "pjit": "jaxpr", "custom_jvp_call": "call_jaxpr"}


def run(function, *args):
    """The value of a JAX function, a flat list of arrays."""
    closed = jax.make_jaxpr(function)(*args)
    with np.errstate(all="ignore"):  # in branches that `where` does not take
        return evaluate(closed.jaxpr, closed.consts, jax.tree_util.tree_leaves(args))


def evaluate(jaxpr, consts, args):
    """The outputs of a jaxpr."""
    known = dict(zip(jaxpr.constvars, map(np.asarray, consts)))
    known |= zip(jaxpr.invars, map(np.asarray, args))

    def read(var):
        return np.asarray(var.val, var.aval.dtype) if hasattr(var, "val") else known[var]

    for eqn in jaxpr.eqns:
        inputs = [read(var) for var in eqn.invars]
        found = apply(eqn.primitive, inputs, eqn.params)
        for var, value in zip(eqn.outvars, found):
            assert np.shape(value) == var.aval.shape, (eqn, np.shape(value))
            known[var] = value
    return [read(var) for var in jaxpr.outvars]


def apply(primitive, inputs, params):
    """The outputs of one primitive."""
    if primitive.name in CALLS:
        closed = params[CALLS[primitive.name]]
        return evaluate(closed.jaxpr, closed.consts, inputs)
    rule = RULES.get(primitive.name)
    if rule is not None:
        return [np.asarray(rule(*inputs, **params))]
    found = primitive.bind(*map(jnp.asarray, inputs), **params)
    return [np.asarray(each) for each in (found if primitive.multiple_results else [found])]


def _plain(function):
    return lambda *args, **params: function(*args)


def _reduce(function):
    return lambda x, axes, **params: function(x, axis=tuple(axes))


def _broadcast(x, shape, broadcast_dimensions, **params):
    wide = [1] * len(shape)
    for axis, at in enumerate(broadcast_dimensions):
        wide[at] = x.shape[axis]
    return np.broadcast_to(x.reshape(wide), shape)


def _dot(a, b, dimension_numbers, **params):
    (left, right), (left_batch, right_batch) = dimension_numbers
    names = iter(range(a.ndim + b.ndim))
    first = [next(names) for _ in range(a.ndim)]
    second = [next(names) for _ in range(b.ndim)]
    for i, j in (*zip(left, right), *zip(left_batch, right_batch)):
        second[j] = first[i]
    batch = [first[i] for i in left_batch]
    out = [first[i] for i in range(a.ndim) if i not in (*left, *left_batch)]
    out += [second[j] for j in range(b.ndim) if j not in (*right, *right_batch)]
    return np.einsum(a, first, b, second, batch + out)


def _pad(x, value, padding_config):
    if any(low < 0 or high < 0 for low, high, _ in padding_config):
        return np.asarray(jax.lax.pad(jnp.asarray(x), jnp.asarray(value), padding_config))
    sizes = [low + high + max(0, n + (n - 1) * inside)
             for n, (low, high, inside) in zip(x.shape, padding_config)]  # fmt: skip
    wide = np.full(sizes, value)
    places = tuple(slice(low, low + n + (n - 1) * inside, inside + 1) if n else slice(0, 0)
                   for n, (low, _, inside) in zip(x.shape, padding_config))  # fmt: skip
    wide[places] = x
    return wide


def _slice(x, start_indices, limit_indices, strides):
    steps = strides or [1] * x.ndim
    return x[tuple(map(slice, start_indices, limit_indices, steps))]


def _reshape(x, new_sizes, dimensions, **params):
    return (x if dimensions is None else x.transpose(dimensions)).reshape(new_sizes)


def _iota(*, dtype, shape, dimension, **params):
    line = np.arange(shape[dimension], dtype=dtype)
    return _broadcast(line, shape, (dimension,))


def _select(which, *cases):
    return np.choose(which.astype(int), cases) if which.ndim else cases[int(which)]


def _argument(function):
    return lambda x, axes, index_dtype: function(x, axis=axes[0]).astype(index_dtype)


def _scalar(function):
    return _plain(np.vectorize(function, otypes=[float]))


RULES = {
    **{name: _plain(getattr(np, name)) for name in (
        "sin cos tan tanh sinh cosh exp log log1p expm1 sqrt abs sign floor isfinite").split()
    },
    "square": _plain(np.square), "add": _plain(np.add),
    "sub": _plain(np.subtract), "mul": _plain(np.multiply),
    "div": _plain(np.divide), "neg": _plain(np.negative), "max": _plain(np.maximum),
    "min": _plain(np.minimum), "pow": _plain(np.power), "atan2": _plain(np.arctan2),
    "atan": _plain(np.arctan), "asin": _plain(np.arcsin), "acos": _plain(np.arccos),
    "exp2": _plain(np.exp2), "logistic": _plain(lambda x: 1 / (1 + np.exp(-x))),
    "rsqrt": _plain(lambda x: 1 / np.sqrt(x)), "erf": _scalar(math.erf),
    "integer_pow": lambda x, y: x**float(y) if y < 0 else x**y,
    "eq": _plain(np.equal), "ne": _plain(np.not_equal), "lt": _plain(np.less),
    "le": _plain(np.less_equal), "gt": _plain(np.greater), "ge": _plain(np.greater_equal),
    "and": _plain(np.logical_and), "or": _plain(np.logical_or), "not": _plain(np.logical_not),
    "select_n": _select, "stop_gradient": _plain(np.asarray), "copy": _plain(np.asarray),
    "copy_p": _plain(np.asarray), "add_any": _plain(np.add),
    "convert_element_type": lambda x, new_dtype, **params: x.astype(new_dtype),
    "reduce_sum": _reduce(np.sum), "reduce_max": _reduce(np.max), "reduce_min": _reduce(np.min),
    "reduce_prod": _reduce(np.prod), "reduce_and": _reduce(np.all), "reduce_or": _reduce(np.any),
    "argmax": _argument(np.argmax), "argmin": _argument(np.argmin),
    "broadcast_in_dim": _broadcast, "dot_general": _dot, "pad": _pad, "slice": _slice,
    "iota": _iota,
    "reshape": _reshape,
    "transpose": lambda x, permutation: x.transpose(permutation),
    "squeeze": lambda x, dimensions: x.squeeze(tuple(dimensions)),
    "expand_dims": lambda x, dimensions: np.expand_dims(x, dimensions),
    "concatenate": lambda *x, dimension: np.concatenate(x, axis=dimension),
    "rev": lambda x, dimensions: np.flip(x, dimensions),
}  # fmt: skip
