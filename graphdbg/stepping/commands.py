"""`COMMANDS`: the one table of commands, from which prompt, keys, help screen and docs are made.

Lower case goes on, upper case reverses time, as in gdb's single-key mode. A command without a
`method` is the terminal app's alone; keys are named as Textual names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..tape.graph import suggestion


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, other names, keys, arguments, one line of help, the method that runs it.

    `group` is the heading it stands under; `label` is its word in the footer.
    """

    name: str
    aliases: tuple[str, ...]
    keys: tuple[str, ...]
    usage: str
    help: str
    method: str
    group: str
    label: str = ""

    @property
    def words(self) -> tuple[str, ...]:
        """Everything it may be called."""
        return (self.name, *self.aliases)


def _rows(group: str, *rows: tuple[str, str, str, str, str, str, str]) -> list[Command]:
    return [
        Command(name, tuple(also.split()), tuple(keys.split()), usage, text, method, group, label)
        for name, also, keys, usage, text, method, label in rows
    ]


# fmt: off
COMMANDS: tuple[Command, ...] = (
    *_rows(
        "On",
        ("step", "s", "s f11", "[N]", "one event on: into a call; backward: local, × upstream, accumulate", "step", "step"),
        ("next", "n", "n f10", "[N]", "one node on, a call taken whole", "next", "next"),
        ("finish", "f", "f", "", "on until the call returns; outside of calls, to the end of the pass", "finish", "finish"),
        ("continue", "c cont run r", "c f5", "", "on to the next breakpoint or the end", "run", "continue"),
        ("until", "t advance u", "t", "TARGET", "on to a node, `line 12`, `call softmax` or `op relu`", "until", "until"),
        ("last", "end", "G", "", "jump to the last event", "last_event", "last"),
    ),
    *_rows(
        "Back in time",
        ("reverse-step", "rs back", "S", "[N]", "one event back in time", "back", ""),
        ("reverse-next", "rn", "N", "[N]", "one node back in time, a call taken whole", "reverse_next", "back"),
        ("reverse-finish", "rf", "F", "", "back to before the call; outside of calls, to the start of the pass", "reverse_finish", ""),
        ("reverse-continue", "rc", "C", "", "back to the breakpoint before, or the start", "reverse_run", ""),
        ("reverse-until", "rt", "T", "TARGET", "back to where a node, line, call or operation was reached", "reverse_until", ""),
        ("restart", "first", "g", "", "jump to the start", "restart", "start"),
        ("undo", "", "z", "", "take back the last motion, set or nudge", "undo", "undo"),
        ("goto", "", "", "POSITION", "jump to a position of the walk", "goto", ""),
    ),
    *_rows(
        "Stopping",
        ("break", "b", "b f9", "TARGET [if COND] [hits N] [log TEXT]", "stop at a node, `line 12`, `call softmax`, `op relu`; `when loss increases` stops iterate", "break_", "break"),
        ("tbreak", "tb", "", "TARGET [if COND]", "stop there once", "tbreak", ""),
        ("condition", "cond", "", "NUMBER [COND]", "stop at breakpoint NUMBER only where COND holds", "condition", ""),
        ("hits", "", "", "NUMBER [COUNT]", "stop at the hits that COUNT says: 3, == 2, % 5", "hits", ""),
        ("ignore", "", "", "NUMBER TIMES", "pass the next TIMES hits of a breakpoint", "ignore", ""),
        ("log", "dprintf", "", "TARGET TEXT", "print TEXT there, {expressions} filled in, without stopping", "log", ""),
        ("watch", "", "", "EXPR", "stop when the value of EXPR changes", "watch", ""),
        ("catch", "", "", "nan|inf|kink|check-failed [off]", "stop where it arises", "catch", ""),
        ("enable", "", "", "NUMBER", "let a breakpoint stop again", "enable", ""),
        ("disable", "", "", "NUMBER", "let a breakpoint rest", "disable", ""),
        ("delete", "del", "", "[NUMBER]", "remove a breakpoint or watch; all of them without a number", "delete", ""),
    ),
    *_rows(
        "Looking",
        ("print", "p", "", "EXPR", "the value of an expression: h, grad(x), local(q, x), max(abs(h))", "print_", ""),
        ("display", "disp", "w", "EXPR", "show an expression at each stop", "display", "watch"),
        ("undisplay", "", "", "[NUMBER]", "stop showing it", "undisplay", ""),
        ("explain", "e why", "e", "", "what this step did and why, in a sentence or two", "explain", "explain"),
        ("path", "", "p", "NODE [COUNT]", "the gradient of a node as a sum over paths", "path", "paths"),
        ("check", "", "v", "[NODE]", "compare the gradient of a node with differences", "check", "check"),
        ("where", "bt w", "", "", "the position and the calls around it", "where", ""),
        ("list", "l ls", "", "[LINE]", "the program around the current line", "list_", ""),
        ("search", "/", "slash", "TEXT", "nodes whose name or operation has TEXT", "search", "search"),
        ("info", "i", "", "[breakpoints|watches|inputs|node NAME]", "what is set, what is known", "info", ""),
    ),
    *_rows(
        "What if",
        ("set", "", "", "NAME = EXPR", "another value for an input or an entry, W[0, 1] = 3; the position stays", "set_", ""),
        ("nudge", "", "plus minus", "NAME [BY]", "move an input a little: predicted Δf = grad · Δ beside the actual Δf", "nudge", "nudge"),
    ),
    *_rows(
        "Training",
        ("iterate", "it", "i", "[N]", "the same position, N iterations of training on", "iterate", "iterate"),
        ("reverse-iterate", "rit", "I", "[N]", "the same position, N iterations before", "reverse_iterate", ""),
        ("iteration", "", "", "NUMBER|last", "jump to an iteration of the run", "iteration", ""),
        ("curves", "", "m", "", "the run's losses, gradient norms and update ratios", "", ""),
    ),
    *_rows(
        "Session",
        ("save", "", "", "FILE", "write program, point, breakpoints, watches and position as JSON", "save", ""),
        ("load", "", "", "FILE", "go on from a file that save wrote", "load", ""),
        ("help", "h ?", "question_mark f1", "[COMMAND]", "this list, or one command", "help_", "help"),
        ("quit", "q exit", "q", "", "leave", "quit", "quit"),
    ),
    *_rows(
        "In the picture",
        ("left", "", "h left", "", "select the node to the left", "", ""),
        ("down", "", "j down", "", "select the node below", "", ""),
        ("up", "", "k up", "", "select the node above", "", ""),
        ("right", "", "l right", "", "select the node to the right", "", ""),
        ("pan", "", "shift+left shift+down shift+up shift+right", "", "move the picture", "", ""),
        ("consumer", "", "u", "", "select a node that uses this one", "", ""),
        ("producer", "", "d", "", "select an operand of this one", "", ""),
        ("current", "", "H", "", "centre on the node at hand and select it", "", ""),
        ("fold", "", "x", "", "fold or unfold the call at the selected node", "", "fold"),
        ("zoom", "", "o", "", "cards, lines, dots", "", "zoom"),
        ("search-next", "", "full_stop", "", "the next node that the search found", "", ""),
        ("search-previous", "", "comma", "", "the one before", "", ""),
        ("pane", "", "1 2 3 4 5", "", "go to a pane: graph, node, source, watches, breakpoints", "", ""),
        ("command", "", "colon", "", "type a command", "", "command"),
    ),
)
# fmt: on


