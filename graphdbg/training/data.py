"""`Data`: the arrays a program learns from, their first axis the samples; read, checked, split.

The order in which samples are drawn is a function of the seed and the epoch alone, so the batch of
any step can be found again without the steps before it.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import GraphError, ValueGivenError
from ..files import reading
from ..files.arrays import ARCHIVE, arrays, bound_of, is_numpy
from ..tape.graph import Graph, suggestion
from ..tape.ops import Gather, Input
from ..tape.sizes import Shape, names_in

Array = NDArray[Any]
# domains of what is to be predicted
TARGETS = ("Label", "OneHot", "Bool", "Probability", "Interval")
USUAL_TARGETS = ("y", "Y", "t", "T", "target")
MOST_CLASSES = 1_000  # where nothing else says how many; more are no classes


@dataclass(frozen=True, eq=False)
class Data:
    """Arrays by the names of inputs, one row a sample; `classes` are the words behind labels.

    `rows` are the numbers of the samples where these are a part of more, `first` that of the first
    sample: the row of a CSV file, below its header and counted from 1; else 0.
    """

    arrays: Mapping[str, Array]
    classes: tuple[str, ...] = ()
    source: str = ""
    digest: str = ""
    rows: Array | None = None
    first: int = 0

    @property
    def count(self) -> int:
        """How many samples there are."""
        return next((len(each) for each in self.arrays.values()), 0)

    def take(self, rows: Sequence[int] | Array) -> Data:
        """The samples of some rows."""
        chosen = np.asarray(rows, int)
        arrays = {name: each[chosen] for name, each in self.arrays.items()}
        return replace(self, arrays=arrays, rows=chosen if self.rows is None else self.rows[chosen])

    def split(self, share: float, seed: int) -> tuple[Data, Data]:
        """The samples to learn from, and a random `share` of them that is held out.

        Raises GraphError where either would be empty.
        """
        if not 0 <= share < 1:
            raise GraphError(f"found validation {share}, expected a share from 0 to below 1")
        held = round(self.count * share)
        if share and (held == 0 or held == self.count):
            raise GraphError(
                f"validation {share} of {self.count} samples leaves one part empty: give more "
                "samples or another share"
            )
        order = np.random.default_rng([seed, 0]).permutation(self.count)
        return self.take(np.sort(order[held:])), self.take(np.sort(order[:held]))

    def batch(self, size: int | None, seed: int, step: int) -> dict[str, Array]:
        """The samples of a step, counted from 0; all of them where `size` is None.

        Each epoch takes every sample once, in an order of its own; the last batch may be smaller.
        """
        if size is None or size >= self.count:
            return dict(self.arrays)
        rows = self._drawn(size, seed, step)
        return {name: each[rows] for name, each in self.arrays.items()}

    def sample(self, size: int | None, seed: int, step: int, place: int) -> int:
        """The number of the sample at a place of a step's batch: its row in the file, if one was.

        >>> data = Data({"x": np.arange(5.0)}, first=2)  # a CSV file with a header
        >>> place = 1
        >>> float(data.sample(2, 0, 0, place)) == 2 + float(data.batch(2, 0, 0)["x"][place])
        True
        """
        if size is not None and size < self.count:
            place = int(self._drawn(size, seed, step)[place])
        return self.first + (place if self.rows is None else int(self.rows[place]))

    def _drawn(self, size: int, seed: int, step: int) -> Array:
        epoch, place = divmod(step, self.steps(size))
        return _order(self.count, seed, epoch)[place * size : (place + 1) * size]

    def steps(self, size: int | None) -> int:
        """How many steps an epoch has."""
        return 1 if size is None else max(1, -(-self.count // size))


@lru_cache(maxsize=4)
def _order(count: int, seed: int, epoch: int) -> Array:
    """The order of the samples in an epoch; kept, since each of its batches asks for it."""
    return np.random.default_rng([seed, 1 + epoch]).permutation(count)


# ------------------------------------------------------------------ where it comes from


def data_for(
    graph: Graph, found: Mapping[str, ArrayLike] | tuple[ArrayLike, ArrayLike] | str | Path,
    target: str | None = None,
) -> Data:  # fmt: skip
    """The data of a program: from arrays by the names of its inputs, from (X, y), or from a file.

    Of a CSV file the last column is the target, or the one called `target`; where every input of
    the samples has a column of its name, those are taken. Raises ValueGivenError for what does not
    fit the program.
    """
    if isinstance(found, str | Path):
        return read(graph, found, target)
    if isinstance(found, tuple):
        features, wanted = roles(graph)
        return _checked(graph, {features: np.asarray(found[0]), wanted: np.asarray(found[1])})
    return _checked(graph, {name: np.asarray(each) for name, each in found.items()})


def read(graph: Graph, name: str | Path, target: str | None = None) -> Data:
    """The data in a csv, npy or npz file, or from standard input (`-`); GraphError where it cannot.

    What has no ending, such as a pipe, is a file of NumPy's where it begins as one, else CSV.
    """
    with reading.told_of(f"'{name}'"):
        raw = reading.read_word(str(name), bound_of)
    path = Path(name)
    kind = path.suffix.lower() or (".npz" if is_numpy(raw) else ".csv")
    if kind == ".csv":
        made = _from_csv(graph, path, raw, target)
    elif kind in (".npy", ".npz"):
        made = _checked(graph, _from_numpy(graph, path, raw))
    else:
        raise GraphError(f"'{path}' is no data file: expected .csv, .npy or .npz")
    return replace(made, source=str(path), digest=hashlib.sha256(raw).hexdigest())


def roles(graph: Graph) -> tuple[str, str]:
    """The input of the features and that of the target: both begin with the samples' dimension.

    Raises GraphError where it is not clear which they are.
    """
    leading = [name for name in graph.inputs if _leads(graph[name].shape)]
    found = [name for name in leading if graph[name].op.kind in TARGETS]  # type: ignore[attr-defined]
    found = found or [name for name in leading if name in USUAL_TARGETS]
    if len(found) == 1:
        dim = graph[found[0]].shape[0]
        rest = [name for name in leading if name not in found and graph[name].shape[0] == dim]
        if len(rest) == 1:
            return rest[0], found[0]
    raise GraphError(
        f"it is not clear which inputs of {', '.join(graph.inputs)} are features and target: "
        "declare them with a dimension for the samples (X: Real[n, 4], y: Label[n]), or give the "
        "arrays by name"
    )


def _leads(shape: Shape) -> bool:
    return bool(shape) and bool(names_in(shape[:1]))


def _from_numpy(graph: Graph, path: Path, raw: bytes) -> dict[str, Array]:
    with reading.told_of(f"'{path}' as a NumPy file"):
        named = arrays(raw)
    if raw.startswith(ARCHIVE):
        return named
    (found,) = named.values()
    if found.ndim != 2 or found.shape[1] < 2:
        raise GraphError(
            f"'{path}' holds shape {found.shape}: expected rows of features and target"
        )
    features, wanted = roles(graph)
    return {features: found[:, :-1], wanted: found[:, -1]}


# ------------------------------------------------------------------ CSV


def _from_csv(graph: Graph, path: Path, raw: bytes, target: str | None) -> Data:
    with reading.told_of(f"'{path}'"):
        text = reading.text(raw)
    try:
        rows = [row for row in csv.reader(text.splitlines()) if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise GraphError(f"cannot read '{path}' as CSV: {error}") from error
    if not rows:
        raise GraphError(f"'{path}' is empty: expected rows of numbers with commas between")
    wide = len(rows[0])
    for at, row in enumerate(rows, 1):
        if len(row) != wide:
            raise GraphError(f"'{path}' row {at} has {len(row)} columns, the first row has {wide}")
    header = not any(_number(cell) is not None for cell in rows[0])
    names = [cell.strip() for cell in rows[0]] if header else [str(at) for at in range(wide)]
    table = _Table(path, names, rows[header:], 1 + header)
    if not table.rows:
        raise GraphError(f"'{path}' has a header and no rows")
    if len(table.places) < len(names):
        twice = next(name for at, name in enumerate(names) if table.places[name] != at)
        raise GraphError(f"'{path}' has two columns '{twice}': give each a name of its own")
    leading = [name for name in graph.inputs if _leads(graph[name].shape)]
    if leading and all(name in names for name in leading):
        named = _checked(graph, {name: table.column(name) for name in leading})
        return replace(named, first=table.first)
    features, wanted = roles(graph)
    goal = names[-1] if target is None else target
    if goal not in names:
        raise GraphError(f"'{path}' has no column '{goal}'{suggestion(goal, names)}")
    labels, classes = table.target(goal)
    columns = [table.column(name) for name in names if name != goal]
    arrays = {features: np.stack(columns, axis=1), wanted: labels}
    return replace(_checked(graph, arrays), classes=classes, first=table.first)


@dataclass(frozen=True)
class _Table:
    """The cells of a CSV file; errors name file, row and column."""

    path: Path
    names: list[str]
    rows: list[list[str]]
    first: int

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each column stands; of two by one name, the last one."""
        return {name: at for at, name in enumerate(self.names)}

    def column(self, name: str) -> Array:
        """A column of numbers."""
        at = self.places[name]
        return np.array([self._cell(row, line, at) for line, row in enumerate(self.rows)])

    def _cell(self, row: list[str], line: int, at: int) -> float:
        found = _number(row[at])
        if found is None or not np.isfinite(found):
            what = f"found '{row[at]:.40}'" if row[at].strip() else "found nothing"
            raise ValueGivenError(
                f"'{self.path}' row {line + self.first}, column '{self.names[at]}': {what}, "
                "expected a number"
            )
        return found

    def target(self, name: str) -> tuple[Array, tuple[str, ...]]:
        """The column that is to be predicted; words become labels from 0, in their order."""
        at = self.places[name]
        cells = [row[at].strip() for row in self.rows]
        if all(_number(cell) is not None for cell in cells):
            return self.column(name), ()
        classes = sorted(set(cells))
        if "" in classes or len(classes) > MOST_CLASSES:
            line = cells.index("") if "" in classes else 0
            raise ValueGivenError(
                f"'{self.path}' row {line + self.first}, column '{name}': the target is a number "
                f"or one of at most {MOST_CLASSES:,} words"
            )
        labels = {word: at for at, word in enumerate(classes)}
        return np.array([labels[cell] for cell in cells], float), tuple(classes)


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


