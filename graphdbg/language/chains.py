"""Chains of thousands of operators, which Python's own parser cannot read without recursion.

Each long run of arithmetic is taken apart at its operators; its operands, which are short again,
are read by `ast` as one flat tuple, and put together by operator precedence in a loop (Dijkstra's
shunting yard, 1961). What is in brackets is treated first and stands in the text as a name
meanwhile. Texts never change their length, so that all places stay right.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field

LONG = 200  # operators in one run; Python itself manages about 3,000
_PIECE = re.compile(
    r"""(?P<string>"{3}.*?"{3}|'{3}.*?'{3}|"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<comment>\#[^\n]*)
    |(?P<number>(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    |(?P<word>[^\W\d]\w*)
    |(?P<arithmetic>\*\*(?!=)|//(?!=)|[-+*/@%&|](?!=)(?!>))
    |(?P<open>[(\[{])|(?P<close>[)\]}])
    |(?P<separator>[-+*/@%&|]=|\*\*=|//=|->|==|!=|<=|>=|[=<>,:;~])
    |(?P<newline>\n)|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_SEPARATORS = frozenset("and or not if else for in is lambda return assert".split())
_OPERATORS: dict[str, tuple[int, type[ast.operator]]] = {
    "|": (1, ast.BitOr), "&": (2, ast.BitAnd), "+": (3, ast.Add), "-": (3, ast.Sub),
    "*": (4, ast.Mult), "/": (4, ast.Div), "//": (4, ast.FloorDiv), "%": (4, ast.Mod),
    "@": (4, ast.MatMult), "**": (6, ast.Pow),
}  # fmt: skip
_SIGN = 5  # the precedence of a sign: below powers, above products
_SIGNS: dict[str, type[ast.unaryop]] = {"-": ast.USub, "+": ast.UAdd}


@dataclass(slots=True)
class Run:
    """Operands and operators between two separators, at one depth of brackets."""

    start: int
    end: int = 0
    operators: list[tuple[int, str, bool]] = field(default_factory=list)  # place, sign, is a prefix
    after_operand: bool = False


def parse(piece: str, longest: int = LONG) -> ast.Module:
    """The tree of a text that `ast.parse` cannot read at once; longer runs are taken apart.

    Raises SyntaxError as `ast.parse` does, RecursionError where brackets or other constructs are
    too deep.

    >>> ast.unparse(parse("f = " + "+".join("abc")))
    'f = a + b + c'
    """
    text, trees = piece, dict[str, ast.expr]()
    for run in runs(piece, longest):
        name = f"_run{len(trees)}_"
        if run.end - run.start < len(name):
            continue
        trees[name] = _folded(text, run, trees)
        text = text[: run.start] + _padded(name, text[run.start : run.end]) + text[run.end :]
    tree = ast.parse(text)
    _replace(tree, trees)
    return tree


def _padded(name: str, replaced: str) -> str:
    """A stand-in of the same length and with the same line breaks."""
    rest = replaced[len(name) :]
    head = replaced[: len(name)]
    if "\n" in head:  # a line break early in a run: keep every break where it was
        at = head.rindex("\n") + 1
        return re.sub(r"[^\n]", " ", replaced[:at]) + _padded(name, replaced[at:])
    return name + re.sub(r"[^\n]", " ", rest)


def runs(piece: str, longest: int) -> list[Run]:
    """The runs with more than `longest` operators, inner ones before those around them."""
    found: list[Run] = []
    stack = [Run(0)]
    for match in _PIECE.finditer(piece):
        kind, start = match.lastgroup, match.start()
        run = stack[-1]
        if kind == "open":
            stack.append(Run(match.end()))
        elif kind == "close":
            _close(run, start, found, longest)
            if len(stack) > 1:
                stack.pop()
            stack[-1].after_operand = True
        elif kind == "arithmetic":
            run.operators.append((start, match[0], not run.after_operand))
            run.after_operand = False
        elif kind == "separator" or kind == "word" and match[0] in _SEPARATORS:
            _close(run, start, found, longest)
            stack[-1] = Run(match.end())
        elif kind == "newline":
            if len(stack) == 1:
                _close(run, start, found, longest)
                stack[-1] = Run(match.end())
        elif kind != "comment" and not match[0].isspace():
            run.after_operand = True
    _close(stack[-1], len(piece), found, longest)
    return found


def _close(run: Run, end: int, found: list[Run], longest: int) -> None:
    if len(run.operators) > longest:
        run.end = end
        found.append(run)


def _folded(text: str, run: Run, trees: dict[str, ast.expr]) -> ast.expr:
    """The tree of a run: its operands, read as a tuple, put together."""
    chars = list(text[run.start : run.end])
    for at, sign, prefix in run.operators:
        chars[at - run.start] = " " if prefix else ","
        if len(sign) == 2:
            chars[at - run.start + 1] = " "
    before = re.sub(r"[^\n]", " ", text[: run.start])
    last = before.rfind("\n") + 1
    before = before[:last] + " " * (len(before) - last)
    operands = _operands("".join(chars), before)
    _replace(operands, trees)
    assert isinstance(operands, ast.Tuple)
    return _shunted(operands.elts, run.operators)


def _operands(chars: str, before: str) -> ast.expr:
    """The tuple, read in brackets that stand on the characters before and after it."""
    column = len(before) - (before.rfind("\n") + 1)
    lines = before.count("\n")
    tree = ast.parse(f"({chars.rstrip()},)", mode="eval").body
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            for line, offset in (("lineno", "col_offset"), ("end_lineno", "end_col_offset")):
                if getattr(node, line) == 1:
                    setattr(node, offset, getattr(node, offset) + column - 1)
                setattr(node, line, getattr(node, line) + lines)
    return tree


def _shunted(operands: list[ast.expr], operators: list[tuple[int, str, bool]]) -> ast.expr:
    values: list[ast.expr] = []
    waiting: list[tuple[int, Callable[[list[ast.expr]], None]]] = []
    feed = iter(operands)
    for _, sign, prefix in operators:
        if prefix:
            waiting.append((_SIGN, _sign(_SIGNS[sign])))
            continue
        values.append(next(feed))
        rank, op = _OPERATORS[sign]
        while waiting and waiting[-1][0] >= rank + (sign == "**"):
            waiting.pop()[1](values)
        waiting.append((rank, _binary(op)))
    values.append(next(feed))
    while waiting:
        waiting.pop()[1](values)
    (result,) = values
    return result


def _sign(op: type[ast.unaryop]) -> Callable[[list[ast.expr]], None]:
    def apply(values: list[ast.expr]) -> None:
        operand = values.pop()
        values.append(ast.copy_location(ast.UnaryOp(op(), operand), operand))

    return apply


def _binary(op: type[ast.operator]) -> Callable[[list[ast.expr]], None]:
    def apply(values: list[ast.expr]) -> None:
        right, left = values.pop(), values.pop()
        tree = ast.BinOp(left, op(), right)
        tree.lineno, tree.col_offset = left.lineno, left.col_offset
        tree.end_lineno, tree.end_col_offset = right.end_lineno, right.end_col_offset
        values.append(tree)

    return apply


def _replace(tree: ast.AST, trees: dict[str, ast.expr]) -> None:
    """Put the trees of the runs where their stand-ins are, in place."""
    for node in ast.walk(tree):
        for name, child in ast.iter_fields(node):
            if isinstance(child, ast.Name) and child.id in trees:
                setattr(node, name, trees.pop(child.id))
            elif isinstance(child, list):
                for at, each in enumerate(child):
                    if isinstance(each, ast.Name) and each.id in trees:
                        child[at] = trees.pop(each.id)
