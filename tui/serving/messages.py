"""What a page may send, as packets of Textual's web driver; everything else is refused.

The driver reads a kind (`D` for keys, `M` for a JSON record), four bytes of length, and the rest.
"""

from __future__ import annotations

import json

COLUMNS, LINES = 500, 200  # of the largest terminal: more than any screen shows
USUAL = (80, 24)  # where a size is no number
LONGEST_PING = 64


def packet(kind: bytes, payload: bytes) -> bytes:
    """A packet of the driver.

    >>> packet(b"D", b"q")
    b'D\\x00\\x00\\x00\\x01q'
    """
    return kind + len(payload).to_bytes(4, "big") + payload


def read(text: str) -> tuple[bytes, str]:
    """A page's message: a packet for the app, and a text to answer at once; either may be empty.

    ValueError for what is none of our page's messages.

    >>> read('["stdin", "q"]')
    (b'D\\x00\\x00\\x00\\x01q', '')
    """
    try:
        message = json.loads(text)
    except RecursionError as error:
        raise ValueError("a message nested too deeply") from error
    match message:
        case ["stdin", str(keys)]:
            return packet(b"D", keys.encode("utf-8", "replace")), ""  # lone surrogates are JSON too
        case ["resize", {"width": width, "height": height}]:
            columns, lines = size(width, height)
            return _record(type="resize", width=columns, height=lines), ""
        case ["focus" | "blur" as kind]:
            return _record(type=kind), ""
        case ["ping", str(word)] if len(word) <= LONGEST_PING:
            return b"", json.dumps(["pong", word])
    raise ValueError("a message of no known kind")


def size(width: object, height: object) -> tuple[int, int]:
    """Columns and lines of a terminal within bounds, whatever was asked for.

    >>> size("1e8", 10**30), size(float("inf"), -5)
    ((80, 200), (80, 1))
    """
    return _within(width, USUAL[0], COLUMNS), _within(height, USUAL[1], LINES)


def _within(found: object, usual: int, most: int) -> int:
    try:
        return max(1, min(int(found), most))  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return usual


def _record(**entries: object) -> bytes:
    return packet(b"M", json.dumps(entries).encode())
