"""graphdbg: the debugger for computational graphs. The public names, loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checker import check
    from .compiler import compile
    from .derivations import derive
    from .errors import GraphError
    from .evaluator import evaluate
    from .exports import render, to_dot, to_html, to_text
    from .formulas import Formula, hessian, jacobian, local, upstream
    from .gradients import grad
    from .graph import Graph, Node
    from .networks import mlp
    from .parser import parse
    from .proofs import prove
    from .session import Frame, Session
    from .training.loop import train

__version__ = "0.1.0"

__all__ = [
    "Formula",
    "Frame",
    "Graph",
    "GraphError",
    "Node",
    "Session",
    "check",
    "compile",
    "derive",
    "evaluate",
    "grad",
    "hessian",
    "jacobian",
    "local",
    "mlp",
    "parse",
    "prove",
    "render",
    "to_dot",
    "to_html",
    "to_text",
    "train",
    "upstream",
]

_MODULES = {
    "checker": ("check",),
    "compiler": ("compile",),
    "derivations": ("derive",),
    "errors": ("GraphError",),
    "evaluator": ("evaluate",),
    "exports": ("render", "to_dot", "to_html", "to_text"),
    "formulas": ("Formula", "hessian", "jacobian", "local", "upstream"),
    "gradients": ("grad",),
    "graph": ("Graph", "Node"),
    "networks": ("mlp",),
    "parser": ("parse",),
    "proofs": ("prove",),
    "session": ("Frame", "Session"),
    "training.loop": ("train",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, its module imported now (PEP 562): `import graphdbg` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'graphdbg' has no attribute '{name}'")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, so that completion shows them before they are loaded."""
    return sorted({*globals(), *__all__})
