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

    Source: Boyd and Vandenberghe, Convex Optimization (2004), section 3.1.5.
    """
    top = stop_gradient(max(x, axis=axis, keepdims=True))
    e = exp(x - top)
    total = sum(e, axis=axis, keepdims=True)
    result = log(total) + top
    return result if keepdims else squeeze(result, axis=axis)


def logaddexp(a, b):
    """log(e^a + e^b), elementwise, without overflow: e^b is taken out of the sum."""
    return b + softplus(a - b)
