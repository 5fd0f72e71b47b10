"""What an expression can be worth: a node of the tape (`Ref`) or a value known while reading.

Sizes, axes, loop counters, tuples and strings are known while reading; they are plain Python
objects. Static arithmetic is exact or not done: whole numbers and named dimensions only, and within
bounds, so that `9**9**9**9` is refused and not computed.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ShapeError, SourceError
from ..tape import sizes
from ..tape.sizes import Size
from .syntax import Chunk

SHOWN = 20  # entries of a list that is written out in a message
MAX_COMPARED = 1_000_000  # entries of lists that are compared
UNKNOWN = "a dimension known by name has no number yet"
MAX_BITS = 1000  # of a whole number: beyond 1023 bits it is no floating-point number any more


class Ref(int):
    """The id of a node; a plain int is a number known while reading."""

    __slots__ = ()


@dataclass(frozen=True, eq=False)
class Native:
    """A function built into the language; `apply(tape, ...)` has its parameters."""

    name: str
    apply: Callable[..., Any]
    row: str = ""  # of the elementwise table, where that is all it does
    along_axis: bool = (
        False  # written with a module's prefix or as a method, so `max(x, 1)` reduces
    )

    @property
    def parameters(self) -> tuple[tuple[str, Any], ...]:
        """The parameters after the tape, each with its default or `REQUIRED`."""
        code, defaults = self.apply.__code__, self.apply.__defaults__ or ()
        names = code.co_varnames[1 : code.co_argcount]
        missing = len(names) - len(defaults)
        return tuple(zip(names, (*[REQUIRED] * missing, *defaults), strict=True))

    @property
    def takes_many(self) -> bool:
        """Whether any number of operands may be given."""
        return bool(self.apply.__code__.co_flags & 0x04)  # inspect.CO_VARARGS


@dataclass(frozen=True, eq=False)
class Function:
    """A function written in the language, with the names it was defined among."""

    tree: ast.FunctionDef
    chunk: Chunk
    scope: Scope
    from_library: bool = False

    @property
    def name(self) -> str:
        """The name it was defined by."""
        return self.tree.name


@dataclass(eq=False)
class Scope:
    """The names of a program, or of one call; free names are looked up where it was defined."""

    outer: Scope | None = None
    names: dict[str, Any] = field(default_factory=dict)
    label: str = ""  # of the call
    from_library: bool = False

    def find(self, name: str) -> Any:
        """The value of a name, or `MISSING`."""
        scope: Scope | None = self
        while scope is not None:
            found = scope.names.get(name, MISSING)
            if found is not MISSING:
                return found
            scope = scope.outer
        return MISSING


@dataclass(frozen=True)
class Sentinel:
    """A mark that is no value of the language."""

    text: str

    def __repr__(self) -> str:
        return self.text


REQUIRED = Sentinel("required")
MISSING = Sentinel("missing")


@dataclass(frozen=True, slots=True)
class Signal:
    """Why a block ended early: `return` (with its value), `break` or `continue`."""

    kind: str
    value: Any = None


def is_number(value: Any) -> bool:
    """Whether a value is a static number or the number of a named dimension."""
    return isinstance(value, (int, float, Size)) and type(value) is not Ref


def is_static(value: Any, known: set[int] | None = None) -> bool:
    """Whether a value holds no node of the tape; a list that occurs often is looked at once."""
    if not isinstance(value, (list, tuple)):
        return type(value) is not Ref
    known = set() if known is None else known
    if id(value) in known:
        return True
    known.add(id(value))
    return all(is_static(each, known) for each in value)


def count_of(value: Sequence[Any]) -> int:
    """How many values a list, a tuple or a range of any length has."""
    if isinstance(value, range):  # len() knows numbers below 2^63
        return max(0, -((value.start - value.stop) // value.step))
    return len(value)


def count_entries(value: Any, known: dict[int, int] | None = None) -> int:
    """How many entries nested lists have in all; a list that occurs twice is counted through once.

    `[[[x]*99]*99]*99` is three short lists, and a million entries.

    >>> count_entries([[range(10**30), 1], [2]])
    1000000000000000000000000000002
    """
    if isinstance(value, range):
        return count_of(value)
    if not isinstance(value, (list, tuple)):
        return 1
    known = {} if known is None else known
    if id(value) not in known:
        known[id(value)] = sum(count_entries(each, known) for each in value)
    return known[id(value)]


def describe(value: Any) -> str:
    """A value as it is called in messages."""
    if isinstance(value, (Native, Function)):
        return f"the function {value.name}"
    if isinstance(value, (list, tuple)) and (count_entries(value) > SHOWN or not is_static(value)):
        return f"a {type(value).__name__} of {len(value)} values"
    if isinstance(value, Sentinel) or value is None:
        return repr(value)
    return f"{type(value).__name__} {value!r}"[:60]


_EXACT: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod, ast.Pow: operator.pow,
}  # fmt: skip
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge, ast.Is: operator.is_, ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b, ast.NotIn: lambda a, b: a not in b,
}  # fmt: skip

_EQUALITIES: Mapping[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Is: "is", ast.IsNot: "is not", ast.In: "in",
    ast.NotIn: "not in",
}  # fmt: skip


def _exact_quotient(a: Any, b: Any) -> Any:
    """`n*d // n` is the dimension d; where nothing divides exactly, it is no dimension."""
    try:
        return sizes.divide(a, b)
    except ShapeError:
        return MISSING


def arithmetic(op: type[ast.operator], a: Any, b: Any) -> Any:
    """The exact result of `a op b` on whole numbers and dimensions, else `MISSING`.

    Raises SourceError (without a span) for a number that is absurdly large, or a division by 0.
    """
    rule = _EXACT.get(op)
    if rule is None or not isinstance(a, (int, Size)) or not isinstance(b, (int, Size)):
        return MISSING
    if isinstance(a, Size) or isinstance(b, Size):
        if op is ast.FloorDiv:
            return _exact_quotient(a, b)
        return rule(a, b) if op in (ast.Add, ast.Sub, ast.Mult) else MISSING
    if op is ast.Pow:
        if b < 0:
            return MISSING
        if b * a.bit_length() > MAX_BITS and a not in (-1, 0, 1):
            raise SourceError(f"{_short(a)}**{_short(b)} is too large a number")
    if op in (ast.FloorDiv, ast.Mod) and b == 0:
        raise SourceError(f"division of {_short(a)} by zero")
    return bounded(rule(a, b))


def bounded(number: Any) -> Any:
    """The number itself; SourceError where it is beyond any floating-point number."""
    if isinstance(number, int) and number.bit_length() > MAX_BITS:
        raise SourceError(f"a number of {number.bit_length()} bits is too large")
    return number


def _short(number: int) -> str:
    return str(number) if number.bit_length() < 100 else f"(a number of {number.bit_length()} bits)"


def compare(op: type[ast.cmpop], a: Any, b: Any) -> Any:
    """The truth of `a op b` for static values.

    Raises SourceError where it depends on what number a named size is: n is not always above 1,
    and it is not always another number than 1 either.
    """
    if isinstance(a, Size) or isinstance(b, Size):
        if op in (ast.Lt, ast.LtE, ast.Gt, ast.GtE):
            raise SourceError(f"cannot order {a} and {b}: {UNKNOWN}")
    if max(count_entries(a), count_entries(b)) > MAX_COMPARED:
        if not (op in (ast.In, ast.NotIn) and isinstance(b, range) and isinstance(a, int)):
            raise SourceError(f"lists of more than {MAX_COMPARED} values, the limit, are compared")
    if op in _EQUALITIES and (_has_size(a) or _has_size(b)):
        equal = _is_in(a, b) if op in (ast.In, ast.NotIn) else _are_equal(a, b)
        if equal is None:
            raise SourceError(f"cannot tell whether {_as_text(a)} {_EQUALITIES[op]} "
                              f"{_as_text(b)}: {UNKNOWN}")  # fmt: skip
        return equal == (op in (ast.Eq, ast.Is, ast.In))
    try:
        return _COMPARE[op](a, b)
    except TypeError as error:
        raise SourceError(f"cannot compare {describe(a)} with {describe(b)}") from error


def _has_size(value: Any) -> bool:
    """Whether a dimension that is known by name is, or is in, a value."""
    if isinstance(value, (list, tuple)):
        return any(map(_has_size, value))
    return isinstance(value, Size)


def _are_equal(a: Any, b: Any) -> bool | None:
    """Whether two static values are equal; None where that depends on a named size's number."""
    for kind in (list, tuple):
        if isinstance(a, kind) and isinstance(b, kind):
            if len(a) != len(b):
                return False
            return _all_known(_are_equal(one, other) for one, other in zip(a, b, strict=True))
    if not (isinstance(a, Size) or isinstance(b, Size)):
        return bool(a == b)
    if not (is_number(a) and is_number(b)):
        return False
    if isinstance(a, float) or isinstance(b, float):
        return None
    gap = a - b
    return None if isinstance(gap, Size) else gap == 0


def _is_in(a: Any, b: Any) -> bool | None:
    """Whether a value is among others; None where that depends on a named size's number."""
    if not isinstance(b, (list, tuple, range)):
        raise SourceError(f"cannot compare {describe(a)} with {describe(b)}")
    if isinstance(b, range):
        return None if isinstance(a, Size) else False
    missing = _all_known(
        None if found is None else not found for found in (_are_equal(a, each) for each in b)
    )
    return None if missing is None else not missing


def _all_known(parts: Iterable[bool | None]) -> bool | None:
    """Whether all hold: False where one does not, else None where one is not known."""
    result: bool | None = True
    for part in parts:
        if part is False:
            return False
        result = result and part
    return result


def _as_text(value: Any) -> str:
    return str(value) if is_number(value) else describe(value)
