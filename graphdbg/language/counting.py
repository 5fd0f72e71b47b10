"""Calls of written functions are counted, and where the text alone tells how many, before any.

Functions are inlined, so that `f2` which calls `f1` twice, which calls `f0` twice, is seven calls:
a chain of thirty such lines asks for more than a billion. What a call makes at least is read off
the syntax tree: both branches of a condition count as the shorter one, loops by their literal
ranges, and what may stand behind a `return` not at all.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

from ..errors import LimitError
from ..tape.limits import CALLS
from .functions import find_function
from .reading import Reader
from .values import MISSING, Function

EXACT = 10**18  # calls up to which the message gives every digit
Least = dict[Function, int]


def admit(r: Reader, function: Function, tree: ast.Call) -> None:
    """Count one call of a written function; LimitError where it and its own are too many."""
    least = least_calls(function, r.least)
    r.calls += 1
    if r.calls + least - 1 <= CALLS:
        return
    if least > 1:
        shown = f"{least:,}" if least < EXACT else f"{float(min(least, 10**300)):.1e}"
        what = f"'{function.name}' makes at least {shown} calls of functions"
    else:
        what = f"the program makes more than {CALLS:,} calls of functions"
    r.fail(
        f"{what}, and {CALLS:,} while a text is read is the limit (functions are read once for "
        "each call): give a result that is used twice a name",
        tree,
        LimitError,
    )


def least_calls(function: Function, known: Least) -> int:
    """How many calls of written functions a call makes at least, itself included."""
    found = known.get(function)
    if found is None:
        known[function] = 1  # while it is counted: one that calls itself is refused elsewhere
        local = {each.arg for each in ast.walk(function.tree.args) if isinstance(each, ast.arg)}
        for each in ast.walk(function.tree):
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store):
                local.add(each.id)
        found = known[function] = 1 + _Count(function, known, local).block(function.tree.body)
    return found


class _Count:
    """The calls that statements of one function make at least."""

    def __init__(self, function: Function, known: Least, local: set[str]) -> None:
        self.function, self.known, self.local = function, known, local

    def block(self, body: Sequence[ast.stmt]) -> int:
        """Of statements in order, up to one that may leave."""
        total = 0
        for tree in body:
            total += self.statement(tree)
            if _may_leave(tree):
                break
        return total

    def statement(self, tree: ast.stmt) -> int:
        """Of one statement."""
        if isinstance(tree, ast.If):
            return self.expression(tree.test) + min(self.block(tree.body), self.block(tree.orelse))
        if isinstance(tree, ast.For):
            rounds = 0 if any(map(_may_leave, tree.body)) else _rounds(tree.iter)
            return self.expression(tree.iter) + rounds * self.block(tree.body)
        if isinstance(tree, (ast.FunctionDef, ast.ClassDef)):
            return 0
        return sum(map(self.expression, _parts(tree)))

    def expression(self, tree: ast.AST) -> int:
        """Of one expression."""
        if isinstance(tree, ast.IfExp):
            branches = min(self.expression(tree.body), self.expression(tree.orelse))
            return self.expression(tree.test) + branches
        if isinstance(tree, ast.BoolOp):
            return self.expression(tree.values[0])
        if isinstance(tree, (ast.ListComp, ast.GeneratorExp)):
            first = tree.generators[0]
            alone = len(tree.generators) == 1 and not first.ifs
            rounds = _rounds(first.iter) if alone else 0
            return self.expression(first.iter) + rounds * self.expression(tree.elt)
        inner = sum(map(self.expression, _parts(tree)))
        return inner + (self.called(tree.func) if isinstance(tree, ast.Call) else 0)

    def called(self, tree: ast.expr) -> int:
        """Of the function that is called by its name."""
        if not isinstance(tree, ast.Name) or tree.id in self.local:
            return 0
        scope = self.function.scope
        found = scope.find(tree.id)
        found = find_function(tree.id, scope.from_library) if found is MISSING else found
        return least_calls(found, self.known) if isinstance(found, Function) else 0


def _parts(tree: ast.AST) -> Iterable[ast.AST]:
    kinds = (ast.expr, ast.keyword)
    return (part for part in ast.iter_child_nodes(tree) if isinstance(part, kinds))


def _may_leave(tree: ast.stmt) -> bool:
    """Whether a statement may end the block around it."""
    return any(isinstance(part, (ast.Return, ast.Break, ast.Continue)) for part in ast.walk(tree))


def _rounds(tree: ast.expr) -> int:
    """The number of a literal `range(3)`, 0 where it is not plain to see."""
    match tree:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(n))], keywords=[]):
            return max(0, n)
    return 0
