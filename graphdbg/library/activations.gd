# Activation functions beyond the primitive ones (relu, sigmoid, tanh, softplus, erf).


def leaky_relu(x, negative_slope=0.01):
    """x for x > 0, else a small slope times x.

    Source: Maas, Hannun, Ng, Rectifier Nonlinearities (2013).
    """
    return where(x > 0, x, negative_slope * x)


def elu(x, alpha=1):
    """x for x > 0, else alpha (e^x - 1).

    The guard keeps large numbers from the exponential: e^1000, even in the branch that is not
    taken, would spoil the gradient as 0 * inf; NaN goes through the minimum.
    Source: Clevert, Unterthiner, Hochreiter (2016).
    """
    below = alpha * expm1(where(guard(1, x), x, minimum(x, 1)))
    return where(x > 0, x, below)


def selu(x):
    """1.0507 elu(x, 1.6733), whose constants keep mean 0 and variance 1 from layer to layer.

    Source: Klambauer, Unterthiner, Mayr, Hochreiter, Self-Normalizing Neural Networks (2017).
    """
    return 1.0507009873554805 * elu(x, 1.6732632423543772)


def gelu(x):
    """x Phi(x), Phi the distribution function of the normal distribution (exact, by erf).

    Source: Hendrycks and Gimpel, Gaussian Error Linear Units (2016).
    """
    phi = 0.5 * (1 + erf(x / sqrt(2)))
    return x * phi


def gelu_tanh(x):
    """x Phi(x) with Phi approximated by tanh, as GPT-2 has it. Source: as for gelu."""
    inner = sqrt(2 / pi) * (x + 0.044715 * x**3)
    return 0.5 * x * (1 + tanh(inner))


def silu(x):
    """x sigmoid(x). Source: Elfwing, Uchibe, Doya (2018)."""
    return x * sigmoid(x)


def swish(x, beta=1):
    """x sigmoid(beta x). Source: Ramachandran, Zoph, Le, Searching for Activations (2017)."""
    return x * sigmoid(beta * x)


def mish(x):
    """x tanh(softplus(x)). Source: Misra, Mish (2019)."""
    return x * tanh(softplus(x))


def relu6(x):
    """min(max(x, 0), 6). Source: Howard et al., MobileNets (2017)."""
    return minimum(relu(x), 6)


def softsign(x):
    """x / (1 + |x|).

    Beyond 1 the same number as sign(x) (1 - 1/(1 + |x|)): the rules for the quotient would take
    two numbers from each other there that agree in ever more digits.
    """
    return where(guard(1, abs(x)), x / (1 + abs(x)), sign(x) * (1 - 1 / (1 + abs(x))))
