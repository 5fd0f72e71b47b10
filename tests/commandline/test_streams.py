"""Streams that are closed, full, or read by nobody: quiet, or one line; never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
LECTURE = "'f=(x+y)z' x=-2 y=5 z=-4"
LINES = [LECTURE, f"{LECTURE} --json", "grad 'f=(x+y)z'", "--help", "grad --help",
         f"debug {LECTURE} < <(printf 'step\\nstep\\n')", f"derive {LECTURE}",
         f"render {LECTURE} -o - --format dot"]  # fmt: skip


def shell(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, stdin=subprocess.DEVNULL,
        timeout=60, env={**os.environ, "G": f"{sys.executable} -m graphdbg"},
    )  # fmt: skip


@pytest.mark.parametrize("line", LINES)
def test_standard_output(line: str) -> None:
    """Full: one line and 2. Nobody reads: 141 and not a word. Closed from the start: 0."""
    head, _, tail = line.partition(" <")
    tail = tail and f"<{tail}"
    full = shell(f"$G {head} {tail} > /dev/full")
    said = "error: cannot write to standard output: No space left on device\n"
    assert (full.returncode, full.stderr) == (2, said)
    left = shell(f"{{ $G {head} {tail}; echo $? >&2; }} | true")
    assert left.stderr in ("141\n", "0\n")
    closed = shell(f"$G {head} {tail} >&-")
    assert (closed.returncode, closed.stderr) == (0, "")


def test_the_other_streams() -> None:
    for stream in ("2>/dev/full", "2>&-"):
        assert shell(f"$G grad 'f = (' {stream}").returncode == 2
        assert shell(f"$G grad 'f = x' {stream}").returncode == 0
    assert shell("$G grad 'f = x' > /dev/full 2>&1").returncode == 2
    closed = shell("$G debug 'f = x' x=1 <&-")
    assert (closed.returncode, closed.stderr) == (0, "") and "forward" in closed.stdout
    assert shell("$G grad - <&-").returncode == 2
