"""What a user may give where a graph is meant: a graph, the text of a program, or its file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import lazy
from ..errors import SourceError
from ..files import reading
from .graph import Graph

Program = Graph | str | os.PathLike[str]


def graph_of(program: Program, values: Mapping[str, Any] | None = None) -> Graph:
    """The graph that a program is: itself, or what its text says.

    A text with a line break, `=` or `;` is a program; any other is the path of a file that is
    read. `values` give undeclared inputs their shapes. Raises SourceError for a text that is
    neither, TypeError for what is no text at all, and what `parse` raises.

    >>> graph_of("f = x^2").inputs
    ('x',)
    """
    if isinstance(program, Graph):
        return program
    if not isinstance(program, str | os.PathLike):
        raise TypeError(
            f"found {type(program).__name__}, expected a graph, the text of a program or its path"
        )
    parse = lazy.module("language.parser").parse
    if isinstance(program, str) and any(sign in program for sign in "\n=;"):
        graph: Graph = parse(program, values=values)
    else:
        text, path = _read(program)
        graph = parse(text, values=values, name=path)
    return graph


def _read(program: str | os.PathLike[str]) -> tuple[str, str]:
    path = os.fspath(program)
    if not _exists(path):
        raise SourceError(
            f"found {path!r:.80}: neither a program (a text with =, ; or a line break, such as "
            "'f = x^2') nor a file that exists"
        )
    with reading.told_of(f"'{path}'", SourceError):
        return reading.text(reading.read(path, reading.PROGRAM)), path


def _exists(path: str) -> bool:
    try:
        return bool(path.strip()) and Path(path).exists()
    except (OSError, ValueError):  # too long for a file name, or a character none may have
        return False
