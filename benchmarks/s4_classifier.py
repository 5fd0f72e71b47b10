"""S4: the 784-128-10 classifier, batch of 64, relu, softmax cross-entropy, all gradients.

One call gives the loss and the gradients of both weight matrices and both biases. In float64
and float32, with one thread and with two. `numpy by hand` is careful: one function, in-place
operations, work arrays allocated once, a stable softmax; it returns new gradient arrays, as a
function does. `numpy by hand, kept` overwrites the same gradient arrays at each call, and
`matrix products` does nothing but the five products: both show where the limit is. The program
is written with probabilities, cross_entropy(softmax(o), Y); in a second form with the scores,
softmax_cross_entropy(o, Y), as torch has it.

Goal: at most 0.85 times the time of NumPy by hand on one thread, 1.05 times on two; the first
gradient after 10 ms, parsing included. Floor: 1 time, and 1.1 times on two threads.
"""

import os
from functools import partial

from harness import THREADS_SET, Bout, Contestant, at_most, main, within
from peers import tensorgrad_function

BATCH, IN, HIDDEN, OUT = 64, 784, 128, 10
PROGRAM = f"""
X: Real[{BATCH}, {IN}]
Y: OneHot[{BATCH}, {OUT}]
W1: Real[{IN}, {HIDDEN}]
b1: Real[{HIDDEN}]
W2: Real[{HIDDEN}, {OUT}]
b2: Real[{OUT}]
H = relu(X @ W1 + b1)
L = """
LOSS = "cross_entropy(softmax(H @ W2 + b2), Y)"
LOSS_OF_SCORES = "softmax_cross_entropy(H @ W2 + b2, Y)"
PARAMETERS = ("W1", "b1", "W2", "b2")
ANSWERS = ("L", *(f"L.d_{name}" for name in PARAMETERS))


def values(dtype):
    """Data and parameters by name; sizes of the numbers as in a network before training."""
    import numpy as np

    rng = np.random.default_rng(4)
    point = {
        "X": rng.random((BATCH, IN)),
        "Y": np.eye(OUT)[rng.integers(OUT, size=BATCH)],
        "W1": rng.normal(size=(IN, HIDDEN)) / IN**0.5,
        "b1": rng.normal(size=HIDDEN) / 10,
        "W2": rng.normal(size=(HIDDEN, OUT)) / HIDDEN**0.5,
        "b2": rng.normal(size=OUT) / 10,
    }
    return {name: value.astype(dtype) for name, value in point.items()}


def graphdbg(dtype, loss=LOSS):
    """The compiled graph."""
    import graphdbg as gd

    graph = gd.grad(gd.parse(PROGRAM + loss), of="L", wrt=list(PARAMETERS))
    function, point = gd.compile(graph, outputs=list(ANSWERS)), values(dtype)
    return lambda: function(**point)


def graphdbg_first(dtype):
    """From the text to the first gradients."""
    import numpy as np
    import sympy  # noqa: F401 - imports are not what is timed here

    from graphdbg import compile, grad, parse

    point = values(dtype)
    np.dot(point["X"], point["W1"])  # BLAS starts its threads at the first product

    def run():
        graph = grad(parse(PROGRAM + LOSS), of="L", wrt=list(PARAMETERS))
        return compile(graph, outputs=list(ANSWERS))(**point)

    return run


def by_hand(dtype, kept=False):
    """Hand-written NumPy; `kept` overwrites the gradients of the call before."""
    import numpy as np

    hidden, mask = np.empty((BATCH, HIDDEN), dtype), np.empty((BATCH, HIDDEN), bool)
    upstream = np.empty((BATCH, HIDDEN), dtype)
    logits = np.empty((BATCH, OUT), dtype)
    shapes = ((IN, HIDDEN), (HIDDEN,), (HIDDEN, OUT), (OUT,))
    gradients = [np.empty(shape, dtype) for shape in shapes] if kept else [None] * 4

    def step(X, Y, W1, b1, W2, b2):
        np.matmul(X, W1, out=hidden)
        np.add(hidden, b1, out=hidden)
        np.greater(hidden, 0, out=mask)
        np.maximum(hidden, 0, out=hidden)
        np.matmul(hidden, W2, out=logits)
        np.add(logits, b2, out=logits)
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=logits)
        picked = np.vdot(logits, Y)
        np.exp(logits, out=logits)
        total = logits.sum(axis=1, keepdims=True)
        loss = (np.log(total).sum() - picked) / BATCH
        np.divide(logits, total, out=logits)
        np.subtract(logits, Y, out=logits)
        np.multiply(logits, 1 / BATCH, out=logits)
        np.matmul(logits, W2.T, out=upstream)
        np.multiply(upstream, mask, out=upstream)
        return (
            loss,
            np.matmul(X.T, upstream, out=gradients[0]),
            np.sum(upstream, axis=0, out=gradients[1]),
            np.matmul(hidden.T, logits, out=gradients[2]),
            np.sum(logits, axis=0, out=gradients[3]),
        )

    point = values(dtype)
    return lambda: step(**point)


def products(dtype):
    """The five matrix products alone; its answer is not an answer, so it gives none."""
    import numpy as np

    X, _, W1, _, W2, _ = values(dtype).values()
    hidden, logits = X @ W1, (X @ W1) @ W2
    outs = [np.empty_like(a) for a in (hidden, logits, W2, hidden, W1)]

    def run():
        np.matmul(X, W1, out=outs[0])
        np.matmul(hidden, W2, out=outs[1])
        np.matmul(hidden.T, logits, out=outs[2])
        np.matmul(logits, W2.T, out=outs[3])
        np.matmul(X.T, hidden, out=outs[4])

    return run


