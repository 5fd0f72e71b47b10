"""Trees as NumPy code: `np.outer(W2.T @ (p - y) * (z1 > 0), x)`.

The code uses `np`, the arrays by name (what Python does not take as a name gets underscores) and
named dimensions as numbers. Vectors are 1-D arrays; integer arrays must have been made floating.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any

from ..tape.sizes import Dim
from . import products
from . import trees as t
from .trees import SCALAR, Tree

SUM, TIMES, MATMUL, SIGN, POWER, ATOM = range(6)
Piece = tuple[str, int]

_CALLS = {
    "sigmoid": "1 / (1 + np.exp(-{}))", "softplus": "np.logaddexp(0, {})",
    "logsigmoid": "-np.logaddexp(0, -{})", "relu": "np.maximum(0, {})",
    "erf": "np.vectorize(math.erf)({})",
}  # fmt: skip
_CALL_LEVELS = {"sigmoid": TIMES, "logsigmoid": SIGN}


def python(tree: Tree) -> str:
    """The tree as one line of NumPy code.

    >>> from .products import product, transpose
    >>> from .trees import Symbol
    >>> python(product(transpose(Symbol((2, 3), "W2")), Symbol((2, None), "p")))
    'W2.T @ p'
    """
    return _write(tree)[0]


def identifier(name: str) -> str:
    """A name as Python takes it: `loss.d_W` becomes `loss_d_W`, `lambda` gets an underscore.

    The result of a call is called so (`softmax(z)`), and stays a call.
    """
    if called := re.fullmatch(r"(\w+)\((\w+(?:, \w+)*)\)", name):
        function = "np.linalg.norm" if called[1] == "norm" else identifier(called[1])
        return f"{function}({', '.join(map(identifier, called[2].split(', ')))})"
    name = re.sub(r"\W", "_", name)
    return name + "_" if keyword.iskeyword(name) or not name.isidentifier() else name


def _write(tree: Tree) -> Piece:
    return _WRITERS[type(tree)](tree)


def _at(tree: Tree, level: int) -> str:
    return _grouped(_write(tree), level)


def _grouped(piece: Piece, level: int) -> str:
    return piece[0] if piece[1] >= level else f"({piece[0]})"


def _dim(dim: Dim | None) -> str:
    return str(dim)


def _number(value: Fraction) -> Piece:
    if value.denominator == 1:
        return str(value), ATOM if value >= 0 else SIGN
    if Fraction(repr(float(value))) == value or Fraction(float(value)) == value:
        return repr(float(value)), ATOM if value >= 0 else SIGN
    return f"{value.numerator} / {value.denominator}", TIMES


def _of_number(tree: t.Number) -> Piece:
    axes = [dim for dim in tree.shape if dim is not None]
    if axes and not tree.value:
        return f"np.zeros(({', '.join(map(_dim, axes))},))", ATOM
    return _number(tree.value)


def _sum(tree: t.Sum) -> Piece:
    whole = any(each.shape == tree.shape and not _is_spread(products.split(each)[3])
                for each in tree.terms)  # fmt: skip
    out = ""
    for term in tree.terms:
        value, above, below, body = products.split(term)
        if whole and isinstance(body, t.Product) and _is_spread(body):
            ones = type(body.factors[0]) is t.Ones and len(body.factors) == 2
            piece = None if ones and _is_ones_row(body.factors[1]) else _spread(body)
            written, level = _join(value, above, below, piece)
        else:
            written, level = _write(term)
        if out and written.startswith("-") and level != SUM:
            out += f" - {written[1:]}"
        else:
            out += f" + {written}" if out else written
    return out, SUM


def _is_spread(body: Tree | None) -> bool:
    return type(body) is t.Product and len(body.factors) > 1 and (
        type(body.factors[0]) is t.Ones or _is_ones_row(body.factors[-1])
    )  # fmt: skip


def _is_ones_row(tree: Tree) -> bool:
    return type(tree) is t.Transpose and type(tree.body) is t.Ones


def _spread(body: Tree) -> Piece:
    """`1bᵀ` next to a whole matrix is broadcasting: `b`, and `a1ᵀ` is `a[:, None]`."""
    assert type(body) is t.Product
    if type(body.factors[0]) is t.Ones:
        return _chain(body.factors[1:])
    return _grouped(_chain(body.factors[:-1]), ATOM) + "[:, None]", ATOM


def _scale(tree: t.Scale) -> Piece:
    body = None if tree.body is None else _write(tree.body)
    return _join(tree.number, tree.above, tree.below, body)


def _join(
    value: Fraction, above: Iterable[Tree], below: Iterable[Tree], body: Piece | None
) -> Piece:
    size, bottoms = abs(value), [_at(each, SIGN) for each in below]
    number = _number(size)
    if number[1] < SIGN:
        number, bottoms = _number(Fraction(size.numerator)), [str(size.denominator), *bottoms]
    pieces = [number] if size.numerator != 1 or number[0] != "1" else []
    pieces += [_write(each) for each in above]
    pieces += [body] if body is not None else []
    if not pieces:
        pieces = [("1", ATOM)]
    first = SIGN if pieces[0][1] == MATMUL and len(pieces) > 1 else TIMES
    tops = [_grouped(pieces[0], first), *(_grouped(piece, SIGN) for piece in pieces[1:])]
    level = pieces[0][1] if len(pieces) == 1 and not bottoms else TIMES
    written = " / ".join([" * ".join(tops), *bottoms])
    if value < 0:
        return "-" + (written if level > SUM else f"({written})"), min(TIMES, level)
    return written, level


def _product(tree: t.Product) -> Piece:
    return _chain(tree.factors)


def _chain(factors: tuple[Tree, ...]) -> Piece:
    for at, (left, right) in enumerate(zip(factors, factors[1:]), 1):
        if left.shape[1] is None and right.shape[0] is None:
            return f"np.outer({_chain(factors[:at])[0]}, {_chain(factors[at:])[0]})", ATOM
    if len(factors) == 1:
        return _write(factors[0])
    if type(factors[-1]) is t.Ones:
        return _sum_along(factors[:-1], 1, factors[0].shape[0] is not None)
    if _is_ones_row(factors[0]):
        return _sum_along(factors[1:], 0, factors[-1].shape[1] is not None)
    first, rest = factors[0], factors[1:]
    if isinstance(first, t.Diag):
        head = _grouped(_write(first.vector), ATOM if rest[0].shape[1] else TIMES)
        head += "[:, None] * " if rest[0].shape[1] else " * "
        piece = head + _at(rest[0], SIGN), TIMES
        rest = rest[1:]
    else:
        piece = _at(first, MATMUL), MATMUL
    for each in rest:
        if isinstance(each, t.Diag):
            piece = f"{piece[0]} * {_at(each.vector, SIGN)}", TIMES
        else:
            piece = f"{_grouped(piece, MATMUL)} @ {_at(each, SIGN)}", MATMUL
    return piece


def _sum_along(factors: tuple[Tree, ...], axis: int, matrix: bool) -> Piece:
    if not matrix:
        return f"np.sum({_chain(factors)[0]})", ATOM
    if len(factors) == 1 and type(factors[0]) is t.Transpose:
        return f"np.sum({_write(factors[0].body)[0]}, axis={1 - axis})", ATOM
    return f"np.sum({_chain(factors)[0]}, axis={axis})", ATOM


def _hadamard(tree: t.Hadamard) -> Piece:
    masks = [each for each in tree.factors if _is_mask(each)]
    bare = len(masks) < len(tree.factors)
    parts = [f"({_condition(each)})" if bare and _is_mask(each) else _at(each, SIGN)
             for each in tree.factors]  # fmt: skip
    return " * ".join(parts), TIMES


def _is_mask(tree: Tree) -> bool:
    return type(tree) is t.Apply and tree.function in ("positive", "zero")


def _condition(tree: Tree) -> str:
    assert type(tree) is t.Apply
    return f"{_at(tree.argument, SUM)} {'>' if tree.function == 'positive' else '=='} 0"


def _power(tree: t.Power) -> Piece:
    if tree.exponent == Fraction(1, 2):
        return f"np.sqrt({_write(tree.base)[0]})", ATOM
    return f"{_at(tree.base, ATOM)}**{_grouped(_number(tree.exponent), SIGN)}", POWER


def _apply(tree: t.Apply) -> Piece:
    return _applied(tree.function, _write(tree.argument))


def _applied(function: str, argument: Piece) -> Piece:
    if function in ("positive", "zero"):
        sign = ">" if function == "positive" else "=="
        return f"np.where({argument[0]} {sign} 0, 1.0, 0.0)", ATOM
    template = _CALLS.get(function, f"np.{function}({{}})")
    inside = _grouped(argument, POWER) if "-{}" in template else argument[0]
    return template.format(inside), _CALL_LEVELS.get(function, ATOM)


def _transpose(tree: t.Transpose) -> Piece:
    if None in tree.shape:
        return _write(tree.body)
    return _at(tree.body, ATOM) + ".T", ATOM


def _reduction(tree: t.Reduction) -> Piece:
    inside = _write(tree.argument)[0]
    if tree.function == "det":
        return f"np.linalg.det({inside})", ATOM
    if tree.function == "logdet":
        return f"np.linalg.slogdet({inside})[1]", ATOM
    axes = f", axis={tree.axes[0] if len(tree.axes) == 1 else tree.axes}" if tree.axes else ""
    return f"np.{tree.function}({inside}{axes})", ATOM


def _kron(tree: t.Kron) -> Piece:
    left, right = (_two_axes(each) for each in (tree.left, tree.right))
    return f"np.kron({left}, {right})", ATOM


def _two_axes(tree: Tree) -> str:
    if None not in tree.shape:
        return _write(tree)[0]
    return _at(tree, ATOM) + ("[:, None]" if tree.shape[1] is None else "[None, :]")


def _grid(tree: t.Grid) -> Piece:
    rows = [", ".join(_write(each)[0] for each in row) for row in tree.rows]
    if None not in tree.shape:
        rows = [f"[{row}]" for row in rows]
    return f"np.array([{', '.join(rows)}])", ATOM


def _for_each(body: Tree, indices: tuple[tuple[str, Dim], ...]) -> str:
    loops = " ".join(f"for {name} in range({dim})" for name, dim in indices)
    return f"{_write(body)[0]} {loops}"


def _slices(free: tuple[tuple[str, Dim], ...], body: Tree) -> Piece:
    if not free:
        return _write(body)
    inner = f"{_slices(free[1:], body)[0]} for {free[0][0]} in range({free[0][1]})"
    return f"np.stack([{inner}])", ATOM


def _entry(tree: t.Entry) -> Piece:
    indices = [":" if each is None else str(each) for each in tree.indices]
    while indices[-1] == ":":
        indices.pop()
    where = ", ".join(indices)
    return f"{_at(tree.body, ATOM)}[{where}]", ATOM


def _call(name: str, field: str) -> Callable[[Any], Piece]:
    return lambda tree: (f"{name}({_write(getattr(tree, field))[0]})", ATOM)


_WRITERS: dict[type, Callable[[Any], Piece]] = {
    t.Symbol: lambda n: (identifier(n.name), ATOM),
    t.Size: lambda n: (identifier(n.name), ATOM),
    t.Number: _of_number,
    t.Constant: lambda n: (f"np.{n.name}", ATOM),
    t.Ones: lambda n: (f"np.ones({_dim(n.shape[0])})", ATOM),
    t.Identity: lambda n: (f"np.eye({_dim(n.shape[0])})", ATOM),
    t.Unit: lambda n: (f"np.eye({_dim(n.shape[0])})[{n.position}]", ATOM),
    t.OneHot: lambda n: (
        f"np.eye({_dim(n.shape[0] if n.shape[1] is None else n.shape[1])})[{_write(n.labels)[0]}]",
        ATOM,
    ),
    t.Sum: _sum,
    t.Scale: _scale,
    t.Product: _product,
    t.Hadamard: _hadamard,
    t.Quotient: lambda n: (f"{_at(n.top, TIMES)} / {_at(n.bottom, SIGN)}", TIMES),
    t.Power: _power,
    t.Apply: _apply,
    t.Reduction: _reduction,
    t.Transpose: _transpose,
    t.Inverse: _call("np.linalg.inv", "body"),
    t.Diag: _call("np.diag", "vector"),
    t.Diagonal: _call("np.diag", "matrix"),
    t.Trace: _call("np.trace", "matrix"),
    t.Total: _call("np.sum", "body"),
    t.Norm: _call("np.linalg.norm", "body"),
    t.Vec: _call("np.ravel", "matrix"),
    t.Kron: _kron,
    t.Grid: _grid,
    t.Entry: _entry,
    t.IndexSum: lambda n: (f"sum({_for_each(n.body, n.bound)})", ATOM),
    t.Entries: lambda n: (entries(n), ATOM),
    t.Slices: lambda n: _slices(n.free, n.body),
}


# ------------------------------------------------------------------ index notation


Axes = tuple[str, ...]


def entries(tree: t.Entries) -> str:
    """Index notation as einsum code; the result's axes are the free indices in order."""
    sizes = dict(tree.free)
    letters = _Indexed(sizes)
    return letters.aligned(letters.write(tree.body), tuple(sizes), whole=True)


