"""The help screen, generated from `COMMANDS`."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen

from graphdbg.stepping.commands import COMMANDS, Command

from ..pieces import Row
from ..widgets.panes import Rows

# How keys are printed that Textual names by words.
PRINTED = {
    "question_mark": "?", "slash": "/", "full_stop": ".", "comma": ",", "plus": "+", "minus": "-",
    "colon": ":", "shift+left": "⇧←", "shift+right": "⇧→", "shift+up": "⇧↑", "shift+down": "⇧↓",
    "left": "←", "right": "→", "up": "↑", "down": "↓",
}  # fmt: skip


def printed(command: Command) -> str:
    """The keys of a command as a person reads them."""
    return " ".join(PRINTED.get(key, key.upper() if key[0] == "f" and key[1:] else key)
                    for key in command.keys)  # fmt: skip


def help_rows() -> list[Row]:
    """All commands by group: keys, name and arguments, what it does."""
    rows: list[Row] = [
        [("Lower case goes on, upper case goes back in time; — is not computed yet.", "")]
    ]
    for group in dict.fromkeys(each.group for each in COMMANDS):
        rows += [[("", "")], [(group, "title")]]
        for each in COMMANDS:
            if each.group == group:
                usage = f"{each.name} {each.usage}".strip() if each.method else each.name
                rows.append([(f"  {printed(each):<10} ", "current"), (usage, "name")])
                rows.append([(f"{'':13}{each.help}", "dim")])
    return rows


class Help(ModalScreen[None]):
    """All keys and commands; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "close", "close"),
        Binding("j", "scroll(1)", show=False),
        Binding("k", "scroll(-1)", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        yield Rows("keys and commands", "help")

    def on_mount(self) -> None:
        """Fill the box; the arrow keys scroll it."""
        box = self.query_one("#help", Rows)
        box.border_subtitle = "Esc closes"
        box.show(help_rows())
        box.focus()

    def action_scroll(self, by: int) -> None:
        """Scroll by lines."""
        self.query_one("#help").scroll_relative(y=by, animate=False)

    def action_close(self) -> None:
        """Close."""
        self.dismiss()
