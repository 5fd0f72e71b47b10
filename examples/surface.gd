# A surface with two valleys: a deeper minimum near x = -1, a local one near x = 1, and a saddle
# between them, where the gradient is 0 and the Hessian has a negative and a positive eigenvalue.
#
#   graphdbg examples/surface.gd x=0.9 y=-0.5
#   graphdbg hessian examples/surface.gd --wrt x,y

f = (x^2 - 1)^2 + 0.3 x + y^2