class _Indexed:
    """Writes a scalar of index notation as an array over the indices it depends on."""

    def __init__(self, sizes: Mapping[str, Dim]) -> None:
        self.sizes = dict(sizes)

    def write(self, tree: Tree) -> tuple[str, Axes]:
        """Code that binds tightly, and the indices its axes stand for."""
        match tree:
            case t.Entry():
                return self.entry(tree)
            case t.Delta():
                return self.delta(tree)
            case t.IndexSum():
                return self.index_sum(tree)
            case t.Sum(terms=terms):
                parts = [self.write(each) for each in terms]
                axes = tuple(dict.fromkeys(i for _, own in parts for i in own))
                return f"({' + '.join(self.aligned(part, axes) for part in parts)})", axes
            case t.Scale():
                return self.product(tree, keep=None)
            case t.Apply(function=function, argument=argument):
                code, axes = self.write(argument)
                return f"({_applied(function, (code, ATOM))[0]})", axes
            case t.Power(base=base, exponent=exponent):
                code, axes = self.write(base)
                return f"({code}**{_grouped(_number(exponent), SIGN)})", axes
        return _at(tree, ATOM), ()

    def entry(self, tree: t.Entry) -> tuple[str, Axes]:
        code = _at(tree.body, ATOM)
        if any(isinstance(i, int) for i in tree.indices):
            code += f"[{', '.join(str(i) if isinstance(i, int) else ':' for i in tree.indices)}]"
        axes = tuple(i for i in tree.indices if isinstance(i, str))
        distinct = tuple(dict.fromkeys(axes))
        if distinct != axes:
            code = f"np.einsum('{_letters([axes], distinct)}', {code})"
        return code, distinct

    def delta(self, tree: t.Delta) -> tuple[str, Axes]:
        left, right = tree.left, tree.right
        if isinstance(left, Tree):
            code, axes = self.write(left)
            if isinstance(right, int):
                return f"np.where({code} == {right}, 1.0, 0.0)", axes
            size = _dim(self.sizes[right])
            return f"np.eye({size})[{code}]", (*axes, right)
        name = left if isinstance(left, str) else right
        eye = f"np.eye({_dim(self.sizes[str(name)])})"
        if isinstance(left, str) and isinstance(right, str):
            return eye, (left, right)
        return f"{eye}[{right if isinstance(left, str) else left}]", (str(name),)

    def index_sum(self, tree: t.IndexSum) -> tuple[str, Axes]:
        self.sizes.update(tree.bound)
        gone = {name for name, _ in tree.bound}
        body = tree.body
        if type(body) is not t.Scale:
            body = t.Scale(SCALAR, Fraction(1), (body,), (), None)
        return self.product(body, keep=gone)

    def product(self, tree: t.Scale, keep: set[str] | None) -> tuple[str, Axes]:
        """The product, summed over the indices in `keep`."""
        parts = [self.write(each) for each in tree.above]
        parts += [(f"(1 / {code})", axes) for code, axes in map(self.write, tree.below)]
        every = tuple(dict.fromkeys(i for _, axes in parts for i in axes))
        axes = tuple(i for i in every if i not in (keep or ()))
        number = _grouped(_number(tree.number), ATOM)
        if not every:
            return f"({' * '.join([number, *(code for code, _ in parts)])})", ()
        spec = _letters([own for _, own in parts], axes)
        code = f"np.einsum('{spec}', {', '.join(code for code, _ in parts)})"
        return (code if tree.number == 1 else f"({number} * {code})"), axes

    def aligned(self, part: tuple[str, Axes], axes: Axes, whole: bool = False) -> str:
        """The code with its axes ordered as `axes`, those it lacks added (in full if `whole`)."""
        code, own = part
        order = tuple(i for i in axes if i in own)
        if order != own:
            code = f"np.einsum('{_letters([own], order)}', {code})"
        if order == axes:
            return code
        if order:
            code += "[" + ", ".join(":" if i in own else "None" for i in axes) + "]"
        if not whole:
            return code
        return f"{code} * np.ones(({', '.join(_dim(self.sizes[i]) for i in axes)},))"


def _letters(inputs: list[Axes], output: Axes) -> str:
    names: dict[str, str] = {}
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    for axes in inputs:
        for name in axes:
            names.setdefault(name, name if len(name) == 1 else "")
    free = [each for each in alphabet if each not in names.values()]
    for name, letter in names.items():
        names[name] = letter or free.pop()
    sides = ["".join(names[i] for i in axes) for axes in (*inputs, output)]
    return ",".join(sides[:-1]) + "->" + sides[-1]
