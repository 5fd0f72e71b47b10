"""Products of vectors and matrices by NumPy's rules, and products as paper writes them."""

from __future__ import annotations

from typing import Any

from ..errors import ShapeError, SourceError
from ..tape import ops, shapes, sizes
from ..tape.builder import LETTERS
from ..tape.sizes import Shape, to_text
from .tape import Tape
from .values import Ref

BATCH = "abcdefghlmnopqrstuvwxyz"  # letters of batch axes; i, j, k belong to the matrices


def matmul(tape: Tape, left: Ref, right: Ref) -> Ref:
    """`left @ right` as numpy.matmul: vectors, matrices, and stacks of matrices that broadcast."""
    a, b = tape.shape(left), tape.shape(right)
    if not a or not b:
        scalar = "left" if not a else "right"
        tape.fail(
            f"@ multiplies vectors and matrices, but the {scalar} operand is a scalar "
            f"(shapes {to_text(a)} and {to_text(b)}); use *",
            ShapeError,
        )
    inner = b[-2] if len(b) > 1 else b[0]
    if a[-1] != inner:
        hint = _hint(a, b)
        tape.fail(
            f"cannot multiply {to_text(a)} @ {to_text(b)}: the inner dimensions "
            f"{a[-1]} and {inner} differ{hint}",
            ShapeError,
        )
    rows = "i" if len(a) > 1 else ""
    columns = "k" if len(b) > 1 else ""
    left, lead_a, right, lead_b, lead = _batches(tape, left, right, a[:-2], b[:-2])
    middle = "j"
    spec = f"{lead_a}{rows}{middle},{lead_b}{middle}{columns}->{lead}{rows}{columns}"
    return tape.contract(spec, left, right)


def _hint(a: Shape, b: Shape) -> str:
    if len(b) > 1 and a[-1] == b[-1]:
        return "; did you mean the transpose, .T, of the right operand?"
    if len(a) > 1 and a[-2] == (b[-2] if len(b) > 1 else b[0]):
        return "; did you mean the transpose, .T, of the left operand?"
    return ""


def _batches(
    tape: Tape, left: Ref, right: Ref, a: Shape, b: Shape
) -> tuple[Ref, str, Ref, str, str]:
    """The operands without batch axes of size 1 that broadcast, and the letters of the rest."""
    if not a and not b:
        return left, "", right, "", ""
    try:
        common = shapes.broadcast([a, b])
    except ShapeError as error:
        tape.fail(f"the leading axes of @ do not fit: {error.message}", ShapeError)
    letters = BATCH[: len(common)]
    left, lead_a = _aligned(tape, left, a, common, letters)
    right, lead_b = _aligned(tape, right, b, common, letters)
    return left, lead_a, right, lead_b, letters


def _aligned(tape: Tape, ref: Ref, lead: Shape, common: Shape, letters: str) -> tuple[Ref, str]:
    shape = tape.shape(ref)
    offset = len(common) - len(lead)
    kept = [at for at, dim in enumerate(lead) if dim == common[at + offset]]
    ref = tape.reshape(ref, (*(lead[at] for at in kept), *shape[len(lead) :]))
    return ref, "".join(letters[at + offset] for at in kept)


def transpose(tape: Tape, ref: Ref) -> Ref:
    """The axes in reverse order, as `.T`; a vector is its own transpose."""
    return tape.transpose(ref, range(len(tape.shape(ref)))[::-1])


def swap(tape: Tape, ref: Ref, one: int, other: int) -> Ref:
    """Two axes exchanged."""
    rank = len(tape.shape(ref))
    one, other = tape.axis(one, rank), tape.axis(other, rank)
    order = list(range(rank))
    order[one], order[other] = other, one
    return tape.transpose(ref, order)


def paper_product(
    tape: Tape, left: Ref, right: Ref, sign: str, left_transposed: bool, right_transposed: bool
) -> Ref:
    """`Wx`, `W·x`, `a bᵀ`: a matrix product of arrays, a plain product where one is a scalar.

    Of two vectors, `aᵀb` and `a·b` are the inner product and `a bᵀ` the outer one; `a b` could be
    either, or elementwise, so it is refused.
    """
    a, b = tape.shape(left), tape.shape(right)
    if not a or not b:
        return tape.map("mul", left, right)
    if len(a) == 1 and len(b) == 1:
        if right_transposed and not left_transposed:
            return tape.contract("i,j->ij", left, right)
        if not left_transposed and sign != "·":
            tape.fail(
                "the product of two vectors can be meant in three ways: write x*y (elementwise), "
                "x@y or xᵀy (inner product) or x yᵀ (outer product)",
                SourceError,
            )
    if right_transposed and len(a) == 2 and len(b) == 1 and a[-1] == 1:
        return tape.contract("ij,k->ik", left, right)
    return matmul(tape, left, right)


def product(tape: Tape, a: Any, b: Any) -> Ref:
    """`matmul(a, b)`."""
    return matmul(tape, tape.ref(a), tape.ref(b))


