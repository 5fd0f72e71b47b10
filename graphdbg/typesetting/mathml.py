r"""MathML Core for the LaTeX that `latex_notation` writes: a page shows it without a script.

The subset is closed: letters, numbers, scripts, `\frac`, `\sqrt`, `\left` and `\right`, `bmatrix`,
texts (`\mathit`, `\mathbf`, `\operatorname`, `\text`, `\textit`, `\texttt`) and the commands of the
tables below. Every text is escaped: a name that looks like markup comes out as that name.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal, NamedTuple
from xml.sax.saxutils import escape

from .latex_notation import plain
from .spacing import GREEK

XMLNS = "http://www.w3.org/1998/Math/MathML"
DEEPEST = 200  # groups one inside the other: the writers stop long before, at 40 functions
THIN = '<mspace width="0.1667em"/>'  # 3/18 em, as TeX sets around a fraction or an operator's name
APPLY = "<mo>&#x2061;</mo>"  # the invisible operator between a function and its argument
INFIX = {
    "cdot": "⋅", "odot": "⊙", "oslash": "⊘", "otimes": "⊗", "times": "×", "sim": "∼",
    "wedge": "∧", "ne": "≠", "le": "≤", "ge": "≥", "approx": "≈", "to": "→", "in": "∈",
}  # fmt: skip
RELATIONS = "=<>≠≤≥≈∼∈→"
SIGNS = {"partial": "∂", "top": "⊤", "backslash": "\\", "dots": "…", "ldots": "…", "infty": "∞"}
FUNCTIONS = {
    "log", "exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "det",
    "max", "min",
}  # fmt: skip
SPACES = {"quad": "1em", "qquad": "2em", ",": "0.1667em", ";": "0.2778em", " ": "0.25em"}
TALL = ("<mfrac", "<mtable", "<munder", "<msqrt")  # what brackets must grow for
FENCES = {r"\lVert": "‖", r"\rVert": "‖", r"\{": "{", r"\}": "}"}
_GREEK = {name.rstrip("_"): letter for name, letter in GREEK.items()}
_TOKEN = re.compile(r"\\(?:[a-zA-Z]+|.)|\s+|\d+(?:\.\d+)?|.", re.DOTALL)
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SETS = {"R": "ℝ", "N": "ℕ", "Z": "ℤ"}
_BOLD = {chr(ord("0") + at): chr(0x1D7CE + at) for at in range(10)} | {
    chr(ord(first) + at): chr(start + at)
    for first, start in (("A", 0x1D400), ("a", 0x1D41A))
    for at in range(26)
}

Kind = Literal["atom", "word", "function", "infix", "operator", "space"]


class _Item(NamedTuple):
    """An element, and what it is to its neighbours: only words and operators want space."""

    xml: str
    kind: Kind = "atom"


def convert(latex: str, display: bool = False) -> str:
    r"""A `<math>` element for a formula in the LaTeX of this package.

    `display` sets it as a block of its own. Raises ValueError for a command that is not in the
    subset, naming it, and for LaTeX that is not well formed.

    >>> convert("2 x")[49:]
    '<mn>2</mn><mi>x</mi></math>'
    >>> convert(r"\unknown{x}")
    Traceback (most recent call last):
    ...
    ValueError: \unknown is not in the LaTeX that becomes MathML
    """
    block = ' display="block"' if display else ""
    return f'<math xmlns="{XMLNS}"{block}>{_Reader(latex).whole()}</math>'


class _Reader:
    """Reads LaTeX from left to right; `at` is the token that comes next."""

    def __init__(self, latex: str) -> None:
        self.tokens = _TOKEN.findall(latex)
        self.at = 0
        self.depth = 0

    def whole(self) -> str:
        """All of the formula."""
        row = self.row()
        if self.at < len(self.tokens):
            raise ValueError(f"'{self.tokens[self.at]}' has nothing that it closes")
        return "".join(row)

    # tokens ----------------------------------------------------------------

    def peek(self) -> str:
        """The next token that is no blank; nothing at the end."""
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        """The next token that is no blank, which is then behind."""
        token = self.peek()
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        """Take one token; ValueError where it is another."""
        found = self.take()
        if found != token:
            raise ValueError(f"expected '{token}', found '{found or 'the end'}'")

    # structure -------------------------------------------------------------

    def row(self) -> list[str]:
        """The elements up to what closes their group, with the spaces between them."""
        self.depth += 1
        if self.depth > DEEPEST:
            raise ValueError(f"groups are nested more than {DEEPEST} deep")
        found: list[str] = []
        before: Kind | None = None
        while (token := self.peek()) and token not in _CLOSING:
            item = self.scripted(before)
            if _apart(before, item):
                found.append(THIN)
            if before == "function":
                found.append(APPLY)
            found.append(item.xml)
            before = item.kind
        self.depth -= 1
        return found

    def scripted(self, before: Kind | None) -> _Item:
        """One element with its sub- and superscript."""
        base = self.element(before)
        scripts: dict[str, str] = {}
        while (mark := self.peek()) in ("^", "_"):
            self.take()
            if mark in scripts:
                raise ValueError(f"two scripts '{mark}' on one thing")
            scripts[mark] = self.argument()
        low, high = scripts.get("_", ""), scripts.get("^", "")
        if base.xml == _SUM:
            kind = {(True, False): "munder", (False, True): "mover", (True, True): "munderover"}
        else:
            kind = {(True, False): "msub", (False, True): "msup", (True, True): "msubsup"}
        name = kind.get((bool(low), bool(high)))
        return _Item(f"<{name}>{base.xml}{low}{high}</{name}>", base.kind) if name else base

    def argument(self) -> str:
        """What a command or a script applies to: a group in braces or one element."""
        if self.peek() != "{":
            return self.element(None).xml
        self.take()
        inside = self.row()
        self.expect("}")
        return _grouped(inside)

    def element(self, before: Kind | None) -> _Item:
        """One element without its scripts."""
        token = self.peek()
        if token == "{":
            return _Item(self.argument())
        self.take()
        if not token:
            raise ValueError("something is missing at the end")
        if token[0] == "\\":
            return self.command(token, before)
        return _character(token, before)

    def command(self, token: str, before: Kind | None) -> _Item:
        """What a command gives."""
        name = token[1:]
        if name in INFIX:
            return _operator(INFIX[name], before)
        if name in _GREEK or name in SIGNS:
            return _Item(_mi((_GREEK | SIGNS)[name]))
        if name in FUNCTIONS:
            return _Item(_mi(name), "function")
        if name in SPACES:
            return _Item(f'<mspace width="{SPACES[name]}"/>', "space")
        if name in _TEXT:
            return _TEXT[name](self.text())
        if not name.isalpha() and name not in ("\\", ""):
            return _Item(f'<mi mathvariant="normal">{_escaped(name)}</mi>')
        if name not in _COMMANDS:
            raise ValueError(f"{token} is not in the LaTeX that becomes MathML")
        return _COMMANDS[name](self)

    def text(self) -> str:
        """The text in braces that follows, its escapes undone."""
        self.expect("{")
        first, depth = self.at, 1
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            depth += (token == "{") - (token == "}")
            if depth == 0:
                return plain("".join(self.tokens[first : self.at - 1]))
        raise ValueError("a text in braces is never closed")

    def fraction(self) -> _Item:
        """A fraction."""
        return _Item(f"<mfrac>{self.argument()}{self.argument()}</mfrac>", "word")

    def root(self) -> _Item:
        """A square root."""
        return _Item(f"<msqrt>{self.argument()}</msqrt>")

    def fenced(self) -> _Item:
        """Everything from `\\left` to its `\\right`, between brackets that grow with it."""
        left = self.take()
        inside = "".join(self.row())
        self.expect(r"\right")
        return _Item(_between(left, inside, self.take()))

    def matrix(self) -> _Item:
        """A matrix in square brackets."""
        if (kind := self.text()) != "bmatrix":
            raise ValueError(f"\\begin{{{kind}}} is not in the LaTeX that becomes MathML")
        rows: list[list[str]] = [[]]
        while True:
            inside = self.row()
            rows[-1].append(f"<mtd>{''.join(inside)}</mtd>")
            end = self.take()
            if end == r"\\":
                rows.append([])
            elif end != "&":
                break
        if end != r"\end" or self.text() != kind:
            raise ValueError(f"\\begin{{{kind}}} is never closed")
        table = "".join(f"<mtr>{''.join(cells)}</mtr>" for cells in rows)
        return _Item(_between("[", f"<mtable>{table}</mtable>", "]"))


_CLOSING = frozenset({"}", "&", r"\\", r"\right", r"\end"})
_SUM = '<mo movablelimits="true">∑</mo>'
_COMMANDS: dict[str, Callable[[_Reader], _Item]] = {
    "frac": _Reader.fraction,
    "sqrt": _Reader.root,
    "left": _Reader.fenced,
    "begin": _Reader.matrix,
    "bigl": lambda reader: _Item(_fence(reader.take(), "prefix", "false"), "operator"),
    "bigr": lambda reader: _Item(_fence(reader.take(), "postfix", "false")),
    "sum": lambda reader: _Item(_SUM, "operator"),
}
_TEXT: dict[str, Callable[[str], _Item]] = {
    "mathit": lambda text: _Item(_mi(text), "word"),
    "textit": lambda text: _Item(_mi(text), "word"),
    "operatorname": lambda text: _Item(_mi(text, upright=True), "function"),
    "mathbf": lambda text: _Item(f"<mn>{_escaped(''.join(_BOLD.get(c, c) for c in text))}</mn>"),
    "mathbb": lambda text: _Item(f"<mi>{''.join(_SETS.get(c, c) for c in _escaped(text))}</mi>"),
    "text": lambda text: _Item(f"<mtext>{_kept(text)}</mtext>"),
    "texttt": lambda text: _Item(
        f'<mtext style="font-family: monospace">{_kept(text)}</mtext>', "word"
    ),
}


def _character(token: str, before: Kind | None) -> _Item:
    """A character that is no command: a number, a letter, an operator, a bracket."""
    if token[0].isdigit() and token[0].isascii():
        return _Item(f"<mn>{token}</mn>")
    if token in "+-=<>":
        return _operator("−" if token == "-" else token, before)
    if token in "()[]|":
        return _Item(f'<mo stretchy="false">{token}</mo>', "operator" if token in "([" else "atom")
    if token in ",;":
        return _Item(f"<mo>{token}</mo>", "operator")
    if token in ":/!.":
        return _Item(f'<mo lspace="0em" rspace="0em">{token}</mo>', "operator")
    return _Item(_mi(token))


def _operator(sign: str, before: Kind | None) -> _Item:
    """An operator between two things; where nothing is before it, it is a sign without spaces."""
    if before in (None, "infix", "operator", "space"):
        form = (
            'form="prefix" lspace="0em" rspace="0em"' if sign not in RELATIONS else 'form="infix"'
        )
        return _Item(f"<mo {form}>{_escaped(sign)}</mo>", "operator")
    space = "0.2778em" if sign in RELATIONS else "0.2222em"  # as TeX: 5/18 and 4/18 em
    return _Item(f'<mo lspace="{space}" rspace="{space}">{_escaped(sign)}</mo>', "infix")


def _apart(before: Kind | None, item: _Item) -> bool:
    """Whether a thin space belongs between two neighbours, so that words do not run together."""
    if before not in ("atom", "word") or item.kind not in ("atom", "word", "function"):
        return False
    return before == "word" or item.kind != "atom"


def _between(left: str, inside: str, right: str) -> str:
    """A row between brackets.

    They stretch only where something tall is inside: to a bracket that may stretch, browsers give
    the width of its largest form.
    """
    stretchy = "true" if any(tall in inside for tall in TALL) else "false"
    signs = (("prefix", left), ("postfix", right))
    opening, closing = (_fence(sign, form, stretchy) for form, sign in signs)
    return f"<mrow>{opening}{inside}{closing}</mrow>"


def _fence(token: str, form: str, stretchy: str) -> str:
    sign = FENCES.get(token, token)
    if token == ".":
        return ""
    if sign not in ("(", ")", "[", "]", "|", "‖", "{", "}"):
        raise ValueError(f"'{token}' is no bracket for \\left or \\right")
    grows = f'form="{form}" fence="true" stretchy="{stretchy}"'
    return f'<mo {grows} lspace="0em" rspace="0em">{sign}</mo>'


def _grouped(elements: list[str]) -> str:
    """Elements as one."""
    return elements[0] if len(elements) == 1 else f"<mrow>{''.join(elements)}</mrow>"


def _mi(text: str, upright: bool = False) -> str:
    """A name; one letter is set in italics, which `upright` prevents."""
    normal = ' mathvariant="normal"' if upright and len(text) == 1 else ""
    return f"<mi{normal}>{_escaped(text)}</mi>"


def _kept(text: str) -> str:
    """A text with its blanks, which MathML would strip at the ends."""
    return _escaped(text).replace(" ", "\u00a0")


def _escaped(text: str) -> str:
    """A text as XML; a character that XML cannot hold becomes the replacement sign."""
    return escape(_NO_XML.sub("\ufffd", text), {'"': "&quot;"})
