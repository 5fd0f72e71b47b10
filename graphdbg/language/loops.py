"""Loops over what is known while reading: rounds of `for`, comprehensions, and unpacking."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NoReturn

from ..errors import ShapeError, UnsupportedError
from ..tape.sizes import Size, to_text
from . import arrays
from .reading import Reader
from .values import Ref, Scope, Signal, count_of, describe

MAX_ROUNDS = 1_000_000  # of all loops together: more would not be a graph anyone can hold


def iterate(r: Reader, tree: ast.expr) -> Iterator[Any]:
    """The values a loop runs over, which must be known while reading; rows of an array, too."""
    value = r.value(tree)
    if type(value) is Ref:
        shape = r.tape.shape(value)
        if not shape:
            r.fail("cannot loop over a scalar", tree, ShapeError)
        if isinstance(shape[0], Size):
            r.fail(
                f"cannot loop over {shape[0]} rows: loops are unrolled, their number is known",
                tree,
                UnsupportedError,
            )
        r.point(tree)
        value = arrays.rows(r.tape, value)
    if not isinstance(value, (range, list, tuple)):
        r.fail(f"cannot loop over {r.tape.name_of(value)}: write range(...) or a list", tree)
    most = max(MAX_ROUNDS, r.builder.most)
    if count_of(value) + r.rounds > most:
        _too_many(r, tree, most)
    for each in value:
        r.rounds += 1
        if r.rounds > most:
            _too_many(r, tree, most)
        yield each


def unroll(r: Reader, tree: ast.For) -> Signal | None:
    """`for`: its body once for each value, then its `else`; the signal it ended with."""
    for value in iterate(r, tree.iter):
        assign_loop(r, tree.target, value)
        signal = r.run(tree.body)
        if signal is not None and signal.kind == "break":
            return None
        if signal is not None and signal.kind == "return":
            return signal
    return r.run(tree.orelse)


def _too_many(r: Reader, tree: ast.expr, most: int) -> NoReturn:
    r.fail(
        f"loops of more than {most} rounds are not unrolled: take fewer, or raise the limit with "
        "--nodes N (nodes= in Python)",
        tree,
    )


def comprehension(r: Reader, tree: ast.ListComp | ast.GeneratorExp) -> list[Any]:
    """The values of `[... for i in ... if ...]`; its variables are its own."""
    outer = r.scope
    inner = Scope(outer, {}, outer.label, outer.from_library)
    found: list[Any] = []

    def walk(depth: int) -> None:
        if depth == len(tree.generators):
            found.append(r.value(tree.elt))
            return
        generator = tree.generators[depth]
        for value in iterate(r, generator.iter):
            assign_loop(r, generator.target, value)
            if all(_holds(r, test) for test in generator.ifs):
                walk(depth + 1)

    r.scope = inner
    try:
        walk(0)
    finally:
        r.scope = outer
    return found


def _holds(r: Reader, tree: ast.expr) -> bool:
    value = r.value(tree)
    if type(value) is Ref or isinstance(value, Size):
        r.fail(
            "the condition of a comprehension must be known while reading", tree, UnsupportedError
        )
    return bool(value)


def assign_loop(r: Reader, target: ast.expr, value: Any) -> None:
    """Give the variables of a loop their values; they are no names of nodes."""
    if isinstance(target, ast.Name):
        r.scope.names[target.id] = value
    elif isinstance(target, (ast.Tuple, ast.List)):
        parts = unpack(r, value, len(target.elts), target)
        for part, element in zip(target.elts, parts, strict=True):
            assign_loop(r, part, element)
    else:
        r.fail("a loop assigns names", target)


def unpack(r: Reader, value: Any, count: int, tree: ast.expr) -> list[Any]:
    """The `count` parts of a tuple, a list, or an array's first axis."""
    if type(value) is Ref:
        shape = r.tape.shape(value)
        if not shape or not isinstance(shape[0], int):
            r.fail(f"cannot unpack an array of shape {to_text(shape)}", tree, ShapeError)
        found = shape[0]
    elif isinstance(value, (tuple, list, range)):
        found = count_of(value)
    else:
        r.fail(f"cannot unpack {describe(value)}", tree)
    if found != count:
        r.fail(f"{found} values for {count} names", tree, ShapeError)
    r.point(tree)
    return list(arrays.rows(r.tape, value)) if type(value) is Ref else list(value)
