# Logistic regression: a sigmoid and the two-case cross-entropy in one formula.
# The gradient is X'(p - t), the Hessian X'DX with D = diag(p (1 - p)): never negative, so convex.
#
#   graphdbg examples/logistic_regression.gd n=4 d=2
#   graphdbg grad examples/logistic_regression.gd --wrt w
#   graphdbg hessian examples/logistic_regression.gd --wrt w

X: Real[n, d]
w: Real[d]
t: Bool[n]

a = X @ w
p = sigmoid(a)
L = sum(softplus(a) - t * a)
