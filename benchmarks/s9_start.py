"""S9: how long a whole process takes from its start to its end.

The command line's help, and the lecture's formula with its checked gradients. Beside them bare
Python and the imports of what graphdbg stands on.

Goal: `--help` under 0.25 s, the formula under 1.2 s. Floor: `--help` under 0.25 s, without SymPy.
"""

import subprocess
import sys
from functools import partial

from harness import Bout, Contestant, main, within

FORMULA = ("f=(x+y)z", "x=-2", "y=5", "z=-4")
BASES = ("numpy", "networkx", "sympy", "textual.app")


def process(*arguments, reveals=()):
    """A function that runs a process to its end; its output must hold what it reveals."""

    def run():
        done = subprocess.run(arguments, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip() or f"exit code {done.returncode}")
        for text in reveals:
            if text not in done.stdout.lower():
                raise RuntimeError(f"the output does not show {text!r}")

    return run


def command(*arguments, before=""):
    """The command line as its installed script starts it, after other code if need be."""
    code = f"import sys\n{before}\nfrom graphdbg.commandline.cli import main\nsys.exit(main())"
    return (sys.executable, "-c", code, *arguments)


def python(code):
    """A process of Python that executes code."""
    return process(sys.executable, "-c", code)


def help_text():
    """`graphdbg --help`."""
    return process(*command("--help"), reveals=("usage",))


def help_without_sympy():
    """`graphdbg --help` in a Python where importing SymPy is an error."""
    return process(*command("--help", before="sys.modules['sympy'] = None"), reveals=("usage",))


def formula():
    """The lecture's formula: values, gradients, verdict."""
    return process(*command(*FORMULA), reveals=("-12", "-4"))


def empty():
    """Bare Python."""
    return python("pass")


def imported(name):
    """Python that imports one module."""
    return python(f"import {name}")


BASELINES = (
    Contestant("python", empty),
    *(
        Contestant(f"import {name}", partial(imported, name), (name.split(".")[0],))
        for name in BASES
    ),
)
HELP = Bout(
    "S9 graphdbg --help",
    (
        Contestant("graphdbg", help_text, ("graphdbg",)),
        Contestant("graphdbg, no sympy", help_without_sympy, ("graphdbg",)),
        *BASELINES,
    ),
    marks=(
        within("goal", 0.25),
        within("floor", 0.25),
        within("floor", 0.25, of="graphdbg, no sympy"),
    ),
)
FORMULA_SHOWN = Bout(
    'S9 graphdbg "f=(x+y)z" x=-2 y=5 z=-4',
    (Contestant("graphdbg", formula, ("graphdbg",)), *BASELINES),
    marks=(within("goal", 1.2),),
)

if __name__ == "__main__":
    main((HELP, FORMULA_SHOWN))
