"""Training against loops that are written by hand, and what must hold of every run."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.commandline.cli import main
from graphdbg.errors import GraphError, UnknownNameError, ValueGivenError
from graphdbg.numbers.evaluator import evaluate
from graphdbg.training import folders, plots
from graphdbg.training.data import Data, data_for
from graphdbg.training.loop import DivergedError, train
from graphdbg.training.rules import OPTIMIZERS, SCHEDULES, names, optimizer, schedule
from graphdbg.training.runs import Run
from graphdbg.training.steps import Group, training_step
from graphdbg.training.watching import Watcher

Array = np.ndarray
LINE = "X: Real[n, 3]\ny: Real[n]\nw: Real[3]\nb: Real\nE = sum((X @ w + b - y)^2) / (2*n)"
NET = (
    "X: Real[n, 2]\ny: Label[n]\nW1: Real[2, 8]\nb1: Real[8]\nW2: Real[8, 2]\nb2: Real[2]\n"
    "L = mean(softmax_cross_entropy(tanh(X @ W1 + b1) @ W2 + b2, y))"
)


def line(count: int = 40) -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    X = rng.normal(size=(count, 3))
    return X, X @ [1.0, -2.0, 0.5] + 0.3 + 0.1 * rng.normal(size=count)


def ring(count: int = 120) -> tuple[Array, Array]:
    rng = np.random.default_rng(2)
    X = rng.normal(size=(count, 2))
    return X, (np.sum(X**2, axis=1) > 1.2).astype(float)


# ------------------------------------------------------------------ rules, as in the papers


Rule = Callable[[Array, Array, dict[str, Array], int], Array]


def sgd(w: Array, g: Array, s: dict[str, Array], t: int) -> Array:
    return w - 0.05 * g


def momentum(w: Array, g: Array, s: dict[str, Array], t: int) -> Array:
    s["v"] = 0.9 * s.get("v", 0 * w) + g
    return w - 0.05 * s["v"]


def nesterov(w: Array, g: Array, s: dict[str, Array], t: int) -> Array:
    s["v"] = 0.9 * s.get("v", 0 * w) + g
    return w - 0.05 * (g + 0.9 * s["v"])


def adagrad(w: Array, g: Array, s: dict[str, Array], t: int) -> Array:
    s["s"] = s.get("s", 0 * w) + g**2
    return w - 0.05 * g / (np.sqrt(s["s"]) + 1e-10)


def rmsprop(w: Array, g: Array, s: dict[str, Array], t: int) -> Array:
    s["s"] = 0.99 * s.get("s", 0 * w) + 0.01 * g**2
    return w - 0.05 * g / (np.sqrt(s["s"]) + 1e-8)


def adam(w: Array, g: Array, s: dict[str, Array], t: int) -> Array:
    s["m"] = 0.9 * s.get("m", 0 * w) + 0.1 * g
    s["s"] = 0.999 * s.get("s", 0 * w) + 0.001 * g**2
    step = s["m"] / (1 - 0.9**t) / (np.sqrt(s["s"] / (1 - 0.999**t)) + 1e-8)
    return w - 0.05 * step


def adamw(w: Array, g: Array, s: dict[str, Array], t: int) -> Array:
    return adam(w - 0.05 * 0.01 * w, g, s, t)


RULES = {each.__name__: each for each in (sgd, momentum, nesterov, adagrad, rmsprop, adam, adamw)}


def by_hand(rule: Rule, X: Array, y: Array, steps: int) -> tuple[Array, float]:
    """Linear regression with a gradient written by hand."""
    w, b = np.zeros(3), np.zeros(())
    kept: dict[str, dict[str, Array]] = {"w": {}, "b": {}}
    for t in range(1, steps + 1):
        r = X @ w + b - y
        gw, gb = X.T @ r / len(y), np.asarray(np.mean(r))
        w, b = rule(w, gw, kept["w"], t), rule(b, gb, kept["b"], t)
    return w, float(b)


@pytest.mark.parametrize("name", RULES)
def test_a_hundred_steps_are_those_of_a_loop_by_hand(name: str) -> None:
    X, y = line()
    run = train(LINE, (X, y), optimizer=name, lr=0.05, epochs=100)
    w, b = by_hand(RULES[name], X, y, 100)
    np.testing.assert_allclose(run.parameters["w"], w, rtol=1e-10, atol=1e-12)
    assert float(run.parameters["b"]) == pytest.approx(b, rel=1e-10)
    assert run.iterations == 100 and len(run.losses) == 100


def test_every_rule_of_the_library_is_tested() -> None:
    assert set(names(OPTIMIZERS)) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_a_hundred_steps_are_those_of_torch(name: str) -> None:
    torch = pytest.importorskip("torch")
    made = {
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05),
        "momentum": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9),
        "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.05),
        "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.05),
        "adam": lambda p: torch.optim.Adam(p, lr=0.05),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.05),
    }[name]
    X, y = line()
    w = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    rule = made([w, b])
    for _ in range(100):
        rule.zero_grad()
        (((torch.tensor(X) @ w + b - torch.tensor(y)) ** 2).sum() / (2 * len(y))).backward()
        rule.step()
    run = train(LINE, (X, y), optimizer=name, lr=0.05, epochs=100)
    np.testing.assert_allclose(run.parameters["w"], w.detach().numpy(), rtol=1e-8, atol=1e-10)
    assert float(run.parameters["b"]) == pytest.approx(float(b.detach()), rel=1e-8)


def test_one_step_is_the_slide_s() -> None:
    """theta_j <- theta_j - (alpha/m) sum_i (h(x_i) - y_i) x_ij, with h the sigmoid."""
    program = (
        "X: Real[m, 3]\ny: Bool[m]\ntheta: Real[3]\nh = sigmoid(X @ theta)\n"
        "J = -sum(y*log(h) + (1 - y)*log(1 - h)) / m"
    )
    X, _ = line()
    y = (X[:, 0] > 0).astype(float)
    theta = np.array([0.1, -0.2, 0.3])
    run = train(program, {"X": X, "y": y}, lr=0.5, epochs=1, start={"theta": theta})
    h = 1 / (1 + np.exp(-X @ theta))
    expected = theta - 0.5 / len(y) * np.sum((h - y)[:, None] * X, axis=0)
    np.testing.assert_allclose(run.parameters["theta"], expected, rtol=1e-12)


def test_groups_have_rules_of_their_own() -> None:
    X, y = line()
    groups = [Group(("b",), "momentum", 0.2, settings={"rho": 0.5})]
    run = train(LINE, (X, y), lr=0.05, epochs=30, groups=groups)
    w, b, v = np.zeros(3), 0.0, 0.0
    for _ in range(30):
        r = X @ w + b - y
        v = 0.5 * v + np.mean(r)
        w, b = w - 0.05 * X.T @ r / len(y), b - 0.2 * v
    np.testing.assert_allclose(run.parameters["w"], w, rtol=1e-10)
    assert float(run.parameters["b"]) == pytest.approx(b, rel=1e-10)
    assert run.step.rates == ("lr", "lr.1") and run.step.memory == ("b.v",)


@pytest.mark.parametrize(
    ("name", "pace", "expected"),
    [
        ("step_decay", {"every": 10, "factor": 0.1}, lambda t: 0.1 * 0.1 ** ((t - 1) // 10)),
        ("exponential_decay", {"rate": 0.1}, lambda t: 0.1 * np.exp(-0.1 * (t - 1))),
        ("inverse_decay", {"rate": 0.1}, lambda t: 0.1 / (1 + 0.1 * (t - 1))),
        (
            "cosine_decay",
            {"total": 20},
            lambda t: 0.05 * (1 + np.cos(np.pi * min((t - 1) / 20, 1))),
        ),
        ("warm_up", {"steps": 5}, lambda t: 0.1 * min(t / 5, 1)),
        ("constant", {}, lambda t: 0.1),
    ],
)
def test_schedules(name: str, pace: dict[str, float], expected: Callable[[int], float]) -> None:
    run = train(LINE, line(), lr=0.1, schedule=name, pace=pace, epochs=25)
    assert [each.rate for each in run.epochs] == pytest.approx([expected(t) for t in range(1, 26)])
    assert name in names(SCHEDULES)


# ------------------------------------------------------------------ what holds of every run


def test_a_step_is_one_graph_of_three_passes() -> None:
    step = training_step(gd.parse(NET), ["W1", "b1", "W2", "b2"], groups=[Group((), "adam", 0.1)])
    phases = {node.phase for node in step.graph}
    assert phases == {"forward", "backward", "update"}
    assert step.updates["W1"] == "W1.next" and step.updates["W1.m"] == "W1.m.next"
    assert step.count == "t" and step.data == ("X", "y")
    assert {call.function for call in step.graph.calls} >= {"adam", "softmax_cross_entropy"}


def test_a_program_may_have_a_t_and_an_lr_of_its_own() -> None:
    program = "x: Real[n]\nt: Real[n]\nw: Real\nlr = w*2\nE = sum((x*lr - t)^2)"
    step = training_step(gd.parse(program), ["w"], groups=[Group((), "adam", 0.1)])
    assert step.count == "t.step" and step.rates == ("lr.step",)
    run = train(program, {"x": [1.0, 2.0], "t": [2.0, 4.0]}, optimizer="adam", lr=0.1, epochs=300)
    assert float(run.parameters["w"]) == pytest.approx(1.0, abs=1e-3)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_a_program_may_have_names_like_those_of_the_update(optimizer: str) -> None:
    """A call labelled W, for the input W is assigned again, with a `next`, an `m` and a `v`."""
    given = "X: Real[n]\ny: Real[n]\nW: Real\n"
    inside = "def g(W):\n    next = 2*W\n    v = next*3\n    m = v/3\n    return m\nW = g(W)\n"
    loss = "E = mean((X*W - y)^2)"
    data, start = {"X": [1.0, 2.0], "y": [2.0, 4.1]}, {"W": 0.3}
    found, plain = (
        train(text, data, optimizer=optimizer, lr=0.01, epochs=5, start=start).parameters["W"]
        for text in (given + inside + loss, given + loss.replace("W", "(2*W)"))
    )
    assert found == pytest.approx(float(plain), rel=1e-12)


def test_a_run_is_the_same_by_its_seed() -> None:
    def losses(seed: int) -> list[float]:
        return train(NET, ring(), optimizer="adam", lr=0.02, epochs=4, batch=16, seed=seed).losses

    assert losses(3) == losses(3) != losses(4)


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_going_on_is_not_having_stopped(cut: int, tmp_path: Path) -> None:
    options: dict[str, Any] = {"optimizer": "adam", "lr": 0.05, "batch": 16, "validation": 0.2,
                               "early_stopping": 50}  # fmt: skip
    whole = train(NET, ring(), epochs=10, **options)
    part = train(NET, ring(), epochs=cut, **options)
    folders.save(part, tmp_path / "run", {})
    _, progress = folders.load(tmp_path / "run")
    for before in (part, progress):
        on = train(NET, ring(), epochs=10, resume=before, **options)
        assert on.losses == whole.losses and on.epochs == whole.epochs
        for name, value in whole.parameters.items():
            assert (on.parameters[name] == value).all()
        assert on.losses[5] == whole.losses[5]
        for name, value in whole.state(4).items():
            assert (on.state(4)[name] == value).all()


def test_batches_take_each_sample_once_an_epoch() -> None:
    data = Data({"x": np.arange(23.0)})
    seen = [data.batch(5, 7, step)["x"] for step in range(10)]
    assert [len(each) for each in seen] == [5, 5, 5, 5, 3] * 2
    for epoch in (seen[:5], seen[5:]):
        assert sorted(np.concatenate(epoch)) == list(range(23))
    assert (np.concatenate(seen[:5]) != np.concatenate(seen[5:])).any()
    assert (data.batch(5, 7, 8)["x"] == seen[8]).all()


def test_the_best_parameters_are_kept() -> None:
    X, y = ring(40)
    y[::5] = 1 - y[::5]  # noise that a network learns by heart
    run = train(NET, (X, y), optimizer="adam", lr=0.1, epochs=500, validation=0.4,
                early_stopping=15)  # fmt: skip
    values = [each.validation for each in run.epochs]
    best = int(np.argmin(values))
    assert run.stopped.startswith("early stopping") and run.best == best
    assert len(run.epochs) == best + 15 + 1
    for name, value in run.state(run.epochs[best].iteration).items():
        if name in run.parameters:
            assert (run.parameters[name] == value).all()


def test_ctrl_c_loses_nothing() -> None:
    def stop(run: Run) -> None:
        if len(run.epochs) == 3:
            raise KeyboardInterrupt

    run = train(NET, ring(), lr=0.1, epochs=50, batch=30, told=stop)
    assert run.stopped == "interrupted" and run.iterations == 12
    for name, value in run.parameters.items():
        assert (value == run.state(12)[name]).all()
    assert train(NET, ring(), lr=0.1, epochs=5, batch=30, resume=run).iterations == 20


def test_a_mask_is_drawn_anew_and_off_where_it_counts() -> None:
    program = "X: Real[n, 3]\ny: Real[n]\nM: Real[n, 3]\nw: Real[3]\nE = sum(((X*M) @ w - y)^2) / n"
    X, y = line(500)
    run = train(program, {"X": X, "y": y}, masks={"M": 0.8}, lr=0.05, epochs=3, validation=0.2)
    first, second = (run.point(at)["M"] for at in (0, 1))
    assert set(np.unique(first)) == {0.0, 1.25} and (first != second).any()
    assert first.mean() == pytest.approx(1.0, abs=0.05) and first.shape == (400, 3)
    assert (run.point(0)["M"] == first).all()
    learning, kept = data_for(gd.parse(program), {"X": X, "y": y}).split(0.2, 0)
    w = run.parameters["w"]
    expected = np.mean((kept.arrays["X"] @ w - kept.arrays["y"]) ** 2)
    assert run.epochs[-1].validation == pytest.approx(expected)
    assert learning.count == 400


def test_a_watcher_says_things_once() -> None:
    watcher = Watcher("cs231n")
    start = {"b1": np.full(8, -60.0)}
    program = NET.replace("tanh", "relu")
    train(program, ring(), lr=0.01, epochs=5, start=start, told=lambda run: watcher(run) and None)
    assert [(rule, node) for rule, node in watcher.found if rule == "dead relu"]
    assert all(at == 0 for (rule, _), (at, _) in watcher.found.items() if rule == "dead relu")


# ------------------------------------------------------------------ what cannot be


def test_a_rate_that_diverges_is_told_with_step_and_node() -> None:
    with pytest.raises(
        DivergedError, match=r"the loss is (inf|nan) at iteration \d+ \(epoch \d+\)"
    ):
        train(LINE, line(), lr=1e8, epochs=200)
    program = "x: Real[n]\nw: Real\nE = sum(exp(w*x))/n"
    said = r"arose at 'q2' \(inf: exp\(1e\+06\) overflows\). Try a smaller rate than 10"
    with pytest.raises(DivergedError, match=said):
        train(program, {"x": [-500.0, 900.0]}, lr=10.0, epochs=20)


def test_the_untaken_branch_of_a_where_is_not_blamed() -> None:
    program = "x: Real[n]\nw: Real\nE = sum(where(x > 0, log(x), 0)) + sum((w*x - 1)^2)"
    with pytest.raises(DivergedError, match=r"at 'q\d+' \(inf: pow\(\S+, 2\) overflows\)"):
        train(program, {"x": [-1.0, 2.0]}, lr=1e8, epochs=300)


def test_an_update_that_diverges_is_told_with_its_node() -> None:
    said = r"loss is nan at iteration 1 .* in the update of iteration 0, at '\w+' \(nan: division"
    with pytest.raises(DivergedError, match=said):
        train(LINE, line(), schedule="step_decay", pace={"every": 0}, epochs=3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"epochs": 0}, "found epochs 0, expected 1 or more"),
        ({"seed": -1}, "found seed -1, expected 0 or more"),
        ({"batch": 0}, "found batch 0"),
        ({"early_stopping": 3}, "early stopping watches the validation loss"),
        ({"validation": 1.0}, "found validation 1.0, expected a share"),
        ({"validation": 0.001}, "leaves one part empty"),
        ({"optimizer": "adan"}, "no optimizer 'adan'; did you mean 'adam'"),
        ({"schedule": "cosine"}, "no schedule 'cosine'.*cosine_decay"),
        ({"settings": {"rho": 0.5}}, "'sgd' has no setting 'rho'"),
        ({"optimizer": "momentum", "settings": {"rh": 0.5}}, "did you mean 'rho'"),
        ({"start": {"v": 1.0}}, "'v' has a start value, but is not learned"),
        ({"groups": [Group(("X",))]}, "'X' is in a group, but it is not learned"),
        ({"groups": [Group(("w",)), Group(("w",))]}, "'w' is in two groups"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(GraphError, match=said):
        train(LINE, line(), **{"epochs": 2, **arguments})


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"X": [[1, 2, 3]], "q": [1.0]}, "data were given for 'q', which is not an input"),
        ({"X": np.ones((4, 3)), "y": np.ones(3)}, r"the same number of samples.*X: 4, y: 3"),
        ({"X": [[1, np.nan, 3]], "y": [1.0]}, r"the data of 'X' have nan at \[0, 1\]"),
        ({"X": [["a", "b", "c"]], "y": [1.0]}, "the data of 'X' are not numbers"),
        ({"X": np.ones((0, 3)), "y": np.ones(0)}, "at least 1"),
    ],
)
def test_data_that_do_not_fit(data: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueGivenError, match=said):
        train(LINE, data, epochs=1)


def test_labels_out_of_range() -> None:
    X, y = ring(10)
    one_hot = NET.replace("y: Label[n]", "y: OneHot[n, 2]").replace(
        "softmax_cross_entropy(tanh(X @ W1 + b1) @ W2 + b2, y)",
        "-sum(y*log_softmax(tanh(X @ W1 + b1) @ W2 + b2), axis=1)")  # fmt: skip
    run = train(one_hot, (X, y), epochs=1)
    assert run.history.stepper.data.arrays["y"].shape == (10, 2)
    y[3] = 2
    with pytest.raises(ValueGivenError, match=r"the label 'y'\[3\] is 2: expected .* from 0 to 1"):
        train(one_hot, (X, y), epochs=1)
    y[3] = 0.5
    with pytest.raises(ValueGivenError, match=r"the label 'y'\[3\] is 0.5"):
        train(NET, (X, y), epochs=1)


# ------------------------------------------------------------------ files


def csv_file(folder: Path, text: str) -> Path:
    path = folder / "data.csv"
    path.write_text(text, "utf-8")
    return path


def test_a_csv_with_a_header_and_classes(tmp_path: Path) -> None:
    path = csv_file(tmp_path, "a,b,kind\n1,2,no\n3,4,yes\n5,6,no\n")
    found = data_for(gd.parse(NET), path)
    assert found.classes == ("no", "yes") and found.arrays["y"].tolist() == [0, 1, 0]
    assert found.arrays["X"].tolist() == [[1, 2], [3, 4], [5, 6]]
    other = data_for(gd.parse(NET), csv_file(tmp_path, "kind,a,b\nno,1,2\nyes,3,4\n"), "kind")
    assert other.arrays["X"].tolist() == [[1, 2], [3, 4]]
    bare = data_for(gd.parse(NET), csv_file(tmp_path, "1,2,0\n3,4,1\n"))
    assert bare.arrays["y"].tolist() == [0, 1] and bare.count == 2


def test_columns_called_as_inputs(tmp_path: Path) -> None:
    program = "x: Real[n]\ny: Real[n]\nw: Real\nE = sum((w*x - y)^2)"
    found = data_for(gd.parse(program), csv_file(tmp_path, "y,other,x\n2,9,1\n4,9,2\n"))
    assert found.arrays["x"].tolist() == [1, 2] and found.arrays["y"].tolist() == [2, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,y\n1,x,0\n", "row 2, column 'b': found 'x', expected a number"),
        ("a,b,y\n1,,0\n", "row 2, column 'b': found nothing"),
        ("a,b,y\n1,nan,0\n", "row 2, column 'b': found 'nan'"),
        ("a,b,y\n1,2\n", "row 2 has 2 columns, the first row has 3"),
        ("", "is empty"),
        ("a,b,y\n", "has a header and no rows"),
        ("a,a,y\n1,2,0\n", "has two columns 'a'"),
        ("a,b,y\n1," + "2" * 200_000 + ",0\n", "as CSV: field larger than field limit"),
    ],
)
def test_a_csv_that_cannot_be(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(GraphError, match=said):
        data_for(gd.parse(NET), csv_file(tmp_path, text))


def test_numpy_files(tmp_path: Path) -> None:
    X, y = ring(8)
    np.savez(tmp_path / "d.npz", X=X, y=y)
    np.save(tmp_path / "d.npy", np.column_stack([X, y]))
    for name in ("d.npz", "d.npy"):
        found = data_for(gd.parse(NET), tmp_path / name)
        assert (found.arrays["X"] == X).all() and (found.arrays["y"] == y).all()
    for name, said in (("d.txt", "no data file"), ("none.csv", "cannot read")):
        if name == "d.txt":
            (tmp_path / name).write_text("1", "utf-8")
        with pytest.raises(GraphError, match=said):
            data_for(gd.parse(NET), tmp_path / name)
    whole = (tmp_path / "d.npz").read_bytes()
    middle = whole.index(b"NUMPY") + 100
    damaged = whole[:middle] + b"damaged" + whole[middle + 7 :]
    for content in (b"", b"nothing", whole[: len(whole) // 2], damaged):
        (tmp_path / "bad.npz").write_bytes(content)
        with pytest.raises(GraphError, match="cannot read .*bad.npz' as a NumPy file"):
            data_for(gd.parse(NET), tmp_path / "bad.npz")


def test_a_label_beyond_the_classes_is_named() -> None:
    X, y = ring(8)
    for label in (2.0, -1.0, 0.5):
        with pytest.raises(ValueGivenError, match=rf"'y'\[3\] is {label:g}: .* from 0 to 1"):
            data_for(gd.parse(NET), (X, np.where(np.arange(8) == 3, label, y)))


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf")])
def test_a_rate_that_is_none(rate: float) -> None:
    with pytest.raises(GraphError, match=f"found learning rate {rate:g}, expected a finite one"):
        train(LINE, line(), lr=rate)


def test_complex_data_are_refused() -> None:
    X, y = ring(8)
    with pytest.raises(ValueGivenError, match="the data of 'X' are complex"):
        data_for(gd.parse(NET), (X + 1j, y))


def test_one_hot_rows_from_labels() -> None:
    X, graph = ring(3)[0], gd.parse("X: Real[n, 2]\nY: OneHot[n, k]\nE = sum(X) * sum(Y)")
    found = data_for(graph, (X, [2, 0, 1])).arrays["Y"]
    assert found.tolist() == [[0, 0, 1], [1, 0, 0], [0, 1, 0]]
    for label, shown in ((1e9, r"1e\+09"), (-1.0, "-1"), (0.5, "0.5")):
        with pytest.raises(ValueGivenError, match=rf"'Y'\[1\] is {shown}: expected .* to 999"):
            data_for(graph, (X, [0, label, 1]))


def test_roles_must_be_clear() -> None:
    with pytest.raises(GraphError, match="not clear which inputs of a, b are features and target"):
        data_for(gd.parse("a: Real[n]\nb: Real[n]\nE = sum(a*b)"), ([1.0], [2.0]))


# ------------------------------------------------------------------ the command


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    X, y = ring()
    rows = "\n".join(f"{a!r},{b!r},{'out' if c else 'in'}" for (a, b), c in
                     zip(X.tolist(), y.tolist()))  # fmt: skip
    csv_file(tmp_path, "a,b,kind\n" + rows + "\n")
    (tmp_path / "net.gd").write_text(NET, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


TRAIN = ["train", "net.gd", "--data", "data.csv", "--optimizer", "adam", "--lr", "0.05", "--batch",
         "16", "--validation", "0.2"]  # fmt: skip


def test_the_command_writes_a_folder_and_goes_on(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--epochs", "6", "-o", "run"]) == 0
    out = capsys.readouterr().out
    assert "36 steps in 6 epochs" in out and "written to run" in out
    files = {path.name for path in (folder / "run").iterdir()}
    assert files - {"plots"} == {"parameters.npz", "history.csv", "losses.csv", "settings.json",
                                 "checkpoint.npz"}  # fmt: skip
    settings = json.loads((folder / "run" / "settings.json").read_text("utf-8"))
    assert settings["classes"] == ["in", "out"] and settings["options"]["lr"] == 0.05
    assert main([*TRAIN, "--epochs", "9", "-o", "run", "--resume"]) == 0
    with np.load(folder / "run" / "parameters.npz") as found:
        resumed = dict(found)
    assert main([*TRAIN, "--epochs", "9", "-o", "whole"]) == 0
    with np.load(folder / "whole" / "parameters.npz") as found:
        assert all((found[name] == resumed[name]).all() for name in found.files)
    loss = float(evaluate(gd.parse(NET), {**resumed, "X": ring()[0], "y": ring()[1]})["L"])
    assert loss < 0.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train", "net.gd"], "expected --data FILE"),
        ([*TRAIN, "--resume"], "--resume goes on with the run in -o FOLDER"),
        ([*TRAIN, "--resume", "-o", "none"], "'none' is no run that can be gone on with"),
        ([*TRAIN, "--set", "beta1"], "found 'beta1', expected a name and a number"),
        ([*TRAIN, "--set", "rho=1"], "'adam' has no setting 'rho'"),
        ([*TRAIN, "--profile", "x"], "no profile 'x'"),
        ([*TRAIN, "--target", "c"], "no column 'c'"),
        ([*TRAIN, "-o", "data.csv"], "cannot write the run to 'data.csv'"),
    ],
)
def test_the_command_refuses(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main([*words, "--epochs", "1"]) == 2
    assert said in capsys.readouterr().err


def test_other_data_or_options_are_not_gone_on_with(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*TRAIN, "--epochs", "1", "-o", "run"]) == 0
    words = [word if word != "0.05" else "0.1" for word in TRAIN]
    assert main([*words, "--epochs", "2", "-o", "run", "--resume"]) == 2
    assert "the run began with --lr 0.05, now it is 0.1" in capsys.readouterr().err
    with (folder / "data.csv").open("a", encoding="utf-8") as file:
        file.write("1,1,in\n")
    assert main([*TRAIN, "--epochs", "2", "-o", "run", "--resume"]) == 2
    assert "the data file has changed" in capsys.readouterr().err
    (folder / "run" / "checkpoint.npz").write_bytes(b"damaged")
    assert main([*TRAIN, "--epochs", "2", "-o", "run", "--resume"]) == 2
    assert "no run that can be gone on with" in capsys.readouterr().err


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train(LINE, line(), epochs=1)
    real = os.write

    def full(descriptor: int, content: bytes) -> int:
        if len(content) > 100:
            raise OSError(28, "No space left on device")
        return real(descriptor, content)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(GraphError, match="No space left on device; nothing that was written"):
        folders.save(run, tmp_path / "run", {})


def test_nothing_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = train(LINE, line(), epochs=1)
    folders.save(run, tmp_path / "run", {})
    before = {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.*")}

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(GraphError, match="cannot write the run"):
        folders.save(train(LINE, line(), epochs=2), tmp_path / "run", {})
    assert {path: path.read_bytes() for path in (tmp_path / "run").rglob("*.*")} == before
    shutil.rmtree(tmp_path / "run")


def test_unknown_rules_are_named() -> None:
    with pytest.raises(UnknownNameError, match="there are sgd, momentum"):
        optimizer("newton")
    with pytest.raises(UnknownNameError, match="there are constant, step_decay"):
        schedule("newton")


def test_the_prompt_after_training(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("iterate 5\nprint L\nquit\n"))
    assert main([*TRAIN, "--epochs", "2", "--prompt"]) == 0
    out = capsys.readouterr().out
    assert "update)" in out and "iteration 5 of 11, epoch 0, loss " in out


def test_iris_reaches_the_optimum() -> None:
    """The same minimum as scipy's quasi-Newton method finds on the loss written in NumPy."""
    minimize = pytest.importorskip("scipy.optimize").minimize
    root = Path(__file__).parents[2]
    program = (root / "examples" / "iris.gd").read_text("utf-8")
    data = data_for(gd.parse(program), root / "examples" / "data" / "iris.csv")
    assert data.classes == ("setosa", "versicolor", "virginica") and data.count == 150
    X, y = data.arrays["X"], data.arrays["y"].astype(int)

    def loss(flat: Array) -> float:
        W, b = flat[:12].reshape(4, 3), flat[12:]
        o = X @ W + b
        o -= o.max(axis=1, keepdims=True)
        terms = np.log(np.exp(o).sum(axis=1)) - o[np.arange(150), y]
        return float(np.mean(terms) + 0.01 * np.sum(W**2))

    best = minimize(loss, np.zeros(15), method="BFGS", options={"gtol": 1e-7})
    start = {"W": np.zeros((4, 3))}
    run = train(program, data, optimizer="adam", lr=0.5, schedule="cosine_decay",
                pace={"total": 2000}, epochs=2000, start=start)  # fmt: skip
    assert run.losses[-1] == pytest.approx(best.fun, abs=1e-6)
    found = np.argmax(X @ run.parameters["W"] + run.parameters["b"], axis=1)
    assert np.mean(found == y) > 0.96


