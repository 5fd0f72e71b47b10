"""Texts with style names, as the controller hands them to widgets, which know the colours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from textual.content import Content

Piece = tuple[str, str]  # a text and the name of its style
Row = Sequence[Piece]

# What a style name looks like; colour is never the only sign of anything.
STYLES = {
    "": "",
    "title": "bold",
    "name": "bold",
    "value": "$text-success",
    "gradient": "$text-error",
    "formula": "$text-primary",
    "dim": "$foreground 55%",
    "good": "bold $text-success",
    "bad": "bold $text-error",
    "warning": "$text-warning",
    "current": "bold $text-accent",
}


def content(rows: Iterable[Row]) -> Content:
    """Rows of pieces as one text; brackets in formulas are never markup."""
    lines = [
        Content.assemble(*((text, STYLES.get(style, "")) for text, style in row)) for row in rows
    ]
    return Content("\n").join(lines)
