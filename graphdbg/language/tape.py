"""`Tape`: what functions of the language build with, a `Builder` with static values and errors.

Every method that takes a value takes a `Ref` (a node) or a static number, list or tuple, which
becomes a constant or an array. Errors carry the span of the expression that is being read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..errors import GraphError, ShapeError, SourceError
from ..tape import ops
from ..tape.builder import Builder
from ..tape.scalars import TABLE
from ..tape.sizes import Dim, Shape, Size, to_text
from .values import MAX_BITS, Ref, count_entries, describe, is_number, is_static

MAX_ENTRIES = 1_000_000  # of one list or range whose values are written out
MAX_LISTED = 5_000_000  # of all of them in one text: 200 MB
COMPARISONS = frozenset({"gt", "ge", "lt", "le", "eq", "ne"})


@dataclass(eq=False)
class Tape:
    """A builder and the helpers that functions are written with."""

    builder: Builder
    origins: dict[tuple[str, int], Ref] = field(default_factory=dict)
    parameters: dict[str, Ref] = field(default_factory=dict)
    listed: int = 0

    # ------------------------------------------------------------------------- errors

    def fail(self, message: str, kind: type[GraphError] = SourceError) -> NoReturn:
        """Raise an error that points at the expression being read."""
        raise kind(message, span=self.builder.span)

    def list_out(self, count: int, what: str = "a list") -> None:
        """Count values that are to be written out; SourceError where they are too many."""
        self.listed += count
        if count > MAX_ENTRIES or self.listed > MAX_LISTED:
            alone = count > MAX_ENTRIES
            after = "" if alone else f", after {self.listed - count} in other lists"
            most = MAX_ENTRIES if alone else MAX_LISTED
            self.fail(f"{what} of {count} values is too long{after}: the limit is {most}")

    # ------------------------------------------------------------------------- values

    def ref(self, value: Any) -> Ref:
        """A value as a node; SourceError for what is neither a number nor an array."""
        if type(value) is Ref:
            return value
        if isinstance(value, (bool, int, float, Size)):
            number = int(value) if isinstance(value, bool) else value
            if isinstance(number, int) and number.bit_length() > MAX_BITS:
                self.fail(f"a number of {number.bit_length()} bits is too large")
            return Ref(self.builder.const(number))
        if isinstance(value, (list, tuple, range)):
            self.list_out(count_entries(value), "an array")
            return self.array(list(value))
        self.fail(f"expected a number or an array, found {describe(value)}")

    def array(self, values: Sequence[Any]) -> Ref:
        """Nested lists of numbers as one array, lists of nodes stacked along a new first axis."""
        if not values:
            return Ref(self.builder.const(0, (0,)))
        if is_static(values):
            shape = self._rectangle(values)
            flat = self._flat(values)
            if all(isinstance(number, (int, float)) for number in flat):
                return Ref(self.builder.emit(ops.Array(tuple(flat), shape)))
        return self.stack([self.ref(value) for value in values], 0)

    def _rectangle(self, values: Any) -> Shape:
        if not isinstance(values, (list, tuple, range)):
            if not is_number(values):
                self.fail(f"an array is made of numbers, found {describe(values)}")
            return ()
        shapes = [self._rectangle(value) for value in values]
        for shape in shapes:
            if shape != shapes[0]:
                self.fail(
                    f"the rows of an array differ: {to_text(shapes[0])} and {to_text(shape)}; "
                    "all rows need the same length",
                    ShapeError,
                )
        return (len(values), *(shapes[0] if shapes else ()))

    def _flat(self, values: Any) -> list[Any]:
        if not isinstance(values, (list, tuple, range)):
            return [int(values) if isinstance(values, bool) else values]
        return [number for value in values for number in self._flat(value)]

    def shape(self, value: Any) -> Shape:
        """The shape of a value."""
        return self.builder.shapes[value if type(value) is Ref else self.ref(value)]

    def is_mask(self, ref: int) -> bool:
        """Whether a node holds truth values: a comparison, a Bool input, or made of such."""
        op = self.builder.ops[ref]
        if isinstance(op, ops.Input):
            return op.domain == "Bool"
        if isinstance(op, (ops.Broadcast, ops.Reshape, ops.Slice)):
            return self.is_mask(self.builder.args[ref][0])
        if isinstance(op, ops.Map) and op.function in ("mul", "maximum"):
            return all(self.is_mask(arg) for arg in self.builder.args[ref])
        return isinstance(op, ops.Map) and op.function in COMPARISONS

    # ------------------------------------------------------------------------ building

    def emit(self, op: ops.Op, *args: int) -> Ref:
        """A primitive applied to nodes."""
        return Ref(self.builder.emit(op, *args))

    def map(self, function: str, *values: Any) -> Ref:
        """An elementwise function on values of shapes that broadcast."""
        refs = [value if type(value) is Ref else self.ref(value) for value in values]
        return Ref(self.builder.map(function, *refs))

    def contract(self, spec: str, *refs: int) -> Ref:
        """An einsum."""
        return Ref(self.builder.contract(spec, *refs))

    def reshape(self, ref: int, shape: Shape) -> Ref:
        """The same elements in another shape."""
        if self.builder.shapes[ref] == shape:
            return Ref(ref)
        return self.emit(ops.Reshape(shape), ref)

    def transpose(self, ref: int, order: Sequence[int]) -> Ref:
        """The axes in another order: axis i of the result is axis `order[i]`."""
        letters = "abcdefghijklmnopqrstuvwxyz"[: len(order)]
        if len(order) == 2:
            letters = "ij"
        return self.contract(f"{letters}->{''.join(letters[at] for at in order)}", ref)

    def stack(self, refs: Sequence[int], axis: int) -> Ref:
        """Nodes of one shape along a new axis."""
        shapes = [self.builder.shapes[ref] for ref in refs]
        for shape in shapes:
            if shape != shapes[0]:
                self.fail(
                    f"cannot stack shapes {to_text(shapes[0])} and {to_text(shape)}: "
                    "all need the same shape",
                    ShapeError,
                )
        wide = (*shapes[0][:axis], 1, *shapes[0][axis:])
        parts = [self.reshape(ref, wide) for ref in refs]
        return parts[0] if len(parts) == 1 else self.emit(ops.Concat(axis), *parts)

    def broadcast_to(self, ref: int, shape: Shape) -> Ref:
        """A node repeated to a shape."""
        own = self.builder.shapes[ref]
        if len(own) > len(shape):
            self.fail(f"cannot broadcast shape {to_text(own)} to {to_text(shape)}", ShapeError)
        return Ref(self.builder.broadcast_to(ref, shape))

    def total(self, values: Iterable[Any], function: str = "add") -> Any:
        """Several values put together one after another, as Python's sum does."""
        result: Any = None
        for value in values:
            result = value if result is None else self.map(function, result, value)
        return result

    # ----------------------------------------------------------------------- arguments

    def axis(self, value: Any, rank: int, what: str = "axis") -> int:
        """An axis counted from 0; ShapeError where the array has no such axis."""
        if isinstance(value, bool) or not isinstance(value, int) or type(value) is Ref:
            self.fail(
                f"{what} must be a whole number known while reading, found {self.name_of(value)}"
            )
        if not -rank <= value < rank:
            of = f"an array of {rank} ax{'i' if rank == 1 else 'e'}s" if rank else "a scalar"
            self.fail(f"{what} {value} does not exist: the operand is {of}", ShapeError)
        return value % rank

    def axes(self, value: Any, rank: int) -> tuple[int, ...]:
        """Axes counted from 0, sorted; all of them for None."""
        if value is None:
            return tuple(range(rank))
        given = value if isinstance(value, (list, tuple)) else (value,)
        found = sorted(self.axis(each, rank) for each in given)
        if len(set(found)) < len(found):
            self.fail(f"the axes {tuple(given)} name one axis twice", ShapeError)
        return tuple(found)

    def size(self, value: Any, what: str) -> Dim:
        """A dimension: a whole number or a named one."""
        if isinstance(value, Size):
            return value
        if isinstance(value, bool) or not isinstance(value, int) or type(value) is Ref:
            self.fail(
                f"{what} must be whole numbers or named dimensions, found {self.name_of(value)}"
            )
        if value < 0:
            self.fail(f"{what} must not be negative, found {value}", ShapeError)
        return value

    def name_of(self, value: Any) -> str:
        """A value for messages: a node by its name or shape."""
        if type(value) is not Ref:
            return describe(value)
        name = self.builder.names.get(value)
        if name is not None:
            return f"the array '{name}'"
        return f"an array of shape {to_text(self.builder.shapes[value])}"

    def dims(self, values: Sequence[Any], what: str = "the sizes of a shape") -> Shape:
        """A shape given as `(3, 4)`, `3` or `((3, 4),)`."""
        if len(values) == 1 and isinstance(values[0], (list, tuple)):
            values = values[0]
        return tuple(self.size(value, what) for value in values)

    def string(self, value: Any, what: str) -> str:
        """A text known while reading."""
        if not isinstance(value, str):
            self.fail(f"{what} must be a text in quotes, found {self.name_of(value)}")
        return value


def elementwise(name: str) -> Callable[..., Any]:
    """The function of the language for a row of the elementwise table."""
    arity = TABLE[name].arity

    def apply(tape: Tape, *values: Any) -> Any:
        if len(values) != arity:
            tape.fail(f"{name} takes {arity} operand{'s' * (arity > 1)}, found {len(values)}")
        return tape.map(name, *values)

    return apply