# ------------------------------------------------------------------ does it fit


def _checked(graph: Graph, arrays: Mapping[str, Array]) -> Data:
    """The arrays as float64: one number of samples, labels in range, one-hot where declared."""
    for name in arrays:
        if name not in graph.inputs:
            near, listed = suggestion(name, graph.inputs), ", ".join(graph.inputs)
            raise ValueGivenError(
                f"data were given for '{name}', which is not an input{near} (the inputs: {listed})"
            )
    made = {name: _numeric(name, each) for name, each in arrays.items()}
    counts = {name: len(each) if each.ndim else 0 for name, each in made.items()}
    if len(set(counts.values())) != 1 or 0 in counts.values():
        listed = ", ".join(f"{name}: {count}" for name, count in counts.items())
        raise ValueGivenError(f"each input needs the same number of samples, at least 1 ({listed})")
    for name, each in made.items():
        _require_finite(name, each)
        made[name] = _domain(graph, name, each)
    return Data(made)


def _numeric(name: str, found: Array) -> Array:
    if np.iscomplexobj(found):
        raise ValueGivenError(f"the data of '{name}' are complex: expected real numbers")
    try:
        return np.asarray(found, float)
    except (TypeError, ValueError) as error:
        raise ValueGivenError(f"the data of '{name}' are not numbers: {error}") from error


