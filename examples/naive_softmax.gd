# The softmax as its definition has it. At a = [1000, 0, -1000] e^a overflows, and inf / inf is NaN;
# the library's softmax takes max(a) off first (examples/softmax_cross_entropy.gd), and does not.
#
#   graphdbg examples/naive_softmax.gd a='[1, 2, 3]' c='[0, 1, 0]'
#   graphdbg jacobian examples/naive_softmax.gd --of p --wrt a

a: Real[3]
c: OneHot[3]

e = exp(a)
p = e / sum(e)
L = -sum(c * log(p))
