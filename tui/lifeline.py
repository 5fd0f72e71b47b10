"""An app in a browser ends with the server that holds its standard input.

Textual's own reader would go on with a closed pipe on a whole core, and a session that computes
would not look at its input at all, so a thread waits for the other end to close. It closes when the
server ends its visitor's session, and also when the server itself is killed.
"""

from __future__ import annotations

import os
import select
from threading import Thread

INPUT = 0  # the descriptor that Textual's web driver reads


def end_with_input() -> None:
    """Watch from now on; nothing is returned, and the process ends when its input is closed."""
    if hasattr(select, "poll"):  # Windows has none: there the server ends its children alone
        Thread(target=_wait, name="lifeline", daemon=True).start()


def _wait() -> None:
    watched = select.poll()
    watched.register(INPUT, 0)  # no events asked for: only a hang-up is told, never input
    watched.poll()
    os._exit(0)  # there is no terminal to put in order, and a busy thread would not let us leave
