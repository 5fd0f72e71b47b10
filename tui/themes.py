"""The two themes of the app, dark and light; Textual's own ones can be chosen as well."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="graphdbg-dark", dark=True,
    primary="#7aa2f7", secondary="#bb9af7", accent="#e0af68", foreground="#c8d0e8",
    background="#14161f", surface="#1a1d29", panel="#242838",
    success="#7fd88f", warning="#e0af68", error="#ff7a93",
)  # fmt: skip
LIGHT = Theme(
    name="graphdbg-light", dark=False,
    primary="#2f5fb3", secondary="#7a4fb5", accent="#9a5b00", foreground="#24292f",
    background="#fbfbf8", surface="#f4f4ef", panel="#e6e6de",
    success="#137a3c", warning="#8a5a00", error="#b8223f",
)  # fmt: skip
THEMES = {"dark": DARK, "light": LIGHT}