def test_iris_is_where_scikit_learn_ends() -> None:
    """The same penalty: 0.01 sum(W^2) per mean loss is C = 1 / (2 n 0.01)."""
    linear = pytest.importorskip("sklearn.linear_model")
    root = Path(__file__).parents[2]
    program = (root / "examples" / "iris.gd").read_text("utf-8")
    data = data_for(gd.parse(program), root / "examples" / "data" / "iris.csv")
    X, y = data.arrays["X"], data.arrays["y"].astype(int)
    peer = linear.LogisticRegression(C=1 / (2 * len(y) * 0.01), tol=1e-10, max_iter=10_000)
    peer.fit(X, y)
    run = train(program, data, optimizer="adam", lr=0.1, epochs=3000, start={"W": np.zeros((4, 3))})
    np.testing.assert_allclose(run.parameters["W"].T, peer.coef_, atol=2e-3)
    probabilities = peer.predict_proba(X)
    o = X @ run.parameters["W"] + run.parameters["b"]
    e = np.exp(o - o.max(axis=1, keepdims=True))
    np.testing.assert_allclose(e / e.sum(axis=1, keepdims=True), probabilities, atol=1e-3)


def test_plots_are_the_same_every_time_and_show_every_line() -> None:
    pytest.importorskip("matplotlib")
    run = train(NET, ring(), lr=0.1, epochs=6, batch=30, validation=0.2, early_stopping=5)
    files = plots.files(run)
    assert set(files) == {f"{name}.{form}" for name in ("loss", "gradients", "updates", "rate")
                          for form in ("svg", "png")}  # fmt: skip
    assert files == plots.files(run)
    assert all(files[name].startswith(b"\x89PNG") for name in files if name.endswith("png"))
    assert files["gradients.svg"].count(b'<g id="line2d') > len(run.step.parameters)


