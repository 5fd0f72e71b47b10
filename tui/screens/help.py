"""The help screen, generated from `COMMANDS`."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from graphdbg.stepping.commands import COMMANDS, Command

from ..pieces import Row, content

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
        [("Lower case goes on, upper case goes back in time. ", ""), ("— is not computed yet.", "")]
    ]
    for group in dict.fromkeys(each.group for each in COMMANDS):
        rows += [[("", "")], [(group, "title")]]
        for each in COMMANDS:
            if each.group == group:
                usage = f"{each.name} {each.usage}".strip() if each.method else each.name
                rows.append([(f"  {printed(each):<10}", "current"), (usage, "name")])
                rows.append([(f"            {each.help}", "dim")])
    return rows


class Help(ModalScreen[None]):
    """All keys and commands; any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,question_mark,f1,enter", "dismiss", "close"),
        Binding("j,down", "down", show=False),
        Binding("k,up", "up", show=False),
    ]

    def compose(self) -> ComposeResult:
        """One scrolling text."""
        with VerticalScroll(id="help"):
            yield Static(content(help_rows()), markup=False)

    def on_mount(self) -> None:
        """Name the box and let the keys scroll it."""
        box = self.query_one("#help")
        box.border_title = "keys and commands"
        box.border_subtitle = "Esc closes"
        box.focus()

    def action_down(self) -> None:
        """Scroll down."""
        self.query_one("#help").scroll_down(animate=False)

    def action_up(self) -> None:
        """Scroll up."""
        self.query_one("#help").scroll_up(animate=False)

    async def action_dismiss(self, result: None = None) -> None:
        """Close."""
        self.dismiss(result)
