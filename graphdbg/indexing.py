"""`x[...]`: integers, slices, None, `...`, and integer arrays, by NumPy's rules."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .reading import Reader


def subscript(r: Reader, tree: ast.Subscript) -> Any:
    """The value of `x[index]`."""
    raise NotImplementedError
