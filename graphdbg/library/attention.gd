# Attention.


def attention(Q, K, V, mask=None):
    """softmax(Q K^T / sqrt(d)) V; `mask` is 1 where a query may look at a key.

    A masked score becomes -1e30, whose exponential is 0; -inf would make NaN of a row in which
    everything is masked. Source: Vaswani et al., Attention Is All You Need (2017), eq. 1.
    """
    scores = Q @ swapaxes(K, -1, -2) / sqrt(Q.shape[-1])
    allowed = scores if mask is None else where(mask, scores, -1e30)
    weights = softmax(allowed)
    return weights @ V


def causal_mask(n):
    """An n x n mask: each position sees itself and what came before."""
    return tril(ones((n, n)))
