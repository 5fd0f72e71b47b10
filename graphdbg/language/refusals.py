"""What Python has and the language does not: how it is called, and what to write instead."""

from __future__ import annotations

import ast
from typing import NoReturn

from ..errors import UnsupportedError
from ..source import Span

_ADVICE = {
    "Import": "leave it out: np., torch. and math. names are known without it",
    "ImportFrom": "leave it out: the functions are known by name",
    "While": "write a for loop over a range that is known while reading",
    "Lambda": "write def f(x): return ...",
    "ClassDef": "write functions with def",
    "Try": "leave it out: nothing here raises",
    "TryStar": "leave it out: nothing here raises",
    "With": "leave it out",
    "NamedExpr": "assign on a line of its own",
    "Dict": "write a list or single names",
    "Set": "write a list",
    "DictComp": "write a list comprehension",
    "SetComp": "write a list comprehension",
    "JoinedStr": "write plain text in quotes",
    "Global": "names outside a function can be read in it anyway",
    "Nonlocal": "names outside a function can be read in it anyway",
    "Delete": "leave it out",
    "Raise": 'write assert condition, "message"',
    "Yield": "return a list",
    "YieldFrom": "return a list",
    "Await": "leave await out",
    "AsyncFunctionDef": "write def",
    "AsyncFor": "write for",
    "AsyncWith": "leave it out",
    "Match": "write if and elif",
    "Starred": "write the values out",
    "Slice": "slices stand in square brackets after an array",
}
_CALLED = {
    "Import": "import", "ImportFrom": "import", "While": "while loops",
    "Lambda": "lambda expressions",
    "ClassDef": "classes", "Try": "try", "TryStar": "try", "With": "with", "NamedExpr": "':='",
    "Dict": "dictionaries", "Set": "sets", "DictComp": "dictionaries", "SetComp": "sets",
    "JoinedStr": "f-strings", "Global": "global", "Nonlocal": "nonlocal", "Delete": "del",
    "Raise": "raise", "Yield": "yield", "YieldFrom": "yield", "Await": "await",
    "AsyncFunctionDef": "async", "AsyncFor": "async", "AsyncWith": "async", "Match": "match",
    "Starred": "starred values here", "Slice": "slices here",
}  # fmt: skip


def unsupported(tree: ast.AST, span: Span) -> NoReturn:
    """Raise UnsupportedError for Python that the language does not have; it says what to do."""
    kind = type(tree).__name__
    name, advice = _CALLED.get(kind, kind), _ADVICE.get(kind, "see the language's description")
    raise UnsupportedError(f"{name}: not in the language; {advice}", span=span)
