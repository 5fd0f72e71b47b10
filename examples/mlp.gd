# A small network in one line: mlp declares its own parameters, called o.W1, o.b1, o.W2, ...
#
#   graphdbg examples/mlp.gd
#   graphdbg grad examples/mlp.gd --wrt o.W1 --form chain

x: Real[2]
t: Real[1]

o = mlp(x, [4, 1], activation=tanh)
L = sum((o - t)^2)
