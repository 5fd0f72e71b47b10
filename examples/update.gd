# A step of gradient descent written out: the gradients by hand, dW = X'(P - Y)/n and db, and the
# update W <- W - alpha dW, b <- b - alpha db. The tape's own gradients prove the hand right.
#
#   graphdbg examples/update.gd n=3 d=2 k=2 alpha=0.1
#   graphdbg prove examples/update.gd "dL/dW = dW"
#   graphdbg prove examples/update.gd "dL/db = db"

X: Real[n, d]
Y: OneHot[n, k]
W: Real[d, k]
b: Real[k]
alpha: Positive

P = softmax(X @ W + b)
L = -sum(Y * log(P)) / n

dW = X.T @ (P - Y) / n
db = sum(P - Y, axis=0) / n
W_next = W - alpha * dW
b_next = b - alpha * db
