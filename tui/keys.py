"""Which keys do what: the bindings of the app, made from the session's `COMMANDS`."""

from __future__ import annotations

from textual.binding import Binding, BindingType

from graphdbg.stepping.commands import COMMANDS

from .screens.help import PRINTED
from .widgets.footer import Key

# What a narrow footer shows; more follow where there is room.
FOOTER = ("step", "next", "continue", "reverse-next", "break", "explain", "help", "quit")
# Commands that need a word after them: the key opens the command line with it.
TYPED = ("search",)
# Commands of keys on the selected node.
ON_NODE = ("until", "reverse-until", "path", "check")
# Commands that may take long on a large graph: they run in a thread, and Esc leaves them.
LONG = ("check", "path", "catch")
PAN = {"left": (-8, 0), "right": (8, 0), "up": (0, -4), "down": (0, 4)}


# What the footer shows while a command is typed.
TYPING = (("Enter", "run", ""), ("Tab", "complete", ""), ("↑↓", "history", ""),
          ("Esc", "close", "close"))  # fmt: skip


def footer() -> list[Key]:
    """The keys of the footer: those of the commands that have a label."""
    made = []
    for each in sorted(COMMANDS, key=lambda each: each.name not in FOOTER):
        if each.label and each.keys:
            key = each.keys[0]
            made.append((PRINTED.get(key, key), each.label, f"do('{each.name}', '{key}')"))
    return made


def bindings() -> list[BindingType]:
    """A binding for each key of `COMMANDS`."""
    return [
        Binding(key, f"do('{each.name}', '{key}')", each.help, key_display=PRINTED.get(key))
        for each in COMMANDS
        for key in each.keys
    ]
