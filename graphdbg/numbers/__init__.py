"""Numbers: values of every node at a point, points drawn at random, values as they are typed.

Import `evaluate` and `Trace` from `evaluator`, `sample` from `sampling`, `read_assignments` and
`read_file` from `assignments`; `work` knows what an evaluation costs before it is begun.
"""
