"""The arguments of command lines: words, whole numbers, the clauses of `break`."""

from __future__ import annotations

from math import isfinite

from ..errors import GraphError

KINDS = ("line", "op", "call", "node")  # of targets, before a name


def split(text: str) -> tuple[str, str, str]:
    """The command word and the rest; `/relu` and `?` need no blank."""
    if text.startswith(("/", "?")):
        return text[0], "", text[1:]
    word, blank, rest = text.partition(" ")
    return word, blank, rest


def need(text: str, what: str, example: str) -> None:
    """Raise GraphError, with an example, where an argument is missing."""
    if not text.strip():
        raise GraphError(f"expected {what}, such as: {example}")


def whole(text: str, example: str) -> int:
    """The whole number that `text` is; GraphError, with an example, where it is none."""
    if not text.strip().isascii() or not text.strip().isdecimal() or len(text.strip()) > 9:
        raise GraphError(f"found '{text.strip()}', expected a whole number, such as: {example}")
    return int(text)


def one_word(text: str, example: str) -> str:
    """An argument that is one word or none; GraphError, with an example, for several."""
    if len(text.split()) > 1:
        raise GraphError(f"found '{text}', expected one name, such as: {example}")
    return text.strip()


def amount(text: str, default: float) -> tuple[str, float]:
    """The name and the number of `x 0.01`, `W[0, 1] -1`; GraphError for a number that is none."""
    name, _, last = text.rpartition(" ")
    try:
        by = float(last)
    except ValueError:
        return text, default
    if not name.strip():
        raise GraphError(f"found '{text}', expected an input and a number, such as: nudge x 0.01")
    if not isfinite(by):
        raise GraphError(f"found '{last}', expected a finite number, such as: nudge x 0.01")
    return name, by


def target_and_text(rest: str) -> tuple[str, str]:
    """TARGET TEXT of `log`: the target is one word, or two such as `line 12`, `op relu`.

    >>> target_and_text("op relu z is {value}")
    ('op relu', 'z is {value}')
    """
    first, _, text = rest.partition(" ")
    if first in KINDS:
        second, _, text = text.strip().partition(" ")
        return f"{first} {second}", text.strip()
    return first, text.strip()


def clauses(rest: str) -> tuple[str, str, str, str]:
    """TARGET [if COND] [hits N] [log TEXT]: the four parts; GraphError for a word without one.

    >>> clauses("h if h > 0 log 'h is {h}'")
    ('h', 'h > 0', '', 'h is {h}')
    """
    found = {}
    left = f" {rest} "
    for word, example in (("log", "log h is {h}"), ("hits", "hits 3"), ("if", "if h > 0")):
        left, there, text = left.partition(f" {word} ")
        left += " "
        if there:
            need(text, f"something after '{word}'", example)
        found[word] = text.strip()
    return left.strip(), found["if"], found["hits"], unquoted(found["log"])


def unquoted(text: str) -> str:
    """A text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
