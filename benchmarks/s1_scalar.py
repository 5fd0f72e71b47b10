"""S1: f = (x + y) z, its value and all gradients, at one point.

The smallest workload, so what is measured is overhead. Warm: a prepared function called again.
Cold: from the text of the formula to the gradients' values, in a new process, after import
(micrograd, autograd and JAX have no text, they start from a Python function).

Goal: warm no slower than what SymPy's lambdify makes and 30 times as fast as micrograd;
cold under 5 ms. Floor: warm 20 times as fast as micrograd.
"""

from harness import Bout, Contestant, at_most, main, times_faster, within

TEXT = "f=(x+y)z"
POINT = {"x": -2.0, "y": 5.0, "z": -4.0}
OUTPUTS = ("f", "f.d_x", "f.d_y", "f.d_z")


def formula(x, y, z):
    """The formula as a Python function."""
    return (x + y) * z


def graphdbg_compiled():
    """The compiled graph."""
    import graphdbg as gd

    graph = gd.grad(gd.parse(TEXT), of="f", wrt=list(POINT))
    return gd.compile(graph, outputs=list(OUTPUTS))


def graphdbg_warm():
    """The compiled graph, called by name; it checks what it is given."""
    function = graphdbg_compiled()
    return lambda: function(x=-2.0, y=5.0, z=-4.0)


def graphdbg_floats():
    """Its unchecked form for floats by position, which is what lambdify makes."""
    function = graphdbg_compiled().floats
    return lambda: function(-2.0, 5.0, -4.0)


def graphdbg_cold():
    """Text, graph, gradients, values."""
    import numpy  # noqa: F401 - imports are not what is timed here
    import sympy  # noqa: F401

    from graphdbg import evaluate, grad, parse

    def run():
        trace = evaluate(grad(parse(TEXT), of="f", wrt=["x", "y", "z"]), POINT)
        return [trace[name] for name in OUTPUTS]

    return run


def sympy_warm():
    """What lambdify makes of the formula and its derivatives."""
    import sympy

    symbols = x, y, z = sympy.symbols("x y z")
    f = formula(x, y, z)
    function = sympy.lambdify(symbols, [f, *(f.diff(s) for s in symbols)], modules="math")
    return lambda: function(-2.0, 5.0, -4.0)


def sympy_cold():
    """Text, expression, derivatives, lambdify, values."""
    import sympy
    from sympy.parsing.sympy_parser import parse_expr

    def run():
        symbols = sympy.symbols("x y z")
        f = parse_expr("(x+y)*z")
        function = sympy.lambdify(symbols, [f, *(f.diff(s) for s in symbols)], modules="math")
        return function(*POINT.values())

    return run


def micrograd():
    """micrograd's engine: the graph is built and walked back in each call."""
    from micrograd.engine import Value

    def run():
        x, y, z = Value(-2.0), Value(5.0), Value(-4.0)
        f = formula(x, y, z)
        f.backward()
        return f.data, x.grad, y.grad, z.grad

    return run


def casadi_function():
    """A CasADi function of the value and the gradients."""
    import casadi

    symbols = [casadi.SX.sym(name) for name in POINT]
    f = formula(*symbols)
    return casadi.Function("f", symbols, [f, *(casadi.gradient(f, s) for s in symbols)])


def casadi_warm():
    """The prepared CasADi function, called with floats."""
    function = casadi_function()
    return lambda: function(-2.0, 5.0, -4.0)


def casadi_cold():
    """Symbols, function, values."""
    import casadi  # noqa: F401

    return lambda: casadi_function()(*POINT.values())


def autograd():
    """HIPS autograd, which traces in each call (so warm and cold are the same work)."""
    import autograd

    gradients = autograd.grad(formula, argnum=(0, 1, 2))
    return lambda: (formula(-2.0, 5.0, -4.0), *gradients(-2.0, 5.0, -4.0))


def torch_eager():
    """Eager torch in double precision."""
    import torch

    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in POINT.values()]

    def run():
        f = formula(*leaves)
        return f.detach(), *torch.autograd.grad(f, leaves)

    return run


def jax_function():
    """The jitted value and gradients."""
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax.jit(jax.value_and_grad(formula, argnums=(0, 1, 2)))


def jax_warm():
    """The jitted function, compiled before."""
    import jax

    function = jax_function()

    def run():
        f, gradients = jax.block_until_ready(function(-2.0, 5.0, -4.0))
        return f, *gradients

    return run


def jax_cold():
    """Trace, compile, values."""
    import jax

    function = jax_function()

    def run():
        f, gradients = jax.block_until_ready(function(*POINT.values()))
        return f, *gradients

    return run


def pytensor_cold():
    """Graph, gradients, compile, values."""
    import pytensor
    import pytensor.tensor as pt

    def run():
        symbols = [pt.dscalar(name) for name in POINT]
        f = formula(*symbols)
        function = pytensor.function(symbols, [f, *pytensor.grad(f, symbols)])
        return function(*POINT.values())

    return run


WARM = Bout(
    "S1 f=(x+y)z, all gradients, again",
    (
        Contestant("sympy lambdify", sympy_warm, ("sympy",)),
        Contestant("graphdbg", graphdbg_warm, ("graphdbg",)),
        Contestant("graphdbg, floats", graphdbg_floats, ("graphdbg",)),
        Contestant("micrograd", micrograd, ("micrograd",)),
        Contestant("casadi", casadi_warm, ("casadi",)),
        Contestant("autograd", autograd, ("autograd",)),
        Contestant("torch", torch_eager, ("torch",)),
        Contestant("jax jit", jax_warm, ("jax",)),
    ),
    marks=(
        at_most("goal", 1.0, "sympy lambdify"),
        at_most("goal", 1.0, "sympy lambdify", of="graphdbg, floats"),
        times_faster("goal", 30, "micrograd"),
        times_faster("floor", 20, "micrograd"),
    ),
    answers=OUTPUTS,
)
COLD = Bout(
    "S1 f=(x+y)z, text to gradients' values",
    (
        Contestant("micrograd", micrograd, ("micrograd",)),
        Contestant("graphdbg", graphdbg_cold, ("graphdbg",)),
        Contestant("autograd", autograd, ("autograd",)),
        Contestant("casadi", casadi_cold, ("casadi",)),
        Contestant("sympy", sympy_cold, ("sympy",)),
        Contestant("jax jit", jax_cold, ("jax",)),
        Contestant("pytensor", pytensor_cold, ("pytensor",)),
    ),
    marks=(within("goal", 5e-3),),
    answers=OUTPUTS,
    cold=True,
)

if __name__ == "__main__":
    main((WARM, COLD))
