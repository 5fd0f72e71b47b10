"""Reads Unicode matrix notation back, as a person would: numbers for the text, not for the tree.

Precedence is what a reader expects: sums, then ⊙ and / and ⊗ from left to right, then products by
juxtaposition, then marks. The ones and identities must carry their sizes (`SizedWriter`).
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import numpy as np
from notation_oracle import SIZES, elementwise

from graphdbg.tape.sizes import Dim, evaluate
from graphdbg.typesetting import trees as t
from graphdbg.typesetting.unicode_notation import TextWriter

GLYPHS = {"½": 1 / 2, "⅓": 1 / 3, "⅔": 2 / 3, "¼": 1 / 4, "¾": 3 / 4}
SUPERS = {each: str(at) for at, each in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
FUNCTIONS = {"σ": "sigmoid", "exp": "exp", "tanh": "tanh", "log1p": "log1p", "abs": "abs"}
WORDS = ("sum", "diag", "tr", "vec", "norm")
TOKEN = re.compile(
    r"\s*(1\[|𝟏<\w+>|𝕀<\w+>|\^⊙|\^|⁻ᵀ|⁻¹|[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\d+\.\d+|\d+|[½⅓⅔¼¾]|[a-zA-Z]+\d*|.)"
)


class SizedWriter(TextWriter):
    """The notation with sizes on what a person knows from the context."""

    def ones(self, tree: t.Ones) -> str:
        return f"𝟏<{tree.shape[0]}>"

    def identity(self, tree: t.Identity) -> str:
        return f"𝕀<{tree.shape[0]}>"


class Value:
    """An array of two axes, and which of them are there."""

    def __init__(self, array: Any, rows: bool, columns: bool) -> None:
        self.array = np.asarray(array, dtype=float)
        self.rows, self.columns = rows, columns

    @property
    def kind(self) -> tuple[bool, bool]:
        return self.rows, self.columns

    @property
    def scalar(self) -> bool:
        return not self.rows and not self.columns

    def with_array(self, array: Any) -> Value:
        return Value(array, self.rows, self.columns)

    @property
    def plain(self) -> Any:
        shape = [n for n, there in zip(self.array.shape, self.kind) if there]
        return self.array.reshape(shape)


def number(value: float) -> Value:
    return Value([[value]], False, False)


def named(name: str, value: Any, shape: tuple[Dim, ...]) -> Value:
    rows, columns = len(shape) > 0, len(shape) > 1
    array = np.asarray(value, dtype=float)
    return Value(array.reshape([*array.shape, 1, 1][:2]), rows, columns)


def elementwise_pair(a: Value, b: Value, function: Any) -> Value:
    assert a.kind == b.kind or a.scalar or b.scalar, "elementwise between different shapes"
    return (a if not a.scalar else b).with_array(function(a.array, b.array))


def times(a: Value, b: Value) -> Value:
    if a.scalar or b.scalar:
        return elementwise_pair(a, b, np.multiply)
    assert a.columns == b.rows, "a product of shapes that do not fit"
    return Value(a.array @ b.array, a.rows, b.columns)


class Reader:
    """A recursive-descent reader of one text."""

    def __init__(self, text: str, names: dict[str, Value]) -> None:
        self.tokens = [each for each in TOKEN.findall(text) if each.strip()]
        self.names = names
        self.at = 0
        self.norms = 0
        self.split: list[str] = []

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str | None = None) -> str:
        token = self.peek()
        assert token and wanted in (None, token), f"found {token!r}, not {wanted!r}"
        self.at += 1
        return token

    def read(self) -> Value:
        value = self.sum()
        assert not self.peek(), f"left over: {self.tokens[self.at :]}"
        return value

    def sum(self) -> Value:
        negative = self.peek() == "−" and bool(self.take())
        value = self.elementwise()
        value = value.with_array(-value.array) if negative else value
        while self.peek() in ("+", "−"):
            sign = self.take()
            other = self.elementwise()
            value = elementwise_pair(value, other, np.add if sign == "+" else np.subtract)
        return value

    def elementwise(self) -> Value:
        value = self.juxtaposed()
        while self.peek() in ("⊙", "/", "⊗"):
            sign = self.take()
            other = self.juxtaposed()
            if sign == "⊗":
                value = Value(np.kron(value.array, other.array), True, True)
            elif sign == "⊙":
                assert value.kind == other.kind or value.scalar
                value = elementwise_pair(value, other, np.multiply)
            else:
                value = elementwise_pair(value, other, np.divide)
        return value

    def juxtaposed(self) -> Value:
        value = self.marked()
        while True:
            if self.peek() == "·":
                self.take()
            elif self.peek() in ("", ")", "]", "+", "−", "⊙", "/", "⊗", ">", "<", "=", "|"):
                return value
            elif self.peek() == "‖" and self.norms:
                return value
            value = times(value, self.marked())

    def marked(self) -> Value:
        if self.peek() == "√":
            self.take()
            value = self.atom()
            value = value.with_array(np.sqrt(value.array))
        else:
            value = self.atom()
        while True:
            mark = self.peek()
            if mark in ("ᵀ", "⁻ᵀ", "⁻¹"):
                self.take()
                if mark != "ᵀ":
                    value = value.with_array(np.linalg.inv(value.array))
                if mark != "⁻¹":
                    value = Value(value.array.T, value.columns, value.rows)
            elif mark and all(each in SUPERS for each in mark):
                self.take()
                assert value.scalar, "a plain power of an array"
                value = value.with_array(value.array ** int("".join(SUPERS[e] for e in mark)))
            elif mark in ("^", "^⊙"):
                self.take()
                value = value.with_array(value.array ** self.exponent())
            else:
                return value

    def exponent(self) -> float:
        if self.peek() != "(":
            return float(self.take())
        self.take("(")
        top = self.take()
        self.take("/")
        bottom = self.take()
        self.take(")")
        return float(Fraction(int(top), int(bottom)))

    def atom(self) -> Value:
        token = self.take()
        if token == "(":
            return self.closed(")")
        if token == "1[":
            return self.indicator()
        if token == "‖":
            self.norms += 1
            value = self.sum()
            self.norms -= 1
            self.take("‖")
            return number(float(np.sqrt(np.sum(value.array**2))))
        if token == "|":
            value = self.sum()
            self.take("|")
            return value.with_array(np.abs(value.array))
        if token in GLYPHS:
            return number(GLYPHS[token])
        if token[0] in "0123456789":
            return number(float(token))
        if token[0] in "𝟏𝕀":
            size = token[2:-1]
            count = int(size) if size.isdigit() else SIZES[size]
            return (
                Value(np.ones((count, 1)), True, False)
                if token[0] == "𝟏"
                else Value(np.eye(count), True, True)
            )
        return self.word(token)

    def word(self, token: str) -> Value:
        if (token in FUNCTIONS or token in WORDS) and self.peek() == "(":
            self.take("(")
            return self.call(token, self.closed(")"))
        if token in self.names:
            return self.names[token]
        letters = re.findall(r"[a-zA-Z]\d*", token)
        assert len(letters) > 1, f"unknown name {token!r}"
        self.tokens[self.at - 1 : self.at] = letters
        return self.names[letters[0]]

    def closed(self, end: str) -> Value:
        norms, self.norms = self.norms, 0
        value = self.sum()
        self.norms = norms
        self.take(end)
        return value

    def indicator(self) -> Value:
        norms, self.norms = self.norms, 0
        left = self.sum()
        relation = self.take()
        right = self.sum()
        self.norms = norms
        self.take("]")
        compare = {">": np.greater, "<": np.less, "=": np.equal}[relation]
        return elementwise_pair(left, right, lambda a, b: compare(a, b) * 1.0)

    def call(self, word: str, value: Value) -> Value:
        if word in FUNCTIONS:
            return value.with_array(elementwise(FUNCTIONS[word], value.array))
        if word == "sum":
            return number(float(np.sum(value.array)))
        if word == "norm":
            return number(float(np.sqrt(np.sum(value.array**2))))
        if word == "tr":
            return number(float(np.trace(value.array)))
        if word == "vec":
            return Value(value.array.reshape(-1, 1), True, False)
        if value.columns and not value.rows:
            raise AssertionError("the diagonal of a row")
        if not value.columns:
            return Value(np.diag(value.array[:, 0]), True, True)
        return Value(np.diag(value.array)[:, None], True, False)


def text_value(tree: t.Tree, world: Any) -> tuple[Any, str]:
    """The number that the Unicode text of a tree reads as, and the text."""
    text = SizedWriter().write(tree)[0]
    names = {
        name: named(name, value, shape)
        for name, value, shape in zip(world.names, world.values, world.shapes)
    }
    names |= {name: number(float(size)) for name, size in SIZES.items()}
    return Reader(text, names).read(), text


def same_shape(value: Value, tree: t.Tree) -> Any:
    """The value as an array of the tree's shape; a scalar stands for equal elements."""
    shape = [evaluate(dim, SIZES) for dim in tree.shape if dim is not None]
    if value.scalar:
        return np.broadcast_to(value.array.reshape(()), shape)
    return value.plain
