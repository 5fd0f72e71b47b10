"""Paper notation to Python: `f=(x+y)z`, `2x²`, `xᵀ`, `W·x`, `A ⊙ B`, and the way back.

The rewriting works on tokens and knows no grammar beyond them: it writes the product that was left
out, spells superscripts and signs as Python does, and gives each name that Python could not read
(`θ`, `x₁`, `lambda`) a plain stand-in. `Rewritten` maps each place of the result back, so that
spans and carets always refer to what the person wrote.

What the grammar has no word for is passed on: products of paper (`Wx`, `W·x`, `W×x`) are listed in
`Rewritten.products`, a paper transpose is the attribute `_T`, an inverse `X⁻¹` is `_inv`.
"""

from __future__ import annotations

import keyword
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import SourceError, UnsupportedError
from ..source import Source, Span
from .tokens import (
    VALUES,
    Survey,
    Token,
    begins_operand,
    definition_end,
    ends_operand,
    lex,
    survey,
)

_PLAIN_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SIGNS = {
    "⊙": "*", "∘": "*", "∗": "*", "−": "-", "–": "-", "÷": "/", "∕": "/",
    "≤": "<=", "≥": ">=", "≠": "!=", "^": "**",
}  # fmt: skip
_PRODUCTS = {"·": "·", "⋅": "·", "∙": "·", "×": "×"}


@dataclass(frozen=True, slots=True)
class Rewritten:
    """Plain ASCII Python with, for each of its pieces, the characters it came from.

    `products` maps the offset of a `*` to the sign of paper it stands for ("" when left out);
    `names` maps stand-ins to the names they stand for.
    """

    text: str
    starts: list[int]
    pieces: list[tuple[int, int, int]]  # end here, start and end in the original
    products: dict[int, str]
    names: dict[str, str]

    def start(self, offset: int) -> int:
        """The place in the original text of what begins at `offset`."""
        at = max(0, bisect_right(self.starts, offset) - 1)
        end, first, last = self.pieces[at]
        same = end - self.starts[at] == last - first
        return min(first + (offset - self.starts[at]), last) if same else first

    def end(self, offset: int) -> int:
        """The place in the original text of what ends before `offset`."""
        at = max(0, bisect_left(self.starts, offset) - 1)
        end, first, last = self.pieces[at]
        same = end - self.starts[at] == last - first
        return min(first + (offset - self.starts[at]), last) if same else last


def rewrite(
    source: Source,
    is_function: Callable[[str], bool] = lambda name: False,
    bound: Container[str] = (),
) -> Rewritten:
    """The program as plain Python; `bound` are names with values, which are never functions.

    Raises SourceError for characters no notation uses and brackets nested too deeply.

    >>> rewrite(Source("f=(x+y)z")).text
    'f=(x+y)*z'
    >>> rewrite(Source("2x² y'"), str.isupper).text
    '2*x**2 *y._T'
    """
    tokens = lex(source)
    writer = _Writer(source, tokens, survey(tokens, is_function, bound), bound)
    return writer.run()


# ------------------------------------------------------------------------- writing Python


