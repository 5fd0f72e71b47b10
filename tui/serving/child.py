"""`Child`: the app of one page, a process of its own that ends with the page.

It is started without a shell. What it is asked is written to its input, what it draws is read from
its output; its errors go where the server's own go. When the input is closed it ends by itself
(`lifeline`), and where it cannot, it is killed.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress

from ..lazy import resource

BEGIN = b"__GANGLION__\n"  # what Textual's web driver prints before its first packet
MEMORY = 8 << 30  # bytes of addresses: evaluations take 4 GB at most, threads reserve more
PATIENCE = 1.0  # seconds for a child to end by itself
FULL = 5.0  # seconds for a child to take what was typed, with 64 kB already waiting
DRIVER = {
    "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
    "TEXTUAL_FPS": "60",
    "TEXTUAL_COLOR_SYSTEM": "truecolor",
}


class Child:
    """`graphdbg step WORDS`, driven by packets; `begun` before anything else."""

    def __init__(self, words: Sequence[str]) -> None:
        # -P: a file of the present folder that is called as a module of ours is never run
        self.command = [sys.executable, "-P", "-m", "graphdbg", "step", *words]
        self.process: Process | None = None

    async def begin(self, columns: int, lines: int) -> None:
        """Start the process in a terminal of this size."""
        size = {"COLUMNS": str(columns), "ROWS": str(lines)}
        self.process = await asyncio.create_subprocess_exec(
            *self.command, stdin=PIPE, stdout=PIPE, env={**os.environ, **DRIVER, **size},
            start_new_session=True,
        )  # fmt: skip
        _bound(self.process.pid)

    async def tell(self, packet: bytes) -> None:
        """Hand a packet on; TimeoutError or OSError where the process does not take it."""
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(packet)
        async with asyncio.timeout(FULL):
            await self.process.stdin.drain()

    async def screen(self) -> AsyncIterator[bytes]:
        """What it draws, piece by piece, until it leaves.

        Of its records only the one that says so is heeded: what asks the browser to open an address
        or to take a file is dropped.
        """
        assert self.process is not None and self.process.stdout is not None
        output = self.process.stdout
        with suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            await output.readuntil(BEGIN)
            while True:
                head = await output.readexactly(5)
                payload = await output.readexactly(int.from_bytes(head[1:], "big"))
                if head[:1] == b"D":
                    yield payload
                elif head[:1] == b"M" and json.loads(payload).get("type") == "exit":
                    return

    async def end(self) -> None:
        """Let the process end, or end it; after that it is gone."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _bound(pid: int) -> None:
    """Give a process its memory, where the platform can and it has inherited no smaller bound."""
    limits = resource()
    if hasattr(limits, "prlimit"):
        most = limits.getrlimit(limits.RLIMIT_AS)[1]
        if most == limits.RLIM_INFINITY or most > MEMORY:
            limits.prlimit(pid, limits.RLIMIT_AS, (MEMORY, MEMORY))
