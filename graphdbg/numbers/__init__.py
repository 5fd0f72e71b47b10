"""Numbers: values of every node at a point, points drawn at random, values as they are typed.

Import `evaluate` and `Trace` from `evaluator`, `sample` from `sampling`, `read_assignments` and
`read_file` from `assignments`; `work` knows what an evaluation costs before it is begun. Values
with the bounds of their errors, `measure`, `measure_exactly` and the `Outline` of what they
measure, come from `measuring`, numbers of many digits from `precision`, what is known of constants
from `rounding`, and points that look everywhere, `Places`, from `places`.
"""
