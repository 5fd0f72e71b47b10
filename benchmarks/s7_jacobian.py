"""S7: the Jacobian of tanh(W x + b) with respect to x, 10 outputs by 100 inputs.

W, b and x are given at call time. *First* is from nothing (graphdbg: from the text) to the
first values of the Jacobian, in a new process; *again* is the Jacobian at a point once all is
prepared, next to the closed form (1 - tanh(W x + b)^2) W in NumPy. SymPy and symengine work
entry by entry. Each peer below imports what it needs and returns `build`, which prepares the
function of a point.

Goal: first under 10 ms; again at most 2 times as long as the closed form in NumPy.
"""

from functools import partial

from harness import Bout, Contestant, at_most, main, within

OUT, IN = 10, 100
PROGRAM = f"W: Real[{OUT}, {IN}]\nb: Real[{OUT}]\nx: Real[{IN}]\ny = tanh(W @ x + b)"
SHAPES = {"W": (OUT, IN), "b": (OUT,), "x": (IN,)}


def values():
    """Values by name."""
    import numpy as np

    rng = np.random.default_rng(7)
    point = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    return point | {"W": point["W"] / IN**0.5}


def first(peer):
    """The function that prepares everything and evaluates once."""
    build, point = peer(), values()
    return lambda: build()(point)


def again(peer):
    """The function that evaluates what was prepared."""
    function, point = peer()(), values()
    return lambda: function(point)


def closed_form():
    """The closed form in NumPy."""
    import numpy as np

    def jacobian(point):
        y = np.tanh(point["W"] @ point["x"] + point["b"])
        return [(1 - y * y)[:, None] * point["W"]]

    return lambda: jacobian


def graphdbg():
    """The Jacobian as a formula, evaluated."""
    import sympy  # noqa: F401 - imports are not what is timed here

    from graphdbg import compile, jacobian, parse  # noqa: F401

    def build():
        formula = jacobian(parse(PROGRAM), of="y", wrt="x")
        return lambda point: [formula.evaluate(point)]

    return build


def casadi():
    """CasADi's Jacobian of the matrix expression."""
    import casadi as ca

    def build():
        leaves = {name: ca.MX.sym(name, *shape) for name, shape in SHAPES.items()}
        y = ca.tanh(leaves["W"] @ leaves["x"] + leaves["b"])
        function = ca.Function("J", list(leaves.values()), [ca.jacobian(y, leaves["x"])])

        def jacobian(point):
            result = function(*point.values())
            return lambda: [result.full()]

        return jacobian

    return build


def jax_reverse():
    """JAX, reverse mode, jitted."""
    import jax

    jax.config.update("jax_enable_x64", True)

    def build():
        def y(x, W, b):
            return jax.numpy.tanh(W @ x + b)

        function = jax.jit(jax.jacrev(y))

        def jacobian(point):
            return [jax.block_until_ready(function(point["x"], point["W"], point["b"]))]

        return jacobian

    return build


def torch_func():
    """torch.func, reverse mode."""
    import torch

    def build():
        function = torch.func.jacrev(lambda x, W, b: torch.tanh(W @ x + b))

        def jacobian(point):
            return [function(*(torch.from_numpy(point[name]) for name in ("x", "W", "b")))]

        return jacobian

    return build


def entries(symbol, tanh):
    """All symbols, those of x, and the ten outputs, for a library of scalars."""
    W = [[symbol(f"W_{i}_{j}") for j in range(IN)] for i in range(OUT)]
    b = [symbol(f"b_{i}") for i in range(OUT)]
    x = [symbol(f"x_{j}") for j in range(IN)]
    y = [tanh(sum((w * xj for w, xj in zip(row, x)), bi)) for row, bi in zip(W, b)]
    return [*(w for row in W for w in row), *b, *x], x, y


def flat(point):
    """All values in the order of `entries`."""
    import numpy as np

    return np.concatenate([point[name].ravel() for name in SHAPES])


def symengine():
    """symengine, one derivative per entry, compiled by its Lambdify."""
    import symengine as se

    def build():
        symbols, x, y = entries(se.Symbol, se.tanh)
        matrix = se.DenseMatrix(OUT, 1, y).jacobian(se.DenseMatrix(IN, 1, x))
        function = se.Lambdify(symbols, matrix, cse=True)
        return lambda point: [function(flat(point))]

    return build


def sympy_entries():
    """SymPy, one derivative per entry, through lambdify."""
    import sympy

    def build():
        symbols, x, y = entries(sympy.Symbol, sympy.tanh)
        matrix = sympy.Matrix(y).jacobian(x)
        function = sympy.lambdify(symbols, matrix, "numpy", cse=True)
        return lambda point: [function(*flat(point))]

    return build


PEERS = {
    "numpy closed form": (closed_form, "numpy"),
    "graphdbg": (graphdbg, "graphdbg"),
    "casadi": (casadi, "casadi"),
    "jax jit": (jax_reverse, "jax"),
    "torch.func": (torch_func, "torch"),
    "symengine": (symengine, "symengine"),
    "sympy": (sympy_entries, "sympy"),
}


def entrants(how, left_out=()):
    """The contestants, timed the first time or again."""
    return tuple(
        Contestant(name, partial(how, peer), (need,))
        for name, (peer, need) in PEERS.items()
        if name not in left_out
    )


FIRST = Bout(
    "S7 Jacobian 10 x 100 of tanh(W x + b), first",
    entrants(first),
    marks=(within("goal", 10e-3),),
    answers=("dy/dx",),
    cold=True,
)
AGAIN = Bout(
    "S7 Jacobian 10 x 100 of tanh(W x + b), again",
    entrants(again, left_out=("sympy",)),  # it prepares for minutes
    marks=(at_most("goal", 2, "numpy closed form"),),
    answers=("dy/dx",),
)

if __name__ == "__main__":
    main((AGAIN, FIRST))
