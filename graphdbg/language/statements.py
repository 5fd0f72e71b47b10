"""Assignments, declarations, definitions, conditions: one rule per kind of statement.

Conditions are decided while reading. `grammar` says which kind of syntax tree is read by which of
these rules.
"""

from __future__ import annotations

import ast
import math
from typing import Any

from ..errors import ShapeError, SourceError, UnknownNameError, UnsupportedError
from ..tape import ops, sizes
from ..tape.graph import suggestion
from ..tape.sizes import Shape, Size, to_text
from . import calls, loops
from .functions import is_function
from .reading import Reader
from .values import MISSING, Function, Native, Ref, Signal


def expression(r: Reader, tree: ast.Expr) -> None:
    """An expression on a line of its own: at the top, a result of the program."""
    if isinstance(tree.value, ast.Constant) and isinstance(tree.value.value, str):
        return  # a comment in quotes
    value = r.value(tree.value)
    if r.scope is r.root:
        several = isinstance(tree.value, ast.Tuple)
        parts = value if several else [value]
        found = [r.ref(part, tree.value) for part in parts]
        r.results.append(tuple(found) if several else found[0])
        r.result_trees.append(tree.value)


def assign(r: Reader, tree: ast.Assign) -> None:
    """`a = b = value`, `a, b = values`; a call that is assigned is labelled by the name."""
    targets = tree.targets
    first = targets[0]
    if type(tree.value) is ast.Call and type(first) is ast.Name:
        value = calls.call(r, tree.value, first.id)
    else:
        value = r.value(tree.value)
    if (
        isinstance(value, (Native, Function))
        and type(tree.value) is ast.Name
        and not is_function(tree.value.id)
    ):
        value = r.ref(value, tree.value)
    for target in targets:
        _bind_target(r, target, value, tree)


def _bind_target(r: Reader, target: ast.expr, value: Any, tree: Any) -> None:
    if type(target) is ast.Name:
        r.bind(target.id, value, tree)
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = loops.unpack(r, value, len(target.elts), target)
        for part, element in zip(target.elts, parts, strict=True):
            _bind_target(r, part, element, tree)
    elif isinstance(target, ast.Subscript):
        r.fail(
            "entries cannot be assigned: values are immutable here; build a new array with "
            "where(...), concatenate([...]) or array([...])",
            target,
            UnsupportedError,
        )
    else:
        r.fail("only names can be assigned", target, UnsupportedError)


def annotated(r: Reader, tree: ast.AnnAssign) -> None:
    """`x: Real[4]` declares an input; `x: Real[4] = value` broadcasts a value to a shape."""
    if type(tree.target) is not ast.Name:
        r.fail("only names can be declared", tree.target)
    name = tree.target.id
    annotation = tree.annotation
    if isinstance(annotation, ast.Call) and isinstance(annotation.func, ast.Name):
        if annotation.func.id == "_inputs" and tree.value is not None:
            for parameter in annotation.args:
                if isinstance(r.scope.find(parameter.id), type(MISSING)):  # type: ignore[attr-defined]
                    r.free_name(parameter.id, parameter)  # type: ignore[attr-defined]
            assign(r, ast.copy_location(ast.Assign([tree.target], tree.value), tree))
            return
    domain, shape = _declaration(r, annotation)
    if tree.value is not None:
        value = r.value(tree.value)
        r.point(tree)
        r.bind(name, r.tape.broadcast_to(r.tape.ref(value), shape), tree)
        return
    _declare(r, tree, name, domain, shape)


def _declare(r: Reader, tree: ast.AnnAssign, name: str, domain: str, shape: Shape) -> None:
    if r.scope is not r.root:
        r.fail("inputs are declared at the top of a program, not inside a function", tree)
    if name in r.free:
        r.fail(f"'{name}' is used before it is declared: declare it first", tree)
    if ("", name) in r.versions or type(r.scope.names.get(name)) is Ref:
        r.fail(f"'{name}' has a value already: declare it once, before it is used", tree)
    given = r.given.get(name)
    if given is not None and not _agree(given, shape):
        r.fail(
            f"'{name}' is declared with shape {to_text(shape)}, but the shape given for it is "
            f"{to_text(given)}",
            tree,
            ShapeError,
        )
    r.point(tree.target)
    r.declare(name, shape, domain)


def _agree(given: Shape, declared: Shape) -> bool:
    return len(given) == len(declared) and all(
        a == b or isinstance(a, Size) or isinstance(b, Size)
        for a, b in zip(given, declared, strict=True)
    )


