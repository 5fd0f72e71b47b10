"""The terminal app on a training run: keys go over its iterations, the curves follow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from app_driver import drive, press, screen_text, settled
from graphdbg_tui.app import Debugger
from graphdbg_tui.screens.curves import MOST_POINTS, MOST_TICKS, Curves, thinned, whole_ticks

import graphdbg as gd
from graphdbg.training.runs import Run

LINE = "X: Real[n, 3]\ny: Real[n]\nw: Real[3]\nb: Real\nE = sum((X @ w + b - y)^2) / n"


@pytest.fixture(scope="module")
def run() -> Run:
    X = np.random.default_rng(0).normal(size=(40, 3))
    return gd.train(LINE, (X, X @ [1.0, 2.0, 3.0]), optimizer="momentum", lr=0.02, epochs=10,
                    batch=8, validation=0.2)  # fmt: skip


def opener(run: Run) -> Callable[[], gd.Session]:
    return lambda: gd.Session(run.step.graph, run.point(0), of="E", run=run)


def test_keys_go_over_iterations_and_the_position_stays(run: Run) -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        assert app.controller is not None
        session = app.controller.session
        await press(pilot, "n*5", "i*12", "I*2")
        await settled(app, pilot)
        assert (session.iteration, session.position) == (10, 5)
        shown = screen_text(app)
        assert "iteration 10" in shown and f"loss {run.losses[10]:.6g}" in shown
        await press(pilot, "z")
        assert session.iteration == 11
        await press(pilot, "G")
        await settled(app, pilot)
        assert "update" in screen_text(app).split("\n")[0]

    drive(opener(run), script)


def test_the_curves_show_the_run_and_move_with_it(run: Run) -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        assert app.controller is not None
        await press(pilot, "m")
        await pilot.pause(0.2)
        assert isinstance(app.screen, Curves)
        text = screen_text(app)
        for word in ("loss", "training", "held out", "norm of the gradient", "size of update"):
            assert word in text, word
        assert "iteration 0 of 39" in text
        await press(pilot, "i*3", "I")
        await pilot.pause(0.2)
        assert app.controller.session.iteration == 2 and "iteration 2 of 39" in screen_text(app)
        await press(pilot, "escape")
        await pilot.pause(0.1)
        assert not isinstance(app.screen, Curves)

    drive(opener(run), script, size=(110, 40))


def test_a_session_of_one_step_has_no_curves() -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        for key in ("m", "i"):
            await press(pilot, key)
            await settled(app, pilot)
            assert "this session is of one step" in screen_text(app)

    drive(lambda: gd.Session(gd.parse("f = x^2"), {"x": 1.0}), script)


def test_names_stand_above_the_plots_and_ticks_at_whole_iterations(run: Run) -> None:
    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "m")
        await pilot.pause(0.2)
        lines = screen_text(app).split("\n")
        names = [at for at, line in enumerate(lines) if "⠒⠒ training" in line or "⠒⠒ w " in line]
        assert len(names) == 3
        for at in names:  # no name within a plot, where it would cover a curve
            assert "┌" in lines[at + 1]
        ticks = [line for line in lines if line.split()[2:6] == ["0", "10", "20", "30"]]
        assert len(ticks) == 3

    drive(opener(run), script, size=(110, 40))


def test_ticks_are_whole_and_few() -> None:
    for last in (0, 1, 2, 7, 39, 99, 1234, 50_000, 10**9):
        ticks = whole_ticks(last)
        assert ticks[0] == 0 and len(ticks) <= MOST_TICKS + 1
        assert len({b - a for a, b in zip(ticks, ticks[1:])}) <= 1 and ticks[-1] <= last
        assert len(ticks) > 2 or last < 2


def test_a_weight_without_a_ratio_is_left_out_of_the_curves() -> None:
    X = np.random.default_rng(0).normal(size=(40, 3))
    first = gd.train(LINE, (X, X @ [1.0, 2.0, 3.0]), epochs=1)  # both begin as 0
    assert set(first.epochs[0].ratios.values()) == {None}

    async def script(app: Debugger, pilot: Any) -> None:
        await press(pilot, "m")
        await pilot.pause(0.2)
        ratios = screen_text(app).split("size of update")[1]
        assert "⠒⠒" not in ratios.split("\n")[0]

    drive(opener(first), script, size=(110, 40))


def test_long_curves_arethinned() -> None:
    points = [(at, float(at)) for at in range(10_000)]
    shown = thinned(points)
    assert len(shown) <= MOST_POINTS + 1 and shown[0] == (0, 0.0) and shown[-1] == (9_999, 9_999.0)
