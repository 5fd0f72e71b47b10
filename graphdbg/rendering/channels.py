"""Lines between two neighbouring ranks: where they leave and enter, and on which row they run.

All lines from one cell are one net: down from its exit, along one track, and down into each entry.
Vertical pieces of two nets never share a column: exits are in even columns, entries in columns that
no other net leaves in. So tracks can be given to nets in any order, and the left-edge algorithm
(Hashimoto and Stevens 1971) needs no more of them than nets lie over one another. Where a cell is
one column wide and another net leaves right above it, its lines come down in the odd column beside
it and step aside in one row for all, just above the arrows.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from heapq import heappop, heappush
from operator import itemgetter
from typing import NamedTuple

from .layering import BEND, Skeleton

FEW_NETS = 40  # of a channel, up to which tracks are chosen so that few lines cross
FEW_LINES = 6  # into one cell, up to which each looks for its own best column
STRAIGHT = -1  # instead of a track


class Entry(NamedTuple):
    """Where a net enters `child`; its line comes down in column `via`, which is `column` mostly."""

    child: int
    column: int
    via: int


class Net(NamedTuple):
    """The lines from `cell` down to the next rank; rows are counted from the channel's first.

    `span` is the first and the last column that they touch; entries are sorted by column.
    """

    cell: int
    exit: int
    track: int
    entries: tuple[Entry, ...]
    span: tuple[int, int]


class Channel(NamedTuple):
    """The nets between a rank and the next, the rows they need."""

    nets: list[Net]
    tracks: int
    has_jogs: bool
    has_arrows: bool

    @property
    def height(self) -> int:
        """How many rows there are between the two ranks."""
        return self.tracks + self.has_jogs + self.has_arrows


def ports(made: Skeleton, x: Sequence[int], at: int) -> tuple[int, int]:
    """The first and the last column where lines may leave and enter: corners are kept free."""
    width = made.heads[at]
    if width < 3:
        return x[at], x[at]
    margin = 1 if width > 3 else 0
    return x[at] + margin, x[at] + width - 1 - margin


def route(made: Skeleton, x: Sequence[int], level: int) -> Channel:
    """The lines below rank `level`."""
    above = [at for at in made.ranks[level] if made.children[at]]
    exits = {at: _exit(made, x, at) for at in above}
    taken = {column: at for at, column in exits.items()}
    entries: dict[int, list[Entry]] = {at: [] for at in above}
    for child in made.ranks[level + 1]:
        if made.parents[child]:
            for parent, entry in _entries(made, x, child, exits, taken):
                entries[parent].append(entry)
    for each in entries.values():
        each.sort(key=itemgetter(1, 2))
    spans = {at: _reach(exits[at], entries[at]) for at in above}
    running = [at for at in above if spans[at][0] < spans[at][1]]
    few = len(running) <= FEW_NETS
    tracks = _untangled(running, exits, entries, spans) if few else _packed(running, spans)
    below = made.ranks[level + 1]
    nets = [
        Net(at, exits[at], tracks.get(at, STRAIGHT), tuple(entries[at]), spans[at]) for at in above
    ]
    return Channel(
        nets,
        max(tracks.values(), default=STRAIGHT) + 1,
        any(entry.via != entry.column for each in entries.values() for entry in each),
        any(made.parents[at] and made.kinds[at] != BEND for at in below),
    )


def _reach(exit: int, entries: Sequence[Entry]) -> tuple[int, int]:
    first = last = exit
    for _, column, via in entries:
        first = min(first, column, via)
        last = max(last, column, via)
    return first, last


def _exit(made: Skeleton, x: Sequence[int], at: int) -> int:
    """An even column: the middle, or where its trunk or its only line goes straight down."""
    middle = x[at] + made.heads[at] // 4 * 2
    first, last = ports(made, x, at)
    for child in made.children[at]:
        if made.kinds[child] == BEND and first <= x[child] <= last:
            return x[child]
    if len(made.children[at]) > 1 or first == last:
        return middle
    left, right = ports(made, x, made.children[at][0])
    low, high = max(first, left), min(last, right)
    low += low % 2
    high -= high % 2
    return min(max(middle, low), high) if low <= high else middle


def _entries(
    made: Skeleton, x: Sequence[int], child: int, exits: dict[int, int], taken: dict[int, int]
) -> list[tuple[int, Entry]]:
    """Where each line into a cell comes down, in the order of their origins: none cross here."""
    parents = sorted(made.parents[child], key=exits.__getitem__)
    first, last = ports(made, x, child)
    if first < last:
        columns = _spread(parents, first, last, exits, taken)
        return [(at, Entry(child, column, column)) for at, column in zip(parents, columns)]
    parents = list(dict.fromkeys(parents))
    other = taken.get(first)
    alone = other in parents and (len(parents) == 1 or len(set(made.children[other])) == 1)
    via = first if other is None or alone else first + 1
    return [(at, Entry(child, first, via)) for at in parents]


def _spread(
    parents: Sequence[int], first: int, last: int, exits: dict[int, int], taken: dict[int, int]
) -> list[int]:
    """Columns for lines into a wide cell: straight down where possible, else evenly spread."""
    if len(parents) == 1 and first <= exits[parents[0]] <= last:
        return [exits[parents[0]]]
    free = [column for column in range(first, last + 1) if column not in taken]
    straight = [first <= exits[at] <= last and parents.count(at) == 1 for at in parents]
    if all(straight):
        return [exits[at] for at in parents]
    if len(parents) > FEW_LINES or len(free) < len(parents) - sum(straight):
        return [free[at * len(free) // len(parents)] for at in range(len(parents))]
    columns = []
    for slot, at in enumerate(parents):
        if straight[slot]:
            columns.append(exits[at])
        else:
            columns.append(first + (2 * slot + 1) * (last - first + 1) // (2 * len(parents)))
    return _settled(columns, straight, free)


def _settled(columns: list[int], fixed: Sequence[bool], free: Sequence[int]) -> list[int]:
    """The wished columns moved to free ones between the fixed, in the same order if possible."""
    left = set(free)
    result = list(columns)
    for at, wish in enumerate(columns):
        if fixed[at]:
            continue
        low = max((result[other] for other in range(at)), default=-1)
        high = min((columns[other] for other in range(at + 1, len(columns)) if fixed[other]),
                   default=free[-1] + 1)  # fmt: skip
        between = [column for column in left if low < column < high]
        result[at] = min(between or left, key=lambda column: (abs(column - wish), column))
        left.discard(result[at])
    return result


def surplus(spans: Mapping[int, tuple[int, int]], most: int) -> list[int]:
    """As few cells as possible without which no more than `most` nets lie over one another.

    >>> surplus({0: (0, 4), 1: (2, 90), 2: (3, 8)}, most=2)
    [1]
    """
    running: list[tuple[int, int]] = []  # by their right ends
    found: set[int] = set()
    for at in sorted(spans, key=spans.__getitem__):
        left, right = spans[at]
        if left < right:
            insort(running, (right, at))
        del running[: bisect_left(running, (left, -1))]
        if len(running) > most:
            found.add(running.pop()[1])
    return sorted(found)


def _packed(cells: Sequence[int], spans: dict[int, tuple[int, int]]) -> dict[int, int]:
    """Tracks by the left-edge algorithm: as few as there can be."""
    tracks: dict[int, int] = {}
    ends: list[tuple[int, int]] = []
    free: list[int] = []
    for at in sorted(cells, key=spans.__getitem__):
        left, right = spans[at]
        while ends and ends[0][0] < left:
            heappush(free, heappop(ends)[1])
        tracks[at] = heappop(free) if free else len(ends)
        heappush(ends, (right, tracks[at]))
    return tracks


def _untangled(
    cells: Sequence[int],
    exits: dict[int, int],
    entries: dict[int, list[Entry]],
    spans: dict[int, tuple[int, int]],
) -> dict[int, int]:
    """Tracks so that few lines cross: a net above another one where that makes fewer crossings."""
    better: dict[tuple[int, int], int] = {}
    score = dict.fromkeys(cells, 0)
    ends = {at: sorted({entry.via for entry in entries[at]}) for at in cells}
    for index, a in enumerate(cells):
        for b in cells[index + 1 :]:
            if spans[a][0] <= spans[b][1] and spans[b][0] <= spans[a][1]:
                gain = _crossed(b, a, exits, ends, spans) - _crossed(a, b, exits, ends, spans)
                better[a, b], better[b, a] = gain, -gain
                score[a] -= gain
                score[b] += gain
    tracks: dict[int, int] = {}
    for at in sorted(cells, key=lambda each: (score[each], spans[each])):
        near = [other for other in tracks if (at, other) in better]
        lowest = max((tracks[other] + 1 for other in near if better[other, at] > 0), default=0)
        used = {tracks[other] for other in near}
        while lowest in used:
            lowest += 1
        tracks[at] = lowest
    return tracks


def _crossed(
    upper: int,
    lower: int,
    exits: dict[int, int],
    ends: dict[int, list[int]],
    spans: dict[int, tuple[int, int]],
) -> int:
    """How often two nets cross where `upper` runs above `lower`."""
    left, right = spans[upper]
    low, high = spans[lower]
    return (left < exits[lower] < right) + sum(low < each < high for each in ends[upper])
