"""Exact algebra: a node's entry in index notation, its normal form, the way in and out of a graph.

Import `Poly` and `TooLarge` from `terms`, what a reader is shown from `display`, a graph's entries
from `lowering` and the way back from `rebuild`, what is known of nodes from `facts`; proofs take
the arithmetic from `normal` and every entry at fixed sizes from `entrywise`.
"""
