"""Files: what is read is looked at first and bounded; what is written is beside its place first.

Import `read` and `text_of` from `reading`, `arrays` and `bound_of` from `arrays`, `write` and
`ready` from `writing`.
"""
