"""A program text as `ast` statements whose places lead back to the original text.

The pipeline of `statements`: the notation is rewritten to plain Python (not for large texts that
have none), the result is read in chunks of a few hundred lines, so that a text of 100,000 lines
never stands in memory as one tree, and each tree is mended: stand-ins get their names back, paper
products their own operator. Python's parser recurses along `a + b + c + ...` and gives up at about
3,000 operands; such chains are taken apart at their operators and put together again in a loop.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_left
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ..errors import SourceError
from ..source import Source, Span
from . import chains
from .notation import Rewritten, rewrite

CHUNK_LINES = 200  # trees of one chunk; 200 lines parse as fast per line as any other size
LARGE = 4000  # characters; below, a text is always tokenised, which takes 2 ms at most


class PaperProduct(ast.operator):
    """`Wx`, `W·x` or `W×x`; `sign` is what was written between, "" for nothing."""

    sign = ""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some lines of a program: what leads from a tree's place to the original text.

    `starts` are the offsets of the lines in the Python text, the first one is line 1 of the tree.
    """

    source: Source
    starts: list[int]
    rewritten: Rewritten | None = None

    def span(self, tree: Any) -> Span:
        """Where in the original text a tree stands."""
        start = self.starts[tree.lineno - 1] + tree.col_offset
        end = self.starts[tree.end_lineno - 1] + tree.end_col_offset
        if self.rewritten is not None:
            start, end = self.rewritten.start(start), self.rewritten.end(end)
        return Span(self.source, start, max(start, end))

    def place(self, line: int, column: int) -> int:
        """The offset in the original text of a line (from 1) and column (from 0) of the tree."""
        line = min(max(line, 1), len(self.starts))
        offset = self.starts[line - 1] + max(column, 0)
        return offset if self.rewritten is None else self.rewritten.start(offset)


def statements(
    source: Source,
    is_function: Callable[[str], bool] = lambda name: False,
    bound: Container[str] = (),
) -> Iterator[tuple[Chunk, ast.stmt]]:
    """The statements of a program in order, each with the chunk its places refer to.

    Raises SourceError with a caret where the text is not a program.

    >>> [type(tree).__name__ for _, tree in statements(Source("f=(x+y)z; f > 2"))]
    ['Assign', 'Expr']
    """
    rewritten, begin = None, 0
    if is_plain(source.text, is_function):
        starts = list(source.line_starts)
        for first, last in _chunks(source.text, starts):
            chunk = Chunk(source, starts[first:last])
            try:
                body = ast.parse(_lines(source.text, starts, first, last)).body
            except (SyntaxError, RecursionError, MemoryError):
                begin = first  # perhaps there is notation from here on
                break
            yield from ((chunk, tree) for tree in body)
        else:
            return
    rewritten = rewrite(source, is_function, bound)
    text = rewritten.text
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    for first, last in _chunks(text, starts, begin):
        chunk = Chunk(source, starts[first:last], rewritten)
        trees = _parse(_lines(text, starts, first, last), chunk, final=last == len(starts))
        if trees is None:  # the boundary stood inside a statement
            chunk = Chunk(source, starts[first:], rewritten)
            trees = _parse(_lines(text, starts, first, len(starts)), chunk, final=True) or []
            yield from ((chunk, tree) for tree in trees)
            return
        yield from ((chunk, tree) for tree in trees)


def _lines(text: str, starts: list[int], first: int, last: int) -> str:
    return text[starts[first] : starts[last] if last < len(starts) else len(text)]


def _chunks(text: str, starts: list[int], first: int = 0) -> Iterator[tuple[int, int]]:
    """Line ranges that begin at lines without indentation."""
    count = len(starts)
    while first < count:
        last = min(first + CHUNK_LINES, count)
        while last < count and text[starts[last] : starts[last] + 1] in (
            " ",
            "\t",
            "\n",
            ")",
            "]",
            "e",
            "#",
        ):
            last += 1  # an indented or closing line; `e` may be `else` or `elif`
        yield first, last
        first = last


