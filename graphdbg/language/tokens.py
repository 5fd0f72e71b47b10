"""The tokens of a program in Python's or paper's notation, and what they say about its names."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import NamedTuple

from ..errors import SourceError
from ..source import Source, Span, hidden_in, shown

MAX_NESTING = 100  # brackets in brackets; the walk over them recurses, Python's own limit is 200
_SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿᵀ⊤"
_ADVICE = {
    "∑": "write sum(...)", "Σ": "write sum(...)", "∏": "write prod(...)", "∫": "integrals are not "
    "in the language", "∇": "gradients are taken of the whole graph, not written in it",
    "“": 'write plain quotes, "..."', "”": 'write plain quotes, "..."', "$": "leave LaTeX's $ out",
    "\\": "LaTeX commands are not read; write the function's name", "!": "write != for 'not equal'",
    "?": "write a if c else b, or where(c, a, b)", "|": "write abs(...) or norm(...)",
    "‖": "write norm(...)", "∈": "declare shapes as in x: Real[4]",
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
    |(?P<op>\*\*=?|//=?|==|!=|<=|>=|<<|>>|->|:=|\.\.\.|[-+*/@%&|^=<>~,:;.()\[\]{{}}']=?|[√…⋅∙·×⊙∘∗−–÷∕≤≥≠←])
    """,
    re.VERBOSE | re.DOTALL,
)
_PARAMETER = rf"[*]*{_NAME}[ \t]*(?:=[^,:\n]*)?"
_LAMBDA = re.compile(rf"lambda(?:[ \t]+{_PARAMETER}(?:,[ \t]*{_PARAMETER})*)?[ \t]*:")
GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron rho sigma "
    "tau upsilon phi chi psi omega".split()
)
_ASSIGNMENTS = frozenset({"=", "+=", "-=", "*=", "/=", "**=", "@=", ":="})
_SPELLED = {"log₂": "log2", "log₁₀": "log10"}
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
        if kind in ("name", "partial") and (hidden := hidden_in(match[0])) is not None:
            raise _unseen(source, start + hidden)
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
    if text == "←":
        text = "="
    if kind == "name" and keyword.iskeyword(text) and text not in VALUES:
        is_name = text == "lambda" and not _LAMBDA.match(source.text, start)
        is_name = is_name or text == "lambda" and _begins_line(source.text, start)
        return Token("name" if is_name else "keyword", text, start, start + len(text))
    if kind == "name":
        name = unicodedata.normalize("NFC", text).replace("µ", "μ")
        return Token(kind, _SPELLED.get(name, name), start, start + len(text))
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
    known = f"'{char}' " if shown(char) == char else ""
    advice = _ADVICE.get(char, "remove it or write its name in letters")
    return SourceError(
        f"cannot read the character {known}(U+{ord(char):04X}): {advice}",
        span=Span(source, at, at + 1),
    )


def _unseen(source: Source, at: int) -> SourceError:
    """The error for a character of a name that nobody would see, or a heap of marks."""
    return SourceError(
        f"cannot read the character U+{ord(source.text[at]):04X} in a name: it is not to be seen "
        "there, so two names would look the same; remove it",
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


# ------------------------------------------------------------- which names are functions


@dataclass(frozen=True, slots=True)
class Survey:
    """What the tokens say about the names: which are called, which hold values."""

    called: Callable[[str], bool]
    used: frozenset[str]
    defined: frozenset[str] = frozenset()

    def is_call(self, name: str) -> bool:
        """Whether `name(...)` calls a function rather than multiplies.

        An unknown long name is left as a call, so that a misspelt function is found out.
        """
        if self.called(name):
            return True
        letters = re.sub(r"[\d_₀-₉]+", "", name)
        short = len(letters) <= 2 or not name.isascii() or letters in GREEK
        return not short and name not in self.used


def survey(
    tokens: list[Token], is_function: Callable[[str], bool], bound: Container[str] = ()
) -> Survey:
    """The `Survey` of a program: definitions win over values, values over known functions."""
    defined, assigned, used = set[str](), set[str](), set[str]()
    lines = _statements(tokens)
    for line in lines:
        end = definition_end(line, 0)
        if end and _is_called(line[0].text, lines):
            defined.update(token.text for token in line[:end] if token.kind == "name")
    for line in lines:
        _survey_statement(line, defined, assigned, used, is_function)

    def called(name: str) -> bool:
        if name in defined:
            return True
        if not name.isascii() and name in used:
            return False  # σ is the sigmoid where it is only ever called
        return is_function(name) and name not in assigned and name not in bound

    return Survey(called, frozenset(used | assigned), frozenset(defined))


def definition_end(tokens: list[Token], at: int) -> int:
    """The place of the `=` where `f(x, y) =` begins at token `at`, else 0."""
    if tokens[at].kind != "name" or [token.text for token in tokens[at + 1 : at + 2]] != ["("]:
        return 0
    place, expected = at + 2, "name"
    while place < len(tokens) and (tokens[place].kind == "name") == (expected == "name"):
        if expected != "name" and tokens[place].text != ",":
            break
        place, expected = place + 1, "," if expected == "name" else "name"
    closed = expected == "," and [token.text for token in tokens[place : place + 1]] == [")"]
    signs = [token.text for token in tokens[place + 1 : place + 2]]
    return place + 1 if closed and signs in (["="], [":="]) else 0


def _statements(tokens: list[Token]) -> list[list[Token]]:
    lines: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind == "newline" or token.text == ";":
            lines.append([])
        else:
            lines[-1].append(token)
    return [line for line in lines if line]


def _is_called(name: str, lines: list[list[Token]]) -> bool:
    """Whether `name(` stands anywhere but at the start of a definition."""
    return any(
        token.text == name and following.text == "(" and not (at == 0 and definition_end(line, 0))
        for line in lines
        for at, (token, following) in enumerate(zip(line, line[1:], strict=False))
    )


def _survey_statement(
    line: list[Token], defined: set[str], assigned: set[str], used: set[str],
    is_function: Callable[[str], bool],
) -> None:  # fmt: skip
    if line[0].text == "def":
        names = [token.text for token in line if token.kind == "name"]
        defined.update(names)  # a parameter may be given a function
        return
    depth, targets, target_end = 0, list[str](), 0
    for at, token in enumerate(line):
        depth += (token.text in "([{") - (token.text in ")]}") if token.kind == "op" else 0
        following = line[at + 1].text if at + 1 < len(line) else ""
        if token.kind == "name" and following != "(" and (not at or line[at - 1].text != "."):
            used.add(token.text)
            if depth == 0:
                targets.append(token.text)
        if depth == 0 and token.kind == "op" and token.text in _ASSIGNMENTS and not target_end:
            target_end = at + 1
            assigned.update(targets)
        elif depth == 0 and token.text == ":" and at == 1:
            assigned.add(line[0].text)
    rest = line[target_end:]
    if target_end and len(rest) == 1 and rest[0].kind == "name":
        if is_function(rest[0].text) or rest[0].text in defined:
            defined.update(targets[:1])  # act = tanh
