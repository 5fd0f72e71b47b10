"""The terminal app: key → action → controller → session, and back as rows that the panes draw.

The bindings, the palette and the help screen are made from the session's `COMMANDS`. The app paints
before the session is loaded; what takes long (opening, checking) runs in threads and never blocks.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, ClassVar

from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.events import Resize
from textual.geometry import Size
from textual.screen import Screen
from textual.widgets import Footer, Static
from textual.worker import get_current_worker

from graphdbg.errors import GraphError
from graphdbg.stepping.commands import COMMANDS

from . import lazy
from .messages import LinePicked, NodeSelected, Scrubbed, Submitted
from .screens.help import PRINTED, Help
from .themes import THEMES
from .widgets.command import CommandLine
from .widgets.graph import GraphPane
from .widgets.panes import Rows
from .widgets.source import SourcePane
from .widgets.timeline import Timeline

if TYPE_CHECKING:
    from graphdbg import Session

    from .controller import Controller

LEAST = (60, 16)  # columns and rows of a terminal in which the panes can be read
NARROW, SHORT = 110, 32  # below, the calls and one of watches and breakpoints are left out
PANES = ("graph", "node", "source", "watches", "breakpoints")
SHORT_ANSWER = 3  # lines that are shown without a pane around them
PAN = {"left": (-8, 0), "right": (8, 0), "up": (0, -4), "down": (0, 4)}
# What a narrow footer shows; more follow where there is room.
FOOTER = ("step", "next", "continue", "reverse-next", "break", "explain", "help", "quit")
# Commands that need a word after them: the key opens the command line with it.
TYPED = ("search",)
# Commands of keys on the selected node.
ON_NODE = ("until", "reverse-until", "path", "check")


def bindings() -> list[BindingType]:
    """A binding for each key of `COMMANDS`; the footer shows those that have a label."""
    made: list[BindingType] = []
    for each in sorted(COMMANDS, key=lambda each: each.name not in FOOTER):
        for at, key in enumerate(each.keys):
            made.append(
                Binding(
                    key,
                    f"do('{each.name}', '{key}')",
                    each.label or each.name,
                    show=bool(each.label) and at == 0,
                    key_display=PRINTED.get(key),
                    priority=key in ("f1",),
                )
            )
    return made


class Debugger(App[None]):
    """The app; `open_session` makes the session, in a thread, after the first paint."""

    TITLE = "graphdbg"
    CSS_PATH = "app.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(),
        Binding("escape", "close", "close", show=False),
    ]
    ENABLE_COMMAND_PALETTE = True
    AUTO_FOCUS = "#graph"

    def __init__(self, open_session: Callable[[], Session], theme: str | None = None) -> None:
        super().__init__()
        self._open_session = open_session
        self._wanted_theme = theme
        self.controller: Controller | None = None
        self.failure: Exception | None = None

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
        yield Footer(show_command_palette=False)
        yield Static("", id="small", markup=False)
        with Vertical(id="opening"):
            yield Static("opening …  (q leaves)", markup=False)

    def on_mount(self) -> None:
        """Choose the theme; open the session behind the first paint."""
        for theme in THEMES.values():
            self.register_theme(theme)
        name = self._wanted_theme or "dark"
        self.theme = THEMES[name].name if name in THEMES else name
        self._fit(self.size)
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        self.run_worker(self._open, thread=True, exit_on_error=False, group="open")

    def _open(self) -> None:
        """In a thread: make the controller, telling what is done meanwhile."""
        worker = get_current_worker()

        def tell(text: str) -> None:
            if not worker.is_cancelled:
                self.call_from_thread(self._tell_opening, text)

        try:
            made = lazy.controller()(self._open_session, tell)
        except Exception as error:  # told by `run`, when the terminal is itself again
            self.failure = error
            self.call_from_thread(self.exit, None, 1)
            return
        if not worker.is_cancelled:
            self.call_from_thread(self._opened, made)

    def _tell_opening(self, text: str) -> None:
        self.query_one("#opening Static", Static).update(f"{text} …  (q leaves)")

    def _opened(self, controller: Controller) -> None:
        self.controller = controller
        self.query_one("#opening").display = False
        self.refresh_panes()
        self.set_focus(self.query_one("#graph"))
        gc.collect()  # once, now: a collection of a large tape in the middle of a step is felt
        gc.freeze()

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
        self._draw_node()
        inside = " > ".join(found.session.frame.stack)
        self.query_one("#source", SourcePane).show(found.source(), f"in {inside}" if inside else "")
        self.query_one("#calls", Rows).show(found.stack())
        self.query_one("#watches", Rows).show(found.watches())
        self.query_one("#breakpoints", Rows).show(found.breakpoints())
        self.query_one("#timeline", Timeline).show(found.timeline())
        if found.wanted() is not None:
            self.set_timer(0.15, self._find_out)  # a person who steps on fast does not wait for it

    def _draw_node(self) -> None:
        pane = self.query_one("#node", Rows)
        if self.controller is not None:
            pane.show(self.controller.card(pane.room))

    def _find_out(self) -> None:
        """Check the node at hand and find its Jacobians, in a thread."""
        found = self.controller
        node = found.wanted() if found else None
        if found is None or node is None:
            return

        def work() -> None:
            try:
                result = found.find_out(node)
            except GraphError:  # the pane goes on saying that it is not checked
                return
            self.call_from_thread(self._found_out, node, result)

        self.run_worker(work, thread=True, exclusive=True, group="check", exit_on_error=False)

    def _found_out(self, node: int, result: object) -> None:
        if self.controller is not None:
            self.controller.keep(node, result)  # type: ignore[arg-type]
            self._draw_node()

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
        try:
            reply = found.run(line)
        except GraphError as error:
            self.say(str(error), "bad")
            return
        if reply.leaves:
            self.exit()
            return
        told = found.told(line, reply)
        if told:
            self.say(told)
        self.refresh_panes()

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
        self.refresh_panes()

    def _do_zoom(self, key: str) -> None:
        assert self.controller is not None
        self.controller.next_zoom()
        self.refresh_panes()

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
        """Close the answers and the command line."""
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
        yield from super().get_system_commands(screen)
        for each in COMMANDS:
            if each.keys and each.method:
                yield SystemCommand(
                    each.name, each.help, lambda at=each: self.action_do(at.name, at.keys[0])
                )


def run(
    open_session: Callable[[], Session], theme: str | None = None, inline: bool = False
) -> int:
    """The exit code of the app on the session that `open_session` makes, after the first paint.

    Raises what opening the session raised, and what went wrong inside the app.
    """
    app = Debugger(open_session, theme)
    app.run(inline=inline)
    failure = app.failure or app._exception
    if failure is not None:
        raise failure
    return app.return_code or 0
