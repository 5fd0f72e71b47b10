"""Circuit diagrams through Graphviz: what is drawn, how it is written as DOT, who renders it.

`circuits` chooses the nodes, `scenes` says what stands on the wires at one moment, `dot` writes
both, `engines` runs Graphviz, `layouts` keeps where things are so that moments differ in nothing
else, `films` makes one image a step.
"""
