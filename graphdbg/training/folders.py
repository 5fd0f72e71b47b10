"""`Folder`: a run folder, whose one file says what the run goes on from; all else is made from it.

    checkpoint.npz   the truth: states, losses, measurements, settings, findings (see `records`)
    parameters.npz, history.csv, losses.csv, settings.json, plots/   exports (see `exports`)

A save writes the truth first, then the exports. The truth knows the SHA-256 of each export, the new
one and the one that lies there until it is replaced: so a kill at any moment leaves a folder that
can be gone on with, and what was cut, changed or came from another run is found and named. Exports
are never read back for numbers. Files are written beside their place and moved there.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ..errors import FileError, GraphError
from ..files import reading
from ..files.writing import make_folder, ready_folder, write
from . import exports
from .environments import difference, environment
from .locks import locked
from .records import Hashes, Record, packed, unpacked
from .runs import Progress, Run
from .signals import HURRIED
from .watching import Watcher

TRUTH = "checkpoint.npz"
TRIED = "file"  # what `ready_folder` makes to find out, and removes
GOING_ON = "not ended"  # what a run that is saved on the way has stopped for
FIRST, MOST = 1.0, 10.0  # seconds to the first save, and at most between two
SHARE = 0.01  # of the time, that saves may take, and those with the tables of it


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a run is saved: every so many seconds or epochs; both None for as it can be."""

    seconds: float | None = None
    epochs: int | None = None

    @staticmethod
    def of(text: str) -> Pace:
        """The pace of a text such as `30s` (seconds) or `5` (epochs); GraphError for another.

        >>> Pace.of("30s"), Pace.of("5")
        (Pace(seconds=30.0, epochs=None), Pace(seconds=None, epochs=5))
        """
        with suppress(ValueError):
            if text.endswith("s") and 0 < float(text[:-1]) < float("inf"):
                return Pace(seconds=float(text[:-1]))
            if text.isdecimal() and int(text) > 0:
                return Pace(epochs=int(text))
        raise GraphError(
            f"found --checkpoint '{text:.40}', expected seconds such as 30s, or epochs such as 5"
        )


class Folder:
    """A run folder that this process alone holds, as a context manager; it saves as a `Keeper`.

    Entering tries whether it can be written, refuses what would replace one of `sources`, and
    removes what a killed process has left half written. Raises GraphError for all of that.
    """

    def __init__(
        self, path: str | Path, settings: Mapping[str, Any], watcher: Watcher | None = None,
        pace: Pace | None = None, sources: Iterable[str | Path] = (),
    ) -> None:  # fmt: skip
        self.path, self.settings, self.watcher = Path(path), settings, watcher or Watcher()
        self.named = bool(os.fspath(path))  # an empty name would mean the current folder
        self.pace, self.sources = pace or Pace(), [*sources]
        self.difference = ""  # between the machine and versions before and now
        self._environments: list[Mapping[str, str]] = [environment()]
        self._lying: dict[str, str | None] = {}
        self._stale: list[str] = []  # exports of a run that is begun anew
        self._saved = (0.0, 0)  # when, and after how many epochs
        self._wait, self._tables_at = FIRST, 0.0
        self._made = False
        self._open = ExitStack()

    def __enter__(self) -> Folder:
        if not self.named:
            raise FileError("found an empty name where the name of a folder was expected")
        self._made = not self.path.exists()
        with self._told(), ExitStack() as opened:
            make_folder(self.path)
            opened.enter_context(locked(self.path))
            self._clean()
            ready_folder(self.path, self.sources, (TRUTH, *exports.NAMES))
            ready_folder(self.path / exports.PLOTS)
            self._spare_others()
            self._lying = _lying(self.path)
            self._open = opened.pop_all()
        self._stale = [name for name, digest in self._lying.items() if digest is not None]
        return self

    def _spare_others(self) -> None:
        """Raise FileError where a file that is none of a run's would be written over."""
        if os.path.lexists(self.path / TRUTH):
            return
        for name in exports.NAMES:
            if os.path.isfile(self.path / name):
                raise FileError(
                    f"'{self.path / name}' is there and belongs to no run ({TRUTH} is missing): it "
                    "would be written over; give another folder, or move it away"
                )

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:  # fmt: skip
        self._open.close()
        if self._made:
            with suppress(OSError):
                os.rmdir(self.path)  # nothing was saved

    def load(self) -> Record:
        """What the run goes on from, where all files belong together; GraphError names one."""
        record = _read(self.path, self._lying)
        before = record.environments[-1] if record.environments else {}
        self.difference = difference(before, self._environments[-1])
        kept = [*record.environments]
        self._environments = [*kept, *self._environments] if self.difference or not kept else kept
        self.watcher.go_on(record.watched)
        self._stale = []
        return record

    # ------------------------------------------------------------------ as a keeper

    def begin(self, run: Run) -> None:
        """The run is about to take its first step."""
        self._saved = (time.monotonic(), len(run.epochs))

    def is_due(self, run: Run) -> bool:
        """Whether it is time to save the run, which is between two steps."""
        at, epochs = self._saved
        if self.pace.epochs is not None:
            return len(run.epochs) - epochs >= self.pace.epochs
        return time.monotonic() - at >= (self.pace.seconds or self._wait)

    def save(self, run: Run) -> None:
        """Save the run, which goes on, and the tables beside as often as they cost little."""
        begin = time.monotonic()
        made = self._tables(run, GOING_ON) if begin >= self._tables_at else {}
        self._save(run, made, GOING_ON)
        now = time.monotonic()
        if made:
            self._tables_at = now + (now - begin) / SHARE
        self._wait = min(max((now - begin) / SHARE, FIRST), MOST)
        self._saved = (now, len(run.epochs))

    def finish(self, run: Run) -> None:
        """Save the run, which has ended: first what it goes on from, then all that is shown."""
        self._save(run, {}, run.stopped)
        made = self._tables(run, run.stopped)
        if run.signal not in HURRIED:
            made |= exports.pictures(run)
        self._save(run, made, run.stopped)

    def _tables(self, run: Run, stopped: str) -> dict[str, bytes]:
        parameters = run.parameters
        if stopped == GOING_ON:
            state = run.state(run.iterations)
            parameters = {name: state[name] for name in run.step.parameters}
        found = [f"iteration {at}: {each}" for at, each in self.watcher.watched.found]
        told = {**self.settings, "environments": self._environments, "findings": found}
        return exports.tables(run, parameters, told, stopped)

    def _save(self, run: Run, made: Mapping[str, bytes], stopped: str) -> None:
        """The truth, then exports; those of another run, that lie there, go."""
        new = {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
        known: dict[str, Hashes] = {name: (new.get(name), lies) for name, lies in
                                    self._lying.items()}  # fmt: skip
        record = Record(self.settings, run.progress, stopped, self.watcher.watched,
                        self._environments, known)  # fmt: skip
        with self._told():
            write(self.path / TRUTH, packed(record), lasting=True)
            for name in self._stale:
                (self.path / name).unlink(missing_ok=True)
                self._lying[name] = None
            self._stale = []
        for name, data in made.items():
            with self._told():
                if "/" in name:
                    make_folder((self.path / name).parent)
                write(self.path / name, data, lasting=True)
                self._lying[name] = new[name]

    # ------------------------------------------------------------------ what lies there

    def _clean(self) -> None:
        """Remove what a killed process has left beside the places of our files."""
        for name in (TRUTH, TRIED, *exports.NAMES):
            place = self.path / name
            for left in place.parent.glob(f".{place.name}.*.new"):
                left.unlink(missing_ok=True)

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, FileError) as error:
            said = error.message if isinstance(error, FileError) else error.strerror or str(error)
            raise GraphError(
                f"cannot write the run to '{self.path}': {said}; nothing that was written before "
                "is lost"
            ) from error


