# The cost of a probability h: -log h where y is 1, -log(1 - h) where it is 0, and both cases in one
# line. The gap between the two forms is 0 for y = 0 and y = 1.
#
#   graphdbg examples/cost.gd h=0.9 y=0
#   graphdbg grad examples/cost.gd --of compressed --wrt h

h: Real
y: Bool

cases = where(y == 1, -log(h), -log(1 - h))
compressed = -y * log(h) - (1 - y) * log(1 - h)
gap = cases - compressed
