"""The arguments of command lines: words, whole numbers, the clauses of `break`."""

from __future__ import annotations

from ..errors import GraphError


def split(text: str) -> tuple[str, str, str]:
    """The command word and the rest; `/relu` and `?` need no blank."""
    if text[:1] in "/?":
        return text[0], "", text[1:]
    word, blank, rest = text.partition(" ")
    return word, blank, rest


def need(text: str, what: str, example: str) -> None:
    """Raise GraphError, with an example, where an argument is missing."""
    if not text.strip():
        raise GraphError(f"expected {what}, such as: {example}")


def whole(text: str, example: str) -> int:
    """The whole number that `text` is; GraphError, with an example, where it is none."""
    if not text.strip().isdecimal() or len(text.strip()) > 9:
        raise GraphError(f"found '{text.strip()}', expected a whole number, such as: {example}")
    return int(text)


def is_number(text: str) -> bool:
    """Whether a word is a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def clauses(rest: str) -> tuple[str, str, str, str]:
    """TARGET [if COND] [hits N] [log TEXT]: the four parts."""
    rest, _, log = f" {rest} ".partition(" log ")
    rest, _, hits = rest.partition(" hits ")
    target, _, when = rest.partition(" if ")
    return target.strip(), when.strip(), hits.strip(), unquoted(log.strip())


def unquoted(text: str) -> str:
    """A text without the quotes around it."""
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
