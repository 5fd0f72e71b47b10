# Layer normalisation, written out: every element acts on every other through mean and variance.
#
#   graphdbg examples/layer_norm.gd x='[1, 2, 4, 8]' g='[1, 1, 1, 1]'
#   graphdbg grad examples/layer_norm.gd --wrt x

x: Real[4]
g: Real[4]
b: Real[4]
c: Real[4]

mu = mean(x)
v = mean((x - mu)^2)
xhat = (x - mu) / sqrt(v + 1e-5)
y = g * xhat + b
L = sum(c * y)