@dataclass
class _Writer:
    source: Source
    tokens: list[Token]
    survey: Survey
    bound: Container[str]
    parts: list[str] = field(default_factory=list)
    length: int = 0
    starts: list[int] = field(default_factory=list)
    pieces: list[tuple[int, int, int]] = field(default_factory=list)
    products: dict[int, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    stand_ins: dict[str, str] = field(default_factory=dict)
    in_function: bool = False  # after `def f(x): return`, where `;` would not end the function

    def run(self) -> Rewritten:
        """The whole text, token by token."""
        at = 0
        while at < len(self.tokens):
            at += self._write(at)
        if not self.pieces:
            self._put("", 0, 0)
        return Rewritten("".join(self.parts), self.starts, self.pieces, self.products, self.names)

    def _write(self, at: int) -> int:
        """Write token `at` with the space before it; the number of tokens used up."""
        token, before = self.tokens[at], self.tokens[at - 1]
        start = before.end if at else 0
        gap = self._gap(start, token.start)
        if self.parts and self.parts[-1] == "\n" and before.text == ";":
            gap = ""
        elif (at == 0 or before.kind == "newline") and token.kind != "newline":
            gap = gap[self._indent :]
        if at and not gap and token.kind == "keyword":
            gap = " " * (before.kind in ("number", "super"))  # else Python warns
        if gap:
            self._put(gap, start, start + len(gap))
        if at and self._juxtaposed(at):
            self._product("", token.start, token.start)
        return self._definition(at) or self._token(at)

    def _gap(self, start: int, end: int) -> str:
        """The space between two tokens; comments are dropped, odd line breaks made plain."""
        text = self.source.text[start:end]
        if "#" in text:
            text = re.sub(r"#[^\r\n]*", "", text)
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ") if text else ""

    @cached_property
    def _indent(self) -> int:
        """The spaces that every line begins with, as in a text quoted inside a program."""
        starts = [
            token.start for at, token in enumerate(self.tokens)
            if token.kind != "newline" and (at == 0 or self.tokens[at - 1].kind == "newline")
        ]  # fmt: skip
        text = self.source.text
        widths = [at - (text.rfind("\n", 0, at) + 1) for at in starts]
        return min(widths, default=0)

    def _put(self, text: str, start: int, end: int) -> None:
        self.parts.append(text)
        self.starts.append(self.length)
        self.length += len(text)
        self.pieces.append((self.length, start, end))

    def _product(self, sign: str, start: int, end: int) -> None:
        self.products[self.length] = sign
        self._put("*", start, end)

    def _juxtaposed(self, at: int) -> bool:
        """Whether a product was left out before token `at`."""
        before, token = self.tokens[at - 1], self.tokens[at]
        if not ends_operand(before) or not begins_operand(token):
            return False
        if before.kind == "number" and token.kind == "number":
            return False
        if token.text != "(":
            return True
        if self._several(at):
            return False
        if before.kind != "name":
            return True
        if at >= 2 and self.tokens[at - 2].text == ".":
            return before.text == "T"
        if at >= 2 and self.tokens[at - 2].text == "def":
            return False
        return not self.survey.is_call(before.text)

    def _several(self, at: int) -> bool:
        """Whether the brackets opened at token `at` hold no value, several, or named ones."""
        if self.tokens[at + 1 : at + 2] and self.tokens[at + 1].text == ")":
            return True
        depth = 0
        for place in range(at, len(self.tokens)):
            token = self.tokens[place]
            if token.kind == "op":
                depth += (token.text in "([{") - (token.text in ")]}")
                if depth == 1 and token.text in (",", "="):
                    return True
            if depth == 0:
                return False
        return False

    def _closing(self, at: int) -> int:
        """The place of the bracket that closes the one at token `at`, else 0."""
        depth = 0
        for place in range(at, len(self.tokens)):
            if self.tokens[place].kind == "op":
                text = self.tokens[place].text
                depth += (text in "([{") - (text in ")]}")
                if depth == 0:
                    return place
        return 0

    def _powered_call(self, at: int) -> int:
        """`sin²(x)` and `sin^2(x)` as `sin(x)**2`, `sin⁻¹(x)` as `arcsin(x)`."""
        name, *following = self.tokens[at : at + 4]
        texts = [token.text for token in following]
        if following and following[0].kind == "super" and texts[1:2] == ["("]:
            power, opening = self._power(following[0]), at + 2
        elif len(texts) == 3 and (texts[0], following[1].kind, texts[2]) == ("^", "number", "("):
            power, opening = f"**{texts[1]}", at + 3
        else:
            return 0
        closing = self._closing(opening)
        if not closing or not self.survey.called(name.text):
            return 0
        inverse = power == "._inv" and name.text in ("sin", "cos", "tan")
        self._put("arc" + name.text if inverse else name.text, name.start, name.end)
        place = opening + self._token(opening)
        while place <= closing:
            place += self._write(place)
        if not inverse:
            self._put(power, self.tokens[closing].end, self.tokens[closing].end)
        return closing + 1 - at

    def _definition(self, at: int) -> int:
        """`f(x, y) = ...` at the start of a statement, as `f: _inputs(x, y) = ...`.

        Where f is called elsewhere, it is a function: `def f(x, y): return ...`.
        """
        if not self._begins_statement(at):
            return 0
        end = definition_end(self.tokens, at)
        if not end:
            return 0
        name, called = self.tokens[at], self.tokens[at].text in self.survey.defined
        if called:
            self._put("def ", name.start, name.start)
        self._token(at)
        self._put("(" if called else ": _inputs(", name.end, self.tokens[at + 1].end)
        for place in range(at + 2, end):
            self._token(place)
        sign = self.tokens[end]
        self._put(": return " if called else "=", sign.start, sign.end)
        self.in_function = called
        return end + 1 - at

    def _token(self, at: int) -> int:
        """Write token `at`; the number of tokens used up."""
        token = self.tokens[at]
        if self._is_version(at):
            number = self.tokens[at + 2]
            self._name(Token("name", f"{token.text}@{number.text}", token.start, number.end))
            return 3
        if token.kind == "name" and (used := self._powered_call(at)):
            return used
        if token.kind in _RULES:
            _RULES[token.kind](self, token)
        elif token.text == ";" and self.in_function:
            self.in_function = False
            self._put("\n", token.start, token.end)
        elif token.text in _PRODUCTS:
            self._product(_PRODUCTS[token.text], token.start, token.end)
        elif token.text == "√":
            return self._root(at)
        elif token.text == "^" and self._transposes(at):
            self._put("._T", token.start, self.tokens[at + 1].end)
            return 2
        elif token.text == ":=" and self._begins_statement(at - 1):
            self._put("=", token.start, token.end)
        elif token.text == "…":
            self._put("...", token.start, token.end)
        else:
            self._put(_SIGNS.get(token.text, token.text), token.start, token.end)
        return 1

    def _is_version(self, at: int) -> bool:
        """`h@1` without spaces, where that is the name of an earlier version of h."""
        parts = self.tokens[at : at + 3]
        if len(parts) < 3 or (parts[0].kind, parts[1].text, parts[2].kind) != (
            "name",
            "@",
            "number",
        ):
            return False
        if parts[0].end != parts[1].start or parts[1].end != parts[2].start:
            return False
        first = at
        while (
            first >= 2
            and self.tokens[first - 1].text == "."
            and self.tokens[first - 2].kind == "name"
        ):
            first -= 2
        return "".join(token.text for token in self.tokens[first : at + 3]) in self.bound

    def _begins_statement(self, at: int) -> bool:
        return at <= 0 or self.tokens[at - 1].kind == "newline" or self.tokens[at - 1].text == ";"

    def _transposes(self, at: int) -> bool:
        """`x^T`, where no T is used as a name."""
        following = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        if following is None or following.text not in ("T", "⊤", "ᵀ"):
            return False
        return following.text != "T" or not ("T" in self.bound or self._uses_t)

    @cached_property
    def _uses_t(self) -> bool:
        """Whether T is a name in this program, other than in `x^T` and `x.T`."""
        before = ["", *(token.text for token in self.tokens)]
        return any(
            token.text == "T" and sign not in ("^", ".")
            for sign, token in zip(before, self.tokens, strict=False)
        )

    def _root(self, at: int) -> int:
        """`√x` and `√(...)` as calls of sqrt."""
        token = self.tokens[at]
        operand = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
        self._put("sqrt", token.start, token.end)
        if operand is None or operand.kind not in ("name", "number") and operand.text != "√":
            return 1
        self._put("(", operand.start, operand.start)
        used = self._token(at + 1)
        end = self.tokens[at + used].end
        self._put(")", end, end)
        return 1 + used

    def _name(self, token: Token) -> None:
        name = token.text
        if not name.isascii() or "@" in name or keyword.iskeyword(name) and name not in VALUES:
            plain = self.stand_ins.setdefault(name, f"_name{len(self.stand_ins)}_")
            self.names[plain] = name
            name = plain
        self._put(name, token.start, token.end)

    def _partial(self, token: Token) -> None:
        """`∂L/∂W1` is the name `L.d_W1`."""
        of, by = re.sub(r"[∂ \t]", "", token.text).split("/")
        self._name(Token("name", f"{of}.d_{by}", token.start, token.end))

    def _superscript(self, token: Token) -> None:
        self._put(self._power(token), token.start, token.end)

    def _power(self, token: Token) -> str:
        run = token.text.replace("⊤", "ᵀ")
        if run in ("ᵀ", "⁻¹", "⁻ᵀ"):
            return {"ᵀ": "._T", "⁻¹": "._inv", "⁻ᵀ": "._inv._T"}[run]
        if re.fullmatch("[⁺⁻]?(?:[⁰¹²³⁴⁵⁶⁷⁸⁹]+|ⁿ)", run):
            return f"**{run.translate(_PLAIN_DIGITS)}"
        span = Span(self.source, token.start, token.end)
        raise SourceError(f"cannot read the superscript '{token.text}': write ^(...)", span=span)

    def _newline(self, token: Token) -> None:
        self.in_function = False
        self._put("\n", token.start, token.end)

    def _string(self, token: Token) -> None:
        text = re.sub(
            r"\\([^'\"\\\n])", r"\\\\\1", token.text
        )  # no escapes: Python warns about them
        if not text.isascii():
            text = text.encode("ascii", "backslashreplace").decode()
        self._put(text, token.start, token.end)

    def _transpose(self, token: Token) -> None:
        before = self.parts[-1]
        if before in ("f", "F") and re.match(
            r"'[^'\n]*\{[^'\n]*'", self.source.text[token.start :]
        ):
            span = Span(self.source, token.start - 1, token.end)
            raise UnsupportedError("f-strings are not in the language", span=span)
        self._put("._T", token.start, token.end)


_RULES: dict[str, Callable[[_Writer, Token], None]] = {
    "name": _Writer._name,
    "partial": _Writer._partial,
    "super": _Writer._superscript,
    "string": _Writer._string,
    "transpose": _Writer._transpose,
    "newline": _Writer._newline,
}
