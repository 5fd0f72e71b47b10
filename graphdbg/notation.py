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

from .errors import SourceError, UnsupportedError
from .source import Source, Span
from .tokens import VALUES, Token, begins_operand, ends_operand, lex

GREEK = frozenset(
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron rho sigma "
    "tau upsilon phi chi psi omega".split()
)
_PLAIN_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SIGNS = {
    "⊙": "*", "∘": "*", "∗": "*", "−": "-", "–": "-", "÷": "/", "∕": "/",
    "≤": "<=", "≥": ">=", "≠": "!=", "^": "**",
}  # fmt: skip
_PRODUCTS = {"·": "·", "⋅": "·", "∙": "·", "×": "×"}
_ASSIGNMENTS = frozenset({"=", "+=", "-=", "*=", "/=", "**=", "@=", ":="})


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
        indent = self._common_indent()
        after, at = 0, 0
        while at < len(self.tokens):
            token = self.tokens[at]
            gap = self._gap(after, token.start)
            if self.parts and self.parts[-1] == "\n" and self.tokens[at - 1].text == ";":
                gap = ""
            elif (at == 0 or self.tokens[at - 1].kind == "newline") and token.kind != "newline":
                gap = gap[indent:]
            if at and not gap and token.kind == "keyword":
                gap = " " * (self.tokens[at - 1].kind in ("number", "super"))  # else a warning
            self._put_gap(gap, after)
            if at and self._juxtaposed(at):
                self._product("", token.start, token.start)
            used = self._definition(at) or self._token(at)
            after = self.tokens[at + used - 1].end
            at += used
        if not self.pieces:
            self._put("", 0, 0)
        return Rewritten("".join(self.parts), self.starts, self.pieces, self.products, self.names)

    def _gap(self, start: int, end: int) -> str:
        """The space between two tokens; comments are dropped, odd line breaks made plain."""
        text = self.source.text[start:end]
        if "#" in text:
            text = re.sub(r"#[^\r\n]*", "", text)
        return text.replace("\r\n", "\n").replace("\r", "\n").replace("\f", " ") if text else ""

    def _common_indent(self) -> int:
        """The spaces that every line begins with, as in a text quoted inside a program."""
        starts = [
            token.start for at, token in enumerate(self.tokens)
            if token.kind != "newline" and (at == 0 or self.tokens[at - 1].kind == "newline")
        ]  # fmt: skip
        text = self.source.text
        widths = [at - (text.rfind("\n", 0, at) + 1) for at in starts]
        return min(widths, default=0)

    def _put_gap(self, gap: str, start: int) -> None:
        if gap:
            self._put(gap, start, start + len(gap))

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
        for token in self.tokens[at:]:
            if token.kind == "op":
                depth += (token.text in "([{") - (token.text in ")]}")
                if depth == 1 and token.text in (",", "="):
                    return True
            if depth == 0:
                return False
        return False

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
        elsewhere = sum(
            token.text == "T" and self.tokens[before].text not in ("^", ".")
            for before, token in enumerate(self.tokens[1:])
        )
        return following.text != "T" or not (elsewhere or self.tokens[0].text == "T")

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
        run = token.text.replace("⊤", "ᵀ")
        if run in ("ᵀ", "⁻¹", "⁻ᵀ"):
            spelled = {"ᵀ": "._T", "⁻¹": "._inv", "⁻ᵀ": "._inv._T"}[run]
        elif re.fullmatch("[⁺⁻]?(?:[⁰¹²³⁴⁵⁶⁷⁸⁹]+|ⁿ)", run):
            spelled = f"**{run.translate(_PLAIN_DIGITS)}"
        else:
            span = Span(self.source, token.start, token.end)
            raise SourceError(
                f"cannot read the superscript '{token.text}': write ^(...)", span=span
            )
        self._put(spelled, token.start, token.end)

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
