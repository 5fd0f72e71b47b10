"""Rendering: pure functions from a graph and its numbers to text; no input or output.

Import `page` for all that a command answers, of the rows in `report` and the JSON in `schema`,
`equations` for one formula, `picture` and `cards` for a circuit of characters, `folding` for which
calls are closed, `numbers` for values as text.
"""
