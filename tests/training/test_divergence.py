"""A number that is none is told down to the batch, the sample, the node and its way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdbg.training.data import Data
from graphdbg.training.loop import DivergedError, train

ROOT = "X: Real[n, 3]\ny: Real[n]\nw: Real[3]\nE = mean(({0}(X @ w) - y)^2)"


def data(bad: int) -> dict[str, Any]:
    """Forty samples, one of them all zeros: its logarithm and its root's slope are infinite."""
    X = np.abs(np.random.default_rng(0).normal(size=(40, 3)))
    X[bad] = 0.0
    return {"X": X, "y": np.ones(40)}


def blamed(program: str, given: Any, **options: Any) -> DivergedError:
    with pytest.raises(DivergedError, match="the first number that is not finite arose") as caught:
        train(program, given, **{"start": {"w": np.ones(3)}, "epochs": 5, **options})
    return caught.value


@pytest.mark.parametrize("bad", [0, 17, 39])
@pytest.mark.parametrize("batch", [None, 1, 8])
def test_the_sample_is_named_whatever_the_order(bad: int, batch: int | None) -> None:
    error = blamed(ROOT.format("log"), data(bad), batch=batch)
    assert error.samples == (bad,) and f"sample {bad} of the data" in str(error)
    assert error.way[0] == error.blamed and error.way[-1] == "E"
    assert "log(0): the logarithm of 0" in str(error) and "(line 4) → " in str(error)


@pytest.mark.parametrize("batch", [None, 8])
def test_the_sample_is_named_beside_samples_that_are_held_out(batch: int | None) -> None:
    learning, _ = Data(data(0)).split(0.25, 0)
    assert learning.rows is not None
    for bad in (int(learning.rows[3]), int(learning.rows[-1])):
        error = blamed(ROOT.format("log"), data(bad), batch=batch, validation=0.25)
        assert error.samples == (bad,)


def test_an_update_blames_the_step_before() -> None:
    error = blamed(ROOT.format("sqrt"), data(17))
    assert error.iteration == 0 and error.samples == (17,) and error.way[-1] == "w.next"
    assert "in the update of iteration 0" in str(error) and "division 0.5 / 0" in str(error)


def test_the_batch_is_named() -> None:
    error = blamed(ROOT.format("log"), data(17), batch=8)
    batch = error.iteration
    assert f"(epoch 0, batch {batch} of 0 to 4)" in str(error)


def test_several_samples_are_counted() -> None:
    given = data(5)
    given["X"][[7, 11, 13, 20]] = 0.0
    error = blamed(ROOT.format("log"), given)
    assert error.samples == (5, 7, 11) and "samples 5, 7, 11 and 2 more of the data" in str(error)


def test_a_sum_that_overflows_names_its_largest_part() -> None:
    x = np.full(10, 1e154)
    x[3] = 1.2e154
    error = blamed("x: Real[n]; w: Real; E = sum((w*x)^2)", {"x": x}, start={"w": 1.0})
    assert error.samples == (3,) and "a sum whose largest part is that of sample 3" in str(error)


def test_no_sample_is_blamed_for_a_rate() -> None:
    error = blamed(ROOT.format("exp"), data(5), schedule="step_decay", pace={"every": 0})
    assert error.samples == () and "of no sample alone" in str(error)


@pytest.mark.parametrize("header", ["a,b,c,y\n", ""])
def test_the_row_of_a_file_is_named(tmp_path: Path, header: str) -> None:
    given = data(17)
    rows = [",".join(map(repr, (*x, y))) for x, y in zip(given["X"].tolist(), given["y"].tolist())]
    path = tmp_path / "d.csv"
    path.write_text(header + "\n".join(rows) + "\n", "utf-8")
    error = blamed(ROOT.format("log"), path, batch=8)
    row = 18 + bool(header)  # as an editor counts
    assert error.samples == (row,) and f"row {row} of '{path}'" in str(error)
    assert path.read_text("utf-8").splitlines()[row - 1].startswith("0.0,0.0,0.0")
