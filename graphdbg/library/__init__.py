"""The library: functions written in graphdbg's own language: `softmax`, losses, layers, attention.

They are texts (`*.gd`) beside this module, so that a person can step into each of them and read it.
Here is only the index: which file defines which function, and the text of one definition. The
parser does the rest. Nothing is read before someone asks.

Import the room itself: `library.names()`, `library.definition(name)`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from ..source import Source

FOLDER = Path(__file__).parent
_DEFINITION = re.compile(r"^def (\w+)\(.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


@lru_cache(maxsize=1)
def index() -> dict[str, Source]:
    """Each function's name and the `Source` of its definition, by the files in their order.

    The source is the definition alone, below as many blank lines as stand above it in its file:
    line numbers are those of the file, and a reader of one function does not read its neighbours.

    >>> sorted(index())[:3]
    ['adagrad', 'adam', 'adamw']
    """
    found: dict[str, Source] = {}
    for path in sorted(FOLDER.glob("*.gd")):
        text = path.read_text("utf-8")
        for match in _DEFINITION.finditer(text):
            above = "\n" * text.count("\n", 0, match.start())
            found[match[1]] = Source(above + match[0].rstrip() + "\n", f"library/{path.name}")
    return found


def names() -> frozenset[str]:
    """The names of all library functions.

    >>> "softmax" in names()
    True
    """
    return frozenset(index())


def definition(name: str) -> Source:
    """The source of the function called `name`; KeyError when the library has none.

    >>> print(definition("square").text.strip())
    def square(x):
        \"\"\"x^2.\"\"\"
        return x**2
    """
    return index()[name]
