"""Small formulas as trees: written as text, computed with 80 digits, differentiated, changed.

A tree is a tuple: ("name", "x"), ("number", "0.1"), or an operation and its operands. Nothing here
is graphdbg's: values are mpmath's and derivatives are written down anew, so that what `prove` says
of a claim can be judged by a second opinion.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np

DIGITS = 80
Tree = tuple[Any, ...]
Array = np.ndarray[Any, Any]


def number(text: str) -> Tree:
    """A number as it is written."""
    return ("number", text)


ZERO, ONE, TWO, HALF = map(number, ("0", "1", "2", "0.5"))


# ------------------------------------------------------------------ operations


@dataclass(frozen=True)
class Operation:
    """How an operation is written, computed entry by entry, and differentiated by each operand."""

    text: str
    value: Callable[..., Any]
    slopes: tuple[Callable[..., Tree], ...] = ()


def _step(a: Any, b: Any) -> Any:
    return mpmath.mpf(1 if a > b else 0)


def _chosen(c: Any, a: Any, b: Any) -> Any:
    return a if c else b


def _power(a: Any, b: Any) -> Any:
    return a ** int(b)


ELEMENTWISE: dict[str, Operation] = {
    "add": Operation("({} + {})", lambda a, b: a + b, (lambda a, b: ONE, lambda a, b: ONE)),
    "sub": Operation("({} - {})", lambda a, b: a - b, (lambda a, b: ONE, lambda a, b: neg(ONE))),
    "mul": Operation("({}*{})", lambda a, b: a * b, (lambda a, b: b, lambda a, b: a)),
    "div": Operation("({}/{})", lambda a, b: a / b,
                     (lambda a, b: div(ONE, b), lambda a, b: neg(div(a, mul(b, b))))),
    "neg": Operation("(-{})", lambda a: -a, (lambda a: neg(ONE),)),
    "pow": Operation("({}**{})", _power,
                     (lambda a, b: mul(b, power(a, int(b[1]) - 1)), lambda a, b: ZERO)),
    "exp": Operation("exp({})", mpmath.exp, (lambda a: ("exp", a),)),
    "log": Operation("log({})", mpmath.log, (lambda a: div(ONE, a),)),
    "sqrt": Operation("sqrt({})", mpmath.sqrt, (lambda a: div(HALF, ("sqrt", a)),)),
    "sin": Operation("sin({})", mpmath.sin, (lambda a: ("cos", a),)),
    "cos": Operation("cos({})", mpmath.cos, (lambda a: neg(("sin", a)),)),
    "tanh": Operation("tanh({})", mpmath.tanh,
                      (lambda a: sub(ONE, power(("tanh", a), 2)),)),
    "cosh": Operation("cosh({})", mpmath.cosh, (lambda a: ("sinh", a),)),
    "sinh": Operation("sinh({})", mpmath.sinh, (lambda a: ("cosh", a),)),
    "arctan": Operation("arctan({})", mpmath.atan,
                        (lambda a: div(ONE, add(ONE, power(a, 2))),)),
    "sigmoid": Operation("sigmoid({})", lambda a: 1 / (1 + mpmath.exp(-a)),
                         (lambda a: mul(("sigmoid", a), sub(ONE, ("sigmoid", a))),)),
    "softplus": Operation("softplus({})", lambda a: mpmath.log(1 + mpmath.exp(a)),
                          (lambda a: ("sigmoid", a),)),
    "erf": Operation("erf({})", mpmath.erf,
                     (lambda a: mul(div(TWO, ("sqrt", ("name", "pi"))),
                                    ("exp", neg(power(a, 2)))),)),
    "relu": Operation("relu({})", lambda a: max(a, mpmath.mpf(0)), (lambda a: ("gt", a, ZERO),)),
    "abs": Operation("abs({})", abs, (lambda a: ("sign", a),)),
    "sign": Operation("sign({})", mpmath.sign, (lambda a: ZERO,)),
    "maximum": Operation("maximum({}, {})", max,
                         (lambda a, b: ("gt", a, b), lambda a, b: ("gt", b, a))),
    "minimum": Operation("minimum({}, {})", min,
                         (lambda a, b: ("gt", b, a), lambda a, b: ("gt", a, b))),
    "gt": Operation("({} > {})", _step, (lambda a, b: ZERO, lambda a, b: ZERO)),
    "where": Operation("where({}, {}, {})", _chosen,
                       (lambda c, a, b: ZERO, lambda c, a, b: c, lambda c, a, b: sub(ONE, c))),
}  # fmt: skip
WHOLE = {
    "matmul": Operation("({} @ {})", np.dot), "transpose": Operation("{}.T", np.transpose),
    "sum": Operation("sum({})", np.sum), "outer": Operation("outer({}, {})", np.outer),
    "ones": Operation("ones_like({})", lambda a: np.full(np.shape(a), mpmath.mpf(1), object)),
}  # fmt: skip
OPERATIONS = {**ELEMENTWISE, **WHOLE}
SMOOTH = ("exp", "sin", "cos", "tanh", "arctan", "sigmoid", "softplus", "erf", "sinh", "cosh")
KINKED = ("relu", "abs")


def add(a: Tree, b: Tree) -> Tree:
    """a + b, without zeros."""
    return b if a == ZERO else a if b == ZERO else ("add", a, b)


def sub(a: Tree, b: Tree) -> Tree:
    """a - b."""
    return ("sub", a, b)


def mul(a: Tree, b: Tree) -> Tree:
    """a b, without ones and zeros."""
    if ZERO in (a, b):
        return ZERO
    return b if a == ONE else a if b == ONE else ("mul", a, b)


def div(a: Tree, b: Tree) -> Tree:
    """a / b."""
    return ("div", a, b)


def neg(a: Tree) -> Tree:
    """-a."""
    return ("neg", a)


def power(a: Tree, n: int) -> Tree:
    """a to a whole number."""
    return ONE if n == 0 else a if n == 1 else ("pow", a, number(str(n)))


# ------------------------------------------------------------------ text and values


def text(tree: Tree) -> str:
    """The tree in the language's notation."""
    if tree[0] in ("name", "number"):
        return f"({tree[1]})" if tree[1].startswith("-") else str(tree[1])
    return OPERATIONS[tree[0]].text.format(*map(text, tree[1:]))


