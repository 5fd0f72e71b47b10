"""Which rank each box gets, what stands in for long edges, and the order of the boxes in a rank.

The first two steps of a layered drawing (Sugiyama, Tagawa and Toda 1981): longest-path ranks, with
boxes pulled down to their use where that shortens lines, then barycentre sweeps. All edges from one
box share one trunk of bends, so a value that is used ten times costs as many bends as one use.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

SPAN = 8  # ranks that a line crosses at most; a longer one is hard to follow with the eye
BOX, OUTGOING, INCOMING, BEND = range(4)  # kinds of cells: the two middle ones are stubs
SWEEPS = 6  # barycentre sweeps, down and up in turn
FEW = 3000  # cells up to which crossings are counted, so that a sweep that made more is undone
LOUDEST = 4  # times as many lines as another neighbour has, and a neighbour is not listened to
VERY_FEW = 400  # cells up to which neighbours are swapped one by one, too

Edges = Sequence[tuple[int, int]]
Label = Callable[[Sequence[int]], int]


@dataclass(slots=True)
class Skeleton:
    """The cells of a drawing in their ranks: boxes first, then stubs and the bends of long edges.

    `parents` and `children` are of the neighbouring ranks only, once per edge; `others` are the
    boxes that a stub names, `owner` the box that a stub or a bend belongs to, `heads` how much of
    its width lines are tied to, from the left; `above` and `below` are its `guides`.
    """

    count: int
    widths: list[int]
    heads: list[int]
    heights: list[int]
    rank: list[int]
    kinds: list[int]
    owner: list[int]
    parents: list[list[int]]
    children: list[list[int]]
    others: dict[int, tuple[int, ...]] = field(default_factory=dict)
    ranks: list[list[int]] = field(default_factory=list)
    above: list[list[int]] = field(default_factory=list)
    below: list[list[int]] = field(default_factory=list)

    def add(self, kind: int, rank: int, owner: int, width: int, height: int) -> int:
        """A new cell."""
        self.widths.append(width)
        self.heads.append(width)
        self.heights.append(height)
        self.rank.append(rank)
        self.kinds.append(kind)
        self.owner.append(owner)
        self.parents.append([])
        self.children.append([])
        return len(self.rank) - 1

    def link(self, parent: int, child: int) -> None:
        """An edge between neighbouring ranks."""
        self.children[parent].append(child)
        self.parents[child].append(parent)


def rank_boxes(count: int, edges: Edges) -> list[int]:
    """The rank of each box: one below its lowest operand, or further down, just above its use.

    Raises ValueError where the edges form a cycle.

    >>> rank_boxes(4, [(0, 1), (1, 2), (3, 2)])
    [0, 1, 2, 1]
    """
    parents: list[list[int]] = [[] for _ in range(count)]
    children: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        parents[target].append(source)
        children[source].append(target)
    waiting = [len(each) for each in parents]
    order = [at for at in range(count) if not waiting[at]]
    rank = [0] * count
    for at in order:  # which grows while it is read
        below = rank[at] + 1
        for child in children[at]:
            rank[child] = max(rank[child], below)
            waiting[child] -= 1
            if not waiting[child]:
                order.append(child)
    if len(order) < count:
        raise ValueError(f"{count - len(order)} of {count} boxes lie on a cycle or behind one")
    _pull_down(order, rank, parents, children)
    top = min(rank, default=0)
    return [each - top for each in rank]


def _pull_down(
    order: list[int], rank: list[int], parents: list[list[int]], children: list[list[int]]
) -> None:
    """Moves boxes down to their first use, unless that makes more than one trunk longer."""
    reach = [max((rank[child] for child in each), default=0) for each in children]
    for at in reversed(order):
        if not children[at]:
            continue
        lowest = min(rank[child] for child in children[at]) - 1
        if lowest <= rank[at]:
            continue
        longer = {p for p in parents[at] if parents[p] and reach[p] < lowest}
        if len(longer) <= 1:
            rank[at] = lowest
            for parent in parents[at]:
                reach[parent] = max(reach[parent], lowest)


def skeleton(
    sizes: Sequence[tuple[int, int]],
    heads: Sequence[int],
    edges: Edges,
    rank: Sequence[int],
    reach: Sequence[int],
    label: Label,
) -> Skeleton:
    """The cells of a drawing, in ranks but in no particular order.

    `reach` says down to which rank the edges of each box are drawn; the others become stubs, one
    below their source and one above each target, of the width that `label` gives for their names.
    """
    count = len(sizes)
    made = Skeleton(
        count,
        [width for width, _ in sizes],
        list(heads),
        [height for _, height in sizes],
        list(rank),
        [BOX] * count,
        list(range(count)),
        [[] for _ in sizes],
        [[] for _ in sizes],
    )
    trunks = _trunks(made, edges, reach)
    outgoing: dict[int, list[int]] = {}
    incoming: dict[int, list[int]] = {}
    for source, target in edges:
        if rank[target] <= reach[source]:
            made.link(trunks[source][rank[target] - 1 - rank[source]], target)
            continue
        outgoing.setdefault(source, []).append(target)
        if target not in incoming:
            stub = made.add(INCOMING, rank[target] - 1, target, 0, 1)
            made.link(stub, target)
            incoming[target] = [stub]
        incoming[target].append(source)
    for source, targets in outgoing.items():
        stub = made.add(OUTGOING, rank[source] + 1, source, 0, 1)
        made.link(source, stub)
        made.others[stub] = tuple(dict.fromkeys(targets))
    for stub, *sources in incoming.values():
        made.others[stub] = tuple(dict.fromkeys(sources))
    for stub, names in made.others.items():
        made.widths[stub] = made.heads[stub] = label(names)
    made.ranks = [[] for _ in range(max(made.rank, default=-1) + 1)]
    for at, level in enumerate(made.rank):
        made.ranks[level].append(at)
    made.above = guides(made.parents, made.children)
    made.below = guides(made.children, made.parents)
    return made


def _trunks(made: Skeleton, edges: Edges, reach: Sequence[int]) -> list[list[int]]:
    """For each box itself and its bends, one rank below the other, as far as an edge needs them."""
    trunks = [[at] for at in range(made.count)]
    for source, target in edges:
        if made.rank[target] > reach[source]:
            continue
        trunk = trunks[source]
        while made.rank[trunk[-1]] < made.rank[target] - 1:
            bend = made.add(BEND, made.rank[trunk[-1]] + 1, source, 1, 0)
            made.link(trunk[-1], bend)
            trunk.append(bend)
    return trunks


def improve(made: Skeleton, slots: Sequence[int], place: list[float], sweeps: int = SWEEPS) -> None:
    """Sorts the cells of each rank so that fewer lines cross; `slots` are their widths."""
    counted = len(made.rank) <= FEW
    best, kept = crossings(made) if counted else 0, [list(cells) for cells in made.ranks]
    for sweep in range(sweeps):
        if counted and not best:
            break
        if sweep % 2 == 0:
            _sweep(made.ranks, made.above, made.below, slots, place)
        else:
            _sweep(made.ranks[::-1], made.below, made.above, slots, place)
        if counted:
            if len(made.rank) <= VERY_FEW:
                _swap(made)
            found = crossings(made)
            if found < best:
                best, kept = found, [list(cells) for cells in made.ranks]
    if counted:
        made.ranks = kept


def first_order(made: Skeleton, slots: Sequence[int]) -> list[float]:
    """Sorts ranks from the results upwards, operands from left to right as they are written.

    Gives the middle of each cell, where the ranks are set side by side around one axis.
    """
    place = [0.0] * len(made.rank)
    total = [0.0] * len(place)
    for level in range(len(made.ranks) - 1, -1, -1):
        cells = made.ranks[level]
        for at in cells:
            if made.children[at]:
                place[at] = total[at] / len(made.children[at])
        cells.sort(key=place.__getitem__)
        _spread(cells, slots, place)
        for at in cells:
            share = slots[at] / (len(made.parents[at]) or 1)
            left = place[at] - (slots[at] - share) / 2
            for slot, parent in enumerate(made.parents[at]):
                total[parent] += left + slot * share
    return place


def _spread(cells: Sequence[int], slots: Sequence[int], place: list[float]) -> None:
    """Sets the cells of a rank side by side, around the middle."""
    left = -sum(map(slots.__getitem__, cells)) / 2
    for at in cells:
        place[at] = left + slots[at] / 2
        left += slots[at]


def guides(near: list[list[int]], far: list[list[int]]) -> list[list[int]]:
    """The neighbours that say where a cell should be: not those that pull at far more cells.

    One input of a hundred products would draw them all together and mix up what they are used for.
    """
    found = []
    for others in near:
        if len(others) > 1:
            counts = [len(far[other]) for other in others]
            most = LOUDEST * min(counts)
            if max(counts) > most:
                others = [other for other, count in zip(others, counts) if count <= most]
        found.append(others)
    return found


def _sweep(
    ranks: Sequence[list[int]],
    near: list[list[int]],
    far: list[list[int]],
    slots: Sequence[int],
    place: list[float],
) -> None:
    """Sorts each rank by where its neighbours in the ranks before are on average."""
    for cells in ranks:
        if len(cells) > 1:
            for at in cells:
                others = near[at] or far[at]
                if others:
                    place[at] = sum(map(place.__getitem__, others)) / len(others)
            cells.sort(key=place.__getitem__)
        _spread(cells, slots, place)


def crossings(made: Skeleton) -> int:
    """How many pairs of edges cross between neighbouring ranks, as straight lines would."""
    index = [0] * len(made.rank)
    for cells in made.ranks:
        for place, at in enumerate(cells):
            index[at] = place
    total = 0
    for cells in made.ranks:
        seen: list[int] = []
        for at in cells:
            below = sorted({index[child] for child in made.children[at]})
            total += sum(len(seen) - bisect_right(seen, each) for each in below)
            for each in below:
                insort(seen, each)
    return total


def _swap(made: Skeleton) -> None:
    """Swaps neighbours in a rank as long as that takes crossings away."""
    index = [0] * len(made.rank)
    for cells in made.ranks:
        for place, at in enumerate(cells):
            index[at] = place
    for _ in range(SWEEPS):
        swapped = False
        for cells in made.ranks:
            for left in range(len(cells) - 1):
                a, b = cells[left], cells[left + 1]
                if _gain(made.parents, index, a, b) + _gain(made.children, index, a, b) > 0:
                    cells[left], cells[left + 1] = b, a
                    index[a], index[b] = left + 1, left
                    swapped = True
        if not swapped:
            return


def _gain(near: list[list[int]], index: list[int], a: int, b: int) -> int:
    """How many crossings fewer there are with `b` left of `a` than the other way round."""
    first, second = ({index[each] for each in near[at]} for at in (a, b))
    return sum((x > y) - (x < y) for x in first for y in second)
