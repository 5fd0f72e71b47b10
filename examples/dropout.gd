# Dropout: the mask is an input, drawn anew at each step: 1/keep with probability keep, else 0. A
# unit that is dropped gets no gradient. For evaluation the mask is 1 everywhere, its mean.
#
#   graphdbg examples/dropout.gd n=2 d=3 M='[[1.25, 0, 1.25], [1.25, 1.25, 0]]'
#   graphdbg grad examples/dropout.gd --wrt w

X: Real[n, d]
M: Real[n, d]
w: Real[d]
y: Real[n]

o = (X * M) @ w
L = sum((o - y)**2) / n
