# One against all: k binary classifiers side by side, each of which tells its own class from the
# rest. Their losses add up, so no gradient of one classifier touches another.
#
#   graphdbg examples/one_vs_all.gd n=3 d=2 k=3
#   graphdbg grad examples/one_vs_all.gd --wrt W
#   graphdbg prove examples/one_vs_all.gd "dL/dW = X.T @ (P - Y) / n"

X: Real[n, d]
Y: OneHot[n, k]
W: Real[d, k]

P = sigmoid(X @ W)
L = -sum(Y * log(P) + (1 - Y) * log(1 - P)) / n
