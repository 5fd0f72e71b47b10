"""S6: derivatives as formulas, simplified and ready to print.

Three of them: dL/dW1 of softmax(W2 relu(W1 x + b1) + b2) with cross-entropy (sizes 4, 5, 3);
all gradients of a 4-8-8-3 softmax network; the Hessian of the logistic loss (20 x 5 data).
graphdbg starts at the text and ends at the LaTeX of a checked matrix formula. The peers start
at their symbols and end at their expression, which for SymPy and CasADi is one per entry, and
for SymPy, CasADi and PyTensor is nothing that one could read. All are evaluated off the clock
to compare them.

Goal: dL/dW1 under 50 ms cold, the Hessian under 50 ms and as XᵀDX. Floor: all gradients of
4-8-8-3 in matrix form, simplified and stamped, under 100 ms warm.
"""

from functools import partial

from harness import Bout, Contestant, main, within
from peers import tensorgrad_function

SMALL, DEEP = (4, 5, 3), (4, 8, 8, 3)
ROWS, COLUMNS = 20, 5
LOGISTIC = f"""
X: Real[{ROWS}, {COLUMNS}]
y: Real[{ROWS}]
w: Real[{COLUMNS}]
L = sum(softplus(X @ w) - y * (X @ w))
"""


# --- the network ----------------------------------------------------------------------------


def parameters(sizes):
    """The shapes of the network's parameters by name."""
    shapes = {}
    for layer, (n_in, n_out) in enumerate(zip(sizes, sizes[1:]), start=1):
        shapes |= {f"W{layer}": (n_out, n_in), f"b{layer}": (n_out,)}
    return shapes


def network_program(sizes):
    """The network as text, one line per layer."""
    lines = [f"x: Real[{sizes[0]}]", f"y: OneHot[{sizes[-1]}]"]
    lines += [f"{name}: Real{list(shape)}" for name, shape in parameters(sizes).items()]
    below = "x"
    for layer in range(1, len(sizes) - 1):
        lines.append(f"h{layer} = relu(W{layer} @ {below} + b{layer})")
        below = f"h{layer}"
    last = len(sizes) - 1
    lines += [f"p = softmax(W{last} @ {below} + b{last})", "L = cross_entropy(p, y)"]
    return "\n".join(lines)


def network_values(sizes):
    """Values for the network by name."""
    import numpy as np

    rng = np.random.default_rng(6)
    point = {"x": rng.normal(size=sizes[0]), "y": np.eye(sizes[-1])[1]}
    return point | {name: rng.normal(size=shape) for name, shape in parameters(sizes).items()}


def graphdbg_network(sizes, wrt):
    """From the text to the LaTeX of the matrix formulas."""
    import sympy  # noqa: F401 - imports are not what is timed here

    from graphdbg import parse, upstream

    text, point = network_program(sizes), network_values(sizes)

    def run():
        graph = parse(text)
        formulas = [upstream(graph, name, of="L") for name in wrt]
        return printed(formulas, point)

    return run


def printed(formulas, point):
    """graphdbg's formulas, printed with their stamps; the answer is their values at a point."""
    for formula in formulas:
        assert formula.latex() and "against differences" in str(formula.stamp)
    return lambda: [formula.evaluate(point) for formula in formulas]


def entries_network(sizes, symbol, columns, functions):
    """The symbols by name and the loss, for a library that works entry by entry."""
    shapes = {"x": (sizes[0],), "y": (sizes[-1],), **parameters(sizes)}
    leaves = {name: symbol(name, shape) for name, shape in shapes.items()}
    below = leaves["x"]
    for layer in range(1, len(sizes)):
        below = leaves[f"W{layer}"] @ below + leaves[f"b{layer}"]
        if layer < len(sizes) - 1:
            below = columns([functions["relu"](below[i]) for i in range(sizes[layer])])
    exps = [functions["exp"](below[i]) for i in range(sizes[-1])]
    total = sum(exps)
    loss = -sum(leaves["y"][i] * functions["log"](e / total) for i, e in enumerate(exps))
    return leaves, loss


def sympy_network(sizes, wrt):
    """SymPy, one derivative per entry."""
    import sympy

    point = network_values(sizes)

    def run():
        functions = {"relu": lambda z: sympy.Max(0, z), "exp": sympy.exp, "log": sympy.log}
        leaves, loss = entries_network(sizes, sympy_matrix, sympy.Matrix, functions)
        gradients = [leaves[name].applyfunc(loss.diff) for name in wrt]
        return lambda: sympy_values(leaves, gradients, point)

    return run


def sympy_matrix(name, shape):
    """A matrix of symbols; a vector is a column."""
    import sympy

    rows, columns = (*shape, 1)[:2]
    return sympy.Matrix(rows, columns, lambda i, j: sympy.Symbol(f"{name}_{i}_{j}", real=True))


