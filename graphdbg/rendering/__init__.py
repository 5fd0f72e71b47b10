"""Pure functions from a graph and its numbers to something that can be shown; no input or output.

The package is not called `render`, because a submodule would shadow the public function of that
name in `graphdbg`.
"""
