"""The stopwatch of the benchmarks: contestants side by side, checked before they are timed.

A script describes each comparison as a `Bout` and hands its bouts to `main`. A contestant's
`prepare` imports what it needs, sets everything up, and returns a function of no arguments,
`run`, which is what is timed. What `run` returns is read by `read_answer`: a sequence of
arrays, or a function that gives one (so that a symbolic result is evaluated off the clock).

* Answers of all contestants are compared first; a disagreement ends the script.
* A *warm* bout times calls in this process, after one call to warm up. A *cold* bout times
  the first call in a new process, after `prepare`; there the answers come with the first
  round, and no time is reported before they were compared.
* Contestants take turns, round by round, and a ratio is the median of the ratios of the
  rounds, so that a machine that slows down in between slows everyone down.
* One that has used up its budget of seconds sits out the further rounds; one that is not
  installed, fails or takes longer than the time limit is named with the reason.

The number of threads is read by the numeric libraries when they are imported, so `main` runs
the script again as a child for each thread setting. Nothing heavy is imported before that.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

OURS = "graphdbg"
THREADS_SET = "GRAPHDBG_BENCH_THREADS"
# Thread pools wait for more work in a busy loop, OpenBLAS for 25 ms at 3 GHz (2^26 cycles):
# the next contestant would share its cores with the one before.
SETTLE = 0.05
# Seconds. Several times what the system gives another process before it returns (about 4 ms):
# shorter samples fall into step with a busy neighbour, who then slows one contestant only.
SHORTEST_SAMPLE = 20e-3


@dataclass(frozen=True)
class Contestant:
    """One way to do the work: `prepare()` returns the function that is timed."""

    name: str
    prepare: Callable[[], Callable[[], Any]]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Mark:
    """What is to be reached: a goal or a floor, as a ratio to a peer, seconds or bytes."""

    level: str
    text: str
    limit: float
    against: str | None = None
    of: str = OURS
    measure: str = "seconds"


@dataclass(frozen=True)
class Bout:
    """One comparison: the contestants, the marks, the names of the parts of an answer.

    The answers are compared with `expected`, or without it with the first contestant's.
    """

    title: str
    contestants: tuple[Contestant, ...]
    marks: tuple[Mark, ...] = ()
    answers: tuple[str, ...] = ()
    expected: tuple[Any, ...] = ()
    cold: bool = False
    rtol: float = 1e-9


@dataclass(frozen=True)
class Pace:
    """How long to measure: rounds, seconds per contestant, and the limit for one cold call."""

    rounds: int
    budget: float
    limit: float


FULL = Pace(rounds=25, budget=4.0, limit=120.0)
QUICK = Pace(rounds=6, budget=1.0, limit=10.0)


@dataclass
class Entry:
    """A contestant in a bout: what it answered, its times, or the note why it has none."""

    contestant: Contestant
    run: Callable[[], Any] | None = None
    answer: list[list[float]] | None = None
    loops: int = 1
    samples: list[float] = field(default_factory=list)
    spent: float = 0.0
    peak: int = 0
    note: str = ""
    at_least: float | None = None

    @property
    def name(self) -> str:
        """The contestant's name."""
        return self.contestant.name


@dataclass(frozen=True)
class Verdict:
    """A mark and what was measured for it; `reached` is None where it could not be told."""

    script: str
    bout: str
    threads: int
    level: str
    text: str
    value: str
    reached: bool | None


class Disagreement(SystemExit):
    """Two contestants gave different answers, so none of their times means anything."""


def at_most(level: str, factor: float, peer: str, of: str = OURS) -> Mark:
    """The mark `of takes at most factor times as long as the peer`."""
    return Mark(level, f"{_whose(of)}<= {factor:g}x {peer}", factor, peer, of)


def times_faster(level: str, factor: float, peer: str, of: str = OURS) -> Mark:
    """The mark `of is at least factor times as fast as the peer`."""
    return Mark(level, f"{_whose(of)}>= {factor:,g}x faster than {peer}", 1 / factor, peer, of)


def within(level: str, seconds: float, of: str = OURS) -> Mark:
    """The mark `of takes less than so many seconds`."""
    return Mark(level, f"{_whose(of)}< {show_time(seconds)}", seconds, of=of)


def memory_within(level: str, size: float, of: str = OURS) -> Mark:
    """The mark `of's process peaks below so many bytes`; for cold bouts."""
    return Mark(level, f"{_whose(of)}peak < {show_size(size)}", size, of=of, measure="bytes")


def _whose(of: str) -> str:
    return "" if of == OURS else f"{of}: "


# --- entering and comparing -----------------------------------------------------------------


