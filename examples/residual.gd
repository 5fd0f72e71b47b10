# A residual branch: h is used twice, so its gradient is a sum of two contributions.
# The direct road carries the upstream gradient unchanged, however small the weights are.
#
#   graphdbg examples/residual.gd
#   graphdbg grad examples/residual.gd --wrt x

x: Real[4]
W: Real[4, 4]
t: Real[4]

h = tanh(x)
y = h + relu(W @ h)
E = sum((y - t)^2) / 2
