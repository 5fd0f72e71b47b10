"""Run all benchmarks one after the other and sum up which goals and floors are reached.

    python benchmarks/run.py [--quick] [--marks] [s1 s3 ...]

Each script runs in processes of its own. The exit code is 1 when a floor is missed, 2 when a
script ends early (two contestants disagree, for example), else 0.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import load

HERE = Path(__file__).parent


def main():
    """Run the chosen scripts, print the summary, and return the exit code."""
    options = read_options()
    verdicts, failed = [], []
    for script in scripts(options.chosen):
        found = run_script(script, options)
        failed += [script.stem] * (found is None)
        verdicts += found or []
    show_summary(verdicts)
    for name in failed:
        print(f"{name} ended early; see above")
    floor_missed = any(v.level == "floor" and v.reached is False for v in verdicts)
    return 2 if failed else int(floor_missed)


def read_options():
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few repeats, short time limits")
    parser.add_argument("--marks", action="store_true", help="only the peers of goals and floors")
    parser.add_argument("chosen", nargs="*", metavar="s1", help="workloads; all without it")
    return parser.parse_args()


def scripts(chosen):
    """The scripts of the chosen workloads, in order."""
    found = sorted(HERE.glob("s[0-9]*_*.py"))
    return [path for path in found if not chosen or path.stem.split("_")[0] in chosen]


def run_script(script, options):
    """The verdicts of one script, None when it ends early."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "verdicts.json"
        command = [sys.executable, str(script), "--json", str(report)]
        command += ["--quick"] * options.quick + ["--marks"] * options.marks
        if subprocess.run(command).returncode:
            return None
        return load(report)


def show_summary(verdicts):
    """Print one aligned line per mark."""
    words = {True: "reached", False: "MISSED", None: "open"}
    width = max((len(v.bout) for v in verdicts), default=0)
    wide = max((len(v.text) for v in verdicts), default=0)
    print(f"\n{'':{width}}  threads  level  {'mark':{wide}}  result   measured")
    for v in verdicts:
        line = f"{v.bout:{width}}  {v.threads:7}  {v.level:5}  {v.text:{wide}}"
        print(f"{line}  {words[v.reached]:7}  {v.value}")
    counts = [sum(v.reached is state for v in verdicts) for state in words]
    print("\n{} reached, {} missed, {} open".format(*counts))


if __name__ == "__main__":
    sys.exit(main())
