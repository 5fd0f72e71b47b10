# Learning rates as formulas of t, the number of the step from 1. They begin at lr ("start large and
# decay"), but for the warm-up.


def constant(t, lr):
    """lr at every step."""
    return lr


def step_decay(t, lr, every=100, factor=0.5):
    """lr times factor after each `every` steps."""
    return lr * factor ** floor((t - 1) / every)


def exponential_decay(t, lr, rate=0.01):
    """lr e^(-rate (t - 1))."""
    return lr * exp(-rate * (t - 1))


def inverse_decay(t, lr, rate=0.01):
    """lr / (1 + rate (t - 1)): the 1/t schedule of stochastic approximation.

    Source: Robbins and Monro, A Stochastic Approximation Method (1951).
    """
    return lr / (1 + rate * (t - 1))


def cosine_decay(t, lr, total=1000, least=0):
    """From lr to `least` in `total` steps along half a cosine, and `least` from there on.

    Source: Loshchilov and Hutter, SGDR (2017), eq. 5, without restarts.
    """
    share = minimum((t - 1) / total, 1)
    return least + (lr - least) * (1 + cos(pi * share)) / 2


def warm_up(t, lr, steps=100):
    """lr in equal rises over the first `steps` steps, then constant."""
    return lr * minimum(t / steps, 1)
