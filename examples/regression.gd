# Regression with half the squared error: E = (y - t)^2 / 2 for the output y = w x + b. The gradient
# by the output is y - t; the update w <- w - alpha dE/dw is what `graphdbg train` puts after it.
#
#   graphdbg examples/regression.gd w=2 x=3 b=-1 t=4
#   graphdbg prove examples/regression.gd "dE/dw = (y - t) x"

y = w x + b
E = (y - t)^2 / 2
