"""A run folder: one file is the truth, what does not belong to it is named, nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphdbg.commandline.cli import main
from graphdbg.errors import GraphError
from graphdbg.training import exports, folders, plots
from graphdbg.training.environments import difference, environment
from graphdbg.training.folders import FIRST, MOST, TRUTH, Folder, Pace
from graphdbg.training.locks import LOCK, locked
from graphdbg.training.loop import DivergedError, train
from graphdbg.training.records import archive, unpacked
from graphdbg.training.runs import Run
from graphdbg.training.watching import Watcher

NET = (
    "X: Real[n, 3]\ny: Label[n]\nW: Real[3, 2]\nb: Real[2]\n"
    "L = mean(softmax_cross_entropy(relu(X @ W + b), y))"
)
OPTIONS: dict[str, Any] = {"optimizer": "adam", "lr": 0.05, "batch": 7, "validation": 0.2}
posix = pytest.mark.skipif(os.name != "posix", reason="signals and locks of POSIX")


@pytest.fixture(autouse=True)
def no_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plots take seconds; the tests that are about them put them back."""
    monkeypatch.setattr(plots, "available", lambda: False)


def data(seed: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(40, 3))
    return {"X": X, "y": (X[:, 0] + rng.normal(size=40) > 0).astype(float)}


def learn(**more: Any) -> Run:
    return train(NET, data(), **{"epochs": 6, **OPTIONS, **more})


def kept(path: Path) -> dict[str, bytes]:
    return {name: (path / name).read_bytes() for name in exports.NAMES if (path / name).exists()}


@pytest.fixture
def ended(tmp_path: Path) -> Path:
    folders.save(learn(), tmp_path / "run", {"name": "net"})
    return tmp_path / "run"


# ------------------------------------------------------------------ one file is the truth


def test_the_truth_is_an_archive_that_numpy_reads(ended: Path) -> None:
    with np.load(ended / TRUTH) as found:
        assert found["losses"].tolist() == learn().losses and "now/W.m" in found.files
    assert archive({"file": np.ones(2)}) == archive({"file": np.ones(2)})


def half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def half_of_lines(content: bytes) -> bytes:
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: len(lines) // 2])


def one_bit(content: bytes) -> bytes:
    at = len(content) // 2
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "emptied": lambda content: b"", "cut": half, "cut at a line": half_of_lines, "a bit": one_bit,
    "longer": lambda content: content + b"\n", "foreign": lambda content: b"something else\n",
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", [TRUTH, *(n for n in exports.NAMES if "/" not in n)])
def test_a_damaged_file_is_named(ended: Path, name: str, damage: str) -> None:
    path = ended / name
    path.write_bytes(DAMAGES[damage](path.read_bytes()))
    with pytest.raises(GraphError, match=f"no run that can be gone on with: '.*{name}'") as caught:
        folders.load(ended)
    assert "\n" not in str(caught.value) and "leave --resume out" in str(caught.value)


@pytest.mark.parametrize("name", [TRUTH, "parameters.npz", "history.csv", "losses.csv"])
def test_a_file_of_another_run_is_named(ended: Path, tmp_path: Path, name: str) -> None:
    folders.save(learn(seed=1), tmp_path / "other", {"name": "net"})
    shutil.copy(tmp_path / "other" / name, ended / name)
    with pytest.raises(GraphError, match=r"'.*(\.npz|\.csv)' is not what the run wrote there"):
        folders.load(ended)


@pytest.mark.parametrize("name", [n for n in exports.NAMES if "/" not in n])
def test_an_export_that_is_missing_is_made_again(ended: Path, name: str) -> None:
    before = kept(ended)
    (ended / name).unlink()
    with Folder(ended, {"name": "net"}) as folder:
        learn(resume=folder.load().progress, keeper=folder)
    assert kept(ended) == before


def test_a_truth_that_is_missing_is_named(ended: Path) -> None:
    (ended / TRUTH).unlink()
    with pytest.raises(GraphError, match=r"cannot read '.*checkpoint.npz': No such file"):
        folders.load(ended)


def test_a_folder_of_before_is_said_to_be_one(ended: Path) -> None:
    state = {"start/W": np.ones((3, 2)), "now/W": np.ones((3, 2))}
    (ended / TRUTH).write_bytes(archive(state))
    with pytest.raises(GraphError, match=r"npz' was written by an earlier graphdbg, .* in param"):
        folders.load(ended)


def test_another_format_is_refused() -> None:
    with pytest.raises(GraphError, match="is damaged or no record"):
        unpacked(archive({"record": np.zeros(3, np.uint8)}))
    with pytest.raises(GraphError, match="is empty"):
        unpacked(b"")


