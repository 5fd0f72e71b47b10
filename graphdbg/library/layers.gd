# Layers. Examples stand along the leading axes, features along the last one.


def linear(x, W, b=None):
    """x W^T + b, W of shape (out, in) as in torch."""
    z = x @ W.T
    return z if b is None else z + b


def dense(x, W, b=None):
    """x W + b, W of shape (in, out) as in Keras."""
    z = x @ W
    return z if b is None else z + b


def mlp(x, sizes, activation=tanh):
    """A network of dense layers of these sizes, `activation` between them; W1, b1, W2, ... are
    its own parameters. Takes a vector or a batch."""
    h = x
    for i in range(len(sizes)):
        W = parameter(f"W{i + 1}", (h.shape[-1], sizes[i]))
        b = parameter(f"b{i + 1}", (sizes[i],))
        z = h @ W + b
        h = activation(z) if i + 1 < len(sizes) else z
    return h


def layer_norm(x, gamma=None, beta=None, eps=1e-5):
    """gamma (x - mean) / sqrt(var + eps) + beta, over the features of each example.

    Source: Ba, Kiros, Hinton, Layer Normalization (2016).
    """
    middle = mean(x, axis=-1, keepdims=True)
    spread = sqrt(mean((x - middle) ** 2, axis=-1, keepdims=True) + eps)
    normal = (x - middle) / spread
    scaled = normal if gamma is None else gamma * normal
    return scaled if beta is None else scaled + beta


def batch_norm(x, gamma=None, beta=None, eps=1e-5, axis=0):
    """gamma (x - mean) / sqrt(var + eps) + beta, over the batch (training statistics).

    Source: Ioffe and Szegedy, Batch Normalization (2015).
    """
    middle = mean(x, axis=axis, keepdims=True)
    spread = sqrt(mean((x - middle) ** 2, axis=axis, keepdims=True) + eps)
    normal = (x - middle) / spread
    scaled = normal if gamma is None else gamma * normal
    return scaled if beta is None else scaled + beta


def rms_norm(x, gamma=None, eps=1e-6):
    """gamma x / sqrt(mean x^2 + eps), over the features of each example.

    Source: Zhang and Sennrich, Root Mean Square Layer Normalization (2019).
    """
    length = sqrt(mean(x**2, axis=-1, keepdims=True) + eps)
    normal = x / length
    return normal if gamma is None else gamma * normal


def dropout(x, mask, p=0.5):
    """mask x / (1 - p): `mask` is 1 where a unit is kept, 0 where it was dropped at rate p.

    Source: Srivastava et al., Dropout (2014).
    """
    return mask * x / (1 - p)
