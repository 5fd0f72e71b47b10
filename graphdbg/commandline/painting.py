"""Colours for the prompt's replies: values green, gradients red, as on the wires of a circuit.

Colour repeats what the text says; nothing is told by colour alone.
"""

from __future__ import annotations

import re

RESET = "\x1b[0m"
BOLD, DIM, RED, GREEN, YELLOW = (f"\x1b[{code}m" for code in (1, 2, 31, 32, 33))
RULES = (
    (re.compile(r"^(error:)"), "\x1b[1;31m"),
    (re.compile(r"^(\S+:\d+ |start,)(?=.*\d+ of \d+)"), BOLD),
    (re.compile(r"^(-> .*)$"), YELLOW),
    (re.compile(r"^ +\d+●?(-> .*)$"), YELLOW),
    (re.compile(r"^ +∂.*= (\S.*?)(?:   \d+ of \d+.*)?$"), RED),
    (re.compile(r"^   [^∂\s].*= (\S.*)$"), GREEN),
)


def painted(text: str) -> str:
    """A reply with its numbers, places and errors coloured.

    >>> painted("   q = x + y = 3") == f"   q = x + y = {GREEN}3{RESET}"
    True
    """
    return "\n".join(map(_line, text.split("\n")))


def _line(line: str) -> str:
    for pattern, colour in RULES:
        match = pattern.match(line)
        if match:
            begin, end = match.span(1)
            return f"{line[:begin]}{colour}{line[begin:end]}{RESET}{line[end:]}"
    return line