def dot(tape: Tape, a: Any, b: Any) -> Ref:
    """`numpy.dot`: a plain product with a scalar, else the sum over a's last, b's last but one."""
    left, right = tape.ref(a), tape.ref(b)
    m, n = len(tape.shape(left)), len(tape.shape(right))
    if m == 0 or n == 0:
        return tape.map("mul", left, right)
    if n <= 2:
        return matmul(tape, left, right)
    lead, other = BATCH[: m - 1], BATCH[m - 1 : m + n - 3]
    return tape.contract(f"{lead}j,{other}jk->{lead}{other}k", left, right)


def outer(tape: Tape, a: Any, b: Any) -> Ref:
    """All products of an entry of a with an entry of b, as a matrix."""
    left, right = (_flat(tape, tape.ref(each)) for each in (a, b))
    return tape.contract("i,j->ij", left, right)


def _flat(tape: Tape, ref: Ref) -> Ref:
    return tape.reshape(ref, (sizes.product(tape.shape(ref)),))


def inner(tape: Tape, a: Any, b: Any) -> Ref:
    """The sum of products over the last axes."""
    left, right = tape.ref(a), tape.ref(b)
    m, n = len(tape.shape(left)), len(tape.shape(right))
    if m == 0 or n == 0:
        return tape.map("mul", left, right)
    lead, other = BATCH[: m - 1], BATCH[m - 1 : m + n - 2]
    return tape.contract(f"{lead}j,{other}j->{lead}{other}", left, right)


def vdot(tape: Tape, a: Any, b: Any) -> Ref:
    """The sum of all products of entries at the same place."""
    return matmul(tape, _flat(tape, tape.ref(a)), _flat(tape, tape.ref(b)))


def trace(tape: Tape, x: Any) -> Ref:
    """The sum of the diagonal of a matrix."""
    return tape.contract("ii->", _matrix(tape, x, "trace"))


def diagonal(tape: Tape, x: Any) -> Ref:
    """The diagonal of a matrix."""
    return tape.contract("ii->i", _matrix(tape, x, "diagonal"))


def diag(tape: Tape, x: Any) -> Ref:
    """The diagonal matrix of a vector, or the diagonal of a matrix."""
    ref = tape.ref(x)
    shape = tape.shape(ref)
    if len(shape) == 1:
        return tape.contract("i,ij->ij", ref, tape.emit(ops.Eye(shape[0])))
    return tape.contract("ii->i", _matrix(tape, ref, "diag"))


def _matrix(tape: Tape, x: Any, what: str) -> Ref:
    ref = tape.ref(x)
    shape = tape.shape(ref)
    if len(shape) != 2 or shape[0] != shape[1]:
        tape.fail(f"{what} needs a square matrix, found shape {to_text(shape)}", ShapeError)
    return ref


def inv(tape: Tape, x: Any) -> Ref:
    """The inverse matrix."""
    return tape.emit(ops.Inverse(), tape.ref(x))


def det(tape: Tape, x: Any) -> Ref:
    """The determinant."""
    return tape.emit(ops.Det(), tape.ref(x))


def logdet(tape: Tape, x: Any) -> Ref:
    """log |det x|."""
    return tape.emit(ops.LogDet(), tape.ref(x))


# ------------------------------------------------------------------------------------- einsum


def einsum(tape: Tape, spec: Any, *operands: Any) -> Ref:
    """`numpy.einsum` with a text such as "ij,jk->ik"; `...` stands for any axes."""
    text = "".join(tape.string(spec, "the first argument of einsum()").split())
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    refs = [tape.ref(each) for each in operands]
    if len(inputs) != len(refs):
        tape.fail(f"einsum '{text}' names {len(inputs)} operands, found {len(refs)}")
    inputs, rest = _without_dots(tape, text, inputs, refs)
    if not arrow:
        joined = "".join(inputs)
        once = sorted(letter for letter in set(joined) - set(rest) if joined.count(letter) == 1)
        output = rest + "".join(once)
    else:
        output = output.replace("...", rest)
    for letters in (*inputs, output):
        if not all(letter in LETTERS for letter in letters):
            tape.fail(f"einsum '{text}': axes are named by single letters")
    if len(set(output)) < len(output):
        tape.fail(f"einsum '{text}': an axis stands twice after the arrow")
    return tape.contract(f"{','.join(inputs)}->{output}", *refs)


def _without_dots(
    tape: Tape, text: str, inputs: list[str], refs: list[Ref]
) -> tuple[list[str], str]:
    """The inputs with letters for `...`, and those letters, the same ones from the right."""
    free = [letter for letter in LETTERS if letter not in text]
    counts = [
        len(tape.shape(ref)) - len(letters.replace("...", "")) if "..." in letters else 0
        for letters, ref in zip(inputs, refs, strict=True)
    ]
    if min(counts, default=0) < 0:
        tape.fail(f"einsum '{text}' names more axes than an operand has", ShapeError)
    rest = "".join(free[: max(counts, default=0)])
    named = [
        letters.replace("...", rest[len(rest) - count :])
        for letters, count in zip(inputs, counts, strict=True)
    ]
    return named, rest
