"""S3: a 2-16-16-1 tanh network as a scalar graph, one sample, squared loss.

The network is written as text, one scalar expression per neuron, and all 337 parameters are
scalars of their own. Timed is one forward and backward pass at given values: the loss and the
gradient of each parameter. micrograd's engine has no tanh; it gets one in its own style.

Goal: 40 times as fast as micrograd with nothing but NumPy and Python's own compiler; with the
optional numba extra as fast as CasADi through its buffers. Floor: 20 times micrograd.
"""

import random
from functools import partial

from harness import Bout, Contestant, at_most, main, times_faster
from peers import micrograd_function

SIZES = (2, 16, 16, 1)


def parameter_names():
    """The names of all weights and biases, neuron by neuron."""
    names = []
    for layer, (n_in, n_out) in enumerate(zip(SIZES, SIZES[1:]), start=1):
        for j in range(n_out):
            names += [f"w{layer}_{j}_{i}" for i in range(n_in)] + [f"b{layer}_{j}"]
    return names


NAMES = parameter_names()
INPUTS = [f"x{i}" for i in range(SIZES[0])] + ["t"]
ANSWERS = ("L", *(f"L.d_{name}" for name in NAMES))


def values():
    """The same values for everyone, by name."""
    rng = random.Random(3)
    return {name: rng.uniform(-1.0, 1.0) for name in INPUTS + NAMES}


def program():
    """The network as text: one line per neuron, then the loss."""
    lines, below = [], INPUTS[:-1]
    for layer, n_out in enumerate(SIZES[1:], start=1):
        above = [f"h{layer}_{j}" for j in range(n_out)]
        for j, name in enumerate(above):
            terms = " + ".join(f"w{layer}_{j}_{i}*{x}" for i, x in enumerate(below))
            total = f"{terms} + b{layer}_{j}"
            lines.append(f"{name} = {total if layer == len(SIZES) - 1 else f'tanh({total})'}")
        below = above
    return "\n".join([*lines, f"L = ({below[0]} - t)^2"])


def network(point, tanh):
    """The loss for values of any scalar type, given by name."""
    below = [point[name] for name in INPUTS[:-1]]
    for layer, n_out in enumerate(SIZES[1:], start=1):
        above = []
        for j in range(n_out):
            total = point[f"b{layer}_{j}"]
            for i, x in enumerate(below):
                total = point[f"w{layer}_{j}_{i}"] * x + total
            above.append(total if layer == len(SIZES) - 1 else tanh(total))
        below = above
    return (below[0] - point["t"]) ** 2


def graphdbg_compiled(engine=None):
    """The compiled graph."""
    import graphdbg as gd

    graph = gd.grad(gd.parse(program()), of="L", wrt=NAMES)
    return gd.compile(graph, outputs=list(ANSWERS), engine=engine)


def graphdbg(engine=None):
    """The compiled graph, called by name; it checks what it is given."""
    function, point = graphdbg_compiled(engine), values()
    return lambda: function(**point)


def graphdbg_floats(engine=None):
    """Its unchecked form for floats by position."""
    compiled, point = graphdbg_compiled(engine), values()
    function, floats = compiled.floats, [point[name] for name in compiled.inputs]
    return lambda: function(*floats)


def micrograd():
    """micrograd's engine with a tanh, a new graph in each call as its training loop does."""
    from micrograd.engine import Value

    tanh = micrograd_function("tanh")
    point = values()

    def run():
        leaves = {name: Value(value) for name, value in point.items()}
        loss = network(leaves, tanh)
        loss.backward()
        return [loss.data, *(leaves[name].grad for name in NAMES)]

    return run


def casadi_function():
    """A CasADi function of the 340 scalars: the loss and the gradient as one vector."""
    import casadi as ca

    symbols = {name: ca.SX.sym(name) for name in INPUTS + NAMES}
    loss = network(symbols, ca.tanh)
    everything = ca.vertcat(*symbols.values())
    gradient = ca.gradient(loss, ca.vertcat(*(symbols[name] for name in NAMES)))
    return ca.Function("L", [everything], [ca.vertcat(loss, gradient)])


def casadi():
    """CasADi, called with an array."""
    import numpy as np

    function, point = casadi_function(), np.array(list(values().values()))

    def run():
        out = function(point)
        return lambda: out.full().ravel()

    return run


def casadi_buffers():
    """CasADi through its buffer interface, which writes into an array."""
    import numpy as np

    function = casadi_function()
    point, out = np.array(list(values().values())), np.zeros(len(ANSWERS))
    buffer, trigger = function.buffer()
    buffer.set_arg(0, memoryview(point))
    buffer.set_res(0, memoryview(out))

    def run(kept=(function, buffer, point)):  # trigger() uses them without holding them
        trigger()
        return out

    return run


def autograd():
    """HIPS autograd, which traces in each call."""
    import autograd
    import autograd.numpy as np

    def loss(parameters, fixed):
        return network({**fixed, **parameters}, np.tanh)

    function, point = autograd.value_and_grad(loss), values()
    fixed = {name: point.pop(name) for name in INPUTS}

    def run():
        value, gradients = function(point, fixed)
        return [value, *(gradients[name] for name in NAMES)]

    return run


def torch_eager():
    """Eager torch, each scalar a tensor."""
    import torch

    leaves = {k: torch.tensor(v, dtype=torch.float64) for k, v in values().items()}
    parameters = [leaves[name].requires_grad_() for name in NAMES]

    def run():
        loss = network(leaves, torch.tanh)
        return [loss.detach(), *torch.autograd.grad(loss, parameters)]

    return run


def jax_jit():
    """JAX, jitted (it compiles for several seconds before it is timed); scalars in one array."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)

    def loss(parameters, fixed):
        scalars = [*fixed, *parameters]
        return network(dict(zip(INPUTS + NAMES, scalars)), jnp.tanh)

    function, point = jax.jit(jax.value_and_grad(loss)), list(values().values())
    fixed, parameters = jnp.array(point[: len(INPUTS)]), jnp.array(point[len(INPUTS) :])

    def run():
        value, gradients = jax.block_until_ready(function(parameters, fixed))
        return lambda: [value, *gradients]

    return run


AGAIN = Bout(
    "S3 scalar graph of the 2-16-16-1 network, loss and 337 gradients",
    (
        Contestant("micrograd", micrograd, ("micrograd",)),
        Contestant("graphdbg", graphdbg, ("graphdbg",)),
        Contestant("graphdbg, floats", graphdbg_floats, ("graphdbg",)),
        Contestant("graphdbg, numba", partial(graphdbg_floats, "numba"), ("graphdbg", "numba")),
        Contestant("casadi", casadi, ("casadi",)),
        Contestant("casadi buffers", casadi_buffers, ("casadi",)),
        Contestant("torch", torch_eager, ("torch",)),
        Contestant("autograd", autograd, ("autograd",)),
        Contestant("jax jit", jax_jit, ("jax",)),
    ),
    marks=(
        times_faster("goal", 40, "micrograd"),
        times_faster("goal", 40, "micrograd", of="graphdbg, floats"),
        at_most("goal", 1.0, "casadi buffers", of="graphdbg, numba"),
        times_faster("floor", 20, "micrograd"),
    ),
    answers=ANSWERS,
)

if __name__ == "__main__":
    main((AGAIN,))
