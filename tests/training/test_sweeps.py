"""Sweeps: every trial once, over any executor, whatever happens to the workers."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphdbg as gd
from graphdbg import lazy
from graphdbg.commandline.cli import main
from graphdbg.errors import GraphError
from graphdbg.training import plots, sweeps
from graphdbg.training.data import Data, data_for
from graphdbg.training.executors import is_unwanted
from graphdbg.training.sweeps import Outcome, attempt, trials, values

PROGRAM = "X: Real[n, 2]\ny: Real[n]\nw: Real[2]\nE = sum((X @ w - y)^2) / n"


def data() -> Data:
    X = np.random.default_rng(0).normal(size=(30, 2))
    return data_for(gd.parse(PROGRAM), (X, X @ [1.0, -2.0]))


def threads(count: int = 2) -> list[Any]:
    return [lambda: ThreadPoolExecutor(1)] * count


TRIED = trials({"lr": [0.01, 0.1, 0.3], "optimizer": ["sgd", "adam"], "epochs": [5]})


def numbers(found: list[Outcome]) -> list[tuple[int, float]]:
    return [(each.number, each.loss) for each in found]


@pytest.fixture(scope="module")
def expected() -> list[tuple[int, float]]:
    return [(at, attempt(PROGRAM, data(), each, at).loss) for at, each in enumerate(TRIED)]


def test_threads_find_what_a_loop_finds(expected: list[tuple[int, float]]) -> None:
    told: list[int] = []
    found = sweeps.sweep(PROGRAM, data(), TRIED, slots=threads(),
                         told=lambda outcome: told.append(outcome.number))  # fmt: skip
    assert numbers(found) == expected and sorted(told) == list(range(6))
    assert all(each.epochs == 5 and each.attempts == 1 and not each.error for each in found)


def test_processes_find_what_a_loop_finds(expected: list[tuple[int, float]]) -> None:
    found = sweeps.sweep(PROGRAM, data(), TRIED, slots=sweeps.processes(2))
    assert numbers(found) == expected


class Killing(Executor):
    """One worker process, killed in the middle of its first trials; `kills` are left."""

    kills = 2

    def __init__(self) -> None:
        self.inner = sweeps.processes(1)[0]()

    def submit(self, function: Any, *args: Any, **more: Any) -> Future[Any]:  # type: ignore[override]
        future = self.inner.submit(function, *args, **more)
        if Killing.kills:
            Killing.kills -= 1
            for process in list(self.inner._processes.values()):  # type: ignore[attr-defined]
                os.kill(process.pid, signal.SIGKILL)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self.inner.shutdown(wait, cancel_futures=cancel_futures)


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_killed_worker_loses_only_its_own_trial(expected: list[tuple[int, float]]) -> None:
    Killing.kills = 2
    found = sweeps.sweep(PROGRAM, data(), TRIED, slots=[Killing])
    assert numbers(found) == expected and Killing.kills == 0
    assert sorted(each.attempts for each in found)[-1] in (2, 3)
    assert sum(each.attempts - 1 for each in found) == 2


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
def test_a_trial_that_kills_every_worker_is_given_up(expected: list[tuple[int, float]]) -> None:
    Killing.kills = sweeps.ATTEMPTS
    found = sweeps.sweep(PROGRAM, data(), TRIED, slots=[Killing])
    assert "BrokenProcessPool" in found[0].error and found[0].attempts == sweeps.ATTEMPTS
    assert numbers(found)[1:] == expected[1:]


def test_a_dask_cluster(expected: list[tuple[int, float]]) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        found = sweeps.sweep(PROGRAM, data(), TRIED, slots=sweeps.dask(cluster.scheduler_address))
    assert numbers(found) == expected


def test_a_trial_that_diverges_says_why_and_ends_nothing() -> None:
    tried = trials({"lr": [1e9, 0.1], "epochs": [300]})
    first, second = sweeps.sweep(PROGRAM, data(), tried, slots=threads(1))
    assert "the loss is" in first.error and first.score == np.inf and np.isnan(first.loss)
    assert not second.error and second.loss < 1e-3


def test_ctrl_c_returns_what_there_is() -> None:
    def stop(outcome: Outcome) -> None:
        if outcome.number == 1:
            raise KeyboardInterrupt

    found = sweeps.sweep(PROGRAM, data(), TRIED, slots=threads(1), told=stop)
    assert [each.number for each in found] == [0, 1]


LONG = trials({"lr": [1e-9, 1e-8, 1e-7], "epochs": [10**7]})  # no trial of it ends by itself
SHORT_FIRST = [{"lr": 0.1, "epochs": 2}, *LONG]


def ended_early(slots: list[Any]) -> list[Outcome]:
    """A sweep that is asked for its end as soon as its first trial has ended."""
    done: list[Outcome] = []
    return sweeps.sweep(PROGRAM, data(), SHORT_FIRST, slots=slots, told=done.append,
                        stop=lambda: bool(done))  # fmt: skip


@pytest.mark.parametrize("slots", [sweeps.threads(2), sweeps.processes(2)], ids=["threads", "own"])
def test_what_runs_ends_where_the_end_is_asked_for(slots: list[Any]) -> None:
    """And soon: the threads would keep this process for ever, as the processes would go on."""
    found = ended_early(slots)
    assert [each.number for each in found] == [0] and not found[0].error
    _none_is_left(lambda: [each for each in threading.enumerate() if "OwnThread" in each.name])
    _none_is_left(multiprocessing.active_children)


def test_a_task_of_dask_ends_where_the_end_is_asked_for_or_its_client_is_gone() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None
    ) as cluster:
        (worker,) = cluster.workers.values()
        slots = sweeps.dask(cluster.scheduler_address)
        assert [each.number for each in ended_early(slots)] == [0]
        _none_is_left(lambda: [*worker.state.executing])
        client = distributed.Client(cluster.scheduler_address, set_as_default=False)
        left = client.submit(sweeps.attempt, PROGRAM, data(), LONG[0], 0, is_unwanted)
        _until(lambda: bool(worker.state.executing))
        assert left.status == "pending"
        client.close()  # the tasks of a client that was killed are released in the same way
        _none_is_left(lambda: [*worker.state.executing])


@pytest.mark.skipif(os.name != "posix", reason="kills a process by signal")
@pytest.mark.parametrize(
    ("name", "code"), [("SIGKILL", -9), ("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]
)
def test_a_sweep_that_is_ended_has_its_table_and_no_workers(
    tmp_path: Path, name: str, code: int
) -> None:
    X = np.random.default_rng(0).normal(size=(20, 2))
    np.savez(tmp_path / "d.npz", X=X, y=X @ [1.0, 2.0])
    (tmp_path / "p.gd").write_text(PROGRAM, "utf-8")
    command = [sys.executable, "-m", "graphdbg", "sweep", "p.gd", "--data", "d.npz", "--jobs", "2",
               "--lr", "1e-3:1e-2:lin:5000", "--epochs", "2", "-o", "out"]  # fmt: skip
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.DEVNULL)
    table = tmp_path / "out" / "trials.csv"
    try:
        _until(table.exists)
        workers = _children(process.pid)
        process.send_signal(getattr(signal, name))
        assert process.wait(60) == code
    finally:
        process.kill()
    rows = list(csv.DictReader(table.read_text("utf-8").splitlines()))
    assert rows and all(float(row["loss"]) > 0 and not row["error"] for row in rows)
    assert len(workers) >= 2
    _none_is_left(lambda: [each for each in workers if _is_alive(each)])


def test_a_sweep_s_place_is_tried_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("d.npz", X=np.ones((4, 2)), y=np.ones(4))
    Path("p.gd").write_text(PROGRAM, "utf-8")
    words = ["sweep", "p.gd", "--data", "d.npz", "--epochs", "1000000000", "--lr", "1e-9,1e-8"]
    assert main([*words, "-o", "d.npz"]) == 2
    assert "cannot write" in capsys.readouterr().err


def _children(number: int) -> list[int]:
    """The processes that a process has started."""
    command = ["ps", "-o", "pid=", "--ppid", str(number)]
    return [int(each) for each in subprocess.run(command, capture_output=True).stdout.split()]


def _is_alive(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text("utf-8").split(")")[-1].split()[0]
    except OSError:
        return False


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


def _none_is_left(left: Callable[[], list[Any]]) -> None:
    _until(lambda: not left())


def test_spans_and_lists() -> None:
    assert values("1e-4:1:log:5", float) == [1e-4, 1e-3, 1e-2, 0.1, 1.0]
    assert values("0:1:lin:3", float) == [0.0, 0.5, 1.0]
    assert len(values("1e-4:1", float)) == sweeps.POINTS
    assert values("sgd, adam", str) == ["sgd", "adam"]
    for text, kind, said in (("0:1:log", float, "a span such as"), ("a", float, "numbers such as"),
                             ("1:2:cubic", float, "found '1:2:cubic'"),
                             ("1.5", int, "whole numbers")):  # fmt: skip
        with pytest.raises(GraphError, match=said):
            values(text, kind)
    with pytest.raises(GraphError, match="the sweep has 0 trials"):
        trials({"lr": []})


def test_the_table_has_the_best_first() -> None:
    found = sweeps.sweep(PROGRAM, data(), TRIED, slots=threads(1))
    rows = list(csv.DictReader(sweeps.table(found).splitlines()))
    losses = [float(row["loss"]) for row in rows]
    assert losses == sorted(losses) and len(rows) == 6 and rows[0]["optimizer"] in ("sgd", "adam")


def test_the_plot_shows_each_rule() -> None:
    pytest.importorskip("matplotlib")
    found = [Outcome(at, {"lr": lr, "optimizer": name}, lr) for at, (lr, name) in
             enumerate([(0.1, "sgd"), (1.0, "sgd"), (0.1, "adam"), (1e3, "adam")])]  # fmt: skip
    svg = plots.drawn(lambda axes: plots.sweep(axes, found), "svg")
    assert svg == plots.drawn(lambda axes: plots.sweep(axes, found), "svg")
    assert b"<svg" in svg


def test_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    X = np.random.default_rng(0).normal(size=(20, 2))
    np.savez("d.npz", X=X, y=X @ [1.0, 2.0])
    Path("p.gd").write_text(PROGRAM, "utf-8")
    words = ["sweep", "p.gd", "--data", "d.npz", "--executor", "threads"]
    assert main([*words, "--lr", "1e-3:1:log:4", "--optimizer", "sgd,adam", "-o", "out"]) == 0
    out = capsys.readouterr().out
    assert "8 trials, 0 failed; best: lr " in out and "written to out" in out
    assert len(Path("out/trials.csv").read_text("utf-8").splitlines()) == 9
    assert main([*words, "--lr", "1e300,1e301", "-o", "bad"]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "2 trials, 2 failed; none has a result: the loss is inf at iteration" in said
    assert "best" not in said and Path("bad/trials.csv").exists()
    monkeypatch.setattr("graphdbg.lazy.distributed", _no_cluster)
    refused = [
        (["--lr", "x"], "expected numbers"),
        (["--optimizer", "adan"], "did you mean 'adam'"),
        (["--lr", "0.1", "--executor", "x"], "expected processes, threads or dask"),
    ]
    if lazy.is_installed("distributed"):
        refused.append((["--lr", "0.1", "--executor", "dask://127.0.0.1:1"], "no Dask scheduler"))
    for more, said in refused:
        assert main([*words, *more]) == 2
        assert said in capsys.readouterr().err


def _no_cluster() -> Any:
    class Distributed:
        @staticmethod
        def Client(address: str, **options: Any) -> Any:  # noqa: N802
            raise OSError("timed out")

    return Distributed
