"""Columns for the cells of each rank: near their neighbours above and below, never overlapping.

For a rank in a given order, the places nearest to the wished ones (in weighted least squares) are
an isotonic regression, which pooling adjacent violators solves in linear time (Barlow, Bartholomew,
Bremner and Brunk 1972). Columns are counted in steps of two: see `channels` for why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import floor

from .layering import BEND, Skeleton

STEP = 2  # columns per unit
ROUNDS = 6  # sweeps over the ranks
MANY = 5000  # cells from which half as many sweeps have to do
STIFF = 6.0  # the weight of a bend: a long line that is straight is worth more than a centred box
MAIN_ROAD = 3  # an operand that was computed draws a box to it so many times as much as an input
SHORT = 24  # ranks of a drawing that is balanced rather than straight
GIVING_WAY = 0.2  # the weight of a cell without neighbours on the side that was placed before
LOOSE = 1e-3  # the weight of a wish to stay, for cells without neighbours; of inputs if long


def slots(made: Skeleton, gap: int) -> list[int]:
    """How many units each cell takes, with the gap to its right; a bend needs no more than one."""
    return [
        1 if kind == BEND else max(STEP, width + gap + 1) // STEP
        for width, kind in zip(made.widths, made.kinds)
    ]


def anchors(made: Skeleton) -> list[int]:
    """Where in its units the middle of the part of a cell is that lines are tied to."""
    return [width // (2 * STEP) for width in made.heads]


def isotonic(wishes: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The non-decreasing sequence nearest to `wishes`.

    >>> isotonic([3, 1, 5], [1, 1, 1])
    [2.0, 2.0, 5.0]
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    for mean, weight in zip(wishes, weights):
        size = 1
        while pools and pools[-1][0] >= mean:
            before, other, count = pools.pop()
            mean = (mean * weight + before * other) / (weight + other)
            weight, size = weight + other, size + count
        pools.append((mean, weight, size))
    return [float(mean) for mean, _, size in pools for _ in range(size)]


def place(
    made: Skeleton, width: Sequence[int], anchor: Sequence[int], rounds: int | None = None
) -> list[int]:
    """The column of each cell: even numbers from 0."""
    middle = [0.0] * len(made.rank)
    for cells in made.ranks:
        left = -sum(map(width.__getitem__, cells)) / 2
        for at in cells:
            middle[at] = left + anchor[at]
            left += width[at]
    above, below = _main_roads(made), made.below
    if rounds is None:
        rounds = ROUNDS if len(made.rank) < MANY else ROUNDS // 2
    for turn in range(rounds):
        down = (rounds - turn) % 2 == 1
        for cells in made.ranks if down else reversed(made.ranks):
            near, far = (above, below) if down else (below, above)
            wishes = _wishes(made, near, far, cells, middle, both=turn == rounds - 2)
            _settle(cells, width, anchor, middle, list(wishes))
    shift = min((middle[at] - anchor[at] for at in range(len(middle))), default=0)
    return [int(middle[at] - anchor[at] - shift) * STEP for at in range(len(middle))]


def _main_roads(made: Skeleton) -> list[list[int]]:
    """The guides above each cell: those that were computed go before inputs.

    So the main road of a computation runs nearly straight down, and inputs join it from the side.
    In a short drawing they have a say as well, which balances it; a long chain that takes an input
    in at every step would drift off, a little each time.
    """
    roots = [not each for each in made.parents]
    short = len(made.ranks) <= SHORT
    found = list(made.above)
    for at, parents in enumerate(found):
        computed = [parent for parent in parents if not roots[parent]]
        if 0 < len(computed) < len(parents):
            found[at] = parents + computed * (MAIN_ROAD - 1) if short else computed
    return found


def _wishes(
    made: Skeleton,
    near: list[list[int]],
    far: list[list[int]],
    cells: Sequence[int],
    middle: list[float],
    both: bool,
) -> Iterator[tuple[float, float]]:
    """Where the neighbours of each cell are on average, and how much that weighs."""
    long = len(made.ranks) > SHORT
    for at in cells:
        others = near[at] + far[at] if both else near[at] or far[at]
        if not others:
            yield middle[at], LOOSE
        elif made.kinds[at] == BEND:
            yield _straight(made, near[at], far[at], middle), STIFF
        else:
            is_input = long and not made.parents[at] and bool(made.children[at])
            weight = LOOSE if is_input else len(others) if near[at] else GIVING_WAY
            yield sum(map(middle.__getitem__, others)) / len(others), weight


def _straight(
    made: Skeleton, near: Sequence[int], far: Sequence[int], middle: list[float]
) -> float:
    """Under the rest of its own line: the bend beside it that was placed already."""
    for others in (near, far):
        for other in others:
            if made.kinds[other] == BEND:
                return middle[other]
    others = near or far
    return sum(map(middle.__getitem__, others)) / len(others)


def _settle(
    cells: Sequence[int],
    width: Sequence[int],
    anchor: Sequence[int],
    middle: list[float],
    wishes: Sequence[tuple[float, float]],
) -> None:
    """Moves a rank as near to its wishes as its order and its widths allow."""
    if len(cells) == 1:
        middle[cells[0]] = floor(wishes[0][0] + 0.5)
        return
    left, values = 0, []
    for at, (wish, _) in zip(cells, wishes):
        values.append(wish - anchor[at] - left)
        left += width[at]
    left = 0
    for at, value in zip(cells, isotonic(values, [weight for _, weight in wishes])):
        middle[at] = floor(value + 0.5) + left + anchor[at]
        left += width[at]
