"""The command line: arguments, exit codes, and no traceback for anybody.

0 all checks pass, 1 a check fails or a claim is refuted, 2 bad input, 70 a bug in graphdbg,
128 and the number of a signal that ended it (130 Ctrl-C, 143 SIGTERM, 129 SIGHUP), 141 the reader
of the pipe went away. What the commands do stands in `commands`,
which is loaded after the arguments are understood: `graphdbg --help` loads no package.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import lazy
from ..errors import GraphError, UncheckedFormulaError
from ..tape.limits import NODES, read_size
from . import streams
from .outlets import complain, say, show_traceback

OK, FAILED, BAD_INPUT, BUG, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 70, 130, 141

HELP = """\
graphdbg: see a gradient happen, as symbols, as numbers, and checked.

usage:
  graphdbg SOURCE [name=value ...]              both passes, node by node, and the check
  graphdbg grad SOURCE [--of L] [--wrt W,b]     gradients as formulas
  graphdbg jacobian SOURCE --of p --wrt o       rows outputs, columns inputs
  graphdbg hessian SOURCE [--of f] [--wrt x,y]  second derivatives
  graphdbg check SOURCE [name=value ...]        each rule and each gradient against differences
  graphdbg prove SOURCE "dL/dW = X.T @ D"       proved, refuted (with the point) or agrees
  graphdbg debug SOURCE [name=value ...]        step through both passes at a prompt
  graphdbg step SOURCE [name=value ...]         the same in a terminal app
  graphdbg serve SOURCE [name=value ...]        the app in a browser
  graphdbg derive SOURCE [--wrt W] [-o FILE]    the derivation, step by step, to hand in
  graphdbg train SOURCE --data FILE -o FOLDER   learn the parameters, step by step or at once
  graphdbg sweep SOURCE --data FILE --lr ...    the same training with many rates and rules
  graphdbg render SOURCE -o FILE                the circuit as svg, png, pdf, gif, or a page (html)
  graphdbg examples [FOLDER]                    write the example programs into a folder

SOURCE is a formula such as "f=(x+y)z", a file with a program, an example's name, or - for
standard input.
Values: x=-2   W='[[1,2],[3,4]]'   X=@data.npy   X=@data.csv   n=5 (a named dimension).
Inputs nobody gave a value get random ones (--seed), and the output says so.

examples:
  graphdbg "f=(x+y)z" x=-2 y=5 z=-4
  graphdbg grad "L = sum((X@w - y)^2)" --shape X=n,d --shape w=d --shape y=n --wrt w
  graphdbg jacobian "o: Real[k]; p = softmax(o)" --of p --wrt o

options:
  -h, --help     this help; graphdbg COMMAND --help tells a command's options
  --version      the version