def _require_finite(name: str, found: Array) -> None:
    bad = np.argwhere(~np.isfinite(found))
    if len(bad):
        place = ", ".join(map(str, bad[0]))
        raise ValueGivenError(
            f"the data of '{name}' have {found[tuple(bad[0])]} at [{place}] ({len(bad)} in all): "
            "leave those samples out or fill them in"
        )


def _domain(graph: Graph, name: str, found: Array) -> Array:
    op = graph[name].op
    assert isinstance(op, Input)
    if op.domain == "OneHot" and found.ndim == len(op.shape) - 1:
        return _one_hot(name, found, op.shape[-1])
    if op.domain == "Label":
        _whole(name, found, _classes(graph, name))
    if op.domain == "Bool":
        _whole(name, found, 2)
    ones = (1,) * (len(op.shape) - 1)
    is_column = found.ndim == 1 and ones and op.shape[1:] == ones
    return found.reshape(-1, *ones) if is_column else found


def _classes(graph: Graph, name: str) -> int | None:
    """How many entries a label chooses from; None where the program does not say a number."""
    label, sizes = graph.id(name), []
    for op, args in zip(graph.ops, graph.args):
        if isinstance(op, Gather):
            axes = zip(args[1:], graph.shapes[args[0]])
            sizes += [size for at, size in axes if at == label and isinstance(size, int)]
    return min(sizes, default=None)


def _one_hot(name: str, found: Array, size: Any) -> Array:
    _whole(name, found, size if isinstance(size, int) else MOST_CLASSES)
    labels = found.astype(int)[..., None]
    made = np.zeros((*found.shape, size if isinstance(size, int) else labels.max() + 1))
    np.put_along_axis(made, labels, 1.0, axis=-1)
    return made


def _whole(name: str, found: Array, below: int | None) -> None:
    """Labels are whole numbers from 0, below a number where that is known."""
    high = np.inf if below is None else below
    bad = np.argwhere((found != np.floor(found)) | (found < 0) | (found >= high))
    if len(bad):
        place = ", ".join(map(str, bad[0]))
        expected = "a whole number from 0" + (f" to {below - 1}" if below is not None else "")
        raise ValueGivenError(
            f"the label '{name}'[{place}] is {found[tuple(bad[0])]:g}: expected {expected}"
        )
