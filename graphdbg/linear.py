"""Products of vectors and matrices by NumPy's rules, and products as paper writes them."""

from __future__ import annotations

from . import shapes
from .errors import ShapeError, SourceError
from .sizes import Shape, to_text
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
