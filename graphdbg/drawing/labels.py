"""Texts for Graphviz: escaped, cut to a length, and how wide they are about.

Nothing a user wrote reaches Graphviz as markup: names go into HTML-like labels as escaped text,
every character is shown, and a long text ends in an ellipsis.
"""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Iterator

from ..source import shown

LONGEST = 40  # characters of a name or an operation in a picture; the tooltip has more
LONGEST_TIP = 300
NARROW, WIDE = "ijlt.,:;|!'()[]{}/ fIr-", "mwMW@%—…Σ×⊗⊙∂"
# Widths in em of Helvetica's letters, from its AFM file, rounded up: DejaVu, which stands in for
# it on many machines, is about a tenth wider, and a text that does not fit would move the picture.
NARROW_EM, WIDE_EM, CAPITAL_EM, OTHER_EM = 0.40, 1.0, 0.78, 0.64


def plain(text: str, most: int = LONGEST) -> str:
    """The text on one line, as `shown` has it, at most `most` characters.

    >>> plain("a\\nb" + "c" * 50, 6)
    'a␊bcc…'
    """
    text = shown(text[:most])
    return text if len(text) < most else text[: most - 1] + "…"


def escaped(text: str, most: int = LONGEST) -> str:
    """The text for an HTML-like label, in which Graphviz would also read `\\N` as the node's name.

    >>> escaped('<script>"&')
    '&lt;script&gt;&quot;&amp;'
    """
    return html.escape(plain(text, most).replace("\\", "\\\\"))


def width(text: str, size: float) -> float:
    """About how wide a text is, in points; rather too wide than too narrow."""
    return size * sum(map(_em, text))


def _em(char: str) -> float:
    if char in NARROW:
        return NARROW_EM
    if char in WIDE or unicodedata.east_asian_width(char) in "WF":
        return WIDE_EM
    return CAPITAL_EM if char.isupper() else OTHER_EM


def wrapped(text: str, size: float, room: float) -> Iterator[str]:
    """The lines of a text that fit into `room` points, broken at spaces."""
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}" if line else word
        if line and width(longer, size) > room:
            yield line
            longer = word
        line = longer
    yield line
