"""Calls: which function is meant, its arguments, and the frame of a call of a written function.

A function written in the language is inlined where it is called; each call is a frame
(`graph.Call`) labelled by the name its result is assigned to, or by the function.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..errors import GraphError, UnknownNameError, UnsupportedError
from ..tape import ops
from ..tape.graph import Call, suggestion
from ..tape.scalars import TABLE
from .counting import admit
from .functions import METHODS, find_function, function_names
from .reading import Reader
from .tape import Tape
from .values import MISSING, REQUIRED, Function, Native, Ref, Scope

MODULES = frozenset("np numpy jnp jax torch math F nn functional scipy special tf sp cmath".split())
DIALECTS = {"torch": "torch", "F": "torch", "nn": "torch", "functional": "torch", "jax": "jax"}
MAX_CALLS = 40  # calls inside calls; each takes some ten levels of Python's own stack
_SAME = {
    "dim": "axis",
    "dims": "axes",
    "keepdim": "keepdims",
    "input": "x",
    "a": "x",
    "tensor": "x",
    "a_min": "min",
    "a_max": "max",
    "newshape": "shape",
}
_IGNORED = frozenset("dtype device requires_grad copy order out".split())


# ------------------------------------------------------------------------------ which function


def call(r: Reader, tree: ast.Call, label: str | None = None) -> Any:
    """The value of a call; `label` is the name its result will be assigned to."""
    func = tree.func
    given: list[Any] = []
    general = False
    if type(func) is ast.Name:
        function = _called(r, func, tree)
    elif type(func) is ast.Attribute:
        function, given, general = _method(r, func)
    else:
        function = r.value(func)
    if isinstance(function, str):
        function = find_function(function) or function  # activation="tanh"
    if not isinstance(function, (Native, Function)):
        return _product(r, tree, function)
    if isinstance(function, Native) and function.row and len(tree.args) == 1 and not tree.keywords:
        if not given and TABLE[function.row].arity == 1:
            operand = r.node(tree.args[0])
            r.point(tree)
            return r.tape.emit(ops.map_of(function.row), operand)
    positional = [*given, *arguments(r, tree.args)]
    named = keywords(r, tree, function)
    if general and isinstance(function, Native) and function.along_axis and len(positional) == 2:
        if type(positional[1]) is not Ref and not isinstance(positional[1], float):
            named.setdefault("axis", positional.pop())
    if isinstance(function, Native):
        r.point(tree)
        return apply_native(r.tape, function, positional, named)
    return apply_written(r, function, positional, named, tree, label)


def dotted(tree: ast.expr) -> list[str] | None:
    """The names of `a.b.c`, None for another expression."""
    parts: list[str] = []
    while isinstance(tree, ast.Attribute):
        parts.append(tree.attr)
        tree = tree.value
    return [tree.id, *reversed(parts)] if isinstance(tree, ast.Name) else None


def is_module(r: Reader, name: str) -> bool:
    """Whether a name is a module's, such as np, and not a value's."""
    return name in MODULES and r.scope.find(name) is MISSING and name not in r.given


def _called(r: Reader, func: ast.Name, tree: ast.Call) -> Any:
    found = r.scope.find(func.id)
    if found is not MISSING:
        return found
    if func.id in r.given:
        return r.lookup(func.id, func)
    function = find_function(func.id, r.scope.from_library)
    if function is None:
        if func.id == "print":
            r.fail("print is not in the language: every node is shown", func, UnsupportedError)
        known = [*function_names(), *_functions_in(r.scope)]
        near = suggestion(func.id, known)
        r.fail(
            f"no function named '{func.id}'{near} (for a product write {func.id}*(...))",
            func,
            UnknownNameError,
        )
    return function


def _functions_in(scope: Scope | None) -> Iterator[str]:
    while scope is not None:
        yield from (name for name, value in scope.names.items() if isinstance(value, Function))
        scope = scope.outer


def _product(r: Reader, tree: ast.Call, value: Any) -> Any:
    """`x(y + 1)`, where x turned out to be a value, is a product."""
    if len(tree.args) != 1 or tree.keywords or isinstance(tree.args[0], ast.Starred):
        text = r.chunk.span(tree.func).text  # type: ignore[union-attr]
        r.fail(f"'{text}' is not a function but {r.tape.name_of(value)}", tree.func)
    left, right = r.ref(value, tree.func), r.node(tree.args[0])
    r.point(tree)
    return r.tape.map("mul", left, right)


def _method(r: Reader, func: ast.Attribute) -> tuple[Any, list[Any], bool]:
    """`np.sum` or `x.sum`: the function, the array it is a method of, and that it is general."""
    path = dotted(func)
    if path is not None and is_module(r, path[0]):
        return module_function(r, path, func), [], True
    if func.attr.startswith("_"):
        r.fail(
            f"'{func.attr}' is not in the language: no tricks with attributes",
            func,
            UnsupportedError,
        )
    value = r.value(func.value)
    if isinstance(value, (Native, Function)):
        value = r.ref(value, func.value)
    method = find_method(func.attr)
    if method is None:
        near = suggestion(func.attr, method_names())
        r.fail(
            f"no method '{func.attr}'{near}; methods are functions such as .sum()",
            func,
            UnsupportedError,
        )
    r.point(func)
    return method, [r.tape.ref(value)], True


def module_function(r: Reader, path: list[str], tree: ast.expr) -> Native | Function:
    """The function a dotted name stands for: `np.linalg.inv` is `inv`.

    Where another library means something else by a name, the function is the dialect's:
    `torch.var` is `torch_var`, which divides by count - 1.
    """
    root, name = path[0], path[-1]
    function = find_function(f"{DIALECTS[root]}_{name}") if root in DIALECTS else None
    function = function or find_function(name)
    if function is None:
        if "random" in path or name.startswith("rand"):
            r.fail(
                "random numbers are not in the language: use a name of its own for an input, "
                "and give it random values",
                tree,
                UnsupportedError,
            )
        near = suggestion(name, function_names())
        r.fail(f"no function named '{name}'{near}", tree, UnknownNameError)
    return function


def find_method(name: str) -> Native | Function | None:
    """The function behind a method, None when there is none."""
    return METHODS.get(name) or find_function(name)


def method_names() -> list[str]:
    """The names of all methods."""
    return [*METHODS, *function_names()]


# ---------------------------------------------------------------------------------- arguments


def arguments(r: Reader, trees: Sequence[ast.expr]) -> list[Any]:
    """The values of expressions; a starred list known while reading is spread out."""
    found: list[Any] = []
    for tree in trees:
        if type(tree) is ast.Starred:
            value = r.value(tree.value)
            if not isinstance(value, (list, tuple, range)):
                r.fail(f"only lists and tuples can be starred, found {r.tape.name_of(value)}", tree,
                       UnsupportedError)  # fmt: skip
            found.extend(value)
        else:
            found.append(r.value(tree))
    return found


def keywords(r: Reader, tree: ast.Call, function: Native | Function) -> dict[str, Any]:
    """The named arguments by the names the function knows them by."""
    if not tree.keywords:
        return {}
    known = parameter_names(function)
    found: dict[str, Any] = {}
    for keyword in tree.keywords:
        name = keyword.arg or ""
        if not name:
            r.fail(
                "**arguments are not in the language: write them out",
                keyword.value,
                UnsupportedError,
            )
        if name not in known:
            name = _SAME.get(name, name)
        if name not in known:
            if name in _IGNORED:
                continue
            r.fail(
                f"{function.name}() has no argument '{keyword.arg}'{suggestion(name, known)}; "
                f"it takes {', '.join(known) or 'none'}",
                keyword.value,
            )
        found[name] = r.value(keyword.value)
    return found


def parameter_names(function: Native | Function) -> list[str]:
    """The names of a function's parameters."""
    if isinstance(function, Function):
        given = function.tree.args
        return [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    code = function.apply.__code__
    return list(code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount])


