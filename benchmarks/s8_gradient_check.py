"""S8: the check of all 785 parameters' gradients of a 20-30-5 network against differences.

One sample, tanh, softmax cross-entropy, double precision. Each contestant compares its own
analytic gradient with central differences in every parameter (SciPy takes its own two-point
scheme with a step per parameter); each must find its gradient right, and the analytic
gradients must agree.

Goal and floor: 20 times as fast as torch.autograd.gradcheck.
"""

from harness import Bout, Contestant, main, times_faster

IN, HIDDEN, OUT = 20, 30, 5
PROGRAM = f"""
x: Real[{IN}]
y: OneHot[{OUT}]
W1: Real[{HIDDEN}, {IN}]
b1: Real[{HIDDEN}]
W2: Real[{OUT}, {HIDDEN}]
b2: Real[{OUT}]
L = cross_entropy(softmax(W2 @ tanh(W1 @ x + b1) + b2), y)
"""
PARAMETERS = ("W1", "b1", "W2", "b2")
ANSWERS = tuple(f"L.d_{name}" for name in PARAMETERS)
STEP = 1e-6  # near the cube root of the rounding error, the best step of a central difference
TOLERANCE = 1e-6  # its error here: step^2 and rounding error / step, both below 1e-9


def values():
    """Values by name."""
    import numpy as np

    rng = np.random.default_rng(8)
    return {
        "x": rng.normal(size=IN),
        "y": np.eye(OUT)[2],
        "W1": rng.normal(size=(HIDDEN, IN)) / IN**0.5,
        "b1": rng.normal(size=HIDDEN) / 10,
        "W2": rng.normal(size=(OUT, HIDDEN)) / HIDDEN**0.5,
        "b2": rng.normal(size=OUT) / 10,
    }


def right(passed, gradients):
    """The gradients as an answer; raises AssertionError for a check that found them wrong."""
    if not passed:
        raise AssertionError("the check found its own gradient wrong")
    return list(gradients)


def graphdbg():
    """graphdbg's check, which also checks each primitive's rule on its own."""
    import graphdbg as gd

    graph = gd.grad(gd.parse(PROGRAM), of="L", wrt=list(PARAMETERS))
    point = values()

    def run():
        report = gd.check(graph, point)
        return lambda: right(report.ok, gradients())

    def gradients():
        trace = gd.evaluate(graph, point)
        return [trace[name] for name in ANSWERS]

    return run


def loss(np, x, y, W1, b1, W2, b2):
    """The loss in NumPy or JAX."""
    o = W2 @ np.tanh(W1 @ x + b1) + b2
    o = o - np.max(o)
    return np.log(np.sum(np.exp(o))) - y @ o


def analytic(x, y, W1, b1, W2, b2):
    """The gradients by hand, in NumPy."""
    import numpy as np

    h = np.tanh(W1 @ x + b1)
    o = W2 @ h + b2
    e = np.exp(o - o.max())
    d = e / e.sum() - y
    u = (W2.T @ d) * (1 - h * h)
    return np.outer(u, x), u, np.outer(d, h), d


def numpy_loop():
    """Hand-written NumPy: two evaluations per parameter, one after the other."""
    import numpy as np

    point = values()

    def slope(parameter, index):
        kept = parameter[index]
        parameter[index] = kept + STEP
        above = loss(np, **point)
        parameter[index] = kept - STEP
        below = loss(np, **point)
        parameter[index] = kept
        return (above - below) / (2 * STEP)

    def run():
        gradients, passed = analytic(**point), True
        for name, gradient in zip(PARAMETERS, gradients):
            slopes = [slope(point[name], index) for index in np.ndindex(gradient.shape)]
            passed &= np.allclose(slopes, gradient.ravel(), TOLERANCE, TOLERANCE)
        return right(passed, gradients)

    return run


def scipy_check():
    """SciPy's approximation of all slopes."""
    import numpy as np
    from scipy.optimize import approx_fprime

    point = values()
    shapes = [point[name].shape for name in PARAMETERS]
    start = np.concatenate([point[name].ravel() for name in PARAMETERS])
    cuts = np.cumsum([np.prod(shape) for shape in shapes])[:-1]

    def flat_loss(vector):
        parts = np.split(vector, cuts)
        return loss(np, point["x"], point["y"], *(p.reshape(s) for p, s in zip(parts, shapes)))

    def run():
        gradients = analytic(**point)
        slopes = approx_fprime(start, flat_loss)
        # a one-sided difference is only right to the root of the rounding error
        passed = np.allclose(slopes, np.concatenate([g.ravel() for g in gradients]), 1e-5, 1e-5)
        return right(passed, gradients)

    return run


def torch_gradcheck():
    """torch.autograd.gradcheck, all entries."""
    import torch

    point = {name: torch.from_numpy(value) for name, value in values().items()}
    parameters = [point[name].requires_grad_() for name in PARAMETERS]
    label = point["y"].argmax()

    def torch_loss(W1, b1, W2, b2):
        o = W2 @ torch.tanh(W1 @ point["x"] + b1) + b2
        return torch.nn.functional.cross_entropy(o, label)

    def run():
        passed = torch.autograd.gradcheck(torch_loss, parameters)
        return lambda: right(passed, gradients())

    def gradients():
        return torch.autograd.grad(torch_loss(*parameters), parameters)

    return run


def jax_vmap():
    """JAX: all perturbations in one batched, compiled call."""
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree

    jax.config.update("jax_enable_x64", True)
    x, y, *parameters = map(jnp.array, values().values())
    start, unravel = ravel_pytree(parameters)

    def flat_loss(vector):
        return loss(jnp, x, y, *unravel(vector))

    @jax.jit
    def check(vector):
        gradient = jax.grad(flat_loss)(vector)
        steps = STEP * jnp.eye(vector.size)
        losses = jax.vmap(lambda step: flat_loss(vector + step) - flat_loss(vector - step))
        return jnp.allclose(losses(steps) / (2 * STEP), gradient, TOLERANCE, TOLERANCE), gradient

    def run():
        passed, gradient = jax.block_until_ready(check(start))
        return lambda: right(passed, unravel(gradient))

    return run


CHECK = Bout(
    "S8 gradient check of a 20-30-5 network, 785 parameters",
    (
        Contestant("numpy loop", numpy_loop, ("numpy",)),
        Contestant("graphdbg", graphdbg, ("graphdbg",)),
        Contestant("torch gradcheck", torch_gradcheck, ("torch",)),
        Contestant("scipy", scipy_check, ("scipy",)),
        Contestant("jax vmap", jax_vmap, ("jax",)),
    ),
    marks=(
        times_faster("goal", 20, "torch gradcheck"),
        times_faster("floor", 20, "torch gradcheck"),
    ),
    answers=ANSWERS,
)

if __name__ == "__main__":
    main((CHECK,))
