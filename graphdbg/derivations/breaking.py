r"""Long formulas in several lines, as one breaks them by hand: before a sign, outermost ones first.

A fraction as a whole becomes a factor `\frac{1}{n}` before its numerator. Brackets that are broken
cannot be `\left` and `\right` any more; they become `\bigl` and `\bigr`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

DEEPEST = 4  # brackets inside each other that are broken
_TOKEN = re.compile(r"\\(?:left|right)\s*(?:\\[a-zA-Z]+|\\?.)|\\[a-zA-Z]+|\\.|\s+|.", re.DOTALL)
_SIGNS = {"+", "-", r"\odot", r"\oslash", r"\otimes"}
_NO_WIDTH = {"{", "}", "^", "_", r"\left", r"\right", r"\frac", r"\operatorname", r"\mathit"}


def broken(latex: str, room: int) -> list[str]:
    r"""A formula in lines of at most `room` characters, where its signs allow that.

    >>> broken(r"a + \left(b - c\right) - d", 6)
    ['a', '+ \\left(b - c\\right)', '- d']
    >>> broken(r"\frac{a + b}{n}", 3)
    ['\\frac{1}{n} \\bigl(a', '+ b\\bigr)']
    """
    if width(latex) <= room:
        return [latex]
    terms = _pieces(latex, 0)
    latex = "".join(_as_factor(term) if width(term) > room else term for term in terms)
    pieces = [latex]
    for depth in range(DEEPEST + 1):
        pieces = list(_pieces(latex, depth))
        if max(map(width, pieces)) <= room:
            break
    return _filled(pieces, room)


def width(latex: str) -> int:
    """About how many characters a formula is wide: commands are one, brackets of groups none."""
    tokens = (token for token in _TOKEN.findall(latex) if token not in _NO_WIDTH)
    return sum(not token.isspace() for token in tokens)


def _filled(pieces: list[str], room: int) -> list[str]:
    lines, line = [], ""
    for piece in pieces:
        if line and width(line) + width(piece) > room:
            lines.append(line.strip())
            line = ""
        line += piece
    return [*lines, line.strip()]


def _pieces(latex: str, depth: int) -> Iterator[str]:
    """The formula cut before each sign that is inside of at most `depth` brackets."""
    piece, inside, before = "", list[str](), ""
    for token in _TOKEN.findall(latex):
        if token == "{" or token == r"\begin":
            inside.append(token)
        elif token.startswith(r"\left") and token != r"\leftarrow":
            inside.append("(")
            token = _big(token, len(inside) <= depth and "{" not in inside)
        elif token.startswith(r"\right"):
            token = _big(token, len(inside) <= depth and "{" not in inside)
            inside.pop()
        elif token == "}" or token == r"\end":
            inside.pop()
        cuts = token in _SIGNS and before.isspace() and len(inside) <= depth
        if cuts and set(inside) <= {"("} and _ends(piece):
            yield piece
            piece = ""
        piece += token
        before = token
    yield piece


def _ends(piece: str) -> bool:
    """Whether a sign after this is between two things, not the sign of what follows."""
    found = piece.rstrip()
    return bool(found) and not found.endswith(("(", "[", ",", "+", "-", "=", ">", "<"))


def _big(token: str, splits: bool) -> str:
    if not splits:
        return token
    return token.replace(r"\left", r"\bigl").replace(r"\right", r"\bigr")


def _as_factor(latex: str) -> str:
    r"""A term that is one fraction, with its sign, as `\frac{1}{n}` times its numerator."""
    sign = latex[: len(latex) - len(latex.lstrip("+- "))]
    if not latex.startswith(sign + r"\frac{"):
        return latex
    above, rest = _group(latex[len(sign) + 5 :])
    below, rest = _group(rest)
    if rest.strip():
        return latex
    return rf"{sign}\frac{{1}}{{{below}}} \left({above}\right)"


def _group(text: str) -> tuple[str, str]:
    """What stands in the braces that a text begins with, and the text behind."""
    depth = 0
    for at, token in ((found.start(), found[0]) for found in _TOKEN.finditer(text)):
        depth += (token == "{") - (token == "}")
        if depth == 0:
            return text[1:at], text[at + 1 :]
    return text, ""