def _declaration(r: Reader, annotation: ast.expr) -> tuple[str, Shape]:
    """The domain and shape of `Real`, `Real[4]`, `OneHot[n, k]`, `Interval[0, 1][n]`."""
    head: ast.expr = annotation
    brackets: list[ast.expr] = []
    while isinstance(head, ast.Subscript):
        brackets.insert(0, head.slice)
        head = head.value
    domain = head.id if isinstance(head, ast.Name) else ""
    if domain not in ops.DOMAINS:
        shown = r.chunk.span(head).text  # type: ignore[union-attr]
        r.fail(
            f"unknown kind of value '{shown}'{suggestion(domain, ops.DOMAINS)}; "
            f"declare x: Real[4] with one of {', '.join(ops.DOMAINS)}",
            head,
            UnknownNameError,
        )
    if domain == "Interval":
        domain, brackets = _interval(r, brackets[:1], annotation), brackets[1:]
    if len(brackets) > 1:
        r.fail("a shape stands in one pair of square brackets: x: Real[n, 3]", annotation)
    parts = [part for each in brackets for part in _in_brackets(each)]
    return domain, tuple(_declared_size(r, part) for part in parts)


def _in_brackets(index: ast.expr) -> list[ast.expr]:
    return index.elts if isinstance(index, ast.Tuple) else [index]


def _interval(r: Reader, ends: list[ast.expr], annotation: ast.expr) -> str:
    """The domain between two numbers, as the tape writes it."""
    numbers = [_end(each) for index in ends for each in _in_brackets(index)]
    domain = f"Interval[{', '.join(map(repr, numbers))}]"
    if ops.interval(domain) is None:
        r.fail(
            "an interval is declared by its two ends, the lower number first, and then its shape: "
            "x: Interval[0, 1] or x: Interval[0, 1][n]",
            annotation,
        )
    return domain


def _end(tree: ast.expr) -> int | float | None:
    """A number as it stands there, with its sign; None where it is something else."""
    match tree:
        case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return -value
        case ast.Name(id="pi" | "π"):
            return math.pi
        case ast.UnaryOp(op=ast.USub(), operand=ast.Name(id="pi" | "π")):
            return -math.pi
    return None


def _declared_size(r: Reader, tree: ast.expr) -> Any:
    for part in ast.walk(tree):
        if isinstance(part, ast.Name):
            found = r.scope.find(part.id)
            if found is MISSING:
                r.root.names[part.id] = sizes.named(part.id)
    value = r.value(tree)
    r.point(tree)
    return r.tape.size(value, "the sizes of a declared shape")


def augmented(r: Reader, tree: ast.AugAssign) -> None:
    """`x += value` is `x = x + value`."""
    target = tree.target
    if not isinstance(target, ast.Name):
        _bind_target(r, target, None, tree)
        return
    load = ast.copy_location(ast.Name(target.id, ast.Load()), target)
    whole = ast.copy_location(ast.BinOp(load, tree.op, tree.value), tree)
    assign(r, ast.copy_location(ast.Assign([target], whole), tree))


def define(r: Reader, tree: ast.FunctionDef) -> None:
    """`def f(...)` is kept as it is; its body is read at each call."""
    if tree.decorator_list:
        r.fail("decorators are not in the language", tree.decorator_list[0], UnsupportedError)
    arguments = tree.args
    if arguments.vararg or arguments.kwarg:
        r.fail(
            "*args and **kwargs are not in the language: functions take named arguments",
            arguments.vararg or arguments.kwarg,
            UnsupportedError,
        )
    assert r.chunk is not None
    r.scope.names[tree.name] = Function(tree, r.chunk, r.scope, r.scope.from_library)


def return_value(r: Reader, tree: ast.Return) -> Signal:
    """`return` ends the call that is being read, with a value or None."""
    if not r.active:
        r.fail("'return' outside of a function", tree)
    if tree.value is None:
        return Signal("return")
    if type(tree.value) is ast.Call:
        return Signal("return", calls.call(r, tree.value))
    return Signal("return", r.value(tree.value))


def choose(r: Reader, tree: ast.If) -> Signal | None:
    """`if`: one of its two blocks is read; the signal it ended with."""
    return r.run(tree.body if truth(r, tree.test) else tree.orelse)


def truth(r: Reader, tree: ast.expr) -> bool:
    """A condition that must be known while reading."""
    value = r.value(tree)
    if type(value) is Ref:
        r.fail(
            "this condition depends on a value that is not known while reading: "
            "use where(c, a, b) or `a if c else b`",
            tree,
            UnsupportedError,
        )
    if isinstance(value, Size):
        r.fail(f"whether {value} is 0 is not known while reading", tree, UnsupportedError)
    return bool(value)


def require(r: Reader, tree: ast.Assert) -> None:
    """`assert`: ShapeError from the library's own functions, else SourceError."""
    if not truth(r, tree.test):
        message = r.value(tree.msg) if tree.msg is not None else "the assertion does not hold"
        r.fail(str(message), tree, ShapeError if r.scope.from_library else SourceError)
