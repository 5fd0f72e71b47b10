"""The one place of late imports: what a session is made of is loaded behind the first paint."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .controller import Controller


def controller() -> type[Controller]:
    """The class `Controller`; its module brings the session, formulas and the checker."""
    found: type[Controller] = import_module(".controller", __package__).Controller
    return found