def apply_native(tape: Tape, function: Native, positional: list[Any], named: dict[str, Any]) -> Any:
    """A built-in function applied; errors where arguments are missing, doubled or too many."""
    parameters = function.parameters
    if len(positional) > len(parameters) and not function.takes_many:
        tape.fail(f"{function.name}() takes {len(parameters)} arguments, found {len(positional)}")
    for at, (name, default) in enumerate(parameters):
        if at < len(positional) and name in named:
            tape.fail(f"{function.name}() got the argument '{name}' twice")
        if at >= len(positional) and name not in named and default is REQUIRED:
            tape.fail(f"{function.name}() needs the argument '{name}'")
    return function.apply(tape, *positional, **named)


# ----------------------------------------------------------------------------- written functions


def apply_written(
    r: Reader, function: Function, positional: list[Any], named: dict[str, Any],
    tree: ast.Call, label: str | None,
) -> Any:  # fmt: skip
    """A function of the language, inlined: its body is read once more, in a frame of its own."""
    if function in r.active:
        r.fail(
            f"'{function.name}' calls itself: recursion is not in the language, write a for loop",
            tree,
            UnsupportedError,
        )
    if len(r.active) >= MAX_CALLS:
        r.fail(f"calls are nested more than {MAX_CALLS} deep", tree)
    admit(r, function, tree)
    span = r.chunk.span(tree)  # type: ignore[union-attr]
    given = _bind(r, function, positional, named, tree)
    b = r.builder
    full = _label(r, label or function.name)
    inputs = tuple(int(value) for value in given.values() if type(value) is Ref)
    at = len(b.calls)
    b.calls.append(Call(function.name, full, b.frame, span, inputs))
    saved = (r.scope, r.chunk, b.frame)
    outside = r.scope
    r.scope = Scope(function.scope, given, full, function.from_library)
    r.chunk, b.frame = function.chunk, at
    r.active.append(function)
    try:
        signal = r.run(function.tree.body)
    except GraphError as error:
        if function.from_library and not outside.from_library:
            raise type(error)(f"{function.name}: {error.message}", span=span) from error
        raise
    finally:
        r.active.pop()
        r.scope, r.chunk, b.frame = saved
    b.span = span
    result = signal.value if signal is not None else None
    if type(result) is Ref:
        b.calls[at] = replace(b.calls[at], output=int(result))
        _remember(r.tape, function, given, result)
    return result


