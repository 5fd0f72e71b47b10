"""One operation on named operands, as a person would write it: `q·z`, `X @ W1`, `sum(h, axis=1)`.

The table of a pass shows one such line per node; formulas over the inputs come from `formulas`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from . import ops
from .graph import Graph
from .sizes import Shape, to_text

INFIX = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{}·{}", "div": "{} / {}", "neg": "-{}",
    "gt": "1[{} > {}]", "ge": "1[{} ≥ {}]", "lt": "1[{} < {}]", "le": "1[{} ≤ {}]",
    "eq": "1[{} = {}]", "ne": "1[{} ≠ {}]", "abs": "|{}|", "sqrt": "√{}",
}  # fmt: skip
LONGEST_LIST = 8  # numbers of an array that is written out
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
CONTRACTIONS = {
    "ij,jk->ik": "{} @ {}", "ij,j->i": "{} @ {}", "i,ij->j": "{} @ {}", "i,i->": "{} @ {}",
    "ji,jk->ik": "{}ᵀ @ {}", "ij,kj->ik": "{} @ {}ᵀ", "ji,j->i": "{}ᵀ @ {}",
    "i,j->ij": "{} ⊗ {}", "ij->ji": "{}ᵀ", "ii->": "trace({})", "ii->i": "diag({})",
}  # fmt: skip


def operation(graph: Graph, at: int) -> str:
    """The node at position `at` of the tape as one line over the names of its operands.

    >>> from graphdbg.tape.builder import Builder
    >>> b = Builder()
    >>> g = b.build({"f": b.map("mul", b.input("q"), b.input("z"))})
    >>> operation(g, g.id("f"))
    'q·z'
    """
    args = [operand(graph, arg) for arg in graph.args[at]]
    return write(graph.ops[at], args, [graph.shapes[arg] for arg in graph.args[at]])


def operand(graph: Graph, at: int) -> str:
    """What the operand at position `at` is called; a constant is its number."""
    op = graph.ops[at]
    if not isinstance(op, ops.Const):
        return graph.names[at]
    text = f"{op.value:g}" if isinstance(op.value, float) else str(op.value)
    return f"({text})" if text.startswith("-") or " " in text else text


def write(op: ops.Op, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    """An operation on operands that are called `args` and have these shapes."""
    return _WRITERS.get(type(op), _named)(op, args, shapes)


def _named(op: ops.Op, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return f"{type(op).__name__.lower()}({', '.join(args)})"


def _input(op: ops.Input, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return "input" if op.domain == "Real" else f"input, {op.domain}"


def _array(op: ops.Array, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    if len(op.shape) > 1 or len(op.values) > LONGEST_LIST:
        return f"array of shape {to_text(op.shape)}"
    return "[" + ", ".join(f"{value:g}" for value in op.values) + "]"


def _map(op: ops.Map, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    if op.function == "pow":
        base, exponent = args
        whole = exponent.lstrip("-").isdigit()
        return base + (exponent.translate(SUPERSCRIPTS) if whole else f"^{exponent}")
    pattern = INFIX.get(op.function)
    return pattern.format(*args) if pattern else f"{op.function}({', '.join(args)})"


def _contract(op: ops.Contract, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    spec = canonical(op)
    if spec in CONTRACTIONS:
        return CONTRACTIONS[spec].format(*args)
    if len(args) == 1 and len(set(op.inputs[0])) == len(op.inputs[0]):
        return _oneoperand(op, args[0])
    return f"einsum({op.spec}, {', '.join(args)})"


def _oneoperand(op: ops.Contract, arg: str) -> str:
    letters = op.inputs[0]
    gone = [at for at, letter in enumerate(letters) if letter not in op.output]
    if [letter for letter in letters if letter in op.output] != list(op.output):
        return f"einsum({op.spec}, {arg})"
    if len(gone) == len(letters):
        return f"sum({arg})"
    return f"sum({arg}, axis={gone[0] if len(gone) == 1 else tuple(gone)})"


def canonical(op: ops.Contract) -> str:
    """The specification with its letters renamed i, j, k, ... so that equal ones look equal.

    The output's letters come first, so that `ij,jk->ik` is one of few ways to write a product.
    """
    best = ""
    for order in (op.output + "".join(op.inputs), "".join(op.inputs)):
        names: dict[str, str] = {}
        for letter in order:
            names.setdefault(letter, "ijklmnopqrstuvwxyzabcdefgh"[len(names) % 26])
        spec = "".join(names.get(char, char) for char in op.spec)
        best = spec if not best or spec in CONTRACTIONS else best
    return best


def _reduce(op: ops.Reduce, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    if len(op.axes) == len(shapes[0]) and op.kind in ("max", "min", "prod"):
        return f"{op.kind}({args[0]})"
    axis: Any = op.axes[0] if len(op.axes) == 1 else op.axes
    return f"{op.kind}({args[0]}, axis={axis})"


def _broadcast(op: ops.Broadcast, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return f"{args[0]} repeated to {to_text(op.shape)}"


def _reshape(op: ops.Reshape, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return f"reshape({args[0]}, {to_text(op.shape)})"


def _slice(op: ops.Slice, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return f"{args[0]}[{', '.join(_range(*each) for each in zip(op.ranges, shapes[0]))}]"


def _pad(op: ops.Pad, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    ranges = ", ".join(_range(*each) for each in zip(op.ranges, op.shape))
    return f"zeros{to_text(op.shape)} with [{ranges}] = {args[0]}"


def _range(given: ops.Range, size: Any) -> str:
    start, count, step = given
    if (start, count, step) == (0, size, 1):
        return ":"
    if count == 1:
        return str(start)
    if step == 1:
        return f"{'' if start == 0 else start}:{'' if start + count == size else start + count}"
    return f"{start}:{start + count * step}:{step}"


def _concat(op: ops.Concat, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return f"concatenate({', '.join(args)}, axis={op.axis})"


def _gather(op: ops.Gather, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return f"{args[0]}[{', '.join(args[1:])}]"


def _scatter(op: ops.Scatter, args: Sequence[str], shapes: Sequence[Shape]) -> str:
    return f"zeros{to_text(op.shape)} with [{', '.join(args[1:])}] += {args[0]}"


_WRITERS: dict[type[ops.Op], Callable[[Any, Sequence[str], Sequence[Shape]], str]] = {
    ops.Input: _input,
    ops.Const: lambda op, args, shapes: str(op.value),
    ops.Array: _array,
    ops.Eye: lambda op, args, shapes: f"eye({op.size})",
    ops.Arange: lambda op, args, shapes: f"arange({op.size})",
    ops.Map: _map,
    ops.Contract: _contract,
    ops.Reduce: _reduce,
    ops.Broadcast: _broadcast,
    ops.Reshape: _reshape,
    ops.Slice: _slice,
    ops.Pad: _pad,
    ops.Concat: _concat,
    ops.Gather: _gather,
    ops.Scatter: _scatter,
    ops.Inverse: lambda op, args, shapes: f"inv({args[0]})",
    ops.LogDet: lambda op, args, shapes: f"log|det {args[0]}|",
    ops.Det: lambda op, args, shapes: f"det({args[0]})",
    ops.Adjugate: lambda op, args, shapes: f"adj({args[0]})",
    ops.StopGradient: lambda op, args, shapes: f"stop_gradient({args[0]})",
}
