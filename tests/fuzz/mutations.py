"""Saved files and program texts with faults in them, the same ones for the same seed."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import graphdbg as gd
from graphdbg import library

EXAMPLES = Path(__file__).parents[2] / "examples"
LARGEST = 3_000  # characters of an example that is mutated: larger ones differ in length alone

PROGRAMS = (
    "f=(x+y)z",
    "x: Real[3]\np = softmax(x); L = sum(p*p)",
    "x: Real[n, 3]\nt: Label[n]\nW: Real[3, 2]\nL = softmax_cross_entropy(x @ W, t)",
    "A: Real[2, 2]\nf = logdet(A) + det(A) + sum(inv(A)[0, ::-1])",
    "x: Real[4]\ndef g(a, b):\n    return relu(a*b) - a\ny = g(x, x[::-1])\nL = sum(g(y, y)^2)",
    "x: Real[5]\nm = max(x) + prod(x[1:3]) + mean(concatenate([x, x]))\nf = m*sum(cumsum(x))",
    "E: Real[4, 3]\ni: Label[2]\nf = sum(E[i]^2) + sum(eye(3)*2) + sum(arange(4))",
)  # fmt: skip

NUMBERS = (0, 1, -1, 2, -2, 3, 7, 10**6, -(10**6), 2**31, 2**53, 2**63, 2**64, 10**30, 10**400, 0.5,
           -0.0, 1e-320, 1e308)  # fmt: skip
TEXTS = ("", "x", "f", "L", "nan", "inf", "-inf", "forward", "backward", "update", "Map", "Const",
         "Gather", "ij", "i", "add", "pow", "\ud800", "\u3164", "\x1b[31m", "\u202e", "n", "x" * 99,
         "line 1", "node", "call", "max(abs(value)) > 0", "grad(x)", "f.d_x", "% 2")  # fmt: skip
OTHERS = (None, True, False, [], {}, [[]], [[["n"], 1]], [[["n", "n"], -2], [[], 3]], [0, 1])
PIECES = (
    "+", "-", "*", "/", "^", "@", "**", "//", "%", "(", ")", "[", "]", "{", "}", ",", ":", ";", ".",
    "=", "==", "<", ">", "!", "'", '"', '"""', "\n", "\n    ", "\t", " ", "\\", "#", "\x00", "\x1b",
    "\u202e", "\u3164", "\ud800", "\u0301", "²", "ᵀ", "½", "π", "∂", "√", "Σ", "·", "λ", "0", "1",
    "-1", "99", "1e400", "0x1f", "1_0", "1j", ".5", "x", "y", "n", "f", "def ", "return ", "for ",
    "in ", "range(3)", "range(10**9)", "if ", "else ", "lambda x: ", "import os", "None", "True",
    "sum", "max", "softmax", "einsum('ij,jk->ik', x, y)", "reshape(x, (2, -1))", "x[0]", "x[::-1]",
    "x[:, None]", "where", "mean", "concatenate", "[x, y]", "Real[n]", "Real[2, 3]", "Label[n]",
    "x: Real[3]", "axis=0", "keepdims=True", "dtype=float", "*x", "**x", "@x", "=>", "->", "...",
    "f(x) = x", "∂f/∂x", "x'", "x.T", "x.shape", "np.", "__class__", "eval('1')", "while x:",
)  # fmt: skip


TOKEN = re.compile(
    r"(?P<name>[^\W\d]\w*)|(?P<number>\d+(?:\.\d+)?)|(?P<sign>[-+*/@^=<>,:()\[\]]+)"
)
FURTHER = {
    "name": ("x", "y", "n", "sum", "max", "min", "mean", "exp", "log", "relu", "softmax", "inv",
             "where", "einsum", "reshape", "concatenate", "one_hot", "argmax", "cumsum", "outer",
             "norm", "Real", "OneHot", "Label", "range", "len", "zeros", "eye", "kron", "None"),
    "number": ("0", "1", "2", "3", "-1", "7", "100", "0.5", "1e300", "10**6", "2**70", "1e-320"),
    "sign": ("+", "-", "*", "/", "@", "**", "^", "//", "%", "==", ">", ",", ":", "=", "[", "]",
             ".T", "[None]", "[0]", "[::-1]", "(", ")", "[:, 0]", "()", "**0", "**-1", "/0"),
}  # fmt: skip


@lru_cache(maxsize=None)
def graph_files() -> tuple[str, ...]:
    """Saved graphs, forward and with a backward pass."""
    forward = [gd.parse(text) for text in PROGRAMS]
    return tuple(graph.to_json() for graph in [*forward, *map(gd.grad, forward)])


