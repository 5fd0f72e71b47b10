"""Which Graphviz draws: a `dot` on the PATH, else the one inside the pygraphviz wheel (from 2.0).

Each run is a process of its own with a time limit: a layout that takes too long is stopped, never
waited for. (`graphviz.pipe` of the graphviz package knows no limit, so the program is called here.)
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from importlib import metadata

from .. import lazy
from ..errors import DrawingError, SlowDrawingError

FORMATS = ("svg", "png", "pdf")
LIMIT = 120.0  # seconds for one run; a picture nobody waits for
MISSING = (
    "no Graphviz found: install it (its program dot has to be on the PATH), or run "
    "pip install 'graphdbg[pictures]', whose pygraphviz brings its own; --format dot needs none"
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A Graphviz: what it is called, and the words that start one of its programs."""

    title: str
    words: tuple[str, ...]

    def run(self, text: str, program: str, form: str, limit: float = LIMIT) -> bytes:
        """What Graphviz makes of DOT in a format, as bytes.

        Raises DrawingError where it fails, SlowDrawingError where it takes over `limit` seconds.
        """
        command = self._command(program, form)
        try:
            done = subprocess.run(command, input=text.encode("utf-8"), capture_output=True,
                                  timeout=limit, check=False)  # fmt: skip
        except subprocess.TimeoutExpired as late:
            raise SlowDrawingError(
                f"Graphviz ({program}) did not finish within {limit:g} s: draw less, with --depth "
                "0, --fold or --neighbourhood NODE:2"
            ) from late
        except OSError as error:
            raise DrawingError(f"cannot run {command[0]}: {error.strerror}") from error
        if done.returncode or not done.stdout:
            said = " ".join(done.stderr.decode("utf-8", "replace").split())
            raise DrawingError(f"Graphviz ({program}) could not make {form}: {said[:300]}")
        return done.stdout

    def _command(self, program: str, form: str) -> list[str]:
        if len(self.words) == 1:  # dot itself plays every layout program
            return [*self.words, f"-K{program}", f"-T{form}"]
        return [*self.words, program, form]


def engine() -> Engine:
    """The Graphviz to draw with; DrawingError where there is none."""
    return _engine(shutil.which("dot"))


@lru_cache(maxsize=4)
def _engine(dot: str | None) -> Engine:
    if dot is not None:
        return Engine(f"Graphviz {_version(dot)} on the PATH", (dot,))
    if not lazy.is_installed("pygraphviz"):
        raise DrawingError(MISSING)
    found = metadata.version("pygraphviz")
    if int(found.split(".")[0]) < 2:
        raise DrawingError(f"pygraphviz {found} has no Graphviz inside, 2.0 has; {MISSING}")
    words = (sys.executable, "-m", "graphdbg.drawing.bundled")
    return Engine(f"the Graphviz inside pygraphviz {found}", words)


def _version(dot: str) -> str:
    done = subprocess.run([dot, "-V"], capture_output=True, text=True, check=False, timeout=LIMIT)
    found = re.search(r"version (\S+)", done.stderr + done.stdout)
    return found[1] if found else "(unknown version)"
