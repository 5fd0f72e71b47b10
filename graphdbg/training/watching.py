"""`Watcher`, which diagnoses a run at the end of each epoch and keeps what it finds first."""

from __future__ import annotations

from dataclasses import dataclass

from ..numbers.evaluator import evaluate
from .diagnostics import Finding, Moment, diagnose
from .profiles import Profile, profile
from .runs import Run, State

MOST_BEFORE = 3  # earlier parameters that rules compare with


@dataclass(frozen=True, eq=False)
class Watched:
    """What a watcher has found, each with its iteration, and the parameters it compares with."""

    found: tuple[tuple[int, Finding], ...] = ()
    before: tuple[State, ...] = ()


class Watcher:
    """Called with a run after each epoch; `found` holds iteration and finding, first ones only."""

    def __init__(self, name: str | Profile = "cs231n") -> None:
        self.profile = name if isinstance(name, Profile) else profile(name)
        self.found: dict[tuple[str, str], tuple[int, Finding]] = {}
        self._before: list[State] = []

    @property
    def watched(self) -> Watched:
        """What another watcher goes on from."""
        return Watched(tuple(self.found.values()), tuple(self._before))

    def go_on(self, watched: Watched) -> None:
        """Go on from what another one has watched of the run."""
        self.found = {(each.rule, each.node): (at, each) for at, each in watched.found}
        self._before = list(watched.before)

    def __call__(self, run: Run) -> list[Finding]:
        """What is wrong for the first time at the end of this epoch."""
        if run.latest is None:
            return []
        before, after = run.latest
        iteration = run.iterations - 1
        trace = evaluate(run.step.graph, run.history.stepper.point(before, iteration))
        names = run.step.parameters
        moment = Moment(
            trace, run.step.graph.passes[-1], names, {name: after[name] for name in names},
            self._before, run.losses, [each.loss for each in run.epochs],
            [each.validation for each in run.epochs if each.validation is not None],
            run.history.stepper.data.arrays,
        )  # fmt: skip
        fresh = []
        for each in diagnose(moment, self.profile):
            if (each.rule, each.node) not in self.found:
                self.found[each.rule, each.node] = (iteration, each)
                fresh.append(each)
        self._before = [{name: before[name] for name in names}, *self._before][:MOST_BEFORE]
        return fresh