USAGE = 22  # columns of usage in the overview
EXPRESSIONS = """\
EXPR is an expression of the language of programs, over the names of nodes:
  x + y, max(abs(h)), norm(W1), h[0, 1], isnan(L), p > 0.9
  grad(x), upstream(x)   the gradient by x, known after its last contribution
  accumulated(x)         what has arrived of it so far
  local(q, x)            the derivative of q by its operand x
  value(h)               the value of h; a name by itself is that already
  value, upstream        of the node at hand
  position               of the walk
What has not been computed yet is shown as —, and a condition on it does not hold.
A name of the program goes before these."""


def find(word: str) -> Command | None:
    """The command of a name, an alias or a key (N, S, ...), or of the only name that begins so.

    >>> find("reverse-n").name
    'reverse-next'
    """
    runnable = [each for each in COMMANDS if each.method]
    for each in runnable:
        if word in each.words:
            return each
    for each in runnable:
        if word in each.keys and len(word) == 1:
            return each
    begun = [each for each in runnable if word and each.name.startswith(word)]
    return begun[0] if len(begun) == 1 else None


def unknown(word: str) -> str:
    """What to say of a word that is no command, or the beginning of several."""
    names = [name for each in COMMANDS if each.method for name in each.words]
    begun = [each.name for each in COMMANDS if each.method and each.name.startswith(word)]
    if word in (each.name for each in COMMANDS):
        return f"'{word}' moves in the picture of the terminal app (graphdbg step)"
    if len(begun) > 1:
        return f"'{word}' may be {', '.join(begun)}: write more of it"
    return f"no command '{word}'{suggestion(word, names)} (help lists them)"


def overview() -> Iterator[str]:
    """All commands of the prompt, by group."""
    for group in dict.fromkeys(each.group for each in COMMANDS if each.method):
        yield f"{group}:"
        for each in COMMANDS:
            if each.group == group and each.method:
                usage = f"{each.name} {each.usage}".strip()
                yield from [f"  {usage}"] if len(usage) > USAGE else []
                yield f"  {usage if len(usage) <= USAGE else '':{USAGE}}  {each.help}"
    yield "help COMMAND tells its other names; help expressions what EXPR and COND may be"


def described(command: Command) -> str:
    """One command: usage, other names, keys, help."""
    lines = [f"{command.name} {command.usage}".strip(), f"  {command.help}"]
    lines += [f"  also: {', '.join(command.aliases)}"] if command.aliases else []
    lines += [f"  key: {', '.join(command.keys)}"] if command.keys else []
    if any(word in command.usage for word in ("EXPR", "COND", "TEXT")):
        lines += ["  help expressions tells what EXPR, COND and {expressions} may be"]
    return "\n".join(lines)
