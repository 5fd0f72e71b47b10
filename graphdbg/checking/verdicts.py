"""What a check found: `Report` and its parts, plain data that prints itself and becomes JSON.

Compared values are called analytic (from the graph's backward pass) and numeric (from differences).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .. import lazy

Entry = tuple[int, ...]

GOOD, CONVENTION, NOISY, JUMP = "good", "kink", "unresolved", "jump"
WRONG, NOT_FINITE = "wrong", "not finite"
RIGHT = "right"
# Relative errors of a gradient check in double precision, by the CS231n notes (neural networks 3).
QUALITY = (
    (1e-7, "good"),
    (1e-4, "fine only with kinks"),
    (1e-2, "uncomfortable"),
    (math.inf, "probably wrong"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One input's gradient: its worst entry.

    `checked` says what was compared, `error` is relative (see `Checker`), and `verdict` is `good`,
    `kink` (a convention between the one-sided differences), `unresolved` (it agrees, but is so
    small that rounding would hide a wrong one; then only the local rules speak for it), `jump`
    (differences do not settle), `wrong` or `not finite`. `entry` is None for a random direction.
    """

    wrt: str
    of: str
    checked: str
    entry: Entry | None
    analytic: float
    numeric: float
    error: float
    tolerance: float
    verdict: str
    note: str = ""

    @property
    def ratio(self) -> float:
        """analytic / numeric; nan where both are 0."""
        return _ratio(self.analytic, self.numeric)

    @property
    def quality(self) -> str:
        """What the relative error means by the rule of thumb of the CS231n notes."""
        return next(words for bound, words in QUALITY if not self.error > bound)

    @property
    def ok(self) -> bool:
        """Whether the gradient passed."""
        return self.verdict in (GOOD, CONVENTION, NOISY)


@dataclass(frozen=True, slots=True)
class Blame:
    """A step of the backward pass that is wrong.

    `kind` is `local rule`, `missing contribution`, `sum of contributions` or `seed`; `node` is the
    forward node that the step belongs to, `operand` the name of its operand `slot`, `gradient` the
    node that holds the wrong value.
    """

    kind: str
    node: str
    op: str
    slot: int
    operand: str
    gradient: str
    entry: Entry
    analytic: float
    numeric: float
    line: int
    text: str

    @property
    def ratio(self) -> float:
        """analytic / numeric; nan where both are 0."""
        return _ratio(self.analytic, self.numeric)

    def __str__(self) -> str:
        what = {
            "local rule": f"the local rule of {self.op} is wrong for its operand '{self.operand}'",
            "missing contribution": f"{self.op} sends nothing back to its operand '{self.operand}'",
            "sum of contributions": "the contributions are not added up right",
            "seed": "the backward pass does not begin with 1",
        }[self.kind]
        where = f" (line {self.line}: {self.text})" if self.line else ""
        return (
            f"node '{self.node}'{where}: {what}; at {_place(self.entry)} "
            f"analytic {_number(self.analytic)}, numeric {_number(self.numeric)}"
            f"{_ratio_text(self.ratio)}"
        )


@dataclass(frozen=True, slots=True)
class Kink:
    """A node that sits on a kink or a tie, and the convention that gives its gradient there."""

    node: str
    function: str
    entry: Entry
    count: int
    convention: str
    line: int

    def __str__(self) -> str:
        more = f" and in {self.count - 1} more entries" if self.count > 1 else ""
        where = f" (line {self.line})" if self.line else ""
        return f"'{self.node}'{where} is on it at {_place(self.entry)}{more}: {self.convention}"


@dataclass(frozen=True, slots=True)
class NonFinite:
    """The first node of a pass whose value is not finite although its operands are."""

    node: str
    phase: str
    entry: Entry
    value: float
    harmless: bool
    explanation: str
    line: int

    def __str__(self) -> str:
        where = f" (line {self.line})" if self.line else ""
        return (
            f"{self.phase} node '{self.node}'{where} is {self.value} at {_place(self.entry)}: "
            f"{self.explanation}"
        )


@dataclass(frozen=True, slots=True)
class Given:
    """A gradient that the user computed, beside ours and the differences."""

    name: str
    entry: Entry | None
    given: float
    analytic: float
    numeric: float
    error: float
    ok: bool
    line: int
    text: str
    note: str = ""

    @property
    def verdict(self) -> str:
        """`right` or `wrong`."""
        return RIGHT if self.ok else WRONG

    @property
    def ratio(self) -> float:
        """given / analytic; nan where both are 0."""
        return _ratio(self.given, self.analytic)

    def __str__(self) -> str:
        where = f" (line {self.line}: {self.text})" if self.line else ""
        said = f"'{self.name}'{where}: {self.verdict}"
        if self.ok:
            error = f"{self.error:.0e}" if self.error else "0"
            return f"{said}, {self.note or f'relative error {error}'}"
        if self.entry is None:
            return f"{said}, {self.note}"
        return (
            f"{said} at {_place(self.entry)}, given {_number(self.given)}, "
            f"analytic {_number(self.analytic)}, numeric {_number(self.numeric)}"
            + (f"; {self.note}" if self.note else _ratio_text(self.ratio))
        )