exit codes: 0 all checks pass, 1 a check fails, 2 bad input, 3 undecided (prove).
"""

SMALLER = "Give smaller sizes, or name the dimension (--shape x=n): formulas hold for every size."

COMMANDS = {
    "run": "Both passes, node by node, with the numeric check of every gradient.",
    "grad": "Gradients as formulas, each evaluated and checked before it is shown.",
    "jacobian": "The Jacobian of a node: rows are outputs, columns inputs.",
    "hessian": "The Hessian of a scalar.",
    "check": "Each local rule and each gradient against numeric differences.",
    "prove": "Compare a derived gradient with a claimed formula, such as dL/dW = X.T @ D.",
}
SESSIONS = {
    "debug": "Step through both passes at a prompt, forwards and back in time; help lists the "
    "commands.",
    "step": "Step through both passes in a terminal app.",
    "serve": "The terminal app in a browser, on this machine unless --host says otherwise.",
}
FILES = {
    "sweep": ("sweeping", "The same training with other rates, rules and batches, side by side."),
    "train": ("training", "Learn the parameters of a program from a file of samples: the step, "
              "forward, backward and update, is one graph, and each can be stepped through after."),
    "derive": ("deriving", "The derivation of a gradient in numbered steps, each of them checked: "
               "the rules, the chain rule by name and with everything put in."),
    "render": ("drawing", "Draw the circuit, values green above each wire and gradients red below; "
               "or its state at one step, or every step."),
    "examples": ("examples", "Write the example programs into a folder. Wherever a program or its "
                 "data is asked for, an example's name (classifier, examples/classifier.gd) stands "
                 "for it where there is no such file."),
}  # fmt: skip
DEBUG_NOTE = """\
Commands come from the scripts of -x, one after the other, then from standard input; there an empty
line repeats the last motion. Where nobody types, prompt and commands are printed as well. An error
of a command ends nothing. Exit code: 0, or 2 where a command of a script or a pipe has failed.
"""
REACHED = {"step": "any", "serve": "none"}  # files of commands, without --files
FORMULA_COMMANDS = ("grad", "jacobian", "hessian")
LAST_PORT, MOST_SESSIONS = 65_535, 1_000  # of serve; each session is a process of its own
FORMS = ("chain", "locals", "closed", "matrix", "entries")
FORMATS = ("text", "latex", "json", "python")
LONGEST_SEED = 30  # digits: more than anybody types, and quickly read


def main(argv: Sequence[str] | None = None) -> int:
    """The exit code of the command line `argv` (the process's own when None)."""
    words = list(sys.argv[1:] if argv is None else argv)
    streams.prepare()
    try:
        code = _code(words)
    except OSError:  # the error stream takes nothing either: there is nobody to tell
        code = BAD_INPUT
    return streams.finish(code, BAD_INPUT, BROKEN_PIPE)


def _code(words: list[str]) -> int:
    try:
        return _run(words)
    except GraphError as error:
        complain("error", str(error))
        return FAILED if isinstance(error, UncheckedFormulaError) else BAD_INPUT
    except MemoryError as error:
        complain("error", f"not enough memory: {str(error) or 'a value is too large'}\n{SMALLER}")
        return BAD_INPUT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return BROKEN_PIPE
    except OSError as error:
        if not streams.is_full(error):
            return _confess(error, debug="--debug" in words)
        streams.tell(error)
        return BAD_INPUT
    except Exception as error:  # the last line of defence: a bug is reported, not dumped
        return _confess(error, debug="--debug" in words)


def _run(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        say(HELP, end="")
        return OK if words else BAD_INPUT
    if words[0] == "--version":
        say(f"graphdbg {lazy.version()}")
        return OK
    command = words.pop(0) if words[0] in {**COMMANDS, **SESSIONS, **FILES} else "run"
    try:
        arguments = parser_for(command).parse_intermixed_args(words)
    except SystemExit as stop:  # argparse has said what is wrong, or has shown its help
        return OK if stop.code in (0, None) else BAD_INPUT
    arguments.command = command
    lazy.module("commandline.examples").resolve(arguments)
    lazy.module("commandline.loading").read_from(arguments)  # standard input is named once
    if command in SESSIONS:
        module = "prompt" if command == "debug" else "opening"
        return int(getattr(lazy.module(f"commandline.{module}"), command)(arguments))
    if command in FILES:
        return int(getattr(lazy.module(f"commandline.{FILES[command][0]}"), command)(arguments))
    return int(lazy.module("commandline.commands").RUN[command](arguments))


def parser_for(command: str) -> argparse.ArgumentParser:
    """The options of one command."""
    if command in SESSIONS:
        return _session_parser(command)
    if command == "render":
        return _render_parser()
    if command == "train":
        return _train_parser()
    if command == "sweep":
        return _sweep_parser()
    if command == "derive":
        return _derive_parser()
    if command == "examples":
        return _examples_parser()
    shown = "graphdbg" if command == "run" else f"graphdbg {command}"
    parser = _Parser(prog=shown, description=COMMANDS[command], allow_abbrev=False)
    add = parser.add_argument
    add("source", metavar="SOURCE", help="a formula, a file, or - for standard input")
    if command == "prove":
        add("claim", metavar="CLAIM", help='for example "dL/dW = X.T @ D"')
    add("values", metavar="name=value", nargs="*", help="x=-2, W='[[1,2],[3,4]]', X=@data.npy")
    if command == "prove":
        add("--strict", action="store_true", help="exit with 3 where no proof was found, too")
    else:
        add("--of", metavar="NODE", help="what to differentiate (default: the only output)")
        add("--wrt", metavar="NAMES", help="by what: names with commas (default: all real inputs)")
    if command == "check":
        add("--given", action="append", default=[], metavar="dW=@dW.npy", help="a gradient that "
            "you computed, by the name of what it is the gradient of, W or dW; may be given "
            "several times; every input needs its value then")  # fmt: skip
    if command in FORMULA_COMMANDS:
        add("--form", choices=FORMS, help="how to write the formula (default: the shortest)")
        add("--format", choices=FORMATS, default="text", help="default: text")
    if command == "run":
        add("--all", action="store_true", help="show every node, however many there are")
    add("--json", action="store_true", help="print JSON; the schema is in docs/json-schema.md")
    _add_common(parser)
    return parser


def _add_common(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--seed", type=_seed, default=0, metavar="N", help="of the random values (default: 0)")
    add("--shape", action="append", default=[], metavar="x=4,n", help="the shape of an input")
    add("--nodes", type=_nodes, metavar="N",
        help=f"how many nodes the text may make (default: {NODES})")  # fmt: skip
    add("--limit", type=_size, metavar="SIZE", help="memory that the numbers may take, such as "
        "2GB (default: half of what there is, at most 4GB)")  # fmt: skip
    add("--debug", action="store_true", help="show the traceback of an unexpected error")


def _session_parser(command: str) -> argparse.ArgumentParser:
    """The options of a command that opens a session."""
    parser = _Parser(
        prog=f"graphdbg {command}", description=SESSIONS[command], allow_abbrev=False,
        epilog=DEBUG_NOTE if command == "debug" else None,
    )  # fmt: skip
    add = parser.add_argument
    _add_session(parser)
    if command == "debug":
        add("-x", dest="commands", action="append", default=[], metavar="FILE",
            help="run the commands in a file, one a line; may be given several times")  # fmt: skip
    else:
        add("--theme", metavar="NAME", help="of the app's colours")
        add("--files", metavar="DIR", help="the only folder whose files save, load and set "
            "x = @FILE reach (default: " + REACHED[command] + ")")  # fmt: skip
    if command == "serve":
        add("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine only")
        add("--port", type=_port, default=8000, help="default: 8000; 0 takes a free one")
        add("--public", action="append", default=[], metavar="URL",
            help="where a proxy shows this server, such as https://notebooks.example.org/proxy/8000")
        add("--sessions", type=_sessions, default=8, metavar="N",
            help="pages that may be open at a time (default: 8)")  # fmt: skip
    _add_common(parser)
    return parser


def _add_session(parser: argparse.ArgumentParser) -> None:
    """What a session is opened with."""
    add = parser.add_argument
    add("source", metavar="SOURCE", nargs="?", help="a formula or the file of a program")
    add("values", metavar="name=value", nargs="*", help="x=-2, W='[[1,2],[3,4]]', X=@data.npy")
    add("--of", metavar="NODE", help="what to differentiate (default: the only scalar output)")
    add("--wrt", metavar="NAMES", help="by what: names with commas (default: all real inputs)")
    add("--load", metavar="FILE", help="go on from a session that save wrote, without SOURCE")


def _derive_parser() -> argparse.ArgumentParser:
    """The options of derive."""
    parser = _Parser(prog="graphdbg derive", description=FILES["derive"][1], allow_abbrev=False)
    add = parser.add_argument
    add("source", metavar="SOURCE", help="a formula, a file, or - for standard input")
    add("values", metavar="name=value", nargs="*", help="a point: numbers stand beside formulas")
    add("--of", metavar="NODE", help="what to differentiate (default: the only scalar output)")
    add("--wrt", metavar="NAMES", help="by what: names with commas (default: all real inputs)")
    add("--format", metavar="FORMAT", help="text, markdown, latex, html or pdf (default: text, or "
        "what the file's ending says)")  # fmt: skip
    add("-o", "--output", metavar="FILE", help="where to write it (default: standard output)")
    add("--depth", type=int, default=0, metavar="N", help="calls inside each other to open")
    add("--steps", default="40", metavar="N", help="how many to show, or all (default: 40)")
    _add_common(parser)
    return parser


def _sweep_parser() -> argparse.ArgumentParser:
    """The options of sweep."""
    parser = _Parser(prog="graphdbg sweep", description=FILES["sweep"][1], allow_abbrev=False)
    add = parser.add_argument
    _add_samples(parser)
    add("--lr", metavar="RATES", help="0.01,0.1 or a span: 1e-4:1:log, 0.1:1:lin:5")
    add("--optimizer", metavar="NAMES", help="with commas: sgd,adam")
    add("--batch", metavar="SIZES", help="with commas: 16,64")
    add("--schedule", metavar="NAMES", help="with commas: constant,cosine_decay")
    add("--executor", default="processes", metavar="KIND",
        help="processes (default), threads or dask://HOST:PORT")  # fmt: skip
    add("--jobs", type=int, metavar="N", help="trials at a time (default: one a core)")
    add("-o", "--output", metavar="FOLDER", help="where the table and the plot go")
    _add_common(parser)
    return parser


def _add_samples(parser: argparse.ArgumentParser) -> None:
    """What train and sweep have in common."""
    add = parser.add_argument
    add("source", metavar="SOURCE", help="the file of a program, or a formula")
    add("--data", metavar="FILE", help="samples as csv, npy or npz; of a csv the last column is "
        "the target")  # fmt: skip
    add("--target", metavar="COLUMN", help="the column of a csv that is to be predicted")
    add("--of", metavar="NODE", help="the loss (default: the only scalar result)")
    add("--epochs", type=int, default=100, metavar="N", help="passes over the data (default: 100)")
    add("--validation", type=float, default=0.0, metavar="SHARE", help="held out, such as 0.2")
    add("--early-stopping", type=int, metavar="N", help="epochs without a better validation loss")
    add("--mask", action="append", default=[], metavar="M=0.8", help="an input drawn anew at each "
        "step, by the probability to keep (dropout)")  # fmt: skip


def _train_parser() -> argparse.ArgumentParser:
    """The options of train."""
    parser = _Parser(prog="graphdbg train", description=FILES["train"][1], allow_abbrev=False)
    add = parser.add_argument
    _add_samples(parser)
    add("--optimizer", default="sgd", metavar="NAME", help="sgd (default), momentum, adam, ...")
    add("--lr", type=float, metavar="RATE", help="the learning rate (default: the rule's own)")
    add("--set", action="append", default=[], metavar="x=0.9", help="a setting of the rule")
    add("--schedule", default="constant", metavar="NAME", help="step_decay, cosine_decay, ...")
    add("--pace", action="append", default=[], metavar="x=10", help="a setting of the schedule")
    add("--batch", type=int, metavar="N", help="samples a step (default: all)")
    add("--profile", default="cs231n", metavar="NAME", help="of diagnostics: sagemaker, ...")
    add("-o", "--output", metavar="FOLDER", help="where parameters, history and settings go")
    add("--resume", action="store_true", help="go on with the run in -o FOLDER")
    add("--checkpoint", metavar="PACE",
        help="how often the run is saved on the way: 30s, or 5 (epochs); default: at least "
        "every 10 s")  # fmt: skip
    add("--prompt", dest="debug_run", action="store_true", help="then step through it at a prompt")
    add("--app", dest="step_run", action="store_true", help="then step through it in the app")
    _add_common(parser)
    return parser


def _render_parser() -> argparse.ArgumentParser:
    """The options of render."""
    parser = _Parser(prog="graphdbg render", description=FILES["render"][1], allow_abbrev=False)
    _add_session(parser)
    add = parser.add_argument
    add("-o", "--output", metavar="FILE", help="its ending says the format; - for standard output")
    add("--format", metavar="FORMAT",
        help="svg, png, pdf, dot, txt, html (a page that steps), gif (the walk)")  # fmt: skip
    add("--frames", metavar="DIR", help="one picture a step (--format svg, png or pdf)")
    add("--at", metavar="NODE", help="the moment a node, 'line 3' or 'call softmax' is reached")
    add("--step", type=int, metavar="N", help="the moment after N steps of the walk")
    add("--only", default="both", metavar="PASS", help="both, forward (values) or backward")
    add("--fold", action="append", default=[], metavar="NAMES", help="calls drawn as one node")
    add("--depth", type=int, metavar="N", help="calls nested deeper than N are folded; 0 folds all")
    add("--neighbourhood", metavar="NODE:N", help="only what is within N steps of a node")
    add("--locals", action="store_true", help="local derivatives on the edges")
    add("--heat", action="store_true", help="wires coloured by the size of their gradient")
    add("--down", action="store_true", help="from top to bottom: for deep networks")
    add("--theme", default="light", metavar="NAME", help="light, dark or print")
    add("--all", action="store_true", help="draw every node, however many there are")
    _add_common(parser)
    return parser


def _examples_parser() -> argparse.ArgumentParser:
    """The options of examples."""
    parser = _Parser(
        prog="graphdbg examples", description=FILES["examples"][1], allow_abbrev=False
    )
    add = parser.add_argument
    add("folder", metavar="FOLDER", nargs="?", default="examples", help="default: examples")
    add("--debug", action="store_true", help="show the traceback of an unexpected error")
    return parser


class _Parser(argparse.ArgumentParser):
    """Errors that say what to do next."""

    def error(self, message: str) -> NoReturn:
        """Print the message with a pointer to the help and exit with 2."""
        message = message.replace(", name=value", "")  # argparse asks for what may be left out
        complain("error", f"{message}\n(see {self.prog} --help; put -- before a formula with a -)")
        raise SystemExit(BAD_INPUT)

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # argparse's own keeps silent where a stream is full


def _seed(word: str) -> int:
    if not word.strip().isdecimal() or len(word) > LONGEST_SEED:
        raise argparse.ArgumentTypeError(
            f"found '{word:.40}', expected a whole number from 0 of at most {LONGEST_SEED} digits"
        )
    return int(word)


def _port(word: str) -> int:
    if not word.isdecimal() or int(word[:9]) > LAST_PORT:
        raise argparse.ArgumentTypeError(f"found '{word}', expected a number from 0 to {LAST_PORT}")
    return int(word)


def _sessions(word: str) -> int:
    if not word.isdecimal() or not 1 <= int(word[:9]) <= MOST_SESSIONS:
        raise argparse.ArgumentTypeError(
            f"found '{word}', expected a number from 1 to {MOST_SESSIONS}"
        )
    return int(word)


def _nodes(word: str) -> int:
    if not (word.isascii() and word.isdecimal() and 0 < len(word) < 16 and int(word)):
        raise argparse.ArgumentTypeError(f"found '{word[:40]}', expected a whole number from 1")
    return int(word)


def _size(word: str) -> int | None:
    try:
        return read_size(word)
    except GraphError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _confess(error: Exception, debug: bool) -> int:
    if debug:
        show_traceback(error)
    first = (str(error).splitlines() or [""])[0]
    complain(
        "bug",
        f"{type(error).__name__}: {first:.200}\n"
        "This is a fault in graphdbg. Please report it with the command you ran"
        + (" and the traceback above." if debug else "; --debug shows the traceback."),
    )
    return BUG
