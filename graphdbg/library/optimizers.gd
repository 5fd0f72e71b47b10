# Update rules: w is a parameter, g the gradient of the loss by it, then come the rule's memory of
# earlier gradients (0 at first), and t, the number of this step from 1. Each returns the new w and
# the new memory. Defaults are those of torch.optim; the rate lr may change from step to step.


def sgd(w, g, lr=0.01):
    """w <- w - lr g: gradient descent, on all data or on a batch."""
    return w - lr * g


def momentum(w, g, v, lr=0.01, rho=0.9):
    """v <- rho v + g; w <- w - lr v.

    Source: Polyak, Some Methods of Speeding Up the Convergence of Iteration Methods (1964).
    """
    v = rho * v + g
    return w - lr * v, v


def nesterov(w, g, v, lr=0.01, rho=0.9):
    """Momentum that looks ahead: v <- rho v + g; w <- w - lr (g + rho v).

    Source: Sutskever, Martens, Dahl, Hinton, On the Importance of Initialization and Momentum in
    Deep Learning (2013), in the form in which the gradient is taken at w.
    """
    v = rho * v + g
    return w - lr * (g + rho * v), v


def adagrad(w, g, s, lr=0.01, eps=1e-10):
    """s <- s + g^2; w <- w - lr g / (sqrt(s) + eps).

    Source: Duchi, Hazan, Singer, Adaptive Subgradient Methods (2011).
    """
    s = s + g**2
    return w - lr * g / (sqrt(s) + eps), s


def rmsprop(w, g, s, lr=0.01, beta=0.99, eps=1e-8):
    """s <- beta s + (1 - beta) g^2; w <- w - lr g / (sqrt(s) + eps).

    Source: Tieleman and Hinton, Lecture 6.5 of Neural Networks for Machine Learning (2012).
    """
    s = beta * s + (1 - beta) * g**2
    return w - lr * g / (sqrt(s) + eps), s


def adam(w, g, m, s, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
    """Means of g and g^2 that forget, freed of their bias towards 0 in the first steps.

    m <- beta1 m + (1 - beta1) g; s <- beta2 s + (1 - beta2) g^2;
    w <- w - lr m/(1 - beta1^t) / (sqrt(s/(1 - beta2^t)) + eps).
    Source: Kingma and Ba, Adam (2015), algorithm 1.
    """
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return w - lr * m_hat / (sqrt(s_hat) + eps), m, s


def adamw(w, g, m, s, t, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8, decay=0.01):
    """Adam, and apart from it w <- (1 - lr decay) w.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (2019).
    """
    w = (1 - lr * decay) * w
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    s_hat = s / (1 - beta2**t)
    return w - lr * m_hat / (sqrt(s_hat) + eps), m, s
