"""S5: a random scalar graph of 100,000 nodes and 100 inputs, its value and all gradients.

The program is text, one operation per line (sum, product, sin, cos, tanh), a thousand and more
levels deep, so recursion fails, and so does a single large source for Python's own compiler.
Each node is used: the first operand of a line is a node that nobody used yet, the second any
node before. Bounds are kept while drawing, so that no value overflows.

Five comparisons: the gradient again, the first gradient of a graph that was parsed before, the
whole from the text, the NetworkX view, and 1,000 nodes for JAX and PyTensor, which compile for
too long beyond.
micrograd, torch and autograd keep no graph, so each of their calls builds it. micrograd's
recursion is replaced by a loop.

Goal: first gradient from a built graph under 0.5 s, again under 70 ms; with the optional numba
extra as CasADi. Floor: the whole under 10 s and 1 GB.
"""

import random
from functools import cache, partial

from harness import Bout, Contestant, at_most, main, memory_within, within
from peers import micrograd_backward, micrograd_function

NODES = 100_000
INPUTS = tuple(f"x{i}" for i in range(100))
BOUND = 4.0  # no value is larger; tanh brings down what could grow
ANSWERS = ("f", *(f"f.d_{name}" for name in INPUTS))


@cache
def draw(count, seed=5):
    """The operations in order, as (kind, a, b): operands are positions, inputs come first."""
    rng = random.Random(seed)
    bounds, unused, lines = [1.0] * len(INPUTS), list(range(len(INPUTS))), []
    while len(lines) + len(unused) - 1 < count:
        position = rng.randrange(len(unused))
        a, b = unused[position], rng.randrange(len(bounds))
        kind, bound = choose(rng, bounds[a], bounds[b])
        unused[position] = len(bounds)
        bounds.append(bound)
        lines.append((kind, a, b if kind in "+*" else None))
    return lines + sum_up(unused, len(bounds))


def choose(rng, a, b):
    """An operation for operands with these bounds, and the bound of its result."""
    kind = rng.choice(("+", "*", "+", "*", "sin", "cos", "tanh"))
    bound = {"+": a + b, "*": a * b}.get(kind, 1.0)
    return (kind, bound) if bound <= BOUND else ("tanh", 1.0)


def sum_up(unused, position):
    """The additions that make one result of the nodes nobody used."""
    lines, total = [], unused[0]
    for node in unused[1:]:
        lines.append(("+", total, node))
        total = position + len(lines) - 1
    return lines


def program(lines):
    """The operations as text, the last one named f."""
    names = [*INPUTS, *(f"v{i}" for i in range(len(lines) - 1)), "f"]
    forms = {"+": "{} + {}", "*": "{} * {}"}
    return "\n".join(
        f"{name} = {forms.get(kind, kind + '({})').format(names[a], names[b or 0])}"
        for name, (kind, a, b) in zip(names[len(INPUTS) :], lines)
    )


def build(lines, leaves, functions):
    """The last node, for leaves of any scalar type with its sin, cos and tanh by name."""
    nodes = list(leaves)
    for kind, a, b in lines:
        if kind == "+":
            nodes.append(nodes[a] + nodes[b])
        elif kind == "*":
            nodes.append(nodes[a] * nodes[b])
        else:
            nodes.append(functions[kind](nodes[a]))
    return nodes[-1]


def values():
    """The inputs' values."""
    rng = random.Random(55)
    return [rng.uniform(-1.0, 1.0) for _ in INPUTS]


def graphdbg_first(lines, engine=None):
    """Gradient graph, compiled, evaluated; the forward graph is built before."""
    from graphdbg import compile, grad, parse

    graph, point = parse(program(lines)), dict(zip(INPUTS, values()))

    def run():
        gradient = grad(graph, of="f", wrt=list(INPUTS))
        return compile(gradient, outputs=list(ANSWERS), engine=engine)(**point)

    return run


