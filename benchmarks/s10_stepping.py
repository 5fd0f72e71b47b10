"""S10: the terminal app, in a real terminal: how soon it paints, how fast it steps, what it takes.

The lecture's formula, and a program of 10,000 nodes: chains of sin and tanh that part and meet, and
a few nodes with many uses. What is timed ends where the terminal has received the paint. A step is
timed from the key to the end of the last paint it causes, at several places of both passes;
percentiles are over single steps, and "no core" is how long the app was ready but waited for a core
(95 %): a busy machine shows there. Beside them bare Python, the import of Textual and an app of
Textual's with nothing in it; and the session without any app.

Goal: first paint under 0.7 s, and within twice the empty app's; the large graph seen under 3 s; 95
of 100 steps there under 50 ms; memory under 500 MB.
"""

import os
import random
import re
import statistics
import sys
import tempfile
from functools import cache, partial
from pathlib import Path

from harness import (
    FULL,
    QUICK,
    THREADS_SET,
    Bout,
    Contestant,
    Verdict,
    at_most,
    judged_only,
    main,
    read_options,
    run_bouts,
    save,
    show_size,
    show_time,
    show_verdict,
    summary,
    within,
)
from terminal import COLUMNS, ROWS, NotShown, Terminal

LECTURE = ("f=(x+y)z", "x=-2", "y=5", "z=-4")
NODES, INPUTS = 10_000, 20
CHAINS = (12, 32)  # fewest and most chains that run beside each other
BOUND = 2.0  # no value but the sum is larger
PARTS = 0.1  # of the operations leave an operand open for another use
HUBS = 0.01  # of the nodes are used by many for a while
PAINTED = COLUMNS * ROWS // 2  # cells that were written when something has been painted
QUIET = 0.1  # seconds without output after which no other paint of a step comes
PLACES = (0.02, 0.3, 0.6, 0.9)  # of a pass, where steps are timed
AT_EACH = {FULL: 25, QUICK: 8}  # steps at each place
STEP_GOAL, MEMORY_GOAL = 50e-3, 500e6
POSITION = re.compile(r"(\d+) of (\d+)  ")
UP = "the process is up"


# --- the program ----------------------------------------------------------------------------


@cache
def program(seed=10):
    """The text of a program of 10,000 nodes with one result, f; its inputs are x0, x1, ..."""
    rng, made = random.Random(seed), {}
    bounds = {f"x{i}": 1.0 for i in range(INPUTS)}
    ends, hubs = list(bounds), ["x0"]
    while len(bounds) < NODES - len(ends) + 1:
        text, used, bound = grown(rng, ends, hubs, bounds)
        if text in made:
            continue  # equal operations are one node
        name = made[text] = f"v{len(made)}"
        bounds[name] = bound
        ends = [end for end in ends if end not in used] + [name]
        if len(ends) < CHAINS[0] or (len(ends) < CHAINS[1] and rng.random() < PARTS):
            ends.append(next(end for end in used))
        if rng.random() < HUBS:
            hubs = [*hubs[-2:], name]
    lines = [f"{name} = {text}" for text, name in made.items()]
    return "\n".join([*lines, *summed(ends)])


def grown(rng, ends, hubs, bounds):
    """What a chain goes on with, the ends of chains it uses, its bound.

    It is a function of the end, or another chain or a hub is joined in.
    """
    a = rng.choice(ends)
    b = rng.choice(ends if len(ends) > CHAINS[0] and rng.random() < 0.4 else hubs)
    if max(bounds[a], bounds[b]) > BOUND / 2 or rng.random() < 0.6:
        return f"{rng.choice(('sin', 'tanh'))}({a})", [a], 1.0
    kind = rng.choice("+-*")
    bound = bounds[a] * bounds[b] if kind == "*" else bounds[a] + bounds[b]
    return f"{a} {kind} {b}", [a, b], bound


def summed(ends):
    """The lines that add up what nobody used yet."""
    total = ends[0]
    for at, end in enumerate(ends[1:], start=2):
        name = "f" if at == len(ends) else f"s{at}"
        yield f"{name} = {total} + {end}"
        total = name


# --- opening --------------------------------------------------------------------------------


