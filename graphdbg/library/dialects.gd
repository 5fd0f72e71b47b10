# Names that other libraries give other arguments or another meaning: `torch.var(x)` is read as
# `torch_var(x)`, where there is such a function here, and `jax.nn.gelu(x)` as `jax_gelu(x)`.


def torch_cross_entropy(input, target):
    """F.cross_entropy: takes scores, not probabilities."""
    assert input.ndim <= 2, "F.cross_entropy is read for (classes) or (batch, classes) only"
    return softmax_cross_entropy(input, target)


def torch_kl_div(input, target):
    """F.kl_div: takes log-probabilities q and probabilities p; the mean over all entries."""
    return mean(target * (log(target) - input))


def torch_huber_loss(input, target, delta=1):
    """F.huber_loss."""
    return huber(input, target, delta)


def torch_smooth_l1_loss(input, target, beta=1):
    """F.smooth_l1_loss: huber divided by beta."""
    return huber(input, target, beta) / beta


def torch_var(x, axis=None, unbiased=True, keepdims=False, correction=1):
    """torch.var: divides by count - 1, unlike NumPy's."""
    return var(x, axis=axis, ddof=correction if unbiased else 0, keepdims=keepdims)


def torch_std(x, axis=None, unbiased=True, keepdims=False, correction=1):
    """torch.std: divides by count - 1, unlike NumPy's."""
    return sqrt(torch_var(x, axis, unbiased, keepdims, correction))


def torch_norm(x, p=2, axis=None, keepdims=False):
    """torch.norm: of all entries, whatever the shape, unless `axis` says along which."""
    assert p == 1 or p == 2 or p == "fro", "p is 1 or 2"
    if p == 1:
        return sum(abs(x), axis=axis, keepdims=keepdims)
    return norm(x, axis=axis, keepdims=keepdims)


def torch_gelu(x, approximate="none"):
    """F.gelu: exact, or by tanh when told so."""
    assert approximate == "none" or approximate == "tanh", "approximate is 'none' or 'tanh'"
    return gelu_tanh(x) if approximate == "tanh" else gelu(x)


def jax_gelu(x, approximate=True):
    """jax.nn.gelu: by tanh, unless told otherwise."""
    return gelu_tanh(x) if approximate else gelu(x)


def torch_layer_norm(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    """F.layer_norm over the last axis."""
    last = x.shape[-1]
    over_last = normalized_shape == last or normalized_shape == (last,)
    assert over_last, "layer_norm works on the last axis: normalized_shape is (its size,)"
    return layer_norm(x, weight, bias, eps)


def torch_batch_norm(x, running_mean, running_var):
    """Refused: F.batch_norm takes running statistics."""
    assert False, "write batch_norm(x, gamma, beta), which takes the statistics of the batch"


def torch_dropout(x, p=0.5, training=True):
    """Refused: F.dropout is random."""
    assert False, "a random mask is no function of x: write dropout(x, mask, p) with a given mask"


def torch_scaled_dot_product_attention(query, key, value, attn_mask=None):
    """F.scaled_dot_product_attention."""
    return attention(query, key, value, attn_mask)