def save(run: Run, path: str | Path, settings: Mapping[str, Any]) -> None:
    """None, once a run is in a folder; GraphError where it cannot be written.

    >>> import tempfile
    >>> import graphdbg as gd
    >>> run = gd.train("x: Real[n]; w: Real; E = sum((w*x - 1)^2)", {"x": [1.0, 2.0]}, epochs=3)
    >>> folder = tempfile.mkdtemp()
    >>> save(run, folder, {"name": "a line"})
    >>> settings, progress = load(folder)
    >>> settings["name"], len(progress.losses)
    ('a line', 3)
    """
    with Folder(path, settings) as folder:
        folder.finish(run)


def load(path: str | Path) -> tuple[Mapping[str, Any], Progress]:
    """The settings of a run folder, and what `train` goes on from with `resume`.

    Raises GraphError, which names the file, where one is damaged or belongs to another run.
    """
    path = Path(path)
    try:
        record = _read(path, _lying(path))
    except OSError as error:
        raise GraphError(f"cannot read the run in '{path}': {error.strerror or error}") from error
    return record.settings, record.progress


def _read(path: Path, lying: Mapping[str, str | None]) -> Record:
    """The record of a folder, whose exports are those it knows; GraphError names the first other.

    An export that is missing is no fault: it is made again.
    """
    what = f"'{path}' is no run that can be gone on with"
    start = "leave --resume out to start one there"
    try:
        with reading.told_of(f"'{path / TRUTH}'"):
            data = reading.read(path / TRUTH, reading.ARRAYS)
    except FileError as error:
        raise GraphError(f"{what} ({error.message}): {start}") from error
    try:
        record = unpacked(data)
    except GraphError as error:
        raise GraphError(f"{what}: '{path / TRUTH}' {error.message}: {start}") from error
    for name, digest in lying.items():
        if digest is not None and digest not in record.exports.get(name, ()):
            raise GraphError(
                f"{what}: '{path / name}' is not what the run wrote there: it was changed or cut, "
                f"or it or {TRUTH} belongs to another run. Remove it to have it made again from "
                f"{TRUTH}, or {start}"
            )
    return record


def _lying(path: Path) -> dict[str, str | None]:
    """The SHA-256 of each export that lies in a folder; None for those that do not."""
    found: dict[str, str | None] = dict.fromkeys(exports.NAMES)
    for name in found:
        if os.path.lexists(path / name):
            with reading.told_of(f"'{path / name}'"):
                raw = reading.read(path / name, reading.ARRAYS)
            found[name] = hashlib.sha256(raw).hexdigest()
    return found
