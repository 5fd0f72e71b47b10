"""Numbers: values of every node at a point, points drawn at random, values written as text.

Import `evaluate` and `Trace` from `evaluator`, `sample` from `sampling`, `parse` from
`assignments`.
"""
