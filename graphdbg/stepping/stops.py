"""`Stop`: why a command ended where it did."""

from __future__ import annotations

from dataclasses import dataclass

from .breakpoints import Breakpoint


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a command ended where it did.

    `reason` is step, breakpoint, watch, a filter's name (nan, ...), start or end; `breakpoints` are
    those that stopped it, `messages` what was logged on the way and how watched values changed.
    """

    position: int
    reason: str
    breakpoints: tuple[Breakpoint, ...] = ()
    messages: tuple[str, ...] = ()
