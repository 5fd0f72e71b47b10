"""The tape: sizes, the closed set of primitives and functions, shapes, the immutable graph and its
builder, views for NetworkX, files.

Import `Graph` and `Node` from `graph`, `Builder` from `builder`, the primitives from `ops`. Nothing
here reads a text, differentiates or evaluates.
"""
