"""A formula as lines to read or to copy: text, LaTeX or NumPy code, with what it rests on."""

from __future__ import annotations

from .. import lazy
from ..formulas.formulary import Formula
from ..tape.sizes import to_text
from . import numbers
from .numbers import Array


def write(found: Formula, form: str | None, format: str, value: Array | None = None) -> str:
    """The formula in a form and a format; GraphError where it has no such form.

    `text` says the shape, the assumptions, the stamp, and the value where there is one; `latex`
    and `python` are one line each.
    """
    if format == "latex":
        return latex(found, form)
    if format == "python":
        return python(found)
    return text(found, form, value)


def text(found: Formula, form: str | None = None, value: Array | None = None) -> str:
    """The formula with its shape, its parts, what it assumes, and how it was checked."""
    lines = equation(found, form)
    lines += [f"  where {name} = {part}" for name, part in found.definitions.items()]
    lines += [f"  because {reason}" for reason in found.assumptions]
    if value is not None:
        shown = numbers.array(value).split("\n")
        lines += [f"  value {shown[0]}", *("        " + line for line in shown[1:])]
    if found.shape:
        lines.append(f"  shape {to_text(found.shape)}")
    return "\n".join([*lines, f"  {found.stamp}"])


def equation(found: Formula, form: str | None) -> list[str]:
    """`∂L/∂W = ...`; entries stand as a matrix below their name."""
    if form == "entries":
        pretty = str(lazy.sympy().pretty(found.entries(), use_unicode=True, wrap_line=False))
        return [f"{found.title} =", *("  " + line for line in pretty.split("\n"))]
    return [f"{found.title} = {found.text(form or 'matrix')}"]


def latex(found: Formula, form: str | None) -> str:
    """The formula in LaTeX, without its name and without delimiters."""
    return str(lazy.sympy().latex(found.entries())) if form == "entries" else found.latex()


def python(found: Formula) -> str:
    """An assignment in NumPy code, the parts first: `dL_dW = ...`."""
    name = "".join(char if char.isalnum() else "_" for char in found.title.replace("∂", "d"))
    return f"{name} = {found.python()}"
