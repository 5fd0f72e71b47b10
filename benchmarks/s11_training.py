"""S11: one epoch of the 784-128-10 classifier on 10,000 samples, batches of 64, gradient descent.

Ours is `gd.train` as a user calls it, minus parsing, differentiation and compilation, which happen
once a run: the time of the second epoch, history and all. `numpy by hand` is a careful loop: one
function for the step, in-place operations, work arrays allocated once, the same batches in the
same order. All begin with the same parameters, and end with the same ones. `graphdbg, saved on the
way` is a run with a folder, which is saved at its own pace over the epochs that are measured.

Goal: at most 1.2 times the time of NumPy by hand.
"""

from harness import Bout, Contestant, at_most, main

SAMPLES, BATCH, IN, HIDDEN, OUT, RATE, SEED = 10_000, 64, 784, 128, 10, 0.1, 0
PROGRAM = f"""
X: Real[n, {IN}]
y: Label[n]
W1: Real[{IN}, {HIDDEN}]
b1: Real[{HIDDEN}]
W2: Real[{HIDDEN}, {OUT}]
b2: Real[{OUT}]
L = mean(softmax_cross_entropy(relu(X @ W1 + b1) @ W2 + b2, y))
"""
PARAMETERS = ("W1", "b1", "W2", "b2")


def samples():
    """Inputs and labels, and the first parameters."""
    import numpy as np

    rng = np.random.default_rng(4)
    X, y = rng.random((SAMPLES, IN)), rng.integers(OUT, size=SAMPLES).astype(float)
    start = {
        "W1": rng.normal(size=(IN, HIDDEN)) / IN**0.5, "b1": np.zeros(HIDDEN),
        "W2": rng.normal(size=(HIDDEN, OUT)) / HIDDEN**0.5, "b2": np.zeros(OUT),
    }  # fmt: skip
    return X, y, start


def graphdbg():
    """One epoch of a run, from the first parameters."""
    return epoch(None)


def saved():
    """The same, and the run is saved as often as that of `graphdbg train -o FOLDER` is."""
    import tempfile

    from graphdbg.training.folders import Folder

    class OnTheWay(Folder):
        """Saves as time goes on, over many measured epochs; their ends are no ends of a run."""

        def begin(self, run):
            """Nothing: the time since the last save goes on."""

        def finish(self, run):
            """Nothing."""

    folder = OnTheWay(tempfile.mkdtemp(), {}).__enter__()
    return epoch(folder)


def epoch(keeper):
    """The function that runs one epoch."""
    import graphdbg as gd
    from graphdbg.training.data import Data
    from graphdbg.training.loop import Training
    from graphdbg.training.runs import Plan
    from graphdbg.training.steps import Group, training_step

    X, y, start = samples()
    graph = gd.parse(PROGRAM)
    step = training_step(graph, list(PARAMETERS), groups=[Group((), "sgd", RATE)])
    data = Data({"X": X, "y": y})
    training = Training(graph, step, data, data.take([]), Plan(BATCH, SEED), None)

    def run():
        found = training.run(1, start, None, None, keeper=keeper)
        return [found.parameters[name] for name in PARAMETERS]

    return run


def numpy_by_hand():
    """The loop that one would write for speed."""
    import numpy as np

    X, y, start = samples()
    labels = y.astype(int)
    work = {}

    def step(xb, yb, W1, b1, W2, b2):
        n = len(yb)
        if n not in work:
            work[n] = (np.empty((n, HIDDEN)), np.empty((n, OUT)), np.empty((n, HIDDEN)),
                       np.empty((IN, HIDDEN)), np.empty((HIDDEN, OUT)), np.arange(n))  # fmt: skip
        z, o, d, g1, g2, rows = work[n]
        np.dot(xb, W1, out=z)
        z += b1
        np.maximum(z, 0, out=z)
        np.dot(z, W2, out=o)
        o += b2
        o -= o.max(axis=1, keepdims=True)
        picked = o[rows, yb].copy()
        np.exp(o, out=o)
        total = o.sum(axis=1, keepdims=True)
        loss = np.mean(np.log(total[:, 0]) - picked)
        o /= total
        o[rows, yb] -= 1
        o /= n
        np.dot(o, W2.T, out=d)
        d *= z > 0
        np.dot(xb.T, d, out=g1)
        np.dot(z.T, o, out=g2)
        g1 *= RATE
        g2 *= RATE
        W1 -= g1
        W2 -= g2
        b1 -= RATE * d.sum(axis=0)
        b2 -= RATE * o.sum(axis=0)
        return loss

    def run():
        parameters = [start[name].copy() for name in PARAMETERS]
        order = np.random.default_rng([SEED, 1]).permutation(SAMPLES)
        losses = []
        for begin in range(0, SAMPLES, BATCH):
            rows = order[begin : begin + BATCH]
            losses.append(step(X[rows], labels[rows], *parameters))
        return parameters

    return run


EPOCH = Bout(
    "S11 epoch of 10,000 samples, 784-128-10, batch 64, gradient descent, float64",
    (
        Contestant("numpy by hand", numpy_by_hand, ("numpy",)),
        Contestant("graphdbg", graphdbg, ("graphdbg",)),
        Contestant("graphdbg, saved on the way", saved, ("graphdbg",)),
    ),
    marks=(
        at_most("goal", 1.2, "numpy by hand"),
        at_most("goal", 1.2, "numpy by hand", "graphdbg, saved on the way"),
    ),
    answers=PARAMETERS,
    rtol=1e-8,
)

if __name__ == "__main__":
    main((EPOCH,), threads=(1, 2))