@lru_cache(maxsize=None)
def session_files() -> tuple[str, ...]:
    """Saved sessions with breakpoints of each kind, watches, filters, and a position."""
    found = []
    for text, operation in ((PROGRAMS[0], "add"), (PROGRAMS[1], "mul"), (PROGRAMS[4], "relu")):
        session = gd.Session(gd.parse(text))
        name = session.graph.inputs[0]
        session.break_at(name, when="max(abs(value)) > 0", hits="% 2")
        session.break_at("line 1", log="value {" + name + "}")
        session.break_at(f"op {operation}", temporary=True)
        session.watch(f"grad({name})")
        session.display(f"{name} + 1")
        session.catch("nan")
        session.step(4)
        found.append(session.to_json())
    return tuple(found)


@lru_cache(maxsize=None)
def texts() -> tuple[str, ...]:
    """Programs: those above, the examples, and the library's own functions."""
    files = [path.read_text("utf-8") for path in sorted(EXAMPLES.rglob("*.gd"))]
    functions = [source.text.strip() for source in library.index().values()]
    return tuple(text for text in [*PROGRAMS, *files, *functions] if len(text) <= LARGEST)


def json_file(files: Callable[[], tuple[str, ...]], seed: int) -> str:
    """A saved file with one to four faults: in its data, or in its text."""
    rng = random.Random(seed)
    text = rng.choice(files())
    if rng.random() < 0.15:
        return _hurt_text(rng, text)
    data = json.loads(text)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _hurt_data(rng, data)
    return json.dumps(data)


def program(seed: int) -> str:
    """A program with one to six faults in its text."""
    rng = random.Random(seed)
    text = rng.choice(texts())
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6))):
        text = rng.choice((_hurt_token, _hurt_token, _hurt_line, _hurt_place))(rng, text)
    return text


def _hurt_place(rng: random.Random, text: str) -> str:
    """Another piece somewhere, for what stood there or beside it."""
    at = rng.randrange(len(text) + 1)
    to = min(len(text), at + rng.choice((0, 0, 1, 1, 2, 5, 30)))
    return text[:at] + rng.choice((*PIECES, "", text[at : at + 20], text[to:] * 2)) + text[to:]


def _hurt_token(rng: random.Random, text: str) -> str:
    """A name, number or sign of the text for another of its kind."""
    found = list(TOKEN.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    kind = one.lastgroup
    others = [each[0] for each in found if each.lastgroup == kind]
    new = rng.choice((*others, *FURTHER[str(kind)]))
    return text[: one.start()] + new + text[one.end() :]


def _hurt_line(rng: random.Random, text: str) -> str:
    """A line left out, doubled, moved, or called once more."""
    lines = text.split("\n")
    at, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(4)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(other, lines[at])
    elif kind == 2:
        lines[at], lines[other] = lines[other], lines[at]
    else:
        names = re.findall(r"def (\w+)\(([^)]*)\)", text) or [("sum", "x")]
        name, parameters = rng.choice(names)
        lines.append(f"out = {name}({', '.join(re.findall(r'[^,=]+(?=,|=|$)', parameters))})")
    return "\n".join(lines)


def _hurt_text(rng: random.Random, text: str) -> str:
    kind = rng.randrange(5)
    at = rng.randrange(len(text))
    if kind == 0:
        return text[:at]
    if kind == 1:
        return text[:at] + rng.choice('{}[],:"0-eE\x00\ud800 ') + text[at + 1 :]
    if kind == 2:
        return text[:at] + text[at + rng.randint(1, 30) :]
    if kind == 3:
        return text.replace("0", rng.choice(("NaN", "Infinity", "1e999", "9" * 5_000)), 1)
    return text[:at] + "[" * rng.choice((5, 900, 30_000)) + text[at:]


def _hurt_data(rng: random.Random, data: Any) -> None:
    """Replace, remove, double or move one entry somewhere in the data."""
    holder, key = rng.choice(list(_places(data)))
    old, kind = holder[key], rng.randrange(6)
    if kind == 0 and isinstance(holder, list):
        del holder[key]
    elif kind == 1 and isinstance(holder, list):
        holder.insert(rng.randrange(len(holder) + 1), old)
    elif kind == 2 and isinstance(holder, list):
        other = rng.randrange(len(holder))
        holder[key], holder[other] = holder[other], old
    elif kind == 3 and isinstance(holder, dict):
        del holder[key]
    elif isinstance(old, int) and not isinstance(old, bool) and rng.random() < 0.8:
        holder[key] = rng.choice((old - 1, old + 1, old + 2, rng.randrange(12), -1, 0))
    elif isinstance(old, str) and rng.random() < 0.6:
        holder[key] = rng.choice([h[k] for h, k in _places(data) if isinstance(h[k], str)])
    else:
        holder[key] = rng.choice((*NUMBERS, *TEXTS, *OTHERS))


def _places(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every entry of some data, by what holds it and its key."""
    entries = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(entries):
        yield data, key
        if isinstance(value, (dict, list)):
            yield from _places(value)
