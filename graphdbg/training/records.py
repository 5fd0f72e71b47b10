"""`Record`: all that a run goes on from, and its one file, which tells by its end that it is whole.

The file is an npz archive, which NumPy reads, and whose comment is the SHA-256 of all before it.
Its arrays: `first/`, `now/` and `best/` with the names of the state; `before/0/` and on with those
of the parameters that the watcher compares with; `losses` of each step; `epochs` and `given`, the
table of the epochs and where it has a number; and `record`, everything else as JSON.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray

from ..errors import GraphError
from .diagnostics import Finding
from .runs import Best, Epoch, Progress, State
from .watching import Watched

Array = NDArray[Any]
FORMAT = "graphdbg run, 2"
DIGEST = 32  # bytes of a SHA-256
OLD = "start/"  # what the names of arrays began with before format 2
Hashes = tuple[str | None, str | None]  # of what an export will be, and of what lies there


@dataclass(frozen=True, eq=False)
class Record:
    """What a run folder knows of its run.

    `settings` are what the run follows from, `environments` where it ran, the last one now;
    `exports` map the files beside to the SHA-256 that each will have, and that it had when this
    record was written (None where there is no such file).
    """

    settings: Mapping[str, Any]
    progress: Progress
    stopped: str = ""
    watched: Watched = field(default_factory=Watched)
    environments: Sequence[Mapping[str, str]] = ()
    exports: Mapping[str, Hashes] = field(default_factory=dict)


# ------------------------------------------------------------------ writing


def packed(record: Record) -> bytes:
    """The file of a record."""
    progress, watched = record.progress, record.watched
    epochs, given = _table(progress.epochs)
    best = progress.best
    told = {
        "format": FORMAT, "settings": record.settings, "stopped": record.stopped,
        "environments": record.environments, "exports": record.exports,
        "names": list(progress.epochs[0].norms) if progress.epochs else [],
        "best": None if best is None else [best.value, best.number],
        "findings": [[at, asdict(finding)] for at, finding in watched.found],
    }  # fmt: skip
    text = json.dumps(told, ensure_ascii=False).encode("utf-8", "surrogatepass")
    states = {"first": progress.first, "now": progress.now}
    states |= {} if best is None else {"best": best.state}
    states |= {f"before/{at}": each for at, each in enumerate(watched.before)}
    arrays: dict[str, Array] = {
        f"{prefix}/{name}": value for prefix, state in states.items()
        for name, value in state.items()
    }  # fmt: skip
    arrays |= {"losses": np.array(progress.losses, float), "epochs": epochs, "given": given,
               "record": np.frombuffer(text, np.uint8)}  # fmt: skip
    body = archive(arrays, bytes(DIGEST))[:-DIGEST]
    return body + hashlib.sha256(body).digest()


def archive(arrays: Mapping[str, Array], comment: bytes = b"") -> bytes:
    """An npz file of arrays by name, whatever the names, with a comment at its end.

    The same arrays give the same bytes. (`numpy.savez` takes no comment, and no array `file`.)
    """
    out = io.BytesIO()
    with ZipFile(out, "w") as made:
        for name, value in arrays.items():
            with made.open(ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asanyarray(value), allow_pickle=False)
        made.comment = comment
    return out.getvalue()


def _table(epochs: Sequence[Epoch]) -> tuple[Array, Array]:
    """A row an epoch, and which of its numbers there are."""
    rows = [[each.number, each.iteration, each.loss, each.validation, each.rate,
             *each.norms.values(), *each.ratios.values()] for each in epochs]  # fmt: skip
    width = len(rows[0]) if rows else 0
    values = [[0.0 if value is None else value for value in row] for row in rows]
    given = [[value is not None for value in row] for row in rows]
    shape = (len(rows), width)
    return np.array(values, float).reshape(shape), np.array(given, bool).reshape(shape)


# ------------------------------------------------------------------ reading


def unpacked(data: bytes) -> Record:
    """The record of a file; GraphError, without the file's name, where it is no whole one."""
    body, digest = data[:-DIGEST], data[-DIGEST:]
    if hashlib.sha256(body).digest() != digest:
        raise GraphError(_damage(data))
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        told = json.loads(arrays["record"].tobytes().decode("utf-8", "surrogatepass"))
        if told["format"] != FORMAT:
            raise GraphError(f"has the format '{told['format']:.40}', expected '{FORMAT}'")
        return _record(told, arrays)
    except (OSError, ValueError, EOFError, KeyError, TypeError, BadZipFile) as error:
        raise GraphError(f"cannot be read ({error})") from error  # written so, not damaged


def _damage(data: bytes) -> str:
    """What a file is whose last bytes are not the hash of the others."""
    if not data:
        return "is empty"
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            old = any(name.startswith(OLD) for name in found.files)
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError):
        old = False
    if old:
        return (
            "was written by an earlier graphdbg, which did not record all that a run goes on from; "
            "what it learned is in parameters.npz"
        )
    return "is damaged or no record of a run: its SHA-256 is not the one it ends with"


def _record(told: Mapping[str, Any], arrays: Mapping[str, Array]) -> Record:
    names: list[str] = told["names"]
    best = None
    if told["best"] is not None:
        value, number = told["best"]
        best = Best(value, number, _part(arrays, "best/"))
    progress = Progress(
        _part(arrays, "first/"), _part(arrays, "now/"), arrays["losses"].tolist(),
        _epochs(arrays["epochs"], arrays["given"], names), best,
    )  # fmt: skip
    found = tuple((int(at), Finding(**each)) for at, each in told["findings"])
    count = len({name.split("/")[1] for name in arrays if name.startswith("before/")})
    before = tuple(_part(arrays, f"before/{at}/") for at in range(count))
    exports = {name: (new, old) for name, (new, old) in told["exports"].items()}
    return Record(told["settings"], progress, told["stopped"], Watched(found, before),
                  told["environments"], exports)  # fmt: skip


def _part(arrays: Mapping[str, Array], prefix: str) -> State:
    return {name.removeprefix(prefix): each for name, each in arrays.items()
            if name.startswith(prefix)}  # fmt: skip


def _epochs(table: Array, given: Array, names: Sequence[str]) -> list[Epoch]:
    found = []
    for values, there in zip(table.tolist(), given.tolist()):
        row: list[Any] = [value if known else None for value, known in zip(values, there)]
        number, iteration, loss, validation, rate, *rest = row
        norms, ratios = rest[: len(names)], rest[len(names) :]
        found.append(Epoch(int(number), int(iteration), loss, validation, rate,
                           dict(zip(names, norms)), dict(zip(names, ratios))))  # fmt: skip
    return found
