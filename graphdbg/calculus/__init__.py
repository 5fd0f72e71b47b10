"""Calculus on the tape: gradients, Jacobians and batches, each a graph again.

Import `grad` and `accumulate` from `gradients`, `jacobian_graph` and `hessian_graph` from
`jacobians`, `batch` from `batching`.
"""
