"""Interrupted anywhere, a run goes on and ends where it would have ended, to the bit."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from graphdbg.errors import GraphError
from graphdbg.training.loop import train
from graphdbg.training.runs import Progress, Run
from graphdbg.training.signals import ALL, Asked
from graphdbg.training.steps import Group

Array = np.ndarray
NET = (
    "X: Real[n, 3]\ny: Label[n]\nM: Real[n, 3]\nW1: Real[3, 4]\nb1: Real[4]\nW2: Real[4, 2]\n"
    "L = mean(softmax_cross_entropy(tanh((X*M) @ W1 + b1) @ W2, y))"
)
PLANS: dict[str, dict[str, Any]] = {
    "plain": {"batch": 10},
    "everything": {
        "batch": 7, "masks": {"M": 0.8}, "optimizer": "adam", "schedule": "cosine_decay",
        "pace": {"total": 30}, "validation": 0.25, "early_stopping": 50,
        "groups": [Group(("b1",), "momentum", 0.05, "warm_up", pace={"steps": 9})],
    },
    "early": {"batch": 10, "optimizer": "rmsprop", "lr": 1.0, "validation": 0.4,
              "early_stopping": 2},
}  # fmt: skip
EPOCHS = 8


def data() -> dict[str, Array]:
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 3))
    return {"X": X, "y": (X[:, 0] + rng.normal(size=40) > 0).astype(float)}


def learn(plan: str, **more: Any) -> Run:
    options = {"lr": 0.05, "epochs": EPOCHS, "seed": 4, **PLANS[plan], **more}
    bare = NET.replace("(X*M)", "X").replace("M: Real[n, 3]\n", "")
    program = NET if "masks" in options else bare
    return train(program, data(), **options)


def same(one: Run, other: Run) -> None:
    assert one.losses == other.losses and one.epochs == other.epochs
    assert (one.stopped, one.best) == (other.stopped, other.best)
    last, theirs = one.state(one.iterations), other.state(other.iterations)
    for found, expected in ((one.parameters, other.parameters), (last, theirs)):
        assert found.keys() == expected.keys()
        assert all(found[name].tobytes() == expected[name].tobytes() for name in expected)


def after(steps: int) -> Callable[[], bool]:
    """Asks for the end before the step of this number, counted from where it is first asked."""
    left = [steps]

    def stop() -> bool:
        left[0] -= 1
        return left[0] < 0

    return stop


@pytest.mark.parametrize("plan", PLANS)
def test_interrupted_before_each_step(plan: str) -> None:
    whole = learn(plan)
    for steps in range(whole.iterations):
        part = learn(plan, stop=after(steps))
        assert (part.stopped, part.iterations) == ("interrupted", steps)
        same(learn(plan, resume=part), whole)


def test_a_plan_stops_early() -> None:
    run = learn("early")
    assert run.stopped.startswith("early") and len(run.epochs) < EPOCHS


@pytest.mark.parametrize("plan", PLANS)
def test_interrupted_again_and_again(plan: str) -> None:
    whole, rng = learn(plan), np.random.default_rng(5)
    for _ in range(5):
        part = learn(plan, stop=after(int(rng.integers(9))))
        while part.stopped == "interrupted":
            part = learn(plan, stop=after(int(rng.integers(1, 9))), resume=part)
        same(part, whole)


@pytest.mark.parametrize("plan", PLANS)
def test_what_has_ended_is_left_as_it_is(plan: str) -> None:
    whole = learn(plan)
    same(learn(plan, resume=whole), whole)
    same(learn(plan, resume=whole.progress), whole)


def test_an_interruption_at_the_end_of_an_epoch_is_measured_later() -> None:
    """A Ctrl-C that is raised after the last step of an epoch, before the epoch is there."""
    whole = learn("everything")
    part = learn("everything", stop=after(len(whole.losses) - 2))
    per_epoch = part.history.stepper.per_epoch
    state, losses = part.state(2 * per_epoch), part.losses[: 2 * per_epoch]
    leader = learn("everything", epochs=1).leader
    cut = Progress(part.state(0), state, losses, part.epochs[:1], leader)
    same(learn("everything", resume=cut), whole)


def test_fewer_epochs_than_were_taken_are_refused() -> None:
    part = learn("plain", stop=after(9))
    with pytest.raises(GraphError, match="has taken 9 steps, and 2 epochs are 8: give more epochs"):
        learn("plain", epochs=2, resume=part)


@pytest.mark.skipif(os.name != "posix", reason="sends signals to itself")
@pytest.mark.parametrize("times", [1, 2, 5])
def test_ctrl_c_wherever_it_comes(times: int) -> None:
    """By signals, at moments of their own choice: the handler's and the loop's part together."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # between runs it is nobody's
    try:
        whole = learn("plain", epochs=3_000)
        part, cuts = None, 0
        for delay in (0.05, 0.11, 0.17, 0.23):
            timers = [threading.Timer(delay + 0.002 * at, os.kill, (os.getpid(), signal.SIGINT))
                      for at in range(times)]  # fmt: skip
            for timer in timers:
                timer.start()
            try:
                signal.signal(signal.SIGINT, signal.default_int_handler)
                part = learn("plain", epochs=3_000, resume=part)
                cuts += part.stopped == "interrupted"
                _ignore()
            except KeyboardInterrupt:  # before the first step, or after the last
                _ignore()
            for timer in timers:
                timer.join()
        assert cuts, "no run was interrupted"
        same(learn("plain", epochs=3_000, resume=part), whole)
    finally:
        signal.signal(signal.SIGINT, before)


