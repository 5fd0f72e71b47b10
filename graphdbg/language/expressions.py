"""Operators, names, literals and attributes: what each is worth, as a node or as a static value.

`grammar` says which kind of syntax tree is read by which of these rules.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

from ..errors import SourceError, UnsupportedError
from ..tape import ops
from ..tape.graph import suggestion
from ..tape.scalars import INFIX
from ..tape.sizes import Size, product
from . import calls, linear, values
from .reading import Reader
from .refusals import unsupported
from .syntax import PaperProduct
from .values import MISSING, Function, Native, Ref, is_number, is_static

# ------------------------------------------------------------------------------- operators


def binary(r: Reader, tree: ast.BinOp) -> Any:
    """Operators, from the left in a loop: a sum of 10,000 terms is 10,000 deep."""
    spine: list[ast.BinOp] = []
    node: ast.expr = tree
    while type(node) is ast.BinOp:
        spine.append(node)
        node = node.left
    left = r.value(node)
    b = r.builder
    for step in reversed(spine):
        right = r.value(step.right)
        function = INFIX.get(type(step.op))
        if function and type(left) is type(right) is Ref and b.shapes[left] == b.shapes[right]:
            b.span = r.chunk.span(step)  # type: ignore[union-attr]
            left = Ref(b.emit(ops.map_of(function), left, right))
        else:
            left = _operate(r, step, left, right)
    return left


def _operate(r: Reader, tree: ast.BinOp, left: Any, right: Any) -> Any:
    op = type(tree.op)
    if type(left) is not Ref and type(right) is not Ref:
        found = _static(r, tree, op, left, right)
        if found is not MISSING:
            return found
    if op is PaperProduct:
        return _paper_product(r, tree, left, right)
    left = left if type(left) is Ref else r.ref(left, tree.left)
    right = right if type(right) is Ref else r.ref(right, tree.right)
    r.point(tree)
    function = INFIX.get(op)
    if function is not None:
        return r.tape.map(function, left, right)
    rule = _OPERATORS.get(op)
    if rule is None:
        sign = {"LShift": "<<", "RShift": ">>", "BitXor": "^"}.get(op.__name__, op.__name__)
        r.fail(f"the operator {sign} is not in the language", tree, UnsupportedError)
    return rule(r, left, right)


def _static(r: Reader, tree: ast.BinOp, op: type[ast.operator], left: Any, right: Any) -> Any:
    """Exact arithmetic on numbers, and the sums and repetitions of tuples and lists."""
    if op is PaperProduct:
        op = ast.Mult
    sequences = (list, tuple)
    for kind in (list, tuple):
        if isinstance(left, kind) and isinstance(right, kind) and op is ast.Add:
            r.point(tree)
            r.tape.list_out(len(left) + len(right))
            return left + right  # type: ignore[operator]
    if isinstance(left, sequences) and op is ast.Mult and isinstance(right, int):
        r.point(tree)
        r.tape.list_out(len(left) * max(0, right), f"a {type(left).__name__}")
        return left * right
    if isinstance(left, str) and isinstance(right, str) and op is ast.Add:
        r.point(tree)
        r.tape.list_out(len(left) + len(right), "a text")
        return left + right
    try:
        return values.arithmetic(op, left, right)
    except SourceError as error:
        raise SourceError(error.message, span=r.chunk.span(tree)) from error  # type: ignore[union-attr]


def _paper_product(r: Reader, tree: ast.BinOp, left: Any, right: Any) -> Any:
    for value, side in ((left, tree.left), (right, tree.right)):
        if isinstance(value, (Native, Function)) and value.name.isascii():
            r.fail(
                f"'{value.name}' is a function: write {value.name}(...), with brackets; "
                "as a variable it needs another name",
                side,
            )
    left, right = r.ref(left, tree.left), r.ref(right, tree.right)
    r.point(tree)
    sign = tree.op.sign  # type: ignore[attr-defined]
    is_row = _is_transposed(tree.left) or _begins_with_row(r, tree.left)
    return linear.paper_product(r.tape, left, right, sign, is_row, _is_transposed(tree.right))


def _begins_with_row(r: Reader, tree: ast.expr) -> bool:
    """Whether a product such as `xᵀ A` begins with a transposed vector, and so is a row itself."""
    if not isinstance(tree, ast.BinOp):
        return False
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, (PaperProduct, ast.MatMult)):
        tree = tree.left
    if not (_is_transposed(tree) and isinstance(tree.value, ast.Name)):  # type: ignore[attr-defined]
        return False
    return len(r.tape.shape(r.ref(r.value(tree), tree))) == 1


def _is_transposed(tree: ast.expr) -> bool:
    return isinstance(tree, ast.Attribute) and tree.attr in ("_T", "T")


def _both(r: Reader, left: Any, right: Any) -> Ref:
    return r.tape.map("mul", _mask(r, left), _mask(r, right))


def _either(r: Reader, left: Any, right: Any) -> Ref:
    return r.tape.map("maximum", _mask(r, left), _mask(r, right))


def _mask(r: Reader, value: Any) -> Ref:
    """A truth value of 0 or 1."""
    ref = r.tape.ref(value)
    return ref if r.tape.is_mask(ref) else r.tape.map("ne", ref, 0)


def _modulo(r: Reader, left: Ref, right: Ref) -> Ref:
    whole = r.tape.map("floor", r.tape.map("div", left, right))
    return r.tape.map("sub", left, r.tape.map("mul", right, whole))


_OPERATORS: dict[type[ast.operator], Callable[[Reader, Ref, Ref], Ref]] = {
    ast.MatMult: lambda r, left, right: linear.matmul(r.tape, left, right),
    ast.FloorDiv: lambda r, left, right: r.tape.map("floor", r.tape.map("div", left, right)),
    ast.Mod: _modulo,
    ast.BitAnd: _both,
    ast.BitOr: _either,
}


def unary(r: Reader, tree: ast.UnaryOp) -> Any:
    """`-x`, `+x`, `not x`, `~x`: numbers at once, arrays as nodes."""
    value = r.value(tree.operand)
    op = type(tree.op)
    if isinstance(value, (Native, Function)):
        value = r.ref(value, tree.operand)
    r.point(tree)
    if op is ast.USub:
        return -value if is_number(value) else r.tape.map("neg", value)
    if op is ast.UAdd:
        return value if type(value) is Ref or is_number(value) else r.tape.ref(value)
    if op is ast.Not and type(value) is not Ref:
        return not _decided(r, value, tree.operand)
    return r.tape.map("eq", r.tape.ref(value), 0)


def compare(r: Reader, tree: ast.Compare) -> Any:
    """`a < b < c` is (a < b)(b < c), a mask of zeros and ones."""
    left, left_tree = r.value(tree.left), tree.left
    result: Any = True
    for op, right_tree in zip(tree.ops, tree.comparators, strict=True):
        right = r.value(right_tree)
        part = _compare_two(r, tree, type(op), (left, left_tree), (right, right_tree))
        if part is False:
            return False
        if part is not True:
            result = part if result is True else r.tape.map("mul", result, part)
        left, left_tree = right, right_tree
    return result


def _compare_two(
    r: Reader, tree: ast.Compare, op: type[ast.cmpop], left: tuple[Any, Any], right: tuple[Any, Any]
) -> Any:
    if op in (ast.Is, ast.IsNot) and (left[0] is None or right[0] is None):
        return (left[0] is right[0]) == (op is ast.Is)
    if is_static(left[0]) and is_static(right[0]):
        try:
            return values.compare(op, left[0], right[0])
        except SourceError as error:
            r.fail(error.message, tree)
    function = INFIX.get(op)
    if function is None:
        r.fail("arrays are compared with == != < <= > >=", tree, UnsupportedError)
    a, b = r.ref(*left), r.ref(*right)
    r.point(tree)
    return r.tape.map(function, a, b)


def boolean(r: Reader, tree: ast.BoolOp) -> Any:
    """`and` and `or`: decided at once for static values, products and maxima of masks otherwise."""
    conjunction = isinstance(tree.op, ast.And)
    result: Any = None
    for part in tree.values:
        value = r.value(part)
        if type(value) is not Ref:
            if bool(_decided(r, value, part)) != conjunction:
                return value
            last = value
            continue
        last = value
        r.point(tree)
        if result is None:
            result = _mask(r, value)
        else:
            result = (_both if conjunction else _either)(r, result, value)
    return last if result is None else result


def choice(r: Reader, tree: ast.IfExp) -> Any:
    """`a if c else b`: one of them where c is known while reading, else `where(c, a, b)`."""
    test = r.value(tree.test)
    if type(test) is not Ref:
        return r.value(tree.body if _decided(r, test, tree.test) else tree.orelse)
    yes, no = r.node(tree.body), r.node(tree.orelse)
    r.point(tree)
    return r.tape.map("where", test, yes, no)


def _decided(r: Reader, value: Any, tree: ast.expr) -> Any:
    """A static value whose truth is asked for, which is not known of a named dimension."""
    if isinstance(value, Size):
        r.fail(f"whether {value} is 0 is not known while reading", tree, UnsupportedError)
    return value


# --------------------------------------------------------------------------- names, literals


def variable(r: Reader, tree: ast.Name) -> Any:
    """What a name stands for: `Reader.lookup` says in which order it is looked for."""
    found = r.scope.names.get(tree.id, MISSING)
    return found if found is not MISSING else r.lookup(tree.id, tree)


def constant(r: Reader, tree: ast.Constant) -> Any:
    """A literal: a number, a text, True, False, None or `...`."""
    value = tree.value
    if isinstance(value, (complex, bytes)):
        r.fail(f"{type(value).__name__} numbers are not in the language", tree, UnsupportedError)
    if isinstance(value, int) and value.bit_length() > values.MAX_BITS:
        r.fail("this number is too large", tree)
    return value


def sequence(r: Reader, tree: ast.Tuple | ast.List) -> Any:
    """A tuple or list of values, starred ones spread out."""
    found = calls.arguments(r, tree.elts)
    return tuple(found) if isinstance(tree, ast.Tuple) else found


def formatted(r: Reader, tree: ast.JoinedStr) -> str:
    """f-strings make the names of parameters in the library."""
    if not r.scope.from_library:
        unsupported(tree, r.chunk.span(tree))  # type: ignore[union-attr]
    parts = []
    for part in tree.values:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        parts.append(str(r.value(inner)))
    return "".join(parts)


# ------------------------------------------------------------------------------- attributes


def attribute(r: Reader, tree: ast.Attribute) -> Any:
    """`np.pi`, `L.d_W`, `x.T`: a name with dots, else an attribute of a value."""
    path = calls.dotted(tree)
    if path is not None:
        found = _by_dotted_name(r, path, tree)
        if found is not MISSING:
            return found
    if tree.attr.startswith("__"):
        r.fail(
            f"'{tree.attr}' is not in the language: no tricks with attributes",
            tree,
            UnsupportedError,
        )
    value = r.value(tree.value)
    if isinstance(value, (Native, Function)):
        value = r.ref(value, tree.value)
    r.point(tree)
    rule = _ATTRIBUTES.get(tree.attr)
    if rule is not None and (type(value) is Ref or isinstance(value, (int, float, list, tuple))):
        return rule(r, value)
    if calls.find_method(tree.attr) is not None:
        r.fail(f"'{tree.attr}' is a method: write .{tree.attr}(...)", tree)
    known = [*(name for name in _ATTRIBUTES if not name.startswith("_")), *calls.method_names()]
    r.fail(
        f"no attribute '{tree.attr}' on {r.tape.name_of(value)}{suggestion(tree.attr, known)}; "
        "known are .T .shape .size .ndim and methods such as .sum()",
        tree,
        UnsupportedError,
    )


def _by_dotted_name(r: Reader, parts: list[str], tree: ast.Attribute) -> Any:
    """`L.d_W1` and `o.W1`, names with dots; `np.pi` and `np.newaxis`."""
    name = ".".join(parts)
    found = r.root.names.get(name, r.tape.parameters.get(name, MISSING))
    if found is not MISSING:
        return found
    if calls.is_module(r, parts[0]):
        if parts[-1] in _MODULE_CONSTANTS:
            return _MODULE_CONSTANTS[parts[-1]]
        return calls.module_function(r, parts, tree)
    return MISSING


_MODULE_CONSTANTS = {
    "pi": math.pi, "e": math.e, "inf": math.inf, "newaxis": None,
    "float64": float, "float32": float, "float": float, "double": float, "int64": int, "long": int,
}  # fmt: skip


def _transpose(r: Reader, value: Any) -> Any:
    return linear.transpose(r.tape, r.tape.ref(value))


def _inverse(r: Reader, value: Any) -> Any:
    """`X⁻¹`: the inverse of a matrix, 1/x of a number."""
    ref = r.tape.ref(value)
    if not r.tape.shape(ref):
        return r.tape.map("pow", ref, -1)
    return r.tape.emit(ops.Inverse(), ref)


_ATTRIBUTES: dict[str, Callable[[Reader, Any], Any]] = {
    "T": _transpose,
    "_T": _transpose,
    "mT": lambda r, value: linear.swap(r.tape, r.tape.ref(value), -1, -2),
    "_inv": _inverse,
    "shape": lambda r, value: r.tape.shape(value),
    "ndim": lambda r, value: len(r.tape.shape(value)),
    "size": lambda r, value: product(r.tape.shape(value)),
}
