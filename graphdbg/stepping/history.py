"""`History`: what `undo` goes back to, and the numbers of the points before this one."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from .breakpoints import Breakpoint
from .scope import Scope

MOST_UNDO = 1_000  # commands that can be taken back
MOST_SCOPES = 8  # points before this one whose numbers are kept; those of others are found anew


@dataclass(frozen=True, slots=True)
class Past:
    """What a command left behind: where it began, and temporary breakpoints that it met."""

    position: int
    scope: Scope
    iteration: int
    deleted: tuple[Breakpoint, ...] = ()


class History:
    """Where commands began, the latest last."""

    def __init__(self) -> None:
        self.past: deque[Past] = deque(maxlen=MOST_UNDO)
        self.left: deque[Scope] = deque()

    def keep(self, past: Past) -> None:
        """Remember where a command began."""
        self.past.append(past)

    def leave(self, scope: Scope) -> None:
        """Take note of a point that is left: its numbers are kept a while."""
        self.left.append(scope)
        if len(self.left) > MOST_SCOPES:
            self.left.popleft().rest()

    def back(self) -> Past | None:
        """What the last command left behind, forgotten now; None where there is no such command."""
        return self.past.pop() if self.past else None
