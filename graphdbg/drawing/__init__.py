"""Drawing: circuits through Graphviz, as on a lecture's slides, at one moment or at many.

Import `Studio` and `Options` from `pictures`, one image a step from `films`, which nodes are shown
from `circuits`, what stands on the wires from `scenes`.

`dot` writes both, `engines` runs Graphviz, `layouts` keeps where things are, so that moments differ
in nothing else.
"""