def sympy_values(leaves, expressions, point):
    """SymPy matrices at a point; leaves and point by name."""
    import numpy as np
    import sympy

    symbols = [symbol for leaf in leaves.values() for symbol in leaf]
    function = sympy.lambdify(symbols, [list(e) for e in expressions], "numpy", cse=True)
    return function(*np.concatenate([point[name].ravel() for name in leaves]))


def casadi_network(sizes, wrt):
    """CasADi, whose result is a graph of scalars."""
    import casadi as ca

    point = network_values(sizes)

    def run():
        functions = {"relu": lambda z: ca.fmax(0, z), "exp": ca.exp, "log": ca.log}
        leaves, loss = entries_network(sizes, ca_matrix, lambda rows: ca.vertcat(*rows), functions)
        gradients = [ca.gradient(loss, leaves[name]) for name in wrt]
        return lambda: casadi_values(leaves, gradients, point)

    return run


def ca_matrix(name, shape):
    """A matrix of CasADi symbols; a vector is a column."""
    import casadi as ca

    return ca.SX.sym(name, *shape)


def casadi_values(leaves, expressions, point):
    """CasADi expressions at a point; leaves and point by name."""
    import casadi as ca

    function = ca.Function("f", list(leaves.values()), expressions)
    results = function.call([ca.DM(point[name]) for name in leaves])
    return [result.full() for result in results]


def pytensor_network(sizes, wrt):
    """PyTensor's gradient after its canonical and stabilizing rewrites."""
    import pytensor as theano
    import pytensor.tensor as pt
    from pytensor.graph.rewriting.utils import rewrite_graph

    point = network_values(sizes)

    def run():
        leaves = {n: pt.tensor(n, shape=v.shape, dtype="float64") for n, v in point.items()}
        below = leaves["x"]
        for layer in range(1, len(sizes)):
            below = leaves[f"W{layer}"] @ below + leaves[f"b{layer}"]
            below = pt.maximum(below, 0) if layer < len(sizes) - 1 else below
        loss = -(leaves["y"] * pt.log(pt.special.softmax(below))).sum()
        gradients = theano.grad(loss, [leaves[name] for name in wrt])
        gradients = rewrite_graph(gradients, include=("canonicalize", "stabilize"))
        return lambda: pytensor_values(leaves, gradients, point)

    return run


def pytensor_values(leaves, expressions, point):
    """PyTensor expressions at a point; leaves and point by name."""
    import pytensor as theano

    function = theano.function(list(leaves.values()), expressions, on_unused_input="ignore")
    return function(*(point[name] for name in leaves))


def tensorgrad_network(sizes, wrt):
    """tensorgrad's gradient after its full simplification."""
    import tensorgrad as tg
    from sympy import symbols
    from tensorgrad import functions as F

    point = network_values(sizes)
    edges = symbols([f"d{i}" for i in range(len(sizes))])

    def run():
        below = tg.Variable("x", edges[0])
        leaves = {}
        for layer in range(1, len(sizes)):
            weight = leaves[f"W{layer}"] = tg.Variable(f"W{layer}", edges[layer], edges[layer - 1])
            bias = leaves[f"b{layer}"] = tg.Variable(f"b{layer}", edges[layer])
            below = weight @ below + bias
            below = F.relu(below) if layer < len(sizes) - 1 else below
        loss = F.cross_entropy(below, tg.Variable("y", edges[-1]), dim=str(edges[-1]))
        gradients = [loss.grad(leaves[name]).full_simplify() for name in wrt]
        return lambda: tensorgrad_function(gradients, dict(zip(edges, sizes)), point)()

    return run


# --- the Hessian of the logistic loss ---------------------------------------------------------


def logistic_values():
    """Data and weights by name."""
    import numpy as np

    rng = np.random.default_rng(66)
    return {
        "X": rng.normal(size=(ROWS, COLUMNS)),
        "y": rng.integers(2, size=ROWS).astype(float),
        "w": rng.normal(size=COLUMNS),
    }


def graphdbg_hessian():
    """From the text to the LaTeX of the Hessian."""
    import sympy  # noqa: F401

    from graphdbg import hessian, parse

    point = logistic_values()

    def run():
        return printed([hessian(parse(LOGISTIC), of="L", wrt="w")], point)

    return run


def by_hand_hessian():
    """The known formula XᵀDX in NumPy."""
    import numpy as np

    point = logistic_values()

    def run():
        p = 1 / (1 + np.exp(-point["X"] @ point["w"]))
        return [point["X"].T * (p * (1 - p)) @ point["X"]]

    return run


def entries_loss(leaves, functions):
    """The logistic loss for a library that works entry by entry."""
    scores = leaves["X"] @ leaves["w"]
    terms = (
        functions["log"](1 + functions["exp"](scores[i])) - leaves["y"][i] * scores[i]
        for i in range(ROWS)
    )
    return sum(terms)


