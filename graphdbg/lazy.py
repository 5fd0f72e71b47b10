"""The one place of late imports: heavy packages, and the modules that need them.

`graphdbg --help` must not import SymPy, and a graph's `nx` or `expr` is the first to need it.
"""

from __future__ import annotations

import importlib
import importlib.util
from types import ModuleType
from typing import Any


def networkx() -> Any:
    """The package networkx."""
    return importlib.import_module("networkx")


def sympy() -> Any:
    """The package sympy."""
    return importlib.import_module("sympy")


def numba() -> Any:
    """The package numba, of the optional extra `graphdbg[fast]`."""
    return importlib.import_module("numba")


def has_numba() -> bool:
    """Whether numba is installed; it is not imported."""
    return importlib.util.find_spec("numba") is not None


def formulas() -> Any:
    """The module `graphdbg.formulas`."""
    return module("formulas")


def module(name: str) -> ModuleType:
    """The module `graphdbg.NAME`."""
    return importlib.import_module(f".{name}", __package__)
