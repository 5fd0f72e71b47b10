# A network as a composition: h1 = f1(x, w1), h2 = f2(h1, w2), e = l(h2, y). The gradient by w1 is
# the product along the way: de/dw1 = de/dh2 dh2/dh1 dh1/dw1, upstream times local at each node.
#
#   graphdbg examples/composition.gd x=2 w1=0.5 w2=-1 y=1
#   graphdbg grad examples/composition.gd --wrt w1,w2 --form chain

h1 = w1 x
h2 = w2 h1
e = (y - h2)^2
