"""The colours of a picture: values green, gradients red, as on the circuits of CS231n.

In `print` both are black, and gradients are italic; in every theme a gradient stands below its wire
and a value above, so that nothing is told by colour alone. Contrast with the background is at
least 4.5 to 1 for all text but what is not computed yet (3 to 1).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours by role; `heat` runs from the smallest gradient to the largest."""

    paper: str
    ink: str
    muted: str
    pending: str
    wire: str
    value: str
    gradient: str
    operation: str
    edge: str
    call: str
    current: str
    current_edge: str
    heat: tuple[str, ...]
    italic_gradient: bool = False


LIGHT = Theme(
    paper="#ffffff", ink="#1f2328", muted="#656d76", pending="#8c939b", wire="#4b5563",
    value="#116329", gradient="#c4141f", operation="#eaf1fb", edge="#33527a", call="#f3effa",
    current="#ffe9a8", current_edge="#9a6700",
    heat=("#c9d3df", "#f2c879", "#ee9b51", "#d9572f", "#a11236"),
)  # fmt: skip
DARK = Theme(
    paper="#0f141a", ink="#e6edf3", muted="#9aa4af", pending="#6b7480", wire="#aab4c0",
    value="#5fd47a", gradient="#ff8a80", operation="#1d2b3f", edge="#7ea6d9", call="#2a2440",
    current="#5a4600", current_edge="#f0b429",
    heat=("#39434f", "#7d6a34", "#b0752d", "#e06a3a", "#ff5c7a"),
)  # fmt: skip
PRINT = Theme(
    paper="#ffffff", ink="#000000", muted="#444444", pending="#8a8a8a", wire="#000000",
    value="#000000", gradient="#000000", operation="#ffffff", edge="#000000", call="#ededed",
    current="#d0d0d0", current_edge="#000000",
    heat=("#d9d9d9", "#b0b0b0", "#808080", "#484848", "#000000"), italic_gradient=True,
)  # fmt: skip
THEMES = {"light": LIGHT, "dark": DARK, "print": PRINT}
