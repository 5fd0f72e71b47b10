"""Straight-line Python over floats: the source of a function for a graph of scalars.

Each elementwise function has a Python form in `scalars.TABLE`; a value that is used once is
written into the expression that uses it. Where Python's `math` raises (overflow, log of 0, division
by 0), the whole is done again by NumPy, which gives inf and nan: the ordinary path pays nothing.
"""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import Any

from ..tape.scalars import TABLE
from .programs import Ints, Program

KINDS = frozenset(("input", "number", "map"))
MAX_TEXT = 120  # characters of an expression that is still written into another one
MAX_DEPTH = 20  # nested brackets of an expression; Python's own parser refuses 200
ERRORS = (OverflowError, ValueError, ZeroDivisionError, TypeError)


def is_scalar(program: Program) -> bool:
    """Whether a program consists of scalars and elementwise functions only."""
    return all(program.kinds[at] in KINDS and not program.shapes[at] for at in program.live())


def is_plain(name: str) -> bool:
    """Whether a name can stand as a parameter, exactly as it is."""
    return (
        name.isidentifier()
        and not keyword.iskeyword(name)
        and unicodedata.normalize("NFKC", name) == name
    )


# ------------------------------------------------------------------ functions `math` does not have


def sigmoid(a: float) -> float:
    """1/(1 + e^-a), where the exponential only ever sees numbers below 0."""
    e = math.exp(-abs(a))
    return 1.0 / (1.0 + e) if a >= 0 else e / (1.0 + e)


def softplus(a: float) -> float:
    """log(1 + e^a) without overflow."""
    return (a if a > 0 else 0.0) + math.log1p(math.exp(-abs(a)))


def sign(a: float) -> float:
    """-1, 0 or 1, nan for nan."""
    return 1.0 if a > 0 else -1.0 if a < 0 else a * 0.0


def floor(a: float) -> float:
    """The next whole number below, as a float; raises for inf and nan, which NumPy then does."""
    return float(math.floor(a))


def maximum(a: float, b: float) -> float:
    """The larger one, nan where one is nan."""
    return a if a >= b or a != a else b


def minimum(a: float, b: float) -> float:
    """The smaller one, nan where one is nan."""
    return a if a <= b or a != a else b


OWN: dict[str, Callable[..., float]] = {
    "sigmoid": sigmoid, "softplus": softplus, "sign": sign, "floor": floor, "maximum": maximum,
    "minimum": minimum, "abs": abs,
}  # fmt: skip
TEMPLATES = {name: row.python for name, row in TABLE.items()} | {"pow": "pow({a}, {b})"}
KEEPS_WHOLE = frozenset(
    ("add", "sub", "mul", "neg", "abs", "where", "maximum", "minimum", "relu")
)  # Python's own arithmetic on whole numbers gives whole numbers
CALL = re.compile(r"\b([a-z]\w*)(?=\()")


class Writer:
    """Writes the statements of a scalar program; `prefix` starts every name of its own."""

    def __init__(self, program: Program, parameters: dict[str, str], prefix: str) -> None:
        self.program = program
        self.prefix = prefix
        self.functions: dict[str, Callable[..., float]] = {}
        self.texts: dict[int, str] = {}
        self.depths: dict[int, int] = {}
        self.parameters = parameters
        self.uses = [0] * len(program)
        for at in program.live():
            for arg in program.args[at]:
                self.uses[arg] += 1
        for at in program.outputs:
            self.uses[at] += 1

    def lines(self) -> list[str]:
        """One assignment per value that needs a name; sets the texts of all values."""
        lines: list[str] = []
        program = self.program
        for at, kind in enumerate(program.kinds):
            self.depths[at] = 0
            if kind == "input":
                self.texts[at] = self.parameters[program.details[at]]
            elif kind == "number":
                self.texts[at] = self._number(program.details[at])
            elif self.uses[at]:
                self._write(at, lines)
        return lines

    def _write(self, at: int, lines: list[str]) -> None:
        template = self._template(self.program.details[at])
        args = self.program.args[at]
        self._name_repeated(template, args, lines)
        text = template.format(**dict(zip("abc", (self.texts[arg] for arg in args))))
        depth = 1 + max(self.depths[arg] for arg in args)
        self.texts[at], self.depths[at] = text, depth
        if self.uses[at] > 1 or len(text) > MAX_TEXT or depth > MAX_DEPTH:
            self._name(at, lines)

    def _name_repeated(self, template: str, args: Ints, lines: list[str]) -> None:
        """An operand that the template writes down twice must be a name."""
        for letter, arg in zip("abc", args):
            if template.count("{" + letter + "}") > 1 and self.depths[arg]:
                self._name(arg, lines)

    def _name(self, at: int, lines: list[str]) -> None:
        name = f"{self.prefix}{at}"
        lines.append(f"{name} = {_bare(self.texts[at])}")
        self.texts[at], self.depths[at] = name, 0

    def _template(self, function: str) -> str:
        """The Python form of a function, the functions that it calls under names of our own."""

        def called(match: re.Match[str]) -> str:
            name = match[1]
            self.functions[self.prefix + name] = OWN.get(name) or getattr(math, name)
            return self.prefix + name

        return CALL.sub(called, TEMPLATES[function])

    def _number(self, value: float) -> str:
        if math.isfinite(value):
            return repr(value) if math.copysign(1, value) > 0 else f"({value!r})"
        return f"{self.prefix}nan" if value != value else f"({'-' * (value < 0)}{self.prefix}inf)"


