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


def mpmath() -> Any:
    """The package mpmath."""
    return importlib.import_module("mpmath")


def numba() -> Any:
    """The package numba, of the optional extra `graphdbg[fast]`."""
    return importlib.import_module("numba")


def pygraphviz() -> Any:
    """The package pygraphviz, of the optional extra `graphdbg[pictures]`."""
    return importlib.import_module("pygraphviz")


def distributed() -> Any:
    """The package distributed, of the optional extra `graphdbg[dask]`."""
    return importlib.import_module("distributed")


def matplotlib() -> Any:
    """The package matplotlib with its figures, of the optional extra `graphdbg[plots]`."""
    importlib.import_module("matplotlib.figure")
    return importlib.import_module("matplotlib")


def pillow() -> Any:
    """The module Image of the package pillow, of the optional extra `graphdbg[pictures]`."""
    return importlib.import_module("PIL.Image")


def has_numba() -> bool:
    """Whether numba is installed; it is not imported."""
    return is_installed("numba")


def is_installed(name: str) -> bool:
    """Whether a package is installed; it is not imported."""
    return importlib.util.find_spec(name) is not None


def readline() -> Any:
    """The module readline of the standard library, None where the platform has none."""
    return importlib.import_module("readline") if is_installed("readline") else None


def app(name: str) -> Any:
    """The module `graphdbg_tui.NAME` of the terminal app."""
    return importlib.import_module(f"graphdbg_tui.{name}")


def version() -> str:
    """The version of graphdbg, which the package's root holds."""
    return str(importlib.import_module(__package__).__version__)


def formulas() -> Any:
    """The module `graphdbg.formulas.formulary`."""
    return module("formulas.formulary")


def module(name: str) -> ModuleType:
    """The module `graphdbg.NAME`."""
    return importlib.import_module(f".{name}", __package__)
