"""The terminal app in a browser: who is let in, one process for each page, and the page itself.

Import `bound` and `run` from `server`.
"""
