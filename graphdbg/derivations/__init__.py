"""Derivations: the backward pass as one would write it down, in numbered and checked steps.

Import `derive` and `Derivation` from the room itself.
"""

from .author import derive
from .steps import Derivation

__all__ = ["Derivation", "derive"]
