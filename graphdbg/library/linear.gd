# Linear algebra over the primitive inverse, determinant and einsum.


def solve(A, b):
    """x with A x = b, as inv(A) @ b; b is a vector or a matrix of columns."""
    return inv(A) @ b


def slogdet(A):
    """(sign, log |det A|), as NumPy returns them; the sign carries no gradient."""
    return sign(det(A)), logdet(A)


def kron(A, B):
    """The Kronecker product: block (i, j) is A_ij B."""
    assert A.ndim == 2 and B.ndim == 2, "kron takes two matrices"
    blocks = einsum("ij,kl->ikjl", A, B)
    return reshape(blocks, (A.shape[0] * B.shape[0], A.shape[1] * B.shape[1]))


def tril(A):
    """The lower triangle of a matrix, 0 above the diagonal."""
    rows = expand_dims(arange(A.shape[-2]), 1)
    columns = expand_dims(arange(A.shape[-1]), 0)
    return A * (columns <= rows)


def triu(A):
    """The upper triangle of a matrix, 0 below the diagonal."""
    rows = expand_dims(arange(A.shape[-2]), 1)
    columns = expand_dims(arange(A.shape[-1]), 0)
    return A * (columns >= rows)


def cosine_similarity(x, y):
    """x . y / (|x| |y|) along the last axis: the cosine of the angle between x and y."""
    return sum(x * y, axis=-1) / (norm(x, axis=-1) * norm(y, axis=-1))
