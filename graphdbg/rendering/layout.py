"""`layout`, where boxes and the lines between them go: pure geometry on character cells.

Boxes stand in ranks from top to bottom, the rows between two ranks are a channel for the lines.
Made for step-by-step display: laid out once, then only looked at through windows. The same input
gives the same drawing.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from . import placing
from .channels import Channel, Net, route, surplus
from .layering import (
    BEND,
    BOX,
    SPAN,
    SWEEPS,
    Edges,
    Label,
    Skeleton,
    first_order,
    improve,
    rank_boxes,
    skeleton,
)

MOST_TRACKS = 24  # rows of a channel, nearly; lines that find no room are drawn as stubs
TRIES = 3  # layouts in which a channel that is too tall gives up lines; then it stays tall
MANY = 5000  # edges from which a rough layout, made once, has to say what is too much
ROUGHLY = 2  # sweeps of that


@dataclass(frozen=True, slots=True)
class Band:
    """A rank with the channel below it; `cells` and `nets` from left to right.

    `spans` are the first and last columns of the nets, `reaches[i]` is how far to the right the
    first i + 1 nets go.
    """

    top: int
    height: int
    cells: list[int]
    nets: list[Net]
    spans: list[tuple[int, int]]
    reaches: list[int]
    channel: Channel | None

    @property
    def bottom(self) -> int:
        """The first row of the channel."""
        return self.top + self.height

    @property
    def end(self) -> int:
        """The first row below the channel."""
        return self.bottom + (self.channel.height if self.channel else 0)

    def nets_between(self, left: int, right: int) -> Iterator[Net]:
        """The nets that touch columns from `left` to before `right`."""
        start = bisect_left(self.reaches, left)
        end = bisect_left(self.spans, (right, -1))
        for at in range(start, end):
            if self.spans[at][1] >= left:
                yield self.nets[at]


@dataclass(frozen=True, slots=True)
class Layout:
    """Cells with their left and top; cells from `count` on are stubs and bends."""

    count: int
    width: int
    height: int
    x: list[int]
    y: list[int]
    made: Skeleton
    bands: list[Band]
    tops: list[int]

    def bands_between(self, top: int, bottom: int) -> list[Band]:
        """The ranks and channels that touch rows from `top` to before `bottom`."""
        first = max(bisect_right(self.tops, top) - 1, 0)
        return self.bands[first : bisect_left(self.tops, bottom)]

    def cells_between(self, band: Band, left: int, right: int) -> Iterator[int]:
        """The boxes and stubs of a rank that touch columns from `left` to before `right`."""
        start = max(bisect_right(band.cells, left, key=self.x.__getitem__) - 1, 0)
        for at in band.cells[start:]:
            if self.x[at] >= right:
                return
            if self.made.kinds[at] != BEND and self.x[at] + self.made.widths[at] > left:
                yield at

    def stubs(self) -> dict[int, tuple[int, tuple[int, ...]]]:
        """For each stub the box it belongs to, and the boxes that it names."""
        return {at: (self.made.owner[at], others) for at, others in self.made.others.items()}


def layout(
    sizes: Sequence[tuple[int, int]],
    edges: Edges,
    label: Label | None = None,
    gap: int = 2,
    heads: Sequence[int] | None = None,
    most: int = MOST_TRACKS,
) -> Layout:
    """Boxes of these widths and heights drawn with their edges pointing down.

    Edges are pairs of box numbers, sources first, once per line. `label` gives the width of a
    stub that names some boxes, `gap` is the space between neighbours, `heads` how much of
    each width lines are tied to, from the left, `most` about how many tracks a channel may have.
    Raises ValueError where the edges form a cycle.

    >>> made = layout([(10, 3), (10, 3), (10, 3)], [(0, 2), (1, 2)])
    >>> made.width, made.height, made.x, made.y
    (22, 7, [0, 12, 6], [0, 0, 4])
    """
    heads = heads or [width for width, _ in sizes]
    rank = rank_boxes(len(sizes), edges)
    reach = [level + SPAN for level in rank]
    for attempt in range(TRIES):
        made = skeleton(sizes, heads, edges, rank, reach, label or _dots)
        widths = placing.slots(made, gap)
        large = len(edges) > MANY
        middles = first_order(made, widths)
        improve(made, widths, middles, ROUGHLY if large else SWEEPS)
        if not (large and attempt):
            x = placing.place(made, widths, placing.anchors(made), ROUGHLY if large else None)
            if _give_up(made, _surplus(made, x, most * 3 // 4 if large else most), reach):
                continue
        if large:
            improve(made, widths, middles, SWEEPS - ROUGHLY)
            x = placing.place(made, widths, placing.anchors(made))
        break
    channels = [route(made, x, level) for level in range(len(made.ranks) - 1)]
    return _stacked(made, x, channels)


def _surplus(made: Skeleton, x: list[int], most: int) -> Iterator[list[int]]:
    """For each rank the cells whose lines find no room below it."""
    middles = [left + offset * placing.STEP for left, offset in zip(x, placing.anchors(made))]
    for cells in made.ranks[:-1]:
        spans = {}
        for at in cells:
            if made.children[at]:
                ends = [middles[at], *(middles[child] for child in made.children[at])]
                spans[at] = (min(ends), max(ends))
        yield surplus(spans, most) if len(spans) > most else []


def _give_up(made: Skeleton, homeless: Iterable[Sequence[int]], reach: list[int]) -> bool:
    """Draws the lines of some cells, by rank, no further down than that rank; False for none."""
    found = False
    for level, cells in enumerate(homeless):
        for at in cells:
            owner = made.owner[at]
            reach[owner] = min(reach[owner], level)
            found = True
    return found


def _dots(others: Sequence[int]) -> int:
    return 1


def _stacked(made: Skeleton, x: list[int], channels: list[Channel]) -> Layout:
    """Puts ranks and channels one below the other."""
    y = [0] * len(x)
    bands, top = [], 0
    for level, cells in enumerate(made.ranks):
        height = max((made.heights[at] for at in cells), default=0)
        for at in cells:
            hangs = made.parents[at] or made.kinds[at] == BOX
            y[at] = top if hangs else top + height - made.heights[at]
        channel = channels[level] if level < len(channels) else None
        nets = sorted(channel.nets, key=lambda net: net.span) if channel else []
        spans = [net.span for net in nets]
        reaches = list(accumulate((last for _, last in spans), max))
        bands.append(Band(top, height, cells, nets, spans, reaches, channel))
        top = bands[-1].end
    right = max((x[at] + made.widths[at] for at in range(len(x))), default=0)
    right = max([right, *(band.reaches[-1] + 1 for band in bands if band.reaches)])
    return Layout(made.count, right, top, x, y, made, bands, [band.top for band in bands])
