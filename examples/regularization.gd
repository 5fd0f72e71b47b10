# The elastic net: squared error with both penalties. The L2 part pulls each weight in proportion
# to its size, the L1 part by the same amount whatever its size, so that small ones end at 0.
#
#   graphdbg examples/regularization.gd n=3 d=2 l1=0.1 l2=0.01
#   graphdbg prove examples/regularization.gd "dL/dw = 2 X.T @ (X @ w - y)/n + 2 l2 w + l1 sign(w)"

X: Real[n, d]
y: Real[n]
w: Real[d]
l1: Positive
l2: Positive

L = sum((X @ w - y)**2) / n + l2 * sum(w**2) + l1 * sum(abs(w))
