"""Checking: gradients against differences, each local rule by itself, what is peculiar at a point.

Import `check` from `checker`, `Report` and its parts from `verdicts`, kinks and values that are not
finite from `findings`; who checks something else takes one rule from `local_rules`, one derivative
from `differences`. `testing` is public as `graphdbg.testing`; `require_values` from
`given_gradients` says that gradients in numbers need a whole point.
"""
