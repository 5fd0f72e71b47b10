# Softmax and its kin: they work on the last axis unless told otherwise.


def softmax(x, axis=-1):
    """p_i = e^x_i / sum_j e^x_j along `axis`.

    The shift by the maximum cancels in the quotient; without it e^1000 overflows.
    Source: Goodfellow, Bengio, Courville, Deep Learning (2016), section 4.1.
    """
    shifted = x - stop_gradient(max(x, axis=axis, keepdims=True))
    e = exp(shifted)
    total = sum(e, axis=axis, keepdims=True)
    return e / total


def log_softmax(x, axis=-1):
    """log p_i = x_i - log sum_j e^x_j along `axis`; finite where p itself underflows to 0."""
    shifted = x - stop_gradient(max(x, axis=axis, keepdims=True))
    e = exp(shifted)
    total = sum(e, axis=axis, keepdims=True)
    return shifted - log(total)


def logsumexp(x, axis=-1, keepdims=False):
    """log sum_j e^x_j along `axis`: a smooth maximum, whose gradient is softmax(x).

    An infinite maximum is not taken off: inf - inf is no number, while log(0) = -inf is right.
    Source: Boyd and Vandenberghe, Convex Optimization (2004), section 3.1.5.
    """
    largest = stop_gradient(max(x, axis=axis, keepdims=True))
    top = where(guard(inf, abs(largest)), largest, 0)
    e = exp(x - top)
    total = sum(e, axis=axis, keepdims=True)
    result = log(total) + top
    return result if keepdims else squeeze(result, axis=axis)


def logaddexp(a, b):
    """log(e^a + e^b), elementwise, without overflow: the larger of the two is taken out of the sum.

    Of two equal infinities, whose difference is no number, the sum is that infinity.
    """
    below = b + softplus(where(guard(abs(a - b), -1), a - b, 0))
    above = a + softplus(where(guard(abs(a - b), -1), b - a, 0))
    return where(guard(abs(a - b), -1), where(guard(b, a), below, above), a + b)
