"""Straight-line NumPy: a lowered program as the source of one function over arrays.

Every result has its place before the first call: elementwise steps write into an operand that
nobody needs any more, the others into work arrays that are handed on when their value is dead;
views are made once. Outputs are new arrays, or ones that nobody outside holds any more.

The source only ever contains names, shapes and einsum specifications made here, no user's text.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..numbers import evaluator
from ..tape.scalars import TABLE
from .blocks import faster_product
from .memory import Memory, Outputs
from .programs import MASKS, Ints, Program

Array = NDArray[Any]

DOT_SUM = 4096  # up to so many numbers are summed by a product with ones, which is less exact
SHORT = 64  # a row up to so long is reduced faster as a column: rows share vector registers then
WIDE = 1024  # elements from which on bools are made first and then made floats
RECYCLED = 32768  # bytes from which on an output is worth keeping: allocating less is cheap

UFUNCS: dict[str, Any] = {
    name: row.numeric for name, row in TABLE.items() if isinstance(row.numeric, np.ufunc)
} | {
    "pow": np.power, "gt": np.greater, "ge": np.greater_equal, "lt": np.less,
    "le": np.less_equal, "eq": np.equal, "ne": np.not_equal, "guard": np.greater,
}  # fmt: skip
# Functions of several steps, each a ufunc, its operands and its place: o is the result's place
# (o may be a), t a scratch array like it.
STEPS: dict[str, tuple[str, ...]] = {
    "relu": ("maximum a zero o",),
    "sigmoid": ("negative a o", "exp o o", "add o one o", "divide one o o"),
    "softplus": ("absolute a t", "negative t t", "exp t t", "log1p t t", "maximum a zero o",
                 "add o t o"),
    "logsigmoid": ("absolute a t", "negative t t", "exp t t", "log1p t t", "minimum a zero o",
                   "subtract o t o"),
}  # fmt: skip


def write(
    program: Program, inputs: Sequence[str], dims: Mapping[str, int]
) -> tuple[str, dict[str, Any]]:
    """The source of `step(arrays in the order of inputs)`, and the names it uses.

    It works in arrays of its own, so two calls at the same time need two functions.
    """
    writer = Writer(program, dims)
    names = {name: f"in{at}" for at, name in enumerate(inputs)}
    lines, results = writer.write(names)
    source = [
        f"def step({', '.join(names.values())}):",
        *(f"    # {names[name]}: {name!r}" for name in inputs),
        "    with errstate(all='ignore'):",
        *(f"        {line}" for line in lines),
        f"        return ({results},)",
    ]
    return "\n".join(source) + "\n", writer.namespace


def compute(program: Program, at: int, args: list[Array], dims: Mapping[str, int]) -> Array:
    """The value of one instruction, simply: used for constants."""
    kind, detail = program.kinds[at], program.details[at]
    with np.errstate(all="ignore"):
        match kind:
            case "map":
                result = TABLE[detail].numeric(*args)
            case "view":
                result = view(args[0], detail)
            case "sum":
                result = np.add.reduce(args[0], axis=detail)
            case "reduce":
                result = REDUCTIONS[detail[0]].reduce(args[0], axis=detail[1])
            case "einsum":
                result = np.einsum(detail, *args)
            case "rule":
                result = evaluator.RULES[type(detail)](detail, args, dims)
            case _:
                result = np.matmul(*args)
    return np.asarray(result, dtype=program.dtypes[at])


def view(array: Array, detail: tuple[str, Any]) -> Array:
    """A view (or, where a reshape cannot be one, a copy) of an array."""
    method, parameter = detail
    match method:
        case "transpose":
            return array.transpose(parameter)
        case "reshape":
            return array.reshape(parameter)
        case "slice":
            return array[tuple(slice(*part) for part in parameter)]
    return np.broadcast_to(array, parameter)


REDUCTIONS = {"max": np.maximum, "min": np.minimum, "prod": np.multiply}


def view_text(name: str, detail: tuple[str, Any]) -> str:
    """The source of a view."""
    method, parameter = detail
    match method:
        case "slice":
            parts = (":".join("" if p is None else str(p) for p in part) for part in parameter)
            return f"{name}[{', '.join(parts)}]"
        case "broadcast":
            return f"broadcast_to({name}, {parameter})"
        case "transpose" if parameter == (1, 0):
            return f"{name}.T"
    return f"{name}.{method}({parameter})"


# ------------------------------------------------------------------ writing


class Writer:
    """Writes a program instruction by instruction.

    `names` are the variables; `static` are the arrays that stay the same from call to call, of
    which views can be taken now; what is not static is made in each call.
    """

    def __init__(self, program: Program, dims: Mapping[str, int]) -> None:
        self.program = program
        self.dims = dict(dims)
        self.memory = Memory()
        self.names: dict[int, str] = {}
        self.static: dict[int, Array] = {}
        self.block: dict[int, int] = {}
        self.constants: set[int] = set()
        self.masks: dict[int, str] = {}
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {
            ufunc.__name__: ufunc for ufunc in (*UFUNCS.values(), np.reciprocal)
        } | {
            "dot": np.dot, "matmul": np.matmul, "einsum": np.einsum, "copyto": np.copyto,
            "empty": np.empty, "broadcast_to": np.broadcast_to, "errstate": np.errstate,
        }  # fmt: skip
        self.order = program.live()
        self.direct = {
            at for at in program.outputs
            if program.kinds[at] in ("map", "sum", "reduce", "dot", "matmul", "einsum", "rule")
        }  # fmt: skip
        self.last = self._last_uses()

    def _last_uses(self) -> dict[int, int]:
        """For each instruction the last one that reads it or a view of it."""
        end = len(self.program)
        last = dict.fromkeys(self.order, -1)
        for at in self.program.outputs:
            last[at] = end
        for at in reversed(self.order):
            until = last[at] if self.program.kinds[at] == "view" else at
            for arg in self.program.args[at]:
                last[arg] = max(last[arg], until, at)
        return last

    def write(self, inputs: Mapping[str, str]) -> tuple[list[str], str]:
        """The lines of the function, and the names of its results."""
        for at in self.order:
            self._instruction(at, inputs)
            self.memory.release(at)
        return self.lines, ", ".join(self._results())

    def _results(self) -> list[str]:
        """Each output as an array of its own."""
        seen: set[int] = set()
        results = []
        for at in self.program.outputs:
            mine = at in self.direct and at not in self.constants and at not in seen
            results.append(self.names[at] if mine else f"{self.names[at]}.copy()")
            seen.add(at)
        return results

    def _instruction(self, at: int, inputs: Mapping[str, str]) -> None:
        p = self.program
        kind, detail, args = p.kinds[at], p.details[at], p.args[at]
        if kind == "input":
            self.names[at] = inputs[detail]
        elif kind == "number":
            self._constant(at, np.full(p.shapes[at], detail, p.dtypes[at]))
        elif kind == "array":
            self._constant(at, detail)
        elif self.constants.issuperset(args):
            self._constant(at, compute(p, at, [self.static[arg] for arg in args], self.dims))
        else:
            getattr(self, f"_{kind}")(at, detail, args)

    def _constant(self, at: int, array: Array) -> None:
        array = array.view()
        array.flags.writeable = False
        self.constants.add(at)
        self._fix(at, array, f"c{at}")

    def _fix(self, at: int, array: Array, name: str) -> None:
        """Let an instruction's value be an array that stays the same from call to call."""
        self.static[at], self.names[at], self.namespace[name] = array, name, array

    def _keep(self, value: Any, stem: str) -> str:
        """A name in the function's namespace."""
        name = f"{stem}{len(self.namespace)}"
        self.namespace[name] = value
        return name

    def _number(self, value: float, dtype: np.dtype[Any]) -> str:
        """A number as an array without axes: faster than a Python float."""
        name = f"n_{dtype.char}_{value!r}".replace(".", "_").replace("-", "m").replace("+", "")
        self.namespace.setdefault(name, np.array(value, dtype))
        return name

    # -------------------------------------------------------------- places

    def _place(self, at: int) -> str:
        """Where an instruction writes its value: an output's new array, or a work array."""
        shape, dtype = self.program.shapes[at], self.program.dtypes[at]
        if at in self.direct:
            return self._output(at, shape, dtype)
        array, self.block[at] = self.memory.take(shape, dtype, self.last[at])
        self._fix(at, array, f"v{at}")
        return f"v{at}"

    def _output(self, at: int, shape: Ints, dtype: np.dtype[Any]) -> str:
        name = self.names[at] = f"o{at}"
        size = math.prod(shape) * dtype.itemsize
        if size >= RECYCLED:
            self.lines.append(f"{name} = {self._keep(Outputs(shape, dtype).take, 'take')}()")
        else:
            self.lines.append(f"{name} = empty({shape}, {self._keep(dtype, 'type')})")
        return name

    def _reuse(self, at: int, args: Ints) -> str | None:
        """The name of an operand that dies here and whose array can take the result."""
        shape, dtype = self.program.shapes[at], self.program.dtypes[at]
        if at in self.direct:
            return None
        for arg in args:
            array, block = self.static.get(arg), self.block.get(arg)
            if array is None or block is None or self.memory.until.get(block) != at:
                continue
            if array.shape == shape and array.dtype == dtype and array.flags.writeable:
                self.memory.until[block] = self.last[at]
                self.block[at], self.static[at], self.names[at] = block, array, self.names[arg]
                return self.names[arg]
        return None

    def _scratch(self, at: int, shape: Ints, dtype: Any) -> str:
        array, _ = self.memory.take(shape, np.dtype(dtype), at)
        return self._keep(array, "t")

    # -------------------------------------------------------------- one method per kind

    def _view(self, at: int, detail: Any, args: Ints) -> None:
        (arg,) = args
        array = self.static.get(arg)
        if array is not None:
            made = view(array, detail)
            if made.size == 0 or np.may_share_memory(made, array):
                if arg in self.block:
                    self.block[at] = self.block[arg]
                self._fix(at, made, f"v{at}")
                return
        self.names[at] = f"v{at}"
        self.lines.append(f"v{at} = {view_text(self.names[arg], detail)}")

    def _map(self, at: int, function: str, args: Ints) -> None:
        texts = dict(zip("abc", (self._operand(arg, at) for arg in args)))
        if function == "where":
            self._where(at, texts, args)
            return
        ufunc = UFUNCS.get(function)
        place = None
        if function in STEPS or (ufunc is not None and function not in MASKS):
            place = self._reuse(at, args)
        place = place or self._place(at)
        if ufunc is not None:
            self._ufunc(at, ufunc.__name__, ", ".join(texts.values()), place)
        elif function in STEPS:
            self._steps(at, function, texts["a"], place)
        else:
            name = self._keep(TABLE[function].numeric, "f")
            self.lines.append(f"copyto({place}, {name}({', '.join(texts.values())}))")

    def _ufunc(self, at: int, name: str, operands: str, place: str) -> None:
        """A wide comparison is one of bools, then copied: NumPy would convert bit by bit."""
        shape = self.program.shapes[at]
        if self.program.is_mask(at) and math.prod(shape) >= WIDE:
            mask = self._scratch(at, shape, bool)
            self.lines += [f"{name}({operands}, out={mask})", f"copyto({place}, {mask})"]
        else:
            self.lines.append(f"{name}({operands}, out={place})")

    def _operand(self, arg: int, at: int) -> str:
        """An operand's name; a number takes the result's type."""
        if self.program.kinds[arg] == "number":
            return self._number(self.program.details[arg], self.program.dtypes[at])
        return self.names[arg]

    def _steps(self, at: int, function: str, a: str, place: str) -> None:
        shape, dtype = self.program.shapes[at], self.program.dtypes[at]
        steps = STEPS[function]
        zero, one = self._number(0.0, dtype), self._number(1.0, dtype)
        words = {"a": a, "o": place, "zero": zero, "one": one}
        if any(step.endswith(" t") for step in steps):
            words["t"] = self._scratch(at, shape, dtype)
        for step in steps:
            ufunc, *operands, out = step.split()
            listed = ", ".join(words[operand] for operand in operands)
            self.lines.append(f"{ufunc}({listed}, out={words[out]})")

    def _where(self, at: int, texts: Mapping[str, str], args: Ints) -> None:
        """Everywhere the second choice, then the first one where the condition holds."""
        mask = self._mask(at, args[0])
        place = self._place(at)
        self.lines += [
            f"copyto({place}, {texts['c']})",
            f"copyto({place}, {texts['b']}, where={mask})",
        ]

    def _mask(self, at: int, condition: int) -> str:
        """Where a condition holds, as bools: made once for all choices that depend on it."""
        if condition not in self.masks:
            p = self.program
            users = [k for k in self.order if p.is_map(k, "where") and p.args[k][0] == condition]
            array, _ = self.memory.take(p.shapes[condition], np.dtype(bool), users[-1])
            self.masks[condition] = self._keep(array, "t")
            zero = self._number(0.0, p.dtypes[condition])
            self.lines.append(
                f"not_equal({self.names[condition]}, {zero}, out={self.masks[condition]})"
            )
        return self.masks[condition]

    def _sum(self, at: int, axes: Ints, args: Ints) -> None:
        (arg,) = args
        shape, dtype = self.program.shapes[arg], self.program.dtypes[arg]
        name, rank = self.names[arg], len(shape)
        length = math.prod(shape[axis] for axis in axes)
        place = self._place(at)
        flat = self.static[arg] if arg in self.static else None
        if length > DOT_SUM:
            flat, rank = None, -1
        if rank == 2 and len(axes) == 1:
            ones = self._ones(length, dtype)
            order = (name, ones) if axes == (1,) else (ones, name)
            self.lines.append(f"dot({', '.join(order)}, {place})")
        elif len(axes) == rank and flat is not None and flat.flags.c_contiguous:
            self.lines.append(
                f"dot({self._keep(flat.reshape(-1), 'w')}, {self._ones(length, dtype)}, {place})"
            )
        else:
            self.lines.append(f"add.reduce({name}, {axes}, None, {place})")

    def _ones(self, length: int, dtype: np.dtype[Any]) -> str:
        name = f"ones_{dtype.char}_{length}"
        self.namespace.setdefault(name, np.ones(length, dtype))
        return name

    def _reduce(self, at: int, detail: Any, args: Ints) -> None:
        kind, axes = detail
        ufunc, (arg,) = REDUCTIONS[kind].__name__, args
        name, shape = self.names[arg], self.program.shapes[arg]
        axis = axes[0] if len(axes) == 1 else axes
        if len(shape) == 2 and axis == 1 and shape[1] <= SHORT < math.prod(shape):
            copy = self._scratch(at, shape[::-1], self.program.dtypes[arg])
            self.lines.append(f"copyto({copy}, {name}.T)")
            name, axis = copy, 0
        self.lines.append(f"{ufunc}.reduce({name}, {axis}, None, {self._place(at)})")

    def _dot(self, at: int, detail: None, args: Ints) -> None:
        """`dot` for vectors; for two matrices `matmul`, as `dot` clears its result first."""
        left, right = (self.program.shapes[arg] for arg in args)
        if len(left) == len(right) == 2:
            way = faster_product(*left, right[1], self.program.dtypes[at])
            self._call("matmul" if way is np.matmul else self._keep(way, "product"), at, args)
        else:
            self._call("dot", at, args)

    def _matmul(self, at: int, detail: None, args: Ints) -> None:
        self._call("matmul", at, args)

    def _call(self, function: str, at: int, args: Ints) -> None:
        names = ", ".join(self.names[arg] for arg in args)
        self.lines.append(f"{function}({names}, {self._place(at)})")

    def _einsum(self, at: int, spec: str, args: Ints) -> None:
        names = ", ".join(self.names[arg] for arg in args)
        self.lines.append(f"einsum({spec!r}, {names}, out={self._place(at)})")

    def _rule(self, at: int, op: Any, args: Ints) -> None:
        rule, dims = evaluator.RULES[type(op)], self.dims
        name = self._keep(lambda *arrays: rule(op, list(arrays), dims), "rule")
        self.names[at] = f"v{at}"
        self.lines.append(f"v{at} = {name}({', '.join(self.names[arg] for arg in args)})")
