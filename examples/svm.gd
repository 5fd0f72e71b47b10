# The multiclass support vector machine of the lecture: mean hinge loss with margin 1, and L2
# regularisation. t holds the label of each sample; the right class itself costs nothing.
#
#   graphdbg examples/svm.gd n=2 d=3 k=3
#   graphdbg check examples/svm.gd

X: Real[n, d]
W: Real[d, k]
Y: OneHot[n, k]
lam: Positive

S = X @ W
right = sum(S * Y, axis=1, keepdims=True)
margins = max(0, S - right + 1) * (1 - Y)
L = sum(margins) / n + lam * sum(W^2)