def app(*arguments):
    """`graphdbg step` as the installed script starts it."""
    code = "import sys\nfrom graphdbg.commandline.cli import main\nsys.exit(main())"
    return (sys.executable, "-c", code, "step", *arguments)


def until(is_shown, *command, after=lambda: None):
    """A function that runs a command in a terminal until it has painted what is to be shown.

    What it returns ends the command, off the clock, and does what is to be done after it.
    """

    def run():
        terminal = Terminal(*command)
        try:
            terminal.wait_for(is_shown, limit=20)
        except NotShown:
            terminal.close()
            raise
        return lambda: (terminal.close(), after())[0]

    return run


def is_painted(text):
    """Whether half of the screen has been written, be it with blanks."""
    return len(text) >= PAINTED


def is_lecture(text):
    """Whether the lecture's formula is seen: its status, the card of q, the value of a node."""
    return all(part in text for part in ("start: press s", "╌ q = x + y ╌", "value -2"))


def is_large(text):
    """Whether the large program is seen: its status, an input with its value in the graph."""
    return "start: press s" in text and re.search(r"x\d+ = -?\d", text) is not None


def lecture(is_shown):
    """The lecture's formula in the app."""
    return until(is_shown, *app(*LECTURE))


def large():
    """The large program in the app."""
    path = program_file()
    return until(is_large, *app(str(path)), after=path.unlink)


def program_file():
    """A new file with the large program."""
    handle, name = tempfile.mkstemp(suffix=".gd")
    os.close(handle)
    path = Path(name)
    path.write_text(program())
    return path


def python(code):
    """Python in a terminal, until code has run."""
    code = f"{code}\nprint({UP!r}, flush=True); input()"
    return until(lambda text: UP in text, sys.executable, "-c", code)


def empty_app():
    """An app of Textual's without a widget, until its first paint."""
    code = "from textual.app import App; App().run()"
    return until(is_painted, sys.executable, "-c", code)


BASELINES = (
    Contestant("empty Textual app", empty_app, ("textual",)),
    Contestant("import textual.app", partial(python, "import textual.app"), ("textual",)),
    Contestant("python", partial(python, "pass")),
)
OPENING = (
    Bout(
        'S10 graphdbg step "f=(x+y)z", until the first paint',
        (Contestant("graphdbg", partial(lecture, is_painted), ("graphdbg",)), *BASELINES),
        marks=(within("goal", 0.7), at_most("goal", 2.0, "empty Textual app")),
        cold=True,
    ),
    Bout(
        'S10 graphdbg step "f=(x+y)z", until the graph is seen',
        (Contestant("graphdbg", partial(lecture, is_lecture), ("graphdbg",)), *BASELINES[:1]),
        cold=True,
    ),
    Bout(
        "S10 graphdbg step, 10,000 nodes, until the graph is seen",
        (Contestant("graphdbg", large, ("graphdbg",)), *BASELINES[:1]),
        marks=(within("goal", 3.0),),
        cold=True,
    ),
)


# --- stepping -------------------------------------------------------------------------------

STEPPING = "S10 graphdbg step, 10,000 nodes, key to paint"
KINDS = (("s", "forward"), ("n", "forward"), ("s", "backward"), ("n", "backward"))


def walk(pace):
    """Steps as (seconds, those without a core), by key and pass; the app's peak memory in bytes."""
    path = program_file()
    try:
        with Terminal(*app(str(path))) as terminal:
            terminal.wait_for(is_large, limit=20)
            end = int(POSITION.search(terminal.written)[2])
            times = {kind: [] for kind in KINDS}
            for (key, direction), taken in times.items():
                for place in places(direction, end):
                    go(terminal, place)
                    taken += [step(terminal, key) for _ in range(AT_EACH[pace])]
            return times, terminal.peak()
    finally:
        path.unlink()


def places(direction, end):
    """Positions of the walk in one of its passes."""
    turn = NODES - INPUTS + 1
    first, last = (0, turn) if direction == "forward" else (turn, end)
    return [first + round(share * (last - first)) for share in PLACES]


def go(terminal, position):
    """Jump to a position, by typing the command."""
    terminal.wait_until_quiet(QUIET)
    terminal.type(":")
    terminal.wait_until_quiet(QUIET)
    terminal.forget()
    terminal.type(f"goto {position}\r")
    terminal.wait_for(lambda text: f"{position} of " in text)
    terminal.wait_until_quiet(3 * QUIET)


