"""`Work`: what takes long, in threads: opening, checking, long commands, drawing a large graph.

A thread cannot be stopped, but it can be left: what it brings is dropped then, and the app goes on.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.worker import Worker, get_current_worker

from graphdbg.errors import GraphError

if TYPE_CHECKING:
    from .controller import Controller

PATIENCE = 0.3  # seconds after which a person is told that something takes long
PAUSE = 0.15  # seconds before a node is checked: who steps on fast does not wait for it


class Work:
    """The threads of an app, which shows what they bring.

    `say` shows a sentence in a style, `hush` closes what was said. All that is handed to a method
    but the work itself is called in the app's own thread.
    """

    def __init__(
        self, app: App[None], say: Callable[[str, str], None], hush: Callable[[], None]
    ) -> None:
        self.app, self.say, self.hush = app, say, hush
        self._long: Worker[None] | None = None

    def open(
        self,
        make: Callable[[Callable[[str], None]], Controller],
        tell: Callable[[str], None],
        opened: Callable[[Controller], None],
        failed: Callable[[Exception], None],
    ) -> None:
        """Make the controller, which says what it does meanwhile, and hand it to `opened`."""
        app = self.app

        def work() -> None:
            worker = get_current_worker()

            def told(text: str) -> None:
                if not worker.is_cancelled:
                    app.call_from_thread(tell, text)

            gc.disable()  # until it is open: it takes a quarter of the time
            try:
                made = make(told)
            except Exception as error:
                app.call_from_thread(failed, error)
                return
            if not worker.is_cancelled:
                app.call_from_thread(opened, made)

        app.run_worker(work, thread=True, exit_on_error=False, group="open")

    def find_out_soon(self, found: Controller, then: Callable[[], None]) -> None:
        """Check the node at hand and find its Jacobians, unless the cursor goes on at once."""
        self.app.set_timer(PAUSE, lambda: self._find_out(found, then))

    def _find_out(self, found: Controller, then: Callable[[], None]) -> None:
        app, node = self.app, found.wanted()
        if node is None:
            return

        def work() -> None:
            scope = found.session.scope
            try:
                result: Any = found.find_out(node)
            except GraphError as error:
                result = str(error)
            app.call_from_thread(keep, scope, result)

        def keep(scope: Any, result: Any) -> None:
            found.keep(node, scope, result)
            then()

        app.run_worker(work, thread=True, exclusive=True, group="check", exit_on_error=False)

    def long(self, what: str, task: Callable[[], Any], then: Callable[[Any], None]) -> None:
        """Run a task that may take long; say so if it does, and hand what it brings to `then`."""
        app = self.app
        self.leave()

        def work() -> None:
            worker = get_current_worker()
            try:
                result, error = task(), None
            except GraphError as found:
                result, error = None, found
            if not worker.is_cancelled:
                app.call_from_thread(finish, result, error)

        def finish(result: Any, error: GraphError | None) -> None:
            self._long = None
            self.hush()
            if error is not None:
                self.say(str(error), "bad")
            else:
                then(result)

        worker = app.run_worker(work, thread=True, group="long", exit_on_error=False)
        self._long = worker

        def told() -> None:
            if self._long is worker:
                self.say(f"{what} … (Esc leaves it)", "")

        app.set_timer(PATIENCE, told)

    def leave(self) -> None:
        """Drop what a long task will bring."""
        if self._long is not None:
            self._long.cancel()
            self._long = None
