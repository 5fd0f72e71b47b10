# A sigmoid neuron with two inputs, step by step, as on the circuit diagrams of CS231n.
# Watch how the five small steps after z have the one local gradient s(1 - s) together.
#
#   graphdbg examples/neuron.gd w0=2 x0=-1 w1=-3 x1=-2 w2=-3
#   graphdbg prove examples/neuron.gd "ds/dz = s (1 - s)"

z = w0 x0 + w1 x1 + w2
s = 1 / (1 + exp(-z))