def graphdbg_again(lines, engine=None):
    """The compiled gradient graph."""
    import graphdbg as gd

    gradient = gd.grad(gd.parse(program(lines)), of="f", wrt=list(INPUTS))
    function = gd.compile(gradient, outputs=list(ANSWERS), engine=engine)
    point = dict(zip(INPUTS, values()))
    return lambda: function(**point)


def graphdbg_whole(lines):
    """From the text to the values."""
    from graphdbg import compile, grad, parse

    text, point = program(lines), dict(zip(INPUTS, values()))

    def run():
        gradient = grad(parse(text), of="f", wrt=list(INPUTS))
        return compile(gradient, outputs=list(ANSWERS))(**point)

    return run


def graphdbg_trace(lines):
    """From the text to a recorded trace of all values, as the debugger needs it."""
    from graphdbg import evaluate, grad, parse

    text, point = program(lines), dict(zip(INPUTS, values()))

    def run():
        trace = evaluate(grad(parse(text), of="f", wrt=list(INPUTS)), point)
        return [trace[name] for name in ANSWERS]

    return run


def python_parser(lines):
    """What Python's own parser needs for the text; it has no answer."""
    import ast

    text = program(lines)

    def run():
        ast.parse(text)

    return run


def casadi_function(symbols, f):
    """A CasADi function of the value and the gradient, in one vector."""
    import casadi as ca

    inputs = ca.vertcat(*symbols)
    return ca.Function("f", [inputs], [ca.vertcat(f, ca.gradient(f, inputs))])


def casadi_graph(lines):
    """The symbols and the result."""
    import casadi as ca

    symbols = [ca.SX.sym(name) for name in INPUTS]
    return symbols, build(lines, symbols, {"sin": ca.sin, "cos": ca.cos, "tanh": ca.tanh})


def casadi_first(lines):
    """Gradient, function, values; the graph is built before."""
    symbols, f = casadi_graph(lines)

    def run():
        out = casadi_function(symbols, f)(values())
        return lambda: out.full().ravel()

    return run


def casadi_again(lines):
    """The prepared CasADi function."""
    function, point = casadi_function(*casadi_graph(lines)), values()

    def run():
        out = function(point)
        return lambda: out.full().ravel()

    return run


def micrograd(lines):
    """micrograd, with the missing functions and without the recursion."""
    from micrograd.engine import Value

    functions = {name: micrograd_function(name) for name in ("sin", "cos", "tanh")}

    def run():
        leaves = [Value(value) for value in values()]
        f = build(lines, leaves, functions)
        micrograd_backward(f)
        return [f.data, *(leaf.grad for leaf in leaves)]

    return run


def torch_eager(lines):
    """Eager torch."""
    import torch

    functions = {"sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh}
    leaves = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values()]

    def run():
        f = build(lines, leaves, functions)
        return f.detach(), *torch.autograd.grad(f, leaves)

    return run


def autograd(lines):
    """HIPS autograd."""
    import autograd
    import autograd.numpy as np

    functions = {"sin": np.sin, "cos": np.cos, "tanh": np.tanh}
    function = autograd.value_and_grad(lambda leaves: build(lines, leaves, functions))

    def run():
        value, gradients = function(values())
        return value, *gradients

    return run


def jax_jit(lines):
    """JAX: trace, compile, values."""
    import jax

    jax.config.update("jax_enable_x64", True)
    functions = {name: getattr(jax.numpy, name) for name in ("sin", "cos", "tanh")}
    function = jax.jit(jax.value_and_grad(lambda leaves: build(lines, leaves, functions)))

    def run():
        value, gradients = jax.block_until_ready(function(values()))
        return value, *gradients

    return run


def pytensor(lines):
    """PyTensor: graph, gradient, compile, values."""
    import pytensor as theano
    import pytensor.tensor as pt

    functions = {name: getattr(pt, name) for name in ("sin", "cos", "tanh")}

    def run():
        leaves = [pt.dscalar(name) for name in INPUTS]
        f = build(lines, leaves, functions)
        return theano.function(leaves, [f, *theano.grad(f, leaves)])(*values())

    return run