def value(tree: Tree, point: Mapping[str, Array]) -> Array:
    """The tree's value at a point of mpmath numbers; NaN where it has none among the reals."""
    known: dict[int, Array] = {}

    def of(each: Tree) -> Array:
        if id(each) not in known:
            known[id(each)] = _value(each, of, point)
        return known[id(each)]

    with mpmath.workdps(DIGITS):
        return of(tree)


def _value(tree: Tree, of: Callable[[Tree], Array], point: Mapping[str, Array]) -> Array:
    if tree[0] == "name":
        return np.asarray(+mpmath.pi if tree[1] == "pi" else point[tree[1]], object)
    if tree[0] == "number":
        return np.asarray(mpmath.mpf(tree[1]), object)
    operands = [of(each) for each in tree[1:]]
    rule = OPERATIONS[tree[0]].value
    if tree[0] in WHOLE:
        return np.asarray(rule(*operands), object)
    return np.asarray(np.frompyfunc(_real(rule), len(operands), 1)(*operands), object)


def _real(rule: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*operands: Any) -> Any:
        if any(mpmath.isnan(each) for each in operands):
            return mpmath.nan
        try:
            found = rule(*operands)
        except (ZeroDivisionError, ValueError, OverflowError):
            return mpmath.nan
        return mpmath.nan if isinstance(found, mpmath.mpc) else mpmath.mpf(found)

    return apply


def rank(tree: Tree, ranks: Mapping[str, int]) -> int:
    """How many axes the tree's value has."""
    if tree[0] in ("number", "sum"):
        return 0
    if tree[0] == "name":
        return ranks.get(tree[1], 0)
    found = [rank(each, ranks) for each in tree[1:]]
    return found[0] + found[1] - 2 if tree[0] == "matmul" else max(found)


# ------------------------------------------------------------------ derivatives


def gradient(tree: Tree, name: str, ranks: Mapping[str, int]) -> Tree:
    """The gradient of a scalar tree by an input, backwards by the chain rule."""
    parts: list[Tree] = []
    _pull(tree, ONE, name, ranks, parts)
    total = ZERO
    for each in parts:
        total = add(total, each)
    return total


