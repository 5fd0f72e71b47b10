"""Known derivatives from papers and textbooks: the cases, their points, and NumPy's own reading.

The answers are evaluated with plain NumPy here, so that graphdbg's parser, rules and evaluator
have no part in what they are compared with.
"""

import ast
import json
import math
from pathlib import Path

import numpy as np

import graphdbg as gd

DATA = Path(__file__).parent / "data"
DECLARED = {
    "prob": "", "mask": "Bool", "simplex_rows": "Probability", "onehot": "OneHot",
    "positive": "Positive", "label": "Label",
}  # fmt: skip


def load(name):
    """The cases of one file, by id."""
    cases = json.loads((DATA / name).read_text("utf-8"))
    return {case["id"]: case for case in cases}


# ------------------------------------------------------------------ the program and its claim


def program(case):
    """The text of the program, with declarations for what graphdbg has to know of its inputs."""
    lines = list(case.get("declare", []))
    for name, domain in case.get("domain", {}).items():
        kind = DECLARED.get(domain.split(":")[0], "")
        if kind:
            dims = ", ".join(map(str, case["inputs"][name]))
            lines.append(f"{name}: {kind}[{dims}]" if dims else f"{name}: {kind}")
    return "\n".join([*lines, case["expr"]])


def target(case):
    """The name of the output: what the last statement assigns."""
    return case["expr"].split(";")[-1].split("\n")[-1].split("=")[0].strip()


def graph_of(case):
    """The case as a graph."""
    return gd.parse(program(case), shapes={k: tuple(v) for k, v in case["inputs"].items()})


def derivative(case):
    """The case's derivative as a function of a point."""
    graph, of, wrt = graph_of(case), target(case), case["wrt"]
    if case["kind"] == "gradient":
        backward = gd.grad(graph, of, [wrt])
        return lambda point: np.asarray(gd.evaluate(backward, point)[f"{of}.d_{wrt}"])
    make = {"jacobian": gd.jacobian, "hessian": gd.hessian}[case["kind"]]
    return make(graph, of=of, wrt=wrt).evaluate


def left_side(case):
    of, wrt = target(case), case["wrt"]
    return f"d2{of}/d{wrt}^2" if case["kind"] == "hessian" else f"d{of}/d{wrt}"


def claim(case, change="{}"):
    """The claim that the derivative is the answer, or a changed answer."""
    *definitions, answer = case["answer"].split(";")
    return ";".join([*definitions, f"{left_side(case)} = {change.format(answer.strip())}"])


# ------------------------------------------------------------------ points


def point_of(case, seed):
    """A random point of the case's domain; sizes that are names are those of the case."""
    rng = np.random.default_rng(seed)
    sizes = case.get("sizes", {})
    domains = case.get("domain", {})
    return {
        name: draw(rng, tuple(sizes.get(dim, dim) for dim in shape), domains.get(name, ""))
        for name, shape in case["inputs"].items()
    }


def draw(rng, shape, domain):
    """One random array of a domain."""
    kind, _, detail = domain.partition(":")
    if kind == "const":
        return np.full(shape, float(detail))
    if kind == "label":
        return rng.integers(0, int(detail), shape).astype(float)
    return np.asarray(_DRAWS[kind](rng, shape))


def _square(rng, shape):
    return rng.normal(size=shape) * 0.5


def _positive_definite(rng, shape):
    root = rng.normal(size=shape)
    return root @ np.swapaxes(root, -1, -2) + np.eye(shape[-1])


def _one_hot(rng, shape):
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])]


_DRAWS = {
    "": lambda rng, shape: rng.normal(size=shape),
    "away_from_zero": lambda rng, shape: rng.uniform(0.3, 2, shape) * rng.choice([-1, 1], shape),
    "invertible": lambda rng, shape: _square(rng, shape) + 3 * np.eye(shape[-1]),
    "prob": lambda rng, shape: rng.uniform(0.1, 0.9, shape),
    "positive": lambda rng, shape: rng.uniform(0.3, 2, shape),
    "mask": lambda rng, shape: rng.integers(0, 2, shape).astype(float),
    "sign": lambda rng, shape: rng.choice([-1.0, 1.0], shape),
    "simplex_rows": lambda rng, shape: rng.dirichlet(np.ones(shape[-1]), shape[:-1]),
    "onehot": _one_hot,
    "spd": _positive_definite,
}


# ------------------------------------------------------------------ NumPy's reading of an answer


def _softmax(x, axis=-1):
    e = np.exp(x - np.max(x, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _norm(x, axis=None, keepdims=False):
    return np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))


NAMESPACE = {
    **{name: getattr(np, name) for name in (
        "abs arange array convolve cos diag einsum exp expand_dims eye kron log log1p max maximum "
        "mean min minimum ones outer pi prod sign sin sqrt stack std sum swapaxes tan tanh trace "
        "transpose tril var where zeros cosh concatenate reshape").split()},
    "det": np.linalg.det,
    "inv": np.linalg.inv,
    "norm": _norm,
    "erf": np.vectorize(math.erf),
    "sigmoid": _sigmoid,
    "softplus": lambda x: np.log1p(np.exp(x)),
    "relu": lambda x: np.maximum(x, 0),
    "softmax": _softmax,
    "one_hot": lambda y, count: np.eye(count)[np.asarray(y, dtype=int)],
    "len": len,
    "range": range,
}  # fmt: skip


def numbers(text, point, sizes=None):
    """The value of an answer, `definition; definition; expression`, by NumPy alone."""
    names = NAMESPACE | (sizes or {}) | {name: np.asarray(value) for name, value in point.items()}
    *definitions, answer = text.split(";")
    for definition in definitions:
        exec(compile(definition.strip(), "<answer>", "exec"), names)  # noqa: S102
    return np.asarray(eval(compile(answer.strip(), "<answer>", "eval"), names), dtype=float)  # noqa: S307


def changed(text, change):
    """The answer with its last expression changed."""
    *definitions, answer = text.split(";")
    return ";".join([*definitions, change.format(answer.strip())])


# ------------------------------------------------------------------ wrong variants


def wrong_variants(case):
    """How the answer can be made wrong: a name and a format string for each way."""
    value = numbers(case["answer"], point_of(case, 7), case.get("sizes"))
    if not np.any(value):
        return {"plus one": "({} + 1)"}
    found = {"sign": "-({})", "factor": "2*({})"}
    if value.ndim == 2 and value.shape[0] == value.shape[1] and not np.allclose(value, value.T):
        found["transposed"] = "({}).T"
    kept = _without_last_term(case["answer"])
    if kept is not None:
        found["term dropped"] = kept
    return found


def _without_last_term(text):
    """The answer `a + b` without `b`, as a format string that ignores what is put in."""
    tree = ast.parse(text.split(";")[-1].strip(), mode="eval").body
    if isinstance(tree, ast.BinOp) and isinstance(tree.op, (ast.Add, ast.Sub)):
        return ast.unparse(tree.left).replace("{", "{{").replace("}", "}}")
    return None
