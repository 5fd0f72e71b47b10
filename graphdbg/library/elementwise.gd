# Elementwise functions that are a short formula over the primitive ones.


def clip(x, min=None, max=None):
    """x kept between `min` and `max`; outside, the gradient is 0."""
    lower = x if min is None else maximum(x, min)
    return lower if max is None else minimum(lower, max)


def clamp(x, min=None, max=None):
    """x kept between `min` and `max`, as torch calls it."""
    return clip(x, min, max)


def square(x):
    """x^2."""
    return x**2


def reciprocal(x):
    """1 / x."""
    return 1 / x


def log2(x):
    """The logarithm to base 2."""
    return log(x) / log(2)


def log10(x):
    """The logarithm to base 10."""
    return log(x) / log(10)
