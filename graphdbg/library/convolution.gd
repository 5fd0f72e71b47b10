# Convolution: every window of the signal, times the kernel.


def windows(x, width, stride=1):
    """All windows of the last axis, as rows: w_ij = x_(stride*i + j), one axis more than x."""
    count = (x.shape[-1] - width) // stride + 1
    starts = stride * expand_dims(arange(count), 1)
    places = starts + arange(width)
    return x[..., places]


def pad_ends(x, before, after):
    """x with zeros before and after, along its last axis."""
    lead = x.shape[:-1]
    return concatenate([zeros((*lead, before)), x, zeros((*lead, after))], axis=-1)


def convolve(x, w, mode="full"):
    """y_k = sum_j w_j x_(k-j), as np.convolve: every overlap ("full"), complete overlaps only
    ("valid"), or the middle as long as x ("same"); w is not longer than x."""
    assert x.ndim == 1 and w.ndim == 1, "convolve takes two vectors; conv1d takes batches"
    assert mode == "full" or mode == "valid" or mode == "same", "mode is 'full', 'valid' or 'same'"
    flipped = w[::-1]
    edge = w.size - 1
    if mode == "full":
        return windows(pad_ends(x, edge, edge), w.size) @ flipped
    if mode == "same":
        return windows(pad_ends(x, edge - edge // 2, edge // 2), w.size) @ flipped
    return windows(x, w.size) @ flipped


def conv1d(x, w, b=None, stride=1, padding=0):
    """y_i = sum_j w_j x_(i+j) + b: cross-correlation, which networks call convolution.

    Vectors x (length) and w (width), or as in torch: x (..., channels, length) and
    w (out, channels, width) give (..., out, length). Source: Goodfellow et al. (2016), eq. 9.6.
    """
    padded = x if padding == 0 else pad_ends(x, padding, padding)
    rows = windows(padded, w.shape[-1], stride)
    if w.ndim == 1:
        y = rows @ w
    else:
        y = einsum("...clk,ock->...ol", rows, w)
    if b is None:
        return y
    return y + b if w.ndim == 1 else y + expand_dims(b, -1)