def _pull(tree: Tree, g: Tree, name: str, ranks: Mapping[str, int], parts: list[Tree]) -> None:
    if tree[0] == "name" and tree[1] == name:
        parts.append(g)
    if g == ZERO or tree[0] in ("name", "number"):
        return
    for slot, operand in enumerate(tree[1:]):
        if name in names(operand):
            _pull(operand, _handed(tree, slot, g, ranks), name, ranks, parts)


def _handed(tree: Tree, slot: int, g: Tree, ranks: Mapping[str, int]) -> Tree:
    """What an operation hands its operand of the gradient `g`."""
    kind, operands = tree[0], tree[1:]
    if kind == "sum":
        return mul(g, ("ones", operands[0]))
    if kind == "transpose":
        return ("transpose", g)
    if kind == "matmul":
        a, b = operands
        if rank(b, ranks) == 1:  # a matrix times a vector
            return ("outer", g, b) if slot == 0 else ("matmul", ("transpose", a), g)
        return ("matmul", g, ("transpose", b)) if slot == 0 else ("matmul", ("transpose", a), g)
    found = mul(g, ELEMENTWISE[kind].slopes[slot](*operands))
    if rank(operands[slot], ranks) < rank(tree, ranks) and found != ZERO:
        return ("sum", found if rank(found, ranks) else mul(found, ("ones", tree)))
    return found


def names(tree: Tree) -> set[str]:
    """The names in a tree."""
    if tree[0] in ("name", "number"):
        return {tree[1]} if tree[0] == "name" else set()
    return set().union(*map(names, tree[1:]))


def size(tree: Tree) -> int:
    """How many operations and leaves a tree has."""
    return 1 if tree[0] in ("name", "number") else 1 + sum(map(size, tree[1:]))


# ------------------------------------------------------------------ changes


def places(tree: Tree) -> Iterator[tuple[int, ...]]:
    """The path to each part of a tree."""
    yield ()
    if tree[0] not in ("name", "number"):
        for at, each in enumerate(tree[1:], 1):
            yield from ((at, *path) for path in places(each))


def part(tree: Tree, path: tuple[int, ...]) -> Tree:
    """The part at a path."""
    for at in path:
        tree = tree[at]
    return tree


def replaced(tree: Tree, path: tuple[int, ...], new: Tree) -> Tree:
    """The tree with another part at a path."""
    if not path:
        return new
    at = path[0]
    return (*tree[:at], replaced(tree[at], path[1:], new), *tree[at + 1 :])


def rewritten(rng: random.Random, tree: Tree, times: int) -> Tree:
    """An equal tree, differently written."""
    for _ in range(times):
        path = rng.choice(list(places(tree)))
        found = list(_equals(part(tree, path)))
        if found and not (path and part(tree, path[:-1])[0] == "pow" and path[-1] == 2):
            tree = replaced(tree, path, rng.choice(found))
    return tree


