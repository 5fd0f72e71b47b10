"""The tape: sizes, the closed set of primitives and functions, shapes, the immutable graph and its
builder, views for NetworkX, files. Nothing here reads a program, differentiates or evaluates.

Import `Graph` and `Node` from `graph`, `Builder` from `builder`, the primitives from `ops`, the
elementwise functions from `scalars`, dimensions from `sizes`, what fits together from `shapes`;
`limits` says how much a text may ask for; `operations` and `naming` write one step as text,
`algebra` simplifies while building, `programs` takes what is meant for a graph, a text or a file
too; `views`, `serialization` and `records` are for NetworkX and for files.
"""
