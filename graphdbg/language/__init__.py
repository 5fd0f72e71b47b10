"""The language: from a text to a tape, read by a whitelist of syntax trees, nothing executed.

Import `parse`, `expression` and `extend` from `parser`, `mlp` from `networks`.

To find where a piece of syntax is read, begin in `grammar`; where a function is, in `functions`.
"""
