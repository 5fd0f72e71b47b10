"""What stands in the node of an operation: `+`, `×`, `exp`, `@`, `( )²`, with its literals.

An operand that is a number is no wire; it stands with its operation, as in `× 2` or `1/( )`.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..rendering.folding import LITERALS, View
from ..tape import ops
from ..tape.graph import NONE, Graph
from ..tape.operations import INFIX, write

HOLE = "( )"
BARE = {
    "add": "+", "sub": "−", "mul": "×", "div": "÷", "neg": "−( )", "gt": ">", "ge": "≥",
    "lt": "<", "le": "≤", "eq": "=", "ne": "≠", "sqrt": "√", "abs": "|( )|", "maximum": "max",
    "minimum": "min", "sigmoid": "σ",
}  # fmt: skip
PRODUCTS = {"( ) @ ( )": "@", "( ) ⊗ ( )": "⊗"}
COMMUTATIVE = ("add", "mul")
WORDS = {
    ops.Reshape: "reshape", ops.Broadcast: "repeat", ops.Pad: "pad", ops.Concat: "concatenate",
    ops.Gather: "gather", ops.Scatter: "scatter", ops.StopGradient: "stop",
}  # fmt: skip


def sign(view: View, at: int) -> str:
    """The text in the operation node of a shown node; a folded call's is its function.

    >>> import graphdbg as gd
    >>> graph = gd.parse("f = exp(2x) + 1")
    >>> [sign(View(graph, None), at) for at in range(len(graph)) if graph.args[at]]
    ['× 2', 'exp', '+ 1']
    """
    frame = view.closed_frame(at)
    if frame != NONE:
        return view.graph.calls[frame].function
    return _of_operation(view.graph, at)


def _of_operation(graph: Graph, at: int) -> str:
    op, args = graph.ops[at], graph.args[at]
    if type(op) in WORDS:
        return WORDS[type(op)]
    if isinstance(op, ops.Reduce):
        return op.kind if len(op.axes) == len(graph.shapes[args[0]]) else _along(op.kind, op.axes)
    literal = [isinstance(graph.ops[arg], LITERALS) for arg in args]
    if isinstance(op, ops.Map):
        return _elementwise(graph, op.function, args, literal)
    return _linear(graph, op, args, literal)


def _elementwise(graph: Graph, function: str, args: Sequence[int], literal: list[bool]) -> str:
    bare = BARE.get(function, function)
    if not any(literal):
        return bare
    texts = [_number(graph, arg) if fixed else HOLE for arg, fixed in zip(args, literal)]
    if function in INFIX and len(args) == 2:
        first = literal[0] and function not in COMMUTATIVE
        number = texts[literal.index(True)]
        if function == "div" and first:
            return f"{number}/{HOLE}"
        return f"{number} {bare}" if first else f"{bare} {number}"
    if function == "pow":
        return write(ops.Map("pow"), texts, [()] * len(args))
    return f"{bare}({', '.join(texts)})"


def _linear(graph: Graph, op: ops.Op, args: Sequence[int], literal: list[bool]) -> str:
    if isinstance(op, ops.Contract) and len(args) == 1:
        letters = op.inputs[0]
        kept = [letter for letter in letters if letter in op.output]
        if not op.output and len(set(letters)) == len(letters):
            return "Σ"
        if kept == list(op.output) and len(set(letters)) == len(letters):
            return _along("Σ", [at for at, x in enumerate(letters) if x not in op.output])
    holes = [_number(graph, arg) if fixed else HOLE for arg, fixed in zip(args, literal)]
    text = write(op, holes, [graph.shapes[arg] for arg in args])
    return PRODUCTS.get(text, text.replace(f"({HOLE})", HOLE))


def _along(word: str, axes: Sequence[int]) -> str:
    return f"{word} axis {', '.join(map(str, axes))}"


def _number(graph: Graph, at: int) -> str:
    op = graph.ops[at]
    if isinstance(op, ops.Const):
        text = f"{op.value:g}" if isinstance(op.value, float) else str(op.value)
        return f"({text})" if " " in text else text
    return {ops.Eye: "I", ops.Arange: "0…"}.get(type(op), "[…]")
