"""Typesetting: index notation as matrix notation, and that as Unicode, LaTeX, MathML, NumPy, SymPy.

Import `matrices` for a tree from index notation, `typeset` for its text, `Names` from `leaves`, the
trees themselves from `trees`; `latex_notation`, `unicode_notation` and `mathml` are for who writes
pieces of mathematics that are no formula of a graph, `symbols` for SymPy.
"""
