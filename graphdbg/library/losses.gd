# Losses. One example gives a number; a batch (examples along the leading axes) gives the mean.
# Labels y are class numbers (one axis less than the scores), or one-hot rows / probabilities.


def one_hot(y, num_classes):
    """Rows of zeros with a 1 at position y: row y of the identity matrix."""
    return expand_dims(arange(num_classes)[y], -1) == arange(num_classes)


def pick(scores, y):
    """The entry of the last axis that label y names, or sum_j y_j s_j for one-hot rows y."""
    if y.ndim == scores.ndim:
        return sum(y * scores, axis=-1)
    assert y.ndim == scores.ndim - 1, "y holds a class number per example, or a one-hot row"
    if y.ndim == 0:
        return scores[y]
    rows = arange(y.shape[0])
    if y.ndim == 1:
        return scores[rows, y]
    if y.ndim == 2:
        return scores[expand_dims(rows, 1), arange(y.shape[1]), y]
    return sum(one_hot(y, scores.shape[-1]) * scores, axis=-1)


def nll_loss(log_p, y):
    """-log p_y, the negative log-likelihood of label y; takes log-probabilities."""
    return -mean(pick(log_p, y))


def cross_entropy(p, y):
    """H(y, p) = -sum_j y_j log p_j; takes probabilities, not scores.

    Its gradient at the scores of p = softmax(o) is p - y (where sum y = 1).
    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.108.
    """
    return nll_loss(log_probability(p), y)


def softmax_cross_entropy(o, y):
    """cross_entropy(softmax(o), y) of scores o in one stroke; torch's F.cross_entropy."""
    return nll_loss(log_softmax(o), y)


def log_probability(p):
    """log p, also where p = softmax(o) is so small that it has underflowed to 0.

    There log 0 is -inf, and its gradient 1/0 meets a 0 from softmax: inf * 0 = NaN. Instead
    log_softmax(o) takes over, the same function of o by a road without p. It is rarely needed:
    e^-690 is about the smallest number whose inverse is finite.
    """
    o = scores_behind(p, "softmax")
    if o is None:
        return log(p)
    exact = log_softmax(o)
    return guarded_log(p, exact, guard(exact, -690))


def guarded_log(p, exact, fits):
    """log p where it `fits`, else `exact`, which is the same number by another road.

    The inner `where` keeps the logarithm from a p that has underflowed: even in the branch that is
    not taken, its gradient 1/0 would spoil the sum.
    """
    return where(fits, log(where(fits, p, 1)), exact)


def binary_cross_entropy(p, y):
    """-(y log p + (1 - y) log(1 - p)); takes probabilities, not scores.

    Of p = sigmoid(z) with |z| > 15, 1 - p has lost half its digits, and soon all of them: there
    the logarithms are taken from z.
    Source: Bishop, Pattern Recognition and Machine Learning (2006), eq. 4.90.
    """
    z = scores_behind(p, "sigmoid")
    if z is None:
        return -mean(y * log(p) + (1 - y) * log(1 - p))
    log_p = guarded_log(p, logsigmoid(z), guard(15, abs(z)))
    log_q = guarded_log(1 - p, logsigmoid(-z), guard(15, abs(z)))
    return -mean(y * log_p + (1 - y) * log_q)


def binary_cross_entropy_with_logits(z, y):
    """binary_cross_entropy(sigmoid(z), y) = log(1 + e^z) - y z; its gradient is sigmoid(z) - y.

    For |z| > 15 it is summed so that nothing cancels: at z = 40 and y = 1 the loss is e^-40, not
    40 - 40.
    """
    apart = y * softplus(-z) + (1 - y) * softplus(z)
    return mean(where(guard(15, abs(z)), softplus(z) - y * z, apart))


def mse(p, y):
    """The mean of (p - y)^2 over all entries."""
    return mean((p - y) ** 2)


def mse_loss(p, y):
    """The mean of (p - y)^2, as torch calls it."""
    return mse(p, y)


def l1_loss(p, y):
    """The mean of |p - y|."""
    return mean(abs(p - y))


def huber(p, y, delta=1):
    """d^2/2 for |d| <= delta, else delta (|d| - delta/2), with d = p - y; the mean.

    Source: Huber, Robust Estimation of a Location Parameter (1964).
    """
    difference = p - y
    distance = abs(difference)
    small = 0.5 * difference**2
    large = delta * (distance - 0.5 * delta)
    return mean(where(distance <= delta, small, large))


def hinge(s, y):
    """max(0, 1 - y s) for labels y of -1 and 1; the mean.

    Source: Cortes and Vapnik, Support-Vector Networks (1995).
    """
    return mean(relu(1 - y * s))


def multiclass_hinge(s, y):
    """sum_(j != y) max(0, s_j - s_y + 1) for class numbers y; the mean.

    Source: Weston and Watkins, Multi-class Support Vector Machines (1999).
    """
    wrong = 1 - one_hot(y, s.shape[-1])
    margin = s - expand_dims(pick(s, y), -1) + 1
    return mean(sum(wrong * relu(margin), axis=-1))


def kl_div(p, q):
    """sum_j p_j log(p_j / q_j), where 0 log 0 = 0: how far q is from p.

    Source: Kullback and Leibler, On Information and Sufficiency (1951).
    """
    log_p = log(where(guard(p, 0), p, 1))
    log_q = log_probability(q)
    return mean(sum(p * (log_p - log_q), axis=-1))


def l1_penalty(w):
    """The penalty sum |w|."""
    return sum(abs(w))


def l2_penalty(w):
    """The penalty sum w^2 (weight decay)."""
    return sum(w**2)


def elastic_net(w, alpha=1, l1_ratio=0.5):
    """alpha (r |w|_1 + (1 - r)/2 |w|_2^2), with r = l1_ratio, as scikit-learn has it.

    Source: Zou and Hastie, Regularization and Variable Selection via the Elastic Net (2005).
    """
    return alpha * (l1_ratio * l1_penalty(w) + 0.5 * (1 - l1_ratio) * l2_penalty(w))