def _label(r: Reader, name: str) -> str:
    base = f"{r.scope.label}.{name}" if r.scope.label else name
    label, count = base, 1
    while label in r.labels:
        count += 1
        label = f"{base}_{count}"
    r.labels.add(label)
    return label


def _remember(tape: Tape, function: Function, given: dict[str, Any], result: Ref) -> None:
    """Which scores a softmax came from, so that its logarithm can be taken in a stable way."""
    if function.name == "softmax" and function.from_library:
        rank = len(tape.builder.shapes[result])
        if given.get("axis") in (-1, rank - 1) and type(given.get("x")) is Ref:
            tape.origins[("softmax", int(result))] = given["x"]


def _bind(
    r: Reader, function: Function, positional: list[Any], named: dict[str, Any], tree: ast.Call
) -> dict[str, Any]:
    """The arguments by parameter; SourceError where one is missing or there are too many."""
    spec = function.tree.args
    names = [each.arg for each in (*spec.posonlyargs, *spec.args)]
    if len(positional) > len(names):
        r.fail(
            f"{function.name}() takes {len(names)} argument{'s' * (len(names) != 1)} "
            f"({', '.join(names)}), found {len(positional)}",
            tree,
        )
    given = dict(zip(names, positional, strict=False))
    for name, value in named.items():
        if name in given:
            r.fail(f"{function.name}() got the argument '{name}' twice", tree)
        given[name] = value
    defaults = dict(zip(reversed(names), reversed(spec.defaults), strict=False))
    for argument, default in zip(spec.kwonlyargs, spec.kw_defaults, strict=True):
        names.append(argument.arg)
        if default is not None:
            defaults[argument.arg] = default
    for name in names:
        if name not in given:
            if name not in defaults:
                r.fail(f"{function.name}() needs the argument '{name}'", tree)
            given[name] = _default(r, function, defaults[name])
    return {name: given[name] for name in names}


def _default(r: Reader, function: Function, tree: ast.expr) -> Any:
    """A default value, read where the function was defined."""
    saved = (r.scope, r.chunk)
    r.scope, r.chunk = function.scope, function.chunk
    try:
        return r.value(tree)
    finally:
        r.scope, r.chunk = saved