def array_loss(np, X, Y, W1, b1, W2, b2):
    """The loss in the NumPy of autograd or JAX."""
    logits = np.maximum(X @ W1 + b1, 0) @ W2 + b2
    logits = logits - np.max(logits, axis=1, keepdims=True)
    return (np.sum(np.log(np.sum(np.exp(logits), axis=1))) - np.sum(logits * Y)) / BATCH


def jax_jit(dtype):
    """JAX, jitted."""
    import jax

    jax.config.update("jax_enable_x64", dtype == "float64")
    loss = partial(array_loss, jax.numpy)
    function = jax.jit(jax.value_and_grad(loss, argnums=(2, 3, 4, 5)))
    point = [jax.numpy.array(value) for value in values(dtype).values()]

    def run():
        value, gradients = jax.block_until_ready(function(*point))
        return value, *gradients

    return run


def autograd(dtype):
    """HIPS autograd."""
    import autograd
    import autograd.numpy as np

    def loss(parameters, X, Y):
        return array_loss(np, X, Y, *parameters)

    X, Y, *parameters = values(dtype).values()
    function = autograd.value_and_grad(loss)

    def run():
        value, gradients = function(tuple(parameters), X, Y)
        return value, *gradients

    return run


def torch_eager(dtype):
    """Eager torch with its fused cross-entropy."""
    import torch

    torch.set_num_threads(int(os.environ[THREADS_SET]))
    X, Y, *parameters = (torch.from_numpy(value) for value in values(dtype).values())
    labels = Y.argmax(dim=1)
    for parameter in parameters:
        parameter.requires_grad_()
    W1, b1, W2, b2 = parameters

    def run():
        logits = torch.addmm(b2, torch.relu(torch.addmm(b1, X, W1)), W2)
        loss = torch.nn.functional.cross_entropy(logits, labels)
        return loss.detach(), *torch.autograd.grad(loss, parameters)

    return run


def pytensor(dtype):
    """PyTensor with its default compiler (it compiles for seconds before it is timed)."""
    import pytensor as theano
    import pytensor.tensor as pt

    point = values(dtype)
    X, Y, W1, b1, W2, b2 = (
        (pt.matrix if value.ndim == 2 else pt.vector)(name, dtype=dtype)
        for name, value in point.items()
    )
    logits = pt.maximum(X @ W1 + b1, 0) @ W2 + b2
    loss = -(Y * pt.special.log_softmax(logits, axis=1)).sum() / BATCH
    gradients = theano.grad(loss, [W1, b1, W2, b2])
    function = theano.function([X, Y, W1, b1, W2, b2], [loss, *gradients])
    return lambda: function(*point.values())


def tensorgrad(dtype):
    """tensorgrad's compiled loss and symbolic gradients."""
    import tensorgrad as tg
    import torch
    from sympy import symbols
    from tensorgrad import functions as F

    torch.set_num_threads(int(os.environ[THREADS_SET]))
    n, d, h, o = symbols("n d h o")
    X, Y = tg.Variable("X", n, d), tg.Variable("Y", n, o)
    W1, b1 = tg.Variable("W1", d, h), tg.Variable("b1", h)
    W2, b2 = tg.Variable("W2", h, o), tg.Variable("b2", o)
    layer = F.relu(X @ W1 + b1 @ tg.Ones(n))
    logits = layer @ W2 + b2 @ tg.Ones(n)
    loss = F.sum(F.cross_entropy(logits, Y, dim="o")) / BATCH
    sizes = {n: BATCH, d: IN, h: HIDDEN, o: OUT}
    outputs = [loss, *(loss.grad(parameter) for parameter in (W1, b1, W2, b2))]
    return tensorgrad_function(outputs, sizes, values(dtype))


def bout(dtype):
    """The comparison in one precision, warm."""
    two = int(os.environ.get(THREADS_SET, "1")) > 1
    contestants = {
        "numpy by hand": (by_hand, "numpy"),
        "graphdbg": (graphdbg, "graphdbg"),
        "graphdbg, scores": (partial(graphdbg, loss=LOSS_OF_SCORES), "graphdbg"),
        "numpy by hand, kept": (partial(by_hand, kept=True), "numpy"),
        "matrix products": (products, "numpy"),
        "jax jit": (jax_jit, "jax"),
        "torch": (torch_eager, "torch"),
        "pytensor": (pytensor, "pytensor"),
        "autograd": (autograd, "autograd"),
        "tensorgrad": (tensorgrad, "tensorgrad"),
    }
    goal, floor = (1.05, 1.1) if two else (0.85, 1.0)
    return Bout(
        f"S4 784-128-10 classifier, batch 64, {dtype}",
        tuple(
            Contestant(name, partial(prepare, dtype), (need,))
            for name, (prepare, need) in contestants.items()
        ),
        marks=(
            at_most("goal", goal, "numpy by hand"),
            at_most("floor", floor, "numpy by hand"),
            at_most("goal", goal, "numpy by hand", of="graphdbg, scores"),
            at_most("floor", floor, "numpy by hand", of="graphdbg, scores"),
        ),
        answers=ANSWERS,
        # float32 has 7 digits, of which sums of 784 terms in different orders may use up 3
        rtol=1e-9 if dtype == "float64" else 1e-4,
    )


FIRST = Bout(
    "S4 784-128-10 classifier, text to first gradients",
    (
        Contestant("numpy by hand", partial(by_hand, "float64"), ("numpy",)),
        Contestant("graphdbg", partial(graphdbg_first, "float64"), ("graphdbg",)),
    ),
    marks=(within("goal", 10e-3),),
    answers=ANSWERS,
    cold=True,
)

if __name__ == "__main__":
    main((bout("float64"), bout("float32"), FIRST), threads=(1, 2))
