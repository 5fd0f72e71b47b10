"""Files: what is read is looked at first and bounded; what is written is beside its place first.

Import `read` and `text` from `reading`, `write`, `ready` and `ready_folder` from `writing`.
"""
