# An elementwise layer: its Jacobian is diagonal, 1 where z is positive and 0 elsewhere. Rows are
# outputs, columns inputs; nobody ever needs the zeros.
#
#   graphdbg examples/relu_layer.gd z='[-1, 2, 3]' c='[1, 1, 2]'
#   graphdbg jacobian examples/relu_layer.gd --of a --wrt z

z: Real[3]
c: Real[3]

a = relu(z)
L = c @ a
