"""Files: what is written is beside its place first, and moved there when it is whole.

Import `write`, `ready`, `ready_folder` and `make_folder` from `writing`.
"""
