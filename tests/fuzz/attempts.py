"""What is done with each faulty file or text, and what counts as a fault of ours.

By hand, for many:  python tests/fuzz/attempts.py graphs --count 100000 --seed 0
(or `sessions`, `texts`, `commands`). Each line that is printed is one kind of fault, with the seed
that shows it; the exit code is 1 where there is one.
"""

from __future__ import annotations

import argparse
import io
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any

import mutations

import graphdbg as gd
from graphdbg.commandline import cli
from graphdbg.source import shown
from graphdbg.stepping.interpreter import Interpreter

PATIENCE = 3.0  # seconds that one file or text may take
MOST_NODES = 300  # of a graph that is evaluated and stepped through as well
WORDS = ("step 3", "next", "info", "where", "list", "explain", "continue", "back", "finish", "path")


class Hang(BaseException):
    """An attempt that took longer than it may."""


def a_graph(seed: int) -> None:
    """Load a saved graph; what is loaded is printed, saved and evaluated."""
    graph = gd.Graph.from_json(mutations.json_file(mutations.graph_files, seed))
    again = gd.Graph.from_json(graph.to_json())
    assert str(again) == str(graph)
    if len(graph) <= MOST_NODES:
        gd.Session(graph).run()


def a_session(seed: int) -> None:
    """Load a saved session; what is loaded is walked through and saved."""
    session = gd.Session.from_json(mutations.json_file(mutations.session_files, seed))
    prompt = Interpreter(session)
    prompt.at_hand()
    for word in WORDS:
        try:
            prompt.execute(word)
        except gd.GraphError:
            continue
    gd.Session.from_json(session.to_json())


def a_text(seed: int) -> None:
    """Read a program; what is read is differentiated and evaluated."""
    graph = gd.parse(mutations.program(seed))
    str(graph)
    if len(graph) <= MOST_NODES:
        gd.Session(graph).run()


def a_command(seed: int) -> None:
    """Give a program to one of the command line's commands: no exit code of a bug, nothing raw."""
    text = mutations.program(seed)
    words = COMMANDS[seed % len(COMMANDS)]
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = cli.main([*words[:1], f" {text}", *words[1:]])
    told = out.getvalue() + err.getvalue()
    assert code in (0, 1, 2), told[-200:]
    assert shown(told, lines=True) == told, "raw"
    if code == 2:
        raise gd.GraphError("refused")


ATTEMPTS: dict[str, Callable[[int], None]] = {
    "graphs": a_graph, "sessions": a_session, "texts": a_text, "commands": a_command,
}  # fmt: skip
COMMANDS = (("run",), ("run", "--json"), ("grad",), ("check",), ("hessian",), ("derive",),
            ("derive", "--format", "html"), ("grad", "--format", "python"))  # fmt: skip


def attempt(act: Callable[[int], None], seed: int, patience: float = PATIENCE) -> str:
    """How an attempt went: `done`, `refused`, or the kind of the fault and where it is."""
    try:
        with _at_most(patience), warnings.catch_warnings():
            warnings.simplefilter("error")
            act(seed)
    except gd.GraphError:
        return "refused"
    except (Hang, Exception) as error:
        frames = traceback.extract_tb(error.__traceback__)
        ours = [each for each in frames if "graphdbg" in each.filename] or list(frames)
        place = f"{ours[-1].filename.rpartition('graphdbg/')[2]}:{ours[-1].lineno}"
        return f"{type(error).__name__} at {place}: {str(error)[:80]!r}"
    return "done"


@contextmanager
def _at_most(seconds: float) -> Any:
    """Raise `Hang` in what takes longer, also where it catches errors and goes on."""

    def too_long(*_: object) -> None:
        raise Hang(f"no end in {seconds:g} s")

    before = signal.signal(signal.SIGPROF, too_long)
    signal.setitimer(signal.ITIMER_PROF, seconds, 0.2)  # of work: other programs may be at work too
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main() -> int:
    """Try many seeds and print each kind of fault once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=ATTEMPTS)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    mutations.graph_files(), mutations.session_files(), mutations.texts()
    counted: Counter[str] = Counter()
    begun = time.monotonic()
    for seed in range(options.seed, options.seed + options.count):
        found = attempt(ATTEMPTS[options.what], seed)
        if found not in counted and found not in ("done", "refused"):
            print(f"seed {seed}: {found}".encode("ascii", "backslashreplace").decode(), flush=True)
        counted[found] += 1
    faults = sum(n for kind, n in counted.items() if kind not in ("done", "refused"))
    took = time.monotonic() - begun
    kinds = len(set(counted) - {"done", "refused"})
    print(f"{options.count} {options.what} in {took:.0f} s: {counted['refused']} refused, "
          f"{counted['done']} done, {faults} faults of {kinds} kinds")  # fmt: skip
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
