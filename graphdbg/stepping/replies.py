"""`Reply`, the answer to a command, and the commands that go over the iterations of a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import GraphError
from .arguments import need, whole
from .iterations import PHRASES, Condition, Iterations

if TYPE_CHECKING:
    from .session import Session


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a command: its text, whether the state may have changed, whether to leave."""

    text: str = ""
    moved: bool = False
    leaves: bool = False


class OverIterations(ABC):
    """Commands on a session that has a training run."""

    session: Session

    @abstractmethod
    def at_hand(self, before: Iterable[str] = (), moved: bool = False) -> Reply:
        """Where the session stands, after some lines."""

    def iterate(self, rest: str) -> Reply:
        """The same position some iterations on."""
        return self._at(self._times(rest))

    def reverse_iterate(self, rest: str) -> Reply:
        """The same position some iterations before."""
        return self._at(-self._times(rest))

    def iteration(self, rest: str) -> Reply:
        """One iteration, by its number."""
        need(rest, "the number of an iteration, or last", "iteration 100")
        over = self._over()
        number = over.last if rest == "last" else whole(rest, "iteration 100")
        self.session.goto_iteration(number)
        return self.at_hand(over.told(), moved=True)

    def _times(self, rest: str) -> int:
        times = whole(rest, "iterate 10") if rest else 1
        if times < 1:
            raise GraphError(f"found {times} iterations, expected 1 or more")
        return times

    def _at(self, times: int) -> Reply:
        over, before = self._over(), self.session.iteration
        reached = self.session.iterate(times)
        lines = list(over.told())
        if reached == before:
            end = "last" if times > 0 else "first"
            lines.append(f"the {end} iteration: the run goes no further")
        elif reached != before + times and reached in over.stops():
            held = (each.text for each in over.conditions.values()
                    if reached in each.matches(over.run.losses, over.run.epoch))  # fmt: skip
            lines.append(f"stopped: {', '.join(held)}")
        return self.at_hand(lines, moved=True)

    def stop_when(self, text: str) -> str:
        """A condition on iterations; what it is, and how often it holds."""
        need(text, f"a condition such as {next(iter(PHRASES))}", "break when loss > 2")
        over, made = self._over(), Condition(text.strip())
        count = len(made.matches(over.run.losses, over.run.epoch))
        number = self.session.marks.next_number()
        over.conditions[number] = made
        return f"breakpoint {number}: when {made.text}   ({count} of {over.last + 1} iterations)"

    def _over(self) -> Iterations:
        if self.session.iterations is None:
            raise GraphError("this session is of one step: graphdbg train ... --prompt has a run")
        return self.session.iterations
