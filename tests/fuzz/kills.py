"""Runs that are killed: at random moments, and at each operation on a file; resumed, and compared.

    python -m tests.fuzz.kills --times 200 --faults 1

kills 200 runs without and 200 with early stopping (up to three times each, by SIGKILL), and one run
before, after and in the middle of each first (second, ...) operation on a file. Each is resumed to
its end, and must hold the same bytes as a run that nobody has disturbed: parameters, losses,
epochs, best epoch, findings. Prints a line for each kind, and exits with 1 where a run differs.
"""

from __future__ import annotations

import argparse
import math
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from graphdbg.errors import GraphError
from graphdbg.training import exports
from graphdbg.training.folders import TRUTH, Folder
from graphdbg.training.loop import train
from graphdbg.training.runs import Run
from graphdbg.training.watching import Watcher

NET = (
    "X: Real[n, 3]\ny: Label[n]\nM: Real[n, 6]\nW1: Real[3, 6]\nb1: Real[6]\nW2: Real[6, 2]\n"
    "L = mean(softmax_cross_entropy((relu(X @ W1 + b1) * M) @ W2, y))"
)
OPTIONS: dict[str, Any] = {
    "optimizer": "adam", "lr": 0.05, "batch": 20, "validation": 0.2, "seed": 3,
    "masks": {"M": 0.7},
}  # fmt: skip
EVERY = 3  # steps between saves
OPERATIONS = ("open", "write", "fsync", "replace", "unlink", "ftruncate", "close")
MOMENTS = ("before", "after", "halfway")
FAULT = 3  # the exit code of a process that ends by its own fault


class Often(Folder):
    """A folder that is saved every few steps, whatever the time."""

    def is_due(self, run: Run) -> bool:
        """Every third step."""
        return run.iterations % EVERY == 0


@dataclass(frozen=True)
class Case:
    """A kind of run: with early stopping after so many epochs or without, and its length."""

    patience: int | None
    epochs: int = 40

    def run(self, place: Path) -> None:
        """Train, from what lies in the folder where something does, and save."""
        with Often(place, {"patience": self.patience}, Watcher("sagemaker")) as folder:
            before = folder.load().progress if (place / TRUTH).exists() else None
            train(NET, _data(), early_stopping=self.patience, epochs=self.epochs,
                  told=folder.watcher, resume=before, keeper=folder, **OPTIONS)  # fmt: skip


def _data() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(8)
    X = rng.normal(size=(200, 3))
    return {"X": X, "y": (X[:, 0] * X[:, 1] + 0.3 * rng.normal(size=200) > 0).astype(float)}


def child(work: Callable[[], None]) -> int:
    """The number of a new process that does the work: a fork, which imports nothing anew."""
    number = os.fork()
    if number == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
            os._exit(1)
    return number


def ended(number: int) -> int:
    """How a process has ended: its exit code, or minus the signal."""
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])


def contents(place: Path) -> dict[str, bytes]:
    """What a folder holds when its run has ended, by file name."""
    found = {each.name: each.read_bytes() for each in sorted(place.iterdir()) if each.is_file()}
    found.pop(TRUTH)  # it also knows which files it found
    return found


def expected(case: Case, place: Path) -> tuple[dict[str, bytes], float]:
    """What an undisturbed run leaves, and how many seconds it takes."""
    Case(None, epochs=1).run(place.with_name(place.name + ".first"))  # children import nothing
    shortest = math.inf
    for at in range(3):
        begin, each = time.perf_counter(), place.with_name(f"{place.name}.{at}")
        if code := ended(child(lambda each=each: case.run(each))):  # type: ignore[misc]
            raise AssertionError(f"the undisturbed run ended with {code}")
        shortest = min(shortest, time.perf_counter() - begin)
    return contents(each), shortest


def killed(case: Case, place: Path, seconds: float, rng: random.Random) -> int:
    """How often a run was killed, at moments of chance, before it was let end."""
    kills = 0
    for _ in range(rng.choice((1, 2, 3))):
        number = child(lambda: case.run(place))
        time.sleep(rng.uniform(0, seconds))
        os.kill(number, signal.SIGKILL)
        if ended(number) == 0:
            break  # it was faster
        kills += 1
    if code := ended(child(lambda: case.run(place))):
        raise AssertionError(f"the last resume ended with {code}")
    return kills


# ------------------------------------------------------------------ faults


