"""The update rules and schedules of the library, as their own signatures describe them.

`def adam(w, g, m, s, t, lr=0.001, ...)` says that the rule keeps m and s between steps, counts the
steps, and has the settings lr, ...: there is no second table of them.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from .. import library
from ..errors import GraphError, UnknownNameError
from ..tape.graph import suggestion

OPTIMIZERS, SCHEDULES = "library/optimizers.gd", "library/schedules.gd"
COUNT, RATE = "t", "lr"  # names with a meaning of their own: the number of the step, the rate


@dataclass(frozen=True, slots=True)
class Rule:
    """An update rule or a schedule: its name, what it keeps, whether it counts, its settings."""

    name: str
    memory: tuple[str, ...]
    counts: bool
    settings: Mapping[str, float]

    def with_settings(self, given: Mapping[str, float]) -> dict[str, float]:
        """The settings with those given; GraphError for one that the rule does not have."""
        for name in given:
            if name not in self.settings:
                known = ", ".join(self.settings) or "none"
                raise GraphError(
                    f"'{self.name}' has no setting '{name}'"
                    f"{suggestion(name, self.settings)} (its settings: {known})"
                )
        return {**self.settings, **given}


def optimizer(name: str) -> Rule:
    """The update rule of this name; UnknownNameError where there is none.

    >>> optimizer("adam").memory, optimizer("adam").counts, optimizer("sgd").memory
    (('m', 's'), True, ())
    """
    return _rule(name, OPTIMIZERS, "optimizer", ("w", "g"))


def schedule(name: str) -> Rule:
    """The schedule of this name; UnknownNameError where there is none.

    >>> dict(schedule("step_decay").settings)
    {'every': 100, 'factor': 0.5}
    """
    return _rule(name, SCHEDULES, "schedule", (COUNT, RATE))


def names(file: str) -> list[str]:
    """The functions of a file of the library.

    >>> names(OPTIMIZERS)[:3]
    ['sgd', 'momentum', 'nesterov']
    """
    return [name for name, source in library.index().items() if source.name == file]


@lru_cache(maxsize=64)
def _rule(name: str, file: str, kind: str, first: tuple[str, ...]) -> Rule:
    if name not in names(file):
        known = names(file)
        raise UnknownNameError(
            f"no {kind} '{name}'{suggestion(name, known)} (there are {', '.join(known)})"
        )
    (function,) = ast.parse(library.definition(name).text).body
    assert isinstance(function, ast.FunctionDef)
    given = [each.arg for each in function.args.args]
    defaults = [ast.literal_eval(each) for each in function.args.defaults]
    free = given[len(first) : len(given) - len(defaults)]
    settings = dict(zip(given[len(given) - len(defaults) :], defaults))
    return Rule(name, tuple(x for x in free if x != COUNT), COUNT in free, settings)