def step(terminal, key):
    """The seconds from a key to the end of the last paint it causes, and those without a core."""
    before = terminal.waited()
    terminal.forget()
    pressed = terminal.type(key)
    terminal.wait_for(POSITION.search)
    ended = terminal.wait_until_quiet(QUIET)
    return ended - pressed, terminal.waited() - before


def run_stepping(pace):
    """Step through the large program, print the table, and return the verdicts."""
    print(f"\n{STEPPING}")
    try:
        times, peak = walk(pace)
    except NotShown as error:
        print(f"  {summary(error)}")
        return [verdict("every mark", f"not measured ({summary(error)})", None)]
    print(f"  {'':12}  {'median':>9}  {'95 %':>9}  {'longest':>9}  {'no core':>9}  steps")
    found = []
    for (key, direction), taken in times.items():
        seconds, waited = zip(*taken)
        late = last_of_twenty(seconds)
        columns = (statistics.median(seconds), late, max(seconds), last_of_twenty(waited))
        shown = "  ".join(f"{show_time(each):>9}" for each in columns)
        print(f"  {key} {direction:10}  {shown}  {len(taken):5}")
        text = f"{key} {direction}: 95 % < {show_time(STEP_GOAL)}"
        found.append(verdict(text, show_time(late), late < STEP_GOAL))
    text = f"peak < {show_size(MEMORY_GOAL)}"
    found.append(verdict(text, show_size(peak), peak < MEMORY_GOAL if peak else None))
    print("".join(f"  {show_verdict(each)}\n" for each in found), end="", flush=True)
    return found


def last_of_twenty(values):
    """What 95 of 100 values do not exceed."""
    return statistics.quantiles(values, n=20)[-1]


def verdict(text, value, reached):
    """The verdict on a goal of stepping."""
    count = int(os.environ[THREADS_SET])
    return Verdict(Path(sys.argv[0]).stem, STEPPING, count, "goal", text, value, reached)


# --- without an app -------------------------------------------------------------------------


def opened():
    """The session, from the text."""
    from graphdbg import Session, parse

    text = program()

    def run():
        Session(parse(text))

    return run


def thousand_steps():
    """A thousand steps from the middle of the forward pass, reading what each has done."""
    from graphdbg import Session, parse

    session = Session(parse(program()))

    def run():
        session.goto(session.walk.turn // 2)
        for _ in range(1_000):
            session.step()
            session.frame.title, session.frame.value, session.frame.upstream  # noqa: B018

    return run


def back_to_breakpoint():
    """To the middle of the walk, and back in time to a breakpoint near its beginning."""
    from graphdbg import Session, parse

    session = Session(parse(program()))
    mark = session.break_at("v100")

    def run():
        session.goto(session.end // 2)
        if mark not in session.reverse_run().breakpoints:
            raise RuntimeError("the breakpoint was not met")

    return run


HEADLESS = Bout(
    "S10 10,000 nodes, the session without an app",
    (
        Contestant("open", opened, ("graphdbg",)),
        Contestant("1,000 steps", thousand_steps, ("graphdbg",)),
        Contestant("back to a breakpoint", back_to_breakpoint, ("graphdbg",)),
    ),
    marks=(
        within("goal", 1.5, of="open"),
        within("goal", 50e-3, of="1,000 steps"),
        within("goal", 1e-3, of="back to a breakpoint"),
    ),
)
BOUTS = (*OPENING, HEADLESS)


def run_all(options):
    """The bouts and the steps that are asked for, and their verdicts written down."""
    pace = QUICK if options.quick else FULL
    bouts = [(i, judged_only(b) if options.marks else b) for i, b in enumerate(BOUTS)]
    wanted = [(i, b) for i, b in bouts if options.only.lower() in b.title.lower()]
    verdicts = run_bouts(wanted, pace)
    if options.only.lower() in STEPPING.lower():
        verdicts += run_stepping(pace)
    save(options.json, verdicts)


if __name__ == "__main__":
    chosen = read_options((1,))
    if THREADS_SET in os.environ and not chosen.sample:
        run_all(chosen)
    else:
        main(BOUTS)