def read_answer(result: Any) -> list[list[float]]:
    """The arrays of an answer as flat lists; a function stands for its result."""
    import numpy as np

    parts = result() if callable(result) else result
    if parts is None:
        return []
    return [np.asarray(part, dtype=float).ravel().tolist() for part in parts]


def missing(contestant: Contestant) -> str:
    """The note about modules that are not installed, empty when nothing is missing."""
    absent = [name for name in contestant.needs if find_spec(name) is None]
    return f"skipped: {', '.join(absent)} not installed" if absent else ""


def enter_warm(contestant: Contestant) -> Entry:
    """The contestant prepared in this process, with the answer of its first call."""
    entry = Entry(contestant, note=missing(contestant))
    if entry.note:
        return entry
    try:
        entry.run = contestant.prepare()
        entry.answer = read_answer(entry.run()) or None
    except Exception as error:  # a peer that fails is reported in the table, not hidden
        entry.run, entry.note = None, f"failed: {summary(error)}"
    return entry


def summary(error: BaseException) -> str:
    """An exception in one line of at most 120 characters."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:120]


def compare(bout: Bout, entries: Sequence[Entry]) -> None:
    """Check that all answers agree; raise Disagreement when one does not."""
    answered = [(entry.name, entry.answer) for entry in entries if entry.answer is not None]
    if bout.expected:
        answered.insert(0, ("the known answer", read_answer(bout.expected)))
    for name, answer in answered[1:]:
        if len(answer) != len(answered[0][1]):
            raise Disagreement(f"{bout.title}: {name} has another number of answers")
        for index, (mine, first) in enumerate(zip(answer, answered[0][1])):
            gap = difference(mine, first)
            if not gap <= bout.rtol:
                part = bout.answers[index] if index < len(bout.answers) else f"answer {index}"
                raise Disagreement(
                    f"{bout.title}: {name} and {answered[0][0]} disagree about {part}: "
                    f"relative difference {gap:.2e}, allowed {bout.rtol:.0e}"
                )


def difference(mine: list[float], reference: list[float]) -> float:
    """The largest difference relative to the largest entry; inf if sizes differ, nan for nan."""
    import numpy as np

    if len(mine) != len(reference):
        return float("inf")
    if not reference:
        return 0.0
    a, b = np.array(mine), np.array(reference)
    return float(np.max(np.abs(a - b)) / (np.max(np.abs(b)) or 1.0))


# --- timing ---------------------------------------------------------------------------------


def measure(bout: Bout, pace: Pace, position: int) -> list[Entry]:
    """All contestants of a bout, compared and timed."""
    if bout.cold:
        return measure_cold(bout, pace, position)
    entries = [enter_warm(contestant) for contestant in bout.contestants]
    compare(bout, entries)
    # What other contestants built must not make this one's garbage collections longer.
    gc.collect()
    gc.freeze()
    for entry in entries:
        calibrate(entry)
    take_turns(entries, pace, sample_warm)
    gc.unfreeze()
    return entries


def calibrate(entry: Entry) -> None:
    """Set the number of calls in one sample so that it lasts SHORTEST_SAMPLE or longer."""
    if entry.run is None:
        return
    while (elapsed := clock(entry.run, entry.loops)) < SHORTEST_SAMPLE:
        entry.loops = max(2 * entry.loops, int(entry.loops * SHORTEST_SAMPLE / (elapsed + 1e-9)))
    entry.spent = elapsed


def clock(run: Callable[[], Any], loops: int) -> float:
    """The seconds that so many calls take."""
    repeat = range(loops)
    start = time.perf_counter()
    for _ in repeat:
        run()
    return time.perf_counter() - start


def take_turns(entries: list[Entry], pace: Pace, sample: Callable[[Entry], None]) -> None:
    """Give each contestant one sample per round while its budget lasts (at least one)."""
    for _ in range(pace.rounds):
        for entry in entries:
            if not entry.note and (not entry.samples or entry.spent < pace.budget):
                sample(entry)


def sample_warm(entry: Entry) -> None:
    """Add one sample, timed in this process."""
    if os.environ[THREADS_SET] != "1":
        time.sleep(SETTLE)
        entry.run()
    elapsed = clock(entry.run, entry.loops)
    entry.spent += elapsed
    entry.samples.append(elapsed / entry.loops)


def measure_cold(bout: Bout, pace: Pace, position: int) -> list[Entry]:
    """All contestants of a bout, each sample the first call in a process of its own."""
    entries = [Entry(contestant, note=missing(contestant)) for contestant in bout.contestants]

    def sample(entry: Entry) -> None:
        sample_cold(entry, pace, position)

    take_turns(entries, Pace(1, pace.budget, pace.limit), sample)
    compare(bout, entries)
    take_turns(entries, Pace(pace.rounds // 3, pace.budget, pace.limit), sample)
    return entries


def sample_cold(entry: Entry, pace: Pace, position: int) -> None:
    """Add one sample, timed in a new process; note a failure or a timeout."""
    command = [sys.executable, sys.argv[0], "--sample", str(position), entry.name]
    start = time.perf_counter()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=pace.limit)
    except subprocess.TimeoutExpired:
        entry.at_least = pace.limit
        entry.note = f"stopped after {pace.limit:g} s"
        return
    entry.spent += time.perf_counter() - start
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        entry.note = f"failed: {last[:120]}"
        return
    report = json.loads(done.stdout.splitlines()[-1])
    entry.samples.append(report["seconds"])
    entry.answer, entry.peak = report["answer"] or None, max(entry.peak, report["peak"])


def answer_sample(bout: Bout, name: str) -> None:
    """The child's side of `sample_cold`: time the first call and print the report."""
    run = next(c for c in bout.contestants if c.name == name).prepare()
    gc.collect()
    start = time.perf_counter()
    result = run()
    seconds = time.perf_counter() - start
    report = {"seconds": seconds, "peak": peak_memory(), "answer": read_answer(result)}
    print("\n" + json.dumps(report))


