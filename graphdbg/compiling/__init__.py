"""Compiling: a graph as a plain function for repeated use, straight-line NumPy or floats.

Import `compile` from `compiler`. It chooses among the strategies for scalar, large and array graphs
that are the other modules.
"""
