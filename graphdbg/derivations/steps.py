"""`Derivation`: a backward pass as numbered equations, each of which was checked; immutable data.

The writers (`text`, `markdown`, `latex`, `html`) are pure functions of it.
"""

from __future__ import annotations

from dataclasses import dataclass

from .. import lazy
from ..formulas.stamps import Stamp
from .expressions import Expression
from .rules import Rule

REFUSED = "A formula is withheld here: the numbers did not confirm it."


@dataclass(frozen=True, slots=True)
class Given:
    """An input: where it lives, and what is assumed of it in words."""

    space: Expression
    said: str = ""


@dataclass(frozen=True, slots=True)
class Equation:
    """`left = right`, and why; `left` is None where a line goes on with another `= right`."""

    left: Expression | None
    right: Expression
    why: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A step of the forward pass; an array lives in `space`.

    `parts` are what its inside is called in later formulas. `stops` says that no gradient flows
    through a part of it. `value` is its number at the point, where there is a point.
    """

    number: int
    equation: Equation
    space: Expression | None
    parts: tuple[Equation, ...] = ()
    stops: bool = False
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one consumer sends back: `through` it, defined in `definition`, by some rules.

    `label` is empty where there is only one; `upstream` is the number of the step that derived the
    consumer's gradient, 0 for the first one. `withheld` says, in a sentence, what is not shown.
    """

    label: str
    through: Expression
    definition: int
    upstream: int
    rules: tuple[Rule, ...]
    local: Equation | None
    lines: tuple[Equation, ...]
    withheld: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """The gradient by one node: its contributions, their sum, and what it rests on.

    `because` are the assumptions that come in here, `where` the named parts of its formula, `kinks`
    the conventions that come in here, `value` its number at the point.
    """

    number: int
    gradient: Expression
    name: Expression
    space: Expression | None
    contributions: tuple[Contribution, ...]
    total: tuple[Equation, ...]
    because: tuple[str, ...]
    where: tuple[Equation, ...]
    kinks: tuple[str, ...]
    stamp: Stamp | None
    withheld: str = ""
    value: Expression | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """A gradient that was asked for: its formula as `gd.upstream` has it, or why there is none.

    `step` is the number of the step that derives it.
    """

    step: int
    gradient: Expression
    formula: Expression | None
    space: Expression | None
    because: tuple[str, ...]
    where: tuple[Equation, ...]
    stamp: Stamp | None
    withheld: str = ""
    value: Expression | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Derivation:
    """The derivation of the gradients of `of`; `str` is its text, and notebooks show it.

    `sizes` are the named dimensions. `omitted` is the number of steps that were left out, for there
    are more than were asked for; so are definitions and results. `point` are the values of the
    inputs, where numbers are shown. `size` is the number of nodes of a graph that is so large that
    gradients keep their names, else 0.
    """

    of: Expression
    wrt: tuple[Expression, ...]
    given: tuple[Given, ...]
    definitions: tuple[Definition, ...]
    steps: tuple[Step, ...]
    results: tuple[Result, ...]
    rules: tuple[Rule, ...]
    sizes: tuple[Expression, ...] = ()
    omitted: int = 0
    omitted_definitions: int = 0
    omitted_results: int = 0
    point: tuple[Equation, ...] = ()
    size: int = 0

    @property
    def refused(self) -> bool:
        """Whether a formula is withheld because the numbers did not confirm it."""
        told = [part.withheld for step in self.steps for part in step.contributions]
        told += [step.withheld for step in self.steps] + [each.withheld for each in self.results]
        return REFUSED in told

    def text(self) -> str:
        """The derivation in Unicode, for a terminal."""
        return str(lazy.module("derivations.text").write(self))

    def markdown(self) -> str:
        """The derivation in Markdown, with mathematics between dollar signs."""
        return str(lazy.module("derivations.markdown").write(self))

    def latex(self) -> str:
        """The derivation as a LaTeX document that needs amsmath and amssymb."""
        return str(lazy.module("derivations.latex").write(self))

    def html(self) -> str:
        """The derivation as one HTML page, with MathML, which needs no network."""
        return str(lazy.module("derivations.html").write(self))

    def __str__(self) -> str:
        return self.text()

    __repr__ = __str__

    def _repr_markdown_(self) -> str:
        return self.markdown()

    def _repr_html_(self) -> str:
        return str(lazy.module("derivations.html").fragment(self))