@contextmanager
def faults(at: int, moment: str) -> Iterator[list[int]]:
    """Ends this process at an operation on a file; yields the count of those there were."""
    seen = [0]

    def wrapped(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def operation(*args: Any, **more: Any) -> Any:
            seen[0] += 1
            if seen[0] - 1 != at:
                return real(*args, **more)
            try:
                if moment == "halfway" and name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                elif moment != "before":
                    real(*args, **more)
            finally:
                os._exit(FAULT)

        return operation

    with ExitStack() as patched:
        for name in OPERATIONS:
            patched.enter_context(mock.patch.object(os, name, wrapped(getattr(os, name), name)))
        yield seen


def counted(case: Case, place: Path) -> int:
    """How many operations on files a run does."""
    told = place.with_name(place.name + ".count")

    def work() -> None:
        with faults(-1, "before") as seen:
            case.run(place)
        told.write_text(str(seen[0]), "utf-8")

    if code := ended(child(work)):
        raise AssertionError(f"the run that counts ended with {code}")
    return int(told.read_text("utf-8"))


def faulty(case: Case, place: Path, at: int, moment: str) -> None:
    """A run that ends at its operation of this number, and is then let go on to its end."""

    def work() -> None:
        with faults(at, moment):
            case.run(place)

    if (code := ended(child(work))) != FAULT:
        raise AssertionError(f"operation {at} was never reached: exit code {code}")
    if code := ended(child(lambda: case.run(place))):
        raise AssertionError(f"the resume ended with {code}")


def differing(case: Case, right: dict[str, bytes], place: Path, work: Callable[[], int]) -> str:
    """Which files differ after the work, or what went wrong; "" where all is right."""
    try:
        work()
        found = contents(place)
    except (AssertionError, GraphError, OSError, KeyError) as error:
        return f"{place}: {type(error).__name__}: {error}"
    names = [name for name in {*right, *found} if right.get(name) != found.get(name)]
    return f"{place} with patience {case.patience}: {sorted(names)} differ" if names else ""


# ------------------------------------------------------------------ what is run


def random_kills(case: Case, times: int, seed: int, folder: Path) -> tuple[int, list[str]]:
    """The count of kills in so many runs, and what was wrong."""
    right, seconds = expected(case, folder / f"right-{case.patience}")
    rng, wrong, kills = random.Random(seed), [], 0
    for at in range(times):
        place = folder / f"killed-{case.patience}-{at}"
        count = [0]

        def work(place: Path = place, count: list[int] = count) -> int:
            count[0] = killed(case, place, seconds, rng)
            return count[0]

        if said := differing(case, right, place, work):
            wrong.append(said)
        else:
            shutil.rmtree(place)
        kills += count[0]
        print(f"run {at + 1} of {times}, {kills} kills, {len(wrong)} differ", file=sys.stderr)
    return kills, wrong


def each_fault(case: Case, step: int, folder: Path) -> tuple[int, list[str]]:
    """The count of faults, one at each `step`-th operation on a file, and what was wrong."""
    right, _ = expected(case, folder / "undisturbed")
    total, wrong, tried = counted(case, folder / "counted"), [], 0
    for at in range(0, total, step):
        for moment in MOMENTS:
            place, tried = folder / f"fault-{at}-{moment}", tried + 1

            def work(place: Path = place, at: int = at, moment: str = moment) -> int:
                faulty(case, place, at, moment)
                return 1

            if said := differing(case, right, place, work):
                wrong.append(said)
            else:
                shutil.rmtree(place)
    return tried, wrong


def main() -> int:
    """The exit code: 0 where every run has ended as the undisturbed one, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--times", type=int, default=20, help="runs that are killed, of each kind")
    parser.add_argument("--faults", type=int, default=25, help="every so many operations; 1 is all")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    args = parser.parse_args()
    wrong = []
    with tempfile.TemporaryDirectory() as name, mock.patch.object(exports, "pictures", dict_of):
        for patience in (None, 4):
            kills, bad = random_kills(Case(patience), args.times, args.seed, Path(name))
            print(f"patience {patience}: {args.times} runs, {kills} kills, {len(bad)} differ")
            wrong += bad
        tried, bad = each_fault(Case(None, epochs=2), args.faults, Path(name))
        print(f"{tried} faults, {len(bad)} differ")
        wrong += bad
    print("\n".join(wrong))
    return 1 if wrong else 0


def dict_of(run: Run) -> dict[str, bytes]:
    """No plots: they take a second each, and are written as the tables are."""
    return {}


if __name__ == "__main__":
    sys.exit(main())
