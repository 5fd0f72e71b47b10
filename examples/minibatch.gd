# A minibatch: m rows of the data, picked by their numbers. Its average loss is an estimate of the
# loss on all rows, and its gradient one of the whole gradient: right on average, noisier for small m.
#
#   graphdbg examples/minibatch.gd N=6 d=2 m=2 batch='[4, 1]'
#   graphdbg grad examples/minibatch.gd --wrt w

X: Real[N, d]
y: Real[N]
batch: Label[m]
w: Real[d]

r = X[batch] @ w - y[batch]
J = sum(r**2) / (2 * m)
