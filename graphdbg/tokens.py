"""The tokens of a program in Python's or paper's notation, each with its place in the text."""

from __future__ import annotations

import keyword
import re
import unicodedata
from typing import NamedTuple

from .errors import SourceError
from .source import Source, Span

MAX_NESTING = 100  # brackets in brackets; the walk over them recurses, Python's own limit is 200
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ⊤"
_ADVICE = {
    "∑": "write sum(...)", "Σ": "write sum(...)", "∏": "write prod(...)", "∫": "integrals are not "
    "in the language", "∇": "gradients are taken of the whole graph, not written in it",
    "“": 'write plain quotes, "..."', "”": 'write plain quotes, "..."', "$": "leave LaTeX's $ out",
    "\\": "LaTeX commands are not read; write the function's name", "!": "write != for 'not equal'",
    "?": "write a if c else b, or where(c, a, b)", "|": "write abs(...) or norm(...)",
}  # fmt: skip

_NAME = rf"[^\W\d₀-₉{_SUPERSCRIPTS}](?:[^\W{_SUPERSCRIPTS}]|[\u0300-\u036f])*"
_TOKEN = re.compile(
    rf"""(?P<space>(?:[ \t\f]|\\\r?\n)+)
    |(?P<comment>\#[^\r\n]*)
    |(?P<newline>\r\n|\n|\r)
    |(?P<partial>∂[ \t]*(?P<of>{_NAME})[ \t]*/[ \t]*∂[ \t]*(?P<by>{_NAME}(?:\.{_NAME})*))
    |(?P<string>"{{3}}(?:[^\\]|\\.)*?"{{3}}|'{{3}}(?:[^\\]|\\.)*?'{{3}}
        |"(?:[^"\\\r\n]|\\[^\r\n])*"|'(?:[^'\\\r\n]|\\[^\r\n])*')
    |(?P<number>0[xX][\da-fA-F]+(?![\w])|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    |(?P<name>{_NAME})
    |(?P<super>[{_SUPERSCRIPTS}]+)
    |(?P<op>\*\*=?|//=?|==|!=|<=|>=|<<|>>|->|:=|\.\.\.|[-+*/@%&|^=<>~,:;.()\[\]{{}}']=?|[√…⋅∙·×⊙∘∗−–÷∕≤≥≠])
    """,
    re.VERBOSE | re.DOTALL,
)
_PARAMETER = rf"[*]*{_NAME}[ \t]*(?:=[^,:\n]*)?"
_LAMBDA = re.compile(rf"lambda(?:[ \t]+{_PARAMETER}(?:,[ \t]*{_PARAMETER})*)?[ \t]*:")
VALUES = frozenset({"True", "False", "None"})


class Token(NamedTuple):
    """A piece of the text; `kind` is a group of the token pattern, `keyword` or `transpose`."""

    kind: str
    text: str
    start: int
    end: int


def lex(source: Source) -> list[Token]:
    """The tokens of a program, without spaces, comments and the line breaks inside brackets."""
    tokens: list[Token] = []
    opened: list[Token] = []
    text, at = source.text, 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise _unreadable(source, at)
        kind, start, at = str(match.lastgroup), at, match.end()
        if kind in ("of", "by"):
            kind = "partial"
        if kind in ("space", "comment") or (kind == "newline" and opened):
            continue
        if kind == "string" and text[start] == "'" and _is_transpose(tokens, start):
            kind, at = "transpose", start + 1
        if kind == "op" and text[start] == "'" and not (tokens and ends_operand(tokens[-1])):
            raise _unreadable(source, start)
        token = _classify(kind, text[start:at], start, source)
        at = token.end
        tokens.append(token)
        _count_bracket(token, opened, source)
    return tokens


def _classify(kind: str, text: str, start: int, source: Source) -> Token:
    if kind == "op" and text.startswith("'"):
        return Token("transpose", "'", start, start + 1)
    if kind == "op" and len(text) == 2 and text[1] == "=" and text[0] in ",:;.()[]{}^~":
        text = text if text == ":=" else text[0]
    if kind == "name" and keyword.iskeyword(text) and text not in VALUES:
        is_name = text == "lambda" and not _LAMBDA.match(source.text, start)
        is_name = is_name or text == "lambda" and _begins_line(source.text, start)
        return Token("name" if is_name else "keyword", text, start, start + len(text))
    if kind == "name":
        text_end = start + len(text)
        return Token(kind, unicodedata.normalize("NFC", text).replace("µ", "μ"), start, text_end)
    return Token(kind, text, start, start + len(text))


def _begins_line(text: str, start: int) -> bool:
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()


def _is_transpose(tokens: list[Token], start: int) -> bool:
    """A quote right after an operand, without a space, is a transpose, as in MATLAB."""
    return bool(tokens) and tokens[-1].end == start and ends_operand(tokens[-1])


def _count_bracket(token: Token, opened: list[Token], source: Source) -> None:
    if token.kind != "op":
        return
    if token.text in "([{":
        opened.append(token)
        if len(opened) > MAX_NESTING:
            raise too_deep(source, token.start)
    elif token.text in ")]}" and opened:
        opened.pop()


def too_deep(source: Source, at: int) -> SourceError:
    """The error for the bracket at `at`, which is one too many inside others."""
    return SourceError(
        f"brackets are nested more than {MAX_NESTING} deep: "
        "name the inner parts on lines of their own",
        span=Span(source, at, at + 1),
    )


def _unreadable(source: Source, at: int) -> SourceError:
    char = source.text[at]
    if char in "\"'":
        return SourceError("this string is never closed", span=Span(source, at, at + 1))
    known = f"'{char}' " if char.isprintable() else ""
    advice = _ADVICE.get(char, "remove it or write its name in letters")
    return SourceError(
        f"cannot read the character {known}(U+{ord(char):04X}): {advice}",
        span=Span(source, at, at + 1),
    )


def ends_operand(token: Token) -> bool:
    """Whether a value may end with this token."""
    return (
        token.kind in ("name", "number", "super", "transpose", "partial")
        or token.kind == "op" and token.text in (")", "]", "}")
    )  # fmt: skip


def begins_operand(token: Token) -> bool:
    """Whether a value may begin with this token, and is not a signed one."""
    return token.kind in ("name", "number", "partial") or token.text in ("(", "√")