def peak_memory() -> int:
    """The largest memory this process had, in bytes; 0 where the system does not say.

    Not `getrusage`: its maximum is inherited from the process that started this one.
    """
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:")), 0)


# --- judging and showing --------------------------------------------------------------------


def ratio(entry: Entry, other: Entry) -> float | None:
    """Median over the rounds of entry's time divided by other's; None without both."""
    pairs = [mine / theirs for mine, theirs in zip(entry.samples, other.samples)]
    return statistics.median(pairs) if pairs else None


def judge(mark: Mark, entries: Sequence[Entry]) -> tuple[str, bool | None]:
    """What was measured for a mark, in words, and whether it is reached (None: unknown)."""
    byname = {entry.name: entry for entry in entries}
    mine = byname[mark.of]
    if not mine.samples:
        return f"not measured ({mine.note})", None
    if mark.measure == "bytes":
        return show_size(mine.peak), mine.peak < mark.limit
    if mark.against is None:
        seconds = statistics.median(mine.samples)
        return show_time(seconds), seconds < mark.limit
    return judge_ratio(mark, mine, byname[mark.against])


def judge_ratio(mark: Mark, mine: Entry, peer: Entry) -> tuple[str, bool | None]:
    """`judge` for a mark against a peer; a peer that was stopped gives a bound."""
    if peer.at_least is not None:
        bound = statistics.median(mine.samples) / peer.at_least
        shown = show_ratio(mark, bound)
        return f"{shown} or better", True if bound <= mark.limit else None
    found = ratio(mine, peer)
    if found is None:
        return f"unknown ({peer.note})", None
    return show_ratio(mark, found), found <= mark.limit


def show_ratio(mark: Mark, found: float) -> str:
    """A ratio in the direction in which its mark is worded."""
    if mark.limit < 1 and "faster" in mark.text:
        return f"{1 / found:,.3g}x faster" if found > 1e-3 else f"{1 / found:,.0f}x faster"
    return f"{found:.2f}x"


def show_time(seconds: float) -> str:
    """Seconds with the unit that gives three readable digits."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}" if seconds < 1000 else f"{seconds:,.0f} s"
    return f"{seconds / 1e-9:.3g} ns"


def show_size(size: float) -> str:
    """Bytes in MB."""
    return f"{size / 1e6:,.0f} MB"


def show_table(bout: Bout, entries: Sequence[Entry]) -> None:
    """Print one aligned row per contestant: median, times graphdbg's, peak memory, note."""
    width = max(len(entry.name) for entry in entries)
    ours = next((entry for entry in entries if entry.name == OURS), Entry(entries[0].contestant))
    print(f"\n{bout.title}{' (cold: first call in a new process)' if bout.cold else ''}")
    print(f"  {'':{width}}  {'median':>9}  {'/ graphdbg':>10}  {'samples':>7}")
    memory = any(mark.measure == "bytes" for mark in bout.marks)
    for entry in entries:
        print(f"  {entry.name:{width}}  {row(entry, ours, memory)}".rstrip())


def row(entry: Entry, ours: Entry, memory: bool) -> str:
    """The columns of a contestant after its name."""
    if not entry.samples:
        return entry.note
    found = ratio(entry, ours)
    against = f"{found:,.3g}" if found is not None and found < 1000 else ""
    against = against or (f"{found:,.0f}" if found is not None else "-")
    peak = f"  peak {show_size(entry.peak)}" if memory else ""
    median = show_time(statistics.median(entry.samples))
    return f"{median:>9}  {against:>10}  {len(entry.samples):>7}{peak}  {entry.note}"