def test_all_of_a_run_is_kept(ended: Path) -> None:
    run, watcher = learn(early_stopping=3), Watcher("sagemaker")
    with Folder(ended, {}, watcher) as folder:
        whole = learn(early_stopping=3, told=watcher, keeper=folder)
    with Folder(ended, {}, Watcher("sagemaker")) as folder:
        record = folder.load()
        assert folder.watcher.found == watcher.found and record.stopped == whole.stopped
    found = record.progress
    assert list(found.losses) == run.losses and list(found.epochs) == run.epochs
    assert found.best is not None and run.leader is not None
    assert (found.best.value, found.best.number) == (run.leader.value, run.leader.number)
    for state, expected in ((found.best.state, run.leader.state), (found.first, run.state(0)),
                            (found.now, run.state(run.iterations))):  # fmt: skip
        assert {name: each.tobytes() for name, each in state.items()} == {
            name: each.tobytes() for name, each in expected.items()
        }


def test_what_lay_there_of_another_run_goes(ended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ended / "plots").mkdir()
    (ended / "plots" / "loss.svg").write_bytes(b"<svg/>")
    folders.save(learn(seed=1), ended, {})
    assert not (ended / "plots" / "loss.svg").exists()
    folders.load(ended)


def test_plots_are_recorded_too(ended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "available", lambda: True)
    monkeypatch.setattr(plots, "files", lambda run: dict.fromkeys(plots.NAMES, b"a plot"))
    folders.save(learn(), ended, {})
    folders.load(ended)
    (ended / "plots" / "rate.png").write_bytes(b"another")
    with pytest.raises(GraphError, match=r"rate.png' is not what the run wrote there"):
        folders.load(ended)


def test_a_run_that_diverges_is_kept(tmp_path: Path) -> None:
    program = "x: Real[n]\nw: Real\nE = sum((w*x - 1)^2)"

    def go(**more: Any) -> None:
        with pytest.raises(DivergedError, match="the loss is inf at iteration 2 "):
            train(program, {"x": [1.0, 2.0]}, lr=1e80, epochs=9, **more)

    with Folder(tmp_path / "run", {}) as folder:
        go(keeper=folder)
    settings = json.loads((tmp_path / "run" / "settings.json").read_text("utf-8"))
    assert settings["stopped"] == "diverged"
    _, progress = folders.load(tmp_path / "run")
    assert len(progress.losses) == 2
    go(resume=progress)


# ------------------------------------------------------------------ when it is saved


