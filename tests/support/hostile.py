"""Texts that a terminal would obey or nobody would see, and whether one has come out raw."""

from __future__ import annotations

import unicodedata

from graphdbg.source import MOST_MARKS, shown

# One of each kind: what a terminal obeys, what turns a line around, what nobody sees.
HOSTILE = {
    "ESC": "\x1b[31m", "title": "\x1b]0;t\x07", "CSI": "\x9b31m", "OSC": "\x9d0;t", "NUL": "\x00",
    "DEL": "\x7f", "BEL": "\x07", "BS": "\b\b", "CR": "\r", "NEL": "\x85", "RLO": "\u202e",
    "isolate": "\u2066", "mark": "\u200f", "zero width": "\u200b", "joiner": "\u2060",
    "line": "\u2028", "filler": "\u3164", "braille": "\u2800", "selector": "\ufe0f",
    "variant": "\U000e0101", "tag": "\U000e0041", "private": "\ue000", "surrogate": "\ud800",
    "heap": "e" + "\u0301" * 9, "soft": "\u00ad", "bom": "\ufeff",
}  # fmt: skip


def raw_in(text: str) -> list[str]:
    """The characters of a text that a terminal would obey or nobody would see."""
    found = [char for char in text if shown(char, lines=True) != char]
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks > MOST_MARKS:
            found.append(char)
    return [f"U+{ord(char):04X}" for char in found]