def surely_floats(program: Program) -> list[bool]:
    """For each value, whether it is a float even where inputs were given as whole numbers."""
    sure: list[bool] = []
    for kind, detail, args in zip(program.kinds, program.details, program.args):
        known = [sure[arg] for arg in args]
        if kind == "map" and detail in KEEPS_WHOLE:
            sure.append(any(known) if detail in ("add", "sub", "mul") else all(known))
        else:
            sure.append(kind != "input")
    return sure


def with_few_names(lines: list[str], prefix: str) -> list[str]:
    """The statements with the names of dead values used again.

    A float is freed when its name is written again, and Python keeps a hundred freed ones at
    hand: that makes a source of a thousand operations a third faster.
    """
    pattern = re.compile(rf"\b{prefix}\d+\b")
    last = {name: at for at, line in enumerate(lines) for name in pattern.findall(line)}
    new: dict[str, str] = {}
    free: list[str] = []

    def rename(match: re.Match[str]) -> str:
        name = match[0]
        if name not in new:
            new[name] = free.pop() if free else f"{prefix}{len(new) + 1}"
        return new[name]

    result = []
    for at, line in enumerate(lines):
        target, equals, text = line.partition(" = ")
        used = set(pattern.findall(text or target))
        text = pattern.sub(rename, text or target)
        free += sorted(new[name] for name in used if last[name] == at)
        result.append(f"{pattern.sub(rename, target)} = {text}" if equals else text)
    return result


def _bare(text: str) -> str:
    """Without the outer brackets, where they enclose the whole."""
    if not text.startswith("("):
        return text
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return text[1:-1] if at == len(text) - 1 else text
    return text


# ------------------------------------------------------------------ the whole function


def prefix_for(names: Sequence[str]) -> str:
    """A start for names of our own that no input's name has."""
    prefix = "_"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    return prefix


def write(program: Program, inputs: Sequence[str], keywords: bool) -> tuple[str, dict[str, Any]]:
    """The source of `floats(x, y, ...)`, and the functions it calls.

    With `keywords`, also the source of `function(x=..., y=...)`, which looks whether each value
    is a float and otherwise hands all to `checked(values, unknown names)`. In the namespace
    `PREFIXagain` must be what computes the outputs from a tuple of floats where `math` raised,
    and `PREFIXmissing`, `PREFIXchecked` what `function` needs.
    """
    prefix = prefix_for(inputs)
    parameters = {
        name: name if is_plain(name) else f"{prefix}in{at}" for at, name in enumerate(inputs)
    }
    writer = Writer(program, parameters, prefix)
    lines = writer.lines()
    texts = [writer.texts[at] for at in program.outputs]
    if not keywords:  # then nobody looks at the inputs' types one by one
        sure = surely_floats(program)
        texts = [t if sure[at] else f"{t} * 1.0" for at, t in zip(program.outputs, texts)]
    *lines, results = with_few_names([*lines, _tuple(texts)], prefix)
    names = list(parameters.values())
    body = ["try:", *("    " + line for line in lines), f"    return {results}",
            f"except {prefix}errors:", f"    return {prefix}again({_tuple(names)})"]  # fmt: skip
    source = [f"def floats({', '.join(names)}):", *("    " + line for line in body)]
    if keywords:
        source += ["", "", *_keyword_form(names, body, prefix)]
    constants = {f"{prefix}nan": math.nan, f"{prefix}inf": math.inf, f"{prefix}errors": ERRORS}
    return "\n".join(source) + "\n", writer.functions | constants


def _keyword_form(names: list[str], body: list[str], prefix: str) -> list[str]:
    defaults = "".join(f"{name}={prefix}missing, " for name in names)
    types = " is ".join(f"{name}.__class__" for name in names)
    values = ", ".join(f'"{name}": {name}' for name in names)
    if len(body) > 20:
        body = [f"return floats({', '.join(names)})"]
    test = [f"if {types} is {prefix}float and not {prefix}more:"] if names else ["if True:"]
    return [
        f"def function({defaults}**{prefix}more):",
        *("    " + line for line in test),
        *("        " + line for line in body),
        f"    return {prefix}checked({{{values}}}, {prefix}more)",
    ]


def _tuple(texts: Sequence[str]) -> str:
    return f"({', '.join(map(_bare, texts))}{',' * (len(texts) == 1)})"
