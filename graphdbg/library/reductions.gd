# Averages and norms, with NumPy's names and arguments.


def mean(x, axis=None, keepdims=False):
    """The sum of x along `axis`, divided by how many numbers were summed."""
    total = sum(x, axis=axis, keepdims=keepdims)
    count = x.size // total.size
    return total / count


def var(x, axis=None, ddof=0, keepdims=False):
    """The mean squared distance from the mean; ddof=1 divides by count - 1."""
    middle = mean(x, axis=axis, keepdims=True)
    total = sum((x - middle) ** 2, axis=axis, keepdims=keepdims)
    count = x.size // total.size
    return total / (count - ddof)


def std(x, axis=None, ddof=0, keepdims=False):
    """The square root of the variance; it has no gradient where all numbers are equal."""
    return sqrt(var(x, axis=axis, ddof=ddof, keepdims=keepdims))


def norm(x, ord=None, axis=None, keepdims=False):
    """sqrt(sum x_i^2): the length of a vector, the Frobenius norm of a matrix; ord=1: sum |x_i|.

    It has no gradient at x = 0: there the rules give 0 * inf = NaN.
    """
    whole = x.ndim > 1 and axis is None
    assert not whole or ord is None, "a matrix has the Frobenius norm only: leave `ord` out"
    assert ord is None or ord == 1 or ord == 2, "ord is 1 or 2"
    if ord == 1:
        return sum(abs(x), axis=axis, keepdims=keepdims)
    return sqrt(sum(x**2, axis=axis, keepdims=keepdims))


def cumsum(x):
    """y_i = x_0 + ... + x_i of a vector, as a product with a triangle of ones."""
    assert x.ndim == 1, "cumsum takes a vector"
    return tril(ones((x.size, x.size))) @ x