def show_verdict(verdict: Verdict) -> str:
    """A verdict in one line."""
    word = {True: "reached", False: "MISSED", None: "open"}[verdict.reached]
    return f"{word:7}  {verdict.level:5}  {verdict.text}: {verdict.value}"


# --- running --------------------------------------------------------------------------------


def main(bouts: Sequence[Bout], threads: Sequence[int] = (1,)) -> None:
    """Run a script's bouts as its command line says."""
    options = read_options(threads)
    if options.sample:
        position, name = options.sample
        answer_sample(bouts[int(position)], name)
    elif THREADS_SET in os.environ:
        chosen = [(i, b) for i, b in enumerate(bouts) if options.only.lower() in b.title.lower()]
        if options.marks:
            chosen = [(i, judged_only(b)) for i, b in chosen]
        save(options.json, run_bouts(chosen, QUICK if options.quick else FULL))
    else:
        save(options.json, [v for count in options.threads for v in run_child(options, count)])


def judged_only(bout: Bout) -> Bout:
    """The bout with those contestants only that its marks speak of."""
    names = {OURS, *(m.of for m in bout.marks), *(m.against for m in bout.marks)}
    return replace(bout, contestants=tuple(c for c in bout.contestants if c.name in names))


def read_options(threads: Sequence[int]) -> argparse.Namespace:
    """The command line all scripts share."""
    parser = argparse.ArgumentParser(
        description=(sys.modules["__main__"].__doc__ or "").strip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="few repeats, short time limits")
    parser.add_argument("--marks", action="store_true", help="only the peers of goals and floors")
    parser.add_argument("--only", default="", metavar="TEXT", help="bouts whose title has TEXT")
    parser.add_argument("--threads", type=int, nargs="+", default=list(threads), metavar="N")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the verdicts there")
    parser.add_argument("--sample", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def run_bouts(bouts: Sequence[tuple[int, Bout]], pace: Pace) -> list[Verdict]:
    """Measure the bouts, print their tables, and return the verdicts on their marks."""
    verdicts = []
    for position, bout in bouts:
        entries = measure(bout, pace, position)
        show_table(bout, entries)
        found = [verdict_on(bout, mark, entries) for mark in bout.marks]
        print("".join(f"  {show_verdict(verdict)}\n" for verdict in found), end="", flush=True)
        verdicts += found
    return verdicts


def verdict_on(bout: Bout, mark: Mark, entries: Sequence[Entry]) -> Verdict:
    """The verdict on one mark of a bout."""
    value, reached = judge(mark, entries)
    count = int(os.environ[THREADS_SET])
    return Verdict(Path(sys.argv[0]).stem, bout.title, count, mark.level, mark.text, value, reached)


def run_child(options: argparse.Namespace, count: int) -> list[Verdict]:
    """Run this script again with so many threads, and return its verdicts."""
    name, busy = Path(sys.argv[0]).stem, os.getloadavg()[0]
    told = f"{count} thread{'s' * (count > 1)}, load {busy:.1f} on {os.cpu_count()} cores"
    print(f"\n=== {name}: {told} ===", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "verdicts.json"
        command = [sys.executable, sys.argv[0], "--only", options.only, "--json", str(report)]
        command += ["--quick"] * options.quick + ["--marks"] * options.marks
        done = subprocess.run(command, env={**os.environ, **thread_variables(count)})
        if done.returncode:
            raise SystemExit(done.returncode)
        return load(report)


def thread_variables(count: int) -> dict[str, str]:
    """The environment that holds all numeric libraries to so many threads."""
    names = ["OMP", "OPENBLAS", "MKL", "NUMEXPR", "VECLIB_MAXIMUM", "NUMBA"]
    flags = f"--xla_cpu_multi_thread_eigen={'true' if count > 1 else 'false'}"
    return {
        **{f"{name}_NUM_THREADS": str(count) for name in names},
        "XLA_FLAGS": flags,
        "NPROC": str(count),  # XLA sizes its thread pool by this
        "JAX_PLATFORMS": "cpu",
        "OMP_WAIT_POLICY": "PASSIVE",
        THREADS_SET: str(count),
    }


def save(path: Path | None, verdicts: Sequence[Verdict]) -> None:
    """Write verdicts as JSON, if a file is asked for."""
    if path:
        path.write_text(json.dumps([asdict(verdict) for verdict in verdicts], indent=1))


def load(path: Path) -> list[Verdict]:
    """The verdicts that `save` wrote."""
    return [Verdict(**row) for row in json.loads(path.read_text())]