def leaves_of(symbol):
    """X, y and w, made by `symbol(name, shape)`."""
    shapes = {"X": (ROWS, COLUMNS), "y": (ROWS,), "w": (COLUMNS,)}
    return {name: symbol(name, shape) for name, shape in shapes.items()}


def sympy_hessian():
    """SymPy, entry by entry."""
    import sympy

    point = logistic_values()

    def run():
        leaves = leaves_of(sympy_matrix)
        loss = entries_loss(leaves, {"exp": sympy.exp, "log": sympy.log})
        matrix = sympy.hessian(loss, list(leaves["w"]))
        return lambda: sympy_values(leaves, [matrix], point)

    return run


def casadi_hessian():
    """CasADi's Hessian."""
    import casadi as ca

    point = logistic_values()

    def run():
        leaves = leaves_of(ca_matrix)
        loss = entries_loss(leaves, {"exp": ca.exp, "log": ca.log})
        matrix, _ = ca.hessian(loss, leaves["w"])
        return lambda: casadi_values(leaves, [matrix], point)

    return run


def pytensor_hessian():
    """PyTensor's Hessian after its rewrites."""
    import pytensor as theano
    import pytensor.tensor as pt
    from pytensor.graph.rewriting.utils import rewrite_graph

    point = logistic_values()

    def run():
        leaves = {n: pt.tensor(n, shape=v.shape, dtype="float64") for n, v in point.items()}
        scores = leaves["X"] @ leaves["w"]
        loss = (pt.softplus(scores) - leaves["y"] * scores).sum()
        matrix = theano.gradient.hessian(loss, leaves["w"])
        matrix = rewrite_graph(matrix, include=("canonicalize", "stabilize"))
        return lambda: pytensor_values(leaves, [matrix], point)

    return run


def tensorgrad_hessian():
    """tensorgrad's Hessian after its full simplification."""
    import tensorgrad as tg
    from sympy import symbols
    from tensorgrad import functions as F

    point = logistic_values()
    n, d = symbols("n d")

    def run():
        X, y, w = tg.Variable("X", n, d), tg.Variable("y", n), tg.Variable("w", d)
        scores = X @ w
        loss = F.sum(F.log(1 * tg.Ones(n) + F.exp(scores)) - y * scores)
        matrix = loss.grad(w).grad(w).full_simplify()
        return lambda: tensorgrad_function([matrix], {n: ROWS, d: COLUMNS}, point)()

    return run


# --- the comparisons ----------------------------------------------------------------------------


def network_entrants(sizes, wrt):
    """All contestants for the gradients of a network."""
    rows = {
        "casadi": (casadi_network, "casadi"),
        "graphdbg": (graphdbg_network, "graphdbg"),
        "pytensor": (pytensor_network, "pytensor"),
        "tensorgrad": (tensorgrad_network, "tensorgrad"),
        "sympy entries": (sympy_network, "sympy"),
    }
    return tuple(
        Contestant(name, partial(prepare, sizes, wrt), (need,))
        for name, (prepare, need) in rows.items()
    )


ONE = Bout(
    "S6 dL/dW1 of the 4-5-3 softmax network",
    network_entrants(SMALL, ("W1",)),
    marks=(within("goal", 50e-3),),
    answers=("dL/dW1",),
    cold=True,
)
ALL_COLD = Bout(
    "S6 all gradients of the 4-8-8-3 softmax network",
    network_entrants(DEEP, tuple(parameters(DEEP))),
    answers=tuple(f"dL/d{name}" for name in parameters(DEEP)),
    cold=True,
)
ALL_WARM = Bout(
    "S6 all gradients of the 4-8-8-3 softmax network, again",
    network_entrants(DEEP, tuple(parameters(DEEP)))[:-1],
    marks=(within("floor", 0.1),),
    answers=tuple(f"dL/d{name}" for name in parameters(DEEP)),
)
HESSIAN = Bout(
    "S6 Hessian of the logistic loss, 20 x 5",
    (
        Contestant("numpy by hand", by_hand_hessian, ("numpy",)),
        Contestant("graphdbg", graphdbg_hessian, ("graphdbg",)),
        Contestant("casadi", casadi_hessian, ("casadi",)),
        Contestant("pytensor", pytensor_hessian, ("pytensor",)),
        Contestant("tensorgrad", tensorgrad_hessian, ("tensorgrad",)),
        Contestant("sympy entries", sympy_hessian, ("sympy",)),
    ),
    marks=(within("goal", 50e-3),),
    answers=("Hessian",),
    cold=True,
)

if __name__ == "__main__":
    main((ONE, ALL_WARM, ALL_COLD, HESSIAN))