def test_a_run_is_written_without_matplotlib(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphdbg.lazy.is_installed", lambda name: False)
    folders.save(train(LINE, line(), epochs=2), tmp_path / "run", {})
    assert not (tmp_path / "run" / "plots").exists()


@pytest.mark.parametrize("command", [TRAIN, ["sweep", "net.gd", "--data", "data.csv", "--lr", "1"]])
def test_plots_that_are_missing_are_said(
    command: list[str], folder: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("graphdbg.lazy.is_installed", lambda name: False)
    assert main([*command, "--epochs", "2", "-o", "out"]) == 0
    assert "written to out\nno plots were drawn: plots need matplotlib" in capsys.readouterr().out


def test_a_table_of_many_columns_is_read_in_time_that_grows_with_it(tmp_path: Path) -> None:
    """Columns were found by going through all names: a million took hours."""
    wide = 200_000
    names = ",".join(f"c{at}" for at in range(wide))
    rows = "\n".join(",".join(["1"] * wide) + f",{target}" for target in (2, 3))
    (tmp_path / "wide.csv").write_text(f"{names},t\n{rows}\n")
    graph = gd.parse(f"X: Real[n, {wide}]; w: Real[{wide}]; t: Real[n]; L = mean((X @ w - t)^2)")
    found = data_for(graph, tmp_path / "wide.csv")
    assert found.arrays["X"].shape == (2, wide)
    assert found.arrays["t"].tolist() == [2, 3]


def test_a_mask_for_an_input_that_is_none_is_named() -> None:
    program = "X: Real[n,1]; y: Real[n]; w: Real[1]; E = sum((X@w - y)^2)/n"
    with pytest.raises(GraphError, match="no input 'q' for a mask"):
        gd.train(program, ([[1.0], [2.0]], [2.0, 4.0]), masks={"q": 0.5}, epochs=1)


ROOTS = "X: Real[n,2]; y: Real[n]; w: Real[2]; E = sum((sqrt({}) + X@w - y)^2)/n"


@pytest.mark.parametrize("column", ["X[:,1]", "X[::-1,1]", "flip(X[:,1])"])
def test_the_sample_is_found_in_whatever_order_the_program_takes_them(column: str) -> None:
    X = np.arange(1.0, 15.0).reshape(7, 2)
    X[2, 1] = -3
    with pytest.raises(DivergedError, match="It came from sample 2 of the data"):
        gd.train(ROOTS.format(column), (X, np.ones(7)), lr=1e-4, epochs=1)


def test_a_loss_on_held_out_samples_that_is_no_number_is_told() -> None:
    """It was early stopping's best epoch, the first one, and the run was called good."""
    X = np.arange(1.0, 21.0).reshape(10, 2)
    X[4, 1] = -1
    program, data = ROOTS.format("X[:,1]"), (X, np.ones(10))
    whole = data_for(gd.parse(program), data, None)
    seed = next(each for each in range(50) if 4 in whole.split(0.3, each)[1].rows)
    with pytest.raises(DivergedError, match="held-out samples is nan after epoch 0: .* sqrt"):
        gd.train(program, data, lr=1e-5, epochs=2, validation=0.3, seed=seed, early_stopping=3)


@pytest.mark.parametrize("name", ["history.csv", "plots/loss.svg"])
def test_files_that_belong_to_no_run_are_spared(name: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("precious")
    with pytest.raises(GraphError, match="belongs to no run"), folders.Folder(tmp_path, {}):
        pass
    assert (tmp_path / name).read_text() == "precious"
    with pytest.raises(GraphError, match="found an empty name"), folders.Folder("", {}):
        pass
