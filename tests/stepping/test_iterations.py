"""Time travel over a training run: the numbers of any iteration, conditions, undo, the prompt."""

from __future__ import annotations

import numpy as np
import pytest

import graphdbg as gd
from graphdbg.errors import GraphError
from graphdbg.stepping.interpreter import Interpreter
from graphdbg.stepping.iterations import Condition
from graphdbg.stepping.session import Session
from graphdbg.training.runs import Run

PROGRAM = (
    "X: Real[n, 2]\ny: Label[n]\nW1: Real[2, 8]\nb1: Real[8]\nW2: Real[8, 2]\nb2: Real[2]\n"
    "L = mean(softmax_cross_entropy(tanh(X @ W1 + b1) @ W2 + b2, y))"
)


def moons(count: int = 100) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(count, 2))
    return X, (X[:, 0] * X[:, 1] > 0).astype(float)


@pytest.fixture(scope="module")
def run() -> Run:
    return gd.train(PROGRAM, moons(), optimizer="adam", lr=0.05, epochs=30, batch=10)


def session_of(run: Run) -> Session:
    return Session(run.step.graph, run.point(0), of=run.step.of, run=run)


def test_each_iteration_is_the_step_that_was_taken(run: Run) -> None:
    session = session_of(run)
    assert session.iterations is not None and session.iterations.last == run.iterations - 1
    state = run.state(0)
    for iteration in range(0, 60):
        session.goto_iteration(iteration)
        assert float(session.trace["L"]) == pytest.approx(run.losses[iteration], rel=1e-12)
        for name, value in state.items():
            np.testing.assert_allclose(session.point[name], value, rtol=1e-9, atol=1e-12)
        state = {name: session.trace[node] for name, node in run.step.updates.items()}
    for iteration in (299, 7, 150, 149, 151, 0):
        session.goto_iteration(iteration)
        assert float(session.trace["L"]) == pytest.approx(run.losses[iteration], rel=1e-12)


def test_a_state_is_found_again_to_the_bit(run: Run) -> None:
    """Copies and replay against the steps one after the other."""
    stepper, state = run.history.stepper, run.state(0)
    states = []
    for iteration in range(run.iterations):
        states.append(state)
        loss, state = stepper.advance(state, iteration)
        assert loss == run.losses[iteration]
    for iteration in (299, 0, 17, 16, 250, 31, 32, 33):
        for name, value in run.state(iteration).items():
            assert (value == states[iteration][name]).all()


def test_the_position_stays_and_undo_returns(run: Run) -> None:
    session = session_of(run)
    session.goto(20)
    before = session.state
    session.iterate(40)
    assert (session.position, session.iteration) == (20, 40)
    assert session.frame.node == session_of(run).scope.frame(20).node
    session.iterate(-15)
    assert (session.iteration, session.epoch) == (25, 2)
    assert session.undo() and session.iteration == 40
    assert session.undo() and session.state == before


def test_the_ends_and_what_is_no_iteration(run: Run) -> None:
    session = session_of(run)
    assert session.iterate(-3) == 0
    assert session.iterate(10**6) == run.iterations - 1
    with pytest.raises(GraphError, match="found iteration 300, expected one from 0 to 299"):
        session.goto_iteration(300)
    plain = Session(gd.parse("f = x^2"), {"x": 1.0})
    with pytest.raises(GraphError, match="this session is of one step"):
        plain.iterate()
    assert (plain.iteration, plain.epoch, plain.conditions) == (0, 0, {})


def test_conditions_are_what_brute_force_finds(run: Run) -> None:
    losses = run.losses
    rises = [at for at in range(1, len(losses)) if losses[at] > losses[at - 1]]
    assert Condition("loss increases").matches(losses, run.epoch) == rises
    falls = [at for at in range(1, len(losses)) if losses[at] < losses[at - 1]]
    assert Condition("loss  decreases").matches(losses, run.epoch) == falls
    best = [at for at in range(1, len(losses)) if losses[at] < min(losses[:at])]
    assert Condition("loss is best").matches(losses, run.epoch) == best
    begins = list(range(10, len(losses), 10))
    assert Condition("epoch begins").matches(losses, run.epoch) == begins
    large = [at for at in range(len(losses)) if losses[at] > 0.5 and at >= 20]
    assert Condition("(loss > 0.5) * (iteration >= 20)").matches(losses, run.epoch) == large
    with pytest.raises(GraphError, match="no name 'lss'; did you mean 'loss'"):
        Condition("lss > 1").matches(losses, run.epoch)


def test_the_prompt_goes_over_iterations(run: Run) -> None:
    talk = Interpreter(session_of(run))
    first = next(at for at in range(1, 300) if run.losses[at] > run.losses[at - 1])
    said = talk.execute("break when loss increases").text
    assert said.startswith("breakpoint 1: when loss increases   (")
    reply = talk.execute("iterate 100").text.split("\n")
    assert reply[0].startswith(f"iteration {first} of 299, epoch {first // 10}, loss ")
    assert reply[1] == "stopped: loss increases"
    assert "breakpoint 1: when loss increases" in talk.execute("info breakpoints").text
    assert talk.execute("delete 1").text == "deleted 1"
    assert "iteration 102 of" in talk.execute(f"iterate {102 - first}").text
    assert "iteration 100 of" in talk.execute("reverse-iterate 2").text
    assert "iteration 299 of" in talk.execute("iteration last").text
    assert "the last iteration" in talk.execute("it").text
    assert "iteration 5 of" in talk.execute("iteration 5").text
    for wrong, said in (("iterate 0", "found 0 iterations"), ("iteration", "expected the number"),
                        ("iteration 300", "found iteration 300"),
                        ("break when", "expected a condition")):  # fmt: skip
        with pytest.raises(GraphError, match=said):
            talk.execute(wrong)


def test_the_update_is_stepped_at_every_iteration(run: Run) -> None:
    session = session_of(run)
    session.goto_iteration(17)
    session.goto(session.end)
    assert session.frame.direction == "update"
    for name, node in run.step.updates.items():
        np.testing.assert_allclose(session.value(node), run.state(18)[name], rtol=1e-9)
