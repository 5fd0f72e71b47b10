# Softmax regression on Fisher's irises: four measurements, three species, weights kept small by an
# L2 penalty, which makes the loss strictly convex: every optimizer ends at the same place.
#
#   graphdbg examples/iris.gd n=3
#   graphdbg grad examples/iris.gd --wrt W,b
#   graphdbg train examples/iris.gd --data examples/data/iris.csv --optimizer adam --lr 0.1 --epochs 300

X: Real[n, 4]
y: Label[n]
W: Real[4, 3]
b: Real[3]

L = mean(softmax_cross_entropy(X @ W + b, y)) + 0.01 * sum(W**2)
