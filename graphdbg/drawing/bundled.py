"""A child process that draws with the Graphviz inside the pygraphviz wheel.

    python -m graphdbg.drawing.bundled PROGRAM FORMAT < circuit.dot > circuit.svg

Graphviz runs inside of this process, so the parent can stop it when it takes too long.
"""

from __future__ import annotations

import sys

from .. import lazy


def main() -> None:
    """Read DOT from standard input, write the picture to standard output."""
    program, form = sys.argv[1:]
    graph = lazy.pygraphviz().AGraph(string=sys.stdin.buffer.read().decode("utf-8"))
    sys.stdout.buffer.write(graph.draw(format=form, prog=program))


if __name__ == "__main__":
    main()