@dataclass(frozen=True)
class Report:
    """The result of `check`: `ok`, the rows per input, and where the fault is when there is one.

    >>> print(Report(("f",), (), (), (), (), (), 1e-7, ()))
    check of f: passed
    """

    of: tuple[str, ...]
    rows: tuple[Row, ...]
    faults: tuple[Blame, ...]
    kinks: tuple[Kink, ...]
    nonfinite: tuple[NonFinite, ...]
    given: tuple[Given, ...]
    rtol: float
    sampled: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every gradient, every local rule and every given gradient passed."""
        return not self.fails and all(each.ok for each in self.given)

    @property
    def fails(self) -> bool:
        """Whether a gradient of the graph itself, or a local rule, did not pass."""
        passed = all(row.ok for row in self.rows) and not self.faults
        return not (passed and all(each.harmless for each in self.nonfinite))

    @property
    def blame(self) -> Blame | None:
        """The first wrong step of the backward pass."""
        return self.faults[0] if self.faults else None

    @property
    def departure(self) -> Given | None:
        """The first of the given gradients, in the order of the backward pass, that departs."""
        return next((each for each in self.given if not each.ok), None)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain data for JSON; numbers that are not finite become text."""
        data = asdict(self)
        data["ok"] = self.ok
        for key in ("rows", "faults", "given"):
            for made, part in zip(data[key], getattr(self, key), strict=True):
                made["ratio"] = part.ratio
        for made, row in zip(data["rows"], self.rows, strict=True):
            made["ok"], made["quality"] = row.ok, row.quality
        for made, each in zip(data["given"], self.given, strict=True):
            made["verdict"] = each.verdict
        data["blame"] = data["faults"][0] if self.faults else None
        data["departure"] = asdict(self.departure) if self.departure else None
        return _plain(data)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        found: dict[str, str] = lazy.module("publishing.notebooks").report(self)
        return found

    def __str__(self) -> str:
        lines = [f"check of {', '.join(self.of)}: {'passed' if self.ok else 'FAILED'}"]
        lines += _table(self.rows)
        sections: list[tuple[str, Sequence[Any]]] = [
            ("first wrong step", self.faults[:1]),
            ("also wrong", self.faults[1:]),
            ("not finite", self.nonfinite),
            ("on a kink", self.kinks),
        ]
        for title, parts in sections:
            lines += [f"  {title}: {part}" for part in parts[:SHOWN]]
            if len(parts) > SHOWN:
                lines.append(f"  {title}: {len(parts) - SHOWN} more")
        departs = "given gradient that departs first"
        for each in self.given:
            lines.append(f"  {departs if each is self.departure else 'given gradient'}: {each}")
        lines += [f"  d_{row.wrt}: {row.note}" for row in self.rows if row.note]
        for row in self.rows:
            if row.verdict == WRONG:
                lines.append(f"  d_{row.wrt}: a relative error of {row.error:.0e} is {row.quality}")
        if self.sampled:
            lines.append(f"  random values were taken for {', '.join(self.sampled)}")
        return "\n".join(lines)


SHOWN = 5  # parts of one kind that a printed report lists


def _table(rows: Sequence[Row]) -> list[str]:
    """Aligned columns: gradient, worst entry, analytic, numeric, relative error, verdict."""
    if not rows:
        return []
    heads = ("gradient", "worst entry", "analytic", "numeric", "ratio", "rel. error", "verdict")
    cells = [heads]
    for row in rows:
        place = "along a direction" if row.entry is None else _place(row.entry)
        cells.append(
            (f"d{row.of}/d{row.wrt}", place, _number(row.analytic), _number(row.numeric),
             f"{row.ratio:.6g}", f"{row.error:.1e}", f"{row.verdict} ({row.checked})")
        )  # fmt: skip
    widths = [max(len(line[at]) for line in cells) for at in range(len(heads))]
    return ["  " + "  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]


def _place(entry: Entry | None) -> str:
    if entry is None:
        return "a random direction"
    return f"[{', '.join(map(str, entry))}]" if entry else "()"


def _number(value: float) -> str:
    return f"{value:.9g}"


def _ratio(analytic: float, numeric: float) -> float:
    if numeric == 0:
        return (
            math.nan if analytic == 0 or math.isnan(analytic) else math.copysign(math.inf, analytic)
        )
    return analytic / numeric


def _ratio_text(ratio: float) -> str:
    return f" (ratio {ratio:.6g})" if math.isfinite(ratio) else ""


def _plain(data: Any) -> Any:
    """Plain data: tuples as lists; nan and inf, which JSON does not have, as text."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return str(data)
    return data
