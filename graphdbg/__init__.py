"""graphdbg: the debugger for computational graphs. The public names, loaded when first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calculus.gradients import grad
    from .checking import testing
    from .checking.checker import check
    from .compiling.compiler import compile
    from .derivations import derive
    from .errors import GraphError
    from .formulas.formulary import Formula, hessian, jacobian, local, upstream
    from .formulas.proofs import prove
    from .language.networks import mlp
    from .language.parser import parse
    from .numbers.evaluator import evaluate
    from .publishing.exports import render, to_dot, to_html, to_text
    from .stepping.session import Frame, Session
    from .tape.graph import Graph, Node
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
    "testing",
    "to_dot",
    "to_html",
    "to_text",
    "train",
    "upstream",
]

_MODULES = {
    "checking.checker": ("check",),
    "checking.testing": ("testing",),
    "compiling.compiler": ("compile",),
    "derivations": ("derive",),
    "errors": ("GraphError",),
    "numbers.evaluator": ("evaluate",),
    "publishing.exports": ("render", "to_dot", "to_html", "to_text"),
    "formulas.formulary": ("Formula", "hessian", "jacobian", "local", "upstream"),
    "calculus.gradients": ("grad",),
    "tape.graph": ("Graph", "Node"),
    "language.networks": ("mlp",),
    "language.parser": ("parse",),
    "formulas.proofs": ("prove",),
    "stepping.session": ("Frame", "Session"),
    "training.loop": ("train",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    """The public name, its module imported now (PEP 562): `import graphdbg` costs nothing."""
    if name not in _HOMES:
        raise AttributeError(f"module 'graphdbg' has no attribute '{name}'")
    module = import_module(f".{_HOMES[name]}", __name__)
    value = module if module.__name__.endswith(f".{name}") else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, so that completion shows them before they are loaded."""
    return sorted({*globals(), *__all__})
