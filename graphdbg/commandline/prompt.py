"""`graphdbg debug`: a prompt in the manner of pdb and gdb over `Interpreter`.

Commands come from the scripts of `-x`, then from standard input: a terminal, or a pipe. Where
nobody types, prompt and command are printed too, so that the output reads as a transcript. An
error of a command is one `error:` and ends nothing; the exit code tells of it (2) where the
commands came from a script or a pipe.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator
from pathlib import Path

from .. import lazy
from ..errors import GraphError
from ..files import reading
from ..stepping.interpreter import Interpreter
from ..stepping.session import Session
from . import opening, painting
from .outlets import say

PROMPT = "(gd) "
OK, BAD_INPUT = 0, 2
HISTORY = 1_000  # lines that are kept, as many as bash keeps


def debug(args: Namespace) -> int:
    """The exit code of a session at the prompt."""
    scripts = [script(path) for path in args.commands]
    return talk(opening.session(args), scripts)


def talk(session: Session, scripts: Iterable[list[str]] = ()) -> int:
    """The exit code of a conversation: the lines of scripts, then those of standard input."""
    prompt = Prompt(Interpreter(session))
    prompt.write("\n".join(greeting(session)))
    prompt.write("\n".join(prompt.interpreter.here()))
    for lines in scripts:
        for line in lines:
            prompt.echo(line)
            if prompt.run(line):
                return prompt.code
    if sys.stdin.isatty():
        prompt.converse()
        return OK
    prompt.listen()
    return prompt.code


def script(path: str) -> list[str]:
    """The commands in a file, without its empty lines; GraphError where it cannot be read."""
    lines = reading.text_of(path, reading.SCRIPT, "the script ").splitlines()
    return [line.strip() for line in lines if line.strip()]


def greeting(session: Session) -> Iterator[str]:
    """What there is to walk through, and which inputs were drawn at random."""
    source, walk = session.graph.source, session.walk
    passes = f"{walk.turn - 1} forward"
    if walk.backward is not None:
        passes += f", {walk.update - walk.turn} backward from {session.frame.of}"
    if walk.update <= walk.end:
        passes += f", {walk.end - walk.update + 1} update"
    inputs, s = len(session.graph.inputs), "s" if len(session.graph.inputs) != 1 else ""
    yield f"{source.name if source else 'graph'}: {inputs} input{s}, {walk.end} steps ({passes})"
    if walk.backward is None:
        yield "no scalar result, so there is no backward pass: --of NAME needs a scalar"
    if session.iterations is not None:
        yield from session.iterations.told()
    if session.drawn:
        yield f"random values (--seed {session.seed}) for {', '.join(session.drawn)}"


class Prompt:
    """Reads commands, runs them, prints the replies; remembers whether one has failed."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.failed = False
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    @property
    def code(self) -> int:
        """The exit code of commands that nobody typed."""
        return BAD_INPUT if self.failed else OK

    def write(self, text: str) -> None:
        """Print a reply."""
        if text:
            say(text, paint=painting.painted if self.colour else str)
            sys.stdout.flush()

    def echo(self, line: str) -> None:
        """Print a command that nobody typed, so that the output reads as a transcript."""
        say(f"{PROMPT}{line}".rstrip())
        sys.stdout.flush()

    def run(self, line: str) -> bool:
        """Run one command; whether it leaves."""
        try:
            reply = self.interpreter.execute(line)
        except GraphError as error:
            self._fail(str(error))
            return False
        except MemoryError:
            self._fail("not enough memory for that")
            return False
        self.write(reply.text)
        return reply.leaves

    def _fail(self, message: str) -> None:
        self.failed = True
        self.write(f"error: {message}")

    def listen(self) -> None:
        """Run the commands of a pipe to its end, or until one leaves."""
        for line in sys.stdin:
            self.echo(line.strip())
            if self.run(line):
                return

    def converse(self) -> None:
        """Ask a person for commands until one leaves, or the input ends (Ctrl-D).

        Ctrl-C drops the line that is being typed, or ends a command that takes long; the cursor
        then stands where it was before the command, or after the last of its steps.
        """
        with typing(self.interpreter):
            leaves = False
            while not leaves:
                try:
                    leaves = self.run(input(PROMPT))
                except EOFError:
                    say()
                    return
                except KeyboardInterrupt:
                    say("\ninterrupted; quit or Ctrl-D leaves")


class typing:
    """Completion and history at a terminal, where the platform has readline."""

    def __init__(self, interpreter: Interpreter) -> None:
        self.interpreter = interpreter
        self.readline = lazy.readline()
        self.file = history_file()
        self._found: list[str] = []

    def __enter__(self) -> None:
        readline = self.readline
        if readline is None:
            return
        editline = "libedit" in (readline.__doc__ or "")
        readline.parse_and_bind("bind ^I rl_complete" if editline else "tab: complete")
        readline.set_completer_delims(" ")
        readline.set_completer(self.complete)
        readline.set_history_length(HISTORY)
        try:
            readline.read_history_file(str(self.file))
        except OSError:
            readline.clear_history()  # there is none yet, or nobody may read it: begin with none

    def __exit__(self, *_: object) -> None:
        readline = self.readline
        if readline is None:
            return
        readline.set_completer(None)
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            readline.write_history_file(str(self.file))
        except OSError:
            return  # a read-only home keeps no history; that is no reason to fail

    def complete(self, word: str, state: int) -> str | None:
        """What readline asks for: the completion of a number, None after the last."""
        if state == 0:
            line = self.readline.get_line_buffer()[: self.readline.get_endidx()]
            self._found = self.interpreter.completions(line)
            if len(self._found) == 1 and " " not in line:
                self._found[0] += " "  # a whole command: its argument comes next
        return self._found[state] if state < len(self._found) else None


def history_file() -> Path:
    """Where lines are kept: `$XDG_STATE_HOME/graphdbg/history`, by default in `~/.local/state`.

    On Windows `%LOCALAPPDATA%` is used.
    """
    given = os.environ.get("XDG_STATE_HOME") or os.environ.get("LOCALAPPDATA")
    base = Path(given) if given else Path(os.path.expanduser("~")) / ".local" / "state"
    return base / "graphdbg" / "history"