def _equals(t: Tree) -> Iterator[Tree]:
    """Other ways to write a tree; each holds for all real numbers at which both are defined."""
    match t:
        case ("add" | "mul" | "maximum" | "minimum" as kind, a, b):
            yield (kind, b, a)
        case ("exp", ("add", a, b)):
            yield ("mul", ("exp", a), ("exp", b))
        case ("exp", ("neg", a)):
            yield ("div", ONE, ("exp", a))
        case ("neg", a):
            yield ("mul", number("-1"), a)
            yield ("sub", ZERO, a)
        case ("number", ("0.1" | "0.5" | "2" | "3") as digits):
            yield {"0.1": div(ONE, number("10")), "0.5": div(ONE, TWO), "2": add(ONE, ONE),
                   "3": add(TWO, ONE)}[digits]  # fmt: skip
    match t:
        case ("add", ("add", a, b), c):
            yield add(a, add(b, c))
        case ("mul", a, ("add", b, c)):
            yield ("add", ("mul", a, b), ("mul", a, c))
        case ("mul", ("mul", a, b), c):
            yield ("mul", a, ("mul", b, c))
        case ("sub", a, b):
            yield ("add", a, ("neg", b))
            yield ("neg", ("sub", b, a))
        case ("div", a, b):
            yield ("mul", a, ("div", ONE, b))
            yield ("neg", ("div", a, ("neg", b)))
        case ("pow", a, ("number", "2")):
            yield ("mul", a, a)
        case ("sigmoid", a):
            yield ("div", ONE, ("add", ONE, ("exp", ("neg", a))))
            yield ("sub", ONE, ("sigmoid", ("neg", a)))
        case ("softplus", a):
            yield ("log", ("add", ONE, ("exp", a)))
        case ("cosh", a):
            yield ("mul", HALF, ("add", ("exp", a), ("exp", ("neg", a))))
        case ("tanh", a):
            yield ("div", ("sinh", a), ("cosh", a))
            yield ("sub", ("mul", TWO, ("sigmoid", ("mul", TWO, a))), ONE)
        case ("sin" | "erf" | "tanh" | "sinh" | "arctan" as kind, a):
            yield ("neg", (kind, ("neg", a)))
        case ("cos", a):
            yield ("cos", ("neg", a))
        case ("relu", a):
            yield ("maximum", a, ZERO)
            yield ("where", ("gt", a, ZERO), a, ZERO)
            yield ("mul", HALF, ("add", a, ("abs", a)))
        case ("abs", a):
            yield ("maximum", a, ("neg", a))
            yield ("mul", a, ("sign", a))
        case ("transpose", ("matmul", a, b)):
            yield ("matmul", ("transpose", b), ("transpose", a))
    if t[0] not in ("gt", "number"):
        yield ("mul", ONE, t)
        yield ("add", t, ZERO)
        yield ("sub", ("mul", TWO, t), t)


SWAPS = {
    "sin": "cos", "cos": "sin", "tanh": "sigmoid", "sigmoid": "tanh", "exp": "cosh", "add": "sub",
    "sub": "add", "mul": "add", "maximum": "minimum", "minimum": "maximum", "relu": "abs",
    "abs": "relu", "sinh": "exp", "cosh": "exp", "erf": "tanh", "arctan": "tanh",
    "softplus": "relu", "log": "sqrt", "sqrt": "log", "div": "mul", "sign": "abs",
}  # fmt: skip
EDGES = ("0.5", "1", "2", "5", "10", "50", "300", "-1", "-3", "-10", "-200")
OFF = ("1.1", "0.9", "1.001", "0.99999", "1.0000001", "1.00000001", "-1", "2")


def mutated(rng: random.Random, tree: Tree, inputs: list[str], flat: bool) -> tuple[Tree, str]:
    """A changed tree, which is another function as a rule, and the kind of the change.

    `flat` says that its value has no axes, so that it may depend on where an input lies.
    """
    kind = rng.choice(("swap", "factor", "drop", "region", "shift", "magnitude"))
    paths = list(places(tree))
    if kind == "swap":
        found = [path for path in paths if part(tree, path)[0] in SWAPS]
        if found:
            path = rng.choice(found)
            old = part(tree, path)
            return replaced(tree, path, (SWAPS[old[0]], *old[1:])), kind
    if kind == "drop":
        found = [path for path in paths if part(tree, path)[0] in ("add", "sub", "mul")]
        if found:
            path = rng.choice(found)
            return replaced(tree, path, part(tree, path)[1]), kind
    if kind == "region" and flat:
        x, edge = ("name", rng.choice(inputs)), number(rng.choice(EDGES))
        inside = rng.choice((("gt", x, edge), ("gt", edge, x)))
        return ("where", inside, mul(number(rng.choice(OFF)), tree), tree), kind
    if kind == "shift" and flat:
        x = ("name", rng.choice(inputs))
        small = mul(number(rng.choice(("1e-3", "1e-6", "0.1", "3"))), x)
        return add(tree, rng.choice((small, number("1e-5"), number("3")))), kind
    if kind == "magnitude":  # x and |x|, relu and identity: equal on half of all points
        found = [path for path in paths if part(tree, path)[0] == "name"
                 and part(tree, path)[1] in inputs]  # fmt: skip
        if found:
            path = rng.choice(found)
            return replaced(tree, path, (rng.choice(KINKED), part(tree, path))), kind
    return mul(number(rng.choice(OFF)), tree), "factor"
