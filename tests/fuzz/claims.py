"""Claims, true and false, and what `prove` says of them: judged by numbers of 80 digits.

True ones are gradients differently written, false ones are changed: another function, a factor, a
term left out, another value in a region or for one sign, a small share. What is false is known from
a point at which the two sides differ by more than 1e-9 of their size.

By hand, for many:  python tests/fuzz/claims.py --count 20000 --totals FILE
goes on where the file says that the last run stopped, and adds to its totals. Each line that is
printed is a fault, with the seed that shows it; the exit code is 1 where there is one.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import attempts
import mpmath
import numpy as np
import trees
from trees import ONE, Tree, mul, number

import graphdbg as gd
from graphdbg.formulas.verdicts import Verdict

DIFFERENT = mpmath.mpf("1e-9")  # of the larger side: a false claim that `prove` has to see
TINY = mpmath.mpf("1e-30")  # below it both sides count as 0: 80 digits may be too few
SAME = mpmath.mpf("1e-40")
STEP = mpmath.mpf("1e-25")  # of the differences that judge a derivative written down here
MOST = 120  # operations of a claim
PATIENCE = 60.0  # seconds of work for one claim
SCALES = (0.01, 1.0, 1.0, 30.0)


@dataclass(frozen=True)
class Input:
    """An input: its domain as declared, its ends, its shape as declared and in numbers."""

    name: str
    domain: str = "Real"
    ends: tuple[float, float] = (-np.inf, np.inf)
    dims: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()

    def declared(self) -> str:
        """Its declaration."""
        shape = f"[{', '.join(self.dims)}]" if self.dims else ""
        return f"{self.name}: {self.domain}{shape}"


@dataclass(frozen=True)
class Claim:
    """A claim about a program; `different` says where its sides differ, None that it is true."""

    program: str
    claim: str
    kind: str
    different: str | None


DOMAINS = (("Real", (-np.inf, np.inf)), ("Positive", (0.0, np.inf)), ("Interval[0, 1]", (0.0, 1.0)),
           ("Interval[-2, 3]", (-2.0, 3.0)))  # fmt: skip
CONSTANTS = ("2", "3", "0.5", "0.1", "10", "1.5", "7", "100")


def made(seed: int) -> Claim | None:
    """The claim of a seed: true for even ones, false for odd ones; None where none was found."""
    rng = random.Random(seed)
    make = rng.choice((_scalar, _scalar, _elementwise, _matrices))
    inputs, f = make(rng)
    ranks = {each.name: len(each.shape) for each in inputs}
    used = [each for each in inputs if each.name in trees.names(f)]
    if not used:
        return None
    chosen = rng.choice(used)
    right = slope = trees.gradient(f, chosen.name, ranks)
    if trees.rank(slope, ranks) < ranks[chosen.name]:
        right = slope = mul(slope, ("ones", ("name", chosen.name)))
    if not _is_slope(rng, f, slope, chosen, inputs):
        return None
    kind = "rewritten"
    right = trees.rewritten(rng, right, rng.randrange(7))
    if seed % 2:
        flat = [each.name for each in used if not each.shape]
        right, kind = trees.mutated(rng, right, flat or [each.name for each in used],
                                    bool(flat) and trees.rank(right, ranks) == 0)  # fmt: skip
    if trees.size(right) > MOST or trees.rank(right, ranks) != ranks[chosen.name]:
        return None
    found = _difference(rng, slope, right, inputs)
    if (seed % 2 == 1) != bool(found) or found is None:
        return None
    program = "\n".join([*(each.declared() for each in inputs), f"f = {trees.text(f)}"])
    return Claim(program, f"df/d{chosen.name} = {trees.text(right)}", kind, found or None)


# ------------------------------------------------------------------ formulas


def _inputs(rng: random.Random, names: str) -> list[Input]:
    return [Input(name, *rng.choice(DOMAINS[:1] * 3 + DOMAINS[1:])) for name in names]


def _expression(rng: random.Random, leaves: list[Input], depth: int) -> Tree:
    """A formula of elementwise operations."""
    if depth == 0 or rng.random() < 0.12:
        if rng.random() < 0.25:
            return number(rng.choice(CONSTANTS))
        return ("name", rng.choice(leaves).name)
    kind = rng.random()
    a = _expression(rng, leaves, depth - 1)
    if kind < 0.32:
        return (rng.choice(trees.SMOOTH), a)
    if kind < 0.42:
        return (rng.choice(trees.KINKED), a)
    if kind < 0.5:
        return trees.power(a, rng.choice((2, 2, 3)))
    if kind < 0.55:
        positive = trees.add(number(rng.choice(("1", "0.1"))), trees.power(a, 2))
        return (rng.choice(("log", "sqrt")), positive)
    b = _expression(rng, leaves, depth - 1)
    if kind < 0.6:
        return ("div", a, trees.add(ONE, trees.power(b, 2)))
    if kind < 0.66:
        return (rng.choice(("maximum", "minimum")), a, b)
    if kind < 0.7:
        edge = number(rng.choice(trees.EDGES))
        return ("where", ("gt", ("name", rng.choice(leaves).name), edge), a, b)
    return (rng.choice(("add", "sub", "mul", "mul")), a, b)


def _scalar(rng: random.Random) -> tuple[list[Input], Tree]:
    inputs = _inputs(rng, rng.choice(("x", "xy", "xyz")))
    f = _expression(rng, inputs, rng.choice((2, 3, 3, 4)))
    return inputs, mul(number(rng.choice(("1", "1", "1", "1e8", "1e-8"))), f)


def _elementwise(rng: random.Random) -> tuple[list[Input], Tree]:
    """A sum over a vector, with numbers beside it."""
    size = rng.choice((1, 2, 3))
    dims = rng.choice((("n",), (str(size),)))
    domain, ends = rng.choice(DOMAINS[:1] * 2 + DOMAINS[1:])
    vector = Input("v", f"{domain}", ends, dims, (size,))
    inputs = [vector, *_inputs(rng, "s")]
    inner = _expression(rng, [vector, *inputs], rng.choice((2, 3)))
    return inputs, ("sum", mul(inner, ("name", "v")))


def _matrices(rng: random.Random) -> tuple[list[Input], Tree]:
    """One or two layers of a network, or least squares."""
    n, d, k = rng.sample((2, 3, 4), 3)
    names = ("n", "d", "k") if rng.random() < 0.7 else (str(n), str(d), str(k))
    X = Input("X", dims=names[:2], shape=(n, d))
    W = Input("W", dims=names[1:], shape=(d, k))
    w = Input("w", dims=names[1:2], shape=(d,))
    u = Input("u", dims=names[2:], shape=(k,))
    s = Input("s")
    product: Tree = ("matmul", ("name", "X"), ("name", "W"))
    act = rng.choice((*trees.SMOOTH[1:7], *trees.KINKED))
    kind = rng.randrange(4)
    if kind == 0:
        scaled = mul(("name", "s"), ("matmul", ("name", "X"), ("name", "w")))
        return [X, w, s], ("sum", trees.power((act, scaled), rng.choice((1, 2))))
    if kind == 1:
        return [X, W, u], ("sum", trees.power(("matmul", (act, product), ("name", "u")), 2))
    if kind == 2:
        off = trees.sub(product, ("name", "s"))
        return [X, W, s], ("sum", trees.power((act, off), 2))
    inner = ("matmul", ("transpose", ("name", "X")), ("name", "X"))
    return [X], ("sum", (act, mul(number("0.1"), inner)))


# ------------------------------------------------------------------ the second opinion


def _points(rng: random.Random, inputs: list[Input]) -> Iterator[dict[str, Any]]:
    """Points of all scales, and around the numbers that regions begin at."""
    for at in range(14):
        edge = float(rng.choice(trees.EDGES)) if at % 2 else 0.0
        yield {each.name: _drawn(rng, each, SCALES[at % 4], edge) for each in inputs}


def _drawn(rng: random.Random, each: Input, scale: float, edge: float) -> Any:
    found = np.empty(each.shape, object)
    low, high = each.ends
    for index in np.ndindex(each.shape):
        x = edge + scale * rng.gauss(0, 1)
        if low == 0 and high == np.inf:
            x = abs(x)
        while not low < x < high:
            x = low + (high - low) * rng.random()
        found[index] = mpmath.mpf(x)
    return found


def _is_slope(rng: random.Random, f: Tree, slope: Tree, by: Input, inputs: list[Input]) -> bool:
    """Whether a gradient that was written down here is one, by differences at a point."""
    for point in _points(rng, inputs):
        along = _drawn(rng, Input(by.name, shape=by.shape), 1.0, 0.0)
        with mpmath.workdps(trees.DIGITS):
            ahead = trees.value(f, {**point, by.name: point[by.name] + STEP * along})
            behind = trees.value(f, {**point, by.name: point[by.name] - STEP * along})
            numeric = (ahead[()] - behind[()]) / (2 * STEP)
            analytic = np.sum(trees.value(slope, point) * along)
            if mpmath.isfinite(numeric) and mpmath.isfinite(analytic):
                size = abs(numeric) + abs(analytic) + 1
                if abs(ahead[()]) > mpmath.mpf("1e12") * size:
                    continue
                return bool(abs(numeric - analytic) < mpmath.mpf("1e-12") * size)
    return False


def _difference(rng: random.Random, left: Tree, right: Tree, inputs: list[Input]) -> str | None:
    """Where two trees differ, in words; "" where they are equal, None where that is not clear."""
    compared = 0
    for point in _points(rng, inputs):
        try:
            a, b = np.broadcast_arrays(trees.value(left, point), trees.value(right, point))
        except ValueError:  # what was left out has shapes behind that do not fit
            return None
        for one, other in zip(a.flat, b.flat):
            if not (mpmath.isfinite(one) and mpmath.isfinite(other)):
                continue
            size = max(abs(one), abs(other))
            if size < TINY:
                continue
            compared += 1
            off = abs(one - other) / size
            if off > DIFFERENT:
                shown = {name: [mpmath.nstr(x, 17) for x in np.ravel(value)]
                         for name, value in point.items()}  # fmt: skip
                return f"{mpmath.nstr(one, 12)} is not {mpmath.nstr(other, 12)} at {shown}"
            if off > SAME:
                return None
    return "" if compared > 3 else None


# ------------------------------------------------------------------ judging


def judged(seed: int, counted: Counter[str]) -> str:
    """What is wrong with what `prove` says of the claim of a seed; "" where nothing is."""
    claim = made(seed)
    if claim is None:
        counted["not clear"] += 1
        return ""
    verdicts: list[Verdict] = []

    def act(_: int) -> None:
        verdicts.append(gd.prove(claim.program, claim.claim))

    told = attempts.attempt(act, seed, PATIENCE)
    sort = "true" if claim.different is None else "false"
    said = verdicts[0].verdict if verdicts else told
    counted[f"{sort}, {said}"] += 1
    counted[f"{sort} claims"] += 1
    wrong = _wrong(claim, verdicts[0]) if verdicts else told
    if not wrong:
        return ""
    counted["faults"] += 1
    return (f"seed {seed}: {wrong}\n  {claim.program.replace(chr(10), '; ')}\n  {claim.claim}\n"
            f"  {claim.kind}: {claim.different or 'true'}")  # fmt: skip


def _wrong(claim: Claim, verdict: Verdict) -> str:
    """Why a verdict is a false word; "" where it is not."""
    if claim.different is None:
        return "a true claim is refuted" if verdict.verdict == "refuted" else ""
    if verdict.verdict == "proved":
        return "a false claim is proved"
    if verdict.verdict == "agrees" and not verdict.untaken:
        return "a false claim agrees, and no branch is named that was never seen"
    return ""


def read_totals(place: Path | None) -> tuple[int, Counter[str]]:
    """The seed to go on with and what was counted so far."""
    if place is None or not place.exists():
        return 0, Counter()
    found: Mapping[str, Any] = json.loads(place.read_text("utf-8"))
    return int(found["next"]), Counter(found["counted"])


def main() -> int:
    """Judge many seeds, keep the totals, print each fault."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, help="the first; else where the totals stopped, or 0")
    parser.add_argument("--totals", type=Path, help="a file that keeps the counts of all runs")
    options = parser.parse_args()
    begin, counted = read_totals(options.totals)
    begin = options.seed if options.seed is not None else begin
    before, begun = counted["faults"], time.monotonic()
    for seed in range(begin, begin + options.count):
        fault = judged(seed, counted)
        if fault:
            print(fault, flush=True)
        if options.totals and (seed % 50 == 49 or seed == begin + options.count - 1):
            kept = {"next": seed + 1, "counted": dict(sorted(counted.items()))}
            options.totals.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")
    print(f"{options.count} seeds from {begin} in {time.monotonic() - begun:.0f} s")
    for kind, number_of in sorted(counted.items()):
        print(f"  {number_of:7} {kind}")
    return int(counted["faults"] > before)


if __name__ == "__main__":
    sys.exit(main())