def graphdbg_networkx(lines):
    """The NetworkX view of the parsed graph."""
    import networkx  # noqa: F401 - imports are not what is timed here

    from graphdbg import parse

    graph = parse(program(lines))

    def run():
        view = graph.nx
        return lambda: [view.number_of_nodes(), view.number_of_edges()]

    return run


def networkx_bulk(lines):
    """The same nodes and edges put into a MultiDiGraph in bulk, with the kind of each node."""
    import networkx as nx

    def run():
        view = nx.MultiDiGraph()
        view.add_nodes_from((at, {"op": "input"}) for at in range(len(INPUTS)))
        made = list(enumerate(lines, start=len(INPUTS)))
        view.add_nodes_from((at, {"op": kind}) for at, (kind, _, _) in made)
        operands = ((at, slot, arg) for at, (_, *args) in made for slot, arg in enumerate(args))
        view.add_edges_from((arg, at, slot) for at, slot, arg in operands if arg is not None)
        return lambda: [view.number_of_nodes(), view.number_of_edges()]

    return run


def entrants(count, *rows):
    """The contestants for a graph with so many nodes, from rows of name, prepare and need."""
    drawn = draw(count - len(INPUTS))
    return tuple(Contestant(name, partial(prepare, drawn), (need,)) for name, prepare, need in rows)


TRACING = (
    ("micrograd, iterative", micrograd, "micrograd"),
    ("torch", torch_eager, "torch"),
    ("autograd", autograd, "autograd"),
)
FIRST = Bout(
    "S5 100,000 scalar nodes, first gradient of the parsed graph",
    entrants(
        NODES,
        ("graphdbg", graphdbg_first, "graphdbg"),
        ("casadi", casadi_first, "casadi"),
        *TRACING,
    ),
    marks=(within("goal", 0.5),),
    answers=ANSWERS,
    cold=True,
)
AGAIN = Bout(
    "S5 100,000 scalar nodes, gradient again",
    entrants(
        NODES,
        ("graphdbg", graphdbg_again, "graphdbg"),
        ("graphdbg, numba", partial(graphdbg_again, engine="numba"), "graphdbg"),
        ("casadi", casadi_again, "casadi"),
        *TRACING,
    ),
    marks=(within("goal", 70e-3), at_most("goal", 1.0, "casadi", of="graphdbg, numba")),
    answers=ANSWERS,
)
WHOLE = Bout(
    "S5 100,000 scalar nodes, whole: text, gradient, values",
    entrants(
        NODES,
        ("graphdbg", graphdbg_whole, "graphdbg"),
        ("graphdbg, all values", graphdbg_trace, "graphdbg"),
        ("python's ast.parse alone", python_parser, "ast"),
    ),
    marks=(within("floor", 10.0), memory_within("floor", 1e9)),
    answers=ANSWERS,
    cold=True,
)
SMALL = Bout(
    "S5 1,000 scalar nodes, first gradient",
    entrants(
        1_000,
        ("graphdbg", graphdbg_first, "graphdbg"),
        ("casadi", casadi_first, "casadi"),
        *TRACING,
        ("jax jit", jax_jit, "jax"),
        ("pytensor", pytensor, "pytensor"),
    ),
    answers=ANSWERS,
    cold=True,
)

VIEW = Bout(
    "S5 100,000 scalar nodes, as a networkx.MultiDiGraph",
    entrants(
        NODES,
        ("graphdbg", graphdbg_networkx, "graphdbg"),
        ("networkx in bulk", networkx_bulk, "networkx"),
    ),
    answers=("nodes", "edges"),
    cold=True,
)

if __name__ == "__main__":
    main((AGAIN, FIRST, WHOLE, VIEW, SMALL))