def _ignore() -> None:
    """Ctrl-C has no effect from here on, also where one comes just now."""
    while signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        with contextlib.suppress(KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_IGN)




def test_states_are_in_one_order_in_memory() -> None:
    """The last bits of a product depend on it, and a file would change other orders."""
    start = {"W1": np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4)))}
    run = learn("plain", start=start)
    for at in (0, 1, run.iterations):
        assert all(each.flags.c_contiguous for each in run.state(at).values())
    b = train("x: Real[n]; b: Real; E = mean((x - b)^2)", {"x": [1.0, 2.0]}, epochs=2)
    assert b.parameters["b"].shape == ()


def test_a_weight_of_0_has_no_ratio() -> None:
    run = learn("everything")
    first, last = run.epochs[0], run.epochs[-1]
    assert learn("plain", epochs=1, batch=None).epochs[0].ratios["b1"] is None
    assert first.ratios["W1"] is not None and last.ratios["b1"] is not None


# ------------------------------------------------------------------ signals


def send(name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))


@pytest.mark.skipif(os.name != "posix", reason="sends signals to itself")
@pytest.mark.parametrize("name", ALL)
def test_a_signal_is_noted_and_its_handler_put_back(name: str) -> None:
    number = getattr(signal, name)
    kept = signal.signal(number, signal.SIG_DFL)
    try:
        with Asked(ALL) as asked:
            asked.look()
            send(name)
            assert asked.signal == number
            with pytest.raises(KeyboardInterrupt, match="^$"):
                asked.look()
        assert signal.getsignal(number) is signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN)  # as nohup does
        with Asked(ALL) as asked:
            send(name)
            assert not asked.signal and signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, kept)


@pytest.mark.skipif(os.name != "posix", reason="sends signals to itself")
def test_the_second_ctrl_c_breaks_once_and_only_where_it_may() -> None:
    kept = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with Asked() as asked:
            for _ in range(3):
                send("SIGINT")
            with asked.breaking():
                with asked.breaking(may=False):
                    send("SIGINT")
                with pytest.raises(KeyboardInterrupt, match="^$"):
                    send("SIGINT")
                send("SIGINT")
    finally:
        signal.signal(signal.SIGINT, kept)


def test_other_threads_listen_to_nothing() -> None:
    found: list[Run] = []
    thread = threading.Thread(target=lambda: found.append(learn("plain", epochs=2)))
    thread.start()
    thread.join()
    assert found[0].stopped == "2 epochs"
