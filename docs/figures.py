"""Draws the figures of docs/lecture.md from runs of the programs in examples/.

python docs/figures.py
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

import graphdbg as gd
from graphdbg.training import plots, sweeps
from graphdbg.training.data import data_for
from graphdbg.training.loop import train

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "docs" / "figures"
RULES = {"sgd": 0.04, "momentum": 0.01, "rmsprop": 0.02, "adam": 0.06}
SURFACE = "one: Real[n]\nx: Real\ny: Real\nf = mean(one) * ((x^2 - 1)^2 + 0.3 x + y^2)"


def program(name: str) -> str:
    """The text of an example."""
    return (ROOT / "examples" / f"{name}.gd").read_text("utf-8")


def paths(axes: Any) -> None:
    """The ways of four rules over the surface, from one point beside the saddle."""
    graph = gd.parse(program("surface"))
    xs, ys = np.linspace(-1.7, 1.7, 140), np.linspace(-1.3, 1.3, 110)
    both = gd.compile(graph)
    heights = np.array([[float(both(x=float(x), y=float(y))[0]) for x in xs] for y in ys])
    axes.contour(xs, ys, heights, levels=np.geomspace(0.05, 4, 16) - 0.3, colors="#c3c9d1",
                 linewidths=0.8)  # fmt: skip
    for at, (rule, rate) in enumerate(RULES.items()):
        run = train(SURFACE, {"one": [1.0]}, optimizer=rule, lr=rate, epochs=150,
                    start={"x": 0.2, "y": 1.1})  # fmt: skip
        states = [run.state(step) for step in range(run.iterations + 1)]
        ways = ([float(each[name]) for each in states] for name in "xy")
        axes.plot(*ways, color=plots.LINES[at], linestyle=plots.DASHES[at],
                  label=f"{rule}, rate {rate:g}")  # fmt: skip
    axes.plot([0.2], [1.1], "o", color="#1f2328")
    for root in np.roots([4, 0, -4, 0.3]):
        axes.plot([root.real], [0], "+", color="#1f2328", markersize=9)
    axes.set(xlabel="x", ylabel="y")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)


def noise(axes: Any) -> None:
    """The spread of a minibatch's gradient against its size, and what theory says."""
    graph = gd.grad(gd.parse(program("minibatch")), "J", "w")
    rng = np.random.default_rng(0)
    count, w = 1_000, np.zeros(2)
    X = rng.normal(size=(count, 2))
    y = X @ [1.0, -1.0] + 0.5 * rng.normal(size=count)
    single = (X @ w - y)[:, None] * X
    sizes = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512]
    found = []
    for size in sizes:
        drawn = [rng.choice(count, size, replace=False) for _ in range(300)]
        made = [gd.evaluate(graph, {"X": X, "y": y, "w": w, "batch": rows})["J.d_w"]
                for rows in drawn]  # fmt: skip
        found.append(float(np.sqrt(np.var(made, axis=0).sum())))
    theory = [np.sqrt(single.var(axis=0).sum() / m * (count - m) / (count - 1)) for m in sizes]
    axes.plot(sizes, theory, color=plots.GREY, linestyle="--", label="√(σ²/m · (N − m)/(N − 1))")
    axes.plot(sizes, found, "o", color=plots.TRAIN, label="300 batches each")
    axes.set(xlabel="batch size m of N = 1,000", ylabel="spread of the gradient", xscale="log",
             yscale="log")  # fmt: skip
    axes.legend(frameon=False)


def weights(axes: Any) -> None:
    """Four weights as an L1 or an L2 penalty grows; two of them have nothing to say."""
    rng = np.random.default_rng(4)
    X = rng.normal(size=(60, 4))
    y = X @ [2.0, 0.0, 0.0, -1.0] + 0.3 * rng.normal(size=60)
    text = program("regularization").replace("l1: Positive\nl2: Positive\n", "")
    sizes = np.geomspace(0.01, 4, 14)
    for kind, style, colour in (("l1", "-", plots.TRAIN), ("l2", "--", plots.HELD)):
        rows = []
        for size in sizes:
            strength = {"l1": 0.0, "l2": 0.0, kind: size}
            made = text.replace("l1 *", f"{strength['l1']!r} *").replace(
                "l2 *", f"{strength['l2']!r} *")  # fmt: skip
            run = train(made, (X, y), lr=0.05, schedule="inverse_decay", epochs=1500)
            rows.append(run.parameters["w"])
        lines = axes.plot(sizes, np.array(rows), color=colour, linestyle=style)
        lines[0].set_label(f"{kind.upper()} penalty")
    axes.set(xlabel="strength λ", ylabel="weights", xscale="log")
    axes.legend(frameon=False)


def rates(axes: Any) -> None:
    """Which rate is best on the irises, for three rules."""
    data = data_for(gd.parse(program("iris")), ROOT / "examples" / "data" / "iris.csv")
    tried = sweeps.trials({"lr": sweeps.values("1e-4:10:log:11", float),
                           "optimizer": ["sgd", "momentum", "adam"], "epochs": [100],
                           "validation": [0.2]})  # fmt: skip
    slots = [lambda: ThreadPoolExecutor(1)] * 2
    plots.sweep(axes, sweeps.sweep(program("iris"), data, tried, slots=slots))


def stopping(axes: Any) -> None:
    """A network that learns noise by heart, and where early stopping leaves it."""
    rng = np.random.default_rng(2)
    X = rng.normal(size=(60, 2))
    y = (np.sum(X**2, axis=1) > 1.2).astype(float)
    y[::6] = 1 - y[::6]
    graph = gd.mlp([2, 24, 2], "tanh", "softmax_cross_entropy")
    run = train(graph, {"x": X, "y": y}, optimizer="adam", lr=0.05, epochs=400, validation=0.4,
                early_stopping=60)  # fmt: skip
    plots.losses(axes, run)


FIGURES: dict[str, Callable[[Any], None]] = {
    "paths": paths, "noise": noise, "weights": weights, "rates": rates, "stopping": stopping,
}  # fmt: skip


def main() -> None:
    """Draw all figures anew, in place."""
    os.chdir(ROOT)
    FOLDER.mkdir(exist_ok=True)
    for name, draw in FIGURES.items():
        (FOLDER / f"{name}.svg").write_bytes(plots.drawn(draw, "svg"))


if __name__ == "__main__":
    main()