def _parse(piece: str, chunk: Chunk, final: bool) -> list[ast.stmt] | None:
    """The trees of one chunk; None where it is no program but more lines might make it one."""
    try:
        try:
            tree = ast.parse(piece)
        except (RecursionError, MemoryError):
            tree = chains.parse(piece)
    except SyntaxError as error:
        if final:
            raise _translated(error, chunk) from error
        return None
    except (RecursionError, MemoryError) as error:
        raise _too_deep(chunk) from error
    if chunk.rewritten is not None:
        _mend(tree, chunk)
    return tree.body


def _too_deep(chunk: Chunk) -> SourceError:
    start = chunk.place(1, 0)
    return SourceError(
        "this is nested too deeply: name its parts on lines of their own",
        span=Span(chunk.source, start, start + 1),
    )


def _translated(error: SyntaxError, chunk: Chunk) -> SourceError:
    start = chunk.place(error.lineno or 1, (error.offset or 1) - 1)
    end = start + 1
    if error.end_lineno and error.end_offset:
        end = max(end, chunk.place(error.end_lineno, error.end_offset - 1))
    size = len(chunk.source.text)
    start, end = min(start, max(0, size - 1)), min(end, size)
    message = (error.msg or "invalid syntax").split(" (<unknown>")[0]
    found = chunk.source.text[start:end].strip()
    about = f" at '{found}'" if found and message == "invalid syntax" and len(found) < 30 else ""
    return SourceError(
        f"not a program: {message}{about}; expected assignments such as f = (x + y)*z",
        span=Span(chunk.source, start, end),
    )


# --------------------------------------------------------------------- texts without notation

_PLAIN_CHARACTERS = frozenset(
    "\t\n 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_#()[],.:=+-*/@%&|<>!~"
)
_BEFORE_BRACKET = re.compile(r"(?<![\w.])([A-Za-z_]\w*)[ \t]*\(|[\])\d][ \t]*\(|\.T[ \t]*\(")
_HEADS = frozenset("if elif in and or not return else assert is".split())


def is_plain(text: str, is_function: Callable[[str], bool]) -> bool:
    """Whether a large text that Python can read means what Python says.

    Texts with quotes or `^`, and those that "call" what is no function, may not. Small texts
    always count as notation.
    """
    if len(text) < LARGE or text[0].isspace() or not set(text) <= _PLAIN_CHARACTERS:
        return False
    called = set(_BEFORE_BRACKET.findall(text)) - _HEADS
    if "" in called:  # a bracket after something else than a name
        return False
    defined = set(re.findall(r"^[ \t]*def[ \t]+(\w+)", text, re.MULTILINE))
    if not all(name in defined or is_function(name) for name in called):
        return False
    assigned = rf"^[ \t]*(?:{'|'.join(called)})[ \t]*[-+*/:=]" if called else "(?!)"
    return not re.search(assigned, text, re.MULTILINE)


# ---------------------------------------------------------------------------- mending trees


def _mend(tree: ast.AST, chunk: Chunk) -> None:
    """Give stand-ins their names back and paper products their operator, in place."""
    rewritten = chunk.rewritten
    assert rewritten is not None
    names, products = rewritten.names, rewritten.products
    offsets = sorted(products)
    if not names and not products:
        return
    for node in ast.walk(tree):
        if names:
            for attribute in ("id", "arg", "attr", "name"):
                stand_in = getattr(node, attribute, None)
                if stand_in is not None and "_name" in stand_in:
                    setattr(node, attribute, _renamed(stand_in, names))
        if offsets and type(node) is ast.BinOp and type(node.op) is ast.Mult:
            left, right = node.left, node.right
            after = chunk.starts[left.end_lineno - 1] + left.end_col_offset  # type: ignore[operator]
            before = chunk.starts[right.lineno - 1] + right.col_offset
            at = bisect_left(offsets, after)
            if at < len(offsets) and offsets[at] < before:
                node.op = PaperProduct()
                node.op.sign = products[offsets[at]]


def _renamed(stand_in: str, names: dict[str, str]) -> str:
    return names.get(stand_in, stand_in)


@lru_cache(maxsize=None)
def definition(source: Source) -> tuple[Chunk, ast.FunctionDef]:
    """The function of a library source, which is plain Python and defines just that."""
    (tree,) = ast.parse(source.text).body
    assert isinstance(tree, ast.FunctionDef)
    return Chunk(source, list(source.line_starts)), tree