class Clock:
    """Time that goes on as told, and by what each save takes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
        self.now, self.cost, self.saves = 100.0, cost, []
        monkeypatch.setattr("graphdbg.training.folders.time.monotonic", lambda: self.now)
        monkeypatch.setattr(folders, "write", self.write)

    def write(self, path: Path, content: bytes, *, lasting: bool = False) -> None:
        assert lasting
        self.now += self.cost
        self.saves.append((self.now, path.name))


@pytest.mark.parametrize("cost", [0.0005, 0.02, 0.5])
def test_saves_cost_little_and_come_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cost: float
) -> None:
    clock, run = Clock(monkeypatch, cost), learn(epochs=1)
    with Folder(tmp_path / "run", {}) as folder:
        folder.begin(run)
        begin = clock.now
        while clock.now < begin + 600:
            clock.now += 0.01  # a step
            if folder.is_due(run):
                folder.save(run)
    times = [at for at, name in clock.saves if name == TRUTH]
    assert times[0] - begin < FIRST + 0.02 + cost
    assert max(np.diff(times)) < MOST + 0.1 + 5 * cost
    share = cost * len(clock.saves) / 600
    assert share < 0.02 or cost > 0.02 * MOST / 2
    assert "losses.csv" in {name for _, name in clock.saves}


@pytest.mark.parametrize(
    ("text", "pace"),
    [("30s", Pace(seconds=30.0)), ("0.5s", Pace(seconds=0.5)), ("5", Pace(epochs=5))],
)
def test_a_pace(text: str, pace: Pace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Pace.of(text) == pace
    clock, run = Clock(monkeypatch, 0.001), learn(epochs=1)
    with Folder(tmp_path / "run", {}, pace=pace) as folder:
        folder.begin(run)
        clock.now += 29 if pace.seconds == 30 else 0.4
        assert not folder.is_due(run)
        clock.now += 1
        run.epochs.extend(run.epochs * 5)
        assert folder.is_due(run)


@pytest.mark.parametrize("text", ["", "s", "0", "-1", "0s", "-1s", "infs", "nans", "1.5", "1m"])
def test_a_pace_that_is_none(text: str) -> None:
    with pytest.raises(GraphError, match="expected seconds such as 30s, or epochs such as 5"):
        Pace.of(text)


# ------------------------------------------------------------------ one process, one folder


@posix
def test_a_second_process_is_refused(tmp_path: Path) -> None:
    with locked(tmp_path):
        said = f"in use by another process .{os.getpid()}.: wait for its end, or give another"
        with pytest.raises(GraphError, match=said), Folder(tmp_path, {}):
            pass
    assert not [*tmp_path.iterdir()]
    (tmp_path / LOCK).write_text("123456", "utf-8")  # left by a process that was killed
    with Folder(tmp_path, {}):
        assert (tmp_path / LOCK).read_text("utf-8") == f"{os.getpid()}\n"


def test_a_folder_that_was_made_for_nothing_goes(tmp_path: Path) -> None:
    with Folder(tmp_path / "run", {}):
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()


def test_what_a_killed_process_left_half_written_goes(ended: Path) -> None:
    (ended / "plots").mkdir()
    left = [ended / ".checkpoint.npz.0123abcd.new", ended / "plots" / ".rate.svg.00ff.new"]
    for each in left:
        each.write_bytes(b"half")
    (ended / ".notes.new").write_bytes(b"somebody's own")
    with Folder(ended, {"name": "net"}) as folder:
        folder.load()
    assert not any(each.exists() for each in left) and (ended / ".notes.new").exists()


@pytest.mark.parametrize("name", [TRUTH, "history.csv", "plots"])
def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path, name: str) -> None:
    (tmp_path / "run").mkdir()
    if name == "plots":
        (tmp_path / "run" / name).write_text("a file", "utf-8")
    else:
        (tmp_path / "run" / name).mkdir()
    with pytest.raises(GraphError, match=f"cannot write the run to .*{name}"):
        Folder(tmp_path / "run", {}).__enter__()


def test_a_run_is_not_written_over_its_data(tmp_path: Path) -> None:
    source = tmp_path / "parameters.npz"
    np.savez(source, **data())
    with pytest.raises(GraphError, match=r"written over '.*parameters.npz', which is read from"):
        Folder(tmp_path, {}, sources=[source]).__enter__()


def test_machines_are_compared(ended: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert difference(environment(), environment()) == ""
    monkeypatch.setenv("OPENBLAS_CORETYPE", "a kernel of its own")
    with Folder(ended, {}) as folder:
        folder.load()
        assert folder.difference.endswith("now") and "OPENBLAS_CORETYPE" in folder.difference


# ------------------------------------------------------------------ the command


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    np.savez(tmp_path / "d.npz", **data())
    (tmp_path / "net.gd").write_text(NET, "utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


WORDS = ["train", "net.gd", "--data", "d.npz", "--optimizer", "adam", "--batch", "7"]


@posix
@pytest.mark.parametrize(
    ("names", "code"),
    [(["SIGTERM"], 143), (["SIGHUP"], 129), (["SIGINT"], 130), (["SIGINT", "SIGINT"], 130)],
)
def test_a_signal_saves_and_leaves(here: Path, names: list[str], code: int) -> None:
    command = [sys.executable, "-m", "graphdbg", *WORDS, "--epochs", "1000000", "-o", "run"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _until(lambda: (here / "run" / TRUTH).exists())
        for name in names:
            process.send_signal(getattr(signal, name))
        _, error = process.communicate(timeout=60)
        assert process.returncode == code and not error
    finally:
        process.kill()
    _, progress = folders.load(here / "run")
    epochs = str(len(progress.epochs) + 2)
    assert main([*WORDS, "--epochs", epochs, "-o", "run", "--resume"]) == 0
    assert main([*WORDS, "--epochs", epochs, "-o", "whole"]) == 0
    for name in ("parameters.npz", "history.csv", "losses.csv"):
        assert (here / "run" / name).read_bytes() == (here / "whole" / name).read_bytes()


@posix
def test_a_hangup_that_is_ignored_stays_ignored(here: Path) -> None:
    command = [sys.executable, "-m", "graphdbg", *WORDS, "--epochs", "1000000", "-o", "run"]
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    try:
        _until(lambda: (here / "run" / TRUTH).exists())
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 143
    finally:
        process.kill()


def _until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError("it never came")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--checkpoint", "5"], "--checkpoint says how often the run is saved in -o FOLDER"),
        (["--checkpoint", "5m", "-o", "run"], "found --checkpoint '5m', expected seconds"),
        (["-o", "d.npz"], "cannot write the run to 'd.npz'"),
        (["-o", "none/d.npz/run"], "cannot write the run to 'none/d.npz/run'"),
    ],
)
def test_the_command_refuses_at_once(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    (here / "none").mkdir()
    (here / "none" / "d.npz").write_bytes(b"")
    assert main([*WORDS, "--epochs", "1000000000", *words]) == 2
    found = capsys.readouterr()
    assert said in found.err and not found.out


def test_the_command_says_what_differs(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*WORDS, "--epochs", "2", "-o", "run", "--checkpoint", "1"]) == 0
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    assert main([*WORDS, "--epochs", "3", "-o", "run", "--resume"]) == 0
    assert "note: the run began elsewhere (OMP_WAIT_POLICY not set then" in capsys.readouterr().err
    monkeypatch.delenv("OMP_WAIT_POLICY")
    settings = json.loads((here / "run" / "settings.json").read_text("utf-8"))
    assert len(settings["environments"]) == 2
    assert main([*WORDS, "--epochs", "1", "-o", "run", "--resume"]) == 2
    assert "give more epochs" in capsys.readouterr().err
