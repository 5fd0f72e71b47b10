"""The one place of late imports: what a session is made of is loaded behind the first paint."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .controller import Controller
    from .screens.curves import Curves


def controller() -> type[Controller]:
    """The class `Controller`; its module brings the session, formulas and the checker."""
    found: type[Controller] = import_module(".controller", __package__).Controller
    return found


def curves() -> type[Curves]:
    """The class `Curves`; its module brings a package for plots."""
    found: type[Curves] = import_module(".screens.curves", __package__).Curves
    return found


def resource() -> Any:
    """The module resource of the standard library, None where the platform has none."""
    return import_module("resource") if find_spec("resource") else None
