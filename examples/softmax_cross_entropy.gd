# Softmax and cross-entropy: the gradient at the scores is p - y, because y sums to 1.
#
#   graphdbg examples/softmax_cross_entropy.gd o='[2, 1, -1]' y='[0, 1, 0]'
#   graphdbg jacobian examples/softmax_cross_entropy.gd --of p --wrt o
#   graphdbg prove examples/softmax_cross_entropy.gd "dL/do = p - y"

o: Real[3]
y: OneHot[3]

p = softmax(o)
L = -sum(y * log(p))
