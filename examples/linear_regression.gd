# Linear regression with mean squared error, and its normal equations: at the best w the
# gradient 2 X'(Xw - y)/n is zero. The Hessian 2 X'X/n does not depend on w.
#
#   graphdbg examples/linear_regression.gd n=4 d=2
#   graphdbg grad examples/linear_regression.gd --wrt w
#   graphdbg hessian examples/linear_regression.gd --wrt w

X: Real[n, d]
w: Real[d]
y: Real[n]

r = X @ w - y
E = sum(r^2) / n
