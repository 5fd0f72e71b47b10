"""The terminal app: key → action → controller → session, and back as rows that the panes draw.

The bindings, the palette and the help screen are made from the session's `COMMANDS`. The app paints
before the session is loaded; what takes long (opening, checking) runs in threads and never blocks.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import DescendantFocus, Resize
from textual.filter import LineFilter
from textual.geometry import Size
from textual.screen import Screen
from textual.theme import BUILTIN_THEMES
from textual.widgets import Static

from graphdbg.errors import GraphError
from graphdbg.stepping.commands import find
from graphdbg.stepping.reach import Reach, anywhere
from graphdbg.tape.graph import suggestion

from . import lazy, lifeline, palette
from .keys import LONG, ON_NODE, PAN, TYPED, TYPING, bindings, footer
from .messages import LinePicked, NodeSelected, Scrubbed, Submitted
from .pieces import Shown
from .screens.help import Help
from .themes import THEMES
from .widgets.command import CommandLine
from .widgets.footer import Keys
from .widgets.graph import GraphPane
from .widgets.panes import Rows
from .widgets.source import SourcePane
from .widgets.timeline import Timeline
from .work import Work

if TYPE_CHECKING:
    from graphdbg import Session
    from graphdbg.stepping.replies import Reply

    from .controller import Controller

LEAST = (60, 16)  # columns and rows of a terminal in which the panes can be read
NARROW, SHORT = 110, 32  # below, the calls and one of watches and breakpoints are left out
PANES = ("graph", "node", "source", "watches", "breakpoints")
COLLECTION = (700, 10, 1_000)  # as Python's own, but a full one a hundred times rarer
SHORT_ANSWER = 3  # lines that are shown without a pane around them


class Debugger(App[None]):
    """The app; a thread makes the session after the first paint; `reach`: of commands' files."""

    TITLE = "graphdbg"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(),
        Binding("escape", "close", "close", show=False),
    ]
    ENABLE_COMMAND_PALETTE = True
    AUTO_FOCUS = "#graph"

    def __init__(
        self,
        open_session: Callable[[], Session],
        theme: str | None = None,
        reach: Reach = anywhere,
    ) -> None:
        super().__init__()
        self._open_session = open_session
        self.reach = reach
        for each in THEMES.values():
            self.register_theme(each)
        name = theme or "dark"
        self.theme = THEMES[name].name if name in THEMES else name
        self.controller: Controller | None = None
        self.failure: Exception | None = None
        self.work = Work(self, self.say, self.hush)

    # ---------------------------------------------------------------- building

    def compose(self) -> ComposeResult:
        """The panes."""
        status = Rows("", "status")
        status.can_focus = False
        yield status
        with Horizontal(id="body"):
            with Vertical(id="left"):
                yield GraphPane("graph")
                with Horizontal(id="lower"):
                    yield SourcePane("source")
                    yield Rows("calls", "calls")
            with Vertical(id="right"):
                yield Rows("node", "node")
                with Vertical(id="lower-right"):
                    yield Rows("watches", "watches")
                    yield Rows("breakpoints", "breakpoints")
        with Vertical(id="console"):
            yield Rows("output", "output")
            yield Rows("", "message")
            yield CommandLine(self._complete, "command")
        yield Timeline("timeline")
        yield Keys("keys")
        yield Static("", id="small", markup=False)
        with Vertical(id="opening"):
            yield Static("opening …  (q leaves)", markup=False)

    def on_mount(self) -> None:
        """Open the session behind the first paint."""
        self._fit(self.size)
        self.query_one("#keys", Keys).show(footer())
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.work.open(
            lambda tell: lazy.controller()(self._open_session, tell, self.reach),
            self.tell_opening,
            self.opened,
            self._failed,
        )

    def _failed(self, error: Exception) -> None:
        """End; `run` tells the error when the terminal is itself again."""
        self.failure = error
        self.exit(None, 1)

    def tell_opening(self, text: str) -> None:
        """Say what is done while the session is opened."""
        self.query_one("#opening Static", Static).update(f"{text} …  (q leaves)")

    def opened(self, controller: Controller) -> None:
        """Show the session."""
        self.controller = controller
        self.query_one("#opening").display = False
        self.refresh_panes()
        self.set_focus(self.query_one("#graph"))
        # A full collection goes through a large tape and is felt in the middle of a step: it was
        # off while opening, and is rare from now on
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTION)
        gc.enable()

    def on_resize(self, event: Resize) -> None:
        """Another size of the terminal: other panes fit."""
        self._fit(event.size)

    def _fit(self, size: Size) -> None:
        width, height = size
        small = width < LEAST[0] or height < LEAST[1]
        self.screen.set_class(small, "small")
        self.screen.set_class(width < NARROW, "narrow")
        self.screen.set_class(height < SHORT, "short")
        if small:
            text = f"the terminal is {width}×{height}: make it {LEAST[0]}×{LEAST[1]} or larger"
            self.query_one("#small", Static).update(text)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line of the app goes through: its characters are shown."""
        return [Shown(), *super().get_line_filters()]

    def _print_error_renderables(self) -> None:
        """Print no traceback: `run` raises the error, and the command line tells it."""
        self._exit_renderables.clear()

    # ---------------------------------------------------------------- drawing

    def refresh_panes(self) -> None:
        """Draw the state of the session in every pane."""
        found = self.controller
        if found is None:
            return
        self.query_one("#status", Rows).show([found.status()])
        self.query_one("#graph", GraphPane).show(
            found.picture, found.rows, found.look, found.current, found.direction, found.selected
        )
        self.draw_node()
        inside = " > ".join(found.session.frame.stack)
        self.query_one("#source", SourcePane).show(found.source(), f"in {inside}" if inside else "")
        self.query_one("#calls", Rows).show(found.stack())
        self.query_one("#watches", Rows).show(found.watches())
        self.query_one("#breakpoints", Rows).show(found.breakpoints())
        self.query_one("#timeline", Timeline).show(found.timeline())
        if found.wanted() is not None:
            self.work.find_out_soon(found, self.draw_node)

    def draw_node(self) -> None:
        """Draw the node pane."""
        pane = self.query_one("#node", Rows)
        if self.controller is not None:
            pane.show(self.controller.card(pane.room))

    def say(self, text: str, style: str = "") -> None:
        """Show an answer: a short one in a line above the timeline, a long one in its pane."""
        lines = text.split("\n")
        short = len(lines) <= SHORT_ANSWER and sum(map(len, lines)) < self.size.width * SHORT_ANSWER
        name = "message" if short else "output"
        pane = self.query_one(f"#{name}", Rows)
        pane.border_subtitle = "Esc closes" if name == "output" else ""
        pane.display = True
        pane.show([[(f" {line} " if short else line, style)] for line in lines])

    def hush(self) -> None:
        """Close what was answered before."""
        for name in ("#message", "#output"):
            self.query_one(name).display = False

    # ---------------------------------------------------------------- actions

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """The footer shows the keys that are live."""
        typing = isinstance(event.widget, CommandLine)
        self.query_one("#keys", Keys).show(TYPING if typing else footer())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys are letters while a command is typed."""
        return not (action == "do" and isinstance(self.focused, CommandLine))

    def action_do(self, name: str, key: str) -> None:
        """Run the command of a key."""
        if name == "quit":
            self.exit()
        elif name == "help":
            self.push_screen(Help())
        elif self.controller is not None:
            self.hush()
            action = getattr(self, f"_do_{name.replace('-', '_')}", None)
            if action is not None:
                action(key)
            elif name in TYPED:
                self._type(f"{name} ")
            elif name in ON_NODE:
                self.command(f"{name} {self.controller.selected_name}")
            else:
                self.command(name)

    def command(self, line: str) -> None:
        """Run a command line and show what it answers; motions answer in the panes."""
        found = self.controller
        if found is None:
            return
        command = find(line.split()[0]) if line.split() else None
        if command is not None and command.name in LONG:
            self.work.long(line, lambda: found.run(line), lambda reply: self._replied(line, reply))
            return
        try:
            self._replied(line, found.run(line))
        except GraphError as error:
            self.say(str(error), "bad")

    def _replied(self, line: str, reply: Reply) -> None:
        assert self.controller is not None
        if reply.leaves:
            self.exit()
            return
        told = self.controller.told(line, reply)
        if told:
            self.say(told)
        self.redraw()

    def redraw(self) -> None:
        """Draw every pane; a picture that takes long is laid out in a thread first."""
        found = self.controller
        if found is None or found.is_drawn:
            self.refresh_panes()
        else:
            self.work.long("drawing", found.draw, lambda _: self.refresh_panes())

    def _type(self, text: str) -> None:
        line = self.query_one("#command", CommandLine)
        line.display = True
        line.value = text
        line.focus()
        line.cursor_position = len(text)

    def _complete(self, text: str) -> list[str]:
        return self.controller.interpreter.completions(text) if self.controller else []

    def _do_break(self, key: str) -> None:
        found = self.controller
        assert found is not None
        self.attempt(lambda: found.toggle(found.selected_name))

    def _do_display(self, key: str) -> None:
        self._type("display ")

    def _do_command(self, key: str) -> None:
        self._type("")

    def _do_explain(self, key: str) -> None:
        assert self.controller is not None
        self.say(self.controller.explain())

    def _do_nudge(self, key: str) -> None:
        assert self.controller is not None
        self.command(self.controller.nudge_line(1 if key == "plus" else -1))

    def _do_fold(self, key: str) -> None:
        assert self.controller is not None
        self.say(self.controller.fold())
        self.redraw()

    def _do_zoom(self, key: str) -> None:
        assert self.controller is not None
        self.controller.next_zoom()
        self.redraw()

    def _do_curves(self, key: str) -> None:
        assert self.controller is not None
        if self.controller.session.iterations is None:
            self.say("this session is of one step: graphdbg train ... --app has curves", "bad")
        else:
            self.push_screen(lazy.curves()(self.controller.session, self.command))

    def _do_current(self, key: str) -> None:
        assert self.controller is not None
        self.controller.follow()
        self.refresh_panes()

    def _move(self, direction: str) -> None:
        assert self.controller is not None
        focused = self.focused
        if focused is not None and focused.id != "graph":
            getattr(focused, f"action_scroll_{direction}", lambda: None)()
            return
        self.controller.move(direction)
        self.refresh_panes()

    def _do_left(self, key: str) -> None:
        self._move("left")

    def _do_right(self, key: str) -> None:
        self._move("right")

    def _do_up(self, key: str) -> None:
        self._move("up")

    def _do_down(self, key: str) -> None:
        self._move("down")

    def _do_pan(self, key: str) -> None:
        self.query_one("#graph", GraphPane).pan(*PAN[key.removeprefix("shift+")])

    def _do_consumer(self, key: str) -> None:
        assert self.controller is not None
        self.controller.along(forward=True)
        self.refresh_panes()

    def _do_producer(self, key: str) -> None:
        assert self.controller is not None
        self.controller.along(forward=False)
        self.refresh_panes()

    def _do_search_next(self, key: str) -> None:
        assert self.controller is not None
        self.controller.search_on(1)
        self.refresh_panes()

    def _do_search_previous(self, key: str) -> None:
        assert self.controller is not None
        self.controller.search_on(-1)
        self.refresh_panes()

    def _do_pane(self, key: str) -> None:
        name = PANES[int(key) - 1]
        self.screen.set_class(name == "breakpoints", "breakpoints")
        self.set_focus(self.query_one(f"#{name}"))

    def action_close(self) -> None:
        """Close the answers and the command line, and leave what takes long."""
        self.work.leave()
        self.hush()
        self.query_one("#command").display = False
        self.set_focus(self.query_one("#graph"))

    def attempt(self, act: Callable[[], str]) -> None:
        """Do something that may be refused, and say how it went."""
        try:
            self.say(act())
        except GraphError as error:
            self.say(str(error), "bad")
        self.refresh_panes()

    # ---------------------------------------------------------------- messages

    def on_node_selected(self, message: NodeSelected) -> None:
        """A node was clicked."""
        if self.controller is not None:
            self.controller.select(message.node)
            self.refresh_panes()

    def on_scrubbed(self, message: Scrubbed) -> None:
        """The timeline was dragged."""
        if self.controller is not None:
            self.controller.goto(message.position)
            self.refresh_panes()

    def on_line_picked(self, message: LinePicked) -> None:
        """A line of the program was clicked."""
        found = self.controller
        if found is not None and found.session.frame.stack == ():
            self.attempt(lambda: found.toggle(f"line {message.line}"))

    def on_submitted(self, message: Submitted) -> None:
        """A command line was entered."""
        self.hush()
        self.query_one("#command").display = False
        self.set_focus(self.query_one("#graph"))
        word, _, rest = message.line.strip().partition(" ")
        if self.controller is not None and word in ("search", "/") and rest:
            self.say(self.controller.search(rest))
            self.refresh_panes()
        elif message.line.strip():
            self.command(message.line)

    # ---------------------------------------------------------------- palette

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's own palette entries, and every command."""
        return palette.entries(super().get_system_commands(screen), self.reach, self.action_do)


def run(
    open_session: Callable[[], Session], theme: str | None = None, reach: Reach = anywhere
) -> int:
    """The exit code of the app on the session that `open_session` makes, after the first paint.

    `reach` is of the files that commands may touch. In a browser, where a server holds the app's
    input, the app ends with the server. Raises GraphError for a theme there is none of, what
    opening the session raised, and what went wrong inside the app.
    """
    known = [*THEMES, *BUILTIN_THEMES]
    if theme is not None and theme not in known:
        raise GraphError(
            f"no theme '{theme}'{suggestion(theme, known)}; there are: {', '.join(known)}"
        )
    if "TEXTUAL_DRIVER" in os.environ:
        lifeline.end_with_input()
    app = Debugger(open_session, theme, reach)
    app.run()
    failure = app.failure or app._exception
    if failure is not None:
        raise failure
    return app.return_code or 0
