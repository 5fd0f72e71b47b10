"""`Stop`, why a command ended where it did, and `Past`, what undo needs of it."""

from __future__ import annotations

from dataclasses import dataclass

from .breakpoints import Breakpoint
from .scope import Scope


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


@dataclass(frozen=True, slots=True)
class Past:
    """What a command left behind: where it began, and temporary breakpoints that it met."""

    position: int
    scope: Scope
    iteration: int
    deleted: tuple[Breakpoint, ...] = ()
